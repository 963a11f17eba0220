// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/websocketclient.h"
#include "engine/providers/deepgram/deepgram.h"

#include <QTimer>

#include <deque>
#include <memory>

class QJsonObject;

namespace kav::providers {

/// One call's recogniser. Owned by whoever opened it, on that thread.
///
/// To Deepgram a call is one long sound: its results say where on that sound they lie, and that is how each finds its
/// utterance. Between two utterances nothing is sent but KeepAlive; a Finalize at the end of each (or when it is
/// dropped) keeps words of two of them from running together. A lost connection is opened again, and the utterances
/// under way are sent again from their beginnings, each once.
class DeepgramStream final : public SpeechToTextStream {
    Q_OBJECT
public:
    static constexpr int MostUnderWay = 4; ///< utterances whose finals are awaited
    static constexpr qsizetype MostHintBytes = 3000; ///< of an address; some way below Deepgram's 500 tokens
    static constexpr qsizetype LongestText = 20000; ///< of one utterance; what Deepgram says past it is dropped

    DeepgramStream(const DeepgramSettings& settings, const CallInfo& call, const Clock& clock);
    ~DeepgramStream() override;

    void beginUtterance(int utterance, const RecognitionContext& context) override;
    void write(std::span<const qint16> pcm) override;
    void endUtterance(int utterance) override;
    void dropUtterance(int utterance) override;

private:
    struct Utterance final {
        int id = 0;
        QByteArray audio; ///< mu-law
        qsizetype sent = 0; ///< bytes of `audio` on this connection
        bool isKept = true; ///< `audio` is there from the beginning: it can be sent again
        bool wasResent = false;
        bool hasEnded = false, isFinalized = false;
        bool answeredEnd = false; ///< Deepgram made something of it final after the Finalize
        Instant finalizedAt;
        qint64 begin = -1, end = -1; ///< on the connection's sound, in samples
        qint64 covered = -1; ///< up to here the words are final
        QString finals, interim, told;
        bool toldStable = false;
        double confidence = 0; ///< sum over the words of `finals`
        qsizetype words = 0;
    };

    bool addHints(const QStringList& phrases);
    void connectNow();
    net::WebSocketClient::Target target() const;
    void disconnectNow();
    void onOpened();
    void onRefused(int status, const QString& reason);
    void onClosed(quint16 code, const QString& reason);
    void onText(const QByteArray& utf8);
    void onResults(const QJsonObject& results);
    void flush();
    void sendText(const char* json);
    void look();
    void lost(const Error& error, bool again);
    void finish(int utterance);
    void finishSoon(int utterance);
    void failSoon(int utterance, const Error& error);
    bool remove(int utterance);
    Utterance* find(int utterance);
    Transcript transcriptOf(const Utterance& utterance) const;
    void pace();

    const DeepgramSettings m_settings;
    const Clock& m_clock;
    const QString m_callId;
    QString m_language;
    QStringList m_hints; ///< of all utterances so far
    qsizetype m_hintBytes = 0; ///< of `m_hints` in an address
    std::unique_ptr<net::WebSocketClient> m_socket;
    std::deque<Utterance> m_utterances; ///< oldest first; only the last one may not have ended
    qint64 m_sent = 0; ///< samples, on this connection
    qint64 m_unanswered = 0; ///< of them, since Deepgram last said anything
    Instant m_connectBegan, m_lastSent, m_lastMessage;
    int m_failures = 0; ///< connections in a row on which Deepgram said nothing
    Instant m_reconnectAt; ///< while there is none and nothing is under way
    bool m_reconnects = false;
    Instant m_refusedUntil; ///< Deepgram said not to ask before
    Error m_refusal;
    QTimer m_timer;
};

} // namespace kav::providers
