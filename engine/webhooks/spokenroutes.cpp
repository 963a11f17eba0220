// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/spokenroutes.h"

#include <algorithm>

namespace kav::webhooks {

namespace {

constexpr char TurnPath[] = "/webhook/turn";
constexpr char RecordedPath[] = "/webhook/recorded";
constexpr char AfterStreamPath[] = "/webhook/after_stream";
// As Twilio has them: longer hints are refused, and so is a longer list of them.
constexpr qsizetype LongestHint = 100;

QString addressOf(const char* path, const PublicUrl& base, int step, const char* more = "")
{
    return base.webhook(QStringLiteral("%1?step=%2%3").arg(QLatin1String(path)).arg(step).arg(QLatin1String(more)));
}

/// What is said and sent, in order; neighbouring sentences are one saying.
std::vector<twiml::Prompt> promptsOf(const session::SpokenStep& step)
{
    std::vector<twiml::Prompt> prompts;
    for (const session::SpokenStep::Part& part : step.parts) {
        if (!part.keys.isEmpty()) {
            twiml::Play tones;
            tones.digits = part.keys;
            prompts.push_back(tones);
        } else if (auto* last = prompts.empty() ? nullptr : std::get_if<twiml::Say>(&prompts.back())) {
            last->text += QLatin1Char(' ') + part.text;
        } else {
            prompts.push_back(twiml::Say{part.text, step.language, step.voice});
        }
    }
    return prompts;
}

twiml::Gather gatherOf(const session::SpokenStep& step, const PublicUrl& base)
{
    twiml::Gather gather;
    gather.input = step.speech ? twiml::Gather::Input::KeysAndSpeech : twiml::Gather::Input::Keys;
    gather.action = addressOf(TurnPath, base, step.number);
    gather.timeout = step.patience;
    gather.numDigits = step.keys;
    gather.finishOnKey = step.finish == 0 ? QString() : QString(QLatin1Char(step.finish));
    if (step.speech) {
        gather.language = step.language;
        gather.speechTimeout = step.pause;
        for (const QString& hint : step.hints) {
            // A comma parts hints.
            if (hint.size() <= LongestHint && !hint.contains(QLatin1Char(',')))
                gather.hints += hint;
        }
        gather.profanityFilter = false; // what the caller said is what the caller said
    }
    gather.bargeIn = step.interruptible;
    return gather;
}

twiml::Record recordOf(const session::SpokenStep& step, const PublicUrl& base)
{
    twiml::Record record;
    record.action = addressOf(RecordedPath, base, step.number);
    record.timeout = step.messageEnd;
    record.maxLength = step.longestMessage;
    return record;
}

void append(std::vector<TwimlElement>& verbs, const std::vector<twiml::Prompt>& prompts)
{
    for (const twiml::Prompt& prompt : prompts)
        std::visit([&verbs](const auto& verb) { verbs.emplace_back(verb); }, prompt);
}

} // namespace

std::vector<TwimlElement> spokenTwiml(const session::SpokenStep& step, const PublicUrl& base)
{
    using Then = session::SpokenStep::Then;
    std::vector<TwimlElement> verbs;
    const std::vector<twiml::Prompt> prompts = promptsOf(step);
    switch (step.then) {
    case Then::Listen: {
        twiml::Gather gather = gatherOf(step, base);
        // Keys stop whatever is said inside of Gather, so what is not to be stopped stands before it.
        if (step.interruptible)
            gather.prompts = prompts;
        else
            append(verbs, prompts);
        verbs.emplace_back(gather);
        // Nothing was said or keyed.
        verbs.emplace_back(twiml::Redirect{addressOf(TurnPath, base, step.number)});
        break;
    }
    case Then::Record:
        append(verbs, prompts);
        verbs.emplace_back(recordOf(step, base));
        verbs.emplace_back(twiml::Redirect{addressOf(RecordedPath, base, step.number, "&none=1")});
        break;
    case Then::GoOn:
        append(verbs, prompts);
        verbs.emplace_back(twiml::Redirect{addressOf(TurnPath, base, step.number, "&more=1")});
        break;
    case Then::PassOn:
        append(verbs, prompts);
        // As if a stream had ended: see Transfers.
        verbs.emplace_back(twiml::Redirect{addressOf(AfterStreamPath, base, step.number)});
        break;
    case Then::HangUp:
        append(verbs, prompts);
        verbs.emplace_back(twiml::Hangup{});
        break;
    }
    return verbs;
}

SpokenRoutes::SpokenRoutes(WebhookRouter& router, Hooks hooks)
    : m_hooks(std::move(hooks))
{
    const auto handle = [this](const Webhook& webhook, const WebhookRouter::Reply& reply) { serve(webhook, reply); };
    router.add({TurnPath, handle, {QStringLiteral("SpeechResult"), QStringLiteral("Digits")}, {}});
    router.add({RecordedPath, handle, {QStringLiteral("RecordingSid"), QStringLiteral("RecordingUrl")}, {}});
}

session::SpokenInput SpokenRoutes::inputOf(const Webhook& webhook)
{
    using Kind = session::SpokenInput::Kind;
    const auto isMarked = [&webhook](QStringView name) { return webhook.query.value(name) == QLatin1String("1"); };
    session::SpokenInput input;
    input.step = std::max(0, webhook.query.value(u"step").toInt());
    if (webhook.path == RecordedPath) {
        const QString sid = webhook.value(u"RecordingSid"), url = webhook.value(u"RecordingUrl");
        input.recording = sid.isEmpty() ? url : sid;
        input.kind = isMarked(u"none") || input.recording.isEmpty() ? Kind::NoMessage : Kind::Message;
        input.length = std::chrono::seconds(webhook.number(u"RecordingDuration").value_or(0));
        input.hungUp = webhook.value(u"Digits") == QLatin1String("hangup");
        return input;
    }
    if (isMarked(u"more")) {
        input.kind = Kind::GoOn;
        return input;
    }
    const QString words = webhook.value(u"SpeechResult").simplified(), keys = webhook.value(u"Digits");
    const bool areKeys = !keys.isEmpty() && std::all_of(keys.begin(), keys.end(), [](QChar key) {
        return QStringView(u"0123456789*#ABCD").contains(key);
    });
    input.kind = areKeys ? Kind::Keys : words.isEmpty() ? Kind::Silence : Kind::Words;
    input.text = areKeys ? keys : words;
    if (input.kind == Kind::Words)
        input.confidence = std::clamp(webhook.value(u"Confidence").toDouble(), 0.0, 1.0);
    return input;
}

void SpokenRoutes::serve(const Webhook& webhook, const WebhookRouter::Reply& reply) const
{
    const auto say = [reply, base = webhook.base](const session::SpokenStep& step) {
        reply(net::HttpResponse::xml(writeTwiml(spokenTwiml(step, base))));
    };
    if (m_hooks.take(webhook.callSid, inputOf(webhook), say))
        return;
    if (!m_hooks.unknown || !m_hooks.unknown(webhook, reply))
        reply(net::HttpResponse::xml(writeTwiml({twiml::Hangup{}})));
}

} // namespace kav::webhooks
