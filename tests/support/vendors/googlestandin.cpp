// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/googlestandin.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTimer>
#include <QUrlQuery>
#include <QtEndian>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace kav::test {

namespace {
QByteArray littleEndian(quint32 value, int bytes)
{
    QByteArray out(4, '\0');
    qToLittleEndian(value, out.data());
    return out.left(bytes);
}

QByteArray errorBody(int code, const QByteArray& status, const QByteArray& message)
{
    return "{\"error\":{\"code\":" + QByteArray::number(code) + ",\"message\":\"" + message + "\",\"status\":\""
        + status + "\"}}";
}

/// A byte at a time.
void drip(VendorExchange& exchange, const QByteArray& body)
{
    exchange.start(200, "application/json");
    auto* timer = new QTimer(&exchange);
    QObject::connect(timer, &QTimer::timeout, &exchange, [&exchange, timer, body, at = qsizetype(0)]() mutable {
        for (int i = 0; i < 16 && at < body.size(); ++i) // its own chunk each
            exchange.send(body.mid(at++, 1));
        if (at == body.size()) {
            exchange.end();
            timer->deleteLater();
        }
    });
    timer->start(0);
}

/// True: the fault took the place of the answer.
bool misbehave(VendorExchange& exchange, VendorFault fault, const QByteArray& body)
{
    switch (fault) {
    case VendorFault::None:
        return false;
    case VendorFault::Refuse401:
        exchange.answer(401, "application/json", errorBody(401, "UNAUTHENTICATED", "Request had invalid credentials."));
        return true;
    case VendorFault::Limit429:
        exchange.answer(
            429, "application/json", errorBody(429, "RESOURCE_EXHAUSTED", "Quota exceeded."), {{"Retry-After", "7"}});
        return true;
    case VendorFault::Fault500:
        exchange.answer(500, "application/json", errorBody(500, "INTERNAL", "Internal error encountered."));
        return true;
    case VendorFault::ResetBeforeAnswer:
        exchange.reset();
        return true;
    case VendorFault::ResetMidAnswer:
        exchange.start(200, "application/json");
        exchange.send(body.left(body.size() / 2));
        QTimer::singleShot(0, &exchange, [&exchange] { exchange.reset(); });
        return true;
    case VendorFault::HangMidAnswer:
        exchange.start(200, "application/json");
        exchange.send(body.left(body.size() / 2));
        return true;
    case VendorFault::Garbage:
        exchange.answer(200, "application/json", "\x00\xff{\"results\": 12, nonsense");
        return true;
    case VendorFault::SlowBytes:
        drip(exchange, body);
        return true;
    case VendorFault::HangBeforeAnswer:
    case VendorFault::HalfOpen:
        return true;
    }
    return false;
}
} // namespace

struct GoogleStandIn::Key final {
    /// One for all stand-ins: to make one takes a while.
    static std::shared_ptr<const Key> shared()
    {
        static const auto key = std::make_shared<const Key>();
        return key;
    }
    EVP_PKEY* const key = EVP_RSA_gen(2048);
    ~Key() { EVP_PKEY_free(key); }
    QString pem() const
    {
        BIO* bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
        char* text = nullptr;
        const long length = BIO_get_mem_data(bio, &text);
        const QString result = QString::fromLatin1(text, length);
        BIO_free(bio);
        return result;
    }
    bool verify(const QByteArray& text, const QByteArray& signature) const
    {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        const bool isGood = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1
            && EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.constData()),
                   std::size_t(signature.size()), reinterpret_cast<const unsigned char*>(text.constData()),
                   std::size_t(text.size()))
                == 1;
        EVP_MD_CTX_free(context);
        return isGood;
    }
};

GoogleStandIn::GoogleStandIn()
    : m_key(Key::shared())
{
    server.handler = [this](VendorExchange& exchange) { onExchange(exchange); };
}

GoogleStandIn::~GoogleStandIn() = default;

QJsonObject GoogleStandIn::serviceAccount() const
{
    return {{QStringLiteral("type"), QStringLiteral("service_account")},
        {QStringLiteral("project_id"), QStringLiteral("kav-tests")},
        {QStringLiteral("private_key_id"), QStringLiteral("key-1")}, {QStringLiteral("private_key"), m_key->pem()},
        {QStringLiteral("client_email"), QStringLiteral("kav@kav-tests.iam.gserviceaccount.com")},
        {QStringLiteral("token_uri"), tokenUrl().toString()}};
}

QString GoogleStandIn::serviceAccountText() const
{
    return QString::fromUtf8(QJsonDocument(serviceAccount()).toJson());
}

void GoogleStandIn::setFault(VendorFault fault, bool atTokenAddress)
{
    (atTokenAddress ? m_tokenFault : m_fault) = fault;
    server.isSilent = fault == VendorFault::HalfOpen;
}

QList<GoogleStandIn::Asked> GoogleStandIn::askedAt(const QByteArray& path) const
{
    QList<Asked> found;
    for (const Asked& one : asked)
        if (one.path == path)
            found.append(one);
    return found;
}

