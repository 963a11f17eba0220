// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/turn/turnsettings.h"

#include <QStringView>

namespace kav::turn {

/// How complete a caller's words look, in English and Hebrew.
enum class Completeness {
    Unknown, ///< nothing is known of the words, or they may go on
    Complete, ///< a sentence, or words the recogniser is sure of
    OpenEnded, ///< ends in a connective, a hesitation or a number: more is likely
};

/// `stable`: the recogniser does not expect `interim` to change.
Completeness completeness(QStringView interim, bool stable);

/// The pause after the caller's last voice that ends the utterance: the shortest after complete words, the longest
/// after open-ended ones and always while a number is spoken; the middle between for the rest. A message has its own
/// pause.
Milliseconds endOfUtterancePause(const Settings& settings, Listening listening, QStringView interim, bool stable);

} // namespace kav::turn
