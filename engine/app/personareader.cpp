// SPDX-License-Identifier: Apache-2.0
#include "engine/app/personareader.h"

#include "engine/app/config.h"
#include "engine/app/nearest.h"
#include "engine/net/publicaddress.h"
#include "shared/core/masking.h"

#include <QDir>
#include <QHash>
#include <QHostAddress>
#include <QJsonArray>
#include <QJsonDocument>
#include <QMap>
#include <QRegularExpression>
#include <QSet>
#include <QUrl>

#include <functional>
#include <utility>

namespace kav::app {
namespace {

constexpr qsizetype LongestPrompt = 64 * 1024; // bytes
constexpr qsizetype LongestSchema = 16 * 1024;
constexpr qsizetype LongestPhrase = 100, MostPhrases = 500; // the least that recognisers take
constexpr qsizetype MostPersonas = 1000, MostTools = 64;

const QStringList BuiltInTools{QStringLiteral("end_call"), QStringLiteral("transfer"), QStringLiteral("take_message"),
    QStringLiteral("send_dtmf"), QStringLiteral("ask_keys")};

QString asNamed(const QString& text)
{
    return QLatin1Char('\'') + logSafe(text, 60) + QLatin1Char('\'');
}

bool isE164(const QString& number)
{
    static const QRegularExpression shape(QStringLiteral("^\\+[1-9][0-9]{6,14}$"));
    return shape.match(number).hasMatch();
}

/// Why it is none; it may stand in a log.
QString notE164(const QString& number)
{
    return asNamed(maskNumber(number)) + QStringLiteral(" is not a number in E.164 form, like +972501234567");
}

bool isName(const QString& text)
{
    static const QRegularExpression shape(QStringLiteral("^[A-Za-z0-9_-]{1,64}$"));
    return shape.match(text).hasMatch();
}

class PersonaReader final {
public:
    explicit PersonaReader(const PersonaRules& rules)
        : m_rules(rules)
    {
    }

    ReadPersonas read(const QList<TomlEntry>& entries)
    {
        for (const TomlEntry& entry : entries) {
            const QStringList parts = entry.key.split(QLatin1Char('.'));
            if (parts.first() != QLatin1String("persona"))
                continue;
            if (parts.size() == 1) {
                if (entry.value.foreignType != QLatin1String("a table"))
                    error(entry, QStringLiteral("a table for each persona is wanted: [persona.NAME]"));
                continue;
            }
            Draft* draft = draftOf(parts[1], entry);
            if (!draft)
                continue;
            if (parts.size() == 2) {
                if (entry.value.foreignType != QLatin1String("a table")) {
                    error(entry, QStringLiteral("a table is wanted: [persona.NAME]"));
                    draft->wrong += QStringLiteral("numbers");
                }
                continue;
            }
            take(*draft, parts.mid(2), entry);
        }
        for (Draft& draft : m_drafts)
            finish(draft);
        return std::move(m_read);
    }

private:
    struct Draft {
        providers::Persona persona;
        QString where; // of its first key
        QMap<QString, QString> places; // key below the persona -> place of its value
        QSet<QString> wrong; // keys whose error has been told
    };

    void errorAt(const QString& where, const QString& key, const QString& problem)
    {
        m_read.errors += where + QLatin1String(": ") + key + QLatin1String(": ") + problem;
    }
    void error(const TomlEntry& entry, const QString& problem)
    {
        errorAt(entry.where, logSafe(entry.key, 120), problem);
    }

    Draft* draftOf(const QString& name, const TomlEntry& entry)
    {
        for (Draft& draft : m_drafts) {
            if (draft.persona.name == name)
                return &draft;
        }
        if (m_refused.contains(name))
            return nullptr;
        if (!isName(name) || m_drafts.size() >= MostPersonas) {
            m_refused += name;
            errorAt(entry.keyWhere, QStringLiteral("persona.") + logSafe(name, 60),
                isName(name) ? QStringLiteral("more than %1 personas").arg(MostPersonas)
                             : QStringLiteral("a persona's name is 1 to 64 of A-Z, a-z, 0-9, _ and -"));
            return nullptr;
        }
        Draft draft;
        draft.persona.name = name;
        draft.persona.language = m_rules.language;
        draft.where = entry.keyWhere;
        m_drafts.append(draft);
        return &m_drafts.last();
    }

