// SPDX-License-Identifier: Apache-2.0
#include "console/views/placecalldialog.h"

#include "console/models/words.h"
#include "console/views/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QEvent>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace kav::console {
namespace {

void paintLabel(QLabel* label, const QColor& color)
{
    QPalette palette;
    palette.setColor(QPalette::WindowText, color);
    label->setPalette(palette);
}

/// As it is typed or pasted: "+972 50-123 4567".
QString plainNumber(QString typed)
{
    static const QRegularExpression filling(QStringLiteral("[\\s().\\-\u2066-\u2069\u200e\u200f]"));
    return typed.remove(filling);
}

} // namespace

struct PlaceCallDialog::Private final {
    Private(Desk& theDesk, PlaceCallDialog& dialog);

    Desk& desk;
    PlaceCallDialog& q;
    QStackedWidget* pages;

    // What is asked for.
    QWidget* compose;
    QLabel *numberLabel, *personaLabel, *detectionLabel, *verdict, *cost, *obstacle;
    QLineEdit* number;
    QComboBox *persona, *detection;
    QCheckBox* agreed;
    QPushButton *place, *close;
    QString failure;
    bool asked = false; // this dialog's call is on its way

    // What becomes of it.
    QWidget* follow;
    QLabel *whom, *mark, *state, *elapsed, *note;
    QPushButton *end, *another, *closeFollow;
    QString placed, to;
    std::optional<CallSummary> last;
    bool answerTold = false;

    void build();
    void buildCompose();
    void buildFollow();
    void retranslate();
    void fillPersonas();
    QString numberFault() const; ///< a sentence; empty: it is one
    QString whyNotPlaced() const;
    void check();
    void begin();
    void started(const QString& id);
    void show();
    void again();
};

PlaceCallDialog::Private::Private(Desk& theDesk, PlaceCallDialog& dialog)
    : desk(theDesk)
    , q(dialog)
    , pages(new QStackedWidget(&dialog))
    , compose(new QWidget)
    , numberLabel(new QLabel(compose))
    , personaLabel(new QLabel(compose))
    , detectionLabel(new QLabel(compose))
    , verdict(new QLabel(compose))
    , cost(new QLabel(compose))
    , obstacle(new QLabel(compose))
    , number(new QLineEdit(compose))
    , persona(new QComboBox(compose))
    , detection(new QComboBox(compose))
    , agreed(new QCheckBox(compose))
    , place(new QPushButton(compose))
    , close(new QPushButton(compose))
    , follow(new QWidget)
    , whom(new QLabel(follow))
    , mark(new QLabel(follow))
    , state(new QLabel(follow))
    , elapsed(new QLabel(follow))
    , note(new QLabel(follow))
    , end(new QPushButton(follow))
    , another(new QPushButton(follow))
    , closeFollow(new QPushButton(follow))
{
    pages->addWidget(compose);
    pages->addWidget(follow);
}

void PlaceCallDialog::Private::build()
{
    buildCompose();
    buildFollow();
    auto* box = new QVBoxLayout(&q);
    box->addWidget(pages);
    const QFontMetrics metrics = q.fontMetrics();
    q.resize(metrics.averageCharWidth() * 64, metrics.height() * 17);

    QObject::connect(&desk, &Desk::actsChanged, &q, [this] {
        check();
        show();
    });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { show(); });
    QObject::connect(&desk.synchronizer(), &Synchronizer::engineChanged, &q, [this] { fillPersonas(); });
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::dataChanged, &q, [this] { show(); });
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::rowsInserted, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::failed, &q, [this](Desk::Act act, const QString& target, const QString& sentence) {
        const bool isPlacing = act == Desk::Act::PlaceCall && asked;
        if (!isPlacing && (!last || target != last->id))
            return;
        asked = asked && !isPlacing;
        failure = sentence;
        check();
        show();
    });
    QObject::connect(&desk, &Desk::callPlaced, &q, [this](const QString& id) {
        if (asked)
            started(id);
    });
    retranslate();
    fillPersonas();
    number->setFocus(Qt::OtherFocusReason);
}

void PlaceCallDialog::Private::buildCompose()
{
    number->setLayoutDirection(Qt::LeftToRight);
    number->setAlignment(Qt::AlignLeft);
    number->setMaxLength(40);
    number->setInputMethodHints(Qt::ImhDialableCharactersOnly);
    numberLabel->setBuddy(number);
    personaLabel->setBuddy(persona);
    detectionLabel->setBuddy(detection);
    for (int i = 0; i < 3; ++i)
        detection->addItem(QString());
    for (QLabel* label : {verdict, cost, obstacle}) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
    }
    place->setDefault(true);
    close->setAutoDefault(false);

    auto* form = new QFormLayout;
    form->addRow(numberLabel, number);
    form->addRow(nullptr, verdict);
    form->addRow(personaLabel, persona);
    form->addRow(detectionLabel, detection);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(place);
    buttons->addWidget(close);
    auto* box = new QVBoxLayout(compose);
    box->setContentsMargins(0, 0, 0, 0);
    box->addLayout(form);
    box->addWidget(cost);
    box->addWidget(agreed);
    box->addStretch(1);
    box->addWidget(obstacle);
    box->addLayout(buttons);

    QObject::connect(number, &QLineEdit::textChanged, &q, [this] {
        agreed->setChecked(false); // it was said of another number
        failure.clear();
        check();
    });
    QObject::connect(agreed, &QCheckBox::toggled, &q, [this] { check(); });
    QObject::connect(place, &QPushButton::clicked, &q, [this] { begin(); });
    QObject::connect(close, &QPushButton::clicked, &q, &QDialog::close);
}

