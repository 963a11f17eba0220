// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/narrowbandmodel.h"
#include "engine/providers/pocketsphinx/sphinxdecoder.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>
#include <QDir>

#include <algorithm>
#include <chrono>
#include <cstdio>

// Wishes of a dialog, and speech that is none of them: how many are understood, how many are taken for a wish, and what
// the scores say of it. Prints one line per saying:
//   bench_wishes > scores     kind  half  line  said  understood  words  confidence  frames  whole
// tests/bench/digits/rejection.py chooses thresholds on one half and reports the other.

using namespace kav;
using namespace kav::bench;
using namespace kav::providers;

namespace {

const QString Model = QStringLiteral("/usr/share/pocketsphinx/model/en-us/");
const QString Allison = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/");

struct Case final {
    QString kind, said;
    Samples speech;
};

Samples framed(const Samples& speech)
{
    Samples result(1600);
    result.insert(result.end(), speech.begin(), speech.end());
    result.resize(result.size() + 3200);
    return result;
}

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    const auto model = NarrowbandModel::make(Model + QStringLiteral("en-us"));
    SphinxTuning tuning;
    tuning.allSenones = !qEnvironmentVariableIsSet("KAV_FEW");
    const auto made = SphinxDecoder::create(
        qEnvironmentVariableIsSet("KAV_STOCK") ? Model + QStringLiteral("en-us") : model->directory(), tuning);
    if (!made) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(made.error())));
        return 1;
    }
    GrammarCompiler compiler(Model + QStringLiteral("cmudict-en-us.dict"));
    const QStringList wishes{QStringLiteral("sales"), QStringLiteral("support"), QStringLiteral("operator"),
        QStringLiteral("leave a message"), QStringLiteral("message"), QStringLiteral("repeat"),
        QStringLiteral("goodbye"), QStringLiteral("hello"), QStringLiteral("thank you"), QStringLiteral("yes"),
        QStringLiteral("no"), QStringLiteral("help")};
    RecognitionContext context;
    context.phrases = wishes;
    RecognitionContext digitsContext;
    digitsContext.digits = true;
    const auto grammar = compiler.compile(context);
    const auto digits = compiler.compile(digitsContext);
    if (!grammar || !digits) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(grammar ? digits.error() : grammar.error())));
        return 1;
    }

    QList<Case> cases;
    const QList<QPair<QString, QString>> recorded{{QStringLiteral("hello"), QStringLiteral("hello")},
        {QStringLiteral("vm-message"), QStringLiteral("message")},
        {QStringLiteral("auth-thankyou"), QStringLiteral("thank you")},
        {QStringLiteral("vm-goodbye"), QStringLiteral("goodbye")}};
    for (const auto& [file, text] : recorded)
        cases +=
            {QStringLiteral("allison"), text, framed(resampled(load(Allison + file + QStringLiteral(".wav")), 8000))};
    for (const char* voice : {"rms", "slt", "awb", "kal"}) {
        for (const QString& wish : wishes)
            cases += {QLatin1String(voice), wish, framed(resampled(synthesise(QLatin1String(voice), wish), 8000))};
    }
    // Prompts that say none of it: all that are shorter than four seconds and whose names do not speak of a wish.
    const QStringList files = QDir(Allison).entryList({QStringLiteral("*.wav")}, QDir::Files, QDir::Name);
    for (qsizetype i = 0; i < files.size(); i += 2) {
        const QString& file = files[i];
        const bool wish = std::any_of(wishes.begin(), wishes.end(), [&](const QString& w) {
            return file.contains(QString(w).remove(u' ')) || file.contains(w.section(u' ', -1));
        });
        const bool sound = file.contains(u"beep") || file.contains(u"tone.") || file.contains(u"monkeys.")
            || file.contains(u"msg") || file.contains(u"thank") || file.contains(u"bye") || file.contains(u"oper");
        const Samples speech = resampled(load(Allison + file), 8000);
        if (!wish && !sound && speech.size() < 32000 && speech.size() > 3200)
            cases += {QStringLiteral("foreign"), file, framed(speech)};
    }
    const QList<Line> lines{{QStringLiteral("clean"), Noise::None, 0, 0},
        {QStringLiteral("-15dB"), Noise::None, 0, -15}, {QStringLiteral("white20"), Noise::White, 20, 0},
        {QStringLiteral("pink20"), Noise::Pink, 20, 0}};
    SphinxDecoder& decoder = **made;
    for (const auto& used : {*grammar, *digits}) {
        const bool numbers = used == *digits;
        QList<Case> rows = cases;
        if (numbers) {
            rows.erase(std::remove_if(rows.begin(), rows.end(), [](const Case& c) { return c.kind != u"foreign"; }),
                rows.end());
            for (const char* voice : {"allison", "rms", "slt", "awb", "kal"}) {
                for (const Saying& saying : digitStrings(QLatin1String(voice), 8, 7, 0, 300, 21))
                    rows += {QLatin1String(voice), saying.text, saying.speech};
            }
        }
        if (const auto ready = decoder.use(*used); !ready)
            return 1;
        for (const Line& line : lines) {
            int index = 0;
            for (const Case& c : rows) {
                LineMemory memory;
                const auto pcm = throughLine(c.speech, line, quint32(++index));
                if (const auto begun = decoder.begin(memory); !begun)
                    return 1;
                for (std::size_t at = 0; at < pcm.size(); at += 800)
                    decoder.process(std::span(pcm).subspan(at, std::min<std::size_t>(800, pcm.size() - at)));
                decoder.end();
                const Hypothesis h = decoder.hypothesis();
                std::printf("%s\t%s\t%s\t%s\t%s\t%s\t%.5f\t%.5f\t%d\t%.5f\n", numbers ? "digits" : "wishes",
                    qPrintable(c.kind), index % 2 ? "dev" : "test", qPrintable(line.name), qPrintable(c.said),
                    qPrintable(h.text), h.words, h.confidence(), h.frames, h.whole);
            }
        }
    }
    return 0;
}
