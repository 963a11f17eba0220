// SPDX-License-Identifier: Apache-2.0
#include "console/views/callpane.h"

#include "console/models/words.h"
#include "console/views/celldelegate.h"
#include "console/views/flowlayout.h"
#include "console/views/latencyview.h"
#include "console/views/painting.h"
#include "console/views/theme.h"
#include "console/views/transcriptview.h"

#include <QClipboard>
#include <QDataStream>
#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QSplitter>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {
namespace {

constexpr quint8 LayoutVersion = 1;

QLabel* factLabel(QWidget* parent)
{
    auto* label = new QLabel(parent);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

void setInk(QWidget* widget, const QColor& color)
{
    QPalette palette;
    palette.setColor(QPalette::WindowText, color);
    if (widget->palette().color(QPalette::WindowText) != color)
        widget->setPalette(palette);
}

/// "he" as "Hebrew (he)" in the user's language; an unknown tag as it is.
QString languageWord(const QString& tag)
{
    const QLocale locale(tag);
    if (tag.isEmpty() || locale.language() == QLocale::C)
        return tag;
    return QLocale::languageToString(locale.language());
}

} // namespace

struct CallPane::Private final {
    Private(Desk& theDesk, CallPane& pane)
        : desk(theDesk)
        , q(pane)
        , pages(new QStackedWidget(&pane))
        , nothing(new QLabel(&pane))
        , call(new QWidget(&pane))
        , mark(new QLabel(call))
        , state(factLabel(call))
        , caller(factLabel(call))
        , badge(new QLabel(call))
        , elapsed(factLabel(call))
        , called(factLabel(call))
        , started(factLabel(call))
        , language(factLabel(call))
        , counts(factLabel(call))
        , id(factLabel(call))
        , copyId(new QToolButton(call))
        , earlier(factLabel(call))
        , trouble(new QLabel(call))
        , retry(new QToolButton(call))
        , splitter(new QSplitter(Qt::Vertical, call))
        , transcript(new TranscriptView(desk.transcript(), splitter))
        , latency(new LatencyView(desk.transcript(), splitter))
    {
    }

    Desk& desk;
    CallPane& q;
    QStackedWidget* pages;
    QLabel* nothing;
    QWidget* call;
    QLabel *mark, *state, *caller, *badge, *elapsed, *called, *started, *language, *counts, *id;
    QToolButton* copyId;
    QLabel *earlier, *trouble;
    QToolButton* retry;
    QSplitter* splitter;
    TranscriptView* transcript;
    LatencyView* latency;

    void build();
    void fit(); ///< what has a font of its own
    void retranslate();
    void recolor();
    void show();
};

void CallPane::Private::build()
{
    nothing->setAlignment(Qt::AlignCenter);
    nothing->setWordWrap(true);
    nothing->setForegroundRole(QPalette::PlaceholderText);

    fit();
    copyId->setAutoRaise(true);

    auto* first = new QHBoxLayout;
    first->setSpacing(6);
    first->addWidget(caller);
    first->addWidget(badge);
    first->addSpacing(8);
    first->addWidget(mark);
    first->addWidget(state, 1);
    first->addWidget(elapsed);
    auto* idBox = new QWidget(call);
    auto* idLine = new QHBoxLayout(idBox);
    idLine->setContentsMargins(0, 0, 0, 0);
    idLine->setSpacing(2);
    idLine->addWidget(id);
    idLine->addWidget(copyId);
    auto* facts = new FlowLayout(14, 0);
    for (QWidget* fact : {static_cast<QWidget*>(called), static_cast<QWidget*>(started),
             static_cast<QWidget*>(language), static_cast<QWidget*>(counts), idBox})
        facts->addWidget(fact);
    auto* header = new QVBoxLayout;
    header->setContentsMargins(10, 8, 10, 6);
    header->setSpacing(4);
    header->addLayout(first);
    header->addLayout(facts);
    trouble->setWordWrap(true);
    trouble->setTextFormat(Qt::PlainText);
    retry->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    auto* troubleLine = new QHBoxLayout;
    troubleLine->addWidget(trouble, 1);
    troubleLine->addWidget(retry);
    header->addLayout(troubleLine);
    header->addWidget(earlier);

    splitter->addWidget(transcript);
    splitter->addWidget(latency);
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 1);
    splitter->setCollapsible(0, false);
    auto* page = new QVBoxLayout(call);
    page->setContentsMargins(0, 0, 0, 0);
    page->setSpacing(0);
    page->addLayout(header);
    page->addWidget(splitter, 1);
    pages->addWidget(nothing);
    pages->addWidget(call);
    auto* pane = new QVBoxLayout(&q);
    pane->setContentsMargins(0, 0, 0, 0);
    pane->addWidget(pages);
    q.setFocusProxy(transcript);

