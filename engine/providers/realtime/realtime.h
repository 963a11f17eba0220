// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QString>
#include <QUrl>

#include <memory>

// OpenAI Realtime: one WebSocket per call that hears, thinks and speaks, mapped on the interfaces of speech.h so that
// Kav's turn machine stays in charge (the vendor's own turn detection is off). The call's recogniser and conversation
// share the connection; either also works alone: the recogniser with any language model, the conversation with any
// recogniser's words. There is no TextToSpeech: the answer comes as sound.
namespace kav::providers {

struct RealtimeSettings final {
    enum class Shape { Current, Beta }; ///< of the session: audio.input.format, or the earlier input_audio_format
    QUrl url{QStringLiteral("wss://api.openai.com/v1/realtime")}; ///< ws or wss; a query of its own is kept
    QString key; ///< empty: a local server that asks for none
    QString model = QStringLiteral("gpt-realtime"); ///< when the persona names no realtime model
    QString voice = QStringLiteral("marin"); ///< when the persona names none for "realtime"
    QString transcriptionModel = QStringLiteral("gpt-4o-mini-transcribe");
    Shape shape = Shape::Current;
    Milliseconds probe{3500}; ///< the one connection that proves key, address and model
    Milliseconds ready{4000}; ///< from the first packet to session.updated
    Milliseconds transcript{4000}; ///< from the end of an utterance to its words, and between two pieces of them
    Milliseconds firstAudio{6000}; ///< from the question to the first sound
    Milliseconds nextAudio{5000}; ///< between two pieces of an answer
    Milliseconds spare{30000}; ///< a connection opened ahead, and not used, ends
};

/// Where the two providers of a process meet: which call has which connection, and which thread has one in stock. Made
/// once by the composition root; outlives no provider (they share it). Any thread.
class RealtimeHub;
std::shared_ptr<RealtimeHub> makeRealtimeHub();

class RealtimeSpeechToText final : public SpeechToText {
public:
    /// Checks the key's and the address's form, then opens one session; blocks, for a maker's thread.
    static Result<std::shared_ptr<RealtimeSpeechToText>> create(
        const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock);

    QString name() const override;
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    RealtimeSpeechToText(const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock);

    const RealtimeSettings m_settings;
    const std::shared_ptr<RealtimeHub> m_hub;
    const Clock& m_clock;
};

/// Of the persona's tools the conversation itself carries out "end_call" (finished() with endCall, after the goodbye)
/// and "take_message" (an Expectation::Message); all others are told by toolCalled().
class RealtimeLanguageModel final : public LanguageModel {
public:
    /// As RealtimeSpeechToText::create().
    static Result<std::shared_ptr<RealtimeLanguageModel>> create(
        const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock);

    QString name() const override;
    bool hasVoice() const override { return true; }
    std::unique_ptr<Conversation> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    RealtimeLanguageModel(const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const Clock& clock);

    const RealtimeSettings m_settings;
    const std::shared_ptr<RealtimeHub> m_hub;
    const Clock& m_clock;
};

} // namespace kav::providers
