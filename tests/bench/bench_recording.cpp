// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/session/callrecorder.h"
#include "shared/core/clock.h"

#include <QCoreApplication>
#include <QTemporaryDir>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

using namespace kav;
using namespace kav::session;

// What recording costs a call: nanoseconds for each frame of 20 ms, both sides, the store's thread at its work on a
// disk. The least of several rounds, as in bench_media, and the slowest single frame of all.
int main(int argc, char** argv)
{
    const QCoreApplication app(argc, argv);
    const QTemporaryDir directory;
    const SystemClock clock;
    media::PcmFrame frame;
    for (std::size_t i = 0; i < frame.size(); ++i)
        frame[i] = qint16(i * 97);
    const media::MulawFrame mulaw = media::encodeFrame(frame);
    constexpr int Frames = int(RecordingPipe::Frames) / 2, Rounds = 40;

    RecordingStore store(directory.path());
    double best = 1e18, slowest = 0;
    Instant line = clock.now();
    CallRecorder recorder(store, QStringLiteral("CAbench"), line);
    for (int round = 0; round < Rounds; ++round) {
        std::chrono::nanoseconds sum{0};
        for (int i = 0; i < Frames; ++i) {
            line += media::FrameDuration;
            const Instant begin = clock.now();
            recorder.agent(mulaw, line);
            recorder.caller(frame, false, line);
            const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(clock.now() - begin);
            sum += took;
            slowest = std::max(slowest, double(took.count()));
        }
        best = std::min(best, double(sum.count()) / Frames);
        store.flush();
    }
    std::printf("recording: a frame of both sides %28.1f ns\n", best);
    std::printf("recording: the slowest of %d frames %26.1f us\n", Frames * Rounds, slowest / 1000);
    std::printf("recording: memory of a call %34.1f KiB\n",
        double(sizeof(CallRecorder) + RecordingPipe::Frames * sizeof(RecordingPipe::StereoFrame)) / 1024);
    return recorder.lost().count() == 0 ? 0 : 1;
}
