// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/hangups.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonObject>
#include <QPointer>

namespace kav::telephony {

namespace {
constexpr Milliseconds LegLookEvery{1000};
}

HangUps::HangUps(TwilioRest* rest, const Clock& clock, Settings settings, Hooks hooks, QObject* parent)
    : QObject(parent)
    , m_rest(rest)
    , m_clock(clock)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
{
    connect(&m_timer, &QTimer::timeout, this, &HangUps::look);
    if (m_rest != nullptr)
        m_timer.start(LegLookEvery);
}

void HangUps::callCame(const QString& callId)
{
    if (m_rest == nullptr || m_watched.contains(callId))
        return;
    m_watched.insert(callId, {m_clock.now() + m_settings.longestCall + m_settings.grace, false});
    m_order += callId;
    while (m_order.size() > m_settings.mostWatched)
        m_watched.remove(m_order.takeFirst());
}

void HangUps::callOver(const QString& callId)
{
    if (m_watched.remove(callId) > 0)
        m_order.removeOne(callId);
}

void HangUps::lastWordsSaid(const QString& callId)
{
    const LogCall logged(callId);
    if (m_rest == nullptr) {
        ++m_counters.closed;
        m_hooks.releaseStream(callId);
        return;
    }
    const Instant since = m_clock.now();
    m_rest->hangUp(callId, [this, self = QPointer<HangUps>(this), callId, since](const Result<void>& done) {
        if (!self)
            return;
        const qint64 ms = elapsed(since, m_clock.now()).count();
        if (done) {
            ++m_counters.ended;
            note(callId, QStringLiteral("HANGUP"), {{QStringLiteral("ms"), ms}});
            callOver(callId);
            if (m_hooks.ended)
                m_hooks.ended(callId);
            return;
        }
        ++m_counters.failed;
        note(callId, QStringLiteral("HANGUP_FAILED"),
            {{QStringLiteral("ms"), ms}, {QStringLiteral("reason"), logSafe(done.error().message)}});
        // Its stream's end leads to after_stream, which hangs up; should that fail as well, the watch goes on.
        m_hooks.releaseStream(callId);
        if (const auto watched = m_watched.find(callId); watched != m_watched.end())
            watched->due = qMin(watched->due, m_clock.now() + m_settings.again);
    });
}

void HangUps::look()
{
    const Instant now = m_clock.now();
    QStringList due;
    for (auto it = m_watched.cbegin(); it != m_watched.cend(); ++it) {
        if (!it->isAsked && now >= it->due)
            due += it.key();
    }
    for (const QString& callId : std::as_const(due))
        endOverdue(callId);
}

void HangUps::endOverdue(const QString& callId)
{
    const LogCall logged(callId);
    m_watched[callId].isAsked = true;
    // Most are over, and Twilio has told nobody: then it is not even worth a line.
    m_rest->fetchCall(callId, [this, self = QPointer<HangUps>(this), callId](const Result<CallResource>& call) {
        if (!self || !m_watched.contains(callId))
            return;
        if (call ? call->isFinal() : call.error().code == Error::Code::NotFound) {
            callOver(callId);
            return;
        }
        m_rest->hangUp(callId, [this, self, callId](const Result<void>& done) {
            if (!self)
                return;
            const auto watched = m_watched.find(callId);
            if (watched == m_watched.end())
                return;
            if (!done) {
                qCCritical(lcWebhook).noquote()
                    << callId << "lasts too long and cannot be ended:" << done.error().message;
                *watched = {m_clock.now() + m_settings.again, false};
                return;
            }
            ++m_counters.overdue;
            note(callId, QStringLiteral("HANGUP_OVERDUE"));
            callOver(callId);
        });
    });
}

void HangUps::callInterrupted(const QString& callId, const QDateTime& lastSeen)
{
    if (m_rest == nullptr || m_taken >= m_settings.mostInterrupted
        || lastSeen.secsTo(m_clock.wallNow()) > std::chrono::seconds(m_settings.oldestInterrupted).count())
        return;
    ++m_taken;
    m_interrupted += callId;
    if (!m_looking)
        lookUpNext();
}

/// One after the other: a start has better things to do.
void HangUps::lookUpNext()
{
    while (!m_interrupted.isEmpty() && m_watched.contains(m_interrupted.first()))
        m_interrupted.removeFirst(); // it has come back since
    m_looking = !m_interrupted.isEmpty();
    if (!m_looking)
        return;
    const QString callId = m_interrupted.takeFirst();
    const LogCall logged(callId);
    const QPointer<HangUps> self(this);
    m_rest->fetchCall(callId, [this, self, callId](const Result<CallResource>& call) {
        if (!self)
            return;
        if (!call || call->isFinal() || m_watched.contains(callId)) {
            lookUpNext();
            return;
        }
        m_rest->hangUp(callId, [this, self, callId](const Result<void>& done) {
            if (!self)
                return;
            if (done) {
                ++m_counters.interrupted;
                note(callId, QStringLiteral("HANGUP_INTERRUPTED"));
            } else {
                qCWarning(lcWebhook).noquote()
                    << callId << "was cut by a crash, lives, and cannot be ended:" << done.error().message;
            }
            lookUpNext();
        });
    });
}

void HangUps::note(const QString& callId, const QString& token, const QJsonObject& fields) const
{
    const LogCall logged(callId);
    QJsonObject data = fields;
    QString line = QStringLiteral("call=") + callId + QLatin1Char(' ') + token;
    for (auto it = fields.begin(); it != fields.end(); ++it)
        line += QLatin1Char(' ') + it.key() + QLatin1Char('=') + it.value().toVariant().toString();
    qCInfo(lcWebhook).noquote() << line;
    data.insert(QStringLiteral("token"), token);
    m_hooks.log({calllog::Entry::Kind::Event, callId, m_clock.wallNow(), data});
}

} // namespace kav::telephony
