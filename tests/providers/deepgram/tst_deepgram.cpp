// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/providers/deepgram/deepgram.h"
#include "engine/providers/deepgram/deepgramstream.h"
#include "engine/providers/persona.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/deepgramstandin.h"

#include <QRegularExpression>
#include <QTest>
#include <QThread>
#include <QTimer>

#include <atomic>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {

/// What a recogniser told, in order.
struct Ear final {
    explicit Ear(std::unique_ptr<SpeechToTextStream> opened)
        : stream(std::move(opened))
    {
        SpeechToTextStream* const s = stream.get();
        QObject::connect(s, &SpeechToTextStream::partial, s, [this](int id, const Transcript& t) {
            log += QStringLiteral("%1?%2%3 ").arg(id).arg(t.text, t.stable ? QStringLiteral("!") : QString());
        });
        QObject::connect(s, &SpeechToTextStream::finished, s, [this](int id, const Transcript& t) {
            log += QStringLiteral("%1=%2. ").arg(id).arg(t.text);
            last = t;
        });
        QObject::connect(s, &SpeechToTextStream::failed, s, [this](int id, const Error& e) {
            log += QStringLiteral("%1 failed. ").arg(id);
            error = e;
        });
    }
    bool isOver() const { return log.contains(QLatin1Char('.')); }
    std::unique_ptr<SpeechToTextStream> stream;
    QString log;
    Transcript last;
    Error error;
};

QString he(const char* utf8)
{
    return QString::fromUtf8(utf8);
}

} // namespace

/// Deepgram's recogniser: "the caller says this, Deepgram does that, the call is told so".
class TestDeepgram final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_standIn = std::make_unique<DeepgramStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        m_settings = DeepgramSettings();
        m_settings.url = m_standIn->url();
        m_settings.key = QString::fromLatin1(m_standIn->key);
        m_persona.reset();
        m_phase = 0;
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
    }
    void cleanup()
    {
        // Sockets that say goodbye die by themselves.
        for (const auto& talk : std::as_const(m_standIn->talks))
            if (talk->socket)
                talk->socket->abort();
        QTest::qWait(0);
        m_pool.reset();
    }

    // The key and the address.
    void aGoodKeyIsProvenOnce();
    void whatIsWrongWithKeyOrAddressIsSaid_data();
    void whatIsWrongWithKeyOrAddressIsSaid();
    void aKeyThatMayOnlyListenIsGoodEnough_data();
    void aKeyThatMayOnlyListenIsGoodEnough();
    void languagesHaveDeepgramsNames_data();
    void languagesHaveDeepgramsNames();

    // What is said.
    void anUtteranceBecomesPartialsAndAFinal();
    void theAddressSaysWhatIsSpoken();
    void hintsOfTheCallGoAlong();
    void newHintsOpenANewSocketBetweenUtterances();
    void olderModelsTakeSingleWords();
    void oneSocketServesTheWholeCall();
    void audioBeforeTheSocketIsOpenIsNotLost();
    void finalsAreJoinedAndTheInterimFollows();
    void hebrewCutAnywhereIsWhole();
    void anUtteranceWithoutAudioIsEmpty();
    void silenceIsAnEmptyTranscript();
    void whatIsFinalAlreadyNeedsNoAnswer();
    void whatIsFinalUpToTheEndNeedsNoFlag();
    void theNextUtteranceMayBeginBeforeTheFinal();
    void aResultBeyondAnUtteranceEndsIt();
    void aDroppedUtteranceIsSilentAndDoesNotLeak();
    void aLateFinalOfADroppedUtteranceGoesNowhere();
    void anUnfinishedUtteranceIsDroppedByTheNext();
    void whatDeepgramSaysWithoutBeingAskedIsIgnored();
    void aServerThatSaysNotWhereItIsIsBelieved();
    void anotherLanguageIsAnotherSocket();
    void endlessWordsAreCut();

    // The connection.
    void keepAliveFillsTheSilence();
    void everyFaultHasItsEnd_data();
    void everyFaultHasItsEnd();
    void aRefusedUpgradeIsToldInWords_data();
    void aRefusedUpgradeIsToldInWords();
    void retryAfterIsHonoured();
    void aClosedSocketIsOpenedAgainAndTheAudioResent_data();
    void aClosedSocketIsOpenedAgainAndTheAudioResent();
    void aPolicyViolationIsNotRepeated();
    void theSecondLossFailsTheUtterance();
    void allThatIsUnderWayIsResent();
    void aSocketLostBetweenUtterancesIsOpenedAgain();
    void anErrorMessageIsALoss();
    void anUtteranceTooLongToBeKeptFailsWithItsSocket();
    void aLongUtteranceGoesOnWhileItsSocketLives();
    void audioThatNobodyTakesIsBounded();
    void silenceWhileAudioFlowsEndsIt();
    void wordsAfterTheEndAreNotLostWhenTheLastAnswerIsMissing();
    void theCallMayEndAtAnyMoment_data();
    void theCallMayEndAtAnyMoment();
    void theStreamMayBeDeletedInItsOwnSignal_data();
    void theStreamMayBeDeletedInItsOwnSignal();
    void callsLiveOnTheirOwnThreads();
    void theKeyAppearsNowhere();

