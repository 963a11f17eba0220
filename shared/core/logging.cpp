// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logging.h"

namespace kav {

Q_LOGGING_CATEGORY(lcApp, "kav.app", QtInfoMsg)
Q_LOGGING_CATEGORY(lcNet, "kav.net", QtInfoMsg)
Q_LOGGING_CATEGORY(lcWebhook, "kav.webhook", QtInfoMsg)
Q_LOGGING_CATEGORY(lcMedia, "kav.media", QtInfoMsg)
Q_LOGGING_CATEGORY(lcPacing, "kav.pacing", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTurn, "kav.turn", QtInfoMsg)
Q_LOGGING_CATEGORY(lcSession, "kav.session", QtInfoMsg)
Q_LOGGING_CATEGORY(lcStt, "kav.stt", QtInfoMsg)
Q_LOGGING_CATEGORY(lcLlm, "kav.llm", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTts, "kav.tts", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCallLog, "kav.calllog", QtInfoMsg)
Q_LOGGING_CATEGORY(lcControl, "kav.control", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCaller, "kav.caller", QtInfoMsg)

void installLogging()
{
    qSetMessagePattern(QStringLiteral("%{time yyyy-MM-ddThh:mm:ss.zzz} %{if-debug}D%{endif}%{if-info}I%{endif}"
                                      "%{if-warning}W%{endif}%{if-critical}E%{endif}%{if-fatal}F%{endif} "
                                      "%{category}: %{message}"));
}

} // namespace kav
