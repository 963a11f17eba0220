// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogdata.h"
#include "engine/dialog/dialogscript.h"

#include <QFile>
#include <QRegularExpression>
#include <QSet>
#include <QTest>

using namespace kav;
using namespace kav::dialog;

namespace {

const char* const shipped = KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml";
const char* const dictionary = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict";

/// A small dialog without a fault; the tests put one in.
QString good()
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/dialog/small.toml"));
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

} // namespace

/// Dialog files: what is read, and what is refused, and with which words.
class TestDialogScript final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void smallDialogIsRead();
    void shippedDialogIsRead();
    void mistakesAreNamedWithFileLineAndKey_data();
    void mistakesAreNamedWithFileLineAndKey();
    void missingFileIsNamed();
    void hugeFileIsRefused();
    void fixedSentencesBeginWithTheOpeningAndHaveNoFacts();
    void theEnginesOwnLinesAreInTheCallsLanguage();
    void everyWordOfTheGrammarsIsInTheDictionary();
    void everySentenceIsShortEnoughForTheEar();
    void truncatedFilesAreRefusedOrRead();
};

void TestDialogScript::smallDialogIsRead()
{
    const auto script = DialogScript::parse(good().toUtf8(), QStringLiteral("small.toml"));
    QVERIFY2(script.ok(), script.ok() ? "" : qPrintable(script.error().message));
    QCOMPARE((*script)->language(), QStringLiteral("en-US"));
    QCOMPARE((*script)->lines().filler, QStringLiteral("One moment."));
    QCOMPARE((*script)->lines().endGoodbye, QStringLiteral("I must go. Goodbye."));
    QCOMPARE((*script)->fixedSentences(),
        (QStringList{QStringLiteral("Hello."), QStringLiteral("It's me."), QStringLiteral("A number?"),
            QStringLiteral("One moment."), QStringLiteral("Please try again."), QStringLiteral("Hello?"),
            QStringLiteral("Are you there?"), QStringLiteral("Goodbye."), QStringLiteral("I must go."),
            QStringLiteral("What?"), QStringLiteral("Bye."), QStringLiteral("Thanks."), QStringLiteral("Which?"),
            QStringLiteral("Three or four digits.")}));
    // What is understood everywhere is understood in the state for numbers too, in words.
    const State& number = (*script)->data().state(QStringLiteral("number"));
    QVERIFY(number.understands.contains(QStringLiteral("no")));
    QVERIFY(number.expectation.recognition.grammar.contains(QStringLiteral("<no> = ( /0.001/ no )")));
}

void TestDialogScript::shippedDialogIsRead()
{
    const auto script = DialogScript::load(QString::fromLatin1(shipped));
    QVERIFY2(script.ok(), script.ok() ? "" : qPrintable(script.error().message));
    QVERIFY((*script)->fixedSentences().size() > 30);
}

