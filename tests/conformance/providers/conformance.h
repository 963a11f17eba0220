// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/error.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/faults.h"

#include <QSet>
#include <QString>
#include <QStringList>
#include <QTest>
#include <QThread>

#include <functional>
#include <optional>

Q_DECLARE_METATYPE(kav::test::VendorFault)

// What the suites of the three stages share: the rules of engine/providers/speech.h that hold for every provider.
namespace kav::test {

struct NamedFault final {
    const char* name;
    VendorFault fault;
    std::optional<Error::Code> code; ///< how it ends; none: well
};

/// What a fault comes to, unless a provider's adapter says otherwise, and why.
inline const NamedFault VendorFaults[] = {
    {"none", VendorFault::None, {}},
    {"401", VendorFault::Refuse401, Error::Code::Denied},
    {"429", VendorFault::Limit429, Error::Code::LimitExceeded},
    {"500", VendorFault::Fault500, Error::Code::Unavailable},
    {"reset before the answer", VendorFault::ResetBeforeAnswer, Error::Code::Unavailable},
    {"reset in the answer", VendorFault::ResetMidAnswer, Error::Code::Unavailable},
    {"hang before the answer", VendorFault::HangBeforeAnswer, Error::Code::Timeout},
    {"hang in the answer", VendorFault::HangMidAnswer, Error::Code::Timeout},
    {"garbage", VendorFault::Garbage, Error::Code::Unavailable},
    {"slow bytes", VendorFault::SlowBytes, {}},
    {"half open", VendorFault::HalfOpen, Error::Code::Timeout},
};

/// Watches the signals of one object: on its thread, never from inside a call, one end for each id, nothing after it.
class SignalRules final {
public:
    void inside(const std::function<void()>& call)
    {
        ++m_inside;
        call();
        --m_inside;
    }
    /// A signal for `id` came.
    void told(int id, const char* what)
    {
        const QString line = QStringLiteral("%1 for %2").arg(QLatin1String(what)).arg(id);
        if (m_inside > 0)
            wrongs += line + QStringLiteral(" from inside a call");
        if (QThread::currentThread() != m_thread)
            wrongs += line + QStringLiteral(" on another thread");
        if (m_over.contains(id))
            wrongs += line + QStringLiteral(" after its end");
        if (m_unwanted.contains(id))
            wrongs += line + QStringLiteral(" though it is not wanted");
    }
    void ended(int id, const std::optional<Error>& error)
    {
        m_over.insert(id);
        endings += error ? QStringLiteral("%1!%2").arg(id).arg(errorCodeName(error->code)) : QString::number(id);
    }
    void unwanted(int id) { m_unwanted.insert(id); }
    bool isOver(int id) const { return m_over.contains(id); }

    QStringList wrongs;
    QStringList endings; ///< "1" finished, "2!timeout" failed

private:
    QThread* const m_thread = QThread::currentThread();
    int m_inside = 0;
    QSet<int> m_over, m_unwanted;
};

/// Real time first, for what needs none of the clock's; then the clock goes on, in steps shorter than any deadline.
inline bool waitUntil(FakeClock& clock, bool byClock, const std::function<bool()>& isOver)
{
    if (QTest::qWaitFor(isOver, byClock ? 100 : 2000))
        return true;
    for (int i = 0; i < 100 && !isOver(); ++i) {
        QTest::qWait(60); // the deadlines are looked at every 50 ms
        clock.advance(Milliseconds(500));
    }
    return QTest::qWaitFor(isOver, 60000); // one that computes, on a machine with other work
}

/// Long enough for what should not come: everything under way arrives, and every deadline passes.
inline void letPass(FakeClock& clock)
{
    QTest::qWait(80);
    clock.advance(Milliseconds(30000));
    QTest::qWait(80);
}

} // namespace kav::test
