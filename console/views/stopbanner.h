// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

#include <memory>

namespace kav::console {

/// Says that the engine is stopping: how many calls it still has, and until when they may go on. Hidden otherwise, and
/// while the line is not live: LinkBanner has the word then.
class StopBanner final : public QWidget {
    Q_OBJECT
public:
    explicit StopBanner(Desk& desk, QWidget* parent = nullptr);
    ~StopBanner() override;

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void paintEvent(QPaintEvent* event) override;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
