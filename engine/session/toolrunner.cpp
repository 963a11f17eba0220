// SPDX-License-Identifier: Apache-2.0
#include "engine/session/toolrunner.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QStringDecoder>
#include <QUrl>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace kav::session {

namespace {

constexpr int MostCallsOfATurn = 16;
constexpr size_t MostUnderWay = 4;
constexpr qsizetype LongestToolAnswer = 16 * 1024; // bytes
constexpr qsizetype MostKeys = 32;
constexpr qsizetype LongestSummary = 600; // characters: half a minute, read aloud

bool hasType(const QJsonValue& value, const QString& type)
{
    if (type == QLatin1String("string"))
        return value.isString();
    if (type == QLatin1String("number"))
        return value.isDouble();
    if (type == QLatin1String("integer"))
        return value.isDouble() && std::trunc(value.toDouble()) == value.toDouble();
    if (type == QLatin1String("boolean"))
        return value.isBool();
    if (type == QLatin1String("array"))
        return value.isArray();
    if (type == QLatin1String("object"))
        return value.isObject();
    if (type == QLatin1String("null"))
        return value.isNull();
    return true; // a word of a later schema
}

QStringList typesOf(const QJsonValue& type)
{
    if (type.isString())
        return {type.toString()};
    QStringList types;
    for (const QJsonValue& one : type.toArray())
        types += one.toString();
    return types;
}

/// What a model can tell a caller, instead of a status and an address.
QString inWords(const Error& error)
{
    switch (error.code) {
    case Error::Code::Timeout:
        return QStringLiteral("it did not answer in time");
    case Error::Code::LimitExceeded:
        return QStringLiteral("it is asked too often just now");
    case Error::Code::NotFound:
        return QStringLiteral("it found nothing");
    case Error::Code::Denied:
        return QStringLiteral("it refused the request");
    case Error::Code::Invalid:
        return QStringLiteral("it refused the request, or its answer is too long");
    default:
        return QStringLiteral("it cannot be reached just now");
    }
}

QJsonObject errorResult(const QString& what)
{
    return {{QStringLiteral("error"), what}};
}

/// An answer's body, JSON or text, as the model gets it; nothing where it is neither.
std::optional<QJsonObject> resultOf(const QByteArray& body)
{
    if (body.trimmed().isEmpty())
        return QJsonObject{{QStringLiteral("status"), QStringLiteral("done")}};
    const QJsonDocument json = QJsonDocument::fromJson(body);
    if (json.isObject())
        return json.object();
    if (json.isArray())
        return QJsonObject{{QStringLiteral("result"), json.array()}};
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
    const QString text = decoder(body);
    if (decoder.hasError() || text.contains(QChar(u'\0')))
        return std::nullopt;
    return QJsonObject{{QStringLiteral("result"), text.trimmed()}};
}

} // namespace

QString argumentsProblem(const QJsonObject& schema, const QJsonObject& arguments)
{
    const QJsonObject properties = schema.value(QLatin1String("properties")).toObject();
    for (const QJsonValue& required : schema.value(QLatin1String("required")).toArray()) {
        if (!arguments.contains(required.toString()))
            return QStringLiteral("the argument '%1' is missing").arg(logSafe(required.toString(), 60));
    }
    for (auto it = arguments.begin(); it != arguments.end(); ++it) {
        const QString name = logSafe(it.key(), 60);
        if (!properties.contains(it.key())) {
            if (schema.value(QLatin1String("additionalProperties")) == QJsonValue(false))
                return QStringLiteral("there is no argument '%1'").arg(name);
            continue;
        }
        const QJsonObject property = properties.value(it.key()).toObject();
        const QStringList types = typesOf(property.value(QLatin1String("type")));
        const bool fits = types.isEmpty()
            || std::any_of(types.begin(), types.end(), [&](const QString& type) { return hasType(it.value(), type); });
        if (!fits)
            return QStringLiteral("the argument '%1' is no %2").arg(name, types.join(QLatin1String(" or ")));
        const QJsonArray choices = property.value(QLatin1String("enum")).toArray();
        if (!choices.isEmpty() && !choices.contains(it.value())) {
            QStringList known;
            for (const QJsonValue& choice : choices)
                known += choice.toVariant().toString();
            return QStringLiteral("the argument '%1' is none of %2")
                .arg(name, logSafe(known.join(QLatin1String(", "))));
        }
    }
    return {};
}

/// One HTTP tool under way.
struct ToolRunner::Exchange final {
    ToolOutcome outcome;
    Instant began;
    QByteArray body;
    std::unique_ptr<providers::HttpCall> call;
};

