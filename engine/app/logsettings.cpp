// SPDX-License-Identifier: Apache-2.0
#include "engine/app/logsettings.h"

#include <QLoggingCategory>

namespace kav::app {

void applyLogSettings(const Config& config)
{
    static const QStringList levels{QStringLiteral("debug"), QStringLiteral("info"), QStringLiteral("warning")};
    const qsizetype least = levels.indexOf(config.logLevel); // -1 for "error": none of these
    QStringList rules;
    for (qsizetype i = 0; i < levels.size(); ++i) {
        const bool on = least >= 0 && i >= least;
        rules += QStringLiteral("kav.*.%1=%2").arg(levels.at(i), on ? QStringLiteral("true") : QStringLiteral("false"));
    }
    QLoggingCategory::setFilterRules((rules + config.logRules).join(QLatin1Char('\n')));
}

} // namespace kav::app
