// SPDX-License-Identifier: Apache-2.0
#include "tests/providers/failoverfixture.h"

#include <QTest>

using namespace kav;
using namespace kav::providers;
using namespace kav::test;
using Fault = StandInManners::Fault;

namespace {
constexpr Stage Stt = Stage::SpeechToText;
} // namespace

/// An utterance, understood by whoever can.
class TestRecognitionFailover final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void theFirstHearsAlone();
    void aFailureAtTheEndGivesTheNextAllOfIt();
    void aFinalThatDoesNotComeIsNotWaitedForLong();
    void aFailureInMidUtteranceIsMadeUpForWhileTheCallerSpeaksOn();
    void partialsOfTheOneThatWasLeftAreForgotten();
    void theContextGoesAlong();
    void whatIsKeptHasALimit();
    void twoUtterancesAtOnceAreEachMadeUpFor();
    void idsOnOneStreamOnlyGrow();
    void nobodyIsLeft();
    void nobodyIsReady();
    void aDroppedUtteranceIsNoVerdict();
    void oneDroppedForWantOfAnAnswerIsAVerdict();
    void oneThatComesLateIsNone();
    void anInvalidRequestIsNotTheProvidersFault();
    void theStreamIsOpenBeforeTheFirstWord();
    void thePreferredOneIsBackAfterItsRest();
    void moreThanFourAreNotWaitedFor();
    void itMayBeDeletedInItsOwnSignals();

private:
    std::shared_ptr<StandInSpeechToText> recogniser(
        const char* hears, const StandInManners& manners = {}, int faultAfterMs = 0, QStringList partials = {})
    {
        StandInSpeechToText::Settings settings;
        settings.script = {{QString::fromUtf8(hears), 0.9, std::move(partials), true}};
        settings.manners = manners;
        settings.faultAfterAudio = Milliseconds(faultAfterMs);
        settings.opened = [this](StandInStream* opened) { streams += opened; };
        return std::make_shared<StandInSpeechToText>(settings);
    }
    void open(std::shared_ptr<SpeechToText> first, std::shared_ptr<SpeechToText> second);
    /// So many frames of a voice that is nowhere the same.
    void write(int frames);
    void utterance(int id, int frames)
    {
        stream->beginUtterance(id, {});
        write(frames);
        stream->endUtterance(id);
    }
    static qint64 sumOf(qsizetype from, qsizetype count);

    std::unique_ptr<FailoverFixture> f;
    std::unique_ptr<SpeechToTextStream> stream;
    QList<StandInStream*> streams; // as they were opened
    QStringList heard; // "1 hello", "1? hel", "1! unavailable"
    int spoken = 0; // samples, since the test began
};

void TestRecognitionFailover::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
    stream.reset();
    f = std::make_unique<FailoverFixture>();
    streams.clear();
    heard.clear();
    spoken = 0;
}

void TestRecognitionFailover::open(std::shared_ptr<SpeechToText> first, std::shared_ptr<SpeechToText> second)
{
    stream = openWithFailover(f->call,
        f->list<SpeechToText>({{QStringLiteral("first"), first}, {QStringLiteral("second"), second}}), f->settings,
        f->judge, f->clock, f->reporter());
    const auto note = [this](int id, const char* sign, const QString& text) {
        heard += QString::number(id) + QLatin1String(sign) + QLatin1Char(' ') + text;
    };
    connect(stream.get(), &SpeechToTextStream::partial, this,
        [note](int id, const Transcript& transcript) { note(id, "?", transcript.text); });
    connect(stream.get(), &SpeechToTextStream::finished, this,
        [note](int id, const Transcript& transcript) { note(id, "", transcript.text); });
    connect(stream.get(), &SpeechToTextStream::failed, this,
        [note](int id, const Error& error) { note(id, "!", errorCodeName(error.code)); });
}

void TestRecognitionFailover::write(int frames)
{
    for (int i = 0; i < frames; ++i) {
        media::PcmFrame frame;
        for (qint16& sample : frame)
            sample = qint16(++spoken * 7919 % 10007);
        stream->write(frame);
    }
}

qint64 TestRecognitionFailover::sumOf(qsizetype from, qsizetype count)
{
    qint64 sum = 0;
    for (qsizetype i = 1; i <= count; ++i)
        sum += qint64(qint16((from + i) * 7919 % 10007)) * i;
    return sum;
}

