// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"

#include <QByteArray>
#include <QByteArrayView>

#include <optional>

// How one entry lies in the journal. Pure functions; integers are little-endian.
//
//   record  = magic (4: FF 4B 4A 01) | payload length (4) | number (8) | CRC-32 of length, number and payload (4) |
//   payload payload = layout version (1) | kind (1) | call id length (2) | time, ms since 1970 UTC (8) | call id
//   (UTF-8) | data (JSON)
//
// FF occurs in no UTF-8 text, so a magic inside a payload cannot come from a caller's words; and a record found by
// searching counts only when its checksum holds.
namespace kav::calllog {

inline constexpr qsizetype RecordHeaderBytes = 20;
inline constexpr qsizetype PayloadLimitBytes = 1024 * 1024;
/// First byte of every record; see above.
inline constexpr char RecordMagic[4] = {'\xff', 'K', 'J', '\x01'};

/// An entry's payload. Telephone numbers still in clear are masked here, and an entry whose data exceed the limit keeps
/// its kind, call and time, with {"oversize": bytes} for data: a bounded record is better than none.
QByteArray encodeEntry(const Entry& entry);

/// A number's keyed digest: the same number gives the same, whatever stands between its digits; without the key nobody
/// can tell which number it is of.
QByteArray numberId(const QByteArray& key, const QString& number);
inline constexpr qsizetype NumberIdBytes = 16;
/// encodeEntry() leaves room for the digests of Entry::from and Entry::to at the end of a payload that has them; this
/// fills them in. Its size stays.
void stampNumberIds(QByteArray& payload, const QByteArray& fromId, const QByteArray& toId);

/// The parts of a payload; views into it.
struct PayloadView final {
    Entry::Kind kind = Entry::Kind::Event;
    qint64 atMs = 0;
    QByteArrayView callId;
    QByteArrayView json;
};
std::optional<PayloadView> viewPayload(QByteArrayView payload);
/// The reverse.
QByteArray packPayload(const PayloadView& view);

/// Appends a whole record to `out`.
void appendRecord(QByteArray& out, quint64 number, QByteArrayView payload);

struct ParsedRecord final {
    enum class State {
        Whole,
        Short, ///< the bytes end before the record does
        Bad, ///< no record begins here
    };
    State state = State::Bad;
    quint64 number = 0;
    QByteArrayView payload; ///< into the parsed bytes
    qsizetype size = 0; ///< of the whole record
};
/// The record at the start of `bytes`.
ParsedRecord parseRecord(QByteArrayView bytes);

} // namespace kav::calllog
