// SPDX-License-Identifier: Apache-2.0
#include "tests/providers/realtime/realtimecaller.h"

#include <QJsonArray>
#include <QTimer>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::UserTurn;
using Phase = RealtimeStandIn::Phase;

Q_DECLARE_METATYPE(kav::test::VendorFault)
Q_DECLARE_METATYPE(kav::test::RealtimeStandIn::Phase)

/// A vendor that fails: whoever waits is told once, in time and in words, and the next question finds a way.
class TestRealtimeFaults final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_vendor = std::make_unique<RealtimeStandIn>();
        m_clock = std::make_unique<FakeClock>();
    }
    void cleanup()
    {
        m_caller.reset();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        m_vendor.reset();
    }

    void anAddressOrAKeyOfTheWrongFormIsSaid_data();
    void anAddressOrAKeyOfTheWrongFormIsSaid();
    void aProbeThatFailsIsSaidInWords_data();
    void aProbeThatFailsIsSaidInWords();
    void anUnreachableVendorIsSaid();
    void aFaultWhileConnecting_data();
    void aFaultWhileConnecting();
    void aFaultWhileTheSessionBegins_data();
    void aFaultWhileTheSessionBegins();
    void aFaultWhileWordsAreWritten_data();
    void aFaultWhileWordsAreWritten();
    void aFaultWhileAnswering_data();
    void aFaultWhileAnswering();
    void aLostUtteranceIsToldWhileItIsSpoken();
    void allThatWaitAreTold();
    void theSessionEndsInMidAnswer_data();
    void theSessionEndsInMidAnswer();
    void aRefusedSessionIsSaid();
    void aRefusedResponseIsToldByItsCause();
    void wordsThatAreRefusedAreNotAnswered();
    void someoneElsesErrorIsNotOurs();
    void anAnswerThatIsNone_data();
    void anAnswerThatIsNone();
    void soundThatIsNoneEndsTheConnection();
    void aSlowVendorIsWaitedFor();
    void aVendorThatTakesNothingIsLeft();
    void noSecretIsEverSaid();
    void strangeEventsDoNoHarm();

private:
    RealtimeCaller& start()
    {
        m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
        m_vendor->sessions.clear(); // of the probes
        return *m_caller;
    }
    /// The clock goes on until `isOver`, in steps shorter than any deadline.
    bool waitFor(const std::function<bool()>& isOver, Milliseconds atMost = 20000ms)
    {
        for (Milliseconds passed{0}; passed < atMost && !isOver(); passed += 500ms) {
            QTest::qWait(70); // the deadlines look at the clock every 50 ms
            m_clock->advance(500ms);
        }
        return isOver();
    }
    static void addFaults(bool isMid)
    {
        QTest::addColumn<VendorFault>("fault");
        QTest::addColumn<QString>("told");
        QTest::newRow("reset") << VendorFault::ResetBeforeAnswer << QStringLiteral("unavailable");
        QTest::newRow("hang") << VendorFault::HangBeforeAnswer << QStringLiteral("timeout");
        QTest::newRow("half open") << VendorFault::HalfOpen << QStringLiteral("timeout");
        QTest::newRow("garbage") << VendorFault::Garbage << QStringLiteral("unavailable");
        if (!isMid)
            return;
        QTest::newRow("reset in the middle") << VendorFault::ResetMidAnswer << QStringLiteral("unavailable");
        QTest::newRow("hang in the middle") << VendorFault::HangMidAnswer << QStringLiteral("timeout");
        QTest::newRow("over its limit") << VendorFault::Limit429 << QStringLiteral("limit-exceeded");
        QTest::newRow("a fault of its own") << VendorFault::Fault500 << QStringLiteral("unavailable");
    }
    /// Whatever happened before, it goes on.
    void goesOn(int utterance)
    {
        m_vendor->setFault(VendorFault::None);
        m_caller->say(utterance);
        QTRY_VERIFY(m_caller->has(QStringLiteral("heard %1 hello there").arg(utterance)));
        m_caller->ask(utterance, m_caller->words);
        QTRY_VERIFY(m_caller->has(QStringLiteral("answered %1").arg(utterance)));
        QCOMPARE(m_caller->text, QStringLiteral("Yes, certainly."));
        QVERIFY(m_vendor->session().conversation().endsWith(QStringLiteral("user:(500 ms)|assistant:(400 ms)")));
        QCOMPARE(m_vendor->session().errors, QStringList());
    }

    std::unique_ptr<RealtimeStandIn> m_vendor;
    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<RealtimeCaller> m_caller;
};

