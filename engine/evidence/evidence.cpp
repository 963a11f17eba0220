// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/evidence.h"

#include "shared/core/carddigits.h"

#include <QJsonArray>
#include <QRegularExpression>

#include <algorithm>

namespace kav::evidence {

namespace {

constexpr int RequestsAPage = 500;
/// Twilio's last callbacks come within seconds; what comes later (a recording that is deleted after a month) would
/// only squeeze the axis.
constexpr Milliseconds Aftermath{60'000};

void setAxis(CallEvidence& evidence)
{
    QDateTime first = evidence.call.startedAt;
    for (const CallEvent& event : evidence.events)
        first = std::min(first, event.at);
    for (const RequestRecord& request : evidence.requests)
        first = std::min(first, request.at);
    evidence.origin = first;

    QDateTime end = evidence.call.endedAt;
    if (!end.isValid()) {
        end = evidence.call.startedAt;
        for (const CallEvent& event : evidence.events)
            end = std::max(end, event.at);
    }
    QDateTime last = end;
    const auto reach = [&](const QDateTime& at) {
        if (at.isValid() && end.msecsTo(at) <= Aftermath.count())
            last = std::max(last, at);
    };
    for (const CallEvent& event : evidence.events)
        reach(event.at);
    for (const RequestRecord& request : evidence.requests)
        reach(request.at.addMSecs(request.end ? request.end->lasted.count() : 0));
    evidence.length = std::max(Milliseconds(first.msecsTo(last)), Milliseconds(1));
}

Sounds soundsOf(const CallEvidence& evidence, const session::KeepSettings& keep, const QDateTime& now)
{
    Sounds sounds;
    QString atTwilio;
    for (const session::StoredSound& sound : session::storedSounds(keep, now)) {
        if (sound.callId != evidence.call.id)
            continue;
        switch (sound.kind) {
        case session::StoredSound::Kind::Recording:
            // A whole one wins over what an engine that died left beside it.
            if (sounds.recording.isEmpty() || !sound.isLive) {
                sounds.recording = sound.path;
                sounds.isGrowing = sound.isLive;
            }
            break;
        case session::StoredSound::Kind::Message:
            sounds.messages += sound.path;
            break;
        case session::StoredSound::Kind::AtTwilio:
            atTwilio = sound.sid;
            break;
        }
    }
    if (!sounds.recording.isEmpty())
        return sounds;
    QString deleted, stopped;
    for (const CallEvent& event : evidence.events) {
        if (event.token == QLatin1String("RECORDING_DELETED")
            && event.data.value(QLatin1String("what")).toString() != QLatin1String("message"))
            deleted = event.at.toString(Qt::ISODate);
        if (event.token == QLatin1String("RECORDING_STOP"))
            stopped = event.data.value(QLatin1String("reason")).toString();
    }
    if (!deleted.isEmpty())
        sounds.whyNone = QStringLiteral("the recording was deleted at %1").arg(deleted);
    else if (!atTwilio.isEmpty() || evidence.call.recording == QLatin1String("twilio"))
        sounds.whyNone = QStringLiteral("Twilio recorded the call, and keeps it: %1")
                             .arg(atTwilio.isEmpty() ? QStringLiteral("see its console") : atTwilio);
    else if (!stopped.isEmpty())
        sounds.whyNone = QStringLiteral("the recording was given up: %1").arg(stopped);
    else if (!evidence.call.recording.isEmpty())
        sounds.whyNone = QStringLiteral("the log says that the call was recorded, and there is no such file any more");
    else
        sounds.whyNone = QStringLiteral("the call was not recorded");
    return sounds;
}

/// Without changing the order in which the call's own events were logged.
void insertByTime(QList<CallEvent>& events, const CallEvent& one)
{
    const auto later
        = std::find_if(events.cbegin(), events.cend(), [&one](const auto& event) { return event.at > one.at; });
    events.insert(later, one);
}

QJsonValue hidden(const QJsonValue& value)
{
    if (value.isString())
        return withoutNumbers(value.toString());
    if (value.isArray()) {
        QJsonArray list;
        for (const QJsonValue& one : value.toArray())
            list.append(hidden(one));
        return list;
    }
    if (value.isObject()) {
        QJsonObject object = value.toObject();
        for (auto it = object.begin(); it != object.end(); ++it)
            *it = hidden(*it);
        return object;
    }
    return value;
}

} // namespace

Result<CallEvidence> gather(
    const calllog::Queries& log, const session::KeepSettings& keep, const QString& callId, const QDateTime& now)
{
    auto detail = log.call(callId);
    if (!detail)
        return detail.error();
    CallEvidence evidence;
    evidence.call = detail->call;
    evidence.started = detail->started;
    evidence.ended = detail->ended;
    evidence.turns = detail->turns;
    evidence.events = detail->events;
    const auto acts = log.operatorActs(callId);
    if (!acts)
        return acts.error();
    for (const CallEvent& act : *acts)
        insertByTime(evidence.events, act);
    const auto changes = log.serviceStates(callId, evidence.isLive() ? now : evidence.call.endedAt);
    if (!changes)
        return changes.error();
    for (const CallEvent& change : *changes) {
        if (change.at > evidence.call.startedAt) {
            insertByTime(evidence.events, change);
            continue;
        }
        const auto isSame = [&change](const CallEvent& known) {
            return known.data.value(QLatin1String("service")) == change.data.value(QLatin1String("service"));
        };
        evidence.services.removeIf(isSame);
        evidence.services.append(change);
    }
    RequestFilter filter;
    filter.call = callId;
    QString after;
    do {
        const auto page = log.requests(filter, RequestsAPage, after);
        if (!page)
            return page.error();
        evidence.requests += page->requests;
        after = page->next;
    } while (!after.isEmpty() && evidence.requests.size() < MostRequests);
    evidence.isCut = !after.isEmpty();
    std::reverse(evidence.requests.begin(), evidence.requests.end());
    setAxis(evidence);
    evidence.sounds = soundsOf(evidence, keep, now);
    return evidence;
}

QString withoutNumbers(const QString& text)
{
    // A Sid is two letters and 32 hex digits; files are named by them.
    static const QRegularExpression kept(
        QStringLiteral("\\b[A-Z]{2}[0-9a-fA-F]{32}[\\w.-]*|\\S+://\\S+|\\b\\d{4}-\\d\\d-\\d\\d(?:T[\\d:.]+Z?)?\\b"));
    QString out;
    qsizetype done = 0;
    auto matches = kept.globalMatch(text);
    while (matches.hasNext()) {
        const auto match = matches.next();
        out += maskTelephoneNumbers(QStringView(text).sliced(done, match.capturedStart() - done));
        out += match.captured();
        done = match.capturedEnd();
    }
    return out + maskTelephoneNumbers(QStringView(text).sliced(done));
}

void hideNumbers(CallEvidence& evidence)
{
    evidence.isMasked = true;
    evidence.call.from = withoutNumbers(evidence.call.from);
    evidence.call.to = withoutNumbers(evidence.call.to);
    evidence.started = hidden(evidence.started).toObject();
    evidence.ended = hidden(evidence.ended).toObject();
    for (TranscriptTurn& turn : evidence.turns) {
        for (QString* const text : {&turn.record.callerText, &turn.record.agentText, &turn.record.heardText})
            *text = withoutNumbers(*text);
    }
    for (QList<CallEvent>* const list : {&evidence.events, &evidence.services}) {
        for (CallEvent& event : *list)
            event.data = hidden(event.data).toObject();
    }
    for (RequestRecord& request : evidence.requests) {
        for (RequestField& field : request.parameters)
            field.value = withoutNumbers(field.value);
        request.reason = withoutNumbers(request.reason);
    }
}

} // namespace kav::evidence
