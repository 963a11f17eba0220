// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/callbook.h"
#include "tests/support/fakeclock.h"

#include <QMap>
#include <QTest>

#include <algorithm>
#include <random>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

const QString Sid = u"CA00000000000000000000000000000001"_s;

IncomingCall callOf(const QString& sid = Sid, const QString& direction = u"outbound-api"_s)
{
    IncomingCall call;
    call.callSid = sid;
    call.accountSid = u"AC1"_s;
    call.from = u"+97231234567"_s;
    call.to = u"+972501234567"_s;
    call.direction = direction;
    return call;
}

CallStatus status(
    const QString& word, std::optional<int> sequence = {}, std::optional<int> duration = {}, const QString& sid = Sid)
{
    CallStatus told{sid, word, sequence, duration, {}, callOf(sid)};
    if (sequence)
        told.timestamp = QDateTime::fromMSecsSinceEpoch(1'700'000'000'000 + *sequence * 1000, Qt::UTC);
    return told;
}

/// A book, and what it told.
struct Desk final {
    FakeClock clock;
    QList<BookedCall> changes, records;
    QStringList overs;
    CallBook book;

    explicit Desk(CallBook::Settings settings = {})
        : book(clock, settings,
            {[this](const BookedCall& call) { changes += call; }, [this](const BookedCall& call) { records += call; },
                [this](const QString& sid) { overs += sid; }})
    {
    }
    CallState state(const QString& sid = Sid) const
    {
        const BookedCall* call = book.find(sid);
        return call ? call->state : CallState::Held;
    }
};

/// All of a record that is kept.
QString recordOf(const Desk& desk)
{
    if (desk.records.size() != 1)
        return u"%1 records"_s.arg(desk.records.size());
    const BookedCall& call = desk.records.front();
    return QStringList{endReasonName(call.reason), QString::number(call.duration.count()), call.about.from,
        call.about.to, call.about.direction, call.endedAt.toString(Qt::ISODateWithMs), callStateName(call.state)}
        .join(u' ');
}

} // namespace

class tst_CallBook final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void aPlacedCallGoesItsWay();
    void aCallThatNobodyTookHasItsReason_data();
    void aCallThatNobodyTookHasItsReason();
    void anyOrderOfCallbacksEndsInTheSameRecord_data();
    void anyOrderOfCallbacksEndsInTheSameRecord();
    void theLatestBySequenceCountsNotTheLastToCome();
    void withoutASequenceTheTimeDecides();
    void aFinalStatusIsNeverLeft();
    void aConversationKeepsItsOwnRecord();
    void theConversationsEndClosesTheCallWhenTwilioIsSilent();
    void aCallThatComesBackLivesAgain();
    void whoEndsItKnowsBetterWhy();
    void aStreamThatFailedIsNotTheEndAtOnce();
    void silenceIsTakenForTheEnd();
    void aCallThatWasTurnedAwayHasARecord();
    void whoIsCalledRingsUntilHeAnswers();
    void closingGivesEachItsRecord();
    void whatTwilioSaysInTimesToComeIsPassedOver();
    void endedCallsAreForgottenInTheOrderOfTheirEnds();
};

void tst_CallBook::aPlacedCallGoesItsWay()
{
    Desk desk;
    desk.book.placed(callOf());
    QCOMPARE(desk.state(), CallState::Queued);
    desk.book.progress(status(u"initiated"_s, 0));
    QCOMPARE(desk.state(), CallState::Dialling);
    desk.book.progress(status(u"ringing"_s, 1));
    QCOMPARE(desk.state(), CallState::Ringing);
    desk.book.progress(status(u"in-progress"_s, 2));
    QCOMPARE(desk.state(), CallState::Answered);
    desk.book.progress(status(u"completed"_s, 3, 12));
    QCOMPARE(desk.state(), CallState::Ended);
    QCOMPARE(desk.changes.size(), 4);
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.records[0].duration, 12s);
    QCOMPARE(desk.overs, QStringList{Sid});
    QVERIFY(desk.book.isOver(Sid));
}

