// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/proxy/behindproxy.h"

#include <QFile>
#include <QHostAddress>
#include <QRegularExpression>
#include <QSslConfiguration>
#include <QSslSocket>
#include <QTcpServer>
#include <QTest>

#include <unistd.h>

using namespace Qt::StringLiterals;

namespace kav::test {

namespace {

constexpr int Patience = 20000; // of the test; ms

quint16 freePort()
{
    QTcpServer probe;
    return probe.listen(QHostAddress(QHostAddress::LocalHost)) ? probe.serverPort() : quint16(0);
}

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool write(const QString& path, const QByteArray& content)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(content) == content.size();
}

void end(QProcess& process)
{
    if (process.state() == QProcess::NotRunning)
        return;
    process.terminate();
    if (!process.waitForFinished(3000)) {
        process.kill();
        process.waitForFinished();
    }
}

} // namespace

QProcessEnvironment cleanEnvironment(const Environment& extra)
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    const QStringList names = environment.keys();
    static const QRegularExpression ours(
        u"^(KAV_|TWILIO_|DATABASE_URL|OPENAI_|GCP_|GOOGLE_|DEEPGRAM_|ELEVENLABS_|PORT$|DEPLOY_ID$|DB_BOOTSTRAP$|STATE_DIRECTORY$|XDG_DATA_HOME$|QT_LOGGING_RULES$)"_s);
    for (const QString& name : names) {
        if (ours.match(name).hasMatch())
            environment.remove(name);
    }
    environment.insert(u"KAV_LOG_FORMAT"_s, u"human"_s);
    for (const auto& [name, value] : extra)
        environment.insert(name, value);
    return environment;
}

QString Certificates::create()
{
    const auto openssl = [this](const QStringList& args) {
        QProcess process;
        process.setWorkingDirectory(m_directory.path());
        process.start(u"openssl"_s, args);
        const bool ok = process.waitForFinished(Patience) && process.exitCode() == 0;
        return ok ? QString()
                  : u"openssl %1: %2"_s.arg(args.first(), QString::fromUtf8(process.readAllStandardError()));
    };
    const QString key = u"ec_paramgen_curve:prime256v1"_s;
    QString problem = openssl({u"req"_s, u"-x509"_s, u"-newkey"_s, u"ec"_s, u"-pkeyopt"_s, key, u"-nodes"_s, u"-days"_s,
        u"2"_s, u"-subj"_s, u"/CN=Authority of a test"_s, u"-keyout"_s, u"ca.key"_s, u"-out"_s, u"ca.pem"_s});
    if (problem.isEmpty())
        problem = openssl({u"req"_s, u"-newkey"_s, u"ec"_s, u"-pkeyopt"_s, key, u"-nodes"_s, u"-subj"_s, u"/CN=kav"_s,
            u"-keyout"_s, u"server.key"_s, u"-out"_s, u"server.csr"_s});
    if (!write(m_directory.filePath(u"names"_s), "subjectAltName=DNS:" + PublicHost + "\n"))
        problem = u"the temporary directory cannot be written"_s;
    if (problem.isEmpty())
        problem =
            openssl({u"x509"_s, u"-req"_s, u"-in"_s, u"server.csr"_s, u"-CA"_s, u"ca.pem"_s, u"-CAkey"_s, u"ca.key"_s,
                u"-CAcreateserial"_s, u"-days"_s, u"2"_s, u"-extfile"_s, u"names"_s, u"-out"_s, u"server.pem"_s});
    if (!problem.isEmpty())
        return problem;
    QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
    if (!configuration.addCaCertificates(m_directory.filePath(u"ca.pem"_s)))
        return u"the authority's certificate cannot be read"_s;
    QSslConfiguration::setDefaultConfiguration(configuration);
    return {};
}

