// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/views/theme.h"

#include <QWidget>

class QHBoxLayout;
class QLabel;

namespace kav::console {

/// A line across the window, on the ground of its tone, with a mark and a sentence. Whoever derives from it says what it
/// tells and when it is hidden.
class Banner : public QWidget {
    Q_OBJECT

protected:
    explicit Banner(QWidget* parent);

    QHBoxLayout& row(); ///< mark and sentence stand in it
    QLabel& mark() { return *m_mark; }
    QLabel& sentence() { return *m_sentence; }
    void say(const QString& icon, Tone tone, const QString& sentence);
    /// To the screen reader, what stands there now.
    void announce();

    virtual void retranslate() = 0; ///< the language is another one; ends in showState()
    virtual void showState() = 0;

    void changeEvent(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    QLabel *m_mark, *m_sentence;
    Tone m_tone = Tone::Warning;
};

} // namespace kav::console
