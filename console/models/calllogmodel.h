// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QAbstractTableModel>

#include <memory>
#include <optional>

namespace kav::console {

/// The call log, newest first, fetched a page at a time as the view asks for more; the text filter is the engine's,
/// over all of the log. The model asks by signals and is given the answers: it knows no line. Owned by Desk.
class CallLogModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Started, Caller, Called, Badges, Duration, Turns, End, ColumnCount };
    static constexpr int PageRows = 100;
    static constexpr int MostRows = 500; ///< of one page: reload() asks for all that is shown, up to so many

    explicit CallLogModel(QObject* parent = nullptr);
    ~CallLogModel() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    bool canFetchMore(const QModelIndex& parent) const override;
    void fetchMore(const QModelIndex& parent) override;

    QString filter() const;
    void setFilter(const QString& text); ///< begins anew
    void reload(); ///< begins anew, keeps what is shown until the first page is there
    void retry(); ///< after trouble(): asks again for what did not come; fetchMore() does not by itself
    void clear(); ///< another engine: nothing is known, and the filter stays
    /// The engine's answer to wanted(); an answer to an older question is ignored.
    void takePage(int question, const protocol::LogPage& page);
    void takeFailure(int question, const QString& sentence);
    /// A call of which the log now knows more. With a filter only rows that are shown already change: the engine alone
    /// knows what matches.
    void change(const CallLogRow& row);
    void setLive(bool live);

    bool isLoading() const;
    bool isComplete() const; ///< nothing more to fetch
    std::optional<CallLogRow> row(const QString& callId) const; ///< of those shown
    QString trouble() const; ///< why the last page did not come; empty: it did
    void retranslate();

Q_SIGNALS:
    /// A page is wanted of the engine.
    void wanted(int question, const QString& text, const QString& after, int limit);
    void loadingChanged();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
