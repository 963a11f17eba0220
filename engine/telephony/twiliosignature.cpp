// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliosignature.h"

#include "shared/core/masking.h"

#include <QCryptographicHash>
#include <QMessageAuthenticationCode>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <set>
#include <vector>

namespace kav::telephony {

namespace {

constexpr std::size_t MaxLegacyNames = 256;

/// A URL cut where the signature's rules cut it. Nothing is decoded: the signed string is made of raw bytes.
struct UrlPieces final {
    QByteArray scheme;
    QByteArray host; ///< without user information
    QByteArray port; ///< digits, empty when not given
    QByteArray path;
    QByteArray query; ///< with '?', empty when there is none

    QByteArray joined() const
    {
        return scheme + "://" + host + (port.isEmpty() ? QByteArray() : ':' + port) + path + query;
    }
};

UrlPieces cutUrl(QByteArrayView url)
{
    UrlPieces pieces;
    const qsizetype fragment = url.indexOf('#');
    const QByteArray text = url.first(fragment < 0 ? url.size() : fragment).toByteArray();
    const qsizetype schemeEnd = text.indexOf("://");
    pieces.scheme = text.left(std::max<qsizetype>(0, schemeEnd)).toLower();
    const qsizetype authorityBegin = schemeEnd < 0 ? 0 : schemeEnd + 3;
    qsizetype authorityEnd = authorityBegin;
    while (authorityEnd < text.size() && text[authorityEnd] != '/' && text[authorityEnd] != '?')
        ++authorityEnd;
    QByteArray authority = text.mid(authorityBegin, authorityEnd - authorityBegin);
    authority = authority.mid(authority.lastIndexOf('@') + 1);
    const qsizetype colon = authority.lastIndexOf(':');
    const bool hasPort = colon >= 0 && colon > authority.lastIndexOf(']');
    pieces.host = hasPort ? authority.left(colon) : authority;
    pieces.port = hasPort ? authority.mid(colon + 1) : QByteArray();
    const qsizetype queryBegin = text.indexOf('?', authorityEnd);
    pieces.path = text.mid(authorityEnd, queryBegin < 0 ? -1 : queryBegin - authorityEnd);
    pieces.query = queryBegin < 0 ? QByteArray() : text.mid(queryBegin);
    return pieces;
}

QByteArray defaultPort(const QByteArray& scheme)
{
    return scheme == "https" || scheme == "wss" ? QByteArrayLiteral("443") : QByteArrayLiteral("80");
}

/// What follows the URL in the signed string.
QByteArray signedFields(const QList<FormField>& fields)
{
    std::map<QByteArray, std::set<QByteArray>> sorted; // QByteArray orders bytewise, as the rule asks
    for (const FormField& field : fields)
        sorted[field.name.toUtf8()].insert(field.value.toUtf8());
    QByteArray text;
    for (const auto& [name, values] : sorted) {
        for (const QByteArray& value : values) {
            text += name;
            text += value;
        }
    }
    return text;
}

QByteArray macOf(QByteArrayView authToken, QByteArrayView url, const QByteArray& fieldText)
{
    QMessageAuthenticationCode mac(QCryptographicHash::Sha1, authToken.toByteArray());
    mac.addData(url.data(), url.size());
    mac.addData(fieldText);
    return mac.result().toBase64();
}

bool isHexEscape(const QByteArray& text, qsizetype at)
{
    return at + 2 < text.size() && text[at] == '%' && std::isxdigit(static_cast<unsigned char>(text[at + 1]))
        && std::isxdigit(static_cast<unsigned char>(text[at + 2]));
}

QByteArray escapedWith(const QByteArray& text, const char* alsoEscaped)
{
    QByteArray out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f || std::strchr(alsoEscaped, c) != nullptr)
            out += '%' + QByteArray(1, c).toHex().toUpper();
        else
            out += c;
    }
    return out;
}

/// As a WHATWG URL parser would write it: host in lower case, the few characters it escapes, escaped. Dots stay as they
/// are: with "/a/../b" made "/b", one path's signature would be taken for another path.
UrlPieces normalised(UrlPieces pieces)
{
    pieces.host = pieces.host.toLower();
    pieces.path = pieces.path.isEmpty() ? QByteArrayLiteral("/") : escapedWith(pieces.path, "\"<>`{}^");
    pieces.query = escapedWith(pieces.query, "\"<>'");
    return pieces;
}

