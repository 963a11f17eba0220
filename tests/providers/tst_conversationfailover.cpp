// SPDX-License-Identifier: Apache-2.0
#include "tests/providers/failoverfixture.h"

#include <QJsonObject>
#include <QPointer>
#include <QTest>

using namespace kav;
using namespace kav::providers;
using namespace kav::test;
using Fault = StandInManners::Fault;

namespace {
constexpr Stage Llm = Stage::LanguageModel;

StandInAnswer says(const char* text, const char* tool = "", const char* afterTool = "")
{
    return {QString::fromUtf8(text), {}, false, QString::fromLatin1(tool), QString::fromUtf8(afterTool)};
}
} // namespace

/// A turn, answered by whoever can.
class TestConversationFailover final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void theFirstAnswersAlone();
    void halfASentenceIsHeldBack_data();
    void halfASentenceIsHeldBack();
    void theNextIsAskedWhenTheFirstFailsOrStalls_data();
    void theNextIsAskedWhenTheFirstFailsOrStalls();
    void whoTakesOverIsToldWhatWasSaidAndHeard();
    void halfASentenceIsTakenBackAndTheNextAnswers();
    void afterAWholeSentenceTheAnswerEnds_data();
    void afterAWholeSentenceTheAnswerEnds();
    void anEmptyAnswerIsAFailure();
    void anEmptyAnswerThatEndsTheCallIsNone();
    void factsOfTheOneThatWasLeftAreKept();
    void nobodyIsLeft();
    void nobodyIsReady();
    void thePreferredOneIsBackAndKnowsThePast();
    void oneThatFailsOnceIsTriedAgainForTheNextTurn();
    void aTurnAskedAgainReplacesItself();
    void whatWasCancelledIsNotRemembered();
    void betterWordsAreRemembered();
    void anAnswerThatWasCutOffIsNoFailure();
    void aToolIsCalledAndItsResultGoesBack();
    void aSlowToolIsNobodysStall();
    void aToolIsNeverCalledTwice_data();
    void aToolIsNeverCalledTwice();
    void twoModelsToolsAreToldApart();
    void oneThatSpeaksGivesSound();
    void oneThatSpeaksIsLeftBeforeItsFirstSound();
    void oneThatSpeaksEndsWhereItFails();
    void itMayBeDeletedInItsOwnSignals();
    void aDeletedOneIsNoVerdict();

private:
    struct Model {
        std::shared_ptr<StandInLanguageModel> provider;
        std::shared_ptr<QList<StandInConversation*>> opened;
        StandInConversation* last() const { return opened->last(); }
    };
    Model model(QList<StandInAnswer> script, const StandInManners& manners = {}, int chunk = 0, bool speaks = false)
    {
        Model made;
        made.opened = std::make_shared<QList<StandInConversation*>>();
        StandInLanguageModel::Settings settings;
        settings.script = std::move(script);
        settings.manners = manners;
        settings.chunk = chunk;
        settings.speaks = speaks;
        settings.opened = [list = made.opened](StandInConversation* opened) { list->append(opened); };
        made.provider = std::make_shared<StandInLanguageModel>(settings);
        return made;
    }
    void open(const Model& first, const Model& second);
    void ask(int turn, const char* text = "sales", UserTurn::Kind kind = UserTurn::Kind::Voice)
    {
        UserTurn user;
        user.turn = turn;
        user.kind = kind;
        user.text = QString::fromUtf8(text);
        conversation->ask(user);
        f->settle();
    }
    void heard(int turn, const char* text, bool interrupted = false)
    {
        conversation->heard(turn, QString::fromUtf8(text), interrupted, Milliseconds(1000));
    }

    std::unique_ptr<FailoverFixture> f;
    std::unique_ptr<Conversation> conversation;
    QString said; // of all turns: "2:Hello. |", "|" at each end, "!timeout" at each failure
    QList<Expectation> expected;
    QList<ToolCall> tools;
    QByteArray sound;
};

void TestConversationFailover::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
    conversation.reset();
    f = std::make_unique<FailoverFixture>();
    said.clear();
    expected.clear();
    tools.clear();
    sound.clear();
}

