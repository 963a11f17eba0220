// SPDX-License-Identifier: Apache-2.0
#include "engine/session/toolrunner.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendorserver.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using session::argumentsProblem;
using session::ToolOutcome;
using session::ToolRunner;

namespace {

const QJsonObject DateSchema{{u"type"_s, u"object"_s},
    {u"properties"_s, QJsonObject{{u"date"_s, QJsonObject{{u"type"_s, u"string"_s}}}}},
    {u"required"_s, QJsonArray{u"date"_s}}};
const QJsonObject Monday{{u"date"_s, u"monday"_s}};

} // namespace

/// "The model calls this, and is told that."
class TstToolRunner final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_server = std::make_unique<VendorServer>();
        m_clock = std::make_unique<FakeClock>();
        m_http = std::make_unique<providers::HttpPool>(*m_clock);
        m_persona = {};
        m_persona.tools = {u"end_call"_s, u"transfer"_s, u"take_message"_s, u"send_dtmf"_s};
        m_persona.transferTargets = {{u"sales"_s, u"+15551230008"_s}, {u"front desk"_s, u"+15551230009"_s}};
        m_persona.httpTools = {
            {u"price"_s, u"The price."_s, DateSchema, m_server->url(u"/price?v=1"_s).toString(), 5s, true}};
        m_outcomes.clear();
        m_wanted.clear();
        makeRunner();
    }
    void cleanup()
    {
        m_runner.reset();
        m_http.reset();
    }

    // ---- built-in tools ----
    void theBuiltInOnesAreAskedOfTheSession()
    {
        run(u"end_call"_s);
        run(u"take_message"_s);
        run(u"transfer"_s, {{u"to"_s, u"front desk"_s}});
        run(u"send_dtmf"_s, {{u"digits"_s, u"12 3-4,#"_s}});
        QCOMPARE(m_wanted.join(u' '), u"end message +15551230009 keys:1234w#"_s); // at once
        QVERIFY(m_outcomes.isEmpty()); // the results never come from inside
        QTRY_COMPARE(m_outcomes.size(), 4);
        for (const ToolOutcome& outcome : m_outcomes) {
            QVERIFY(outcome.ok);
            QVERIFY(!outcome.result.value(u"status"_s).toString().isEmpty());
        }
        QCOMPARE(m_outcomes[2].id, u"id3"_s);
        // The number of whom a call is passed on to is not the model's business.
        QVERIFY(!QJsonDocument(m_outcomes[2].result).toJson().contains("555"));
    }

    void whoIsMeantByATransferIsFound_data()
    {
        QTest::addColumn<QString>("to");
        QTest::addColumn<QString>("number");
        QTest::newRow("nobody named") << QString() << u"+15551230008"_s;
        QTest::newRow("by name") << u"Front Desk"_s << u"+15551230009"_s;
        QTest::newRow("within other words") << u"the Sales department"_s << u"+15551230008"_s;
        QTest::newRow("by number") << u"+15551230009"_s << u"+15551230009"_s;
        QTest::newRow("a stranger") << u"the mayor"_s << QString();
        QTest::newRow("a stranger's number") << u"+19001234567"_s << QString();
    }
    void whoIsMeantByATransferIsFound()
    {
        QFETCH(QString, to);
        QFETCH(QString, number);
        run(u"transfer"_s, {{u"to"_s, to}});
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(m_wanted.join(u' '), number);
        if (number.isEmpty())
            QCOMPARE(error(), u"there is nobody of that name; calls can be passed on to: sales, front desk"_s);
    }

    void keysThatAreNoneAreRefused()
    {
        for (const QString& digits : {QString(), u"12x"_s, QString(33, u'1'), u"- "_s})
            run(u"send_dtmf"_s, {{u"digits"_s, digits}});
        QTRY_COMPARE(m_outcomes.size(), 4);
        QVERIFY(m_wanted.isEmpty());
        for (const ToolOutcome& outcome : m_outcomes)
            QCOMPARE(outcome.result.value(u"error"_s).toString(),
                u"digits must be 1 to 32 of 0-9, *, #, A-D, and w to wait"_s);
    }

    void whatThePersonaDoesNotOfferIsNoTool()
    {
        m_persona.tools = {u"end_call"_s};
        makeRunner();
        run(u"transfer"_s);
        run(u"format_disk"_s);
        QTRY_COMPARE(m_outcomes.size(), 2);
        QVERIFY(m_wanted.isEmpty());
        QCOMPARE(m_outcomes[0].result.value(u"error"_s).toString(), u"there is no such tool"_s);
        QCOMPARE(m_outcomes[1].result.value(u"error"_s).toString(), u"there is no such tool"_s);
        QVERIFY(!m_outcomes[1].ok);
    }

    void aModelThatLoopsIsStopped()
    {
        for (int i = 0; i < 17; ++i)
            run(u"send_dtmf"_s, {{u"digits"_s, u"1"_s}});
        QTRY_COMPARE(m_outcomes.size(), 17);
        QCOMPARE(m_wanted.size(), 16);
        QCOMPARE(error(), u"too many tools in one turn; answer with what you have"_s);
        m_turn = 2;
        run(u"send_dtmf"_s, {{u"digits"_s, u"1"_s}});
        QTRY_COMPARE(m_outcomes.size(), 18);
        QVERIFY(m_outcomes.last().ok);
    }

    // ---- HTTP tools ----
    void aReferenceToTheCallersKeysBecomesTheKeys()
    {
        m_server->handler = [](VendorExchange& exchange) { exchange.answer(200, "application/json", "{}"); };
        m_runner->setSecrets({u"1973"_s});
        run(u"price"_s, {{u"date"_s, u"keys:1"_s}});
        QTRY_COMPARE(m_outcomes.size(), 1);
        const QJsonObject posted = QJsonDocument::fromJson(m_server->exchanges.first()->body).object();
        QCOMPARE(posted.value(u"date"_s).toString(), u"1973"_s);
        run(u"price"_s, {{u"date"_s, u"keys:2"_s}}); // there is no second
        QTRY_COMPARE(m_outcomes.size(), 2);
        QCOMPARE(QJsonDocument::fromJson(m_server->exchanges[1]->body).object().value(u"date"_s).toString(), u"keys:2"_s);
    }

    void argumentsArePostedAndTheAnswerGoesToTheModel()
    {
        m_server->handler = [this](VendorExchange& exchange) {
            m_clock->advance(120ms);
            exchange.answer(200, "application/json", R"({"price": 80})");
        };
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        const VendorExchange& request = *m_server->exchanges.first();
        QCOMPARE(request.method, QByteArray("POST"));
        QCOMPARE(request.path, QByteArray("/price"));
        QCOMPARE(request.query, QByteArray("v=1"));
        QCOMPARE(request.header("content-type"), QByteArray("application/json"));
        QCOMPARE(QJsonDocument::fromJson(request.body).object(), Monday);
        QVERIFY(m_outcomes[0].ok);
        QCOMPARE(m_outcomes[0].result.value(u"price"_s).toInt(), 80);
        QCOMPARE(m_outcomes[0].took, Milliseconds(120));
        QVERIFY(m_outcomes[0].reason.isEmpty());
    }

    void anAnswerMayBeAnything_data()
    {
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<QByteArray>("result");
        QTest::newRow("a list") << QByteArray("[1,2]") << QByteArray(R"({"result":[1,2]})");
        QTest::newRow("text") << QByteArray("sold out \n") << QByteArray(R"({"result":"sold out"})");
        QTest::newRow("Hebrew") << QByteArray("אזל") << QByteArray(R"({"result":"אזל"})");
        QTest::newRow("nothing") << QByteArray() << QByteArray(R"({"status":"done"})");
        QTest::newRow("as long as may be")
            << QByteArray(16 * 1024, 'a') << QByteArray("{\"result\":\"" + QByteArray(16 * 1024, 'a') + "\"}");
        QTest::newRow("a picture") << QByteArray("\x89PNG\xff\xfe", 6)
                                   << QByteArray(R"({"error":"its answer is no text"})");
        QTest::newRow("too long") << QByteArray(16 * 1024 + 1, 'a')
                                  << QByteArray(R"({"error":"it refused the request, or its answer is too long"})");
    }
    void anAnswerMayBeAnything()
    {
        QFETCH(QByteArray, body);
        QFETCH(QByteArray, result);
        m_server->handler = [body](VendorExchange& exchange) { exchange.answer(200, "x/y", body); };
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(QJsonDocument(m_outcomes[0].result).toJson(QJsonDocument::Compact), result);
        QCOMPARE(m_outcomes[0].ok, !result.contains("error"));
    }

    void aFaultIsAnErrorThatAModelCanTell_data()
    {
        QTest::addColumn<int>("status");
        QTest::addColumn<QString>("told");
        QTest::newRow("404") << 404 << u"it found nothing"_s;
        QTest::newRow("400") << 400 << u"it refused the request, or its answer is too long"_s;
        QTest::newRow("500") << 500 << u"it cannot be reached just now"_s;
        QTest::newRow("a redirect") << 302 << u"it cannot be reached just now"_s;
        QTest::newRow("a reset") << 0 << u"it cannot be reached just now"_s;
    }
    void aFaultIsAnErrorThatAModelCanTell()
    {
        QFETCH(int, status);
        QFETCH(QString, told);
        m_server->handler = [status](VendorExchange& exchange) {
            if (status == 0)
                exchange.reset();
            else
                exchange.answer(status, "text/plain", "secret words", {{"Location", "http://127.0.0.1:1/"}});
        };
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), told);
        QVERIFY(!m_outcomes[0].ok);
        QVERIFY(!m_outcomes[0].reason.isEmpty());
        QVERIFY(!m_outcomes[0].reason.contains(u"monday"_s));
        QCOMPARE(m_server->exchanges.size(), 1); // a redirect is not followed, a fault not asked again
    }

    void aToolThatHangsHasItsTimeAndNoMore()
    {
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_server->exchanges.size(), 1);
        m_clock->advance(4900ms);
        QTest::qWait(60);
        QVERIFY(m_outcomes.isEmpty());
        m_clock->advance(200ms);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), u"it did not answer in time"_s);
    }

    void whatIsNotInTheSchemaIsNotSent()
    {
        run(u"price"_s);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), u"the argument 'date' is missing"_s);
        QCOMPARE(m_server->connections, 0);
    }

    void aPrivateAddressIsRefusedUnlessAllowed()
    {
        m_persona.httpTools[0].allowPrivate = false;
        makeRunner();
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), u"it refused the request"_s);
        QVERIFY2(m_outcomes[0].reason.contains(u"private address"_s), qPrintable(m_outcomes[0].reason));
        QCOMPARE(m_server->connections, 0);
    }

    void soManyAtOnceAndNoMore()
    {
        for (int i = 0; i < 5; ++i)
            run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), u"too many tools at once"_s);
        QTRY_COMPARE(m_server->exchanges.size(), 4);
        for (VendorExchange* exchange : m_server->exchanges)
            exchange->answer(200, "text/plain", "80");
        QTRY_COMPARE(m_outcomes.size(), 5);
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_server->exchanges.size(), 5); // there is room again
    }

    void whoGoesAwayIsToldNothing()
    {
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_server->exchanges.size(), 1);
        run(u"end_call"_s);
        m_runner.reset();
        QTRY_VERIFY(m_server->exchanges.first()->isGone());
        QVERIFY(m_outcomes.isEmpty());
    }

    void withoutHttpSuchAToolFails()
    {
        m_runner = std::make_unique<ToolRunner>(std::make_shared<providers::Persona>(m_persona), nullptr, *m_clock);
        listen();
        run(u"price"_s, Monday);
        QTRY_COMPARE(m_outcomes.size(), 1);
        QCOMPARE(error(), u"it cannot be reached just now"_s);
    }

    // ---- arguments ----
    void argumentsAreHeldAgainstTheSchema_data()
    {
        QTest::addColumn<QByteArray>("schema");
        QTest::addColumn<QByteArray>("arguments");
        QTest::addColumn<QString>("problem");
        const auto row = [](const char* name, const char* property, const char* value, const char* problem) {
            QTest::newRow(name) << QByteArray(QByteArray(R"({"properties":{"a":)") + property + "}}")
                                << QByteArray(QByteArray(R"({"a":)") + value + "}") << QString::fromUtf8(problem);
        };
        row("a text", R"({"type":"string"})", R"("x")", "");
        row("no text", R"({"type":"string"})", "5", "the argument 'a' is no string");
        row("a number", R"({"type":"number"})", "5.5", "");
        row("whole", R"({"type":"integer"})", "5.0", "");
        row("not whole", R"({"type":"integer"})", "5.5", "the argument 'a' is no integer");
        row("a number as text", R"({"type":"number"})", R"("5")", "the argument 'a' is no number");
        row("true", R"({"type":"boolean"})", "true", "");
        row("no truth", R"({"type":"boolean"})", "1", "the argument 'a' is no boolean");
        row("a list", R"({"type":"array"})", "[1]", "");
        row("no list", R"({"type":"array"})", "{}", "the argument 'a' is no array");
        row("one of two types", R"({"type":["string","null"]})", "null", "");
        row("none of two types", R"({"type":["string","null"]})", "1", "the argument 'a' is no string or null");
        row("a choice", R"({"enum":["x","y"]})", R"("y")", "");
        row("no choice", R"({"enum":["x","y"]})", R"("z")", "the argument 'a' is none of x, y");
        row("anything", "{}", "[{}]", "");
        QTest::newRow("more than the schema knows") << QByteArray("{}") << QByteArray(R"({"b":1})") << QString();
        QTest::newRow("more than the schema lets") << QByteArray(R"({"additionalProperties":false})")
                                                   << QByteArray(R"({"b":1})") << u"there is no argument 'b'"_s;
    }
    void argumentsAreHeldAgainstTheSchema()
    {
        QFETCH(QByteArray, schema);
        QFETCH(QByteArray, arguments);
        QFETCH(QString, problem);
        QVERIFY(QJsonDocument::fromJson(schema).isObject());
        QVERIFY(QJsonDocument::fromJson(arguments).isObject());
        QCOMPARE(
            argumentsProblem(QJsonDocument::fromJson(schema).object(), QJsonDocument::fromJson(arguments).object()),
            problem);
    }

