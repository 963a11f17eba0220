// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/elevenlabs/elevenlabs.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/elevenlabsstandin.h"

#include <QRegularExpression>
#include <QTest>
#include <QTimer>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {

/// What one speech told.
struct Listener final {
    explicit Listener(std::unique_ptr<Speech> started)
        : speech(std::move(started))
    {
        Speech* const s = speech.get();
        QObject::connect(s, &Speech::audio, s, [this](const QByteArray& bytes) {
            sound += bytes;
            ++pieces;
        });
        QObject::connect(s, &Speech::finished, s, [this] { log += QStringLiteral("finished "); });
        QObject::connect(s, &Speech::failed, s, [this](const Error& e) {
            error = e;
            log += QStringLiteral("failed ");
        });
    }
    std::unique_ptr<Speech> speech;
    QByteArray sound;
    int pieces = 0;
    QString log;
    Error error;
};

const QString hebrew = QString::fromUtf8("שלום, עו״ד כהן 😀");

} // namespace

/// ElevenLabs' voice: "this text is asked for, the vendor does that, the call hears this".
class TestElevenLabs final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_standIn = std::make_unique<ElevenLabsStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        m_settings = ElevenLabsSettings();
        m_settings.url = m_standIn->url();
        m_settings.key = QString::fromLatin1(m_standIn->key);
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
    }
    void cleanup() { m_pool.reset(); }

    void aGoodKeyIsProvenOnce();
    void whatIsWrongWithKeyOrAddressIsSaid_data();
    void whatIsWrongWithKeyOrAddressIsSaid();
    void aKeyThatMayOnlySpeakIsGoodEnough_data();
    void aKeyThatMayOnlySpeakIsGoodEnough();

    void aTextBecomesSoundAsItArrives();
    void theRequestSaysWhatAndHow_data();
    void theRequestSaysWhatAndHow();
    void hebrewArrivesWhole();
    void aConnectionOpenedAheadIsUsed();
    void nothingToSayIsSaidAtOnce_data();
    void nothingToSayIsSaidAtOnce();
    void aBookIsRefused();
    void endlessSoundIsCut();
    void soundThatIsNoneFails_data();
    void soundThatIsNoneFails();

    void everyFaultHasItsEnd_data();
    void everyFaultHasItsEnd();
    void silenceInTheMiddleEndsAtItsDeadline();
    void theVendorsWordsAreTold_data();
    void theVendorsWordsAreTold();
    void aPersonasVoiceThatIsNotThereIsItsOwnMatter();
    void whoGivesUpIsToldNothingAndTheVendorSeesIt();
    void aSpeechMayBeDeletedInItsOwnSignal_data();
    void aSpeechMayBeDeletedInItsOwnSignal();

private:
    Result<std::shared_ptr<ElevenLabs>> create() { return ElevenLabs::create(m_settings, m_pool); }
    Listener speak(const QString& text, const QString& language = QStringLiteral("en-US"), const QString& voice = {})
    {
        const int status = std::exchange(m_standIn->status, 0); // the probe is another matter
        m_voice = create().value();
        m_standIn->status = status;
        return Listener(m_voice->speak({text, language, voice}));
    }
    void advance(int ms) { m_clock->advance(Milliseconds(ms)); }

    std::unique_ptr<ElevenLabsStandIn> m_standIn;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    ElevenLabsSettings m_settings;
    std::shared_ptr<ElevenLabs> m_voice;
};

void TestElevenLabs::aGoodKeyIsProvenOnce()
{
    const auto voice = create();
    QVERIFY2(voice.ok(), voice ? "" : qPrintable(toString(voice.error())));
    QCOMPARE(voice.value()->name(), QStringLiteral("elevenlabs"));
    QCOMPARE(m_standIn->probes, 1);
    QVERIFY(m_standIn->asked.isEmpty());
}

