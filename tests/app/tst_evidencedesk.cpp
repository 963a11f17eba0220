// SPDX-License-Identifier: Apache-2.0
#include "engine/app/evidencedesk.h"
#include "engine/evidence/loadworks.h"
#include "tests/app/engineundertest.h"
#include "tests/evidence/archives.h"
#include "tests/evidence/loggedcall.h"
#include "tests/support/consoleclient.h"
#include "tests/support/fakeclock.h"

#include <QCryptographicHash>
#include <QDir>
#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

constexpr int Patience = 60000; // of the test; a pack takes a second where nobody else is at work

/// A desk over one logged call, and two consoles at it.
struct Counter final {
    explicit Counter(bool hasModule = true)
    {
        call.record();
        if (!call.store())
            qFatal("not stored");
        app::EvidenceDesk::Settings settings{call.log, call.keep, call.path(u"evidence"_s), {}, u"kav-engine test"_s};
        if (hasModule)
            settings.modules = evidence::worksFiles(QCoreApplication::applicationDirPath());
        desk = std::make_unique<app::EvidenceDesk>(settings, clock);
    }

    /// What the desk answers; without a value when nothing came.
    template <typename Command>
    std::optional<control::Outcome> ask(const control::Operator& who, const Command& command,
        void (app::EvidenceDesk::*function)(const control::Operator&, const Command&, const control::Done&))
    {
        const auto answer = std::make_shared<std::optional<control::Outcome>>();
        (*desk.*function)(who, command, [answer](const control::Outcome& outcome) { *answer = outcome; });
        if (!QTest::qWaitFor([&] { return answer->has_value(); }, Patience))
            return std::nullopt;
        return *answer;
    }
    std::optional<control::Outcome> make(const control::Operator& who, bool folder = false, const QString& of = CallId)
    {
        clock.advance(5s); // one in five seconds may
        return ask(who, protocol::MakeEvidence{0, of, folder, false}, &app::EvidenceDesk::make);
    }
    std::optional<control::Outcome> query(const control::Operator& who, const QString& pack)
    {
        return ask(who, protocol::QueryEvidence{0, pack}, &app::EvidenceDesk::query);
    }
    /// Made, or why not.
    std::optional<control::Outcome> await(const control::Operator& who, const QString& pack)
    {
        std::optional<control::Outcome> state;
        const auto isDone = [&] {
            state = query(who, pack);
            if (!state)
                return true;
            const auto* result = std::get_if<protocol::CommandResult>(&*state);
            return !result || std::get<protocol::EvidencePack>(*result).made;
        };
        return QTest::qWaitFor(isDone, Patience) ? state : std::nullopt;
    }
    QStringList packsOnDisk() const
    {
        return QDir(call.path(u"evidence"_s)).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
    }

    LoggedCall call;
    FakeClock clock;
    std::unique_ptr<app::EvidenceDesk> desk;
    const control::Operator dana{u"Dana"_s, QHostAddress(QHostAddress::LocalHost), 1},
        omer{u"Omer"_s, QHostAddress(QHostAddress::LocalHost), 2};
};

protocol::EvidencePack packOf(const std::optional<control::Outcome>& outcome)
{
    const auto* result = outcome ? std::get_if<protocol::CommandResult>(&*outcome) : nullptr;
    const auto* pack = result ? std::get_if<protocol::EvidencePack>(result) : nullptr;
    return pack ? *pack : protocol::EvidencePack{};
}

/// "not-possible: why"; "done" for a success.
QString refusalOf(const std::optional<control::Outcome>& outcome)
{
    if (!outcome)
        return u"no answer"_s;
    const auto* error = std::get_if<protocol::CommandError>(&*outcome);
    return error ? protocol::errorCodeName(error->code) + u": "_s + error->message : u"done"_s;
}

QByteArray sum(const QByteArray& bytes)
{
    return QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex();
}

} // namespace

class tst_EvidenceDesk final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aConsoleGetsTheEvidenceOfACallOfTheEngine();
    void aLiveCallHasWhatHappenedSoFar();
    void numbersAreMaskedUnlessAskedForAndThatIsLogged();
    void aFolderComesFileByFile();
    void aPackIsItsConsolesAlone();
    void oneAtATimeOfAConsoleAndFourOfAll();
    void theyAreNotBegunTooOften();
    void whatIsDroppedOrForgottenIsDeleted();
    void whatIsDroppedWhileItIsMadeIsDeleted();
    void aConsoleThatGoesTakesItsPackAlong();
    void withoutTheModuleAFolderIsMadeAndAZipSaysWhy();
    void whatCannotBeWrittenIsTold();
    void whatAnEngineLeftBehindIsDeleted();
};

