// SPDX-License-Identifier: Apache-2.0
#include "console/views/testcalldialog.h"

#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/theme.h"
#include "console/views/transcriptview.h"
#include "console/views/wavcheck.h"

#include <QButtonGroup>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QEvent>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QRegularExpressionValidator>
#include <QStackedWidget>
#include <QTextEdit>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>

namespace kav::console {
namespace {

/// What a test call may wait for an answer and still pass.
constexpr std::chrono::milliseconds LongestGoodWait{3000};

void inkLabel(QLabel* label, const QColor& color)
{
    QPalette palette;
    palette.setColor(QPalette::WindowText, color);
    label->setPalette(palette);
}

} // namespace

struct TestCallDialog::Private final {
    /// One check of a call that is over: a mark and a sentence.
    struct CheckLine final {
        QLabel *mark = nullptr, *sentence = nullptr;
    };

    Private(Desk& theDesk, TestCallDialog& dialog);

    Desk& desk;
    TestCallDialog& q;
    QStackedWidget* pages;

    // What is asked for.
    QWidget* compose;
    QToolButton *byLines, *byFile;
    QTextEdit* lines; // not the plain one: it aligns Hebrew at the left
    QWidget* fileBox;
    QLabel *fileName, *fileVerdict;
    QPushButton* choose;
    QLabel* keysLabel;
    QLineEdit* keys;
    QLabel *plan, *obstacle;
    QPushButton *place, *close;
    QByteArray wav;
    QString path, folder, wavFault, failure;
    bool asked = false; // this dialog's call is on its way
    std::optional<WavFacts> facts;

    // What becomes of it.
    QWidget* follow;
    QLabel *mark, *state, *elapsed, *note;
    TranscriptView* transcript;
    QPushButton* select;
    std::array<CheckLine, 3> checks;
    QPushButton *interrupt, *end, *another, *closeFollow;
    QString id;
    std::optional<CallSummary> last;
    std::chrono::milliseconds slowest{0};

    void build();
    void buildCompose();
    void buildFollow();
    void retranslate();
    QStringList typedLines() const;
    QString planSentence() const;
    QString whyNotPlaced() const;
    void readFile();
    void check();
    void begin();
    void started(const QString& callId);
    void show();
    void showChecks(const Theme& theme);
    void again();
};

TestCallDialog::Private::Private(Desk& theDesk, TestCallDialog& dialog)
    : desk(theDesk)
    , q(dialog)
    , pages(new QStackedWidget(&dialog))
    , compose(new QWidget)
    , byLines(new QToolButton(compose))
    , byFile(new QToolButton(compose))
    , lines(new QTextEdit(compose))
    , fileBox(new QWidget(compose))
    , fileName(new QLabel(fileBox))
    , fileVerdict(new QLabel(fileBox))
    , choose(new QPushButton(fileBox))
    , keysLabel(new QLabel(compose))
    , keys(new QLineEdit(compose))
    , plan(new QLabel(compose))
    , obstacle(new QLabel(compose))
    , place(new QPushButton(compose))
    , close(new QPushButton(compose))
    , follow(new QWidget)
    , mark(new QLabel(follow))
    , state(new QLabel(follow))
    , elapsed(new QLabel(follow))
    , note(new QLabel(follow))
    , transcript(new TranscriptView(desk.transcript(), follow))
    , select(new QPushButton(follow))
    , interrupt(new QPushButton(follow))
    , end(new QPushButton(follow))
    , another(new QPushButton(follow))
    , closeFollow(new QPushButton(follow))
{
    pages->addWidget(compose);
    pages->addWidget(follow);
}

void TestCallDialog::Private::build()
{
    q.setAcceptDrops(true);
    buildCompose();
    buildFollow();
    auto* box = new QVBoxLayout(&q);
    box->addWidget(pages);
    const QFontMetrics metrics = q.fontMetrics();
    q.resize(metrics.averageCharWidth() * 78, metrics.height() * 26);

    const auto checked = [this] { check(); };
    QObject::connect(&desk, &Desk::actsChanged, &q, checked);
    QObject::connect(&desk, &Desk::actsChanged, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::selectionChanged, &q, [this] { show(); });
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::dataChanged, &q, [this] { show(); });
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::rowsInserted, &q, [this] { show(); });
    QObject::connect(&desk, &Desk::failed, &q, [this](Desk::Act act, const QString& target, const QString& sentence) {
        asked = asked && act != Desk::Act::TestCall;
        if (act == Desk::Act::TestCall || (!id.isEmpty() && target == id)) {
            failure = sentence;
            check();
            show();
        }
    });
    QObject::connect(&desk, &Desk::testCallStarted, &q, [this](const QString& callId) {
        if (asked)
            started(callId);
    });
    retranslate();
    lines->setFocus(Qt::OtherFocusReason);
}

