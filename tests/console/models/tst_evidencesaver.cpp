// SPDX-License-Identifier: Apache-2.0
#include "console/models/evidencesaver.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/support/fakeclock.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <sys/resource.h>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace Qt::StringLiterals;
namespace wire = kav::protocol;

namespace {

constexpr int Patience = 30000;
const QString Call = QStringLiteral("CA5b1c");

/// An engine at the other end of a synchroniser without a socket. It makes packs of the files it is given.
class PackingEngine final : public QObject {
public:
    explicit PackingEngine(Synchronizer& synchronizer)
        : m_synchronizer(synchronizer)
    {
        connect(&synchronizer, &Synchronizer::send, this, [this](const QByteArray& text) { take(text); });
        synchronizer.lineUp();
        wire::Welcome welcome;
        welcome.version = wire::HighestVersion;
        welcome.features = {wire::feature::Evidence};
        welcome.run = u"run-1"_s;
        welcome.startedAt = QDateTime(QDate(2026, 1, 1), QTime(0, 0), Qt::UTC);
        says(welcome);
        says(wire::Snapshot{});
    }

    QList<std::pair<QString, QByteArray>> files; ///< of the pack
    int notYet = 0; ///< times that it is asked in vain whether the pack is made
    qsizetype partSize = 1000;
    QString wrongSum; ///< of this file
    std::optional<wire::CommandError> makeError, queryError;
    QList<wire::ErrorCode> passingErrors; ///< one for each part read, before it is given
    std::function<void(wire::EvidencePart&)> spoil;
    bool isSilent = false;

    QList<wire::MakeEvidence> made;
    QStringList dropped;
    int reads = 0;

    void says(const wire::ToConsole& message) { m_synchronizer.take(wire::encode(message)); }
    void repliesToMake() { answer(made.last().id, wire::EvidencePack{u"e1"_s, made.last().call, false, {}, {}}); }

private:
    using Reply = std::variant<wire::CommandResult, wire::CommandError>;
    void answer(qint64 id, const Reply& reply)
    {
        // As over a line: never from inside the asking.
        QMetaObject::invokeMethod(
            this,
            [this, id, reply] {
                says(wire::Reply{id, reply});
            },
            Qt::QueuedConnection);
    }
    void take(const QByteArray& text)
    {
        const auto message = wire::decodeToEngine(text);
        if (!message)
            qFatal("%s", text.constData());
        if (const auto* make = std::get_if<wire::MakeEvidence>(&*message)) {
            made += *make;
            if (makeError)
                answer(make->id, *makeError);
            else if (!isSilent)
                repliesToMake();
        } else if (const auto* query = std::get_if<wire::QueryEvidence>(&*message)) {
            if (queryError) {
                answer(query->id, *queryError);
                return;
            }
            wire::EvidencePack pack{query->pack, Call, --notYet < 0, {}, {}};
            if (pack.made) {
                for (const auto& [name, bytes] : files) {
                    const QByteArray of = name == wrongSum ? bytes + '!' : bytes;
                    pack.files.append({name, bytes.size(),
                        QString::fromLatin1(QCryptographicHash::hash(of, QCryptographicHash::Sha256).toHex())});
                }
            }
            answer(query->id, pack);
        } else if (const auto* read = std::get_if<wire::ReadEvidence>(&*message)) {
            ++reads;
            if (!passingErrors.isEmpty()) {
                answer(read->id, wire::CommandError{passingErrors.takeFirst(), {}});
                return;
            }
            QByteArray bytes;
            for (const auto& [name, content] : files) {
                if (name == read->file)
                    bytes = content.mid(read->offset, partSize);
            }
            wire::EvidencePart part{read->pack, read->file, read->offset, bytes};
            if (spoil)
                spoil(part);
            answer(read->id, part);
        } else if (const auto* drop = std::get_if<wire::DropEvidence>(&*message)) {
            dropped += drop->pack;
            answer(drop->id, wire::CommandResult());
        }
    }

