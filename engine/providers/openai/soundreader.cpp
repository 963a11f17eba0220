// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/soundreader.h"

#include "engine/media/resampler.h"

#include <QtEndian>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr qsizetype LongestWavHead = 16 * 1024;
// A writer that streams cannot know its length and claims one that no speech has, or none.
constexpr quint32 UnknownLength = 0x7fffff00;

Error soundError(const QString& what)
{
    return {Error::Code::Unavailable, QStringLiteral("the synthesiser's answer cannot be played: ") + what, {}};
}

quint16 le16(QByteArrayView bytes, qsizetype at)
{
    return qFromLittleEndian<quint16>(bytes.data() + at);
}

quint32 le32(QByteArrayView bytes, qsizetype at)
{
    return qFromLittleEndian<quint32>(bytes.data() + at);
}
} // namespace

SoundReader::SoundReader(const QByteArray& contentType)
    : m_contentType(contentType.toLower())
{
}

Result<void> SoundReader::add(QByteArrayView bytes, std::vector<qint16>& out)
{
    if (m_form == Form::Over)
        return {};
    m_bytes += bytes;
    if (m_form == Form::Unknown && m_bytes.size() >= 4) {
        if (auto read = readForm(); !read)
            return read;
    }
    if (m_form == Form::WavHead) {
        if (auto read = readWavHead(); !read)
            return read;
    }
    if (m_form == Form::Samples)
        readSamples(out);
    return {};
}

Result<void> SoundReader::finish(std::vector<qint16>& out)
{
    if (m_form == Form::Unknown) {
        if (auto read = readForm(); !read)
            return read;
        if (m_form == Form::Samples)
            readSamples(out);
    }
    if (m_form == Form::WavHead)
        return soundError(QStringLiteral("a WAV that ends before its sound begins"));
    return {};
}

Result<void> SoundReader::readForm()
{
    const bool isText = m_contentType.startsWith("text/") || m_contentType.contains("json");
    if (isText)
        return soundError(QStringLiteral("it is %1").arg(QString::fromLatin1(m_contentType.left(60))));
    if (m_bytes.startsWith("RIFF")) {
        m_form = Form::WavHead;
        return {};
    }
    const bool isMp3 = m_contentType.contains("mpeg") || m_contentType.contains("mp3") || m_bytes.startsWith("ID3");
    if (isMp3)
        return soundError(QStringLiteral("it is MP3; the server must offer response_format pcm or wav"));
    for (const char* other : {"OggS", "fLaC", "\x1a\x45\xdf\xa3"}) {
        if (m_bytes.startsWith(other))
            return soundError(QStringLiteral(
                "it is compressed (Ogg, FLAC or WebM); the server must offer response_format pcm or wav"));
    }
    const qsizetype rate = m_contentType.indexOf("rate=");
    if (rate >= 0) {
        QByteArray digits = m_contentType.mid(rate + 5);
        digits.truncate(
            std::find_if(digits.cbegin(), digits.cend(), [](char c) { return c < '0' || c > '9'; }) - digits.cbegin());
        const int told = digits.toInt();
        if (told < media::Resampler::LowestRate || told > media::Resampler::HighestRate)
            return soundError(QStringLiteral("its rate is out of range"));
        m_rate = told;
    }
    m_form = Form::Samples;
    return {};
}

Result<void> SoundReader::readWavHead()
{
    bool haveFormat = false;
    qsizetype at = 12;
    while (m_bytes.size() >= at + 8) {
        const QByteArrayView name = QByteArrayView(m_bytes).sliced(at, 4);
        const quint32 size = le32(m_bytes, at + 4);
        at += 8;
        if (name == QByteArrayView("data")) {
            if (!haveFormat)
                return soundError(QStringLiteral("a WAV whose sound comes before its format"));
            m_left = size == 0 || size >= UnknownLength ? -1 : qint64(size);
            m_bytes.remove(0, at);
            m_form = Form::Samples;
            return {};
        }
        if (qint64(at) + size > LongestWavHead)
            return soundError(QStringLiteral("a WAV whose sound does not begin"));
        if (name == QByteArrayView("fmt ")) {
            if (size < 16)
                return soundError(QStringLiteral("a WAV whose format is cut short"));
            if (m_bytes.size() < at + qsizetype(size))
                return {};
            quint16 tag = le16(m_bytes, at);
            if (tag == 0xfffe && size >= 26)
                tag = le16(m_bytes, at + 24); // an extensible one says later what it is
            m_channels = le16(m_bytes, at + 2);
            const quint32 rate = le32(m_bytes, at + 4);
            if (tag != 1 || le16(m_bytes, at + 14) != 16 || m_channels < 1 || m_channels > 2)
                return soundError(QStringLiteral("a WAV of format %1 with %2 bits and %3 channels; 16-bit PCM, mono or "
                                                 "stereo, is read")
                                      .arg(tag)
                                      .arg(le16(m_bytes, at + 14))
                                      .arg(m_channels));
            if (rate < quint32(media::Resampler::LowestRate) || rate > quint32(media::Resampler::HighestRate))
                return soundError(QStringLiteral("a WAV whose rate is out of range"));
            m_rate = int(rate);
            haveFormat = true;
        }
        at += qsizetype(size) + (size & 1);
    }
    if (m_bytes.size() > LongestWavHead || at > LongestWavHead)
        return soundError(QStringLiteral("a WAV whose sound does not begin"));
    return {};
}

void SoundReader::readSamples(std::vector<qint16>& out)
{
    const qsizetype frame = 2 * m_channels;
    qsizetype usable = m_bytes.size();
    if (m_left >= 0)
        usable = qsizetype(std::min<qint64>(usable, m_left));
    usable -= usable % frame;
    for (qsizetype at = 0; at < usable; at += frame) {
        const auto left = qFromLittleEndian<qint16>(m_bytes.constData() + at);
        if (m_channels == 1) {
            out.push_back(left);
        } else {
            const auto right = qFromLittleEndian<qint16>(m_bytes.constData() + at + 2);
            out.push_back(qint16((left + right) / 2));
        }
    }
    m_bytes.remove(0, usable);
    if (m_left >= 0) {
        m_left -= usable;
        if (m_left < frame) { // what follows is no sound
            m_form = Form::Over;
            m_bytes.clear();
        }
    }
}

} // namespace kav::providers