    // ---- values ----
    /// Understands a value as the one table of settings does, with its words for what is wrong.
    template <typename T> bool understand(const TomlEntry& entry, Setting setting, T& out)
    {
        Config scratch;
        const QString problem = applyValue(setting, entry.value, scratch);
        if (!problem.isEmpty()) {
            error(entry, problem);
            return false;
        }
        out = std::get<T& (*)(Config&)>(setting.member)(scratch);
        return true;
    }
    bool text(const TomlEntry& entry, QString& out, bool manyLines = false)
    {
        Setting setting;
        setting.member = [](Config& c) -> QString& { return c.deployId; };
        setting.secret = manyLines; // line breaks are let pass in these
        return understand(entry, setting, out);
    }
    bool list(const TomlEntry& entry, QStringList& out)
    {
        Setting setting;
        setting.kind = Kind::List;
        setting.member = [](Config& c) -> QStringList& { return c.logRules; };
        return understand(entry, setting, out);
    }
    bool flag(const TomlEntry& entry, bool& out)
    {
        Setting setting;
        setting.kind = Kind::Bool;
        setting.member = [](Config& c) -> bool& { return c.callLog.bootstrap; };
        return understand(entry, setting, out);
    }
    bool number(const TomlEntry& entry, qint64 min, qint64 max, int& out)
    {
        Setting setting;
        setting.kind = Kind::Int;
        setting.member = [](Config& c) -> int& { return c.port; };
        setting.min = min;
        setting.max = max;
        return understand(entry, setting, out);
    }
    bool duration(const TomlEntry& entry, qint64 min, qint64 max, Milliseconds& out)
    {
        Setting setting;
        setting.kind = Kind::Duration;
        setting.member = [](Config& c) -> Milliseconds& { return c.drain; };
        setting.min = min;
        setting.max = max;
        return understand(entry, setting, out);
    }

    // ---- keys ----
    void unknown(const TomlEntry& entry, const QStringList& path, const QStringList& known)
    {
        const QString near = nearestOf(path.join(QLatin1Char('.')), known);
        const QString whole = entry.key.section(QLatin1Char('.'), 0, 1) + QLatin1Char('.');
        m_read.errors += QStringLiteral("%1: unknown key %2").arg(entry.keyWhere, logSafe(entry.key, 120))
            + (near.isEmpty() ? QString() : QStringLiteral("; did you mean '%1'?").arg(logSafe(whole, 80) + near));
    }

