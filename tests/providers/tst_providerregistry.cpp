// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/registry.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QProcess>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTest>

#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::providers;

namespace {

Makers goodMakers()
{
    Makers makers;
    makers.speechToText = test::only([]() -> Result<std::shared_ptr<SpeechToText>> {
        return std::shared_ptr<SpeechToText>(std::make_shared<test::StandInSpeechToText>());
    });
    makers.languageModel = test::only([]() -> Result<std::shared_ptr<LanguageModel>> {
        return std::shared_ptr<LanguageModel>(std::make_shared<test::StandInLanguageModel>());
    });
    makers.textToSpeech = test::only([]() -> Result<std::shared_ptr<TextToSpeech>> {
        return std::shared_ptr<TextToSpeech>(std::make_shared<test::StandInTextToSpeech>());
    });
    return makers;
}

void expectLog(QtMsgType type, const char* pattern)
{
    QTest::ignoreMessage(type, QRegularExpression(QLatin1String(pattern)));
}

} // namespace

class TstProviderRegistry final : public QObject {
    Q_OBJECT

private:
    test::FakeClock m_clock;

private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    void warmUpMakesAllThreeAndSaysSo()
    {
        expectLog(QtInfoMsg, "^WARMUP_STT_OK name=stand-in took_ms=0 provider=stand-in$");
        expectLog(QtInfoMsg, "^WARMUP_LLM_OK name=stand-in took_ms=0 provider=stand-in$");
        expectLog(QtInfoMsg, "^WARMUP_TTS_OK name=stand-in took_ms=0 provider=stand-in$");
        ProviderRegistry registry(goodMakers(), {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        for (const ProviderStatus& status : registry.statuses())
            QCOMPARE(status.state, ProviderState::Cold);
        registry.warmUp();
        QTRY_COMPARE(changes.count(), 6); // Warming and Ready of each
        for (const ProviderStatus& status : registry.statuses()) {
            QCOMPARE(status.state, ProviderState::Ready);
            QCOMPARE(status.name, QStringLiteral("stand-in"));
        }
        QVERIFY(registry.speechToText());
        QVERIFY(registry.languageModel());
        QVERIFY(registry.textToSpeech());
    }

    void statusChangesAreToldOnTheControlThread()
    {
        expectLog(QtInfoMsg, "^WARMUP_TTS_OK");
        ProviderRegistry registry(goodMakers(), {}, m_clock);
        std::vector<std::pair<QThread*, ProviderState>> told;
        connect(&registry, &ProviderRegistry::statusChanged, &registry,
            [&](const ProviderStatus& status) { told.emplace_back(QThread::currentThread(), status.state); });
        std::thread([&] { QVERIFY(!registry.textToSpeech()); }).join(); // asked from a worker
        QTRY_COMPARE(told.size(), size_t(2));
        QCOMPARE(told[0], std::make_pair(thread(), ProviderState::Warming));
        QCOMPARE(told[1], std::make_pair(thread(), ProviderState::Ready));
    }

    void aFailureIsLoggedWithItsReasonAndRetriedInTheBackground()
    {
        expectLog(QtWarningMsg,
            "^WARMUP_STT_ERR reason=\"not-found: no model in /nowhere\" took_ms=0 retry_ms=60000 provider=stand-in$");
        expectLog(QtInfoMsg, "^WARMUP_STT_OK name=stand-in");
        Makers makers = goodMakers();
        const auto attempts = std::make_shared<std::atomic<int>>(0);
        makers.speechToText = test::only([attempts]() -> Result<std::shared_ptr<SpeechToText>> {
            if (++*attempts == 1)
                return Error{Error::Code::NotFound, QStringLiteral("no model in /nowhere"), {}};
            return std::shared_ptr<SpeechToText>(std::make_shared<test::StandInSpeechToText>());
        });
        ProviderRegistry registry(makers, {}, m_clock);
        QVERIFY(!registry.speechToText());
        QTRY_COMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Failed);
        QCOMPARE(registry.status(Stage::SpeechToText).retryAt, m_clock.wallNow().addSecs(60));
        m_clock.advance(Milliseconds(60000));
        // Nobody asks and nobody calls tick(): the inner timer does.
        QTRY_COMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Ready);
        QCOMPARE(attempts->load(), 2);
        QCoreApplication::processEvents();
    }

