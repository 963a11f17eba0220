// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/providers/google/googlespeech.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/googlespeechserver.h"
#include "tests/support/vendors/googlestandin.h"

#include <QTest>
#include <QThread>
#include <QTimer>

#include <atomic>
#include <chrono>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::GoogleSettings;
using providers::GoogleSpeechToText;
using providers::RecognitionContext;
using providers::SpeechToTextStream;
using providers::Transcript;

namespace {
/// What one stream told: "1~hel" a partial, "1=hello" one that is stable, "1:hello" the final, "1!timeout" a failure.
struct Notes final {
    explicit Notes(SpeechToTextStream& stream)
    {
        const auto note = [this](int id, const char* mark, const QString& text) {
            log.append(QString::number(id) + QLatin1String(mark) + text);
        };
        QObject::connect(&stream, &SpeechToTextStream::partial, &stream,
            [note](int id, const Transcript& transcript) { note(id, transcript.stable ? "=" : "~", transcript.text); });
        QObject::connect(
            &stream, &SpeechToTextStream::finished, &stream, [this, note](int id, const Transcript& transcript) {
                note(id, ":", transcript.text);
                confidence = transcript.confidence;
            });
        QObject::connect(&stream, &SpeechToTextStream::failed, &stream, [this, note](int id, const Error& why) {
            note(id, "!", errorCodeName(why.code));
            error = why;
        });
    }
    QString last() const { return log.isEmpty() ? QString() : log.last(); }
    QStringList log;
    double confidence = 0;
    Error error;
};

/// Sound of which every stretch can be told from any other.
class Tape final {
public:
    std::vector<qint16> next(int milliseconds)
    {
        std::vector<qint16> pcm(std::size_t(milliseconds) * 8);
        for (qint16& sample : pcm) {
            m_state = m_state * 1664525u + 1013904223u;
            const auto code = quint8(m_state >> 24);
            sample = media::fromMulaw(code);
            played += char(media::toMulaw(sample));
        }
        return pcm;
    }
    QByteArray played; ///< mu-law

private:
    quint32 m_state = 7;
};

using Responses = QList<std::pair<int, QJsonObject>>;
QJsonObject scenarioOf(const Responses& script, const QList<QJsonObject>& last)
{
    QJsonArray steps, end;
    for (const auto& [at, response] : script)
        steps.append(QJsonObject{{QStringLiteral("at"), at}, {QStringLiteral("response"), response}});
    for (const QJsonObject& response : last)
        end.append(response);
    return {{QStringLiteral("script"), steps}, {QStringLiteral("last"), end}};
}

QJsonObject interim(const QString& words, double stability = 0.1)
{
    return GoogleSpeechServer::response(words, false, stability, 0);
}

QJsonObject final(const QString& words, qint64 endMs)
{
    return GoogleSpeechServer::response(words, true, 0, endMs);
}

RecognitionContext hebrew()
{
    RecognitionContext context;
    context.language = QStringLiteral("he-IL");
    return context;
}
} // namespace

/// Google's recogniser while the caller speaks, against the definition that Google has published.
class TestGoogleSpeech final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();

    void isProvenWhenMade();
    void whatIsWrongIsSaidWhenMade_data();
    void whatIsWrongIsSaidWhenMade();
    void theAddressIsCheckedFirst_data();
    void theAddressIsCheckedFirst();
    void wordsComeWhileTheCallerSpeaks();
    void hebrewComesWhole();
    void severalFinalsAreOneText();
    void anEndWithoutAFinalKeepsTheWords();
    void silenceIsNoWords();
    void anUtteranceWithoutAudioIsNone();
    void hintsAndModelGoAlong();
    void utterancesFollowOneAnotherOnOneConnection();
    void soundWaitsForTheToken();
    void aTokenThatIsRefusedFailsTheUtterance();
    void aLongUtteranceGoesOnInANewStream();
    void aLongUtteranceWithoutFinalsLosesNothing();
    void anOpenUtteranceIsKeptFedInSilence();
    void everyFaultIsAnError_data();
    void everyFaultIsAnError();
    void everyStatusHasItsMeaning_data();
    void everyStatusHasItsMeaning();
    void aLimitSaysHowLongToStayAway_data();
    void aLimitSaysHowLongToStayAway();
    void slowBytesAreWaitedFor();
    void aDroppedUtteranceIsCancelled();
    void aStreamMayBeDeletedAtAnyMoment();
    void twentySpeakAtOnce();
    void tooManyWaitingFail();
    void connectionsAreOpenedAhead();
    void theProviderMayGoFirst();

