// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/analysis.h"
#include "tests/evidence/loggedcall.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::evidence;
using namespace std::chrono_literals;

/// What is gathered of a call, what is hidden of it, and what is worked out.
class TestEvidence final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void everythingOfTheCallIsThereAndNothingOfAnother();
    void anUnknownCallIsNotFound();
    void requestsOfManyPagesComeWholeAndOldestFirst();
    void whatOperatorsDidStandsAmongTheEvents();
    void servicesStandAsTheyDidWhenTheCallBeganAndAsTheyChanged();
    void theAxisEndsWithTheCallAndNotWithAnEventAMonthLater();
    void aLiveCallSaysSo();
    void aMissingRecordingSaysWhy_data();
    void aMissingRecordingSaysWhy();
    void aWholeRecordingWinsOverAGrowingOne();
    void numbersAreHiddenAndNamesOfThingsAreNot_data();
    void numbersAreHiddenAndNamesOfThingsAreNot();
    void noNumberIsLeftAnywhere();
    void statesFollowOneAnother();
    void theChainTellsWhatIsMissing();
    void waitsAreJudgedAgainstBothLimits_data();
    void waitsAreJudgedAgainstBothLimits();
    void providersAreCountedByWhatTheyServed();
    void whatWasNotHeardIsTheRest_data();
    void whatWasNotHeardIsTheRest();
};

void TestEvidence::everythingOfTheCallIsThereAndNothingOfAnother()
{
    LoggedCall call;
    RequestRecord other;
    other.method = u"POST"_s;
    other.path = u"/webhook/other"_s;
    other.id = u"run-other"_s;
    other.at = LoggedCall::at(100);
    other.call = u"CAother"_s;
    call.entries.append({calllog::Entry::Kind::Request, other.call, other.at, requestToJson(other)});
    QVERIFY(call.store());
    const auto gathered = call.gather();
    QVERIFY2(gathered, qPrintable(gathered ? QString() : gathered.error().message));
    QCOMPARE(gathered->call.id, CallId);
    QCOMPARE(gathered->turns.size(), 3);
    QCOMPARE(gathered->requests.size(), 4);
    QCOMPARE(gathered->requests.first().path, u"/webhook/incoming_call"_s);
    QCOMPARE(gathered->requests.last().path, u"/webhook/call_status"_s);
    QCOMPARE(gathered->origin, LoggedCall::at(-400)); // the webhook came first
    QCOMPARE(gathered->length, 12440ms);
    QCOMPARE(gathered->offset(LoggedCall::at(0)), 400ms);
    QVERIFY(!gathered->isLive() && !gathered->isMasked && !gathered->isCut);
}

void TestEvidence::anUnknownCallIsNotFound()
{
    LoggedCall call;
    QVERIFY(call.store());
    const auto gathered = call.gather(u"CAnobody"_s);
    QVERIFY(!gathered);
    QCOMPARE(gathered.error().code, Error::Code::NotFound);
    QVERIFY(gathered.error().message.contains(u"CAnobody"_s));
}

void TestEvidence::requestsOfManyPagesComeWholeAndOldestFirst()
{
    LoggedCall call;
    for (int i = 0; i < 1100; ++i) {
        RequestRecord request;
        request.path = QString::number(i);
        call.request(request, 200 + i / 3); // several in one millisecond
    }
    QVERIFY(call.store());
    const CallEvidence gathered = call.gathered();
    QCOMPARE(gathered.requests.size(), 1104);
    QCOMPARE(gathered.requests.at(3).path, u"0"_s);
    QCOMPARE(gathered.requests.at(1102).path, u"1099"_s);
}

void TestEvidence::whatOperatorsDidStandsAmongTheEvents()
{
    LoggedCall call;
    call.entries.append({calllog::Entry::Kind::OperatorAct, CallId, LoggedCall::at(6600),
        {{u"operator"_s, u"dana"_s}, {u"act"_s, u"interrupt"_s}, {u"outcome"_s, u"done"_s}}});
    QVERIFY(call.store());
    const CallEvidence gathered = call.gathered();
    const auto act = std::find_if(gathered.events.cbegin(), gathered.events.cend(),
        [](const CallEvent& event) { return event.token == u"OPERATOR_ACT"_s; });
    QVERIFY(act != gathered.events.cend());
    QCOMPARE(act->data.value(u"operator"_s).toString(), u"dana"_s);
    QVERIFY(act + 1 != gathered.events.cend());
    QVERIFY((act - 1)->at <= act->at && act->at <= (act + 1)->at);
}

