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

/// The query as a WHATWG URL parser would write it: the few characters it escapes, escaped.
QByteArray normalisedQuery(const QByteArray& query)
{
    QByteArray out;
    for (const char c : query) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\'')
            out += '%' + QByteArray(1, c).toHex().toUpper();
        else
            out += c;
    }
    return out;
}

/// The query decoded and escaped again as older helpers do: spaces as %20, !~*'() left alone.
QByteArray legacyQuery(const QByteArray& query)
{
    QByteArray out;
    for (qsizetype i = 0; i < query.size(); ++i) {
        char c = query[i];
        if (c == '&' || c == '=' || (c == '?' && i == 0)) {
            out += c;
            continue;
        }
        if (c == '+') {
            c = ' ';
        } else if (isHexEscape(query, i)) {
            c = QByteArray::fromHex(query.mid(i + 1, 2))[0];
            i += 2;
        }
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
            || (c != '\0' && std::strchr("-_.!~*'()", c) != nullptr);
        out += plain ? QByteArray(1, c) : '%' + QByteArray(1, c).toHex().toUpper();
    }
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
    pieces.host = pieces.host.toLower();
    addPortSpellings(candidates, pieces, QStringLiteral("host in lower case"));
    if (!pieces.query.isEmpty()) {
        const QByteArray raw = pieces.query;
        pieces.query = normalisedQuery(raw);
        addPortSpellings(candidates, pieces, QStringLiteral("query escaped"));
        pieces.query = legacyQuery(raw);
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

SignatureVerdict verifyJsonSignature(
    QByteArrayView authToken, QByteArrayView url, QByteArrayView body, QByteArrayView signature)
{
    QByteArray stated;
    const QByteArray query = cutUrl(url).query.mid(1);
    for (const QByteArray& piece : query.split('&')) {
        if (piece.startsWith("bodySHA256="))
            stated = piece.mid(int(sizeof "bodySHA256=") - 1);
    }
    const QByteArray actual = QCryptographicHash::hash(body.toByteArray(), QCryptographicHash::Sha256).toHex();
    if (!equalInConstantTime(stated, actual))
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

QString explainMismatch(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields,
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
    const QString sentence = QStringLiteral("it matches %1 (differs in: %2)");
    SignatureVerdict verdict = firstMatch(authToken, candidates, signedFields(fields), signature);
    if (verdict.accepted)
        return sentence.arg(logSafe(QString::fromUtf8(verdict.url)), verdict.variant);
    if (!fields.isEmpty()) {
        verdict = firstMatch(authToken, candidates, {}, signature);
        if (verdict.accepted)
            return sentence.arg(
                logSafe(QString::fromUtf8(verdict.url)), verdict.variant + QStringLiteral(", form fields not signed"));
    }
    return {};
}

} // namespace kav::telephony
