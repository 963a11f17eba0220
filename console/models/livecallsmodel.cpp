// SPDX-License-Identifier: Apache-2.0
#include "console/models/livecallsmodel.h"

#include "console/models/roles.h"
#include "console/models/rowsteps.h"
#include "console/models/words.h"

#include <QHash>
#include <QSet>

#include <algorithm>
#include <bitset>

namespace kav::console {

namespace {

using namespace std::chrono_literals;
using Columns = std::bitset<LiveCallsModel::ColumnCount>;

/// A caller in this state waits for something; past these times an operator should look.
struct Patience final {
    Milliseconds amber, red;
};
std::optional<Patience> patienceOf(CallState state)
{
    switch (state) {
    case CallState::Thinking:
        return Patience{3s, 6s};
    case CallState::Ringing:
        return Patience{5s, 10s};
    case CallState::DecidingTurn:
        return Patience{2s, Milliseconds::max()};
    case CallState::Answered: // somebody has picked up, and hears nobody
        return Patience{2s, 5s};
    case CallState::Transferring:
    case CallState::OnHold:
        return Patience{30s, 60s};
    case CallState::Queued:
    case CallState::Dialling:
    case CallState::Greeting:
    case CallState::Listening:
    case CallState::CallerSpeaking:
    case CallState::Speaking:
    case CallState::Interrupted:
    case CallState::Held:
    case CallState::Ending:
    case CallState::Ended:
    case CallState::Transferred:
        break;
    }
    return std::nullopt;
}

Milliseconds between(const QDateTime& from, const QDateTime& to)
{
    return from.isValid() && to.isValid() ? std::max(0ms, Milliseconds(from.msecsTo(to))) : 0ms;
}

Milliseconds timeInState(const CallSummary& call, const QDateTime& now)
{
    return between(call.stateSince, now);
}

Milliseconds lengthOf(const CallSummary& call, const QDateTime& now)
{
    return between(call.startedAt, call.endedAt.isValid() ? call.endedAt : now);
}

int levelOf(const CallSummary& call, const QDateTime& now)
{
    const auto patience = patienceOf(call.state);
    if (!patience)
        return 0;
    const Milliseconds waited = timeInState(call, now);
    return waited > patience->red ? 2 : waited > patience->amber ? 1 : 0;
}

/// Earlier calls first; the id makes the order one.
bool startsBefore(const CallSummary& a, const CallSummary& b)
{
    return a.startedAt != b.startedAt ? a.startedAt < b.startedAt : a.id < b.id;
}

/// Columns that show something else when the call is `after`.
Columns changedColumns(const CallSummary& before, const CallSummary& after)
{
    Columns columns;
    columns[LiveCallsModel::State] = before.state != after.state || before.reason != after.reason;
    columns[LiveCallsModel::Caller] = before.from != after.from;
    columns[LiveCallsModel::Called] = before.to != after.to;
    columns[LiveCallsModel::Badges] = before.test != after.test || before.withoutStream != after.withoutStream
        || before.interruptions != after.interruptions || before.recording != after.recording;
    columns[LiveCallsModel::TimeInState] = before.stateSince != after.stateSince;
    columns[LiveCallsModel::Elapsed] = before.startedAt != after.startedAt || before.endedAt != after.endedAt;
    columns[LiveCallsModel::Turn] = before.turn != after.turn;
    columns[LiveCallsModel::LastGap] = before.lastGap != after.lastGap;
    // Dimming is of the whole row; so is the language, which is seen in the tooltip only.
    if ((before.state == CallState::Ended) != (after.state == CallState::Ended) || before.language != after.language
        || before.direction != after.direction)
        columns.set();
    return columns;
}

} // namespace

struct LiveCallsModel::Private final {
    struct Row final {
        CallSummary call;
        QDateTime order; ///< its start when it came: a later correction does not move the row
        int level = 0;
    };

    explicit Private(LiveCallsModel& model, std::function<QDateTime()> now)
        : q(model)
        , engineNow(std::move(now))
    {
    }

    QDateTime now() const { return live ? engineNow() : stoodStillAt; }

    void reindex(int from)
    {
        for (int row = from; row < rows.size(); ++row)
            places[rows.at(row).call.id] = row;
    }

