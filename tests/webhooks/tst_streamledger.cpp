// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/streamledger.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

class tst_StreamLedger final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aCallHasOneStreamAtATime();
    void aTokenOpensOneStreamEver();
    void aHandshakeThatFailedFreesItsPlace();
    void countsWhatIsOpenByWorker();
    void anUnknownCallChangesNothing();
    void forgetsSpentTokens();

private:
    StreamClaims claims(const QString& call, int ttl = 120) const
    {
        return {call, u"AC1"_s, m_clock.wallNow().addSecs(ttl)};
    }
    void admit(StreamLedger& ledger, const StreamClaims& of, int worker = 0) const
    {
        ledger.admitted(of, worker, m_clock.now(), m_clock.wallNow());
    }
    test::FakeClock m_clock;
};

void tst_StreamLedger::aCallHasOneStreamAtATime()
{
    StreamLedger ledger;
    const StreamClaims first = claims(u"CA1"_s);
    QVERIFY(!ledger.isTaken(first, m_clock.now()));
    admit(ledger, first);
    // From the verdict on, long before the handshake is over; another token of the same call is no better.
    QVERIFY(ledger.isTaken(first, m_clock.now()));
    QVERIFY(ledger.isTaken(claims(u"CA1"_s, 200), m_clock.now()));
    QVERIFY(!ledger.isTaken(claims(u"CA2"_s), m_clock.now()));
    QCOMPARE(ledger.workerOf(u"CA1"_s), std::optional(0));
    QCOMPARE(ledger.workerOf(u"CA2"_s), std::nullopt);
    ledger.started(u"CA1"_s);
    m_clock.advance(1h);
    QVERIFY(ledger.isTaken(claims(u"CA1"_s, 200), m_clock.now()));
}

void tst_StreamLedger::aTokenOpensOneStreamEver()
{
    StreamLedger ledger;
    const StreamClaims first = claims(u"CA1"_s);
    admit(ledger, first);
    ledger.started(u"CA1"_s);
    ledger.ended(u"CA1"_s);
    QCOMPARE(ledger.open(m_clock.now()), 0);
    QVERIFY(ledger.isTaken(first, m_clock.now()));
    // Sent to the webhook again, the call has a new token, and may use it.
    const StreamClaims second = claims(u"CA1"_s, 121);
    QVERIFY(!ledger.isTaken(second, m_clock.now()));
    admit(ledger, second);
    ledger.started(u"CA1"_s);
    ledger.ended(u"CA1"_s);
    QVERIFY(ledger.isTaken(first, m_clock.now()));
    QVERIFY(ledger.isTaken(second, m_clock.now()));
}

void tst_StreamLedger::aHandshakeThatFailedFreesItsPlace()
{
    StreamLedger ledger(StreamLedger::Settings{.handshake = 30s});
    const StreamClaims first = claims(u"CA1"_s);
    admit(ledger, first);
    m_clock.advance(29s);
    QCOMPARE(ledger.open(m_clock.now()), 1);
    m_clock.advance(1s);
    QCOMPARE(ledger.open(m_clock.now()), 0);
    QVERIFY(!ledger.isTaken(first, m_clock.now()));
    admit(ledger, first);
    ledger.started(u"CA1"_s);
    m_clock.advance(31s);
    QCOMPARE(ledger.open(m_clock.now()), 1);
}

void tst_StreamLedger::countsWhatIsOpenByWorker()
{
    StreamLedger ledger;
    admit(ledger, claims(u"CA1"_s), 0);
    admit(ledger, claims(u"CA2"_s), 1);
    admit(ledger, claims(u"CA3"_s), 1);
    ledger.started(u"CA2"_s);
    QCOMPARE(ledger.open(m_clock.now()), 3);
    QCOMPARE(ledger.open(m_clock.now(), 0), 1);
    QCOMPARE(ledger.open(m_clock.now(), 1), 2);
    QCOMPARE(ledger.open(m_clock.now(), 2), 0);
    ledger.ended(u"CA3"_s);
    QCOMPARE(ledger.open(m_clock.now(), 1), 1);
}

void tst_StreamLedger::anUnknownCallChangesNothing()
{
    StreamLedger ledger;
    ledger.started(u"CA1"_s);
    ledger.ended(u"CA1"_s);
    QCOMPARE(ledger.open(m_clock.now()), 0);
    QVERIFY(!ledger.isTaken(claims(u"CA1"_s), m_clock.now()));
}

void tst_StreamLedger::forgetsSpentTokens()
{
    StreamLedger ledger(StreamLedger::Settings{.spentTokens = 2});
    QList<StreamClaims> all;
    for (int i = 0; i < 4; ++i) {
        all += claims(u"CA%1"_s.arg(i));
        admit(ledger, all.last());
        ledger.started(all.last().callSid);
        ledger.ended(all.last().callSid);
    }
    // Of the four the oldest were over the limit when the fourth was let in.
    QVERIFY(!ledger.isTaken(all[0], m_clock.now()));
    for (int i = 1; i < 4; ++i)
        QVERIFY(ledger.isTaken(all[i], m_clock.now()));
    m_clock.advance(121s);
    admit(ledger, claims(u"CA9"_s));
    for (int i = 1; i < 4; ++i)
        QVERIFY(!ledger.isTaken(all[i], m_clock.now())); // the token's own expiry refuses it now
}

QTEST_GUILESS_MAIN(tst_StreamLedger)
#include "tst_streamledger.moc"
