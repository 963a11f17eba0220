// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendors/faults.h"

#include <QByteArray>
#include <QJsonArray>
#include <QJsonObject>
#include <QList>
#include <QProcess>
#include <QString>

namespace kav::test {

/// Google Cloud Speech v1 over gRPC on loopback: a node program that serves Google's published definition
/// (tests/support/vendors/google/speech.js), and what it saw. Lives on the test's thread; needs its event loop.
class GoogleSpeechServer final : public QObject {
    Q_OBJECT
public:
    /// One StreamingRecognize call.
    struct Stream final {
        int number = 0;
        QJsonObject config; ///< StreamingRecognitionConfig, by its published names
        QString authorization, key, agent;
        bool isForeign = false; ///< something was sent that the published definition does not know
        qint64 bytes = 0; ///< of audio so far
        qint64 longestMessage = 0;
        QByteArray audio; ///< all of it, once ended or cancelled
        bool isEnded = false, isCancelled = false;
    };

    ~GoogleSpeechServer() override;

    /// Starts it with the modules that packaging/install-node-folder.sh has put into `build`/google-standin. Why it did
    /// not start; empty: it did.
    QString start(const QString& source, const QString& build);
    QString endpoint() const { return QStringLiteral("127.0.0.1:%1").arg(m_port); }

    /// For streams from now on: {"script": [{"at": ms of audio, "response": {...}}], "last": [responses to the end of
    /// the audio], "status": {"code", "details", "retryDelay"}, "statusAtEnd", "hang", "garbage", "resetAfter": ms}.
    void setScenario(const QJsonObject& scenario);
    /// What the network between does: "normal", "slow" (a byte at a time), "frozen".
    void setWire(const QString& wire);
    void reset(); ///< every connection
    void setFault(VendorFault fault);
    /// Back to normal, with no stream and no connection.
    void clear();

    static QJsonObject response(const QString& words, bool isFinal, double stability, qint64 endMs);

    QList<Stream> streams; ///< since clear()
    int connections = 0;

Q_SIGNALS:
    void changed();

private:
    void order(const QJsonObject& order);
    void takeLine(const QByteArray& line);
    Stream* find(int number);

    QProcess m_process;
    int m_port = 0, m_done = 0;
};

} // namespace kav::test
