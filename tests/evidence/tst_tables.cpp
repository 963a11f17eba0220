// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/tables.h"
#include "tests/evidence/loggedcall.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::evidence;

namespace {

/// RFC 4180, strictly: every cell is quoted, every row ends with CR LF. Empty: it is no such text.
QList<QStringList> parsed(const QByteArray& csv)
{
    if (!csv.startsWith("\xef\xbb\xbf") || !csv.endsWith("\"\r\n"))
        return {};
    const QString text = QString::fromUtf8(csv.mid(3));
    QList<QStringList> rows{{}};
    for (qsizetype at = 0; at < text.size();) {
        if (text[at] != u'"')
            return {};
        QString cell;
        for (++at; at < text.size(); ++at) {
            if (text[at] != u'"') {
                cell += text[at];
            } else if (at + 1 < text.size() && text[at + 1] == u'"') {
                cell += u'"';
                ++at;
            } else {
                break;
            }
        }
        rows.last() += cell;
        ++at;
        if (text.mid(at, 1) == u",") {
            ++at;
        } else if (text.mid(at, 2) == u"\r\n") {
            at += 2;
            rows.append(QStringList());
        } else {
            return {};
        }
    }
    rows.removeLast();
    return rows;
}

QString cell(const QList<QStringList>& rows, qsizetype row, const QString& column)
{
    return rows.value(row).value(rows.value(0).indexOf(column));
}

} // namespace

/// The call as data.
class TestTables final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void jsonHasEveryPart();
    void jsonKeepsHostileTextAsItWas();
    void everyTableHasARowForEachThing();
    void turnsHaveTheirPartsAndOwners();
    void hebrewStaysHebrew();
    void aCellIsNoFormula_data();
    void aCellIsNoFormula();
    void hostileTextBreaksNoRow();
};

void TestTables::jsonHasEveryPart()
{
    LoggedCall call;
    QVERIFY(call.store());
    const QJsonObject json = toJson(call.gathered());
    QCOMPARE(json.keys().join(u' '),
        u"call chain events format numbersMasked providers recording requests requestsCut services states timeline turns waits"_s);
    QCOMPARE(json.value(u"format"_s).toString(), u"kav-evidence/1"_s);
    QCOMPARE(json.value(u"call"_s).toObject().value(u"id"_s).toString(), CallId);
    QCOMPARE(json.value(u"call"_s).toObject().value(u"durationMs"_s).toInt(), 12000);
    QCOMPARE(json.value(u"timeline"_s).toObject().value(u"originAt"_s).toString(), u"2025-12-31T23:59:59.600Z"_s);
    const QJsonArray chain = json.value(u"chain"_s).toArray();
    QStringList tokens;
    for (const QJsonValue& link : chain)
        tokens += link.toObject().value(u"token"_s).toString();
    QCOMPARE(tokens.join(u' '), u"WS_START STT_FINAL EoU_ms TTS_LEN_ms MEDIA_TX PNG_PONG WS_STOP"_s);
    const QJsonObject turn = json.value(u"turns"_s).toArray().at(1).toObject();
    QCOMPARE(turn.value(u"heardText"_s).toString(), u"Of course. The next"_s);
    QCOMPARE(turn.value(u"unheardText"_s).toString(), u"free time is Tuesday at half past ten."_s);
    QCOMPARE(turn.value(u"wait"_s).toString(), u"good"_s);
    QCOMPARE(turn.value(u"atMs"_s).toInt(), 3400);
    QCOMPARE(json.value(u"waits"_s).toObject().value(u"limitMs"_s).toInt(), 6000);
    const QJsonObject upgrade = json.value(u"requests"_s).toArray().at(1).toObject();
    QCOMPARE(upgrade.value(u"status"_s).toInt(), 101);
    QCOMPARE(upgrade.value(u"given"_s).toString(), u"audio.twilio.com"_s);
    QCOMPARE(json.value(u"recording"_s).toObject().value(u"present"_s).toBool(true), false);
    QVERIFY(!json.value(u"recording"_s).toObject().value(u"why"_s).toString().isEmpty());
}

void TestTables::jsonKeepsHostileTextAsItWas()
{
    const QString hostile = u"<script>\"\\\u202e\u0001\n %1 \U0001F600"_s;
    LoggedCall call;
    call.turn({4, TurnInput::Voice, hostile, 0, {}, {}, false, false, {}}, 9000);
    QVERIFY(call.store());
    const auto again = QJsonDocument::fromJson(QJsonDocument(toJson(call.gathered())).toJson());
    QCOMPARE(again.object().value(u"turns"_s).toArray().at(3).toObject().value(u"callerText"_s).toString(), hostile);
}

