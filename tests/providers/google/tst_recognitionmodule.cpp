// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/recognitionmodule.h"

#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <memory>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::providers;

namespace {
const QString Module = QStringLiteral(KAV_RECOGNITION_MODULE);

/// Whether a library of this name is in the process.
bool isLoaded(const QByteArray& name)
{
    QFile maps(QStringLiteral("/proc/self/maps"));
    return maps.open(QIODevice::ReadOnly) && maps.readAll().contains(name);
}
} // namespace

/// The module with gRPC, from a folder without it to its being in use. In this order: it is never unloaded.
class TestRecognitionModule final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();

    void isLookedForBesideTheProgramAndWhereItIsInstalled();
    void oneThatIsMissingIsNamed();
    void theFirstThatExistsCounts();
    void whatIsNoModuleIsRefused_data();
    void whatIsNoModuleIsRefused();
    void oneOfAnotherBuildIsRefusedUnloaded();
    void oneThatLacksALibraryIsNamedWithIt();
    void nothingOfGrpcIsLoadedUntilThen();
    void isLoadedOnceHoweverManyAsk();
    void isUsedOnWhateverTakesItsPlace();
    void anEndpointIsCheckedInIt();

private:
    QString file() const { return m_folder->filePath(QStringLiteral("libkav-google-grpc.so")); }
    /// What loading `file()` says is wrong.
    QString fault(Error::Code code)
    {
        const auto loaded = loadRecognitionModule({file()});
        if (loaded)
            return QStringLiteral("(loaded)");
        return loaded.error().code == code ? loaded.error().message : toString(loaded.error());
    }
    void write(const QByteArray& bytes)
    {
        QFile out(file());
        QVERIFY(out.open(QIODevice::WriteOnly));
        QCOMPARE(out.write(bytes), bytes.size());
    }

    QByteArray m_module; ///< the real one's bytes
    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestRecognitionModule::initTestCase()
{
    QFile module(Module);
    QVERIFY2(module.open(QIODevice::ReadOnly), qPrintable(Module));
    m_module = module.readAll();
}

void TestRecognitionModule::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
}

void TestRecognitionModule::isLookedForBesideTheProgramAndWhereItIsInstalled()
{
    QCOMPARE(recognitionModuleFiles(QStringLiteral("/opt/kav/bin")),
        (QStringList{QStringLiteral("/opt/kav/bin/libkav-google-grpc.so"),
            QStringLiteral("/opt/kav/lib/kav/libkav-google-grpc.so")}));
    // The build tree is as this says.
    QVERIFY(recognitionModuleFiles(QCoreApplication::applicationDirPath()).contains(Module));
}

void TestRecognitionModule::oneThatIsMissingIsNamed()
{
    const auto loaded = loadRecognitionModule(recognitionModuleFiles(QStringLiteral("/nowhere/bin")));
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().code, Error::Code::NotFound);
    QCOMPARE(loaded.error().message,
        QStringLiteral("Google's streaming recognition is not installed; use google-rest, or install it "
                       "(/nowhere/bin/libkav-google-grpc.so or /nowhere/lib/kav/libkav-google-grpc.so: not found)"));
}

void TestRecognitionModule::theFirstThatExistsCounts()
{
    write("not it");
    const QString nowhere = QStringLiteral("/nowhere/libkav-google-grpc.so");
    const auto loaded = loadRecognitionModule({nowhere, file(), Module});
    QVERIFY(!loaded);
    QVERIFY2(loaded.error().message.contains(file()), qPrintable(loaded.error().message));
}

void TestRecognitionModule::whatIsNoModuleIsRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("text") << QByteArray("#!/bin/sh\n");
    QTest::newRow("its first page") << m_module.first(4096);
    QByteArray another = m_module;
    another.replace("kav.google-grpc/", "org.something.x/");
    QTest::newRow("another program's plugin") << another;
}

