// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logwriter.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <deque>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace kav {

namespace {

constexpr qsizetype OneWrite = 32 * 1024; // so much is put together at most
constexpr Milliseconds CrashWait{500};

qsizetype sizeOf(const LogLine& line)
{
    return qsizetype(sizeof line) + line.message.size() * 2;
}

void writeAll(int descriptor, const QByteArray& bytes)
{
    const char* at = bytes.constData();
    size_t left = size_t(bytes.size());
    while (left > 0) {
        const ssize_t written = ::write(descriptor, at, left);
        if (written > 0) {
            at += written;
            left -= size_t(written);
        } else if (written < 0 && errno == EAGAIN) { // somebody else has made it so
            pollfd room{descriptor, POLLOUT, 0};
            ::poll(&room, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return; // nobody can be told
        }
    }
}

LogLine lineAboutLost(quint64 count)
{
    LogLine line;
    line.level = QtWarningMsg;
    line.at = std::chrono::system_clock::now();
    line.setCategory("kav.app");
    std::memcpy(line.thread.data(), "kav-log", 8);
    line.setMessage(QStringLiteral("%1 lines lost: whoever reads the log was too slow").arg(count));
    return line;
}

} // namespace

struct LogWriter::State final {
    explicit State(Settings given)
        : settings(std::move(given))
        , form(settings.form)
        , coloured(settings.coloured)
    {
    }
    ~State()
    {
        if (journal >= 0)
            ::close(journal);
    }

    // ---- any thread
    void put(LogLine line)
    {
        const std::unique_lock lock(mutex);
        const qsizetype size = sizeOf(line);
        const bool isSevere = line.level == QtCriticalMsg || line.level == QtFatalMsg;
        if (bytes + size > settings.queueBytes * (isSevere ? 2 : 1)) {
            ++lostNow;
            lost.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        bytes += size;
        queue.push_back(std::move(line));
        queued.fetch_add(1, std::memory_order_release);
        if (isWaiting)
            wanted.notify_one();
    }

    // ---- the thread
    void run()
    {
        std::deque<LogLine> batch;
        std::unique_lock lock(mutex);
        while (true) {
            isWaiting = true;
            wanted.wait(lock, [this] { return !queue.empty() || lostNow > 0 || isEnding; });
            isWaiting = false;
            if (queue.empty() && lostNow == 0)
                break;
            batch.swap(queue);
            const qsizetype batchBytes = bytes;
            const quint64 missing = std::exchange(lostNow, 0);
            const LogForm asForm = form;
            const bool inColour = coloured;
            lock.unlock();
            writeLines(batch, missing, asForm, inColour);
            lock.lock();
            bytes -= batchBytes;
            written.fetch_add(batch.size(), std::memory_order_release);
            batch.clear();
            done.notify_all();
        }
        isOver = true;
        done.notify_all();
    }

    void writeLines(const std::deque<LogLine>& lines, quint64 missing, LogForm asForm, bool inColour)
    {
        QByteArray together;
        for (const LogLine& line : lines)
            writeLine(line, asForm, inColour, together);
        if (missing > 0)
            writeLine(lineAboutLost(missing), asForm, inColour, together);
        writeAll(settings.descriptor, together);
    }

    void writeLine(const LogLine& line, LogForm asForm, bool inColour, QByteArray& together)
    {
        switch (asForm) {
        case LogForm::Human:
            together += humanLine(line, inColour);
            break;
        case LogForm::Json:
            together += jsonLine(line);
            break;
        case LogForm::Journald:
            if (!sendToJournal(line))
                together += prefixedLine(line);
            break;
        }
        if (together.size() >= OneWrite) {
            writeAll(settings.descriptor, together);
            together.clear();
        }
    }

    bool sendToJournal(const LogLine& line)
    {
        sockaddr_un where{};
        if (settings.journalSocket.size() >= qsizetype(sizeof where.sun_path))
            return false;
        where.sun_family = AF_UNIX;
        std::memcpy(where.sun_path, settings.journalSocket.constData(), size_t(settings.journalSocket.size()));
        if (journal < 0)
            journal = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (journal < 0)
            return false;
        const QByteArray entry = journalEntry(line, settings.identifier);
        ssize_t sent = 0;
        do {
            sent = ::sendto(journal, entry.constData(), size_t(entry.size()), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&where), sizeof where);
        } while (sent < 0 && errno == EINTR);
        return sent == entry.size();
    }

