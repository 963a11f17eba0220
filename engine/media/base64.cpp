// SPDX-License-Identifier: Apache-2.0
#include "engine/media/base64.h"

#include <array>

namespace kav::media {
namespace {

constexpr std::string_view Base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr quint8 NotBase64 = 0x80; // a bit that no six-bit value has: faults are gathered by OR and looked at once

constexpr std::array<quint8, 256> makeBase64Values()
{
    std::array<quint8, 256> table{};
    table.fill(NotBase64);
    for (std::size_t i = 0; i < Base64Alphabet.size(); ++i)
        table[static_cast<quint8>(Base64Alphabet[i])] = static_cast<quint8>(i);
    return table;
}

// Two characters per twelve bits: half the look-ups of one per six.
constexpr std::array<std::array<char16_t, 2>, 4096> makeBase64Pairs()
{
    std::array<std::array<char16_t, 2>, 4096> table{};
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = {static_cast<char16_t>(Base64Alphabet[i >> 6]), static_cast<char16_t>(Base64Alphabet[i & 63])};
    return table;
}

constexpr auto Base64Values = makeBase64Values();
constexpr auto Base64Pairs = makeBase64Pairs();

constexpr quint8 valueAt(const char* p)
{
    return Base64Values[static_cast<quint8>(*p)];
}

} // namespace

bool decodeBase64(std::string_view text, std::vector<quint8>& out)
{
    if (text.size() % 4 != 0)
        return false;
    if (text.empty()) {
        out.clear();
        return true;
    }
    const std::size_t padding = text.back() != '=' ? 0 : text[text.size() - 2] != '=' ? 1 : 2;
    const std::size_t wholeQuads = text.size() / 4 - (padding ? 1 : 0);
    out.resize(text.size() / 4 * 3 - padding);

    quint8 faults = 0;
    const char* in = text.data();
    quint8* to = out.data();
    for (std::size_t i = 0; i < wholeQuads; ++i, in += 4, to += 3) {
        const quint8 a = valueAt(in), b = valueAt(in + 1), c = valueAt(in + 2), d = valueAt(in + 3);
        faults |= a | b | c | d;
        to[0] = static_cast<quint8>(a << 2 | b >> 4);
        to[1] = static_cast<quint8>(b << 4 | c >> 2);
        to[2] = static_cast<quint8>(c << 6 | d);
    }
    if (padding) {
        const quint8 a = valueAt(in), b = valueAt(in + 1);
        const quint8 c = padding == 1 ? valueAt(in + 2) : quint8(0);
        faults |= a | b | c;
        to[0] = static_cast<quint8>(a << 2 | b >> 4);
        if (padding == 1)
            to[1] = static_cast<quint8>(b << 4 | c >> 2);
        if ((padding == 1 && (c & 0x03)) || (padding == 2 && (b & 0x0f)))
            return false; // bits that belong to no byte: not written by any encoder
    }
    return !(faults & NotBase64);
}

char16_t* encodeBase64(std::span<const quint8> bytes, char16_t* out)
{
    const auto put = [&out](unsigned twelveBits) {
        const auto& pair = Base64Pairs[twelveBits];
        out[0] = pair[0];
        out[1] = pair[1];
        out += 2;
    };
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const unsigned group = unsigned(bytes[i]) << 16 | unsigned(bytes[i + 1]) << 8 | bytes[i + 2];
        put(group >> 12);
        put(group & 0xfff);
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 1) {
        put(unsigned(bytes[i]) << 4);
        *out++ = u'=';
        *out++ = u'=';
    } else if (rest == 2) {
        const unsigned group = unsigned(bytes[i]) << 10 | unsigned(bytes[i + 1]) << 2;
        put(group >> 6);
        *out++ = Base64Pairs[group & 63][1];
        *out++ = u'=';
    }
    return out;
}

} // namespace kav::media
