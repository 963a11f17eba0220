// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

namespace kav::turn {

/// What the machine must know of the dialog's expectation for the next caller turn.
enum class Listening {
    Speech, ///< ordinary words
    Digits, ///< a spoken number: trailing digits earn the long pause
    Message, ///< a message to be recorded: a long pause ends it
    KeypadOnly, ///< voice neither interrupts nor commits
};

/// Every value is a setting of Kav's (see `kav-engine --help`); these are the defaults.
struct Settings final {
    Milliseconds voiceStart{60}; ///< voiced time, within `voiceStartWindow`, that opens an utterance
    Milliseconds voiceStartWindow{100};
    Milliseconds voiceStop{200}; ///< unvoiced time after which the caller is taken as pausing
    Milliseconds preRoll{300}; ///< audio before the onset that the recogniser gets
    Milliseconds endOfUtteranceMin{300}, endOfUtteranceMax{600};
    Milliseconds messageEnd{2000}; ///< the pause that ends a recorded message
    Milliseconds utteranceCap{30000}, messageCap{120000};
    Milliseconds cough{300}; ///< voice shorter than this without a word is not a turn
    Milliseconds interruptVoice{200}; ///< minimum voice that silences the agent
    Milliseconds interruptConfirm{1500}; ///< words must come within this, else the length of the voice decides
    Milliseconds filler{2000}, fallback{6000}, hardEnd{15000}; ///< after the end of the caller's words
    /// With no stable interim: how long the commit waits for the final. Twice as long as one recogniser is given, so that
    /// the next one has its chance in the same turn.
    Milliseconds finalWait{4000};
    Milliseconds noInput{8000}; ///< silence before each prompt, and before the goodbye
    Milliseconds keyEntry{5000}; ///< after a key: voice opens no utterance until the entry is complete, or so long
    Milliseconds lineCap{15000}; ///< longest time for one pre-rendered line
    Milliseconds speakingCap{120000}; ///< longest stay in SPEAKING
    Milliseconds endingCap{15000}; ///< longest stay in ENDING
    Milliseconds heldCap{600000}; ///< longest stay in HELD
    Milliseconds longestCall{30 * 60 * 1000};
};

} // namespace kav::turn
