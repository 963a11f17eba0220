// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"

#include <QFileInfo>
#include <QTemporaryDir>
#include <QTest>
#include <QtEndian>

using namespace kav;
using namespace kav::media;

namespace {

QByteArray number(quint32 value, int bytes)
{
    QByteArray result(4, '\0');
    qToLittleEndian(value, result.data());
    return result.first(bytes);
}

QByteArray chunk(const char* name, const QByteArray& body)
{
    QByteArray result = QByteArray(name) + number(static_cast<quint32>(body.size()), 4) + body;
    return body.size() % 2 ? result + '\0' : result;
}

QByteArray format(int tag, int channels, int rate, int bits)
{
    const int block = channels * bits / 8;
    return chunk("fmt ",
        number(static_cast<quint32>(tag), 2) + number(static_cast<quint32>(channels), 2)
            + number(static_cast<quint32>(rate), 4) + number(static_cast<quint32>(rate * block), 4)
            + number(static_cast<quint32>(block), 2) + number(static_cast<quint32>(bits), 2));
}

QByteArray riff(const QByteArray& chunks)
{
    return "RIFF" + number(static_cast<quint32>(chunks.size() + 4), 4) + "WAVE" + chunks;
}

QByteArray pcm(const std::vector<qint16>& samples)
{
    QByteArray result;
    for (const qint16 sample : samples)
        result += number(static_cast<quint16>(sample), 2);
    return result;
}

const std::vector<qint16> SomeSamples{1, -2, 300, -32768, 32767, 6};

} // namespace

class TestWav final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsWhatItWrote_data();
    void readsWhatItWrote();
    void readsMulaw();
    void readsTheExtensibleForm();
    void passesOverOtherChunksAndOddPadding();
    void aStereoClipBecomesMono();
    void aWriterThatDiedLeavesWhatThereIs_data();
    void aWriterThatDiedLeavesWhatThereIs();
    void anEmptyClipIsAClip();
    void saysWhatIsWrong_data();
    void saysWhatIsWrong();
    void everyCutOfAFileIsAnAnswer();
    void aRecordingCanBePlayedWhileItGrows();
    void aMulawRecordingIsReadAsItWasWritten();
    void aStretchIsSilencedAfterwards();
    void aRecordingIsForItsOwnerOnly();
    void writingIsRefusedWhereItCannotBe();
    void aMissingFileIsNamed();

private:
    QString path(const char* name) const { return m_dir.filePath(QString::fromLatin1(name)); }

    QTemporaryDir m_dir;
};

void TestWav::readsWhatItWrote_data()
{
    QTest::addColumn<int>("rate");
    QTest::addColumn<int>("channels");
    QTest::newRow("telephone") << 8000 << 1;
    QTest::newRow("both sides of a call") << 8000 << 2;
    QTest::newRow("44100") << 44100 << 1;
}

void TestWav::readsWhatItWrote()
{
    QFETCH(int, rate);
    QFETCH(int, channels);
    auto writer = WavWriter::create(path("a.wav"), rate, channels);
    QVERIFY(writer.ok());
    std::vector<qint16> expected;
    for (int i = 0; i < 500; ++i) {
        QVERIFY((*writer)->write(SomeSamples).ok());
        expected.insert(expected.end(), SomeSamples.begin(), SomeSamples.end());
    }
    QCOMPARE((*writer)->frames(), quint64(expected.size()) / quint64(channels));
    QVERIFY((*writer)->close().ok());

    const auto audio = readWav(path("a.wav"));
    QVERIFY(audio.ok());
    QCOMPARE(audio->sampleRate, rate);
    QCOMPARE(audio->channels, channels);
    QCOMPARE(audio->samples, expected);
    QCOMPARE(QFileInfo(path("a.wav")).size(), 44 + qint64(expected.size()) * 2);
}

void TestWav::readsMulaw()
{
    const auto audio = parseWav(riff(format(7, 1, 8000, 8) + chunk("data", QByteArray("\xff\x80\x00", 3))));
    QVERIFY(audio.ok());
    QCOMPARE(audio->samples, (std::vector<qint16>{0, 32124, -32124}));
}

void TestWav::readsTheExtensibleForm()
{
    const QByteArray plain = format(0xfffe, 1, 16000, 16).sliced(8);
    const QByteArray body = plain + number(22, 2) + number(16, 2) + number(4, 4) + number(1, 2) + QByteArray(14, '\0');
    const auto audio = parseWav(riff(chunk("fmt ", body) + chunk("data", pcm(SomeSamples))));
    QVERIFY(audio.ok());
    QCOMPARE(audio->sampleRate, 16000);
    QCOMPARE(audio->samples, SomeSamples);
}

