// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"
#include "engine/app/settings.h"

#include <QFile>
#include <QRegularExpression>
#include <QSet>
#include <QTest>

using namespace kav;
using namespace kav::app;

namespace {

/// A machine made of maps.
struct Machine final {
    QMap<QString, QString> environment;
    QMap<QString, QByteArray> files;

    LoadedConfig load(const QStringList& args = {}) const
    {
        Surroundings surroundings;
        surroundings.environment = environment;
        surroundings.executableDir = QStringLiteral("/opt/kav/bin");
        surroundings.readFile = [this](const QString& path) -> Result<QByteArray> {
            if (!files.contains(path))
                return Error{Error::Code::NotFound, QStringLiteral("cannot read %1: no such file").arg(path), {}};
            return files.value(path);
        };
        surroundings.fileExists = [this](const QString& path) { return files.contains(path); };
        return Config::load(args, surroundings);
    }
    static Machine withFile(const char* toml) { return {{}, {{QStringLiteral("kav.toml"), QByteArray(toml)}}}; }
    LoadedConfig loadFile() const { return load({QStringLiteral("--config"), QStringLiteral("kav.toml")}); }
};

QString all(const LoadedConfig& loaded)
{
    return loaded.errors.join(QLatin1Char('\n'));
}

} // namespace

