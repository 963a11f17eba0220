// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/twiml.h"

namespace kav::webhooks {

namespace {

constexpr qsizetype MaxParameterCharacters = 499; ///< Twilio: name and value together under 500
constexpr qsizetype MaxSayCharacters = 4000;

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

QString escapedText(const QString& text)
{
    QString escaped = allowedInXml(text);
    escaped.replace(QLatin1Char('&'), QLatin1String("&amp;"));
    escaped.replace(QLatin1Char('<'), QLatin1String("&lt;"));
    escaped.replace(QLatin1Char('>'), QLatin1String("&gt;"));
    return escaped;
}

QString escapedAttribute(const QString& text)
{
    QString escaped = escapedText(text);
    escaped.replace(QLatin1Char('"'), QLatin1String("&quot;"));
    // A parser would turn them into spaces.
    escaped.replace(QLatin1Char('\t'), QLatin1String("&#x9;"));
    escaped.replace(QLatin1Char('\n'), QLatin1String("&#xA;"));
    return escaped;
}

void writeElement(QString& out, const TwimlElement& element)
{
    out += QLatin1Char('<') + element.name;
    for (const auto& [name, value] : element.attributes)
        out += QLatin1Char(' ') + name + QLatin1String("=\"") + escapedAttribute(value) + QLatin1Char('"');
    if (element.text.isEmpty() && element.children.empty()) {
        out += QLatin1String("/>");
        return;
    }
    out += QLatin1Char('>') + escapedText(element.text);
    for (const TwimlElement& child : element.children)
        writeElement(out, child);
    out += QLatin1String("</") + element.name + QLatin1Char('>');
}

/// Cut without parting a surrogate pair.
QString cutTo(const QString& text, qsizetype characters)
{
    QString cut = text.left(qMax<qsizetype>(0, characters));
    if (!cut.isEmpty() && cut.back().isHighSurrogate())
        cut.chop(1);
    return cut;
}

} // namespace

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
    TwimlElement response;
    response.name = QStringLiteral("Response");
    response.children = verbs;
    QString out = QStringLiteral("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writeElement(out, response);
    return out.toUtf8();
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
    TwimlElement say = twimlVerb(QStringLiteral("Say"), cutTo(text, MaxSayCharacters));
    say.with(QStringLiteral("language"), language).with(QStringLiteral("voice"), voice);
    return say;
}

TwimlElement hangupVerb()
{
    return twimlVerb(QStringLiteral("Hangup"));
}

TwimlElement connectVerb(const StreamOffer& offer)
{
    TwimlElement stream = twimlVerb(QStringLiteral("Stream"));
    stream.with(QStringLiteral("url"), offer.url).with(QStringLiteral("name"), offer.name);
    if (!offer.statusCallback.isEmpty()) {
        stream.with(QStringLiteral("statusCallback"), offer.statusCallback)
            .with(QStringLiteral("statusCallbackMethod"), QStringLiteral("POST"));
    }
    for (const auto& [name, value] : offer.parameters) {
        if (name.isEmpty() || name.size() >= MaxParameterCharacters)
            continue;
        TwimlElement parameter = twimlVerb(QStringLiteral("Parameter"));
        parameter.with(QStringLiteral("name"), name);
        // Twilio wants the attribute even when there is nothing in it.
        parameter.attributes.emplaceBack(QStringLiteral("value"), cutTo(value, MaxParameterCharacters - name.size()));
        stream.with(std::move(parameter));
    }
    TwimlElement connect = twimlVerb(QStringLiteral("Connect"));
    if (!offer.action.isEmpty())
        connect.with(QStringLiteral("action"), offer.action).with(QStringLiteral("method"), QStringLiteral("POST"));
    connect.with(std::move(stream));
    return connect;
}

} // namespace kav::webhooks
