// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QStringView>

namespace kav::turn {

/// "mm", "uh huh", "yes", "כן": words that tell the speaker to go on, in English and Hebrew, alone or repeated. "Stop",
/// "wait", "no" and everything else is meant for the floor.
bool isBackchannel(QStringView text);

/// The back-channels that would also answer a question: "yes", "okay", "נכון".
bool isAcknowledgement(QStringView text);

} // namespace kav::turn