void TestWav::passesOverOtherChunksAndOddPadding()
{
    const auto audio = parseWav(riff(chunk("LIST", "odd") + format(1, 1, 8000, 16) + chunk("fact", "four")
        + chunk("data", pcm(SomeSamples)) + chunk("LIST", "INFO")));
    QVERIFY(audio.ok());
    QCOMPARE(audio->samples, SomeSamples);
}

void TestWav::aStereoClipBecomesMono()
{
    const WavAudio audio{8000, 2, {100, 200, -32768, -32768, 32767, 32767}};
    QCOMPARE(audio.frames(), std::size_t(3));
    QCOMPARE(audio.mono(), (std::vector<qint16>{150, -32768, 32767}));
}

void TestWav::aWriterThatDiedLeavesWhatThereIs_data()
{
    QTest::addColumn<quint32>("claimed");
    QTest::newRow("the length was never written") << 0u;
    QTest::newRow("the length is the largest") << 0xffffffffu;
    QTest::newRow("the length is more than there is") << 1000u;
}

void TestWav::aWriterThatDiedLeavesWhatThereIs()
{
    QFETCH(quint32, claimed);
    const auto audio = parseWav(riff(format(1, 1, 8000, 16) + "data" + number(claimed, 4) + pcm(SomeSamples) + "x"));
    QVERIFY(audio.ok());
    QCOMPARE(audio->samples, SomeSamples); // and the odd byte is no sample
}

void TestWav::anEmptyClipIsAClip()
{
    const auto audio = parseWav(riff(format(1, 1, 8000, 16) + chunk("data", {}) + chunk("LIST", "INFO")));
    QVERIFY(audio.ok());
    QVERIFY(audio->samples.empty());
}

void TestWav::saysWhatIsWrong_data()
{
    QTest::addColumn<QByteArray>("file");
    QTest::addColumn<QString>("message");
    const QByteArray data = chunk("data", "....");
    QTest::newRow("nothing") << QByteArray() << QStringLiteral("WAV: not a RIFF WAVE file");
    QTest::newRow("something else") << QByteArray("ID3...............") << QStringLiteral("WAV: not a RIFF WAVE file");
    QTest::newRow("no format") << riff({}) << QStringLiteral("WAV: no fmt chunk");
    QTest::newRow("no data") << riff(format(1, 1, 8000, 16)) << QStringLiteral("WAV: no data chunk");
    QTest::newRow("data first") << riff(data + format(1, 1, 8000, 16))
                                << QStringLiteral("WAV: the data chunk comes before the fmt chunk");
    QTest::newRow("short format") << riff(chunk("fmt ", "12345678") + data)
                                  << QStringLiteral("WAV: the fmt chunk is cut short");
    QTest::newRow("short extensible") << riff(format(0xfffe, 1, 8000, 16) + data)
                                      << QStringLiteral("WAV: the fmt chunk is cut short");
    QTest::newRow("ADPCM") << riff(format(2, 1, 8000, 4) + data)
                           << QStringLiteral("WAV: format 2 is neither PCM (1) nor mu-law (7)");
    QTest::newRow("24 bits") << riff(format(1, 1, 8000, 24) + data)
                             << QStringLiteral("WAV: 24 bits a sample; 16-bit PCM or 8-bit mu-law is read");
    QTest::newRow("six channels") << riff(format(1, 6, 8000, 16) + data)
                                  << QStringLiteral("WAV: 6 channels; 1 or 2 are read");
    QTest::newRow("no channel") << riff(format(1, 0, 8000, 16) + data)
                                << QStringLiteral("WAV: 0 channels; 1 or 2 are read");
    QTest::newRow("no rate") << riff(format(1, 1, 0, 16) + data)
                             << QStringLiteral("WAV: 0 samples a second: out of range");
}

void TestWav::saysWhatIsWrong()
{
    QFETCH(QByteArray, file);
    QFETCH(QString, message);
    const auto audio = parseWav(file);
    QVERIFY(!audio.ok());
    QCOMPARE(audio.error().message, message);
    QCOMPARE(audio.error().code, Error::Code::Invalid);
}

void TestWav::everyCutOfAFileIsAnAnswer()
{
    const QByteArray file = riff(chunk("LIST", "odd") + format(1, 2, 8000, 16) + chunk("data", pcm(SomeSamples)));
    for (qsizetype size = 0; size < file.size(); ++size) {
        const auto audio = parseWav(file.first(size));
        if (audio.ok())
            QVERIFY(audio->samples.size() < SomeSamples.size());
    }
}

