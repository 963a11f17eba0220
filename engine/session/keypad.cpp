// SPDX-License-Identifier: Apache-2.0
#include "engine/session/keypad.h"

#include <utility>

namespace kav::session {

providers::Expectation withKeypad(
    providers::Expectation next, const providers::Persona* persona, const std::optional<KeysWanted>& asked)
{
    if (!persona || (!asked && persona->keypad.digitsMax == 0))
        return next;
    const providers::PersonaKeypad& keypad = persona->keypad;
    next.keypadMin = asked ? asked->min : keypad.digitsMin;
    next.keypadMax = asked ? asked->max : keypad.digitsMax;
    next.keypadFinish = keypad.finish;
    next.keypadPause = keypad.timeout;
    if (asked && asked->sensitive) {
        next.sensitive = true;
        next.keptFromModel = !keypad.modelSeesSecrets;
    }
    return next;
}

void Keypad::expect(const providers::Expectation& expectation)
{
    if (expectation.keypadMax != m_expectation.keypadMax)
        m_keys.clear();
    m_expectation = expectation;
}

std::optional<QString> Keypad::press(char key, Instant now)
{
    m_lastKey = now;
    const bool single = m_expectation.keypadMax <= 1;
    if (key == m_expectation.keypadFinish && !single)
        return m_keys.isEmpty() ? std::nullopt : take();
    m_keys += QLatin1Char(key);
    if (single || m_keys.size() >= m_expectation.keypadMax)
        return take();
    return std::nullopt;
}

std::optional<QString> Keypad::tick(Instant now)
{
    // Too few keys and no more coming: the entry is handed over all the same, so that the dialog can say what was wrong
    // instead of leaving the caller in silence. It gets twice the pause before that.
    if (m_keys.isEmpty())
        return std::nullopt;
    const bool enough = m_keys.size() >= m_expectation.keypadMin;
    const auto pause = enough ? m_expectation.keypadPause : 2 * m_expectation.keypadPause;
    return now - m_lastKey >= pause ? take() : std::nullopt;
}

std::optional<QString> Keypad::take()
{
    return std::exchange(m_keys, {});
}

} // namespace kav::session
