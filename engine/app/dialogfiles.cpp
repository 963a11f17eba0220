// SPDX-License-Identifier: Apache-2.0
#include "engine/app/dialogfiles.h"

#include "shared/core/logging.h"

#include <QFile>

// Q_INIT_RESOURCE must stand outside of any namespace: a static library's resources are registered by hand.
static void registerBuiltInDialogs()
{
    Q_INIT_RESOURCE(dialogs);
}

namespace kav::app {

namespace {

dialog::DialogBook::ScriptPointer builtInDialog(const QString& name)
{
    QFile file(QStringLiteral(":/kav/dialogs/") + name);
    if (!file.open(QIODevice::ReadOnly))
        return nullptr;
    const auto script = dialog::DialogScript::parse(file.readAll(), QStringLiteral("built-in ") + name);
    if (!script) {
        qCCritical(lcApp).noquote() << "a built-in dialog is broken:" << script.error().message;
        return nullptr;
    }
    return *script;
}

} // namespace

LoadedDialogs loadDialogs(const Config& config)
{
    registerBuiltInDialogs();
    LoadedDialogs loaded;
    std::vector<dialog::DialogBook::ScriptPointer> scripts;
    for (const QString& file : QStringList{config.dialogFile} + config.otherDialogFiles) {
        if (const auto script = dialog::DialogScript::load(file))
            scripts.push_back(*script);
        else
            loaded.problems += script.error().message;
        // Who speaks when nobody speaks the caller's language stays the same, whatever becomes of the files.
        if (scripts.empty())
            scripts.push_back(builtInDialog(QStringLiteral("receptionist.toml")));
    }
    for (const char* name : {"receptionist.toml", "receptionist-he.toml"}) {
        const auto builtIn = builtInDialog(QLatin1String(name));
        const auto serving = builtIn ? dialog::DialogBook(scripts).scriptFor(builtIn->language()) : nullptr;
        if (builtIn && (!serving || !dialog::isSameLanguage(serving->language(), builtIn->language())))
            scripts.push_back(builtIn);
    }
    loaded.book = std::make_shared<const dialog::DialogBook>(std::move(scripts));
    return loaded;
}

} // namespace kav::app
