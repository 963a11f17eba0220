// SPDX-License-Identifier: Apache-2.0
#include "engine/media/resampler.h"
#include "engine/media/wav.h"
#include "engine/providers/openai/openaitranscription.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/openaistandin.h"

#include <QTest>

#include <cmath>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {
/// What one recogniser told.
struct Ear final {
    explicit Ear(std::unique_ptr<SpeechToTextStream> opened)
        : stream(std::move(opened))
    {
        SpeechToTextStream* s = stream.get();
        QObject::connect(
            s, &SpeechToTextStream::partial, s, [this](int id) { log += QStringLiteral("partial %1 ").arg(id); });
        QObject::connect(s, &SpeechToTextStream::finished, s, [this](int id, const Transcript& transcript) {
            log += QStringLiteral("finished %1 ").arg(id);
            text[id] = transcript.text;
        });
        QObject::connect(s, &SpeechToTextStream::failed, s, [this](int id, const Error& e) {
            log += QStringLiteral("failed %1 ").arg(id);
            error = e;
        });
    }
    Q_DISABLE_COPY_MOVE(Ear)
    std::unique_ptr<SpeechToTextStream> stream;
    QString log;
    QMap<int, QString> text;
    Error error;
};

std::vector<qint16> voice(std::chrono::milliseconds length, int amplitude = 6000)
{
    std::vector<qint16> pcm(std::size_t(length.count() * 8));
    for (std::size_t i = 0; i < pcm.size(); ++i)
        pcm[i] = qint16(amplitude * std::sin(2 * M_PI * 300 * double(i) / 8000));
    return pcm;
}
} // namespace

/// "The caller says this; the server is sent that; these were the words".
class TestOpenAiTranscription final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        m_vendor = std::make_unique<OpenAiStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        m_settings = {};
        m_settings.service.base = m_vendor->url();
        m_settings.service.key = QString::fromLatin1(m_vendor->key);
        m_recogniser.reset();
    }
    void cleanup()
    {
        m_recogniser.reset();
        m_pool.reset();
    }

    void anUtteranceIsSentWhole();
    void theServerIsToldWhatToExpect();
    void aLocalServerNeedsNoKey();
    void hebrewIsHebrew();
    void numbersAreWords();
    void plainTextIsTakenToo();
    void silenceIsNotAskedAbout_data();
    void silenceIsNotAskedAbout();
    void thanksOverSilenceAreDropped();
    void hintsThatComeBackAreNoWords();
    void aLongUtteranceIsCut();
    void whatIsOutOfOrderIsIgnored();
    void aDroppedUtteranceIsSilent();
    void utterancesFollowOneAnother();
    void notTooManyWait();
    void everyFaultIsAFailure_data();
    void everyFaultIsAFailure();
    void slowBytesAreAnAnswer();
    void anAnswerThatIsNone_data();
    void anAnswerThatIsNone();
    void aStreamMayBeDeletedInItsOwnSignal();
    void aRefusedKeyIsSaidInWords();

private:
    Ear listen(const QString& language = QStringLiteral("en-US"))
    {
        if (!m_recogniser) {
            auto made = OpenAiTranscription::create(m_settings, m_pool, *m_clock);
            if (!made)
                qFatal("%s", qPrintable(toString(made.error())));
            m_recogniser = *made;
        }
        CallInfo call;
        call.language = language;
        return Ear(m_recogniser->open(call));
    }
    static void say(Ear& ear, int id, const std::vector<qint16>& pcm, const RecognitionContext& context = {})
    {
        ear.stream->beginUtterance(id, context);
        for (std::size_t at = 0; at < pcm.size(); at += 160)
            ear.stream->write(std::span(pcm).subspan(at, std::min<std::size_t>(160, pcm.size() - at)));
        ear.stream->endUtterance(id);
    }

    std::unique_ptr<OpenAiStandIn> m_vendor;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    OpenAiTranscriptionSettings m_settings;
    std::shared_ptr<OpenAiTranscription> m_recogniser;
};

