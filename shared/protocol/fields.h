// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/jsonreader.h"
#include "shared/protocol/jsonwriter.h"
#include "shared/protocol/messages.h"

#include <string_view>
#include <type_traits>
#include <variant>

// What every struct looks like in JSON: one list of fields each, which the writer and the reader both go through, so
// that they cannot differ. `field` is mandatory; `optional` is left out when empty, and when it does not come the
// struct's own default stays. A field is called as its member is, but for `operatorName`, which is "operator", and the
// shorter ones of a latency.
namespace kav::protocol {

/// The word in "type" or "kind" that tells a struct apart.
template <typename T> inline constexpr std::string_view Word{};
template <> inline constexpr std::string_view Word<Hello> = "hello";
template <> inline constexpr std::string_view Word<Ping> = "ping";
template <> inline constexpr std::string_view Word<Resync> = "resync";
template <> inline constexpr std::string_view Word<WatchCall> = "watch-call";
template <> inline constexpr std::string_view Word<UnwatchCall> = "unwatch-call";
template <> inline constexpr std::string_view Word<InterruptCall> = "interrupt-call";
template <> inline constexpr std::string_view Word<EndCall> = "end-call";
template <> inline constexpr std::string_view Word<TransferCall> = "transfer-call";
template <> inline constexpr std::string_view Word<StartTestCall> = "start-test-call";
template <> inline constexpr std::string_view Word<PlaceCall> = "place-call";
template <> inline constexpr std::string_view Word<QueryLog> = "query-log";
template <> inline constexpr std::string_view Word<QueryCall> = "query-call";
template <> inline constexpr std::string_view Word<WarmService> = "warm-service";
template <> inline constexpr std::string_view Word<QueryRequests> = "query-requests";
template <> inline constexpr std::string_view Word<WatchRequests> = "watch-requests";
template <> inline constexpr std::string_view Word<UnwatchRequests> = "unwatch-requests";
template <> inline constexpr std::string_view Word<MakeEvidence> = "make-evidence";
template <> inline constexpr std::string_view Word<QueryEvidence> = "query-evidence";
template <> inline constexpr std::string_view Word<ReadEvidence> = "read-evidence";
template <> inline constexpr std::string_view Word<DropEvidence> = "drop-evidence";

template <> inline constexpr std::string_view Word<Welcome> = "welcome";
template <> inline constexpr std::string_view Word<Refusal> = "refusal";
template <> inline constexpr std::string_view Word<Snapshot> = "snapshot";
template <> inline constexpr std::string_view Word<Delta> = "delta";
template <> inline constexpr std::string_view Word<Heartbeat> = "heartbeat";
template <> inline constexpr std::string_view Word<Pong> = "pong";
template <> inline constexpr std::string_view Word<Reply> = "reply";
template <> inline constexpr std::string_view Word<Requests> = "requests";

template <> inline constexpr std::string_view Word<EngineChange> = "engine";
template <> inline constexpr std::string_view Word<ServiceChange> = "service";
template <> inline constexpr std::string_view Word<CallChange> = "call";
template <> inline constexpr std::string_view Word<CallGone> = "call-gone";
template <> inline constexpr std::string_view Word<TurnChange> = "turn";
template <> inline constexpr std::string_view Word<LogChange> = "log";

template <> inline constexpr std::string_view Word<std::monostate> = "done";
template <> inline constexpr std::string_view Word<CallTranscript> = "transcript";
template <> inline constexpr std::string_view Word<LogPage> = "log-page";
template <> inline constexpr std::string_view Word<CallDetail> = "call-detail";
template <> inline constexpr std::string_view Word<TestCallStarted> = "test-call";
template <> inline constexpr std::string_view Word<RequestPage> = "request-page";
template <> inline constexpr std::string_view Word<CallPlaced> = "call-placed";
template <> inline constexpr std::string_view Word<EvidencePack> = "evidence-pack";
template <> inline constexpr std::string_view Word<EvidencePart> = "evidence-part";

// ---- the values of shared/model
// ---------------------------------------------------------------------------------------

template <typename A> void fields(A& a, typename A::template Ref<EngineStatus> s)
{
    a.field("ready", s.ready);
    a.optional("notReady", s.notReady);
    a.field("draining", s.draining);
    a.field("calls", s.calls);
    a.field("capacity", s.capacity);
    a.field("consoles", s.consoles);
    a.optional("personas", s.personas);
    a.optional("remaining", s.remaining);
    a.optional("goodbyeAt", s.goodbyeAt);
}

template <typename A> void fields(A& a, typename A::template Ref<ServiceUse> u)
{
    a.field("answers", u.answers);
    a.field("errors", u.errors);
    a.optional("p50", u.p50);
    a.optional("p95", u.p95);
    a.optional("p99", u.p99);
}

template <typename A> void fields(A& a, typename A::template Ref<ServiceStatus> s)
{
    a.field("id", s.id);
    a.optional("name", s.name);
    a.field("state", s.state);
    a.optional("reason", s.reason);
    a.optional("since", s.since);
    a.optional("checkedAt", s.checkedAt);
    a.optional("took", s.took);
    a.optional("retryAt", s.retryAt);
    a.optional("stage", s.stage);
    a.optional("use", s.use);
}

template <typename A> void fields(A& a, typename A::template Ref<CallSummary> c)
{
    a.field("id", c.id);
    a.field("from", c.from);
    a.field("to", c.to);
    a.field("direction", c.direction);
    a.field("language", c.language);
    a.field("test", c.test);
    a.optional("withoutStream", c.withoutStream);
    a.field("startedAt", c.startedAt);
    a.field("state", c.state);
    a.field("stateSince", c.stateSince);
    a.field("turn", c.turn);
    a.optional("lastGap", c.lastGap);
    a.field("interruptions", c.interruptions);
    a.optional("reason", c.reason);
    a.optional("endedAt", c.endedAt);
    a.optional("placed", c.placed);
    a.optional("problem", c.problem);
    a.optional("recording", c.recording);
    a.optional("transferTargets", c.transferTargets);
}

template <typename A> void fields(A& a, typename A::template Ref<LatencySpan> l)
{
    a.field("part", l.part);
    a.field("ms", l.length);
    a.optional("by", l.owner);
}

template <typename A> void fields(A& a, typename A::template Ref<LatencyParts> l)
{
    a.optional("parts", l.spans);
    a.optional("total", l.total);
    a.optional("filler", l.filler);
    a.optional("answerUs", l.answer);
}

template <typename A> void fields(A& a, typename A::template Ref<TranscriptTurn> t)
{
    a.field("number", t.record.number);
    a.field("input", t.record.input);
    a.field("startedAt", t.startedAt);
    a.field("open", t.open);
    a.field("callerText", t.record.callerText);
    a.field("callerTextFinal", t.callerTextFinal);
    a.field("confidence", t.record.confidence);
    a.field("agentText", t.record.agentText);
    a.field("heardText", t.record.heardText);
    a.field("interrupted", t.record.interrupted);
    a.field("fallback", t.record.fallback);
    a.field("latency", t.record.latency);
}

template <typename A> void fields(A& a, typename A::template Ref<CallLogRow> r)
{
    a.field("id", r.id);
    a.field("from", r.from);
    a.field("to", r.to);
    a.field("direction", r.direction);
    a.field("language", r.language);
    a.field("test", r.test);
    a.field("startedAt", r.startedAt);
    a.optional("endedAt", r.endedAt);
    a.optional("reason", r.reason);
    a.field("duration", r.duration);
    a.field("turns", r.turns);
    a.optional("recording", r.recording);
}

template <typename A> void fields(A& a, typename A::template Ref<CallEvent> e)
{
    a.field("at", e.at);
    a.field("token", e.token);
    a.field("data", e.data);
}

template <typename A> void fields(A& a, typename A::template Ref<RequestField> f)
{
    a.field("name", f.name);
    a.field("value", f.value);
}

template <typename A> void fields(A& a, typename A::template Ref<SignatureFinding> s)
{
    a.field("state", s.state);
    a.optional("variant", s.variant);
    a.optional("signedUrl", s.signedUrl);
    a.optional("checkedUrl", s.checkedUrl);
    a.field("explained", s.isExplained);
}

template <typename A> void fields(A& a, typename A::template Ref<ConnectionEnd> e)
{
    a.field("code", e.code);
    a.field("byPeer", e.byPeer);
    a.optional("reason", e.reason);
    a.field("messagesIn", e.messagesIn);
    a.field("messagesOut", e.messagesOut);
    a.field("bytesIn", e.bytesIn);
    a.field("bytesOut", e.bytesOut);
    a.field("lasted", e.lasted);
}

template <typename A> void fields(A& a, typename A::template Ref<RequestRecord> r)
{
    a.field("id", r.id);
    a.field("at", r.at);
    a.field("kind", r.kind);
    a.field("method", r.method);
    a.field("path", r.path);
    a.optional("parameters", r.parameters);
    a.optional("headers", r.headers);
    a.optional("peer", r.peer);
    a.field("signature", r.signature);
    a.optional("offered", r.offered);
    a.optional("given", r.given);
    a.field("status", r.status);
    a.optional("reason", r.reason);
    a.field("bytesIn", r.bytesIn);
    a.field("bytesOut", r.bytesOut);
    a.field("tookUs", r.took);
    a.optional("duplicateOf", r.duplicateOf);
    a.optional("call", r.call);
    a.optional("end", r.end);
    a.field("notKept", r.notKept);
}

// ---- console -> engine
// ------------------------------------------------------------------------------------------------

template <typename A> void fields(A& a, typename A::template Ref<Resume> r)
{
    a.field("run", r.run);
    a.field("seq", r.seq);
}

template <typename A> void fields(A& a, typename A::template Ref<Hello> h)
{
    a.field("lowest", h.lowest);
    a.field("highest", h.highest);
    a.optional("features", h.features);
    a.optional("client", h.client);
    a.optional("token", h.token);
    a.optional("operator", h.operatorName);
    a.optional("resume", h.resume);
    a.optional("watch", h.watch);
}

template <typename A> void fields(A& a, typename A::template Ref<Ping> p)
{
    a.field("id", p.id);
}

template <typename A> void fields(A&, typename A::template Ref<Resync>) { }

template <typename A> void fields(A& a, typename A::template Ref<WatchCall> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
}

template <typename A> void fields(A& a, typename A::template Ref<UnwatchCall> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
}

template <typename A> void fields(A& a, typename A::template Ref<InterruptCall> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
}

template <typename A> void fields(A& a, typename A::template Ref<EndCall> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
    a.field("now", c.now);
}

template <typename A> void fields(A& a, typename A::template Ref<TransferCall> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
    a.field("to", c.to);
}

template <typename A> void fields(A& a, typename A::template Ref<StartTestCall> c)
{
    a.field("id", c.id);
    a.optional("say", c.say);
    a.optional("wav", c.wav);
    a.optional("digits", c.digits);
}

template <typename A> void fields(A& a, typename A::template Ref<PlaceCall> c)
{
    a.field("id", c.id);
    a.field("to", c.to);
    a.optional("from", c.from);
    a.optional("persona", c.persona);
    a.optional("detection", c.detection);
}

template <typename A> void fields(A& a, typename A::template Ref<QueryLog> q)
{
    a.field("id", q.id);
    a.optional("text", q.text);
    a.optional("after", q.after);
    a.field("limit", q.limit);
}

template <typename A> void fields(A& a, typename A::template Ref<QueryCall> q)
{
    a.field("id", q.id);
    a.field("call", q.call);
}

template <typename A> void fields(A& a, typename A::template Ref<WarmService> c)
{
    a.field("id", c.id);
    a.field("service", c.service);
}

template <typename A> void fields(A& a, typename A::template Ref<QueryRequests> q)
{
    a.field("id", q.id);
    a.optional("text", q.text);
    a.optional("call", q.call);
    a.optional("kind", q.kind);
    a.optional("refused", q.refused);
    a.optional("after", q.after);
    a.field("limit", q.limit);
}

template <typename A> void fields(A& a, typename A::template Ref<WatchRequests> c)
{
    a.field("id", c.id);
}

template <typename A> void fields(A& a, typename A::template Ref<UnwatchRequests> c)
{
    a.field("id", c.id);
}

template <typename A> void fields(A& a, typename A::template Ref<MakeEvidence> c)
{
    a.field("id", c.id);
    a.field("call", c.call);
    a.optional("folder", c.folder);
    a.optional("unmask", c.unmask);
}

template <typename A> void fields(A& a, typename A::template Ref<QueryEvidence> c)
{
    a.field("id", c.id);
    a.field("pack", c.pack);
}

template <typename A> void fields(A& a, typename A::template Ref<ReadEvidence> c)
{
    a.field("id", c.id);
    a.field("pack", c.pack);
    a.field("file", c.file);
    a.field("offset", c.offset);
}

template <typename A> void fields(A& a, typename A::template Ref<DropEvidence> c)
{
    a.field("id", c.id);
    a.field("pack", c.pack);
}

// ---- engine -> console
// ------------------------------------------------------------------------------------------------

template <typename A> void fields(A& a, typename A::template Ref<Welcome> w)
{
    a.field("version", w.version);
    a.optional("features", w.features);
    a.field("run", w.run);
    a.field("engineVersion", w.engineVersion);
    a.optional("engineCommit", w.engineCommit);
    a.optional("engineName", w.engineName);
    a.field("startedAt", w.startedAt);
    a.field("operator", w.operatorName);
    a.field("heartbeat", w.heartbeat);
    a.field("resumed", w.resumed);
}

template <typename A> void fields(A& a, typename A::template Ref<Refusal> r)
{
    a.field("code", r.code);
    a.field("message", r.message);
    a.optional("lowest", r.lowest);
    a.optional("highest", r.highest);
}

template <typename A> void fields(A& a, typename A::template Ref<CallTranscript> t)
{
    a.field("call", t.call);
    a.field("seq", t.seq);
    a.field("firstTurn", t.firstTurn);
    a.field("turns", t.turns);
}

template <typename A> void fields(A& a, typename A::template Ref<Snapshot> s)
{
    a.field("seq", s.seq);
    a.field("at", s.at);
    a.field("engine", s.engine);
    a.field("services", s.services);
    a.field("calls", s.calls);
    a.optional("watched", s.watched);
}

template <typename A> void fields(A& a, typename A::template Ref<EngineChange> c)
{
    a.field("engine", c.engine);
}

template <typename A> void fields(A& a, typename A::template Ref<ServiceChange> c)
{
    a.field("service", c.service);
}

template <typename A> void fields(A& a, typename A::template Ref<CallChange> c)
{
    a.field("call", c.call);
}

template <typename A> void fields(A& a, typename A::template Ref<CallGone> c)
{
    a.field("call", c.call);
}

template <typename A> void fields(A& a, typename A::template Ref<TurnChange> c)
{
    a.field("call", c.call);
    a.field("turn", c.turn);
}

template <typename A> void fields(A& a, typename A::template Ref<LogChange> c)
{
    a.field("row", c.row);
}

template <typename A> void fields(A& a, typename A::template Ref<Heartbeat> h)
{
    a.field("seq", h.seq);
    a.field("at", h.at);
}

template <typename A> void fields(A& a, typename A::template Ref<Requests> r)
{
    a.optional("missed", r.missed);
    a.field("requests", r.requests);
}

template <typename A> void fields(A& a, typename A::template Ref<Pong> p)
{
    a.field("id", p.id);
    a.field("at", p.at);
}

template <typename A> void fields(A&, typename A::template Ref<std::monostate>) { }

template <typename A> void fields(A& a, typename A::template Ref<LogPage> p)
{
    a.field("rows", p.rows);
    a.optional("next", p.next);
}

template <typename A> void fields(A& a, typename A::template Ref<CallDetail> d)
{
    a.field("row", d.row);
    a.field("turns", d.turns);
    a.field("events", d.events);
}

template <typename A> void fields(A& a, typename A::template Ref<TestCallStarted> t)
{
    a.field("call", t.call);
}

template <typename A> void fields(A& a, typename A::template Ref<RequestPage> p)
{
    a.field("requests", p.requests);
    a.optional("next", p.next);
}

template <typename A> void fields(A& a, typename A::template Ref<CallPlaced> p)
{
    a.field("placed", p.placed);
}

template <typename A> void fields(A& a, typename A::template Ref<EvidenceFile> f)
{
    a.field("name", f.name);
    a.field("bytes", f.bytes);
    a.field("sha256", f.sha256);
}

template <typename A> void fields(A& a, typename A::template Ref<EvidencePack> p)
{
    a.field("pack", p.pack);
    a.field("call", p.call);
    a.field("made", p.made);
    a.optional("files", p.files);
    a.optional("missing", p.missing);
}

template <typename A> void fields(A& a, typename A::template Ref<EvidencePart> p)
{
    a.field("pack", p.pack);
    a.field("file", p.file);
    a.field("offset", p.offset);
    a.optional("data", p.data);
}

template <typename A> void fields(A& a, typename A::template Ref<CommandError> e)
{
    a.field("code", e.code);
    a.field("message", e.message);
}

// ---- one of several
// ---------------------------------------------------------------------------------------------------

template <typename T, typename Variant> bool readAs(JsonReader& reader, const QString& word, Variant& value)
{
    if constexpr (Word<T>.empty()) {
        return false;
    } else {
        if (word != QLatin1String(Word<T>.data(), qsizetype(Word<T>.size())))
            return false;
        fields(reader, value.template emplace<T>());
        return true;
    }
}

/// What "kind" names; a kind of a later version becomes an Unknown with its name.
template <typename Unknown, typename... T> void readKind(JsonReader& reader, std::variant<T...>& value)
{
    QString kind;
    reader.field("kind", kind);
    if (!reader.failed() && !(readAs<T>(reader, kind, value) || ...))
        value = Unknown{kind};
}

template <typename Unknown, typename... T> void writeKind(JsonWriter& writer, const std::variant<T...>& value)
{
    std::visit(
        [&writer](const auto& alternative) {
            using Kind = std::decay_t<decltype(alternative)>;
            if constexpr (std::is_same_v<Kind, Unknown>) {
                writer.field("kind", alternative.kind);
            } else {
                writer.word("kind", Word<Kind>);
                fields(writer, alternative);
            }
        },
        value);
}

inline void fields(JsonReader& reader, Change& change)
{
    readKind<UnknownChange>(reader, change);
}

inline void fields(JsonWriter& writer, const Change& change)
{
    writeKind<UnknownChange>(writer, change);
}

inline void fields(JsonReader& reader, CommandResult& result)
{
    readKind<UnknownResult>(reader, result);
}

inline void fields(JsonWriter& writer, const CommandResult& result)
{
    writeKind<UnknownResult>(writer, result);
}

template <typename A> void fields(A& a, typename A::template Ref<Delta> d)
{
    a.field("from", d.from);
    a.field("to", d.to);
    a.field("at", d.at);
    a.field("changes", d.changes);
}

inline void fields(JsonReader& reader, Reply& reply)
{
    reader.field("id", reply.id);
    if (reader.has("error"))
        reader.field("error", reply.outcome.emplace<CommandError>());
    else
        reader.field("result", reply.outcome.emplace<CommandResult>());
}

inline void fields(JsonWriter& writer, const Reply& reply)
{
    writer.field("id", reply.id);
    if (const auto* const error = std::get_if<CommandError>(&reply.outcome))
        writer.field("error", *error);
    else
        writer.field("result", std::get<CommandResult>(reply.outcome));
}

} // namespace kav::protocol
