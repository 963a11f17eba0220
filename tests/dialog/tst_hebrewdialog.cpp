// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogbook.h"
#include "engine/dialog/dialogdata.h"
#include "engine/dialog/phrases.h"
#include "engine/dialog/receptionist.h"
#include "engine/dialog/spokennumber.h"

#include <QFile>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::dialog;
using namespace kav::providers;

namespace {

std::shared_ptr<const DialogScript> shippedDialog(const QString& name)
{
    const auto script = DialogScript::load(u"" KAV_SOURCE_DIR "/resources/dialogs/"_s + name);
    if (!script)
        qFatal("%s", qPrintable(script.error().message));
    return *script;
}

using Kind = UserTurn::Kind;

/// A caller of the receptionist, in Hebrew.
class Caller final {
public:
    explicit Caller(const QList<PastTurn>& before = {})
        : m_receptionist(std::make_shared<const DialogBook>(
            std::vector{shippedDialog(u"receptionist.toml"_s), shippedDialog(u"receptionist-he.toml"_s)}))
    {
        CallInfo call;
        call.language = u"he-IL"_s;
        call.past = before;
        conversation = m_receptionist.open(call);
        QObject::connect(conversation.get(), &Conversation::text, conversation.get(),
            [this](int, const QString& words) { answer += words; });
        QObject::connect(conversation.get(), &Conversation::finished, conversation.get(),
            [this](int, const Expectation& expectation, bool endCall) {
                next = expectation;
                ended = endCall;
            });
    }

    QString give(Kind kind, const QString& words)
    {
        answer.clear();
        UserTurn user;
        user.kind = kind;
        user.turn = ++turn;
        user.text = words;
        if (kind == Kind::Message)
            user.messageRef = u"RE1"_s;
        conversation->ask(user);
        QCoreApplication::sendPostedEvents(conversation.get());
        past += PastTurn{kind, words, answer};
        return answer;
    }
    QString says(const QString& words) { return give(Kind::Voice, words); }
    QString fact(const QString& name) const { return conversation->facts().value(name); }

private:
    Receptionist m_receptionist;

public:
    std::unique_ptr<Conversation> conversation;
    QList<PastTurn> past;
    Expectation next;
    QString answer;
    int turn = 0;
    bool ended = false;
};

} // namespace

/// The dialog in Hebrew: how wishes are heard, and a whole call.
class TestHebrewDialog final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wishesAreUnderstood_data();
    void wishesAreUnderstood();
    void numbersAreUnderstood_data();
    void numbersAreUnderstood();
    void numbersAreReadOut();
    void wholeCall();
    void noGrammarIsMadeOfIt();
    void hasTheStatesOfTheEnglishOne();
    void languageChoosesTheDialog_data();
    void languageChoosesTheDialog();
    void phraseWithoutAWordIsRefused();
    void conversationIsTakenUpWhereItWas();
    void somebodyElsesConversationIsNot();
};

void TestHebrewDialog::wishesAreUnderstood_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("intent");
    const auto row = [](const QString& said, const char* intent) {
        QTest::newRow(qPrintable(said)) << said << QString::fromLatin1(intent);
    };
    row(u"מכירות"_s, "sales");
    row(u"למכירות"_s, "sales");
    row(u"למחלקת המכירות בבקשה"_s, "sales");
    row(u"אני רוצה לדבר עם מישהו מהמכירות"_s, "sales");
    row(u"שלום, אפשר תמיכה טכנית?"_s, "support");
    row(u"יש לי תקלה באינטרנט"_s, "support");
    row(u"נציג"_s, "operator");
    row(u"תעבירו אותי לנציגה, תודה"_s, "operator");
    row(u"להשאיר הודעה"_s, "message");
    row(u"הייתי רוצה להשאיר לכם הודעה"_s, "message");
    row(u"שָׁלוֹם"_s, "hello");
    row(u"כן"_s, "yes");
    row(u"לא, תודה"_s, "no");
    row(u"לא"_s, "no");
    row(u"לא, מכירות"_s, "sales");
    row(u"מה אמרת?"_s, "repeat");
    row(u"תודה, להתראות"_s, "goodbye");
    row(u"לכן"_s, ""); // not "כן" with a prefix
    row(u"חשוב מאוד"_s, ""); // not "שוב": that letter is no prefix
    row(u"מזג האוויר נעים היום"_s, "");
}

