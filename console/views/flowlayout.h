// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLayout>
#include <QList>

#include <memory>
#include <vector>

namespace kav::console {

/// Widgets one after another, on as many lines as the width needs; mirrored with the layout direction.
class FlowLayout final : public QLayout {
    Q_OBJECT
public:
    FlowLayout(int spacing, int lineSpacing);
    ~FlowLayout() override;

    void addItem(QLayoutItem* item) override; ///< takes it
    int count() const override;
    QLayoutItem* itemAt(int index) const override;
    QLayoutItem* takeAt(int index) override;
    Qt::Orientations expandingDirections() const override { return {}; }
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSize() const override;
    void setGeometry(const QRect& rect) override;

private:
    int place(const QRect& rect, bool really) const;

    int m_lineSpacing;
    std::vector<std::unique_ptr<QLayoutItem>> m_items;
};

} // namespace kav::console
