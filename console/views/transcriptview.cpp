// SPDX-License-Identifier: Apache-2.0
#include "console/views/transcriptview.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/painting.h"
#include "console/views/theme.h"

#include <QClipboard>
#include <QContextMenuEvent>
#include <QCoreApplication>
#include <QGuiApplication>
#include <QHash>
#include <QKeyEvent>
#include <QLabel>
#include <QLocale>
#include <QMenu>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QTextLayout>
#include <QToolButton>

#include <algorithm>
#include <map>
#include <optional>

namespace kav::console {
namespace {

QString clockText(const QDateTime& at)
{
    return at.isValid() ? at.toLocalTime().time().toString(QStringLiteral("HH:mm:ss")) : QString();
}

/// How much of the agent's text was heard, from its front.
qsizetype heardLength(const TurnRecord& record)
{
    const auto [inText, inHeard] = std::mismatch(
        record.agentText.cbegin(), record.agentText.cend(), record.heardText.cbegin(), record.heardText.cend());
    return inText - record.agentText.cbegin();
}

/// Lays turns out and draws them. What it measured is kept per turn number until turn, width or font differ.
class TurnDelegate final : public QStyledItemDelegate {
    Q_DECLARE_TR_FUNCTIONS(kav::console::TurnDelegate)
public:
    explicit TurnDelegate(QListView& view)
        : QStyledItemDelegate(&view)
        , m_view(view)
    {
    }

    void forget() { m_cards.clear(); }

    QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex& index) const override
    {
        const Cards& cards = cardsOf(index);
        return {m_view.viewport()->width(), cards.height};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        const Cards& cards = cardsOf(index);
        const TurnRecord& record = cards.turn.record;
        const QPalette& palette = m_view.palette();
        const Theme theme(palette);
        const bool selected = option.state.testFlag(QStyle::State_Selected);
        const QPalette::ColorGroup group =
            option.state.testFlag(QStyle::State_Active) ? QPalette::Active : QPalette::Inactive;
        const QRect row = option.rect;
        const auto visual = [&](const QRect& rect) {
            return QStyle::visualRect(option.direction, row, rect.translated(row.topLeft()));
        };
        painter->save();
        if (selected)
            painter->fillRect(row, palette.color(group, QPalette::Highlight));

        // The gutter: number and time.
        const QColor onRow = selected ? palette.color(group, QPalette::HighlightedText) : theme.color(Tone::Muted);
        painter->setFont(captionFont(m_view.font()));
        painter->setPen(onRow);
        const int align = QStyle::visualAlignment(option.direction, Qt::AlignLeft) | Qt::AlignAbsolute | Qt::AlignTop
            | Qt::TextForceLeftToRight;
        const QRect gutter = visual(cards.gutter);
        painter->drawText(gutter, align, QString::number(record.number));
        painter->drawText(
            gutter.adjusted(0, painter->fontMetrics().height(), 0, 0), align, clockText(cards.turn.startedAt));

        const bool dimmed = index.data(DimmedRole).toBool();
        const bool listening = cards.turn.open && !cards.turn.callerTextFinal;
        const auto drawCard = [&](const QRect& rect, Tone tone, const QString& icon, const QTextLayout& text,
                                  const QPoint& at, bool faint, bool dashed) {
            const QRect card = visual(rect);
            painter->setRenderHint(QPainter::Antialiasing);
            QColor edge = theme.color(dimmed ? Tone::Muted : tone);
            edge.setAlphaF(dashed ? 0.6F : 0.22F);
            painter->setPen(QPen(edge, 1, dashed ? Qt::DashLine : Qt::SolidLine));
            painter->setBrush(dashed ? palette.color(QPalette::Base) : theme.ground(dimmed ? Tone::Muted : tone));
            const qreal radius = cards.em * 0.35;
            painter->drawRoundedRect(QRectF(card).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius);
            const int extent = iconExtent(m_view.fontMetrics());
            theme.icon(icon, dimmed ? Tone::Muted : tone)
                .paint(painter, visual(QRect(rect.left() + cards.pad, rect.top() + cards.pad, extent, extent)));
            painter->setPen(theme.color(faint ? Tone::Muted : Tone::Neutral));
            const QRect box =
                visual(QRect(at, QSize(qRound(text.lineAt(0).width()), qRound(text.boundingRect().height()))));
            text.draw(painter, box.topLeft());
        };
        if (cards.callerText) {
            const QString icon = record.input == TurnInput::Keypad ? QStringLiteral("keypad")
                : cards.callerNote && isComeBack(record)           ? QStringLiteral("transferring")
                                                                   : QStringLiteral("caller");
            drawCard(cards.caller, Tone::Caller, icon, *cards.callerText, cards.callerAt, cards.callerNote, listening);
        }
        if (cards.agentText) {
            drawCard(cards.agent, Tone::Agent, QStringLiteral("agent"), *cards.agentText, cards.agentAt,
                cards.agentNote, false);
            QRect chip(cards.agentAt.x(), cards.chipsTop, 0, 0);
            for (const auto& [word, tone, icon] : cards.chips) {
                chip.setSize(chipSize(m_view.font(), word, true));
                drawChip(*painter, visual(chip), m_view.font(), word, theme, tone, icon, option.direction);
                chip.translate(chip.width() + cards.pad, 0);
            }
        }
        if (record.latency.total) {
            // At the agent card's outer edge, where the eye runs down them.
            const int level = index.data(LevelRole).toInt();
            const Tone tone = dimmed || level == 0 ? Tone::Muted : toneOfLevel(level);
            const QColor color =
                selected ? theme.colorOn(palette.color(group, QPalette::Highlight), tone, onRow) : theme.color(tone);
            const QRect place = visual(cards.gap);
            painter->setFont(captionFont(m_view.font()));
            painter->setPen(color);
            painter->drawText(place,
                QStyle::visualAlignment(option.direction, Qt::AlignRight) | Qt::AlignAbsolute | Qt::AlignTop
                    | Qt::TextForceLeftToRight,
                withoutIsolates(gapText(record.latency.total)));
            if (level >= 2 && !dimmed) {
                const int extent = iconExtent(painter->fontMetrics());
                const QRect mark(
                    cards.gap.right() - extent + 1, cards.gap.top() + painter->fontMetrics().height(), extent, extent);
                theme.icon(QStringLiteral("warning"), color).paint(painter, visual(mark));
            }
        }
        if (option.state.testFlag(QStyle::State_HasFocus) && !selected) {
            QStyleOptionFocusRect focus;
            static_cast<QStyleOption&>(focus) = option;
            m_view.style()->drawPrimitive(QStyle::PE_FrameFocusRect, &focus, painter, &m_view);
        }
        painter->restore();
    }

private:
    struct Chip final {
        QString word;
        Tone tone;
        QString icon;
    };
    /// One turn as it is laid out, left to right, from (0, 0).
    struct Cards final {
        TranscriptTurn turn;
        int width = 0;
        QString font;
        qint64 palette = 0;
        bool mirrored = false;

        int em = 0, pad = 0, height = 0;
        QRect gutter, caller, agent, gap;
        QPoint callerAt, agentAt;
        int chipsTop = 0;
        bool callerNote = false, agentNote = false; // our words, not theirs
        std::unique_ptr<QTextLayout> callerText, agentText;
        QList<Chip> chips;
    };

    const Cards& cardsOf(const QModelIndex& index) const
    {
        const auto turn = index.data(ItemRole).value<TranscriptTurn>();
        auto& cards = m_cards[turn.record.number];
        const int width = m_view.viewport()->width();
        const QString font = m_view.font().key();
        const qint64 palette = m_view.palette().cacheKey();
        if (!cards || cards->width != width || cards->palette != palette || cards->font != font || cards->turn != turn
            || cards->mirrored != m_view.isRightToLeft()) {
            cards = std::make_unique<Cards>();
            cards->turn = turn;
            cards->width = width;
            cards->font = font;
            cards->palette = palette;
            cards->mirrored = m_view.isRightToLeft();
            measure(*cards);
        }
        return *cards;
    }