void TestRecognitionModule::whatIsNoModuleIsRefused()
{
    QFETCH(const QByteArray, bytes);
    write(bytes);
    QCOMPARE(fault(Error::Code::Invalid),
        QStringLiteral("Google's streaming recognition is not this engine's; use google-rest, or install the module "
                       "that came with the engine (%1: it is no module of Kav's)")
            .arg(file()));
}

void TestRecognitionModule::oneOfAnotherBuildIsRefusedUnloaded()
{
    const QByteArray identity(KAV_RECOGNITION_IID);
    const QByteArray own = identity.mid(identity.indexOf('/') + 1);
    QByteArray theirs = own;
    theirs.front() = theirs.front() == '9' ? '8' : '9';
    QByteArray stale = m_module;
    QVERIFY(stale.contains(identity));
    stale.replace(identity, QByteArray("kav.google-grpc/" + theirs));
    write(stale);
    QCOMPARE(fault(Error::Code::Invalid),
        QStringLiteral("Google's streaming recognition is not this engine's; use google-rest, or install the module "
                       "that came with the engine (%1: it is of build %2, the engine of %3)")
            .arg(file(), QString::fromLatin1(theirs), QString::fromLatin1(own)));
    QVERIFY(!isLoaded("libkav-google-grpc"));
}

void TestRecognitionModule::oneThatLacksALibraryIsNamedWithIt()
{
    QByteArray lacking = m_module;
    QVERIFY(lacking.contains("libgrpc++.so."));
    lacking.replace("libgrpc++.so.", "libgrpc--.so.");
    write(lacking);
    const QString message = fault(Error::Code::Unavailable);
    QVERIFY2(message.startsWith(QStringLiteral("Google's streaming recognition cannot be loaded; use google-rest, or "
                                               "install what it needs, gRPC for C++ and protobuf (")),
        qPrintable(message));
    QVERIFY2(message.contains(QStringLiteral("libgrpc--.so.")), qPrintable(message));
}

void TestRecognitionModule::nothingOfGrpcIsLoadedUntilThen()
{
    for (const char* name : {"libkav-google-grpc", "libgrpc", "libprotobuf", "libabsl"})
        QVERIFY2(!isLoaded(name), name);
}

void TestRecognitionModule::isLoadedOnceHoweverManyAsk()
{
    std::vector<const RecognitionModule*> got(8);
    {
        std::vector<std::thread> askers;
        for (const RecognitionModule*& module : got) {
            askers.emplace_back([&module] {
                if (const auto loaded = loadRecognitionModule())
                    module = *loaded;
            });
        }
        for (std::thread& asker : askers)
            asker.join();
    }
    QVERIFY(got.front());
    for (const RecognitionModule* module : got)
        QCOMPARE(module, got.front());
    QVERIFY(isLoaded("libkav-google-grpc"));
    QVERIFY(isLoaded("libgrpc++"));
}

void TestRecognitionModule::isUsedOnWhateverTakesItsPlace()
{
    // An upgrade does not take from a running engine what it has.
    const auto own = loadRecognitionModule();
    QVERIFY(own.ok());
    write(m_module);
    const auto copy = loadRecognitionModule({file()});
    QVERIFY2(copy.ok(), copy ? "" : qPrintable(copy.error().message));
    QCOMPARE(*copy, *own);
    QVERIFY(!isLoaded(QFile::encodeName(m_folder->path())));
}

void TestRecognitionModule::anEndpointIsCheckedInIt()
{
    // An Error comes whole out of it; that a service does, tst_googlespeech shows.
    const auto module = loadRecognitionModule();
    QVERIFY(module.ok());
    const auto wrong = (*module)->create(QStringLiteral("not a place"));
    QVERIFY(!wrong);
    QCOMPARE(wrong.error().code, Error::Code::Invalid);
}

QTEST_GUILESS_MAIN(TestRecognitionModule)
#include "tst_recognitionmodule.moc"
