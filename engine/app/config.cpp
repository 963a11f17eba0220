// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"

#include "engine/app/nearest.h"
#include "engine/app/personareader.h"
#include "engine/app/settings.h"
#include "engine/app/tomlreader.h"
#include "shared/core/masking.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QProcessEnvironment>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QSet>
#include <QUrl>

#include <array>
#include <optional>

#ifndef KAV_RESOURCES_DIR
#error "KAV_RESOURCES_DIR names the source tree's resources"
#endif

namespace kav::app {
namespace {

constexpr int CallsPerWorker = 400;
constexpr qsizetype ShortestMediaKey = 16;
constexpr qsizetype LongestSecretFile = 256 * 1024;
const char* const DefaultFile = "/etc/kav/kav.toml";

/// As browsers write it: scheme, host, and a port where it is not the scheme's own.
bool isOrigin(const QString& text)
{
    const QUrl url(text, QUrl::StrictMode);
    const bool web = url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http");
    return web && !url.host().isEmpty() && url.userInfo().isEmpty() && !text.endsWith(QLatin1Char('/'))
        && url.toString(QUrl::RemovePath | QUrl::RemoveQuery | QUrl::RemoveFragment) == text;
}

/// A name or an address, without scheme, port or path.
bool isHost(const QString& text)
{
    QUrl url;
    url.setScheme(QStringLiteral("https"));
    url.setHost(text, QUrl::StrictMode);
    return !text.isEmpty() && url.isValid() && url.host() == text.toLower();
}

/// One run of load(): gathers values from the lowest precedence to the highest, and every error on the way.
class Loader final {
public:
    explicit Loader(const Surroundings& surroundings)
        : m_surroundings(surroundings)
    {
        for (const Setting& setting : settingsTable()) {
            m_byKey.insert(setting.key, &setting);
            if (!setting.flag().isEmpty())
                m_byFlag.insert(setting.flag(), &setting);
        }
    }

    LoadedConfig load(const QStringList& args)
    {
        // Flags are read first, since one of them names the file; they are applied last.
        readFlags(args);
        readFile();
        readEnvironment();
        for (const Given& given : std::as_const(m_flags))
            apply(given);
        fillIn();
        crossCheck();
        readPersonaTables();
        return std::move(m_loaded);
    }

private:
    struct Given final {
        const Setting* setting = nullptr;
        RawValue value;
        QString where;
    };

    void error(const QString& where, const QString& key, const QString& problem)
    {
        m_loaded.errors +=
            where + QLatin1String(": ") + (key.isEmpty() ? QString() : key + QLatin1String(": ")) + problem;
    }

    void apply(const Given& given)
    {
        const QString problem = applyValue(*given.setting, given.value, m_loaded.config);
        if (problem.isEmpty()) {
            m_loaded.sources.insert(given.setting->key, given.where);
        } else {
            error(given.where, given.setting->key, problem);
            m_wrong.insert(given.setting->key);
        }
    }

    // ---- flags
    // -------------------------------------------------------------------------------------------------------
    void readFlags(const QStringList& args)
    {
        for (qsizetype i = 0; i < args.size(); ++i) {
            const QString& arg = args[i];
            if (!arg.startsWith(QLatin1String("--"))) {
                m_loaded.errors += QStringLiteral("unexpected argument '%1'").arg(logSafe(arg, 40));
                continue;
            }
            const qsizetype equals = arg.indexOf(QLatin1Char('='));
            const QString flag = arg.left(equals);
            std::optional<QString> value;
            if (equals >= 0)
                value = arg.mid(equals + 1);
            const Setting* setting = m_byFlag.value(flag);
            const bool isConfig = flag == QLatin1String("--config");
            const bool next = i + 1 < args.size() && !args[i + 1].startsWith(QLatin1String("--"));
            if (!setting && !isConfig) {
                refuseFlag(flag);
                if (!value && next)
                    ++i; // most likely its value; not shown, since it may be a secret
                continue;
            }
            if (!value && setting && setting->kind == Kind::Bool)
                value = QStringLiteral("true");
            if (!value && next)
                value = args[++i];
            if (!value) {
                m_loaded.errors += QStringLiteral("flag %1: a value is missing").arg(flag);
                continue;
            }
            if (isConfig)
                m_file = *value;
            else
                m_flags += Given{setting, {*value, {}, false}, QStringLiteral("flag ") + flag};
        }
    }

