// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/pocketsphinx.h"

#include "engine/media/audio.h"
#include "engine/providers/pocketsphinx/narrowbandmodel.h"
#include "engine/providers/pocketsphinx/pocketsphinxstream.h"
#include "engine/providers/pocketsphinx/sphinxdecoder.h"
#include "engine/providers/pocketsphinx/sphinxgrammar.h"
#include "shared/core/carddigits.h"
#include "shared/core/logging.h"

#include <QFileInfo>
#include <QThreadPool>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace kav::providers {
namespace {

/// Audio crosses to the pool in pieces of this length: small enough for a final within milliseconds of the end, large
/// enough that the call's thread takes the (never contended for long) lock ten times a second, not fifty.
constexpr std::size_t PieceSamples = 800;
/// A step of decoding takes at most this much audio, so that a call that catches up does not hold a thread from others.
constexpr std::size_t StepSamples = 4000;
constexpr int PartialFrames = 20; ///< 200 ms

} // namespace

class StreamCore;

/// What the streams of one recogniser share: compiled grammars, the decoders and who waits for one, counts.
class PocketsphinxSpeechToText::Service final {
public:
    Service(const PocketsphinxSettings& given, QThreadPool& threads, const Clock& time)
        : settings(given)
        , pool(threads)
        , clock(time)
        , grammars(given.dictionary)
        , m_limit(std::max(1, given.decoders > 0 ? given.decoders : threads.maxThreadCount()))
    {
    }

    /// A decoder, preferably one that knows the grammar; or null: `asker` then waits, and grant() brings it one. Loads
    /// a new one where the limit allows, on this thread.
    Result<std::unique_ptr<SphinxDecoder>> borrow(
        const std::shared_ptr<StreamCore>& asker, const CompiledGrammar& grammar);
    void giveBack(std::unique_ptr<SphinxDecoder> decoder);
    /// Hands idle decoders to those who wait, utterances that have ended first.
    void serve();

    const PocketsphinxSettings settings;
    QThreadPool& pool;
    const Clock& clock;
    NarrowbandModel model; // set before the first decoder
    GrammarCompiler grammars;

    mutable std::mutex statisticsMutex;
    PocketsphinxStatistics statistics;

private:
    /// Decoders out of reach of a caller who is still speaking.
    int reserved() const { return m_limit > 1 ? 1 : 0; }
    int available() const { return int(m_idle.size()) + m_limit - m_loaded; }
    void countLoaded();

    const int m_limit;
    std::mutex m_mutex; // guards the rest
    std::vector<std::unique_ptr<SphinxDecoder>> m_idle; // least recently used first
    int m_loaded = 0; // or being loaded
    std::deque<std::weak_ptr<StreamCore>> m_waiting; // first come first
};

/// The part of a stream that the pool works on. Outlives the stream by at most one step.
class StreamCore final : public std::enable_shared_from_this<StreamCore> {
public:
    StreamCore(std::shared_ptr<PocketsphinxSpeechToText::Service> service, QString callId)
        : m_service(std::move(service))
        , m_callId(std::move(callId))
    {
    }
    ~StreamCore()
    {
        if (m_decoder) {
            m_decoder->abandon();
            m_service->giveBack(std::move(m_decoder));
        }
    }
    Q_DISABLE_COPY_MOVE(StreamCore)

    // ---- the stream's thread
    void attach(PocketsphinxStream* receiver);
    void detach();
    bool begin(int id, const RecognitionContext& context);
    void write(int id, std::vector<qint16> pcm);
    void end(int id);
    void drop(int id);

    // ---- the pool, one thread at a time
    /// A decoder for a core that waits; null: ask again.
    void grant(std::unique_ptr<SphinxDecoder> decoder);
    /// Whether what it waits with has ended.
    bool isUrgent() const { return m_urgent; }

private:
    struct Utterance final {
        int id = 0;
        RecognitionContext context;
        // Guarded by m_mutex.
        std::deque<std::vector<qint16>> pieces;
        std::size_t samples = 0; // ever queued
        bool ended = false;
        bool dropped = false;
        // The pool's own.
        bool open = false;
        std::shared_ptr<const CompiledGrammar> grammar;
        std::optional<Instant> waitingSince;
        int frames = 0, partialAt = 0;
        Transcript lastPartial;
    };

    void step();
    void scheduleLocked();
    void startStep();
    enum class Opening { Open, Waiting, Failed };
    Opening open(Utterance& utterance);
    void decode(Utterance& utterance, bool last);
    void retire(Utterance& utterance);
    void fail(Utterance& utterance, const Error& error);
    Transcript transcriptOf(const Hypothesis& hypothesis) const;
    void considerPartial(Utterance& utterance);
    template <typename F> void post(F call);

