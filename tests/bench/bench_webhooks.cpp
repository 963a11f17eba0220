// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliosignature.h"
#include "engine/webhooks/requestinspector.h"
#include "engine/webhooks/twiml.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace kav;
using namespace kav::telephony;
using namespace kav::webhooks;

// What a webhook costs beside its own work: its proof, its TwiML, and what somebody who proves nothing costs. In
// nanoseconds per operation: the least of several rounds, since whatever else the machine does can only add.
namespace {

volatile quint64 kept = 0; // results go here, or the compiler drops the work

template <typename Operation> void measure(const char* name, const Operation& operation)
{
    using namespace std::chrono;
    constexpr int Rounds = 9;
    double best = 1e18;
    quint64 sum = 0;
    for (int round = 0; round < Rounds; ++round) {
        int count = 0;
        const auto start = steady_clock::now();
        auto now = start;
        for (; now - start < 20ms; now = steady_clock::now()) {
            for (int i = 0; i < 16; ++i)
                sum += quint64(operation());
            count += 16;
        }
        best = std::min(best, duration<double, std::nano>(now - start).count() / count);
    }
    kept = kept + sum;
    std::printf("%-58s %9.0f ns\n", name, best);
}

FormBody incomingCall()
{
    FormBody form;
    const auto put = [&form](const char* name, const QString& value) { form.append(QString::fromLatin1(name), value); };
    put("CallSid", QStringLiteral("CA0123456789abcdef0123456789abcdef"));
    put("AccountSid", QStringLiteral("AC0123456789abcdef0123456789abcdef"));
    for (const char* name : {"From", "To", "Caller", "Called"})
        put(name, QStringLiteral("+972501234567"));
    put("CallerName", QStringLiteral("ישראל ישראלי"));
    for (const char* name : {"FromCity", "FromState", "FromZip", "ToCity", "ToState", "ToZip", "CallerCity",
             "CallerState", "CallerZip", "CalledCity", "CalledState", "CalledZip"})
        put(name, QString());
    for (const char* name : {"FromCountry", "ToCountry", "CallerCountry", "CalledCountry"})
        put(name, QStringLiteral("IL"));
    put("CallStatus", QStringLiteral("ringing"));
    put("Direction", QStringLiteral("inbound"));
    put("ApiVersion", QStringLiteral("2010-04-01"));
    return form;
}

} // namespace

int main()
{
    const QByteArray token = "kav_test_auth_token_0123456789ab";
    const QByteArray url = "https://kav.example.com/webhook/incoming_call";
    const QByteArray upgrade = "wss://kav.example.com/media/" + QByteArray(120, 'T');
    const FormBody form = incomingCall();
    const QByteArray body = form.encode();
    const QByteArray right = computeSignature(token, url, form.fields());
    const QByteArray rightUpgrade = computeSignature(token, upgrade);
    const QByteArray wrong = computeSignature("another", url);

    measure("form of 26 fields read", [&] { return FormBody::parse(body)->fields().size(); });
    measure("form of 26 fields, signature right",
        [&] { return verifySignature(token, url, form.fields(), right).accepted; });
    measure("form of 26 fields, signature wrong",
        [&] { return verifySignature(token, url, form.fields(), wrong).accepted; });
    measure("upgrade, signature right", [&] { return verifyUpgradeSignature(token, upgrade, rightUpgrade).accepted; });
    measure("upgrade, signature wrong", [&] { return verifyUpgradeSignature(token, upgrade, wrong).accepted; });
    measure("why a signature is wrong, for the log (at most 1 a second)",
        [&] { return explainMismatch(token, url, form.fields(), wrong, {"127.0.0.1:5000"}).size(); });

    // The inspector, from the head's arrival to the record in the ring; what the call log then does is its own.
    const SystemClock clock;
    net::HttpRequest request;
    request.method = "POST";
    request.target = request.path = "/webhook/incoming_call";
    request.headers = {{"host", "kav.example.com"}, {"user-agent", "TwilioProxy/1.1"}, {"x-twilio-signature", right}};
    request.body = body;
    request.peer = QHostAddress(QStringLiteral("203.0.113.7"));
    RequestInspector inspector({}, clock, {});
    const auto inspect = [&](const RequestFinding& finding, int status) {
        request.number += 1;
        request.arrived = clock.now();
        inspector.arrived(request, false);
        inspector.judged(request, finding);
        inspector.answered({request.number, status, 640, {}});
        return inspector.counters().kept;
    };
    RequestFinding finding{{SignatureState::Valid, QStringLiteral("as requested"), {}, {}, true}, {}, form, {}, {}};
    measure("inspector: a request of 26 fields that is kept", [&] { return inspect(finding, 200); });
    finding.signature.state = SignatureState::Wrong;
    measure("inspector: one of a flood of refused ones", [&] { return inspect(finding, 403); });
    inspector.arrived(request, false);
    const RequestRecord record = inspector.recent().first();
    measure("inspector: a record to the JSON of the call log", [&] { return requestToJson(record).size(); });

    const twiml::Say say{.text = QStringLiteral("אנו מתנצלים, אירעה תקלה. נא להתקשר שוב מאוחר יותר. להתראות."),
        .language = QStringLiteral("he-IL"),
        .voice = QStringLiteral("Google.he-IL-Wavenet-A")};
    const twiml::Connect connect{.stream = {.url = QString::fromLatin1(upgrade),
                                     .statusCallback = QString::fromLatin1(url),
                                     .parameters = {{QStringLiteral("from"), QStringLiteral("+972501234567")},
                                         {QStringLiteral("to"), QStringLiteral("+97231234567")},
                                         {QStringLiteral("direction"), QStringLiteral("inbound")},
                                         {QStringLiteral("language"), QStringLiteral("he-IL")}}},
        .action = QString::fromLatin1(url)};
    const twiml::Gather gather{.input = twiml::Gather::Input::KeysAndSpeech,
        .action = QString::fromLatin1(url),
        .language = QStringLiteral("he-IL"),
        .prompts = {say}};
    twiml::Say novel = say;
    novel.text = say.text.repeated(200);
    measure("TwiML of an incoming call: stream, apology, hang-up", [&] {
        return writeTwiml({connect, say, twiml::Hangup{}}).size();
    });
    measure("TwiML of a turn without a stream: gather with a line", [&] { return writeTwiml({gather}).size(); });
    measure("TwiML of 20 KB of speech, parted at sentences", [&] { return writeTwiml({novel}).size(); });
    return 0;
}
