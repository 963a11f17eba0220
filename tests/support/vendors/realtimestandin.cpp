// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/realtimestandin.h"

#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTcpSocket>
#include <QTimer>

#include <algorithm>
#include <optional>
#include <sys/socket.h>

namespace kav::test {

namespace {
constexpr int PieceMs = 100;
constexpr int BytesPerMs = 8;

QString text(const QJsonObject& object, const char* name)
{
    return object.value(QLatin1String(name)).toString();
}

QJsonObject inside(const QJsonObject& object, const char* name)
{
    return object.value(QLatin1String(name)).toObject();
}
} // namespace

struct RealtimeStandIn::Peer final {
    QTcpSocket* socket = nullptr;
    std::shared_ptr<RealtimeSession> session; ///< null before the upgrade
    QByteArray in, out; ///< out: of a slow one
    QByteArray buffer; ///< the input audio buffer
    std::deque<std::function<void()>> steps; ///< of the response under way
    std::deque<std::function<void()>> writing; ///< of the transcripts under way
    QString response; ///< id of the one under way
    QJsonObject metadata;
    QStringList made; ///< its items
    bool isHeld = false, isStopped = false, isSilent = false;
};

QList<QJsonObject> RealtimeSession::of(const QString& type) const
{
    QList<QJsonObject> found;
    for (const QJsonObject& event : events) {
        if (text(event, "type") == type)
            found.append(event);
    }
    return found;
}

QString RealtimeSession::conversation() const
{
    QStringList parts;
    for (const Item& item : items) {
        if (item.type != QLatin1String("message"))
            parts.append(item.type + QLatin1Char(':') + item.text);
        else if (item.audioMs > 0)
            parts.append(QStringLiteral("%1:(%2 ms)").arg(item.role).arg(item.audioMs));
        else
            parts.append(item.role + QLatin1Char(':') + item.text);
    }
    return parts.join(QLatin1Char('|'));
}

RealtimeStandIn::RealtimeStandIn()
{
    connect(&m_server, &QTcpServer::newConnection, this, &RealtimeStandIn::onConnection);
    m_server.listen(QHostAddress::LocalHost, 0);
    // Everything takes its turn: whatever the client sends can come in between two pieces.
    auto* turns = new QTimer(this);
    connect(turns, &QTimer::timeout, this, [this] {
        for (size_t i = 0; i < m_peers.size(); ++i) {
            Peer& peer = *m_peers[i];
            if (!peer.out.isEmpty() && peer.socket) {
                peer.socket->write(peer.out.left(40));
                peer.out.remove(0, 40);
            }
            if (peer.isStopped || !peer.session || !peer.session->isOpen)
                continue;
            if (!peer.writing.empty() && !holdsTranscripts) {
                const auto step = std::move(peer.writing.front());
                peer.writing.pop_front();
                step();
            }
            if (!peer.steps.empty() && !peer.isHeld) {
                const auto step = std::move(peer.steps.front());
                peer.steps.pop_front();
                step();
            }
        }
    });
    turns->start(1);
}

RealtimeStandIn::~RealtimeStandIn()
{
    for (const auto& peer : m_peers) {
        if (peer->socket)
            peer->socket->disconnect(this);
    }
}

QUrl RealtimeStandIn::url() const
{
    return QUrl(QStringLiteral("ws://127.0.0.1:%1/v1/realtime").arg(m_server.serverPort()));
}

void RealtimeStandIn::setFault(VendorFault fault, Phase phase)
{
    m_fault = fault;
    m_phase = phase;
}

void RealtimeStandIn::release()
{
    holdsTranscripts = false;
    for (const auto& peer : m_peers)
        peer->isHeld = false;
}

void RealtimeStandIn::closeAll(quint16 code)
{
    QByteArray payload;
    payload += char(code >> 8);
    payload += char(code & 0xff);
    for (const auto& peer : m_peers)
        sendFrame(*peer, 8, payload);
}

void RealtimeStandIn::expireAll()
{
    sendToAll({{QStringLiteral("type"), QStringLiteral("error")},
        {QStringLiteral("error"),
            QJsonObject{{QStringLiteral("type"), QStringLiteral("invalid_request_error")},
                {QStringLiteral("code"), QStringLiteral("session_expired")},
                {QStringLiteral("message"), QStringLiteral("Your session hit the maximum duration of 60 minutes.")}}}});
    closeAll(1001);
}

void RealtimeStandIn::sendToAll(const QJsonObject& event)
{
    for (const auto& peer : m_peers) {
        if (peer->session)
            send(*peer, event);
    }
}

void RealtimeStandIn::onConnection()
{
    while (QTcpSocket* socket = m_server.nextPendingConnection()) {
        socket->setSocketOption(QAbstractSocket::LowDelayOption, 1); // slow bytes are the stand-in's own doing, not Nagle's
        m_peers.push_back(std::make_unique<Peer>());
        Peer* const peer = m_peers.back().get();
        peer->socket = socket;
        connect(socket, &QTcpSocket::readyRead, this, [this, peer] { onBytes(*peer); });
        connect(socket, &QTcpSocket::disconnected, this, [peer] {
            if (peer->session)
                peer->session->isOpen = false;
            if (peer->socket)
                std::exchange(peer->socket, nullptr)->deleteLater();
        });
    }
}

bool RealtimeStandIn::faultIs(VendorFault fault, Phase phase) const
{
    return m_fault == fault && (m_phase == phase || m_phase == Phase::Any);
}

bool RealtimeStandIn::misbehave(Peer& peer, Phase phase, bool isMid)
{
    if (faultIs(isMid ? VendorFault::ResetMidAnswer : VendorFault::ResetBeforeAnswer, phase))
        reset(peer);
    else if (faultIs(isMid ? VendorFault::HangMidAnswer : VendorFault::HangBeforeAnswer, phase))
        peer.isStopped = true;
    else if (faultIs(VendorFault::HalfOpen, phase) && !isMid)
        peer.isSilent = peer.isStopped = true;
    else if (faultIs(VendorFault::Garbage, phase) && isMid == (phase == Phase::Answer))
        sendFrame(peer, 1, "\xd7 {not an event");
    else
        return false;
    return true;
}

void RealtimeStandIn::onBytes(Peer& peer)
{
    if (peer.isSilent || !peer.socket)
        return;
    peer.in += peer.socket->readAll();
    if (!peer.session && !readHead(peer))
        return;
    while (peer.socket && peer.in.size() >= 2) {
        const int opcode = peer.in[0] & 0x0f;
        quint64 length = quint8(peer.in[1]) & 0x7f;
        qsizetype at = 2;
        const int extended = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (peer.in.size() < at + extended + 4)
            return;
        if (extended > 0) {
            length = 0;
            for (int i = 0; i < extended; ++i)
                length = length << 8 | quint8(peer.in[at++]);
        }
        const QByteArray mask = peer.in.mid(at, 4);
        at += 4;
        if (peer.in.size() < at + qsizetype(length))
            return;
        QByteArray payload = peer.in.mid(at, qsizetype(length));
        for (qsizetype i = 0; i < payload.size(); ++i)
            payload[i] = char(payload[i] ^ mask[i % 4]);
        peer.in.remove(0, at + qsizetype(length));
        if (opcode == 1)
            onEvent(peer, QJsonDocument::fromJson(payload).object());
        else if (opcode == 8)
            peer.socket->disconnectFromHost();
        if (peer.isSilent)
            return;
    }
}

bool RealtimeStandIn::readHead(Peer& peer)
{
    const qsizetype end = peer.in.indexOf("\r\n\r\n");
    if (end < 0)
        return false;
    QList<QByteArray> lines = peer.in.left(end).split('\n');
    peer.in.remove(0, end + 4);
    auto session = std::make_shared<RealtimeSession>();
    session->path = QString::fromLatin1(lines.takeFirst().split(' ').value(1));
    for (const QByteArray& line : std::as_const(lines)) {
        const qsizetype colon = line.indexOf(':');
        session->headers.insert(line.left(colon).trimmed().toLower(), line.mid(colon + 1).trimmed());
    }
    const bool isKnown = session->headers.value("authorization") == "Bearer " + key.toLatin1();
    const auto status = [&](const char* line) {
        peer.socket->write(QByteArray("HTTP/1.1 ") + line + "\r\nContent-Length: 0\r\n\r\n");
        peer.socket->disconnectFromHost();
        return false;
    };
    if (faultIs(VendorFault::Refuse401, Phase::Connect) || !isKnown)
        return status("401 Unauthorized");
    if (faultIs(VendorFault::Limit429, Phase::Connect))
        return status("429 Too Many Requests\r\nRetry-After: 7");
    if (faultIs(VendorFault::Fault500, Phase::Connect))
        return status("500 Internal Server Error");
    // "Any" is about answers: the door is open then.
    if (m_phase == Phase::Connect) {
        if (m_fault == VendorFault::ResetBeforeAnswer) {
            reset(peer);
            return false;
        }
        if (m_fault == VendorFault::HangBeforeAnswer || m_fault == VendorFault::HalfOpen) {
            peer.isSilent = true;
            return false;
        }
        if (m_fault == VendorFault::Garbage) {
            peer.socket->write("\x16\x03\x01 this is no HTTP\r\n\r\n");
            return false;
        }
    }
    const QByteArray keyed = session->headers.value("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const QByteArray accept = QCryptographicHash::hash(keyed, QCryptographicHash::Sha1).toBase64();
    peer.socket->write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: "
        + accept + "\r\n\r\n");
    sessions.push_back(std::move(session));
    peer.session = sessions.back();
    if (m_phase == Phase::Session && misbehave(peer, Phase::Session, false))
        return peer.socket != nullptr;
    send(peer,
        {{QStringLiteral("type"), QStringLiteral("session.created")},
            {QStringLiteral("session"), QJsonObject{{QStringLiteral("id"), QStringLiteral("sess_%1").arg(++m_ids)}}}});
    return true;
}

QString RealtimeStandIn::name(const char* current, const char* beta) const
{
    return QLatin1String(isBeta ? beta : current);
}

void RealtimeStandIn::refuse(Peer& peer, const QString& code, const QString& cause)
{
    peer.session->errors.append(code);
    QJsonObject error{{QStringLiteral("type"), QStringLiteral("invalid_request_error")}, {QStringLiteral("code"), code},
        {QStringLiteral("message"), QStringLiteral("Refused: %1").arg(code)}};
    if (namesCauses)
        error.insert(QStringLiteral("event_id"), cause);
    send(peer, {{QStringLiteral("type"), QStringLiteral("error")}, {QStringLiteral("error"), error}});
}

void RealtimeStandIn::onEvent(Peer& peer, const QJsonObject& event)
{
    RealtimeSession& session = *peer.session;
    const QString type = text(event, "type"), cause = text(event, "event_id");
    if (type != QLatin1String("input_audio_buffer.append"))
        session.events.append(event);
    auto& items = session.items;
    const auto find = [&](const QString& id) {
        return std::find_if(items.begin(), items.end(), [&id](const auto& item) { return item.id == id; });
    };
    if (type == QLatin1String("session.update")) {
        session.configuration = inside(event, "session");
        const QJsonObject input = inside(inside(session.configuration, "audio"), "input");
        const bool isShaped = isBeta ? text(session.configuration, "input_audio_format") == QLatin1String("g711_ulaw")
                                     : text(inside(input, "format"), "type") == QLatin1String("audio/pcmu");
        const QJsonObject detection = isBeta ? session.configuration : input;
        if (!isShaped || !detection.value(QLatin1String("turn_detection")).isNull())
            refuse(peer, QStringLiteral("unknown_parameter"), cause);
        else if (!(m_phase == Phase::Session && m_fault == VendorFault::HangMidAnswer))
            send(peer, {{QStringLiteral("type"), QStringLiteral("session.updated")}});
    } else if (type == QLatin1String("input_audio_buffer.append")) {
        const QByteArray audio = QByteArray::fromBase64(text(event, "audio").toLatin1());
        peer.buffer += audio;
        session.audio += audio;
    } else if (type == QLatin1String("input_audio_buffer.clear")) {
        peer.buffer.clear();
        send(peer, {{QStringLiteral("type"), QStringLiteral("input_audio_buffer.cleared")}});
    } else if (type == QLatin1String("input_audio_buffer.commit")) {
        onCommit(peer, cause);
    } else if (type == QLatin1String("conversation.item.create")) {
        const QJsonObject body = inside(event, "item");
        RealtimeSession::Item item;
        item.id = text(body, "id");
        item.type = text(body, "type");
        item.role = text(body, "role");
        item.text = item.type == QLatin1String("function_call_output")
            ? text(body, "output")
            : text(body.value(QLatin1String("content")).toArray().at(0).toObject(), "text");
        const QString after = text(event, "previous_item_id");
        if (after == QLatin1String("root"))
            items.prepend(item);
        else if (after.isEmpty())
            items.append(item);
        else if (find(after) != items.end())
            items.insert(std::next(find(after)), item);
        else
            refuse(peer, QStringLiteral("item_create_invalid_previous_item_id"), cause);
    } else if (type == QLatin1String("conversation.item.delete")) {
        const auto item = find(text(event, "item_id"));
        if (item == items.end())
            refuse(peer, QStringLiteral("item_delete_invalid_item_id"), cause);
        else
            items.erase(item);
    } else if (type == QLatin1String("conversation.item.truncate")) {
        const auto item = find(text(event, "item_id"));
        const int end = event.value(QLatin1String("audio_end_ms")).toInt();
        if (item == items.end() || item->role != QLatin1String("assistant") || end > item->audioMs
            || event.value(QLatin1String("content_index")).toInt(-1) != 0) {
            refuse(peer, QStringLiteral("invalid_value"), cause);
        } else {
            item->audioMs = end;
            send(peer,
                {{QStringLiteral("type"), QStringLiteral("conversation.item.truncated")},
                    {QStringLiteral("item_id"), item->id}});
        }
    } else if (type == QLatin1String("response.create")) {
        onResponse(peer, event);
    } else if (type == QLatin1String("response.cancel")) {
        onCancel(peer, cause);
    } else {
        refuse(peer, QStringLiteral("unknown_event"), cause);
    }
}

void RealtimeStandIn::onCommit(Peer& peer, const QString& cause)
{
    if (peer.buffer.size() < PieceMs * BytesPerMs) {
        refuse(peer, QStringLiteral("input_audio_buffer_commit_empty"), cause);
        return;
    }
    if (misbehave(peer, Phase::Transcript, false))
        return;
    RealtimeSession::Item item;
    item.id = QStringLiteral("item_voice_%1").arg(++m_ids);
    item.type = QStringLiteral("message");
    item.role = QStringLiteral("user");
    item.audioMs = int(peer.buffer.size()) / BytesPerMs;
    peer.buffer.clear();
    peer.session->items.append(item);
    send(peer,
        {{QStringLiteral("type"), QStringLiteral("input_audio_buffer.committed")},
            {QStringLiteral("item_id"), item.id}});
    send(peer,
        {{QStringLiteral("type"), name("conversation.item.added", "conversation.item.created")},
            {QStringLiteral("item"), QJsonObject{{QStringLiteral("id"), item.id}}}});
    const QString words = transcripts.isEmpty() ? QStringLiteral("hello there") : transcripts.takeFirst();
    const auto about = [this, &peer, id = item.id](const char* what, const char* field, const QJsonValue& value) {
        const QString type = QStringLiteral("conversation.item.input_audio_transcription.") + QLatin1String(what);
        QJsonObject event{
            {QStringLiteral("type"), type}, {QStringLiteral("item_id"), id}, {QStringLiteral("content_index"), 0}};
        event.insert(QLatin1String(field), value);
        send(peer, event);
    };
    QString failure = transcriptionFails;
    if (m_phase == Phase::Transcript && m_fault == VendorFault::Limit429)
        failure = QStringLiteral("rate_limit_exceeded");
    if (m_phase == Phase::Transcript && m_fault == VendorFault::Fault500)
        failure = QStringLiteral("server_error");
    if (!failure.isEmpty()) {
        peer.writing.push_back([about, failure] {
            about("failed", "error",
                QJsonObject{{QStringLiteral("type"), QStringLiteral("transcription_error")},
                    {QStringLiteral("code"), failure}, {QStringLiteral("message"), QStringLiteral("no words")}});
        });
        return;
    }
    const qsizetype half = words.size() / 2;
    peer.writing.push_back([about, first = words.left(half)] { about("delta", "delta", first); });
    peer.writing.push_back([this, &peer, about, second = words.mid(half)] {
        if (!misbehave(peer, Phase::Transcript, true))
            about("delta", "delta", second);
    });
    peer.writing.push_back([about, words] { about("completed", "transcript", words); });
}

void RealtimeStandIn::onResponse(Peer& peer, const QJsonObject& event)
{
    if (!peer.response.isEmpty()) {
        refuse(peer, QStringLiteral("conversation_already_has_active_response"), text(event, "event_id"));
        return;
    }
    if (misbehave(peer, Phase::Answer, false))
        return;
    peer.response = lastResponse = QStringLiteral("resp_%1").arg(++m_ids);
    peer.metadata = echoesMetadata ? inside(inside(event, "response"), "metadata") : QJsonObject();
    peer.made.clear();
    peer.isHeld = false;
    RealtimeAnswer next;
    if (!answers.empty()) {
        next = answers.front();
        answers.pop_front();
    }
    answer(peer, next);
}

void RealtimeStandIn::answer(Peer& peer, const RealtimeAnswer& said)
{
    const QString id = peer.response;
    const auto about = [this, &peer, id](const QString& type, QJsonObject more) {
        more.insert(QStringLiteral("type"), type);
        more.insert(QStringLiteral("response_id"), id);
        more.insert(QStringLiteral("output_index"), 0);
        send(peer, more);
    };
    const auto finish = [this, &peer, id](const QString& status, const QJsonObject& details) {
        QJsonArray output;
        for (const QString& item : std::as_const(peer.made))
            output.append(
                QJsonObject{{QStringLiteral("id"), item}, {QStringLiteral("type"), QStringLiteral("message")}});
        for (auto& item : peer.session->items)
            item.isOver = true;
        peer.response.clear();
        peer.steps.clear();
        send(peer,
            {{QStringLiteral("type"), QStringLiteral("response.done")},
                {QStringLiteral("response"),
                    QJsonObject{{QStringLiteral("id"), id}, {QStringLiteral("status"), status},
                        {QStringLiteral("status_details"), details}, {QStringLiteral("output"), output}}}});
    };
    auto& steps = peer.steps;
    steps.push_back([this, &peer, id] {
        send(peer,
            {{QStringLiteral("type"), QStringLiteral("response.created")},
                {QStringLiteral("response"),
                    QJsonObject{{QStringLiteral("id"), id}, {QStringLiteral("metadata"), peer.metadata},
                        {QStringLiteral("status"), QStringLiteral("in_progress")}}}});
    });
    QString failure = answerFails;
    if (m_phase == Phase::Answer && m_fault == VendorFault::Limit429)
        failure = QStringLiteral("rate_limit_exceeded");
    if (m_phase == Phase::Answer && m_fault == VendorFault::Fault500)
        failure = QStringLiteral("server_error");
    if (!failure.isEmpty()) {
        steps.push_back([finish, failure] {
            finish(QStringLiteral("failed"),
                {{QStringLiteral("type"), QStringLiteral("failed")},
                    {QStringLiteral("error"),
                        QJsonObject{{QStringLiteral("type"), failure}, {QStringLiteral("code"), failure},
                            {QStringLiteral("message"),
                                QStringLiteral("The key sk-abcdefghijklmnop0123456789 is sad")}}}});
        });
        return;
    }
    const int pieces = said.milliseconds / PieceMs;
    if (pieces > 0 || !said.transcript.isEmpty()) {
        const QString item = QStringLiteral("item_said_%1").arg(++m_ids);
        steps.push_back([&peer, about, item] {
            peer.made.append(item);
            peer.session->items.append({item, QStringLiteral("message"), QStringLiteral("assistant"), {}, 0, false});
            about(QStringLiteral("response.output_item.added"),
                {{QStringLiteral("item"),
                    QJsonObject{{QStringLiteral("id"), item}, {QStringLiteral("type"), QStringLiteral("message")}}}});
        });
        const qsizetype each = pieces > 0 ? (said.transcript.size() + pieces - 1) / pieces : said.transcript.size();
        for (int i = 0; i < std::max(pieces, 1); ++i) {
            steps.push_back([this, &peer, about, item, i, each, said] {
                if (i == 1 && misbehave(peer, Phase::Answer, true))
                    return;
                if (i == said.holdAfter) {
                    peer.isHeld = true;
                    return;
                }
                const QString words = said.transcript.mid(i * each, each);
                if (!words.isEmpty())
                    about(name("response.output_audio_transcript.delta", "response.audio_transcript.delta"),
                        {{QStringLiteral("item_id"), item}, {QStringLiteral("content_index"), 0},
                            {QStringLiteral("delta"), words}});
                if (i * PieceMs >= said.milliseconds)
                    return;
                for (auto& one : peer.session->items) {
                    if (one.id == item)
                        one.audioMs += PieceMs;
                }
                about(name("response.output_audio.delta", "response.audio.delta"),
                    {{QStringLiteral("item_id"), item}, {QStringLiteral("content_index"), 0},
                        {QStringLiteral("delta"),
                            QString::fromLatin1(QByteArray(PieceMs * BytesPerMs, char('a' + i % 26)).toBase64())}});
            });
        }
    }
    for (const RealtimeAnswer::Call& call : said.calls) {
        const QString item = QStringLiteral("item_call_%1").arg(++m_ids);
        const QJsonObject body{{QStringLiteral("id"), item}, {QStringLiteral("type"), QStringLiteral("function_call")},
            {QStringLiteral("name"), call.name}, {QStringLiteral("call_id"), call.id}};
        steps.push_back([&peer, about, item, body, call] {
            peer.made.append(item);
            peer.session->items.append({item, QStringLiteral("function_call"), {}, call.name, 0, false});
            about(QStringLiteral("response.output_item.added"), {{QStringLiteral("item"), body}});
        });
        steps.push_back([about, item, body, call] {
            about(QStringLiteral("response.function_call_arguments.done"),
                {{QStringLiteral("item_id"), item}, {QStringLiteral("call_id"), call.id},
                    {QStringLiteral("arguments"), call.arguments}});
            QJsonObject whole = body;
            whole.insert(QStringLiteral("arguments"), call.arguments);
            about(QStringLiteral("response.output_item.done"), {{QStringLiteral("item"), whole}});
        });
    }
    steps.push_back([finish, said] {
        finish(
            said.status, said.reason.isEmpty() ? QJsonObject() : QJsonObject{{QStringLiteral("reason"), said.reason}});
    });
}

void RealtimeStandIn::onCancel(Peer& peer, const QString& cause)
{
    if (peer.response.isEmpty()) {
        refuse(peer, QStringLiteral("response_cancel_not_active"), cause);
        return;
    }
    if (peer.isStopped)
        return;
    // A word that was on its way, and an item nobody was told of, still come.
    const QString id = peer.response;
    QJsonArray output;
    const QString late = QStringLiteral("item_late_%1").arg(++m_ids);
    peer.session->items.append(
        {late, QStringLiteral("message"), QStringLiteral("assistant"), QStringLiteral("late"), 0, true});
    peer.made.append(late);
    for (const QString& item : std::as_const(peer.made))
        output.append(QJsonObject{{QStringLiteral("id"), item}});
    send(peer,
        {{QStringLiteral("type"), QStringLiteral("response.created")},
            {QStringLiteral("response"),
                QJsonObject{{QStringLiteral("id"), id}, {QStringLiteral("metadata"), peer.metadata}}}});
    send(peer,
        {{QStringLiteral("type"), name("response.output_audio_transcript.delta", "response.audio_transcript.delta")},
            {QStringLiteral("response_id"), id}, {QStringLiteral("item_id"), late},
            {QStringLiteral("delta"), QStringLiteral("too late")}});
    peer.steps.clear();
    peer.response.clear();
    peer.isHeld = false;
    send(peer,
        {{QStringLiteral("type"), QStringLiteral("response.done")},
            {QStringLiteral("response"),
                QJsonObject{{QStringLiteral("id"), id}, {QStringLiteral("status"), QStringLiteral("cancelled")},
                    {QStringLiteral("output"), output}}}});
}

void RealtimeStandIn::send(Peer& peer, QJsonObject event)
{
    event.insert(QStringLiteral("event_id"), QStringLiteral("event_%1").arg(++m_ids));
    sendFrame(peer, 1, QJsonDocument(event).toJson(QJsonDocument::Compact));
}

void RealtimeStandIn::sendFrame(Peer& peer, int opcode, const QByteArray& payload)
{
    QByteArray frame;
    frame += char(0x80 | opcode);
    if (payload.size() < 126) {
        frame += char(payload.size());
    } else {
        const int bytes = payload.size() < 65536 ? 2 : 8;
        frame += char(bytes == 2 ? 126 : 127);
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            frame += char(quint64(payload.size()) >> shift);
    }
    write(peer, frame + payload);
}

void RealtimeStandIn::write(Peer& peer, const QByteArray& bytes)
{
    if (!peer.socket || peer.isSilent)
        return;
    if (m_fault == VendorFault::SlowBytes || !peer.out.isEmpty())
        peer.out += bytes;
    else
        peer.socket->write(bytes);
}

void RealtimeStandIn::reset(Peer& peer)
{
    peer.isStopped = true;
    if (!peer.socket)
        return;
    // What was said before arrives before the reset does.
    peer.socket->flush();
    QTimer::singleShot(20, peer.socket, [socket = peer.socket] {
        const linger hard{1, 0};
        ::setsockopt(int(socket->socketDescriptor()), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        socket->abort();
    });
}

} // namespace kav::test
