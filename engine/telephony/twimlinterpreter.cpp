// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimlinterpreter.h"

#include "engine/telephony/twiliopeer.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::telephony {

namespace {

/// A voice says a letter in so long; a file of unknown length plays for so long.
constexpr Milliseconds LetterTime{65}, ShortestSaying{300}, FileTime{3000}, KeyTime{250}, WaitKeyTime{500};
constexpr Milliseconds AutomaticSpeechEnd{1000};
constexpr Milliseconds Forever{24 * 3600 * 1000};
constexpr Milliseconds BeepTime{500};

Milliseconds secondsIn(const TwimlVerb& verb, const char* name, int otherwise)
{
    bool ok = false;
    const int seconds = verb.attribute(QLatin1String(name)).toInt(&ok);
    return std::chrono::seconds(ok && seconds >= 0 ? seconds : otherwise);
}

bool flagIn(const TwimlVerb& verb, const char* name, bool otherwise)
{
    const QString text = verb.attribute(QLatin1String(name));
    return text.isEmpty() ? otherwise : text == QLatin1String("true");
}

/// How long the voice or the file is heard.
Milliseconds lengthOf(const TwimlVerb& verb)
{
    Milliseconds once{0};
    if (verb.kind == TwimlVerb::Kind::Say) {
        once = std::max(ShortestSaying, LetterTime * int(verb.text.size()));
    } else {
        const QString digits = verb.attribute(QStringLiteral("digits"));
        for (const QChar digit : digits)
            once += digit.toLower() == QLatin1Char('w') ? WaitKeyTime : KeyTime;
        if (digits.isEmpty())
            once = FileTime;
    }
    bool ok = false;
    const int loop = verb.attribute(QStringLiteral("loop")).toInt(&ok);
    if (!ok || loop < 0)
        return once;
    return loop == 0 ? Forever : once * std::min(loop, 1000);
}

} // namespace

TwimlInterpreter::TwimlInterpreter(TwimlLine& line, double confidence)
    : m_line(line)
    , m_confidence(confidence)
{
}

QUrl TwimlInterpreter::resolved(const QString& reference) const
{
    return m_url.isEmpty() ? QUrl(reference) : m_url.resolved(QUrl(reference));
}

void TwimlInterpreter::obey(const TwimlDocument& document, const QUrl& url, Instant now)
{
    drop();
    m_url = url;
    m_verbs.assign(document.verbs().begin(), document.verbs().end());
    m_doing = Doing::Nothing;
    next(now);
}

void TwimlInterpreter::drop()
{
    m_verbs.clear();
    m_prompts.clear();
    m_digits.clear();
    m_speech.clear();
    m_prompting = m_promptIsHeard = false;
    m_recorded = Milliseconds(0);
    m_doing = Doing::Nothing;
}

bool TwimlInterpreter::isSpeaking() const
{
    return m_promptIsHeard && (m_doing == Doing::Saying || (m_doing == Doing::Gathering && m_prompting));
}

/// Goes on with the document until a verb takes time.
void TwimlInterpreter::next(Instant now)
{
    m_doing = Doing::Nothing;
    while (m_doing == Doing::Nothing) {
        if (m_verbs.empty()) {
            m_doing = Doing::Ended;
            m_line.documentEnded(false, {});
            return;
        }
        const TwimlVerb verb = std::move(m_verbs.front());
        m_verbs.pop_front();
        begin(verb, now);
    }
}

void TwimlInterpreter::begin(const TwimlVerb& verb, Instant now)
{
    using VerbKind = TwimlVerb::Kind;
    m_verb = verb;
    switch (verb.kind) {
    case VerbKind::Connect: {
        const TwimlVerb* stream = verb.child(VerbKind::Stream);
        if (stream == nullptr) {
            m_line.note(QStringLiteral("connect"), QStringLiteral("to something other than a stream: skipped"));
            return;
        }
        m_doing = Doing::Streaming;
        m_line.openStream(verb, *stream);
        return;
    }
    case VerbKind::Say:
    case VerbKind::Play:
        m_doing = Doing::Saying;
        say(lengthOf(verb), verb, now);
        return;
    case VerbKind::Pause:
        m_doing = Doing::Pausing;
        say(secondsIn(verb, "length", 1), verb, now);
        return;
    case VerbKind::Gather:
        m_conversed = true;
        m_doing = Doing::Gathering;
        m_digits.clear();
        m_speech.clear();
        m_line.note(QStringLiteral("gather"), verb.attribute(QStringLiteral("input")));
        m_prompts.assign(verb.children.begin(), verb.children.end());
        nextPrompt(now);
        return;
    case VerbKind::Record:
        m_conversed = true;
        m_doing = Doing::Recording;
        m_recorded = Milliseconds(0);
        m_since = now;
        m_until = now + (flagIn(verb, "playBeep", true) ? BeepTime : Milliseconds(0));
        m_until += secondsIn(verb, "timeout", 5);
        m_line.note(QStringLiteral("record"), {});
        return;
    case VerbKind::Dial:
        m_conversed = true;
        m_doing = Doing::Dialling;
        m_line.dial(verb);
        return;
    case VerbKind::Redirect:
        m_verbs.clear();
        m_doing = Doing::Fetching;
        m_line.fetchDocument(
            resolved(verb.text), verb.attributes.value(QStringLiteral("method"), QStringLiteral("POST")), {});
        return;
    case VerbKind::Hangup:
    case VerbKind::Reject:
        m_line.note(verb.name.toLower(), verb.attribute(QStringLiteral("reason")));
        m_verbs.clear();
        m_doing = Doing::Ended;
        m_line.documentEnded(true,
            verb.kind == VerbKind::Hangup
                ? QString()
                : verb.attributes.value(QStringLiteral("reason"), QStringLiteral("rejected")));
        return;
    case VerbKind::Start:
        m_line.note(QStringLiteral("start"), {});
        return;
    case VerbKind::Stream:
    case VerbKind::Parameter:
    case VerbKind::Number:
    case VerbKind::Conference:
        m_line.note(QStringLiteral("twiml-warning"), QStringLiteral("<%1> is out of place").arg(verb.name));
        return;
    }
}

