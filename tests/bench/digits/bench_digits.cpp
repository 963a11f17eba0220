// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/sphinxdecoder.h"
#include "engine/providers/pocketsphinx/telephonefeatures.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>
#include <chrono>
#include <cstdio>

using namespace kav;
using namespace kav::bench;
using namespace kav::providers;

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    const int count = argc > 1 ? atoi(argv[1]) : 40;
    GrammarCompiler compiler(QStringLiteral("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"));
    RecognitionContext context;
    context.digits = true;
    const QList<Line> lines { { QStringLiteral("clean"), Noise::None, 0, 0 }, { QStringLiteral("clean -15"), Noise::None, 0, -15 },
        { QStringLiteral("white 20"), Noise::White, 20, 0 }, { QStringLiteral("pink 20"), Noise::Pink, 20, 0 },
        { QStringLiteral("white 10"), Noise::White, 10, 0 }, { QStringLiteral("pink 10"), Noise::Pink, 10, 0 } };
    auto grammar = compiler.compile(context);
    auto decoder = SphinxDecoder::create(QStringLiteral("/usr/share/pocketsphinx/model/en-us/en-us"));
    (*decoder)->use(**grammar);
    for (const char* speaker : { "allison", "rms", "slt", "awb", "kal" }) {
        const auto sayings = digitStrings(QLatin1String(speaker), count, 7, 0, 300, 7);
        std::printf("%-8s", speaker);
        for (const Line& line : lines) {
            Errors errors;
            quint32 seed = 1;
            const auto start = std::chrono::steady_clock::now();
            double audio = 0;
            for (const Saying& saying : sayings) {
                TelephoneFeatures features;
                std::vector<Cepstrum> frames;
                features.begin();
                const auto pcm = throughLine(saying.speech, line, seed++);
                audio += pcm.size() / 8000.0;
                features.process(pcm, frames);
                features.finish(frames);
                (*decoder)->begin();
                (*decoder)->process(frames);
                (*decoder)->end();
                errors.count(saying.text, (*decoder)->hypothesis().text);
            }
            const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            std::printf(" %s %5.1f (%3.0f)", qPrintable(line.name), errors.wordPercent(), errors.rightPercent());
            if (&line == &lines.last()) std::printf(" RTF %.3f", took / audio);
        }
        std::printf("\n");
    }
}