void TestEvidence::servicesStandAsTheyDidWhenTheCallBeganAndAsTheyChanged()
{
    LoggedCall call;
    const auto lamp = [&call](qint64 ms, const QString& service, const QString& state, const QString& reason = {}) {
        call.entries.append({calllog::Entry::Kind::Event, {}, LoggedCall::at(ms),
            {{u"token"_s, u"SERVICE_STATE"_s}, {u"service"_s, service}, {u"state"_s, state}, {u"reason"_s, reason}}});
    };
    lamp(-9000, u"stt"_s, u"warming"_s);
    lamp(-8000, u"tts"_s, u"failed"_s);
    lamp(-7000, u"stt"_s, u"ready"_s);
    lamp(-6000, u"tts"_s, u"ready"_s);
    lamp(3000, u"stt"_s, u"degraded"_s, u"call +972501234567"_s);
    lamp(4000, u"stt"_s, u"ready"_s);
    lamp(3'600'000, u"stt"_s, u"failed"_s); // long after
    QVERIFY(call.store());
    auto evidence = call.gathered();
    const auto told = [](const QList<CallEvent>& states) {
        QStringList words;
        for (const CallEvent& state : states)
            words += state.data.value(u"service"_s).toString() + u' ' + state.data.value(u"state"_s).toString();
        return words;
    };
    QCOMPARE(told(evidence.services), QStringList({u"stt ready"_s, u"tts ready"_s}));
    QCOMPARE(told(serviceChanges(evidence)), QStringList({u"stt degraded"_s, u"stt ready"_s}));
    // By time among the others, whose own order stays.
    const auto changed = std::find_if(evidence.events.cbegin(), evidence.events.cend(),
        [](const CallEvent& event) { return event.token == u"SERVICE_STATE"_s; });
    QVERIFY(changed != evidence.events.cbegin() && std::next(changed) != evidence.events.cend());
    QVERIFY(std::prev(changed)->at <= changed->at && changed->at <= std::next(changed)->at);
    const auto isLamp = [](const CallEvent& event) { return event.token == u"SERVICE_STATE"_s; };
    const auto wrong = troubles(evidence);
    QCOMPARE(std::count_if(wrong.cbegin(), wrong.cend(), isLamp), 1); // that it was well again is none
    hideNumbers(evidence);
    for (const CallEvent& event : evidence.events)
        QVERIFY(!event.data.value(u"reason"_s).toString().contains(u"501234567"_s));
}

void TestEvidence::theAxisEndsWithTheCallAndNotWithAnEventAMonthLater()
{
    LoggedCall call;
    call.event(u"RECORDING_DELETED"_s, 30ll * 24 * 3600 * 1000, {{u"what"_s, u"recording"_s}});
    QVERIFY(call.store());
    QCOMPARE(call.gathered().length, 12440ms);
}

void TestEvidence::aLiveCallSaysSo()
{
    LoggedCall call;
    call.entries.removeIf([](const auto& entry) { return entry.kind == calllog::Entry::Kind::CallEnded; });
    QVERIFY(call.store());
    const CallEvidence gathered = call.gathered();
    QVERIFY(gathered.isLive());
    QCOMPARE(gathered.length, 12440ms);
}

void TestEvidence::aMissingRecordingSaysWhy_data()
{
    QTest::addColumn<QString>("recording");
    QTest::addColumn<QString>("token");
    QTest::addColumn<QString>("reason");
    QTest::addColumn<QString>("why");
    QTest::newRow("none was made") << u""_s << u""_s << u""_s << u"the call was not recorded"_s;
    QTest::newRow("it is not where it was") << u"engine"_s << u""_s << u""_s << u"there is no such file"_s;
    QTest::newRow("it was deleted") << u"engine"_s << u"RECORDING_DELETED"_s << u""_s
                                    << u"was deleted at 2026-01-01T00:00:13Z"_s;
    QTest::newRow("nobody was told") << u"engine"_s << u"RECORDING_STOP"_s << u"no notice"_s
                                     << u"given up: no notice"_s;
    QTest::newRow("Twilio has it") << u"twilio"_s << u""_s << u""_s << u"Twilio recorded the call"_s;
}

void TestEvidence::aMissingRecordingSaysWhy()
{
    QFETCH(QString, recording);
    QFETCH(QString, token);
    QFETCH(QString, reason);
    QFETCH(QString, why);
    LoggedCall call;
    call.entries.removeIf([](const auto& entry) { return entry.kind == calllog::Entry::Kind::CallStarted; });
    call.started(recording.isEmpty() ? QJsonObject() : QJsonObject{{u"recording"_s, recording}});
    if (!token.isEmpty())
        call.event(token, 13000, {{u"reason"_s, reason}, {u"what"_s, u"recording"_s}});
    QVERIFY(call.store());
    const CallEvidence gathered = call.gathered();
    QVERIFY(gathered.sounds.recording.isEmpty());
    QVERIFY2(gathered.sounds.whyNone.contains(why), qPrintable(gathered.sounds.whyNone));
}

