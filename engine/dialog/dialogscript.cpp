// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogscript.h"

#include "engine/dialog/dialogdata.h"
#include "engine/dialog/sentencesplitter.h"

#include <QCryptographicHash>
#include <QFile>
#include <QRegularExpression>
#include <QSet>

#include <algorithm>

namespace kav::dialog {
namespace {

/// Checks the states' graph and fills in what is worked out from a state; the first error stops everything.
class Completer final {
public:
    explicit Completer(DialogScript::Private& data)
        : m_data(data)
    {
    }

    Result<void> run()
    {
        for (State& state : m_data.states) {
            if (!check(state))
                return *m_error;
        }
        if (!m_data.states.contains(m_data.start))
            return wrong(
                1, QStringLiteral("start"), QLatin1String("there is no state \"") + m_data.start + QLatin1Char('"'));
        if (!checkPlaceholders() || !checkPaths())
            return *m_error;
        for (State& state : m_data.states)
            complete(state);
        return {};
    }

private:
    Error wrong(qint64 line, const QString& key, const QString& what)
    {
        if (!m_error)
            m_error = Error{Error::Code::Invalid,
                m_data.fileName + QLatin1Char(':') + QString::number(line) + QLatin1String(": ") + key
                    + QLatin1String(": ") + what,
                {}};
        return *m_error;
    }
    bool fail(const State& state, const char* key, const QString& what, qint64 line = 0)
    {
        wrong(line > 0 ? line : state.line,
            QLatin1String("states.") + state.name + QLatin1Char('.') + QLatin1String(key), what);
        return false;
    }
    bool knows(const State& state, const char* key, const Transition& transition)
    {
        if (transition.kind != Transition::Kind::Go || m_data.states.contains(transition.target))
            return true;
        return fail(
            state, key, QLatin1String("there is no state \"") + transition.target + QLatin1Char('"'), transition.line);
    }

    bool check(const State& state)
    {
        const QString listens = QStringLiteral("a state that listens");
        if (state.opening().isEmpty())
            return fail(state, "say", QStringLiteral("a state says or asks something"));
        if (state.end) {
            if (state.listen != Listen::Nothing || state.next)
                return fail(state, "end", QStringLiteral("a state that ends the call neither listens nor goes on"));
            return true;
        }
        if (state.listen == Listen::Nothing) {
            if (!state.next || state.next->kind != Transition::Kind::Go)
                return fail(
                    state, "goto", QStringLiteral("a state that does not listen ends the call or goes to another"));
            return knows(state, "goto", *state.next);
        }
        return checkListening(state);
    }

    bool checkListening(const State& state)
    {
        if (state.misunderstood.isEmpty())
            return fail(
                state, "misunderstood", QStringLiteral("is missing: say what the caller hears when not understood"));
        if (state.afterMisunderstandings.isEmpty())
            return fail(state, "after_misunderstandings", QStringLiteral("is missing: no state may ask for ever"));
        if (!m_data.states.contains(state.afterMisunderstandings))
            return fail(state, "after_misunderstandings",
                QLatin1String("there is no state \"") + state.afterMisunderstandings + QLatin1Char('"'));
        if (state.afterMisunderstandings == state.name)
            return fail(state, "after_misunderstandings", QStringLiteral("goes to the state itself"));
        const bool stores = state.takesNumber() || state.listen == Listen::Message;
        if (stores && (state.store.isEmpty() || !state.next || state.next->kind != Transition::Kind::Go))
            return fail(state, "store", QStringLiteral("a number or a message needs store and goto"));
        if (!stores && (!state.store.isEmpty() || state.next))
            return fail(state, state.next ? "goto" : "store", QStringLiteral("is for numbers and messages"));
        if (state.takesNumber() && state.wrongLength.isEmpty())
            return fail(state, "wrong_length", QStringLiteral("is missing: say how many digits are expected"));
        if (state.next && !knows(state, "goto", *state.next))
            return false;
        if (!stores && state.understands.isEmpty())
            return fail(
                state, "understands", QStringLiteral("is missing: nothing the caller says would be understood"));
        if (state.listen == Listen::Keypad && state.keys.isEmpty())
            return fail(state, "keys", QStringLiteral("is missing"));
        if (state.takesNumber() && !state.keys.isEmpty())
            return fail(state, "keys", QStringLiteral("every key is a digit of the number here"));
        if (!checkIntents(state))
            return false;
        for (const QString& intent : state.keys) {
            if (!state.understands.contains(intent))
                return fail(
                    state, "keys", QLatin1Char('"') + intent + QLatin1String("\" is not understood in this state"));
        }
        return true;
    }

