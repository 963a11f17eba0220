// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/journal.h"

#include "shared/core/logging.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QRandomGenerator>
#include <QRegularExpression>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace kav::calllog {

namespace {

constexpr QByteArrayView SegmentMagic("KAVJRNL1");
/// One write of at most so much, so that a long queue is acknowledged piece by piece.
constexpr qsizetype WriteBytes = 1024 * 1024;
constexpr qsizetype ReadAheadBytes = 256 * 1024;
constexpr int ReadAttempts = 10;

Error journalError(const QString& what, const QString& path, int negativeErrno)
{
    return {Error::Code::Io, what + QLatin1Char(' ') + path + QStringLiteral(": ") + errnoText(-negativeErrno), {}};
}

const QString NumberKeyFile = QStringLiteral("key"), NumberKeyForm = QStringLiteral("^[0-9a-f]{64}$");

/// The text of a small file; empty where it is not there or not of that form.
QString smallText(const QString& path, const QString& form)
{
    QFile file(path);
    const QString text = file.open(QIODevice::ReadOnly) ? QString::fromLatin1(file.read(128)).trimmed() : QString();
    return QRegularExpression(form).match(text).hasMatch() ? text : QString();
}

QString randomHex16()
{
    return QString::number(QRandomGenerator::system()->generate64(), 16).rightJustified(16, QLatin1Char('0'));
}

} // namespace

Journal::Journal(const QString& dataDir, qint64 segmentBytes, const Clock& clock, Disk& disk)
    : m_directory(dataDir + QStringLiteral("/journal"))
    , m_segmentBytes(segmentBytes)
    , m_clock(clock)
    , m_disk(disk)
{
}

Journal::~Journal()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
    if (m_lock >= 0)
        ::close(m_lock); // releases the lock
}

Result<void> Journal::open()
{
    const bool isNew = !QFileInfo::exists(m_directory);
    if (!QDir().mkpath(m_directory))
        return Error{Error::Code::Io,
            QStringLiteral("cannot make the directory ") + m_directory + QStringLiteral(": ") + errnoText(errno), {}};

    if (isNew) {
        // What callers said is nobody else's business on this machine.
        QFile::setPermissions(m_directory, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
        // The directory itself must outlive a power cut, not only what is in it. Best effort: its parents may be older.
        const QString dataDir = QFileInfo(m_directory).path();
        for (const QString& parent : {dataDir, QFileInfo(dataDir).path()}) {
            if (const int result = m_disk.syncDirectory(parent); result != 0)
                qCDebug(lcCallLog).noquote() << "cannot sync" << parent + QLatin1Char(':') << errnoText(-result);
        }
    }

    if (m_lock < 0) {
        const QString lockPath = m_directory + QStringLiteral("/lock");
        const int lock = ::open(QFile::encodeName(lockPath).constData(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (lock < 0)
            return journalError(QStringLiteral("cannot open"), lockPath, -errno);
        if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
            char pid[16] = {};
            const ssize_t got = ::pread(lock, pid, sizeof(pid) - 1, 0);
            ::close(lock);
            return Error{Error::Code::Unavailable,
                QStringLiteral("the data directory ") + QFileInfo(m_directory).path()
                    + QStringLiteral(" is in use by another engine (process %1); give each engine its own")
                          .arg(got > 0 ? QString::fromLatin1(pid).trimmed() : QStringLiteral("unknown")),
                {}};
        }
        // The pid is a hint for the message above; the lock does not depend on it.
        const QByteArray pid = QByteArray::number(qint64(::getpid())) + '\n';
        if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.constData(), static_cast<size_t>(pid.size()), 0) < 0)
            qCDebug(lcCallLog) << "no pid in" << lockPath;
        m_lock = lock;
    }

    // The directory's identity ties the database's open calls to this journal.
    const auto journalId = identityIn(QStringLiteral("id"), QStringLiteral("^[0-9a-f]{16}$"), [] { return randomHex16(); });
    if (!journalId)
        return journalId.error();
    const auto numberKey = identityIn(NumberKeyFile, NumberKeyForm,
        [] { return QString(randomHex16() + randomHex16() + randomHex16() + randomHex16()); });
    if (!numberKey)
        return numberKey.error();
    // Of a rewriting that was cut short; the old file is whole.
    for (const QString& left : QDir(m_directory).entryList({QStringLiteral("*.rewritten")}, QDir::Files))
        QFile::remove(m_directory + QLatin1Char('/') + left);

    static const QRegularExpression name(QStringLiteral("^(\\d{13}-[0-9a-f]{16})\\.(\\d{6})\\.journal$"));
    std::vector<Segment> segments;
    qint64 bytes = 0;
    qint64 startMs = m_clock.wallNow().toMSecsSinceEpoch();
    const QFileInfoList files = QDir(m_directory).entryInfoList(QDir::Files, QDir::Name);
    for (const QFileInfo& file : files) {
        const auto match = name.match(file.fileName());
        if (!match.hasMatch())
            continue;
        segments.push_back({match.captured(1), match.captured(2).toInt(), file.filePath(), file.size(), true});
        bytes += file.size();
        // Runs sort by name even when the wall clock has gone back.
        startMs = qMax(startMs, match.captured(1).left(13).toLongLong() + 1);
    }
    std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.isBefore(b); });

    const std::scoped_lock lock(m_mutex);
    m_journalId = *journalId;
    m_numberKey = numberKey->toLatin1();
    m_run = QString::number(startMs).rightJustified(13, QLatin1Char('0')) + QLatin1Char('-') + randomHex16();
    m_segments = std::move(segments);
    m_bytes = bytes;
    return {};
}

