// SPDX-License-Identifier: Apache-2.0
#include "console/models/servicesmodel.h"

#include "console/models/roles.h"
#include "console/models/rowsteps.h"
#include "console/models/words.h"

#include <algorithm>

namespace kav::console {

namespace {

ServicesModel::Lamp lampOf(ServiceState state)
{
    using Lamp = ServicesModel::Lamp;
    switch (state) {
    case ServiceState::Off:
        return Lamp::Off;
    case ServiceState::Warming:
        return Lamp::Warming;
    case ServiceState::Ready:
        return Lamp::Ready;
    case ServiceState::Degraded:
        return Lamp::Degraded;
    case ServiceState::Failed:
        return Lamp::Failed;
    }
    return Lamp::Unknown;
}

QStringList serviceKeys(const QList<ServiceStatus>& services)
{
    QStringList keys;
    for (const ServiceStatus& service : services)
        keys.append(service.id);
    return keys;
}

QString useText(const ServiceUse& use)
{
    if (use.answers == 0)
        //: How a provider has served of late. %1: a number
        return ServicesModel::tr("Answers: none; errors: %1").arg(use.errors);
    //: How a provider has served of late. %1 and %5: numbers; p50: half of the answers began within %2
    return ServicesModel::tr("Answers: %1; p50 %2, p95 %3, p99 %4; errors: %5")
        .arg(QString::number(use.answers), gapText(use.p50), gapText(use.p95), gapText(use.p99),
            QString::number(use.errors));
}

} // namespace

/// Row 0 is the engine; row n is services[n - 1].
struct ServicesModel::Private final {
    Private(ServicesModel& model, std::function<QDateTime()> now)
        : q(model)
        , engineNow(std::move(now))
    {
    }

    QDateTime now() const { return live ? engineNow() : stoodStillAt; }
    const ServiceStatus* serviceAt(int row) const { return row > 0 ? &services.at(row - 1) : nullptr; }
    QString idAt(int row) const { return row > 0 ? services.at(row - 1).id : QStringLiteral("engine"); }
    int rowOf(const QString& serviceId) const; ///< -1: no such service
    Lamp lampAt(int row) const;
    QString reasonAt(int row) const;
    QString display(int row, int column) const;
    QVariant exported(int row, int column) const;
    QString toolTip(int row) const;
    QString sentence(int row) const;
    void tellRows(int first, int last, const QList<int>& roles = {})
    {
        Q_EMIT q.dataChanged(q.index(first, 0), q.index(last, ColumnCount - 1), roles);
    }

    ServicesModel& q;
    const std::function<QDateTime()> engineNow;
    std::optional<EngineStatus> engine;
    QList<ServiceStatus> services;
    QStringList pending;
    QDateTime stoodStillAt;
    bool live = true;
};

ServicesModel::ServicesModel(std::function<QDateTime()> engineNow, QObject* parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Private>(*this, std::move(engineNow)))
{
}

ServicesModel::~ServicesModel() = default;

int ServicesModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(d->services.size()) + 1;
}

int ServicesModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant ServicesModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const int row = index.row();
    switch (role) {
    case Qt::DisplayRole:
        return d->display(row, index.column());
    case Qt::ToolTipRole:
        return d->toolTip(row);
    case Qt::AccessibleTextRole:
        return d->sentence(row);
    case IdRole:
        return d->idAt(row);
    case SortRole:
        return row; // the engine's order says what depends on what
    case StateRole:
        return int(d->lampAt(row));
    case ExportRole:
        return d->exported(row, index.column());
    case DimmedRole:
        return !d->live;
    case PendingRole:
        return d->pending.contains(d->idAt(row));
    case ItemRole:
        return row > 0  ? QVariant::fromValue(*d->serviceAt(row))
            : d->engine ? QVariant::fromValue(*d->engine)
                        : QVariant();
    case LevelRole: {
        const Lamp lamp = d->lampAt(row);
        return lamp == Lamp::Failed ? 2 : lamp == Lamp::Degraded ? 1 : 0;
    }
    default:
        return {};
    }
}

QVariant ServicesModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section < 0 || section >= ColumnCount)
        return {};
    switch (Column(section)) {
    case Name:
        //: Column: name of a service of the engine
        return tr("Service");
    case State:
        //: Column: "Ready", "Failed"
        return tr("State");
    case Provider:
        //: Column: the program or model that does the service's work
        return tr("Provider");
    case Since:
        //: Column: since when the service has been in its state
        return tr("Since");
    case Checked:
        //: Column: how long ago the engine looked at the service
        return tr("Last check");
    case Reason:
        //: Column: why a service is degraded or failed
        return tr("Reason");
    case Use:
        //: Column: how a provider has served in the last minutes
        return tr("Lately");
    case ColumnCount:
        break;
    }
    return {};
}

