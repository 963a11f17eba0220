// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/loadworks.h"
#include "engine/evidence/pack.h"
#include "tests/evidence/archives.h"
#include "tests/evidence/loggedcall.h"

#include <QCoreApplication>
#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::evidence;

namespace {

QMap<QString, QByteArray> filesIn(const QString& folder)
{
    QMap<QString, QByteArray> files;
    for (const QString& name : QDir(folder).entryList(QDir::Files | QDir::Hidden)) {
        QFile file(QDir(folder).filePath(name));
        if (file.open(QIODevice::ReadOnly))
            files.insert(name, file.readAll());
    }
    return files;
}

QString missingOf(const PackReport& report)
{
    QStringList lines;
    for (const Missing& missing : report.missing)
        lines += missing.name + u": "_s + missing.why;
    return lines.join(u'\n');
}

} // namespace

/// The pack on disk.
class TestPack final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void aFolderHasEveryFileAndTheManifestTheirHashes();
    void theZipHasTheSame();
    void numbersAreInNoFileUnlessAskedFor();
    void withoutARecordingThePackSaysWhy();
    void aDamagedRecordingIsKeptAndNotDrawn();
    void ffmpegIsAskedForTheFilmAndMayFail();
    void withoutTheModuleAFolderHasNoPictureAndAZipIsRefused();
    void aModuleThatIsNoneIsRefused();
    void whatIsThereStays_data();
    void whatIsThereStays();
    void anEmptyFolderIsFilled();
    void aPlaceThatCannotBeWrittenIsSaid();
    void aFullDiskLeavesNothingBehind();
    void onlyTheOwnerMayRead();
    void hostileNamesStayInTheirPlace();

private:
    PackOptions into(const QString& out) const
    {
        PackOptions options;
        options.out = out;
        options.works = m_works;
        options.madeBy = u"kav-engine test"_s;
        options.madeAt = LoggedCall::at(20000);
        return options;
    }
    Result<const KavEvidenceWorks*> m_works = Error{};
};

void TestPack::initTestCase()
{
    m_works = loadWorks(worksFiles(QCoreApplication::applicationDirPath()));
    QVERIFY2(m_works, qPrintable(m_works ? QString() : m_works.error().message));
}

void TestPack::aFolderHasEveryFileAndTheManifestTheirHashes()
{
    LoggedCall call;
    call.record();
    QDir().mkpath(call.keep.messagesDir);
    QVERIFY(QFile::copy(
        call.keep.recordingsDir + u'/' + CallId + u".wav"_s, call.keep.messagesDir + u'/' + CallId + u"-1.wav"_s));
    QVERIFY(call.store());
    const auto report = writePack(call.gathered(), into(call.path(u"pack"_s)));
    QVERIFY2(report, qPrintable(report ? QString() : report.error().message));
    QCOMPARE(report->path, call.path(u"pack"_s));
    const auto files = filesIn(report->path);
    QCOMPARE(files.keys().join(u' '),
        u"SHA256SUMS evidence.json index.html manifest.json message-1.wav providers.csv recording.wav requests.csv "
        "timeline.csv turns.csv waveform.png"_s);
    QCOMPARE(missingOf(*report), u"call.mp4: ffmpeg is not installed"_s);

    const QJsonObject manifest = QJsonDocument::fromJson(files.value(u"manifest.json"_s)).object();
    QCOMPARE(manifest.value(u"call"_s).toString(), CallId);
    QCOMPARE(manifest.value(u"missing"_s).toArray().size(), 1);
    QStringList listed;
    for (const QJsonValue& value : manifest.value(u"files"_s).toArray()) {
        const QString name = value.toObject().value(u"name"_s).toString();
        listed += name;
        QCOMPARE(value.toObject().value(u"bytes"_s).toInt(), files.value(name).size());
        QCOMPARE(value.toObject().value(u"sha256"_s).toString().toLatin1(),
            QCryptographicHash::hash(files.value(name), QCryptographicHash::Sha256).toHex());
    }
    QCOMPARE(listed.size(), files.size() - 2); // all but itself and the sums, which have it too
    const QList<QByteArray> sums = files.value(u"SHA256SUMS"_s).trimmed().split('\n');
    QCOMPARE(sums.size(), files.size() - 1);
    for (const QByteArray& line : sums) {
        QCOMPARE(line.mid(64, 2), QByteArray("  "));
        QCOMPARE(line.left(64),
            QCryptographicHash::hash(files.value(QString::fromUtf8(line.mid(66))), QCryptographicHash::Sha256).toHex());
    }
    QFile original(call.keep.recordingsDir + u'/' + CallId + u".wav"_s);
    QVERIFY(original.open(QIODevice::ReadOnly));
    QCOMPARE(files.value(u"recording.wav"_s), original.readAll());
    QVERIFY(files.value(u"waveform.png"_s).startsWith("\x89PNG\r\n"));
    QVERIFY(files.value(u"index.html"_s).contains("src=\"waveform.png\""));
    QCOMPARE(QDir(call.path({})).entryList({u".kav-evidence*"_s}, QDir::AllEntries | QDir::Hidden).size(), 0);
}