    void gather()
    {
        if (!flushTimer.isActive())
            flushTimer.start();
    }

    void removeGone();
    void showChanges();
    void insertNew(QList<CallSummary> calls);
    /// One signal per block of rows that follow each other and changed in the same columns that follow each other.
    void tell(const QList<std::pair<int, Columns>>& changes);
    void tellRows(const QList<int>& rising, const QList<int>& roles);
    QList<int> updateLevels(); ///< rows whose level is another now
    void runTicks();

    QString display(const Row& row, int column) const;
    QVariant sortValue(const Row& row, int column) const;
    QVariant exported(const Row& row, int column) const;
    QString toolTip(const Row& row, int column) const;
    QString sentence(const Row& row) const;
    QString badges(const CallSummary& call) const;

    LiveCallsModel& q;
    const std::function<QDateTime()> engineNow;
    QList<Row> rows;
    QHash<QString, int> places;
    QHash<QString, CallSummary> gathered; ///< as they are to be shown at the next flush
    QSet<QString> gone;
    QSet<QString> pending;
    QTimer flushTimer, tickTimer;
    QDateTime stoodStillAt;
    bool live = true;
    int liveCount = 0;
};

LiveCallsModel::LiveCallsModel(std::function<QDateTime()> engineNow, QObject* parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Private>(*this, std::move(engineNow)))
{
    d->flushTimer.setSingleShot(true);
    d->flushTimer.setInterval(FlushEvery);
    connect(&d->flushTimer, &QTimer::timeout, this, &LiveCallsModel::flush);
    d->tickTimer.setInterval(1s);
    connect(&d->tickTimer, &QTimer::timeout, this, &LiveCallsModel::tickTimes);
}

LiveCallsModel::~LiveCallsModel() = default;

int LiveCallsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(d->rows.size());
}

int LiveCallsModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant LiveCallsModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const Private::Row& row = d->rows.at(index.row());
    switch (role) {
    case Qt::DisplayRole:
        return d->display(row, index.column());
    case Qt::ToolTipRole:
        return d->toolTip(row, index.column());
    case Qt::AccessibleTextRole:
        return d->sentence(row);
    case Qt::TextAlignmentRole:
        if (index.column() >= TimeInState)
            return int(Qt::AlignRight | Qt::AlignVCenter);
        return {};
    case IdRole:
        return row.call.id;
    case SortRole:
        return d->sortValue(row, index.column());
    case StateRole:
        return int(row.call.state);
    case ExportRole:
        return d->exported(row, index.column());
    case DimmedRole:
        return !d->live || row.call.state == CallState::Ended;
    case TestRole:
        return row.call.test;
    case PendingRole:
        return d->pending.contains(row.call.id);
    case ItemRole:
        return QVariant::fromValue(row.call);
    case LevelRole:
        return row.level;
    default:
        return {};
    }
}

QVariant LiveCallsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole && section >= TimeInState)
        return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole) {
        switch (Column(section)) {
        case TimeInState:
            return tr("How long the call has been in this state");
        case Elapsed:
            return tr("How long the call has been going on, or went on");
        case LastGap:
            return tr("From the end of the caller's words to the first sound of the agent's last answer");
        default:
            break;
        }
    }
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole)
        return {};
    switch (Column(section)) {
    case State:
        //: Column: what the call is doing
        return tr("State");
    case Caller:
        //: Column: the number that calls
        return tr("Caller");
    case Called:
        //: Column: the number that was called
        return tr("Called");
    case Badges:
        //: Column: "Test", number of interruptions
        return tr("Marks");
    case TimeInState:
        //: Column: how long the call has been in its state
        return tr("In state");
    case Elapsed:
        //: Column: how long the call has been going on
        return tr("Time");
    case Turn:
        //: Column: number of the turn (the caller's words and the agent's answer)
        return tr("Turn");
    case LastGap:
        //: Column: how long the caller waited for the last answer
        return tr("Last wait");
    case ColumnCount:
        break;
    }
    return {};
}