    void take(Draft& draft, const QStringList& path, const TomlEntry& entry)
    {
        using Take = std::function<bool(providers::Persona&)>;
        const auto names = [this, &entry](QStringList providers::Persona::*member) {
            return [this, &entry, member](
                       providers::Persona& p) { return list(entry, p.*member) && areProviders(entry, p.*member); };
        };
        const QMap<QString, Take> keys{
            {QStringLiteral("numbers"), [&](auto& p) { return list(entry, p.numbers) && areNumbers(entry, p); }},
            {QStringLiteral("language"),
                [&](auto& p) { return text(entry, p.language) && isLanguage(entry, p.language); }},
            {QStringLiteral("greeting"), [&](auto& p) { return text(entry, p.greeting); }},
            {QStringLiteral("greeting_protected"), [&](auto& p) { return flag(entry, p.greetingProtected); }},
            {QStringLiteral("outbound_greeting"), [&](auto& p) { return text(entry, p.outboundGreeting); }},
            {QStringLiteral("voicemail_message"), [&](auto& p) { return text(entry, p.voicemailMessage); }},
            {QStringLiteral("system_prompt"),
                [&](auto& p) { return text(entry, p.systemPrompt, true) && fits(entry, p.systemPrompt); }},
            {QStringLiteral("system_prompt_file"), [&](auto& p) { return readPrompt(entry, p); }},
            {QStringLiteral("model"), [&](auto& p) { return text(entry, p.model); }},
            {QStringLiteral("stt"), names(&providers::Persona::stt)},
            {QStringLiteral("llm"), names(&providers::Persona::llm)},
            {QStringLiteral("tts"), names(&providers::Persona::tts)},
            {QStringLiteral("tools"), [&](auto& p) { return list(entry, p.tools) && areTools(entry, p.tools); }},
            {QStringLiteral("phrases"),
                [&](auto& p) { return list(entry, p.phrases) && arePhrases(entry, p.phrases); }},
            {QStringLiteral("recording"), [&](auto& p) { return recordedBy(entry, p.recording); }},
            {QStringLiteral("recording_notice"), [&](auto& p) { return text(entry, p.recordingNotice); }},
            {QStringLiteral("keypad.min"), [&](auto& p) { return number(entry, 1, 32, p.keypad.digitsMin); }},
            {QStringLiteral("keypad.max"), [&](auto& p) { return number(entry, 1, 32, p.keypad.digitsMax); }},
            {QStringLiteral("keypad.finish"), [&](auto& p) { return finishKey(entry, p.keypad.finish); }},
            {QStringLiteral("keypad.timeout"), [&](auto& p) { return duration(entry, 500, 60000, p.keypad.timeout); }},
            {QStringLiteral("keypad.interrupts"), [&](auto& p) { return flag(entry, p.keypad.interrupts); }},
            {QStringLiteral("keypad.model_sees_secrets"),
                [&](auto& p) { return flag(entry, p.keypad.modelSeesSecrets); }},
            {QStringLiteral("longest_answer"),
                [&](auto& p) { return number(entry, 50, 100000, p.longestAnswerCharacters); }},
        };
        const QString key = path.join(QLatin1Char('.'));
        draft.places.insert(key, entry.where);
        const bool emptyTable = entry.value.foreignType == QLatin1String("a table");
        const bool isGroup = path.first() == QLatin1String("voice") || path.first() == QLatin1String("transfer")
            || path.first() == QLatin1String("http") || path.first() == QLatin1String("keypad");
        if (const auto known = keys.constFind(key); known != keys.cend()) {
            if (!(*known)(draft.persona))
                draft.wrong += key;
        } else if (path.size() == 1 && isGroup) {
            if (!emptyTable)
                error(entry, QStringLiteral("a table is wanted: [%1]").arg(logSafe(entry.key, 80)));
        } else if (path.size() == 2 && path[0] == QLatin1String("voice")) {
            takeVoice(draft, path[1], entry);
        } else if (path.size() >= 2 && path.size() <= 3 && path[0] == QLatin1String("transfer")) {
            takeTransfer(draft, path[1], path.value(2), entry);
        } else if (path.size() >= 2 && path[0] == QLatin1String("http")) {
            takeHttp(draft, path.mid(1), entry);
        } else {
            unknown(entry, path,
                keys.keys() + QStringList{QStringLiteral("voice"), QStringLiteral("transfer"), QStringLiteral("http"),
                    QStringLiteral("keypad")});
        }
    }

    bool recordedBy(const TomlEntry& entry, providers::RecordedBy& out)
    {
        static const QMap<QString, providers::RecordedBy> words{
            {QStringLiteral("off"), providers::RecordedBy::Nobody},
            {QStringLiteral("engine"), providers::RecordedBy::Engine},
            {QStringLiteral("twilio"), providers::RecordedBy::Twilio}};
        QString word;
        if (!text(entry, word))
            return false;
        const auto found = words.constFind(word);
        if (found == words.cend()) {
            error(entry, asNamed(word) + QStringLiteral(" is none of off, engine, twilio"));
            return false;
        }
        out = *found;
        return true;
    }

    bool finishKey(const TomlEntry& entry, char& out)
    {
        QString word;
        if (!text(entry, word))
            return false;
        if (word != QLatin1String("none") && word != QLatin1String("#") && word != QLatin1String("*")) {
            error(entry, asNamed(word) + QStringLiteral(" is none of #, *, none"));
            return false;
        }
        out = word == QLatin1String("none") ? '\0' : word.front().toLatin1();
        return true;
    }

