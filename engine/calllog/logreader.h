// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/queries.h"

#include <QObject>

#include <functional>
#include <memory>

namespace kav::calllog {

/// Queries on a thread of their own ("kav-log-reader"), for threads that must not wait for a disk. A query past the
/// limit of waiting ones fails at once (LimitExceeded), and so does one whose database is not there (Unavailable, with
/// what mends it); the next tries anew. Owned by the composition root; lives on the control thread, where its callbacks
/// are called, each once and never from inside the asking call; none after its destruction.
class LogReader final : public QObject {
    Q_OBJECT
public:
    static constexpr int Waiting = 64; ///< asked and not answered

    explicit LogReader(const Settings& settings);
    ~LogReader() override; ///< joins the thread; what waits is dropped

    void page(const CallFilter& filter, std::function<void(const Result<CallPage>&)> done);
    void requests(const RequestFilter& filter, int limit, const QString& after,
        std::function<void(const Result<RequestPage>&)> done);
    void call(const QString& callId, std::function<void(const Result<CallDetail>&)> done);

private:
    class Connection;
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::calllog
