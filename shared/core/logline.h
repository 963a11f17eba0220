// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QString>

#include <array>
#include <chrono>

namespace kav {

/// How lines are written.
enum class LogForm {
    Human, ///< "2026-11-23T15:09:32.123 I kav.session: call=CA12 WS_START stream=MZ34", local time
    Json, ///< one object a line
    Journald, ///< a datagram to systemd's journal, with fields
};

/// One line of the log before it has a form. Made by who logs, given its form by the writer's thread: what costs the
/// logging thread anything is left to the other.
struct LogLine final {
    /// Of UTF-16; what is longer is cut, and says by how much.
    static constexpr qsizetype LongestMessage = 4096;

    QtMsgType level = QtInfoMsg;
    std::chrono::system_clock::time_point at;
    std::array<char, 32> category{}; ///< with a zero at its end, as `thread`
    std::array<char, 16> thread{};
    QString call; ///< empty: about no call
    QString message;
    const char* file = nullptr; ///< of the source, where the build knows it; these two live as long as the program
    const char* function = nullptr;
    int sourceLine = 0;

    void setMessage(const QString& text);
    void setCategory(const char* name);
};

// All of them are valid UTF-8, whatever the message holds. Those of lines end with the only line break in them: control
// characters, line separators and bidirectional overrides are written as \uXXXX.

QByteArray humanLine(const LogLine& line, bool coloured);
/// {"time":"2026-11-23T13:09:32.123Z","level":"info","category":"kav.session","call":"CA12","thread":"media-0",
/// "message":"..."}: time in UTC; levels debug, info, warning, error, fatal; no "call" where there is none.
QByteArray jsonLine(const LogLine& line);
/// As https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ has it: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, KAV_CATEGORY, KAV_CALL,
/// KAV_THREAD, CODE_FILE, CODE_LINE, CODE_FUNC.
QByteArray journalEntry(const LogLine& line, const QByteArray& identifier);
/// "<4>kav.net: ...": sd-daemon(3)'s levels, for a service whose journal takes no datagrams.
QByteArray prefixedLine(const LogLine& line);

} // namespace kav