void TestCallDialog::Private::buildCompose()
{
    auto* way = new QButtonGroup(compose);
    for (QToolButton* button : {byLines, byFile}) {
        button->setCheckable(true);
        button->setAutoRaise(true);
        button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        way->addButton(button);
    }
    byLines->setChecked(true);
    lines->setTabChangesFocus(true);
    lines->setAcceptRichText(false);
    // A file that is dropped here is the dialog's, not a line to say.
    lines->setAcceptDrops(false);
    keys->setAcceptDrops(false);
    keys->setValidator(new QRegularExpressionValidator(QRegularExpression(QStringLiteral("[0-9*#]{0,32}")), keys));
    keys->setLayoutDirection(Qt::LeftToRight);
    keysLabel->setBuddy(keys);
    for (QLabel* label : {plan, obstacle, fileName, fileVerdict}) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
    }
    place->setDefault(true);
    close->setAutoDefault(false);
    choose->setAutoDefault(false);

    auto* file = new QVBoxLayout(fileBox);
    file->setContentsMargins(0, 0, 0, 0);
    auto* row = new QHBoxLayout;
    row->addWidget(choose);
    row->addWidget(fileName, 1);
    file->addLayout(row);
    file->addWidget(fileVerdict);
    file->addStretch(1);
    auto* ways = new QHBoxLayout;
    ways->addWidget(byLines);
    ways->addWidget(byFile);
    ways->addStretch(1);
    auto* keysRow = new QHBoxLayout;
    keysRow->addWidget(keysLabel);
    keysRow->addWidget(keys, 1);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(place);
    buttons->addWidget(close);
    auto* box = new QVBoxLayout(compose);
    box->setContentsMargins(0, 0, 0, 0);
    box->addLayout(ways);
    box->addWidget(lines, 1);
    box->addWidget(fileBox, 1);
    box->addLayout(keysRow);
    box->addWidget(plan);
    box->addWidget(obstacle);
    box->addLayout(buttons);

    QObject::connect(byFile, &QToolButton::toggled, &q, [this] { check(); });
    QObject::connect(lines, &QTextEdit::textChanged, &q, [this] { check(); });
    QObject::connect(keys, &QLineEdit::textChanged, &q, [this] { check(); });
    QObject::connect(choose, &QPushButton::clicked, &q, [this] {
        const QString chosen =
            QFileDialog::getOpenFileName(&q, tr("Choose a WAV file"), folder, tr("WAV files (*.wav);;All files (*)"));
        if (!chosen.isEmpty())
            q.chooseFile(chosen);
    });
    QObject::connect(place, &QPushButton::clicked, &q, [this] { begin(); });
    QObject::connect(close, &QPushButton::clicked, &q, &QDialog::close);
}

