// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <span>
#include <vector>

namespace kav::providers {

/// Makes synthesised speech fit to be joined to other speech: a fixed gain under a soft ceiling, silence at both ends
/// cut or filled to a known length, and short fades so that no end clicks. Streams: holds back only what may turn out
/// to be the silence at the end. 8 kHz linear samples; pure, one per piece of speech.
class SpeechShaper final {
public:
    struct Settings final {
        float gain = 1;
        std::chrono::milliseconds lead{60}; ///< silence kept before the first sound
        std::chrono::milliseconds tail{120}; ///< silence after the last
    };

    explicit SpeechShaper(const Settings& settings);
    /// Appends what is certain to `out`.
    void add(std::span<const qint16> pcm, std::vector<qint16>& out);
    /// Appends the end. Nothing at all when there was no sound.
    void finish(std::vector<qint16>& out);

private:
    void takeBlock(std::span<const qint16> block, std::vector<qint16>& out);
    void put(qint16 sample, std::vector<qint16>& out);

    const Settings m_settings;
    std::vector<qint16> m_held; // quiet audio that may be lead, pause or tail
    std::vector<qint16> m_partial; // less than a block
    bool m_started = false;
    int m_fadedIn = 0; // samples
};

} // namespace kav::providers
