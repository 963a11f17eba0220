// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/net/http.h"
#include "engine/net/listener.h"
#include "engine/net/websocket.h"
#include "engine/telephony/formbody.h"
#include "engine/webhooks/requestguard.h"
#include "shared/core/clock.h"
#include "shared/model/request.h"

#include <QHash>
#include <QList>
#include <QString>

#include <deque>
#include <functional>
#include <optional>

namespace kav::webhooks {

/// What is known of a request beside itself and its answer, from whoever judged it.
struct RequestFinding final {
    SignatureFinding signature{};
    QString reason{}; ///< why it was refused; empty: it was not
    std::optional<telephony::FormBody> form{}; ///< its parameters; nothing: those of the address are shown
    QDateTime duplicateOf{}; ///< not valid: it is none
    QString call{}; ///< only of a request that proved itself
};

/// Keeps the last requests and what became of them, fit for an operator's eyes: parameters masked as for the call log,
/// no token and no signature. Each goes to the call log as well, once when it is answered, and an upgraded connection
/// once more when it is over.
///
/// Anybody on the internet may knock. What did not prove itself has a small ring of its own and a rate: past it only a
/// number is kept, and nothing of it is looked at. So a flood neither costs nor pushes out the requests that count.
///
/// Owned by the composition root, lives on the control thread.
class RequestInspector final {
public:
    struct Settings final {
        int requests = 512; ///< that proved themselves
        qsizetype bytes = 1024 * 1024; ///< of those, roughly
        int strangers = 64; ///< that did not
        qsizetype strangerBytes = 256 * 1024;
        int strangerBurst = 20; ///< kept at once ...
        Milliseconds strangerEvery{1000}; ///< ... and then one in so long
        int open = 8192; ///< upgraded connections whose end is waited for
        bool pages = false; ///< requests that are neither Twilio's nor a console's are kept as well
    };
    struct Hooks final {
        std::function<void(const calllog::Entry&)> log{};
        std::function<void(const RequestRecord&)> changed{}; ///< a new one, or a known one whose connection is over
    };
    struct Counters final {
        quint64 kept = 0, notKept = 0;
    };

    RequestInspector(Settings settings, const Clock& clock, Hooks hooks);

    // What happens at the door, in this order; see net::Listener.
    void arrived(const net::HttpRequest& request, bool isUpgrade);
    /// From the one who judges it, any time between.
    void judged(const net::HttpRequest& request, RequestFinding finding);
    void answered(const net::Answered& answer);
    void ended(const net::SocketEnd& end);

    /// All that are kept, newest first.
    QList<RequestRecord> recent() const;
    const Counters& counters() const { return m_counters; }
    qsizetype unanswered() const { return m_pending.size(); }

private:
    struct Pending final {
        net::HttpRequest request; ///< its texts are shared with the one in hand
        RequestKind kind = RequestKind::Page;
        RequestFinding finding;
    };
    struct Ring final {
        std::deque<RequestRecord> records; ///< oldest first
        qsizetype bytes = 0;

        void add(const RequestRecord& record, int most, qsizetype mostBytes);
        void replace(const RequestRecord& record);
    };
    RequestRecord recordOf(const Pending& pending, const net::Answered& answer, Instant now) const;
    void tell(const RequestRecord& record);

    const Settings m_settings;
    const Clock& m_clock;
    const Hooks m_hooks;
    const QString m_run; ///< begins the ids of this life of the engine
    QHash<quint64, Pending> m_pending; ///< by number; as many as there are connections, at most
    QHash<quint64, RequestRecord> m_open; ///< upgraded, by number
    Ring m_proven, m_strangers;
    RateGate m_strangerGate;
    Counters m_counters;
};

} // namespace kav::webhooks
