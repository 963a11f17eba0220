// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimestream.h"

#include "engine/media/g711.h"
#include "engine/providers/realtime/realtimesession.h"
#include "shared/core/logging.h"

#include <QPointer>

#include <algorithm>

namespace kav::providers {

RealtimeStream::RealtimeStream(std::shared_ptr<RealtimeCall> call, const Clock& clock)
    : m_call(std::move(call))
    , m_deadline(clock)
{
    m_piece.reserve(2 * Piece);
    connect(m_call.get(), &RealtimeCall::voiceHeard, this, &RealtimeStream::onVoice);
    connect(m_call.get(), &RealtimeCall::voiceFailed, this, &RealtimeStream::onVoiceFailed);
    connect(m_call.get(), &RealtimeCall::broken, this, &RealtimeStream::onBroken);
    connect(&m_deadline, &RealtimeDeadline::passed, this, &RealtimeStream::onDeadline);
    // The telephone is answered: what is said first need not wait for a handshake.
    m_call->wake();
}

RealtimeStream::~RealtimeStream()
{
    if (m_isOpen)
        m_call->clearAudio();
    for (const Waiting& waiting : std::as_const(m_waiting))
        m_call->dropUtterance(waiting.voice->utterance);
}

void RealtimeStream::beginUtterance(int utterance, const RecognitionContext&)
{
    KAV_ASSERT_THREAD(this);
    m_call->wake();
    m_call->clearAudio();
    m_open = utterance;
    m_isOpen = true;
    m_piece.clear();
    m_written = 0;
}

void RealtimeStream::write(std::span<const qint16> pcm)
{
    if (!m_isOpen)
        return;
    while (!pcm.empty() && m_written < LongestUtterance) {
        const qsizetype room = std::min(Piece - m_piece.size(), LongestUtterance - m_written);
        const auto part = pcm.first(std::min(pcm.size(), size_t(room)));
        const qsizetype before = m_piece.size();
        m_piece.resize(before + qsizetype(part.size()));
        media::encodeMulaw(part, {reinterpret_cast<quint8*>(m_piece.data()) + before, part.size()});
        m_written += qsizetype(part.size());
        pcm = pcm.subspan(part.size());
        if (m_piece.size() >= Piece)
            appendRest();
    }
}

void RealtimeStream::appendRest()
{
    if (!m_piece.isEmpty())
        m_call->appendAudio(m_piece);
    m_piece.resize(0);
}

void RealtimeStream::endOpen()
{
    m_isOpen = false;
    m_piece.clear();
    m_call->clearAudio();
}

void RealtimeStream::endUtterance(int utterance)
{
    if (!m_isOpen || m_open != utterance)
        return;
    if (m_written < ShortestUtterance) {
        endOpen();
        auto voice = std::make_shared<RealtimeVoice>();
        voice->utterance = utterance;
        m_waiting.append({voice, {}});
        QMetaObject::invokeMethod(
            this, [this, voice] { onVoice(voice, QString(), true); }, Qt::QueuedConnection);
        return;
    }
    appendRest();
    m_isOpen = false;
    m_waiting.append({m_call->commitAudio(utterance), {}});
    if (m_waiting.size() == 1)
        watch();
}

void RealtimeStream::dropUtterance(int utterance)
{
    if (m_isOpen && m_open == utterance)
        endOpen();
    const auto waiting = find(utterance);
    if (waiting != m_waiting.end())
        m_waiting.erase(waiting);
    m_call->dropUtterance(utterance);
    if (m_waiting.isEmpty())
        m_deadline.clear();
}

QList<RealtimeStream::Waiting>::iterator RealtimeStream::find(int utterance)
{
    return std::find_if(m_waiting.begin(), m_waiting.end(),
        [utterance](const Waiting& waiting) { return waiting.voice->utterance == utterance; });
}

void RealtimeStream::watch()
{
    if (m_waiting.isEmpty())
        m_deadline.clear();
    else
        m_deadline.set(m_call->settings().transcript);
}

void RealtimeStream::onVoice(const RealtimeVoicePtr& voice, const QString& transcript, bool isFinal)
{
    const auto waiting = find(voice->utterance);
    if (waiting == m_waiting.end() || waiting->voice != voice)
        return;
    waiting->heard = isFinal ? transcript : realtimeCut(waiting->heard + transcript, LongestUtterance);
    voice->words = realtimeWords(waiting->heard);
    if (isFinal && m_call->isPrompt(voice->words))
        voice->words.clear();
    Transcript result;
    result.text = voice->words;
    if (!isFinal) {
        watch();
        if (!result.text.isEmpty()) Q_EMIT
            partial(voice->utterance, result);
        return;
    }
    m_waiting.erase(waiting);
    watch();
    m_call->keepVoice(voice);
    Q_EMIT finished(voice->utterance, result);
}

void RealtimeStream::onVoiceFailed(const RealtimeVoicePtr& voice, const Error& error)
{
    const auto waiting = find(voice->utterance);
    if (waiting == m_waiting.end())
        return;
    m_waiting.erase(waiting);
    watch();
    Q_EMIT failed(voice->utterance, error);
}

void RealtimeStream::onBroken(const Error& error)
{
    QList<int> lost;
    for (const Waiting& waiting : std::as_const(m_waiting))
        lost.append(waiting.voice->utterance);
    if (m_isOpen)
        lost.append(m_open);
    m_isOpen = false;
    m_piece.clear();
    m_waiting.clear();
    m_deadline.clear();
    const QPointer<RealtimeStream> alive(this);
    for (const int utterance : std::as_const(lost)) {
        Q_EMIT failed(utterance, error);
        if (!alive)
            return;
    }
}

void RealtimeStream::onDeadline()
{
    if (m_waiting.isEmpty())
        return;
    const Error error{Error::Code::Timeout,
        QStringLiteral("%1 did not write an utterance down within %2 ms")
            .arg(m_call->settings().url.host())
            .arg(m_call->settings().transcript.count()),
        {}};
    // The socket may look healthy: it is judged by its replies.
    if (m_call->isSilentFor(m_call->settings().transcript)) {
        m_call->breakOff(error);
        return;
    }
    const int utterance = m_waiting.takeFirst().voice->utterance;
    m_call->dropUtterance(utterance);
    watch();
    Q_EMIT failed(utterance, error);
}

} // namespace kav::providers