    void refuseFlag(const QString& flag)
    {
        for (const Setting& setting : settingsTable()) {
            if (!setting.secret)
                continue;
            for (const QString& variable : setting.variables()) {
                const QString asFlag =
                    QStringLiteral("--") + variable.toLower().replace(QLatin1Char('_'), QLatin1Char('-'));
                if (flag != asFlag && QStringLiteral("--kav-") + flag.mid(2) != asFlag)
                    continue;
                m_loaded.errors +=
                    QStringLiteral("flag %1: a secret is not taken as a flag, where every user of the machine "
                                   "can read it; use %2 or %2_FILE")
                        .arg(flag, setting.variables().constLast());
                return;
            }
        }
        m_loaded.errors += QStringLiteral("unknown flag %1").arg(logSafe(flag, 60))
            + suggestion(flag, m_byFlag.keys() + QStringList{QStringLiteral("--config")});
    }

    // ---- file
    // --------------------------------------------------------------------------------------------------------
    void readFile()
    {
        QString path = m_file;
        QString whence = QStringLiteral("flag --config");
        if (path.isEmpty()) {
            path = m_surroundings.environment.value(QStringLiteral("KAV_CONFIG"));
            whence = QStringLiteral("environment variable KAV_CONFIG");
        }
        const bool wanted = !path.isEmpty();
        if (!wanted) {
            path = QString::fromLatin1(DefaultFile);
            if (!m_surroundings.fileExists(path))
                return;
        }
        const Result<QByteArray> bytes = m_surroundings.readFile(path);
        if (!bytes) {
            m_loaded.errors += (wanted ? whence + QLatin1String(": ") : QString()) + bytes.error().message;
            return;
        }
        m_loaded.file = path;
        const TomlDocument document = readToml(*bytes, path);
        if (!document.error.isEmpty())
            m_loaded.errors += document.error;
        QStringList sections;
        for (const auto& [name, about] : settingSections())
            sections += name;
        for (const TomlEntry& entry : document.entries) {
            if (entry.key == QLatin1String("persona") || entry.key.startsWith(QLatin1String("persona.")))
                m_personas += entry; // understood when the rules for them are known
            else if (const Setting* setting = m_byKey.value(entry.key))
                apply({setting, entry.value, entry.where});
            else if (entry.value.foreignType != QLatin1String("a table") || !sections.contains(entry.key))
                m_loaded.errors += QStringLiteral("%1: unknown key %2").arg(entry.keyWhere, logSafe(entry.key, 80))
                    + suggestion(entry.key, m_byKey.keys() + sections + QStringList{QStringLiteral("persona")});
        }
    }

    // ---- environment
    // -------------------------------------------------------------------------------------------------
    void readEnvironment()
    {
        QStringList known;
        for (const Setting& setting : settingsTable()) {
            std::optional<Given> chosen;
            for (const QString& variable : setting.variables()) {
                known += variable;
                if (setting.secret)
                    known += variable + QLatin1String("_FILE");
                std::optional<Given> given = fromVariable(setting, variable);
                if (given && !chosen)
                    chosen = std::move(given);
            }
            if (setting.secret && !chosen && !m_wrong.contains(setting.key))
                chosen = fromCredential(setting);
            if (chosen)
                apply(*chosen);
        }
        for (auto it = m_surroundings.environment.cbegin(); it != m_surroundings.environment.cend(); ++it) {
            if (it.key().startsWith(QLatin1String("KAV_")) && !known.contains(it.key()) && !isForeignVariable(it.key()))
                m_loaded.errors += QStringLiteral("unknown environment variable ") + logSafe(it.key(), 80)
                    + suggestion(it.key(), known);
        }
    }

