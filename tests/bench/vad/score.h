// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/vad/columns.h"
#include "tests/bench/vad/corpus.h"

#include <chrono>

namespace kav::bench {

/// How a detector's judgements become an utterance, the same for every column.
inline constexpr int OpenVoiced = 3; ///< voiced frames ...
inline constexpr int OpenWindow = 5; ///< ... of so many open an utterance
inline constexpr int MissedAfter = 25; ///< frames from the true onset: opening later is a miss
inline constexpr int EarlyBy = 5; ///< frames before the true onset that an opening may come

struct Score final {
    int utterances = 0;
    int missed = 0; ///< already open at the onset, or not open within MissedAfter frames
    int early = 0; ///< the end was declared before the true end
    int noEnd = 0; ///< no end was declared between the true end and the next onset
    int falseOpenings = 0; ///< openings that overlap no utterance
    int endDelayMs = -1; ///< median, of those that were not early
    int onsetP50Ms = -1; ///< from the beginning of the onset's frame to the end of the one that opened
    int onsetP95Ms = -1;
    int firstVoicedMs = -1; ///< median, to the end of the first voiced frame
    double voicedShare = 0; ///< of all frames from 4 s on
    int longestMs = 0; ///< longest stretch open

    int errors() const { return missed + early + noEnd; }
};

/// What a column said of every frame of a scene.
struct Verdicts final {
    std::vector<char> voiced;
    double microseconds = 0; ///< per frame
    float snrDb = 0; ///< as estimated at the end
};

Verdicts listen(const Scene& scene, const Column& column);
Score score(const Scene& scene, const Verdicts& verdicts, int hangoverFrames = 25);

} // namespace kav::bench