private:
    Result<std::shared_ptr<Deepgram>> create() { return Deepgram::create(m_settings, m_pool, *m_clock); }
    std::unique_ptr<SpeechToTextStream> open(const QString& language = QStringLiteral("en-US"))
    {
        CallInfo call{QStringLiteral("CA1"), {}, {}, language, {}};
        call.persona = m_persona;
        return std::make_unique<DeepgramStream>(m_settings, call, *m_clock);
    }
    void speak(Ear& ear, int ms)
    {
        std::vector<qint16> frame(160);
        for (int i = 0; i < ms / 20; ++i) {
            for (qint16& sample : frame)
                sample = qint16((m_phase += 37) % 4000);
            ear.stream->write(frame);
        }
    }
    void begin(Ear& ear, int id, const QStringList& phrases = {}, const QString& language = QStringLiteral("en-US"))
    {
        RecognitionContext context;
        context.language = language;
        context.phrases = phrases;
        ear.stream->beginUtterance(id, context);
    }
    void utterance(Ear& ear, int id, int ms = 500)
    {
        begin(ear, id);
        speak(ear, ms);
        ear.stream->endUtterance(id);
    }
    DeepgramStandIn::Talk* talk(int index = 0) const { return m_standIn->talk(index); }
    void advance(int ms) { m_clock->advance(Milliseconds(ms)); }
    /// Moves the clock until `done`, each step long enough for all that waits.
    template <typename Done> void advanceUntil(Done done, int step = 500)
    {
        for (int i = 0; i < 100 && !done(); ++i) {
            advance(step);
            QTest::qWait(60); // a look at the deadlines
        }
    }

    std::unique_ptr<DeepgramStandIn> m_standIn;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    DeepgramSettings m_settings;
    std::shared_ptr<Persona> m_persona;
    int m_phase = 0;
};

// ---- the key and the address ----------------------------------------------------------------------------------------

void TestDeepgram::aGoodKeyIsProvenOnce()
{
    const auto deepgram = create();
    QVERIFY2(deepgram.ok(), deepgram ? "" : qPrintable(toString(deepgram.error())));
    QCOMPARE(deepgram.value()->name(), QStringLiteral("deepgram"));
    QCOMPARE(m_standIn->probes, 1);
    QCOMPARE(m_standIn->probeAuthorization, "Token " + m_standIn->key);
    QVERIFY(m_standIn->talks.isEmpty());

    // It serves calls, also where the address had no path.
    m_settings.url.setPath({});
    const auto other = create();
    QVERIFY(other.ok());
    Ear ear(other.value()->open({QStringLiteral("CA1"), {}, {}, QStringLiteral("en-US"), {}}));
    utterance(ear, 1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1=hello. "));
    QCOMPARE(talk()->path, "/v1/listen");
}

void TestDeepgram::whatIsWrongWithKeyOrAddressIsSaid_data()
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
    row("a key with a line break", VendorFault::None, Error::Code::Denied, "holds a space", "key\nother: x");
    row("no address", VendorFault::None, Error::Code::Invalid, "no ws://", nullptr, "nonsense");
    row("an address with a user", VendorFault::None, Error::Code::Invalid, "no ws://", nullptr, "wss://me:it@host");
    row("refused", VendorFault::Refuse401, Error::Code::Denied, "answered 401");
    row("limited", VendorFault::Limit429, Error::Code::LimitExceeded, "answered 429");
    row("broken", VendorFault::Fault500, Error::Code::Unavailable, "answered 500");
    row("reset", VendorFault::ResetBeforeAnswer, Error::Code::Unavailable, "broke");
    row("hanging", VendorFault::HangBeforeAnswer, Error::Code::Timeout, "longer than 3500 ms");
    row("half open", VendorFault::HalfOpen, Error::Code::Timeout, "longer than 3500 ms");
    row("garbage", VendorFault::Garbage, Error::Code::Unavailable, "127.0.0.1");
}

void TestDeepgram::whatIsWrongWithKeyOrAddressIsSaid()
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
    const auto deepgram = create();
    QVERIFY(!deepgram.ok());
    QCOMPARE(int(deepgram.error().code), code);
    QVERIFY2(deepgram.error().message.contains(words), qPrintable(toString(deepgram.error())));
    if (fault == int(VendorFault::Limit429))
        QCOMPARE(deepgram.error().retryAfter, Milliseconds(7000));
    QVERIFY(!toString(deepgram.error()).contains(m_settings.key));
}

void TestDeepgram::aKeyThatMayOnlyListenIsGoodEnough_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<bool>("good");
    QTest::newRow("may not ask about itself") << 403 << QByteArray("application/json") << true;
    QTest::newRow("no such address") << 404 << QByteArray("text/html") << true;
    QTest::newRow("not by GET") << 405 << QByteArray("text/plain") << true;
    QTest::newRow("refused") << 401 << QByteArray("application/json") << false;
    QTest::newRow("a web page") << 200 << QByteArray("text/html") << false;
}

void TestDeepgram::aKeyThatMayOnlyListenIsGoodEnough()
{
    QFETCH(int, status);
    QFETCH(QByteArray, type);
    QFETCH(bool, good);
    m_standIn->probeStatus = status;
    m_standIn->probeType = type;
    QCOMPARE(create().ok(), good);
}

void TestDeepgram::languagesHaveDeepgramsNames_data()
{
    QTest::addColumn<QString>("name");
    const auto row = [](const char* bcp47, const char* name) { QTest::newRow(bcp47) << QString::fromLatin1(name); };
    row("en-US", "en-US");
    row("en-us", "en-US");
    row("en-ZA", "en");
    row("he-IL", "he");
    row("he", "he");
    row("iw-IL", "he");
    row("de-DE", "de");
    row("de-CH", "de-CH");
    row("pt-BR", "pt-BR");
    row("es_MX", "es");
    row("", "en-US");
}

void TestDeepgram::languagesHaveDeepgramsNames()
{
    QFETCH(QString, name);
    QCOMPARE(deepgramLanguage(QString::fromLatin1(QTest::currentDataTag())), name);
}

