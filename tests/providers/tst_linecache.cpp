// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linecache.h"
#include "engine/providers/linestore.h"

#include <QDir>
#include <QFile>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <array>
#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

using namespace kav::providers;

namespace {

QByteArray keyOf(const QString& text)
{
    return SpokenLine{QStringLiteral("google"), QStringLiteral("wavenet"), {}, QStringLiteral("he-IL"), text}.key();
}
QByteArray keyOf(int number)
{
    return keyOf(QString::number(number));
}
QByteArray sound(int length, char fill = '\x55')
{
    return QByteArray(length, fill);
}

/// Reads what a store has of `keys`, and waits for it.
void loadNow(LineStore& store, const QList<QByteArray>& keys, LineCache& into)
{
    std::binary_semaphore done(0);
    store.load(keys, into, [&done] { done.release(); });
    done.acquire();
}

} // namespace

/// Sentences as sound, in memory and on disk.
class TestLineCache final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void aLineIsWhoSaysItAndHow();
    void aKnownLineIsThereAtOnce();
    void anAnswerIsKeptWhenItIsSaidAgain();
    void whatWasUsedLeastGoesFirst();
    void aLineLargerThanTheCacheIsNotTaken();
    void onlySoManySentencesAreRememberedAsSaidOnce();
    void knownLinesAloneGoToTheKeeper();
    void linesSurviveARestart();
    void aDamagedFileIsDroppedAndMadeAnew_data();
    void aDamagedFileIsDroppedAndMadeAnew();
    void garbageOfAnyLengthIsNoLine();
    void theDiskIsBoundedToo();
    void halfWrittenFilesGo();
    void aDirectoryThatCannotBeWrittenIsToldOnce();
    void manyThreadsAtOnce();
    void aLookupIsCheap();

private:
    QString pathOf(const QByteArray& key) const { return m_directory->filePath(LineStore::fileNameOf(key)); }
    LineStore::Settings onDisk(qint64 bytes = 1024 * 1024) const { return {m_directory->path(), bytes}; }

    std::unique_ptr<QTemporaryDir> m_directory;
};

void TestLineCache::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
    m_directory = std::make_unique<QTemporaryDir>();
}

void TestLineCache::aLineIsWhoSaysItAndHow()
{
    const QString a = QStringLiteral("a"), b = QStringLiteral("b"), none;
    const SpokenLine line{a, a, a, a, a};
    QCOMPARE(line.key().size(), 32);
    QCOMPARE(line.key(), (SpokenLine{a, a, a, a, a}.key()));
    const std::array others{SpokenLine{b, a, a, a, a}, SpokenLine{a, b, a, a, a}, SpokenLine{a, a, b, a, a},
        SpokenLine{a, a, a, b, a}, SpokenLine{a, a, a, a, b}, SpokenLine{a, a, a, a, QStringLiteral("A")},
        SpokenLine{QStringLiteral("aa"), none, a, a, a}, SpokenLine{none, QStringLiteral("aa"), a, a, a},
        SpokenLine{a, a, a, a, QStringLiteral("a ")}};
    QSet<QByteArray> keys{line.key()};
    for (const SpokenLine& other : others)
        keys.insert(other.key());
    QCOMPARE(keys.size(), qsizetype(others.size()) + 1);
    QVERIFY(keyOf(QStringLiteral("שלום")) != keyOf(QStringLiteral("שלומ")));
}

void TestLineCache::aKnownLineIsThereAtOnce()
{
    LineCache cache;
    QVERIFY(!cache.find({keyOf(1)}));
    cache.setKnown({keyOf(1)});
    cache.insert(keyOf(1), sound(800));
    QCOMPARE(cache.find({keyOf(2), keyOf(1)}), sound(800)); // the first of these that is there
    QCOMPARE(cache.counters().hits, 1u);
    QCOMPARE(cache.counters().misses, 1u);
    QCOMPARE(cache.counters().lines, 1);
    // Known no longer: it stays, since calls in progress may say it.
    cache.setKnown({});
    QVERIFY(cache.contains(keyOf(1)));
}

void TestLineCache::anAnswerIsKeptWhenItIsSaidAgain()
{
    LineCache cache;
    cache.insert(keyOf(1), sound(800));
    QVERIFY(!cache.contains(keyOf(1)));
    QCOMPARE(cache.counters().bytes, 0);
    cache.insert(keyOf(1), sound(800));
    QVERIFY(cache.contains(keyOf(1)));
    cache.insert(keyOf(1), sound(900)); // one that came at the same time changes nothing
    QCOMPARE(cache.find({keyOf(1)}), sound(800));
    cache.insert(keyOf(2), {}); // silence is no line
    cache.insert(keyOf(2), {});
    QVERIFY(!cache.contains(keyOf(2)));
}

