// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/record.h"

#include <QJsonDocument>
#include <QTest>

using namespace kav::calllog;

/// The form of one entry in the journal.
class TestRecord final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void anEntryComesBackAsItWas();
    void numbersInClearAreMasked();
    void anOversizeEntryKeepsItsPlaceAndSaysSo();
    void everyPrefixIsShortAndNeverWhole();
    void everyFlippedBitIsNoticed();
    void turnsSurviveJson();
    void aTurnOfAnOlderEngineKeepsItsParts();
    void aTurnWithoutNumberOrWithUnknownInputIsRefused();

private:
    static QByteArray recordOf(const Entry& entry, quint64 number)
    {
        QByteArray bytes;
        appendRecord(bytes, number, encodeEntry(entry));
        return bytes;
    }
    static Entry sample()
    {
        return {Entry::Kind::Event, QStringLiteral("CA1"), QDateTime::fromMSecsSinceEpoch(1767225600123ll, Qt::UTC),
            {{QStringLiteral("token"), QStringLiteral("STT_FINAL")},
                {QStringLiteral("text"), QStringLiteral("שלום \"x\"\n")}}};
    }
};

void TestRecord::anEntryComesBackAsItWas()
{
    const QByteArray bytes = recordOf(sample(), 77);
    const ParsedRecord record = parseRecord(bytes);
    QCOMPARE(record.state, ParsedRecord::State::Whole);
    QCOMPARE(record.number, 77u);
    QCOMPARE(record.size, bytes.size());
    const auto view = viewPayload(record.payload);
    QVERIFY(view);
    QCOMPARE(view->kind, Entry::Kind::Event);
    QCOMPARE(view->atMs, 1767225600123ll);
    QCOMPARE(view->callId.toByteArray(), QByteArray("CA1"));
    QCOMPARE(QJsonDocument::fromJson(view->json.toByteArray()).object(), sample().data);
    QVERIFY(!viewPayload(record.payload.first(11)));
}

void TestRecord::numbersInClearAreMasked()
{
    const QString clear = QStringLiteral("+972501234567");
    Entry entry{Entry::Kind::CallStarted, QStringLiteral("CA1"), QDateTime::currentDateTimeUtc(),
        {{QStringLiteral("from"), clear}, {QStringLiteral("to"), QStringLiteral("15550100100")},
            {QStringLiteral("accountSid"), QStringLiteral("AC12345678901234")},
            {QStringLiteral("parameters"), QJsonObject{{QStringLiteral("callback"), clear}}}}};
    QByteArray payload = encodeEntry(entry);
    QVERIFY(!payload.contains("501234567"));
    QVERIFY(!payload.contains("15550100100"));
    QVERIFY(payload.contains("4567")); // the last four stay
    QVERIFY(payload.contains("AC12345678901234"));

    entry.kind = Entry::Kind::Webhook;
    entry.data = {{QStringLiteral("path"), QStringLiteral("/webhook/incoming_call")},
        {QStringLiteral("fields"),
            QJsonObject{{QStringLiteral("Caller"), clear}, {QStringLiteral("CallDuration"), QStringLiteral("12")}}}};
    payload = encodeEntry(entry);
    QVERIFY(!payload.contains("501234567"));
    QVERIFY(payload.contains("\"CallDuration\":\"12\""));

    // What the caller said is the product's to keep: a call-back number is useless when masked.
    entry.kind = Entry::Kind::CallEnded;
    entry.data = {{QStringLiteral("facts"), QJsonObject{{QStringLiteral("callback"), QStringLiteral("0501234567")}}}};
    QVERIFY(encodeEntry(entry).contains("0501234567"));
}

void TestRecord::anOversizeEntryKeepsItsPlaceAndSaysSo()
{
    Entry entry = sample();
    entry.data.insert(QStringLiteral("text"), QString(2 * 1024 * 1024, QLatin1Char('x')));
    entry.callId = QString(100'000, QLatin1Char('c'));
    const QByteArray payload = encodeEntry(entry);
    QVERIFY(payload.size() < 1000);
    QVERIFY(viewPayload(payload)->json.toByteArray().contains("\"oversize\":20971"));
}

void TestRecord::everyPrefixIsShortAndNeverWhole()
{
    const QByteArray bytes = recordOf(sample(), 1);
    for (qsizetype size = 0; size < bytes.size(); ++size)
        QCOMPARE(parseRecord(QByteArrayView(bytes).first(size)).state, ParsedRecord::State::Short);
}

void TestRecord::everyFlippedBitIsNoticed()
{
    const QByteArray bytes = recordOf(sample(), 1);
    for (qsizetype bit = 0; bit < bytes.size() * 8; ++bit) {
        QByteArray flipped = bytes;
        flipped[bit / 8] = char(flipped[bit / 8] ^ (1 << (bit % 8)));
        QVERIFY2(parseRecord(flipped).state != ParsedRecord::State::Whole, qPrintable(QString::number(bit)));
    }
}

void TestRecord::turnsSurviveJson()
{
    using std::chrono::milliseconds;
    kav::TurnRecord turn{3, kav::TurnInput::Keypad, QStringLiteral("5 5"), 0.75, QStringLiteral("Thank you."),
        QStringLiteral("Thank"), true, false,
        {{{kav::LatencyPart::EndOfUtterance, milliseconds(420), QStringLiteral("turn.end_of_utterance_max")},
             {kav::LatencyPart::FirstToken, milliseconds(180), QStringLiteral("google")},
             {kav::LatencyPart::Playout, milliseconds(0), {}}},
            milliseconds(600), true}};
    const auto back = turnFromJson(turnToJson(turn));
    QVERIFY(back);
    QCOMPARE(*back, turn);
}

void TestRecord::aTurnOfAnOlderEngineKeepsItsParts()
{
    using std::chrono::milliseconds;
    const QJsonObject latency{{QStringLiteral("endOfUtteranceMs"), 300}, {QStringLiteral("recognitionMs"), 40},
        {QStringLiteral("thinkingMs"), 200}, {QStringLiteral("synthesisMs"), 50}, {QStringLiteral("totalMs"), 600}};
    const auto turn = turnFromJson({{QStringLiteral("number"), 1}, {QStringLiteral("input"), QStringLiteral("voice")},
        {QStringLiteral("latency"), latency}});
    QVERIFY(turn);
    QCOMPARE(turn->latency.length(kav::LatencyPart::FirstToken), std::optional<milliseconds>());
    QCOMPARE(turn->latency.length(kav::LatencyPart::FirstSentence), std::optional(milliseconds(200)));
    QCOMPARE(turn->latency.length(kav::LatencyPart::Playout), std::optional(milliseconds(10)));
    QCOMPARE(turn->latency.total, std::optional(milliseconds(600)));
}

void TestRecord::aTurnWithoutNumberOrWithUnknownInputIsRefused()
{
    QCOMPARE(turnFromJson({}).error().message, QStringLiteral("turn.number: missing, or no number"));
    const QJsonObject odd{{QStringLiteral("number"), 1}, {QStringLiteral("input"), QStringLiteral("telepathy")}};
    QVERIFY(turnFromJson(odd).error().message.contains(QStringLiteral("telepathy")));
}

QTEST_APPLESS_MAIN(TestRecord)
#include "tst_record.moc"
