// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kav::media {
namespace {

constexpr int MulawBias = 33; // on the 14-bit scale: moves the segment borders to powers of two
constexpr int MulawLargest = 8158; // with the bias, the last value of the last segment

constexpr quint8 encode14Bit(int sample)
{
    const bool negative = sample < 0;
    // The one's complement, as in the ITU's reference: -1 is the "negative zero", so both halves have 8192 values.
    const int magnitude = std::min(negative ? ~sample : sample, MulawLargest) + MulawBias;
    const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 6;
    const int step = (magnitude >> (segment + 1)) & 0x0f;
    const int code = segment << 4 | step | (negative ? 0x80 : 0);
    return static_cast<quint8>(~code);
}

constexpr qint16 decode16Bit(quint8 code)
{
    const int inverted = ~code & 0xff;
    const int segment = inverted >> 4 & 0x07;
    const int magnitude = ((((inverted & 0x0f) << 1) + MulawBias) << segment) - MulawBias;
    return static_cast<qint16>((inverted & 0x80 ? -magnitude : magnitude) * 4);
}

constexpr std::array<quint8, 16384> makeMulawCodes()
{
    std::array<quint8, 16384> table{};
    for (int i = 0; i < 16384; ++i)
        table[static_cast<std::size_t>(i)] = encode14Bit(i - 8192);
    return table;
}

constexpr std::array<qint16, 256> makeMulawValues()
{
    std::array<qint16, 256> table{};
    for (int i = 0; i < 256; ++i)
        table[static_cast<std::size_t>(i)] = decode16Bit(static_cast<quint8>(i));
    return table;
}

constexpr auto MulawCodes = makeMulawCodes();
constexpr auto MulawValues = makeMulawValues();
static_assert(encode14Bit(0) == MulawSilence);

// Apart from toMulaw(), which a compiler must not inline: position-independent code can be replaced at load time.
quint8 mulawCodeOf(qint16 sample)
{
    return MulawCodes[static_cast<std::size_t>((sample >> 2) + 8192)];
}

} // namespace

quint8 toMulaw(qint16 sample)
{
    return mulawCodeOf(sample);
}

qint16 fromMulaw(quint8 code)
{
    return MulawValues[code];
}

void encodeMulaw(std::span<const qint16> in, std::span<quint8> out)
{
    Q_ASSERT(out.size() >= in.size());
    std::transform(in.begin(), in.end(), out.begin(), [](qint16 sample) { return mulawCodeOf(sample); });
}

void decodeMulaw(std::span<const quint8> in, std::span<qint16> out)
{
    Q_ASSERT(out.size() >= in.size());
    std::transform(in.begin(), in.end(), out.begin(), [](quint8 code) { return MulawValues[code]; });
}

MulawFrame encodeFrame(const PcmFrame& frame)
{
    MulawFrame result;
    encodeMulaw(frame, result);
    return result;
}

PcmFrame decodeFrame(const MulawFrame& frame)
{
    PcmFrame result;
    decodeMulaw(frame, result);
    return result;
}

Level levelOf(std::span<const qint16> samples)
{
    if (samples.empty())
        return {};
    int peak = 0;
    quint64 energy = 0;
    for (const int sample : samples) {
        peak = std::max(peak, std::abs(sample));
        energy += static_cast<quint64>(sample * sample);
    }
    return {peak, static_cast<int>(std::sqrt(static_cast<double>(energy) / static_cast<double>(samples.size())))};
}

} // namespace kav::media
