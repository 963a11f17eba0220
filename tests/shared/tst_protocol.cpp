// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/codec.h"
#include "tests/shared/protocolsamples.h"

#include <QTest>

using namespace kav;
using namespace kav::protocol;
using kav::test::protocolSamples;

class TestProtocol final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyMessageComesBackAsItWas();
};

void TestProtocol::everyMessageComesBackAsItWas()
{
    for (const auto& sample : protocolSamples()) {
        if (const auto* const message = std::get_if<ToEngine>(&sample.message)) {
            const auto back = decodeToEngine(encode(*message));
            QVERIFY2(back.ok(), qPrintable(sample.golden));
            QVERIFY2(*back == *message, qPrintable(sample.golden));
        } else {
            const ToConsole& other = std::get<ToConsole>(sample.message);
            const auto back = decodeToConsole(encode(other));
            QVERIFY2(back.ok(), qPrintable(sample.golden + QLatin1Char(' ') + QString::fromUtf8(encode(other))));
            QVERIFY2(*back == other, qPrintable(sample.golden));
        }
    }
}

QTEST_GUILESS_MAIN(TestProtocol)
#include "tst_protocol.moc"
