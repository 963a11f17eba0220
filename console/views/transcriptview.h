// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/transcriptmodel.h"

#include <QListView>

#include <memory>

class QLabel;
class QToolButton;

namespace kav::console {

/// The turns of a call as cards: the caller's, then the agent's. A partial is italic, what was not heard is struck
/// through, each text runs in its own direction. Cards are selected like rows; Ctrl+C copies them as text. Follows the
/// end only while the reader is there; else a button says how many turns are new.
class TranscriptView final : public QListView {
    Q_OBJECT
public:
    explicit TranscriptView(TranscriptModel& model, QWidget* parent = nullptr);
    ~TranscriptView() override;

    bool isFollowing() const { return m_following; }
    int newTurns() const { return m_newTurns; }
    void goToEnd();
    /// In place of cards, when there are none.
    void setEmptyText(const QString& sentence);
    /// The selected cards, all when none is selected: "10:42:17 Caller: ..." a line.
    QString text() const;
    void copyText() const;

protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void retranslate();
    void recolor();
    void showMore();
    void placeOverlays();

    TranscriptModel& m_turns;
    QToolButton* m_more;
    QLabel* m_empty;
    bool m_following = true;
    int m_newTurns = 0;
};

} // namespace kav::console
