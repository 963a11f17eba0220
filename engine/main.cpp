// SPDX-License-Identifier: Apache-2.0
#include "engine/app/callscommand.h"
#include "engine/app/recordingscommand.h"
#include "engine/app/commandline.h"
#include "engine/app/config.h"
#include "engine/app/doctor.h"
#include "engine/app/embedded.h"
#include "engine/app/engine.h"
#include "engine/app/evidencecommand.h"
#include "engine/app/healthcommand.h"
#include "engine/app/inspectcommand.h"
#include "engine/app/logsettings.h"
#include "engine/app/phonecommand.h"
#include "engine/app/privacycommands.h"
#include "engine/app/remote.h"
#include "engine/app/servicenotifier.h"
#include "engine/app/stopsignals.h"
#include "engine/app/version.h"
#include "engine/telephony/callcommand.h"
#include "shared/core/logging.h"

#include <QCoreApplication>
#include <QTextStream>
#include <QThread>
#include <QTimer>

#include <cstdio>
#include <optional>
#include <unistd.h>

using namespace kav;

namespace {

enum Exit { Fine = 0, Failed = 1, Usage = 2 };

void printErrors(const QStringList& errors)
{
    for (const QString& error : errors)
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(error));
}

/// The same of the engine itself, whose standard error others may read: as lines of its log, where that is for them.
void sayErrors(const QStringList& errors, const Logging& logging)
{
    if (logging.form() == LogForm::Human) {
        printErrors(errors);
        return;
    }
    for (const QString& error : errors)
        qCCritical(lcApp).noquote() << error;
}

const Clock& processClock()
{
    static const SystemClock clock; // goes with no frame: a maker may be at work when the process has had its end
    return clock;
}

std::shared_ptr<QThreadPool> speechPoolFor(const app::Config& config)
{
    auto pool = std::make_shared<QThreadPool>();
    pool->setMaxThreadCount(config.speechThreadCount(QThread::idealThreadCount()));
    return pool;
}

app::Engine::MakersSource makersOf(const app::Config& config, const std::shared_ptr<QThreadPool>& speechPool)
{
    return app::configuredMakers(
        config.remote, config.providers.deadline, app::embeddedMakers(speechPool, processClock()), processClock());
}

constexpr Milliseconds HealthWait{3000};

int serve(const app::Config& config, const QStringList& args, const Logging& logging)
{
    const auto speechPool = speechPoolFor(config);
    app::Engine engine(config, processClock(), makersOf(config, speechPool));
    engine.setSpeechLoad(
        [speechPool] { return std::pair(speechPool->activeThreadCount(), speechPool->maxThreadCount()); });
    app::StopSignals signalsToStop;
    app::ServiceNotifier manager(
        app::ServiceNotifier::Settings::from(app::Surroundings::ofThisProcess().environment, getpid()), processClock());
    QObject::connect(&engine, &app::Engine::statusChanged, &manager,
        [&manager](const EngineStatus& status) { manager.showStatus(app::shownStatus(status)); });

    const auto address = engine.listen();
    if (!address) {
        sayErrors({QStringLiteral("cannot listen on ") + address.error().message}, logging);
        return Failed;
    }
    std::printf("LISTENING %s\n", qPrintable(*address));
    std::fflush(stdout);
    qCInfo(lcApp).noquote() << (config.consoleTokens.isEmpty()
            ? QStringLiteral("consoles: no token is set, so only those on this machine are let in (KAV_CONSOLE_TOKENS)")
            : QStringLiteral("consoles: let in with a token"));

    QObject::connect(&signalsToStop, &app::StopSignals::stopRequested, &engine, [&engine, &manager] {
        manager.stopping();
        engine.drain();
    });
    QObject::connect(&signalsToStop, &app::StopSignals::reloadRequested, &engine, [&engine, &manager, args] {
        manager.reloading();
        engine.reload(app::Config::load(args, app::Surroundings::ofThisProcess()));
        manager.ready(); // also where the file was refused: the configuration from before serves on
    });
    QObject::connect(&engine, &app::Engine::drained, &manager, &app::ServiceNotifier::drained);
    QObject::connect(
        &engine, &app::Engine::drained, QCoreApplication::instance(), &QCoreApplication::quit, Qt::QueuedConnection);
    // The port is taken; what follows may be slow or fail, and requests are answered all the while.
    QTimer::singleShot(0, &engine, [&engine, &manager] {
        engine.begin();
        manager.ready();
    });
    return QCoreApplication::exec();
}

