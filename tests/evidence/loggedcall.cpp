// SPDX-License-Identifier: Apache-2.0
#include "tests/evidence/loggedcall.h"

#include "engine/media/wav.h"
#include "tests/support/syntheticvoice.h"

#include <QDir>

#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace kav::test {

namespace {

struct Words final {
    QString language, greeting, wish, answer, heard, number, thanks;
};

Words wordsIn(LoggedCall::Language language)
{
    if (language == LoggedCall::Language::Hebrew) {
        return {QStringLiteral("he-IL"), QStringLiteral("שלום, הגעתם לקו. במה אפשר לעזור?"),
            QStringLiteral("אני רוצה לקבוע תור לד״ר כהן"),
            QStringLiteral("בשמחה. התור הפנוי הקרוב הוא ביום שלישי בשעה 10:30."), QStringLiteral("בשמחה. התור הפנוי"),
            QStringLiteral("המספר שלי אפס חמש אפס אחת שתיים שלוש ארבע חמש שש שבע"),
            QStringLiteral("תודה, נחזור אליכם. להתראות!")};
    }
    return {QStringLiteral("en-US"), QStringLiteral("Hello, and thank you for calling. How can I help?"),
        QStringLiteral("I'd like to see Dr. Cohen"),
        QStringLiteral("Of course. The next free time is Tuesday at half past ten."),
        QStringLiteral("Of course. The next"), QStringLiteral("my number is five five five 123-4567"),
        QStringLiteral("Thank you, we will call you back. Goodbye!")};
}

LatencySpan span(LatencyPart part, int ms, const char* by)
{
    return {part, Milliseconds(ms), QLatin1String(by)};
}

} // namespace

QDateTime LoggedCall::at(qint64 ms)
{
    return QDateTime::fromMSecsSinceEpoch(1767225600000ll + ms, Qt::UTC);
}

void LoggedCall::event(const QString& token, qint64 ms, QJsonObject data)
{
    data.insert(QStringLiteral("token"), token);
    entries.append({calllog::Entry::Kind::Event, CallId, at(ms), data});
}

void LoggedCall::turn(const TurnRecord& record, qint64 ms)
{
    entries.append({calllog::Entry::Kind::Turn, CallId, at(ms), calllog::turnToJson(record)});
}

void LoggedCall::request(RequestRecord request, qint64 ms)
{
    request.id = QStringLiteral("run-%1").arg(entries.size(), 6, 10, QLatin1Char('0'));
    request.at = at(ms);
    request.call = CallId;
    entries.append({calllog::Entry::Kind::Request, CallId, request.at, requestToJson(request)});
}

void LoggedCall::started(QJsonObject more)
{
    more.insert(QStringLiteral("from"), QStringLiteral("+972•••••4567"));
    more.insert(QStringLiteral("to"), QStringLiteral("+972••••0100"));
    more.insert(QStringLiteral("direction"), QStringLiteral("inbound"));
    entries.append({calllog::Entry::Kind::CallStarted, CallId, at(0), more});
}

void LoggedCall::ended(qint64 ms, const QString& reason)
{
    entries.append({calllog::Entry::Kind::CallEnded, CallId, at(ms),
        {{QStringLiteral("reason"), reason}, {QStringLiteral("durationMs"), ms}, {QStringLiteral("turns"), 3},
            {QStringLiteral("facts"),
                QJsonObject{{QStringLiteral("callback_number"), QStringLiteral("5551234567")}}}}});
}

void LoggedCall::drop(const QString& token)
{
    entries.removeIf(
        [&token](const calllog::Entry& entry) { return entry.data.value(QLatin1String("token")).toString() == token; });
}