    QObject::connect(
        copyId, &QToolButton::clicked, &q, [this] { QGuiApplication::clipboard()->setText(desk.selectedCall()); });
    QObject::connect(retry, &QToolButton::clicked, &q, [this] { desk.selectCall(desk.selectedCall()); });
    QObject::connect(&desk, &Desk::selectionChanged, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { show(); });
    const auto again = [this] { show(); };
    QObject::connect(&desk.transcript(), &QAbstractItemModel::rowsInserted, &q, again);
    retranslate();
    recolor();
}

void CallPane::Private::fit()
{
    QFont large = q.font();
    large.setBold(true);
    state->setFont(large);
    large.setPointSizeF(large.pointSizeF() * 1.3);
    caller->setFont(large);
    elapsed->setFont(large);
}

void CallPane::Private::retranslate()
{
    nothing->setText(tr("Choose a call to see what is said."));
    caller->setAccessibleName(tr("Caller"));
    state->setAccessibleName(tr("State of the call"));
    elapsed->setAccessibleName(tr("Length of the call"));
    retry->setText(tr("Try again"));
    trouble->setAccessibleName(tr("Why the call's words are not here"));
    copyId->setToolTip(tr("Copy the call's id."));
    copyId->setAccessibleName(tr("Copy the call's id"));
    show();
}

void CallPane::Private::recolor()
{
    const Theme theme(q.palette());
    copyId->setIcon(theme.icon(QStringLiteral("copy"), Tone::Neutral));
    retry->setIcon(theme.icon(QStringLiteral("retry"), Tone::Neutral));
    setInk(trouble, theme.color(Tone::Bad));
    for (QLabel* label : {called, started, language, counts, id, earlier})
        setInk(label, theme.color(Tone::Muted));
    QPalette chip;
    chip.setColor(QPalette::Window, theme.ground(Tone::Working));
    chip.setColor(QPalette::WindowText, theme.color(Tone::Working));
    badge->setAutoFillBackground(true);
    badge->setPalette(chip);
    show();
}

