// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/requestinspector.h"
#include "engine/webhooks/webhookrouter.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QJsonDocument>
#include <QLoggingCategory>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

constexpr char Secret[] = "kav_marked_secret_token_01234567";
constexpr char StreamToken[] = "marked.stream.token.QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo";

/// The door: requests come, are judged, and answered, as the Listener, the router and the gate do it.
struct Door final {
    test::FakeClock clock;
    QList<calllog::Entry> logged;
    QList<RequestRecord> told;
    RequestInspector inspector;
    quint64 number = 0;

    explicit Door(RequestInspector::Settings settings = {})
        : inspector(settings, clock,
            {[this](const calllog::Entry& entry) { logged += entry; },
                [this](const RequestRecord& request) { told += request; }})
    {
    }
    quint64 comes(net::HttpRequest request, bool isUpgrade, const RequestFinding& finding, int status,
        const QByteArray& subprotocol = {})
    {
        request.number = ++number;
        request.arrived = clock.now();
        request.bytes = 100 + request.body.size();
        inspector.arrived(request, isUpgrade);
        inspector.judged(request, finding);
        inspector.answered({request.number, status, 64, subprotocol});
        return request.number;
    }
    /// All that was kept and said.
    QString everything() const
    {
        QString all;
        for (const RequestRecord& request : told)
            all += QString::fromUtf8(QJsonDocument(requestToJson(request)).toJson());
        for (const calllog::Entry& entry : logged)
            all += QString::fromUtf8(QJsonDocument(entry.data).toJson());
        return all;
    }
};

RequestFinding proven(const QString& call = u"CA1"_s)
{
    return {{SignatureState::Valid, u"as requested"_s, {}, {}, true}, {}, {}, {}, call};
}

RequestFinding unproven()
{
    return {{SignatureState::Missing, {}, {}, {}, true}, u"X-Twilio-Signature is missing"_s, {}, {}, {}};
}

} // namespace

