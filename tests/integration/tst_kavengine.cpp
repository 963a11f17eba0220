// SPDX-License-Identifier: Apache-2.0
#include "engine/media/wav.h"
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliosignature.h"
#include "tests/support/consoleclient.h"
#include "tests/support/managersocket.h"
#include "tests/support/rawclient.h"
#include "tests/support/vendors/openaistandin.h"

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QRegularExpression>
#include <QTcpServer>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <sys/resource.h>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

namespace {

constexpr int Patience = 20000; // of the test, not of the engine
const QString Program = QStringLiteral(KAV_ENGINE_PROGRAM);
const QString Sounds = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison");
using Environment = QList<std::pair<QString, QString>>;

/// Ours, without what would configure an engine.
QProcessEnvironment environmentWith(const Environment& extra)
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    const QStringList names = environment.keys();
    for (const QString& name : names) {
        if (name.startsWith(u"KAV_") || name.startsWith(u"TWILIO_") || name.startsWith(u"DATABASE_URL")
            || name.startsWith(u"OPENAI_") || name.startsWith(u"GCP_") || name.startsWith(u"GOOGLE_")
            || name.startsWith(u"DEEPGRAM_") || name.startsWith(u"ELEVENLABS_") || name == u"PORT" || name == u"DEPLOY_ID"
            || name == u"DB_BOOTSTRAP" || name == u"STATE_DIRECTORY" || name == u"XDG_DATA_HOME"
            || name == u"QT_LOGGING_RULES" || name == u"NOTIFY_SOCKET" || name.startsWith(u"WATCHDOG_"))
            environment.remove(name);
    }
    environment.insert(u"KAV_LOG_FORMAT"_s, u"human"_s);
    for (const auto& [name, value] : extra)
        environment.insert(name, value);
    return environment;
}

struct Finished final {
    int code = -1; ///< -2: it crashed or was killed
    QByteArray out, err;
};

Finished run(const QStringList& args, const Environment& extra = {})
{
    QProcess process;
    process.setProcessEnvironment(environmentWith(extra));
    process.start(Program, args);
    if (!process.waitForFinished(Patience)) {
        process.kill();
        process.waitForFinished();
        return {-3, process.readAllStandardOutput(), process.readAllStandardError()};
    }
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, process.readAllStandardOutput(),
        process.readAllStandardError()};
}

/// `kav-engine serve` with a directory of its own, from LISTENING on.
class Served final {
public:
    explicit Served(const QString& directory, const QStringList& args = {}, const Environment& extra = {})
    {
        m_process.setProcessEnvironment(environmentWith(extra));
        m_process.setProcessChannelMode(QProcess::MergedChannels); // one pipe: what came first stands first
        m_process.setChildProcessModifier([] { ::signal(SIGXFSZ, SIG_IGN); }); // see limitFiles()
        QObject::connect(&m_process, &QProcess::readyRead, &m_process, [this] { output += m_process.readAll(); });
        m_process.start(Program,
            QStringList{u"--port"_s, u"0"_s, u"--address"_s, u"127.0.0.1"_s, u"--data-dir"_s, directory} + args);
        if (!waitFor("LISTENING 127.0.0.1:"))
            qWarning("no LISTENING: %s", output.constData());
        static const QRegularExpression listening(u"LISTENING 127\\.0\\.0\\.1:(\\d+)\n"_s);
        (void)QTest::qWaitFor([this] { return listening.match(QString::fromUtf8(output)).hasMatch(); }, Patience);
        port = quint16(listening.match(QString::fromUtf8(output)).captured(1).toUInt());
    }
    ~Served()
    {
        if (m_process.state() != QProcess::NotRunning) {
            m_process.kill();
            m_process.waitForFinished();
        }
    }
    bool waitFor(const QByteArray& text)
    {
        return QTest::qWaitFor([&] { return output.contains(text); }, Patience);
    }
    /// All three providers and the rendered lines.
    bool waitWarm() { return waitFor("WARMUP_STT_OK") && waitFor("WARMUP_LLM_OK") && waitFor("lines rendered"); }
    /// How large a file of its may get: past that a write fails, as on a full disk.
    bool limitFiles(rlim_t bytes)
    {
        const rlimit limit{bytes, RLIM_INFINITY};
        return ::prlimit(pid_t(m_process.processId()), RLIMIT_FSIZE, &limit, nullptr) == 0;
    }
    void signal(int number) { ::kill(pid_t(m_process.processId()), number); }
    bool isRunning() const { return m_process.state() == QProcess::Running; }
    /// Its exit code; -2 for a crash or a kill, -3 when it does not end.
    int exitCode()
    {
        if (!QTest::qWaitFor([this] { return m_process.state() == QProcess::NotRunning; }, Patience))
            return -3;
        output += m_process.readAll();
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -2;
    }
    RawResponse get(const QByteArray& path) const
    {
        return RawClient(port, QByteArray("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).response();
    }
    QJsonObject readiness() const { return QJsonDocument::fromJson(get("/readyz").body).object(); }
    QString webhook() const { return u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(port); }

    QByteArray output;
    quint16 port = 0;

private:
    QProcess m_process;
};

/// `kav-engine call` under way.
class Calling final {
public:
    Calling(const Served& engine, const QString& script, const QStringList& args = {}, const Environment& extra = {})
    {
        const QString path = m_directory.filePath(u"call.script"_s);
        QFile file(path);
        if (!file.open(QIODevice::WriteOnly) || file.write(script.toUtf8()) < 0)
            qFatal("no script");
        file.close();
        m_process.setProcessEnvironment(environmentWith(extra));
        m_process.setProcessChannelMode(QProcess::MergedChannels);
        m_process.start(Program,
            QStringList{u"call"_s, u"--to"_s, engine.webhook(), u"--script"_s, path, u"--sounds"_s, Sounds,
                u"--record"_s, wav(), u"--timeline-json"_s, timelinePath()}
                + args);
    }
    ~Calling()
    {
        if (m_process.state() != QProcess::NotRunning) {
            m_process.kill();
            m_process.waitForFinished();
        }
    }
    int exitCode()
    {
        if (!QTest::qWaitFor([this] { return m_process.state() == QProcess::NotRunning; }, Patience))
            return -3;
        output = m_process.readAll();
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -2;
    }
    QString wav() const { return m_directory.filePath(u"call.wav"_s); }
    QString timelinePath() const { return m_directory.filePath(u"call.jsonl"_s); }
    QList<QJsonObject> timeline() const
    {
        QFile file(timelinePath());
        QList<QJsonObject> events;
        if (file.open(QIODevice::ReadOnly)) {
            const QList<QByteArray> lines = file.readAll().split('\n');
            for (const QByteArray& line : lines) {
                if (!line.isEmpty())
                    events += QJsonDocument::fromJson(line).object();
            }
        }
        return events;
    }
    /// When `who` first did `what`, in ms; -1: never.
    int first(const QString& who, const QString& what) const
    {
        for (const QJsonObject& event : timeline()) {
            if (event.value(u"who"_s).toString() == who && event.value(u"event"_s).toString() == what)
                return event.value(u"ms"_s).toInt();
        }
        return -1;
    }
    QByteArray output;

private:
    QTemporaryDir m_directory;
    QProcess m_process;
};

double rmsOf(const media::WavAudio& audio, int channel)
{
    double sum = 0;
    for (std::size_t i = std::size_t(channel); i < audio.samples.size(); i += std::size_t(audio.channels))
        sum += double(audio.samples[i]) * audio.samples[i];
    return std::sqrt(sum / double(audio.frames()));
}

/// The newest call in the log of `directory`, as `kav-engine calls --json` shows it.
QJsonObject newestCall(const QString& directory)
{
    const Finished calls = run({u"calls"_s, u"--json"_s, u"--limit"_s, u"1"_s, u"--data-dir"_s, directory});
    return calls.code == 0 ? QJsonDocument::fromJson(calls.out).object() : QJsonObject();
}

/// Every file under `directory` that holds one of `words`.
QStringList filesWith(const QString& directory, const QList<QByteArray>& words)
{
    QStringList found;
    QDirIterator files(directory, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        const QByteArray content = file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
        for (const QByteArray& word : words) {
            if (content.contains(word))
                found += file.fileName() + u": "_s + QString::fromUtf8(word);
        }
    }
    return found;
}

} // namespace

/// The program: its words, its exit codes, its signals, and a call with the embedded speech.
class tst_KavEngine final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void saysWhatItIs();
    void wrongUsageIsNamed_data();
    void wrongUsageIsNamed();
    void aBrokenFileIsNamedWithLineAndKey_data();
    void aBrokenFileIsNamedWithLineAndKey();
    void aPortInUseIsNamed();
    void migrateMakesTheSchemaOnce();
    void listensFirst();
    void inspectShowsAndFollowsWhatCame();
    void anUnreadableDialogIsReplaced();
    void hangupReadsTheConfigurationAgain();
    void aCallIsTheAccountsWhenTheEngineHasOne();
    void aCallGoesBothWaysAndLeavesNoSecrets();
    void anOperatorsTestCallIsUnderstood();
    void remoteProvidersAnswerTheCall();
    void theEmbeddedModelAnswersForOneThatFails();
    void theDoctorExaminesWithTheSameSettings();
    void theDoctorsAdviceMendsADamagedDatabase_data();
    void theDoctorsAdviceMendsADamagedDatabase();
    void aFullDiskIsNotReadyAndAnswers();
    void withoutItsGrpcModuleGooglesStreamingSaysSo();
    void aCallerIsErasedAndTheRestBackedUp();
    void aStopLetsTheCallEnd();
    void theServiceManagerIsToldOfAWholeLife();
    void aSecondStopSaysGoodbye_data();
    void aSecondStopSaysGoodbye();
    void aThirdStopDoesNotWait();
    void aStopDuringWarmUpIsAnOrdinaryEnd();
    void aKilledEngineClosesTheCallAtItsNextStart();
};

