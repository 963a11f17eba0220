// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>
#include <QStringView>

namespace kav::app {

/// The one of `known` that `word` was most likely meant to be; empty when none is near.
QString nearestOf(QStringView word, const QStringList& known);
/// ": did you mean 'x'?", or nothing.
QString suggestion(QStringView word, const QStringList& known);

} // namespace kav::app
