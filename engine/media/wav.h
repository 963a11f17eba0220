// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArrayView>
#include <QFile>
#include <QString>

#include <memory>
#include <span>
#include <vector>

// WAV files: what the loopback caller says, what recordings are kept in.
namespace kav::media {

/// A clip in memory, 16-bit linear.
struct WavAudio final {
    int sampleRate = 0;
    int channels = 0; ///< 1 or 2
    std::vector<qint16> samples; ///< interleaved

    /// Samples of one channel.
    std::size_t frames() const { return channels ? samples.size() / static_cast<std::size_t>(channels) : 0; }
    /// Both channels averaged.
    std::vector<qint16> mono() const;
};

inline constexpr qint64 LongestWav = 64 * 1024 * 1024; ///< bytes that a reader accepts

/// PCM of 16 bits or mu-law, mono or stereo, any usable rate, WAVE_FORMAT_EXTENSIBLE included. A data chunk that claims
/// more than there is (a writer that died) yields what there is. Errors are Invalid and say what the file holds.
Result<WavAudio> parseWav(QByteArrayView file);
/// Reads a file of at most LongestWav bytes. Adds the path to the error.
Result<WavAudio> readWav(const QString& path);

/// Writes a WAV to disk as its samples come. Owned by one recorder, on its thread (not the audio path: it writes to
/// disk). The header is brought up to date about once a second of audio and at close(), so that the file of a program
/// that died can be played up to there. Readable by its owner only: it holds a person's voice.
class WavWriter final {
public:
    enum class Encoding { Pcm, Mulaw }; ///< 16-bit linear; 8-bit mu-law, half the size and all that a telephone has

    /// Creates or replaces the file.
    static Result<std::unique_ptr<WavWriter>> create(
        const QString& path, int sampleRate, int channels, Encoding encoding = Encoding::Pcm);
    ~WavWriter(); ///< closes
    Q_DISABLE_COPY_MOVE(WavWriter)

    /// Interleaved samples; whole sample pairs for two channels. LimitExceeded when the file would pass 4 GiB.
    Result<void> write(std::span<const qint16> interleaved);
    /// The same of a mu-law file.
    Result<void> writeMulaw(std::span<const quint8> interleaved);
    /// Overwrites what was written with silence, in every channel; what lies past the end does not count.
    Result<void> silence(quint64 firstFrame, quint64 frames);
    /// Writes the final header. Later writes fail.
    Result<void> close();

    QString path() const { return m_file.fileName(); }
    /// Samples of one channel written so far.
    quint64 frames() const { return m_dataBytes / frameBytes(); }

private:
    WavWriter(const QString& path, int sampleRate, int channels, Encoding encoding);
    Result<void> append(const char* data, std::size_t bytes);
    Result<void> writeHeader();
    quint64 frameBytes() const { return quint64(m_channels) * (m_encoding == Encoding::Pcm ? 2 : 1); }
    qint64 headerBytes() const;
    Error ioError(const QString& what) const;

    QFile m_file;
    int m_sampleRate;
    int m_channels;
    Encoding m_encoding;
    quint64 m_dataBytes = 0;
    quint64 m_knownBytes = 0; // data bytes that the header on disk knows of
    std::vector<quint8> m_buffer; // reused for the byte order
};

} // namespace kav::media
