// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QHash>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QStringList>
#include <QStringView>

#include <optional>

namespace kav::providers {

/// A user's HTTP endpoint that a language model may call.
struct HttpTool final {
    QString name; ///< [a-z0-9_]{1,64}; none of the built-in tools' names
    QString description;
    QJsonObject parameters; ///< JSON schema of the arguments
    QString url; ///< http(s); its host is on the allow-list
    Milliseconds timeout{10000};
    bool allowPrivate = false; ///< may lead to private addresses, this machine's included
};

/// How a call goes on that was passed on.
enum class AfterTransfer {
    Agent, ///< back to the agent, who knows what was said before
    Message, ///< back to the agent, who takes a message
    Goodbye, ///< a line, and the end
    NextTarget, ///< to the next one of the persona's list; the last one's caller comes back to the agent
};
/// "agent", "message", "goodbye", "next": as settings name them.
std::optional<AfterTransfer> afterTransferFromName(QStringView name);

/// How calls are passed on: the engine's settings, and what a target has of its own.
struct TransferRules final {
    QString callerId{}; ///< whom the telephone shows: "caller", "called" (the number the caller has called), or a number
    Milliseconds ring{0};
    Milliseconds longest{0}; ///< of what the two have to say to one another
    std::optional<AfterTransfer> noAnswer{}; ///< nobody took it
    std::optional<AfterTransfer> afterwards{}; ///< who took it has hung up: Agent or Goodbye

    /// What is not set here is the other's.
    TransferRules orElse(const TransferRules& other) const;
};

/// Somebody a call can be passed on to.
struct TransferTarget final {
    QString name; ///< "sales": as the model says it; one word or more
    QString number; ///< E.164; never told to a model or a log
    /// The caller waits while this one hears what it is about, and takes the call or not. Else the two are connected as
    /// soon as somebody, or something, answers.
    bool warm = false;
    TransferRules rules{};
};

/// Who keeps the sound of a call.
enum class RecordedBy {
    Nobody,
    Engine, ///< from the stream, as a file of its own
    Twilio, ///< its own recording, in its own keeping
};

/// How a model's persona takes what the caller keys.
struct PersonaKeypad final {
    int digitsMin = 1, digitsMax = 0; ///< of one entry when the model has not asked for another; 0: every key is one
    char finish = '#'; ///< closes an entry; 0: none does
    Milliseconds timeout{3000}; ///< without another key closes an entry
    bool interrupts = true; ///< a key silences the agent; else an entry waits until it has spoken
    bool modelSeesSecrets = false; ///< what was asked for as sensitive, and card numbers; else a reference stands for it
};

/// Who answers a number: a plain value, immutable once read from the configuration; calls in progress keep theirs over a
/// reload.
struct Persona final {
    QString name; ///< "default", "night", ...
    QStringList numbers; ///< called numbers, E.164; empty: every number that no other persona has
    QString language = QStringLiteral("en-US");
    QHash<QString, QString> voices; ///< provider name -> voice; none: the provider's default for the language
    QString greeting; ///< what a model's conversation opens with, word for word; empty: the model opens
    bool greetingProtected = false; ///< cannot be interrupted
    QString outboundGreeting; ///< instead of `greeting` in calls that go out; empty: the same
    QString voicemailMessage; ///< left on an answering machine that takes such a call; empty: nothing is
    QString systemPrompt;
    QString model; ///< empty: the provider's default
    QStringList stt, llm, tts; ///< provider names in order; empty: the engine's order
    QStringList tools; ///< of the built-in ones: "end_call", "transfer", "take_message", "send_dtmf", "ask_keys"
    QList<TransferTarget> transferTargets; ///< of "transfer"; the first is meant when the model names none
    QList<HttpTool> httpTools;
    QStringList phrases; ///< hints for the recogniser
    RecordedBy recording = RecordedBy::Nobody;
    QString recordingNotice; ///< said first when recorded; empty: Kav's own in the language
    PersonaKeypad keypad;
    int longestAnswerCharacters = 2000; ///< what a model says past it is dropped
};

} // namespace kav::providers
