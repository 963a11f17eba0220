// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/pocketsphinx.h"
#include "tests/support/fakeclock.h"

#include <QFile>
#include <QSignalSpy>
#include <QTest>
#include <QThreadPool>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <semaphore>
#include <vector>

// sphinxbase's parser loses what it had read of a grammar when it comes to a syntax error. Nothing else of it is
// excused.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:yyparse";
}
// Debian's sphinxbase is built without frame pointers: to see yyparse in a stack it must be unwound slowly.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options()
{
    return "fast_unwind_on_malloc=0";
}

using namespace kav;
using namespace kav::providers;

namespace {

const QString Allison = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/");
const QString Wishes = QStringLiteral(
    "#JSGF V1.0;\ngrammar wishes;\npublic <wish> = sales | support | operator | [leave a] message | repeat |"
    " goodbye | hello | thank you | yes | no | help;\n");

/// The samples of a 16-bit mono 8 kHz recording of asterisk-core-sounds-en-wav.
std::vector<qint16> recording(const QString& name)
{
    const QString path = Allison + name + QStringLiteral(".wav");
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        const QByteArray why =
            QStringLiteral("%1 is missing: run packaging/install-deps.sh speech-samples").arg(path).toUtf8();
        QTest::qFail(why.constData(), __FILE__, __LINE__);
        return {};
    }
    const QByteArray bytes = file.readAll();
    const qsizetype data = bytes.indexOf("data");
    std::vector<qint16> samples(std::size_t(bytes.size() - data - 8) / 2);
    std::memcpy(samples.data(), bytes.constData() + data + 8, samples.size() * 2);
    return samples;
}

std::vector<qint16> amplified(std::vector<qint16> samples, double decibels)
{
    for (qint16& sample : samples)
        sample = qint16(std::lround(sample * std::pow(10, decibels / 20)));
    return samples;
}

RecognitionContext wishes()
{
    RecognitionContext context;
    context.grammarName = QStringLiteral("wishes");
    context.grammar = Wishes;
    return context;
}

RecognitionContext grammar(const QString& text)
{
    RecognitionContext context;
    context.grammarName = QStringLiteral("test");
    context.grammar = text;
    return context;
}

void say(SpeechToTextStream& stream, const std::vector<qint16>& samples)
{
    for (std::size_t at = 0; at < samples.size(); at += 160)
        stream.write(std::span(samples).subspan(at, std::min<std::size_t>(160, samples.size() - at)));
}

/// A recogniser, one call and what it hears.
struct Call final {
    explicit Call(PocketsphinxSpeechToText& recogniser)
        : stream(recogniser.open({}))
        , partial(stream.get(), &SpeechToTextStream::partial)
        , finished(stream.get(), &SpeechToTextStream::finished)
        , failed(stream.get(), &SpeechToTextStream::failed)
    {
    }
    void hears(int id, const RecognitionContext& context, const std::vector<qint16>& samples)
    {
        stream->beginUtterance(id, context);
        say(*stream, samples);
        // The pause by which a voice detector knows that the caller is done.
        if (!samples.empty())
            say(*stream, std::vector<qint16>(2400));
        stream->endUtterance(id);
    }
    Transcript result(int index = 0) const { return finished[index][1].value<Transcript>(); }
    Error error(int index = 0) const { return failed[index][1].value<Error>(); }

    std::unique_ptr<SpeechToTextStream> stream;
    QSignalSpy partial, finished, failed;
};

/// Keeps all threads of a pool busy until it is let go.
class Jam final {
public:
    explicit Jam(QThreadPool& pool)
        : m_pool(pool)
    {
        for (int i = 0; i < m_pool.maxThreadCount(); ++i)
            m_pool.start([this] { m_gate.acquire(); });
    }
    ~Jam()
    {
        letGo();
        m_pool.waitForDone();
    }
    void letGo()
    {
        if (!std::exchange(m_open, true))
            m_gate.release(m_pool.maxThreadCount());
    }

private:
    QThreadPool& m_pool;
    std::counting_semaphore<64> m_gate{0};
    bool m_open = false;
};

} // namespace

