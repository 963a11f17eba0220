// SPDX-License-Identifier: Apache-2.0
#include "engine/app/privacycommands.h"

#include "engine/app/settings.h"
#include "engine/calllog/backup.h"
#include "engine/calllog/journal.h"
#include "engine/calllog/purge.h"
#include "engine/session/housekeeper.h"
#include "shared/core/masking.h"

#include <QDir>
#include <QFile>
#include <QSet>

namespace kav::app {

namespace {

const QString Audio = QStringLiteral("audio"), Transcript = QStringLiteral("transcript"),
              Numbers = QStringLiteral("numbers"), Log = QStringLiteral("log");
/// For an engine that erases, and writes a large database anew.
constexpr Milliseconds LongestPurge{60 * 60 * 1000};

QString kindsInWords()
{
    return QStringList{Audio, Transcript, Numbers, Log}.join(QStringLiteral(", "));
}

/// Deletes a sound, or has it deleted at Twilio; what failed is said.
bool removeSound(const session::StoredSound& sound, QTextStream& err)
{
    const bool atTwilio = sound.kind == session::StoredSound::Kind::AtTwilio;
    const bool done = atTwilio ? session::markTwilioRecordingDue(sound) : QFile::remove(sound.path);
    if (!done)
        err << "kav-engine: " << sound.ref << " cannot be deleted\n";
    return done;
}

int printPurged(const calllog::PurgeReport& report, bool dryRun, QTextStream& out, QTextStream& err)
{
    const calllog::Removed& removed = report.removed;
    const QString would = dryRun ? QStringLiteral("would be ") : QString();
    out << "log: " << removed.calls << " calls and " << removed.others << " other entries " << would << "deleted\n"
        << "transcript: " << removed.transcripts << " entries " << would << "emptied\n"
        << "numbers: " << removed.numbers << " entries " << would << "without numbers\n";
    if (removed.journal > 0)
        out << "journal: " << removed.journal << " entries " << would << "changed\n";
    out.flush();
    if (!report.error.isEmpty())
        err << "kav-engine: not all was done: " << report.error << '\n';
    if (!report.remnants.isEmpty())
        err << "kav-engine: bytes of it may be left in files: " << report.remnants << '\n';
    return report.error.isEmpty() && report.remnants.isEmpty() ? 0 : 1;
}

} // namespace

// ---- purge ----------------------------------------------------------------------------------------------------------

Result<PurgeQuery> takePurgeArguments(QStringList& args)
{
    PurgeQuery query;
    QString kind;
    QStringList left;
    while (!args.isEmpty()) {
        const QString word = args.takeFirst();
        if (word == QLatin1String("--dry-run")) {
            query.dryRun = true;
        } else if (word == QLatin1String("--compact")) {
            query.compact = true;
        } else if (word == QLatin1String("--kind") || word == QLatin1String("--older-than")) {
            if (args.isEmpty())
                return Error{Error::Code::Invalid, word + QStringLiteral(" takes a value"), {}};
            const QString value = args.takeFirst();
            if (word == QLatin1String("--kind")) {
                if (!QStringList{Audio, Transcript, Numbers, Log}.contains(value)) {
                    return Error{Error::Code::Invalid,
                        QStringLiteral("--kind takes one of %1, not '%2'").arg(kindsInWords(), logSafe(value, 40)), {}};
                }
                kind = value;
                query.kinds.insert(kind, std::nullopt);
                continue;
            }
            const auto age = durationIn(value);
            if (kind.isEmpty())
                return Error{Error::Code::Invalid,
                    QStringLiteral("of what? --kind (%1) stands before --older-than").arg(kindsInWords()), {}};
            if (!age || age->count() <= 0)
                return Error{Error::Code::Invalid,
                    QStringLiteral("--older-than takes an age, like 90d or 12h, not '%1'").arg(logSafe(value, 40)), {}};
            query.kinds.insert(kind, *age);
        } else {
            left += word;
        }
    }
    args = left;
    return query;
}

int runPurgeCommand(
    const Config& config, const PurgeQuery& query, const Clock& clock, QTextStream& out, QTextStream& err)
{
    const QDateTime now = clock.wallNow();
    const auto age = [&query](const QString& kind, Milliseconds set) {
        if (query.kinds.isEmpty())
            return set;
        return query.kinds.contains(kind) ? query.kinds.value(kind).value_or(set) : Milliseconds(0);
    };
    session::KeepSettings keep = config.keep;
    keep.recordings = age(Audio, keep.recordings);
    keep.messages = age(Audio, keep.messages);
    if (!query.kinds.isEmpty() && !query.kinds.contains(Audio))
        keep.diskBytes = 0;
    const auto before = [&now](Milliseconds limit) {
        return limit.count() > 0 ? now.addMSecs(-limit.count()) : QDateTime();
    };
    const calllog::Retention& retention = config.callLog.retention;
    calllog::PurgeRequest request;
    request.dryRun = query.dryRun;
    request.compact = query.compact;
    request.transcriptBefore = before(age(Transcript, retention.transcript));
    request.numbersBefore = before(age(Numbers, retention.numbers));
    request.logBefore = before(age(Log, retention.log));
    request.logBytes = query.kinds.isEmpty() && !query.dryRun ? retention.logBytes : 0;

    int status = 0;
    const auto due = session::soundsToDelete(session::storedSounds(keep, now), keep, now);
    qint64 bytes = 0, deleted = 0;
    for (const session::StoredSound& sound : due) {
        if (!query.dryRun && !removeSound(sound, err)) {
            status = 1;
            continue;
        }
        ++deleted;
        bytes += sound.bytes;
    }
    out << "audio: " << deleted << " recordings and messages" << (query.dryRun ? " would be" : "") << " deleted, "
        << (bytes + 1023) / 1024 << " KiB\n";
    out.flush();
    const bool byAge =
        request.transcriptBefore.isValid() || request.numbersBefore.isValid() || request.logBefore.isValid();
    if (!byAge && request.logBytes == 0 && !request.compact) {
        out << "log: no age is set for transcript, numbers or log (retention.*): they stay\n";
        return status;
    }
    const auto report = calllog::askForPurge(config.callLog, request, clock, LongestPurge);
    if (!report) {
        err << "kav-engine: " << report.error().message << '\n';
        return 1;
    }
    return qMax(status, printPurged(*report, query.dryRun, out, err));
}

// ---- erase ----------------------------------------------------------------------------------------------------------

Result<EraseQuery> takeEraseArguments(QStringList& args)
{
    EraseQuery query;
    QStringList left;
    while (!args.isEmpty()) {
        const QString word = args.takeFirst();
        if (word == QLatin1String("--caller")) {
            if (args.isEmpty())
                return Error{Error::Code::Invalid, QStringLiteral("--caller takes a number, or - to read it"), {}};
            query.caller = args.takeFirst();
        } else if (word == QLatin1String("--also-masked")) {
            query.alsoMasked = true;
        } else if (word == QLatin1String("--dry-run")) {
            query.dryRun = true;
        } else if (word == QLatin1String("--yes")) {
            query.isConfirmed = true;
        } else {
            left += word;
        }
    }
    if (query.caller.isEmpty())
        return Error{Error::Code::Invalid, QStringLiteral("whose data? erase --caller NUMBER"), {}};
    args = left;
    return query;
}

int runEraseCommand(const Config& config, const EraseQuery& query, const std::function<bool()>& confirm,
    const Clock& clock, QTextStream& out, QTextStream& err)
{
    QString caller = query.caller.trimmed();
    if (caller == QLatin1String("-"))
        caller = QTextStream(stdin).readLine().trimmed();
    qsizetype digits = 0;
    QString plain; // as Twilio gives it, which is what was masked
    for (const QChar c : std::as_const(caller)) {
        digits += c.isDigit() ? 1 : 0;
        if (c.isDigit() || (c == QLatin1Char('+') && plain.isEmpty()))
            plain += c;
    }
    const bool isAddress = caller.contains(QLatin1Char('@')) || caller.startsWith(QLatin1String("client:"));
    if (isAddress)
        plain = caller;
    else if (digits < 4) {
        err << "kav-engine: a telephone number is wanted, like +972501234567\n";
        return 2;
    }
    calllog::PurgeRequest request;
    request.dryRun = true;
    request.maskedNumber = maskNumber(plain);
    request.alsoMasked = query.alsoMasked;
    if (const auto key = calllog::numberKeyOf(config.callLog.dataDir))
        request.numberId = calllog::numberId(*key, plain);
    const auto found = calllog::askForPurge(config.callLog, request, clock, LongestPurge);
    if (!found || !found->error.isEmpty()) {
        err << "kav-engine: " << (found ? found->error : found.error().message) << '\n';
        return 1;
    }

    const auto soundsOf = [&config, &clock](const QStringList& calls) {
        const QSet<QString> wanted(calls.begin(), calls.end());
        QList<session::StoredSound> sounds = session::storedSounds(config.keep, clock.wallNow());
        sounds.removeIf([&wanted](const session::StoredSound& sound) { return !wanted.contains(sound.callId); });
        return sounds;
    };
    const auto list = [&out](const char* what, const QStringList& calls) {
        if (calls.isEmpty())
            return;
        out << what << '\n';
        for (const QString& call : calls)
            out << "  " << call << '\n';
    };
    list("calls of this number:", found->calls);
    const auto sounds = soundsOf(found->calls);
    for (const session::StoredSound& sound : sounds)
        out << "  " << session::soundKindName(sound.kind) << " " << sound.ref << '\n';
    list("live, and left alone; ask again when they are over:", found->live);
    list("calls of before numbers had ids, which look the same masked and may be another's; --also-masked takes them "
         "too:",
        found->maskedOnly);
    if (found->unfindable > 0) {
        out << found->unfindable
            << " calls have no numbers any more (retention.numbers): they cannot be found by number, "
            << "here or by anybody\n";
    }
    out.flush();
    if (found->calls.isEmpty()) {
        out << "nothing is kept that can be found by this number\n";
        return 0;
    }
    if (query.dryRun)
        return 0;
    if (!query.isConfirmed && !confirm()) {
        err << "kav-engine: nothing was erased\n";
        return 1;
    }

    request.dryRun = false;
    request.compact = true;
    const auto report = calllog::askForPurge(config.callLog, request, clock, LongestPurge);
    if (!report) {
        err << "kav-engine: " << report.error().message << '\n';
        return 1;
    }
    int status = 0;
    // Calls that have ended do not grow any more, whatever their files look like.
    const auto due = soundsOf(report->calls);
    for (const session::StoredSound& sound : due)
        status = removeSound(sound, err) ? status : 1;
    for (const QString& message : report->atTwilio) {
        QDir().mkpath(config.keep.recordingsDir);
        QFile note(config.keep.recordingsDir + QLatin1Char('/') + message + QStringLiteral(".twilio-due"));
        if (!note.open(QIODevice::WriteOnly, QFile::ReadOwner | QFile::WriteOwner)) {
            err << "kav-engine: Twilio cannot be asked to delete the message " << message << '\n';
            status = 1;
        }
    }
    out << report->calls.size() << " calls erased, with " << due.size() << " recordings and messages\n";
    out.flush();
    if (!report->error.isEmpty())
        err << "kav-engine: not all was done: " << report->error << '\n';
    if (!report->remnants.isEmpty())
        err << "kav-engine: bytes of it may be left in files; purge --compact removes them: " << report->remnants
            << '\n';
    return report->error.isEmpty() && report->remnants.isEmpty() ? status : 1;
}

// ---- backup ---------------------------------------------------------------------------------------------------------

Result<BackupQuery> takeBackupArguments(QStringList& args)
{
    BackupQuery query;
    QStringList left;
    for (const QString& word : std::as_const(args)) {
        if (word == QLatin1String("--audio"))
            query.audio = true;
        else if (!word.startsWith(QLatin1Char('-')) && query.directory.isEmpty() && left.isEmpty())
            query.directory = word;
        else
            left += word;
    }
    if (query.directory.isEmpty())
        return Error{Error::Code::Invalid, QStringLiteral("where to? backup DIR"), {}};
    args = left;
    return query;
}

int runBackupCommand(const Config& config, const BackupQuery& query, QTextStream& out, QTextStream& err)
{
    const auto done = calllog::backUp(config.callLog, query.directory);
    if (!done) {
        err << "kav-engine: " << done.error().message << '\n';
        return 1;
    }
    out << "journal: " << done->journalFiles << " files\n";
    if (done->calls >= 0)
        out << "database: " << done->calls << " calls, checked\n";
    if (query.audio) {
        qint64 files = 0;
        for (const auto& [from, name] : {std::pair(config.keep.recordingsDir, QStringLiteral("recordings")),
                 std::pair(config.keep.messagesDir, QStringLiteral("messages"))}) {
            const QDir source(from);
            const QString into = query.directory + QLatin1Char('/') + name;
            const QStringList sounds = source.entryList(
                {QStringLiteral("*.wav"), QStringLiteral("*.twilio"), QStringLiteral("*.twilio-due")}, QDir::Files);
            if (sounds.isEmpty())
                continue;
            QDir().mkpath(into);
            QFile::setPermissions(into, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
            for (const QString& sound : sounds) {
                const auto copied = calllog::copyDurably(source.filePath(sound), into + QLatin1Char('/') + sound);
                if (!copied && copied.error().code == Error::Code::NotFound)
                    continue; // it has got its name, or had its time
                if (!copied) {
                    err << "kav-engine: " << copied.error().message << '\n';
                    return 1;
                }
                ++files;
            }
        }
        out << "audio: " << files << " files\n";
    }
    return 0;
}

} // namespace kav::app
