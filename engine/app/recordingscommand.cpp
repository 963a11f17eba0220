// SPDX-License-Identifier: Apache-2.0
#include "engine/app/recordingscommand.h"

#include "engine/session/housekeeper.h"

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>

#include <cstdio>

namespace kav::app {

namespace {

void printSound(const session::StoredSound& sound, bool json)
{
    const QString at = sound.at.toString(Qt::ISODate);
    if (json) {
        const QJsonObject object{{QStringLiteral("call"), sound.callId},
            {QStringLiteral("kind"), soundKindName(sound.kind)}, {QStringLiteral("at"), at},
            {QStringLiteral("bytes"), sound.bytes}, {QStringLiteral("live"), sound.isLive},
            {QStringLiteral("path"), sound.path}, {QStringLiteral("sid"), sound.sid}};
        std::printf("%s\n", QJsonDocument(object).toJson(QJsonDocument::Compact).constData());
        return;
    }
    const QString where = sound.kind == session::StoredSound::Kind::AtTwilio
        ? QStringLiteral("at Twilio: ") + sound.sid + (sound.isDue ? QStringLiteral(", to be deleted") : QString())
        : sound.path;
    std::printf("%s  %-34s  %-9s  %8lld KiB  %s%s\n", qPrintable(at), qPrintable(sound.callId),
        qPrintable(soundKindName(sound.kind)), static_cast<long long>((sound.bytes + 1023) / 1024), qPrintable(where),
        sound.isLive ? "  (growing)" : "");
}

} // namespace

Result<RecordingsQuery> takeRecordingsArguments(QStringList& args)
{
    RecordingsQuery query;
    QStringList left;
    for (const QString& word : std::as_const(args)) {
        if (word == QLatin1String("--delete"))
            query.remove = true;
        else if (word == QLatin1String("--yes"))
            query.isConfirmed = true;
        else if (word == QLatin1String("--json"))
            query.json = true;
        else if (!word.startsWith(QLatin1Char('-')) && query.callId.isEmpty() && left.isEmpty())
            query.callId = word;
        else
            left += word;
    }
    if (query.remove && query.callId.isEmpty())
        return Error{Error::Code::Invalid, QStringLiteral("--delete needs the call: recordings CALLID --delete"), {}};
    args = left;
    return query;
}

int runRecordingsCommand(const Config& config, const RecordingsQuery& query)
{
    QList<session::StoredSound> sounds = session::storedSounds(config.keep, QDateTime::currentDateTimeUtc());
    if (!query.callId.isEmpty())
        sounds.removeIf([&query](const session::StoredSound& sound) { return sound.callId != query.callId; });
    if (!query.remove) {
        for (const session::StoredSound& sound : std::as_const(sounds))
            printSound(sound, query.json);
        return 0;
    }
    if (sounds.isEmpty()) {
        std::fprintf(stderr, "kav-engine: nothing is kept of that call\n");
        return 1;
    }
    if (!query.isConfirmed) {
        for (const session::StoredSound& sound : std::as_const(sounds))
            printSound(sound, query.json);
        std::fprintf(stderr, "kav-engine: nothing was deleted; --yes deletes these\n");
        return 1;
    }
    int status = 0;
    for (const session::StoredSound& sound : std::as_const(sounds)) {
        const bool atTwilio = sound.kind == session::StoredSound::Kind::AtTwilio;
        const bool done =
            !sound.isLive && (atTwilio ? session::markTwilioRecordingDue(sound) : QFile::remove(sound.path));
        if (!done) {
            std::fprintf(stderr, "kav-engine: %s %s\n", qPrintable(sound.ref),
                sound.isLive ? "may still grow, and stays" : "cannot be deleted");
            status = 1;
            continue;
        }
        std::printf("%s %s\n", qPrintable(sound.ref),
            atTwilio ? "is deleted at Twilio when the engine next looks, within the hour" : "deleted");
    }
    return status;
}

} // namespace kav::app
