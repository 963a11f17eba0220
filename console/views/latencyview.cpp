// SPDX-License-Identifier: Apache-2.0
#include "console/views/latencyview.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/celldelegate.h"
#include "console/views/flowlayout.h"
#include "console/views/painting.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QHelpEvent>
#include <QIdentityProxyModel>
#include <QLabel>
#include <QPainter>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolButton>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>
#include <numeric>

namespace kav::console {
namespace {

using namespace std::chrono_literals;
using Part = LatencyPart;

/// The column that the bars take: the agent's words are in the transcript already.
constexpr int BarColumn = TranscriptModel::AgentText;

Tone toneOfPart(Part part)
{
    switch (part) {
    case Part::EndOfUtterance:
        return Tone::Muted;
    case Part::Recognition:
        return Tone::Caller;
    case Part::FirstToken:
    case Part::FirstSentence:
        return Tone::Working;
    case Part::FirstAudio:
        return Tone::Agent;
    case Part::Playout:
        return Tone::Calm;
    }
    Q_UNREACHABLE();
}

void fillSegment(QPainter& painter, const QRectF& rect, Part part, const Theme& theme, bool dimmed)
{
    QColor color = theme.color(toneOfPart(part));
    if (part == Part::EndOfUtterance) {
        // Hatched: nobody worked in it, a setting waited.
        color.setAlphaF(dimmed ? 0.5F : 1.0F);
        painter.fillRect(rect, theme.ground(Tone::Muted));
        painter.setBrushOrigin(rect.topLeft()); // the hatching scrolls with its bar
        painter.fillRect(rect, QBrush(color, Qt::BDiagPattern));
        painter.setPen(color);
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5));
    } else {
        color.setAlphaF(
            (part == Part::Playout || part == Part::FirstSentence ? 0.55F : 0.85F) * (dimmed ? 0.5F : 1.0F));
        painter.fillRect(rect, color);
    }
}

/// The transcript's turns with a column for the bar.
class LatencyRows final : public QIdentityProxyModel {
    Q_DECLARE_TR_FUNCTIONS(kav::console::LatencyRows)
public:
    using QIdentityProxyModel::QIdentityProxyModel;

    QVariant data(const QModelIndex& index, int role) const override
    {
        if (index.column() != BarColumn)
            return QIdentityProxyModel::data(index, role);
        switch (role) {
        case Qt::DisplayRole:
        case Qt::ToolTipRole: // the delegate's, by the place in the bar
        case Qt::DecorationRole:
            return {};
        case Qt::AccessibleTextRole:
            return sentence(index.data(ItemRole).value<TranscriptTurn>().record);
        default:
            return QIdentityProxyModel::data(index, role);
        }
    }

    QVariant headerData(int section, Qt::Orientation orientation, int role) const override
    {
        if (orientation == Qt::Horizontal && section == BarColumn) {
            if (role == Qt::DisplayRole)
                return QString(); // the axis stands there
            if (role == Qt::ToolTipRole)
                return tr("From the end of the caller's words to the first sound of the answer, in milliseconds.");
            if (role == Qt::AccessibleTextRole)
                return tr("Where the time went");
        }
        return QIdentityProxyModel::headerData(section, orientation, role);
    }

    static QString sentence(const TurnRecord& record)
    {
        if (!record.latency.total)
            return tr("Turn %1: no answer was heard.").arg(record.number);
        QStringList parts;
        for (const LatencySpan& segment : segmentsOf(record.latency)) {
            const QString words = tr("%1 %2").arg(latencyPartWord(segment.part), gapText(segment.length));
            //: A part of a wait with its length, and whose it was: a provider's name or a setting's
            parts += segment.owner.isEmpty() ? words : tr("%1 (%2)").arg(words, isolated(segment.owner));
        }
        const QString number = QString::number(record.number);
        if (record.latency.filler)
            return tr("Turn %1: the caller waited %2 for a waiting line: %3.")
                .arg(number, gapText(record.latency.total), parts.join(QStringLiteral(", ")));
        return tr("Turn %1: the caller waited %2: %3.")
            .arg(number, gapText(record.latency.total), parts.join(QStringLiteral(", ")));
    }
};

} // namespace

