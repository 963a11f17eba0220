// SPDX-License-Identifier: Apache-2.0
#include "engine/media/twiliomessage.h"

#include "engine/media/base64.h"

#include <QStringEncoder>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <simdjson.h>
#include <string_view>

namespace kav::media {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// What was wrong with a message: two literals, so that finding a fault costs nothing.
struct Fault final {
    const char* field = nullptr;
    const char* what = nullptr;
};
using MaybeFault = std::optional<Fault>;

Error toError(const Fault& fault)
{
    return {Error::Code::Invalid, QLatin1String(fault.field) + QLatin1String(": ") + QLatin1String(fault.what), {}};
}

QString toText(std::string_view utf8)
{
    return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

enum class Presence { Required, Optional };

// The field at the last part of the path `name`; nothing when it is missing or null.
std::optional<element> findField(const object& in, const char* name)
{
    const std::string_view path(name);
    element found;
    if (in.at_key(path.substr(path.rfind('.') + 1)).get(found) != simdjson::SUCCESS // npos + 1 is 0
        || found.type() == simdjson::dom::element_type::NULL_VALUE)
        return std::nullopt;
    return found;
}

// `out` is untouched when the field is optional and missing.
template <typename T>
MaybeFault readField(const object& in, const char* name, Presence presence, const char* type, T& out)
{
    const auto found = findField(in, name);
    if (!found)
        return presence == Presence::Required ? MaybeFault({name, "missing"}) : std::nullopt;
    if (found->get(out) != simdjson::SUCCESS)
        return Fault{name, type};
    return std::nullopt;
}

MaybeFault readObject(const object& in, const char* name, object& out)
{
    return readField(in, name, Presence::Required, "not an object", out);
}

MaybeFault readId(const object& in, const char* name, Presence presence, QString& out)
{
    std::string_view text;
    if (const auto fault = readField(in, name, presence, "not a string", text))
        return fault;
    if (text.empty() && presence == Presence::Required)
        return Fault{name, "empty"};
    if (text.size() > TwilioParser::LongestId)
        return Fault{name, "too long"};
    out = toText(text);
    return std::nullopt;
}

// Twilio writes its counters as strings; some that speak its protocol write numbers.
MaybeFault readCounter(const object& in, const char* name, Presence presence, quint64& out)
{
    const auto found = findField(in, name);
    if (!found)
        return presence == Presence::Required ? MaybeFault({name, "missing"}) : std::nullopt;
    std::string_view text;
    std::uint64_t number = 0;
    if (found->get(text) == simdjson::SUCCESS) {
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (status != std::errc{} || end != text.data() + text.size())
            return Fault{name, "not a counter"};
    } else if (found->get(number) != simdjson::SUCCESS) {
        return Fault{name, "not a counter"};
    }
    out = number;
    return std::nullopt;
}

MaybeFault readSmallNumber(const object& in, const char* name, int& out)
{
    quint64 number = 0;
    if (const auto fault = readCounter(in, name, Presence::Required, number))
        return fault;
    if (number > 1'000'000)
        return Fault{name, "out of range"};
    out = static_cast<int>(number);
    return std::nullopt;
}

MaybeFault readSequence(const object& root, quint64& out)
{
    return readCounter(root, "sequenceNumber", Presence::Optional, out);
}

/// A socket carries one stream; what names another is not its caller's.
MaybeFault checkStream(const object& root, std::string_view stream)
{
    std::string_view named;
    if (stream.empty())
        return std::nullopt;
    if (const auto fault = readField(root, "streamSid", Presence::Optional, "not a string", named))
        return fault;
    return named.empty() || named == stream ? std::nullopt : MaybeFault({"streamSid", "another stream's"});
}

MaybeFault readTracks(const object& start, QList<QString>& out)
{
    simdjson::dom::array tracks;
    const auto found = findField(start, "start.tracks");
    if (!found)
        return std::nullopt;
    if (found->get(tracks) != simdjson::SUCCESS || tracks.size() > 16)
        return Fault{"start.tracks", "not a short list"};
    for (const element track : tracks) {
        std::string_view text;
        if (track.get(text) != simdjson::SUCCESS || text.size() > TwilioParser::LongestId)
            return Fault{"start.tracks", "not a list of names"};
        out.append(toText(text));
    }
    return std::nullopt;
}

MaybeFault readParameters(const object& start, QMap<QString, QString>& out)
{
    object parameters;
    const auto found = findField(start, "start.customParameters");
    if (!found)
        return std::nullopt;
    if (found->get(parameters) != simdjson::SUCCESS)
        return Fault{"start.customParameters", "not an object"};
    if (parameters.size() > static_cast<std::size_t>(TwilioParser::MostParameters))
        return Fault{"start.customParameters", "too many"};
    for (const auto& field : parameters) {
        std::string_view value;
        if (field.value.get(value) != simdjson::SUCCESS)
            return Fault{"start.customParameters", "a value is not a string"};
        if (field.key.size() + value.size() > TwilioParser::LongestParameter)
            return Fault{"start.customParameters", "a value is too long"};
        const QString name = toText(field.key);
        if (!out.contains(name))
            out.insert(name, toText(value));
    }
    return std::nullopt;
}

MaybeFault readConnected(const object& root, ConnectedMessage& out)
{
    if (const auto fault = readId(root, "protocol", Presence::Optional, out.protocol))
        return fault;
    return readId(root, "version", Presence::Optional, out.version);
}

MaybeFault readStart(const object& root, StartMessage& out)
{
    object start, format;
    if (const auto fault = readSequence(root, out.sequence))
        return fault;
    if (const auto fault = readObject(root, "start", start))
        return fault;
    if (const auto fault = readId(start, "start.streamSid", Presence::Required, out.streamSid))
        return fault;
    if (const auto fault = readId(start, "start.callSid", Presence::Required, out.callSid))
        return fault;
    if (const auto fault = readId(start, "start.accountSid", Presence::Required, out.accountSid))
        return fault;
    if (const auto fault = readTracks(start, out.tracks))
        return fault;
    if (const auto fault = readObject(start, "start.mediaFormat", format))
        return fault;
    if (const auto fault = readId(format, "start.mediaFormat.encoding", Presence::Required, out.encoding))
        return fault;
    if (const auto fault = readSmallNumber(format, "start.mediaFormat.sampleRate", out.sampleRate))
        return fault;
    if (const auto fault = readSmallNumber(format, "start.mediaFormat.channels", out.channels))
        return fault;
    return readParameters(start, out.parameters);
}

MaybeFault readMedia(const object& root, std::vector<quint8>& audio, MediaMessage& out)
{
    object media;
    if (const auto fault = readSequence(root, out.sequence))
        return fault;
    if (const auto fault = readObject(root, "media", media))
        return fault;
    if (const auto fault = readCounter(media, "media.chunk", Presence::Optional, out.chunk))
        return fault;
    if (const auto fault = readCounter(media, "media.timestamp", Presence::Required, out.timestampMs))
        return fault;
    std::string_view track = "inbound", payload;
    if (const auto fault = readField(media, "media.track", Presence::Optional, "not a string", track))
        return fault;
    out.inbound = track == "inbound" || track == "inbound_track";
    if (!out.inbound && track != "outbound" && track != "outbound_track")
        return Fault{"media.track", "unknown"};
    if (const auto fault = readField(media, "media.payload", Presence::Required, "not a string", payload))
        return fault;
    if (!decodeBase64(payload, audio))
        return Fault{"media.payload", "not base64"};
    out.mulaw = audio;
    return std::nullopt;
}

MaybeFault readDtmf(const object& root, DtmfMessage& out)
{
    object dtmf;
    if (const auto fault = readSequence(root, out.sequence))
        return fault;
    if (const auto fault = readObject(root, "dtmf", dtmf))
        return fault;
    std::string_view digit;
    if (const auto fault = readField(dtmf, "dtmf.digit", Presence::Required, "not a string", digit))
        return fault;
    constexpr std::string_view Keys = "0123456789*#ABCDabcd";
    if (digit.size() != 1 || Keys.find(digit.front()) == std::string_view::npos)
        return Fault{"dtmf.digit", "not a key"};
    const char key = digit.front();
    out.digit = key >= 'a' ? static_cast<char>(key - 'a' + 'A') : key;
    return std::nullopt;
}

MaybeFault readMark(const object& root, MarkMessage& out)
{
    object mark;
    if (const auto fault = readSequence(root, out.sequence))
        return fault;
    if (const auto fault = readObject(root, "mark", mark))
        return fault;
    std::string_view name;
    if (const auto fault = readField(mark, "mark.name", Presence::Required, "not a string", name))
        return fault;
    out.name = toText(name);
    return std::nullopt;
}

MaybeFault readStop(const object& root, StopMessage& out)
{
    if (const auto fault = readSequence(root, out.sequence))
        return fault;
    // The end of a stream is believed even when it does not say whose.
    object stop;
    const auto found = findField(root, "stop");
    if (!found)
        return std::nullopt;
    if (found->get(stop) != simdjson::SUCCESS)
        return Fault{"stop", "not an object"};
    if (const auto fault = readId(stop, "stop.accountSid", Presence::Optional, out.accountSid))
        return fault;
    return readId(stop, "stop.callSid", Presence::Optional, out.callSid);
}

Fault syntaxFault(simdjson::error_code code)
{
    switch (code) {
    case simdjson::UTF8_ERROR:
        return {"message", "not UTF-8"};
    case simdjson::DEPTH_ERROR:
        return {"message", "nested too deeply"};
    case simdjson::NUMBER_ERROR:
        return {"message", "a number is malformed or out of range"};
    default: // the many ways of not being JSON are one to whoever sent it
        return {"message", "not JSON"};
    }
}

template <typename Message, typename Reader> Result<TwilioMessage> messageOf(const object& root, const Reader& read)
{
    Message message;
    if (const MaybeFault fault = read(root, message))
        return toError(*fault);
    return TwilioMessage(std::move(message));
}

QString jsonEscaped(QStringView text)
{
    constexpr char16_t Hex[] = u"0123456789abcdef";
    QString result;
    result.reserve(text.size());
    for (qsizetype i = 0; i < text.size(); ++i) {
        const QChar c = text[i];
        if (c == u'"' || c == u'\\') {
            result += u'\\';
            result += c;
        } else if (c.unicode() < 0x20) {
            result += QLatin1String("\\u00");
            result += QChar(Hex[c.unicode() >> 4]);
            result += QChar(Hex[c.unicode() & 0x0f]);
        } else if (c.isHighSurrogate() && i + 1 < text.size() && text[i + 1].isLowSurrogate()) {
            result += c;
            result += text[++i];
        } else {
            result += c.isSurrogate() ? QChar(QChar::ReplacementCharacter) : c; // half a pair has no UTF-8
        }
    }
    return result;
}

constexpr QLatin1String MediaSuffix("\"}}");

} // namespace

struct TwilioParser::Private final {
    Result<TwilioMessage> parse(std::size_t length);
    char* room(std::size_t length);

