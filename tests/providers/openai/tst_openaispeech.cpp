// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/providers/openai/openaispeech.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/openaistandin.h"

#include <QTest>
#include <QtEndian>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {
/// What one speech told.
struct Voice final {
    explicit Voice(std::unique_ptr<Speech> begun)
        : speech(std::move(begun))
    {
        Speech* s = speech.get();
        QObject::connect(s, &Speech::audio, s, [this](const QByteArray& mulaw) {
            sound += mulaw;
            ++pieces;
        });
        QObject::connect(s, &Speech::finished, s, [this] { log += QStringLiteral("finished "); });
        QObject::connect(s, &Speech::failed, s, [this](const Error& e) {
            log += QStringLiteral("failed ");
            error = e;
        });
    }
    Q_DISABLE_COPY_MOVE(Voice)
    std::unique_ptr<Speech> speech;
    QByteArray sound;
    int pieces = 0;
    QString log;
    Error error;
};

/// The sound of 24 kHz PCM on the telephone.
QByteArray mulawOf(const QByteArray& pcm, int rate = 24000)
{
    std::vector<qint16> samples(std::size_t(pcm.size() / 2));
    qFromLittleEndian<qint16>(pcm.data(), pcm.size() / 2, samples.data());
    const auto narrow = media::resampled(samples, rate, 8000);
    QByteArray mulaw(qsizetype(narrow->size()), Qt::Uninitialized);
    media::encodeMulaw(*narrow, {reinterpret_cast<quint8*>(mulaw.data()), narrow->size()});
    return mulaw;
}

QByteArray wavHead(int rate)
{
    const auto number = [](auto value) {
        QByteArray bytes(sizeof value, Qt::Uninitialized);
        qToLittleEndian(value, bytes.data());
        return bytes;
    };
    return QByteArray("RIFF") + number(quint32(0xffffffff)) + "WAVEfmt " + number(quint32(16)) + number(quint16(1))
        + number(quint16(1)) + number(quint32(rate)) + number(quint32(rate * 2)) + number(quint16(2))
        + number(quint16(16)) + "data" + number(quint32(0xffffffff));
}
} // namespace

/// "This is to be said; the server sends that; the caller hears so".
class TestOpenAiSpeech final : public QObject {
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
        m_synthesiser.reset();
    }
    void cleanup()
    {
        m_synthesiser.reset();
        m_pool.reset();
    }

    void aSentenceIsSpoken();
    void theVoiceIsTheRequests();
    void soundIsGivenAsItArrives();
    void oddPiecesAreNoNoise_data();
    void oddPiecesAreNoNoise();
    void wavIsTakenToo();
    void mp3IsRefusedInWords();
    void nothingToSayIsSaidAtOnce();
    void aLongTextIsSpokenInPieces();
    void anAnswerWithoutSound();
    void everyFaultIsAFailure_data();
    void everyFaultIsAFailure();
    void slowBytesAreAnAnswer();
    void aSpeechThatIsDeletedIsNotMadeAnyMore();
    void aSpeechMayBeDeletedInItsOwnSignal_data();
    void aSpeechMayBeDeletedInItsOwnSignal();
    void sentencesShareConnections();
    void aRefusedKeyIsSaidInWords();

private:
    Voice speak(const QString& text, const QString& voice = {})
    {
        make();
        SpeechRequest request;
        request.text = text;
        request.voice = voice;
        return Voice(m_synthesiser->speak(request));
    }
    void make()
    {
        if (m_synthesiser)
            return;
        auto made = OpenAiSpeech::create(m_settings, m_pool, *m_clock);
        if (!made)
            qFatal("%s", qPrintable(toString(made.error())));
        m_synthesiser = *made;
    }

    std::unique_ptr<OpenAiStandIn> m_vendor;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    OpenAiSpeechSettings m_settings;
    std::shared_ptr<OpenAiSpeech> m_synthesiser;
};

void TestOpenAiSpeech::aSentenceIsSpoken()
{
    const QString text = QStringLiteral("שלום, מה שלומך?");
    Voice voice = speak(text);
    QVERIFY(voice.log.isEmpty());
    QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    QCOMPARE(voice.sound, mulawOf(OpenAiStandIn::pcmOf(text)));
    QVERIFY(qAbs(voice.sound.size() - text.size() * 800) <= 1);
    const OpenAiStandIn::Asked& asked = m_vendor->asked.last();
    QCOMPARE(asked.path, "/v1/audio/speech");
    QCOMPARE(asked.authorization, "Bearer " + m_vendor->key);
    QCOMPARE(asked.contentType, "application/json");
    QCOMPARE(asked.json.value(QLatin1String("input")).toString(), text);
    QCOMPARE(asked.json.value(QLatin1String("model")).toString(), QStringLiteral("tts-1"));
    QCOMPARE(asked.json.value(QLatin1String("voice")).toString(), QStringLiteral("alloy"));
    QCOMPARE(asked.json.value(QLatin1String("response_format")).toString(), QStringLiteral("pcm"));
    QCOMPARE(m_synthesiser->name(), QStringLiteral("openai"));
}