void TestEvidence::aWholeRecordingWinsOverAGrowingOne()
{
    LoggedCall call;
    call.record(true);
    QVERIFY(call.store());
    QVERIFY(call.gathered().sounds.recording.endsWith(u".part.wav"_s));
    QVERIFY(call.gathered().sounds.isGrowing);
    call.record();
    QVERIFY(call.gathered().sounds.recording.endsWith(CallId + u".wav"_s));
    QVERIFY(!call.gathered().sounds.isGrowing);
}

void TestEvidence::numbersAreHiddenAndNamesOfThingsAreNot_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const QString& text, const QString& expected) {
        QTest::newRow(name) << text << expected;
    };
    row("a number", u"call +972501234567 now"_s, u"call +••••4567 now"_s);
    row("in words", u"it is five five five one two three four"_s, u"it is ••••1234"_s);
    row("in Hebrew words", u"אפס חמש אפס אחת שתיים שלוש ארבע"_s, u"••••1234"_s);
    row("with hyphens", u"555-123-4567, please"_s, u"••••4567, please"_s);
    row("few digits stay", u"room 1234, at 10:30, for 2"_s, u"room 1234, at 10:30, for 2"_s);
    row("a Sid stays", CallId + u"-1.wav"_s, CallId + u"-1.wav"_s);
    row("a Sid beside a number", u"MZ12345678901234567890123456789012 of 5551234"_s,
        u"MZ12345678901234567890123456789012 of ••••1234"_s);
    row("a date stays", u"2026-11-23 and 2026-11-23T12:41:49.640Z and 2010-04-01"_s,
        u"2026-11-23 and 2026-11-23T12:41:49.640Z and 2010-04-01"_s);
    row("an address stays", u"wss://host/123456789 5551234"_s, u"wss://host/123456789 ••••1234"_s);
    row("what is masked stays", u"+972•••••4567"_s, u"+972•••••4567"_s);
    row("nothing", {}, {});
}

void TestEvidence::numbersAreHiddenAndNamesOfThingsAreNot()
{
    QFETCH(QString, text);
    QFETCH(QString, expected);
    QCOMPARE(withoutNumbers(text), expected);
}

void TestEvidence::noNumberIsLeftAnywhere()
{
    LoggedCall call;
    RequestRecord request;
    request.parameters = {{u"SpeechResult"_s, u"reach me at 0501234567"_s}};
    request.reason = u"no such number 0501234567"_s;
    call.request(request, 300);
    call.event(u"TRANSFER"_s, 400, {{u"to"_s, u"0501234567"_s}, {u"nested"_s, QJsonArray{u"0501234567"_s}}});
    call.turn(
        {9, TurnInput::Keypad, u"0501234567"_s, 1, u"I have 0501234567"_s, u"I have 0501234567"_s, false, false, {}},
        500);
    QVERIFY(call.store());
    CallEvidence evidence = call.gathered();
    const auto text = [&evidence] {
        QString all = QString::fromUtf8(QJsonDocument(evidence.ended).toJson());
        for (const TranscriptTurn& turn : evidence.turns)
            all += turn.record.callerText + turn.record.agentText + turn.record.heardText;
        for (const CallEvent& event : evidence.events)
            all += QString::fromUtf8(QJsonDocument(event.data).toJson());
        for (const RequestRecord& one : evidence.requests)
            all += QString::fromUtf8(QJsonDocument(requestToJson(one)).toJson());
        return all;
    };
    QCOMPARE(text().count(u"0501234567"_s), 7);
    hideNumbers(evidence);
    QVERIFY(evidence.isMasked);
    QVERIFY(!text().contains(u"0501234567"_s) && !text().contains(u"five five"_s) && !text().contains(u"5551234567"_s));
    QVERIFY(text().contains(u"••••4567"_s) && text().contains(CallId));
}

void TestEvidence::statesFollowOneAnother()
{
    LoggedCall call;
    QVERIFY(call.store());
    const QList<Stretch> all = states(call.gathered());
    QStringList names;
    for (qsizetype i = 0; i < all.size(); ++i) {
        names += all[i].name;
        if (i > 0)
            QCOMPARE(all[i].from, all[i - 1].to);
    }
    QCOMPARE(names.join(u' '), u"thinking speaking listening thinking speaking listening thinking speaking"_s);
    QCOMPARE(all.last().to, 12300ms);
    const QList<Stretch> caller = callerStretches(call.gathered());
    QCOMPARE(caller.size(), 2); // nobody speaks before the greeting
    QCOMPARE(caller.first().from, 3400ms);
    QCOMPARE(caller.first().to, 5000ms);
}

