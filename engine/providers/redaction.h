// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>
#include <QStringView>

namespace kav::providers {

/// Text of a vendor's error made fit to be shown and logged: every one of `secrets`, and whatever looks like a
/// credential (a bearer token, a key or password parameter, user info in a URL, a PEM block, a long run of mixed
/// letters and digits), is replaced by "[redacted]"; the rest goes through logSafe(). Rather too much than too little.
QString safeReason(QStringView text, const QStringList& secrets = {});

} // namespace kav::providers
