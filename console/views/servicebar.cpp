// SPDX-License-Identifier: Apache-2.0
#include "console/views/servicebar.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/painting.h"
#include "console/views/theme.h"

#include <QEvent>
#include <QFormLayout>
#include <QFrame>
#include <QGridLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPointer>
#include <QPushButton>
#include <QResizeEvent>
#include <QScreen>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {
namespace {

using Lamp = ServicesModel::Lamp;

Lamp lampOf(const QModelIndex& row)
{
    return static_cast<Lamp>(row.data(StateRole).toInt());
}

bool isEngine(const QString& serviceId)
{
    return serviceId == QLatin1String("engine");
}

/// What is known of one lamp, beside it until the user looks elsewhere.
class LampPopup final : public QFrame {
    Q_DECLARE_TR_FUNCTIONS(kav::console::LampPopup)
public:
    LampPopup(Desk& desk, QString serviceId, QWidget* parent)
        : QFrame(parent, Qt::Popup)
        , m_desk(desk)
        , m_id(std::move(serviceId))
        , m_mark(new QLabel(this))
        , m_title(new QLabel(this))
        , m_form(new QFormLayout)
        , m_providers(new QGridLayout)
        , m_warm(new QPushButton(this))
    {
        setFrameShape(StyledPanel);
        QFont bold = font();
        bold.setBold(true);
        m_title->setFont(bold);
        auto* head = new QHBoxLayout;
        head->addWidget(m_mark);
        head->addWidget(m_title, 1);
        m_form->setHorizontalSpacing(12);
        m_form->setVerticalSpacing(3);
        m_providers->setHorizontalSpacing(6);
        m_providers->setVerticalSpacing(3);
        auto* box = new QVBoxLayout(this);
        box->addLayout(head);
        box->addLayout(m_form);
        box->addLayout(m_providers);
        box->addWidget(m_warm, 0, Qt::AlignLeft);
        for (Fact* fact : {&m_provider, &m_since, &m_checked, &m_took, &m_next, &m_reason, &m_whyNot}) {
            fact->name = new QLabel(this);
            fact->value = new QLabel(this);
            fact->value->setTextFormat(Qt::PlainText);
            fact->value->setWordWrap(true);
            fact->value->setTextInteractionFlags(Qt::TextSelectableByMouse);
            fact->value->setMinimumWidth(fontMetrics().averageCharWidth() * 34);
            fact->name->setBuddy(fact->value);
            m_form->addRow(fact->name, fact->value);
        }
        connect(m_warm, &QPushButton::clicked, this, [this] { m_desk.warmService(m_id); });
        const auto again = [this] { refresh(false); };
        connect(&desk, &Desk::actsChanged, this, again);
        connect(&desk.services(), &QAbstractItemModel::dataChanged, this, again);
        connect(&desk, &Desk::linkChanged, this, again);
        refresh(true);
    }

private:
    struct Fact final {
        QLabel *name = nullptr, *value = nullptr;
    };

    /// One of the stage's list: its lamp, what it is and how it has served; below, why it does not.
    struct ProviderLine final {
        QLabel *mark = nullptr, *words = nullptr;
    };

