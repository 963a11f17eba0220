// SPDX-License-Identifier: Apache-2.0
#include "engine/media/wav.h"

#include "engine/media/g711.h"
#include "engine/media/resampler.h"

#include <QtEndian>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace kav::media {
namespace {

// A format other than PCM has an extension size in its fmt chunk, and a fact chunk.
constexpr qint64 PcmHeaderBytes = 44, MulawHeaderBytes = 58;

enum class WavFormat : quint16 { Pcm = 1, Mulaw = 7, Extensible = 0xfffe };

Error wavError(const QString& what)
{
    return {Error::Code::Invalid, QStringLiteral("WAV: ") + what, {}};
}

quint16 wav16(QByteArrayView bytes, qsizetype at)
{
    return qFromLittleEndian<quint16>(bytes.data() + at);
}

quint32 wav32(QByteArrayView bytes, qsizetype at)
{
    return qFromLittleEndian<quint32>(bytes.data() + at);
}

struct WavLayout final {
    WavFormat format = WavFormat::Pcm;
    int channels = 0;
    int sampleRate = 0;
};

Result<WavLayout> parseFormat(QByteArrayView chunk)
{
    if (chunk.size() < 16)
        return wavError(QStringLiteral("the fmt chunk is cut short"));
    quint16 tag = wav16(chunk, 0);
    const int channels = wav16(chunk, 2);
    const quint32 rate = wav32(chunk, 4);
    const int bits = wav16(chunk, 14);
    if (tag == static_cast<quint16>(WavFormat::Extensible)) {
        if (chunk.size() < 26)
            return wavError(QStringLiteral("the fmt chunk is cut short"));
        tag = wav16(chunk, 24); // the sub-format's first two bytes are the plain tag
    }
    const bool pcm = tag == static_cast<quint16>(WavFormat::Pcm);
    if (!pcm && tag != static_cast<quint16>(WavFormat::Mulaw))
        return wavError(QStringLiteral("format %1 is neither PCM (1) nor mu-law (7)").arg(tag));
    if (bits != (pcm ? 16 : 8))
        return wavError(QStringLiteral("%1 bits a sample; 16-bit PCM or 8-bit mu-law is read").arg(bits));
    if (channels != 1 && channels != 2)
        return wavError(QStringLiteral("%1 channels; 1 or 2 are read").arg(channels));
    if (rate < quint32(Resampler::LowestRate) || rate > quint32(Resampler::HighestRate))
        return wavError(QStringLiteral("%1 samples a second: out of range").arg(rate));
    return WavLayout{pcm ? WavFormat::Pcm : WavFormat::Mulaw, channels, static_cast<int>(rate)};
}

WavAudio decodeData(const WavLayout& layout, QByteArrayView data)
{
    const qsizetype sampleBytes = layout.format == WavFormat::Pcm ? 2 : 1;
    const qsizetype count = data.size() / (sampleBytes * layout.channels) * layout.channels;
    WavAudio audio{layout.sampleRate, layout.channels, {}};
    if (count == 0)
        return audio;
    audio.samples.resize(static_cast<std::size_t>(count));
    if (layout.format == WavFormat::Pcm)
        qFromLittleEndian<qint16>(data.data(), count, audio.samples.data());
    else
        decodeMulaw({reinterpret_cast<const quint8*>(data.data()), static_cast<std::size_t>(count)}, audio.samples);
    return audio;
}

} // namespace

std::vector<qint16> WavAudio::mono() const
{
    if (channels != 2)
        return samples;
    std::vector<qint16> result(samples.size() / 2);
    for (std::size_t i = 0; i < result.size(); ++i)
        result[i] = static_cast<qint16>((samples[2 * i] + samples[2 * i + 1]) / 2);
    return result;
}

