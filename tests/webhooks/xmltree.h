// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QMap>
#include <QString>
#include <QStringList>
#include <QXmlStreamReader>

#include <iterator>

namespace kav::test {

/// What Twilio does where an attribute is not there: writing it or not is the same.
inline bool isTwilioDefault(const QString& element, const QString& attribute, const QString& value)
{
    static const QMap<QString, QString> defaults{
        {QStringLiteral("Say loop"), QStringLiteral("1")},
        {QStringLiteral("Play loop"), QStringLiteral("1")},
        {QStringLiteral("Pause length"), QStringLiteral("1")},
        {QStringLiteral("Reject reason"), QStringLiteral("rejected")},
        {QStringLiteral("Gather input"), QStringLiteral("dtmf")},
        {QStringLiteral("Gather timeout"), QStringLiteral("5")},
        {QStringLiteral("Gather finishOnKey"), QStringLiteral("#")},
        {QStringLiteral("Gather actionOnEmptyResult"), QStringLiteral("false")},
        {QStringLiteral("Gather bargeIn"), QStringLiteral("true")},
        {QStringLiteral("Gather profanityFilter"), QStringLiteral("true")},
        {QStringLiteral("Record timeout"), QStringLiteral("5")},
        {QStringLiteral("Record finishOnKey"), QStringLiteral("1234567890*#")},
        {QStringLiteral("Record maxLength"), QStringLiteral("3600")},
        {QStringLiteral("Record playBeep"), QStringLiteral("true")},
        {QStringLiteral("Record trim"), QStringLiteral("trim-silence")},
        {QStringLiteral("Record transcribe"), QStringLiteral("false")},
        {QStringLiteral("Record recordingStatusCallbackEvent"), QStringLiteral("completed")},
        {QStringLiteral("Dial timeout"), QStringLiteral("30")},
        {QStringLiteral("Dial timeLimit"), QStringLiteral("14400")},
        {QStringLiteral("Dial answerOnBridge"), QStringLiteral("false")},
        {QStringLiteral("Dial hangupOnStar"), QStringLiteral("false")},
        {QStringLiteral("Dial sequential"), QStringLiteral("false")},
        {QStringLiteral("Dial record"), QStringLiteral("do-not-record")},
        {QStringLiteral("Dial recordingStatusCallbackEvent"), QStringLiteral("completed")},
        {QStringLiteral("Number statusCallbackEvent"), QStringLiteral("completed")},
        {QStringLiteral("Number machineDetectionTimeout"), QStringLiteral("30")},
        {QStringLiteral("Number machineDetectionSpeechThreshold"), QStringLiteral("2400")},
        {QStringLiteral("Number machineDetectionSpeechEndThreshold"), QStringLiteral("1200")},
        {QStringLiteral("Number machineDetectionSilenceTimeout"), QStringLiteral("5000")},
        {QStringLiteral("Conference muted"), QStringLiteral("false")},
        {QStringLiteral("Conference beep"), QStringLiteral("true")},
        {QStringLiteral("Conference startConferenceOnEnter"), QStringLiteral("true")},
        {QStringLiteral("Conference endConferenceOnExit"), QStringLiteral("false")},
        {QStringLiteral("Conference maxParticipants"), QStringLiteral("250")},
        {QStringLiteral("Conference record"), QStringLiteral("do-not-record")},
        {QStringLiteral("Conference recordingStatusCallbackEvent"), QStringLiteral("completed")},
        {QStringLiteral("Stream track"), QStringLiteral("inbound_track")},
    };
    if (attribute.endsWith(QLatin1String("ethod")))
        return value == QLatin1String("POST");
    const auto known = defaults.constFind(element + QLatin1Char(' ') + attribute);
    return known != defaults.cend() && *known == value;
}

/// A document as nested lines with sorted attributes, without those that say what Twilio does anyway: what two equal
/// documents share.
inline QString treeOf(const QByteArray& xml)
{
    QXmlStreamReader reader(xml);
    QString tree, text;
    QStringList open;
    const auto indent = [&open](qsizetype more = 0) { return QString((open.size() + more) * 2, QLatin1Char(' ')); };
    const auto endText = [&] {
        if (!text.isEmpty())
            tree += indent() + QLatin1Char('"') + text + QLatin1String("\"\n");
        text.clear();
    };
    while (!reader.atEnd()) {
        switch (reader.readNext()) {
        case QXmlStreamReader::StartElement: {
            endText();
            const QString name = reader.name().toString();
            tree += indent() + name + QLatin1Char('\n');
            QStringList attributes;
            for (const auto& attribute : reader.attributes()) {
                if (!isTwilioDefault(name, attribute.name().toString(), attribute.value().toString()))
                    attributes += attribute.name() + QLatin1Char('=') + attribute.value();
            }
            attributes.sort();
            for (const QString& attribute : std::as_const(attributes))
                tree += indent(1) + QLatin1Char('@') + attribute + QLatin1Char('\n');
            open += name;
            break;
        }
        case QXmlStreamReader::EndElement:
            endText();
            open.removeLast();
            break;
        case QXmlStreamReader::Characters:
            text += reader.text();
            break;
        default:
            break;
        }
    }
    return reader.hasError() ? QStringLiteral("broken: ") + reader.errorString() : tree;
}

} // namespace kav::test
