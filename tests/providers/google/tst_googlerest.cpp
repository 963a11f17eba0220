// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/providers/google/googlerest.h"
#include "engine/providers/google/googlewords.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/googlestandin.h"

#include <QJsonArray>
#include <QTest>
#include <QTimer>

#include <chrono>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::GoogleRestSpeechToText;
using providers::RecognitionContext;
using providers::SpeechToTextStream;
using providers::Transcript;

namespace {
/// What one stream told, as a line a reader can follow: "1:hello 2!timeout".
struct Notes final {
    explicit Notes(SpeechToTextStream& stream)
    {
        QObject::connect(&stream, &SpeechToTextStream::finished, &stream, [this](int id, const Transcript& transcript) {
            log.append(QString::number(id) + QLatin1Char(':') + transcript.text);
            confidence = transcript.confidence;
        });
        QObject::connect(&stream, &SpeechToTextStream::failed, &stream, [this](int id, const Error& why) {
            log.append(QString::number(id) + QLatin1Char('!') + errorCodeName(why.code));
            error = why;
        });
    }
    QStringList log;
    double confidence = 0;
    Error error;
};

QByteArray resultOf(const QStringList& transcripts)
{
    QByteArray results;
    for (const QString& text : transcripts)
        results += (results.isEmpty() ? "" : ",") + QByteArray("{\"alternatives\":[{\"transcript\":\"") + text.toUtf8()
            + "\",\"confidence\":0.8},{\"transcript\":\"worse\"}]}";
    return "{\"results\":[" + results + "],\"totalBilledTime\":\"1s\"}";
}

RecognitionContext hebrew()
{
    RecognitionContext context;
    context.language = QStringLiteral("he-IL");
    return context;
}
} // namespace

/// Google's recogniser, an utterance at a time.
class TestGoogleRest final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        m_google = std::make_unique<GoogleStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<providers::HttpPool>(*m_clock);
        providers::GoogleSettings settings;
        settings.credentials = m_google->serviceAccountText();
        settings.sttUrl = m_google->url();
        auto made = GoogleRestSpeechToText::create(settings, m_pool, *m_clock);
        QVERIFY2(made.ok(), qPrintable(made ? QString() : toString(made.error())));
        m_provider = *made;
        m_stream = m_provider->open({});
        m_notes = std::make_unique<Notes>(*m_stream);
        m_google->asked.clear();
    }
    void cleanup()
    {
        m_stream.reset();
        m_provider.reset();
        m_pool.reset();
    }

    void anUtteranceIsSentWholeWhenItEnds();
    void hintsAndLanguageGoAlong();
    void theTextIsWords_data();
    void theTextIsWords();
    void severalResultsAreOneText();
    void silenceIsNoWords();
    void anUtteranceWithoutAudioAsksNothing();
    void aLongUtteranceGoesInParts();
    void utterancesFollowOneAnother();
    void aDroppedOneIsNotHeardOf();
    void tooManyWaitingFail();
    void everyFaultIsAnError_data();
    void everyFaultIsAnError();
    void aStreamMayBeDeletedAtAnyMoment();

private:
    void say(int id, const RecognitionContext& context = {}, Milliseconds length = 500ms)
    {
        m_stream->beginUtterance(id, context);
        const std::vector<qint16> pcm(std::size_t(length.count()) * 8, 1000);
        m_stream->write(pcm);
        m_stream->endUtterance(id);
    }
    QByteArray audioOf(int index)
    {
        return QByteArray::fromBase64(m_google->asked.at(index)
                                          .json.value(QLatin1String("audio"))
                                          .toObject()
                                          .value(QLatin1String("content"))
                                          .toString()
                                          .toLatin1());
    }
    QJsonObject config() { return m_google->asked.last().json.value(QLatin1String("config")).toObject(); }

    std::unique_ptr<GoogleStandIn> m_google;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<providers::HttpPool> m_pool;
    std::shared_ptr<GoogleRestSpeechToText> m_provider;
    std::unique_ptr<SpeechToTextStream> m_stream;
    std::unique_ptr<Notes> m_notes;
};

