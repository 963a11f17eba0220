// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/websocketclient.h"
#include "engine/providers/realtime/deadline.h"
#include "engine/providers/realtime/realtime.h"

#include <QJsonObject>
#include <QObject>

namespace kav::providers {

/// One WebSocket to the vendor, as events. Belongs to its owner's thread; delete it later, not from its own signals.
/// What is sent before session.created waits until then. Emits created() once, received() for every other event, and
/// broken() once: after it nothing more.
class RealtimeLink final : public QObject {
    Q_OBJECT
public:
    static constexpr qsizetype LongestMessage = 16 * 1024 * 1024;
    static constexpr qsizetype LongestQueue = 4 * 1024 * 1024; ///< of what the vendor has not taken yet

    RealtimeLink(const RealtimeSettings& settings, const QString& model, const Clock& clock);

    void open();
    void send(const QByteArray& json);
    const QString& model() const { return m_model; }
    /// It would have been opened just so with these settings.
    bool fits(const RealtimeSettings& settings) const;
    bool isCreated() const { return m_isCreated; }
    bool isBroken() const { return m_isBroken; }
    /// It is of no use any more; who uses it is told in a moment.
    void breakOff(const Error& error);

Q_SIGNALS:
    void created();
    void received(const QJsonObject& event);
    void broken(const kav::Error& error);

private:
    void onText(const QByteArray& utf8);
    void onRefused(int status, const QString& reason);
    void fail(const Error& error);

    const RealtimeSettings m_settings;
    const QString m_model;
    net::WebSocketClient m_socket;
    RealtimeDeadline m_deadline;
    QList<QByteArray> m_queue; ///< until session.created
    qsizetype m_queued = 0;
    bool m_isCreated = false, m_isBroken = false;
};

/// Of an error event, or of a response that failed: {"type", "code", "message"}.
Error realtimeErrorOf(const RealtimeSettings& settings, const QJsonObject& error);
/// The form of address and key.
Result<void> checkRealtimeForm(const RealtimeSettings& settings);

} // namespace kav::providers
