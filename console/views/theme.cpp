// SPDX-License-Identifier: Apache-2.0
#include "console/views/theme.h"

#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

#include <algorithm>
#include <cmath>

// Outside every namespace, as the macro wants it: a static library's resources are not found by themselves.
static void initIcons()
{
    Q_INIT_RESOURCE(icons);
}

namespace kav::console {
namespace {

struct ToneRow final {
    Tone tone;
    QRgb light, dark;
};

// The table. Each is at least 4.5:1 on the desk's own palettes' base, alternate base, window and selection, and on the
// tone's ground; tst_theme holds it to that.
constexpr std::array<ToneRow, ToneCount> Tones{{
    {Tone::Neutral, 0xff171c22, 0xffe6e9ed},
    {Tone::Calm, 0xff465666, 0xffb3c0cd},
    {Tone::Caller, 0xff0b57a4, 0xff86c0ff},
    {Tone::Agent, 0xff743a9f, 0xffd3b0f7},
    {Tone::Working, 0xff0a626a, 0xff74d3da},
    {Tone::Good, 0xff17662f, 0xff83d697},
    {Tone::Warning, 0xff7d4a00, 0xfff2ba66},
    {Tone::Bad, 0xffab1f18, 0xffffa39b},
    {Tone::Muted, 0xff545c66, 0xffa8b2bd},
}};

QColor mix(const QColor& a, const QColor& b, double ofB)
{
    const auto part = [ofB](int x, int y) { return static_cast<int>(std::lround(x + (y - x) * ofB)); };
    return QColor(part(a.red(), b.red()), part(a.green(), b.green()), part(a.blue(), b.blue()));
}

double luminance(const QColor& color)
{
    const auto linear = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

/// `color`, taken towards `text` until it can be read on all of `grounds`.
QColor readable(QColor color, const QColor& text, std::initializer_list<QColor> grounds)
{
    const auto fails = [&](const QColor& ground) { return Theme::contrast(color, ground) < Theme::EnoughContrast; };
    for (int step = 0; step < 10 && std::any_of(grounds.begin(), grounds.end(), fails); ++step)
        color = mix(color, text, 0.2);
    return color;
}

/// Draws an icon's SVG in one colour, at any size; disabled in another.
class TintedIcon final : public QIconEngine {
public:
    TintedIcon(QString name, const QColor& color, const QColor& disabled)
        : m_name(std::move(name))
        , m_color(color)
        , m_disabled(disabled)
    {
    }

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override
    {
        const qreal ratio = painter->device() ? painter->device()->devicePixelRatioF() : 1.0;
        painter->drawPixmap(rect, scaledPixmap(rect.size() * ratio, mode, state, ratio));
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override
    {
        return scaledPixmap(size, mode, state, 1.0);
    }
    /// `size` in device pixels.
    QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State, qreal scale) override
    {
        const QColor color = mode == QIcon::Disabled ? m_disabled : m_color;
        const QString key = QStringLiteral("kav-icon/%1/%2/%3x%4@%5")
                                .arg(m_name, color.name(QColor::HexArgb))
                                .arg(size.width())
                                .arg(size.height())
                                .arg(scale);
        QPixmap pixmap;
        if (QPixmapCache::find(key, &pixmap))
            return pixmap;
        QFile file(QStringLiteral(":/icons/%1.svg").arg(m_name));
        if (!file.open(QIODevice::ReadOnly))
            return {};
        QSvgRenderer svg(file.readAll().replace("#000000", color.name().toLatin1()));
        pixmap = QPixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        svg.setAspectRatioMode(Qt::KeepAspectRatio);
        svg.render(&painter, QRectF(QPointF(), QSizeF(size)));
        painter.end();
        pixmap.setDevicePixelRatio(scale);
        QPixmapCache::insert(key, pixmap);
        return pixmap;
    }
    QIconEngine* clone() const override { return new TintedIcon(*this); }
    bool isNull() override { return !QFile::exists(QStringLiteral(":/icons/%1.svg").arg(m_name)); }

private:
    QString m_name;
    QColor m_color, m_disabled;
};

} // namespace

Theme::Theme(const QPalette& palette)
    : m_dark(palette.color(QPalette::Window).lightnessF() < 0.5)
    , m_line(mix(palette.color(QPalette::Window), palette.color(QPalette::WindowText), m_dark ? 0.22 : 0.16))
{
    const QColor base = palette.color(QPalette::Base), text = palette.color(QPalette::Text);
    for (const ToneRow& row : Tones) {
        const auto at = static_cast<std::size_t>(row.tone);
        const QColor wanted = row.tone == Tone::Neutral ? text : QColor(m_dark ? row.dark : row.light);
        m_grounds[at] = mix(base, wanted, m_dark ? 0.15 : 0.08);
        m_colors[at] = readable(wanted, text,
            {base, palette.color(QPalette::AlternateBase), palette.color(QPalette::Window), m_grounds[at]});
    }
    m_disabled = mix(color(Tone::Muted), base, 0.5);
}

QPalette Theme::palette(bool dark)
{
    const QColor window(dark ? 0xff22262c : 0xffeff1f4), base(dark ? 0xff1a1d22 : 0xffffffff),
        alternate(dark ? 0xff1f2329 : 0xfff6f8fa), button(dark ? 0xff2c3139 : 0xfff3f5f7),
        text(dark ? 0xffe6e9ed : 0xff171c22), highlight(dark ? 0xff2b4361 : 0xffd5e5f7),
        faint(dark ? 0xff7f8994 : 0xff78818b), link(dark ? 0xff86c0ff : 0xff0b57a4);
    QPalette palette(button, window);
    for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText,
             QPalette::HighlightedText, QPalette::ToolTipText, QPalette::BrightText})
        palette.setColor(role, text);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase, alternate);
    palette.setColor(QPalette::ToolTipBase, dark ? QColor(0xff2c3139) : QColor(0xffffffff));
    palette.setColor(QPalette::Highlight, highlight);
    palette.setColor(QPalette::Link, link);
    palette.setColor(QPalette::LinkVisited, link);
    palette.setColor(QPalette::PlaceholderText, Tones[static_cast<std::size_t>(Tone::Muted)].light);
    if (dark)
        palette.setColor(QPalette::PlaceholderText, Tones[static_cast<std::size_t>(Tone::Muted)].dark);
    for (const QPalette::ColorRole role :
        {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText})
        palette.setColor(QPalette::Disabled, role, faint);
    palette.setColor(QPalette::Disabled, QPalette::Highlight, dark ? QColor(0xff33383f) : QColor(0xffdfe3e8));
    return palette;
}

