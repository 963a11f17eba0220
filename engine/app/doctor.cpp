// SPDX-License-Identifier: Apache-2.0
#include "engine/app/doctor.h"

#include "engine/app/dialogfiles.h"
#include "engine/app/wiring.h"
#include "engine/calllog/queries.h"
#include "shared/core/masking.h"

#include <QEventLoop>
#include <QFile>
#include <QFileInfo>
#include <QHostAddress>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryFile>
#include <QTimer>
#include <QUrl>

#include <algorithm>

namespace kav::app {
namespace {

using Verdict = DoctorRow::Verdict;

/// Beyond every maker's deadline: the registry ends each by itself.
constexpr Milliseconds ProvidersGrace{2000};

QString verdictName(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Ok:
        return QStringLiteral("OK");
    case Verdict::Warn:
        return QStringLiteral("WARN");
    case Verdict::Fail:
        return QStringLiteral("FAIL");
    }
    Q_UNREACHABLE();
}

class Stopwatch final {
public:
    explicit Stopwatch(const Clock& clock)
        : m_clock(clock)
        , m_began(clock.now())
    {
    }
    Milliseconds took() const { return std::chrono::duration_cast<Milliseconds>(m_clock.now() - m_began); }

private:
    const Clock& m_clock;
    const Instant m_began;
};

// ---- providers ------------------------------------------------------------------------------------------------------

struct VendorNames final {
    QString keys, address;
};

VendorNames namesOf(const QString& provider, providers::Stage stage)
{
    const auto names = [](const char* keys, const char* address) {
        return VendorNames{QString::fromLatin1(keys), QString::fromLatin1(address)};
    };
    const bool listens = stage == providers::Stage::SpeechToText;
    if (provider.startsWith(QLatin1String("google")))
        return names("GOOGLE_API_KEY, GCP_CREDENTIALS_JSON or GOOGLE_APPLICATION_CREDENTIALS",
            !listens                                  ? "KAV_GOOGLE_TTS_URL"
                : provider == QLatin1String("google") ? "KAV_GOOGLE_STT_ENDPOINT"
                                                      : "KAV_GOOGLE_STT_URL");
    if (provider == QLatin1String("deepgram"))
        return names("DEEPGRAM_API_KEY", "KAV_DEEPGRAM_URL");
    if (provider == QLatin1String("elevenlabs"))
        return names("ELEVENLABS_API_KEY", "KAV_ELEVENLABS_URL");
    if (provider == QLatin1String("realtime"))
        return names("OPENAI_API_KEY", "KAV_REALTIME_URL");
    return names("OPENAI_API_KEY",
        listens                                       ? "KAV_OPENAI_STT_URL or OPENAI_BASE_URL"
            : stage == providers::Stage::TextToSpeech ? "KAV_OPENAI_TTS_URL or OPENAI_BASE_URL"
                                                      : "OPENAI_BASE_URL");
}

QString listVariable(providers::Stage stage)
{
    return QStringLiteral("KAV_") + providers::stageName(stage);
}

/// The lists that a provider stands in: "KAV_STT", "stt of persona.night".
QStringList listsWith(const providers::ProviderStatus& status, const Config& config)
{
    const RemoteSettings& remote = config.remote;
    const bool listens = status.stage == providers::Stage::SpeechToText;
    const QStringList usual = listens                     ? remote.stt
        : status.stage == providers::Stage::LanguageModel ? remote.llm
                                                          : voicesForLines(remote.tts);
    QStringList lists;
    if (usual.contains(status.provider))
        lists += listVariable(status.stage);
    for (const auto& persona : config.personaBook()->all()) {
        if (providersOf(*persona, status.stage).contains(status.provider))
            lists += QStringLiteral("%1 of persona.%2").arg(serviceIdOf(status.stage), persona->name);
    }
    return lists;
}

QString providerToDo(const providers::ProviderStatus& status, const Config& config)
{
    const QString leave = QStringLiteral(", or leave %1 out of %2")
                              .arg(status.provider, listsWith(status, config).join(QLatin1String(" and ")));
    if (status.provider == QLatin1String("embedded"))
        return QStringLiteral("reinstall Kav's speech packages (pocketsphinx and its model, flite)");
    const VendorNames names = namesOf(status.provider, status.stage);
    const QString& reason = status.reason;
    const auto says = [&reason](const char* word) { return reason.contains(QLatin1String(word), Qt::CaseInsensitive); };
    if (says("use google-rest"))
        return QStringLiteral("install the engine's module for it, or name google-rest in google's place");
    if (says("no key"))
        return QStringLiteral("set ") + names.keys + leave;
    const auto is = [&reason](Error::Code code) { return reason.startsWith(errorCodeName(code) + QLatin1Char(':')); };
    if (says("not enabled") || says("no billing"))
        return QStringLiteral("enable the service and billing for the project in Google Cloud's console") + leave;
    // A key file that cannot be read is told with its variable.
    if (is(Error::Code::Denied) || says("GCP_CREDENTIALS_JSON") || says("GOOGLE_APPLICATION_CREDENTIALS"))
        return QStringLiteral("check the key (%1), and what its account may do").arg(names.keys) + leave;
    if (is(Error::Code::NotFound))
        return QStringLiteral("check the address (%1), and the model's and the voice's names").arg(names.address)
            + leave;
    if (is(Error::Code::LimitExceeded))
        return QStringLiteral("wait, or raise the account's limit or credit") + leave;
    return QStringLiteral("check the address (%1), the way there and the proxy").arg(names.address) + leave;
}

void examineProviders(const Config& config, const Engine::MakersSource& source,
    const std::shared_ptr<const dialog::DialogBook>& dialogs, const Clock& clock, QList<DoctorRow>& rows)
{
    providers::RegistrySettings settings = config.providers;
    settings.retry = std::max(settings.retry, settings.deadline * 10); // one attempt each
    providers::ProviderRegistry registry(source([dialogs] { return dialogs; }), settings, clock);
    const auto isSettled = [&registry] {
        const auto statuses = registry.statuses();
        return std::all_of(statuses.begin(), statuses.end(), [](const providers::ProviderStatus& status) {
            return status.state == providers::ProviderState::Ready || status.state == providers::ProviderState::Failed;
        });
    };
    QEventLoop loop;
    QObject::connect(&registry, &providers::ProviderRegistry::statusChanged, &loop, [&] {
        if (isSettled())
            loop.quit();
    });
    QTimer::singleShot(settings.deadline + ProvidersGrace, &loop, &QEventLoop::quit);
    warmUp(registry, *config.personaBook());
    if (!isSettled())
        loop.exec();

    const auto statuses = registry.statuses();
    for (const providers::ProviderStatus& status : statuses) {
        DoctorRow row;
        row.check = providers::stageName(status.stage) + QLatin1Char(' ') + status.provider;
        row.took = status.took;
        if (status.state == providers::ProviderState::Ready) {
            row.says = status.name.isEmpty() ? QStringLiteral("ready") : status.name + QStringLiteral(" is ready");
        } else {
            row.verdict = Verdict::Fail;
            row.says = status.reason.isEmpty() ? QStringLiteral("no answer within the deadline") : status.reason;
            row.toDo = providerToDo(status, config);
        }
        rows += row;
    }
    for (const auto stage :
        {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech}) {
        if (registry.status(stage).state == providers::ProviderState::Ready)
            continue;
        DoctorRow row;
        row.check = providers::stageName(stage);
        row.verdict = Verdict::Fail;
        row.says = QStringLiteral("no provider of this stage can be used");
        row.toDo = QStringLiteral("mend one of those above, or add embedded to ") + listVariable(stage);
        row.isNeeded = true;
        rows += row;
    }
    for (const auto& persona : config.personaBook()->all()) {
        for (const auto stage :
            {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech}) {
            // Of voices, realtime alone names none for the lines: the engine's speak them.
            const QStringList order = registry.order(stage, providersOf(*persona, stage));
            if (order == registry.order(stage)
                || std::any_of(statuses.begin(), statuses.end(), [&](const providers::ProviderStatus& status) {
                       return status.stage == stage && order.contains(status.provider)
                           && status.state == providers::ProviderState::Ready;
                   }))
                continue;
            const QString list = QStringLiteral("%1 of persona.%2").arg(serviceIdOf(stage), persona->name);
            rows += DoctorRow{providers::stageName(stage) + QStringLiteral(" persona.") + persona->name, Verdict::Fail,
                Milliseconds(0), QStringLiteral("no provider of the persona's own list can be used"),
                QStringLiteral("mend one of those above, or add embedded to ") + list, true};
        }
    }
}

/// What was given, never its value.
void examineCredentials(const LoadedConfig& loaded, QList<DoctorRow>& rows)
{
    const RemoteSettings& remote = loaded.config.remote;
    struct Credential {
        const char* key;
        const QString& value;
        QStringList providers;
    };
    const QStringList google{QStringLiteral("google"), QStringLiteral("google-rest")};
    const QList<Credential> all{
        {"openai.api_key", remote.openaiKey, {QStringLiteral("openai"), QStringLiteral("realtime")}},
        {"google.api_key", remote.googleKey, google},
        {"google.credentials_json", remote.googleCredentialsJson, google},
        {"google.credentials_file", remote.googleCredentialsFile, google},
        {"deepgram.api_key", remote.deepgramKey, {QStringLiteral("deepgram")}},
        {"elevenlabs.api_key", remote.elevenlabsKey, {QStringLiteral("elevenlabs")}},
    };
    QStringList listed = remote.stt + remote.llm + remote.tts;
    for (const auto& persona : loaded.config.personaBook()->all())
        listed += persona->stt + persona->llm + persona->tts;
    QStringList given;
    for (const Credential& credential : all) {
        if (credential.value.isEmpty())
            continue;
        const QString key = QString::fromLatin1(credential.key);
        given += key;
        const bool isUsed = std::any_of(credential.providers.begin(), credential.providers.end(),
            [&listed](const QString& name) { return listed.contains(name); });
        DoctorRow row;
        row.check = QStringLiteral("credentials");
        row.says = QStringLiteral("%1 is set (%2)").arg(key, loaded.sources.value(key));
        if (!isUsed) {
            row.verdict = Verdict::Warn;
            row.says += QStringLiteral(", and no list has its provider");
            row.toDo = QStringLiteral("add %1 to KAV_STT, KAV_LLM or KAV_TTS").arg(credential.providers.constFirst());
        }
        rows += row;
    }
    if (given.isEmpty())
        rows += DoctorRow{
            QStringLiteral("credentials"), Verdict::Ok, Milliseconds(0), QStringLiteral("none are set"), {}, false};
}

// ---- the machine ----------------------------------------------------------------------------------------------------

DoctorRow examineDirectory(const QString& check, const QString& path, const Clock& clock)
{
    const Stopwatch watch(clock);
    DoctorRow row;
    row.check = check;
    const QString shown = logSafe(path);
    // What is not there yet is made by the engine, in the nearest directory above.
    QFileInfo nearest(path);
    while (!nearest.exists() && nearest.absolutePath() != nearest.absoluteFilePath())
        nearest = QFileInfo(nearest.absolutePath());
    QTemporaryFile file(nearest.absoluteFilePath() + QStringLiteral("/.kav-doctor-XXXXXX"));
    QString problem;
    if (!nearest.isDir())
        problem = QStringLiteral("%1 is no directory").arg(logSafe(nearest.absoluteFilePath()));
    else if (!file.open() || file.write("kav\n") != 4 || !file.flush())
        problem =
            QStringLiteral("%1 cannot be written: %2").arg(logSafe(nearest.absoluteFilePath()), file.errorString());
    if (problem.isEmpty()) {
        row.says = QFileInfo::exists(path) ? shown + QStringLiteral(" can be written")
                                           : shown + QStringLiteral(" will be made");
    } else {
        row.verdict = Verdict::Fail;
        row.says = problem;
        row.toDo = QStringLiteral("give the engine's user the right to write there, or set another one (KAV_DATA_DIR, "
                                  "KAV_MESSAGES_DIR)");
        row.isNeeded = true;
    }
    row.took = watch.took();
    return row;
}

DoctorRow examineDatabase(const Config& config, const Clock& clock)
{
    const Stopwatch watch(clock);
    DoctorRow row;
    row.check = QStringLiteral("database");
    if (config.callLog.databaseUrl == QLatin1String("off")) {
        row.verdict = Verdict::Warn;
        row.says = QStringLiteral("off: the journal alone keeps the call log, and consoles cannot search it");
        row.toDo = QStringLiteral("set DATABASE_URL=sqlite:///abs/path.db, then run kav-engine migrate");
        return row;
    }
    const auto queries = calllog::Queries::open(config.callLog);
    row.took = watch.took();
    if (queries) {
        row.says = QStringLiteral("there, with its schema");
        return row;
    }
    const Error& error = queries.error();
    row.says = error.message;
    const bool isMissing = error.code == Error::Code::NotFound; // or its schema, or a part of that
    if (isMissing && config.callLog.bootstrap) {
        row.verdict = Verdict::Warn;
        row.toDo = QStringLiteral("nothing, if it is new: the engine makes it at its start (DB_BOOTSTRAP)");
        return row;
    }
    // The readiness page says the same: a database that was asked for counts, the default's absence does not.
    row.isNeeded = !config.callLog.databaseUrl.isEmpty();
    row.verdict = row.isNeeded ? Verdict::Fail : Verdict::Warn;
    if (isMissing) {
        row.toDo =
            QStringLiteral("run kav-engine migrate with the same settings; until then the journal keeps the log");
    } else if (error.code == Error::Code::Io) {
        row.toDo = QStringLiteral(
            "move the file away, with its -wal and -shm, and put a backup there or run kav-engine migrate: the engine "
            "adds what its journal still has; migrate does not mend a damaged file");
    } else {
        row.toDo = QStringLiteral(
            "see that the engine's user may read and write it, or update the engine; until then the journal keeps the "
            "log");
    }
    return row;
}

bool isOnlyThisMachine(const QString& publicUrl)
{
    const QString host = QUrl(publicUrl).host();
    return publicUrl.isEmpty() || host == QLatin1String("localhost") || QHostAddress(host).isLoopback();
}

DoctorRow examinePublicUrl(const Config& config)
{
    DoctorRow row;
    row.check = QStringLiteral("public URL");
    const bool isHere = isOnlyThisMachine(config.publicUrl);
    const QUrl url(config.publicUrl);
    const bool isPrivate = isPrivateHost(url.host());
    row.verdict = isHere || isPrivate ? Verdict::Warn : Verdict::Ok;
    if (config.publicUrl.isEmpty())
        row.says = QStringLiteral("not set: Twilio's signatures are checked against the Host header of each request");
    else if (isHere)
        row.says = config.publicUrl + QStringLiteral(" is this machine only");
    else if (isPrivate)
        row.says = config.publicUrl + QStringLiteral(" is an address of a private network, where Twilio does not come");
    else
        row.says = config.publicUrl
            + QStringLiteral(" has the right form; whether Twilio reaches it cannot be tested from here");
    if (row.verdict == Verdict::Warn)
        row.toDo = QStringLiteral("for calls from Twilio set KAV_PUBLIC_URL=https://your.host");
    else
        row.toDo = QStringLiteral("from another network: curl %1/healthz").arg(config.publicUrl);
    return row;
}

DoctorRow examineTwilioToken(const Config& config)
{
    DoctorRow row;
    row.check = QStringLiteral("Twilio token");
    if (!config.twilioAuthToken.isEmpty()) {
        row.says = config.rest.isUsable() && config.rest.apiKeySid.isEmpty()
            ? QStringLiteral("set")
            : QStringLiteral("set; whether it is the account's shows with the first call");
        return row;
    }
    row.isNeeded = !isOnlyThisMachine(config.publicUrl);
    row.verdict = row.isNeeded ? Verdict::Fail : Verdict::Warn;
    row.says = QStringLiteral("not set: only callers on this machine are served");
    row.toDo = QStringLiteral("set TWILIO_AUTH_TOKEN, or TWILIO_AUTH_TOKEN_FILE");
    return row;
}

/// Where a number's calls go, against where this engine takes them.
DoctorRow examineNumber(const telephony::NumberResource& number, const QString& publicUrl)
{
    DoctorRow row;
    row.check = QStringLiteral("Twilio number");
    const QString shown = maskNumber(number.phoneNumber);
    const QString voice = publicUrl + QStringLiteral("/webhook/incoming_call");
    const QString status = publicUrl + QStringLiteral("/webhook/call_status");
    const QUrl url(number.voiceUrl);
    if (number.voiceUrl != voice || number.voiceMethod != QLatin1String("POST")) {
        row.verdict = Verdict::Warn;
        row.says = url.isEmpty()
            ? QStringLiteral("%1: its calls go nowhere").arg(shown)
            : QStringLiteral("%1: its calls go to %2 (%3)")
                  .arg(shown, logSafe(url.toDisplayString(QUrl::RemoveUserInfo | QUrl::RemoveQuery)),
                      logSafe(number.voiceMethod, 10));
        row.toDo = QStringLiteral("at Twilio set what happens when a call comes in to %1 (POST)").arg(voice);
    } else if (number.statusCallback != status) {
        row.verdict = Verdict::Warn;
        row.says = QStringLiteral("%1: its calls come here, but nobody is told how they end").arg(shown);
        row.toDo = QStringLiteral("at Twilio set the number's status callback to %1").arg(status);
    } else {
        row.says = QStringLiteral("%1: its calls come here").arg(shown);
    }
    return row;
}

/// Asks Twilio. The account's other numbers are nobody's business here.
void examineAccount(const Config& config, const Clock& clock, QList<DoctorRow>& rows)
{
    DoctorRow row;
    row.check = QStringLiteral("Twilio account");
    if (!config.rest.isUsable()) {
        if (config.twilioAuthToken.isEmpty() && config.rest.apiKeySid.isEmpty())
            return; // the token's row says it
        row.verdict = Verdict::Warn;
        row.says = QStringLiteral("not asked: without its id no call can be made, passed on or ended by REST");
        row.toDo = QStringLiteral("set TWILIO_ACCOUNT_SID");
        rows += row;
        return;
    }
    telephony::RestSettings settings = config.rest;
    settings.timeout = Milliseconds(4000);
    providers::HttpPool http(clock);
    telephony::TwilioRest rest(settings, http, clock);
    QEventLoop loop;
    const Stopwatch watch(clock);
    rest.checkCredentials([&](const Result<void>& result) {
        row.says = result ? QStringLiteral("the credentials are right") : toString(result.error());
        if (!result) {
            row.verdict = Verdict::Fail;
            row.toDo = result.error().code == Error::Code::Denied
                ? QStringLiteral("correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or the API key; see TWILIO_REGION")
                : QStringLiteral("see that this machine reaches %1").arg(settings.host());
        }
        loop.quit();
    });
    loop.exec();
    row.took = watch.took();
    rows += row;
    if (row.verdict != Verdict::Ok)
        return;
    for (const QString& number : config.twilioNumbers) {
        const Stopwatch asked(clock);
        DoctorRow found;
        found.check = QStringLiteral("Twilio number");
        rest.listNumbers(number, [&](const Result<QList<telephony::NumberResource>>& result) {
            if (!result) {
                found.verdict = Verdict::Warn;
                found.says = toString(result.error());
            } else if (result->isEmpty()) {
                found.verdict = Verdict::Warn;
                found.says = QStringLiteral("%1 is not of this account").arg(maskNumber(number));
                found.toDo = QStringLiteral("correct KAV_TWILIO_NUMBER");
            } else if (config.publicUrl.isEmpty()) {
                found.verdict = Verdict::Warn;
                found.says = QStringLiteral("%1 is of this account").arg(maskNumber(number));
                found.toDo = QStringLiteral("set KAV_PUBLIC_URL, to have it compared with where the number's calls go");
            } else {
                found = examineNumber(result->first(), config.publicUrl);
            }
            loop.quit();
        });
        loop.exec();
        found.took = asked.took();
        rows += found;
    }
}

} // namespace

