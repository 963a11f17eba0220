// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaiconversation.h"

#include "engine/providers/persona.h"

#include <QJsonDocument>
#include <QPointer>

#include <algorithm>

namespace kav::providers {

namespace {
// A model that only ever calls tools is made to speak.
constexpr int MostRounds = 6;
constexpr qsizetype LongestId = 128; // of a tool's call
constexpr int LongestUnlimited = 2000; // of an answer, where no persona says otherwise

QJsonObject toolError(const QString& words)
{
    return {{QStringLiteral("error"), words}};
}
} // namespace

struct OpenAiConversation::Asking final {
    Asking(int number, quint64 which, int longest)
        : turn(number)
        , id(which)
        , spoken(longest)
    {
    }
    const int turn;
    const quint64 id;
    SpokenText spoken;
    std::optional<ChatStream> stream; ///< of the present round
    QString saidInRound; ///< as it was told
    bool saidAnything = false;
    bool roundOver = false; ///< the rest of the HTTP answer means nothing
    bool waitsForTools = false;
    bool endCall = false, takeMessage = false;
    bool isGreeting = false;
};

OpenAiConversation::OpenAiConversation(
    const OpenAiChatSettings& settings, std::shared_ptr<HttpPool> pool, const CallInfo& call)
    : m_settings(settings)
    , m_pool(std::move(pool))
    , m_call(call)
    , m_tools(toolList(call))
    , m_history(call)
{
}

OpenAiConversation::~OpenAiConversation() = default;

void OpenAiConversation::ask(const UserTurn& turn)
{
    stop();
    m_history.ask(turn);
    const int longest = m_call.persona ? m_call.persona->longestAnswerCharacters : LongestUnlimited;
    m_asking = std::make_unique<Asking>(turn.turn, ++m_askings, longest);
    if (turn.kind == UserTurn::Kind::Opening && m_call.persona && !m_call.persona->greeting.isEmpty())
        sayGreeting();
    else
        startRound();
}

void OpenAiConversation::cancel(int turn)
{
    if (m_asking && m_asking->turn == turn)
        stop();
    m_history.cancel(turn);
}

void OpenAiConversation::heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds)
{
    m_history.heard(turn, text, interrupted);
    // Nobody will hear the rest.
    if (interrupted && m_asking && m_asking->turn == turn)
        stop();
}

void OpenAiConversation::amend(int turn, const QString& text)
{
    m_history.amend(turn, text);
}

void OpenAiConversation::stop()
{
    m_asking.reset();
    m_request.reset();
}

void OpenAiConversation::sayGreeting()
{
    m_asking->isGreeting = true;
    // Never from inside ask().
    QMetaObject::invokeMethod(
        this,
        [this, id = m_asking->id] {
            if (!m_asking || m_asking->id != id)
                return;
            const QPointer<OpenAiConversation> alive(this);
            Q_EMIT text(m_asking->turn, m_call.persona->greeting);
            if (alive && m_asking && m_asking->id == id)
                succeed();
        },
        Qt::QueuedConnection);
}

void OpenAiConversation::startRound()
{
    QJsonObject body{
        {QStringLiteral("model"),
            m_call.persona && !m_call.persona->model.isEmpty() ? m_call.persona->model : m_settings.model},
        {QStringLiteral("messages"), m_history.messages()},
        {QStringLiteral("stream"), true},
    };
    if (!m_tools.isEmpty()) {
        body.insert(QStringLiteral("tools"), m_tools);
        // What was asked for is under way, or too much was: now it only has to speak.
        if (m_asking->endCall || m_asking->takeMessage || m_history.rounds() >= MostRounds)
            body.insert(QStringLiteral("tool_choice"), QStringLiteral("none"));
    }
    HttpRequest request = openAiRequest(m_settings.service, QStringLiteral("/chat/completions"));
    request.headers.append({QByteArrayLiteral("Content-Type"), QByteArrayLiteral("application/json")});
    request.headers.append({QByteArrayLiteral("Accept"), QByteArrayLiteral("text/event-stream, application/json")});
    request.body = QJsonDocument(body).toJson(QJsonDocument::Compact);

    m_asking->stream.emplace();
    m_asking->saidInRound.clear();
    m_asking->roundOver = m_asking->waitsForTools = false;
    m_request = m_pool->start(request);
    connect(m_request.get(), &HttpCall::data, this, &OpenAiConversation::onData);
    connect(m_request.get(), &HttpCall::finished, this, &OpenAiConversation::onClosed);
    connect(m_request.get(), &HttpCall::failed, this, &OpenAiConversation::onCallFailed);
}