    Synchronizer& m_synchronizer;
};

/// Every size that matters to parts: none, less than one, exactly one, more.
QByteArray bytesOf(qsizetype size)
{
    QByteArray bytes(size, 0);
    for (qsizetype i = 0; i < size; ++i)
        bytes[i] = char(i * 7 + i / 256);
    return bytes;
}

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("not there");
}

} // namespace

class tst_EvidenceSaver final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_synchronizer = std::make_unique<Synchronizer>(u"test"_s, m_clock);
        m_engine = std::make_unique<PackingEngine>(*m_synchronizer);
        m_saver = std::make_unique<EvidenceSaver>(*m_synchronizer);
        m_saved = std::make_unique<QSignalSpy>(m_saver.get(), &EvidenceSaver::saved);
        m_failed = std::make_unique<QSignalSpy>(m_saver.get(), &EvidenceSaver::failed);
        QCOMPARE(m_synchronizer->phase(), Synchronizer::Phase::Live);
    }
    void cleanup()
    {
        m_failed.reset();
        m_saved.reset();
        m_saver.reset();
        m_engine.reset();
        m_synchronizer.reset();
    }

    void aZipComesInPartsAndGetsItsNameWhenItIsWhole();
    void aFolderIsFilledFileByFile();
    void anEmptyFolderIsTaken();
    void numbersAreShownOnlyWhenAskedFor();
    void whatThisLineRefusesForAMomentIsAskedForAgain();
    void whyItCannotBeMadeIsTold_data();
    void whyItCannotBeMadeIsTold();
    void anotherSumIsNotSaved();
    void whatIsNotAPackIsNotSaved_data();
    void whatIsNotAPackIsNotSaved();
    void anEngineThatVanishesLeavesNothing();
    void aFullDiskIsTold();
    void nothingIsOverwritten_data();
    void nothingIsOverwritten();
    void aPlaceThatIsTakenMeanwhileIsNotOverwritten();
    void itIsCancelledWhileItIsMadeAndWhileItComes();
    void whatIsCancelledBeforeItHasANameIsDroppedWhenItHas();

private:
    QString path(const QString& name) const { return m_folder->filePath(name); }
    QStringList whatIsThere() const
    {
        return QDir(m_folder->path())
            .entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot, QDir::Name);
    }
    QString sentence() const { return m_failed->isEmpty() ? QString() : m_failed->first().at(1).toString(); }

    FakeClock m_clock;
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<Synchronizer> m_synchronizer;
    std::unique_ptr<PackingEngine> m_engine;
    std::unique_ptr<EvidenceSaver> m_saver;
    std::unique_ptr<QSignalSpy> m_saved, m_failed;
};

void tst_EvidenceSaver::aZipComesInPartsAndGetsItsNameWhenItIsWhole()
{
    const QByteArray zip = bytesOf(4321);
    m_engine->files = {{u"kav-evidence-CA5b1c.zip"_s, zip}};
    m_engine->notYet = 2;
    QList<int> percents;
    connect(m_saver.get(), &EvidenceSaver::changed, this, [&] {
        if (m_saver->stage() == EvidenceSaver::Stage::Fetching)
            percents += m_saver->percent();
        QVERIFY(!QFile::exists(path(u"mine.zip"_s)) || m_saver->stage() == EvidenceSaver::Stage::Idle);
    });
    m_saver->save({Call, path(u"mine.zip"_s)});
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Making);
    QCOMPARE(m_saver->call(), Call);
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 1, Patience);
    QCOMPARE(m_saved->first().first().toString(), path(u"mine.zip"_s));
    QCOMPARE(contentOf(path(u"mine.zip"_s)), zip);
    QCOMPARE(percents, QList<int>({0, 23, 46, 69, 92}));
    QCOMPARE(m_engine->reads, 5);
    QCOMPARE(m_engine->dropped, QStringList(u"e1"_s));
    QCOMPARE(whatIsThere(), QStringList(u"mine.zip"_s));
    const auto others =
        QFileDevice::ReadGroup | QFileDevice::ReadOther | QFileDevice::WriteGroup | QFileDevice::WriteOther;
    QVERIFY2(!(QFile::permissions(path(u"mine.zip"_s)) & others), "somebody's words and voice, for the owner alone");
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Idle);
    QVERIFY(m_failed->isEmpty());
}

