// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/calllog.h"

#include "engine/calllog/database.h"
#include "engine/calllog/disk.h"
#include "engine/calllog/journal.h"
#include "engine/calllog/logpurge.h"
#include "engine/calllog/purge.h"
#include "engine/calllog/schema.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QFile>
#include <QJsonArray>
#include <QSet>

#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace kav::calllog {

namespace {

/// How often a disk that refused is tried again.
constexpr Milliseconds DiskRetry{250};
/// How long stop() gives a failing disk, and then a slow database.
constexpr Milliseconds DiskFarewell{2000};
constexpr Milliseconds DatabaseFarewell{3000};
/// How often somebody's wish to purge is looked for, at most.
constexpr Milliseconds PurgeLook{1000};
/// How long a purge waits for what the journal and the database still owe one another.
constexpr Milliseconds PurgePatience{5000};

/// Where room is scarce, the journal is cut into pieces that can go one by one.
qint64 segmentBytesOf(const Settings& settings)
{
    const qint64 room = settings.retention.logBytes;
    return room > 0 ? qBound<qint64>(1, room / 16, settings.segmentBytes) : settings.segmentBytes;
}

void putMilliseconds(QJsonObject& json, QLatin1String key, const std::optional<std::chrono::milliseconds>& value)
{
    if (value)
        json.insert(key, qint64(value->count()));
}

std::optional<std::chrono::milliseconds> takeMilliseconds(const QJsonObject& json, QLatin1String key)
{
    const QJsonValue value = json.value(key);
    return value.isDouble() ? std::optional(std::chrono::milliseconds(value.toInteger())) : std::nullopt;
}

} // namespace

QJsonObject turnToJson(const TurnRecord& turn)
{
    QJsonObject latency;
    QJsonArray parts;
    for (const LatencySpan& span : turn.latency.spans) {
        QJsonObject part{
            {QStringLiteral("part"), latencyPartName(span.part)}, {QStringLiteral("ms"), qint64(span.length.count())}};
        if (!span.owner.isEmpty())
            part.insert(QStringLiteral("by"), span.owner);
        parts.append(part);
    }
    if (!parts.isEmpty())
        latency.insert(QStringLiteral("parts"), parts);
    putMilliseconds(latency, QLatin1String("totalMs"), turn.latency.total);
    if (turn.latency.filler)
        latency.insert(QStringLiteral("filler"), true);
    return {
        {QStringLiteral("number"), turn.number},
        {QStringLiteral("input"), turnInputName(turn.input)},
        {QStringLiteral("callerText"), turn.callerText},
        {QStringLiteral("confidence"), turn.confidence},
        {QStringLiteral("agentText"), turn.agentText},
        {QStringLiteral("heardText"), turn.heardText},
        {QStringLiteral("interrupted"), turn.interrupted},
        {QStringLiteral("fallback"), turn.fallback},
        {QStringLiteral("latency"), latency},
    };
}