void TestConversationFailover::open(const Model& first, const Model& second)
{
    conversation = openWithFailover(f->call,
        f->list<LanguageModel>(
            {{QStringLiteral("first"), first.provider}, {QStringLiteral("second"), second.provider}}),
        f->settings, f->judge, f->clock, f->reporter());
    connect(conversation.get(), &Conversation::text, this,
        [this](int turn, const QString& delta) { said += QString::number(turn) + QLatin1Char(':') + delta; });
    connect(conversation.get(), &Conversation::audio, this, [this](int, const QByteArray& mulaw) { sound += mulaw; });
    connect(
        conversation.get(), &Conversation::toolCalled, this, [this](int, const ToolCall& call) { tools.append(call); });
    connect(conversation.get(), &Conversation::finished, this, [this](int, const Expectation& next, bool endCall) {
        said += endCall ? QStringLiteral("||") : QStringLiteral("|");
        expected += next;
    });
    connect(conversation.get(), &Conversation::failed, this,
        [this](int, const Error& error) { said += QLatin1Char('!') + errorCodeName(error.code); });
}

void TestConversationFailover::theFirstAnswersAlone()
{
    const Model first = model({says("Hello. How can I help?"), {QStringLiteral("Bye."), {}, true}});
    const Model second = model({});
    open(first, second);
    QCOMPARE(first.opened->size(), 1); // before the first turn
    ask(1, "", UserTurn::Kind::Opening);
    heard(1, "Hello. How can I help?");
    ask(2);
    QCOMPARE(said, QStringLiteral("1:Hello. 1:How can I help?|2:Bye.||"));
    QCOMPARE(first.opened->size(), 1);
    QCOMPARE(second.opened->size(), 0);
    QCOMPARE(first.last()->heardTexts.size(), 1);
    QVERIFY(f->left.isEmpty());
}

void TestConversationFailover::halfASentenceIsHeldBack_data()
{
    QTest::addColumn<QString>("text"); // "/" is where the stream is cut
    QTest::addColumn<QString>("given");
    const auto row = [](const char* text, const char* given) {
        QTest::newRow(QByteArray(text).replace('\n', " (line break) ").constData()) << QString::fromUtf8(text) << QString::fromUtf8(given);
    };
    row("We are open. Fro/", "We are open. ");
    row("We are open./", "");
    row("We are open. /", "We are open. ");
    row("It is 9.30 a/", "");
    row("He said \"no.\" Th/", "He said \"no.\" ");
    row("One\nTw/", "One\n");
    row("אנחנו פתוחים. מתש/", "אנחנו פתוחים. ");
    row("Really?! Yes… y/", "Really?! Yes… ");
}

void TestConversationFailover::halfASentenceIsHeldBack()
{
    QFETCH(QString, text);
    QFETCH(QString, given);
    text.chop(1);
    // One character at a time, then silence.
    open(model({{text + QStringLiteral("x"), {}, false}}, faulty(Fault::Hang, int(text.size())), 1), model({}));
    ask(1);
    QCOMPARE(said.remove(QStringLiteral("1:")), given);
}

void TestConversationFailover::theNextIsAskedWhenTheFirstFailsOrStalls_data()
{
    QTest::addColumn<bool>("stalls");
    QTest::addColumn<int>("afterPieces"); // of four characters
    QTest::newRow("fails at once") << false << 0;
    QTest::newRow("fails in the first sentence") << false << 2;
    QTest::newRow("stalls at once") << true << 0;
    QTest::newRow("stalls in the first sentence") << true << 2;
}

void TestConversationFailover::theNextIsAskedWhenTheFirstFailsOrStalls()
{
    QFETCH(bool, stalls);
    QFETCH(int, afterPieces);
    const Model second = model({says("Sales is closed. ")});
    open(model({says("The sales department is open.")}, faulty(stalls ? Fault::Hang : Fault::Fail, afterPieces), 4),
        second);
    ask(1);
    if (stalls) {
        f->pass(3999);
        QVERIFY(said.isEmpty());
        f->pass(1);
    }
    QCOMPARE(said, QStringLiteral("1:Sales is closed. |"));
    QCOMPARE(second.last()->asked.size(), 1);
    QCOMPARE(second.last()->asked.first().text, QStringLiteral("sales"));
    QCOMPARE(f->left,
        QStringList{stalls ? QStringLiteral("first>second timeout") : QStringLiteral("first>second unavailable")});
    QCOMPARE(f->health(Llm, "first"), stalls ? Health::State::Resting : Health::State::Fit);
}