void tst_EvidenceSaver::aFolderIsFilledFileByFile()
{
    m_engine->files = {{u"index.html"_s, bytesOf(1000)}, {u"empty.csv"_s, {}}, {u"recording.wav"_s, bytesOf(2001)}};
    m_saver->save({Call, path(u"pack"_s), true});
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 1, Patience);
    QVERIFY(m_engine->made.last().folder);
    for (const auto& [name, bytes] : m_engine->files)
        QCOMPARE(contentOf(path(u"pack/"_s + name)), bytes);
    QCOMPARE(QDir(path(u"pack"_s)).count(), 3u + 2u);
    QCOMPARE(whatIsThere(), QStringList(u"pack"_s));
}

void tst_EvidenceSaver::anEmptyFolderIsTaken()
{
    QVERIFY(QDir(m_folder->path()).mkdir(u"pack"_s));
    m_engine->files = {{u"index.html"_s, "x"}};
    m_saver->save({Call, path(u"pack"_s), true});
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 1, Patience);
    QCOMPARE(contentOf(path(u"pack/index.html"_s)), QByteArray("x"));
}

void tst_EvidenceSaver::numbersAreShownOnlyWhenAskedFor()
{
    m_engine->files = {{u"a.zip"_s, "x"}};
    m_saver->save({Call, path(u"masked.zip"_s)});
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 1, Patience);
    QVERIFY(!m_engine->made.last().unmask);
    m_saver->save({Call, path(u"shown.zip"_s), false, true});
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 2, Patience);
    QVERIFY(m_engine->made.last().unmask);
}

void tst_EvidenceSaver::whatThisLineRefusesForAMomentIsAskedForAgain()
{
    m_engine->files = {{u"a.zip"_s, bytesOf(2500)}};
    m_engine->passingErrors = {wire::ErrorCode::RateLimited, wire::ErrorCode::TooSlow, wire::ErrorCode::Timeout};
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_COMPARE_WITH_TIMEOUT(m_saved->size(), 1, Patience);
    QCOMPARE(contentOf(path(u"a.zip"_s)), bytesOf(2500));
    QCOMPARE(m_engine->reads, 6);
}

void tst_EvidenceSaver::whyItCannotBeMadeIsTold_data()
{
    QTest::addColumn<bool>("later");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("no such call") << false << int(wire::ErrorCode::NoSuchCall) << u"knows no such call"_s;
    QTest::newRow("no module") << false << int(wire::ErrorCode::NotPossible) << u"not installed"_s;
    QTest::newRow("too often") << false << int(wire::ErrorCode::RateLimited) << u"Too many commands"_s;
    QTest::newRow("no log") << false << int(wire::ErrorCode::Unavailable) << u"is away"_s;
    QTest::newRow("the engine's disk") << true << int(wire::ErrorCode::NotPossible) << u"not installed"_s;
}

void tst_EvidenceSaver::whyItCannotBeMadeIsTold()
{
    QFETCH(bool, later);
    QFETCH(int, code);
    QFETCH(QString, words);
    const wire::CommandError error{wire::ErrorCode(code), u"the module is not installed"_s};
    (later ? m_engine->queryError : m_engine->makeError) = error;
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QCOMPARE(m_failed->first().first().toString(), Call);
    QVERIFY2(sentence().contains(words), qPrintable(sentence()));
    QCOMPARE(whatIsThere(), QStringList());
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Idle);
}

void tst_EvidenceSaver::anotherSumIsNotSaved()
{
    m_engine->files = {{u"index.html"_s, "x"}, {u"evidence.json"_s, "{}"}};
    m_engine->wrongSum = u"evidence.json"_s;
    m_saver->save({Call, path(u"pack"_s), true});
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QVERIFY2(sentence().contains(u"SHA-256"_s) && sentence().contains(u"evidence.json"_s), qPrintable(sentence()));
    QCOMPARE(whatIsThere(), QStringList());
    QCOMPARE(m_engine->dropped, QStringList(u"e1"_s));
}

