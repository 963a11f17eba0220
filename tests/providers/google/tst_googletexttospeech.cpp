// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googletexttospeech.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/googlestandin.h"

#include <QTest>
#include <QTimer>

#include <chrono>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::GoogleSettings;
using providers::GoogleTextToSpeech;
using providers::Speech;
using providers::SpeechRequest;

namespace {
/// What one speech told.
struct Heard final {
    explicit Heard(std::unique_ptr<Speech> started)
        : speech(std::move(started))
    {
        QObject::connect(speech.get(), &Speech::audio, speech.get(), [this](const QByteArray& mulaw) {
            sound += mulaw;
            ++pieces;
        });
        QObject::connect(speech.get(), &Speech::finished, speech.get(), [this] { ++finished; });
        QObject::connect(speech.get(), &Speech::failed, speech.get(), [this](const Error& why) {
            error = why;
            ++failed;
        });
    }
    std::unique_ptr<Speech> speech;
    QByteArray sound;
    int pieces = 0, finished = 0, failed = 0;
    Error error;
};
} // namespace

/// Google's voice.
class TestGoogleTextToSpeech final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        m_google = std::make_unique<GoogleStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<providers::HttpPool>(*m_clock);
        m_settings = {};
        m_settings.credentials = m_google->serviceAccountText();
        m_settings.ttsUrl = m_google->url();
    }
    void cleanup()
    {
        m_voice.reset();
        m_pool.reset();
    }

    void isProvenWhenMade();
    void whatIsWrongIsSaidWhenMade_data();
    void whatIsWrongIsSaidWhenMade();
    void aSentenceBecomesMulawWithoutAHeader();
    void theVoiceFitsTheLanguage_data();
    void theVoiceFitsTheLanguage();
    void hebrewArrivesWhole();
    void longTextIsCutAtSentences();
    void aLongTextIsSpokenInOrder();
    void nothingToSayIsNoRequest_data();
    void nothingToSayIsNoRequest();
    void tooMuchIsRefused();
    void anApiKeyServesToo();
    void everyFaultIsAnError_data();
    void everyFaultIsAnError();
    void audioThatIsNoneIsAnError_data();
    void audioThatIsNoneIsAnError();
    void slowBytesAreWaitedFor();
    void whoInterruptsIsToldNothing();
    void manySpeakAtOnce();
    void aConnectionIsOpenedAhead();

private:
    /// What was wrong; empty: it is made.
    QString make()
    {
        auto made = GoogleTextToSpeech::create(m_settings, m_pool, *m_clock);
        m_error = made ? Error() : made.error();
        if (!made)
            return toString(made.error());
        m_voice = *made;
        return {};
    }
    QJsonObject requestOf(const SpeechRequest& request)
    {
        Heard heard(m_voice->speak(request));
        if (!QTest::qWaitFor([&] { return heard.finished + heard.failed > 0; }, 30000))
            return {};
        return m_google->asked.last().json;
    }

    std::unique_ptr<GoogleStandIn> m_google;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<providers::HttpPool> m_pool;
    GoogleSettings m_settings;
    Error m_error;
    std::shared_ptr<GoogleTextToSpeech> m_voice;
};

void TestGoogleTextToSpeech::isProvenWhenMade()
{
    QCOMPARE(make(), QString());
    QCOMPARE(m_voice->name(), QStringLiteral("google"));
    QCOMPARE(m_google->askedAt("/token").size(), 1);
    QCOMPARE(m_google->askedAt("/v1/voices").size(), 1);
    QCOMPARE(m_google->askedAt("/v1/voices").first().query, "languageCode=en-US");
    QCOMPARE(m_google->askedAt("/v1/voices").first().authorization, "Bearer ya29.stand-in-1");
    m_google->hasVoices = false; // a gateway for synthesis only
    QCOMPARE(make(), QString());
}

