// SPDX-License-Identifier: Apache-2.0
#include "console/views/requestspane.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/callstable.h"
#include "console/views/painting.h"
#include "console/views/theme.h"

#include <QAction>
#include <QCheckBox>
#include <QClipboard>
#include <QDataStream>
#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QSplitter>
#include <QTextDocumentFragment>
#include <QTextEdit>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {

struct RequestsPane::Private final {
    Private(Desk& theDesk, RequestsPane& pane)
        : desk(theDesk)
        , q(pane)
        , filter(new QLineEdit(&pane))
        , searchMark(filter->addAction(QIcon(), QLineEdit::LeadingPosition))
        , refusedOnly(new QCheckBox(&pane))
        , thisCall(new QCheckBox(&pane))
        , refresh(new QToolButton(&pane))
        , splitter(new QSplitter(Qt::Horizontal, &pane))
        , table(new CallsTable(splitter))
        , detail(new QTextEdit(splitter))
        , mark(new QLabel(&pane))
        , status(new QLabel(&pane))
        , retry(new QToolButton(&pane))
        , copy(new QToolButton(&pane))
    {
    }

    /// One line of the detail view.
    struct Line final {
        QString name, text;
        bool isSentence = false; ///< of the user's language; else it is a value as it came
        Tone tone = Tone::Neutral;
    };

    void build();
    void retranslate();
    void recolor();
    void showStatus();
    void showDetail();
    void apply();
    QList<Line> linesOf(const RequestRecord& request) const;

    Desk& desk;
    RequestsPane& q;
    QLineEdit* filter;
    QAction* searchMark;
    QCheckBox *refusedOnly, *thisCall;
    QToolButton* refresh;
    QSplitter* splitter;
    CallsTable* table;
    QTextEdit* detail;
    QLabel *mark, *status;
    QToolButton *retry, *copy;
    QTimer pause;
    QString shown; ///< id of the request in the detail view
};

void RequestsPane::Private::build()
{
    RequestsModel& requests = desk.requests();
    filter->setClearButtonEnabled(true);
    pause.setSingleShot(true);
    pause.setInterval(FilterPause);
    refresh->setAutoRaise(true);
    retry->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    copy->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    copy->setAutoRaise(true);
    status->setWordWrap(true);
    detail->setReadOnly(true);
    detail->setFrameShape(QFrame::NoFrame);
    detail->setTabChangesFocus(true);

    table->setModel(&requests);
    table->setCellKind(RequestsModel::Time, CellDelegate::Kind::Code);
    table->setCellKind(RequestsModel::Verdict, CellDelegate::Kind::Verdict);
    table->setCellKind(RequestsModel::Status, CellDelegate::Kind::Status);
    table->setCellKind(RequestsModel::Request, CellDelegate::Kind::Code);
    table->setCellKind(RequestsModel::Protocol, CellDelegate::Kind::Code);
    table->setCellKind(RequestsModel::Call, CellDelegate::Kind::Code);
    table->setCellKind(RequestsModel::Bytes, CellDelegate::Kind::Number);
    table->setCellKind(RequestsModel::Took, CellDelegate::Kind::Number);

    splitter->setChildrenCollapsible(false);
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 2);

    auto* line = new QHBoxLayout;
    line->addWidget(filter, 1);
    line->addWidget(refusedOnly);
    line->addWidget(thisCall);
    line->addWidget(refresh);
    auto* under = new QHBoxLayout;
    under->addWidget(mark);
    under->addWidget(status, 1);
    under->addWidget(retry);
    under->addWidget(copy);
    auto* pane = new QVBoxLayout(&q);
    pane->setContentsMargins(6, 6, 6, 2);
    pane->setSpacing(4);
    pane->addLayout(line);
    pane->addWidget(splitter, 1);
    pane->addLayout(under);
    q.setFocusProxy(table);

    QObject::connect(filter, &QLineEdit::textEdited, &pause, qOverload<>(&QTimer::start));
    QObject::connect(filter, &QLineEdit::textChanged, &q, [this](const QString& text) {
        if (text.isEmpty()) // the clear button edits nothing by hand
            apply();
    });
    QObject::connect(&pause, &QTimer::timeout, &q, [this] { apply(); });
    QObject::connect(refusedOnly, &QCheckBox::toggled, &q, [this] { apply(); });
    QObject::connect(thisCall, &QCheckBox::toggled, &q, [this] { apply(); });
    QObject::connect(&desk, &Desk::selectionChanged, &q, [this] { apply(); });
    QObject::connect(retry, &QToolButton::clicked, &requests, &RequestsModel::retry);
    QObject::connect(refresh, &QToolButton::clicked, &requests, &RequestsModel::reload);
    QObject::connect(copy, &QToolButton::clicked, &q, [this] {
        if (const QString text = q.detailText(); !text.isEmpty())
            QGuiApplication::clipboard()->setText(text);
    });
    QObject::connect(&requests, &RequestsModel::loadingChanged, &q, [this] { showStatus(); });
    QObject::connect(&requests, &QAbstractItemModel::rowsInserted, &q, [this] {
        // The page that was asked for anew holds it again.
        if (!shown.isEmpty() && table->selectedId().isEmpty())
            table->selectId(shown);
        showStatus();
    });
    QObject::connect(&requests, &QAbstractItemModel::rowsRemoved, &q, [this] { showStatus(); });
    QObject::connect(&requests, &QAbstractItemModel::dataChanged, &q, [this] { showDetail(); });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { showStatus(); });
    QObject::connect(table, &CallsTable::idSelected, &q, [this](const QString& id) {
        shown = id;
        showDetail();
    });
    QObject::connect(table, &CallsTable::idActivated, &q, [this](const QString& id) {
        const auto request = desk.requests().request(id);
        if (request && !request->call.isEmpty()) Q_EMIT
            q.activated(request->call);
    });
    filter->installEventFilter(&q);
    retranslate();
    recolor();
}