bool takeJsonFlag(QStringList& args)
{
    return args.removeAll(QStringLiteral("--json")) > 0;
}

QList<DoctorRow> examine(const LoadedConfig& loaded, const Engine::MakersSource& makers, const Clock& clock)
{
    QList<DoctorRow> rows;
    const QString configuration = QStringLiteral("configuration");
    for (const QString& error : loaded.errors) {
        rows += DoctorRow{configuration, Verdict::Fail, Milliseconds(0), error,
            QStringLiteral("correct it (kav-engine --help has every setting); the rest is looked at then"), true};
    }
    if (!loaded.ok())
        return rows;
    const Config& config = loaded.config;
    rows += DoctorRow{configuration, Verdict::Ok, Milliseconds(0),
        QStringLiteral("%1 settings, file: %2")
            .arg(loaded.sources.size())
            .arg(loaded.file.isEmpty() ? QStringLiteral("none") : logSafe(loaded.file)),
        {}, false};
    for (const QString& warning : loaded.warnings) {
        rows += DoctorRow{configuration, Verdict::Warn, Milliseconds(0), warning,
            QStringLiteral("set the key, or correct the persona's list"), false};
    }
    rows += examineDirectory(QStringLiteral("data directory"), config.dataDir, clock);
    rows += examineDirectory(QStringLiteral("messages"), config.messagesDir, clock);
    rows += examineDatabase(config, clock);
    const LoadedDialogs dialogs = loadDialogs(config);
    DoctorRow dialog{QStringLiteral("dialog"), Verdict::Ok, Milliseconds(0),
        logSafe((QStringList{config.dialogFile} + config.otherDialogFiles).join(QLatin1String(", "))), {}, false};
    if (!dialogs.problems.isEmpty()) {
        dialog.verdict = Verdict::Warn;
        dialog.says = dialogs.problems.join(QLatin1String("; "));
        dialog.toDo = QStringLiteral("correct the file; until then the built-in receptionist serves");
    }
    rows += dialog;
    rows += examinePublicUrl(config);
    rows += examineTwilioToken(config);
    examineAccount(config, clock, rows);
    examineCredentials(loaded, rows);
    examineProviders(config, makers, dialogs.book, clock, rows);
    // Whatever a path, an address or a vendor put in.
    for (DoctorRow& row : rows) {
        for (const QString& value : config.providers.secrets) {
            if (value.size() >= 4)
                row.says.replace(value, QStringLiteral("[redacted]"));
        }
    }
    return rows;
}

