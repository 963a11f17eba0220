// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/redaction.h"
#include "engine/session/callsession.h"
#include "engine/traces/providerentry.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QPointer>

namespace kav::session {

// The recogniser's words in, the conversation's answers out.
namespace {
turn::Listening listeningOf(providers::Expectation::Kind kind)
{
    switch (kind) {
    case providers::Expectation::Kind::Speech:
        return turn::Listening::Speech;
    case providers::Expectation::Kind::Digits:
        return turn::Listening::Digits;
    case providers::Expectation::Kind::Message:
        return turn::Listening::Message;
    case providers::Expectation::Kind::KeypadOnly:
        return turn::Listening::KeypadOnly;
    }
    Q_UNREACHABLE();
}
} // namespace

bool CallSession::haveRecogniser()
{
    if (m_recogniser)
        return true;
    if (!m_context.providers->hasRecogniser(m_info))
        return false;
    m_recogniser = m_context.providers->openRecogniser(m_info, reporter());
    connect(m_recogniser.get(), &providers::SpeechToTextStream::partial, this,
        [this](int utterance, const providers::Transcript& transcript) {
            const Entered entered(*this);
            dispatch(turn::event::Partial{utterance, transcript.text, transcript.stable});
        });
    connect(m_recogniser.get(), &providers::SpeechToTextStream::finished, this, &CallSession::onFinal);
    connect(
        m_recogniser.get(), &providers::SpeechToTextStream::failed, this, [this](int utterance, const Error& error) {
            const Entered entered(*this);
            logEvent(QStringLiteral("STT_ERR"), {{QStringLiteral("reason"), logSafe(error.message)}});
            if (m_openUtterance == utterance)
                m_openUtterance = 0;
            dispatch(turn::event::RecognitionFailed{utterance});
        });
    return true;
}

bool CallSession::haveConversation()
{
    if (m_conversation)
        return true;
    if (!m_context.providers->hasModel(m_info))
        return false;
    m_conversation = m_context.providers->openConversation(m_info, reporter());
    connect(m_conversation.get(), &providers::Conversation::text, this, &CallSession::onAnswerText);
    connect(m_conversation.get(), &providers::Conversation::audio, this, [this](int turn, const QByteArray& mulaw) {
        const Entered entered(*this);
        if (!m_answer || m_answer->turn() != turn || !m_turn || !m_turn->asked)
            return;
        m_asked.isGap = false;
        m_turn->latency.firstToken(m_now);
        m_answer->addAudio(mulaw);
    });
    connect(m_conversation.get(), &providers::Conversation::toolCalled, this, &CallSession::onToolCalled);
    connect(m_conversation.get(), &providers::Conversation::finished, this, &CallSession::onAnswerFinished);
    connect(m_conversation.get(), &providers::Conversation::failed, this, &CallSession::onAnswerFailed);
    return true;
}

providers::FailoverReporter CallSession::reporter(int speechOf)
{
    // A speech that is on its way to deletion may outlive us by a turn of the event loop.
    return [self = QPointer<CallSession>(this), speechOf](const providers::FailoverNews& news) {
        if (self)
            self->onProviderNews(news, speechOf);
    };
}

void CallSession::onProviderNews(const providers::FailoverNews& news, int speechOf)
{
    if (m_phase == Phase::Ended)
        return;
    const Entered entered(*this);
    if (news.what == providers::FailoverNews::What::Left) {
        logEvent(QStringLiteral("FAILOVER"),
            {{QStringLiteral("stage"), providers::stageName(news.stage)}, {QStringLiteral("from"), news.provider},
                {QStringLiteral("to"), news.next},
                {QStringLiteral("reason"), providers::safeReason(toString(news.error))},
                {QStringLiteral("ms"), qint64(news.took.count())}});
    }
    if (m_context.trace)
        m_context.trace(traces::providerEntry(m_callId, turnServed(news, speechOf), news, m_context.clock->wallNow()));
    noteOwner(news, speechOf);
    Q_EMIT providerUsed(news);
}

/// The turn that a provider's work belongs to; 0: none that is known.
int CallSession::turnServed(const providers::FailoverNews& news, int speechOf) const
{
    if (news.stage == providers::Stage::TextToSpeech && speechOf != 0)
        return speechOf;
    const bool isNext = news.stage == providers::Stage::SpeechToText
        && (!m_turn || m_turn->record.input != TurnInput::Voice || m_machine.committedWordsAreFinal());
    return isNext ? m_machine.currentTurn() + 1 : m_turn ? m_turn->record.number : 0;
}

/// Who is at work on the part of the wait that is under way: the time is the one's that served in the end.
void CallSession::noteOwner(const providers::FailoverNews& news, int speechOf)
{
    const bool began = news.what == providers::FailoverNews::What::Began;
    const QString& owner = began || news.next.isEmpty() ? news.provider : news.next;
    if (news.stage == providers::Stage::SpeechToText)
        m_heardBy = owner;
    if (!m_turn)
        return;
    TurnLatency& latency = m_turn->latency;
    switch (news.stage) {
    case providers::Stage::SpeechToText:
        if (m_turn->record.input == TurnInput::Voice && !latency.hasSounded())
            latency.setOwner(LatencyPart::Recognition, owner);
        break;
    case providers::Stage::LanguageModel:
        if (!m_turn->asked || latency.has(LatencyPart::FirstSentence))
            return;
        // Text is held back until it is a sentence that stands; that there is some is known here.
        if (began)
            latency.firstToken(m_now);
        else
            latency.modelLeft();
        latency.setOwner(LatencyPart::FirstToken, owner);
        latency.setOwner(LatencyPart::FirstSentence, owner);
        break;
    case providers::Stage::TextToSpeech:
        if (speechOf == m_turn->record.number && !latency.has(LatencyPart::FirstAudio))
            latency.setOwner(LatencyPart::FirstAudio, owner);
        break;
    }
}

void CallSession::ask()
{
    if (!m_unasked || !m_answer || !m_turn || !m_turn->wordsKnown)
        return;
    if (m_messageInsteadOfAnswer && m_unasked->kind == providers::UserTurn::Kind::Message) {
        const int turn = m_unasked->turn;
        m_facts.insert(QStringLiteral("message"), m_unasked->messageRef);
        m_unasked.reset();
        m_turn->asked = true;
        m_answer->addText(m_context.serviceLines(m_info.language).endGoodbye);
        onAnswerFinished(turn, m_expectation, true);
        return;
    }
    if (m_comeBack && m_unasked->kind == providers::UserTurn::Kind::Opening
        && m_context.providers->hasVoice(m_info)) {
        const int turn = m_unasked->turn;
        m_unasked.reset();
        m_turn->asked = true;
        m_expectationBefore = m_expectation;
        m_messageInsteadOfAnswer = m_comeBack->takeMessage;
        providers::Expectation next;
        if (m_comeBack->takeMessage)
            next.kind = providers::Expectation::Kind::Message;
        m_answer->addText(m_comeBack->line);
        onAnswerFinished(turn, next, false);
        return;
    }
    if (!haveConversation())
        return; // asked again on the next tick; the fallback's deadline stands
    m_messageInsteadOfAnswer = false;
    m_expectationBefore = m_expectation;
    m_turn->asked = true;
    m_conversation->ask(*std::exchange(m_unasked, std::nullopt));
}

void CallSession::wordsKnown(const QString& text, double confidence)
{
    m_turn->record.callerText = text;
    m_turn->record.confidence = confidence;
    silenceTurn(text);
    if (m_turn->wordsKnown)
        return;
    m_turn->wordsKnown = m_now;
    m_turn->latency.wordsKnown(m_now);
    if (m_turn->record.input != TurnInput::Voice)
        return;
    logEvent(QStringLiteral("STT_FINAL"),
        {{QStringLiteral("chars"), text.size()}, {QStringLiteral("confidence"), confidence},
            {QStringLiteral("ms"), qint64(elapsed(*m_turn->committed, m_now).count())}});
    logEvent(QStringLiteral("EoU_ms"),
        {{QStringLiteral("ms"), qint64(elapsed(m_turn->lastVoice, *m_turn->committed).count())}});
}

void CallSession::onFinal(int utterance, const providers::Transcript& transcript)
{
    const Entered entered(*this);
    if (m_openUtterance == utterance)
        m_openUtterance = 0;
    qCDebug(lcStt).noquote() << QString(QStringLiteral("call=") + m_callId) << "heard:" << logSafe(shownWords(transcript.text, m_expectation.sensitive));
    dispatch(turn::event::Final{utterance, transcript.text, transcript.confidence});
}

std::unique_ptr<Answer> CallSession::makeAnswer(int turn)
{
    auto answer = std::make_unique<Answer>(
        turn,
        [this, turn](const QString& sentence, bool aside) {
            const bool own = turn == 0 || aside;
            return m_context.providers->findLine(
                sentence, m_info, own ? providers::LineUse::Own : providers::LineUse::Answer);
        },
        [this, turn](const QString& sentence) {
            if (m_turn && m_turn->record.number == turn)
                m_turn->voiceAsked = true;
            return m_context.providers->hasVoice(m_info) ? m_context.providers->speak(sentence, m_info, reporter(turn))
                                                         : nullptr;
        },
        [this] { return m_playout.queued(); });
    connect(answer.get(), &Answer::firstSentence, this, [this, turn] {
        if (m_turn && m_turn->record.number == turn && m_turn->wordsKnown)
            m_turn->latency.firstSentence(m_now);
    });
    connect(answer.get(), &Answer::audioReady, this, [this, turn] {
        const Entered entered(*this);
        if (m_turn && m_turn->record.number == turn)
            noteFirstAudio();
        dispatch(turn::event::AnswerReady{turn});
    });
    connect(answer.get(), &Answer::progressed, this, [this] {
        const Entered entered(*this);
        pumpSpeech();
    });
    connect(answer.get(), &Answer::failed, this, [this, turn](const Error& error) {
        const Entered entered(*this);
        logEvent(QStringLiteral("TTS_ERR"), {{QStringLiteral("reason"), logSafe(error.message)}});
        answerFailed(turn);
    });
    return answer;
}

void CallSession::noteFirstAudio()
{
    TurnLatency& latency = m_turn->latency;
    if (!latency.has(LatencyPart::FirstSentence) || latency.has(LatencyPart::FirstAudio))
        return; // what is heard before a sentence is said while a tool is waited for
    latency.firstAudio(m_now);
    if (m_conversation && m_conversation->speaks())
        latency.setOwner(LatencyPart::FirstAudio, latency.owner(LatencyPart::FirstToken));
    else if (!m_turn->voiceAsked)
        latency.setOwner(LatencyPart::FirstAudio, QStringLiteral("rendered"));
}

void CallSession::onAnswerText(int turn, const QString& delta)
{
    const Entered entered(*this);
    if (!m_answer || m_answer->turn() != turn || !m_turn || !m_turn->asked)
        return;
    m_asked.isGap = m_asked.isGap && delta.isEmpty();
    if (!delta.isEmpty())
        m_turn->latency.firstToken(m_now);
    if (m_conversation && m_conversation->speaks())
        m_answer->addSpokenText(delta);
    else
        m_answer->addText(delta);
}

void CallSession::onAnswerFinished(int turn, const providers::Expectation& next, bool endCall)
{
    const Entered entered(*this);
    if (!m_answer || m_answer->turn() != turn || !m_turn || !m_turn->asked)
        return;
    const bool transfers = !m_asked.transferTo.number.isEmpty();
    m_answerEndsCall = endCall || m_asked.endCall || transfers;
    m_asked.isGap = false;
    if (m_conversation) {
        const auto facts = m_conversation->facts();
        for (auto it = facts.cbegin(); it != facts.cend(); ++it)
            m_facts.insert(it.key(), it.value());
    }
    providers::Expectation expected = next;
    if (m_asked.takeMessage && !m_answerEndsCall)
        expected.kind = providers::Expectation::Kind::Message;
    expect(withKeypad(expected, m_info.persona.get(), m_asked.keys));
    if (transfers && m_answer->text().trimmed().isEmpty())
        m_answer->addAside(m_context.serviceLines(m_info.language).filler); // and no goodbye: the call goes on with somebody else
    m_answer->finishText();
    if (m_answer->isEmpty()) {
        // Not a word: the machine covers it with a line, unless the call was to end here.
        m_completeSent = true;
        dispatch(turn::event::AnswerComplete{turn, m_answerEndsCall});
    }
}

void CallSession::onAnswerFailed(int turn, const Error& error)
{
    const Entered entered(*this);
    logEvent(QStringLiteral("LLM_ERR"), {{QStringLiteral("reason"), logSafe(error.message)}});
    answerFailed(turn);
}

void CallSession::answerFailed(int turn)
{
    if (m_answer && m_answer->turn() == turn) {
        // What is in hand is still said; the speech then ends where the answer broke off.
        m_answer->giveUp();
        m_completeSent = true;
    }
    dispatch(turn::event::AnswerFailed{turn});
    pumpSpeech();
}

void CallSession::expect(const providers::Expectation& next)
{
    m_expectation = next;
    m_keypad.expect(next);
    pauseRecording(next.sensitive);
    dispatch(turn::event::Expect{listeningOf(next.kind), next.interruptible});
}

} // namespace kav::session