void TestGoogleTextToSpeech::whatIsWrongIsSaidWhenMade_data()
{
    QTest::addColumn<QByteArray>("refusal");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("url");
    QTest::addColumn<Error::Code>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("a wrong key") << QByteArray() << QStringLiteral("AIzaWrong0123456789") << QString()
                                 << Error::Code::Denied << QStringLiteral("there is no such API key");
    QTest::newRow("not enabled") << QByteArray(
        "{\"error\":{\"code\":403,\"message\":\"Cloud Text-to-Speech API has not been used in project 7 "
        "before or it is disabled.\",\"status\":\"PERMISSION_DENIED\"}}")
                                 << QString() << QString() << Error::Code::Denied
                                 << QStringLiteral("not enabled in the project");
    QTest::newRow("refused") << QByteArray("{\"error\":{\"message\":\"The caller does not have permission\"}}")
                             << QString() << QString() << Error::Code::Denied << QStringLiteral("answered 403");
    QTest::newRow("address") << QByteArray() << QString() << QStringLiteral("texttospeech.googleapis.com")
                             << Error::Code::Invalid << QStringLiteral("KAV_GOOGLE_TTS_URL");
    QTest::newRow("nobody there") << QByteArray() << QString() << QStringLiteral("http://127.0.0.1:1")
                                  << Error::Code::Unavailable << QStringLiteral("no connection to 127.0.0.1:1");
}

void TestGoogleTextToSpeech::whatIsWrongIsSaidWhenMade()
{
    QFETCH(QByteArray, refusal);
    QFETCH(QString, key);
    QFETCH(QString, url);
    QFETCH(Error::Code, code);
    QFETCH(QString, words);
    m_google->refusal = refusal;
    m_google->refusalStatus = 403;
    if (!key.isEmpty()) {
        m_settings.credentials.clear();
        m_settings.apiKey = key;
    }
    if (!url.isEmpty())
        m_settings.ttsUrl = QUrl(url);
    const QString error = make();
    QCOMPARE(m_error.code, code);
    QVERIFY2(error.contains(words), qPrintable(error));
    QVERIFY(!error.contains(QLatin1String("AIza")));
    QVERIFY(!error.contains(QLatin1String("ya29")));
}

