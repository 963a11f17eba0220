// SPDX-License-Identifier: Apache-2.0
#include "console/app/enginechooser.h"
#include "console/views/connectdialog.h"
#include "tests/console/app/fakeengine.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QWidget>

#include <optional>
#include <sys/stat.h>

using namespace kav;
using namespace kav::console;
using kav::test::FakeEngine;

class TstEngineChooser final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_folder.emplace();
        m_engine.emplace();
        m_window.emplace();
        start();
    }
    void cleanup()
    {
        end();
        m_window.reset();
        m_engine.reset();
        m_folder.reset();
    }

    void theFirstStartAsksAndSuggestsTheEngineOfThisMachine()
    {
        m_chooser->begin({}, &*m_window);
        QVERIFY(dialog());
        QVERIFY(!dialog()->isModal());
        QCOMPARE(dialog()->values().url, QStringLiteral("ws://127.0.0.1:5000"));
        QVERIFY(dialog()->values().remember);
        QCOMPARE(m_desk->connection().state(), LinkState::Disconnected); // nothing is connected to unasked
    }

    void whatWasChosenIsConnectedToAndSoAtTheNextStart()
    {
        m_chooser->begin({}, &*m_window);
        choose(m_engine->url().toString(), QStringLiteral("hush"), QStringLiteral("Dana"), true);
        QTRY_VERIFY(m_desk->isLive());
        QCOMPARE(m_engine->hello().token, QStringLiteral("hush"));
        QCOMPARE(m_engine->hello().operatorName, QStringLiteral("Dana"));
        end();
        start();
        m_chooser->begin({}, &*m_window);
        QVERIFY(!dialog());
        QTRY_VERIFY(m_desk->isLive());
        QCOMPARE(m_engine->hello().token, QStringLiteral("hush"));
        QCOMPARE(m_engine->hello().operatorName, QStringLiteral("Dana"));
    }

    void aTokenThatIsNotToBeRememberedIsNot()
    {
        QVERIFY(m_tokens->setToken(m_engine->url().toString(), QStringLiteral("old")).ok());
        m_chooser->begin({}, &*m_window);
        choose(m_engine->url().toString(), QStringLiteral("hush"), QStringLiteral("Dana"), false);
        QTRY_VERIFY(m_desk->isLive());
        QCOMPARE(m_engine->hello().token, QStringLiteral("hush"));
        QCOMPARE(*m_tokens->token(m_engine->url().toString()), QString());
    }

    void theCommandLineGoesFirstAndLeavesNoTrace()
    {
        m_settings->rememberUrl(QStringLiteral("wss://kav.example.com/console"));
        m_settings->setOperatorName(QStringLiteral("Dana"));
        CommandLine line;
        line.url = m_engine->url().toString();
        line.token = QStringLiteral("hush");
        line.operatorName = QStringLiteral("Avi");
        m_chooser->begin(line, &*m_window);
        QTRY_VERIFY(m_desk->isLive());
        QCOMPARE(m_engine->hello().token, QStringLiteral("hush"));
        QCOMPARE(m_engine->hello().operatorName, QStringLiteral("Avi"));
        QCOMPARE(m_settings->urls(), QStringList{QStringLiteral("wss://kav.example.com/console")});
        QCOMPARE(m_settings->operatorName(), QStringLiteral("Dana"));
        QCOMPARE(*m_tokens->token(line.url), QString());
    }

    void tokensThatCannotBeUsedAreTold()
    {
        const QString url = m_engine->url().toString();
        QVERIFY(m_tokens->setToken(url, QStringLiteral("hush")).ok());
        m_settings->rememberUrl(url);
        QCOMPARE(::chmod(QFile::encodeName(tokenFile()).constData(), 0644), 0);
        QSignalSpy troubles(&*m_chooser, &EngineChooser::trouble);
        m_chooser->begin({}, &*m_window);
        QCOMPARE(troubles.size(), 1);
        QVERIFY(troubles.first().first().toString().contains(tokenFile()));
        QTRY_VERIFY(m_desk->isLive()); // an engine of this machine may want none
        QCOMPARE(m_engine->hello().token, QString());
    }

    void anAddressThatIsNoneIsAskedFor()
    {
        m_settings->rememberUrl(QStringLiteral("ws://kav.example.com")); // as an earlier version may have allowed
        m_chooser->begin({}, &*m_window);
        QVERIFY(dialog());
    }

    void askedTwiceItIsOneQuestion()
    {
        m_chooser->ask(&*m_window);
        const auto* first = dialog();
        m_chooser->ask(&*m_window);
        QCOMPARE(m_window->findChildren<ConnectDialog*>().size(), 1);
        QCOMPARE(dialog(), first);
    }

private:
    void start()
    {
        m_settings.emplace(m_folder->filePath(QStringLiteral("settings.ini")));
        m_tokens.emplace(tokenFile());
        m_desk.emplace(QStringLiteral("kav-console test"), m_clock, [] { return 0.5; });
        m_chooser.emplace(*m_desk, *m_settings, *m_tokens);
    }
    void end()
    {
        m_chooser.reset();
        m_desk.reset();
        m_tokens.reset();
        m_settings.reset();
    }
    QString tokenFile() const { return m_folder->filePath(QStringLiteral("tokens.json")); }
    ConnectDialog* dialog() const { return m_window->findChild<ConnectDialog*>(); }
    void choose(const QString& url, const QString& token, const QString& operatorName, bool remember)
    {
        auto* const address = dialog()->findChild<QComboBox*>();
        address->setEditText(url);
        const auto lines = dialog()->findChildren<QLineEdit*>();
        for (QLineEdit* line : lines) {
            if (line->echoMode() == QLineEdit::Password)
                line->setText(token);
            else if (line != address->lineEdit())
                line->setText(operatorName);
        }
        dialog()->findChild<QCheckBox*>()->setChecked(remember);
        QTest::keyClick(dialog(), Qt::Key_Return);
        QTRY_VERIFY(!dialog());
    }

    SystemClock m_clock;
    std::optional<QTemporaryDir> m_folder;
    std::optional<FakeEngine> m_engine;
    std::optional<QWidget> m_window;
    std::optional<Settings> m_settings;
    std::optional<TokenStore> m_tokens;
    std::optional<Desk> m_desk;
    std::optional<EngineChooser> m_chooser;
};

QTEST_MAIN(TstEngineChooser)
#include "tst_enginechooser.moc"
