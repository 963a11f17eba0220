// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/openai/openaiservice.h"
#include "engine/providers/speech.h"

namespace kav::providers {

struct OpenAiSpeechSettings final {
    OpenAiService service;
    QString model = QStringLiteral("tts-1");
    QString voice = QStringLiteral("alloy"); ///< where the request names none
};

/// A synthesiser behind POST {base}/audio/speech: PCM of 24 kHz, brought to 8 kHz mu-law as it arrives. Immutable, any
/// thread. A text longer than the service takes is spoken in pieces, one after the other.
class OpenAiSpeech final : public TextToSpeech {
public:
    static constexpr qsizetype LongestInput = 4000; ///< characters of one request; OpenAI takes 4096

    /// Proves key and address with one request (probeOpenAi()); for a maker's thread.
    static Result<std::shared_ptr<OpenAiSpeech>> create(
        const OpenAiSpeechSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override;
    void connectAhead() override;

private:
    OpenAiSpeech(const OpenAiSpeechSettings& settings, std::shared_ptr<HttpPool> pool);

    const OpenAiSpeechSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
};

} // namespace kav::providers
