// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/app/engine.h"
#include "tests/support/faketwilio.h"
#include "tests/support/rawclient.h"
#include "tests/support/standinproviders.h"
#include "tests/support/syntheticvoice.h"

#include <QJsonObject>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTimer>

#include <condition_variable>
#include <memory>
#include <mutex>

namespace kav::test {

/// Where a maker waits until the test lets it go.
class Gate final {
public:
    void wait();
    void open();
    bool isEntered() const;

private:
    mutable std::mutex m_mutex;
    std::condition_variable m_opened;
    bool m_entered = false, m_isOpen = false;
};

/// What is logged while it lives, instead of the terminal. Any thread logs; one at a time.
class LogCatcher final {
public:
    LogCatcher();
    ~LogCatcher();
    static QStringList lines();
};

/// The whole engine in this process with stand-in providers, on a port of its own and a directory of its own.
class EngineUnderTest final {
public:
    EngineUnderTest();
    ~EngineUnderTest();

    // To be changed before listen().
    app::Config config;
    providers::Makers makers; ///< stand-ins at zero delay

    void listen();
    void begin();
    /// listen(), begin(), and until every provider is there.
    void serve();
    void stop() { m_engine.reset(); }

    app::Engine& engine() { return *m_engine; }
    quint16 port() const { return m_port; }
    QString directory() const { return m_directory.path(); }

    RawResponse request(const QByteArray& method, const QByteArray& path, const QByteArray& body = {},
        const QByteArray& moreHeaders = {}) const;
    RawResponse get(const QByteArray& path) const { return request("GET", path); }
    /// The readiness page; `status` alone under "status".
    QJsonObject readiness() const;
    /// One metric's line, or an empty array.
    QByteArray metric(const QByteArray& name) const;
    /// A webhook of Twilio's about a call; signed when there is an auth token (and no public URL).
    RawResponse webhook(const QByteArray& name, const telephony::StreamIds& ids,
        const QString& status = QStringLiteral("ringing")) const;
    QStringList verbsAfter(const QByteArray& name, const telephony::StreamIds& ids) const;
    /// The path of the stream that the engine offers a new call; empty when it offers none.
    QByteArray offeredPath(const telephony::StreamIds& ids) const;

    QList<session::CallEnd> ends;
    QList<TurnRecord> turns;
    const SystemClock clock;

private:
    QTemporaryDir m_directory;
    std::unique_ptr<app::Engine> m_engine;
    quint16 m_port = 0;
};

/// A caller: 20 ms of voice or of silence every 20 ms, and Twilio's buffer at its ear.
class Caller final {
public:
    explicit Caller(const EngineUnderTest& engine);
    /// Webhook, stream, `start`. False when the engine takes no call.
    bool call();
    bool openStream(const QByteArray& path);
    void speak(Milliseconds length);
    bool isSpeaking() const { return m_voiceFrames > 0; }
    /// The agent has been heard out to the last mark.
    bool hasHeardOut() const { return !twilio.marks.isEmpty() && twilio.returnedMarks.size() == twilio.marks.size(); }
    void hangUp();
    void vanish();

    FakeTwilio twilio;

private:
    void tick();

    const EngineUnderTest& m_engine;
    SyntheticVoice m_voice;
    QTimer m_timer;
    int m_voiceFrames = 0;
};

} // namespace kav::test
