// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/webhooks/streamtoken.h"
#include "shared/core/clock.h"

#include <QDateTime>
#include <QHash>
#include <QString>
#include <QStringList>

#include <deque>
#include <optional>

namespace kav::webhooks {

/// Which calls have a stream, from the moment one is let in: between the gate's verdict and the worker that completes
/// the handshake lies another thread, and a burst of streams must not slip through that gap. One stream for a call at a
/// time, and one for a token ever: a second one would hear the caller, speak to nobody, and write into the call's log.
///
/// A plain object, owned by the composition root, lives on the control thread.
class StreamLedger final {
public:
    struct Settings final {
        /// A handshake that has not become a stream by then has failed; longer than the host itself waits for it.
        Milliseconds handshake{30'000};
        std::size_t spentTokens = 16'384; ///< remembered; the oldest go first, and expired ones
    };

    StreamLedger() = default;
    explicit StreamLedger(const Settings& settings);

    /// The call has a stream, or this token has had one.
    bool isTaken(const StreamClaims& claims, Instant now) const;
    void admitted(const StreamClaims& claims, int worker, Instant now, const QDateTime& wallNow);
    void started(const QString& callSid);
    void ended(const QString& callSid);

    /// Streams let in and not over, of one worker or of all.
    int open(Instant now, std::optional<int> worker = {}) const;
    /// The same as CallSids, of all.
    QStringList calls(Instant now) const;
    /// The worker that has the call's stream, those still in their handshake included.
    std::optional<int> workerOf(const QString& callSid) const;

private:
    struct Open final {
        int worker = 0;
        Instant admitted;
        QDateTime expires;
        bool isStarted = false;
    };
    struct Spent final {
        QString callSid;
        QDateTime expires;
    };
    bool isOver(const Open& open, Instant now) const;
    void forget(const QDateTime& wallNow);

    Settings m_settings;
    QHash<QString, Open> m_open; ///< by CallSid
    QHash<QString, QDateTime> m_spent; ///< CallSid -> expiry of the latest token that has had its stream
    std::deque<Spent> m_spentOrder; ///< oldest first
};

} // namespace kav::webhooks