// ---- what is said ---------------------------------------------------------------------------------------------------

void TestDeepgram::anUtteranceBecomesPartialsAndAFinal()
{
    m_standIn->script = {QStringLiteral("Hello there, how are you?")};
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 400);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    speak(ear, 200);
    ear.stream->endUtterance(1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1=hello there, how are you?. "));
    QCOMPARE(ear.last.confidence, 0.75);
    QCOMPARE(talk()->audio.size(), 600 * 8);
    // What came is mu-law of what was written.
    QCOMPARE(quint8(talk()->audio[0]), media::toMulaw(37));
    QCOMPARE(quint8(talk()->audio[4799]), media::toMulaw(qint16(4800 * 37 % 4000)));
    QCOMPARE(talk()->count("Finalize"), 1);
    ear.stream.reset();
    QTRY_VERIFY(talk()->isClosed);
    QCOMPARE(talk()->texts.last(), R"({"type":"CloseStream"})");
    QCOMPARE(talk()->closeCode, 1000);
}

void TestDeepgram::theAddressSaysWhatIsSpoken()
{
    m_settings.url.setQuery(QStringLiteral("mip_opt_out=true"));
    Ear ear(open(QStringLiteral("he-IL")));
    QTRY_VERIFY(talk());
    QCOMPARE(talk()->authorization, "Token " + m_standIn->key);
    const auto is = [this](const char* name, const char* value) {
        return talk()->values(QString::fromLatin1(name)) == QStringList{QString::fromLatin1(value)};
    };
    QVERIFY(is("mip_opt_out", "true"));
    QVERIFY(is("model", "nova-3"));
    QVERIFY(is("language", "he"));
    QVERIFY(is("encoding", "mulaw"));
    QVERIFY(is("sample_rate", "8000"));
    QVERIFY(is("channels", "1"));
    QVERIFY(is("interim_results", "true"));
    QVERIFY(is("endpointing", "false"));
    QVERIFY(is("punctuate", "true"));
    QVERIFY(talk()->values(QStringLiteral("keyterm")).isEmpty());
}

void TestDeepgram::hintsOfTheCallGoAlong()
{
    m_persona = std::make_shared<Persona>();
    const QStringList phrases{QStringLiteral("Kav & Co"), he("עו״ד כהן"), QStringLiteral("kav & co"), QString()};
    m_persona->phrases = phrases;
    for (int i = 0; i < 500; ++i)
        m_persona->phrases += QStringLiteral("word number %1").arg(i);
    Ear ear(open(QStringLiteral("he-IL")));
    QTRY_VERIFY(talk());
    const QStringList terms = talk()->values(QStringLiteral("keyterm"));
    QCOMPARE(terms.mid(0, 3), (QStringList{phrases[0], phrases[1], QStringLiteral("word number 0")}));
    QVERIFY(terms.size() > 50 && terms.size() < 150); // an address has its limits
}

void TestDeepgram::newHintsOpenANewSocketBetweenUtterances()
{
    Ear ear(open());
    QTRY_VERIFY(talk());
    begin(ear, 1, {QStringLiteral("opening hours")});
    speak(ear, 400);
    ear.stream->endUtterance(1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1=hello. "));
    QCOMPARE(m_standIn->talks.size(), 2);
    QTRY_VERIFY(talk(0)->isClosed);
    QCOMPARE(talk(1)->values(QStringLiteral("keyterm")), QStringList{QStringLiteral("opening hours")});
    QCOMPARE(talk(1)->audio.size(), 3200);
    // Known ones, and fewer, do not.
    begin(ear, 2, {QStringLiteral("Opening hours")});
    speak(ear, 400);
    ear.stream->endUtterance(2);
    utterance(ear, 3);
    QTRY_VERIFY(ear.log.endsWith(QLatin1String("3=hello. ")));
    QCOMPARE(m_standIn->talks.size(), 2);
}

void TestDeepgram::olderModelsTakeSingleWords()
{
    m_settings.model = QStringLiteral("nova-2-phonecall");
    m_settings.punctuate = false;
    m_persona = std::make_shared<Persona>();
    m_persona->phrases = QStringList{QStringLiteral("opening hours"), QStringLiteral("Kav")};
    Ear ear(open());
    QTRY_VERIFY(talk());
    QCOMPARE(talk()->values(QStringLiteral("keywords")), QStringList{QStringLiteral("Kav")});
    QVERIFY(talk()->values(QStringLiteral("keyterm")).isEmpty());
    QCOMPARE(talk()->values(QStringLiteral("punctuate")), QStringList{QStringLiteral("false")});
}

void TestDeepgram::oneSocketServesTheWholeCall()
{
    Ear ear(open());
    for (int i = 1; i <= 5; ++i) {
        m_standIn->script = {QStringLiteral("turn %1").arg(i)};
        ear.log.clear();
        utterance(ear, i);
        QTRY_COMPARE(ear.log, QStringLiteral("%1?turn %1=turn %1. ").arg(i));
    }
    QCOMPARE(m_standIn->talks.size(), 1);
    QCOMPARE(talk()->audio.size(), 5 * 4000);
}

void TestDeepgram::audioBeforeTheSocketIsOpenIsNotLost()
{
    Ear ear(open());
    utterance(ear, 1, 2000); // the event loop has not turned yet: nothing is open
    QVERIFY(m_standIn->talks.isEmpty());
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1=hello. "));
    QCOMPARE(talk()->audio.size(), 16000);
    QCOMPARE(talk()->finalizedAt, QList<qint64>{16000});
}

void TestDeepgram::finalsAreJoinedAndTheInterimFollows()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer); // this test speaks for it
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 3000);
    QTRY_VERIFY(talk() && talk()->audio.size() == 24000);
    using In = DeepgramStandIn;
    m_standIn->say(*talk(), In::results(QStringLiteral("My"), 0, 4000, false));
    m_standIn->say(*talk(), In::results(QStringLiteral("My number"), 0, 8000, false));
    m_standIn->say(*talk(), In::results(QStringLiteral("My number is"), 0, 8000, true, false, 0.9));
    m_standIn->say(*talk(), In::results(QStringLiteral("five"), 8000, 16000, false));
    m_standIn->say(*talk(), In::results(QString(), 8000, 17000, false));
    m_standIn->say(*talk(), In::results(QStringLiteral("five"), 8000, 17000, false));
    m_standIn->say(*talk(), In::results(QStringLiteral("Five five"), 8000, 18000, true, false, 0.4));
    m_standIn->say(*talk(), In::results(QString(), 18000, 19000, false));
    m_standIn->say(*talk(), In::results(QString(), 18000, 20000, true));
    QTRY_COMPARE(ear.log,
        QStringLiteral("1?my 1?my number 1?my number is! 1?my number is five 1?my number is "
                       "1?my number is five 1?my number is five five! "));
    ear.log.clear();
    ear.stream->endUtterance(1);
    QTRY_COMPARE(talk()->count("Finalize"), 1);
    m_standIn->say(*talk(), In::results(QStringLiteral("Nine."), 20000, 24000, true, true, 1.0));
    QTRY_COMPARE(ear.log, QStringLiteral("1=my number is five five nine.. "));
    QCOMPARE(ear.last.confidence, (3 * 0.9 + 2 * 0.4 + 1.0) / 6);
}

