// SPDX-License-Identifier: Apache-2.0
#include "engine/session/housekeeper.h"
#include "tests/support/fakeclock.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace kav::session;
using namespace std::chrono_literals;

class TstHousekeeper final : public QObject {
    Q_OBJECT

    KeepSettings settings() const
    {
        KeepSettings keep;
        keep.recordingsDir = keep.messagesDir = m_directory->path();
        keep.recordingsDir += QStringLiteral("/recordings");
        keep.messagesDir += QStringLiteral("/messages");
        return keep;
    }
    /// A file that was written so long ago.
    QString file(const QString& name, std::chrono::hours ago, int bytes = 1000)
    {
        const QString path = m_directory->filePath(name);
        QFile out(path);
        if (!out.open(QIODevice::WriteOnly) || out.write(QByteArray(bytes, 'x')) != bytes || !out.flush()
            || !out.setFileTime(
                m_clock.wallNow().addMSecs(-Milliseconds(ago).count()), QFileDevice::FileModificationTime))
            qFatal("%s cannot be made", qPrintable(path));
        return path;
    }
    QStringList refs(const QList<StoredSound>& sounds) const
    {
        QStringList all;
        for (const StoredSound& sound : sounds)
            all += sound.callId + QLatin1Char(' ') + soundKindName(sound.kind);
        return all;
    }
    QStringList due(const KeepSettings& keep) const
    {
        const QDateTime now = m_clock.wallNow();
        return refs(soundsToDelete(storedSounds(keep, now), keep, now));
    }

    std::unique_ptr<QTemporaryDir> m_directory;
    FakeClock m_clock;

private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
        m_directory = std::make_unique<QTemporaryDir>();
        QDir(m_directory->path()).mkdir(QStringLiteral("recordings"));
        QDir(m_directory->path()).mkdir(QStringLiteral("messages"));
    }

    void whatIsTooOldGoesOldestFirst()
    {
        file(QStringLiteral("recordings/CA1.wav"), 24h * 40);
        file(QStringLiteral("recordings/CA2.wav"), 24h * 35);
        file(QStringLiteral("recordings/CA3.wav"), 24h * 29);
        file(QStringLiteral("messages/CA0-1.wav"), 24h * 50);
        KeepSettings keep = settings();
        QCOMPARE(due(keep), (QStringList{QStringLiteral("CA1 recording"), QStringLiteral("CA2 recording")}));
        keep.messages = 24h * 45;
        QCOMPARE(due(keep).first(), QStringLiteral("CA0 message"));
        keep.recordings = keep.messages = 0ms;
        QVERIFY(due(keep).isEmpty());
    }

    void pastTheLimitTheOldestGoUntilThereIsRoom()
    {
        file(QStringLiteral("recordings/CA1.wav"), 5h, 4000);
        file(QStringLiteral("messages/CA2-1.wav"), 4h, 4000);
        file(QStringLiteral("recordings/CA3.wav"), 3h, 4000);
        KeepSettings keep = settings();
        keep.diskBytes = 12000;
        QVERIFY(due(keep).isEmpty());
        keep.diskBytes = 11999;
        QCOMPARE(due(keep), QStringList{QStringLiteral("CA1 recording")});
        keep.diskBytes = 5000;
        QCOMPARE(due(keep), (QStringList{QStringLiteral("CA1 recording"), QStringLiteral("CA2 message")}));
    }

    void whatMayStillGrowIsLeftAlone()
    {
        file(QStringLiteral("recordings/CA1.part.wav"), 24h * 40, 4000);
        file(QStringLiteral("messages/CA2-1.wav"), 0h, 4000);
        KeepSettings keep = settings();
        keep.diskBytes = 1;
        keep.messages = 1ms;
        QVERIFY(due(keep).isEmpty());
    }

    void whatIsDeletedIsTold()
    {
        const QString old = file(QStringLiteral("recordings/CA1.wav"), 24h * 40);
        const QString fresh = file(QStringLiteral("recordings/CA2.wav"), 1h);
        Housekeeper housekeeper(settings(), m_clock);
        QSignalSpy deleted(&housekeeper, &Housekeeper::deleted);
        housekeeper.start();
        QTRY_COMPARE(deleted.size(), 1);
        QCOMPARE(deleted.first().first().value<StoredSound>().callId, QStringLiteral("CA1"));
        QVERIFY(!QFileInfo::exists(old));
        QVERIFY(QFileInfo::exists(fresh));
    }

    void twilioIsAskedUntilItHasDeletedItsOwn()
    {
        KeepSettings keep = settings();
        const QString note = keep.recordingsDir + QStringLiteral("/CA1.RE1.twilio");
        Housekeeper housekeeper(keep, m_clock);
        housekeeper.noteTwilioRecording(QStringLiteral("CA1"), QStringLiteral("RE1"));
        QTRY_VERIFY(QFileInfo::exists(note));
        file(QStringLiteral("recordings/CA1.RE1.twilio"), 24h * 40, 0);
        QSignalSpy due(&housekeeper, &Housekeeper::dueAtTwilio);
        QSignalSpy deleted(&housekeeper, &Housekeeper::deleted);
        housekeeper.start();
        QTRY_COMPARE(due.size(), 1);
        housekeeper.look(); // it was away
        QTRY_COMPARE(due.size(), 2);
        const auto sound = due.first().first().value<StoredSound>();
        QCOMPARE(sound.sid, QStringLiteral("RE1"));
        QVERIFY(QFileInfo::exists(note));
        QVERIFY(deleted.isEmpty());
        housekeeper.forget(sound);
        QTRY_COMPARE(deleted.size(), 1);
        QVERIFY(!QFileInfo::exists(note));
    }

    void aRecordingAtTwilioCanBeMarkedForDeletion()
    {
        file(QStringLiteral("recordings/CA1.RE1.twilio"), 1h, 0);
        KeepSettings keep = settings();
        QVERIFY(due(keep).isEmpty());
        QVERIFY(markTwilioRecordingDue(storedSounds(keep, m_clock.wallNow()).first()));
        QCOMPARE(due(keep), QStringList{QStringLiteral("CA1 twilio")});
    }
};

QTEST_GUILESS_MAIN(TstHousekeeper)
#include "tst_housekeeper.moc"
