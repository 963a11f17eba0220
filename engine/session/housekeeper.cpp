// SPDX-License-Identifier: Apache-2.0
#include "engine/session/housekeeper.h"

#include "shared/core/logging.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTimer>

#include <algorithm>

namespace kav::session {

namespace {

constexpr std::chrono::hours LookAgain{1};
// A message may be written to for as long as one may be; see turn.message_cap.
constexpr std::chrono::hours LongestMessage{1};

const QString GrowingSuffix = QStringLiteral(".part.wav");
const QString NoteSuffix = QStringLiteral(".twilio"), DueSuffix = QStringLiteral(".twilio-due");

void addSounds(QList<StoredSound>& all, const QString& directory, bool messages, const QDateTime& now)
{
    if (directory.isEmpty())
        return; // it would mean wherever the program was started
    const QStringList patterns = messages
        ? QStringList{QStringLiteral("*.wav")}
        : QStringList{QStringLiteral("*.wav"), QLatin1Char('*') + NoteSuffix, QLatin1Char('*') + DueSuffix};
    const QFileInfoList files = QDir(directory).entryInfoList(patterns, QDir::Files);
    for (const QFileInfo& file : files) {
        StoredSound sound;
        sound.path = file.filePath();
        sound.ref = file.fileName();
        sound.at = file.lastModified().toUTC();
        sound.bytes = file.size();
        if (messages) {
            sound.kind = StoredSound::Kind::Message;
            sound.callId = file.completeBaseName().section(QLatin1Char('-'), 0, -2); // CALL-1.wav
            sound.isLive = sound.at.msecsTo(now) < Milliseconds(LongestMessage).count();
        } else if (sound.ref.endsWith(QLatin1String(".wav"))) {
            sound.isLive = sound.ref.endsWith(GrowingSuffix);
            sound.callId = sound.isLive ? sound.ref.chopped(GrowingSuffix.size()) : file.completeBaseName();
        } else {
            sound.kind = StoredSound::Kind::AtTwilio;
            sound.callId = sound.ref.section(QLatin1Char('.'), 0, 0); // CALL.RECORDING.twilio
            sound.sid = sound.ref.section(QLatin1Char('.'), 1, 1);
            sound.isDue = sound.ref.endsWith(DueSuffix);
            sound.bytes = 0;
        }
        all += sound;
    }
}

} // namespace

QString soundKindName(StoredSound::Kind kind)
{
    switch (kind) {
    case StoredSound::Kind::Recording:
        return QStringLiteral("recording");
    case StoredSound::Kind::Message:
        return QStringLiteral("message");
    case StoredSound::Kind::AtTwilio:
        return QStringLiteral("twilio");
    }
    Q_UNREACHABLE();
}

QList<StoredSound> storedSounds(const KeepSettings& settings, const QDateTime& now)
{
    QList<StoredSound> all;
    addSounds(all, settings.recordingsDir, false, now);
    addSounds(all, settings.messagesDir, true, now);
    std::stable_sort(all.begin(), all.end(), [](const StoredSound& a, const StoredSound& b) { return a.at < b.at; });
    return all;
}

QList<StoredSound> soundsToDelete(const QList<StoredSound>& all, const KeepSettings& settings, const QDateTime& now)
{
    qint64 bytes = 0;
    for (const StoredSound& sound : all)
        bytes += sound.bytes;
    QList<StoredSound> due;
    for (const StoredSound& sound : all) { // oldest first
        const Milliseconds keep = sound.kind == StoredSound::Kind::Message ? settings.messages : settings.recordings;
        const bool isOld = keep.count() > 0 && sound.at.msecsTo(now) >= keep.count();
        const bool isTooMuch = settings.diskBytes > 0 && bytes > settings.diskBytes && sound.bytes > 0;
        if (sound.isLive || !(isOld || isTooMuch || sound.isDue))
            continue;
        bytes -= sound.bytes;
        due += sound;
    }
    return due;
}

bool markTwilioRecordingDue(const StoredSound& sound)
{
    return sound.isDue || QFile::rename(sound.path, sound.path.chopped(NoteSuffix.size()) + DueSuffix);
}

Housekeeper::Housekeeper(const KeepSettings& settings, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
    , m_anchor(std::make_unique<QObject>())
{
    qRegisterMetaType<StoredSound>();
    m_thread.setObjectName(QStringLiteral("housekeeping"));
    m_anchor->moveToThread(&m_thread);
    m_thread.start();
}

Housekeeper::~Housekeeper()
{
    // Its timer must go on its own thread.
    QMetaObject::invokeMethod(
        m_anchor.get(), [this] { qDeleteAll(m_anchor->children()); }, Qt::BlockingQueuedConnection);
    m_thread.quit();
    m_thread.wait();
}

void Housekeeper::start()
{
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this] {
            auto* const timer = new QTimer(m_anchor.get());
            connect(timer, &QTimer::timeout, m_anchor.get(), [this] { look(); });
            timer->start(LookAgain);
        },
        Qt::QueuedConnection);
    look();
}

