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

namespace kav::providers {

enum class Stage { SpeechToText, LanguageModel, TextToSpeech };
/// "STT", "LLM", "TTS".
QString stageName(Stage stage);

enum class ProviderState { Cold, Warming, Ready, Failed };

struct ProviderStatus final {
    Stage stage = Stage::SpeechToText;
    QString name; ///< of the provider, once made
    ProviderState state = ProviderState::Cold;
    QString reason; ///< why Failed
    Milliseconds took { 0 }; ///< the last attempt
    QDateTime since; ///< of this state, UTC
    QDateTime retryAt; ///< when Failed
};

/// Makers run on the registry's own pool. Each makes and probes a client; credentials are read inside, not before.
/// They may block or throw: the registry turns both into values. A maker must own what it uses: one that is stuck can
/// outlive the registry and its makers' author. An empty maker is a stage without a provider: it fails, saying so.
struct Makers final {
    std::function<Result<std::shared_ptr<SpeechToText>>()> speechToText;
    std::function<Result<std::shared_ptr<LanguageModel>>()> languageModel;
    std::function<Result<std::shared_ptr<TextToSpeech>>()> textToSpeech;
};

struct RegistrySettings final {
    Milliseconds deadline { 4000 };
    Milliseconds retry { 60000 };
    int threads = 4; ///< and at most as many stuck makers; beyond that an attempt fails at once, saying so
    QStringList secrets; ///< values that must not appear in any reason, whatever a vendor's error quotes
};

/// Lazy, single-flight, warmed providers: COLD -> WARMING -> READY | FAILED until. Owned by the composition root, lives on
/// the control thread; the getters may be called from any thread and never block. Destruction never waits for a maker.
class ProviderRegistry final : public QObject {
    Q_OBJECT
public:
    ProviderRegistry(Makers makers, const RegistrySettings& settings, const Clock& clock, QObject* parent = nullptr);
    ~ProviderRegistry() override;

    /// The provider when READY, else null; asking for a COLD one (or a FAILED one past its time) starts its one attempt.
    std::shared_ptr<SpeechToText> speechToText();
    std::shared_ptr<LanguageModel> languageModel();
    std::shared_ptr<TextToSpeech> textToSpeech();

    /// Starts the attempts of all stages that are COLD.
    void warmUp();
    /// A FAILED stage gets its attempt now, whatever its time; a COLD one too. False: it is neither.
    bool retryNow(Stage stage);
    ProviderStatus status(Stage stage) const;
    QList<ProviderStatus> statuses() const;
    /// Deadlines and retries; called by an inner timer, and by tests with a fake clock.
    void tick();

Q_SIGNALS:
    /// On the control thread, after each change.
    void statusChanged(const kav::providers::ProviderStatus& status);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::providers

Q_DECLARE_METATYPE(kav::providers::ProviderStatus)
