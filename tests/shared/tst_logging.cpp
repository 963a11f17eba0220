// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logging.h"
#include "shared/core/logwriter.h"
#include "tests/support/managersocket.h"

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QTemporaryFile>
#include <QTest>
#include <QtEndian>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

namespace {

constexpr Milliseconds Patience{20000}; // of the test

LogLine lineOf(const QString& message, QtMsgType level = QtInfoMsg, const QString& call = {})
{
    LogLine line;
    line.level = level;
    line.at = std::chrono::system_clock::time_point(Milliseconds(1795446572123)); // 2026-11-23T15:09:32.123Z
    line.setCategory("kav.session");
    std::memcpy(line.thread.data(), "media-0", 8);
    line.call = call;
    line.setMessage(message);
    return line;
}

/// A pipe whose reader reads when it is told to.
class Pipe final {
public:
    Pipe()
    {
        if (::pipe2(m_ends.data(), O_CLOEXEC) != 0)
            qFatal("no pipe");
        ::fcntl(m_ends[0], F_SETFL, O_NONBLOCK);
    }
    ~Pipe()
    {
        closeWriter();
        ::close(m_ends[0]);
    }
    Q_DISABLE_COPY_MOVE(Pipe)
    int writer() const { return m_ends[1]; }
    /// Takes one page, and no more until it is read.
    void narrow() { ::fcntl(m_ends[1], F_SETPIPE_SZ, 4096); }
    void closeWriter()
    {
        if (m_ends[1] >= 0)
            ::close(m_ends[1]);
        m_ends[1] = -1;
    }
    const QByteArray& readSome()
    {
        std::array<char, 65536> bytes;
        for (ssize_t size = 0; (size = ::read(m_ends[0], bytes.data(), bytes.size())) > 0;)
            m_read.append(bytes.data(), size);
        return m_read;
    }
    /// Without the break at the end of each.
    QList<QByteArray> lines()
    {
        QList<QByteArray> all = readSome().split('\n');
        all.removeLast();
        return all;
    }

private:
    std::array<int, 2> m_ends{};
    QByteArray m_read;
};

LogWriter::Settings writingTo(const Pipe& pipe, LogForm form = LogForm::Human)
{
    LogWriter::Settings settings;
    settings.form = form;
    settings.descriptor = pipe.writer();
    settings.identifier = "kav-engine";
    return settings;
}

/// The fields of a datagram to systemd's journal.
QMap<QByteArray, QByteArray> fieldsOf(QByteArray entry)
{
    QMap<QByteArray, QByteArray> fields;
    while (!entry.isEmpty()) {
        const qsizetype end = entry.indexOf('\n'), equals = entry.indexOf('=');
        if (equals >= 0 && equals < end) {
            fields.insert(entry.left(equals), entry.mid(equals + 1, end - equals - 1));
            entry.remove(0, end + 1);
        } else {
            const quint64 size = qFromLittleEndian<quint64>(entry.constData() + end + 1);
            fields.insert(entry.left(end), entry.mid(end + 9, qsizetype(size)));
            entry.remove(0, end + 9 + qsizetype(size) + 1);
        }
    }
    return fields;
}

} // namespace

/// The log: its three forms, whose lines they are, and what happens when nobody reads them.
class tst_Logging final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void forPeopleALineIsATimeALevelAndTheMessage();
    void coloursAreForLevels();
    void theCallStandsBeforeAMessageThatDoesNotNameIt();
    void jsonIsOneObjectALine();
    void whateverIsSaidStaysOneValidLine_data();
    void whateverIsSaidStaysOneValidLine();
    void aLongMessageIsCutWithAMark();
    void theJournalGetsFields();
    void aCallHoldsForItsScopeAndThread();
    void standardErrorSaysWhichFormIsWanted();
    void linesOfManyThreadsAreWrittenWhole();
    void aReaderThatStandsStillHoldsNobodyUp();
    void errorsAreTheLastToBeLost();
    void theEndWaitsForWhatIsQueued();
    void theEndGivesUpOnAReaderThatStandsStill();
    void afterTheEndLinesAreWrittenByWhoSaysThem();
    void theFormCanChange();
    void linesGoToTheJournalsSocket();
    void withoutTheSocketLinesHaveTheirLevelInFront();
    void aCrashWritesWhatIsQueued();
};

