// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/chatstream.h"

#include <QTest>

using kav::Error;
using kav::Result;
using kav::providers::ChatStream;

namespace {
Result<QString> addTo(ChatStream& stream, const QByteArray& bytes)
{
    return stream.add(bytes);
}
QByteArray piece(const QByteArray& delta, const QByteArray& more = {})
{
    return "data: {\"choices\":[{\"index\":0,\"delta\":" + delta + more + "}]}\n\n";
}
QByteArray content(const QByteArray& text)
{
    return piece("{\"content\":\"" + text + "\"}");
}
const QByteArray stopped = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const QByteArray done = "data: [DONE]\n\n";
} // namespace

class TestChatStream final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void textComesWholeHoweverItIsCut();
    void toolsAreAssembledByIndex();
    void serversThatNumberEveryToolZero();
    void serversWithoutNumbersOrIds();
    void argumentsAsAnObject();
    void tooManyToolsAndTooLongArguments();
    void anAnswerInOnePiece();
    void anErrorInTheMiddle_data();
    void anErrorInTheMiddle();
    void whatIsNoAnswer_data();
    void whatIsNoAnswer();
    void nothingAfterDone();
    void anotherShapeOfContent();
};

void TestChatStream::textComesWholeHoweverItIsCut()
{
    const QByteArray body = ": keep-alive\n\n" + piece("{\"role\":\"assistant\",\"content\":null}") + content("שלום, ")
        + content("מה שלומך? \\ud83d\\ude00") + "data: {\"choices\":[],\"usage\":{}}\r\n\r\n" + stopped + done;
    const QString expected = QStringLiteral("שלום, מה שלומך? 😀");
    for (qsizetype cut = 0; cut <= body.size(); ++cut) {
        ChatStream stream;
        auto first = stream.add(body.first(cut));
        QVERIFY(first.ok());
        auto second = stream.add(body.sliced(cut));
        QVERIFY(second.ok());
        QCOMPARE(*first + *second, expected);
        QVERIFY(stream.isComplete());
        QCOMPARE(stream.finishReason(), QStringLiteral("stop"));
    }
    ChatStream stream;
    QString text;
    for (char byte : body)
        text += *stream.add(QByteArrayView(&byte, 1));
    QCOMPARE(text, expected);
}

void TestChatStream::toolsAreAssembledByIndex()
{
    ChatStream stream;
    const QByteArray body =
        piece("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":"
              "\"transfer\",\"arguments\":\"\"}}]}")
        + piece(
            "{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"send_dtmf\",\"arguments\":\"{\"}}]}")
        + piece("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"to\\\":\"}}]}")
        + piece("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"\\\"digits\\\":\\\"1\\\"}\"}}]}")
        + piece("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"דנה\\\"}\"}}]}",
            ",\"finish_reason\":\"tool_calls\"");
    QVERIFY(stream.add(body).ok());
    QCOMPARE(stream.tools().size(), size_t(2));
    QCOMPARE(stream.tools()[0].name, QStringLiteral("transfer"));
    QCOMPARE(stream.tools()[0].id, QStringLiteral("a"));
    QCOMPARE(stream.tools()[0].arguments, QByteArray("{\"to\":\"דנה\"}"));
    QCOMPARE(stream.tools()[1].name, QStringLiteral("send_dtmf"));
    QCOMPARE(stream.tools()[1].arguments, QByteArray("{\"digits\":\"1\"}"));
    QCOMPARE(stream.finishReason(), QStringLiteral("tool_calls"));
}

void TestChatStream::serversThatNumberEveryToolZero()
{
    ChatStream stream;
    QVERIFY(addTo(stream,
        piece("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"x\",\"arguments\":\"{}\"}}]}")
            + piece("{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"y\",\"arguments\":\"{}\"}}]}"))
                .ok());
    QCOMPARE(stream.tools().size(), size_t(2));
    QCOMPARE(stream.tools()[1].name, QStringLiteral("y"));
}

void TestChatStream::serversWithoutNumbersOrIds()
{
    ChatStream stream;
    QVERIFY(addTo(stream,
        piece("{\"tool_calls\":[{\"function\":{\"name\":\"x\",\"arguments\":\"{\"}}]}")
            + piece("{\"tool_calls\":[{\"function\":{\"arguments\":\"}\"}}]}"))
                .ok());
    QCOMPARE(stream.tools().size(), size_t(1));
    QCOMPARE(stream.tools()[0].arguments, QByteArray("{}"));
}

void TestChatStream::argumentsAsAnObject()
{
    ChatStream stream;
    QVERIFY(addTo(stream, piece("{\"tool_calls\":[{\"function\":{\"name\":\"x\",\"arguments\":{\"a\":1}}}]}")).ok());
    QCOMPARE(stream.tools()[0].arguments, QByteArray("{\"a\":1}"));
}