void TestConversationFailover::whoTakesOverIsToldWhatWasSaidAndHeard()
{
    f->call.past = {{UserTurn::Kind::Voice, QStringLiteral("before"), QStringLiteral("all this")}};
    const Model second = model({says("I am new here.")});
    open(model({says("Hello."), says("We sell lamps. Big ones.")}, faulty(Fault::Fail, 0, 3)), second);
    ask(1, "", UserTurn::Kind::Opening);
    heard(1, "Hello.");
    ask(2, "what do you sell");
    heard(2, "We sell lamps.", true);
    ask(3, "stop");
    QVERIFY(said.endsWith(QStringLiteral("3:I am new here.|")));
    const auto& past = second.last()->call.past;
    QCOMPARE(past.size(), 3);
    QCOMPARE(past.at(0).callerText, QStringLiteral("before"));
    QCOMPARE(past.at(1).kind, UserTurn::Kind::Opening);
    QCOMPARE(past.at(1).heardText, QStringLiteral("Hello."));
    QCOMPARE(past.at(2).callerText, QStringLiteral("what do you sell"));
    QCOMPARE(past.at(2).heardText, QStringLiteral("We sell lamps.")); // not what was never heard
    QCOMPARE(second.last()->asked.first().text, QStringLiteral("stop"));
    QCOMPARE(second.last()->call.callId, QStringLiteral("CA1"));
}

void TestConversationFailover::halfASentenceIsTakenBackAndTheNextAnswers()
{
    const Model second = model({says("Sales is closed.")});
    open(model({says("The sales department is o")}, faulty(Fault::Fail, 1)), second);
    ask(1);
    QCOMPARE(said, QStringLiteral("1:Sales is closed.|"));
    QVERIFY(second.last()->call.past.isEmpty());
}

void TestConversationFailover::afterAWholeSentenceTheAnswerEnds_data()
{
    QTest::addColumn<bool>("stalls");
    QTest::newRow("fails") << false;
    QTest::newRow("stalls") << true;
}