    std::string stream; // UTF-8
    simdjson::dom::parser json;
    std::vector<char> text; // with simdjson's padding after it
    std::vector<quint8> audio;
};

TwilioParser::TwilioParser()
    : d(std::make_unique<Private>())
{
}

TwilioParser::~TwilioParser() = default;

void TwilioParser::setStream(const QString& streamSid)
{
    d->stream = streamSid.toStdString();
}

char* TwilioParser::Private::room(std::size_t length)
{
    if (text.size() < length + simdjson::SIMDJSON_PADDING)
        text.resize(std::bit_ceil(length) + simdjson::SIMDJSON_PADDING);
    return text.data();
}

Result<TwilioMessage> TwilioParser::parse(QByteArrayView utf8)
{
    if (utf8.size() > LongestMessage)
        return toError({"message", "too long"});
    if (utf8.isEmpty())
        return toError({"message", "empty"});
    const auto length = static_cast<std::size_t>(utf8.size());
    std::memcpy(d->room(length), utf8.data(), length);
    return d->parse(length);
}

Result<TwilioMessage> TwilioParser::parse(QStringView text)
{
    if (text.size() > LongestMessage)
        return toError({"message", "too long"});
    QStringEncoder encoder(QStringEncoder::Utf8, QStringEncoder::Flag::Stateless);
    char* const start = d->room(static_cast<std::size_t>(encoder.requiredSpace(text.size())));
    const char* const end = encoder.appendToBuffer(start, text);
    if (end - start > LongestMessage)
        return toError({"message", "too long"});
    if (end == start)
        return toError({"message", "empty"});
    return d->parse(static_cast<std::size_t>(end - start));
}

Result<TwilioMessage> TwilioParser::Private::parse(std::size_t length)
{
    // Powers of two, or every message a little longer than the last would allocate.
    if (json.capacity() < length) {
        if (json.allocate(std::max<std::size_t>(std::bit_ceil(length), 1024), DeepestNesting) != simdjson::SUCCESS)
            return Error{Error::Code::LimitExceeded, QStringLiteral("message: no memory for it"), {}};
    }
    element document;
    if (const auto code = json.parse(text.data(), length, false).get(document); code != simdjson::SUCCESS)
        return toError(syntaxFault(code));
    object root;
    if (document.get(root) != simdjson::SUCCESS)
        return toError({"message", "not an object"});
    std::string_view event;
    if (const auto fault = readField(root, "event", Presence::Required, "not a string", event))
        return toError(*fault);

    if (event == "start")
        return messageOf<StartMessage>(root, readStart);
    if (event == "connected")
        return messageOf<ConnectedMessage>(root, readConnected);
    if (const auto fault = checkStream(root, stream))
        return toError(*fault);
    if (event == "media")
        return messageOf<MediaMessage>(
            root, [this](const object& in, MediaMessage& out) { return readMedia(in, audio, out); });
    if (event == "mark")
        return messageOf<MarkMessage>(root, readMark);
    if (event == "dtmf")
        return messageOf<DtmfMessage>(root, readDtmf);
    if (event == "stop")
        return messageOf<StopMessage>(root, readStop);
    return TwilioMessage(UnknownMessage{toText(event.substr(0, LongestId))});
}

TwilioWriter::TwilioWriter(const QString& streamSid)
    : m_markPrefix(QLatin1String("{\"event\":\"mark\",\"streamSid\":\"") + jsonEscaped(streamSid)
        + QLatin1String("\",\"mark\":{\"name\":\""))
    , m_clear(QLatin1String("{\"event\":\"clear\",\"streamSid\":\"") + jsonEscaped(streamSid) + QLatin1String("\"}"))
    , m_media(QLatin1String("{\"event\":\"media\",\"streamSid\":\"") + jsonEscaped(streamSid)
          + QLatin1String("\",\"media\":{\"payload\":\""))
    , m_mediaPrefixLength(m_media.size())
{
}

const QString& TwilioWriter::media(std::span<const quint8> mulaw)
{
    const auto payload = static_cast<qsizetype>(base64Length(mulaw.size()));
    m_media.resize(m_mediaPrefixLength + payload + MediaSuffix.size());
    auto* const start = reinterpret_cast<char16_t*>(m_media.data()) + m_mediaPrefixLength;
    char16_t* const end = encodeBase64(mulaw, start);
    std::copy(MediaSuffix.begin(), MediaSuffix.end(), end);
    return m_media;
}

const QString& TwilioWriter::mark(QStringView name)
{
    m_mark = m_markPrefix + jsonEscaped(name) + MediaSuffix;
    return m_mark;
}

const QString& TwilioWriter::clear()
{
    return m_clear;
}

} // namespace kav::media