Result<QString> Journal::identityIn(
    const QString& name, const QString& form, const std::function<QString()>& make)
{
    const QString path = m_directory + QLatin1Char('/') + name;
    if (const QString text = smallText(path, form); !text.isEmpty())
        return text;
    const QString made = make();
    const QString freshPath = path + QStringLiteral(".new");
    QFile::remove(freshPath);
    const int descriptor = m_disk.create(freshPath);
    if (descriptor < 0)
        return journalError(QStringLiteral("cannot make"), freshPath, descriptor);
    const QByteArray text = made.toLatin1() + '\n';
    const qint64 written = m_disk.write(descriptor, text);
    int result = written == text.size() ? m_disk.sync(descriptor) : written < 0 ? int(written) : -ENOSPC;
    ::close(descriptor);
    if (result == 0 && ::rename(QFile::encodeName(freshPath).constData(), QFile::encodeName(path).constData()) != 0)
        result = -errno;
    if (result != 0)
        return journalError(QStringLiteral("cannot write"), freshPath, result);
    return made;
}

Result<QByteArray> numberKeyOf(const QString& dataDir)
{
    const QString path = dataDir + QStringLiteral("/journal/") + NumberKeyFile;
    const QString key = smallText(path, NumberKeyForm);
    if (key.isEmpty())
        return Error{Error::Code::NotFound, QStringLiteral("there is no number key in ") + path, {}};
    return key.toLatin1();
}

Result<void> Journal::openSegment()
{
    // Until the directory is synced, a crash may lose the new file with all that was synced into it.
    const QString path = m_directory + QLatin1Char('/') + run()
        + QStringLiteral(".%1.journal").arg(m_sequence + 1, 6, 10, QLatin1Char('0'));
    const int descriptor = m_disk.create(path);
    if (descriptor < 0)
        return journalError(QStringLiteral("cannot make"), path, descriptor);
    const qint64 written = m_disk.write(descriptor, SegmentMagic);
    int result = written == SegmentMagic.size() ? m_disk.syncDirectory(m_directory)
        : written < 0                           ? int(written)
                                                : -ENOSPC;
    if (result != 0) {
        ::close(descriptor);
        ::unlink(QFile::encodeName(path).constData());
        return journalError(QStringLiteral("cannot begin"), path, result);
    }
    ++m_sequence;
    m_descriptor = descriptor;
    m_durableBytes = SegmentMagic.size();
    const std::scoped_lock lock(m_mutex);
    m_segments.push_back({m_run, m_sequence, path, m_durableBytes, false});
    m_bytes += m_durableBytes;
    return {};
}

