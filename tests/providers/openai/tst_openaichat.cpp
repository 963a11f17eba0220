// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaichat.h"
#include "engine/providers/persona.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/openaistandin.h"

#include <QEventLoop>
#include <QJsonDocument>
#include <QTest>
#include <QThread>
#include <QTimer>

#include <atomic>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {
/// What one conversation told.
struct Talk final {
    explicit Talk(std::unique_ptr<Conversation> opened)
        : conversation(std::move(opened))
    {
        Conversation* c = conversation.get();
        QObject::connect(c, &Conversation::text, c, [this](int turn, const QString& delta) {
            said[turn] += delta;
            ++pieces;
        });
        QObject::connect(c, &Conversation::toolCalled, c, [this](int turn, const ToolCall& call) {
            tools.append(call);
            toolTurn = turn;
        });
        QObject::connect(c, &Conversation::finished, c, [this](int turn, const Expectation& expectation, bool end) {
            log += QStringLiteral("finished %1 ").arg(turn);
            next = expectation;
            endCall = end;
        });
        QObject::connect(c, &Conversation::failed, c, [this](int turn, const Error& e) {
            log += QStringLiteral("failed %1 ").arg(turn);
            error = e;
        });
    }
    Q_DISABLE_COPY_MOVE(Talk)
    void ask(int turn, const QString& words, UserTurn::Kind kind = UserTurn::Kind::Voice)
    {
        UserTurn user;
        user.kind = kind;
        user.turn = turn;
        user.text = words;
        conversation->ask(user);
    }
    std::unique_ptr<Conversation> conversation;
    QMap<int, QString> said;
    int pieces = 0, toolTurn = 0;
    QList<ToolCall> tools;
    QString log;
    Expectation next;
    bool endCall = false;
    Error error;
};

QStringList rolesOf(const QJsonArray& messages)
{
    QStringList roles;
    for (const QJsonValue& message : messages)
        roles += message.toObject().value(QLatin1String("role")).toString();
    return roles;
}

QString contentOf(const QJsonArray& messages, int index)
{
    return messages.at(index < 0 ? messages.size() + index : index)
        .toObject()
        .value(QLatin1String("content"))
        .toString();
}
} // namespace

/// Telephone conversations with a model: "the caller says this, the model is told that, the caller hears so".
class TestOpenAiChat final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        m_vendor = std::make_unique<OpenAiStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        m_settings = {};
        m_settings.service.base = m_vendor->url();
        m_settings.service.key = QString::fromLatin1(m_vendor->key);
        m_persona = {};
        m_model.reset();
    }
    void cleanup()
    {
        m_model.reset();
        m_pool.reset();
    }

    // Making it.
    void aGoodKeyIsProven();
    void aLocalServerNeedsNoKeyAndNoListOfModels();
    void aBadServiceIsSaidInWords_data();
    void aBadServiceIsSaidInWords();
    void aBadFormIsNeverSent_data();
    void aBadFormIsNeverSent();
    void aServiceThatIsSilentIsLeft();
    void aWebPageIsNoService();
    void itIsMadeOnAThreadWithoutAnEventLoop();
    void theRouteFollowsTheBase();

    // Talking.
    void anAnswerStreams();
    void theModelIsToldWhoItIs();
    void theGreetingIsSaidWordForWord();
    void withoutAGreetingTheModelOpens();
    void whatWasHeardIsWhatWasSaid();
    void aTurnAskedAgainReplacesItself();
    void aCancelledTurnLeavesNoTrace();
    void betterWordsReplaceTheOldOnes();
    void aConversationIsTakenOver();
    void everyKindOfTurnIsTold();
    void aMessageIsAFact();
    void theMemoryIsBounded();
    void hebrewComesWholeByteByByte();
    void whatIsTooLongIsDropped();
    void aServerThatIgnoresStream();
    void theModelsMarksAreNotSpoken();

    // Tools.
    void aToolIsCalledAndTheAnswerGoesOn();
    void severalToolsAreAwaited();
    void theModelEndsTheCall();
    void aCallIsNotEndedWithoutAWord();
    void theModelTakesAMessage();
    void whatIsNoToolIsToldToTheModel();
    void aLateToolOfACancelledAnswerIsNothing();
    void aModelThatOnlyCallsToolsIsMadeToSpeak();

    // Trouble.
    void everyFaultIsAFailure_data();
    void everyFaultIsAFailure();
    void slowBytesAreAnAnswer();
    void anAnswerThatIsNone_data();
    void anAnswerThatIsNone();
    void aModelThatIsNotThereIsTheMatterOfWhoNamedIt();
    void anErrorInTheMiddleOfAnAnswer();
    void aCancelledAnswerClosesItsStream();
    void anInterruptedAnswerIsNotPaidFor();
    void aConversationMayBeDeletedInItsOwnSignal_data();
    void aConversationMayBeDeletedInItsOwnSignal();
    void aFailedTurnMayBeAskedAgain();

    // Together.
    void conversationsShareConnections();
    void anAnswerThatEndsLateKeepsItsConnection();
    void whatComesAfterTheEndIsNothing();
    void aConnectionIsOpenWhenItIsNeeded();
    void manyConversationsAtOnce();
    void everyThreadHasItsOwn();

private:
    Talk talk(const QList<PastTurn>& past = {})
    {
        if (!m_model) {
            auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
            if (!made)
                qFatal("%s", qPrintable(toString(made.error())));
            m_model = *made;
        }
        CallInfo call;
        call.callId = QStringLiteral("CA1");
        call.language = m_persona.language;
        call.persona = std::make_shared<Persona>(m_persona);
        call.past = past;
        return Talk(m_model->open(call));
    }
    QJsonArray messages(int index = -1) const
    {
        const auto& all = m_vendor->asked;
        return all.at(index < 0 ? all.size() + index : index).json.value(QLatin1String("messages")).toArray();
    }

    std::unique_ptr<OpenAiStandIn> m_vendor;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    OpenAiChatSettings m_settings;
    Persona m_persona;
    std::shared_ptr<OpenAiChat> m_model;
};

