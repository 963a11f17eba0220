// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/telephony/twiliorest.h"
#include "shared/core/clock.h"

#include <QDateTime>
#include <QHash>
#include <QObject>
#include <QStringList>
#include <QTimer>

#include <functional>

namespace kav::telephony {

/// Ends telephone legs by REST, and sees to it that none lives too long.
///
/// A call that has said its last words is ended here; its stream waits a moment for that (session::Settings::leaveWait)
/// and is closed when it cannot be had, so that after_stream hangs up as ever. Every call is watched from its first
/// webhook: one that is older than the longest call and a grace is ended whatever holds it, be it a worker that hangs, a
/// stream that was lost, or a <Dial>. Calls that a crash has cut are looked up once after the start, and ended unless
/// they are over, or have come back.
///
/// Owned by the composition root, lives on the control thread.
class HangUps final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        Milliseconds longestCall{30 * 60 * 1000};
        Milliseconds grace{60'000}; ///< for the goodbye, and the ways it takes
        Milliseconds again{60'000}; ///< from an attempt that failed to the next
        qsizetype mostWatched = 16'384; ///< the oldest go first
        int mostInterrupted = 200; ///< looked up after a start
        std::chrono::hours oldestInterrupted{24}; ///< no call of Twilio's lasts longer
    };
    struct Hooks final {
        std::function<void(const calllog::Entry&)> log;
        std::function<void(const QString& callId)> releaseStream; ///< it has to be closed: the leg is not ended here
        std::function<void(const QString& callId)> ended{}; ///< the leg, after its last words
    };
    struct Counters final {
        quint64 ended = 0; ///< calls that had said their last words
        quint64 failed = 0; ///< the same, that REST could not end
        quint64 closed = 0; ///< left to their stream's end: there is no REST
        quint64 overdue = 0; ///< that were older than any call may be
        quint64 interrupted = 0; ///< that a crash had cut, and which lived still
    };

    /// `rest` may be null: then nothing is done. It must outlive this object.
    HangUps(TwilioRest* rest, const Clock& clock, Settings settings, Hooks hooks, QObject* parent = nullptr);

    void callCame(const QString& callId);
    void lastWordsSaid(const QString& callId);
    void callOver(const QString& callId); ///< nothing is left to be ended
    void callInterrupted(const QString& callId, const QDateTime& lastSeen);

    const Counters& counters() const { return m_counters; }
    qsizetype watched() const { return m_watched.size(); }

private:
    struct Watched final {
        Instant due;
        bool isAsked = false;
    };
    void look();
    void endOverdue(const QString& callId);
    void lookUpNext();
    void note(const QString& callId, const QString& token, const QJsonObject& fields = {}) const;

    TwilioRest* const m_rest;
    const Clock& m_clock;
    const Settings m_settings;
    const Hooks m_hooks;
    Counters m_counters;
    QHash<QString, Watched> m_watched;
    QStringList m_order; // as they came
    QStringList m_interrupted; // to be looked up
    int m_taken = 0; // of them, in all
    bool m_looking = false;
    QTimer m_timer;
};

} // namespace kav::telephony
