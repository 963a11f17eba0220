// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

namespace kav::webhooks {

/// What is said when a call is passed on, in the language of the call. The last three are the agent's; the others are
/// said by Twilio's own voice.
struct TransferLines final {
    QString connecting; ///< to the caller, before the music
    QString stillTrying; ///< to the caller, now and then
    QString call; ///< to who is called, before the summary
    QString keys; ///< to who is called: how to take the call
    QString thanks; ///< to who is called and does not take it
    QString notAnswered, leaveMessage; ///< to a caller who comes back having reached nobody
    QString backAgain; ///< to a caller who has talked to somebody

    static TransferLines of(const QString& language);
};

} // namespace kav::webhooks
