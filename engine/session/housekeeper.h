// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QDateTime>
#include <QList>
#include <QObject>
#include <QString>
#include <QThread>

#include <atomic>
#include <memory>

namespace kav::session {

/// How long callers' voices are kept, and how much of them.
struct KeepSettings final {
    QString recordingsDir, messagesDir;
    Milliseconds recordings{std::chrono::hours(30 * 24)}; ///< then they are deleted; 0: never for their age
    Milliseconds messages{0}; ///< the same
    qint64 diskBytes = 10ll * 1024 * 1024 * 1024; ///< of both together; past it the oldest go; 0: no limit
};

/// A recording or a message that is kept; or a note that Twilio keeps one.
struct StoredSound final {
    enum class Kind { Recording, Message, AtTwilio };
    Kind kind = Kind::Recording;
    QString path, ref, callId;
    QString sid; ///< of AtTwilio: the recording's
    QDateTime at; ///< UTC: written last
    qint64 bytes = 0;
    bool isLive = false; ///< may still grow
    bool isDue = false; ///< somebody asked for its deletion
};
QString soundKindName(StoredSound::Kind kind); ///< "recording", "message", "twilio"

/// All there is, oldest first.
QList<StoredSound> storedSounds(const KeepSettings& settings, const QDateTime& now);
/// What must go now, oldest first: too old, or too much. Nothing that is live. Pure.
QList<StoredSound> soundsToDelete(const QList<StoredSound>& all, const KeepSettings& settings, const QDateTime& now);

/// It is to go at the next look.
bool markTwilioRecordingDue(const StoredSound& sound);

/// Deletes what is due, at the start and every hour, on a thread of its own. Owned by the composition root. Emits, from
/// its thread, what it has deleted, and what Twilio is to be asked to delete; that note stays until forget().
class Housekeeper final : public QObject {
    Q_OBJECT
public:
    Housekeeper(const KeepSettings& settings, const Clock& clock);
    ~Housekeeper() override;

    /// The first look, and from then on every hour.
    void start();
    /// Any thread: one more look.
    void look();
    /// Any thread: Twilio has a recording of the call, which is to go when ours would.
    void noteTwilioRecording(const QString& callId, const QString& sid);
    /// Any thread: one that is to go at once.
    void discardTwilioRecording(const QString& callId, const QString& sid);
    /// Any thread: Twilio has deleted it.
    void forget(const kav::session::StoredSound& sound);

    /// What is on disk, as the last look has found it, and what was added since. Any thread.
    struct Stored final {
        qint64 recordings = 0, messages = 0; ///< bytes
        quint64 deleted = 0; ///< sounds, in all
    };
    Stored stored() const;
    /// Any thread: a recording of so many bytes was closed.
    void noteRecording(qint64 bytes) { m_recordingBytes.fetch_add(bytes, std::memory_order_relaxed); }

Q_SIGNALS:
    void deleted(const kav::session::StoredSound& sound);
    void dueAtTwilio(const kav::session::StoredSound& sound);

private:
    QString writeNote(const QString& callId, const QString& sid) const;
    void lookNow();

    const KeepSettings m_settings;
    const Clock& m_clock;
    QThread m_thread;
    std::unique_ptr<QObject> m_anchor; // lives on the thread
    std::atomic<qint64> m_recordingBytes{0}, m_messageBytes{0};
    std::atomic<quint64> m_deleted{0};
};

} // namespace kav::session

Q_DECLARE_METATYPE(kav::session::StoredSound)
