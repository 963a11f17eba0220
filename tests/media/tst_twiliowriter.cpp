// SPDX-License-Identifier: Apache-2.0
#include "engine/media/twiliomessage.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace kav::media;

namespace {

QJsonObject parsed(const QString& text)
{
    QJsonParseError error;
    const auto document = QJsonDocument::fromJson(text.toUtf8(), &error);
    return error.error == QJsonParseError::NoError ? document.object() : QJsonObject();
}

QJsonObject withSid(const char* event, const QString& streamSid)
{
    return {{QStringLiteral("event"), QLatin1String(event)}, {QStringLiteral("streamSid"), streamSid}};
}

} // namespace

class TestTwilioWriter final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void exactlyTheFieldsTwilioKnows();
    void aFrameIsOneMessageAfterTheOther();
    void namesAreEscaped_data();
    void namesAreEscaped();
    void aKeptMessageIsNotOverwritten();
};

void TestTwilioWriter::exactlyTheFieldsTwilioKnows()
{
    TwilioWriter writer(QStringLiteral("MZ0123"));
    const std::vector<quint8> audio{0xff, 0x7f, 0x00};

    QJsonObject media = withSid("media", QStringLiteral("MZ0123"));
    media[QStringLiteral("media")] = QJsonObject{{QStringLiteral("payload"), QStringLiteral("/38A")}};
    QCOMPARE(parsed(writer.media(audio)), media);

    QJsonObject mark = withSid("mark", QStringLiteral("MZ0123"));
    mark[QStringLiteral("mark")] = QJsonObject{{QStringLiteral("name"), QStringLiteral("g1.s0")}};
    QCOMPARE(parsed(writer.mark(u"g1.s0")), mark);

    QCOMPARE(parsed(writer.clear()), withSid("clear", QStringLiteral("MZ0123")));
}

void TestTwilioWriter::aFrameIsOneMessageAfterTheOther()
{
    TwilioWriter writer(QStringLiteral("MZ1"));
    for (const std::size_t size : {160u, 4u, 0u, 8000u, 161u}) {
        std::vector<quint8> audio(size);
        for (std::size_t i = 0; i < size; ++i)
            audio[i] = static_cast<quint8>(i * 7 + size);
        const QByteArray bytes(reinterpret_cast<const char*>(audio.data()), static_cast<qsizetype>(size));
        QJsonObject expected = withSid("media", QStringLiteral("MZ1"));
        expected[QStringLiteral("media")] =
            QJsonObject{{QStringLiteral("payload"), QString::fromLatin1(bytes.toBase64())}};
        QCOMPARE(parsed(writer.media(audio)), expected);
        QCOMPARE(parsed(writer.clear()), withSid("clear", QStringLiteral("MZ1")));
    }
}

void TestTwilioWriter::namesAreEscaped_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("expected");
    const auto same = [](const char* tag, const QString& name) { QTest::newRow(tag) << name << name; };
    same("quotation mark", QStringLiteral("a\"b"));
    same("one that would end the message", QStringLiteral("\"}}"));
    same("backslash", QStringLiteral("a\\nb\\"));
    same("control characters", QString(QChar(0)) + QStringLiteral("\n\t\x1f"));
    same("Hebrew", QStringLiteral("שלום"));
    same("outside the first plane", QStringLiteral("\U0001F4DE"));
    same("empty", QString());
    QTest::newRow("half a pair") << QString(QChar(0xd83d)) + QLatin1Char('x') << QStringLiteral("\uFFFDx");
    QTest::newRow("the other half") << QString(QChar(0xdcde)) << QStringLiteral("\uFFFD");
}

void TestTwilioWriter::namesAreEscaped()
{
    QFETCH(QString, name);
    QFETCH(QString, expected);
    TwilioWriter writer(name);
    const QJsonObject mark = parsed(writer.mark(name));
    QCOMPARE(mark[QLatin1String("mark")][QLatin1String("name")].toString(), expected);
    QCOMPARE(mark[QLatin1String("streamSid")].toString(), expected);
    QCOMPARE(parsed(writer.clear())[QLatin1String("streamSid")].toString(), expected);
    QCOMPARE(parsed(writer.media({}))[QLatin1String("streamSid")].toString(), expected);
}

void TestTwilioWriter::aKeptMessageIsNotOverwritten()
{
    TwilioWriter writer(QStringLiteral("MZ1"));
    const std::vector<quint8> first(160, 1), second(160, 2);
    const QString kept = writer.media(first);
    const QString copy(kept.constData(), kept.size());
    writer.media(second);
    QCOMPARE(kept, copy);
}

QTEST_APPLESS_MAIN(TestTwilioWriter)
#include "tst_twiliowriter.moc"