bool canAnswerCalls(const QList<DoctorRow>& rows)
{
    return std::none_of(
        rows.begin(), rows.end(), [](const DoctorRow& row) { return row.isNeeded && row.verdict == Verdict::Fail; });
}

QString doctorTable(const QList<DoctorRow>& rows)
{
    QString text;
    qsizetype width = 0;
    for (const DoctorRow& row : rows)
        width = std::max(width, row.check.size());
    int failed = 0, warned = 0;
    for (const DoctorRow& row : rows) {
        failed += row.verdict == Verdict::Fail;
        warned += row.verdict == Verdict::Warn;
        text += QStringLiteral("%1  %2  %3 ms  %4\n")
                    .arg(verdictName(row.verdict).leftJustified(4), row.check.leftJustified(width),
                        QString::number(row.took.count()).rightJustified(5), row.says);
        if (!row.toDo.isEmpty())
            text += QString(6, QLatin1Char(' ')) + QStringLiteral("-> ") + row.toDo + QLatin1Char('\n');
    }
    text += QStringLiteral("%1; %2 failed, %3 to look at\n")
                .arg(canAnswerCalls(rows) ? QStringLiteral("calls can be answered")
                                          : QStringLiteral("calls cannot be answered as configured"))
                .arg(failed)
                .arg(warned);
    return text;
}

QByteArray doctorJson(const QList<DoctorRow>& rows)
{
    QJsonArray checks;
    for (const DoctorRow& row : rows) {
        checks.append(
            QJsonObject{{QStringLiteral("check"), row.check}, {QStringLiteral("status"), verdictName(row.verdict)},
                {QStringLiteral("ms"), qint64(row.took.count())}, {QStringLiteral("message"), row.says},
                {QStringLiteral("todo"), row.toDo}, {QStringLiteral("needed"), row.isNeeded}});
    }
    return QJsonDocument(QJsonObject{{QStringLiteral("ok"), canAnswerCalls(rows)}, {QStringLiteral("checks"), checks}})
               .toJson(QJsonDocument::Compact)
        + '\n';
}

} // namespace kav::app
