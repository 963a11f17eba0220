// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/net/http.h"
#include "engine/telephony/formbody.h"
#include "engine/webhooks/requestguard.h"
#include "engine/webhooks/requestinspector.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QHash>
#include <QString>
#include <QStringList>

#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace kav::webhooks {

/// A request of Twilio's that has proven itself, as its route gets it. A plain value: a late answer may keep it.
struct Webhook final {
    QByteArray path; ///< the route's
    telephony::FormBody form; ///< Twilio's fields: of the body, or of the address when the method is GET
    telephony::FormBody query; ///< of the address: with POST, only what Kav itself put there
    PublicUrl base; ///< where the engine is, as Twilio sees it
    QString callSid; ///< empty only on a route that is about no call

    QString value(QStringView name) const { return form.value(name); }
    /// As a number that counts something: not negative.
    std::optional<int> number(QStringView name) const;
};

/// Twilio's HTTP requests: proves each, reads it, knows a repetition, hands it to its route, logs it. Routes are POST
/// and GET alike, as a number may be configured; trailing slashes are tolerated.
///
/// Repeated deliveries (same I-Twilio-Idempotency-Token, else the same call, address and the fields that the route
/// names) get the same answer, also while the first one's is still being made; the route is not asked again. Every
/// request that proves itself is logged; of refused ones a bounded number. Numbers are masked, secrets left out.
///
/// A plain object, owned by the composition root, lives on the control thread; handle() never blocks.
class WebhookRouter final {
public:
    /// Answers the request, at once or later, on the control thread. The first call counts. A reply that is dropped
    /// unused answers 500.
    using Reply = std::function<void(const net::HttpResponse&)>;
    struct Route final {
        QByteArray path; ///< "/webhook/call_status"
        std::function<void(const Webhook&, const Reply&)> handle;
        QStringList identity; ///< fields by which two deliveries differ; CallSid always counts
        QStringList required; ///< fields that must be there, CallSid aside
        bool aboutACall = true; ///< CallSid must be there and be one
    };
    struct Settings final {
        Milliseconds duplicateMemory{60'000}; ///< a retry comes within seconds; shorter than a stream token's life
        std::size_t duplicateEntries = 4096;
    };
    struct Hooks final {
        /// The entry's number in the call log; 0: it is not kept. Without it nothing is logged.
        std::function<quint64(const calllog::Entry&)> log{};
        /// Sends an answer whose request is that entry of the call log. Without it, it goes at once.
        std::function<void(const net::Responder&, quint64 entry, const net::HttpResponse&)> respond{};
        /// What was found out about a request, before its answer. Without it nobody is told.
        std::function<void(const net::HttpRequest&, const RequestFinding&)> judged{};
    };
    struct Counters final {
        quint64 served = 0, duplicates = 0, refused = 0, malformed = 0;
    };

    WebhookRouter(RequestGuard& guard, const Clock& clock, Settings settings, Hooks hooks);
    ~WebhookRouter(); ///< replies that come later answer nothing

    /// Before the first request.
    void add(Route route);
    /// The paths that are served, in the order in which they were added.
    QList<QByteArray> paths() const;

    /// Whether the path is under /webhook/ and so this object's to answer.
    static bool owns(const net::HttpRequest& request);
    void handle(const net::HttpRequest& request, const net::Responder& responder);

    const Counters& counters() const { return m_counters; }

private:
    struct Waiting final {
        net::Responder responder;
        quint64 entry = 0;
    };
    struct Seen final {
        QByteArray key;
        Instant at;
        QDateTime wallTime;
        std::optional<net::HttpResponse> answer; ///< not yet: it is being made
        std::vector<Waiting> waiting; ///< for it
        quint64 number = 0; ///< tells it from a later one with the same key
    };
    class LateReply;

    const Route* routeFor(QByteArray path) const;
    static QByteArray identityOf(const Route& route, const net::HttpRequest& request, const telephony::FormBody& form);
    Seen* findSeen(const QByteArray& key);
    void forget(std::list<Seen>::iterator seen);
    void forgetOld();
    void answered(const QByteArray& key, quint64 number, const net::HttpResponse& response);
    void send(const net::Responder& responder, quint64 entry, const net::HttpResponse& response) const;
    quint64 log(const net::HttpRequest& request, const telephony::FormBody* form, const SignatureFinding& signature,
        int status, const QString& reason, const Seen* duplicateOf);

    RequestGuard& m_guard;
    const Clock& m_clock;
    const Settings m_settings;
    const Hooks m_hooks;
    std::vector<Route> m_routes;
    Counters m_counters;
    RateGate m_refusedGate;
    std::list<Seen> m_seen; ///< oldest first
    QHash<QByteArray, std::list<Seen>::iterator> m_seenByKey;
    quint64 m_lastNumber = 0;
    std::shared_ptr<WebhookRouter*> m_self; ///< null inside once this is gone
};

/// A webhook's field fit for the call log: numbers masked wherever they stand, secrets and keys pressed left out.
QString loggableField(const QString& name, const QString& value);

} // namespace kav::webhooks
