// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "shared/core/result.h"

#include <QString>
#include <QUrl>

#include <memory>

namespace kav::providers {

/// Where a service that speaks OpenAI's protocol is, and who asks: OpenAI itself, llama.cpp, Ollama, vLLM, whisper.cpp,
/// faster-whisper. A plain value.
struct OpenAiService final {
    QUrl base{QStringLiteral("https://api.openai.com/v1")}; ///< http or https; its path is kept, the routes follow it
    QString key; ///< empty: a local server that asks for none
    Milliseconds probe{3500}; ///< the one request that proves key and address
    Milliseconds firstByte{5000}; ///< as in HttpRequest
    Milliseconds stall{5000};
    Milliseconds total{60000};
};

/// A request to `route` ("/chat/completions") with the service's deadlines and its key. Content-Type is the asker's.
HttpRequest openAiRequest(const OpenAiService& service, const QString& route);

/// An HTTP failure fit to be shown: the vendor's own words come along, with no key in them.
Error openAiError(const OpenAiService& service, const Error& error);

/// What the body of a failure, or an error event in the middle of a stream, says: {"error": {"message", "type",
/// "code"}} or {"error": "words"}.
Error openAiErrorOf(const OpenAiService& service, const QJsonValue& error);

/// Checks the address's and the key's form, then asks for the list of models: who is refused there will be refused
/// later. A server without that route is believed. Blocks, at most `service.probe`; for a maker's thread, which has no
/// event loop of its own.
Result<void> probeOpenAi(const OpenAiService& service, HttpPool& pool);

} // namespace kav::providers
