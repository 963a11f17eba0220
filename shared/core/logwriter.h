// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/logline.h"

#include <memory>

namespace kav {

/// Writes lines, from a thread of its own. Owned by Logging; write() may be called by any thread and never waits for
/// whoever reads the log: it puts the line into a queue and goes on. While the reader of a pipe does not read, or a
/// disk or the journal stands still, lines are kept up to Settings::queueBytes; what comes then is left out and
/// counted, and as soon as there is room a warning says "N lines lost". Errors have twice the room: they are the last
/// to be lost.
///
/// The end waits for what is queued, at most Settings::endWait; a reader that still does not read by then loses it.
class LogWriter final {
public:
    struct Settings final {
        LogForm form = LogForm::Human;
        bool coloured = false; ///< Human
        int descriptor = 2;
        QByteArray journalSocket = QByteArrayLiteral("/run/systemd/journal/socket"); ///< Journald
        QByteArray identifier; ///< the same: SYSLOG_IDENTIFIER
        qsizetype queueBytes = 4 * 1024 * 1024; ///< of lines in memory
        Milliseconds endWait{2000};
    };

    explicit LogWriter(const Settings& settings);
    ~LogWriter();
    Q_DISABLE_COPY_MOVE(LogWriter)

    /// After stop(): written at once, by the caller.
    void write(LogLine line);
    /// Of the lines that are not written yet.
    void setForm(LogForm form, bool coloured);
    /// Whether all that was queued before has been written, within so long.
    bool flush(Milliseconds atMost);
    /// flush(), and the thread ends.
    void stop();
    /// In all.
    quint64 linesLost() const;

    /// A process that dies of a signal (SIGSEGV, SIGABRT, ...) gives the writer's thread a moment, half a second at
    /// most, to write what is queued. For one writer in a process; leaves alone what somebody else has a handler for.
    void writeWhatIsLeftInACrash();

private:
    struct State;
    const std::shared_ptr<State> d; // shared with the thread, which a reader that stands still may hold for longer
};

} // namespace kav