void RequestsPane::Private::retranslate()
{
    filter->setPlaceholderText(tr("Search all requests: path, address, call id, reason or a parameter"));
    filter->setAccessibleName(tr("Search in the requests"));
    refusedOnly->setText(tr("&Refused only"));
    thisCall->setText(tr("&This call only"));
    thisCall->setToolTip(tr("Only the requests of the call that is selected"));
    refresh->setToolTip(tr("Read the requests anew."));
    refresh->setAccessibleName(tr("Read the requests anew"));
    retry->setText(tr("Try again"));
    copy->setText(tr("Copy as text"));
    copy->setToolTip(tr("Copies all that is known of the selected request"));
    table->setAccessibleName(tr("Requests"));
    detail->setAccessibleName(tr("The selected request"));
    detail->setPlaceholderText(tr("Select a request to see all of it."));
    status->setAccessibleName(tr("State of the requests"));
    table->setColumnSamples({{RequestsModel::Time, QStringLiteral("0000-00-00 00:00:00")},
        {RequestsModel::Verdict, signatureWord(SignatureState::NotChecked) + QStringLiteral("MM")},
        {RequestsModel::Status, QStringLiteral("000MM")},
        {RequestsModel::Request, QStringLiteral("POST /webhook/incoming_call")},
        {RequestsModel::Protocol, QStringLiteral("audio.twilio.com")},
        {RequestsModel::Call, QStringLiteral("CA000000000000")}, {RequestsModel::Bytes, QStringLiteral("0000 / 0000")},
        {RequestsModel::Took, tookText(std::chrono::seconds(12))}});
    showStatus();
    showDetail();
}

void RequestsPane::Private::recolor()
{
    const Theme theme(q.palette());
    searchMark->setIcon(theme.icon(QStringLiteral("search"), Tone::Muted));
    refresh->setIcon(theme.icon(QStringLiteral("retry"), Tone::Neutral));
    retry->setIcon(theme.icon(QStringLiteral("retry"), Tone::Neutral));
    copy->setIcon(theme.icon(QStringLiteral("copy"), Tone::Neutral));
    showStatus();
    showDetail();
}

