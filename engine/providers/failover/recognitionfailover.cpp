// SPDX-License-Identifier: Apache-2.0
#include "engine/media/audio.h"
#include "engine/providers/failover/choice.h"
#include "shared/core/logging.h"

#include <QTimer>

#include <algorithm>
#include <list>
#include <vector>

namespace kav::providers {
namespace {

// Utterances that are open or waited for.
constexpr size_t MostUtterances = 4;
// Replayed at each check: with 20 ms between checks fifty times as fast as it was spoken.
constexpr size_t ReplayAtOnce = media::SampleRate;
// An utterance that is dropped so long after its end was dropped for want of an answer: the answer is waited for all
// the same, to know whether the provider still lives.
constexpr Milliseconds SlowFinal{1000};

class RecognitionFailover final : public SpeechToTextStream {
public:
    RecognitionFailover(const CallInfo& call, Candidates<SpeechToText> candidates, const FailoverSettings& settings,
        std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter)
        : m_call(call)
        , m_settings(settings)
        , m_longest(size_t(settings.longestUtterance.count()) * media::SampleRate / 1000)
        , m_clock(clock)
        , m_choice(Stage::SpeechToText, std::move(candidates), std::move(health), std::move(reporter))
    {
        connect(&m_timer, &QTimer::timeout, this, &RecognitionFailover::check);
        // Its connection is up when the first utterance begins.
        if (const auto likely = m_choice.likely())
            openLine(*likely);
    }
    ~RecognitionFailover() override
    {
        for (const Utterance& utterance : m_utterances)
            m_choice.givenUp(utterance.line->index);
    }

    void beginUtterance(int id, const RecognitionContext& context) override
    {
        KAV_ASSERT_THREAD(this);
        if (m_utterances.size() == MostUtterances) {
            const Utterance& oldest = m_utterances.front();
            oldest.line->stream->dropUtterance(oldest.id);
            m_choice.givenUp(oldest.line->index);
            if (!oldest.muted) {
                failLater(oldest.id,
                    {Error::Code::LimitExceeded, QStringLiteral("too many utterances wait to be understood"), {}});
            }
            remove(m_utterances.begin());
        }
        Utterance utterance;
        utterance.id = id;
        utterance.context = context;
        const auto first = m_choice.take(utterance.tried);
        if (!first) {
            failLater(id, nobodyLeft(Stage::SpeechToText));
            return;
        }
        utterance.audio = std::exchange(m_spare, {});
        utterance.audio.clear();
        utterance.audio.reserve(m_longest); // no growth while the caller speaks
        m_utterances.push_back(std::move(utterance));
        give(m_utterances.back(), *first);
    }

    void write(std::span<const qint16> pcm) override
    {
        if (m_utterances.empty() || m_utterances.back().ended)
            return;
        Utterance& utterance = m_utterances.back();
        const bool live = utterance.sent == utterance.audio.size();
        const size_t kept = std::min(pcm.size(), m_longest - utterance.audio.size());
        utterance.audio.insert(utterance.audio.end(), pcm.begin(), pcm.begin() + qsizetype(kept));
        if (live) {
            utterance.sent = utterance.audio.size();
            utterance.line->stream->write(pcm);
        }
    }

    void endUtterance(int id) override
    {
        KAV_ASSERT_THREAD(this);
        const auto utterance = find(id);
        if (utterance == m_utterances.end() || utterance->ended)
            return;
        utterance->ended = true;
        utterance->endedAt = m_clock.now();
        catchUp(*utterance, 0);
    }

    void dropUtterance(int id) override
    {
        KAV_ASSERT_THREAD(this);
        const auto utterance = find(id);
        if (utterance == m_utterances.end() || utterance->muted)
            return;
        if (utterance->waiting && elapsed(utterance->waitingSince, m_clock.now()) >= SlowFinal) {
            utterance->muted = true;
            return;
        }
        utterance->line->stream->dropUtterance(id);
        m_choice.givenUp(utterance->line->index);
        remove(utterance);
    }

private:
    /// One provider's stream. Utterances follow one another on it; what must go back in time gets another.
    struct Line {
        int number = 0;
        size_t index = 0; // of the candidate
        std::shared_ptr<SpeechToText> provider; // outlives its stream
        std::unique_ptr<SpeechToTextStream> stream;
        int last = 0; // utterance begun on it
        int users = 0; // utterances that are not over
        bool failed = false; // takes no more utterances
    };
    struct Utterance {
        int id = 0;
        RecognitionContext context;
        std::vector<qint16> audio; // from its start, up to m_longest
        size_t sent = 0; // of it, on `line`
        bool ended = false, waiting = false; // `waiting`: all of it was sent, and its end
        bool muted = false; // nobody wants to know any more
        Instant endedAt, waitingSince;
        Tried tried;
        Line* line = nullptr;
    };
    using Utterances = std::list<Utterance>;

    Utterances::iterator find(int id)
    {
        return std::find_if(
            m_utterances.begin(), m_utterances.end(), [id](const Utterance& each) { return each.id == id; });
    }
    /// The utterance, if it is still on that line.
    Utterances::iterator find(int id, int line)
    {
        const auto found = find(id);
        return found != m_utterances.end() && found->line->number == line ? found : m_utterances.end();
    }

