// SPDX-License-Identifier: Apache-2.0
#include "engine/media/playout.h"

#include <algorithm>

namespace kav::media {
namespace {

// 8 samples a millisecond, 125 us each.
constexpr std::chrono::microseconds SampleDuration{1'000'000 / SampleRate};

// A tick that comes so much before its beat is that beat's: the one that set it was late.
constexpr Milliseconds EarlyTick{5};

} // namespace

Playout::Playout(const Settings& settings)
    : m_settings{std::max(settings.lead, Milliseconds(FrameDuration)), settings.markGrace, settings.longestSpeech}
{
}

quint32 Playout::beginSpeech()
{
    m_sentences.clear();
    m_marks.clear();
    m_open = true;
    m_ended = m_paused = m_started = m_starved = false;
    m_cursor = m_nextFrame = m_runFirst = m_heardFloor = 0;
    m_runStart.reset();
    m_nextDue.reset();
    return ++m_generation;
}

void Playout::appendSentence(int index, const QString& text)
{
    if (!m_open || m_ended)
        return;
    endSentence();
    Sentence sentence;
    sentence.index = index;
    sentence.text = text;
    sentence.firstFrame = totalFrames();
    m_sentences.push_back(std::move(sentence));
}

void Playout::appendAudio(std::span<const quint8> mulaw)
{
    Sentence* const sentence = openSentence();
    if (!sentence)
        return;
    const auto limit = static_cast<std::size_t>(m_settings.longestSpeech.count()) * SampleRate / 1000;
    const std::size_t before = sentence->firstFrame * FrameSamples + sentence->samples;
    const std::size_t room = limit > before ? limit - before : 0;
    if (mulaw.size() > room) {
        m_counters.samplesDropped += mulaw.size() - room;
        mulaw = mulaw.first(room);
    }
    sentence->audio.insert(sentence->audio.end(), mulaw.begin(), mulaw.end());
    sentence->samples += mulaw.size();
    sentence->frames = sentence->samples / FrameSamples;
}

void Playout::endSentence()
{
    Sentence* const sentence = openSentence();
    if (!sentence)
        return;
    sentence->frames = (sentence->samples + FrameSamples - 1) / FrameSamples;
    sentence->audio.resize(sentence->frames * FrameSamples, MulawSilence);
    sentence->ended = true;
}

void Playout::endSpeech()
{
    endSentence();
    m_ended = m_open;
}

void Playout::poll(Instant now, PlayoutSink& sink)
{
    see(now);
    dropLostMarks(now);
    if (m_open && !m_paused)
        sendDueFrames(now, sink);
}

// The sink is always called last, with the books in order: it may come back with a cut when its socket is gone.
//
// A run begins with as much as the lead allows, and so does sound that goes on after it ran dry. After that the polls
// set the beat: by the lead alone, frames would fall due at instants that ticks, which jitter, come now before and now
// after, and leave in pairs with gaps between.
void Playout::sendDueFrames(Instant now, PlayoutSink& sink)
{
    const bool isBeginning = !m_runStart || m_bufferEnd < now || m_starved;
    if (isBeginning)
        m_nextDue.reset();
    bool waits = false;
    while (m_open && !m_paused && m_cursor < m_sentences.size()) {
        const Sentence& sentence = m_sentences[m_cursor];
        if (m_nextFrame < sentence.endFrame()) {
            const bool leadReached = std::max(m_bufferEnd, now) + FrameDuration - now > m_settings.lead;
            waits = leadReached || (m_nextDue && now + EarlyTick < *m_nextDue);
            if (leadReached)
                m_nextDue.reset(); // out of step: the next poll that finds room sets the beat anew
            if (waits)
                break;
            if (!isBeginning)
                m_nextDue = std::min(m_nextDue.value_or(now), now) + FrameDuration;
            sendFrame(sentence, now, sink);
        } else if (!sentence.ended) {
            break;
        } else {
            finishSentence(sentence, now, sink);
        }
    }
    m_starved = m_runStart && !waits;
}

void Playout::sendFrame(const Sentence& sentence, Instant now, PlayoutSink& sink)
{
    if (!m_runStart || m_bufferEnd < now) {
        // Twilio's buffer is empty, or holds another speech's end: a new run. All of an earlier run has been played.
        if (m_runStart) {
            m_heardFloor = std::max(m_heardFloor, m_nextFrame * FrameSamples);
            m_counters.underruns += m_starved ? 1 : 0;
        }
        m_bufferEnd = std::max(m_bufferEnd, now);
        m_runStart = m_bufferEnd;
        m_runFirst = m_nextFrame;
    }
    m_starved = false;
    const std::size_t offset = (m_nextFrame - sentence.firstFrame) * FrameSamples;
    ++m_nextFrame;
    ++m_wireSent;
    ++m_counters.framesSent;
    m_started = true;
    m_bufferEnd += FrameDuration;
    sink.sendMedia(std::span(sentence.audio).subspan(offset, FrameSamples));
}

void Playout::finishSentence(const Sentence& sentence, Instant now, PlayoutSink& sink)
{
    const std::size_t position = m_cursor++;
    if (sentence.frames == 0)
        return; // nothing to hear, nothing to mark
    m_marks.push_back({sentence.index, position, m_wireSent, std::max(m_bufferEnd, now)});
    ++m_counters.marksSent;
    sink.sendMark(QStringLiteral("g%1.s%2").arg(m_generation).arg(sentence.index));
}

void Playout::onMark(const QString& name, Instant now)
{
    see(now);
    const std::optional<int> index = indexInMark(name);
    const auto mark = index ? std::ranges::find(m_marks, *index, &Mark::index) : m_marks.end();
    if (mark == m_marks.end()) {
        ++m_counters.staleMarks;
        return;
    }
    ++m_counters.marksReturned;
    // Marks return in order: those before this one will not come any more.
    m_counters.lostMarks += static_cast<quint64>(mark - m_marks.begin());
    m_wireSettled = std::max(m_wireSettled, mark->wireFrames);
    m_heardFloor = std::max(m_heardFloor, m_sentences[mark->sentence].endFrame() * FrameSamples);
    for (std::size_t i = 0; i <= mark->sentence; ++i)
        m_sentences[i].audio = {};
    m_marks.erase(m_marks.begin(), mark + 1);
}

void Playout::pause(Instant now, PlayoutSink& sink)
{
    see(now);
    if (!m_open || m_paused)
        return;
    m_paused = !drained(now);
    const bool clearOwed = stopClock(now);
    // Back to the start of the frame that was being heard.
    m_nextFrame = m_heardFloor / FrameSamples;
    const auto unheard =
        std::ranges::find_if(m_sentences, [this](const Sentence& s) { return !s.ended || s.endFrame() > m_nextFrame; });
    m_cursor = static_cast<std::size_t>(unheard - m_sentences.begin());
    if (clearOwed)
        sink.sendClear();
}

void Playout::resume(Instant now)
{
    see(now);
    if (!m_paused)
        return;
    m_paused = false;
    ++m_generation;
}

std::vector<HeardSentence> Playout::cut(Instant now, PlayoutSink& sink)
{
    see(now);
    if (!m_open)
        return heard(now);
    const bool clearOwed = stopClock(now);
    for (Sentence& sentence : m_sentences)
        sentence.audio = {};
    m_open = m_paused = false;
    std::vector<HeardSentence> result = heard(now);
    if (clearOwed)
        sink.sendClear();
    return result;
}

// The position stays where it is. True when Twilio's buffer may hold audio and a clear must follow at once.
bool Playout::stopClock(Instant now)
{
    m_heardFloor = heardSamples(now);
    m_runStart.reset();
    m_starved = false;
    m_marks.clear();
    m_bufferEnd = now;
    if (m_wireSent == m_wireSettled)
        return false;
    m_wireSettled = m_wireSent;
    ++m_counters.clears;
    return true;
}

bool Playout::isPaused() const
{
    return m_paused;
}

bool Playout::isWaitingForSound() const
{
    return m_open && !m_paused && (!m_runStart || m_starved);
}

bool Playout::isActive() const
{
    return m_open && !drained(m_seen);
}

bool Playout::hasStarted() const
{
    return m_open && m_started;
}

bool Playout::drained(Instant now) const
{
    if (!m_open || !m_ended || m_cursor < m_sentences.size() || heardSamples(now) < totalFrames() * FrameSamples)
        return false;
    return m_marks.empty() || m_marks.back().due + m_settings.markGrace <= now;
}

std::vector<HeardSentence> Playout::heard(Instant now) const
{
    const std::size_t position = heardSamples(now);
    std::vector<HeardSentence> result;
    result.reserve(m_sentences.size());
    for (const Sentence& sentence : m_sentences) {
        const std::size_t start = sentence.firstFrame * FrameSamples;
        const std::size_t samples = position > start ? std::min(position - start, sentence.samples) : 0;
        result.push_back({sentence.index, sentence.text, durationOf(sentence.samples), durationOf(samples),
            sentence.ended && samples > 0 && samples == sentence.samples});
    }
    return result;
}

Milliseconds Playout::queued() const
{
    if (!m_open || m_sentences.empty())
        return Milliseconds(0);
    const Sentence& last = m_sentences.back();
    const std::size_t end = std::max(last.endFrame() * FrameSamples, last.firstFrame * FrameSamples + last.samples);
    return durationOf(end - m_nextFrame * FrameSamples);
}

const Playout::Counters& Playout::counters() const
{
    return m_counters;
}

Playout::Sentence* Playout::openSentence()
{
    return m_open && !m_sentences.empty() && !m_sentences.back().ended ? &m_sentences.back() : nullptr;
}

void Playout::see(Instant now)
{
    m_seen = std::max(m_seen, now);
}

void Playout::dropLostMarks(Instant now)
{
    while (!m_marks.empty() && m_marks.front().due + m_settings.markGrace <= now) {
        m_marks.pop_front();
        ++m_counters.lostMarks;
    }
}

std::size_t Playout::heardSamples(Instant now) const
{
    if (!m_runStart || now <= *m_runStart)
        return m_heardFloor;
    const auto played = static_cast<std::size_t>((now - *m_runStart) / SampleDuration);
    const std::size_t sent = (m_nextFrame - m_runFirst) * FrameSamples;
    return std::max(m_heardFloor, m_runFirst * FrameSamples + std::min(played, sent));
}

std::size_t Playout::totalFrames() const
{
    return m_sentences.empty() ? 0 : m_sentences.back().endFrame();
}

// The sentence a mark of the present generation names; nothing for any other name.
std::optional<int> Playout::indexInMark(QStringView name) const
{
    const qsizetype dot = name.indexOf(QLatin1String(".s"));
    if (dot < 2 || name.front() != u'g')
        return std::nullopt;
    bool generationOk = false, indexOk = false;
    const quint32 generation = name.sliced(1, dot - 1).toUInt(&generationOk);
    const int index = name.sliced(dot + 2).toInt(&indexOk);
    if (!generationOk || !indexOk || generation != m_generation)
        return std::nullopt;
    return index;
}

} // namespace kav::media