void TestCallDialog::Private::buildFollow()
{
    QFont bold = q.font();
    bold.setBold(true);
    state->setFont(bold);
    note->setWordWrap(true);
    note->setTextFormat(Qt::PlainText);
    auto* head = new QHBoxLayout;
    head->addWidget(mark);
    head->addWidget(state, 1);
    head->addWidget(elapsed);
    auto* results = new QFormLayout;
    results->setContentsMargins(0, 0, 0, 0);
    for (CheckLine& line : checks) {
        line.mark = new QLabel(follow);
        line.sentence = new QLabel(follow);
        line.sentence->setWordWrap(true);
        results->addRow(line.mark, line.sentence);
    }
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(interrupt);
    buttons->addWidget(end);
    buttons->addStretch(1);
    buttons->addWidget(another);
    buttons->addWidget(closeFollow);
    for (QPushButton* button : {select, interrupt, end, another, closeFollow})
        button->setAutoDefault(false);
    auto* box = new QVBoxLayout(follow);
    box->setContentsMargins(0, 0, 0, 0);
    box->addLayout(head);
    box->addWidget(transcript, 1);
    box->addWidget(note);
    box->addWidget(select, 0, Qt::AlignLeft);
    box->addLayout(results);
    box->addLayout(buttons);

    QObject::connect(select, &QPushButton::clicked, &q, [this] { desk.selectCall(id); });
    QObject::connect(interrupt, &QPushButton::clicked, &q, [this] {
        failure.clear();
        desk.interrupt(id);
    });
    QObject::connect(end, &QPushButton::clicked, &q, [this] {
        failure.clear();
        desk.endCallPolitely(id);
    });
    QObject::connect(another, &QPushButton::clicked, &q, [this] { again(); });
    QObject::connect(closeFollow, &QPushButton::clicked, &q, &QDialog::close);
}

void TestCallDialog::Private::retranslate()
{
    q.setWindowTitle(tr("Test call"));
    byLines->setText(tr("Say typed &lines"));
    byFile->setText(tr("Play a &WAV file"));
    lines->setPlaceholderText(tr("One utterance a line. Each is spoken when the agent is silent."));
    lines->setAccessibleName(tr("What the caller says, one utterance a line"));
    choose->setText(tr("&Choose a file…"));
    keysLabel->setText(tr("Then press &keys:"));
    keys->setAccessibleName(tr("Keys that the caller presses"));
    keys->setPlaceholderText(tr("0–9, * and #; none when empty"));
    place->setText(tr("&Place the call"));
    //: Closes a dialog.
    close->setText(tr("Close"));
    closeFollow->setText(tr("Close"));
    plan->setAccessibleName(tr("What will happen"));
    state->setAccessibleName(tr("State of the test call"));
    elapsed->setAccessibleName(tr("Length of the test call"));
    interrupt->setText(tr("&Interrupt the agent"));
    end->setText(tr("&End the call"));
    another->setText(tr("&New test call"));
    select->setText(tr("Show this call's words"));
    readFile();
    show();
}

QStringList TestCallDialog::Private::typedLines() const
{
    QStringList result;
    const QStringList typed = lines->toPlainText().split(QLatin1Char('\n'));
    for (const QString& line : typed) {
        if (const QString words = line.simplified(); !words.isEmpty())
            result += words;
    }
    return result;
}

QString TestCallDialog::Private::planSentence() const
{
    QStringList sentences{tr("The engine calls itself; no telephone is used.")};
    if (byFile->isChecked()) {
        if (facts)
            sentences += tr("The caller plays %1.").arg(isolated(QFileInfo(path).fileName()));
    } else if (const int count = static_cast<int>(typedLines().size()); count > 0) {
        sentences += tr("The caller says %n line(s), each when the agent is silent.", nullptr, count);
    }
    if (!keys->text().isEmpty())
        sentences += tr("Then the keys %1 are pressed.").arg(isolated(keys->text()));
    sentences += tr("The caller hangs up when the agent is done.");
    return sentences.join(QLatin1Char(' '));
}

QString TestCallDialog::Private::whyNotPlaced() const
{
    if (const QString reason = desk.whyNot(Desk::Act::TestCall); !reason.isEmpty())
        return reason;
    if (byFile->isChecked() && !facts)
        return wavFault.isEmpty() ? tr("Choose a WAV file, or drop one here.") : wavFault;
    if (!byFile->isChecked() && typedLines().isEmpty() && keys->text().isEmpty())
        return tr("Type what the caller says, or the keys.");
    return {};
}

