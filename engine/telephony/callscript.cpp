// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/callscript.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/media/wav.h"
#include "shared/core/masking.h"

#include <QDir>
#include <QFileInfo>

namespace kav::telephony {

namespace {

using StepKind = ScriptStep::Kind;

constexpr qsizetype MaxScriptBytes = 256 * 1024;
constexpr std::size_t MaxScriptSteps = 1000;
constexpr Milliseconds LongestStep{3'600'000};
constexpr Milliseconds DefaultSilence{600};
constexpr Milliseconds FinishSilence{2000};
/// A stop counts as a stop only when it lasts: words have shorter gaps.
constexpr Milliseconds StopHold{200};

Error scriptError(int line, const QString& what)
{
    return Error{Error::Code::Invalid, QStringLiteral("script line %1: %2").arg(line).arg(what), {}};
}

Result<QStringList> words(QStringView line, int number)
{
    QStringList found;
    QString word;
    bool inWord = false;
    bool quoted = false;
    for (const QChar c : line) {
        if (c == QLatin1Char('"')) {
            quoted = !quoted;
            inWord = true;
        } else if (!quoted && c == QLatin1Char('#') && !inWord) {
            break;
        } else if (!quoted && c.isSpace()) {
            if (inWord)
                found += std::exchange(word, {});
            inWord = false;
        } else {
            word += c;
            inWord = true;
        }
    }
    if (quoted)
        return scriptError(number, QStringLiteral("a quotation mark is not closed"));
    if (inWord)
        found += word;
    return found;
}

std::optional<Milliseconds> durationFrom(const QString& word)
{
    const bool inMs = word.endsWith(QLatin1String("ms"));
    if (!inMs && !word.endsWith(QLatin1Char('s')))
        return std::nullopt;
    bool ok = false;
    const double amount = QStringView(word).chopped(inMs ? 2 : 1).toDouble(&ok);
    const double ms = inMs ? amount : amount * 1000;
    if (!ok || !(ms >= 0) || ms > static_cast<double>(LongestStep.count()))
        return std::nullopt;
    return Milliseconds(static_cast<qint64>(ms));
}

/// Takes `key DURATION` off the end of the words.
Result<bool> takeTail(QStringList& rest, QLatin1String key, Milliseconds& into, int line)
{
    if (rest.size() < 2 || rest.at(rest.size() - 2) != key)
        return false;
    const auto duration = durationFrom(rest.last());
    if (!duration)
        return scriptError(
            line, QStringLiteral("%1 %2: a duration such as 400ms or 2s is wanted").arg(key, logSafe(rest.last(), 40)));
    into = *duration;
    rest.resize(rest.size() - 2);
    return true;
}

bool areKeys(const QString& digits)
{
    static const QString keys = QStringLiteral("0123456789*#ABCDabcdwW");
    for (const QChar c : digits) {
        if (!keys.contains(c))
            return false;
    }
    return !digits.isEmpty();
}

std::optional<StepKind> stepKind(const QString& word)
{
    static const QMap<QString, StepKind> kinds{
        {QStringLiteral("wait-agent-speaking"), StepKind::WaitAgentSpeaking},
        {QStringLiteral("wait-agent-silent"), StepKind::WaitAgentSilent},
        {QStringLiteral("wait-caller-silent"), StepKind::WaitCallerSilent},
        {QStringLiteral("wait"), StepKind::Wait},
        {QStringLiteral("wait-end"), StepKind::WaitEnd},
        {QStringLiteral("finish"), StepKind::Finish},
        {QStringLiteral("play"), StepKind::Play},
        {QStringLiteral("say"), StepKind::Say},
        {QStringLiteral("interrupt"), StepKind::Interrupt},
        {QStringLiteral("noise"), StepKind::Noise},
        {QStringLiteral("dtmf"), StepKind::Dtmf},
        {QStringLiteral("expect-agent-silent"), StepKind::ExpectAgentSilent},
        {QStringLiteral("expect-mark"), StepKind::ExpectMark},
        {QStringLiteral("hangup"), StepKind::Hangup},
    };
    const auto found = kinds.constFind(word);
    return found == kinds.cend() ? std::nullopt : std::optional(*found);
}

/// The words after the step's name. An empty string: fine; else what is wrong.
QString readOperands(ScriptStep& step, QStringList rest)
{
    switch (step.kind) {
    case StepKind::Wait: {
        const auto duration = rest.size() == 1 ? durationFrom(rest.first()) : std::nullopt;
        if (!duration)
            return QStringLiteral("wait needs one duration such as 500ms");
        step.duration = *duration;
        step.within = *duration + Milliseconds(1000);
        return {};
    }
    case StepKind::Interrupt: {
        const auto after =
            rest.size() >= 4 && rest.at(0) == QLatin1String("after") && rest.at(2) == QLatin1String("play")
            ? durationFrom(rest.at(1))
            : std::nullopt;
        if (!after)
            return QStringLiteral("wanted: interrupt after DURATION play FILE...");
        step.duration = *after;
        step.files = rest.mid(3);
        return {};
    }
    case StepKind::Play:
        step.files = rest;
        return rest.isEmpty() ? QStringLiteral("play needs at least one file") : QString();
    case StepKind::Say:
        step.text = rest.join(QLatin1Char(' '));
        return step.text.isEmpty() ? QStringLiteral("say needs a text") : QString();
    case StepKind::Noise: {
        if (rest == QStringList{QStringLiteral("off")})
            return {};
        bool ok = false;
        const double level = rest.size() == 1 ? rest.first().toDouble(&ok) : 0;
        if (!ok || !(level >= -90 && level <= -6))
            return QStringLiteral("noise needs a level from -90 to -6 (dBFS), or off");
        step.noiseDbfs = level;
        return {};
    }
    case StepKind::Dtmf:
        step.text = rest.join(QString());
        return areKeys(step.text) ? QString() : QStringLiteral("dtmf takes 0-9 * # A-D and w");
    case StepKind::ExpectMark:
        step.text = rest.value(0);
        return rest.size() > 1 ? QStringLiteral("expect-mark takes one name at most") : QString();
    case StepKind::WaitAgentSpeaking:
    case StepKind::WaitAgentSilent:
    case StepKind::WaitCallerSilent:
    case StepKind::WaitEnd:
    case StepKind::Finish:
    case StepKind::ExpectAgentSilent:
    case StepKind::Hangup:
        return rest.isEmpty() ? QString() : QStringLiteral("%1 is not understood").arg(logSafe(rest.first(), 40));
    }
    return {};
}

} // namespace

Result<std::vector<ScriptStep>> parseScript(QStringView text)
{
    if (text.size() > MaxScriptBytes)
        return Error{Error::Code::LimitExceeded, QStringLiteral("the script is longer than 256 KiB"), {}};
    std::vector<ScriptStep> steps;
    int number = 0;
    for (const QStringView line : text.split(QLatin1Char('\n'))) {
        ++number;
        auto split = words(line, number);
        if (!split)
            return split.error();
        QStringList rest = std::move(split).value();
        if (rest.isEmpty())
            continue;
        const QString name = rest.takeFirst();
        const auto kind = stepKind(name);
        if (!kind)
            return scriptError(number, QStringLiteral("unknown step %1").arg(logSafe(name, 40)));
        ScriptStep step;
        step.kind = *kind;
        step.line = number;
        step.source = line.trimmed().toString();
        if (step.kind == StepKind::WaitAgentSilent)
            step.duration = DefaultSilence;
        // Free text may end in anything.
        if (step.kind != StepKind::Say) {
            const auto within = takeTail(rest, QLatin1String("within"), step.within, number);
            if (!within)
                return within.error();
            if (step.kind == StepKind::ExpectAgentSilent && !*within)
                return scriptError(number, QStringLiteral("wanted: expect-agent-silent within DURATION"));
        }
        if (step.kind == StepKind::Play || step.kind == StepKind::Interrupt) {
            const auto gap = takeTail(rest, QLatin1String("gap"), step.gap, number);
            if (!gap)
                return gap.error();
        }
        if (step.kind == StepKind::WaitAgentSilent) {
            const auto silence = takeTail(rest, QLatin1String("for"), step.duration, number);
            if (!silence)
                return silence.error();
        }
        if (const QString problem = readOperands(step, rest); !problem.isEmpty())
            return scriptError(number, problem);
        if (steps.size() == MaxScriptSteps)
            return scriptError(number, QStringLiteral("more than %1 steps").arg(MaxScriptSteps));
        steps.push_back(std::move(step));
    }
    if (steps.empty())
        return Error{Error::Code::Invalid, QStringLiteral("the script has no step"), {}};
    return steps;
}

std::vector<ScriptStep> scriptFromFlags(const QStringList& files, const QStringList& say, const QString& digits)
{
    std::vector<ScriptStep> steps;
    const auto add = [&steps](StepKind kind, const QString& source) -> ScriptStep& {
        ScriptStep step;
        step.kind = kind;
        step.source = source;
        steps.push_back(step);
        return steps.back();
    };
    const auto awaitTurn = [&add] {
        add(StepKind::WaitAgentSpeaking, QStringLiteral("wait-agent-speaking"));
        add(StepKind::WaitAgentSilent, QStringLiteral("wait-agent-silent")).duration = DefaultSilence;
    };
    for (const QString& file : files) {
        awaitTurn();
        add(StepKind::Play, QStringLiteral("play ") + file).files = QStringList{file};
    }
    for (const QString& text : say) {
        awaitTurn();
        add(StepKind::Say, QStringLiteral("say ") + text).text = text;
    }
    if (!digits.isEmpty()) {
        awaitTurn();
        add(StepKind::Dtmf, QStringLiteral("dtmf ") + digits).text = digits;
    }
    add(StepKind::Finish, QStringLiteral("finish"));
    return steps;
}

Result<QByteArray> loadSound(const QString& name, const QStringList& directories)
{
    QStringList candidates{name, name + QStringLiteral(".wav")};
    if (QDir::isRelativePath(name)) {
        for (const QString& directory : directories) {
            candidates += QDir(directory).filePath(name);
            candidates += QDir(directory).filePath(name + QStringLiteral(".wav"));
        }
    }
    for (const QString& path : std::as_const(candidates)) {
        if (!QFileInfo(path).isFile())
            continue;
        const auto wav = media::readWav(path);
        if (!wav)
            return wav.error();
        const std::vector<qint16> mono = wav->mono();
        const auto pcm = media::resampled(mono, wav->sampleRate, media::SampleRate);
        if (!pcm)
            return Error{pcm.error().code, QStringLiteral("%1: %2").arg(path, pcm.error().message), {}};
        QByteArray mulaw(static_cast<qsizetype>(pcm->size()), Qt::Uninitialized);
        media::encodeMulaw(*pcm, {reinterpret_cast<quint8*>(mulaw.data()), pcm->size()});
        return mulaw;
    }
    return Error{Error::Code::NotFound, QStringLiteral("no sound file %1").arg(logSafe(name)),
        QStringLiteral("looked in: ") + candidates.join(QStringLiteral(", "))};
}

Result<void> loadScriptAudio(
    std::vector<ScriptStep>& steps, const QStringList& directories, const TextToSpeechFunction& speech)
{
    for (ScriptStep& step : steps) {
        const QString where = step.line > 0 ? QStringLiteral("script line %1: ").arg(step.line) : QString();
        for (const QString& file : std::as_const(step.files)) {
            const auto sound = loadSound(file, directories);
            if (!sound)
                return Error{sound.error().code, where + sound.error().message, sound.error().detail};
            if (!step.audio.isEmpty())
                step.audio += QByteArray(step.gap.count() * media::SampleRate / 1000, char(media::MulawSilence));
            step.audio += *sound;
        }
        if (step.kind == StepKind::Say) {
            if (!speech)
                return Error{Error::Code::Unavailable, where + QStringLiteral("there is no synthesiser for say"), {}};
            auto sound = speech(step.text);
            if (!sound)
                return Error{sound.error().code, where + sound.error().message, sound.error().detail};
            step.audio = std::move(sound).value();
        }
    }
    return {};
}

ScriptRunner::ScriptRunner(std::vector<ScriptStep> steps)
    : m_steps(std::move(steps))
{
}

void ScriptRunner::onMark(const QString& name)
{
    m_marks += name;
    if (m_marks.size() > 1000)
        m_marks.removeFirst();
}

void ScriptRunner::fail(const ScriptStep& step, const QString& why)
{
    m_state = State::Failed;
    const QString where = step.line > 0 ? QStringLiteral("script line %1 (%2): ").arg(step.line).arg(step.source)
                                        : QStringLiteral("%1: ").arg(step.source);
    m_reason = where + why;
}

/// The steps that make sense, or have come about, when the engine has ended the call.
bool ScriptRunner::survivesEnd(const ScriptStep& step) const
{
    switch (step.kind) {
    case StepKind::WaitEnd:
    case StepKind::Finish:
    case StepKind::Hangup:
    case StepKind::WaitAgentSilent:
    case StepKind::WaitCallerSilent:
    case StepKind::Wait:
    case StepKind::Noise:
    case StepKind::ExpectAgentSilent:
        return true;
    case StepKind::ExpectMark:
        return step.text.isEmpty() ? !m_marks.isEmpty() : m_marks.contains(step.text);
    case StepKind::WaitAgentSpeaking:
    case StepKind::Play:
    case StepKind::Say:
    case StepKind::Interrupt:
    case StepKind::Dtmf:
        return false;
    }
    return false;
}

ScriptRunner::State ScriptRunner::advance(const ScriptView& view, ScriptActions& actions)
{
    while (m_state == State::Running) {
        if (m_at == m_steps.size()) {
            m_state = State::Passed;
            if (!view.ended)
                actions.hangUp();
            break;
        }
        const ScriptStep& step = m_steps[m_at];
        if (!std::exchange(m_entered, true)) {
            m_since = view.now;
            m_acted = false;
        }
        if (view.ended && !survivesEnd(step)) {
            fail(step, QStringLiteral("the engine ended the call before this was done"));
            break;
        }
        const Outcome outcome =
            view.ended && step.kind != StepKind::ExpectMark ? Outcome::Done : tryStep(step, view, actions);
        if (outcome == Outcome::Failed || outcome == Outcome::Pending)
            break;
        ++m_at;
        m_entered = false;
        if (step.kind == StepKind::Hangup) {
            // The call is over; what follows could never come about.
            m_state = State::Passed;
        }
        if (step.kind == StepKind::Interrupt)
            break; // the view does not know yet that the caller speaks
    }
    return m_state;
}

ScriptRunner::Outcome ScriptRunner::tryStep(const ScriptStep& step, const ScriptView& view, ScriptActions& actions)
{
    const Milliseconds waited = view.now - m_since;
    bool done = false;
    switch (step.kind) {
    case StepKind::WaitAgentSpeaking:
        done = view.agentSpeaking;
        break;
    case StepKind::WaitAgentSilent:
        done = view.agentLastLoud ? view.now - *view.agentLastLoud >= step.duration : waited >= step.duration;
        break;
    case StepKind::WaitCallerSilent:
        done = !view.callerBusy;
        break;
    case StepKind::Wait:
        done = waited >= step.duration;
        break;
    case StepKind::WaitEnd:
        break; // advance() passes it when the engine has ended the call
    case StepKind::Finish:
        done = view.agentLastLoud && *view.agentLastLoud > m_since && !view.agentSpeaking
            && view.now - *view.agentLastLoud >= FinishSilence;
        break;
    case StepKind::Play:
    case StepKind::Say:
        if (!m_acted)
            actions.speak(step.audio, step.kind == StepKind::Say ? step.text : step.files.join(QLatin1Char(' ')));
        done = std::exchange(m_acted, true) && !view.callerBusy;
        // Its own length does not count against its time-out.
        if (!done && waited < step.within + media::durationOf(static_cast<std::size_t>(step.audio.size())))
            return Outcome::Pending;
        break;
    case StepKind::Interrupt:
        if (view.agentSpeaking && view.now - view.agentBegan >= step.duration) {
            actions.speak(step.audio, step.files.join(QLatin1Char(' ')));
            return Outcome::Done;
        }
        break;
    case StepKind::Noise:
        actions.setNoise(step.noiseDbfs);
        return Outcome::Done;
    case StepKind::Dtmf:
        if (!m_acted)
            actions.pressKeys(step.text);
        done = std::exchange(m_acted, true) && !view.callerBusy;
        break;
    case StepKind::ExpectAgentSilent: {
        // Measured from the caller's first loud sample, where there is one to come.
        if (view.callerBusy && !view.callerOnset)
            return waited > Milliseconds(20000)
                ? (fail(step, QStringLiteral("the caller's words have no loud sample")), Outcome::Failed)
                : Outcome::Pending;
        const Milliseconds from = view.callerOnset.value_or(m_since);
        const Milliseconds loud = view.agentLastLoud.value_or(Milliseconds(0));
        if (loud - from > step.within) {
            fail(step,
                QStringLiteral("the agent was still heard %1 ms after the caller began").arg((loud - from).count()));
            return Outcome::Failed;
        }
        if (view.now - from >= step.within && view.now - loud >= StopHold)
            return Outcome::Done;
        return Outcome::Pending;
    }
    case StepKind::ExpectMark:
        if (step.text.isEmpty() ? !m_marks.isEmpty() : m_marks.contains(step.text)) {
            step.text.isEmpty() ? m_marks.removeFirst() : m_marks.remove(0, m_marks.indexOf(step.text) + 1);
            return Outcome::Done;
        }
        break;
    case StepKind::Hangup:
        actions.hangUp();
        return Outcome::Done;
    }
    if (done)
        return Outcome::Done;
    if (waited >= step.within) {
        fail(step, QStringLiteral("did not come about within %1 ms").arg(step.within.count()));
        return Outcome::Failed;
    }
    return Outcome::Pending;
}

} // namespace kav::telephony
