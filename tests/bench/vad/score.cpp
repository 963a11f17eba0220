// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/vad/score.h"

#include <algorithm>

namespace kav::bench {

namespace {

int percentile(std::vector<int> values, int percent)
{
    if (values.empty())
        return -1;
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) * std::size_t(percent) / 100];
}

struct Stretch final {
    int opened = 0;
    int ended = 0; ///< past the last frame: never
};

} // namespace

Verdicts listen(const Scene& scene, const Column& column)
{
    Verdicts verdicts;
    const auto detector = column.create();
    verdicts.voiced.reserve(scene.frames.size());
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& frame : scene.frames)
        verdicts.voiced.push_back(detector->voiced(frame));
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
    verdicts.microseconds = spent.count() / double(std::max<std::size_t>(1, scene.frames.size()));
    verdicts.snrDb = detector->snrDb();
    return verdicts;
}

Score score(const Scene& scene, const Verdicts& verdicts, int hangoverFrames)
{
    Score result;
    const int count = int(scene.frames.size());
    const auto& voiced = verdicts.voiced;

    std::vector<Stretch> stretches;
    bool open = false;
    int lastVoiced = -1;
    int notBefore = 0; // voiced frames of before the last end do not open again
    for (int i = 0; i < count; ++i) {
        if (voiced[std::size_t(i)])
            lastVoiced = i;
        if (open && i - lastVoiced >= hangoverFrames) {
            stretches.back().ended = i;
            open = false;
            notBefore = i;
        }
        int recent = 0;
        for (int back = 0; back < OpenWindow && i - back >= notBefore; ++back)
            recent += voiced[std::size_t(i - back)];
        if (!open && recent >= OpenVoiced) {
            stretches.push_back({i, count});
            open = true;
        }
    }
    const int settled = 200;
    for (int i = settled; i < count; ++i)
        result.voicedShare += voiced[std::size_t(i)];
    result.voicedShare /= std::max(1, count - settled);

    std::vector<int> endDelays;
    std::vector<int> onsetDelays;
    std::vector<int> firstDelays;
    result.utterances = int(scene.truth.size());
    for (std::size_t u = 0; u < scene.truth.size(); ++u) {
        const auto& [first, last] = scene.truth[u];
        const int next = u + 1 < scene.truth.size() ? scene.truth[u + 1].first : count;
        const int previous = u > 0 ? scene.truth[u - 1].last : -1;
        const auto opening = std::find_if(stretches.begin(), stretches.end(), [&](const Stretch& stretch) {
            return stretch.opened >= std::max(previous + 1, first - EarlyBy) && stretch.opened <= first + MissedAfter;
        });
        const bool already = std::any_of(stretches.begin(), stretches.end(),
            [&](const Stretch& stretch) { return stretch.opened < first - EarlyBy && stretch.ended > first; });
        if (already || opening == stretches.end())
            ++result.missed;
        else
            onsetDelays.push_back(std::max(0, opening->opened - first + 1) * 20);
        if (!already) {
            for (int i = first; i <= last; ++i) {
                if (voiced[std::size_t(i)]) {
                    firstDelays.push_back((i - first + 1) * 20);
                    break;
                }
            }
        }
        bool early = false;
        int end = -1;
        for (const auto& stretch : stretches) {
            early |= stretch.ended > first && stretch.ended <= last;
            if (end < 0 && stretch.ended > last && stretch.ended < next)
                end = stretch.ended;
        }
        result.early += early;
        if (end < 0)
            ++result.noEnd;
        else if (!early)
            endDelays.push_back((end - last) * 20);
    }
    for (const auto& stretch : stretches) {
        result.longestMs = std::max(result.longestMs, (stretch.ended - stretch.opened) * 20);
        result.falseOpenings += std::none_of(scene.truth.begin(), scene.truth.end(), [&](const Utterance& utterance) {
            return stretch.opened <= utterance.last && stretch.ended > utterance.first;
        });
    }
    result.endDelayMs = percentile(endDelays, 50);
    result.onsetP50Ms = percentile(onsetDelays, 50);
    result.onsetP95Ms = percentile(onsetDelays, 95);
    result.firstVoicedMs = percentile(firstDelays, 50);
    return result;
}

} // namespace kav::bench