void TestPack::theZipHasTheSame()
{
    LoggedCall call;
    call.record();
    QVERIFY(call.store());
    const CallEvidence evidence = call.gathered();
    QVERIFY(writePack(evidence, into(call.path(u"pack"_s))));
    const auto report = writePack(evidence, into(call.path(u"pack.ZIP"_s)));
    QVERIFY2(report, qPrintable(report ? QString() : report.error().message));
    const auto folder = filesIn(call.path(u"pack"_s));
    const auto zipped = filesInArchive(report->path);
    QCOMPARE(zipped.size(), folder.size());
    for (auto it = folder.cbegin(); it != folder.cend(); ++it)
        QCOMPARE(zipped.value(u"kav-evidence-"_s + CallId + u'/' + it.key()), it.value());
}

void TestPack::numbersAreInNoFileUnlessAskedFor()
{
    LoggedCall call;
    QVERIFY(call.store());
    CallEvidence evidence = call.gathered();
    const auto holding = [](const QString& folder) {
        QStringList names;
        const auto files = filesIn(folder);
        for (auto it = files.cbegin(); it != files.cend(); ++it) {
            if (it->contains("5551234567") || it->contains("five 123-4567"))
                names += it.key();
        }
        return names.join(u' ');
    };
    QVERIFY(writePack(evidence, into(call.path(u"clear"_s))));
    QCOMPARE(holding(call.path(u"clear"_s)), u"evidence.json index.html turns.csv"_s);
    QVERIFY(filesIn(call.path(u"clear"_s)).value(u"manifest.json"_s).contains("\"numbersMasked\": false"));
    hideNumbers(evidence);
    QVERIFY(writePack(evidence, into(call.path(u"masked"_s))));
    QCOMPARE(holding(call.path(u"masked"_s)), QString());
    const QByteArray manifest = filesIn(call.path(u"masked"_s)).value(u"manifest.json"_s);
    QVERIFY(manifest.contains("\"numbersMasked\": true") && manifest.contains("In the sound they can be heard."));
}

void TestPack::withoutARecordingThePackSaysWhy()
{
    LoggedCall call;
    call.event(u"RECORDING_DELETED"_s, 13000, {{u"what"_s, u"recording"_s}});
    QVERIFY(call.store());
    const auto report = writePack(call.gathered(), into(call.path(u"pack"_s)));
    QVERIFY(report);
    QCOMPARE(missingOf(*report),
        u"recording.wav: the recording was deleted at 2026-01-01T00:00:13Z\n"
        "call.mp4: the recording was deleted at 2026-01-01T00:00:13Z"_s);
    QVERIFY(filesIn(report->path).contains(u"waveform.png"_s)); // the states
}

void TestPack::aDamagedRecordingIsKeptAndNotDrawn()
{
    LoggedCall call;
    QDir().mkpath(call.keep.recordingsDir);
    QFile file(call.keep.recordingsDir + u'/' + CallId + u".wav"_s);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("no sound at all");
    file.close();
    QVERIFY(call.store());
    const auto report = writePack(call.gathered(), into(call.path(u"pack"_s)));
    QVERIFY(report);
    QVERIFY2(
        missingOf(*report).startsWith(u"call.mp4: the recording cannot be read: "_s), qPrintable(missingOf(*report)));
    QCOMPARE(filesIn(report->path).value(u"recording.wav"_s), QByteArray("no sound at all"));
}