Result<TurnRecord> turnFromJson(const QJsonObject& json)
{
    TurnRecord turn;
    const QJsonValue number = json.value(QLatin1String("number"));
    if (!number.isDouble())
        return Error{Error::Code::Invalid, QStringLiteral("turn.number: missing, or no number"), {}};
    turn.number = number.toInt();
    const QString input = json.value(QLatin1String("input")).toString();
    bool known = false;
    for (const TurnInput candidate :
        {TurnInput::Opening, TurnInput::Voice, TurnInput::Keypad, TurnInput::Message, TurnInput::Silence}) {
        if (turnInputName(candidate) == input) {
            turn.input = candidate;
            known = true;
        }
    }
    if (!known)
        return Error{Error::Code::Invalid, QStringLiteral("turn.input: not a known word: ") + logSafe(input, 40), {}};
    turn.callerText = json.value(QLatin1String("callerText")).toString();
    turn.confidence = json.value(QLatin1String("confidence")).toDouble();
    turn.agentText = json.value(QLatin1String("agentText")).toString();
    turn.heardText = json.value(QLatin1String("heardText")).toString();
    turn.interrupted = json.value(QLatin1String("interrupted")).toBool();
    turn.fallback = json.value(QLatin1String("fallback")).toBool();
    const QJsonObject latency = json.value(QLatin1String("latency")).toObject();
    turn.latency.total = takeMilliseconds(latency, QLatin1String("totalMs"));
    turn.latency.filler = latency.value(QLatin1String("filler")).toBool();
    const QJsonArray parts = latency.value(QLatin1String("parts")).toArray();
    for (const QJsonValue& value : parts) {
        const QJsonObject part = value.toObject();
        const auto length = takeMilliseconds(part, QLatin1String("ms"));
        const auto name = latencyPartFromName(part.value(QLatin1String("part")).toString());
        if (length && name)
            turn.latency.spans.append({*name, *length, part.value(QLatin1String("by")).toString()});
    }
    if (turn.latency.spans.isEmpty()) {
        // As it was written before the first token had a part of its own.
        for (const auto& [key, part] : {std::pair(QLatin1String("endOfUtteranceMs"), LatencyPart::EndOfUtterance),
                 {QLatin1String("recognitionMs"), LatencyPart::Recognition},
                 {QLatin1String("thinkingMs"), LatencyPart::FirstSentence},
                 {QLatin1String("synthesisMs"), LatencyPart::FirstAudio}}) {
            if (const auto length = takeMilliseconds(latency, key))
                turn.latency.spans.append({part, *length, {}});
        }
        auto rest = turn.latency.total.value_or(std::chrono::milliseconds(0));
        for (const LatencySpan& span : turn.latency.spans)
            rest -= span.length;
        if (turn.latency.total && rest >= std::chrono::milliseconds(0))
            turn.latency.spans.append({LatencyPart::Playout, rest, {}});
    }
    return turn;
}

struct CallLog::Private final {
    Private(CallLog& owner, const Settings& given, const Clock& theClock, Disk* theDisk)
        : q(owner)
        , settings(given)
        , clock(theClock)
        , journal(given.dataDir, segmentBytesOf(given), theClock, theDisk ? *theDisk : machineDisk)
    {
    }

    void journalLoop();
    void writerLoop();
    void setJournalReason(const QString& reason, size_t waiting);
    void setDatabase(Status::Database database, const QString& reason);
    void recoverRuns();
    void closeInterrupted(const OpenCall& call);
    /// What is durable now stands in closed segments when this returns.
    void closeSegment();
    void makeRoomInJournal();
    /// What may be due beside what was asked for: by age, and for want of room.
    std::optional<PurgeRequest> nextPurge(PurgeQueue& purges, Database& database);
    void purgeWithoutDatabase(PurgeQueue& purges);
    void refusePurges(PurgeQueue& purges, const QString& reason);
    void endPurge(PurgeQueue& purges, const PurgeRequest& request, PurgeReport report);
    /// Waits on `wake` until stop() wants the writer to end; true when it does.
    bool writerShallEnd(std::chrono::milliseconds wait);

    CallLog& q;
    const Settings settings;
    const Clock& clock;
    Disk machineDisk;
    Journal journal;

    mutable std::mutex mutex; // guards what follows
    std::condition_variable journalWake; ///< entries to write, or stopping
    std::condition_variable writerWake; ///< entries durable, journal open, or finishing
    std::deque<Pending> queue;
    qint64 queuedBytes = 0; ///< in `queue` and in the journal thread's hands
    bool journalIdle = false; ///< waits for the first entry, and needs waking
    bool journalOpen = false;
    bool closeWanted = false; ///< the journal's segment is to be closed
    bool stopping = false; ///< no more entries
    bool finishing = false; ///< the journal's thread is done
    bool refusing = false;
    quint64 refusedInARow = 0;
    Status status;

    QSet<QString> closedHere; // the writer thread's own: calls that this start closed as interrupted
    std::thread journalThread;
    std::thread writerThread;
};

CallLog::CallLog(const Settings& settings, const Clock& clock, Disk* disk)
    : d(std::make_unique<Private>(*this, settings, clock, disk))
{
}

CallLog::~CallLog()
{
    stop();
}

void CallLog::start()
{
    const std::scoped_lock lock(d->mutex);
    if (d->journalThread.joinable() || d->stopping)
        return;
    d->journalThread = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "kav-journal");
        d->journalLoop();
    });
    d->writerThread = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "kav-calllog-db");
        d->writerLoop();
    });
}

