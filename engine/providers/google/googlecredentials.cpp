// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googlecredentials.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <array>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace kav::providers {

/// A private key that OpenSSL has read. Immutable.
class RsaKey final {
public:
    explicit RsaKey(EVP_PKEY* key)
        : m_key(key)
    {
    }
    ~RsaKey() { EVP_PKEY_free(m_key); }
    Q_DISABLE_COPY_MOVE(RsaKey)

    QByteArray sign(const QByteArray& text) const
    {
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.constData());
        std::size_t length = 0;
        if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, m_key) != 1
            || EVP_DigestSign(context.get(), nullptr, &length, bytes, std::size_t(text.size())) != 1)
            return {};
        QByteArray signature(qsizetype(length), Qt::Uninitialized);
        if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes,
                std::size_t(text.size()))
            != 1)
            return {};
        signature.truncate(qsizetype(length));
        return signature;
    }

private:
    EVP_PKEY* const m_key;
};

namespace {
constexpr qint64 LongestCredentials = 64 * 1024;
constexpr std::chrono::hours ClaimLife{1};

Error wrongCredentials(const QString& source, const QString& what, Error::Code code = Error::Code::Invalid)
{
    return {code, source + QLatin1String(": ") + what, {}};
}

Result<QByteArray> readCredentialsFile(const QString& source, const QString& path)
{
    QFile file(path);
    if (!file.exists())
        return wrongCredentials(source, QStringLiteral("there is no file at the path it gives"), Error::Code::NotFound);
    if (!QFileInfo(path).isFile())
        return wrongCredentials(source, QStringLiteral("the path it gives is no file"));
    if (!file.open(QIODevice::ReadOnly))
        return wrongCredentials(
            source, QStringLiteral("the file cannot be read: %1").arg(file.errorString()), Error::Code::Io);
    QByteArray text = file.read(LongestCredentials + 1);
    if (text.size() > LongestCredentials)
        return wrongCredentials(source, QStringLiteral("the file is too long for credentials"));
    return text;
}

std::shared_ptr<const RsaKey> readPem(const QByteArray& pem)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.constData(), int(pem.size())), &BIO_free);
    // A key with a pass phrase would make OpenSSL ask for it at the terminal.
    const auto noPhrase = [](char*, int, int, void*) { return -1; };
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, noPhrase, nullptr);
    ERR_clear_error();
    if (!key)
        return nullptr;
    auto held = std::make_shared<const RsaKey>(key);
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? held : nullptr;
}

Result<GoogleCredentials> readServiceAccount(const QString& source, const QByteArray& text, const QUrl& tokenUrl)
{
    QJsonParseError fault;
    const QJsonDocument document = QJsonDocument::fromJson(text, &fault);
    if (!document.isObject())
        return wrongCredentials(source,
            fault.error == QJsonParseError::NoError
                ? QStringLiteral("the JSON is no object")
                : QStringLiteral("it is not JSON (%1 at byte %2)").arg(fault.errorString()).arg(fault.offset));
    const QJsonObject object = document.object();
    const QString type = object.value(QLatin1String("type")).toString();
    if (type == QLatin1String("authorized_user") || type == QLatin1String("external_account"))
        return wrongCredentials(
            source, QStringLiteral("it is of type \"%1\"; the key file of a service account is needed").arg(type));
    for (const char* field : {"client_email", "private_key"}) {
        if (object.value(QLatin1String(field)).toString().isEmpty())
            return wrongCredentials(source,
                QStringLiteral("the field \"%1\" is missing: it is not the whole key file of a service account")
                    .arg(QLatin1String(field)));
    }
    GoogleCredentials credentials;
    credentials.email = object.value(QLatin1String("client_email")).toString();
    credentials.keyId = object.value(QLatin1String("private_key_id")).toString();
    credentials.audience =
        QUrl(object.value(QLatin1String("token_uri")).toString(QStringLiteral("https://oauth2.googleapis.com/token")),
            QUrl::StrictMode);
    credentials.tokenUrl = tokenUrl.isEmpty() ? credentials.audience : tokenUrl;
    if (!isServiceAddress(credentials.audience))
        return wrongCredentials(source, QStringLiteral("the field \"token_uri\" is no http:// or https:// address"));
    if (!isServiceAddress(credentials.tokenUrl))
        return wrongCredentials(
            QStringLiteral("KAV_GOOGLE_TOKEN_URL"), QStringLiteral("it is no http:// or https:// address"));
    // Passed through an environment, line breaks often come out as the two characters \n.
    QByteArray pem = object.value(QLatin1String("private_key")).toString().toUtf8();
    pem.replace("\\n", "\n");
    credentials.key = readPem(pem);
    if (!credentials.key)
        return wrongCredentials(source,
            QStringLiteral(
                "the field \"private_key\" is no RSA key in PEM form; it may have been cut or altered on its "
                "way here"));
    return credentials;
}
} // namespace