void ServicesModel::take(const QList<ServiceStatus>& services)
{
    QList<ServiceStatus> wanted;
    for (const ServiceStatus& service : services) {
        const auto same = [&](const ServiceStatus& other) { return other.id == service.id; };
        if (std::none_of(wanted.cbegin(), wanted.cend(), same))
            wanted.append(service);
    }
    const RowSteps steps = rowSteps(serviceKeys(d->services), serviceKeys(wanted));
    for (const RowRange& range : steps.removed) {
        beginRemoveRows({}, range.first + 1, range.last + 1);
        for (int i = range.first; i <= range.last; ++i)
            d->pending.removeOne(d->services.at(i).id);
        d->services.remove(range.first, range.last - range.first + 1);
        endRemoveRows();
    }
    for (const RowRange& range : steps.inserted) {
        beginInsertRows({}, range.first + 1, range.last + 1);
        for (int i = range.first; i <= range.last; ++i)
            d->services.insert(i, wanted.at(i));
        endInsertRows();
    }
    for (const ServiceStatus& service : std::as_const(wanted))
        change(service);
}

void ServicesModel::change(const ServiceStatus& service)
{
    const int row = d->rowOf(service.id);
    if (row < 0) {
        const int last = rowCount();
        beginInsertRows({}, last, last);
        d->services.append(service);
        endInsertRows();
    } else if (d->services.at(row - 1) != service) {
        d->services[row - 1] = service;
        d->tellRows(row, row);
    }
}

void ServicesModel::setEngine(const EngineStatus& engine)
{
    if (d->engine == engine)
        return;
    d->engine = engine;
    d->tellRows(0, 0);
}

EngineStatus ServicesModel::engine() const
{
    return d->engine.value_or(EngineStatus());
}

std::optional<ServiceStatus> ServicesModel::service(const QString& serviceId) const
{
    const int row = d->rowOf(serviceId);
    return row < 0 ? std::nullopt : std::optional(d->services.at(row - 1));
}

QList<int> ServicesModel::rowsOf(const QString& stage) const
{
    QList<int> rows;
    if (stage.isEmpty())
        rows.append(0);
    for (int i = 0; i < d->services.size(); ++i) {
        if (d->services.at(i).stage == stage)
            rows.append(i + 1);
    }
    return rows;
}

void ServicesModel::clear()
{
    take({});
    d->engine.reset();
    d->tellRows(0, 0);
}

void ServicesModel::setLive(bool live)
{
    if (live == d->live)
        return;
    d->stoodStillAt = d->engineNow();
    d->live = live;
    d->tellRows(0, rowCount() - 1);
}

void ServicesModel::setPending(const QString& serviceId, bool pending)
{
    const int row = d->rowOf(serviceId);
    if (row < 0 || pending == d->pending.contains(serviceId))
        return;
    if (pending)
        d->pending.append(serviceId);
    else
        d->pending.removeOne(serviceId);
    d->tellRows(row, row, {PendingRole, Qt::AccessibleTextRole, Qt::ToolTipRole});
}

void ServicesModel::tickTimes()
{
    if (d->live)
        d->tellRows(0, rowCount() - 1,
            {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole, StateRole, LevelRole, ExportRole});
}

void ServicesModel::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
    d->tellRows(0, rowCount() - 1, {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole});
}

int ServicesModel::Private::rowOf(const QString& serviceId) const
{
    for (int i = 0; i < services.size(); ++i)
        if (services.at(i).id == serviceId)
            return i + 1;
    return -1;
}

ServicesModel::Lamp ServicesModel::Private::lampAt(int row) const
{
    if (!live)
        return Lamp::Unknown;
    if (const ServiceStatus* service = serviceAt(row)) {
        // What is off or being made is not looked at.
        const bool looked = service->state != ServiceState::Off && service->state != ServiceState::Warming;
        const bool old = !service->checkedAt.isValid() || service->checkedAt.msecsTo(now()) > FreshFor.count();
        return looked && old ? Lamp::Unknown : lampOf(service->state);
    }
    if (!engine)
        return Lamp::Unknown;
    if (engine->ready)
        return Lamp::Ready;
    // Full or draining: the engine is well and serves the calls it has.
    const bool well = std::all_of(engine->notReady.cbegin(), engine->notReady.cend(),
        [](const QString& word) { return word == QLatin1String("full") || word == QLatin1String("draining"); });
    return well && !engine->notReady.isEmpty() ? Lamp::Degraded : Lamp::Failed;
}