void tst_KavEngine::saysWhatItIs()
{
    const Finished version = run({u"--version"_s});
    QCOMPARE(version.code, 0);
    QVERIFY(version.out.startsWith("kav-engine "));
    const Finished help = run({u"--help"_s});
    QCOMPARE(help.code, 0);
    for (const char* word : {"--port", "KAV_PORT", "DATABASE_URL", "DB_BOOTSTRAP", "TWILIO_AUTH_TOKEN",
             "GCP_CREDENTIALS_JSON", "OPENAI_API_KEY", "OPENAI_BASE_URL", "KAV_STT", "KAV_REALTIME_URL", "doctor", "DEPLOY_ID", "migrate", "calls", "default"})
        QVERIFY2(help.out.contains(word), word);
    QCOMPARE(run({u"call"_s, u"--help"_s}).code, 0);
    // The example is a file that the engine takes.
    const Finished example = run({u"example-config"_s});
    QCOMPARE(example.code, 0);
    QTemporaryDir directory;
    QFile file(directory.filePath(u"kav.toml"_s));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(example.out);
    file.close();
    const Finished migrated = run({u"migrate"_s, u"--config"_s, file.fileName(), u"--data-dir"_s, directory.path()});
    QVERIFY2(migrated.code == 0, migrated.err.constData());
}

void tst_KavEngine::wrongUsageIsNamed_data()
{
    QTest::addColumn<QStringList>("args");
    QTest::addColumn<QByteArray>("named");
    QTest::newRow("no such command") << QStringList{u"migrat"_s} << QByteArray("did you mean 'migrate'?");
    QTest::newRow("no such flag") << QStringList{u"--prot"_s, u"5000"_s} << QByteArray("--prot");
    QTest::newRow("a flag without its value") << QStringList{u"--port"_s} << QByteArray("--port");
    QTest::newRow("an impossible port") << QStringList{u"--port"_s, u"70000"_s} << QByteArray("server.port");
    QTest::newRow("no number") << QStringList{u"serve"_s, u"--capacity"_s, u"many"_s} << QByteArray("server.capacity");
    QTest::newRow("migrate, no such flag") << QStringList{u"migrate"_s, u"--x"_s, u"1"_s} << QByteArray("--x");
    QTest::newRow("calls, bad limit") << QStringList{u"calls"_s, u"--limit"_s, u"0"_s} << QByteArray("--limit");
    QTest::newRow("inspect, no such kind") << QStringList{u"inspect"_s, u"--kind"_s, u"call"_s} << QByteArray("--kind");
    QTest::newRow("call, no such flag") << QStringList{u"call"_s, u"--nonsense"_s, u"1"_s} << QByteArray("--nonsense");
    QTest::newRow("no such file") << QStringList{u"--config"_s, u"/nonexistent/kav.toml"_s}
                                  << QByteArray("/nonexistent/kav.toml");
}

void tst_KavEngine::wrongUsageIsNamed()
{
    QFETCH(QStringList, args);
    QFETCH(QByteArray, named);
    const Finished finished = run(args);
    QCOMPARE(finished.code, 2);
    QVERIFY2(finished.err.contains(named), finished.err.constData());
    QVERIFY2(!finished.out.contains("LISTENING"), finished.out.constData());
}