void TestConversationFailover::afterAWholeSentenceTheAnswerEnds()
{
    QFETCH(bool, stalls);
    auto persona = std::make_shared<Persona>();
    persona->phrases = QStringList{QStringLiteral("lamps")};
    f->call.persona = persona;
    const Model second = model({says("And from me.")});
    open(model({says("We are open. From nine t")}, faulty(stalls ? Fault::Hang : Fault::Fail, 1)), second);
    ask(1);
    if (stalls)
        f->pass(4000);
    QCOMPARE(said, QStringLiteral("1:We are open. |"));
    QVERIFY(expected.first().kind == Expectation::Kind::Speech);
    QCOMPARE(expected.first().recognition.language, QStringLiteral("he-IL"));
    QCOMPARE(expected.first().recognition.phrases, persona->phrases);
    QCOMPARE(second.opened->size(), 0);
    heard(1, "We are open.");
    f->judge->failed(Llm, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    ask(2, "from when on");
    QCOMPARE(said, QStringLiteral("1:We are open. |2:And from me.|"));
    QCOMPARE(second.last()->call.past.size(), 1);
    QCOMPARE(second.last()->call.past.first().heardText, QStringLiteral("We are open."));
}

void TestConversationFailover::anEmptyAnswerIsAFailure()
{
    open(model({says("")}), model({says("I am here.")}));
    ask(1);
    QCOMPARE(said, QStringLiteral("1:I am here.|"));
}

void TestConversationFailover::anEmptyAnswerThatEndsTheCallIsNone()
{
    open(model({{QString(), {}, true}}), model({says("I am here.")}));
    ask(1);
    QCOMPARE(said, QStringLiteral("||"));
}

void TestConversationFailover::factsOfTheOneThatWasLeftAreKept()
{
    class Knowing final : public LanguageModel {
    public:
        class Mind final : public Conversation {
        public:
            void ask(const UserTurn& turn) override { Q_EMIT failed(turn.turn, {Error::Code::Io, {}, {}}); }
            void cancel(int) override { }
            void heard(int, const QString&, bool, std::chrono::milliseconds) override { }
            void amend(int, const QString&) override { }
            QMap<QString, QString> facts() const override
            {
                return {{QStringLiteral("callback_number"), QStringLiteral("5551234")}};
            }
        };
        QString name() const override { return QStringLiteral("knowing"); }
        std::unique_ptr<Conversation> open(const CallInfo&) override { return std::make_unique<Mind>(); }
    };
    conversation = openWithFailover(f->call,
        f->list<LanguageModel>(
            {{QStringLiteral("first"), std::make_shared<Knowing>()}, {QStringLiteral("second"), model({}).provider}}),
        f->settings, f->judge, f->clock, f->reporter());
    ask(1);
    QCOMPARE(f->left, QStringList{QStringLiteral("first>second io")});
    QCOMPARE(conversation->facts().value(QStringLiteral("callback_number")), QStringLiteral("5551234"));
}

void TestConversationFailover::nobodyIsLeft()
{
    const Model first = model({}, faulty(Fault::Fail)), second = model({}, faulty(Fault::Hang));
    open(first, second);
    ask(1);
    f->pass(4000);
    QCOMPARE(said, QStringLiteral("!timeout"));
    QCOMPARE(f->left, (QStringList{QStringLiteral("first>second unavailable"), QStringLiteral("second> timeout")}));
    f->pass(60000);
    QCOMPARE(said, QStringLiteral("!timeout"));
    QCOMPARE(first.provider->requests() + second.provider->requests(), 2);
}

void TestConversationFailover::nobodyIsReady()
{
    f->away = true;
    open(model({}), model({}));
    UserTurn turn;
    turn.turn = 1;
    conversation->ask(turn);
    QVERIFY(said.isEmpty()); // never from inside
    f->settle();
    QCOMPARE(said, QStringLiteral("!unavailable"));
    conversation->ask(turn);
    conversation->cancel(1);
    f->settle();
    QCOMPARE(said, QStringLiteral("!unavailable"));
    f->away = false;
    ask(2, "hello");
    QCOMPARE(said, QStringLiteral("!unavailable2:You said hello.|"));
}

void TestConversationFailover::thePreferredOneIsBackAndKnowsThePast()
{
    const Model first = model({says("First.")}, faulty(Fault::Hang, 0, 1)), second = model({says("Second.")});
    open(first, second);
    ask(1, "one");
    f->pass(4000);
    heard(1, "Second.");
    f->pass(5000); // its rest
    ask(2, "two");
    QCOMPARE(said, QStringLiteral("1:Second.|2:First.|"));
    QCOMPARE(first.last()->call.past.size(), 1);
    QCOMPARE(first.last()->call.past.first().heardText, QStringLiteral("Second."));
    QCOMPARE(f->health(Llm, "first"), Health::State::Fit);
}

void TestConversationFailover::oneThatFailsOnceIsTriedAgainForTheNextTurn()
{
    const Model first = model({}, faulty(Fault::Fail)), second = model({});
    open(first, second);
    ask(1);
    ask(2);
    QCOMPARE(f->health(Llm, "first"), Health::State::Resting); // two in a row
    ask(3);
    QCOMPARE(first.provider->requests(), 2);
    QCOMPARE(second.provider->requests(), 3);
    QCOMPARE(second.opened->size(), 3 - 1); // the third turn goes on with the conversation of the second
}

void TestConversationFailover::aTurnAskedAgainReplacesItself()
{
    const Model first = model({}), second = model({});
    open(first, second);
    UserTurn turn;
    turn.turn = 1;
    turn.text = QStringLiteral("sails");
    conversation->ask(turn);
    ask(1, "sales");
    QCOMPARE(said, QStringLiteral("1:You said sales.|"));
    QCOMPARE(first.last()->asked.size(), 2);
    heard(1, "You said sales.");
    f->judge->failed(Llm, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    ask(2);
    QCOMPARE(second.last()->call.past.size(), 1);
    QCOMPARE(second.last()->call.past.first().callerText, QStringLiteral("sales"));
}

void TestConversationFailover::whatWasCancelledIsNotRemembered()
{
    const Model first = model({}), second = model({});
    open(first, second);
    ask(1, "one");
    conversation->cancel(1);
    QCOMPARE(first.last()->cancelled, QList<int>{1});
    f->judge->failed(Llm, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    ask(2, "one and two");
    QVERIFY(second.last()->call.past.isEmpty());
}

void TestConversationFailover::betterWordsAreRemembered()
{
    const Model first = model({}), second = model({});
    open(first, second);
    ask(1, "sails");
    heard(1, "You said sails.");
    conversation->amend(1, QStringLiteral("sales"));
    QCOMPARE(first.last()->amended.size(), 1);
    f->judge->failed(Llm, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    ask(2);
    QCOMPARE(second.last()->call.past.first().callerText, QStringLiteral("sales"));
}

void TestConversationFailover::anAnswerThatWasCutOffIsNoFailure()
{
    const Model first = model({says("One. Two. Three.")}, faulty(Fault::Hang, 2), 6), second = model({});
    open(first, second);
    ask(1);
    QCOMPARE(said, QStringLiteral("1:One. 1:Two. "));
    heard(1, "One.", true);
    f->pass(60000);
    QVERIFY(f->left.isEmpty());
    QCOMPARE(f->health(Llm, "first"), Health::State::Fit);
}

void TestConversationFailover::aToolIsCalledAndItsResultGoesBack()
{
    const Model first = model({says("Let me see.", "hours", "From nine.")});
    open(first, model({}));
    ask(1);
    QCOMPARE(said, QStringLiteral("1:Let me see. ")); // is to be heard while the tool runs
    QCOMPARE(tools.size(), 1);
    QCOMPARE(tools.first().name, QStringLiteral("hours"));
    conversation->toolFinished(tools.first().id, {{QStringLiteral("from"), 9}});
    f->settle();
    QCOMPARE(said, QStringLiteral("1:Let me see. 1:From nine.|"));
    QCOMPARE(first.last()->toolResults.size(), 1);
    conversation->toolFinished(tools.first().id, {}); // twice is once
    conversation->toolFinished(QStringLiteral("nobody's"), {});
    QCOMPARE(first.last()->toolResults.size(), 1);
}

void TestConversationFailover::aSlowToolIsNobodysStall()
{
    open(model({says("", "hours", "From nine.")}), model({}));
    ask(1);
    f->pass(30000);
    QVERIFY(f->left.isEmpty());
    conversation->toolFinished(tools.first().id, {});
    f->settle();
    QCOMPARE(said, QStringLiteral("1:From nine.|"));
}

void TestConversationFailover::aToolIsNeverCalledTwice_data()
{
    QTest::addColumn<bool>("resultLate");
    QTest::newRow("its result is known") << false;
    QTest::newRow("it still runs") << true;
}

void TestConversationFailover::aToolIsNeverCalledTwice()
{
    QFETCH(bool, resultLate);
    // It calls the tool, and stalls when it has the result; or fails while the tool runs.
    const Model second = model({says("One moment.", "take_message", "It is taken.")});
    if (resultLate) {
        class Breaking final : public LanguageModel {
        public:
            class Mind final : public Conversation {
            public:
                void ask(const UserTurn& turn) override
                {
                    Q_EMIT toolCalled(turn.turn, {QStringLiteral("call-1"), QStringLiteral("take_message"), {}});
                    Q_EMIT failed(turn.turn, {Error::Code::Io, {}, {}});
                }
                void cancel(int) override { }
                void heard(int, const QString&, bool, std::chrono::milliseconds) override { }
                void amend(int, const QString&) override { }
                QMap<QString, QString> facts() const override { return {}; }
            };
            QString name() const override { return QStringLiteral("breaking"); }
            std::unique_ptr<Conversation> open(const CallInfo&) override { return std::make_unique<Mind>(); }
        };
        Model breaking;
        breaking.opened = std::make_shared<QList<StandInConversation*>>();
        conversation = openWithFailover(f->call,
            f->list<LanguageModel>(
                {{QStringLiteral("first"), std::make_shared<Breaking>()}, {QStringLiteral("second"), second.provider}}),
            f->settings, f->judge, f->clock, f->reporter());
        connect(conversation.get(), &Conversation::text, this,
            [this](int turn, const QString& delta) { said += QString::number(turn) + QLatin1Char(':') + delta; });
        connect(conversation.get(), &Conversation::toolCalled, this,
            [this](int, const ToolCall& call) { tools.append(call); });
        ask(1);
    } else {
        open(model({says("Well.", "take_message", "Done.")}, faulty(Fault::Hang, 9)), second);
        ask(1);
    }
    QCOMPARE(tools.size(), 1);
    conversation->toolFinished(tools.first().id, {{QStringLiteral("ok"), true}});
    f->settle();
    if (!resultLate)
        f->pass(4000);
    QCOMPARE(tools.size(), 1);
    QVERIFY2(said.endsWith(QStringLiteral("1:One moment. 1:It is taken."))
            || said.endsWith(QStringLiteral("1:One moment. 1:It is taken.|")),
        qPrintable(said));
    QCOMPARE(second.last()->toolResults.size(), 1);
    QCOMPARE(second.last()->toolResults.first().second.value(QStringLiteral("ok")).toBool(), true);
    if (!resultLate) { // what was said is known to the one who goes on
        QCOMPARE(second.last()->call.past.size(), 1);
        QCOMPARE(second.last()->call.past.first().heardText, QStringLiteral("Well. "));
    }
}

void TestConversationFailover::twoModelsToolsAreToldApart()
{
    // Both call their first tool "call-1".
    const Model first = model({says("", "hours", "Nine.")}, faulty(Fault::Hang, 9)),
                second = model({says("", "transfer", "Bye.")});
    open(first, second);
    ask(1);
    conversation->toolFinished(tools.first().id, {});
    f->pass(4000);
    QCOMPARE(tools.size(), 2);
    QCOMPARE(tools.last().name, QStringLiteral("transfer"));
    QVERIFY(tools.last().id != tools.first().id);
    conversation->toolFinished(tools.last().id, {});
    f->settle();
    QCOMPARE(said, QStringLiteral("1:Bye.|"));
    QCOMPARE(second.last()->toolResults.first().first, QStringLiteral("call-1"));
}

void TestConversationFailover::oneThatSpeaksGivesSound()
{
    open(model({says("We are open.")}, {}, 4, true), model({}));
    QVERIFY(conversation->speaks());
    ask(1);
    QCOMPARE(said.remove(QStringLiteral("1:")), QStringLiteral("We are open.|"));
    QCOMPARE(sound.size(), 12 * 480);
}

void TestConversationFailover::oneThatSpeaksIsLeftBeforeItsFirstSound()
{
    open(model({}, faulty(Fault::Hang), 0, true), model({says("I write.")}));
    ask(1);
    QVERIFY(conversation->speaks());
    f->pass(4000);
    QVERIFY(!conversation->speaks());
    QCOMPARE(said, QStringLiteral("1:I write.|"));
    QVERIFY(sound.isEmpty());
}

void TestConversationFailover::oneThatSpeaksEndsWhereItFails()
{
    open(model({says("We are open.")}, faulty(Fault::Fail, 2), 4, true), model({}));
    ask(1);
    QCOMPARE(said.remove(QStringLiteral("1:")), QStringLiteral("We are o|"));
    QCOMPARE(sound.size(), 8 * 480);
}

void TestConversationFailover::itMayBeDeletedInItsOwnSignals()
{
    const auto drop = [this] { conversation.reset(); };
    open(model({}), model({}));
    connect(conversation.get(), &Conversation::text, this, drop);
    ask(1);
    QVERIFY(!conversation);
    open(model({}), model({}));
    connect(conversation.get(), &Conversation::finished, this, drop);
    ask(1);
    QVERIFY(!conversation);
    open(model({}, faulty(Fault::Fail)), model({}, faulty(Fault::Fail)));
    connect(conversation.get(), &Conversation::failed, this, drop);
    ask(1);
    QVERIFY(!conversation);
    open(model({says("Well.", "hours", "Nine.")}), model({}));
    connect(conversation.get(), &Conversation::toolCalled, this, drop);
    ask(1);
    QVERIFY(!conversation);
    open(model({}, {}, 0, true), model({}));
    connect(conversation.get(), &Conversation::audio, this, drop);
    ask(1);
    QVERIFY(!conversation);
}

void TestConversationFailover::aDeletedOneIsNoVerdict()
{
    f->judge->failed(Llm, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    f->clock.advance(Milliseconds(5000));
    open(model({}, faulty(Fault::Hang)), model({}));
    ask(1);
    QVERIFY(!f->judge->mayUse(Llm, QStringLiteral("first")));
    conversation.reset();
    QVERIFY(f->judge->mayUse(Llm, QStringLiteral("first")));
}

QTEST_GUILESS_MAIN(TestConversationFailover)
#include "tst_conversationfailover.moc"