ToolRunner::ToolRunner(std::shared_ptr<const providers::Persona> persona, providers::HttpPool* http, const Clock& clock)
    : m_persona(std::move(persona))
    , m_http(http)
    , m_clock(clock)
{
}

ToolRunner::~ToolRunner() = default;

void ToolRunner::run(int turn, const providers::ToolCall& call)
{
    KAV_ASSERT_THREAD(this);
    if (std::exchange(m_turn, turn) != turn)
        m_calls = 0;
    if (++m_calls > MostCallsOfATurn) {
        refuse(turn, call, QStringLiteral("too many tools in one turn; answer with what you have"));
        return;
    }
    if (m_persona) {
        for (const providers::HttpTool& tool : m_persona->httpTools) {
            if (tool.name == call.name) {
                post(turn, call, tool);
                return;
            }
        }
    }
    if (!m_persona || !m_persona->tools.contains(call.name)) {
        refuse(turn, call, QStringLiteral("there is no such tool"));
        return;
    }
    const Builtin done = builtIn(call);
    if (!done.problem.isEmpty()) {
        refuse(turn, call, done.problem);
        return;
    }
    tell({turn, call.id, call.name, {{QStringLiteral("status"), done.said}}, true, {}, Milliseconds(0)});
}

void ToolRunner::refuse(int turn, const providers::ToolCall& call, const QString& why)
{
    tell({turn, call.id, logSafe(call.name, 64), errorResult(why), false, why, Milliseconds(0)});
}

ToolRunner::Builtin ToolRunner::builtIn(const providers::ToolCall& call)
{
    if (call.name == QLatin1String("end_call")) {
        Q_EMIT endCallWanted();
        return {QStringLiteral("The call ends after your next words. Say a short goodbye."), {}};
    }
    if (call.name == QLatin1String("take_message")) {
        Q_EMIT messageWanted();
        return {QStringLiteral("What the caller says next is recorded. Ask for the message now."), {}};
    }
    if (call.name == QLatin1String("transfer"))
        return transfer(call.arguments.value(QLatin1String("to")).toString().trimmed(),
            call.arguments.value(QLatin1String("summary")).toString().simplified().left(LongestSummary));
    if (call.name == QLatin1String("send_dtmf"))
        return sendKeys(call.arguments.value(QLatin1String("digits")).toString());
    if (call.name == QLatin1String("ask_keys"))
        return askKeys(call.arguments);
    return {{}, QStringLiteral("there is no such tool")};
}

ToolRunner::Builtin ToolRunner::askKeys(const QJsonObject& arguments)
{
    KeysWanted wanted;
    wanted.min = arguments.value(QLatin1String("min")).toInt(m_persona->keypad.digitsMin);
    wanted.max = arguments.value(QLatin1String("max")).toInt(std::max(wanted.min, m_persona->keypad.digitsMax));
    wanted.sensitive = arguments.value(QLatin1String("sensitive")).toBool();
    if (wanted.min < 1 || wanted.max < wanted.min || wanted.max > MostKeys)
        return {{}, QStringLiteral("min and max must be 1 to %1 keys, min not more than max").arg(MostKeys)};
    Q_EMIT callersKeysWanted(wanted);
    QString said = QStringLiteral("What the caller keys next is one entry of %1 to %2 keys. Ask for it now")
                       .arg(wanted.min)
                       .arg(wanted.max);
    if (m_persona->keypad.finish != 0 && wanted.max > 1)
        said += QStringLiteral(", and say that %1 ends it").arg(QLatin1Char(m_persona->keypad.finish));
    return {said + QLatin1Char('.'), {}};
}

/// The caller's keys where the model wrote their reference. In every string, at any depth; whole strings only.
QJsonValue ToolRunner::withSecrets(const QJsonValue& value) const
{
    if (value.isObject()) {
        QJsonObject object = value.toObject();
        for (auto it = object.begin(); it != object.end(); ++it)
            it.value() = withSecrets(it.value());
        return object;
    }
    if (value.isArray()) {
        QJsonArray array;
        for (const QJsonValue& one : value.toArray())
            array.append(withSecrets(one));
        return array;
    }
    const QString text = value.toString();
    if (!text.startsWith(QLatin1String("keys:")))
        return value;
    const int number = QStringView(text).sliced(5).toInt();
    return number >= 1 && number <= m_secrets.size() ? QJsonValue(m_secrets.at(number - 1)) : value;
}

