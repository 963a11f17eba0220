// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"
#include "engine/providers/speech.h"
#include "shared/model/call.h"

#include <QList>
#include <QMap>
#include <QString>

#include <memory>

namespace kav::session {

/// A call that leaves its agent for a person: whom it goes to, and what the next session needs should it come back. A
/// plain value; numbers stand in it in full.
struct PassedOn final {
    QString callId, accountSid;
    QString from, to; ///< as received
    std::shared_ptr<const providers::Persona> persona;
    providers::TransferTarget target;
    QString summary; ///< for who is called; for no log
    bool byOperator = false;
    bool asksItself = false; ///< Twilio asks after_stream by itself: the caller's leg needs not to be taken there
    CallSummary shown; ///< as operators saw it last
    int turns = 0; ///< that are over
    QList<providers::PastTurn> past; ///< the last ones
    QMap<QString, QString> facts;
};

/// How a call comes back to the agent.
struct TakenUp final {
    PassedOn before;
    QString line; ///< instead of a greeting
    bool takeMessage = false; ///< what the caller says then is a message, and the end
};

} // namespace kav::session
