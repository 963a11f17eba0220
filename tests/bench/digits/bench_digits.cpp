// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/decoderpair.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>

#include <chrono>
#include <cstdio>
#include <cstdlib>

// How well spoken numbers and wishes are understood, by speaker and by line:
//   bench_digits [strings-per-row] [digits|general] [speaker...]
// "general" leaves the digits to the model for words.

using namespace kav;
using namespace kav::bench;
using namespace kav::providers;

namespace {

const QString Model = QStringLiteral("/usr/share/pocketsphinx/model/en-us/");
const QString Digits = QStringLiteral("/usr/share/pocketsphinx/test/data/tidigits/");

double fromEnvironment(const char* name, double otherwise)
{
    const QByteArray value = qgetenv(name);
    return value.isEmpty() ? otherwise : value.toDouble();
}

void tune(AcousticModel& model)
{
    model.line.maskDb = fromEnvironment("KAV_MASK", model.line.maskDb);
    model.wordInsertion = fromEnvironment("KAV_WIP", model.wordInsertion);
    model.silenceProbability = fromEnvironment("KAV_SIL", model.silenceProbability);
    model.languageWeight = fromEnvironment("KAV_LW", model.languageWeight);
    model.line.priorFrames = fromEnvironment("KAV_PRIOR", model.line.priorFrames);
}

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    const QStringList arguments = app.arguments().mid(1);
    const int count = arguments.isEmpty() ? 40 : arguments[0].toInt();
    const bool byDigits = arguments.value(1, QStringLiteral("digits")) == u"digits";
    QStringList speakers = arguments.mid(2);
    if (speakers.isEmpty())
        speakers = {QStringLiteral("allison"), QStringLiteral("rms"), QStringLiteral("slt"), QStringLiteral("awb"),
            QStringLiteral("kal")};

    AcousticModel general =
        AcousticModel::general(qEnvironmentVariable("KAV_GENERAL", Model + QStringLiteral("en-us")));
    AcousticModel digits = AcousticModel::digits(Digits + QStringLiteral("hmm"));
    tune(general);
    tune(digits);
    GrammarCompiler compiler(Model + QStringLiteral("cmudict-en-us.dict"),
        byDigits ? Digits + QStringLiteral("lm/tidigits.dic") : QString());
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
    DecoderPair decoder(general, digits);
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
                const auto start = std::chrono::steady_clock::now();
                LineMemory memory(general, digits);
                if (const auto begun = decoder.begin(**grammar, memory); !begun) {
                    std::fprintf(stderr, "%s\n", qPrintable(toString(begun.error())));
                    return 1;
                }
                for (std::size_t at = 0; at < pcm.size(); at += 800)
                    decoder.process(std::span(pcm).subspan(at, std::min<std::size_t>(800, pcm.size() - at)));
                decoder.end();
                took += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
                errors.count(
                    saying.text, decoder.hypothesis().text.replace(QStringLiteral("oh"), QStringLiteral("zero")));
                decoder.abandon();
                const Cepstrum mean = (byDigits ? memory.digitsMean : memory.generalMean).value();
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
