// SPDX-License-Identifier: Apache-2.0
#include "console/models/calllogmodel.h"
#include "console/models/roles.h"
#include "console/models/words.h"
#include "tests/console/models/modelsupport.h"

#include <QPersistentModelIndex>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using Log = CallLogModel;

namespace {

const QString Trouble = QStringLiteral("The log is away.");

/// The log's screen, and the engine that answers it.
struct LogScreen final {
    struct Question final {
        int number;
        QString text, after;
        int limit;
    };

    LogScreen()
    {
        model.clear(); // the tester has asked for a page
        loading.clear();
        QObject::connect(&model, &CallLogModel::wanted, &model,
            [this](int number, const QString& text, const QString& after, int limit) {
                asked.append({number, text, after, limit});
            });
    }

    static protocol::LogPage page(const QList<int>& minutes, const char* next = "")
    {
        protocol::LogPage page;
        for (const int minute : minutes)
            page.rows.append(logRow(QString::number(minute), minute));
        page.next = QString::fromLatin1(next);
        return page;
    }
    /// The engine answers the last question.
    QStringList answered(const QList<int>& minutes, const char* next = "")
    {
        model.takePage(asked.constLast().number, page(minutes, next));
        return ear.heard();
    }
    QStringList ids() const { return shown(model, 0, IdRole); }
    QString text(int row, int column, int role = Qt::DisplayRole) const
    {
        return withoutIsolates(model.index(row, column).data(role).toString());
    }
    void scroll() { model.fetchMore({}); }

    CallLogModel model;
    ModelEar ear{model};
    QList<Question> asked;
    QSignalSpy loading{&model, &CallLogModel::loadingChanged};
};

} // namespace

/// Pages of the call log.
class TestCallLogModel final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void fetchesPageByPage();
    void aFilterBeginsAnew();
    void answersToOlderQuestionsAreIgnored();
    void aFailureIsKeptUntilAskedAgain();
    void aReloadKeepsWhatIsShownUntilThePageIsThere();
    void aReloadAsksForAllThatIsShown();
    void aNewCallComesAtTheTop();
    void anEndIsShownInItsRow();
    void aChangeBelowWhatIsShownWaitsForItsPage();
    void withAFilterOnlyShownRowsChange();
    void aChangeDuringTheFirstPageIsNotLost();
    void aChangeDuringAPageIsNotThereTwice();
    void anOlderAnswerDoesNotUndoAnEnd();
    void aPageThatRepeatsACallShowsItOnce();
    void asksForNothingWhileNotLive();
    void anotherEnginesLogBeginsEmpty();
    void showsExportsAndReadsOut();
};

void TestCallLogModel::fetchesPageByPage()
{
    LogScreen screen;
    QVERIFY(screen.model.canFetchMore({}));
    screen.scroll();
    QCOMPARE(screen.asked.size(), 1);
    QCOMPARE(screen.asked.last().after, QString());
    QCOMPARE(screen.asked.last().limit, int(Log::PageRows));
    QVERIFY(screen.model.isLoading());
    QVERIFY(!screen.model.canFetchMore({}));
    screen.scroll();
    QCOMPARE(screen.asked.size(), 1);

    QCOMPARE(screen.answered({9, 8, 7}, "after 7"), words("+0..2"));
    QVERIFY(!screen.model.isLoading());
    QVERIFY(!screen.model.isComplete());
    screen.scroll();
    QCOMPARE(screen.asked.last().after, QStringLiteral("after 7"));
    QCOMPARE(screen.answered({6, 5}), words("+3..4"));
    QCOMPARE(screen.ids(), words("9 8 7 6 5"));
    QVERIFY(screen.model.isComplete());
    QVERIFY(!screen.model.canFetchMore({}));
    QCOMPARE(screen.loading.size(), 4);
}

void TestCallLogModel::aFilterBeginsAnew()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8, 7}, "after 7");
    screen.model.setFilter(QStringLiteral(" bill "));
    QCOMPARE(screen.model.filter(), QStringLiteral("bill"));
    QCOMPARE(screen.asked.last().text, QStringLiteral("bill"));
    QCOMPARE(screen.asked.last().after, QString());
    QCOMPARE(screen.ids(), words("9 8 7"));
    QCOMPARE(screen.answered({8, 3}, "after 3"), words("-2..2 -0..0 +1..1"));
    QCOMPARE(screen.ids(), words("8 3"));
    screen.scroll();
    QCOMPARE(screen.asked.last().text, QStringLiteral("bill"));
    QCOMPARE(screen.asked.last().after, QStringLiteral("after 3"));
    const auto questions = screen.asked.size();
    screen.model.setFilter(QStringLiteral("bill"));
    QCOMPARE(screen.asked.size(), questions);
}

