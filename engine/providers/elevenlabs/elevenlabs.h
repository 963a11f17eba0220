// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "engine/providers/speech.h"
#include "shared/core/result.h"

#include <QUrl>

#include <memory>

namespace kav::providers {

struct ElevenLabsSettings final {
    QUrl url{QStringLiteral("https://api.elevenlabs.io")}; ///< http or https; a path before /v1 is kept
    QString key;
    QString model; ///< empty: the fast one where it knows the language, else the one that knows most (Hebrew)
    QString voice = QStringLiteral("JBFqnCBsd6RMkjVDRZzb"); ///< an id; when the request names none
    Milliseconds probe{3500}; ///< the one request that proves key and address
    Milliseconds firstByte{5000}; ///< as in HttpRequest
    Milliseconds stall{5000};
    Milliseconds total{60000};
    qsizetype longestText = 5000; ///< characters; the vendor's own limit of the strictest model
    Milliseconds longestSound{600000};
};

/// ElevenLabs' synthesis, streamed as it is made, in the telephone's own encoding. Immutable, any thread; each speech
/// is a request of its own on its thread's connections.
class ElevenLabs final : public TextToSpeech {
public:
    /// Checks the forms of address and key, and asks once whether the key is known; for a maker's thread.
    static Result<std::shared_ptr<ElevenLabs>> create(
        const ElevenLabsSettings& settings, const std::shared_ptr<HttpPool>& pool);

    QString name() const override { return QStringLiteral("elevenlabs"); }
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override;
    void connectAhead() override;

private:
    ElevenLabs(const ElevenLabsSettings& settings, std::shared_ptr<HttpPool> pool);

    const ElevenLabsSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
};

} // namespace kav::providers