    bool areNumbers(const TomlEntry& entry, const providers::Persona& persona)
    {
        bool good = true;
        for (const QString& number : persona.numbers) {
            if (!isE164(number)) {
                error(entry, notE164(number));
                good = false;
            } else if (const QString other = m_numbers.value(number); !other.isEmpty()) {
                error(entry,
                    QStringLiteral("%1 is a number of persona '%2' as well").arg(asNamed(maskNumber(number)), other));
                good = false;
            } else {
                m_numbers.insert(number, persona.name);
            }
        }
        return good;
    }

    bool isLanguage(const TomlEntry& entry, const QString& language)
    {
        static const QRegularExpression shape(QStringLiteral("^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"));
        if (shape.match(language).hasMatch())
            return true;
        error(entry, asNamed(language) + QStringLiteral(" is not a language's code, like en-US"));
        return false;
    }

    bool fits(const TomlEntry& entry, const QString& prompt)
    {
        if (prompt.toUtf8().size() <= LongestPrompt)
            return true;
        error(entry, QStringLiteral("longer than 64 KiB"));
        return false;
    }

    bool readPrompt(const TomlEntry& entry, providers::Persona& persona)
    {
        QString path;
        if (!text(entry, path))
            return false;
        const Result<QByteArray> bytes = m_rules.readFile(QDir(m_rules.directory).filePath(path));
        if (!bytes) {
            error(entry, bytes.error().message);
            return false;
        }
        persona.systemPrompt = QString::fromUtf8(*bytes).trimmed();
        if (bytes->size() > LongestPrompt || persona.systemPrompt.isEmpty()) {
            error(entry,
                logSafe(path)
                    + (bytes->size() > LongestPrompt ? QStringLiteral(": longer than 64 KiB")
                                                     : QStringLiteral(": there is nothing in it")));
            return false;
        }
        return true;
    }

    bool areOf(const TomlEntry& entry, const QStringList& given, const QStringList& known, const QString& what)
    {
        QSet<QString> seen;
        for (const QString& name : given) {
            if (!known.contains(name)) {
                error(entry,
                    asNamed(name) + QStringLiteral(" is no %1").arg(what) + suggestion(name, known)
                        + (nearestOf(name, known).isEmpty()
                                ? QStringLiteral("; there are: ") + known.join(QLatin1String(", "))
                                : QString()));
                return false;
            }
            if (seen.contains(name)) {
                error(entry, asNamed(name) + QStringLiteral(" is named twice"));
                return false;
            }
            seen += name;
        }
        return true;
    }
    /// The stage is the key's last part.
    bool areProviders(const TomlEntry& entry, const QStringList& given)
    {
        const QString problem = providerListProblem(entry.key.section(QLatin1Char('.'), -1), given);
        if (!problem.isEmpty())
            error(entry, problem);
        return problem.isEmpty();
    }
    bool areTools(const TomlEntry& entry, const QStringList& given)
    {
        return areOf(entry, given, BuiltInTools, QStringLiteral("built-in tool"));
    }

    bool arePhrases(const TomlEntry& entry, const QStringList& phrases)
    {
        if (phrases.size() > MostPhrases) {
            error(entry, QStringLiteral("more than %1 phrases").arg(MostPhrases));
            return false;
        }
        for (const QString& phrase : phrases) {
            if (phrase.trimmed().isEmpty() || phrase.size() > LongestPhrase) {
                error(entry, asNamed(phrase) + QStringLiteral(" is not of 1 to %1 characters").arg(LongestPhrase));
                return false;
            }
        }
        return true;
    }

    void takeVoice(Draft& draft, const QString& provider, const TomlEntry& entry)
    {
        const QStringList voices = providersFor(QStringLiteral("tts"));
        if (!voices.contains(provider)) {
            QStringList known;
            for (const QString& name : voices)
                known += QStringLiteral("voice.") + name;
            unknown(entry, {QStringLiteral("voice"), provider}, known);
            return;
        }
        QString voice;
        if (text(entry, voice))
            draft.persona.voices.insert(provider, voice);
    }

