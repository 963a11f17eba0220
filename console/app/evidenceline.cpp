// SPDX-License-Identifier: Apache-2.0
#include "console/app/evidenceline.h"

#include "console/models/words.h"
#include "console/views/theme.h"

#include <QDesktopServices>
#include <QDir>
#include <QEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <QUrl>

namespace kav::console {

EvidenceLine::EvidenceLine(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , m_desk(desk)
    , m_words(new QLabel(this))
    , m_progress(new QProgressBar(this))
    , m_cancel(new QToolButton(this))
    , m_show(new QToolButton(this))
    , m_dismiss(new QToolButton(this))
{
    m_words->setObjectName(QStringLiteral("evidenceWords"));
    m_words->setTextFormat(Qt::PlainText);
    m_progress->setObjectName(QStringLiteral("evidenceProgress"));
    m_progress->setFixedWidth(m_progress->fontMetrics().averageCharWidth() * 16);
    m_cancel->setObjectName(QStringLiteral("evidenceCancel"));
    m_show->setObjectName(QStringLiteral("evidenceShow"));
    m_dismiss->setObjectName(QStringLiteral("evidenceDismiss"));
    for (QToolButton* button : {m_cancel, m_show, m_dismiss}) {
        button->setAutoRaise(true);
        button->setFocusPolicy(Qt::TabFocus);
    }
    const auto line = new QHBoxLayout(this);
    line->setContentsMargins(6, 0, 6, 0);
    for (QWidget* each : std::initializer_list<QWidget*>{m_words, m_progress, m_cancel, m_show, m_dismiss})
        line->addWidget(each);

    EvidenceSaver& saver = desk.evidence();
    connect(&saver, &EvidenceSaver::changed, this, [this] {
        if (m_desk.evidence().stage() != EvidenceSaver::Stage::Idle)
            m_saved.clear();
        update();
    });
    connect(&saver, &EvidenceSaver::saved, this, [this](const QString& path) {
        m_saved = path;
        update();
    });
    connect(m_cancel, &QToolButton::clicked, &saver, &EvidenceSaver::cancel);
    connect(m_show, &QToolButton::clicked, this, [this] {
        // The folder around a file; a folder itself.
        const QFileInfo saved(m_saved);
        QDesktopServices::openUrl(QUrl::fromLocalFile(saved.isDir() ? m_saved : saved.absolutePath()));
    });
    connect(m_dismiss, &QToolButton::clicked, this, [this] {
        m_saved.clear();
        update();
    });
    tint();
    update();
}

void EvidenceLine::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        update();
    else if (event->type() == QEvent::PaletteChange)
        tint();
}

void EvidenceLine::update()
{
    const EvidenceSaver& saver = m_desk.evidence();
    const bool isFetching = saver.stage() == EvidenceSaver::Stage::Fetching;
    const bool isBusy = saver.stage() != EvidenceSaver::Stage::Idle;
    m_progress->setVisible(isBusy);
    // Nobody knows how long the making takes: the bar moves without an end.
    m_progress->setRange(0, isFetching ? 100 : 0);
    m_progress->setValue(isFetching ? saver.percent() : -1);
    m_progress->setTextVisible(isFetching);
    m_progress->setAccessibleName(tr("How much of the evidence is here"));
    m_cancel->setVisible(isBusy);
    m_cancel->setText(tr("Cancel"));
    m_show->setVisible(!isBusy && !m_saved.isEmpty());
    m_show->setText(tr("Show in folder"));
    m_dismiss->setVisible(m_show->isVisibleTo(this));
    m_dismiss->setToolTip(tr("Dismiss"));
    m_dismiss->setAccessibleName(tr("Dismiss"));
    m_words->setText(isFetching ? tr("Fetching the evidence…")
            : isBusy            ? tr("The engine makes the evidence…")
            : m_saved.isEmpty() ? QString()
                                //: %1: a file's name
                                : tr("Evidence saved: %1").arg(isolatedByItself(QFileInfo(m_saved).fileName())));
    m_words->setToolTip(m_saved.isEmpty() ? QString() : isolatedByItself(QDir::toNativeSeparators(m_saved)));
    setVisible(isBusy || !m_saved.isEmpty());
}

void EvidenceLine::tint()
{
    m_dismiss->setIcon(Theme(palette()).icon(QStringLiteral("clear"), Tone::Neutral));
}

} // namespace kav::console