void TestCallDialog::Private::readFile()
{
    facts.reset();
    wav.clear();
    wavFault.clear();
    if (!path.isEmpty()) {
        QFile file(path);
        if (!file.open(QIODevice::ReadOnly)) {
            wavFault = tr("The file cannot be read: %1").arg(file.errorString());
        } else {
            wav = file.read(LargestTestWav + 1);
            if (const auto result = checkWav(wav)) {
                facts = *result;
            } else {
                wavFault = result.error().message;
                wav.clear();
            }
        }
    }
    check();
}

void TestCallDialog::Private::check()
{
    const Theme theme(q.palette());
    const bool file = byFile->isChecked();
    byLines->setIcon(theme.icon(QStringLiteral("caller-speaking"), Tone::Neutral));
    byFile->setIcon(theme.icon(QStringLiteral("file"), Tone::Neutral));
    lines->setVisible(!file);
    fileBox->setVisible(file);
    fileName->setText(
        path.isEmpty() ? tr("No file is chosen; one may be dropped here.") : isolated(QFileInfo(path).fileName()));
    fileName->setToolTip(path);
    if (facts) {
        const QString format = facts->mulaw ? tr("mu-law") : tr("16-bit PCM");
        fileVerdict->setText(
            tr("%1, %2 samples a second, %n channel(s), %3: as it should be.", nullptr, facts->channels)
                .arg(format, isolated(QString::number(facts->sampleRate)), durationText(facts->length)));
        inkLabel(fileVerdict, theme.color(Tone::Good));
    } else {
        fileVerdict->setText(
            wavFault.isEmpty() ? tr("16-bit PCM or mu-law, at most %1 KB.").arg(LargestTestWav / 1024) : wavFault);
        inkLabel(fileVerdict, theme.color(wavFault.isEmpty() ? Tone::Muted : Tone::Bad));
    }
    choose->setAccessibleDescription(fileVerdict->text());
    plan->setText(planSentence());
    inkLabel(plan, theme.color(Tone::Muted));

    const bool pending = desk.isPending(Desk::Act::TestCall);
    const QString why = whyNotPlaced();
    place->setIcon(theme.icon(QStringLiteral("test-call"), Tone::Neutral));
    place->setText(pending ? tr("Placing the call…") : tr("&Place the call"));
    place->setEnabled(!pending && why.isEmpty());
    place->setToolTip(why);
    place->setAccessibleDescription(why);
    const QString words = failure.isEmpty() ? (pending ? QString() : why) : failure;
    obstacle->setText(words);
    obstacle->setVisible(!words.isEmpty());
    inkLabel(obstacle, theme.color(failure.isEmpty() ? Tone::Warning : Tone::Bad));
}

void TestCallDialog::Private::begin()
{
    failure.clear();
    if (!whyNotPlaced().isEmpty() || desk.isPending(Desk::Act::TestCall))
        return;
    asked = true;
    desk.startTestCall(
        byFile->isChecked() ? QStringList() : typedLines(), byFile->isChecked() ? wav : QByteArray(), keys->text());
    check();
}

void TestCallDialog::Private::started(const QString& callId)
{
    asked = false;
    id = callId;
    last.reset();
    slowest = std::chrono::milliseconds(0);
    failure.clear();
    desk.selectCall(id);
    pages->setCurrentWidget(follow);
    transcript->setFocus(Qt::OtherFocusReason);
    show();
    Q_EMIT q.callPlaced(id);
}