void tst_Logging::initTestCase()
{
    qputenv("TZ", "Asia/Jerusalem"); // summer and winter differ from UTC
    tzset();
}

void tst_Logging::forPeopleALineIsATimeALevelAndTheMessage()
{
    QCOMPARE(humanLine(lineOf(u"WS_START \"שלום\""_s), false),
        QByteArray("2026-11-23T17:09:32.123 I kav.session: WS_START \"שלום\"\n"));
    QByteArray letters;
    for (const QtMsgType level : {QtDebugMsg, QtInfoMsg, QtWarningMsg, QtCriticalMsg, QtFatalMsg})
        letters += humanLine(lineOf(u"x"_s, level), false).at(24);
    QCOMPARE(letters, QByteArray("DIWEF"));
}

void tst_Logging::coloursAreForLevels()
{
    QCOMPARE(humanLine(lineOf(u"x"_s, QtInfoMsg), true), humanLine(lineOf(u"x"_s, QtInfoMsg), false));
    const QByteArray warning = humanLine(lineOf(u"x"_s, QtWarningMsg), true);
    QVERIFY(warning.contains("\x1b[33mW ") && warning.endsWith("\x1b[0m\n"));
    // Colour is ours alone: what comes from outside cannot bring any.
    QCOMPARE(humanLine(lineOf(u"\x1b[31mred"_s, QtWarningMsg), true).count('\x1b'), 2);
}

void tst_Logging::theCallStandsBeforeAMessageThatDoesNotNameIt()
{
    QVERIFY(humanLine(lineOf(u"is ended"_s, QtInfoMsg, u"CA12"_s), false).endsWith(": call=CA12 is ended\n"));
    QVERIFY(humanLine(lineOf(u"call=CA12 WS_STOP"_s, QtInfoMsg, u"CA12"_s), false).endsWith(": call=CA12 WS_STOP\n"));
    QVERIFY(prefixedLine(lineOf(u"is ended"_s, QtInfoMsg, u"CA12"_s)).endsWith(": call=CA12 is ended\n"));
    QCOMPARE(fieldsOf(journalEntry(lineOf(u"is ended"_s, QtInfoMsg, u"CA12"_s), "x")).value("MESSAGE"),
        QByteArray("call=CA12 is ended"));
    // JSON has a field of its own for it.
    QVERIFY(jsonLine(lineOf(u"is ended"_s, QtInfoMsg, u"CA12"_s)).contains("\"message\":\"is ended\""));
}

void tst_Logging::jsonIsOneObjectALine()
{
    QCOMPARE(jsonLine(lineOf(u"call=CA12 WS_START"_s, QtWarningMsg, u"CA12"_s)),
        QByteArray("{\"time\":\"2026-11-23T15:09:32.123Z\",\"level\":\"warning\",\"category\":\"kav.session\","
                   "\"call\":\"CA12\",\"thread\":\"media-0\",\"message\":\"call=CA12 WS_START\"}\n"));
    QVERIFY(!jsonLine(lineOf(u"x"_s)).contains("\"call\""));
    QByteArrayList levels;
    for (const QtMsgType level : {QtDebugMsg, QtInfoMsg, QtWarningMsg, QtCriticalMsg, QtFatalMsg})
        levels +=
            QJsonDocument::fromJson(jsonLine(lineOf(u"x"_s, level))).object().value(u"level"_s).toString().toUtf8();
    QCOMPARE(levels.join(' '), QByteArray("debug info warning error fatal"));
}