private:
    QString make()
    {
        auto made = GoogleSpeechToText::create(m_settings, m_pool, *m_clock);
        m_error = made ? Error() : made.error();
        if (!made)
            return toString(made.error());
        m_provider = *made;
        return {};
    }
    /// A provider and a stream of a call, and nothing to be seen of how it was proven.
    void openStream()
    {
        QCOMPARE(make(), QString());
        QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).isEnded); // the probe's
        m_server.streams.clear();
        m_stream = m_provider->open({});
        m_notes = std::make_unique<Notes>(*m_stream);
    }
    void say(int id, int milliseconds = 500, const RecognitionContext& context = {})
    {
        m_stream->beginUtterance(id, context);
        speak(milliseconds);
        m_stream->endUtterance(id);
    }
    void speak(int milliseconds)
    {
        for (int at = 0; at < milliseconds; at += 20)
            m_stream->write(m_tape.next(20));
    }
    /// As speak(), in the clock's time.
    void speakInTime(int milliseconds)
    {
        for (int at = 0; at < milliseconds; at += 20) {
            m_clock->advance(20ms);
            m_stream->write(m_tape.next(20));
        }
    }
    const GoogleSpeechServer::Stream& seen(int index) { return m_server.streams.at(index); }
    QJsonObject config(int index) { return seen(index).config.value(QLatin1String("config")).toObject(); }

    GoogleSpeechServer m_server;
    std::unique_ptr<GoogleStandIn> m_google; // gives the tokens
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<providers::HttpPool> m_pool;
    GoogleSettings m_settings;
    Error m_error;
    std::shared_ptr<GoogleSpeechToText> m_provider;
    std::unique_ptr<SpeechToTextStream> m_stream;
    std::unique_ptr<Notes> m_notes;
    Tape m_tape;
};

void TestGoogleSpeech::initTestCase()
{
    const QString why = m_server.start(QStringLiteral(KAV_SOURCE_DIR), QStringLiteral(KAV_BINARY_DIR));
    if (why.isEmpty())
        return;
    if (qEnvironmentVariable("CI") == QLatin1String("true"))
        QFAIL(qPrintable(why));
    QSKIP(qPrintable(why));
}

void TestGoogleSpeech::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
    m_google = std::make_unique<GoogleStandIn>();
    m_clock = std::make_unique<FakeClock>();
    m_pool = std::make_shared<providers::HttpPool>(*m_clock);
    m_settings = {};
    m_settings.credentials = m_google->serviceAccountText();
    m_settings.sttEndpoint = m_server.endpoint();
    m_tape = {};
}

void TestGoogleSpeech::cleanup()
{
    m_stream.reset();
    m_provider.reset();
    m_pool.reset();
    m_server.clear();
}

void TestGoogleSpeech::isProvenWhenMade()
{
    QCOMPARE(make(), QString());
    QCOMPARE(m_provider->name(), QStringLiteral("google"));
    QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).isEnded);
    QCOMPARE(seen(0).authorization, QStringLiteral("Bearer ya29.stand-in-1"));
    QCOMPARE(seen(0).bytes, 800);
    QVERIFY(!seen(0).isForeign);
    QVERIFY(seen(0).agent.contains(QLatin1String("kav-engine")));

    m_settings.credentials.clear();
    m_settings.apiKey = QString::fromLatin1(m_google->apiKey);
    QCOMPARE(make(), QString());
    QTRY_COMPARE(m_server.streams.size(), 2);
    QCOMPARE(seen(1).key, m_settings.apiKey);
    QVERIFY(seen(1).authorization.isEmpty());
}