void TestHebrewDialog::wishesAreUnderstood()
{
    QFETCH(QString, said);
    QFETCH(QString, intent);
    const auto script = shippedDialog(u"receptionist-he.toml"_s);
    const State& greeting = script->data().state(u"greeting"_s);
    // "no" is nothing the greeting asked for; it stands here for all that is.
    std::vector<const Intent*> intents = greeting.intents;
    intents.push_back(&*script->data().intents.constFind(u"no"_s));
    const Intent* found = understand(said, intents, script->data().politeness);
    QCOMPARE(found ? found->name : QString(), intent);
}

void TestHebrewDialog::numbersAreUnderstood_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("digits");
    QTest::newRow("as Twilio writes it") << u"054-123-4567"_s << u"0541234567"_s;
    QTest::newRow("with words before") << u"המספר שלי הוא 0541234567"_s << u"0541234567"_s;
    QTest::newRow("words") << u"אפס חמש ארבע אחת שתיים שלוש"_s << u"054123"_s;
    QTest::newRow("the other gender") << u"אחד שניים שלושה"_s << u"123"_s;
    QTest::newRow("to a number") << u"תחזרו אליי לאפס חמש ארבע"_s << u"054"_s;
    QTest::newRow("to a written one") << u"תתקשרו אליי ל-054 1234567"_s << u"0541234567"_s;
    QTest::newRow("no number") << u"אפס עניין"_s << QString();
}

void TestHebrewDialog::numbersAreUnderstood()
{
    QFETCH(QString, said);
    QFETCH(QString, digits);
    const auto script = shippedDialog(u"receptionist-he.toml"_s);
    QStringList skipped = script->data().state(u"number"_s).leadIns;
    std::sort(skipped.begin(), skipped.end(), [](const QString& a, const QString& b) { return a.size() > b.size(); });
    QCOMPARE(parseSpokenDigits(said, skipped).value_or(QString()), digits);
}

void TestHebrewDialog::numbersAreReadOut()
{
    QCOMPARE(speakDigits(u"0541", u"he-IL"_s), u"אפס חמש ארבע אחת"_s);
    QCOMPARE(parseSpokenDigits(speakDigits(u"0987654321", u"he"_s), {}).value_or(QString()), u"0987654321"_s);
}

void TestHebrewDialog::wholeCall()
{
    Caller caller;
    QCOMPARE(caller.give(Kind::Opening, {}),
        u"שלום, ותודה שהתקשרתם. במה אפשר לעזור: מכירות, תמיכה, נציג, או להשאיר הודעה?"_s);
    QVERIFY(caller.says(u"קר היום"_s).startsWith(u"סליחה, לא הבנתי."));
    QVERIFY(caller.says(u"אני רוצה למכירות"_s).startsWith(u"סליחה, אין כרגע נציג פנוי."));
    QCOMPARE(caller.fact(u"topic"_s), u"sales"_s);
    caller.says(u"כן, בבקשה"_s);
    QCOMPARE(caller.next.kind, Expectation::Kind::Message);
    QVERIFY(caller.give(Kind::Message, {}).startsWith(u"תודה, ההודעה נשמרה."));
    QCOMPARE(caller.next.kind, Expectation::Kind::Digits);
    QVERIFY(caller.next.recognition.digits);
    QCOMPARE(caller.next.recognition.language, u"he-IL"_s);
    QVERIFY(caller.says(u"המספר שלי הוא 054-1234567"_s)
                .startsWith(u"המספר שרשמתי הוא אפס חמש ארבע, אחת שתיים שלוש, ארבע חמש שש שבע."));
    QVERIFY(caller.says(u"נכון"_s).startsWith(u"תודה. נחזור אליכם בהקדם."));
    QCOMPARE(caller.fact(u"callback_number"_s), u"0541234567"_s);
    QCOMPARE(caller.fact(u"callback_number_confirmed"_s), u"true"_s);
    QVERIFY(!caller.ended);
    QCOMPARE(caller.says(u"לא תודה"_s), u"תודה שהתקשרתם. להתראות."_s);
    QVERIFY(caller.ended);
}