void tst_KavEngine::aBrokenFileIsNamedWithLineAndKey_data()
{
    QTest::addColumn<QByteArray>("toml");
    QTest::addColumn<int>("line");
    QTest::addColumn<QByteArray>("key");
    QTest::newRow("an unknown key") << QByteArray("[server]\nport = 0\nprot = 1\n") << 3 << QByteArray("server.prot");
    QTest::newRow("a wrong type") << QByteArray("[server]\n\nport = \"five\"\n") << 3 << QByteArray("server.port");
    QTest::newRow("an impossible value") << QByteArray("[turn]\nfallback = \"1h\"\n") << 2
                                         << QByteArray("turn.fallback");
    QTest::newRow("no TOML") << QByteArray("[server]\nport = = 1\n") << 2 << QByteArray();
}

void tst_KavEngine::aBrokenFileIsNamedWithLineAndKey()
{
    QFETCH(QByteArray, toml);
    QFETCH(int, line);
    QFETCH(QByteArray, key);
    QTemporaryDir directory;
    QFile file(directory.filePath(u"kav.toml"_s));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(toml);
    file.close();
    const Finished finished = run({u"--config"_s, file.fileName(), u"--data-dir"_s, directory.path()});
    QCOMPARE(finished.code, 2);
    QVERIFY2(finished.err.contains(QByteArray(file.fileName().toUtf8() + ':' + QByteArray::number(line))),
        finished.err.constData());
    QVERIFY2(finished.err.contains(key), finished.err.constData());
}

void tst_KavEngine::aPortInUseIsNamed()
{
    QTcpServer taken;
    QVERIFY(taken.listen(QHostAddress(QHostAddress::LocalHost)));
    const QString port = QString::number(taken.serverPort());
    QTemporaryDir directory;
    const Finished finished =
        run({u"--address"_s, u"127.0.0.1"_s, u"--data-dir"_s, directory.path()}, {{u"PORT"_s, port}});
    QCOMPARE(finished.code, 1);
    QVERIFY2(finished.err.contains(QString(u"127.0.0.1:"_s + port).toUtf8()), finished.err.constData());
    QVERIFY(!finished.out.contains("LISTENING"));
}

void tst_KavEngine::migrateMakesTheSchemaOnce()
{
    QTemporaryDir directory;
    const Finished calls = run({u"calls"_s, u"--data-dir"_s, directory.path()});
    QCOMPARE(calls.code, 1);
    QVERIFY2(calls.err.contains("kav-engine migrate"), calls.err.constData());
    for (int i = 0; i < 2; ++i) {
        const Finished migrated = run({u"migrate"_s, u"--data-dir"_s, directory.path()});
        QCOMPARE(migrated.code, 0);
        QCOMPARE(migrated.out.count('\n'), 1);
    }
    QCOMPARE(run({u"calls"_s, u"--data-dir"_s, directory.path()}).code, 0);
    QFile blocker(directory.filePath(u"file"_s));
    QVERIFY(blocker.open(QIODevice::WriteOnly));
    const Finished failed =
        run({u"migrate"_s}, {{u"DATABASE_URL"_s, u"sqlite://"_s + blocker.fileName() + u"/calls.db"_s}});
    QCOMPARE(failed.code, 1);
    QVERIFY2(failed.err.contains(blocker.fileName().toUtf8()), failed.err.constData());
}

void tst_KavEngine::listensFirst()
{
    QTemporaryDir directory;
    Served engine(directory.path(), {}, {{u"KAV_CALL_LOG_RETRY_EVERY"_s, u"200ms"_s}});
    QVERIFY(engine.port != 0);
    QCOMPARE(engine.get("/healthz").status, 200);
    QVERIFY(engine.waitWarm());
    QVERIFY(engine.waitFor("WARMUP_DB_ERR reason="));
    const qsizetype listening = engine.output.indexOf("LISTENING");
    for (const char* token : {"WARMUP_STT_OK", "WARMUP_TTS_OK", "WARMUP_LLM_OK", "WARMUP_DB_ERR"}) {
        QVERIFY2(engine.output.indexOf(token) > listening, token);
        QCOMPARE(engine.output.count(token), 1);
    }
    QCOMPARE(engine.output.count("kav-engine migrate"), 1);
    const QJsonObject ready = engine.readiness();
    for (const QString& stage : {u"stt"_s, u"tts"_s, u"llm"_s})
        QCOMPARE(ready.value(stage).toString(), u"ok"_s);
    // The command that it names mends it, without a restart.
    QCOMPARE(run({u"migrate"_s, u"--data-dir"_s, directory.path()}).code, 0);
    QTRY_COMPARE_WITH_TIMEOUT(engine.readiness().value(u"db"_s).toString(), u"ok"_s, Patience);
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
}

void tst_KavEngine::hangupReadsTheConfigurationAgain()
{
    QTemporaryDir directory;
    const QString path = directory.filePath(u"kav.toml"_s);
    const auto write = [&path](const QByteArray& toml) {
        QFile file(path);
        return file.open(QIODevice::WriteOnly) && file.write(toml) == toml.size();
    };
    QVERIFY(write("[persona.day]\nnumbers = ['+15551230002']\n"));
    Served engine(directory.path(), {u"--config"_s, path});
    QVERIFY(engine.port != 0);

    QVERIFY(write("[persona.night]\nnumbers = ['+15551230002']\n[server]\ncapacity = 7\n"));
    engine.signal(SIGHUP);
    QVERIFY(engine.waitFor("personas: default, night"));
    QVERIFY(engine.waitFor("server.capacity is another one now; it counts from the next start"));

    QVERIFY(write("[persona.dusk]\nnumber = ['+15551230002']\n"));
    engine.signal(SIGHUP);
    QVERIFY(engine.waitFor("kav.toml:2:1: unknown key persona.dusk.number; did you mean 'persona.dusk.numbers'?"));
    QVERIFY(engine.waitFor("from before stays"));
    QVERIFY(QFile::remove(path));
    engine.signal(SIGHUP);
    QVERIFY(engine.waitFor("cannot read"));
    QVERIFY(engine.isRunning());
    QCOMPARE(engine.get("/healthz").status, 200);
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
}