void TestDeepgram::hebrewCutAnywhereIsWhole()
{
    m_standIn->cutsEverywhere = true;
    const QString text = he("שלום, אני רוצה לדבר עם עו״ד כהן 😀");
    m_standIn->script = {text};
    Ear ear(open(QStringLiteral("he-IL")));
    begin(ear, 1, {}, QStringLiteral("he-IL"));
    speak(ear, 500);
    ear.stream->endUtterance(1);
    QTRY_COMPARE(ear.log, he("1?שלום, 1=") + text + QStringLiteral(". "));
    QCOMPARE(m_standIn->talks.size(), 1);
}

void TestDeepgram::anUtteranceWithoutAudioIsEmpty()
{
    Ear ear(open());
    begin(ear, 1);
    ear.stream->endUtterance(1);
    QVERIFY(ear.log.isEmpty()); // never from inside the call
    QTRY_COMPARE(ear.log, QStringLiteral("1=. "));
    utterance(ear, 2);
    QTRY_VERIFY(ear.log.endsWith(QLatin1String("2=hello. ")));
    QCOMPARE(talk()->count("Finalize"), 1);
}

void TestDeepgram::silenceIsAnEmptyTranscript()
{
    m_standIn->script = {QString()};
    Ear ear(open());
    utterance(ear, 1);
    QTRY_COMPARE(ear.log, QStringLiteral("1=. "));
    QCOMPARE(ear.last.confidence, 0.0);
}

void TestDeepgram::whatIsFinalAlreadyNeedsNoAnswer()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 1000);
    QTRY_VERIFY(talk() && talk()->audio.size() == 8000);
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("yes"), 0, 8000, true));
    QTRY_COMPARE(ear.log, QStringLiteral("1?yes! "));
    ear.stream->endUtterance(1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?yes! 1=yes. "));
}

void TestDeepgram::whatIsFinalUpToTheEndNeedsNoFlag()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    utterance(ear, 1, 1000);
    QTRY_VERIFY(talk() && talk()->count("Finalize") == 1);
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("yes"), 0, 7990, true));
    QTRY_COMPARE(ear.log, QStringLiteral("1=yes. "));
}

void TestDeepgram::theNextUtteranceMayBeginBeforeTheFinal()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    utterance(ear, 1, 1000);
    utterance(ear, 2, 1000);
    begin(ear, 3);
    speak(ear, 1000);
    QTRY_VERIFY(talk() && talk()->audio.size() == 24000);
    using In = DeepgramStandIn;
    m_standIn->say(*talk(), In::results(QStringLiteral("one"), 0, 8000, true, true));
    m_standIn->say(*talk(), In::results(QStringLiteral("two"), 8000, 16000, true, true));
    m_standIn->say(*talk(), In::results(QStringLiteral("three"), 16000, 20000, false));
    QTRY_COMPARE(ear.log, QStringLiteral("1=one. 2=two. 3?three "));
}

void TestDeepgram::aResultBeyondAnUtteranceEndsIt()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 1000);
    QTRY_VERIFY(talk() && talk()->audio.size() == 8000);
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("one"), 0, 5000, false));
    QTRY_COMPARE(ear.log, QStringLiteral("1?one "));
    ear.stream->endUtterance(1);
    begin(ear, 2);
    speak(ear, 1000);
    QTRY_VERIFY(talk()->audio.size() == 16000);
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("two"), 8000, 12000, false));
    QTRY_COMPARE(ear.log, QStringLiteral("1?one 1=one. 2?two "));
}

