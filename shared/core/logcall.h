// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

namespace kav {

/// Says which call the lines belong to that this thread logs while it lives: they get the call's id as a field
/// (Logging). Made where a call's code is entered: a session, a webhook, an answer of Twilio's REST service, a
/// provider's stream; code further in need not know of it. What answers later keeps current() and makes one of it when
/// it does (providers::HttpPool, telephony::TwilioRest). An empty id leaves the one around it in force.
///
/// On the stack only, ended in the reverse order. Costs a count of the id's string, no memory: also per frame.
class LogCall final {
public:
    explicit LogCall(const QString& callId)
        : m_outer(s_innermost)
        , m_callId(callId.isEmpty() && m_outer ? m_outer->m_callId : callId)
    {
        s_innermost = this;
    }
    ~LogCall() { s_innermost = m_outer; }
    Q_DISABLE_COPY_MOVE(LogCall)

    /// Of this thread now; empty: none.
    static QString current() { return s_innermost ? s_innermost->m_callId : QString(); }

private:
    static inline thread_local const LogCall* s_innermost = nullptr;
    const LogCall* const m_outer;
    const QString m_callId;
};

} // namespace kav
