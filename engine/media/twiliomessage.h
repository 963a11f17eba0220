// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QMap>
#include <QString>

#include <memory>
#include <span>
#include <variant>

// Twilio Media Streams messages, both directions (Twilio protocol notes, section 5). Pure: no socket here.
namespace kav::media {

struct ConnectedMessage final {
    QString protocol; ///< "Call"
    QString version; ///< "1.0.0"
};
struct StartMessage final {
    quint64 sequence = 0;
    QString streamSid, callSid, accountSid;
    QList<QString> tracks;
    QString encoding; ///< "audio/x-mulaw"
    int sampleRate = 0, channels = 0;
    QMap<QString, QString> parameters; ///< the TwiML's <Parameter>s
};
struct MediaMessage final {
    quint64 sequence = 0, chunk = 0;
    quint64 timestampMs = 0; ///< since the stream's start: the caller's clock
    bool inbound = true;
    std::span<const quint8> mulaw; ///< any length; valid until the parser's next parse()
};
struct DtmfMessage final {
    quint64 sequence = 0;
    char digit = '0'; ///< 0-9 * # A-D
};
struct MarkMessage final {
    quint64 sequence = 0;
    QString name;
};
struct StopMessage final {
    quint64 sequence = 0;
    QString accountSid, callSid;
};
/// A well-formed message of an event we do not know: ignored, counted.
struct UnknownMessage final {
    QString event;
};
using TwilioMessage =
    std::variant<ConnectedMessage, StartMessage, MediaMessage, DtmfMessage, MarkMessage, StopMessage, UnknownMessage>;

/// Parses Twilio's text frames. One per stream or per worker; not shared between threads. Its buffers are reused, so a
/// `media` message allocates nothing once warm. Counters may be strings or numbers; unknown fields are ignored; of a
/// field given twice the first counts. Errors are Error::Code::Invalid, the message naming the field
/// ("media.payload: not base64") and never quoting what came.
///
/// Mandatory: `event`; `start` with streamSid, callSid, accountSid and mediaFormat; `media` with timestamp and payload;
/// `dtmf.digit`; `mark.name`. What nothing depends on may be missing (sequenceNumber and chunk are then 0, `stop` and
/// `connected` are then empty), but what is there must have its type.
class TwilioParser final {
public:
    static constexpr qsizetype LongestMessage = 64 * 1024; ///< bytes of UTF-8
    static constexpr int DeepestNesting = 16;
    static constexpr int MostParameters = 64; ///< customParameters
    static constexpr std::size_t LongestParameter = 4096; ///< bytes of a name and its value together
    static constexpr std::size_t LongestId = 128; ///< bytes of a sid or another identifier

    TwilioParser();
    ~TwilioParser();
    Q_DISABLE_COPY_MOVE(TwilioParser)

    /// From now on a message that names another stream is an error ("streamSid: another stream's"); one that names none
    /// is taken. Not so `connected` and `start`, which come before. Empty: any stream.
    void setStream(const QString& streamSid);

    Result<TwilioMessage> parse(QByteArrayView utf8);
    /// The same for the text as a WebSocket delivers it, without a QByteArray in between.
    Result<TwilioMessage> parse(QStringView text);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// Writes the three messages Twilio accepts, with exactly the fields it knows. The returned string is the writer's own,
/// valid until its next call; media() allocates nothing once warm, unless someone still holds a copy of its last text.
class TwilioWriter final {
public:
    explicit TwilioWriter(const QString& streamSid);

    const QString& media(std::span<const quint8> mulaw);
    const QString& mark(QStringView name);
    const QString& clear();

private:
    const QString m_markPrefix;
    const QString m_clear;
    QString m_media; // its prefix stays in it for good
    const qsizetype m_mediaPrefixLength;
    QString m_mark;
};

} // namespace kav::media
