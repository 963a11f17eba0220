// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/views/theme.h"
#include "shared/model/request.h"

#include <QStyledItemDelegate>

namespace kav::console {

/// Draws the cells of the calls' tables by the models' roles: ended and frozen rows dimmed, a long wait amber, one too
/// long red with a warning beside it. One per kind of column, owned by the table.
class CellDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    enum class Kind {
        State, ///< icon, word and colour of CallState
        End, ///< of EndReason
        Verdict, ///< of a request's signature
        Status, ///< of a request's answer
        Code, ///< numbers of telephones, times of day: left-to-right, elided in the middle
        Number, ///< at the right edge, so that digits stand below each other; left-to-right
        Wait, ///< a Number that takes the colour of LevelRole
        Badges, ///< chips: a test call, interruptions
    };
    Q_ENUM(Kind)

    CellDelegate(Kind kind, QObject* parent);

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    const Theme& theme(const QPalette& palette) const;

    Kind m_kind;
    mutable qint64 m_paletteKey = 0;
    mutable Theme m_theme;
};

Look lookOf(EndReason reason);
Look lookOf(SignatureState state);
Look lookOfStatus(int httpStatus); ///< 0: there was no answer
/// The word on a test call's chip.
QString testBadge();
/// The same on a recorded one.
QString recordedBadge();
/// Of a model's item: a CallSummary or a CallLogRow.
bool isRecorded(const QVariant& call);

} // namespace kav::console