    bool checkIntents(const State& state)
    {
        QMap<QString, QString> meaning;
        for (auto it = state.understands.constBegin(); it != state.understands.constEnd(); ++it) {
            const auto intent = m_data.intents.constFind(it.key());
            if (intent == m_data.intents.constEnd())
                return fail(state, "understands", QLatin1String("there is no intent \"") + it.key() + QLatin1Char('"'),
                    it.value().line);
            if (!knows(state, "understands", it.value()))
                return false;
            for (const QString& phrase : intent->phrases) {
                if (const QString other = meaning.value(phrase); !other.isEmpty() && other != it.key())
                    return fail(state, "understands",
                        QLatin1Char('"') + phrase + QLatin1String("\" means both ") + other + QLatin1String(" and ")
                            + it.key());
                meaning.insert(phrase, it.key());
            }
        }
        return true;
    }

    bool checkPlaceholders()
    {
        QSet<QString> facts;
        for (const State& state : std::as_const(m_data.states)) {
            facts.insert(state.store);
            for (const Transition& transition : state.understands) {
                for (auto it = transition.set.constBegin(); it != transition.set.constEnd(); ++it)
                    facts.insert(it.key());
            }
        }
        static const QRegularExpression braces(QStringLiteral("\\{([^}]*)\\}?"));
        for (const State& state : std::as_const(m_data.states)) {
            QStringList texts{state.say, state.ask, state.misunderstood, state.wrongLength};
            for (const Transition& transition : state.understands)
                texts += transition.say;
            for (const QString& text : std::as_const(texts)) {
                for (auto it = braces.globalMatch(text); it.hasNext();) {
                    const QString fact = it.next().captured(1);
                    if (!facts.contains(fact))
                        return fail(state, "say", QLatin1Char('{') + fact + QLatin1String("} is stored nowhere"));
                }
            }
        }
        return true;
    }

    static QStringList targets(const State& state)
    {
        QStringList names;
        if (state.next)
            names += state.next->target;
        if (!state.afterMisunderstandings.isEmpty())
            names += state.afterMisunderstandings;
        for (const Transition& transition : state.understands) {
            if (transition.kind == Transition::Kind::Go)
                names += transition.target;
        }
        return names;
    }

    bool checkPaths()
    {
        QSet<QString> reached{m_data.start};
        QStringList open{m_data.start};
        while (!open.isEmpty()) {
            for (const QString& name : targets(m_data.state(open.takeLast()))) {
                if (!reached.contains(name)) {
                    reached.insert(name);
                    open += name;
                }
            }
        }
        for (const State& state : std::as_const(m_data.states)) {
            if (!reached.contains(state.name))
                return fail(state, "say", QStringLiteral("the state cannot be reached from the start"));
        }
        QSet<QString> ending;
        for (bool grown = true; grown;) {
            grown = false;
            for (const State& state : std::as_const(m_data.states)) {
                const QStringList names = targets(state);
                const bool ends = state.end || std::any_of(names.begin(), names.end(), [&](const QString& name) {
                    return ending.contains(name);
                });
                if (ends && !ending.contains(state.name)) {
                    ending.insert(state.name);
                    grown = true;
                }
            }
        }
        for (const State& state : std::as_const(m_data.states)) {
            if (!ending.contains(state.name))
                return fail(state, "say", QStringLiteral("from here no path leads to the end of the call"));
            QSet<QString> silent;
            for (const State* at = &state; at->listen == Listen::Nothing && !at->end;
                 at = &m_data.state(at->next->target)) {
                if (silent.contains(at->name))
                    return fail(state, "goto", QStringLiteral("goes round in a circle without listening"));
                silent.insert(at->name);
            }
        }
        return true;
    }

    void complete(State& state)
    {
        providers::Expectation& expected = state.expectation;
        expected.interruptible = state.interruptible;
        switch (state.listen) {
        case Listen::Nothing:
        case Listen::Speech:
            expected.kind = providers::Expectation::Kind::Speech;
            break;
        case Listen::Number:
            expected.kind = providers::Expectation::Kind::Digits;
            break;
        case Listen::Message:
            expected.kind = providers::Expectation::Kind::Message;
            break;
        case Listen::Keypad:
        case Listen::KeypadNumber:
            expected.kind = providers::Expectation::Kind::KeypadOnly;
            break;
        }
        if (state.takesNumber()) {
            expected.keypadMin = state.digitsMin;
            expected.keypadMax = state.digitsMax;
            expected.sensitive = state.sensitive;
        }
        for (auto it = state.understands.constBegin(); it != state.understands.constEnd(); ++it)
            state.intents.push_back(&*m_data.intents.constFind(it.key()));
        providers::RecognitionContext& context = expected.recognition;
        context.language = m_data.language;
        context.digits = state.listen == Listen::Number;
        const bool words = state.listen == Listen::Speech || state.listen == Listen::Number;
        if (!words)
            return;
        if (m_data.hasGrammars()) {
            context.grammar = jsgf(state.name, state.intents, m_data.politeness, context.digits, state.leadIns);
            const QByteArray hash =
                QCryptographicHash::hash(context.grammar.toUtf8(), QCryptographicHash::Sha256).toHex().left(12);
            context.grammarName =
                m_data.name + QLatin1Char('.') + state.name + QLatin1Char('.') + QString::fromLatin1(hash);
        }
        for (const Intent* intent : state.intents)
            context.phrases += intent->phrases;
    }

