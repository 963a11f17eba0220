// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/googlespeechserver.h"

#include <QFileInfo>
#include <QJsonDocument>
#include <QStandardPaths>

#include <algorithm>

namespace kav::test {

namespace {
constexpr int StartMs = 30000; // a machine that builds and tests at once
}

GoogleSpeechServer::~GoogleSpeechServer()
{
    if (m_process.state() == QProcess::NotRunning)
        return;
    m_process.closeWriteChannel();
    if (!m_process.waitForFinished(5000))
        m_process.kill();
    m_process.waitForFinished(5000);
}

QString GoogleSpeechServer::start(const QString& source, const QString& build)
{
    const QString node = QStandardPaths::findExecutable(QStringLiteral("node"));
    if (node.isEmpty())
        return QStringLiteral("there is no node to run Google's stand-in with");
    const QString modules = build + QStringLiteral("/google-standin/node_modules");
    if (!QFileInfo(modules + QStringLiteral("/google-proto-files")).isDir())
        return QStringLiteral("Google's stand-in is not installed: packaging/install-node-folder.sh does it");
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("NODE_PATH"), modules);
    m_process.setProcessEnvironment(environment);
    m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    connect(&m_process, &QProcess::readyReadStandardOutput, this, [this] {
        while (m_process.canReadLine())
            takeLine(m_process.readLine());
    });
    m_process.start(node, {source + QStringLiteral("/tests/support/vendors/google/speech.js")});
    while (m_port == 0 && m_process.waitForReadyRead(StartMs)) { }
    return m_port != 0 ? QString() : QStringLiteral("Google's stand-in did not start: ") + m_process.errorString();
}

void GoogleSpeechServer::order(const QJsonObject& order)
{
    const int before = m_done;
    m_process.write(QJsonDocument(order).toJson(QJsonDocument::Compact) + '\n');
    while (m_done == before && m_process.waitForReadyRead(StartMs)) { }
}

void GoogleSpeechServer::setScenario(const QJsonObject& scenario)
{
    order({{QStringLiteral("scenario"), scenario}});
}

void GoogleSpeechServer::setWire(const QString& wire)
{
    order({{QStringLiteral("wire"), wire}});
}

void GoogleSpeechServer::reset()
{
    order({{QStringLiteral("reset"), true}});
}

void GoogleSpeechServer::setFault(VendorFault fault)
{
    const auto status = [](int code, const char* details) {
        return QJsonObject{{QStringLiteral("status"),
            QJsonObject{{QStringLiteral("code"), code}, {QStringLiteral("details"), QLatin1String(details)}}}};
    };
    const QJsonArray half{QJsonObject{
        {QStringLiteral("at"), 0}, {QStringLiteral("response"), response(QStringLiteral("he"), false, 0.1, 0)}}};
    setWire(QStringLiteral("normal"));
    switch (fault) {
    case VendorFault::None:
        setScenario({});
        return;
    case VendorFault::Refuse401:
        setScenario(status(16, "Request had invalid authentication credentials."));
        return;
    case VendorFault::Limit429:
        setScenario(status(8, "Quota exceeded for quota metric 'Requests'."));
        return;
    case VendorFault::Fault500:
        setScenario(status(13, "Internal error encountered."));
        return;
    case VendorFault::ResetBeforeAnswer:
        setScenario({{QStringLiteral("resetAfter"), 0}});
        return;
    case VendorFault::ResetMidAnswer:
        setScenario({{QStringLiteral("script"), half}, {QStringLiteral("resetAfter"), 200}});
        return;
    case VendorFault::HangBeforeAnswer:
        setScenario({{QStringLiteral("hang"), true}});
        return;
    case VendorFault::HangMidAnswer:
        setScenario({{QStringLiteral("hang"), true}, {QStringLiteral("script"), half}});
        return;
    case VendorFault::Garbage:
        setScenario({{QStringLiteral("garbage"), true}});
        return;
    case VendorFault::SlowBytes:
        setScenario({});
        setWire(QStringLiteral("slow"));
        return;
    case VendorFault::HalfOpen:
        setWire(QStringLiteral("frozen"));
        return;
    }
}

void GoogleSpeechServer::clear()
{
    setScenario({});
    setWire(QStringLiteral("normal"));
    reset();
    streams.clear();
    connections = 0;
}

QJsonObject GoogleSpeechServer::response(const QString& words, bool isFinal, double stability, qint64 endMs)
{
    const QJsonObject alternative{
        {QStringLiteral("transcript"), words}, {QStringLiteral("confidence"), isFinal ? 0.8 : 0}};
    const QJsonObject end{{QStringLiteral("seconds"), endMs / 1000}, {QStringLiteral("nanos"), endMs % 1000 * 1000000}};
    const QJsonObject result{{QStringLiteral("alternatives"), QJsonArray{alternative}},
        {QStringLiteral("is_final"), isFinal}, {QStringLiteral("stability"), stability},
        {QStringLiteral("result_end_time"), end}, {QStringLiteral("language_code"), QStringLiteral("en-us")}};
    return {{QStringLiteral("results"), QJsonArray{result}}, {QStringLiteral("request_id"), 5}};
}

GoogleSpeechServer::Stream* GoogleSpeechServer::find(int number)
{
    const auto found =
        std::find_if(streams.begin(), streams.end(), [number](const Stream& s) { return s.number == number; });
    return found == streams.end() ? nullptr : &*found;
}

void GoogleSpeechServer::takeLine(const QByteArray& line)
{
    const QJsonObject told = QJsonDocument::fromJson(line).object();
    const QString event = told.value(QLatin1String("event")).toString();
    const int number = told.value(QLatin1String("number")).toInt();
    if (event == QLatin1String("listening")) {
        m_port = told.value(QLatin1String("port")).toInt();
    } else if (event == QLatin1String("done")) {
        ++m_done;
    } else if (event == QLatin1String("connection")) {
        ++connections;
    } else if (event == QLatin1String("stream")) {
        Stream stream;
        stream.number = number;
        stream.config = told.value(QLatin1String("config")).toObject();
        stream.authorization = told.value(QLatin1String("authorization")).toString();
        stream.key = told.value(QLatin1String("key")).toString();
        stream.agent = told.value(QLatin1String("agent")).toString();
        streams.append(stream);
    }
    Stream* stream = find(number);
    if (stream) {
        stream->isForeign = stream->isForeign || told.value(QLatin1String("foreign")).toBool();
        if (event == QLatin1String("audio")) {
            stream->bytes = told.value(QLatin1String("bytes")).toInteger();
            stream->longestMessage = std::max(stream->longestMessage, told.value(QLatin1String("message")).toInteger());
        } else if (event == QLatin1String("end") || event == QLatin1String("cancelled")) {
            stream->audio = QByteArray::fromBase64(told.value(QLatin1String("audio")).toString().toLatin1());
            stream->isEnded = stream->isEnded || event == QLatin1String("end");
            stream->isCancelled = stream->isCancelled || event == QLatin1String("cancelled");
        }
    }
    Q_EMIT changed();
}

} // namespace kav::test
