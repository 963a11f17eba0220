// SPDX-License-Identifier: Apache-2.0
#include "console/views/celldelegate.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/painting.h"

#include <QApplication>
#include <QCoreApplication>

namespace kav::console {

CellDelegate::CellDelegate(Kind kind, QObject* parent)
    : QStyledItemDelegate(parent)
    , m_kind(kind)
    , m_theme(QPalette())
{
}

const Theme& CellDelegate::theme(const QPalette& palette) const
{
    if (m_paletteKey != palette.cacheKey()) {
        m_paletteKey = palette.cacheKey();
        m_theme = Theme(palette);
    }
    return m_theme;
}

void CellDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    QStyleOptionViewItem cell = option;
    const QWidget* widget = cell.widget;
    QStyle* style = widget ? widget->style() : QApplication::style();
    const QPalette& palette = widget ? widget->palette() : cell.palette;
    const Theme& look = theme(palette);

    // The ground only: the rest is drawn here, which spares the style's own measuring of every cell.
    cell.text.clear();
    style->drawPrimitive(QStyle::PE_PanelItemViewItem, &cell, painter, widget);

    const bool selected = cell.state.testFlag(QStyle::State_Selected);
    const QPalette::ColorGroup group =
        cell.state.testFlag(QStyle::State_Active) ? QPalette::Active : QPalette::Inactive;
    const QColor ground = selected ? palette.color(group, QPalette::Highlight) : palette.color(QPalette::Base);
    const QColor plain = palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text);
    const bool dimmed = index.data(DimmedRole).toBool();
    const int level = dimmed ? 0 : index.data(LevelRole).toInt();
    const auto inTone = [&](Tone tone) {
        if (level > 0)
            tone = toneOfLevel(level);
        else if (dimmed)
            tone = Tone::Muted;
        return tone == Tone::Neutral ? plain : look.colorOn(ground, tone, plain);
    };

    const QFontMetrics metrics = cell.fontMetrics;
    const int pad = metrics.averageCharWidth();
    // As much as a header's title keeps from its edge, so that both stand on one line, and a little more: two numbers
    // in a row must not read as one.
    const int edge = style->pixelMetric(QStyle::PM_HeaderMargin, &cell, widget) + 2;
    const QRect rect = cell.rect.adjusted(edge, 0, -edge, 0);
    const Qt::LayoutDirection direction = cell.direction;
    painter->save();
    painter->setFont(cell.font);

    switch (m_kind) {
    case Kind::State:
    case Kind::Verdict:
    case Kind::Status:
    case Kind::End: {
        Look state{QString(), Tone::Neutral};
        if (m_kind == Kind::State) {
            state = lookOf(static_cast<CallState>(index.data(StateRole).toInt()));
        } else if (const QVariant item = index.data(ItemRole); item.metaType() == QMetaType::fromType<CallLogRow>()) {
            state = lookOf(item.value<CallLogRow>().reason);
        } else if (item.metaType() == QMetaType::fromType<RequestRecord>()) {
            const auto request = item.value<RequestRecord>();
            state = m_kind == Kind::Verdict ? lookOf(request.signature.state) : lookOfStatus(request.status);
        }
        const QColor color = inTone(state.tone);
        const int extent = iconExtent(metrics);
        const auto drawIcon = [&](const QString& name, const QRect& place) {
            look.icon(name, color).paint(painter, QStyle::visualRect(direction, rect, place));
        };
        QRect text = rect;
        if (!state.icon.isEmpty()) {
            drawIcon(state.icon, {rect.left(), rect.center().y() - extent / 2, extent, extent});
            text.setLeft(rect.left() + extent + pad);
        }
        QString mark;
        if (index.data(PendingRole).toBool())
            mark = QStringLiteral("link-waiting");
        else if (level >= 2)
            mark = QStringLiteral("warning");
        if (!mark.isEmpty() && m_kind == Kind::State) {
            text.setRight(rect.right() - extent - pad / 2);
            drawIcon(mark, {rect.right() - extent + 1, rect.center().y() - extent / 2, extent, extent});
        }
        const QString word = index.data(Qt::DisplayRole).toString();
        painter->setPen(color);
        painter->drawText(QStyle::visualRect(direction, rect, text),
            QStyle::visualAlignment(direction, Qt::AlignLeft) | Qt::AlignVCenter | Qt::TextSingleLine,
            metrics.elidedText(word, Qt::ElideRight, text.width()));
        break;
    }
    case Kind::Code: {
        painter->setPen(dimmed ? look.colorOn(ground, Tone::Muted, plain) : plain);
        const QString number = withoutIsolates(index.data(Qt::DisplayRole).toString());
        painter->setLayoutDirection(Qt::LeftToRight);
        painter->drawText(rect,
            QStyle::visualAlignment(direction, Qt::AlignLeft) | Qt::AlignAbsolute | Qt::AlignVCenter
                | Qt::TextSingleLine | Qt::TextForceLeftToRight,
            metrics.elidedText(number, Qt::ElideMiddle, rect.width()));
        break;
    }
    case Kind::Number:
    case Kind::Wait: {
        painter->setPen(m_kind == Kind::Wait || dimmed ? inTone(Tone::Neutral) : plain);
        const QString number = withoutIsolates(index.data(Qt::DisplayRole).toString());
        painter->setLayoutDirection(Qt::LeftToRight);
        painter->drawText(rect,
            Qt::AlignRight | Qt::AlignAbsolute | Qt::AlignVCenter | Qt::TextSingleLine | Qt::TextForceLeftToRight,
            number);
        break;
    }
    case Kind::Badges: {
        int left = rect.left();
        const auto draw = [&](const QString& word, Tone tone, const QString& icon) {
            const QSize size = chipSize(cell.font, word, !icon.isEmpty());
            const QRect place(left, rect.center().y() - size.height() / 2, size.width(), size.height());
            left = place.right() + 1 + pad / 2;
            if (place.right() <= rect.right() + pad)
                drawChip(*painter, QStyle::visualRect(direction, rect, place), cell.font, word, look,
                    dimmed ? Tone::Muted : tone, icon, direction);
        };
        if (index.data(TestRole).toBool())
            draw(testBadge(), Tone::Working, {});
        if (isRecorded(index.data(ItemRole)))
            draw(recordedBadge(), Tone::Neutral, {});
        if (const QVariant item = index.data(ItemRole); item.metaType() == QMetaType::fromType<CallSummary>()) {
            if (const int times = item.value<CallSummary>().interruptions; times > 0)
                draw(QString::number(times), Tone::Warning, QStringLiteral("interrupted"));
        }
        break;
    }
    }
    painter->restore();

    if (cell.state.testFlag(QStyle::State_HasFocus) && !selected) {
        QStyleOptionFocusRect focus;
        static_cast<QStyleOption&>(focus) = cell;
        focus.backgroundColor = ground;
        style->drawPrimitive(QStyle::PE_FrameFocusRect, &focus, painter, widget);
    }
}