void TestDeepgram::aDroppedUtteranceIsSilentAndDoesNotLeak()
{
    m_standIn->script = {QStringLiteral("never mind"), QStringLiteral("yes please")};
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 600);
    QTRY_COMPARE(ear.log, QStringLiteral("1?never "));
    ear.log.clear();
    ear.stream->dropUtterance(1);
    speak(ear, 600); // nothing is open: nobody hears it
    QTRY_COMPARE(talk()->count("Finalize"), 1);
    utterance(ear, 2, 600);
    QTRY_COMPARE(ear.log, QStringLiteral("2?yes 2=yes please. "));
    QCOMPARE(talk()->audio.size(), 9600);
    // Also once its end is told, and before anything was sent.
    m_standIn->answersFinalize = false;
    ear.log.clear();
    utterance(ear, 3);
    ear.stream->dropUtterance(3);
    begin(ear, 4);
    ear.stream->dropUtterance(4);
    ear.stream->dropUtterance(77);
    advanceUntil([this] { return talk()->count("KeepAlive") > 0; });
    QVERIFY2(ear.log.isEmpty(), qPrintable(ear.log));
    QCOMPARE(m_standIn->talks.size(), 1);
}

void TestDeepgram::aLateFinalOfADroppedUtteranceGoesNowhere()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    QTRY_VERIFY(talk());
    QTest::qWait(0);
    utterance(ear, 1, 1000);
    ear.stream->dropUtterance(1);
    utterance(ear, 2, 1000);
    QTRY_VERIFY(talk()->count("Finalize") == 2);
    using In = DeepgramStandIn;
    m_standIn->say(*talk(), In::results(QStringLiteral("never mind"), 0, 8000, true, true));
    m_standIn->say(*talk(), In::results(QStringLiteral("yes"), 8000, 16000, true, true));
    QTRY_COMPARE(ear.log, QStringLiteral("2=yes. "));
}

void TestDeepgram::anUnfinishedUtteranceIsDroppedByTheNext()
{
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 100);
    utterance(ear, 2);
    ear.stream->endUtterance(1);
    QTRY_COMPARE(ear.log, QStringLiteral("2?hello 2=hello. "));
    QCOMPARE(talk()->finalizedAt, QList<qint64>{4000});
}

void TestDeepgram::whatDeepgramSaysWithoutBeingAskedIsIgnored()
{
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    m_standIn->sendText(*talk(), R"({"type":"Metadata","request_id":"x","channels":1})");
    m_standIn->sendText(*talk(), R"({"type":"SpeechStarted","timestamp":0.1})");
    m_standIn->sendText(*talk(), R"({"type":"UtteranceEnd","last_word_end":0.1})");
    m_standIn->sendText(*talk(), R"({"type":"Warning","description":"x"})");
    m_standIn->sendText(*talk(), "{}");
    m_standIn->sendText(*talk(), R"({"type":"Results"})");
    m_standIn->sendText(*talk(), R"({"type":"Results","start":-1e300,"duration":"x","channel":[],"is_final":"no"})");
    m_standIn->sendText(*talk(), R"({"type":"Results","start":1e300,"duration":1e300,"channel":{"alternatives":{}}})");
    ear.stream->endUtterance(1);
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.log, QStringLiteral("1?hello 1=hello. "));
    QCOMPARE(m_standIn->talks.size(), 1);
}

void TestDeepgram::aServerThatSaysNotWhereItIsIsBelieved()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    utterance(ear, 1);
    QTRY_VERIFY(talk() && talk()->count("Finalize") == 1);
    m_standIn->sendText(
        *talk(), R"({"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":"Good day"}]}})");
    QTRY_COMPARE(ear.log, QStringLiteral("1=good day. "));
}

void TestDeepgram::anotherLanguageIsAnotherSocket()
{
    m_standIn->answersFinalize = false;
    Ear ear(open());
    utterance(ear, 1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    m_standIn->answersFinalize = true;
    m_standIn->script = {he("שלום לך")};
    begin(ear, 2, {}, QStringLiteral("he-IL"));
    speak(ear, 500);
    ear.stream->endUtterance(2);
    // The first one's final is what was known.
    QTRY_COMPARE(ear.log, he("1?hello 1=hello. 2?שלום 2=שלום לך. "));
    QCOMPARE(m_standIn->talks.size(), 2);
    QCOMPARE(talk(1)->values(QStringLiteral("language")), QStringList{QStringLiteral("he")});
    QCOMPARE(talk(1)->audio.size(), 4000);
}

void TestDeepgram::endlessWordsAreCut()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 1000);
    QTRY_VERIFY(talk() && talk()->audio.size() == 8000);
    const QString words = QStringLiteral("word ").repeated(2000).trimmed();
    for (int i = 0; i < 10; ++i)
        m_standIn->say(*talk(), DeepgramStandIn::results(words, 0, 100 + i * 100, true));
    ear.stream->endUtterance(1);
    QTRY_COMPARE(talk()->count("Finalize"), 1);
    m_standIn->say(*talk(), DeepgramStandIn::results(words, 1000, 8000, true, true));
    QTRY_VERIFY(ear.isOver());
    QVERIFY(ear.last.text.size() > 10000 && ear.last.text.size() <= DeepgramStream::LongestText);
}

// ---- the connection -------------------------------------------------------------------------------------------------

void TestDeepgram::keepAliveFillsTheSilence()
{
    Ear ear(open());
    QTRY_VERIFY(talk());
    QTest::qWait(0);
    advance(3999);
    QTest::qWait(550); // an idle look
    QCOMPARE(talk()->count("KeepAlive"), 0);
    advance(1);
    QTRY_COMPARE(talk()->count("KeepAlive"), 1);
    advance(4000);
    QTRY_COMPARE(talk()->count("KeepAlive"), 2);
    // In an utterance for which no packets come, too; not while there is audio.
    begin(ear, 1);
    speak(ear, 20);
    advance(4000);
    QTRY_COMPARE(talk()->count("KeepAlive"), 3);
    advance(3000);
    speak(ear, 20);
    advance(3000);
    QTest::qWait(60);
    QCOMPARE(talk()->count("KeepAlive"), 3);
}

