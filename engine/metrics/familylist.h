// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <prometheus/metric_family.h>
#include <utility>
#include <vector>

namespace kav::metrics {

/// Families made of values that somebody else counts, in the form of the Prometheus library. For the sources of this
/// folder alone.
class FamilyList final {
public:
    using Families = std::vector<prometheus::MetricFamily>;
    using Values = std::initializer_list<std::pair<const char*, double>>; ///< label's value, figure

    void gauge(const char* name, const char* help, double value)
    {
        add(name, help, prometheus::MetricType::Gauge, nullptr, {{"", value}});
    }
    void gauges(const char* name, const char* help, const char* label, Values values)
    {
        add(name, help, prometheus::MetricType::Gauge, label, values);
    }
    void counter(const char* name, const char* help, double value)
    {
        add(name, help, prometheus::MetricType::Counter, nullptr, {{"", value}});
    }
    void counters(const char* name, const char* help, const char* label, Values values)
    {
        add(name, help, prometheus::MetricType::Counter, label, values);
    }
    prometheus::MetricFamily& family(const char* name, const char* help, prometheus::MetricType type)
    {
        return m_families.emplace_back(prometheus::MetricFamily{name, help, type, {}});
    }
    Families take() { return std::move(m_families); }

private:
    void add(const char* name, const char* help, prometheus::MetricType type, const char* label, Values values)
    {
        prometheus::MetricFamily& made = family(name, help, type);
        for (const auto& [labelled, value] : values) {
            prometheus::ClientMetric metric;
            if (label)
                metric.label = {{label, labelled}};
            (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
            made.metric.push_back(std::move(metric));
        }
    }

    Families m_families;
};

} // namespace kav::metrics