    const Settings settings;
    std::mutex mutex;
    std::condition_variable wanted, done;
    // Guarded by the mutex.
    LogForm form;
    bool coloured;
    std::deque<LogLine> queue; // never moved as a whole, which would take a while with the mutex held
    qsizetype bytes = 0; // of the queue and of the batch that is being written
    quint64 lostNow = 0; // and not told yet
    bool isWaiting = false, isEnding = false, isOver = false;

    std::atomic<quint64> queued{0}, written{0}, lost{0};
    std::thread thread;
    pthread_t writerId{};
    int journal = -1; // the thread's
};

namespace {

/// What the crash handler may look at: nothing else is safe there.
struct AtCrash final {
    std::atomic<const std::atomic<quint64>*> queued{nullptr}, written{nullptr};
    pthread_t writer{};
};
AtCrash atCrash;

void onCrash(int number)
{
    const std::atomic<quint64>* const queued = atCrash.queued.load();
    const std::atomic<quint64>* const written = atCrash.written.load();
    if (queued && written && !pthread_equal(pthread_self(), atCrash.writer)) {
        const timespec moment{0, 5'000'000};
        for (auto waited = Milliseconds(0); written->load() < queued->load() && waited < CrashWait;
             waited += Milliseconds(5))
            ::nanosleep(&moment, nullptr);
    }
    ::raise(number); // by the default action, which is in force again
}

constexpr int CrashSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

} // namespace

LogWriter::LogWriter(const Settings& settings)
    : d(std::make_shared<State>(settings))
{
    // Signals are for the threads that expect them: here the default action would end the process.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    d->thread = std::thread([state = d] { state->run(); });
    d->writerId = d->thread.native_handle();
    pthread_setname_np(d->writerId, "kav-log");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::~LogWriter()
{
    stop();
}

void LogWriter::write(LogLine line)
{
    {
        const std::unique_lock lock(d->mutex);
        if (d->isOver) {
            d->writeLines({std::move(line)}, 0, d->form, d->coloured);
            return;
        }
    }
    d->put(std::move(line));
}

void LogWriter::setForm(LogForm form, bool coloured)
{
    const std::unique_lock lock(d->mutex);
    d->form = form;
    d->coloured = coloured;
}

bool LogWriter::flush(Milliseconds atMost)
{
    std::unique_lock lock(d->mutex);
    const quint64 until = d->queued.load(std::memory_order_relaxed);
    return d->done.wait_for(lock, atMost, [this, until] { return d->isOver || d->written.load() >= until; });
}

void LogWriter::stop()
{
    if (!d->thread.joinable())
        return;
    if (atCrash.queued.load() == &d->queued) {
        atCrash.queued = nullptr;
        atCrash.written = nullptr;
    }
    {
        std::unique_lock lock(d->mutex);
        d->isEnding = true;
        d->wanted.notify_one();
        d->done.wait_for(lock, d->settings.endWait, [this] { return d->isOver; });
        if (!d->isOver) { // it holds what it needs
            d->thread.detach();
            return;
        }
    }
    d->thread.join();
}

quint64 LogWriter::linesLost() const
{
    return d->lost.load(std::memory_order_relaxed);
}

void LogWriter::writeWhatIsLeftInACrash()
{
    atCrash.writer = d->writerId;
    atCrash.written = &d->written;
    atCrash.queued = &d->queued;
    for (const int number : CrashSignals) {
        struct sigaction before { };
        if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL)
            continue;
        struct sigaction ours { };
        ours.sa_handler = onCrash;
        ours.sa_flags = SA_RESETHAND | SA_NODEFER;
        ::sigaction(number, &ours, nullptr);
    }
}

} // namespace kav
