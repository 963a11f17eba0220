// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/transfermachine.h"

#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;
using namespace Qt::StringLiterals;
using State = TransferState;
using Event = TransferEvent;
using Action = TransferAction;
using Document = TransferDocument;
using providers::AfterTransfer;

namespace {

constexpr Event AllEvents[]{Event::Tick, Event::RedirectFailed, Event::DocumentAsked, Event::HumanRefused,
    Event::HumanUnknown, Event::HumanNotFound, Event::HumanAnswered, Event::HumanAccepted, Event::HumanDeclined,
    Event::HumanGone, Event::DialAnswered, Event::DialEnded, Event::DialEndedAnswered, Event::HoldEnded,
    Event::BackAsked, Event::StreamBack, Event::CallerGone, Event::OperatorEnds, Event::EngineEnds};

QString nameOf(Event event)
{
    static const char* const Names[]{"tick", "redirect-failed", "document", "refused", "unknown", "not-found", "human",
        "accepted", "declined", "human-gone", "dial-answered", "dial-ended", "dial-over", "hold-ended", "back",
        "stream", "caller-gone", "operator", "engine"};
    return QString::fromLatin1(Names[int(event)]);
}
QString nameOf(Action action)
{
    static const char* const Names[]{
        "take-first", "take-back", "release", "call-human", "look-up", "end-human", "end-caller"};
    return QString::fromLatin1(Names[int(action)]);
}
QString nameOf(Document document)
{
    static const char* const Names[]{"dial", "hold", "agent", "message", "goodbye", "hang-up"};
    return QString::fromLatin1(Names[int(document)]);
}
Event eventOf(const QString& name)
{
    for (const Event event : AllEvents) {
        if (nameOf(event) == name)
            return event;
    }
    qFatal("no such event: %s", qPrintable(name));
}

using Targets = std::vector<TransferMachine::Target>;
const Targets Blind{{}};
const Targets Warm{{.warm = true}};

/// A machine and its clock; "+30s" in a dialogue lets time pass, and ticks.
class Talk final {
public:
    explicit Talk(const Targets& targets, bool haveRest = true)
        : machine(targets, haveRest, now)
    {
        note(machine.begin());
    }
    /// "document: call-human [hold]; human; ..."; what is done, and what the caller's leg would be told.
    void on(const QString& what)
    {
        if (what.startsWith(u'+')) {
            now += std::chrono::seconds(what.mid(1).chopped(1).toInt());
            note(machine.on(Event::Tick, now));
        } else {
            note(machine.on(eventOf(what), now));
        }
    }
    QString state() const
    {
        QString text = transferStateName(machine.state());
        if (machine.state() == State::Over)
            text += machine.isWithAgent() ? u" with the agent"_s : u" "_s + endReasonName(machine.reason());
        return text;
    }
    QString takeDone() { return std::exchange(m_done, {}).join(u' '); }

    Instant now{1h};
    TransferMachine machine;

private:
    void note(const TransferMachine::Actions& actions)
    {
        for (const Action action : actions)
            m_done += nameOf(action);
    }
    QStringList m_done;
};

} // namespace

