// SPDX-License-Identifier: Apache-2.0
#include "engine/app/evidencecommand.h"

#include "engine/app/version.h"
#include "engine/evidence/loadworks.h"
#include "engine/evidence/pack.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QStandardPaths>

#include <cstdio>

namespace kav::app {

namespace {

int evidenceFailed(const Error& error)
{
    std::fprintf(stderr, "kav-engine: %s\n", qPrintable(error.message));
    return 1;
}

} // namespace

void giveFontsACache(const QString& dataDir)
{
    if (qEnvironmentVariableIsSet("XDG_CACHE_HOME") || QFileInfo(QDir::homePath()).isWritable())
        return;
    const QString folder = dataDir + QStringLiteral("/evidence");
    qputenv("XDG_CACHE_HOME", QFile::encodeName(folder));
    // By fontconfig itself it would be everybody's to read. The data directory is the call log's to make.
    if (QFileInfo(dataDir).isDir() && QDir().mkpath(folder + QStringLiteral("/fontconfig")))
        QFile::setPermissions(folder, QFileDevice::ReadOwner | QFileDevice::WriteOwner | QFileDevice::ExeOwner);
}

Result<EvidenceQuery> takeEvidenceArguments(QStringList& args)
{
    EvidenceQuery query;
    QStringList left;
    while (!args.isEmpty()) {
        const QString word = args.takeFirst();
        if (word == QLatin1String("--unmask")) {
            query.unmask = true;
        } else if (word == QLatin1String("--out")) {
            if (args.isEmpty())
                return Error{
                    Error::Code::Invalid, QStringLiteral("--out takes a folder, or a file ending in .zip"), {}};
            query.out = args.takeFirst();
        } else if (!word.startsWith(QLatin1Char('-')) && query.callId.isEmpty() && left.isEmpty()) {
            query.callId = word;
        } else {
            left += word;
        }
    }
    if (query.callId.isEmpty() || query.out.isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("evidence needs the call and a place: evidence CALLID --out DIR|FILE.zip"), {}};
    args = left;
    return query;
}

int runEvidenceCommand(const Config& config, const EvidenceQuery& query)
{
    const auto log = calllog::Queries::open(config.callLog);
    if (!log)
        return evidenceFailed(log.error());
    evidence::PackOptions options;
    options.madeAt = QDateTime::currentDateTimeUtc();
    auto gathered = evidence::gather(**log, config.keep, query.callId, options.madeAt);
    if (!gathered)
        return evidenceFailed(gathered.error());
    if (!query.unmask)
        evidence::hideNumbers(*gathered);
    options.out = query.out;
    options.ffmpeg = QStandardPaths::findExecutable(QStringLiteral("ffmpeg"));
    options.works = evidence::loadWorks(evidence::worksFiles(QCoreApplication::applicationDirPath()));
    options.madeBy = QStringLiteral("kav-engine %1 (%2)").arg(versionString(), commitString());
    const auto report = evidence::writePack(*gathered, options);
    if (!report)
        return evidenceFailed(report.error());
    std::printf("%s\n", qPrintable(report->path));
    for (const evidence::PackedFile& file : report->files)
        std::printf(
            "  %s  %9lld  %s\n", file.sha256.constData(), static_cast<long long>(file.bytes), qPrintable(file.name));
    for (const evidence::Missing& missing : report->missing)
        std::printf("  without %s: %s\n", qPrintable(missing.name), qPrintable(missing.why));
    return 0;
}

} // namespace kav::app
