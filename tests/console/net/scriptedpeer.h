// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QTcpServer>
#include <QTcpSocket>
#include <QUrl>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace kav::test {

/// One connection that a console made, in the peer's hands: what came is taken apart, and any bytes can be sent. Lives
/// on the test's thread; owned by ScriptedPeer.
class PeerLine final {
public:
    explicit PeerLine(QTcpSocket* socket); ///< takes it
    ~PeerLine();
    Q_DISABLE_COPY_MOVE(PeerLine)

    void upgrade(const QByteArray& acceptKey = {}); ///< answers 101; with a wrong key when one is given
    void write(const QByteArray& bytes);
    void sendFrame(quint8 opcode, const QByteArray& payload, bool isLast = true);
    void says(const protocol::ToConsole& message);
    void welcomes(bool resumed = false, Milliseconds heartbeat = Milliseconds(5000));
    void showsAt(qint64 seq);
    void beats(qint64 seq);
    void closes(quint16 code, const QByteArray& reason = {});
    void hangsUp(); ///< FIN
    void resets(); ///< RST

    /// A frame's bytes as a server sends them.
    static QByteArray frame(quint8 opcode, const QByteArray& payload, bool isLast = true);

    QByteArray head; ///< of the upgrade request, whole or not at all
    QList<protocol::ToEngine> heard;
    int pongs = 0;
    std::optional<quint16> closeCode; ///< the console's close frame
    bool isGone = false;
    QString fault; ///< what a client must not send

private:
    friend class ScriptedPeer;
    void read();
    void takeFrame(quint8 opcode, bool isLast, const QByteArray& payload);

    QTcpSocket* m_socket;
    QByteArray m_in;
    bool m_isUpgraded = false;
    std::function<void(PeerLine&)> m_onHead, m_onHeard;
};

/// An engine's place on loopback, played by the test: what a console's line meets there is up to the script.
class ScriptedPeer final : public QObject {
public:
    explicit ScriptedPeer(QObject* parent = nullptr);

    void listen(quint16 port = 0);
    void stopListening();
    quint16 port() const { return m_port; }
    QUrl url() const;
    PeerLine& last() { return *lines.back(); }

    std::vector<std::unique_ptr<PeerLine>> lines; ///< in order of coming
    // The script: what is done by itself. None of it: silence.
    std::function<void(PeerLine&)> onConnected;
    std::function<void(PeerLine&)> onHead;
    std::function<void(PeerLine&)> onHello;
    /// An engine in good health at `seq`, which resumes when it can.
    void behave(qint64 seq);

private:
    void take();
    QTcpServer m_server;
    quint16 m_port = 0;
};

} // namespace kav::test
