// SPDX-License-Identifier: Apache-2.0
#include "console/models/rowsteps.h"

#include <QTest>

#include <random>

using namespace kav::console;

/// How one list of rows becomes another.
class TestRowSteps final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void leadsFromOneListToAnother_data();
    void leadsFromOneListToAnother();
    void leadsFromAnyListToAnyOther();
    void joinsRowsThatFollowEachOther();

private:
    static QStringList follow(QStringList rows, const QStringList& wanted, const RowSteps& steps)
    {
        for (const RowRange& range : steps.removed)
            rows.remove(range.first, range.last - range.first + 1);
        for (const RowRange& range : steps.inserted)
            for (int row = range.first; row <= range.last; ++row)
                rows.insert(row, wanted.at(row));
        return rows;
    }
    static QStringList letters(const QString& text) { return text.split(QString(), Qt::SkipEmptyParts); }
};

void TestRowSteps::leadsFromOneListToAnother_data()
{
    QTest::addColumn<QString>("shown");
    QTest::addColumn<QString>("wanted");
    QTest::addColumn<int>("removed");
    QTest::addColumn<int>("inserted");
    const auto row = [](const char* name, const char* shown, const char* wanted, int removed, int inserted) {
        QTest::newRow(name) << QString::fromLatin1(shown) << QString::fromLatin1(wanted) << removed << inserted;
    };
    row("the same: nothing to do", "abc", "abc", 0, 0);
    row("from nothing", "", "abc", 0, 1);
    row("to nothing", "abc", "", 1, 0);
    row("new ones at the top", "abc", "xyabc", 0, 1);
    row("new ones in two places", "abc", "xabyc", 0, 2);
    row("two gaps", "abcde", "ace", 2, 0);
    row("others", "abc", "xyz", 1, 1);
    row("one that moved is removed and inserted", "abc", "bca", 1, 1);
}

void TestRowSteps::leadsFromOneListToAnother()
{
    QFETCH(QString, shown);
    QFETCH(QString, wanted);
    const RowSteps steps = rowSteps(letters(shown), letters(wanted));
    QCOMPARE(follow(letters(shown), letters(wanted), steps), letters(wanted));
    QTEST(int(steps.removed.size()), "removed");
    QTEST(int(steps.inserted.size()), "inserted");
}

void TestRowSteps::leadsFromAnyListToAnyOther()
{
    std::mt19937 random(7);
    QStringList alphabet = letters(QStringLiteral("abcdefghij"));
    for (int i = 0; i < 2000; ++i) {
        std::shuffle(alphabet.begin(), alphabet.end(), random);
        const QStringList from = alphabet.mid(0, int(random() % 11));
        std::shuffle(alphabet.begin(), alphabet.end(), random);
        const QStringList to = alphabet.mid(0, int(random() % 11));
        QCOMPARE(follow(from, to, rowSteps(from, to)), to);
    }
}

void TestRowSteps::joinsRowsThatFollowEachOther()
{
    QCOMPARE(rowRanges({}), QList<RowRange>());
    QCOMPARE(rowRanges({1, 2, 3, 7, 9, 10}), (QList<RowRange>{{1, 3}, {7, 7}, {9, 10}}));
}

QTEST_GUILESS_MAIN(TestRowSteps)
#include "tst_rowsteps.moc"
