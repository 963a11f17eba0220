// SPDX-License-Identifier: Apache-2.0
#include "tests/console/views/benchdesk.h"

#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <QCoreApplication>
#include <QDir>

namespace kav::test {
namespace {

using namespace std::chrono_literals;

TranscriptTurn turn(int number, const QString& caller, const QString& agent, const QDateTime& at,
    std::optional<Milliseconds> total, TurnInput input = TurnInput::Voice)
{
    TranscriptTurn result;
    result.record.number = number;
    result.record.input = input;
    result.record.callerText = caller;
    result.record.agentText = agent;
    result.record.heardText = agent;
    result.record.confidence = 0.87;
    if (total) {
        Milliseconds rest = *total;
        const auto add = [&](LatencyPart part, Milliseconds length, const QString& owner) {
            length = std::min(length, rest);
            rest -= length;
            result.record.latency.spans.append({part, length, owner});
        };
        add(LatencyPart::EndOfUtterance, 480ms, QStringLiteral("turn.end_of_utterance_max"));
        add(LatencyPart::Recognition, *total / 12, QStringLiteral("google"));
        add(LatencyPart::FirstToken, *total / 8, QStringLiteral("openai"));
        add(LatencyPart::FirstSentence, *total / 16, QStringLiteral("openai"));
        add(LatencyPart::FirstAudio, *total / 9, QStringLiteral("elevenlabs"));
        add(LatencyPart::Playout, rest, QStringLiteral("media.lead"));
        result.record.latency.total = *total;
    }
    result.startedAt = at;
    result.open = false;
    result.callerTextFinal = true;
    return result;
}

} // namespace

BenchDesk::BenchDesk()
    : desk(QStringLiteral("kav-console test"), clock, [] { return 0.5; })
{
    QObject::connect(&desk.synchronizer(), &console::Synchronizer::send, &desk, [this](const QByteArray& text) {
        const auto message = protocol::decodeToEngine(text);
        if (!message)
            qFatal("the desk sent what is not the protocol");
        sent += *message;
    });
}

void BenchDesk::goLive(const protocol::Snapshot& snapshot)
{
    desk.synchronizer().lineUp();
    protocol::Welcome welcome;
    welcome.version = protocol::HighestVersion;
    welcome.features = {protocol::feature::Inspector, protocol::feature::CallLog, protocol::feature::TestCall, protocol::feature::Outbound, protocol::feature::Control,
        protocol::feature::Warm, protocol::feature::Replay};
    welcome.run = QStringLiteral("r1");
    welcome.engineVersion = QStringLiteral("0.1.0");
    welcome.engineName = QStringLiteral("kav-test");
    welcome.startedAt = at(3h);
    welcome.operatorName = QStringLiteral("Dana");
    say(welcome);
    protocol::Snapshot whole = snapshot;
    whole.seq = m_seq = 10;
    whole.at = at();
    say(whole);
    desk.liveCalls().flush();
}

void BenchDesk::goDown()
{
    desk.synchronizer().lineDown();
    desk.liveCalls().flush();
}

void BenchDesk::say(const protocol::ToConsole& message)
{
    desk.synchronizer().take(protocol::encode(message));
}

void BenchDesk::change(const QList<protocol::Change>& changes)
{
    protocol::Delta delta{m_seq, m_seq + changes.size(), at(), changes};
    m_seq = delta.to;
    say(delta);
    desk.liveCalls().flush();
}

QDateTime BenchDesk::at(Milliseconds ago) const
{
    return clock.wallNow().addMSecs(-ago.count());
}

CallSummary BenchDesk::call(const QString& id, CallState state, Milliseconds age, Milliseconds inState) const
{
    CallSummary call;
    call.id = id;
    call.from = QStringLiteral("+972 50 ••• 4567");
    call.to = QStringLiteral("+972 3 ••• 0100");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("he-IL");
    call.startedAt = at(age);
    call.state = state;
    call.stateSince = at(inState);
    call.turn = static_cast<int>(age / 12s);
    if (call.turn > 0)
        call.lastGap = 740ms;
    return call;
}

protocol::Snapshot BenchDesk::empty()
{
    protocol::Snapshot snapshot;
    snapshot.engine.ready = true;
    snapshot.engine.capacity = 40;
    snapshot.engine.consoles = 1;
    return snapshot;
}

protocol::Snapshot BenchDesk::busy() const
{
    protocol::Snapshot snapshot = empty();
    snapshot.engine.calls = 8;
    const auto service = [&](const char* id, const char* name, ServiceState state, const char* reason = "") {
        ServiceStatus status;
        status.id = QLatin1String(id);
        status.name = QLatin1String(name);
        status.state = state;
        status.reason = QLatin1String(reason);
        status.since = at(40min);
        status.checkedAt = at(4s);
        status.took = 1830ms;
        if (state == ServiceState::Failed)
            status.retryAt = at(-12s);
        return status;
    };
    snapshot.services = {service("stt", "pocketsphinx", ServiceState::Ready),
        service("llm", "rules", ServiceState::Ready),
        service("tts", "espeak", ServiceState::Degraded, "the second voice does not load"),
        service("store", "", ServiceState::Failed, "the disk is full"),
        service("media", "4 workers", ServiceState::Warming)};
    auto add = [&](int number, CallState state, Milliseconds age, Milliseconds inState) -> CallSummary& {
        CallSummary summary = call(QStringLiteral("CA%1").arg(number, 32, 16, QLatin1Char('0')), state, age, inState);
        summary.from = QStringLiteral("+972 5%1 ••• 45%2").arg(number % 10).arg(number + 10);
        snapshot.calls += summary;
        return snapshot.calls.last();
    };
    add(1, CallState::Speaking, 754s, 3s).interruptions = 2;
    add(2, CallState::Thinking, 310s, 9s).lastGap = 3420ms;
    add(3, CallState::CallerSpeaking, 207s, 6s);
    add(4, CallState::DecidingTurn, 92s, 1s);
    add(5, CallState::Thinking, 61s, 4s);
    CallSummary& test = add(6, CallState::Listening, 45s, 2s);
    test.test = true;
    test.from = QStringLiteral("loopback");
    add(7, CallState::Ringing, 2s, 2s).turn = 0;
    add(8, CallState::Interrupted, 130s, 1s);
    CallSummary& ended = add(9, CallState::Ended, 200s, 12s);
    ended.reason = EndReason::CallerHungUp;
    ended.endedAt = at(12s);
    return snapshot;
}

protocol::CallTranscript BenchDesk::conversation(const QString& callId, bool hebrew) const
{
    protocol::CallTranscript transcript;
    transcript.call = callId;
    transcript.seq = m_seq;
    const auto say = [&](const char* english, const char* inHebrew) {
        return hebrew ? QString::fromUtf8(inHebrew) : QString::fromUtf8(english);
    };
    QList<TranscriptTurn>& turns = transcript.turns;
    turns +=
        turn(1, {}, say("Good morning, this is the clinic. How can I help?", "בוקר טוב, הגעתם למרפאה. במה אפשר לעזור?"),
            at(120s), {}, TurnInput::Opening);
    turns += turn(2, say("I would like an appointment with Doctor Levi", "אני רוצה תור לדוקטור לוי"),
        say("Doctor Levi has time on Tuesday at 10:30 or on Thursday at 16:00. Which of them suits you better, or "
            "shall "
            "I look at next week?",
            "לדוקטור לוי יש זמן ביום שלישי ב-10:30 או ביום חמישי ב-16:00. מה מתאים לך יותר, או שאחפש בשבוע הבא?"),
        at(100s), 740ms);
    turns.last().record.interrupted = true;
    turns.last().record.heardText = turns.last().record.agentText.left(54);
    turns += turn(3, say("Thursday", "חמישי"),
        say("Thursday at 16:00. Please key in your identity number.", "יום חמישי ב-16:00. נא להקיש מספר זהות."),
        at(80s), 1310ms);
    turns += turn(4, QStringLiteral("031415926#"), say("Thank you. One moment, please.", "תודה. רגע בבקשה."), at(60s),
        3640ms, TurnInput::Keypad);
    turns.last().record.fallback = true;
    turns += turn(5, {}, say("Are you still there?", "האם אתם עדיין על הקו?"), at(40s), {}, TurnInput::Silence);
    turns +=
        turn(6, say("Yes. Can my mother come along? She is born in 1950", "כן. אפשר שאמא שלי תבוא? היא ילידת 1950"),
            say("Of course.", "כמובן."), at(22s), 6800ms);
    TranscriptTurn open = turn(7, say("and where do we", "ואיפה אנחנו"), {}, at(2s), {});
    open.open = true;
    open.callerTextFinal = false;
    turns += open;
    return transcript;
}

QImage screenshot(QWidget& widget, const QString& name)
{
    QCoreApplication::processEvents();
    const QImage image = widget.grab().toImage();
    QDir folder(QStringLiteral(KAV_BINARY_DIR "/screenshots"));
    folder.mkpath(QStringLiteral("."));
    if (!image.save(folder.filePath(QStringLiteral("views-%1.png").arg(name))))
        qFatal("the screenshot could not be stored");
    return image;
}

} // namespace kav::test
