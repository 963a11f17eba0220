// SPDX-License-Identifier: Apache-2.0
#include "engine/media/base64.h"

#include <QByteArray>
#include <QString>
#include <QTest>

using namespace kav::media;

class TestBase64 final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void agreesWithQtForEveryLength();
    void refusesWhatIsNotStrict_data();
    void refusesWhatIsNotStrict();
    void emptyTextIsNoBytes();
};

void TestBase64::agreesWithQtForEveryLength()
{
    QByteArray bytes;
    for (int i = 0; i < 800; ++i) {
        const std::span view(
            reinterpret_cast<const quint8*>(bytes.constData()), static_cast<std::size_t>(bytes.size()));
        QString text(static_cast<qsizetype>(base64Length(view.size())), Qt::Uninitialized);
        auto* const start = reinterpret_cast<char16_t*>(text.data());
        QCOMPARE(encodeBase64(view, start) - start, text.size());
        QCOMPARE(text.toLatin1(), bytes.toBase64());

        std::vector<quint8> back;
        QVERIFY(decodeBase64(text.toStdString(), back));
        QVERIFY(std::equal(back.begin(), back.end(), view.begin(), view.end()));
        bytes.append(static_cast<char>(i * 37 + (i >> 3)));
    }
}

void TestBase64::refusesWhatIsNotStrict_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("one character") << QByteArray("Q");
    QTest::newRow("no padding") << QByteArray("QQ");
    QTest::newRow("too little padding") << QByteArray("QQ=");
    QTest::newRow("only padding") << QByteArray("====");
    QTest::newRow("three of padding") << QByteArray("Q===");
    QTest::newRow("padding in the middle") << QByteArray("QQ==QUJD");
    QTest::newRow("padding before a character") << QByteArray("QQ=A");
    QTest::newRow("a space") << QByteArray("QU JDQUI");
    QTest::newRow("a line feed at the end") << QByteArray("QUJD\n");
    QTest::newRow("the alphabet of URLs") << QByteArray("-_-_");
    QTest::newRow("a byte above 127") << QByteArray("QUJ\xC3");
    QTest::newRow("a NUL") << QByteArray("QUJ\0", 4);
    QTest::newRow("bits after one byte") << QByteArray("QR==");
    QTest::newRow("bits after two bytes") << QByteArray("QUJ=");
}

void TestBase64::refusesWhatIsNotStrict()
{
    QFETCH(QByteArray, text);
    std::vector<quint8> out;
    QVERIFY(!decodeBase64(text.toStdString(), out));
}

void TestBase64::emptyTextIsNoBytes()
{
    std::vector<quint8> out{1, 2, 3};
    QVERIFY(decodeBase64({}, out));
    QVERIFY(out.empty());
}

QTEST_APPLESS_MAIN(TestBase64)
#include "tst_base64.moc"
