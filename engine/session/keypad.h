// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"
#include "engine/providers/speech.h"
#include "engine/session/toolrunner.h"
#include "shared/core/clock.h"

#include <QString>

#include <optional>

namespace kav::session {

/// What is expected of the keypad after an answer: what the model has asked for, else what its persona is set to.
providers::Expectation withKeypad(
    providers::Expectation next, const providers::Persona* persona, const std::optional<KeysWanted>& asked);

/// Collects single keys into one entry, as the dialog's expectation asks. Pure; one per call, owned by its session.
class Keypad final {
public:
    /// A new expectation drops a half-made entry only when it takes keys of another shape.
    void expect(const providers::Expectation& expectation);
    /// The entry that this key completes, if it does. The finish key is never part of an entry that it closes.
    std::optional<QString> press(char key, Instant now);
    /// No entry has been begun.
    bool isEmpty() const { return m_keys.isEmpty(); }
    /// The entry that the pause after the last key completes, if it does.
    std::optional<QString> tick(Instant now);

private:
    std::optional<QString> take();

    providers::Expectation m_expectation;
    QString m_keys;
    Instant m_lastKey;
};

} // namespace kav::session