void CallLog::stop()
{
    {
        const std::scoped_lock lock(d->mutex);
        d->stopping = true;
        d->journalWake.notify_all();
        d->writerWake.notify_all();
    }
    if (d->journalThread.joinable())
        d->journalThread.join();
    {
        const std::scoped_lock lock(d->mutex);
        d->finishing = true;
        d->writerWake.notify_all();
    }
    if (d->writerThread.joinable())
        d->writerThread.join();
    const std::scoped_lock lock(d->mutex);
    if (const size_t left = d->queue.size(); left > 0) { // never started
        d->queue.clear();
        d->queuedBytes = 0;
        d->status.refused += left;
        qCCritical(lcCallLog) << left << "entries were appended to a call log that was never started and are lost";
    }
}

quint64 CallLog::append(const Entry& entry)
{
    // The costly part is done here and outside of the lock, so that the queue knows its size in bytes.
    QByteArray payload = encodeEntry(entry);
    const qint64 size = payload.size() + RecordHeaderBytes;
    quint64 number = 0;
    quint64 refusedBefore = 0;
    bool firstRefusal = false;
    bool full = false;
    {
        const std::scoped_lock lock(d->mutex);
        // Who wants the oldest to go at a limit has no entry refused for it.
        full = d->settings.retention.logBytes == 0
            && d->journal.bytes() + d->queuedBytes + size > d->settings.journalLimitBytes;
        if (d->stopping || full || d->queuedBytes + size > d->settings.queueLimitBytes) {
            ++d->status.refused;
            ++d->refusedInARow;
            firstRefusal = !std::exchange(d->refusing, true);
        } else {
            number = ++d->status.appended;
            d->queue.push_back({number, std::move(payload), entry.from, entry.to});
            d->queuedBytes += size;
            if (std::exchange(d->refusing, false))
                refusedBefore = std::exchange(d->refusedInARow, 0);
            if (std::exchange(d->journalIdle, false))
                d->journalWake.notify_one();
        }
    }
    if (firstRefusal) {
        qCCritical(lcCallLog).noquote()
            << "entries are being refused:"
            << (full ? QStringLiteral("the journal has reached its limit of %1 bytes")
                           .arg(d->settings.journalLimitBytes)
                     : QStringLiteral("the disk takes nothing and the queue is full, or the log is stopped"));
        Q_EMIT statusChanged();
    }
    if (refusedBefore > 0) {
        qCWarning(lcCallLog) << "entries are taken again;" << refusedBefore << "were refused";
        Q_EMIT statusChanged();
    }
    return number;
}

Status CallLog::status() const
{
    const std::scoped_lock lock(d->mutex);
    Status status = d->status;
    status.journalBytes = d->journal.bytes();
    status.queuedBytes = d->queuedBytes;
    return status;
}

void CallLog::Private::setJournalReason(const QString& reason, size_t waiting)
{
    {
        const std::scoped_lock lock(mutex);
        if (status.journalReason == reason)
            return;
        status.journalReason = reason;
    }
    if (reason.isEmpty())
        qCInfo(lcCallLog) << "the journal is written again;" << waiting << "entries had waited";
    else
        qCCritical(lcCallLog).noquote() << "the journal cannot be written, entries wait in memory:" << reason;
    Q_EMIT q.statusChanged();
}

void CallLog::Private::setDatabase(Status::Database database, const QString& reason)
{
    {
        const std::scoped_lock lock(mutex);
        if (status.database == database && status.reason == reason && database != Status::Database::Ok)
            return;
        status.database = database;
        status.reason = reason;
    }
    if (database == Status::Database::Ok)
        qCInfo(lcCallLog) << "WARMUP_DB_OK";
    else if (database == Status::Database::Down)
        qCWarning(lcCallLog).noquote() << QStringLiteral("WARMUP_DB_ERR reason=") + reason
                + QStringLiteral(" (the journal keeps everything)");
    Q_EMIT q.statusChanged();
}