    void showProviders()
    {
        const QList<int> rows = m_desk.services().rowsOf(m_id);
        while (m_lines.size() < rows.size()) {
            const int line = static_cast<int>(m_lines.size());
            const ProviderLine labels{new QLabel(this), new QLabel(this)};
            labels.words->setTextFormat(Qt::PlainText);
            labels.words->setWordWrap(true);
            labels.words->setTextInteractionFlags(Qt::TextSelectableByMouse);
            labels.words->setMinimumWidth(fontMetrics().averageCharWidth() * 44);
            m_providers->addWidget(labels.mark, line, 0, Qt::AlignTop);
            m_providers->addWidget(labels.words, line, 1);
            m_providers->setColumnStretch(1, 1);
            m_lines += labels;
        }
        const Theme theme(palette());
        const int extent = fontMetrics().height();
        for (qsizetype i = 0; i < m_lines.size(); ++i) {
            m_lines[i].mark->setVisible(i < rows.size());
            m_lines[i].words->setVisible(i < rows.size());
            if (i >= rows.size())
                continue;
            const QModelIndex row = m_desk.services().index(rows[i], ServicesModel::Name);
            const Look look = lookOf(lampOf(row));
            m_lines[i].mark->setPixmap(
                theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), devicePixelRatioF()));
            QStringList words{tr("%1: %2").arg(row.data().toString(), lampWord(lampOf(row)))};
            for (const int column : {ServicesModel::Use, ServicesModel::Reason}) {
                if (const QString text = row.siblingAtColumn(column).data().toString(); !text.isEmpty())
                    words += text;
            }
            m_lines[i].words->setText(words.join(QLatin1Char('\n')));
            m_lines[i].words->setAlignment(leadingEdge(*this));
        }
    }

    void set(Fact& fact, const QString& name, const QString& value)
    {
        fact.name->setText(name);
        fact.value->setText(value);
        fact.value->setAlignment(leadingEdge(*this));
        fact.name->setVisible(!value.isEmpty());
        fact.value->setVisible(!value.isEmpty());
    }

    void refresh(bool first)
    {
        QModelIndex row;
        for (int i = 0; i < m_desk.services().rowCount(); ++i) {
            if (m_desk.services().index(i, 0).data(IdRole).toString() == m_id)
                row = m_desk.services().index(i, 0);
        }
        if (!row.isValid())
            return;
        const Theme theme(palette());
        const Look look = lookOf(lampOf(row));
        const int extent = fontMetrics().height();
        m_mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), devicePixelRatioF()));
        const auto cell = [&](int column) { return row.siblingAtColumn(column).data().toString(); };
        m_title->setAlignment(leadingEdge(*this));
        m_title->setText(tr("%1: %2").arg(cell(ServicesModel::Name), lampWord(lampOf(row))));
        set(m_reason, tr("Reason:"), cell(ServicesModel::Reason));
        set(m_since, tr("Since:"), cell(ServicesModel::Since));
        set(m_checked, tr("Looked at:"), cell(ServicesModel::Checked));
        set(m_provider, tr("Served by:"), cell(ServicesModel::Provider));
        QString took, next, whyNot;
        if (!isEngine(m_id)) {
            const auto status = row.data(ItemRole).value<ServiceStatus>();
            if (status.took)
                took = gapText(status.took);
            if (status.state == ServiceState::Failed && status.retryAt.isValid() && m_desk.isLive()) {
                const auto in = std::chrono::milliseconds(m_desk.synchronizer().engineNow().msecsTo(status.retryAt));
                next = in.count() > 0 ? tr("in %1, by itself").arg(durationText(in)) : tr("now, by itself");
            }
            whyNot = m_desk.whyNot(Desk::Act::WarmService, m_id);
        }
        set(m_took, tr("Last start took:"), took);
        set(m_next, tr("Next attempt:"), next);
        const bool pending = m_desk.isPending(Desk::Act::WarmService, m_id);
        m_warm->setVisible(!isEngine(m_id));
        m_warm->setIcon(theme.icon(QStringLiteral("warm"), Tone::Neutral));
        m_warm->setText(pending ? tr("Warming…") : tr("Warm again"));
        m_warm->setEnabled(whyNot.isEmpty() && !pending);
        m_warm->setToolTip(whyNot.isEmpty() ? tr("Make the service anew, without waiting for its time.") : whyNot);
        m_warm->setAccessibleDescription(m_warm->toolTip());
        // A disabled button's tooltip is easily missed, and no keyboard reaches it.
        set(m_whyNot, tr("Not now:"), pending ? QString() : whyNot);
        showProviders();
        if (first || sizeHint() != size())
            adjustSize();
    }

    Desk& m_desk;
    QString m_id;
    QLabel *m_mark, *m_title;
    QFormLayout* m_form;
    QGridLayout* m_providers;
    QList<ProviderLine> m_lines;
    Fact m_provider, m_since, m_checked, m_took, m_next, m_reason, m_whyNot;
    QPushButton* m_warm;
};

} // namespace

struct ServiceBar::Private final {
    Private(Desk& theDesk, ServiceBar& bar)
        : desk(theDesk)
        , q(bar)
        , line(new QHBoxLayout(&bar))
    {
    }

    Desk& desk;
    ServiceBar& q;
    QHBoxLayout* line;
    QList<QToolButton*> lamps;
    QList<int> rows; // of the model, one a lamp; those of providers are in their stage's popup
    QPointer<QFrame> popup;
    int fullWidth = 0; // with every word

    void build();
    void fill();
    void show();
    void arrange();
    void open(QToolButton* lamp);
};

void ServiceBar::Private::build()
{
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(2);
    line->setSizeConstraint(QLayout::SetNoConstraint); // minimumSizeHint() knows that words can go
    line->addStretch(1);
    q.setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    ServicesModel& services = desk.services();
    const auto filled = [this] { fill(); };
    QObject::connect(&services, &QAbstractItemModel::rowsInserted, &q, filled);
    QObject::connect(&services, &QAbstractItemModel::rowsRemoved, &q, filled);
    QObject::connect(&services, &QAbstractItemModel::rowsMoved, &q, filled);
    QObject::connect(&services, &QAbstractItemModel::modelReset, &q, filled);
    QObject::connect(&services, &QAbstractItemModel::dataChanged, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::actsChanged, &q, [this] { show(); });
    fill();
}