void tst_KavEngine::inspectShowsAndFollowsWhatCame()
{
    QTemporaryDir directory;
    const QString data = directory.path();
    QCOMPARE(run({u"migrate"_s, u"--data-dir"_s, data}).code, 0);
    const QByteArray secret = "markedSecretToken0123456789abcdef";
    Served engine(data, {}, {{u"TWILIO_AUTH_TOKEN"_s, QString::fromLatin1(secret)}});
    const auto forge = [&engine] {
        const QByteArray body = "CallSid=CA1&From=%2B972501234567";
        return RawClient(engine.port,
            QByteArray("POST /webhook/call_status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Twilio-Signature: AAAA\r\n"
                       "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
                + QByteArray::number(body.size()) + "\r\n\r\n" + body))
            .response()
            .status;
    };
    QCOMPARE(forge(), 403);
    const auto shown = [&data](const QStringList& more) {
        return run(QStringList{u"inspect"_s, u"--data-dir"_s, data} + more);
    };
    QTRY_VERIFY_WITH_TIMEOUT(!shown({}).out.isEmpty(), Patience);
    const Finished text = shown({u"--refused"_s});
    QCOMPARE(text.code, 0);
    QVERIFY2(text.out.contains("  403  POST /webhook/call_status") && text.out.contains("signature WRONG")
            && text.out.contains("TWILIO_AUTH_TOKEN is perhaps not the primary auth token"),
        text.out.constData());
    QVERIFY(!text.out.contains('\x1b')); // no terminal, no colour
    QVERIFY(!text.out.contains("972501234567") && !text.out.contains(secret));
    QVERIFY(shown({u"--kind"_s, u"stream"_s}).out.isEmpty());
    const QJsonObject json = QJsonDocument::fromJson(shown({u"--json"_s}).out).object();
    QCOMPARE(json.value(u"status"_s).toInt(), 403);
    QCOMPARE(json.value(u"signature"_s).toObject().value(u"state"_s).toString(), u"wrong"_s);

    QProcess follower;
    follower.setProcessEnvironment(environmentWith({}));
    follower.start(
        Program, {u"inspect"_s, u"--follow"_s, u"--json"_s, u"--limit"_s, u"1"_s, u"--data-dir"_s, data});
    QByteArray followed;
    const auto lines = [&] {
        followed += follower.readAllStandardOutput();
        return followed.count('\n');
    };
    QTRY_COMPARE_WITH_TIMEOUT(lines(), 1, Patience);
    QCOMPARE(forge(), 403);
    QTRY_COMPARE_WITH_TIMEOUT(lines(), 2, Patience);
    follower.kill();
    follower.waitForFinished();
}

void tst_KavEngine::anUnreadableDialogIsReplaced()
{
    QTemporaryDir directory;
    QFile dialog(directory.filePath(u"mine.toml"_s));
    QVERIFY(dialog.open(QIODevice::WriteOnly));
    dialog.write("[states\n");
    dialog.close();
    Served engine(directory.path(), {u"--dialog"_s, dialog.fileName()});
    QVERIFY(engine.waitWarm());
    bool said = false;
    const QList<QByteArray> lines = engine.output.split('\n');
    for (const QByteArray& line : lines)
        said = said || (line.contains("built-in receptionist") && line.contains("mine.toml:1"));
    QVERIFY2(said, engine.output.constData());
    QCOMPARE(engine.readiness().value(u"llm"_s).toString(), u"ok"_s);
    engine.signal(SIGINT);
    QCOMPARE(engine.exitCode(), 0);
}

void tst_KavEngine::aCallGoesBothWaysAndLeavesNoSecrets()
{
    const QString token = u"canary-token-5a6b7c8d9e0f"_s, key = u"sk-canary-0a1b2c3d4e5f"_s;
    const Environment secrets{
        {u"TWILIO_AUTH_TOKEN"_s, token}, {u"OPENAI_API_KEY"_s, key}, {u"DB_BOOTSTRAP"_s, u"true"_s},
        // A key without a list would ask the vendor.
        {u"KAV_STT"_s, u"embedded"_s}, {u"KAV_LLM"_s, u"embedded"_s}, {u"KAV_TTS"_s, u"embedded"_s}};
    QTemporaryDir directory;
    Served engine(directory.path(), {u"--log-level"_s, u"debug"_s}, secrets);
    QVERIFY(engine.waitWarm());

    // Nobody gets in without the signature.
    const telephony::FormBody form({{u"CallSid"_s, u"CA1"_s}, {u"AccountSid"_s, u"AC1"_s},
        {u"From"_s, u"+19175550123"_s}, {u"To"_s, u"+19175550199"_s}, {u"CallStatus"_s, u"ringing"_s}});
    for (const QByteArray& signature :
        {QByteArray(), QByteArray("X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n")}) {
        RawClient stranger(engine.port,
            QByteArray("POST /webhook/incoming_call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                       "application/x-www-form-urlencoded\r\n"
                + signature + "Content-Length: " + QByteArray::number(form.encode().size()) + "\r\n\r\n"
                + form.encode()));
        QCOMPARE(stranger.response().status, 403);
    }
    Calling refused(engine, u"wait-end"_s);
    QCOMPARE(refused.exitCode(), 1);
    QVERIFY2(refused.output.contains("403"), refused.output.constData());

    Calling call(engine,
        u"interrupt after 1200ms play hello.wav\nwait-agent-silent for 300ms\nwait-agent-speaking within 12s\nwait 800ms\nhangup\n"_s,
        {u"--from"_s, u"+19175550123"_s, u"--to-number"_s, u"+19175550199"_s}, {{u"TWILIO_AUTH_TOKEN"_s, token}});
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    // Audio came both ways, for as long as the call was.
    const auto audio = media::readWav(call.wav());
    QVERIFY(audio);
    QCOMPARE(audio->channels, 2);
    QCOMPARE(audio->sampleRate, 8000);
    QVERIFY2(audio->frames() > 8000 * 3, qPrintable(QString::number(audio->frames())));
    QVERIFY(rmsOf(*audio, 0) > 20);
    QVERIFY(rmsOf(*audio, 1) > 100);
    const int opening = call.first(u"agent"_s, u"speaks"_s), words = call.first(u"caller"_s, u"speaks"_s);
    QVERIFY(opening >= 0);
    QVERIFY(words > opening);
    QTRY_VERIFY_WITH_TIMEOUT(engine.output.contains("WS_STOP"), Patience);
    QVERIFY(engine.output.contains("WS_START"));

    // The database follows the journal a moment later.
    QTRY_COMPARE_WITH_TIMEOUT(
        newestCall(directory.path()).value(u"reason"_s).toString(), u"caller-hung-up"_s, Patience);
    const QJsonObject row = newestCall(directory.path());
    QVERIFY(row.value(u"turns"_s).toInt() >= 2);
    const Finished shown = run({u"calls"_s, row.value(u"call"_s).toString(), u"--data-dir"_s, directory.path()});
    QCOMPARE(shown.code, 0);
    QVERIFY(shown.out.contains("turn 1 (opening"));
    QCOMPARE(run({u"calls"_s, u"CA0"_s, u"--data-dir"_s, directory.path()}).code, 1);

    engine.signal(SIGTERM);
    QVERIFY2(engine.exitCode() == 0, engine.output.right(4000).constData());
    const QList<QByteArray> canaries{token.toUtf8(), key.toUtf8(), "9175550123", "9175550199"};
    for (const QByteArray& canary : canaries)
        QVERIFY2(!engine.output.contains(canary), canary.constData());
    QCOMPARE(filesWith(directory.path(), canaries), QStringList());
    // The search can find: the call itself is in there.
    QVERIFY(!filesWith(directory.path(), {row.value(u"call"_s).toString().toUtf8()}).isEmpty());
}

