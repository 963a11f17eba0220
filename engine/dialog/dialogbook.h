// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/dialogscript.h"

#include <QString>

#include <memory>
#include <vector>

namespace kav::dialog {

/// The dialogs of an engine, one for each language. Immutable, any thread.
class DialogBook final {
public:
    using ScriptPointer = std::shared_ptr<const DialogScript>;

    /// The first serves every language that has none of its own; of two for one language the earlier counts. Null ones
    /// are left out.
    explicit DialogBook(std::vector<ScriptPointer> scripts);

    /// The language's own ("he-IL"), else one of the same tongue ("he"), else the first. Null only when there is none.
    ScriptPointer scriptFor(const QString& language) const;
    const std::vector<ScriptPointer>& all() const { return m_scripts; }

private:
    std::vector<ScriptPointer> m_scripts;
};

} // namespace kav::dialog