void TestChatStream::tooManyToolsAndTooLongArguments()
{
    ChatStream stream;
    for (int i = 0; i < 100; ++i) {
        QVERIFY(addTo(stream,
            piece("{\"tool_calls\":[{\"index\":" + QByteArray::number(i) + ",\"id\":\"i" + QByteArray::number(i)
                + "\",\"function\":{\"name\":\"x\",\"arguments\":\"" + QByteArray(i == 3 ? 40000 : 4, '1') + "\"}}]}"))
                    .ok());
    }
    QCOMPARE(stream.tools().size(), size_t(16));
    QVERIFY(stream.tools()[3].tooLong);
    QVERIFY(stream.tools()[3].arguments.isEmpty());
    QVERIFY(!stream.tools()[4].tooLong);
}

void TestChatStream::anAnswerInOnePiece()
{
    const QByteArray body =
        "\r\n {\"choices\":[{\"message\":{\"content\":\"שלום\",\"tool_calls\":[{\"id\":\"a\",\"function\":"
        "{\"name\":\"x\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}";
    for (qsizetype cut = 0; cut <= body.size(); ++cut) {
        ChatStream stream;
        QVERIFY(stream.add(body.first(cut)).ok());
        QVERIFY(stream.add(body.sliced(cut)).ok());
        QVERIFY(!stream.isComplete());
        QCOMPARE(*stream.finish(), QStringLiteral("שלום"));
        QVERIFY(stream.isComplete());
        QCOMPARE(stream.tools().size(), size_t(1));
    }
    ChatStream endless;
    QVERIFY(endless.add("{").ok());
    const auto tooLong = endless.add(QByteArray(2 * 1024 * 1024, ' '));
    QCOMPARE(tooLong.error().code, Error::Code::Invalid);
}

void TestChatStream::anErrorInTheMiddle_data()
{
    QTest::addColumn<QByteArray>("error");
    QTest::newRow("an object") << QByteArray("data: {\"error\":{\"message\":\"overloaded\"}}\n\n");
    QTest::newRow("words") << QByteArray("data: {\"error\":\"overloaded\"}\n\n");
    QTest::newRow("an event of its own") << QByteArray(
        "event: error\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n");
}

void TestChatStream::anErrorInTheMiddle()
{
    QFETCH(QByteArray, error);
    ChatStream stream;
    QCOMPARE(*addTo(stream, content("One") + error + content("two")), QStringLiteral("One"));
    QVERIFY(stream.error());
    QVERIFY(!stream.isComplete());
}

void TestChatStream::whatIsNoAnswer_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<bool>("readable");
    QTest::newRow("nothing") << QByteArray() << true;
    QTest::newRow("a page") << QByteArray("<html>\n\n<p>Bad gateway</p>\n\n") << true;
    QTest::newRow("an event that is no JSON") << QByteArray("data: {\"choices\"\n\n") << false;
    QTest::newRow("an event that is a list") << QByteArray("data: []\n\n") << false;
    QTest::newRow("half an object") << QByteArray("{\"choices\":[") << false;
    QTest::newRow("deep") << QByteArray("data: ") + QByteArray(10000, '[') + "\n\n" << false;
    QTest::newRow("other types") << QByteArray(
        "data: {\"choices\":{\"a\":1},\"error\":null}\n\n"
        "data: {\"choices\":[{\"delta\":[],\"finish_reason\":7}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":5,\"tool_calls\":{}}}]}\n\n")
                                 << true;
    QTest::newRow("an event without end") << QByteArray("data: ") + QByteArray(2 * 1024 * 1024, 'x') << false;
}

void TestChatStream::whatIsNoAnswer()
{
    QFETCH(QByteArray, body);
    QFETCH(bool, readable);
    ChatStream stream;
    const auto text = stream.add(body);
    const auto rest = stream.finish();
    QCOMPARE(text.ok() && rest.ok(), readable);
    if (readable)
        QCOMPARE(*text + *rest, QString());
    QVERIFY(!text.ok() || !rest.ok() || !stream.isComplete());
}

void TestChatStream::nothingAfterDone()
{
    ChatStream stream;
    QCOMPARE(*addTo(stream, content("One") + done + content("two") + "data: rubbish\n\n"), QStringLiteral("One"));
    QVERIFY(stream.isComplete());
}

void TestChatStream::anotherShapeOfContent()
{
    ChatStream stream;
    QCOMPARE(*addTo(stream,
                 piece("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"},{\"text\":\"b\"}]}")
                     + piece("{\"refusal\":\"I cannot.\"}") + piece("{\"reasoning_content\":\"hidden\"}")),
        QStringLiteral("abI cannot."));
}

QTEST_APPLESS_MAIN(TestChatStream)
#include "tst_chatstream.moc"
