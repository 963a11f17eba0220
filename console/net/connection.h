// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/net/linkstate.h"
#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QDateTime>
#include <QObject>
#include <QUrl>

#include <functional>
#include <memory>
#include <optional>

namespace kav::console {

class Synchronizer;

/// The line to the engine: opens the WebSocket, carries the synchroniser's texts, notices silence, and comes back after
/// a loss with back-off. Owned by Desk, lives on the GUI thread; a slot may call its methods or turn the event loop.
///
/// What ends in Refused, because no attempt would go better: a version or token that the engine refuses, an upgrade
/// answered with 401, 403 or 404. All else is Waiting: no route, a certificate that does not hold, other HTTP statuses
/// (redirects are not followed: the token goes where the user said), what is not the protocol, silence, closing.
class Connection final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        Milliseconds openTime{10000}; ///< TCP, TLS and upgrade; Qt's client has no limit of its own
        Milliseconds welcomeTime{10000}; ///< from there to Live, and from a gap back to Live
        int staleHeartbeats = 3;
        Milliseconds deadAfter{30000}; ///< Stale for so long: the line is dropped and tried anew
    };

    Connection(Synchronizer& synchronizer, const Settings& settings, const Clock& clock, std::function<double()> random,
        QObject* parent = nullptr);
    ~Connection() override;

    /// `url` as engineUrl() gives it. Drops what is open; what was known of another engine is forgotten.
    void open(const QUrl& url);
    void close();
    /// Now, without waiting; the back-off starts again. Also the way out of Refused, and of Stale. Nothing while an
    /// attempt is under way or the line is Live.
    void retryNow();

    LinkState state() const;
    QUrl url() const;
    /// When Waiting.
    std::optional<Instant> nextAttempt() const;
    /// Why the line went, or what the engine or this side said when it was Refused; until it is Live again. English,
    /// for a tooltip; the banner's words come from refusal().
    QString reason() const;
    /// As the engine gave it, or made of the HTTP status or the close code; none when the reason has no such code.
    std::optional<protocol::Refusal> refusal() const;
    /// When the last message came, on the wall clock; not valid before the first.
    QDateTime dataFrom() const;
    /// Deadlines, the synchroniser's too; called by an inner timer, and by tests with a fake clock.
    void tick();

Q_SIGNALS:
    void stateChanged(kav::console::LinkState state);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
