// SPDX-License-Identifier: Apache-2.0
#include "engine/app/settings.h"

#include "shared/core/masking.h"

#include <QRegularExpression>
#include <QUrl>

#include <limits>

namespace kav::app {
namespace {

constexpr qint64 Second = 1000, Minute = 60 * Second, Hour = 60 * Minute, Day = 24 * Hour;
constexpr qint64 KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

Setting row(const char* key, Kind kind, Member member, const char* help)
{
    Setting setting;
    setting.key = QString::fromLatin1(key);
    setting.kind = kind;
    setting.member = member;
    setting.help = QString::fromLatin1(help);
    return setting;
}
Setting number(const char* key, Member member, qint64 min, qint64 max, const char* help)
{
    Setting setting = row(key, Kind::Int, member, help);
    setting.min = min;
    setting.max = max;
    return setting;
}
Setting duration(const char* key, Member member, qint64 min, qint64 max, const char* help)
{
    Setting setting = row(key, Kind::Duration, member, help);
    setting.min = min;
    setting.max = max;
    return setting;
}
Setting size(const char* key, Member member, qint64 min, qint64 max, const char* help)
{
    Setting setting = row(key, Kind::Size, member, help);
    setting.min = min;
    setting.max = max;
    return setting;
}
Setting secret(const char* key, Member member, const char* customary, const char* help)
{
    Setting setting = row(key, Kind::Text, member, help);
    setting.secret = true;
    if (*customary)
        setting.customary += QString::fromLatin1(customary);
    return setting;
}
/// One more variable.
Setting also(Setting setting, const char* customary)
{
    setting.customary += QString::fromLatin1(customary);
    return setting;
}
/// What no log shows.
Setting hidden(Setting setting)
{
    setting.secret = true;
    return setting;
}
Setting named(Setting setting, const char* name, const char* customary = "")
{
    setting.name = QString::fromLatin1(name);
    if (*customary)
        setting.customary += QString::fromLatin1(customary);
    return setting;
}
Setting defaulting(Setting setting, const char* words)
{
    setting.defaultText = QString::fromLatin1(words);
    return setting;
}
Setting listing(Setting setting, const char* stage)
{
    setting.help += providersFor(QString::fromLatin1(stage)).join(QLatin1String(", "));
    return defaulting(std::move(setting), "those with a key, then embedded");
}
Setting choosing(Setting setting, const char* choices)
{
    setting.choices = QString::fromLatin1(choices).split(QLatin1Char(' '));
    return setting;
}

// Two lines a setting: where it lives, then its limits, its help and its names.
// clang-format off
QList<Setting> makeTable()
{
    using C = Config;
    QList<Setting> table {
        named(number("server.port", [](C& c) -> int& { return c.port; },
            0, 65535, "port of everything: HTTP, media streams; 0 takes a free one"), "port", "PORT"),
        named(row("server.address", Kind::Address, [](C& c) -> QHostAddress& { return c.address; },
            "address to listen on; 0.0.0.0 and :: mean all"), "address"),
        named(row("server.public_url", Kind::Url, [](C& c) -> QString& { return c.publicUrl; },
            "how Twilio reaches this engine: https://host[:port][/prefix]; http for loopback hosts only"), "public-url"),
        named(row("server.deploy_id", Kind::Text, [](C& c) -> QString& { return c.deployId; },
            "shown by GET /version"), "deploy-id", "DEPLOY_ID"),
        named(defaulting(row("server.data_dir", Kind::Path, [](C& c) -> QString& { return c.dataDir; },
            "journal, database and recordings"), "$STATE_DIRECTORY, else $XDG_DATA_HOME/kav, else ~/.local/share/kav"), "data-dir"),
        named(number("server.media_workers", [](C& c) -> int& { return c.mediaWorkers; },
            0, 256, "threads that carry calls; 0: one less than the cores, at least one"), "media-workers"),
        named(number("server.speech_threads", [](C& c) -> int& { return c.speechThreads; },
            0, 256, "threads of local recognition and synthesis; 0: as many as cores"), "speech-threads"),
        named(number("server.capacity", [](C& c) -> int& { return c.capacity; },
            0, 100000, "live calls at most; 0: 400 for each media worker"), "capacity"),
        named(duration("server.drain", [](C& c) -> Milliseconds& { return c.drain; },
            0, Day, "how long live calls may go on after SIGTERM"), "drain"),
        named(choosing(row("server.log_level", Kind::Choice, [](C& c) -> QString& { return c.logLevel; },
            "least severe messages that are logged"), "debug info warning error"), "log-level"),
        named(row("server.log_rules", Kind::List, [](C& c) -> QStringList& { return c.logRules; },
            "Qt logging rules, e.g. kav.turn.debug=true"), "log-rules"),
        named(choosing(row("log.format", Kind::Choice, [](C& c) -> QString& { return c.logFormat; },
            "how lines are written; auto: journald where standard error is the journal, human on a terminal, else json"),
            "auto human json journald"), "log-format"),

        secret("twilio.auth_token", [](C& c) -> QString& { return c.twilioAuthToken; },
            "TWILIO_AUTH_TOKEN", "proves that requests are Twilio's; without it only loopback peers are served"),
        named(row("twilio.account_sid", Kind::Text, [](C& c) -> QString& { return c.twilioAccountSid; },
            "the account whose calls are taken; empty: any"), "twilio-account-sid", "TWILIO_ACCOUNT_SID"),
        named(row("twilio.api_key_sid", Kind::Text, [](C& c) -> QString& { return c.rest.apiKeySid; },
            "SK...: signs in to Twilio's REST service, with its secret, instead of the auth token"), "twilio-api-key-sid", "TWILIO_API_KEY_SID"),
        secret("twilio.api_key_secret", [](C& c) -> QByteArray& { return c.rest.apiKeySecret; },
            "TWILIO_API_KEY_SECRET", "of twilio.api_key_sid"),
        row("twilio.api_url", Kind::Service, [](C& c) -> QString& { return c.rest.apiUrl; },
            "another address than Twilio's own for its REST service; region and edge then count for nothing"),
        named(row("twilio.region", Kind::Text, [](C& c) -> QString& { return c.rest.region; },
            "where the account's calls are carried, e.g. ie1; credentials are a region's own"), "twilio-region", "TWILIO_REGION"),
        named(row("twilio.edge", Kind::Text, [](C& c) -> QString& { return c.rest.edge; },
            "where Twilio's network is entered, e.g. frankfurt"), "twilio-edge", "TWILIO_EDGE"),
        hidden(row("twilio.number", Kind::List, [](C& c) -> QStringList& { return c.twilioNumbers; },
            "the account's numbers, like +97231234567; calls go out from the first")),

        hidden(row("outbound.allow", Kind::List, [](C& c) -> QStringList& { return c.outbound.allow; },
            "whom the engine may call: numbers like +972501234567 and prefixes like +97250*; empty: nobody")),
        number("outbound.calls_per_second", [](C& c) -> int& { return c.outbound.callsPerSecond; },
            1, 100, "calls asked of Twilio; it begins one a second unless the account has more"),
        number("outbound.waiting", [](C& c) -> int& { return c.outbound.waiting; },
            1, 1000, "calls that may wait for their turn"),
        number("outbound.live", [](C& c) -> int& { return c.outbound.live; },
            1, 10000, "calls of the engine's own under way at a time"),
        duration("outbound.ring", [](C& c) -> Milliseconds& { return c.outboundRing; },
            5 * Second, 10 * Minute, "how long a call rings before it is given up"),
        row("calls.without_stream", Kind::Bool, [](C& c) -> bool& { return c.withoutStream; },
            "a call that cannot have its stream goes on by Twilio's own recogniser and voice, which cost extra"),
        number("calls.without_stream_limit", [](C& c) -> int& { return c.withoutStreamLimit; },
            0, 10000, "such calls at a time; they are beside server.capacity"),
        choosing(row("calls.when_full", Kind::Choice, [](C& c) -> QString& { return c.whenFull; },
            "a call past server.capacity: a busy line, a waiting line, another number, or without a stream"), "busy wait forward speech"),
        choosing(row("calls.when_draining", Kind::Choice, [](C& c) -> QString& { return c.whenDraining; },
            "a call that comes while the engine stops"), "busy wait forward speech"),
        hidden(row("calls.forward_to", Kind::Text, [](C& c) -> QString& { return c.forwardTo; },
            "the number that such calls are forwarded to, like +97231234567")),
        duration("calls.wait_every", [](C& c) -> Milliseconds& { return c.waitEvery; },
            5 * Second, 5 * Minute, "a waiting caller hears the line, and is tried again, so often"),
        duration("calls.longest_wait", [](C& c) -> Milliseconds& { return c.longestWait; },
            5 * Second, Hour, "then the busy line"),

        named(defaulting(row("dialog.file", Kind::Path, [](C& c) -> QString& { return c.dialogFile; },
            "what the receptionist says and understands"), "the installed receptionist.toml"), "dialog"),
        defaulting(row("dialog.other_files", Kind::List, [](C& c) -> QStringList& { return c.otherDialogFiles; },
            "the same in other languages: each file says its own"), "the built-in ones, in Hebrew and English"),
        named(row("dialog.language", Kind::Text, [](C& c) -> QString& { return c.language; },
            "language of calls, BCP-47"), "language"),
        named(defaulting(row("dialog.messages_dir", Kind::Path, [](C& c) -> QString& { return c.messagesDir; },
            "recordings of callers' messages"), "messages under server.data_dir"), "messages-dir"),

        named(defaulting(row("recording.dir", Kind::Path, [](C& c) -> QString& { return c.keep.recordingsDir; },
            "recordings of calls; which calls are recorded, personas say"), "recordings under server.data_dir"), "recordings-dir"),
        duration("recording.keep", [](C& c) -> Milliseconds& { return c.keep.recordings; },
            0, 3650 * Day, "a recording older than this is deleted, at Twilio too; 0: none is for its age"),
        duration("recording.keep_messages", [](C& c) -> Milliseconds& { return c.keep.messages; },
            0, 3650 * Day, "the same of callers' messages"),
        size("recording.disk_bytes", [](C& c) -> qint64& { return c.keep.diskBytes; },
            0, 1024 * 1024 * GiB, "recordings and messages on disk together; past it the oldest go; 0: no limit"),
        duration("retention.audio", [](C& c) -> Milliseconds& { return c.retentionAudio; },
            0, 3650 * Day, "the same of both, unless recording.keep or recording.keep_messages is set; 0: those say it"),
        duration("retention.transcript", [](C& c) -> Milliseconds& { return c.callLog.retention.transcript; },
            0, 3650 * Day, "words of callers and agents, keys, what was learned: taken out of the log at this age; 0: never"),
        duration("retention.numbers", [](C& c) -> Milliseconds& { return c.callLog.retention.numbers; },
            0, 3650 * Day, "masked numbers and what a caller can be found by; 0: never"),
        duration("retention.log", [](C& c) -> Milliseconds& { return c.callLog.retention.log; },
            0, 3650 * Day, "all that the log has of a call, and requests; 0: never"),
        size("retention.log_size", [](C& c) -> qint64& { return c.callLog.retention.logBytes; },
            0, 1024 * 1024 * GiB, "database and journal together; past it the oldest calls go; 0: no limit, else at least 64MiB"),
        row("transfer.caller_id", Kind::Text, [](C& c) -> QString& { return c.transfer.callerId; },
            "whom the telephone of who is called shows: caller, called (the number that was called), or a number of the account"),
        duration("transfer.ring", [](C& c) -> Milliseconds& { return c.transfer.ring; },
            5 * Second, 10 * Minute, "how long a call that is passed on rings"),
        duration("transfer.longest", [](C& c) -> Milliseconds& { return c.transfer.longest; },
            10 * Second, Day, "how long a call that was passed on may last; turn.longest_call holds as well"),
        choosing(row("transfer.no_answer", Kind::Choice, [](C& c) -> QString& { return c.transfer.noAnswer; },
            "how the call goes on when nobody takes it; next: the next one of the persona's list"), "agent message goodbye next"),
        choosing(row("transfer.afterwards", Kind::Choice, [](C& c) -> QString& { return c.transfer.afterwards; },
            "how the call goes on when who took it has hung up"), "goodbye agent"),

        secret("media.key", [](C& c) -> QByteArray& { return c.mediaKey; },
            "", "signs stream tokens, 16 characters or more; the same on all engines of a fleet; empty: made anew at each start"),
        duration("media.token_ttl", [](C& c) -> Milliseconds& { return c.mediaTokenTtl; },
            10 * Second, Hour, "how long a stream token is good: from the webhook to the stream"),
        size("media.message_bytes", [](C& c) -> qint64& { return c.mediaSocket.messageBytes; },
            KiB, 16 * MiB, "longest message of a media stream"),
        number("media.fragments_per_message", [](C& c) -> int& { return c.mediaSocket.fragmentsPerMessage; },
            1, 1000000, "frames of one message of a media stream at most"),
        size("media.send_queue", [](C& c) -> qint64& { return c.mediaSocket.sendQueueBytes; },
            16 * KiB, 64 * MiB, "unsent bytes at which a media stream is closed"),
        duration("media.idle", [](C& c) -> Milliseconds& { return c.mediaSocket.idle; },
            0, Hour, "a media stream silent for so long is dead; 0: never"),
        duration("media.close_wait", [](C& c) -> Milliseconds& { return c.mediaSocket.closeWait; },
            10, Minute, "from a close to giving up on the other side's"),
        duration("media.ping_every", [](C& c) -> Milliseconds& { return c.mediaSocket.pingEvery; },
            0, Hour, "WebSocket pings; two without an answer are a dead stream; 0: none"),
        number("media.control_frames_per_second", [](C& c) -> int& { return c.mediaSocket.controlFramesPerSecond; },
            1, 100000, "pings and pongs taken from a peer"),
        duration("media.frame_time", [](C& c) -> Milliseconds& { return c.mediaSocket.frameTime; },
            100, Minute, "one frame, from its first byte to its last"),
        duration("media.lead", [](C& c) -> Milliseconds& { return c.playout.lead; },
            20, 5 * Second, "audio sent ahead of the playout clock"),
        duration("media.mark_grace", [](C& c) -> Milliseconds& { return c.playout.markGrace; },
            100, Minute, "a mark later than this is taken as lost"),
        duration("media.longest_speech", [](C& c) -> Milliseconds& { return c.playout.longestSpeech; },
            Second, Hour, "audio of one answer past this is dropped"),

        secret("console.tokens", [](C& c) -> QString& { return c.consoleTokensText; },
            "", "who may open a console: alice:TOKEN,bob:TOKEN; or one a line; none: only consoles on this machine"),
        row("console.origins", Kind::List, [](C& c) -> QStringList& { return c.consoleOrigins; },
            "pages of browsers that may open a console, e.g. https://desk.example.com; programs send no origin"),
        number("console.limit", [](C& c) -> int& { return c.console.consoles; },
            1, 1000, "consoles connected at a time"),
        duration("console.heartbeat", [](C& c) -> Milliseconds& { return c.console.heartbeat; },
            500, Minute, "a console hears something at least so often"),

        row("inspector.pages", Kind::Bool, [](C& c) -> bool& { return c.inspectPages; },
            "the request inspector keeps requests for pages too (/metrics, /readyz, what does not exist); /healthz never"),

        duration("turn.voice_start", [](C& c) -> Milliseconds& { return c.turn.voiceStart; },
            20, 2 * Second, "voice, within voice_start_window, that opens an utterance"),
        duration("turn.voice_start_window", [](C& c) -> Milliseconds& { return c.turn.voiceStartWindow; },
            20, 5 * Second, "see voice_start"),
        duration("turn.voice_stop", [](C& c) -> Milliseconds& { return c.turn.voiceStop; },
            20, 5 * Second, "silence after which the caller is taken as pausing"),
        duration("turn.pre_roll", [](C& c) -> Milliseconds& { return c.turn.preRoll; },
            0, 2 * Second, "audio before the onset that the recogniser gets"),
        duration("turn.end_of_utterance_min", [](C& c) -> Milliseconds& { return c.turn.endOfUtteranceMin; },
            100, 5 * Second, "pause that ends a complete sentence"),
        duration("turn.end_of_utterance_max", [](C& c) -> Milliseconds& { return c.turn.endOfUtteranceMax; },
            100, 10 * Second, "pause that ends anything else"),
        duration("turn.message_end", [](C& c) -> Milliseconds& { return c.turn.messageEnd; },
            500, 30 * Second, "pause that ends a recorded message"),
        duration("turn.utterance_cap", [](C& c) -> Milliseconds& { return c.turn.utteranceCap; },
            Second, 10 * Minute, "longest utterance: ends a turn that noise keeps open"),
        duration("turn.message_cap", [](C& c) -> Milliseconds& { return c.turn.messageCap; },
            Second, Hour, "longest recorded message"),
        duration("turn.cough", [](C& c) -> Milliseconds& { return c.turn.cough; },
            0, 5 * Second, "voice shorter than this without a word is not a turn"),
        duration("turn.interrupt_voice", [](C& c) -> Milliseconds& { return c.turn.interruptVoice; },
            20, 5 * Second, "least voice that silences the agent"),
        duration("turn.interrupt_confirm", [](C& c) -> Milliseconds& { return c.turn.interruptConfirm; },
            100, 30 * Second, "words must follow within this, else the voice's length decides"),
        duration("turn.filler", [](C& c) -> Milliseconds& { return c.turn.filler; },
            100, 5 * Minute, "no answer yet: a waiting line; after the end of the caller's words"),
        duration("turn.fallback", [](C& c) -> Milliseconds& { return c.turn.fallback; },
            100, 5 * Minute, "still none: the fallback line"),
        duration("turn.hard_end", [](C& c) -> Milliseconds& { return c.turn.hardEnd; },
            100, 10 * Minute, "still none: the end of the call"),
        duration("turn.final_wait", [](C& c) -> Milliseconds& { return c.turn.finalWait; },
            0, 30 * Second, "how long a turn without a stable interim waits for the final"),
        duration("turn.no_input", [](C& c) -> Milliseconds& { return c.turn.noInput; },
            Second, 10 * Minute, "silence before each of two prompts, and before the goodbye"),
        duration("turn.key_entry", [](C& c) -> Milliseconds& { return c.turn.keyEntry; },
            0, Minute, "after a key: voice waits until the entry is complete, or so long"),
        duration("turn.line_cap", [](C& c) -> Milliseconds& { return c.turn.lineCap; },
            Second, 10 * Minute, "longest time for one pre-rendered line"),
        duration("turn.speaking_cap", [](C& c) -> Milliseconds& { return c.turn.speakingCap; },
            Second, Hour, "longest stay in SPEAKING"),
        duration("turn.ending_cap", [](C& c) -> Milliseconds& { return c.turn.endingCap; },
            Second, 10 * Minute, "longest stay in ENDING"),
        duration("turn.held_cap", [](C& c) -> Milliseconds& { return c.turn.heldCap; },
            Second, Day, "longest stay in HELD"),
        duration("turn.longest_call", [](C& c) -> Milliseconds& { return c.turn.longestCall; },
            10 * Second, Day, "longest call"),

        duration("providers.deadline", [](C& c) -> Milliseconds& { return c.providers.deadline; },
            10, 5 * Minute, "for making one provider"),
        duration("providers.retry", [](C& c) -> Milliseconds& { return c.providers.retry; },
            100, Day, "from a failure to the next attempt"),
        number("providers.threads", [](C& c) -> int& { return c.providers.threads; },
            1, 64, "threads for making providers; one that hangs holds its own"),

        named(listing(row("providers.stt", Kind::List, [](C& c) -> QStringList& { return c.remote.stt; },
            "recognisers in order: "), "stt"), "stt"),
        named(listing(row("providers.llm", Kind::List, [](C& c) -> QStringList& { return c.remote.llm; },
            "language models in order: "), "llm"), "llm"),
        named(listing(row("providers.tts", Kind::List, [](C& c) -> QStringList& { return c.remote.tts; },
            "voices in order (realtime: only beside the model realtime): "), "tts"), "tts"),
        row("providers.allow_plain_http", Kind::Bool, [](C& c) -> bool& { return c.remote.allowPlainHttp; },
            "http:// and ws:// to providers outside of this machine and private networks, keys in the clear"),

        row("tools.allow_hosts", Kind::List, [](C& c) -> QStringList& { return c.toolHosts; },
            "hosts that the HTTP tools of personas may lead to, e.g. api.example.com"),
        row("tools.allow_private", Kind::Bool, [](C& c) -> bool& { return c.toolsMayBePrivate; },
            "HTTP tools may lead to private addresses and through a proxy"),

        size("http.head_bytes", [](C& c) -> qint64& { return c.http.headBytes; },
            KiB, MiB, "longest request line with headers"),
        number("http.head_fields", [](C& c) -> int& { return c.http.headFields; },
            8, 10000, "headers of one request"),
        size("http.body_bytes", [](C& c) -> qint64& { return c.http.bodyBytes; },
            KiB, 64 * MiB, "longest request body"),
        duration("http.head_time", [](C& c) -> Milliseconds& { return c.http.headTime; },
            100, 10 * Minute, "from the connection to the end of the head"),
        duration("http.body_time", [](C& c) -> Milliseconds& { return c.http.bodyTime; },
            100, 10 * Minute, "from there to the end of the body"),
        duration("http.keep_alive", [](C& c) -> Milliseconds& { return c.http.keepAlive; },
            0, Hour, "an idle connection is kept for so long"),
        number("http.connections", [](C& c) -> int& { return c.http.connections; },
            16, 1000000, "open at a time; the descriptor limit less 64 holds as well"),
        number("http.connections_per_address", [](C& c) -> int& { return c.http.connectionsPerAddress; },
            1, 1000000, "from one address, before the upgrade to a stream"),
        row("http.loopback_exempt", Kind::Bool, [](C& c) -> bool& { return c.http.loopbackExempt; },
            "peers on this machine have no such limit; false behind a proxy on this machine"),
        size("http.send_queue", [](C& c) -> qint64& { return c.http.sendQueueBytes; },
            16 * KiB, 64 * MiB, "unsent bytes of one connection"),

        named(defaulting(secret("call_log.database_url", [](C& c) -> QString& { return c.callLog.databaseUrl; },
            "DATABASE_URL", "sqlite:///abs/path.db; off: journal only"), "calls.db under server.data_dir"), "database-url"),
        named(row("call_log.bootstrap", Kind::Bool, [](C& c) -> bool& { return c.callLog.bootstrap; },
            "make the schema at start when it is missing, as kav-engine migrate does"), "db-bootstrap", "DB_BOOTSTRAP"),
        duration("call_log.sync_every", [](C& c) -> Milliseconds& { return c.callLog.syncEvery; },
            0, 10 * Second, "the journal is synced to disk at most so often"),
        number("call_log.database_batch", [](C& c) -> int& { return c.callLog.databaseBatch; },
            1, 100000, "entries in one transaction"),
        duration("call_log.database_every", [](C& c) -> Milliseconds& { return c.callLog.databaseEvery; },
            10, Minute, "entries wait at most so long for their transaction"),
        size("call_log.journal_limit", [](C& c) -> qint64& { return c.callLog.journalLimitBytes; },
            MiB, 1024 * GiB, "the journal's size while the database is away"),
        size("call_log.segment", [](C& c) -> qint64& { return c.callLog.segmentBytes; },
            64 * KiB, GiB, "the journal goes on in a new file past this size"),
        size("call_log.queue_limit", [](C& c) -> qint64& { return c.callLog.queueLimitBytes; },
            64 * KiB, GiB, "held in memory while the disk takes nothing"),
        duration("call_log.retry_every", [](C& c) -> Milliseconds& { return c.callLog.retryEvery; },
            100, Hour, "from a lost database to the next attempt"),

        duration("failover.final_wait", [](C& c) -> Milliseconds& { return c.failover.finalWait; },
            100, Minute, "recogniser: from the end of an utterance to its final; then the next provider is asked"),
        duration("failover.first_text", [](C& c) -> Milliseconds& { return c.failover.firstText; },
            100, Minute, "language model: from the question to the first words"),
        duration("failover.next_text", [](C& c) -> Milliseconds& { return c.failover.nextText; },
            100, Minute, "language model: between two pieces of an answer"),
        duration("failover.first_audio", [](C& c) -> Milliseconds& { return c.failover.firstAudio; },
            100, Minute, "voice: from a sentence to its first sound"),
        duration("failover.next_audio", [](C& c) -> Milliseconds& { return c.failover.nextAudio; },
            100, Minute, "voice: between two pieces of a sound"),
        duration("failover.first_rest", [](C& c) -> Milliseconds& { return c.health.firstRest; },
            100, Hour, "a provider that failed in a call rests so long; each further rest is longer"),
        duration("failover.longest_rest", [](C& c) -> Milliseconds& { return c.health.longestRest; },
            100, Day, "and never longer than this"),
        number("failover.failures_in_a_row", [](C& c) -> int& { return c.health.failuresInARow; },
            1, 100, "failures after which a provider rests; a refusal or a stall counts at once"),

        size("lines.memory", [](C& c) -> qint64& { return c.lines.memoryBytes; },
            256 * KiB, 16 * GiB, "sentences kept as sound, 8 KB a second; the least used go first"),
        size("lines.disk", [](C& c) -> qint64& { return c.lines.diskBytes; },
            0, 64 * GiB, "greetings and fixed lines kept over a restart, in lines under server.data_dir; 0: none"),

        secret("openai.api_key", [](C& c) -> QString& { return c.remote.openaiKey; },
            "OPENAI_API_KEY", "for openai and realtime; a server of one's own may need none"),
        named(row("openai.base_url", Kind::Service, [](C& c) -> QString& { return c.remote.openaiBaseUrl; },
            "OpenAI, or a server that speaks its protocol: http://localhost:11434/v1"), "openai-base-url", "OPENAI_BASE_URL"),
        defaulting(row("openai.stt_url", Kind::Service, [](C& c) -> QString& { return c.remote.openaiSttUrl; },
            "base of /audio/transcriptions where it differs"), "openai.base_url"),
        defaulting(row("openai.tts_url", Kind::Service, [](C& c) -> QString& { return c.remote.openaiTtsUrl; },
            "base of /audio/speech where it differs"), "openai.base_url"),
        row("openai.model", Kind::Text, [](C& c) -> QString& { return c.remote.openaiModel; },
            "language model"),
        row("openai.stt_model", Kind::Text, [](C& c) -> QString& { return c.remote.openaiSttModel; },
            "model of the recogniser"),
        row("openai.tts_model", Kind::Text, [](C& c) -> QString& { return c.remote.openaiTtsModel; },
            "model of the synthesiser"),
        row("openai.voice", Kind::Text, [](C& c) -> QString& { return c.remote.openaiVoice; },
            "voice"),

        secret("google.api_key", [](C& c) -> QString& { return c.remote.googleKey; },
            "GOOGLE_API_KEY", "for Google Cloud Speech and Text-to-Speech; a service account goes before it"),
        named(secret("google.credentials_json", [](C& c) -> QString& { return c.remote.googleCredentialsJson; },
            "GCP_CREDENTIALS_JSON", "the key file of a service account: its text, or a path"), "gcp-credentials-json"),
        named(row("google.credentials_file", Kind::Path, [](C& c) -> QString& { return c.remote.googleCredentialsFile; },
            "path of a service account's key file; google.credentials_json goes before it"),
            "google-application-credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
        row("google.stt_endpoint", Kind::Text, [](C& c) -> QString& { return c.remote.googleSttEndpoint; },
            "streaming recognition (gRPC): host:port; TLS, but on this machine; http://host:port: without"),
        row("google.stt_url", Kind::Service, [](C& c) -> QString& { return c.remote.googleSttUrl; },
            "recognition by REST (google-rest)"),
        row("google.tts_url", Kind::Service, [](C& c) -> QString& { return c.remote.googleTtsUrl; },
            "synthesis"),
        defaulting(row("google.token_url", Kind::Service, [](C& c) -> QString& { return c.remote.googleTokenUrl; },
            "where access tokens are fetched"), "the one the key file names"),
        defaulting(row("google.stt_model", Kind::Text, [](C& c) -> QString& { return c.remote.googleSttModel; },
            "model of the recogniser"), "Google's for the language"),
        defaulting(row("google.voices", Kind::List, [](C& c) -> QStringList& { return c.remote.googleVoices; },
            "voices by language: he-IL=he-IL-Wavenet-A"), "Kav's choice for en-US and he-IL, else Google's"),

        secret("deepgram.api_key", [](C& c) -> QString& { return c.remote.deepgramKey; },
            "DEEPGRAM_API_KEY", "for deepgram; a self-hosted one may need none"),
        named(row("deepgram.url", Kind::Socket, [](C& c) -> QString& { return c.remote.deepgramUrl; },
            "Deepgram's live recognition; a query of its own goes along"), "deepgram-url"),
        row("deepgram.model", Kind::Text, [](C& c) -> QString& { return c.remote.deepgramModel; },
            "model"),

        secret("elevenlabs.api_key", [](C& c) -> QString& { return c.remote.elevenlabsKey; },
            "ELEVENLABS_API_KEY", "for elevenlabs"),
        row("elevenlabs.url", Kind::Service, [](C& c) -> QString& { return c.remote.elevenlabsUrl; },
            "ElevenLabs, or its regional address"),
        defaulting(row("elevenlabs.model", Kind::Text, [](C& c) -> QString& { return c.remote.elevenlabsModel; },
            "model"), "by the language"),
        row("elevenlabs.voice", Kind::Text, [](C& c) -> QString& { return c.remote.elevenlabsVoice; },
            "id of the voice"),

        row("realtime.url", Kind::Socket, [](C& c) -> QString& { return c.remote.realtimeUrl; },
            "OpenAI Realtime; asked with openai.api_key"),
        row("realtime.model", Kind::Text, [](C& c) -> QString& { return c.remote.realtimeModel; },
            "model"),
        row("realtime.voice", Kind::Text, [](C& c) -> QString& { return c.remote.realtimeVoice; },
            "voice"),
        row("realtime.transcription_model", Kind::Text, [](C& c) -> QString& { return c.remote.realtimeTranscriptionModel; },
            "model that writes down what the caller said"),
        choosing(row("realtime.shape", Kind::Choice, [](C& c) -> QString& { return c.remote.realtimeShape; },
            "of the session's messages; beta for servers of the earlier protocol"), "current beta"),

        also(row("traces.endpoint", Kind::Service, [](C& c) -> QString& { return c.traceTexts.endpoint; },
            "where spans of calls go by OTLP/HTTP (JSON): http://collector:4318/v1/traces; none: nowhere"),
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        also(row("traces.collector", Kind::Service, [](C& c) -> QString& { return c.traceTexts.collector; },
            "the same without /v1/traces; traces.endpoint comes first"), "OTEL_EXPORTER_OTLP_ENDPOINT"),
        also(secret("traces.headers", [](C& c) -> QString& { return c.traceTexts.headers; },
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "sent along: name=value,name=value; percent-encoded"),
            "OTEL_EXPORTER_OTLP_HEADERS"),
        also(row("traces.sample", Kind::Text, [](C& c) -> QString& { return c.traceTexts.sample; },
            "which part of the calls is traced, 0 to 1; where a request of Twilio's has a traceparent, that decides"),
            "OTEL_TRACES_SAMPLER_ARG"),
        also(defaulting(row("traces.service_name", Kind::Text, [](C& c) -> QString& { return c.traces.serviceName; },
            "what this engine is called in traces"), "kav-engine"), "OTEL_SERVICE_NAME"),
        also(row("traces.resource", Kind::List, [](C& c) -> QStringList& { return c.traceTexts.resource; },
            "what else traces say of this engine: name=value, percent-encoded"), "OTEL_RESOURCE_ATTRIBUTES"),
        also(also(duration("traces.timeout", [](C& c) -> Milliseconds& { return c.traces.timeout; },
            100, 5 * Minute, "one request to the collector"),
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), "OTEL_EXPORTER_OTLP_TIMEOUT"),
        also(duration("traces.every", [](C& c) -> Milliseconds& { return c.traces.every; },
            10, Hour, "spans wait at most so long until they are sent"), "OTEL_BSP_SCHEDULE_DELAY"),
    };
    return table;
}
// clang-format on

std::optional<qint64> withUnit(QStringView text, const QList<std::pair<QLatin1String, qint64>>& units)
{
    static const QRegularExpression shape(QStringLiteral("^(\\d{1,15})(?:\\.(\\d{1,3}))?\\s?([A-Za-z]*)$"));
    const QRegularExpressionMatch match = shape.match(text.trimmed());
    if (!match.hasMatch())
        return std::nullopt;
    for (const auto& [name, factor] : units) {
        if (match.capturedView(3) != name)
            continue;
        const qint64 whole = match.capturedView(1).toLongLong();
        if (whole > std::numeric_limits<qint64>::max() / factor - 1)
            return std::nullopt;
        const QString digits = match.captured(2).leftJustified(3, QLatin1Char('0'));
        const qint64 thousandths = digits.toLongLong() * factor;
        if (thousandths % 1000 != 0)
            return std::nullopt; // half a millisecond, a third of a byte
        return whole * factor + thousandths / 1000;
    }
    return std::nullopt;
}

std::optional<qint64> durationOf(QStringView text)
{
    return withUnit(text,
        {{QLatin1String(""), 1}, {QLatin1String("ms"), 1}, {QLatin1String("s"), Second}, {QLatin1String("m"), Minute},
            {QLatin1String("min"), Minute}, {QLatin1String("h"), Hour}, {QLatin1String("d"), Day}});
}

std::optional<qint64> sizeOf(QStringView text)
{
    return withUnit(text,
        {{QLatin1String(""), 1}, {QLatin1String("B"), 1}, {QLatin1String("KiB"), KiB}, {QLatin1String("MiB"), MiB},
            {QLatin1String("GiB"), GiB}});
}

QString inQuotes(const QString& text)
{
    return QLatin1Char('\'') + logSafe(text, 60) + QLatin1Char('\'');
}

/// "a duration (e.g. 250ms, 4s)"
QString wanted(const Setting& setting)
{
    switch (setting.kind) {
    case Kind::Bool:
        return QStringLiteral("true or false");
    case Kind::Int:
        return QStringLiteral("a whole number");
    case Kind::Duration:
        return QStringLiteral("a duration (e.g. 250ms, 4s)");
    case Kind::Size:
        return QStringLiteral("a size (e.g. 64KiB, 1MiB)");
    case Kind::Text:
    case Kind::Path:
        return QStringLiteral("a text");
    case Kind::Address:
        return QStringLiteral("an IP address");
    case Kind::Url:
        return QStringLiteral("a URL");
    case Kind::Service:
        return QStringLiteral("an http(s) address");
    case Kind::Socket:
        return QStringLiteral("a ws(s) or http(s) address");
    case Kind::List:
        return QStringLiteral("a list of texts");
    case Kind::Choice:
        return QStringLiteral("one of ") + setting.choices.join(QLatin1String(", "));
    }
    Q_UNREACHABLE();
}

QString typeOf(const RawValue& raw)
{
    if (!raw.foreignType.isEmpty())
        return raw.foreignType;
    switch (raw.value.index()) {
    case 0:
        return QStringLiteral("a text");
    case 1:
        return QStringLiteral("true or false");
    case 2:
        return QStringLiteral("a number");
    default:
        return QStringLiteral("a list");
    }
}

QString wrongType(const Setting& setting, const RawValue& raw)
{
    return wanted(setting) + QStringLiteral(" is wanted, not ") + typeOf(raw);
}

QString isNot(const Setting& setting, const QString& text)
{
    return (setting.secret ? QStringLiteral("the value") : inQuotes(text)) + QStringLiteral(" is not ")
        + wanted(setting);
}

QString publicUrlProblem(const QString& text, QString& clean)
{
    const QUrl url(text, QUrl::StrictMode);
    const QString host = url.host();
    const bool loopback = host == QLatin1String("localhost") || QHostAddress(host).isLoopback();
    if (!url.isValid() || host.isEmpty()
        || (url.scheme() != QLatin1String("https") && url.scheme() != QLatin1String("http")))
        return inQuotes(text) + QStringLiteral(" is not a URL like https://kav.example.com");
    if (url.scheme() == QLatin1String("http") && !loopback)
        return QStringLiteral("http is for loopback hosts only: Twilio needs https");
    if (!url.userInfo().isEmpty())
        return QStringLiteral("a user name or password has no place in it");
    if (url.hasQuery() || url.hasFragment())
        return QStringLiteral("a query or fragment has no place in it: Twilio does not pass it on to streams");
    QString path = url.path(QUrl::FullyEncoded);
    while (path.endsWith(QLatin1Char('/')))
        path.chop(1);
    if (path.contains(QLatin1String("//")))
        return QStringLiteral("the path has an empty part (//)");
    clean = url.toString(QUrl::FullyEncoded | QUrl::RemovePath) + path;
    return {};
}

/// Never quotes: an address that was put together wrongly may hold a key.
QString serviceUrlProblem(const QString& text, Kind kind)
{
    if (text.isEmpty())
        return {};
    const QUrl url(text, QUrl::StrictMode);
    const QString scheme = url.scheme();
    const bool isHttp = scheme == QLatin1String("http") || scheme == QLatin1String("https");
    const bool isSocket = scheme == QLatin1String("ws") || scheme == QLatin1String("wss");
    if (!url.isValid() || url.host().isEmpty() || !(isHttp || (kind == Kind::Socket && isSocket))) {
        return kind == Kind::Socket ? QStringLiteral("the value is not an address like wss://host/path")
                                    : QStringLiteral("the value is not an address like https://host/path");
    }
    if (!url.userInfo().isEmpty())
        return QStringLiteral("a user name or password has no place in it; keys have settings of their own");
    if (url.hasFragment() || (url.hasQuery() && kind == Kind::Service))
        return QStringLiteral("a query or fragment has no place in it; keys have settings of their own");
    return {};
}

template <typename T> void store(const Setting& setting, Config& config, const T& value)
{
    std::get<T& (*)(Config&)>(setting.member)(config) = value;
}

QString applyNumber(const Setting& setting, const RawValue& raw, Config& config)
{
    std::optional<qint64> value;
    if (const qint64* number = std::get_if<qint64>(&raw.value)) {
        value = *number;
    } else if (const QString* text = std::get_if<QString>(&raw.value)) {
        if (setting.kind == Kind::Duration) {
            value = durationOf(*text);
        } else if (setting.kind == Kind::Size) {
            value = sizeOf(*text);
        } else if (!raw.typed) {
            bool ok = false;
            const qint64 parsed = text->trimmed().toLongLong(&ok);
            if (ok)
                value = parsed;
        } else {
            return wrongType(setting, raw);
        }
        if (!value)
            return isNot(setting, *text);
    } else {
        return wrongType(setting, raw);
    }
    const auto shown = [&](qint64 amount) {
        return setting.kind == Kind::Duration ? shownDuration(Milliseconds(amount))
            : setting.kind == Kind::Size      ? shownSize(amount)
                                              : QString::number(amount);
    };
    if (*value < setting.min || *value > setting.max) {
        return QStringLiteral("%1 is out of range (%2 to %3)")
            .arg(*value < 0 ? QString::number(*value) : shown(*value), shown(setting.min), shown(setting.max));
    }
    if (setting.kind == Kind::Duration)
        store(setting, config, Milliseconds(*value));
    else if (setting.kind == Kind::Size)
        store(setting, config, *value);
    else
        store(setting, config, int(*value));
    return {};
}

QString applyText(const Setting& setting, const QString& text, Config& config)
{
    for (const QChar c : text) {
        // A credentials file has line breaks; nothing has other controls.
        if (c.unicode() < 0x20
            && !(setting.secret && (c == QLatin1Char('\n') || c == QLatin1Char('\r') || c == QLatin1Char('\t'))))
            return isNot(setting, text) + QStringLiteral(": it holds a control character");
    }
    if (setting.kind == Kind::Choice && !setting.choices.contains(text))
        return isNot(setting, text);
    if (setting.kind == Kind::Address) {
        const QHostAddress address(text);
        if (address.isNull())
            return isNot(setting, text);
        store(setting, config, address);
        return {};
    }
    if (setting.kind == Kind::Url && !text.isEmpty()) {
        QString clean;
        const QString problem = publicUrlProblem(text, clean);
        if (problem.isEmpty())
            store(setting, config, clean);
        return problem;
    }
    if (setting.kind == Kind::Service || setting.kind == Kind::Socket) {
        const QString problem = serviceUrlProblem(text, setting.kind);
        if (problem.isEmpty())
            store(setting, config, text);
        return problem;
    }
    if (std::holds_alternative<QByteArray& (*)(Config&)>(setting.member))
        store(setting, config, text.toUtf8());
    else
        store(setting, config, text);
    return {};
}

} // namespace

QString Setting::credential() const
{
    return secret ? QLatin1String("kav.") + key : QString();
}

QString Setting::flag() const
{
    if (secret)
        return {};
    QString text = name.isEmpty() ? key : name;
    return QStringLiteral("--")
        + text.replace(QLatin1Char('.'), QLatin1Char('-')).replace(QLatin1Char('_'), QLatin1Char('-'));
}

QStringList Setting::variables() const
{
    QString text = name.isEmpty() ? key : name;
    text.replace(QLatin1Char('.'), QLatin1Char('_')).replace(QLatin1Char('-'), QLatin1Char('_'));
    return QStringList{QStringLiteral("KAV_") + text.toUpper()} + customary;
}

const QList<Setting>& settingsTable()
{
    static const QList<Setting> table = makeTable();
    return table;
}

QList<std::pair<QString, QString>> settingSections()
{
    return {
        {QStringLiteral("server"), QStringLiteral("the process as a whole")},
        {QStringLiteral("log"), QStringLiteral("what the engine says of itself: docs/logging.md")},
        {QStringLiteral("twilio"), QStringLiteral("the telephone company")},
        {QStringLiteral("outbound"), QStringLiteral("calls that the engine makes")},
        {QStringLiteral("calls"), QStringLiteral("calls that cannot have their stream")},
        {QStringLiteral("dialog"), QStringLiteral("what is said")},
        {QStringLiteral("recording"), QStringLiteral("what is kept of it as sound, and for how long")},
        {QStringLiteral("retention"), QStringLiteral("what goes at which age, once a day at night")},
        {QStringLiteral("transfer"), QStringLiteral("calls that are passed on to people; targets are personas'")},
        {QStringLiteral("media"), QStringLiteral("media streams and playout")},
        {QStringLiteral("console"), QStringLiteral("operators' consoles")},
        {QStringLiteral("inspector"), QStringLiteral("the request inspector")},
        {QStringLiteral("turn"), QStringLiteral("who has the floor, and for how long")},
        {QStringLiteral("providers"), QStringLiteral("which speech and language providers are used, and making them")},
        {QStringLiteral("tools"), QStringLiteral("what language models may call; read again on SIGHUP")},
        {QStringLiteral("http"), QStringLiteral("limits of the front door")},
        {QStringLiteral("call_log"), QStringLiteral("journal and database")},
        {QStringLiteral("failover"), QStringLiteral("when a provider is left for the next one in its list")},
        {QStringLiteral("lines"), QStringLiteral("sentences that are synthesised once and said often")},
        {QStringLiteral("openai"), QStringLiteral("OpenAI and compatible services")},
        {QStringLiteral("google"), QStringLiteral("Google Cloud")},
        {QStringLiteral("deepgram"), QStringLiteral("Deepgram")},
        {QStringLiteral("elevenlabs"), QStringLiteral("ElevenLabs")},
        {QStringLiteral("realtime"), QStringLiteral("OpenAI Realtime: one connection that hears, thinks and speaks")},
        {QStringLiteral("traces"), QStringLiteral("OpenTelemetry: spans of calls and turns; off without an address")},
    };
}

bool isForeignVariable(const QString& name)
{
    // Kubernetes sets these in every container beside a Service named "kav" (unless enableServiceLinks is false).
    static const QRegularExpression serviceLink(QStringLiteral(
        "^KAV_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$"));
    return name == QLatin1String("KAV_CONFIG") || serviceLink.match(name).hasMatch();
}

QString applyValue(const Setting& setting, const RawValue& raw, Config& config)
{
    if (!raw.foreignType.isEmpty())
        return wrongType(setting, raw);
    switch (setting.kind) {
    case Kind::Int:
    case Kind::Duration:
    case Kind::Size:
        return applyNumber(setting, raw, config);
    case Kind::Bool: {
        const QString* text = std::get_if<QString>(&raw.value);
        if (const bool* boolean = std::get_if<bool>(&raw.value)) {
            store(setting, config, *boolean);
        } else if (!text || raw.typed) {
            return wrongType(setting, raw);
        } else {
            const QString word = text->trimmed().toLower();
            const bool yes =
                QStringList{QStringLiteral("true"), QStringLiteral("1"), QStringLiteral("yes"), QStringLiteral("on")}
                    .contains(word);
            const bool no =
                QStringList{QStringLiteral("false"), QStringLiteral("0"), QStringLiteral("no"), QStringLiteral("off")}
                    .contains(word);
            if (!yes && !no)
                return isNot(setting, *text);
            store(setting, config, yes);
        }
        return {};
    }
    case Kind::List: {
        QStringList list;
        if (const QStringList* given = std::get_if<QStringList>(&raw.value)) {
            list = *given;
        } else if (const QString* text = std::get_if<QString>(&raw.value); text && !raw.typed) {
            for (const QString& part : text->split(QLatin1Char(','), Qt::SkipEmptyParts))
                list += part.trimmed();
        } else {
            return wrongType(setting, raw);
        }
        for (const QString& item : std::as_const(list)) {
            for (const QChar c : item) {
                if (c.unicode() < 0x20)
                    return inQuotes(item) + QStringLiteral(" holds a control character");
            }
        }
        store(setting, config, list);
        return {};
    }
    case Kind::Text:
    case Kind::Path:
    case Kind::Address:
    case Kind::Url:
    case Kind::Service:
    case Kind::Socket:
    case Kind::Choice:
        if (const QString* text = std::get_if<QString>(&raw.value))
            return applyText(setting, *text, config);
        return wrongType(setting, raw);
    }
    Q_UNREACHABLE();
}

QString shownValue(const Setting& setting, const Config& config)
{
    Config copy = config; // the accessors give references to change; the copy is cheap and only made for people
    return std::visit(
        [&](auto member) -> QString {
            const auto& value = member(copy);
            using T = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_same_v<T, bool>)
                return value ? QStringLiteral("true") : QStringLiteral("false");
            else if constexpr (std::is_same_v<T, int>)
                return QString::number(value);
            else if constexpr (std::is_same_v<T, qint64>)
                return shownSize(value);
            else if constexpr (std::is_same_v<T, Milliseconds>)
                return shownDuration(value);
            else if constexpr (std::is_same_v<T, QByteArray>)
                return QString::fromUtf8(value);
            else if constexpr (std::is_same_v<T, QStringList>)
                return value.join(QLatin1Char(','));
            else if constexpr (std::is_same_v<T, QHostAddress>)
                return value.toString();
            else
                return value;
        },
        setting.member);
}

QString shownKind(const Setting& setting)
{
    switch (setting.kind) {
    case Kind::Bool:
        return QStringLiteral("true or false");
    case Kind::Int:
        return QStringLiteral("%1 to %2").arg(setting.min).arg(setting.max);
    case Kind::Duration:
        return QStringLiteral("duration, %1 to %2")
            .arg(shownDuration(Milliseconds(setting.min)), shownDuration(Milliseconds(setting.max)));
    case Kind::Size:
        return QStringLiteral("size, %1 to %2").arg(shownSize(setting.min), shownSize(setting.max));
    case Kind::Text:
        return setting.secret ? QStringLiteral("secret") : QStringLiteral("text");
    case Kind::Path:
        return QStringLiteral("path");
    case Kind::Address:
        return QStringLiteral("IP address");
    case Kind::Url:
        return QStringLiteral("URL");
    case Kind::Service:
        return QStringLiteral("http or https address");
    case Kind::Socket:
        return QStringLiteral("ws, wss, http or https address");
    case Kind::List:
        return QStringLiteral("list of texts");
    case Kind::Choice:
        return QStringLiteral("one of ") + setting.choices.join(QLatin1String(", "));
    }
    Q_UNREACHABLE();
}

std::optional<Milliseconds> durationIn(const QString& text)
{
    const auto ms = durationOf(text);
    return ms ? std::optional(Milliseconds(*ms)) : std::nullopt;
}

QString shownDuration(Milliseconds length)
{
    const qint64 ms = length.count();
    if (ms != 0 && ms % Hour == 0)
        return QString::number(ms / Hour) + QLatin1Char('h');
    if (ms != 0 && ms % Minute == 0)
        return QString::number(ms / Minute) + QLatin1Char('m');
    if (ms != 0 && ms % Second == 0)
        return QString::number(ms / Second) + QLatin1Char('s');
    return QString::number(ms) + QLatin1String("ms");
}

QString shownSize(qint64 bytes)
{
    if (bytes != 0 && bytes % GiB == 0)
        return QString::number(bytes / GiB) + QLatin1String("GiB");
    if (bytes != 0 && bytes % MiB == 0)
        return QString::number(bytes / MiB) + QLatin1String("MiB");
    if (bytes != 0 && bytes % KiB == 0)
        return QString::number(bytes / KiB) + QLatin1String("KiB");
    return QString::number(bytes) + QLatin1Char('B');
}

} // namespace kav::app
