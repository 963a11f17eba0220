// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/g711.h"
#include "engine/providers/persona.h"
#include "engine/providers/realtime/realtime.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/realtimestandin.h"

#include <QCoreApplication>
#include <QTest>

#include <vector>

namespace kav::test {

/// Settings that reach the stand-in.
inline providers::RealtimeSettings settingsFor(const RealtimeStandIn& vendor)
{
    providers::RealtimeSettings settings;
    settings.url = vendor.url();
    settings.key = vendor.key;
    if (vendor.isBeta)
        settings.shape = providers::RealtimeSettings::Shape::Beta;
    return settings;
}

/// One call with both ends of its connection, and what they told.
struct RealtimeCaller final {
    RealtimeCaller(const providers::RealtimeSettings& settings, const Clock& clock, const providers::CallInfo& info,
        std::shared_ptr<providers::RealtimeHub> at = providers::makeRealtimeHub())
        : hub(std::move(at))
    {
        auto ears = providers::RealtimeSpeechToText::create(settings, hub, clock);
        auto mind = providers::RealtimeLanguageModel::create(settings, hub, clock);
        QVERIFY2(ears, ears ? "" : qPrintable(toString(ears.error())));
        QVERIFY(mind);
        stt = *ears;
        llm = *mind;
        call = info;
    }
    void openStream()
    {
        stream = stt->open(call);
        QObject::connect(stream.get(), &providers::SpeechToTextStream::partial, stream.get(),
            [this](
                int u, const providers::Transcript& t) { note(QStringLiteral("partial %1 %2").arg(u).arg(t.text)); });
        QObject::connect(stream.get(), &providers::SpeechToTextStream::finished, stream.get(),
            [this](int u, const providers::Transcript& t) {
                words = t.text;
                note(QStringLiteral("heard %1 %2").arg(u).arg(t.text));
            });
        QObject::connect(
            stream.get(), &providers::SpeechToTextStream::failed, stream.get(), [this](int u, const Error& e) {
                error = e;
                note(QStringLiteral("deaf %1 %2").arg(u).arg(errorCodeName(e.code)));
            });
    }
    void openConversation()
    {
        conversation = llm->open(call);
        QObject::connect(conversation.get(), &providers::Conversation::text, conversation.get(),
            [this](int, const QString& delta) { text += delta; });
        QObject::connect(conversation.get(), &providers::Conversation::audio, conversation.get(),
            [this](int, const QByteArray& mulaw) { audio += mulaw; });
        QObject::connect(conversation.get(), &providers::Conversation::toolCalled, conversation.get(),
            [this](int turn, const providers::ToolCall& tool) {
                tools.append(tool);
                note(QStringLiteral("tool %1 %2").arg(turn).arg(tool.name));
            });
        QObject::connect(conversation.get(), &providers::Conversation::finished, conversation.get(),
            [this](int turn, const providers::Expectation& e, bool end) {
                next = e;
                note(QStringLiteral("answered %1%2").arg(turn).arg(end ? QStringLiteral(" and goodbye") : QString()));
            });
        QObject::connect(
            conversation.get(), &providers::Conversation::failed, conversation.get(), [this](int turn, const Error& e) {
                error = e;
                note(QStringLiteral("mute %1 %2").arg(turn).arg(errorCodeName(e.code)));
            });
    }
    void open()
    {
        openStream();
        openConversation();
    }
    void note(const QString& line) { log.append(line); }

    void say(int utterance, int milliseconds = 500)
    {
        stream->beginUtterance(utterance, {});
        speak(milliseconds);
        stream->endUtterance(utterance);
    }
    void speak(int milliseconds)
    {
        const std::vector<qint16> frame(160, 1000);
        for (int at = 0; at < milliseconds; at += 20)
            stream->write(frame);
    }
    void ask(int turn, const QString& said, providers::UserTurn::Kind kind = providers::UserTurn::Kind::Voice)
    {
        text.clear();
        audio.clear();
        providers::UserTurn user;
        user.kind = kind;
        user.turn = turn;
        user.text = said;
        conversation->ask(user);
    }
    bool has(const QString& line) const { return log.contains(line); }

    std::shared_ptr<providers::RealtimeHub> hub;
    std::shared_ptr<providers::RealtimeSpeechToText> stt;
    std::shared_ptr<providers::RealtimeLanguageModel> llm;
    providers::CallInfo call;
    std::unique_ptr<providers::SpeechToTextStream> stream;
    std::unique_ptr<providers::Conversation> conversation;
    QStringList log;
    QString words, text;
    QByteArray audio;
    QList<providers::ToolCall> tools;
    providers::Expectation next;
    Error error;
};

inline providers::CallInfo callOf(const QString& id, const providers::Persona& persona = {})
{
    providers::CallInfo info;
    info.callId = id;
    info.language = persona.language;
    info.persona = std::make_shared<const providers::Persona>(persona);
    return info;
}

} // namespace kav::test
