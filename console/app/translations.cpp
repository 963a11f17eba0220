// SPDX-License-Identifier: Apache-2.0
#include "console/app/translations.h"

#include "shared/core/logging.h"

#include <QGuiApplication>
#include <QLibraryInfo>

// Q_INIT_RESOURCE must stand outside of any namespace: a static library's resources are registered by hand.
static void registerTranslations()
{
    Q_INIT_RESOURCE(translations);
}

namespace kav::console {

Translations::Translations()
{
    registerTranslations();
}

Translations::~Translations()
{
    for (const auto& translator : m_translators)
        QCoreApplication::removeTranslator(translator.get());
}

QStringList Translations::languages()
{
    return {QStringLiteral("en"), QStringLiteral("he")};
}

QString Translations::nameOf(const QString& language)
{
    return language == QLatin1String("he") ? QStringLiteral("עברית") : QStringLiteral("English");
}

QString Translations::systemLanguage(const QLocale& locale)
{
    const QStringList wanted = locale.uiLanguages();
    for (const QString& name : wanted) {
        // "he-IL", "he-Hebr-IL"; "iw" is what older systems call Hebrew.
        const QString code = name.section(QLatin1Char('-'), 0, 0).section(QLatin1Char('_'), 0, 0).toLower();
        if (languages().contains(code))
            return code;
        if (code == QLatin1String("iw"))
            return QStringLiteral("he");
    }
    return QStringLiteral("en");
}

void Translations::speak(const QString& language)
{
    m_language = languages().contains(language) ? language : systemLanguage();
    for (const auto& translator : m_translators)
        QCoreApplication::removeTranslator(translator.get());
    m_translators.clear();

    // Who has the language with a country of his own keeps its dates and numbers.
    const QLocale system = QLocale::system();
    const QLocale plain(m_language);
    const QLocale locale = system.language() == plain.language() ? system : plain;
    QLocale::setDefault(locale);
    QGuiApplication::setLayoutDirection(locale.textDirection());
    // Qt's own words come first, so that Kav's are asked before them. Without Qt's file its buttons stay English.
    auto qt = std::make_unique<QTranslator>();
    if (qt->load(QStringLiteral("qtbase_") + m_language, QLibraryInfo::path(QLibraryInfo::TranslationsPath))) {
        QCoreApplication::installTranslator(qt.get());
        m_translators.push_back(std::move(qt));
    }
    auto own = std::make_unique<QTranslator>();
    if (own->load(QStringLiteral(":/translations/kav-console_") + m_language)) {
        QCoreApplication::installTranslator(own.get());
        m_translators.push_back(std::move(own));
    } else {
        qCWarning(lcApp, "the translation for %s is not in this build", qPrintable(m_language));
    }
}

} // namespace kav::console
