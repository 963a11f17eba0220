// SPDX-License-Identifier: Apache-2.0
#include "console/views/wavcheck.h"

#include <QTest>
#include <QtEndian>

using namespace kav;
using namespace kav::console;
using namespace std::chrono_literals;

namespace {

QByteArray chunk(const char* name, const QByteArray& bytes, qint64 claimed = -1)
{
    QByteArray size(4, '\0');
    qToLittleEndian<quint32>(static_cast<quint32>(claimed < 0 ? bytes.size() : claimed), size.data());
    return QByteArray(name) + size + bytes + QByteArray(bytes.size() % 2, '\0');
}

QByteArray format(quint16 tag, quint16 channels, quint32 rate, quint16 bits, const QByteArray& more = {})
{
    QByteArray bytes(16, '\0');
    qToLittleEndian<quint16>(tag, bytes.data());
    qToLittleEndian<quint16>(channels, bytes.data() + 2);
    qToLittleEndian<quint32>(rate, bytes.data() + 4);
    qToLittleEndian<quint16>(bits, bytes.data() + 14);
    return chunk("fmt ", bytes + more);
}

QByteArray wav(const QByteArray& chunks)
{
    return chunk("RIFF", "WAVE" + chunks);
}

} // namespace

class TestWavCheck final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral("."))); }

    void tellsWhatAFileHolds()
    {
        const auto pcm = checkWav(wav(format(1, 1, 8000, 16) + chunk("data", QByteArray(16000, 'x'))));
        QVERIFY(pcm);
        QVERIFY(!pcm->mulaw);
        QCOMPARE(pcm->channels, 1);
        QCOMPARE(pcm->sampleRate, 8000);
        QCOMPARE(pcm->length, 1000ms);
        const auto mulaw = checkWav(wav(format(7, 2, 8000, 8) + chunk("data", QByteArray(8000, 'x'))));
        QVERIFY(mulaw);
        QVERIFY(mulaw->mulaw);
        QCOMPARE(mulaw->length, 500ms);
    }

    void passesChunksItDoesNotKnow()
    {
        const auto facts = checkWav(wav(chunk("LIST", "odd") + format(1, 1, 16000, 16) + chunk("fact", "1234")
            + chunk("data", QByteArray(32000, 'x'))));
        QVERIFY(facts);
        QCOMPARE(facts->length, 1000ms);
    }

    void readsTheExtensibleFormat()
    {
        QByteArray more(24, '\0');
        more[8] = 1; // the sub-format: PCM
        QVERIFY(checkWav(wav(format(0xfffe, 1, 8000, 16, more) + chunk("data", QByteArray(200, 'x')))));
        more[8] = 3; // floating point
        QVERIFY(!checkWav(wav(format(0xfffe, 1, 8000, 16, more) + chunk("data", QByteArray(200, 'x')))));
    }

    void takesWhatThereIsOfAnUnfinishedFile()
    {
        for (const qint64 claimed : {qint64(0), qint64(0xffffffff), qint64(100'000)}) {
            const auto facts = checkWav(wav(format(1, 1, 8000, 16) + chunk("data", QByteArray(8000, 'x'), claimed)));
            QVERIFY(facts);
            QCOMPARE(facts->length, 500ms);
        }
    }

    void refusesInWords_data()
    {
        QTest::addColumn<QByteArray>("file");
        QTest::addColumn<QString>("word");
        const QByteArray sound = chunk("data", QByteArray(200, 'x'));
        QTest::newRow("nothing") << QByteArray() << QStringLiteral("not a WAV");
        QTest::newRow("an MP3") << QByteArray("ID3 and so on, more than twelve bytes") << QStringLiteral("not a WAV");
        QTest::newRow("a RIFF that is no WAVE") << chunk("RIFF", "AVI LIST0000") << QStringLiteral("not a WAV");
        QTest::newRow("24 bits") << wav(format(1, 1, 8000, 24) + sound) << QStringLiteral("16-bit PCM");
        QTest::newRow("A-law") << wav(format(6, 1, 8000, 8) + sound) << QStringLiteral("16-bit PCM");
        QTest::newRow("six channels") << wav(format(1, 6, 8000, 16) + sound) << QStringLiteral("channel");
        QTest::newRow("no channel") << wav(format(1, 0, 8000, 16) + sound) << QStringLiteral("channel");
        QTest::newRow("no rate") << wav(format(1, 1, 0, 16) + sound) << QStringLiteral("samples a second");
        QTest::newRow("a rate beyond all") << wav(format(1, 1, 0xffffffff, 16) + sound) << QStringLiteral("samples");
        QTest::newRow("no sound") << wav(format(1, 1, 8000, 16)) << QStringLiteral("no sound");
        QTest::newRow("one byte of sound")
            << wav(format(1, 1, 8000, 16) + chunk("data", "x")) << QStringLiteral("no sound");
        QTest::newRow("sound before its format") << wav(sound + format(1, 1, 8000, 16)) << QStringLiteral("cut short");
        QTest::newRow("a short format") << wav(chunk("fmt ", "12345678") + sound) << QStringLiteral("cut short");
        QTest::newRow("too large") << wav(format(1, 1, 8000, 16) + chunk("data", QByteArray(LargestTestWav, 'x')))
                                   << QStringLiteral("600 KB");
    }
    void refusesInWords()
    {
        QFETCH(const QByteArray, file);
        QFETCH(const QString, word);
        const auto facts = checkWav(file);
        QVERIFY(!facts);
        QVERIFY2(facts.error().message.contains(word), qPrintable(facts.error().message));
    }

    void survivesEveryPlaceToBeCut()
    {
        const QByteArray whole =
            wav(chunk("LIST", "odd") + format(1, 1, 8000, 16) + chunk("data", QByteArray(20, 'x')));
        for (qsizetype length = 0; length <= whole.size(); ++length) {
            const auto facts = checkWav(whole.first(length));
            QVERIFY(facts.ok() || !facts.error().message.isEmpty());
        }
    }
};

QTEST_GUILESS_MAIN(TestWavCheck)
#include "tst_wavcheck.moc"
