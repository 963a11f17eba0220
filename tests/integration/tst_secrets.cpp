// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/support/rawclient.h"
#include "tests/support/vendors/googlestandin.h"
#include "tests/support/vendorserver.h"

#include <QDirIterator>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QRegularExpression>
#include <QSqlDatabase>
#include <QSqlQuery>
#include <QSqlRecord>
#include <QTemporaryDir>
#include <QTest>
#include <QWebSocket>

#include <csignal>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

namespace {

constexpr int Patience = 60000; // of the test, not of the engine
const QString Engine = QStringLiteral(KAV_ENGINE_PROGRAM);
const QString Sounds = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison");
using Environment = QMap<QString, QString>;

/// What must stand nowhere, by the name that a failure has.
using Marks = QMap<QString, QByteArray>;

/// A whole number must stand in no log line; elsewhere only where a person is shown it, who asked for that.
const QByteArray CallersNumber = "9175550123", OwnNumber = "9175550199", ForwardNumber = "9175550177",
                 TargetNumber = "9175550166";

void addTo(QProcess& process, const Environment& extra)
{
    QProcessEnvironment environment;
    for (const char* name : {"PATH", "HOME", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
        if (qEnvironmentVariableIsSet(name))
            environment.insert(QLatin1String(name), qEnvironmentVariable(name));
    }
    environment.insert(u"LC_ALL"_s, u"C.UTF-8"_s);
    for (auto it = extra.cbegin(); it != extra.cend(); ++it)
        environment.insert(it.key(), it.value());
    process.setProcessEnvironment(environment);
}

/// Runs it to its end, with an event loop: the vendors live in this process. All that it wrote.
QByteArray runToTheEnd(const QStringList& args, const Environment& environment, int expected)
{
    QProcess process;
    addTo(process, environment);
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(Engine, args);
    if (!QTest::qWaitFor([&process] { return process.state() == QProcess::NotRunning; }, Patience)) {
        process.kill();
        process.waitForFinished();
    }
    const QByteArray output = process.readAll();
    if (process.exitStatus() != QProcess::NormalExit || process.exitCode() != expected)
        qWarning(
            "%s ended with %d:\n%s", qPrintable(args.join(u' ')), process.exitCode(), output.right(3000).constData());
    return output;
}

/// `kav-engine serve` with its two streams apart.
class Serving final {
public:
    Serving(const QStringList& args, const Environment& environment)
    {
        addTo(m_process, environment);
        QObject::connect(&m_process, &QProcess::readyReadStandardOutput, &m_process,
            [this] { out += m_process.readAllStandardOutput(); });
        QObject::connect(&m_process, &QProcess::readyReadStandardError, &m_process,
            [this] { log += m_process.readAllStandardError(); });
        m_process.start(Engine, args);
        static const QRegularExpression listening(u"LISTENING 127\\.0\\.0\\.1:(\\d+)\n"_s);
        (void)QTest::qWaitFor([this] { return listening.match(QString::fromUtf8(out)).hasMatch(); }, Patience);
        port = quint16(listening.match(QString::fromUtf8(out)).captured(1).toUInt());
    }
    ~Serving()
    {
        if (m_process.state() != QProcess::NotRunning) {
            m_process.kill();
            m_process.waitForFinished();
        }
    }
    bool waitFor(const QByteArray& text)
    {
        return QTest::qWaitFor([&] { return log.contains(text); }, Patience);
    }
    void signal(int number) { ::kill(pid_t(m_process.processId()), number); }
    int exitCode()
    {
        if (!QTest::qWaitFor([this] { return m_process.state() == QProcess::NotRunning; }, Patience))
            return -3;
        out += m_process.readAllStandardOutput();
        log += m_process.readAllStandardError();
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -2;
    }
    QByteArray get(const QByteArray& path) const
    {
        const RawResponse response =
            RawClient(port, QByteArray("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).response();
        return response.head + response.body;
    }

    QByteArray out, log;
    quint16 port = 0;

private:
    QProcess m_process;
};

/// Every byte that an engine sends to a console that wants to know everything.
class Wiretap final : public QObject {
public:
    bool open(quint16 port, const QString& token)
    {
        connect(&m_socket, &QWebSocket::textMessageReceived, this,
            [this](const QString& text) { heard += text.toUtf8() + '\n'; });
        connect(&m_socket, &QWebSocket::connected, this, [this, token] {
            protocol::Hello hello;
            hello.lowest = protocol::LowestVersion;
            hello.highest = protocol::HighestVersion;
            hello.features = {protocol::feature::CallLog, protocol::feature::TestCall, protocol::feature::Control,
                protocol::feature::Warm, protocol::feature::Replay};
            hello.client = u"tap"_s;
            hello.token = token;
            hello.operatorName = u"tess"_s;
            say(hello);
            say(protocol::WatchRequests{1});
        });
        m_socket.open(QUrl(u"ws://127.0.0.1:%1/console"_s.arg(port)));
        return QTest::qWaitFor([this] { return !heard.isEmpty(); }, Patience);
    }
    void say(const protocol::ToEngine& message)
    {
        m_socket.sendTextMessage(QString::fromUtf8(protocol::encode(message)));
    }
    /// Until the reply to `id` is there.
    bool waitFor(const QByteArray& text)
    {
        return QTest::qWaitFor([&] { return heard.contains(text); }, Patience);
    }
    QByteArray heard;

private:
    QWebSocket m_socket;
};

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool writeFile(const QString& path, const QByteArray& content)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(content) == content.size();
}

/// Every value of every table.
QByteArray everythingIn(const QString& database)
{
    QByteArray all;
    {
        QSqlDatabase connection = QSqlDatabase::addDatabase(u"QSQLITE"_s, u"scan"_s);
        connection.setDatabaseName(database);
        if (!connection.open())
            return {};
        const QStringList tables = connection.tables();
        for (const QString& table : tables) {
            QSqlQuery rows(connection);
            rows.exec(u"SELECT * FROM \"%1\""_s.arg(table));
            while (rows.next()) {
                const QSqlRecord record = rows.record();
                for (int i = 0; i < record.count(); ++i)
                    all += record.value(i).toByteArray() + '\n';
            }
        }
    }
    QSqlDatabase::removeDatabase(u"scan"_s);
    return all;
}

QStringList foundIn(const QByteArray& where, const QByteArray& text, const Marks& marks)
{
    QStringList found;
    for (auto mark = marks.cbegin(); mark != marks.cend(); ++mark) {
        if (const qsizetype at = text.indexOf(mark.value()); at >= 0)
            found += u"%1 in %2: ...%3..."_s.arg(mark.key(), QString::fromUtf8(where),
                QString::fromUtf8(text.mid(std::max<qsizetype>(0, at - 150), 300)));
    }
    return found;
}

QStringList foundInFiles(const QString& directory, const Marks& marks, const QStringList& except)
{
    QStringList found;
    QDirIterator files(directory, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        const QString path = files.next();
        if (!except.contains(path))
            found += foundIn(path.toUtf8(), contentOf(path), marks);
    }
    return found;
}

/// A vendor that refuses everybody and says what it was sent: headers, query and all.
void echoAndRefuse(VendorExchange& exchange)
{
    QJsonArray headers;
    QByteArray plain;
    for (const auto& [name, value] : std::as_const(exchange.headers)) {
        headers += QString::fromUtf8(QByteArray(name + ": " + value));
        plain += name + ": " + value + "; ";
    }
    const QString words = u"invalid key: "_s + QString::fromUtf8(plain + exchange.query);
    exchange.answer(401, "application/json",
        QJsonDocument(QJsonObject{{u"error"_s, QJsonObject{{u"message"_s, words}, {u"headers"_s, headers}}},
                          {u"message"_s, words}, {u"detail"_s, QJsonObject{{u"message"_s, words}}}})
            .toJson(QJsonDocument::Compact));
}

QList<QJsonObject> linesOf(const QByteArray& log, QStringList& faults)
{
    QList<QJsonObject> lines;
    const QList<QByteArray> raw = log.split('\n');
    for (const QByteArray& line : raw.mid(0, raw.size() - 1)) {
        QJsonParseError problem{};
        const QJsonObject object = QJsonDocument::fromJson(line, &problem).object();
        if (problem.error != QJsonParseError::NoError)
            faults += QString::fromUtf8(line);
        lines += object;
    }
    return lines;
}

} // namespace

/// The real program with every secret marked, at its most talkative, in everything that goes wrong with secrets:
/// nothing that it writes, stores or sends has one of them, and no log line a whole telephone number. The same run
/// shows what its log is like when nobody reads it on a terminal: JSON, with the call's id on every line about a call.
class tst_Secrets final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void nothingThatIsWrittenHasASecret();
    void aBadConfigurationNamesNoSecret_data();
    void aBadConfigurationNamesNoSecret();

private:
    Environment m_environment; ///< with every secret
    Marks m_marks;
};

void tst_Secrets::initTestCase()
{
    const GoogleStandIn google;
    QJsonObject account = google.serviceAccount();
    const QByteArray key = account.value(u"private_key"_s).toString().toLatin1();
    m_marks = {{u"twilio.auth_token"_s, "markedAuthToken0123456789abcdef0"},
        {u"twilio.api_key_secret"_s, "markedKeySecret0123456789abcdef"},
        {u"openai.api_key"_s, "sk-markedOpenAi0123456789abcdef"},
        {u"google.api_key"_s, "AIzaMarkedGoogle0123456789abcdef"},
        {u"deepgram.api_key"_s, "markedDeepgram0123456789abcdef"},
        {u"elevenlabs.api_key"_s, "markedElevenLabs0123456789abcdef"},
        {u"traces.headers"_s, "markedCollectorKey0123456789abcdef"},
        {u"media.key"_s, "markedMediaKey0123456789abcdef00"},
        {u"console.tokens, alice"_s, "markedTokenOfAlice0123456789"},
        {u"console.tokens, bob"_s, "markedTokenOfBob0123456789ab"}};
    QVERIFY(key.count('\n') > 5);
    m_marks.insert(u"google.credentials_json, its key"_s, key.split('\n').at(3).left(40));
    account.insert(u"private_key_id"_s, u"markedKeyId0123456789abcdef"_s);
    m_marks.insert(u"google.credentials_json, its key's id"_s, "markedKeyId0123456789abcdef");
    const auto text = [this](const char* mark) { return QString::fromLatin1(m_marks.value(QLatin1String(mark))); };
    m_environment = {{u"TWILIO_AUTH_TOKEN"_s, text("twilio.auth_token")},
        {u"TWILIO_ACCOUNT_SID"_s, u"AC0123456789abcdef0123456789abcdef"_s},
        {u"TWILIO_API_KEY_SID"_s, u"SK0123456789abcdef0123456789abcdef"_s},
        {u"TWILIO_API_KEY_SECRET"_s, text("twilio.api_key_secret")}, {u"OPENAI_API_KEY"_s, text("openai.api_key")},
        {u"GOOGLE_API_KEY"_s, text("google.api_key")}, {u"DEEPGRAM_API_KEY"_s, text("deepgram.api_key")},
        {u"ELEVENLABS_API_KEY"_s, text("elevenlabs.api_key")}, {u"KAV_MEDIA_KEY"_s, text("media.key")},
        {u"OTEL_EXPORTER_OTLP_TRACES_HEADERS"_s, u"api-key="_s + text("traces.headers")},
        {u"KAV_CONSOLE_TOKENS"_s, u"alice:%1,bob:%2"_s.arg(text("console.tokens, alice"), text("console.tokens, bob"))},
        {u"GCP_CREDENTIALS_JSON"_s, QString::fromUtf8(QJsonDocument(account).toJson(QJsonDocument::Compact))}};
    // As HTTP has them.
    m_marks.insert(u"Twilio's Authorization"_s,
        QByteArray("SK0123456789abcdef0123456789abcdef:" + m_marks.value(u"twilio.api_key_secret"_s))
            .toBase64()
            .left(60));
}

void tst_Secrets::nothingThatIsWrittenHasASecret()
{
    VendorServer vendor;
    vendor.handler = echoAndRefuse;
    QTemporaryDir scratch;
    const QString data = scratch.filePath(u"data"_s), file = scratch.filePath(u"kav.toml"_s),
                  pack = scratch.filePath(u"pack"_s);
    // One secret comes from a file of its own, and everything else that is secret from the file for settings too.
    const QString keyFile = scratch.filePath(u"deepgram.key"_s);
    QVERIFY(writeFile(keyFile, m_marks.value(u"deepgram.api_key"_s) + '\n'));
    const QByteArray good = "[twilio]\nauth_token = \"" + m_marks.value(u"twilio.auth_token"_s) + "\"\nnumber = [\"+1"
        + OwnNumber + "\"]\n[calls]\nforward_to = \"+1" + ForwardNumber + "\"\n[persona.night]\nnumbers = [\"+1"
        + OwnNumber + "\"]\ntools = [\"end_call\", \"transfer\"]\n[persona.night.transfer.Dana]\nnumber = \"+1"
        + TargetNumber + "\"\n";
    QVERIFY(writeFile(file, good));
    Environment environment = m_environment;
    environment.remove(u"DEEPGRAM_API_KEY"_s);
    environment.remove(u"TWILIO_AUTH_TOKEN"_s);
    environment.insert({{u"DEEPGRAM_API_KEY_FILE"_s, keyFile}, {u"KAV_CONFIG"_s, file}, {u"KAV_DATA_DIR"_s, data},
        {u"DB_BOOTSTRAP"_s, u"true"_s}, {u"KAV_LOG_LEVEL"_s, u"debug"_s}, {u"KAV_LOG_RULES"_s, u"*.debug=true"_s},
        {u"KAV_ADDRESS"_s, u"127.0.0.1"_s}, {u"PORT"_s, u"0"_s}, {u"KAV_TWILIO_API_URL"_s, vendor.url().toString()},
        {u"OPENAI_BASE_URL"_s, vendor.url(u"/v1"_s).toString()}, {u"KAV_ELEVENLABS_URL"_s, vendor.url().toString()},
        {u"KAV_DEEPGRAM_URL"_s, u"ws://127.0.0.1:%1/v1/listen"_s.arg(vendor.port())},
        {u"KAV_GOOGLE_STT_URL"_s, vendor.url().toString()}, {u"KAV_GOOGLE_TTS_URL"_s, vendor.url().toString()},
        {u"KAV_GOOGLE_TOKEN_URL"_s, vendor.url(u"/token"_s).toString()},
        {u"OTEL_EXPORTER_OTLP_ENDPOINT"_s, vendor.url().toString()},
        {u"KAV_REALTIME_URL"_s, u"ws://127.0.0.1:%1/v1/realtime"_s.arg(vendor.port())},
        {u"KAV_STT"_s, u"openai,deepgram,google-rest,realtime,embedded"_s},
        {u"KAV_LLM"_s, u"openai,realtime,embedded"_s}, {u"KAV_TTS"_s, u"elevenlabs,openai,google,embedded"_s}});

    QByteArray written; // by the commands
    Serving engine({}, environment);
    QVERIFY2(engine.port != 0, QByteArray(engine.out + engine.log).constData());
    QVERIFY2(engine.waitFor("WARMUP_STT_OK") && engine.waitFor("WARMUP_LLM_OK") && engine.waitFor("WARMUP_TTS_OK")
            && engine.waitFor("lines rendered"),
        engine.log.right(4000).constData());

    // Who is let in, and who is not.
    Wiretap tap, stranger;
    QVERIFY(tap.open(engine.port, QString::fromLatin1(m_marks.value(u"console.tokens, alice"_s))));
    QVERIFY(stranger.open(engine.port, u"wrong-"_s + QString::fromLatin1(m_marks.value(u"console.tokens, bob"_s))));
    const telephony::FormBody form({{u"CallSid"_s, u"CA0123456789abcdef0123456789abcdef"_s},
        {u"AccountSid"_s, u"AC0123456789abcdef0123456789abcdef"_s},
        {u"From"_s, u"+1"_s + QString::fromLatin1(CallersNumber)}, {u"To"_s, u"+1"_s + QString::fromLatin1(OwnNumber)},
        {u"CallStatus"_s, u"ringing"_s}});
    RawClient forger(engine.port,
        QByteArray(
            "POST /webhook/incoming_call HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Twilio-Signature: AAAA\r\nContent-Type: "
            "application/x-www-form-urlencoded\r\nContent-Length: "
            + QByteArray::number(form.encode().size()) + "\r\n\r\n" + form.encode()));
    QCOMPARE(forger.response().status, 403);

    // A call, while every provider but the embedded ones refuses.
    const QString script = scratch.filePath(u"call.script"_s);
    QVERIFY(writeFile(script,
        "wait-agent-silent for 500ms\nplay hello.wav\nwait-agent-speaking within 20s\n"
        "dtmf 5\nwait-agent-silent for 500ms\nhangup\n"));
    const QByteArray called = runToTheEnd(
        {u"call"_s, u"--to"_s, u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(engine.port), u"--script"_s, script,
            u"--sounds"_s, Sounds, u"--from"_s, u"+1"_s + QString::fromLatin1(CallersNumber), u"--to-number"_s,
            u"+1"_s + QString::fromLatin1(OwnNumber), u"--record"_s, scratch.filePath(u"call.wav"_s)},
        {{u"TWILIO_AUTH_TOKEN"_s, QString::fromLatin1(m_marks.value(u"twilio.auth_token"_s))},
            {u"TWILIO_ACCOUNT_SID"_s, environment.value(u"TWILIO_ACCOUNT_SID"_s)}},
        0);
    QVERIFY2(engine.waitFor("WS_STOP"), called.constData());

    // What an operator may ask for.
    protocol::QueryRequests requests;
    requests.id = 2;
    tap.say(requests);
    protocol::QueryLog newest;
    newest.id = 3;
    tap.say(newest);
    tap.say(protocol::StartTestCall{4, {u"sales"_s}, {}, {}});
    QVERIFY(tap.waitFor("\"id\":2") && tap.waitFor("\"id\":3") && tap.waitFor("\"id\":4"));
    QVERIFY(engine.waitFor("test call"));

    // Settings that are wrong, with the secrets in them.
    const QByteArray token = m_marks.value(u"twilio.auth_token"_s), key = m_marks.value(u"openai.api_key"_s);
    for (const QByteArray& bad :
        {QByteArray("[twilio]\nauth_token = = \"" + token + "\"\n"),
            QByteArray("[twilio]\nauth_token = [\"" + token + "\"]\n"),
            QByteArray("[twilio]\nauth_token = \"" + token + "\n"),
            QByteArray("[openai]\napi_keys = \"" + key + "\"\n"), QByteArray("[openai]\napi_key = \"" + key + "\" x\n"),
            QByteArray("[openai]\napi_key = { a = \"" + key + "\" }\n")}) {
        QVERIFY(writeFile(file, bad));
        const qsizetype before = engine.log.size();
        engine.signal(SIGHUP);
        QVERIFY2(QTest::qWaitFor([&] { return engine.log.mid(before).contains("from before stays"); }, Patience),
            bad.constData());
    }
    QVERIFY(writeFile(file, good));
    engine.signal(SIGHUP);
    QVERIFY(engine.waitFor("configuration read again"));

    for (const char* page : {"/healthz", "/readyz", "/version", "/metrics", "/", "/console"})
        written += engine.get(page);
    written += runToTheEnd({u"doctor"_s}, environment, 0);
    written += runToTheEnd({u"doctor"_s, u"--json"_s}, environment, 0);
    engine.signal(SIGTERM);
    QVERIFY2(engine.exitCode() == 0, engine.log.right(4000).constData());

    // What can be read when it is over.
    const QByteArray calls = runToTheEnd({u"calls"_s, u"--json"_s}, environment, 0);
    const QList<QByteArray> rows = calls.split('\n');
    QString callId;
    for (const QByteArray& row : rows) {
        const QJsonObject call = QJsonDocument::fromJson(row).object();
        if (call.contains(u"reason"_s)) // the newest stands first: ours is the last
            callId = call.value(u"call"_s).toString();
    }
    QVERIFY2(callId.startsWith(u"CA"), calls.right(3000).constData());
    written += calls + runToTheEnd({u"calls"_s}, environment, 0) + runToTheEnd({u"calls"_s, callId}, environment, 0);
    written += runToTheEnd({u"inspect"_s}, environment, 0) + runToTheEnd({u"inspect"_s, u"--json"_s}, environment, 0);
    written += runToTheEnd({u"recordings"_s}, environment, 0);
    written += runToTheEnd({u"purge"_s, u"--dry-run"_s}, environment, 0);
    written += runToTheEnd({u"backup"_s, scratch.filePath(u"backup"_s)}, environment, 0);
    written += runToTheEnd({u"evidence"_s, callId, u"--out"_s, pack}, environment, 0);
    QVERIFY(QFile::exists(pack + u"/index.html"_s));

    // ---- it is in none of them
    const QByteArray database = everythingIn(data + u"/calls.db"_s);
    QVERIFY(database.contains(callId.toLatin1()));
    QStringList found = foundIn("the log", engine.log, m_marks) + foundIn("standard output", engine.out, m_marks)
        + foundIn("what commands print", written, m_marks) + foundIn("the loopback caller's output", called, m_marks)
        + foundIn("the database", database, m_marks)
        + foundIn("what consoles are told", tap.heard + stranger.heard, m_marks)
        + foundInFiles(scratch.path(), m_marks, {file, keyFile});
    QVERIFY2(found.isEmpty(), qPrintable(found.join(u'\n')));
    // The search can find, and there was something to find: the refusals with their reasons are all there.
    QVERIFY(!foundIn("x", engine.log, {{u"a call"_s, callId.toLatin1()}}).isEmpty());
    QVERIFY(!foundInFiles(data, {{u"a call"_s, callId.toLatin1()}}, {}).isEmpty());
    QVERIFY(!foundInFiles(pack, {{u"a call"_s, callId.toLatin1()}}, {}).isEmpty());
    QVERIFY2(engine.log.contains("401") && engine.log.contains("invalid key"), engine.log.left(8000).constData());
    QVERIFY(vendor.exchanges.size() > 5);

    // ---- whole numbers are in no line, nor in what is stored and passed on by default
    const Marks numbers{{u"the caller's number"_s, CallersNumber}, {u"ours"_s, OwnNumber},
        {u"who is forwarded to"_s, ForwardNumber}, {u"a target"_s, TargetNumber}};
    found = foundIn("the log", engine.log, numbers) + foundIn("standard output", engine.out, numbers)
        + foundIn("the database", database, numbers) + foundInFiles(data, numbers, {})
        + foundInFiles(pack, numbers, {});
    QVERIFY2(found.isEmpty(), qPrintable(found.join(u'\n')));

    // ---- every line is an object, and has the id of the call that it is about
    QStringList faults;
    const QList<QJsonObject> lines = linesOf(engine.log, faults);
    QVERIFY2(faults.isEmpty(), qPrintable(faults.join(u'\n')));
    static const QRegularExpression sid(u"\\bCA[0-9a-f]{32}\\b"_s);
    QSet<QString> categoriesOfCalls;
    for (const QJsonObject& line : lines) {
        for (const char* field : {"time", "level", "category", "thread", "message"})
            QVERIFY2(line.value(QLatin1String(field)).isString(), field);
        const QString message = line.value(u"message"_s).toString(), call = line.value(u"call"_s).toString();
        const auto named = sid.match(message);
        if (named.hasMatch() && !message.contains(u"/webhook/"))
            QVERIFY2(call == named.captured(), qPrintable(line.value(u"category"_s).toString() + u": "_s + message));
        if (call == callId)
            categoriesOfCalls += line.value(u"category"_s).toString();
    }
    QVERIFY(categoriesOfCalls.contains(u"kav.session"_s));
    QVERIFY(categoriesOfCalls.contains(u"kav.stt"_s));
}

void tst_Secrets::aBadConfigurationNamesNoSecret_data()
{
    QTest::addColumn<QString>("variable");
    QTest::addColumn<QString>("value"); // %1: the mark
    QTest::addColumn<QStringList>("args");
    const QStringList none;
    QTest::newRow("a console's token without a name") << u"KAV_CONSOLE_TOKENS"_s << u"%1"_s << none;
    QTest::newRow("a key with a line break in it") << u"OPENAI_API_KEY"_s << u"sk-%1\nx"_s << none;
    QTest::newRow("a token of another form") << u"TWILIO_AUTH_TOKEN"_s << u" %1 \x01"_s << none;
    QTest::newRow("credentials that are no JSON") << u"GCP_CREDENTIALS_JSON"_s << u"{\"private_key\": \"%1\""_s << none;
    QTest::newRow("credentials without a field")
        << u"GCP_CREDENTIALS_JSON"_s << u"{\"type\": \"service_account\", \"private_key\": \"%1\"}"_s << none;
    QTest::newRow("credentials whose key is none")
        << u"GCP_CREDENTIALS_JSON"_s
        << u"{\"type\": \"service_account\", \"client_email\": \"a@b\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\n%1\\n-----END PRIVATE KEY-----\\n\"}"_s
        << none;
    QTest::newRow("a database of another kind") << u"DATABASE_URL"_s << u"postgresql://kav:%1@127.0.0.1/kav"_s << none;
    QTest::newRow("a variable that is none") << u"KAV_OPENAI_APIKEY"_s << u"%1"_s << none;
    QTest::newRow("a secret as a flag") << QString() << QString() << QStringList{u"--openai-api-key"_s, u"%1"_s};
    QTest::newRow("the same with =") << QString() << QString() << QStringList{u"--openai-api-key=%1"_s};
}

void tst_Secrets::aBadConfigurationNamesNoSecret()
{
    QFETCH(QString, variable);
    QFETCH(QString, value);
    QFETCH(QStringList, args);
    const QByteArray mark = "markedValue0123456789abcdef";
    QTemporaryDir directory;
    Environment environment{{u"KAV_DATA_DIR"_s, directory.path()}, {u"KAV_ADDRESS"_s, u"127.0.0.1"_s},
        {u"PORT"_s, u"0"_s}, {u"KAV_LLM"_s, u"embedded"_s}, {u"KAV_TTS"_s, u"embedded"_s},
        {u"KAV_STT"_s, u"google-rest,embedded"_s}};
    if (!variable.isEmpty())
        environment.insert(variable, value.arg(QString::fromLatin1(mark)));
    args.replaceInStrings(u"%1"_s, QString::fromLatin1(mark));
    for (const char* form : {"human", "json"}) {
        environment.insert(u"KAV_LOG_FORMAT"_s, QLatin1String(form));
        QProcess process;
        addTo(process, environment);
        process.setProcessChannelMode(QProcess::MergedChannels);
        process.start(Engine, QStringList{u"serve"_s, u"--log-level"_s, u"debug"_s} + args);
        QByteArray output;
        // It either ends because of it, or serves on without that provider.
        QVERIFY(QTest::qWaitFor(
            [&] {
                output += process.readAll();
                return process.state() == QProcess::NotRunning || output.contains("WARMUP_STT");
            },
            Patience));
        process.kill();
        process.waitForFinished();
        output += process.readAll();
        QVERIFY2(!output.contains(mark), output.constData());
        QVERIFY(!output.isEmpty());
    }
    QCOMPARE(foundInFiles(directory.path(), {{u"it"_s, mark}}, {}), QStringList());
}

QTEST_GUILESS_MAIN(tst_Secrets)
#include "tst_secrets.moc"