void TestElevenLabs::whatIsWrongWithKeyOrAddressIsSaid_data()
{
    QTest::addColumn<int>("fault");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("url");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* name, VendorFault fault, Error::Code code, const char* words,
                         const char* key = nullptr, const char* url = nullptr) {
        QTest::newRow(name) << int(fault) << QString::fromLatin1(key) << QString::fromLatin1(url) << int(code)
                            << QString::fromLatin1(words);
    };
    row("a wrong key", VendorFault::None, Error::Code::Denied, "answered 401: the key or the account is refused",
        "wrong-key");
    row("a key with a space", VendorFault::None, Error::Code::Denied, "holds a space", "key other");
    row("no address", VendorFault::None, Error::Code::Invalid, "no http://", nullptr, "nonsense");
    row("another scheme", VendorFault::None, Error::Code::Invalid, "no http://", nullptr, "ftp://host");
    row("refused", VendorFault::Refuse401, Error::Code::Denied, "answered 401");
    row("limited", VendorFault::Limit429, Error::Code::LimitExceeded, "too many requests");
    row("broken", VendorFault::Fault500, Error::Code::Unavailable, "answered 500");
    row("reset", VendorFault::ResetBeforeAnswer, Error::Code::Unavailable, "broke");
    row("hanging", VendorFault::HangBeforeAnswer, Error::Code::Timeout, "longer than 3500 ms");
    row("half open", VendorFault::HalfOpen, Error::Code::Timeout, "longer than 3500 ms");
    row("garbage", VendorFault::Garbage, Error::Code::Unavailable, "127.0.0.1");
}

void TestElevenLabs::whatIsWrongWithKeyOrAddressIsSaid()
{
    QFETCH(int, fault);
    QFETCH(QString, key);
    QFETCH(QString, url);
    QFETCH(int, code);
    QFETCH(QString, words);
    m_standIn->setFault(VendorFault(fault));
    if (!key.isEmpty())
        m_settings.key = key;
    if (!url.isEmpty())
        m_settings.url = QUrl(url);
    QTimer time; // while create() blocks
    connect(&time, &QTimer::timeout, this, [this] { advance(500); });
    time.start(20);
    const auto voice = create();
    QVERIFY(!voice.ok());
    QCOMPARE(int(voice.error().code), code);
    QVERIFY2(voice.error().message.contains(words), qPrintable(toString(voice.error())));
    if (fault == int(VendorFault::Limit429))
        QCOMPARE(voice.error().retryAfter, Milliseconds(7000));
    QVERIFY(!toString(voice.error()).contains(m_settings.key));
}

void TestElevenLabs::aKeyThatMayOnlySpeakIsGoodEnough_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<bool>("good");
    QTest::newRow("may not read the user")
        << 401
        << QByteArray(R"({"detail":{"status":"missing_permissions","message":"lacks the permission user_read"}})")
        << true;
    QTest::newRow("no such address") << 404 << QByteArray("{}") << true;
    QTest::newRow("not by GET") << 405 << QByteArray("{}") << true;
    QTest::newRow("refused without a reason") << 401 << QByteArray("{}") << false;
    QTest::newRow("refused in no JSON") << 403 << QByteArray("<html>") << false;
}

void TestElevenLabs::aKeyThatMayOnlySpeakIsGoodEnough()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    QFETCH(bool, good);
    m_standIn->status = status;
    m_standIn->body = body;
    QCOMPARE(create().ok(), good);
}

void TestElevenLabs::aTextBecomesSoundAsItArrives()
{
    m_standIn->setFault(VendorFault::HangMidAnswer); // the test says when it goes on
    const QString text = QStringLiteral("Hello, how can I help?");
    m_voice = create().value();
    Listener call(m_voice->speak({text, QStringLiteral("en-US"), {}}));
    QVERIFY(call.log.isEmpty() && call.sound.isEmpty());
    const QByteArray sound = ElevenLabsStandIn::soundOf(text);
    QTRY_COMPARE(call.sound, sound.left(sound.size() / 2));
    VendorExchange* const exchange = m_standIn->asked.last().exchange;
    exchange->send(sound.mid(sound.size() / 2));
    QTRY_COMPARE(call.sound, sound);
    QVERIFY(call.log.isEmpty());
    exchange->end();
    QTRY_COMPARE(call.log, QStringLiteral("finished "));
}

