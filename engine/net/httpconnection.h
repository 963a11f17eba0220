// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/handshake.h"
#include "engine/net/httpparser.h"
#include "engine/net/listener.h"
#include "engine/net/websocket.h"

#include <QObject>

class QTcpSocket;

namespace kav::net {

/// What the Listener lends to its connections; outlives them.
struct ListenerContext final {
    Limits limits;
    const Clock& clock;
    Listener::HttpHandler onRequest;
    Listener::UpgradeHandler onUpgrade;
    Listener::RequestObserver arrived;
    Listener::AnswerObserver answered;
    Listener::Counters counters;
};

/// One accepted socket until it is closed or handed to a WebSocketHost: reads requests one at a time (a pipelined one
/// waits in the buffers, which are bounded, until the one before is answered and sent), writes the answers. Child of
/// its Listener, on the control thread; deletes itself. Emits released once, when it no longer counts for its address.
///
///     Reading -> Answering -> Reading ... -> Closing (unsent bytes) -> Lingering (peer's turn to close) -> Gone
///             \-> HandingOver -> Gone
class HttpConnection final : public QObject {
    Q_OBJECT
public:
    /// `socket` is connected and becomes a child.
    HttpConnection(QTcpSocket* socket, ListenerContext& context, QObject* parent);
    ~HttpConnection() override;

    const QHostAddress& peer() const { return m_peer; }
    /// Sends the answer to request `requestId`; ignored when that one has been answered.
    void answer(quint64 requestId, const HttpResponse& response);
    /// Acts on deadlines.
    void sweep(Instant now, bool isCrowded);

Q_SIGNALS:
    void released();

private:
    enum class State {
        Reading, ///< waiting for bytes of a request, or for the answer before to leave
        Answering, ///< a route owes the answer
        HandingOver, ///< the upgrade was granted; the socket is left alone until the event loop has turned
        Closing, ///< last answer not yet sent
        Lingering, ///< our side is shut; what still comes is thrown away, so that no reset destroys the answer
        Gone,
    };

    void onReadyRead();
    void onBytesWritten();
    void onDisconnected();
    void process();
    void serve(const HttpRequest& request);
    void serveUpgrade(const HttpRequest& request);
    void finishHandover();
    void tellAnswer(int status, qint64 bytes, const QByteArray& subprotocol = {});
    void write(const HttpResponse& response, bool close);
    void fail(int status, const QByteArray& reason);
    void closeAfterWrite();
    void linger();
    void abort();
    void release();

    ListenerContext& m_context;
    QTcpSocket* m_socket;
    HttpParser m_parser;
    QHostAddress m_peer;
    UpgradeRequest m_upgrade;
    QPointer<WebSocketHost> m_host;
    quint64 m_requestId = 0;
    quint64 m_number = 0; ///< of the request that is being answered, in the Listener's count
    Instant m_headAt; ///< of the request being read, or read last
    qint64 m_read = 0, m_served = 0; ///< bytes, of the socket and of the requests before
    State m_state = State::Reading;
    HttpParser::Phase m_timedPhase = HttpParser::Phase::Idle;
    Instant m_phaseSince; ///< when m_timedPhase began
    Instant m_progress; ///< last time the peer took bytes of an answer
    bool m_isFirst = true;
    bool m_isProcessing = false;
    bool m_released = false;
};

} // namespace kav::net
