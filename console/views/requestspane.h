// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QList>
#include <QWidget>

#include <memory>

class QAction;

namespace kav::console {

/// The requests that came to the engine: table, filters over all that it keeps, and all that is known of the selected
/// one, with what to do about a signature that did not hold. Told of new ones only while it is on screen.
class RequestsPane final : public QWidget {
    Q_OBJECT
public:
    static constexpr Milliseconds FilterPause{300}; ///< of typing, before the engine is asked

    explicit RequestsPane(Desk& desk, QWidget* parent = nullptr);
    ~RequestsPane() override;

    void setContextActions(const QList<QAction*>& actions);
    /// Header and splitter.
    QByteArray saveLayout() const;
    bool restoreLayout(const QByteArray& state);
    void focusFilter();
    /// Only those of the call that is selected, now and as the selection moves.
    void setThisCallOnly(bool on);
    /// All that is known of the selected request, as plain text; empty: none is.
    QString detailText() const;

Q_SIGNALS:
    /// A request was opened, and it is about this call.
    void activated(const QString& callId);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override; ///< keys of the filter: Esc, Down, Enter

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