void TestRealtimeFaults::anAddressOrAKeyOfTheWrongFormIsSaid_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("reason");
    const QString good = QStringLiteral("wss://api.openai.com/v1/realtime");
    QTest::newRow("no address") << QString() << QString() << QStringLiteral("is no ws:// or wss:// address");
    QTest::newRow("http") << QStringLiteral("https://api.openai.com/v1") << QString()
                          << QStringLiteral("is no ws:// or wss:// address");
    QTest::newRow("a user in it") << QStringLiteral("wss://me:pw@host/v1") << QString()
                                  << QStringLiteral("and nothing else");
    QTest::newRow("a line break in the key")
        << good << QStringLiteral("sk-1\r\nX: y") << QStringLiteral("a line break");
    QTest::newRow("Hebrew in the key") << good << QStringLiteral("מפתח") << QStringLiteral("no key has");
}

void TestRealtimeFaults::anAddressOrAKeyOfTheWrongFormIsSaid()
{
    QFETCH(QString, url);
    QFETCH(QString, key);
    QFETCH(QString, reason);
    providers::RealtimeSettings settings;
    settings.url = QUrl(url);
    settings.key = key;
    const auto made = providers::RealtimeLanguageModel::create(settings, providers::makeRealtimeHub(), *m_clock);
    QVERIFY(!made);
    QVERIFY2(made.error().message.contains(reason), qPrintable(made.error().message));
    QVERIFY(key.isEmpty() || !toString(made.error()).contains(key));
}

void TestRealtimeFaults::aProbeThatFailsIsSaidInWords_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<Phase>("phase");
    QTest::addColumn<QString>("told");
    QTest::addColumn<QString>("reason");
    const auto timeout = QStringLiteral("timeout"), unavailable = QStringLiteral("unavailable");
    QTest::newRow("401") << VendorFault::Refuse401 << Phase::Any << QStringLiteral("denied")
                         << QStringLiteral("127.0.0.1 answered 401: the key or the account is refused");
    QTest::newRow("429") << VendorFault::Limit429 << Phase::Connect << QStringLiteral("limit-exceeded")
                         << QStringLiteral("127.0.0.1 answered 429: too many requests, or the quota is used up");
    QTest::newRow("500") << VendorFault::Fault500 << Phase::Connect << unavailable
                         << QStringLiteral("127.0.0.1 answered 500: the service has a fault");
    QTest::newRow("reset") << VendorFault::ResetBeforeAnswer << Phase::Connect << unavailable
                           << QStringLiteral("127.0.0.1 cannot be reached");
    QTest::newRow("garbage") << VendorFault::Garbage << Phase::Connect << unavailable
                             << QStringLiteral("127.0.0.1 cannot be reached");
    QTest::newRow("half open") << VendorFault::HalfOpen << Phase::Connect << timeout
                               << QStringLiteral("127.0.0.1 opened no session within 3500 ms");
    QTest::newRow("no session") << VendorFault::HangBeforeAnswer << Phase::Session << timeout
                                << QStringLiteral("127.0.0.1 opened no session within 3500 ms");
    QTest::newRow("reset after the upgrade") << VendorFault::ResetBeforeAnswer << Phase::Session << unavailable
                                             << QStringLiteral("127.0.0.1 closed the connection (1006)");
    QTest::newRow("garbage for a session") << VendorFault::Garbage << Phase::Session << QStringLiteral("unavailable")
                                           << QStringLiteral("127.0.0.1 said something that is no event");
}

void TestRealtimeFaults::aProbeThatFailsIsSaidInWords()
{
    QFETCH(VendorFault, fault);
    QFETCH(Phase, phase);
    QFETCH(QString, told);
    QFETCH(QString, reason);
    m_vendor->setFault(fault, phase);
    QTimer time;
    connect(&time, &QTimer::timeout, this, [this] { m_clock->advance(500ms); });
    if (fault == VendorFault::HalfOpen || fault == VendorFault::HangBeforeAnswer)
        time.start(20);
    const auto made =
        providers::RealtimeSpeechToText::create(settingsFor(*m_vendor), providers::makeRealtimeHub(), *m_clock);
    QVERIFY(!made);
    QCOMPARE(made.error().message, reason);
    QCOMPARE(errorCodeName(made.error().code), told);
    QVERIFY(!toString(made.error()).contains(m_vendor->key));
    QCOMPARE(made.error().retryAfter, fault == VendorFault::Limit429 ? 7000ms : 0ms);
}

