// SPDX-License-Identifier: Apache-2.0
#include "tests/app/engineundertest.h"

#include <QLoggingCategory>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;
using namespace kav::test;

namespace {

const QString Called = u"+15005550001"_s; // whom EngineUnderTest's webhooks and callers call

providers::Persona persona(const QString& name, const QString& language)
{
    providers::Persona made;
    made.name = name;
    made.numbers = {Called};
    made.language = language;
    return made;
}

std::shared_ptr<const dialog::PersonaBook> bookOf(const providers::Persona& persona)
{
    return std::make_shared<const dialog::PersonaBook>(QList<providers::Persona>{persona});
}

/// A language model that tells the test which personas it was opened for.
struct Seen final {
    std::mutex mutex;
    QStringList names; // guarded by mutex
    QStringList all()
    {
        const std::lock_guard lock(mutex);
        return names;
    }
};
class WatchingModel final : public providers::LanguageModel {
public:
    WatchingModel(std::shared_ptr<Seen> seen, const StandInLanguageModel::Settings& settings)
        : m_seen(std::move(seen))
        , m_model(settings)
    {
    }
    QString name() const override { return u"watching"_s; }
    std::unique_ptr<providers::Conversation> open(const providers::CallInfo& call) override
    {
        const std::lock_guard lock(m_seen->mutex);
        m_seen->names += call.persona->name + u' ' + call.language;
        return m_model.open(call);
    }

private:
    const std::shared_ptr<Seen> m_seen;
    StandInLanguageModel m_model;
};

} // namespace

/// Who answers a number in a whole engine, and another configuration while it runs.
class TstReload final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theCalledNumbersPersonaHasTheCall()
    {
        EngineUnderTest kav;
        watch(kav);
        kav.config.personas = bookOf(persona(u"night"_s, u"he-IL"_s));
        kav.serve();
        Caller caller(kav);
        const RawResponse offer = kav.webhook("incoming_call", caller.twilio.ids());
        QVERIFY2(offer.body.contains("name=\"language\" value=\"he-IL\""), offer.body.constData());
        QVERIFY(offer.body.contains(webhooks::CallerLines::hebrew().apology.toUtf8()));
        QVERIFY(caller.call());
        QTRY_COMPARE(m_seen->all(), QStringList{u"night he-IL"_s});
    }

    void anotherConfigurationIsForTheCallsToCome()
    {
        EngineUnderTest kav;
        watch(kav);
        kav.config.personas = bookOf(persona(u"day"_s, u"en-US"_s));
        kav.serve();
        Caller first(kav);
        QVERIFY(first.call());
        QTRY_COMPARE(m_seen->all().size(), 1);

        LoadedConfig fresh{kav.config, {}, {}, {}, {}};
        fresh.config.personas = bookOf(persona(u"night"_s, u"fr-FR"_s));
        {
            const LogCatcher log;
            kav.engine().reload(fresh);
            QVERIFY(LogCatcher::lines().join(u'\n').contains(u"personas: default, night"_s));
            QVERIFY(!LogCatcher::lines().join(u'\n').contains(u"next start"_s));
        }
        QVERIFY(first.twilio.isOpen());
        Caller second(kav);
        QVERIFY(second.call());
        QCOMPARE(kav.metric("kav_config_reloads_total{result=\"taken\"}"), "1");
        QTRY_COMPARE(m_seen->all(), (QStringList{u"day en-US"_s, u"night fr-FR"_s}));
    }

    void aConfigurationWithAMistakeIsRefusedWhole()
    {
        EngineUnderTest kav;
        watch(kav);
        kav.config.personas = bookOf(persona(u"day"_s, u"en-US"_s));
        kav.serve();
        LoadedConfig broken{kav.config, {u"kav.toml:3:1: unknown key persona.night.greting"_s}, {}, {}, {}};
        broken.config.personas = bookOf(persona(u"night"_s, u"fr-FR"_s));
        {
            const LogCatcher log;
            kav.engine().reload(broken);
            const QString told = LogCatcher::lines().join(u'\n');
            QVERIFY2(told.contains(u"kav.toml:3:1: unknown key persona.night.greting"_s), qPrintable(told));
            QVERIFY2(told.contains(u"from before stays"_s), qPrintable(told));
        }
        Caller caller(kav);
        QVERIFY(caller.call());
        QCOMPARE(kav.metric("kav_config_reloads_total{result=\"refused\"}"), "1");
        QCOMPARE(kav.metric("kav_config_last_reload_successful"), "0");
        QTRY_COMPARE(m_seen->all(), QStringList{u"day en-US"_s});
    }

    void whatNeedsANewStartIsNamed()
    {
        EngineUnderTest kav;
        kav.config.twilioAuthToken = u"the-old-secret"_s;
        kav.serve();
        LoadedConfig fresh{kav.config, {}, {}, {}, {}};
        fresh.config.port = 5001;
        fresh.config.twilioAuthToken = u"the-new-secret"_s;
        fresh.config.mediaKey.clear(); // made up at the start, since none was set
        fresh.config.toolHosts = QStringList{u"api.example.com"_s};
        const LogCatcher log;
        kav.engine().reload(fresh);
        const QString told = LogCatcher::lines().join(u'\n');
        QVERIFY2(told.contains(u"server.port is another one now; it counts from the next start"_s), qPrintable(told));
        QVERIFY2(told.contains(u"twilio.auth_token is another one now"_s), qPrintable(told));
        QVERIFY2(!told.contains(u"secret"_s), qPrintable(told));
        QVERIFY2(!told.contains(u"tools."_s) && !told.contains(u"media.key"_s), qPrintable(told));
    }

    void aCallThatIsPassedOnIsDialled()
    {
        EngineUnderTest kav;
        watch(kav, {{u"I will connect you.\n"_s, {}, false, u"transfer"_s, {}, {}}});
        providers::Persona desk = persona(u"desk"_s, u"en-US"_s);
        desk.tools = QStringList{u"transfer"_s};
        desk.transferTargets = {{u"sales"_s, u"+15551239876"_s}};
        kav.config.personas = bookOf(desk);
        kav.serve();
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.isClosed, 10000);
        QVERIFY(caller.twilio.closedByEngine);
        // Asked the instant it sees the close, the engine knows whom to dial.
        const RawResponse answer = kav.webhook("after_stream", caller.twilio.ids());
        QVERIFY2(answer.body.contains(">+15551239876</Number>"), answer.body.constData());
    }

private:
    void watch(EngineUnderTest& kav, const QList<StandInAnswer>& script = {})
    {
        m_seen = std::make_shared<Seen>();
        kav.makers.languageModel = only([seen = m_seen, script]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            StandInLanguageModel::Settings settings;
            settings.script = script;
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<WatchingModel>(seen, settings));
        });
    }
    std::shared_ptr<Seen> m_seen;
};

QTEST_GUILESS_MAIN(TstReload)
#include "tst_reload.moc"
