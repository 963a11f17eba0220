// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/traces/span.h"
#include "engine/traces/tracebook.h"

#include <QDateTime>
#include <QHash>
#include <QList>
#include <QString>

#include <optional>

namespace kav::traces {

/// Makes spans of calls out of what is noted of them, in the order in which it happened:
///
///   call                     from its first request, or its start, to its end
///     POST /webhook/...      each request about it, the stream's upgrade with its whole life
///     turn                   one for each, and in it
///       end-of-utterance ... the parts of the caller's wait, one behind the other without a gap
///       stt, llm, tts ...    what each provider was asked for, those that were left included
///       tool ...             what the model called
///     transfer               from the attempt to its end
///     call-resumed           what comes of it after its stream was lost
///
/// Words, keys and full numbers are in none of them. Owned by the Tracer, lives on its thread.
class CallSpans final {
public:
    /// Kind::Event's token of what only traces are told, with {stage, provider, ms, turn, next?, error?, reason?}.
    static QString providerToken() { return QStringLiteral("PROVIDER"); }

    explicit CallSpans(const TraceBook& book);

    /// Something would be made of it.
    static bool wants(const calllog::Entry& entry);
    /// The spans that are whole with it.
    QList<Span> take(const calllog::Entry& entry);
    /// The calls that are open, cut off there.
    QList<Span> finish(const QDateTime& at);

private:
    struct Child final {
        Span span;
        int turn = 0; ///< that it belongs to; 0: the one it happened in
    };
    struct Open final {
        CallTrace trace;
        Span root;
        QList<Child> waiting; ///< until their turn is over
        QList<SpanEvent> events; ///< the same
        int eventsDropped = 0;
        std::optional<Span> transfer;
    };

    Span child(const CallTrace& trace, const QString& name) const;
    QList<Span> request(const calllog::Entry& entry) const;
    void started(const calllog::Entry& entry);
    void resumed(const calllog::Entry& entry);
    void event(Open& call, const calllog::Entry& entry);
    void provider(Open& call, const calllog::Entry& entry);
    void tool(Open& call, const calllog::Entry& entry);
    QList<Span> transfer(Open& call, const calllog::Entry& entry);
    QList<Span> turn(Open& call, const calllog::Entry& entry);
    QList<Span> ended(Open& call, UnixTime at);
    static void keep(Open& call, Child kept);
    static void addEvent(Span& span, const SpanEvent& event);

    const TraceBook& m_book;
    QHash<QString, Open> m_calls;
};

} // namespace kav::traces