    /// A variable that is set to nothing counts as not set, as is the custom in containers.
    std::optional<Given> fromVariable(const Setting& setting, const QString& variable)
    {
        const QString value = m_surroundings.environment.value(variable);
        const QString where = QStringLiteral("environment variable ") + variable;
        if (setting.secret) {
            const QString fileVariable = variable + QLatin1String("_FILE");
            const QString path = m_surroundings.environment.value(fileVariable);
            if (!path.isEmpty() && !value.isEmpty()) {
                error(where, setting.key,
                    QStringLiteral("%1 is set as well: which of the two counts?").arg(fileVariable));
                m_wrong.insert(setting.key);
                return std::nullopt;
            }
            if (!path.isEmpty())
                return fromSecretFile(setting, QStringLiteral("environment variable ") + fileVariable, path);
        }
        if (value.isEmpty())
            return std::nullopt;
        if (variable == QLatin1String("KAV_PORT") && value.startsWith(QLatin1String("tcp://"))) {
            error(where, setting.key,
                QStringLiteral(
                    "%1 is what Kubernetes sets beside a Service named kav, not a port; set enableServiceLinks: "
                    "false in the pod, or use PORT")
                    .arg(logSafe(value, 60)));
            m_wrong.insert(setting.key);
            return std::nullopt;
        }
        return Given{&setting, {value, {}, false}, where};
    }

    /// What the service manager keeps for this service alone, systemd's LoadCredential=.
    std::optional<Given> fromCredential(const Setting& setting)
    {
        const QString directory = m_surroundings.environment.value(QStringLiteral("CREDENTIALS_DIRECTORY"));
        if (directory.isEmpty())
            return std::nullopt;
        const QString path = directory + QLatin1Char('/') + setting.credential();
        if (!m_surroundings.fileExists(path))
            return std::nullopt;
        return fromSecretFile(setting, QStringLiteral("credential ") + setting.credential(), path);
    }

    std::optional<Given> fromSecretFile(const Setting& setting, const QString& where, const QString& path)
    {
        const Result<QByteArray> bytes = m_surroundings.readFile(path);
        QString problem;
        if (!bytes)
            problem = bytes.error().message;
        else if (bytes->size() > LongestSecretFile)
            problem = logSafe(path) + QStringLiteral(": larger than 256 KiB");
        if (!problem.isEmpty()) {
            error(where, setting.key, problem);
            m_wrong.insert(setting.key);
            return std::nullopt;
        }
        QString text = QString::fromUtf8(*bytes);
        if (text.endsWith(QLatin1Char('\n')))
            text.chop(1);
        if (text.endsWith(QLatin1Char('\r')))
            text.chop(1);
        return Given{&setting, {text, {}, false}, where};
    }

    // ---- what follows from the rest
    // ------------------------------------------------------------------------------------
    void fillIn()
    {
        Config& config = m_loaded.config;
        if (config.dataDir.isEmpty())
            config.dataDir = defaultDataDir();
        config.dataDir = QDir::cleanPath(config.dataDir);
        if (config.messagesDir.isEmpty())
            config.messagesDir = config.dataDir + QLatin1String("/messages");
        if (config.keep.recordingsDir.isEmpty())
            config.keep.recordingsDir = config.dataDir + QLatin1String("/recordings");
        config.keep.messagesDir = config.messagesDir;
        if (config.retentionAudio.count() > 0) {
            if (!m_loaded.sources.contains(QStringLiteral("recording.keep")))
                config.keep.recordings = config.retentionAudio;
            if (!m_loaded.sources.contains(QStringLiteral("recording.keep_messages")))
                config.keep.messages = config.retentionAudio;
        }
        if (config.dialogFile.isEmpty())
            config.dialogFile = defaultDialog();
        config.callLog.dataDir = config.dataDir;
        config.rest.accountSid = config.twilioAccountSid;
        config.rest.authToken = config.twilioAuthToken.toUtf8();
        config.outbound.numbers = config.twilioNumbers;
        config.outbound.publicUrl = config.publicUrl;
        config.outbound.ring = std::chrono::duration_cast<std::chrono::seconds>(config.outboundRing);
        // The session ends it first, with a goodbye; this is what is left should it not.
        config.outbound.longest = std::chrono::ceil<std::chrono::seconds>(config.turn.longestCall) + std::chrono::seconds(60);
        if (auto tokens = control::ConsoleTokens::parse(config.consoleTokensText))
            config.consoleTokens = std::move(tokens).value();
        else
            check("console.tokens", false, tokens.error().message);
        checkProviders();
        checkTraces();
        Config copy = config;
        for (const Setting& setting : settingsTable()) {
            if (!setting.secret)
                continue;
            const QString value = shownValue(setting, copy);
            if (!value.isEmpty() && setting.key != QLatin1String("call_log.database_url"))
                config.providers.secrets += value;
        }
    }

