// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/status.h"

#include <QAbstractTableModel>

#include <functional>
#include <memory>
#include <optional>

namespace kav::console {

/// The lamps: first "ready for calls" (id "engine", computed from EngineStatus), then one row per service in the order
/// the engine tells them; a provider of a stage is one, beside the stage itself (ServiceStatus::stage). A lamp whose
/// check is too old, or that is not live, is unknown, not green. Owned by Desk.
class ServicesModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Name, State, Provider, Since, Checked, Reason, Use, ColumnCount };
    /// What a lamp shows: StateRole. Unknown is the console's own.
    enum class Lamp { Off, Warming, Ready, Degraded, Failed, Unknown };
    Q_ENUM(Lamp)
    static constexpr Milliseconds FreshFor{30000};

    ServicesModel(std::function<QDateTime()> engineNow, QObject* parent = nullptr);
    ~ServicesModel() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    void take(const QList<ServiceStatus>& services);
    void change(const ServiceStatus& service);
    void setEngine(const EngineStatus& engine);
    EngineStatus engine() const;
    std::optional<ServiceStatus> service(const QString& serviceId) const;
    /// The rows of a stage's providers, in the order of preference; of an empty id, all that are no provider's.
    QList<int> rowsOf(const QString& stage) const;
    void clear(); ///< another engine: nothing is known
    void setLive(bool live);
    void setPending(const QString& serviceId, bool pending);
    void tickTimes(); ///< ages; once a second
    void retranslate();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

QString lampWord(ServicesModel::Lamp lamp);

} // namespace kav::console
