// SPDX-License-Identifier: Apache-2.0
#include "engine/app/evidencecommand.h"
#include "tests/evidence/loggedcall.h"

#include <QFile>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

/// `kav-engine evidence`.
class TestEvidenceCommand final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void itsWordsAreTakenAndOthersLeft();
    void whatItNeedsIsAskedFor_data();
    void whatItNeedsIsAskedFor();
    void aPackIsMadeMaskedUnlessTold();
    void failuresAreExitStatus1();
};

void TestEvidenceCommand::itsWordsAreTakenAndOthersLeft()
{
    QStringList args{u"CA1"_s, u"--unmask"_s, u"--out"_s, u"x.zip"_s, u"--data-dir"_s, u"/d"_s};
    const auto query = app::takeEvidenceArguments(args);
    QVERIFY(query);
    QCOMPARE(query->callId, u"CA1"_s);
    QCOMPARE(query->out, u"x.zip"_s);
    QVERIFY(query->unmask);
    QCOMPARE(args, (QStringList{u"--data-dir"_s, u"/d"_s}));
}

void TestEvidenceCommand::whatItNeedsIsAskedFor_data()
{
    QTest::addColumn<QStringList>("args");
    QTest::newRow("nothing") << QStringList{};
    QTest::newRow("no place") << QStringList{u"CA1"_s};
    QTest::newRow("no call") << QStringList{u"--out"_s, u"x"_s};
    QTest::newRow("a place that is none") << QStringList{u"CA1"_s, u"--out"_s};
    QTest::newRow("an empty place") << QStringList{u"CA1"_s, u"--out"_s, u""_s};
    QTest::newRow("the call's word is a flag's value") << QStringList{u"--data-dir"_s, u"CA1"_s, u"--out"_s, u"x"_s};
}

void TestEvidenceCommand::whatItNeedsIsAskedFor()
{
    QFETCH(QStringList, args);
    const auto query = app::takeEvidenceArguments(args);
    QVERIFY(!query);
    QVERIFY(query.error().message.contains(u"--out"_s));
}

void TestEvidenceCommand::aPackIsMadeMaskedUnlessTold()
{
    LoggedCall call;
    QVERIFY(call.store());
    app::Config config;
    config.callLog = call.log;
    config.keep = call.keep;
    const auto jsonOf = [&](bool unmask) {
        const QString out = call.path(unmask ? u"clear"_s : u"masked"_s);
        if (app::runEvidenceCommand(config, {CallId, out, unmask}) != 0)
            return QByteArray();
        QFile file(out + u"/evidence.json"_s);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    };
    QVERIFY(jsonOf(false).contains("••••4567") && !jsonOf(false).contains("5551234567"));
    QVERIFY(jsonOf(true).contains("5551234567"));
}

void TestEvidenceCommand::failuresAreExitStatus1()
{
    LoggedCall call;
    QVERIFY(call.store());
    app::Config config;
    config.callLog = call.log;
    config.keep = call.keep;
    QCOMPARE(app::runEvidenceCommand(config, {u"CAnobody"_s, call.path(u"x"_s), false}), 1);
    QVERIFY(!QFile::exists(call.path(u"x"_s)));
    QCOMPARE(app::runEvidenceCommand(config, {CallId, u"/proc/x"_s, false}), 1);
    config.callLog.databaseUrl = u"off"_s;
    QCOMPARE(app::runEvidenceCommand(config, {CallId, call.path(u"x"_s), false}), 1);
}

QTEST_GUILESS_MAIN(TestEvidenceCommand)
#include "tst_evidencecommand.moc"