void TestOpenAiTranscription::anUtteranceIsSentWhole()
{
    m_vendor->transcripts = {QStringLiteral(" I'd like an appointment. ")};
    Ear ear = listen();
    const std::vector<qint16> said = voice(std::chrono::milliseconds(1010));
    say(ear, 1, said);
    QVERIFY(ear.log.isEmpty());
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    QCOMPARE(ear.text[1], QStringLiteral("i'd like an appointment"));
    QCOMPARE(m_recogniser->name(), QStringLiteral("openai"));

    const OpenAiStandIn::Asked& asked = m_vendor->asked.last();
    QCOMPARE(asked.path, "/v1/audio/transcriptions");
    QCOMPARE(asked.authorization, "Bearer " + m_vendor->key);
    QCOMPARE(asked.fileName, QStringLiteral("utterance.wav"));
    const auto wav = media::parseWav(asked.form.value(QStringLiteral("file")));
    QVERIFY2(wav.ok(), wav.ok() ? "" : qPrintable(wav.error().message));
    QCOMPARE(wav->sampleRate, 16000);
    QCOMPARE(wav->channels, 1);
    QVERIFY(qAbs(qint64(wav->samples.size()) - qint64(said.size() * 2)) <= 2);
    const auto expected = media::resampled(said, 8000, 16000);
    QCOMPARE(wav->samples, *expected);
}

void TestOpenAiTranscription::theServerIsToldWhatToExpect()
{
    m_settings.model = QStringLiteral("large-v3");
    Ear ear = listen();
    RecognitionContext context;
    context.language = QStringLiteral("he-IL");
    context.phrases = QStringList{QStringLiteral("ד\"ר כהן"), QStringLiteral("Kav\r\n--x"), QString(2000, u'x')};
    say(ear, 1, voice(std::chrono::seconds(1)), context);
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    const auto& form = m_vendor->asked.last().form;
    QCOMPARE(form.value(QStringLiteral("model")), "large-v3");
    QCOMPARE(form.value(QStringLiteral("language")), "he");
    QCOMPARE(form.value(QStringLiteral("prompt")), "ד\"ר כהן, Kav --x");
    QCOMPARE(form.value(QStringLiteral("response_format")), "json");
    QCOMPARE(form.value(QStringLiteral("temperature")), "0");
    QCOMPARE(form.size(), 6);
    // Nothing to say: nothing is said.
    say(ear, 2, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 finished 2 "));
    QVERIFY(!m_vendor->asked.last().form.contains(QStringLiteral("prompt")));
    QCOMPARE(m_vendor->asked.last().form.value(QStringLiteral("language")), "en");
}

void TestOpenAiTranscription::aLocalServerNeedsNoKey()
{
    m_vendor->key.clear();
    m_vendor->hasModels = false;
    m_settings.service.key.clear();
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    QVERIFY(m_vendor->asked.last().authorization.isEmpty());
}

void TestOpenAiTranscription::hebrewIsHebrew()
{
    m_vendor->transcripts = {QStringLiteral(" שלום, קוראים לי דנה. ")};
    m_vendor->pieceBytes = 1;
    Ear ear = listen(QStringLiteral("he-IL"));
    RecognitionContext context;
    context.language.clear(); // the call's holds
    say(ear, 1, voice(std::chrono::seconds(1)), context);
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    QCOMPARE(ear.text[1], QStringLiteral("שלום קוראים לי דנה"));
    QCOMPARE(m_vendor->asked.last().form.value(QStringLiteral("language")), "he");
}

void TestOpenAiTranscription::numbersAreWords()
{
    m_vendor->transcripts = {QStringLiteral("555-1234."), QStringLiteral("At 5.")};
    Ear ear = listen();
    RecognitionContext context;
    context.digits = true;
    say(ear, 1, voice(std::chrono::seconds(1)), context);
    QTRY_COMPARE(ear.text.value(1), QStringLiteral("five five five one two three four"));
    say(ear, 2, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.text.value(2), QStringLiteral("at 5"));
}

void TestOpenAiTranscription::plainTextIsTakenToo()
{
    m_vendor->plainTranscripts = true;
    m_vendor->transcripts = {QStringLiteral("Hello there.\n")};
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.text.value(1), QStringLiteral("hello there"));
}

void TestOpenAiTranscription::silenceIsNotAskedAbout_data()
{
    QTest::addColumn<int>("ms");
    QTest::addColumn<int>("amplitude");
    QTest::addColumn<bool>("isAsked");
    QTest::newRow("no audio at all") << 0 << 0 << false;
    QTest::newRow("too short") << 80 << 6000 << false;
    QTest::newRow("silence") << 3000 << 0 << false;
    QTest::newRow("comfort noise") << 3000 << 60 << false;
    QTest::newRow("a quiet caller") << 1000 << 250 << true;
    QTest::newRow("a short yes") << 160 << 6000 << true;
}

void TestOpenAiTranscription::silenceIsNotAskedAbout()
{
    QFETCH(int, ms);
    QFETCH(int, amplitude);
    QFETCH(bool, isAsked);
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::milliseconds(ms), amplitude));
    QVERIFY(ear.log.isEmpty()); // never from inside endUtterance()
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    QCOMPARE(ear.text[1], isAsked ? QStringLiteral("hello") : QString());
    QCOMPARE(m_vendor->asked.size(), isAsked ? 1 : 0);
}

