// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogbook.h"

#include <algorithm>

namespace kav::dialog {

DialogBook::DialogBook(std::vector<ScriptPointer> scripts)
    : m_scripts(std::move(scripts))
{
    std::erase(m_scripts, nullptr);
}

DialogBook::ScriptPointer DialogBook::scriptFor(const QString& language) const
{
    ScriptPointer kin;
    for (const ScriptPointer& script : m_scripts) {
        const QString own = script->language();
        if (own.compare(language, Qt::CaseInsensitive) == 0)
            return script;
        if (!kin && isSameLanguage(own, language))
            kin = script;
    }
    if (kin)
        return kin;
    return m_scripts.empty() ? nullptr : m_scripts.front();
}

} // namespace kav::dialog
