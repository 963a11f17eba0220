// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linerenderer.h"

#include "engine/providers/redaction.h"
#include "shared/core/logging.h"

#include <QHash>
#include <QTimer>

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

namespace kav::providers {
namespace {

constexpr Milliseconds RendererTick{250};

} // namespace

struct LineRenderer::Private final {
    struct Wanted final {
        std::shared_ptr<TextToSpeech> voice;
        SpeechRequest request;
    };
    struct Line final {
        QString text;
        std::shared_ptr<TextToSpeech> voice;
        std::unique_ptr<Speech> speech;
        QByteArray audio;
        Instant started;
    };

    Private(LineRenderer* owner, RenderedLines& store, const Settings& set, const Clock& time)
        : q(owner)
        , lines(store)
        , settings(set)
        , clock(time)
    {
    }

    bool isDue(const QString& text, const std::shared_ptr<TextToSpeech>& voice) const
    {
        if (const auto asked = wanted.constFind(text); asked != wanted.cend())
            return *asked != voice;
        if (!lines.find(text))
            return true;
        const auto by = voiceOf.constFind(text);
        return by != voiceOf.cend() && by->lock() != voice;
    }

    void startMore()
    {
        while (int(running.size()) < qMax(1, settings.parallel) && !waiting.empty()) {
            const Wanted next = std::move(waiting.front());
            waiting.pop_front();
            running.push_back({next.request.text, next.voice, next.voice->speak(next.request), {}, clock.now()});
            Line& line = running.back(); // std::list: its address stays
            if (!line.speech) {
                end(&line, QStringLiteral("the voice made no speech"));
                return; // end() started the rest
            }
            QObject::connect(line.speech.get(), &Speech::audio, q, [this, at = &line](const QByteArray& mulaw) {
                at->audio += mulaw;
                if (at->audio.size() > settings.lineBytes)
                    end(at, QStringLiteral("it is longer than %1 s").arg(settings.lineBytes / 8000));
            });
            QObject::connect(line.speech.get(), &Speech::finished, q,
                [this, at = &line] { end(at, at->audio.isEmpty() ? QStringLiteral("it has no sound") : QString()); });
            QObject::connect(line.speech.get(), &Speech::failed, q,
                [this, at = &line](const Error& error) { end(at, safeReason(toString(error))); });
        }
        if (running.empty() && waiting.empty()) {
            timer.stop();
            wanted.clear();
            const int good = std::exchange(rendered, 0);
            const int bad = std::exchange(failed, 0);
            busy = false;
            Q_EMIT q->finished(good, bad);
        }
    }

    void end(Line* at, const QString& problem)
    {
        const auto line = std::find_if(running.begin(), running.end(), [at](const Line& each) { return &each == at; });
        Q_ASSERT(line != running.end());
        if (problem.isEmpty()) {
            // The voice asked for last stays, whichever of two is done first.
            if (wanted.value(line->text) == line->voice || !lines.find(line->text)) {
                lines.insert(line->text, line->audio);
                voiceOf.insert(line->text, line->voice);
            }
            ++rendered;
        } else {
            qCWarning(lcTts).noquote() << "a line of" << line->text.size() << "characters was not rendered:" << problem;
            ++failed;
        }
        // We may be inside a signal of this speech: it goes when the stack is clear, and says no more.
        if (Speech* speech = line->speech.release()) {
            speech->disconnect(q);
            speech->deleteLater();
        }
        running.erase(line);
        schedule();
    }

    // One turn of the event loop later: never deep in a speech's signal, never inside render().
    void schedule()
    {
        if (std::exchange(scheduled, true))
            return;
        QMetaObject::invokeMethod(
            q,
            [this] {
                scheduled = false;
                startMore();
            },
            Qt::QueuedConnection);
    }

    LineRenderer* const q;
    RenderedLines& lines;
    const Settings settings;
    const Clock& clock;
    std::deque<Wanted> waiting;
    std::list<Line> running;
    QHash<QString, std::shared_ptr<TextToSpeech>> wanted; // in which voice, last
    QHash<QString, std::weak_ptr<TextToSpeech>> voiceOf; // what is rendered
    QTimer timer;
    int rendered = 0, failed = 0;
    bool busy = false, scheduled = false;
};

LineRenderer::LineRenderer(RenderedLines& lines, const Settings& settings, const Clock& clock, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(this, lines, settings, clock))
{
    connect(&d->timer, &QTimer::timeout, this, &LineRenderer::tick);
}

LineRenderer::~LineRenderer() = default;

void LineRenderer::render(std::shared_ptr<TextToSpeech> voice, const QStringList& sentences, const QString& language)
{
    KAV_ASSERT_THREAD(this);
    Q_ASSERT(voice);
    for (const QString& text : sentences) {
        if (text.trimmed().isEmpty() || !d->isDue(text, voice))
            continue;
        d->wanted.insert(text, voice);
        d->waiting.push_back({voice, {text, language, {}}});
    }
    d->busy = true;
    d->timer.start(RendererTick);
    d->schedule();
}

bool LineRenderer::isRendering() const
{
    return d->busy;
}

void LineRenderer::tick()
{
    KAV_ASSERT_THREAD(this);
    const Instant now = d->clock.now();
    for (auto line = d->running.begin(); line != d->running.end();) {
        Private::Line* at = &*line++;
        if (elapsed(at->started, now) >= d->settings.deadline)
            d->end(at, QStringLiteral("no end within %1 ms").arg(d->settings.deadline.count()));
    }
}

} // namespace kav::providers
