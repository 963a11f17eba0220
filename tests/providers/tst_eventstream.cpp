// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/eventstream.h"

#include <QTest>

using kav::providers::EventStream;

/// Server-sent events, cut anywhere.
class TestEventStream final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void eventsComeOutHoweverTheBytesAreCut_data();
    void eventsComeOutHoweverTheBytesAreCut();
    void anUnfinishedEventIsNotToldOf();
    void anEndlessEventIsAnError();
};

void TestEventStream::eventsComeOutHoweverTheBytesAreCut_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QList<QByteArray>>("events"); // name '|' data
    using L = QList<QByteArray>;
    QTest::newRow("one") << QByteArray("data: a\n\n") << L{"|a"};
    QTest::newRow("no space after the colon") << QByteArray("data:a\n\n") << L{"|a"};
    QTest::newRow("only one space goes") << QByteArray("data:  a\n\n") << L{"| a"};
    QTest::newRow("crlf") << QByteArray("data: a\r\n\r\ndata: b\r\n\r\n") << L{"|a", "|b"};
    QTest::newRow("cr alone") << QByteArray("data: a\r\rdata: b\r\r") << L{"|a", "|b"};
    QTest::newRow("several lines") << QByteArray("data: a\ndata: b\n\n") << L{"|a\nb"};
    QTest::newRow("an empty line of data") << QByteArray("data\n\n") << L{"|"};
    QTest::newRow("a name") << QByteArray("event: delta\ndata: a\n\ndata: b\n\n") << L{"delta|a", "|b"};
    QTest::newRow("a name without data is nothing") << QByteArray("event: x\n\ndata: b\n\n") << L{"|b"};
    QTest::newRow("comments") << QByteArray(": ping\n\ndata: a\n: ping\n\n") << L{"|a"};
    QTest::newRow("unknown fields") << QByteArray("id: 4\nretry: 5\nx\ndata: a\n\n") << L{"|a"};
    QTest::newRow("a byte order mark") << QByteArray("\xef\xbb\xbf"
                                                     "data: a\n\n")
                                       << L{"|a"};
    QTest::newRow("hebrew") << QByteArray("data: {\"t\":\"שלום\"}\n\n") << L{"|{\"t\":\"שלום\"}"};
}

void TestEventStream::eventsComeOutHoweverTheBytesAreCut()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QList<QByteArray>, events);
    for (qsizetype size = 1; size <= bytes.size(); ++size) {
        EventStream stream;
        QList<QByteArray> got;
        for (qsizetype at = 0; at < bytes.size(); at += size) {
            const auto some = stream.add(QByteArrayView(bytes).sliced(at, qMin(size, bytes.size() - at)));
            QVERIFY(some.ok());
            for (const auto& event : *some)
                got.append(event.name + '|' + event.data);
        }
        QCOMPARE(got, events);
    }
}

void TestEventStream::anUnfinishedEventIsNotToldOf()
{
    EventStream stream;
    QVERIFY(stream.add("data: half").value().isEmpty());
    QVERIFY(stream.add("\n").value().isEmpty());
    QCOMPARE(stream.add("\n").value().size(), 1);
}

void TestEventStream::anEndlessEventIsAnError()
{
    EventStream oneLine(100);
    QVERIFY(oneLine.add(QByteArray(90, 'x')).ok());
    QCOMPARE(oneLine.add(QByteArray(90, 'x')).error().code, kav::Error::Code::Invalid);
    EventStream manyLines(100);
    const QByteArray line = "data: " + QByteArray(60, 'x') + "\n";
    QVERIFY(manyLines.add(line).ok());
    QCOMPARE(manyLines.add(line).error().code, kav::Error::Code::Invalid);
}

QTEST_GUILESS_MAIN(TestEventStream)
#include "tst_eventstream.moc"