void TestHebrewDialog::noGrammarIsMadeOfIt()
{
    Caller caller;
    caller.give(Kind::Opening, {});
    QCOMPARE(caller.next.recognition.grammar, QString());
    QVERIFY(caller.next.recognition.phrases.contains(u"להשאיר הודעה"_s));
}

/// Whoever changes one of the two finds out here what the other one lacks.
void TestHebrewDialog::hasTheStatesOfTheEnglishOne()
{
    const auto english = shippedDialog(u"receptionist.toml"_s), hebrew = shippedDialog(u"receptionist-he.toml"_s);
    QCOMPARE(hebrew->data().states.keys(), english->data().states.keys());
    QCOMPARE(hebrew->data().intents.keys(), english->data().intents.keys());
    for (const State& state : english->data().states) {
        const State& other = hebrew->data().state(state.name);
        QVERIFY2(other.listen == state.listen && other.keys == state.keys && other.store == state.store
                && other.understands.keys() == state.understands.keys(),
            qPrintable(state.name));
    }
}

void TestHebrewDialog::languageChoosesTheDialog_data()
{
    QTest::addColumn<QString>("language");
    QTest::addColumn<QString>("dialog");
    QTest::newRow("its own") << u"he-IL"_s << u"he-IL"_s;
    QTest::newRow("the same tongue") << u"he"_s << u"he-IL"_s;
    QTest::newRow("in capitals") << u"HE-il"_s << u"he-IL"_s;
    QTest::newRow("the first's tongue") << u"en-GB"_s << u"en-US"_s;
    QTest::newRow("no dialog of its own") << u"fr-FR"_s << u"en-US"_s;
    QTest::newRow("none") << QString() << u"en-US"_s;
}

void TestHebrewDialog::languageChoosesTheDialog()
{
    QFETCH(QString, language);
    QFETCH(QString, dialog);
    const DialogBook book({shippedDialog(u"receptionist.toml"_s), nullptr, shippedDialog(u"receptionist-he.toml"_s)});
    QCOMPARE(book.all().size(), size_t(2));
    QCOMPARE(book.scriptFor(language)->language(), dialog);
    QVERIFY(!DialogBook({}).scriptFor(language));
}

void TestHebrewDialog::phraseWithoutAWordIsRefused()
{
    QFile file(u"" KAV_SOURCE_DIR "/resources/dialogs/receptionist-he.toml"_s);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray text = file.readAll().replace("[\"מכירות\",", "[\"?!\",");
    const auto script = DialogScript::parse(text, u"he.toml"_s);
    QVERIFY(!script.ok());
    QVERIFY2(script.error().message.contains(u"intents.sales: \"?!\": there is no word in it"),
        qPrintable(script.error().message));
}

void TestHebrewDialog::conversationIsTakenUpWhereItWas()
{
    Caller caller;
    caller.give(Kind::Opening, {});
    caller.says(u"תמיכה"_s);
    QList<PastTurn> past = caller.past;
    past.last().heardText = u"סליחה, אין"_s; // and there the line broke
    Caller again(past);
    QCOMPARE(again.give(Kind::Silence, {}), u"רוצים להשאיר הודעה? אפשר לומר כן או לא."_s);
    QCOMPARE(again.fact(u"topic"_s), u"support"_s);
    again.says(u"כן"_s);
    QCOMPARE(again.next.kind, Expectation::Kind::Message);
}

void TestHebrewDialog::somebodyElsesConversationIsNot()
{
    Caller caller({{Kind::Opening, {}, u"Good morning, this is Dana."_s}, {Kind::Voice, u"מכירות"_s, u"Sure."_s}});
    QVERIFY(caller.says(u"תמיכה"_s).startsWith(u"סליחה, אין כרגע נציג פנוי."));
    QCOMPARE(caller.fact(u"topic"_s), u"support"_s);
}

QTEST_MAIN(TestHebrewDialog)
#include "tst_hebrewdialog.moc"