void tst_CallBook::aCallThatNobodyTookHasItsReason_data()
{
    QTest::addColumn<QString>("word");
    QTest::addColumn<EndReason>("reason");
    QTest::newRow("busy") << u"busy"_s << EndReason::Busy;
    QTest::newRow("it rang in vain") << u"no-answer"_s << EndReason::NoAnswer;
    QTest::newRow("no such number") << u"failed"_s << EndReason::Failed;
    QTest::newRow("given up") << u"canceled"_s << EndReason::Canceled;
    QTest::newRow("hung up before a stream came") << u"completed"_s << EndReason::CallerHungUp;
}

void tst_CallBook::aCallThatNobodyTookHasItsReason()
{
    QFETCH(QString, word);
    QFETCH(EndReason, reason);
    Desk desk;
    desk.book.placed(callOf());
    desk.book.progress(status(u"ringing"_s, 1));
    desk.book.progress(status(word, 2));
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.records[0].reason, reason);
}

void tst_CallBook::anyOrderOfCallbacksEndsInTheSameRecord_data()
{
    QTest::addColumn<QString>("last");
    for (const char* word : {"completed", "busy", "no-answer", "failed", "canceled"})
        QTest::newRow(word) << QString::fromLatin1(word);
}

/// All orders of what Twilio sends, and of the engine's own news among it; each callback but the last once, twice or
/// never, in every combination.
void tst_CallBook::anyOrderOfCallbacksEndsInTheSameRecord()
{
    QFETCH(QString, last);
    const QList<CallStatus> all{
        status(u"initiated"_s, 0), status(u"ringing"_s, 1), status(u"in-progress"_s, 2), status(last, 3, 7)};
    QString expected;
    int tried = 0;
    for (int copies = 0; copies < 27 * 2; ++copies) {
        QList<int> sent;
        for (int i = 0, rest = copies; i < 3; ++i, rest /= 3)
            sent += QList<int>(rest % 3, i);
        sent += QList<int>(1 + copies / 27, 3);
        std::sort(sent.begin(), sent.end());
        do {
            Desk desk;
            for (const int which : std::as_const(sent))
                desk.book.progress(all[which]);
            ++tried;
            if (expected.isEmpty())
                expected = recordOf(desk);
            if (recordOf(desk) != expected || desk.state() != CallState::Ended) {
                QString order;
                for (const int which : std::as_const(sent))
                    order += all[which].status + u' ';
                QFAIL(qPrintable(order + u": "_s + recordOf(desk) + u", not "_s + expected));
            }
        } while (std::next_permutation(sent.begin(), sent.end()));
    }
    QVERIFY(expected.endsWith(u"ended"_s));
    QVERIFY(tried > 2000);
}

void tst_CallBook::theLatestBySequenceCountsNotTheLastToCome()
{
    // Whatever arrives in whatever order, the state is that of the highest number.
    QList<CallStatus> all{status(u"initiated"_s, 0), status(u"ringing"_s, 1), status(u"in-progress"_s, 2)};
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.status < b.status; });
    do {
        Desk desk;
        for (const CallStatus& told : std::as_const(all))
            desk.book.progress(told);
        QCOMPARE(desk.state(), CallState::Answered);
        desk.book.progress(status(u"ringing"_s, 1));
        QCOMPARE(desk.state(), CallState::Answered);
        QVERIFY(desk.book.counters().repeated > 0);
    } while (std::next_permutation(
        all.begin(), all.end(), [](const auto& a, const auto& b) { return a.status < b.status; }));
}

void tst_CallBook::withoutASequenceTheTimeDecides()
{
    CallStatus ringing = status(u"ringing"_s), initiated = status(u"initiated"_s);
    ringing.timestamp = QDateTime::fromMSecsSinceEpoch(1'700'000'002'000, Qt::UTC);
    initiated.timestamp = QDateTime::fromMSecsSinceEpoch(1'700'000'001'000, Qt::UTC);
    Desk desk;
    desk.book.progress(ringing);
    desk.book.progress(initiated);
    QCOMPARE(desk.state(), CallState::Ringing);

    // And without either, how far a call can have come.
    Desk bare;
    bare.book.progress(status(u"in-progress"_s));
    bare.book.progress(status(u"ringing"_s));
    QCOMPARE(bare.state(), CallState::Answered);
}