void TestElevenLabs::theRequestSaysWhatAndHow_data()
{
    QTest::addColumn<QString>("language");
    QTest::addColumn<QString>("voice");
    QTest::addColumn<QString>("setting");
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("code");
    QTest::addColumn<QByteArray>("path");
    const auto row = [](const char* name, const char* language, const char* voice, const char* setting,
                         const char* model, const char* code, const char* path) {
        QTest::newRow(name) << QString::fromLatin1(language) << QString::fromLatin1(voice)
                            << QString::fromLatin1(setting) << QString::fromLatin1(model) << QString::fromLatin1(code)
                            << QByteArray(path);
    };
    row("English", "en-US", "", "", "eleven_flash_v2_5", "en", "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
    row("Hebrew", "he-IL", "", "", "eleven_v3", "he", "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
    row("Hebrew by its old code", "iw", "", "", "eleven_v3", "he", "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
    row("Norwegian", "nb-NO", "", "", "eleven_flash_v2_5", "no", "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
    row("a voice", "en-US", "abc123", "", "eleven_flash_v2_5", "en", "/v1/text-to-speech/abc123/stream");
    row("a voice that is a path", "en-US", "../user?x", "", "eleven_flash_v2_5", "en",
        "/v1/text-to-speech/..%2Fuser%3Fx/stream");
    row("a model that takes no language", "en-US", "", "eleven_multilingual_v2", "eleven_multilingual_v2", "",
        "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
    row("no language", "", "", "", "eleven_flash_v2_5", "", "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream");
}

void TestElevenLabs::theRequestSaysWhatAndHow()
{
    QFETCH(QString, language);
    QFETCH(QString, voice);
    QFETCH(QString, setting);
    QFETCH(QString, model);
    QFETCH(QString, code);
    QFETCH(QByteArray, path);
    m_settings.model = setting;
    Listener call = speak(QStringLiteral("Good \"day\"\n"), language, voice);
    QTRY_COMPARE(m_standIn->asked.size(), 1);
    const ElevenLabsStandIn::Asked& asked = m_standIn->asked.first();
    QCOMPARE(asked.path, path);
    QCOMPARE(asked.query, "output_format=ulaw_8000");
    QCOMPARE(asked.key, m_standIn->key);
    QCOMPARE(asked.contentType, "application/json");
    QCOMPARE(asked.json.value(QLatin1String("text")).toString(), QStringLiteral("Good \"day\"\n"));
    QCOMPARE(asked.json.value(QLatin1String("model_id")).toString(), model);
    QCOMPARE(asked.json.value(QLatin1String("language_code")).toString(), code);
    QCOMPARE(asked.json.contains(QLatin1String("language_code")), !code.isEmpty());
    QTRY_COMPARE(call.log, QStringLiteral("finished "));
}

void TestElevenLabs::hebrewArrivesWhole()
{
    m_standIn->pieceBytes = 7;
    Listener call = speak(hebrew, QStringLiteral("he-IL"));
    QTRY_COMPARE(call.log, QStringLiteral("finished "));
    QCOMPARE(m_standIn->asked.first().json.value(QLatin1String("text")).toString(), hebrew);
    QCOMPARE(call.sound, ElevenLabsStandIn::soundOf(hebrew));
}

void TestElevenLabs::aConnectionOpenedAheadIsUsed()
{
    m_voice = create().value();
    m_voice->connectAhead();
    QTRY_COMPARE(m_standIn->server.exchanges.size(), 2);
    QTest::qWait(0);
    const int connections = m_standIn->server.connections;
    Listener call(m_voice->speak({QStringLiteral("Hello"), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(call.log, QStringLiteral("finished "));
    QCOMPARE(m_standIn->server.connections, connections);
}

void TestElevenLabs::nothingToSayIsSaidAtOnce_data()
{
    QTest::addColumn<QString>("text");
    QTest::newRow("empty") << QString();
    QTest::newRow("white space") << QStringLiteral(" \n\t ");
    QTest::newRow("punctuation") << QString::fromUtf8("… — !");
}

void TestElevenLabs::nothingToSayIsSaidAtOnce()
{
    QFETCH(QString, text);
    Listener call = speak(text);
    QVERIFY(call.log.isEmpty()); // never from inside the call
    QTRY_COMPARE(call.log, QStringLiteral("finished "));
    QVERIFY(m_standIn->asked.isEmpty());
    QVERIFY(call.sound.isEmpty());
}

void TestElevenLabs::aBookIsRefused()
{
    Listener longest = speak(QStringLiteral("a").repeated(5000));
    QTRY_COMPARE(longest.log, QStringLiteral("finished "));
    QCOMPARE(longest.sound.size(), 2000000);
    Listener book = speak(QStringLiteral("a").repeated(5001));
    QVERIFY(book.log.isEmpty());
    QTRY_COMPARE(book.log, QStringLiteral("failed "));
    QCOMPARE(book.error.code, Error::Code::Invalid);
    QCOMPARE(m_standIn->asked.size(), 1);
}

void TestElevenLabs::endlessSoundIsCut()
{
    m_settings.longestSound = Milliseconds(1000);
    m_standIn->pieceBytes = 400;
    Listener call = speak(QStringLiteral("a").repeated(100));
    QTRY_COMPARE(call.log, QStringLiteral("failed "));
    QCOMPARE(call.error.code, Error::Code::Invalid);
    QVERIFY(call.sound.size() <= 8000);
}

void TestElevenLabs::soundThatIsNoneFails_data()
{
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<bool>("good");
    QTest::newRow("audio/basic") << QByteArray("audio/basic") << true;
    QTest::newRow("octets") << QByteArray("application/octet-stream") << true;
    QTest::newRow("JSON") << QByteArray("application/json") << false;
    QTest::newRow("a web page") << QByteArray("text/html; charset=utf-8") << false;
}

void TestElevenLabs::soundThatIsNoneFails()
{
    QFETCH(QByteArray, type);
    QFETCH(bool, good);
    m_standIn->contentType = type;
    Listener call = speak(QStringLiteral("Hello"));
    QTRY_COMPARE(call.log, good ? QStringLiteral("finished ") : QStringLiteral("failed "));
    QCOMPARE(call.sound.isEmpty(), !good);
}

void TestElevenLabs::everyFaultHasItsEnd_data()
{
    QTest::addColumn<int>("fault");
    QTest::addColumn<int>("code");
    const auto row = [](const char* name, VendorFault fault, Error::Code code) {
        QTest::newRow(name) << int(fault) << int(code);
    };
    row("refused", VendorFault::Refuse401, Error::Code::Denied);
    row("limited", VendorFault::Limit429, Error::Code::LimitExceeded);
    row("broken", VendorFault::Fault500, Error::Code::Unavailable);
    row("reset before the answer", VendorFault::ResetBeforeAnswer, Error::Code::Unavailable);
    row("reset in the answer", VendorFault::ResetMidAnswer, Error::Code::Unavailable);
    row("hanging before the answer", VendorFault::HangBeforeAnswer, Error::Code::Timeout);
    row("hanging in the answer", VendorFault::HangMidAnswer, Error::Code::Timeout);
    row("garbage", VendorFault::Garbage, Error::Code::Unavailable);
    row("half open", VendorFault::HalfOpen, Error::Code::Timeout);
    row("slow bytes", VendorFault::SlowBytes, Error::Code::Internal);
    row("none", VendorFault::None, Error::Code::Internal);
}

void TestElevenLabs::everyFaultHasItsEnd()
{
    QFETCH(int, fault);
    QFETCH(int, code);
    const bool isGood = code == int(Error::Code::Internal);
    m_voice = create().value();
    m_standIn->setFault(VendorFault(fault));
    Listener call(m_voice->speak({QStringLiteral("Hi"), QStringLiteral("en-US"), {}}));
    if (isGood)
        QTRY_COMPARE(call.log, QStringLiteral("finished "));
    for (int i = 0; i < 60 && call.log.isEmpty(); ++i) {
        QTest::qWait(60); // a look at the deadlines
        advance(500);
    }
    QTRY_VERIFY(!call.log.isEmpty());
    QCOMPARE(call.log, isGood ? QStringLiteral("finished ") : QStringLiteral("failed "));
    QCOMPARE(int(call.error.code), code);
    if (fault == int(VendorFault::Limit429))
        QCOMPARE(call.error.retryAfter, Milliseconds(7000));
    const QByteArray sound = ElevenLabsStandIn::soundOf(QStringLiteral("Hi"));
    if (fault == int(VendorFault::ResetMidAnswer) || fault == int(VendorFault::HangMidAnswer))
        QCOMPARE(call.sound, sound.left(sound.size() / 2)); // what was heard was heard
    else
        QCOMPARE(call.sound, isGood ? sound : QByteArray());
    // The next text is another matter.
    m_standIn->setFault(VendorFault::None);
    Listener next(m_voice->speak({QStringLiteral("Hi"), QStringLiteral("en-US"), {}}));
    QTRY_COMPARE(next.log, QStringLiteral("finished "));
}

void TestElevenLabs::silenceInTheMiddleEndsAtItsDeadline()
{
    m_voice = create().value();
    m_standIn->setFault(VendorFault::HangMidAnswer);
    Listener call(m_voice->speak({QStringLiteral("Hi"), QStringLiteral("en-US"), {}}));
    QTRY_VERIFY(!call.sound.isEmpty());
    advance(4999);
    QTest::qWait(60);
    QVERIFY(call.log.isEmpty());
    advance(1);
    QTRY_COMPARE(call.log, QStringLiteral("failed "));
    QCOMPARE(call.error.code, Error::Code::Timeout);
}

void TestElevenLabs::theVendorsWordsAreTold_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* name, int status, const char* body, Error::Code code, const char* words) {
        QTest::newRow(name) << status << QByteArray(body) << int(code) << QString::fromLatin1(words);
    };
    row("quota", 401, R"({"detail":{"status":"quota_exceeded","message":"You have 3 credits remaining"}})",
        Error::Code::LimitExceeded, "characters are used up (quota_exceeded: You have 3 credits remaining)");
    row("busy", 429, R"({"detail":{"status":"system_busy","message":"later"}})", Error::Code::LimitExceeded,
        "too many requests");
    row("no voice", 404, R"({"detail":{"status":"voice_not_found","message":"A voice was not found."}})",
        Error::Code::NotFound, "no such voice");
    row("no voice, in the newer form", 404, R"({"detail":{"type":"not_found","code":"voice_not_found","message":"m"}})",
        Error::Code::NotFound, "no such voice");
    row("a field", 422, R"({"detail":[{"loc":["body","text"],"msg":"field required","type":"x"}]})",
        Error::Code::Invalid, "field required");
    row("plain words", 400, R"({"detail":"Unsupported language"})", Error::Code::Invalid, "Unsupported language");
    row("the key quoted", 401, R"({"detail":"key xi-stand-in-0123456789abcdef is unknown"})", Error::Code::Denied,
        "[redacted]");
    row("no JSON", 502, "<html>Bad Gateway</html>", Error::Code::Unavailable, "Bad Gateway");
    row("empty", 500, "", Error::Code::Unavailable, "answered 500");
}

void TestElevenLabs::theVendorsWordsAreTold()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    QFETCH(int, code);
    QFETCH(QString, words);
    m_standIn->status = status;
    m_standIn->body = body;
    Listener call = speak(QStringLiteral("Hello"));
    QTRY_COMPARE(call.log, QStringLiteral("failed "));
    QCOMPARE(int(call.error.code), code);
    QVERIFY2(toString(call.error).contains(words), qPrintable(toString(call.error)));
    QVERIFY(!toString(call.error).contains(m_settings.key));
}

void TestElevenLabs::aPersonasVoiceThatIsNotThereIsItsOwnMatter()
{
    m_standIn->status = 404;
    m_standIn->body = R"({"detail":{"status":"voice_not_found","message":"A voice was not found."}})";
    Listener call = speak(QStringLiteral("Hello"), QStringLiteral("en-US"), QStringLiteral("gone"));
    QTRY_COMPARE(call.log, QStringLiteral("failed "));
    QCOMPARE(call.error.code, Error::Code::Invalid);
}

void TestElevenLabs::whoGivesUpIsToldNothingAndTheVendorSeesIt()
{
    m_voice = create().value();
    m_standIn->setFault(VendorFault::HangMidAnswer);
    Listener call(m_voice->speak({QStringLiteral("Hello"), QStringLiteral("en-US"), {}}));
    QTRY_VERIFY(!call.sound.isEmpty());
    call.speech.reset();
    QTRY_VERIFY(m_standIn->asked.first().exchange->isGone());
    QVERIFY(call.log.isEmpty());
    Listener silent(m_voice->speak({QString(), QStringLiteral("en-US"), {}}));
    silent.speech.reset();
    QTest::qWait(0);
    QVERIFY(silent.log.isEmpty());
}

void TestElevenLabs::aSpeechMayBeDeletedInItsOwnSignal_data()
{
    QTest::addColumn<int>("signal");
    QTest::newRow("audio") << 0;
    QTest::newRow("finished") << 1;
    QTest::newRow("failed") << 2;
    QTest::newRow("failed at the head") << 3;
}

void TestElevenLabs::aSpeechMayBeDeletedInItsOwnSignal()
{
    QFETCH(int, signal);
    m_voice = create().value();
    if (signal == 2)
        m_standIn->status = 500;
    if (signal == 3)
        m_standIn->contentType = "text/plain";
    std::unique_ptr<Speech> speech = m_voice->speak({QStringLiteral("Hello"), QStringLiteral("en-US"), {}});
    int told = 0;
    const auto drop = [&] {
        ++told;
        speech.reset();
    };
    if (signal == 0)
        connect(speech.get(), &Speech::audio, this, drop);
    if (signal == 1)
        connect(speech.get(), &Speech::finished, this, drop);
    if (signal >= 2)
        connect(speech.get(), &Speech::failed, this, drop);
    QTRY_COMPARE(told, 1);
    QTest::qWait(50);
    QCOMPARE(told, 1);
}

QTEST_GUILESS_MAIN(TestElevenLabs)
#include "tst_elevenlabs.moc"