void TestGoogleSpeech::whatIsWrongIsSaidWhenMade_data()
{
    QTest::addColumn<QString>("key");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("details");
    QTest::addColumn<Error::Code>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("a wrong key") << QStringLiteral("AIzaWrong0123456789") << 0 << QString() << Error::Code::Denied
                                 << QStringLiteral("127.0.0.1: there is no such API key");
    QTest::newRow("refused") << QString() << 16 << QStringLiteral("Request had invalid credentials.")
                             << Error::Code::Denied << QStringLiteral("the credentials or the account are refused");
    QTest::newRow("not enabled") << QString() << 7
                                 << QStringLiteral("Cloud Speech-to-Text API has not been used in project 7 before")
                                 << Error::Code::Denied << QStringLiteral("not enabled in the project");
    QTest::newRow("a wrong model") << QString() << 3 << QStringLiteral("Invalid recognition 'config': bad model")
                                   << Error::Code::Invalid << QStringLiteral("bad model");
    QTest::newRow("another service") << QString() << 12 << QStringLiteral("unknown service") << Error::Code::NotFound
                                     << QStringLiteral("no such service");
    QTest::newRow("silent") << QString() << -1 << QString() << Error::Code::Timeout
                            << QStringLiteral("no answer within 300 ms");
    QTest::newRow("half open") << QString() << -2 << QString() << Error::Code::Timeout
                               << QStringLiteral("no answer within 300 ms");
    QTest::newRow("nobody there") << QString() << -3 << QString() << Error::Code::Unavailable
                                  << QStringLiteral("no connection");
}

void TestGoogleSpeech::whatIsWrongIsSaidWhenMade()
{
    QFETCH(QString, key);
    QFETCH(int, status);
    QFETCH(QString, details);
    QFETCH(Error::Code, code);
    QFETCH(QString, words);
    if (!key.isEmpty()) {
        m_settings.credentials.clear();
        m_settings.apiKey = key;
    }
    if (status > 0)
        m_server.setScenario({{QStringLiteral("status"),
            QJsonObject{{QStringLiteral("code"), status}, {QStringLiteral("details"), details}}}});
    if (status == -1)
        m_server.setFault(VendorFault::HangBeforeAnswer);
    if (status == -2)
        m_server.setFault(VendorFault::HalfOpen);
    if (status == -1 || status == -2)
        m_settings.probe = 300ms;
    if (status == -3)
        m_settings.sttEndpoint = QStringLiteral("127.0.0.1:1");
    const QString error = make();
    QCOMPARE(m_error.code, code);
    QVERIFY2(error.contains(words), qPrintable(error));
    QVERIFY(!error.contains(QLatin1String("ya29")));
    QVERIFY(!error.contains(QLatin1String("AIza")));
}

void TestGoogleSpeech::theAddressIsCheckedFirst_data()
{
    QTest::addColumn<QString>("endpoint");
    QTest::addColumn<QString>("words");
    const auto form = QStringLiteral("not of the form host:port");
    QTest::newRow("empty") << QString() << form;
    QTest::newRow("a path") << QStringLiteral("speech.googleapis.com/v1") << form;
    QTest::newRow("a port that is none") << QStringLiteral("speech.googleapis.com:http") << form;
    QTest::newRow("another scheme") << QStringLiteral("ftp://speech.googleapis.com") << form;
    QTest::newRow("user info") << QStringLiteral("https://a:b@speech.googleapis.com") << form;
}

void TestGoogleSpeech::theAddressIsCheckedFirst()
{
    QFETCH(QString, endpoint);
    QFETCH(QString, words);
    m_settings.sttEndpoint = endpoint;
    const QString error = make();
    QCOMPARE(m_error.code, Error::Code::Invalid);
    QVERIFY2(error.contains(QLatin1String("KAV_GOOGLE_STT_ENDPOINT")) && error.contains(words), qPrintable(error));
    QVERIFY(m_google->asked.isEmpty());
}

void TestGoogleSpeech::wordsComeWhileTheCallerSpeaks()
{
    openStream();
    m_server.setScenario(
        scenarioOf({{200, interim(QStringLiteral("Hello"))}, {400, interim(QStringLiteral("Hello there"), 0.9)}},
            {final(QStringLiteral("Hello there."), 600)}));
    m_stream->write(std::vector<qint16>(160, 5)); // nobody asked for it
    m_stream->beginUtterance(1, {});
    speak(200);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1~hello")});
    speak(200);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1=hello there"));
    speak(210); // a piece that is not whole goes too
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello there"));
    QVERIFY(qAbs(m_notes->confidence - 0.8) < 0.01);
    QTRY_VERIFY(seen(0).isEnded);
    QCOMPARE(seen(0).audio, m_tape.played);
    QVERIFY(!seen(0).isForeign);
    QCOMPARE(config(0).value(QLatin1String("encoding")).toString(), QStringLiteral("MULAW"));
    QCOMPARE(config(0).value(QLatin1String("sample_rate_hertz")).toInt(), 8000);
    QCOMPARE(config(0).value(QLatin1String("language_code")).toString(), QStringLiteral("en-US"));
    QCOMPARE(seen(0).config.value(QLatin1String("interim_results")).toBool(), true);
    QVERIFY(!seen(0).config.value(QLatin1String("single_utterance")).toBool());
}

