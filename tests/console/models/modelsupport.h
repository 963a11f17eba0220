// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QAbstractItemModel>
#include <QAbstractItemModelTester>
#include <QTest>

#include <chrono>

// What the tests of the console's models share: values to show, and an ear for what a model tells its views.
namespace kav::test {

/// FakeClock begins here.
inline const QDateTime Epoch = QDateTime(QDate(2026, 1, 1), QTime(0, 0), Qt::UTC);

/// A call that began `age` before Epoch.
inline CallSummary liveCall(
    const QString& id, std::chrono::seconds age = std::chrono::seconds(0), CallState state = CallState::Listening)
{
    CallSummary call;
    call.id = id;
    call.from = QStringLiteral("+972\u2022\u2022\u2022\u2022\u20224567");
    call.to = QStringLiteral("+972\u2022\u2022\u2022\u2022\u20220000");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("en-US");
    call.startedAt = Epoch.addSecs(-qint64(age.count()));
    call.state = state;
    call.stateSince = call.startedAt;
    return call;
}

inline TranscriptTurn turnOf(int number, const QString& caller, const QString& agent = {})
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.callerText = caller;
    turn.record.agentText = agent;
    turn.startedAt = Epoch.addSecs(number);
    turn.open = false;
    turn.callerTextFinal = true;
    return turn;
}

/// Of a call that began `minutes` after Epoch: the higher the newer.
inline CallLogRow logRow(const QString& id, int minutes, bool ended = true)
{
    CallLogRow row;
    row.id = id;
    row.from = QStringLiteral("+1\u2022\u2022\u20220001");
    row.to = QStringLiteral("+1\u2022\u2022\u20220002");
    row.direction = QStringLiteral("inbound");
    row.startedAt = Epoch.addSecs(60 * minutes);
    if (ended) {
        row.endedAt = row.startedAt.addSecs(30);
        row.duration = std::chrono::seconds(30);
        row.reason = EndReason::CallerHungUp;
        row.turns = 3;
    }
    return row;
}

/// Writes down what a model tells its views: "+0..2" rows came, "-1..1" rows went, "~3..4/1..2" rows 3 to 4 changed in
/// columns 1 to 2, "reset". A QAbstractItemModelTester checks that it keeps the rules of models all the while.
class ModelEar final {
public:
    explicit ModelEar(QAbstractItemModel& model)
        : m_tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal)
    {
        m_tester.setUseFetchMore(false);
        const auto rows = [](int first, int last) { return QStringLiteral("%1..%2").arg(first).arg(last); };
        QObject::connect(&model, &QAbstractItemModel::rowsInserted, &m_tester,
            [this, rows](
                const QModelIndex&, int first, int last) { m_heard.append(QLatin1Char('+') + rows(first, last)); });
        QObject::connect(
            &model, &QAbstractItemModel::rowsRemoved, &m_tester, [this, rows](const QModelIndex&, int first, int last) {
                m_heard.append(QLatin1Char('-') + rows(first, last));
            });
        QObject::connect(&model, &QAbstractItemModel::dataChanged, &m_tester,
            [this, rows](const QModelIndex& first, const QModelIndex& last) {
                m_heard.append(QLatin1Char('~') + rows(first.row(), last.row()) + QLatin1Char('/')
                    + rows(first.column(), last.column()));
            });
        QObject::connect(
            &model, &QAbstractItemModel::modelReset, &m_tester, [this] { m_heard.append(QStringLiteral("reset")); });
    }

    /// Since the last time it was asked.
    QStringList heard() { return std::exchange(m_heard, {}); }

private:
    QAbstractItemModelTester m_tester;
    QStringList m_heard;
};

/// What a column shows, from the top.
inline QStringList shown(const QAbstractItemModel& model, int column, int role = Qt::DisplayRole)
{
    QStringList texts;
    for (int row = 0; row < model.rowCount(); ++row)
        texts.append(model.index(row, column).data(role).toString());
    return texts;
}

inline QStringList words(const char* spaced)
{
    return QString::fromLatin1(spaced).split(QLatin1Char(' '), Qt::SkipEmptyParts);
}

} // namespace kav::test
