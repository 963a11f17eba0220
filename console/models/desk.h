// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/calllogmodel.h"
#include "console/models/callsfilter.h"
#include "console/models/evidencesaver.h"
#include "console/models/livecallsmodel.h"
#include "console/models/requestsmodel.h"
#include "console/models/servicesmodel.h"
#include "console/models/transcriptmodel.h"
#include "console/net/connection.h"
#include "console/net/synchronizer.h"

#include <QObject>
#include <QUrl>

#include <functional>
#include <memory>

namespace kav::console {

/// The console without its window: line, synchroniser and models, joined; and what an operator may do, with the reason
/// when he may not. Views talk to it alone. Owned by the console's main(), lives on the GUI thread.
///
/// A command is pending until the engine has confirmed it; nothing is shown as done before. With every snapshot, and
/// when a line is resumed, the log and the selected call's record are asked for anew: what was missed is not known.
class Desk final : public QObject {
    Q_OBJECT
public:
    enum class Act { Interrupt, EndCall, EndCallNow, TestCall, WarmService, PlaceCall, PassOn, SaveEvidence };
    Q_ENUM(Act)

    /// `client`: "kav-console 0.1.0". `random`: 0.0 .. 1.0.
    Desk(const QString& client, const Clock& clock, std::function<double()> random,
        const Connection::Settings& settings = {});
    ~Desk() override;

    Connection& connection() { return *m_connection; }
    Synchronizer& synchronizer() { return *m_synchronizer; }
    LiveCallsModel& liveCalls() { return *m_liveCalls; }
    CallsFilter& shownCalls() { return *m_shownCalls; } ///< live calls, filtered and sorted
    TranscriptModel& transcript() { return *m_transcript; } ///< of the selected call
    ServicesModel& services() { return *m_services; }
    CallLogModel& log() { return *m_log; }
    RequestsModel& requests() { return *m_requests; }
    EvidenceSaver& evidence() { return *m_evidence; }
    /// Requests are on screen: the engine tells of them as they come. Not before, for they may be many.
    void showRequests(bool on);

    void connectTo(const QUrl& url, const QString& token, const QString& operatorName);
    void disconnectFromEngine();
    bool isLive() const;
    /// The banner's whole sentence for the state of the line, with the countdown and the age of what is shown; empty
    /// when Live.
    QString linkSentence() const;
    /// How far an engine is that stops; empty for any other, and when not Live.
    QString stoppingSentence() const;

    /// The call whose transcript is shown: a live one is watched, any other is fetched from the log. Empty: none.
    void selectCall(const QString& callId);
    QString selectedCall() const;
    /// The line of the selected call, from the live list or the log; none while it is unknown.
    std::optional<CallSummary> selectedLive() const;
    std::optional<CallLogRow> selectedLogRow() const;
    bool isSelectionLoading() const; ///< its turns are on their way
    QString selectionTrouble() const; ///< why they did not come: a sentence; selectCall() again asks again

    /// Empty: the act is possible now. Else the reason, a sentence for a tooltip. `target`: call or service id.
    QString whyNot(Act act, const QString& target = {}) const;
    bool isPending(Act act, const QString& target = {}) const;
    /// Does nothing when whyNot() has a reason.
    void interrupt(const QString& callId);
    void endCall(const QString& callId, bool now);
    /// With the goodbye; at once where there is none to be had, or it is being said already.
    void endCallPolitely(const QString& callId);
    void passOn(const QString& callId, const QString& to); ///< `to`: one of the call's transferTargets
    void startTestCall(const QStringList& say, const QByteArray& wav, const QString& digits);
    void placeCall(const QString& to, const QString& persona, protocol::Detection detection);
    void warmService(const QString& serviceId);
    /// Of a live call too: then it holds what happened so far. How it goes evidence() tells.
    void saveEvidence(const EvidenceSaver::Order& order);
    /// The call of that placing, whatever its id is now.
    std::optional<CallSummary> placedCall(const QString& placed) const;

    /// The banner's countdown and the lamps' ages; called once a second by an inner timer, and by tests.
    void tick();
    void retranslate();

Q_SIGNALS:
    /// What is possible or pending has changed somewhere.
    void actsChanged();
    /// The selection, what is known of the selected call's line, or whether its turns have come.
    void selectionChanged();
    /// Once a second, and on changes of the line: banner and status bar.
    void linkChanged();
    /// A command ended badly: a sentence for the user, and the act it was.
    void failed(kav::console::Desk::Act act, const QString& target, const QString& sentence);
    /// A command was confirmed.
    void done(kav::console::Desk::Act act, const QString& target);
    /// The engine has placed the test call that was asked for.
    void testCallStarted(const QString& callId);
    /// It has taken a call to place; see placedCall().
    void callPlaced(const QString& placed);

private:
    struct Private;
    std::unique_ptr<Synchronizer> m_synchronizer;
    std::unique_ptr<Connection> m_connection;
    std::unique_ptr<LiveCallsModel> m_liveCalls;
    std::unique_ptr<CallsFilter> m_shownCalls;
    std::unique_ptr<TranscriptModel> m_transcript;
    std::unique_ptr<ServicesModel> m_services;
    std::unique_ptr<CallLogModel> m_log;
    std::unique_ptr<RequestsModel> m_requests;
    std::unique_ptr<EvidenceSaver> m_evidence;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
