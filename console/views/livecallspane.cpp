// SPDX-License-Identifier: Apache-2.0
#include "console/views/livecallspane.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/callstable.h"
#include "console/views/theme.h"

#include <QAction>
#include <QButtonGroup>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {

struct LiveCallsPane::Private final {
    Private(Desk& theDesk, LiveCallsPane& pane)
        : desk(theDesk)
        , q(pane)
        , filter(new QLineEdit(&pane))
        , searchMark(filter->addAction(QIcon(), QLineEdit::LeadingPosition))
        , kinds(new QButtonGroup(&pane))
        , all(new QToolButton(&pane))
        , callers(new QToolButton(&pane))
        , tests(new QToolButton(&pane))
        , count(new QLabel(&pane))
        , clear(new QToolButton(&pane))
        , table(new CallsTable(&pane))
    {
    }

    Desk& desk;
    LiveCallsPane& q;
    QLineEdit* filter;
    QAction* searchMark;
    QButtonGroup* kinds;
    QToolButton *all, *callers, *tests;
    QLabel* count;
    QToolButton* clear;
    CallsTable* table;

    void build();
    void retranslate();
    void recolor();
    void showCounts();
    void showSelection() { table->selectId(desk.selectedCall()); }
    bool hidesLongWait() const;
};

void LiveCallsPane::Private::build()
{
    CallsFilter& shown = desk.shownCalls();
    filter->setClearButtonEnabled(true);
    kinds->setExclusive(true);
    const std::pair<QToolButton*, CallsFilter::Kind> chips[] = {
        {all, CallsFilter::Kind::All}, {callers, CallsFilter::Kind::Callers}, {tests, CallsFilter::Kind::Tests}};
    for (const auto& [chip, kind] : chips) {
        chip->setCheckable(true);
        chip->setAutoRaise(true);
        chip->setToolButtonStyle(Qt::ToolButtonTextOnly);
        chip->setChecked(shown.kind() == kind);
        kinds->addButton(chip, static_cast<int>(kind));
    }
    clear->setAutoRaise(true);
    clear->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    count->setTextFormat(Qt::PlainText);

    table->setModel(&shown);
    table->setCellKind(LiveCallsModel::State, CellDelegate::Kind::State);
    table->setCellKind(LiveCallsModel::Caller, CellDelegate::Kind::Code);
    table->setCellKind(LiveCallsModel::Called, CellDelegate::Kind::Code);
    table->setCellKind(LiveCallsModel::Badges, CellDelegate::Kind::Badges);
    table->setCellKind(LiveCallsModel::TimeInState, CellDelegate::Kind::Wait);
    for (const int column : {LiveCallsModel::Elapsed, LiveCallsModel::Turn, LiveCallsModel::LastGap})
        table->setCellKind(column, CellDelegate::Kind::Number);
    // The oldest call first: rows keep their places while calls come and go.
    table->horizontalHeader()->setSortIndicator(LiveCallsModel::Elapsed, Qt::DescendingOrder);
    table->setSortingEnabled(true);

    auto* line = new QHBoxLayout;
    line->addWidget(filter, 1);
    line->addSpacing(4);
    for (const auto& [chip, kind] : chips)
        line->addWidget(chip);
    line->setSpacing(2);
    auto* under = new QHBoxLayout;
    under->addWidget(count, 1);
    under->addWidget(clear);
    auto* pane = new QVBoxLayout(&q);
    pane->setContentsMargins(6, 6, 6, 2);
    pane->setSpacing(4);
    pane->addLayout(line);
    pane->addWidget(table, 1);
    pane->addLayout(under);
    q.setFocusProxy(table);

    QObject::connect(filter, &QLineEdit::textChanged, &shown, &CallsFilter::setText);
    QObject::connect(kinds, &QButtonGroup::idClicked, &q,
        [this](int kind) { desk.shownCalls().setKind(static_cast<CallsFilter::Kind>(kind)); });
    QObject::connect(clear, &QToolButton::clicked, &q, &LiveCallsPane::clearFilters);
    QObject::connect(&shown, &CallsFilter::countsChanged, &q, [this] { showCounts(); });
    QObject::connect(&shown, &QAbstractItemModel::dataChanged, &q, [this] { showCounts(); });
    QObject::connect(&shown, &QAbstractItemModel::rowsInserted, &q, [this] { showSelection(); });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { showCounts(); });
    QObject::connect(&desk, &Desk::selectionChanged, &q, [this] { showSelection(); });
    QObject::connect(table, &CallsTable::idSelected, &desk, &Desk::selectCall);
    QObject::connect(table, &CallsTable::idActivated, &q, &LiveCallsPane::activated);
    filter->installEventFilter(&q);
    retranslate();
    recolor();
}