void tst_Logging::whateverIsSaidStaysOneValidLine_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("kept"); // in JSON
    const auto same = [](const char* name, const QString& said) { QTest::newRow(name) << said << said; };
    same("nothing", {});
    same("line breaks", u"one\ntwo\r\nthree\u2028four\u2029five"_s);
    same("what JSON escapes", u"\"quoted\" \\back\\ /slash/"_s);
    same("a terminal's language", u"\x1b[2J\x07\x9b\x7f"_s);
    same("a zero", QString(u"a"_s + QChar(0) + u"b"_s));
    same("turned round", u"\u202egnp.exe\u2066"_s);
    same("Hebrew, an emoji, the last code point", u"שלום 😀 \U0010ffff"_s);
    same("a second line that looks like ours", u"x\n2026-11-23T17:09:32.123 E kav.app: all is lost"_s);
    const QChar high(0xd83d), low(0xde00), what(QChar::ReplacementCharacter);
    QTest::newRow("half a pair, first") << QString(u"a"_s + high + u"b"_s) << QString(u"a"_s + what + u"b"_s);
    QTest::newRow("half a pair, second") << QString(u"a"_s + low) << QString(u"a"_s + what);
    QTest::newRow("half a pair, at the end") << QString(u"a"_s + high) << QString(u"a"_s + what);
    QTest::newRow("a pair the wrong way round") << QString(QString(low) + high) << QString(QString(what) + what);
}

void tst_Logging::whateverIsSaidStaysOneValidLine()
{
    QFETCH(QString, said);
    QFETCH(QString, kept);
    const QByteArray json = jsonLine(lineOf(said, QtInfoMsg, said));
    QJsonParseError problem{};
    const QJsonObject object = QJsonDocument::fromJson(json, &problem).object();
    QVERIFY2(problem.error == QJsonParseError::NoError, qPrintable(problem.errorString()));
    QCOMPARE(object.value(u"message"_s).toString(), kept);
    QCOMPARE(object.value(u"call"_s).toString(), kept);
    for (const QByteArray& line : {json, humanLine(lineOf(said), false), prefixedLine(lineOf(said))}) {
        QCOMPARE(line.count('\n'), 1);
        QVERIFY(line.endsWith('\n'));
        QVERIFY(QString::fromUtf8(line).toUtf8() == line);
        for (const char c : line.chopped(1))
            QVERIFY(uchar(c) >= 0x20 && c != 0x7f);
        QVERIFY(!QString::fromUtf8(line).contains(QChar(0x202e)) && !QString::fromUtf8(line).contains(QChar(0x2028)));
    }
}

void tst_Logging::aLongMessageIsCutWithAMark()
{
    const QString longest(LogLine::LongestMessage, u'x');
    QCOMPARE(lineOf(longest).message, longest);
    QCOMPARE(lineOf(longest + u"yz"_s).message, longest + u"… (2 more characters)"_s);
    // Not inside a character.
    const QString faces = u"x"_s + u"😀"_s.repeated(LogLine::LongestMessage);
    QVERIFY(!jsonLine(lineOf(faces)).contains("\xef\xbf\xbd"));
    QVERIFY(jsonLine(lineOf(QString(1000000, QChar(1)))).size() < 6 * LogLine::LongestMessage + 400);
    // A category that is longer than any.
    LogLine line = lineOf(u"x"_s);
    line.setCategory(QByteArray(1000, 'c').constData());
    QCOMPARE(QByteArray(line.category.data()), QByteArray(31, 'c'));
}

