// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/providers/flite/flitetexttospeech.h"
#include "engine/providers/flite/speechshaper.h"

#include <QSemaphore>
#include <QSignalSpy>
#include <QTest>
#include <QThread>
#include <QThreadPool>

#include <cmath>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::providers;

namespace {

// flite makes unvoiced sound of rand(), which all threads share: the same words begin and end in other noise each time,
// and the quiet that is cut off there differs. 55 ms were seen in 5000 runs of words that begin with an f.
constexpr qsizetype NoiseBytes = 800; // 100 ms

std::vector<qint16> decoded(const QByteArray& mulaw)
{
    std::vector<qint16> pcm(size_t(mulaw.size()));
    media::decodeMulaw({reinterpret_cast<const quint8*>(mulaw.constData()), size_t(mulaw.size())}, pcm);
    return pcm;
}

/// RMS of the 20 ms frames above -50 dBFS, in dBFS: how loud the speech is, its pauses apart.
double speechLevel(const std::vector<qint16>& pcm)
{
    double sum = 0;
    int frames = 0;
    for (size_t i = 0; i + 160 <= pcm.size(); i += 160) {
        double square = 0;
        for (size_t k = i; k < i + 160; ++k)
            square += double(pcm[k]) * pcm[k];
        square /= 160;
        if (square > 100 * 100) {
            sum += square;
            ++frames;
        }
    }
    return frames == 0 ? -96 : 10 * std::log10(sum / frames) - 20 * std::log10(32768.0);
}

size_t quietAtStart(const std::vector<qint16>& pcm)
{
    size_t i = 0;
    while (i < pcm.size() && std::abs(pcm[i]) < 300)
        ++i;
    return i;
}

size_t quietAtEnd(const std::vector<qint16>& pcm)
{
    return quietAtStart({pcm.rbegin(), pcm.rend()});
}

} // namespace

class TstFliteTextToSpeech final : public QObject {
    Q_OBJECT

private:
    QThreadPool m_pool;
    std::shared_ptr<TextToSpeech> m_voice;

    /// Says `text` to its end. Nothing on failure.
    QByteArray say(const QString& text)
    {
        QByteArray sound;
        const auto speech = m_voice->speak({text, QStringLiteral("en-US"), {}});
        connect(speech.get(), &Speech::audio, this, [&](const QByteArray& mulaw) { sound += mulaw; });
        QSignalSpy finished(speech.get(), &Speech::finished);
        return finished.wait(20000) ? sound : QByteArray();
    }

private Q_SLOTS:
    void initTestCase()
    {
        m_pool.setMaxThreadCount(4);
        auto made = FliteTextToSpeech::create(m_pool);
        QVERIFY2(made.ok(), made.ok() ? "" : qPrintable(toString(made.error())));
        m_voice = *made;
        QCOMPARE(m_voice->name(), QStringLiteral("flite"));
    }

