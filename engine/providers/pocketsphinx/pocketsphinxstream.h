// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"

#include <QSet>

#include <memory>
#include <optional>
#include <vector>

namespace kav::providers {

class StreamCore;

/// One call's end of the embedded recogniser: gathers audio into pieces, hands them to the part that the speech pool
/// works on, and gives its results out. Owned by whoever opened it; lives on that thread; emits what SpeechToTextStream
/// says.
class PocketsphinxStream final : public SpeechToTextStream {
    Q_OBJECT
public:
    explicit PocketsphinxStream(std::shared_ptr<StreamCore> core);
    ~PocketsphinxStream() override;

    void beginUtterance(int utterance, const RecognitionContext& context) override;
    void write(std::span<const qint16> pcm) override;
    void endUtterance(int utterance) override;
    void dropUtterance(int utterance) override;

    // Results from the pool, on this object's thread; dropped ones are ignored.
    void deliverPartial(int utterance, const Transcript& transcript);
    void deliverFinished(int utterance, const Transcript& transcript);
    void deliverFailed(int utterance, const Error& error);

private:
    void flush();

    std::shared_ptr<StreamCore> m_core;
    std::vector<qint16> m_piece;
    std::optional<int> m_open;
    QSet<int> m_live; // begun, neither delivered nor dropped
};

} // namespace kav::providers
