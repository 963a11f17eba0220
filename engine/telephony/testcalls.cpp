// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/testcalls.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/media/wav.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QThread>
#include <QTimer>

#include <algorithm>

namespace kav::telephony {

namespace {

// A caller that hangs up at the engine's end waits no longer for the engine's half of it.
constexpr Milliseconds HangUpTime{300};

Error refused(const QString& why)
{
    return {Error::Code::Invalid, why, {}};
}

/// The lines that hold words.
QStringList spokenLines(const QStringList& say)
{
    QStringList lines;
    for (const QString& line : say) {
        if (const QString words = line.simplified(); !words.isEmpty())
            lines += words;
    }
    return lines;
}

/// What is wrong with a request at first sight; empty when nothing is.
QString problemOf(const TestCallRequest& request)
{
    const QStringList lines = spokenLines(request.say);
    if (lines.isEmpty() && request.wav.isEmpty() && request.digits.isEmpty())
        return QStringLiteral("nothing to say");
    if (lines.size() > TestCalls::Lines)
        return QStringLiteral("more than %1 lines").arg(TestCalls::Lines);
    for (const QString& line : lines) {
        if (line.size() > TestCalls::LineCharacters)
            return QStringLiteral("a line of more than %1 characters").arg(TestCalls::LineCharacters);
    }
    if (request.wav.size() > TestCalls::WavBytes)
        return QStringLiteral("WAV: larger than %1 KB").arg(TestCalls::WavBytes / 1024);
    static const QString keys = QStringLiteral("0123456789*#");
    for (const QChar key : request.digits) {
        if (!keys.contains(key))
            return QStringLiteral("keys: '%1' is not one of 0-9 * #").arg(logSafe(QString(key), 8));
    }
    if (request.digits.size() > TestCalls::Digits)
        return QStringLiteral("more than %1 keys").arg(TestCalls::Digits);
    return {};
}

/// The file as the line carries it.
Result<QByteArray> mulawOf(const QByteArray& file)
{
    const auto wav = media::parseWav(file);
    if (!wav)
        return wav.error();
    if (wav->frames() == 0)
        return refused(QStringLiteral("WAV: it holds no sound"));
    const auto rate = static_cast<std::size_t>(wav->sampleRate);
    if (wav->frames() > rate * std::size_t(TestCalls::LongestWav.count() / 1000))
        return refused(QStringLiteral("WAV: longer than %1 s").arg(TestCalls::LongestWav.count() / 1000));
    const std::vector<qint16> mono = wav->mono();
    const auto pcm = media::resampled(mono, wav->sampleRate, media::SampleRate);
    if (!pcm)
        return refused(QStringLiteral("WAV: ") + pcm.error().message);
    QByteArray mulaw(static_cast<qsizetype>(pcm->size()), Qt::Uninitialized);
    media::encodeMulaw(*pcm, {reinterpret_cast<quint8*>(mulaw.data()), pcm->size()});
    return mulaw;
}

Result<std::vector<ScriptStep>> scriptOf(const TestCallRequest& request, const TextToSpeechFunction& speech)
{
    std::vector<ScriptStep> steps;
    if (request.wav.isEmpty()) {
        steps = scriptFromFlags({}, spokenLines(request.say), request.digits);
        if (const auto loaded = loadScriptAudio(steps, {}, speech); !loaded)
            return loaded.error();
    } else {
        auto sound = mulawOf(request.wav);
        if (!sound)
            return sound.error();
        steps = scriptFromFlags({QStringLiteral("(the file)")}, {}, request.digits);
        const auto play = std::find_if(
            steps.begin(), steps.end(), [](const ScriptStep& step) { return step.kind == ScriptStep::Kind::Play; });
        play->audio = std::move(sound).value();
    }
    // How long the agent speaks is its own affair; the whole call has its limit.
    for (ScriptStep& step : steps) {
        if (step.kind == ScriptStep::Kind::WaitAgentSilent || step.kind == ScriptStep::Kind::Finish)
            step.within = TestCalls::LongestCall;
    }
    return steps;
}

} // namespace

struct TestCalls::Private final {
    Private(TestCalls* owner, const CallSettings& reach, TextToSpeechFunction voice, const Clock& time)
        : q(owner)
        , settings(reach)
        , speech(std::move(voice))
        , clock(time)
    {
    }