    const std::shared_ptr<PocketsphinxSpeechToText::Service> m_service;
    const QString m_callId;
    std::atomic<bool> m_urgent{false};

    std::mutex m_mutex; // guards what follows, up to the blank line
    PocketsphinxStream* m_receiver = nullptr;
    std::deque<std::shared_ptr<Utterance>> m_utterances;
    std::unique_ptr<SphinxDecoder> m_granted;
    bool m_scheduled = false; // a step is queued, runs, or waits for a decoder
    bool m_waiting = false; // for a decoder

    std::unique_ptr<SphinxDecoder> m_decoder;
    LineMemory m_memory;
    std::vector<qint16> m_step;
};

// ---- the decoders
// ----------------------------------------------------------------------------------------------------

Result<std::unique_ptr<SphinxDecoder>> PocketsphinxSpeechToText::Service::borrow(
    const std::shared_ptr<StreamCore>& asker, const CompiledGrammar& grammar)
{
    {
        const std::scoped_lock lock(m_mutex);
        if (available() <= (asker && !asker->isUrgent() ? reserved() : 0)) {
            m_waiting.push_back(asker);
            return std::unique_ptr<SphinxDecoder>();
        }
        if (!m_idle.empty()) {
            auto chosen = std::find_if(
                m_idle.begin(), m_idle.end(), [&](const auto& decoder) { return decoder->holds(grammar); });
            if (chosen == m_idle.end())
                chosen = m_idle.begin();
            std::unique_ptr<SphinxDecoder> decoder = std::move(*chosen);
            m_idle.erase(chosen);
            return decoder;
        }
        ++m_loaded;
    }
    auto decoder = SphinxDecoder::create(model.directory());
    if (!decoder) {
        const std::scoped_lock lock(m_mutex);
        --m_loaded;
    }
    countLoaded();
    if (!decoder)
        serve();
    return decoder;
}

void PocketsphinxSpeechToText::Service::giveBack(std::unique_ptr<SphinxDecoder> decoder)
{
    if (decoder) {
        const std::scoped_lock lock(m_mutex);
        m_idle.push_back(std::move(decoder));
    }
    serve();
}

void PocketsphinxSpeechToText::Service::serve()
{
    for (;;) {
        std::shared_ptr<StreamCore> next;
        std::unique_ptr<SphinxDecoder> decoder;
        {
            const std::scoped_lock lock(m_mutex);
            std::erase_if(m_waiting, [](const auto& waiting) { return waiting.expired(); });
            if (available() <= 0)
                return;
            auto chosen = m_waiting.end();
            for (auto it = m_waiting.begin(); it != m_waiting.end() && chosen == m_waiting.end(); ++it) {
                next = it->lock();
                if (next && (next->isUrgent() || available() > reserved()))
                    chosen = it;
            }
            // Those who have ended go before those who came first.
            for (auto it = m_waiting.begin(); it != m_waiting.end(); ++it) {
                const std::shared_ptr<StreamCore> core = it->lock();
                if (core && core->isUrgent()) {
                    next = core;
                    chosen = it;
                    break;
                }
            }
            if (chosen == m_waiting.end())
                return;
            m_waiting.erase(chosen);
            if (!m_idle.empty()) {
                decoder = std::move(m_idle.back());
                m_idle.pop_back();
            }
        }
        next->grant(std::move(decoder));
    }
}

void PocketsphinxSpeechToText::Service::countLoaded()
{
    const std::scoped_lock lock(m_mutex, statisticsMutex);
    statistics.decoders = m_loaded;
}

// ---- a call's utterances, from its thread
// --------------------------------------------------------------------------------

void StreamCore::attach(PocketsphinxStream* receiver)
{
    const std::scoped_lock lock(m_mutex);
    m_receiver = receiver;
}

void StreamCore::detach()
{
    const std::scoped_lock lock(m_mutex);
    m_receiver = nullptr;
    for (const auto& utterance : m_utterances) {
        utterance->dropped = true;
        utterance->pieces.clear();
    }
    scheduleLocked();
}

bool StreamCore::begin(int id, const RecognitionContext& context)
{
    auto utterance = std::make_shared<Utterance>();
    utterance->id = id;
    utterance->context = context;
    const std::scoped_lock lock(m_mutex);
    if (int(m_utterances.size()) >= m_service->settings.waitingUtterances)
        return false;
    m_utterances.push_back(std::move(utterance));
    return true;
}