void TestOpenAiTranscription::thanksOverSilenceAreDropped()
{
    m_vendor->transcripts = {
        QStringLiteral("Thank you."), QStringLiteral("Thank you."), QStringLiteral("[BLANK_AUDIO]")};
    Ear ear = listen();
    std::vector<qint16> click = voice(std::chrono::milliseconds(60));
    click.resize(16000);
    say(ear, 1, click);
    say(ear, 2, voice(std::chrono::milliseconds(700)));
    say(ear, 3, voice(std::chrono::milliseconds(700)));
    QTRY_COMPARE(ear.text.size(), 3);
    QStringList heard = ear.text.values();
    QVERIFY(ear.text[1].isEmpty());
    QCOMPARE(heard.filter(QStringLiteral("thank you")).size(), 1);
}

void TestOpenAiTranscription::hintsThatComeBackAreNoWords()
{
    m_vendor->transcripts = {QStringLiteral("Dr. Cohen, Kav."), QStringLiteral("Dr. Cohen.")};
    Ear ear = listen();
    RecognitionContext context;
    context.phrases = QStringList{QStringLiteral("Dr. Cohen"), QStringLiteral("Kav")};
    say(ear, 1, voice(std::chrono::seconds(1)), context);
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    QCOMPARE(ear.text[1], QString());
    say(ear, 2, voice(std::chrono::seconds(1)), context);
    QTRY_COMPARE(ear.text.value(2), QStringLiteral("dr cohen"));
}

void TestOpenAiTranscription::aLongUtteranceIsCut()
{
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::seconds(50)));
    QTRY_COMPARE(ear.log, QStringLiteral("finished 1 "));
    const auto wav = media::parseWav(m_vendor->asked.last().form.value(QStringLiteral("file")));
    QCOMPARE(wav->samples.size(), std::size_t(35 * 16000));
}

void TestOpenAiTranscription::whatIsOutOfOrderIsIgnored()
{
    Ear ear = listen();
    const std::vector<qint16> pcm = voice(std::chrono::seconds(1));
    ear.stream->write(pcm);
    ear.stream->endUtterance(1);
    ear.stream->dropUtterance(1);
    ear.stream->beginUtterance(2, {});
    ear.stream->write(pcm);
    ear.stream->endUtterance(1);
    ear.stream->beginUtterance(3, {}); // the open one was never ended
    ear.stream->write(pcm);
    ear.stream->endUtterance(3);
    ear.stream->endUtterance(3);
    QTRY_COMPARE(ear.log, QStringLiteral("finished 3 "));
    QTest::qWait(20);
    QCOMPARE(ear.log, QStringLiteral("finished 3 "));
    QCOMPARE(m_vendor->asked.size(), 1);
}

void TestOpenAiTranscription::aDroppedUtteranceIsSilent()
{
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::milliseconds(0))); // answered without asking
    ear.stream->dropUtterance(1);
    m_vendor->setFault(VendorFault::HangBeforeAnswer);
    say(ear, 2, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(m_vendor->asked.size(), 1);
    ear.stream->dropUtterance(2);
    QTRY_VERIFY(m_vendor->asked.last().exchange->isGone());
    ear.stream->beginUtterance(3, {});
    ear.stream->dropUtterance(3);
    ear.stream->endUtterance(3);
    QTest::qWait(20);
    QVERIFY(ear.log.isEmpty());
}

void TestOpenAiTranscription::utterancesFollowOneAnother()
{
    Ear ear = listen();
    for (int id = 1; id <= 5; ++id) {
        say(ear, id, voice(std::chrono::milliseconds(500)));
        QTRY_VERIFY(ear.text.contains(id));
    }
    QCOMPARE(ear.log, QStringLiteral("finished 1 finished 2 finished 3 finished 4 finished 5 "));
    QCOMPARE(m_vendor->server.connections, 1);
}

void TestOpenAiTranscription::notTooManyWait()
{
    Ear ear = listen();
    m_vendor->setFault(VendorFault::HangBeforeAnswer);
    for (int id = 1; id <= OpenAiTranscription::MostUnderWay; ++id)
        say(ear, id, voice(std::chrono::milliseconds(500)));
    say(ear, 99, voice(std::chrono::milliseconds(500)));
    QTRY_COMPARE(ear.log, QStringLiteral("failed 99 "));
    QCOMPARE(ear.error.code, Error::Code::Invalid);
}

