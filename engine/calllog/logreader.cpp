// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/logreader.h"

#include "shared/core/logging.h"

#include <QThread>

#include <atomic>

namespace kav::calllog {

/// The reader's side on its thread: the connection is made, used and closed there.
class LogReader::Connection final : public QObject {
public:
    explicit Connection(const Settings& settings)
        : m_settings(settings)
    {
    }

    template <typename T> Result<T> ask(const std::function<Result<T>(const Queries&)>& query)
    {
        if (m_queries && m_queries->isStale())
            m_queries.reset();
        if (!m_queries) {
            auto opened = Queries::open(m_settings);
            if (!opened) {
                // Of a call, NotFound would say that the log is there and the call is not in it.
                return Error{Error::Code::Unavailable, opened.error().message, opened.error().detail};
            }
            m_queries = std::move(*opened);
        }
        Result<T> result = query(*m_queries);
        if (!result && result.error().code == Error::Code::Unavailable)
            m_queries.reset();
        return result;
    }

    void close() { m_queries.reset(); }

    std::atomic<bool> stopping{false};

private:
    const Settings m_settings;
    std::unique_ptr<Queries> m_queries;
};

struct LogReader::Private {
    explicit Private(const Settings& settings)
        : connection(std::make_unique<Connection>(settings))
    {
    }

    template <typename T>
    void ask(
        LogReader* reader, std::function<Result<T>(const Queries&)> query, std::function<void(const Result<T>&)> done)
    {
        const auto answer = [this, reader, done = std::move(done)](const Result<T>& result) {
            QMetaObject::invokeMethod(
                reader,
                [this, done, result] {
                    --waiting;
                    done(result);
                },
                Qt::QueuedConnection);
        };
        if (++waiting > Waiting) {
            answer(Error{Error::Code::LimitExceeded,
                QStringLiteral("the call log is busy: %1 questions wait already").arg(int(Waiting)), {}});
            return;
        }
        QMetaObject::invokeMethod(
            connection.get(),
            [on = connection.get(), query = std::move(query), answer] {
                if (!on->stopping)
                    answer(on->ask<T>(query));
            },
            Qt::QueuedConnection);
    }

    QThread thread;
    const std::unique_ptr<Connection> connection; // lives on the thread
    int waiting = 0;
};

LogReader::LogReader(const Settings& settings)
    : d(std::make_unique<Private>(settings))
{
    d->thread.setObjectName(QStringLiteral("kav-log-reader"));
    d->connection->moveToThread(&d->thread);
    d->thread.start();
}

LogReader::~LogReader()
{
    d->connection->stopping = true;
    // Queued behind what waits, which now does nothing; a connection is closed on the thread that made it.
    QMetaObject::invokeMethod(
        d->connection.get(), [this] { d->connection->close(); }, Qt::BlockingQueuedConnection);
    d->thread.quit();
    d->thread.wait();
}

void LogReader::page(const CallFilter& filter, std::function<void(const Result<CallPage>&)> done)
{
    KAV_ASSERT_THREAD(this);
    d->ask<CallPage>(
        this, [filter](const Queries& queries) { return queries.calls(filter); }, std::move(done));
}

void LogReader::requests(const RequestFilter& filter, int limit, const QString& after,
    std::function<void(const Result<RequestPage>&)> done)
{
    KAV_ASSERT_THREAD(this);
    d->ask<RequestPage>(
        this,
        [filter, limit, after](const Queries& queries) { return queries.requests(filter, limit, after); },
        std::move(done));
}

void LogReader::call(const QString& callId, std::function<void(const Result<CallDetail>&)> done)
{
    KAV_ASSERT_THREAD(this);
    d->ask<CallDetail>(
        this, [callId](const Queries& queries) { return queries.call(callId); }, std::move(done));
}

} // namespace kav::calllog
