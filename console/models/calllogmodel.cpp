// SPDX-License-Identifier: Apache-2.0
#include "console/models/calllogmodel.h"

#include "console/models/roles.h"
#include "console/models/rowsteps.h"
#include "console/models/words.h"

#include <QHash>
#include <QSet>

#include <algorithm>

namespace kav::console {

namespace {

/// The engine's order: newest first, the id makes it one.
bool newerThan(const CallLogRow& a, const CallLogRow& b)
{
    return a.startedAt != b.startedAt ? a.startedAt > b.startedAt : a.id > b.id;
}

QStringList logKeys(const QList<CallLogRow>& rows)
{
    QStringList keys;
    keys.reserve(rows.size());
    for (const CallLogRow& row : rows)
        keys.append(row.id);
    return keys;
}

} // namespace

struct CallLogModel::Private final {
    explicit Private(CallLogModel& model)
        : q(model)
    {
    }

    void ask(bool anew);
    void finish(const QString& why);
    void reindex(int from)
    {
        for (int row = from; row < rows.size(); ++row)
            places[rows.at(row).id] = row;
    }
    void show(const QList<CallLogRow>& wanted);
    void append(const QList<CallLogRow>& more);
    void update(int row, const CallLogRow& value);
    /// What is said of a call later, unless it is what was known before its end.
    void apply(const CallLogRow& row);
    void tellRow(int row) { Q_EMIT q.dataChanged(q.index(row, 0), q.index(row, ColumnCount - 1)); }
    QString display(const CallLogRow& row, int column) const;
    QVariant sortValue(const CallLogRow& row, int column) const;
    QVariant exported(const CallLogRow& row, int column) const;
    QString toolTip(const CallLogRow& row, int column) const;
    QString sentence(const CallLogRow& row) const;
    bool isOpen(const CallLogRow& row) const { return !row.endedAt.isValid(); }

    CallLogModel& q;
    QList<CallLogRow> rows;
    QHash<QString, int> places;
    QList<CallLogRow> whileLoading; ///< changes since the question: its answer may be older than they are
    QString filter, next, why;
    int question = 0;
    bool loading = false, complete = false, anew = true, live = true;
};

CallLogModel::CallLogModel(QObject* parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Private>(*this))
{
}

CallLogModel::~CallLogModel() = default;

int CallLogModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(d->rows.size());
}

int CallLogModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant CallLogModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const CallLogRow& row = d->rows.at(index.row());
    switch (role) {
    case Qt::DisplayRole:
        return d->display(row, index.column());
    case Qt::ToolTipRole:
        return d->toolTip(row, index.column());
    case Qt::AccessibleTextRole:
        return d->sentence(row);
    case Qt::TextAlignmentRole:
        if (index.column() == Duration || index.column() == Turns)
            return int(Qt::AlignRight | Qt::AlignVCenter);
        return {};
    case IdRole:
        return row.id;
    case SortRole:
        return d->sortValue(row, index.column());
    case ExportRole:
        return d->exported(row, index.column());
    case DimmedRole:
        return !d->live;
    case TestRole:
        return row.test;
    case ItemRole:
        return QVariant::fromValue(row);
    default:
        return {};
    }
}

QVariant CallLogModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole && (section == Duration || section == Turns))
        return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    switch (Column(section)) {
    case Started:
        //: Column: when the call began
        return tr("Began");
    case Caller:
        //: Column: the number that called
        return tr("Caller");
    case Called:
        //: Column: the number that was called
        return tr("Called");
    case Badges:
        //: Column: "Test"
        return tr("Marks");
    case Duration:
        //: Column: how long the call went on
        return tr("Time");
    case Turns:
        //: Column: how many turns the call had
        return tr("Turns");
    case End:
        //: Column: why the call ended
        return tr("End");
    case ColumnCount:
        break;
    }
    return {};
}

bool CallLogModel::canFetchMore(const QModelIndex& parent) const
{
    return !parent.isValid() && d->live && !d->loading && !d->complete && d->why.isEmpty();
}

void CallLogModel::fetchMore(const QModelIndex& parent)
{
    if (canFetchMore(parent))
        d->ask(d->anew);
}

QString CallLogModel::filter() const
{
    return d->filter;
}

