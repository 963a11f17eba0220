// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogscript.h"
#include "engine/session/callsession.h"
#include "shared/core/carddigits.h"

#include <algorithm>
#include <utility>

namespace kav::session {

// The call's recording, and what must be kept neither there nor anywhere else.

void CallSession::decideRecording()
{
    const auto by = m_info.persona ? m_info.persona->recording : providers::RecordedBy::Nobody;
    if (by == providers::RecordedBy::Nobody)
        return;
    m_twilioRecords = by == providers::RecordedBy::Twilio && m_context.twilioRecording
        && m_context.twilioRecording(m_callId, TwilioRecording::Start);
    if (!m_twilioRecords && m_context.recordings)
        m_recorder = std::make_unique<CallRecorder>(*m_context.recordings, m_callId, m_started);
    if (m_twilioRecords)
        m_summary.recording = QStringLiteral("twilio");
    else if (m_recorder)
        m_summary.recording = QStringLiteral("engine");
}

/// Whoever is recorded is told first, before a word of the conversation, and cannot talk it away: the turn machine
/// begins when the notice has been heard.
void CallSession::beginCall()
{
    if (m_summary.recording.isEmpty()) {
        openConversation();
        return;
    }
    QJsonObject fields{{QStringLiteral("by"), m_summary.recording}};
    if (m_recorder) {
        fields.insert(QStringLiteral("ref"), m_recorder->ref());
        m_facts.insert(QStringLiteral("recording"), m_recorder->ref());
    }
    logEvent(QStringLiteral("RECORDING_START"), fields);
    m_noticeUnderWay = true;
    playLine(dialog::recordingNotice(*m_info.persona, m_info.language), false);
}

void CallSession::openConversation()
{
    const bool isProtected =
        m_context.settings.openingProtected || (m_info.persona && m_info.persona->greetingProtected);
    dispatch(turn::event::CallStarted{
        true, isProtected, m_comeBack ? m_comeBack->before.shown.turn : 0, elapsed(m_started, m_now)});
}

void CallSession::noticeOver(bool wasHeard)
{
    m_noticeUnderWay = false;
    logEvent(QStringLiteral("RECORDING_NOTICE"), {{QStringLiteral("heard"), wasHeard}});
    if (!wasHeard && m_recorder) {
        // Nobody may be recorded without knowing.
        logEvent(QStringLiteral("RECORDING_STOP"), {{QStringLiteral("reason"), QStringLiteral("no notice")}});
        m_recorder->discard();
        m_recorder.reset();
        m_facts.remove(QStringLiteral("recording"));
    } else if (!wasHeard && std::exchange(m_twilioRecords, false)) {
        logEvent(QStringLiteral("RECORDING_STOP"), {{QStringLiteral("reason"), QStringLiteral("no notice")}});
        m_context.twilioRecording(m_callId, TwilioRecording::Discard);
    }
    if (!wasHeard) {
        m_summary.recording.clear();
        Q_EMIT summaryChanged(m_summary);
    }
    openConversation();
}

void CallSession::pauseRecording(bool paused)
{
    if ((!m_recorder && !m_twilioRecords) || paused == m_recordingPaused)
        return;
    m_recordingPaused = paused;
    if (m_recorder && paused)
        m_recorder->pause();
    else if (m_recorder)
        m_recorder->resume();
    if (m_twilioRecords)
        m_context.twilioRecording(m_callId, paused ? TwilioRecording::Pause : TwilioRecording::Resume);
    if (paused) {
        m_recordingPausedAt = m_now;
        logEvent(QStringLiteral("RECORDING_PAUSE"));
    } else {
        logEvent(QStringLiteral("RECORDING_RESUME"),
            {{QStringLiteral("paused_ms"), qint64(elapsed(m_recordingPausedAt, m_now).count())}});
    }
}

void CallSession::endRecording()
{
    if (!m_recorder)
        return;
    logEvent(QStringLiteral("RECORDING_STOP"),
        {{QStringLiteral("ms"), qint64(m_recorder->length().count())},
            {QStringLiteral("paused_ms"), qint64(m_recorder->pausedFor().count())},
            {QStringLiteral("lost_ms"), qint64(m_recorder->lost().count())}});
    m_recorder.reset();
}

/// The stretch in which the caller said these words, or keyed these keys, is taken out of the recording if it must not
/// be kept. What was asked for as sensitive was never recorded.
void CallSession::silenceTurn(const QString& words)
{
    if (!m_recorder || m_turn->secrecy.sensitive || !hasCardNumber(words))
        return;
    m_recorder->silenceSince(m_turn->recordedFrom);
    logEvent(QStringLiteral("RECORDING_SILENCED"),
        {{QStringLiteral("ms"), qint64(media::durationOf(m_recorder->position() - m_turn->recordedFrom).count())}});
}

/// Digits stand in it that must not be kept: of the turn in hand, or a card's.
bool CallSession::mustHide(const QString& words) const
{
    return m_turn && m_turn->secrecy.sensitive ? maskDigits(words) != words : hasCardNumber(words);
}

/// The turn in hand, as the model gets its words.
QString CallSession::wordsForModel(int turn, const QString& words)
{
    const bool isMine = m_turn && m_turn->record.number == turn;
    const bool isEntry = isMine && m_turn->record.input == TurnInput::Keypad;
    const bool modelSees = !m_info.persona || m_info.persona->keypad.modelSeesSecrets;
    const QString given =
        m_secrets.forModel(words, isEntry, isMine ? m_turn->secrecy : TurnSecrecy(), modelSees);
    if (m_tools)
        m_tools->setSecrets(m_secrets.all());
    return given;
}

} // namespace kav::session
