// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QJsonObject>
#include <QJsonValue>
#include <QProcess>
#include <QString>

namespace kav::test {

/// Twilio's own npm package as the judge of what Kav signs, accepts and writes: a node program
/// (tests/support/twilio/oracle.js) that answers one question at a time. Blocks while it is asked; needs no event loop.
class TwilioOracle final {
public:
    TwilioOracle() = default;
    ~TwilioOracle();
    Q_DISABLE_COPY_MOVE(TwilioOracle)

    /// Starts it with the modules that packaging/install-node-folder.sh has put into `build`/twilio-oracle. Why it did
    /// not start; empty: it did.
    QString start(const QString& source, const QString& build);

    /// The answer to {"ask": what, ...}; undefined when the library refuses (it threw) or the program has died, and
    /// then error() says so.
    QJsonValue ask(const QString& what, QJsonObject question);
    const QString& error() const { return m_error; }

private:
    QProcess m_process;
    QString m_error;
};

} // namespace kav::test