void Journal::abandonSegment()
{
    ::close(std::exchange(m_descriptor, -1));
    const std::scoped_lock lock(m_mutex);
    Segment& segment = m_segments.back();
    segment.closed = true;
    if (m_durableBytes > SegmentMagic.size())
        return;
    // Nothing was acknowledged from it: a disk that fails again and again must not leave a file each time.
    ::unlink(QFile::encodeName(segment.path).constData());
    m_bytes -= segment.bytes;
    m_segments.pop_back();
}

Result<void> Journal::write(std::deque<Pending>& batch, quint64& durable)
{
    QByteArray chunk;
    while (!batch.empty()) {
        if (m_descriptor >= 0 && m_durableBytes >= m_segmentBytes)
            abandonSegment();
        if (m_descriptor < 0) {
            if (auto opened = openSegment(); !opened)
                return opened;
        }
        chunk.clear();
        size_t taken = 0;
        const qint64 room = qMin<qint64>(WriteBytes, m_segmentBytes - m_durableBytes);
        while (taken < batch.size() && (taken == 0 || chunk.size() + batch[taken].payload.size() < room)) {
            Pending& next = batch[taken];
            if (!next.from.isEmpty() || !next.to.isEmpty()) {
                const auto id = [this](const QString& number) {
                    return number.isEmpty() ? QByteArray() : numberId(m_numberKey, number);
                };
                stampNumberIds(next.payload, id(next.from), id(next.to));
                next.from = next.to = QString();
            }
            appendRecord(chunk, batch[taken].number, batch[taken].payload);
            ++taken;
        }

        qint64 done = 0;
        int failure = 0;
        while (done < chunk.size() && failure == 0) {
            const qint64 written = m_disk.write(m_descriptor, QByteArrayView(chunk).sliced(done));
            if (written > 0)
                done += written;
            else
                failure = written < 0 ? int(written) : -ENOSPC;
        }
        const QString path = segments().back().path;
        if (failure != 0) {
            // Cut what was half written, so that the file goes on as if nothing had happened; where even that fails, go
            // on in another file: the reader gets past the torn end.
            if (m_disk.truncate(m_descriptor, m_durableBytes) != 0)
                abandonSegment();
            return journalError(QStringLiteral("cannot write"), path, failure);
        }
        failure = m_disk.sync(m_descriptor);
        if (failure != 0) {
            // After a failed sync the kernel may hold the lost pages for clean, and a second sync would lie. The
            // entries are written again, to another file; the reader passes over numbers it has seen.
            abandonSegment();
            return journalError(QStringLiteral("cannot sync"), path, failure);
        }
        m_durableBytes += chunk.size();
        durable = batch[taken - 1].number;
        batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(taken));
        const std::scoped_lock lock(m_mutex);
        m_segments.back().bytes = m_durableBytes;
        m_bytes += chunk.size();
    }
    return {};
}

void Journal::closeSegment()
{
    if (m_descriptor >= 0)
        abandonSegment();
}

int Journal::dropOldest(qint64 bytes)
{
    int dropped = 0;
    while (m_bytes > bytes) {
        const std::vector<Segment> all = segments();
        if (all.empty() || !all.front().closed)
            break;
        remove(all.front());
        ++dropped;
    }
    return dropped;
}

QString Journal::journalId() const
{
    const std::scoped_lock lock(m_mutex);
    return m_journalId;
}

QString Journal::run() const
{
    const std::scoped_lock lock(m_mutex);
    return m_run;
}

