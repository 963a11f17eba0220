// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <QAbstractTableModel>
#include <QTimer>

#include <functional>
#include <memory>

namespace kav::console {

/// The calls of the engine, one row each, keyed by call id, in the order of their start. Changes are gathered and shown
/// ten times a second with merged dataChanged ranges; the time columns by one timer a second. Never reset for an
/// update: a snapshot is taken as differences, so that selection and scroll stay. Owned by Desk.
class LiveCallsModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { State, Caller, Called, Badges, TimeInState, Elapsed, Turn, LastGap, ColumnCount };
    static constexpr Milliseconds FlushEvery{100};

    /// `engineNow`: the engine's wall clock, by which times in state are counted.
    LiveCallsModel(std::function<QDateTime()> engineNow, QObject* parent = nullptr);
    ~LiveCallsModel() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    void take(const QList<CallSummary>& snapshot);
    void change(const CallSummary& call);
    void remove(const QString& callId);
    /// What is shown is not live now (or is again): DimmedRole of all, and the times stand still.
    void setLive(bool live);
    /// A command on the call awaits its answer.
    void setPending(const QString& callId, bool pending);

    std::optional<CallSummary> call(const QString& callId) const; ///< what came last, shown yet or not
    /// With that CallSummary::placed and a CallSid of its own.
    std::optional<CallSummary> placedCall(const QString& placed) const;
    int rowOf(const QString& callId) const; ///< -1: not shown
    const CallSummary& at(int row) const; ///< of a row that is there
    int liveCount() const; ///< calls that have not ended
    /// Shows what is gathered, now; called by the inner timer, and by tests.
    void flush();
    /// The time columns; called by the inner timer, and by tests.
    void tickTimes();
    void retranslate();

Q_SIGNALS:
    void liveCountChanged(int count);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