void TestGoogleRest::anUtteranceIsSentWholeWhenItEnds()
{
    QCOMPARE(m_provider->name(), QStringLiteral("google-rest"));
    m_stream->write(std::vector<qint16>(160, 5)); // nobody asked for it
    m_stream->beginUtterance(1, {});
    QByteArray mulaw;
    for (int i = 0; i < 50; ++i) {
        const std::vector<qint16> frame(160, qint16(i * 100));
        m_stream->write(frame);
        mulaw += QByteArray(160, char(media::toMulaw(qint16(i * 100))));
    }
    QVERIFY(m_google->asked.isEmpty());
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:hello")});
    QCOMPARE(m_notes->confidence, 0.9);
    QCOMPARE(m_google->asked.size(), 1);
    QCOMPARE(audioOf(0), mulaw);
    QCOMPARE(config().value(QLatin1String("encoding")).toString(), QStringLiteral("MULAW"));
    QCOMPARE(config().value(QLatin1String("sampleRateHertz")).toInt(), 8000);
    QCOMPARE(config().value(QLatin1String("languageCode")).toString(), QStringLiteral("en-US"));
    QVERIFY(!config().contains(QLatin1String("speechContexts")));
}

void TestGoogleRest::hintsAndLanguageGoAlong()
{
    RecognitionContext context = hebrew();
    context.phrases = {QStringLiteral("ד״ר כהן"), QString(), QString(200, QLatin1Char('x')), QStringLiteral("תור")};
    say(1, context);
    QTRY_COMPARE(m_notes->log.size(), 1);
    QCOMPARE(config().value(QLatin1String("languageCode")).toString(), QStringLiteral("he-IL"));
    QCOMPARE(config()
                 .value(QLatin1String("speechContexts"))
                 .toArray()
                 .at(0)
                 .toObject()
                 .value(QLatin1String("phrases"))
                 .toArray(),
        (QJsonArray{QStringLiteral("ד״ר כהן"), QStringLiteral("תור")}));
}

void TestGoogleRest::theTextIsWords_data()
{
    QTest::addColumn<QString>("language");
    QTest::addColumn<bool>("digits");
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* name, const char* language, bool digits, const QString& said,
                         const QString& words) {
        QTest::newRow(name) << QString::fromLatin1(language) << digits << said << words;
    };
    row("case and marks", "en-US", false, QStringLiteral("Hello, I'd like... to talk!"),
        QStringLiteral("hello i'd like to talk"));
    row("a number", "en-US", true, QStringLiteral("It's 555-1234."),
        QStringLiteral("it's five five five one two three four"));
    row("figures in a sentence", "en-US", false, QStringLiteral("At 10:30, for $3.50."),
        QStringLiteral("at 10:30 for $3.50"));
    row("Hebrew", "he-IL", false, QStringLiteral("שלום, אפשר לדבר עם ד״ר כהן? או עו\"ד לוי."),
        QStringLiteral("שלום אפשר לדבר עם ד״ר כהן או עו\"ד לוי"));
    row("a Hebrew number", "he-IL", true, QStringLiteral("המספר 03-5551234"), QStringLiteral("המספר 03 5551234"));
    row("beyond the first plane", "en-US", false, QStringLiteral("𝒜 yes"), QStringLiteral("𝒜 yes"));
}

void TestGoogleRest::theTextIsWords()
{
    QFETCH(QString, language);
    QFETCH(bool, digits);
    QFETCH(QString, said);
    QFETCH(QString, words);
    RecognitionContext context;
    context.language = language;
    context.digits = digits;
    QCOMPARE(providers::wordsOf(said, context), words);
}

void TestGoogleRest::severalResultsAreOneText()
{
    m_google->results = {resultOf({QStringLiteral("שלום"), QStringLiteral("מה שלומך")})};
    say(1, hebrew());
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:שלום מה שלומך")});
    QCOMPARE(m_notes->confidence, 0.8);
}

void TestGoogleRest::silenceIsNoWords()
{
    m_google->results = {"{}", "{\"totalBilledTime\":\"2s\",\"requestId\":\"5\"}", resultOf({QString()})};
    say(1);
    say(2);
    say(3);
    QTRY_COMPARE(m_notes->log.size(), 3);
    QVERIFY(m_notes->log.contains(QStringLiteral("1:")));
    QCOMPARE(m_notes->confidence, 0.0);
}

void TestGoogleRest::anUtteranceWithoutAudioAsksNothing()
{
    m_stream->beginUtterance(1, {});
    m_stream->endUtterance(1);
    QVERIFY(m_notes->log.isEmpty());
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:")});
    m_stream->endUtterance(1);
    m_stream->endUtterance(7);
    QTest::qWait(0);
    QCOMPARE(m_notes->log.size(), 1);
    QVERIFY(m_google->asked.isEmpty());
}

