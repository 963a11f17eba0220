// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/holdtone.h"

#include "engine/media/g711.h"

#include <QtEndian>

#include <array>
#include <cmath>
#include <numbers>

namespace kav::webhooks {

namespace {

constexpr int Rate = 8000, ChordSamples = Rate * 7 / 2;

void append16(QByteArray& out, quint16 value)
{
    std::array<char, 2> bytes{};
    qToLittleEndian(value, bytes.data());
    out.append(bytes.data(), bytes.size());
}
void append32(QByteArray& out, quint32 value)
{
    std::array<char, 4> bytes{};
    qToLittleEndian(value, bytes.data());
    out.append(bytes.data(), bytes.size());
}

QByteArray make()
{
    // Each chord fades away before the next: a voice that breaks in is never shouted down.
    constexpr std::array<std::array<double, 3>, 4> Chords{
        {{261.6, 329.6, 392.0}, {220.0, 261.6, 329.6}, {174.6, 261.6, 349.2}, {196.0, 246.9, 392.0}}};
    QByteArray sound;
    sound.reserve(ChordSamples * qsizetype(Chords.size()));
    for (const auto& chord : Chords) {
        for (int i = 0; i < ChordSamples; ++i) {
            const double t = double(i) / Rate;
            const double loudness = 1300.0 * std::min(1.0, t / 0.03) * std::exp(-1.4 * t);
            double sample = 0;
            for (const double pitch : chord)
                sample += std::sin(2.0 * std::numbers::pi * pitch * t);
            sound.append(char(media::toMulaw(qint16(loudness * sample))));
        }
    }
    QByteArray file = "RIFF";
    append32(file, quint32(4 + 26 + 12 + 8 + sound.size()));
    file += "WAVEfmt ";
    append32(file, 18);
    append16(file, 7); // mu-law
    append16(file, 1);
    append32(file, Rate);
    append32(file, Rate);
    append16(file, 1);
    append16(file, 8);
    append16(file, 0);
    file += "fact";
    append32(file, 4);
    append32(file, quint32(sound.size()));
    file += "data";
    append32(file, quint32(sound.size()));
    return file + sound;
}

} // namespace

const QByteArray& holdTone()
{
    static const QByteArray file = make();
    return file;
}

} // namespace kav::webhooks
