// SPDX-License-Identifier: Apache-2.0
#include "engine/app/twiliorecordings.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonObject>
#include <QPointer>

#include <utility>

namespace kav::app {

TwilioRecordings::TwilioRecordings(
    telephony::TwilioRest* rest, QUrl callback, const Clock& clock, session::Housekeeper& housekeeper, Log log)
    : m_rest(rest)
    , m_callback(std::move(callback))
    , m_clock(clock)
    , m_housekeeper(housekeeper)
    , m_log(std::move(log))
{
    connect(&m_housekeeper, &session::Housekeeper::dueAtTwilio, this, &TwilioRecordings::remove);
}

bool TwilioRecordings::request(const QString& callId, session::TwilioRecording what)
{
    if (m_rest == nullptr) {
        if (!m_saidUnusable.exchange(true))
            qCWarning(lcApp).noquote() << "Twilio cannot be asked to record (twilio.account_sid and what signs in are "
                                          "not set): the engine records instead";
        return false;
    }
    QMetaObject::invokeMethod(
        this,
        [this, callId, what] {
            Call& call = m_calls[callId];
            call.waiting += what;
            if (call.waiting.size() == 1)
                next(callId);
        },
        Qt::QueuedConnection);
    return true;
}

template <typename T> telephony::TwilioRest::Done<T> TwilioRecordings::whileHere(telephony::TwilioRest::Done<T> done)
{
    return [self = QPointer<TwilioRecordings>(this), done = std::move(done)](const Result<T>& result) {
        if (self)
            done(result);
    };
}

void TwilioRecordings::next(const QString& callId)
{
    using telephony::RecordingResource;
    const auto answered = whileHere<RecordingResource>(
        [this, callId](const Result<RecordingResource>& result) { done(callId, result ? nullptr : &result.error()); });
    switch (m_calls[callId].waiting.first()) {
    case session::TwilioRecording::Start:
        m_rest->startRecording(
            callId, m_callback, whileHere<RecordingResource>([this, callId](const Result<RecordingResource>& started) {
                if (started) {
                    m_calls[callId].sid = started->sid;
                    m_housekeeper.noteTwilioRecording(callId, started->sid);
                    note(callId, QStringLiteral("in-progress"), started->sid);
                }
                done(callId, started ? nullptr : &started.error());
            }));
        break;
    case session::TwilioRecording::Pause:
        m_rest->updateRecording(callId, QStringLiteral("paused"), answered);
        break;
    case session::TwilioRecording::Resume:
        m_rest->updateRecording(callId, QStringLiteral("in-progress"), answered);
        break;
    case session::TwilioRecording::Discard:
        m_rest->updateRecording(callId, QStringLiteral("stopped"),
            whileHere<RecordingResource>([this, callId](const Result<RecordingResource>& stopped) {
                session::StoredSound sound;
                sound.kind = session::StoredSound::Kind::AtTwilio;
                sound.callId = callId;
                sound.sid = stopped && !stopped->sid.isEmpty() ? stopped->sid : m_calls[callId].sid;
                if (!sound.sid.isEmpty())
                    m_housekeeper.discardTwilioRecording(callId, sound.sid);
                done(callId, stopped ? nullptr : &stopped.error());
            }));
        break;
    }
}

void TwilioRecordings::done(const QString& callId, const Error* error)
{
    const LogCall logged(callId);
    const auto call = m_calls.find(callId);
    if (call == m_calls.end())
        return;
    const session::TwilioRecording what = call->waiting.takeFirst();
    if (error) {
        // A pause that failed leaves digits in Twilio's recording: whoever keeps it must know.
        static const char* const names[] = {"start", "pause", "resume", "discard"};
        qCWarning(lcApp).noquote() << QString(QStringLiteral("call=") + callId)
                                   << "Twilio's recording:" << names[int(what)] << "failed:" << logSafe(error->message);
        note(callId, QStringLiteral("failed"), call->sid,
            {{QStringLiteral("act"), QLatin1String(names[int(what)])},
                {QStringLiteral("reason"), logSafe(error->message)}});
    }
    if (!call->waiting.isEmpty())
        next(callId);
    else if (call->sid.isEmpty() || what == session::TwilioRecording::Discard)
        m_calls.erase(call);
}

void TwilioRecordings::remove(const session::StoredSound& sound)
{
    const LogCall logged(sound.callId);
    if (m_rest == nullptr)
        return;
    m_rest->deleteRecording(sound.sid, whileHere<void>([this, sound](const Result<void>& deleted) {
        if (deleted)
            m_housekeeper.forget(sound);
        else
            qCWarning(lcApp).noquote() << "Twilio's recording of call" << sound.callId
                                       << "is due and was not deleted:" << logSafe(deleted.error().message);
    }));
}

void TwilioRecordings::onStatus(const webhooks::Webhook& webhook)
{
    const auto loggable = [&webhook](const QString& name) {
        return webhooks::loggableField(name, webhook.value(name).left(40));
    };
    const QString status = loggable(QStringLiteral("RecordingStatus"));
    QJsonObject more;
    if (const auto seconds = webhook.number(u"RecordingDuration"))
        more.insert(QStringLiteral("seconds"), *seconds);
    note(webhook.callSid, status, loggable(QStringLiteral("RecordingSid")), more);
    const auto call = m_calls.find(webhook.callSid);
    if (status != QLatin1String("in-progress") && call != m_calls.end() && call->waiting.isEmpty())
        m_calls.erase(call);
}

void TwilioRecordings::note(const QString& callId, const QString& status, const QString& sid, const QJsonObject& more)
{
    QJsonObject data = more;
    data.insert(QStringLiteral("token"), QStringLiteral("RECORDING_TWILIO"));
    data.insert(QStringLiteral("status"), status);
    data.insert(QStringLiteral("sid"), sid);
    m_log({calllog::Entry::Kind::Event, callId, m_clock.wallNow(), data});
}

webhooks::WebhookRouter::Route TwilioRecordings::route(std::function<void(const webhooks::Webhook&)> onStatus)
{
    webhooks::WebhookRouter::Route route;
    route.path = "/webhook/recording_status";
    route.identity = {QStringLiteral("RecordingSid"), QStringLiteral("RecordingStatus")};
    route.required = {QStringLiteral("RecordingSid"), QStringLiteral("RecordingStatus")};
    route.handle = [onStatus = std::move(onStatus)](
                       const webhooks::Webhook& webhook, const webhooks::WebhookRouter::Reply& reply) {
        onStatus(webhook);
        reply(net::HttpResponse::empty(204));
    };
    return route;
}

} // namespace kav::app