    /// A name that no stage has is a mistake; a provider without its key is one that fails, and says so.
    void checkProviders()
    {
        RemoteSettings& remote = m_loaded.config.remote;
        const auto checkList = [this](const char* key, const char* stage, const QStringList& names) {
            const QString problem = providerListProblem(QLatin1String(stage), names);
            check(key, problem.isEmpty(), problem);
        };
        checkList("providers.stt", "stt", remote.stt);
        checkList("providers.llm", "llm", remote.llm);
        checkList("providers.tts", "tts", remote.tts);
        const Config defaults;
        for (const Setting& setting : settingsTable()) {
            if (setting.kind != Kind::Service && setting.kind != Kind::Socket)
                continue;
            QString& text = std::get<QString& (*)(Config&)>(setting.member)(m_loaded.config);
            if (text.isEmpty()) { // set to nothing in the file
                text = shownValue(setting, defaults);
                continue;
            }
            const QUrl url(text);
            const bool isPlain = url.scheme() == QLatin1String("http") || url.scheme() == QLatin1String("ws");
            if (setting.section() == QLatin1String("traces"))
                continue; // no keys of vendors, no words of callers; see checkTraces()
            if (isPlain && !remote.allowPlainHttp && !isPrivateHost(url.host()) && !m_wrong.contains(setting.key)) {
                error(whereOf(setting.key), setting.key,
                    QStringLiteral("%1 is outside of private networks, and %2:// shows keys and calls to everyone on "
                                   "the way; use %2s://, or set providers.allow_plain_http")
                        .arg(logSafe(url.host(), 60), url.scheme()));
            }
        }
        const QUrl endpoint(remote.googleSttEndpoint);
        check("google.stt_endpoint",
            endpoint.scheme() != QLatin1String("http") || remote.allowPlainHttp || isPrivateHost(endpoint.host()),
            QStringLiteral(
                "%1 is outside of private networks, and http:// shows keys and calls to everyone on the way; "
                "use %1:%2, or set providers.allow_plain_http")
                .arg(logSafe(endpoint.host(), 60))
                .arg(endpoint.port(443)));
        for (const QString& voice : remote.googleVoices) {
            const qsizetype equals = voice.indexOf(QLatin1Char('='));
            check("google.voices", equals > 0 && equals < voice.size() - 1,
                QStringLiteral("'%1' is not like he-IL=he-IL-Wavenet-A").arg(logSafe(voice, 60)));
        }
        fillInProviders(remote);
        const QString problem = realtimeVoiceProblem(remote.llm, remote.tts);
        check("providers.tts", problem.isEmpty(), problem);
    }

    void checkTraces()
    {
        Config& config = m_loaded.config;
        const Config::TraceTexts& texts = config.traceTexts;
        traces::Settings& settings = config.traces;
        settings.endpoint = QUrl(texts.endpoint);
        if (texts.endpoint.isEmpty() && !texts.collector.isEmpty())
            settings.endpoint = QUrl(texts.collector + QLatin1String(texts.collector.endsWith(QLatin1Char('/')) ? "v1/traces" : "/v1/traces"));
        if (settings.endpoint.scheme() == QLatin1String("http") && !isPrivateHost(settings.endpoint.host())) {
            const QString key = texts.endpoint.isEmpty() ? QStringLiteral("traces.collector") : QStringLiteral("traces.endpoint");
            m_loaded.warnings += QStringLiteral("%1: %2: %3 is outside of private networks, and http:// shows traces and their "
                                                "headers to everyone on the way; use https://")
                                     .arg(whereOf(key), key, logSafe(settings.endpoint.host(), 60));
        }
        const auto headers = traces::parseHeaders(texts.headers);
        check("traces.headers", headers.has_value(), QStringLiteral("not like name=value,name=value"));
        settings.headers = headers.value_or(decltype(settings.headers)());
        const auto ratio = traces::parseRatio(texts.sample);
        check("traces.sample", ratio.has_value(), QStringLiteral("not a number from 0 to 1"));
        settings.ratio = ratio.value_or(1.0);
        const auto resource = traces::parsePairs(texts.resource);
        check("traces.resource", resource.has_value(), QStringLiteral("not like name=value,name=value"));
        settings.resource = resource.value_or(traces::Pairs());
    }