void LiveCallsPane::Private::retranslate()
{
    filter->setPlaceholderText(tr("Filter by number, call id or state"));
    filter->setAccessibleName(tr("Filter of the live calls"));
    //: Which calls are shown: all kinds. A short word on a button.
    all->setText(tr("All"));
    all->setToolTip(tr("Show callers and test calls."));
    //: Which calls are shown: those of people. A short word on a button.
    callers->setText(tr("Callers"));
    callers->setToolTip(tr("Show the calls of people only."));
    //: Which calls are shown: test calls. A short word on a button.
    tests->setText(tr("Tests"));
    tests->setToolTip(tr("Show test calls only."));
    clear->setText(tr("Clear filters"));
    count->setAccessibleName(tr("How many calls are shown"));
    table->setAccessibleName(tr("Live calls"));
    for (QToolButton* chip : {all, callers, tests})
        chip->setAccessibleDescription(chip->toolTip());
    const QString state = callStateWord(CallState::CallerSpeaking);
    table->setColumnSamples({{LiveCallsModel::State, state + QStringLiteral("MMMMMMM")},
        {LiveCallsModel::Caller, QStringLiteral("+000•••••0000")},
        {LiveCallsModel::Called, QStringLiteral("+000•••••0000")},
        {LiveCallsModel::Badges, testBadge() + recordedBadge() + QStringLiteral("MMM")},
        {LiveCallsModel::TimeInState, QStringLiteral("00:00")}, {LiveCallsModel::Elapsed, QStringLiteral("0:00:00")},
        {LiveCallsModel::Turn, QStringLiteral("000")}, {LiveCallsModel::LastGap, QStringLiteral("00.00 s")}});
    showCounts();
}

void LiveCallsPane::Private::recolor()
{
    const Theme theme(q.palette());
    searchMark->setIcon(theme.icon(QStringLiteral("filter"), Tone::Muted));
    clear->setIcon(theme.icon(QStringLiteral("clear"), Tone::Neutral));
}

bool LiveCallsPane::Private::hidesLongWait() const
{
    if (!desk.shownCalls().isFiltering())
        return false;
    const LiveCallsModel& calls = desk.liveCalls();
    for (int row = 0; row < calls.rowCount(); ++row) {
        const QModelIndex call = calls.index(row, LiveCallsModel::State);
        if (call.data(LevelRole).toInt() >= 2 && !desk.shownCalls().mapFromSource(call).isValid())
            return true;
    }
    return false;
}

void LiveCallsPane::Private::showCounts()
{
    const CallsFilter& shown = desk.shownCalls();
    const int rows = shown.rowCount(), of = rows + shown.hiddenCount();
    QString words = shown.isFiltering() ? tr("%1 of %n call(s)", nullptr, of).arg(rows) : tr("%n call(s)", nullptr, of);
    if (of == 0 && !desk.isLive())
        words.clear(); // how many there are is not known
    const bool longWait = hidesLongWait();
    if (longWait)
        words = tr("%1. The filter hides a call that waits too long.").arg(words);
    count->setText(words);
    QPalette palette = q.palette();
    const Theme theme(palette);
    palette.setColor(QPalette::WindowText, theme.color(longWait ? Tone::Bad : Tone::Muted));
    if (count->palette() != palette)
        count->setPalette(palette);
    clear->setVisible(shown.isFiltering());
    if (!desk.isLive())
        table->setEmptyText(tr("Not connected. Which calls there are is not known."));
    else if (of > 0)
        table->setEmptyText(tr("No call matches the filter."));
    else if (desk.services().engine().ready)
        table->setEmptyText(tr("No call now. The engine takes calls."));
    else
        table->setEmptyText(tr("No call now. The engine takes no calls: see its lamps."));
}

LiveCallsPane::LiveCallsPane(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

LiveCallsPane::~LiveCallsPane() = default;

void LiveCallsPane::setContextActions(const QList<QAction*>& actions)
{
    d->table->setContextActions(actions);
}

QByteArray LiveCallsPane::saveHeader() const
{
    return d->table->horizontalHeader()->saveState();
}

bool LiveCallsPane::restoreHeader(const QByteArray& state)
{
    return d->table->horizontalHeader()->restoreState(state);
}

void LiveCallsPane::focusFilter()
{
    d->filter->setFocus(Qt::ShortcutFocusReason);
    d->filter->selectAll();
}

void LiveCallsPane::clearFilters()
{
    d->filter->clear();
    d->all->setChecked(true);
    d->desk.shownCalls().setKind(CallsFilter::Kind::All);
    d->table->setFocus(Qt::OtherFocusReason);
}

bool LiveCallsPane::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == d->filter && event->type() == QEvent::KeyPress) {
        switch (static_cast<QKeyEvent*>(event)->key()) {
        case Qt::Key_Escape:
            if (d->filter->text().isEmpty())
                d->table->setFocus(Qt::OtherFocusReason);
            else
                d->filter->clear();
            return true;
        case Qt::Key_Down:
        case Qt::Key_Return:
        case Qt::Key_Enter:
            d->table->setFocus(Qt::OtherFocusReason);
            return true;
        default:
            break;
        }
    }
    return QWidget::eventFilter(watched, event);
}

void LiveCallsPane::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange) {
        d->recolor();
        d->showCounts();
    }
}

} // namespace kav::console