void CallLogModel::setFilter(const QString& text)
{
    const QString plain = withoutIsolates(text).trimmed();
    if (plain == d->filter)
        return;
    d->filter = plain;
    d->ask(true);
}

void CallLogModel::reload()
{
    d->ask(true);
}

void CallLogModel::retry()
{
    if (!d->why.isEmpty())
        d->ask(d->anew);
}

void CallLogModel::clear()
{
    ++d->question; // an answer that is on its way is of the other engine
    d->show({});
    d->next.clear();
    d->whileLoading.clear();
    d->complete = false;
    d->anew = true;
    d->finish({});
}

void CallLogModel::takePage(int question, const protocol::LogPage& page)
{
    if (question != d->question || !d->loading)
        return;
    const bool first = d->anew;
    d->next = page.next;
    d->complete = page.next.isEmpty();
    d->anew = false;
    const QList<CallLogRow> changes = std::exchange(d->whileLoading, {});
    if (first)
        d->show(page.rows);
    else
        d->append(page.rows);
    for (const CallLogRow& row : changes)
        d->apply(row);
    d->finish({});
}

void CallLogModel::takeFailure(int question, const QString& sentence)
{
    if (question != d->question || !d->loading)
        return;
    d->whileLoading.clear();
    d->finish(sentence);
}

void CallLogModel::change(const CallLogRow& row)
{
    if (d->loading)
        d->whileLoading.append(row);
    d->apply(row);
}

void CallLogModel::setLive(bool live)
{
    if (live == d->live)
        return;
    d->live = live;
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1), {DimmedRole});
}

bool CallLogModel::isLoading() const
{
    return d->loading;
}

bool CallLogModel::isComplete() const
{
    return d->complete;
}

std::optional<CallLogRow> CallLogModel::row(const QString& callId) const
{
    const int row = d->places.value(callId, -1);
    return row < 0 ? std::nullopt : std::optional(d->rows.at(row));
}

QString CallLogModel::trouble() const
{
    return d->why;
}

void CallLogModel::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1),
            {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole});
}

void CallLogModel::Private::ask(bool fromTheNewest)
{
    anew = fromTheNewest;
    if (anew) {
        next.clear();
        complete = false;
    }
    why.clear();
    whileLoading.clear();
    loading = true;
    ++question;
    // A reload asks for all that is shown, so that nothing that is scrolled to goes away.
    const int limit = anew ? std::clamp(int(rows.size()), PageRows, MostRows) : PageRows;
    Q_EMIT q.wanted(question, filter, next, limit);
    Q_EMIT q.loadingChanged();
}

void CallLogModel::Private::finish(const QString& sentence)
{
    loading = false;
    why = sentence;
    Q_EMIT q.loadingChanged();
}

void CallLogModel::Private::show(const QList<CallLogRow>& given)
{
    QList<CallLogRow> wanted;
    QSet<QString> there;
    for (const CallLogRow& row : given) {
        if (!there.contains(row.id)) {
            there.insert(row.id);
            wanted.append(row);
        }
    }
    const RowSteps steps = rowSteps(logKeys(rows), logKeys(wanted));
    for (const RowRange& range : steps.removed) {
        q.beginRemoveRows({}, range.first, range.last);
        for (int row = range.first; row <= range.last; ++row)
            places.remove(rows.at(row).id);
        rows.remove(range.first, range.last - range.first + 1);
        reindex(range.first);
        q.endRemoveRows();
    }
    for (const RowRange& range : steps.inserted) {
        q.beginInsertRows({}, range.first, range.last);
        for (int row = range.first; row <= range.last; ++row)
            rows.insert(row, wanted.at(row));
        reindex(range.first);
        q.endInsertRows();
    }
    for (int row = 0; row < rows.size(); ++row)
        update(row, wanted.at(row));
}

void CallLogModel::Private::append(const QList<CallLogRow>& more)
{
    // A call that is shown already: it came by a change while the page was on its way.
    QList<CallLogRow> fresh;
    QSet<QString> there;
    for (const CallLogRow& row : more) {
        if (const int place = places.value(row.id, -1); place >= 0)
            update(place, row);
        else if (!there.contains(row.id))
            fresh.append(row);
        there.insert(row.id);
    }
    if (fresh.isEmpty())
        return;
    const int first = int(rows.size());
    q.beginInsertRows({}, first, first + int(fresh.size()) - 1);
    rows.append(fresh);
    reindex(first);
    q.endInsertRows();
}