void TestOpenAiTranscription::everyFaultIsAFailure_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<int>("code");
    QTest::addColumn<bool>("byClock");
    QTest::newRow("401") << VendorFault::Refuse401 << int(Error::Code::Denied) << false;
    QTest::newRow("429") << VendorFault::Limit429 << int(Error::Code::LimitExceeded) << false;
    QTest::newRow("500") << VendorFault::Fault500 << int(Error::Code::Unavailable) << false;
    QTest::newRow("reset before the answer")
        << VendorFault::ResetBeforeAnswer << int(Error::Code::Unavailable) << false;
    QTest::newRow("reset in the answer") << VendorFault::ResetMidAnswer << int(Error::Code::Unavailable) << false;
    QTest::newRow("hang before the answer") << VendorFault::HangBeforeAnswer << int(Error::Code::Timeout) << true;
    QTest::newRow("hang in the answer") << VendorFault::HangMidAnswer << int(Error::Code::Timeout) << true;
    QTest::newRow("garbage") << VendorFault::Garbage << int(Error::Code::Unavailable) << false;
    QTest::newRow("half open") << VendorFault::HalfOpen << int(Error::Code::Timeout) << true;
}

void TestOpenAiTranscription::everyFaultIsAFailure()
{
    QFETCH(VendorFault, fault);
    QFETCH(int, code);
    QFETCH(bool, byClock);
    Ear ear = listen();
    m_vendor->setFault(fault);
    say(ear, 1, voice(std::chrono::seconds(1)));
    if (byClock) {
        QTest::qWait(60);
        QVERIFY(ear.log.isEmpty());
        m_clock->advance(m_settings.service.stall);
    }
    QTRY_COMPARE(ear.log, QStringLiteral("failed 1 "));
    QCOMPARE(int(ear.error.code), code);
    QVERIFY(!toString(ear.error).contains(m_settings.service.key));
    m_vendor->setFault(VendorFault::None);
    say(ear, 2, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.log, QStringLiteral("failed 1 finished 2 "));
}

void TestOpenAiTranscription::slowBytesAreAnAnswer()
{
    m_vendor->transcripts = {QStringLiteral("שלום")};
    Ear ear = listen();
    m_vendor->setFault(VendorFault::SlowBytes);
    say(ear, 1, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.text.value(1), QStringLiteral("שלום"));
}

void TestOpenAiTranscription::anAnswerThatIsNone_data()
{
    QTest::addColumn<QString>("body");
    QTest::addColumn<QString>("words");
    QTest::newRow("half of JSON") << QStringLiteral("{\"text\":\"hel") << QStringLiteral("without a text");
    QTest::newRow("no text") << QStringLiteral("{\"words\":[]}") << QStringLiteral("without a text");
    QTest::newRow("text that is none") << QStringLiteral("{\"text\":7}") << QStringLiteral("without a text");
    QTest::newRow("an error") << QStringLiteral("{\"error\":\"FFmpeg conversion failed.\"}")
                              << QStringLiteral("FFmpeg conversion failed");
    QTest::newRow("a page") << QStringLiteral("<!DOCTYPE html><html></html>") << QStringLiteral("a page");
    QTest::newRow("an endless one") << QString(300 * 1024, u'x') << QStringLiteral("longer than");
}

void TestOpenAiTranscription::anAnswerThatIsNone()
{
    QFETCH(QString, body);
    QFETCH(QString, words);
    m_vendor->plainTranscripts = true;
    m_vendor->transcripts = {body};
    Ear ear = listen();
    say(ear, 1, voice(std::chrono::seconds(1)));
    QTRY_COMPARE(ear.log, QStringLiteral("failed 1 "));
    QVERIFY2(ear.error.message.contains(words), qPrintable(toString(ear.error)));
}

void TestOpenAiTranscription::aStreamMayBeDeletedInItsOwnSignal()
{
    for (int length : {0, 1000}) {
        Ear ear = listen();
        bool told = false;
        connect(ear.stream.get(), &SpeechToTextStream::finished, this, [&] {
            told = true;
            ear.stream.reset();
        });
        say(ear, 1, voice(std::chrono::milliseconds(length)));
        QTRY_VERIFY(told);
    }
}

void TestOpenAiTranscription::aRefusedKeyIsSaidInWords()
{
    m_settings.service.key = QStringLiteral("sk-wrong");
    auto made = OpenAiTranscription::create(m_settings, m_pool, *m_clock);
    QVERIFY(!made.ok());
    QVERIFY(made.error().message.contains(QLatin1String("answered 401: the key or the account is refused")));
}

QTEST_GUILESS_MAIN(TestOpenAiTranscription)
#include "tst_openaitranscription.moc"
