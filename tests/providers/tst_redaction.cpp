// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/redaction.h"

#include <QTest>

using kav::providers::safeReason;

class TstRedaction final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void hidesWhatLooksLikeACredential_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("shown");
        QTest::newRow("plain words stay") << "connection refused by speech.example.com:443"
                                          << "connection refused by speech.example.com:443";
        QTest::newRow("bearer") << "sent Authorization: Bearer eyJhbGciOi.x.y ok"
                                << "sent Authorization: Bearer [redacted] ok";
        QTest::newRow("parameter") << "GET /v1?api_key=abc123&x=1"
                                   << "GET /v1?api_key=[redacted]&x=1";
        QTest::newRow("json") << R"({"private_key": "-- very secret --", "id": 1})"
                              << R"({"private_key": [redacted], "id": 1})";
        QTest::newRow("password in a URL") << "postgres://kav:s3cret@db/kav"
                                           << "postgres://[redacted]@db/kav";
        QTest::newRow("pem") << "bad -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- here"
                             << "bad [redacted] here";
        QTest::newRow("pem cut short") << "bad -----BEGIN PRIVATE KEY-----\nMIIE"
                                       << "bad [redacted]";
        QTest::newRow("long token") << "token was Zm9vYmFyYmF6MTIzNDU2Nzg5"
                                    << "token was [redacted]";
        QTest::newRow("known prefix") << "sk-abcdef123456 refused"
                                      << "[redacted] refused";
        QTest::newRow("a long word is no token") << "internationalization_of_identifiers"
                                                 << "internationalization_of_identifiers";
        QTest::newRow("control characters") << QStringLiteral("a\nb") << "a\\u000ab";
    }
    void hidesWhatLooksLikeACredential()
    {
        QFETCH(QString, text);
        QFETCH(QString, shown);
        QCOMPARE(safeReason(text), shown);
    }

    void hidesTheSecretsItIsTold()
    {
        QCOMPARE(safeReason(u"the word is open sesame, again open sesame", {QStringLiteral("open sesame")}),
            QStringLiteral("the word is [redacted], again [redacted]"));
        QCOMPARE(safeReason(u"a b", {QString(), QStringLiteral("a")}), QStringLiteral("a b"));
    }

    void isBoundedForHugeText()
    {
        const QString text(1'000'000, QLatin1Char('x'));
        QVERIFY(safeReason(text).size() <= 201);
    }
};

QTEST_GUILESS_MAIN(TstRedaction)
#include "tst_redaction.moc"
