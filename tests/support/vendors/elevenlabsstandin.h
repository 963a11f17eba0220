// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"
#include "tests/support/vendorserver.h"

#include <QJsonObject>
#include <QList>
#include <QUrlQuery>

namespace kav::test {

/// A server that speaks ElevenLabs' protocol on loopback: GET /v1/user, and the stream of a synthesis. What it is asked
/// is recorded. Lives on the test's thread.
class ElevenLabsStandIn final : public QObject {
    Q_OBJECT
public:
    struct Asked final {
        QByteArray path, query, key, contentType;
        QJsonObject json;
        VendorExchange* exchange = nullptr;
    };

    ElevenLabsStandIn();

    QUrl url() const { return server.url(); }
    /// Of every request from now on, on every route.
    void setFault(VendorFault fault);

    QByteArray key = "xi-stand-in-0123456789abcdef";
    /// Answers every request with this status and body, when not 0.
    int status = 0;
    QByteArray body;
    QByteArray contentType = "audio/basic";
    int pieceBytes = 0; ///< of the sound in one chunk; 0: whole
    QList<Asked> asked; ///< syntheses
    int probes = 0;
    VendorServer server;

    /// The mu-law it speaks for a text: 50 ms for each character.
    static QByteArray soundOf(const QString& text);

private:
    void answer(VendorExchange& exchange);
    void trickle(VendorExchange& exchange, const QByteArray& sound, qsizetype at);

    VendorFault m_fault = VendorFault::None;
};

} // namespace kav::test