int doctor(const app::LoadedConfig& loaded, bool json)
{
    const auto rows = app::examine(loaded, makersOf(loaded.config, speechPoolFor(loaded.config)), processClock());
    std::printf("%s", json ? app::doctorJson(rows).constData() : qPrintable(app::doctorTable(rows)));
    return app::canAnswerCalls(rows) ? Fine : Failed;
}

int health(const app::Config& config)
{
    const auto answer = app::askHealth(config, HealthWait);
    if (!answer) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(answer.error().message));
        return Failed;
    }
    std::printf("%s\n", qPrintable(*answer));
    return Fine;
}

int migrate(const app::Config& config)
{
    const auto done = calllog::migrate(config.callLog);
    if (!done) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(done.error().message));
        return Failed;
    }
    std::printf("%s\n", qPrintable(*done));
    return Fine;
}

int call(const QStringList& args)
{
    // The flags are the command's own; token and account are the engine's, wherever it has them from.
    const app::LoadedConfig loaded = app::Config::load({}, app::Surroundings::ofThisProcess());
    if (!loaded.ok()) {
        printErrors(loaded.errors);
        return Usage;
    }
    QThreadPool speechPool;
    QTextStream out(stdout), err(stderr);
    return telephony::runCallCommand(
        args, {loaded.config.twilioAuthToken.toUtf8(), loaded.config.twilioAccountSid},
        [&speechPool](const QString& text) { return app::renderNow(speechPool, text); }, out, err);
}

bool agreed(QTextStream& out, const char* question)
{
    if (isatty(STDIN_FILENO) == 0) {
        out << "nobody is at a terminal to agree: --yes does" << Qt::endl;
        return false;
    }
    out << question << " [y/N] " << Qt::flush;
    QTextStream in(stdin);
    return in.readLine().trimmed().compare(QLatin1String("y"), Qt::CaseInsensitive) == 0;
}

/// The settings for a command whose output says it all: its log has errors only. Nothing, after a word, for mistakes.
std::optional<app::Config> quietConfig(const QStringList& args, Logging& logging)
{
    app::LoadedConfig loaded = app::Config::load(args, app::Surroundings::ofThisProcess());
    if (!loaded.ok()) {
        printErrors(loaded.errors);
        return std::nullopt;
    }
    loaded.config.logLevel = QStringLiteral("error");
    app::applyLogSettings(loaded.config, logging);
    return std::move(loaded.config);
}

/// A real call, through Twilio.
int phoneCall(QStringList args, Logging& logging)
{
    QTextStream out(stdout), err(stderr);
    const auto command = app::takePhoneArguments(args);
    if (!command) {
        printErrors({command.error().message});
        return Usage;
    }
    if (command->help) {
        out << app::phoneUsage();
        return Fine;
    }
    const auto config = quietConfig(args, logging);
    if (!config)
        return Usage;
    const auto confirm = [&out] { return agreed(out, "Call?"); };
    return app::runPhoneCommand(*config, *command, confirm, processClock(), out, err);
}

/// What is kept of callers: deleted for its age, for one caller, or copied.
int keepPrivate(app::Command command, QStringList args, Logging& logging)
{
    QTextStream out(stdout), err(stderr);
    const auto with = [&](const auto& query, const auto& run) -> int {
        if (!query) {
            printErrors({query.error().message});
            return Usage;
        }
        const auto config = quietConfig(args, logging);
        return config ? run(*config, *query) : Usage;
    };
    if (command == app::Command::Purge) {
        return with(app::takePurgeArguments(args), [&](const app::Config& config, const app::PurgeQuery& query) {
            return app::runPurgeCommand(config, query, processClock(), out, err);
        });
    }
    if (command == app::Command::Backup) {
        return with(app::takeBackupArguments(args), [&](const app::Config& config, const app::BackupQuery& query) {
            return app::runBackupCommand(config, query, out, err);
        });
    }
    return with(app::takeEraseArguments(args), [&](const app::Config& config, const app::EraseQuery& query) {
        return app::runEraseCommand(
            config, query, [&out] { return agreed(out, "Erase?"); }, processClock(), out, err);
    });
}

} // namespace

