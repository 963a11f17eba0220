// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/vad/columns.h"
#include "tests/bench/vad/corpus.h"
#include "tests/bench/vad/score.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>

// Usage: bench_vad [--tuning] [--variation N] [--hangover MS]
// A variation takes other prompts of the same half, other gaps and other noise.
// Prints one table per kind of scene and exits with 1 when Kav's detector is worse than the better of the other
// columns in a row that is marked as a requirement.

using namespace kav;
using namespace kav::bench;

namespace {

struct Row final {
    Scene scene;
    bool required = false;
    std::optional<double> snr; ///< true, where the noise is steady
};

enum class Noise { None, White, Pink, Babble };

Row speechRow(const char* name, const Speech& speech, const std::vector<Signal>& talkers, Noise noise, double snrDb,
    double gainDb, std::uint64_t seed, bool required)
{
    Signal signal = speech.signal;
    const double gain = speech.activeRms / dbToGain(snrDb);
    switch (noise) {
    case Noise::None:
        break;
    case Noise::White:
        mix(signal, white(signal.size(), seed), gain);
        break;
    case Noise::Pink:
        mix(signal, pink(signal.size(), seed), gain);
        break;
    case Noise::Babble:
        mix(signal, babble(talkers, signal.size(), seed), gain);
        break;
    }
    Row row{{name, overTheLine(signal, dbToGain(gainDb)), speech.truth}, required, {}};
    if (noise == Noise::White || noise == Noise::Pink)
        row.snr = snrDb;
    return row;
}

Row noiseRow(const char* name, Signal signal, double dbfs)
{
    for (auto& sample : signal)
        sample *= float(32768 * dbToGain(dbfs));
    return {{name, overTheLine(signal), {}}, false, {}};
}

std::vector<Row> speechRows(Split split, int variation)
{
    const std::uint64_t seed = (split == Split::Tuning ? 100 : 200) + 1000 * std::uint64_t(variation);
    auto voices = prompts(split);
    std::rotate(voices.begin(), voices.begin() + variation % int(voices.size()), voices.end());
    const auto speech = join(voices, 60, seed);
    const auto others = otherVoices(split);
    const auto otherSpeech = join(others, 60, seed + 1);
    std::vector<Row> rows;
    const auto add = [&](const char* name, Noise noise, double snr, double gain, bool required = false) {
        rows.push_back(speechRow(name, speech, voices, noise, snr, gain, seed + 10 + rows.size(), required));
    };
    const auto addOther = [&](const char* name, Noise noise, double snr, double gain) {
        rows.push_back(speechRow(name, otherSpeech, others, noise, snr, gain, seed + 10 + rows.size(), false));
    };
    add("clean", Noise::None, 0, 0, true);
    add("white 20 dB", Noise::White, 20, 0, true);
    add("white 10 dB", Noise::White, 10, 0, true);
    add("white 5 dB, -15 dB gain", Noise::White, 5, -15, true);
    add("pink 20 dB", Noise::Pink, 20, 0, true);
    add("pink 10 dB", Noise::Pink, 10, 0, true);
    add("pink 5 dB, -15 dB gain", Noise::Pink, 5, -15, true);
    add("babble 20 dB", Noise::Babble, 20, 0);
    add("babble 10 dB", Noise::Babble, 10, 0);
    add("clean, -20 dB gain", Noise::None, 0, -20);
    add("white 20 dB, -17 dB gain", Noise::White, 20, -17);
    add("white 5 dB", Noise::White, 5, 0);
    add("pink 5 dB", Noise::Pink, 5, 0);
    addOther("other voices, clean", Noise::None, 0, 0);
    addOther("other voices, white 20 dB", Noise::White, 20, 0);
    addOther("other voices, white 10 dB", Noise::White, 10, 0);
    addOther("other voices, pink 10 dB", Noise::Pink, 10, 0);
    addOther("other voices, white 5 dB, -15", Noise::White, 5, -15);
    addOther("other voices, pink 5 dB, -15", Noise::Pink, 5, -15);
    addOther("other voices, babble 20 dB", Noise::Babble, 20, 0);

    // Noise that steps up by 15 dB in the middle of the call, and mains hum under the voice.
    Signal stepped = speech.signal;
    auto noise = white(stepped.size(), seed + 5);
    for (std::size_t i = 0; i < noise.size(); ++i)
        noise[i] *= float((i / (30 * 8000)) % 2 ? dbToGain(-15) : dbToGain(-30));
    mix(stepped, noise, speech.activeRms);
    rows.push_back({{"white stepping 30/15 dB", overTheLine(stepped), speech.truth}, false, {}});
    Signal hummed = speech.signal;
    mix(hummed, hum(hummed.size()), speech.activeRms * dbToGain(-15));
    rows.push_back({{"hum 15 dB", overTheLine(hummed), speech.truth}, false, {}});
    // Discontinuous transmission: frames that are not sent are inserted as exact silence.
    auto dtx = speechRow("white 15 dB, 40 % gaps", speech, voices, Noise::White, 15, 0, seed + 6, false);
    Random random(seed + 7);
    for (std::size_t i = 0; i < dtx.scene.frames.size();) {
        const auto length = std::size_t(10 + 60 * random.uniform());
        const bool silent = random.uniform() < 0.4;
        for (std::size_t end = std::min(i + length, dtx.scene.frames.size()); i < end; ++i) {
            const bool spoken = std::any_of(dtx.scene.truth.begin(), dtx.scene.truth.end(),
                [&](const Utterance& u) { return int(i) >= u.first - 5 && int(i) <= u.last + 5; });
            if (silent && !spoken)
                dtx.scene.frames[i].fill(0);
        }
    }
    rows.push_back(std::move(dtx));
    return rows;
}

std::vector<Row> noiseRows(Split split)
{
    const std::uint64_t seed = split == Split::Tuning ? 300 : 400;
    constexpr std::size_t Minute = 60 * media::SampleRate;
    std::vector<Row> rows;
    rows.push_back(noiseRow("digital silence", Signal(Minute), 0));
    rows.push_back(noiseRow("comfort noise -55 dBFS", white(Minute, seed), -55));
    rows.push_back(noiseRow("comfort noise -40 dBFS", pink(Minute, seed + 1), -40));
    rows.push_back(noiseRow("white -20 dBFS", white(Minute, seed + 2), -20));
    rows.push_back(noiseRow("white -3 dBFS", white(Minute, seed + 3), -3));
    rows.push_back(noiseRow("pink -12 dBFS", pink(Minute, seed + 4), -12));
    rows.push_back(noiseRow("mains hum -25 dBFS", hum(Minute), -25));
    rows.push_back(noiseRow("hold music -20 dBFS", music(Minute, seed + 5), -20));
    rows.push_back(noiseRow("DTMF 100/100 ms -12 dBFS", dtmf(Minute, 100, 100), -12));
    Signal tone = dtmf(Minute, 60000, 0);
    rows.push_back(noiseRow("DTMF held -12 dBFS", std::move(tone), -12));
    Signal steps = white(Minute, seed + 6);
    for (std::size_t i = 0; i < steps.size(); ++i)
        steps[i] *= float(dbToGain(10.0 * double((i / (10 * 8000)) % 3)));
    rows.push_back(noiseRow("white steps -50/-40/-30 dBFS", std::move(steps), -50));
    auto gaps = noiseRow("white -45 dBFS, half of it gaps", white(Minute, seed + 7), -45);
    for (std::size_t i = 0; i < gaps.scene.frames.size(); ++i) {
        if (i / 40 % 2)
            gaps.scene.frames[i].fill(0);
    }
    rows.push_back(std::move(gaps));
    return rows;
}

/// Not worse in any of the three counts, and in their sum, than the column that is best by the sum.
bool holds(const std::vector<Score>& scores)
{
    const auto& kav = scores.back();
    const auto better = std::min_element(
        scores.begin(), scores.end() - 1, [](const Score& a, const Score& b) { return a.errors() < b.errors(); });
    return kav.missed <= better->missed && kav.early <= better->early && kav.noEnd <= better->noEnd;
}

} // namespace