void TestRecognitionFailover::theFirstHearsAlone()
{
    open(recogniser("hello"), recogniser("never"));
    utterance(1, 50);
    f->settle();
    utterance(2, 10);
    f->settle();
    QCOMPARE(heard, (QStringList{QStringLiteral("1 hello"), QStringLiteral("2 hello")}));
    QCOMPARE(streams.size(), 1); // one stream for the call
    QCOMPARE(f->began, (QStringList{QStringLiteral("first"), QStringLiteral("first")}));
    QVERIFY(f->left.isEmpty());
}

void TestRecognitionFailover::aFailureAtTheEndGivesTheNextAllOfIt()
{
    open(recogniser("", faulty(Fault::Fail)), recogniser("hello"));
    write(3); // before the utterance: nobody's
    utterance(1, 170); // 3.4 s
    f->settle();
    QCOMPARE(heard, QStringList{QStringLiteral("1 hello")});
    QCOMPARE(f->left, QStringList{QStringLiteral("first>second unavailable")});
    QCOMPARE(streams.size(), 2);
    const auto& asked = streams.last()->asked;
    QCOMPARE(asked.size(), 1);
    QCOMPARE(asked.first().samples, qsizetype(170 * 160));
    QCOMPARE(asked.first().sum, sumOf(3 * 160, 170 * 160)); // sample by sample
    QVERIFY(asked.first().ended);
}

void TestRecognitionFailover::aFinalThatDoesNotComeIsNotWaitedForLong()
{
    open(recogniser("", faulty(Fault::Hang)), recogniser("hello"));
    utterance(1, 50);
    f->settle();
    f->pass(1799);
    QVERIFY(heard.isEmpty());
    f->pass(1);
    QCOMPARE(heard, QStringList{QStringLiteral("1 hello")});
    QCOMPARE(f->left, QStringList{QStringLiteral("first>second timeout")});
    QCOMPARE(f->health(Stt, "first"), Health::State::Resting);
}

void TestRecognitionFailover::aFailureInMidUtteranceIsMadeUpForWhileTheCallerSpeaksOn()
{
    open(recogniser("", faulty(Fault::Fail), 1000), recogniser("hello"));
    stream->beginUtterance(1, {});
    write(200); // 4 s, of which the first heard one
    QCoreApplication::sendPostedEvents(); // the failure arrives
    QCoreApplication::sendPostedEvents();
    QCOMPARE(streams.size(), 2);
    QCOMPARE(streams.last()->asked.first().samples, qsizetype(8000)); // at once, and the rest as time goes on
    write(5);
    QCOMPARE(streams.last()->asked.first().samples, qsizetype(8000)); // in its turn
    f->settle();
    QCOMPARE(streams.last()->asked.first().samples, qsizetype(205 * 160));
    write(5);
    QCOMPARE(streams.last()->asked.first().samples, qsizetype(210 * 160)); // live again
    stream->endUtterance(1);
    f->settle();
    QCOMPARE(streams.last()->asked.first().sum, sumOf(0, 210 * 160));
    QCOMPARE(heard, QStringList{QStringLiteral("1 hello")});
}

void TestRecognitionFailover::partialsOfTheOneThatWasLeftAreForgotten()
{
    open(recogniser("", faulty(Fault::Fail), 800, {QStringLiteral("wrong"), QStringLiteral("very wrong")}),
        recogniser("hello", {}, 0, {QStringLiteral("hel")}));
    stream->beginUtterance(1, {});
    write(50);
    f->settle();
    stream->endUtterance(1);
    f->settle();
    QCOMPARE(heard,
        (QStringList{QStringLiteral("1? wrong"), QStringLiteral("1? very wrong"), QStringLiteral("1? hel"),
            QStringLiteral("1 hello")}));
}

