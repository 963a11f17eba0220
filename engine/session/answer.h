// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/sentencesplitter.h"
#include "engine/media/playout.h"
#include "engine/providers/speech.h"

#include <QObject>
#include <QSet>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace kav::session {

/// One answer on its way from words to sound: cuts the text into sentences, takes each from the line cache or has
/// it synthesised (a sentence ahead of the one that sounds), and hands the audio to playout in order once told to. Or the
/// sound comes with the answer, and the text only says what is spoken: then the sound goes to playout in pieces, and how
/// much of the text was heard is told by its length.
/// Owned by its CallSession, lives on its worker. Emits audioReady once, then progressed; failed at most once.
class Answer final : public QObject {
    Q_OBJECT
public:
    /// The sound of one sentence, where it is there already. An aside is the engine's own line.
    using Rendered = std::function<std::optional<QByteArray>(const QString& sentence, bool aside)>;
    /// Speaks one sentence; null while there is no voice.
    using Voice = std::function<std::unique_ptr<providers::Speech>(const QString& sentence)>;

    /// `queued`: audio that playout holds and has not sent yet.
    Answer(int turn, Rendered rendered, Voice voice, std::function<Milliseconds()> queued);
    ~Answer() override;

    int turn() const { return m_turn; }
    /// Streamed text; empty deltas are fine.
    void addText(const QString& delta);
    /// The words of sound that comes by addAudio(); they are not synthesised.
    void addSpokenText(const QString& delta);
    /// 8 kHz mu-law. What is longer than three minutes is dropped.
    void addAudio(const QByteArray& mulaw);
    /// Sound behind what there is so far, which nobody has to remember as said: tones.
    void addSound(const QByteArray& mulaw);
    /// A line of the engine's own in the middle of the answer. It is spoken like any other, but is no part of text().
    void addAside(const QString& line);
    /// No more text, nor sound.
    void finishText();
    /// No more will come: the speech ends with the audio in hand.
    void giveUp();
    /// Its owner lets go of it, and may be gone before it: it asks for nothing more.
    void retire() { m_failed = true; }
    /// A sentence waits for a synthesiser.
    bool needsVoice() const;
    /// A synthesiser may have become ready since, or enough have been played: called on ticks, cheap when nothing
    /// waits.
    void retry();

    /// Moves all audio in hand to `playout`, and ends the speech there when everything has been moved.
    void pump(media::Playout& playout);

    QString text() const { return m_text; }
    /// The text in whole sentences, while it still comes.
    QString knownText() const { return m_textFinished ? m_text : m_sentencesText; }
    int sentenceCount() const { return m_sentenceCount; } ///< known so far
    /// The part of the text that was heard, cut back to a whole word: what the agent may believe it said.
    QString heardText(const std::vector<media::HeardSentence>& heard) const;
    /// How much of it was heard, tones and asides not counted.
    Milliseconds heardLength(const std::vector<media::HeardSentence>& heard) const;
    /// All text is in, and all of its audio has been handed to playout.
    bool isHandedOver() const { return m_ended; }
    /// Nothing is in hand that playout does not have; more may come.
    bool isDry() const;
    /// Nothing to say: the text ended without a sentence, or none of it can be spoken.
    bool isEmpty() const { return m_textFinished && m_sentences.empty() && m_audioBytes == 0; }
    Milliseconds audioLength() const;

Q_SIGNALS:
    void firstSentence();
    void audioReady();
    void progressed();
    void failed(const kav::Error& error);

private:
    struct Sentence {
        int index = 0;
        QString text;
        QByteArray audio; // received and not yet handed over
        std::unique_ptr<providers::Speech> speech;
        bool requested = false, complete = false, opened = false;
        bool aside = false;
    };
    Sentence& append(const QString& text);
    void addSentences(const QStringList& sentences);
    void knowSentences(const QStringList& sentences);
    void begin();
    void endPiece();
    void finishPart();
    void request();
    void onAudio(int index, const QByteArray& mulaw);
    void onComplete(int index);
    Sentence* find(int index);
    void announce();

    // How many sentences may be in synthesis at once: one sounding, one ready behind it.
    static constexpr int Ahead = 2;
    // Audio made ahead of what is heard: more would be thrown away, and paid for, at an interruption.
    static constexpr Milliseconds Lookahead{10000};
    // Sound that comes with the answer goes to playout in pieces of so much: a mark is sent for each.
    static constexpr Milliseconds Piece{2000};
    static constexpr Milliseconds LongestSpoken{180000};

    const int m_turn;
    const Rendered m_rendered;
    const Voice m_voice;
    const std::function<Milliseconds()> m_queued;
    dialog::SentenceSplitter m_splitter;
    QString m_text;
    QString m_sentencesText;
    std::deque<Sentence> m_sentences; // from the one being handed over on
    int m_nextIndex = 0;
    int m_sentenceCount = 0;
    qsizetype m_audioBytes = 0, m_asideBytes = 0; // the former with the latter
    QSet<int> m_asides; // sentences that are no part of the text
    qsizetype m_pieceBytes = 0; // of the last piece of sound that came with the answer
    bool m_spoken = false, m_pieceOpen = false;
    bool m_begun = false, m_textFinished = false, m_announced = false, m_ended = false, m_failed = false;
};

} // namespace kav::session
