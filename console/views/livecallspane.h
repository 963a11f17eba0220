// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QList>
#include <QWidget>

#include <memory>

class QAction;

namespace kav::console {

/// The table of live calls with its filter (text, kind), "n of m" and "clear filters". Keeps selection and scroll by
/// call id while rows come and go; the selected call is the desk's.
class LiveCallsPane final : public QWidget {
    Q_OBJECT
public:
    explicit LiveCallsPane(Desk& desk, QWidget* parent = nullptr);
    ~LiveCallsPane() override;

    void setContextActions(const QList<QAction*>& actions); ///< borrowed
    QByteArray saveHeader() const;
    bool restoreHeader(const QByteArray& state);
    void focusFilter(); ///< Ctrl+F
    void clearFilters();

Q_SIGNALS:
    void activated(const QString& callId); ///< Enter, double click

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    bool eventFilter(QObject* watched, QEvent* event) override; ///< keys of the filter: Esc, Down, Enter

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
