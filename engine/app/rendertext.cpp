// SPDX-License-Identifier: Apache-2.0
#include "engine/app/rendertext.h"

#include <QEventLoop>
#include <QTimer>

#include <optional>

namespace kav::app {

Result<QByteArray> renderText(
    providers::TextToSpeech& voice, const QString& text, const QString& language, Milliseconds within)
{
    QByteArray mulaw;
    // What stands when the loop ends by itself: the thread is to quit.
    std::optional<Error> failure = Error{Error::Code::Cancelled, QStringLiteral("given up"), {}};
    QEventLoop loop;
    const auto speech = voice.speak({text, language, {}});
    QObject::connect(
        speech.get(), &providers::Speech::audio, &loop, [&mulaw](const QByteArray& piece) { mulaw += piece; });
    QObject::connect(speech.get(), &providers::Speech::finished, &loop, [&] {
        failure.reset();
        loop.quit();
    });
    QObject::connect(speech.get(), &providers::Speech::failed, &loop, [&](const Error& error) {
        failure = error;
        loop.quit();
    });
    QTimer::singleShot(within, &loop, [&] {
        failure = Error{Error::Code::Timeout,
            QStringLiteral("%1 made no sound within %2 s").arg(voice.name()).arg(within.count() / 1000), {}};
        loop.quit();
    });
    loop.exec();
    if (failure)
        return *failure;
    return mulaw;
}

} // namespace kav::app
