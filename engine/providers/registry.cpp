// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/registry.h"

#include "engine/providers/lazy.h"
#include "engine/providers/redaction.h"
#include "shared/core/logging.h"

#include <QTimer>

#include <algorithm>
#include <array>
#include <type_traits>
#include <typeinfo>

#if __has_include(<cxxabi.h>)
#include <cstdlib>
#include <cxxabi.h>
#endif

namespace kav::providers {
namespace {

constexpr Milliseconds RegistryTick{100};
constexpr std::array Stages{Stage::SpeechToText, Stage::LanguageModel, Stage::TextToSpeech};

const QLoggingCategory& categoryOf(Stage stage)
{
    switch (stage) {
    case Stage::SpeechToText:
        return lcStt();
    case Stage::LanguageModel:
        return lcLlm();
    case Stage::TextToSpeech:
        return lcTts();
    }
    Q_UNREACHABLE();
}

ProviderState stateOf(LazyState state)
{
    switch (state) {
    case LazyState::Cold:
        return ProviderState::Cold;
    case LazyState::Warming:
        return ProviderState::Warming;
    case LazyState::Ready:
        return ProviderState::Ready;
    case LazyState::Failed:
        return ProviderState::Failed;
    }
    Q_UNREACHABLE();
}

/// "std::runtime_error" for a typeid's name, which may be mangled.
QString readableType(const char* mangled)
{
#if __has_include(<cxxabi.h>)
    int failure = 0;
    const std::unique_ptr<char, decltype(&std::free)> readable(
        abi::__cxa_demangle(mangled, nullptr, nullptr, &failure), &std::free);
    if (failure == 0 && readable)
        return QString::fromLatin1(readable.get());
#endif
    return QString::fromLatin1(mangled);
}

} // namespace

QString stageName(Stage stage)
{
    switch (stage) {
    case Stage::SpeechToText:
        return QStringLiteral("STT");
    case Stage::LanguageModel:
        return QStringLiteral("LLM");
    case Stage::TextToSpeech:
        return QStringLiteral("TTS");
    }
    Q_UNREACHABLE();
}

Error errorOfException(const std::exception& exception)
{
    return {Error::Code::Internal, QStringLiteral("the maker threw ") + readableType(typeid(exception).name()),
        QString::fromUtf8(exception.what())};
}

struct ProviderRegistry::Private final {
    template <typename T> struct Cell final {
        QString provider;
        QString identity;
        Lazy<T> lazy;
        bool isSpare = false;
        bool isUnnamed() const { return isSpare && lazy.snapshot().state == LazyState::Cold; }
    };
    template <typename T> using Cells = std::vector<std::unique_ptr<Cell<T>>>;

    Private(ProviderRegistry* owner, Makers makers, const RegistrySettings& set, const Clock& time)
        : q(owner)
        , settings(set)
        , clock(time)
        , cellCount(count(makers.speechToText) + count(makers.languageModel) + count(makers.textToSpeech))
        , threads(std::max(set.threads, cellCount + 1))
    {
        fill(speechToText, Stage::SpeechToText, makers.speechToText);
        fill(languageModel, Stage::LanguageModel, makers.languageModel);
        fill(textToSpeech, Stage::TextToSpeech, makers.textToSpeech);
    }

    template <typename T> static int count(const MakerList<T>& makers) { return std::max(1, int(makers.size())); }

    template <typename T> void fill(Cells<T>& cells, Stage stage, MakerList<T>& makers)
    {
        if (std::all_of(makers.begin(), makers.end(), [](const NamedMaker<T>& maker) { return maker.isSpare; }))
            makers.push_back({QStringLiteral("none"), {}, {}});
        for (NamedMaker<T>& maker : makers) {
            // One whose maker hangs again and again leaves a thread for each of the others.
            const typename Lazy<T>::Settings cell{maker.deadline > Milliseconds(0) ? maker.deadline : settings.deadline,
                settings.retry, std::max(1, threads.limit() - (cellCount - 1))};
            cells.push_back(std::unique_ptr<Cell<T>>(new Cell<T>{maker.name, maker.identity,
                {std::move(maker.make), cell, clock, threads, announcer(stage, maker.name)}, maker.isSpare}));
        }
    }

    /// Calls `use` with the list of the stage.
    template <typename Self, typename Use> static auto withCells(Self& self, Stage stage, Use use)
    {
        switch (stage) {
        case Stage::SpeechToText:
            return use(self.speechToText);
        case Stage::LanguageModel:
            return use(self.languageModel);
        case Stage::TextToSpeech:
            return use(self.textToSpeech);
        }
        Q_UNREACHABLE();
    }
    template <typename Self, typename Use> static void forEachCell(Self& self, Use use)
    {
        for (const Stage stage : Stages) {
            withCells(self, stage, [&](auto& cells) {
                for (auto& cell : cells)
                    use(stage, *cell);
            });
        }
    }

