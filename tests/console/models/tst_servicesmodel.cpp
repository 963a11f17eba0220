// SPDX-License-Identifier: Apache-2.0
#include "console/models/roles.h"
#include "console/models/servicesmodel.h"
#include "console/models/words.h"
#include "tests/console/models/modelsupport.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
using Services = ServicesModel;
using Lamp = ServicesModel::Lamp;

namespace {

struct LampScreen final {
    FakeClock clock;
    ServicesModel model{[this] { return clock.wallNow(); }};
    ModelEar ear{model};

    ServiceStatus status(const char* id, ServiceState state = ServiceState::Ready) const
    {
        ServiceStatus service;
        service.id = QString::fromLatin1(id);
        service.name = QStringLiteral("pocketsphinx");
        service.state = state;
        service.since = clock.wallNow();
        service.checkedAt = clock.wallNow();
        return service;
    }
    QStringList ids() const { return shown(model, 0, IdRole); }
    Lamp lamp(int row) const { return Lamp(model.index(row, 0).data(StateRole).toInt()); }
    QString text(int row, int column, int role = Qt::DisplayRole) const
    {
        return withoutIsolates(model.index(row, column).data(role).toString());
    }
};

} // namespace

/// The lamps.
class TestServicesModel final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void theFirstLampIsTheEngines();
    void keepsTheEnginesOrder();
    void aChangeTouchesItsRow();
    void everyStateHasItsLamp();
    void anOldCheckIsUnknown();
    void nothingIsKnownWhileNotLive();
    void agesGrow();
    void saysWhatIsKnownOfAFailure();
    void aCommandIsPendingOnAServiceThatIsThere();
    void anotherEngineBeginsDark();
};

void TestServicesModel::theFirstLampIsTheEngines()
{
    LampScreen screen;
    QCOMPARE(screen.ids(), words("engine"));
    QCOMPARE(screen.lamp(0), Lamp::Unknown);
    EngineStatus engine;
    engine.ready = true;
    engine.capacity = 50;
    screen.model.setEngine(engine);
    QCOMPARE(screen.lamp(0), Lamp::Ready);
    QCOMPARE(screen.text(0, Services::Reason), QString());
    QVERIFY(screen.text(0, 0, Qt::ToolTipRole).contains(QLatin1String("0 of at most 50")));

    engine.ready = false;
    engine.notReady = words("full");
    screen.model.setEngine(engine);
    QCOMPARE(screen.lamp(0), Lamp::Degraded);
    engine.notReady = words("full workers");
    screen.model.setEngine(engine);
    QCOMPARE(screen.lamp(0), Lamp::Failed);
    QCOMPARE(screen.text(0, Services::Reason),
        notReadySentence(QStringLiteral("full")) + QLatin1Char(' ') + notReadySentence(QStringLiteral("workers")));
    engine.notReady.clear();
    screen.model.setEngine(engine);
    QCOMPARE(screen.lamp(0), Lamp::Failed);
    QCOMPARE(screen.model.engine(), engine);
    screen.ear.heard();
    screen.model.setEngine(engine);
    QCOMPARE(screen.ear.heard(), QStringList());
}

void TestServicesModel::keepsTheEnginesOrder()
{
    LampScreen screen;
    screen.model.take({screen.status("stt"), screen.status("llm"), screen.status("tts")});
    QCOMPARE(screen.ids(), words("engine stt llm tts"));
    QCOMPARE(screen.ear.heard(), words("+1..3"));
    screen.model.take({screen.status("stt"), screen.status("tts"), screen.status("store"), screen.status("stt")});
    QCOMPARE(screen.ids(), words("engine stt tts store"));
    QCOMPARE(screen.ear.heard(), words("-2..2 +3..3"));
    screen.model.take({screen.status("store"), screen.status("stt"), screen.status("tts")});
    QCOMPARE(screen.ids(), words("engine store stt tts"));
    screen.model.take({});
    QCOMPARE(screen.ids(), words("engine"));
}

void TestServicesModel::aChangeTouchesItsRow()
{
    LampScreen screen;
    screen.model.take({screen.status("stt"), screen.status("llm")});
    screen.ear.heard();
    screen.model.change(screen.status("llm", ServiceState::Warming));
    QCOMPARE(screen.ear.heard(), words("~2..2/0..6"));
    screen.model.change(screen.status("llm", ServiceState::Warming));
    QCOMPARE(screen.ear.heard(), QStringList());
    screen.model.change(screen.status("new"));
    QCOMPARE(screen.ear.heard(), words("+3..3"));
    QCOMPARE(screen.text(3, Services::Name), QStringLiteral("new"));
    QCOMPARE(screen.model.service(QStringLiteral("llm"))->state, ServiceState::Warming);
    QVERIFY(!screen.model.service(QStringLiteral("engine")));
}

