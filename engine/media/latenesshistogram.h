// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

namespace kav::media {

/// How late something ran, in buckets. One thread records, any thread reads; no locks. A snapshot taken while the other
/// thread records may miss its last record in one field and have it in another.
class LatenessHistogram final {
public:
    /// Upper bounds of the buckets in microseconds, inclusive; the last bucket has none.
    static constexpr std::array<qint64, 12> BoundsUs{
        50, 100, 200, 500, 1000, 2000, 3000, 5000, 10'000, 20'000, 50'000, 100'000};
    static constexpr std::size_t BucketCount = BoundsUs.size() + 1;

    struct Snapshot final {
        std::array<quint64, BucketCount> buckets{}; ///< not cumulative
        quint64 count = 0;
        std::chrono::microseconds sum{0};
        std::chrono::microseconds worst{0};

        /// Upper bound of the bucket that holds the given share (0..1) of all records; `worst` when it has none.
        std::chrono::microseconds quantile(double share) const
        {
            const auto wanted = static_cast<quint64>(share * static_cast<double>(count));
            quint64 seen = 0;
            for (std::size_t i = 0; i < BoundsUs.size(); ++i) {
                seen += buckets[i];
                if (seen >= wanted && seen > 0)
                    return std::min(std::chrono::microseconds(BoundsUs[i]), worst);
            }
            return worst;
        }
    };

    void record(std::chrono::nanoseconds lateness)
    {
        const qint64 us = std::max<qint64>(std::chrono::duration_cast<std::chrono::microseconds>(lateness).count(), 0);
        const auto bucket = std::ranges::lower_bound(BoundsUs, us) - BoundsUs.begin();
        m_buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
        m_sumUs.fetch_add(us, std::memory_order_relaxed);
        if (us > m_worstUs.load(std::memory_order_relaxed)) // one writer: no exchange needed
            m_worstUs.store(us, std::memory_order_relaxed);
    }

    Snapshot snapshot() const
    {
        Snapshot result;
        for (std::size_t i = 0; i < BucketCount; ++i) {
            result.buckets[i] = m_buckets[i].load(std::memory_order_relaxed);
            result.count += result.buckets[i];
        }
        result.sum = std::chrono::microseconds(m_sumUs.load(std::memory_order_relaxed));
        result.worst = std::chrono::microseconds(m_worstUs.load(std::memory_order_relaxed));
        return result;
    }

private:
    std::array<std::atomic<quint64>, BucketCount> m_buckets{};
    std::atomic<qint64> m_sumUs{0};
    std::atomic<qint64> m_worstUs{0};
};

} // namespace kav::media
