// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/dialogbook.h"
#include "engine/dialog/personas.h"
#include "engine/metrics/metrics.h"
#include "engine/providers/failover/callproviders.h"
#include "engine/providers/linecache.h"
#include "engine/providers/linerenderer.h"
#include "engine/providers/linestore.h"

#include <QObject>

#include <memory>

namespace kav::app {

/// Sees to it that what will surely be said is there as sound before it is said: each persona's greeting and the
/// engine's own lines, in its language and by every voice of its list, and a dialog's sentences by the first voice of
/// it that is ready. What was rendered once is read from disk, whether or not its provider is there today; what is
/// missing is rendered in the background when its provider is ready. Owned by the engine, lives on the control thread;
/// the cache may be used by any thread. Emits settled() when work that was under way is done.
class ReadyLines final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        qint64 memoryBytes = 32 * 1024 * 1024;
        qint64 diskBytes = 64 * 1024 * 1024; ///< 0: nothing on disk
        QString directory;
    };

    ReadyLines(const Settings& settings, const Clock& clock, QObject* parent = nullptr);
    ~ReadyLines() override;

    providers::LineCache& cache() { return m_cache; }
    /// What is to be there from now on; `dialogs` may be null. `registry` and `voices` outlive this but for its
    /// destructor. The first time, before other threads use the cache. Never blocks.
    void prepare(providers::ProviderRegistry& registry, const providers::CallProviders& voices,
        std::shared_ptr<const dialog::PersonaBook> book, std::shared_ptr<const dialog::DialogBook> dialogs);
    /// A voice is ready that was not. What others failed to render is asked for again.
    void voiceReady();
    /// Asks for what was not asked for yet: a voice may be ready whose news is still under way.
    void catchUp();
    bool isBusy() const { return m_reading > 0 || m_renderer.isRendering(); }
    metrics::Metrics::LineCacheTotals totals() const;

Q_SIGNALS:
    void settled();

private:
    /// What one persona says.
    struct Plan final {
        providers::CallInfo call;
        QStringList own; ///< greeting and engine's lines
        QStringList dialog;
    };
    void openStore();
    void render();

    const Settings m_settings;
    providers::LineCache m_cache;
    providers::LineRenderer m_renderer;
    providers::ProviderRegistry* m_registry = nullptr;
    const providers::CallProviders* m_voices = nullptr;
    QList<Plan> m_plans;
    QSet<QByteArray> m_ordered; // by key; personas share voices, and what failed is not asked for again and again
    int m_reading = 0; // reads from disk under way
    bool m_rendered = false; // asked the renderer once
    std::unique_ptr<providers::LineStore> m_store; // last: its thread uses the cache
};

} // namespace kav::app