    /// `desk = "+15551230009"`, or a table of its own for what is not as the engine's settings say.
    void takeTransfer(Draft& draft, const QString& name, const QString& key, const TomlEntry& entry)
    {
        const QString table = QStringLiteral("transfer.") + name;
        if (draft.wrong.contains(table))
            return;
        if (name.trimmed().isEmpty() || name.trimmed().startsWith(QLatin1Char('+'))) {
            draft.wrong += table;
            error(entry, QStringLiteral("a name is wanted: sales = \"+972501234567\""));
            return;
        }
        QList<providers::TransferTarget>& targets = draft.persona.transferTargets;
        auto target = std::find_if(targets.begin(), targets.end(),
            [&name](const providers::TransferTarget& known) { return known.name == name.trimmed(); });
        if (target == targets.end()) {
            target = targets.insert(targets.end(), {name.trimmed(), {}});
            draft.places.insert(table, entry.keyWhere);
        }
        if (!takeOfTarget(*target, key, entry)) {
            draft.wrong += table;
            targets.erase(target);
        }
    }
    bool takeOfTarget(providers::TransferTarget& target, const QString& key, const TomlEntry& entry)
    {
        providers::TransferRules& rules = target.rules;
        if (key.isEmpty() && entry.value.foreignType == QLatin1String("a table"))
            return true; // its number is missed at the end
        if (key.isEmpty() || key == QLatin1String("number")) {
            if (!text(entry, target.number))
                return false;
            if (!isE164(target.number))
                error(entry, notE164(target.number));
            return isE164(target.number);
        }
        if (key == QLatin1String("warm"))
            return flag(entry, target.warm);
        if (key == QLatin1String("caller_id"))
            return text(entry, rules.callerId) && isCallerId(entry, rules.callerId);
        if (key == QLatin1String("ring"))
            return duration(entry, 5000, 10 * 60 * 1000, rules.ring);
        if (key == QLatin1String("longest"))
            return duration(entry, 10 * 1000, 24 * 60 * 60 * 1000, rules.longest);
        if (key == QLatin1String("no_answer"))
            return follows(entry, {"agent", "message", "goodbye", "next"}, rules.noAnswer);
        if (key == QLatin1String("afterwards"))
            return follows(entry, {"goodbye", "agent"}, rules.afterwards);
        unknown(entry, entry.key.split(QLatin1Char('.')).mid(2),
            {QStringLiteral("number"), QStringLiteral("warm"), QStringLiteral("caller_id"), QStringLiteral("ring"),
                QStringLiteral("longest"), QStringLiteral("no_answer"), QStringLiteral("afterwards")});
        return false;
    }
    bool isCallerId(const TomlEntry& entry, const QString& given)
    {
        if (given == QLatin1String("caller") || given == QLatin1String("called") || isE164(given))
            return true;
        error(entry,
            asNamed(maskNumber(given)) + QStringLiteral(" is neither caller, called, nor a number like +972501234567"));
        return false;
    }
    bool follows(const TomlEntry& entry, std::initializer_list<const char*> choices,
        std::optional<providers::AfterTransfer>& out)
    {
        QString name;
        if (!text(entry, name))
            return false;
        QStringList known;
        for (const char* choice : choices)
            known += QString::fromLatin1(choice);
        if (known.contains(name)) {
            out = providers::afterTransferFromName(name);
            return true;
        }
        error(entry, asNamed(name) + QStringLiteral(" is not one of: ") + known.join(QLatin1String(", ")));
        return false;
    }