QByteArray Journal::numberKey() const
{
    const std::scoped_lock lock(m_mutex);
    return m_numberKey;
}

std::vector<Segment> Journal::segments() const
{
    const std::scoped_lock lock(m_mutex);
    return m_segments;
}

bool Journal::forget(const Segment& segment)
{
    const std::scoped_lock lock(m_mutex);
    const auto it = std::find(m_segments.begin(), m_segments.end(), segment);
    if (it == m_segments.end() || !it->closed)
        return false;
    m_bytes -= it->bytes;
    m_segments.erase(it);
    return true;
}

void Journal::remove(const Segment& segment)
{
    const std::scoped_lock rewriting(m_rewriting);
    if (!forget(segment))
        return;
    // A file that stays is read again at the next start, and the database knows its entries: nothing doubles.
    if (const int result = m_disk.remove(segment.path); result != 0)
        qCWarning(lcCallLog).noquote() << "cannot remove the stored journal file" << segment.path + QLatin1Char(':')
                                       << errnoText(-result);
}

void Journal::setAside(const Segment& segment)
{
    if (!forget(segment))
        return;
    const QString kept = segment.path + QStringLiteral(".corrupt");
    if (QFile::rename(segment.path, kept))
        qCWarning(lcCallLog).noquote() << "the damaged journal file is kept as" << kept;
}

void Journal::shrink(const Segment& segment, qint64 bytes)
{
    const std::scoped_lock lock(m_mutex);
    const auto it = std::find(m_segments.begin(), m_segments.end(), segment);
    if (it == m_segments.end())
        return;
    m_bytes -= it->bytes - bytes;
    it->bytes = bytes;
}

Result<quint64> Journal::rewrite(const Segment& segment, const Change& change, bool dropUnreadable)
{
    const std::scoped_lock rewriting(m_rewriting);
    const std::vector<Segment> known = segments();
    const auto it = std::find(known.begin(), known.end(), segment);
    if (it == known.end() || !it->closed)
        return quint64(0); // gone meanwhile
    const auto changed = rewriteFile(segment.path, change, dropUnreadable);
    if (changed)
        shrink(segment, QFileInfo(segment.path).size());
    return changed;
}

Result<quint64> Journal::rewriteSetAside(const Change& change, bool dropUnreadable)
{
    quint64 changed = 0;
    for (const QString& path : setAsideFiles()) {
        const auto rewritten = rewriteFile(path, change, dropUnreadable);
        if (!rewritten)
            return rewritten;
        changed += *rewritten;
    }
    return changed;
}

void Journal::removeSetAside(const QDateTime& before)
{
    for (const QString& path : setAsideFiles()) {
        if (QFileInfo(path).lastModified() < before)
            m_disk.remove(path);
    }
}

QStringList Journal::setAsideFiles() const
{
    QStringList paths;
    for (const QString& name : QDir(m_directory).entryList({QStringLiteral("*.corrupt")}, QDir::Files))
        paths += m_directory + QLatin1Char('/') + name;
    return paths;
}