class tst_Pocketsphinx final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        m_pool.setMaxThreadCount(2);
        auto made = PocketsphinxSpeechToText::create({}, m_pool, m_clock);
        QVERIFY2(made.ok(), made.ok() ? "" : qPrintable(toString(made.error())));
        m_recogniser = *made;
        QCOMPARE(m_recogniser->name(), QStringLiteral("pocketsphinx"));
    }

    void recordedWordsAreUnderstood_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("text");
        QTest::addColumn<double>("decibels");
        for (const double level : {0.0, -20.0}) {
            QTest::addRow("hello at %d dB", int(level)) << QStringLiteral("hello") << QStringLiteral("hello") << level;
            QTest::addRow("message at %d dB", int(level))
                << QStringLiteral("vm-message") << QStringLiteral("message") << level;
            QTest::addRow("thank you at %d dB", int(level))
                << QStringLiteral("auth-thankyou") << QStringLiteral("thank you") << level;
            QTest::addRow("goodbye at %d dB", int(level))
                << QStringLiteral("vm-goodbye") << QStringLiteral("goodbye") << level;
        }
    }

    void recordedWordsAreUnderstood()
    {
        QFETCH(QString, file);
        QFETCH(QString, text);
        QFETCH(double, decibels);
        Call call(*m_recogniser);
        call.hears(1, wishes(), amplified(recording(file), decibels));
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.finished[0][0].toInt(), 1);
        QCOMPARE(call.result().text, text);
        QVERIFY2(call.result().confidence >= 0.3 && call.result().confidence <= 1,
            QByteArray::number(call.result().confidence).constData());
        QCOMPARE(call.failed.count(), 0);
    }

    void spokenDigitsComeAsWords()
    {
        std::vector<qint16> said;
        for (const char* digit : {"5", "3", "1", "0", "2", "4", "7"}) {
            const std::vector<qint16> samples = recording(QStringLiteral("digits/") + QLatin1String(digit));
            said.insert(said.end(), samples.begin(), samples.end());
        }
        RecognitionContext context;
        context.grammarName = QStringLiteral("number");
        context.digits = true;
        Call call(*m_recogniser);
        call.hears(1, context, said);
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("five three one zero two four seven"));
    }

    void speechOutsideTheGrammarIsNotUnderstood_data()
    {
        QTest::addColumn<QString>("file");
        for (const char* file : {"conf-locked", "dir-nomatch", "vm-nomore", "tt-weasels"})
            QTest::newRow(file) << QString(QLatin1String(file));
    }

    void speechOutsideTheGrammarIsNotUnderstood()
    {
        QFETCH(QString, file);
        Call call(*m_recogniser);
        call.hears(1, wishes(), recording(file));
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QString());
        QCOMPARE(call.result().confidence, 0.0);
    }

    void silenceAndNothingAreNotUnderstood()
    {
        Call call(*m_recogniser);
        call.hears(1, wishes(), std::vector<qint16>(8000));
        call.hears(2, wishes(), {});
        QTRY_COMPARE(call.finished.count(), 2);
        QCOMPARE(call.finished[0][0].toInt(), 1);
        QCOMPARE(call.finished[1][0].toInt(), 2);
        QCOMPARE(call.result(0).text, QString());
        QCOMPARE(call.result(1).text, QString());
    }

    void phrasesServeWhereThereIsNoGrammar()
    {
        RecognitionContext context;
        context.phrases = {QStringLiteral("Thank you!"), QStringLiteral("hello")};
        Call call(*m_recogniser);
        call.hears(1, context, recording(QStringLiteral("auth-thankyou")));
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("thank you"));
    }

    /// And is never called stable: what a grammar has heard so far is the beginning of a sentence.
    void aPartialComesWhileTheCallerSpeaks()
    {
        Call call(*m_recogniser);
        call.stream->beginUtterance(1, wishes());
        std::vector<qint16> samples = recording(QStringLiteral("vm-goodbye"));
        samples.resize(samples.size() + 8000);
        say(*call.stream, samples);
        QTRY_VERIFY(std::any_of(call.partial.begin(), call.partial.end(), [](const QVariantList& signal) {
            const auto transcript = signal[1].value<Transcript>();
            return transcript.text == u"goodbye";
        }));
        QVERIFY(std::none_of(call.partial.begin(), call.partial.end(),
            [](const QVariantList& signal) { return signal[1].value<Transcript>().stable; }));
        QCOMPARE(call.finished.count(), 0);
        call.stream->endUtterance(1);
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("goodbye"));
    }

    void utterancesOfACallAreAnsweredInOrder()
    {
        Call call(*m_recogniser);
        call.hears(1, wishes(), recording(QStringLiteral("hello")));
        call.hears(2, wishes(), recording(QStringLiteral("vm-message")));
        call.hears(3, wishes(), recording(QStringLiteral("vm-goodbye")));
        QTRY_COMPARE(call.finished.count(), 3);
        for (int i = 0; i < 3; ++i)
            QCOMPARE(call.finished[i][0].toInt(), i + 1);
        QCOMPARE(call.result(0).text, QStringLiteral("hello"));
        QCOMPARE(call.result(1).text, QStringLiteral("message"));
        QCOMPARE(call.result(2).text, QStringLiteral("goodbye"));
    }

    void audioOutsideAnUtteranceIsIgnored()
    {
        Call call(*m_recogniser);
        say(*call.stream, recording(QStringLiteral("vm-goodbye")));
        call.hears(1, wishes(), recording(QStringLiteral("hello")));
        say(*call.stream, recording(QStringLiteral("vm-goodbye")));
        call.stream->endUtterance(1);
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("hello"));
    }

    void aDroppedUtteranceIsNeverAnswered()
    {
        Call call(*m_recogniser);
        {
            Jam jam(m_pool);
            call.hears(1, wishes(), recording(QStringLiteral("hello")));
            call.stream->dropUtterance(1);
            call.stream->beginUtterance(2, wishes());
            say(*call.stream, recording(QStringLiteral("hello")));
            call.stream->dropUtterance(2);
            call.hears(3, wishes(), recording(QStringLiteral("vm-goodbye")));
        }
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.finished[0][0].toInt(), 3);
        QCOMPARE(call.result().text, QStringLiteral("goodbye"));
        // A result that was under way when it was dropped is not delivered either.
        call.hears(4, wishes(), recording(QStringLiteral("hello")));
        m_pool.waitForDone();
        call.stream->dropUtterance(4);
        call.hears(5, wishes(), recording(QStringLiteral("hello")));
        QTRY_COMPARE(call.finished.count(), 2);
        QCOMPARE(call.finished[1][0].toInt(), 5);
        QCOMPARE(call.failed.count(), 0);
    }

    void aCallMayEndInTheMiddleOfAnything()
    {
        for (int i = 0; i < 20; ++i) {
            const auto stream = m_recogniser->open({});
            stream->beginUtterance(1, wishes());
            say(*stream, recording(QStringLiteral("vm-goodbye")));
            if (i % 2)
                stream->endUtterance(1);
        }
        // Nobody kept a decoder.
        Call call(*m_recogniser);
        call.hears(1, wishes(), recording(QStringLiteral("hello")));
        QTRY_COMPARE(call.finished.count(), 1);
        QVERIFY(m_recogniser->statistics().decoders <= 2);
    }

    void theCallsThreadNeverDecodes()
    {
        Call call(*m_recogniser);
        Jam jam(m_pool);
        call.hears(1, wishes(), recording(QStringLiteral("hello")));
        QCoreApplication::processEvents();
        QCOMPARE(call.finished.count(), 0);
        jam.letGo();
        QTRY_COMPARE(call.finished.count(), 1);
    }

    void aCallerWhoIsDoneNeedNotWaitForOnesWhoSpeak()
    {
        QThreadPool pool;
        pool.setMaxThreadCount(2);
        test::FakeClock clock;
        PocketsphinxSettings settings;
        settings.decoders = 2;
        const auto made = PocketsphinxSpeechToText::create(settings, pool, clock);
        QVERIFY(made.ok());
        Call first(**made), second(**made), third(**made);
        first.stream->beginUtterance(1, wishes());
        say(*first.stream, recording(QStringLiteral("vm-goodbye")));
        say(*first.stream, std::vector<qint16>(2400));
        pool.waitForDone();
        // One of two decoders is taken, the other is kept for those who are done: this one waits ...
        second.stream->beginUtterance(1, wishes());
        say(*second.stream, recording(QStringLiteral("vm-message")));
        say(*second.stream, std::vector<qint16>(2400));
        pool.waitForDone();
        clock.advance(Milliseconds(70));
        // ... while this one, which came later, is served.
        third.hears(1, wishes(), recording(QStringLiteral("hello")));
        QTRY_COMPARE(third.finished.count(), 1);
        QCOMPARE(third.result().text, QStringLiteral("hello"));
        QCOMPARE(second.finished.count(), 0);
        second.stream->endUtterance(1);
        QTRY_COMPARE(second.finished.count(), 1);
        QCOMPARE(second.result().text, QStringLiteral("message"));
        first.stream->endUtterance(1);
        QTRY_COMPARE(first.finished.count(), 1);
        QCOMPARE(first.result().text, QStringLiteral("goodbye"));
        const PocketsphinxStatistics statistics = (*made)->statistics();
        QCOMPARE(statistics.utterances, 3);
        QCOMPARE(statistics.decoders, 2);
        QVERIFY(statistics.waited >= 1);
        QCOMPARE(statistics.longestWait, Milliseconds(70));
        QVERIFY(pool.waitForDone());
    }

    void manyCallsShareOneDecoder()
    {
        QThreadPool pool;
        test::FakeClock clock;
        PocketsphinxSettings settings;
        settings.decoders = 1;
        const auto made = PocketsphinxSpeechToText::create(settings, pool, clock);
        QVERIFY(made.ok());
        const std::vector<qint16> hello = recording(QStringLiteral("hello")),
                                  goodbye = recording(QStringLiteral("vm-goodbye"));
        std::vector<std::unique_ptr<Call>> calls;
        for (int i = 0; i < 12; ++i) {
            calls.push_back(std::make_unique<Call>(**made));
            calls.back()->hears(1, wishes(), i % 2 ? hello : goodbye);
        }
        for (std::size_t i = 0; i < calls.size(); ++i) {
            QTRY_COMPARE(calls[i]->finished.count(), 1);
            QCOMPARE(calls[i]->result().text, i % 2 ? QStringLiteral("hello") : QStringLiteral("goodbye"));
        }
        QCOMPARE((*made)->statistics().decoders, 1);
        QVERIFY(pool.waitForDone());
    }

    void anEndlessUtteranceIsCutAndCounted()
    {
        QThreadPool pool;
        test::FakeClock clock;
        PocketsphinxSettings settings;
        settings.longestUtterance = Milliseconds(1000);
        const auto made = PocketsphinxSpeechToText::create(settings, pool, clock);
        QVERIFY(made.ok());
        Call call(**made);
        std::vector<qint16> samples = recording(QStringLiteral("hello"));
        samples.resize(24000);
        call.hears(1, wishes(), samples);
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE((*made)->statistics().audioDropped, Milliseconds(2300));
        QVERIFY(pool.waitForDone());
    }

    void tooManyWaitingUtterancesFailAtOnce()
    {
        Call call(*m_recogniser);
        Jam jam(m_pool);
        for (int id = 1; id <= 6; ++id)
            call.hears(id, wishes(), recording(QStringLiteral("hello")));
        QTRY_COMPARE(call.failed.count(), 2);
        QCOMPARE(call.failed[0][0].toInt(), 5);
        QCOMPARE(call.error().code, Error::Code::Invalid);
        jam.letGo();
        QTRY_COMPARE(call.finished.count(), 4);
    }

    void badGrammarsAreRefusedWithTheReason_data()
    {
        QTest::addColumn<RecognitionContext>("context");
        QTest::addColumn<QString>("reason");
        QTest::newRow("no grammar") << RecognitionContext{} << QStringLiteral("needs a grammar");
        QTest::newRow("not JSGF") << grammar(QStringLiteral("#JSGF V1.0;\ngrammar x;\npublic <x> = ( hello | ;\n"))
                                  << QStringLiteral("is not valid JSGF");
        QTest::newRow("nothing public") << grammar(QStringLiteral("#JSGF V1.0;\ngrammar x;\n<x> = hello;\n"))
                                        << QStringLiteral("no public rule");
        QTest::newRow("an unknown word") << grammar(
            QStringLiteral("#JSGF V1.0;\ngrammar x;\npublic <x> = hello | qwrtzel | zzyzxq;\n"))
                                         << QStringLiteral("does not hold \"qwrtzel\", \"zzyzxq\"");
        QTest::newRow("too large") << grammar(QString(100'000, u'x')) << QStringLiteral("at most 65536");
    }

    void badGrammarsAreRefusedWithTheReason()
    {
        QFETCH(RecognitionContext, context);
        QFETCH(QString, reason);
        const auto prepared = m_recogniser->prepare(context);
        QVERIFY(!prepared.ok());
        QVERIFY2(prepared.error().message.contains(reason), qPrintable(toString(prepared.error())));
        Call call(*m_recogniser);
        call.hears(1, context, recording(QStringLiteral("hello")));
        QTRY_COMPARE(call.failed.count(), 1);
        QCOMPARE(call.error().code, Error::Code::Invalid); // of this one grammar: other calls keep their recogniser
        QCOMPARE(prepared.error().code, Error::Code::Invalid);
        QCOMPARE(call.error().message, prepared.error().message);
        // The call goes on.
        call.hears(2, wishes(), recording(QStringLiteral("hello")));
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("hello"));
    }

    void aDecoderKnowsManyGrammars()
    {
        QThreadPool pool;
        test::FakeClock clock;
        PocketsphinxSettings settings;
        settings.decoders = 1;
        const auto made = PocketsphinxSpeechToText::create(settings, pool, clock);
        QVERIFY(made.ok());
        const QStringList others{
            QStringLiteral("sales"), QStringLiteral("red"), QStringLiteral("window"), QStringLiteral("tomorrow")};
        Call call(**made);
        for (int i = 0; i < 38; ++i) {
            call.hears(i,
                grammar(QStringLiteral("#JSGF V1.0;\ngrammar g%1;\npublic <x> = hello | %2;\n")
                            .arg(i % 34)
                            .arg(others[i % 4])),
                recording(QStringLiteral("hello")));
            QTRY_COMPARE(call.finished.count(), i + 1);
            QCOMPARE(call.result(i).text, QStringLiteral("hello"));
        }
        QVERIFY(pool.waitForDone());
    }

    void capitalsInAGrammarAreWordsAsWell()
    {
        Call call(*m_recogniser);
        call.hears(1, grammar(QStringLiteral("#JSGF V1.0;\ngrammar Polite;\npublic <Wish> = Hello | THANK you;\n")),
            recording(QStringLiteral("auth-thankyou")));
        QTRY_COMPARE(call.finished.count(), 1);
        QCOMPARE(call.result().text, QStringLiteral("thank you"));
    }

    void whatIsMissingIsNamed()
    {
        PocketsphinxSettings settings;
        settings.modelDirectory = QStringLiteral("/nonexistent/model");
        auto made = PocketsphinxSpeechToText::create(settings, m_pool, m_clock);
        QVERIFY(!made.ok());
        QCOMPARE(made.error().code, Error::Code::NotFound);
        QVERIFY(made.error().message.contains(u"/nonexistent/model"));
        settings = {};
        settings.dictionary = QStringLiteral("/nonexistent/words.dict");
        made = PocketsphinxSpeechToText::create(settings, m_pool, m_clock);
        QVERIFY(!made.ok());
        QVERIFY(made.error().message.contains(u"/nonexistent/words.dict"));
    }

    void aModelOfAnotherShapeIsRefused()
    {
        PocketsphinxSettings settings;
        settings.modelDirectory = QStringLiteral("/usr/share/pocketsphinx/test/data/an4_ci_cont");
        const auto made = PocketsphinxSpeechToText::create(settings, m_pool, m_clock);
        QVERIFY(!made.ok());
        QCOMPARE(made.error().code, Error::Code::Invalid);
    }

    void cleanupTestCase()
    {
        m_recogniser.reset();
        QVERIFY(m_pool.waitForDone());
    }

private:
    QThreadPool m_pool;
    test::FakeClock m_clock;
    std::shared_ptr<PocketsphinxSpeechToText> m_recogniser;
};

QTEST_GUILESS_MAIN(tst_Pocketsphinx)
#include "tst_pocketsphinx.moc"
