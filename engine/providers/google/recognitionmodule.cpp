// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/recognitionmodule.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonObject>
#include <QPluginLoader>

#include <algorithm>
#include <memory>
#include <mutex>

namespace kav::providers {

namespace {
/// Never deleted: at the process's end Qt deletes the instance of a plugin that no loader holds, while a maker may
/// still be using it.
struct LoadedModule final {
    std::unique_ptr<const QPluginLoader> loader;
    const RecognitionModule* module = nullptr;
};
std::mutex moduleMutex;
const LoadedModule* loadedModule = nullptr; // guarded by moduleMutex

/// The remedy comes before the details: tables cut long reasons.
Error moduleError(Error::Code code, const QString& what, const QString& remedy, const QString& file, const QString& why)
{
    return Error{code,
        QStringLiteral("Google's streaming recognition %1; use google-rest, or %2 (%3: %4)")
            .arg(what, remedy, file, why),
        {}};
}

Error refusedModule(const QString& file, const QString& why)
{
    return moduleError(Error::Code::Invalid, QStringLiteral("is not this engine's"),
        QStringLiteral("install the module that came with the engine"), file, why);
}

Result<const RecognitionModule*> loadFile(const QString& file)
{
    auto loader = std::make_unique<QPluginLoader>(file);
    // Read out of the file, before any of its code or gRPC's runs.
    const QString identity = loader->metaData().value(QLatin1String("IID")).toString();
    const QString wanted = QStringLiteral(KAV_RECOGNITION_IID);
    if (identity.section(QLatin1Char('/'), 0, 0) != wanted.section(QLatin1Char('/'), 0, 0))
        return refusedModule(file, QStringLiteral("it is no module of Kav's"));
    if (identity != wanted) {
        return refusedModule(file,
            QStringLiteral("it is of build %1, the engine of %2")
                .arg(identity.section(QLatin1Char('/'), 1), wanted.section(QLatin1Char('/'), 1)));
    }
    const std::lock_guard lock(moduleMutex);
    if (loadedModule)
        return loadedModule->module; // a second copy would make protobuf end the process
    loader->setLoadHints(QLibrary::ResolveAllSymbolsHint | QLibrary::PreventUnloadHint);
    const auto* const module = qobject_cast<RecognitionModule*>(loader->instance());
    if (!module) {
        return moduleError(Error::Code::Unavailable, QStringLiteral("cannot be loaded"),
            QStringLiteral("install what it needs, gRPC for C++ and protobuf"), file, loader->errorString());
    }
    loadedModule = new LoadedModule{std::move(loader), module};
    return module;
}
} // namespace

QStringList recognitionModuleFiles(const QString& folder)
{
    const QString name = QStringLiteral("libkav-google-grpc.so");
    return {QDir::cleanPath(folder + QLatin1Char('/') + name),
        QDir::cleanPath(folder + QStringLiteral("/../lib/kav/") + name)};
}

Result<const RecognitionModule*> loadRecognitionModule(const QStringList& files)
{
    const auto found =
        std::find_if(files.cbegin(), files.cend(), [](const QString& file) { return QFile::exists(file); });
    if (found == files.cend()) {
        return moduleError(Error::Code::NotFound, QStringLiteral("is not installed"), QStringLiteral("install it"),
            files.join(QStringLiteral(" or ")), QStringLiteral("not found"));
    }
    return loadFile(*found);
}

Result<const RecognitionModule*> loadRecognitionModule()
{
    {
        // Whatever an upgrade has put into its place since.
        const std::lock_guard lock(moduleMutex);
        if (loadedModule)
            return loadedModule->module;
    }
    // Not by QCoreApplication, which a maker that is late may outlive.
    const QFileInfo program(QFile::symLinkTarget(QStringLiteral("/proc/self/exe")));
    return loadRecognitionModule(recognitionModuleFiles(program.absolutePath()));
}

} // namespace kav::providers
