// SPDX-License-Identifier: Apache-2.0
#include "console/models/roles.h"
#include "console/views/latencyview.h"

#include <QHeaderView>
#include <QLabel>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QToolButton>

#include <numeric>

using namespace kav;
using namespace kav::console;
using namespace std::chrono_literals;
using Part = LatencyPart;

namespace {

/// But what the offscreen platform says of windows that it cannot raise or hint sizes to.
const QRegularExpression AnyWarning(QStringLiteral("^(?!This plugin does not support)"));

using Wait = std::optional<std::chrono::milliseconds>;

LatencyParts waits(const QList<LatencySpan>& spans, Wait total)
{
    LatencyParts parts;
    parts.spans = spans;
    parts.total = total;
    return parts;
}

LatencySpan span(Part part, std::chrono::milliseconds length, const char* owner = "")
{
    return {part, length, QString::fromLatin1(owner)};
}

TranscriptTurn turnWith(int number, const LatencyParts& latency)
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.callerText = QStringLiteral("hello");
    turn.record.agentText = QStringLiteral("good day");
    turn.record.latency = latency;
    turn.open = false;
    turn.callerTextFinal = true;
    return turn;
}

const LatencyParts Usual =
    waits({span(Part::EndOfUtterance, 500ms, "turn.end_of_utterance_max"), span(Part::Recognition, 40ms, "google"),
              span(Part::FirstToken, 60ms, "openai"), span(Part::FirstSentence, 30ms, "openai"),
              span(Part::FirstAudio, 70ms, "elevenlabs"), span(Part::Playout, 40ms, "media.lead")},
        740ms);

} // namespace

