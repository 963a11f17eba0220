// SPDX-License-Identifier: Apache-2.0
#include "engine/app/logsettings.h"

#include <QLoggingCategory>
#include <QMap>

namespace kav::app {

void applyLogSettings(const Config& config, Logging& logging)
{
    static const QMap<QString, LogForm> forms{{QStringLiteral("human"), LogForm::Human},
        {QStringLiteral("json"), LogForm::Json}, {QStringLiteral("journald"), LogForm::Journald}};
    const auto form = forms.constFind(config.logFormat);
    logging.setForm(form == forms.cend() ? std::nullopt : std::optional(*form)); // "auto" is none of them
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
