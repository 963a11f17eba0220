// SPDX-License-Identifier: Apache-2.0
#include "engine/app/doctor.h"
#include "engine/app/remote.h"
#include "tests/app/engineundertest.h"
#include "tests/support/twilio/faketwilioservice.h"
#include "tests/support/vendors/deepgramstandin.h"
#include "tests/support/vendors/elevenlabsstandin.h"
#include "tests/support/vendors/googlespeechserver.h"
#include "tests/support/vendors/googlestandin.h"
#include "tests/support/vendors/openaistandin.h"
#include "tests/support/vendors/realtimestandin.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTemporaryDir>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

namespace {

using Variables = QMap<QString, QString>;
using providers::ProviderState;
using providers::ProviderStatus;
using providers::Stage;

app::LoadedConfig loadWith(const Variables& environment, const QByteArray& toml = {})
{
    app::Surroundings surroundings;
    surroundings.environment = environment;
    surroundings.executableDir = u"/opt/kav/bin"_s;
    surroundings.readFile = [&toml](const QString& path) -> Result<QByteArray> {
        if (path == u"kav.toml"_s)
            return toml;
        return Error{Error::Code::NotFound, u"no such file"_s, {}};
    };
    surroundings.fileExists = [](const QString&) { return false; };
    return app::Config::load(toml.isEmpty() ? QStringList() : QStringList{u"--config=kav.toml"_s}, surroundings);
}

template <typename Interface, typename StandIn> providers::MakerList<Interface> embeddedStandIn()
{
    return {{u"embedded"_s,
        []() -> Result<std::shared_ptr<Interface>> { return std::shared_ptr<Interface>(std::make_shared<StandIn>()); },
        {}}};
}

/// What stands in for the embedded providers here: the real ones take a while.
providers::Makers embeddedStandIns(const app::Engine::DialogSource&)
{
    providers::Makers makers;
    makers.speechToText = embeddedStandIn<providers::SpeechToText, StandInSpeechToText>();
    makers.languageModel = embeddedStandIn<providers::LanguageModel, StandInLanguageModel>();
    makers.textToSpeech = embeddedStandIn<providers::TextToSpeech, StandInTextToSpeech>();
    return makers;
}

const SystemClock theClock; // makers may outlive a test

app::Engine::MakersSource makersOf(const app::Config& config)
{
    return app::configuredMakers(config.remote, config.providers.deadline, &embeddedStandIns, theClock);
}

/// Makes every provider of a configuration, and keeps what became of each.
QStringList outcomesOf(const app::Config& config)
{
    providers::ProviderRegistry registry(makersOf(config)({}), config.providers, theClock);
    registry.warmUp();
    const auto isSettled = [&registry] {
        const auto statuses = registry.statuses();
        return std::all_of(statuses.begin(), statuses.end(), [](const ProviderStatus& status) {
            return status.state == ProviderState::Ready || status.state == ProviderState::Failed;
        });
    };
    if (!QTest::qWaitFor(isSettled, 20000))
        return {u"not settled"_s};
    QStringList outcomes;
    const auto statuses = registry.statuses();
    for (const ProviderStatus& status : statuses)
        outcomes += providers::stageName(status.stage) + u' ' + status.provider + u": "_s
            + (status.state == ProviderState::Ready ? u"ready"_s : status.reason);
    return outcomes;
}

/// All vendors, and the variables that lead to them.
struct Vendors final {
    OpenAiStandIn openai;
    DeepgramStandIn deepgram;
    ElevenLabsStandIn elevenlabs;
    GoogleStandIn google;
    RealtimeStandIn realtime;