class TstConfig final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void anEmptyMachineHasTheDefaults()
    {
        const LoadedConfig loaded = Machine().load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const Config& config = loaded.config;
        QCOMPARE(config.port, 5000);
        QCOMPARE(config.address, QHostAddress(QStringLiteral("0.0.0.0")));
        QCOMPARE(config.turn.filler, Milliseconds(2000));
        QCOMPARE(config.turn.fallback, Milliseconds(6000));
        QCOMPARE(config.turn.hardEnd, Milliseconds(15000));
        QCOMPARE(config.turn.endOfUtteranceMin, Milliseconds(300));
        QCOMPARE(config.turn.endOfUtteranceMax, Milliseconds(600));
        QCOMPARE(config.playout.lead, Milliseconds(400));
        QCOMPARE(config.providers.deadline, Milliseconds(4000));
        QCOMPARE(config.providers.retry, Milliseconds(60000));
        QCOMPARE(config.http.headBytes, qsizetype(16384));
        QCOMPARE(config.mediaSocket.messageBytes, qsizetype(65536));
        QCOMPARE(config.drain, Milliseconds(30 * 60 * 1000));
        QCOMPARE(config.mediaTokenTtl, Milliseconds(300000));
        QVERIFY(config.consoleTokens.isEmpty());
        QCOMPARE(config.console.consoles, 32);
        QCOMPARE(config.console.heartbeat, Milliseconds(5000));
        QCOMPARE(config.dataDir, QStringLiteral("/var/lib/kav"));
        QCOMPARE(config.callLog.dataDir, config.dataDir);
        QCOMPARE(config.messagesDir, QStringLiteral("/var/lib/kav/messages"));
        QCOMPARE(config.dialogFile, QStringLiteral("/opt/kav/share/kav/dialogs/receptionist.toml"));
        QVERIFY(loaded.sources.isEmpty());
        QVERIFY(loaded.summary().isEmpty());
    }

    void tracesAreTheStandardsVariables()
    {
        QVERIFY(Machine().load().config.traces.endpoint.isEmpty());
        Machine machine;
        machine.environment = {
            {QStringLiteral("OTEL_EXPORTER_OTLP_ENDPOINT"), QStringLiteral("http://otel-collector:4318/")},
            {QStringLiteral("OTEL_EXPORTER_OTLP_HEADERS"), QStringLiteral("api-key=can%20ary,x-scope=1")},
            {QStringLiteral("OTEL_TRACES_SAMPLER_ARG"), QStringLiteral("0.25")},
            {QStringLiteral("OTEL_SERVICE_NAME"), QStringLiteral("desk")},
            {QStringLiteral("OTEL_RESOURCE_ATTRIBUTES"), QStringLiteral("deployment.environment.name=prod,city=Tel%20Aviv")},
            {QStringLiteral("OTEL_EXPORTER_OTLP_TIMEOUT"), QStringLiteral("2500")},
        };
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const traces::Settings& traces = loaded.config.traces;
        QCOMPARE(traces.endpoint, QUrl(QStringLiteral("http://otel-collector:4318/v1/traces")));
        QCOMPARE(traces.headers,
            (QList<std::pair<QByteArray, QByteArray>>{{"api-key", "can ary"}, {"x-scope", "1"}}));
        QCOMPARE(traces.ratio, 0.25);
        QCOMPARE(traces.serviceName, QStringLiteral("desk"));
        QCOMPARE(traces.resource.last(), std::pair(QStringLiteral("city"), QStringLiteral("Tel Aviv")));
        QCOMPARE(traces.timeout, Milliseconds(2500));
        QVERIFY(loaded.warnings.isEmpty());
        QVERIFY(!loaded.summary().join(QLatin1Char('\n')).contains(QStringLiteral("ary")));

        // The address for traces alone is taken as it is, and comes first.
        machine.environment.insert(
            QStringLiteral("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), QStringLiteral("http://traces.example.com/otlp"));
        const LoadedConfig open = machine.load();
        QCOMPARE(open.config.traces.endpoint, QUrl(QStringLiteral("http://traces.example.com/otlp")));
        QCOMPARE(open.warnings.size(), 1); // in the clear, over the internet
        QVERIFY2(open.warnings.first().contains(QStringLiteral("https://")), qPrintable(open.warnings.first()));
    }

    void tracesWithAMistakeAreRefused_data()
    {
        QTest::addColumn<QString>("variable");
        QTest::addColumn<QString>("value");
        QTest::newRow("an address that is none") << QStringLiteral("OTEL_EXPORTER_OTLP_ENDPOINT") << QStringLiteral("collector:4318");
        QTest::newRow("headers that are none") << QStringLiteral("OTEL_EXPORTER_OTLP_HEADERS") << QStringLiteral("canary");
        QTest::newRow("a header that is two") << QStringLiteral("OTEL_EXPORTER_OTLP_HEADERS") << QStringLiteral("a=canary%0d%0aHost: b");
        QTest::newRow("a part that is more than all") << QStringLiteral("OTEL_TRACES_SAMPLER_ARG") << QStringLiteral("25");
        QTest::newRow("attributes that are none") << QStringLiteral("OTEL_RESOURCE_ATTRIBUTES") << QStringLiteral("prod");
    }
    void tracesWithAMistakeAreRefused()
    {
        QFETCH(QString, variable);
        QFETCH(QString, value);
        Machine machine;
        machine.environment.insert(variable, value);
        const LoadedConfig loaded = machine.load();
        QCOMPARE(loaded.errors.size(), 1);
        QVERIFY2(loaded.errors.first().contains(variable), qPrintable(loaded.errors.first()));
        QVERIFY2(!loaded.errors.first().contains(QStringLiteral("canary")), qPrintable(loaded.errors.first()));
    }

    void flagsGoBeforeVariablesBeforeTheFileBeforeDefaults()
    {
        Machine machine = Machine::withFile("[server]\nport = 1001\n");
        QCOMPARE(machine.loadFile().config.port, 1001);
        machine.environment.insert(QStringLiteral("PORT"), QStringLiteral("1002"));
        QCOMPARE(machine.loadFile().config.port, 1002);
        machine.environment.insert(QStringLiteral("KAV_PORT"), QStringLiteral("1003"));
        QCOMPARE(machine.loadFile().config.port, 1003);
        const LoadedConfig loaded =
            machine.load({QStringLiteral("--config=kav.toml"), QStringLiteral("--port"), QStringLiteral("1004")});
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.port, 1004);
        QCOMPARE(loaded.sources.value(QStringLiteral("server.port")), QStringLiteral("flag --port"));
        QCOMPARE(machine.load({QStringLiteral("--port=1005")}).config.port, 1005);
        machine.environment.insert(QStringLiteral("KAV_PORT"), QString()); // set to nothing: not set
        QCOMPARE(machine.loadFile().config.port, 1002);
    }

    void theFileIsFoundWhereItShouldBe()
    {
        Machine machine;
        machine.files.insert(QStringLiteral("/etc/kav/kav.toml"), "[server]\nport = 1\n");
        machine.files.insert(QStringLiteral("/env.toml"), "[server]\nport = 2\n");
        machine.files.insert(QStringLiteral("/flag.toml"), "[server]\nport = 3\n");
        QCOMPARE(machine.load().config.port, 1);
        QCOMPARE(machine.load().file, QStringLiteral("/etc/kav/kav.toml"));
        machine.environment.insert(QStringLiteral("KAV_CONFIG"), QStringLiteral("/env.toml"));
        QCOMPARE(machine.load().config.port, 2);
        QCOMPARE(machine.load({QStringLiteral("--config=/flag.toml")}).config.port, 3);
        QCOMPARE(all(machine.load({QStringLiteral("--config=/gone.toml")})),
            QStringLiteral("flag --config: cannot read /gone.toml: no such file"));
    }

    void everyKindOfValueIsUnderstood()
    {
        const Machine machine = Machine::withFile(R"(
dialog.language = "en-GB"
[turn]
filler = "250ms"
fallback = 5000
hard_end = "0.5m"
longest_call = "1.5h"
[server]
address = "::1"
public_url = "https://kav.example.com:8443/phone/"
log_rules = ["kav.turn.debug=true", "qt.network=true"]
log_level = "warning"
[http]
head_bytes = "32KiB"
body_bytes = 4096
[call_log]
bootstrap = true
database_url = "sqlite:///var/kav.db"
)");
        const LoadedConfig loaded = machine.loadFile();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const Config& config = loaded.config;
        QCOMPARE(config.language, QStringLiteral("en-GB"));
        QCOMPARE(config.turn.filler, Milliseconds(250));
        QCOMPARE(config.turn.fallback, Milliseconds(5000));
        QCOMPARE(config.turn.hardEnd, Milliseconds(30000));
        QCOMPARE(config.turn.longestCall, Milliseconds(5400000));
        QCOMPARE(config.address, QHostAddress(QHostAddress::LocalHostIPv6));
        QCOMPARE(config.publicUrl, QStringLiteral("https://kav.example.com:8443/phone"));
        QCOMPARE(
            config.logRules, (QStringList{QStringLiteral("kav.turn.debug=true"), QStringLiteral("qt.network=true")}));
        QCOMPARE(config.logLevel, QStringLiteral("warning"));
        QCOMPARE(config.http.headBytes, qsizetype(32768));
        QCOMPARE(config.http.bodyBytes, qsizetype(4096));
        QVERIFY(config.callLog.bootstrap);
        QCOMPARE(config.callLog.databaseUrl, QStringLiteral("sqlite:///var/kav.db"));
        QVERIFY(Machine().load({QStringLiteral("--db-bootstrap")}).config.callLog.bootstrap);
        QVERIFY(!Machine().load({QStringLiteral("--db-bootstrap=no")}).config.callLog.bootstrap);
        QCOMPARE(Machine().load({QStringLiteral("--log-rules=a=true, b=false")}).config.logRules.size(), 2);
    }

    void aWrongValueIsNamedWithItsPlace_data()
    {
        QTest::addColumn<QString>("toml");
        QTest::addColumn<QString>("error");
        const auto row = [](const char* name, const char* toml, const char* error) {
            QTest::newRow(name) << QString::fromUtf8(toml) << QString::fromUtf8(error);
        };
        row("no duration", "[turn]\nfiller = 'soon'",
            "kav.toml:2:10: turn.filler: 'soon' is not a duration (e.g. 250ms, 4s)");
        row("not a duration's type", "[turn]\nfiller = true",
            "kav.toml:2:10: turn.filler: a duration (e.g. 250ms, 4s) is wanted, not true or false");
        row("a fraction", "[turn]\nfiller = 1.5",
            "kav.toml:2:10: turn.filler: a duration (e.g. 250ms, 4s) is wanted, not a number with a decimal point");
        row("half a millisecond", "[turn]\nfiller = '0.5ms'",
            "kav.toml:2:10: turn.filler: '0.5ms' is not a duration (e.g. 250ms, 4s)");
        row("out of range", "[turn]\nfiller = '1ms'", "kav.toml:2:10: turn.filler: 1ms is out of range (100ms to 5m)");
        row("negative", "[turn]\nfiller = -5", "kav.toml:2:10: turn.filler: -5 is out of range (100ms to 5m)");
        row("beyond 64 bits", "[turn]\nfiller = '999999999999999h'",
            "kav.toml:2:10: turn.filler: '999999999999999h' is not a duration (e.g. 250ms, 4s)");
        row("a port as text", "[server]\nport = '5000'",
            "kav.toml:2:8: server.port: a whole number is wanted, not a text");
        row("no port", "server.port = 70000", "kav.toml:1:15: server.port: 70000 is out of range (0 to 65535)");
        row("no size", "[http]\nhead_bytes = '16KB'",
            "kav.toml:2:14: http.head_bytes: '16KB' is not a size (e.g. 64KiB, 1MiB)");
        row("no address", "[server]\naddress = 'here'", "kav.toml:2:11: server.address: 'here' is not an IP address");
        row("no choice", "[server]\nlog_level = 'loud'",
            "kav.toml:2:13: server.log_level: 'loud' is not one of debug, info, warning, error");
        row("no bool", "[call_log]\nbootstrap = 'yes'",
            "kav.toml:2:13: call_log.bootstrap: true or false is wanted, not a text");
        row("no list", "[server]\nlog_rules = 'a=true'",
            "kav.toml:2:13: server.log_rules: a list of texts is wanted, not a text");
        row("a mixed list", "[server]\nlog_rules = ['a', 1]",
            "kav.toml:2:13: server.log_rules: a list of texts is wanted, not a list with other things than strings");
        row("a date", "[server]\ndeploy_id = 2026-01-01",
            "kav.toml:2:13: server.deploy_id: a text is wanted, not a date or time");
        row("plain http", "[server]\npublic_url = 'http://kav.example.com'",
            "kav.toml:2:14: server.public_url: http is for loopback hosts only: Twilio needs https");
        row("a query", "[server]\npublic_url = 'https://h/?a=1'",
            "kav.toml:2:14: server.public_url: a query or fragment has no place in it: Twilio does not pass it on to "
            "streams");
        row("no URL", "[server]\npublic_url = 'kav'",
            "kav.toml:2:14: server.public_url: 'kav' is not a URL like https://kav.example.com");
        row("a doubled slash", "[server]\npublic_url = 'https://h/a//b'",
            "kav.toml:2:14: server.public_url: the path has an empty part (//)");
        row("unknown key", "[turn]\nfiler = 5", "kav.toml:2:1: unknown key turn.filer; did you mean 'turn.filler'?");
        row("a key without its section", "port = 5", "kav.toml:1:1: unknown key port; did you mean 'server.port'?");
        row("unknown section", "[turns]\nx = 5", "kav.toml:2:1: unknown key turns.x");
        row("unknown empty section", "[trun]", "kav.toml:1:2: unknown key trun; did you mean 'turn'?");
        row("a table for a value", "[turn.filler]\nx = 1",
            "kav.toml:2:1: unknown key turn.filler.x; did you mean 'turn.filler'?");
        for (const char* header : {"[&", "[;x]", "[[[1]]]", "[[=", "[\n", "[[ .a]]"})
            row(QByteArray(header).toPercentEncoding().constData(), header,
                "kav.toml:1:1: the name of a section is wanted after '['");
        row("a bare key beyond ASCII", "[turn]\nt\xcd\xb5 = 1",
            "kav.toml:2:2: only plain ASCII may stand outside of quotation marks and comments");
        row("a brace for a value", "tur =[[[ } c", "kav.toml: not TOML, in a way that the parser cannot place");
        row("a control character", "a = 1\x0b[&",
            "kav.toml:1:6: only plain ASCII may stand outside of quotation marks and comments");
        row("no TOML", "[turn\n", "kav.toml:1:6: Error while parsing table header: expected ']', saw '\\n'");
        row("database of another kind", "[call_log]\ndatabase_url = 'mysql://u:pw@h/d'",
            "kav.toml:2:16: call_log.database_url: not 'off' and not like sqlite:///abs/path.db, the database of this "
            "version");
        row("no origin", "[console]\norigins = ['https://a.example', 'https://b.example/desk']",
            "kav.toml:2:11: console.origins: 'https://b.example/desk' is not like https://desk.example.com");
        row("a star for an origin", "[console]\norigins = ['*']",
            "kav.toml:2:11: console.origins: '*' is not like https://desk.example.com");
        row("no such provider", "providers.stt = ['gogle', 'embedded']",
            "kav.toml:1:17: providers.stt: 'gogle' is no provider; did you mean 'google'?; a list of google, "
            "google-rest, openai, deepgram, realtime, embedded is wanted");
        row("a voice that should listen", "providers.stt = ['elevenlabs']",
            "kav.toml:1:17: providers.stt: 'elevenlabs' cannot do this; it is one of google, google-rest, openai, "
            "deepgram, realtime, embedded");
        row("realtime's voice for another mind", "providers.llm = ['openai', 'embedded']\nproviders.tts = ['realtime']",
            "kav.toml:2:17: providers.tts: 'realtime' speaks its own answers only, and the language models here are "
            "openai, embedded; put realtime among them too, or write openai here, for OpenAI's voices");
        row("realtime's voice without a list of minds", "providers.tts = ['realtime', 'embedded']",
            "kav.toml:1:17: providers.tts: 'realtime' speaks its own answers only, and the language models here are "
            "embedded; put realtime among them too, or write openai here, for OpenAI's voices");
        row("a provider twice", "providers.llm = ['openai', 'openai']",
            "kav.toml:1:17: providers.llm: 'openai' stands there twice");
        row("keys in the clear", "[openai]\nbase_url = 'http://llm.example.com/v1'",
            "kav.toml:2:12: openai.base_url: llm.example.com is outside of private networks, and http:// shows keys and "
            "calls to everyone on the way; use https://, or set providers.allow_plain_http");
        row("keys in the clear over gRPC", "[google]\nstt_endpoint = 'http://speech.example.com:80'",
            "kav.toml:2:16: google.stt_endpoint: speech.example.com is outside of private networks, and http:// shows "
            "keys "
            "and calls to everyone on the way; use speech.example.com:80, or set providers.allow_plain_http");
        row("a key in an address", "[deepgram]\nurl = 'wss://user:canary@h/'",
            "kav.toml:2:7: deepgram.url: a user name or password has no place in it; keys have settings of their own");
        row("a key in a query", "[elevenlabs]\nurl = 'https://h/?key=canary'",
            "kav.toml:2:7: elevenlabs.url: a query or fragment has no place in it; keys have settings of their own");
        row("no address of a service", "[google]\ntts_url = 'sk-canary'",
            "kav.toml:2:11: google.tts_url: the value is not an address like https://host/path");
        row("a voice without its language", "[google]\nvoices = ['he-IL-Wavenet-A']",
            "kav.toml:2:10: google.voices: 'he-IL-Wavenet-A' is not like he-IL=he-IL-Wavenet-A");
        row("crossed rests", "[failover]\nlongest_rest = '1s'",
            "kav.toml:2:16: failover.longest_rest: 1s must be no less than failover.first_rest, which is 5s (default)");
        row("no console at all", "[console]\nlimit = 0", "kav.toml:2:9: console.limit: 0 is out of range (1 to 1000)");
        row("a short key", "[media]\nkey = 'tiny'", "kav.toml:2:7: media.key: shorter than 16 characters");
        row("a number is not quoted", "[twilio]\nnumber = [\"0501234567\"]",
            "kav.toml:2:10: twilio.number: a number is written like +97231234567");
        row("a region", "[twilio]\nregion = \"x.evil.com/\"",
            "kav.toml:2:10: twilio.region: a region is a word like ie1");
        row("a key without its secret", "[twilio]\napi_key_sid = \"SK1\"",
            "kav.toml:2:15: twilio.api_key_sid: given without twilio.api_key_secret");
        row("a secret is not quoted", "[twilio]\nauth_token = \"se\\u0001cret\"",
            "kav.toml:2:14: twilio.auth_token: the value is not a text: it holds a control character");
        row("crossed pauses", "[turn]\nend_of_utterance_min = '700ms'",
            "kav.toml:2:24: turn.end_of_utterance_min: 700ms must be no more than turn.end_of_utterance_max, which is "
            "600ms (default)");
        row("crossed by the other", "[turn]\nend_of_utterance_max = '200ms'",
            "kav.toml:2:24: turn.end_of_utterance_max: 200ms must be no less than turn.end_of_utterance_min, which is "
            "300ms (default)");
        row("fallback before filler", "[turn]\nfinal_wait = '1s'\nfallback = '2s'",
            "kav.toml:3:12: turn.fallback: 2s must be more than turn.filler, which is 2s (default)");
    }
    void aWrongValueIsNamedWithItsPlace()
    {
        QFETCH(QString, toml);
        QFETCH(QString, error);
        Machine machine;
        machine.files.insert(QStringLiteral("kav.toml"), toml.toUtf8());
        QCOMPARE(all(machine.loadFile()), error);
    }

    void allErrorsAreToldAtOnce()
    {
        Machine machine =
            Machine::withFile("[turn]\nfiller = 'soon'\nfallback = '20s'\nnonsense = 1\n[http]\nhead_fields = 0\n");
        machine.environment.insert(QStringLiteral("KAV_PORT"), QStringLiteral("http"));
        machine.environment.insert(QStringLiteral("KAV_PROT"), QStringLiteral("1"));
        const LoadedConfig loaded =
            machine.load({QStringLiteral("--config"), QStringLiteral("kav.toml"), QStringLiteral("--capacity=many"),
                QStringLiteral("--prot=5"), QStringLiteral("stray"), QStringLiteral("--address")});
        QCOMPARE(all(loaded),
            QStringLiteral(
                "unknown flag --prot; did you mean '--port'?\n"
                "unexpected argument 'stray'\n"
                "flag --address: a value is missing\n"
                "kav.toml:2:10: turn.filler: 'soon' is not a duration (e.g. 250ms, 4s)\n"
                "kav.toml:4:1: unknown key turn.nonsense\n"
                "kav.toml:6:15: http.head_fields: 0 is out of range (8 to 10000)\n"
                "environment variable KAV_PORT: server.port: 'http' is not a whole number\n"
                "unknown environment variable KAV_PROT; did you mean 'KAV_PORT'?\n"
                "flag --capacity: server.capacity: 'many' is not a whole number\n"
                "kav.toml:3:12: turn.fallback: 20s must be less than turn.hard_end, which is 15s (default)"));
    }

    void customaryVariablesAreTaken()
    {
        Machine machine;
        machine.environment = {{QStringLiteral("DEPLOY_ID"), QStringLiteral("v7")},
            {QStringLiteral("DB_BOOTSTRAP"), QStringLiteral("true")},
            {QStringLiteral("DATABASE_URL"), QStringLiteral("off")},
            {QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("tok")},
            {QStringLiteral("TWILIO_ACCOUNT_SID"), QStringLiteral("AC12")},
            {QStringLiteral("TWILIO_API_KEY_SID"), QStringLiteral("SK34")},
            {QStringLiteral("TWILIO_API_KEY_SECRET"), QStringLiteral("s3cret")},
            {QStringLiteral("KAV_TWILIO_API_URL"), QStringLiteral("http://127.0.0.1:9/")},
            {QStringLiteral("TWILIO_REGION"), QStringLiteral("ie1")},
            {QStringLiteral("TWILIO_EDGE"), QStringLiteral("dublin")},
            {QStringLiteral("KAV_TWILIO_NUMBER"), QStringLiteral("+97231234567, +97239999999")},
            {QStringLiteral("OPENAI_API_KEY"), QStringLiteral("sk")},
            {QStringLiteral("GCP_CREDENTIALS_JSON"), QStringLiteral("{\n}")},
            {QStringLiteral("KAV_MEDIA_KEY"), QStringLiteral("0123456789abcdef")},
            {QStringLiteral("KAV_DIALOG"), QStringLiteral("/d.toml")},
            {QStringLiteral("KAV_TURN_FILLER"), QStringLiteral("3s")},
            {QStringLiteral("KAV_DATA_DIR"), QStringLiteral("/data/")},
            {QStringLiteral("PATH"), QStringLiteral("/bin")}};
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const Config& config = loaded.config;
        QCOMPARE(config.deployId, QStringLiteral("v7"));
        QVERIFY(config.callLog.bootstrap);
        QCOMPARE(config.callLog.databaseUrl, QStringLiteral("off"));
        QCOMPARE(config.twilioAuthToken, QStringLiteral("tok"));
        QCOMPARE(config.twilioAccountSid, QStringLiteral("AC12"));
        QCOMPARE(config.rest.accountSid, QStringLiteral("AC12"));
        QCOMPARE(config.rest.authToken, QByteArray("tok"));
        QCOMPARE(config.rest.apiKeySid, QStringLiteral("SK34"));
        QCOMPARE(config.rest.apiKeySecret, QByteArray("s3cret"));
        QCOMPARE(config.rest.host(), QStringLiteral("http://127.0.0.1:9"));
        QCOMPARE(config.rest.region + config.rest.edge, QStringLiteral("ie1dublin"));
        QCOMPARE(config.twilioNumbers.size(), 2);
        QVERIFY(!loaded.summary().join(QLatin1Char(' ')).contains(QStringLiteral("31234567")));
        QCOMPARE(config.remote.openaiKey, QStringLiteral("sk"));
        QCOMPARE(config.remote.googleCredentialsJson, QStringLiteral("{\n}"));
        QCOMPARE(config.mediaKey, QByteArray("0123456789abcdef"));
        QCOMPARE(config.dialogFile, QStringLiteral("/d.toml"));
        QCOMPARE(config.turn.filler, Milliseconds(3000));
        QCOMPARE(config.dataDir, QStringLiteral("/data"));
        QCOMPARE(config.messagesDir, QStringLiteral("/data/messages"));
    }

    void theListsFollowTheKeys_data()
    {
        QTest::addColumn<QStringList>("variables");
        QTest::addColumn<QString>("lists");
        const auto row = [](const char* name, const QStringList& variables, const char* lists) {
            QTest::newRow(name) << variables << QString::fromLatin1(lists);
        };
        const QString openai = QStringLiteral("OPENAI_API_KEY=k"), google = QStringLiteral("GOOGLE_API_KEY=k"),
                      deepgram = QStringLiteral("DEEPGRAM_API_KEY=k"),
                      elevenlabs = QStringLiteral("ELEVENLABS_API_KEY=k");
        row("nothing", {}, "embedded|embedded|embedded");
        row("one key", {openai}, "openai,embedded|openai,embedded|openai,embedded");
        row("every key", {openai, google, deepgram, elevenlabs},
            "google,deepgram,openai,embedded|openai,embedded|elevenlabs,google,openai,embedded");
        row("a service account", {QStringLiteral("GCP_CREDENTIALS_JSON={}")},
            "google,embedded|embedded|google,embedded");
        row("its file", {QStringLiteral("GOOGLE_APPLICATION_CREDENTIALS=/k.json")},
            "google,embedded|embedded|google,embedded");
        row("a model of one's own", {QStringLiteral("OPENAI_BASE_URL=http://ollama:11434/v1")},
            "embedded|openai,embedded|embedded");
        row("a recogniser and a voice of one's own",
            {QStringLiteral("KAV_OPENAI_STT_URL=http://127.0.0.1:1/v1"),
                QStringLiteral("KAV_OPENAI_TTS_URL=http://[::1]:2/v1")},
            "openai,embedded|embedded|openai,embedded");
        row("a Deepgram of one's own", {QStringLiteral("KAV_DEEPGRAM_URL=ws://10.0.0.8:8080")},
            "deepgram,embedded|embedded|embedded");
        row("lists are taken as they are",
            {openai, QStringLiteral("KAV_STT=embedded, google-rest"), QStringLiteral("KAV_LLM=realtime"),
                QStringLiteral("KAV_TTS=elevenlabs")},
            "embedded,google-rest|realtime|elevenlabs");
        row("speech to speech",
            {openai, QStringLiteral("KAV_STT=realtime"), QStringLiteral("KAV_LLM=realtime"),
                QStringLiteral("KAV_TTS=realtime")},
            "realtime|realtime|realtime");
        row("speech to speech, with others after it",
            {openai, QStringLiteral("KAV_LLM=realtime,openai"), QStringLiteral("KAV_TTS=realtime,openai")},
            "openai,embedded|realtime,openai|realtime,openai");
        row("gRPC without TLS in a private network", {QStringLiteral("KAV_GOOGLE_STT_ENDPOINT=http://10.0.0.5:9090")},
            "embedded|embedded|embedded");
        row("plain http where it is wanted",
            {QStringLiteral("OPENAI_BASE_URL=http://llm.example.com/v1"),
                QStringLiteral("KAV_PROVIDERS_ALLOW_PLAIN_HTTP=true")},
            "embedded|openai,embedded|embedded");
    }
    void theListsFollowTheKeys()
    {
        QFETCH(QStringList, variables);
        QFETCH(QString, lists);
        Machine machine;
        for (const QString& variable : variables)
            machine.environment.insert(
                variable.section(QLatin1Char('='), 0, 0), variable.section(QLatin1Char('='), 1));
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        const RemoteSettings& remote = loaded.config.remote;
        const QString comma = QStringLiteral(",");
        QCOMPARE((QStringList{remote.stt.join(comma), remote.llm.join(comma), remote.tts.join(comma)}
                         .join(QLatin1Char('|'))),
            lists);
    }

    void everyKeyIsASecret()
    {
        Machine machine;
        QStringList values;
        for (const char* name : {"OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY", "GOOGLE_API_KEY",
                 "GCP_CREDENTIALS_JSON"}) {
            values += QStringLiteral("canary-") + QString::fromLatin1(name);
            machine.environment.insert(QString::fromLatin1(name), values.constLast());
        }
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        for (const QString& value : std::as_const(values))
            QVERIFY2(loaded.config.providers.secrets.contains(value), qPrintable(value));
        QVERIFY(!loaded.summary().join(QLatin1Char(' ')).contains(QStringLiteral("canary")));
    }

    void aHostIsPrivateOrNot_data()
    {
        QTest::addColumn<bool>("isPrivate");
        for (const char* host : {"localhost", "127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "fd00::1",
                 "fe80::1", "ollama", "gpu.local", "host.docker.internal", "llm.default.svc"})
            QTest::newRow(host) << true;
        for (const char* host : {"api.openai.com", "8.8.8.8", "172.32.0.1", "2001:db8::1", "local.example.com"})
            QTest::newRow(host) << false;
    }
    void aHostIsPrivateOrNot()
    {
        QFETCH(bool, isPrivate);
        QCOMPARE(isPrivateHost(QString::fromLatin1(QTest::currentDataTag())), isPrivate);
    }

    void secretsComeFromFilesToo()
    {
        Machine machine;
        machine.environment.insert(QStringLiteral("OPENAI_API_KEY_FILE"), QStringLiteral("/run/secrets/openai"));
        machine.environment.insert(QStringLiteral("KAV_TWILIO_AUTH_TOKEN_FILE"), QStringLiteral("/run/secrets/twilio"));
        machine.files.insert(QStringLiteral("/run/secrets/openai"), "sk-canary\n");
        machine.files.insert(QStringLiteral("/run/secrets/twilio"), "two\nlines\r\n");
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.remote.openaiKey, QStringLiteral("sk-canary"));
        QCOMPARE(loaded.config.twilioAuthToken, QStringLiteral("two\nlines"));
        machine.files.remove(QStringLiteral("/run/secrets/openai"));
        machine.environment.insert(QStringLiteral("KAV_TWILIO_AUTH_TOKEN"), QStringLiteral("canary"));
        QCOMPARE(all(machine.load()),
            QStringLiteral("environment variable KAV_TWILIO_AUTH_TOKEN: twilio.auth_token: KAV_TWILIO_AUTH_TOKEN_FILE "
                           "is set as well: "
                           "which of the two counts?\n"
                           "environment variable OPENAI_API_KEY_FILE: openai.api_key: cannot read /run/secrets/openai: "
                           "no such file"));
    }

    void secretsComeFromTheServiceManagerToo()
    {
        Machine machine;
        const QString folder = QStringLiteral("/run/credentials/kav-engine.service");
        machine.environment.insert(QStringLiteral("CREDENTIALS_DIRECTORY"), folder);
        machine.files.insert(folder + QStringLiteral("/kav.twilio.auth_token"), "canary-of-systemd\n");
        machine.files.insert(folder + QStringLiteral("/kav.openai.api_key"), "sk-canary\n");
        machine.files.insert(folder + QStringLiteral("/kav.server.port"), "1"); // no secret, and so no credential
        machine.files.insert(
            QStringLiteral("kav.toml"), "[openai]\napi_key = 'from the file'\n[deepgram]\napi_key = 'of the file'\n");
        LoadedConfig loaded = machine.loadFile();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.twilioAuthToken, QStringLiteral("canary-of-systemd"));
        QCOMPARE(loaded.config.remote.openaiKey, QStringLiteral("sk-canary")); // before the file
        QCOMPARE(loaded.config.remote.deepgramKey, QStringLiteral("of the file"));
        QCOMPARE(loaded.config.port, 5000);
        QCOMPARE(loaded.sources.value(QStringLiteral("twilio.auth_token")),
            QStringLiteral("credential kav.twilio.auth_token"));
        QVERIFY(!loaded.summary().join(QLatin1Char('\n')).contains(QStringLiteral("canary")));

        machine.environment.insert(QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("of the environment"));
        loaded = machine.loadFile();
        QCOMPARE(loaded.config.twilioAuthToken, QStringLiteral("of the environment"));

        machine.files[folder + QStringLiteral("/kav.openai.api_key")] = QByteArray(300 * 1024, 'x');
        QCOMPARE(all(machine.loadFile()),
            QStringLiteral("credential kav.openai.api_key: openai.api_key: "
                           "/run/credentials/kav-engine.service/kav.openai.api_key: larger than 256 KiB"));
    }

    void consolesHaveTokens()
    {
        Machine machine;
        machine.environment.insert(QStringLiteral("KAV_CONSOLE_TOKENS_FILE"), QStringLiteral("/run/secrets/consoles"));
        machine.environment.insert(
            QStringLiteral("KAV_CONSOLE_ORIGINS"), QStringLiteral("https://desk.example.com, http://127.0.0.1:8000"));
        machine.files.insert(
            QStringLiteral("/run/secrets/consoles"), "# the desk\nalice:canary-of-alice-0\nbob:canary-of-bob-000\n");
        const LoadedConfig loaded = machine.load();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.consoleTokens.operatorOf(QStringLiteral("canary-of-bob-000")), QStringLiteral("bob"));
        QVERIFY(!loaded.config.consoleTokens.operatorOf(QStringLiteral("canary-of-eve-000")));
        QCOMPARE(loaded.config.consoleOrigins.size(), 2);
        QVERIFY(!loaded.summary().join(QLatin1Char('\n')).contains(QStringLiteral("canary")));
    }

    void aWrongConsoleTokenIsNamedByItsPlace()
    {
        Machine machine;
        machine.environment.insert(
            QStringLiteral("KAV_CONSOLE_TOKENS"), QStringLiteral("alice:canary-of-alice-0,bob:canary"));
        const QString errors = all(machine.load());
        QVERIFY2(errors.startsWith(QStringLiteral("environment variable KAV_CONSOLE_TOKENS: console.tokens: ")),
            qPrintable(errors));
        QVERIFY2(errors.contains(QLatin1Char('2')), qPrintable(errors));
        QVERIFY2(!errors.contains(QStringLiteral("canary")), qPrintable(errors));
    }

    void secretsAreNeitherFlagsNorShown()
    {
        Machine machine;
        for (const char* flag : {"--twilio-auth-token=canary", "--openai-api-key=canary", "--media-key=canary",
                 "--console-tokens=canary"}) {
            const LoadedConfig loaded = machine.load({QString::fromLatin1(flag)});
            QCOMPARE(loaded.errors.size(), 1);
            QVERIFY2(all(loaded).contains(QStringLiteral("a secret is not taken as a flag")), qPrintable(all(loaded)));
            QVERIFY(!all(loaded).contains(QStringLiteral("canary")));
        }
        const LoadedConfig apart = machine.load({QStringLiteral("--openai-api-key"), QStringLiteral("canary")});
        QCOMPARE(all(apart),
            QStringLiteral(
                "flag --openai-api-key: a secret is not taken as a flag, where every user of the machine can read it; "
                "use OPENAI_API_KEY or OPENAI_API_KEY_FILE"));
        machine.environment.insert(QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("canary-token"));
        const LoadedConfig loaded = machine.load({QStringLiteral("--port=1")});
        QCOMPARE(loaded.summary(),
            (QStringList{QStringLiteral("server.port = 1 (flag --port)"),
                QStringLiteral("twilio.auth_token = (set) (environment variable TWILIO_AUTH_TOKEN)")}));
        QCOMPARE(loaded.config.providers.secrets, QStringList{QStringLiteral("canary-token")});
    }

    void kubernetesServiceLinksAreLetPassOrExplained()
    {
        Machine machine;
        for (const char* name : {"KAV_SERVICE_HOST", "KAV_SERVICE_PORT", "KAV_SERVICE_PORT_HTTP", "KAV_PORT_5000_TCP",
                 "KAV_PORT_5000_TCP_ADDR"})
            machine.environment.insert(QString::fromLatin1(name), QStringLiteral("x"));
        QVERIFY2(machine.load().ok(), qPrintable(all(machine.load())));
        machine.environment.insert(QStringLiteral("KAV_PORT"), QStringLiteral("tcp://10.0.0.1:5000"));
        QCOMPARE(machine.load().errors.size(), 1);
        QVERIFY(all(machine.load()).contains(QStringLiteral("enableServiceLinks")));
    }

    void theDataDirectoryFollowsTheMachine()
    {
        Machine machine;
        machine.environment.insert(QStringLiteral("HOME"), QStringLiteral("/home/ana"));
        QCOMPARE(machine.load().config.dataDir, QStringLiteral("/home/ana/.local/share/kav"));
        machine.environment.insert(QStringLiteral("XDG_DATA_HOME"), QStringLiteral("/xdg"));
        QCOMPARE(machine.load().config.dataDir, QStringLiteral("/xdg/kav"));
        machine.environment.insert(QStringLiteral("STATE_DIRECTORY"), QStringLiteral("/var/lib/kav:/var/lib/other"));
        QCOMPARE(machine.load().config.dataDir, QStringLiteral("/var/lib/kav"));
        QCOMPARE(machine.load({QStringLiteral("--data-dir=/tmp/k/../d")}).config.dataDir, QStringLiteral("/tmp/d"));
    }

    void theDialogIsTheInstalledOneElseTheTrees()
    {
        Machine machine;
        const QString tree = QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml");
        machine.files.insert(tree, {});
        QCOMPARE(machine.load().config.dialogFile, tree);
        machine.files.insert(QStringLiteral("/opt/kav/share/kav/dialogs/receptionist.toml"), {});
        QCOMPARE(machine.load().config.dialogFile, QStringLiteral("/opt/kav/share/kav/dialogs/receptionist.toml"));
    }

    void countsFollowTheCores()
    {
        Config config;
        QCOMPARE(config.mediaWorkerCount(1), 1);
        QCOMPARE(config.mediaWorkerCount(4), 3);
        QCOMPARE(config.speechThreadCount(4), 4);
        QCOMPARE(config.callCapacity(4), 1200);
        config.mediaWorkers = 2;
        QCOMPARE(config.callCapacity(4), 800);
        config.capacity = 10;
        QCOMPARE(config.callCapacity(4), 10);
    }

    void aMediaKeyIsMadeWhereNoneIsSet()
    {
        Config first, second;
        first.ensureMediaKey();
        second.ensureMediaKey();
        QCOMPARE(first.mediaKey.size(), 64);
        QVERIFY(first.mediaKey != second.mediaKey);
        const QByteArray key = first.mediaKey;
        first.ensureMediaKey();
        QCOMPARE(first.mediaKey, key);
    }

    void theTableIsSound()
    {
        QSet<QString> keys, flags, variables;
        QSet<QString> sections;
        for (const auto& [name, about] : settingSections())
            sections += name;
        for (const Setting& setting : settingsTable()) {
            QVERIFY2(!keys.contains(setting.key), qPrintable(setting.key));
            keys += setting.key;
            QVERIFY2(sections.contains(setting.section()), qPrintable(setting.key));
            QVERIFY2(!setting.help.isEmpty() && setting.help.size() < 120, qPrintable(setting.key));
            QCOMPARE(setting.flag().isEmpty(), setting.secret);
            if (!setting.flag().isEmpty()) {
                QVERIFY2(!flags.contains(setting.flag()), qPrintable(setting.key));
                flags += setting.flag();
            }
            for (const QString& variable : setting.variables()) {
                QVERIFY2(!variables.contains(variable), qPrintable(variable));
                variables += variable;
            }
            // The default, as it is shown, is taken: it lies within its own limits, and the member has the kind's type.
            Config config;
            const QString value = shownValue(setting, Config());
            const QString problem = applyValue(setting, {value, {}, false}, config);
            QVERIFY2(problem.isEmpty(), qPrintable(setting.key + QStringLiteral(": ") + problem));
            QCOMPARE(shownValue(setting, config), value);
        }
    }

    void helpNamesEverySetting()
    {
        const QString help = helpText();
        for (const Setting& setting : settingsTable()) {
            QVERIFY2(help.contains(setting.key), qPrintable(setting.key));
            QVERIFY2(setting.secret || help.contains(QStringLiteral("  ") + setting.flag() + QLatin1Char(',')),
                qPrintable(setting.key));
            for (const QString& variable : setting.variables())
                QVERIFY2(help.contains(variable), qPrintable(variable));
            QVERIFY2(help.contains(setting.help), qPrintable(setting.key));
        }
    }

    void oneAgeForSoundCountsWhereTheTwoOldOnesSayNothing()
    {
        using std::chrono::hours;
        const auto keep = [](const char* toml) { return Machine::withFile(toml).loadFile().config.keep; };
        QCOMPARE(keep("").recordings, Milliseconds(hours(30 * 24)));
        QCOMPARE(keep("").messages, Milliseconds(0));
        QCOMPARE(keep("[retention]\naudio='7d'").recordings, Milliseconds(hours(7 * 24)));
        QCOMPARE(keep("[retention]\naudio='7d'").messages, Milliseconds(hours(7 * 24)));
        QCOMPARE(keep("[recording]\nkeep='2d'\n[retention]\naudio='7d'").recordings, Milliseconds(hours(2 * 24)));
        QCOMPARE(keep("[recording]\nkeep_messages=0\n[retention]\naudio='7d'").messages, Milliseconds(0));
    }

    void theLogStaysUnlessSomebodySaysForHowLong()
    {
        const auto log = [](const char* toml) { return Machine::withFile(toml).loadFile(); };
        const calllog::Retention unset = log("").config.callLog.retention;
        QVERIFY(unset.transcript.count() == 0 && unset.numbers.count() == 0 && unset.log.count() == 0 && unset.logBytes == 0);
        QCOMPARE(log("[retention]\ntranscript='90d'").config.callLog.retention.transcript,
            Milliseconds(std::chrono::hours(90 * 24)));
        QVERIFY(log("[retention]\nlog_size='64MiB'").ok());
        QVERIFY2(all(log("[retention]\nlog_size='1MiB'")).contains(QStringLiteral("at least 64MiB")),
            qPrintable(all(log("[retention]\nlog_size='1MiB'"))));
    }

    void theExampleFileIsTheTable()
    {
        QFile file(QStringLiteral(KAV_SOURCE_DIR "/resources/kav.example.toml"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray inTree = file.readAll();
        if (inTree != exampleFile().toUtf8()) {
            QFile made(QStringLiteral(KAV_BINARY_DIR "/kav.example.toml"));
            QVERIFY(made.open(QIODevice::WriteOnly));
            made.write(exampleFile().toUtf8());
            QFAIL(
                "resources/kav.example.toml is not what the table says: copy kav.example.toml of the build directory");
        }
    }

    void theExampleFileIsTakenWithEveryLineInForce()
    {
        QString text = exampleFile();
        QCOMPARE(text.count(QRegularExpression(QStringLiteral("^#[a-z_]+ = "), QRegularExpression::MultilineOption)),
            settingsTable().size());
        text.replace(QRegularExpression(QStringLiteral("^#([a-z_]+ = )"), QRegularExpression::MultilineOption),
            QStringLiteral("\\1"));
        Machine machine;
        machine.files.insert(QStringLiteral("kav.toml"), text.toUtf8());
        const LoadedConfig loaded = machine.loadFile();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.sources.size(), settingsTable().size());
        const LoadedConfig plain = Machine().load();
        for (const Setting& setting : settingsTable())
            QCOMPARE(shownValue(setting, loaded.config), shownValue(setting, plain.config));
    }

    void whatTheGuardDoesNotUnderstandItLetsPass()
    {
        Machine machine;
        machine.files.insert(QStringLiteral("kav.toml"),
            "\xef\xbb\xbf# \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d [& ...\r\n"
            "[server]\r\n"
            "deploy_id = \"a\\\"\xc3\xa9#\" # 'x\n"
            "log_rules = [\n  'a', # [&\n  \"b\",\n]\n"
            "[google]\n"
            "credentials_json = '''\n[&\n\"' .................................................................'''\n"
            "[openai]\n"
            "api_key = \"\"\"k\\\n  \xc3\xa9\"\"\"\n");
        const LoadedConfig loaded = machine.loadFile();
        QVERIFY2(loaded.ok(), qPrintable(all(loaded)));
        QCOMPARE(loaded.config.deployId, QString::fromUtf8("a\"\xc3\xa9#"));
        QCOMPARE(loaded.config.logRules.size(), 2);
        QCOMPARE(loaded.config.remote.googleCredentialsJson.size(), 3 + 3 + 65);
        QCOMPARE(loaded.config.remote.openaiKey, QString::fromUtf8("k\xc3\xa9"));
    }

    void hugeAndHostileFilesAreErrors()
    {
        Machine machine;
        machine.files.insert(QStringLiteral("kav.toml"), QByteArray(2 * 1024 * 1024, '#'));
        QCOMPARE(all(machine.loadFile()), QStringLiteral("kav.toml: larger than 1 MiB"));
        machine.files.insert(QStringLiteral("kav.toml"), "a = " + QByteArray(100000, '['));
        QCOMPARE(machine.loadFile().errors.size(), 1);
        machine.files.insert(QStringLiteral("kav.toml"), QByteArray("a.").repeated(50000) + "b = 1");
        QCOMPARE(all(machine.loadFile()), QStringLiteral("kav.toml:1:130: more than 64 dots in one line"));
        machine.files.insert(QStringLiteral("kav.toml"), QByteArray("a.").repeated(60) + "b = 1");
        QCOMPARE(all(machine.loadFile()), QStringLiteral("kav.toml:1:9: unknown key a.a.a.a.a"));
        machine.files.insert(QStringLiteral("kav.toml"), "\xff\xfe\x00");
        QCOMPARE(machine.loadFile().errors.size(), 1);
    }
};

QTEST_GUILESS_MAIN(TstConfig)
#include "tst_config.moc"
