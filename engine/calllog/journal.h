// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/disk.h"
#include "engine/calllog/record.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QHash>
#include <QString>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace kav::calllog {

/// One file of the journal: `RUN.SEQUENCE.journal`. A run is one engine's life; run names sort by their start.
struct Segment final {
    QString run;
    int sequence = 0;
    QString path;
    qint64 bytes = 0;
    bool closed = false; ///< nothing is written to it any more

    bool isBefore(const Segment& other) const { return run != other.run ? run < other.run : sequence < other.sequence; }
    bool operator==(const Segment& other) const { return run == other.run && sequence == other.sequence; }
};

/// An entry that waits for the disk.
struct Pending final {
    quint64 number = 0;
    QByteArray payload;
    QString from{}, to{}; ///< whose ids its payload has room for
};

/// The append side of the journal, and the catalogue of its files. Owned by CallLog; open() and write() belong to the
/// journal's thread, the rest may be called from any. It holds the data directory's lock while it lives.
class Journal final {
public:
    Journal(const QString& dataDir, qint64 segmentBytes, const Clock& clock, Disk& disk);
    ~Journal();
    Q_DISABLE_COPY_MOVE(Journal)

    /// Makes and locks the directory, learns its identity and the files that earlier runs left, and names the new run.
    /// Makes no file for the run: that is the first write's. May be repeated after a failure.
    Result<void> open();
    /// Writes entries from the front of `batch` and syncs them; what is on disk is taken off the front, through
    /// `durable`. After an error the rest stays in `batch`, and the next call tries again, in a new file where the old
    /// one is in doubt.
    Result<void> write(std::deque<Pending>& batch, quint64& durable);
    /// The next write begins a new file: all that was written so far stands in closed ones.
    void closeSegment();
    /// Deletes the oldest closed segments until the journal has at most so many bytes, or no closed one is left. How
    /// many went.
    int dropOldest(qint64 bytes);

    QString directory() const { return m_directory; }
    QString journalId() const; ///< of the data directory, over all its runs; empty before open()
    QString run() const; ///< empty before open()
    QByteArray numberKey() const; ///< of numberId(), over all runs of the data directory; empty before open()
    std::vector<Segment> segments() const; ///< in order
    qint64 bytes() const { return m_bytes; }
    /// Forgets a closed segment and deletes its file.
    void remove(const Segment& segment);
    /// Forgets a closed segment and keeps its file as `.corrupt`, for whoever wants to look at what was lost.
    void setAside(const Segment& segment);
    /// A closed segment was cut to `bytes`.
    void shrink(const Segment& segment, qint64 bytes);
    /// What to put in the place of a payload; nothing: it stays.
    using Change = std::function<std::optional<QByteArray>(const PayloadView&)>;
    /// Writes a closed segment anew where `change` wants another payload somewhere in it, or where bytes cannot be read
    /// and `dropUnreadable` is set; the numbers stay. The number of payloads changed.
    Result<quint64> rewrite(const Segment& segment, const Change& change, bool dropUnreadable);
    /// The same of the files that were set aside.
    Result<quint64> rewriteSetAside(const Change& change, bool dropUnreadable);
    /// Files that were set aside, and hold nothing younger than `before`, go.
    void removeSetAside(const QDateTime& before);

private:
    Result<void> openSegment();
    void abandonSegment();
    bool forget(const Segment& segment);
    Result<quint64> rewriteFile(const QString& path, const Change& change, bool dropUnreadable);
    QStringList setAsideFiles() const;
    /// A small file beside the segments, whose text is made once; written aside and renamed, so that it is there whole
    /// or not at all.
    Result<QString> identityIn(const QString& name, const QString& form, const std::function<QString()>& make);

    const QString m_directory;
    const qint64 m_segmentBytes;
    const Clock& m_clock;
    Disk& m_disk;
    int m_lock = -1;
    int m_descriptor = -1; ///< of the open segment
    int m_sequence = 0;
    qint64 m_durableBytes = 0; ///< of the open segment

    mutable std::mutex m_mutex; // guards what follows
    QString m_journalId;
    QString m_run;
    QByteArray m_numberKey;
    std::vector<Segment> m_segments;
    std::atomic<qint64> m_bytes{0};
    std::mutex m_rewriting; // a file is either written anew or deleted
};

/// The key of a data directory's number ids; NotFound where no engine has made one.
Result<QByteArray> numberKeyOf(const QString& dataDir);

/// Walks the records of one file, and gets past what is damaged: after a bad place it searches for the next whole
/// record. Holds at most a record and a read-ahead in memory.
class SegmentCursor final {
public:
    explicit SegmentCursor(const QString& path);
    ~SegmentCursor();
    Q_DISABLE_COPY_MOVE(SegmentCursor)

    enum class Step {
        Record,
        End, ///< no whole record follows (yet); unread() tells whether bytes are left. May be asked again.
        Error, ///< the file cannot be read
    };
    Step next();
    /// Takes the last record back: the next next() gives it again.
    void putBack();

    quint64 number() const { return m_record.number; }
    QByteArrayView payload() const { return m_record.payload; } ///< until the next call
    qint64 skippedBytes() const { return m_skipped; } ///< damaged bytes before the last record
    qint64 position() const { return m_position; } ///< where the last whole record ends
    qint64 unread() const { return m_unread; } ///< at End: bytes that make no record

private:
    bool fill();
    QByteArrayView rest(qint64 from) const;

    int m_descriptor = -1;
    bool m_failed = false;
    QByteArray m_buffer;
    qint64 m_base = 0; ///< file position of m_buffer's start
    qint64 m_position = 0;
    qint64 m_skipped = 0;
    qint64 m_unread = 0;
    qint64 m_recordAt = 0;
    ParsedRecord m_record;
};

/// Reads the journal in order, run after run, for the database writer; belongs to the writer's thread.
class JournalReader final {
public:
    explicit JournalReader(Journal& journal);

    struct Item final {
        QString run;
        quint64 number = 0;
        QByteArray payload;
    };
    /// Starts again, to give only what lies behind `storedThrough` (by run).
    void rewind(QHash<QString, quint64> storedThrough);
    /// At most `limit` entries; of the running run only those up to `durable`.
    std::vector<Item> read(int limit, quint64 durable);

    /// Segments that have been read to their end, damaged or not; they may go once all that was read is stored.
    struct Finished final {
        Segment segment;
        bool damaged = false;
    };
    std::vector<Finished> takeFinished() { return std::exchange(m_finished, {}); }
    /// Entries of this run found missing since the last call, or unreadable: the disk lost them after they were
    /// acknowledged.
    quint64 takeLost() { return std::exchange(m_lost, 0); }

private:
    Journal& m_journal;
    QHash<QString, quint64> m_storedThrough;
    Segment m_segment; ///< being read, or read last
    std::unique_ptr<SegmentCursor> m_cursor;
    bool m_damaged = false;
    bool m_expectationKnown = false;
    quint64 m_last = 0; ///< number last read or stored, in m_segment's run
    quint64 m_lost = 0;
    int m_readErrors = 0; ///< in a row
    std::vector<Finished> m_finished;
};

} // namespace kav::calllog
