// SPDX-License-Identifier: Apache-2.0
#include "console/app/saveevidencedialog.h"

#include "console/models/words.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QVBoxLayout>

namespace kav::console {

namespace {

const QString ZipEnding = QStringLiteral(".zip");

/// A CallSid is plain; whatever else an engine may call a call must not lead elsewhere.
QString plainName(const QString& callId)
{
    QString name = QStringLiteral("kav-evidence-");
    for (const QChar c : callId.left(64))
        name += c.unicode() < 128 && c.isLetterOrNumber() ? c : QChar(u'_');
    return name;
}

} // namespace

SaveEvidenceDialog::SaveEvidenceDialog(Desk& desk, const QString& callId, const QString& folder, QWidget* parent)
    : QDialog(parent)
    , m_desk(desk)
    , m_callId(callId)
    , m_about(new QLabel(this))
    , m_whyNot(new QLabel(this))
    , m_noted(new QLabel(this))
    , m_pathLabel(new QLabel(this))
    , m_file(new QRadioButton(this))
    , m_folder(new QRadioButton(this))
    , m_path(new QLineEdit(this))
    , m_browse(new QPushButton(this))
    , m_unmask(new QCheckBox(this))
    , m_buttons(new QDialogButtonBox(QDialogButtonBox::Cancel, this))
    , m_save(m_buttons->addButton(QString(), QDialogButtonBox::AcceptRole))
{
    setModal(false);
    setAttribute(Qt::WA_DeleteOnClose);
    m_file->setObjectName(QStringLiteral("evidenceAsFile"));
    m_folder->setObjectName(QStringLiteral("evidenceAsFolder"));
    m_path->setObjectName(QStringLiteral("evidencePath"));
    m_unmask->setObjectName(QStringLiteral("evidenceUnmask"));
    m_whyNot->setObjectName(QStringLiteral("evidenceWhyNot"));
    m_save->setObjectName(QStringLiteral("evidenceSave"));
    for (QLabel* label : {m_about, m_whyNot, m_noted}) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
    }
    m_about->setMinimumWidth(m_about->fontMetrics().averageCharWidth() * 64);
    m_file->setChecked(true);
    // A path reads from left to right in every language.
    m_path->setLayoutDirection(Qt::LeftToRight);
    m_path->setText(QDir::toNativeSeparators(folder + QLatin1Char('/') + plainName(callId) + ZipEnding));
    m_pathLabel->setBuddy(m_path);
    m_save->setDefault(true);
    m_browse->setAutoDefault(false);

    const auto place = new QHBoxLayout;
    place->addWidget(m_pathLabel);
    place->addWidget(m_path, 1);
    place->addWidget(m_browse);
    const auto column = new QVBoxLayout(this);
    column->addWidget(m_about);
    column->addSpacing(6);
    column->addWidget(m_file);
    column->addWidget(m_folder);
    column->addLayout(place);
    column->addSpacing(6);
    column->addWidget(m_unmask);
    column->addWidget(m_noted);
    column->addWidget(m_whyNot);
    column->addWidget(m_buttons);

    connect(m_buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_browse, &QPushButton::clicked, this, &SaveEvidenceDialog::browse);
    connect(m_file, &QRadioButton::toggled, this, &SaveEvidenceDialog::followKind);
    connect(m_path, &QLineEdit::textChanged, this, &SaveEvidenceDialog::update);
    connect(m_unmask, &QCheckBox::toggled, this, &SaveEvidenceDialog::update);
    connect(&desk, &Desk::actsChanged, this, &SaveEvidenceDialog::update);
    connect(&desk, &Desk::linkChanged, this, &SaveEvidenceDialog::update);
    connect(m_save, &QPushButton::clicked, this, [this] {
        Q_EMIT ordered({m_callId, QDir::fromNativeSeparators(m_path->text().trimmed()), m_folder->isChecked(),
            m_unmask->isChecked()});
        accept();
    });
    retranslate();
    update();
}

void SaveEvidenceDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        retranslate();
        update();
    }
}

void SaveEvidenceDialog::browse()
{
    // Nothing is overwritten, so that nothing needs to be confirmed: a name that is taken is told here.
    const QString now = QDir::fromNativeSeparators(m_path->text().trimmed());
    const QString chosen = QFileDialog::getSaveFileName(this, windowTitle(), now,
        m_file->isChecked() ? tr("Zip files (*.zip)") : QString(), nullptr, QFileDialog::DontConfirmOverwrite);
    if (chosen.isEmpty())
        return;
    m_path->setText(QDir::toNativeSeparators(chosen));
    followKind();
}

void SaveEvidenceDialog::followKind()
{
    QString path = m_path->text().trimmed();
    const bool isZip = path.endsWith(ZipEnding, Qt::CaseInsensitive);
    if (m_file->isChecked() && !isZip && !path.isEmpty())
        path += ZipEnding;
    else if (m_folder->isChecked() && isZip)
        path.chop(ZipEnding.size());
    m_path->setText(path);
    update();
}

void SaveEvidenceDialog::update()
{
    QString whyNot = m_desk.whyNot(Desk::Act::SaveEvidence, m_callId);
    if (whyNot.isEmpty())
        whyNot =
            EvidenceSaver::whyNotThere(QDir::fromNativeSeparators(m_path->text().trimmed()), m_folder->isChecked());
    m_save->setEnabled(whyNot.isEmpty());
    m_save->setToolTip(whyNot);
    m_whyNot->setText(whyNot);
    m_whyNot->setVisible(!whyNot.isEmpty());
    m_noted->setVisible(m_unmask->isChecked());
    // Words that wrap do not make a window grow by themselves.
    layout()->activate();
    if (const int needed = layout()->totalHeightForWidth(width()); needed > height())
        resize(width(), needed);
}

void SaveEvidenceDialog::retranslate()
{
    setWindowTitle(tr("Save evidence"));
    //: %1: a call's id
    m_about->setText(
        tr("What happened in the call %1, for whoever must be shown: a page that opens from disk, the same as "
           "data, the sound if it was recorded, and the SHA-256 of each file.")
            .arg(isolatedByItself(m_callId)));
    m_file->setText(tr("One &file (zip)"));
    m_folder->setText(tr("A f&older with the files"));
    m_pathLabel->setText(tr("&Save as:"));
    m_path->setAccessibleName(tr("Where the evidence is saved"));
    m_browse->setText(tr("&Browse…"));
    m_unmask->setText(tr("Show &telephone numbers that were said or keyed"));
    m_noted->setText(tr("The call log will say that you took the evidence with the numbers."));
    m_save->setText(tr("S&ave"));
    m_buttons->button(QDialogButtonBox::Cancel)->setText(tr("Cancel"));
}

} // namespace kav::console
