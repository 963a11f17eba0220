// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QList>
#include <QWidget>

#include <memory>

class QAction;

namespace kav::console {

/// The call log: table, text filter over all of the log, pages as one scrolls; says what it is loading and what it
/// could not load, with a button to try again.
class CallLogPane final : public QWidget {
    Q_OBJECT
public:
    static constexpr Milliseconds FilterPause{300}; ///< of typing, before the engine is asked

    explicit CallLogPane(Desk& desk, QWidget* parent = nullptr);
    ~CallLogPane() override;

    void setContextActions(const QList<QAction*>& actions);
    QByteArray saveHeader() const;
    bool restoreHeader(const QByteArray& state);
    void focusFilter();

Q_SIGNALS:
    void activated(const QString& callId);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    bool eventFilter(QObject* watched, QEvent* event) override; ///< keys of the filter: Esc, Down, Enter

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