void TestPack::ffmpegIsAskedForTheFilmAndMayFail()
{
    LoggedCall call;
    call.record();
    QVERIFY(call.store());
    const CallEvidence evidence = call.gathered();
    const auto program = [&call](const QByteArray& script) {
        QFile file(call.path(u"ffmpeg"_s));
        if (file.open(QIODevice::WriteOnly))
            file.write("#!/bin/sh\n" + script);
        file.close();
        file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner | QFileDevice::ExeOwner);
        return file.fileName();
    };
    PackOptions options = into(call.path(u"good"_s));
    options.ffmpeg = program("for last; do :; done\nprintf '%s\\n' \"$@\" >\"${last#file:}\"\n");
    auto report = writePack(evidence, options);
    QVERIFY(report);
    QCOMPARE(missingOf(*report), QString());
    const QByteArray asked = filesIn(report->path).value(u"call.mp4"_s);
    QVERIFY2(asked.contains(evidence.sounds.recording.toUtf8()) && asked.contains("-t\n12.000\n")
            && asked.contains("overlay=x='"),
        asked.constData());
    QVERIFY(filesIn(report->path).value(u"index.html"_s).contains("src=\"call.mp4\""));

    options = into(call.path(u"bad"_s));
    options.ffmpeg = program("echo first >&2; echo 'Unknown encoder libx264' >&2; exit 1\n");
    report = writePack(evidence, options);
    QVERIFY(report);
    QCOMPARE(missingOf(*report), u"call.mp4: ffmpeg failed: Unknown encoder libx264"_s);

    options = into(call.path(u"none"_s));
    options.ffmpeg = call.path(u"no such program"_s);
    report = writePack(evidence, options);
    QVERIFY(report);
    QVERIFY2(missingOf(*report).startsWith(u"call.mp4: ffmpeg did not start"_s), qPrintable(missingOf(*report)));
}

void TestPack::withoutTheModuleAFolderHasNoPictureAndAZipIsRefused()
{
    LoggedCall call;
    call.record();
    QVERIFY(call.store());
    PackOptions options = into(call.path(u"pack"_s));
    options.works = loadWorks({call.path(u"a.so"_s), call.path(u"b.so"_s)});
    QVERIFY(!options.works);
    const auto report = writePack(call.gathered(), options);
    QVERIFY(report);
    QVERIFY2(missingOf(*report).contains(u"waveform.png: the module that draws and zips is not installed"_s),
        qPrintable(missingOf(*report)));
    QVERIFY(filesIn(report->path).contains(u"index.html"_s));
    options.out = call.path(u"pack.zip"_s);
    const auto refused = writePack(call.gathered(), options);
    QVERIFY(!refused);
    QVERIFY(refused.error().message.contains(u"not installed"_s));
    QVERIFY(!QFile::exists(options.out));
}

void TestPack::aModuleThatIsNoneIsRefused()
{
    LoggedCall call;
    QFile file(call.path(u"fake.so"_s));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("no library");
    file.close();
    const auto works = loadWorks({file.fileName()});
    QVERIFY(!works);
    QVERIFY2(works.error().message.contains(u"cannot be loaded"_s), qPrintable(works.error().message));
}

void TestPack::whatIsThereStays_data()
{
    QTest::addColumn<QString>("out");
    QTest::newRow("a folder with something in it") << u"full"_s;
    QTest::newRow("a folder with something hidden in it") << u"hidden"_s;
    QTest::newRow("a file") << u"file"_s;
    QTest::newRow("a zip") << u"there.zip"_s;
    QTest::newRow("a link to nowhere") << u"link"_s;
    QTest::newRow("a folder with the name of a zip") << u"folder.zip"_s;
}