void TwimlInterpreter::say(Milliseconds length, const TwimlVerb& verb, Instant now)
{
    m_since = now;
    m_until = now + length;
    m_promptIsHeard = verb.kind != TwimlVerb::Kind::Pause;
    m_line.note(verb.name.toLower(),
        verb.kind == TwimlVerb::Kind::Pause ? QStringLiteral("%1 s").arg(length.count() / 1000)
                                            : logSafe(verb.text, 500));
}

void TwimlInterpreter::stopSaying(Instant now)
{
    if (m_promptIsHeard)
        m_lastSpoke = now;
    m_promptIsHeard = false;
}

void TwimlInterpreter::nextPrompt(Instant now)
{
    while (!m_prompts.empty()) {
        const TwimlVerb prompt = std::move(m_prompts.front());
        m_prompts.pop_front();
        const bool isPause = prompt.kind == TwimlVerb::Kind::Pause;
        if (!isPause && prompt.kind != TwimlVerb::Kind::Say && prompt.kind != TwimlVerb::Kind::Play) {
            m_line.note(QStringLiteral("twiml-warning"), QStringLiteral("<%1> is out of place").arg(prompt.name));
            continue;
        }
        m_prompting = true;
        say(isPause ? secondsIn(prompt, "length", 1) : lengthOf(prompt), prompt, now);
        return;
    }
    m_prompting = false;
    m_since = now;
    m_until = now + secondsIn(m_verb, "timeout", 5);
}

void TwimlInterpreter::advance(Instant now)
{
    switch (m_doing) {
    case Doing::Saying:
    case Doing::Pausing:
        if (now >= m_until) {
            stopSaying(m_until);
            next(m_until); // what took no time of the clock's takes none of the document's
        }
        return;
    case Doing::Gathering:
        if (m_callerSpeaks && !m_prompting)
            return; // the end is not in sight
        if (now < m_until)
            return;
        if (m_prompting) {
            stopSaying(m_until);
            nextPrompt(m_until);
        } else {
            gatherTimedOut(now);
        }
        return;
    case Doing::Recording: {
        const Milliseconds longest = secondsIn(m_verb, "maxLength", 3600);
        if (now - m_since >= longest)
            recorded({}, now);
        else if (!m_callerSpeaks && now >= m_until && m_verb.attribute(QStringLiteral("timeout")) != QLatin1String("0"))
            recorded({}, now);
        return;
    }
    case Doing::Nothing:
    case Doing::Streaming:
    case Doing::Dialling:
    case Doing::Fetching:
    case Doing::Ended:
        return;
    }
}

void TwimlInterpreter::speechBegan(Instant now)
{
    m_callerSpeaks = true;
    if (m_doing == Doing::Gathering && m_prompting
        && m_verb.attribute(QStringLiteral("input")).contains(QLatin1String("speech"))
        && flagIn(m_verb, "bargeIn", true)) {
        stopSaying(now);
        m_prompts.clear();
        m_prompting = false;
    }
}

void TwimlInterpreter::speechEnded(const QString& text, Milliseconds length, Instant now)
{
    m_callerSpeaks = false;
    if (m_doing == Doing::Recording) {
        m_recorded += length;
        m_until = now + secondsIn(m_verb, "timeout", 5);
        return;
    }
    if (m_doing != Doing::Gathering || m_prompting
        || !m_verb.attribute(QStringLiteral("input")).contains(QLatin1String("speech")))
        return; // said to nobody
    m_speech += m_speech.isEmpty() ? text : QLatin1Char(' ') + text;
    const QString wait = m_verb.attribute(QStringLiteral("speechTimeout"));
    m_until = now
        + (wait.isEmpty()                       ? secondsIn(m_verb, "timeout", 5)
                : wait == QLatin1String("auto") ? AutomaticSpeechEnd
                                                : secondsIn(m_verb, "speechTimeout", 1));
}