/// The table's header, with the time axis over the bars.
class AxisHeader final : public QHeaderView {
    Q_DECLARE_TR_FUNCTIONS(kav::console::AxisHeader)
public:
    explicit AxisHeader(QWidget* parent)
        : QHeaderView(Qt::Horizontal, parent)
    {
    }

    LatencyAxis axis;

    /// Where `time` stands in a cell of the bar's column.
    static qreal xOf(const LatencyAxis& axis, const QRectF& area, std::chrono::milliseconds time)
    {
        return area.left() + area.width() * static_cast<double>(time.count()) / static_cast<double>(axis.end.count());
    }
    /// A cell without its margins.
    static QRectF areaOf(const QRect& cell, const QFontMetrics& metrics)
    {
        const int pad = metrics.averageCharWidth();
        return QRectF(cell.adjusted(pad, 0, -2 * pad, 0));
    }

protected:
    void paintSection(QPainter* painter, const QRect& rect, int section) const override
    {
        painter->save();
        QHeaderView::paintSection(painter, rect, section);
        painter->restore();
        if (section != BarColumn)
            return;
        painter->save();
        painter->setLayoutDirection(Qt::LeftToRight);
        painter->setFont(captionFont(font()));
        const Theme theme(palette());
        const QFontMetrics metrics = painter->fontMetrics();
        const QRectF area = areaOf(rect, fontMetrics());
        qreal free = rect.left();
        for (std::chrono::milliseconds mark = 0ms; mark <= axis.end; mark += axis.step) {
            const qreal x = xOf(axis, area, mark);
            painter->setPen(theme.line());
            painter->drawLine(QPointF(x, rect.bottom() - metrics.height() / 4.0), QPointF(x, rect.bottom()));
            const bool last = mark + axis.step > axis.end;
            //: The end of a time axis: a number of milliseconds.
            const QString word = last ? tr("%1 ms").arg(mark.count()) : QString::number(mark.count());
            const qreal width = metrics.horizontalAdvance(word);
            const qreal left = std::clamp(x - width / 2, qreal(rect.left() + 1), qreal(rect.right()) - width);
            if (left < free)
                continue;
            painter->setPen(theme.color(Tone::Muted));
            painter->drawText(QRectF(left, rect.top(), width + 1, rect.height() - metrics.height() / 4.0),
                Qt::AlignLeft | Qt::AlignVCenter | Qt::AlignAbsolute, word);
            free = left + width + metrics.averageCharWidth();
        }
        painter->restore();
    }
};

namespace {

class BarDelegate final : public QStyledItemDelegate {
    Q_DECLARE_TR_FUNCTIONS(kav::console::BarDelegate)
public:
    BarDelegate(const AxisHeader& header, QObject* parent)
        : QStyledItemDelegate(parent)
        , m_header(header)
    {
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        const QWidget* widget = option.widget;
        widget->style()->drawPrimitive(QStyle::PE_PanelItemViewItem, &option, painter, widget);
        const Theme theme(widget->palette());
        const LatencyAxis axis = m_header.axis;
        const QRectF area = AxisHeader::areaOf(option.rect, option.fontMetrics);
        const bool dimmed = index.data(DimmedRole).toBool();
        painter->save();
        painter->setPen(theme.line());
        for (std::chrono::milliseconds mark = 0ms; mark <= axis.end; mark += axis.step) {
            const qreal x = AxisHeader::xOf(axis, area, mark);
            painter->drawLine(QPointF(x, option.rect.top()), QPointF(x, option.rect.bottom()));
        }
        const auto record = index.data(ItemRole).value<TranscriptTurn>().record;
        for (const auto& [segment, rect] : places(record, option)) {
            // A stretch too short for a pixel shows as one: that it was there is part of what is told.
            QRectF bar = rect;
            bar.setWidth(qMax(1.0, rect.width() - 1));
            fillSegment(*painter, bar, segment.part, theme, dimmed);
        }
        painter->restore();
        if (option.state.testFlag(QStyle::State_HasFocus) && !option.state.testFlag(QStyle::State_Selected)) {
            QStyleOptionFocusRect focus;
            static_cast<QStyleOption&>(focus) = option;
            widget->style()->drawPrimitive(QStyle::PE_FrameFocusRect, &focus, painter, widget);
        }
    }

