// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>

#include <vector>

namespace kav::providers {

/// Takes the sound of an HTTP answer apart as it arrives, cut anywhere: raw 16-bit little-endian PCM, or WAV, which
/// some servers send whatever they are asked for. Anything else is refused in words. A plain value, one per answer.
class SoundReader final {
public:
    static constexpr int RawRate = 24000; ///< of PCM without a header, where its type does not say otherwise

    explicit SoundReader(const QByteArray& contentType);
    /// Appends mono samples to `out`; they are of rateHz().
    Result<void> add(QByteArrayView bytes, std::vector<qint16>& out);
    /// No more will come: what was too short to be told apart is taken for PCM. Half a sample is dropped.
    Result<void> finish(std::vector<qint16>& out);
    /// Known, and fixed, once there are samples.
    int rateHz() const { return m_rate; }

private:
    enum class Form { Unknown, WavHead, Samples, Over };

    Result<void> readForm();
    Result<void> readWavHead();
    void readSamples(std::vector<qint16>& out);

    const QByteArray m_contentType;
    Form m_form = Form::Unknown;
    QByteArray m_bytes; ///< not yet read: a head at most, then less than a sample of each channel
    int m_rate = RawRate;
    int m_channels = 1;
    qint64 m_left = -1; ///< bytes of a WAV's sound still to come; -1: until the end
};

} // namespace kav::providers
