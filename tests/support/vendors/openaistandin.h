// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"
#include "tests/support/vendorserver.h"

#include <QHash>
#include <QJsonArray>
#include <QJsonObject>
#include <QList>
#include <QString>

#include <deque>

namespace kav::test {

/// A server that speaks OpenAI's protocol on loopback: models, chat completions (streamed), transcriptions, speech. Its
/// answers are scripted; what it was asked is recorded. Lives on the test's thread.
class OpenAiStandIn final : public QObject {
    Q_OBJECT
public:
    /// One request as it was understood.
    struct Asked final {
        QByteArray path, authorization, contentType;
        QJsonObject json; ///< of a JSON body
        QHash<QString, QByteArray> form; ///< of a multipart body; "file" is the WAV
        QString fileName;
        VendorExchange* exchange = nullptr;
    };
    struct Tool final {
        QString id, name, arguments;
    };
    /// One answer of the model. Its text goes out in pieces of three characters.
    struct ChatAnswer final {
        QString text;
        QList<Tool> tools{};
        QString finishReason{}; ///< empty: "stop", or "tool_calls"
        bool isStreamed = true;
        bool saysDone = true;
        QByteArray raw{}; ///< instead of all that: the body
        QByteArray contentType{}; ///< with `raw`
    };
    /// One answer of the synthesiser; without any it speaks 100 ms of a tone for each character.
    struct SpeechAnswer final {
        QByteArray body;
        QByteArray contentType = "audio/pcm";
    };

    OpenAiStandIn();

    QUrl url() const { return server.url(QStringLiteral("/v1")); }
    /// Of every request from now on, on every route.
    void setFault(VendorFault fault);

    QByteArray key = "sk-stand-in-0123456789"; ///< asked of everyone; empty: nobody is asked
    bool hasModels = true; ///< false: GET /models is answered 404
    std::deque<ChatAnswer> chat; ///< without any it says "You said: " and the user's last words
    std::deque<QString> transcripts; ///< without any: "hello"
    bool plainTranscripts = false; ///< as text/plain, whatever was asked for
    std::deque<SpeechAnswer> speech;
    int pieceBytes = 0; ///< of the body in one chunk; 0: whole
    QList<Asked> asked; ///< models aside
    VendorServer server;

    static QByteArray chunk(const QJsonObject& delta, const QString& finishReason = {});
    /// The PCM it speaks for a text: 24 kHz, 16 bits, little-endian.
    static QByteArray pcmOf(const QString& text);

private:
    void answer(VendorExchange& exchange);
    void answerChat(VendorExchange& exchange, const Asked& asking);
    void send(VendorExchange& exchange, const QByteArray& contentType, const QByteArray& body);
    void trickle(VendorExchange& exchange, const QByteArray& body, qsizetype at);

    VendorFault m_fault = VendorFault::None;
};

} // namespace kav::test
