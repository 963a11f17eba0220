// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/calltimeline.h"

#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>

namespace kav::telephony {

void CallTimeline::add(TimelineEvent event)
{
    // The end of a speech is known only after it has been silent for a while: it is put where it happened.
    const auto place = std::upper_bound(m_events.begin(), m_events.end(), event,
        [](const TimelineEvent& a, const TimelineEvent& b) { return a.at < b.at; });
    m_events.insert(place, std::move(event));
}

const TimelineEvent* CallTimeline::find(QStringView who, QStringView what) const
{
    for (const TimelineEvent& event : m_events) {
        if (event.who == who && event.what == what)
            return &event;
    }
    return nullptr;
}

int CallTimeline::count(QStringView who, QStringView what) const
{
    return static_cast<int>(std::count_if(m_events.begin(), m_events.end(),
        [who, what](const TimelineEvent& event) { return event.who == who && event.what == what; }));
}

QString CallTimeline::toText() const
{
    QString text;
    for (const TimelineEvent& event : m_events) {
        const QString seconds =
            QString::number(static_cast<double>(event.at.count()) / 1000.0, 'f', 3).rightJustified(9);
        text +=
            seconds + QStringLiteral(" s  ") + event.who.leftJustified(8) + event.what.leftJustified(16) + event.detail;
        while (text.endsWith(QLatin1Char(' ')))
            text.chop(1);
        text += QLatin1Char('\n');
    }
    return text;
}

QByteArray CallTimeline::toJsonLines() const
{
    QByteArray lines;
    for (const TimelineEvent& event : m_events) {
        QJsonObject object{{QStringLiteral("ms"), static_cast<qint64>(event.at.count())},
            {QStringLiteral("who"), event.who}, {QStringLiteral("event"), event.what}};
        if (!event.detail.isEmpty())
            object.insert(QStringLiteral("detail"), event.detail);
        lines += QJsonDocument(object).toJson(QJsonDocument::Compact) + '\n';
    }
    return lines;
}

SpeechWatcher::SpeechWatcher(int loudRms, Milliseconds hold)
    : m_loudRms(loudRms)
    , m_hold(hold)
{
}

std::optional<SpeechWatcher::Change> SpeechWatcher::feed(int rms, Milliseconds frameBegin, Milliseconds frameEnd)
{
    if (rms >= m_loudRms) {
        m_lastLoud = frameEnd;
        if (!m_speaking) {
            m_speaking = true;
            m_began = frameBegin;
            return Change{true, frameBegin};
        }
    } else if (m_speaking && frameEnd - *m_lastLoud >= m_hold) {
        m_speaking = false;
        return Change{false, *m_lastLoud};
    }
    return std::nullopt;
}

} // namespace kav::telephony