    template <typename T> static std::shared_ptr<T> firstOf(Cells<T>& cells)
    {
        std::shared_ptr<T> first;
        for (auto& cell : cells) {
            if (cell->isSpare)
                continue;
            if (auto provider = cell->lazy.get(); provider && !first)
                first = std::move(provider);
        }
        return first;
    }
    template <typename T> static std::shared_ptr<T> named(Cells<T>& cells, const QString& provider)
    {
        for (auto& cell : cells) {
            if (cell->provider == provider)
                return cell->lazy.get();
        }
        return {};
    }

    // Changes happen on any thread; they are told on the control thread, in order, each with what it was.
    std::function<void(const LazySnapshot&)> announcer(Stage stage, const QString& provider)
    {
        return [this, stage, provider](const LazySnapshot& snapshot) {
            QMetaObject::invokeMethod(
                q, [this, stage, provider, snapshot] { announce(stage, provider, snapshot); }, Qt::QueuedConnection);
        };
    }

    template <typename C> ProviderStatus statusOf(Stage stage, const C& cell, const LazySnapshot& snapshot) const
    {
        ProviderStatus status;
        status.stage = stage;
        status.provider = cell.provider;
        status.state = stateOf(snapshot.state);
        if (snapshot.state == LazyState::Ready) {
            if (const auto provider = cell.lazy.peek())
                status.name = provider->name();
        }
        if (snapshot.state == LazyState::Failed)
            status.reason = safeReason(toString(snapshot.error), settings.secrets);
        status.took = snapshot.took;
        status.since = snapshot.since;
        status.retryAt = snapshot.retryAt;
        return status;
    }

    void announce(Stage stage, const QString& provider, const LazySnapshot& snapshot)
    {
        ProviderStatus status;
        withCells(*this, stage, [&](auto& cells) {
            for (const auto& cell : cells) {
                if (cell->provider == provider)
                    status = statusOf(stage, *cell, snapshot);
            }
        });
        const QLoggingCategory& category = categoryOf(stage);
        const QString token = QStringLiteral("WARMUP_") + stageName(stage);
        if (status.state == ProviderState::Ready && category.isInfoEnabled()) {
            QMessageLogger(nullptr, 0, nullptr, category.categoryName()).info().noquote().nospace()
                << token << "_OK name=" << status.name << " took_ms=" << status.took.count()
                << " provider=" << provider;
        } else if (status.state == ProviderState::Failed && category.isWarningEnabled()) {
            QString reason = status.reason;
            reason.replace(QLatin1Char('"'), QLatin1Char('\''));
            QMessageLogger(nullptr, 0, nullptr, category.categoryName()).warning().noquote().nospace()
                << token << "_ERR reason=\"" << reason << "\" took_ms=" << status.took.count()
                << " retry_ms=" << settings.retry.count() << " provider=" << provider;
        }
        // The timer runs only while something waits for a deadline or a retry.
        bool waiting = false;
        forEachCell(*this, [&waiting](Stage, auto& cell) {
            const LazyState state = cell.lazy.snapshot().state;
            waiting = waiting || state == LazyState::Warming || state == LazyState::Failed;
        });
        if (waiting && !timer.isActive())
            timer.start(RegistryTick);
        else if (!waiting)
            timer.stop();
        Q_EMIT q->statusChanged(status);
    }