/// What becomes of a call that is passed on: what is asked of Twilio, in which order whatever comes.
class TstTransferMachine final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void aTransferGoes_data()
    {
        QTest::addColumn<Targets>("targets");
        QTest::addColumn<bool>("haveRest");
        QTest::addColumn<QString>("events");
        QTest::addColumn<QString>("done");
        QTest::addColumn<QString>("state");
        QTest::addColumn<QString>("document");
        const auto row = [](const char* name, const Targets& targets, const QString& events, const QString& done,
                             const QString& state, const QString& document, bool haveRest = true) {
            QTest::newRow(name) << targets << haveRest << events << done << state << document;
        };
        const auto noAnswer = [](bool warm, AfterTransfer what) { return Targets{{.warm = warm, .noAnswer = what}}; };
        const auto comesBack = [](bool warm) {
            return Targets{{.warm = warm, .afterwards = AfterTransfer::Agent}};
        };
        const auto two = [](bool first, bool second) {
            return Targets{{.warm = first, .noAnswer = AfterTransfer::NextTarget},
                {.warm = second, .noAnswer = AfterTransfer::Message}};
        };

        row("blind, on the way", Blind, u""_s, u"take-first"_s, u"fetching"_s, u"dial"_s);
        row("blind, rings", Blind, u"document"_s, u"take-first"_s, u"ringing"_s, u"dial"_s);
        row("blind, talks", Blind, u"document dial-answered"_s, u"take-first"_s, u"talking"_s, u"dial"_s);
        row("blind, over", Blind, u"document dial-answered dial-over"_s, u"take-first"_s, u"over completed"_s,
            u"hang-up"_s);
        row("blind, over, and nobody told that it was answered", Blind, u"document dial-over"_s, u"take-first"_s,
            u"over completed"_s, u"hang-up"_s);
        row("blind, answered is told after the end", Blind, u"document dial-over dial-answered"_s, u"take-first"_s,
            u"over completed"_s, u"hang-up"_s);
        row("blind, back to the agent", Blind, u"document dial-ended"_s, u"take-first"_s, u"returning"_s, u"agent"_s);
        row("blind, with the agent", Blind, u"document dial-ended stream"_s, u"take-first"_s,
            u"over with the agent"_s, u"hang-up"_s);
        row("blind, a message", noAnswer(false, AfterTransfer::Message), u"document dial-ended"_s, u"take-first"_s,
            u"returning"_s, u"message"_s);
        row("blind, a goodbye", noAnswer(false, AfterTransfer::Goodbye), u"document dial-ended"_s, u"take-first"_s,
            u"over completed"_s, u"goodbye"_s);
        row("blind, comes back when they have talked", comesBack(false), u"document dial-answered dial-over"_s,
            u"take-first"_s, u"returning"_s, u"agent"_s);
        row("blind, the next one", two(false, false), u"document dial-ended"_s, u"take-first"_s, u"ringing"_s,
            u"dial"_s);
        row("blind, nobody at all", two(false, false), u"document dial-ended dial-ended"_s, u"take-first"_s,
            u"returning"_s, u"message"_s);
        row("blind, the next one is asked first", two(false, true), u"document dial-ended"_s,
            u"take-first call-human"_s, u"calling"_s, u"hold"_s);
        row("blind, the caller has gone", Blind, u"document caller-gone"_s, u"take-first end-human"_s,
            u"over caller-hung-up"_s, u"hang-up"_s);
        row("blind, REST is down: the stream's end does it", Blind, u"redirect-failed document"_s,
            u"take-first release"_s, u"ringing"_s, u"dial"_s);
        row("blind, the redirect comes after all", Blind, u"document document"_s, u"take-first"_s, u"ringing"_s,
            u"dial"_s);
        row("blind, no REST", Blind, u"document"_s, u""_s, u"ringing"_s, u"dial"_s, false);
        row("blind, nobody ever asks", Blind, u"+20s"_s, u"take-first end-caller"_s, u"over caller-hung-up"_s,
            u"hang-up"_s);
        row("blind, Twilio never tells how it went", Blind, u"document +65s"_s, u"take-first end-caller"_s,
            u"over stream-lost"_s, u"hang-up"_s);
        row("blind, they talk too long", Blind, u"document dial-answered +3630s"_s,
            u"take-first end-human end-caller"_s, u"over longest-call"_s, u"hang-up"_s);

        row("warm, on the way", Warm, u""_s, u"take-first"_s, u"fetching"_s, u"hold"_s);
        row("warm, rings", Warm, u"document"_s, u"take-first call-human"_s, u"calling"_s, u"hold"_s);
        row("warm, asked", Warm, u"document human"_s, u"take-first call-human"_s, u"asking"_s, u"hold"_s);
        row("warm, talks", Warm, u"document human accepted"_s, u"take-first call-human"_s, u"talking"_s, u"hold"_s);
        row("warm, the person hangs up", Warm, u"document human accepted human-gone hold-ended"_s,
            u"take-first call-human"_s, u"over completed"_s, u"hang-up"_s);
        row("warm, the conference's end comes first", Warm, u"document human accepted hold-ended human-gone"_s,
            u"take-first call-human"_s, u"over completed"_s, u"hang-up"_s);
        row("warm, the conference does not end", Warm, u"document human accepted human-gone +6s"_s,
            u"take-first call-human end-caller"_s, u"over completed"_s, u"hang-up"_s);
        row("warm, comes back when they have talked", comesBack(true), u"document human accepted hold-ended"_s,
            u"take-first call-human"_s, u"returning"_s, u"agent"_s);
        row("warm, comes back though the conference does not end", comesBack(true),
            u"document human accepted human-gone +6s"_s, u"take-first call-human take-back"_s, u"returning"_s,
            u"agent"_s);
        row("warm, no answer", Warm, u"document human-gone"_s, u"take-first call-human end-human take-back"_s,
            u"returning"_s, u"agent"_s);
        row("warm, no key", Warm, u"document human +75s"_s, u"take-first call-human end-human take-back"_s,
            u"returning"_s, u"agent"_s);
        row("warm, declined, then its end", Warm, u"document human declined human-gone"_s,
            u"take-first call-human end-human take-back"_s, u"returning"_s, u"agent"_s);
        row("warm, back", Warm, u"document human declined back stream"_s,
            u"take-first call-human end-human take-back"_s, u"over with the agent"_s, u"hang-up"_s);
        row("warm, a message", noAnswer(true, AfterTransfer::Message), u"document human-gone back"_s,
            u"take-first call-human end-human take-back"_s, u"returning"_s, u"message"_s);
        row("warm, a goodbye", noAnswer(true, AfterTransfer::Goodbye), u"document human-gone back"_s,
            u"take-first call-human end-human take-back"_s, u"over completed"_s, u"goodbye"_s);
        row("warm, the next one", two(true, true), u"document human declined"_s,
            u"take-first call-human end-human call-human"_s, u"calling"_s, u"hold"_s);
        row("warm, the next one of another way", two(true, false), u"document human declined human accepted"_s,
            u"take-first call-human end-human call-human"_s, u"talking"_s, u"hold"_s);
        row("warm, nobody at all", two(true, true), u"document human declined human-gone"_s,
            u"take-first call-human end-human call-human end-human take-back"_s, u"returning"_s, u"message"_s);
        row("warm, the person's call cannot be made", Warm, u"document refused"_s,
            u"take-first call-human end-human take-back"_s, u"returning"_s, u"agent"_s);
        row("warm, nobody knows whether it was made", Warm, u"document unknown"_s, u"take-first call-human look-up"_s,
            u"calling"_s, u"hold"_s);
        row("warm, it was not", Warm, u"document unknown not-found"_s,
            u"take-first call-human look-up end-human take-back"_s, u"returning"_s, u"agent"_s);
        row("warm, it was, and answers", Warm, u"document unknown human not-found"_s,
            u"take-first call-human look-up"_s, u"asking"_s, u"hold"_s);
        row("warm, nothing comes of it", Warm, u"document +65s"_s, u"take-first call-human end-human take-back"_s,
            u"returning"_s, u"agent"_s);
        row("warm, the caller hangs up while it rings", Warm, u"document caller-gone"_s,
            u"take-first call-human end-human"_s, u"over caller-hung-up"_s, u"hang-up"_s);
        row("warm, the caller hangs up while they talk", Warm, u"document human accepted caller-gone"_s,
            u"take-first call-human end-human"_s, u"over caller-hung-up"_s, u"hang-up"_s);
        row("warm, the conference ends by itself", Warm, u"document hold-ended"_s,
            u"take-first call-human end-human"_s, u"returning"_s, u"agent"_s);
        row("warm, REST is down: it is blind", Warm, u"redirect-failed document"_s, u"take-first release"_s,
            u"ringing"_s, u"dial"_s);
        row("warm, no REST: it is blind", Warm, u"document"_s, u""_s, u"ringing"_s, u"dial"_s, false);
        row("warm, the way back fails", Warm, u"document human-gone redirect-failed"_s,
            u"take-first call-human end-human take-back end-caller"_s, u"over stream-lost"_s, u"hang-up"_s);
        row("warm, nobody comes back", Warm, u"document human-gone back +30s"_s,
            u"take-first call-human end-human take-back end-caller"_s, u"over stream-lost"_s, u"hang-up"_s);
        row("warm, they talk too long", Warm, u"document human accepted +3630s"_s,
            u"take-first call-human end-human end-caller"_s, u"over longest-call"_s, u"hang-up"_s);
        row("the engine ends: who talks is left alone", Blind, u"document dial-answered engine"_s, u"take-first"_s,
            u"over shutdown"_s, u"hang-up"_s);
        row("the engine ends: it rings", Blind, u"document engine"_s, u"take-first take-back"_s, u"returning"_s,
            u"goodbye"_s);
        row("the engine ends: the goodbye is fetched", Blind, u"document engine back"_s, u"take-first take-back"_s,
            u"over shutdown"_s, u"goodbye"_s);
        row("the engine ends: on the way", Warm, u"engine document back"_s, u"take-first take-back"_s,
            u"over shutdown"_s, u"goodbye"_s);
        row("the engine ends: on hold, told again and again", Warm, u"document human engine engine back engine"_s,
            u"take-first call-human end-human take-back"_s, u"over shutdown"_s, u"goodbye"_s);
        row("the engine ends: the person has left", Warm, u"document human accepted human-gone engine"_s,
            u"take-first call-human take-back"_s, u"returning"_s, u"goodbye"_s);
        row("the engine ends: the way back to the agent", Blind, u"document dial-ended engine back"_s,
            u"take-first take-back"_s, u"over shutdown"_s, u"goodbye"_s);
        row("the engine ends, and REST is down", Blind, u"document engine redirect-failed"_s,
            u"take-first take-back end-caller"_s, u"over shutdown"_s, u"goodbye"_s);
        row("an operator ends it", Warm, u"document human operator"_s,
            u"take-first call-human end-human end-caller"_s, u"over operator-ended"_s, u"hang-up"_s);
    }
    void aTransferGoes()
    {
        QFETCH(Targets, targets);
        QFETCH(bool, haveRest);
        QFETCH(QString, events);
        Talk talk(targets, haveRest);
        const QStringList all = events.split(u' ', Qt::SkipEmptyParts);
        for (const QString& event : all)
            talk.on(event);
        QTEST(talk.takeDone(), "done");
        QTEST(talk.state(), "state");
        QTEST(nameOf(talk.machine.document()), "document");
    }

    /// Whatever comes twice comes once.
    void everyCallbackMayComeTwice_data() { aTransferGoes_data(); }
    void everyCallbackMayComeTwice()
    {
        QFETCH(Targets, targets);
        QFETCH(bool, haveRest);
        QFETCH(QString, events);
        if (targets.size() > 1)
            QSKIP("whose callback it is, is told apart before");
        Talk talk(targets, haveRest);
        const QStringList all = events.split(u' ', Qt::SkipEmptyParts);
        for (const QString& event : all) {
            talk.on(event);
            if (!event.startsWith(u'+') && event != u"redirect-failed" && event != u"unknown")
                talk.on(event);
        }
        QTEST(talk.takeDone(), "done");
        QTEST(talk.state(), "state");
    }

    /// Every state and every event: nothing is done to a call that is over, nobody is called twice, and time alone
    /// brings every call to its end.
    void everyStateHasAWayOut()
    {
        QMap<QString, int> seen;
        std::vector<QStringList> paths{{}};
        for (std::size_t i = 0; i < paths.size(); ++i) {
            Talk talk(Warm);
            for (const QString& event : paths[i])
                talk.on(event);
            const QString key = talk.state() + nameOf(talk.machine.document());
            if (seen.contains(key) || paths[i].size() > 6)
                continue;
            seen.insert(key, int(i));
            for (const Event event : AllEvents)
                paths.push_back(paths[i] + QStringList{nameOf(event)});
            for (int hours = 0; hours < 4; ++hours)
                talk.on(u"+4000s"_s);
            QVERIFY2(talk.machine.state() == State::Over, qPrintable(paths[i].join(u' ')));
            talk.takeDone();
            for (const Event event : AllEvents)
                talk.machine.on(event, talk.now);
            QCOMPARE(talk.takeDone(), QString());
        }
        QVERIFY(seen.size() > 8);
    }
};

QTEST_APPLESS_MAIN(TstTransferMachine)
#include "tst_transfermachine.moc"
