// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/transferlines.h"

namespace kav::webhooks {

TransferLines TransferLines::of(const QString& language)
{
    if (language.startsWith(QLatin1String("he")) || language.startsWith(QLatin1String("iw"))) {
        return {QStringLiteral("רק רגע, השיחה מועברת."), QStringLiteral("אנחנו עדיין מחפשים מי שיענה. תודה על הסבלנות."),
            QStringLiteral("יש לך שיחה."), QStringLiteral("לקבלת השיחה יש להקיש 1. לדחייה, כל מקש אחר."),
            QStringLiteral("תודה, להתראות."),
            QStringLiteral("אין כרגע מי שיענה. אפשר להמשיך איתי, או להשאיר הודעה. מה מתאים?"),
            QStringLiteral("אין כרגע מי שיענה. נא להשאיר הודעה עכשיו, ונחזור אליך."),
            QStringLiteral("אני שוב על הקו. במה עוד אפשר לעזור?")};
    }
    return {QStringLiteral("One moment, please. You are being connected."),
        QStringLiteral("We are still trying to reach somebody. Thank you for waiting."),
        QStringLiteral("There is a call for you."), QStringLiteral("To take it, press 1. Any other key declines it."),
        QStringLiteral("Thank you. Goodbye."),
        QStringLiteral("Nobody is available just now. Can I take a message, or help you myself?"),
        QStringLiteral("Nobody is available just now. Please say your message now, and we will call you back."),
        QStringLiteral("You are back with me. Is there anything else I can do for you?")};
}

} // namespace kav::webhooks
