// SPDX-License-Identifier: Apache-2.0
#include "engine/net/listener.h"
#include "engine/session/mediaworker.h"
#include "tests/support/faketwilio.h"
#include "tests/support/standinproviders.h"

#include <QTemporaryDir>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using session::CommandOutcome;
using session::OperatorCommand;

/// A worker over a real socket: what it tells of its calls, and what it does to them when asked from another thread.
class TestMediaWorker final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void aCallIsShownFromItsStartToItsEnd();
    void commandsReachTheCallTheyName();
    void everyCommandIsAnsweredUnderItsTicket();

private:
    struct Answer {
        quint64 ticket = 0;
        CommandOutcome outcome = CommandOutcome::Done;
    };
    CommandOutcome command(const QString& callId, OperatorCommand command);

    SystemClock m_clock;
    QTemporaryDir m_directory;
    metrics::WorkerCounters m_counters;
    std::unique_ptr<session::MessageStore> m_messages;
    std::unique_ptr<providers::ProviderRegistry> m_registry;
    std::unique_ptr<providers::CallProviders> m_providers;
    std::unique_ptr<session::MediaWorker> m_worker;
    std::unique_ptr<net::Listener> m_listener;
    quint16 m_port = 0;
    quint64 m_ticket = 0;
    QList<Answer> m_answers;
    QList<CallSummary> m_shown;
    QMap<QString, QList<TranscriptTurn>> m_turns;
    QStringList m_ended;
};

void TestMediaWorker::init()
{
    providers::Makers makers;
    makers.speechToText =
        only([] { return Result<std::shared_ptr<providers::SpeechToText>>(std::make_shared<StandInSpeechToText>()); });
    makers.languageModel = only(
        [] { return Result<std::shared_ptr<providers::LanguageModel>>(std::make_shared<StandInLanguageModel>()); });
    makers.textToSpeech =
        only([] { return Result<std::shared_ptr<providers::TextToSpeech>>(std::make_shared<StandInTextToSpeech>()); });
    m_registry =
        std::make_unique<providers::ProviderRegistry>(std::move(makers), providers::RegistrySettings{}, m_clock);
    m_registry->warmUp();
    QTRY_VERIFY(m_registry->languageModel() && m_registry->textToSpeech() && m_registry->speechToText());
    m_messages = std::make_unique<session::MessageStore>(m_directory.path());

    session::SessionContext context;
    context.clock = &m_clock;
    m_providers = std::make_unique<providers::CallProviders>(*m_registry,
        std::make_shared<providers::Health>(providers::Health::Settings{}, m_clock), providers::FailoverSettings{},
        m_clock);
    context.providers = m_providers.get();
    context.messages = m_messages.get();
    context.serviceLines = [](const QString&) {
        return dialog::ServiceLines{QStringLiteral("Moment."), QStringLiteral("Sorry."), QStringLiteral("Hello?"),
            QStringLiteral("Hello?"), QStringLiteral("Bye."), QStringLiteral("Bye.")};
    };
    context.log = [](const calllog::Entry&) {};
    context.claimsOf = [](const QByteArray&) { return session::StreamClaims{}; };
    m_worker = std::make_unique<session::MediaWorker>(1, context, m_counters, net::WebSocketLimits{});
    m_answers.clear();
    m_shown.clear();
    m_turns.clear();
    m_ended.clear();
    connect(m_worker.get(), &session::MediaWorker::commandDone, this, [this](quint64 ticket, CommandOutcome outcome) {
        m_answers.append({ticket, outcome});
    });
    connect(m_worker.get(), &session::MediaWorker::callShown, this, [this](const CallSummary& summary) {
        QVERIFY(!m_ended.contains(summary.id)); // the end is the last that is told of a call
        m_shown.append(summary);
    });
    connect(m_worker.get(), &session::MediaWorker::turnShown, this,
        [this](const QString& callId, const TranscriptTurn& turn) { m_turns[callId].append(turn); });
    connect(m_worker.get(), &session::MediaWorker::callEnded, this,
        [this](const session::CallEnd& end) { m_ended.append(end.callId); });
    m_worker->start();

    m_listener = std::make_unique<net::Listener>(net::Limits{}, m_clock);
    m_listener->setUpgradeHandler([this](const net::HttpRequest&) -> net::UpgradeVerdict {
        return net::Upgrade{m_worker->host(), {}};
    });
    const auto port = m_listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
    QVERIFY(port);
    m_port = *port;
}