    static std::unique_ptr<QTextLayout> flow(const QString& text, const QFont& font, int width, bool mirrored,
        int& height, const QList<QTextLayout::FormatRange>& formats = {})
    {
        QString flat = text;
        flat.replace(QLatin1Char('\n'), QChar::LineSeparator);
        auto layout = std::make_unique<QTextLayout>(flat, font);
        const bool rightToLeft = flat.isRightToLeft();
        // Keys have digits only, and so no direction: they stand where the card begins.
        const bool wordless = std::none_of(flat.cbegin(), flat.cend(), [](QChar c) { return c.isLetter(); });
        QTextOption option((wordless ? mirrored : rightToLeft) ? Qt::AlignRight : Qt::AlignLeft);
        option.setTextDirection(rightToLeft ? Qt::RightToLeft : Qt::LeftToRight);
        option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
        layout->setTextOption(option);
        layout->setFormats(formats);
        layout->setCacheEnabled(true);
        qreal y = 0;
        layout->beginLayout();
        for (QTextLine line = layout->createLine(); line.isValid(); line = layout->createLine()) {
            line.setLineWidth(qMax(1, width));
            line.setPosition({0, y});
            y += line.height();
        }
        layout->endLayout();
        height = qCeil(y);
        return layout;
    }

    void measure(Cards& cards) const
    {
        const TurnRecord& record = cards.turn.record;
        const QFont font = m_view.font();
        QFont italic = font;
        italic.setItalic(true);
        const QFontMetrics metrics(font), caption(captionFont(font));
        const int em = metrics.height();
        cards.em = em;
        cards.pad = qMax(3, em / 3);
        const int pad = cards.pad, icon = iconExtent(metrics);
        const int gutterWidth = caption.horizontalAdvance(QStringLiteral("00:00:00")) + pad;
        const int gapWidth = caption.horizontalAdvance(QStringLiteral("00.00 s")) + pad;
        const int left = pad + gutterWidth, right = qMax(left + 6 * em, cards.width - pad);
        const int indent = 2 * em;
        int y = pad;
        cards.gutter = QRect(pad, y + pad, gutterWidth, 2 * caption.height());

        // The caller's card: what was said, or why there is nothing.
        QString said = record.callerText;
        if (said.isEmpty()) {
            cards.callerNote = true;
            if (record.input == TurnInput::Silence)
                said = tr("The caller said nothing.");
            else if (isComeBack(record))
                said = tr("The call was passed on, and is back with the agent.");
            else if (cards.turn.open && !cards.turn.callerTextFinal && record.input != TurnInput::Opening)
                said = tr("Listening…");
        }
        if (!said.isEmpty()) {
            const bool partial = cards.turn.open && !cards.turn.callerTextFinal;
            const int textLeft = left + 2 * pad + icon, textWidth = right - indent - gapWidth - pad - textLeft;
            int height = 0;
            cards.callerText =
                flow(said, partial || cards.callerNote ? italic : font, textWidth, cards.mirrored, height);
            cards.callerAt = {textLeft, y + pad};
            cards.caller = QRect(left, y, right - indent - gapWidth - left, qMax(height, icon) + 2 * pad);
            y = cards.caller.bottom() + 1 + qMax(2, pad / 2);
        }

        // The agent's card.
        QString answer = record.agentText;
        if (answer.isEmpty() && cards.turn.open && cards.turn.callerTextFinal) {
            answer = tr("Thinking…");
            cards.agentNote = true;
        }
        if (!answer.isEmpty()) {
            const int cardLeft = left + indent, textLeft = cardLeft + 2 * pad + icon;
            const int textWidth = right - gapWidth - pad - textLeft;
            QList<QTextLayout::FormatRange> formats;
            if (!cards.agentNote && (record.interrupted || cards.turn.open)) {
                const qsizetype heard = heardLength(record);
                if (heard < answer.size()) {
                    QTextLayout::FormatRange rest;
                    rest.start = static_cast<int>(heard);
                    rest.length = static_cast<int>(answer.size() - heard);
                    rest.format.setForeground(Theme(m_view.palette()).color(Tone::Muted));
                    rest.format.setFontStrikeOut(record.interrupted);
                    formats += rest;
                }
            }
            int height = 0;
            cards.agentText = flow(answer, cards.agentNote ? italic : font, textWidth, cards.mirrored, height, formats);
            cards.agentAt = {textLeft, y + pad};
            int bottom = y + pad + qMax(height, icon);
            if (record.interrupted)
                //: A chip on the agent's card: the caller spoke, and the agent stopped.
                cards.chips += {tr("Interrupted"), Tone::Warning, QStringLiteral("interrupted")};
            if (record.fallback)
                //: A chip on the agent's card: a line made beforehand stood in for the answer.
                cards.chips += {tr("Stand-in line"), Tone::Warning, QStringLiteral("lamp-degraded")};
            if (!cards.chips.isEmpty()) {
                cards.chipsTop = bottom + pad / 2;
                bottom = cards.chipsTop + chipSize(font, cards.chips.first().word, true).height();
            }
            cards.agent = QRect(cardLeft, y, right - gapWidth - cardLeft, bottom + pad - y);
            cards.gap = QRect(right - gapWidth, y + pad, gapWidth, 2 * caption.height());
            y = cards.agent.bottom() + 1;
        } else if (record.latency.total) {
            cards.gap = QRect(right - gapWidth, pad + pad, gapWidth, 2 * caption.height());
        }
        cards.height = qMax(y, cards.gutter.bottom() + 1) + pad;
    }

