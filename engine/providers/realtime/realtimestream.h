// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/realtime/realtimecall.h"

namespace kav::providers {

/// The recogniser's side of a call's connection. Owned by whoever opened it, on that thread.
///
/// begin -> clear | write -> append, 100 ms at a time | end -> commit, then its transcription: partials and the final |
/// drop -> clear, or delete the item
class RealtimeStream final : public SpeechToTextStream {
    Q_OBJECT
public:
    static constexpr qsizetype LongestUtterance = 60 * 8000; ///< bytes; what is said past it is not sent
    static constexpr qsizetype Piece = 800; ///< bytes of one append
    static constexpr qsizetype ShortestUtterance = 800; ///< the vendor refuses less; it counts as not understood

    RealtimeStream(std::shared_ptr<RealtimeCall> call, const Clock& clock);
    ~RealtimeStream() override;

    void beginUtterance(int utterance, const RecognitionContext& context) override;
    void write(std::span<const qint16> pcm) override;
    void endUtterance(int utterance) override;
    void dropUtterance(int utterance) override;

private:
    struct Waiting final {
        RealtimeVoicePtr voice;
        QString heard; ///< as the vendor wrote it
    };
    void onVoice(const RealtimeVoicePtr& voice, const QString& transcript, bool isFinal);
    void onVoiceFailed(const RealtimeVoicePtr& voice, const Error& error);
    void onBroken(const Error& error);
    void onDeadline();
    void appendRest();
    void endOpen();
    QList<Waiting>::iterator find(int utterance);
    void watch();

    const std::shared_ptr<RealtimeCall> m_call;
    RealtimeDeadline m_deadline; ///< of the oldest that waits
    int m_open = 0; ///< ids only grow from 1
    bool m_isOpen = false;
    QByteArray m_piece;
    qsizetype m_written = 0;
    QList<Waiting> m_waiting; ///< ended; oldest first
};

} // namespace kav::providers