LoggedCall::LoggedCall(Language language)
{
    log.dataDir = path(QStringLiteral("data"));
    log.syncEvery = log.databaseEvery = Milliseconds(1);
    keep.recordingsDir = path(QStringLiteral("recordings"));
    keep.messagesDir = path(QStringLiteral("messages"));
    const Words words = wordsIn(language);

    RequestRecord webhook;
    webhook.method = QStringLiteral("POST");
    webhook.path = QStringLiteral("/webhook/incoming_call");
    webhook.peer = QStringLiteral("203.0.113.7");
    webhook.status = 200;
    webhook.signature = {SignatureState::Valid, QStringLiteral("as requested"), {}, {}, true};
    webhook.parameters = {{QStringLiteral("CallSid"), CallId},
        {QStringLiteral("From"), QStringLiteral("+972•••••4567")},
        {QStringLiteral("ApiVersion"), QStringLiteral("2010-04-01")}};
    webhook.headers = {{QStringLiteral("user-agent"), QStringLiteral("TwilioProxy/1.1")}};
    webhook.took = 1700us;
    request(webhook, -400);
    RequestRecord upgrade;
    upgrade.kind = RequestKind::Stream;
    upgrade.method = QStringLiteral("GET");
    upgrade.path = QStringLiteral("/media/(token)");
    upgrade.peer = webhook.peer;
    upgrade.status = 101;
    upgrade.signature = webhook.signature;
    upgrade.offered = upgrade.given = QStringLiteral("audio.twilio.com");
    upgrade.headers = {{QStringLiteral("user-agent"), QStringLiteral("Twilio.TmeWs/1.0")},
        {QStringLiteral("host"), QStringLiteral("kav.example")}};
    upgrade.end = ConnectionEnd{1000, false, QStringLiteral("call ended"), 600, 420, 130000, 90000, 12s};
    upgrade.took = 140us;
    request(upgrade, 0);
    RequestRecord status = webhook;
    status.path = QStringLiteral("/webhook/stream_status");
    status.status = 204;
    request(status, 15);

    started({{QStringLiteral("language"), words.language}, {QStringLiteral("recording"), QStringLiteral("engine")}});
    const auto state = [this](const char* from, const char* to, qint64 ms) {
        event(QStringLiteral("STATE"), ms,
            {{QStringLiteral("from"), QLatin1String(from)}, {QStringLiteral("to"), QLatin1String(to)}});
    };
    const auto number = [this](const char* token, qint64 ms, const char* key, qint64 value) {
        event(QLatin1String(token), ms, {{QLatin1String(key), value}});
    };
    event(QStringLiteral("RECORDING_START"), 5);
    event(QStringLiteral("WS_START"), 10, {{QStringLiteral("stream"), QStringLiteral("MZ00")}});
    state("listening", "thinking", 20);
    state("thinking", "speaking", 30);
    number("TTS_LEN_ms", 40, "ms", 2400);
    number("MEDIA_TX", 2500, "frames", 120);
    state("speaking", "listening", 2500);
    turn({1, TurnInput::Opening, {}, 0, words.greeting, words.greeting, false, false, {}}, 20);
    state("listening", "thinking", 4600);
    number("STT_FINAL", 4700, "chars", 25);
    number("EoU_ms", 4700, "ms", 400);
    state("thinking", "speaking", 5300);
    number("TTS_LEN_ms", 5310, "ms", 3000);
    number("MEDIA_TX", 6500, "frames", 60);
    event(QStringLiteral("BARGE_IN"), 6500,
        {{QStringLiteral("turn"), 2}, {QStringLiteral("by"), QStringLiteral("voice")}});
    state("speaking", "listening", 6500);
    turn({2, TurnInput::Voice, words.wish, 0.91, words.answer, words.heard, true, false,
             {{span(LatencyPart::EndOfUtterance, 400, "turn.end_of_utterance_min"),
                  span(LatencyPart::Recognition, 100, "google"), span(LatencyPart::FirstToken, 300, "openai"),
                  span(LatencyPart::FirstSentence, 150, "openai"), span(LatencyPart::FirstAudio, 120, "elevenlabs"),
                  span(LatencyPart::Playout, 30, "media.lead")},
                 1100ms}},
        3000);
    event(QStringLiteral("FAILOVER"), 8600,
        {{QStringLiteral("stage"), QStringLiteral("TTS")}, {QStringLiteral("from"), QStringLiteral("elevenlabs")},
            {QStringLiteral("to"), QStringLiteral("embedded")}, {QStringLiteral("reason"), QStringLiteral("timeout")},
            {QStringLiteral("ms"), 2000}});
    state("listening", "thinking", 8000);
    number("STT_FINAL", 8100, "chars", 36);
    number("EoU_ms", 8100, "ms", 450);
    state("thinking", "speaking", 10700);
    number("TTS_LEN_ms", 10710, "ms", 1000);
    number("MEDIA_TX", 11800, "frames", 50);
    turn({3, TurnInput::Voice, words.number, 0.8, words.thanks, words.thanks, false, false,
             {{span(LatencyPart::EndOfUtterance, 450, "turn.end_of_utterance_max"),
                  span(LatencyPart::Recognition, 120, "google"), span(LatencyPart::FirstSentence, 500, "openai"),
                  span(LatencyPart::FirstAudio, 2200, "embedded"), span(LatencyPart::Playout, 30, "media.lead")},
                 3300ms}},
        6600);
    state("speaking", "ended", 11900);
    number("PNG_PONG", 11950, "ms", 41);
    event(QStringLiteral("WS_STOP"), 11990, {{QStringLiteral("reason"), QStringLiteral("completed")}});
    ended(12000);
    status.path = QStringLiteral("/webhook/call_status");
    request(status, 12040);
}

void LoggedCall::record(bool isGrowing)
{
    QDir().mkpath(keep.recordingsDir);
    auto writer = media::WavWriter::create(
        QDir(keep.recordingsDir).filePath(CallId + (isGrowing ? QStringLiteral(".part.wav") : QStringLiteral(".wav"))),
        media::SampleRate, 2, media::WavWriter::Encoding::Mulaw);
    SyntheticVoice caller, agent;
    for (int ms = 0; ms < 12000; ms += 20) {
        const bool callerSpeaks = (ms > 3000 && ms < 4300) || (ms > 6300 && ms < 7600);
        const bool agentSpeaks = ms < 2500 || (ms > 5300 && ms < 6500) || ms > 10700;
        const QByteArray left = callerSpeaks ? caller.frame() : QByteArray(160, '\xff');
        const QByteArray right = agentSpeaks ? agent.frame() : QByteArray(160, '\xff');
        std::vector<quint8> both;
        for (qsizetype i = 0; i < left.size(); ++i) {
            both.push_back(quint8(left[i]));
            both.push_back(quint8(right[i]));
        }
        static_cast<void>((*writer)->writeMulaw(both).ok());
    }
    static_cast<void>((*writer)->close().ok());
}

bool LoggedCall::store()
{
    if (!calllog::migrate(log))
        return false;
    SystemClock clock;
    calllog::CallLog writer(log, clock);
    writer.start();
    for (const calllog::Entry& entry : std::as_const(entries))
        writer.append(entry);
    writer.stop();
    return writer.status().stored == quint64(entries.size());
}

Result<evidence::CallEvidence> LoggedCall::gather(const QString& callId) const
{
    const auto queries = calllog::Queries::open(log);
    if (!queries)
        return queries.error();
    return evidence::gather(**queries, keep, callId, at(20000));
}

evidence::CallEvidence LoggedCall::gathered() const
{
    return *gather();
}

} // namespace kav::test