void TestGoogleSpeech::hebrewComesWhole()
{
    openStream();
    m_server.setScenario(scenarioOf(
        {{100, interim(QStringLiteral("אני רוצה"))}}, {final(QStringLiteral("אני רוצה לדבר עם ד״ר כהן"), 500)}));
    m_server.setWire(QStringLiteral("slow"));
    say(1, 500, hebrew());
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:אני רוצה לדבר עם ד״ר כהן"));
    QCOMPARE(m_notes->log.first(), QStringLiteral("1~אני רוצה"));
    QCOMPARE(config(0).value(QLatin1String("language_code")).toString(), QStringLiteral("he-IL"));
}

void TestGoogleSpeech::severalFinalsAreOneText()
{
    openStream();
    m_server.setScenario(scenarioOf({{100, final(QStringLiteral("One"), 100)}, {200, interim(QStringLiteral(" two"))}},
        {final(QStringLiteral(" two"), 300), final(QStringLiteral(" three"), 500)}));
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:one two three"));
    QCOMPARE(m_notes->log.mid(0, 2), (QStringList{QStringLiteral("1=one"), QStringLiteral("1~one two")}));
}

void TestGoogleSpeech::anEndWithoutAFinalKeepsTheWords()
{
    openStream();
    m_server.setScenario(scenarioOf({{100, interim(QStringLiteral("yes please"))}}, {}));
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:yes please"));
}

void TestGoogleSpeech::silenceIsNoWords()
{
    openStream();
    m_server.setScenario(scenarioOf({{100, {}}}, {}));
    say(1);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:")});
}

void TestGoogleSpeech::anUtteranceWithoutAudioIsNone()
{
    openStream();
    m_stream->beginUtterance(1, {});
    m_stream->endUtterance(1);
    QVERIFY(m_notes->log.isEmpty());
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:")});
    m_stream->endUtterance(1);
    m_stream->endUtterance(9);
    say(2);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("2:hello"));
}

void TestGoogleSpeech::hintsAndModelGoAlong()
{
    m_settings.sttModel = QStringLiteral("phone_call");
    openStream();
    RecognitionContext context = hebrew();
    context.phrases = {QStringLiteral("ד״ר כהן"), QStringLiteral("תור")};
    say(1, 100, context);
    QTRY_COMPARE(m_notes->log.size(), 2);
    QCOMPARE(config(0).value(QLatin1String("model")).toString(), QStringLiteral("phone_call"));
    QCOMPARE(config(0)
                 .value(QLatin1String("speech_contexts"))
                 .toArray()
                 .at(0)
                 .toObject()
                 .value(QLatin1String("phrases"))
                 .toArray(),
        (QJsonArray{QStringLiteral("ד״ר כהן"), QStringLiteral("תור")}));
    QVERIFY(!seen(0).isForeign);
}

void TestGoogleSpeech::utterancesFollowOneAnotherOnOneConnection()
{
    openStream();
    const int before = m_server.connections;
    for (int id = 1; id <= 6; ++id) {
        say(id, 100);
        QTRY_COMPARE(m_notes->last(), QString::number(id) + QStringLiteral(":hello"));
    }
    QVERIFY(m_server.connections <= before + 1); // the second channel, if it was still on its way
    // The next one begins before the last one's result is there.
    m_server.setFault(VendorFault::HangBeforeAnswer);
    say(7);
    QTRY_COMPARE(m_server.streams.size(), 7);
    m_server.setFault(VendorFault::None);
    say(8);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("8:hello"));
}

void TestGoogleSpeech::soundWaitsForTheToken()
{
    openStream();
    m_clock->advance(2h); // the token has ended
    m_google->setFault(VendorFault::HangBeforeAnswer, true);
    m_stream->beginUtterance(1, {});
    speak(400);
    QTRY_COMPARE(m_google->askedAt("/token").size(), 2);
    m_stream->endUtterance(1);
    QVERIFY(m_server.streams.isEmpty());
    m_google->asked.last().exchange->answer(
        200, "application/json", "{\"access_token\":\"ya29.later\",\"expires_in\":3599}");
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello"));
    QCOMPARE(seen(0).authorization, QStringLiteral("Bearer ya29.later"));
    QCOMPARE(seen(0).audio, m_tape.played);
}

