// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/status.h"

#include <QString>

#include <array>
#include <map>
#include <vector>

namespace kav::metrics {

/// How each provider has served of late: of its latest 256 uses those within a quarter of an hour. For operators; the
/// histograms of Metrics are for Prometheus. Owned by the composition root, lives on its thread. Keeps 4 KiB for each
/// of at most 32 providers; what happens is one store into a ring, and what it comes to is reckoned when asked.
class RecentUse final {
public:
    static constexpr size_t LatestUses = 256;
    static constexpr size_t MostProviders = 32;
    static constexpr Milliseconds Window{15 * 60 * 1000};

    /// It gave the first of what was asked for. `service`: "tts/google".
    void answered(const QString& service, Milliseconds took, Instant now);
    /// It failed or stalled in use.
    void left(const QString& service, Instant now);
    /// Percentiles are values that occurred: the least that so many of a hundred did not exceed.
    ServiceUse of(const QString& service, Instant now) const;

private:
    struct Use final {
        Instant at;
        Milliseconds took{-1}; ///< below zero: an error
    };
    struct Ring final {
        std::array<Use, LatestUses> uses;
        size_t count = 0; ///< ever
    };
    void add(const QString& service, const Use& use);

    std::map<QString, Ring> m_rings;
    mutable std::vector<Milliseconds> m_sorted; // room that is kept
};

} // namespace kav::metrics
