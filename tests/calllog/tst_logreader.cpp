// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/logreader.h"
#include "tests/calllog/calllogsupport.h"

#include <QFile>
#include <QTemporaryDir>
#include <QThread>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;

/// The call log asked from a thread that must not wait.
class TestLogReader final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup() { m_dir.reset(); }
    void pagesAndCallsComeInTheOrderTheyWereAskedFor();
    void theAnswerIsNeverInsideTheQuestion();
    void aCallThatIsNotThereIsNotFound();
    void aTestCallIsTold();
    void aWrongCursorIsRefusedAndTheNextIsAnswered();
    void withoutDatabaseItSaysWhyAtOnceAndReadsWhenThereIsOne();
    void aDatabaseThatIsOffIsUnavailable();
    void aReplacedFileIsReadAnew();
    void aBrokenDatabaseIsOpenedAgain();
    void tooManyQuestionsFailAtOnce();
    void nothingIsAnsweredAfterItsEnd();
    void pagesStayWhereTheyAreWhileCallsAreAdded();

private:
    void add(const std::vector<Entry>& entries) const;
    Result<CallPage> page(LogReader& reader, const CallFilter& filter = {}) const;

    std::unique_ptr<QTemporaryDir> m_dir;
    Settings m_settings;
};

void TestLogReader::init()
{
    m_dir = std::make_unique<QTemporaryDir>();
    m_settings = quickSettings(m_dir->path());
}

void TestLogReader::add(const std::vector<Entry>& entries) const
{
    QVERIFY(migrate(m_settings));
    SystemClock clock;
    CallLog log(m_settings, clock);
    log.start();
    for (const Entry& entry : entries)
        log.append(entry);
    log.stop();
}

Result<CallPage> TestLogReader::page(LogReader& reader, const CallFilter& filter) const
{
    std::optional<Result<CallPage>> answer;
    reader.page(filter, [&](const Result<CallPage>& result) { answer = result; });
    if (!QTest::qWaitFor([&] { return answer.has_value(); }))
        qFatal("the log reader does not answer");
    return *answer;
}

void TestLogReader::pagesAndCallsComeInTheOrderTheyWereAskedFor()
{
    add({started(QStringLiteral("CA1"), 1), started(QStringLiteral("CA2"), 2),
        eventEntry(QStringLiteral("CA1"), QStringLiteral("WS_START"), 2),
        ended(QStringLiteral("CA1"), 5, QStringLiteral("no-input"))});
    LogReader reader(m_settings);
    QStringList answers;
    const auto noteThread = [&] { QCOMPARE(QThread::currentThread(), thread()); };
    reader.page({}, [&](const Result<CallPage>& result) {
        noteThread();
        QVERIFY(result);
        answers += QStringLiteral("page of %1").arg(result->calls.size());
    });
    reader.call(QStringLiteral("CA1"), [&](const Result<CallDetail>& result) {
        noteThread();
        QVERIFY(result);
        answers += result->call.id + QLatin1Char(' ') + result->events.first().token;
    });
    reader.page({1, {}, QStringLiteral("no-in")}, [&](const Result<CallPage>& result) {
        QVERIFY(result);
        answers += result->calls.first().id;
    });
    QTRY_COMPARE(
        answers, (QStringList{QStringLiteral("page of 2"), QStringLiteral("CA1 WS_START"), QStringLiteral("CA1")}));
}

void TestLogReader::theAnswerIsNeverInsideTheQuestion()
{
    add({});
    LogReader reader(m_settings);
    int answers = 0, refused = 0;
    for (int i = 0; i < LogReader::Waiting + 10; ++i) {
        reader.page({}, [&](const Result<CallPage>& result) {
            ++answers;
            refused += !result;
        });
        QCOMPARE(answers, 0);
    }
    QTRY_COMPARE(answers, LogReader::Waiting + 10);
    QCOMPARE(refused, 10);
}

void TestLogReader::aCallThatIsNotThereIsNotFound()
{
    add({started(QStringLiteral("CA1"))});
    LogReader reader(m_settings);
    std::optional<Error> error;
    reader.call(QStringLiteral("CA9"), [&](const Result<CallDetail>& result) { error = result.error(); });
    QTRY_VERIFY(error);
    QCOMPARE(error->code, Error::Code::NotFound);
}

void TestLogReader::aTestCallIsTold()
{
    Entry test = started(QStringLiteral("CA2"), 2);
    test.data.insert(QStringLiteral("test"), true);
    add({started(QStringLiteral("CA1"), 1), test});
    LogReader reader(m_settings);
    const auto rows = page(reader);
    QVERIFY(rows);
    QVERIFY(rows->calls.at(0).test);
    QVERIFY(!rows->calls.at(1).test);
}

