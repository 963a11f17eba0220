// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/renderedlines.h"
#include "engine/providers/speech.h"
#include "shared/core/clock.h"

#include <QObject>
#include <QStringList>

#include <memory>

namespace kav::providers {

/// Renders sentences into RenderedLines in the background, so that the first sound of a call waits for no synthesiser.
/// Owned by the composition root, lives on the control thread; never blocks. Emits finished() once for all that was
/// asked since the last finished(). A line that fails, stays silent past its deadline or grows past its limit is
/// counted, logged (its length, never its words) and left out; the rest goes on. Lines that are rendered already are
/// not rendered again, except in another voice than they were rendered in: a call speaks in one voice.
class LineRenderer final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        int parallel = 2; ///< lines at a time; calls share the synthesiser
        Milliseconds deadline{20000}; ///< from the start of a line to its last sound
        qsizetype lineBytes = 120 * 8000; ///< longest line: two minutes
    };

    LineRenderer(RenderedLines& lines, const Settings& settings, const Clock& clock, QObject* parent = nullptr);
    ~LineRenderer() override;

    /// `voice` must not be null. May be called again while rendering: the new sentences follow.
    void render(std::shared_ptr<TextToSpeech> voice, const QStringList& sentences,
        const QString& language = QStringLiteral("en-US"));
    bool isRendering() const;
    /// Deadlines; called by an inner timer, and by tests with a fake clock.
    void tick();

Q_SIGNALS:
    void finished(int rendered, int failed);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::providers
