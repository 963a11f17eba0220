// SPDX-License-Identifier: Apache-2.0
#include "console/models/requestsmodel.h"

#include "console/models/roles.h"
#include "console/models/words.h"

#include <algorithm>

namespace kav::console {

struct RequestsModel::Private final {
    explicit Private(RequestsModel& model)
        : q(model)
    {
    }

    void ask(bool fromTheNewest);
    void finish(const QString& sentence);
    void apply(const RequestRecord& request);
    int rowOf(const QString& id) const
    {
        const auto it =
            std::find_if(rows.cbegin(), rows.cend(), [&id](const RequestRecord& request) { return request.id == id; });
        return it == rows.cend() ? -1 : int(it - rows.cbegin());
    }
    void removeFrom(int row);
    QString display(const RequestRecord& request, int column) const;
    QVariant sortValue(const RequestRecord& request, int column) const;
    QVariant exported(const RequestRecord& request, int column) const;
    QString sentence(const RequestRecord& request) const;

    RequestsModel& q;
    QList<RequestRecord> rows;
    QList<RequestRecord> whileLoading; ///< news since the question: its answer may be older than they are
    RequestFilter filter;
    QString next, why;
    int question = 0;
    bool loading = false, complete = false, anew = true, live = true;
};

RequestsModel::RequestsModel(QObject* parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Private>(*this))
{
}

RequestsModel::~RequestsModel() = default;

int RequestsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(d->rows.size());
}

int RequestsModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant RequestsModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const RequestRecord& request = d->rows.at(index.row());
    switch (role) {
    case Qt::DisplayRole:
        return d->display(request, index.column());
    case Qt::ToolTipRole: {
        const QString advice = signatureAdvice(request.signature);
        return index.column() == Verdict && !advice.isEmpty() ? advice : d->display(request, index.column());
    }
    case Qt::AccessibleTextRole:
        return d->sentence(request);
    case Qt::TextAlignmentRole:
        if (index.column() == Bytes || index.column() == Took)
            return int(Qt::AlignRight | Qt::AlignVCenter);
        return {};
    case IdRole:
        return request.id;
    case SortRole:
        return d->sortValue(request, index.column());
    case ExportRole:
        return d->exported(request, index.column());
    case DimmedRole:
        return !d->live;
    case ItemRole:
        return QVariant::fromValue(request);
    default:
        return {};
    }
}

QVariant RequestsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole && (section == Bytes || section == Took))
        return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    switch (Column(section)) {
    case Time:
        //: Column: when the request came
        return tr("Came");
    case Verdict:
        //: Column: whether the request's signature is right
        return tr("Signature");
    case Status:
        //: Column: the HTTP status of the answer
        return tr("Status");
    case Request:
        //: Column: method and path of the request
        return tr("Request");
    case Protocol:
        //: Column: the WebSocket sub-protocol that was offered and given
        return tr("Sub-protocol");
    case Call:
        //: Column: the id of the call that the request is about
        return tr("Call");
    case Bytes:
        //: Column: bytes of request and answer
        return tr("Bytes");
    case Took:
        //: Column: time until the answer
        return tr("Took");
    case ColumnCount:
        break;
    }
    return {};
}

bool RequestsModel::canFetchMore(const QModelIndex& parent) const
{
    return !parent.isValid() && d->live && !d->loading && !d->complete && d->why.isEmpty() && !d->anew
        && rowCount() < MostRows;
}

void RequestsModel::fetchMore(const QModelIndex& parent)
{
    if (canFetchMore(parent))
        d->ask(false);
}

const RequestFilter& RequestsModel::filter() const
{
    return d->filter;
}

void RequestsModel::setFilter(const RequestFilter& filter)
{
    if (filter == d->filter)
        return;
    d->filter = filter;
    d->ask(true);
}

void RequestsModel::reload()
{
    d->ask(true);
}

void RequestsModel::retry()
{
    if (!d->why.isEmpty())
        d->ask(d->anew);
}

void RequestsModel::clear()
{
    ++d->question; // an answer that is on its way is of the other engine
    d->removeFrom(0);
    d->next.clear();
    d->whileLoading.clear();
    d->complete = false;
    d->anew = true;
    d->finish({});
}

void RequestsModel::takePage(int question, const protocol::RequestPage& page)
{
    if (question != d->question || !d->loading)
        return;
    if (std::exchange(d->anew, false))
        d->removeFrom(0);
    d->next = page.next;
    d->complete = page.next.isEmpty();
    QList<RequestRecord> fresh;
    for (const RequestRecord& request : page.requests) {
        if (d->rowOf(request.id) < 0)
            fresh.append(request);
    }
    if (!fresh.isEmpty()) {
        const int first = rowCount();
        beginInsertRows({}, first, first + int(fresh.size()) - 1);
        d->rows.append(fresh);
        endInsertRows();
    }
    const auto news = std::exchange(d->whileLoading, {});
    for (const RequestRecord& request : news)
        d->apply(request);
    d->finish({});
}

