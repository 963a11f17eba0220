// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "engine/media/wav.h"

#include <QObject>
#include <QThread>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace kav::session {

/// Keeps callers' recorded messages as WAV files, readable by their owner only. Disks stall and media workers must not:
/// the files live on a thread of the store's own, and audio reaches it in pieces of half a second. A message is on disk
/// as it is spoken, so a crash keeps what was said. Owned by the composition root; the methods may be called from any
/// thread.
class MessageStore final : public QObject {
    Q_OBJECT
public:
    explicit MessageStore(const QString& directory);
    ~MessageStore() override; ///< writes everything out and joins the thread

    /// `ref` names the file inside the directory; it is made of ids only.
    void begin(const QString& ref);
    void append(const QString& ref, std::vector<qint16> samples);
    void finish(const QString& ref);
    /// Removes an unfinished message.
    void discard(const QString& ref);

Q_SIGNALS:
    /// From the store's thread: a message could not be kept.
    void failed(const QString& ref, const kav::Error& error);

private:
    void post(std::function<void()> work);
    void fail(const QString& ref, const Error& error);

    const QString m_directory;
    QThread m_thread;
    std::unique_ptr<QObject> m_anchor; // lives on the thread
    std::map<QString, std::unique_ptr<media::WavWriter>> m_open; // store's thread only
};

/// One message on its way to the store, gathered frame by frame. Lives with its session.
class MessageRecorder final {
public:
    MessageRecorder(MessageStore& store, QString ref);
    ~MessageRecorder(); ///< finishes, unless discarded
    Q_DISABLE_COPY_MOVE(MessageRecorder)

    void write(const media::PcmFrame& frame);
    void discard();
    QString ref() const { return m_ref; }
    std::chrono::milliseconds length() const { return media::durationOf(m_samples); }

private:
    MessageStore& m_store;
    const QString m_ref;
    std::vector<qint16> m_piece;
    size_t m_samples = 0;
    bool m_discarded = false;
};

} // namespace kav::session
