// SPDX-License-Identifier: Apache-2.0
// Measures engine/providers/pocketsphinx/narrowbandmap.inc: speech at 16 kHz, and the same speech through a telephone
// and LineFrontEnd, both as the recogniser's cepstra; then least squares of the second on the first. Prints the table.
//   train_narrowband [voice...] > engine/providers/pocketsphinx/narrowbandmap.inc
// Without arguments: flite's four 16 kHz voices reading random words, and the recordings of pocketsphinx-testdata.
// Nothing of the recordings that the benches are tested on (asterisk's) takes part.
#include "engine/providers/pocketsphinx/linefrontend.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>
#include <QFile>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <pocketsphinx.h>
#include <random>
#include <sphinxbase/err.h>
#include <sphinxbase/fe.h>

using namespace kav::bench;
using namespace kav::providers;

namespace {

constexpr int Size = CepstrumSize;
constexpr int Sentences = 60; // of each voice
constexpr int WordsPerSentence = 6;
using Features = std::array<std::array<double, Size>, 3>; // cepstra, first and second differences

std::vector<Cepstrum> cepstraOf(fe_t* frontEnd, const std::vector<qint16>& sound)
{
    std::vector<Cepstrum> result;
    std::array<Cepstrum, 64> block;
    std::array<mfcc_t*, block.size()> rows{};
    for (std::size_t i = 0; i < block.size(); ++i)
        rows[i] = block[i].data();
    fe_start_utt(frontEnd);
    const int16* samples = sound.data();
    std::size_t left = sound.size();
    while (left > 0) {
        int32 frames = int32(block.size());
        fe_process_frames(frontEnd, &samples, &left, rows.data(), &frames, nullptr);
        result.insert(result.end(), block.begin(), block.begin() + frames);
    }
    int32 frames = 0;
    fe_end_utt(frontEnd, block[0].data(), &frames);
    CepstralMean(std::span<const Cepstrum>(result)).subtractFrom(result);
    return result;
}

/// The differences as the model's feature type 1s_c_d_dd takes them.
std::vector<Features> featuresOf(const std::vector<Cepstrum>& cepstra)
{
    std::vector<Features> result(cepstra.size());
    const auto at = [&](std::size_t t, int by, int i) {
        return double(
            cepstra[std::size_t(std::clamp<qint64>(qint64(t) + by, 0, qint64(cepstra.size()) - 1))][std::size_t(i)]);
    };
    for (std::size_t t = 0; t < cepstra.size(); ++t) {
        for (int i = 0; i < Size; ++i) {
            result[t][0][std::size_t(i)] = at(t, 0, i);
            result[t][1][std::size_t(i)] = at(t, 2, i) - at(t, -2, i);
            result[t][2][std::size_t(i)] = at(t, 3, i) - at(t, -1, i) - at(t, 1, i) + at(t, -3, i);
        }
    }
    return result;
}

struct Sums final {
    double n = 0;
    double xx[Size + 1][Size + 1] = {};
    double xy[Size + 1][Size] = {};
    double yy[Size] = {};
};

void add(Sums& sums, const std::array<double, Size>& x, const std::array<double, Size>& y)
{
    std::array<double, Size + 1> one{};
    std::copy(x.begin(), x.end(), one.begin());
    one[Size] = 1;
    ++sums.n;
    for (std::size_t i = 0; i <= Size; ++i) {
        for (std::size_t j = 0; j <= Size; ++j)
            sums.xx[i][j] += one[i] * one[j];
        for (std::size_t j = 0; j < Size; ++j)
            sums.xy[i][j] += one[i] * y[j];
    }
    for (std::size_t j = 0; j < Size; ++j)
        sums.yy[j] += y[j] * y[j];
}

void print(const Sums& sums)
{
    // Gauss-Jordan on the normal equations.
    double m[Size + 1][2 * Size + 1];
    for (int i = 0; i <= Size; ++i) {
        for (int j = 0; j <= Size; ++j)
            m[i][j] = sums.xx[i][j] + (i == j && i < Size ? 1e-3 * sums.n : 0);
        for (int j = 0; j < Size; ++j)
            m[i][Size + 1 + j] = sums.xy[i][j];
    }
    for (int i = 0; i <= Size; ++i) {
        int pivot = i;
        for (int row = i; row <= Size; ++row) {
            if (std::abs(m[row][i]) > std::abs(m[pivot][i]))
                pivot = row;
        }
        std::swap(m[i], m[pivot]);
        for (int row = 0; row <= Size; ++row) {
            if (row == i)
                continue;
            const double factor = m[row][i] / m[i][i];
            for (int j = i; j < 2 * Size + 1; ++j)
                m[row][j] -= factor * m[i][j];
        }
    }
    const auto w = [&](int from, int to) { return m[from][Size + 1 + to] / m[from][from]; };
    std::printf("StreamMap { { {\n");
    for (int to = 0; to < Size; ++to) {
        std::printf("    { ");
        for (int from = 0; from < Size; ++from)
            std::printf("%s%.5ff", from ? ", " : "", w(from, to));
        std::printf(" },\n");
    }
    std::printf("} },\n    { ");
    for (int to = 0; to < Size; ++to)
        std::printf("%s%.5ff", to ? ", " : "", w(Size, to));
    std::printf(" },\n    { ");
    for (int to = 0; to < Size; ++to) {
        double rest = sums.yy[to];
        for (int i = 0; i <= Size; ++i) {
            rest -= 2 * w(i, to) * sums.xy[i][to];
            for (int j = 0; j <= Size; ++j)
                rest += w(i, to) * w(j, to) * sums.xx[i][j];
        }
        std::printf("%s%.5ff", to ? ", " : "", std::max(rest / sums.n, 1e-4));
        std::fprintf(stderr, "%.2f ", 1 - rest / sums.yy[to]);
    }
    std::printf(" } },\n");
    std::fprintf(stderr, "of the variance explained\n");
}

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    QStringList voices = app.arguments().mid(1);
    if (voices.isEmpty())
        voices = {QStringLiteral("rms"), QStringLiteral("slt"), QStringLiteral("awb"), QStringLiteral("kal16"),
            QStringLiteral("recorded")};
    err_set_logfp(nullptr);
    const QString models = QStringLiteral("/usr/share/pocketsphinx/model/en-us/");
    cmd_ln_t* config = cmd_ln_init(
        nullptr, ps_args(), 1, "-hmm", qPrintable(models + QStringLiteral("en-us")), "-remove_silence", "no", nullptr);
    ps_decoder_t* decoder = ps_init(config);
    cmd_ln_free_r(config);