void RequestsModel::takeFailure(int question, const QString& sentence)
{
    if (question != d->question || !d->loading)
        return;
    d->whileLoading.clear();
    d->finish(sentence);
}

void RequestsModel::take(const QList<RequestRecord>& news)
{
    for (const RequestRecord& request : news) {
        if (!d->filter.matches(request))
            continue;
        if (d->loading)
            d->whileLoading.append(request);
        if (!d->anew)
            d->apply(request);
    }
    if (rowCount() > MostRows)
        d->ask(true);
}

void RequestsModel::setLive(bool live)
{
    if (live == d->live)
        return;
    d->live = live;
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1), {DimmedRole});
}

std::optional<RequestRecord> RequestsModel::request(const QString& id) const
{
    const int row = d->rowOf(id);
    return row < 0 ? std::nullopt : std::optional(d->rows.at(row));
}

bool RequestsModel::isLoading() const
{
    return d->loading;
}

bool RequestsModel::isComplete() const
{
    return d->complete;
}

QString RequestsModel::trouble() const
{
    return d->why;
}

void RequestsModel::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
    if (!d->rows.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1),
            {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole});
}

void RequestsModel::Private::ask(bool fromTheNewest)
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
    Q_EMIT q.wanted(question, filter, next, PageRows);
    Q_EMIT q.loadingChanged();
}

void RequestsModel::Private::finish(const QString& sentence)
{
    loading = false;
    why = sentence;
    Q_EMIT q.loadingChanged();
}

void RequestsModel::Private::removeFrom(int row)
{
    if (row >= rows.size())
        return;
    q.beginRemoveRows({}, row, int(rows.size()) - 1);
    rows.resize(row);
    q.endRemoveRows();
}

void RequestsModel::Private::apply(const RequestRecord& request)
{
    if (const int row = rowOf(request.id); row >= 0) {
        // What is known of its end stays known.
        if (rows.at(row) == request || (rows.at(row).end && !request.end))
            return;
        rows[row] = request;
        Q_EMIT q.dataChanged(q.index(row, 0), q.index(row, ColumnCount - 1));
        return;
    }
    const int row = int(std::lower_bound(rows.cbegin(), rows.cend(), request, isNewer) - rows.cbegin());
    if (row == rows.size() && !complete && !rows.isEmpty())
        return; // it belongs to a page that is yet to come
    q.beginInsertRows({}, row, row);
    rows.insert(row, request);
    q.endInsertRows();
}

QString RequestsModel::Private::display(const RequestRecord& request, int column) const
{
    switch (Column(column)) {
    case Time:
        return timeText(request.at, {});
    case Verdict:
        return signatureWord(request.signature.state);
    case Status:
        //: In place of a status: the client went away before the answer
        return request.status == 0 ? tr("gone") : isolated(QString::number(request.status));
    case Request:
        return isolated(request.method + QLatin1Char(' ') + request.path);
    case Protocol:
        return request.offered.isEmpty() && request.given.isEmpty() ? QString() : protocolText(request);
    case Call:
        return request.call.isEmpty() ? QString() : isolated(request.call);
    case Bytes:
        return isolated(QStringLiteral("%1 / %2").arg(request.bytesIn).arg(request.bytesOut));
    case Took:
        return tookText(request.took);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant RequestsModel::Private::sortValue(const RequestRecord& request, int column) const
{
    switch (Column(column)) {
    case Time:
        return request.at;
    case Bytes:
        return request.bytesIn + request.bytesOut;
    case Took:
        return qint64(request.took.count());
    case Status:
        return request.status;
    case Verdict:
    case Request:
    case Protocol:
    case Call:
        return display(request, column);
    case ColumnCount:
        break;
    }
    return {};
}

QVariant RequestsModel::Private::exported(const RequestRecord& request, int column) const
{
    switch (Column(column)) {
    case Time:
        return request.at.toUTC().toString(Qt::ISODateWithMs);
    case Verdict:
        return signatureStateName(request.signature.state);
    case Status:
        return request.status;
    case Request:
        return QString(request.method + QLatin1Char(' ') + request.path);
    case Protocol:
        return QString(request.offered + QLatin1Char('/') + request.given);
    case Call:
        return request.call;
    case Bytes:
        return QStringLiteral("%1/%2").arg(request.bytesIn).arg(request.bytesOut);
    case Took:
        return double(request.took.count()) / 1000;
    case ColumnCount:
        break;
    }
    return {};
}

QString RequestsModel::Private::sentence(const RequestRecord& request) const
{
    //: Read out. %1: kind of the request; %2: path; %3: time; %4: the signature's state; %5: HTTP status
    return tr("%1 %2 at %3, %4, status %5")
        .arg(requestKindWord(request.kind), isolated(request.path), timeText(request.at, {}),
            signatureWord(request.signature.state), display(request, Status));
}

} // namespace kav::console
