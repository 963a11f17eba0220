// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/loadworks.h"

#include <QDir>
#include <QFile>
#include <QLibrary>

#include <algorithm>

namespace kav::evidence {

QStringList worksFiles(const QString& programFolder)
{
    const QString name = QStringLiteral("libkav-evidence.so");
    return {QDir::cleanPath(programFolder + QLatin1Char('/') + name),
        QDir::cleanPath(programFolder + QStringLiteral("/../lib/kav/") + name)};
}

Result<const KavEvidenceWorks*> loadWorks(const QStringList& files)
{
    const auto found =
        std::find_if(files.cbegin(), files.cend(), [](const QString& file) { return QFile::exists(file); });
    if (found == files.cend())
        return Error{Error::Code::NotFound,
            QStringLiteral("the module that draws and zips is not installed: there is no %1")
                .arg(files.join(QStringLiteral(" and no "))),
            {}};
    QLibrary library(*found);
    library.setLoadHints(QLibrary::PreventUnloadHint);
    const auto entry = reinterpret_cast<decltype(&kav_evidence_works_1)>(library.resolve("kav_evidence_works_1"));
    if (!entry) {
        return Error{Error::Code::Unavailable,
            QStringLiteral(
                "the module that draws and zips cannot be loaded; install the one that came with the engine, "
                "and cairo and libarchive: %1")
                .arg(library.errorString()),
            {}};
    }
    return entry();
}

} // namespace kav::evidence
