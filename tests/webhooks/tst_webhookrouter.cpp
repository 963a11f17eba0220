// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/webhookrouter.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QJsonObject>
#include <QLoggingCategory>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

/// A router with one route, which answers when the test says so.
struct Desk final {
    test::FakeClock clock;
    RequestGuard guard{{}, clock};
    std::vector<calllog::Entry> log;
    std::vector<Webhook> asked;
    std::vector<WebhookRouter::Reply> replies;
    std::optional<net::HttpResponse> atOnce;
    QList<int> statuses; ///< of the answers, in order; written until the router has gone
    std::optional<WebhookRouter> router;

    explicit Desk(WebhookRouter::Settings settings = {})
    {
        router.emplace(guard, clock, settings,
            WebhookRouter::Hooks{[this](const calllog::Entry& entry) {
                                     log.push_back(entry);
                                     return quint64(log.size());
                                 },
                {}});
        router->add({"/webhook/turn",
            [this](const Webhook& webhook, const WebhookRouter::Reply& reply) {
                asked.push_back(webhook);
                if (atOnce)
                    reply(*atOnce);
                else
                    replies.push_back(reply);
            },
            {u"Digits"_s}, {u"AccountSid"_s}});
    }
    void post(const QByteArray& path, QList<telephony::FormField> fields, const QByteArray& method = "POST")
    {
        net::HttpRequest request = test::twilioPost(path, method == "GET" ? QList<telephony::FormField>() : fields);
        request.method = method;
        if (const qsizetype mark = path.indexOf('?'); mark >= 0)
            request.query = path.mid(mark + 1);
        router->handle(request, net::Responder([this](const net::HttpResponse& answer) { statuses += answer.status; }));
    }
    void post(const QString& digits = {})
    {
        auto fields = test::callFields();
        if (!digits.isEmpty())
            fields.append({u"Digits"_s, digits});
        post("/webhook/turn", fields);
    }
};

} // namespace

class tst_WebhookRouter final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s); }
    void aLateAnswerReachesEveryDelivery();
    void aRouteThatForgetsItsReplyAnswers500();
    void aFailureIsNotRemembered();
    void aReplyCountsOnce();
    void aReplyMayOutliveTheRouter();
    void whatIsForgottenWhileItWaitsGets500();
    void getBringsItsFieldsInTheAddress();
    void postMayHaveKavsOwnFieldsInTheAddress();
    void aBrokenAddressIsNamed();
    void whatTheRouteNeedsMustBeThere();
};

void tst_WebhookRouter::aLateAnswerReachesEveryDelivery()
{
    Desk desk;
    desk.post();
    desk.post();
    QCOMPARE(desk.asked.size(), std::size_t(1));
    QCOMPARE(desk.statuses, QList<int>());
    desk.replies.at(0)(net::HttpResponse::empty());
    QCOMPARE(desk.statuses, (QList{204, 204}));
    // And the next one, which comes when the answer is known.
    desk.post();
    QCOMPARE(desk.statuses, (QList{204, 204, 204}));
    QCOMPARE(desk.router->counters().duplicates, quint64(2));
    QCOMPARE(desk.router->counters().served, quint64(1));
    // Other keys are other news.
    desk.post(u"1"_s);
    QCOMPARE(desk.asked.size(), std::size_t(2));
    // What was logged before there was an answer has no status.
    QVERIFY(!desk.log.at(0).data.contains(u"status"));
    QCOMPARE(desk.log.at(2).data.value(u"status"), QJsonValue(204));
    QVERIFY(desk.log.at(2).data.contains(u"duplicateOf"));
}

void tst_WebhookRouter::aRouteThatForgetsItsReplyAnswers500()
{
    Desk desk;
    desk.post();
    desk.replies.clear();
    QCOMPARE(desk.statuses, QList{500});
}

void tst_WebhookRouter::aFailureIsNotRemembered()
{
    Desk desk;
    desk.post();
    desk.replies.at(0)(net::HttpResponse::text(500, {}));
    desk.atOnce = net::HttpResponse::text(503, {});
    desk.post();
    desk.atOnce = net::HttpResponse::empty();
    desk.post();
    QCOMPARE(desk.statuses, (QList{500, 503, 204}));
    QCOMPARE(desk.asked.size(), std::size_t(3));
}