void TestOpenAiChat::aGoodKeyIsProven()
{
    auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
    QVERIFY(made.ok());
    QCOMPARE((*made)->name(), QStringLiteral("openai"));
    QCOMPARE(m_vendor->server.exchanges.size(), 1);
    QCOMPARE(m_vendor->server.exchanges[0]->path, "/v1/models");
    QCOMPARE(m_vendor->server.exchanges[0]->header("authorization"), "Bearer " + m_vendor->key);
}

void TestOpenAiChat::aLocalServerNeedsNoKeyAndNoListOfModels()
{
    m_vendor->key.clear();
    m_vendor->hasModels = false;
    m_settings.service.key.clear();
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    for (const VendorExchange* exchange : std::as_const(m_vendor->server.exchanges))
        QVERIFY(exchange->header("authorization").isEmpty());
}

void TestOpenAiChat::aBadServiceIsSaidInWords_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("401") << VendorFault::Refuse401 << int(Error::Code::Denied)
                         << QStringLiteral("answered 401: the key or the account is refused");
    QTest::newRow("429") << VendorFault::Limit429 << int(Error::Code::LimitExceeded) << QStringLiteral("answered 429");
    QTest::newRow("500") << VendorFault::Fault500 << int(Error::Code::Unavailable) << QStringLiteral("answered 500");
    QTest::newRow("reset") << VendorFault::ResetBeforeAnswer << int(Error::Code::Unavailable)
                           << QStringLiteral("broke");
    QTest::newRow("garbage") << VendorFault::Garbage << int(Error::Code::Unavailable) << QStringLiteral("127.0.0.1");
}

void TestOpenAiChat::aBadServiceIsSaidInWords()
{
    QFETCH(VendorFault, fault);
    QFETCH(int, code);
    QFETCH(QString, words);
    m_vendor->setFault(fault);
    auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
    QVERIFY(!made.ok());
    QCOMPARE(int(made.error().code), code);
    QVERIFY2(made.error().message.contains(words), qPrintable(toString(made.error())));
    QVERIFY(!toString(made.error()).contains(m_settings.service.key));
    if (fault == VendorFault::Limit429)
        QCOMPARE(made.error().retryAfter, std::chrono::milliseconds(7000));
}

void TestOpenAiChat::aBadFormIsNeverSent_data()
{
    QTest::addColumn<QUrl>("base");
    QTest::addColumn<QString>("key");
    const QUrl good = QUrl(QStringLiteral("http://127.0.0.1:1/v1"));
    QTest::newRow("no address") << QUrl() << QString();
    QTest::newRow("another scheme") << QUrl(QStringLiteral("ftp://example.com/v1")) << QString();
    QTest::newRow("no host") << QUrl(QStringLiteral("https:///v1")) << QString();
    QTest::newRow("a password in the address") << QUrl(QStringLiteral("https://a:b@example.com/v1")) << QString();
    QTest::newRow("a query") << QUrl(QStringLiteral("https://example.com/v1?x=1")) << QString();
    QTest::newRow("a key with a line break") << good << QStringLiteral("sk-1\r\nX-Evil: 1");
    QTest::newRow("a key with a space") << good << QStringLiteral("sk 1");
    QTest::newRow("a Hebrew key") << good << QStringLiteral("מפתח");
}

void TestOpenAiChat::aBadFormIsNeverSent()
{
    QFETCH(QUrl, base);
    QFETCH(QString, key);
    m_settings.service.base = base;
    m_settings.service.key = key;
    auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
    QVERIFY(!made.ok());
    QVERIFY(made.error().code == Error::Code::Invalid || made.error().code == Error::Code::Denied);
    QVERIFY(key.isEmpty() || !toString(made.error()).contains(key));
}

void TestOpenAiChat::aServiceThatIsSilentIsLeft()
{
    for (VendorFault fault : {VendorFault::HangBeforeAnswer, VendorFault::HalfOpen}) {
        m_vendor->setFault(fault);
        QTimer later;
        connect(&later, &QTimer::timeout, this, [this] { m_clock->advance(Milliseconds(500)); });
        later.start(5);
        const Instant began = m_clock->now();
        auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
        QVERIFY(!made.ok());
        QCOMPARE(made.error().code, Error::Code::Timeout);
        QVERIFY(m_clock->now() - began >= m_settings.service.probe);
    }
}

void TestOpenAiChat::aWebPageIsNoService()
{
    m_vendor->server.handler = [](VendorExchange& e) { e.answer(200, "text/html; charset=utf-8", "<html>"); };
    auto made = OpenAiChat::create(m_settings, m_pool, *m_clock);
    QVERIFY(!made.ok());
    QVERIFY2(made.error().message.contains(QLatin1String("web page")), qPrintable(made.error().message));
}

void TestOpenAiChat::itIsMadeOnAThreadWithoutAnEventLoop()
{
    std::optional<bool> made;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        const bool ok = OpenAiChat::create(m_settings, m_pool, *m_clock).ok();
        QMetaObject::invokeMethod(
            this, [&made, ok] { made = ok; }, Qt::QueuedConnection);
    }));
    thread->start();
    QTRY_VERIFY(made);
    QVERIFY(*made);
    QVERIFY(thread->wait());
}

void TestOpenAiChat::theRouteFollowsTheBase()
{
    OpenAiService service;
    service.base = QUrl(QStringLiteral("https://gate.example.com:8443/tenant/7/v1//"));
    QCOMPARE(openAiRequest(service, QStringLiteral("/chat/completions")).url,
        QUrl(QStringLiteral("https://gate.example.com:8443/tenant/7/v1/chat/completions")));
    service.base = QUrl(QStringLiteral("http://localhost"));
    QCOMPARE(openAiRequest(service, QStringLiteral("/models")).url, QUrl(QStringLiteral("http://localhost/models")));
    QVERIFY(openAiRequest(service, QStringLiteral("/models")).headers.isEmpty());
}