/// What is kept of the requests, and what is not.
class tst_RequestInspector final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s); }

    void aWebhookIsKeptWithItsVerdictAndTimes()
    {
        Door door;
        auto request = test::twilioPost("/webhook/incoming_call?leg=2", test::callFields());
        request.query = "leg=2";
        request.headers.emplaceBack("user-agent", "TwilioProxy/1.1");
        request.headers.emplaceBack("x-forwarded-for", "203.0.113.7");
        request.number = 7;
        request.arrived = door.clock.now();
        request.bytes = 812;
        door.inspector.arrived(request, false);
        RequestFinding finding = proven();
        finding.form = *telephony::FormBody::parse(request.body);
        door.inspector.judged(request, finding);
        QCOMPARE(door.inspector.recent().size(), 0); // an answer may come late
        door.clock.advance(12ms);
        door.inspector.answered({7, 200, 640, {}});

        QCOMPARE(door.told.size(), 1);
        const RequestRecord& kept = door.told.first();
        QCOMPARE(kept.kind, RequestKind::Webhook);
        QCOMPARE(kept.path, u"/webhook/incoming_call"_s);
        QCOMPARE(kept.status, 200);
        QCOMPARE(kept.took, 12ms);
        QCOMPARE(kept.at, door.clock.wallNow().addMSecs(-12)); // when it came, not when it was answered
        QCOMPARE(kept.bytesIn, 812);
        QCOMPARE(kept.bytesOut, 640);
        QCOMPARE(kept.call, u"CA1"_s);
        QCOMPARE(kept.signature.state, SignatureState::Valid);
        QVERIFY(kept.parameters.contains({u"CallStatus"_s, u"ringing"_s}));
        QVERIFY(kept.parameters.contains({u"?leg"_s, u"2"_s}));
        QVERIFY(kept.headers.contains({u"x-forwarded-for"_s, u"203.0.113.7"_s}));
        QVERIFY(kept.headers.contains({u"user-agent"_s, u"TwilioProxy/1.1"_s}));
        QCOMPARE(door.logged.size(), 1);
        QCOMPARE(door.logged.first().kind, calllog::Entry::Kind::Request);
        QCOMPARE(door.logged.first().callId, u"CA1"_s);
        QCOMPARE(requestFromJson(door.logged.first().data), kept);
    }

    void aStreamsEndIsAddedToIt()
    {
        Door door;
        auto upgrade = test::upgradeRequest(QByteArray("/media/") + StreamToken);
        upgrade.headers.emplaceBack("sec-websocket-protocol", "audio.twilio.com");
        const quint64 number = door.comes(upgrade, true, proven(), 101, "audio.twilio.com");
        QCOMPARE(door.told.last().offered, u"audio.twilio.com"_s);
        QCOMPARE(door.told.last().given, u"audio.twilio.com"_s);
        QVERIFY(!door.told.last().end);
        const net::SocketEnd end{number, 1000, true, u"bye"_s, 50, 40, 9000, 8000, 94s};
        door.inspector.ended(end);
        door.inspector.ended(end); // once
        QCOMPARE(door.told.size(), 2);
        QCOMPARE(door.told.last().id, door.told.first().id);
        QCOMPARE(door.told.last().end, (ConnectionEnd{1000, true, u"bye"_s, 50, 40, 9000, 8000, 94s}));
        QCOMPARE(door.inspector.recent(), QList<RequestRecord>{door.told.last()});
        QCOMPARE(requestFromJson(door.logged.last().data), door.told.last());
        door.inspector.ended({99, 1006, true, {}, 0, 0, 0, 0, 0s}); // of nothing that is known
        QCOMPARE(door.told.size(), 2);
    }

    void aFloodIsCountedAndPushesNothingOut()
    {
        Door door;
        for (int i = 0; i < 10; ++i)
            door.comes(test::twilioPost("/webhook/call_status", test::callFields()), false, proven(), 204);
        for (int i = 0; i < 10'000; ++i) {
            door.comes(test::upgradeRequest("/media/bogus"), true, unproven(), 403);
            door.clock.advance(6ms); // a minute of it
        }
        const auto recent = door.inspector.recent();
        QCOMPARE(std::count_if(
                     recent.cbegin(), recent.cend(), [](const RequestRecord& request) { return !request.isRefused(); }),
            10);
        QVERIFY2(recent.size() <= 10 + 64, qPrintable(QString::number(recent.size())));
        QVERIFY2(door.logged.size() < 10 + 20 + 62, qPrintable(QString::number(door.logged.size())));
        QCOMPARE(door.inspector.counters().kept + door.inspector.counters().notKept, 10'010u);
        // Each one that is kept says how many before it are not.
        int spoken = 0;
        for (const RequestRecord& request : std::as_const(door.told))
            spoken += request.notKept;
        QVERIFY2(spoken > 9'700, qPrintable(QString::number(spoken)));
    }

    void consolesCannotFloodItEither()
    {
        Door door;
        for (int i = 0; i < 1'000; ++i)
            door.comes(test::upgradeRequest("/console"), true, {}, 101, "kav.console");
        QCOMPARE(door.inspector.recent().size(), 20);
        QCOMPARE(door.inspector.recent().first().kind, RequestKind::Console);
    }

    void aRingIsBoundedInNumberAndInBytes()
    {
        Door door;
        for (int i = 0; i < 600; ++i)
            door.comes(test::twilioPost("/webhook/call_status", test::callFields()), false, proven(), 204);
        QCOMPARE(door.inspector.recent().size(), 512);
        RequestInspector::Settings few;
        few.bytes = 20'000;
        Door small(few);
        RequestFinding wide = proven();
        QList<telephony::FormField> fields;
        for (int i = 0; i < 200; ++i)
            fields.append({u"Name%1"_s.arg(i), QString(5000, u'x')});
        wide.form = telephony::FormBody(fields);
        for (int i = 0; i < 10; ++i)
            small.comes(test::twilioPost("/webhook/call_status", {}), false, wide, 204);
        QVERIFY(small.inspector.recent().size() < 2);
        QCOMPARE(small.told.first().parameters.size(), 64);
        QVERIFY(small.told.first().parameters.first().value.size() < 250);
        QVERIFY(small.told.first().parameters.first().value.endsWith(u"(5000 characters)"_s));
    }

    void nothingSecretIsKept()
    {
        Door door;
        auto fields = test::callFields();
        fields.append({u"Digits"_s, u"987654321"_s});
        fields.append({u"SpeechResult"_s, u"my card is marked"_s});
        fields.append({u"AuthToken"_s, QString::fromLatin1(Secret)});
        fields.append({u"SipHeader"_s, u"sip:+972501234567@host"_s});
        auto webhook = test::twilioPost("/webhook/x", fields);
        webhook.query = QByteArray("token=") + Secret + "&to=%2B972501234567";
        webhook.headers.emplaceBack("x-twilio-signature", "marked+signature+AAAA=");
        webhook.headers.emplaceBack("i-twilio-idempotency-token", "marked-idempotency");
        webhook.headers.emplaceBack("authorization", QByteArray("Bearer ") + Secret);
        RequestFinding finding = proven();
        finding.form = *telephony::FormBody::parse(webhook.body);
        door.comes(webhook, false, finding, 200);
        const QByteArray token(StreamToken);
        for (const QByteArray& path :
            QList<QByteArray>{"/media/" + token, "/media/" + token + '/', "/MEDIA/" + token, "//media/" + token})
            door.comes(test::upgradeRequest(path), true, unproven(), 403);
        const QString all = door.everything();
        for (const QString& secret :
            {QString::fromLatin1(Secret), QString::fromLatin1(StreamToken), u"marked+signature"_s,
                u"marked-idempotency"_s, u"972501234567"_s, u"987654321"_s, u"my card is marked"_s, u"Bearer"_s})
            QVERIFY2(!all.contains(secret), qPrintable(secret));
        QVERIFY(all.contains(u"/media/(token)"_s));
        QVERIFY(all.contains(u"(present)"_s));
    }

    void pagesAreKeptWhereThatIsWished()
    {
        const auto page = [](const QByteArray& path) {
            auto request = test::upgradeRequest(path);
            request.headers.clear();
            return request;
        };
        Door without;
        without.comes(page("/metrics"), false, {}, 200);
        QCOMPARE(without.told.size(), 0);
        RequestInspector::Settings settings;
        settings.pages = true;
        Door with(settings);
        with.comes(page("/healthz"), false, {}, 200);
        QCOMPARE(with.told.size(), 0);
        with.comes(page("/metrics"), false, {}, 200);
        QCOMPARE(with.told.size(), 1);
        QCOMPARE(with.told.first().kind, RequestKind::Page);
    }

    void aClientThatWentIsKeptAsSuch()
    {
        Door door;
        door.comes(test::twilioPost("/webhook/x", {}), false, proven(), 0);
        QCOMPARE(door.told.first().status, 0);
        QVERIFY(!door.told.first().isRefused());
        door.inspector.answered({1, 200, 1, {}}); // nobody is there
        QCOMPARE(door.told.size(), 1);
    }

    void filtersFindWhatIsSought()
    {
        RequestRecord request;
        request.kind = RequestKind::Stream;
        request.call = u"CA1"_s;
        request.status = 403;
        request.path = u"/media/(token)"_s;
        request.parameters = {{u"CallStatus"_s, u"Ringing"_s}};
        QVERIFY(RequestFilter().matches(request));
        QVERIFY((RequestFilter{u"ringing"_s, u"CA1"_s, RequestKind::Stream, true}.matches(request)));
        QVERIFY(!(RequestFilter{u"nowhere"_s, {}, {}, false}.matches(request)));
        QVERIFY(!(RequestFilter{{}, u"CA2"_s, {}, false}.matches(request)));
        QVERIFY(!(RequestFilter{{}, {}, RequestKind::Webhook, false}.matches(request)));
        request.status = 200;
        QVERIFY(!(RequestFilter{{}, {}, {}, true}.matches(request)));
    }
};

QTEST_GUILESS_MAIN(tst_RequestInspector)
#include "tst_requestinspector.moc"
