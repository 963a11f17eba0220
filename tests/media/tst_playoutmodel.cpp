// SPDX-License-Identifier: Apache-2.0
#include "engine/media/playout.h"
#include "tests/support/fakeclock.h"

#include <QRandomGenerator>
#include <QTest>

#include <deque>
#include <variant>

using namespace kav;
using namespace kav::media;
using namespace std::chrono_literals;

namespace {

constexpr qint64 BytesPerMs = SampleRate / 1000;

// Twilio, as far as a playout sees it: what is sent takes `latency` to arrive, is played in order in real time, a mark
// is returned when what came before it has been played, a clear empties the queue and returns every mark. Returned
// marks take their own time, and may get lost. Everything happens in whole milliseconds.
class TwilioModel final : public PlayoutSink {
public:
    TwilioModel(QRandomGenerator& random, qint64 latencyMs)
        : m_random(random)
        , m_latencyMs(latencyMs)
    {
    }

    void sendMedia(std::span<const quint8> mulaw) override
    {
        m_travelling.push_back({m_nowMs + m_latencyMs, std::vector<quint8>(mulaw.begin(), mulaw.end())});
    }
    void sendMark(const QString& name) override { m_travelling.push_back({m_nowMs + m_latencyMs, name}); }
    void sendClear() override { m_travelling.push_back({m_nowMs + m_latencyMs, Clear()}); }

    // What arrives at this instant, then a millisecond of playing.
    void playMillisecond()
    {
        while (!m_travelling.empty() && m_travelling.front().atMs <= m_nowMs) {
            if (std::holds_alternative<Clear>(m_travelling.front().item)) {
                for (const Item& item : m_queue) {
                    if (const auto* name = std::get_if<QString>(&item))
                        returnMark(*name);
                }
                m_queue.clear();
            } else {
                m_queue.push_back(std::move(m_travelling.front().item));
            }
            m_travelling.pop_front();
        }
        qint64 budget = BytesPerMs;
        while (!m_queue.empty()) {
            if (const auto* name = std::get_if<QString>(&m_queue.front())) {
                returnMark(*name);
                m_queue.pop_front();
                continue;
            }
            auto& audio = std::get<std::vector<quint8>>(m_queue.front());
            const auto part = std::min<qint64>(budget, static_cast<qint64>(audio.size()));
            played.insert(played.end(), audio.begin(), audio.begin() + part);
            audio.erase(audio.begin(), audio.begin() + part);
            budget -= part;
            if (!audio.empty())
                break;
            m_queue.pop_front();
        }
        ++m_nowMs;
    }

    QStringList takeMarks()
    {
        QStringList due;
        while (!m_returning.empty() && m_returning.front().first <= m_nowMs) {
            due.append(m_returning.front().second);
            m_returning.pop_front();
        }
        return due;
    }
    bool isQuiet() const { return m_travelling.empty() && m_queue.empty(); }

    std::vector<quint8> played;
    int lostMarks = 0;

private:
    struct Clear final { };
    using Item = std::variant<std::vector<quint8>, QString, Clear>;
    struct Travelling final {
        qint64 atMs;
        Item item;
    };

    void returnMark(const QString& name)
    {
        if (m_random.bounded(8) == 0) {
            ++lostMarks;
            return;
        }
        const qint64 at = m_nowMs + m_latencyMs + m_random.bounded(400);
        const qint64 earliest = m_returning.empty() ? 0 : m_returning.back().first; // a socket keeps the order
        m_returning.emplace_back(std::max(at, earliest), name);
    }

    QRandomGenerator& m_random;
    const qint64 m_latencyMs;
    qint64 m_nowMs = 0;
    std::deque<Travelling> m_travelling;
    std::deque<Item> m_queue;
    std::deque<std::pair<qint64, QString>> m_returning;
};

// A speech whose every byte tells where it belongs, as far as one byte can.
quint8 byteAt(std::size_t position)
{
    return static_cast<quint8>(position / FrameSamples * 97 + position % FrameSamples * 5 + position / 12'345);
}

} // namespace

// Random speeches with every kind of interruption against the model: what the caller heard is what heard() says, and
// across pauses nothing is lost and less than a frame is said twice.
class TestPlayoutModel final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void whatWasPlayedIsWhatWasHeard_data();
    void whatWasPlayedIsWhatWasHeard();

private:
    void oneSpeech(
        QRandomGenerator& random, TwilioModel& twilio, Playout& playout, test::FakeClock& clock, qint64 latencyMs);
};

void TestPlayoutModel::whatWasPlayedIsWhatWasHeard_data()
{
    QTest::addColumn<qint64>("latencyMs");
    for (const qint64 latency : {0, 7, 40, 150})
        QTest::addRow("%lld ms to Twilio", static_cast<long long>(latency)) << latency;
}

void TestPlayoutModel::whatWasPlayedIsWhatWasHeard()
{
    QFETCH(qint64, latencyMs);
    for (quint32 seed = 1 + 100 * static_cast<quint32>(latencyMs); seed % 100 <= 12; ++seed) {
        QRandomGenerator random(seed);
        test::FakeClock clock;
        TwilioModel twilio(random, latencyMs);
        Playout playout(Playout::Settings{Milliseconds(40 + 20 * random.bounded(25)), 1s});
        for (int speech = 0; speech < 4; ++speech) {
            oneSpeech(random, twilio, playout, clock, latencyMs);
            if (QTest::currentTestFailed())
                QFAIL(qPrintable(QStringLiteral("seed %1, speech %2").arg(seed).arg(speech)));
        }
        const auto& counters = playout.counters();
        QVERIFY(counters.marksReturned + counters.lostMarks <= counters.marksSent);
    }
}