void TestOpenAiChat::anAnswerStreams()
{
    m_vendor->chat.push_back({QStringLiteral("We open at nine. Anything else?")});
    m_vendor->pieceBytes = 40;
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("when do you open"));
    QVERIFY(talk.log.isEmpty());
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("We open at nine. Anything else?"));
    QVERIFY(talk.pieces >= 1);
    QVERIFY(!talk.endCall);
    QCOMPARE(int(talk.next.kind), int(Expectation::Kind::Speech));
    QVERIFY(talk.next.interruptible);
    const QJsonObject request = m_vendor->asked.last().json;
    QCOMPARE(request.value(QLatin1String("stream")).toBool(), true);
    QCOMPARE(request.value(QLatin1String("model")).toString(), QStringLiteral("gpt-4o-mini"));
    QVERIFY(!request.contains(QLatin1String("tools")));
    QCOMPARE(m_vendor->asked.last().contentType, "application/json");
    QCOMPARE(contentOf(messages(), -1), QStringLiteral("when do you open"));
}

void TestOpenAiChat::theModelIsToldWhoItIs()
{
    m_persona.systemPrompt = QStringLiteral("אתה פקיד הקבלה של מרפאת השיניים.");
    m_persona.language = QStringLiteral("he-IL");
    m_persona.model = QStringLiteral("llama-3");
    m_persona.phrases = QStringList{QStringLiteral("ד\"ר כהן")};
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("שלום"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("You said: שלום"));
    QCOMPARE(m_vendor->asked.last().json.value(QLatin1String("model")).toString(), QStringLiteral("llama-3"));
    const QString system = contentOf(messages(), 0);
    QVERIFY(system.startsWith(m_persona.systemPrompt));
    QVERIFY(system.contains(QLatin1String("Always speak Hebrew (he-IL).")));
    QVERIFY(system.contains(QLatin1String("telephone")));
    QVERIFY(system.contains(QLatin1String("No Markdown")));
    QCOMPARE(talk.next.recognition.language, QStringLiteral("he-IL"));
    QCOMPARE(talk.next.recognition.phrases, m_persona.phrases);
}

void TestOpenAiChat::theGreetingIsSaidWordForWord()
{
    m_persona.greeting = QStringLiteral("Hello, **Kav** here.");
    m_persona.greetingProtected = true;
    Talk talk = this->talk();
    talk.ask(0, {}, UserTurn::Kind::Opening);
    QVERIFY(talk.said.isEmpty());
    QTRY_COMPARE(talk.log, QStringLiteral("finished 0 "));
    QCOMPARE(talk.said[0], m_persona.greeting);
    QVERIFY(!talk.next.interruptible);
    QVERIFY(m_vendor->asked.isEmpty());
    talk.conversation->heard(0, QStringLiteral("Hello, Kav here."), false, Milliseconds(2000));
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 0 finished 1 "));
    QVERIFY(talk.next.interruptible);
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant user"));
    QCOMPARE(contentOf(messages(), 2), QStringLiteral("Hello, Kav here."));
    // One that was taken back before it was said.
    Talk other = this->talk();
    other.ask(0, {}, UserTurn::Kind::Opening);
    other.conversation->cancel(0);
    QTest::qWait(0);
    QVERIFY(other.log.isEmpty() && other.said.isEmpty());
}

void TestOpenAiChat::withoutAGreetingTheModelOpens()
{
    m_vendor->chat.push_back({QStringLiteral("Good day!")});
    Talk talk = this->talk();
    talk.ask(0, {}, UserTurn::Kind::Opening);
    QTRY_COMPARE(talk.log, QStringLiteral("finished 0 "));
    QCOMPARE(talk.said[0], QStringLiteral("Good day!"));
    QVERIFY(contentOf(messages(), 1).contains(QLatin1String("begins")));
}