void StreamCore::write(int id, std::vector<qint16> pcm)
{
    const auto limit = std::size_t(m_service->settings.longestUtterance.count()) * media::SampleRate / 1000;
    std::size_t lost = 0;
    {
        const std::scoped_lock lock(m_mutex);
        for (const auto& utterance : m_utterances) {
            if (utterance->id != id || utterance->ended || utterance->dropped)
                continue;
            const std::size_t room = limit - std::min(limit, utterance->samples);
            lost = pcm.size() - std::min(pcm.size(), room);
            pcm.resize(pcm.size() - lost);
            if (!pcm.empty()) {
                utterance->samples += pcm.size();
                utterance->pieces.push_back(std::move(pcm));
                scheduleLocked();
            }
            break;
        }
    }
    if (lost > 0) {
        const std::scoped_lock lock(m_service->statisticsMutex);
        m_service->statistics.audioDropped += media::durationOf(lost);
    }
}

void StreamCore::end(int id)
{
    bool hurry = false;
    {
        const std::scoped_lock lock(m_mutex);
        for (const auto& utterance : m_utterances) {
            if (utterance->id == id)
                utterance->ended = true;
        }
        scheduleLocked();
        if (m_waiting && !m_utterances.empty() && m_utterances.front()->ended) {
            m_urgent = true;
            hurry = true;
        }
    }
    if (hurry)
        m_service->serve();
}

void StreamCore::drop(int id)
{
    const std::scoped_lock lock(m_mutex);
    for (const auto& utterance : m_utterances) {
        if (utterance->id == id) {
            utterance->dropped = true;
            utterance->pieces.clear();
        }
    }
    scheduleLocked();
}

// ---- and on the pool
// ---------------------------------------------------------------------------------------------------

void StreamCore::grant(std::unique_ptr<SphinxDecoder> decoder)
{
    {
        const std::scoped_lock lock(m_mutex);
        m_granted = std::move(decoder);
    }
    startStep();
}

void StreamCore::scheduleLocked()
{
    if (std::exchange(m_scheduled, true))
        return;
    startStep();
}

void StreamCore::startStep()
{
    m_service->pool.start([self = shared_from_this()] { self->step(); });
}

/// Does a bounded piece of work for the oldest utterance and queues itself again while there is more. Nothing may touch
/// the object's own state after m_scheduled became false, or after borrow() has put it among those who wait.
void StreamCore::step()
{
    const LogCall logged(m_callId);
    std::shared_ptr<Utterance> utterance;
    bool opened = false;
    bool last = false;
    bool idle = false;
    bool abandoned = false;
    {
        const std::scoped_lock lock(m_mutex);
        if (m_granted)
            m_decoder = std::move(m_granted);
        m_waiting = false;
        while (!m_utterances.empty() && m_utterances.front()->dropped) {
            abandoned = abandoned || m_utterances.front()->open;
            m_utterances.pop_front();
        }
        if (!m_utterances.empty())
            utterance = m_utterances.front();
        idle = !utterance || (utterance->pieces.empty() && !utterance->ended);
        // An open utterance keeps its decoder between its pieces; nobody else keeps one.
        if (idle && (!m_decoder || (utterance && utterance->open))) {
            m_scheduled = false;
            return;
        }
        opened = utterance && utterance->open;
        if (opened) {
            m_step.clear();
            while (!utterance->pieces.empty() && m_step.size() < StepSamples) {
                m_step.insert(m_step.end(), utterance->pieces.front().begin(), utterance->pieces.front().end());
                utterance->pieces.pop_front();
            }
            last = utterance->ended && utterance->pieces.empty();
        } else if (utterance) {
            m_urgent = utterance->ended;
            m_waiting = !m_decoder;
        }
    }
    if (abandoned)
        m_decoder->abandon();
    if (idle)
        m_service->giveBack(std::move(m_decoder));
    else if (opened)
        decode(*utterance, last);
    else if (open(*utterance) == Opening::Waiting)
        return; // grant() goes on
    startStep();
}