void CallLog::Private::journalLoop()
{
    std::deque<Pending> batch;
    std::optional<std::chrono::steady_clock::time_point> deadline; // of a failing disk, once stopping
    auto nextSync = std::chrono::steady_clock::now();
    bool open = false;
    for (;;) {
        {
            std::unique_lock lock(mutex);
            if (open && std::exchange(closeWanted, false)) {
                journal.closeSegment();
                writerWake.notify_all();
            }
            if (open && batch.empty()) {
                if (queue.empty()) {
                    journalIdle = true;
                    journalWake.wait(lock, [this] { return stopping || closeWanted || !queue.empty(); });
                    journalIdle = false;
                }
                // Group commit: the first entry after a pause goes at once, those behind it share the next sync.
                journalWake.wait_until(lock, nextSync, [this] { return stopping; });
                if (queue.empty() && stopping)
                    break;
            }
            if (batch.empty())
                batch.swap(queue);
            else if (!queue.empty()) {
                std::move(queue.begin(), queue.end(), std::back_inserter(batch));
                queue.clear();
            }
        }

        const size_t before = batch.size();
        Result<void> result;
        quint64 durableNow = 0;
        qint64 writtenBytes = 0;
        if (!open) {
            result = journal.open();
            open = result.ok();
            if (open) {
                const std::scoped_lock lock(mutex);
                journalOpen = true;
                writerWake.notify_all();
            }
        }
        if (open && !batch.empty()) {
            qint64 bytesBefore = 0, bytesAfter = 0;
            for (const Pending& pending : batch)
                bytesBefore += pending.payload.size() + RecordHeaderBytes;
            result = journal.write(batch, durableNow);
            for (const Pending& pending : batch)
                bytesAfter += pending.payload.size() + RecordHeaderBytes;
            writtenBytes = bytesBefore - bytesAfter;
            nextSync = std::chrono::steady_clock::now() + settings.syncEvery;
        }
        if (durableNow > 0) {
            {
                const std::scoped_lock lock(mutex);
                queuedBytes -= writtenBytes;
                status.durable = durableNow;
                writerWake.notify_one();
            }
            makeRoomInJournal();
            Q_EMIT q.durable(durableNow);
        }
        if (result) {
            setJournalReason({}, before);
            continue;
        }
        setJournalReason(result.error().message, before);
        std::unique_lock lock(mutex);
        if (stopping) {
            const auto now = std::chrono::steady_clock::now();
            if (!deadline)
                deadline = now + DiskFarewell;
            if (now >= *deadline || batch.size() + queue.size() == 0)
                break;
            lock.unlock();
            std::this_thread::sleep_for(DiskRetry);
        } else {
            journalWake.wait_for(lock, DiskRetry, [this] { return stopping; });
        }
    }
    const std::scoped_lock lock(mutex);
    if (const size_t left = batch.size() + queue.size(); left > 0) {
        status.refused += left;
        queue.clear();
        qCCritical(lcCallLog) << left << "entries could not be written before the end and are lost";
    }
}

void CallLog::Private::closeSegment()
{
    std::unique_lock lock(mutex);
    closeWanted = true;
    journalIdle = false;
    journalWake.notify_all();
    writerWake.wait_for(lock, PurgePatience, [this] { return !closeWanted || finishing; });
}

void CallLog::Private::makeRoomInJournal()
{
    if (settings.retention.logBytes == 0)
        return;
    qint64 most = settings.journalLimitBytes;
    {
        // While there is a database to move it to, the journal is only passed through.
        const std::scoped_lock lock(mutex);
        if (status.database != Status::Database::Ok)
            most = qMin(most, settings.retention.logBytes);
    }
    if (const int files = journal.dropOldest(most); files > 0)
        qCWarning(lcCallLog) << "the journal has reached its" << most << "bytes:" << files
                             << "of its oldest files are deleted";
}

std::optional<PurgeRequest> CallLog::Private::nextPurge(PurgeQueue& purges, Database& database)
{
    if (auto request = purges.asked())
        return request;
    if (auto request = purges.due())
        return request;
    const qint64 room = settings.retention.logBytes;
    if (room == 0)
        return std::nullopt;
    const auto used = database.usedBytes();
    if (!used || *used + journal.bytes() <= room)
        return std::nullopt;
    PurgeRequest request;
    request.logBytes = room;
    return request;
}

void CallLog::Private::purgeWithoutDatabase(PurgeQueue& purges)
{
    auto request = purges.asked();
    if (!request)
        request = purges.due();
    if (!request)
        return;
    closeSegment();
    LogPurge purge(*request, journal, false, clock.wallNow());
    while (purge.step(nullptr)) { }
    endPurge(purges, purge.request(), purge.report());
}