void tst_Logging::theJournalGetsFields()
{
    LogLine line = lineOf(u"one\ntwo"_s, QtCriticalMsg, u"CA12"_s);
    line.file = "engine/app/engine.cpp";
    line.sourceLine = 12;
    line.function = "void begin()";
    const auto fields = fieldsOf(journalEntry(line, "kav-engine"));
    QCOMPARE(fields.value("MESSAGE"), QByteArray("call=CA12 one\ntwo"));
    QCOMPARE(fields.value("PRIORITY"), QByteArray("3"));
    QCOMPARE(fields.value("SYSLOG_IDENTIFIER"), QByteArray("kav-engine"));
    QCOMPARE(fields.value("KAV_CALL"), QByteArray("CA12"));
    QCOMPARE(fields.value("KAV_CATEGORY"), QByteArray("kav.session"));
    QCOMPARE(fields.value("KAV_THREAD"), QByteArray("media-0"));
    QCOMPARE(fields.value("CODE_FILE"), QByteArray("engine/app/engine.cpp"));
    QCOMPARE(fields.value("CODE_LINE"), QByteArray("12"));
    QCOMPARE(fields.value("CODE_FUNC"), QByteArray("void begin()"));
    // A message cannot bring fields of its own.
    const auto forged = fieldsOf(journalEntry(lineOf(u"x\nPRIORITY=0\nKAV_CALL=CA0"_s), "kav-engine"));
    QCOMPARE(forged.value("PRIORITY"), QByteArray("6"));
    QVERIFY(!forged.contains("KAV_CALL") && !forged.contains("CODE_FILE"));
}

void tst_Logging::aCallHoldsForItsScopeAndThread()
{
    QCOMPARE(LogCall::current(), QString());
    {
        const LogCall first(u"CA1"_s);
        QCOMPARE(LogCall::current(), u"CA1"_s);
        {
            const LogCall second(u"CA2"_s);
            QCOMPARE(LogCall::current(), u"CA2"_s);
            const LogCall unknown{QString()};
            QCOMPARE(LogCall::current(), u"CA2"_s);
        }
        QCOMPARE(LogCall::current(), u"CA1"_s);
        QString elsewhere = u"unset"_s;
        std::thread([&elsewhere] { elsewhere = LogCall::current(); }).join();
        QCOMPARE(elsewhere, QString());
    }
    QCOMPARE(LogCall::current(), QString());
}

void tst_Logging::standardErrorSaysWhichFormIsWanted()
{
    QTemporaryFile file;
    QVERIFY(file.open());
    QCOMPARE(logFormOf(file.handle(), {}), std::nullopt);
    struct stat about { };
    QCOMPARE(::fstat(file.handle(), &about), 0);
    const QByteArray device = QByteArray::number(quint64(about.st_dev)),
                     inode = QByteArray::number(quint64(about.st_ino));
    QCOMPARE(logFormOf(file.handle(), QByteArray(device + ':' + inode)), LogForm::Journald);
    // The journal of whoever started us, while our own standard error has been sent elsewhere.
    QCOMPARE(logFormOf(file.handle(), QByteArray(device + ":1" + inode)), std::nullopt);
    for (const char* nonsense : {":", "1", "a:b", "1:2:3"})
        QCOMPARE(logFormOf(file.handle(), nonsense), std::nullopt);
    QCOMPARE(logFormOf(-1, {}), std::nullopt);
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    QVERIFY(terminal >= 0);
    QCOMPARE(logFormOf(terminal, {}), LogForm::Human);
    ::close(terminal);
}

void tst_Logging::linesOfManyThreadsAreWrittenWhole()
{
    Pipe pipe;
    LogWriter writer(writingTo(pipe));
    constexpr int Threads = 4, Each = 500;
    std::vector<std::thread> threads;
    for (int t = 0; t < Threads; ++t) {
        threads.emplace_back([&writer, t] {
            for (int i = 0; i < Each; ++i)
                writer.write(lineOf(u"thread %1 line %2 end"_s.arg(t).arg(i)));
        });
    }
    QTRY_COMPARE_WITH_TIMEOUT(pipe.lines().size(), Threads * Each, int(Patience.count()));
    for (std::thread& thread : threads)
        thread.join();
    std::array<int, Threads> next{};
    const QList<QByteArray> lines = pipe.lines();
    for (const QByteArray& line : lines) {
        const QList<QByteArray> words = line.split(' ');
        QCOMPARE(words.size(), 8);
        QCOMPARE(words.last(), QByteArray("end"));
        QCOMPARE(words.at(6).toInt(), next.at(size_t(words.at(4).toInt()))++); // each thread's in their order
    }
    QCOMPARE(writer.linesLost(), 0);
}

