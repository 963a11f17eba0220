// SPDX-License-Identifier: Apache-2.0
#include "engine/app/readylines.h"

#include "engine/providers/persona.h"
#include "shared/core/logging.h"

#include <utility>

namespace kav::app {

ReadyLines::ReadyLines(const Settings& settings, const Clock& clock, QObject* parent)
    : QObject(parent)
    , m_settings(settings)
    , m_cache({.bytes = settings.memoryBytes})
    , m_renderer(m_cache, {}, clock)
{
    connect(&m_renderer, &providers::LineRenderer::finished, this, [this](int rendered, int failed) {
        qCInfo(lcTts) << "lines rendered:" << rendered << "failed:" << failed;
        Q_EMIT settled();
    });
}

ReadyLines::~ReadyLines() = default;

void ReadyLines::openStore()
{
    if (m_store || m_settings.diskBytes <= 0 || m_settings.directory.isEmpty())
        return;
    m_store = std::make_unique<providers::LineStore>(
        providers::LineStore::Settings{m_settings.directory, m_settings.diskBytes});
    m_cache.setKeeper(
        [store = m_store.get()](const QByteArray& key, const QByteArray& mulaw) { store->save(key, mulaw); });
}

void ReadyLines::prepare(providers::ProviderRegistry& registry, const providers::CallProviders& voices,
    std::shared_ptr<const dialog::PersonaBook> book, std::shared_ptr<const dialog::DialogBook> dialogs)
{
    KAV_ASSERT_THREAD(this);
    m_registry = &registry;
    m_voices = &voices;
    openStore();
    m_plans.clear();
    m_ordered.clear();
    QSet<QByteArray> known;
    QList<QByteArray> toRead;
    for (const auto& persona : book->all()) {
        Plan plan;
        plan.call.persona = persona;
        plan.call.language = persona->language;
        for (const QString& text : {persona->greeting, persona->outboundGreeting, persona->voicemailMessage})
            plan.own += dialog::sentencesOf(text);
        if (persona->recording != providers::RecordedBy::Nobody)
            plan.own += dialog::sentencesOf(dialog::recordingNotice(*persona, persona->language));
        const auto script = dialogs ? dialogs->scriptFor(persona->language) : nullptr;
        const QStringList lines = dialog::serviceLinesFor(persona->language, script.get()).all();
        for (const QString& line : lines)
            plan.own += dialog::sentencesOf(line);
        // Whoever is served by a language model alone never says the dialog's sentences.
        const bool hasDialog = persona->llm.isEmpty() || persona->llm.contains(QLatin1String("embedded"));
        if (script && hasDialog && dialog::isSameLanguage(persona->language, script->language()))
            plan.dialog = script->fixedSentences();
        const QStringList names = voices.voiceNames(plan.call);
        for (const QStringList* texts : {&plan.own, &plan.dialog}) {
            for (const QString& text : *texts) {
                for (const QString& name : names) {
                    const QByteArray key = voices.lineKey(text, plan.call, name);
                    if (known.contains(key))
                        continue;
                    known.insert(key);
                    if (!m_cache.contains(key))
                        toRead += key;
                }
            }
        }
        m_plans += plan;
    }
    m_cache.setKnown(std::move(known));
    if (!m_store) {
        render();
        return;
    }
    ++m_reading;
    m_store->load(toRead, m_cache, [this] {
        QMetaObject::invokeMethod(
            this,
            [this] {
                --m_reading;
                const auto disk = m_store->counters();
                qCInfo(lcTts) << "lines on disk: loaded" << disk.loaded << "damaged" << disk.damaged;
                render();
                if (!isBusy()) Q_EMIT
                    settled();
            },
            Qt::QueuedConnection);
    });
}

void ReadyLines::voiceReady()
{
    KAV_ASSERT_THREAD(this);
    m_ordered.clear();
    catchUp();
}

void ReadyLines::catchUp()
{
    KAV_ASSERT_THREAD(this);
    if (m_registry && m_reading == 0)
        render();
}

void ReadyLines::render()
{
    QList<providers::LineOrder> orders, later;
    bool hasVoice = false;
    for (const Plan& plan : std::as_const(m_plans)) {
        const auto order = [&](const QStringList& texts, const QString& name,
                               const std::shared_ptr<providers::TextToSpeech>& voice,
                               QList<providers::LineOrder>& list) {
            for (const QString& text : texts) {
                const QByteArray key = m_voices->lineKey(text, plan.call, name);
                if (m_ordered.contains(key) || m_cache.contains(key))
                    continue;
                m_ordered.insert(key);
                list += {key, voice, m_voices->requestOf(text, plan.call, name)};
            }
        };
        bool first = true;
        const QStringList names = m_voices->voiceNames(plan.call);
        for (const QString& name : names) {
            const auto voice = m_registry->textToSpeech(name);
            if (!voice)
                continue;
            hasVoice = true;
            order(plan.own, name, voice, orders);
            if (std::exchange(first, false))
                order(plan.dialog, name, voice, later);
        }
    }
    orders += later; // every persona can be heard before one says everything
    // With nothing to do the log says so once: whoever waits for the lines waits for that.
    const bool isFirst = hasVoice && !std::exchange(m_rendered, true);
    if (isFirst || !orders.isEmpty())
        m_renderer.render(orders);
}

metrics::Metrics::LineCacheTotals ReadyLines::totals() const
{
    const auto memory = m_cache.counters();
    metrics::Metrics::LineCacheTotals totals;
    totals.hits = memory.hits;
    totals.misses = memory.misses;
    totals.evictions = memory.evictions;
    totals.bytes = memory.bytes;
    totals.lines = memory.lines;
    if (m_store) {
        const auto disk = m_store->counters();
        totals.loaded = disk.loaded;
        totals.damaged = disk.damaged;
        totals.diskBytes = disk.bytes;
    }
    return totals;
}

} // namespace kav::app