void tst_WebhookRouter::aReplyCountsOnce()
{
    Desk desk;
    desk.post();
    const auto reply = desk.replies.at(0);
    reply(net::HttpResponse::empty());
    reply(net::HttpResponse::text(500, {}));
    desk.post();
    QCOMPARE(desk.statuses, (QList{204, 204}));
}

void tst_WebhookRouter::aReplyMayOutliveTheRouter()
{
    Desk desk;
    desk.post();
    desk.router.reset();
    QCOMPARE(desk.statuses, QList{500});
    desk.replies.at(0)(net::HttpResponse::empty());
    QCOMPARE(desk.statuses, QList{500});
}

void tst_WebhookRouter::whatIsForgottenWhileItWaitsGets500()
{
    Desk desk({.duplicateMemory = 60s, .duplicateEntries = 2});
    desk.post(u"1"_s);
    desk.post(u"2"_s);
    desk.post(u"3"_s);
    QCOMPARE(desk.statuses, QList{500});
    desk.replies.at(0)(net::HttpResponse::empty());
    QCOMPARE(desk.statuses, QList{500});
    desk.replies.at(1)(net::HttpResponse::empty());
    QCOMPARE(desk.statuses, (QList{500, 204}));
    desk.clock.advance(61s);
    desk.post(u"4"_s);
    QCOMPARE(desk.statuses, (QList{500, 204, 500}));
}

void tst_WebhookRouter::getBringsItsFieldsInTheAddress()
{
    Desk desk;
    desk.atOnce = net::HttpResponse::empty();
    desk.post("/webhook/turn?CallSid=CA1&AccountSid=AC1&Digits=12", {}, "GET");
    QCOMPARE(desk.statuses, QList{204});
    QCOMPARE(desk.asked.at(0).callSid, u"CA1"_s);
    QCOMPARE(desk.asked.at(0).number(u"Digits"), std::optional(12));
    QVERIFY(desk.asked.at(0).query.fields().isEmpty());
}

void tst_WebhookRouter::postMayHaveKavsOwnFieldsInTheAddress()
{
    Desk desk;
    desk.atOnce = net::HttpResponse::empty();
    desk.post("/webhook/turn/?try=2&CallSid=CAforged", test::callFields(u"CA1"_s));
    QCOMPARE(desk.asked.at(0).callSid, u"CA1"_s);
    QCOMPARE(desk.asked.at(0).query.value(u"try"), u"2"_s);
    // Another address is other news.
    desk.post("/webhook/turn/?try=3", test::callFields(u"CA1"_s));
    QCOMPARE(desk.asked.size(), std::size_t(2));
}

void tst_WebhookRouter::aBrokenAddressIsNamed()
{
    Desk desk;
    desk.post("/webhook/turn?try=%zz", test::callFields());
    desk.post("/webhook/turn?CallSid=%zz", {}, "GET");
    desk.post("/webhook/turn", test::callFields(), "PUT");
    QCOMPARE(desk.statuses, (QList{400, 400, 405}));
    QVERIFY(desk.log.at(0).data.value(u"reason").toString().contains(u"try"_s));
}

void tst_WebhookRouter::whatTheRouteNeedsMustBeThere()
{
    Desk desk;
    desk.post("/webhook/turn", {{u"CallSid"_s, u"CA1"_s}});
    desk.post("/webhook/turn", {{u"AccountSid"_s, u"AC1"_s}});
    QCOMPARE(desk.statuses, (QList{400, 400}));
    QCOMPARE(desk.log.at(0).data.value(u"reason").toString(), u"AccountSid: missing"_s);
    QCOMPARE(desk.log.at(1).data.value(u"reason").toString(), u"CallSid: missing"_s);
}

QTEST_GUILESS_MAIN(tst_WebhookRouter)
#include "tst_webhookrouter.moc"
