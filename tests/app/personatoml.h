// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>

namespace kav::test {

/// A configuration file in which a persona, "night", has everything that one can have.
extern const QByteArray WholePersona;

} // namespace kav::test