void GoogleStandIn::onExchange(VendorExchange& exchange)
{
    if (exchange.method == "HEAD") { // a connection opened ahead of need
        exchange.raw("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    asked.append({exchange.path, exchange.query, exchange.header("authorization"), exchange.header("x-goog-api-key"),
        QJsonDocument::fromJson(exchange.body).object(), &exchange});
    if (exchange.path == "/token") {
        onToken(exchange);
        return;
    }
    const QByteArray authorization = exchange.header("authorization");
    const bool isLetIn = (tokens > 0 && authorization == "Bearer ya29.stand-in-" + QByteArray::number(tokens))
        || exchange.header("x-goog-api-key") == apiKey;
    if (!isLetIn) {
        if (exchange.header("x-goog-api-key").isEmpty())
            exchange.answer(401, "application/json", errorBody(401, "UNAUTHENTICATED", "Invalid credentials."));
        else
            exchange.answer(400, "application/json",
                errorBody(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."));
        return;
    }
    if (!refusal.isEmpty()) {
        exchange.answer(refusalStatus, "application/json", refusal);
        return;
    }
    if (exchange.path == "/v1/voices" && exchange.method == "GET" && hasVoices) {
        answer(exchange, "{\"voices\":[{\"name\":\"en-US-Neural2-F\"}]}");
    } else if (exchange.path == "/v1/text:synthesize" && exchange.method == "POST") {
        QByteArray sound = mulawWav(QByteArray(800, '\x55'));
        if (!audio.empty()) {
            sound = audio.front();
            audio.pop_front();
        }
        answer(exchange, "{\"audioContent\":\"" + sound.toBase64() + "\"}");
    } else if (exchange.path == "/v1/speech:recognize" && exchange.method == "POST") {
        QByteArray body = "{\"results\":[{\"alternatives\":[{\"transcript\":\"Hello\",\"confidence\":0.9}]}]}";
        if (!results.empty()) {
            body = results.front();
            results.pop_front();
        }
        answer(exchange, body);
    } else {
        exchange.answer(404, "application/json", errorBody(404, "NOT_FOUND", "Not found"));
    }
}

void GoogleStandIn::onToken(VendorExchange& exchange)
{
    if (!checkClaim(exchange.body) || !tokenRefusal.isEmpty()) {
        exchange.answer(400, "application/json",
            tokenRefusal.isEmpty()
                ? QByteArray("{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}")
                : tokenRefusal);
        return;
    }
    const QByteArray body = "{\"access_token\":\"ya29.stand-in-" + QByteArray::number(tokens + 1)
        + "\",\"expires_in\":" + QByteArray::number(tokenLife) + ",\"token_type\":\"Bearer\"}";
    if (m_tokenFault == VendorFault::None || m_tokenFault == VendorFault::SlowBytes)
        ++tokens;
    if (!misbehave(exchange, m_tokenFault, body))
        exchange.answer(200, "application/json", body);
}

bool GoogleStandIn::checkClaim(const QByteArray& body)
{
    const QUrlQuery form(QString::fromLatin1(body));
    if (form.queryItemValue(QStringLiteral("grant_type"), QUrl::FullyDecoded)
        != QLatin1String("urn:ietf:params:oauth:grant-type:jwt-bearer"))
        return false;
    const QList<QByteArray> parts =
        form.queryItemValue(QStringLiteral("assertion"), QUrl::FullyDecoded).toLatin1().split('.');
    if (parts.size() != 3)
        return false;
    const auto decoded = [](const QByteArray& part) {
        return QByteArray::fromBase64(part, QByteArray::Base64UrlEncoding);
    };
    const QJsonObject header = QJsonDocument::fromJson(decoded(parts[0])).object();
    if (header.value(QLatin1String("alg")).toString() != QLatin1String("RS256")
        || header.value(QLatin1String("kid")).toString() != QLatin1String("key-1")
        || !m_key->verify(parts[0] + '.' + parts[1], decoded(parts[2])))
        return false;
    claim = QJsonDocument::fromJson(decoded(parts[1])).object();
    return true;
}

void GoogleStandIn::answer(VendorExchange& exchange, const QByteArray& body)
{
    if (!misbehave(exchange, m_fault, body))
        exchange.answer(200, "application/json", body);
}

QByteArray mulawWav(const QByteArray& mulaw, quint32 sampleRate)
{
    const QByteArray list = QByteArray("LIST") + littleEndian(4, 4) + "INFO";
    const QByteArray format = QByteArray("fmt ") + littleEndian(18, 4) + littleEndian(7, 2) + littleEndian(1, 2)
        + littleEndian(sampleRate, 4) + littleEndian(sampleRate, 4) + littleEndian(1, 2) + littleEndian(8, 2)
        + littleEndian(0, 2);
    const QByteArray data = QByteArray("data") + littleEndian(quint32(mulaw.size()), 4) + mulaw;
    const QByteArray rest = QByteArray("WAVE") + format + list + data;
    return QByteArray("RIFF") + littleEndian(quint32(rest.size()), 4) + rest;
}

} // namespace kav::test
