// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/analysis.h"

#include "shared/model/status.h"

#include <algorithm>

namespace kav::evidence {

namespace {

QString text(const CallEvent& event, QLatin1String key)
{
    return event.data.value(key).toString();
}

Milliseconds medianOf(QList<Milliseconds> values)
{
    std::sort(values.begin(), values.end());
    const qsizetype count = values.size();
    return count == 0 ? Milliseconds(0) : (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/// Whose part it is, in the words of FAILOVER; empty: no provider's.
QString stageOf(LatencyPart part)
{
    switch (part) {
    case LatencyPart::Recognition:
        return QStringLiteral("STT");
    case LatencyPart::FirstToken:
    case LatencyPart::FirstSentence:
        return QStringLiteral("LLM");
    case LatencyPart::FirstAudio:
        return QStringLiteral("TTS");
    case LatencyPart::EndOfUtterance:
    case LatencyPart::Playout:
        return {};
    }
    Q_UNREACHABLE();
}

/// Settings, tools and the dialog own parts too; docs/latency.md has their words.
bool isProvider(const QString& owner)
{
    return !owner.isEmpty() && !owner.contains(QLatin1Char('.')) && !owner.startsWith(QLatin1String("tool:"))
        && owner != QLatin1String("dialog");
}

ProviderRow& rowOf(QList<ProviderRow>& rows, const QString& stage, const QString& provider)
{
    const auto found = std::find_if(rows.begin(), rows.end(),
        [&](const ProviderRow& row) { return row.stage == stage && row.provider == provider; });
    if (found != rows.end())
        return *found;
    rows.append({stage, provider, 0, {}, {}, 0});
    return rows.last();
}

QString valueOf(const QString& token, const QList<const CallEvent*>& events)
{
    if (events.isEmpty())
        return {};
    if (token == QLatin1String("WS_STOP"))
        return text(*events.last(), QLatin1String("reason"));
    const QLatin1String key = token == QLatin1String("MEDIA_TX") ? QLatin1String("frames") : QLatin1String("ms");
    QList<qint64> numbers;
    for (const CallEvent* event : events) {
        if (const QJsonValue value = event->data.value(key); value.isDouble())
            numbers += value.toInteger();
    }
    if (numbers.isEmpty())
        return {};
    const auto [least, most] = std::minmax_element(numbers.cbegin(), numbers.cend());
    QString range = QString::number(*least);
    if (*most != *least)
        range += QChar(0x2013) + QString::number(*most);
    return range + (key == QLatin1String("ms") ? QStringLiteral(" ms") : QStringLiteral(" frames"));
}

} // namespace

QList<Stretch> states(const CallEvidence& evidence)
{
    QList<Stretch> all;
    for (const CallEvent& event : evidence.events) {
        const Milliseconds at = evidence.offset(event.at);
        if (event.token == QLatin1String("STATE")) {
            if (!all.isEmpty())
                all.last().to = at;
            else if (text(event, QLatin1String("from")) != text(event, QLatin1String("to")))
                all.append({text(event, QLatin1String("from")), at, at});
            const QString next = text(event, QLatin1String("to"));
            if (next != QLatin1String("ended"))
                all.append({next, at, evidence.length});
        } else if (event.token == QLatin1String("WS_STOP") && !all.isEmpty()) {
            all.last().to = std::min(all.last().to, at);
        }
    }
    all.removeIf([](const Stretch& stretch) { return stretch.to <= stretch.from; });
    return all;
}

unsigned stateColour(const QString& state)
{
    if (state == QLatin1String("listening"))
        return 0x8fb8de;
    if (state == QLatin1String("thinking"))
        return 0xf0b429;
    if (state == QLatin1String("speaking"))
        return 0x3f9c6b;
    if (state == QLatin1String("held"))
        return 0x9b6fc4;
    if (state == QLatin1String("ending"))
        return 0x7a8794;
    return 0xc4cad2;
}

QList<Stretch> callerStretches(const CallEvidence& evidence)
{
    QList<Stretch> all;
    for (const TranscriptTurn& turn : evidence.turns) {
        const TurnInput input = turn.record.input;
        if (input == TurnInput::Opening || input == TurnInput::Silence)
            continue;
        const auto commit =
            std::find_if(evidence.events.cbegin(), evidence.events.cend(), [&turn](const CallEvent& event) {
                return event.at >= turn.startedAt && event.token == QLatin1String("STATE")
                    && text(event, QLatin1String("to")) == QLatin1String("thinking");
            });
        const Milliseconds from = evidence.offset(turn.startedAt);
        const Milliseconds to = commit == evidence.events.cend() ? evidence.length : evidence.offset(commit->at);
        all.append({QString::number(turn.record.number), from, std::max(to, from)});
    }
    return all;
}

QList<ChainLink> chain(const CallEvidence& evidence)
{
    QList<ChainLink> links;
    for (const QString& token : ChainTokens) {
        QList<const CallEvent*> events;
        for (const CallEvent& event : evidence.events) {
            if (event.token == token)
                events += &event;
        }
        links.append({token, int(events.size()),
            events.isEmpty() ? Milliseconds(0) : evidence.offset(events.first()->at), valueOf(token, events)});
    }
    return links;
}

bool isWhole(const QList<ChainLink>& chain)
{
    return std::all_of(chain.cbegin(), chain.cend(), [](const ChainLink& link) { return link.times > 0; });
}

bool hasStream(const QList<ChainLink>& chain)
{
    return std::any_of(chain.cbegin(), chain.cend(),
        [](const ChainLink& link) { return link.token == QLatin1String("WS_START") && link.times > 0; });
}

QString withoutStream(const CallEvidence& evidence)
{
    QString why;
    for (const CallEvent& event : evidence.events) {
        if (event.token == QLatin1String("WITHOUT_STREAM"))
            why = text(event, QLatin1String("reason"));
    }
    return why;
}

Verdict verdictOf(const LatencyParts& latency)
{
    if (!latency.total)
        return Verdict::Nobody;
    return *latency.total <= GoodWait   ? Verdict::Good
        : *latency.total <= LongestWait ? Verdict::Slow
                                        : Verdict::TooLong;
}

QString verdictName(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Nobody:
        return QStringLiteral("nobody-waited");
    case Verdict::Good:
        return QStringLiteral("good");
    case Verdict::Slow:
        return QStringLiteral("slow");
    case Verdict::TooLong:
        return QStringLiteral("too-long");
    }
    Q_UNREACHABLE();
}

WaitSummary waits(const CallEvidence& evidence)
{
    WaitSummary summary;
    QList<Milliseconds> totals;
    for (const TranscriptTurn& turn : evidence.turns) {
        const Verdict verdict = verdictOf(turn.record.latency);
        if (verdict == Verdict::Nobody)
            continue;
        totals += *turn.record.latency.total;
        summary.slow += verdict == Verdict::Slow ? 1 : 0;
        summary.tooLong += verdict == Verdict::TooLong ? 1 : 0;
    }
    summary.waits = int(totals.size());
    summary.median = medianOf(totals);
    for (const Milliseconds total : totals)
        summary.longest = std::max(summary.longest, total);
    return summary;
}

QList<ProviderRow> providers(const CallEvidence& evidence)
{
    QList<ProviderRow> rows;
    QList<QList<Milliseconds>> lengths; // beside `rows`
    const auto served = [&](const QString& stage, const QString& provider, Milliseconds length) {
        ProviderRow& row = rowOf(rows, stage, provider);
        ++row.turns;
        lengths.resize(rows.size());
        lengths[&row - rows.data()] += length;
    };
    for (const QString& stage : {QStringLiteral("STT"), QStringLiteral("LLM"), QStringLiteral("TTS")}) {
        for (const TranscriptTurn& turn : evidence.turns) {
            // Token and sentence are one provider's, unless a tool came between.
            QList<std::pair<QString, Milliseconds>> owners;
            for (const LatencySpan& span : turn.record.latency.spans) {
                if (stageOf(span.part) != stage || !isProvider(span.owner))
                    continue;
                if (!owners.isEmpty() && owners.last().first == span.owner)
                    owners.last().second += span.length;
                else
                    owners.append({span.owner, span.length});
            }
            for (const auto& [owner, length] : owners)
                served(stage, owner, length);
        }
        for (const CallEvent& event : evidence.events) {
            if (event.token == QLatin1String("FAILOVER") && text(event, QLatin1String("stage")) == stage)
                ++rowOf(rows, stage, text(event, QLatin1String("from"))).left;
        }
    }
    lengths.resize(rows.size());
    for (qsizetype i = 0; i < rows.size(); ++i) {
        if (lengths[i].isEmpty())
            continue;
        rows[i].median = medianOf(lengths[i]);
        rows[i].longest = *std::max_element(lengths[i].cbegin(), lengths[i].cend());
    }
    return rows;
}

QList<CallEvent> troubles(const CallEvidence& evidence)
{
    static const QStringList tokens{QStringLiteral("FAILOVER"), QStringLiteral("STT_ERR"), QStringLiteral("LLM_ERR"),
        QStringLiteral("TTS_ERR"), QStringLiteral("FILLER"), QStringLiteral("FALLBACK"),
        QStringLiteral("LINE_UNSPOKEN"), QStringLiteral("STREAM_CLOSED"), QStringLiteral("ANSWER_DROPPED"),
        QStringLiteral("LLM_SILENT"), QStringLiteral("WITHOUT_STREAM")};
    QList<CallEvent> found;
    std::copy_if(evidence.events.cbegin(), evidence.events.cend(), std::back_inserter(found),
        [](const CallEvent& event) {
            return tokens.contains(event.token) || (event.token == QLatin1String("SERVICE_STATE") && !isWell(event));
        });
    return found;
}

bool isWell(const CallEvent& serviceState)
{
    const QString state = text(serviceState, QLatin1String("state"));
    return state != serviceStateName(ServiceState::Degraded) && state != serviceStateName(ServiceState::Failed);
}

QList<CallEvent> serviceChanges(const CallEvidence& evidence)
{
    QList<CallEvent> found;
    std::copy_if(evidence.events.cbegin(), evidence.events.cend(), std::back_inserter(found),
        [](const CallEvent& event) { return event.token == QLatin1String("SERVICE_STATE"); });
    return found;
}

QString unheardOf(const TurnRecord& turn)
{
    // What was heard is put together again from sentences: spaces may differ.
    qsizetype at = 0;
    for (const QChar c : turn.heardText) {
        if (c.isSpace())
            continue;
        while (at < turn.agentText.size() && turn.agentText[at].isSpace())
            ++at;
        if (at == turn.agentText.size() || turn.agentText[at] != c)
            return turn.agentText; // something else was heard, as a line that stood in for it
        ++at;
    }
    return turn.agentText.mid(at).trimmed();
}

QString offsetText(Milliseconds offset)
{
    return QStringLiteral("%1%2 s")
        .arg(offset.count() < 0 ? QString() : QStringLiteral("+"))
        .arg(double(offset.count()) / 1000, 0, 'f', 3);
}

} // namespace kav::evidence