void tst_KavEngine::aCallIsTheAccountsWhenTheEngineHasOne()
{
    QTemporaryDir directory;
    const QString account = u"AC"_s + QString(32, u'a'), other = u"AC"_s + QString(32, u'b');
    QFile token(directory.filePath(u"token"_s));
    QVERIFY(token.open(QIODevice::WriteOnly) && token.write("token-of-a-file\n") > 0);
    token.close();
    const Environment signs{{u"TWILIO_AUTH_TOKEN_FILE"_s, token.fileName()}};
    const Environment both = signs + Environment{{u"TWILIO_ACCOUNT_SID"_s, account}};
    Served engine(directory.path(), {}, both);
    QVERIFY2(engine.waitWarm(), engine.output.constData());
    const QString script = u"wait-agent-silent for 500ms\nhangup\n"_s;
    Calling invented(engine, script, {}, signs); // signed, but of an account that is not the engine's
    QCOMPARE(invented.exitCode(), 1);
    QVERIFY2(invented.output.contains("403"), invented.output.constData());
    Calling wrong(engine, script, {u"--field"_s, u"AccountSid="_s + other}, both);
    QCOMPARE(wrong.exitCode(), 1);
    QVERIFY2(wrong.output.contains("403"), wrong.output.constData());
    Calling named(engine, script, {u"--field"_s, u"AccountSid="_s + account}, signs);
    QVERIFY2(named.exitCode() == 0, named.output.constData());
    Calling known(engine, script, {}, both);
    QVERIFY2(known.exitCode() == 0, known.output.constData());
    Calling unreadable(engine, script, {}, {{u"TWILIO_AUTH_TOKEN_FILE"_s, u"/nonexistent/token"_s}});
    QCOMPARE(unreadable.exitCode(), 2);
    QVERIFY2(unreadable.output.contains("/nonexistent/token"), unreadable.output.constData());
}

void tst_KavEngine::anOperatorsTestCallIsUnderstood()
{
    QTemporaryDir directory;
    QCOMPARE(run({u"migrate"_s, u"--data-dir"_s, directory.path()}).code, 0);
    Served engine(directory.path(), {}, {{u"KAV_CONSOLE_TOKENS"_s, u"alice:canary-of-alice-0"_s}});
    QVERIFY(engine.waitFor("consoles: let in with a token"));
    QVERIFY(engine.waitWarm());
    ConsoleClient console;
    console.hello.token = u"canary-of-alice-0"_s;
    QVERIFY(console.open(engine.port));
    QCOMPARE(console.services.value(u"stt"_s).name, u"pocketsphinx"_s);
    // The engine's own voice says it, and its own recogniser hears it.
    const auto started =
        resultOf<protocol::TestCallStarted>(console.ask(protocol::StartTestCall{0, {u"sales"_s}, {}, {}}));
    QVERIFY(started);
    QTRY_VERIFY(console.calls.contains(started->call));
    QCOMPARE(errorOf(console.ask(protocol::WatchCall{0, started->call})), QString());
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(started->call).state, CallState::Ended, 60000);
    QCOMPARE(console.turns.value(started->call).value(2).record.callerText, u"sales"_s);
    QVERIFY(engine.waitFor(QByteArray(started->call.toLatin1() + " test call went through")));
    QTRY_VERIFY(newestCall(directory.path()).value(u"test"_s).toBool());
    QCOMPARE(console.faults, QStringList());
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY(!engine.output.contains("canary"));
    QCOMPARE(filesWith(directory.path(), {"canary"}), QStringList());
}

namespace {
const QString RemoteKey = u"sk-canary-9a8b7c6d5e4f3a2b"_s;

Environment environmentOf(OpenAiStandIn& vendor)
{
    vendor.key = RemoteKey.toUtf8();
    return {{u"OPENAI_API_KEY"_s, RemoteKey}, {u"OPENAI_BASE_URL"_s, vendor.url().toString()},
        {u"DB_BOOTSTRAP"_s, u"true"_s}};
}

int asksOf(const OpenAiStandIn& vendor, const QByteArray& route)
{
    return int(std::count_if(vendor.asked.begin(), vendor.asked.end(),
        [&route](const OpenAiStandIn::Asked& asked) { return asked.path.endsWith(route); }));
}

/// The caller says hello once the greeting is over, and hears the answer out.
const QString Greeting = u"wait-agent-silent for 500ms\nplay hello.wav\nwait-agent-speaking within 12s\n"
                         "wait-agent-silent for 500ms\nhangup\n"_s;

QByteArray shownCall(const QString& directory)
{
    return run({u"calls"_s, newestCall(directory).value(u"call"_s).toString(), u"--data-dir"_s, directory}).out;
}
} // namespace

void tst_KavEngine::remoteProvidersAnswerTheCall()
{
    OpenAiStandIn vendor;
    const Environment environment = environmentOf(vendor);
    vendor.transcripts = {u"hello there"_s};
    QTemporaryDir directory;
    Served engine(directory.path(), {u"--log-level"_s, u"debug"_s}, environment);
    for (const char* stage : {"WARMUP_STT_OK", "WARMUP_LLM_OK", "WARMUP_TTS_OK"})
        QVERIFY2(engine.waitFor(stage), engine.output.constData());
    QTRY_COMPARE_WITH_TIMEOUT(engine.output.count("WARMUP_"), 6 + engine.output.count("WARMUP_DB"), Patience);
    Calling call(engine, Greeting);
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    QVERIFY(asksOf(vendor, "/audio/transcriptions") >= 1);
    QVERIFY(asksOf(vendor, "/chat/completions") >= 1);
    QVERIFY(asksOf(vendor, "/audio/speech") >= 1);
    QTRY_VERIFY_WITH_TIMEOUT(shownCall(directory.path()).contains("hello there"), Patience);
    const QByteArray shown = shownCall(directory.path());
    QVERIFY2(shown.contains("You said: hello there"), shown.constData());
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY(!engine.output.contains("canary"));
    QCOMPARE(filesWith(directory.path(), {RemoteKey.toUtf8()}), QStringList());
}

void tst_KavEngine::theEmbeddedModelAnswersForOneThatFails()
{
    OpenAiStandIn vendor;
    Environment environment = environmentOf(vendor);
    environment += {{u"KAV_STT"_s, u"embedded"_s}, {u"KAV_TTS"_s, u"embedded"_s}};
    QTemporaryDir directory;
    Served engine(directory.path(), {}, environment);
    QVERIFY(engine.waitWarm());
    QTRY_COMPARE_WITH_TIMEOUT(engine.output.count("WARMUP_LLM_OK"), 2, Patience);
    // Ready at the start, and broken when the call comes.
    vendor.setFault(VendorFault::Fault500);
    Calling call(engine, Greeting);
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    QVERIFY(asksOf(vendor, "/chat/completions") >= 1);
    QTRY_VERIFY_WITH_TIMEOUT(newestCall(directory.path()).value(u"turns"_s).toInt() >= 2, Patience);
    const QByteArray shown = shownCall(directory.path());
    QVERIFY2(!shown.contains("You said"), shown.constData());
    QVERIFY2(shown.contains("agent: ") && !shown.contains("fallback"), shown.constData());
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY(!engine.output.contains("canary"));
}

