// SPDX-License-Identifier: Apache-2.0
#include "console/net/engineurl.h"

#include <QCoreApplication>
#include <QHostAddress>

#include <algorithm>

namespace kav::console {
namespace {

constexpr int EnginePort = 5000;

struct Faults final {
    Q_DECLARE_TR_FUNCTIONS(kav::console::EngineUrl)
};

Error badAddress(const QString& message)
{
    return {Error::Code::Invalid, message, {}};
}

/// Without the spaces and invisible direction marks that come along when an address is copied.
QString stripped(const QString& typed)
{
    const auto counts = [](QChar c) { return !c.isSpace() && c.category() != QChar::Other_Format; };
    const auto first = std::find_if(typed.cbegin(), typed.cend(), counts);
    const auto last = std::find_if(typed.crbegin(), std::make_reverse_iterator(first), counts).base();
    return QString(first, last - first);
}

bool isLocalName(const QString& host)
{
    return host.compare(QLatin1String("localhost"), Qt::CaseInsensitive) == 0;
}

/// Names but "localhost" are not asked for their address: whoever answers such questions could say 127.0.0.1 today.
bool isThisMachine(const QString& host)
{
    QHostAddress address;
    return isLocalName(host) || (address.setAddress(host) && address.isLoopback());
}

} // namespace

Result<QUrl> engineUrl(const QString& typed)
{
    QString text = stripped(typed);
    if (text.isEmpty())
        return badAddress(Faults::tr("The address is empty"));
    if (std::any_of(text.cbegin(), text.cend(), [](QChar c) { return c.isSpace() || !c.isPrint(); }))
        return badAddress(Faults::tr("The address has a space or an invisible character in it"));

    const bool hasScheme = text.contains(QLatin1String("://"));
    if (!hasScheme) {
        QHostAddress address;
        if (text.count(QLatin1Char(':')) > 1 && !text.startsWith(QLatin1Char('[')) && address.setAddress(text))
            text = QLatin1Char('[') + text + QLatin1Char(']');
        text.prepend(QLatin1String("wss://"));
    }

    QUrl url(text, QUrl::StrictMode);
    if (!url.isValid() || url.host().isEmpty())
        return badAddress(Faults::tr("This is not an address: a host, a port between 1 and 65535 and a path can be "
                                     "given, as in kav.example.com:5000"));
    if (url.port() == 0)
        return badAddress(Faults::tr("There is no port 0"));
    if (!url.userInfo(QUrl::FullyEncoded).isEmpty() || url.authority().contains(QLatin1Char('@')))
        return badAddress(Faults::tr("A name or password does not belong into the address; the token has its own "
                                     "field"));
    if (url.hasQuery() || url.hasFragment())
        return badAddress(Faults::tr("The address ends before \"?\" and \"#\""));

    const bool isHere = isThisMachine(url.host());
    bool isSecure = true;
    if (!hasScheme) {
        isSecure = !isHere;
        // An engine is reached from other machines through what gives it TLS, at that one's usual port.
        if (isHere && url.port() < 0)
            url.setPort(EnginePort);
    } else if (url.scheme() == QLatin1String("ws") || url.scheme() == QLatin1String("http")) {
        isSecure = false;
    } else if (url.scheme() != QLatin1String("wss") && url.scheme() != QLatin1String("https")) {
        return badAddress(
            Faults::tr("An engine's address begins with ws, wss, http or https, not with \"%1\"").arg(url.scheme()));
    }
    if (!isSecure && !isHere)
        return badAddress(Faults::tr("A connection to another machine must be encrypted, for the token and the "
                                     "callers' words travel on it: use wss:// or https://"));
    url.setScheme(isSecure ? QStringLiteral("wss") : QStringLiteral("ws"));
    // The engine listens at the IPv4 address, and no name service is asked what this machine is. A certificate, though,
    // is made out to the name.
    if (!isSecure && isLocalName(url.host()))
        url.setHost(QStringLiteral("127.0.0.1"));

    url = url.adjusted(QUrl::NormalizePathSegments);
    QString path = url.path(QUrl::FullyEncoded);
    while (path.endsWith(QLatin1Char('/')))
        path.chop(1);
    if (!path.endsWith(QLatin1String("/console")))
        path += QLatin1String("/console");
    url.setPath(path, QUrl::TolerantMode);
    if (!url.isValid())
        return badAddress(Faults::tr("The path of the address is not one"));
    return url;
}

} // namespace kav::console
