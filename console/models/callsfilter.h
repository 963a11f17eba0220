// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/livecallsmodel.h"

#include <QSortFilterProxyModel>
#include <QString>

#include <bitset>

namespace kav::console {

/// Live calls by text (id, caller, called, the state's word) and kind; sorted by SortRole. Says how many it hides.
class CallsFilter final : public QSortFilterProxyModel {
    Q_OBJECT
public:
    enum class Kind { All, Callers, Tests };
    Q_ENUM(Kind)

    explicit CallsFilter(QObject* parent = nullptr);

    QString text() const { return m_text; }
    void setText(const QString& text);
    Kind kind() const { return m_kind; }
    void setKind(Kind kind);
    bool isFiltering() const { return !m_text.isEmpty() || m_kind != Kind::All; }
    int hiddenCount() const;
    /// A LiveCallsModel, or nothing.
    void setSourceModel(QAbstractItemModel* model) override;
    void retranslate(); ///< the states' words are others now

Q_SIGNALS:
    void countsChanged(); ///< shown or hidden rows came or went

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

private:
    void findStates();
    void tellCounts();

    QString m_text;
    Kind m_kind = Kind::All;
    const LiveCallsModel* m_calls = nullptr;
    std::bitset<int(CallState::Ended) + 1> m_states; ///< whose word has the text: found once, not per row and change
    int m_shown = 0, m_hidden = 0; ///< as told last
};

} // namespace kav::console
