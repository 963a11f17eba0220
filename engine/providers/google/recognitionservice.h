// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googleheader.h"
#include "engine/providers/google/recognitionbuild.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>

#include <functional>
#include <memory>

// All that the engine and the module with gRPC share. The build's identity is a digest of this header, of those of
// Kav's that it includes, and of how both are compiled: CMakeLists.txt lists them.
namespace kav::providers {

/// One result of a recognition under way.
struct RecognitionPiece final {
    QString text;
    double confidence = 0; ///< of a final one
    double stability = 0; ///< of one that is not
    bool isFinal = false;
    Milliseconds end{0}; ///< of the audio it covers, from the stream's start; 0: not said
};

struct RecognitionConfig final {
    QString language;
    QString model;
    QStringList hints;
};

/// What a stream tells; called on the service's own thread, so they may only post. Nothing follows ended().
struct RecognitionEvents final {
    std::function<void()> started; ///< Google's side has the stream
    std::function<void(const QList<RecognitionPiece>&)> heard;
    std::function<void(const Result<void>&)> ended;
};

/// One gRPC stream: StreamingRecognize, mu-law at 8 kHz, interim results. Any thread; never blocks.
class RecognitionStream {
public:
    virtual ~RecognitionStream() = default;
    /// False: so much waits to be sent that Google does not take it any more.
    virtual bool write(const QByteArray& mulaw) = 0;
    /// No more audio: the last results and ended() follow.
    virtual void finish() = 0;
    /// ended() follows.
    virtual void cancel() = 0;
    /// cancel(), because no answer came: later streams do not use its connection.
    virtual void giveUp() = 0;
};

/// The gRPC side of Google Cloud Speech v1: channels that all streams share (an HTTP/2 connection of Google's carries a
/// hundred), and one thread on which their events come. Made on a maker's thread, then any thread. Its destructor
/// cancels what is still open, which needs no network, and ends the thread.
class RecognitionService {
public:
    RecognitionService() = default;
    virtual ~RecognitionService() = default;
    Q_DISABLE_COPY_MOVE(RecognitionService)

    virtual std::shared_ptr<RecognitionStream> start(
        const GoogleHeader& header, const RecognitionConfig& config, RecognitionEvents events) = 0;
    /// Opens the connections that are not open.
    virtual void connectAhead() = 0;
    virtual QString host() const = 0;
};

/// What the module is, once loaded. Any thread.
class RecognitionModule {
public:
    virtual ~RecognitionModule() = default;
    /// `endpoint`: see GoogleSettings. Opens no connection yet.
    virtual Result<std::shared_ptr<RecognitionService>> create(const QString& endpoint) const = 0;
};

} // namespace kav::providers

Q_DECLARE_INTERFACE(kav::providers::RecognitionModule, KAV_RECOGNITION_IID)
