// SPDX-License-Identifier: Apache-2.0
#include "console/app/appearance.h"
#include "console/app/commandline.h"
#include "console/app/deskstyle.h"
#include "console/app/enginechooser.h"
#include "console/app/followcalls.h"
#include "console/app/mainwindow.h"
#include "console/app/stopsignals.h"
#include "console/app/translations.h"
#include "shared/core/logging.h"

#include <QApplication>
#include <QDir>
#include <QRandomGenerator>
#include <QStandardPaths>

#include <cstdio>

using namespace kav;
using namespace kav::console;

namespace {

enum Exit { Fine = 0, Usage = 2 };

/// Help and version need no screen, so they are answered before Qt looks for one.
bool answeredWithoutScreen(int argc, char** argv)
{
    QStringList args;
    for (int i = 1; i < argc; ++i)
        args += QString::fromLocal8Bit(argv[i]);
    const auto line = parseCommandLine(args, QProcessEnvironment::systemEnvironment());
    if (!line || line->purpose == CommandLine::Purpose::Run)
        return false;
    if (line->purpose == CommandLine::Purpose::Help)
        std::fputs(qPrintable(helpText()), stdout);
    else
        std::printf("kav-console %s\n", KAV_VERSION);
    return true;
}

} // namespace

int main(int argc, char** argv)
{
    if (answeredWithoutScreen(argc, argv))
        return Fine;
    const Logging logging(LogForm::Human);
    QApplication::setStyle(new DeskStyle);
    QApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("kav-console"));
    QCoreApplication::setApplicationVersion(QStringLiteral(KAV_VERSION));
    QApplication::setWindowIcon(QIcon(QStringLiteral(":/app/kav-console.svg")));
    QGuiApplication::setDesktopFileName(QStringLiteral("kav-console"));

    const auto line = parseCommandLine(QCoreApplication::arguments().mid(1), QProcessEnvironment::systemEnvironment());
    if (!line) {
        std::fprintf(
            stderr, "kav-console: %s\nkav-console: try: kav-console --help\n", qPrintable(line.error().message));
        return Usage;
    }
    for (const QString& warning : line->warnings)
        std::fprintf(stderr, "kav-console: %s\n", qPrintable(warning));

    const QDir folder(QStandardPaths::writableLocation(QStandardPaths::AppConfigLocation));
    Settings settings(folder.filePath(QStringLiteral("settings.ini")));
    TokenStore tokens(folder.filePath(QStringLiteral("tokens.json")));
    Translations translations;
    translations.speak(line->language.isEmpty() ? settings.language() : line->language);
    Colours colours;
    colours.show(line->appearance.value_or(settings.appearance()));

    const SystemClock clock;
    Desk desk(
        QStringLiteral("kav-console " KAV_VERSION), clock, [] { return QRandomGenerator::global()->generateDouble(); });
    EngineChooser chooser(desk, settings, tokens);
    MainWindow window(desk, settings, translations, colours, chooser);
    const StopSignals stopSignals;
    QObject::connect(&stopSignals, &StopSignals::stopRequested, &window, &QWidget::close);

    window.open(line->resetLayout);
    if (const QString trouble = settings.trouble(); !trouble.isEmpty())
        window.tell(trouble);
    if (line->selectNewest)
        followNewestCall(desk);
    chooser.begin(*line, &window);
    return QApplication::exec();
}
