// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"

#include <QByteArray>
#include <QHash>
#include <QJsonObject>
#include <QList>
#include <QObject>
#include <QPointer>
#include <QTcpServer>
#include <QTcpSocket>
#include <QUrl>

#include <deque>
#include <memory>
#include <utility>

namespace kav::test {

/// A server that speaks Deepgram's protocol on loopback: GET /v1/auth/token, and /v1/listen over a WebSocket. Once some
/// sound has come it says the first word of its script as an interim; a Finalize brings the rest, placed on the sound
/// as Deepgram does. What it is sent is recorded. Lives on the test's thread.
class DeepgramStandIn final : public QObject {
    Q_OBJECT
public:
    /// One WebSocket, from its upgrade on.
    struct Talk final {
        QByteArray path, authorization;
        QList<std::pair<QString, QString>> query; ///< decoded, in order
        QByteArray audio; ///< all that came
        QList<QByteArray> texts; ///< the client's messages, whole
        QList<qint64> finalizedAt; ///< bytes of audio that had come
        qint64 answered = 0; ///< up to here all is said
        bool hasInterim = false; ///< since then
        bool isClosed = false;
        int closeCode = 0; ///< of the client's close frame
        QPointer<QTcpSocket> socket;
        QByteArray waiting; ///< to be sent a byte at a time
        QStringList values(const QString& name) const;
        int count(const char* type) const;
    };

    DeepgramStandIn();

    QUrl url() const { return QUrl(QStringLiteral("ws://127.0.0.1:%1/v1/listen").arg(m_server.serverPort())); }
    /// From now on, of whatever comes.
    void setFault(VendorFault fault) { m_fault = fault; }
    void stopListening() { m_server.close(); }

    QByteArray key = "dg-stand-in-0123456789abcdef0123";
    QStringList languages{QStringLiteral("en-US"), QStringLiteral("he")}; ///< any other one is refused with 400
    int probeStatus = 200; ///< of the question about the key, when the key is right
    QByteArray probeType = "application/json";
    bool answersFinalize = true; ///< false: what is final by then is all
    bool cutsEverywhere = false; ///< every message comes in fragments of one byte
    std::deque<QString> script; ///< what each utterance says; without any: "hello"
    QList<std::shared_ptr<Talk>> talks; ///< oldest first
    int probes = 0;
    QByteArray probeAuthorization;

    Talk* talk(int index) const { return talks.value(index).get(); }
    // What the script does not do.
    void say(Talk& talk, const QJsonObject& message) { sendText(talk, toJson(message)); }
    void sendText(Talk& talk, const QByteArray& utf8);
    void close(Talk& talk, quint16 code, const QByteArray& reason);
    void reset(Talk& talk);
    /// A Results message about the sound from `start` to `end` (bytes of mu-law).
    static QJsonObject results(const QString& text, qint64 start, qint64 end, bool isFinal, bool fromFinalize = false,
        double confidence = 0.75);
    static QByteArray toJson(const QJsonObject& message);

private:
    struct Peer;
    void onConnection();
    void onBytes(const std::shared_ptr<Peer>& peer);
    void onHead(const std::shared_ptr<Peer>& peer, const QByteArray& head);
    void onFrame(Peer& peer, int opcode, const QByteArray& payload);
    void onAudio(Talk& talk);
    void onFinalize(Talk& talk);
    void refuse(QTcpSocket& socket, int status, const QByteArray& more, const QByteArray& body);
    void trickle(Talk& talk);
    static void reset(QTcpSocket& socket);

    QTcpServer m_server;
    VendorFault m_fault = VendorFault::None;
};

} // namespace kav::test