void LiveCallsModel::take(const QList<CallSummary>& snapshot)
{
    QSet<QString> there;
    d->gathered.clear();
    for (const CallSummary& call : snapshot) {
        there.insert(call.id);
        d->gathered.insert(call.id, call);
    }
    d->gone.clear();
    for (const Private::Row& row : std::as_const(d->rows))
        if (!there.contains(row.call.id))
            d->gone.insert(row.call.id);
    flush();
}

void LiveCallsModel::change(const CallSummary& call)
{
    d->gone.remove(call.id);
    d->gathered.insert(call.id, call);
    d->gather();
}

void LiveCallsModel::remove(const QString& callId)
{
    d->gathered.remove(callId);
    d->gone.insert(callId);
    d->gather();
}

void LiveCallsModel::setLive(bool live)
{
    if (live == d->live)
        return;
    d->stoodStillAt = d->engineNow();
    d->live = live;
    d->runTicks();
    d->updateLevels();
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1));
}

void LiveCallsModel::setPending(const QString& callId, bool pending)
{
    if (pending == d->pending.contains(callId))
        return;
    if (pending)
        d->pending.insert(callId);
    else
        d->pending.remove(callId);
    if (const int row = rowOf(callId); row >= 0)
        d->tellRows({row}, {PendingRole, Qt::AccessibleTextRole});
}

std::optional<CallSummary> LiveCallsModel::call(const QString& callId) const
{
    if (const auto it = d->gathered.constFind(callId); it != d->gathered.constEnd())
        return *it;
    const int row = rowOf(callId);
    return row < 0 || d->gone.contains(callId) ? std::nullopt : std::optional(d->rows.at(row).call);
}

std::optional<CallSummary> LiveCallsModel::placedCall(const QString& placed) const
{
    const auto isIt = [&placed](const CallSummary& call) { return call.placed == placed && call.id != placed; };
    for (const CallSummary& call : std::as_const(d->gathered)) {
        if (isIt(call))
            return call;
    }
    for (const auto& row : std::as_const(d->rows)) {
        if (isIt(row.call) && !d->gone.contains(row.call.id))
            return row.call;
    }
    return std::nullopt;
}

int LiveCallsModel::rowOf(const QString& callId) const
{
    return d->places.value(callId, -1);
}

const CallSummary& LiveCallsModel::at(int row) const
{
    return d->rows.at(row).call;
}

int LiveCallsModel::liveCount() const
{
    return d->liveCount;
}

void LiveCallsModel::flush()
{
    d->flushTimer.stop();
    d->removeGone();
    d->showChanges();
    const auto live = std::count_if(
        d->rows.cbegin(), d->rows.cend(), [](const Private::Row& row) { return row.call.state != CallState::Ended; });
    d->runTicks();
    if (live != d->liveCount) {
        d->liveCount = int(live);
        Q_EMIT liveCountChanged(d->liveCount);
    }
}

void LiveCallsModel::tickTimes()
{
    if (d->rows.isEmpty() || !d->live)
        return;
    // A row whose wait has become long changes in every column: a view may colour all of it.
    d->tellRows(d->updateLevels(), {LevelRole, Qt::AccessibleTextRole});
    Q_EMIT dataChanged(
        index(0, TimeInState), index(rowCount() - 1, Elapsed), {Qt::DisplayRole, Qt::AccessibleTextRole, ExportRole});
}

void LiveCallsModel::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1),
            {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole});
}

void LiveCallsModel::Private::removeGone()
{
    QList<int> lost;
    for (const QString& id : std::as_const(gone))
        if (const int row = places.value(id, -1); row >= 0)
            lost.append(row);
    gone.clear();
    std::sort(lost.begin(), lost.end());
    const QList<RowRange> ranges = rowRanges(lost);
    for (auto range = ranges.crbegin(); range != ranges.crend(); ++range) {
        q.beginRemoveRows({}, range->first, range->last);
        for (int row = range->first; row <= range->last; ++row) {
            pending.remove(rows.at(row).call.id);
            places.remove(rows.at(row).call.id);
        }
        rows.remove(range->first, range->last - range->first + 1);
        reindex(range->first);
        q.endRemoveRows();
    }
}

