// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googlecredentials.h"
#include "engine/providers/google/googleheader.h"
#include "engine/providers/http/httppool.h"

#include <QObject>

#include <functional>
#include <memory>
#include <optional>

namespace kav::providers {

/// Someone who waits for a header; deleting it gives up.
class GoogleAsk : public QObject {
    Q_OBJECT
Q_SIGNALS:
    void answered(const kav::providers::GoogleHeader& header);
    void failed(const kav::Error& error);
};

/// Keeps one access token for all who speak to Google with the same credentials, on any thread. It is fetched once
/// however many ask, by a thread of its own (none for an API key), and renewed five minutes before its end, as either
/// clock counts: that of a machine that slept, or whose wall clock was set, jumps. A failed attempt is not repeated
/// within two seconds: who asks is told what it said. Immutable but for the token; its destructor waits for nothing on
/// the network.
class GoogleAuth final {
public:
    GoogleAuth(GoogleCredentials credentials, std::shared_ptr<HttpPool> pool, const Clock& clock);
    ~GoogleAuth();
    Q_DISABLE_COPY_MOVE(GoogleAuth)

    /// The header when there is one; the next one is then on its way if it is about to end.
    std::optional<GoogleHeader> header();
    /// Fetches one; the answer comes through the asker's event loop.
    std::unique_ptr<GoogleAsk> ask();
    /// Google has refused it: it is not given out again.
    void reject(const GoogleHeader& header);
    /// What must not appear in any error.
    QStringList secrets() const;

private:
    struct Private;
    const std::unique_ptr<Private> d;
};

} // namespace kav::providers
