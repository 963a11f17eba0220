// SPDX-License-Identifier: Apache-2.0
#include "engine/session/recordingstore.h"

#include "shared/core/logging.h"

#include <QDir>
#include <QFile>
#include <QTimer>

#include <algorithm>
#include <utility>

namespace kav::session {

namespace {
// Well below what a pipe holds.
constexpr std::chrono::milliseconds FetchEvery{250};
constexpr std::size_t StereoBytes = 2 * media::FrameSamples;
} // namespace

RecordingPipe::StereoFrame* RecordingPipe::beginWrite()
{
    const quint32 written = m_written.load(std::memory_order_relaxed);
    if (written - m_read.load(std::memory_order_acquire) >= Frames)
        return nullptr;
    Slot& slot = m_slots[written % Frames];
    slot.droppedBefore = std::exchange(m_droppedBefore, 0);
    return &slot.stereo;
}

void RecordingPipe::endWrite()
{
    m_written.store(m_written.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void RecordingPipe::drop()
{
    ++m_droppedBefore;
    m_dropped.fetch_add(1, std::memory_order_relaxed);
}

RecordingStore::RecordingStore(const QString& directory)
    : m_directory(directory)
    , m_anchor(std::make_unique<QObject>())
{
    qRegisterMetaType<KeptRecording>();
    m_thread.setObjectName(QStringLiteral("recordings"));
    m_timer = new QTimer(m_anchor.get());
    connect(m_timer, &QTimer::timeout, m_anchor.get(), [this] { drainAll(); });
    m_anchor->moveToThread(&m_thread);
    m_thread.start();
    post([this] { adoptLeftovers(); });
}

RecordingStore::~RecordingStore()
{
    // Queued behind everything that was posted. The timer must go on its own thread.
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this] {
            for (auto& [callId, open] : m_open)
                close(callId, open);
            m_open.clear();
            delete std::exchange(m_timer, nullptr);
        },
        Qt::BlockingQueuedConnection);
    m_thread.quit();
    m_thread.wait();
}

void RecordingStore::post(std::function<void()> work)
{
    QMetaObject::invokeMethod(m_anchor.get(), std::move(work), Qt::QueuedConnection);
}

void RecordingStore::setDelay(std::function<void()> delay)
{
    post([this, delay = std::move(delay)] { m_delay = delay; });
}

void RecordingStore::flush()
{
    QMetaObject::invokeMethod(
        m_anchor.get(), [this] { drainAll(); }, Qt::BlockingQueuedConnection);
}

/// The program died in mid-call: the file is good up to its last second, and nobody writes it any more.
void RecordingStore::adoptLeftovers()
{
    const QDir directory(m_directory);
    for (const QString& name : directory.entryList({QStringLiteral("*.part.wav")}, QDir::Files)) {
        const QString whole = name.chopped(9) + QLatin1String(".wav");
        if (QFile::rename(directory.filePath(name), directory.filePath(whole)))
            qCInfo(lcSession).noquote() << "the recording" << whole << "was cut short when the engine died";
    }
}

std::shared_ptr<RecordingPipe> RecordingStore::begin(const QString& callId)
{
    auto pipe = std::make_shared<RecordingPipe>();
    post([this, callId, pipe] {
        QDir().mkpath(m_directory);
        Open& open = m_open[callId];
        open.pipe = pipe;
        auto writer = media::WavWriter::create(
            QDir(m_directory).filePath(growingRefOf(callId)), media::SampleRate, 2, media::WavWriter::Encoding::Mulaw);
        if (writer)
            open.writer = std::move(*writer);
        else
            fail(callId, open, writer.error());
        if (m_timer && !m_timer->isActive())
            m_timer->start(FetchEvery);
    });
    return pipe;
}

void RecordingStore::silence(const QString& callId, quint64 firstSample, quint64 samples)
{
    post([this, callId, firstSample, samples] {
        const auto found = m_open.find(callId);
        if (found == m_open.end())
            return;
        drain(callId, found->second);
        if (!found->second.writer)
            return;
        const auto done = found->second.writer->silence(firstSample, samples);
        if (!done)
            fail(callId, found->second, done.error());
    });
}

void RecordingStore::finish(const QString& callId)
{
    post([this, callId] {
        const auto found = m_open.find(callId);
        if (found == m_open.end())
            return;
        close(callId, found->second);
        m_open.erase(found);
        if (m_open.empty() && m_timer) {
            m_timer->stop();
            m_fullest.store(0, std::memory_order_relaxed);
        }
    });
}

void RecordingStore::discard(const QString& callId)
{
    post([this, callId] {
        m_open.erase(callId);
        QFile::remove(QDir(m_directory).filePath(growingRefOf(callId)));
    });
}

void RecordingStore::drainAll()
{
    quint32 fullest = 0;
    for (const auto& [callId, open] : m_open)
        fullest = std::max(fullest, open.pipe->m_written.load(std::memory_order_relaxed)
                - open.pipe->m_read.load(std::memory_order_relaxed));
    m_fullest.store(fullest, std::memory_order_relaxed);
    for (auto& [callId, open] : m_open)
        drain(callId, open);
}

void RecordingStore::drain(const QString& callId, Open& open)
{
    RecordingPipe& pipe = *open.pipe;
    const quint32 written = pipe.m_written.load(std::memory_order_acquire);
    quint32 read = pipe.m_read.load(std::memory_order_relaxed);
    m_batch.clear();
    if (read != written && m_delay)
        m_delay();
    for (; read != written; ++read) {
        const RecordingPipe::Slot& slot = pipe.m_slots[read % RecordingPipe::Frames];
        m_batch.insert(m_batch.end(), slot.droppedBefore * StereoBytes, media::MulawSilence);
        m_batch.insert(m_batch.end(), slot.stereo.begin(), slot.stereo.end());
    }
    pipe.m_read.store(read, std::memory_order_release);
    if (!open.writer || m_batch.empty())
        return;
    const auto done = open.writer->writeMulaw(m_batch);
    if (!done)
        fail(callId, open, done.error());
}

void RecordingStore::fail(const QString& callId, Open& open, const Error& error)
{
    const LogCall logged(callId);
    if (!open.problem.isEmpty())
        return;
    open.problem = error.message;
    open.pipe->m_broken.store(true, std::memory_order_relaxed);
    qCWarning(lcSession).noquote() << QString(QStringLiteral("call=") + callId)
                                   << "is not recorded any more:" << toString(error);
}

void RecordingStore::close(const QString& callId, Open& open)
{
    drain(callId, open);
    // What was dropped at the very end belongs to the length as well.
    const quint64 owed = open.writer ? open.pipe->m_droppedBefore : 0;
    if (owed > 0 && open.problem.isEmpty())
        static_cast<void>(open.writer->writeMulaw(std::vector<quint8>(owed * StereoBytes, media::MulawSilence)).ok());
    KeptRecording kept;
    kept.ref = refOf(callId);
    kept.callId = callId;
    kept.lost = open.pipe->dropped() * media::FrameDuration;
    kept.problem = open.problem;
    if (open.writer) {
        if (const auto closed = open.writer->close(); !closed && kept.problem.isEmpty())
            kept.problem = closed.error().message;
        kept.length = media::durationOf(open.writer->frames());
        const QDir directory(m_directory);
        const QString whole = directory.filePath(kept.ref);
        QFile::remove(whole); // of a call that was taken up again: rename() replaces nothing
        if (!QFile::rename(directory.filePath(growingRefOf(callId)), whole) && kept.problem.isEmpty())
            kept.problem = QStringLiteral("%1 cannot be given its name").arg(kept.ref);
        kept.bytes = QFile(whole).size();
    }
    open.writer.reset();
    Q_EMIT this->kept(kept);
}

} // namespace kav::session