void PlaceCallDialog::Private::buildFollow()
{
    QFont bold = q.font();
    bold.setBold(true);
    state->setFont(bold);
    note->setWordWrap(true);
    note->setTextFormat(Qt::PlainText);
    whom->setTextFormat(Qt::PlainText);
    auto* head = new QHBoxLayout;
    head->addWidget(mark);
    head->addWidget(state, 1);
    head->addWidget(elapsed);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(end);
    buttons->addStretch(1);
    buttons->addWidget(another);
    buttons->addWidget(closeFollow);
    for (QPushButton* button : {end, another, closeFollow})
        button->setAutoDefault(false);
    auto* box = new QVBoxLayout(follow);
    box->setContentsMargins(0, 0, 0, 0);
    box->addWidget(whom);
    box->addLayout(head);
    box->addWidget(note);
    box->addStretch(1);
    box->addLayout(buttons);

    QObject::connect(end, &QPushButton::clicked, &q, [this] {
        failure.clear();
        if (last)
            desk.endCallPolitely(last->id);
    });
    QObject::connect(another, &QPushButton::clicked, &q, [this] { again(); });
    QObject::connect(closeFollow, &QPushButton::clicked, &q, &QDialog::close);
}

void PlaceCallDialog::Private::retranslate()
{
    q.setWindowTitle(tr("Call a number"));
    numberLabel->setText(tr("&Number:"));
    number->setPlaceholderText(QStringLiteral("+972501234567"));
    number->setAccessibleName(tr("The number to call"));
    personaLabel->setText(tr("Who &speaks:"));
    persona->setAccessibleName(tr("Who speaks"));
    detectionLabel->setText(tr("Answering &machine:"));
    detection->setAccessibleName(tr("What an answering machine gets"));
    detection->setItemText(0, tr("Is spoken to like a person"));
    detection->setItemText(1, tr("Is hung up on"));
    detection->setItemText(2, tr("Gets a message after its beep"));
    cost->setText(tr("This is a real call. It costs money by the minute, and a telephone rings at once."));
    agreed->setText(tr("I &want this number to be called"));
    //: Closes a dialog.
    close->setText(tr("Close"));
    closeFollow->setText(tr("Close"));
    state->setAccessibleName(tr("State of the call"));
    elapsed->setAccessibleName(tr("Length of the call"));
    another->setText(tr("Call &another number"));
    end->setText(tr("&Give up the call"));
    fillPersonas();
    check();
    show();
}

void PlaceCallDialog::Private::fillPersonas()
{
    const QString chosen = persona->currentData().toString();
    QStringList names = desk.services().engine().personas;
    persona->clear();
    //: Who speaks in a call: as the engine's settings have it for the number that calls
    persona->addItem(tr("Whoever has the calling number"), QString());
    for (const QString& name : std::as_const(names))
        persona->addItem(isolated(name), name);
    persona->setCurrentIndex(std::max(0, persona->findData(chosen)));
}

QString PlaceCallDialog::Private::numberFault() const
{
    const QString text = plainNumber(number->text());
    if (text.isEmpty())
        return tr("With + and the country, for instance %1.").arg(isolated(QStringLiteral("+972501234567")));
    if (!text.startsWith(QLatin1Char('+')))
        return tr("The number begins with + and the country.");
    static const QRegularExpression digits(QStringLiteral("\\A\\+[1-9][0-9]*\\z"));
    if (text.size() > 1 && !digits.match(text).hasMatch())
        return tr("After the + there are digits only, and the first is not 0.");
    if (text.size() < 9)
        return tr("The number is too short. Emergency and service numbers are never called.");
    if (text.size() > 16)
        return tr("The number is too long: 15 digits at most.");
    return {};
}

QString PlaceCallDialog::Private::whyNotPlaced() const
{
    if (const QString reason = desk.whyNot(Desk::Act::PlaceCall); !reason.isEmpty())
        return reason;
    if (!numberFault().isEmpty())
        return tr("Type the number to call.");
    if (!agreed->isChecked())
        return tr("Confirm that this number is to be called.");
    return {};
}