double Theme::contrast(const QColor& a, const QColor& b)
{
    const double one = luminance(a), other = luminance(b);
    return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
}

QColor Theme::colorOn(const QColor& background, Tone tone, const QColor& fallback) const
{
    const QColor wanted = color(tone);
    return contrast(wanted, background) >= EnoughContrast ? wanted : fallback;
}

QIcon Theme::icon(const QString& name, const QColor& color) const
{
    initIcons();
    return QIcon(new TintedIcon(name, color, m_disabled));
}

Look lookOf(CallState state)
{
    switch (state) {
    case CallState::Ringing:
        return {QStringLiteral("ringing"), Tone::Calm};
    case CallState::Greeting:
        return {QStringLiteral("greeting"), Tone::Agent};
    case CallState::Listening:
        return {QStringLiteral("listening"), Tone::Calm};
    case CallState::CallerSpeaking:
        return {QStringLiteral("caller-speaking"), Tone::Caller};
    case CallState::DecidingTurn:
        return {QStringLiteral("deciding"), Tone::Caller};
    case CallState::Thinking:
        return {QStringLiteral("thinking"), Tone::Working};
    case CallState::Speaking:
        return {QStringLiteral("speaking"), Tone::Agent};
    case CallState::Interrupted:
        return {QStringLiteral("interrupted"), Tone::Warning};
    case CallState::Held:
        return {QStringLiteral("held"), Tone::Warning};
    case CallState::Ending:
        return {QStringLiteral("ending"), Tone::Muted};
    case CallState::Ended:
        return {QStringLiteral("ended"), Tone::Muted};
    case CallState::Queued:
        return {QStringLiteral("queued"), Tone::Muted};
    case CallState::Dialling:
        return {QStringLiteral("dialling"), Tone::Calm};
    case CallState::Answered:
        return {QStringLiteral("answered"), Tone::Working};
    case CallState::Transferring:
        return {QStringLiteral("transferring"), Tone::Working};
    case CallState::OnHold:
        return {QStringLiteral("on-hold"), Tone::Warning};
    case CallState::Transferred:
        return {QStringLiteral("transferred"), Tone::Calm};
    }
    Q_UNREACHABLE();
}

Look lookOf(ServicesModel::Lamp lamp)
{
    switch (lamp) {
    case ServicesModel::Lamp::Off:
        return {QStringLiteral("lamp-off"), Tone::Calm};
    case ServicesModel::Lamp::Warming:
        return {QStringLiteral("lamp-warming"), Tone::Working};
    case ServicesModel::Lamp::Ready:
        return {QStringLiteral("lamp-ready"), Tone::Good};
    case ServicesModel::Lamp::Degraded:
        return {QStringLiteral("lamp-degraded"), Tone::Warning};
    case ServicesModel::Lamp::Failed:
        return {QStringLiteral("lamp-failed"), Tone::Bad};
    case ServicesModel::Lamp::Unknown:
        return {QStringLiteral("lamp-unknown"), Tone::Muted};
    }
    Q_UNREACHABLE();
}

Look lookOf(LinkState state)
{
    switch (state) {
    case LinkState::Disconnected:
        return {QStringLiteral("link-disconnected"), Tone::Calm};
    case LinkState::Waiting:
        return {QStringLiteral("link-waiting"), Tone::Warning};
    case LinkState::Connecting:
        return {QStringLiteral("link-connecting"), Tone::Working};
    case LinkState::Authenticating:
        return {QStringLiteral("link-authenticating"), Tone::Working};
    case LinkState::Synchronizing:
        return {QStringLiteral("link-synchronizing"), Tone::Working};
    case LinkState::Live:
        return {QStringLiteral("link-live"), Tone::Good};
    case LinkState::Stale:
        return {QStringLiteral("link-stale"), Tone::Warning};
    case LinkState::Refused:
        return {QStringLiteral("link-refused"), Tone::Bad};
    }
    Q_UNREACHABLE();
}

Tone toneOfLevel(int level)
{
    return level >= 2 ? Tone::Bad : level == 1 ? Tone::Warning : Tone::Neutral;
}

} // namespace kav::console