    ProviderRegistry* const q;
    const RegistrySettings settings;
    const Clock& clock;
    const int cellCount;
    MakerThreads threads;
    // Filled once, by the constructor; the cells themselves are safe on any thread.
    Cells<SpeechToText> speechToText;
    Cells<LanguageModel> languageModel;
    Cells<TextToSpeech> textToSpeech;
    QTimer timer;
};

ProviderRegistry::ProviderRegistry(Makers makers, const RegistrySettings& settings, const Clock& clock, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(this, std::move(makers), settings, clock))
{
    connect(&d->timer, &QTimer::timeout, this, &ProviderRegistry::tick);
}

ProviderRegistry::~ProviderRegistry() = default;

std::shared_ptr<SpeechToText> ProviderRegistry::speechToText()
{
    return Private::firstOf(d->speechToText);
}

std::shared_ptr<LanguageModel> ProviderRegistry::languageModel()
{
    return Private::firstOf(d->languageModel);
}

std::shared_ptr<TextToSpeech> ProviderRegistry::textToSpeech()
{
    return Private::firstOf(d->textToSpeech);
}

std::shared_ptr<SpeechToText> ProviderRegistry::speechToText(const QString& provider)
{
    return Private::named(d->speechToText, provider);
}

std::shared_ptr<LanguageModel> ProviderRegistry::languageModel(const QString& provider)
{
    return Private::named(d->languageModel, provider);
}

std::shared_ptr<TextToSpeech> ProviderRegistry::textToSpeech(const QString& provider)
{
    return Private::named(d->textToSpeech, provider);
}

QStringList ProviderRegistry::order(Stage stage, const QStringList& wanted) const
{
    QStringList all, usual;
    Private::withCells(*d, stage, [&](const auto& cells) {
        for (const auto& cell : cells) {
            all += cell->provider;
            if (!cell->isSpare)
                usual += cell->provider;
        }
    });
    QStringList known;
    for (const QString& name : wanted) {
        if (all.contains(name) && !known.contains(name))
            known += name;
    }
    return known.isEmpty() ? usual : known;
}

QString ProviderRegistry::identity(Stage stage, const QString& provider) const
{
    return Private::withCells(*d, stage, [&provider](const auto& cells) {
        const auto found = std::find_if(
            cells.begin(), cells.end(), [&provider](const auto& cell) { return cell->provider == provider; });
        return found == cells.end() ? QString() : (*found)->identity;
    });
}

void ProviderRegistry::warmUp()
{
    KAV_ASSERT_THREAD(this);
    Private::forEachCell(*d, [](Stage, auto& cell) {
        if (!cell.isSpare)
            cell.lazy.start();
    });
}

void ProviderRegistry::warmUp(Stage stage, const QStringList& providers)
{
    KAV_ASSERT_THREAD(this);
    Private::withCells(*d, stage, [&providers](auto& cells) {
        for (auto& cell : cells) {
            if (providers.contains(cell->provider))
                cell->lazy.start();
        }
    });
}

bool ProviderRegistry::retryNow(Stage stage, const QString& provider)
{
    KAV_ASSERT_THREAD(this);
    return Private::withCells(*d, stage, [&provider](auto& cells) {
        bool started = false;
        for (auto& cell : cells) {
            if (provider.isEmpty() ? !cell->isUnnamed() : cell->provider == provider)
                started = cell->lazy.retryNow() || started;
        }
        return started;
    });
}

ProviderRegistry::Probe ProviderRegistry::probe(
    Stage stage, const QString& provider, std::function<void(const Result<void>&)> done)
{
    KAV_ASSERT_THREAD(this);
    return Private::withCells(*d, stage, [&](auto& cells) {
        for (auto& cell : cells) {
            if (cell->provider != provider)
                continue;
            using Cell = std::decay_t<decltype(cell->lazy)>;
            // Posted under the cell's lock: while that is held the registry is still there.
            const auto started = cell->lazy.probe([this, done](const Result<void>& result) {
                QMetaObject::invokeMethod(this, [done, result] { done(result); }, Qt::QueuedConnection);
            });
            return started == Cell::Probe::Started ? Probe::Started
                : started == Cell::Probe::Busy     ? Probe::Busy
                                                   : Probe::NotReady;
        }
        return Probe::NotReady;
    });
}

ProviderStatus ProviderRegistry::status(Stage stage) const
{
    const auto hope = [](ProviderState state) {
        switch (state) {
        case ProviderState::Ready:
            return 3;
        case ProviderState::Warming:
            return 2;
        case ProviderState::Cold:
            return 1;
        case ProviderState::Failed:
            return 0;
        }
        Q_UNREACHABLE();
    };
    const QList<ProviderStatus> all = Private::withCells(*d, stage, [&](const auto& cells) {
        QList<ProviderStatus> list;
        for (const auto& cell : cells) {
            if (!cell->isSpare)
                list += d->statusOf(stage, *cell, cell->lazy.snapshot());
        }
        return list;
    });
    return *std::max_element(all.begin(), all.end(),
        [&hope](const ProviderStatus& a, const ProviderStatus& b) { return hope(a.state) < hope(b.state); });
}

QList<ProviderStatus> ProviderRegistry::statuses() const
{
    QList<ProviderStatus> all;
    Private::forEachCell(std::as_const(*d), [&](Stage stage, const auto& cell) {
        if (!cell.isUnnamed())
            all += d->statusOf(stage, cell, cell.lazy.snapshot());
    });
    return all;
}

void ProviderRegistry::tick()
{
    KAV_ASSERT_THREAD(this);
    Private::forEachCell(*d, [](Stage, auto& cell) { cell.lazy.tick(); });
}

} // namespace kav::providers
