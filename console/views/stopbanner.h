// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"
#include "console/views/banner.h"

namespace kav::console {

/// Says that the engine is stopping: how many calls it still has, and until when they may go on. Hidden otherwise, and
/// while the line is not live: LinkBanner has the word then.
class StopBanner final : public Banner {
    Q_OBJECT
public:
    explicit StopBanner(Desk& desk, QWidget* parent = nullptr);

private:
    enum class Told { Nothing, Stopping, Goodbye };

    void retranslate() override;
    void showState() override;

    Desk& m_desk;
    Told m_told = Told::Nothing; // by the screen reader: each step once, not every call that ends
};

} // namespace kav::console