Result<WavAudio> parseWav(QByteArrayView file)
{
    if (file.size() > LongestWav)
        return wavError(QStringLiteral("longer than %1 bytes").arg(LongestWav));
    if (file.size() < 12 || !file.startsWith("RIFF") || file.sliced(8, 4) != QByteArrayView("WAVE"))
        return wavError(QStringLiteral("not a RIFF WAVE file"));

    bool haveFormat = false;
    WavLayout layout;
    qsizetype at = 12;
    while (file.size() - at >= 8) {
        const QByteArrayView name = file.sliced(at, 4);
        const quint32 claimed = wav32(file, at + 4);
        at += 8;
        const qsizetype size = std::min<qsizetype>(claimed, file.size() - at);
        if (name == QByteArrayView("fmt ")) {
            const auto format = parseFormat(file.sliced(at, size));
            if (!format)
                return format.error();
            layout = *format;
            haveFormat = true;
        } else if (name == QByteArrayView("data")) {
            if (!haveFormat)
                return wavError(QStringLiteral("the data chunk comes before the fmt chunk"));
            // A length of zero, or more than there is: the writer never came back to fix its header.
            const QByteArrayView rest = file.sliced(at);
            const bool unfinished = claimed == std::numeric_limits<quint32>::max()
                || (claimed == 0 && !rest.startsWith("LIST") && !rest.startsWith("id3 "));
            return decodeData(layout, unfinished ? rest : rest.first(size));
        }
        at += size;
        at += std::min<qsizetype>(claimed & 1, file.size() - at); // chunks are padded to even lengths
    }
    return wavError(haveFormat ? QStringLiteral("no data chunk") : QStringLiteral("no fmt chunk"));
}

Result<WavAudio> readWav(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return Error{Error::Code::Io, QStringLiteral("%1: %2").arg(path, file.errorString()), {}};
    const QByteArray bytes = file.read(LongestWav + 1);
    auto audio = parseWav(bytes);
    if (!audio)
        return Error{audio.error().code, QStringLiteral("%1: %2").arg(path, audio.error().message), {}};
    return audio;
}

WavWriter::WavWriter(const QString& path, int sampleRate, int channels, Encoding encoding)
    : m_file(path)
    , m_sampleRate(sampleRate)
    , m_channels(channels)
    , m_encoding(encoding)
{
}

WavWriter::~WavWriter()
{
    // Nobody is left to hear of a fault; the header of the last second stands.
    static_cast<void>(close().ok());
}

Result<std::unique_ptr<WavWriter>> WavWriter::create(
    const QString& path, int sampleRate, int channels, Encoding encoding)
{
    if (channels != 1 && channels != 2)
        return wavError(QStringLiteral("%1 channels; 1 or 2 can be written").arg(channels));
    if (sampleRate < Resampler::LowestRate || sampleRate > Resampler::HighestRate)
        return wavError(QStringLiteral("%1 samples a second: out of range").arg(sampleRate));
    auto writer = std::unique_ptr<WavWriter>(new WavWriter(path, sampleRate, channels, encoding));
    if (!writer->m_file.open(QIODevice::ReadWrite | QIODevice::Truncate, QFile::ReadOwner | QFile::WriteOwner))
        return writer->ioError(QStringLiteral("cannot be created"));
    if (const auto done = writer->writeHeader(); !done)
        return done.error();
    return writer;
}

Result<void> WavWriter::write(std::span<const qint16> interleaved)
{
    if (m_encoding != Encoding::Pcm)
        return wavError(QStringLiteral("linear samples for a mu-law file"));
    m_buffer.resize(interleaved.size() * 2);
    qToLittleEndian<qint16>(interleaved.data(), static_cast<qsizetype>(interleaved.size()), m_buffer.data());
    return append(reinterpret_cast<const char*>(m_buffer.data()), m_buffer.size());
}

Result<void> WavWriter::writeMulaw(std::span<const quint8> interleaved)
{
    if (m_encoding != Encoding::Mulaw)
        return wavError(QStringLiteral("mu-law for a file of linear samples"));
    return append(reinterpret_cast<const char*>(interleaved.data()), interleaved.size());
}

