// SPDX-License-Identifier: Apache-2.0
#include "engine/net/handshake.h"

#include <QCryptographicHash>

#include <algorithm>

namespace kav::net {

namespace {

/// The comma-separated tokens of all fields of that name.
QList<QByteArray> listOf(const HttpRequest& request, QByteArrayView name)
{
    QList<QByteArray> tokens;
    for (const auto& [key, value] : request.headers) {
        if (key != name)
            continue;
        for (const QByteArray& token : value.split(','))
            tokens << token.trimmed();
    }
    return tokens;
}

bool listContains(const HttpRequest& request, QByteArrayView name, QByteArrayView token)
{
    const QList<QByteArray> tokens = listOf(request, name);
    return std::any_of(tokens.cbegin(), tokens.cend(),
        [token](const QByteArray& candidate) { return candidate.compare(token, Qt::CaseInsensitive) == 0; });
}

qsizetype countOf(const HttpRequest& request, QByteArrayView name)
{
    return std::count_if(
        request.headers.cbegin(), request.headers.cend(), [name](const auto& header) { return header.first == name; });
}

bool isTokenText(const QByteArray& text)
{
    static constexpr QByteArrayView Others = "!#$%&'*+-.^_`|~";
    return !text.isEmpty() && std::all_of(text.cbegin(), text.cend(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || Others.contains(c);
    });
}

HttpResponse badHandshake(const QByteArray& reason)
{
    return HttpResponse::text(400, "Bad WebSocket handshake: " + reason + "\n");
}

constexpr qsizetype KeyBytes = 16;

} // namespace

bool asksForWebSocket(const HttpRequest& request)
{
    return listContains(request, "upgrade", "websocket");
}

std::optional<HttpResponse> refuseHandshake(const HttpRequest& request, bool http11, bool bytesFollow)
{
    if (request.method != "GET" || !http11)
        return badHandshake("GET and HTTP/1.1 are needed");
    if (!listContains(request, "connection", "upgrade"))
        return badHandshake("Connection lacks the token upgrade");
    const bool hasLength = countOf(request, "content-length") && request.header("content-length") != "0";
    if (hasLength || countOf(request, "transfer-encoding") || !request.body.isEmpty())
        return badHandshake("it has a body");
    if (countOf(request, "sec-websocket-version") != 1 || request.header("sec-websocket-version") != "13") {
        HttpResponse response = HttpResponse::text(426, "WebSocket version 13 is needed\n");
        response.headers << std::pair(QByteArray("Sec-WebSocket-Version"), QByteArray("13"))
                         << std::pair(QByteArray("Upgrade"), QByteArray("websocket"));
        return response;
    }
    const QByteArray key = request.header("sec-websocket-key");
    const auto decoded =
        QByteArray::fromBase64Encoding(key, QByteArray::Base64Encoding | QByteArray::AbortOnBase64DecodingErrors);
    // The length check refuses the unpadded form, which Qt's decoder accepts.
    if (countOf(request, "sec-websocket-key") != 1 || !decoded || (*decoded).size() != KeyBytes || key.size() != 24)
        return badHandshake("Sec-WebSocket-Key is not 16 bytes in base64");
    if (countOf(request, "sec-websocket-protocol")) {
        for (const QByteArray& protocol : listOf(request, "sec-websocket-protocol")) {
            if (!isTokenText(protocol))
                return badHandshake("Sec-WebSocket-Protocol is not a list of tokens");
        }
    }
    if (bytesFollow)
        return badHandshake("bytes follow it before the answer");
    return std::nullopt;
}

UpgradeRequest upgradeRequest(const HttpRequest& request, const QByteArray& tag)
{
    return {.tag = tag,
        .path = request.path,
        .key = request.header("sec-websocket-key"),
        .protocols = listOf(request, "sec-websocket-protocol").join(", "),
        .peer = request.peer,
        .number = request.number};
}

QByteArray chosenProtocol(const UpgradeRequest& request, const QStringList& supported)
{
    for (const QByteArray& offered : request.protocols.split(',')) {
        const QByteArray protocol = offered.trimmed();
        if (supported.contains(QString::fromLatin1(protocol)))
            return protocol;
    }
    return {};
}

QByteArray switchingProtocols(const UpgradeRequest& request, const QStringList& supported)
{
    // RFC 6455 1.3: the key with this name behind it, hashed, proves that a WebSocket server answers.
    const QByteArray proof = request.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    QByteArray head =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + QCryptographicHash::hash(proof, QCryptographicHash::Sha1).toBase64() + "\r\n";
    if (const QByteArray protocol = chosenProtocol(request, supported); !protocol.isEmpty())
        head += "Sec-WebSocket-Protocol: " + protocol + "\r\n";
    return head + "\r\n";
}

} // namespace kav::net
