// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimesession.h"

#include "engine/providers/persona.h"
#include "engine/providers/tooloffers.h"

#include <QLocale>

namespace kav::providers {

namespace {
constexpr qsizetype LongestTold = 4000; ///< of one turn
constexpr qsizetype LongestHints = 500; ///< of the recogniser's prompt

QJsonArray toolsOf(const CallInfo& call)
{
    QJsonArray tools;
    for (const ToolOffer& offer : toolOffers(call)) {
        tools.append(
            QJsonObject{{QStringLiteral("type"), QStringLiteral("function")}, {QStringLiteral("name"), offer.name},
                {QStringLiteral("description"), offer.description}, {QStringLiteral("parameters"), offer.parameters}});
    }
    return tools;
}

QString instructionsFor(const CallInfo& call)
{
    QString text = call.persona ? call.persona->systemPrompt.trimmed() : QString();
    if (text.isEmpty())
        text = QStringLiteral("You are the receptionist who answers this telephone number.");
    text += QStringLiteral("\n\nYou are on a telephone call. Answer in one to three short sentences of plain spoken "
                           "language. Ask one question at a time. Words in parentheses in the caller's place are notes "
                           "about the call, not the caller's words: never say or imitate them.");
    const QString code = realtimeLanguage(call);
    const QLocale locale(code);
    if (locale.language() != QLocale::C)
        text += QStringLiteral(" Speak %1 (%2), unless the caller clearly speaks another language.")
                    .arg(QLocale::languageToString(locale.language()), code);
    return text;
}
} // namespace

QString realtimeLanguage(const CallInfo& call)
{
    return call.language.isEmpty() && call.persona ? call.persona->language : call.language;
}

QString realtimeModel(const RealtimeSettings& settings, const CallInfo& call)
{
    return call.persona && call.persona->model.contains(QLatin1String("realtime")) ? call.persona->model
                                                                                   : settings.model;
}

QJsonObject realtimeSessionUpdate(const RealtimeSettings& settings, const CallInfo& call)
{
    QString voice = call.persona ? call.persona->voices.value(QStringLiteral("realtime")) : QString();
    if (voice.isEmpty())
        voice = settings.voice;
    QJsonObject transcription{{QStringLiteral("model"), settings.transcriptionModel}};
    // The vendor wants ISO 639: "he" of "he-IL". Left to guess, it writes short Hebrew as English.
    const QString language = realtimeLanguage(call).section(QLatin1Char('-'), 0, 0).toLower();
    if (!language.isEmpty())
        transcription.insert(QStringLiteral("language"), language);
    if (const QString hints = realtimeHints(call); !hints.isEmpty())
        transcription.insert(QStringLiteral("prompt"), hints);

    QJsonObject session{{QStringLiteral("instructions"), instructionsFor(call)},
        {QStringLiteral("tools"), toolsOf(call)}, {QStringLiteral("tool_choice"), QStringLiteral("auto")}};
    if (settings.shape == RealtimeSettings::Shape::Beta) {
        session.insert(QStringLiteral("modalities"), QJsonArray{QStringLiteral("audio"), QStringLiteral("text")});
        session.insert(QStringLiteral("voice"), voice);
        session.insert(QStringLiteral("input_audio_format"), QStringLiteral("g711_ulaw"));
        session.insert(QStringLiteral("output_audio_format"), QStringLiteral("g711_ulaw"));
        session.insert(QStringLiteral("input_audio_transcription"), transcription);
        session.insert(QStringLiteral("turn_detection"), QJsonValue::Null);
    } else {
        const QJsonObject mulaw{{QStringLiteral("type"), QStringLiteral("audio/pcmu")}};
        session.insert(QStringLiteral("type"), QStringLiteral("realtime"));
        session.insert(QStringLiteral("output_modalities"), QJsonArray{QStringLiteral("audio")});
        session.insert(QStringLiteral("audio"),
            QJsonObject{
                {QStringLiteral("input"),
                    QJsonObject{{QStringLiteral("format"), mulaw}, {QStringLiteral("transcription"), transcription},
                        {QStringLiteral("turn_detection"), QJsonValue::Null}}},
                {QStringLiteral("output"),
                    QJsonObject{{QStringLiteral("format"), mulaw}, {QStringLiteral("voice"), voice}}}});
    }
    return {{QStringLiteral("type"), QStringLiteral("session.update")}, {QStringLiteral("session"), session}};
}

QString realtimeHints(const CallInfo& call)
{
    return call.persona ? realtimeCut(call.persona->phrases.join(QLatin1String(", ")), LongestHints) : QString();
}

QStringList realtimeToolNames(const CallInfo& call)
{
    QStringList names;
    for (const QJsonValue& tool : toolsOf(call))
        names.append(tool.toObject().value(QLatin1String("name")).toString());
    return names;
}

QJsonObject realtimeMessage(
    const RealtimeSettings& settings, const QString& id, const QString& role, const QString& text)
{
    const bool isOurs = role == QLatin1String("assistant");
    const QString kind = !isOurs                          ? QStringLiteral("input_text")
        : settings.shape == RealtimeSettings::Shape::Beta ? QStringLiteral("text")
                                                          : QStringLiteral("output_text");
    return {{QStringLiteral("id"), id}, {QStringLiteral("type"), QStringLiteral("message")},
        {QStringLiteral("role"), role},
        {QStringLiteral("content"),
            QJsonArray{QJsonObject{{QStringLiteral("type"), kind}, {QStringLiteral("text"), text}}}}};
}

RealtimeTold realtimeTold(const UserTurn& turn)
{
    const QString user = QStringLiteral("user"), system = QStringLiteral("system");
    switch (turn.kind) {
    case UserTurn::Kind::Opening:
        return {system, QStringLiteral("(The telephone call begins: greet the caller.)")};
    case UserTurn::Kind::Silence:
        return {system, QStringLiteral("(The caller is silent.)")};
    case UserTurn::Kind::Keypad:
        return {user, QStringLiteral("(The caller pressed the keys %1)").arg(realtimeCut(turn.text, LongestTold))};
    case UserTurn::Kind::Message: {
        const auto seconds = std::chrono::round<std::chrono::seconds>(turn.messageLength).count();
        return {system,
            seconds > 0 ? QStringLiteral("(The caller left a recorded message of %1 seconds.)").arg(seconds)
                        : QStringLiteral("(The caller left a recorded message.)")};
    }
    case UserTurn::Kind::Voice:
        break;
    }
    if (turn.text.trimmed().isEmpty())
        return {system, QStringLiteral("(The caller said something that could not be understood.)")};
    return {user, realtimeCut(turn.text, LongestTold)};
}

QString realtimeCut(const QString& text, qsizetype longest)
{
    QString result = text.left(longest);
    if (!result.isEmpty() && result.back().isHighSurrogate())
        result.chop(1);
    return result;
}

QString realtimeWords(const QString& transcript)
{
    QString words;
    words.reserve(transcript.size());
    for (qsizetype i = 0; i < transcript.size(); ++i) {
        const QChar c = transcript[i];
        const bool isMark = QStringView(u".,!?;:\"\u2026\u061f\u060c").contains(c);
        // "3.5", "10:30" and "1,000" keep theirs, and so does a Hebrew acronym written with a straight quote.
        const bool isInside = i > 0 && i + 1 < transcript.size() && transcript[i - 1].isLetterOrNumber()
            && transcript[i + 1].isLetterOrNumber();
        if (!isMark || isInside)
            words += c;
    }
    return words.toLower().simplified();
}

} // namespace kav::providers