void TestRealtimeFaults::anUnreachableVendorIsSaid()
{
    const auto settings = settingsFor(*m_vendor);
    m_vendor->stopListening();
    const auto made = providers::RealtimeLanguageModel::create(settings, providers::makeRealtimeHub(), *m_clock);
    QVERIFY(!made);
    QCOMPARE(made.error().code, Error::Code::Unavailable);
    QCOMPARE(made.error().message, QStringLiteral("127.0.0.1 cannot be reached"));
    QVERIFY(made.error().detail.contains(QStringLiteral("refused"), Qt::CaseInsensitive));
}

void TestRealtimeFaults::aFaultWhileConnecting_data()
{
    addFaults(false);
    QTest::newRow("the key is refused") << VendorFault::Refuse401 << QStringLiteral("denied");
    QTest::newRow("over its limit") << VendorFault::Limit429 << QStringLiteral("limit-exceeded");
    QTest::newRow("a fault of its own") << VendorFault::Fault500 << QStringLiteral("unavailable");
}

void TestRealtimeFaults::aFaultWhileConnecting()
{
    QFETCH(VendorFault, fault);
    QFETCH(QString, told);
    if (fault == VendorFault::Garbage)
        told = QStringLiteral("unavailable"); // of HTTP
    RealtimeCaller& caller = start();
    m_vendor->setFault(fault, Phase::Connect);
    caller.open();
    caller.say(1);
    caller.ask(1, QStringLiteral("hi"));
    QVERIFY(waitFor([&] { return caller.log.size() == 2; }));
    QVERIFY(caller.has(QStringLiteral("deaf 1 %1").arg(told)));
    QVERIFY(caller.has(QStringLiteral("mute 1 %1").arg(told)));
    caller.conversation->cancel(1);
    goesOn(2);
    QCOMPARE(caller.log.filter(QStringLiteral("deaf")).size(), 1);
    QCOMPARE(caller.log.filter(QStringLiteral("mute")).size(), 1);
}

void TestRealtimeFaults::aFaultWhileTheSessionBegins_data()
{
    addFaults(false);
    QTest::newRow("it is never configured") << VendorFault::HangMidAnswer << QStringLiteral("timeout");
}

void TestRealtimeFaults::aFaultWhileTheSessionBegins()
{
    QFETCH(VendorFault, fault);
    QFETCH(QString, told);
    RealtimeCaller& caller = start();
    m_vendor->setFault(fault, Phase::Session);
    if (fault == VendorFault::HangMidAnswer)
        m_vendor->holdsTranscripts = true;
    caller.open();
    caller.stream->beginUtterance(1, {});
    caller.speak(500);
    QVERIFY(waitFor([&] { return !caller.log.isEmpty(); }));
    QCOMPARE(caller.log, QStringList{QStringLiteral("deaf 1 %1").arg(told)});
    m_vendor->holdsTranscripts = false;
    goesOn(2);
}

void TestRealtimeFaults::aFaultWhileWordsAreWritten_data()
{
    addFaults(true);
}

