// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/evidence.h"

#include <QByteArray>

// The call as data: what the page shows, for programs and for spreadsheets. Pure functions.
namespace kav::evidence {

/// Everything, as one JSON object; docs/evidence.md names its parts.
QJsonObject toJson(const CallEvidence& evidence);

// CSV by RFC 4180, UTF-8 with a byte order mark, which spreadsheets need to see Hebrew. A cell that a spreadsheet would
// take for a formula begins with an apostrophe. Control and direction characters are written as \uXXXX.
QByteArray timelineCsv(const CallEvidence& evidence); ///< every event
QByteArray turnsCsv(const CallEvidence& evidence);
QByteArray requestsCsv(const CallEvidence& evidence);
QByteArray providersCsv(const CallEvidence& evidence);

} // namespace kav::evidence