    QListView& m_view;
    mutable std::map<int, std::unique_ptr<Cards>> m_cards;
};

} // namespace

TranscriptView::TranscriptView(TranscriptModel& model, QWidget* parent)
    : QListView(parent)
    , m_turns(model)
    , m_more(new QToolButton(this))
    , m_empty(new QLabel(viewport()))
{
    setModel(&model);
    setModelColumn(TranscriptModel::CallerText);
    setItemDelegate(new TurnDelegate(*this));
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setResizeMode(Adjust);
    setVerticalScrollMode(ScrollPerPixel);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    // Its coming and going would change the width, and so the heights, and so its coming and going.
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);
    setFrameShape(NoFrame);
    m_more->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_more->hide();
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setForegroundRole(QPalette::PlaceholderText);
    m_empty->setAttribute(Qt::WA_TransparentForMouseEvents);

    connect(m_more, &QToolButton::clicked, this, &TranscriptView::goToEnd);
    connect(&model, &QAbstractItemModel::rowsInserted, this, [this](const QModelIndex&, int first, int last) {
        // Turns before the first shown are history that came late, not news.
        if (!m_following && last == m_turns.rowCount() - 1)
            m_newTurns += last - first + 1;
        showMore();
    });
    const auto anew = [this] {
        if (m_turns.rowCount() > 0)
            return;
        static_cast<TurnDelegate*>(itemDelegate())->forget();
        m_following = true;
        m_newTurns = 0;
        showMore();
    };
    connect(&model, &QAbstractItemModel::rowsRemoved, this, anew);
    connect(&model, &QAbstractItemModel::modelReset, this, anew);
    connect(verticalScrollBar(), &QScrollBar::rangeChanged, this, [this] {
        if (m_following)
            verticalScrollBar()->setValue(verticalScrollBar()->maximum());
    });
    connect(verticalScrollBar(), &QScrollBar::valueChanged, this, [this](int value) {
        m_following = value >= verticalScrollBar()->maximum() - fontMetrics().height() / 2;
        if (m_following)
            m_newTurns = 0;
        showMore();
    });
    retranslate();
    recolor();
}

TranscriptView::~TranscriptView() = default;

void TranscriptView::goToEnd()
{
    m_following = true;
    m_newTurns = 0;
    scrollToBottom();
    showMore();
    setFocus(Qt::OtherFocusReason);
}

void TranscriptView::setEmptyText(const QString& sentence)
{
    m_empty->setText(sentence);
    showMore();
}