QSize CellDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const QFontMetrics metrics = option.fontMetrics;
    const int pad = metrics.averageCharWidth();
    const int height = metrics.height() + metrics.height() / 2;
    if (m_kind == Kind::Badges)
        return {chipSize(option.font, testBadge()).width() + chipSize(option.font, recordedBadge()).width()
                + chipSize(option.font, QStringLiteral("00"), true).width() + 4 * pad,
            height};
    int width = metrics.horizontalAdvance(withoutIsolates(index.data(Qt::DisplayRole).toString())) + 2 * pad;
    if (m_kind == Kind::State)
        width += 2 * (iconExtent(metrics) + pad);
    else if (m_kind == Kind::End || m_kind == Kind::Verdict || m_kind == Kind::Status)
        width += iconExtent(metrics) + pad;
    return {width, height};
}

Look lookOf(EndReason reason)
{
    switch (reason) {
    case EndReason::None:
        return {QString(), Tone::Neutral};
    case EndReason::Completed:
        return {QStringLiteral("lamp-ready"), Tone::Neutral};
    case EndReason::CallerHungUp:
    case EndReason::OperatorEnded:
    case EndReason::Canceled:
    case EndReason::Shutdown:
        return {QStringLiteral("ended"), Tone::Neutral};
    case EndReason::NoInput:
    case EndReason::LongestCall:
    case EndReason::Refused:
    case EndReason::Busy:
    case EndReason::NoAnswer:
    case EndReason::Voicemail:
    case EndReason::Fax:
        return {QStringLiteral("lamp-degraded"), Tone::Warning};
    case EndReason::Failed:
    case EndReason::StreamLost:
    case EndReason::FallbackExhausted:
    case EndReason::ProtocolError:
    case EndReason::Interrupted:
        return {QStringLiteral("lamp-failed"), Tone::Bad};
    }
    Q_UNREACHABLE();
}

Look lookOf(SignatureState state)
{
    switch (state) {
    case SignatureState::NotChecked:
        return {QStringLiteral("lamp-off"), Tone::Calm};
    case SignatureState::Valid:
        return {QStringLiteral("lamp-ready"), Tone::Good};
    case SignatureState::Missing:
        return {QStringLiteral("lamp-degraded"), Tone::Warning};
    case SignatureState::Wrong:
        return {QStringLiteral("lamp-failed"), Tone::Bad};
    }
    Q_UNREACHABLE();
}

Look lookOfStatus(int httpStatus)
{
    if (httpStatus == 0)
        return {QStringLiteral("ended"), Tone::Warning};
    return httpStatus < 400 ? Look{QStringLiteral("lamp-ready"), Tone::Neutral}
                            : Look{QStringLiteral("lamp-failed"), Tone::Bad};
}

QString testBadge()
{
    //: A chip on a test call; at most six letters.
    return QCoreApplication::translate("kav::console::CellDelegate", "TEST");
}

QString recordedBadge()
{
    //: A chip on a call whose sound is kept; at most six letters.
    return QCoreApplication::translate("kav::console::CellDelegate", "REC");
}

bool isRecorded(const QVariant& call)
{
    if (call.metaType() == QMetaType::fromType<CallSummary>())
        return !call.value<CallSummary>().recording.isEmpty();
    return call.metaType() == QMetaType::fromType<CallLogRow>() && !call.value<CallLogRow>().recording.isEmpty();
}

} // namespace kav::console
