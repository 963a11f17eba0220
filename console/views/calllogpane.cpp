// SPDX-License-Identifier: Apache-2.0
#include "console/views/calllogpane.h"

#include "console/models/words.h"
#include "console/views/callstable.h"
#include "console/views/theme.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {

struct CallLogPane::Private final {
    Private(Desk& theDesk, CallLogPane& pane)
        : desk(theDesk)
        , q(pane)
        , filter(new QLineEdit(&pane))
        , searchMark(filter->addAction(QIcon(), QLineEdit::LeadingPosition))
        , table(new CallsTable(&pane))
        , mark(new QLabel(&pane))
        , status(new QLabel(&pane))
        , retry(new QToolButton(&pane))
        , refresh(new QToolButton(&pane))
    {
    }

    Desk& desk;
    CallLogPane& q;
    QLineEdit* filter;
    QAction* searchMark;
    CallsTable* table;
    QLabel *mark, *status;
    QToolButton *retry, *refresh;
    QTimer pause;

    void build();
    void retranslate();
    void recolor();
    void showStatus();
    void showSelection() { table->selectId(desk.selectedCall()); }
    void search();
    void askAgain();
};

void CallLogPane::Private::build()
{
    CallLogModel& log = desk.log();
    filter->setClearButtonEnabled(true);
    filter->setText(log.filter());
    pause.setSingleShot(true);
    pause.setInterval(FilterPause);
    refresh->setAutoRaise(true);
    retry->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    status->setWordWrap(true);

    table->setModel(&log);
    table->setCellKind(CallLogModel::Started, CellDelegate::Kind::Code);
    table->setCellKind(CallLogModel::Caller, CellDelegate::Kind::Code);
    table->setCellKind(CallLogModel::Called, CellDelegate::Kind::Code);
    table->setCellKind(CallLogModel::Badges, CellDelegate::Kind::Badges);
    table->setCellKind(CallLogModel::Duration, CellDelegate::Kind::Number);
    table->setCellKind(CallLogModel::Turns, CellDelegate::Kind::Number);
    table->setCellKind(CallLogModel::End, CellDelegate::Kind::End);

    auto* line = new QHBoxLayout;
    line->addWidget(filter, 1);
    line->addWidget(refresh);
    auto* under = new QHBoxLayout;
    under->addWidget(mark);
    under->addWidget(status, 1);
    under->addWidget(retry);
    auto* pane = new QVBoxLayout(&q);
    pane->setContentsMargins(6, 6, 6, 2);
    pane->setSpacing(4);
    pane->addLayout(line);
    pane->addWidget(table, 1);
    pane->addLayout(under);
    q.setFocusProxy(table);

    QObject::connect(filter, &QLineEdit::textEdited, &pause, qOverload<>(&QTimer::start));
    // The clear button edits nothing by hand.
    QObject::connect(filter, &QLineEdit::textChanged, &q, [this](const QString& text) {
        if (text.isEmpty())
            search();
    });
    QObject::connect(&pause, &QTimer::timeout, &q, [this] { search(); });
    QObject::connect(retry, &QToolButton::clicked, &q, [this] { askAgain(); });
    QObject::connect(refresh, &QToolButton::clicked, &log, &CallLogModel::reload);
    QObject::connect(&log, &CallLogModel::loadingChanged, &q, [this] { showStatus(); });
    QObject::connect(&log, &QAbstractItemModel::rowsRemoved, &q, [this] { showStatus(); });
    QObject::connect(&log, &QAbstractItemModel::modelReset, &q, [this] { showStatus(); });
    QObject::connect(&log, &QAbstractItemModel::rowsInserted, &q, [this] {
        showStatus();
        showSelection();
    });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { showStatus(); });
    QObject::connect(&desk, &Desk::selectionChanged, &q, [this] { showSelection(); });
    QObject::connect(table, &CallsTable::idSelected, &desk, &Desk::selectCall);
    QObject::connect(table, &CallsTable::idActivated, &q, &CallLogPane::activated);
    filter->installEventFilter(&q);
    retranslate();
    recolor();
}

void CallLogPane::Private::retranslate()
{
    filter->setPlaceholderText(tr("Search the whole log: number, call id, end, or what was said"));
    filter->setAccessibleName(tr("Search in the call log"));
    refresh->setToolTip(tr("Read the log anew."));
    refresh->setAccessibleName(tr("Read the log anew"));
    retry->setText(tr("Try again"));
    table->setAccessibleName(tr("Call log"));
    status->setAccessibleName(tr("State of the call log"));
    const QString end = endReasonWord(EndReason::CallerHungUp);
    table->setColumnSamples({{CallLogModel::Started, QStringLiteral("0000-00-00 00:00:00")},
        {CallLogModel::Caller, QStringLiteral("+000•••••0000")},
        {CallLogModel::Called, QStringLiteral("+000•••••0000")}, {CallLogModel::Badges, testBadge() + recordedBadge() + QStringLiteral("MM")},
        {CallLogModel::Duration, QStringLiteral("0:00:00")}, {CallLogModel::Turns, QStringLiteral("000")},
        {CallLogModel::End, end + QStringLiteral("MMM")}});
    showStatus();
}