void TestTables::everyTableHasARowForEachThing()
{
    LoggedCall call;
    QVERIFY(call.store());
    const CallEvidence evidence = call.gathered();
    for (const auto& [csv, rows] :
        {std::pair(timelineCsv(evidence), evidence.events.size()), {turnsCsv(evidence), evidence.turns.size()},
            {requestsCsv(evidence), evidence.requests.size()}, {providersCsv(evidence), qsizetype(4)}}) {
        const auto table = parsed(csv);
        QCOMPARE(table.size(), rows + 1);
        for (const QStringList& row : table)
            QCOMPARE(row.size(), table.first().size());
    }
    const auto requests = parsed(requestsCsv(evidence));
    QCOMPARE(cell(requests, 2, u"status"_s), u"101"_s);
    QCOMPARE(cell(requests, 2, u"given"_s), u"audio.twilio.com"_s);
    QCOMPARE(cell(requests, 2, u"close_code"_s), u"1000"_s);
    QCOMPARE(cell(requests, 3, u"status"_s), u"204"_s);
    QCOMPARE(cell(requests, 3, u"close_code"_s), QString());
}

void TestTables::turnsHaveTheirPartsAndOwners()
{
    LoggedCall call;
    QVERIFY(call.store());
    const auto turns = parsed(turnsCsv(call.gathered()));
    QCOMPARE(cell(turns, 2, u"recognition_ms"_s), u"100"_s);
    QCOMPARE(cell(turns, 2, u"recognition_by"_s), u"google"_s);
    QCOMPARE(cell(turns, 2, u"wait_ms"_s), u"1100"_s);
    QCOMPARE(cell(turns, 2, u"interrupted"_s), u"yes"_s);
    QCOMPARE(cell(turns, 3, u"wait"_s), u"slow"_s);
    QCOMPARE(cell(turns, 1, u"wait_ms"_s), QString());
}

void TestTables::hebrewStaysHebrew()
{
    LoggedCall call(LoggedCall::Language::Hebrew);
    QVERIFY(call.store());
    QCOMPARE(cell(parsed(turnsCsv(call.gathered())), 2, u"caller"_s), u"אני רוצה לקבוע תור לד״ר כהן"_s);
}

void TestTables::aCellIsNoFormula_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("cell");
    QTest::newRow("equals") << u"=cmd|' /C calc'!A0"_s << u"'=cmd|' /C calc'!A0"_s;
    QTest::newRow("at") << u"@SUM(1)"_s << u"'@SUM(1)"_s;
    QTest::newRow("plus") << u"+cmd"_s << u"'+cmd"_s;
    QTest::newRow("minus") << u"-cmd"_s << u"'-cmd"_s;
    QTest::newRow("a tab before it") << u"\t=1+1"_s << u"\\u0009=1+1"_s;
    QTest::newRow("a number stays one") << u"-12.5"_s << u"-12.5"_s;
    QTest::newRow("in the middle it is text") << u"a=b"_s << u"a=b"_s;
}

void TestTables::aCellIsNoFormula()
{
    QFETCH(QString, text);
    QFETCH(QString, cell);
    LoggedCall call;
    call.turn({4, TurnInput::Voice, text, 0, {}, {}, false, false, {}}, 9000);
    QVERIFY(call.store());
    QCOMPARE(::cell(parsed(turnsCsv(call.gathered())), 4, u"caller"_s), cell);
}

void TestTables::hostileTextBreaksNoRow()
{
    LoggedCall call;
    call.turn(
        {4, TurnInput::Voice, u"a\",\"b\r\nc;\u202ed\u2028e"_s, 0, {}, QString(1 << 18, u'"'), false, false, {}}, 9000);
    QVERIFY(call.store());
    const auto turns = parsed(turnsCsv(call.gathered()));
    QCOMPARE(turns.size(), 5);
    QCOMPARE(cell(turns, 4, u"caller"_s), u"a\",\"b\\u000d\\u000ac;\\u202ed\\u2028e"_s);
    QCOMPARE(cell(turns, 4, u"heard"_s).size(), 1 << 18);
}

QTEST_GUILESS_MAIN(TestTables)
#include "tst_tables.moc"
