// SPDX-License-Identifier: Apache-2.0
#include "console/app/enginechooser.h"

#include "console/net/engineurl.h"
#include "console/views/connectdialog.h"

namespace kav::console {

namespace {
const QLatin1String EngineOfThisMachine("ws://127.0.0.1:5000");
} // namespace

EngineChooser::EngineChooser(Desk& desk, Settings& settings, TokenStore& tokens)
    : m_desk(desk)
    , m_settings(settings)
    , m_tokens(tokens)
{
}

EngineChooser::~EngineChooser()
{
    delete m_dialog;
}

void EngineChooser::begin(const CommandLine& line, QWidget* window)
{
    m_operatorName = line.operatorName;
    const QString known = line.url.isEmpty() ? m_settings.urls().value(0) : line.url;
    const auto url = engineUrl(known);
    if (known.isEmpty() || !url) {
        m_token = line.token.value_or(QString());
        ask(window);
        return;
    }
    QString token = line.token.value_or(QString());
    if (!line.token) {
        const auto kept = m_tokens.token(url->toString());
        if (kept)
            token = *kept;
        else Q_EMIT
            trouble(kept.error().message);
    }
    connectTo(*url, token, operatorName());
}

void EngineChooser::ask(QWidget* window)
{
    if (m_dialog) {
        m_dialog->raise();
        m_dialog->activateWindow();
        return;
    }
    const QUrl now = m_desk.connection().url();
    const QStringList last = m_settings.urls();
    const QString url = now.isValid() ? now.toString() : last.value(0, EngineOfThisMachine);
    m_dialog = new ConnectDialog({url, m_token, operatorName(), true}, last, window);
    m_dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(m_dialog, &QDialog::accepted, this, [this] {
        const ConnectDialog::Values values = m_dialog->values();
        const auto address = engineUrl(values.url);
        if (!address) {
            Q_EMIT trouble(address.error().message);
            return;
        }
        m_operatorName = values.operatorName;
        m_settings.setOperatorName(values.operatorName);
        m_settings.rememberUrl(address->toString());
        if (const auto synced = m_settings.sync(); !synced) Q_EMIT
            trouble(synced.error().message);
        // Not to be remembered means that what was kept before goes as well.
        if (const auto kept = m_tokens.setToken(address->toString(), values.remember ? values.token : QString()); !kept)
            Q_EMIT
            trouble(kept.error().message);
        connectTo(*address, values.token, values.operatorName);
    });
    m_dialog->show();
}

void EngineChooser::connectTo(const QUrl& url, const QString& token, const QString& operatorName)
{
    m_token = token;
    m_desk.connectTo(url, token, operatorName);
}

QString EngineChooser::operatorName() const
{
    if (!m_operatorName.isEmpty())
        return m_operatorName;
    const QString remembered = m_settings.operatorName();
    return remembered.isEmpty() ? qEnvironmentVariable("USER", qEnvironmentVariable("LOGNAME")) : remembered;
}

} // namespace kav::console
