// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLocale>
#include <QString>
#include <QStringList>
#include <QTranslator>

#include <memory>
#include <vector>

namespace kav::console {

/// The languages of the console, and the one it speaks now: translators, direction and the default locale go together.
/// First used before the first widget is made; later on every widget gets LanguageChange. Owned by main(), outlives the
/// windows; one per process.
class Translations final {
public:
    Translations();
    ~Translations();

    static QStringList languages(); ///< "en", "he"
    static QString nameOf(const QString& language); ///< in that language itself: "English", "עברית"
    /// The first language of the user's own that Kav speaks, else English.
    static QString systemLanguage(const QLocale& locale = QLocale::system());

    /// `language`: one of languages(); any other, the empty one too, is the system's.
    void speak(const QString& language);
    QString language() const { return m_language; }

private:
    QString m_language;
    std::vector<std::unique_ptr<QTranslator>> m_translators;
};

} // namespace kav::console