void TestPack::whatIsThereStays()
{
    QFETCH(QString, out);
    LoggedCall call;
    QVERIFY(call.store());
    for (const QString& folder : {u"full"_s, u"hidden"_s, u"folder.zip"_s})
        QVERIFY(QDir().mkpath(call.path(folder)));
    for (const QString& name : {u"full/x"_s, u"hidden/.x"_s, u"file"_s, u"there.zip"_s}) {
        QFile file(call.path(name));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("mine") == 4);
    }
    QVERIFY(QFile::link(call.path(u"nowhere"_s), call.path(u"link"_s)));
    const auto report = writePack(call.gathered(), into(call.path(out)));
    QVERIFY(!report);
    QCOMPARE(report.error().code, Error::Code::Invalid);
    QVERIFY(report.error().message.contains(u"is there already"_s));
    QCOMPARE(filesIn(call.path(u"full"_s)).value(u"x"_s), QByteArray("mine"));
    QCOMPARE(filesIn(call.path({})).value(u"there.zip"_s), QByteArray("mine"));
    QVERIFY(!QFile::exists(call.path(u"nowhere"_s)));
}

void TestPack::anEmptyFolderIsFilled()
{
    LoggedCall call;
    QVERIFY(call.store());
    QVERIFY(QDir().mkpath(call.path(u"empty"_s)));
    QVERIFY(writePack(call.gathered(), into(call.path(u"empty"_s) + u'/')));
    QVERIFY(filesIn(call.path(u"empty"_s)).contains(u"index.html"_s));
}

void TestPack::aPlaceThatCannotBeWrittenIsSaid()
{
    LoggedCall call;
    QVERIFY(call.store());
    // /proc takes no file from anybody, root included.
    for (const QString& out : {u"/proc/pack"_s, u"/proc/pack.zip"_s, call.path(u"no/such/folder"_s)}) {
        const auto report = writePack(call.gathered(), into(out));
        QVERIFY2(!report, qPrintable(out));
        QCOMPARE(report.error().code, Error::Code::Io);
        QVERIFY2(report.error().message.startsWith(u"cannot write into "_s), qPrintable(report.error().message));
    }
}

void TestPack::aFullDiskLeavesNothingBehind()
{
    LoggedCall call;
    QVERIFY(call.store());
    KavEvidenceWorks works = **m_works;
    works.zip = [](const KavZipEntry*, size_t, long long, const char* path, char* error, size_t size) {
        QFile file(QFile::decodeName(path)); // some of it fits
        static_cast<void>(file.open(QIODevice::WriteOnly) && file.write("PK") == 2);
        qstrncpy(error, "No space left on device", size);
        return false;
    };
    PackOptions options = into(call.path(u"out/pack.zip"_s));
    options.works = &works;
    QVERIFY(QDir().mkpath(call.path(u"out"_s)));
    const auto report = writePack(call.gathered(), options);
    QVERIFY(!report);
    QCOMPARE(report.error().message, u"No space left on device"_s);
    QVERIFY(QDir(call.path(u"out"_s)).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
}

void TestPack::onlyTheOwnerMayRead()
{
    LoggedCall call;
    call.record();
    QVERIFY(call.store());
    QVERIFY(writePack(call.gathered(), into(call.path(u"pack"_s))));
    QVERIFY(writePack(call.gathered(), into(call.path(u"pack.zip"_s))));
    constexpr auto others = QFileDevice::ReadGroup | QFileDevice::ReadOther | QFileDevice::WriteGroup
        | QFileDevice::WriteOther | QFileDevice::ExeGroup | QFileDevice::ExeOther;
    QStringList paths{call.path(u"pack"_s), call.path(u"pack.zip"_s)};
    for (const QString& name : filesIn(call.path(u"pack"_s)).keys())
        paths += call.path(u"pack/"_s + name);
    for (const QString& path : std::as_const(paths))
        QVERIFY2(!(QFile::permissions(path) & others), qPrintable(path));
}

void TestPack::hostileNamesStayInTheirPlace()
{
    LoggedCall call;
    QVERIFY(call.store());
    CallEvidence evidence = call.gathered();
    evidence.call.id = u"../../etc/<x>\u202e%1"_s;
    QVERIFY(writePack(evidence, into(call.path(u"pack.zip"_s))));
    for (const QString& name : filesInArchive(call.path(u"pack.zip"_s)).keys())
        QVERIFY2(name.startsWith(u"kav-evidence-______etc__x___1/"_s), qPrintable(name));
}

QTEST_GUILESS_MAIN(TestPack)
#include "tst_pack.moc"
