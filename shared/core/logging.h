// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLoggingCategory>
#include <QThread>

namespace kav {

// Every log category of Kav. Default level: info. Turn one up with
//   QT_LOGGING_RULES="kav.turn.debug=true"
// Every line about a call carries its call id; caller numbers go through maskNumber(), outside text through logSafe();
// transcripts appear at debug level only; secrets never.
Q_DECLARE_LOGGING_CATEGORY(lcApp) // kav.app: start, configuration, shutdown
Q_DECLARE_LOGGING_CATEGORY(lcNet) // kav.net: listener, limits, refused connections
Q_DECLARE_LOGGING_CATEGORY(lcWebhook) // kav.webhook: Twilio's HTTP requests
Q_DECLARE_LOGGING_CATEGORY(lcMedia) // kav.media: stream messages, playout
Q_DECLARE_LOGGING_CATEGORY(lcPacing) // kav.pacing: the tick and its lateness
Q_DECLARE_LOGGING_CATEGORY(lcTurn) // kav.turn: turn states, interruption
Q_DECLARE_LOGGING_CATEGORY(lcSession) // kav.session: one line per step of a call
Q_DECLARE_LOGGING_CATEGORY(lcStt) // kav.stt
Q_DECLARE_LOGGING_CATEGORY(lcLlm) // kav.llm
Q_DECLARE_LOGGING_CATEGORY(lcTts) // kav.tts
Q_DECLARE_LOGGING_CATEGORY(lcCallLog) // kav.calllog: journal and database
Q_DECLARE_LOGGING_CATEGORY(lcControl) // kav.control: consoles and what operators do
Q_DECLARE_LOGGING_CATEGORY(lcCaller) // kav.caller: the loopback caller

/// Sets the message pattern and the default levels. Called once, first thing in main().
void installLogging();

} // namespace kav

/// First line of a method that belongs to its object's thread.
#define KAV_ASSERT_THREAD(object) Q_ASSERT((object)->thread() == QThread::currentThread())