    QString defaultDataDir() const
    {
        const auto variable = [this](
                                  const char* name) { return m_surroundings.environment.value(QLatin1String(name)); };
        // systemd joins several with colons; the first is ours.
        if (const QString state = variable("STATE_DIRECTORY").section(QLatin1Char(':'), 0, 0); !state.isEmpty())
            return state;
        if (const QString data = variable("XDG_DATA_HOME"); !data.isEmpty())
            return data + QLatin1String("/kav");
        if (const QString home = variable("HOME"); !home.isEmpty())
            return home + QLatin1String("/.local/share/kav");
        return QStringLiteral("/var/lib/kav");
    }

    QString defaultDialog() const
    {
        const QString installed =
            QDir::cleanPath(m_surroundings.executableDir + QLatin1String("/../share/kav/dialogs/receptionist.toml"));
        const QString inTree = QStringLiteral(KAV_RESOURCES_DIR "/dialogs/receptionist.toml");
        if (!m_surroundings.fileExists(installed) && m_surroundings.fileExists(inTree))
            return inTree;
        return installed;
    }

    QString whereOf(const QString& key) const { return m_loaded.sources.value(key, QStringLiteral("default")); }

    /// `small` must not be more than (or, `strictly`, must be less than) `large`.
    void inOrder(const char* small, const char* large, bool strictly = false)
    {
        const Setting* first = m_byKey.value(QLatin1String(small));
        const Setting* second = m_byKey.value(QLatin1String(large));
        Q_ASSERT(first && second);
        if (m_wrong.contains(first->key) || m_wrong.contains(second->key))
            return; // already told, and the value that stands in is not what was meant
        const auto valueOf = [this](const Setting* setting) {
            return std::get<Milliseconds& (*)(Config&)>(setting->member)(m_loaded.config);
        };
        if (strictly ? valueOf(first) < valueOf(second) : valueOf(first) <= valueOf(second))
            return;
        // The one that was set is at fault; of two, the first.
        const bool firstSet = m_loaded.sources.contains(first->key);
        const Setting* guilty = firstSet ? first : second;
        const Setting* other = firstSet ? second : first;
        error(whereOf(guilty->key), guilty->key,
            QStringLiteral("%1 must be %2 than %3, which is %4 (%5)")
                .arg(shownDuration(valueOf(guilty)),
                    firstSet ? (strictly ? QStringLiteral("less") : QStringLiteral("no more"))
                             : (strictly ? QStringLiteral("more") : QStringLiteral("no less")),
                    other->key, shownDuration(valueOf(other)), whereOf(other->key)));
    }

    void check(const char* key, bool good, const QString& problem)
    {
        const QString name = QLatin1String(key);
        if (!good && !m_wrong.contains(name))
            error(whereOf(name), name, problem);
    }