void TestOpenAiChat::whatWasHeardIsWhatWasSaid()
{
    Talk talk = this->talk();
    m_vendor->chat.push_back({QStringLiteral("We open at nine and close at five.")});
    talk.ask(1, QStringLiteral("your hours"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    talk.conversation->heard(1, QStringLiteral("We open at nine"), true, Milliseconds(1200));
    talk.ask(2, QStringLiteral("and on friday"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 finished 2 "));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant user"));
    QCOMPARE(contentOf(messages(), 2), QStringLiteral("We open at nine"));
    QVERIFY(contentOf(messages(), 3).contains(QLatin1String("interrupted")));
    QVERIFY(contentOf(messages(), 3).endsWith(QLatin1String("\nand on friday")));
    QVERIFY(!QJsonDocument(messages()).toJson().contains("close at five"));
    // Of the second answer nothing was heard at all.
    talk.conversation->heard(2, QString(), true, Milliseconds(0));
    talk.ask(3, QStringLiteral("hello"));
    QTRY_VERIFY(talk.log.contains(QLatin1String("finished 3")));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant user"));
    QVERIFY(contentOf(messages(), 3).endsWith(QLatin1String("hearing any of your answer.)\nhello")));
}

void TestOpenAiChat::aTurnAskedAgainReplacesItself()
{
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::HangBeforeAnswer);
    talk.ask(1, QStringLiteral("I want"));
    QTRY_COMPARE(m_vendor->asked.size(), 1);
    m_vendor->setFault(VendorFault::None);
    talk.ask(1, QStringLiteral("I want tea"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("You said: I want tea"));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user"));
    QVERIFY(m_vendor->asked.first().exchange->isGone());
}

void TestOpenAiChat::aCancelledTurnLeavesNoTrace()
{
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("never mind"));
    talk.conversation->cancel(1);
    talk.conversation->cancel(7); // nobody asked
    talk.ask(2, QStringLiteral("hello"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 2 "));
    QCOMPARE(contentOf(messages(), 1), QStringLiteral("hello"));
    // What was heard stays, whatever is cancelled afterwards.
    talk.conversation->heard(2, QStringLiteral("You said"), true, Milliseconds(500));
    talk.conversation->cancel(2);
    talk.ask(3, QStringLiteral("yes"));
    QTRY_VERIFY(talk.log.endsWith(QLatin1String("finished 3 ")));
    QCOMPARE(contentOf(messages(), 2), QStringLiteral("You said"));
}

void TestOpenAiChat::betterWordsReplaceTheOldOnes()
{
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("I want tee"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    talk.conversation->amend(1, QStringLiteral("I want tea"));
    talk.conversation->amend(9, QStringLiteral("nobody said so"));
    talk.conversation->heard(1, QStringLiteral("You said"), false, Milliseconds(500));
    talk.ask(2, QStringLiteral("please"));
    QTRY_VERIFY(talk.log.endsWith(QLatin1String("finished 2 ")));
    QCOMPARE(contentOf(messages(), 1), QStringLiteral("I want tea"));
}

void TestOpenAiChat::aConversationIsTakenOver()
{
    Talk talk = this->talk({{UserTurn::Kind::Opening, QString(), QStringLiteral("Hello.")},
        {UserTurn::Kind::Voice, QStringLiteral("I am Dana"), QStringLiteral("Hello Dana.")},
        {UserTurn::Kind::Keypad, QStringLiteral("12"), QString()}});
    talk.ask(3, QStringLiteral("who am I"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 3 "));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant user assistant user"));
    QCOMPARE(contentOf(messages(), 3), QStringLiteral("I am Dana"));
    QCOMPARE(contentOf(messages(), 5), QStringLiteral("(The caller pressed the keys 12)\nwho am I"));
}

void TestOpenAiChat::everyKindOfTurnIsTold()
{
    Talk talk = this->talk();
    UserTurn message;
    message.kind = UserTurn::Kind::Message;
    message.messageLength = std::chrono::milliseconds(12300);
    message.turn = 1;
    talk.conversation->ask(message);
    talk.ask(2, {}, UserTurn::Kind::Silence);
    talk.ask(3, QStringLiteral("*9"), UserTurn::Kind::Keypad);
    talk.ask(4, QStringLiteral("  "), UserTurn::Kind::Voice);
    QTRY_COMPARE(talk.log, QStringLiteral("finished 4 "));
    QCOMPARE(contentOf(messages(), 1),
        QStringLiteral("(The caller left a recorded message of 12 seconds.)\n(The caller is silent.)\n"
                       "(The caller pressed the keys *9)\n(The caller said something that could not be understood.)"));
}

void TestOpenAiChat::aMessageIsAFact()
{
    Talk talk = this->talk();
    UserTurn message;
    message.kind = UserTurn::Kind::Message;
    message.turn = 1;
    message.messageRef = QStringLiteral("m-17");
    talk.conversation->ask(message);
    QCOMPARE(talk.conversation->facts().value(QStringLiteral("message")), QStringLiteral("m-17"));
    talk.conversation->cancel(1);
    QVERIFY(talk.conversation->facts().isEmpty());
}

void TestOpenAiChat::theMemoryIsBounded()
{
    Talk talk = this->talk();
    for (int turn = 1; turn <= 60; ++turn) {
        talk.ask(turn, QStringLiteral("turn %1.").arg(turn) + QString(turn == 60 ? 9000 : 10, u'x'));
        talk.conversation->heard(turn, QStringLiteral("answer %1").arg(turn), false, Milliseconds(1));
    }
    talk.ask(61, QStringLiteral("last"));
    QTRY_VERIFY(talk.log.contains(QLatin1String("finished 61")));
    QCOMPARE(messages().size(), 1 + 39 * 2 + 1);
    QVERIFY(contentOf(messages(), 1).startsWith(QLatin1String("turn 22.")));
    QCOMPARE(contentOf(messages(), -3).size(), 4000);
    // Characters count too.
    for (int turn = 62; turn <= 80; ++turn)
        talk.ask(turn, QString(100000, u'ש'));
    QTRY_VERIFY(talk.log.contains(QLatin1String("finished 80")));
    qsizetype size = 0;
    for (int i = 1; i < messages().size(); ++i)
        size += contentOf(messages(), i).size();
    QVERIFY2(size <= 24100, qPrintable(QString::number(size)));
    QCOMPARE(rolesOf(messages()).at(1), QStringLiteral("user"));
}

void TestOpenAiChat::hebrewComesWholeByteByByte()
{
    m_vendor->chat.push_back({QStringLiteral("שלום, מה שלומך? ד\"ר כהן כאן.")});
    m_vendor->setFault(VendorFault::None);
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::SlowBytes);
    talk.ask(1, QStringLiteral("שלום"));
    QTRY_COMPARE_WITH_TIMEOUT(talk.log, QStringLiteral("finished 1 "), 20000);
    QCOMPARE(talk.said[1], QStringLiteral("שלום, מה שלומך? ד\"ר כהן כאן."));
}

void TestOpenAiChat::whatIsTooLongIsDropped()
{
    m_persona.longestAnswerCharacters = 500;
    m_vendor->chat.push_back({QString(100 * 1024, u'ש')});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("tell me everything"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QString(500, u'ש'));
    QTRY_VERIFY(m_vendor->asked.last().exchange->isGone()); // the rest is not waited for
}

void TestOpenAiChat::aServerThatIgnoresStream()
{
    OpenAiStandIn::ChatAnswer answer{QStringLiteral("All at once.")};
    answer.isStreamed = false;
    m_vendor->chat.push_back(answer);
    m_vendor->pieceBytes = 1;
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("All at once."));
}

void TestOpenAiChat::theModelsMarksAreNotSpoken()
{
    m_vendor->chat.push_back({QStringLiteral("<think>Hm.</think>**Sure** 😀 see [us](https://x.org/y)")});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("Sure see us"));
}

void TestOpenAiChat::aToolIsCalledAndTheAnswerGoesOn()
{
    m_persona.tools = QStringList{QStringLiteral("transfer"), QStringLiteral("send_dtmf"), QStringLiteral("end_call")};
    HttpTool weather;
    weather.name = QStringLiteral("weather");
    weather.description = QStringLiteral("Tells the weather.");
    weather.parameters =
        QJsonDocument::fromJson("{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}").object();
    m_persona.httpTools = {weather};
    m_vendor->chat.push_back({QStringLiteral("Let me look."),
        {{QStringLiteral("call_1"), QStringLiteral("weather"), QStringLiteral("{\"city\":\"חיפה\"}")}}});
    m_vendor->chat.push_back({QStringLiteral("It is sunny.")});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("the weather"));
    QTRY_COMPARE(talk.tools.size(), 1);
    QCOMPARE(talk.toolTurn, 1);
    QCOMPARE(talk.tools[0].id, QStringLiteral("call_1"));
    QCOMPARE(talk.tools[0].name, QStringLiteral("weather"));
    QCOMPARE(talk.tools[0].arguments.value(QLatin1String("city")).toString(), QStringLiteral("חיפה"));
    QCOMPARE(talk.said[1].trimmed(), QStringLiteral("Let me look."));
    QVERIFY(talk.log.isEmpty());
    talk.conversation->toolFinished(QStringLiteral("another"), {});
    talk.conversation->toolFinished(QStringLiteral("call_1"), {{QStringLiteral("sky"), QStringLiteral("clear")}});
    talk.conversation->toolFinished(QStringLiteral("call_1"), {}); // only the first counts
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("Let me look.\nIt is sunny."));
    QCOMPARE(m_vendor->asked.size(), 2);
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant tool"));
    QCOMPARE(contentOf(messages(), 2), QStringLiteral("Let me look."));
    const QJsonObject call = messages().at(2).toObject().value(QLatin1String("tool_calls")).toArray().at(0).toObject();
    QCOMPARE(call.value(QLatin1String("id")).toString(), QStringLiteral("call_1"));
    QCOMPARE(messages().at(3).toObject().value(QLatin1String("tool_call_id")).toString(), QStringLiteral("call_1"));
    QCOMPARE(contentOf(messages(), 3), QStringLiteral("{\"sky\":\"clear\"}"));
    // The tools as they were offered.
    const QJsonArray tools = m_vendor->asked.first().json.value(QLatin1String("tools")).toArray();
    QStringList names;
    for (const QJsonValue& tool : tools) {
        QCOMPARE(tool.toObject().value(QLatin1String("type")).toString(), QStringLiteral("function"));
        names += tool.toObject().value(QLatin1String("function")).toObject().value(QLatin1String("name")).toString();
    }
    QCOMPARE(names.join(u' '), QStringLiteral("end_call transfer send_dtmf weather"));
    QCOMPARE(tools.last()
                 .toObject()
                 .value(QLatin1String("function"))
                 .toObject()
                 .value(QLatin1String("parameters"))
                 .toObject(),
        weather.parameters);
    // Next time what was heard stands after the tool.
    talk.conversation->heard(1, QStringLiteral("Let me look. It is sunny."), false, Milliseconds(2000));
    talk.ask(2, QStringLiteral("thanks"));
    QTRY_VERIFY(talk.log.endsWith(QLatin1String("finished 2 ")));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant tool assistant user"));
    QCOMPARE(contentOf(messages(), 2), QString());
    QCOMPARE(contentOf(messages(), 4), QStringLiteral("Let me look. It is sunny."));
}