    bool helpEvent(QHelpEvent* event, QAbstractItemView* view, const QStyleOptionViewItem& option,
        const QModelIndex& index) override
    {
        if (event->type() != QEvent::ToolTip)
            return QStyledItemDelegate::helpEvent(event, view, option, index);
        const auto record = index.data(ItemRole).value<TranscriptTurn>().record;
        QString words = LatencyRows::sentence(record);
        for (const auto& [segment, rect] : places(record, option)) {
            if (event->pos().x() >= rect.left() && event->pos().x() < rect.right()) {
                words = tr("%1: %2 of %3")
                            .arg(latencyPartWord(segment.part), gapText(segment.length), gapText(record.latency.total))
                    + QLatin1Char('\n')
                    + (segment.owner.isEmpty() ? latencyPartOwner(segment.part) : latencyOwnerSentence(segment.owner));
                break;
            }
        }
        QToolTip::showText(event->globalPos(), words, view);
        return true;
    }

private:
    std::vector<std::pair<LatencySpan, QRectF>> places(
        const TurnRecord& record, const QStyleOptionViewItem& option) const
    {
        const QRectF area = AxisHeader::areaOf(option.rect, option.fontMetrics);
        const qreal height = option.fontMetrics.height() * 0.75;
        const qreal top = QRectF(option.rect).center().y() - height / 2;
        std::vector<std::pair<LatencySpan, QRectF>> result;
        std::chrono::milliseconds at{0};
        for (const LatencySpan& segment : segmentsOf(record.latency)) {
            const qreal from = AxisHeader::xOf(m_header.axis, area, at);
            at += segment.length;
            const qreal to = AxisHeader::xOf(m_header.axis, area, at);
            result.emplace_back(segment, QRectF(from, top, to - from, height));
        }
        return result;
    }

    const AxisHeader& m_header;
};

} // namespace

std::vector<LatencySpan> segmentsOf(const LatencyParts& parts)
{
    std::vector<LatencySpan> segments;
    std::chrono::milliseconds left = parts.total.value_or(std::chrono::milliseconds::max());
    for (const LatencySpan& span : parts.spans) {
        const std::chrono::milliseconds taken = std::min(span.length, left);
        if (taken <= 0ms)
            continue;
        segments.push_back({span.part, taken, span.owner});
        left -= taken;
    }
    if (parts.total && left > 0ms) // of an older engine
        segments.push_back({Part::Playout, left, {}});
    return segments;
}

QString latencyPartWord(LatencyPart part)
{
    switch (part) {
    case Part::EndOfUtterance:
        //: A stretch of the caller's wait: the silence after which a turn is taken as over.
        return LatencyView::tr("Pause");
    case Part::Recognition:
        return LatencyView::tr("Recognition");
    case Part::FirstToken:
        //: A stretch of the caller's wait: until the model begins to answer
        return LatencyView::tr("First word");
    case Part::FirstSentence:
        //: A stretch of the caller's wait: from the model's first word to its first whole sentence
        return LatencyView::tr("Sentence");
    case Part::FirstAudio:
        //: A stretch of the caller's wait: speech synthesis
        return LatencyView::tr("First sound");
    case Part::Playout:
        //: A stretch of the caller's wait: until the sound was sent
        return LatencyView::tr("Sending");
    }
    Q_UNREACHABLE();
}

QString latencyPartOwner(LatencyPart part)
{
    switch (part) {
    case Part::EndOfUtterance:
        return LatencyView::tr("A setting: the pause that ends a turn.");
    case Part::Recognition:
        return LatencyView::tr("Speech recognition, to finish the words.");
    case Part::FirstToken:
        return LatencyView::tr("The model, to the first of its answer.");
    case Part::FirstSentence:
        return LatencyView::tr("The model, or a tool that it called, to its first sentence.");
    case Part::FirstAudio:
        return LatencyView::tr("Speech synthesis, to its first sound.");
    case Part::Playout:
        return LatencyView::tr("The engine, until the sound was sent.");
    }
    Q_UNREACHABLE();
}

