// SPDX-License-Identifier: Apache-2.0
#include "engine/control/requestnews.h"

#include "shared/protocol/codec.h"

#include <algorithm>
#include <vector>

namespace kav::control {

void RequestNews::add(const RequestRecord& request, int most)
{
    m_encoded.push_back(protocol::encodeRequest(request));
    m_bytes += m_encoded.back().size();
    ++m_last;
    while (m_encoded.size() > std::size_t(most) || m_bytes > MostBytes) {
        m_bytes -= m_encoded.front().size();
        m_encoded.pop_front();
    }
}

QByteArray RequestNews::messageAfter(quint64 number) const
{
    const quint64 wanted = m_last - number;
    const auto kept = std::min<quint64>(wanted, m_encoded.size());
    std::vector<const QByteArray*> texts;
    texts.reserve(kept);
    for (auto it = m_encoded.cend() - std::ptrdiff_t(kept); it != m_encoded.cend(); ++it)
        texts.push_back(&*it);
    return protocol::encodeRequestNews(kept < wanted, texts);
}

} // namespace kav::control