void PlaceCallDialog::Private::check()
{
    const Theme theme(q.palette());
    const QString fault = numberFault();
    verdict->setText(fault.isEmpty() ? tr("%1 will be called.").arg(isolated(plainNumber(number->text()))) : fault);
    paintLabel(verdict,
        theme.color(fault.isEmpty()        ? Tone::Good
                : number->text().isEmpty() ? Tone::Muted
                                           : Tone::Warning));
    number->setAccessibleDescription(verdict->text());
    paintLabel(cost, theme.color(Tone::Warning));
    const bool pending = desk.isPending(Desk::Act::PlaceCall);
    const QString why = whyNotPlaced();
    place->setIcon(theme.icon(QStringLiteral("call-out"), Tone::Neutral));
    place->setText(pending ? tr("Calling…") : tr("&Call"));
    place->setEnabled(!pending && why.isEmpty());
    place->setToolTip(why);
    place->setAccessibleDescription(why);
    const QString words = failure.isEmpty() ? desk.whyNot(Desk::Act::PlaceCall) : failure;
    obstacle->setText(words);
    obstacle->setVisible(!words.isEmpty() && !pending);
    paintLabel(obstacle, theme.color(failure.isEmpty() ? Tone::Warning : Tone::Bad));
}

void PlaceCallDialog::Private::begin()
{
    failure.clear();
    if (!whyNotPlaced().isEmpty() || desk.isPending(Desk::Act::PlaceCall))
        return;
    asked = true;
    to = plainNumber(number->text());
    using protocol::Detection;
    static constexpr std::array Choices{Detection::Off, Detection::Detect, Detection::AwaitBeep};
    desk.placeCall(to, persona->currentData().toString(), Choices[size_t(std::max(0, detection->currentIndex()))]);
    check();
}

void PlaceCallDialog::Private::started(const QString& id)
{
    asked = false;
    placed = id;
    last.reset();
    answerTold = false;
    failure.clear();
    pages->setCurrentWidget(follow);
    end->setFocus(Qt::OtherFocusReason);
    show();
}

void PlaceCallDialog::Private::show()
{
    if (placed.isEmpty())
        return;
    if (const auto now = desk.placedCall(placed))
        last = now;
    const Theme theme(q.palette());
    const CallState at = last ? last->state : CallState::Queued;
    const Look look = lookOf(at);
    const bool over = at == CallState::Ended;
    const int extent = q.fontMetrics().height();
    whom->setText(tr("Call to %1").arg(isolated(to)));
    mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    state->setText(over ? tr("%1: %2").arg(callStateWord(at), endReasonWord(last->reason)) : callStateWord(at));
    paintLabel(state, theme.color(look.tone));
    if (last && last->startedAt.isValid() && (over || desk.isLive())) {
        const QDateTime until = over && last->endedAt.isValid() ? last->endedAt : desk.synchronizer().engineNow();
        elapsed->setText(durationText(std::chrono::milliseconds(std::max<qint64>(0, last->startedAt.msecsTo(until)))));
    }
    QString words = failure;
    if (words.isEmpty() && last)
        words = last->problem; // the engine's own, in English
    const bool isBad = !words.isEmpty();
    if (words.isEmpty() && !desk.isLive())
        words = tr("The engine is not connected: how the call goes on is not known.");
    note->setText(words);
    note->setVisible(!words.isEmpty());
    paintLabel(note, theme.color(isBad ? Tone::Bad : Tone::Warning));

    const QString callId = last ? last->id : placed;
    const QString why = desk.whyNot(Desk::Act::EndCallNow, callId);
    const bool talks = at != CallState::Queued && at != CallState::Dialling && at != CallState::Ringing;
    end->setText(talks ? tr("&End the call") : tr("&Give up the call"));
    end->setIcon(theme.icon(QStringLiteral("end-call"), Tone::Neutral));
    end->setVisible(!over);
    end->setEnabled(why.isEmpty() && !desk.isPending(Desk::Act::EndCall, callId));
    end->setToolTip(why);
    end->setAccessibleDescription(why);
    another->setVisible(over || !desk.isLive());
    if (talks && !over && last && last->id != placed && !std::exchange(answerTold, true)) Q_EMIT
        q.callAnswered(last->id);
}

void PlaceCallDialog::Private::again()
{
    placed.clear();
    failure.clear();
    agreed->setChecked(false);
    pages->setCurrentWidget(compose);
    number->selectAll();
    number->setFocus(Qt::OtherFocusReason);
    check();
}

PlaceCallDialog::PlaceCallDialog(Desk& desk, QWidget* parent)
    : QDialog(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

PlaceCallDialog::~PlaceCallDialog() = default;

QString PlaceCallDialog::placed() const
{
    return d->placed;
}

void PlaceCallDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        d->retranslate();
    } else if (event->type() == QEvent::PaletteChange) {
        d->check();
        d->show();
    }
}

} // namespace kav::console