void CallLogPane::Private::recolor()
{
    const Theme theme(q.palette());
    searchMark->setIcon(theme.icon(QStringLiteral("search"), Tone::Muted));
    refresh->setIcon(theme.icon(QStringLiteral("retry"), Tone::Neutral));
    retry->setIcon(theme.icon(QStringLiteral("retry"), Tone::Neutral));
    showStatus();
}

void CallLogPane::Private::showStatus()
{
    const CallLogModel& log = desk.log();
    const int rows = log.rowCount();
    Tone tone = Tone::Muted;
    QString icon, words;
    if (!log.trouble().isEmpty()) {
        tone = Tone::Bad;
        icon = QStringLiteral("warning");
        words = log.trouble();
    } else if (log.isLoading()) {
        icon = QStringLiteral("lamp-warming");
        words = rows > 0 ? tr("Loading more calls after the %n shown…", nullptr, rows) : tr("Loading the call log…");
    } else if (!desk.isLive()) {
        words = tr("%n call(s) shown; the log cannot be read without the engine.", nullptr, rows);
    } else if (log.isComplete()) {
        words = log.filter().isEmpty() ? tr("%n call(s): the whole log.", nullptr, rows)
                                       : tr("%n call(s) match: the whole log was searched.", nullptr, rows);
    } else {
        words = tr("%n call(s) shown; scroll down for older ones.", nullptr, rows);
    }
    status->setText(words);
    const Theme theme(q.palette());
    QPalette palette = q.palette();
    palette.setColor(QPalette::WindowText, theme.color(tone));
    if (status->palette() != palette)
        status->setPalette(palette);
    mark->setVisible(!icon.isEmpty());
    if (!icon.isEmpty()) {
        const int extent = q.fontMetrics().height();
        mark->setPixmap(theme.icon(icon, tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    }
    retry->setVisible(!log.trouble().isEmpty());
    retry->setEnabled(desk.isLive());
    retry->setToolTip(desk.isLive() ? QString() : tr("The log is the engine's, and it is not connected."));
    refresh->setEnabled(desk.isLive() && !log.isLoading());

    if (log.isLoading())
        table->setEmptyText(tr("Loading the call log…"));
    else if (!log.trouble().isEmpty())
        table->setEmptyText(tr("The call log could not be read."));
    else if (!desk.isLive())
        table->setEmptyText(tr("Not connected. The log is the engine's."));
    else if (!log.filter().isEmpty())
        table->setEmptyText(tr("No call of the log matches."));
    else
        table->setEmptyText(tr("The log holds no call yet."));
}

void CallLogPane::Private::search()
{
    pause.stop();
    const QString text = filter->text().trimmed();
    if (text != desk.log().filter())
        desk.log().setFilter(text);
    showStatus();
}

void CallLogPane::Private::askAgain()
{
    desk.log().retry();
}

CallLogPane::CallLogPane(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

CallLogPane::~CallLogPane() = default;

void CallLogPane::setContextActions(const QList<QAction*>& actions)
{
    d->table->setContextActions(actions);
}

QByteArray CallLogPane::saveHeader() const
{
    return d->table->horizontalHeader()->saveState();
}

bool CallLogPane::restoreHeader(const QByteArray& state)
{
    return d->table->horizontalHeader()->restoreState(state);
}

void CallLogPane::focusFilter()
{
    d->filter->setFocus(Qt::ShortcutFocusReason);
    d->filter->selectAll();
}

bool CallLogPane::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == d->filter && event->type() == QEvent::KeyPress) {
        switch (static_cast<QKeyEvent*>(event)->key()) {
        case Qt::Key_Escape:
            if (d->filter->text().isEmpty())
                d->table->setFocus(Qt::OtherFocusReason);
            else
                d->filter->clear();
            return true;
        case Qt::Key_Return:
        case Qt::Key_Enter:
            d->search();
            return true;
        case Qt::Key_Down:
            d->table->setFocus(Qt::OtherFocusReason);
            return true;
        default:
            break;
        }
    }
    return QWidget::eventFilter(watched, event);
}

void CallLogPane::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->recolor();
}

} // namespace kav::console
