// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/settings.h"
#include "engine/traces/tracebook.h"
#include "engine/traces/tracecontext.h"

#include <QSet>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::traces;

/// W3C Trace Context, the sampling, and the texts of the standard's variables.
class tst_TraceContext final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aTraceparentIsRead_data()
    {
        QTest::addColumn<QByteArray>("header");
        QTest::addColumn<bool>("isGood");
        QTest::addColumn<bool>("isSampled");
        const QByteArray ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        QTest::newRow("sampled") << QByteArray("00-" + ids + "-01") << true << true;
        QTest::newRow("not sampled") << QByteArray("00-" + ids + "-00") << true << false;
        QTest::newRow("other flags as well") << QByteArray("00-" + ids + "-03") << true << true;
        QTest::newRow("with blanks around it") << QByteArray(" 00-" + ids + "-01 ") << true << true;
        QTest::newRow("a later version with more") << QByteArray("cc-" + ids + "-01-what-comes") << true << true;
        QTest::newRow("a later version without") << QByteArray("cc-" + ids + "-01") << true << true;
        QTest::newRow("this version with more") << QByteArray("00-" + ids + "-01-what-comes") << false << false;
        QTest::newRow("a later version that runs on") << QByteArray("cc-" + ids + "-01.more") << false << false;
        QTest::newRow("the version that is none") << QByteArray("ff-" + ids + "-01") << false << false;
        QTest::newRow("upper case") << QByteArray("00-" + ids.toUpper() + "-01") << false << false;
        QTest::newRow("a trace of zeros")
            << QByteArray("00-" + QByteArray(32, '0') + "-00f067aa0ba902b7-01") << false << false;
        QTest::newRow("a span of zeros") << QByteArray("00-4bf92f3577b34da6a3ce929d0e0e4736-" + QByteArray(16, '0')
            + "-01") << false << false;
        QTest::newRow("too short") << QByteArray("00-" + ids + "-0") << false << false;
        QTest::newRow("no dash") << QByteArray("00_" + ids + "-01") << false << false;
        QTest::newRow("flags that are no number") << QByteArray("00-" + ids + "-0g") << false << false;
        QTest::newRow("empty") << QByteArray() << false << false;
    }
    void aTraceparentIsRead()
    {
        QFETCH(QByteArray, header);
        QFETCH(bool, isGood);
        QFETCH(bool, isSampled);
        const auto context = parseTraceParent(header);
        QCOMPARE(context.has_value(), isGood);
        if (!isGood)
            return;
        QCOMPARE(context->isSampled, isSampled);
        QCOMPARE(parseTraceParent(toTraceParent(*context)), context);
    }

    void theSameCallIsInTheSameTrace()
    {
        const TraceContext one = contextOfCall(u"CA1"_s);
        QCOMPARE(contextOfCall(u"CA1"_s), one);
        QVERIFY(contextOfCall(u"CA2"_s).traceId != one.traceId);
        QVERIFY(parseTraceParent(toTraceParent(one)));
        QVERIFY(newSpanId() != newSpanId());
        QCOMPARE(newSpanId().size(), 16);
    }

    void aPartOfTheCallsIsSampledAndAHigherRatioKeepsThem()
    {
        int quarter = 0, half = 0;
        for (int i = 0; i < 4000; ++i) {
            const QByteArray id = contextOfCall(QString::number(i)).traceId;
            QVERIFY(isSampledAt(1.0, id));
            QVERIFY(!isSampledAt(0.0, id));
            quarter += isSampledAt(0.25, id);
            half += isSampledAt(0.5, id);
            QVERIFY(!isSampledAt(0.25, id) || isSampledAt(0.5, id));
        }
        QVERIFY2(quarter > 850 && quarter < 1150, qPrintable(QString::number(quarter)));
        QVERIFY2(half > 1850 && half < 2150, qPrintable(QString::number(half)));
    }

    void theFirstRequestOfACallDecides()
    {
        const auto theirs = parseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        const QDateTime now = QDateTime::currentDateTimeUtc();
        TraceBook book(1.0);
        QVERIFY(book.traceOf(u"CA1"_s).root.isSampled);
        book.requested(u"CA1"_s, now, theirs);
        const CallTrace call = book.traceOf(u"CA1"_s);
        QCOMPARE(call.root.traceId, theirs->traceId);
        QCOMPARE(call.parent, theirs->spanId);
        QVERIFY(!call.root.isSampled); // as they decided
        book.requested(u"CA1"_s, now, std::nullopt);
        QCOMPARE(book.traceOf(u"CA1"_s).root.traceId, theirs->traceId);

        book.requested(u"CA2"_s, now, std::nullopt);
        book.requested(u"CA2"_s, now.addSecs(1), theirs);
        QCOMPARE(book.traceOf(u"CA2"_s).root.traceId, contextOfCall(u"CA2"_s).traceId);
        QCOMPARE(book.traceOf(u"CA2"_s).firstRequest, now);
    }

    void itForgetsTheOldestCalls()
    {
        const auto theirs = parseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        TraceBook book(1.0);
        for (int i = 0; i < 20000; ++i)
            book.requested(QString::number(i), {}, theirs);
        QCOMPARE(book.traceOf(u"0"_s).root.traceId, contextOfCall(u"0"_s).traceId);
        QCOMPARE(book.traceOf(u"19999"_s).root.traceId, theirs->traceId);
    }

    void textsOfVariablesAreRead()
    {
        QCOMPARE(parseHeaders(u"api-key=abc%20d=, x=y"_s),
            (QList<std::pair<QByteArray, QByteArray>>{{"api-key", "abc d="}, {"x", "y"}}));
        QCOMPARE(parseHeaders(QString())->size(), 0);
        for (const QString& bad : {u"novalue"_s, u"=x"_s, u"a=1,a=2"_s, u"a=%0d%0aEvil: yes"_s, u"a b=c"_s, u"é=1"_s})
            QVERIFY2(!parseHeaders(bad), qPrintable(bad));
        QCOMPARE(
            parsePairs({u"deployment.environment.name=prod"_s, u"city=Tel%20Aviv"_s})->last().second, u"Tel Aviv"_s);
        QCOMPARE(parseRatio(u"0.25"_s), 0.25);
        for (const QString& bad : {u"-0.1"_s, u"1.1"_s, u"nan"_s, u"half"_s, QString()})
            QVERIFY2(!parseRatio(bad), qPrintable(bad));
    }

    void aServiceIsNamedByItsVariableFirst()
    {
        Settings settings;
        settings.version = u"1"_s;
        QCOMPARE(std::get<QString>(resourceOf(settings).first().second), u"kav-engine"_s);
        settings.resource = {{u"service.name"_s, u"from the resource"_s}};
        QCOMPARE(std::get<QString>(resourceOf(settings).first().second), u"from the resource"_s);
        settings.serviceName = u"desk"_s;
        QCOMPARE(std::get<QString>(resourceOf(settings).first().second), u"desk"_s);
    }
};

QTEST_GUILESS_MAIN(tst_TraceContext)
#include "tst_tracecontext.moc"
