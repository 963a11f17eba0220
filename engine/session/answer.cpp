// SPDX-License-Identifier: Apache-2.0
#include "engine/session/answer.h"

#include "shared/core/logging.h"

#include <algorithm>

namespace kav::session {

Answer::Answer(int turn, const QString& language, const providers::RenderedLines& rendered, TtsSource tts,
    std::function<Milliseconds()> queued)
    : m_turn(turn)
    , m_language(language)
    , m_rendered(rendered)
    , m_tts(std::move(tts))
    , m_queued(std::move(queued))
{
}

Answer::~Answer() = default;

void Answer::addText(const QString& delta)
{
    KAV_ASSERT_THREAD(this);
    m_text += delta;
    addSentences(m_splitter.add(delta));
}

void Answer::finishText()
{
    KAV_ASSERT_THREAD(this);
    if (std::exchange(m_textFinished, true))
        return;
    addSentences(m_splitter.finish());
    Q_EMIT progressed();
}

void Answer::giveUp()
{
    m_failed = m_textFinished = true;
    while (!m_sentences.empty() && m_sentences.back().audio.isEmpty() && !m_sentences.back().opened)
        m_sentences.pop_back();
    for (Sentence& sentence : m_sentences) {
        sentence.complete = true;
        if (sentence.speech)
            sentence.speech.release()->deleteLater(); // we may be inside its signal
    }
}

bool Answer::needsVoice() const
{
    // They are asked for in order, so the last tells of all.
    return !m_failed && !m_sentences.empty() && !m_sentences.back().requested;
}

void Answer::retry()
{
    if (needsVoice())
        request();
}

void Answer::addSentences(const QStringList& sentences)
{
    if (sentences.isEmpty())
        return;
    const bool first = m_nextIndex == 0;
    for (const QString& text : sentences) {
        Sentence sentence;
        sentence.index = m_nextIndex++;
        sentence.text = text;
        if (!m_sentencesText.isEmpty())
            m_sentencesText += QLatin1Char(' ');
        m_sentencesText += text;
        m_sentences.push_back(std::move(sentence));
    }
    if (first) Q_EMIT
        firstSentence();
    request();
}

void Answer::request()
{
    int underWay = 0;
    Milliseconds ahead = m_queued();
    for (Sentence& sentence : m_sentences) {
        ahead += media::durationOf(size_t(sentence.audio.size()));
        if (sentence.complete)
            continue;
        if (!sentence.requested && ahead >= Lookahead)
            return;
        if (underWay == Ahead || m_failed)
            return;
        ++underWay;
        if (sentence.requested)
            continue;
        const int index = sentence.index;
        if (const auto audio = m_rendered.find(sentence.text)) {
            sentence.requested = true;
            onAudio(index, *audio);
            onComplete(index);
            return; // onComplete() has asked for the next
        }
        const auto tts = m_tts();
        if (!tts)
            return; // retry() asks again; the turn machine's deadline stands meanwhile
        sentence.requested = true;
        sentence.speech = tts->speak({sentence.text, m_language, {}});
        connect(sentence.speech.get(), &providers::Speech::audio, this,
            [this, index](const QByteArray& mulaw) { onAudio(index, mulaw); });
        connect(sentence.speech.get(), &providers::Speech::finished, this, [this, index] { onComplete(index); });
        connect(sentence.speech.get(), &providers::Speech::failed, this, [this](const Error& error) {
            if (!std::exchange(m_failed, true)) Q_EMIT
                failed(error);
        });
    }
}

Answer::Sentence* Answer::find(int index)
{
    for (Sentence& sentence : m_sentences)
        if (sentence.index == index)
            return &sentence;
    return nullptr;
}

void Answer::onAudio(int index, const QByteArray& mulaw)
{
    Sentence* sentence = find(index);
    if (!sentence || mulaw.isEmpty())
        return;
    sentence->audio += mulaw;
    m_audioBytes += mulaw.size();
    announce();
    Q_EMIT progressed();
}

void Answer::onComplete(int index)
{
    Sentence* sentence = find(index);
    if (!sentence || sentence->complete)
        return;
    sentence->complete = true;
    if (sentence->speech)
        sentence->speech.release()->deleteLater(); // we are inside its signal
    request();
    Q_EMIT progressed();
}

void Answer::announce()
{
    // Only audio of the sentence that comes first can be played now.
    if (!m_announced && !m_sentences.empty() && !m_sentences.front().audio.isEmpty()) {
        m_announced = true;
        Q_EMIT audioReady();
    }
}

void Answer::pump(media::Playout& playout)
{
    KAV_ASSERT_THREAD(this);
    while (!m_sentences.empty()) {
        Sentence& sentence = m_sentences.front();
        if (!sentence.requested)
            break;
        if (!sentence.opened) {
            if (sentence.audio.isEmpty() && !sentence.complete)
                break;
            playout.appendSentence(sentence.index, sentence.text);
            sentence.opened = true;
        }
        if (!sentence.audio.isEmpty()) {
            playout.appendAudio(
                {reinterpret_cast<const quint8*>(sentence.audio.constData()), size_t(sentence.audio.size())});
            sentence.audio.clear();
        }
        if (!sentence.complete)
            break;
        playout.endSentence();
        m_sentences.pop_front();
    }
    if (m_textFinished && m_sentences.empty() && !m_ended) {
        m_ended = true;
        playout.endSpeech();
    }
}

Milliseconds Answer::audioLength() const
{
    return media::durationOf(size_t(m_audioBytes));
}

} // namespace kav::session
