// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/dialog/dialogscript.h"
#include "engine/media/inboundaudio.h"
#include "engine/media/playout.h"
#include "engine/metrics/workercounters.h"
#include "engine/providers/failover/callproviders.h"
#include "engine/providers/http/httppool.h"
#include "engine/providers/persona.h"
#include "engine/session/passedon.h"
#include "engine/turn/turnmachine.h"
#include "shared/core/clock.h"

#include <QString>

#include <functional>
#include <memory>
#include <optional>

namespace kav::session {

class MessageStore;
class RecordingStore;

/// What is to be done to Twilio's own recording of a call.
enum class TwilioRecording { Start, Pause, Resume, Discard };

/// Values a session runs by; from the configuration, the same for every call.
struct Settings final {
    turn::Settings turn;
    media::Playout::Settings playout;
    media::InboundAudio::Settings inbound;
    QString language = QStringLiteral("en-US"); ///< when neither the stream nor a persona names one
    bool openingProtected = false; ///< the greeting cannot be interrupted
    Milliseconds startWait{10000}; ///< from the 101 to `start`
    /// How long a stream stays open after its last words for whoever ends the telephone leg, or takes the call elsewhere;
    /// 0: nobody does, and the stream is closed at once.
    Milliseconds leaveWait{0};
    int badMessages = 50; ///< malformed messages of one stream before it is refused (1008)
};

/// What was proven about a stream before its 101: the claims of its token.
struct StreamClaims final {
    QString callSid; ///< empty only where no token is asked for (tests)
    QString accountSid;
};

/// What a session uses and does not own. Everything here outlives all sessions and is safe from any worker thread.
struct SessionContext final {
    Settings settings;
    const Clock* clock = nullptr;
    const providers::CallProviders* providers = nullptr;
    providers::HttpPool* toolHttp = nullptr; ///< for the tools of personas; null: those fail
    MessageStore* messages = nullptr;
    RecordingStore* recordings = nullptr; ///< null: no call is recorded here
    /// Returns at once, false where there is no REST service to ask. Null is the same.
    std::function<bool(const QString& callId, TwilioRecording what)> twilioRecording{};
    metrics::WorkerCounters* counters = nullptr; ///< of the worker the session lives on
    std::function<dialog::ServiceLines(const QString& language)> serviceLines;
    /// Who answers a called number; never gives null. Without it calls have no persona.
    std::function<std::shared_ptr<const providers::Persona>(const QString& calledNumber)> personaFor{};
    /// The one with that name; null where there is none. Without it nobody is named.
    std::function<std::shared_ptr<const providers::Persona>(const QString& name)> personaNamed{};
    /// What was before, of a call that comes back to the agent; nothing: it is a new one.
    std::function<std::optional<TakenUp>(const QString& callId)> takeUp{};
    std::function<void(const calllog::Entry&)> log;
    /// What only traces want to know; null where there are none.
    std::function<void(const calllog::Entry&)> trace{};
    /// W3C's header for a request on behalf of that call, a new span of its trace; null where there are no traces.
    std::function<QByteArray(const QString& callId)> traceParent{};
    /// Reads the tag that the media gate gave to a stream's socket.
    std::function<StreamClaims(const QByteArray& tag)> claimsOf;
};

} // namespace kav::session