ToolRunner::Builtin ToolRunner::transfer(const QString& to, const QString& summary)
{
    const QList<providers::TransferTarget>& targets = m_persona->transferTargets;
    const providers::TransferTarget* found = to.isEmpty() && !targets.isEmpty() ? &targets.first() : nullptr;
    QStringList names;
    for (const providers::TransferTarget& target : targets) {
        names += target.name;
        if (!found && (target.name.compare(to, Qt::CaseInsensitive) == 0 || target.number == to))
            found = &target;
    }
    // "the sales department", for "sales"
    for (const providers::TransferTarget& target : targets) {
        if (!found && to.contains(target.name, Qt::CaseInsensitive))
            found = &target;
    }
    if (!found)
        return {{},
            QStringLiteral("there is nobody of that name; calls can be passed on to: ")
                + names.join(QLatin1String(", "))};
    Q_EMIT transferWanted(*found, summary);
    return {(found->warm
                    ? QStringLiteral("%1 is asked after your next words, and the caller waits meanwhile. Say so in one "
                                     "short sentence.")
                    : QStringLiteral("The caller is connected to %1 after your next words. Say so in one short "
                                     "sentence."))
                .arg(found->name),
        {}};
}

ToolRunner::Builtin ToolRunner::sendKeys(const QString& given)
{
    QString keys = given;
    keys.remove(QLatin1Char(' ')).remove(QLatin1Char('-'));
    keys.replace(QLatin1Char(','), QLatin1Char('w'));
    const bool good = !keys.isEmpty() && keys.size() <= MostKeys
        && std::all_of(
            keys.begin(), keys.end(), [](QChar key) { return QStringView(u"0123456789ABCDabcd*#wW").contains(key); });
    if (!good)
        return {{}, QStringLiteral("digits must be 1 to %1 of 0-9, *, #, A-D, and w to wait").arg(MostKeys)};
    Q_EMIT keysWanted(keys);
    return {QStringLiteral("The tones are being sent."), {}};
}

void ToolRunner::post(int turn, const providers::ToolCall& call, const providers::HttpTool& tool)
{
    const QString problem = argumentsProblem(tool.parameters, call.arguments);
    if (!problem.isEmpty() || !m_http || m_exchanges.size() >= MostUnderWay) {
        refuse(turn, call,
            !problem.isEmpty() ? problem
                : m_http       ? QStringLiteral("too many tools at once")
                               : QStringLiteral("it cannot be reached just now"));
        return;
    }
    providers::HttpRequest request;
    request.url = QUrl(tool.url);
    request.headers = {{QByteArrayLiteral("Content-Type"), QByteArrayLiteral("application/json")},
        {QByteArrayLiteral("Accept"), QByteArrayLiteral("application/json, text/plain")}};
    request.body = QJsonDocument(withSecrets(call.arguments).toObject()).toJson(QJsonDocument::Compact);
    request.firstByte = request.stall = request.total = tool.timeout;
    request.limit = LongestToolAnswer;
    request.publicOnly = !tool.allowPrivate;

    auto exchange = std::make_unique<Exchange>();
    Exchange* const mine = exchange.get();
    mine->outcome = {turn, call.id, call.name, {}, false, {}, Milliseconds(0)};
    if (m_traceParent) {
        const QByteArray parent = m_traceParent();
        request.headers.emplaceBack("traceparent", parent);
        mine->outcome.span = QString::fromLatin1(parent.split('-').value(2));
    }
    mine->began = m_clock.now();
    mine->call = m_http->start(request);
    connect(
        mine->call.get(), &providers::HttpCall::data, this, [mine](const QByteArray& bytes) { mine->body += bytes; });
    connect(mine->call.get(), &providers::HttpCall::finished, this, [this, mine] {
        if (const auto result = resultOf(mine->body))
            over(*mine, *result, {});
        else
            over(*mine, errorResult(QStringLiteral("its answer is no text")), QStringLiteral("its answer is no text"));
    });
    connect(mine->call.get(), &providers::HttpCall::failed, this,
        [this, mine](const Error& error) { over(*mine, errorResult(inWords(error)), error.message); });
    m_exchanges.push_back(std::move(exchange));
}

void ToolRunner::over(Exchange& exchange, const QJsonObject& result, const QString& reason)
{
    ToolOutcome outcome = exchange.outcome;
    outcome.result = result;
    outcome.reason = reason;
    outcome.ok = reason.isEmpty();
    outcome.took = elapsed(exchange.began, m_clock.now());
    exchange.call.release()->deleteLater(); // we are inside its signal
    std::erase_if(m_exchanges, [&exchange](const auto& one) { return one.get() == &exchange; });
    tell(std::move(outcome));
}

void ToolRunner::tell(ToolOutcome outcome)
{
    QMetaObject::invokeMethod(
        this, [this, outcome = std::move(outcome)] { Q_EMIT finished(outcome); }, Qt::QueuedConnection);
}

} // namespace kav::session