void TestCallLogModel::answersToOlderQuestionsAreIgnored()
{
    LogScreen screen;
    screen.scroll();
    const int first = screen.asked.last().number;
    screen.model.setFilter(QStringLiteral("b"));
    screen.model.setFilter(QStringLiteral("bi"));
    screen.model.takePage(first, LogScreen::page({1}));
    screen.model.takeFailure(first, Trouble);
    QCOMPARE(screen.ear.heard(), QStringList());
    QVERIFY(screen.model.isLoading());
    QVERIFY(screen.model.trouble().isEmpty());
    const int last = screen.asked.last().number;
    QCOMPARE(screen.answered({2}), words("+0..0"));
    screen.model.takePage(last, LogScreen::page({3})); // a second answer
    QCOMPARE(screen.ids(), words("2"));
}

void TestCallLogModel::aFailureIsKeptUntilAskedAgain()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9}, "after 9");
    screen.scroll();
    screen.model.takeFailure(screen.asked.last().number, Trouble);
    QCOMPARE(screen.model.trouble(), Trouble);
    QVERIFY(!screen.model.isLoading());
    QVERIFY(!screen.model.canFetchMore({})); // a view would ask for ever
    QCOMPARE(screen.ids(), words("9"));

    screen.model.retry();
    QVERIFY(screen.model.trouble().isEmpty());
    QCOMPARE(screen.asked.last().after, QStringLiteral("after 9"));
    QCOMPARE(screen.answered({8}), words("+1..1"));
    const auto questions = screen.asked.size();
    screen.model.retry();
    QCOMPARE(screen.asked.size(), questions);
}

void TestCallLogModel::aReloadKeepsWhatIsShownUntilThePageIsThere()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8, 7}, "after 7");
    const QPersistentModelIndex selected(screen.model.index(1, 0));
    screen.model.reload();
    QCOMPARE(screen.ear.heard(), QStringList());
    QCOMPARE(screen.answered({11, 10, 9, 8}, "after 8"), words("-2..2 +0..1"));
    QCOMPARE(screen.ids(), words("11 10 9 8"));
    QCOMPARE(selected.row(), 3);
}

void TestCallLogModel::aReloadAsksForAllThatIsShown()
{
    LogScreen screen;
    QList<int> minutes;
    for (int minute = 700; minute > 0; --minute)
        minutes.append(minute);
    screen.scroll();
    screen.answered(minutes.mid(0, 230), "x");
    screen.model.reload();
    QCOMPARE(screen.asked.last().limit, 230);
    screen.answered(minutes, "x");
    screen.model.reload();
    QCOMPARE(screen.asked.last().limit, int(Log::MostRows));
}

void TestCallLogModel::aNewCallComesAtTheTop()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8});
    screen.model.change(logRow(QStringLiteral("10"), 10, false));
    QCOMPARE(screen.ear.heard(), words("+0..0"));
    QCOMPARE(screen.ids(), words("10 9 8"));
    screen.model.change(logRow(QStringLiteral("1"), 1)); // the whole log is shown: it has its place at the end
    QCOMPARE(screen.ids(), words("10 9 8 1"));
}

void TestCallLogModel::anEndIsShownInItsRow()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8});
    screen.model.change(logRow(QStringLiteral("10"), 10, false));
    QCOMPARE(screen.text(0, Log::End), endReasonWord(EndReason::None));
    QCOMPARE(screen.text(0, Log::Duration), QString(QChar(0x2013)));
    screen.ear.heard();
    screen.model.change(logRow(QStringLiteral("10"), 10));
    QCOMPARE(screen.ear.heard(), words("~0..0/0..6"));
    QCOMPARE(screen.text(0, Log::End), endReasonWord(EndReason::CallerHungUp));
    QCOMPARE(screen.text(0, Log::Duration), QStringLiteral("0:30"));
    QCOMPARE(screen.model.row(QStringLiteral("10"))->turns, 3);
    QVERIFY(!screen.model.row(QStringLiteral("77")));
}

void TestCallLogModel::aChangeBelowWhatIsShownWaitsForItsPage()
{
    LogScreen screen;
    screen.model.change(logRow(QStringLiteral("3"), 3)); // nothing has been asked yet
    screen.scroll();
    screen.answered({9, 8}, "after 8");
    screen.model.change(logRow(QStringLiteral("3"), 3));
    QCOMPARE(screen.ids(), words("9 8"));
}

void TestCallLogModel::withAFilterOnlyShownRowsChange()
{
    LogScreen screen;
    screen.model.setFilter(QStringLiteral("bill"));
    screen.answered({9, 8});
    screen.model.change(logRow(QStringLiteral("10"), 10));
    QCOMPARE(screen.ids(), words("9 8"));
    auto row = logRow(QStringLiteral("8"), 8);
    row.turns = 12;
    screen.model.change(row);
    QCOMPARE(screen.text(1, Log::Turns), QStringLiteral("12"));
}

