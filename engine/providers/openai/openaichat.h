// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/openai/openaiservice.h"
#include "engine/providers/speech.h"

namespace kav::providers {

struct OpenAiChatSettings final {
    OpenAiService service;
    QString model = QStringLiteral("gpt-4o-mini"); ///< when the persona names none; local servers ignore it
};

/// A language model behind POST {base}/chat/completions, streamed: OpenAI, llama.cpp, Ollama, vLLM. Immutable, any
/// thread; each conversation has a request of its own at a time, on its thread's connections.
///
/// Of the persona's tools the conversation itself carries out "end_call" (finished() with endCall, after the goodbye)
/// and "take_message" (an Expectation::Message); all others are told by toolCalled(). A greeting is said word for word,
/// without asking the model.
class OpenAiChat final : public LanguageModel {
public:
    /// Proves key and address with one request (probeOpenAi()); for a maker's thread.
    static Result<std::shared_ptr<OpenAiChat>> create(
        const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    std::unique_ptr<Conversation> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    OpenAiChat(const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool);

    const OpenAiChatSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
};

} // namespace kav::providers
