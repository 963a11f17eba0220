// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/servicesmodel.h"
#include "console/net/linkstate.h"
#include "shared/model/call.h"

#include <QColor>
#include <QIcon>
#include <QPalette>
#include <QString>

namespace kav::console {

/// What a colour means; the colour itself depends on light or dark.
enum class Tone {
    Neutral, ///< text's own
    Calm, ///< nothing to do: listening, off
    Caller, ///< the caller has the floor
    Agent, ///< the agent has the floor
    Working, ///< something is being made: thinking, warming
    Good, ///< ready
    Warning, ///< a long wait, degraded
    Bad, ///< needs an act now: failed, lost
    Muted, ///< over, or not live
};

/// Colours by meaning, for a palette: dark or light by the window's lightness, at least 4.5:1 on the base and the
/// alternate base. The one table of colours in the console. A value.
class Theme final {
public:
    explicit Theme(const QPalette& palette);

    bool isDark() const { return m_dark; }
    QColor color(Tone tone) const;
    /// A faint ground for a card or a chip of that tone.
    QColor ground(Tone tone) const;
    /// An SVG of resources/icons ("speaking"), in the tone's colour; cached by the caller's palette.
    QIcon icon(const QString& name, Tone tone) const;

private:
    QPalette m_palette;
    bool m_dark;
};

/// How a value looks: never by colour alone, always with an icon beside its word (words.h).
struct Look final {
    QString icon;
    Tone tone = Tone::Neutral;
};
Look lookOf(CallState state);
Look lookOf(ServicesModel::Lamp lamp);
Look lookOf(LinkState state);

} // namespace kav::console
