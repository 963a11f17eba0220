// SPDX-License-Identifier: Apache-2.0
#include "engine/app/healthcommand.h"

#include <QSemaphore>
#include <QTcpServer>
#include <QTcpSocket>
#include <QTest>
#include <QThread>

#include <memory>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;

namespace {

constexpr Milliseconds Patience{20000};

/// Something on a port that says one thing to whoever comes, and hangs up.
class Stranger final {
public:
    explicit Stranger(const QByteArray& words, const QHostAddress& address = QHostAddress(QHostAddress::LocalHost))
    {
        m_thread.reset(QThread::create([this, words, address] {
            QTcpServer server;
            if (server.listen(address))
                m_port = server.serverPort();
            m_listening.release();
            if (!server.waitForNewConnection(int(Patience.count())))
                return;
            QTcpSocket* const peer = server.nextPendingConnection();
            while (!asked.endsWith("\r\n\r\n") && peer->waitForReadyRead(int(Patience.count())))
                asked += peer->readAll();
            peer->write(words);
            peer->disconnectFromHost();
            if (peer->state() != QAbstractSocket::UnconnectedState)
                peer->waitForDisconnected(int(Patience.count()));
        }));
        m_thread->start();
        m_listening.acquire();
    }
    ~Stranger() { finish(); }
    void finish() { m_thread->wait(); }

    Config config() const
    {
        Config config;
        config.port = m_port;
        return config; // it listens on 0.0.0.0
    }

    QByteArray asked; ///< after finish()

private:
    std::unique_ptr<QThread> m_thread;
    QSemaphore m_listening;
    int m_port = 0;
};

} // namespace

class TstHealthCommand final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void anEngineThatAnswersIsWell()
    {
        Stranger engine("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
        const auto answer = askHealth(engine.config(), Patience);
        QVERIFY2(answer.ok(), answer.ok() ? "" : qPrintable(answer.error().message));
        QCOMPARE(*answer, u"HTTP/1.1 200 OK"_s);
        engine.finish();
        QVERIFY(engine.asked.startsWith("GET /healthz HTTP/1.1\r\n"));
    }

    void theOtherAnswersAreNot_data()
    {
        QTest::addColumn<QByteArray>("words");
        QTest::addColumn<QString>("message");
        QTest::newRow("an error") << QByteArray("HTTP/1.1 503 Service Unavailable\r\n\r\n")
                                  << u"answers HTTP/1.1 503 Service Unavailable"_s;
        QTest::newRow("no HTTP") << QByteArray("SSH-2.0-x 2001\r\n") << u"answers SSH-2.0-x 2001"_s;
        QTest::newRow("nothing") << QByteArray() << u"does not answer"_s;
        QTest::newRow("no end of a line") << QByteArray(100000, 'x') << u"does not answer"_s;
    }
    void theOtherAnswersAreNot()
    {
        QFETCH(QByteArray, words);
        QFETCH(QString, message);
        Stranger stranger(words);
        const auto answer = askHealth(stranger.config(), Patience);
        QVERIFY(!answer.ok());
        QVERIFY2(answer.error().message.endsWith(message), qPrintable(answer.error().message));
    }

    void whoSaysNothingIsNotWaitedForLong()
    {
        QTcpServer silent; // the kernel takes the connection, nobody reads
        QVERIFY(silent.listen(QHostAddress(QHostAddress::LocalHost)));
        Config config;
        config.port = silent.serverPort();
        const auto answer = askHealth(config, Milliseconds(20));
        QVERIFY(!answer.ok());
        QCOMPARE(int(answer.error().code), int(Error::Code::Timeout));
    }

    void whereNobodyListensIsSaid()
    {
        QTcpServer server;
        QVERIFY(server.listen(QHostAddress(QHostAddress::LocalHost)));
        Config config;
        config.port = server.serverPort();
        server.close();
        const auto answer = askHealth(config, Patience);
        QVERIFY(!answer.ok());
        QCOMPARE(answer.error().message,
            u"the engine at 127.0.0.1 port %1 cannot be reached: Connection refused"_s.arg(config.port));
    }
};

QTEST_GUILESS_MAIN(TstHealthCommand)
#include "tst_healthcommand.moc"
