// SPDX-License-Identifier: Apache-2.0
#include "engine/media/audio.h"
#include "engine/providers/failover/choice.h"
#include "engine/providers/persona.h"
#include "shared/core/logging.h"

#include <QTextBoundaryFinder>
#include <QTimer>

#include <algorithm>

namespace kav::providers {
namespace {

/// Longer ones are not told as a whole: nobody keeps them.
constexpr qsizetype LongestWhole = 120 * 8000;

/// What is left to say of `text` when so much of it has sounded: from the word on in which the sound ended.
QString restOf(const QString& text, Milliseconds sounded, Milliseconds perCharacter)
{
    const qsizetype characters = sounded / std::max(perCharacter, Milliseconds(1));
    if (characters >= text.size())
        return {};
    QTextBoundaryFinder words(QTextBoundaryFinder::Word, text);
    words.setPosition(characters);
    if (!words.isAtBoundary())
        words.toPreviousBoundary();
    return text.mid(words.position()).trimmed();
}

bool isPronounceable(const QString& text)
{
    return std::any_of(text.begin(), text.end(), [](QChar c) { return c.isLetterOrNumber() || c.isSurrogate(); });
}

class SpeechFailover final : public Speech {
public:
    SpeechFailover(const SpeechRequest& request, const CallInfo& call, Candidates<TextToSpeech> candidates,
        const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter,
        WholeSpeech whole)
        : m_request(request)
        , m_persona(call.persona)
        , m_settings(settings)
        , m_clock(clock)
        , m_choice(Stage::TextToSpeech, std::move(candidates), std::move(health), std::move(reporter))
        , m_whole(std::move(whole))
    {
        connect(&m_timer, &QTimer::timeout, this, &SpeechFailover::checkDeadline);
        m_timer.start(settings.check);
        if (const auto first = m_choice.take(m_tried))
            speakBy(*first);
        else
            failLater(nobodyLeft(Stage::TextToSpeech));
    }
    ~SpeechFailover() override
    {
        if (!m_active)
            return;
        if (m_bytes > 0)
            m_choice.served(m_index);
        else
            m_choice.givenUp(m_index);
    }

private:
    void speakBy(const Chosen<TextToSpeech>& chosen)
    {
        m_active = true;
        m_index = chosen.index;
        m_bytes = 0;
        m_askedAt = m_lastAt = m_clock.now();
        SpeechRequest request = m_request;
        if (m_persona)
            request.voice = m_persona->voices.value(m_choice.nameOf(m_index), request.voice);
        m_provider = chosen.provider;
        m_speech = m_provider->speak(request);
        if (!m_speech) {
            leave({Error::Code::Unavailable, QStringLiteral("the voice made no speech"), {}});
            return;
        }
        // Queued: whatever the provider does inside its signals, we are not on its stack when we drop it.
        const int attempt = ++m_attempt;
        connect(
            m_speech.get(), &Speech::audio, this,
            [this, attempt](const QByteArray& mulaw) {
                if (isCurrent(attempt))
                    onAudio(mulaw);
            },
            Qt::QueuedConnection);
        connect(
            m_speech.get(), &Speech::finished, this,
            [this, attempt] {
                if (isCurrent(attempt))
                    onFinished();
            },
            Qt::QueuedConnection);
        connect(
            m_speech.get(), &Speech::failed, this,
            [this, attempt](const Error& error) {
                if (isCurrent(attempt))
                    leave(error);
            },
            Qt::QueuedConnection);
    }
    bool isCurrent(int attempt) const { return m_active && attempt == m_attempt; }

    void onAudio(const QByteArray& mulaw)
    {
        if (mulaw.isEmpty())
            return;
        m_lastAt = m_clock.now();
        const bool first = m_bytes == 0;
        m_bytes += mulaw.size();
        if (first)
            m_choice.began(m_index, elapsed(m_askedAt, m_lastAt));
        if (m_whole && m_bytes <= LongestWhole)
            m_sound += mulaw;
        else
            m_whole = {};
        Q_EMIT audio(mulaw);
    }

    void onFinished()
    {
        if (m_bytes == 0 && isPronounceable(m_request.text)) {
            leave({Error::Code::Unavailable,
                QStringLiteral("no sound was made of %1 characters").arg(m_request.text.size()), {}});
            return;
        }
        m_choice.served(m_index);
        if (m_whole && m_bytes > 0)
            m_whole(m_choice.nameOf(m_index), m_sound);
        finish();
    }

    void leave(const Error& error)
    {
        m_active = false;
        m_speech.reset();
        m_choice.failed(m_index, error);
        if (m_bytes > 0) {
            m_whole = {}; // what follows is a second voice's, or nothing
            m_request.text = restOf(m_request.text, media::durationOf(size_t(m_bytes)), m_settings.perCharacter);
            if (!isPronounceable(m_request.text)) {
                finish(); // all of it was said
                return;
            }
        }
        const auto next = m_choice.take(m_tried);
        m_choice.left(m_index, error, next, elapsed(m_askedAt, m_clock.now()));
        if (next)
            speakBy(*next);
        else
            failLater(error);
    }

    void checkDeadline()
    {
        if (!m_active)
            return;
        const Milliseconds limit = m_bytes == 0 ? m_settings.firstAudio : m_settings.nextAudio;
        if (elapsed(m_lastAt, m_clock.now()) >= limit) {
            leave({Error::Code::Timeout,
                (m_bytes == 0 ? QStringLiteral("no sound within %1 ms") : QStringLiteral("no more sound for %1 ms"))
                    .arg(limit.count()),
                {}});
        }
    }

    void finish()
    {
        m_active = false;
        m_timer.stop();
        Q_EMIT finished();
    }
    /// Never from inside the call that made us.
    void failLater(const Error& error)
    {
        m_active = false;
        m_timer.stop();
        QMetaObject::invokeMethod(
            this, [this, error] { Q_EMIT failed(error); }, Qt::QueuedConnection);
    }

    SpeechRequest m_request; // its text: what is left to say
    const std::shared_ptr<const Persona> m_persona;
    const FailoverSettings m_settings;
    const Clock& m_clock;
    const Choice<TextToSpeech> m_choice;
    WholeSpeech m_whole; // null when nobody asks, or it cannot be whole any more
    QByteArray m_sound; // for m_whole
    Tried m_tried;
    QTimer m_timer;
    bool m_active = false; // one of the list is at work
    int m_attempt = 0;
    size_t m_index = 0;
    qsizetype m_bytes = 0; // of sound, from the one at work
    Instant m_askedAt, m_lastAt;
    std::shared_ptr<TextToSpeech> m_provider; // outlives its speech
    std::unique_ptr<Speech> m_speech;
};

} // namespace

std::unique_ptr<Speech> speakWithFailover(const SpeechRequest& request, const CallInfo& call,
    Candidates<TextToSpeech> candidates, const FailoverSettings& settings, std::shared_ptr<Health> health,
    const Clock& clock, FailoverReporter reporter, WholeSpeech whole)
{
    return std::make_unique<SpeechFailover>(request, call, std::move(candidates), settings, std::move(health), clock,
        std::move(reporter), std::move(whole));
}

} // namespace kav::providers
