// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QCoreApplication>
#include <QSettings>
#include <QString>
#include <QStringList>

#include <optional>

namespace kav::console {

/// Which colours the console shows.
enum class Appearance { System, Light, Dark };
/// "system", "light", "dark": the stored form, and the command line's.
QString appearanceName(Appearance appearance);
std::optional<Appearance> appearanceFromName(QStringView name);

/// What the console remembers from one start to the next, each value with its type. Tokens are not among it
/// (TokenStore). A file that a later schema wrote is left as it is: everything has its default, and nothing is stored.
/// Owned by main(), lives on the GUI thread.
class Settings final {
    Q_DECLARE_TR_FUNCTIONS(kav::console::Settings)
public:
    static constexpr int SchemaVersion = 1;
    static constexpr int MaxUrls = 10;

    /// `file`: an INI file; it need not exist.
    explicit Settings(const QString& file);

    /// Why nothing will be remembered; empty: it will.
    QString trouble() const;
    /// Writes what has changed to the disk.
    Result<void> sync();

    /// The engines last connected to, the latest first.
    QStringList urls() const;
    void rememberUrl(const QString& url);
    void forgetUrl(const QString& url);

    QString operatorName() const;
    void setOperatorName(const QString& name);
    QString language() const; ///< "en", "he"; empty: the system's
    void setLanguage(const QString& code);
    Appearance appearance() const;
    void setAppearance(Appearance appearance);

    /// Where everything stands in the main window, as Qt's widgets store it.
    struct Layout final {
        QByteArray geometry, panes, liveCalls, callLog, call, requests{};
        bool operator==(const Layout&) const = default;
    };
    Layout layout() const; ///< empty members where nothing is known
    void setLayout(const Layout& layout);
    void forgetLayout();

private:
    QString text(QLatin1String key) const;
    void store(QLatin1String key, const QVariant& value);

    QSettings m_file;
    bool m_later = false; ///< the file is of a later schema
};

} // namespace kav::console
