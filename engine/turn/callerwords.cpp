// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/callerwords.h"

#include "engine/turn/callervoice.h"

#include <algorithm>
#include <iterator>

namespace kav::turn {
namespace {

bool isInWord(QChar c)
{
    constexpr ushort Geresh = 0x05F3;
    constexpr ushort Gershayim = 0x05F4;
    constexpr ushort RightQuote = 0x2019;
    return c == QLatin1Char('\'') || c == QLatin1Char('"') || c.unicode() == Geresh || c.unicode() == Gershayim
        || c.unicode() == RightQuote;
}

QString bare(QStringView word)
{
    QString result;
    for (const QChar c : word) {
        if (c.isLetterOrNumber() || c.isMark() || isInWord(c))
            result += c.toLower();
    }
    while (!result.isEmpty() && isInWord(result.front()))
        result.remove(0, 1);
    while (!result.isEmpty() && isInWord(result.back()))
        result.chop(1);
    return result;
}

QString joined(const std::vector<HeardUtterance>& all, const QString& (HeardUtterance::*text)() const)
{
    QStringList parts;
    for (const HeardUtterance& heard : all) {
        const QString part = (heard.*text)().trimmed();
        if (!part.isEmpty())
            parts += part;
    }
    return parts.join(QLatin1Char(' '));
}

} // namespace

QStringList bareWords(QStringView text)
{
    QString spaced = text.toString();
    // A hyphen joins words that recognisers also write apart ("uh-huh"); U+05BE is the Hebrew one.
    for (QChar& c : spaced) {
        if (c.isSpace() || c == QLatin1Char('-') || c.unicode() == 0x05BE)
            c = QLatin1Char(' ');
    }
    QStringList words;
    for (const QString& word : spaced.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        if (const QString plain = bare(word); !plain.isEmpty())
            words += plain;
    }
    return words;
}

bool sameWords(QStringView a, QStringView b)
{
    return a == b || bareWords(a) == bareWords(b);
}

void CallerWords::open(int utterance, int voicedFrames)
{
    HeardUtterance heard;
    heard.utterance = utterance;
    heard.voicedFrames = voicedFrames;
    m_heard.push_back(std::move(heard));
}

void CallerWords::take(HeardUtterance heard)
{
    m_heard.push_back(std::move(heard));
}

void CallerWords::append(CallerWords&& later)
{
    std::move(later.m_heard.begin(), later.m_heard.end(), std::back_inserter(m_heard));
    later.m_heard.clear();
}

const HeardUtterance* CallerWords::find(int utterance) const
{
    const auto it = std::find_if(
        m_heard.begin(), m_heard.end(), [utterance](const HeardUtterance& h) { return h.utterance == utterance; });
    return it == m_heard.end() ? nullptr : &*it;
}

HeardUtterance* CallerWords::find(int utterance)
{
    return const_cast<HeardUtterance*>(std::as_const(*this).find(utterance));
}

void CallerWords::partial(int utterance, const QString& text, bool stable)
{
    HeardUtterance* heard = find(utterance);
    if (!heard || heard->done || text.trimmed().isEmpty())
        return;
    heard->latest = text.trimmed();
    heard->latestIsStable = stable;
    if (stable)
        heard->stable = heard->latest;
}

void CallerWords::settle(int utterance, const QString& text, double confidence)
{
    HeardUtterance* heard = find(utterance);
    if (!heard || heard->done)
        return;
    heard->done = true;
    heard->final = text.trimmed();
    heard->confidence = confidence;
}

void CallerWords::fail(int utterance)
{
    HeardUtterance* heard = find(utterance);
    if (!heard || heard->done)
        return;
    heard->done = true;
    heard->failed = true;
}

void CallerWords::countVoice()
{
    if (!m_heard.empty())
        ++m_heard.back().voicedFrames;
}

bool CallerWords::isPending() const
{
    return std::any_of(
        m_heard.begin(), m_heard.end(), [](const HeardUtterance& h) { return !h.done && h.stable.isEmpty(); });
}

bool CallerWords::isUnfinished() const
{
    return std::any_of(m_heard.begin(), m_heard.end(), [](const HeardUtterance& h) { return !h.done; });
}

bool CallerWords::hasFailed() const
{
    return std::any_of(m_heard.begin(), m_heard.end(), [](const HeardUtterance& h) { return h.failed; });
}

QString CallerWords::text() const
{
    return joined(m_heard, &HeardUtterance::text);
}

QString CallerWords::guess() const
{
    return joined(m_heard, &HeardUtterance::guess);
}

double CallerWords::confidence() const
{
    double lowest = 1;
    bool any = false;
    for (const HeardUtterance& heard : m_heard) {
        if (heard.final.isEmpty() && heard.text().isEmpty() && heard.done)
            continue; // a part that was nothing says nothing of the others
        lowest = std::min(lowest, heard.final.isEmpty() ? 0.0 : heard.confidence);
        any = true;
    }
    return any ? lowest : 0;
}

Milliseconds CallerWords::voiced() const
{
    qint64 frames = 0;
    for (const HeardUtterance& heard : m_heard)
        frames += heard.voicedFrames;
    return frames * CallerVoice::Frame;
}

} // namespace kav::turn