void TestOpenAiSpeech::theVoiceIsTheRequests()
{
    Voice voice = speak(QStringLiteral("Hi"), QStringLiteral("nova"));
    QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    QCOMPARE(m_vendor->asked.last().json.value(QLatin1String("voice")).toString(), QStringLiteral("nova"));
}

void TestOpenAiSpeech::soundIsGivenAsItArrives()
{
    make();
    m_vendor->setFault(VendorFault::HangMidAnswer);
    Voice voice = speak(QStringLiteral("Hello there"));
    QTRY_VERIFY(voice.sound.size() > 4000);
    QVERIFY(voice.log.isEmpty());
    QVERIFY(mulawOf(OpenAiStandIn::pcmOf(QStringLiteral("Hello there"))).startsWith(voice.sound));
}

void TestOpenAiSpeech::oddPiecesAreNoNoise_data()
{
    QTest::addColumn<int>("piece");
    for (int piece : {1, 3, 7, 333, 4095})
        QTest::addRow("%d", piece) << piece;
}

void TestOpenAiSpeech::oddPiecesAreNoNoise()
{
    QFETCH(int, piece);
    m_vendor->pieceBytes = piece;
    Voice voice = speak(QStringLiteral("Hi"));
    QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    QCOMPARE(voice.sound, mulawOf(OpenAiStandIn::pcmOf(QStringLiteral("Hi"))));
}

void TestOpenAiSpeech::wavIsTakenToo()
{
    const QByteArray pcm = OpenAiStandIn::pcmOf(QStringLiteral("Hello"));
    for (int rate : {8000, 22050, 24000}) {
        m_vendor->speech.push_back({wavHead(rate) + pcm, "audio/wav"});
        m_vendor->pieceBytes = 1001;
        Voice voice = speak(QStringLiteral("Hello"));
        QTRY_COMPARE(voice.log, QStringLiteral("finished "));
        QCOMPARE(voice.sound, mulawOf(pcm, rate));
    }
}

void TestOpenAiSpeech::mp3IsRefusedInWords()
{
    m_vendor->speech.push_back({QByteArray("\xff\xfb\x90\x64") + QByteArray(5000, 'x'), "audio/mpeg"});
    Voice voice = speak(QStringLiteral("Hello"));
    QTRY_COMPARE(voice.log, QStringLiteral("failed "));
    QVERIFY(voice.error.message.contains(QLatin1String("MP3")));
    QVERIFY(voice.sound.isEmpty());
}

void TestOpenAiSpeech::nothingToSayIsSaidAtOnce()
{
    for (const QString& nothing : {QString(), QStringLiteral(" \n ")}) {
        Voice voice = speak(nothing);
        QVERIFY(voice.log.isEmpty());
        QTRY_COMPARE(voice.log, QStringLiteral("finished "));
        QVERIFY(voice.sound.isEmpty());
    }
    QVERIFY(m_vendor->asked.isEmpty());
}

void TestOpenAiSpeech::aLongTextIsSpokenInPieces()
{
    const QByteArray tenth = OpenAiStandIn::pcmOf(QStringLiteral("x"));
    for (int i = 0; i < 40; ++i)
        m_vendor->speech.push_back({tenth});
    QString text;
    while (text.size() < 20000)
        text += QStringLiteral("מילה ועוד ");
    Voice voice = speak(text);
    QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    QString said;
    for (const auto& asked : std::as_const(m_vendor->asked)) {
        const QString input = asked.json.value(QLatin1String("input")).toString();
        QVERIFY(input.size() <= OpenAiSpeech::LongestInput);
        said += input + u' ';
    }
    QCOMPARE(said.simplified(), text.simplified());
    QCOMPARE(voice.sound.size(), mulawOf(tenth).size() * m_vendor->asked.size());
    // Without white space it is cut somewhere, though not in a character.
    m_vendor->asked.clear();
    const QString stars = QStringLiteral("x") + QStringLiteral("𠀀").repeated(3000);
    Voice other = speak(stars);
    QTRY_COMPARE(other.log, QStringLiteral("finished "));
    said.clear();
    for (const auto& asked : std::as_const(m_vendor->asked)) {
        const QString input = asked.json.value(QLatin1String("input")).toString();
        QVERIFY(!input.back().isHighSurrogate());
        said += input;
    }
    QCOMPARE(said, stars);
}

