// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"

#include <QByteArray>
#include <QDateTime>
#include <QStringList>

#include <functional>
#include <optional>

// Taking things out of the call log: for their age, for want of room, or because a caller asks for it. It is done by
// whoever holds the journal, on its database thread: the engine while it runs, else the one who asks. Who asks puts a
// file into DATA/journal/requests and finds the answer there, so it needs the right to write there and nothing else; a
// request holds a number's id, never the number.
namespace kav::calllog {

struct PurgeRequest final {
    QString id; ///< of its files; made by askForPurge()
    bool dryRun = false; ///< look, and say what would go
    // By age: what is older than this; not valid: none is.
    QDateTime transcriptBefore, numbersBefore, logBefore;
    qint64 logBytes = 0; ///< by room: until it fits; 0: it does
    // By number: all of its calls, in both directions.
    QByteArray numberId;
    QString maskedNumber; ///< as a log shows it that has no ids
    bool alsoMasked = false; ///< calls that are known by the masked form alone go too
    bool compact = false; ///< write the database anew: its file shrinks, and its free pages hold nothing

    bool isErasure() const { return !numberId.isEmpty() || !maskedNumber.isEmpty(); }
    QByteArray toJson() const;
    static std::optional<PurgeRequest> fromJson(const QByteArray& json);
};

struct PurgeReport final {
    QString error; ///< why it was not done, or not to its end; empty: it was
    Removed removed; ///< of a dry run: what would be
    // Of an erasure.
    QStringList calls; ///< erased, or found
    QStringList live; ///< left alone
    QStringList maskedOnly; ///< known by the masked form alone: another caller's may be among them
    QStringList atTwilio; ///< "CALL.SID": messages that Twilio keeps
    qint64 unfindable = 0; ///< calls whose numbers have had their time
    QString remnants; ///< why erased bytes may still be in a file; empty: they are not

    QByteArray toJson() const;
    static std::optional<PurgeReport> fromJson(const QByteArray& json);
};

/// Has it done and waits for the answer, at most so long. An error: nobody did it.
Result<PurgeReport> askForPurge(
    const Settings& settings, PurgeRequest request, const Clock& clock, Milliseconds longest);

/// The end of it at which the work is done: what was asked for, and what is due by itself. Used from the database's
/// thread.
class PurgeQueue final {
public:
    PurgeQueue(const Settings& settings, const Clock& clock);

    /// What somebody asks for, if anybody does.
    std::optional<PurgeRequest> asked();
    /// What is due for its age, once a day.
    std::optional<PurgeRequest> due();
    void answer(const PurgeRequest& request, const PurgeReport& report);

private:
    const Settings m_settings;
    const Clock& m_clock;
    const QString m_directory, m_stamp;
    QDateTime m_lastDaily;
};

/// The first quiet moment after `last`: some minutes after three at night, the same for the same `spread`.
QDateTime quietTimeAfter(const QDateTime& last, int spread);

} // namespace kav::calllog
