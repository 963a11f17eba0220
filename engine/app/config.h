// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/remotesettings.h"
#include "engine/calllog/calllog.h"
#include "engine/control/consoletokens.h"
#include "engine/control/hubtypes.h"
#include "engine/dialog/personas.h"
#include "engine/media/playout.h"
#include "engine/net/listener.h"
#include "engine/net/websocket.h"
#include "engine/providers/failover/failover.h"
#include "engine/providers/registry.h"
#include "engine/session/housekeeper.h"
#include "engine/telephony/outboundcalls.h"
#include "engine/telephony/twiliorest.h"
#include "engine/traces/settings.h"
#include "engine/turn/turnmachine.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QHostAddress>
#include <QMap>
#include <QString>
#include <QStringList>

#include <functional>
#include <memory>

namespace kav::app {

struct LoadedConfig;

/// How load() looks at the machine. Injected, so that configuration is a pure function of what it is given.
struct Surroundings final {
    QMap<QString, QString> environment;
    QString executableDir; ///< of the running program, for files installed beside it
    /// The bytes of a file; Error::Code::NotFound when there is none.
    std::function<Result<QByteArray>(const QString& path)> readFile;
    std::function<bool(const QString& path)> fileExists;

    /// The real ones.
    static Surroundings ofThisProcess();
};

/// Every setting of the engine, typed. A plain value: made once at the start by load(), owned by the composition root,
/// handed out in parts (each folder gets its own struct). What each setting means, its names and its limits are in the
/// one table of settings.cpp, from which --help, the example file and the messages are made as well.
struct Config final {
    // server
    int port = 5000;
    QHostAddress address = QHostAddress(QStringLiteral("0.0.0.0"));
    QString publicUrl; ///< "https://host[:port][/prefix]" without a slash at its end; empty: not known
    QString deployId;
    QString dataDir;
    int mediaWorkers = 0; ///< 0: see mediaWorkerCount()
    int speechThreads = 0; ///< 0: see speechThreadCount()
    int capacity = 0; ///< 0: see callCapacity()
    Milliseconds drain{30 * 60 * 1000};
    QString logLevel = QStringLiteral("info"); ///< debug, info, warning, error
    QStringList logRules; ///< as QLoggingCategory::setFilterRules() takes them, one a line
    QString logFormat = QStringLiteral("auto"); ///< auto, human, json, journald

    // twilio
    QString twilioAuthToken; ///< empty: signatures are not checked, and only loopback peers are served
    QString twilioAccountSid;
    QStringList twilioNumbers; ///< of the account, E.164; calls go out from the first
    telephony::RestSettings rest; ///< its account and token are filled in

    // outbound
    telephony::OutboundSettings outbound; ///< its numbers and public URL are filled in
    Milliseconds outboundRing{45 * 1000};
    // calls
    bool withoutStream = true;
    int withoutStreamLimit = 50;
    QString whenFull = QStringLiteral("speech"); ///< busy, wait, forward, speech
    QString whenDraining = QStringLiteral("busy"); ///< the same
    QString forwardTo; ///< E.164
    Milliseconds waitEvery{15'000}, longestWait{180'000};

    // dialog
    QString dialogFile;
    QStringList otherDialogFiles; ///< of other languages
    QString language = QStringLiteral("en-US");
    QString messagesDir; ///< recordings of callers' messages

    // recording
    session::KeepSettings keep; ///< its directories are filled in

    // retention; the call log's part is in callLog
    Milliseconds retentionAudio{0}; ///< has been put into `keep`

    // tools
    QStringList toolHosts; ///< to which personas' HTTP tools may lead
    bool toolsMayBePrivate = false;

    // persona.NAME
    std::shared_ptr<const dialog::PersonaBook> personas; ///< null: see personaBook()

    // transfer
    struct Transfer final {
        QString callerId = QStringLiteral("caller");
        Milliseconds ring{25 * 1000}, longest{60 * 60 * 1000};
        QString noAnswer = QStringLiteral("agent"), afterwards = QStringLiteral("goodbye");
        providers::TransferRules rules() const;
    };
    Transfer transfer;

    // media
    QByteArray mediaKey; ///< see ensureMediaKey()
    Milliseconds mediaTokenTtl{300 * 1000};
    net::WebSocketLimits mediaSocket;
    media::Playout::Settings playout;

    // consoles
    QString consoleTokensText; ///< as it was given; see consoleTokens
    control::ConsoleTokens consoleTokens; ///< filled in; empty: only consoles on this machine
    QStringList consoleOrigins; ///< "https://desk.example.com": browsers' pages that may open /console
    control::Settings console;
    bool inspectPages = false; ///< the request inspector keeps pages as well

    net::Limits http;
    turn::Settings turn;
    providers::RegistrySettings providers; ///< its `secrets` are filled in
    calllog::Settings callLog; ///< its `dataDir` is filled in

    RemoteSettings remote; ///< its lists are filled in
    providers::FailoverSettings failover;
    providers::Health::Settings health;

    /// Sentences that are kept as sound.
    struct Lines final {
        qint64 memoryBytes = 32 * 1024 * 1024;
        qint64 diskBytes = 64 * 1024 * 1024; ///< 0: nothing on disk
    };
    Lines lines;

    // traces
    traces::Settings traces; ///< filled in from what follows
    struct TraceTexts final {
        QString endpoint, collector; ///< the whole address, and that without /v1/traces
        QString headers;
        QString sample = QStringLiteral("1");
        QStringList resource;
    };
    TraceTexts traceTexts;

    /// From the highest precedence to the lowest: flags (`args`, without program and command), environment, the TOML
    /// file
    /// (--config, else $KAV_CONFIG, else /etc/kav/kav.toml where there is one), defaults.
    static LoadedConfig load(const QStringList& args, const Surroundings& surroundings);

    /// Who answers which number: the file's personas, or only a default one with `language`. Never null.
    std::shared_ptr<const dialog::PersonaBook> personaBook() const;
    /// Keys of the settings that differ in `other`, personas aside.
    QStringList differences(const Config& other) const;
    /// Media workers to start: the setting, or one less than the cores, at least one.
    int mediaWorkerCount(int cores) const;
    /// Threads of the speech pool: the setting, or as many as there are cores.
    int speechThreadCount(int cores) const;
    /// Calls taken at a time: the setting, or 400 for each media worker.
    int callCapacity(int cores) const;
    /// Where no key was set, makes one that this process alone knows. An engine of a fleet needs a set one.
    void ensureMediaKey();
};

/// What load() found. `config` is whole even where there are errors (defaults stand in), but is not to be used then.
struct LoadedConfig final {
    Config config;
    QStringList errors; ///< all of them, each with its source, its key and what is wrong
    QMap<QString, QString> sources; ///< key -> where its value came from, for those that are not defaults
    QString file; ///< the TOML file that was read, if any
    QStringList warnings; ///< what is no mistake but will not work as it stands, each with its place and key

    bool ok() const { return errors.isEmpty(); }
    /// "server.port = 5000 (flag --port)" for each setting that was set; secrets as "(set)". For the log.
    QStringList summary() const;
};

/// "kav-engine --help".
QString helpText();
/// The commented example file: every setting with its unit, its limits and its default.
QString exampleFile();

} // namespace kav::app
