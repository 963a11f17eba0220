// SPDX-License-Identifier: Apache-2.0
#include "tests/providers/failoverfixture.h"

#include <QTest>

#include <optional>

using namespace kav;
using namespace kav::providers;
using namespace kav::test;
using Fault = StandInManners::Fault;

namespace {
constexpr Stage Tts = Stage::TextToSpeech;
const QString Sentence = QStringLiteral("one two three four five");
} // namespace

/// A sentence, spoken by whoever can.
class TestSpeechFailover final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void theFirstSpeaksAlone();
    void theNextSpeaksWhenTheFirstFailsOrIsMute_data();
    void theNextSpeaksWhenTheFirstFailsOrIsMute();
    void theNextGoesOnFromTheWordInWhichTheSoundEnded_data();
    void theNextGoesOnFromTheWordInWhichTheSoundEnded();
    void nothingIsRepeatedWhenAllWasSaid();
    void wordsOfScriptsWithoutSpacesAreCutToo();
    void silenceInsteadOfWordsIsAFailure();
    void signsNobodyCanSayAreNoFailure();
    void nobodyIsLeft();
    void nobodyIsReady();
    void noSignalComesFromInsideTheCall();
    void aDeletedSpeechSaysNothingAndIsNoVerdict();
    void aSpeechMayBeDeletedInItsOwnSignals();
    void thePersonaHasAVoiceForEach();
    void aRestedOneIsBackForTheNextSentence();
    void allRestAndOneIsTriedAllTheSame();

private:
    std::shared_ptr<StandInTextToSpeech> voice(const StandInManners& manners = {})
    {
        StandInTextToSpeech::Settings settings;
        settings.manners = manners;
        settings.asked = [this](const SpeechRequest& request) {
            asked += request.text;
            voices += request.voice;
        };
        return std::make_shared<StandInTextToSpeech>(settings);
    }
    void speak(
        std::shared_ptr<TextToSpeech> first, std::shared_ptr<TextToSpeech> second, const QString& text = Sentence);

    std::unique_ptr<FailoverFixture> f;
    std::unique_ptr<Speech> speech;
    QStringList asked, voices;
    QByteArray audio;
    int finished = 0;
    std::optional<Error> error;
};

void TestSpeechFailover::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
    speech.reset();
    f = std::make_unique<FailoverFixture>();
    f->settings.perCharacter = Milliseconds(60); // as the stand-ins speak
    asked.clear();
    voices.clear();
}

void TestSpeechFailover::speak(
    std::shared_ptr<TextToSpeech> first, std::shared_ptr<TextToSpeech> second, const QString& text)
{
    audio.clear();
    finished = 0;
    error.reset();
    speech = speakWithFailover({text, f->call.language, {}}, f->call,
        f->list<TextToSpeech>({{QStringLiteral("first"), first}, {QStringLiteral("second"), second}}), f->settings,
        f->judge, f->clock, f->reporter());
    connect(speech.get(), &Speech::audio, this, [this](const QByteArray& mulaw) { audio += mulaw; });
    connect(speech.get(), &Speech::finished, this, [this] { ++finished; });
    connect(speech.get(), &Speech::failed, this, [this](const Error& why) { error = why; });
}

void TestSpeechFailover::theFirstSpeaksAlone()
{
    const auto first = voice();
    speak(first, voice());
    f->settle();
    QCOMPARE(audio, first->audioOf(Sentence));
    QCOMPARE(finished, 1);
    QVERIFY(!error);
    QCOMPARE(asked, QStringList{Sentence});
    QCOMPARE(f->began, QStringList{QStringLiteral("first")});
    QVERIFY(f->left.isEmpty());
}

void TestSpeechFailover::theNextSpeaksWhenTheFirstFailsOrIsMute_data()
{
    QTest::addColumn<bool>("hangs");
    QTest::newRow("fails") << false;
    QTest::newRow("hangs") << true;
}

void TestSpeechFailover::theNextSpeaksWhenTheFirstFailsOrIsMute()
{
    QFETCH(bool, hangs);
    speak(voice(faulty(hangs ? Fault::Hang : Fault::Fail)), voice());
    f->settle();
    if (hangs) {
        f->pass(2499);
        QVERIFY(audio.isEmpty());
        f->pass(1);
    }
    QCOMPARE(asked, (QStringList{Sentence, Sentence}));
    QCOMPARE(audio.size(), Sentence.size() * 480);
    QCOMPARE(finished, 1);
    QCOMPARE(f->left,
        QStringList{hangs ? QStringLiteral("first>second timeout") : QStringLiteral("first>second unavailable")});
    QCOMPARE(f->began, QStringList{QStringLiteral("second")});
    QCOMPARE(f->health(Tts, "first"), hangs ? Health::State::Resting : Health::State::Fit);
}

