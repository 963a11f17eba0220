// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logging.h"

#include "shared/core/logwriter.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kav {

namespace {

// Never deleted: threads that nobody waits for may log until the last instruction.
std::atomic<LogWriter*> theWriter{nullptr};

std::array<char, 16> threadName()
{
    std::array<char, 16> name{"main"};
    if (::getpid() != ::gettid() && pthread_getname_np(pthread_self(), name.data(), name.size()) != 0)
        name = {"?"};
    return name;
}

void onMessage(QtMsgType type, const QMessageLogContext& context, const QString& message)
{
    static thread_local const std::array<char, 16> thread = threadName();
    LogWriter* const writer = theWriter.load(std::memory_order_acquire);
    LogLine line;
    line.level = type;
    line.at = std::chrono::system_clock::now();
    line.setCategory(context.category ? context.category : "default");
    line.thread = thread;
    line.call = LogCall::current();
    line.setMessage(message);
    line.file = context.file;
    line.function = context.function;
    line.sourceLine = context.line;
    writer->write(std::move(line));
    if (type == QtFatalMsg)
        writer->flush(LogWriter::Settings().endWait); // the process ends when this returns
}

bool wantsColour()
{
    return ::isatty(STDERR_FILENO) == 1 && qEnvironmentVariableIsEmpty("NO_COLOR") && qgetenv("TERM") != "dumb";
}

} // namespace

Q_LOGGING_CATEGORY(lcApp, "kav.app", QtInfoMsg)
Q_LOGGING_CATEGORY(lcNet, "kav.net", QtInfoMsg)
Q_LOGGING_CATEGORY(lcWebhook, "kav.webhook", QtInfoMsg)
Q_LOGGING_CATEGORY(lcMedia, "kav.media", QtInfoMsg)
Q_LOGGING_CATEGORY(lcPacing, "kav.pacing", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTurn, "kav.turn", QtInfoMsg)
Q_LOGGING_CATEGORY(lcSession, "kav.session", QtInfoMsg)
Q_LOGGING_CATEGORY(lcStt, "kav.stt", QtInfoMsg)
Q_LOGGING_CATEGORY(lcLlm, "kav.llm", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTts, "kav.tts", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCallLog, "kav.calllog", QtInfoMsg)
Q_LOGGING_CATEGORY(lcControl, "kav.control", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCaller, "kav.caller", QtInfoMsg)

std::optional<LogForm> logFormOf(int descriptor, const QByteArray& journalStream)
{
    struct stat about { };
    if (::fstat(descriptor, &about) != 0)
        return {};
    const QList<QByteArray> stream = journalStream.split(':');
    if (stream.size() == 2 && stream[0] == QByteArray::number(quint64(about.st_dev))
        && stream[1] == QByteArray::number(quint64(about.st_ino)))
        return LogForm::Journald;
    if (::isatty(descriptor) == 1)
        return LogForm::Human;
    return {};
}

Logging::Logging(LogForm otherwise)
    : m_found(logFormOf(STDERR_FILENO, qgetenv("JOURNAL_STREAM")).value_or(otherwise))
    , m_form(m_found)
{
    LogWriter::Settings settings;
    settings.form = m_form;
    settings.coloured = wantsColour();
    settings.identifier = program_invocation_short_name;
    auto* const writer = new LogWriter(settings);
    writer->writeWhatIsLeftInACrash();
    theWriter.store(writer, std::memory_order_release);
    qInstallMessageHandler(onMessage);
}

Logging::~Logging()
{
    theWriter.load()->stop();
}

void Logging::setForm(std::optional<LogForm> form)
{
    m_form = form.value_or(m_found);
    theWriter.load()->setForm(m_form, wantsColour());
}

quint64 Logging::linesLost()
{
    const LogWriter* const writer = theWriter.load();
    return writer ? writer->linesLost() : 0;
}

} // namespace kav