void TestGoogleSpeech::aTokenThatIsRefusedFailsTheUtterance()
{
    openStream();
    m_clock->advance(2h);
    m_google->tokenRefusal = "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}";
    m_stream->beginUtterance(1, {});
    speak(100);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1!denied"));
    speak(100);
    m_stream->endUtterance(1);
    QTest::qWait(0);
    QCOMPARE(m_notes->log.size(), 1);
}

void TestGoogleSpeech::aLongUtteranceGoesOnInANewStream()
{
    m_settings.rollOver = 2s;
    openStream();
    m_server.setScenario(
        scenarioOf({{1600, final(QStringLiteral("first"), 1500)}, {1800, interim(QStringLiteral("sec"))}},
            {final(QStringLiteral("second"), 2000)}));
    m_stream->beginUtterance(1, {});
    speakInTime(1900);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1~first sec"));
    m_server.setScenario(
        scenarioOf({{300, interim(QStringLiteral("second"))}}, {final(QStringLiteral("second third"), 900)}));
    speakInTime(600);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1~first second"));
    QTRY_VERIFY(seen(0).isCancelled);
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:first second third"));
    QCOMPARE(m_server.streams.size(), 2);
    QTRY_VERIFY(seen(1).isEnded);
    QCOMPARE(seen(0).audio, m_tape.played.left(seen(0).audio.size()));
    // The new stream begins where the old one's last final result ended.
    QCOMPARE(seen(1).audio, m_tape.played.mid(1500 * 8));
    QVERIFY(seen(0).audio.size() >= 1500 * 8);
}

void TestGoogleSpeech::aLongUtteranceWithoutFinalsLosesNothing()
{
    m_settings.rollOver = 70s;
    openStream();
    m_server.setScenario(scenarioOf({}, {final(QStringLiteral("a minute of it"), 70000)}));
    m_stream->beginUtterance(1, {});
    for (int i = 0; i < 8; ++i) {
        speakInTime(9000);
        QTest::qWait(0);
        if (i == 6) { // the old stream is there, its successor is not yet
            QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).bytes >= 60000 * 8);
            m_server.setScenario(scenarioOf({}, {final(QStringLiteral("and the rest"), 2000)}));
        }
    }
    QTRY_COMPARE(m_server.streams.size(), 2);
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:a minute of it and the rest"));
    QTRY_VERIFY(seen(0).isEnded && seen(1).isEnded);
    QCOMPARE(seen(0).audio + seen(1).audio, m_tape.played);
    QVERIFY(seen(0).longestMessage <= 25000);
}

void TestGoogleSpeech::anOpenUtteranceIsKeptFedInSilence()
{
    openStream();
    m_stream->beginUtterance(1, {});
    speak(100);
    QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).bytes == 800);
    m_clock->advance(5s);
    QTRY_COMPARE(seen(0).bytes, 1600);
    m_clock->advance(5s);
    QTRY_COMPARE(seen(0).bytes, 2400);
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello"));
    QCOMPARE(seen(0).audio.mid(800), QByteArray(1600, '\xff'));
}

void TestGoogleSpeech::everyFaultIsAnError_data()
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

void TestGoogleSpeech::everyFaultIsAnError()
{
    QFETCH(VendorFault, fault);
    QFETCH(Error::Code, code);
    openStream();
    m_server.setFault(fault);
    say(1);
    if (code == Error::Code::Timeout) {
        if (fault != VendorFault::HalfOpen)
            QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).isEnded);
        QVERIFY(!m_notes->last().contains(QLatin1Char('!')));
        m_clock->advance(5s);
    }
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1!") + errorCodeName(code));
    QVERIFY(!toString(m_notes->error).contains(QLatin1String("ya29")));
    QVERIFY(m_notes->error.message.contains(QLatin1String("127.0.0.1")));
    // And then all is well again, on a new connection where the old one was lost or looks healthy and is not.
    m_server.setFault(VendorFault::None);
    int id = 2;
    for (; id < 40; ++id) { // a channel rests for a quarter of a second after its connection broke
        say(id, 100);
        const int told = int(m_notes->log.size());
        QTRY_VERIFY(m_notes->log.size() > told || m_notes->last().startsWith(QString::number(id)));
        QTRY_VERIFY(m_notes->last().contains(QLatin1Char(':')) || m_notes->last().contains(QLatin1Char('!')));
        if (m_notes->last() == QString::number(id) + QStringLiteral(":hello"))
            break;
        QTest::qWait(50);
    }
    QCOMPARE(m_notes->last(), QString::number(id) + QStringLiteral(":hello"));
}

