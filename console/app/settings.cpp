// SPDX-License-Identifier: Apache-2.0
#include "console/app/settings.h"

#include "console/models/words.h"

namespace kav::console {

namespace {

const QLatin1String SchemaKey("schema");
const QLatin1String UrlsKey("engine/urls");
const QLatin1String OperatorKey("operator/name");
const QLatin1String LanguageKey("view/language");
const QLatin1String AppearanceKey("view/appearance");
const QLatin1String LayoutGroup("layout");
const QLatin1String GeometryKey("layout/geometry");
const QLatin1String PanesKey("layout/panes");
const QLatin1String LiveCallsKey("layout/live-calls");
const QLatin1String CallLogKey("layout/call-log");
const QLatin1String CallKey("layout/call");
const QLatin1String RequestsKey("layout/requests");

} // namespace

QString appearanceName(Appearance appearance)
{
    switch (appearance) {
    case Appearance::System:
        return QStringLiteral("system");
    case Appearance::Light:
        return QStringLiteral("light");
    case Appearance::Dark:
        return QStringLiteral("dark");
    }
    Q_UNREACHABLE();
}

std::optional<Appearance> appearanceFromName(QStringView name)
{
    for (const auto appearance : {Appearance::System, Appearance::Light, Appearance::Dark}) {
        if (name == appearanceName(appearance))
            return appearance;
    }
    return std::nullopt;
}

Settings::Settings(const QString& file)
    : m_file(file, QSettings::IniFormat)
{
    m_later = m_file.value(SchemaKey, SchemaVersion).toInt() > SchemaVersion;
}

QString Settings::trouble() const
{
    if (m_later)
        return tr("The settings in %1 are of a later version of Kav: they are neither used nor changed.")
            .arg(isolated(m_file.fileName()));
    if (m_file.status() == QSettings::FormatError)
        return tr("The settings in %1 cannot be read as settings.").arg(isolated(m_file.fileName()));
    if (m_file.status() == QSettings::AccessError || !m_file.isWritable())
        return tr("The settings cannot be written to %1: nothing will be remembered.").arg(isolated(m_file.fileName()));
    return {};
}

Result<void> Settings::sync()
{
    m_file.sync();
    if (const QString why = trouble(); !why.isEmpty())
        return Error{Error::Code::Io, why, {}};
    return {};
}

QStringList Settings::urls() const
{
    return m_later ? QStringList() : m_file.value(UrlsKey).toStringList().mid(0, MaxUrls);
}

void Settings::rememberUrl(const QString& url)
{
    QStringList all = urls();
    all.removeAll(url);
    all.prepend(url);
    store(UrlsKey, all.mid(0, MaxUrls));
}

void Settings::forgetUrl(const QString& url)
{
    QStringList all = urls();
    all.removeAll(url);
    store(UrlsKey, all);
}

QString Settings::operatorName() const
{
    return text(OperatorKey);
}
void Settings::setOperatorName(const QString& name)
{
    store(OperatorKey, name);
}
QString Settings::language() const
{
    return text(LanguageKey);
}
void Settings::setLanguage(const QString& code)
{
    store(LanguageKey, code);
}

Appearance Settings::appearance() const
{
    return appearanceFromName(text(AppearanceKey)).value_or(Appearance::System);
}

void Settings::setAppearance(Appearance appearance)
{
    store(AppearanceKey, appearanceName(appearance));
}

Settings::Layout Settings::layout() const
{
    if (m_later)
        return {};
    const auto bytes = [this](QLatin1String key) { return m_file.value(key).toByteArray(); };
    return {bytes(GeometryKey), bytes(PanesKey), bytes(LiveCallsKey), bytes(CallLogKey), bytes(CallKey),
        bytes(RequestsKey)};
}

void Settings::setLayout(const Layout& layout)
{
    store(GeometryKey, layout.geometry);
    store(PanesKey, layout.panes);
    store(LiveCallsKey, layout.liveCalls);
    store(CallLogKey, layout.callLog);
    store(CallKey, layout.call);
    store(RequestsKey, layout.requests);
}

void Settings::forgetLayout()
{
    if (!m_later)
        m_file.remove(LayoutGroup);
}

QString Settings::text(QLatin1String key) const
{
    return m_later ? QString() : m_file.value(key).toString();
}

void Settings::store(QLatin1String key, const QVariant& value)
{
    if (m_later)
        return;
    m_file.setValue(SchemaKey, SchemaVersion);
    m_file.setValue(key, value);
}

} // namespace kav::console
