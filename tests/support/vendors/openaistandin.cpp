// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/openaistandin.h"

#include <QJsonDocument>
#include <QPointer>
#include <QTimer>
#include <QtEndian>

#include <cmath>

namespace kav::test {

namespace {
QByteArray compact(const QJsonObject& object)
{
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

QByteArray openAiEvent(const QByteArray& data)
{
    return "data: " + data + "\n\n";
}

QJsonObject toolDelta(int index, const OpenAiStandIn::Tool* head, const QString& arguments)
{
    QJsonObject function{{QStringLiteral("arguments"), arguments}};
    QJsonObject call{{QStringLiteral("index"), index}};
    if (head) {
        function.insert(QStringLiteral("name"), head->name);
        call.insert(QStringLiteral("id"), head->id);
        call.insert(QStringLiteral("type"), QStringLiteral("function"));
    }
    call.insert(QStringLiteral("function"), function);
    return {{QStringLiteral("tool_calls"), QJsonArray{call}}};
}

QByteArray errorBody(const QString& words, const QString& type)
{
    return compact({{QStringLiteral("error"),
        QJsonObject{{QStringLiteral("message"), words}, {QStringLiteral("type"), type},
            {QStringLiteral("code"), QJsonValue()}}}});
}

/// name="..." of a part's head.
QString parameter(const QByteArray& head, const QByteArray& name)
{
    const QByteArray start = "; " + name + "=\"";
    const qsizetype at = head.indexOf(start);
    if (at < 0)
        return {};
    const qsizetype from = at + start.size();
    return QString::fromUtf8(head.mid(from, head.indexOf('"', from) - from));
}

void readForm(OpenAiStandIn::Asked& asking, const QByteArray& body)
{
    const QByteArray mark = "boundary=";
    const qsizetype at = asking.contentType.indexOf(mark);
    if (at < 0)
        return;
    const QByteArray boundary = "\r\n--" + asking.contentType.mid(at + mark.size()).trimmed();
    const QByteArray whole = "\r\n" + body;
    qsizetype from = whole.indexOf(boundary);
    while (from >= 0) {
        from += boundary.size();
        const qsizetype next = whole.indexOf(boundary, from);
        if (next < 0)
            break;
        const QByteArray part = whole.mid(from + 2, next - from - 2);
        const qsizetype end = part.indexOf("\r\n\r\n");
        const QByteArray head = part.left(end);
        asking.form.insert(parameter(head, "name"), part.mid(end + 4));
        if (head.contains("filename="))
            asking.fileName = parameter(head, "filename");
        from = next;
    }
}

QString lastUserWords(const QJsonObject& request)
{
    const QJsonArray messages = request.value(QLatin1String("messages")).toArray();
    QString words;
    for (const QJsonValue& message : messages) {
        if (message.toObject().value(QLatin1String("role")) == QLatin1String("user"))
            words = message.toObject().value(QLatin1String("content")).toString();
    }
    return words;
}
} // namespace

OpenAiStandIn::OpenAiStandIn()
{
    server.handler = [this](VendorExchange& exchange) { answer(exchange); };
}

void OpenAiStandIn::setFault(VendorFault fault)
{
    m_fault = fault;
    server.isSilent = fault == VendorFault::HalfOpen;
}

QByteArray OpenAiStandIn::chunk(const QJsonObject& delta, const QString& finishReason)
{
    const QJsonObject choice{{QStringLiteral("index"), 0}, {QStringLiteral("delta"), delta},
        {QStringLiteral("finish_reason"), finishReason.isEmpty() ? QJsonValue() : QJsonValue(finishReason)}};
    return openAiEvent(compact({{QStringLiteral("id"), QStringLiteral("chatcmpl-1")},
        {QStringLiteral("object"), QStringLiteral("chat.completion.chunk")}, {QStringLiteral("created"), 1},
        {QStringLiteral("model"), QStringLiteral("stand-in")}, {QStringLiteral("choices"), QJsonArray{choice}}}));
}

QByteArray OpenAiStandIn::pcmOf(const QString& text)
{
    const qsizetype samples = 2400 * text.size();
    QByteArray pcm(samples * 2, Qt::Uninitialized);
    for (qsizetype i = 0; i < samples; ++i) {
        const double value = 8000 * std::sin(2 * M_PI * 440 * double(i) / 24000);
        qToLittleEndian(qint16(value), pcm.data() + 2 * i);
    }
    return pcm;
}

void OpenAiStandIn::answer(VendorExchange& exchange)
{
    if (exchange.method == "HEAD") { // a connection that is opened ahead
        exchange.raw("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    Asked asking;
    asking.path = exchange.path;
    asking.authorization = exchange.header("authorization");
    asking.contentType = exchange.header("content-type");
    asking.exchange = &exchange;
    if (asking.contentType.startsWith("multipart/form-data"))
        readForm(asking, exchange.body);
    else
        asking.json = QJsonDocument::fromJson(exchange.body).object();
    if (exchange.path != "/v1/models")
        asked.append(asking);

    switch (m_fault) {
    case VendorFault::Refuse401:
        exchange.answer(401, "application/json",
            errorBody(QStringLiteral("Incorrect API key provided: %1.").arg(QString::fromLatin1(key)),
                QStringLiteral("invalid_request_error")));
        return;
    case VendorFault::Limit429:
        exchange.answer(429, "application/json",
            errorBody(QStringLiteral("Rate limit reached"), QStringLiteral("rate_limit_error")),
            {{"Retry-After", "7"}});
        return;
    case VendorFault::Fault500:
        exchange.answer(500, "application/json",
            errorBody(QStringLiteral("The server had an error"), QStringLiteral("server_error")));
        return;
    case VendorFault::ResetBeforeAnswer:
        exchange.reset();
        return;
    case VendorFault::HangBeforeAnswer:
    case VendorFault::HalfOpen:
        return;
    case VendorFault::Garbage:
        exchange.raw("\x15\x03\x01garbage that no protocol knows\r\n\r\n");
        exchange.hangUp();
        return;
    case VendorFault::None:
    case VendorFault::ResetMidAnswer:
    case VendorFault::HangMidAnswer:
    case VendorFault::SlowBytes:
        break;
    }
    if (!key.isEmpty() && asking.authorization != "Bearer " + key) {
        exchange.answer(401, "application/json",
            errorBody(QStringLiteral("You must give a key"), QStringLiteral("invalid_request_error")));
        return;
    }
    if (exchange.path == "/v1/models" && exchange.method == "GET" && hasModels) {
        send(exchange, "application/json", "{\"object\":\"list\",\"data\":[]}");
    } else if (exchange.path == "/v1/chat/completions" && exchange.method == "POST") {
        answerChat(exchange, asking);
    } else if (exchange.path == "/v1/audio/transcriptions" && exchange.method == "POST") {
        QString text = QStringLiteral("hello");
        if (!transcripts.empty()) {
            text = transcripts.front();
            transcripts.pop_front();
        }
        if (plainTranscripts)
            send(exchange, "text/plain", text.toUtf8());
        else
            send(exchange, "application/json", compact({{QStringLiteral("text"), text}}));
    } else if (exchange.path == "/v1/audio/speech" && exchange.method == "POST") {
        SpeechAnswer spoken{pcmOf(asking.json.value(QLatin1String("input")).toString())};
        if (!speech.empty()) {
            spoken = speech.front();
            speech.pop_front();
        }
        send(exchange, spoken.contentType, spoken.body);
    } else {
        exchange.answer(404, "application/json",
            errorBody(QStringLiteral("no such route"), QStringLiteral("invalid_request_error")));
    }
}

void OpenAiStandIn::answerChat(VendorExchange& exchange, const Asked& asking)
{
    ChatAnswer said{QStringLiteral("You said: ") + lastUserWords(asking.json)};
    if (!chat.empty()) {
        said = chat.front();
        chat.pop_front();
    }
    if (!said.raw.isNull()) {
        send(exchange, said.contentType.isEmpty() ? QByteArray("text/event-stream") : said.contentType, said.raw);
        return;
    }
    const QString reason = !said.finishReason.isEmpty() ? said.finishReason
        : said.tools.isEmpty()                          ? QStringLiteral("stop")
                                                        : QStringLiteral("tool_calls");
    if (!said.isStreamed) {
        const QJsonObject message{
            {QStringLiteral("role"), QStringLiteral("assistant")}, {QStringLiteral("content"), said.text}};
        const QJsonObject choice{{QStringLiteral("index"), 0}, {QStringLiteral("message"), message},
            {QStringLiteral("finish_reason"), reason}};
        send(exchange, "application/json", compact({{QStringLiteral("choices"), QJsonArray{choice}}}));
        return;
    }
    QByteArray body =
        chunk({{QStringLiteral("role"), QStringLiteral("assistant")}, {QStringLiteral("content"), QString()}});
    for (qsizetype at = 0; at < said.text.size();) {
        QString piece = said.text.mid(at, 3);
        if (piece.back().isHighSurrogate())
            piece += said.text.mid(at + 3, 1);
        body += chunk({{QStringLiteral("content"), piece}});
        at += piece.size();
    }
    for (int i = 0; i < int(said.tools.size()); ++i) {
        const Tool& tool = said.tools[i];
        body += chunk(toolDelta(i, &tool, QString()));
        for (qsizetype at = 0; at < tool.arguments.size(); at += 5)
            body += chunk(toolDelta(i, nullptr, tool.arguments.mid(at, 5)));
    }
    body += chunk({}, reason);
    body +=
        openAiEvent("{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}");
    if (said.saysDone)
        body += openAiEvent("[DONE]");
    send(exchange, "text/event-stream", body);
}

void OpenAiStandIn::send(VendorExchange& exchange, const QByteArray& contentType, const QByteArray& body)
{
    exchange.start(200, contentType);
    if (m_fault == VendorFault::SlowBytes) {
        trickle(exchange, body, 0);
        return;
    }
    const bool isCut = m_fault == VendorFault::ResetMidAnswer || m_fault == VendorFault::HangMidAnswer;
    const QByteArray sent = isCut ? body.left(body.size() / 2) : body;
    const qsizetype piece = pieceBytes > 0 ? pieceBytes : sent.size();
    for (qsizetype at = 0; at < sent.size(); at += piece)
        exchange.send(sent.mid(at, piece));
    if (m_fault == VendorFault::ResetMidAnswer) // not before the client has read what was sent
        QTimer::singleShot(50, &exchange, [&exchange] { exchange.reset(); });
    if (!isCut)
        exchange.end();
}

void OpenAiStandIn::trickle(VendorExchange& exchange, const QByteArray& body, qsizetype at)
{
    if (exchange.isGone())
        return;
    if (at >= body.size()) {
        exchange.end();
        return;
    }
    exchange.send(body.mid(at, 1));
    QTimer::singleShot(0, &exchange, [this, &exchange, body, at] { trickle(exchange, body, at + 1); });
}

} // namespace kav::test
