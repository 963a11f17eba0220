// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QMap>
#include <QProcess>
#include <QString>

#include <memory>
#include <vector>

namespace kav::test {

/// The real engine with its embedded recogniser, dialog and voice, on a free port of loopback and in a folder of its
/// own. A test that dies takes it along. Lives on the test's thread.
class EngineProcess final {
public:
    static constexpr int Patience = 30000; ///< of the test, not of the engine

    /// Migrates and serves. `more`: environment beside what every engine of a test has.
    explicit EngineProcess(const QString& folder, const QMap<QString, QString>& more = {});
    ~EngineProcess();
    Q_DISABLE_COPY_MOVE(EngineProcess)

    /// Calls this engine as Twilio would; it rings until the engine ends, or the call.
    void call(const QStringList& arguments);
    bool callsAreOver() const;
    /// As a loss of power would.
    void kill();

    QString address; ///< "127.0.0.1:PORT"; empty: it did not start

private:
    std::unique_ptr<QProcess> prepared() const;

    QProcessEnvironment m_environment;
    std::unique_ptr<QProcess> m_engine;
    std::vector<std::unique_ptr<QProcess>> m_callers;
};

} // namespace kav::test
