// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/app/commandline.h"
#include "console/app/tokenstore.h"
#include "console/models/desk.h"

#include <QObject>
#include <QPointer>
#include <QUrl>

class QWidget;

namespace kav::console {

class ConnectDialog;

/// Which engine the desk is joined to: the command line's, else the last one, else the one that the user is asked for;
/// and what of it is remembered. Owned by main(), lives on the GUI thread.
class EngineChooser final : public QObject {
    Q_OBJECT
public:
    EngineChooser(Desk& desk, Settings& settings, TokenStore& tokens);
    ~EngineChooser() override;

    /// Connects to what is known, or asks. `window` bears the question.
    void begin(const CommandLine& line, QWidget* window);
    /// Not modal: calls go on being shown.
    void ask(QWidget* window);

Q_SIGNALS:
    /// A sentence for the user: something will not be remembered, or could not be used.
    void trouble(const QString& sentence);

private:
    void connectTo(const QUrl& url, const QString& token, const QString& operatorName);
    QString operatorName() const;

    Desk& m_desk;
    Settings& m_settings;
    TokenStore& m_tokens;
    QPointer<ConnectDialog> m_dialog;
    QString m_token; ///< of the engine that is connected to
    QString m_operatorName; ///< of this run; empty: the remembered one
};

} // namespace kav::console
