// SPDX-License-Identifier: Apache-2.0
#include "engine/media/audio.h"
#include "engine/media/dtmftones.h"
#include "engine/media/g711.h"

#include <QTest>

#include <cmath>
#include <numbers>

using namespace kav::media;

namespace {

constexpr std::array<double, 8> Frequencies{697, 770, 852, 941, 1209, 1336, 1477, 1633};

/// Goertzel's: the level of one frequency in dB of a full-scale sine.
double levelOfTone(const QByteArray& mulaw, double hertz)
{
    const double coefficient = 2 * std::cos(2 * std::numbers::pi * hertz / SampleRate);
    double one = 0, two = 0;
    for (const char code : mulaw) {
        const double next = fromMulaw(quint8(code)) / 32768.0 + coefficient * one - two;
        two = one;
        one = next;
    }
    const double power = one * one + two * two - coefficient * one * two;
    return 20 * std::log10(2 * std::sqrt(power) / double(mulaw.size()) + 1e-9);
}

} // namespace

class TstDtmfTones final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyKeyHasItsTwoFrequenciesAndNoOther()
    {
        const QString keys = QStringLiteral("123A456B789C*0#D");
        for (int key = 0; key < keys.size(); ++key) {
            const QByteArray sound = dtmfTones(keys.mid(key, 1));
            QCOMPARE(sound.size(), 1600);
            const QByteArray tone = sound.left(800);
            for (size_t i = 0; i < Frequencies.size(); ++i) {
                const bool belongs = i == size_t(key / 4) || i == size_t(4 + key % 4);
                const double level = levelOfTone(tone, Frequencies[i]);
                const QByteArray what = keys.mid(key, 1).toLatin1() + " at " + QByteArray::number(Frequencies[i]) + ": "
                    + QByteArray::number(level) + " dB";
                QVERIFY2(belongs ? level > -12 && level < -9 : level < -25, what.constData());
            }
        }
    }

    // Q.24: tones and pauses of 40 ms at least; Q.23: within 1.8 %. Here each frequency is its own strongest neighbour.
    void aToneIsLongAndTrueEnoughForAnyReceiver()
    {
        const QString keys = QStringLiteral("1590");
        for (const QChar key : keys) {
            const QByteArray sound = dtmfTones(QString(key).repeated(2));
            const qsizetype end = sound.indexOf(QByteArray(80, char(MulawSilence))); // 10 ms of it
            QVERIFY2(end >= 40 * 8, qPrintable(QString::number(end)));
            qsizetype next = end;
            while (next < sound.size() && sound.at(next) == char(MulawSilence))
                ++next;
            QVERIFY2(next - end >= 40 * 8, qPrintable(QString::number(next - end)));
            for (const double hertz : Frequencies) {
                const double level = levelOfTone(sound.left(end), hertz);
                if (level < -20)
                    continue;
                QVERIFY2(level > levelOfTone(sound.left(end), hertz * 1.018)
                        && level > levelOfTone(sound.left(end), hertz * 0.982),
                    qPrintable(QStringLiteral("%1 Hz of %2").arg(hertz).arg(key)));
            }
        }
    }

    void betweenKeysThereIsSilence()
    {
        const QByteArray sound = dtmfTones(u"12");
        QCOMPARE(sound.size(), 3200);
        QCOMPARE(sound.mid(800, 800), QByteArray(800, char(MulawSilence)));
        QVERIFY(levelOfTone(sound.mid(1600, 800), 1336) > -12);
    }

    void aWaitIsHalfASecond()
    {
        QCOMPARE(dtmfTones(u"w"), QByteArray(4000, char(MulawSilence)));
        QCOMPARE(dtmfTones(u"1W1").size(), 1600 + 4000 + 1600);
    }

    void whatIsNoKeyMakesNoSound()
    {
        QVERIFY(dtmfTones(u"").isEmpty());
        QVERIFY(dtmfTones(u" -xyz\u05d0").isEmpty());
        QCOMPARE(dtmfTones(u"a"), dtmfTones(u"A"));
    }
};

QTEST_GUILESS_MAIN(TstDtmfTones)
#include "tst_dtmftones.moc"