Result<quint64> Journal::rewriteFile(const QString& path, const Change& change, bool dropUnreadable)
{
    // Looked at first: most files have nothing to change, and those stay untouched.
    quint64 changed = 0;
    bool unreadable = false;
    const auto walk = [&](const std::function<Result<void>(quint64, QByteArrayView)>& take) -> Result<void> {
        SegmentCursor cursor(path);
        SegmentCursor::Step step;
        while ((step = cursor.next()) == SegmentCursor::Step::Record) {
            unreadable = unreadable || cursor.skippedBytes() > 0;
            const auto view = viewPayload(cursor.payload());
            const auto other = view ? change(*view) : std::nullopt;
            changed += other ? 1 : 0;
            if (!take)
                continue;
            if (auto taken = take(cursor.number(), other ? QByteArrayView(*other) : cursor.payload()); !taken)
                return taken;
        }
        unreadable = unreadable || cursor.unread() > 0;
        if (step == SegmentCursor::Step::Error)
            return Error{Error::Code::Io, QStringLiteral("cannot read ") + path, {}};
        return {};
    };
    if (auto looked = walk({}); !looked)
        return looked.error();
    if (changed == 0 && !(unreadable && dropUnreadable))
        return quint64(0);

    const quint64 found = std::exchange(changed, 0);
    const QString fresh = path + QStringLiteral(".rewritten");
    QFile::remove(fresh);
    const int descriptor = m_disk.create(fresh);
    if (descriptor < 0)
        return journalError(QStringLiteral("cannot make"), fresh, descriptor);
    QByteArray chunk = SegmentMagic.toByteArray();
    const auto flush = [&]() -> Result<void> {
        for (qint64 done = 0; done < chunk.size();) {
            const qint64 written = m_disk.write(descriptor, QByteArrayView(chunk).sliced(done));
            if (written <= 0)
                return journalError(QStringLiteral("cannot write"), fresh, written < 0 ? int(written) : -ENOSPC);
            done += written;
        }
        chunk.clear();
        return {};
    };
    auto result = walk([&](quint64 number, QByteArrayView payload) -> Result<void> {
        appendRecord(chunk, number, payload);
        return chunk.size() < WriteBytes ? Result<void>() : flush();
    });
    if (result)
        result = flush();
    int failure = result ? m_disk.sync(descriptor) : 0;
    ::close(descriptor);
    if (result && failure == 0
        && ::rename(QFile::encodeName(fresh).constData(), QFile::encodeName(path).constData()) != 0)
        failure = -errno;
    if (result && failure == 0)
        failure = m_disk.syncDirectory(m_directory);
    if (result && failure != 0)
        result = journalError(QStringLiteral("cannot write"), fresh, failure);
    if (!result) {
        m_disk.remove(fresh);
        return result.error();
    }
    return found;
}

SegmentCursor::SegmentCursor(const QString& path)
    : m_descriptor(::open(QFile::encodeName(path).constData(), O_RDONLY | O_CLOEXEC))
    , m_failed(m_descriptor < 0)
{
}

SegmentCursor::~SegmentCursor()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

bool SegmentCursor::fill()
{
    const qsizetype before = m_buffer.size();
    m_buffer.resize(before + ReadAheadBytes);
    ssize_t got = -1;
    do {
        got = ::pread(m_descriptor, m_buffer.data() + before, ReadAheadBytes, m_base + before);
    } while (got < 0 && errno == EINTR);
    m_buffer.resize(before + qMax<ssize_t>(got, 0));
    m_failed = m_failed || got < 0;
    return got > 0;
}

QByteArrayView SegmentCursor::rest(qint64 from) const
{
    return QByteArrayView(m_buffer).sliced(from - m_base);
}

SegmentCursor::Step SegmentCursor::next()
{
    if (m_failed)
        return Step::Error;
    m_record = {};
    if (m_position - m_base > ReadAheadBytes) {
        m_buffer.remove(0, m_position - m_base);
        m_base = m_position;
    }
    qint64 at = m_position;
    for (;;) {
        if (at == 0) {
            while (m_buffer.size() < SegmentMagic.size() && fill()) { }
            if (m_buffer.startsWith(SegmentMagic)) {
                at = SegmentMagic.size();
                m_position = at;
            }
        }
        ParsedRecord record = parseRecord(rest(at));
        while (record.state == ParsedRecord::State::Short && fill())
            record = parseRecord(rest(at));
        if (m_failed)
            return Step::Error;
        if (record.state == ParsedRecord::State::Whole) {
            m_record = record;
            m_recordAt = at;
            m_skipped = at - m_position;
            m_position = at + record.size;
            m_unread = 0;
            return Step::Record;
        }
        const bool atEnd = record.state == ParsedRecord::State::Short && rest(at).isEmpty();
        if (!atEnd) {
            // Bad, or a length that reaches past the end: a whole record may still lie behind.
            const qsizetype found = m_buffer.indexOf(RecordMagic[0], at + 1 - m_base);
            at = found >= 0 ? m_base + found : m_base + m_buffer.size();
            if (at - m_base > 4 * ReadAheadBytes + PayloadLimitBytes) {
                // A long stretch of rubbish is let go as it is passed.
                m_buffer.remove(0, at - m_base);
                m_base = at;
            }
            continue;
        }
        // The end. What was passed over is looked at again next time: in a file still written to, it may be a record
        // whose rest has not come yet.
        m_unread = at - m_position;
        m_buffer.clear();
        m_base = m_position;
        return Step::End;
    }
}