    // ---- HTTP tools ----
    void takeHttp(Draft& draft, const QStringList& path, const TomlEntry& entry)
    {
        static const QRegularExpression shape(QStringLiteral("^[a-z0-9_]{1,64}$"));
        const QString& name = path[0];
        const QString table = QStringLiteral("http.") + name;
        if (draft.wrong.contains(table))
            return;
        QString problem;
        providers::HttpTool* tool = nullptr;
        for (providers::HttpTool& known : draft.persona.httpTools) {
            if (known.name == name)
                tool = &known;
        }
        if (!shape.match(name).hasMatch())
            problem = QStringLiteral("a tool's name is 1 to 64 of a-z, 0-9 and _");
        else if (BuiltInTools.contains(name))
            problem = QStringLiteral("'%1' is a built-in tool; another name is wanted").arg(name);
        else if (!tool && draft.persona.httpTools.size() >= MostTools)
            problem = QStringLiteral("more than %1 tools").arg(MostTools);
        if (!problem.isEmpty()) {
            draft.wrong += table;
            errorAt(entry.keyWhere, logSafe(entry.key.section(QLatin1Char('.'), 0, 3), 120), problem);
            return;
        }
        if (!tool) {
            draft.persona.httpTools.append(providers::HttpTool{});
            tool = &draft.persona.httpTools.last();
            tool->name = name;
            tool->allowPrivate = m_rules.allowPrivate;
            draft.places.insert(table, entry.keyWhere);
        }
        const QString key = path.mid(1).join(QLatin1Char('.'));
        bool good = true;
        if (key.isEmpty()) {
            if (entry.value.foreignType != QLatin1String("a table"))
                error(entry, QStringLiteral("a table is wanted: [%1]").arg(logSafe(entry.key, 80)));
        } else if (key == QLatin1String("description")) {
            good = text(entry, tool->description, true);
        } else if (key == QLatin1String("url")) {
            good = text(entry, tool->url) && mayLeadTo(entry, tool->url);
        } else if (key == QLatin1String("timeout")) {
            good = duration(entry, 100, 60000, tool->timeout);
        } else if (key == QLatin1String("parameters")) {
            good = readSchema(entry, tool->parameters);
        } else {
            QStringList known;
            for (const char* field : {"description", "url", "timeout", "parameters"})
                known += table + QLatin1Char('.') + QLatin1String(field);
            unknown(entry, QStringList{QStringLiteral("http")} + path, known);
        }
        if (!good)
            draft.wrong += table + QLatin1Char('.') + key;
    }

    bool mayLeadTo(const TomlEntry& entry, const QString& address)
    {
        const QUrl url(address, QUrl::StrictMode);
        const QString host = url.host().toLower();
        QString problem;
        if (!url.isValid() || host.isEmpty()
            || (url.scheme() != QLatin1String("https") && url.scheme() != QLatin1String("http")))
            problem = asNamed(address) + QStringLiteral(" is not a URL like https://api.example.com/orders");
        else if (!url.userInfo().isEmpty())
            problem = QStringLiteral("a user name or password has no place in it");
        else if (!m_rules.allowHosts.contains(host, Qt::CaseInsensitive))
            problem = QStringLiteral("%1 is not in tools.allow_hosts").arg(asNamed(host));
        else if (const QHostAddress literal(host); !m_rules.allowPrivate
                 && (host == QLatin1String("localhost") || (!literal.isNull() && !net::isPublicAddress(literal))))
            problem = QStringLiteral("%1 is a private address, and tools.allow_private is false").arg(asNamed(host));
        if (!problem.isEmpty())
            error(entry, problem);
        return problem.isEmpty();
    }

    bool readSchema(const TomlEntry& entry, QJsonObject& schema)
    {
        if (entry.value.foreignType == QLatin1String("a table")) {
            schema = entry.table;
        } else {
            QString json;
            if (!text(entry, json, true))
                return false;
            QJsonParseError wrong;
            const QJsonDocument document = QJsonDocument::fromJson(json.toUtf8(), &wrong);
            if (!document.isObject()) {
                error(entry,
                    QStringLiteral("not a JSON object")
                        + (wrong.error == QJsonParseError::NoError
                                ? QString()
                                : QStringLiteral(": %1 at character %2").arg(wrong.errorString()).arg(wrong.offset)));
                return false;
            }
            schema = document.object();
        }
        QString problem;
        const QJsonValue properties = schema.value(QLatin1String("properties"));
        if (schema.value(QLatin1String("type")) != QLatin1String("object"))
            problem = QStringLiteral("a JSON schema of type \"object\" is wanted");
        else if (!properties.isUndefined() && !properties.isObject())
            problem = QStringLiteral("its properties are no table");
        else if (QJsonDocument(schema).toJson(QJsonDocument::Compact).size() > LongestSchema)
            problem = QStringLiteral("longer than 16 KiB");
        for (const QJsonValue& required : schema.value(QLatin1String("required")).toArray()) {
            if (problem.isEmpty() && !properties.toObject().contains(required.toString()))
                problem = QStringLiteral("%1 is required, but no property").arg(asNamed(required.toString()));
        }
        if (!problem.isEmpty())
            error(entry, problem);
        return problem.isEmpty();
    }

