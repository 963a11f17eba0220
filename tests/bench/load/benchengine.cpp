// SPDX-License-Identifier: Apache-2.0
// The engine with stand-in providers at zero delay, for the load benches. Configured as kav-engine is, by its
// environment. Prints LISTENING like it and, when stopped, one line "ANSWER_US n" per answer: the engine's own share of
// the answer time, from the decision that the caller's words had ended to the first media frame.
#include "engine/app/config.h"
#include "engine/app/engine.h"
#include "shared/core/logging.h"
#include "tests/support/standinproviders.h"

#include <QCoreApplication>
#include <QSocketNotifier>

#include <csignal>
#include <cstdio>
#include <sys/signalfd.h>

using namespace kav;

int main(int argc, char** argv)
{
    qputenv("QT_NO_GLIB", "1");
    sigset_t signalSet;
    sigemptyset(&signalSet);
    sigaddset(&signalSet, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signalSet, nullptr);
    const Logging logging(LogForm::Human);
    QCoreApplication app(argc, argv);

    app::LoadedConfig loaded = app::Config::load({}, app::Surroundings::ofThisProcess());
    if (!loaded.ok()) {
        std::fprintf(stderr, "%s\n", qPrintable(loaded.errors.join(QLatin1Char('\n'))));
        return 2;
    }
    loaded.config.ensureMediaKey();
    const bool shortAnswers = qEnvironmentVariableIsSet("BENCH_SHORT_ANSWERS");
    SystemClock clock;
    app::Engine engine(loaded.config, clock, [shortAnswers](const app::Engine::DialogSource&) {
        providers::Makers makers;
        makers.speechToText = test::only([] {
            test::StandInSpeechToText::Settings settings;
            settings.script = {{QStringLiteral("hello there"), 0.9, {QStringLiteral("hello there")}, true}};
            return Result<std::shared_ptr<providers::SpeechToText>>(
                std::make_shared<test::StandInSpeechToText>(settings));
        });
        makers.languageModel = test::only([shortAnswers] {
            test::StandInLanguageModel::Settings settings;
            if (!shortAnswers) {
                // One long answer keeps the agent speaking for the whole of a bench.
                const QString text =
                    QStringLiteral("This sentence is said over and over again by the agent. ").repeated(60);
                for (int i = 0; i < 20; ++i)
                    settings.script.append({text, {}, false});
            }
            return Result<std::shared_ptr<providers::LanguageModel>>(
                std::make_shared<test::StandInLanguageModel>(settings));
        });
        makers.textToSpeech = test::only([] {
            return Result<std::shared_ptr<providers::TextToSpeech>>(std::make_shared<test::StandInTextToSpeech>());
        });
        return makers;
    });
    const auto address = engine.listen();
    if (!address) {
        std::fprintf(stderr, "%s\n", qPrintable(address.error().message));
        return 1;
    }
    engine.begin();
    // The port is told only when calls can be taken at once: what is measured is load, not the start.
    std::vector<qint64> shares;
    QObject::connect(&engine, &app::Engine::turnEnded, &app, [&shares](const QString&, const TurnRecord& turn) {
        if (turn.input == TurnInput::Voice && turn.latency.answer)
            shares.push_back(turn.latency.answer->count());
    });
    QObject::connect(&engine, &app::Engine::warm, &app, [address] {
        std::printf("LISTENING %s\n", qPrintable(*address));
        std::fflush(stdout);
    });
    const int fd = ::signalfd(-1, &signalSet, SFD_CLOEXEC);
    QSocketNotifier notifier(fd, QSocketNotifier::Read);
    QObject::connect(&notifier, &QSocketNotifier::activated, &app, [&] {
        for (const qint64 share : shares)
            std::printf("ANSWER_US %lld\n", static_cast<long long>(share));
        std::fflush(stdout);
        QCoreApplication::quit();
    });
    return QCoreApplication::exec();
}
