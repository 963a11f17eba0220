// SPDX-License-Identifier: Apache-2.0
#include "tests/console/app/engineprocess.h"

#include <QTest>

#include <algorithm>
#include <csignal>
#include <sys/prctl.h>

namespace kav::test {

EngineProcess::EngineProcess(const QString& folder, const QMap<QString, QString>& more)
    : m_environment(QProcessEnvironment::systemEnvironment())
{
    const QStringList names = m_environment.keys();
    for (const QString& name : names) {
        if (name.startsWith(QLatin1String("KAV_")) || name.startsWith(QLatin1String("TWILIO_"))
            || name == QLatin1String("PORT") || name == QLatin1String("DATABASE_URL"))
            m_environment.remove(name);
    }
    m_environment.insert(QStringLiteral("KAV_ADDRESS"), QStringLiteral("127.0.0.1"));
    m_environment.insert(QStringLiteral("KAV_PORT"), QStringLiteral("0"));
    m_environment.insert(QStringLiteral("KAV_DATA_DIR"), folder);
    m_environment.insert(QStringLiteral("KAV_DEPLOY_ID"), QStringLiteral("kav-live"));
    m_environment.insert(
        QStringLiteral("KAV_DIALOG"), QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
    for (auto it = more.cbegin(); it != more.cend(); ++it)
        m_environment.insert(it.key(), it.value());

    m_engine = prepared();
    m_engine->start(QStringLiteral(KAV_ENGINE_PROGRAM), {QStringLiteral("migrate")});
    if (!m_engine->waitForFinished(Patience) || m_engine->exitCode() != 0)
        return;
    m_engine->readAllStandardOutput();
    m_engine->start(QStringLiteral(KAV_ENGINE_PROGRAM), {QStringLiteral("serve")});
    QByteArray output;
    const bool listens = QTest::qWaitFor(
        [&] {
            output += m_engine->readAllStandardOutput();
            return output.startsWith("LISTENING ") && output.contains('\n');
        },
        Patience);
    if (listens)
        address = QString::fromLatin1(output.mid(10, output.indexOf('\n') - 10));
}

EngineProcess::~EngineProcess()
{
    for (const auto& caller : m_callers) {
        caller->kill();
        caller->waitForFinished();
    }
    if (m_engine->state() == QProcess::NotRunning)
        return;
    // The third one ends at once, whatever is live; signals that come together are one.
    bool isOver = false;
    for (int i = 0; i < 10 && !isOver; ++i) {
        m_engine->terminate();
        isOver = m_engine->waitForFinished(i < 3 ? 300 : Patience / 10);
    }
    if (!isOver)
        kill();
}

void EngineProcess::call(const QStringList& arguments)
{
    m_callers.push_back(prepared());
    m_callers.back()->start(QStringLiteral(KAV_ENGINE_PROGRAM),
        QStringList{QStringLiteral("call"), QStringLiteral("--quiet"), QStringLiteral("--to"),
            QStringLiteral("http://%1/webhook/incoming_call").arg(address)}
            + arguments);
}

bool EngineProcess::callsAreOver() const
{
    return std::all_of(m_callers.cbegin(), m_callers.cend(),
        [](const auto& caller) { return caller->state() == QProcess::NotRunning; });
}

void EngineProcess::kill()
{
    m_engine->kill();
    m_engine->waitForFinished();
}

std::unique_ptr<QProcess> EngineProcess::prepared() const
{
    auto process = std::make_unique<QProcess>();
    process->setProcessEnvironment(m_environment);
    process->setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process->setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
    return process;
}

} // namespace kav::test