    void aFailedStageIsTriedAtOnceWhenSomeoneAsks()
    {
        expectLog(QtWarningMsg, "^WARMUP_STT_ERR reason=\"not-found: no model in /nowhere\"");
        expectLog(QtInfoMsg, "^WARMUP_STT_OK name=stand-in");
        Makers makers = goodMakers();
        const auto attempts = std::make_shared<std::atomic<int>>(0);
        makers.speechToText = test::only([attempts]() -> Result<std::shared_ptr<SpeechToText>> {
            if (++*attempts == 1)
                return Error{Error::Code::NotFound, QStringLiteral("no model in /nowhere"), {}};
            return std::shared_ptr<SpeechToText>(std::make_shared<test::StandInSpeechToText>());
        });
        ProviderRegistry registry(makers, {}, m_clock);
        QVERIFY(registry.retryNow(Stage::SpeechToText)); // nobody had asked yet
        QVERIFY(!registry.retryNow(Stage::SpeechToText)); // that attempt is under way
        QTRY_COMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Failed);
        QVERIFY(registry.retryNow(Stage::SpeechToText)); // its minute has not passed
        QTRY_COMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Ready);
        QVERIFY(!registry.retryNow(Stage::SpeechToText));
        QCOMPARE(attempts->load(), 2);
        QCOMPARE(registry.status(Stage::LanguageModel).state, ProviderState::Cold);
        QCoreApplication::processEvents();
    }

    void theFirstOfTheListThatIsReadyServes()
    {
        expectLog(QtWarningMsg, "^WARMUP_STT_ERR reason=\"denied: the key is refused\" .* provider=cloud$");
        expectLog(QtInfoMsg, "^WARMUP_STT_OK .* provider=embedded$");
        const auto better = std::make_shared<test::StandInSpeechToText>();
        const auto embedded = std::make_shared<test::StandInSpeechToText>();
        const auto refused = std::make_shared<std::atomic<bool>>(true);
        Makers makers = goodMakers();
        makers.speechToText = {{QStringLiteral("cloud"),
                                   [better, refused]() -> Result<std::shared_ptr<SpeechToText>> {
                                       if (*refused)
                                           return Error{Error::Code::Denied, QStringLiteral("the key is refused"), {}};
                                       return std::shared_ptr<SpeechToText>(better);
                                   },
                                   {}},
            {QStringLiteral("embedded"), [embedded] { return Result<std::shared_ptr<SpeechToText>>(embedded); }, {}}};
        ProviderRegistry registry(makers, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        QVERIFY(!registry.speechToText()); // both get their attempt
        QTRY_COMPARE(changes.count(), 4);
        QCOMPARE(registry.speechToText(), std::shared_ptr<SpeechToText>(embedded));
        QCOMPARE(registry.speechToText(QStringLiteral("embedded")), std::shared_ptr<SpeechToText>(embedded));
        QVERIFY(!registry.speechToText(QStringLiteral("cloud")));
        QVERIFY(!registry.speechToText(QStringLiteral("nobody")));
        // The stage is as good as its best, and says which that is.
        QCOMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Ready);
        QCOMPARE(registry.status(Stage::SpeechToText).provider, QStringLiteral("embedded"));
        const auto statuses = registry.statuses();
        QCOMPARE(statuses.size(), 4);
        QCOMPARE(statuses.at(0).provider, QStringLiteral("cloud"));
        QCOMPARE(statuses.at(0).state, ProviderState::Failed);
        QCOMPARE(statuses.at(1).provider, QStringLiteral("embedded"));
        QCOMPARE(statuses.at(1).name, QStringLiteral("stand-in"));

        *refused = false;
        expectLog(QtInfoMsg, "^WARMUP_STT_OK .* provider=cloud$");
        QVERIFY(!registry.retryNow(Stage::SpeechToText, QStringLiteral("embedded"))); // it is ready
        QVERIFY(!registry.retryNow(Stage::SpeechToText, QStringLiteral("nobody")));
        QVERIFY(registry.retryNow(Stage::SpeechToText, QStringLiteral("cloud")));
        QTRY_COMPARE(registry.speechToText(), std::shared_ptr<SpeechToText>(better));
        QTRY_COMPARE(changes.count(), 6);
    }

    void aSpareOneIsMadeWhenSomebodyNamesIt()
    {
        expectLog(QtInfoMsg, "^WARMUP_STT_OK .* provider=embedded$");
        expectLog(QtInfoMsg, "^WARMUP_STT_OK .* provider=cloud$");
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR reason=\"unavailable: no provider is configured\" .* provider=none$");
        int made = 0;
        const auto make = [&made]() -> Result<std::shared_ptr<SpeechToText>> {
            ++made;
            return std::shared_ptr<SpeechToText>(std::make_shared<test::StandInSpeechToText>());
        };
        Makers makers = goodMakers();
        makers.speechToText = {{QStringLiteral("embedded"), make, {}}, {QStringLiteral("cloud"), make, {}, {}, true}};
        for (auto& maker : makers.textToSpeech)
            maker.isSpare = true;
        expectLog(QtInfoMsg, "^WARMUP_LLM_OK");
        ProviderRegistry registry(makers, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        registry.warmUp();
        QVERIFY(!registry.speechToText() || made > 0);
        QTRY_COMPARE(changes.count(), 6);
        // Nobody has named it: it is not made, and does not show.
        QVERIFY(!registry.retryNow(Stage::SpeechToText));
        QCOMPARE(made, 1);
        QCOMPARE(registry.order(Stage::SpeechToText), QStringList{QStringLiteral("embedded")});
        QCOMPARE(registry.statuses().size(), 3);
        QCOMPARE(registry.status(Stage::TextToSpeech).state, ProviderState::Failed); // a stage of spare ones has none

        const QStringList wanted{QStringLiteral("cloud"), QStringLiteral("nobody")};
        QCOMPARE(registry.order(Stage::SpeechToText, wanted), QStringList{QStringLiteral("cloud")});
        registry.warmUp(Stage::SpeechToText, wanted);
        QTRY_VERIFY(registry.speechToText(QStringLiteral("cloud")));
        QTRY_COMPARE(changes.count(), 8);
        QCOMPARE(registry.statuses().size(), 4);
        QCOMPARE(registry.status(Stage::SpeechToText).provider, QStringLiteral("embedded"));
        QVERIFY(registry.speechToText() != registry.speechToText(QStringLiteral("cloud")));
    }

    void askingAgainStartsAllOfTheStageThatFailed()
    {
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR .* provider=one$");
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR .* provider=two$");
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR .* provider=one$");
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR .* provider=two$");
        const auto away = []() -> Result<std::shared_ptr<TextToSpeech>> {
            return Error{Error::Code::Unavailable, QStringLiteral("away"), {}};
        };
        Makers makers;
        makers.textToSpeech = {{QStringLiteral("one"), away, {}}, {QStringLiteral("two"), away, {}}};
        ProviderRegistry registry(makers, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        QVERIFY(registry.retryNow(Stage::TextToSpeech));
        QTRY_COMPARE(changes.count(), 4);
        QVERIFY(registry.retryNow(Stage::TextToSpeech));
        QTRY_COMPARE(changes.count(), 8);
    }

    void eachHasItsOwnDeadline()
    {
        expectLog(QtWarningMsg, "^WARMUP_LLM_ERR reason=\"timeout: no answer within 1000 ms\" .* provider=quick$");
        expectLog(QtWarningMsg, "^WARMUP_LLM_ERR reason=\"timeout: no answer within 4000 ms\" .* provider=patient$");
        const auto gate = std::make_shared<std::promise<void>>();
        const auto hang = [gate, open = gate->get_future().share()]() -> Result<std::shared_ptr<LanguageModel>> {
            open.wait();
            return Error{Error::Code::Cancelled, QStringLiteral("too late"), {}};
        };
        Makers makers;
        makers.languageModel = {
            {QStringLiteral("quick"), hang, Milliseconds(1000)}, {QStringLiteral("patient"), hang, Milliseconds(0)}};
        ProviderRegistry registry(makers, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        QVERIFY(!registry.languageModel());
        m_clock.advance(Milliseconds(1000));
        QTRY_COMPARE(changes.count(), 3);
        QCOMPARE(registry.status(Stage::LanguageModel).state, ProviderState::Warming); // there is hope yet
        m_clock.advance(Milliseconds(3000));
        QTRY_COMPARE(changes.count(), 4);
        QCOMPARE(registry.status(Stage::LanguageModel).state, ProviderState::Failed);
        gate->set_value();
    }

    void anOrderIsWhatIsWantedAndKnown()
    {
        const auto none = MakerList<TextToSpeech>{
            {QStringLiteral("a"), {}, {}}, {QStringLiteral("b"), {}, {}}, {QStringLiteral("c"), {}, {}}};
        Makers makers;
        makers.textToSpeech = none;
        const ProviderRegistry registry(makers, {}, m_clock);
        const auto order = [&registry](const char* wanted) {
            return registry
                .order(Stage::TextToSpeech, QString::fromLatin1(wanted).split(QLatin1Char(' '), Qt::SkipEmptyParts))
                .join(QLatin1Char(' '));
        };
        QCOMPARE(order(""), QStringLiteral("a b c"));
        QCOMPARE(order("c a"), QStringLiteral("c a"));
        QCOMPARE(order("c x c"), QStringLiteral("c"));
        QCOMPARE(order("x y"), QStringLiteral("a b c"));
    }

    void aHangingMakerFailsAtItsDeadlineAndTheOthersServe()
    {
        expectLog(QtInfoMsg, "^WARMUP_STT_OK");
        expectLog(QtInfoMsg, "^WARMUP_TTS_OK");
        expectLog(QtWarningMsg, "^WARMUP_LLM_ERR reason=\"timeout: no answer within 4000 ms\" took_ms=4000");
        expectLog(QtInfoMsg, "^WARMUP_LLM_OK name=stand-in took_ms=4000");
        const auto gate = std::make_shared<std::promise<void>>();
        Makers makers = goodMakers();
        makers.languageModel =
            test::only([gate, open = gate->get_future().share()]() -> Result<std::shared_ptr<LanguageModel>> {
                open.wait();
                return std::shared_ptr<LanguageModel>(std::make_shared<test::StandInLanguageModel>());
            });
        ProviderRegistry registry(makers, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        registry.warmUp();
        QTRY_COMPARE(changes.count(), 5);
        m_clock.advance(Milliseconds(4000));
        QTRY_COMPARE(changes.count(), 6);
        QCOMPARE(registry.status(Stage::LanguageModel).state, ProviderState::Failed);
        QVERIFY(registry.speechToText());
        gate->set_value(); // late, and welcome
        QTRY_COMPARE(changes.count(), 7);
        QVERIFY(registry.languageModel());
    }

    void reasonsNeverHoldSecrets()
    {
        expectLog(QtWarningMsg, "^WARMUP_TTS_ERR reason=\"internal: the maker threw std::runtime_error");
        Makers makers;
        makers.textToSpeech = test::only([]() -> Result<std::shared_ptr<TextToSpeech>> {
            throw std::runtime_error(
                "POST https://u:pw@h/ Authorization: Bearer abc.def api_key=hunter2 said open sesame\n"
                "sk-proj1234567890abcdef");
        });
        RegistrySettings settings;
        settings.secrets = {QStringLiteral("open sesame")};
        ProviderRegistry registry(makers, settings, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        QVERIFY(!registry.textToSpeech());
        QTRY_COMPARE(changes.count(), 2);
        const QString reason = registry.status(Stage::TextToSpeech).reason;
        for (const QString& secret : {QStringLiteral("pw@"), QStringLiteral("abc.def"), QStringLiteral("hunter2"),
                 QStringLiteral("open sesame"), QStringLiteral("1234567890"), QStringLiteral("\n")})
            QVERIFY2(!reason.contains(secret), qPrintable(reason));
        QVERIFY2(reason.contains(QStringLiteral("POST https://")), qPrintable(reason));
    }

    void aStageWithoutAMakerFailsSayingSo()
    {
        expectLog(QtWarningMsg, "^WARMUP_LLM_ERR reason=\"unavailable: no provider is configured\"");
        ProviderRegistry registry({}, {}, m_clock);
        QSignalSpy changes(&registry, &ProviderRegistry::statusChanged);
        QVERIFY(!registry.languageModel());
        QTRY_COMPARE(changes.count(), 2);
    }

    void destructionDoesNotWaitForAMaker()
    {
        const auto gate = std::make_shared<std::promise<void>>();
        const auto gone = std::make_shared<std::promise<void>>();
        {
            Makers makers;
            makers.textToSpeech =
                test::only([gate, gone, open = gate->get_future().share()]() -> Result<std::shared_ptr<TextToSpeech>> {
                    open.wait();
                    gone->set_value();
                    return Error{Error::Code::Cancelled, QStringLiteral("too late"), {}};
                });
            ProviderRegistry registry(makers, {}, m_clock);
            registry.warmUp();
            expectLog(QtWarningMsg, "^WARMUP_STT_ERR");
            expectLog(QtWarningMsg, "^WARMUP_LLM_ERR");
            QTRY_COMPARE(registry.status(Stage::LanguageModel).state, ProviderState::Failed);
            QTRY_COMPARE(registry.status(Stage::SpeechToText).state, ProviderState::Failed);
            QCoreApplication::processEvents();
        } // returns while the maker waits
        gate->set_value();
        gone->get_future().wait();
    }

    void aProcessEndsWithStuckMakers()
    {
        QProcess process;
        process.start(QStringLiteral(KAV_BINARY_DIR "/bin/stuckmaker"), {});
        QVERIFY2(process.waitForFinished(10000), "main() returned, the process did not end");
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 0);
        QCOMPARE(process.readAllStandardOutput().trimmed(), QByteArray("leaving main with stuck makers"));
        QVERIFY2(process.readAllStandardError().isEmpty(), "the sanitizer or the destructors had something to say");
    }
};

QTEST_GUILESS_MAIN(TstProviderRegistry)
#include "tst_providerregistry.moc"
