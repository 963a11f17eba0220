// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/logcall.h"
#include "shared/core/logline.h"

#include <QByteArray>
#include <QLoggingCategory>
#include <QThread>

#include <optional>

namespace kav {

// Every log category of Kav. Default level: info. Turn one up with
//   QT_LOGGING_RULES="kav.turn.debug=true"
// Every line about a call carries its call id (LogCall); caller numbers go through maskNumber(), outside text through
// logSafe(); transcripts appear at debug level only; secrets never.
Q_DECLARE_LOGGING_CATEGORY(lcApp) // kav.app: start, configuration, shutdown
Q_DECLARE_LOGGING_CATEGORY(lcNet) // kav.net: listener, limits, refused connections
Q_DECLARE_LOGGING_CATEGORY(lcWebhook) // kav.webhook: Twilio's HTTP requests
Q_DECLARE_LOGGING_CATEGORY(lcMedia) // kav.media: stream messages, playout
Q_DECLARE_LOGGING_CATEGORY(lcPacing) // kav.pacing: the tick and its lateness
Q_DECLARE_LOGGING_CATEGORY(lcTurn) // kav.turn: turn states, interruption
Q_DECLARE_LOGGING_CATEGORY(lcSession) // kav.session: one line per step of a call
Q_DECLARE_LOGGING_CATEGORY(lcStt) // kav.stt
Q_DECLARE_LOGGING_CATEGORY(lcLlm) // kav.llm
Q_DECLARE_LOGGING_CATEGORY(lcTts) // kav.tts
Q_DECLARE_LOGGING_CATEGORY(lcCallLog) // kav.calllog: journal and database
Q_DECLARE_LOGGING_CATEGORY(lcControl) // kav.control: consoles and what operators do
Q_DECLARE_LOGGING_CATEGORY(lcCaller) // kav.caller: the loopback caller

/// What an environment and a descriptor say about the form of lines: Journald where `descriptor` is what systemd has
/// connected to its journal ($JOURNAL_STREAM names it), Human where it is a terminal, else none.
std::optional<LogForm> logFormOf(int descriptor, const QByteArray& journalStream);

/// The process's log: every line, Qt's own and those of categories alike, goes to standard error or the journal in one
/// form. Made first in main(), once; its end writes what is left. What logs later still (a maker that nobody waits for)
/// writes by itself. Lines are written by a thread of their own: nobody waits for a slow reader (LogWriter). A fatal
/// line is written before the process dies of it, and a crash writes what is queued.
class Logging final {
public:
    /// `otherwise`: where standard error is neither a terminal nor the journal.
    explicit Logging(LogForm otherwise);
    ~Logging();
    Q_DISABLE_COPY_MOVE(Logging)

    /// Instead of the form that was found; nothing: that one.
    void setForm(std::optional<LogForm> form);
    LogForm form() const { return m_form; }

    /// Of this process; because whoever reads the log was too slow.
    static quint64 linesLost();

private:
    const LogForm m_found;
    LogForm m_form;
};

} // namespace kav

/// First line of a method that belongs to its object's thread.
#define KAV_ASSERT_THREAD(object) Q_ASSERT((object)->thread() == QThread::currentThread())