    Variables variables()
    {
        // One key is for both of OpenAI's.
        realtime.key = QString::fromLatin1(openai.key);
        return {{u"OPENAI_API_KEY"_s, QString::fromLatin1(openai.key)}, {u"OPENAI_BASE_URL"_s, openai.url().toString()},
            {u"KAV_REALTIME_URL"_s, realtime.url().toString()},
            {u"DEEPGRAM_API_KEY"_s, QString::fromLatin1(deepgram.key)},
            {u"KAV_DEEPGRAM_URL"_s, deepgram.url().toString()},
            {u"ELEVENLABS_API_KEY"_s, QString::fromLatin1(elevenlabs.key)},
            {u"KAV_ELEVENLABS_URL"_s, elevenlabs.url().toString()},
            {u"GOOGLE_API_KEY"_s, QString::fromLatin1(google.apiKey)},
            {u"KAV_GOOGLE_STT_URL"_s, google.url().toString()}, {u"KAV_GOOGLE_TTS_URL"_s, google.url().toString()},
            {u"KAV_GOOGLE_TOKEN_URL"_s, google.tokenUrl().toString()},
            {u"KAV_STT"_s, u"deepgram,openai,google-rest,realtime,embedded"_s},
            {u"KAV_LLM"_s, u"openai,realtime,embedded"_s}, {u"KAV_TTS"_s, u"elevenlabs,google,openai,embedded"_s}};
    }
};

QJsonObject checkOf(const QByteArray& json, const QString& name)
{
    const QJsonArray checks = QJsonDocument::fromJson(json).object().value(u"checks"_s).toArray();
    for (const QJsonValue& check : checks) {
        if (check.toObject().value(u"check"_s).toString() == name)
            return check.toObject();
    }
    return {};
}

} // namespace

