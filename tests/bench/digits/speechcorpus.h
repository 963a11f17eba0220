// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QHash>
#include <QList>
#include <QString>
#include <QStringList>

#include <random>
#include <vector>

// Speech for benches and training: recordings that Debian ships and voices it synthesises, put through what a telephone
// line does. Everything is a function of its seed.
namespace kav::bench {

using Samples = std::vector<float>; ///< 16-bit scale

struct Sound final {
    Samples samples;
    int rate = 8000;
};

/// A WAV or headerless 16 kHz file; ends the program with a message when it is not there.
Sound load(const QString& path);
Sound synthesise(const QString& voice, const QString& text);
Samples resampled(const Sound& sound, int rate);
/// Without the silence around it (40 dB below its loudest 10 ms).
Samples trimmed(const Samples& samples, int rate);

enum class Noise { None, White, Pink };
struct Line final {
    QString name;
    Noise noise = Noise::None;
    double snr = 0; ///< dB, of the speech's own power while it speaks
    double gain = 0; ///< dB
    bool telephoneBand = false; ///< 300-3400 Hz as old lines have it
};
/// 8 kHz speech as it arrives at Kav: level, noise, mu-law and back.
std::vector<qint16> throughLine(const Samples& speech, const Line& line, quint32 seed);

struct Saying final {
    QString text;
    Samples speech; ///< 8 kHz
};
/// Random strings of `length` digits said by `speaker` ("allison", or a flite voice), `gapLow`..`gapHigh` ms apart.
QList<Saying> digitStrings(const QString& speaker, int count, int length, int gapLow, int gapHigh, quint32 seed);

struct Errors final {
    int words = 0, wrong = 0, sayings = 0, right = 0;
    double wordPercent() const { return words ? 100.0 * wrong / words : 0; }
    double rightPercent() const { return sayings ? 100.0 * right / sayings : 0; }
    void count(const QString& said, const QString& understood);
};

} // namespace kav::bench