void TestRealtimeFaults::aFaultWhileWordsAreWritten()
{
    QFETCH(VendorFault, fault);
    QFETCH(QString, told);
    RealtimeCaller& caller = start();
    caller.open();
    m_vendor->setFault(fault, Phase::Transcript);
    caller.say(1);
    QVERIFY(waitFor([&] { return caller.log.contains(QStringLiteral("deaf 1 %1").arg(told)); }));
    // Its words may still come from another recogniser.
    m_vendor->setFault(VendorFault::None);
    caller.ask(1, QStringLiteral("as another heard"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QVERIFY(m_vendor->session().conversation().endsWith(QStringLiteral("user:as another heard|assistant:(400 ms)")));
    goesOn(2);
    QVERIFY(!caller.has(QStringLiteral("heard 1 hello there")));
}

void TestRealtimeFaults::aFaultWhileAnswering_data()
{
    addFaults(true);
}

void TestRealtimeFaults::aFaultWhileAnswering()
{
    QFETCH(VendorFault, fault);
    QFETCH(QString, told);
    RealtimeCaller& caller = start();
    caller.open();
    m_vendor->setFault(fault, Phase::Answer);
    caller.ask(1, QStringLiteral("hi"));
    QVERIFY(waitFor([&] { return !caller.log.isEmpty(); }));
    QCOMPARE(caller.log, QStringList{QStringLiteral("mute 1 %1").arg(told)});
    const bool isMid = fault == VendorFault::ResetMidAnswer || fault == VendorFault::HangMidAnswer;
    if (isMid)
        QCOMPARE(caller.audio.size(), 100 * 8);
    caller.conversation->cancel(1);
    goesOn(2);
    QCOMPARE(caller.log.filter(QStringLiteral("mute")).size(), 1);
    QVERIFY(!m_vendor->session().conversation().contains(QStringLiteral("user:hi")));
}

void TestRealtimeFaults::aLostUtteranceIsToldWhileItIsSpoken()
{
    RealtimeCaller& caller = start();
    caller.open();
    caller.stream->beginUtterance(1, {});
    caller.speak(200);
    QTRY_VERIFY(!m_vendor->session().audio.isEmpty());
    m_vendor->closeAll(1011);
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("deaf 1 unavailable")});
    QCOMPARE(caller.error.message, QStringLiteral("127.0.0.1 closed the connection (1011)"));
    caller.speak(200);
    caller.stream->endUtterance(1);
    caller.stream->dropUtterance(1);
    goesOn(2);
    QCOMPARE(caller.log.filter(QStringLiteral("deaf")).size(), 1);
}

void TestRealtimeFaults::allThatWaitAreTold()
{
    RealtimeCaller& caller = start();
    caller.open();
    m_vendor->holdsTranscripts = true;
    RealtimeAnswer answer;
    answer.holdAfter = 1;
    m_vendor->answers.push_back(answer);
    caller.say(1);
    caller.say(2);
    caller.stream->beginUtterance(3, {});
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    m_vendor->closeAll(1001);
    QTRY_COMPARE(caller.log.size(), 4);
    caller.log.sort();
    QCOMPARE(caller.log,
        (QStringList{QStringLiteral("deaf 1 unavailable"), QStringLiteral("deaf 2 unavailable"),
            QStringLiteral("deaf 3 unavailable"), QStringLiteral("mute 1 unavailable")}));
    m_vendor->holdsTranscripts = false;
    goesOn(4);
}

void TestRealtimeFaults::theSessionEndsInMidAnswer_data()
{
    QTest::addColumn<bool>("isExpiry");
    QTest::newRow("after sixty minutes") << true;
    QTest::newRow("the vendor restarts") << false;
}

void TestRealtimeFaults::theSessionEndsInMidAnswer()
{
    QFETCH(bool, isExpiry);
    RealtimeCaller& caller = start();
    caller.open();
    RealtimeAnswer answer;
    answer.holdAfter = 2;
    m_vendor->answers.push_back(answer);
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 200 * 8);
    if (isExpiry)
        m_vendor->expireAll();
    else
        m_vendor->closeAll(1012);
    QTRY_COMPARE(caller.log.size(), 1);
    QVERIFY(caller.log.first().startsWith(QStringLiteral("mute 1")));
    if (isExpiry)
        QVERIFY(caller.error.message.contains(QStringLiteral("maximum duration of 60 minutes")));
    caller.conversation->heard(1, QStringLiteral("Yes"), true, 150ms);
    goesOn(2);
    // The new session knows what the caller heard of the old one's answer.
    QCOMPARE(
        m_vendor->session().conversation(), QStringLiteral("user:hi|assistant:Yes|user:(500 ms)|assistant:(400 ms)"));
}

void TestRealtimeFaults::aRefusedSessionIsSaid()
{
    RealtimeCaller& caller = start();
    m_vendor->isBeta = true; // knows nothing of the present shape
    caller.open();
    caller.say(1);
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("deaf 1 invalid")});
    QVERIFY(caller.error.message.contains(QStringLiteral("unknown_parameter")));
}