void TestOpenAiChat::severalToolsAreAwaited()
{
    m_persona.tools = QStringList{QStringLiteral("transfer"), QStringLiteral("send_dtmf")};
    m_vendor->chat.push_back({QString(),
        {{QStringLiteral("a"), QStringLiteral("send_dtmf"), QStringLiteral("{\"digits\":\"1\"}")},
            {QStringLiteral("a"), QStringLiteral("send_dtmf"), QStringLiteral("{\"digits\":\"2\"}")},
            {QString(), QStringLiteral("transfer"), QString()}}});
    m_vendor->chat.push_back({QStringLiteral("Done.")});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("go"));
    QTRY_COMPARE(talk.tools.size(), 3);
    QVERIFY(
        talk.tools[0].id != talk.tools[1].id && talk.tools[1].id != talk.tools[2].id && !talk.tools[2].id.isEmpty());
    for (int i = 2; i >= 0; --i) {
        QCOMPARE(m_vendor->asked.size(), 1);
        talk.conversation->toolFinished(talk.tools[i].id, {{QStringLiteral("n"), i}});
    }
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant tool tool tool"));
    QCOMPARE(contentOf(messages(), 5), QStringLiteral("{\"n\":2}"));
}

void TestOpenAiChat::theModelEndsTheCall()
{
    m_persona.tools = QStringList{QStringLiteral("end_call")};
    m_vendor->chat.push_back(
        {QStringLiteral("Goodbye!"), {{QStringLiteral("e"), QStringLiteral("end_call"), QStringLiteral("{}")}}});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("bye"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QVERIFY(talk.endCall);
    QCOMPARE(talk.said[1].trimmed(), QStringLiteral("Goodbye!"));
    QVERIFY(talk.tools.isEmpty());
    QCOMPARE(m_vendor->asked.size(), 1);
}

void TestOpenAiChat::aCallIsNotEndedWithoutAWord()
{
    m_persona.tools = QStringList{QStringLiteral("end_call")};
    m_vendor->chat.push_back({QString(), {{QStringLiteral("e"), QStringLiteral("end_call"), QString()}}});
    m_vendor->chat.push_back({QStringLiteral("Have a good day.")});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("bye"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QVERIFY(talk.endCall);
    QCOMPARE(talk.said[1], QStringLiteral("Have a good day."));
    QCOMPARE(m_vendor->asked.last().json.value(QLatin1String("tool_choice")).toString(), QStringLiteral("none"));
    // A model that has no word even then: the call ends all the same.
    m_vendor->chat.push_back({QString(), {{QStringLiteral("e"), QStringLiteral("end_call"), QString()}}});
    m_vendor->chat.push_back({QString()});
    talk.endCall = false;
    talk.ask(2, QStringLiteral("bye"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 finished 2 "));
    QVERIFY(talk.endCall);
}

void TestOpenAiChat::theModelTakesAMessage()
{
    m_persona.tools = QStringList{QStringLiteral("take_message")};
    m_vendor->chat.push_back({QStringLiteral("Please speak after the tone."),
        {{QStringLiteral("m"), QStringLiteral("take_message"), QString()}}});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("tell her something"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QCOMPARE(int(talk.next.kind), int(Expectation::Kind::Message));
    QVERIFY(!talk.endCall);
    QVERIFY(talk.tools.isEmpty());
    talk.ask(2, QStringLiteral("and now"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 finished 2 "));
    QCOMPARE(int(talk.next.kind), int(Expectation::Kind::Speech));
}

void TestOpenAiChat::whatIsNoToolIsToldToTheModel()
{
    m_persona.tools = QStringList{QStringLiteral("transfer")};
    m_vendor->chat.push_back({QString(),
        {{QStringLiteral("a"), QStringLiteral("launch_rocket"), QStringLiteral("{}")},
            {QStringLiteral("b"), QStringLiteral("transfer"), QStringLiteral("{\"to\":")},
            {QStringLiteral("c"), QStringLiteral("end_call"), QStringLiteral("{}")}}});
    m_vendor->chat.push_back({QStringLiteral("I cannot do that.")});
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("launch"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QVERIFY(talk.tools.isEmpty());
    QVERIFY(!talk.endCall); // it was not offered
    QVERIFY(contentOf(messages(), 3).contains(QLatin1String("no such tool")));
    QVERIFY(contentOf(messages(), 4).contains(QLatin1String("no JSON object")));
    QVERIFY(contentOf(messages(), 5).contains(QLatin1String("no such tool")));
}

void TestOpenAiChat::aLateToolOfACancelledAnswerIsNothing()
{
    m_persona.tools = QStringList{QStringLiteral("transfer")};
    const OpenAiStandIn::ChatAnswer calling{
        QString(), {{QStringLiteral("same"), QStringLiteral("transfer"), QString()}}};
    m_vendor->chat = {calling, calling};
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("a person"));
    QTRY_COMPARE(talk.tools.size(), 1);
    talk.conversation->cancel(1);
    talk.conversation->toolFinished(talk.tools[0].id, {});
    talk.ask(1, QStringLiteral("a person please"));
    QTRY_COMPARE(talk.tools.size(), 2);
    talk.conversation->toolFinished(talk.tools[0].id, {}); // that of the first answer
    QTest::qWait(20);
    QCOMPARE(m_vendor->asked.size(), 2);
    // Interrupted in the middle: the model learns that nothing came of it.
    talk.conversation->heard(1, QStringLiteral("Wait"), true, Milliseconds(300));
    talk.conversation->toolFinished(talk.tools[1].id, {});
    talk.ask(2, QStringLiteral("hello"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 2 "));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user assistant tool assistant user"));
    QVERIFY(contentOf(messages(), 3).contains(QLatin1String("cancelled")));
}

void TestOpenAiChat::aModelThatOnlyCallsToolsIsMadeToSpeak()
{
    m_persona.tools = QStringList{QStringLiteral("transfer")};
    for (int i = 0; i < 20; ++i)
        m_vendor->chat.push_back({QString(), {{QStringLiteral("t"), QStringLiteral("transfer"), QString()}}});
    Talk talk = this->talk();
    Conversation* conversation = talk.conversation.get();
    connect(conversation, &Conversation::toolCalled, conversation,
        [conversation](int, const ToolCall& call) { conversation->toolFinished(call.id, {}); });
    talk.ask(1, QStringLiteral("loop"));
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 "));
    QCOMPARE(m_vendor->asked.size(), 7);
    QCOMPARE(m_vendor->asked.last().json.value(QLatin1String("tool_choice")).toString(), QStringLiteral("none"));
}

void TestOpenAiChat::everyFaultIsAFailure_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<int>("code");
    QTest::addColumn<bool>("byClock");
    QTest::newRow("401") << VendorFault::Refuse401 << int(Error::Code::Denied) << false;
    QTest::newRow("429") << VendorFault::Limit429 << int(Error::Code::LimitExceeded) << false;
    QTest::newRow("500") << VendorFault::Fault500 << int(Error::Code::Unavailable) << false;
    QTest::newRow("reset before the answer")
        << VendorFault::ResetBeforeAnswer << int(Error::Code::Unavailable) << false;
    QTest::newRow("reset in the answer") << VendorFault::ResetMidAnswer << int(Error::Code::Unavailable) << false;
    QTest::newRow("hang before the answer") << VendorFault::HangBeforeAnswer << int(Error::Code::Timeout) << true;
    QTest::newRow("hang in the answer") << VendorFault::HangMidAnswer << int(Error::Code::Timeout) << true;
    QTest::newRow("garbage") << VendorFault::Garbage << int(Error::Code::Unavailable) << false;
    QTest::newRow("half open") << VendorFault::HalfOpen << int(Error::Code::Timeout) << true;
}

void TestOpenAiChat::everyFaultIsAFailure()
{
    QFETCH(VendorFault, fault);
    QFETCH(int, code);
    QFETCH(bool, byClock);
    m_vendor->chat.push_back({QStringLiteral("One two three four five six seven.")});
    Talk talk = this->talk();
    m_vendor->setFault(fault);
    talk.ask(1, QStringLiteral("count"));
    const bool inTheMiddle = fault == VendorFault::HangMidAnswer || fault == VendorFault::ResetMidAnswer;
    if (inTheMiddle)
        QTRY_VERIFY(talk.said[1].startsWith(QLatin1String("One")));
    if (byClock) {
        QTest::qWait(30);
        QVERIFY(talk.log.isEmpty());
        m_clock->advance(m_settings.service.stall);
    }
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 "));
    QCOMPARE(int(talk.error.code), code);
    QVERIFY(talk.error.message.contains(QLatin1String("127.0.0.1")));
    QVERIFY(!toString(talk.error).contains(m_settings.service.key));
    if (fault == VendorFault::Limit429)
        QCOMPARE(talk.error.retryAfter, std::chrono::milliseconds(7000));
    QTest::qWait(60);
    QCOMPARE(talk.log, QStringLiteral("failed 1 ")); // once
    QVERIFY(inTheMiddle || talk.said.value(1).isEmpty());
}

void TestOpenAiChat::slowBytesAreAnAnswer()
{
    m_vendor->chat.push_back({QStringLiteral("Slow.")});
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::SlowBytes);
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE_WITH_TIMEOUT(talk.log, QStringLiteral("finished 1 "), 20000);
    QCOMPARE(talk.said[1], QStringLiteral("Slow."));
}

void TestOpenAiChat::anAnswerThatIsNone_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* tag, const QByteArray& body, Error::Code code, const QString& words,
                         const QByteArray& type = "text/event-stream") {
        QTest::newRow(tag) << body << type << int(code) << words;
    };
    const QByteArray half = OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral("Half")}});
    row("empty", "", Error::Code::Unavailable, QStringLiteral("in the middle"));
    row("a page", "<html><body>Bad gateway</body></html>", Error::Code::Unavailable, QStringLiteral("in the middle"));
    row("cut without a reason", half, Error::Code::Unavailable, QStringLiteral("in the middle"));
    row("no JSON", half + "data: {oops\n\n", Error::Code::Unavailable, QStringLiteral("no JSON"));
    row("an endless event", "data: " + QByteArray(1200000, 'x'), Error::Code::Invalid, QStringLiteral("longer"));
    row("an empty answer", OpenAiStandIn::chunk({}, QStringLiteral("stop")) + "data: [DONE]\n\n",
        Error::Code::Unavailable, QStringLiteral("empty answer"));
    row("white space",
        OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral(" \n")}}, QStringLiteral("stop")),
        Error::Code::Unavailable, QStringLiteral("empty answer"));
    row("a filter", OpenAiStandIn::chunk({}, QStringLiteral("content_filter")), Error::Code::Invalid,
        QStringLiteral("content filter"));
    row("length before a word", OpenAiStandIn::chunk({}, QStringLiteral("length")), Error::Code::Invalid,
        QStringLiteral("length"));
    row("an error as JSON", "{\"error\":{\"message\":\"model not loaded\",\"code\":503}}", Error::Code::Unavailable,
        QStringLiteral("model not loaded"), "application/json");
    row("half of JSON", "{\"choices\":[", Error::Code::Unavailable, QStringLiteral("no JSON"), "application/json");
}

