// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/record.h"

#include <QByteArray>
#include <QString>

#include <optional>

// What is left of an entry when its words or its numbers have had their time. Pure functions, the same for the journal
// and for the columns of the database; nothing: there was nothing to take out.
namespace kav::calllog {

std::optional<QByteArray> withoutWords(const PayloadView& payload);
std::optional<QByteArray> withoutNumbers(const PayloadView& payload);
/// Stands where an entry stood, so that no number is missing: a missing one would count as damage.
QByteArray placeholderFor(const PayloadView& payload);
bool isPlaceholder(const PayloadView& payload);

/// The data of a CallEnded: what was learned from the caller goes, names of files stay.
std::optional<QString> factsWithoutWords(const QString& endedData);
/// A masked number, and JSON with masked numbers and number ids in it.
std::optional<QString> textWithoutNumbers(const QString& text);

/// What a number looks like that nobody can tell from another.
inline const QString NoNumber = QStringLiteral("•••");

} // namespace kav::calllog
