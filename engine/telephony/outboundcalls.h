// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/twiliorest.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QHash>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QTimer>

#include <functional>
#include <list>
#include <optional>

namespace kav::telephony {

/// Whom the engine may call, and how fast. A plain value, from the configuration.
struct OutboundSettings final {
    QStringList allow; ///< "+972501234567", or a prefix: "+97250*"; empty: nobody may be called
    QStringList numbers; ///< of the account; calls go out from the first
    QString publicUrl; ///< without a slash at its end; empty: not known
    int callsPerSecond = 1; ///< as many as Twilio begins for the account
    int waiting = 20; ///< for their turn, at most
    int live = 10; ///< placed and not over, at most
    std::chrono::seconds ring{45};
    std::chrono::seconds longest{3600};
};

/// A call that somebody wants made. A plain value.
struct OutboundRequest final {
    QString to; ///< E.164
    QString from; ///< E.164; empty: the account's first number
    QString persona; ///< who speaks, by name; empty: whoever has the number that calls
    MachineDetection detection = MachineDetection::Off;
};

/// Whether the call may be made at all, and how it then is: `from` is filled in. The error is for a person, and names
/// no whole number.
Result<OutboundRequest> checkOutbound(
    OutboundRequest request, const OutboundSettings& settings, const RestSettings& rest);
/// "+97250*" or a whole number: what an allow-list may hold.
bool isAllowEntry(const QString& entry);
/// What is asked of Twilio. `placing`: see PlacedCall::id; empty: nobody waits for news by it.
NewCall newCallFor(const OutboundRequest& request, const OutboundSettings& settings, const QString& placing);

/// A call that is being placed, or was. A plain value.
struct PlacedCall final {
    enum class State {
        Waiting, ///< for its turn
        Creating, ///< Twilio is asked, or it is being found out what became of that
        Placed, ///< Twilio has it: it is a call like any other from here on
        Failed, ///< it was not made
        Canceled, ///< before Twilio had it
    };
    QString id; ///< of the placing: what the call is called before it has a CallSid
    QString callSid; ///< from Placed on
    OutboundRequest request;
    State state = State::Waiting;
    QDateTime askedAt; ///< UTC
    QString problem; ///< with Failed: why, for a person
};

/// Places calls through Twilio. One after another, no faster than Twilio begins them, and each once: where it is not
/// known whether Twilio has made a call (no answer, or an error of its own), nobody asks again, but the call is looked
/// for: by the callback that bears the placing's name, and in the list of calls. A call of which nothing is found is
/// reported as failed; should it turn up after all, it is ended.
///
/// Owned by the composition root, lives on the control thread. What a call does once it is placed is known elsewhere
/// (webhooks::CallBook); this is told of it by heardOf() and over().
class OutboundCalls final : public QObject {
    Q_OBJECT
public:
    using Done = std::function<void(const Result<void>&)>;

    /// `rest` null: nothing can be placed. It must outlive this.
    OutboundCalls(OutboundSettings settings, TwilioRest* rest, const Clock& clock, QObject* parent = nullptr);
    ~OutboundCalls() override;

    /// The id of the placing; changed() follows, and tells what becomes of it.
    Result<QString> place(const OutboundRequest& request);
    /// By the placing's id or by CallSid: not placed if it can be helped, else ended. False: it is none of these.
    bool end(const QString& id, const Done& done);

    /// The engine stops: what waits for its turn is not placed.
    void cancelWaiting(const QString& why);
    /// Being asked for at Twilio, by their placings' ids.
    QStringList creating() const;

    /// Any call of the account's that is not answered, or is.
    void endAtTwilio(const QString& callSid, const Done& done);

    /// A callback of Twilio's about a call that bears the placing's name.
    void heardOf(const QString& placing, const QString& callSid);
    bool over(const QString& callSid); ///< false: it is none of these, or was over before

    int waiting() const { return int(m_queue.size()); }
    int live() const; ///< being placed, or placed and not over
    const OutboundSettings& settings() const { return m_settings; }

Q_SIGNALS:
    void changed(const kav::telephony::PlacedCall& call);

private:
    struct Placing final {
        PlacedCall call;
        Instant created;
        std::optional<Instant> lookAt; ///< in the list of calls
        int looks = 0;
        QString fault; ///< why it is looked for
        QList<Done> enders; ///< it is to be ended as soon as there is something to end
    };

    void work();
    void create(const QString& id);
    void created(const QString& id, const Result<CallResource>& result);
    void look(const QString& id);
    void looked(const QString& id, const Result<QList<CallResource>>& result);
    void adopt(const QString& id, const QString& callSid);
    void fail(const QString& id, const QString& problem);
    bool isKnown(const QString& callSid) const { return m_idBySid.contains(callSid); }

    const OutboundSettings m_settings;
    TwilioRest* const m_rest;
    const Clock& m_clock;
    QHash<QString, Placing> m_placings; ///< by id, until over
    QHash<QString, QString> m_idBySid;
    std::list<QString> m_queue; ///< ids
    std::list<QString> m_givenUp; ///< ids of failed ones that may turn up yet; the latest
    std::optional<Instant> m_lastCreate;
    QTimer m_timer;
};

} // namespace kav::telephony