void TestSpeechFailover::theNextGoesOnFromTheWordInWhichTheSoundEnded_data()
{
    QTest::addColumn<int>("pieces"); // of 100 ms; a character is 60 ms long
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("rest");
    QTest::newRow("in the first word") << 1 << Sentence << Sentence;
    QTest::newRow("in the third word") << 7 << Sentence << QStringLiteral("three four five"); // 11 characters
    QTest::newRow("in the last word") << 13 << Sentence << QStringLiteral("five"); // 21
    // Gershayim are a part of their word.
    QTest::newRow("Hebrew") << 10 << QString::fromUtf8("שלום לעו\"ד כהן מתל אביב")
                            << QString::fromUtf8("מתל אביב"); // 16
    QTest::newRow("in the middle of a Hebrew abbreviation")
        << 5 << QString::fromUtf8("שלום לעו\"ד כהן מתל אביב") << QString::fromUtf8("לעו\"ד כהן מתל אביב"); // 8
}

void TestSpeechFailover::theNextGoesOnFromTheWordInWhichTheSoundEnded()
{
    QFETCH(int, pieces);
    QFETCH(QString, text);
    QFETCH(QString, rest);
    speak(voice(faulty(Fault::Hang, pieces)), voice(), text);
    f->settle();
    QCOMPARE(audio.size(), pieces * 800);
    f->pass(2500);
    QCOMPARE(asked, (QStringList{text, rest}));
    QCOMPARE(audio.size(), pieces * 800 + rest.size() * 480);
    QCOMPARE(finished, 1);
}

void TestSpeechFailover::nothingIsRepeatedWhenAllWasSaid()
{
    // 23 characters are 1380 ms: fourteen pieces, and then it does not say that it is done.
    speak(voice(faulty(Fault::Hang, 14)), voice());
    f->settle();
    QCOMPARE(audio.size(), Sentence.size() * 480);
    f->pass(2500);
    QCOMPARE(finished, 1);
    QCOMPARE(asked.size(), 1);
    QCOMPARE(f->health(Tts, "first"), Health::State::Resting); // a stall all the same
}

void TestSpeechFailover::wordsOfScriptsWithoutSpacesAreCutToo()
{
    const QString text = QString::fromUtf8("我们每天九点开门欢迎光临");
    speak(voice(faulty(Fault::Fail, 3)), voice(), text);
    f->settle();
    QCOMPARE(asked.size(), 2);
    QCOMPARE(asked.last(), text.mid(5)); // 300 ms
}

void TestSpeechFailover::silenceInsteadOfWordsIsAFailure()
{
    StandInTextToSpeech::Settings mute;
    mute.perCharacter = Milliseconds(0);
    speak(std::make_shared<StandInTextToSpeech>(mute), voice());
    f->settle();
    QCOMPARE(audio.size(), Sentence.size() * 480);
    QCOMPARE(finished, 1);
    QCOMPARE(f->left, QStringList{QStringLiteral("first>second unavailable")});
}

void TestSpeechFailover::signsNobodyCanSayAreNoFailure()
{
    StandInTextToSpeech::Settings mute;
    mute.perCharacter = Milliseconds(0);
    speak(std::make_shared<StandInTextToSpeech>(mute), voice(), QStringLiteral(" -- ..."));
    f->settle();
    QCOMPARE(finished, 1);
    QVERIFY(asked.isEmpty());
}

void TestSpeechFailover::nobodyIsLeft()
{
    speak(voice(faulty(Fault::Fail)), voice(faulty(Fault::Fail, 2)));
    f->settle();
    QVERIFY(error);
    QCOMPARE(error->code, Error::Code::Unavailable);
    QCOMPARE(finished, 0);
    QCOMPARE(audio.size(), 1600); // what there was
    QCOMPARE(f->left, (QStringList{QStringLiteral("first>second unavailable"), QStringLiteral("second> unavailable")}));
    f->pass(60000);
    QCOMPARE(asked.size(), 2); // none is asked again
}