void OpenAiConversation::onData(const QByteArray& bytes)
{
    if (!m_asking || m_asking->roundOver)
        return;
    auto text = m_asking->stream->add(bytes);
    if (!text) {
        fail(text.error());
        return;
    }
    if (!tell(m_asking->spoken.add(*text)))
        return;
    if (m_asking->stream->error())
        fail(openAiErrorOf(m_settings.service, *m_asking->stream->error()));
    else if (m_asking->stream->isComplete() || m_asking->spoken.isFull())
        endRound();
}

void OpenAiConversation::onClosed()
{
    if (!m_asking || m_asking->roundOver)
        return;
    auto text = m_asking->stream->finish();
    if (!text) {
        fail(text.error());
        return;
    }
    if (!tell(m_asking->spoken.add(*text)))
        return;
    if (m_asking->stream->error())
        fail(openAiErrorOf(m_settings.service, *m_asking->stream->error()));
    else if (m_asking->stream->isComplete())
        endRound();
    else
        fail({Error::Code::Unavailable,
            QStringLiteral("%1 ended its answer in the middle").arg(m_settings.service.base.host()), {}});
}

void OpenAiConversation::onCallFailed(const Error& error)
{
    if (!m_asking || m_asking->roundOver)
        return;
    Error told = openAiError(m_settings.service, error);
    if (told.code == Error::Code::NotFound && m_call.persona && !m_call.persona->model.isEmpty())
        told.code = Error::Code::Invalid; // a persona's model is its own matter
    fail(told);
}

bool OpenAiConversation::tell(const QString& text)
{
    if (text.isEmpty())
        return true;
    const quint64 id = m_asking->id;
    m_asking->saidInRound += text;
    m_asking->saidAnything = m_asking->saidAnything || !text.trimmed().isEmpty();
    const QPointer<OpenAiConversation> alive(this);
    Q_EMIT Conversation::text(m_asking->turn, text);
    return alive && m_asking && m_asking->id == id;
}

void OpenAiConversation::endRound()
{
    m_asking->roundOver = true;
    // Of an answer that is complete only HTTP's end is missing: with that, its connection stays fit for the next one.
    if (m_asking->stream->isComplete()) {
        m_ending = std::move(m_request);
        m_ending->disconnect(this);
    } else {
        m_request.reset();
    }
    const bool callsTools = !m_asking->stream->tools().empty() && !m_asking->spoken.isFull();
    if (callsTools && m_history.rounds() < MostRounds) {
        runTools();
        return;
    }
    if (!tell(m_asking->spoken.finish()))
        return;
    if (m_asking->saidAnything || m_asking->endCall || m_asking->takeMessage) {
        succeed();
        return;
    }
    const QString& reason = m_asking->stream->finishReason();
    if (reason == QLatin1String("content_filter"))
        fail({Error::Code::Invalid,
            QStringLiteral("the content filter of %1 let no answer through").arg(m_settings.service.base.host()), {}});
    else if (reason == QLatin1String("length"))
        fail({Error::Code::Invalid,
            QStringLiteral("%1 reached its length limit before it said a word").arg(m_settings.service.base.host()),
            {}});
    else
        fail({Error::Code::Unavailable, QStringLiteral("%1 gave an empty answer").arg(m_settings.service.base.host()),
            {}});
}

