// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"
#include "tests/support/vendorserver.h"

#include <QJsonObject>
#include <QList>
#include <QPointer>
#include <QString>

#include <deque>
#include <memory>

namespace kav::test {

/// Google's REST side on loopback: the token address, which checks the signature of the claim it is given, voices,
/// text:synthesize and speech:recognize. Its answers are scripted; what it was asked is recorded. Lives on the test's
/// thread.
class GoogleStandIn final : public QObject {
    Q_OBJECT
public:
    struct Asked final {
        QByteArray path, query;
        QByteArray authorization, apiKey;
        QJsonObject json;
        QPointer<VendorExchange> exchange;
    };

    GoogleStandIn();
    ~GoogleStandIn() override;

    QUrl url() const { return server.url(); }
    QUrl tokenUrl() const { return server.url(QStringLiteral("/token")); }
    /// The key file of a service account that this stand-in knows.
    QJsonObject serviceAccount() const;
    QString serviceAccountText() const;
    /// Of every request from now on: to the token address only, or to the services only.
    void setFault(VendorFault fault, bool atTokenAddress = false);
    QList<Asked> askedAt(const QByteArray& path) const;

    QByteArray apiKey = "AIzaStandIn0123456789"; ///< accepted beside tokens
    int tokens = 0; ///< given out; each is another one: "ya29.stand-in-1", ...
    int tokenLife = 3600; ///< seconds
    QByteArray tokenRefusal; ///< not empty: the body of a 400 to every claim
    bool hasVoices = true; ///< false: GET /v1/voices is answered 404
    std::deque<QByteArray> audio; ///< of synthesis, as it goes out before base64; without any a WAV of 100 ms
    std::deque<QByteArray> results; ///< of recognition, JSON; without any "hello"
    QByteArray refusal; ///< not empty: the body of a 400 or 403 of the services
    int refusalStatus = 400;
    QJsonObject claim; ///< the last one that was signed right
    QList<Asked> asked;
    VendorServer server;

private:
    void onExchange(VendorExchange& exchange);
    void onToken(VendorExchange& exchange);
    void answer(VendorExchange& exchange, const QByteArray& body);
    bool checkClaim(const QByteArray& body);

    struct Key;
    const std::shared_ptr<const Key> m_key;
    VendorFault m_fault = VendorFault::None, m_tokenFault = VendorFault::None;
};

/// A WAV file of mu-law at 8 kHz, with a LIST chunk before its data as Google has been seen to write.
QByteArray mulawWav(const QByteArray& mulaw, quint32 sampleRate = 8000);

} // namespace kav::test