void tst_EvidenceSaver::whatIsNotAPackIsNotSaved_data()
{
    using Files = QList<std::pair<QString, QByteArray>>;
    using Spoil = std::function<void(wire::EvidencePart&)>;
    QTest::addColumn<Files>("files");
    QTest::addColumn<Spoil>("spoil");
    const Files good{{u"a.txt"_s, bytesOf(1500)}};
    QTest::newRow("no file") << Files{} << Spoil();
    QTest::newRow("a name that leads up") << Files{{u"../a"_s, "x"}} << Spoil();
    QTest::newRow("a name that leads down") << Files{{u"a/b"_s, "x"}} << Spoil();
    QTest::newRow("an absolute name") << Files{{u"/tmp/kav-x"_s, "x"}} << Spoil();
    QTest::newRow("a hidden name") << Files{{u".bashrc"_s, "x"}} << Spoil();
    QTest::newRow("a backslash") << Files{{u"a\\b"_s, "x"}} << Spoil();
    QTest::newRow("no name") << Files{{QString(), "x"}} << Spoil();
    QTest::newRow("a name twice") << Files{{u"a"_s, "x"}, {u"A"_s, "y"}} << Spoil();
    QTest::newRow("more bytes than told") << good << Spoil([](auto& part) { part.data += QByteArray(2000, 'x'); });
    QTest::newRow("nothing, before the end") << good << Spoil([](auto& part) { part.data.clear(); });
    QTest::newRow("another place") << good << Spoil([](auto& part) { part.offset += 1; });
    QTest::newRow("another file") << good << Spoil([](auto& part) { part.file = QStringLiteral("b"); });
    QTest::newRow("another pack") << good << Spoil([](auto& part) { part.pack = QStringLiteral("e9"); });
}

void tst_EvidenceSaver::whatIsNotAPackIsNotSaved()
{
    using Files = QList<std::pair<QString, QByteArray>>;
    using Spoil = std::function<void(wire::EvidencePart&)>;
    QFETCH(Files, files);
    QFETCH(Spoil, spoil);
    m_engine->files = files;
    m_engine->spoil = spoil;
    m_saver->save({Call, path(u"pack"_s), true});
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QVERIFY(m_saved->isEmpty());
    QCOMPARE(whatIsThere(), QStringList());
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Idle);
}

void tst_EvidenceSaver::anEngineThatVanishesLeavesNothing()
{
    m_engine->files = {{u"a.zip"_s, bytesOf(50000)}};
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_VERIFY_WITH_TIMEOUT(m_saver->percent() > 0, Patience);
    QCOMPARE(whatIsThere().size(), 1); // under another name
    QVERIFY(!QFile::exists(path(u"a.zip"_s)));
    m_synchronizer->lineDown();
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QVERIFY2(sentence().contains(u"line to the engine was lost"_s), qPrintable(sentence()));
    QCOMPARE(whatIsThere(), QStringList());
    QCOMPARE(m_failed->size(), 1);
}

void tst_EvidenceSaver::aFullDiskIsTold()
{
    m_engine->files = {{u"a.zip"_s, bytesOf(20000)}};
    // A file of this process may not grow past so much: write() fails in its midst, as on a disk that is full.
    struct Limit {
        Limit()
        {
            before = std::signal(SIGXFSZ, SIG_IGN);
            ::getrlimit(RLIMIT_FSIZE, &was);
            rlimit low = was;
            low.rlim_cur = 4096;
            ::setrlimit(RLIMIT_FSIZE, &low);
        }
        ~Limit()
        {
            ::setrlimit(RLIMIT_FSIZE, &was);
            std::signal(SIGXFSZ, before);
        }
        rlimit was{};
        void (*before)(int) = nullptr;
    };
    {
        const Limit limit;
        m_saver->save({Call, path(u"a.zip"_s)});
        QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    }
    QVERIFY2(sentence().contains(u"cannot be written"_s), qPrintable(sentence()));
    QVERIFY2(sentence().contains(path(u"a.zip"_s)), qPrintable(sentence()));
    QCOMPARE(whatIsThere(), QStringList());
    QCOMPARE(m_engine->dropped, QStringList(u"e1"_s));
}