void TestWav::aRecordingCanBePlayedWhileItGrows()
{
    auto writer = WavWriter::create(path("growing.wav"), 8000, 1);
    QVERIFY(writer.ok());
    const std::vector<qint16> frame(160, 5);
    for (int i = 0; i < 60; ++i) // 1.2 s
        QVERIFY((*writer)->write(frame).ok());
    const auto audio = readWav(path("growing.wav")); // nobody closed it
    QVERIFY(audio.ok());
    QCOMPARE(audio->frames(), std::size_t(8000));
}

void TestWav::aMulawRecordingIsReadAsItWasWritten()
{
    auto writer = WavWriter::create(path("mulaw.wav"), 8000, 2, WavWriter::Encoding::Mulaw);
    QVERIFY(writer.ok());
    std::vector<quint8> codes(2 * 12000);
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = quint8(i * 7);
    QVERIFY((*writer)->writeMulaw(codes).ok());
    const auto growing = readWav(path("mulaw.wav")); // nobody closed it
    QVERIFY(growing.ok());
    QCOMPARE(growing->frames(), std::size_t(12000));
    QVERIFY((*writer)->close().ok());
    std::vector<qint16> expected(codes.size());
    decodeMulaw(codes, expected);
    QCOMPARE(readWav(path("mulaw.wav"))->samples, expected);
    QCOMPARE(QFileInfo(path("mulaw.wav")).size(), 58 + qint64(codes.size())); // with the fact chunk that players want
    QVERIFY(!(*writer)->write(SomeSamples).ok());
}

void TestWav::aStretchIsSilencedAfterwards()
{
    for (const auto encoding : {WavWriter::Encoding::Pcm, WavWriter::Encoding::Mulaw}) {
        auto writer = WavWriter::create(path("silenced.wav"), 8000, 2, encoding);
        QVERIFY(writer.ok());
        const auto say = [&] {
            return encoding == WavWriter::Encoding::Pcm ? (*writer)->write(std::vector<qint16>(2000, 5000)).ok()
                                                        : (*writer)->writeMulaw(std::vector<quint8>(2000, 0x20)).ok();
        };
        QVERIFY(say());
        QVERIFY((*writer)->silence(100, 200).ok());
        QVERIFY((*writer)->silence(950, 9000).ok()); // past the end: what there is
        QVERIFY((*writer)->silence(5000, 1).ok());
        QVERIFY(say()); // goes on where it was
        QVERIFY((*writer)->close().ok());
        const auto audio = readWav(path("silenced.wav"));
        QVERIFY(audio.ok());
        QCOMPARE(audio->frames(), std::size_t(2000));
        for (std::size_t i = 0; i < audio->samples.size(); ++i) {
            const std::size_t frame = i / 2;
            const bool silent = (frame >= 100 && frame < 300) || (frame >= 950 && frame < 1000);
            QVERIFY2((audio->samples[i] == 0) == silent, qPrintable(QString::number(frame)));
        }
    }
}

void TestWav::aRecordingIsForItsOwnerOnly()
{
    auto writer = WavWriter::create(path("private.wav"), 8000, 1);
    QVERIFY(writer.ok());
    const auto others = QFile::ReadGroup | QFile::WriteGroup | QFile::ReadOther | QFile::WriteOther;
    QVERIFY(!(QFileInfo(path("private.wav")).permissions() & others));
}

void TestWav::writingIsRefusedWhereItCannotBe()
{
    QCOMPARE(WavWriter::create(path("no/such/folder.wav"), 8000, 1).error().code, Error::Code::Io);
    QCOMPARE(WavWriter::create(path("b.wav"), 8000, 3).error().code, Error::Code::Invalid);
    QCOMPARE(WavWriter::create(path("b.wav"), 0, 1).error().code, Error::Code::Invalid);
    auto writer = WavWriter::create(path("c.wav"), 8000, 2);
    QVERIFY(writer.ok());
    QVERIFY((*writer)->write({}).ok());
    const std::vector<qint16> odd(3);
    QCOMPARE((*writer)->write(odd).error().message, QStringLiteral("WAV: 3 samples are not whole pairs"));
    QVERIFY((*writer)->close().ok());
    QVERIFY((*writer)->close().ok()); // twice is once
    QCOMPARE((*writer)->write(SomeSamples).error().code, Error::Code::Io);
}

void TestWav::aMissingFileIsNamed()
{
    const auto audio = readWav(path("missing.wav"));
    QVERIFY(!audio.ok());
    QVERIFY(audio.error().message.contains(QStringLiteral("missing.wav")));
}

QTEST_APPLESS_MAIN(TestWav)
#include "tst_wav.moc"