LatencyAxis axisFor(std::chrono::milliseconds longest)
{
    static constexpr std::array steps{250ms, 500ms, 1000ms, 2000ms, 5000ms, 10000ms, 20000ms, 60000ms};
    for (const std::chrono::milliseconds step : steps) {
        if (longest <= 4 * step)
            return {std::max<std::chrono::milliseconds>(4 * 250ms, (longest + step - 1ms) / step * step), step};
    }
    return {(longest + 59999ms) / 60000ms * 60000ms, steps.back() * ((longest / 60000ms) / 4 + 1)};
}

struct LatencyView::Private final {
    Private(TranscriptModel& model, LatencyView& view)
        : q(view)
        , rows(new LatencyRows(&view))
        , table(new QTableView(&view))
        , header(new AxisHeader(table))
        , title(new QLabel(&view))
        , numbers(new QToolButton(&view))
    {
        rows->setSourceModel(&model);
    }

    LatencyView& q;
    QIdentityProxyModel* rows;
    QTableView* table;
    AxisHeader* header;
    QLabel* title;
    QToolButton* numbers;
    std::array<QLabel*, LatencyPartsInOrder.size()> swatches{}, words{};

    void build();
    void retranslate();
    void recolor();
    void fit();
    void scale();
};

void LatencyView::Private::build()
{
    table->setHorizontalHeader(header);
    table->setModel(rows);
    table->setFrameShape(QFrame::NoFrame);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setSelectionMode(QAbstractItemView::SingleSelection);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setTabKeyNavigation(false);
    table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    table->verticalHeader()->hide();
    table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    header->setHighlightSections(false);
    header->setSectionsClickable(false);
    for (const int column :
        {TranscriptModel::Number, TranscriptModel::Pause, TranscriptModel::Recognition, TranscriptModel::FirstToken,
            TranscriptModel::FirstSentence, TranscriptModel::FirstAudio, TranscriptModel::Playout})
        table->setItemDelegateForColumn(column, new CellDelegate(CellDelegate::Kind::Number, table));
    table->setItemDelegateForColumn(TranscriptModel::Gap, new CellDelegate(CellDelegate::Kind::Wait, table));
    table->setItemDelegateForColumn(BarColumn, new BarDelegate(*header, table));
    table->hideColumn(TranscriptModel::CallerText);
    header->moveSection(header->visualIndex(TranscriptModel::Gap), header->visualIndex(BarColumn) + 1);
    header->setSectionResizeMode(QHeaderView::Fixed);
    header->setSectionResizeMode(BarColumn, QHeaderView::Stretch);

    numbers->setCheckable(true);
    numbers->setAutoRaise(true);
    numbers->setToolButtonStyle(Qt::ToolButtonTextOnly);

    auto* legend = new FlowLayout(8, 2);
    legend->addWidget(title);
    for (std::size_t i = 0; i < LatencyPartsInOrder.size(); ++i) {
        auto* entry = new QWidget(&q);
        auto* line = new QHBoxLayout(entry);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(4);
        swatches[i] = new QLabel(entry);
        words[i] = new QLabel(entry);
        line->addWidget(swatches[i]);
        line->addWidget(words[i]);
        legend->addWidget(entry);
    }
    auto* top = new QHBoxLayout;
    top->setContentsMargins(6, 2, 6, 0);
    top->addLayout(legend, 1);
    top->addWidget(numbers, 0, Qt::AlignTop);
    auto* pane = new QVBoxLayout(&q);
    pane->setContentsMargins(0, 0, 0, 0);
    pane->setSpacing(2);
    pane->addLayout(top);
    pane->addWidget(table, 1);

    QObject::connect(numbers, &QToolButton::toggled, &q, [this](bool on) { q.setShowsNumbers(on); });
    const auto again = [this] { scale(); };
    QObject::connect(rows, &QAbstractItemModel::dataChanged, &q, again);
    QObject::connect(rows, &QAbstractItemModel::rowsInserted, &q, [this] {
        scale();
        QScrollBar* bar = table->verticalScrollBar();
        if (bar->value() >= bar->maximum())
            table->scrollToBottom();
    });
    QObject::connect(rows, &QAbstractItemModel::rowsRemoved, &q, again);
    QObject::connect(rows, &QAbstractItemModel::modelReset, &q, again);
    retranslate();
    recolor();
    q.setShowsNumbers(false);
}