void tst_CallBook::aFinalStatusIsNeverLeft()
{
    Desk desk;
    desk.book.progress(status(u"in-progress"_s, 2));
    desk.book.progress(status(u"no-answer"_s, 3)); // it makes no sense; it is final all the same
    desk.book.progress(status(u"completed"_s, 4, 9));
    desk.book.progress(status(u"in-progress"_s, 5));
    desk.book.rings(callOf());
    desk.book.answered(callOf());
    desk.book.placed(callOf());
    desk.book.turnedAway(callOf());
    desk.clock.advance(10min);
    desk.book.expire();
    QCOMPARE(desk.state(), CallState::Ended);
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.records[0].reason, EndReason::NoAnswer);
    QCOMPARE(desk.book.counters().tooLate, quint64(2));
}

void tst_CallBook::aConversationKeepsItsOwnRecord()
{
    Desk desk;
    desk.book.rings(callOf(Sid, u"inbound"_s));
    desk.book.streamAdmitted(Sid);
    desk.book.conversationBegan(Sid);
    const qsizetype changes = desk.changes.size();
    desk.book.progress(status(u"completed"_s, 0, 60)); // overtakes the stream's `stop`
    QVERIFY(desk.book.isOver(Sid));
    desk.book.conversationEnded(Sid, EndReason::Completed);
    QCOMPARE(desk.records.size(), 0);
    QCOMPARE(desk.changes.size(), changes);
}

void tst_CallBook::theConversationsEndClosesTheCallWhenTwilioIsSilent()
{
    Desk desk;
    desk.book.rings(callOf(Sid, u"inbound"_s));
    desk.book.conversationBegan(Sid);
    desk.clock.advance(1h);
    desk.book.expire(); // it talks: it may take as long as it likes
    QCOMPARE(desk.state(), CallState::Ringing);
    desk.book.conversationEnded(Sid, EndReason::CallerHungUp);
    QCOMPARE(desk.state(), CallState::Ended);
    QCOMPARE(desk.overs, QStringList{Sid});
    QCOMPARE(desk.records.size(), 0);
}

void tst_CallBook::aCallThatComesBackLivesAgain()
{
    Desk desk;
    desk.book.conversationBegan(Sid);
    desk.book.conversationEnded(Sid, EndReason::Completed);
    QVERIFY(!desk.book.isOver(Sid)); // Twilio has not said so
    desk.book.conversationBegan(Sid);
    QCOMPARE(desk.state(), CallState::Answered);
    desk.book.progress(status(u"completed"_s, 3));
    QCOMPARE(desk.state(), CallState::Ended);
    QCOMPARE(desk.records.size(), 0);
}

void tst_CallBook::whoEndsItKnowsBetterWhy()
{
    Desk desk;
    desk.book.placed(callOf());
    desk.book.endsBecause(Sid, EndReason::OperatorEnded);
    desk.book.progress(status(u"canceled"_s, 1));
    QCOMPARE(desk.records[0].reason, EndReason::OperatorEnded);

    // But that it was busy is Twilio's to know.
    Desk other;
    other.book.placed(callOf());
    other.book.endsBecause(Sid, EndReason::OperatorEnded);
    other.book.progress(status(u"busy"_s, 1));
    QCOMPARE(other.records[0].reason, EndReason::Busy);
}

void tst_CallBook::aStreamThatFailedIsNotTheEndAtOnce()
{
    Desk desk;
    desk.book.rings(callOf(Sid, u"inbound"_s));
    desk.book.streamFailed(Sid);
    desk.book.expire();
    QCOMPARE(desk.records.size(), 0); // Twilio asks how it shall go on
    desk.clock.advance(6s);
    desk.book.expire();
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.records[0].reason, EndReason::StreamLost);
}

void tst_CallBook::silenceIsTakenForTheEnd()
{
    Desk desk;
    desk.book.placed(callOf());
    desk.clock.advance(2min);
    desk.book.progress(status(u"ringing"_s, 1));
    desk.clock.advance(2min);
    desk.book.expire();
    QCOMPARE(desk.records.size(), 0);
    desk.clock.advance(2min);
    desk.book.expire();
    desk.book.expire();
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.book.counters().unheard, quint64(1));
    QVERIFY(desk.book.isOver(Sid));
}

void tst_CallBook::aCallThatWasTurnedAwayHasARecord()
{
    Desk desk;
    desk.book.turnedAway(callOf(Sid, u"inbound"_s));
    desk.book.progress(status(u"completed"_s, 0, 4));
    QCOMPARE(desk.records.size(), 1);
    QCOMPARE(desk.records[0].reason, EndReason::Refused);
}

