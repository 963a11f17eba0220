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

/// Who calls, as far as the engine that is called would have it from Twilio.
struct CallAccount final {
    QByteArray authToken; ///< signs; never from the command line, where other users could read it
    QString sid; ///< empty: an invented one
};

/// Reads the words after `kav-engine call`, the script and the sounds. An error is a wrong usage; its message names the
/// flag, file and line.
Result<CallCommand> parseCallArguments(
    const QStringList& arguments, const CallAccount& account, const TextToSpeechFunction& speech);

enum CallExit : int { CallWentThrough = 0, CallFailed = 1, CallUsage = 2 };

/// The whole command: parses, calls, prints the timeline as it happens, writes the files. Runs an event loop until the
/// call is over; needs a QCoreApplication. One of CallExit.
int runCallCommand(const QStringList& arguments, const CallAccount& account, const TextToSpeechFunction& speech,
    QTextStream& out, QTextStream& err);

} // namespace kav::telephony
