// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QList>
#include <QString>
#include <QStringList>

// A call without a stream: what Twilio tells of it, and what Twilio is to do next. Plain values, no transport.
namespace kav::session {

/// What Twilio comes with, at its next webhook.
struct SpokenInput final {
    enum class Kind {
        Opening, ///< the call is here
        Words,
        Keys,
        Silence, ///< nothing, all the time that was given
        Message, ///< a recording was made
        NoMessage, ///< there was nothing to record
        GoOn, ///< it has said what it was given, and fetches the rest
    };
    Kind kind = Kind::Opening;
    int step = 0; ///< the SpokenStep::number that it answers; 0: none
    QString text; ///< words or keys
    double confidence = 0;
    QString recording; ///< of a message: Twilio's id, or its address
    Milliseconds length{0};
    bool hungUp = false; ///< the message ended because the caller did
};

/// What Twilio is to do next.
struct SpokenStep final {
    /// One of the two.
    struct Part final {
        QString text; ///< said
        QString keys; ///< sent as tones
        bool operator==(const Part&) const = default;
    };
    enum class Then {
        Listen, ///< to words, keys or both; SpokenInput Words, Keys or Silence follows
        Record, ///< a message; Message or NoMessage follows
        GoOn, ///< come back at once: there is more to say
        PassOn, ///< ask how the call goes on without the agent; the conversation is over
        HangUp,
    };
    QList<Part> parts; ///< first of all
    Then then = Then::HangUp;
    int number = 0; ///< comes back with the input
    QString language; ///< BCP-47
    QString voice; ///< Twilio's name for it; empty: the account's

    // Listen
    bool speech = true; ///< false: keys only
    int keys = 1; ///< so many are an entry
    char finish = 0; ///< the key that ends an entry, and is no part of it; 0: none does
    std::chrono::seconds patience{8}; ///< silence that is an answer too
    std::chrono::seconds pause{0}; ///< silence after words that ends them; 0: Twilio decides
    QStringList hints; ///< words that are likely
    bool interruptible = true; ///< words and keys stop what is being said

    // Record
    std::chrono::seconds messageEnd{5}; ///< silence that ends it
    std::chrono::seconds longestMessage{120};
};

} // namespace kav::session
