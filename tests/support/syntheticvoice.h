// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/g711.h"

#include <QByteArray>

#include <cmath>

namespace kav::test {

/// What a voice detector takes for a person: harmonics of 140 Hz under two formants, four syllables a second (what does
/// not change is no voice but a hum). A plain value; link Kav::media.
class SyntheticVoice final {
public:
    /// The next 20 ms, mu-law.
    QByteArray frame()
    {
        media::PcmFrame pcm{};
        for (qint16& sample : pcm) {
            double value = 0;
            for (int h = 1; h <= 20; ++h) {
                const double f = 140.0 * h;
                value +=
                    (std::exp(-std::pow((f - 600) / 350, 2)) + 0.6 * std::exp(-std::pow((f - 1500) / 400, 2)) + 0.05)
                    * std::sin(2 * M_PI * f * m_at / 8000);
            }
            sample = qint16(2600 * (0.55 - 0.45 * std::cos(2 * M_PI * 4 * m_at / 8000)) * value);
            m_at += 1;
        }
        media::MulawFrame mulaw{};
        media::encodeMulaw(pcm, mulaw);
        return {reinterpret_cast<const char*>(mulaw.data()), qsizetype(mulaw.size())};
    }

private:
    double m_at = 0; // samples
};

} // namespace kav::test