void TestMediaWorker::cleanup()
{
    m_listener.reset();
    m_worker.reset();
    m_providers.reset();
    m_registry.reset();
    m_messages.reset();
}

CommandOutcome TestMediaWorker::command(const QString& callId, OperatorCommand command)
{
    const auto before = m_answers.size();
    m_worker->command(++m_ticket, callId, command);
    if (!QTest::qWaitFor([&] { return m_answers.size() > before; }, 30000) || m_answers.last().ticket != m_ticket)
        qFatal("a command was not answered");
    return m_answers.last().outcome;
}

void TestMediaWorker::aCallIsShownFromItsStartToItsEnd()
{
    FakeTwilio twilio(m_clock);
    QVERIFY(twilio.open(m_port, "/media"));
    QVERIFY(m_shown.isEmpty());
    twilio.start();
    QTRY_VERIFY(!m_shown.isEmpty());
    const QString callId = m_shown.first().id;
    QCOMPARE(m_shown.first().state, CallState::Greeting);
    QTRY_VERIFY(!m_turns.value(callId).isEmpty() && !m_turns.value(callId).last().record.agentText.isEmpty());
    twilio.stop();
    QTRY_COMPARE(m_ended, QStringList{callId});
    QCOMPARE(m_shown.last().state, CallState::Ended);
    QCOMPARE(m_shown.last().reason, EndReason::CallerHungUp);
    QVERIFY(!m_turns.value(callId).last().open);
}

void TestMediaWorker::commandsReachTheCallTheyName()
{
    FakeTwilio one(m_clock), other(m_clock);
    QVERIFY(one.open(m_port, "/media"));
    one.start();
    QTRY_COMPARE(m_shown.size() > 0, true);
    const QString oneId = m_shown.first().id;
    QVERIFY(other.open(m_port, "/media"));
    other.start();
    QTRY_VERIFY(m_shown.last().id != oneId);
    const QString otherId = m_shown.last().id;

    QVERIFY(command(otherId, OperatorCommand::Interrupt) == CommandOutcome::Done);
    QVERIFY(command(otherId, OperatorCommand::Interrupt) == CommandOutcome::NothingToDo);
    QVERIFY(command(oneId, OperatorCommand::EndNow) == CommandOutcome::Done);
    QTRY_COMPARE(m_ended, QStringList{oneId});
    QVERIFY(command(oneId, OperatorCommand::End) == CommandOutcome::NoSuchCall);
    QCOMPARE(m_shown.last().id, oneId);
    QCOMPARE(m_shown.last().reason, EndReason::OperatorEnded);
    QTRY_VERIFY(one.isClosed);
    QVERIFY(!other.isClosed);
}

void TestMediaWorker::everyCommandIsAnsweredUnderItsTicket()
{
    for (quint64 ticket = 1; ticket <= 50; ++ticket)
        m_worker->command(ticket, QStringLiteral("CA0"), OperatorCommand::Interrupt);
    QTRY_COMPARE(m_answers.size(), 50);
    for (quint64 ticket = 1; ticket <= 50; ++ticket) {
        QCOMPARE(m_answers.at(qsizetype(ticket - 1)).ticket, ticket);
        QVERIFY(m_answers.at(qsizetype(ticket - 1)).outcome == CommandOutcome::NoSuchCall);
    }
}

QTEST_GUILESS_MAIN(TestMediaWorker)
#include "tst_mediaworker.moc"