void tst_EvidenceDesk::aConsoleGetsTheEvidenceOfACallOfTheEngine()
{
    const LogCatcher log;
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    console.hello.operatorName = u"Dana"_s;
    QVERIFY(console.open(kav.port()));
    QVERIFY(console.welcome->features.contains(u"evidence"_s));
    QCOMPARE(errorOf(console.ask(protocol::MakeEvidence{0, u"CA0"_s})), u"no-such-call"_s);
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY_WITH_TIMEOUT(caller.hasHeardOut(), Patience);
    const QString id = caller.twilio.ids().callSid;
    caller.hangUp();
    QTRY_VERIFY_WITH_TIMEOUT(console.log.value(id).endedAt.isValid(), Patience);
    const auto isStored = [&] {
        const auto detail = resultOf<protocol::CallDetail>(console.ask(protocol::QueryCall{0, id}));
        return detail && detail->row.endedAt.isValid();
    };
    QTRY_VERIFY_WITH_TIMEOUT(isStored(), Patience);

    auto pack = resultOf<protocol::EvidencePack>(console.ask(protocol::MakeEvidence{0, id}));
    QVERIFY(pack);
    QCOMPARE(pack->call, id);
    QVERIFY(!pack->made);
    const auto isMade = [&] {
        pack = resultOf<protocol::EvidencePack>(console.ask(protocol::QueryEvidence{0, pack->pack}));
        return !pack || pack->made;
    };
    QTRY_VERIFY_WITH_TIMEOUT(isMade(), Patience);
    QVERIFY(pack);
    QCOMPARE(pack->files.size(), 1);
    const protocol::EvidenceFile file = pack->files.first();
    QCOMPARE(file.name, u"kav-evidence-%1.zip"_s.arg(id));
    QVERIFY2(pack->missing.join(u'\n').contains(u"recording.wav: the call was not recorded"_s),
        qPrintable(pack->missing.join(u'\n')));

    QByteArray zip;
    while (zip.size() < file.bytes) {
        const auto part =
            resultOf<protocol::EvidencePart>(console.ask(protocol::ReadEvidence{0, pack->pack, file.name, zip.size()}));
        QVERIFY(part && !part->data.isEmpty() && part->data.size() <= protocol::MostEvidenceBytes);
        QCOMPARE(part->offset, zip.size());
        zip += part->data;
    }
    QCOMPARE(QString::fromLatin1(sum(zip)), file.sha256);
    const auto atEnd =
        resultOf<protocol::EvidencePart>(console.ask(protocol::ReadEvidence{0, pack->pack, file.name, file.bytes}));
    QVERIFY(atEnd && atEnd->data.isEmpty());
    QCOMPARE(errorOf(console.ask(protocol::ReadEvidence{0, pack->pack, u"../../calls.db"_s, 0})), u"not-possible"_s);
    QCOMPARE(errorOf(console.ask(protocol::DropEvidence{0, pack->pack})), QString());
    QCOMPARE(errorOf(console.ask(protocol::ReadEvidence{0, pack->pack, file.name, 0})), u"not-possible"_s);

    QTemporaryDir folder;
    QFile saved(folder.filePath(u"x.zip"_s));
    QVERIFY(saved.open(QIODevice::WriteOnly) && saved.write(zip) == zip.size());
    saved.close();
    const auto files = filesInArchive(saved.fileName());
    const QString top = u"kav-evidence-%1/"_s.arg(id);
    const QByteArrayList sums = files.value(top + u"SHA256SUMS"_s).split('\n');
    QVERIFY(sums.size() >= 7);
    for (const QByteArray& line : sums) {
        if (!line.isEmpty())
            QCOMPARE(sum(files.value(top + QString::fromUtf8(line.mid(66)))), line.left(64));
    }
    QVERIFY(files.value(top + u"index.html"_s).contains(id.toLatin1()));

    // Who took it is in the log of the call.
    const auto hasAct = [&] {
        const auto queries = calllog::Queries::open(kav.config.callLog);
        const auto acts = (*queries)->operatorActs(id);
        return acts && acts->size() == 1 && acts->first().data.value(u"act"_s).toString() == u"evidence"_s
            && acts->first().data.value(u"operator"_s).toString() == u"Dana"_s
            && !acts->first().data.value(u"unmask"_s).toBool(true);
    };
    QTRY_VERIFY_WITH_TIMEOUT(hasAct(), Patience);
    QCOMPARE(console.faults, QStringList());
}

