// SPDX-License-Identifier: Apache-2.0
#include "engine/media/twiliomessage.h"
#include "engine/net/listener.h"
#include "engine/net/websocket.h"
#include "engine/telephony/loopbackcaller.h"
#include "engine/webhooks/callwebhooks.h"
#include "engine/webhooks/mediagate.h"

#include <QLoggingCategory>
#include <QSignalSpy>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;

namespace {

const SystemClock theClock;

/// An engine as far as the webhooks go: the real listener and gate, and a stream end that says goodbye at once.
struct Engine final {
    net::Listener listener{{}, theClock};
    net::WebSocketHost host{u"media"_s, {u"audio.twilio.com"_s}, {}, theClock};
    RequestGuard guard;
    StreamTokens tokens = StreamTokens::withRandomKey();
    std::vector<calllog::Entry> log;
    QStringList hooks;
    WebhookRouter router;
    CallWebhooks calls;
    MediaGate gate;
    media::TwilioParser parser;
    bool room = true;
    bool endsInOrder = true;
    QString startedCall, taggedCall;
    quint16 port = 0;

    explicit Engine(const QByteArray& authToken = {}, const QString& publicUrl = {})
        : guard({authToken, publicUrl.isEmpty() ? std::nullopt : std::optional(*PublicUrl::parse(publicUrl))}, theClock)
        , router(guard, theClock, {},
              {[this](const calllog::Entry& entry) {
                   log.push_back(entry);
                   return quint64(log.size());
               },
                  {}})
        , calls(router, tokens, theClock, {},
              {.hasRoom = [this] { return room; },
                  .streamStatus = [this](const StreamStatus& status) { hooks += status.event; },
                  .callStatus = [this](const CallStatus& status) { hooks += status.status; }})
        , gate(guard, tokens, theClock,
              {[this] { return &host; }, [this] { return room; }, {},
                  [this](const StreamClaims& claims) { calls.noteStreamAdmitted(claims.callSid); }})
    {
        listener.setHttpHandler([this](const net::HttpRequest& request, const net::Responder& responder) {
            if (WebhookRouter::owns(request))
                router.handle(request, responder);
            else
                responder.respond(net::HttpResponse::text(404, "not found\n"));
        });
        listener.setUpgradeHandler([this](const net::HttpRequest& request) { return gate.judge(request); });
        QObject::connect(&host, &net::WebSocketHost::connected, &listener, [this](net::WebSocket* socket) {
            taggedCall = StreamClaims::fromTag(socket->tag()).value_or(StreamClaims()).callSid;
            QObject::connect(socket, &net::WebSocket::textReceived, &listener, [this, socket](const QString& text) {
                const QByteArray utf8 = text.toUtf8();
                const auto message = parser.parse(utf8);
                if (message && std::holds_alternative<media::StartMessage>(*message)) {
                    startedCall = std::get<media::StartMessage>(*message).callSid;
                    calls.noteStreamEnded(startedCall, endsInOrder);
                    socket->close(1000, {});
                }
            });
        });
        const auto listening = listener.listen(QHostAddress::LocalHost, 0);
        port = listening ? *listening : quint16(0);
    }
};

struct Outcome final {
    telephony::CallOutcome call;
    QStringList lines;
};

Outcome callIn(const Engine& engine, const QByteArray& authToken = {}, const QUrl& publicUrl = {})
{
    telephony::CallSettings settings;
    settings.to = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(engine.port));
    settings.authToken = authToken;
    settings.publicUrl = publicUrl;
    settings.script = std::move(*telephony::parseScript(u"wait-end within 10s"_s));
    telephony::LoopbackCaller caller(settings, theClock);
    QSignalSpy finished(&caller, &telephony::LoopbackCaller::finished);
    caller.start();
    if (finished.isEmpty())
        finished.wait(15000);
    Outcome outcome{caller.outcome(), {}};
    for (const auto& event : caller.timeline().events()) {
        if (event.who == u"line")
            outcome.lines += event.what;
    }
    return outcome;
}

} // namespace

class tst_WebhookDialogue final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s); }
    void aLocalCallGoesThrough();
    void aSignedCallToAPublicEngineGoesThrough();
    void aCallerWithTheWrongTokenGetsNowhere();
    void aBrokenStreamEndsInAnApology();
    void aFullEngineAnswersBusy();
};

void tst_WebhookDialogue::aLocalCallGoesThrough()
{
    Engine engine;
    QVERIFY(engine.port);
    const Outcome outcome = callIn(engine);
    QVERIFY2(outcome.call.ok, qPrintable(outcome.call.reason));
    QCOMPARE(engine.startedCall, outcome.call.callSid);
    QCOMPARE(engine.taggedCall, outcome.call.callSid);
    QCOMPARE(outcome.call.failedCallbacks, 0);
    // Asked how to go on, the engine says: hang up, and no apology.
    QVERIFY(!outcome.lines.contains(u"say"_s));
    QVERIFY(outcome.lines.contains(u"hangup"_s));
    QVERIFY(engine.hooks.contains(u"stream-started"_s));
    QVERIFY(engine.hooks.contains(u"stream-stopped"_s));
    QCOMPARE(engine.hooks.last(), u"completed"_s);
    QCOMPARE(engine.log.size(), std::size_t(5));
    for (const auto& entry : engine.log)
        QCOMPARE(entry.callId, outcome.call.callSid);
}

void tst_WebhookDialogue::aSignedCallToAPublicEngineGoesThrough()
{
    Engine engine("secret", u"https://kav.example.com"_s);
    const Outcome outcome = callIn(engine, "secret", QUrl(u"https://kav.example.com"_s));
    QVERIFY2(outcome.call.ok, qPrintable(outcome.call.reason));
    QCOMPARE(outcome.call.failedCallbacks, 0);
    QCOMPARE(engine.gate.counters().admitted, quint64(1));
    QCOMPARE(engine.router.counters().refused, quint64(0));
}

void tst_WebhookDialogue::aCallerWithTheWrongTokenGetsNowhere()
{
    Engine engine("secret");
    for (const QByteArray& token : {QByteArray(), QByteArray("guess")}) {
        const Outcome outcome = callIn(engine, token);
        QVERIFY(!outcome.call.ok);
        QCOMPARE(outcome.call.reason, u"/webhook/incoming_call answered 403"_s);
    }
    QVERIFY(engine.hooks.isEmpty());
    QVERIFY(callIn(engine, "secret").call.ok);
}

void tst_WebhookDialogue::aBrokenStreamEndsInAnApology()
{
    Engine engine;
    engine.endsInOrder = false;
    const Outcome outcome = callIn(engine);
    QVERIFY(outcome.lines.contains(u"say"_s));
    QCOMPARE(outcome.lines.at(outcome.lines.indexOf(u"say"_s) + 1), u"hangup"_s);
}

void tst_WebhookDialogue::aFullEngineAnswersBusy()
{
    Engine engine;
    engine.room = false;
    const Outcome outcome = callIn(engine);
    QVERIFY(!outcome.call.ok);
    QCOMPARE(outcome.call.reason, u"the engine offered no stream"_s);
    QCOMPARE(outcome.lines.mid(1, 2), (QStringList{u"say"_s, u"hangup"_s}));
}

QTEST_GUILESS_MAIN(tst_WebhookDialogue)
#include "tst_webhookdialogue.moc"
