// SPDX-License-Identifier: Apache-2.0
#include "tests/shared/protocolsamples.h"

namespace kav::test {

namespace {

using namespace kav::protocol;
using namespace std::chrono_literals;

/// Seconds after 2026-03-01 09:00 UTC.
QDateTime at(double seconds)
{
    return QDateTime::fromMSecsSinceEpoch(1'772'355'600'000 + qint64(seconds * 1000), Qt::UTC);
}

EngineStatus engineStatus()
{
    return {false, {QStringLiteral("draining"), QStringLiteral("full")}, true, 12, 12, 3,
        {QStringLiteral("default"), QStringLiteral("night")}, 12, at(1800)};
}

ServiceStatus failedService()
{
    return {QStringLiteral("stt"), QStringLiteral("pocketsphinx"), ServiceState::Failed,
        QStringLiteral("the model's folder is missing"), at(1), at(61), 1840ms, at(121)};
}

ServiceStatus providerService()
{
    ServiceStatus service = failedService();
    service.id = QStringLiteral("stt/deepgram");
    service.stage = QStringLiteral("stt");
    service.use = ServiceUse{41, 2, 180ms, 420ms, 910ms};
    return service;
}

ServiceStatus idleService()
{
    ServiceStatus service;
    service.id = QStringLiteral("llm");
    return service;
}

/// Ended, so that nothing is left out.
CallSummary endedCall()
{
    CallSummary call{QStringLiteral("CA5b1c"), QStringLiteral("+97250*****17"), QStringLiteral("+9723*****00"),
        QStringLiteral("inbound"), QStringLiteral("he-IL"), false, at(0), CallState::Ended, at(95.25), 4, 780ms, 1,
        EndReason::CallerHungUp, at(95.25)};
    call.recording = QStringLiteral("engine");
    return call;
}

/// One that was to be placed, and could not be.
CallSummary unplacedCall()
{
    CallSummary call = endedCall();
    call.id = call.placed = QStringLiteral("OUT00c0ffee00c0ffee");
    call.direction = QStringLiteral("outbound-api");
    call.reason = EndReason::Failed;
    call.recording.clear();
    call.problem = QStringLiteral("api.twilio.com answered 400: the number is not verified (21219)");
    return call;
}

CallSummary liveCall()
{
    CallSummary call;
    call.id = QStringLiteral("CA77aa");
    call.from = QStringLiteral("anonymous");
    call.to = QStringLiteral("+9723*****00");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("en-US");
    call.test = true;
    call.startedAt = at(90);
    call.state = CallState::CallerSpeaking;
    call.stateSince = at(94.5);
    return call;
}

TranscriptTurn closedTurn()
{
    return {{1, TurnInput::Voice, QStringLiteral("אני רוצה לקבוע תור \"דחוף\""), 0.75,
                QStringLiteral("Of course.\nFor which day?"), QStringLiteral("Of course."), true, false,
                {{{LatencyPart::EndOfUtterance, 420ms, QStringLiteral("turn.end_of_utterance_max")},
                     {LatencyPart::Recognition, 130ms, QStringLiteral("deepgram")},
                     {LatencyPart::FirstToken, 160ms, QStringLiteral("openai")},
                     {LatencyPart::FirstSentence, 100ms, QStringLiteral("openai")},
                     {LatencyPart::FirstAudio, 85ms, QStringLiteral("elevenlabs")},
                     {LatencyPart::Playout, 5ms, QStringLiteral("media.lead")}},
                    900ms, true, 480125us}},
        at(10.5), false, true};
}

TranscriptTurn openTurn()
{
    TranscriptTurn turn;
    turn.record.number = 2;
    turn.record.input = TurnInput::Keypad;
    turn.record.callerText = QStringLiteral("4#");
    turn.startedAt = at(20);
    return turn;
}

CallLogRow logRow()
{
    return {QStringLiteral("CA5b1c"), QStringLiteral("+97250*****17"), QStringLiteral("+9723*****00"),
        QStringLiteral("inbound"), QStringLiteral("he-IL"), true, at(0), at(95.25), EndReason::OperatorEnded, 95250ms,
        4};
}

CallLogRow liveRow()
{
    CallLogRow row = logRow();
    row.id = QStringLiteral("CA77aa");
    row.endedAt = {};
    row.reason = EndReason::None;
    row.duration = 0ms;
    row.turns = 0;
    return row;
}

RequestRecord refusedWebhook()
{
    return {QStringLiteral("mkx1-0000000007"), at(1.5), RequestKind::Webhook, QStringLiteral("POST"),
        QStringLiteral("/webhook/incoming_call"),
        {{QStringLiteral("From"), QStringLiteral("+97250*****17")}, {QStringLiteral("?leg"), QStringLiteral("2")}},
        {{QStringLiteral("host"), QStringLiteral("kav.example.com")}}, QStringLiteral("203.0.113.7"),
        {SignatureState::Wrong, QStringLiteral("scheme"), QStringLiteral("http://kav.example.com/webhook/incoming_call"),
            QStringLiteral("https://kav.example.com/webhook/incoming_call"), true},
        {}, {}, 403, QStringLiteral("the signature does not match"), 812, 140, 950us, {}, {}, {}, 12};
}

/// With all that a webhook has not.
RequestRecord endedStream()
{
    return {QStringLiteral("mkx1-0000000008"), at(2), RequestKind::Stream, QStringLiteral("GET"),
        QStringLiteral("/media/(token)"), {}, {}, QStringLiteral("203.0.113.7"),
        {SignatureState::Valid, QStringLiteral("with a trailing slash"), {}, {}, true},
        QStringLiteral("audio.twilio.com"), QStringLiteral("audio.twilio.com"), 101, {}, 700, 166, 410us, at(1),
        QStringLiteral("CA5b1c"),
        ConnectionEnd{1006, true, QStringLiteral("connection lost"), 4700, 4400, 1'500'000, 1'400'000, 94000ms}, 0};
}

CallTranscript transcript()
{
    return {QStringLiteral("CA5b1c"), 1041, 1, {closedTurn(), openTurn()}};
}

ToConsole delta(Change change)
{
    return Delta{1041, 1042, at(96), {std::move(change)}};
}

ToConsole reply(CommandResult result)
{
    return Reply{7, std::move(result)};
}

} // namespace

QList<ProtocolSample> protocolSamples()
{
    const QString call = QStringLiteral("CA5b1c");
    const auto toEngine = [](const char* golden, ToEngine message) {
        return ProtocolSample{QLatin1String(golden), std::move(message)};
    };
    const auto toConsole = [](const char* golden, ToConsole message) {
        return ProtocolSample{QLatin1String(golden), std::move(message)};
    };
    return {
        toEngine("hello",
            Hello{1, 1, {QStringLiteral("call-log"), QStringLiteral("replay")}, QStringLiteral("kav-console 0.1.0"),
                QStringLiteral("an-invented-token"), QStringLiteral("Dana"), Resume{QStringLiteral("f3a9c1"), 1041},
                {call}}),
        toEngine("ping", Ping{3}),
        toEngine("resync", Resync{}),
        toEngine("watch-call", WatchCall{7, call}),
        toEngine("unwatch-call", UnwatchCall{8, call}),
        toEngine("interrupt-call", InterruptCall{9, call}),
        toEngine("end-call", EndCall{10, call, true}),
        toEngine("transfer-call", TransferCall{15, call, QStringLiteral("sales")}),
        toEngine("start-test-call",
            StartTestCall{11, {QStringLiteral("Hello."), QStringLiteral("I want an appointment.")},
                QByteArray("RIFF\0\xff", 6), QStringLiteral("12#")}),
        toEngine("place-call",
            PlaceCall{15, QStringLiteral("+972501234567"), QStringLiteral("+97231234567"), QStringLiteral("night"),
                Detection::AwaitBeep}),
        toEngine("query-log", QueryLog{12, QStringLiteral("appointment"), QStringLiteral("1772355600000:CA5b1c"), 100}),
        toEngine("query-call", QueryCall{13, call}),
        toEngine("warm-service", WarmService{14, QStringLiteral("stt")}),
        toEngine("query-requests",
            QueryRequests{15, QStringLiteral("incoming"), call, QStringLiteral("webhook"), true,
                QStringLiteral("2026-03-01T09:00:02.000Z|mkx1-0000000008"), 200}),
        toEngine("watch-requests", WatchRequests{16}),
        toEngine("unwatch-requests", UnwatchRequests{17}),
        toEngine("make-evidence", MakeEvidence{18, call, true, true}),
        toEngine("query-evidence", QueryEvidence{19, QStringLiteral("e3-7c1f")}),
        toEngine("read-evidence",
            ReadEvidence{20, QStringLiteral("e3-7c1f"), QStringLiteral("kav-evidence-CA5b1c.zip"), 196608}),
        toEngine("drop-evidence", DropEvidence{21, QStringLiteral("e3-7c1f")}),

        toConsole("welcome",
            Welcome{1, {QStringLiteral("call-log"), QStringLiteral("control")}, QStringLiteral("f3a9c1"),
                QStringLiteral("0.1.0"), QStringLiteral("0a1b2c3"), QStringLiteral("desk-1"), at(-3600),
                QStringLiteral("Dana"), 5000ms, true}),
        toConsole("refusal", Refusal{ErrorCode::Version, QStringLiteral("this engine speaks version 2 to 3"), 2, 3}),
        toConsole("snapshot",
            Snapshot{1041, at(95.5), engineStatus(), {providerService(), idleService()}, {endedCall(), liveCall()},
                {transcript()}}),
        toConsole("delta-engine", delta(EngineChange{engineStatus()})),
        toConsole("delta-service", delta(ServiceChange{providerService()})),
        toConsole("delta-call", delta(CallChange{endedCall()})),
        toConsole("delta-call-placed", delta(CallChange{unplacedCall()})),
        toConsole("delta-call-gone", delta(CallGone{call})),
        toConsole("delta-turn", delta(TurnChange{call, closedTurn()})),
        toConsole("delta-log", delta(LogChange{logRow()})),
        toConsole("heartbeat", Heartbeat{1042, at(101)}),
        toConsole("pong", Pong{3, at(101.5)}),
        toConsole("reply-done", reply(std::monostate{})),
        toConsole("reply-transcript", reply(transcript())),
        toConsole("reply-log-page", reply(LogPage{{liveRow(), logRow()}, QStringLiteral("1772355600000:CA5b1c")})),
        toConsole("reply-call-detail",
            reply(CallDetail{logRow(), {closedTurn()},
                {{at(0), QStringLiteral("WS_START"),
                     {{QStringLiteral("stream"), QStringLiteral("MZ1")}, {QStringLiteral("tracks"), 1}}},
                    {at(95.25), QStringLiteral("WS_STOP"), {}}}})),
        toConsole("reply-test-call", reply(TestCallStarted{QStringLiteral("CAtest1")})),
        toConsole("reply-request-page",
            reply(RequestPage{
                {endedStream(), refusedWebhook()}, QStringLiteral("2026-03-01T09:00:01.500Z|mkx1-0000000007")})),
        toConsole("requests", Requests{{refusedWebhook(), endedStream()}, true}),
        toConsole("reply-call-placed", reply(CallPlaced{QStringLiteral("OUT00c0ffee00c0ffee")})),
        toConsole("reply-evidence-pack",
            reply(EvidencePack{QStringLiteral("e3-7c1f"), call, true,
                {{QStringLiteral("kav-evidence-CA5b1c.zip"), 431872,
                    QStringLiteral("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")}},
                {QStringLiteral("recording.wav: the call was not recorded")}})),
        toConsole("reply-evidence-part",
            reply(EvidencePart{QStringLiteral("e3-7c1f"), QStringLiteral("kav-evidence-CA5b1c.zip"), 196608,
                QByteArray("PK\x03\x04", 4)})),
        toConsole(
            "reply-error", Reply{7, CommandError{ErrorCode::NoSuchCall, QStringLiteral("no live call has this id")}}),
    };
}

} // namespace kav::test
