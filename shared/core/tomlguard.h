// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArrayView>
#include <QString>

namespace kav {

/// Looks a TOML text over for what toml++ 3.3 cannot bear, before it sees it: what is wrong, beginning with
/// ":line:column", or empty. Next to nothing that is TOML is refused. Pure, linear.
///
/// - A statement that begins with '[' and goes on with anything but a key or ']' ("[&"), and characters beyond ASCII
///   where a key is wanted, run into its own assertions: they abort, or are undefined behaviour in optimised builds.
/// - Each dot of a key is a table within a table, which it takes apart by recursion: a line of dots overflows the
/// stack.
QString tomlTrouble(QByteArrayView text);

} // namespace kav
