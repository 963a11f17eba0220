// SPDX-License-Identifier: Apache-2.0
#include "engine/app/phonecommand.h"

#include "shared/core/masking.h"

#include <QEventLoop>
#include <QRandomGenerator>
#include <QTimer>

#include <algorithm>

namespace kav::app {
namespace {

enum PhoneExit { Answered = 0, NotAnswered = 1, NotAllowed = 2 };

// Between two looks at the call; a look that fails doubles it, up to the longest.
constexpr Milliseconds AskEvery{1000}, PollLongest{15'000};
// Past the longest call nobody answers any more: Twilio has been away for too long.
constexpr int FailuresInARow = 20;
constexpr Milliseconds Slack{120'000};

Milliseconds jittered(Milliseconds wait)
{
    return Milliseconds(qint64(double(wait.count()) * (0.8 + 0.4 * QRandomGenerator::global()->generateDouble())));
}

Error usage(const QString& what)
{
    return {Error::Code::Invalid, what, {}};
}

/// One call and how it goes.
class PhoneCall final : public QObject {
public:
    PhoneCall(const Config& config, const PhoneCommand& command, const Clock& clock, QTextStream& out, QTextStream& err)
        : m_http(clock)
        , m_rest(config.rest, m_http, clock)
        , m_call(telephony::newCallFor(command.request, config.outbound, {}))
        , m_clock(clock)
        , m_out(out)
        , m_err(err)
    {
        m_timer.setSingleShot(true);
        connect(&m_timer, &QTimer::timeout, this, [this] { m_sid.isEmpty() ? look() : poll(); });
    }

    int run()
    {
        m_began = m_clock.now();
        QTimer::singleShot(0, this, [this] {
            m_rest.createCall(m_call, [this](const Result<telephony::CallResource>& made) { created(made); });
        });
        return m_loop.exec();
    }

private:
    void say(const QString& line) { m_out << line << Qt::endl; }
    void end(int status, const QString& problem = {})
    {
        if (!problem.isEmpty())
            m_err << "kav-engine call: " << problem << Qt::endl;
        m_loop.exit(status);
    }
    void created(const Result<telephony::CallResource>& made)
    {
        if (made) {
            show(*made);
            return;
        }
        const Error& error = made.error();
        if (error.code != Error::Code::Timeout && error.code != Error::Code::Unavailable) {
            end(NotAnswered, error.message);
            return;
        }
        // It may have been made: it is looked for, and not made again.
        say(QStringLiteral("no answer from Twilio (%1); looking for the call").arg(error.message));
        m_fault = error.message;
        m_timer.start(jittered(AskEvery));
    }
    void look()
    {
        telephony::CallFilter filter;
        filter.to = m_call.to;
        filter.from = m_call.from;
        m_rest.listCalls(filter, [this](const Result<QList<telephony::CallResource>>& calls) {
            if (calls) {
                for (const telephony::CallResource& call : *calls) {
                    if (!call.isFinal()) {
                        show(call);
                        return;
                    }
                }
            }
            if (++m_failures >= 5)
                end(NotAnswered, QStringLiteral("the call was not made: ") + m_fault);
            else
                m_timer.start(jittered(AskEvery * m_failures));
        });
    }
    void poll()
    {
        m_rest.fetchCall(m_sid, [this](const Result<telephony::CallResource>& call) {
            if (call) {
                m_failures = 0;
                m_wait = AskEvery;
                show(*call);
                return;
            }
            if (++m_failures >= FailuresInARow || call.error().code == Error::Code::NotFound) {
                end(NotAnswered, QStringLiteral("what becomes of the call is not known: ") + call.error().message);
                return;
            }
            m_wait = std::min(m_wait * 2, PollLongest);
            m_timer.start(jittered(m_wait));
        });
    }
    void show(const telephony::CallResource& call)
    {
        if (m_sid.isEmpty()) {
            m_sid = call.sid;
            m_failures = 0;
            say(QStringLiteral("call   ") + call.sid);
        }
        if (call.status != m_status) {
            m_status = call.status;
            const QString by =
                call.answeredBy.isEmpty() ? QString() : QString(u" (answered by " + call.answeredBy + u')');
            say(QStringLiteral("%1 s  %2%3")
                    .arg(double(elapsed(m_began, m_clock.now()).count()) / 1000, 5, 'f', 1)
                    .arg(logSafe(call.status, 20), logSafe(by, 60)));
        }
        if (call.isFinal()) {
            if (call.duration)
                say(QStringLiteral("length %1 s").arg(call.duration->count()));
            end(call.status == QLatin1String("completed") ? Answered : NotAnswered);
        } else if (elapsed(m_began, m_clock.now()) > Milliseconds(m_call.longest) + Milliseconds(m_call.ring) + Slack) {
            end(NotAnswered, QStringLiteral("Twilio does not say that the call is over"));
        } else {
            m_timer.start(jittered(m_wait));
        }
    }

    providers::HttpPool m_http;
    telephony::TwilioRest m_rest;
    const telephony::NewCall m_call;
    const Clock& m_clock;
    QTextStream &m_out, &m_err;
    QEventLoop m_loop;
    QTimer m_timer;
    Instant m_began;
    QString m_sid, m_status, m_fault;
    int m_failures = 0;
    Milliseconds m_wait = AskEvery;
};

} // namespace

bool isPhoneCall(const QStringList& args)
{
    return std::any_of(args.cbegin(), args.cend(), [](const QString& arg) {
        return arg == QLatin1String("--phone") || arg.startsWith(QLatin1String("--phone="));
    });
}

QString phoneUsage()
{
    return QStringLiteral(
        "Usage: kav-engine call --phone NUMBER [options] [configuration flags]\n"
        "Calls a telephone through Twilio. It is a real call and costs money.\n"
        "\n"
        "  --phone NUMBER       whom: +972501234567; must be in outbound.allow\n"
        "  --from-number NUMBER from which of the account's numbers (default: the first of twilio.number)\n"
        "  --persona NAME       who speaks (default: whoever has that number)\n"
        "  --amd MODE           off, detect (an answering machine is hung up on), await-beep (it gets the persona's\n"
        "                       voicemail_message after its beep); default off\n"
        "  --yes                does not ask\n"
        "\n"
        "The engine that holds the conversation is the one at server.public_url: it must be running. This command "
        "only\n"
        "places the call and shows how it goes. Exit code: 0 it was answered and has ended, 1 it was not, 2 it may "
        "not\n"
        "be made.\n");
}

Result<PhoneCommand> takePhoneArguments(QStringList& args)
{
    PhoneCommand command;
    QStringList left;
    while (!args.isEmpty()) {
        QString word = args.takeFirst();
        if (word == QLatin1String("--yes")) {
            command.agreed = true;
            continue;
        }
        if (word == QLatin1String("--help")) {
            command.help = true;
            continue;
        }
        const QString name = word.section(QLatin1Char('='), 0, 0);
        const bool isOurs = QStringList{QStringLiteral("--phone"), QStringLiteral("--from-number"),
            QStringLiteral("--persona"), QStringLiteral("--amd")}
                                .contains(name);
        if (!isOurs) {
            left += word;
            continue;
        }
        QString value;
        if (word.contains(QLatin1Char('=')))
            value = word.section(QLatin1Char('='), 1);
        else if (!args.isEmpty() && !args.first().startsWith(QLatin1String("--")))
            value = args.takeFirst();
        if (value.isEmpty() && args.contains(QLatin1String("--help")))
            continue;
        if (value.isEmpty())
            return usage(name + QStringLiteral(": its value is missing"));
        if (name == QLatin1String("--phone"))
            command.request.to = value;
        else if (name == QLatin1String("--from-number"))
            command.request.from = value;
        else if (name == QLatin1String("--persona"))
            command.request.persona = value;
        else if (value == QLatin1String("detect"))
            command.request.detection = telephony::MachineDetection::Detect;
        else if (value == QLatin1String("await-beep"))
            command.request.detection = telephony::MachineDetection::AwaitBeep;
        else if (value != QLatin1String("off"))
            return usage(QStringLiteral("--amd: off, detect or await-beep"));
    }
    args = left;
    return command;
}

int runPhoneCommand(const Config& config, const PhoneCommand& command, const std::function<bool()>& confirm,
    const Clock& clock, QTextStream& out, QTextStream& err)
{
    const auto refuse = [&err](const QString& why) {
        err << "kav-engine call: " << why << Qt::endl;
        return NotAllowed;
    };
    const auto request = telephony::checkOutbound(command.request, config.outbound, config.rest);
    if (!request)
        return refuse(request.error().message);
    const auto book = config.personaBook();
    const auto persona = request->persona.isEmpty() ? book->personaFor(request->from) : book->named(request->persona);
    if (!persona)
        return refuse(QStringLiteral("there is no persona '%1'").arg(logSafe(request->persona, 40)));
    out << "call   " << maskNumber(request->to) << " from " << maskNumber(request->from) << "\n"
        << "speaks " << persona->name << " (" << persona->language << "), by the engine at " << config.publicUrl << "\n"
        << "This is a real call and costs money, by the minute, at Twilio's rate for that number." << Qt::endl;
    if (request->detection == telephony::MachineDetection::AwaitBeep && persona->voicemailMessage.isEmpty())
        out << "The persona has no voicemail_message: an answering machine gets nothing." << Qt::endl;
    if (!command.agreed && !confirm()) {
        out << "not called" << Qt::endl;
        return NotAnswered;
    }
    PhoneCommand agreed = command;
    agreed.request = *request;
    return PhoneCall(config, agreed, clock, out, err).run();
}

} // namespace kav::app