    void crossCheck()
    {
        inOrder("turn.voice_start", "turn.voice_start_window");
        inOrder("turn.end_of_utterance_min", "turn.end_of_utterance_max");
        inOrder("turn.filler", "turn.fallback", true);
        inOrder("turn.fallback", "turn.hard_end", true);
        inOrder("turn.final_wait", "turn.fallback");
        inOrder("turn.interrupt_voice", "turn.interrupt_confirm");
        inOrder("turn.message_end", "turn.message_cap", true);
        inOrder("turn.message_cap", "turn.longest_call");
        inOrder("turn.utterance_cap", "turn.longest_call");
        inOrder("failover.first_rest", "failover.longest_rest");
        const Config& config = m_loaded.config;
        check("media.key", config.mediaKey.isEmpty() || config.mediaKey.size() >= ShortestMediaKey,
            QStringLiteral("shorter than %1 characters").arg(ShortestMediaKey));
        const QString& database = config.callLog.databaseUrl;
        check("call_log.database_url",
            database.isEmpty() || database == QLatin1String("off")
                || (database.startsWith(QLatin1String("sqlite:///")) && database.size() > 10),
            QStringLiteral("not 'off' and not like sqlite:///abs/path.db, the database of this version"));
        for (const QString& origin : config.consoleOrigins)
            check("console.origins", isOrigin(origin),
                QStringLiteral("'%1' is not like https://desk.example.com").arg(logSafe(origin, 60)));
        static const QRegularExpression word(QStringLiteral("\\A[A-Za-z0-9]*\\z"));
        static const QRegularExpression place(QStringLiteral("\\A[a-z0-9-]*\\z"));
        static const QRegularExpression e164(QStringLiteral("\\A\\+[1-9][0-9]{6,14}\\z"));
        const auto matches = [](const QRegularExpression& form, const QString& text) {
            return form.match(text).hasMatch();
        };
        check("twilio.account_sid", matches(word, config.twilioAccountSid),
            QStringLiteral("an account id has letters and digits only"));
        check("twilio.api_key_sid", matches(word, config.rest.apiKeySid),
            QStringLiteral("a key's id has letters and digits only"));
        check("twilio.api_key_sid", config.rest.apiKeySid.isEmpty() || !config.rest.apiKeySecret.isEmpty(),
            QStringLiteral("given without twilio.api_key_secret"));
        check("twilio.region", matches(place, config.rest.region), QStringLiteral("a region is a word like ie1"));
        check("twilio.edge", matches(place, config.rest.edge), QStringLiteral("an edge is a word like dublin"));
        for (const QString& number : config.twilioNumbers)
            check("twilio.number", matches(e164, number), QStringLiteral("a number is written like +97231234567"));
        for (const QString& entry : config.outbound.allow)
            check("outbound.allow", telephony::isAllowEntry(entry),
                QStringLiteral("an entry is a number like +972501234567, or a prefix like +97250*"));
        const QString& shown = config.transfer.callerId;
        check("transfer.caller_id",
            shown == QLatin1String("caller") || shown == QLatin1String("called") || matches(e164, shown),
            QStringLiteral("caller, called, or a number like +97231234567 is wanted"));
        const bool forwards =
            config.whenFull == QLatin1String("forward") || config.whenDraining == QLatin1String("forward");
        check("calls.forward_to", (config.forwardTo.isEmpty() && !forwards) || matches(e164, config.forwardTo),
            QStringLiteral("a number like +97231234567 is wanted"));
        const qint64 logBytes = config.callLog.retention.logBytes;
        check("retention.log_size", logBytes == 0 || logBytes >= 64 * 1024 * 1024,
            QStringLiteral("too little for a log; at least 64MiB, or 0 for no limit"));
        check("dialog.language", !config.language.isEmpty(), QStringLiteral("empty; a language is wanted, e.g. en-US"));
    }

    void readPersonaTables()
    {
        const Config& config = m_loaded.config;
        for (const QString& host : config.toolHosts)
            check("tools.allow_hosts", isHost(host),
                QStringLiteral("'%1' is not a host's name, like api.example.com").arg(logSafe(host, 60)));
        PersonaRules rules;
        rules.language = config.language;
        rules.allowHosts = config.toolHosts;
        rules.allowPrivate = config.toolsMayBePrivate;
        rules.readFile = m_surroundings.readFile;
        rules.directory = QFileInfo(m_loaded.file).path();
        rules.remote = config.remote;
        ReadPersonas read = readPersonas(m_personas, rules);
        m_loaded.errors += read.errors;
        m_loaded.warnings += read.warnings;
        if (m_loaded.ok())
            m_loaded.config.personas = std::make_shared<const dialog::PersonaBook>(read.personas, config.language);
    }

    const Surroundings& m_surroundings;
    LoadedConfig m_loaded;
    QList<TomlEntry> m_personas;
    QMap<QString, const Setting*> m_byKey, m_byFlag;
    QSet<QString> m_wrong;
    QList<Given> m_flags;
    QString m_file;
};

Result<QByteArray> readWholeFile(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return Error{file.exists() ? Error::Code::Io : Error::Code::NotFound,
            QStringLiteral("cannot read %1: %2").arg(logSafe(path), file.errorString()), {}};
    }
    constexpr qint64 limit = 2 * 1024 * 1024; // above every reader's own limit
    return file.read(limit);
}

QString defaultOf(const Setting& setting)
{
    if (!setting.defaultText.isEmpty())
        return setting.defaultText;
    static const Config defaults;
    const QString value = shownValue(setting, defaults);
    return value.isEmpty() ? QStringLiteral("none") : value;
}

} // namespace

