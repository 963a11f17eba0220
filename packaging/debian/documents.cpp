// SPDX-License-Identifier: Apache-2.0
// Fills in what the packages' manual pages, unit and configuration file have from the program itself, so that none of
// them can grow old: kav-documents TEMPLATE NAME=VALUE... prints it. Run by the build, not installed.
#include "engine/app/config.h"
#include "engine/app/settings.h"
#ifdef KAV_WITH_CONSOLE
#include "console/app/commandline.h"
#endif

#include <QFile>
#include <QRegularExpression>

#include <cstdio>

using namespace kav;
using namespace kav::app;

namespace {

/// Text as a line of roff.
QString roff(QString text)
{
    text.replace(QLatin1Char('\\'), QLatin1String("\\e")).replace(QLatin1Char('-'), QLatin1String("\\-"));
    return text.startsWith(QLatin1Char('.')) || text.startsWith(QLatin1Char('\'')) ? QLatin1String("\\&") + text : text;
}

QString literal(const QString& text)
{
    QStringList lines;
    for (const QString& line : text.trimmed().split(QLatin1Char('\n')))
        lines += roff(line);
    return QStringLiteral(".Bd -literal\n%1\n.Ed").arg(lines.join(QLatin1Char('\n')));
}

QString settings()
{
    QString text;
    for (const auto& [section, about] : settingSections()) {
        text += QStringLiteral(".Ss [%1]\n%2.\n.Bl -tag -width Ds\n").arg(section, roff(about));
        for (const Setting& setting : settingsTable()) {
            if (setting.section() != section)
                continue;
            const Config defaults;
            QString normal = setting.defaultText.isEmpty() ? shownValue(setting, defaults) : setting.defaultText;
            if (normal.isEmpty())
                normal = QStringLiteral("none");
            text += QStringLiteral(".It Ic %1\n%2.\n.br\n%3; default: %4\n.br\n%5\n")
                        .arg(setting.key.section(QLatin1Char('.'), 1), roff(setting.help), roff(shownKind(setting)),
                            roff(normal),
                            roff(QStringList(
                                (setting.secret ? QStringList{QStringLiteral("credential ") + setting.credential()}
                                                : QStringList{setting.flag()})
                                + setting.variables())
                                     .join(QLatin1String(", "))));
        }
        text += QLatin1String(".El\n");
    }
    return text.trimmed();
}

QString secrets(const QString& form)
{
    QStringList lines;
    for (const Setting& setting : settingsTable()) {
        if (setting.secret)
            lines += form.arg(setting.credential());
    }
    return lines.join(QLatin1Char('\n'));
}

/// The example with what the package decides.
QString settingsFile()
{
    QString text = exampleFile();
    const std::pair<QString, QString> decided[] = {
        {QStringLiteral("\n#data_dir = \"\"\n"), QStringLiteral("\ndata_dir = \"/var/lib/kav\"\n")},
        {QStringLiteral("\n#bootstrap = false\n"), QStringLiteral("\nbootstrap = true\n")},
    };
    for (const auto& [was, is] : decided) {
        if (text.count(was) != 1)
            qFatal("the example file has no line%s", qPrintable(was));
        text.replace(was, is);
    }
    return text.trimmed();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 2)
        return 2;
    QFile file(QString::fromLocal8Bit(argv[1]));
    if (!file.open(QIODevice::ReadOnly))
        qFatal("cannot read %s", argv[1]);
    QString text = QString::fromUtf8(file.readAll());
    for (int i = 2; i < argc; ++i) {
        const QString given = QString::fromLocal8Bit(argv[i]);
        text.replace(QLatin1Char('@') + given.section(QLatin1Char('='), 0, 0) + QLatin1Char('@'),
            given.section(QLatin1Char('='), 1));
    }
    const QString help = helpText();
    const qsizetype settingsBegin = help.indexOf(QLatin1String("\n["));
    text.replace(QLatin1String("@HELP@"), literal(help.left(settingsBegin)));
    text.replace(QLatin1String("@SETTINGS@"), settings());
    text.replace(QLatin1String("@PERSONAS@"), literal(help.mid(help.indexOf(QLatin1String("\n[persona.NAME]")))));
    text.replace(QLatin1String("@CREDENTIALS@"), secrets(QStringLiteral("LoadCredential=%1")));
    text.replace(QLatin1String("@SETTINGS_FILE@"), settingsFile());
#ifdef KAV_WITH_CONSOLE
    text.replace(QLatin1String("@CONSOLE_HELP@"), literal(console::helpText()));
#endif
    static const QRegularExpression forgotten(QStringLiteral("@[A-Z_]+@"));
    if (const auto left = forgotten.match(text); left.hasMatch())
        qFatal("%s: nothing is known of %s", argv[1], qPrintable(left.captured()));
    std::fputs(text.toUtf8().constData(), stdout);
    return 0;
}