void tst_EvidenceSaver::nothingIsOverwritten_data()
{
    QTest::addColumn<QString>("place");
    QTest::addColumn<bool>("isFolder");
    QTest::newRow("a file there") << u"there"_s << false;
    QTest::newRow("a folder there") << u"full"_s << false;
    QTest::newRow("a file where a folder goes") << u"there"_s << true;
    QTest::newRow("a folder with something in it") << u"full"_s << true;
    QTest::newRow("no folder around it") << u"no/such/a.zip"_s << false;
    QTest::newRow("nowhere") << QString() << false;
}

void tst_EvidenceSaver::nothingIsOverwritten()
{
    QFETCH(QString, place);
    QFETCH(bool, isFolder);
    QVERIFY(QDir(m_folder->path()).mkdir(u"full"_s));
    for (const QString& name : {u"there"_s, u"full/x"_s}) {
        QFile file(path(name));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("mine") == 4);
    }
    const QString where = place.isEmpty() ? place : path(place);
    QVERIFY(!EvidenceSaver::whyNotThere(where, isFolder).isEmpty());
    m_saver->save({Call, where, isFolder});
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QVERIFY(m_engine->made.isEmpty());
    QCOMPARE(contentOf(path(u"there"_s)), QByteArray("mine"));
    QCOMPARE(contentOf(path(u"full/x"_s)), QByteArray("mine"));
    QCOMPARE(whatIsThere(), QStringList({u"full"_s, u"there"_s}));
}

void tst_EvidenceSaver::aPlaceThatIsTakenMeanwhileIsNotOverwritten()
{
    m_engine->files = {{u"a.zip"_s, bytesOf(3000)}};
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_VERIFY_WITH_TIMEOUT(m_saver->percent() > 0, Patience);
    QFile file(path(u"a.zip"_s));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write("mine") == 4);
    file.close();
    QTRY_COMPARE_WITH_TIMEOUT(m_failed->size(), 1, Patience);
    QCOMPARE(contentOf(path(u"a.zip"_s)), QByteArray("mine"));
    QCOMPARE(whatIsThere(), QStringList(u"a.zip"_s));
}

void tst_EvidenceSaver::itIsCancelledWhileItIsMadeAndWhileItComes()
{
    m_engine->files = {{u"a.zip"_s, bytesOf(50000)}};
    m_engine->notYet = 1'000'000;
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_VERIFY_WITH_TIMEOUT(m_engine->notYet < 1'000'000, Patience);
    m_saver->cancel();
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Idle);
    QTRY_COMPARE_WITH_TIMEOUT(m_engine->dropped, QStringList(u"e1"_s), Patience);
    QCOMPARE(whatIsThere(), QStringList());

    m_engine->notYet = 0;
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_VERIFY_WITH_TIMEOUT(m_saver->percent() > 0, Patience);
    m_saver->cancel();
    QCOMPARE(whatIsThere(), QStringList());
    QTRY_COMPARE_WITH_TIMEOUT(m_engine->dropped.size(), 2, Patience);
    QVERIFY(m_failed->isEmpty() && m_saved->isEmpty());
}

void tst_EvidenceSaver::whatIsCancelledBeforeItHasANameIsDroppedWhenItHas()
{
    m_engine->isSilent = true;
    m_saver->save({Call, path(u"a.zip"_s)});
    QTRY_COMPARE_WITH_TIMEOUT(m_engine->made.size(), 1, Patience);
    m_saver->cancel();
    QVERIFY(m_engine->dropped.isEmpty());
    m_engine->repliesToMake();
    QTRY_COMPARE_WITH_TIMEOUT(m_engine->dropped, QStringList(u"e1"_s), Patience);
    QCOMPARE(m_saver->stage(), EvidenceSaver::Stage::Idle);
}

QTEST_GUILESS_MAIN(tst_EvidenceSaver)
#include "tst_evidencesaver.moc"