void TestDialogScript::mistakesAreNamedWithFileLineAndKey_data()
{
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("error");
    const auto row = [](const char* tag, const char* from, const char* to, const char* error) {
        QTest::newRow(tag) << QString::fromUtf8(from) << QString::fromUtf8(to) << QString::fromUtf8(error);
    };
    row("no TOML", "format = 1", "format = = 1", "x.toml:1: ");
    row("another format", "format = 1", "format = 2", "x.toml:1: format: must be a whole number from 1 to 1");
    row("format as text", "format = 1", "format = \"1\"", "x.toml:1: format: must be a whole number");
    row("no name", "name = \"small\"\n", "", "name: is missing");
    row("a name with spaces", "\"small\"", "\"my dialog\"", "x.toml:2: name: a name is made of small letters");
    row("unknown key at the top", "name =", "colour = 3\nname =", "x.toml:2: colour: unknown key (known here: format");
    row("unknown line", "filler =", "filer =", "x.toml:5: lines.filer: unknown key");
    row("missing line", "fallback = \"Please try again.\"\n", "", "lines.fallback: is missing");
    row("an empty text", "\"One moment.\"", "\" \"", "x.toml:5: lines.filler: is empty");
    row("a number for a text", "\"One moment.\"", "1", "x.toml:5: lines.filler: must be a text");
    row("unknown key in a state", "misunderstood = \"What?\"\nafter", "misunderstod = \"What?\"\nafter",
        "x.toml:20: states.ask.misunderstod: unknown key");
    row("unknown kind", "listen = \"speech\"", "listen = \"speach\"",
        "x.toml:19: states.ask.listen: \"speach\" is none of speech, number");
    row("missing state", "{ yes = \"number\" }", "{ yes = \"numbr\" }",
        "x.toml:23: states.ask.understands: there is no state \"numbr\"");
    row("missing start", "start = \"ask\"", "start = \"aks\"", "start: there is no state \"aks\"");
    row("missing intent", "{ yes = \"number\" }", "{ yess = \"number\" }",
        "x.toml:23: states.ask.understands: there is no intent \"yess\"");
    row("key for an intent the state does not know", "{ 1 = \"yes\" }", "{ 1 = \"maybe\" }",
        "x.toml:16: states.ask.keys: \"maybe\" is not understood in this state");
    row("no such key on a telephone", "{ 1 = \"yes\" }", "{ 12 = \"yes\" }",
        "x.toml:22: states.ask.keys.12: a key is one of");
    row("unreachable state", "[states.bye]", "[states.island]\nsay = \"Alone.\"\nend = true\n[states.bye]",
        "x.toml:36: states.island.say: the state cannot be reached from the start");
    row("state without an end", "goto = \"bye\"\n[states.bye]",
        "goto = \"trap\"\n[states.trap]\nsay = \"Trapped.\"\n"
        "goto = \"done\"\n[states.bye]",
        "from here no path leads to the end of the call");
    row("state that goes nowhere", "say = \"Room {room}. Thanks.\"\ngoto = \"bye\"", "say = \"Room {room}. Thanks.\"",
        "x.toml:33: states.done.goto: a state that does not listen ends the call or goes to another");
    row("fact from nowhere", "{room}", "{roon}", "x.toml:33: states.done.say: {roon} is stored nowhere");
    row("a capital in a phrase", "\"sure\"", "\"Sure\"",
        "x.toml:12: intents.yes: \"Sure\": a phrase is made of small letters");
    row("a digit in a phrase", "\"sure\"", "\"press 1\"", "x.toml:12: intents.yes: \"press 1\": a phrase");
    row("a grammar's own signs in a phrase", "\"sure\"", "\"sure | ok\"",
        "x.toml:12: intents.yes: \"sure | ok\": a phrase");
    row("Hebrew in a phrase", "\"sure\"", "\"כן\"", "x.toml:12: intents.yes: ");
    row("phrases that are no list", "[\"no\"]", "\"no\"", "x.toml:13: intents.no: must be a list of texts");
    row("one phrase, two meanings", "no = [\"no\"]", "no = [\"no\", \"sure\"]", "\"sure\" means both");
    row("intent with a grammar's name", "no = [\"no\"]", "digits = [\"no\"]",
        "x.toml:13: intents.digits: is a name the grammars use");
    row("no misunderstood", "misunderstood = \"What?\"\nafter_misunderstandings = { count = 2, goto = \"bye\" }\nkeys",
        "after_misunderstandings = { count = 2, goto = \"bye\" }\nkeys", "states.ask.misunderstood: is missing");
    row("no way out of misunderstanding", "after_misunderstandings = { count = 2, goto = \"bye\" }\nkeys", "keys",
        "x.toml:16: states.ask.after_misunderstandings: is missing: no state may ask for ever");
    row("misunderstandings that lead back", "count = 2, goto = \"bye\" }\nkeys", "count = 2, goto = \"ask\" }\nkeys",
        "states.ask.after_misunderstandings: goes to the state itself");
    row("digits the wrong way round", "min = 3, max = 4", "min = 5, max = 4",
        "x.toml:27: states.number.digits: max is less than min");
    row("digits missing", "digits = { min = 3, max = 4 }\n", "", "states.number.digits: is missing");
    row("number without a place", "store = \"room\"\n", "",
        "states.number.store: a number or a message needs store and goto");
    row("no wrong_length", "wrong_length = \"Three or four digits.\"\n", "", "states.number.wrong_length: is missing");
    row("end that listens", "end = true", "end = true\nlisten = \"speech\"", "states.bye.end: a state that ends");
    row("end as text", "end = true", "end = \"true\"", "x.toml:38: states.bye.end: must be true or false");
    row("transition of another type", "{ yes = \"number\" }", "{ yes = 5 }",
        "x.toml:23: states.ask.understands.yes: must be a state's name or a table");
    row("transition that does nothing", "{ yes = \"number\" }", "{ yes = { } }",
        "states.ask.understands.yes: needs say, goto, or both");
    row("unknown key in a transition", "{ yes = \"number\" }", "{ yes = { goto = \"number\", sya = \"x\" } }",
        "x.toml:23: states.ask.understands.yes.sya: unknown key");
    row("state that is no table", "[states.bye]", "[states]\nbye = 1\n[rest]", "x.toml:");
}

void TestDialogScript::mistakesAreNamedWithFileLineAndKey()
{
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, error);
    QString text = good();
    const qsizetype at = text.indexOf(from);
    QVERIFY2(at >= 0, "the fault has no place in the file");
    text.replace(at, from.size(), to);
    const auto script = DialogScript::parse(text.toUtf8(), QStringLiteral("x.toml"));
    QVERIFY(!script.ok());
    QVERIFY2(script.error().message.contains(error), qPrintable(script.error().message));
    QVERIFY2(script.error().message.contains(QRegularExpression(QStringLiteral("^x\\.toml:\\d+: "))),
        qPrintable(script.error().message));
    QVERIFY2(!script.error().message.startsWith(QStringLiteral("x.toml:0")), qPrintable(script.error().message));
}