void TestOpenAiChat::anAnswerThatIsNone()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, type);
    QFETCH(int, code);
    QFETCH(QString, words);
    OpenAiStandIn::ChatAnswer answer;
    answer.raw = body.isNull() ? QByteArray("") : body;
    answer.contentType = type;
    m_vendor->chat.push_back(answer);
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 "));
    QCOMPARE(int(talk.error.code), code);
    QVERIFY2(talk.error.message.contains(words), qPrintable(toString(talk.error)));
}

void TestOpenAiChat::aModelThatIsNotThereIsTheMatterOfWhoNamedIt()
{
    const auto ask = [this] {
        Talk talk = this->talk(); // made while all was well
        m_vendor->server.handler = [](VendorExchange& e) { e.answer(404, "application/json", "{}"); };
        talk.ask(1, QStringLiteral("hi"));
        const bool isOver = QTest::qWaitFor([&talk] { return !talk.log.isEmpty(); }, 30000);
        return isOver ? talk.error.code : Error::Code::Timeout;
    };
    QCOMPARE(ask(), Error::Code::NotFound); // the settings': no call has it
    m_persona.model = QStringLiteral("llama-9");
    QCOMPARE(ask(), Error::Code::Invalid); // the persona's: other calls keep theirs
}

void TestOpenAiChat::anErrorInTheMiddleOfAnAnswer()
{
    OpenAiStandIn::ChatAnswer answer;
    answer.raw = OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral("One two")}})
        + "data: {\"error\":{\"message\":\"slow down, " + m_vendor->key
        + "\",\"type\":\"rate_limit_exceeded\"}}\n\ndata: [DONE]\n\n";
    m_vendor->chat.push_back(answer);
    Talk talk = this->talk();
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 "));
    QCOMPARE(talk.said[1], QStringLiteral("One two"));
    QCOMPARE(talk.error.code, Error::Code::LimitExceeded);
    QVERIFY(talk.error.message.contains(QLatin1String("slow down")));
    QVERIFY(!toString(talk.error).contains(m_settings.service.key));
}

