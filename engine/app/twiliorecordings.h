// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/providers/http/httppool.h"
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

    /// `callback`: where Twilio tells of recordings; empty: it is not asked to. The references outlive this.
    TwilioRecordings(const telephony::RestSettings& settings, QUrl callback, providers::HttpPool& http,
        const Clock& clock, session::Housekeeper& housekeeper, Log log);

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
    void next(const QString& callId);
    void done(const QString& callId, const Error* error);
    void note(const QString& callId, const QString& status, const QString& sid, const QJsonObject& more = {});

    telephony::TwilioRest m_rest;
    const bool m_isUsable;
    const QUrl m_callback;
    const Clock& m_clock;
    session::Housekeeper& m_housekeeper;
    const Log m_log;
    std::atomic<bool> m_saidUnusable{false};
    QHash<QString, Call> m_calls; // those with something under way
};

} // namespace kav::app