QString TranscriptView::text() const
{
    QModelIndexList rows = selectionModel()->selectedIndexes();
    if (rows.isEmpty()) {
        for (int row = 0; row < m_turns.rowCount(); ++row)
            rows += m_turns.index(row, TranscriptModel::CallerText);
    }
    std::sort(rows.begin(), rows.end());
    QStringList lines;
    for (const QModelIndex& row : std::as_const(rows)) {
        const auto turn = row.data(ItemRole).value<TranscriptTurn>();
        const TurnRecord& record = turn.record;
        const QString at = clockText(turn.startedAt);
        if (!record.callerText.isEmpty())
            lines += tr("%1 Caller: %2").arg(at, record.callerText);
        else if (isComeBack(record))
            lines += tr("%1 The call was passed on, and is back with the agent.").arg(at);
        if (record.agentText.isEmpty())
            continue;
        QString line = tr("%1 Agent: %2").arg(at, record.agentText);
        if (record.interrupted)
            line += QLatin1Char(' ') + tr("[interrupted; heard: “%1”]").arg(record.heardText);
        if (record.latency.total)
            line += QLatin1Char(' ') + tr("(after %1)").arg(withoutIsolates(gapText(record.latency.total)));
        lines += line;
    }
    return lines.join(QLatin1Char('\n'));
}

void TranscriptView::copyText() const
{
    if (const QString lines = text(); !lines.isEmpty())
        QGuiApplication::clipboard()->setText(lines);
}

bool TranscriptView::event(QEvent* event)
{
    // Else a Copy of the window's menu would take the key, and copy rows.
    if (event->type() == QEvent::ShortcutOverride && static_cast<QKeyEvent*>(event)->matches(QKeySequence::Copy))
        event->accept();
    return QListView::event(event);
}

void TranscriptView::keyPressEvent(QKeyEvent* event)
{
    if (event->matches(QKeySequence::Copy)) {
        copyText();
        event->accept();
        return;
    }
    QListView::keyPressEvent(event);
    if (event->key() == Qt::Key_End && !event->modifiers())
        goToEnd();
}

void TranscriptView::contextMenuEvent(QContextMenuEvent* event)
{
    QMenu menu(this);
    const Theme theme(palette());
    QAction* copy = menu.addAction(theme.icon(QStringLiteral("copy"), Tone::Neutral),
        selectionModel()->hasSelection() ? tr("Copy the selected turns") : tr("Copy the transcript"));
    copy->setShortcut(QKeySequence::Copy);
    copy->setEnabled(m_turns.rowCount() > 0);
    connect(copy, &QAction::triggered, this, &TranscriptView::copyText);
    menu.exec(event->globalPos());
}

void TranscriptView::resizeEvent(QResizeEvent* event)
{
    const bool wasFollowing = m_following;
    QListView::resizeEvent(event);
    m_following = wasFollowing;
    if (m_following)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
    placeOverlays();
}

void TranscriptView::changeEvent(QEvent* event)
{
    QListView::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        static_cast<TurnDelegate*>(itemDelegate())->forget();
        retranslate();
        doItemsLayout();
    } else if (event->type() == QEvent::PaletteChange) {
        recolor();
    } else if (event->type() == QEvent::FontChange) {
        doItemsLayout();
    }
}

void TranscriptView::retranslate()
{
    setAccessibleName(tr("Transcript"));
    showMore();
}

void TranscriptView::recolor()
{
    m_more->setIcon(Theme(palette()).icon(QStringLiteral("to-end"), Tone::Neutral));
}

void TranscriptView::showMore()
{
    m_more->setText(m_newTurns > 0 ? tr("%n new turn(s)", nullptr, m_newTurns) : tr("To the end"));
    m_more->setVisible(!m_following && m_turns.rowCount() > 0);
    m_empty->setVisible(m_turns.rowCount() == 0);
    setAccessibleDescription(m_turns.rowCount() == 0 ? m_empty->text() : QString());
    placeOverlays();
}

void TranscriptView::placeOverlays()
{
    const int margin = fontMetrics().height() / 2;
    m_more->adjustSize();
    m_more->move(viewport()->geometry().center().x() - m_more->width() / 2,
        viewport()->geometry().bottom() - m_more->height() - margin);
    m_empty->setGeometry(viewport()->rect().adjusted(2 * margin, 0, -2 * margin, 0));
}

} // namespace kav::console