void tst_Logging::aReaderThatStandsStillHoldsNobodyUp()
{
    Pipe pipe;
    pipe.narrow();
    LogWriter::Settings settings = writingTo(pipe, LogForm::Json);
    settings.queueBytes = 100 * 1000;
    LogWriter writer(settings);
    constexpr int Many = 5000; // far more than pipe and queue take
    for (int i = 0; i < Many; ++i)
        writer.write(lineOf(u"%1 "_s.arg(i) + QString(200, u'x')));
    QVERIFY(!writer.flush(Milliseconds(0)));
    QVERIFY(writer.linesLost() > 0);
    const quint64 lost = writer.linesLost();
    // As soon as it reads again it gets what was kept, in order, and learns what was not.
    const auto isThrough = [&] {
        pipe.readSome();
        return writer.flush(Milliseconds(0));
    };
    QTRY_VERIFY_WITH_TIMEOUT(isThrough(), int(Patience.count()));
    writer.write(lineOf(u"afterwards"_s));
    QTRY_VERIFY_WITH_TIMEOUT(pipe.readSome().contains("afterwards"), int(Patience.count()));
    int kept = 0, last = -1;
    quint64 told = 0;
    const QList<QByteArray> lines = pipe.lines();
    for (const QByteArray& line : lines) {
        const QJsonObject object = QJsonDocument::fromJson(line).object();
        const QString message = object.value(u"message"_s).toString();
        if (message.contains(u"lines lost")) {
            QCOMPARE(object.value(u"level"_s).toString(), u"warning"_s);
            told += message.section(u' ', 0, 0).toULongLong();
        } else if (message != u"afterwards"_s) {
            const int number = message.section(u' ', 0, 0).toInt();
            QVERIFY(number > last);
            last = number;
            ++kept;
        }
    }
    QCOMPARE(told, lost);
    QCOMPARE(quint64(kept) + told, quint64(Many));
    QCOMPARE(writer.linesLost(), lost);
}

void tst_Logging::errorsAreTheLastToBeLost()
{
    Pipe pipe;
    pipe.narrow();
    LogWriter::Settings settings = writingTo(pipe);
    settings.queueBytes = 100 * 1000;
    LogWriter writer(settings);
    while (writer.linesLost() == 0)
        writer.write(lineOf(QString(200, u'x')));
    const quint64 lost = writer.linesLost();
    writer.write(lineOf(u"the disk is full"_s, QtCriticalMsg));
    QCOMPARE(writer.linesLost(), lost);
    QTRY_VERIFY_WITH_TIMEOUT(pipe.readSome().contains("the disk is full"), int(Patience.count()));
}

void tst_Logging::theEndWaitsForWhatIsQueued()
{
    Pipe pipe;
    {
        LogWriter writer(writingTo(pipe));
        for (int i = 0; i < 100; ++i)
            writer.write(lineOf(u"x"_s));
    }
    QCOMPARE(pipe.lines().size(), 100);
}

void tst_Logging::theEndGivesUpOnAReaderThatStandsStill()
{
    Pipe pipe;
    pipe.narrow();
    LogWriter::Settings settings = writingTo(pipe);
    settings.endWait = Milliseconds(20);
    {
        LogWriter writer(settings);
        for (int i = 0; i < 1000; ++i)
            writer.write(lineOf(QString(200, u'x')));
    }
    // The thread is still in its write, with what it needs, and ends when that does.
    QTRY_VERIFY_WITH_TIMEOUT(pipe.lines().size() == 1000, int(Patience.count()));
}

void tst_Logging::afterTheEndLinesAreWrittenByWhoSaysThem()
{
    Pipe pipe;
    LogWriter writer(writingTo(pipe));
    writer.write(lineOf(u"before"_s));
    writer.stop();
    writer.write(lineOf(u"after"_s));
    QCOMPARE(pipe.lines().size(), 2);
    QVERIFY(pipe.lines().last().endsWith("after"));
    writer.stop();
}