ServedEngine::ServedEngine(const Environment& extra)
{
    m_process.setProcessEnvironment(cleanEnvironment(extra));
    m_process.setProcessChannelMode(QProcess::MergedChannels);
    QObject::connect(&m_process, &QProcess::readyRead, &m_process, [this] { m_output += m_process.readAll(); });
    m_process.start(QStringLiteral(KAV_ENGINE_PROGRAM),
        {u"--port"_s, u"0"_s, u"--address"_s, u"127.0.0.1"_s, u"--data-dir"_s, m_directory.path()});
    static const QRegularExpression listening(u"LISTENING 127\\.0\\.0\\.1:(\\d+)\n"_s);
    const auto found = [this] { return listening.match(QString::fromUtf8(m_output)); };
    (void)QTest::qWaitFor([&found] { return found().hasMatch(); }, Patience);
    m_port = quint16(found().captured(1).toUInt());
}

ServedEngine::~ServedEngine()
{
    m_process.kill();
    m_process.waitForFinished();
}

bool ServedEngine::waitFor(const QByteArray& text)
{
    return QTest::qWaitFor([&] { return m_output.contains(text); }, Patience);
}

bool ServedEngine::waitWarm()
{
    return waitFor("WARMUP_STT_OK") && waitFor("WARMUP_LLM_OK") && waitFor("lines rendered");
}

Proxy::Proxy(ProxyKind kind, const Certificates& certificates, quint16 enginePort, bool metricsAllowed)
    : m_kind(kind)
{
    // These programs take no port 0; another process may take a free one first, then the next is tried.
    for (int attempt = 0; attempt < 5; ++attempt) {
        m_port = freePort();
        m_plainPort = freePort();
        m_problem.clear();
        QStringList serve;
        if (kind == ProxyKind::Nginx) {
            prepareNginx(certificates, enginePort, metricsAllowed);
            serve = m_config;
        } else {
            prepareCaddy(certificates, enginePort, metricsAllowed);
            serve = QStringList{u"run"_s} + m_config;
        }
        m_process.setProcessEnvironment(m_environment);
        m_process.setProcessChannelMode(QProcess::MergedChannels);
        m_process.start(m_program, serve);
        if (!m_process.waitForStarted()) {
            m_problem = m_program + u" is not installed: packaging/install-deps.sh test"_s;
            return;
        }
        const bool serves = QTest::qWaitFor(
            [this] {
                return m_process.state() == QProcess::NotRunning
                    || ask(m_port, "GET /nobody HTTP/1.1\r\nHost: " + PublicHost + "\r\nConnection: close\r\n\r\n")
                           .status
                    == 404;
            },
            Patience);
        if (serves && m_process.state() == QProcess::Running)
            return;
        end(m_process);
        m_problem = m_program + u" does not serve: "_s + QString::fromUtf8(m_process.readAll());
    }
}

Proxy::~Proxy()
{
    end(m_process);
}

void Proxy::prepareNginx(const Certificates& certificates, quint16 enginePort, bool metricsAllowed)
{
    m_program = u"/usr/sbin/nginx"_s;
    m_environment = cleanEnvironment({});
    QByteArray shipped = contentOf(QStringLiteral(KAV_SOURCE_DIR "/packaging/nginx/kav.conf"));
    const auto replace = [this, &shipped](const QByteArray& before, const QByteArray& after) {
        if (!shipped.contains(before))
            m_problem = u"kav.conf has no "_s + QString::fromUtf8(before);
        shipped.replace(before, after);
    };
    replace("    listen [::]:80;\n", "");
    replace("    listen [::]:443 ssl;\n", "");
    replace("listen 80;", "listen 127.0.0.1:" + QByteArray::number(m_plainPort) + ';');
    replace("listen 443 ssl;", "listen 127.0.0.1:" + QByteArray::number(m_port) + " ssl;");
    replace("server 127.0.0.1:5000;", "server 127.0.0.1:" + QByteArray::number(enginePort) + ';');
    replace("/etc/letsencrypt/live/kav.example.com/fullchain.pem", certificates.chain().toUtf8());
    replace("/etc/letsencrypt/live/kav.example.com/privkey.pem", certificates.key().toUtf8());
    if (metricsAllowed)
        replace("#allow 192.0.2.10;", "allow 127.0.0.1;");
    const QByteArray place = m_directory.path().toUtf8();
    QByteArray main = "pid " + place
        + "/pid;\nerror_log stderr;\ndaemon off;\nevents { worker_connections 512; }\nhttp {\n"
          "access_log off;\n";
    if (::geteuid() == 0)
        main.prepend("user root;\n"); // its workers must reach the temporary directory
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        main += QByteArray(kind) + "_temp_path " + place + '/' + kind + ";\n";
    main += "include " + place + "/kav.conf;\n}\n";
    if (!write(m_directory.filePath(u"kav.conf"_s), shipped) || !write(m_directory.filePath(u"nginx.conf"_s), main))
        m_problem = u"the temporary directory cannot be written"_s;
    m_config =
        QStringList{u"-p"_s, m_directory.path(), u"-c"_s, m_directory.filePath(u"nginx.conf"_s), u"-e"_s, u"stderr"_s};
}