void TestGoogleSpeech::everyStatusHasItsMeaning_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<Error::Code>("code");
    const auto row = [](int status, Error::Code code) { QTest::addRow("%d", status) << status << code; };
    row(1, Error::Code::Unavailable); // cancelled, and not by us
    row(2, Error::Code::Unavailable);
    row(3, Error::Code::Invalid);
    row(4, Error::Code::Timeout);
    row(5, Error::Code::NotFound);
    row(7, Error::Code::Denied);
    row(8, Error::Code::LimitExceeded);
    row(11, Error::Code::Invalid); // "Audio Timeout Error": it is this call that was silent
    row(12, Error::Code::NotFound);
    row(13, Error::Code::Unavailable);
    row(14, Error::Code::Unavailable);
    row(16, Error::Code::Denied);
}

void TestGoogleSpeech::everyStatusHasItsMeaning()
{
    QFETCH(int, status);
    QFETCH(Error::Code, code);
    openStream();
    QJsonObject scenario = scenarioOf({{100, interim(QStringLiteral("one"))}}, {});
    scenario.insert(QStringLiteral("status"),
        QJsonObject{{QStringLiteral("code"), status}, {QStringLiteral("details"), QStringLiteral("why it is so")}});
    scenario.insert(QStringLiteral("statusAtEnd"), true);
    m_server.setScenario(scenario);
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1!") + errorCodeName(code));
    QCOMPARE(m_notes->error.detail, QStringLiteral("why it is so"));
    // The same, as a message of its own in the stream.
    scenario = scenarioOf({{100,
                              QJsonObject{{QStringLiteral("error"),
                                  QJsonObject{{QStringLiteral("code"), status},
                                      {QStringLiteral("message"), QStringLiteral("said in the stream")}}}}}},
        {});
    m_server.setScenario(scenario);
    say(2);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("2!") + errorCodeName(code));
    QCOMPARE(m_notes->error.detail, QStringLiteral("said in the stream"));
}

void TestGoogleSpeech::aLimitSaysHowLongToStayAway_data()
{
    QTest::addColumn<QJsonObject>("delay");
    QTest::addColumn<qint64>("milliseconds");
    const auto row = [](const char* name, qint64 seconds, int nanos, qint64 milliseconds) {
        QTest::newRow(name) << QJsonObject{{QStringLiteral("seconds"), seconds}, {QStringLiteral("nanos"), nanos}}
                            << milliseconds;
    };
    QTest::newRow("not said") << QJsonObject() << qint64(0);
    row("some seconds", 12, 500000000, 12500);
    row("less than none", -5, -1, 0);
    row("for ever", 999999999, 0, 3600000);
}

void TestGoogleSpeech::aLimitSaysHowLongToStayAway()
{
    QFETCH(QJsonObject, delay);
    QFETCH(qint64, milliseconds);
    openStream();
    QJsonObject status{{QStringLiteral("code"), 8}, {QStringLiteral("details"), QStringLiteral("quota")}};
    if (!delay.isEmpty())
        status.insert(QStringLiteral("retryDelay"), delay);
    m_server.setScenario({{QStringLiteral("status"), status}});
    say(1);
    QTRY_VERIFY(!m_notes->log.isEmpty());
    QCOMPARE(m_notes->log, QStringList{QStringLiteral("1!limit-exceeded")});
    QCOMPARE(m_notes->error.retryAfter.count(), milliseconds);
}

void TestGoogleSpeech::slowBytesAreWaitedFor()
{
    openStream();
    m_server.setFault(VendorFault::SlowBytes);
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello"));
}

