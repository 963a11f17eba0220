// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/openai/openaiservice.h"
#include "engine/providers/speech.h"

namespace kav::providers {

struct OpenAiTranscriptionSettings final {
    OpenAiService service;
    QString model = QStringLiteral("whisper-1");
};

/// A recogniser behind POST {base}/audio/transcriptions: OpenAI, faster-whisper's servers, whisper.cpp's server
/// (started with --inference-path /v1/audio/transcriptions). Each utterance is sent whole when it ends; there are no
/// partials. Sent as a WAV of 16 bits and 16 kHz, the one rate that every server takes. Immutable, any thread.
class OpenAiTranscription final : public SpeechToText {
public:
    static constexpr std::chrono::seconds LongestUtterance{35}; ///< what is said past it is dropped
    static constexpr int MostUnderWay = 8; ///< utterances of one stream that wait for their result

    /// Proves key and address with one request (probeOpenAi()); for a maker's thread.
    static Result<std::shared_ptr<OpenAiTranscription>> create(
        const OpenAiTranscriptionSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    OpenAiTranscription(const OpenAiTranscriptionSettings& settings, std::shared_ptr<HttpPool> pool);

    const OpenAiTranscriptionSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
};

} // namespace kav::providers