void Proxy::prepareCaddy(const Certificates& certificates, quint16 enginePort, bool metricsAllowed)
{
    m_program = u"/usr/bin/caddy"_s;
    m_environment = cleanEnvironment({
        {u"HOME"_s, m_directory.path()},
        {u"XDG_CONFIG_HOME"_s, m_directory.path()},
        {u"XDG_DATA_HOME"_s, m_directory.path()},
        {u"KAV_HOST"_s, u"https://%1:%2"_s.arg(QString::fromUtf8(PublicHost)).arg(m_port)},
        {u"KAV_ENGINE"_s, u"127.0.0.1:%1"_s.arg(enginePort)},
        // On loopback only: a test's server is nobody else's business.
        {u"KAV_TLS"_s, u"tls %1 %2\nbind 127.0.0.1"_s.arg(certificates.chain(), certificates.key())},
        {u"KAV_ADMIN"_s, u"off"_s},
    });
    if (metricsAllowed)
        m_environment.insert(u"KAV_SCRAPERS"_s, u"127.0.0.1"_s);
    m_config = QStringList{
        u"--config"_s, QStringLiteral(KAV_SOURCE_DIR "/packaging/caddy/Caddyfile"), u"--adapter"_s, u"caddyfile"_s};
}

QByteArray Proxy::understood()
{
    QProcess process;
    process.setProcessEnvironment(m_environment);
    process.start(m_program,
        m_kind == ProxyKind::Nginx ? QStringList{u"-T"_s, u"-q"_s} + m_config : QStringList{u"adapt"_s} + m_config);
    process.waitForFinished(Patience);
    return process.readAllStandardOutput();
}

Answer ask(quint16 port, const QByteArray& request, bool tls)
{
    QSslSocket socket;
    Answer answer;
    bool over = false;
    QByteArray received;
    const auto read = [&] {
        received += socket.readAll();
        const qsizetype end = received.indexOf("\r\n\r\n");
        if (end < 0 || over)
            return;
        answer.head = received.left(end + 2);
        answer.status = answer.head.mid(9, 3).toInt();
        answer.body = received.mid(end + 4);
        static const QRegularExpression length(u"^content-length: *(\\d+)"_s,
            QRegularExpression::MultilineOption | QRegularExpression::CaseInsensitiveOption);
        const auto match = length.match(QString::fromLatin1(answer.head));
        over = answer.status == 101 || answer.status == 204
            || (match.hasMatch() && answer.body.size() >= match.captured(1).toLongLong());
    };
    QObject::connect(&socket, &QSslSocket::readyRead, &socket, read);
    QObject::connect(&socket, &QSslSocket::disconnected, &socket, [&] {
        read();
        over = true;
    });
    QObject::connect(&socket, &QSslSocket::errorOccurred, &socket, [&] {
        read();
        over = true;
    });
    const auto sendIt = [&] { socket.write(request); };
    if (tls) {
        QObject::connect(&socket, &QSslSocket::encrypted, &socket, sendIt);
        socket.setPeerVerifyName(QString::fromUtf8(PublicHost));
        socket.connectToHostEncrypted(u"127.0.0.1"_s, port);
    } else {
        QObject::connect(&socket, &QSslSocket::connected, &socket, sendIt);
        socket.connectToHost(u"127.0.0.1"_s, port);
    }
    (void)QTest::qWaitFor([&over] { return over; }, Patience);
    socket.disconnect();
    return answer;
}

} // namespace kav::test
