// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/flite/flitetexttospeech.h"

#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/providers/flite/flitetext.h"
#include "engine/providers/flite/speechshaper.h"

#include <QThreadPool>

#include <flite/flite.h>
#include <mutex>
#include <utility>
#include <vector>

// Not in flite's installed headers; this is how its own programs declare it.
extern "C" cst_voice* register_cmu_us_rms(const char* voxdir);

namespace kav::providers {
namespace {

constexpr int FliteBufferSamples = 256; // flite calls back as soon as it has more than these
constexpr qsizetype FirstChunkBytes = 160; // 20 ms: the first sound goes out at once,
constexpr qsizetype ChunkBytes = 1600; // the rest in 200 ms, to spare the asking thread's event loop
constexpr std::chrono::milliseconds SentenceGap{180}; // between pieces, beside the tail and lead of each
// cmu_us_rms speaks at -20.5 to -21.4 dBFS (RMS of its frames above -50 dBFS, 14 sentences).
constexpr float RmsVoiceGain = 1.11f;

/// flite's voice, registered once for the life of the process. Null when that failed.
cst_voice* rmsVoice()
{
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    static cst_voice* voice = nullptr;
    if (!voice) {
        flite_init();
        voice = register_cmu_us_rms(nullptr);
    }
    return voice;
}

/// Where the samples of one utterance go. Returning false stops the synthesis.
using SampleSink = std::function<bool(std::span<const qint16>)>;

int passOn(const cst_wave* wave, int start, int size, int, cst_audio_streaming_info* info)
{
    static_assert(sizeof(short) == sizeof(qint16));
    const SampleSink& sink = *static_cast<const SampleSink*>(info->userdata);
    return sink({wave->samples + start, size_t(qMax(0, size))}) ? CST_AUDIO_STREAM_CONT : CST_AUDIO_STREAM_STOP;
}

/// Says one piece. The streaming hook belongs to the utterance, not to the voice: the voice stays shared and unwritten.
void synthesise(cst_voice* voice, const QByteArray& piece, const SampleSink& sink)
{
    cst_utterance* utterance = new_utterance();
    utt_set_input_text(utterance, piece.constData());
    cst_audio_streaming_info* info = new_audio_streaming_info();
    info->min_buffsize = FliteBufferSamples;
    info->asc = &passOn;
    info->userdata = const_cast<void*>(static_cast<const void*>(&sink));
    feat_set(utterance->features, "streaming_info", audio_streaming_info_val(info)); // owned by the utterance
    if (cst_utterance* done = flite_do_synth(utterance, voice, utt_synth))
        delete_utterance(done);
}

} // namespace

/// What a Speech and its task share. The task posts under the lock; the Speech takes itself out under the same lock, so
/// nothing is ever posted to one that is gone.
class FliteJob final {
public:
    FliteJob(Speech* speech, std::shared_ptr<std::atomic<int>> waiting)
        : m_speech(speech)
        , m_waiting(std::move(waiting))
    {
        ++*m_waiting;
    }
    ~FliteJob() { --*m_waiting; }
    Q_DISABLE_COPY_MOVE(FliteJob)

    void cancel()
    {
        const std::lock_guard lock(m_mutex);
        m_speech = nullptr;
        m_cancelled = true;
    }
    bool isCancelled() const { return m_cancelled; }
    void postAudio(const QByteArray& mulaw)
    {
        post([mulaw](Speech* speech) { Q_EMIT speech->audio(mulaw); });
    }
    void postFinished()
    {
        post([](Speech* speech) { Q_EMIT speech->finished(); });
    }
    void postFailed(const Error& error)
    {
        post([error](Speech* speech) { Q_EMIT speech->failed(error); });
    }

private:
    template <typename Tell> void post(Tell tell)
    {
        const std::lock_guard lock(m_mutex);
        if (m_speech)
            QMetaObject::invokeMethod(
                m_speech, [speech = m_speech, tell] { tell(speech); }, Qt::QueuedConnection);
    }

    std::mutex m_mutex;
    Speech* m_speech; // null once cancelled
    std::atomic<bool> m_cancelled = false;
    std::shared_ptr<std::atomic<int>> m_waiting;
};

namespace {

/// One speech on its way; lives and dies in its task.
class FliteTask final {
public:
    FliteTask(std::shared_ptr<FliteJob> job, std::shared_ptr<std::atomic<int>> said)
        : m_job(std::move(job))
        , m_said(std::move(said))
    {
    }