void TestDeepgram::everyFaultHasItsEnd_data()
{
    QTest::addColumn<int>("fault");
    QTest::addColumn<QString>("log");
    QTest::addColumn<int>("code");
    QTest::addColumn<int>("sockets");
    const auto row = [](const char* name, VendorFault fault, const char* log, Error::Code code, int sockets) {
        QTest::newRow(name) << int(fault) << QString::fromLatin1(log) << int(code) << sockets;
    };
    row("refused", VendorFault::Refuse401, "1 failed. ", Error::Code::Denied, 0);
    row("limited", VendorFault::Limit429, "1 failed. ", Error::Code::LimitExceeded, 0);
    row("broken", VendorFault::Fault500, "1 failed. ", Error::Code::Unavailable, 0);
    row("reset before the answer", VendorFault::ResetBeforeAnswer, "1 failed. ", Error::Code::Unavailable, 0);
    row("reset in the answer", VendorFault::ResetMidAnswer, "1 failed. ", Error::Code::Unavailable, 2);
    row("hanging before the answer", VendorFault::HangBeforeAnswer, "1 failed. ", Error::Code::Timeout, 1);
    row("hanging in the answer", VendorFault::HangMidAnswer, "1 failed. ", Error::Code::Timeout, 1);
    row("garbage", VendorFault::Garbage, "1 failed. ", Error::Code::Unavailable, 2);
    row("half open", VendorFault::HalfOpen, "1 failed. ", Error::Code::Timeout, 0);
    row("slow bytes", VendorFault::SlowBytes, "1=hello. ", Error::Code::Internal, 1);
    row("none", VendorFault::None, "1=hello. ", Error::Code::Internal, 1);
}

void TestDeepgram::everyFaultHasItsEnd()
{
    QFETCH(int, fault);
    QFETCH(QString, log);
    QFETCH(int, code);
    QFETCH(int, sockets);
    m_standIn->setFault(VendorFault(fault));
    Ear ear(open());
    utterance(ear, 1);
    if (fault == int(VendorFault::SlowBytes))
        QTRY_VERIFY(ear.isOver());
    advanceUntil([&] { return ear.isOver(); });
    ear.log.remove(QStringLiteral("1?hello "));
    QCOMPARE(ear.log, log);
    QCOMPARE(int(ear.error.code), code);
    const int asked = int(std::count_if(
        m_standIn->talks.begin(), m_standIn->talks.end(), [](const auto& t) { return !t->audio.isEmpty(); }));
    QCOMPARE(asked, sockets);
    // It is over for this utterance, not for the call.
    m_standIn->setFault(VendorFault::None);
    advance(7000);
    ear.log.clear();
    utterance(ear, 2);
    QTRY_COMPARE(ear.log, QStringLiteral("2?hello 2=hello. "));
}

void TestDeepgram::aRefusedUpgradeIsToldInWords_data()
{
    QTest::addColumn<QString>("language");
    QTest::addColumn<bool>("wrongKey");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("a key that is no more") << QStringLiteral("en-US") << true << int(Error::Code::Denied)
                                           << QStringLiteral("answered 401: the key or the account is refused");
    QTest::newRow("a language it has not") << QStringLiteral("tlh") << false << int(Error::Code::Invalid)
                                           << QStringLiteral("No such model/language/tier combination found");
}

void TestDeepgram::aRefusedUpgradeIsToldInWords()
{
    QFETCH(QString, language);
    QFETCH(bool, wrongKey);
    QFETCH(int, code);
    QFETCH(QString, words);
    if (wrongKey)
        m_standIn->key = "another";
    Ear ear(open(language));
    begin(ear, 1, {}, language);
    speak(ear, 100);
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QCOMPARE(int(ear.error.code), code);
    QVERIFY2(toString(ear.error).contains(words), qPrintable(toString(ear.error)));
    // Asked again when somebody speaks, and not before.
    const auto talks = m_standIn->talks.size();
    advance(100000);
    QTest::qWait(600); // an idle look
    QCOMPARE(m_standIn->talks.size(), talks);
}

void TestDeepgram::retryAfterIsHonoured()
{
    m_standIn->setFault(VendorFault::Limit429);
    Ear ear(open());
    utterance(ear, 1);
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QCOMPARE(ear.error.retryAfter, Milliseconds(7000));
    m_standIn->setFault(VendorFault::None);
    advance(3000);
    utterance(ear, 2);
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. 2 failed. "));
    QCOMPARE(ear.error.retryAfter, Milliseconds(4000));
    QVERIFY(m_standIn->talks.isEmpty());
    advance(4000);
    utterance(ear, 3);
    QTRY_VERIFY(ear.log.endsWith(QLatin1String("3=hello. ")));
}

void TestDeepgram::aClosedSocketIsOpenedAgainAndTheAudioResent_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("going away") << 1001;
    QTest::newRow("NET-0001") << 1011;
    QTest::newRow("try again later") << 1013;
    QTest::newRow("ended in order") << 1000;
    QTest::newRow("reset") << 0;
    QTest::newRow("not JSON") << 1;
    QTest::newRow("JSON a thousand deep") << 2;
    QTest::newRow("a message over the limit") << 3;
}