void TestCallLogModel::aChangeDuringTheFirstPageIsNotLost()
{
    LogScreen screen;
    screen.scroll();
    screen.model.change(logRow(QStringLiteral("10"), 10, false));
    screen.model.change(logRow(QStringLiteral("10"), 10));
    screen.answered({9, 8}); // was read before the call began
    QCOMPARE(screen.ids(), words("10 9 8"));
    QCOMPARE(screen.text(0, Log::End), endReasonWord(EndReason::CallerHungUp));
    // And on a reload, where it is shown already.
    screen.model.reload();
    screen.model.change(logRow(QStringLiteral("11"), 11));
    QCOMPARE(screen.ids(), words("10 9 8"));
    screen.answered({10, 9, 8});
    QCOMPARE(screen.ids(), words("11 10 9 8"));
}

void TestCallLogModel::aChangeDuringAPageIsNotThereTwice()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8}, "after 8");
    screen.scroll();
    screen.model.change(logRow(QStringLiteral("10"), 10));
    screen.model.change(logRow(QStringLiteral("7"), 7));
    screen.answered({7, 6});
    QCOMPARE(screen.ids(), words("10 9 8 7 6"));
}

void TestCallLogModel::anOlderAnswerDoesNotUndoAnEnd()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9});
    screen.model.change(logRow(QStringLiteral("10"), 10, false));
    screen.model.reload();
    screen.model.change(logRow(QStringLiteral("10"), 10));
    protocol::LogPage page;
    page.rows = {logRow(QStringLiteral("10"), 10, false), logRow(QStringLiteral("9"), 9)};
    screen.model.takePage(screen.asked.last().number, page);
    QCOMPARE(screen.text(0, Log::End), endReasonWord(EndReason::CallerHungUp));
    // A change that tells of the beginning only, after the page told the end.
    screen.model.change(logRow(QStringLiteral("10"), 10, false));
    QCOMPARE(screen.text(0, Log::End), endReasonWord(EndReason::CallerHungUp));
}

void TestCallLogModel::aPageThatRepeatsACallShowsItOnce()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9, 8, 9}, "x");
    screen.scroll();
    screen.answered({8, 7, 7});
    QCOMPARE(screen.ids(), words("9 8 7"));
}

void TestCallLogModel::asksForNothingWhileNotLive()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9}, "x");
    screen.model.setLive(false);
    QCOMPARE(screen.ear.heard(), words("~0..0/0..6"));
    QVERIFY(screen.model.index(0, 0).data(DimmedRole).toBool());
    QVERIFY(!screen.model.canFetchMore({}));
    screen.model.setLive(true);
    QVERIFY(screen.model.canFetchMore({}));
}

void TestCallLogModel::anotherEnginesLogBeginsEmpty()
{
    LogScreen screen;
    screen.scroll();
    screen.answered({9}, "x");
    screen.scroll();
    screen.model.clear();
    QCOMPARE(screen.model.rowCount(), 0);
    screen.answered({8});
    QCOMPARE(screen.model.rowCount(), 0);
    QVERIFY(!screen.model.isLoading());
    screen.scroll();
    QCOMPARE(screen.asked.last().after, QString());
}

void TestCallLogModel::showsExportsAndReadsOut()
{
    LogScreen screen;
    auto row = logRow(QStringLiteral("CA1"), 1);
    row.test = true;
    row.from = QStringLiteral("+15");
    screen.scroll();
    screen.model.takePage(screen.asked.last().number, {{row}, {}});
    QVERIFY(screen.model.index(0, 0).data(TestRole).toBool());
    QCOMPARE(
        screen.model.index(0, Log::Started).data(ExportRole).toString(), QStringLiteral("2026-01-01T00:01:00.000Z"));
    QCOMPARE(screen.model.index(0, Log::Duration).data(ExportRole), QVariant(qint64(30000)));
    QCOMPARE(screen.model.index(0, Log::End).data(ExportRole).toString(), QStringLiteral("caller-hung-up"));
    QCOMPARE(screen.model.index(0, 3).data(ItemRole).value<CallLogRow>(), row);
    const QString sentence = screen.text(0, 0, Qt::AccessibleTextRole);
    QVERIFY2(sentence.startsWith(QLatin1String("Test call from +15, 20")), qPrintable(sentence));
    QVERIFY2(sentence.endsWith(QLatin1String("30 s, turns: 3, caller hung up")), qPrintable(sentence));
    for (int column = 0; column < Log::ColumnCount; ++column)
        QVERIFY(!screen.model.headerData(column, Qt::Horizontal).toString().isEmpty());

    // What is counted at its end only is not known before.
    auto open = logRow(QStringLiteral("CA2"), 2);
    open.endedAt = {};
    open.turns = 0;
    screen.model.change(open);
    QCOMPARE(screen.text(0, Log::Turns), QStringLiteral("\u2013"));
    QCOMPARE(screen.text(0, Log::Duration), QStringLiteral("\u2013"));
}

QTEST_GUILESS_MAIN(TestCallLogModel)
#include "tst_calllogmodel.moc"
