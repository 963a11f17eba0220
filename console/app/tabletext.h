// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

class QAbstractItemView;

namespace kav::console {

/// The selected rows as a spreadsheet takes them from the clipboard: visible columns in the order they are shown, cells
/// apart by tabs, rows by line feeds, without what only screens need. Empty: nothing is selected.
QString selectedRowsAsText(const QAbstractItemView& view);

} // namespace kav::console