void TwimlInterpreter::key(QChar digit, Instant now)
{
    if (m_doing == Doing::Recording) {
        if (m_verb.attributes.value(QStringLiteral("finishOnKey"), QStringLiteral("1234567890*#")).contains(digit))
            recorded(QString(digit), now);
        return;
    }
    const QString input = m_verb.attribute(QStringLiteral("input"));
    if (m_doing != Doing::Gathering || (!input.isEmpty() && !input.contains(QLatin1String("dtmf"))))
        return;
    if (m_prompting) {
        stopSaying(now);
        m_prompts.clear();
        m_prompting = false;
    }
    if (m_verb.attributes.value(QStringLiteral("finishOnKey"), QStringLiteral("#")).contains(digit)) {
        gatherTimedOut(now);
        return;
    }
    m_digits += digit;
    m_until = now + secondsIn(m_verb, "timeout", 5);
    bool ok = false;
    const int wanted = m_verb.attribute(QStringLiteral("numDigits")).toInt(&ok);
    if (ok && m_digits.size() >= wanted)
        gatherTimedOut(now);
}

/// No more input comes: what there is counts.
void TwimlInterpreter::gatherTimedOut(Instant now)
{
    if (!m_digits.isEmpty()) {
        gathered({{QStringLiteral("Digits"), m_digits}});
    } else if (!m_speech.isEmpty()) {
        gathered({{QStringLiteral("SpeechResult"), m_speech},
            {QStringLiteral("Confidence"), QString::number(m_confidence)}});
    } else if (flagIn(m_verb, "actionOnEmptyResult", false)) {
        gathered({{QStringLiteral("Digits"), {}}});
    } else {
        m_line.note(QStringLiteral("gather"), QStringLiteral("the caller gives no input"));
        next(now);
    }
}

void TwimlInterpreter::gathered(const QList<FormField>& fields)
{
    follow(m_verb.attribute(QStringLiteral("action")), m_verb.attribute(QStringLiteral("method")), fields);
}

void TwimlInterpreter::recorded(const QString& ended, Instant now, bool callGoesOn)
{
    const QString callback = m_verb.attribute(QStringLiteral("recordingStatusCallback"));
    const QString sid = QStringLiteral("RE") + StreamIds::random().streamSid.mid(2);
    const bool isAbsent = m_recorded <= Milliseconds(0);
    const auto seconds = std::max<qint64>(1, std::chrono::ceil<std::chrono::seconds>(m_recorded).count());
    // What is recorded can be had from Twilio's own host, which is not there: the address is of its form only.
    QList<FormField> fields{
        {QStringLiteral("RecordingUrl"), QStringLiteral("https://api.twilio.com/2010-04-01/Recordings/") + sid},
        {QStringLiteral("RecordingSid"), sid}, {QStringLiteral("RecordingDuration"), QString::number(seconds)}};
    m_line.note(QStringLiteral("record"),
        isAbsent ? QStringLiteral("the caller leaves no message") : QStringLiteral("%1 s recorded").arg(seconds));
    if (!callback.isEmpty())
        m_line.recordingEnded(m_verb, fields, isAbsent);
    if (isAbsent) {
        if (callGoesOn)
            next(now);
        return;
    }
    fields.append({QStringLiteral("Digits"), ended});
    follow(m_verb.attribute(QStringLiteral("action")), m_verb.attribute(QStringLiteral("method")), fields);
}

void TwimlInterpreter::hangUp(Instant now)
{
    if (m_doing == Doing::Recording) {
        if (m_callerSpeaks) // in the middle of a word: what was said so far is there
            m_recorded += std::max(Milliseconds(1), elapsed(m_since, now));
        recorded(QStringLiteral("hangup"), now, false);
    }
    drop();
    m_doing = Doing::Ended;
}

void TwimlInterpreter::streamEnded(const QList<FormField>& fields, Instant now)
{
    const QString action = m_verb.attribute(QStringLiteral("action"));
    if (m_doing != Doing::Streaming)
        return;
    if (action.isEmpty())
        next(now);
    else
        follow(action, m_verb.attribute(QStringLiteral("method")), fields);
}

void TwimlInterpreter::dialEnded(const QList<FormField>& fields, Instant now)
{
    const QString action = m_verb.attribute(QStringLiteral("action"));
    if (m_doing != Doing::Dialling)
        return;
    if (action.isEmpty())
        next(now);
    else
        follow(action, m_verb.attribute(QStringLiteral("method")), fields);
}

/// The action of Gather and Record is the document itself when none is given.
void TwimlInterpreter::follow(const QString& action, const QString& method, const QList<FormField>& fields)
{
    const QUrl url = action.isEmpty() ? m_url : resolved(action);
    m_verbs.clear();
    m_doing = Doing::Fetching;
    m_line.fetchDocument(url, method.isEmpty() ? QStringLiteral("POST") : method, fields);
}

} // namespace kav::telephony