Result<void> WavWriter::append(const char* data, std::size_t bytes)
{
    if (!m_file.isOpen())
        return Error{Error::Code::Io, m_file.fileName() + QStringLiteral(": is closed"), {}};
    if (bytes % frameBytes() != 0)
        return wavError(
            QStringLiteral("%1 samples are not whole pairs").arg(bytes * quint64(m_channels) / frameBytes()));
    if (bytes == 0)
        return {};
    if (m_dataBytes + bytes > std::numeric_limits<quint32>::max() - quint64(MulawHeaderBytes))
        return Error{Error::Code::LimitExceeded, m_file.fileName() + QStringLiteral(": a WAV ends at 4 GiB"), {}};
    if (m_file.write(data, static_cast<qint64>(bytes)) != qint64(bytes))
        return ioError(QStringLiteral("cannot be written"));
    m_dataBytes += bytes;
    return m_dataBytes - m_knownBytes >= quint64(m_sampleRate) * frameBytes() ? writeHeader() : Result<void>();
}

Result<void> WavWriter::silence(quint64 firstFrame, quint64 frames)
{
    if (!m_file.isOpen())
        return Error{Error::Code::Io, m_file.fileName() + QStringLiteral(": is closed"), {}};
    const quint64 first = std::min(firstFrame, this->frames());
    const quint64 count = std::min(frames, this->frames() - first);
    if (count == 0)
        return {};
    const QByteArray zeros(
        static_cast<qsizetype>(count * frameBytes()), m_encoding == Encoding::Pcm ? '\0' : char(MulawSilence));
    if (!m_file.flush() || !m_file.seek(headerBytes() + static_cast<qint64>(first * frameBytes()))
        || m_file.write(zeros) != zeros.size() || !m_file.flush() || !m_file.seek(m_file.size()))
        return ioError(QStringLiteral("cannot be written"));
    return {};
}

Result<void> WavWriter::close()
{
    if (!m_file.isOpen())
        return {};
    auto done = writeHeader();
    m_file.close();
    if (done && m_file.error() != QFile::NoError)
        return ioError(QStringLiteral("cannot be closed"));
    return done;
}

qint64 WavWriter::headerBytes() const
{
    return m_encoding == Encoding::Pcm ? PcmHeaderBytes : MulawHeaderBytes;
}

Result<void> WavWriter::writeHeader()
{
    const bool pcm = m_encoding == Encoding::Pcm;
    std::array<char, MulawHeaderBytes> header{};
    char* at = header.data();
    const auto text = [&at](const char* four) {
        std::memcpy(at, four, 4);
        at += 4;
    };
    const auto put16 = [&at](int value) {
        qToLittleEndian(static_cast<quint16>(value), at);
        at += 2;
    };
    const auto put32 = [&at](quint64 value) {
        qToLittleEndian(static_cast<quint32>(value), at);
        at += 4;
    };
    text("RIFF");
    put32(m_dataBytes + quint64(headerBytes()) - 8);
    text("WAVE");
    text("fmt ");
    put32(pcm ? 16 : 18);
    put16(static_cast<int>(pcm ? WavFormat::Pcm : WavFormat::Mulaw));
    put16(m_channels);
    put32(quint64(m_sampleRate));
    put32(quint64(m_sampleRate) * frameBytes());
    put16(static_cast<int>(frameBytes()));
    put16(pcm ? 16 : 8);
    if (!pcm) {
        put16(0);
        text("fact");
        put32(4);
        put32(frames());
    }
    text("data");
    put32(m_dataBytes);

    // The samples first: a header never promises what is not on its way to the disk.
    if (!m_file.flush() || !m_file.seek(0) || m_file.write(header.data(), headerBytes()) != headerBytes()
        || !m_file.flush() || !m_file.seek(m_file.size()))
        return ioError(QStringLiteral("cannot be written"));
    m_knownBytes = m_dataBytes;
    return {};
}

Error WavWriter::ioError(const QString& what) const
{
    return {Error::Code::Io, QStringLiteral("%1: %2: %3").arg(m_file.fileName(), what, m_file.errorString()), {}};
}

} // namespace kav::media
