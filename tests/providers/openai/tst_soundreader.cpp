// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/soundreader.h"

#include <QTest>
#include <QtEndian>

using namespace kav;
using kav::providers::SoundReader;
using Samples = std::vector<qint16>;

namespace {
QByteArray little(const Samples& samples)
{
    QByteArray bytes(qsizetype(samples.size() * 2), Qt::Uninitialized);
    qToLittleEndian<qint16>(samples.data(), qsizetype(samples.size()), bytes.data());
    return bytes;
}

template <typename T> QByteArray number(T value)
{
    QByteArray bytes(sizeof value, Qt::Uninitialized);
    qToLittleEndian(value, bytes.data());
    return bytes;
}

QByteArray chunkOf(const QByteArray& name, const QByteArray& content)
{
    return name + number(quint32(content.size())) + content + (content.size() % 2 ? QByteArray(1, '\0') : QByteArray());
}

QByteArray formatOf(quint16 tag, quint16 channels, quint32 rate, quint16 bits)
{
    const auto frame = quint16(channels * bits / 8);
    return number(tag) + number(channels) + number(rate) + number(quint32(rate * frame)) + number(frame) + number(bits);
}

QByteArray wav(const QByteArray& format, const QByteArray& data, quint32 claimed, const QByteArray& before = {},
    const QByteArray& after = {})
{
    return QByteArray("RIFF") + number(quint32(0xffffffff)) + "WAVE" + chunkOf("fmt ", format) + before + "data"
        + number(claimed) + data + after;
}

const Samples tune{0, 1, -1, 32767, -32768, 1234, -4321, 17};
} // namespace