QString ServicesModel::Private::reasonAt(int row) const
{
    if (const ServiceStatus* service = serviceAt(row))
        return service->reason;
    QStringList sentences;
    if (engine && !engine->ready)
        for (const QString& word : engine->notReady)
            sentences.append(notReadySentence(word));
    return sentences.join(QLatin1Char(' '));
}

QString ServicesModel::Private::display(int row, int column) const
{
    const ServiceStatus* service = serviceAt(row);
    switch (Column(column)) {
    case Name:
        return serviceName(idAt(row));
    case State:
        return lampWord(lampAt(row));
    case Provider:
        return service ? service->name : QString();
    case Since:
        return service ? timeText(service->since, now()) : QString();
    case Checked:
        if (!service || !service->checkedAt.isValid())
            return {};
        //: %1: a length of time
        return tr("%1 ago").arg(durationWords(Milliseconds(service->checkedAt.msecsTo(now()))));
    case Reason:
        return reasonAt(row);
    case Use:
        return service && service->use ? useText(*service->use) : QString();
    case ColumnCount:
        break;
    }
    return {};
}

QVariant ServicesModel::Private::exported(int row, int column) const
{
    const ServiceStatus* service = serviceAt(row);
    switch (Column(column)) {
    case Name:
        return idAt(row);
    case State:
        return service ? serviceStateName(service->state) : withoutIsolates(lampWord(lampAt(row)));
    case Provider:
        return service ? service->name : QString();
    case Since:
        return service && service->since.isValid() ? service->since.toUTC().toString(Qt::ISODateWithMs) : QString();
    case Checked:
        return service && service->checkedAt.isValid() ? service->checkedAt.toUTC().toString(Qt::ISODateWithMs)
                                                       : QString();
    case Reason:
        return service ? service->reason : engine ? engine->notReady.join(QLatin1Char(' ')) : QString();
    case Use:
        return service && service->use ? withoutIsolates(useText(*service->use)) : QString();
    case ColumnCount:
        break;
    }
    return {};
}

/// A sentence a line.
QString ServicesModel::Private::toolTip(int row) const
{
    const ServiceStatus* service = serviceAt(row);
    QStringList lines;
    //: A service and its state
    lines.append(tr("%1: %2").arg(serviceName(idAt(row)), lampWord(lampAt(row))));
    if (const QString reason = reasonAt(row); !reason.isEmpty())
        lines.append(reason);
    if (!service) {
        if (engine)
            lines.append(tr("Live calls: %1 of at most %2").arg(engine->calls).arg(engine->capacity));
        return lines.join(QLatin1Char('\n'));
    }
    if (!service->name.isEmpty())
        //: %1: name of the program or model that does a service's work
        lines.append(tr("Served by %1").arg(isolated(service->name)));
    if (service->use)
        lines.append(useText(*service->use));
    if (service->since.isValid())
        lines.append(tr("Since %1").arg(timeText(service->since, now())));
    if (service->took)
        lines.append(tr("Making it took %1").arg(gapText(service->took)));
    if (service->checkedAt.isValid())
        lines.append(tr("Looked at %1 ago").arg(durationWords(Milliseconds(service->checkedAt.msecsTo(now())))));
    if (service->state == ServiceState::Failed && service->retryAt.isValid())
        lines.append(tr("It is tried again in %1").arg(durationWords(Milliseconds(now().msecsTo(service->retryAt)))));
    if (pending.contains(service->id))
        lines.append(tr("A command is on its way"));
    return lines.join(QLatin1Char('\n'));
}

QString ServicesModel::Private::sentence(int row) const
{
    const QString name = serviceName(idAt(row)), state = lampWord(lampAt(row)).toLower(), reason = reasonAt(row);
    if (reason.isEmpty())
        //: Read out. %1: a service; %2: its state
        return tr("%1, %2").arg(name, state);
    //: Read out. %1: a service; %2: its state; %3: why
    return tr("%1, %2: %3").arg(name, state, reason);
}

QString lampWord(ServicesModel::Lamp lamp)
{
    using Lamp = ServicesModel::Lamp;
    switch (lamp) {
    case Lamp::Off:
        return serviceStateWord(ServiceState::Off);
    case Lamp::Warming:
        return serviceStateWord(ServiceState::Warming);
    case Lamp::Ready:
        return serviceStateWord(ServiceState::Ready);
    case Lamp::Degraded:
        return serviceStateWord(ServiceState::Degraded);
    case Lamp::Failed:
        return serviceStateWord(ServiceState::Failed);
    case Lamp::Unknown:
        //: State of a service of the engine: nothing is known of it now
        return ServicesModel::tr("Unknown");
    }
    return {};
}

} // namespace kav::console
