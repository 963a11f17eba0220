// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googlecall.h"
#include "engine/providers/google/recognitionservice.h"
#include "engine/providers/speech.h"

#include <memory>

namespace kav::providers {

/// Google Cloud Speech v1, streaming over gRPC: partial results while the caller speaks, the final one soon after.
///
/// One gRPC stream for each utterance, on connections that are open already: config and the first sound leave together,
/// so it costs no round trip, while a stream kept over the whole call would have to be fed through silence (Google ends
/// it after some ten seconds without audio) and be replaced every five minutes. An utterance that is longer than
/// `rollOver` goes on in a new stream, to which the audio since the last final result is given again. Immutable, any
/// thread.
class GoogleSpeechToText final : public SpeechToText {
public:
    /// Loads gRPC when it is the first, which fails where the module is not installed; then proves credentials and
    /// address by having a tenth of a second of silence recognised. Blocks for a few seconds at most; for a maker's
    /// thread. The clock outlives the provider and its streams.
    static Result<std::shared_ptr<GoogleSpeechToText>> create(
        const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    GoogleSpeechToText(GoogleService service, std::shared_ptr<RecognitionService> recognition, const Clock& clock);

    const GoogleService m_service;
    const std::shared_ptr<RecognitionService> m_recognition;
    const Clock& m_clock;
};

} // namespace kav::providers
