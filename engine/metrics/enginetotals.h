// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QtGlobal>

namespace kav::metrics {

/// What the engine's parts have counted by themselves, gathered when `/metrics` is read. Plain values, from the one
/// place that knows them all; every counter among them only grows.
struct EngineTotals final {
    bool ready = false, draining = false;

    struct Media final {
        int workers = 0, alive = 0;
        quint64 missedTicks = 0;
    };
    Media media;

    /// What waits now, and how much may.
    struct Queue final {
        quint64 length = 0;
        quint64 limit = 0; ///< 0: it has none of its own
    };
    struct Queues final {
        Queue mediaInbox; ///< posted to media workers, and not done yet
        Queue recordingPipe; ///< frames in the fullest one
        Queue journal; ///< call log entries that are not on disk
        Queue database; ///< those that are, and not in the database
        Queue webhookAnswers; ///< that wait until their news is on disk
        Queue requests; ///< that are not answered
        Queue outbound; ///< calls to be placed
        Queue rest; ///< requests to Twilio under way, or waiting for their next try
        Queue consoleStrangers; ///< sockets that have not said hello
        Queue speech; ///< threads of the speech pool that work; at the limit what comes waits
    };
    Queues queues;
    qint64 callLogQueueBytes = 0, callLogQueueLimit = 0, journalLimit = 0;

    struct Watchdogs final {
        quint64 mediaWorker = 0; ///< a worker stood still
        quint64 controlLoop = 0; ///< the control thread did
        quint64 overdueCall = 0; ///< a leg outlived every limit, and was ended by REST
    };
    Watchdogs watchdogs;

    struct Port final {
        quint64 accepted = 0, upgrades = 0, acceptErrors = 0;
    };
    Port port;

    struct Consoles final {
        quint64 commands = 0, commandErrors = 0, badMessages = 0, slow = 0, tooFast = 0;
    };
    Consoles consoles;

    struct Requests final {
        quint64 kept = 0, notKept = 0;
    };
    Requests inspected;

    struct Spoken final {
        int calls = 0, limit = 0;
    };
    Spoken spoken;

    /// Of one kind: blind or warm.
    struct Transfers final {
        quint64 answered = 0, unanswered = 0, callerGone = 0, operatorEnded = 0;
    };
    Transfers blind, warm;
    int transfersActive = 0;
    quint64 transfersBack = 0, transfersWithoutRest = 0;

    struct HangUps final {
        quint64 rest = 0, failed = 0, closed = 0, overdue = 0, interrupted = 0;
        qsizetype watched = 0;
    };
    HangUps hangUps;

    struct Rest final {
        quint64 done = 0, failed = 0, retries = 0;
    };
    Rest rest;

    /// Calls that the engine made, by what became of them.
    struct Outbound final {
        quint64 notPlaced = 0, canceled = 0, completed = 0, busy = 0, noAnswer = 0, failed = 0, voicemail = 0, fax = 0;
        int active = 0;
    };
    Outbound outbound;

    struct Sounds final {
        qint64 recordingBytes = 0, messageBytes = 0, limit = 0;
        quint64 deleted = 0;
    };
    Sounds sounds;
};

/// What the engine was started with. Shown as labels of kav_config_info; words of the configuration only, no secret
/// and no address.
struct ConfigInfo final {
    QString deployId;
    QString stt, llm, tts; ///< "google,embedded"
    QString database; ///< "sqlite", "off"
    bool checksSignatures = false, hasRest = false, withoutStream = false, callsOut = false;
};

} // namespace kav::metrics