void TestCallDialog::Private::show()
{
    if (id.isEmpty())
        return;
    if (const auto now = desk.liveCalls().call(id)) {
        last = now;
        slowest = std::max(slowest, now->lastGap.value_or(slowest));
    }
    const Theme theme(q.palette());
    const Look look = last ? lookOf(last->state) : lookOf(CallState::Ringing);
    const bool over = last && last->state == CallState::Ended;
    const int extent = q.fontMetrics().height();
    mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    state->setText(over ? tr("%1: %2").arg(callStateWord(CallState::Ended), endReasonWord(last->reason))
                        : callStateWord(last ? last->state : CallState::Ringing));
    inkLabel(state, theme.color(look.tone));
    if (last && last->startedAt.isValid() && (over || desk.isLive())) {
        const QDateTime until = over && last->endedAt.isValid() ? last->endedAt : desk.synchronizer().engineNow();
        elapsed->setText(durationText(std::chrono::milliseconds(std::max<qint64>(0, last->startedAt.msecsTo(until)))));
    }
    const bool shown = desk.selectedCall() == id;
    transcript->setVisible(shown);
    transcript->setEmptyText(tr("Nothing has been said yet."));
    select->setVisible(!shown);
    QString words = failure;
    if (words.isEmpty() && !desk.isLive())
        words = tr("The engine is not connected: how the call goes on is not known.");
    else if (words.isEmpty() && !shown)
        words = tr("The desk shows another call now.");
    note->setText(words);
    note->setVisible(!words.isEmpty());
    inkLabel(note, theme.color(failure.isEmpty() ? Tone::Warning : Tone::Bad));

    const auto arm = [&](QPushButton* button, Desk::Act act, const QString& icon) {
        const QString why = desk.whyNot(act, id);
        button->setVisible(!over);
        button->setIcon(theme.icon(icon, Tone::Neutral));
        button->setEnabled(why.isEmpty() && !desk.isPending(act, id) && !desk.isPending(Desk::Act::EndCall, id));
        button->setToolTip(why);
        button->setAccessibleDescription(why);
    };
    arm(interrupt, Desk::Act::Interrupt, QStringLiteral("interrupt"));
    arm(end, Desk::Act::EndCallNow, QStringLiteral("end-call"));
    another->setVisible(over || !desk.isLive());
    showChecks(theme);
}

void TestCallDialog::Private::showChecks(const Theme& theme)
{
    const bool over = last && last->state == CallState::Ended;
    const int extent = q.fontMetrics().height();
    const auto tell = [&](CheckLine& line, bool good, const QString& sentence) {
        line.mark->setVisible(over);
        line.sentence->setVisible(over);
        if (!over)
            return;
        const Look look = lookOf(good ? ServicesModel::Lamp::Ready : ServicesModel::Lamp::Failed);
        line.mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
        line.mark->setToolTip(good ? tr("Passed") : tr("Failed"));
        line.mark->setAccessibleName(line.mark->toolTip());
        line.sentence->setText(sentence);
    };
    const int turns = last ? last->turn : 0;
    tell(checks[0], turns > 0,
        turns > 0 ? tr("The agent spoke: %n turn(s).", nullptr, turns) : tr("The agent did not speak."));
    const bool measured = slowest.count() > 0;
    tell(checks[1], measured && slowest <= LongestGoodWait,
        measured ? tr("The longest wait for an answer was %1.").arg(gapText(slowest))
                 : tr("No wait for an answer was measured."));
    const EndReason reason = last ? last->reason : EndReason::None;
    tell(checks[2],
        reason == EndReason::Completed || reason == EndReason::CallerHungUp || reason == EndReason::OperatorEnded,
        tr("How it ended: %1.").arg(endReasonWord(reason)));
}

void TestCallDialog::Private::again()
{
    id.clear();
    failure.clear();
    pages->setCurrentWidget(compose);
    lines->setFocus(Qt::OtherFocusReason);
    check();
}

TestCallDialog::TestCallDialog(Desk& desk, QWidget* parent)
    : QDialog(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

TestCallDialog::~TestCallDialog() = default;

void TestCallDialog::chooseFile(const QString& path)
{
    d->path = path;
    d->folder = QFileInfo(path).absolutePath();
    d->byFile->setChecked(true);
    d->failure.clear();
    d->readFile();
}

QString TestCallDialog::callId() const
{
    return d->id;
}

void TestCallDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        d->retranslate();
    } else if (event->type() == QEvent::PaletteChange) {
        d->check();
        d->show();
    }
}

void TestCallDialog::dragEnterEvent(QDragEnterEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (d->pages->currentWidget() == d->compose && urls.size() == 1 && urls.first().isLocalFile())
        event->acceptProposedAction();
}

void TestCallDialog::dropEvent(QDropEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (urls.size() != 1 || !urls.first().isLocalFile())
        return;
    event->acceptProposedAction();
    chooseFile(urls.first().toLocalFile());
}

} // namespace kav::console
