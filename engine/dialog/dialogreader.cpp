// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogdata.h"
#include "engine/dialog/phrases.h"

#include "shared/core/safetoml.h"
#include "shared/core/tomlguard.h"

#include <QRegularExpression>
#include <QSet>

#include <string_view>

namespace kav::dialog {
namespace {

constexpr qsizetype LargestFile = 1 << 20;

QString fromView(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

/// One table of the file and the names of its keys; the first error stops everything. Every value that is read is
/// ticked off, so that what remains are unknown keys.
class Reader final {
public:
    Reader(const QString& file, std::optional<Error>& error)
        : m_file(file)
        , m_error(error)
    {
    }

    bool failed() const { return m_error.has_value(); }
    /// Phrases may have any letters: no grammar is made of them.
    void takeAnyLetters() { m_anyLetters = true; }

    void fail(qint64 line, const QString& key, const QString& what)
    {
        if (m_error)
            return;
        m_error = Error{Error::Code::Invalid,
            m_file + QLatin1Char(':') + QString::number(line) + QLatin1String(": ") + key + QLatin1String(": ") + what,
            {}};
    }

    void onlyKeys(const toml::table& table, const QString& path, const QStringList& known)
    {
        for (const auto& [key, value] : table) {
            const QString name = fromView(key.str());
            if (!known.contains(name))
                fail(lineOf(value, table), joined(path, name),
                    QLatin1String("unknown key (known here: ") + known.join(QStringLiteral(", ")) + QLatin1Char(')'));
        }
    }

    QString text(const toml::table& table, const QString& path, const char* key, bool required = false)
    {
        const toml::node* node = table.get(key);
        const QString name = joined(path, QString::fromLatin1(key));
        if (!node) {
            if (required)
                fail(lineOf(table), name, QStringLiteral("is missing"));
            return {};
        }
        if (const auto value = node->value_exact<std::string_view>()) {
            const QString result = fromView(*value).simplified();
            if (result.isEmpty())
                fail(lineOf(*node), name, QStringLiteral("is empty"));
            return result;
        }
        // Several sentences may stand in a list.
        if (node->is_array())
            return texts(table, path, key).join(QLatin1Char(' '));
        fail(lineOf(*node), name, QStringLiteral("must be a text"));
        return {};
    }

    QStringList texts(const toml::table& table, const QString& path, const char* key)
    {
        const toml::node* node = table.get(key);
        if (!node)
            return {};
        return texts(*node, joined(path, QString::fromLatin1(key)));
    }

    QStringList texts(const toml::node& node, const QString& name)
    {
        QStringList result;
        const toml::array* array = node.as_array();
        if (!array || array->empty()) {
            fail(lineOf(node), name, QStringLiteral("must be a list of texts, and not empty"));
            return result;
        }
        for (const toml::node& element : *array) {
            const auto value = element.value_exact<std::string_view>();
            const QString plain = value ? fromView(*value).simplified() : QString();
            if (plain.isEmpty())
                fail(lineOf(element), name, QStringLiteral("every element must be a text, and not empty"));
            result += plain;
        }
        return result;
    }

    /// Texts that are listened for; in English they become part of a grammar.
    QStringList phrases(const toml::node& node, const QString& name)
    {
        static const QRegularExpression grammar(QStringLiteral("^[a-z]+('[a-z]+)*( [a-z]+('[a-z]+)*)*$"));
        const QStringList result = texts(node, name);
        for (const QString& phrase : result) {
            if (failed())
                break;
            if (!m_anyLetters && !grammar.match(phrase).hasMatch())
                fail(lineOf(node), name,
                    QLatin1Char('"') + phrase
                        + QLatin1String(
                            "\": a phrase is made of small letters a to z, apostrophes inside words and single "
                            "spaces; write numbers as words"));
            else if (m_anyLetters && plainWords(phrase).isEmpty())
                fail(lineOf(node), name, QLatin1Char('"') + phrase + QLatin1String("\": there is no word in it"));
        }
        return result;
    }

    QStringList phrases(const toml::table& table, const QString& path, const char* key)
    {
        const toml::node* node = table.get(key);
        return node ? phrases(*node, joined(path, QString::fromLatin1(key))) : QStringList();
    }

    std::optional<qint64> number(
        const toml::table& table, const QString& path, const char* key, qint64 least, qint64 most)
    {
        const toml::node* node = table.get(key);
        const QString name = joined(path, QString::fromLatin1(key));
        if (!node) {
            fail(lineOf(table), name, QStringLiteral("is missing"));
            return {};
        }
        const auto value = node->value_exact<int64_t>();
        if (!value || *value < least || *value > most) {
            fail(lineOf(*node), name, QStringLiteral("must be a whole number from %1 to %2").arg(least).arg(most));
            return {};
        }
        return *value;
    }

    bool flag(const toml::table& table, const QString& path, const char* key, bool otherwise)
    {
        const toml::node* node = table.get(key);
        if (!node)
            return otherwise;
        const auto value = node->value_exact<bool>();
        if (!value)
            fail(lineOf(*node), joined(path, QString::fromLatin1(key)), QStringLiteral("must be true or false"));
        return value.value_or(otherwise);
    }

    const toml::table* table(const toml::table& parent, const QString& path, const char* key, bool required = false)
    {
        const toml::node* node = parent.get(key);
        const QString name = joined(path, QString::fromLatin1(key));
        if (!node && required)
            fail(lineOf(parent), name, QStringLiteral("is missing"));
        else if (node && !node->is_table())
            fail(lineOf(*node), name, QStringLiteral("must be a table"));
        return node ? node->as_table() : nullptr;
    }

    QString identifier(const QString& name, qint64 line, const QString& path)
    {
        static const QRegularExpression allowed(QStringLiteral("^[a-z][a-z0-9_]{0,63}$"));
        if (!allowed.match(name).hasMatch())
            fail(line, path, QStringLiteral("a name is made of small letters, digits and _, and begins with a letter"));
        return name;
    }

    static qint64 lineOf(const toml::node& node) { return static_cast<qint64>(node.source().begin.line); }
    /// Of a value, or of the table it is in where the parser gives it no place.
    static qint64 lineOf(const toml::node& node, const toml::table& parent)
    {
        return lineOf(node) > 0 ? lineOf(node) : lineOf(parent);
    }
    static QString joined(const QString& path, const QString& key)
    {
        return path.isEmpty() ? key : QString(path + QLatin1Char('.') + key);
    }

private:
    const QString& m_file;
    std::optional<Error>& m_error;
    bool m_anyLetters = false;
};

Transition readTransition(Reader& reader, const toml::node& node, const QString& path)
{
    Transition transition;
    transition.line = Reader::lineOf(node);
    const auto goTo = [&](const QString& target) {
        transition.kind = target == QLatin1String("@repeat") ? Transition::Kind::Repeat : Transition::Kind::Go;
        if (transition.kind == Transition::Kind::Go)
            transition.target = target;
    };
    if (const auto target = node.value_exact<std::string_view>()) {
        goTo(fromView(*target));
        return transition;
    }
    const toml::table* table = node.as_table();
    if (!table) {
        reader.fail(transition.line, path, QStringLiteral("must be a state's name or a table with say, goto, set"));
        return transition;
    }
    reader.onlyKeys(*table, path, {QStringLiteral("say"), QStringLiteral("goto"), QStringLiteral("set")});
    transition.say = reader.text(*table, path, "say");
    if (table->contains("goto"))
        goTo(reader.text(*table, path, "goto"));
    else if (transition.say.isEmpty())
        reader.fail(transition.line, path, QStringLiteral("needs say, goto, or both"));
    if (const toml::table* set = reader.table(*table, path, "set")) {
        for (const auto& [key, value] : *set) {
            const QString name = reader.identifier(fromView(key.str()), Reader::lineOf(value, *set), path);
            transition.set.insert(
                name, reader.text(*set, path + QLatin1String(".set"), std::string(key.str()).c_str()));
        }
    }
    return transition;
}

std::optional<Listen> listenOf(const QString& name)
{
    static const QMap<QString, Listen> kinds{{QString(), Listen::Nothing}, {QStringLiteral("speech"), Listen::Speech},
        {QStringLiteral("number"), Listen::Number}, {QStringLiteral("message"), Listen::Message},
        {QStringLiteral("keypad"), Listen::Keypad}, {QStringLiteral("keypad_number"), Listen::KeypadNumber}};
    const auto it = kinds.constFind(name);
    return it == kinds.constEnd() ? std::nullopt : std::optional(*it);
}

void readKeys(Reader& reader, const toml::table& table, State& state, const QString& path)
{
    const toml::table* keys = reader.table(table, path, "keys");
    if (!keys)
        return;
    for (const auto& [key, value] : *keys) {
        const QString name = fromView(key.str());
        const QString keyPath = path + QLatin1String(".keys.") + name;
        if (name.size() != 1 || !QStringLiteral("0123456789*#").contains(name)) {
            reader.fail(
                Reader::lineOf(value, *keys), keyPath, QStringLiteral("a key is one of 0 to 9, \"*\" and \"#\""));
            return;
        }
        const auto intent = value.value_exact<std::string_view>();
        if (!intent) {
            reader.fail(Reader::lineOf(value, *keys), keyPath, QStringLiteral("must be the name of an intent"));
            return;
        }
        state.keys.insert(name.front(), fromView(*intent));
    }
}

State readState(Reader& reader, const toml::table& table, const QString& name)
{
    static const QStringList known{QStringLiteral("say"), QStringLiteral("ask"), QStringLiteral("listen"),
        QStringLiteral("interruptible"), QStringLiteral("end"), QStringLiteral("understands"), QStringLiteral("keys"),
        QStringLiteral("store"), QStringLiteral("goto"), QStringLiteral("digits"), QStringLiteral("lead_ins"),
        QStringLiteral("misunderstood"), QStringLiteral("wrong_length"), QStringLiteral("after_misunderstandings")};
    const QString path = QLatin1String("states.") + name;
    State state;
    state.name = name;
    state.line = Reader::lineOf(table);
    reader.onlyKeys(table, path, known);
    state.say = reader.text(table, path, "say");
    state.ask = reader.text(table, path, "ask");
    const QString listen = table.contains("listen") ? reader.text(table, path, "listen", true) : QString();
    if (const auto kind = listenOf(listen))
        state.listen = *kind;
    else
        reader.fail(Reader::lineOf(*table.get("listen")), path + QLatin1String(".listen"),
            QLatin1Char('"') + listen
                + QLatin1String(
                    "\" is none of speech, number, message, keypad, keypad_number (leave it out to go on at once)"));
    state.interruptible = reader.flag(table, path, "interruptible", true);
    state.end = reader.flag(table, path, "end", false);
    state.store = reader.text(table, path, "store");
    if (!state.store.isEmpty())
        reader.identifier(state.store, state.line, path + QLatin1String(".store"));
    if (const toml::node* node = table.get("goto"))
        state.next = readTransition(reader, *node, path + QLatin1String(".goto"));
    if (const toml::table* understands = reader.table(table, path, "understands")) {
        for (const auto& [key, value] : *understands) {
            const QString intent = fromView(key.str());
            Transition transition = readTransition(reader, value, path + QLatin1String(".understands.") + intent);
            if (transition.line <= 0)
                transition.line = Reader::lineOf(*understands);
            state.understands.insert(intent, transition);
        }
    }
    readKeys(reader, table, state, path);
    if (const toml::table* digits = reader.table(table, path, "digits", state.takesNumber())) {
        const QString digitsPath = path + QLatin1String(".digits");
        reader.onlyKeys(*digits, digitsPath, {QStringLiteral("min"), QStringLiteral("max"), QStringLiteral("sensitive")});
        state.digitsMin = static_cast<int>(reader.number(*digits, digitsPath, "min", 1, 20).value_or(1));
        state.digitsMax = static_cast<int>(reader.number(*digits, digitsPath, "max", 1, 20).value_or(1));
        state.sensitive = reader.flag(*digits, digitsPath, "sensitive", false);
        if (state.digitsMax < state.digitsMin)
            reader.fail(Reader::lineOf(*digits), digitsPath, QStringLiteral("max is less than min"));
    }
    state.leadIns = reader.phrases(table, path, "lead_ins");
    state.misunderstood = reader.text(table, path, "misunderstood");
    state.wrongLength = reader.text(table, path, "wrong_length");
    if (const toml::table* after = reader.table(table, path, "after_misunderstandings")) {
        const QString afterPath = path + QLatin1String(".after_misunderstandings");
        reader.onlyKeys(*after, afterPath, {QStringLiteral("count"), QStringLiteral("goto")});
        state.misunderstandings = static_cast<int>(reader.number(*after, afterPath, "count", 1, 10).value_or(1));
        state.afterMisunderstandings = reader.text(*after, afterPath, "goto", true);
    }
    return state;
}

void readIntents(Reader& reader, const toml::table& table, QMap<QString, Intent>& intents)
{
    for (const auto& [key, value] : table) {
        Intent intent;
        const QString path = QLatin1String("intents.") + fromView(key.str());
        intent.name = reader.identifier(fromView(key.str()), Reader::lineOf(value, table), path);
        if (intent.name == QLatin1String("digit") || intent.name == QLatin1String("digits")
            || intent.name == QLatin1String("turn"))
            reader.fail(Reader::lineOf(value, table), path, QStringLiteral("is a name the grammars use themselves"));
        intent.phrases = reader.phrases(value, path);
        intents.insert(intent.name, intent);
    }
}

void readLines(Reader& reader, const toml::table& table, ServiceLines& lines)
{
    const QString path = QStringLiteral("lines");
    reader.onlyKeys(table, path,
        {QStringLiteral("filler"), QStringLiteral("fallback"), QStringLiteral("no_input_first"),
            QStringLiteral("no_input_second"), QStringLiteral("no_input_goodbye"), QStringLiteral("end_goodbye")});
    lines.filler = reader.text(table, path, "filler", true);
    lines.fallback = reader.text(table, path, "fallback", true);
    lines.noInputFirst = reader.text(table, path, "no_input_first", true);
    lines.noInputSecond = reader.text(table, path, "no_input_second", true);
    lines.noInputGoodbye = reader.text(table, path, "no_input_goodbye", true);
    lines.endGoodbye = reader.text(table, path, "end_goodbye", true);
}

void readRoot(Reader& reader, const toml::table& root, DialogScript::Private& data)
{
    reader.onlyKeys(root, {},
        {QStringLiteral("format"), QStringLiteral("name"), QStringLiteral("language"), QStringLiteral("start"),
            QStringLiteral("lines"), QStringLiteral("politeness"), QStringLiteral("intents"),
            QStringLiteral("everywhere"), QStringLiteral("states")});
    reader.number(root, {}, "format", 1, 1);
    data.name = reader.text(root, {}, "name", true);
    if (!reader.failed())
        reader.identifier(data.name, Reader::lineOf(*root.get("name")), QStringLiteral("name"));
    if (root.contains("language"))
        data.language = reader.text(root, {}, "language");
    if (!data.hasGrammars())
        reader.takeAnyLetters();
    data.start = reader.text(root, {}, "start", true);
    if (const toml::table* lines = reader.table(root, {}, "lines", true))
        readLines(reader, *lines, data.lines);
    if (const toml::table* politeness = reader.table(root, {}, "politeness")) {
        reader.onlyKeys(*politeness, QStringLiteral("politeness"),
            {QStringLiteral("before"), QStringLiteral("after"), QStringLiteral("grammar")});
        data.politeness.before = reader.phrases(*politeness, QStringLiteral("politeness"), "before");
        data.politeness.after = reader.phrases(*politeness, QStringLiteral("politeness"), "after");
        data.politeness.grammar = reader.phrases(*politeness, QStringLiteral("politeness"), "grammar");
    }
    if (const toml::table* intents = reader.table(root, {}, "intents", true))
        readIntents(reader, *intents, data.intents);
    QMap<QString, Transition> everywhere;
    if (const toml::table* table = reader.table(root, {}, "everywhere")) {
        for (const auto& [key, value] : *table) {
            const QString intent = fromView(key.str());
            everywhere.insert(intent, readTransition(reader, value, QLatin1String("everywhere.") + intent));
        }
    }
    const toml::table* states = reader.table(root, {}, "states", true);
    if (!states)
        return;
    for (const auto& [key, value] : *states) {
        const QString name = fromView(key.str());
        const QString path = QLatin1String("states.") + name;
        reader.identifier(name, Reader::lineOf(value, *states), path);
        const toml::table* table = value.as_table();
        if (!table) {
            reader.fail(Reader::lineOf(value), path, QStringLiteral("must be a table"));
            return;
        }
        State state = readState(reader, *table, name);
        if (state.listen == Listen::Speech || state.listen == Listen::Number || state.listen == Listen::Keypad) {
            for (auto it = everywhere.constBegin(); it != everywhere.constEnd(); ++it) {
                if (!state.understands.contains(it.key()))
                    state.understands.insert(it.key(), it.value());
            }
        }
        data.states.insert(name, state);
    }
}

} // namespace

Result<void> readDialog(const QByteArray& toml, DialogScript::Private& data)
{
    if (toml.size() > LargestFile)
        return Error{Error::Code::LimitExceeded,
            data.fileName + QStringLiteral(": a dialog file has at most %1 bytes").arg(LargestFile), {}};
    if (const QString trouble = tomlTrouble(toml); !trouble.isEmpty())
        return Error { Error::Code::Invalid, data.fileName + trouble, {} };
    std::optional<Error> error;
    try {
        const toml::table root = toml::parse(std::string_view(toml.constData(), static_cast<std::size_t>(toml.size())));
        Reader reader(data.fileName, error);
        readRoot(reader, root, data);
    } catch (const toml::parse_error& fault) {
        return Error { Error::Code::Invalid,
            data.fileName + QLatin1Char(':') + QString::number(fault.source().begin.line) + QLatin1String(": ")
                + fromView(fault.description()),
            {} };
    } catch (const TomlAssertion&) {
        return Error { Error::Code::Invalid,
            data.fileName + QStringLiteral(": not TOML, in a way that the parser cannot place"), {} };
    }
    if (error)
        return *error;
    return {};
}

} // namespace kav::dialog