void CallLogModel::Private::update(int row, const CallLogRow& value)
{
    if (rows.at(row) == value)
        return;
    rows[row] = value;
    tellRow(row);
}

void CallLogModel::Private::apply(const CallLogRow& row)
{
    if (const int place = places.value(row.id, -1); place >= 0) {
        if (isOpen(rows.at(place)) || !isOpen(row))
            update(place, row);
        return;
    }
    if (!filter.isEmpty() || anew)
        return;
    const int place = int(std::upper_bound(rows.cbegin(), rows.cend(), row, newerThan) - rows.cbegin());
    if (place == rows.size() && !complete)
        return; // it belongs to a page that is yet to come
    q.beginInsertRows({}, place, place);
    rows.insert(place, row);
    reindex(place);
    q.endInsertRows();
}

QString CallLogModel::Private::display(const CallLogRow& row, int column) const
{
    switch (Column(column)) {
    case Started:
        return timeText(row.startedAt, {});
    case Caller:
        return numberText(row.from);
    case Called:
        return numberText(row.to);
    case Badges:
        //: Mark of a call that is a test
        return row.test ? tr("Test") : row.recording.isEmpty() ? QString() : tr("Recorded");
    case Duration:
        return isOpen(row) ? QString(QChar(0x2013)) : durationText(row.duration);
    case Turns:
        // Counted when the call has ended.
        return isOpen(row) && row.turns == 0 ? QString(QChar(0x2013)) : QString::number(row.turns);
    case End:
        return endReasonWord(row.reason);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant CallLogModel::Private::sortValue(const CallLogRow& row, int column) const
{
    switch (Column(column)) {
    case Started:
        return row.startedAt;
    case Caller:
        return row.from;
    case Called:
        return row.to;
    case Badges:
        return row.test ? 1 : 0;
    case Duration:
        return isOpen(row) ? qint64(-1) : qint64(row.duration.count());
    case Turns:
        return row.turns;
    case End:
        return endReasonWord(row.reason);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant CallLogModel::Private::exported(const CallLogRow& row, int column) const
{
    switch (Column(column)) {
    case Started:
        return row.startedAt.toUTC().toString(Qt::ISODateWithMs);
    case Caller:
        return row.from;
    case Called:
        return row.to;
    case Badges:
        return row.test ? QStringLiteral("test") : QString();
    case Duration:
        return isOpen(row) ? QVariant() : QVariant(qint64(row.duration.count()));
    case Turns:
        return row.turns;
    case End:
        return isOpen(row) ? QString() : endReasonName(row.reason);
    case ColumnCount:
        break;
    }
    return {};
}

QString CallLogModel::Private::toolTip(const CallLogRow& row, int column) const
{
    switch (Column(column)) {
    case Caller:
        //: %1: a telephone number; %2: the call's id
        return tr("Call from %1, id %2").arg(numberText(row.from), isolated(row.id));
    case Called:
        return tr("%1 was called, id %2").arg(numberText(row.to), isolated(row.id));
    case Started:
    case Duration:
        if (isOpen(row))
            return tr("Its end is not stored yet.");
        //: Times of day
        return tr("Began at %1, ended at %2").arg(timeText(row.startedAt, {}), timeText(row.endedAt, {}));
    case Badges:
    case Turns:
    case End:
        return display(row, column);
    case ColumnCount:
        break;
    }
    return {};
}

QString CallLogModel::Private::sentence(const CallLogRow& row) const
{
    const QString number = numberText(row.from), began = timeText(row.startedAt, {});
    if (isOpen(row))
        //: Read out. %1: number; %2: date and time
        return tr("Call from %1, %2, not ended").arg(number, began);
    const QString length = durationWords(row.duration), end = endReasonWord(row.reason).toLower();
    const QString turns = QString::number(row.turns);
    if (row.test)
        //: Read out. %1: number; %2: date and time; %3: how long; %4: number of turns; %5: why it ended
        return tr("Test call from %1, %2, %3, turns: %4, %5").arg(number, began, length, turns, end);
    //: Read out. %1: number; %2: date and time; %3: how long; %4: number of turns; %5: why it ended
    return tr("Call from %1, %2, %3, turns: %4, %5").arg(number, began, length, turns, end);
}

} // namespace kav::console