void TestRecognitionFailover::theContextGoesAlong()
{
    open(recogniser("", faulty(Fault::Fail)), recogniser("hello"));
    RecognitionContext context;
    context.language = QStringLiteral("he-IL");
    context.grammarName = QStringLiteral("wishes");
    context.phrases = QStringList{QStringLiteral("sales")};
    context.digits = true;
    stream->beginUtterance(7, context);
    write(10);
    stream->endUtterance(7);
    f->settle();
    const auto& asked = streams.last()->asked.first();
    QCOMPARE(asked.utterance, 7);
    QCOMPARE(asked.context.language, context.language);
    QCOMPARE(asked.context.grammarName, context.grammarName);
    QCOMPARE(asked.context.phrases, context.phrases);
    QVERIFY(asked.context.digits);
}

void TestRecognitionFailover::whatIsKeptHasALimit()
{
    f->settings.longestUtterance = Milliseconds(2000);
    open(recogniser("", faulty(Fault::Fail)), recogniser("hello"));
    utterance(1, 150); // 3 s
    QCOMPARE(streams.first()->asked.first().samples, qsizetype(24000)); // live, all of it goes through
    f->settle();
    QCOMPARE(streams.last()->asked.first().samples, qsizetype(16000));
    QCOMPARE(heard, QStringList{QStringLiteral("1 hello")});
}

void TestRecognitionFailover::twoUtterancesAtOnceAreEachMadeUpFor()
{
    open(recogniser("", faulty(Fault::Hang)), recogniser("hello"));
    utterance(1, 50);
    f->pass(1000);
    stream->beginUtterance(2, {});
    write(25);
    f->pass(800); // the first is left; the second is still being said
    QCOMPARE(heard, QStringList{QStringLiteral("1 hello")});
    write(25);
    stream->endUtterance(2);
    f->pass(1800);
    QCOMPARE(heard, (QStringList{QStringLiteral("1 hello"), QStringLiteral("2 hello")}));
    QCOMPARE(streams.last()->asked.last().sum, sumOf(50 * 160, 50 * 160));
}

void TestRecognitionFailover::idsOnOneStreamOnlyGrow()
{
    open(recogniser("", faulty(Fault::Hang)), recogniser("hello"));
    utterance(1, 50);
    f->judge->failed(Stt, QStringLiteral("first"), {Error::Code::Timeout, {}, {}}); // by another call
    utterance(2, 50);
    f->settle();
    f->pass(1800);
    QCOMPARE(heard, (QStringList{QStringLiteral("2 hello"), QStringLiteral("1 hello")}));
    QCOMPARE(streams.size(), 3); // the first utterance came too late for the stream of the second
}

void TestRecognitionFailover::nobodyIsLeft()
{
    open(recogniser("", faulty(Fault::Fail)), recogniser("", faulty(Fault::Hang)));
    utterance(1, 50);
    f->settle();
    f->pass(1800);
    QCOMPARE(heard, QStringList{QStringLiteral("1! timeout")});
    QCOMPARE(f->left, (QStringList{QStringLiteral("first>second unavailable"), QStringLiteral("second> timeout")}));
    f->pass(60000);
    QCOMPARE(heard.size(), 1);
}

void TestRecognitionFailover::nobodyIsReady()
{
    f->away = true;
    open(recogniser("hello"), recogniser("hello"));
    stream->beginUtterance(1, {});
    QVERIFY(heard.isEmpty()); // never from inside
    write(5);
    f->settle();
    QCOMPARE(heard, QStringList{QStringLiteral("1! unavailable")});
    stream->endUtterance(1);
    f->away = false;
    utterance(2, 5);
    f->settle();
    QCOMPARE(heard.last(), QStringLiteral("2 hello"));
}

void TestRecognitionFailover::aDroppedUtteranceIsNoVerdict()
{
    f->judge->failed(Stt, QStringLiteral("first"), {Error::Code::Timeout, {}, {}});
    f->clock.advance(Milliseconds(5000));
    open(recogniser("hello", faulty(Fault::Hang)), recogniser("never"));
    stream->beginUtterance(1, {});
    write(5);
    stream->dropUtterance(1);
    QVERIFY(streams.last()->asked.first().dropped); // the first was of the one that is fit, and is closed
    f->pass(10000);
    QVERIFY(heard.isEmpty());
    QCOMPARE(f->health(Stt, "first"), Health::State::Probation);
    QVERIFY(f->judge->mayUse(Stt, QStringLiteral("first")));
}

