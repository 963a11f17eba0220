// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/registry.h"
#include "shared/core/clock.h"
#include "shared/core/error.h"

#include <QHash>
#include <QString>

#include <mutex>

namespace kav::providers {

/// Which providers are fit to be used. A failure lets a provider rest: at once after a refusal (credentials, a limit
/// with its Retry-After), else after two in a row or a stall; each rest is longer, up to a limit. An Invalid is no
/// failure of the provider's: it could not do the one thing that was asked (a language, a voice, a grammar it lacks).
/// After its rest it is probed off calls where somebody does that (HealthProbes); then, or at once, it is on probation:
/// one use at a time, and a success makes it fit. Shared by all calls; any thread.
class Health final {
public:
    struct Settings final {
        Milliseconds firstRest{5000};
        Milliseconds longestRest{120000};
        int failuresInARow = 2;
        /// Somebody takes takeDue() and tells what came of it: until then no call tries. Should nobody come for longestRest,
        /// a call may.
        bool probedFirst = false;
    };
    enum class State { Fit, Resting, Probation };

    Health(const Settings& settings, const Clock& clock);

    /// May be used now; on probation it says yes to one who asks, and no to the others until that one has reported.
    bool mayUse(Stage stage, const QString& provider);
    void succeeded(Stage stage, const QString& provider);
    void failed(Stage stage, const QString& provider, const Error& error);
    /// It rests, and a try is out of the question: it refused us, or said how long to stay away.
    bool askedForRest(Stage stage, const QString& provider) const;
    /// It was given up without a verdict (the caller interrupted, the call ended).
    void released(Stage stage, const QString& provider);

    struct Due final {
        Stage stage;
        QString provider;
    };
    /// Those whose rest is over and who are to be probed: each is told of with passed() or failed().
    QList<Due> takeDue();
    /// The probe went well: a call may try.
    void passed(Stage stage, const QString& provider);

    State state(Stage stage, const QString& provider) const;
    Error lastError(Stage stage, const QString& provider) const;
    /// Until when it rests; a past moment when it does not.
    Instant restsUntil(Stage stage, const QString& provider) const;

private:
    struct Record {
        Stage stage = Stage::SpeechToText;
        QString provider;
        int failuresInARow = 0, rests = 0;
        Instant restUntil;
        bool resting = false, probing = false;
        bool probedAside = false, hasPassed = false; ///< by whoever took it from takeDue()
        Instant probeBegan; ///< a probe that nobody reported counts as ended after longestRest
        Error lastError;
    };
    bool awaitsProbe(const Record& record, Instant now) const;
    static QString keyOf(Stage stage, const QString& provider);

    const Settings m_settings;
    const Clock& m_clock;
    mutable std::mutex m_mutex;
    QHash<QString, Record> m_records; // guarded by m_mutex
};

} // namespace kav::providers
