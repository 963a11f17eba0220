// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googlecall.h"
#include "engine/providers/speech.h"

#include <memory>

namespace kav::providers {

/// Google Cloud Speech v1 by REST: each utterance is kept until it ends and sent whole to {sttUrl}/v1/speech:recognize;
/// of a longer one, every 55 seconds on their way (Google takes 60 at a time). No partial results. For networks that
/// let no gRPC through. Immutable, any thread.
class GoogleRestSpeechToText final : public SpeechToText {
public:
    /// Proves credentials and address by having a tenth of a second of silence recognised. Blocks for a few seconds at
    /// most; for a maker's thread. The clock outlives the provider.
    static Result<std::shared_ptr<GoogleRestSpeechToText>> create(
        const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

    QString name() const override;
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;
    void connectAhead() override;

private:
    explicit GoogleRestSpeechToText(GoogleService service);

    const GoogleService m_service;
};

} // namespace kav::providers
