// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtime.h"

#include "engine/providers/realtime/realtimeconversation.h"
#include "engine/providers/realtime/realtimehub.h"
#include "engine/providers/realtime/realtimestream.h"

#include <QEventLoop>

#include <algorithm>
#include <optional>

namespace kav::providers {

namespace {
/// One session, opened and left: it proves the key, the address and the model, and costs nothing.
Result<void> probeRealtime(const RealtimeSettings& settings, const Clock& clock)
{
    if (auto formed = checkRealtimeForm(settings); !formed)
        return formed;
    RealtimeSettings hurried = settings;
    hurried.ready = std::min(settings.ready, settings.probe);
    QEventLoop loop;
    std::optional<Error> error;
    const auto link = std::make_unique<RealtimeLink>(hurried, settings.model, clock);
    // Left on the loop's next turn, so that the link may be deleted here.
    QObject::connect(link.get(), &RealtimeLink::created, &loop, &QEventLoop::quit, Qt::QueuedConnection);
    QObject::connect(
        link.get(), &RealtimeLink::broken, &loop,
        [&](const Error& e) {
            error = e;
            loop.quit();
        },
        Qt::QueuedConnection);
    link->open();
    loop.exec();
    if (error)
        return *error;
    return {};
}
} // namespace

RealtimeSpeechToText::RealtimeSpeechToText(
    const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock)
    : m_settings(settings)
    , m_hub(std::move(hub))
    , m_clock(clock)
{
}

Result<std::shared_ptr<RealtimeSpeechToText>> RealtimeSpeechToText::create(
    const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock)
{
    if (auto proven = probeRealtime(settings, clock); !proven)
        return proven.error();
    return std::shared_ptr<RealtimeSpeechToText>(new RealtimeSpeechToText(settings, std::move(hub), clock));
}

QString RealtimeSpeechToText::name() const
{
    return QStringLiteral("realtime");
}

std::unique_ptr<SpeechToTextStream> RealtimeSpeechToText::open(const CallInfo& call)
{
    return std::make_unique<RealtimeStream>(m_hub->callFor(m_settings, call, m_clock), m_clock);
}

void RealtimeSpeechToText::connectAhead()
{
    m_hub->stock(m_settings, m_clock);
}

RealtimeLanguageModel::RealtimeLanguageModel(
    const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock)
    : m_settings(settings)
    , m_hub(std::move(hub))
    , m_clock(clock)
{
}

Result<std::shared_ptr<RealtimeLanguageModel>> RealtimeLanguageModel::create(
    const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock)
{
    if (auto proven = probeRealtime(settings, clock); !proven)
        return proven.error();
    return std::shared_ptr<RealtimeLanguageModel>(new RealtimeLanguageModel(settings, std::move(hub), clock));
}

QString RealtimeLanguageModel::name() const
{
    return QStringLiteral("realtime");
}

std::unique_ptr<Conversation> RealtimeLanguageModel::open(const CallInfo& call)
{
    return std::make_unique<RealtimeConversation>(m_hub->callFor(m_settings, call, m_clock), call, m_clock);
}

void RealtimeLanguageModel::connectAhead()
{
    m_hub->stock(m_settings, m_clock);
}

} // namespace kav::providers