void CallPane::Private::show()
{
    const QString callId = desk.selectedCall();
    pages->setCurrentWidget(callId.isEmpty() ? nothing : call);
    if (callId.isEmpty())
        return;
    const Theme theme(q.palette());
    const auto live = desk.selectedLive();
    const auto row = desk.selectedLogRow();

    const auto dated = [](const QDateTime& at) {
        const QDateTime local = at.toLocalTime();
        return isolated(local.toString(
            local.date() == QDate::currentDate() ? QStringLiteral("HH:mm:ss") : QStringLiteral("yyyy-MM-dd HH:mm:ss")));
    };
    QString from, to, tag, word;
    QDateTime startedAt;
    std::optional<std::chrono::milliseconds> length;
    int turns = 0, interruptions = 0;
    bool test = false, recorded = false;
    Look look{QStringLiteral("lamp-unknown"), Tone::Muted};
    if (live) {
        from = live->from, to = live->to, tag = live->language, test = live->test;
        recorded = !live->recording.isEmpty();
        startedAt = live->startedAt;
        turns = live->turn, interruptions = live->interruptions;
        look = lookOf(live->state);
        word = callStateWord(live->state);
        if (live->state == CallState::Ended) {
            word = tr("%1: %2").arg(word, endReasonWord(live->reason));
            if (live->endedAt.isValid())
                length = std::chrono::milliseconds(live->startedAt.msecsTo(live->endedAt));
        } else if (desk.isLive() && live->startedAt.isValid()) {
            length = std::chrono::milliseconds(
                std::max<qint64>(0, live->startedAt.msecsTo(desk.synchronizer().engineNow())));
        }
        if (!desk.isLive())
            look.tone = Tone::Muted;
    } else if (row) {
        from = row->from, to = row->to, tag = row->language, test = row->test;
        recorded = !row->recording.isEmpty();
        startedAt = row->startedAt;
        turns = row->turns;
        if (row->endedAt.isValid()) {
            look = lookOf(CallState::Ended);
            length = row->duration;
            word = tr("%1: %2").arg(callStateWord(CallState::Ended), endReasonWord(row->reason));
        } else {
            word = tr("Its end is not in the log yet");
        }
    } else {
        word = desk.isSelectionLoading() ? tr("Looking for the call…") : tr("Nothing is known of the call");
    }
    caller->setText(from.isEmpty() ? tr("Unknown caller") : isolated(from));
    badge->setVisible(test || recorded);
    badge->setText(QStringLiteral(" %1 ").arg(test && recorded
            ? testBadge() + QStringLiteral(" \u00b7 ") + recordedBadge()
            : test ? testBadge()
                   : recordedBadge()));
    const int extent = q.fontMetrics().height();
    mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    state->setText(word);
    state->setAlignment(leadingEdge(q));
    setInk(state, theme.color(look.tone));
    elapsed->setText(length ? durationText(*length) : QString());
    setInk(
        elapsed, theme.color(live && live->state != CallState::Ended && desk.isLive() ? Tone::Neutral : Tone::Muted));
    called->setText(tr("To %1").arg(isolated(to)));
    called->setVisible(!to.isEmpty());
    started->setText(tr("Started %1").arg(dated(startedAt)));
    started->setVisible(startedAt.isValid());
    language->setText(tr("Language: %1").arg(languageWord(tag)));
    language->setVisible(!tag.isEmpty());
    counts->setText(interruptions > 0
            ? tr("%1, %2").arg(tr("%n turn(s)", nullptr, turns), tr("%n interruption(s)", nullptr, interruptions))
            : tr("%n turn(s)", nullptr, turns));
    counts->setVisible(live || row);
    id->setText(isolated(callId));

    const QString why = desk.selectionTrouble();
    trouble->setText(why);
    trouble->setVisible(!why.isEmpty());
    retry->setVisible(!why.isEmpty());
    retry->setEnabled(desk.isLive());
    const int firstTurn = desk.transcript().firstTurn();
    earlier->setText(tr("The turns before turn %1 are in the call log only.").arg(firstTurn));
    earlier->setVisible(firstTurn > 1);
    if (!why.isEmpty())
        transcript->setEmptyText(tr("What was said is not known here."));
    else if (desk.isSelectionLoading())
        transcript->setEmptyText(tr("Fetching what was said…"));
    else if (!desk.isLive())
        transcript->setEmptyText(tr("Not connected. What was said is the engine's to tell."));
    else if (live && live->state == CallState::Ringing)
        transcript->setEmptyText(tr("It rings. Nothing has been said yet."));
    else
        transcript->setEmptyText(tr("Nothing has been said yet."));
}

CallPane::CallPane(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

CallPane::~CallPane() = default;

QByteArray CallPane::saveLayout() const
{
    QByteArray state;
    QDataStream stream(&state, QIODevice::WriteOnly);
    stream << LayoutVersion << d->splitter->saveState() << d->latency->showsNumbers();
    return state;
}

bool CallPane::restoreLayout(const QByteArray& state)
{
    QDataStream stream(state);
    quint8 version = 0;
    QByteArray split;
    bool numbers = false;
    stream >> version >> split >> numbers;
    if (stream.status() != QDataStream::Ok || version != LayoutVersion || !d->splitter->restoreState(split))
        return false;
    d->latency->setShowsNumbers(numbers);
    return true;
}

void CallPane::changeEvent(QEvent* event)
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