void tst_KavEngine::theDoctorExaminesWithTheSameSettings()
{
    // The program is waited for with an event loop, since the vendor lives in this one.
    const auto examine = [](const QStringList& args, const Environment& environment) {
        QProcess process;
        process.setProcessEnvironment(environmentWith(environment));
        process.start(Program, QStringList{u"doctor"_s} + args);
        if (!QTest::qWaitFor([&process] { return process.state() == QProcess::NotRunning; }, Patience))
            process.kill();
        return Finished{process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
    };
    OpenAiStandIn vendor;
    Environment environment = environmentOf(vendor);
    QTemporaryDir directory;
    const Finished well = examine({u"--data-dir"_s, directory.path()}, environment);
    QVERIFY2(well.code == 0, well.out.constData());
    QVERIFY2(well.out.contains("0 failed"), well.out.constData());

    vendor.key = "sk-another-0123456789";
    environment += {u"KAV_LLM"_s, u"openai"_s};
    const Finished ill = examine({u"--json"_s, u"--data-dir"_s, directory.path()}, environment);
    QCOMPARE(ill.code, 1);
    QCOMPARE(QJsonDocument::fromJson(ill.out).object().value(u"ok"_s), QJsonValue(false));
    QVERIFY2(ill.out.contains("401"), ill.out.constData());
    QVERIFY(!QByteArray(well.out + well.err + ill.out + ill.err).contains("canary"));
    QCOMPARE(examine({u"--port"_s, u"x"_s}, {}).code, 1);
}

void tst_KavEngine::theDoctorsAdviceMendsADamagedDatabase_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QByteArray>("content"); // of the damaged file
    QTest::addColumn<QString>("bootstrap");
    QByteArray header("SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20", 24);
    header.append(QByteArray(5000, '\x7f'));
    QTest::newRow("no database, by default") << QString() << QByteArray(5000, 'x') << u"false"_s;
    QTest::newRow("no database, asked for") << u"sqlite://%1/calls.db"_s << QByteArray(5000, 'x') << u"false"_s;
    QTest::newRow("no database, to be made") << QString() << QByteArray(5000, 'x') << u"true"_s;
    QTest::newRow("malformed") << QString() << header << u"false"_s;
}

void tst_KavEngine::theDoctorsAdviceMendsADamagedDatabase()
{
    QFETCH(QString, url);
    QFETCH(QByteArray, content);
    QFETCH(QString, bootstrap);
    QTemporaryDir directory;
    const QString data = directory.path();
    Environment environment{{u"DB_BOOTSTRAP"_s, bootstrap}, {u"KAV_CALL_LOG_RETRY_EVERY"_s, u"200ms"_s}};
    if (!url.isEmpty())
        environment += {u"DATABASE_URL"_s, url.arg(data)};
    const QString path = directory.filePath(u"calls.db"_s);
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
    file.close();

    const Finished finished = run({u"doctor"_s, u"--json"_s, u"--data-dir"_s, data}, environment);
    QCOMPARE(finished.code, url.isEmpty() ? 0 : 1);
    QVERIFY2(!finished.err.contains("QSqlDatabase"), finished.err.constData());
    const QJsonArray rows = QJsonDocument::fromJson(finished.out).object().value(u"checks"_s).toArray();
    const auto row = std::find_if(rows.begin(), rows.end(),
        [](const QJsonValue& each) { return each.toObject().value(u"check"_s).toString() == u"database"_s; });
    QVERIFY2(row != rows.end(), finished.out.constData());
    QCOMPARE(row->toObject().value(u"status"_s).toString(), url.isEmpty() ? u"WARN"_s : u"FAIL"_s);
    QVERIFY2(row->toObject().value(u"message"_s).toString().contains(path + u" is damaged"_s), finished.out.constData());
    const QString advice = row->toObject().value(u"todo"_s).toString();
    QVERIFY2(advice.startsWith(u"move the file away"_s), qPrintable(advice));
    // As it says, migrate alone does not.
    const Finished useless = run({u"migrate"_s, u"--data-dir"_s, data}, environment);
    QCOMPARE(useless.code, 1);
    QVERIFY2(useless.err.contains("is damaged"), useless.err.constData());
    QVERIFY2(!useless.err.contains("QSqlDatabase"), useless.err.constData());

    // An engine that is at work the while, with a call.
    Served engine(data, {}, environment);
    QVERIFY(engine.waitWarm());
    QTRY_VERIFY_WITH_TIMEOUT(engine.readiness().value(u"db_reason"_s).toString().contains(u"is damaged"_s), Patience);
    QCOMPARE(engine.get("/readyz").status, url.isEmpty() ? 200 : 503);
    Calling call(engine, u"wait-agent-speaking within 12s\nhangup\n"_s);
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    QVERIFY(QFile::rename(path, path + u".damaged"_s));
    const Finished migrated = run({u"migrate"_s, u"--data-dir"_s, data}, environment);
    QVERIFY2(migrated.code == 0, migrated.err.constData());
    QTRY_COMPARE_WITH_TIMEOUT(engine.readiness().value(u"db"_s).toString(), u"ok"_s, Patience);
    QTRY_COMPARE_WITH_TIMEOUT(newestCall(data).value(u"reason"_s).toString(), u"caller-hung-up"_s, Patience);
    QCOMPARE(engine.get("/readyz").status, 200);
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY(!engine.output.contains("QSqlDatabase"));
}