void TestEvidence::theChainTellsWhatIsMissing()
{
    LoggedCall call;
    QVERIFY(call.store());
    const auto links = chain(call.gathered());
    QVERIFY(isWhole(links));
    QCOMPARE(links.at(2).token, u"EoU_ms"_s);
    QCOMPARE(links.at(2).times, 2);
    QCOMPARE(links.at(2).value, u"400–450 ms"_s);
    QCOMPARE(links.at(4).value, u"50–120 frames"_s);
    QCOMPARE(links.at(5).value, u"41 ms"_s);
    QCOMPARE(links.at(6).value, u"completed"_s);

    LoggedCall cut;
    cut.drop(u"PNG_PONG"_s);
    QVERIFY(cut.store());
    QVERIFY(!isWhole(chain(cut.gathered())));
    QCOMPARE(chain(cut.gathered()).at(5).times, 0);
}

void TestEvidence::waitsAreJudgedAgainstBothLimits_data()
{
    QTest::addColumn<int>("ms");
    QTest::addColumn<QString>("verdict");
    QTest::newRow("nobody") << -1 << u"nobody-waited"_s;
    QTest::newRow("none") << 0 << u"good"_s;
    QTest::newRow("just good") << 3000 << u"good"_s;
    QTest::newRow("slow") << 3001 << u"slow"_s;
    QTest::newRow("just slow") << 6000 << u"slow"_s;
    QTest::newRow("too long") << 6001 << u"too-long"_s;
}

void TestEvidence::waitsAreJudgedAgainstBothLimits()
{
    QFETCH(int, ms);
    QFETCH(QString, verdict);
    LatencyParts latency;
    if (ms >= 0)
        latency.total = Milliseconds(ms);
    QCOMPARE(verdictName(verdictOf(latency)), verdict);
}

void TestEvidence::providersAreCountedByWhatTheyServed()
{
    LoggedCall call;
    QVERIFY(call.store());
    const CallEvidence evidence = call.gathered();
    QStringList rows;
    for (const ProviderRow& row : providers(evidence))
        rows += u"%1 %2 %3 %4 %5"_s.arg(row.stage, row.provider)
                    .arg(row.turns)
                    .arg(row.longest ? row.longest->count() : -1)
                    .arg(row.left);
    // Token and sentence of one turn are one part of one provider's; settings are no providers.
    QCOMPARE(
        rows.join(u'\n'), u"STT google 2 120 0\nLLM openai 2 500 0\nTTS elevenlabs 1 120 1\nTTS embedded 1 2200 0"_s);
    QCOMPARE(troubles(evidence).size(), 1);
    QCOMPARE(troubles(evidence).first().token, u"FAILOVER"_s);
    const WaitSummary summary = waits(evidence);
    QCOMPARE(summary.waits, 2);
    QCOMPARE(summary.slow, 1);
    QCOMPARE(summary.longest, 3300ms);
    QCOMPARE(summary.median, 2200ms); // between the two
}

void TestEvidence::whatWasNotHeardIsTheRest_data()
{
    QTest::addColumn<QString>("agent");
    QTest::addColumn<QString>("heard");
    QTest::addColumn<QString>("unheard");
    QTest::newRow("all was heard") << u"Hello there."_s << u"Hello there."_s << u""_s;
    QTest::newRow("a part") << u"Hello there. How are you?"_s << u"Hello there."_s << u"How are you?"_s;
    QTest::newRow("nothing") << u"Hello"_s << u""_s << u"Hello"_s;
    QTest::newRow("other spaces") << u"One.  Two. Three."_s << u"One. Two."_s << u"Three."_s;
    QTest::newRow("a line instead") << u"The answer."_s << u"I am sorry."_s << u"The answer."_s;
    QTest::newRow("more than was said") << u"One."_s << u"One. Two."_s << u"One."_s;
    QTest::newRow("neither") << u""_s << u""_s << u""_s;
}

void TestEvidence::whatWasNotHeardIsTheRest()
{
    QFETCH(QString, agent);
    QFETCH(QString, heard);
    QFETCH(QString, unheard);
    TurnRecord turn;
    turn.agentText = agent;
    turn.heardText = heard;
    QCOMPARE(unheardOf(turn), unheard);
}

QTEST_GUILESS_MAIN(TestEvidence)
#include "tst_evidence.moc"