void TestRecognitionFailover::oneDroppedForWantOfAnAnswerIsAVerdict()
{
    open(recogniser("hello", faulty(Fault::Hang)), recogniser("never"));
    utterance(1, 50);
    f->pass(1500);
    stream->dropUtterance(1); // nobody waits for it any more
    f->pass(300);
    QVERIFY(heard.isEmpty());
    QCOMPARE(f->health(Stt, "first"), Health::State::Resting);
    utterance(2, 50);
    f->settle();
    QCOMPARE(heard, QStringList{QStringLiteral("2 never")});
}

void TestRecognitionFailover::oneThatComesLateIsNone()
{
    const auto gate = std::make_shared<StandInGate>();
    StandInManners slow;
    slow.gate = gate;
    open(recogniser("hello", slow), recogniser("never"));
    utterance(1, 50);
    f->pass(1500);
    stream->dropUtterance(1);
    gate->release();
    f->settle();
    QVERIFY(heard.isEmpty());
    f->pass(1000);
    QCOMPARE(f->health(Stt, "first"), Health::State::Fit);
}

void TestRecognitionFailover::anInvalidRequestIsNotTheProvidersFault()
{
    class NoHebrew final : public SpeechToText {
    public:
        class Deaf final : public SpeechToTextStream {
        public:
            void beginUtterance(int id, const RecognitionContext&) override
            {
                Q_EMIT failed(id, {Error::Code::Invalid, QStringLiteral("no Hebrew here"), {}}); // from inside, even
            }
            void write(std::span<const qint16>) override { }
            void endUtterance(int) override { }
            void dropUtterance(int) override { }
        };
        QString name() const override { return QStringLiteral("deaf"); }
        std::unique_ptr<SpeechToTextStream> open(const CallInfo&) override { return std::make_unique<Deaf>(); }
    };
    open(std::make_shared<NoHebrew>(), recogniser("hello"));
    for (int id = 1; id <= 3; ++id) {
        utterance(id, 10);
        f->settle();
    }
    QCOMPARE(heard, (QStringList{QStringLiteral("1 hello"), QStringLiteral("2 hello"), QStringLiteral("3 hello")}));
    QCOMPARE(f->health(Stt, "first"), Health::State::Fit);
}

void TestRecognitionFailover::theStreamIsOpenBeforeTheFirstWord()
{
    open(recogniser("hello"), recogniser("never"));
    QCOMPARE(streams.size(), 1);
}

void TestRecognitionFailover::thePreferredOneIsBackAfterItsRest()
{
    open(recogniser("first", faulty(Fault::Hang, 0, 1)), recogniser("second"));
    utterance(1, 50);
    f->pass(1800);
    utterance(2, 50);
    f->settle();
    f->pass(5000);
    utterance(3, 50);
    f->settle();
    QCOMPARE(heard, (QStringList{QStringLiteral("1 second"), QStringLiteral("2 second"), QStringLiteral("3 first")}));
    QCOMPARE(f->health(Stt, "first"), Health::State::Fit);
}

void TestRecognitionFailover::moreThanFourAreNotWaitedFor()
{
    open(recogniser("", faulty(Fault::Hang)), recogniser("", faulty(Fault::Hang)));
    for (int id = 1; id <= 5; ++id)
        utterance(id, 5);
    f->settle();
    QCOMPARE(heard, QStringList{QStringLiteral("1! limit-exceeded")});
}

void TestRecognitionFailover::itMayBeDeletedInItsOwnSignals()
{
    open(recogniser("hello", {}, 0, {QStringLiteral("hel")}), recogniser("never"));
    connect(stream.get(), &SpeechToTextStream::partial, this, [this] { stream.reset(); });
    utterance(1, 50);
    f->settle();
    QVERIFY(!stream);
    open(recogniser("hello"), recogniser("never"));
    connect(stream.get(), &SpeechToTextStream::finished, this, [this] { stream.reset(); });
    utterance(1, 50);
    f->settle();
    QVERIFY(!stream);
    open(recogniser("", faulty(Fault::Fail)), recogniser("", faulty(Fault::Fail)));
    connect(stream.get(), &SpeechToTextStream::failed, this, [this] { stream.reset(); });
    utterance(1, 50);
    f->settle();
    QVERIFY(!stream);
}

QTEST_GUILESS_MAIN(TestRecognitionFailover)
#include "tst_recognitionfailover.moc"