void TestRealtimeFaults::aRefusedResponseIsToldByItsCause()
{
    RealtimeCaller& caller = start();
    caller.open();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    m_vendor->setFault(VendorFault::HangBeforeAnswer, Phase::Answer);
    caller.ask(2, QStringLiteral("and"));
    QTRY_COMPARE(m_vendor->session().of(QStringLiteral("response.create")).size(), 2);
    const QString cause =
        m_vendor->session().of(QStringLiteral("response.create")).last()[QStringLiteral("event_id")].toString();
    QVERIFY(!cause.isEmpty());
    m_vendor->sendToAll({{QStringLiteral("type"), QStringLiteral("error")},
        {QStringLiteral("error"),
            QJsonObject{{QStringLiteral("type"), QStringLiteral("rate_limit_error")},
                {QStringLiteral("event_id"), cause}, {QStringLiteral("message"), QStringLiteral("too fast")}}}});
    QTRY_VERIFY(caller.has(QStringLiteral("mute 2 limit-exceeded")));
    QVERIFY(m_vendor->session().isOpen);
}

void TestRealtimeFaults::wordsThatAreRefusedAreNotAnswered()
{
    RealtimeCaller& caller = start();
    caller.open();
    RealtimeAnswer answer;
    answer.holdAfter = 0;
    m_vendor->answers.push_back(answer);
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(m_vendor->session().of(QStringLiteral("response.create")).size(), 1);
    const QJsonObject told = m_vendor->session().of(QStringLiteral("conversation.item.create")).value(0);
    m_vendor->sendToAll({{QStringLiteral("type"), QStringLiteral("error")},
        {QStringLiteral("error"),
            QJsonObject{{QStringLiteral("type"), QStringLiteral("invalid_request_error")},
                {QStringLiteral("event_id"), told[QStringLiteral("event_id")]},
                {QStringLiteral("message"), QStringLiteral("no such role")}}}});
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("mute 1 invalid")});
    QTRY_COMPARE(m_vendor->session().of(QStringLiteral("response.cancel")).size(), 1);
    caller.conversation->cancel(1);
    goesOn(2);
}

void TestRealtimeFaults::someoneElsesErrorIsNotOurs()
{
    RealtimeCaller& caller = start();
    caller.open();
    RealtimeAnswer answer;
    answer.holdAfter = 1;
    m_vendor->answers.push_back(answer);
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    const auto complain = [this](const char* code, const QString& cause) {
        m_vendor->sendToAll({{QStringLiteral("type"), QStringLiteral("error")},
            {QStringLiteral("error"),
                QJsonObject{{QStringLiteral("type"), QStringLiteral("invalid_request_error")},
                    {QStringLiteral("code"), QLatin1String(code)}, {QStringLiteral("event_id"), cause},
                    {QStringLiteral("message"), QStringLiteral("no")}}}});
    };
    complain("item_delete_invalid_item_id", QStringLiteral("kav_998"));
    complain("response_cancel_not_active", QStringLiteral("kav_999"));
    complain("response_cancel_not_active", QString());
    m_vendor->release();
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("answered 1")});
    // A complaint about the session's configuration does matter, at any time.
    m_vendor->answers.push_back(answer);
    caller.ask(2, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    complain("invalid_value",
        m_vendor->session().of(QStringLiteral("session.update")).value(0)[QStringLiteral("event_id")].toString());
    QTRY_VERIFY(caller.has(QStringLiteral("mute 2 invalid")));
}

void TestRealtimeFaults::anAnswerThatIsNone_data()
{
    QTest::addColumn<QString>("status");
    QTest::addColumn<QString>("reason");
    QTest::addColumn<int>("milliseconds");
    QTest::addColumn<QString>("told");
    QTest::newRow("empty") << QStringLiteral("completed") << QString() << 0 << QStringLiteral("mute 1 unavailable");
    QTest::newRow("filtered") << QStringLiteral("incomplete") << QStringLiteral("content_filter") << 0
                              << QStringLiteral("mute 1 invalid");
    QTest::newRow("too long at once") << QStringLiteral("incomplete") << QStringLiteral("max_output_tokens") << 0
                                      << QStringLiteral("mute 1 invalid");
    QTest::newRow("cut short") << QStringLiteral("incomplete") << QStringLiteral("max_output_tokens") << 300
                               << QStringLiteral("answered 1");
    QTest::newRow("taken back") << QStringLiteral("cancelled") << QString() << 300
                                << QStringLiteral("mute 1 unavailable");
}

void TestRealtimeFaults::anAnswerThatIsNone()
{
    QFETCH(QString, status);
    QFETCH(QString, reason);
    QFETCH(int, milliseconds);
    QFETCH(QString, told);
    RealtimeAnswer answer;
    answer.status = status;
    answer.reason = reason;
    answer.milliseconds = milliseconds;
    answer.transcript.clear();
    m_vendor->answers.push_back(answer);
    RealtimeCaller& caller = start();
    caller.open();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.log, QStringList{told});
    caller.conversation->cancel(1);
    goesOn(2);
}

