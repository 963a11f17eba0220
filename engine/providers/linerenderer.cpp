// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linerenderer.h"

#include "engine/providers/redaction.h"
#include "shared/core/logging.h"

#include <QHash>
#include <QSet>
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
    struct Line final {
        LineOrder order;
        std::unique_ptr<Speech> speech;
        QByteArray audio;
        Instant started;
    };
    /// Whose failures count together: a voice may lack one language and have another.
    using Speaker = std::pair<TextToSpeech*, QString>;

    Private(LineRenderer* owner, LineCache& store, const Settings& set, const Clock& time)
        : q(owner)
        , lines(store)
        , settings(set)
        , clock(time)
    {
    }

    void startMore()
    {
        while (int(running.size()) < qMax(1, settings.parallel) && !waiting.empty()) {
            const LineOrder next = std::move(waiting.front());
            waiting.pop_front();
            if (lines.contains(next.key)) { // a call has said it meanwhile
                wanted.remove(next.key);
                continue;
            }
            running.push_back({next, next.voice->speak(next.request), {}, clock.now()});
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
            failures.clear();
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
        const Speaker speaker{line->order.voice.get(), line->order.request.language};
        wanted.remove(line->order.key);
        if (problem.isEmpty()) {
            lines.insert(line->order.key, line->audio);
            failures.remove(speaker);
            ++rendered;
        } else {
            qCWarning(lcTts).noquote() << "a line of" << line->order.request.text.size()
                                       << "characters was not rendered:" << problem;
            ++failed;
            if (++failures[speaker] >= settings.failuresInARow)
                giveUp(speaker);
        }
        // We may be inside a signal of this speech: it goes when the stack is clear, and says no more.
        if (Speech* speech = line->speech.release()) {
            speech->disconnect(q);
            speech->deleteLater();
        }
        running.erase(line);
        schedule();
    }

    void giveUp(const Speaker& speaker)
    {
        const auto isOfSpeaker = [&speaker](const LineOrder& order) {
            return order.voice.get() == speaker.first && order.request.language == speaker.second;
        };
        int left = 0;
        for (const LineOrder& order : waiting) {
            if (isOfSpeaker(order)) {
                wanted.remove(order.key);
                ++left;
            }
        }
        waiting.erase(std::remove_if(waiting.begin(), waiting.end(), isOfSpeaker), waiting.end());
        failed += left;
        if (left > 0) {
            qCWarning(lcTts).noquote() << speaker.first->name() << "does not render lines in" << speaker.second
                                       << "now;" << left << "more are not asked for";
        }
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
    LineCache& lines;
    const Settings settings;
    const Clock& clock;
    std::deque<LineOrder> waiting;
    std::list<Line> running;
    QSet<QByteArray> wanted; // keys of both
    QHash<Speaker, int> failures; // in a row
    QTimer timer;
    int rendered = 0, failed = 0;
    bool busy = false, scheduled = false;
};

LineRenderer::LineRenderer(LineCache& lines, const Settings& settings, const Clock& clock, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(this, lines, settings, clock))
{
    connect(&d->timer, &QTimer::timeout, this, &LineRenderer::tick);
}

LineRenderer::~LineRenderer() = default;

void LineRenderer::render(const QList<LineOrder>& orders)
{
    KAV_ASSERT_THREAD(this);
    for (const LineOrder& order : orders) {
        Q_ASSERT(order.voice);
        if (order.request.text.trimmed().isEmpty() || d->wanted.contains(order.key) || d->lines.contains(order.key))
            continue;
        d->wanted.insert(order.key);
        d->waiting.push_back(order);
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
