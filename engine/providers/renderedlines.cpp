// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/renderedlines.h"

namespace kav::providers {

void RenderedLines::insert(const QString& text, const QByteArray& mulaw)
{
    const std::lock_guard lock(m_mutex);
    m_lines.insert(text, mulaw);
}

std::optional<QByteArray> RenderedLines::find(const QString& text) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_lines.constFind(text);
    if (found == m_lines.cend())
        return std::nullopt;
    return *found;
}

int RenderedLines::count() const
{
    const std::lock_guard lock(m_mutex);
    return int(m_lines.size());
}

qsizetype RenderedLines::bytes() const
{
    const std::lock_guard lock(m_mutex);
    qsizetype sum = 0;
    for (const QByteArray& line : m_lines)
        sum += line.size();
    return sum;
}

} // namespace kav::providers