void Housekeeper::look()
{
    QMetaObject::invokeMethod(
        m_anchor.get(), [this] { lookNow(); }, Qt::QueuedConnection);
}

void Housekeeper::lookNow()
{
    const QDateTime now = m_clock.wallNow();
    const QList<StoredSound> all = storedSounds(m_settings, now);
    const QList<StoredSound> due = soundsToDelete(all, m_settings, now);
    qint64 recordings = 0, messages = 0;
    for (const StoredSound& sound : all)
        (sound.kind == StoredSound::Kind::Message ? messages : recordings) += sound.bytes;
    for (const StoredSound& sound : due) {
        const LogCall logged(sound.callId);
        if (sound.kind == StoredSound::Kind::AtTwilio) Q_EMIT
            dueAtTwilio(sound);
        else if (QFile::remove(sound.path)) {
            (sound.kind == StoredSound::Kind::Message ? messages : recordings) -= sound.bytes;
            m_deleted.fetch_add(1, std::memory_order_relaxed);
            Q_EMIT deleted(sound);
        } else {
            qCWarning(lcSession).noquote() << sound.ref << "is due for deletion and cannot be deleted";
        }
    }
    m_recordingBytes.store(recordings, std::memory_order_relaxed);
    m_messageBytes.store(messages, std::memory_order_relaxed);
}

Housekeeper::Stored Housekeeper::stored() const
{
    return {m_recordingBytes.load(std::memory_order_relaxed), m_messageBytes.load(std::memory_order_relaxed),
        m_deleted.load(std::memory_order_relaxed)};
}

QString Housekeeper::writeNote(const QString& callId, const QString& sid) const
{
    const LogCall logged(callId);
    const QDir directory(m_settings.recordingsDir);
    directory.mkpath(QStringLiteral("."));
    QFile note(directory.filePath(callId + QLatin1Char('.') + sid + NoteSuffix));
    if (!note.open(QIODevice::WriteOnly, QFile::ReadOwner | QFile::WriteOwner))
        qCWarning(lcSession).noquote() << "Twilio's recording" << sid << "cannot be noted, and will not be deleted";
    return note.fileName();
}

void Housekeeper::noteTwilioRecording(const QString& callId, const QString& sid)
{
    QMetaObject::invokeMethod(
        m_anchor.get(), [this, callId, sid] { writeNote(callId, sid); }, Qt::QueuedConnection);
}

void Housekeeper::discardTwilioRecording(const QString& callId, const QString& sid)
{
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this, callId, sid] {
            StoredSound sound;
            sound.path = writeNote(callId, sid);
            markTwilioRecordingDue(sound);
            lookNow();
        },
        Qt::QueuedConnection);
}

void Housekeeper::forget(const StoredSound& sound)
{
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this, sound] {
            QFile::remove(sound.path);
            Q_EMIT deleted(sound);
        },
        Qt::QueuedConnection);
}

} // namespace kav::session
