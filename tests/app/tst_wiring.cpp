// SPDX-License-Identifier: Apache-2.0
#include "engine/app/phoneline.h"
#include "engine/app/wiring.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;
using namespace std::chrono_literals;

/// From the folders' own values to what operators are shown.
class tst_Wiring final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aProvidersStateIsALamp_data();
    void aProvidersStateIsALamp();
    void theStoreIsALamp_data();
    void theStoreIsALamp();
    void everyStageIsAService();
    void aFailedQuerySaysWhatOneCanDo();
    void everyWebhookHasAFigureOfItsOwn();
};

void tst_Wiring::aProvidersStateIsALamp_data()
{
    QTest::addColumn<int>("state");
    QTest::addColumn<int>("lamp");
    QTest::addColumn<bool>("took");
    QTest::addColumn<bool>("retries");
    const auto row = [](const char* name, providers::ProviderState state, ServiceState lamp, bool took, bool retries) {
        QTest::newRow(name) << int(state) << int(lamp) << took << retries;
    };
    row("nobody has asked", providers::ProviderState::Cold, ServiceState::Off, false, false);
    row("being made", providers::ProviderState::Warming, ServiceState::Warming, false, false);
    row("made", providers::ProviderState::Ready, ServiceState::Ready, true, false);
    row("failed", providers::ProviderState::Failed, ServiceState::Failed, true, true);
}

void tst_Wiring::aProvidersStateIsALamp()
{
    QFETCH(int, state);
    QFETCH(int, lamp);
    QFETCH(bool, took);
    QFETCH(bool, retries);
    const QDateTime since = QDateTime::fromMSecsSinceEpoch(1767225600000ll, Qt::UTC);
    providers::ProviderStatus status;
    status.stage = providers::Stage::LanguageModel;
    status.state = providers::ProviderState(state);
    status.name = u"oracle"_s;
    status.reason = u"no key"_s;
    status.took = 70ms;
    status.since = since;
    status.retryAt = since.addSecs(60);
    const ServiceStatus service = serviceOf(status);
    QCOMPARE(service.id, u"llm"_s);
    QCOMPARE(service.name, u"oracle"_s);
    QCOMPARE(service.state, ServiceState(lamp));
    QCOMPARE(service.since, since);
    QCOMPARE(service.took, took ? std::optional(70ms) : std::nullopt);
    QCOMPARE(service.retryAt, retries ? since.addSecs(60) : QDateTime());
    QCOMPARE(service.reason, retries ? u"no key"_s : QString());
}

void tst_Wiring::theStoreIsALamp_data()
{
    using Database = calllog::Status::Database;
    QTest::addColumn<int>("database");
    QTest::addColumn<QString>("journalReason");
    QTest::addColumn<int>("lamp");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char* name, Database database, const QString& journal, ServiceState lamp,
                         const QString& reason) {
        QTest::newRow(name) << int(database) << journal << int(lamp) << reason;
    };
    row("both work", Database::Ok, {}, ServiceState::Ready, {});
    row("no database was wanted", Database::Off, {}, ServiceState::Off, {});
    row("the database is away", Database::Down, {}, ServiceState::Failed, u"no schema"_s);
    row("the journal takes nothing", Database::Ok, u"disk full"_s, ServiceState::Degraded, u"disk full"_s);
    row("nor is there a database", Database::Off, u"disk full"_s, ServiceState::Degraded, u"disk full"_s);
    row("neither works", Database::Down, u"disk full"_s, ServiceState::Failed, u"no schema; disk full"_s);
}

void tst_Wiring::theStoreIsALamp()
{
    QFETCH(int, database);
    QFETCH(QString, journalReason);
    QFETCH(int, lamp);
    QFETCH(QString, reason);
    calllog::Status status;
    status.database = calllog::Status::Database(database);
    status.reason = u"no schema"_s; // of another time, unless it is down
    status.journalReason = journalReason;
    const ServiceStatus service = storeOf(status);
    QCOMPARE(service.id, u"store"_s);
    QCOMPARE(service.state, ServiceState(lamp));
    QCOMPARE(service.reason, reason);
    QVERIFY(!service.since.isValid()); // whoever watches it knows
}

void tst_Wiring::everyStageIsAService()
{
    for (const auto stage :
        {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech})
        QCOMPARE(stageOfService(serviceIdOf(stage)), std::optional(stage));
    QCOMPARE(serviceIdOf(providers::Stage::SpeechToText), u"stt"_s);
    QCOMPARE(serviceIdOf(providers::Stage::TextToSpeech), u"tts"_s);
    for (const QString& other : {u"store"_s, u"media"_s, u"STT"_s, QString()})
        QCOMPARE(stageOfService(other), std::nullopt);
}

void tst_Wiring::aFailedQuerySaysWhatOneCanDo()
{
    const auto of = [](Error::Code code) { return errorOf(Error{code, {}, {}}); };
    QCOMPARE(of(Error::Code::NotFound), protocol::ErrorCode::NoSuchCall);
    QCOMPARE(of(Error::Code::Unavailable), protocol::ErrorCode::Unavailable);
    QCOMPARE(of(Error::Code::LimitExceeded), protocol::ErrorCode::Unavailable); // later perhaps
    QCOMPARE(of(Error::Code::Invalid), protocol::ErrorCode::NotPossible);
    QCOMPARE(of(Error::Code::Internal), protocol::ErrorCode::Internal);
}

void tst_Wiring::everyWebhookHasAFigureOfItsOwn()
{
    test::FakeClock clock;
    const Config config;
    const session::SessionContext sessions;
    providers::HttpPool http(clock);
    const PhoneLine phone(config, sessions, clock, http, {});
    QSet<metrics::Route> seen;
    for (const QByteArray& path : phone.webhookPaths()) {
        const metrics::Route route = routeOf(path);
        QVERIFY2(route != metrics::Route::Other, path.constData());
        QVERIFY2(!seen.contains(route), path.constData());
        QCOMPARE(routeOf(path + '/'), route);
        QCOMPARE(routeOf(path + "_of_tomorrow"), metrics::Route::Other);
        seen += route;
    }
    QVERIFY(seen.size() > 6);
    QCOMPARE(routeOf("/webhook/"), metrics::Route::Other);
    QCOMPARE(routeOf("/webhook/hold_tone.wav"), metrics::Route::HoldTone);
    QVERIFY(!seen.contains(metrics::Route::HoldTone));
    QCOMPARE(routeOf("/media/twilio"), metrics::Route::Media);
    QCOMPARE(routeOf("/console"), metrics::Route::Console);
}

QTEST_GUILESS_MAIN(tst_Wiring)
#include "tst_wiring.moc"