/// One name or value of a query decoded and escaped again as older helpers do: spaces as %20, !~*'() left alone.
QByteArray legacyEscaped(const QByteArray& piece)
{
    QByteArray out;
    for (qsizetype i = 0; i < piece.size(); ++i) {
        char c = piece[i];
        if (c == '+') {
            c = ' ';
        } else if (isHexEscape(piece, i)) {
            c = QByteArray::fromHex(piece.mid(i + 1, 2))[0];
            i += 2;
        }
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
            || (c != '\0' && std::strchr("-_.!~*'()", c) != nullptr);
        out += plain ? QByteArray(1, c) : '%' + QByteArray(1, c).toHex().toUpper();
    }
    return out;
}

/// The query as older helpers write it again: empty pieces left out, '=' after every name, and the values of a repeated
/// name together where the name stood first.
QByteArray legacyQuery(const QByteArray& query)
{
    std::vector<std::pair<QByteArray, QByteArray>> written; // name, and all that is written for it
    for (const QByteArray& piece : query.mid(1).split('&')) {
        if (piece.isEmpty())
            continue;
        const qsizetype equals = piece.indexOf('=');
        const QByteArray name = legacyEscaped(equals < 0 ? piece : piece.left(equals));
        const QByteArray text = name + '=' + (equals < 0 ? QByteArray() : legacyEscaped(piece.mid(equals + 1)));
        const auto known =
            std::find_if(written.begin(), written.end(), [&name](const auto& entry) { return entry.first == name; });
        if (known != written.end())
            known->second += '&' + text;
        else
            written.emplace_back(name, text);
        if (written.size() > MaxLegacyNames)
            return query; // nobody sends that, and each name is looked up among all
    }
    QByteArray out;
    for (const auto& entry : written)
        out += (out.isEmpty() ? '?' : '&') + entry.second;
    return out;
}

struct Candidate final {
    QByteArray url;
    QString variant;
};

void addCandidate(std::vector<Candidate>& candidates, const UrlPieces& pieces, const QString& variant)
{
    const QByteArray url = pieces.joined();
    for (const Candidate& known : candidates) {
        if (known.url == url)
            return;
    }
    candidates.push_back({url, variant});
}

/// As given, without port, with the default port.
void addPortSpellings(std::vector<Candidate>& candidates, UrlPieces pieces, const QString& variant)
{
    addCandidate(candidates, pieces, variant.isEmpty() ? QStringLiteral("as requested") : variant);
    const QString prefix = variant.isEmpty() ? QString() : variant + QStringLiteral(", ");
    if (pieces.port.isEmpty()) {
        pieces.port = defaultPort(pieces.scheme);
        addCandidate(candidates, pieces, prefix + QStringLiteral("with the default port"));
    } else {
        pieces.port.clear();
        addCandidate(candidates, pieces, prefix + QStringLiteral("without port"));
    }
}

SignatureVerdict firstMatch(QByteArrayView authToken, const std::vector<Candidate>& candidates,
    const QByteArray& fieldText, QByteArrayView signature)
{
    SignatureVerdict verdict;
    if (authToken.isEmpty() || signature.size() != 28)
        return verdict;
    for (const Candidate& candidate : candidates) {
        if (equalInConstantTime(macOf(authToken, candidate.url, fieldText), signature)) {
            verdict.accepted = true;
            verdict.url = candidate.url;
            verdict.variant = candidate.variant;
            break;
        }
    }
    return verdict;
}

std::vector<Candidate> webhookCandidates(QByteArrayView url)
{
    std::vector<Candidate> candidates;
    UrlPieces pieces = cutUrl(url);
    addPortSpellings(candidates, pieces, {});
    const bool otherHost = pieces.host != pieces.host.toLower();
    pieces = normalised(pieces);
    addPortSpellings(candidates, pieces, otherHost ? QStringLiteral("host in lower case") : QStringLiteral("escaped"));
    if (pieces.query.size() > 1) {
        pieces.query = legacyQuery(pieces.query);
        addPortSpellings(candidates, pieces, QStringLiteral("query escaped the old way"));
    }
    return candidates;
}

QByteArray toggledSlash(const QByteArray& path)
{
    return path.endsWith('/') ? path.chopped(1) : path + '/';
}

} // namespace

QByteArray computeSignature(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields)
{
    return macOf(authToken, url, signedFields(fields));
}

