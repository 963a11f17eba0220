// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/callervoice.h"

#include <algorithm>
#include <bit>

namespace kav::turn {
namespace {

int framesOf(Milliseconds time)
{
    const auto frames = (time.count() + CallerVoice::Frame.count() - 1) / CallerVoice::Frame.count();
    return static_cast<int>(std::max<qint64>(1, frames));
}

} // namespace

CallerVoice::CallerVoice(const Settings& settings, Instant now)
    : m_startFrames(framesOf(settings.voiceStart))
    , m_windowFrames(std::clamp(framesOf(settings.voiceStartWindow), std::min(m_startFrames, 64), 64))
    , m_stopFrames(framesOf(settings.voiceStop))
    , m_windowMask(m_windowFrames == 64 ? ~std::uint64_t(0) : (std::uint64_t(1) << m_windowFrames) - 1)
    , m_unvoicedRun(m_windowFrames)
    , m_onset(now)
    , m_lastSpeech(now)
    , m_lastFrame(now)
{
    m_startFrames = std::min(m_startFrames, m_windowFrames);
}

void CallerVoice::frame(bool voiced, Instant now)
{
    m_lastFrame = now;
    m_history = (m_history << 1) | (voiced ? 1u : 0u);
    ++m_quietFrames;
    if (voiced) {
        if (m_unvoicedRun >= m_windowFrames) {
            m_onset = now - Frame;
            m_burstFrames = 0;
        }
        m_unvoicedRun = 0;
        ++m_burstFrames;
        m_speaking = m_speaking || std::popcount(m_history & m_windowMask) >= m_startFrames;
        if (m_speaking) {
            m_quietFrames = 0;
            m_lastSpeech = now;
        }
        return;
    }
    if (++m_unvoicedRun >= m_stopFrames) {
        m_speaking = false;
        m_ignored = false;
    }
}

void CallerVoice::tick(Instant now)
{
    if (now - m_lastFrame < StreamGap)
        return;
    m_speaking = false;
    m_ignored = false;
    m_history = 0;
    m_unvoicedRun = std::max<qint64>(m_unvoicedRun, m_windowFrames);
}

Milliseconds CallerVoice::silence(Instant now) const
{
    const Milliseconds counted = m_quietFrames * Frame;
    const Milliseconds gap = elapsed(m_lastFrame, now);
    return gap < StreamGap ? counted : counted + gap;
}

void CallerVoice::restartBurst(Instant now)
{
    m_onset = now;
    m_burstFrames = 0;
}

void CallerVoice::ignoreUntilSilence()
{
    m_ignored = m_speaking;
}

} // namespace kav::turn
