// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "engine/providers/speech.h"
#include "shared/core/result.h"

#include <QUrl>

#include <memory>

namespace kav::providers {

struct DeepgramSettings final {
    /// ws(s):// or http(s)://; without a path /v1/listen; a query of its own goes along ("?mip_opt_out=true").
    QUrl url{QStringLiteral("wss://api.deepgram.com/v1/listen")};
    QString key; ///< empty: a self-hosted one that asks for none
    QString model = QStringLiteral("nova-3");
    bool punctuate = true; ///< a question mark tells the turn machine that a sentence is whole
    Milliseconds probe{3500}; ///< the one request that proves key and address
    Milliseconds connect{4000}; ///< from the attempt to the open socket
    Milliseconds keepAlive{4000}; ///< nothing sent for so long: a KeepAlive; Deepgram hangs up after 10 s
    Milliseconds silence{8000}; ///< so much audio without any message from Deepgram: it is gone
    Milliseconds finalWait{2000}; ///< from the end of an utterance to its final
    Milliseconds longestUtterance{35000}; ///< audio kept to be sent again on a new connection
};

/// Deepgram's live recognition over a WebSocket (the Nova models). Immutable, any thread; each call has a socket of its
/// own, since language and hints are part of its address: it opens in open(), while the greeting is spoken.
class Deepgram final : public SpeechToText {
public:
    /// Checks the forms of address and key, and asks Deepgram once whether it knows the key; for a maker's thread.
    static Result<std::shared_ptr<Deepgram>> create(
        const DeepgramSettings& settings, const std::shared_ptr<HttpPool>& pool, const Clock& clock);

    QString name() const override { return QStringLiteral("deepgram"); }
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;

private:
    Deepgram(const DeepgramSettings& settings, const Clock& clock);

    const DeepgramSettings m_settings;
    const Clock& m_clock;
};

/// What Deepgram calls a BCP-47 language: it knows some regions of some languages, and refuses all others.
QString deepgramLanguage(const QString& language);

} // namespace kav::providers
