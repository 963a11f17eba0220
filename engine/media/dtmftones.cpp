// SPDX-License-Identifier: Apache-2.0
#include "engine/media/dtmftones.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"

#include <array>
#include <cmath>
#include <numbers>

namespace kav::media {

namespace {
constexpr int ToneSamples = SampleRate / 10, PauseSamples = SampleRate / 10, WaitSamples = SampleRate / 2;
constexpr std::array<double, 4> RowHz{697, 770, 852, 941};
constexpr std::array<double, 4> ColumnHz{1209, 1336, 1477, 1633};
constexpr QStringView Keys = u"123A456B789C*0#D";
constexpr double ToneAmplitude = 10362; // -10 dB of full scale
} // namespace

QByteArray dtmfTones(QStringView keys)
{
    QByteArray sound;
    for (const QChar key : keys) {
        if (key.toLower() == QLatin1Char('w')) {
            sound.append(WaitSamples, char(MulawSilence));
            continue;
        }
        const qsizetype at = Keys.indexOf(key.toUpper());
        if (at < 0)
            continue;
        for (int i = 0; i < ToneSamples; ++i) {
            const double time = 2 * std::numbers::pi * i / SampleRate;
            const double value = std::sin(RowHz[size_t(at / 4)] * time) + std::sin(ColumnHz[size_t(at % 4)] * time);
            sound.append(char(toMulaw(qint16(std::lround(ToneAmplitude * value)))));
        }
        sound.append(PauseSamples, char(MulawSilence));
    }
    return sound;
}

} // namespace kav::media