class TestSoundReader final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void soundComesWholeHoweverItIsCut_data()
    {
        QTest::addColumn<QByteArray>("type");
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<Samples>("samples");
        QTest::addColumn<int>("rate");
        const QByteArray pcm = little(tune);
        const auto size = quint32(pcm.size());
        const auto row = [](const char* tag, const QByteArray& type, const QByteArray& body, const Samples& samples,
                             int rate) { QTest::newRow(tag) << type << body << samples << rate; };
        row("PCM", "audio/pcm", pcm, tune, 24000);
        row("PCM with its rate", "audio/pcm;rate=16000; channels=1", pcm, tune, 16000);
        row("PCM of no type", "", pcm, tune, 24000);
        row("PCM with half a sample", "application/octet-stream", pcm + "x", tune, 24000);
        row("one sample", "audio/pcm", number(qint16(5)), {5}, 24000);
        row("nothing", "audio/pcm", "", {}, 24000);
        row("a WAV", "audio/wav", wav(formatOf(1, 1, 22050, 16), pcm, size), tune, 22050);
        row("a WAV that is called PCM", "audio/pcm", wav(formatOf(1, 1, 8000, 16), pcm, size), tune, 8000);
        row("a WAV of unknown length", "audio/wav", wav(formatOf(1, 1, 24000, 16), pcm, 0xffffffff), tune, 24000);
        row("a WAV of no length", "audio/x-wav", wav(formatOf(1, 1, 24000, 16), pcm, 0), tune, 24000);
        row("a WAV with more chunks", "audio/wav",
            wav(formatOf(1, 1, 24000, 16), pcm, size, chunkOf("LIST", "odd"),
                chunkOf("id3 ", "tags that are no sound")),
            tune, 24000);
        row("a WAV that ends early", "audio/wav", wav(formatOf(1, 1, 24000, 16), pcm, 4000), tune, 24000);
        row("an extensible WAV", "audio/wav",
            wav(formatOf(0xfffe, 1, 48000, 16) + number(quint16(22)) + number(quint16(16)) + number(quint32(4))
                    + number(quint16(1)) + QByteArray(14, 'g'),
                pcm, size),
            tune, 48000);
        row("stereo", "audio/wav", wav(formatOf(1, 2, 24000, 16), little({100, 200, -100, -300, 7, 9}), 12),
            {150, -200, 8}, 24000);
    }

    void soundComesWholeHoweverItIsCut()
    {
        QFETCH(QByteArray, type);
        QFETCH(QByteArray, body);
        QFETCH(Samples, samples);
        QFETCH(int, rate);
        for (qsizetype cut = 0; cut <= body.size(); ++cut) {
            SoundReader reader(type);
            Samples out;
            QVERIFY(reader.add(body.first(cut), out).ok());
            QVERIFY(reader.add(body.sliced(cut), out).ok());
            QVERIFY(reader.finish(out).ok());
            QCOMPARE(out, samples);
            QCOMPARE(reader.rateHz(), rate);
        }
        SoundReader reader(type);
        Samples out;
        for (char byte : body)
            QVERIFY(reader.add(QByteArrayView(&byte, 1), out).ok());
        QVERIFY(reader.finish(out).ok());
        QCOMPARE(out, samples);
    }

    void whatIsNoSoundIsRefusedInWords_data()
    {
        QTest::addColumn<QByteArray>("type");
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<QString>("words");
        const auto row = [](const char* tag, const QByteArray& type, const QByteArray& body, const QString& words) {
            QTest::newRow(tag) << type << body << words;
        };
        row("MP3", "audio/mpeg", "\xff\xfb\x90\x64rest", QStringLiteral("MP3"));
        row("MP3 with a tag", "application/octet-stream", "ID3\x04rest", QStringLiteral("MP3"));
        row("Ogg", "audio/ogg", "OggSrest", QStringLiteral("compressed"));
        row("FLAC", "", "fLaCrest", QStringLiteral("compressed"));
        row("JSON", "application/json; charset=utf-8", "{\"detail\":1}", QStringLiteral("application/json"));
        row("a page", "text/html", "<html>", QStringLiteral("text/html"));
        row("two bytes of JSON", "application/json", "{}", QStringLiteral("application/json"));
        row("a rate out of range", "audio/pcm;rate=7", "12345678", QStringLiteral("rate"));
        row("no rate at all", "audio/pcm;rate=", "12345678", QStringLiteral("rate"));
        row("mu-law in WAV", "audio/wav", wav(formatOf(7, 1, 8000, 8), "xx", 2), QStringLiteral("format 7"));
        row("float in WAV", "audio/wav", wav(formatOf(3, 1, 24000, 32), "xxxx", 4), QStringLiteral("32 bits"));
        row("six channels", "audio/wav", wav(formatOf(1, 6, 24000, 16), "xx", 2), QStringLiteral("6 channels"));
        row("no channels", "audio/wav", wav(formatOf(1, 0, 24000, 16), "xx", 2), QStringLiteral("0 channels"));
        row("a WAV's rate", "audio/wav", wav(formatOf(1, 1, 1, 16), "xx", 2), QStringLiteral("rate"));
        row("no format", "audio/wav", "RIFF    WAVEdata\1\0\0\0x", QStringLiteral("WAV"));
        row("a short format", "audio/wav", QByteArray("RIFF    WAVE") + chunkOf("fmt ", "1234"),
            QStringLiteral("cut short"));
        row("a WAV without sound", "audio/wav", QByteArray("RIFF    WAVE") + chunkOf("fmt ", formatOf(1, 1, 8000, 16)),
            QStringLiteral("before its sound begins"));
        row("a chunk without end", "audio/wav", QByteArray("RIFF    WAVELIST") + number(quint32(0xfffffff0)) + "xxxx",
            QStringLiteral("does not begin"));
        row("chunks without end", "audio/wav", QByteArray("RIFF    WAVE") + QByteArray(200000, '\0'),
            QStringLiteral("does not begin"));
    }

    void whatIsNoSoundIsRefusedInWords()
    {
        QFETCH(QByteArray, type);
        QFETCH(QByteArray, body);
        QFETCH(QString, words);
        for (qsizetype piece : {qsizetype(1), body.size()}) {
            SoundReader reader(type);
            Samples out;
            std::optional<Error> error;
            for (qsizetype at = 0; at < body.size() && !error; at += piece) {
                if (auto read = reader.add(body.mid(at, piece), out); !read)
                    error = read.error();
            }
            if (!error) {
                if (auto read = reader.finish(out); !read)
                    error = read.error();
            }
            QVERIFY(error);
            QVERIFY2(error->message.contains(words), qPrintable(error->message));
            QVERIFY(out.empty());
        }
    }
};

QTEST_APPLESS_MAIN(TestSoundReader)
#include "tst_soundreader.moc"