void LiveCallsModel::Private::showChanges()
{
    const QHash<QString, CallSummary> changes = std::exchange(gathered, {});
    const QDateTime time = now();
    QList<CallSummary> added;
    QList<std::pair<int, Columns>> changed;
    for (const CallSummary& call : changes) {
        const int place = places.value(call.id, -1);
        if (place < 0) {
            added.append(call);
            continue;
        }
        Row& row = rows[place];
        Columns columns = changedColumns(row.call, call);
        row.call = call;
        if (const int level = levelOf(call, time); level != row.level) {
            row.level = level;
            columns.set();
        }
        if (columns.any())
            changed.append({place, columns});
    }
    std::sort(changed.begin(), changed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    tell(changed);
    insertNew(std::move(added));
}

void LiveCallsModel::Private::insertNew(QList<CallSummary> calls)
{
    std::sort(calls.begin(), calls.end(), startsBefore);
    const QDateTime time = now();
    const auto placeOf = [this](const CallSummary& call) {
        return int(std::upper_bound(rows.cbegin(), rows.cend(), call, [](const CallSummary& a, const Row& b) {
            return a.startedAt != b.order ? a.startedAt < b.order : a.id < b.call.id;
        }) - rows.cbegin());
    };
    // From the end, so that the places found stay right.
    while (!calls.isEmpty()) {
        const int place = placeOf(calls.constLast());
        qsizetype first = calls.size() - 1;
        while (first > 0 && placeOf(calls.at(first - 1)) == place)
            --first;
        const int count = int(calls.size() - first);
        q.beginInsertRows({}, place, place + count - 1);
        rows.insert(place, count, Row{});
        for (int i = 0; i < count; ++i) {
            const CallSummary& call = calls.at(first + i);
            rows[place + i] = Row{call, call.startedAt, levelOf(call, time)};
        }
        reindex(place);
        q.endInsertRows();
        calls.remove(first, count);
    }
}

void LiveCallsModel::Private::tell(const QList<std::pair<int, Columns>>& changes)
{
    for (qsizetype first = 0; first < changes.size();) {
        const Columns columns = changes.at(first).second;
        qsizetype last = first;
        while (last + 1 < changes.size() && changes.at(last + 1).second == columns
            && changes.at(last + 1).first == changes.at(last).first + 1)
            ++last;
        for (int left = 0; left < ColumnCount; ++left) {
            if (!columns[std::size_t(left)])
                continue;
            int right = left;
            while (right + 1 < ColumnCount && columns[std::size_t(right) + 1])
                ++right;
            Q_EMIT q.dataChanged(q.index(changes.at(first).first, left), q.index(changes.at(last).first, right));
            left = right;
        }
        first = last + 1;
    }
}

void LiveCallsModel::Private::tellRows(const QList<int>& rising, const QList<int>& roles)
{
    for (const RowRange& range : rowRanges(rising))
        Q_EMIT q.dataChanged(q.index(range.first, 0), q.index(range.last, ColumnCount - 1), roles);
}

QList<int> LiveCallsModel::Private::updateLevels()
{
    const QDateTime time = now();
    QList<int> changed;
    for (int row = 0; row < rows.size(); ++row) {
        if (const int level = levelOf(rows.at(row).call, time); level != rows.at(row).level) {
            rows[row].level = level;
            changed.append(row);
        }
    }
    return changed;
}

void LiveCallsModel::Private::runTicks()
{
    const bool wanted = live && !rows.isEmpty();
    if (wanted && !tickTimer.isActive())
        tickTimer.start();
    else if (!wanted)
        tickTimer.stop();
}

QString LiveCallsModel::Private::display(const Row& row, int column) const
{
    const CallSummary& call = row.call;
    switch (Column(column)) {
    case State:
        if (call.state == CallState::Ended && call.reason != EndReason::None)
            //: A call that has ended; %1: why
            return tr("Ended: %1").arg(endReasonWord(call.reason));
        return callStateWord(call.state);
    case Caller:
        return numberText(call.from);
    case Called:
        return numberText(call.to);
    case Badges:
        return badges(call);
    case TimeInState:
        return durationText(timeInState(call, now()));
    case Elapsed:
        return durationText(lengthOf(call, now()));
    case Turn:
        return call.turn > 0 ? QString::number(call.turn) : QString(QChar(0x2013));
    case LastGap:
        return gapText(call.lastGap);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant LiveCallsModel::Private::sortValue(const Row& row, int column) const
{
    const CallSummary& call = row.call;
    switch (Column(column)) {
    case State:
        return int(call.state);
    case Caller:
        return call.from;
    case Called:
        return call.to;
    case Badges:
        return (call.test ? 1'000'000 : 0) + call.interruptions;
    // What began earlier has lasted longer: values that stand still while the times run, so that no tick sorts anew.
    case TimeInState:
        return -call.stateSince.toMSecsSinceEpoch();
    case Elapsed:
        return -call.startedAt.toMSecsSinceEpoch();
    case Turn:
        return call.turn;
    case LastGap:
        return call.lastGap ? qint64(call.lastGap->count()) : qint64(-1);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant LiveCallsModel::Private::exported(const Row& row, int column) const
{
    const CallSummary& call = row.call;
    switch (Column(column)) {
    case State:
        return callStateName(call.state);
    case Caller:
        return call.from;
    case Called:
        return call.to;
    case Badges:
        return withoutIsolates(badges(call));
    case TimeInState:
        return qint64(timeInState(call, now()).count());
    case Elapsed:
        return qint64(lengthOf(call, now()).count());
    case Turn:
        return call.turn;
    case LastGap:
        return call.lastGap ? QVariant(qint64(call.lastGap->count())) : QVariant();
    case ColumnCount:
        break;
    }
    return {};
}

QString LiveCallsModel::Private::toolTip(const Row& row, int column) const
{
    const CallSummary& call = row.call;
    switch (Column(column)) {
    case State:
    case TimeInState:
        //: %1: state of a call; %2: time of day
        return tr("%1 since %2").arg(display(row, State), timeText(call.stateSince, now()));
    case Caller:
        //: %1: a telephone number; %2: the call's id
        return tr("Call from %1, id %2").arg(numberText(call.from), isolated(call.id));
    case Called:
        return tr("%1 was called, id %2").arg(numberText(call.to), isolated(call.id));
    case Elapsed:
        if (call.endedAt.isValid())
            //: Times of day
            return tr("Began at %1, ended at %2").arg(timeText(call.startedAt, now()), timeText(call.endedAt, now()));
        return tr("Began at %1").arg(timeText(call.startedAt, now()));
    case Badges:
        return badges(call);
    case LastGap:
        return tr("The caller waited %1 for the last answer").arg(gapText(call.lastGap));
    case Turn:
    case ColumnCount:
        break;
    }
    return {};
}

QString LiveCallsModel::Private::badges(const CallSummary& call) const
{
    QStringList marks;
    if (call.test)
        //: Mark of a call that is a test
        marks.append(tr("Test"));
    if (!call.recording.isEmpty())
        //: Mark of a call whose sound is kept
        marks.append(tr("Recorded"));
    if (call.withoutStream)
        //: Mark of a call that is held by Twilio's own recogniser and voice, for want of an audio stream
        marks.append(tr("Without a stream"));
    if (call.interruptions > 0)
        //: Mark of a call: how often the caller interrupted the agent
        marks.append(tr("Interruptions: %1").arg(call.interruptions));
    return marks.join(QStringLiteral(" \u00b7 "));
}

QString LiveCallsModel::Private::sentence(const Row& row) const
{
    const CallSummary& call = row.call;
    const QString number = numberText(call.from), state = display(row, State).toLower(),
                  length = durationWords(lengthOf(call, now()));
    const QString turn = QString::number(call.turn);
    if (pending.contains(call.id))
        //: Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn
        return tr("Call from %1, %2, %3, turn %4, a command is on its way").arg(number, state, length, turn);
    if (row.level > 0)
        //: Read out. %5: how long the caller has been waiting
        return tr("Call from %1, %2, %3, turn %4, waiting for %5")
            .arg(number, state, length, turn, durationWords(timeInState(call, now())));
    if (call.test)
        //: Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn
        return tr("Test call from %1, %2, %3, turn %4").arg(number, state, length, turn);
    //: Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn
    return tr("Call from %1, %2, %3, turn %4").arg(number, state, length, turn);
}

} // namespace kav::console
