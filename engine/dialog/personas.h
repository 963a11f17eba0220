// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"

#include <QHash>
#include <QList>
#include <QString>

#include <memory>
#include <vector>

namespace kav::dialog {

/// Who answers which number. Immutable, shared by all threads; a reload makes another one, and whoever holds a persona
/// of the old one keeps it.
class PersonaBook final {
public:
    using PersonaPointer = std::shared_ptr<const providers::Persona>;

    /// One without numbers is the default; where there is none, one named "default" is made with `language`.
    explicit PersonaBook(const QList<providers::Persona>& personas, const QString& language = QStringLiteral("en-US"));

    /// By the number as Twilio gives it; never null.
    PersonaPointer personaFor(const QString& calledNumber) const;
    /// Null where there is none.
    PersonaPointer named(const QString& name) const;
    const std::vector<PersonaPointer>& all() const { return m_all; } ///< the default first

private:
    std::vector<PersonaPointer> m_all;
    QHash<QString, PersonaPointer> m_byNumber;
};

} // namespace kav::dialog
