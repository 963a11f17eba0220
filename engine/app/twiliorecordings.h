// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/session/housekeeper.h"
#include "engine/session/sessioncontext.h"
#include "engine/telephony/twiliorest.h"
#include "engine/webhooks/webhookrouter.h"
#include "shared/core/clock.h"

#include <QHash>
#include <QObject>
#include <QString>
#include <QUrl>

#include <atomic>
#include <functional>

namespace kav::app {

/// Twilio's own recordings of calls, by its REST service: started, paused and stopped as sessions ask, their status as
/// Twilio tells it put into the call log, and deleted when they are due. What is asked about one call is done one after
/// the other. Owned by the engine, lives on the control thread.
class TwilioRecordings final : public QObject {
    Q_OBJECT
public:
    using Log = std::function<void(const calllog::Entry&)>;

    /// `rest`: null: it cannot be used. `callback`: where Twilio tells of recordings; empty: it is not asked to. The
    /// pointer and the references outlive this; what `rest` answers after this is gone is nobody's.
    TwilioRecordings(
        telephony::TwilioRest* rest, QUrl callback, const Clock& clock, session::Housekeeper& housekeeper, Log log);

    /// Any thread. False, said once in the log: there is nothing to sign in with.
    bool request(const QString& callId, session::TwilioRecording what);
    /// A due recording: Twilio deletes it, or is asked again at the housekeeper's next look.
    void remove(const session::StoredSound& sound);
    /// Twilio's news of a recording.
    void onStatus(const webhooks::Webhook& webhook);

    static webhooks::WebhookRouter::Route route(std::function<void(const webhooks::Webhook&)> onStatus);

private:
    struct Call final {
        QList<session::TwilioRecording> waiting; ///< the first is under way
        QString sid;
    };
    /// What `rest` may call when this is gone.
    template <typename T> telephony::TwilioRest::Done<T> whileHere(telephony::TwilioRest::Done<T> done);
    void next(const QString& callId);
    void done(const QString& callId, const Error* error);
    void note(const QString& callId, const QString& status, const QString& sid, const QJsonObject& more = {});

    telephony::TwilioRest* const m_rest;
    const QUrl m_callback;
    const Clock& m_clock;
    session::Housekeeper& m_housekeeper;
    const Log m_log;
    std::atomic<bool> m_saidUnusable{false};
    QHash<QString, Call> m_calls; // those with something under way
};

} // namespace kav::app
