// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/receptionist.h"

#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::dialog;
using namespace kav::providers;

namespace {

using Kind = UserTurn::Kind;

/// A call with the receptionist: turns go in, answers come out.
class Caller final {
public:
    explicit Caller(std::shared_ptr<const DialogScript> script)
        : m_receptionist(std::move(script))
        , conversation(m_receptionist.open({QStringLiteral("CA1"), {}, {}, QStringLiteral("en-US"), {}}))
    {
        QObject::connect(
            conversation.get(), &Conversation::text, conversation.get(), [this](int number, const QString& words) {
                lastTurn = number;
                answer += words;
                ++texts;
            });
        QObject::connect(conversation.get(), &Conversation::finished, conversation.get(),
            [this](int number, const Expectation& expectation, bool endCall) {
                QCOMPARE(number, lastTurn);
                next = expectation;
                ended = endCall;
                ++finishes;
            });
        QObject::connect(conversation.get(), &Conversation::failed, conversation.get(),
            [] { QFAIL("the receptionist cannot fail"); });
    }

    QString give(Kind kind, const QString& words, int number = 0, const QString& ref = {})
    {
        answer.clear();
        UserTurn user;
        user.kind = kind;
        user.turn = number > 0 ? number : ++turn;
        user.text = words;
        user.messageRef = ref;
        conversation->ask(user);
        if (!answer.isEmpty())
            return QStringLiteral("answered inside ask()");
        QCoreApplication::sendPostedEvents(conversation.get());
        return answer;
    }
    QString opening() { return give(Kind::Opening, {}); }
    QString says(const char* words) { return give(Kind::Voice, QString::fromLatin1(words)); }
    QString presses(const char* keys) { return give(Kind::Keypad, QString::fromLatin1(keys)); }
    QString leavesMessage() { return give(Kind::Message, {}, 0, QStringLiteral("REC1")); }
    QString fact(const char* name) const { return conversation->facts().value(QString::fromLatin1(name)); }

private:
    Receptionist m_receptionist;

public:
    std::unique_ptr<Conversation> conversation;
    Expectation next;
    QString answer;
    int turn = 0, lastTurn = 0, texts = 0, finishes = 0;
    bool ended = false;
};

QString l(const char* text)
{
    return QString::fromLatin1(text);
}

} // namespace

/// Calls as a caller hears them, with the dialog that Kav comes with.
class TestReceptionist final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void greetsFirst();
    void wholeCallByVoiceWithAKeyToConfirm();
    void messageByBareWord();
    void nobodyIsFreeAndAMessageIsOffered_data();
    void nobodyIsFreeAndAMessageIsOffered();
    void numberByKeypad();
    void wrongNumberIsChanged();
    void numberHeardWrongTwiceGoesToTheKeypad();
    void numberOfWrongLengthIsAskedForAgain();
    void numberCanBeRefused();
    void twoMisunderstandingsTurnToTheKeypad();
    void keypadMenuDoesEverything();
    void misunderstandingsAreCountedInARow();
    void repeatSaysTheLastAnswerAgain();
    void politenessIsAnswered();
    void goodbyeEndsFromEverywhere_data();
    void goodbyeEndsFromEverywhere();
    void nonsenseComesToAnEndFromEverywhere_data();
    void nonsenseComesToAnEndFromEverywhere();
    void answersComeThroughTheEventLoop();
    void askingTwiceReplacesTheFirst();
    void cancelledTurnIsUndone();
    void messageKeepsItsRecording();
    void silenceRepeatsTheQuestion();
    void grammarsNamesTellGrammarsApart();
    void conversationMayEndInTheMiddle();

private:
    std::shared_ptr<const DialogScript> m_script;
};

