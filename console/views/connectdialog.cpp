// SPDX-License-Identifier: Apache-2.0
#include "console/views/connectdialog.h"

#include "console/net/engineurl.h"
#include "console/views/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QEvent>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

namespace kav::console {

struct ConnectDialog::Private final {
    explicit Private(ConnectDialog& dialog)
        : q(dialog)
        , intro(new QLabel(&dialog))
        , urlLabel(new QLabel(&dialog))
        , url(new QComboBox(&dialog))
        , verdict(new QLabel(&dialog))
        , tokenLabel(new QLabel(&dialog))
        , token(new QLineEdit(&dialog))
        , nameLabel(new QLabel(&dialog))
        , name(new QLineEdit(&dialog))
        , remember(new QCheckBox(&dialog))
        , buttons(new QDialogButtonBox(&dialog))
        // Not the standard ones: the box would give those its own words at a change of language.
        , accept(buttons->addButton(QString(), QDialogButtonBox::AcceptRole))
        , cancel(buttons->addButton(QString(), QDialogButtonBox::RejectRole))
    {
    }

    ConnectDialog& q;
    QLabel *intro, *urlLabel;
    QComboBox* url;
    QLabel *verdict, *tokenLabel;
    QLineEdit* token;
    QLabel* nameLabel;
    QLineEdit* name;
    QCheckBox* remember;
    QDialogButtonBox* buttons;
    QPushButton *accept, *cancel;

    void build(const Values& values, const QStringList& lastUrls);
    void retranslate();
    void check();
};

void ConnectDialog::Private::build(const Values& values, const QStringList& lastUrls)
{
    url->setEditable(true);
    url->setInsertPolicy(QComboBox::NoInsert);
    url->addItems(lastUrls);
    url->setEditText(values.url);
    url->setMinimumContentsLength(36);
    url->lineEdit()->setPlaceholderText(QStringLiteral("wss://kav.example.com"));
    // Addresses run left to right in every language.
    url->lineEdit()->setAlignment(Qt::AlignLeft | Qt::AlignAbsolute);
    url->lineEdit()->setLayoutDirection(Qt::LeftToRight);
    token->setText(values.token);
    token->setEchoMode(QLineEdit::Password);
    token->setLayoutDirection(Qt::LeftToRight);
    accept->setDefault(true);
    name->setText(values.operatorName);
    name->setMaxLength(64);
    remember->setChecked(values.remember);
    verdict->setWordWrap(true);
    intro->setWordWrap(true);
    urlLabel->setBuddy(url);
    tokenLabel->setBuddy(token);
    nameLabel->setBuddy(name);

    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->addRow(urlLabel, url);
    form->addRow(nullptr, verdict);
    form->addRow(tokenLabel, token);
    form->addRow(nameLabel, name);
    form->addRow(nullptr, remember);
    auto* box = new QVBoxLayout(&q);
    box->addWidget(intro);
    box->addLayout(form);
    box->addStretch(1);
    box->addWidget(buttons);

    QObject::connect(url, &QComboBox::editTextChanged, &q, [this] { check(); });
    QObject::connect(buttons, &QDialogButtonBox::accepted, &q, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, &q, &QDialog::reject);
    retranslate();
    // Wide enough for most of what the check says to stand on one line.
    q.resize(q.fontMetrics().averageCharWidth() * 72, q.sizeHint().height());
    // An address that is there already leaves the token to be typed.
    (values.url.isEmpty() ? static_cast<QWidget*>(url) : token)->setFocus(Qt::OtherFocusReason);
}

void ConnectDialog::Private::retranslate()
{
    q.setWindowTitle(tr("Connect to an engine"));
    intro->setText(tr("The engine's address and the token that its administrator gave you."));
    urlLabel->setText(tr("&Engine:"));
    url->setAccessibleName(tr("Address of the engine"));
    tokenLabel->setText(tr("&Token:"));
    token->setAccessibleName(tr("Token, not shown"));
    token->setPlaceholderText(tr("None, when the engine is on this computer"));
    nameLabel->setText(tr("Your &name:"));
    name->setAccessibleName(tr("Your name"));
    name->setToolTip(tr("The engine notes it with what you do to a call."));
    remember->setText(tr("&Remember, the token too"));
    remember->setToolTip(tr("In a file that only you can read."));
    remember->setAccessibleDescription(remember->toolTip());
    accept->setText(tr("Connect"));
    cancel->setText(tr("Cancel"));
    check();
}

void ConnectDialog::Private::check()
{
    const QString typed = url->currentText().trimmed();
    const Theme theme(q.palette());
    Tone tone = Tone::Muted;
    bool good = false;
    if (typed.isEmpty()) {
        verdict->setText(tr("For example localhost, or wss://kav.example.com."));
    } else if (const auto address = engineUrl(typed)) {
        good = true;
        verdict->setText(tr("Connects to %1.").arg(QChar(0x2066) + address->toString() + QChar(0x2069)));
    } else {
        tone = Tone::Bad;
        verdict->setText(address.error().message);
    }
    QPalette palette;
    palette.setColor(QPalette::WindowText, theme.color(tone));
    verdict->setPalette(palette);
    url->setAccessibleDescription(verdict->text());
    accept->setEnabled(good);
    accept->setToolTip(good ? QString() : verdict->text());
}

ConnectDialog::ConnectDialog(const Values& values, const QStringList& lastUrls, QWidget* parent)
    : QDialog(parent)
    , d(std::make_unique<Private>(*this))
{
    d->build(values, lastUrls);
}

ConnectDialog::~ConnectDialog() = default;

ConnectDialog::Values ConnectDialog::values() const
{
    return {d->url->currentText().trimmed(), d->token->text(), d->name->text().trimmed(), d->remember->isChecked()};
}

void ConnectDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->check();
}

} // namespace kav::console
