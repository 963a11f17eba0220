// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/pocketsphinx.h"
#include "tests/bench/digits/speechcorpus.h"

#include <QCoreApplication>
#include <QEventLoop>
#include <QFile>
#include <QThreadPool>

#include <algorithm>
#include <chrono>
#include <cstdio>

// What the embedded recogniser costs: memory of a decoder and of an open call, time from the end of the words to the
// result.
//   bench_recogniser [decoders] [calls]

using namespace kav;
using namespace kav::bench;
using namespace kav::providers;

namespace {

double residentMb()
{
    QFile status(QStringLiteral("/proc/self/status"));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    const QByteArray text = status.readAll();
    const qsizetype at = text.indexOf("VmRSS:") + 6;
    return text.mid(at, text.indexOf("kB", at) - at).trimmed().toDouble() / 1024;
}

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    const int decoders = argc > 1 ? std::atoi(argv[1]) : 3;
    const int calls = argc > 2 ? std::atoi(argv[2]) : 400;
    QThreadPool pool;
    pool.setMaxThreadCount(decoders);
    SystemClock clock;
    PocketsphinxSettings settings;
    settings.decoders = decoders;
    const double before = residentMb();
    const auto made = PocketsphinxSpeechToText::create(settings, pool, clock);
    if (!made) {
        std::fprintf(stderr, "%s\n", qPrintable(toString(made.error())));
        return 1;
    }
    std::printf("first decoder: %.1f MB\n", residentMb() - before);
    RecognitionContext wishes;
    wishes.phrases = {QStringLiteral("sales"), QStringLiteral("support"), QStringLiteral("operator"),
        QStringLiteral("leave a message"), QStringLiteral("repeat"), QStringLiteral("goodbye"), QStringLiteral("hello"),
        QStringLiteral("thank you"), QStringLiteral("yes"), QStringLiteral("no"), QStringLiteral("help")};
    RecognitionContext digits;
    digits.digits = true;

    const auto heard = [&](const QList<std::vector<qint16>>& sayings, const RecognitionContext& context, int atOnce,
                           bool live) {
        std::vector<double> delays;
        std::vector<std::unique_ptr<SpeechToTextStream>> streams;
        for (int i = 0; i < atOnce; ++i)
            streams.push_back((*made)->open({}));
        int id = 0;
        for (const auto& saying : sayings) {
            ++id;
            QEventLoop loop;
            int left = atOnce;
            std::chrono::steady_clock::time_point ended;
            QObject context1;
            for (const auto& stream : streams) {
                QObject::connect(stream.get(), &SpeechToTextStream::finished, &context1, [&] {
                    delays.push_back(
                        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - ended).count());
                    if (--left == 0)
                        loop.quit();
                });
                stream->beginUtterance(id, context);
                stream->write(saying);
            }
            if (live)
                pool.waitForDone(); // as if it had been spoken at its own pace
            ended = std::chrono::steady_clock::now();
            for (const auto& stream : streams)
                stream->endUtterance(id);
            loop.exec();
        }
        std::sort(delays.begin(), delays.end());
        return delays;
    };
    QList<std::vector<qint16>> numbers, words;
    for (const Saying& saying : digitStrings(QStringLiteral("rms"), 20, 7, 0, 300, 5))
        numbers += throughLine(saying.speech, Line{}, 1);
    for (const QString& phrase : wishes.phrases)
        words += throughLine(resampled(synthesise(QStringLiteral("rms"), phrase), 8000), Line{}, 1);
    const double inputs = residentMb();
    for (const bool isDigits : {false, true}) {
        const auto& sayings = isDigits ? numbers : words;
        double audio = 0;
        for (const auto& saying : sayings)
            audio += double(saying.size()) / 8000;
        const auto delays = heard(sayings, isDigits ? digits : wishes, 1, true);
        std::printf("%s of %.1f s: result %.0f ms after the end at the median, %.0f at most\n",
            isDigits ? "numbers" : "wishes", audio / double(sayings.size()), delays[delays.size() / 2], delays.back());
    }
    heard(words.mid(0, 2), wishes, 4 * decoders, false);
    heard(numbers.mid(0, 1), digits, 4 * decoders, false);
    std::printf("%d decoders with two grammars: %.1f MB each\n", (*made)->statistics().decoders,
        (residentMb() - inputs + 0.0) / (*made)->statistics().decoders);
    const double idle = residentMb();
    std::vector<std::unique_ptr<SpeechToTextStream>> open;
    for (int i = 0; i < calls; ++i)
        open.push_back((*made)->open({}));
    std::printf("an open call: %.1f KB\n", (residentMb() - idle) * 1024 / calls);
    for (const auto& stream : open) {
        stream->beginUtterance(1, wishes);
        stream->write(words[0]);
        stream->endUtterance(1);
    }
    pool.waitForDone();
    std::printf("a call that has spoken: %.1f KB\n", (residentMb() - idle) * 1024 / calls);
    const PocketsphinxStatistics statistics = (*made)->statistics();
    std::printf("of %lld utterances %lld waited for a decoder, %lld ms at most\n",
        static_cast<long long>(statistics.utterances), static_cast<long long>(statistics.waited),
        static_cast<long long>(statistics.longestWait.count()));
    return 0;
}