void TestDeepgram::aClosedSocketIsOpenedAgainAndTheAudioResent()
{
    QFETCH(int, how);
    m_standIn->script = {QStringLiteral("hello again")};
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    if (how == 0)
        m_standIn->reset(*talk());
    else if (how == 1)
        m_standIn->sendText(*talk(), "<html>");
    else if (how == 2)
        m_standIn->sendText(*talk(), QByteArray(60000, '['));
    else if (how == 3) // the head of a frame of 2 GiB
        talk()->socket->write(QByteArray::fromHex("817f0000000080000000"));
    else
        m_standIn->close(*talk(), quint16(how), "NET-0001");
    QTRY_COMPARE(m_standIn->talks.size(), 2);
    speak(ear, 500);
    ear.stream->endUtterance(1);
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.log, QStringLiteral("1?hello 1=hello again. "));
    QCOMPARE(talk(1)->audio.size(), 8000);
    QCOMPARE(talk(1)->audio.left(4000), talk(0)->audio);
}

void TestDeepgram::aPolicyViolationIsNotRepeated()
{
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    m_standIn->close(*talk(), 1008, "DATA-0000");
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1 failed. "));
    QCOMPARE(ear.error.code, Error::Code::Unavailable);
    QVERIFY(ear.error.message.contains(QLatin1String("1008")));
    QCOMPARE(ear.error.detail, QStringLiteral("DATA-0000"));
    QCOMPARE(m_standIn->talks.size(), 1);
}

void TestDeepgram::theSecondLossFailsTheUtterance()
{
    m_standIn->setFault(VendorFault::ResetMidAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    QTRY_COMPARE(ear.log.remove(QStringLiteral("1?hello ")), QStringLiteral("1 failed. "));
    QCOMPARE(m_standIn->talks.size(), 2);
    // What is still being said of it goes nowhere, and nothing more is told.
    speak(ear, 500);
    ear.stream->endUtterance(1);
    QTest::qWait(0);
    QCOMPARE(ear.log.count(QLatin1Char('1')), 1);
}

void TestDeepgram::allThatIsUnderWayIsResent()
{
    m_standIn->answersFinalize = false;
    m_standIn->script = {QStringLiteral("first"), QStringLiteral("second")};
    Ear ear(open());
    utterance(ear, 1, 500);
    begin(ear, 2);
    speak(ear, 700);
    QTRY_VERIFY(talk() && talk()->audio.size() == 9600);
    m_standIn->answersFinalize = true;
    m_standIn->reset(*talk());
    QTRY_COMPARE(ear.log.remove(QStringLiteral("1?first ")), QStringLiteral("1=first. 2?second "));
    ear.stream->endUtterance(2);
    QTRY_COMPARE(ear.log, QStringLiteral("1=first. 2?second 2=second. "));
    QCOMPARE(talk(1)->finalizedAt, (QList<qint64>{4000, 9600}));
}

void TestDeepgram::aSocketLostBetweenUtterancesIsOpenedAgain()
{
    Ear ear(open());
    utterance(ear, 1);
    QTRY_VERIFY(ear.isOver());
    m_standIn->close(*talk(), 1011, "NET-0001");
    QTRY_VERIFY(talk()->isClosed);
    QTest::qWait(20);
    QCOMPARE(m_standIn->talks.size(), 1); // not at once
    advance(1000);
    QTRY_COMPARE(m_standIn->talks.size(), 2);
    m_standIn->reset(*talk(1));
    QTest::qWait(20);
    advance(1000); // it said nothing: the pause is longer
    QTest::qWait(550);
    QCOMPARE(m_standIn->talks.size(), 2);
    advance(1000);
    QTRY_COMPARE(m_standIn->talks.size(), 3);
    ear.log.clear();
    utterance(ear, 2);
    QTRY_COMPARE(ear.log, QStringLiteral("2?hello 2=hello. "));
    // Who speaks does not wait for the pause.
    m_standIn->reset(*talk(2));
    QTest::qWait(20);
    ear.log.clear();
    utterance(ear, 3);
    QTRY_COMPARE(ear.log, QStringLiteral("3?hello 3=hello. "));
}

void TestDeepgram::anErrorMessageIsALoss()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    for (int i = 0; i < 2; ++i) {
        QTRY_VERIFY(talk(i) && talk(i)->audio.size() == 4000);
        m_standIn->sendText(*talk(i), R"({"type":"Error","description":"Internal error","variant":"x"})");
    }
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QCOMPARE(ear.error.detail, QStringLiteral("Internal error"));
}

void TestDeepgram::anUtteranceTooLongToBeKeptFailsWithItsSocket()
{
    m_settings.longestUtterance = Milliseconds(1000);
    Ear ear(open());
    QTRY_VERIFY(talk());
    QTest::qWait(0);
    begin(ear, 1);
    speak(ear, 1500);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello "));
    m_standIn->reset(*talk());
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1 failed. "));
}

void TestDeepgram::aLongUtteranceGoesOnWhileItsSocketLives()
{
    m_settings.longestUtterance = Milliseconds(1000);
    Ear ear(open());
    QTRY_VERIFY(talk());
    QTest::qWait(0);
    utterance(ear, 1, 60000);
    QTRY_COMPARE(ear.log, QStringLiteral("1?hello 1=hello. "));
    QCOMPARE(talk()->audio.size(), 480000);
}

void TestDeepgram::audioThatNobodyTakesIsBounded()
{
    m_settings.longestUtterance = Milliseconds(1000);
    m_standIn->setFault(VendorFault::HalfOpen);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 5000);
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QCOMPARE(ear.error.code, Error::Code::Unavailable);
}

void TestDeepgram::silenceWhileAudioFlowsEndsIt()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    QTRY_VERIFY(talk());
    QTest::qWait(0);
    begin(ear, 1);
    for (int i = 0; i < 8; ++i) {
        QVERIFY(!ear.isOver());
        advance(1000);
        speak(ear, 1000);
    }
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QCOMPARE(ear.error.code, Error::Code::Timeout);
    QVERIFY2(ear.error.message.contains(QLatin1String("said nothing to 8000 ms")), qPrintable(ear.error.message));
}