void TestServicesModel::everyStateHasItsLamp()
{
    LampScreen screen;
    const QList<std::pair<ServiceState, Lamp>> pairs{{ServiceState::Off, Lamp::Off},
        {ServiceState::Warming, Lamp::Warming}, {ServiceState::Ready, Lamp::Ready},
        {ServiceState::Degraded, Lamp::Degraded}, {ServiceState::Failed, Lamp::Failed}};
    for (const auto& [state, lamp] : pairs) {
        screen.model.change(screen.status("stt", state));
        QCOMPARE(screen.lamp(1), lamp);
        QCOMPARE(screen.text(1, Services::State), lampWord(lamp));
    }
}

void TestServicesModel::anOldCheckIsUnknown()
{
    LampScreen screen;
    screen.model.take({screen.status("stt"), screen.status("llm", ServiceState::Off)});
    screen.clock.advance(Services::FreshFor);
    QCOMPARE(screen.lamp(1), Lamp::Ready);
    screen.ear.heard();
    screen.clock.advance(1ms);
    screen.model.tickTimes();
    QCOMPARE(screen.ear.heard(), words("~0..2/0..6"));
    QCOMPARE(screen.lamp(1), Lamp::Unknown);
    QCOMPARE(screen.lamp(2), Lamp::Off);
    screen.model.change(screen.status("stt"));
    QCOMPARE(screen.lamp(1), Lamp::Ready);
    auto never = screen.status("stt");
    never.checkedAt = {};
    screen.model.change(never);
    QCOMPARE(screen.lamp(1), Lamp::Unknown);
}

void TestServicesModel::nothingIsKnownWhileNotLive()
{
    LampScreen screen;
    EngineStatus engine;
    engine.ready = true;
    screen.model.setEngine(engine);
    screen.model.take({screen.status("stt")});
    screen.ear.heard();
    screen.model.setLive(false);
    QCOMPARE(screen.ear.heard(), words("~0..1/0..6"));
    QCOMPARE(screen.lamp(0), Lamp::Unknown);
    QCOMPARE(screen.lamp(1), Lamp::Unknown);
    QVERIFY(screen.model.index(0, 0).data(DimmedRole).toBool());
    screen.model.tickTimes();
    QCOMPARE(screen.ear.heard(), QStringList());
    screen.model.setLive(true);
    QCOMPARE(screen.lamp(0), Lamp::Ready);
}

void TestServicesModel::agesGrow()
{
    LampScreen screen;
    screen.model.take({screen.status("stt")});
    screen.clock.advance(7s);
    QCOMPARE(screen.text(1, Services::Checked), QStringLiteral("7 s ago"));
    QVERIFY(screen.model.index(1, Services::Checked)
                .data(ExportRole)
                .toString()
                .startsWith(QLatin1String("2026-01-01T00:00:00.000")));
}

void TestServicesModel::saysWhatIsKnownOfAFailure()
{
    LampScreen screen;
    auto failed = screen.status("stt", ServiceState::Failed);
    failed.reason = QStringLiteral("no model");
    failed.retryAt = screen.clock.wallNow().addSecs(90);
    failed.took = 1500ms;
    screen.model.take({failed});
    const QString known = screen.text(1, Services::Name, Qt::ToolTipRole);
    for (const char* part :
        {"Speech recognition: Failed", "no model", "pocketsphinx", "1.50 s", "tried again in 1 min"})
        QVERIFY2(known.contains(QLatin1String(part)), qPrintable(known));
    QCOMPARE(screen.text(1, Services::Reason, Qt::AccessibleTextRole),
        QStringLiteral("Speech recognition, failed: no model"));
    QCOMPARE(screen.model.index(1, 0).data(LevelRole).toInt(), 2);
}

void TestServicesModel::aCommandIsPendingOnAServiceThatIsThere()
{
    LampScreen screen;
    const QString stt = QStringLiteral("stt");
    screen.model.setPending(stt, true);
    screen.model.take({screen.status("stt")});
    QVERIFY(!screen.model.index(1, 0).data(PendingRole).toBool());
    screen.model.setPending(stt, true);
    QVERIFY(screen.model.index(1, 0).data(PendingRole).toBool());
    screen.model.take({});
    screen.model.take({screen.status("stt")});
    QVERIFY(!screen.model.index(1, 0).data(PendingRole).toBool());
}

void TestServicesModel::anotherEngineBeginsDark()
{
    LampScreen screen;
    screen.model.setEngine({true, {}, false, 1, 2, 3});
    screen.model.take({screen.status("stt")});
    screen.model.clear();
    QCOMPARE(screen.ids(), words("engine"));
    QCOMPARE(screen.lamp(0), Lamp::Unknown);
}

QTEST_GUILESS_MAIN(TestServicesModel)
#include "tst_servicesmodel.moc"
