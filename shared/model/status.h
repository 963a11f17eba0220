// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>
#include <QMetaType>
#include <QString>
#include <QStringList>

#include <chrono>
#include <optional>

// The state of the engine and of what it depends on, as an operator sees it. Plain structs, copied across threads.
namespace kav {

/// What one dependency of the engine is fit for: a lamp.
enum class ServiceState {
    Off, ///< not configured, or not asked for yet
    Warming, ///< an attempt is under way
    Ready,
    Degraded, ///< it serves, but not as it should
    Failed, ///< it does not serve; `reason` says why
};
QString serviceStateName(ServiceState state);
std::optional<ServiceState> serviceStateFromName(QStringView name);

/// How a provider has served of late: within a bounded window, the engine's to choose.
struct ServiceUse final {
    int answers = 0; ///< it gave the first of what was asked for
    int errors = 0; ///< it was left for the next
    /// From what was asked to the first of the answer; absent without answers.
    std::optional<std::chrono::milliseconds> p50, p95, p99;

    bool operator==(const ServiceUse&) const = default;
};

/// One dependency: a provider stage, one provider of it, the store, the media workers.
struct ServiceStatus final {
    /// "stt", "llm", "tts", "store", "media", "tts/google": stable, never renamed; unknown ones are shown as they are.
    QString id;
    QString name; ///< of what serves now ("pocketsphinx"); empty when nothing does
    ServiceState state = ServiceState::Off;
    QString reason; ///< why Degraded or Failed, for an operator
    QDateTime since; ///< UTC: of this state
    QDateTime checkedAt; ///< UTC: the last time the engine looked
    std::optional<std::chrono::milliseconds> took; ///< the last attempt to make it
    QDateTime retryAt; ///< UTC: the next attempt, when Failed; else not valid
    /// Of one provider: the id of the stage it is in the list of; its own is "stt/google". Empty for all others.
    QString stage{};
    std::optional<ServiceUse> use{}; ///< of one provider

    bool operator==(const ServiceStatus&) const = default;
};

/// The engine as a whole.
struct EngineStatus final {
    bool ready = false; ///< takes calls now
    QStringList notReady; ///< why not: "draining", "full", "store", "workers"; words of the engine's readiness page
    bool draining = false;
    int calls = 0; ///< live
    int capacity = 0;
    int consoles = 0; ///< connected, this one included
    QStringList personas{}; ///< by name: who may speak in a call that is placed; empty where none can be
    std::optional<int> remaining{}; ///< while draining: calls that the end waits for; some of them only ring, or are with a person
    QDateTime goodbyeAt{}; ///< UTC; while draining: when those that are left hear a goodbye; not valid: they hear it now

    bool operator==(const EngineStatus&) const = default;
};

} // namespace kav

Q_DECLARE_METATYPE(kav::ServiceStatus)
Q_DECLARE_METATYPE(kav::EngineStatus)
