// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QHash>
#include <QString>
#include <QUrl>

namespace kav::providers {

/// Where Google's services are, and who asks. A plain value; what it says about credentials is read by the makers only.
struct GoogleSettings final {
    // The first one of these that is not empty counts.
    QString credentials; ///< GCP_CREDENTIALS_JSON: a service account's JSON, or the path of a file with it
    QString credentialsFile; ///< GOOGLE_APPLICATION_CREDENTIALS: a path
    QString apiKey; ///< GOOGLE_API_KEY

    QUrl tokenUrl; ///< empty: the one that the credentials name
    QUrl sttUrl{QStringLiteral("https://speech.googleapis.com")};
    QUrl ttsUrl{QStringLiteral("https://texttospeech.googleapis.com")};
    /// host:port of the gRPC service. TLS, but for an address of this machine; "https://localhost:443" asks for it
    /// there, and "http://10.0.0.5:9090" for none elsewhere: whether that may be is for who sets it to say.
    QString sttEndpoint = QStringLiteral("speech.googleapis.com:443");
    QString sttModel; ///< empty: Google's default for the language
    QHash<QString, QString> voices; ///< language ("he", "en-US") -> voice; none: Kav's choice for he-IL and en-US

    Milliseconds probe{3500}; ///< the requests that prove a provider, together
    Milliseconds firstByte{5000}; ///< REST, as in HttpRequest
    Milliseconds stall{5000};
    Milliseconds connectWait{3000}; ///< streaming: from the utterance's first word to a stream that Google has
    Milliseconds finalWait{5000}; ///< streaming: from the end of an utterance to its last final
    Milliseconds rollOver{240000}; ///< streaming: Google ends a stream at 305 s; a new one is opened at this age
};

} // namespace kav::providers