void tst_EvidenceDesk::aLiveCallHasWhatHappenedSoFar()
{
    const LogCatcher log;
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY_WITH_TIMEOUT(caller.hasHeardOut(), Patience);
    const QString id = caller.twilio.ids().callSid;
    QTRY_COMPARE_WITH_TIMEOUT(errorOf(console.ask(protocol::QueryCall{0, id})), QString(), Patience);
    auto pack = resultOf<protocol::EvidencePack>(console.ask(protocol::MakeEvidence{0, id, true, false}));
    QVERIFY(pack);
    const auto isMade = [&] {
        pack = resultOf<protocol::EvidencePack>(console.ask(protocol::QueryEvidence{0, pack->pack}));
        return !pack || pack->made;
    };
    QTRY_VERIFY_WITH_TIMEOUT(isMade(), Patience);
    QVERIFY(pack);
    const auto part =
        resultOf<protocol::EvidencePart>(console.ask(protocol::ReadEvidence{0, pack->pack, u"manifest.json"_s, 0}));
    QVERIFY(part);
    QVERIFY2(part->data.contains("The call was not over"), part->data.constData());
    caller.hangUp();
    QTRY_COMPARE_WITH_TIMEOUT(kav.ends.size(), 1, Patience);
}

void tst_EvidenceDesk::numbersAreMaskedUnlessAskedForAndThatIsLogged()
{
    const LogCatcher log;
    EngineUnderTest kav;
    LoggedCall call;
    QVERIFY(call.store());
    kav.config.callLog = call.log;
    kav.serve();
    const auto textOf = [&](bool unmask) {
        ConsoleClient console;
        console.hello.operatorName = unmask ? u"Omer"_s : u"Dana"_s;
        if (!console.open(kav.port()))
            return QByteArray("no console");
        auto pack = resultOf<protocol::EvidencePack>(console.ask(protocol::MakeEvidence{0, CallId, true, unmask}));
        const auto isMade = [&] {
            pack = resultOf<protocol::EvidencePack>(console.ask(protocol::QueryEvidence{0, pack->pack}));
            return !pack || pack->made;
        };
        if (!pack || !QTest::qWaitFor(isMade, Patience) || !pack)
            return QByteArray("no pack");
        const auto part =
            resultOf<protocol::EvidencePart>(console.ask(protocol::ReadEvidence{0, pack->pack, u"turns.csv"_s, 0}));
        return part ? part->data : QByteArray("no part");
    };
    const QByteArray masked = textOf(false), shown = textOf(true);
    QVERIFY2(masked.contains("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"), masked.constData());
    QVERIFY2(!shown.contains("\xe2\x80\xa2"), shown.constData());
    const auto unmaskers = [&] {
        const auto queries = calllog::Queries::open(kav.config.callLog);
        const auto acts = (*queries)->operatorActs(CallId);
        QStringList names;
        for (const CallEvent& act : *acts) {
            if (act.data.value(u"act"_s).toString() == u"evidence"_s)
                names += act.data.value(u"operator"_s).toString()
                    + (act.data.value(u"unmask"_s).toBool() ? u" with numbers"_s : u" masked"_s);
        }
        return names;
    };
    QTRY_COMPARE_WITH_TIMEOUT(unmaskers(), QStringList({u"Dana masked"_s, u"Omer with numbers"_s}), Patience);
}

void tst_EvidenceDesk::aFolderComesFileByFile()
{
    Counter counter;
    const QString id = packOf(counter.make(counter.dana, true)).pack;
    const auto pack = packOf(counter.await(counter.dana, id));
    QVERIFY(pack.made);
    QStringList names;
    for (const protocol::EvidenceFile& file : pack.files) {
        names += file.name;
        QByteArray bytes;
        while (bytes.size() < file.bytes) {
            const auto outcome = counter.ask(
                counter.dana, protocol::ReadEvidence{0, id, file.name, bytes.size()}, &app::EvidenceDesk::read);
            QCOMPARE(refusalOf(outcome), u"done"_s);
            bytes += std::get<protocol::EvidencePart>(std::get<protocol::CommandResult>(*outcome)).data;
        }
        QCOMPARE(QString::fromLatin1(sum(bytes)), file.sha256);
    }
    for (const QString& name : {u"index.html"_s, u"recording.wav"_s, u"waveform.png"_s, u"SHA256SUMS"_s})
        QVERIFY2(names.contains(name), qPrintable(name));
    QVERIFY2(
        pack.missing.join(u'\n').contains(u"call.mp4: not made for consoles"_s), qPrintable(pack.missing.join(u'\n')));
}