int main(int argc, char** argv)
try {
    auto split = Split::Report;
    int hangover = 25;
    int variation = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--tuning") == 0)
            split = Split::Tuning;
        else if (std::strcmp(argv[i], "--hangover") == 0 && i + 1 < argc)
            hangover = std::max(1, std::atoi(argv[++i]) / 20);
        else if (std::strcmp(argv[i], "--variation") == 0 && i + 1 < argc)
            variation = std::max(0, std::atoi(argv[++i]));
        else {
            std::fprintf(stderr, "usage: bench_vad [--tuning] [--variation N] [--hangover MS]\n");
            return 2;
        }
    }
    bool allHold = true;
    double cost[8] = {};
    int timed = 0;

    std::printf("Onsets missed, early ends, no end (false openings) / median ms from true end to declared end\n\n|  |");
    for (const auto& column : columns())
        std::printf(" %s |", column.name.c_str());
    std::printf(" onset p50, p95; first voiced p50: NS; Kav | early at 300 ms: NS, Kav | SNR |  |\n"
                "|---|---|---|---|---|---|---|---|---|---|\n");
    for (const auto& row : speechRows(split, variation)) {
        std::vector<Score> scores;
        std::vector<int> hasty;
        float snr = 0;
        std::printf("| %s |", row.scene.name.c_str());
        for (const auto& column : columns()) {
            const auto verdicts = listen(row.scene, column);
            const auto s = scores.emplace_back(score(row.scene, verdicts, hangover));
            cost[scores.size() - 1] += verdicts.microseconds;
            snr = verdicts.snrDb;
            hasty.push_back(score(row.scene, verdicts, 15).early);
            std::printf(" %d, %d, %d (%d) / %d |", s.missed, s.early, s.noEnd, s.falseOpenings, s.endDelayMs);
        }
        ++timed;
        const auto& ns = scores[scores.size() - 2];
        const auto& own = scores.back();
        std::printf(" %d, %d; %d: %d, %d; %d |", ns.onsetP50Ms, ns.onsetP95Ms, ns.firstVoicedMs, own.onsetP50Ms,
            own.onsetP95Ms, own.firstVoicedMs);
        std::printf(" %d, %d |", hasty[hasty.size() - 2], hasty.back());
        if (row.snr)
            std::printf(" %.1f |", double(snr));
        else
            std::printf(" (%.1f) |", double(snr));
        const bool good = holds(scores);
        allHold &= good || !row.required;
        std::printf(" %s |\n", good ? "holds" : row.required ? "WORSE" : "worse");
    }

    std::printf("\nNo voice at all, one minute: %% of the frames after 4 s that are judged voiced; openings; longest "
                "one\n\n|  |");
    for (const auto& column : columns())
        std::printf(" %s |", column.name.c_str());
    std::printf("\n|---|---|---|---|---|---|\n");
    for (const auto& row : noiseRows(split)) {
        std::printf("| %s |", row.scene.name.c_str());
        for (const auto& column : columns()) {
            const auto s = score(row.scene, listen(row.scene, column), hangover);
            std::printf(" %.1f %%, %d, %.1f s |", 100 * s.voicedShare, s.falseOpenings, s.longestMs / 1000.0);
        }
        std::printf("\n");
    }
    std::printf("\nMicroseconds per frame:");
    for (std::size_t i = 0; i < columns().size(); ++i)
        std::printf(" %s %.2f%s", columns()[i].name.c_str(), cost[i] / timed, i + 1 < columns().size() ? "," : "\n");
    std::printf("Requirement (white, pink and clean rows): %s\n", allHold ? "holds" : "FAILS");
    return allHold ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_vad: %s\n", error.what());
    return 2;
}
