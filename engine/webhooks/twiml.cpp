// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/twiml.h"

#include "shared/core/logging.h"

#include <QTextBoundaryFinder>
#include <QXmlStreamWriter>

#include <array>
#include <iterator>

namespace kav::webhooks {

namespace {

constexpr qsizetype MaxParameterCharacters = 499; ///< Twilio: name and value together under 500
constexpr qsizetype MaxSayBytes = 4000; ///< Twilio: about 4 KB
constexpr qsizetype MaxDocumentBytes = 64 * 1024;

/// What XML 1.0 allows. Half a surrogate pair counts as forbidden.
QString allowedInXml(const QString& text)
{
    QString allowed;
    allowed.reserve(text.size());
    for (qsizetype i = 0; i < text.size(); ++i) {
        const QChar c = text.at(i);
        if (c.isHighSurrogate() && i + 1 < text.size() && text.at(i + 1).isLowSurrogate()) {
            allowed += c;
            allowed += text.at(++i);
            continue;
        }
        const ushort u = c.unicode();
        const bool control = (u < 0x20 && u != '\t' && u != '\n') || (u >= 0x7f && u <= 0x9f);
        if (!control && !c.isSurrogate() && u < 0xfffe)
            allowed += c;
    }
    return allowed;
}

/// Cut without parting a surrogate pair.
QString cutTo(const QString& text, qsizetype characters)
{
    QString cut = text.left(qMax<qsizetype>(0, characters));
    if (!cut.isEmpty() && cut.back().isHighSurrogate())
        cut.chop(1);
    return cut;
}

/// Parts a text into pieces that one <Say> takes: where sentences end, else between words, else anywhere.
class SayPieces final {
public:
    explicit SayPieces(const QString& text)
    {
        add(text, QTextBoundaryFinder::Sentence);
        m_pieces += m_piece;
    }
    QStringList take() { return std::move(m_pieces); }

private:
    void add(const QString& text, QTextBoundaryFinder::BoundaryType type)
    {
        QTextBoundaryFinder finder(type, text);
        qsizetype begin = 0;
        for (qsizetype end = finder.toNextBoundary(); end > begin; end = finder.toNextBoundary()) {
            const QString unit = text.mid(begin, end - begin);
            const qsizetype bytes = unit.toUtf8().size();
            begin = end;
            if (m_bytes + bytes > MaxSayBytes) {
                if (!m_piece.isEmpty())
                    m_pieces += std::exchange(m_piece, {});
                m_bytes = 0;
            }
            if (bytes > MaxSayBytes) {
                // A letter under a heap of marks is still one unit: what is left of it when nothing can be parted.
                if (type == QTextBoundaryFinder::Grapheme)
                    m_pieces += cutTo(unit, MaxSayBytes / 4);
                else
                    add(unit,
                        type == QTextBoundaryFinder::Sentence ? QTextBoundaryFinder::Line
                                                              : QTextBoundaryFinder::Grapheme);
                continue;
            }
            m_piece += unit;
            m_bytes += bytes;
        }
    }

