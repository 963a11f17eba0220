// SPDX-License-Identifier: Apache-2.0
#include "console/views/wavcheck.h"

#include <QCoreApplication>
#include <QtEndian>

namespace kav::console {
namespace {

constexpr int LowestRate = 1000, HighestRate = 384'000; // of the engine's resampler
constexpr quint16 PcmTag = 1, MulawTag = 7, ExtensibleTag = 0xfffe;

struct WavWords final {
    Q_DECLARE_TR_FUNCTIONS(kav::console::WavCheck)
};

Error wavFault(const QString& sentence)
{
    return {Error::Code::Invalid, sentence, {}};
}

} // namespace

Result<WavFacts> checkWav(const QByteArray& file)
{
    if (file.size() > LargestTestWav)
        return wavFault(
            WavWords::tr("The file is too large: a test call takes at most %1 KB.").arg(LargestTestWav / 1024));
    if (file.size() < 12 || !file.startsWith("RIFF") || file.mid(8, 4) != "WAVE")
        return wavFault(WavWords::tr("This is not a WAV file."));
    const auto word = [&](qsizetype at) { return qFromLittleEndian<quint16>(file.constData() + at); };
    const auto dword = [&](qsizetype at) { return qFromLittleEndian<quint32>(file.constData() + at); };
    WavFacts facts;
    for (qsizetype at = 12; file.size() - at >= 8;) {
        const QByteArray name = file.mid(at, 4);
        const qsizetype claimed = dword(at + 4);
        at += 8;
        const qsizetype size = qMin(claimed, file.size() - at);
        if (name == "fmt ") {
            if (size < 16)
                return wavFault(WavWords::tr("The file's header is cut short."));
            quint16 tag = word(at);
            if (tag == ExtensibleTag && size >= 26)
                tag = word(at + 24);
            const int bits = word(at + 14);
            facts.mulaw = tag == MulawTag;
            facts.channels = word(at + 2);
            facts.sampleRate = static_cast<int>(qMin<quint32>(dword(at + 4), 1'000'000));
            if (!(tag == PcmTag && bits == 16) && !(tag == MulawTag && bits == 8))
                return wavFault(WavWords::tr("The file is neither 16-bit PCM nor mu-law: please convert it."));
            if (facts.channels != 1 && facts.channels != 2)
                return wavFault(WavWords::tr(
                    "The file has %n channel(s): only mono and stereo are read.", nullptr, facts.channels));
            if (facts.sampleRate < LowestRate || facts.sampleRate > HighestRate)
                return wavFault(
                    WavWords::tr("The file has %1 samples a second, which is not usable.").arg(facts.sampleRate));
        } else if (name == "data") {
            if (facts.channels == 0)
                return wavFault(WavWords::tr("The file's header is cut short."));
            const qsizetype frame = facts.channels * (facts.mulaw ? 1 : 2);
            // A writer that died leaves a length of zero or of all bits set: then what there is counts.
            const qsizetype bytes = claimed == 0 ? file.size() - at : size;
            if (bytes < frame)
                return wavFault(WavWords::tr("The file holds no sound."));
            facts.length = std::chrono::milliseconds(bytes / frame * 1000 / facts.sampleRate);
            return facts;
        }
        at += size + (claimed & 1);
    }
    return wavFault(WavWords::tr("The file holds no sound."));
}

} // namespace kav::console