void TestLineCache::whatWasUsedLeastGoesFirst()
{
    LineCache cache({.bytes = 4000});
    cache.setKnown({keyOf(1), keyOf(2), keyOf(3), keyOf(4)});
    for (int i = 1; i <= 3; ++i)
        cache.insert(keyOf(i), sound(1000));
    QVERIFY(cache.find({keyOf(1)}));
    cache.insert(keyOf(4), sound(1000));
    QVERIFY(cache.contains(keyOf(1)));
    QVERIFY(!cache.contains(keyOf(2)));
    QCOMPARE(cache.counters().evictions, 1u);
    QVERIFY(cache.counters().bytes <= 4000);
    for (int i = 0; i < 1000; ++i) {
        cache.restore(keyOf(100 + i), sound(i + 1));
        QVERIFY(cache.counters().bytes <= 4000);
    }
}

void TestLineCache::aLineLargerThanTheCacheIsNotTaken()
{
    LineCache cache({.bytes = 4000});
    cache.setKnown({keyOf(1), keyOf(2)});
    cache.insert(keyOf(1), sound(1000));
    cache.insert(keyOf(2), sound(5000));
    QVERIFY(!cache.contains(keyOf(2)));
    QVERIFY(cache.contains(keyOf(1))); // and pushes nothing out
}

void TestLineCache::onlySoManySentencesAreRememberedAsSaidOnce()
{
    LineCache cache({.remembered = 2});
    for (int i = 1; i <= 3; ++i)
        cache.insert(keyOf(i), sound(100));
    cache.insert(keyOf(1), sound(100)); // forgotten: it is said for the first time again
    QVERIFY(!cache.contains(keyOf(1)));
    cache.insert(keyOf(3), sound(100));
    QVERIFY(cache.contains(keyOf(3)));
}

void TestLineCache::knownLinesAloneGoToTheKeeper()
{
    LineCache cache;
    QList<QByteArray> kept;
    cache.setKeeper([&kept](const QByteArray& key, const QByteArray&) { kept += key; });
    cache.setKnown({keyOf(1), keyOf(4)});
    cache.insert(keyOf(1), sound(100));
    cache.insert(keyOf(1), sound(100));
    for (int i = 0; i < 3; ++i)
        cache.insert(keyOf(2), sound(100)); // an answer that may name its caller
    cache.restore(keyOf(4), sound(100));
    QCOMPARE(kept, QList{keyOf(1)});
}

void TestLineCache::linesSurviveARestart()
{
    {
        LineStore store(onDisk());
        store.save(keyOf(1), sound(800));
        store.save(keyOf(2), sound(1600, '\0'));
        store.save(keyOf(1), sound(900)); // in another sound
    }
    QCOMPARE(QFile::permissions(pathOf(keyOf(1))) & (QFile::ReadGroup | QFile::ReadOther), QFile::Permissions());
    LineCache cache;
    LineStore store(onDisk());
    loadNow(store, {keyOf(1), keyOf(2), keyOf(3)}, cache);
    QCOMPARE(cache.find({keyOf(1)}), sound(900));
    QCOMPARE(cache.find({keyOf(2)}), sound(1600, '\0'));
    QVERIFY(!cache.contains(keyOf(3)));
    QCOMPARE(store.counters().loaded, 2u);
    QCOMPARE(store.counters().bytes, QFileInfo(pathOf(keyOf(1))).size() + QFileInfo(pathOf(keyOf(2))).size());
}

void TestLineCache::aDamagedFileIsDroppedAndMadeAnew_data()
{
    QTest::addColumn<int>("cutTo");
    QTest::addColumn<int>("flip");
    QTest::newRow("empty") << 0 << -1;
    QTest::newRow("cut in the header") << 50 << -1;
    QTest::newRow("nothing behind the header") << 76 << -1;
    QTest::newRow("cut in the sound") << 500 << -1;
    QTest::newRow("another magic") << -1 << 3;
    QTest::newRow("another line's") << -1 << 20;
    QTest::newRow("another length") << -1 << 41;
    QTest::newRow("another digest") << -1 << 60;
    QTest::newRow("a bit of the sound") << -1 << 700;
}

void TestLineCache::aDamagedFileIsDroppedAndMadeAnew()
{
    QFETCH(int, cutTo);
    QFETCH(int, flip);
    {
        LineStore store(onDisk());
        store.save(keyOf(1), sound(800));
        store.save(keyOf(2), sound(800));
    }
    QFile file(pathOf(keyOf(1)));
    QVERIFY(file.open(QIODevice::ReadWrite));
    if (cutTo >= 0)
        QVERIFY(file.resize(cutTo));
    if (flip >= 0) {
        QVERIFY(file.seek(flip));
        char byte = 0;
        QVERIFY(file.getChar(&byte));
        QVERIFY(file.seek(flip));
        QVERIFY(file.putChar(char(byte ^ 0x10)));
    }
    file.close();

    LineCache cache;
    LineStore store(onDisk());
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("line on disk is damaged")));
    loadNow(store, {keyOf(1), keyOf(2)}, cache);
    QVERIFY(!cache.contains(keyOf(1)));
    QVERIFY(cache.contains(keyOf(2)));
    QCOMPARE(store.counters().damaged, 1u);
    QVERIFY(!QFile::exists(pathOf(keyOf(1))));
    store.save(keyOf(1), sound(800));
    loadNow(store, {keyOf(1)}, cache);
    QCOMPARE(cache.find({keyOf(1)}), sound(800));
}