void CallLog::Private::refusePurges(PurgeQueue& purges, const QString& reason)
{
    if (const auto request = purges.asked()) {
        PurgeReport report;
        report.error = QStringLiteral("the database cannot be used: ") + reason;
        purges.answer(*request, report);
    }
}

void CallLog::Private::endPurge(PurgeQueue& purges, const PurgeRequest& request, PurgeReport report)
{
    if (!request.dryRun && (request.isErasure() || !report.removed.isEmpty() || !report.error.isEmpty())) {
        {
            const std::scoped_lock lock(mutex);
            status.removed += report.removed;
        }
        const Removed& gone = report.removed;
        const QString why = request.isErasure() ? QStringLiteral("ERASED")
            : request.logBytes > 0              ? QStringLiteral("LOG_FULL")
                                                : QStringLiteral("RETENTION");
        qCInfo(lcCallLog).noquote() << QStringLiteral("%1 transcripts=%2 numbers=%3 calls=%4 others=%5 journal=%6")
                                           .arg(why)
                                           .arg(gone.transcripts)
                                           .arg(gone.numbers)
                                           .arg(gone.calls)
                                           .arg(gone.others)
                                           .arg(gone.journal)
                                    << report.error << report.remnants;
        // That it was done stays on record; whose number it was does not.
        QJsonObject data{{QStringLiteral("token"), why}, {QStringLiteral("transcripts"), qint64(gone.transcripts)},
            {QStringLiteral("numbers"), qint64(gone.numbers)}, {QStringLiteral("calls"), qint64(gone.calls)},
            {QStringLiteral("others"), qint64(gone.others)}, {QStringLiteral("journal"), qint64(gone.journal)}};
        if (!report.error.isEmpty())
            data.insert(QStringLiteral("error"), report.error);
        q.append({Entry::Kind::Event, {}, clock.wallNow(), data});
    }
    purges.answer(request, report);
}

bool CallLog::Private::writerShallEnd(std::chrono::milliseconds wait)
{
    std::unique_lock lock(mutex);
    return writerWake.wait_for(lock, wait, [this] { return finishing; });
}

void CallLog::Private::closeInterrupted(const OpenCall& call)
{
    if (closedHere.contains(call.callId))
        return;
    Entry entry;
    entry.kind = Entry::Kind::CallEnded;
    entry.callId = call.callId;
    entry.at = QDateTime::fromMSecsSinceEpoch(call.lastMs, Qt::UTC);
    entry.data = {
        {QStringLiteral("reason"), endReasonName(EndReason::Interrupted)},
        {QStringLiteral("durationMs"), call.lastMs - call.startedMs},
        {QStringLiteral("turns"), call.turns},
        {QStringLiteral("facts"), QJsonObject()},
    };
    // Refused (the disk is full already): the call stays open, and the next start closes it.
    if (q.append(entry) == 0)
        return;
    closedHere.insert(call.callId);
    const LogCall logged(call.callId);
    Q_EMIT q.callInterrupted(call.callId, entry.at);
    qCInfo(lcCallLog).noquote() << "call" << logSafe(call.callId) << "was cut by a crash and is closed as interrupted";
}