void TestDeepgram::wordsAfterTheEndAreNotLostWhenTheLastAnswerIsMissing()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    utterance(ear, 1, 1000);
    QTRY_VERIFY(talk() && talk()->count("Finalize") == 1);
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("call me"), 0, 4000, true));
    m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("back"), 4000, 7000, false));
    QTRY_COMPARE(ear.log, QStringLiteral("1?call me! 1?call me back "));
    advance(1999);
    QTest::qWait(120);
    QVERIFY(!ear.isOver());
    advance(1);
    QTRY_COMPARE(ear.log, QStringLiteral("1?call me! 1?call me back 1=call me back. "));
}

void TestDeepgram::theCallMayEndAtAnyMoment_data()
{
    QTest::addColumn<int>("moment");
    QTest::newRow("at once") << 0;
    QTest::newRow("once open") << 1;
    QTest::newRow("in an utterance") << 2;
    QTest::newRow("while its final is awaited") << 3;
    QTest::newRow("with something to be told") << 4;
    QTest::newRow("with the peer gone") << 5;
}

void TestDeepgram::theCallMayEndAtAnyMoment()
{
    QFETCH(int, moment);
    m_standIn->answersFinalize = false;
    auto ear = std::make_unique<Ear>(open());
    if (moment >= 1) {
        QTRY_VERIFY(talk());
        QTest::qWait(0);
    }
    if (moment >= 2) {
        begin(*ear, 1);
        speak(*ear, 500);
        QTRY_VERIFY(!ear->log.isEmpty());
    }
    if (moment >= 3)
        ear->stream->endUtterance(1);
    if (moment == 4) {
        begin(*ear, 2);
        ear->stream->endUtterance(2);
    }
    if (moment == 5)
        m_standIn->reset(*talk());
    const QString before = ear->log;
    ear->stream.reset();
    if (moment >= 1)
        QTRY_VERIFY(talk()->isClosed);
    QTest::qWait(20);
    QCOMPARE(ear->log, before);
}

void TestDeepgram::theStreamMayBeDeletedInItsOwnSignal_data()
{
    QTest::addColumn<int>("signal");
    QTest::newRow("partial") << 0;
    QTest::newRow("finished") << 1;
    QTest::newRow("failed") << 2;
    QTest::newRow("finished by a later result") << 3;
}

void TestDeepgram::theStreamMayBeDeletedInItsOwnSignal()
{
    QFETCH(int, signal);
    if (signal == 2)
        m_standIn->setFault(VendorFault::ResetMidAnswer);
    if (signal == 3)
        m_standIn->answersFinalize = false;
    auto stream = open();
    int told = 0;
    const auto drop = [&] {
        ++told;
        stream.reset();
    };
    if (signal == 0)
        connect(stream.get(), &SpeechToTextStream::partial, this, drop);
    if (signal == 1 || signal == 3)
        connect(stream.get(), &SpeechToTextStream::finished, this, drop);
    if (signal == 2)
        connect(stream.get(), &SpeechToTextStream::failed, this, drop);
    const std::vector<qint16> pcm(8000);
    for (int id = 1; id <= 2; ++id) {
        stream->beginUtterance(id, {});
        stream->write(pcm);
        stream->endUtterance(id);
    }
    if (signal == 3) {
        QTRY_VERIFY(talk() && talk()->audio.size() == 16000);
        m_standIn->say(*talk(), DeepgramStandIn::results(QStringLiteral("two"), 8000, 12000, false));
    }
    QTRY_COMPARE(told, 1);
    QTest::qWait(50);
    QCOMPARE(told, 1);
}

void TestDeepgram::callsLiveOnTheirOwnThreads()
{
    const auto deepgram = create();
    QVERIFY(deepgram.ok());
    QThread thread;
    QObject context;
    context.moveToThread(&thread);
    thread.start();
    std::unique_ptr<SpeechToTextStream> stream;
    std::atomic<int> finished = 0;
    const auto there = [&context](
                           auto what) { QMetaObject::invokeMethod(&context, what, Qt::BlockingQueuedConnection); };
    there([&] {
        stream = deepgram.value()->open({QStringLiteral("CA1"), {}, {}, QStringLiteral("en-US"), {}});
        connect(stream.get(), &SpeechToTextStream::finished, &context, [&] { ++finished; });
        stream->beginUtterance(1, {});
        stream->write(std::vector<qint16>(4000));
        stream->endUtterance(1);
    });
    QTRY_COMPARE(finished, 1);
    // The thread ends before the goodbye is over.
    there([&] { stream.reset(); });
    thread.quit();
    thread.wait();
    QTRY_VERIFY(talk()->isClosed);
}

void TestDeepgram::theKeyAppearsNowhere()
{
    m_standIn->setFault(VendorFault::HangBeforeAnswer);
    Ear ear(open());
    begin(ear, 1);
    speak(ear, 500);
    QTRY_VERIFY(talk() && talk()->audio.size() == 4000);
    m_standIn->close(*talk(), 1008, "the key " + m_standIn->key + " is over");
    QTRY_COMPARE(ear.log, QStringLiteral("1 failed. "));
    QVERIFY2(ear.error.detail.contains(QLatin1String("redacted")), qPrintable(ear.error.detail));
    QVERIFY(!toString(ear.error).contains(m_settings.key));
}

QTEST_GUILESS_MAIN(TestDeepgram)
#include "tst_deepgram.moc"
