// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QAbstractTableModel>
#include <QDateTime>
#include <QFrame>
#include <QList>

class QLabel;
class QTableView;
class QToolButton;

namespace kav::console {

/// What went wrong since the start, the latest first: the record behind the strip. Owned by the main window.
class Messages final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Time, Text, ColumnCount };
    static constexpr int MaxRows = 200;

    explicit Messages(QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    /// `at`: local time.
    void add(const QDateTime& at, const QString& text);
    void retranslate();

private:
    struct Row final {
        QDateTime at;
        QString text;
    };
    QList<Row> m_rows;
};

/// The latest message, until it is dismissed; says how many more came with it.
class MessageStrip final : public QFrame {
    Q_OBJECT
public:
    explicit MessageStrip(QWidget* parent = nullptr);

    void show(const QString& text);
    void dismiss();

Q_SIGNALS:
    void allWanted();

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    void retranslate();
    void paintGround();

    QLabel* m_text;
    QLabel* m_more;
    QToolButton* m_all;
    QToolButton* m_dismiss;
    int m_waiting = 0;
};

/// The list of messages.
class MessagesPane final : public QWidget {
    Q_OBJECT
public:
    explicit MessagesPane(Messages& messages, QWidget* parent = nullptr);

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    void retranslate();

    Messages& m_messages;
    QTableView* m_table;
};

} // namespace kav::console