    // On the test calls' thread.
    void place(const TestCallRequest& request, const std::function<void(const Result<QString>&)>& done);
    void onFinished(LoopbackCaller* caller);
    void hangUpAll();

    /// To the control thread; dropped when the object has gone.
    template <typename Functor> void tell(Functor functor)
    {
        QMetaObject::invokeMethod(q, std::move(functor), Qt::QueuedConnection);
    }
    QList<LoopbackCaller*> callers() const
    {
        return anchor->findChildren<LoopbackCaller*>(QString(), Qt::FindDirectChildrenOnly);
    }

    TestCalls* const q;
    const CallSettings settings;
    const TextToSpeechFunction speech;
    const Clock& clock;
    QThread thread;
    QObject* anchor = nullptr; // lives and dies on the thread; the callers' parent
    bool isStopping = false; // on the thread
    int underWay = 0; // on the control thread
};

TestCalls::TestCalls(const CallSettings& settings, TextToSpeechFunction speech, const Clock& clock)
    : d(std::make_unique<Private>(this, settings, std::move(speech), clock))
{
    d->anchor = new QObject;
    d->anchor->moveToThread(&d->thread);
    connect(&d->thread, &QThread::finished, d->anchor, &QObject::deleteLater);
    d->thread.setObjectName(QStringLiteral("test-calls"));
    d->thread.start();
}

TestCalls::~TestCalls()
{
    QMetaObject::invokeMethod(
        d->anchor, [this] { d->hangUpAll(); }, Qt::QueuedConnection);
    d->thread.wait();
}

void TestCalls::start(const TestCallRequest& request, std::function<void(const Result<QString>&)> done)
{
    KAV_ASSERT_THREAD(this);
    std::optional<Error> error;
    if (const QString problem = problemOf(request); !problem.isEmpty())
        error = refused(problem);
    else if (d->underWay >= AtOnce)
        error = Error{Error::Code::LimitExceeded, QStringLiteral("%1 test calls are under way").arg(AtOnce), {}};
    if (error) {
        d->tell([done = std::move(done), error] { done(*error); });
        return;
    }
    ++d->underWay;
    QMetaObject::invokeMethod(
        d->anchor, [this, request, done = std::move(done)] { d->place(request, done); }, Qt::QueuedConnection);
}

int TestCalls::live() const
{
    KAV_ASSERT_THREAD(this);
    return d->underWay;
}

void TestCalls::Private::place(const TestCallRequest& request, const std::function<void(const Result<QString>&)>& done)
{
    auto script = scriptOf(request, speech);
    if (isStopping)
        return; // while the words were made
    if (!script) {
        tell([this, done, error = script.error()] {
            --underWay;
            done(error);
        });
        return;
    }
    CallSettings call = settings;
    StreamIds ids = StreamIds::random();
    if (settings.ids)
        ids.accountSid = settings.ids->accountSid;
    call.ids = ids;
    call.script = std::move(script).value();
    call.extraFields.append(testField());
    call.longest = std::min(call.longest, LongestCall);
    auto* const caller = new LoopbackCaller(std::move(call), clock, anchor);
    QObject::connect(caller, &LoopbackCaller::finished, anchor, [this, caller] { onFinished(caller); });
    tell([done, callSid = ids.callSid] { done(callSid); });
    caller->start();
}

void TestCalls::Private::onFinished(LoopbackCaller* caller)
{
    const CallOutcome outcome = caller->outcome();
    caller->deleteLater();
    tell([this, outcome] {
        --underWay;
        Q_EMIT q->finished(outcome.callSid, outcome.ok, outcome.reason);
    });
    const QList<LoopbackCaller*> all = callers();
    const bool isLast = std::all_of(all.begin(), all.end(), [](const auto* one) { return one->isFinished(); });
    if (isStopping && isLast)
        thread.quit();
}

void TestCalls::Private::hangUpAll()
{
    isStopping = true;
    const QList<LoopbackCaller*> all = callers();
    for (LoopbackCaller* caller : all)
        caller->hangUp();
    if (all.isEmpty())
        thread.quit();
    else
        QTimer::singleShot(HangUpTime, anchor, [this] { thread.quit(); });
}

} // namespace kav::telephony