    QFile dictionary(models + QStringLiteral("cmudict-en-us.dict"));
    if (!decoder || !dictionary.open(QIODevice::ReadOnly)) {
        std::fprintf(stderr, "the en-us model is missing; run packaging/install-deps.sh build\n");
        return 2;
    }
    QStringList words;
    while (!dictionary.atEnd()) {
        const QByteArray line = dictionary.readLine();
        const QByteArray word = line.left(line.indexOf(' '));
        if (word.size() > 2 && std::all_of(word.cbegin(), word.cend(), [](char c) { return c >= 'a' && c <= 'z'; }))
            words += QString::fromLatin1(word);
    }

    std::mt19937 random(4711);
    std::array<Sums, 3> sums;
    const auto learn = [&](const Sound& sound) {
        Sound wide{resampled(sound, 16000), 16000};
        // No recording is as silent as a synthesiser.
        for (float& sample : wide.samples)
            sample += float(int(random() % 11) - 5);
        const auto telephone = throughLine(resampled(wide, 8000), Line{}, 1);
        // The front end puts this pause around what it hears.
        Samples pause(2 * LineFrontEnd::PauseSamples);
        for (float& sample : pause)
            sample = float(int(random() % 11) - 5);
        wide.samples.insert(wide.samples.begin(), pause.begin(), pause.end());
        wide.samples.insert(wide.samples.end(), pause.begin(), pause.end());
        std::vector<qint16> heard;
        LineFrontEnd line;
        line.begin();
        line.process(telephone, heard);
        line.finish(heard);
        const auto x =
            featuresOf(cepstraOf(ps_get_fe(decoder), std::vector<qint16>(wide.samples.begin(), wide.samples.end())));
        const auto y = featuresOf(cepstraOf(ps_get_fe(decoder), heard));
        for (std::size_t t = 3; t + 3 < std::min(x.size(), y.size()); ++t) {
            for (std::size_t stream = 0; stream < 3; ++stream)
                add(sums[stream], x[t][stream], y[t][stream]);
        }
    };
    for (const QString& voice : voices) {
        if (voice == u"recorded") {
            const QString data = QStringLiteral("/usr/share/pocketsphinx/test/data/");
            for (const char* name : {"goforward.raw", "numbers.raw", "something.raw"})
                learn(load(data + QLatin1String(name)));
            for (const char* number : {"0870", "0880", "0890", "0920", "0930"})
                learn(load(data
                    + QStringLiteral("librivox/sense_and_sensibility_01_austen_64kb-%1.wav")
                          .arg(QLatin1String(number))));
            continue;
        }
        for (int i = 0; i < Sentences; ++i) {
            QString text;
            for (int j = 0; j < WordsPerSentence; ++j)
                text += words[qsizetype(random() % std::size_t(words.size()))] + u' ';
            learn(synthesise(voice, text));
        }
    }
    std::printf("// Measured by tests/bench/digits/train_narrowband on: %s; %.0f frames, mask %.0f dB.\n",
        qPrintable(voices.join(u' ')), sums[0].n, MaskDb);
    for (const Sums& stream : sums)
        print(stream);
    ps_free(decoder);
    return 0;
}