/// Of the engine's files; what it prints goes through a pipe.
void tst_KavEngine::aFullDiskIsNotReadyAndAnswers()
{
    QTemporaryDir directory;
    Served engine(directory.path(), {}, {{u"DB_BOOTSTRAP"_s, u"true"_s}});
    QVERIFY(engine.waitWarm());
    QTRY_COMPARE_WITH_TIMEOUT(engine.readiness().value(u"db"_s).toString(), u"ok"_s, Patience);
    QCOMPARE(engine.get("/readyz").status, 200);

    QVERIFY(engine.limitFiles(1));
    Calling first(engine, u"wait-agent-speaking within 12s\nhangup\n"_s);
    QVERIFY2(first.exitCode() == 0, first.output.constData());
    QVERIFY(engine.waitFor("the journal cannot be written, entries wait in memory"));
    QTRY_COMPARE_WITH_TIMEOUT(engine.get("/readyz").status, 503, Patience);
    QJsonObject ready = engine.readiness();
    QCOMPARE(ready.value(u"journal"_s).toString(), u"down"_s);
    QVERIFY2(ready.value(u"journal_reason"_s).toString().contains(directory.path() + u"/journal/"_s),
        qPrintable(ready.value(u"journal_reason"_s).toString()));
    QCOMPARE(engine.get("/healthz").status, 200);
    Calling second(engine, u"wait-agent-speaking within 12s\nhangup\n"_s);
    QVERIFY2(second.exitCode() == 0, second.output.constData());

    QVERIFY(engine.limitFiles(RLIM_INFINITY));
    QTRY_COMPARE_WITH_TIMEOUT(engine.get("/readyz").status, 200, Patience);
    QVERIFY(engine.waitFor("the journal is written again"));
    const auto calls = [&directory] {
        return run({u"calls"_s, u"--json"_s, u"--data-dir"_s, directory.path()}).out.count("caller-hung-up");
    };
    QTRY_COMPARE_WITH_TIMEOUT(calls(), 2, Patience);
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
}

void tst_KavEngine::withoutItsGrpcModuleGooglesStreamingSaysSo()
{
    QTemporaryDir prefix;
    QVERIFY(QDir(prefix.path()).mkpath(u"bin"_s));
    const QString alone = prefix.filePath(u"bin/kav-engine"_s);
    QVERIFY(QFile::copy(Program, alone));
    QProcess process;
    process.setProcessEnvironment(environmentWith({{u"GOOGLE_API_KEY"_s, u"no-matter"_s}, {u"KAV_STT"_s, u"google,embedded"_s},
        {u"KAV_TTS"_s, u"embedded"_s}}));
    process.start(alone, {u"doctor"_s, u"--data-dir"_s, prefix.path()});
    QVERIFY(process.waitForFinished(Patience));
    const QByteArray out = process.readAllStandardOutput();
    QCOMPARE(process.exitCode(), 0); // calls can be answered
    QVERIFY2(out.contains("Google's streaming recognition is not installed; use google-rest, or install it ("), out.constData());
    QVERIFY2(out.contains("name google-rest in google's place"), out.constData());
}

void tst_KavEngine::aCallerIsErasedAndTheRestBackedUp()
{
    QTemporaryDir directory;
    const QStringList data{u"--data-dir"_s, directory.path()};
    const auto erase = [&](const QStringList& more) {
        return run(QStringList{u"erase"_s, u"--caller"_s, u"+972 50 123 4567"_s} + more + data);
    };
    QString callId;
    {
        Served engine(directory.path(), {}, {{u"DB_BOOTSTRAP"_s, u"true"_s}});
        QVERIFY(engine.waitWarm());
        Calling call(engine, u"wait-agent-speaking within 10s\nwait 500ms\nhangup\n"_s,
            {u"--from"_s, u"+972501234567"_s});
        QVERIFY2(call.exitCode() == 0, call.output.constData());
        const auto isStored = [&] {
            return newestCall(directory.path()).value(u"reason"_s).toString() == u"caller-hung-up";
        };
        QVERIFY(QTest::qWaitFor(isStored, Patience));
        callId = newestCall(directory.path()).value(u"call"_s).toString();
        QVERIFY(!callId.isEmpty());
        Finished asked = erase({u"--dry-run"_s}); // of the engine that runs
        QVERIFY2(asked.code == 0 && asked.out.contains(callId.toUtf8()), QByteArray(asked.out + asked.err).constData());
        asked = erase({}); // and nobody at a terminal
        QVERIFY2(asked.code == 1 && asked.err.contains("nothing was erased"), QByteArray(asked.out + asked.err).constData());
        const QString backup = directory.filePath(u"backup"_s);
        asked = run(QStringList{u"backup"_s, backup} + data);
        QVERIFY2(asked.code == 0 && asked.out.contains("database: 1 calls, checked"), QByteArray(asked.out + asked.err).constData());
        QCOMPARE(newestCall(backup).value(u"reason"_s).toString(), u"caller-hung-up"_s); // it can be used as it is
        QVERIFY(QDir(backup).removeRecursively());
        engine.signal(SIGTERM);
        QCOMPARE(engine.exitCode(), 0);
    }
    const Finished erased = erase({u"--yes"_s}); // of nobody: the engine is stopped
    QVERIFY2(erased.code == 0 && erased.out.contains("1 calls erased"), QByteArray(erased.out + erased.err).constData());
    QCOMPARE(filesWith(directory.path(), {callId.toUtf8(), "501234567", "\u2022" "4567"}), QStringList());
    const Finished purged = run(QStringList{u"purge"_s, u"--dry-run"_s} + data);
    QVERIFY2(purged.code == 0 && purged.out.contains("no age is set"), QByteArray(purged.out + purged.err).constData());
}

void tst_KavEngine::aStopLetsTheCallEnd()
{
    QTemporaryDir directory;
    Served engine(directory.path(), {}, {{u"DB_BOOTSTRAP"_s, u"true"_s}});
    QVERIFY(engine.waitWarm());
    Calling call(engine, u"wait-agent-speaking within 10s\nwait 1500ms\nhangup\n"_s);
    QVERIFY(engine.waitFor("WS_START"));
    engine.signal(SIGTERM);
    QVERIFY(engine.waitFor("draining"));
    QCOMPARE(engine.get("/healthz").status, 200);
    QCOMPARE(engine.get("/readyz").status, 503);
    QVERIFY(engine.readiness().value(u"draining"_s).toBool());
    QVERIFY(engine.isRunning());
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    QCOMPARE(engine.exitCode(), 0);
    QCOMPARE(newestCall(directory.path()).value(u"reason"_s).toString(), u"caller-hung-up"_s);
}

