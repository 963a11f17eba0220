// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/websocketclient.h"
#include "engine/telephony/twiliobuffer.h"
#include "engine/telephony/twiliopeer.h"
#include "engine/telephony/twiliosignature.h"
#include "shared/core/clock.h"

#include <QObject>
#include <QStringList>
#include <QTest>

#include <memory>

namespace kav::test {

/// Twilio's end of one media stream for tests: opens it towards a server on loopback, sends what the test says,
/// collects what comes back, and misbehaves on demand. Marks are kept in the buffer model and returned by advance(),
/// with the clock that the test gives. Lives on the test's thread; link Kav::telephony and Qt6::Test.
///
///     FakeTwilio twilio(clock);
///     QVERIFY(twilio.open(port, "/media/" + token));
///     twilio.start();
///     twilio.media(frame);
///     QTRY_VERIFY(!twilio.heard.isEmpty());
class FakeTwilio final {
public:
    explicit FakeTwilio(const Clock& clock, telephony::StreamIds ids = telephony::StreamIds::random())
        : m_clock(clock)
        , m_writer(std::move(ids))
    {
    }

    // What came from the engine.
    QByteArray heard; ///< all its audio, in order
    int mediaMessages = 0;
    QStringList marks; ///< asked for
    QStringList returnedMarks;
    int clears = 0;
    QStringList refused; ///< messages that Twilio would refuse, and why
    // How it ended.
    int refusedStatus = -1; ///< of the upgrade: -1 not refused, 0 no answer
    bool isClosed = false;
    bool closedByEngine = false;
    quint16 closeCode = 0;
    /// False: marks are never returned, as when they get lost.
    bool returnsMarks = true;

    /// Shakes hands with 127.0.0.1:`port`. With an auth token the upgrade is signed over wss://`host``path`.
    bool open(quint16 port, const QByteArray& path, const QByteArray& authToken = {}, const QByteArray& host = {})
    {
        net::WebSocketClient::Target target;
        target.connectHost = QStringLiteral("127.0.0.1");
        target.connectPort = port;
        target.host = host.isEmpty() ? "127.0.0.1:" + QByteArray::number(port) : host;
        target.path = path;
        target.headers = extraHeaders;
        target.headers.emplaceBack("User-Agent", "Twilio.TmeWs/1.0");
        if (!authToken.isEmpty()) {
            const QByteArray url = "wss://" + target.host + path;
            target.headers.emplaceBack("x-twilio-signature", telephony::computeSignature(authToken, url));
        }
        m_socket = std::make_unique<net::WebSocketClient>();
        using Socket = net::WebSocketClient;
        QObject::connect(
            m_socket.get(), &Socket::textReceived, &m_context, [this](const QByteArray& text) { onText(text); });
        QObject::connect(m_socket.get(), &Socket::failed, &m_context,
            [this](int status, const QString&) { refusedStatus = status; });
        QObject::connect(m_socket.get(), &Socket::binaryReceived, &m_context,
            [this](const QByteArray&) { refused += QStringLiteral("binary frame"); });
        QObject::connect(
            m_socket.get(), &Socket::closed, &m_context, [this](bool byPeer, quint16 code, const QString&) {
                isClosed = true;
                closedByEngine = byPeer;
                closeCode = code;
            });
        m_socket->open(target);
        return QTest::qWaitFor([this] { return m_socket->isOpen() || refusedStatus >= 0; }) && m_socket->isOpen();
    }
    /// More header lines of the upgrade, e.g. a sub-protocol.
    QList<std::pair<QByteArray, QByteArray>> extraHeaders;

