// SPDX-License-Identifier: Apache-2.0
#include "console/app/tokenstore.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QTest>

#include <sys/stat.h>

using namespace kav;
using namespace kav::console;

class TstTokenStore final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { m_dir.emplace(); }
    void cleanup() { m_dir.reset(); }

    void nothingIsKeptAtFirst()
    {
        const auto token = TokenStore(path()).token(Url);
        QVERIFY(token.ok());
        QCOMPARE(*token, QString());
        QVERIFY(!QFile::exists(path())); // asking makes no file
    }

    void eachAddressHasItsOwn()
    {
        TokenStore store(path());
        QVERIFY(store.setToken(Url, QStringLiteral("one \"quoted\" שלום")).ok());
        QVERIFY(store.setToken(OtherUrl, QStringLiteral("two")).ok());
        const TokenStore next(path());
        QCOMPARE(*next.token(Url), QStringLiteral("one \"quoted\" שלום"));
        QCOMPARE(*next.token(OtherUrl), QStringLiteral("two"));
        QCOMPARE(*next.token(QStringLiteral("ws://[::1]:5000/console")), QString());
    }

    void anEmptyTokenForgets()
    {
        TokenStore store(path());
        QVERIFY(store.setToken(Url, QStringLiteral("one")).ok());
        QVERIFY(store.setToken(OtherUrl, QStringLiteral("two")).ok());
        QVERIFY(store.setToken(Url, {}).ok());
        QCOMPARE(*store.token(Url), QString());
        QCOMPARE(*store.token(OtherUrl), QStringLiteral("two"));
    }

    void theFileIsItsUsersAloneWhateverTheMaskIs()
    {
        const mode_t before = ::umask(0);
        const auto stored = TokenStore(path()).setToken(Url, QStringLiteral("one"));
        ::umask(before);
        QVERIFY(stored.ok());
        QCOMPARE(mode(), 0600);
        QCOMPARE(folder().size(), 1); // and nothing half written is left beside it
    }

    void aFileThatOthersCanReadIsRefusedAndStays_data()
    {
        QTest::addColumn<int>("bits");
        for (const int bits : {0644, 0640, 0604, 0620, 0602, 0610, 0777})
            QTest::newRow(qPrintable(QString::number(bits, 8))) << bits;
    }
    void aFileThatOthersCanReadIsRefusedAndStays()
    {
        QFETCH(int, bits);
        TokenStore store(path());
        QVERIFY(store.setToken(Url, QStringLiteral("hush")).ok());
        QCOMPARE(::chmod(QFile::encodeName(path()).constData(), mode_t(bits)), 0);

        const auto token = store.token(Url);
        QVERIFY(!token.ok());
        QCOMPARE(token.error().code, Error::Code::Denied);
        QVERIFY2(
            token.error().message.contains(QStringLiteral("chmod 600 ") + path()), qPrintable(token.error().message));
        QVERIFY(!toString(token.error()).contains(QStringLiteral("hush")));

        QVERIFY(!store.setToken(Url, QStringLiteral("new")).ok());
        QCOMPARE(mode(), bits);
        QVERIFY(content().contains("hush"));
    }

    void aLinkIsNotFollowed()
    {
        const QString elsewhere = m_dir->filePath(QStringLiteral("elsewhere"));
        QVERIFY(TokenStore(elsewhere).setToken(Url, QStringLiteral("one")).ok());
        QVERIFY(QFile::link(elsewhere, path()));
        QVERIFY(!TokenStore(path()).token(Url).ok());
    }

    void whatIsNoRegularFileIsRefusedAtOnce()
    {
        QCOMPARE(::mkfifo(QFile::encodeName(path()).constData(), 0600), 0);
        QVERIFY(!TokenStore(path()).token(Url).ok()); // without waiting for a writer
    }

    void garbageIsToldAndNotWrittenOver_data()
    {
        QTest::addColumn<QByteArray>("garbage");
        QTest::newRow("no JSON") << QByteArray("ws://127.0.0.1:5000 = secret");
        QTest::newRow("an array") << QByteArray("[1]");
        QTest::newRow("cut off") << QByteArray("{\"ws://127.0.0.1\": \"sec");
        QTest::newRow("bytes") << QByteArray(1000, '\xff');
        QTest::newRow("far too much") << QByteArray(1 << 20, ' ');
    }
    void garbageIsToldAndNotWrittenOver()
    {
        QFETCH(QByteArray, garbage);
        write(garbage);
        TokenStore store(path());
        QVERIFY(!store.token(Url).ok());
        QVERIFY(!store.setToken(Url, QStringLiteral("new")).ok());
        QCOMPARE(content(), garbage);
    }

    void anEmptyFileHoldsNoToken()
    {
        write({});
        TokenStore store(path());
        QCOMPARE(*store.token(Url), QString());
        QVERIFY(store.setToken(Url, QStringLiteral("one")).ok());
        QCOMPARE(*store.token(Url), QStringLiteral("one"));
    }

    void aTokenThatCannotBeKeptIsTold()
    {
        write("in the way");
        const auto stored = TokenStore(path() + QStringLiteral("/tokens.json")).setToken(Url, QStringLiteral("hush"));
        QVERIFY(!stored.ok());
        QVERIFY(!toString(stored.error()).contains(QStringLiteral("hush")));
    }

    void theFolderIsMadeWhenItIsWanted()
    {
        const QString deep = m_dir->filePath(QStringLiteral("a/b/tokens.json"));
        QVERIFY(TokenStore(deep).setToken(Url, QStringLiteral("one")).ok());
        QCOMPARE(*TokenStore(deep).token(Url), QStringLiteral("one"));
    }

private:
    const QString Url = QStringLiteral("wss://kav.example.com/console");
    const QString OtherUrl = QStringLiteral("ws://127.0.0.1:5000/console");

    QString path() const { return m_dir->filePath(QStringLiteral("tokens.json")); }
    QStringList folder() const { return QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden); }
    int mode() const
    {
        struct stat facts { };
        return ::stat(QFile::encodeName(path()).constData(), &facts) == 0 ? int(facts.st_mode & 07777) : -1;
    }
    QByteArray content() const
    {
        QFile file(path());
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    void write(const QByteArray& bytes) const
    {
        QFile file(path());
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(bytes), bytes.size());
        QVERIFY(file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner));
    }

    std::optional<QTemporaryDir> m_dir;
};

QTEST_GUILESS_MAIN(TstTokenStore)
#include "tst_tokenstore.moc"
