// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QProcess>
#include <QProcessEnvironment>
#include <QString>
#include <QTemporaryDir>

#include <optional>
#include <utility>

namespace kav::test {

/// The public name of the tests' engine. Nothing asks a name server for it.
inline const QByteArray PublicHost = "kav.example.com";

using Environment = QList<std::pair<QString, QString>>;
/// Ours, without what would configure an engine or a proxy, and with `extra`.
QProcessEnvironment cleanEnvironment(const Environment& extra);

/// An authority of its own and a certificate for PublicHost, made by openssl. Everything in this process that checks
/// certificates trusts it from then on.
class Certificates final {
public:
    /// What went wrong; empty when all is there.
    QString create();
    QString chain() const { return m_directory.filePath(QStringLiteral("server.pem")); }
    QString key() const { return m_directory.filePath(QStringLiteral("server.key")); }

private:
    QTemporaryDir m_directory;
};

/// `kav-engine serve` on a port of its own, with the embedded providers.
class ServedEngine final {
public:
    explicit ServedEngine(const Environment& extra);
    ~ServedEngine();
    bool waitFor(const QByteArray& text);
    bool waitWarm();
    quint16 port() const { return m_port; }
    const QByteArray& output() const { return m_output; }

private:
    QTemporaryDir m_directory;
    QProcess m_process;
    QByteArray m_output;
    quint16 m_port = 0;
};

enum class ProxyKind { Nginx, Caddy };

/// One of the two with the file that is shipped, in front of an engine. Changed in it are addresses and certificates,
/// in the way that docs/proxies.md describes.
class Proxy final {
public:
    Proxy(ProxyKind kind, const Certificates& certificates, quint16 enginePort, bool metricsAllowed = false);
    ~Proxy();
    /// Why it does not serve; empty when it does.
    QString problem() const { return m_problem; }
    quint16 port() const { return m_port; }
    quint16 plainPort() const { return m_plainPort; } ///< nginx: its port 80
    /// Its configuration as it has understood it: `nginx -T`, `caddy adapt`.
    QByteArray understood();

private:
    void prepareNginx(const Certificates& certificates, quint16 enginePort, bool metricsAllowed);
    void prepareCaddy(const Certificates& certificates, quint16 enginePort, bool metricsAllowed);

    const ProxyKind m_kind;
    QTemporaryDir m_directory;
    QProcess m_process;
    QProcessEnvironment m_environment;
    QString m_program, m_problem;
    QStringList m_config;
    quint16 m_port = 0, m_plainPort = 0;
};

/// What came back for one request.
struct Answer final {
    int status = 0; ///< 0: none
    QByteArray head, body;
};
/// Sends the bytes to 127.0.0.1:`port`, with TLS as a client that knows the engine by PublicHost, and reads one answer.
Answer ask(quint16 port, const QByteArray& request, bool tls = true);

} // namespace kav::test
