// SPDX-License-Identifier: Apache-2.0
#include "engine/session/answer.h"

#include "shared/core/logging.h"

#include <algorithm>

namespace kav::session {

namespace {
// The beginning of `text`, as much as `heard` is of `length`, cut back to a whole word.
QString portion(const QString& text, Milliseconds heard, Milliseconds length)
{
    if (heard <= Milliseconds(0) || length <= Milliseconds(0))
        return {};
    const qsizetype chars = text.size() * qMin(heard, length).count() / length.count();
    const qsizetype space = text.lastIndexOf(QLatin1Char(' '), chars);
    return space > 0 ? text.left(space) : QString();
}
} // namespace

Answer::Answer(int turn, Rendered rendered, Voice voice, std::function<Milliseconds()> queued)
    : m_turn(turn)
    , m_rendered(std::move(rendered))
    , m_voice(std::move(voice))
    , m_queued(std::move(queued))
{
}

Answer::~Answer() = default;

void Answer::addText(const QString& delta)
{
    KAV_ASSERT_THREAD(this);
    endPiece();
    m_text += delta;
    addSentences(m_splitter.add(delta));
}

void Answer::addSpokenText(const QString& delta)
{
    KAV_ASSERT_THREAD(this);
    m_spoken = true;
    m_text += delta;
    knowSentences(m_splitter.add(delta));
}

void Answer::addAudio(const QByteArray& mulaw)
{
    KAV_ASSERT_THREAD(this);
    m_spoken = true;
    if (mulaw.isEmpty() || m_failed || m_textFinished || media::durationOf(size_t(m_audioBytes)) >= LongestSpoken)
        return;
    if (!std::exchange(m_pieceOpen, true)) {
        append({}).requested = true;
        m_pieceBytes = 0;
    }
    m_pieceBytes += mulaw.size();
    const int index = m_sentences.back().index;
    if (media::durationOf(size_t(m_pieceBytes)) >= Piece) {
        m_sentences.back().complete = true; // with this sound
        m_pieceOpen = false;
    }
    begin(); // its words may come behind it
    onAudio(index, mulaw);
}

void Answer::endPiece()
{
    if (std::exchange(m_pieceOpen, false))
        m_sentences.back().complete = true;
}

Answer::Sentence& Answer::append(const QString& text)
{
    Sentence sentence;
    sentence.index = m_nextIndex++;
    sentence.text = text;
    m_sentences.push_back(std::move(sentence));
    return m_sentences.back();
}

void Answer::finishPart()
{
    endPiece();
    if (m_spoken)
        knowSentences(m_splitter.finish());
    else
        addSentences(m_splitter.finish());
}

void Answer::addSound(const QByteArray& mulaw)
{
    KAV_ASSERT_THREAD(this);
    if (m_textFinished || mulaw.isEmpty())
        return;
    finishPart(); // what was said before it is heard before it
    Sentence& sound = append({});
    sound.requested = sound.aside = true;
    const int index = sound.index;
    m_asides.insert(index);
    onAudio(index, mulaw);
    onComplete(index);
}

void Answer::addAside(const QString& line)
{
    KAV_ASSERT_THREAD(this);
    if (m_textFinished)
        return;
    finishPart();
    dialog::SentenceSplitter splitter;
    QStringList sentences = splitter.add(line);
    sentences += splitter.finish();
    for (const QString& text : std::as_const(sentences)) {
        append(text).aside = true;
        m_asides.insert(m_sentences.back().index);
    }
    request();
}

void Answer::finishText()
{
    KAV_ASSERT_THREAD(this);
    if (std::exchange(m_textFinished, true))
        return;
    finishPart();
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

bool Answer::isDry() const
{
    return m_sentences.empty() || (m_pieceOpen && m_sentences.size() == 1 && m_sentences.front().audio.isEmpty());
}

bool Answer::needsVoice() const
{
    return !m_failed
        && std::any_of(m_sentences.begin(), m_sentences.end(), [](const Sentence& s) { return !s.requested; });
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
    for (const QString& text : sentences)
        append(text);
    knowSentences(sentences);
    request();
}

void Answer::knowSentences(const QStringList& sentences)
{
    if (sentences.isEmpty())
        return;
    for (const QString& text : sentences) {
        ++m_sentenceCount;
        if (!m_sentencesText.isEmpty())
            m_sentencesText += QLatin1Char(' ');
        m_sentencesText += text;
    }
    begin();
}

void Answer::begin()
{
    if (!std::exchange(m_begun, true)) Q_EMIT
        firstSentence();
}

Milliseconds Answer::heardLength(const std::vector<media::HeardSentence>& heard) const
{
    Milliseconds length{0};
    for (const auto& piece : heard) {
        if (!m_asides.contains(piece.index))
            length += piece.heard;
    }
    return length;
}

QString Answer::heardText(const std::vector<media::HeardSentence>& heard) const
{
    if (m_spoken) {
        const Milliseconds length = heardLength(heard), whole = media::durationOf(size_t(m_audioBytes - m_asideBytes));
        const bool all = m_textFinished && length >= whole;
        return all ? m_text.trimmed() : portion(m_text, length, whole);
    }
    QStringList parts;
    for (const auto& sentence : heard) {
        const QString part =
            sentence.complete ? sentence.text : portion(sentence.text, sentence.heard, sentence.length);
        if (!part.isEmpty())
            parts += part;
    }
    return parts.join(QLatin1Char(' '));
}

void Answer::request()
{
    if (m_failed)
        return;
    int underWay = 0;
    Milliseconds ahead = m_queued();
    for (Sentence& sentence : m_sentences) {
        ahead += media::durationOf(size_t(sentence.audio.size()));
        if (sentence.complete)
            continue;
        if (!sentence.requested && ahead >= Lookahead)
            return;
        if (underWay == Ahead)
            return;
        ++underWay;
        if (sentence.requested)
            continue;
        const int index = sentence.index;
        if (const auto audio = m_rendered(sentence.text, sentence.aside)) {
            sentence.requested = true;
            onAudio(index, *audio);
            onComplete(index);
            return; // onComplete() has asked for the next
        }
        auto speech = m_voice(sentence.text);
        if (!speech)
            return; // retry() asks again; the turn machine's deadline stands meanwhile
        sentence.requested = true;
        sentence.speech = std::move(speech);
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
    if (sentence->aside)
        m_asideBytes += mulaw.size();
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
            playout.appendSentence(sentence.index, sentence.aside ? QString() : sentence.text);
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