void tst_Logging::theFormCanChange()
{
    Pipe pipe;
    LogWriter writer(writingTo(pipe, LogForm::Human));
    writer.write(lineOf(u"one"_s));
    QVERIFY(writer.flush(Patience));
    writer.setForm(LogForm::Json, false);
    writer.write(lineOf(u"two"_s));
    QVERIFY(writer.flush(Patience));
    QVERIFY(pipe.lines().first().startsWith("2026-"));
    QVERIFY(pipe.lines().last().startsWith('{'));
}

void tst_Logging::linesGoToTheJournalsSocket()
{
    QTemporaryDir directory;
    const QByteArray path = QFile::encodeName(directory.filePath(u"socket"_s));
    Pipe pipe;
    LogWriter::Settings settings = writingTo(pipe, LogForm::Journald);
    settings.journalSocket = path;
    LogWriter writer(settings);
    {
        ManagerSocket journal(path);
        QVERIFY(journal.isBound());
        writer.write(lineOf(u"WS_START"_s, QtInfoMsg, u"CA12"_s));
        QVERIFY(writer.flush(Patience));
        QCOMPARE(journal.heard().size(), 1);
        const auto fields = fieldsOf(journal.heard().first());
        QCOMPARE(fields.value("MESSAGE"), QByteArray("call=CA12 WS_START"));
        QCOMPARE(fields.value("KAV_CALL"), QByteArray("CA12"));
        QCOMPARE(fields.value("SYSLOG_IDENTIFIER"), QByteArray("kav-engine"));
        QCOMPARE(pipe.readSome(), QByteArray());
    }
    // The journal is gone, and comes again.
    writer.write(lineOf(u"alone"_s, QtWarningMsg));
    QVERIFY(writer.flush(Patience));
    QCOMPARE(pipe.readSome(), QByteArray("<4>kav.session: alone\n"));
    QVERIFY(QFile::remove(QFile::decodeName(path)));
    ManagerSocket again(path);
    writer.write(lineOf(u"together"_s));
    QVERIFY(writer.flush(Patience));
    QCOMPARE(again.heard().size(), 1);
    QCOMPARE(pipe.lines().size(), 1);
}

void tst_Logging::withoutTheSocketLinesHaveTheirLevelInFront()
{
    Pipe pipe;
    LogWriter::Settings settings = writingTo(pipe, LogForm::Journald);
    settings.journalSocket = QByteArray(300, 'x'); // no path that fits
    LogWriter writer(settings);
    for (const QtMsgType level : {QtDebugMsg, QtInfoMsg, QtWarningMsg, QtCriticalMsg})
        writer.write(lineOf(u"one\ntwo"_s, level));
    QVERIFY(writer.flush(Patience));
    QCOMPARE(pipe.readSome(),
        QByteArray("<7>kav.session: one\\u000atwo\n<6>kav.session: one\\u000atwo\n<4>kav.session: one\\u000atwo\n"
                   "<3>kav.session: one\\u000atwo\n"));
}

void tst_Logging::aCrashWritesWhatIsQueued()
{
    Pipe pipe;
    const pid_t child = ::fork();
    QVERIFY(child >= 0);
    if (child == 0) {
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(SIGABRT, SIG_DFL); // the test library's is in the way
        auto* const writer = new LogWriter(writingTo(pipe));
        writer->writeWhatIsLeftInACrash();
        for (int i = 0; i < 200; ++i)
            writer->write(lineOf(u"queued"_s));
        std::abort();
    }
    pipe.closeWriter();
    int status = 0;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY(WIFSIGNALED(status));
    QCOMPARE(WTERMSIG(status), SIGABRT);
    QCOMPARE(pipe.lines().size(), 200);
}

QTEST_GUILESS_MAIN(tst_Logging)
#include "tst_logging.moc"