void TestGoogleSpeech::aDroppedUtteranceIsCancelled()
{
    openStream();
    m_stream->beginUtterance(1, {});
    speak(200);
    QTRY_VERIFY(!m_server.streams.isEmpty() && seen(0).bytes > 0);
    m_stream->dropUtterance(1);
    QTRY_VERIFY(seen(0).isCancelled);
    speak(200);
    m_stream->endUtterance(1);
    say(2);
    m_stream->dropUtterance(2);
    say(3);
    QTRY_COMPARE(m_notes->log, (QStringList{QStringLiteral("3=hello"), QStringLiteral("3:hello")}));
}

void TestGoogleSpeech::aStreamMayBeDeletedAtAnyMoment()
{
    openStream();
    for (int moment = 0; moment < 12; ++moment) {
        m_stream = m_provider->open({});
        m_stream->beginUtterance(1, {});
        if (moment > 0)
            speak(moment * 40);
        if (moment > 4)
            QTest::qWait(moment - 4);
        if (moment % 2)
            m_stream->endUtterance(1);
        if (moment > 8)
            QTest::qWait(1);
        m_stream.reset();
    }
    // In its own signals.
    m_stream = m_provider->open({});
    connect(m_stream.get(), &SpeechToTextStream::partial, this, [this] { m_stream.reset(); });
    say(1);
    QTRY_VERIFY(!m_stream);
    m_stream = m_provider->open({});
    connect(m_stream.get(), &SpeechToTextStream::finished, this, [this] { m_stream.reset(); });
    say(1);
    QTRY_VERIFY(!m_stream);
    m_server.setFault(VendorFault::Fault500);
    m_stream = m_provider->open({});
    connect(m_stream.get(), &SpeechToTextStream::failed, this, [this] { m_stream.reset(); });
    say(1);
    QTRY_VERIFY(!m_stream);
}

void TestGoogleSpeech::twentySpeakAtOnce()
{
    openStream();
    std::atomic<int> heard = 0;
    std::vector<std::unique_ptr<QThread>> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back(QThread::create([this, &heard] {
            QEventLoop loop;
            std::vector<std::unique_ptr<SpeechToTextStream>> calls;
            int left = 5;
            for (int i = 0; i < 5; ++i) {
                calls.push_back(m_provider->open({}));
                SpeechToTextStream* call = calls.back().get();
                QObject::connect(
                    call, &SpeechToTextStream::finished, call, [&, call](int id, const Transcript& transcript) {
                        if (transcript.text == QLatin1String("hello"))
                            ++heard;
                        if (id < 5) {
                            call->beginUtterance(id + 1, {});
                            call->write(std::vector<qint16>(1600, 1000));
                            call->endUtterance(id + 1);
                        } else if (--left == 0) {
                            loop.quit();
                        }
                    });
                QObject::connect(call, &SpeechToTextStream::failed, &loop, &QEventLoop::quit);
                call->beginUtterance(1, {});
                call->write(std::vector<qint16>(1600, 1000));
                call->endUtterance(1);
            }
            loop.exec();
        }));
        workers.back()->start();
    }
    for (const auto& worker : workers)
        QTRY_VERIFY_WITH_TIMEOUT(worker->isFinished(), 30000);
    QCOMPARE(heard.load(), 100);
}

void TestGoogleSpeech::tooManyWaitingFail()
{
    openStream();
    m_server.setFault(VendorFault::HangBeforeAnswer);
    for (int id = 1; id <= 9; ++id)
        say(id, 100);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("9!invalid")});
}

void TestGoogleSpeech::connectionsAreOpenedAhead()
{
    openStream();
    QTRY_COMPARE(m_server.connections, 2);
    m_provider->connectAhead(); // they are open
    m_server.reset();
    // The client sees it in its own time, and until then has nothing to open.
    QTRY_COMPARE((m_provider->connectAhead(), m_server.connections), 4);
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello"));
    QCOMPARE(m_server.connections, 4);
}

void TestGoogleSpeech::theProviderMayGoFirst()
{
    openStream();
    m_provider.reset();
    say(1);
    QTRY_COMPARE(m_notes->last(), QStringLiteral("1:hello"));
    m_server.setFault(VendorFault::HalfOpen);
    m_stream->beginUtterance(2, {});
    speak(1000);
    m_stream.reset(); // the last of it goes, with sound on its way to nobody
}

QTEST_GUILESS_MAIN(TestGoogleSpeech)
#include "tst_googlespeech.moc"
