// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/journal.h"
#include "engine/calllog/redaction.h"
#include "tests/calllog/calllogsupport.h"
#include "tests/support/fakeclock.h"

#include <QFile>
#include <QTemporaryDir>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;

/// The journal's files: what is written, what a crash or a bad disk leaves of it, and what is read back.
class TestJournal final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }
    void whatIsWrittenIsReadInOrderAcrossFiles();
    void runsFollowEachOtherEvenWhenTheClockGoesBack();
    void theSecondEngineInADirectoryIsRefusedByName();
    void aTailTornAtAnyByteCostsOnlyThatRecord();
    void aFlippedByteAnywhereCostsOnlyItsOwnRecord();
    void lengthThatPointsPastTheEndDoesNotHideWhatFollows();
    void theReaderWaitsForWhatIsNotDurableYet();
    void aDamagedFileIsReportedAndKept();
    void afterAFailureOfAnyCallNothingAcknowledgedIsMissingOrDouble();
    void aRewritingThatFailsLeavesTheOldFileWhole();
    void anUnreadableIdentityIsReplaced();

private:
    std::unique_ptr<QTemporaryDir> m_dir;
    kav::test::FakeClock m_clock;
    Disk m_disk;

    static std::deque<Pending> entries(quint64 first, quint64 count, qsizetype padding = 0)
    {
        std::deque<Pending> batch;
        for (quint64 n = first; n < first + count; ++n)
            batch.push_back({n,
                encodeEntry(eventEntry(QStringLiteral("CA1"), QStringLiteral("T%1").arg(n), 0,
                    {{QStringLiteral("padding"), QString(padding, QLatin1Char('p'))}}))});
        return batch;
    }
    static QList<quint64> numbersIn(const QString& path)
    {
        SegmentCursor cursor(path);
        QList<quint64> numbers;
        while (cursor.next() == SegmentCursor::Step::Record)
            numbers += cursor.number();
        return numbers;
    }
    static QByteArray contentOf(const QString& path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    static bool replace(const QString& path, const QByteArray& content)
    {
        QFile file(path);
        return file.open(QIODevice::WriteOnly) && file.write(content) == content.size();
    }
};