void LatencyView::Private::retranslate()
{
    title->setText(tr("What the caller waits for:"));
    table->setAccessibleName(tr("Latency of each turn"));
    for (std::size_t i = 0; i < LatencyPartsInOrder.size(); ++i) {
        words[i]->setText(latencyPartWord(LatencyPartsInOrder[i]));
        words[i]->setToolTip(latencyPartOwner(LatencyPartsInOrder[i]));
    }
    //: Shows or hides the columns of figures. A short word on a button.
    numbers->setText(tr("Figures"));
    numbers->setToolTip(tr("Show the figures of every part beside the bars."));
    numbers->setAccessibleDescription(numbers->toolTip());
    fit();
}

void LatencyView::Private::fit()
{
    const QFontMetrics metrics = table->fontMetrics();
    table->verticalHeader()->setMinimumSectionSize(metrics.height());
    table->verticalHeader()->setDefaultSectionSize(metrics.height() + metrics.height() / 3);
    header->setMinimumSectionSize(metrics.averageCharWidth() * 3);
    const auto width = [&](int column, const QString& sample) {
        const QString word = rows->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        return qMax(metrics.horizontalAdvance(sample), header->fontMetrics().horizontalAdvance(word))
            + 3 * metrics.averageCharWidth();
    };
    header->resizeSection(TranscriptModel::Number, width(TranscriptModel::Number, QStringLiteral("000")));
    for (const int column : {TranscriptModel::Pause, TranscriptModel::Recognition, TranscriptModel::FirstToken,
             TranscriptModel::FirstSentence, TranscriptModel::FirstAudio, TranscriptModel::Playout,
             TranscriptModel::Gap})
        header->resizeSection(column, width(column, QStringLiteral("00.00 s")));
}

void LatencyView::Private::recolor()
{
    const Theme theme(q.palette());
    const int extent = q.fontMetrics().ascent();
    const qreal ratio = q.devicePixelRatioF();
    for (std::size_t i = 0; i < LatencyPartsInOrder.size(); ++i) {
        QPixmap swatch(QSize(extent, extent) * ratio);
        swatch.setDevicePixelRatio(ratio);
        swatch.fill(Qt::transparent);
        QPainter painter(&swatch);
        fillSegment(painter, QRectF(0, 0, extent, extent), LatencyPartsInOrder[i], theme, false);
        painter.end();
        swatches[i]->setPixmap(swatch);
    }
    QPalette palette = q.palette();
    palette.setColor(QPalette::WindowText, theme.color(Tone::Muted));
    title->setPalette(palette);
}

void LatencyView::Private::scale()
{
    std::chrono::milliseconds longest{0};
    for (int row = 0; row < rows->rowCount(); ++row) {
        const auto record = rows->index(row, 0).data(ItemRole).value<TranscriptTurn>().record;
        const auto segments = segmentsOf(record.latency);
        longest = std::max(longest,
            std::accumulate(segments.begin(), segments.end(), std::chrono::milliseconds(0),
                [](std::chrono::milliseconds sum, const LatencySpan& segment) { return sum + segment.length; }));
    }
    if (const LatencyAxis axis = axisFor(longest); axis != header->axis) {
        header->axis = axis;
        header->viewport()->update();
        table->viewport()->update();
    }
}

LatencyView::LatencyView(TranscriptModel& model, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(model, *this))
{
    d->build();
}

LatencyView::~LatencyView() = default;

bool LatencyView::showsNumbers() const
{
    return d->numbers->isChecked();
}

void LatencyView::setShowsNumbers(bool shows)
{
    d->numbers->setChecked(shows);
    for (const int column : {TranscriptModel::Pause, TranscriptModel::Recognition, TranscriptModel::FirstToken,
             TranscriptModel::FirstSentence, TranscriptModel::FirstAudio, TranscriptModel::Playout})
        d->table->setColumnHidden(column, !shows);
}

QTableView& LatencyView::table() const
{
    return *d->table;
}

void LatencyView::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->recolor();
    else if (event->type() == QEvent::FontChange)
        d->fit();
}

} // namespace kav::console