void TestRealtimeFaults::soundThatIsNoneEndsTheConnection()
{
    RealtimeCaller& caller = start();
    caller.open();
    RealtimeAnswer answer;
    answer.holdAfter = 1;
    m_vendor->answers.push_back(answer);
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    // Of nobody's response: not looked at. Of ours: the end.
    const auto sound = [](const QString& response) {
        return QJsonObject{{QStringLiteral("type"), QStringLiteral("response.output_audio.delta")},
            {QStringLiteral("response_id"), response}, {QStringLiteral("item_id"), QStringLiteral("x")},
            {QStringLiteral("delta"), QStringLiteral("%%%%")}};
    };
    m_vendor->sendToAll(sound(QStringLiteral("resp_other")));
    QTest::qWait(0);
    QCOMPARE(caller.log, QStringList());
    m_vendor->sendToAll(sound(m_vendor->lastResponse));
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("mute 1 unavailable")});
    caller.conversation->cancel(1);
    goesOn(2);
}

void TestRealtimeFaults::aSlowVendorIsWaitedFor()
{
    RealtimeCaller& caller = start();
    m_vendor->setFault(VendorFault::SlowBytes);
    caller.open();
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 hello there")));
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.audio.size(), 400 * 8);
}

void TestRealtimeFaults::aVendorThatTakesNothingIsLeft()
{
    RealtimeCaller& caller = start();
    m_vendor->setFault(VendorFault::HalfOpen, Phase::Connect);
    caller.open();
    // Speech without end on a connection that does not open: bounded, and told.
    for (int utterance = 1; utterance < 200 && caller.log.filter(QStringLiteral("deaf 1 ")).isEmpty(); ++utterance) {
        caller.say(utterance, 10000);
        if (utterance % 10 == 0)
            QTest::qWait(0);
    }
    QVERIFY(caller.has(QStringLiteral("deaf 1 unavailable")));
    QCOMPARE(caller.error.message, QStringLiteral("127.0.0.1 does not take what it is sent"));
    goesOn(1000);
}

void TestRealtimeFaults::noSecretIsEverSaid()
{
    m_vendor->answerFails = QStringLiteral("server_error");
    RealtimeCaller& caller = start();
    caller.open();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.log.size(), 1);
    QVERIFY(caller.error.message.contains(QStringLiteral("is sad")));
    QVERIFY(!toString(caller.error).contains(QStringLiteral("abcdefghijklmnop0123456789")));
}

void TestRealtimeFaults::strangeEventsDoNoHarm()
{
    RealtimeCaller& caller = start();
    caller.open();
    RealtimeAnswer answer;
    answer.holdAfter = 1;
    m_vendor->answers.push_back(answer);
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    const QStringList types{QStringLiteral("rate_limits.updated"), QStringLiteral("session.created"),
        QStringLiteral("response.created"), QStringLiteral("response.done"),
        QStringLiteral("response.output_item.added"), QStringLiteral("response.output_item.done"),
        QStringLiteral("response.function_call_arguments.done"),
        QStringLiteral("response.output_audio_transcript.delta"), QStringLiteral("input_audio_buffer.committed"),
        QStringLiteral("conversation.item.input_audio_transcription.delta"),
        QStringLiteral("conversation.item.input_audio_transcription.completed"),
        QStringLiteral("conversation.item.input_audio_transcription.failed"), QStringLiteral("of.tomorrow")};
    for (const QString& type : types) {
        m_vendor->sendToAll({{QStringLiteral("type"), type}});
        m_vendor->sendToAll({{QStringLiteral("type"), type}, {QStringLiteral("response_id"), m_vendor->lastResponse},
            {QStringLiteral("item"), 7}, {QStringLiteral("delta"), QJsonObject()},
            {QStringLiteral("response"), QJsonArray{1}}, {QStringLiteral("item_id"), QJsonValue::Null}});
    }
    m_vendor->release();
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("answered 1")});
    caller.conversation->cancel(1);
    QTRY_COMPARE(m_vendor->session().conversation(), QString());
    goesOn(2);
}

QTEST_GUILESS_MAIN(TestRealtimeFaults)
#include "tst_realtimefaults.moc"