bool isServiceAddress(const QUrl& url)
{
    return url.isValid() && !url.host().isEmpty() && url.userInfo().isEmpty() && !url.hasQuery() && !url.hasFragment()
        && (url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http"));
}

Result<GoogleCredentials> readGoogleCredentials(const GoogleSettings& settings)
{
    const QString given = settings.credentials.trimmed();
    const QString source =
        given.isEmpty() ? QStringLiteral("GOOGLE_APPLICATION_CREDENTIALS") : QStringLiteral("GCP_CREDENTIALS_JSON");
    if (given.startsWith(QLatin1Char('{')))
        return readServiceAccount(source, given.toUtf8(), settings.tokenUrl);
    const QString path = given.isEmpty() ? settings.credentialsFile.trimmed() : given;
    if (!path.isEmpty()) {
        // What is no path is a secret that was pasted in part: it is neither opened nor named.
        if (path.contains(QLatin1Char('\n')) || path.contains(QLatin1Char('"')) || path.size() > 1024)
            return wrongCredentials(source, QStringLiteral("it is neither JSON nor a path"));
        const Result<QByteArray> text = readCredentialsFile(source, path);
        if (!text)
            return text.error();
        return readServiceAccount(source, *text, settings.tokenUrl);
    }
    const QString key = settings.apiKey.trimmed();
    if (key.isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("no Google credentials: set GCP_CREDENTIALS_JSON, GOOGLE_APPLICATION_CREDENTIALS or "
                           "GOOGLE_API_KEY"),
            {}};
    if (!std::all_of(key.begin(), key.end(), [](QChar c) { return c > QLatin1Char(' ') && c < QChar(0x7f); }))
        return wrongCredentials(QStringLiteral("GOOGLE_API_KEY"),
            QStringLiteral("it holds a space, a line break or a letter that no key has"));
    GoogleCredentials credentials;
    credentials.apiKey = key.toLatin1();
    return credentials;
}

Result<QByteArray> signGoogleClaim(const GoogleCredentials& credentials, const QDateTime& now)
{
    const auto encoded = [](const QJsonObject& object) {
        return QJsonDocument(object)
            .toJson(QJsonDocument::Compact)
            .toBase64(QByteArray::Base64UrlEncoding | QByteArray::OmitTrailingEquals);
    };
    QJsonObject header{
        {QStringLiteral("alg"), QStringLiteral("RS256")}, {QStringLiteral("typ"), QStringLiteral("JWT")}};
    if (!credentials.keyId.isEmpty())
        header.insert(QStringLiteral("kid"), credentials.keyId);
    const qint64 issued = now.toSecsSinceEpoch();
    const QByteArray claim = encoded(header) + '.'
        + encoded({{QStringLiteral("iss"), credentials.email},
            {QStringLiteral("scope"), QStringLiteral("https://www.googleapis.com/auth/cloud-platform")},
            {QStringLiteral("aud"), credentials.audience.toString(QUrl::FullyEncoded)}, {QStringLiteral("iat"), issued},
            {QStringLiteral("exp"), issued + std::chrono::seconds(ClaimLife).count()}});
    const QByteArray signature = credentials.key ? credentials.key->sign(claim) : QByteArray();
    if (signature.isEmpty())
        return Error{Error::Code::Internal, QStringLiteral("the claim for Google could not be signed"), {}};
    return QByteArray(claim + '.' + signature.toBase64(QByteArray::Base64UrlEncoding | QByteArray::OmitTrailingEquals));
}

} // namespace kav::providers