void TestOpenAiChat::aCancelledAnswerClosesItsStream()
{
    m_vendor->chat.push_back({QStringLiteral("One two three four five.")});
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::HangMidAnswer);
    talk.ask(1, QStringLiteral("count"));
    QTRY_VERIFY(!talk.said[1].isEmpty());
    talk.conversation->cancel(1);
    QTRY_VERIFY(m_vendor->asked.last().exchange->isGone());
    QTest::qWait(20);
    QVERIFY(talk.log.isEmpty());
}

void TestOpenAiChat::anInterruptedAnswerIsNotPaidFor()
{
    m_vendor->chat.push_back({QStringLiteral("One two three four five.")});
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::HangMidAnswer);
    talk.ask(1, QStringLiteral("count"));
    QTRY_VERIFY(!talk.said[1].isEmpty());
    talk.conversation->heard(1, QStringLiteral("One"), true, Milliseconds(200));
    QTRY_VERIFY(m_vendor->asked.last().exchange->isGone());
    QVERIFY(talk.log.isEmpty());
}

void TestOpenAiChat::aConversationMayBeDeletedInItsOwnSignal_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<int>("how");
    for (int when = 0; when < 5; ++when) {
        for (int how = 0; how < 3; ++how)
            QTest::addRow("%d/%d", when, how) << when << how;
    }
}

