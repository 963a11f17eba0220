// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/app/settings.h"

namespace kav::console {

/// The colours of the whole application: light or dark, as chosen or as the system is. First used before the first
/// widget is made; later on widgets get PaletteChange. Owned by main(), one per process.
class Colours final {
public:
    void show(Appearance appearance);
    Appearance appearance() const { return m_appearance; }
    /// The system may have turned dark, or light.
    void followSystem();

private:
    Appearance m_appearance = Appearance::System;
};

} // namespace kav::console
