// SPDX-License-Identifier: Apache-2.0
#include "console/app/settings.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace kav;
using namespace kav::console;

class TstSettings final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { m_dir.emplace(); }
    void cleanup() { m_dir.reset(); }

    void aFirstStartHasDefaults()
    {
        const Settings settings(path());
        QCOMPARE(settings.trouble(), QString());
        QCOMPARE(settings.urls(), QStringList());
        QCOMPARE(settings.operatorName(), QString());
        QCOMPARE(settings.language(), QString());
        QCOMPARE(settings.appearance(), Appearance::System);
        QVERIFY(settings.layout() == Settings::Layout());
    }

    void whatIsSetIsThereAtTheNextStart()
    {
        const Settings::Layout layout{"geometry", QByteArray("\0\xff\0", 3), "live", "log", "call", "requests"};
        {
            Settings settings(path());
            settings.rememberUrl(QStringLiteral("ws://127.0.0.1:5000/console"));
            settings.setOperatorName(QStringLiteral("דנה, \"night\" shift; 100%"));
            settings.setLanguage(QStringLiteral("he"));
            settings.setAppearance(Appearance::Dark);
            settings.setLayout(layout);
            QVERIFY(settings.sync().ok());
        }
        const Settings settings(path());
        QCOMPARE(settings.urls(), QStringList{QStringLiteral("ws://127.0.0.1:5000/console")});
        QCOMPARE(settings.operatorName(), QStringLiteral("דנה, \"night\" shift; 100%"));
        QCOMPARE(settings.language(), QStringLiteral("he"));
        QCOMPARE(settings.appearance(), Appearance::Dark);
        QVERIFY(settings.layout() == layout);
    }

    void theLatestUrlsAreKeptTheLatestFirst()
    {
        Settings settings(path());
        for (int i = 0; i < Settings::MaxUrls + 2; ++i)
            settings.rememberUrl(url(i));
        QCOMPARE(settings.urls().size(), Settings::MaxUrls);
        QCOMPARE(settings.urls().first(), url(11));
        QCOMPARE(settings.urls().last(), url(2));

        settings.rememberUrl(url(5)); // known: it comes to the front, and stands there once
        QCOMPARE(settings.urls().size(), Settings::MaxUrls);
        QCOMPARE(settings.urls().mid(0, 2), (QStringList{url(5), url(11)}));
        QCOMPARE(settings.urls().count(url(5)), 1);

        settings.forgetUrl(url(5));
        QCOMPARE(settings.urls().first(), url(11));
    }

    void aForgottenLayoutIsNoLayoutAndNothingElseGoes()
    {
        Settings settings(path());
        settings.setLayout({"g", "p", "l", "o", "c"});
        settings.setLanguage(QStringLiteral("he"));
        settings.forgetLayout();
        QVERIFY(settings.layout() == Settings::Layout());
        QCOMPARE(settings.language(), QStringLiteral("he"));
    }

    void aValueOutsideOfItsListIsTheDefault()
    {
        write("[General]\nschema=1\n[view]\nappearance=sepia\n");
        QCOMPARE(Settings(path()).appearance(), Appearance::System);
    }

    void aFileOfALaterSchemaIsNeitherUsedNorChanged()
    {
        const QByteArray content("[General]\nschema=2\n[view]\nlanguage=he\n[layout]\npanes=x\n");
        write(content);
        {
            Settings settings(path());
            QVERIFY(settings.trouble().contains(path()));
            QCOMPARE(settings.language(), QString());
            QVERIFY(settings.layout() == Settings::Layout());
            settings.setLanguage(QStringLiteral("en"));
            settings.rememberUrl(url(1));
            settings.setLayout({"g", "p", "l", "o", "c"});
            settings.forgetLayout();
            const auto synced = settings.sync();
            QVERIFY(!synced.ok());
            QCOMPARE(synced.error().message, settings.trouble());
        }
        QFile file(path());
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), content);
    }

    void aPlaceThatCannotBeWrittenIsTold()
    {
        write("a file, where a folder is wanted");
        Settings settings(path() + QStringLiteral("/settings.ini"));
        settings.setLanguage(QStringLiteral("he"));
        const auto synced = settings.sync();
        QVERIFY(!synced.ok());
        QVERIFY2(synced.error().message.contains(path()), qPrintable(synced.error().message));
    }

    void appearancesHaveStoredNames()
    {
        for (const auto appearance : {Appearance::System, Appearance::Light, Appearance::Dark})
            QCOMPARE(appearanceFromName(appearanceName(appearance)), std::optional(appearance));
        QCOMPARE(appearanceFromName(u"Dark "), std::optional<Appearance>());
    }

private:
    QString path() const { return m_dir->filePath(QStringLiteral("settings.ini")); }
    static QString url(int number) { return QStringLiteral("wss://engine-%1.example.com/console").arg(number); }
    void write(const QByteArray& content) const
    {
        QFile file(path());
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(content), content.size());
    }

    std::optional<QTemporaryDir> m_dir;
};

QTEST_GUILESS_MAIN(TstSettings)
#include "tst_settings.moc"