void TestDialogScript::missingFileIsNamed()
{
    const auto script = DialogScript::load(QStringLiteral("/nowhere/dialog.toml"));
    QVERIFY(!script.ok());
    QCOMPARE(script.error().code, Error::Code::NotFound);
    QVERIFY(script.error().message.startsWith(QStringLiteral("/nowhere/dialog.toml: cannot be read")));
}

void TestDialogScript::hugeFileIsRefused()
{
    const auto script = DialogScript::parse(QByteArray((1 << 20) + 1, '#'), QStringLiteral("x.toml"));
    QVERIFY(!script.ok());
    QCOMPARE(script.error().code, Error::Code::LimitExceeded);
}

void TestDialogScript::theEnginesOwnLinesAreInTheCallsLanguage()
{
    const auto script = DialogScript::load(QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
    QVERIFY(script.ok());
    const DialogScript* const dialog = script->get();
    QCOMPARE(serviceLinesFor(QStringLiteral("en-GB"), dialog).filler, dialog->lines().filler);
    for (const char* tag : {"he-IL", "he", "HE-il", "iw-IL"}) {
        const ServiceLines lines = serviceLinesFor(QString::fromLatin1(tag), dialog);
        QCOMPARE(lines.all(), ServiceLines::hebrew().all());
    }
    QCOMPARE(serviceLinesFor(QStringLiteral("fr-FR"), dialog).all(), dialog->lines().all());
    QCOMPARE(serviceLinesFor(QStringLiteral("fr-FR"), nullptr).all(), ServiceLines::english().all());
    for (const ServiceLines& lines : {ServiceLines::english(), ServiceLines::hebrew()}) {
        const QStringList all = lines.all();
        QCOMPARE(all.size(), 6);
        QVERIFY(!all.contains(QString()));
    }
    QVERIFY(!isSameLanguage(QStringLiteral("he-IL"), QStringLiteral("hu")));
}

void TestDialogScript::fixedSentencesBeginWithTheOpeningAndHaveNoFacts()
{
    const auto script = DialogScript::load(QString::fromLatin1(shipped));
    QVERIFY(script.ok());
    const QStringList sentences = (*script)->fixedSentences();
    QCOMPARE(sentences.value(0), QStringLiteral("Hello, and thank you for calling."));
    QVERIFY(sentences.contains(QStringLiteral("Press one or say yes if that is right, two or no to change it.")));
    QVERIFY(sentences.contains((*script)->lines().filler));
    for (const QString& sentence : sentences)
        QVERIFY(!sentence.contains(QLatin1Char('{')));
    QCOMPARE(QSet<QString>(sentences.begin(), sentences.end()).size(), sentences.size());
}

void TestDialogScript::everyWordOfTheGrammarsIsInTheDictionary()
{
    QFile file(QString::fromLatin1(dictionary));
    QVERIFY2(file.open(QIODevice::ReadOnly), "the recogniser's dictionary is not installed");
    QSet<QByteArray> known;
    while (!file.atEnd()) {
        const QByteArray line = file.readLine();
        known.insert(line.left(line.indexOf(' ')));
    }
    QVERIFY(known.size() > 100'000);
    const auto script = DialogScript::load(QString::fromLatin1(shipped));
    QVERIFY(script.ok());
    static const QRegularExpression marks(QStringLiteral("<[a-z0-9_]+>|/[0-9.]+/|[()\\[\\]|=;+]"));
    int words = 0;
    for (const State& state : (*script)->data().states) {
        QString grammar = state.expectation.recognition.grammar;
        grammar.remove(QRegularExpression(QStringLiteral("^#JSGF[^\\n]*\\ngrammar [^\\n]*\\n")))
            .remove(QStringLiteral("public "));
        grammar.replace(marks, QStringLiteral(" "));
        for (const QString& word : grammar.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
            QVERIFY2(known.contains(word.toLatin1()), qPrintable(word));
            ++words;
        }
    }
    QVERIFY(words > 200);
}

void TestDialogScript::everySentenceIsShortEnoughForTheEar()
{
    const auto script = DialogScript::load(QString::fromLatin1(shipped));
    QVERIFY(script.ok());
    for (const QString& sentence : (*script)->fixedSentences())
        QVERIFY2(sentence.split(QLatin1Char(' ')).size() <= 18, qPrintable(sentence));
}

/// Whatever a file is cut down to, it is an error or a dialog, never a crash.
void TestDialogScript::truncatedFilesAreRefusedOrRead()
{
    const QByteArray whole = good().toUtf8();
    int refused = 0;
    for (qsizetype length = 0; length < whole.size(); ++length) {
        const auto script = DialogScript::parse(whole.left(length), QStringLiteral("x.toml"));
        if (!script.ok()) {
            QVERIFY(!script.error().message.isEmpty());
            ++refused;
        }
    }
    QVERIFY(refused > whole.size() / 2);
}

QTEST_APPLESS_MAIN(TestDialogScript)
#include "tst_dialogscript.moc"