void tst_CallBook::whoIsCalledRingsUntilHeAnswers()
{
    Desk desk;
    IncomingCall placed = callOf(), ended = callOf(u"CA2"_s), unanswered = callOf(u"CA3"_s);
    placed.placed = ended.placed = unanswered.placed = u"OUT1"_s;
    desk.book.rings(callOf(u"CA4"_s, u"inbound"_s)); // comes in: nobody is called
    desk.book.placed(ended);
    desk.book.progress(status(u"no-answer"_s, 0, {}, u"CA2"_s));
    QCOMPARE(desk.book.ringingOut(), QStringList());
    desk.book.placed(placed);
    desk.book.placed(unanswered);
    desk.book.progress(status(u"ringing"_s, 1));
    QCOMPARE(desk.book.ringingOut(), (QStringList{Sid, u"CA3"_s}));
    desk.book.answered(placed);
    QCOMPARE(desk.book.ringingOut(), QStringList{u"CA3"_s});
    desk.book.progress(status(u"canceled"_s, 2, {}, u"CA3"_s));
    QCOMPARE(desk.book.ringingOut(), QStringList());
}

void tst_CallBook::closingGivesEachItsRecord()
{
    Desk desk;
    desk.book.rings(callOf(u"CA1"_s, u"inbound"_s));
    desk.book.turnedAway(callOf(u"CA2"_s, u"inbound"_s));
    desk.book.rings(callOf(u"CA3"_s, u"inbound"_s));
    desk.book.conversationBegan(u"CA3"_s); // which has its own
    desk.book.rings(callOf(u"CA4"_s, u"inbound"_s));
    desk.book.progress(status(u"completed"_s, 0, 3, u"CA4"_s));
    desk.records.clear();
    for (int i = 0; i < 2; ++i) {
        desk.book.close();
        QCOMPARE(desk.records.size(), 2);
    }
    QMap<QString, EndReason> reasons;
    for (const BookedCall& record : std::as_const(desk.records))
        reasons.insert(record.about.callSid, record.reason);
    QCOMPARE(reasons.value(u"CA1"_s), EndReason::Shutdown);
    QCOMPARE(reasons.value(u"CA2"_s), EndReason::Refused);
}

void tst_CallBook::whatTwilioSaysInTimesToComeIsPassedOver()
{
    Desk desk;
    desk.book.progress(status(u"teleporting"_s, 1));
    QCOMPARE(desk.book.size(), std::size_t(0));
}

void tst_CallBook::endedCallsAreForgottenInTheOrderOfTheirEnds()
{
    CallBook::Settings settings;
    settings.calls = 3;
    Desk desk(settings);
    for (const QString& sid : {u"CA1"_s, u"CA2"_s, u"CA3"_s})
        desk.book.placed(callOf(sid));
    desk.book.progress(status(u"busy"_s, 1, {}, u"CA2"_s));
    desk.book.progress(status(u"busy"_s, 1, {}, u"CA1"_s));
    desk.book.placed(callOf(u"CA4"_s));
    QVERIFY(!desk.book.find(u"CA2"_s));
    desk.book.placed(callOf(u"CA5"_s));
    QVERIFY(!desk.book.find(u"CA1"_s));
    QVERIFY(desk.book.find(u"CA3"_s));
    // Where nothing has ended, the oldest goes, and it is said.
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(u"CA3 is forgotten"_s));
    desk.book.placed(callOf(u"CA6"_s));
    QVERIFY(!desk.book.find(u"CA3"_s));
    QCOMPARE(desk.book.size(), std::size_t(3));

    // Ten thousand calls that come and go leave no more than that behind.
    Desk busy(settings);
    std::mt19937 random(7);
    for (int i = 0; i < 10'000; ++i) {
        const QString sid = u"CB%1"_s.arg(i);
        busy.book.placed(callOf(sid));
        if (random() % 2)
            busy.book.conversationBegan(sid);
        busy.book.progress(status(u"completed"_s, 3, {}, sid));
        busy.book.conversationEnded(sid, EndReason::Completed);
        QVERIFY(busy.book.size() <= 3);
    }
}

QTEST_GUILESS_MAIN(tst_CallBook)
#include "tst_callbook.moc"
