// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimehub.h"

#include <QThread>

namespace kav::providers {

namespace {
/// What ends a connection in stock; a child of the link, deleted when the link is taken.
constexpr auto StockKeeperName = "stock";
} // namespace

std::shared_ptr<RealtimeHub> makeRealtimeHub()
{
    return std::make_shared<RealtimeHub>();
}

RealtimeHub::~RealtimeHub()
{
    // Those of other threads end by themselves: unused for long enough, or with their thread.
    delete m_stock.value(QThread::currentThread());
}

std::shared_ptr<RealtimeCall> RealtimeHub::callFor(
    const RealtimeSettings& settings, const CallInfo& call, const Clock& clock)
{
    const auto make = [&] {
        return std::shared_ptr<RealtimeCall>(
            new RealtimeCall(settings, shared_from_this(), call, clock), [](RealtimeCall* ended) {
                // The last user may let go of it from inside one of its signals.
                ended->dispose();
                ended->deleteLater();
            });
    };
    if (call.callId.isEmpty())
        return make();
    const std::pair key(QThread::currentThread(), call.callId);
    {
        const std::lock_guard lock(m_mutex);
        m_calls.removeIf([](const auto& entry) { return entry.value().expired(); });
        // Only this thread holds this entry: it cannot expire in between.
        if (auto known = m_calls.value(key).lock())
            return known;
    }
    auto made = make();
    const std::lock_guard lock(m_mutex);
    m_calls.insert(key, made);
    return made;
}

void RealtimeHub::stock(const RealtimeSettings& settings, const Clock& clock)
{
    QThread* const thread = QThread::currentThread();
    {
        const std::lock_guard lock(m_mutex);
        const RealtimeLink* have = m_stock.value(thread);
        if (have && !have->isBroken())
            return;
    }
    auto* link = new RealtimeLink(settings, settings.model, clock);
    auto* keeper = new RealtimeDeadline(clock);
    keeper->setObjectName(QLatin1String(StockKeeperName));
    keeper->setParent(link);
    QObject::connect(keeper, &RealtimeDeadline::passed, link, &QObject::deleteLater);
    QObject::connect(link, &RealtimeLink::broken, keeper, [link] { link->deleteLater(); });
    QObject::connect(thread, &QThread::finished, keeper, [link] { link->deleteLater(); });
    keeper->set(settings.spare);
    link->open();
    const std::lock_guard lock(m_mutex);
    m_stock.removeIf([](const auto& entry) { return entry.value().isNull(); });
    m_stock.insert(thread, link);
}

RealtimeLink* RealtimeHub::take(const RealtimeSettings& settings, const QString& model)
{
    const std::lock_guard lock(m_mutex);
    RealtimeLink* link = m_stock.value(QThread::currentThread());
    if (!link || link->isBroken() || link->model() != model || !link->fits(settings))
        return nullptr;
    m_stock.remove(QThread::currentThread());
    delete link->findChild<RealtimeDeadline*>(QLatin1String(StockKeeperName));
    return link;
}

} // namespace kav::providers