void SegmentCursor::putBack()
{
    m_position = m_recordAt - m_skipped;
    m_record = {};
    m_buffer.clear();
    m_base = m_position;
}

JournalReader::JournalReader(Journal& journal)
    : m_journal(journal)
{
}

void JournalReader::rewind(QHash<QString, quint64> storedThrough)
{
    m_storedThrough = std::move(storedThrough);
    m_segment = {};
    m_cursor.reset();
    m_finished.clear();
    m_last = 0;
}

std::vector<JournalReader::Item> JournalReader::read(int limit, quint64 durable)
{
    std::vector<Item> items;
    const QString runningRun = m_journal.run();
    const std::vector<Segment> segments = m_journal.segments();
    while (items.size() < static_cast<size_t>(limit)) {
        if (!m_cursor) {
            const auto following = std::find_if(
                segments.begin(), segments.end(), [&](const Segment& segment) { return m_segment.isBefore(segment); });
            if (following == segments.end())
                break;
            if (following->run != m_segment.run) {
                m_last = m_storedThrough.value(following->run, 0);
                // A run whose first files are gone was stored once, perhaps in another database: its first number is no
                // gap.
                m_expectationKnown = m_last > 0 || following->sequence == 1;
            }
            m_segment = *following;
            m_damaged = false;
            m_cursor = std::make_unique<SegmentCursor>(m_segment.path);
        }
        const bool running = m_segment.run == runningRun;
        const SegmentCursor::Step step = m_cursor->next();
        if (step == SegmentCursor::Step::Record) {
            const quint64 number = m_cursor->number();
            if (number <= m_last)
                continue; // stored, or written twice around a failed sync
            if (running && number > durable) {
                m_cursor->putBack();
                break;
            }
            if (m_cursor->skippedBytes() > 0 || (m_expectationKnown && number > m_last + 1)) {
                m_damaged = true;
                if (running) {
                    const quint64 lost = m_expectationKnown ? number - m_last - 1 : 0;
                    m_lost += lost;
                    qCCritical(lcCallLog).noquote()
                        << "journal file" << m_segment.path << "is damaged:" << m_cursor->skippedBytes()
                        << "bytes unreadable before entry" << number << "-" << lost << "entries lost";
                }
            }
            m_last = number;
            m_expectationKnown = true;
            items.push_back({m_segment.run, number, m_cursor->payload().toByteArray()});
            continue;
        }
        if (step == SegmentCursor::Step::Error) {
            // Out of descriptors, perhaps: it is tried again. A file that stays unreadable must not hold up those
            // behind it.
            m_cursor.reset();
            if (++m_readErrors < ReadAttempts) {
                m_cursor = std::make_unique<SegmentCursor>(m_segment.path);
                break;
            }
            m_readErrors = 0;
            qCCritical(lcCallLog).noquote()
                << "journal file" << m_segment.path << "cannot be read; it is left where it is";
            continue;
        }
        // Only a file known to be closed before its end was met is done with.
        const auto known = std::find(segments.begin(), segments.end(), m_segment);
        if (known != segments.end() && !known->closed)
            break;
        m_finished.push_back({m_segment, m_damaged});
        m_cursor.reset();
    }
    return items;
}

} // namespace kav::calllog