    // ---- the whole ----
    void finish(Draft& draft)
    {
        providers::Persona& persona = draft.persona;
        const QString table = QStringLiteral("persona.") + persona.name;
        const auto at = [&draft](const QString& key) { return draft.places.value(key, draft.where); };
        const bool isDefault = persona.name == QLatin1String("default");
        if (isDefault && draft.places.contains(QStringLiteral("numbers")))
            errorAt(at(QStringLiteral("numbers")), table + QStringLiteral(".numbers"),
                QStringLiteral("the default persona has no numbers: it answers all that no other has"));
        else if (!isDefault && persona.numbers.isEmpty() && !draft.wrong.contains(QStringLiteral("numbers")))
            errorAt(at(QStringLiteral("numbers")), table,
                QStringLiteral("it has no numbers, so nobody reaches it; numbers = [\"+972501234567\"] is wanted"));
        if (draft.places.contains(QStringLiteral("system_prompt"))
            && draft.places.contains(QStringLiteral("system_prompt_file")))
            errorAt(at(QStringLiteral("system_prompt_file")), table + QStringLiteral(".system_prompt_file"),
                QStringLiteral("system_prompt is set as well: which of the two counts?"));
        if (persona.keypad.digitsMax > 0 && persona.keypad.digitsMin > persona.keypad.digitsMax)
            errorAt(at(QStringLiteral("keypad.min")), table + QStringLiteral(".keypad.min"),
                QStringLiteral("more than keypad.max"));
        for (const providers::TransferTarget& target : std::as_const(persona.transferTargets)) {
            const QString key = QStringLiteral("transfer.") + target.name;
            if (target.number.isEmpty())
                errorAt(at(key), table + QLatin1Char('.') + key, QStringLiteral("number is missing"));
        }
        const bool transfers = persona.tools.contains(QLatin1String("transfer"));
        const bool targets = !persona.transferTargets.isEmpty();
        if (transfers && !targets && m_read.errors.isEmpty())
            errorAt(at(QStringLiteral("tools")), table + QStringLiteral(".tools"),
                QStringLiteral("'transfer' needs somebody to pass calls on to: [%1.transfer]").arg(table));
        if (targets && !transfers && !draft.wrong.contains(QStringLiteral("tools")))
            errorAt(draft.where, table + QStringLiteral(".transfer"),
                QStringLiteral("tools has no 'transfer', so no call is passed on"));
        for (const providers::HttpTool& tool : std::as_const(persona.httpTools)) {
            const QString key = QStringLiteral("http.") + tool.name;
            for (const auto& [field, value] :
                {std::pair(".url", &tool.url), std::pair(".description", &tool.description)}) {
                if (value->isEmpty() && !draft.wrong.contains(key + QLatin1String(field)))
                    errorAt(at(key), table + QLatin1Char('.') + key,
                        QStringLiteral("%1 is missing").arg(QLatin1String(field + 1)));
            }
        }
        checkProviders(draft, table);
        m_read.personas += persona;
    }

    /// Of the lists that have no mistake: whether what they name can be made at all.
    void checkProviders(const Draft& draft, const QString& table)
    {
        const providers::Persona& persona = draft.persona;
        const auto at = [&draft](const QString& stage) { return draft.places.value(stage, draft.where); };
        const QString tts = QStringLiteral("tts");
        const QString problem =
            realtimeVoiceProblem(persona.llm.isEmpty() ? m_rules.remote.llm : persona.llm, persona.tts);
        if (!problem.isEmpty() && !draft.wrong.contains(tts) && !draft.wrong.contains(QStringLiteral("llm")))
            errorAt(at(tts), table + QLatin1String(".tts"), problem);
        const std::pair<QString, const QStringList&> lists[] = {
            {QStringLiteral("stt"), persona.stt}, {QStringLiteral("llm"), persona.llm}, {tts, persona.tts}};
        for (const auto& [stage, list] : lists) {
            if (draft.wrong.contains(stage))
                continue;
            QStringList missing;
            for (const QString& name : list) {
                const QString why = missingCredentials(m_rules.remote, name, stage);
                if (!why.isEmpty())
                    missing += QStringLiteral("%1 has %2").arg(asNamed(name), why);
            }
            if (missing.isEmpty())
                continue;
            const bool isHopeless = missing.size() == list.size();
            m_read.warnings += at(stage) + QLatin1String(": ") + table + QLatin1Char('.') + stage + QLatin1String(": ")
                + missing.join(QLatin1String("; "))
                + (isHopeless ? QStringLiteral("; nothing else stands in the list, so that its calls cannot be served")
                              : QStringLiteral("; the others of the list serve"));
        }
    }