void OpenAiConversation::runTools()
{
    // A sentence before the tool is spoken while the tool works.
    if (!m_asking->saidInRound.isEmpty() && !m_asking->saidInRound.back().isSpace()
        && !tell(m_asking->spoken.add(QStringLiteral("\n"))))
        return;
    QSet<QString> offered;
    for (const QJsonValue& tool : m_tools)
        offered.insert(
            tool.toObject().value(QLatin1String("function")).toObject().value(QLatin1String("name")).toString());

    QList<ChatHistory::Call> calls;
    for (const ChatStream::Tool& tool : m_asking->stream->tools()) {
        ChatHistory::Call call;
        call.tool.name = tool.name;
        call.tool.id = tool.id;
        // A late result of an answer that was taken back must not pass for one of this answer's.
        for (qsizetype n = m_toolIds.size();
             call.tool.id.isEmpty() || call.tool.id.size() > LongestId || m_toolIds.contains(call.tool.id); ++n)
            call.tool.id = QStringLiteral("call_kav_%1").arg(n);
        m_toolIds.insert(call.tool.id);
        const QByteArray json = tool.arguments.trimmed();
        const QJsonDocument arguments = QJsonDocument::fromJson(json.isEmpty() ? QByteArrayLiteral("{}") : json);
        call.tool.arguments = arguments.object();
        if (!offered.contains(tool.name)) {
            call.result = toolError(QStringLiteral("there is no such tool"));
        } else if (tool.tooLong || !arguments.isObject()) {
            call.result = toolError(QStringLiteral("the arguments are no JSON object"));
        } else if (tool.name == QLatin1String("end_call")) {
            m_asking->endCall = true;
            call.result = QJsonObject{{QStringLiteral("status"),
                QStringLiteral("The call ends after your next words. Say a short goodbye.")}};
        } else if (tool.name == QLatin1String("take_message")) {
            m_asking->takeMessage = true;
            call.result = QJsonObject{{QStringLiteral("status"),
                QStringLiteral("Recording starts after your next words. Ask for the message after the tone.")}};
        }
        calls.append(call);
    }
    const int turn = m_asking->turn;
    m_history.toolsCalled(turn, m_asking->saidInRound.trimmed(), calls);
    m_asking->waitsForTools = true;

    const quint64 id = m_asking->id;
    const QPointer<OpenAiConversation> alive(this);
    for (const ChatHistory::Call& call : std::as_const(calls)) {
        if (call.result)
            continue;
        Q_EMIT toolCalled(turn, call.tool);
        if (!alive || !m_asking || m_asking->id != id)
            return;
    }
    // A tool may have been finished from inside its signal, and the next round be on its way.
    if (m_asking->waitsForTools && m_history.hasAllResults())
        toolsDone();
}

void OpenAiConversation::toolFinished(const QString& id, const QJsonObject& result)
{
    if (!m_asking || !m_asking->waitsForTools || !m_history.toolFinished(id, result))
        return;
    if (m_history.hasAllResults())
        toolsDone();
}

void OpenAiConversation::toolsDone()
{
    // The goodbye, or the request for the message, was said before the tool was called: nothing is left to ask.
    if ((m_asking->endCall || m_asking->takeMessage) && m_asking->saidAnything) {
        m_asking->waitsForTools = false;
        if (tell(m_asking->spoken.finish()))
            succeed();
        return;
    }
    startRound();
}

void OpenAiConversation::succeed()
{
    const std::unique_ptr<Asking> done = std::move(m_asking);
    Expectation next = expectation();
    next.interruptible = !(done->isGreeting && m_call.persona->greetingProtected);
    if (done->takeMessage && !done->endCall)
        next.kind = Expectation::Kind::Message;
    Q_EMIT finished(done->turn, next, done->endCall);
}

void OpenAiConversation::fail(const Error& error)
{
    const int turn = m_asking->turn;
    stop();
    Q_EMIT failed(turn, error);
}

Expectation OpenAiConversation::expectation() const
{
    Expectation next;
    next.recognition.language = m_call.language;
    if (m_call.persona) {
        if (next.recognition.language.isEmpty())
            next.recognition.language = m_call.persona->language;
        next.recognition.phrases = m_call.persona->phrases;
    }
    return next;
}

} // namespace kav::providers
