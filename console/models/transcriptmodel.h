// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QAbstractTableModel>

#include <memory>

namespace kav::console {

/// The turns of the one call on screen, live or from the log, by number: the cards of the transcript and the rows of
/// the latency table. Owned by Desk.
class TranscriptModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    /// From Pause to Playout in the order of LatencyPart.
    enum Column {
        Number,
        CallerText,
        AgentText,
        Pause,
        Recognition,
        FirstToken,
        FirstSentence,
        FirstAudio,
        Playout,
        Gap,
        ColumnCount
    };

    explicit TranscriptModel(QObject* parent = nullptr);
    ~TranscriptModel() override;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    QString callId() const; ///< empty: no call is on screen
    const TranscriptTurn& at(int row) const; ///< of a row that is there
    int firstTurn() const; ///< turns before it are in the log only
    void clear(const QString& callId = {}); ///< another call; its turns are on their way
    void take(const protocol::CallTranscript& transcript); ///< ignored for another call; taken as differences
    void take(const protocol::CallDetail& detail);
    void change(const QString& callId, const TranscriptTurn& turn); ///< ignored for another call
    void setLive(bool live);
    void retranslate();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
