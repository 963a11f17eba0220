// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/session/callrecorder.h"
#include "engine/session/recordingstore.h"
#include "tests/support/fakeclock.h"

#include <QFileInfo>
#include <QRegularExpression>
#include <QSemaphore>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kav;
using namespace kav::test;
using namespace kav::session;
using namespace std::chrono_literals;

namespace {

media::PcmFrame frameOf(qint16 value)
{
    media::PcmFrame frame;
    frame.fill(value);
    return frame;
}

/// Seconds of a caller on a clock of their own.
void record(CallRecorder& recorder, FakeClock& clock, Milliseconds length, qint16 value = 8000)
{
    for (Milliseconds done{0}; done < length; done += 20ms) {
        clock.advance(20ms);
        recorder.caller(frameOf(value), false, clock.now());
    }
}

} // namespace

class TstRecordingStore final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void aRecordingIsForItsOwnerOnlyAndSaysThatItGrows()
    {
        QTemporaryDir directory;
        FakeClock clock;
        RecordingStore store(directory.filePath(QStringLiteral("recordings")));
        QSignalSpy kept(&store, &RecordingStore::kept);
        const QString growing = directory.filePath(QStringLiteral("recordings/CA7.part.wav"));
        const QString whole = directory.filePath(QStringLiteral("recordings/CA7.wav"));
        {
            CallRecorder recorder(store, QStringLiteral("CA7"), clock.now());
            record(recorder, clock, 2s);
            QTRY_VERIFY(QFileInfo(growing).size() > 16000); // its header knows of a second at least
            QVERIFY(media::readWav(growing).ok());
            QVERIFY(!QFileInfo::exists(whole));
        }
        QTRY_COMPARE(kept.size(), 1);
        QVERIFY(!QFileInfo::exists(growing));
        const auto others = QFile::ReadGroup | QFile::WriteGroup | QFile::ReadOther | QFile::WriteOther;
        QVERIFY(!(QFileInfo(whole).permissions() & others));
        const auto recording = kept.first().first().value<KeptRecording>();
        QCOMPARE(recording.ref, QStringLiteral("CA7.wav"));
        QCOMPARE(recording.length, 2000ms);
        QCOMPARE(recording.lost, 0ms);
        QCOMPARE(recording.bytes, QFileInfo(whole).size());
        QVERIFY(recording.problem.isEmpty());
        QCOMPARE(media::readWav(whole)->frames(), std::size_t(16000));
    }

    void aDiskThatStallsCostsSilenceInTheFileAndNoTimeInTheCall()
    {
        QTemporaryDir directory;
        FakeClock clock;
        QSemaphore disk;
        RecordingStore store(directory.path());
        QSignalSpy kept(&store, &RecordingStore::kept);
        bool stalled = true;
        store.setDelay([&] {
            if (std::exchange(stalled, false))
                disk.acquire();
        });
        {
            CallRecorder recorder(store, QStringLiteral("CA1"), clock.now());
            record(recorder, clock, 1s);
            QTRY_VERIFY(!stalled); // the store's thread waits for the disk
            record(recorder, clock, 9s); // the call goes on
            QVERIFY2(recorder.lost() > 3s, qPrintable(QString::number(recorder.lost().count())));
            disk.release();
            QTRY_VERIFY(QFileInfo(directory.filePath(QStringLiteral("CA1.part.wav"))).size() > 16000);
            QTest::qWait(0);
        }
        QTRY_COMPARE(kept.size(), 1);
        const auto recording = kept.first().first().value<KeptRecording>();
        QCOMPARE(recording.length, 10s); // what was lost has its place
        QVERIFY(recording.lost > 3s && recording.lost < 6s);
        const auto audio = media::readWav(directory.filePath(QStringLiteral("CA1.wav")));
        QVERIFY(audio.ok());
        QCOMPARE(audio->frames(), std::size_t(80000));
        qsizetype silent = 0;
        for (std::size_t i = 0; i < audio->frames(); ++i)
            silent += audio->samples[2 * i] == 0;
        QCOMPARE(media::durationOf(std::size_t(silent)), recording.lost);
    }

    void aFullDiskEndsTheRecordingAndKeepsWhatThereIs()
    {
        QTemporaryDir directory;
        FakeClock clock;
        // A limit of this process on the size of its files stands in for a disk that is full.
        rlimit before{};
        QCOMPARE(getrlimit(RLIMIT_FSIZE, &before), 0);
        const rlimit small{40'000, before.rlim_max};
        const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
        QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
        KeptRecording recording;
        {
            RecordingStore store(directory.path());
            QSignalSpy kept(&store, &RecordingStore::kept);
            QTest::ignoreMessage(
                QtWarningMsg, QRegularExpression(QStringLiteral("call=CA1 is not recorded any more: .*")));
            {
                CallRecorder recorder(store, QStringLiteral("CA1"), clock.now());
                record(recorder, clock, 4s); // 64,000 bytes
                QTRY_VERIFY(recorder.isBroken());
                record(recorder, clock, 4s);
            }
            QTRY_COMPARE(kept.size(), 1);
            recording = kept.first().first().value<KeptRecording>();
        }
        setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, ignored);
        QVERIFY(recording.problem.contains(QStringLiteral("cannot be written")));
        QVERIFY(media::readWav(directory.filePath(QStringLiteral("CA1.wav"))).ok());
    }

    void aDirectoryThatCannotBeMadeIsSaidOnce()
    {
        QTemporaryDir directory;
        QFile file(directory.filePath(QStringLiteral("file")));
        QVERIFY(file.open(QIODevice::WriteOnly));
        FakeClock clock;
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("call=CA1 is not recorded any more: .*")));
        RecordingStore store(file.fileName());
        QSignalSpy kept(&store, &RecordingStore::kept);
        {
            CallRecorder recorder(store, QStringLiteral("CA1"), clock.now());
            record(recorder, clock, 10s);
            QTRY_VERIFY(recorder.isBroken());
        }
        QTRY_COMPARE(kept.size(), 1);
        QVERIFY(!kept.first().first().value<KeptRecording>().problem.isEmpty());
    }

    void whatAKilledEngineLeftIsPlayableAndIsTakenOver()
    {
        QTemporaryDir directory;
        const QString growing = directory.filePath(QStringLiteral("CA1.part.wav"));
        const pid_t child = fork();
        QVERIFY(child >= 0);
        if (child == 0) {
            FakeClock clock;
            RecordingStore store(directory.path());
            CallRecorder recorder(store, QStringLiteral("CA1"), clock.now());
            for (;;) {
                record(recorder, clock, 100ms);
                usleep(10'000);
            }
        }
        QTRY_VERIFY_WITH_TIMEOUT(QFileInfo(growing).size() > 40'000, 20'000);
        QCOMPARE(kill(child, SIGKILL), 0);
        int status = 0;
        QCOMPARE(waitpid(child, &status, 0), child);
        const auto audio = media::readWav(growing);
        QVERIFY(audio.ok());
        QVERIFY(audio->frames() > 16'000); // but for the last second, all of it
        QVERIFY(!QFileInfo::exists(directory.filePath(QStringLiteral("CA1.wav"))));

        const RecordingStore next(directory.path());
        QTRY_VERIFY(QFileInfo::exists(directory.filePath(QStringLiteral("CA1.wav"))));
        QVERIFY(!QFileInfo::exists(growing));
    }

    void jitterAndBurstsMoveNobodysAudio()
    {
        QTemporaryDir directory;
        FakeClock clock;
        const std::vector<quint8> sentence(160 * 10, 0x11);
        {
            RecordingStore store(directory.path());
            CallRecorder recorder(store, QStringLiteral("CA1"), clock.now());
            record(recorder, clock, 1s);
            // The network holds five frames back; the agent speaks meanwhile.
            clock.advance(60ms);
            recorder.agent(sentence, clock.now());
            clock.advance(40ms);
            for (int i = 0; i < 5; ++i)
                recorder.caller(frameOf(8000), false, clock.now());
            record(recorder, clock, 1s);
        }
        const auto audio = media::readWav(directory.filePath(QStringLiteral("CA1.wav")));
        QVERIFY(audio.ok());
        QCOMPARE(audio->frames(), std::size_t(8 * 2100));
        std::size_t first = 0;
        while (first < audio->frames() && audio->samples[2 * first + 1] == 0)
            ++first;
        QVERIFY2(std::abs(int(first) - 8 * 1060) <= 8, qPrintable(QString::number(first)));
    }
};

QTEST_GUILESS_MAIN(TstRecordingStore)
#include "tst_recordingstore.moc"