void tst_KavEngine::theServiceManagerIsToldOfAWholeLife()
{
    QTemporaryDir directory;
    const QString config = directory.filePath(u"kav.toml"_s);
    QVERIFY(QFile(config).open(QIODevice::WriteOnly));
    const QString socket = directory.filePath(u"notify"_s);
    ManagerSocket manager(socket.toUtf8());
    QVERIFY(manager.isBound());
    Served engine(directory.path(), {u"--config"_s, config, u"--capacity"_s, u"7"_s, u"--drain"_s, u"2m"_s},
        {{u"NOTIFY_SOCKET"_s, socket}, {u"WATCHDOG_USEC"_s, u"20000"_s}});
    QVERIFY(manager.waitFor("READY=1"));
    QVERIFY(manager.waitFor("WATCHDOG=1"));
    QVERIFY(manager.waitFor("STATUS=Answering: 0 of 7 calls"));
    QVERIFY(engine.waitWarm());

    manager.forget();
    engine.signal(SIGHUP);
    QVERIFY(manager.waitFor("READY=1"));
    const QList<QByteArray> reload = manager.heard();
    QVERIFY(std::any_of(reload.begin(), reload.begin() + reload.indexOf("READY=1"),
        [](const QByteArray& message) { return message.startsWith("RELOADING=1\nMONOTONIC_USEC="); }));

    Calling call(engine, u"wait-end within 60s\n"_s);
    QVERIFY(manager.waitFor("STATUS=Answering: 1 of 7 calls"));
    engine.signal(SIGTERM);
    QVERIFY(manager.waitFor("STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000"));
    const auto isToldOfTheDrain = [&manager] {
        const QList<QByteArray> told = manager.heard();
        return std::any_of(told.begin(), told.end(),
            [](const QByteArray& message) { return message.startsWith("STATUS=Draining: 1 left, goodbye at "); });
    };
    QTRY_VERIFY_WITH_TIMEOUT(isToldOfTheDrain(), Patience);
    manager.forget();
    QVERIFY(manager.waitFor("WATCHDOG=1")); // a draining engine is alive
    engine.signal(SIGTERM);
    QVERIFY(manager.waitFor("STATUS=Saying goodbye: 1 left"));
    QVERIFY(manager.waitFor("STATUS=Writing what there is\nEXTEND_TIMEOUT_USEC=90000000"));
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY(!engine.output.contains("service manager"));
}

void tst_KavEngine::aSecondStopSaysGoodbye_data()
{
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("second");
    QTest::newRow("SIGTERM") << SIGTERM << SIGTERM;
    QTest::newRow("SIGINT") << SIGINT << SIGINT;
    QTest::newRow("one of each") << SIGINT << SIGTERM;
}

void tst_KavEngine::aSecondStopSaysGoodbye()
{
    QFETCH(int, first);
    QFETCH(int, second);
    QTemporaryDir directory;
    Served engine(directory.path(), {}, {{u"DB_BOOTSTRAP"_s, u"true"_s}});
    QVERIFY(engine.waitWarm());
    Calling call(engine, u"wait-agent-speaking within 12s\nwait-agent-silent for 500ms\nwait-end within 60s\n"_s);
    QVERIFY(engine.waitFor("TTS_LEN_ms"));
    engine.signal(first);
    QVERIFY(engine.waitFor("draining"));
    // A new caller is told that the lines are busy.
    Calling turnedAway(engine, u"wait-end within 60s\n"_s);
    (void)turnedAway.exitCode(); // nobody spoke with it
    QVERIFY2(turnedAway.output.contains("All our lines are busy"), turnedAway.output.constData());
    QVERIFY(engine.isRunning());
    engine.signal(second);
    QVERIFY2(call.exitCode() == 0, call.output.constData());
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY2(engine.output.contains("saying goodbye to 1 calls"), engine.output.constData());
    QVERIFY2(!engine.output.contains("cut off"), engine.output.constData());
    // Its last speech is the goodbye, whose three sentences were heard out before the stream was closed.
    QStringList marks;
    for (const QJsonObject& event : call.timeline()) {
        const QString detail = event.value(u"detail"_s).toString();
        if (event.value(u"event"_s).toString() == u"mark"_s) {
            if (!marks.isEmpty() && marks.last().section(u'.', 0, 0) != detail.section(u'.', 0, 0))
                marks.clear();
            marks += detail;
        }
    }
    QVERIFY2(marks.size() == 3, call.output.constData());
    QVERIFY(call.first(u"line"_s, u"stream-stopped"_s) > 0);
    QVERIFY2(call.output.lastIndexOf("mark ") < call.output.indexOf("stream-stopped"), call.output.constData());
    QVERIFY2(call.output.contains("/webhook/after_stream"), call.output.constData());
    const Finished calls = run({u"calls"_s, u"--json"_s, u"--data-dir"_s, directory.path()});
    QCOMPARE(calls.out.count("\"shutdown\""), 1);
    QCOMPARE(calls.out.count("\"refused\""), 1);
}

void tst_KavEngine::aThirdStopDoesNotWait()
{
    QTemporaryDir directory;
    Served engine(directory.path(), {}, {{u"DB_BOOTSTRAP"_s, u"true"_s}});
    QVERIFY(engine.waitWarm());
    Calling call(engine, u"wait-end within 60s\n"_s);
    QVERIFY(engine.waitFor("WS_START"));
    engine.signal(SIGTERM);
    QVERIFY(engine.waitFor("draining"));
    QVERIFY(engine.isRunning());
    engine.signal(SIGTERM);
    QVERIFY(engine.waitFor("saying goodbye to 1 calls"));
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
    QVERIFY2(engine.output.contains("asked to stop a third time: 1 calls are cut off"), engine.output.constData());
    const QJsonObject logged = newestCall(directory.path());
    QCOMPARE(logged.value(u"reason"_s).toString(), u"shutdown"_s);
    (void)call.exitCode();
}

void tst_KavEngine::aStopDuringWarmUpIsAnOrdinaryEnd()
{
    // The makers are at work when the process ends.
    for (int i = 0; i < 5; ++i) {
        QTemporaryDir directory;
        Served engine(directory.path());
        if (i > 0)
            QVERIFY(engine.waitFor(i % 2 ? "WARMUP_LLM_OK" : "WARMUP_DB_ERR"));
        engine.signal(SIGTERM);
        QVERIFY2(engine.exitCode() == 0, engine.output.constData());
    }
}

void tst_KavEngine::aKilledEngineClosesTheCallAtItsNextStart()
{
    QTemporaryDir directory;
    QCOMPARE(run({u"migrate"_s, u"--data-dir"_s, directory.path()}).code, 0);
    {
        Served engine(directory.path());
        QVERIFY(engine.waitWarm());
        Calling call(engine, u"wait-end within 60s\n"_s);
        QVERIFY(engine.waitFor("WS_START"));
        // Acknowledged is what is on disk: the journal has the call's first event.
        QTRY_VERIFY_WITH_TIMEOUT(!filesWith(directory.path(), {"WS_START"}).isEmpty(), Patience);
        engine.signal(SIGKILL);
        QCOMPARE(engine.exitCode(), -2);
    }
    Served engine(directory.path());
    QTRY_COMPARE_WITH_TIMEOUT(engine.readiness().value(u"db"_s).toString(), u"ok"_s, Patience);
    QTRY_COMPARE_WITH_TIMEOUT(newestCall(directory.path()).value(u"reason"_s).toString(), u"interrupted"_s, Patience);
    engine.signal(SIGTERM);
    QCOMPARE(engine.exitCode(), 0);
}

QTEST_GUILESS_MAIN(tst_KavEngine)
#include "tst_kavengine.moc"
