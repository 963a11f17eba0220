// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

#include <memory>

namespace kav::console {

/// The lamps: icon, word and colour of each service and of "ready for calls"; a click opens what is known of it
/// (reason, since when, age of the check, next attempt) with "Warm again".
class ServiceBar final : public QWidget {
    Q_OBJECT
public:
    explicit ServiceBar(Desk& desk, QWidget* parent = nullptr);
    ~ServiceBar() override;

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override; ///< marks without words

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
