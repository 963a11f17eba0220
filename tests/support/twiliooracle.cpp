// SPDX-License-Identifier: Apache-2.0
#include "tests/support/twiliooracle.h"

#include <QFileInfo>
#include <QJsonDocument>
#include <QStandardPaths>

namespace kav::test {

namespace {
constexpr int AnswerMs = 30000; // a machine that builds and tests at once
}

TwilioOracle::~TwilioOracle()
{
    if (m_process.state() == QProcess::NotRunning)
        return;
    m_process.closeWriteChannel();
    if (!m_process.waitForFinished(5000))
        m_process.kill();
    m_process.waitForFinished(5000);
}

QString TwilioOracle::start(const QString& source, const QString& build)
{
    const QString node = QStandardPaths::findExecutable(QStringLiteral("node"));
    if (node.isEmpty())
        return QStringLiteral("there is no node to run Twilio's library with");
    const QString modules = build + QStringLiteral("/twilio-oracle/node_modules");
    if (!QFileInfo(modules + QStringLiteral("/twilio")).isDir())
        return QStringLiteral("Twilio's library is not installed: packaging/install-node-folder.sh does it");
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("NODE_PATH"), modules);
    m_process.setProcessEnvironment(environment);
    m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    m_process.start(node, {source + QStringLiteral("/tests/support/twilio/oracle.js")});
    return ask(QStringLiteral("version"), {}).isString() ? QString()
                                                         : QStringLiteral("Twilio's library did not start: ") + m_error;
}

QJsonValue TwilioOracle::ask(const QString& what, QJsonObject question)
{
    question.insert(QStringLiteral("ask"), what);
    m_process.write(QJsonDocument(question).toJson(QJsonDocument::Compact) + '\n');
    while (!m_process.canReadLine() && m_process.waitForReadyRead(AnswerMs)) { }
    const QJsonObject told = QJsonDocument::fromJson(m_process.readLine()).object();
    m_error = told.isEmpty() ? m_process.errorString() : told.value(QLatin1String("error")).toString();
    return told.value(QLatin1String("answer"));
}

} // namespace kav::test
