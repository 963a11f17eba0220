// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QAbstractTableModel>

#include <memory>
#include <optional>

namespace kav::console {

/// The requests that came to the engine, newest first: pages as the view asks for more, and what happens meanwhile.
/// Filters are the engine's, over all that it keeps. Asks by signals and is given the answers, as CallLogModel does.
/// Owned by Desk.
class RequestsModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Time, Verdict, Status, Request, Protocol, Call, Bytes, Took, ColumnCount };
    static constexpr int PageRows = 100;
    static constexpr int MostRows = 4000; ///< past it the oldest go, and may be fetched again

    explicit RequestsModel(QObject* parent = nullptr);
    ~RequestsModel() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    bool canFetchMore(const QModelIndex& parent) const override;
    void fetchMore(const QModelIndex& parent) override;

    const RequestFilter& filter() const;
    void setFilter(const RequestFilter& filter); ///< begins anew
    void reload(); ///< begins anew, keeps what is shown until the first page is there
    void retry(); ///< after trouble()
    void clear(); ///< another engine: nothing is known, and the filter stays
    /// The engine's answer to wanted(); an answer to an older question is ignored.
    void takePage(int question, const protocol::RequestPage& page);
    void takeFailure(int question, const QString& sentence);
    /// New ones, or known ones whose connection is over. Only what matches the filter is shown.
    void take(const QList<RequestRecord>& news);
    void setLive(bool live);

    std::optional<RequestRecord> request(const QString& id) const; ///< of those shown
    bool isLoading() const;
    bool isComplete() const; ///< nothing more to fetch
    QString trouble() const; ///< why the last page did not come; empty: it did
    void retranslate();

Q_SIGNALS:
    void wanted(int question, const kav::RequestFilter& filter, const QString& after, int limit);
    void loadingChanged();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