    DialogScript::Private& m_data;
    std::optional<Error> m_error;
};

} // namespace

QString spoken(const QString& first, const QString& then)
{
    return first.isEmpty() || then.isEmpty() ? QString(first + then) : QString(first + QLatin1Char(' ') + then);
}

QString State::opening() const
{
    return spoken(say, ask);
}

const State& DialogScript::Private::state(const QString& stateName) const
{
    const auto it = states.constFind(stateName);
    Q_ASSERT(it != states.constEnd());
    return *it;
}

Result<void> completeDialog(DialogScript::Private& data)
{
    return Completer(data).run();
}

DialogScript::DialogScript()
    : d(std::make_unique<Private>())
{
}

DialogScript::~DialogScript() = default;

Result<std::shared_ptr<const DialogScript>> DialogScript::load(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return Error{file.exists() ? Error::Code::Io : Error::Code::NotFound,
            path + QLatin1String(": cannot be read: ") + file.errorString(), {}};
    // A byte more than a dialog may have is enough to refuse it.
    return parse(file.read((1 << 20) + 1), path);
}

Result<std::shared_ptr<const DialogScript>> DialogScript::parse(const QByteArray& toml, const QString& fileName)
{
    const std::shared_ptr<DialogScript> script(new DialogScript);
    script->d->fileName = fileName;
    if (auto read = readDialog(toml, *script->d); !read)
        return read.error();
    if (auto complete = completeDialog(*script->d); !complete)
        return complete.error();
    return std::shared_ptr<const DialogScript>(script);
}

const ServiceLines& DialogScript::lines() const
{
    return d->lines;
}

QString DialogScript::language() const
{
    return d->language;
}

QStringList DialogScript::fixedSentences() const
{
    QStringList sentences;
    const auto add = [&sentences](const QString& text) {
        const QStringList cut = sentencesOf(text);
        for (const QString& sentence : cut) {
            if (!sentence.contains(QLatin1Char('{')) && !sentences.contains(sentence))
                sentences += sentence;
        }
    };
    add(d->state(d->start).opening());
    const QStringList own = d->lines.all();
    for (const QString& line : own)
        add(line);
    for (const State& state : std::as_const(d->states)) {
        add(state.opening());
        add(state.misunderstood);
        add(state.wrongLength);
        for (const Transition& transition : state.understands)
            add(transition.say);
        if (state.next)
            add(state.next->say);
    }
    return sentences;
}

ServiceLines ServiceLines::english()
{
    return {QStringLiteral("One moment, please."),
        QStringLiteral("I'm sorry, I can't answer you right now. Please leave a message, and we will call you back."),
        QStringLiteral("Are you still there?"), QStringLiteral("I'm still here. Please go ahead, or press a key."),
        QStringLiteral("I can't hear you, so I will hang up now. Please call again. Goodbye."),
        QStringLiteral("I'm sorry, I have to end this call now. Thank you for calling. Goodbye.")};
}

ServiceLines ServiceLines::hebrew()
{
    return {QStringLiteral("רק רגע, בבקשה."),
        QStringLiteral("סליחה, אין לי אפשרות לענות כרגע. אפשר להשאיר הודעה, ונחזור אליך."),
        QStringLiteral("האם יש מישהו על הקו?"), QStringLiteral("אני על הקו. אפשר לדבר, או להקיש על מקש."),
        QStringLiteral("לא שומעים אותך, ולכן השיחה תסתיים עכשיו. אפשר להתקשר שוב. להתראות."),
        QStringLiteral("סליחה, עלי לסיים את השיחה. תודה שהתקשרת. להתראות.")};
}

QStringList ServiceLines::all() const
{
    return {filler, fallback, noInputFirst, noInputSecond, noInputGoodbye, endGoodbye};
}

bool isSameLanguage(const QString& one, const QString& other)
{
    const auto primary = [](const QString& tag) {
        const QString first = tag.section(QLatin1Char('-'), 0, 0).toLower();
        return first == QLatin1String("iw") ? QStringLiteral("he") : first; // Hebrew's earlier code is still in use
    };
    return primary(one) == primary(other);
}

ServiceLines serviceLinesFor(const QString& language, const DialogScript* script)
{
    if (script && isSameLanguage(language, script->language()))
        return script->lines();
    if (isSameLanguage(language, QStringLiteral("he")))
        return ServiceLines::hebrew();
    if (isSameLanguage(language, QStringLiteral("en")) || !script)
        return ServiceLines::english();
    return script->lines();
}

QString recordingNotice(const providers::Persona& persona, const QString& language)
{
    if (!persona.recordingNotice.isEmpty())
        return persona.recordingNotice;
    return isSameLanguage(language, QStringLiteral("he")) ? QStringLiteral("השיחה מוקלטת.")
                                                          : QStringLiteral("This call is recorded.");
}

QStringList sentencesOf(const QString& text)
{
    SentenceSplitter splitter;
    QStringList sentences = splitter.add(text);
    sentences += splitter.finish();
    return sentences;
}

} // namespace kav::dialog
