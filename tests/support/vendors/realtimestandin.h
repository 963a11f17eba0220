// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"

#include <QByteArray>
#include <QHash>
#include <QJsonObject>
#include <QList>
#include <QObject>
#include <QStringList>
#include <QTcpServer>
#include <QUrl>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

class QTcpSocket;

namespace kav::test {

/// What the model says to one response.create.
struct RealtimeAnswer final {
    QString transcript = QStringLiteral("Yes, certainly.");
    int milliseconds = 400; ///< of sound, in pieces of 100 ms
    struct Call final {
        QString id, name, arguments;
    };
    QList<Call> calls; ///< after the words
    int holdAfter = -1; ///< pieces of sound, then silence until release()
    QString status = QStringLiteral("completed"), reason; ///< reason: of an incomplete one
};

/// One session as the vendor sees it.
struct RealtimeSession final {
    QString path;
    QHash<QByteArray, QByteArray> headers; ///< names lower case
    QList<QJsonObject> events; ///< the client's, in order
    struct Item final {
        QString id, type, role, text;
        int audioMs = 0;
        bool isOver = true;
    };
    QList<Item> items; ///< the conversation, as the model would be told it now
    QJsonObject configuration;
    QByteArray audio; ///< all that was appended, decoded
    QStringList errors; ///< codes of the error events that the client was sent
    bool isOpen = true;

    QList<QJsonObject> of(const QString& type) const;
    /// "user:one two|assistant:(400 ms)": the items in short.
    QString conversation() const;
};

/// OpenAI Realtime's other side over a real WebSocket: keeps a conversation of items, transcribes every utterance as
/// told, answers as told, and refuses what the vendor refuses (a second response at a time, a commit of under 100 ms, a
/// cut behind the end of a sound, an item that is not there). Lives on the test's thread.
class RealtimeStandIn final : public QObject {
    Q_OBJECT
public:
    enum class Phase { Any, Connect, Session, Transcript, Answer };

    RealtimeStandIn();
    ~RealtimeStandIn() override;

    QUrl url() const;
    /// From the next connection or event on. Any: refusals where the client connects, the rest wherever it waits for
    /// an answer.
    void setFault(VendorFault fault, Phase phase = Phase::Any);
    void release(); ///< held answers and transcripts go on
    void closeAll(quint16 code);
    void expireAll(); ///< as after sixty minutes
    void sendToAll(const QJsonObject& event);
    void stopListening() { m_server.close(); }

    QString key = QStringLiteral("sk-standin-0123456789");
    bool isBeta = false; ///< the earlier names of events, and shape of the session
    bool namesCauses = true; ///< error events carry the event_id of what was wrong
    bool echoesMetadata = true;
    QStringList transcripts; ///< of the utterances to come; none: "hello there"
    bool holdsTranscripts = false;
    QString transcriptionFails; ///< code
    std::deque<RealtimeAnswer> answers; ///< of the responses to come; none: the default
    QString lastResponse; ///< id
    QString answerFails; ///< code of a response that fails
    std::vector<std::shared_ptr<RealtimeSession>> sessions; ///< may be emptied

    /// The newest, or by number; an empty one while there is none.
    RealtimeSession& session(int index = -1)
    {
        const size_t at = index < 0 ? sessions.size() - 1 : size_t(index);
        return at < sessions.size() ? *sessions[at] : m_none;
    }

private:
    struct Peer;
    void onConnection();
    void onBytes(Peer& peer);
    bool readHead(Peer& peer);
    void onEvent(Peer& peer, const QJsonObject& event);
    void onCommit(Peer& peer, const QString& cause);
    void onResponse(Peer& peer, const QJsonObject& event);
    void onCancel(Peer& peer, const QString& cause);
    void answer(Peer& peer, const RealtimeAnswer& answer);
    void refuse(Peer& peer, const QString& code, const QString& cause);
    void send(Peer& peer, QJsonObject event);
    void sendFrame(Peer& peer, int opcode, const QByteArray& payload);
    void write(Peer& peer, const QByteArray& bytes);
    void reset(Peer& peer);
    bool faultIs(VendorFault fault, Phase phase) const;
    /// True: the phase goes no further.
    bool misbehave(Peer& peer, Phase phase, bool isMid);
    QString name(const char* current, const char* beta) const;

    RealtimeSession m_none;
    QTcpServer m_server;
    VendorFault m_fault = VendorFault::None;
    Phase m_phase = Phase::Any;
    std::vector<std::unique_ptr<Peer>> m_peers;
    int m_ids = 0;
};

} // namespace kav::test
