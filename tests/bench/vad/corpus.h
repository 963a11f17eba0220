// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <cstdint>
#include <string>
#include <vector>

// What the bench of the voice detector listens to: installed recordings, synthesised voices and generated noises,
// joined into scenes whose truth is known. Everything is the same in every run: fixed seeds, no distribution objects
// of the standard library (their output is not specified).
namespace kav::bench {

/// 8 kHz mono, in units of 16-bit samples but unclipped.
using Signal = std::vector<float>;

/// xorshift64*: small, fast and the same everywhere.
class Random final {
public:
    explicit Random(std::uint64_t seed)
        : m_state(seed * 0x9E3779B97F4A7C15ull + 1)
    {
    }
    double uniform(); ///< [0, 1)
    double gaussian();

private:
    std::uint64_t m_state;
    double m_spare = 0;
    bool m_hasSpare = false;
};

/// The frames [first, last] of one utterance.
struct Utterance final {
    int first = 0;
    int last = 0;
};

struct Speech final {
    Signal signal;
    std::vector<Utterance> truth;
    double activeRms = 0; ///< over the frames of the truth that are loud enough themselves
};

struct Scene final {
    std::string name;
    std::vector<media::PcmFrame> frames; ///< as decoded from mu-law
    std::vector<Utterance> truth;
};

enum class Split { Tuning, Report };

/// Speech is where the clean signal's frame is above this.
inline constexpr double TruthDb = -40;

/// The prompts of asterisk-core-sounds-en-wav that serve as utterances (1 to 8 s, no pause inside of 300 ms or more),
/// every second one for tuning, the others for the report. Throws std::runtime_error when they are not installed.
std::vector<Signal> prompts(Split split);
/// Other speakers. Tuning: flite's kal and slt. Report: flite's rms and awb, and the recordings of
/// pocketsphinx-testdata.
std::vector<Signal> otherVoices(Split split);

/// Joins up to `count` of them with gaps of 1 to 3 s of digital silence.
Speech join(const std::vector<Signal>& utterances, std::size_t count, std::uint64_t seed);

Signal white(std::size_t samples, std::uint64_t seed); ///< RMS 1
Signal pink(std::size_t samples, std::uint64_t seed); ///< RMS 1
/// Five talkers at once, RMS 1.
Signal babble(const std::vector<Signal>& utterances, std::size_t samples, std::uint64_t seed);
/// Mains hum: 50 Hz and its harmonics, RMS 1.
Signal hum(std::size_t samples);
/// Like hold music: chords of decaying partials, a note every 250 ms. RMS 1.
Signal music(std::size_t samples, std::uint64_t seed);
/// DTMF pairs, `onMs` on and `offMs` off. RMS 1 while on.
Signal dtmf(std::size_t samples, int onMs, int offMs);

double rms(const Signal& signal);
double dbToGain(double db);
void mix(Signal& into, const Signal& add, double gain);
/// Through mu-law and back, in frames; `gain` first.
std::vector<media::PcmFrame> overTheLine(const Signal& signal, double gain = 1);

} // namespace kav::bench
