// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/registry.h"

#include "engine/providers/lazy.h"
#include "engine/providers/redaction.h"
#include "shared/core/logging.h"

#include <QTimer>

#include <typeinfo>

#if __has_include(<cxxabi.h>)
#include <cstdlib>
#include <cxxabi.h>
#endif

namespace kav::providers {
namespace {

constexpr Milliseconds RegistryTick{100};
constexpr int Stages = 3;

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
    Private(ProviderRegistry* owner, Makers makers, const RegistrySettings& set, const Clock& clock)
        : q(owner)
        , settings(set)
        , threads(set.threads)
        , speechToText(std::move(makers.speechToText), cellSettings<SpeechToText>(), clock, threads,
              announcer(Stage::SpeechToText))
        , languageModel(std::move(makers.languageModel), cellSettings<LanguageModel>(), clock, threads,
              announcer(Stage::LanguageModel))
        , textToSpeech(std::move(makers.textToSpeech), cellSettings<TextToSpeech>(), clock, threads,
              announcer(Stage::TextToSpeech))
    {
    }

    template <typename T> typename Lazy<T>::Settings cellSettings() const
    {
        // A stage whose makers hang again and again leaves a thread for each of the others.
        return {settings.deadline, settings.retry, qMax(1, settings.threads - (Stages - 1))};
    }

    // Changes happen on any thread; they are told on the control thread, in order, each with what it was.
    std::function<void(const LazySnapshot&)> announcer(Stage stage)
    {
        return [this, stage](const LazySnapshot& snapshot) {
            QMetaObject::invokeMethod(
                q, [this, stage, snapshot] { announce(stage, snapshot); }, Qt::QueuedConnection);
        };
    }

    QString nameOf(Stage stage) const
    {
        switch (stage) {
        case Stage::SpeechToText:
            if (const auto provider = speechToText.peek())
                return provider->name();
            return {};
        case Stage::LanguageModel:
            if (const auto provider = languageModel.peek())
                return provider->name();
            return {};
        case Stage::TextToSpeech:
            if (const auto provider = textToSpeech.peek())
                return provider->name();
            return {};
        }
        Q_UNREACHABLE();
    }

    LazySnapshot snapshotOf(Stage stage) const
    {
        switch (stage) {
        case Stage::SpeechToText:
            return speechToText.snapshot();
        case Stage::LanguageModel:
            return languageModel.snapshot();
        case Stage::TextToSpeech:
            return textToSpeech.snapshot();
        }
        Q_UNREACHABLE();
    }

    ProviderStatus statusOf(Stage stage, const LazySnapshot& snapshot) const
    {
        ProviderStatus status;
        status.stage = stage;
        status.state = stateOf(snapshot.state);
        if (snapshot.state == LazyState::Ready)
            status.name = nameOf(stage);
        if (snapshot.state == LazyState::Failed)
            status.reason = safeReason(toString(snapshot.error), settings.secrets);
        status.took = snapshot.took;
        status.since = snapshot.since;
        status.retryAt = snapshot.retryAt;
        return status;
    }

    void announce(Stage stage, const LazySnapshot& snapshot)
    {
        const ProviderStatus status = statusOf(stage, snapshot);
        const QLoggingCategory& category = categoryOf(stage);
        const QString token = QStringLiteral("WARMUP_") + stageName(stage);
        if (status.state == ProviderState::Ready && category.isInfoEnabled()) {
            QMessageLogger(nullptr, 0, nullptr, category.categoryName()).info().noquote().nospace()
                << token << "_OK name=" << status.name << " took_ms=" << status.took.count();
        } else if (status.state == ProviderState::Failed && category.isWarningEnabled()) {
            QString reason = status.reason;
            reason.replace(QLatin1Char('"'), QLatin1Char('\''));
            QMessageLogger(nullptr, 0, nullptr, category.categoryName()).warning().noquote().nospace()
                << token << "_ERR reason=\"" << reason << "\" took_ms=" << status.took.count()
                << " retry_ms=" << settings.retry.count();
        }
        // The timer runs only while something waits for a deadline or a retry.
        bool waiting = false;
        for (const Stage each : {Stage::SpeechToText, Stage::LanguageModel, Stage::TextToSpeech}) {
            const LazyState state = snapshotOf(each).state;
            waiting = waiting || state == LazyState::Warming || state == LazyState::Failed;
        }
        if (waiting && !timer.isActive())
            timer.start(RegistryTick);
        else if (!waiting)
            timer.stop();
        Q_EMIT q->statusChanged(status);
    }

    ProviderRegistry* const q;
    const RegistrySettings settings;
    MakerThreads threads;
    Lazy<SpeechToText> speechToText;
    Lazy<LanguageModel> languageModel;
    Lazy<TextToSpeech> textToSpeech;
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
    return d->speechToText.get();
}

std::shared_ptr<LanguageModel> ProviderRegistry::languageModel()
{
    return d->languageModel.get();
}

std::shared_ptr<TextToSpeech> ProviderRegistry::textToSpeech()
{
    return d->textToSpeech.get();
}

void ProviderRegistry::warmUp()
{
    KAV_ASSERT_THREAD(this);
    d->speechToText.start();
    d->languageModel.start();
    d->textToSpeech.start();
}

bool ProviderRegistry::retryNow(Stage stage)
{
    KAV_ASSERT_THREAD(this);
    switch (stage) {
    case Stage::SpeechToText:
        return d->speechToText.retryNow();
    case Stage::LanguageModel:
        return d->languageModel.retryNow();
    case Stage::TextToSpeech:
        return d->textToSpeech.retryNow();
    }
    Q_UNREACHABLE();
}

ProviderStatus ProviderRegistry::status(Stage stage) const
{
    return d->statusOf(stage, d->snapshotOf(stage));
}

QList<ProviderStatus> ProviderRegistry::statuses() const
{
    return {status(Stage::SpeechToText), status(Stage::LanguageModel), status(Stage::TextToSpeech)};
}

void ProviderRegistry::tick()
{
    KAV_ASSERT_THREAD(this);
    d->speechToText.tick();
    d->languageModel.tick();
    d->textToSpeech.tick();
}

} // namespace kav::providers