void tst_EvidenceDesk::aPackIsItsConsolesAlone()
{
    Counter counter;
    const QString id = packOf(counter.make(counter.dana)).pack;
    QVERIFY(packOf(counter.await(counter.dana, id)).made);
    const QString name = packOf(counter.query(counter.dana, id)).files.first().name;
    QVERIFY(refusalOf(counter.query(counter.omer, id)).startsWith(u"not-possible"_s));
    QVERIFY(refusalOf(counter.ask(counter.omer, protocol::ReadEvidence{0, id, name, 0}, &app::EvidenceDesk::read))
                .startsWith(u"not-possible"_s));
    QVERIFY(refusalOf(counter.ask(counter.omer, protocol::DropEvidence{0, id}, &app::EvidenceDesk::drop))
                .startsWith(u"not-possible"_s));
    QCOMPARE(refusalOf(counter.query(counter.dana, id)), u"done"_s);
}

void tst_EvidenceDesk::oneAtATimeOfAConsoleAndFourOfAll()
{
    Counter counter;
    QCOMPARE(refusalOf(counter.make(counter.dana)), u"done"_s);
    QVERIFY(refusalOf(counter.make(counter.dana)).contains(u"one at a time"_s));
    for (quint64 console = 2; console <= 4; ++console)
        QCOMPARE(refusalOf(counter.make({u"x"_s, {}, console})), u"done"_s);
    QVERIFY(refusalOf(counter.make({u"x"_s, {}, 5})).contains(u"4 packs are in hand"_s));
    counter.desk->forgetConsole(3);
    QCOMPARE(refusalOf(counter.make({u"x"_s, {}, 5})), u"done"_s);
}

void tst_EvidenceDesk::theyAreNotBegunTooOften()
{
    Counter counter;
    const auto makeAtOnce = [&] {
        return refusalOf(
            counter.ask(counter.dana, protocol::MakeEvidence{0, u"CA0"_s, false, false}, &app::EvidenceDesk::make));
    };
    for (int i = 0; i < 4; ++i)
        QVERIFY(makeAtOnce().startsWith(u"no-such-call"_s));
    QVERIFY(makeAtOnce().startsWith(u"rate-limited"_s));
    counter.clock.advance(5s);
    QVERIFY(makeAtOnce().startsWith(u"no-such-call"_s));
}

void tst_EvidenceDesk::whatIsDroppedOrForgottenIsDeleted()
{
    Counter counter;
    QString id = packOf(counter.make(counter.dana)).pack;
    QVERIFY(packOf(counter.await(counter.dana, id)).made);
    QCOMPARE(counter.packsOnDisk(), QStringList(id + u".zip"_s));
    QCOMPARE(refusalOf(counter.ask(counter.dana, protocol::DropEvidence{0, id}, &app::EvidenceDesk::drop)), u"done"_s);
    QTRY_COMPARE_WITH_TIMEOUT(counter.packsOnDisk(), QStringList(), Patience);
    QVERIFY(refusalOf(counter.query(counter.dana, id)).startsWith(u"not-possible"_s));

    id = packOf(counter.make(counter.dana, true)).pack;
    QVERIFY(packOf(counter.await(counter.dana, id)).made);
    counter.clock.advance(119s);
    counter.desk->tick();
    QCOMPARE(refusalOf(counter.query(counter.dana, id)), u"done"_s);
    counter.clock.advance(119s);
    counter.desk->tick();
    QCOMPARE(refusalOf(counter.query(counter.dana, id)), u"done"_s); // asked for, and so kept
    counter.clock.advance(120s);
    counter.desk->tick();
    QVERIFY(refusalOf(counter.query(counter.dana, id)).startsWith(u"not-possible"_s));
    QTRY_COMPARE_WITH_TIMEOUT(counter.packsOnDisk(), QStringList(), Patience);

    id = packOf(counter.make(counter.dana)).pack;
    QVERIFY(packOf(counter.await(counter.dana, id)).made);
    counter.desk.reset(); // and at the end
    QCOMPARE(counter.packsOnDisk(), QStringList());
}

