// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QHash>
#include <QList>
#include <QString>

#include <memory>
#include <mutex>

namespace kav::providers {

struct Pronunciation final {
    QByteArray word; ///< as the dictionary writes it: "hello", "hello(2)"
    QByteArray phones; ///< "HH AH L OW"
};

/// A grammar made ready for a decoder: the text it will be given and every word it can say. Immutable, shared.
struct CompiledGrammar final {
    QByteArray name; ///< unique among all grammars of the process: the name of the decoder's search
    QByteArray jsgf;
    QList<Pronunciation> pronunciations;
};

/// Compiles grammars against a pronouncing dictionary of which only the words in use are kept in memory. Shared by the
/// streams of one recogniser; any thread. Reads a file: never on a thread that must not block.
class GrammarCompiler final {
public:
    explicit GrammarCompiler(const QString& dictionaryPath);

    /// The grammar of `context`: its JSGF; else its phrases as alternatives; else, where digits are expected, any
    /// digits. Fails with the line of the parser for bad JSGF, and with the words that the dictionary does not hold.
    Result<std::shared_ptr<const CompiledGrammar>> compile(const RecognitionContext& context);

private:
    Result<void> look(const QList<QByteArray>& words, QList<Pronunciation>& found);

    const QString m_dictionaryPath;
    std::mutex m_mutex;
    QHash<QByteArray, std::shared_ptr<const CompiledGrammar>> m_grammars; // by text
    QHash<QByteArray, QList<Pronunciation>> m_words; // looked up so far
    int m_made = 0;
};

/// Silences the recogniser's printing, for good, and keeps what it reports as errors for the thread it happens on.
void captureSphinxErrors();
/// What was reported on this thread since the last call.
QString takeSphinxErrors();

} // namespace kav::providers
