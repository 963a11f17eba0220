// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/elevenlabsstandin.h"

#include <QJsonDocument>
#include <QTimer>

namespace kav::test {

namespace {
QByteArray detail(const char* status, const char* message)
{
    return QJsonDocument(QJsonObject{{QStringLiteral("detail"),
                             QJsonObject{{QStringLiteral("status"), QString::fromLatin1(status)},
                                 {QStringLiteral("message"), QString::fromLatin1(message)}}}})
        .toJson(QJsonDocument::Compact);
}
} // namespace

ElevenLabsStandIn::ElevenLabsStandIn()
{
    server.handler = [this](VendorExchange& exchange) { answer(exchange); };
}

void ElevenLabsStandIn::setFault(VendorFault fault)
{
    m_fault = fault;
    server.isSilent = fault == VendorFault::HalfOpen;
}

QByteArray ElevenLabsStandIn::soundOf(const QString& text)
{
    QByteArray sound;
    for (const QChar c : text)
        sound += QByteArray(400, char(0x80 | (c.unicode() & 0x7f)));
    return sound;
}

void ElevenLabsStandIn::answer(VendorExchange& exchange)
{
    if (exchange.method == "HEAD") // a connection ahead of need
        return exchange.raw("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n");
    const bool isProbe = exchange.method == "GET";
    Asked question{exchange.path, exchange.query, exchange.header("xi-api-key"), exchange.header("content-type"),
        QJsonDocument::fromJson(exchange.body).object(), &exchange};
    if (isProbe)
        ++probes;
    else
        asked.append(question);
    const char* json = "application/json";
    switch (m_fault) {
    case VendorFault::Refuse401:
        return exchange.answer(401, json, detail("invalid_api_key", "Invalid API key"));
    case VendorFault::Limit429:
        return exchange.answer(429, json, detail("too_many_concurrent_requests", "Too many"), {{"Retry-After", "7"}});
    case VendorFault::Fault500:
        return exchange.answer(500, json, detail("internal_server_error", "Oops"));
    case VendorFault::ResetBeforeAnswer:
        return exchange.reset();
    case VendorFault::HangBeforeAnswer:
        return;
    case VendorFault::Garbage:
        exchange.raw("220 mail.example.com ESMTP\r\n\r\n");
        return exchange.hangUp();
    default:
        break;
    }
    if (question.key != key)
        return exchange.answer(401, json, detail("invalid_api_key", "Invalid API key"));
    if (status != 0)
        return exchange.answer(status, json, body);
    if (isProbe)
        return exchange.answer(200, json, R"({"user_id":"x","subscription":{}})");
    const QByteArray sound = soundOf(question.json.value(QLatin1String("text")).toString());
    exchange.start(200, contentType);
    if (m_fault == VendorFault::ResetMidAnswer || m_fault == VendorFault::HangMidAnswer) {
        exchange.send(sound.left(sound.size() / 2));
        if (m_fault == VendorFault::ResetMidAnswer)
            QTimer::singleShot(50, &exchange, [&exchange] { exchange.reset(); });
    } else if (m_fault == VendorFault::SlowBytes) {
        trickle(exchange, sound, 0);
    } else if (pieceBytes > 0) {
        for (qsizetype at = 0; at < sound.size(); at += pieceBytes)
            exchange.send(sound.mid(at, pieceBytes));
        exchange.end();
    } else {
        exchange.send(sound);
        exchange.end();
    }
}

void ElevenLabsStandIn::trickle(VendorExchange& exchange, const QByteArray& sound, qsizetype at)
{
    if (at >= sound.size())
        return exchange.end();
    exchange.send(sound.mid(at, 1));
    QTimer::singleShot(0, &exchange, [this, &exchange, sound, at] { trickle(exchange, sound, at + 1); });
}

} // namespace kav::test