void ServiceBar::Private::fill()
{
    rows = desk.services().rowsOf({});
    const auto count = rows.size();
    while (lamps.size() > count)
        delete lamps.takeLast();
    while (lamps.size() < count) {
        auto* lamp = new QToolButton(&q);
        lamp->setAutoRaise(true);
        lamp->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        QObject::connect(lamp, &QToolButton::clicked, &q, [this, lamp] { open(lamp); });
        line->insertWidget(static_cast<int>(lamps.size()), lamp);
        lamps += lamp;
    }
    show();
}

void ServiceBar::Private::show()
{
    const Theme theme(q.palette());
    const int extent = q.fontMetrics().height();
    for (int i = 0; i < lamps.size(); ++i) {
        const QModelIndex row = desk.services().index(rows[i], ServicesModel::Name);
        QToolButton* lamp = lamps[i];
        const Lamp state = lampOf(row);
        const Look look = lookOf(state);
        const QString name = row.data().toString();
        const bool pending = row.data(PendingRole).toBool();
        const QString word = pending ? tr("asked to warm") : lampWord(state);
        //: A lamp's name and state: "Speech recognition: failed".
        const QString whole = tr("%1: %2").arg(name, word);
        lamp->setObjectName(row.data(IdRole).toString());
        lamp->setIcon(theme.icon(look.icon, look.tone));
        lamp->setIconSize({extent, extent});
        // A ready service's mark says it; the word comes when there is something to see to.
        lamp->setText(state == Lamp::Ready && !pending ? name : whole);
        QPalette palette;
        palette.setColor(QPalette::ButtonText,
            theme.color(state == Lamp::Degraded || state == Lamp::Failed ? look.tone : Tone::Neutral));
        lamp->setPalette(palette);
        const QString reason = row.siblingAtColumn(ServicesModel::Reason).data().toString();
        lamp->setToolTip(row.data(Qt::ToolTipRole).toString());
        lamp->setAccessibleName(whole);
        lamp->setAccessibleDescription(reason);
    }
    arrange();
}

void ServiceBar::Private::arrange()
{
    fullWidth = 0;
    for (QToolButton* lamp : std::as_const(lamps)) {
        lamp->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        fullWidth += lamp->sizeHint().width() + line->spacing();
    }
    int wanted = fullWidth;
    // Too narrow for all words: those of the lamps that are as they should be go first, from the end.
    for (const bool evenTroubled : {false, true}) {
        for (auto i = lamps.size() - 1; i >= 0 && wanted > q.width(); --i) {
            QToolButton* lamp = lamps[i];
            const Lamp state = lampOf(desk.services().index(rows[i], 0));
            if (lamp->toolButtonStyle() == Qt::ToolButtonIconOnly
                || (!evenTroubled && state != Lamp::Ready && state != Lamp::Off))
                continue;
            wanted -= lamp->sizeHint().width();
            lamp->setToolButtonStyle(Qt::ToolButtonIconOnly);
            wanted += lamp->sizeHint().width();
        }
    }
    q.updateGeometry();
}

void ServiceBar::Private::open(QToolButton* lamp)
{
    delete popup;
    popup = new LampPopup(desk, lamp->objectName(), &q);
    popup->setAttribute(Qt::WA_DeleteOnClose);
    popup->setAccessibleName(lamp->accessibleName());
    QPoint at = lamp->mapToGlobal(QPoint(0, lamp->height()));
    if (q.layoutDirection() == Qt::RightToLeft)
        at.rx() += lamp->width() - popup->width();
    if (const QScreen* screen = lamp->screen()) {
        const QRect room = screen->availableGeometry();
        at.setX(qBound(room.left(), at.x(), qMax(room.left(), room.right() - popup->width())));
        if (at.y() + popup->height() > room.bottom())
            at.setY(lamp->mapToGlobal(QPoint(0, 0)).y() - popup->height());
    }
    popup->move(at);
    popup->show();
    popup->setFocus(Qt::PopupFocusReason);
}

ServiceBar::ServiceBar(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

ServiceBar::~ServiceBar() = default;

QSize ServiceBar::sizeHint() const
{
    int height = 0;
    for (const QToolButton* lamp : std::as_const(d->lamps))
        height = qMax(height, lamp->sizeHint().height());
    return {d->fullWidth, height};
}

QSize ServiceBar::minimumSizeHint() const
{
    const QSize wanted = sizeHint();
    int width = 0;
    for (const QToolButton* lamp : std::as_const(d->lamps))
        width += lamp->iconSize().width() * 2 + d->line->spacing();
    return {width, wanted.height()};
}

void ServiceBar::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        d->show();
}

void ServiceBar::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    d->arrange();
}

} // namespace kav::console