void TestSpeechFailover::nobodyIsReady()
{
    f->away = true;
    speak(voice(), voice());
    QVERIFY(!error);
    f->settle();
    QVERIFY(error);
    QVERIFY(asked.isEmpty());
}

void TestSpeechFailover::noSignalComesFromInsideTheCall()
{
    class Mute final : public TextToSpeech {
    public:
        QString name() const override { return QStringLiteral("mute"); }
        std::unique_ptr<Speech> speak(const SpeechRequest&) override { return nullptr; }
    };
    bool told = false;
    auto one = speakWithFailover({Sentence, {}, {}}, f->call,
        f->list<TextToSpeech>({{QStringLiteral("mute"), std::make_shared<Mute>()}}), f->settings, f->judge, f->clock,
        f->reporter());
    connect(one.get(), &Speech::failed, this, [&told] { told = true; });
    QVERIFY(!told);
    f->settle();
    QVERIFY(told);
    QCOMPARE(f->left, QStringList{QStringLiteral("mute> unavailable")});
}

void TestSpeechFailover::aDeletedSpeechSaysNothingAndIsNoVerdict()
{
    f->judge->failed(Tts, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    f->clock.advance(Milliseconds(5000));
    speak(voice(faulty(Fault::Hang)), voice()); // its probe
    QVERIFY(!f->judge->mayUse(Tts, QStringLiteral("first")));
    f->settle();
    speech.reset();
    f->pass(60000);
    QVERIFY(!error);
    QVERIFY(f->judge->mayUse(Tts, QStringLiteral("first"))); // another may probe
}

void TestSpeechFailover::aSpeechMayBeDeletedInItsOwnSignals()
{
    speak(voice(), voice());
    connect(speech.get(), &Speech::audio, this, [this] { speech.reset(); });
    f->settle();
    QVERIFY(!speech);
    speak(voice(), voice());
    connect(speech.get(), &Speech::finished, this, [this] { speech.reset(); });
    f->settle();
    QVERIFY(!speech);
    speak(voice(faulty(Fault::Fail)), voice(faulty(Fault::Fail)));
    connect(speech.get(), &Speech::failed, this, [this] { speech.reset(); });
    f->settle();
    QVERIFY(!speech);
}

void TestSpeechFailover::thePersonaHasAVoiceForEach()
{
    auto persona = std::make_shared<Persona>();
    persona->voices = {{QStringLiteral("second"), QStringLiteral("he-IL-Wavenet-A")}};
    f->call.persona = persona;
    speak(voice(faulty(Fault::Fail)), voice());
    f->settle();
    QCOMPARE(voices, (QStringList{QString(), QStringLiteral("he-IL-Wavenet-A")}));
}

void TestSpeechFailover::aRestedOneIsBackForTheNextSentence()
{
    const auto first = voice(faulty(Fault::Hang, 0, 1)), second = voice();
    speak(first, second);
    f->pass(2500);
    speak(first, second);
    f->settle();
    QCOMPARE(first->requests(), 1); // it rests
    QCOMPARE(second->requests(), 2);
    f->pass(5000);
    speak(first, second);
    f->settle();
    QCOMPARE(first->requests(), 2);
    QCOMPARE(f->health(Tts, "first"), Health::State::Fit);
    QCOMPARE(second->requests(), 2);
}

void TestSpeechFailover::allRestAndOneIsTriedAllTheSame()
{
    for (const char* name : {"first", "second"})
        f->judge->failed(Tts, QString::fromLatin1(name), {Error::Code::Timeout, {}, {}});
    const auto first = voice();
    speak(first, voice());
    f->settle();
    QCOMPARE(finished, 1);
    QCOMPARE(first->requests(), 1);
    // But not one that refused us, or asked for time.
    speech.reset();
    Error busy{Error::Code::LimitExceeded, {}, {}};
    busy.retryAfter = Milliseconds(30000);
    f->judge->succeeded(Tts, QStringLiteral("first"));
    f->judge->failed(Tts, QStringLiteral("first"), busy);
    f->judge->succeeded(Tts, QStringLiteral("second"));
    f->judge->failed(Tts, QStringLiteral("second"), {Error::Code::Denied, {}, {}});
    speak(first, voice());
    f->settle();
    QVERIFY(error);
    QCOMPARE(first->requests(), 1);
}

QTEST_GUILESS_MAIN(TestSpeechFailover)
#include "tst_speechfailover.moc"
