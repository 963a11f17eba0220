// SPDX-License-Identifier: Apache-2.0
// A WebSocket client's bytes, cut in hostile places. The first byte seeds the cuts and picks the limits; the rest is
// the stream behind the handshake.
#include "engine/net/messagereader.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace kav;
using namespace kav::net;
using Kind = MessageReader::Kind;

namespace {

constexpr qsizetype LongestHead = 14;

void demand(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "broken invariant: %s\n", what);
    std::abort();
}

/// RFC 3629, told by its table and not by Qt.
bool isUtf8(QByteArrayView bytes)
{
    const auto at = [bytes](qsizetype i) { return i < bytes.size() ? quint8(bytes[i]) : quint8(0); };
    const auto isBetween = [](quint8 byte, quint8 low, quint8 high) { return byte >= low && byte <= high; };
    for (qsizetype i = 0; i < bytes.size();) {
        const quint8 lead = at(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const int more = isBetween(lead, 0xc2, 0xdf) ? 1
            : isBetween(lead, 0xe0, 0xef)            ? 2
            : isBetween(lead, 0xf0, 0xf4)            ? 3
                                                     : 0;
        const quint8 low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const quint8 high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (more == 0 || !isBetween(at(i + 1), low, high))
            return false;
        for (int j = 2; j <= more; ++j) {
            if (!isBetween(at(i + j), 0x80, 0xbf))
                return false;
        }
        i += 1 + more;
    }
    return true;
}

struct Got {
    Kind kind;
    QByteArray payload;
    quint16 code;
    QByteArray fault;
    bool operator==(const Got&) const = default;
};

void check(const MessageReader::Item& item, const MessageReader::Limits& limits)
{
    switch (item.kind) {
    case Kind::Text: {
        const std::optional<QString> text = decodeText(item.payload);
        demand(text.has_value() == isUtf8(item.payload), "a text is taken exactly when it is UTF-8");
        demand(!text || text->toUtf8() == item.payload, "a text is what was sent");
        break;
    }
    case Kind::Binary:
        break;
    case Kind::Close:
        demand(item.code >= 1000 && item.code < 5000 && item.code != 1006, "a close code is fit for the wire");
        demand(isUtf8(item.payload) && item.payload.size() <= 123, "a reason is short UTF-8");
        break;
    case Kind::Ping:
    case Kind::Pong:
        demand(item.payload.size() <= 125, "control frames are short");
        break;
    case Kind::Fault:
        demand(item.code >= 1002 && item.code <= 1009 && *item.fault, "a fault has a code and words");
        break;
    case Kind::Nothing:
        break;
    }
    demand(item.payload.size() <= qMax<qsizetype>(limits.messageBytes, 125), "a message is within its limit");
}

/// As a WebSocket reads: what is left over is given again with more behind it. `seed` 0: the stream in one piece.
std::vector<Got> run(QByteArrayView stream, quint32 seed, const MessageReader::Limits& limits)
{
    MessageReader reader(limits);
    std::vector<Got> out;
    std::vector<char> pending; // not a QByteArray: the sanitizer sees a byte beyond it
    bool isOver = false;
    do {
        quint32 piece = quint32(stream.size());
        if (seed != 0) {
            seed = (seed * 1664525 + 1013904223) | 1;
            piece = qMin(piece, (seed >> 28 == 0 ? 400 : 1 + (seed >> 16) % 9));
        }
        pending.insert(pending.end(), stream.begin(), stream.begin() + piece);
        pending.shrink_to_fit();
        stream = stream.sliced(piece);
        std::span<char> bytes(pending);
        for (;;) {
            const MessageReader::Item item = reader.next(bytes, {});
            if (item.kind == Kind::Nothing)
                break;
            demand(!isOver, "nothing comes after a close frame or a fault");
            check(item, limits);
            out.push_back({item.kind, item.payload.toByteArray(), item.code, item.fault});
            isOver = item.kind == Kind::Close || item.kind == Kind::Fault;
        }
        demand(reader.isInsideFrame() == !bytes.empty(), "it knows whether a frame has begun");
        demand(qsizetype(bytes.size()) < limits.messageBytes + LongestHead, "what waits is less than a frame");
        demand(reader.keptBytes() <= limits.messageBytes, "what is kept is less than a message");
        pending = std::vector<char>(bytes.begin(), bytes.end());
    } while (!stream.isEmpty());
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    MessageReader::Limits limits{.messageBytes = 70000, .controlFramesPerSecond = 20, .fragmentsPerMessage = 8};
    if (data[0] & 1)
        limits.messageBytes = 150;
    const QByteArrayView stream(data + 1, qsizetype(size - 1));
    const std::vector<Got> whole = run(stream, 0, limits);
    demand(run(stream, data[0] + 1u, limits) == whole, "the same messages whatever the cuts");
    demand(run(stream, (data[0] + 1u) << 8, limits) == whole, "the same messages whatever the cuts");
    return 0;
}