void TestGoogleRest::aLongUtteranceGoesInParts()
{
    m_google->setFault(VendorFault::HangBeforeAnswer);
    m_stream->beginUtterance(1, {});
    const std::vector<qint16> second(8000, 1000);
    for (int i = 0; i < 120; ++i)
        m_stream->write(second);
    QTRY_COMPARE(m_google->asked.size(), 2); // while it is still spoken
    m_stream->endUtterance(1);
    QTRY_COMPARE(m_google->asked.size(), 3);
    QCOMPARE(audioOf(0).size() + audioOf(1).size() + audioOf(2).size(), 120 * 8000);
    for (int i = 0; i < 3; ++i)
        QVERIFY(audioOf(i).size() <= 60 * 8000);
    const auto answer = [this](qsizetype bytes, const QString& text) {
        for (int i = 0; i < 3; ++i)
            if (audioOf(i).size() == bytes && m_google->asked[i].exchange
                && !m_google->asked[i].query.startsWith('x')) {
                m_google->asked[i].query = "x";
                m_google->asked[i].exchange->answer(200, "application/json", resultOf({text}));
                return;
            }
    };
    answer(10 * 8000, QStringLiteral("end"));
    answer(55 * 8000, QStringLiteral("part"));
    QTest::qWait(0);
    QVERIFY(m_notes->log.isEmpty());
    answer(55 * 8000, QStringLiteral("part"));
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1:part part end")});
}

void TestGoogleRest::utterancesFollowOneAnother()
{
    m_google->setFault(VendorFault::HangBeforeAnswer);
    say(1);
    say(2);
    QTRY_COMPARE(m_google->asked.size(), 2);
    m_google->asked[1].exchange->answer(200, "application/json", resultOf({QStringLiteral("two")}));
    QTRY_COMPARE(m_notes->log.size(), 1);
    m_google->asked[0].exchange->answer(200, "application/json", resultOf({QStringLiteral("one")}));
    QTRY_COMPARE(m_notes->log.size(), 2);
    m_notes->log.sort();
    QVERIFY(m_notes->log[0].startsWith(QLatin1String("1:")) && m_notes->log[1].startsWith(QLatin1String("2:")));
}

void TestGoogleRest::aDroppedOneIsNotHeardOf()
{
    m_google->setFault(VendorFault::HangBeforeAnswer);
    say(1);
    QTRY_COMPARE(m_google->asked.size(), 1);
    bool seen = false;
    connect(m_google->asked[0].exchange, &VendorExchange::gone, this, [&seen] { seen = true; });
    m_stream->dropUtterance(1);
    QTRY_VERIFY(seen);
    m_stream->beginUtterance(2, {});
    m_stream->write(std::vector<qint16>(160, 5));
    m_stream->dropUtterance(2);
    m_stream->write(std::vector<qint16>(160, 5));
    m_stream->endUtterance(2);
    m_google->setFault(VendorFault::None);
    say(3);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("3:hello")});
    QCOMPARE(m_google->asked.size(), 2);
}

void TestGoogleRest::tooManyWaitingFail()
{
    m_google->setFault(VendorFault::HangBeforeAnswer);
    for (int i = 1; i <= 9; ++i)
        say(i);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("9!invalid")});
}

void TestGoogleRest::everyFaultIsAnError_data()
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

void TestGoogleRest::everyFaultIsAnError()
{
    QFETCH(VendorFault, fault);
    QFETCH(Error::Code, code);
    m_google->setFault(fault);
    say(1);
    QTimer wait;
    connect(&wait, &QTimer::timeout, this, [this] { m_clock->advance(1s); });
    if (code == Error::Code::Timeout)
        wait.start(1);
    QTRY_COMPARE(m_notes->log, QStringList{QStringLiteral("1!") + errorCodeName(code)});
    QVERIFY(!toString(m_notes->error).contains(QLatin1String("ya29")));
    if (fault == VendorFault::Limit429)
        QCOMPARE(m_notes->error.retryAfter, Milliseconds(7000));
    wait.stop();
    m_google->setFault(VendorFault::None);
    say(2);
    QTRY_COMPARE(m_notes->log.size(), 2);
    QCOMPARE(m_notes->log[1], QStringLiteral("2:hello"));
}

void TestGoogleRest::aStreamMayBeDeletedAtAnyMoment()
{
    say(1);
    m_stream.reset();
    m_stream = m_provider->open({});
    connect(m_stream.get(), &SpeechToTextStream::finished, this, [this] { m_stream.reset(); });
    say(1);
    say(2);
    QTRY_VERIFY(!m_stream);
    m_stream = m_provider->open({});
    say(1);
    QTRY_VERIFY(m_google->asked.size() >= 2);
    m_stream.reset();
    m_provider.reset(); // streams keep what they need
}

QTEST_GUILESS_MAIN(TestGoogleRest)
#include "tst_googlerest.moc"