Surroundings Surroundings::ofThisProcess()
{
    Surroundings surroundings;
    const QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const QString& name : environment.keys())
        surroundings.environment.insert(name, environment.value(name));
    surroundings.executableDir = QCoreApplication::applicationDirPath();
    surroundings.readFile = &readWholeFile;
    surroundings.fileExists = [](const QString& path) { return QFileInfo::exists(path); };
    return surroundings;
}

LoadedConfig Config::load(const QStringList& args, const Surroundings& surroundings)
{
    return Loader(surroundings).load(args);
}

int Config::mediaWorkerCount(int cores) const
{
    return mediaWorkers > 0 ? mediaWorkers : qMax(1, cores - 1);
}

int Config::speechThreadCount(int cores) const
{
    return speechThreads > 0 ? speechThreads : qMax(1, cores);
}

int Config::callCapacity(int cores) const
{
    return capacity > 0 ? capacity : CallsPerWorker * mediaWorkerCount(cores);
}

std::shared_ptr<const dialog::PersonaBook> Config::personaBook() const
{
    return personas ? personas : std::make_shared<const dialog::PersonaBook>(QList<providers::Persona>{}, language);
}

providers::TransferRules Config::Transfer::rules() const
{
    return {callerId, ring, longest, providers::afterTransferFromName(noAnswer),
        providers::afterTransferFromName(afterwards)};
}

QStringList Config::differences(const Config& other) const
{
    QStringList keys;
    for (const Setting& setting : settingsTable()) {
        if (shownValue(setting, *this) != shownValue(setting, other))
            keys += setting.key;
    }
    return keys;
}

void Config::ensureMediaKey()
{
    if (!mediaKey.isEmpty())
        return;
    std::array<quint32, 8> words{};
    QRandomGenerator::system()->fillRange(words.data(), qsizetype(words.size()));
    mediaKey = QByteArray(reinterpret_cast<const char*>(words.data()), qsizetype(sizeof words)).toHex();
}

QStringList LoadedConfig::summary() const
{
    QStringList lines;
    for (const Setting& setting : settingsTable()) {
        if (sources.contains(setting.key)) {
            lines +=
                QStringLiteral("%1 = %2 (%3)")
                    .arg(setting.key, setting.secret ? QStringLiteral("(set)") : logSafe(shownValue(setting, config)),
                        logSafe(sources.value(setting.key)));
        }
    }
    return lines;
}