    void run(const QList<QByteArray>& pieces)
    {
        cst_voice* voice = rmsVoice();
        auto resampler = media::Resampler::create(16000, media::SampleRate);
        if (!voice || !resampler) {
            m_job->postFailed({Error::Code::Internal, QStringLiteral("flite's voice cannot be had"), {}});
            return;
        }
        for (qsizetype i = 0; i < pieces.size() && !m_job->isCancelled(); ++i) {
            ++*m_said;
            SpeechShaper shaper({.gain = RmsVoiceGain});
            if (i > 0)
                m_pcm.insert(m_pcm.end(), size_t(SentenceGap.count()) * media::SampleRate / 1000, 0);
            synthesise(voice, pieces[i], [&](std::span<const qint16> samples) {
                if (m_job->isCancelled())
                    return false;
                m_narrow.clear();
                resampler.value().process(samples, m_narrow);
                shaper.add(m_narrow, m_pcm);
                send(m_first ? FirstChunkBytes : ChunkBytes);
                return true;
            });
            m_narrow.clear();
            resampler.value().finish(m_narrow);
            shaper.add(m_narrow, m_pcm);
            shaper.finish(m_pcm);
        }
        send(1);
        m_job->postFinished();
    }

private:
    /// Sends all there is, if it is at least `bytes`.
    void send(qsizetype bytes)
    {
        if (qsizetype(m_pcm.size()) < bytes)
            return;
        QByteArray mulaw(qsizetype(m_pcm.size()), Qt::Uninitialized);
        media::encodeMulaw(m_pcm, {reinterpret_cast<quint8*>(mulaw.data()), m_pcm.size()});
        m_pcm.clear();
        m_first = false;
        m_job->postAudio(mulaw);
    }

    std::shared_ptr<FliteJob> m_job;
    std::shared_ptr<std::atomic<int>> m_said;
    std::vector<qint16> m_narrow, m_pcm;
    bool m_first = true;
};

class FliteSpeech final : public Speech {
public:
    FliteSpeech(const std::shared_ptr<std::atomic<int>>& waiting)
        : m_job(std::make_shared<FliteJob>(this, waiting))
    {
    }
    ~FliteSpeech() override { m_job->cancel(); }
    const std::shared_ptr<FliteJob>& job() const { return m_job; }

private:
    std::shared_ptr<FliteJob> m_job;
};

} // namespace

FliteTextToSpeech::FliteTextToSpeech(QThreadPool& pool, const Settings& settings)
    : m_pool(pool)
    , m_settings(settings)
    , m_waiting(std::make_shared<std::atomic<int>>(0))
    , m_said(std::make_shared<std::atomic<int>>(0))
{
}

Result<std::shared_ptr<TextToSpeech>> FliteTextToSpeech::create(QThreadPool& pool, const Settings& settings)
{
    cst_voice* voice = rmsVoice();
    if (!voice)
        return Error{Error::Code::Unavailable, QStringLiteral("flite's voice cmu_us_rms did not load"), {}};
    qsizetype loud = 0;
    synthesise(voice, QByteArrayLiteral("yes"), [&](std::span<const qint16> samples) {
        for (const qint16 sample : samples)
            loud += qAbs(int(sample)) > 1000 ? 1 : 0;
        return true;
    });
    if (loud < 100)
        return Error{Error::Code::Unavailable, QStringLiteral("flite's voice cmu_us_rms makes no sound"), {}};
    return std::shared_ptr<TextToSpeech>(new FliteTextToSpeech(pool, settings));
}

QString FliteTextToSpeech::name() const
{
    return QStringLiteral("flite");
}

bool FliteTextToSpeech::speaks(const QString& language) const
{
    return language.startsWith(QLatin1String("en"), Qt::CaseInsensitive);
}

std::unique_ptr<Speech> FliteTextToSpeech::speak(const SpeechRequest& request)
{
    const bool full = *m_waiting >= m_settings.waiting;
    auto speech = std::make_unique<FliteSpeech>(m_waiting);
    const std::shared_ptr<FliteJob>& job = speech->job();
    const auto text = textForFlite(request.text);
    if (full) {
        job->postFailed(
            {Error::Code::Unavailable, QStringLiteral("%1 speeches are waiting already").arg(m_settings.waiting), {}});
    } else if (!speaks(request.language)) {
        job->postFailed(
            {Error::Code::Invalid, QStringLiteral("flite speaks English only, not ") + request.language.left(20), {}});
    } else if (!request.voice.isEmpty() && request.voice != QLatin1String("cmu_us_rms")) {
        job->postFailed({Error::Code::Invalid,
            QStringLiteral("flite has the voice cmu_us_rms only, not ") + request.voice.left(40), {}});
    } else if (!text) {
        job->postFailed(text.error());
    } else if (text->isEmpty()) {
        job->postFinished();
    } else {
        m_pool.start([job, said = m_said, pieces = *text] { FliteTask(job, said).run(pieces); });
    }
    return speech;
}

int FliteTextToSpeech::piecesSaid() const
{
    return *m_said;
}

} // namespace kav::providers
