// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/failover.h"
#include "engine/providers/persona.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QCoreApplication>
#include <QList>
#include <QStringList>

#include <memory>

namespace kav::test {

/// What the tests of failover share: a clock, the providers' health, and what was told of them.
struct FailoverFixture {
    FailoverFixture()
    {
        settings.check = Milliseconds(0);
        call.callId = QStringLiteral("CA1");
        call.language = QStringLiteral("he-IL");
    }

    template <typename T> providers::Candidates<T> list(std::vector<std::pair<QString, std::shared_ptr<T>>> all)
    {
        providers::Candidates<T> candidates;
        for (auto& [name, each] : all)
            candidates.push_back({name, [this, provider = each] { return away ? nullptr : provider; }});
        return candidates;
    }
    providers::FailoverReporter reporter()
    {
        return [this](const providers::FailoverNews& each) {
            if (each.what == providers::FailoverNews::What::Began)
                began += each.provider;
            else
                left += each.provider + QStringLiteral(">") + each.next + QStringLiteral(" ")
                    + errorCodeName(each.error.code);
        };
    }
    /// What is under way among stand-ins is done, and deadlines that have passed are noticed.
    void settle()
    {
        for (int i = 0; i < 12; ++i) {
            QCoreApplication::sendPostedEvents();
            QCoreApplication::processEvents();
        }
    }
    void pass(int ms)
    {
        clock.advance(Milliseconds(ms));
        settle();
    }
    providers::Health::State health(providers::Stage stage, const char* name) const
    {
        return judge->state(stage, QString::fromLatin1(name));
    }

    FakeClock clock;
    providers::FailoverSettings settings;
    std::shared_ptr<providers::Health> judge =
        std::make_shared<providers::Health>(providers::Health::Settings{}, clock);
    providers::CallInfo call;
    bool away = false; ///< no provider is ready
    QStringList began, left; ///< "google", "google>embedded timeout"
};

inline StandInManners faulty(StandInManners::Fault fault, int afterPieces = 0, int at = 0)
{
    StandInManners manners;
    manners.fault = fault;
    manners.faultAfterPieces = afterPieces;
    manners.faultAt = at;
    return manners;
}

} // namespace kav::test