QString helpText()
{
    QString text = QStringLiteral(
        "Kav answers telephone calls: the engine. Operators' consoles connect to ws://HOST:PORT/console; from other\n"
        "machines they need a token (console.tokens).\n"
        "\n"
        "Usage: kav-engine [serve] [FLAGS]     answer calls (the default)\n"
        "       kav-engine migrate [FLAGS]     make or upgrade the call log's schema\n"
        "       kav-engine call ...            call an engine as Twilio would; see kav-engine call --help\n"
        "       kav-engine call --phone NUMBER call a telephone through Twilio: a real call; see call --phone --help\n"
        "       kav-engine calls [CALLID] [--text T] [--limit N] [--json] [FLAGS]\n"
        "                                      show the call log: the newest calls, or one call turn by turn\n"
        "       kav-engine recordings [CALLID] [--delete] [--yes] [--json] [FLAGS]\n"
        "                                      show what is kept of callers' voices; delete a call's\n"
        "       kav-engine purge [--dry-run] [--kind audio|transcript|numbers|log [--older-than AGE]]... [--compact]\n"
        "                        [FLAGS]       delete now what has its age (retention.*), or is older than AGE (90d)\n"
        "       kav-engine erase --caller NUMBER [--also-masked] [--dry-run] [--yes] [FLAGS]\n"
        "                                      erase one caller: all calls of that number, in both directions\n"
        "       kav-engine backup DIR [--audio] [FLAGS]\n"
        "                                      copy the call log while the engine runs; recordings and messages too\n"
        "       kav-engine inspect [--call CALLID] [--refused] [--kind webhook|stream|console|page] [--text T]\n"
        "                          [--limit N] [--follow] [--json] [FLAGS]\n"
        "                                      show the requests that came in: verdict on the signature, status, times\n"
        "       kav-engine evidence CALLID --out DIR|FILE.zip [--unmask] [FLAGS]\n"
        "                                      make a pack that shows what happened in a call: a page to open in a\n"
        "                                      browser, the same as data, sound, pictures, hashes; numbers masked\n"
        "       kav-engine doctor [--json] [FLAGS]\n"
        "                                      check settings, credentials, every provider, database, directories; say\n"
        "                                      what to do; 0: calls can be answered\n"
        "       kav-engine health [FLAGS]      ask the engine on this machine for /healthz; 0: it answers\n"
        "       kav-engine example-config      print a commented configuration file\n"
        "       kav-engine --help | --version\n"
        "\n"
        "Each setting is taken from its flag, else from its environment variable (the first named that is set), else\n"
        "from the TOML file (--config FILE, else $KAV_CONFIG, else %1 where there is one), else it has its\n"
        "default. Secrets are no flags; NAME_FILE names a file that holds one, and behind the variables come systemd's\n"
        "credentials, kav.SECTION.NAME: kav.twilio.auth_token. Durations: 250ms, 4s, 30m, 2h, 90d; a bare number is\n"
        "milliseconds. Sizes: 64KiB, 1MiB; a bare number is bytes.\n"
        "\n"
        "Providers: KAV_STT, KAV_LLM, KAV_TTS are lists in order of preference (openai,embedded). Without a list those\n"
        "with a key come first, and the embedded ones, which need no key and no network, are the last resort. Speech to\n"
        "speech: KAV_STT=realtime,embedded KAV_LLM=realtime,embedded KAV_TTS=realtime,openai,embedded. The engine's own\n"
        "lines are spoken by the other voices of KAV_TTS, or where there is none by the embedded one.\n")
                       .arg(QString::fromLatin1(DefaultFile));
    for (const auto& [section, about] : settingSections()) {
        text += QStringLiteral("\n[%1]  %2\n").arg(section, about);
        for (const Setting& setting : settingsTable()) {
            if (setting.section() != section)
                continue;
            text += QStringLiteral("  %1\n      %2\n      %3; default: %4\n")
                        .arg((setting.secret ? setting.key : setting.flag() + QLatin1String(", ") + setting.key)
                                + QLatin1String(", ") + setting.variables().join(QLatin1String(", ")),
                            setting.help, shownKind(setting), defaultOf(setting));
        }
    }
    return text + personaHelp();
}

QString exampleFile()
{
    QString text = QStringLiteral(
        "# Kav's settings, each with its default. This text is made by `kav-engine example-config`.\n"
        "# Flags and environment variables (kav-engine --help) go before this file.\n"
        "# Durations: \"250ms\", \"4s\", \"30m\", \"2h\", \"90d\", or milliseconds. Sizes: \"64KiB\", \"1MiB\", or bytes.\n");
    const Config defaults;
    for (const auto& [section, about] : settingSections()) {
        text += QStringLiteral("\n# %1\n[%2]\n").arg(about, section);
        for (const Setting& setting : settingsTable()) {
            if (setting.section() != section)
                continue;
            QString value = shownValue(setting, defaults);
            if (setting.kind == Kind::List)
                value = QStringLiteral("[]");
            else if (setting.kind != Kind::Bool && setting.kind != Kind::Int)
                value = QLatin1Char('"') + value + QLatin1Char('"');
            text +=
                QStringLiteral("\n# %1\n# (%2%3; %4)\n#%5 = %6\n")
                    .arg(setting.help, shownKind(setting),
                        setting.defaultText.isEmpty() ? QString() : QStringLiteral("; default: ") + setting.defaultText,
                        setting.variables().join(QLatin1String(", ")), setting.key.section(QLatin1Char('.'), 1), value);
        }
    }
    return text + examplePersona();
}

} // namespace kav::app