    // What Twilio says.
    void connected() { m_socket->sendText(m_writer.connected()); }
    /// connected and start, back to back.
    void start(const QMap<QString, QString>& parameters = {})
    {
        connected();
        m_socket->sendText(m_writer.start(parameters));
        m_buffer.start(m_clock.now());
    }
    /// One message of any length; its timestamp follows from what was sent.
    void media(std::span<const quint8> mulaw)
    {
        m_socket->sendText(m_writer.media(mulaw, m_sentSamples * 1000 / media::SampleRate));
        m_sentSamples += mulaw.size();
    }
    void media(const QByteArray& mulaw)
    {
        media({reinterpret_cast<const quint8*>(mulaw.constData()), static_cast<std::size_t>(mulaw.size())});
    }
    void silence(int frames)
    {
        for (int i = 0; i < frames; ++i)
            media(QByteArray(qsizetype(media::FrameSamples), static_cast<char>(media::MulawSilence)));
    }
    void dtmf(char digit) { m_socket->sendText(m_writer.dtmf(digit)); }
    void stop() { m_socket->sendText(m_writer.stop()); }
    void hangUp()
    {
        stop();
        m_socket->close(1000);
    }
    /// Plays out up to the clock's now and returns the marks reached.
    void advance() { giveBack(m_buffer.advance(m_clock.now())); }
    void returnMark(const QString& name) { m_socket->sendText(m_writer.mark(name)); }

    // Faults.
    void stopTwice()
    {
        stop();
        stop();
    }
    void mediaWithoutStart()
    {
        connected();
        silence(1);
    }
    void wrongStreamSid()
    {
        const QString right = m_writer.ids().streamSid;
        m_writer.setStreamSid(QStringLiteral("MZ00000000000000000000000000000000"));
        silence(1);
        m_writer.setStreamSid(right);
    }
    /// Messages lost: numbers skipped and the time with them.
    void gap(int frames)
    {
        m_writer.skip(static_cast<quint64>(frames));
        m_sentSamples += static_cast<quint64>(frames) * media::FrameSamples;
    }
    void garbageBase64()
    {
        QByteArray message = m_writer.media(std::array<quint8, 3>{1, 2, 3}, m_sentSamples / 8);
        m_socket->sendText(message.replace("\"payload\":\"", "\"payload\":\"*?"));
    }
    void text(const QByteArray& anything) { m_socket->sendText(anything); }
    void binary(const QByteArray& anything) { m_socket->sendFrame(net::WebSocketClient::Opcode::Binary, anything); }
    void raw(const QByteArray& bytes) { m_socket->sendRaw(bytes); }
    void close(quint16 code) { m_socket->close(code); }
    void reset() { m_socket->reset(); }
    void halfOpen() { m_socket->fallSilent(); }

    const telephony::StreamIds& ids() const { return m_writer.ids(); }
    const telephony::TwilioBuffer& buffer() const { return m_buffer; }
    bool isOpen() const { return m_socket && m_socket->isOpen(); }

private:
    void onText(const QByteArray& text)
    {
        const auto message = telephony::readPeerMessage(text, m_writer.ids().streamSid);
        if (!message) {
            refused += message.error().message;
            return;
        }
        const Instant now = m_clock.now();
        if (const auto* audio = std::get_if<telephony::PeerMedia>(&*message)) {
            heard += audio->mulaw;
            ++mediaMessages;
            giveBack(m_buffer.media({reinterpret_cast<const quint8*>(audio->mulaw.constData()),
                                        static_cast<std::size_t>(audio->mulaw.size())},
                now));
        } else if (const auto* mark = std::get_if<telephony::PeerMark>(&*message)) {
            marks += mark->name;
            giveBack(m_buffer.mark(mark->name, now));
        } else {
            ++clears;
            giveBack(m_buffer.clear(now));
        }
    }
    void giveBack(const std::vector<QString>& names)
    {
        if (!returnsMarks)
            return;
        for (const QString& name : names) {
            returnedMarks += name;
            m_socket->sendText(m_writer.mark(name));
        }
    }

    const Clock& m_clock;
    QObject m_context;
    telephony::TwilioPeerWriter m_writer;
    telephony::TwilioBuffer m_buffer;
    std::unique_ptr<net::WebSocketClient> m_socket;
    quint64 m_sentSamples = 0;
};

} // namespace kav::test