void CallLog::Private::recoverRuns()
{
    const QString running = journal.run();
    const std::vector<Segment> segments = journal.segments();
    QHash<QString, OpenCall> open;
    quint64 last = 0;
    bool expectationKnown = false;
    quint64 lost = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
        const Segment& segment = segments[i];
        if (segment.run == running)
            break;
        const bool firstOfRun = i == 0 || segments[i - 1].run != segment.run;
        const bool lastOfRun = i + 1 == segments.size() || segments[i + 1].run != segment.run;
        if (firstOfRun) {
            last = 0;
            expectationKnown = segment.sequence == 1;
        }
        SegmentCursor cursor(segment.path);
        SegmentCursor::Step step;
        while ((step = cursor.next()) == SegmentCursor::Step::Record) {
            const quint64 number = cursor.number();
            if (number <= last)
                continue;
            if (cursor.skippedBytes() > 0 || (expectationKnown && number != last + 1)) {
                const quint64 missing = expectationKnown ? number - last - 1 : 0;
                lost += missing;
                qCCritical(lcCallLog).noquote()
                    << "journal file" << segment.path << "is damaged:" << cursor.skippedBytes()
                    << "bytes unreadable before entry" << number << "-" << missing << "entries lost";
            }
            last = number;
            expectationKnown = true;
            const auto view = viewPayload(cursor.payload());
            if (!view || view->callId.isEmpty())
                continue;
            const QString callId = QString::fromUtf8(view->callId);
            if (view->kind == Entry::Kind::CallStarted) {
                open.insert(callId, {callId, view->atMs, view->atMs, 0});
            } else if (view->kind == Entry::Kind::CallEnded) {
                open.remove(callId);
            } else if (const auto it = open.find(callId); it != open.end()) {
                it->lastMs = qMax(it->lastMs, view->atMs);
                it->turns += view->kind == Entry::Kind::Turn ? 1 : 0;
            }
        }
        if (step == SegmentCursor::Step::Error) {
            qCCritical(lcCallLog).noquote() << "journal file" << segment.path << "cannot be read now";
            continue;
        }
        if (cursor.unread() == 0)
            continue;
        if (!lastOfRun) {
            qCCritical(lcCallLog).noquote() << "journal file" << segment.path << "is damaged: its last"
                                            << cursor.unread() << "bytes are unreadable";
            continue;
        }
        // A write that the crash cut short: it was never acknowledged.
        const int descriptor = ::open(QFile::encodeName(segment.path).constData(), O_WRONLY | O_CLOEXEC);
        const bool cut = descriptor >= 0 && ::ftruncate(descriptor, cursor.position()) == 0;
        if (descriptor >= 0)
            ::close(descriptor);
        qCWarning(lcCallLog).noquote() << "journal file" << segment.path << "ends in" << cursor.unread()
                                       << "bytes of a torn record" << (cut ? "(cut)" : "(passed over)") << "after entry"
                                       << last;
        if (cut)
            journal.shrink(segment, cursor.position());
    }
    if (lost > 0) {
        {
            const std::scoped_lock lock(mutex);
            status.damaged += lost;
        }
        Q_EMIT q.statusChanged();
    }
    for (const OpenCall& call : std::as_const(open))
        closeInterrupted(call);
}