void TestOpenAiChat::aConversationMayBeDeletedInItsOwnSignal()
{
    QFETCH(int, when); // text, tool, finished, failed, greeting
    QFETCH(int, how); // deleted, cancelled, asked again
    m_persona.tools = QStringList{QStringLiteral("transfer")};
    if (when == 4)
        m_persona.greeting = QStringLiteral("Hello.");
    if (when == 1) {
        m_vendor->chat.push_back({QStringLiteral("One."),
            {{QStringLiteral("a"), QStringLiteral("transfer"), QString()},
                {QStringLiteral("b"), QStringLiteral("transfer"), QString()}}});
    }
    Talk talk = this->talk();
    if (when == 3)
        m_vendor->setFault(VendorFault::Fault500);
    int told = 0;
    const auto strike = [&] {
        if (++told > 1)
            return;
        m_vendor->setFault(VendorFault::None);
        if (how == 0)
            talk.conversation.reset();
        if (how == 1)
            talk.conversation->cancel(1);
        if (how == 2)
            talk.ask(1, QStringLiteral("again"));
    };
    Conversation* c = talk.conversation.get();
    if (when == 0 || when == 4)
        connect(c, &Conversation::text, this, strike);
    if (when == 1)
        connect(c, &Conversation::toolCalled, this, strike);
    if (when == 2)
        connect(c, &Conversation::finished, this, strike);
    if (when == 3)
        connect(c, &Conversation::failed, this, strike);
    talk.ask(1, QStringLiteral("hi"), when == 4 ? UserTurn::Kind::Opening : UserTurn::Kind::Voice);
    QTRY_VERIFY(told >= 1);
    if (how == 2)
        QTRY_VERIFY(talk.log.endsWith(QLatin1String("finished 1 ")));
    QTest::qWait(30);
    if (how != 2)
        QCOMPARE(told, 1);
}

void TestOpenAiChat::aFailedTurnMayBeAskedAgain()
{
    Talk talk = this->talk();
    m_vendor->setFault(VendorFault::Fault500);
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 "));
    m_vendor->setFault(VendorFault::None);
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("failed 1 finished 1 "));
    QCOMPARE(rolesOf(messages()).join(u' '), QStringLiteral("system user"));
}

void TestOpenAiChat::conversationsShareConnections()
{
    Talk one = talk();
    Talk two = talk();
    for (int turn = 1; turn <= 5; ++turn) {
        one.ask(turn, QStringLiteral("hi"));
        QTRY_VERIFY(one.log.endsWith(QStringLiteral("finished %1 ").arg(turn)));
        two.ask(turn, QStringLiteral("hi"));
        QTRY_VERIFY(two.log.endsWith(QStringLiteral("finished %1 ").arg(turn)));
    }
    QCOMPARE(m_vendor->server.connections, 1);
}

void TestOpenAiChat::anAnswerThatEndsLateKeepsItsConnection()
{
    Talk talk = this->talk();
    VendorExchange* open = nullptr;
    m_vendor->server.handler = [&open](VendorExchange& e) {
        open = &e;
        e.start(200, "text/event-stream");
        e.send(OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral("Yes.")}}, QStringLiteral("stop")));
    };
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 ")); // not a moment later than it can be known
    open->send("data: [DONE]\n\n");
    open->end();
    QTest::qWait(200); // loopback delays small packets by 40 ms
    QVERIFY(!open->isGone());
    talk.ask(2, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 finished 2 "));
    QCOMPARE(m_vendor->server.connections, 1);
}

void TestOpenAiChat::whatComesAfterTheEndIsNothing()
{
    Talk talk = this->talk();
    m_vendor->server.handler = [](VendorExchange& e) {
        e.start(200, "text/event-stream");
        e.send(OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral("Yes.")}}, QStringLiteral("stop")));
        e.send(OpenAiStandIn::chunk({{QStringLiteral("content"), QStringLiteral("And more.")}}));
        QTimer::singleShot(20, &e, [&e] { e.reset(); });
    };
    talk.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(talk.log, QStringLiteral("finished 1 "));
    QTRY_VERIFY(m_vendor->server.exchanges.last()->isGone());
    QTest::qWait(20);
    QCOMPARE(talk.log, QStringLiteral("finished 1 "));
    QVERIFY(talk.said[1].startsWith(QLatin1String("Yes.")));
}

void TestOpenAiChat::aConnectionIsOpenWhenItIsNeeded()
{
    auto made = OpenAiChat::create(m_settings, std::make_shared<HttpPool>(*m_clock), *m_clock);
    QVERIFY(made.ok());
    (*made)->connectAhead();
    QTRY_COMPARE(m_vendor->server.exchanges.size(), 2);
    QTest::qWait(0);
    const int connections = m_vendor->server.connections;
    m_model = *made;
    Talk asking = this->talk();
    asking.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(asking.log, QStringLiteral("finished 1 "));
    QCOMPARE(m_vendor->server.connections, connections);
}

void TestOpenAiChat::manyConversationsAtOnce()
{
    std::vector<std::unique_ptr<Talk>> talks;
    for (int i = 0; i < 50; ++i) {
        talks.emplace_back(new Talk(talk()));
        talks.back()->ask(1, QStringLiteral("caller %1").arg(i));
    }
    for (int i = 0; i < 50; ++i) {
        QTRY_COMPARE(talks[size_t(i)]->log, QStringLiteral("finished 1 "));
        QCOMPARE(talks[size_t(i)]->said[1], QStringLiteral("You said: caller %1").arg(i));
    }
}

void TestOpenAiChat::everyThreadHasItsOwn()
{
    talk(); // makes the model that all share
    constexpr int Threads = 4, Turns = 8;
    std::atomic<int> whole = 0;
    std::vector<std::unique_ptr<QThread>> threads;
    for (int i = 0; i < Threads; ++i) {
        threads.emplace_back(QThread::create([this, i, &whole] {
            CallInfo call;
            Talk talk(m_model->open(call));
            QEventLoop loop;
            QObject::connect(talk.conversation.get(), &Conversation::finished, &loop, &QEventLoop::quit);
            QObject::connect(talk.conversation.get(), &Conversation::failed, &loop, &QEventLoop::quit);
            for (int turn = 1; turn <= Turns; ++turn) {
                talk.ask(turn, QStringLiteral("thread %1 turn %2").arg(i).arg(turn));
                loop.exec();
                talk.conversation->heard(turn, talk.said[turn], false, Milliseconds(1));
                if (talk.said[turn] == QStringLiteral("You said: thread %1 turn %2").arg(i).arg(turn))
                    ++whole;
            }
        }));
        threads.back()->start();
    }
    for (const auto& thread : threads)
        QTRY_VERIFY(thread->isFinished());
    QCOMPARE(whole.load(), Threads * Turns);
    QVERIFY2(m_vendor->server.connections <= 1 + Threads, qPrintable(QString::number(m_vendor->server.connections)));
}

QTEST_GUILESS_MAIN(TestOpenAiChat)
#include "tst_openaichat.moc"
