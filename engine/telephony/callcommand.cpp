// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/callcommand.h"

#include "shared/core/masking.h"

#include <QEventLoop>
#include <QFile>
#include <QRegularExpression>
#include <QTextStream>

#include <algorithm>

namespace kav::telephony {

namespace {

Error usageError(const QString& what)
{
    return Error{Error::Code::Invalid, what, {}};
}

Result<void> writeFile(const QString& path, const QByteArray& content)
{
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly | QIODevice::Truncate) || file.write(content) != content.size()
        || !file.flush())
        return Error{Error::Code::Io, QStringLiteral("%1: %2").arg(path, file.errorString()), {}};
    return {};
}

/// HOST:PORT, or https://HOST:PORT.
bool isEndpoint(QString text)
{
    text.remove(QRegularExpression(QStringLiteral("^https://")));
    const qsizetype colon = text.lastIndexOf(QLatin1Char(':'));
    bool ok = false;
    const uint port = colon > 0 ? QStringView(text).mid(colon + 1).toUInt(&ok) : 0;
    return ok && port > 0 && port < 65536;
}

} // namespace

QString callUsage()
{
    return QStringLiteral("Usage: kav-engine call [options]\n"
                          "Calls an engine as Twilio would, and shows what happened. The engine is told that it is a test call.\n"
                          "Where it opens no stream but asks by Gather or Record, it is answered there: what is said is then told as its text.\n"
                          "\n"
                          "To call a telephone through Twilio: kav-engine call --phone NUMBER; see call --phone --help.\n"
                          "\n"
                          "  --to URL            the webhook (default http://127.0.0.1:5000/webhook/incoming_call)\n"
                          "  --wav FILE          said at the agent's next pause; may be repeated\n"
                          "  --say TEXT          the same through the synthesiser; may be repeated\n"
                          "  --dtmf DIGITS       pressed at the pause after that; w waits half a second\n"
                          "  --script FILE       steps to follow instead of the three above\n"
                          "  --sounds DIR        where sound files are looked for; may be repeated\n"
                          "  --noise LEVEL       white noise on the line, in dBFS (-90 to -6)\n"
                          "  --from NUMBER, --to-number NUMBER\n"
                          "  --field NAME=VALUE  one more field of the webhook; may be repeated. AccountSid and CallSid: in all requests\n"
                          "  --public-url URL    the engine's public address, for signatures\n"
                          "  --connect-to HOST:PORT  where connections really go, without TLS; with it: https://HOST:PORT\n"
                          "  --status-url URL    told when the call is over (default: call_status beside --to)\n"
                          "  --record FILE       stereo WAV: left the caller, right the agent as heard\n"
                          "  --timeline FILE, --timeline-json FILE\n"
                          "  --longest SECONDS   hang up after so long (default 1800)\n"
                          "  --quiet             no timeline on the terminal\n"
                          "\n"
                          "Requests are signed when there is an auth token, and bear twilio.account_sid when there is one: both as the engine\n"
                          "has them, from environment, credentials or settings file. Exit code: 0 the call went through, 1 it failed,\n"
                          "2 wrong usage.\n");
}

