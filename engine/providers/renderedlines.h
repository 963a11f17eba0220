// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QHash>
#include <QString>

#include <mutex>
#include <optional>

namespace kav::providers {

/// Sentences rendered to 8 kHz mu-law ahead of time: the greeting, the fallback lines, whatever a dialog says word for
/// word. Filled at warm-up by LineRenderer, read by every call. Any thread; shared; what find() returns is implicitly
/// shared and never changes.
class RenderedLines final {
public:
    void insert(const QString& text, const QByteArray& mulaw);
    /// The audio of exactly this sentence in the default voice.
    std::optional<QByteArray> find(const QString& text) const;
    int count() const;
    qsizetype bytes() const;

private:
    mutable std::mutex m_mutex;
    QHash<QString, QByteArray> m_lines;
};

} // namespace kav::providers
