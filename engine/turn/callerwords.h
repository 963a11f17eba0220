// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QString>
#include <QStringList>

#include <vector>

namespace kav::turn {

/// Words without case and punctuation, for comparing: apostrophes and gershayim inside a word stay.
QStringList bareWords(QStringView text);
/// The same words, however they are written.
bool sameWords(QStringView a, QStringView b);

/// What the recogniser has said of one utterance.
struct HeardUtterance final {
    int utterance = 0;
    QString latest; ///< the newest partial
    QString stable; ///< the newest stable partial
    QString final;
    double confidence = 0;
    bool latestIsStable = false;
    bool done = false; ///< final or failed: nothing more will come
    bool failed = false;
    int voicedFrames = 0;

    /// The final, else the stable interim.
    const QString& text() const { return final.isEmpty() ? stable : final; }
    /// The best there is, stable or not.
    const QString& guess() const { return text().isEmpty() ? latest : text(); }
};

/// The utterances that make up one turn: usually one; more when the caller resumed, or paused in an interruption. Pure
/// value, part of a TurnMachine.
class CallerWords final {
public:
    void open(int utterance, int voicedFrames);
    /// Takes an utterance that was put aside.
    void take(HeardUtterance heard);
    /// These words are said after the ones before.
    void append(CallerWords&& later);
    void clear() { m_heard.clear(); }

    HeardUtterance* find(int utterance);
    const HeardUtterance* find(int utterance) const;
    void partial(int utterance, const QString& text, bool stable);
    void settle(int utterance, const QString& text, double confidence);
    void fail(int utterance);
    void countVoice();

    bool isEmpty() const { return m_heard.empty(); }
    const HeardUtterance& last() const { return m_heard.back(); }
    const std::vector<HeardUtterance>& all() const { return m_heard; }
    /// Some utterance has neither a final nor a stable interim.
    bool isPending() const;
    /// Some utterance's recogniser has not finished.
    bool isUnfinished() const;
    bool hasFailed() const;
    QString text() const;
    QString guess() const;
    /// The lowest of the finals, 0 when one is missing.
    double confidence() const;
    Milliseconds voiced() const;

private:
    std::vector<HeardUtterance> m_heard;
};

} // namespace kav::turn