    const PersonaRules& m_rules;
    ReadPersonas m_read;
    QList<Draft> m_drafts; // in the order of the file
    QStringList m_refused;
    QHash<QString, QString> m_numbers; // number -> persona
};

} // namespace

ReadPersonas readPersonas(const QList<TomlEntry>& entries, const PersonaRules& rules)
{
    return PersonaReader(rules).read(entries);
}

QString examplePersona()
{
    return QStringLiteral(R"(
# Personas: who answers which number. [persona.default] answers every number that no other has; without it the
# receptionist does. Read again on SIGHUP, with [tools]: calls in progress keep theirs.
#
# [persona.night]
# numbers = ["+15551230002"]          # called numbers, E.164
# language = "en-US"                  # BCP-47; default: dialog.language
# greeting = "Good evening, this is the night desk."
# greeting_protected = false          # true: cannot be interrupted
# outbound_greeting = "Good evening, the night desk is calling you back."  # of calls that go out; default: greeting
# voicemail_message = "This is the night desk. Please call us back."       # left on an answering machine after its beep
# system_prompt = "You are the night receptionist of a small hotel."
# # system_prompt_file = "night.txt"  # instead; beside this file
# model = "gpt-4o-mini"               # default: the provider's
# stt = ["deepgram", "embedded"]      # providers in order; default: the engine's order
# llm = ["openai", "embedded"]
# tts = ["elevenlabs", "embedded"]
# tools = ["end_call", "transfer", "take_message", "send_dtmf", "ask_keys"]
# recording = "off"                   # engine: to recording.dir; twilio: Twilio's own. The caller is told first
# recording_notice = "This call is recorded."  # default: this, or the same in Hebrew
# phrases = ["check in", "late arrival"]  # hints for the recogniser
# longest_answer = 2000               # characters; what a model says past it is dropped
#
# [persona.night.voice]               # by provider
# openai = "alloy"
#
# [persona.night.keypad]              # for a model; the receptionist's dialog says for itself
# min = 1                             # keys of one entry, where ask_keys names no other
# max = 8                             # default: every key is an entry
# finish = "#"                        # or "*", or "none"
# timeout = "3s"                      # without another key ends an entry
# interrupts = true                   # false: keys do not silence the agent, and count when it has spoken
# model_sees_secrets = false          # true: the model gets sensitive digits, and card numbers, as they are
#
# [persona.night.transfer]            # to whom calls may be passed on; the first where the model names none
# manager = "+15551230009"
#
# [persona.night.transfer.concierge]  # one for whom not all is as [transfer] has it
# number = "+15551230010"
# warm = true                         # hears what it is about, and takes the call with a key; needs Twilio's REST service
# caller_id = "called"
# ring = "20s"
# longest = "10min"
# no_answer = "message"               # agent, message, goodbye, next
# afterwards = "agent"                # goodbye, agent
#
# [persona.night.http.room_price]     # a tool of yours: its arguments are posted as JSON, the answer goes to the model
# description = "The price of a room for one night."
# url = "https://api.example.com/price"  # its host must be in tools.allow_hosts
# timeout = "5s"
# parameters = '{"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]}'
)");
}

QString personaHelp()
{
    return QStringLiteral(
        "\n[persona.NAME]  who answers which number: greeting, prompt, voice, providers, tools; in the file only. See\n"
        "  kav-engine example-config. SIGHUP reads the file again for personas and [tools]; a file with a mistake is\n"
        "  refused whole.\n");
}

} // namespace kav::app
