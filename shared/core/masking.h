// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringView>

namespace kav {

/// A telephone number fit for a log or a screen: "+972501234567" -> "+972•••••4567"; the country part (at most four
/// characters) and the last four digits stay when at least three digits are hidden between them, else only the last
/// two. Words ("anonymous", "client:ana") are returned as they are, made safe by logSafe().
QString maskNumber(QStringView number);

/// Text from outside made fit for one log line: control characters, line separators and bidirectional overrides are
/// written as \uXXXX, and the whole is cut at `limit` characters with an ellipsis.
QString logSafe(QStringView text, qsizetype limit = 200);

} // namespace kav
