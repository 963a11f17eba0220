// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QString>
#include <QStringList>

#include <functional>
#include <optional>
#include <vector>

namespace kav::telephony {

/// Turns text into 8 kHz mu-law; given by the composition root, so that this folder knows no synthesiser.
using TextToSpeechFunction = std::function<Result<QByteArray>(const QString&)>;

/// One thing a scripted caller does or waits for.
struct ScriptStep final {
    enum class Kind {
        WaitAgentSpeaking,
        WaitAgentSilent,
        WaitCallerSilent,
        Wait,
        WaitEnd,
        Finish,
        Play,
        Say,
        Interrupt,
        Noise,
        Dtmf,
        ExpectAgentSilent,
        ExpectMark,
        Hangup,
    };
    Kind kind = Kind::Wait;
    int line = 0; ///< in the script; 0: made from flags
    QString source; ///< the line as written, for messages
    Milliseconds duration{0}; ///< `for`, `after`, or of a `wait`
    Milliseconds within{20000}; ///< the step's time-out
    Milliseconds gap{0}; ///< silence between files
    QStringList files;
    QString text; ///< of `say` and `dtmf`; the name of `expect-mark`
    std::optional<double> noiseDbfs;
    QByteArray audio; ///< mu-law, filled by loadScriptAudio()
};

/// Reads a script: one step a line, `#` begins a comment, words may be quoted, durations are `400ms` or `2s`.
///
///     wait-agent-speaking                     until the agent is heard
///     wait-agent-silent [for 600ms]           until nothing has been heard for so long
///     wait-caller-silent                      until all the caller's own audio has gone out
///     play FILE [FILE...] [gap 150ms]         say recorded words; waits for their end
///     say TEXT                                the same through the synthesiser
///     interrupt after 1200ms play FILE...     wait until the agent has spoken for so long, then speak over it
///     expect-agent-silent within 400ms        the agent stops so soon after the caller's (last) words began
///     expect-mark [NAME]                      a mark has come back that no earlier step has taken
///     noise LEVEL | noise off                 white noise under everything, LEVEL in dBFS, e.g. -50
///     dtmf DIGITS                             0-9 * # A-D, w = half a second
///     wait 500ms
///     hangup                                  the caller hangs up
///     wait-end                                until the engine ends the call
///     finish                                  let the agent finish: its end, or 2 s of silence after it spoke; then
///     hang up
///
/// Each step may end in `within DURATION`; a step that does not come about in that time (20 s by default) fails the
/// call. Errors name the line.
Result<std::vector<ScriptStep>> parseScript(QStringView text);

/// The script for plain flags: each of `files` after a pause of the agent, in order, then `say`, then `digits`, then
/// the end.
std::vector<ScriptStep> scriptFromFlags(const QStringList& files, const QStringList& say, const QString& digits);

/// Reads the files (as they are, or in one of `directories`, with `.wav` added when missing) and renders the texts.
Result<void> loadScriptAudio(
    std::vector<ScriptStep>& steps, const QStringList& directories, const TextToSpeechFunction& speech);

/// A sound file as 8 kHz mu-law.
Result<QByteArray> loadSound(const QString& name, const QStringList& directories);

/// What a running script sees of the call. All times since the stream's start.
struct ScriptView final {
    Milliseconds now{0};
    bool agentSpeaking = false;
    Milliseconds agentBegan{0}; ///< of the present speech
    std::optional<Milliseconds> agentLastLoud;
    std::optional<Milliseconds> callerOnset; ///< first loud frame of the caller's last words
    bool callerBusy = false; ///< audio or keys are still to go out
    bool ended = false; ///< the engine has ended the stream
};

/// What a running script may do.
class ScriptActions {
public:
    virtual ~ScriptActions() = default;
    virtual void speak(const QByteArray& mulaw, const QString& label) = 0;
    virtual void pressKeys(const QString& digits) = 0;
    virtual void setNoise(std::optional<double> dbfs) = 0;
    virtual void hangUp() = 0;
};

/// Takes a script through a call. Pure: told the time and what is heard, every frame. Owned by the caller.
class ScriptRunner final {
public:
    enum class State { Running, Passed, Failed };

    explicit ScriptRunner(std::vector<ScriptStep> steps);

    /// Does as many steps as now come about. Passed: the script is through, and has hung up unless the engine did.
    State advance(const ScriptView& view, ScriptActions& actions);
    void onMark(const QString& name);
    State state() const { return m_state; }
    /// Which step failed, and why.
    QString reason() const { return m_reason; }

private:
    enum class Outcome { Pending, Done, Failed };
    Outcome tryStep(const ScriptStep& step, const ScriptView& view, ScriptActions& actions);
    bool survivesEnd(const ScriptStep& step) const;
    void fail(const ScriptStep& step, const QString& why);

    std::vector<ScriptStep> m_steps;
    std::size_t m_at = 0;
    bool m_entered = false;
    bool m_acted = false;
    Milliseconds m_since{0};
    QStringList m_marks; ///< come back and not taken by an expect-mark
    State m_state = State::Running;
    QString m_reason;
};

} // namespace kav::telephony
