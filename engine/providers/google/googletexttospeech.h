// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googlecall.h"
#include "engine/providers/speech.h"

#include <memory>

namespace kav::providers {

/// Google Cloud Text-to-Speech by REST: POST {ttsUrl}/v1/text:synthesize for each piece of text, the answer's mu-law
/// without its WAV header. Text of more than 5,000 bytes is asked for in pieces that end at sentences. Immutable, any
/// thread.
class GoogleTextToSpeech final : public TextToSpeech {
public:
    /// Proves credentials and address by asking for the list of voices. Blocks for a few seconds at most; for a maker's
    /// thread. The clock outlives the provider.
    static Result<std::shared_ptr<GoogleTextToSpeech>> create(
        const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    /// A voice of the request's, or of the settings for its language, or Kav's choice. Fails for text over 64 KiB;
    /// finishes without a request for text that has nothing to be said.
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override;
    void connectAhead() override;

private:
    explicit GoogleTextToSpeech(GoogleService service);

    const GoogleService m_service;
};

/// `text` in pieces of at most `bytes` bytes of UTF-8, cut at ends of sentences, else at spaces, else anywhere between
/// two characters. Together they say all of it.
QStringList piecesToSpeak(const QString& text, qsizetype bytes);

/// Mu-law at 8 kHz out of what Google sends: a WAV file of it, or the bare samples.
Result<QByteArray> mulawOf(const QByteArray& audio);

} // namespace kav::providers
