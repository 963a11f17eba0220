// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/servicesmodel.h"
#include "console/net/linkstate.h"
#include "shared/model/call.h"

#include <QColor>
#include <QIcon>
#include <QPalette>
#include <QString>

#include <array>

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
inline constexpr int ToneCount = static_cast<int>(Tone::Muted) + 1;

/// Colours by meaning, for a palette: dark or light by the window's lightness, at least 4.5:1 on the base, the
/// alternate base, the window and the tone's own ground; a palette of the user's that would give less is made up for.
/// The one table of colours in the console. A value, cheap to make.
class Theme final {
public:
    static constexpr double EnoughContrast = 4.5;

    explicit Theme(const QPalette& palette);

    /// The desk's own palettes, for the choice of light or dark.
    static QPalette palette(bool dark);
    /// 1 .. 21, as WCAG reckons.
    static double contrast(const QColor& a, const QColor& b);

    bool isDark() const { return m_dark; }
    QColor color(Tone tone) const { return m_colors[static_cast<std::size_t>(tone)]; }
    /// A faint ground for a card or a chip of that tone.
    QColor ground(Tone tone) const { return m_grounds[static_cast<std::size_t>(tone)]; }
    /// The tone's colour where it can be read on `background`, else `fallback`: on a selection.
    QColor colorOn(const QColor& background, Tone tone, const QColor& fallback) const;
    /// A hairline between things.
    QColor line() const { return m_line; }
    /// An SVG of resources/icons ("speaking"), in the tone's colour; drawn sharp at every size.
    QIcon icon(const QString& name, Tone tone) const { return icon(name, color(tone)); }
    QIcon icon(const QString& name, const QColor& color) const;

private:
    bool m_dark;
    QColor m_disabled, m_line;
    std::array<QColor, ToneCount> m_colors, m_grounds;
};

/// How a value looks: never by colour alone, always with an icon beside its word (words.h).
struct Look final {
    QString icon;
    Tone tone = Tone::Neutral;
};
Look lookOf(CallState state);
Look lookOf(ServicesModel::Lamp lamp);
Look lookOf(LinkState state);

/// Of LevelRole: Neutral, Warning, Bad.
Tone toneOfLevel(int level);

} // namespace kav::console