void CallLog::Private::writerLoop()
{
    {
        std::unique_lock lock(mutex);
        writerWake.wait(lock, [this] { return journalOpen || finishing; });
        if (!journalOpen)
            return;
    }
    recoverRuns();

    PurgeQueue purges(settings, clock);
    const Milliseconds look = qMin(PurgeLook, settings.retryEvery);
    const auto target = databaseTarget(settings);
    if (!target) {
        // Nothing but another configuration mends this.
        setDatabase(Status::Database::Down, target.error().message);
        while (!writerShallEnd(look))
            refusePurges(purges, target.error().message);
        return;
    }
    if (target->path.isEmpty()) {
        setDatabase(Status::Database::Off, {});
        while (!writerShallEnd(look))
            purgeWithoutDatabase(purges);
        return;
    }

    const int batchSize = qMax(1, settings.databaseBatch);
    Database database(settings);
    JournalReader reader(journal);
    std::vector<JournalReader::Finished> finished;
    const auto storedHere = [this] {
        const std::scoped_lock lock(mutex);
        return status.stored;
    };
    const auto durableHere = [this] {
        const std::scoped_lock lock(mutex);
        return status.durable;
    };
    bool oldCallsClosed = false;
    std::optional<std::chrono::steady_clock::time_point> deadline;
    std::optional<PurgeRequest> wanted; // waits until the database has what the journal's closed files have
    std::chrono::steady_clock::time_point wantedUntil;
    quint64 wantedFrom = 0;
    std::unique_ptr<LogPurge> purge;
    const auto endPurging = [&](const QString& reason) {
        if (!purge && !wanted)
            return;
        PurgeReport report = purge ? purge->report() : PurgeReport{};
        report.error = reason;
        endPurge(purges, purge ? purge->request() : *wanted, report);
        purge.reset();
        wanted.reset();
    };
    const auto goDown = [&](const QString& reason) {
        setDatabase(Status::Database::Down, reason);
        endPurging(reason);
        database.close();
        finished.clear(); // all is read again when the database is back, and what it has by then is passed over
    };
    for (;;) {
        quint64 durable = 0;
        bool ending = false;
        {
            const std::scoped_lock lock(mutex);
            durable = status.durable;
            ending = finishing;
        }
        if (ending) {
            const auto now = std::chrono::steady_clock::now();
            if (!deadline)
                deadline = now + DatabaseFarewell;
            if (now >= *deadline)
                break;
        }

        if (database.isOpen() && database.isStale())
            goDown(QStringLiteral("the database file has gone, or is another one now; connecting again"));
        if (!database.isOpen()) {
            Result<void> opened = database.open();
            if (opened) {
                if (auto stored = database.storedThrough()) {
                    {
                        const std::scoped_lock lock(mutex);
                        status.stored = stored->value(journal.run(), 0);
                    }
                    reader.rewind(*std::move(stored));
                } else {
                    opened = stored.error();
                }
            }
            if (!opened) {
                goDown(opened.error().message);
                if (ending)
                    break;
                const auto again = std::chrono::steady_clock::now() + settings.retryEvery;
                do {
                    if (QFile::exists(target->path))
                        refusePurges(purges, opened.error().message);
                    else
                        purgeWithoutDatabase(purges);
                } while (!writerShallEnd(look) && std::chrono::steady_clock::now() < again);
                continue;
            }
            setDatabase(Status::Database::Ok, {});
        }

        const std::vector<JournalReader::Item> items = reader.read(batchSize, durable);
        if (const quint64 lost = reader.takeLost(); lost > 0) {
            {
                const std::scoped_lock lock(mutex);
                status.damaged += lost;
            }
            Q_EMIT q.statusChanged();
        }
        for (auto& segment : reader.takeFinished())
            finished.push_back(std::move(segment));
        if (!items.empty()) {
            if (auto stored = database.store(items, journal.journalId()); !stored) {
                goDown(stored.error().message);
                if (ending)
                    break;
                writerShallEnd(settings.retryEvery);
                continue;
            }
            if (items.back().run == journal.run()) {
                const std::scoped_lock lock(mutex);
                status.stored = items.back().number;
            }
        }
        if (!finished.empty() && database.settle()) {
            for (const auto& [segment, damaged] : std::exchange(finished, {})) {
                if (damaged)
                    journal.setAside(segment);
                else
                    journal.remove(segment);
            }
        }
        if (ending) {
            endPurging(QStringLiteral("the engine is being stopped"));
        } else if (purge) {
            const bool more = purge->step(&database);
            if (purge->takeJournalChanged()) {
                if (auto stored = database.storedThrough()) {
                    reader.rewind(*std::move(stored));
                    finished.clear();
                } else {
                    goDown(stored.error().message);
                    continue;
                }
            }
            if (!more) {
                const auto done = std::move(purge);
                endPurge(purges, done->request(), done->report());
            }
            continue;
        } else if (wanted) {
            const bool isLevel = items.size() < static_cast<size_t>(batchSize) && finished.empty() && storedHere() >= wantedFrom;
            if (isLevel || std::chrono::steady_clock::now() >= wantedUntil) {
                purge = std::make_unique<LogPurge>(*std::exchange(wanted, std::nullopt), journal, true, clock.wallNow());
                continue;
            }
        } else if ((wanted = nextPurge(purges, database))) {
            closeSegment();
            wantedFrom = durableHere();
            wantedUntil = std::chrono::steady_clock::now() + PurgePatience;
            continue;
        }
        if (items.size() == static_cast<size_t>(batchSize))
            continue;

        if (!oldCallsClosed && items.empty()) {
            // Everything older is stored: a call still open in the database was cut, and its beginning may long have
            // left the journal.
            auto open = database.openCalls(journal.journalId(), journal.run());
            if (open) {
                oldCallsClosed = true;
                for (const OpenCall& call : *open)
                    closeInterrupted(call);
            }
        }
        if (ending)
            break;
        std::unique_lock lock(mutex);
        if (items.empty())
            writerWake.wait_for(lock, look, [&] { return finishing || status.durable != durable; });
        writerWake.wait_for(lock, settings.databaseEvery, [this] { return finishing; });
    }
}

} // namespace kav::calllog