/// From settings to providers, against the vendors' stand-ins; and the doctor's account of them.
class tst_Remote final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyProviderOfTheListsIsMade()
    {
        Vendors vendors;
        const app::LoadedConfig loaded = loadWith(vendors.variables());
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        QCOMPARE(outcomesOf(loaded.config).join(u'\n'),
            u"STT deepgram: ready\nSTT openai: ready\nSTT google-rest: ready\nSTT realtime: ready\nSTT embedded: "
            u"ready\n"
            "LLM openai: ready\nLLM realtime: ready\nLLM embedded: ready\n"
            "TTS elevenlabs: ready\nTTS google: ready\nTTS openai: ready\nTTS embedded: ready"_s);
    }

    /// Its answers are sound already; what it does not say itself needs somebody else's voice.
    void theLinesOfSpeechToSpeechHaveAVoice_data()
    {
        QTest::addColumn<QString>("voices");
        QTest::addColumn<QString>("spokenBy");
        QTest::newRow("nobody but realtime") << u"realtime"_s << u"TTS embedded: ready"_s;
        QTest::newRow("the next of the list")
            << u"realtime,openai,embedded"_s << u"TTS openai: ready\nTTS embedded: ready"_s;
        QTest::newRow("realtime at the end") << u"openai,realtime"_s << u"TTS openai: ready"_s;
    }
    void theLinesOfSpeechToSpeechHaveAVoice()
    {
        QFETCH(QString, voices);
        QFETCH(QString, spokenBy);
        Vendors vendors;
        Variables variables = vendors.variables();
        variables.insert(u"KAV_STT"_s, u"realtime"_s);
        variables.insert(u"KAV_LLM"_s, u"realtime"_s);
        variables.insert(u"KAV_TTS"_s, voices);
        const app::LoadedConfig loaded = loadWith(variables);
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        QCOMPARE(outcomesOf(loaded.config).join(u'\n'), u"STT realtime: ready\nLLM realtime: ready\n"_s + spokenBy);
    }

    void aProviderWithoutItsKeyFailsAndSaysWhichToSet()
    {
        const app::LoadedConfig loaded =
            loadWith({{u"KAV_STT"_s, u"google,google-rest,openai,deepgram,realtime,embedded"_s},
                {u"KAV_LLM"_s, u"openai,realtime"_s}, {u"KAV_TTS"_s, u"elevenlabs,google,openai,embedded"_s}});
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const QStringList outcomes = outcomesOf(loaded.config);
        QCOMPARE(outcomes.size(), 12);
        const QString google = u"set GOOGLE_API_KEY, GCP_CREDENTIALS_JSON or GOOGLE_APPLICATION_CREDENTIALS"_s;
        const QList<std::pair<QString, QString>> expected{{u"google"_s, google}, {u"google-rest"_s, google},
            {u"openai"_s, u"set OPENAI_API_KEY"_s}, {u"deepgram"_s, u"set DEEPGRAM_API_KEY"_s},
            {u"realtime"_s, u"set OPENAI_API_KEY"_s}, {u"elevenlabs"_s, u"set ELEVENLABS_API_KEY"_s}};
        for (const QString& outcome : outcomes) {
            const QString name = outcome.section(u' ', 1, 1).chopped(1);
            if (name == u"embedded"_s) {
                QVERIFY2(outcome.endsWith(u": ready"_s), qPrintable(outcome));
                continue;
            }
            bool isTold = false;
            for (const auto& [provider, words] : expected)
                isTold = isTold || (provider == name && outcome.contains(u"no key; "_s + words));
            QVERIFY2(isTold, qPrintable(outcome));
        }
    }

    void aWrongKeyIsAReasonWithoutTheKey()
    {
        Vendors vendors;
        Variables variables = vendors.variables();
        const QString wrong = u"sk-canary-5f6e7d8c9b0a1234"_s;
        for (const char* name : {"OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY"})
            variables.insert(QString::fromLatin1(name), wrong);
        variables.insert(u"GOOGLE_API_KEY"_s, wrong);
        const app::LoadedConfig loaded = loadWith(variables);
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const QStringList outcomes = outcomesOf(loaded.config);
        QCOMPARE(outcomes.size(), 12);
        for (const QString& outcome : outcomes) {
            QVERIFY2(outcome.contains(u"embedded: ready"_s) != outcome.contains(u"denied: "_s), qPrintable(outcome));
            QVERIFY2(!outcome.contains(u"canary"_s), qPrintable(outcome));
        }
    }

    void aServerThatHangsFailsWithItsOwnReasonWithinTheDeadline()
    {
        Vendors vendors;
        vendors.openai.setFault(VendorFault::HangBeforeAnswer);
        Variables variables = vendors.variables();
        variables.insert(u"KAV_STT"_s, u"embedded"_s);
        variables.insert(u"KAV_LLM"_s, u"openai,embedded"_s);
        variables.insert(u"KAV_TTS"_s, u"embedded"_s);
        variables.insert(u"KAV_PROVIDERS_DEADLINE"_s, u"900ms"_s);
        const QStringList outcomes = outcomesOf(loadWith(variables).config);
        QVERIFY2(outcomes.value(1).startsWith(u"LLM openai: timeout: "_s), qPrintable(outcomes.join(u'\n')));
        QVERIFY2(outcomes.value(1).contains(u"127.0.0.1"_s), qPrintable(outcomes.value(1)));
    }

    /// The whole way from the variables to words: a key file, its token address, and a gRPC service without TLS.
    void googlesStreamingRecogniserIsMadeFromSettings_data()
    {
        QTest::addColumn<QString>("prefix");
        QTest::newRow("host:port on this machine") << QString();
        QTest::newRow("http://") << u"http://"_s;
    }
    void googlesStreamingRecogniserIsMadeFromSettings()
    {
        QFETCH(QString, prefix);
        GoogleSpeechServer speech;
        const QString why = speech.start(QStringLiteral(KAV_SOURCE_DIR), QStringLiteral(KAV_BINARY_DIR));
        if (!why.isEmpty() && qEnvironmentVariable("CI") != u"true"_s)
            QSKIP(qPrintable(why));
        QCOMPARE(why, QString());
        GoogleStandIn google;
        QTemporaryDir directory;
        QFile keyFile(directory.filePath(u"key.json"_s));
        QVERIFY(keyFile.open(QIODevice::WriteOnly));
        keyFile.write(google.serviceAccountText().toUtf8());
        keyFile.close();
        const app::LoadedConfig loaded =
            loadWith({{u"KAV_STT"_s, u"google,embedded"_s}, {u"GOOGLE_APPLICATION_CREDENTIALS"_s, keyFile.fileName()},
                {u"KAV_GOOGLE_TOKEN_URL"_s, google.tokenUrl().toString()},
                {u"KAV_GOOGLE_STT_ENDPOINT"_s, prefix + speech.endpoint()}, {u"KAV_GOOGLE_STT_MODEL"_s, u"telephony"_s},
                {u"KAV_LLM"_s, u"embedded"_s}, {u"KAV_TTS"_s, u"embedded"_s}});
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        providers::ProviderRegistry registry(makersOf(loaded.config)({}), loaded.config.providers, theClock);
        QVERIFY(!registry.speechToText(u"google"_s));
        QTRY_VERIFY_WITH_TIMEOUT(
            registry.speechToText(u"google"_s) || !registry.statuses().value(0).reason.isEmpty(), 20000);
        QCOMPARE(registry.statuses().value(0).reason, QString());
        QCOMPARE(google.tokens, 1);

        const auto stream = registry.speechToText(u"google"_s)->open({});
        QString heard;
        QObject::connect(stream.get(), &providers::SpeechToTextStream::finished, stream.get(),
            [&heard](int, const providers::Transcript& transcript) { heard = transcript.text; });
        stream->beginUtterance(1, {});
        stream->write(std::vector<qint16>(8000, 500));
        stream->endUtterance(1);
        QTRY_COMPARE_WITH_TIMEOUT(heard, u"hello"_s, 20000);
        QVERIFY(speech.streams.last().authorization.startsWith(u"Bearer ya29."_s));
        QCOMPARE(
            speech.streams.last().config.value(u"config"_s).toObject().value(u"model"_s).toString(), u"telephony"_s);
    }

    void theEngineServesWithTheFirstThatIsReady()
    {
        Vendors vendors;
        vendors.elevenlabs.setFault(VendorFault::Refuse401);
        const app::LoadedConfig loaded = loadWith(vendors.variables());
        EngineUnderTest kav;
        kav.config.remote = loaded.config.remote;
        kav.config.providers = loaded.config.providers;
        kav.makers = makersOf(loaded.config)({});
        kav.serve();
        for (const QString& stage : {u"stt"_s, u"llm"_s, u"tts"_s})
            QCOMPARE(kav.readiness().value(stage).toString(), u"ok"_s);
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY_WITH_TIMEOUT(caller.hasHeardOut(), 20000);
        caller.speak(Milliseconds(900));
        // Its recogniser is Deepgram, its mind OpenAI; ElevenLabs refused, so that Google speaks.
        QTRY_VERIFY_WITH_TIMEOUT(!vendors.deepgram.talks.isEmpty(), 20000);
        QTRY_VERIFY_WITH_TIMEOUT(!vendors.openai.asked.isEmpty(), 20000);
        QTRY_VERIFY_WITH_TIMEOUT(!vendors.google.askedAt("/v1/text:synthesize").isEmpty(), 20000);
        QCOMPARE(vendors.elevenlabs.asked.size(), 0);
        caller.hangUp();
    }

    void theDoctorFindsAWholeEngineWell()
    {
        Vendors vendors;
        QTemporaryDir directory;
        Variables variables = vendors.variables();
        variables.insert(u"KAV_DATA_DIR"_s, directory.path());
        variables.insert(u"KAV_DIALOG"_s, QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
        FakeTwilioService twilio(theClock, {}, "canary-of-twilio-77");
        const QUrl base(u"https://kav.example.com/webhook/"_s);
        twilio.numbers = {{u"+97231234567"_s, base.resolved(QUrl(u"incoming_call"_s)), u"POST"_s,
            base.resolved(QUrl(u"call_status"_s))}};
        variables.insert(u"TWILIO_AUTH_TOKEN"_s, u"canary-of-twilio-77"_s);
        variables.insert(u"TWILIO_ACCOUNT_SID"_s, twilio.accountSid);
        variables.insert(u"KAV_TWILIO_API_URL"_s, twilio.apiUrl().toString());
        variables.insert(u"KAV_TWILIO_NUMBER"_s, u"+97231234567"_s);
        // The stand-in takes the newest token only: one provider of Google's.
        variables.insert(u"KAV_STT"_s, u"deepgram,openai,realtime,embedded"_s);
        variables.insert(u"GCP_CREDENTIALS_JSON"_s, vendors.google.serviceAccountText());
        variables.insert(u"KAV_PUBLIC_URL"_s, u"https://kav.example.com"_s);
        const app::LoadedConfig loaded = loadWith(variables);
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        QVERIFY(calllog::migrate(loaded.config.callLog));
        const auto rows = app::examine(loaded, makersOf(loaded.config), theClock);
        const QString table = app::doctorTable(rows);
        QVERIFY2(app::canAnswerCalls(rows), qPrintable(table));
        QVERIFY2(table.endsWith(u"calls can be answered; 0 failed, 0 to look at\n"_s), qPrintable(table));
        const QByteArray json = app::doctorJson(rows);
        QCOMPARE(QJsonDocument::fromJson(json).object().value(u"ok"_s).toBool(), true);
        for (const QString& check :
            {u"STT deepgram"_s, u"LLM openai"_s, u"TTS google"_s, u"database"_s, u"data directory"_s, u"public URL"_s,
                u"Twilio token"_s, u"Twilio account"_s, u"Twilio number"_s, u"configuration"_s, u"dialog"_s})
            QCOMPARE(checkOf(json, check).value(u"status"_s).toString(), u"OK"_s);
        QVERIFY(checkOf(json, u"public URL"_s).value(u"message"_s).toString().contains(u"cannot be tested"_s));
        QCOMPARE(QDir(directory.path()).entryList({u".kav-doctor*"_s}, QDir::Files | QDir::Hidden).size(), 0);
        // Nothing that is secret stands in it.
        for (const QString& secret : std::as_const(loaded.config.providers.secrets)) {
            QVERIFY(!table.contains(secret));
            QVERIFY(!json.contains(secret.toUtf8()));
        }
        QVERIFY(!table.contains(u"PRIVATE KEY"_s));
    }

    void theDoctorSaysWhatToDoAboutAWrongKey()
    {
        Vendors vendors;
        Variables variables = vendors.variables();
        variables.insert(u"OPENAI_API_KEY"_s, u"sk-canary-5f6e7d8c9b0a1234"_s);
        variables.insert(u"KAV_STT"_s, u"embedded"_s);
        variables.insert(u"KAV_LLM"_s, u"openai,embedded"_s);
        variables.insert(u"KAV_TTS"_s, u"embedded"_s);
        QTemporaryDir directory;
        variables.insert(u"KAV_DATA_DIR"_s, directory.path());
        const auto withEmbedded = loadWith(variables);
        auto rows = app::examine(withEmbedded, makersOf(withEmbedded.config), theClock);
        QJsonObject row = checkOf(app::doctorJson(rows), u"LLM openai"_s);
        QCOMPARE(row.value(u"status"_s).toString(), u"FAIL"_s);
        QVERIFY2(row.value(u"message"_s).toString().contains(u"401"_s), qPrintable(app::doctorTable(rows)));
        QVERIFY(row.value(u"todo"_s).toString().contains(u"OPENAI_API_KEY"_s));
        QVERIFY(app::canAnswerCalls(rows)); // the embedded one answers
        QVERIFY(!app::doctorTable(rows).contains(u"canary"_s));

        variables.insert(u"KAV_LLM"_s, u"openai"_s);
        const auto alone = loadWith(variables);
        rows = app::examine(alone, makersOf(alone.config), theClock);
        QVERIFY(!app::canAnswerCalls(rows));
        QCOMPARE(checkOf(app::doctorJson(rows), u"LLM"_s).value(u"needed"_s).toBool(), true);
    }

    void theDoctorLooksAtThePersonasListsToo()
    {
        Vendors vendors;
        Variables variables = vendors.variables();
        variables.insert(u"KAV_STT"_s, u"embedded"_s);
        variables.insert(u"KAV_LLM"_s, u"embedded"_s);
        variables.insert(u"KAV_TTS"_s, u"embedded"_s);
        variables.remove(u"ELEVENLABS_API_KEY"_s);
        variables.remove(u"KAV_ELEVENLABS_URL"_s);
        QTemporaryDir directory;
        variables.insert(u"KAV_DATA_DIR"_s, directory.path());
        const QByteArray toml = "[persona.default]\nllm = ['openai', 'embedded']\n"
                                "[persona.night]\nnumbers = ['+15551230002']\nstt = ['deepgram']\nllm = ['openai']\n"
                                "tts = ['elevenlabs']\n";
        vendors.deepgram.setFault(VendorFault::Refuse401);
        const auto loaded = loadWith(variables, toml);
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const auto rows = app::examine(loaded, makersOf(loaded.config), theClock);
        const QString table = app::doctorTable(rows);
        const QByteArray json = app::doctorJson(rows);
        QCOMPARE(table.count(u"  LLM openai "_s), 1); // two name it: it is made and asked once
        QCOMPARE(checkOf(json, u"LLM openai"_s).value(u"status"_s).toString(), u"OK"_s);
        QCOMPARE(checkOf(json, u"STT deepgram"_s).value(u"status"_s).toString(), u"FAIL"_s);
        QCOMPARE(checkOf(json, u"STT deepgram"_s).value(u"todo"_s).toString(),
            u"check the key (DEEPGRAM_API_KEY), and what its account may do, or leave deepgram out of stt of persona.night"_s);
        QCOMPARE(checkOf(json, u"TTS elevenlabs"_s).value(u"todo"_s).toString(),
            u"set ELEVENLABS_API_KEY, or leave elevenlabs out of tts of persona.night"_s);
        QVERIFY(table.contains(u"WARN  configuration"_s) && table.contains(u"kav.toml:7:7: persona.night.tts: "_s));
        QVERIFY2(!table.contains(u"google"_s + u"  "_s), qPrintable(table)); // nobody names it
        // The engine's own lists would do, but that persona's calls have no ears.
        QCOMPARE(checkOf(json, u"STT persona.night"_s).value(u"status"_s).toString(), u"FAIL"_s);
        QCOMPARE(checkOf(json, u"TTS persona.night"_s).value(u"needed"_s).toBool(), true);
        QVERIFY(checkOf(json, u"LLM persona.night"_s).isEmpty());
        QVERIFY(!app::canAnswerCalls(rows));
    }

    void aPersonaMayNameAProviderThatTheEnginesListsDoNot()
    {
        Vendors vendors;
        Variables variables = vendors.variables();
        variables.insert(u"KAV_STT"_s, u"embedded"_s);
        variables.insert(u"KAV_LLM"_s, u"embedded"_s);
        variables.insert(u"KAV_TTS"_s, u"embedded"_s);
        const app::LoadedConfig plain = loadWith(variables);
        EngineUnderTest kav;
        kav.config.remote = plain.config.remote;
        kav.config.providers = plain.config.providers;
        kav.makers = makersOf(plain.config)({});
        kav.serve();
        // Read again, the file has a persona with a mind of its own; it is made at once.
        {
            const LogCatcher log;
            kav.engine().reload(loadWith(variables, "[persona.default]\nllm = ['openai', 'embedded']\n"));
            QTRY_VERIFY_WITH_TIMEOUT(LogCatcher::lines().join(u'\n').contains(u"WARMUP_LLM_OK name=openai"_s), 20000);
        }
        QCOMPARE(vendors.openai.asked.size(), 0);
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY_WITH_TIMEOUT(!vendors.openai.asked.isEmpty(), 20000);
        caller.hangUp();
    }

    void theDoctorAsksTwilio_data()
    {
        QTest::addColumn<QByteArray>("token");
        QTest::addColumn<QString>("voiceUrl");
        QTest::addColumn<QString>("number");
        QTest::addColumn<QString>("check");
        QTest::addColumn<QString>("status");
        QTest::addColumn<QString>("message");
        QTest::addColumn<QString>("todo");
        const QString here = u"https://kav.example.com/webhook/incoming_call"_s, own = u"+97231234567"_s;
        QTest::newRow("a wrong token") << QByteArray("other") << here << own << u"Twilio account"_s << u"FAIL"_s
                                       << u"Authenticate (20003)"_s << u"TWILIO_AUTH_TOKEN"_s;
        QTest::newRow("calls that go elsewhere")
            << QByteArray("t") << u"https://u:p@old.example.com/voice?key=1"_s << own << u"Twilio number"_s << u"WARN"_s
            << u"+972••••4567: its calls go to https://old.example.com/voice (POST)"_s << here;
        QTest::newRow("calls that go nowhere")
            << QByteArray("t") << QString() << own << u"Twilio number"_s << u"WARN"_s << u"go nowhere"_s << here;
        QTest::newRow("no end is told") << QByteArray("t") << here << own << u"Twilio number"_s << u"WARN"_s
                                        << u"how they end"_s << u"https://kav.example.com/webhook/call_status"_s;
        QTest::newRow("somebody else's") << QByteArray("t") << here << u"+97239999999"_s << u"Twilio number"_s
                                         << u"WARN"_s << u"not of this account"_s << u"KAV_TWILIO_NUMBER"_s;
    }

    void theDoctorAsksTwilio()
    {
        QFETCH(QByteArray, token);
        QFETCH(QString, voiceUrl);
        QFETCH(QString, number);
        FakeTwilioService twilio(theClock, {}, "t");
        twilio.numbers = {{u"+97231234567"_s, QUrl(voiceUrl), u"POST"_s, {}}};
        QTemporaryDir directory;
        const auto loaded = loadWith(
            {{u"KAV_DATA_DIR"_s, directory.path()}, {u"KAV_STT"_s, u"embedded"_s}, {u"KAV_LLM"_s, u"embedded"_s},
                {u"KAV_TTS"_s, u"embedded"_s}, {u"KAV_PUBLIC_URL"_s, u"https://kav.example.com"_s},
                {u"TWILIO_AUTH_TOKEN"_s, QString::fromUtf8(token)}, {u"TWILIO_ACCOUNT_SID"_s, twilio.accountSid},
                {u"KAV_TWILIO_API_URL"_s, twilio.apiUrl().toString()}, {u"KAV_TWILIO_NUMBER"_s, number}});
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const auto rows = app::examine(loaded, makersOf(loaded.config), theClock);
        QFETCH(QString, check);
        const QJsonObject row = checkOf(app::doctorJson(rows), check);
        const QString table = app::doctorTable(rows);
        QTEST(row.value(u"status"_s).toString(), "status");
        QFETCH(QString, message);
        QFETCH(QString, todo);
        QVERIFY2(row.value(u"message"_s).toString().contains(message), qPrintable(table));
        QVERIFY2(row.value(u"todo"_s).toString().contains(todo), qPrintable(table));
        QVERIFY(!table.contains(number) && !table.contains(u"u:p"_s) && !table.contains(u"key=1"_s));
    }

    void theDoctorTellsEveryErrorOfTheConfigurationAndNothingElse()
    {
        const auto loaded = loadWith({{u"KAV_STT"_s, u"elevenlabs"_s}, {u"KAV_PORT"_s, u"x"_s}});
        const auto rows = app::examine(loaded, makersOf(loaded.config), theClock);
        QCOMPARE(rows.size(), 2);
        QVERIFY(!app::canAnswerCalls(rows));
        QVERIFY(app::doctorTable(rows).contains(u"'elevenlabs' cannot do this"_s));
    }

    void theDoctorKnowsWhereTwilioDoesNotCome_data()
    {
        QTest::addColumn<QString>("url");
        QTest::addColumn<QString>("words");
        QTest::newRow("this machine") << u"http://127.0.0.1:5000"_s << u"is this machine only"_s;
        QTest::newRow("a private network") << u"https://10.1.2.3"_s << u"private network"_s;
    }
    void theDoctorKnowsWhereTwilioDoesNotCome()
    {
        QFETCH(QString, url);
        QFETCH(QString, words);
        QTemporaryDir directory;
        const auto loaded = loadWith({{u"KAV_DATA_DIR"_s, directory.path()}, {u"KAV_PUBLIC_URL"_s, url}});
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const auto json = app::doctorJson(app::examine(loaded, makersOf(loaded.config), theClock));
        QCOMPARE(checkOf(json, u"public URL"_s).value(u"status"_s).toString(), u"WARN"_s);
        QVERIFY(checkOf(json, u"public URL"_s).value(u"message"_s).toString().contains(words));
        QVERIFY(checkOf(json, u"public URL"_s).value(u"todo"_s).toString().contains(u"KAV_PUBLIC_URL=https://"_s));
    }

    void theDoctorFindsWhatCallsNeed()
    {
        QTemporaryDir directory;
        QFile file(directory.filePath(u"file"_s));
        QVERIFY(file.open(QIODevice::WriteOnly));
        const auto loaded = loadWith({{u"KAV_DATA_DIR"_s, file.fileName() + u"/data"_s},
            {u"DATABASE_URL"_s, u"sqlite:///nonexistent/calls.db"_s},
            {u"KAV_PUBLIC_URL"_s, u"https://kav.example.com"_s}});
        QVERIFY2(loaded.ok(), qPrintable(loaded.errors.join(u'\n')));
        const auto rows = app::examine(loaded, makersOf(loaded.config), theClock);
        const QByteArray json = app::doctorJson(rows);
        for (const QString& check : {u"data directory"_s, u"database"_s, u"Twilio token"_s}) {
            QCOMPARE(checkOf(json, check).value(u"status"_s).toString(), u"FAIL"_s);
            QCOMPARE(checkOf(json, check).value(u"needed"_s).toBool(), true);
            QVERIFY(!checkOf(json, check).value(u"todo"_s).toString().isEmpty());
        }
        QVERIFY(!app::canAnswerCalls(rows));
    }
};

QTEST_GUILESS_MAIN(tst_Remote)
#include "tst_remote.moc"