void TestLogReader::aWrongCursorIsRefusedAndTheNextIsAnswered()
{
    add({started(QStringLiteral("CA1"))});
    LogReader reader(m_settings);
    QCOMPARE(page(reader, {5, QStringLiteral("nonsense"), {}}).error().code, Error::Code::Invalid);
    QCOMPARE(page(reader)->calls.size(), 1);
}

void TestLogReader::withoutDatabaseItSaysWhyAtOnceAndReadsWhenThereIsOne()
{
    LogReader reader(m_settings);
    const auto nothing = page(reader);
    QVERIFY(!nothing);
    QCOMPARE(nothing.error().code, Error::Code::Unavailable);
    QVERIFY(nothing.error().message.contains(MigrateCommand));
    add({started(QStringLiteral("CA1"))});
    QCOMPARE(page(reader)->calls.size(), 1);
}

void TestLogReader::aDatabaseThatIsOffIsUnavailable()
{
    m_settings.databaseUrl = QStringLiteral("off");
    LogReader reader(m_settings);
    const Error error = page(reader).error();
    QCOMPARE(error.code, Error::Code::Unavailable);
    QVERIFY(error.message.contains(QStringLiteral("off")));
}

void TestLogReader::aReplacedFileIsReadAnew()
{
    add({started(QStringLiteral("CA1"))});
    LogReader reader(m_settings);
    QCOMPARE(page(reader)->calls.first().id, QStringLiteral("CA1"));
    QVERIFY(QFile::rename(m_dir->filePath(QStringLiteral("calls.db")), m_dir->filePath(QStringLiteral("old.db"))));
    QCOMPARE(page(reader).error().code, Error::Code::Unavailable);
    QVERIFY(QDir(m_dir->filePath(QStringLiteral("journal"))).removeRecursively());
    add({started(QStringLiteral("CA2"))});
    QCOMPARE(page(reader)->calls.first().id, QStringLiteral("CA2"));
}

void TestLogReader::aBrokenDatabaseIsOpenedAgain()
{
    add({started(QStringLiteral("CA1"))});
    LogReader reader(m_settings);
    QCOMPARE(page(reader)->calls.size(), 1);
    const QString path = m_dir->filePath(QStringLiteral("calls.db"));
    QCOMPARE(sql(path, QStringLiteral("ALTER TABLE calls RENAME TO elsewhere")), QStringList());
    QCOMPARE(page(reader).error().code, Error::Code::Unavailable);
    QCOMPARE(sql(path, QStringLiteral("ALTER TABLE elsewhere RENAME TO calls")), QStringList());
    QCOMPARE(page(reader)->calls.size(), 1);
}

void TestLogReader::tooManyQuestionsFailAtOnce()
{
    add({started(QStringLiteral("CA1"))});
    LogReader reader(m_settings);
    QList<Error::Code> refused;
    int answered = 0;
    for (int i = 0; i < LogReader::Waiting; ++i)
        reader.page({}, [&](const Result<CallPage>& result) { answered += result.ok(); });
    reader.call(QStringLiteral("CA1"), [&](const Result<CallDetail>& result) { refused += result.error().code; });
    QTRY_COMPARE(answered, LogReader::Waiting);
    QTRY_COMPARE(refused, QList<Error::Code>{Error::Code::LimitExceeded});
    QCOMPARE(page(reader)->calls.size(), 1); // and there is room again
}

void TestLogReader::nothingIsAnsweredAfterItsEnd()
{
    add({started(QStringLiteral("CA1"))});
    int answers = 0;
    for (int i = 0; i < 20; ++i) {
        LogReader reader(m_settings);
        for (int n = 0; n < 30; ++n)
            reader.page({}, [&](const Result<CallPage>&) { ++answers; });
    }
    QCoreApplication::sendPostedEvents();
    QCoreApplication::processEvents();
    QCOMPARE(answers, 0);
}

void TestLogReader::pagesStayWhereTheyAreWhileCallsAreAdded()
{
    std::vector<Entry> calls;
    for (int i = 0; i < 9; ++i)
        calls.push_back(started(QStringLiteral("CA%1").arg(i), i / 3)); // three begin in the same millisecond
    add(calls);
    LogReader reader(m_settings);
    QStringList seen;
    CallFilter filter{2, {}, {}};
    for (int added = 10;; ++added) {
        const auto rows = page(reader, filter);
        QVERIFY(rows);
        for (const CallLogRow& row : rows->calls)
            seen += row.id;
        filter.after = rows->next;
        if (filter.after.isEmpty())
            break;
        add({started(QStringLiteral("CB%1").arg(added), added)});
    }
    QCOMPARE(seen.join(QLatin1Char(' ')), QStringLiteral("CA8 CA7 CA6 CA5 CA4 CA3 CA2 CA1 CA0"));
}

QTEST_GUILESS_MAIN(TestLogReader)
#include "tst_logreader.moc"
