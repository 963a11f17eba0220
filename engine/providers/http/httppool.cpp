// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/httppool.h"

#include "engine/providers/http/curlloop.h"

#include <QThread>

#include <atomic>
#include <map>
#include <mutex>

namespace kav::providers {

namespace {
// The loops of this thread, by their pool's number; they die with the thread. A QThreadStorage gives a new pool what
// the last one left behind; numbers are never used twice.
std::map<quint64, std::unique_ptr<CurlLoop>>& loopsHere()
{
    static thread_local std::map<quint64, std::unique_ptr<CurlLoop>> loops;
    return loops;
}
std::atomic<quint64> nextPool = 1;
} // namespace

struct HttpPool::Private final {
    explicit Private(const Clock& time)
        : clock(time)
    {
    }
    CurlLoop& loop()
    {
        auto& mine = loopsHere()[number];
        if (!mine) {
            mine = std::make_unique<CurlLoop>(clock);
            // Before the thread's event loop is gone, which its timers and notifiers need to be stopped.
            QObject::connect(
                QThread::currentThread(), &QThread::finished, mine.get(), [own = number] { loopsHere().erase(own); },
                Qt::DirectConnection);
        }
        return *mine;
    }

    const Clock& clock;
    const quint64 number = nextPool.fetch_add(1);
};

HttpPool::HttpPool(const Clock& clock)
    : d(std::make_unique<Private>(clock))
{
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

HttpPool::~HttpPool()
{
    loopsHere().erase(d->number);
}

std::unique_ptr<HttpCall> HttpPool::start(const HttpRequest& request)
{
    CurlLoop& loop = d->loop();
    auto call = std::make_unique<CurlCall>(loop, request, loop.now());
    loop.add(*call);
    return call;
}

void HttpPool::connectTo(const QUrl& url)
{
    d->loop().connectTo(url);
}

} // namespace kav::providers
