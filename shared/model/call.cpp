// SPDX-License-Identifier: Apache-2.0
#include "shared/model/call.h"

namespace kav {

QString turnStateName(TurnState state)
{
    switch (state) {
    case TurnState::Listening:
        return QStringLiteral("listening");
    case TurnState::Thinking:
        return QStringLiteral("thinking");
    case TurnState::Speaking:
        return QStringLiteral("speaking");
    case TurnState::Held:
        return QStringLiteral("held");
    case TurnState::Ending:
        return QStringLiteral("ending");
    case TurnState::Ended:
        return QStringLiteral("ended");
    }
    Q_UNREACHABLE();
}

QString endReasonName(EndReason reason)
{
    switch (reason) {
    case EndReason::None:
        return QStringLiteral("none");
    case EndReason::Completed:
        return QStringLiteral("completed");
    case EndReason::CallerHungUp:
        return QStringLiteral("caller-hung-up");
    case EndReason::StreamLost:
        return QStringLiteral("stream-lost");
    case EndReason::NoInput:
        return QStringLiteral("no-input");
    case EndReason::FallbackExhausted:
        return QStringLiteral("fallback-exhausted");
    case EndReason::LongestCall:
        return QStringLiteral("longest-call");
    case EndReason::OperatorEnded:
        return QStringLiteral("operator-ended");
    case EndReason::Shutdown:
        return QStringLiteral("shutdown");
    case EndReason::ProtocolError:
        return QStringLiteral("protocol-error");
    case EndReason::Refused:
        return QStringLiteral("refused");
    case EndReason::Interrupted:
        return QStringLiteral("interrupted");
    case EndReason::Busy:
        return QStringLiteral("busy");
    case EndReason::NoAnswer:
        return QStringLiteral("no-answer");
    case EndReason::Failed:
        return QStringLiteral("failed");
    case EndReason::Canceled:
        return QStringLiteral("canceled");
    case EndReason::Voicemail:
        return QStringLiteral("voicemail");
    case EndReason::Fax:
        return QStringLiteral("fax");
    }
    Q_UNREACHABLE();
}

std::optional<EndReason> endReasonFromName(QStringView name)
{
    for (int i = 0; i <= static_cast<int>(EndReason::Fax); ++i) {
        const auto reason = static_cast<EndReason>(i);
        if (endReasonName(reason) == name)
            return reason;
    }
    return std::nullopt;
}

QString turnInputName(TurnInput input)
{
    switch (input) {
    case TurnInput::Opening:
        return QStringLiteral("opening");
    case TurnInput::Voice:
        return QStringLiteral("voice");
    case TurnInput::Keypad:
        return QStringLiteral("keypad");
    case TurnInput::Message:
        return QStringLiteral("message");
    case TurnInput::Silence:
        return QStringLiteral("silence");
    }
    Q_UNREACHABLE();
}

QString callStateName(CallState state)
{
    switch (state) {
    case CallState::Ringing:
        return QStringLiteral("ringing");
    case CallState::Greeting:
        return QStringLiteral("greeting");
    case CallState::Listening:
        return QStringLiteral("listening");
    case CallState::CallerSpeaking:
        return QStringLiteral("caller-speaking");
    case CallState::DecidingTurn:
        return QStringLiteral("deciding-turn");
    case CallState::Thinking:
        return QStringLiteral("thinking");
    case CallState::Speaking:
        return QStringLiteral("speaking");
    case CallState::Interrupted:
        return QStringLiteral("interrupted");
    case CallState::Held:
        return QStringLiteral("held");
    case CallState::Ending:
        return QStringLiteral("ending");
    case CallState::Ended:
        return QStringLiteral("ended");
    case CallState::Queued:
        return QStringLiteral("queued");
    case CallState::Dialling:
        return QStringLiteral("dialling");
    case CallState::Answered:
        return QStringLiteral("answered");
    case CallState::Transferring:
        return QStringLiteral("transferring");
    case CallState::OnHold:
        return QStringLiteral("on-hold");
    case CallState::Transferred:
        return QStringLiteral("transferred");
    }
    Q_UNREACHABLE();
}

std::optional<CallState> callStateFromName(QStringView name)
{
    for (int i = 0; i <= static_cast<int>(CallState::Transferred); ++i) {
        const auto state = static_cast<CallState>(i);
        if (callStateName(state) == name)
            return state;
    }
    return std::nullopt;
}

std::optional<TurnInput> turnInputFromName(QStringView name)
{
    for (int i = 0; i <= static_cast<int>(TurnInput::Silence); ++i) {
        const auto input = static_cast<TurnInput>(i);
        if (turnInputName(input) == name)
            return input;
    }
    return std::nullopt;
}

QString latencyPartName(LatencyPart part)
{
    switch (part) {
    case LatencyPart::EndOfUtterance:
        return QStringLiteral("end-of-utterance");
    case LatencyPart::Recognition:
        return QStringLiteral("recognition");
    case LatencyPart::FirstToken:
        return QStringLiteral("first-token");
    case LatencyPart::FirstSentence:
        return QStringLiteral("first-sentence");
    case LatencyPart::FirstAudio:
        return QStringLiteral("first-audio");
    case LatencyPart::Playout:
        return QStringLiteral("playout");
    }
    Q_UNREACHABLE();
}

std::optional<LatencyPart> latencyPartFromName(QStringView name)
{
    for (const LatencyPart part : LatencyPartsInOrder) {
        if (latencyPartName(part) == name)
            return part;
    }
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> LatencyParts::length(LatencyPart part) const
{
    for (const LatencySpan& span : spans) {
        if (span.part == part)
            return span.length;
    }
    return std::nullopt;
}

QString LatencyParts::owner(LatencyPart part) const
{
    for (const LatencySpan& span : spans) {
        if (span.part == part)
            return span.owner;
    }
    return {};
}

} // namespace kav