void RequestsPane::Private::showStatus()
{
    const RequestsModel& requests = desk.requests();
    const int rows = requests.rowCount();
    Tone tone = Tone::Muted;
    QString icon, words;
    if (!requests.trouble().isEmpty()) {
        tone = Tone::Bad;
        icon = QStringLiteral("warning");
        words = requests.trouble();
    } else if (requests.isLoading()) {
        icon = QStringLiteral("lamp-warming");
        words = tr("Loading requests…");
    } else if (!desk.isLive()) {
        words = tr("%n request(s) shown; more cannot be read without the engine.", nullptr, rows);
    } else if (requests.isComplete()) {
        words = tr("%n request(s): all that match.", nullptr, rows);
    } else {
        words = tr("%n request(s) shown; scroll down for older ones.", nullptr, rows);
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
    retry->setVisible(!requests.trouble().isEmpty());
    retry->setEnabled(desk.isLive());
    refresh->setEnabled(desk.isLive() && !requests.isLoading());
    if (!requests.trouble().isEmpty())
        table->setEmptyText(tr("The requests could not be read."));
    else if (requests.isLoading())
        table->setEmptyText(tr("Loading requests…"));
    else if (!desk.isLive())
        table->setEmptyText(tr("Not connected. The requests are the engine's."));
    else if (requests.filter() != RequestFilter())
        table->setEmptyText(tr("No request matches."));
    else
        table->setEmptyText(tr("No request has come yet."));
}

QList<RequestsPane::Private::Line> RequestsPane::Private::linesOf(const RequestRecord& request) const
{
    QList<Line> lines;
    const auto value = [&lines](const QString& name, const QString& text) {
        if (!text.isEmpty())
            lines.append({name, text, false, Tone::Neutral});
    };
    const auto sentence = [&lines](const QString& name, const QString& text, Tone tone = Tone::Neutral) {
        if (!text.isEmpty())
            lines.append({name, text, true, tone});
    };
    QString verdict = signatureWord(request.signature.state);
    if (request.signature.state == SignatureState::Valid && !request.signature.variant.isEmpty())
        verdict += QStringLiteral(" (%1)").arg(isolated(request.signature.variant));
    sentence(tr("Signature"), verdict, lookOf(request.signature.state).tone);
    sentence(tr("What to do"), signatureAdvice(request.signature));
    sentence(tr("Status"),
        request.status == 0 ? tr("The client was gone before the answer.") : isolated(QString::number(request.status)),
        lookOfStatus(request.status).tone);
    value(tr("Refused"), request.reason);
    value(tr("Request"), request.method + QLatin1Char(' ') + request.path);
    sentence(tr("Kind"), requestKindWord(request.kind));
    sentence(tr("Came"), timeText(request.at, {}));
    sentence(tr("Took"), tookText(request.took));
    value(tr("From"), request.peer);
    value(tr("Call"), request.call);
    if (request.kind == RequestKind::Stream || request.kind == RequestKind::Console)
        sentence(tr("Sub-protocol"), protocolText(request));
    //: Bytes. %1: of the request; %2: of the answer
    sentence(tr("Bytes"), tr("%1 in, %2 out").arg(request.bytesIn).arg(request.bytesOut));
    if (request.duplicateOf.isValid())
        //: Of a request that repeats one from before. %1: time of day
        sentence(tr("Repeats"), tr("the one of %1, and got its answer").arg(timeText(request.duplicateOf, {})));
    if (request.end) {
        const ConnectionEnd& end = *request.end;
        const QString code = isolated(QStringLiteral("%1 %2").arg(end.code).arg(end.reason).trimmed());
        //: How a connection ended. %1: a number and words of the protocol; %2: how long it was open
        sentence(tr("Closed"),
            (end.byPeer ? tr("by the other side: %1, after %2") : tr("by the engine: %1, after %2"))
                .arg(code, durationWords(end.lasted)));
        //: %1, %3: numbers of messages; %2, %4: bytes
        sentence(tr("Messages"),
            tr("%1 in (%2 bytes), %3 out (%4 bytes)")
                .arg(end.messagesIn)
                .arg(end.bytesIn)
                .arg(end.messagesOut)
                .arg(end.bytesOut));
    }
    if (request.notKept > 0)
        //: Of requests that were refused
        sentence(tr("Before it"), tr("%n refused request(s) only counted", nullptr, request.notKept));
    for (const RequestField& field : request.parameters)
        value(isolated(field.name), field.value);
    for (const RequestField& field : request.headers)
        value(isolated(field.name + QLatin1Char(':')), field.value);
    return lines;
}

void RequestsPane::Private::showDetail()
{
    const auto request = desk.requests().request(shown);
    copy->setEnabled(request.has_value());
    if (!request) {
        detail->clear();
        detail->setProperty("shown", QString());
        return;
    }
    const Theme theme(q.palette());
    const QString muted = theme.color(Tone::Muted).name();
    // Qt mirrors no table: from right to left, the names are in its last column.
    const bool mirrored = q.isRightToLeft();
    const QString direction = mirrored ? QStringLiteral("rtl") : QStringLiteral("ltr");
    QString html = QStringLiteral("<table cellspacing='0' cellpadding='2' width='100%'>");
    const QList<Line> lines = linesOf(*request);
    // The editor breaks lines anywhere, so a column without a width may become one of single letters.
    const QFontMetrics metrics(detail->font());
    int nameWidth = 0;
    for (const Line& line : lines)
        nameWidth = qMax(nameWidth, metrics.horizontalAdvance(line.name));
    nameWidth = qMin(nameWidth, metrics.averageCharWidth() * 28) + metrics.averageCharWidth() * 2;
    for (const Line& line : lines) {
        const QString text = line.isSentence ? line.text.toHtmlEscaped() : isolated(line.text).toHtmlEscaped();
        const QString color =
            line.tone == Tone::Neutral ? q.palette().color(QPalette::Text).name() : theme.color(line.tone).name();
        QString name = line.name.toHtmlEscaped();
        name.replace(QLatin1Char(' '), QChar(QChar::Nbsp));
        const QString paragraph = QStringLiteral("<p dir='%1' style='margin:0; color:%2'>%3</p></td>");
        const QString nameCell =
            QStringLiteral("<td width='%1'>").arg(nameWidth) + paragraph.arg(direction, muted, name);
        const QString textCell = QStringLiteral("<td>") + paragraph.arg(direction, color, text);
        html +=
            QStringLiteral("<tr>") + (mirrored ? textCell + nameCell : nameCell + textCell) + QStringLiteral("</tr>");
    }
    html += QStringLiteral("</table>");
    if (detail->property("shown").toString() == html)
        return; // the reader's place and selection stay
    detail->setProperty("shown", html);
    detail->setHtml(html);
}

void RequestsPane::Private::apply()
{
    pause.stop();
    const QString call = desk.selectedCall();
    RequestFilter wanted;
    wanted.text = withoutIsolates(filter->text()).trimmed();
    wanted.refusedOnly = refusedOnly->isChecked();
    if (thisCall->isChecked())
        wanted.call = call;
    thisCall->setEnabled(!call.isEmpty() || thisCall->isChecked());
    desk.requests().setFilter(wanted);
    showStatus();
}

RequestsPane::RequestsPane(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
    d->apply();
}

RequestsPane::~RequestsPane() = default;

void RequestsPane::setContextActions(const QList<QAction*>& actions)
{
    d->table->setContextActions(actions);
}

QByteArray RequestsPane::saveLayout() const
{
    QByteArray state;
    QDataStream stream(&state, QIODevice::WriteOnly);
    stream << d->table->horizontalHeader()->saveState() << d->splitter->saveState();
    return state;
}

bool RequestsPane::restoreLayout(const QByteArray& state)
{
    QByteArray header, splitter;
    QDataStream stream(state);
    stream >> header >> splitter;
    return stream.status() == QDataStream::Ok && d->table->horizontalHeader()->restoreState(header)
        && d->splitter->restoreState(splitter);
}

void RequestsPane::focusFilter()
{
    d->filter->setFocus(Qt::ShortcutFocusReason);
    d->filter->selectAll();
}

void RequestsPane::setThisCallOnly(bool on)
{
    d->thisCall->setChecked(on);
}

QString RequestsPane::detailText() const
{
    const auto request = d->desk.requests().request(d->shown);
    if (!request)
        return {};
    QStringList text;
    for (const auto& line : d->linesOf(*request))
        text += withoutIsolates(line.name) + QStringLiteral("\t") + withoutIsolates(line.text);
    return text.join(QLatin1Char('\n'));
}

void RequestsPane::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    d->desk.showRequests(true);
}

void RequestsPane::hideEvent(QHideEvent* event)
{
    QWidget::hideEvent(event);
    d->desk.showRequests(false);
}

bool RequestsPane::eventFilter(QObject* watched, QEvent* event)
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
            d->apply();
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

void RequestsPane::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->recolor();
    else if (event->type() == QEvent::LayoutDirectionChange)
        d->showDetail();
}

} // namespace kav::console