private:
    void makeRunner()
    {
        m_runner =
            std::make_unique<ToolRunner>(std::make_shared<providers::Persona>(m_persona), m_http.get(), *m_clock);
        listen();
    }
    void listen()
    {
        ToolRunner* runner = m_runner.get();
        connect(runner, &ToolRunner::finished, this, [this](const ToolOutcome& outcome) { m_outcomes += outcome; });
        connect(runner, &ToolRunner::endCallWanted, this, [this] { m_wanted += u"end"_s; });
        connect(runner, &ToolRunner::messageWanted, this, [this] { m_wanted += u"message"_s; });
        connect(runner, &ToolRunner::transferWanted, this,
            [this](const providers::TransferTarget& target, const QString& summary) {
                m_wanted += target.number + (summary.isEmpty() ? QString() : u':' + summary);
            });
        connect(runner, &ToolRunner::keysWanted, this, [this](const QString& keys) { m_wanted += u"keys:"_s + keys; });
    }
    void run(const QString& name, const QJsonObject& arguments = {})
    {
        m_runner->run(m_turn, {u"id%1"_s.arg(++m_id), name, arguments});
    }
    QString error() const { return m_outcomes.last().result.value(u"error"_s).toString(); }

    std::unique_ptr<VendorServer> m_server;
    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<providers::HttpPool> m_http;
    providers::Persona m_persona;
    std::unique_ptr<ToolRunner> m_runner;
    QList<ToolOutcome> m_outcomes;
    QStringList m_wanted;
    int m_turn = 1, m_id = 0;
};

QTEST_GUILESS_MAIN(TstToolRunner)
#include "tst_toolrunner.moc"
