// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"
#include "tests/app/personatoml.h"

#include <QJsonArray>
#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;
using namespace kav::test;

namespace {

/// A machine with one configuration file, and files beside it.
LoadedConfig load(const QByteArray& toml, const QMap<QString, QByteArray>& beside = {})
{
    QMap<QString, QByteArray> files = beside;
    files.insert(u"/etc/kav.toml"_s, toml);
    Surroundings surroundings;
    surroundings.executableDir = u"/opt/kav/bin"_s;
    surroundings.readFile = [&files](const QString& path) -> Result<QByteArray> {
        if (!files.contains(path))
            return Error{Error::Code::NotFound, u"cannot read %1: no such file"_s.arg(path), {}};
        return files.value(path);
    };
    surroundings.fileExists = [&files](const QString& path) { return files.contains(path); };
    return Config::load({u"--config=/etc/kav.toml"_s}, surroundings);
}

QString all(const LoadedConfig& loaded)
{
    return loaded.errors.join(u'\n').replace(u"/etc/kav.toml"_s, u"kav.toml"_s);
}

const QByteArray Night = "[persona.night]\nnumbers = ['+15551230002']\n";

} // namespace

class TstPersonas final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void withoutAnyTableADefaultPersonaAnswersEveryNumber()
    {
        const LoadedConfig loaded = load("[dialog]\nlanguage = 'he-IL'\n");
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const auto book = loaded.config.personaBook();
        QCOMPARE(book->all().size(), size_t(1));
        const auto persona = book->personaFor(u"+15551230002"_s);
        QVERIFY(persona);
        QCOMPARE(persona->name, u"default"_s);
        QCOMPARE(persona->language, u"he-IL"_s);
        QCOMPARE(Config().personaBook()->personaFor({})->language, u"en-US"_s);
    }

    void aPersonaIsReadWhole()
    {
        const LoadedConfig loaded = load(WholePersona);
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const auto book = loaded.config.personaBook();
        QCOMPARE(book->personaFor(u"+15550000000"_s)->greeting, u"Hello."_s);
        const auto night = book->personaFor(u"+972501234567"_s);
        QCOMPARE(night, book->personaFor(u"+15551230002"_s));
        QCOMPARE(night->name, u"night"_s);
        QCOMPARE(night->language, u"he-IL"_s);
        QCOMPARE(night->greeting, QString::fromUtf8("ערב טוב"));
        QVERIFY(night->greetingProtected);
        QCOMPARE(night->systemPrompt, u"You are the night desk.\nBe short."_s);
        QCOMPARE(night->model, u"small"_s);
        QCOMPARE(night->stt, (QStringList{u"deepgram"_s, u"embedded"_s}));
        QCOMPARE(night->llm, QStringList{u"openai"_s});
        QCOMPARE(night->tts, (QStringList{u"elevenlabs"_s, u"google"_s}));
        QCOMPARE(night->tools, (QStringList{u"end_call"_s, u"transfer"_s}));
        QCOMPARE(night->phrases, QStringList{u"check in"_s});
        QCOMPARE(night->longestAnswerCharacters, 300);
        QCOMPARE(night->voices.value(u"google"_s), u"he-IL-Wavenet-A"_s);
        QCOMPARE(night->transferTargets.size(), 2);
        QCOMPARE(night->transferTargets[0].name, u"manager"_s); // in the order of the file
        QCOMPARE(night->transferTargets[1].number, u"+15551230008"_s);
        QCOMPARE(night->httpTools.size(), 2);
        QCOMPARE(night->httpTools[0].timeout, Milliseconds(5000));
        QCOMPARE(night->httpTools[0].parameters.value(u"required"_s).toArray().size(), 1);
        const QJsonObject days =
            night->httpTools[1].parameters.value(u"properties"_s).toObject().value(u"days"_s).toObject();
        QCOMPARE(days.value(u"type"_s).toString(), u"integer"_s);
        QCOMPARE(days.value(u"minimum"_s).toDouble(), 1.5);
        QCOMPARE(days.value(u"enum"_s).toArray().size(), 2);
        QVERIFY(!night->httpTools[1].allowPrivate);
    }

    void aPromptMayStandInAFileBesideTheConfiguration()
    {
        const QByteArray toml = Night + "system_prompt_file = 'night.txt'\n";
        const LoadedConfig loaded = load(toml, {{u"/etc/night.txt"_s, "You are short.\n"}});
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.personaBook()->personaFor(u"+15551230002"_s)->systemPrompt, u"You are short."_s);

        const auto error = [&toml](const QMap<QString, QByteArray>& beside) { return all(load(toml, beside)); };
        QCOMPARE(
            error({}), u"kav.toml:3:22: persona.night.system_prompt_file: cannot read /etc/night.txt: no such file"_s);
        QCOMPARE(error({{u"/etc/night.txt"_s, " \n"}}),
            u"kav.toml:3:22: persona.night.system_prompt_file: night.txt: there is nothing in it"_s);
        QCOMPARE(error({{u"/etc/night.txt"_s, QByteArray(65 * 1024, 'a')}}),
            u"kav.toml:3:22: persona.night.system_prompt_file: night.txt: longer than 64 KiB"_s);
    }

    void privateToolsAreForThoseWhoAllowThem()
    {
        const QByteArray toml = Night
            + "[persona.night.http.local]\ndescription = 'x'\nurl = 'http://127.0.0.1:9/x'\n"
              "[tools]\nallow_hosts = ['127.0.0.1']\n";
        QCOMPARE(all(load(toml)),
            u"kav.toml:5:7: persona.night.http.local.url: '127.0.0.1' is a private address, and tools.allow_private is "
            "false"_s);
        const LoadedConfig loaded = load(toml + "allow_private = true\n");
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QVERIFY(loaded.config.personaBook()->personaFor(u"+15551230002"_s)->httpTools[0].allowPrivate);
    }

    void everyMistakeIsNamedWithItsPlace_data()
    {
        QTest::addColumn<QByteArray>("toml");
        QTest::addColumn<QString>("error");
        // Line 3 is what each adds to the night's persona.
        const auto row = [](const char* name, const QByteArray& line, const char* error) {
            QTest::newRow(name) << QByteArray(Night + line) << QString::fromUtf8(error);
        };
        const auto file = [](const char* name, const char* toml, const char* error) {
            QTest::newRow(name) << QByteArray(toml) << QString::fromUtf8(error);
        };
        row("a misspelled key", "greting = 'x'",
            "kav.toml:3:1: unknown key persona.night.greting; did you mean 'persona.night.greeting'?");
        row("a key like none", "zzz = 'x'", "kav.toml:3:1: unknown key persona.night.zzz");
        row("a wrong type", "greeting = 5", "kav.toml:3:12: persona.night.greeting: a text is wanted, not a number");
        row("no flag", "greeting_protected = 'yes'",
            "kav.toml:3:22: persona.night.greeting_protected: true or false is wanted, not a text");
        row("out of range", "longest_answer = 1",
            "kav.toml:3:18: persona.night.longest_answer: 1 is out of range (50 to 100000)");
        row("no language", "language = 'klingon!'",
            "kav.toml:3:12: persona.night.language: 'klingon!' is not a language's code, like en-US");
        row("a provider misspelled", "stt = ['deepgramm']",
            "kav.toml:3:7: persona.night.stt: 'deepgramm' is no provider; did you mean 'deepgram'?; a list of google, "
            "google-rest, openai, deepgram, realtime, embedded is wanted");
        row("a provider of another stage", "llm = ['deepgram']",
            "kav.toml:3:7: persona.night.llm: 'deepgram' cannot do this; it is one of openai, realtime, embedded");
        row("realtime's voice for the engine's mind", "tts = ['realtime']",
            "kav.toml:3:7: persona.night.tts: 'realtime' speaks its own answers only, and the language models here are "
            "embedded; put realtime among them too, or write openai here, for OpenAI's voices");
        row("a provider twice", "tts = ['google', 'google']",
            "kav.toml:3:7: persona.night.tts: 'google' stands there twice");
        row("no tool", "tools = ['endcall']",
            "kav.toml:3:9: persona.night.tools: 'endcall' is no built-in tool; did you mean 'end_call'?");
        row("a transfer to nobody", "tools = ['transfer']",
            "kav.toml:3:9: persona.night.tools: 'transfer' needs somebody to pass calls on to: "
            "[persona.night.transfer]");
        row("somebody without a transfer", "transfer.desk = '+15551230009'",
            "kav.toml:2:1: persona.night.transfer: tools has no 'transfer', so no call is passed on");
        row("a transfer to no number", "tools = ['transfer']\ntransfer.desk = '0501234567'",
            "kav.toml:4:17: persona.night.transfer.desk: '••••••4567' is not a number in E.164 form, like "
            "+972501234567");
        row("both prompts", "system_prompt = 'a'\nsystem_prompt_file = '/etc/kav.toml'",
            "kav.toml:4:22: persona.night.system_prompt_file: system_prompt is set as well: which of the two counts?");
        row("a voice of nobody", "voice.elevenlab = 'x'",
            "kav.toml:3:7: unknown key persona.night.voice.elevenlab; did you mean "
            "'persona.night.voice.elevenlabs'?");
        row("a voice for a table", "voice = 'alloy'",
            "kav.toml:3:9: persona.night.voice: a table is wanted: [persona.night.voice]");
        row("an empty phrase", "phrases = ['']",
            "kav.toml:3:11: persona.night.phrases: '' is not of 1 to 100 characters");
        row("a reserved name", "[persona.night.http.transfer]\nurl = 'https://api.example.com'",
            "kav.toml:4:1: persona.night.http.transfer: 'transfer' is a built-in tool; another name is wanted");
        row("a bad name", "[persona.night.http.My-Tool]\nurl = 'https://api.example.com'\ndescription = 'x'",
            "kav.toml:4:1: persona.night.http.My-Tool: a tool's name is 1 to 64 of a-z, 0-9 and _");
        row("a host that is not allowed", "[persona.night.http.x]\ndescription = 'x'\nurl = 'https://evil.example/'",
            "kav.toml:5:7: persona.night.http.x.url: 'evil.example' is not in tools.allow_hosts");
        row("no URL", "[persona.night.http.x]\ndescription = 'x'\nurl = 'ftp://a'",
            "kav.toml:5:7: persona.night.http.x.url: 'ftp://a' is not a URL like https://api.example.com/orders");
        row("a password in a URL", "[persona.night.http.x]\ndescription = 'x'\nurl = 'https://u:p@a/'",
            "kav.toml:5:7: persona.night.http.x.url: a user name or password has no place in it");
        row("a tool of nothing", "[persona.night.http.x]",
            "kav.toml:3:21: persona.night.http.x: url is missing\nkav.toml:3:21: persona.night.http.x: description is "
            "missing");
        row("a key of a tool",
            "http.x.uri = 'https://api.example.com'\nhttp.x.url = 'https://api.example.com'\n"
            "http.x.description = 'x'\n[tools]\nallow_hosts = ['api.example.com']",
            "kav.toml:3:8: unknown key persona.night.http.x.uri; did you mean 'persona.night.http.x.url'?");
        const QByteArray tool = "[tools]\nallow_hosts = ['a.example']\n[persona.night.http.x]\nurl = "
                                "'https://a.example'\ndescription = 'x'\n";
        row("an impatient tool", tool + "timeout = '1ms'",
            "kav.toml:8:11: persona.night.http.x.timeout: 1ms is out of range (100ms to 1m)");
        row("a schema that is no JSON", tool + "parameters = '{'",
            "kav.toml:8:14: persona.night.http.x.parameters: not a JSON object: unterminated object at character 1");
        row("a schema of a list", tool + "parameters = '{\"type\": \"array\"}'",
            "kav.toml:8:14: persona.night.http.x.parameters: a JSON schema of type \"object\" is wanted");
        row("a schema with a date", tool + "parameters = { type = 'object', since = 2026-01-01 }",
            "kav.toml:8:14: persona.night.http.x.parameters: a JSON schema of type \"object\" is wanted");
        row("a required nothing", tool + "parameters = { type = 'object', required = ['date'] }",
            "kav.toml:8:14: persona.night.http.x.parameters: 'date' is required, but no property");
        file("no number", "[persona.a]\ngreeting = 'x'",
            "kav.toml:2:1: persona.a: it has no numbers, so nobody reaches it; numbers = [\"+972501234567\"] is "
            "wanted");
        file("an empty persona", "[persona.a]",
            "kav.toml:1:10: persona.a: it has no numbers, so nobody reaches it; numbers = [\"+972501234567\"] is "
            "wanted");
        file("no E.164", "[persona.a]\nnumbers = ['050-1234567']",
            "kav.toml:2:11: persona.a.numbers: '•••••••4567' is not a number in E.164 form, like +972501234567");
        file("two personas with one number",
            "[persona.a]\nnumbers = ['+15551230002']\n[persona.b]\nnumbers = ['+15551230002']",
            "kav.toml:4:11: persona.b.numbers: '+155••••0002' is a number of persona 'a' as well");
        file("a default with numbers", "[persona.default]\nnumbers = ['+15551230002']",
            "kav.toml:2:11: persona.default.numbers: the default persona has no numbers: it answers all that no other "
            "has");
        file("a value for the tables", "persona = 5",
            "kav.toml:1:11: persona: a table for each persona is wanted: [persona.NAME]");
        file("a value for a table", "persona.a = 5", "kav.toml:1:13: persona.a: a table is wanted: [persona.NAME]");
        file("a bad name of a persona", "[persona.'a b']\nnumbers = ['+15551230002']",
            "kav.toml:2:1: persona.a b: a persona's name is 1 to 64 of A-Z, a-z, 0-9, _ and -");
        file("a section misspelled", "[personas.a]\nx = 1", "kav.toml:2:1: unknown key personas.a.x");
        file("a host with a scheme", "[tools]\nallow_hosts = ['https://a.example']",
            "kav.toml:2:15: tools.allow_hosts: 'https://a.example' is not a host's name, like api.example.com");
    }
    void everyMistakeIsNamedWithItsPlace()
    {
        QFETCH(QByteArray, toml);
        QFETCH(QString, error);
        const LoadedConfig loaded = load(toml);
        QCOMPARE(all(loaded), error);
        QVERIFY(!loaded.config.personas); // nothing of a file with a mistake is used
    }

    void aListWhoseProvidersHaveNoKeyIsToldWithItsPlace()
    {
        LoadedConfig loaded = load("[google]\napi_key = 'k'\n" + Night
            + "stt = ['deepgram', 'google']\nllm = ['realtime']\ntts = ['realtime', 'google', 'embedded']\n");
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.warnings.join(u'\n').replace(u"/etc/kav.toml"_s, u"kav.toml"_s),
            u"kav.toml:5:7: persona.night.stt: 'deepgram' has no key; set DEEPGRAM_API_KEY; the others of the list "
            u"serve\n"
            "kav.toml:6:7: persona.night.llm: 'realtime' has no key; set OPENAI_API_KEY; nothing else stands in the "
            "list, "
            "so that its calls cannot be served\n"
            "kav.toml:7:7: persona.night.tts: 'realtime' has no key; set OPENAI_API_KEY; the others of the list serve"_s);
        loaded = load("[openai]\napi_key = 'k'\n" + Night + "llm = ['realtime']\ntts = ['realtime']\n");
        QVERIFY2(loaded.ok() && loaded.warnings.isEmpty(), qPrintable(loaded.warnings.join(u'\n')));
    }

    void theExamplesPersonaIsOne()
    {
        QString text = exampleFile();
        text = text.mid(text.indexOf(u"# [persona.night]"_s));
        text.replace(QRegularExpression(u"^# ?"_s, QRegularExpression::MultilineOption), QString());
        const LoadedConfig loaded = load("[tools]\nallow_hosts = ['api.example.com']\n" + text.toUtf8());
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const auto night = loaded.config.personaBook()->personaFor(u"+15551230002"_s);
        QCOMPARE(night->name, u"night"_s);
        QCOMPARE(night->httpTools.size(), 1);
        QVERIFY(helpText().contains(u"[persona.NAME]"_s));
    }
};

QTEST_GUILESS_MAIN(TstPersonas)
#include "tst_personas.moc"