bool equalInConstantTime(QByteArrayView a, QByteArrayView b)
{
    if (a.size() != b.size())
        return false;
    unsigned char difference = 0;
    for (qsizetype i = 0; i < a.size(); ++i)
        difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

SignatureVerdict verifySignature(
    QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields, QByteArrayView signature)
{
    return firstMatch(authToken, webhookCandidates(url), signedFields(fields), signature);
}

QByteArray bodyHashIn(QByteArrayView url)
{
    constexpr char Name[] = "bodySHA256=";
    const QByteArray query = cutUrl(url).query.mid(1);
    for (const QByteArray& piece : query.split('&')) {
        if (piece.startsWith(Name))
            return piece.mid(int(sizeof Name) - 1);
    }
    return {};
}

SignatureVerdict verifyJsonSignature(
    QByteArrayView authToken, QByteArrayView url, QByteArrayView body, QByteArrayView signature)
{
    const QByteArray actual = QCryptographicHash::hash(body.toByteArray(), QCryptographicHash::Sha256).toHex();
    if (!equalInConstantTime(bodyHashIn(url), actual))
        return {};
    return firstMatch(authToken, webhookCandidates(url), {}, signature);
}

SignatureVerdict verifyUpgradeSignature(QByteArrayView authToken, QByteArrayView url, QByteArrayView signature)
{
    UrlPieces pieces = cutUrl(url);
    if (pieces.scheme != "wss")
        return {};
    std::vector<Candidate> candidates;
    addPortSpellings(candidates, pieces, {});
    pieces.path = toggledSlash(pieces.path);
    addPortSpellings(candidates, pieces, QStringLiteral("other trailing slash"));
    return firstMatch(authToken, candidates, {}, signature);
}

NearMatch findNearMatch(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields,
    QByteArrayView signature, const QList<QByteArray>& otherHosts)
{
    const UrlPieces given = cutUrl(url);
    QList<QByteArray> schemes{given.scheme};
    for (const char* scheme : {"https", "http", "wss", "ws"}) {
        if (!schemes.contains(scheme))
            schemes += scheme;
    }
    QList<UrlPieces> hosts{given};
    for (const QByteArray& other : otherHosts) {
        const UrlPieces pieces = cutUrl(QByteArray("x://" + other));
        if (!pieces.host.isEmpty() && hosts.size() < 4)
            hosts += pieces;
    }
    std::vector<Candidate> candidates;
    for (const UrlPieces& host : std::as_const(hosts)) {
        for (const QByteArray& scheme : std::as_const(schemes)) {
            for (const bool otherSlash : {false, true}) {
                UrlPieces pieces = given;
                QStringList differences;
                pieces.scheme = scheme;
                pieces.host = host.host.toLower();
                pieces.port = host.port;
                if (scheme != given.scheme)
                    differences += QStringLiteral("scheme");
                if (pieces.host != given.host.toLower())
                    differences += QStringLiteral("host");
                if (pieces.port != given.port)
                    differences += QStringLiteral("port");
                if (otherSlash) {
                    pieces.path = toggledSlash(given.path);
                    differences += QStringLiteral("trailing slash");
                }
                addPortSpellings(candidates, pieces, differences.join(QStringLiteral(" and ")));
            }
        }
    }
    // A GET's query holds the caller's number, and perhaps the keys that were pressed.
    const auto loggable = [](const QByteArray& match) {
        const qsizetype query = match.indexOf('?');
        return logSafe(QString::fromUtf8(query < 0 ? match : match.left(query) + "?..."));
    };
    SignatureVerdict verdict = firstMatch(authToken, candidates, signedFields(fields), signature);
    if (verdict.accepted)
        return {loggable(verdict.url), verdict.variant};
    if (!fields.isEmpty()) {
        verdict = firstMatch(authToken, candidates, {}, signature);
        if (verdict.accepted)
            return {loggable(verdict.url), verdict.variant + QStringLiteral(", form fields not signed")};
    }
    return {};
}

QString explainMismatch(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields,
    QByteArrayView signature, const QList<QByteArray>& otherHosts)
{
    const NearMatch match = findNearMatch(authToken, url, fields, signature, otherHosts);
    return match.url.isEmpty() ? QString()
                               : QStringLiteral("it matches %1 (differs in: %2)").arg(match.url, match.difference);
}

} // namespace kav::telephony
