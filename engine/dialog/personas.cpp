// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/personas.h"

namespace kav::dialog {

PersonaBook::PersonaBook(const QList<providers::Persona>& personas, const QString& language)
{
    auto standing = std::make_shared<providers::Persona>();
    standing->name = QStringLiteral("default");
    standing->language = language;
    m_all.push_back(standing);
    for (const providers::Persona& persona : personas) {
        const auto shared = std::make_shared<const providers::Persona>(persona);
        if (persona.numbers.isEmpty())
            m_all.front() = shared;
        else
            m_all.push_back(shared);
        for (const QString& number : persona.numbers)
            m_byNumber.insert(number, shared);
    }
}

PersonaBook::PersonaPointer PersonaBook::personaFor(const QString& calledNumber) const
{
    return m_byNumber.value(calledNumber, m_all.front());
}

PersonaBook::PersonaPointer PersonaBook::named(const QString& name) const
{
    for (const PersonaPointer& persona : m_all) {
        if (persona->name == name)
            return persona;
    }
    return nullptr;
}

} // namespace kav::dialog