    void speaksAtATelephoneLevelWithNaturalEnds_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"Hello, thank you for calling. How can I help you?", "Goodbye.", "One moment, please.",
                 "Your number is 5 5 5, 1 2 3 4. Is that right?", "Please leave a message after the tone."})
            QTest::newRow(text) << QString::fromLatin1(text);
    }
    void speaksAtATelephoneLevelWithNaturalEnds()
    {
        QFETCH(QString, text);
        const std::vector<qint16> pcm = decoded(say(text));
        const double seconds = double(pcm.size()) / 8000;
        QVERIFY2(seconds > 0.04 * double(text.size()) && seconds < 0.2 * double(text.size()) + 0.5,
            qPrintable(QString::number(seconds)));
        const double level = speechLevel(pcm);
        QVERIFY2(level > -22 && level < -18, qPrintable(QString::number(level)));
        for (const qint16 sample : pcm)
            QVERIFY(std::abs(sample) < 32000);
        // About 60 and 120 ms, give or take how softly a word begins and ends.
        const size_t lead = quietAtStart(pcm) / 8, tail = quietAtEnd(pcm) / 8;
        QVERIFY2(lead >= 50 && lead <= 150, qPrintable(QString::number(lead)));
        QVERIFY2(tail >= 110 && tail <= 220, qPrintable(QString::number(tail)));
        QVERIFY(std::abs(pcm.front()) < 100 && std::abs(pcm.back()) < 100); // no click
    }

    void theSamePieceIsSaidTheSame()
    {
        const QByteArray first = say(QStringLiteral("Please hold the line."));
        const QByteArray second = say(QStringLiteral("Please hold the line."));
        QVERIFY(qAbs(first.size() - second.size()) <= NoiseBytes);
        QVERIFY(std::abs(speechLevel(decoded(first)) - speechLevel(decoded(second))) < 0.5);
    }

    void soundBeginsBeforeTheSentenceIsDone()
    {
        const auto speech =
            m_voice->speak({QStringLiteral("This is a rather long sentence that takes several seconds to say, "
                                           "so that its beginning is out well before its end."),
                QStringLiteral("en-GB"), QStringLiteral("cmu_us_rms")});
        QSignalSpy audio(speech.get(), &Speech::audio);
        QSignalSpy finished(speech.get(), &Speech::finished);
        QCOMPARE(audio.count(), 0); // never from inside speak()
        QVERIFY(finished.wait(30000));
        QVERIFY(audio.count() > 5);
        QVERIFY(audio.first().first().toByteArray().size() <= 8000 / 5); // the first piece is short
    }

    void nothingToSayIsFinishedAtOnce()
    {
        for (const QString& text : {QString(), QStringLiteral("  "), QStringLiteral("...")}) {
            const auto speech = m_voice->speak({text, QStringLiteral("en-US"), {}});
            QSignalSpy audio(speech.get(), &Speech::audio);
            QSignalSpy finished(speech.get(), &Speech::finished);
            QCOMPARE(finished.count(), 0);
            QCoreApplication::processEvents();
            QCOMPARE(finished.count(), 1);
            QCOMPARE(audio.count(), 0);
        }
    }

    void refusesWhatItCannotSay_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("language");
        QTest::addColumn<QString>("voice");
        QTest::addColumn<int>("code");
        QTest::newRow("another language") << "Shalom"
                                          << "he-IL"
                                          << "" << int(Error::Code::Invalid);
        QTest::newRow("another voice") << "Hello"
                                       << "en-US"
                                       << "alloy" << int(Error::Code::Invalid);
        QTest::newRow("another script") << QStringLiteral("שלום") << "en-US"
                                        << "" << int(Error::Code::Invalid);
        QTest::newRow("a book") << QString(5000, QLatin1Char('a')) << "en-US"
                                << "" << int(Error::Code::Invalid);
    }
    void refusesWhatItCannotSay()
    {
        QFETCH(QString, text);
        QFETCH(QString, language);
        QFETCH(QString, voice);
        QFETCH(int, code);
        const auto speech = m_voice->speak({text, language, voice});
        QSignalSpy finished(speech.get(), &Speech::finished);
        int failures = 0;
        connect(speech.get(), &Speech::failed, this, [&](const Error& error) {
            ++failures;
            QCOMPARE(int(error.code), code);
        });
        QCOMPARE(failures, 0);
        QCoreApplication::processEvents();
        QCOMPARE(failures, 1);
        QCOMPARE(finished.count(), 0);
    }

    void deletionStopsTheSynthesis()
    {
        QThreadPool pool;
        pool.setMaxThreadCount(1);
        const auto voice = std::static_pointer_cast<FliteTextToSpeech>(*FliteTextToSpeech::create(pool));
        const QString longText = QStringLiteral("This sentence is said many times over. ").repeated(100);
        auto speech = voice->speak({longText, QStringLiteral("en-US"), {}});
        auto second = voice->speak({longText, QStringLiteral("en-US"), {}}); // waits behind the first
        QSignalSpy audio(speech.get(), &Speech::audio);
        QVERIFY(audio.wait(30000));
        speech.reset();
        second.reset();
        QVERIFY(pool.waitForDone(60000));
        // Of two hundred sentences the first few.
        QVERIFY2(voice->piecesSaid() < 100, qPrintable(QString::number(voice->piecesSaid())));
    }

    void aSpeechDeletedBeforeItsTurnIsNeverSynthesised()
    {
        QThreadPool pool;
        pool.setMaxThreadCount(1);
        const auto voice = std::static_pointer_cast<FliteTextToSpeech>(*FliteTextToSpeech::create(pool));
        QSemaphore gate;
        pool.start([&gate] { gate.acquire(); }); // the pool's one thread is taken
        auto speech = voice->speak({QStringLiteral("Hello."), QStringLiteral("en-US"), {}});
        speech.reset();
        gate.release();
        QVERIFY(pool.waitForDone(60000));
        QCOMPARE(voice->piecesSaid(), 0);
    }

    void tooManyWaitingSpeechesAreRefused()
    {
        QThreadPool pool;
        pool.setMaxThreadCount(1);
        const auto voice = *FliteTextToSpeech::create(pool, {.waiting = 2});
        const SpeechRequest request{QStringLiteral("Hello."), QStringLiteral("en-US"), {}};
        const auto first = voice->speak(request);
        auto second = voice->speak(request);
        const auto third = voice->speak(request);
        QSignalSpy failed(third.get(), &Speech::failed);
        QCoreApplication::processEvents();
        QCOMPARE(failed.count(), 1);
        QSignalSpy finished(second.get(), &Speech::finished);
        QVERIFY(finished.count() == 1 || finished.wait(30000));
        second.reset();
        QTRY_VERIFY(pool.activeThreadCount() == 0);
    }

    void manyThreadsSpeakAtOnce()
    {
        // Each thread is an asker with an event loop of its own, as the media workers are.
        const QStringList texts{QStringLiteral("Hello, how can I help you?"),
            QStringLiteral("It is 10:30 on Monday, May 3rd, 2027, and you owe $5.20, please."),
            QStringLiteral("5551234"), QStringLiteral("Goodbye.")};
        QList<qsizetype> expected;
        for (const QString& text : texts)
            expected += say(text).size();
        for (qsizetype i = 0; i < expected.size(); ++i) {
            for (qsizetype k = 0; k < i; ++k)
                QVERIFY(qAbs(expected[i] - expected[k]) > 3 * NoiseBytes); // none passes for another
        }
        std::atomic<int> right = 0;
        std::vector<std::unique_ptr<QThread>> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back(QThread::create([&, i] {
                for (int round = 0; round < 4; ++round) {
                    const int which = (i + round) % int(texts.size());
                    const auto speech = m_voice->speak({texts[which], QStringLiteral("en-US"), {}});
                    qsizetype bytes = 0;
                    QEventLoop loop;
                    connect(speech.get(), &Speech::audio, &loop, [&](const QByteArray& mulaw) {
                        bytes += mulaw.size();
                        if (QThread::currentThread() != loop.thread())
                            bytes = -1'000'000;
                    });
                    connect(speech.get(), &Speech::finished, &loop, &QEventLoop::quit);
                    loop.exec();
                    right += qAbs(bytes - expected[which]) <= NoiseBytes ? 1 : 0;
                }
            }));
        }
        for (const auto& thread : threads)
            thread->start();
        for (const auto& thread : threads)
            QVERIFY(thread->wait(60000));
        QCOMPARE(right.load(), 32);
    }

    void theShaperKeepsSpeechAndKnownSilence()
    {
        const auto tone = [](size_t samples, int amplitude) {
            std::vector<qint16> pcm(samples);
            for (size_t i = 0; i < samples; ++i)
                pcm[i] = qint16(std::lround(amplitude * std::sin(double(i) * 0.5)));
            return pcm;
        };
        std::vector<qint16> in(1600, 3); // 200 ms of nothing
        const auto loud = tone(800, 20000);
        in.insert(in.end(), loud.begin(), loud.end());
        in.insert(in.end(), 2400, 0); // a pause of 300 ms inside
        in.insert(in.end(), loud.begin(), loud.end());
        in.insert(in.end(), 4000, -2);
        std::vector<qint16> whole, pieces;
        SpeechShaper one({.gain = 1.5F});
        one.add(in, whole);
        one.finish(whole);
        QCOMPARE(whole.size(), size_t(480 + 800 + 2400 + 800 + 960)); // 60 ms, speech, 120 ms
        QVERIFY(*std::max_element(whole.begin(), whole.end()) < 32000); // 30,000 is bent, not cut
        SpeechShaper other({.gain = 1.5F});
        for (size_t i = 0; i < in.size(); i += 7)
            other.add(std::span(in).subspan(i, std::min<size_t>(7, in.size() - i)), pieces);
        other.finish(pieces);
        QVERIFY(pieces == whole);
        std::vector<qint16> none;
        SpeechShaper silent({});
        silent.add(std::vector<qint16>(4000, 1), none);
        silent.finish(none);
        QVERIFY(none.empty());
        // Speech that begins and ends at full voice is filled up to the same silence.
        std::vector<qint16> bare;
        SpeechShaper third({});
        third.add(loud, bare);
        third.finish(bare);
        QCOMPARE(bare.size(), size_t(480 + 800 + 960));
        QVERIFY(std::abs(bare[480]) < 1000 && std::abs(bare[480 + 799]) < 1000);
    }
};

QTEST_GUILESS_MAIN(TstFliteTextToSpeech)
#include "tst_flitetexttospeech.moc"
