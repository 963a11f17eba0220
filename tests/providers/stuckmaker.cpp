// SPDX-License-Identifier: Apache-2.0
// A process whose makers never return and whose main() does: what tst_providerregistry starts, to see it end.
#include "engine/providers/registry.h"

#include <QCoreApplication>
#include <QTimer>

#include <atomic>
#include <cstdio>
#include <thread>

using namespace kav;
using namespace kav::providers;

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    const SystemClock clock;
    std::atomic<int> inside = 0; // touched by the makers only before main() may leave
    const auto hang = [&inside]() -> Error {
        ++inside;
        for (;;)
            std::this_thread::sleep_for(std::chrono::hours(1));
    };
    Makers makers;
    makers.speechToText = {
        {QStringLiteral("stuck"), [hang]() -> Result<std::shared_ptr<SpeechToText>> { return hang(); }, {}}};
    makers.languageModel = {
        {QStringLiteral("stuck"), [hang]() -> Result<std::shared_ptr<LanguageModel>> { return hang(); }, {}}};
    makers.textToSpeech = {
        {QStringLiteral("stuck"), [hang]() -> Result<std::shared_ptr<TextToSpeech>> { return hang(); }, {}}};
    ProviderRegistry registry(makers, {}, clock);
    registry.warmUp();
    QTimer poll;
    QObject::connect(&poll, &QTimer::timeout, &application, [&] {
        if (inside == 3)
            application.quit();
    });
    poll.start(1);
    QCoreApplication::exec();
    std::puts("leaving main with stuck makers");
    return 0;
}