void TestLineCache::garbageOfAnyLengthIsNoLine()
{
    QRandomGenerator random(7);
    LineCache cache;
    LineStore store(onDisk());
    for (int i = 0; i < 200; ++i) {
        QByteArray bytes(random.bounded(300), Qt::Uninitialized);
        for (char& byte : bytes)
            byte = char(random.bounded(256));
        if (i % 2)
            bytes.replace(0, 8, "KAVLINE1");
        QFile file(pathOf(keyOf(1)));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(bytes);
        file.close();
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("line on disk is damaged")));
        loadNow(store, {keyOf(1)}, cache);
    }
    QVERIFY(!cache.contains(keyOf(1)));
    QCOMPARE(store.counters().damaged, 200u);
    QCOMPARE(store.counters().bytes, 0);
}

void TestLineCache::theDiskIsBoundedToo()
{
    LineCache cache;
    {
        LineStore store(onDisk(4000));
        for (int i = 1; i <= 10; ++i)
            store.save(keyOf(i), sound(1000));
        store.save(keyOf(11), sound(8000)); // has no room at all
        loadNow(store, {keyOf(1), keyOf(10)}, cache);
        QVERIFY(store.counters().bytes <= 4000);
        QCOMPARE(store.counters().saved, 10u);
    }
    QVERIFY(!cache.contains(keyOf(1)));
    QVERIFY(cache.contains(keyOf(10)));
    QCOMPARE(QDir(m_directory->path()).entryList(QDir::Files).size(), 3);
    // Another limit at the next start holds for what is there.
    LineStore store(onDisk(1500));
    loadNow(store, {}, cache);
    QCOMPARE(QDir(m_directory->path()).entryList(QDir::Files).size(), 1);
}

void TestLineCache::halfWrittenFilesGo()
{
    const QStringList names{LineStore::fileNameOf(keyOf(1)) + QStringLiteral(".aBc123"), QStringLiteral("notes.txt")};
    for (const QString& name : names) {
        QFile file(m_directory->filePath(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("half");
    }
    LineCache cache;
    LineStore store(onDisk());
    loadNow(store, {}, cache);
    QCOMPARE(QDir(m_directory->path()).entryList(QDir::Files), QStringList{QStringLiteral("notes.txt")});
}

void TestLineCache::aDirectoryThatCannotBeWrittenIsToldOnce()
{
    QFile file(m_directory->filePath(QStringLiteral("lines")));
    QVERIFY(file.open(QIODevice::WriteOnly)); // where the directory should be
    LineCache cache;
    LineStore store({file.fileName(), 1024 * 1024});
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("lines are not kept on disk")));
    store.save(keyOf(1), sound(100));
    store.save(keyOf(2), sound(100));
    loadNow(store, {keyOf(1)}, cache);
    QCOMPARE(store.counters().saved, 0u);
}

void TestLineCache::manyThreadsAtOnce()
{
    LineCache cache({.bytes = 64 * 1024});
    std::atomic<int> wrong = 0;
    {
        LineStore store(onDisk(64 * 1024));
        cache.setKeeper([&store](const QByteArray& key, const QByteArray& mulaw) { store.save(key, mulaw); });
        QSet<QByteArray> known;
        for (int i = 0; i < 40; ++i)
            known.insert(keyOf(i));
        cache.setKnown(known);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (int n = 0; n < 1000; ++n) {
                    const int number = (n * 7 + t) % 80;
                    const auto found = cache.find({keyOf(number)});
                    if (found && *found != sound(1000 + number, char(number)))
                        ++wrong;
                    if (!found)
                        cache.insert(keyOf(number), sound(1000 + number, char(number)));
                    if (n % 200 == 0)
                        cache.setKnown(known);
                    if (n % 50 == 0)
                        store.load({keyOf(number)}, cache, [] {});
                    cache.counters();
                    store.counters();
                }
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        cache.setKeeper({});
    }
    QCOMPARE(wrong.load(), 0);
    QVERIFY(cache.counters().bytes <= 64 * 1024);
    QVERIFY(cache.counters().hits > 0);
    QVERIFY(cache.counters().evictions > 0);
}

void TestLineCache::aLookupIsCheap()
{
    LineCache cache;
    QSet<QByteArray> known;
    for (int i = 0; i < 2000; ++i)
        known.insert(keyOf(i));
    cache.setKnown(known);
    for (int i = 0; i < 2000; ++i)
        cache.insert(keyOf(i), sound(8000));
    const QString sentence = QStringLiteral("I'm sorry, I can't answer you right now. Please leave a message.");
    std::optional<QByteArray> found;
    QBENCHMARK
    {
        found = cache.find({keyOf(sentence), keyOf(1500)});
    }
    QCOMPARE(found->size(), 8000);
}

QTEST_GUILESS_MAIN(TestLineCache)
#include "tst_linecache.moc"