void TestGoogleTextToSpeech::aSentenceBecomesMulawWithoutAHeader()
{
    QCOMPARE(make(), QString());
    QByteArray mulaw;
    for (int i = 0; i < 1600; ++i)
        mulaw += char(i * 7);
    mulaw.replace('\x7f', '\xff'); // the two zeros of mu-law
    m_google->audio = {mulawWav(mulaw), mulaw};
    Heard wav(m_voice->speak({QStringLiteral("Good morning."), QStringLiteral("en-US"), {}}));
    QCOMPARE(wav.finished + wav.failed, 0);
    QTRY_COMPARE(wav.finished, 1);
    QCOMPARE(wav.sound, mulaw);
    Heard bare(m_voice->speak({QStringLiteral("Good morning."), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(bare.finished, 1);
    QCOMPARE(bare.sound, mulaw);
    const QJsonObject asked = m_google->asked.last().json;
    const QJsonObject config = asked.value(QLatin1String("audioConfig")).toObject();
    QCOMPARE(config.value(QLatin1String("audioEncoding")).toString(), QStringLiteral("MULAW"));
    QCOMPARE(config.value(QLatin1String("sampleRateHertz")).toInt(), 8000);
    QCOMPARE(asked.value(QLatin1String("input")).toObject().value(QLatin1String("text")).toString(),
        QStringLiteral("Good morning."));
}

void TestGoogleTextToSpeech::theVoiceFitsTheLanguage_data()
{
    QTest::addColumn<QString>("language");
    QTest::addColumn<QString>("voice");
    QTest::addColumn<QString>("askedLanguage");
    QTest::addColumn<QString>("askedVoice");
    const auto row = [](const char* name, const char* language, const char* voice, const char* askedLanguage,
                         const char* askedVoice) {
        QTest::newRow(name) << QString::fromLatin1(language) << QString::fromLatin1(voice)
                            << QString::fromLatin1(askedLanguage) << QString::fromLatin1(askedVoice);
    };
    row("English", "en-US", "", "en-US", "en-US-Neural2-F");
    row("English, short", "en", "", "en-US", "en-US-Neural2-F");
    row("Hebrew", "he-IL", "", "he-IL", "he-IL-Wavenet-A");
    row("Hebrew, short", "he", "", "he-IL", "he-IL-Wavenet-A");
    row("any other", "pt-BR", "", "pt-BR", "");
    row("of the settings", "fr-FR", "", "fr-FR", "fr-FR-Wavenet-C");
    row("the persona's", "he-IL", "he-IL-Standard-D", "he-IL", "he-IL-Standard-D");
    row("a voice has its own language", "en-US", "en-GB-Chirp3-HD-Kore", "en-GB", "en-GB-Chirp3-HD-Kore");
    row("a name without one", "en-US", "Kore", "en-US", "Kore");
}

void TestGoogleTextToSpeech::theVoiceFitsTheLanguage()
{
    QFETCH(QString, language);
    QFETCH(QString, voice);
    QFETCH(QString, askedLanguage);
    QFETCH(QString, askedVoice);
    m_settings.voices.insert(QStringLiteral("fr"), QStringLiteral("fr-FR-Wavenet-C"));
    QCOMPARE(make(), QString());
    const QJsonObject asked =
        requestOf({QStringLiteral("Yes."), language, voice}).value(QLatin1String("voice")).toObject();
    QCOMPARE(asked.value(QLatin1String("languageCode")).toString(), askedLanguage);
    QCOMPARE(asked.value(QLatin1String("name")).toString(), askedVoice);
}

void TestGoogleTextToSpeech::hebrewArrivesWhole()
{
    QCOMPARE(make(), QString());
    const QString text =
        QStringLiteral("שלום, הגעתם למשרדו של ד״ר כהן. 🙂 איך אפשר לעזור?");
    QCOMPARE(requestOf({text, QStringLiteral("he-IL"), {}})
                 .value(QLatin1String("input"))
                 .toObject()
                 .value(QLatin1String("text"))
                 .toString(),
        text);
}

void TestGoogleTextToSpeech::longTextIsCutAtSentences()
{
    using providers::piecesToSpeak;
    QCOMPARE(piecesToSpeak(QStringLiteral("One two. Three four. Five."), 19),
        (QStringList{QStringLiteral("One two."), QStringLiteral("Three four. Five.")}));
    QCOMPARE(piecesToSpeak(QStringLiteral("Version 3.14 costs money"), 12),
        (QStringList{QStringLiteral("Version 3.14"), QStringLiteral("costs money")}));
    QCOMPARE(piecesToSpeak(QStringLiteral("שלום עולם. מה נשמע?"), 20), // two bytes a letter
        (QStringList{QStringLiteral("שלום עולם."), QStringLiteral("מה נשמע?")}));
    QCOMPARE(piecesToSpeak(QStringLiteral("🙂🙂🙂a"), 9),
        (QStringList{QStringLiteral("🙂🙂"), QStringLiteral("🙂a")}));
    QCOMPARE(piecesToSpeak(QString(3000, QLatin1Char('x')), 1000).size(), 3);
    QString huge;
    for (int i = 0; i < 700; ++i)
        huge += QStringLiteral("משפט מספר %1 עם עוד כמה מילים. ").arg(i);
    const QStringList pieces = piecesToSpeak(huge, 4800);
    for (const QString& piece : pieces) {
        QVERIFY(piece.toUtf8().size() <= 4800);
        QVERIFY(piece.endsWith(QLatin1Char('.')));
    }
    QCOMPARE(pieces.join(QLatin1Char(' ')), huge.trimmed());
}

void TestGoogleTextToSpeech::aLongTextIsSpokenInOrder()
{
    QCOMPARE(make(), QString());
    m_google->audio = {QByteArray(80, '\x01'), QByteArray(80, '\x02'), QByteArray(80, '\x03')};
    Heard heard(m_voice->speak({QString(12000, QLatin1Char('x')), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(heard.finished, 1);
    QCOMPARE(heard.pieces, 3);
    QCOMPARE(heard.sound, QByteArray(80, '\x01') + QByteArray(80, '\x02') + QByteArray(80, '\x03'));
}

void TestGoogleTextToSpeech::nothingToSayIsNoRequest_data()
{
    QTest::addColumn<QString>("text");
    QTest::newRow("empty") << QString();
    QTest::newRow("spaces") << QStringLiteral("  \n\t ");
    QTest::newRow("marks") << QStringLiteral("... - !");
}

void TestGoogleTextToSpeech::nothingToSayIsNoRequest()
{
    QFETCH(QString, text);
    QCOMPARE(make(), QString());
    Heard heard(m_voice->speak({text, QStringLiteral("en-US"), {}}));
    QCOMPARE(heard.finished, 0);
    QTRY_COMPARE(heard.finished, 1);
    QCOMPARE(heard.pieces, 0);
    QVERIFY(m_google->askedAt("/v1/text:synthesize").isEmpty());
}

void TestGoogleTextToSpeech::tooMuchIsRefused()
{
    QCOMPARE(make(), QString());
    Heard heard(m_voice->speak({QString(70000, QLatin1Char('x')), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(heard.failed, 1);
    QCOMPARE(heard.error.code, Error::Code::Invalid);
    QVERIFY(m_google->askedAt("/v1/text:synthesize").isEmpty());
}

void TestGoogleTextToSpeech::anApiKeyServesToo()
{
    m_settings.credentials.clear();
    m_settings.apiKey = QString::fromLatin1(m_google->apiKey);
    QCOMPARE(make(), QString());
    QVERIFY(!requestOf({QStringLiteral("Yes."), QStringLiteral("en-US"), {}}).isEmpty());
    QCOMPARE(m_google->asked.last().apiKey, m_google->apiKey);
    QVERIFY(m_google->askedAt("/token").isEmpty());
}

void TestGoogleTextToSpeech::everyFaultIsAnError_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<Error::Code>("code");
    QTest::newRow("401") << VendorFault::Refuse401 << Error::Code::Denied;
    QTest::newRow("429") << VendorFault::Limit429 << Error::Code::LimitExceeded;
    QTest::newRow("500") << VendorFault::Fault500 << Error::Code::Unavailable;
    QTest::newRow("reset before") << VendorFault::ResetBeforeAnswer << Error::Code::Unavailable;
    QTest::newRow("reset amid") << VendorFault::ResetMidAnswer << Error::Code::Unavailable;
    QTest::newRow("hang before") << VendorFault::HangBeforeAnswer << Error::Code::Timeout;
    QTest::newRow("hang amid") << VendorFault::HangMidAnswer << Error::Code::Timeout;
    QTest::newRow("garbage") << VendorFault::Garbage << Error::Code::Unavailable;
    QTest::newRow("half open") << VendorFault::HalfOpen << Error::Code::Timeout;
}

void TestGoogleTextToSpeech::everyFaultIsAnError()
{
    QFETCH(VendorFault, fault);
    QFETCH(Error::Code, code);
    QCOMPARE(make(), QString());
    m_google->setFault(fault);
    Heard heard(m_voice->speak({QStringLiteral("Good morning."), QStringLiteral("en-US"), {}}));
    QTimer wait;
    connect(&wait, &QTimer::timeout, this, [this] { m_clock->advance(1s); });
    if (code == Error::Code::Timeout)
        wait.start(1);
    QTRY_COMPARE(heard.failed, 1);
    QCOMPARE(heard.error.code, code);
    QCOMPARE(heard.finished, 0);
    QCOMPARE(heard.pieces, 0);
    QVERIFY(!toString(heard.error).contains(QLatin1String("ya29")));
    if (fault == VendorFault::Limit429)
        QCOMPARE(heard.error.retryAfter, Milliseconds(7000));
    wait.stop();
    m_google->setFault(VendorFault::None);
    if (fault == VendorFault::Refuse401) // the token is not believed any more
        QTRY_COMPARE(Heard(m_voice->speak({QStringLiteral("Again."), QStringLiteral("en-US"), {}})).failed, 0);
    Heard again(m_voice->speak({QStringLiteral("Again."), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(again.finished, 1);
}

void TestGoogleTextToSpeech::audioThatIsNoneIsAnError_data()
{
    QTest::addColumn<QByteArray>("audio");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("half a header") << mulawWav(QByteArray(100, 'x')).left(20);
    QTest::newRow("another rate") << mulawWav(QByteArray(100, 'x'), 24000);
}

void TestGoogleTextToSpeech::audioThatIsNoneIsAnError()
{
    QFETCH(QByteArray, audio);
    QCOMPARE(make(), QString());
    m_google->audio = {audio};
    Heard heard(m_voice->speak({QStringLiteral("Good morning."), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(heard.failed, 1);
    QCOMPARE(heard.error.code, Error::Code::Unavailable);
}

void TestGoogleTextToSpeech::slowBytesAreWaitedFor()
{
    QCOMPARE(make(), QString());
    m_google->setFault(VendorFault::SlowBytes);
    Heard heard(m_voice->speak({QStringLiteral("Good morning."), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(heard.finished, 1);
    QCOMPARE(heard.sound, QByteArray(800, '\x55'));
}

void TestGoogleTextToSpeech::whoInterruptsIsToldNothing()
{
    QCOMPARE(make(), QString());
    m_google->setFault(VendorFault::HangBeforeAnswer);
    auto heard = std::make_unique<Heard>(m_voice->speak({QStringLiteral("Long."), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(m_google->askedAt("/v1/text:synthesize").size(), 1);
    bool seen = false;
    VendorExchange* exchange = m_google->asked.last().exchange;
    connect(exchange, &VendorExchange::gone, this, [&seen] { seen = true; });
    heard.reset();
    QTRY_VERIFY(seen);
    // In its own signal.
    m_google->setFault(VendorFault::None);
    std::unique_ptr<Speech> speech = m_voice->speak({QStringLiteral("Yes."), QStringLiteral("en-US"), {}});
    int told = 0;
    connect(speech.get(), &Speech::finished, this, [&told] { told += 100; });
    connect(speech.get(), &Speech::audio, this, [&] {
        ++told;
        speech.reset();
    });
    QTRY_VERIFY(!speech);
    QCOMPARE(told, 1);
}

void TestGoogleTextToSpeech::manySpeakAtOnce()
{
    QCOMPARE(make(), QString());
    std::vector<std::unique_ptr<Heard>> all;
    for (int i = 0; i < 20; ++i)
        all.push_back(std::make_unique<Heard>(m_voice->speak({QStringLiteral("Yes."), QStringLiteral("en-US"), {}})));
    for (const auto& heard : all)
        QTRY_COMPARE(heard->finished, 1);
    QCOMPARE(m_google->askedAt("/token").size(), 1);
}

void TestGoogleTextToSpeech::aConnectionIsOpenedAhead()
{
    QCOMPARE(make(), QString());
    const int before = m_google->server.connections;
    m_voice->connectAhead();
    QTRY_VERIFY(m_google->server.connections >= before);
    QVERIFY(!requestOf({QStringLiteral("Yes."), QStringLiteral("en-US"), {}}).isEmpty());
    QVERIFY(m_google->server.connections <= before + 1);
}

QTEST_GUILESS_MAIN(TestGoogleTextToSpeech)
#include "tst_googletexttospeech.moc"