    Line& openLine(const Chosen<SpeechToText>& chosen)
    {
        Line& line = m_lines.emplace_back();
        line.number = ++m_lineNumber;
        line.index = chosen.index;
        line.provider = chosen.provider;
        line.stream = chosen.provider->open(m_call);
        // Queued: whatever the provider does inside its signals, we are not on its stack when we drop it.
        const int number = line.number;
        connect(
            line.stream.get(), &SpeechToTextStream::partial, this,
            [this, number](int id, const Transcript& transcript) {
                const auto utterance = find(id, number);
                if (utterance != m_utterances.end() && !utterance->muted) Q_EMIT
                    partial(id, transcript);
            },
            Qt::QueuedConnection);
        connect(
            line.stream.get(), &SpeechToTextStream::finished, this,
            [this, number](int id, const Transcript& transcript) {
                const auto utterance = find(id, number);
                if (utterance != m_utterances.end())
                    onFinished(utterance, transcript);
            },
            Qt::QueuedConnection);
        connect(
            line.stream.get(), &SpeechToTextStream::failed, this,
            [this, number](int id, const Error& error) {
                const auto utterance = find(id, number);
                if (utterance != m_utterances.end())
                    leave(utterance, error);
            },
            Qt::QueuedConnection);
        return line;
    }

    Line& lineFor(const Utterance& utterance, const Chosen<SpeechToText>& chosen)
    {
        // Those of others that nobody uses are closed: when their time comes again they are opened anew.
        m_lines.remove_if(
            [&chosen](const Line& line) { return line.users == 0 && (line.failed || line.index != chosen.index); });
        for (Line& line : m_lines) {
            const bool open = !m_utterances.empty()
                && std::any_of(m_utterances.begin(), m_utterances.end(),
                    [&line](const Utterance& each) { return each.line == &line && !each.waiting; });
            if (line.index == chosen.index && !line.failed && !open && line.last < utterance.id)
                return line;
        }
        return openLine(chosen);
    }

    void give(Utterance& utterance, const Chosen<SpeechToText>& chosen)
    {
        Line& line = lineFor(utterance, chosen);
        line.last = utterance.id;
        ++line.users;
        utterance.line = &line;
        utterance.sent = 0;
        utterance.waiting = false;
        line.stream->beginUtterance(utterance.id, utterance.context);
        catchUp(utterance, ReplayAtOnce);
    }

    /// Sends up to `samples` of what has not been sent, and the end when that was all.
    void catchUp(Utterance& utterance, size_t samples)
    {
        const size_t until = std::min(utterance.audio.size(), utterance.sent + samples);
        while (utterance.sent < until) {
            const size_t piece = std::min(until - utterance.sent, media::FrameSamples);
            utterance.line->stream->write(std::span(utterance.audio).subspan(utterance.sent, piece));
            utterance.sent += piece;
        }
        const bool all = utterance.sent == utterance.audio.size();
        if (all && utterance.ended && !std::exchange(utterance.waiting, true)) {
            utterance.waitingSince = m_clock.now();
            utterance.line->stream->endUtterance(utterance.id);
        }
        if ((!all || utterance.waiting) && !m_timer.isActive())
            m_timer.start(m_settings.check);
    }

    void onFinished(Utterances::iterator utterance, const Transcript& transcript)
    {
        const int id = utterance->id;
        const bool muted = utterance->muted;
        m_choice.served(utterance->line->index);
        m_choice.began(
            utterance->line->index, utterance->ended ? elapsed(utterance->endedAt, m_clock.now()) : Milliseconds(0));
        remove(utterance);
        if (!muted) Q_EMIT
            finished(id, transcript);
    }

    void leave(Utterances::iterator utterance, const Error& error)
    {
        const int id = utterance->id;
        Line& line = *utterance->line;
        const size_t index = line.index;
        line.failed = true;
        m_choice.failed(index, error);
        if (utterance->muted) {
            remove(utterance);
            return;
        }
        const auto next = m_choice.take(utterance->tried);
        m_choice.left(
            index, error, next, utterance->ended ? elapsed(utterance->endedAt, m_clock.now()) : Milliseconds(0));
        if (!next) {
            remove(utterance);
            failLater(id, error);
            return;
        }
        // Should it still be at work, its result is not wanted: the line was left, and find() knows.
        line.stream->dropUtterance(id);
        --line.users;
        give(*utterance, *next);
    }

    void check()
    {
        const Instant now = m_clock.now();
        bool busy = false;
        for (auto each = m_utterances.begin(); each != m_utterances.end();) {
            const auto utterance = each++; // leave() may remove it
            if (utterance->sent < utterance->audio.size()) {
                catchUp(*utterance, ReplayAtOnce);
                busy = true;
            } else if (utterance->waiting && elapsed(utterance->waitingSince, now) >= m_settings.finalWait) {
                leave(utterance,
                    {Error::Code::Timeout, QStringLiteral("no final within %1 ms").arg(m_settings.finalWait.count()),
                        {}});
                busy = true;
            } else {
                busy = busy || utterance->waiting;
            }
        }
        if (!busy)
            m_timer.stop();
    }

    void remove(Utterances::iterator utterance)
    {
        --utterance->line->users;
        m_spare = std::move(utterance->audio);
        m_utterances.erase(utterance);
    }

    void failLater(int id, const Error& error)
    {
        QMetaObject::invokeMethod(
            this, [this, id, error] { Q_EMIT failed(id, error); }, Qt::QueuedConnection);
    }

    const CallInfo m_call;
    const FailoverSettings m_settings;
    const size_t m_longest; // samples
    const Clock& m_clock;
    const Choice<SpeechToText> m_choice;
    QTimer m_timer; // runs while something is replayed or waited for
    std::list<Line> m_lines;
    Utterances m_utterances; // by id
    std::vector<qint16> m_spare; // an utterance's memory, for the next one
    int m_lineNumber = 0;
};

} // namespace

std::unique_ptr<SpeechToTextStream> openWithFailover(const CallInfo& call, Candidates<SpeechToText> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter)
{
    return std::make_unique<RecognitionFailover>(
        call, std::move(candidates), settings, std::move(health), clock, std::move(reporter));
}

} // namespace kav::providers
