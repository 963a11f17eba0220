// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "engine/media/wav.h"
#include "shared/core/result.h"

#include <QDateTime>
#include <QObject>
#include <QString>
#include <QThread>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

QT_FORWARD_DECLARE_CLASS(QTimer)

namespace kav::session {

/// A call's recorded frames between its worker, which writes, and the store's thread, which reads: a ring of fixed size
/// without locks. A full ring drops; what was dropped is counted, and is silence in the file, which keeps its time.
class RecordingPipe final {
public:
    using StereoFrame = std::array<quint8, 2 * media::FrameSamples>; ///< mu-law, caller and agent by turns
    static constexpr quint32 Frames = 256; ///< 5 s for the disk to catch up in

    RecordingPipe()
        : m_slots(Frames)
    {
    }
    Q_DISABLE_COPY_MOVE(RecordingPipe)

    /// Worker: where the next frame goes; null when there is no room.
    StereoFrame* beginWrite();
    void endWrite();
    void drop(); ///< instead of the two
    quint64 dropped() const { return m_dropped.load(std::memory_order_relaxed); } ///< frames
    /// The file cannot be written any more: there is no use in going on.
    bool isBroken() const { return m_broken.load(std::memory_order_relaxed); }

private:
    friend class RecordingStore;
    struct Slot final {
        StereoFrame stereo;
        quint32 droppedBefore = 0;
    };

    std::vector<Slot> m_slots;
    std::atomic<quint32> m_written{0}, m_read{0}; // only grow
    std::atomic<quint64> m_dropped{0};
    std::atomic<bool> m_broken{false};
    quint32 m_droppedBefore = 0; // worker only
};

/// A recording that is whole, or as whole as it will get.
struct KeptRecording final {
    QString ref; ///< the file's name
    QString callId;
    std::chrono::milliseconds length{0};
    std::chrono::milliseconds lost{0}; ///< of it: silence, for the disk did not keep up
    qint64 bytes = 0;
    QString problem; ///< why it ends before the call did; empty: it does not
};

/// Keeps recordings of calls as mu-law WAV, caller left, agent right, readable by their owner only. The files live on a
/// thread of the store's own, which fetches what the workers have put into the pipes. A recording grows on disk under a
/// name that says so ("CA1.part.wav", which plays) and gets its own when it is whole; what a program that died left is
/// finished at the next start. Owned by the composition root; the methods may be called from any thread.
class RecordingStore final : public QObject {
    Q_OBJECT
public:
    explicit RecordingStore(const QString& directory);
    ~RecordingStore() override; ///< writes everything out and joins the thread

    /// `callId` names the file.
    std::shared_ptr<RecordingPipe> begin(const QString& callId);
    /// What was written to the pipe so far is silenced in that stretch, both sides.
    void silence(const QString& callId, quint64 firstSample, quint64 samples);
    void finish(const QString& callId);
    /// Nothing is kept of it, and kept() does not follow.
    void discard(const QString& callId);

    /// Frames in the fullest pipe when they were last emptied. Any thread.
    quint32 fullest() const { return m_fullest.load(std::memory_order_relaxed); }

    /// Waits until what the pipes hold is with the file system. Not for a thread that carries calls.
    void flush();

    static QString refOf(const QString& callId) { return callId + QLatin1String(".wav"); }
    static QString growingRefOf(const QString& callId) { return callId + QLatin1String(".part.wav"); }

    /// Runs on the store's thread before each write; for tests of a disk that stalls.
    void setDelay(std::function<void()> delay);

Q_SIGNALS:
    /// From the store's thread, once for each begin() that was not discarded.
    void kept(const kav::session::KeptRecording& recording);

private:
    struct Open final {
        std::shared_ptr<RecordingPipe> pipe;
        std::unique_ptr<media::WavWriter> writer;
        QString problem;
    };
    void post(std::function<void()> work);
    void adoptLeftovers();
    void drainAll();
    void drain(const QString& callId, Open& open);
    void fail(const QString& callId, Open& open, const Error& error);
    void close(const QString& callId, Open& open);

    const QString m_directory;
    QThread m_thread;
    std::unique_ptr<QObject> m_anchor; // lives on the thread
    QTimer* m_timer = nullptr; // child of the anchor
    std::atomic<quint32> m_fullest{0};
    // store's thread only
    std::map<QString, Open> m_open;
    std::function<void()> m_delay;
    std::vector<quint8> m_batch;
};

} // namespace kav::session

Q_DECLARE_METATYPE(kav::session::KeptRecording)