int main(int argc, char** argv)
{
    // Qt's own dispatcher: two system calls less per message than GLib's.
    qputenv("QT_NO_GLIB", "1");
    Logging logging(LogForm::Json);
    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("kav-engine"));

    const auto line = app::parseCommandLine(QCoreApplication::arguments().mid(1));
    if (!line) {
        printErrors({line.error().message, QStringLiteral("try: kav-engine --help")});
        return Usage;
    }
    switch (line->command) {
    case app::Command::Help:
        std::printf("%s", qPrintable(app::helpText()));
        return Fine;
    case app::Command::Version:
        std::printf("kav-engine %s (%s)\n", qPrintable(app::versionString()), qPrintable(app::commitString()));
        return Fine;
    case app::Command::ExampleConfig:
        std::printf("%s", qPrintable(app::exampleFile()));
        return Fine;
    case app::Command::Call:
        return app::isPhoneCall(line->args) ? phoneCall(line->args, logging) : call(line->args);
    case app::Command::Purge:
    case app::Command::Erase:
    case app::Command::Backup:
        return keepPrivate(line->command, line->args, logging);
    case app::Command::Serve:
    case app::Command::Migrate:
    case app::Command::Calls:
    case app::Command::Inspect:
    case app::Command::Evidence:
    case app::Command::Recordings:
    case app::Command::Doctor:
    case app::Command::Health:
        break;
    }

    app::CallsQuery query;
    app::RecordingsQuery recordings;
    QStringList args = line->args;
    if (line->command == app::Command::Calls) {
        const auto parsed = app::takeCallsArguments(args);
        if (!parsed) {
            printErrors({parsed.error().message});
            return Usage;
        }
        query = *parsed;
    }
    app::InspectQuery inspectQuery;
    if (line->command == app::Command::Inspect) {
        const auto parsed = app::takeInspectArguments(args);
        if (!parsed) {
            printErrors({parsed.error().message});
            return Usage;
        }
        inspectQuery = *parsed;
    }
    app::EvidenceQuery evidence;
    if (line->command == app::Command::Evidence) {
        const auto parsed = app::takeEvidenceArguments(args);
        if (!parsed) {
            printErrors({parsed.error().message});
            return Usage;
        }
        evidence = *parsed;
    }
    if (line->command == app::Command::Recordings) {
        const auto parsed = app::takeRecordingsArguments(args);
        if (!parsed) {
            printErrors({parsed.error().message});
            return Usage;
        }
        recordings = *parsed;
    }
    const bool json = line->command == app::Command::Doctor && app::takeJsonFlag(args);
    app::LoadedConfig loaded = app::Config::load(args, app::Surroundings::ofThisProcess());
    if (line->command == app::Command::Doctor) {
        loaded.config.logLevel = QStringLiteral("error"); // the table says it all
        app::applyLogSettings(loaded.config, logging);
        return doctor(loaded, json);
    }
    if (!loaded.ok()) {
        app::applyLogSettings(loaded.config, logging);
        line->command == app::Command::Serve ? sayErrors(loaded.errors, logging) : printErrors(loaded.errors);
        return Usage;
    }
    if (line->command == app::Command::Health)
        return health(loaded.config);
    loaded.config.ensureMediaKey();
    app::applyLogSettings(loaded.config, logging);
    switch (line->command) {
    case app::Command::Migrate:
        return migrate(loaded.config);
    case app::Command::Calls:
        return app::runCallsCommand(loaded.config, query);
    case app::Command::Inspect:
        return app::runInspectCommand(loaded.config, inspectQuery);
    case app::Command::Evidence:
        app::giveFontsACache(loaded.config.dataDir);
        return app::runEvidenceCommand(loaded.config, evidence);
    case app::Command::Recordings:
        return app::runRecordingsCommand(loaded.config, recordings);
    default:
        for (const QString& warning : std::as_const(loaded.warnings))
            qCWarning(lcApp).noquote() << warning;
        app::giveFontsACache(loaded.config.dataDir);
        return serve(loaded.config, args, logging);
    }
}
