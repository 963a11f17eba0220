// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaichat.h"

#include "engine/providers/openai/openaiconversation.h"

namespace kav::providers {

OpenAiChat::OpenAiChat(const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool)
    : m_settings(settings)
    , m_pool(std::move(pool))
{
}

Result<std::shared_ptr<OpenAiChat>> OpenAiChat::create(
    const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool, const Clock&)
{
    if (auto proven = probeOpenAi(settings.service, *pool); !proven)
        return proven.error();
    return std::shared_ptr<OpenAiChat>(new OpenAiChat(settings, std::move(pool)));
}

QString OpenAiChat::name() const
{
    return QStringLiteral("openai");
}

std::unique_ptr<Conversation> OpenAiChat::open(const CallInfo& call)
{
    return std::make_unique<OpenAiConversation>(m_settings, m_pool, call);
}

void OpenAiChat::connectAhead()
{
    m_pool->connectTo(m_settings.service.base);
}

} // namespace kav::providers
