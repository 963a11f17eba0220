// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/narrowbandmodel.h"
#include "engine/providers/pocketsphinx/sphinxdecoder.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>

#include <cstdio>
#include <cstdlib>
#include <ctime>

// How well spoken numbers and wishes are understood, by speaker and by line:
//   bench_digits [strings-per-row] [speaker...]
// KAV_STOCK=1: with the acoustic model as it comes. KAV_WIP, KAV_SIL, KAV_LW: other values of SphinxTuning.

using namespace kav;
using namespace kav::bench;
using namespace kav::providers;

namespace {

const QString Model = QStringLiteral("/usr/share/pocketsphinx/model/en-us/");

double fromEnvironment(const char* name, double otherwise)
{
    const QByteArray value = qgetenv(name);
    return value.isEmpty() ? otherwise : value.toDouble();
}

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    const QStringList arguments = app.arguments().mid(1);
    const int count = arguments.isEmpty() ? 40 : arguments[0].toInt();
    QStringList speakers = arguments.mid(1);
    if (speakers.isEmpty())
        speakers = {QStringLiteral("allison"), QStringLiteral("rms"), QStringLiteral("slt"), QStringLiteral("awb"),
            QStringLiteral("kal")};

    SphinxTuning tuning;
    tuning.wordInsertion = fromEnvironment("KAV_WIP", tuning.wordInsertion);
    tuning.silenceProbability = fromEnvironment("KAV_SIL", tuning.silenceProbability);
    tuning.languageWeight = fromEnvironment("KAV_LW", tuning.languageWeight);
    tuning.gaussians = int(fromEnvironment("KAV_TOPN", tuning.gaussians));
    tuning.skippedFrames = int(fromEnvironment("KAV_DS", tuning.skippedFrames));
    tuning.allSenones = fromEnvironment("KAV_ALL", tuning.allSenones) != 0;
    const auto model = NarrowbandModel::make(Model + QStringLiteral("en-us"));
    if (!model) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(model.error())));
        return 1;
    }
    const auto made = SphinxDecoder::create(
        qEnvironmentVariableIsSet("KAV_STOCK") ? Model + QStringLiteral("en-us") : model->directory(), tuning);
    if (!made) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(made.error())));
        return 1;
    }
    SphinxDecoder& decoder = **made;
    GrammarCompiler compiler(Model + QStringLiteral("cmudict-en-us.dict"));
    RecognitionContext context;
    context.digits = true;
    const auto grammar = compiler.compile(context);
    if (!grammar) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(grammar.error())));
        return 1;
    }
    const QList<Line> lines{{QStringLiteral("clean"), Noise::None, 0, 0},
        {QStringLiteral("clean -15"), Noise::None, 0, -15}, {QStringLiteral("band"), Noise::None, 0, 0, true},
        {QStringLiteral("white 20"), Noise::White, 20, 0}, {QStringLiteral("pink 20"), Noise::Pink, 20, 0},
        {QStringLiteral("white 10"), Noise::White, 10, 0}, {QStringLiteral("pink 10"), Noise::Pink, 10, 0},
        {QStringLiteral("pink 20 -15"), Noise::Pink, 20, -15}};
    if (const auto used = decoder.use(**grammar); !used) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(used.error())));
        return 1;
    }
    for (const QString& speaker : speakers) {
        const QList<Saying> sayings =
            digitStrings(speaker, count, 7, 0, 300, 7) + digitStrings(speaker, count / 4, 7, 500, 500, 8);
        std::printf("%-8s", qPrintable(speaker));
        double audio = 0, took = 0;
        for (const Line& line : lines) {
            Errors errors;
            std::array<double, CepstrumSize> means{};
            quint32 seed = 1;
            for (const Saying& saying : sayings) {
                const auto pcm = throughLine(saying.speech, line, seed++);
                audio += double(pcm.size()) / 8000;
                const std::clock_t start = std::clock();
                LineMemory memory;
                if (const auto begun = decoder.begin(memory); !begun) {
                    std::fprintf(stderr, "%s\n", qPrintable(toString(begun.error())));
                    return 1;
                }
                for (std::size_t at = 0; at < pcm.size(); at += 800)
                    decoder.process(std::span(pcm).subspan(at, std::min<std::size_t>(800, pcm.size() - at)));
                decoder.end();
                took += double(std::clock() - start) / CLOCKS_PER_SEC;
                if (qEnvironmentVariableIsSet("KAV_SHOW"))
                    std::printf("\n  %s\n  %s", qPrintable(saying.text), qPrintable(decoder.hypothesis().text));
                errors.count(
                    saying.text, decoder.hypothesis().text.replace(QStringLiteral("oh"), QStringLiteral("zero")));
                const Cepstrum mean = memory.mean.value();
                for (int i = 0; i < CepstrumSize; ++i)
                    means[i] += mean[i] / sayings.size();
            }
            if (qEnvironmentVariableIsSet("KAV_SHOW_MEANS")) {
                std::printf("\n   mean:");
                for (const double mean : means)
                    std::printf(" %.2f,", mean);
            }
            std::printf(" %s %5.1f (%3.0f)", qPrintable(line.name), errors.wordPercent(), errors.rightPercent());
            std::fflush(stdout);
        }
        std::printf(" RTF %.4f\n", took / audio);
    }
    return 0;
}