void TestReceptionist::initTestCase()
{
    auto loaded = DialogScript::load(QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
    QVERIFY2(loaded.ok(), loaded.ok() ? "" : qPrintable(loaded.error().message));
    m_script = loaded.value();
}

void TestReceptionist::greetsFirst()
{
    Caller caller(m_script);
    QCOMPARE(caller.opening(),
        l("Hello, and thank you for calling. Would you like sales, support, an operator, or to leave a message?"));
    QCOMPARE(caller.texts, 1);
    QCOMPARE(caller.finishes, 1);
    QVERIFY(!caller.ended);
    QCOMPARE(caller.next.kind, Expectation::Kind::Speech);
    QCOMPARE(caller.next.keypadMax, 0); // a single key
    QVERIFY(caller.next.interruptible);
    QVERIFY(caller.next.recognition.grammar.contains(l("leave a message")));
    QVERIFY(caller.next.recognition.phrases.contains(l("goodbye")));
    QVERIFY(!caller.next.recognition.digits);
}

void TestReceptionist::wholeCallByVoiceWithAKeyToConfirm()
{
    Caller caller(m_script);
    caller.opening();
    QCOMPARE(caller.says("hello"), l("Hello. Would you like sales, support, an operator, or to leave a message?"));
    QCOMPARE(caller.says("message"),
        l("All right. Please leave your message now. When you are done, press any key, or just stop talking."));
    QCOMPARE(caller.next.kind, Expectation::Kind::Message);
    QCOMPARE(caller.leavesMessage(),
        l("Thank you, I have your message. What number can we call you back on? Say it one digit at a time, or key it "
          "in "
          "and press pound."));
    QCOMPARE(caller.next.kind, Expectation::Kind::Digits);
    QCOMPARE(caller.next.keypadMin, 7);
    QCOMPARE(caller.next.keypadMax, 10);
    QVERIFY(caller.next.recognition.digits);
    QVERIFY(caller.next.recognition.grammar.contains(l("<digit> +")));
    QCOMPARE(caller.says("five five five one two three four"),
        l("I have five five five, one two three four. Press one or say yes if that is right, two or no to change it."));
    QCOMPARE(caller.fact("callback_number"), l("5551234"));
    QCOMPARE(caller.fact("callback_number_confirmed"), QString());
    QCOMPARE(caller.presses("1"),
        l("Thank you. We will call you back as soon as we can. Is there anything else I can do for you?"));
    QCOMPARE(caller.says("thank you"), l("You're welcome. Is there anything else I can do for you?"));
    QVERIFY(!caller.ended);
    QCOMPARE(caller.says("goodbye"), l("Thank you for calling. Goodbye."));
    QVERIFY(caller.ended);
    const QMap<QString, QString> facts{{l("message"), l("REC1")}, {l("callback_number"), l("5551234")},
        {l("callback_number_via"), l("voice")}, {l("callback_number_confirmed"), l("true")}};
    QCOMPARE(caller.conversation->facts(), facts);
}

void TestReceptionist::messageByBareWord()
{
    for (const char* words : {"message", "a message", "i'd like to leave a message please", "Can I leave a message?"}) {
        Caller caller(m_script);
        caller.opening();
        caller.says(words);
        QCOMPARE(caller.next.kind, Expectation::Kind::Message);
    }
}

void TestReceptionist::nobodyIsFreeAndAMessageIsOffered_data()
{
    QTest::addColumn<QString>("words");
    QTest::addColumn<QString>("topic");
    QTest::newRow("sales") << l("i'd like to speak to sales") << l("sales");
    QTest::newRow("support") << l("technical support please") << l("support");
    QTest::newRow("operator") << l("can i speak to an operator") << l("operator");
    QTest::newRow("a person") << l("a real person") << l("operator");
}

void TestReceptionist::nobodyIsFreeAndAMessageIsOffered()
{
    QFETCH(QString, words);
    QFETCH(QString, topic);
    Caller caller(m_script);
    caller.opening();
    QCOMPARE(caller.give(Kind::Voice, words),
        l("I'm sorry, nobody is free to take your call right now. Would you like to leave a message? Say yes or no."));
    QCOMPARE(caller.fact("topic"), topic);
    caller.says("yes please");
    QCOMPARE(caller.next.kind, Expectation::Kind::Message);
}

void TestReceptionist::numberByKeypad()
{
    Caller caller(m_script);
    caller.opening();
    caller.presses("3");
    caller.leavesMessage();
    QVERIFY(caller.presses("2025550143#").startsWith(l("I have two zero two, five five five, zero one four three.")));
    QCOMPARE(caller.fact("callback_number_via"), l("keypad"));
    caller.says("yes that's right");
    QCOMPARE(caller.fact("callback_number_confirmed"), l("true"));
}

void TestReceptionist::wrongNumberIsChanged()
{
    Caller caller(m_script);
    caller.opening();
    caller.says("message");
    caller.leavesMessage();
    caller.says("five five five one two three five");
    QCOMPARE(caller.says("no"),
        l("No problem. Please say the number again, one digit at a time, or key it in and press pound."));
    QCOMPARE(caller.fact("callback_number"), QString());
    QVERIFY(caller.says("it's double five five one two three four")
                .startsWith(l("Now I have five five five, one two three four.")));
    caller.says("yes");
    QCOMPARE(caller.fact("callback_number"), l("5551234"));
    QCOMPARE(caller.fact("callback_number_confirmed"), l("true"));
}

void TestReceptionist::numberHeardWrongTwiceGoesToTheKeypad()
{
    Caller caller(m_script);
    caller.opening();
    caller.says("message");
    caller.leavesMessage();
    for (int i = 0; i < 2; ++i) {
        caller.says("nine nine nine nine nine nine nine");
        caller.says("no");
    }
    QCOMPARE(caller.next.kind, Expectation::Kind::KeypadOnly);
    QCOMPARE(caller.next.keypadMin, 7);
    QCOMPARE(caller.answer, l("Let's use the keypad. Please key in the number, and then press pound."));
    QCOMPARE(caller.presses("5551234"),
        l("I have five five five, one two three four. Press one if that is right, or two to change it."));
    QCOMPARE(caller.next.kind, Expectation::Kind::KeypadOnly);
    caller.presses("1");
    QCOMPARE(caller.fact("callback_number_confirmed"), l("true"));
    QCOMPARE(caller.fact("callback_number_via"), l("keypad"));
}

void TestReceptionist::numberOfWrongLengthIsAskedForAgain()
{
    Caller caller(m_script);
    caller.opening();
    caller.says("message");
    caller.leavesMessage();
    QVERIFY(caller.says("five five five").startsWith(l("I need seven to ten digits. What number")));
    QCOMPARE(caller.fact("callback_number"), QString());
    caller.presses("55512345678");
    QCOMPARE(caller.next.kind, Expectation::Kind::KeypadOnly);
    QVERIFY(caller.presses("12*4567").startsWith(l("That was not a number.")));
}

void TestReceptionist::numberCanBeRefused()
{
    Caller caller(m_script);
    caller.opening();
    caller.says("message");
    caller.leavesMessage();
    QCOMPARE(caller.says("no number"),
        l("That's fine. Your message is saved without a number. Is there anything else I can do for you?"));
    caller.says("no thank you");
    QVERIFY(caller.ended);
    QCOMPARE(caller.fact("message"), l("REC1"));
}

void TestReceptionist::twoMisunderstandingsTurnToTheKeypad()
{
    Caller caller(m_script);
    caller.opening();
    QCOMPARE(caller.says(""),
        l("I'm sorry, I didn't get that. Would you like sales, support, an operator, or to leave a message?"));
    QCOMPARE(caller.next.kind, Expectation::Kind::Speech);
    QCOMPARE(caller.says("the quick brown fox"),
        l("Let's use the keypad. Press one for sales, two for support, three to leave a message, or zero for an "
          "operator. "
          "To hear this again, press star."));
    QCOMPARE(caller.next.kind, Expectation::Kind::KeypadOnly);
    QVERIFY(caller.next.recognition.grammar.isEmpty());
}

void TestReceptionist::keypadMenuDoesEverything()
{
    Caller caller(m_script);
    caller.opening();
    caller.says("");
    const QString menu = caller.says("");
    QCOMPARE(caller.presses("*"), menu);
    QVERIFY(caller.presses("7").startsWith(l("That key does nothing here.")));
    caller.presses("2");
    QCOMPARE(caller.fact("topic"), l("support"));
    caller.presses("1");
    QCOMPARE(caller.next.kind, Expectation::Kind::Message);
    caller.leavesMessage();
    QVERIFY(caller.presses("5551234").startsWith(l("I have")));
    caller.presses("1");
    caller.presses("2");
    QVERIFY(caller.ended);
}

void TestReceptionist::misunderstandingsAreCountedInARow()
{
    Caller caller(m_script);
    caller.opening();
    for (int i = 0; i < 5; ++i) {
        caller.says("");
        QCOMPARE(caller.next.kind, Expectation::Kind::Speech);
        caller.says("hello");
    }
}

void TestReceptionist::repeatSaysTheLastAnswerAgain()
{
    Caller caller(m_script);
    const QString greeting = caller.opening();
    QCOMPARE(caller.says("could you repeat that"), greeting);
    QCOMPARE(caller.says("repeat"), greeting);
    caller.says("message");
    caller.leavesMessage();
    const QString number = caller.says("five five five one two three four");
    QCOMPARE(caller.says("say that again please"), number);
    QCOMPARE(caller.presses("*"), number);
    QCOMPARE(caller.fact("callback_number"), l("5551234"));
}

void TestReceptionist::politenessIsAnswered()
{
    Caller caller(m_script);
    caller.opening();
    QVERIFY(caller.says("thank you").startsWith(l("You're welcome.")));
    QVERIFY(caller.says("hello").startsWith(l("Hello.")));
    QVERIFY(caller.says("help").startsWith(l("You can always say repeat, or goodbye.")));
    QVERIFY(caller.says("yes").startsWith(l("Great.")));
}

namespace {

/// Ways to every situation of the dialog, as words and keys ("#..." is keyed, "!" a message).
const QList<QPair<const char*, QStringList>>& ways()
{
    static const QList<QPair<const char*, QStringList>> list{{"greeting", {}}, {"nobody free", {l("sales")}},
        {"message", {l("message")}}, {"number", {l("message"), l("!")}},
        {"confirm", {l("message"), l("!"), l("#5551234")}},
        {"number again", {l("message"), l("!"), l("#5551234"), l("no")}},
        {"confirm again", {l("message"), l("!"), l("#5551234"), l("no"), l("#5551234")}},
        {"anything else", {l("message"), l("!"), l("#5551234"), l("yes")}},
        {"main", {l("message"), l("!"), l("#5551234"), l("yes"), l("yes")}}, {"keypad menu", {l(""), l("")}},
        {"keypad offer", {l(""), l(""), l("#1")}}, {"keypad number", {l("message"), l("!"), l(""), l("")}},
        {"keypad confirm", {l("message"), l("!"), l(""), l(""), l("#5551234")}}};
    return list;
}

void walk(Caller& caller, const QStringList& way)
{
    caller.opening();
    for (const QString& step : way) {
        if (step == QLatin1String("!"))
            caller.leavesMessage();
        else if (step.startsWith(QLatin1Char('#')))
            caller.give(Kind::Keypad, step.mid(1));
        else
            caller.give(Kind::Voice, step);
    }
}

} // namespace

void TestReceptionist::goodbyeEndsFromEverywhere_data()
{
    QTest::addColumn<QStringList>("way");
    for (const auto& [name, way] : ways()) {
        if (!QByteArray(name).contains("keypad") && QByteArray(name) != "message")
            QTest::newRow(name) << way;
    }
}

void TestReceptionist::goodbyeEndsFromEverywhere()
{
    QFETCH(QStringList, way);
    Caller caller(m_script);
    walk(caller, way);
    QVERIFY(!caller.ended);
    QCOMPARE(caller.says("goodbye"), l("Thank you for calling. Goodbye."));
    QVERIFY(caller.ended);
    // Words into the goodbye do not open the dialog again.
    QVERIFY(caller.says("sales").endsWith(l("Goodbye.")));
    QVERIFY(caller.ended);
}

void TestReceptionist::nonsenseComesToAnEndFromEverywhere_data()
{
    QTest::addColumn<QStringList>("way");
    for (const auto& [name, way] : ways())
        QTest::newRow(name) << way;
}

void TestReceptionist::nonsenseComesToAnEndFromEverywhere()
{
    QFETCH(QStringList, way);
    Caller caller(m_script);
    walk(caller, way);
    int turns = 0;
    while (!caller.ended && turns < 30) {
        ++turns;
        QVERIFY(!caller.says("").isEmpty());
        QVERIFY(!caller.answer.contains(QLatin1Char('{')));
    }
    QVERIFY(caller.ended);
    QVERIFY(turns <= 10);
}

void TestReceptionist::answersComeThroughTheEventLoop()
{
    Receptionist receptionist(m_script);
    QCOMPARE(receptionist.name(), l("receptionist"));
    const auto conversation = receptionist.open({});
    QSignalSpy texts(conversation.get(), &Conversation::text);
    QSignalSpy finished(conversation.get(), &Conversation::finished);
    UserTurn turn;
    turn.kind = Kind::Opening;
    turn.turn = 1;
    conversation->ask(turn);
    QCOMPARE(texts.count(), 0);
    QVERIFY(finished.wait(30000));
    QCOMPARE(texts.count(), 1);
    QCOMPARE(texts.first().first().toInt(), 1);
}

void TestReceptionist::askingTwiceReplacesTheFirst()
{
    Caller caller(m_script);
    caller.opening();
    UserTurn turn;
    turn.turn = 2;
    turn.text = l("sales");
    caller.conversation->ask(turn);
    turn.text = l("message");
    caller.answer.clear();
    caller.texts = caller.finishes = 0;
    caller.conversation->ask(turn);
    QCoreApplication::sendPostedEvents(caller.conversation.get());
    QCOMPARE(caller.texts, 1);
    QCOMPARE(caller.finishes, 1);
    QVERIFY(caller.answer.startsWith(l("All right. Please leave your message")));
    QCOMPARE(caller.fact("topic"), QString()); // nothing of "sales" is left

    // After the answer too.
    Caller late(m_script);
    late.opening();
    late.says(""); // a misunderstanding, replaced by words
    QVERIFY(late.give(Kind::Voice, l("hello"), late.turn).startsWith(l("Hello.")));
    late.says("");
    QCOMPARE(late.next.kind, Expectation::Kind::Speech); // the first one does not count
}

void TestReceptionist::cancelledTurnIsUndone()
{
    Caller caller(m_script);
    const QString greeting = caller.opening();
    caller.says("sales");
    QCOMPARE(caller.fact("topic"), l("sales"));
    caller.conversation->cancel(2);
    QCOMPARE(caller.fact("topic"), QString());
    QCOMPARE(caller.give(Kind::Voice, l("repeat"), 3), greeting);

    Caller pending(m_script);
    pending.opening();
    UserTurn turn;
    turn.turn = 2;
    turn.text = l("goodbye");
    pending.answer.clear();
    pending.conversation->ask(turn);
    pending.conversation->cancel(1); // another turn: nothing happens
    pending.conversation->cancel(2);
    QCoreApplication::sendPostedEvents(pending.conversation.get());
    QCOMPARE(pending.answer, QString());
    QVERIFY(pending.give(Kind::Voice, l("message"), 3).startsWith(l("All right.")));
}

void TestReceptionist::messageKeepsItsRecording()
{
    Caller caller(m_script);
    caller.opening();
    caller.leavesMessage(); // nobody asked for one
    QCOMPARE(caller.fact("message"), l("REC1"));
    QVERIFY(caller.answer.startsWith(l("Would you like")));
    // In the state for messages, words and keys are no message.
    caller.says("message");
    QVERIFY(caller.presses("5").startsWith(l("I didn't get a message.")));
}

void TestReceptionist::silenceRepeatsTheQuestion()
{
    Caller caller(m_script);
    caller.opening();
    for (int i = 0; i < 3; ++i)
        QCOMPARE(
            caller.give(Kind::Silence, {}), l("Would you like sales, support, an operator, or to leave a message?"));
    QCOMPARE(caller.next.kind, Expectation::Kind::Speech);
}

void TestReceptionist::grammarsNamesTellGrammarsApart()
{
    QHash<QString, QString> grammars;
    for (const auto& [name, way] : ways()) {
        Caller caller(m_script);
        walk(caller, way);
        const RecognitionContext& context = caller.next.recognition;
        QCOMPARE(context.grammar.isEmpty(), context.grammarName.isEmpty());
        const QString known = grammars.value(context.grammarName, context.grammar);
        QCOMPARE(context.grammar, known);
        grammars.insert(context.grammarName, context.grammar);
        QCOMPARE(context.language, l("en-US"));
    }
    QVERIFY(grammars.size() > 5);
}

void TestReceptionist::conversationMayEndInTheMiddle()
{
    Receptionist receptionist(m_script);
    auto conversation = receptionist.open({});
    UserTurn turn;
    turn.turn = 1;
    conversation->ask(turn);
    conversation.reset();
    QCoreApplication::processEvents(); // nothing is emitted, nothing breaks

    // Whoever hears the text may end the call,
    auto ending = receptionist.open({});
    QObject::connect(ending.get(), &Conversation::text, qApp, [&ending] { ending.reset(); });
    ending->ask(turn);
    QCoreApplication::sendPostedEvents(ending.get());
    QVERIFY(!ending);

    // or not want the rest.
    auto other = receptionist.open({});
    QObject::connect(other.get(), &Conversation::text, other.get(), [&other] { other->cancel(1); });
    QSignalSpy finished(other.get(), &Conversation::finished);
    other->ask(turn);
    QCoreApplication::sendPostedEvents(other.get());
    QCOMPARE(finished.count(), 0);
}

QTEST_GUILESS_MAIN(TestReceptionist)
#include "tst_receptionist.moc"
