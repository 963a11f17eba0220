// SPDX-License-Identifier: Apache-2.0
#include "console/app/appearance.h"

#include "console/views/theme.h"

#include <QApplication>
#include <QToolTip>

namespace kav::console {

void Colours::show(Appearance appearance)
{
    m_appearance = appearance;
    bool dark = appearance == Appearance::Dark;
    if (appearance == Appearance::System) {
        // The empty palette is the platform's own. Qt 6.4 does not say light or dark in another way.
        QApplication::setPalette(QPalette());
        dark = Theme(QApplication::palette()).isDark();
    }
    const QPalette palette = Theme::palette(dark);
    QApplication::setPalette(palette);
    QToolTip::setPalette(palette);
}

void Colours::followSystem()
{
    if (m_appearance == Appearance::System)
        show(Appearance::System);
}

} // namespace kav::console
