// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/linecache.h"
#include "engine/providers/speech.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QList>
#include <QObject>

#include <memory>

namespace kav::providers {

/// A line that is wanted, and who says it.
struct LineOrder final {
    QByteArray key; ///< in the cache
    std::shared_ptr<TextToSpeech> voice; ///< never null
    SpeechRequest request;
};

/// Renders lines into the cache in the background, so that the first sound of a call waits for no synthesiser. Owned by
/// the composition root, lives on the control thread; never blocks. Emits finished() once for all that was asked since
/// the last finished(). A line that fails, stays silent past its deadline or grows past its limit is counted, logged
/// (its length, never its words) and left out; the rest goes on, unless a voice has failed three lines of a language
/// in a row: then it is left alone with that language until it is asked again. Lines that the cache has are not
/// rendered.
class LineRenderer final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        int parallel = 2; ///< lines at a time; calls share the synthesiser
        Milliseconds deadline{20000}; ///< from the start of a line to its last sound
        qsizetype lineBytes = 120 * 8000; ///< longest line: two minutes
        int failuresInARow = 3; ///< of one voice in one language
    };

    LineRenderer(LineCache& lines, const Settings& settings, const Clock& clock, QObject* parent = nullptr);
    ~LineRenderer() override;

    /// May be called again while rendering: the new lines follow.
    void render(const QList<LineOrder>& orders);
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