void TestPlayoutModel::oneSpeech(
    QRandomGenerator& random, TwilioModel& twilio, Playout& playout, test::FakeClock& clock, qint64 latencyMs)
{
    struct Sentence final {
        std::size_t start; // in the padded speech
        std::size_t samples;
    };
    std::vector<Sentence> sentences;
    std::size_t length = 0; // of the padded speech so far
    std::vector<bool> isPadding;
    const int wanted = 1 + static_cast<int>(random.bounded(5));
    const bool willCut = random.bounded(3) == 0;
    const quint32 slowness = random.bounded(3) == 0 ? 40 : 6; // some synthesisers do not keep up
    std::size_t left = 0; // of the sentence being synthesised
    bool inSentence = false, ended = false;

    twilio.played.clear();
    playout.beginSpeech();
    qint64 nextPoll = 0, pausedUntil = -1;

    // What was heard, in samples of the padded speech: the end of the last sentence of which anything was heard.
    const auto heardPosition = [&] {
        const auto heard = playout.heard(clock.now());
        std::size_t position = 0;
        for (std::size_t i = 0; i < heard.size(); ++i) {
            if (heard[i].complete)
                position = sentences[i].start + sentences[i].samples; // milliseconds round a very short one to nothing
            else if (heard[i].heard > 0ms)
                position = sentences[i].start + static_cast<std::size_t>(heard[i].heard.count()) * 8;
        }
        return static_cast<qint64>(position);
    };
    // The model's side: how far the caller got, following the bytes; a step back of less than a frame is a resumption.
    std::size_t checked = 0;
    qint64 reached = 0, expected = 0;
    const auto follow = [&] {
        for (; checked < twilio.played.size(); ++checked) {
            const auto matches = [&](qint64 at) {
                if (at < 0 || static_cast<std::size_t>(at) >= isPadding.size())
                    return false;
                const auto position = static_cast<std::size_t>(at);
                return twilio.played[checked] == (isPadding[position] ? MulawSilence : byteAt(position));
            };
            if (expected % qint64(FrameSamples) != 0 && !matches(expected))
                expected -= expected % qint64(FrameSamples); // said again from the start of the frame
            QVERIFY2(matches(expected), qPrintable(QStringLiteral("byte %1, at %2").arg(checked).arg(expected)));
            reached = std::max(reached, ++expected);
        }
    };
    // The model lags by the latency; all it still has to play before a clear arrives is played out first.
    const auto letArrive = [&](qint64 ms) {
        for (qint64 i = 0; i < ms; ++i) {
            twilio.playMillisecond();
            clock.advance(1ms);
        }
    };
    const auto compare = [&] {
        follow();
        if (QTest::currentTestFailed())
            return;
        const qint64 difference = heardPosition() - reached;
        QVERIFY2(std::abs(difference) <= qint64(FrameSamples),
            qPrintable(QStringLiteral("heard %1, played %2").arg(heardPosition()).arg(reached)));
    };

    for (qint64 ms = 0;; ++ms) {
        QVERIFY2(ms < 120'000, "the speech never ends");
        // The synthesiser
        if (!ended && random.bounded(slowness) == 0) {
            if (inSentence && left == 0) {
                playout.endSentence();
                for (; length % FrameSamples != 0; ++length)
                    isPadding.push_back(true);
                inSentence = false;
            } else if (!inSentence && static_cast<int>(sentences.size()) < wanted) {
                playout.appendSentence(static_cast<int>(sentences.size()), QStringLiteral("text"));
                sentences.push_back({length, 0});
                left = random.bounded(10) == 0 ? 0 : random.bounded(9000);
                inSentence = true;
            } else if (!inSentence) {
                playout.endSpeech();
                ended = true;
            } else {
                const std::size_t part = std::min<std::size_t>(left, 1 + random.bounded(1000));
                std::vector<quint8> bytes(part);
                for (quint8& byte : bytes) {
                    byte = byteAt(length++);
                    isPadding.push_back(false);
                }
                playout.appendAudio(bytes);
                sentences.back().samples += part;
                left -= part;
            }
        }
        // Twilio and the worker's tick, which sometimes stalls
        for (const QString& mark : twilio.takeMarks())
            playout.onMark(mark, clock.now());
        if (ms >= nextPoll) {
            playout.poll(clock.now(), twilio);
            nextPoll = ms + 20 + (random.bounded(100) == 0 ? random.bounded(900) : random.bounded(4));
        }
        // The caller
        if (playout.isPaused()) {
            if (ms >= pausedUntil)
                playout.resume(clock.now());
        } else if (random.bounded(400) == 0 && playout.hasStarted()) {
            playout.pause(clock.now(), twilio);
            pausedUntil = ms + latencyMs + random.bounded(1000);
            letArrive(latencyMs + 1);
            if (playout.isPaused())
                QVERIFY(twilio.isQuiet());
            compare();
        } else if (willCut && random.bounded(700) == 0) {
            playout.cut(clock.now(), twilio);
            letArrive(latencyMs + 1);
            QVERIFY(twilio.isQuiet());
            compare();
            return;
        }
        if (QTest::currentTestFailed())
            return;
        if (playout.drained(clock.now())) {
            letArrive(latencyMs + 1);
            QVERIFY(twilio.isQuiet());
            compare();
            // Nothing was left unsaid.
            QCOMPARE(reached, static_cast<qint64>(length));
            for (const HeardSentence& sentence : playout.heard(clock.now()))
                QCOMPARE(
                    sentence.complete, sentence.length > 0ms || sentences[std::size_t(sentence.index)].samples > 0);
            return;
        }
        twilio.playMillisecond();
        clock.advance(1ms);
    }
}

QTEST_APPLESS_MAIN(TestPlayoutModel)
#include "tst_playoutmodel.moc"
