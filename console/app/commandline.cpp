// SPDX-License-Identifier: Apache-2.0
#include "console/app/commandline.h"

#include "console/app/translations.h"
#include "console/net/engineurl.h"

#include <QCommandLineParser>
#include <QFile>

namespace kav::console {

namespace {

constexpr qint64 MaxTokenBytes = 4096;

Error usageError(const QString& message)
{
    return {Error::Code::Invalid, message, {}};
}

Result<QString> tokenFromFile(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return usageError(QStringLiteral("--token-file: cannot read %1: %2").arg(path, file.errorString()));
    const QByteArray content = file.read(MaxTokenBytes + 1).trimmed();
    if (content.isEmpty() || content.size() > MaxTokenBytes || content.contains('\n'))
        return usageError(QStringLiteral("--token-file: %1 must hold one line, the token").arg(path));
    return QString::fromUtf8(content);
}

} // namespace

Result<CommandLine> parseCommandLine(const QStringList& args, const QProcessEnvironment& environment)
{
    const QCommandLineOption url(QStringLiteral("url"), {}, QStringLiteral("URL"));
    const QCommandLineOption token(QStringLiteral("token"), {}, QStringLiteral("TOKEN"));
    const QCommandLineOption tokenFile(QStringLiteral("token-file"), {}, QStringLiteral("FILE"));
    const QCommandLineOption operatorName(QStringLiteral("operator"), {}, QStringLiteral("NAME"));
    const QCommandLineOption language(QStringLiteral("language"), {}, QStringLiteral("CODE"));
    const QCommandLineOption theme(QStringLiteral("theme"), {}, QStringLiteral("THEME"));
    const QCommandLineOption selectNewest(QStringLiteral("select-newest"));
    const QCommandLineOption resetLayout(QStringLiteral("reset-layout"));
    const QCommandLineOption help(QStringList{QStringLiteral("help"), QStringLiteral("h")});
    const QCommandLineOption version(QStringList{QStringLiteral("version"), QStringLiteral("v")});
    QCommandLineParser parser;
    parser.addOptions({url, token, tokenFile, operatorName, language, theme, selectNewest, resetLayout, help, version});

    CommandLine line;
    const QStringList withProgram = QStringList{QStringLiteral("kav-console")} + args;
    const bool understood = parser.parse(withProgram);
    if (parser.isSet(help) || parser.isSet(version)) {
        line.purpose = parser.isSet(help) ? CommandLine::Purpose::Help : CommandLine::Purpose::Version;
        return line;
    }
    if (!understood) {
        // QCommandLineParser's own sentences follow the user's language; these do not.
        const QStringList unknown = parser.unknownOptionNames();
        return usageError(unknown.isEmpty() ? QStringLiteral("an option is given without its value")
                                            : QStringLiteral("unknown option '%1'").arg(unknown.first()));
    }
    if (!parser.positionalArguments().isEmpty())
        return usageError(QStringLiteral("'%1' is not understood; the engine's address is given by --url")
                              .arg(parser.positionalArguments().first()));
    for (const auto& option : {url, token, tokenFile, operatorName, language, theme}) {
        if (parser.isSet(option) && parser.value(option).trimmed().isEmpty())
            return usageError(QStringLiteral("--%1 is given without its value").arg(option.names().first()));
    }

    if (parser.isSet(url)) {
        const auto address = engineUrl(parser.value(url));
        if (!address)
            return usageError(QStringLiteral("--url: ") + address.error().message);
        line.url = address->toString();
    }
    if (parser.isSet(token) && parser.isSet(tokenFile))
        return usageError(QStringLiteral("--token and --token-file are given both"));
    if (parser.isSet(token)) {
        line.token = parser.value(token);
        line.warnings += QStringLiteral("--token is visible to every user of this machine; --token-file is not");
    } else if (parser.isSet(tokenFile)) {
        const auto read = tokenFromFile(parser.value(tokenFile));
        if (!read)
            return read.error();
        line.token = *read;
    } else if (const QString known = environment.value(QStringLiteral("KAV_CONSOLE_TOKEN")); !known.isEmpty()) {
        line.token = known;
    }
    line.operatorName = parser.value(operatorName).trimmed();
    if (parser.isSet(language)) {
        line.language = parser.value(language);
        if (!Translations::languages().contains(line.language))
            return usageError(QStringLiteral("--language: '%1' is not one of %2")
                                  .arg(line.language, Translations::languages().join(QStringLiteral(", "))));
    }
    if (parser.isSet(theme)) {
        line.appearance = appearanceFromName(parser.value(theme));
        if (!line.appearance)
            return usageError(
                QStringLiteral("--theme: '%1' is not one of system, light, dark").arg(parser.value(theme)));
    }
    line.selectNewest = parser.isSet(selectNewest);
    line.resetLayout = parser.isSet(resetLayout);
    return line;
}

QString helpText()
{
    return QStringLiteral(
        "kav-console: watch an engine's telephone calls, and step in\n"
        "\n"
        "  --url URL           the engine, e.g. localhost:5000 or https://kav.example.com (default: the last one)\n"
        "  --token-file FILE   the token by which the engine knows this console, alone in a file\n"
        "  --token TOKEN       the same; visible to every user of this machine\n"
        "                      (default: KAV_CONSOLE_TOKEN, else the one that is kept for the address)\n"
        "  --operator NAME     the name under which the engine logs what is done here\n"
        "  --language en|he    language of the window\n"
        "  --theme THEME       system, light or dark\n"
        "  --select-newest     the newest live call is opened by itself\n"
        "  --reset-layout      the window's panes stand as at the first start\n"
        "  --help, --version\n"
        "\n"
        "What is given here holds for this run; what is chosen in the window is remembered.\n");
}

} // namespace kav::console
