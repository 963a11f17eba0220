// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/openai/chathistory.h"
#include "engine/providers/openai/chatstream.h"
#include "engine/providers/openai/openaichat.h"
#include "engine/providers/openai/spokentext.h"

#include <QSet>

#include <memory>

namespace kav::providers {

/// One call's conversation with a model. Owned by whoever opened it, on that thread.
///
/// A turn is one round (a request and its streamed answer), or more when the model calls tools: each round's tools are
/// carried out, then the next round is asked for with their results.
class OpenAiConversation final : public Conversation {
    Q_OBJECT
public:
    OpenAiConversation(const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool, const CallInfo& call);
    ~OpenAiConversation() override;

    void toolFinished(const QString& id, const QJsonObject& result) override;
    void ask(const UserTurn& turn) override;
    void cancel(int turn) override;
    void heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds length) override;
    void amend(int turn, const QString& text) override;
    QMap<QString, QString> facts() const override { return m_history.facts(); }

private:
    struct Asking;

    void stop();
    void sayGreeting();
    void startRound();
    void onData(const QByteArray& bytes);
    void onClosed();
    void onCallFailed(const Error& error);
    /// Tells `text` as it may be spoken. False: this object is gone or the turn was taken away meanwhile.
    bool tell(const QString& text);
    void endRound();
    void runTools();
    void toolsDone();
    void succeed();
    void fail(const Error& error);
    Expectation expectation() const;

    const OpenAiChatSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
    const CallInfo m_call;
    const QJsonArray m_tools;
    ChatHistory m_history;
    std::unique_ptr<HttpCall> m_request; ///< of the present round
    std::unique_ptr<HttpCall> m_ending; ///< said all it had to say; nobody listens any more
    std::unique_ptr<Asking> m_asking; ///< the turn that is being answered
    quint64 m_askings = 0;
    QSet<QString> m_toolIds; ///< of every call told so far
};

} // namespace kav::providers
