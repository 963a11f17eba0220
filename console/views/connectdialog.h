// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDialog>
#include <QString>
#include <QStringList>

#include <memory>

namespace kav::console {

/// Which engine, with which token, under which name. Checks the address while it is typed (engineUrl) and says in words
/// what is wrong. The token is shown as dots and never read out.
class ConnectDialog final : public QDialog {
    Q_OBJECT
public:
    struct Values final {
        QString url, token, operatorName;
        bool remember = true; ///< the token too, in a file that only this user can read
    };

    explicit ConnectDialog(const Values& values, const QStringList& lastUrls, QWidget* parent = nullptr);
    ~ConnectDialog() override;

    Values values() const;

protected:
    void changeEvent(QEvent* event) override;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
