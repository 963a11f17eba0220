// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QDateTime>
#include <QList>
#include <QObject>
#include <QStringList>

#include <functional>
#include <memory>
#include <vector>

namespace kav::providers {

enum class Stage { SpeechToText, LanguageModel, TextToSpeech };
/// "STT", "LLM", "TTS".
QString stageName(Stage stage);

enum class ProviderState { Cold, Warming, Ready, Failed };

struct ProviderStatus final {
    Stage stage = Stage::SpeechToText;
    QString provider; ///< the configuration's word for it: "google", "embedded"
    QString name; ///< the provider's own, once made: "pocketsphinx"
    ProviderState state = ProviderState::Cold;
    QString reason; ///< why Failed
    Milliseconds took { 0 }; ///< the last attempt
    QDateTime since; ///< of this state, UTC
    QDateTime retryAt; ///< when Failed
};

template <typename T> struct NamedMaker final {
    QString name; ///< the configuration's word, unique within its stage
    std::function<Result<std::shared_ptr<T>>()> make; ///< empty: the provider fails, saying so
    Milliseconds deadline { 0 }; ///< its own; 0: the settings'
    /// What its answers depend on beside what it is asked (model, default voice, address): for caches, which know it
    /// before the provider is made.
    QString identity {};
    bool isSpare = false; ///< only for who names it, and made when it is first named
};
template <typename T> using MakerList = std::vector<NamedMaker<T>>;

/// Makers run on the registry's own pool. Each makes and probes a client; credentials are read inside, not before.
/// They may block or throw: the registry turns both into values. A maker must own what it uses: one that is stuck can
/// outlive the registry and its makers' author. The order is the order of preference; a stage without any is one that
/// failed, saying so.
struct Makers final {
    MakerList<SpeechToText> speechToText;
    MakerList<LanguageModel> languageModel;
    MakerList<TextToSpeech> textToSpeech;
};

struct RegistrySettings final {
    Milliseconds deadline { 4000 };
    Milliseconds retry { 60000 };
    /// Makers at a time, stuck ones among them; beyond that an attempt fails at once, saying so. Never fewer than the
    /// providers and one.
    int threads = 4;
    QStringList secrets; ///< values that must not appear in any reason, whatever a vendor's error quotes
};

/// Lazy, single-flight, warmed providers, an ordered list per stage, each on its own: COLD -> WARMING -> READY | FAILED
/// until. Owned by the composition root, lives on the control thread; the getters may be called from any thread and never
/// block. Destruction never waits for a maker.
class ProviderRegistry final : public QObject {
    Q_OBJECT
public:
    ProviderRegistry(Makers makers, const RegistrySettings& settings, const Clock& clock, QObject* parent = nullptr);
    ~ProviderRegistry() override;

    /// The first of the list that is READY and no spare one, else null. Asking starts the attempt of every COLD one of
    /// the stage, and of the FAILED ones past their time.
    std::shared_ptr<SpeechToText> speechToText();
    std::shared_ptr<LanguageModel> languageModel();
    std::shared_ptr<TextToSpeech> textToSpeech();
    /// That one when READY; null too when the stage has none of this name.
    std::shared_ptr<SpeechToText> speechToText(const QString& provider);
    std::shared_ptr<LanguageModel> languageModel(const QString& provider);
    std::shared_ptr<TextToSpeech> textToSpeech(const QString& provider);

    /// Those of `wanted` that the stage has, in that order; all of the stage's but the spare ones when none is wanted,
    /// or none is known.
    QStringList order(Stage stage, const QStringList& wanted = {}) const;
    /// NamedMaker::identity of that one.
    QString identity(Stage stage, const QString& provider) const;

    /// Starts the attempts of all that are COLD, but of the spare ones.
    void warmUp();
    /// And of those, spare or not, of a stage.
    void warmUp(Stage stage, const QStringList& providers);
    /// FAILED ones of the stage get their attempt now, whatever their time; COLD ones too: all but spare ones that
    /// nobody has named yet, or the one named. False: there was none to start.
    bool retryNow(Stage stage, const QString& provider = {});
    enum class Probe { Started, NotReady, Busy };
    /// Runs the maker of a READY one again for its verdict: `done` is called on the control thread, unless the registry
    /// is gone by then. The provider in use stays. Busy: an earlier one is still under way.
    Probe probe(Stage stage, const QString& provider, std::function<void(const Result<void>&)> done);
    /// Of the stage as a whole, spare ones aside: of its first READY one, as it is usable then; else of the one that
    /// has most hope.
    ProviderStatus status(Stage stage) const;
    /// Of every provider, by stage and order; spare ones that nobody has named yet left out.
    QList<ProviderStatus> statuses() const;
    /// Deadlines and retries; called by an inner timer, and by tests with a fake clock.
    void tick();

Q_SIGNALS:
    /// Of one provider, on the control thread, after each change.
    void statusChanged(const kav::providers::ProviderStatus& status);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::providers

Q_DECLARE_METATYPE(kav::providers::ProviderStatus)
