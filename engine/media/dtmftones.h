// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QStringView>

namespace kav::media {

/// The keypad's tones (ITU-T Q.23) as 8 kHz mu-law: for each of 0-9, A-D, * and # its two frequencies at -10 dBFS each
/// for 100 ms, then 100 ms of silence; for w half a second of silence. Other characters make no sound. Pure.
QByteArray dtmfTones(QStringView keys);

} // namespace kav::media
