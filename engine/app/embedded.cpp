// SPDX-License-Identifier: Apache-2.0
#include "engine/app/embedded.h"

#include "engine/app/rendertext.h"
#include "engine/dialog/receptionist.h"
#include "engine/providers/flite/flitetexttospeech.h"
#include "engine/providers/pocketsphinx/pocketsphinx.h"
#include "shared/core/logging.h"

namespace kav::app {

namespace {
constexpr Milliseconds RenderTime{30'000}; // of one sentence; a voice takes a few hundredths of a second
constexpr qsizetype SilenceOfALetter = 520; // samples: as long as a voice takes for a letter
constexpr quint8 SilentMulaw = 0xff;
} // namespace

Engine::MakersSource embeddedMakers(const std::shared_ptr<QThreadPool>& speechPool, const Clock& clock)
{
    return [speechPool, &clock](const Engine::DialogSource& dialogs) {
        const QString name = QStringLiteral("embedded");
        providers::Makers makers;
        makers.speechToText.push_back({name,
            [speechPool, &clock]() -> Result<std::shared_ptr<providers::SpeechToText>> {
                auto made = providers::PocketsphinxSpeechToText::create({}, *speechPool, clock);
                if (!made)
                    return made.error();
                return std::shared_ptr<providers::SpeechToText>(*made);
            },
            {}});
        makers.languageModel.push_back({name,
            [dialogs]() -> Result<std::shared_ptr<providers::LanguageModel>> {
                const auto book = dialogs();
                if (!book || book->all().empty())
                    return Error{Error::Code::Unavailable, QStringLiteral("there is no usable dialog file"), {}};
                return std::shared_ptr<providers::LanguageModel>(std::make_shared<dialog::Receptionist>(book));
            },
            {}});
        makers.textToSpeech.push_back({name, [speechPool] { return providers::FliteTextToSpeech::create(*speechPool); },
            {}, QStringLiteral("flite cmu_us_rms")});
        return makers;
    };
}

Result<QByteArray> renderNow(QThreadPool& speechPool, const QString& text)
{
    const auto voice = providers::FliteTextToSpeech::create(speechPool);
    if (!voice)
        return voice.error();
    const auto sound = renderText(**voice, text, QStringLiteral("en-US"), RenderTime);
    if (sound || sound.error().code != Error::Code::Invalid)
        return sound;
    qCWarning(lcTts).noquote() << "said in silence, which only a call without a stream understands:"
                               << sound.error().message;
    return QByteArray(text.size() * SilenceOfALetter, char(SilentMulaw));
}

} // namespace kav::app