    QStringList m_pieces;
    QString m_piece;
    qsizetype m_bytes = 0;
};

void writeElement(QXmlStreamWriter& xml, const TwimlElement& element)
{
    const QString text = allowedInXml(element.text);
    if (element.name == QLatin1String("Say") && text.size() > MaxSayBytes / 3 && text.toUtf8().size() > MaxSayBytes) {
        TwimlElement piece = element;
        int times = 1;
        piece.attributes.removeIf([&times](const auto& attribute) {
            const bool isLoop = attribute.first == QLatin1String("loop");
            if (isLoop)
                times = attribute.second.toInt();
            return isLoop;
        });
        const QStringList pieces = SayPieces(text).take();
        for (int i = 0; i < qMax(1, times); ++i) {
            for (const QString& part : pieces) {
                piece.text = part;
                writeElement(xml, piece);
            }
        }
        return;
    }
    if (text.isEmpty() && element.children.empty())
        xml.writeEmptyElement(element.name);
    else
        xml.writeStartElement(element.name);
    for (const auto& [name, value] : element.attributes)
        xml.writeAttribute(name, allowedInXml(value));
    if (text.isEmpty() && element.children.empty())
        return;
    xml.writeCharacters(text);
    for (const TwimlElement& child : element.children)
        writeElement(xml, child);
    xml.writeEndElement();
}

QByteArray writeDocument(const std::vector<TwimlElement>& verbs, std::size_t count)
{
    QByteArray out;
    QXmlStreamWriter xml(&out);
    xml.writeStartDocument();
    if (count == 0)
        xml.writeEmptyElement(QStringLiteral("Response"));
    else
        xml.writeStartElement(QStringLiteral("Response"));
    for (std::size_t i = 0; i < count; ++i)
        writeElement(xml, verbs[i]);
    xml.writeEndDocument();
    return out;
}

/// Puts attributes into an element unless they say what Twilio does anyway.
class Attributes final {
public:
    explicit Attributes(TwimlElement& element)
        : m_element(element)
    {
    }
    Attributes& put(const char* name, const QString& value, const QString& byDefault = {})
    {
        if (value != byDefault)
            m_element.attributes.emplaceBack(QString::fromLatin1(name), value);
        return *this;
    }
    Attributes& put(const char* name, bool value, bool byDefault)
    {
        const auto word = [](bool yes) { return yes ? QStringLiteral("true") : QStringLiteral("false"); };
        return put(name, word(value), word(byDefault));
    }
    Attributes& put(const char* name, int value, int byDefault)
    {
        return put(name, QString::number(value), QString::number(byDefault));
    }
    Attributes& put(const char* name, std::chrono::seconds value, std::chrono::seconds byDefault)
    {
        return put(name, int(value.count()), int(byDefault.count()));
    }
    Attributes& put(const char* name, std::chrono::milliseconds value, std::chrono::milliseconds byDefault)
    {
        return put(name, int(value.count()), int(byDefault.count()));
    }
    /// One word of a list, whose first is the default.
    template <typename Enum, std::size_t Count>
    Attributes& put(const char* name, Enum value, const std::array<const char*, Count>& words)
    {
        return put(name, QString::fromLatin1(words.at(static_cast<std::size_t>(value))), QString::fromLatin1(words[0]));
    }
    Attributes& put(const char* name, twiml::Method value) { return put(name, value, std::array{"POST", "GET"}); }
    /// A URL that Twilio reports to, how, and what: nothing of it without the URL.
    template <typename Events, std::size_t Count>
    Attributes& putCallback(const QByteArray& name, const QString& url, twiml::Method method, Events events,
        Events byDefault, const std::array<const char*, Count>& words)
    {
        if (url.isEmpty())
            return *this;
        QStringList wanted;
        for (std::size_t i = 0; i < Count; ++i) {
            if (events.toInt() & (1 << i))
                wanted += QString::fromLatin1(words[i]);
        }
        put(name.constData(), url);
        put(QByteArray(name + "Method").constData(), method);
        if (events != byDefault)
            put(QByteArray(name + "Event").constData(), wanted.join(QLatin1Char(' ')));
        return *this;
    }

private:
    TwimlElement& m_element;
};

constexpr std::array RecordingEventWords{"in-progress", "completed", "absent"};
constexpr std::array CallEventWords{"initiated", "ringing", "answered", "completed"};
constexpr std::array ConferenceEventWords{
    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"};

TwimlElement elementOf(const twiml::Stream& stream)
{
    TwimlElement element = twimlVerb(QStringLiteral("Stream"));
    Attributes(element)
        .put("url", stream.url)
        .put("name", stream.name)
        .put("track", stream.track, std::array{"inbound_track", "outbound_track", "both_tracks"})
        .putCallback("statusCallback", stream.statusCallback, stream.statusCallbackMethod, twiml::CallEvents(),
            twiml::CallEvents(), CallEventWords);
    for (const auto& [name, value] : stream.parameters) {
        if (name.isEmpty() || name.size() >= MaxParameterCharacters)
            continue;
        TwimlElement parameter = twimlVerb(QStringLiteral("Parameter"));
        parameter.attributes.emplaceBack(QStringLiteral("name"), name);
        // Twilio wants the attribute even when there is nothing in it.
        parameter.attributes.emplaceBack(QStringLiteral("value"), cutTo(value, MaxParameterCharacters - name.size()));
        element.with(std::move(parameter));
    }
    return element;
}

TwimlElement elementOf(const twiml::Number& number)
{
    using std::chrono::milliseconds;
    TwimlElement element = twimlVerb(QStringLiteral("Number"), number.number);
    Attributes attributes(element);
    attributes.put("url", number.url)
        .put("method", number.method)
        .put("sendDigits", number.sendDigits)
        .putCallback("statusCallback", number.statusCallback, number.statusCallbackMethod, number.statusCallbackEvent,
            twiml::CallEvents(twiml::CallEvent::Completed), CallEventWords);
    if (number.machineDetection == twiml::Number::Detection::Off)
        return element;
    attributes.put("machineDetection", number.machineDetection, std::array{"", "Enable", "DetectMessageEnd"})
        .putCallback("amdStatusCallback", number.amdStatusCallback, number.amdStatusCallbackMethod, twiml::CallEvents(),
            twiml::CallEvents(), CallEventWords)
        .put("machineDetectionTimeout", number.machineDetectionTimeout, std::chrono::seconds(30))
        .put("machineDetectionSpeechThreshold", number.machineDetectionSpeechThreshold, milliseconds(2400))
        .put("machineDetectionSpeechEndThreshold", number.machineDetectionSpeechEndThreshold, milliseconds(1200))
        .put("machineDetectionSilenceTimeout", number.machineDetectionSilenceTimeout, milliseconds(5000));
    return element;
}

TwimlElement elementOf(const twiml::Conference& conference)
{
    TwimlElement element = twimlVerb(QStringLiteral("Conference"), conference.name);
    Attributes attributes(element);
    attributes.put("muted", conference.muted, false)
        .put("beep", conference.beep, std::array{"true", "false", "onEnter", "onExit"})
        .put("startConferenceOnEnter", conference.startConferenceOnEnter, true)
        .put("endConferenceOnExit", conference.endConferenceOnExit, false)
        .put("maxParticipants", conference.maxParticipants, 250)
        .put("participantLabel", conference.participantLabel)
        .put("coach", conference.coach)
        .put("record", conference.record, std::array{"do-not-record", "record-from-start"})
        .putCallback("recordingStatusCallback", conference.recordingStatusCallback,
            conference.recordingStatusCallbackMethod, conference.recordingStatusCallbackEvent,
            twiml::RecordingEvents(twiml::RecordingEvent::Completed), RecordingEventWords)
        .putCallback("statusCallback", conference.statusCallback, conference.statusCallbackMethod,
            conference.statusCallbackEvent, twiml::Conference::Events(), ConferenceEventWords);
    if (conference.waitUrl) {
        // Empty is not the same as not there.
        element.attributes.emplaceBack(QStringLiteral("waitUrl"), *conference.waitUrl);
        attributes.put("waitMethod", conference.waitMethod);
    }
    return element;
}

} // namespace

TwimlElement::TwimlElement(const twiml::Say& say)
    : name(QStringLiteral("Say"))
    , text(say.text)
{
    Attributes(*this).put("language", say.language).put("voice", say.voice).put("loop", say.loop, 1);
}

TwimlElement::TwimlElement(const twiml::Play& play)
    : name(QStringLiteral("Play"))
    , text(play.url)
{
    Attributes(*this).put("loop", play.loop, 1).put("digits", play.digits);
}

TwimlElement::TwimlElement(const twiml::Pause& pause)
    : name(QStringLiteral("Pause"))
{
    Attributes(*this).put("length", pause.length, std::chrono::seconds(1));
}

TwimlElement::TwimlElement(const twiml::Redirect& redirect)
    : name(QStringLiteral("Redirect"))
    , text(redirect.url)
{
    Attributes(*this).put("method", redirect.method);
}

TwimlElement::TwimlElement(const twiml::Hangup&)
    : name(QStringLiteral("Hangup"))
{
}

TwimlElement::TwimlElement(const twiml::Reject& reject)
    : name(QStringLiteral("Reject"))
{
    Attributes(*this).put("reason", reject.reason, std::array{"rejected", "busy"});
}

TwimlElement::TwimlElement(const twiml::Gather& gather)
    : name(QStringLiteral("Gather"))
{
    Attributes attributesOf(*this);
    attributesOf.put("input", gather.input, std::array{"dtmf", "speech", "dtmf speech"})
        .put("action", gather.action)
        .put("method", gather.method)
        .put("timeout", gather.timeout, std::chrono::seconds(5))
        .put("numDigits", gather.numDigits, 0)
        .put("finishOnKey", gather.finishOnKey, QStringLiteral("#"))
        .put("actionOnEmptyResult", gather.actionOnEmptyResult, false)
        .put("language", gather.language);
    if (gather.speechTimeout) {
        attributesOf.put("speechTimeout",
            gather.speechTimeout->count() == 0 ? QStringLiteral("auto")
                                               : QString::number(gather.speechTimeout->count()));
    }
    attributesOf.put("hints", gather.hints.join(QLatin1Char(',')))
        .put("bargeIn", gather.bargeIn, true)
        .put("profanityFilter", gather.profanityFilter, true);
    for (const twiml::Prompt& prompt : gather.prompts)
        children.push_back(std::visit([](const auto& verb) { return TwimlElement(verb); }, prompt));
}

TwimlElement::TwimlElement(const twiml::Record& record)
    : name(QStringLiteral("Record"))
{
    Attributes(*this)
        .put("action", record.action)
        .put("method", record.method)
        .put("timeout", record.timeout, std::chrono::seconds(5))
        .put("finishOnKey", record.finishOnKey, QStringLiteral("1234567890*#"))
        .put("maxLength", record.maxLength, std::chrono::seconds(3600))
        .put("playBeep", record.playBeep, true)
        .put("trim", record.trimSilence ? QStringLiteral("trim-silence") : QStringLiteral("do-not-trim"),
            QStringLiteral("trim-silence"))
        .putCallback("recordingStatusCallback", record.recordingStatusCallback, record.recordingStatusCallbackMethod,
            record.recordingStatusCallbackEvent, twiml::RecordingEvents(twiml::RecordingEvent::Completed),
            RecordingEventWords)
        .put("transcribe", record.transcribe, false);
}

TwimlElement::TwimlElement(const twiml::Dial& dial)
    : name(QStringLiteral("Dial"))
{
    Attributes(*this)
        .put("action", dial.action)
        .put("method", dial.method)
        .put("timeout", dial.timeout, std::chrono::seconds(30))
        .put("timeLimit", dial.timeLimit, std::chrono::seconds(14400))
        .put("callerId", dial.callerId)
        .put("answerOnBridge", dial.answerOnBridge, false)
        .put("hangupOnStar", dial.hangupOnStar, false)
        .put("sequential", dial.sequential, false)
        .put("ringTone", dial.ringTone)
        .put("record", dial.record,
            std::array{"do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
                "record-from-ringing-dual"})
        .putCallback("recordingStatusCallback", dial.recordingStatusCallback, dial.recordingStatusCallbackMethod,
            dial.recordingStatusCallbackEvent, twiml::RecordingEvents(twiml::RecordingEvent::Completed),
            RecordingEventWords);
    for (const twiml::Number& number : dial.numbers)
        children.push_back(elementOf(number));
    if (dial.conference)
        children.push_back(elementOf(*dial.conference));
}

TwimlElement::TwimlElement(const twiml::Connect& connect)
    : name(QStringLiteral("Connect"))
{
    Attributes(*this).put("action", connect.action).put("method", connect.method);
    children.push_back(elementOf(connect.stream));
}

TwimlElement::TwimlElement(const twiml::Start& start)
    : name(QStringLiteral("Start"))
{
    children.push_back(elementOf(start.stream));
}

TwimlElement& TwimlElement::with(const QString& attribute, const QString& value)
{
    if (!value.isEmpty())
        attributes.emplaceBack(attribute, value);
    return *this;
}

TwimlElement& TwimlElement::with(TwimlElement child)
{
    children.push_back(std::move(child));
    return *this;
}

QByteArray writeTwiml(const std::vector<TwimlElement>& verbs)
{
    std::size_t count = verbs.size();
    QByteArray document = writeDocument(verbs, count);
    while (document.size() > MaxDocumentBytes)
        document = writeDocument(verbs, --count);
    if (count < verbs.size())
        qCWarning(lcWebhook) << "TwiML over 64 KB: only the first" << count << "of" << verbs.size()
                             << "verbs are written";
    return document;
}

TwimlElement twimlVerb(const QString& name, const QString& text)
{
    TwimlElement element;
    element.name = name;
    element.text = text;
    return element;
}

TwimlElement sayVerb(const QString& text, const QString& language, const QString& voice)
{
    return twiml::Say{.text = text, .language = language, .voice = voice};
}

TwimlElement hangupVerb()
{
    return twiml::Hangup{};
}

TwimlElement connectVerb(const StreamOffer& offer)
{
    return twiml::Connect{.stream = {.url = offer.url,
                              .name = offer.name,
                              .statusCallback = offer.statusCallback,
                              .parameters = offer.parameters},
        .action = offer.action};
}

} // namespace kav::webhooks