Result<CallCommand> parseCallArguments(
    const QStringList& arguments, const CallAccount& account, const TextToSpeechFunction& speech)
{
    CallCommand command;
    command.call.authToken = account.authToken;
    StreamIds ids = StreamIds::random();
    if (!account.sid.isEmpty())
        ids.accountSid = account.sid;
    QStringList files, says, sounds;
    QString digits, scriptPath;
    QStringList rest = arguments;
    while (!rest.isEmpty()) {
        QString flag = rest.takeFirst();
        if (flag == QLatin1String("--quiet")) {
            command.quiet = true;
            continue;
        }
        QString value;
        const qsizetype equals = flag.indexOf(QLatin1Char('='));
        if (equals > 0) {
            value = flag.mid(equals + 1);
            flag.truncate(equals);
        } else if (rest.isEmpty()) {
            return usageError(QStringLiteral("%1: not a flag, or its value is missing").arg(logSafe(flag, 60)));
        } else {
            value = rest.takeFirst();
        }
        const auto isUrl = [&value] {
            const QUrl url(value, QUrl::StrictMode);
            return url.isValid() && !url.host().isEmpty()
                && (url.scheme() == QLatin1String("http") || url.scheme() == QLatin1String("https"));
        };
        if (flag == QLatin1String("--to") || flag == QLatin1String("--public-url")
            || flag == QLatin1String("--status-url")) {
            if (!isUrl())
                return usageError(QStringLiteral("%1: not an http or https URL").arg(flag));
            QUrl& into = flag == QLatin1String("--to")  ? command.call.to
                : flag == QLatin1String("--public-url") ? command.call.publicUrl
                                                        : command.call.statusUrl;
            into = QUrl(value, QUrl::StrictMode);
        } else if (flag == QLatin1String("--connect-to")) {
            if (!isEndpoint(value))
                return usageError(QStringLiteral("--connect-to: wanted HOST:PORT or https://HOST:PORT"));
            command.call.connectTo = value;
        } else if (flag == QLatin1String("--wav")) {
            files += value;
        } else if (flag == QLatin1String("--say")) {
            says += value;
        } else if (flag == QLatin1String("--dtmf")) {
            digits += value;
        } else if (flag == QLatin1String("--script")) {
            scriptPath = value;
        } else if (flag == QLatin1String("--sounds")) {
            sounds += value;
        } else if (flag == QLatin1String("--from")) {
            command.call.from = value;
        } else if (flag == QLatin1String("--to-number")) {
            command.call.toNumber = value;
        } else if (flag == QLatin1String("--field")) {
            const qsizetype split = value.indexOf(QLatin1Char('='));
            if (split < 1)
                return usageError(QStringLiteral("--field: wanted NAME=VALUE"));
            const FormField field{value.left(split), value.mid(split + 1)};
            // Those that stand in every request of the call: one beside them would be read by nobody.
            if (field.name == QLatin1String("AccountSid"))
                ids.accountSid = field.value;
            else if (field.name == QLatin1String("CallSid"))
                ids.callSid = field.value;
            else
                command.call.extraFields.append(field);
        } else if (flag == QLatin1String("--record")) {
            command.recordPath = value;
        } else if (flag == QLatin1String("--timeline")) {
            command.timelinePath = value;
        } else if (flag == QLatin1String("--timeline-json")) {
            command.jsonPath = value;
        } else if (flag == QLatin1String("--noise")) {
            bool ok = false;
            command.call.noiseDbfs = value.toDouble(&ok);
            if (!ok || !(*command.call.noiseDbfs >= -90 && *command.call.noiseDbfs <= -6))
                return usageError(QStringLiteral("--noise: wanted a level from -90 to -6"));
        } else if (flag == QLatin1String("--longest")) {
            bool ok = false;
            const int seconds = value.toInt(&ok);
            if (!ok || seconds < 1 || seconds > 24 * 3600)
                return usageError(QStringLiteral("--longest: wanted seconds, 1 to 86400"));
            command.call.longest = Milliseconds(qint64(seconds) * 1000);
        } else {
            return usageError(QStringLiteral("%1: no such flag").arg(logSafe(flag, 60)));
        }
    }
    if (!scriptPath.isEmpty()) {
        if (!files.isEmpty() || !says.isEmpty() || !digits.isEmpty())
            return usageError(QStringLiteral("--script: cannot be joined with --wav, --say or --dtmf"));
        QFile file(scriptPath);
        if (!file.open(QIODevice::ReadOnly))
            return usageError(QStringLiteral("%1: %2").arg(scriptPath, file.errorString()));
        auto steps = parseScript(QString::fromUtf8(file.read(1024 * 1024)));
        if (!steps)
            return usageError(QStringLiteral("%1: %2").arg(scriptPath, steps.error().message));
        command.call.script = std::move(steps).value();
    } else {
        // Goes through the script's own reader where a value could be wrong.
        if (!digits.isEmpty()) {
            if (const auto checked = parseScript(QString(QStringLiteral("dtmf ") + digits)); !checked)
                return usageError(QStringLiteral("--dtmf: takes 0-9 * # A-D and w"));
        }
        command.call.script = scriptFromFlags(files, says, digits);
    }
    if (const auto loaded = loadScriptAudio(command.call.script, sounds, speech); !loaded)
        return loaded.error();
    command.call.ids = ids;
    const auto isTestField = [](const FormField& field) { return field.name == testField().name; };
    if (std::none_of(command.call.extraFields.cbegin(), command.call.extraFields.cend(), isTestField))
        command.call.extraFields.append(testField());
    return command;
}

int runCallCommand(const QStringList& arguments, const CallAccount& account, const TextToSpeechFunction& speech,
    QTextStream& out, QTextStream& err)
{
    if (arguments.contains(QLatin1String("--help"))) {
        out << callUsage();
        out.flush();
        return CallWentThrough;
    }
    const auto command = parseCallArguments(arguments, account, speech);
    if (!command) {
        err << "kav-engine call: " << toString(command.error()) << "\nSee kav-engine call --help\n";
        err.flush();
        return CallUsage;
    }
    const SystemClock clock;
    LoopbackCaller caller(command->call, clock);
    QEventLoop loop;
    QObject::connect(&caller, &LoopbackCaller::finished, &loop, &QEventLoop::quit);
    if (!command->quiet) {
        QObject::connect(&caller, &LoopbackCaller::happened, &loop, [&out](const TimelineEvent& event) {
            CallTimeline line;
            line.add(event);
            out << line.toText();
            out.flush();
        });
    }
    // From within the loop: a call that fails at once must find it running.
    QMetaObject::invokeMethod(
        &caller, [&caller] { caller.start(); }, Qt::QueuedConnection);
    loop.exec();

    CallOutcome outcome = caller.outcome();
    const auto note = [&](const Result<void>& result) {
        if (!result && outcome.ok) {
            outcome.ok = false;
            outcome.reason = result.error().message;
        }
    };
    if (!command->recordPath.isEmpty())
        note(caller.writeRecording(command->recordPath));
    if (!command->timelinePath.isEmpty())
        note(writeFile(command->timelinePath, caller.timeline().toText().toUtf8()));
    if (!command->jsonPath.isEmpty())
        note(writeFile(command->jsonPath, caller.timeline().toJsonLines()));
    if (!outcome.ok) {
        err << "kav-engine call: " << outcome.reason << "\n";
        err.flush();
        return CallFailed;
    }
    return CallWentThrough;
}

} // namespace kav::telephony
