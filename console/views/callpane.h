// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

#include <memory>

namespace kav::console {

/// The selected call: its header (state, caller, time, ids to copy), the transcript as turn cards with partials in
/// italic and what was not heard struck through, and the latency of each turn as a bar whose parts sum to the gap.
/// Follows the end only while the reader is there already; else says how many turns are new.
class CallPane final : public QWidget {
    Q_OBJECT
public:
    explicit CallPane(Desk& desk, QWidget* parent = nullptr);
    ~CallPane() override;

    QByteArray saveLayout() const; ///< splitter, header
    bool restoreLayout(const QByteArray& state);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
