// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/loopbackcaller.h"

#include <QString>
#include <QStringList>

class QTextStream;

// `kav-engine call`: the loopback caller from a terminal.
namespace kav::telephony {

struct CallCommand final {
    CallSettings call; ///< script loaded, audio in it
    QString recordPath; ///< stereo WAV; empty: none
    QString timelinePath; ///< text; empty: standard output only
    QString jsonPath; ///< JSON lines; empty: none
    bool quiet = false; ///< no timeline on standard output
};

QString callUsage();

/// Reads the words after `kav-engine call`, the script and the sounds. The auth token comes from `authToken` (the
/// environment's TWILIO_AUTH_TOKEN), never from the command line, where other users could read it. An error is a wrong
/// usage; its message names the flag, file and line.
Result<CallCommand> parseCallArguments(
    const QStringList& arguments, const QByteArray& authToken, const TextToSpeechFunction& speech);

enum CallExit : int { CallWentThrough = 0, CallFailed = 1, CallUsage = 2 };

/// The whole command: parses, calls, prints the timeline as it happens, writes the files. Runs an event loop until the
/// call is over; needs a QCoreApplication. One of CallExit.
int runCallCommand(const QStringList& arguments, const QByteArray& authToken, const TextToSpeechFunction& speech,
    QTextStream& out, QTextStream& err);

} // namespace kav::telephony
