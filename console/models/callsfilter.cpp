// SPDX-License-Identifier: Apache-2.0
#include "console/models/callsfilter.h"

#include "console/models/roles.h"
#include "console/models/words.h"

namespace kav::console {

CallsFilter::CallsFilter(QObject* parent)
    : QSortFilterProxyModel(parent)
{
    setSortRole(SortRole);
    setDynamicSortFilter(true);
    for (const auto signal : {&QAbstractItemModel::rowsInserted, &QAbstractItemModel::rowsRemoved})
        connect(this, signal, this, &CallsFilter::tellCounts);
    connect(this, &QAbstractItemModel::modelReset, this, &CallsFilter::tellCounts);
}

void CallsFilter::setSourceModel(QAbstractItemModel* model)
{
    if (sourceModel())
        disconnect(sourceModel(), nullptr, this, nullptr);
    m_calls = qobject_cast<const LiveCallsModel*>(model);
    QSortFilterProxyModel::setSourceModel(model);
    if (model) {
        // A row that comes or goes hidden is not seen in the proxy's own signals. After the proxy's own handlers.
        connect(model, &QAbstractItemModel::rowsInserted, this, &CallsFilter::tellCounts);
        connect(model, &QAbstractItemModel::rowsRemoved, this, &CallsFilter::tellCounts);
    }
    tellCounts();
}

void CallsFilter::setText(const QString& text)
{
    const QString plain = withoutIsolates(text).trimmed();
    if (plain == m_text)
        return;
    m_text = plain;
    findStates();
    invalidateFilter();
    tellCounts();
}

void CallsFilter::setKind(Kind kind)
{
    if (kind == m_kind)
        return;
    m_kind = kind;
    invalidateFilter();
    tellCounts();
}

void CallsFilter::retranslate()
{
    findStates();
    invalidateFilter();
    tellCounts();
}

int CallsFilter::hiddenCount() const
{
    return sourceModel() ? sourceModel()->rowCount() - rowCount() : 0;
}

bool CallsFilter::filterAcceptsRow(int row, const QModelIndex&) const
{
    if (!isFiltering() || !m_calls)
        return true;
    const CallSummary& call = m_calls->at(row);
    if (m_kind != Kind::All && call.test != (m_kind == Kind::Tests))
        return false;
    return m_text.isEmpty() || m_states[std::size_t(call.state)] || call.id.contains(m_text, Qt::CaseInsensitive)
        || call.from.contains(m_text, Qt::CaseInsensitive) || call.to.contains(m_text, Qt::CaseInsensitive);
}

void CallsFilter::findStates()
{
    m_states.reset();
    if (m_text.isEmpty())
        return;
    for (std::size_t state = 0; state < m_states.size(); ++state)
        m_states[state] = callStateWord(CallState(state)).contains(m_text, Qt::CaseInsensitive);
}

void CallsFilter::tellCounts()
{
    const int shown = rowCount(), hidden = hiddenCount();
    if (shown == m_shown && hidden == m_hidden)
        return;
    m_shown = shown;
    m_hidden = hidden;
    Q_EMIT countsChanged();
}

} // namespace kav::console