void TestJournal::whatIsWrittenIsReadInOrderAcrossFiles()
{
    Journal journal(m_dir->path(), 1000, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    for (int i = 0; i < 10; ++i) {
        auto batch = entries(quint64(i) * 10 + 1, 10);
        QVERIFY(journal.write(batch, durable));
        QVERIFY(batch.empty());
    }
    QCOMPARE(durable, 100u);
    QVERIFY(journal.segments().size() > 3);

    JournalReader reader(journal);
    reader.rewind({{journal.run(), 7}});
    quint64 expected = 8;
    for (;;) {
        const auto items = reader.read(9, durable);
        if (items.empty())
            break;
        QVERIFY(items.size() <= 9);
        for (const auto& item : items) {
            QCOMPARE(item.run, journal.run());
            QCOMPARE(item.number, expected++);
        }
    }
    QCOMPARE(expected, 101u);
    const auto finished = reader.takeFinished();
    QCOMPARE(finished.size(), journal.segments().size() - 1); // all but the one still written to
    const qint64 before = journal.bytes();
    for (const auto& [segment, damaged] : finished) {
        QVERIFY(!damaged);
        journal.remove(segment);
    }
    QCOMPARE(journal.segments().size(), size_t(1));
    QVERIFY(journal.bytes() < before);
    QCOMPARE(journalFiles(m_dir->path()).size(), 1);
}

void TestJournal::runsFollowEachOtherEvenWhenTheClockGoesBack()
{
    QStringList runs;
    QString id;
    for (int i = 0; i < 3; ++i) {
        // The fake clock stands still: names must grow all the same.
        Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
        QVERIFY(journal.open());
        runs += journal.run();
        QVERIFY(id.isEmpty() || id == journal.journalId());
        id = journal.journalId();
        quint64 durable = 0;
        auto batch = entries(1, 1);
        QVERIFY(journal.write(batch, durable));
    }
    QStringList sorted = runs;
    sorted.sort();
    QCOMPARE(runs, sorted);
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    JournalReader reader(journal);
    reader.rewind({});
    QStringList read;
    for (const auto& item : reader.read(100, 0))
        read += item.run;
    QCOMPARE(read, runs);
}

void TestJournal::theSecondEngineInADirectoryIsRefusedByName()
{
    Journal first(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(first.open());
    Journal second(m_dir->path(), 1 << 20, m_clock, m_disk);
    const auto refused = second.open();
    QVERIFY(!refused);
    QVERIFY(refused.error().message.contains(m_dir->path()));
    QVERIFY(refused.error().message.contains(
        QStringLiteral("in use by another engine (process %1)").arg(QCoreApplication::applicationPid())));
}

void TestJournal::aTailTornAtAnyByteCostsOnlyThatRecord()
{
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    auto batch = entries(1, 5);
    QVERIFY(journal.write(batch, durable));
    const QString path = journal.segments().back().path;
    const QByteArray whole = contentOf(path);
    batch = entries(6, 1);
    QVERIFY(journal.write(batch, durable));
    const QByteArray longer = contentOf(path);
    const QString copy = m_dir->filePath(QStringLiteral("copy"));
    for (qsizetype size = whole.size(); size < longer.size(); ++size) {
        QVERIFY(replace(copy, longer.first(size)));
        SegmentCursor cursor(copy);
        for (quint64 n = 1; n <= 5; ++n) {
            QCOMPARE(cursor.next(), SegmentCursor::Step::Record);
            QCOMPARE(cursor.number(), n);
        }
        QCOMPARE(cursor.next(), SegmentCursor::Step::End);
        QCOMPARE(cursor.unread(), size - whole.size());
        QCOMPARE(cursor.position(), whole.size());
    }
    // The file grows under the same cursor: the record that was short is found whole.
    QVERIFY(replace(copy, longer.chopped(1)));
    SegmentCursor cursor(copy);
    while (cursor.next() == SegmentCursor::Step::Record) { }
    QVERIFY(replace(copy, longer));
    QCOMPARE(cursor.next(), SegmentCursor::Step::Record);
    QCOMPARE(cursor.number(), 6u);
}

void TestJournal::aFlippedByteAnywhereCostsOnlyItsOwnRecord()
{
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    auto batch = entries(1, 6);
    QVERIFY(journal.write(batch, durable));
    const QByteArray whole = contentOf(journal.segments().back().path);
    const QString copy = m_dir->filePath(QStringLiteral("copy"));
    for (qsizetype i = 0; i < whole.size(); ++i) {
        QByteArray damaged = whole;
        damaged[i] = char(damaged[i] ^ 0x41);
        QVERIFY(replace(copy, damaged));
        const QList<quint64> numbers = numbersIn(copy);
        // A broken file head costs nothing; anything else costs the one record it is in.
        QCOMPARE(numbers.size(), i < 8 ? 6 : 5);
    }
}

void TestJournal::lengthThatPointsPastTheEndDoesNotHideWhatFollows()
{
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    auto batch = entries(1, 4);
    QVERIFY(journal.write(batch, durable));
    QByteArray damaged = contentOf(journal.segments().back().path);
    damaged[8 + 4] = '\x00';
    damaged[8 + 5] = '\xf0'; // about 61,000 bytes: a length that is allowed, and longer than the file
    const QString copy = m_dir->filePath(QStringLiteral("copy"));
    QVERIFY(replace(copy, damaged));
    QCOMPARE(numbersIn(copy), (QList<quint64>{2, 3, 4}));

    // Megabytes of rubbish between two records are passed in bounded memory.
    const QByteArray whole = contentOf(journal.segments().back().path);
    QVERIFY(replace(copy, whole + QByteArray(8 << 20, '\xff') + whole.sliced(8)));
    QCOMPARE(numbersIn(copy), (QList<quint64>{1, 2, 3, 4, 1, 2, 3, 4}));
}

void TestJournal::theReaderWaitsForWhatIsNotDurableYet()
{
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    auto batch = entries(1, 5);
    QVERIFY(journal.write(batch, durable));
    JournalReader reader(journal);
    reader.rewind({});
    QCOMPARE(reader.read(100, 3).size(), size_t(3));
    QCOMPARE(reader.read(100, 3).size(), size_t(0));
    const auto rest = reader.read(100, 5);
    QCOMPARE(rest.size(), size_t(2));
    QCOMPARE(rest.front().number, 4u);
    QCOMPARE(reader.takeLost(), 0u);
}

void TestJournal::aDamagedFileIsReportedAndKept()
{
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    quint64 durable = 0;
    auto batch = entries(1, 6);
    QVERIFY(journal.write(batch, durable));
    const QString path = journal.segments().back().path;
    QByteArray damaged = contentOf(path);
    const qsizetype second = damaged.indexOf(QByteArray(RecordMagic, 4), 20);
    damaged[second + 30] = '!';
    QVERIFY(replace(path, damaged));

    const LogCatcher log;
    JournalReader reader(journal);
    reader.rewind({});
    QList<quint64> numbers;
    for (const auto& item : reader.read(100, durable))
        numbers += item.number;
    QCOMPARE(numbers, (QList<quint64>{1, 3, 4, 5, 6}));
    QCOMPARE(reader.takeLost(), 1u);
    QCOMPARE(LogCatcher::containing(QStringLiteral("is damaged")).size(), 1);
}

void TestJournal::afterAFailureOfAnyCallNothingAcknowledgedIsMissingOrDouble()
{
    // The N-th system call fails, for every N, once with each error: what was said to be durable must be read back
    // once.
    for (const int failure : {EIO, ENOSPC}) {
        int calls = 1;
        for (int n = 0; n < calls; ++n) {
            QTemporaryDir dir;
            FaultyDisk disk;
            disk.failWith = failure;
            disk.failAt = n;
            quint64 durable = 0;
            {
                Journal journal(dir.path(), 1500, m_clock, disk);
                while (!journal.open()) { }
                std::deque<Pending> batch;
                for (int round = 0; round < 12; ++round) {
                    for (Pending& pending : entries(quint64(round) * 4 + 1, 4))
                        batch.push_back(std::move(pending));
                    const size_t before = batch.size();
                    const quint64 durableBefore = durable;
                    const auto written = journal.write(batch, durable);
                    QCOMPARE(durable - durableBefore, quint64(before - batch.size()));
                    QCOMPARE(written.ok(), batch.empty());
                }
                while (!batch.empty())
                    (void)journal.write(batch, durable); // one failure is over soon
            }
            if (n == 0)
                calls = disk.calls + 4;
            QCOMPARE(durable, 48u);
            Journal journal(dir.path(), 1500, m_clock, m_disk);
            QVERIFY(journal.open());
            JournalReader reader(journal);
            reader.rewind({});
            quint64 expected = 1;
            for (const auto& item : reader.read(1000, 0))
                QCOMPARE(item.number, expected++);
            QCOMPARE(expected, 49u);
        }
        QVERIFY(calls > 30);
    }
}

void TestJournal::aRewritingThatFailsLeavesTheOldFileWhole()
{
    // The N-th system call fails, for every N: either all of it is changed, or nothing.
    const auto change = [](const PayloadView& view) { return std::optional(placeholderFor(view)); };
    int changedOnes = 0;
    for (int n = 0; n < 12; ++n) {
        QTemporaryDir dir;
        FaultyDisk disk;
        Journal journal(dir.path(), 1 << 20, m_clock, disk);
        QVERIFY(journal.open());
        std::deque<Pending> batch = entries(1, 10);
        quint64 durable = 0;
        QVERIFY(journal.write(batch, durable));
        journal.closeSegment();
        const Segment segment = journal.segments().front();
        disk.failAt = n;
        const auto changed = journal.rewrite(segment, change, false);
        disk.failAt = -1;
        QCOMPARE(QDir(dir.filePath(QStringLiteral("journal"))).entryList({QStringLiteral("*.rewritten")}).size(), 0);
        quint64 kept = 0, gone = 0;
        SegmentCursor cursor(segment.path);
        while (cursor.next() == SegmentCursor::Step::Record) {
            QCOMPARE(cursor.number(), kept + gone + 1);
            isPlaceholder(*viewPayload(cursor.payload())) ? ++gone : ++kept;
        }
        QVERIFY(cursor.unread() == 0 && kept + gone == 10);
        QVERIFY(kept == 0 || gone == 0);
        if (changed) {
            QCOMPARE(*changed, 10u);
            QCOMPARE(gone, 10u);
            QCOMPARE(journal.bytes(), QFileInfo(segment.path).size());
            ++changedOnes;
        }
    }
    QVERIFY(changedOnes > 0 && changedOnes < 12);
}

void TestJournal::anUnreadableIdentityIsReplaced()
{
    QVERIFY(QDir(m_dir->path()).mkpath(QStringLiteral("journal")));
    QVERIFY(replace(m_dir->filePath(QStringLiteral("journal/id")), "\xff\xff rubbish"));
    QString id;
    {
        Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
        QVERIFY(journal.open());
        id = journal.journalId();
        QCOMPARE(id.size(), 16);
    }
    Journal journal(m_dir->path(), 1 << 20, m_clock, m_disk);
    QVERIFY(journal.open());
    QCOMPARE(journal.journalId(), id);
}

QTEST_GUILESS_MAIN(TestJournal)
#include "tst_journal.moc"