class TestLatencyView final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void thePartsSumToTheGap_data()
    {
        QTest::addColumn<LatencyParts>("parts");
        QTest::addColumn<int>("segments");
        const LatencySpan pause = span(Part::EndOfUtterance, 500ms);
        QTest::newRow("all known") << Usual << 6;
        QTest::newRow("nothing known but the gap") << waits({}, 900ms) << 1;
        QTest::newRow("past the gap") << waits({pause, span(Part::Recognition, 241ms)}, 740ms) << 2;
        QTest::newRow("far past the gap")
            << waits({pause, span(Part::Recognition, 500ms), span(Part::FirstToken, 500ms)}, 740ms) << 2;
        QTest::newRow("a part below nothing")
            << waits({span(Part::EndOfUtterance, -5ms), span(Part::Recognition, 40ms)}, 740ms) << 2;
        QTest::newRow("no wait at all") << waits({}, 0ms) << 0;
    }
    void thePartsSumToTheGap()
    {
        QFETCH(const LatencyParts, parts);
        QFETCH(const int, segments);
        const auto result = segmentsOf(parts);
        QCOMPARE(int(result.size()), segments);
        std::chrono::milliseconds sum{0};
        for (const LatencySpan& segment : result) {
            QVERIFY(segment.length > 0ms);
            sum += segment.length;
        }
        QCOMPARE(sum, *parts.total);
    }

    void anAnswerThatNeverCameShowsWhatIsKnown()
    {
        const QList<LatencySpan> known{span(Part::EndOfUtterance, 500ms), span(Part::FirstToken, 90ms, "openai")};
        const auto segments = segmentsOf(waits(known, {}));
        QCOMPARE(segments, std::vector<LatencySpan>(known.cbegin(), known.cend()));
        QVERIFY(segmentsOf({}).empty());
    }

    void theAxisHoldsTheLongestWait_data()
    {
        QTest::addColumn<qint64>("longest");
        QTest::addColumn<qint64>("end");
        QTest::addColumn<qint64>("step");
        QTest::newRow("nothing") << 0LL << 1000LL << 250LL;
        QTest::newRow("a usual one") << 740LL << 1000LL << 250LL;
        QTest::newRow("exactly a second") << 1000LL << 1000LL << 250LL;
        QTest::newRow("just over") << 1001LL << 1500LL << 500LL;
        QTest::newRow("long") << 3300LL << 4000LL << 1000LL;
        QTest::newRow("half a minute") << 30000LL << 30000LL << 10000LL;
        QTest::newRow("an hour") << 3600000LL << 3600000LL << 960000LL;
    }
    void theAxisHoldsTheLongestWait()
    {
        QFETCH(const qint64, longest);
        const LatencyAxis axis = axisFor(std::chrono::milliseconds(longest));
        QTEST(qint64(axis.end.count()), "end");
        QTEST(qint64(axis.step.count()), "step");
        QVERIFY(axis.end.count() >= longest);
        QVERIFY(axis.end / axis.step <= 5);
    }

    void theBarsOfAnOtherTurnGrowTheAxisForAll()
    {
        TranscriptModel model;
        model.clear(QStringLiteral("CA1"));
        LatencyView view(model);
        view.resize(600, 200);
        model.change(QStringLiteral("CA1"), turnWith(1, Usual));
        const QImage before = view.table().viewport()->grab().toImage();
        LatencyParts slow = Usual;
        slow.total = 3000ms;
        model.change(QStringLiteral("CA1"), turnWith(2, slow));
        const QImage after = view.table().viewport()->grab().toImage();
        const QRect first = view.table().visualRect(view.table().model()->index(0, TranscriptModel::AgentText));
        QVERIFY(before.copy(first) != after.copy(first));
    }

    void eachTurnIsASentenceToAScreenReader()
    {
        TranscriptModel model;
        model.clear(QStringLiteral("CA1"));
        LatencyView view(model);
        model.change(QStringLiteral("CA1"), turnWith(1, Usual));
        model.change(QStringLiteral("CA1"), turnWith(2, {}));
        const auto said = [&](int row) {
            return view.table().model()->index(row, TranscriptModel::AgentText).data(Qt::AccessibleTextRole).toString();
        };
        for (const char* word : {"Turn 1", "740", "Pause", "500", "turn.end_of_utterance_max", "First word", "60",
                 "openai", "Sending", "40"})
            QVERIFY2(said(0).contains(QLatin1String(word)), qPrintable(said(0)));
        QVERIFY2(said(1).contains(QStringLiteral("no answer")), qPrintable(said(1)));
        LatencyParts filled = Usual;
        filled.filler = true;
        model.change(QStringLiteral("CA1"), turnWith(2, filled));
        QVERIFY2(said(1).contains(QStringLiteral("for a waiting line")), qPrintable(said(1)));
    }

    void figuresComeOnDemand()
    {
        TranscriptModel model;
        LatencyView view(model);
        QVERIFY(!view.showsNumbers());
        QVERIFY(view.table().isColumnHidden(TranscriptModel::FirstToken));
        QVERIFY(!view.table().isColumnHidden(TranscriptModel::Gap));
        auto* button = view.findChild<QToolButton*>();
        QVERIFY(button);
        QTest::keyClick(button, Qt::Key_Space);
        QVERIFY(view.showsNumbers());
        QVERIFY(!view.table().isColumnHidden(TranscriptModel::FirstToken));
    }

    void timeRunsLeftToRightInEveryLanguage()
    {
        TranscriptModel model;
        model.clear(QStringLiteral("CA1"));
        LatencyView view(model);
        view.resize(600, 200);
        model.change(QStringLiteral("CA1"), turnWith(1, waits({span(Part::EndOfUtterance, 250ms)}, 250ms)));
        const auto bar = [&] {
            const QRect cell = view.table().visualRect(view.table().model()->index(0, TranscriptModel::AgentText));
            return view.table().viewport()->grab(cell).toImage();
        };
        view.show();
        const QImage leftToRight = bar();
        view.setLayoutDirection(Qt::RightToLeft);
        QCoreApplication::processEvents();
        const QImage rightToLeft = bar();
        QCOMPARE(leftToRight.size(), rightToLeft.size());
        // A quarter of the axis: the bar is in the left half, and nothing of it in the right.
        QCOMPARE(rightToLeft, leftToRight);
    }
};

QTEST_MAIN(TestLatencyView)
#include "tst_latencyview.moc"
