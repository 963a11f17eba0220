// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/sound.h"

#include "engine/media/wav.h"

#include <algorithm>
#include <cmath>

namespace kav::evidence {

Result<Loudness> readLoudness(const CallEvidence& evidence)
{
    const auto audio = media::readWav(evidence.sounds.recording);
    if (!audio)
        return audio.error();
    if (audio->channels != 2 || audio->sampleRate <= 0 || audio->frames() == 0)
        return Error{Error::Code::Invalid,
            QStringLiteral("the recording has %1 channels and %2 samples; a call's has two sides")
                .arg(audio->channels)
                .arg(audio->frames()),
            {}};
    Loudness loudness;
    const std::size_t frames = audio->frames(), parts = std::min(LoudnessParts, frames);
    loudness.length = Milliseconds(qint64(frames) * 1000 / audio->sampleRate);
    loudness.caller.resize(parts);
    loudness.agent.resize(parts);
    for (std::size_t frame = 0; frame < frames; ++frame) {
        const std::size_t part = frame * parts / frames;
        const auto louder = [&](float& peak, qint16 sample) { peak = std::max(peak, std::abs(float(sample)) / 32768); };
        louder(loudness.caller[part], audio->samples[2 * frame]);
        louder(loudness.agent[part], audio->samples[2 * frame + 1]);
    }
    for (const CallEvent& event : evidence.events) {
        if (event.token == QLatin1String("RECORDING_START"))
            loudness.from = evidence.offset(event.at); // the last: a call that came back was recorded anew
    }
    return loudness;
}

} // namespace kav::evidence
