// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/sound.h"

#include <QByteArray>

namespace kav::evidence {

/// A file of the pack that is not there.
struct Missing final {
    QString name, why;
};

/// What the page stands beside: names of files in the same folder, empty where there is none.
struct PageSurroundings final {
    QString recording, picture, film;
    QStringList messages;
    QList<Missing> missing;
    QString madeBy;
    QDateTime madeAt; ///< UTC
};

/// index.html: one file that needs no network and no other file but sound and pictures. Pure. Whatever callers, Twilio
/// or providers wrote is text in it: markup is escaped, control and direction characters are shown by their numbers,
/// and its policy lets no script run but its own.
QByteArray page(
    const CallEvidence& evidence, const std::optional<Loudness>& loudness, const PageSurroundings& surroundings);

/// Text for HTML, as above; for content and for quoted attributes.
QString escaped(QStringView text);

} // namespace kav::evidence