StreamCore::Opening StreamCore::open(Utterance& utterance)
{
    bool isSilent = false;
    {
        const std::scoped_lock lock(m_mutex); // the stream may be writing
        isSilent = utterance.samples == 0;
    }
    if (isSilent) {
        // Nothing was said: no decoder is needed to know it.
        const int id = utterance.id;
        retire(utterance);
        post([id](PocketsphinxStream& stream) { stream.deliverFinished(id, {}); });
        return Opening::Failed;
    }
    if (!utterance.grammar) {
        const auto compiled = m_service->grammars.compile(utterance.context);
        if (!compiled) {
            fail(utterance, compiled.error());
            return Opening::Failed;
        }
        utterance.grammar = *compiled;
    }
    if (m_decoder && utterance.waitingSince) {
        const Milliseconds waited = elapsed(*utterance.waitingSince, m_service->clock.now());
        const std::scoped_lock lock(m_service->statisticsMutex);
        PocketsphinxStatistics& statistics = m_service->statistics;
        ++statistics.waited;
        statistics.totalWait += waited;
        statistics.longestWait = std::max(statistics.longestWait, waited);
    }
    if (!m_decoder) {
        if (!utterance.waitingSince)
            utterance.waitingSince = m_service->clock.now();
        auto borrowed = m_service->borrow(shared_from_this(), *utterance.grammar);
        if (borrowed && !*borrowed)
            return Opening::Waiting;
        if (!borrowed) {
            fail(utterance, borrowed.error());
            return Opening::Failed;
        }
        m_decoder = std::move(*borrowed);
    }
    auto ready = m_decoder->use(*utterance.grammar);
    if (ready)
        ready = m_decoder->begin(m_memory);
    if (!ready) {
        fail(utterance, ready.error());
        return Opening::Failed;
    }
    utterance.open = true;
    return Opening::Open;
}

void StreamCore::decode(Utterance& utterance, bool last)
{
    m_decoder->process(m_step);
    utterance.frames += int(m_step.size()) * 100 / media::SampleRate;
    if (!last) {
        considerPartial(utterance);
        return;
    }
    m_decoder->end();
    const Transcript transcript = transcriptOf(m_decoder->hypothesis());
    const int id = utterance.id;
    const bool rejected = transcript.text.isEmpty();
    retire(utterance);
    {
        const std::scoped_lock lock(m_service->statisticsMutex);
        ++m_service->statistics.utterances;
        m_service->statistics.rejected += rejected;
    }
    qCDebug(lcStt).noquote() << m_callId << "utterance" << id << "understood as" << maskDigits(transcript.text)
                             << transcript.confidence;
    post([id, transcript](PocketsphinxStream& stream) { stream.deliverFinished(id, transcript); });
}

void StreamCore::considerPartial(Utterance& utterance)
{
    if (utterance.frames - utterance.partialAt < PartialFrames)
        return;
    utterance.partialAt = utterance.frames;
    // Never stable: what a grammar has heard so far is the beginning of a sentence, and the final, which comes within
    // milliseconds of the end, is worth its wait.
    const Transcript partial = transcriptOf(m_decoder->hypothesis());
    if (partial.text.isEmpty() || partial.text == utterance.lastPartial.text)
        return;
    utterance.lastPartial = partial;
    post([id = utterance.id, partial](PocketsphinxStream& stream) { stream.deliverPartial(id, partial); });
}

Transcript StreamCore::transcriptOf(const Hypothesis& hypothesis) const
{
    // What is below the threshold is not "less certain": most of it is something else that was said.
    Transcript transcript;
    const double confidence = hypothesis.confidence();
    if (confidence >= m_service->settings.leastConfidence) {
        transcript.text = hypothesis.text;
        transcript.confidence = confidence;
    }
    return transcript;
}

void StreamCore::fail(Utterance& utterance, const Error& error)
{
    const int id = utterance.id;
    retire(utterance);
    {
        const std::scoped_lock lock(m_service->statisticsMutex);
        ++m_service->statistics.failed;
    }
    qCWarning(lcStt).noquote() << m_callId << "utterance" << id << toString(error);
    post([id, error](PocketsphinxStream& stream) { stream.deliverFailed(id, error); });
}

/// Takes the oldest utterance off the list and lets its decoder go.
void StreamCore::retire(Utterance& utterance)
{
    {
        const std::scoped_lock lock(m_mutex);
        Q_ASSERT(!m_utterances.empty() && m_utterances.front().get() == &utterance);
        m_utterances.pop_front();
    }
    if (m_decoder)
        m_decoder->abandon();
    m_service->giveBack(std::move(m_decoder));
}

template <typename F> void StreamCore::post(F call)
{
    // The lock keeps the stream alive while the event is posted; what is posted to a deleted stream is discarded by Qt.
    const std::scoped_lock lock(m_mutex);
    if (PocketsphinxStream* stream = m_receiver)
        QMetaObject::invokeMethod(
            stream, [stream, call] { call(*stream); }, Qt::QueuedConnection);
}

// ---- the stream
// ------------------------------------------------------------------------------------------------------------

PocketsphinxStream::PocketsphinxStream(std::shared_ptr<StreamCore> core)
    : m_core(std::move(core))
{
    m_core->attach(this);
}

