// SPDX-License-Identifier: Apache-2.0
#include "console/app/messages.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QTableView>
#include <QToolButton>

namespace kav::console {

Messages::Messages(QObject* parent)
    : QAbstractTableModel(parent)
{
}

int Messages::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}
int Messages::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant Messages::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Row& row = m_rows[index.row()];
    switch (role) {
    case Qt::DisplayRole:
        return index.column() == Time ? isolated(QLocale().toString(row.at.time(), QStringLiteral("HH:mm:ss")))
                                      : row.text;
    case Qt::ToolTipRole:
        return row.text;
    case Qt::AccessibleTextRole:
        return tr("%1: %2", "time, message").arg(QLocale().toString(row.at, QLocale::ShortFormat), row.text);
    case ExportRole:
        return index.column() == Time ? row.at.toString(Qt::ISODate) : withoutIsolates(row.text);
    default:
        return {};
    }
}

QVariant Messages::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    return section == Time ? tr("Time") : tr("Message");
}

void Messages::add(const QDateTime& at, const QString& text)
{
    if (m_rows.size() == MaxRows) {
        beginRemoveRows({}, MaxRows - 1, MaxRows - 1);
        m_rows.removeLast();
        endRemoveRows();
    }
    beginInsertRows({}, 0, 0);
    m_rows.prepend({at, text});
    endInsertRows();
}

void Messages::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
}

MessageStrip::MessageStrip(QWidget* parent)
    : QFrame(parent)
    , m_text(new QLabel(this))
    , m_more(new QLabel(this))
    , m_all(new QToolButton(this))
    , m_dismiss(new QToolButton(this))
{
    m_text->setWordWrap(true);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_text->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    m_dismiss->setObjectName(QStringLiteral("dismissMessage"));
    setAutoFillBackground(true);
    const auto line = new QHBoxLayout(this);
    line->addWidget(m_text, 1);
    line->addWidget(m_more);
    line->addWidget(m_all);
    line->addWidget(m_dismiss);
    connect(m_all, &QToolButton::clicked, this, &MessageStrip::allWanted);
    connect(m_dismiss, &QToolButton::clicked, this, &MessageStrip::dismiss);
    retranslate();
    paintGround();
    hide();
}

void MessageStrip::show(const QString& text)
{
    ++m_waiting;
    m_text->setText(text);
    retranslate();
    setVisible(true);
}

void MessageStrip::dismiss()
{
    m_waiting = 0;
    m_text->clear();
    hide();
}

void MessageStrip::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::ApplicationPaletteChange)
        paintGround();
}

void MessageStrip::retranslate()
{
    m_more->setText(m_waiting > 1 ? tr("and %n more", nullptr, m_waiting - 1) : QString());
    m_all->setText(tr("All messages"));
    m_dismiss->setText(tr("Dismiss"));
    m_text->setAccessibleName(tr("Message"));
}

void MessageStrip::paintGround()
{
    QPalette colours;
    colours.setColor(QPalette::Window, Theme(colours).ground(Tone::Bad));
    setPalette(colours);
}

MessagesPane::MessagesPane(Messages& messages, QWidget* parent)
    : QWidget(parent)
    , m_messages(messages)
    , m_table(new QTableView(this))
{
    m_table->setModel(&messages);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setTabKeyNavigation(false); // Tab leaves the table
    m_table->setWordWrap(true);
    m_table->setShowGrid(false);
    const auto column = new QVBoxLayout(this);
    column->setContentsMargins({});
    column->addWidget(m_table);
    setFocusProxy(m_table);
    retranslate();
}

void MessagesPane::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
}

void MessagesPane::retranslate()
{
    m_messages.retranslate();
    m_table->setAccessibleName(tr("Messages"));
}

} // namespace kav::console