void TestOpenAiSpeech::anAnswerWithoutSound()
{
    for (const QByteArray& body : {QByteArray(""), QByteArray("x"), wavHead(24000)}) {
        m_vendor->speech.push_back({body});
        Voice voice = speak(QStringLiteral("Hello"));
        QTRY_COMPARE(voice.log, QStringLiteral("failed "));
        QVERIFY2(voice.error.message.contains(QLatin1String("without any sound")), qPrintable(voice.error.message));
    }
}

void TestOpenAiSpeech::everyFaultIsAFailure_data()
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

void TestOpenAiSpeech::everyFaultIsAFailure()
{
    QFETCH(VendorFault, fault);
    QFETCH(int, code);
    QFETCH(bool, byClock);
    make();
    m_vendor->setFault(fault);
    Voice voice = speak(QStringLiteral("Hello there"));
    const bool inTheMiddle = fault == VendorFault::HangMidAnswer || fault == VendorFault::ResetMidAnswer;
    if (inTheMiddle)
        QTRY_VERIFY(!voice.sound.isEmpty());
    if (byClock) {
        QTest::qWait(60);
        QVERIFY(voice.log.isEmpty());
        m_clock->advance(m_settings.service.stall);
    }
    QTRY_COMPARE(voice.log, QStringLiteral("failed "));
    QCOMPARE(int(voice.error.code), code);
    QVERIFY(!toString(voice.error).contains(m_settings.service.key));
    QCOMPARE(!voice.sound.isEmpty(), inTheMiddle);
    QTest::qWait(60);
    QCOMPARE(voice.log, QStringLiteral("failed "));
}

void TestOpenAiSpeech::slowBytesAreAnAnswer()
{
    make();
    const QByteArray pcm = OpenAiStandIn::pcmOf(QStringLiteral("x")).left(999);
    m_vendor->speech.push_back({pcm});
    m_vendor->setFault(VendorFault::SlowBytes);
    Voice voice = speak(QStringLiteral("x"));
    QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    QCOMPARE(voice.sound, mulawOf(pcm));
}

void TestOpenAiSpeech::aSpeechThatIsDeletedIsNotMadeAnyMore()
{
    make();
    m_vendor->setFault(VendorFault::HangMidAnswer);
    Voice voice = speak(QStringLiteral("Hello"));
    QTRY_VERIFY(!voice.sound.isEmpty());
    voice.speech.reset();
    QTRY_VERIFY(m_vendor->asked.last().exchange->isGone());
    QVERIFY(voice.log.isEmpty());
}

void TestOpenAiSpeech::aSpeechMayBeDeletedInItsOwnSignal_data()
{
    QTest::addColumn<int>("when");
    QTest::newRow("audio") << 0;
    QTest::newRow("finished") << 1;
    QTest::newRow("failed") << 2;
    QTest::newRow("nothing to say") << 3;
}

void TestOpenAiSpeech::aSpeechMayBeDeletedInItsOwnSignal()
{
    QFETCH(int, when);
    make();
    if (when == 2)
        m_vendor->setFault(VendorFault::Fault500);
    Voice voice = speak(when == 3 ? QString() : QStringLiteral("Hi"));
    int told = 0;
    const auto strike = [&] {
        ++told;
        voice.speech.reset();
    };
    if (when == 0)
        connect(voice.speech.get(), &Speech::audio, this, strike);
    if (when == 1 || when == 3)
        connect(voice.speech.get(), &Speech::finished, this, strike);
    if (when == 2)
        connect(voice.speech.get(), &Speech::failed, this, strike);
    QTRY_COMPARE(told, 1);
    QTest::qWait(30);
    QCOMPARE(told, 1);
}

void TestOpenAiSpeech::sentencesShareConnections()
{
    for (int i = 0; i < 5; ++i) {
        Voice voice = speak(QStringLiteral("Hi"));
        QTRY_COMPARE(voice.log, QStringLiteral("finished "));
    }
    QCOMPARE(m_vendor->server.connections, 1);
    // Three at once, each whole.
    Voice one = speak(QStringLiteral("One"));
    Voice two = speak(QStringLiteral("Second"));
    Voice three = speak(QStringLiteral("Third one"));
    for (Voice* voice : {&one, &two, &three})
        QTRY_COMPARE(voice->log, QStringLiteral("finished "));
    QCOMPARE(three.sound, mulawOf(OpenAiStandIn::pcmOf(QStringLiteral("Third one"))));
    QCOMPARE(one.sound, mulawOf(OpenAiStandIn::pcmOf(QStringLiteral("One"))));
}

void TestOpenAiSpeech::aRefusedKeyIsSaidInWords()
{
    m_settings.service.key.clear();
    auto made = OpenAiSpeech::create(m_settings, m_pool, *m_clock);
    QVERIFY(!made.ok());
    QVERIFY(made.error().message.contains(QLatin1String("answered 401: the key or the account is refused")));
}

QTEST_GUILESS_MAIN(TestOpenAiSpeech)
#include "tst_openaispeech.moc"
