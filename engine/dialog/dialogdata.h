// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/dialogscript.h"
#include "engine/dialog/phrases.h"
#include "engine/providers/speech.h"

#include <QMap>

#include <optional>
#include <vector>

namespace kav::dialog {

/// How a state takes the caller's turn.
enum class Listen {
    Nothing, ///< it goes on to another state at once, or ends the call
    Speech, ///< words, and keys that stand for them
    Number, ///< a telephone number, spoken or keyed
    Message, ///< a recording
    Keypad, ///< one key
    KeypadNumber, ///< a telephone number, keyed
};

/// What happens on an understood wish.
struct Transition final {
    enum class Kind { Go, Stay, Repeat };
    Kind kind = Kind::Stay;
    QString target; ///< of Go
    QString say; ///< before the target's words; of Stay: before the question
    QMap<QString, QString> set; ///< facts
    qint64 line = 0;
};

/// One state of the dialog, ready to be followed.
struct State final {
    QString name;
    qint64 line = 0;
    QString say; ///< on entering
    QString ask; ///< the question: after `say`, and again after a misunderstanding
    Listen listen = Listen::Nothing;
    bool interruptible = true;
    bool end = false; ///< hang up once `say` is heard
    QMap<QString, Transition> understands; ///< by intent
    QMap<QChar, QString> keys; ///< key -> intent
    QString store; ///< Number, KeypadNumber, Message: the fact
    std::optional<Transition> next; ///< where a stored value, or Nothing, goes
    int digitsMin = 0, digitsMax = 0;
    bool sensitive = false; ///< a number that is to be kept nowhere
    QStringList leadIns;
    QString misunderstood;
    QString wrongLength;
    int misunderstandings = 0; ///< this many in a row, and `afterMisunderstandings` is gone to
    QString afterMisunderstandings;

    std::vector<const Intent*> intents; ///< of `understands`; into Private::intents
    providers::Expectation expectation;

    bool takesNumber() const { return listen == Listen::Number || listen == Listen::KeypadNumber; }
    /// What entering it says.
    QString opening() const;
};

struct DialogScript::Private final {
    QString fileName;
    QString name;
    QString language = QStringLiteral("en-US");
    QString start;
    ServiceLines lines;
    Politeness politeness;
    QMap<QString, Intent> intents;
    QMap<QString, State> states;

    /// The embedded recogniser knows English only, and it alone is told what to expect by a grammar.
    bool hasGrammars() const { return language.startsWith(QLatin1String("en"), Qt::CaseInsensitive); }
    const State& state(const QString& stateName) const;
};

/// Two texts spoken one after the other.
QString spoken(const QString& first, const QString& then);

/// Reads the file's text into `data`; errors name file, line and key. The graph is not looked at.
Result<void> readDialog(const QByteArray& toml, DialogScript::Private& data);
/// Adds what is worked out (grammars, expectations) and checks the states' graph.
Result<void> completeDialog(DialogScript::Private& data);

} // namespace kav::dialog
