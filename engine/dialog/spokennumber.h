// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>

#include <optional>

namespace kav::dialog {

/// The digits of a spoken telephone number: "double five one oh" -> "5510", in English or Hebrew. Digits written as such
/// count too ("555-1234"). `leadIns` are phrases that may stand before it ("my number is") or be skipped ("please"). Nothing when
/// any other word is there.
std::optional<QString> parseSpokenDigits(QStringView text, const QStringList& leadIns);

/// "5551234" -> "five five five, one two three four": in groups, as a person reads it out. In Hebrew for he-*, else in
/// English.
QString speakDigits(QStringView digits, const QString& language = QStringLiteral("en-US"));

/// The words of a grammar's digits.
QStringList digitWords();

} // namespace kav::dialog