void tst_EvidenceDesk::whatIsDroppedWhileItIsMadeIsDeleted()
{
    Counter counter;
    for (int i = 0; i < 5; ++i) {
        const QString id = packOf(counter.make(counter.dana, i % 2 == 0)).pack;
        QVERIFY(!id.isEmpty());
        QCOMPARE(
            refusalOf(counter.ask(counter.dana, protocol::DropEvidence{0, id}, &app::EvidenceDesk::drop)), u"done"_s);
    }
    // One more, which is made after them all.
    const QString id = packOf(counter.make(counter.dana)).pack;
    QVERIFY(packOf(counter.await(counter.dana, id)).made);
    QTRY_COMPARE_WITH_TIMEOUT(counter.packsOnDisk(), QStringList(id + u".zip"_s), Patience);
}

void tst_EvidenceDesk::aConsoleThatGoesTakesItsPackAlong()
{
    const LogCatcher log;
    EngineUnderTest kav;
    LoggedCall call;
    QVERIFY(call.store());
    kav.config.callLog = call.log;
    kav.serve();
    const auto packs = [&kav] {
        return QDir(kav.config.dataDir + u"/evidence"_s).entryList(QDir::AllEntries | QDir::NoDotAndDotDot);
    };
    {
        ConsoleClient console;
        QVERIFY(console.open(kav.port()));
        auto pack = resultOf<protocol::EvidencePack>(console.ask(protocol::MakeEvidence{0, CallId}));
        QVERIFY(pack);
        QTRY_COMPARE_WITH_TIMEOUT(packs().size(), 1, Patience);
        console.close();
    }
    QTRY_COMPARE_WITH_TIMEOUT(packs().size(), 0, Patience);
}

void tst_EvidenceDesk::withoutTheModuleAFolderIsMadeAndAZipSaysWhy()
{
    Counter counter(false);
    const QString refusal = refusalOf(counter.make(counter.dana));
    QVERIFY2(
        refusal.startsWith(u"not-possible: the module that draws and zips is not installed"_s), qPrintable(refusal));
    const QString id = packOf(counter.make(counter.dana, true)).pack;
    const auto pack = packOf(counter.await(counter.dana, id));
    QVERIFY(pack.made);
    QVERIFY(pack.missing.join(u'\n').contains(u"waveform.png: the module that draws and zips is not installed"_s));
}

void tst_EvidenceDesk::whatCannotBeWrittenIsTold()
{
    const LogCatcher log;
    Counter counter;
    // A file where the folder should be: even root cannot write into it.
    QFile inTheWay(counter.call.path(u"evidence"_s));
    QVERIFY(inTheWay.open(QIODevice::WriteOnly));
    const QString id = packOf(counter.make(counter.dana)).pack;
    const QString refusal = refusalOf(counter.await(counter.dana, id));
    QVERIFY2(refusal.startsWith(u"not-possible: cannot write"_s), qPrintable(refusal));
    QVERIFY(LogCatcher::lines().join(u'\n').contains(u"cannot be made"_s));
    QCOMPARE(refusalOf(counter.make(counter.dana)), u"done"_s); // the next may be tried
}

void tst_EvidenceDesk::whatAnEngineLeftBehindIsDeleted()
{
    LoggedCall call;
    const QDir folder(call.path(u"evidence"_s));
    QVERIFY(folder.mkpath(u"old"_s) && folder.mkpath(u".kav-evidence-new"_s));
    QFile old(folder.filePath(u"old.zip"_s)), young(folder.filePath(u"young.zip"_s));
    QVERIFY(old.open(QIODevice::WriteOnly) && young.open(QIODevice::WriteOnly));
    QVERIFY(old.setFileTime(QDateTime::currentDateTime().addSecs(-7200), QFileDevice::FileModificationTime));
    old.close();
    const FakeClock clock;
    const app::EvidenceDesk desk({call.log, call.keep, folder.path(), {}, u"test"_s}, clock);
    QTRY_VERIFY_WITH_TIMEOUT(!old.exists(), Patience);
    QVERIFY(young.exists()); // another engine may be at it
}

QTEST_GUILESS_MAIN(tst_EvidenceDesk)
#include "tst_evidencedesk.moc"
