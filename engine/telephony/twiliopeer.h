// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QMap>
#include <QString>

#include <span>
#include <variant>

// Twilio's side of a media stream: what Twilio writes, and what it reads. The engine's own side is in engine/media.
namespace kav::telephony {

struct StreamIds final {
    QString streamSid, callSid, accountSid;
    /// Fresh random ones: MZ, CA and AC with 32 hexadecimal digits.
    static StreamIds random();
};

/// Writes Twilio's messages with its counters, all as strings. One per stream; a plain value.
class TwilioPeerWriter final {
public:
    explicit TwilioPeerWriter(StreamIds ids);

    QByteArray connected() const;
    QByteArray start(const QMap<QString, QString>& parameters);
    /// `timestampMs`: of the payload's first sample, since the stream's start.
    QByteArray media(std::span<const quint8> mulaw, quint64 timestampMs);
    QByteArray dtmf(char digit);
    QByteArray mark(const QString& name);
    QByteArray stop();

    /// Leaves `count` sequence and chunk numbers out, as a lossy network would make it seem.
    void skip(quint64 count);
    const StreamIds& ids() const { return m_ids; }
    /// As the ids, but for the messages that follow only: a fault.
    void setStreamSid(const QString& streamSid) { m_ids.streamSid = streamSid; }

private:
    StreamIds m_ids;
    quint64 m_sequence = 0;
    quint64 m_chunk = 0;
};

struct PeerMedia final {
    QByteArray mulaw;
};
struct PeerMark final {
    QString name;
};
struct PeerClear final { };
using PeerMessage = std::variant<PeerMedia, PeerMark, PeerClear>;

/// Reads a message of the engine's, as strictly as Twilio is known to: an error is what Twilio would report as warning
/// 31951 (bad JSON, unknown event, missing or unexpected fields, foreign streamSid).
Result<PeerMessage> readPeerMessage(const QByteArray& utf8, const QString& streamSid);

} // namespace kav::telephony