PocketsphinxStream::~PocketsphinxStream()
{
    m_core->detach();
}

void PocketsphinxStream::beginUtterance(int utterance, const RecognitionContext& context)
{
    KAV_ASSERT_THREAD(this);
    if (m_open)
        endUtterance(*m_open);
    m_live.insert(utterance);
    if (!m_core->begin(utterance, context)) {
        const Error error{
            Error::Code::Invalid, QStringLiteral("Too many utterances of this call wait to be understood."), {}};
        QMetaObject::invokeMethod(
            this, [this, utterance, error] { deliverFailed(utterance, error); }, Qt::QueuedConnection);
        return;
    }
    m_open = utterance;
    m_piece.clear();
}

void PocketsphinxStream::write(std::span<const qint16> pcm)
{
    KAV_ASSERT_THREAD(this);
    if (!m_open)
        return;
    m_piece.insert(m_piece.end(), pcm.begin(), pcm.end());
    if (m_piece.size() >= PieceSamples)
        flush();
}

void PocketsphinxStream::endUtterance(int utterance)
{
    KAV_ASSERT_THREAD(this);
    if (m_open != utterance)
        return;
    flush();
    m_open.reset();
    m_core->end(utterance);
}

void PocketsphinxStream::dropUtterance(int utterance)
{
    KAV_ASSERT_THREAD(this);
    if (!m_live.remove(utterance))
        return;
    if (m_open == utterance) {
        m_open.reset();
        m_piece.clear();
    }
    m_core->drop(utterance);
}

void PocketsphinxStream::flush()
{
    if (m_piece.empty())
        return;
    m_core->write(*m_open, std::exchange(m_piece, {}));
    m_piece.reserve(PieceSamples);
}

void PocketsphinxStream::deliverPartial(int utterance, const Transcript& transcript)
{
    if (m_live.contains(utterance)) Q_EMIT
        partial(utterance, transcript);
}

void PocketsphinxStream::deliverFinished(int utterance, const Transcript& transcript)
{
    if (m_live.remove(utterance)) Q_EMIT
        finished(utterance, transcript);
}

void PocketsphinxStream::deliverFailed(int utterance, const Error& error)
{
    if (m_live.remove(utterance)) {
        if (m_open == utterance) {
            m_open.reset();
            m_piece.clear();
        }
        Q_EMIT failed(utterance, error);
    }
}

// ---- the provider
// ------------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<PocketsphinxSpeechToText>> PocketsphinxSpeechToText::create(
    const PocketsphinxSettings& settings, QThreadPool& pool, const Clock& clock)
{
    if (const QFileInfo dictionary(settings.dictionary); !dictionary.isFile() || !dictionary.isReadable())
        return Error{Error::Code::NotFound,
            QStringLiteral("The pronouncing dictionary %1 cannot be read.").arg(settings.dictionary),
            QStringLiteral("Debian package pocketsphinx-en-us")};
    auto service = std::make_shared<Service>(settings, pool, clock);
    auto model = NarrowbandModel::make(settings.modelDirectory);
    if (!model)
        return model.error();
    service->model = std::move(*model);
    auto first = service->borrow(nullptr, CompiledGrammar{});
    if (!first)
        return first.error();
    service->giveBack(std::move(*first));
    return std::shared_ptr<PocketsphinxSpeechToText>(new PocketsphinxSpeechToText(std::move(service)));
}

PocketsphinxSpeechToText::PocketsphinxSpeechToText(std::shared_ptr<Service> service)
    : m_service(std::move(service))
{
}

PocketsphinxSpeechToText::~PocketsphinxSpeechToText() = default;

bool PocketsphinxSpeechToText::speaks(const QString& language) const
{
    return language.startsWith(QLatin1String("en"), Qt::CaseInsensitive);
}

QString PocketsphinxSpeechToText::name() const
{
    return QStringLiteral("pocketsphinx");
}

std::unique_ptr<SpeechToTextStream> PocketsphinxSpeechToText::open(const CallInfo& call)
{
    return std::make_unique<PocketsphinxStream>(std::make_shared<StreamCore>(m_service, call.callId));
}

Result<void> PocketsphinxSpeechToText::prepare(const RecognitionContext& context)
{
    const auto compiled = m_service->grammars.compile(context);
    return compiled ? Result<void>() : Result<void>(compiled.error());
}

PocketsphinxStatistics PocketsphinxSpeechToText::statistics() const
{
    const std::scoped_lock lock(m_service->statisticsMutex);
    return m_service->statistics;
}

} // namespace kav::providers
