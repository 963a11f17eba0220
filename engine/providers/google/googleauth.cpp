// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googleauth.h"

#include "engine/providers/google/mailbox.h"
#include "engine/providers/redaction.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QThread>

#include <algorithm>
#include <mutex>
#include <openssl/crypto.h>
#include <utility>
#include <vector>

namespace kav::providers {

namespace {
constexpr std::chrono::minutes RenewBefore{5};
constexpr std::chrono::seconds TooLate{10}; // with less left than this, a token may end on its way
constexpr std::chrono::seconds LongestLife{12 * 3600};
constexpr Milliseconds FailureRest{2000};
constexpr Milliseconds TokenWait{3000};
constexpr qsizetype LongestTokenAnswer = 64 * 1024;

class WaitingAsk final : public GoogleAsk {
public:
    ~WaitingAsk() override { mailbox->close(); }
    const std::shared_ptr<Mailbox<GoogleAsk>> mailbox = std::make_shared<Mailbox<GoogleAsk>>(this);
};

void tellAnswer(Mailbox<GoogleAsk>& mailbox, const GoogleHeader& header)
{
    mailbox.post([header](GoogleAsk& ask) { Q_EMIT ask.answered(header); });
}

void tellFailure(Mailbox<GoogleAsk>& mailbox, const Error& error)
{
    mailbox.post([error](GoogleAsk& ask) { Q_EMIT ask.failed(error); });
}

Result<std::pair<QByteArray, Milliseconds>> readToken(const QByteArray& body)
{
    const QJsonObject object = QJsonDocument::fromJson(body).object();
    const QString token = object.value(QLatin1String("access_token")).toString();
    const bool isPlain =
        std::all_of(token.begin(), token.end(), [](QChar c) { return c > QLatin1Char(' ') && c < QChar(0x7f); });
    if (token.isEmpty() || !isPlain)
        return Error{
            Error::Code::Unavailable, QStringLiteral("the token address answered with something that is no token"), {}};
    const qint64 seconds = object.value(QLatin1String("expires_in")).toInteger(3600);
    return std::pair(
        token.toLatin1(), Milliseconds(std::chrono::seconds(std::clamp<qint64>(seconds, 1, LongestLife.count()))));
}

/// What a refusal by the token address means to whoever set the credentials.
Error tokenError(const Error& error, const GoogleCredentials& credentials)
{
    Error result = error;
    const QJsonObject object = QJsonDocument::fromJson(error.detail.toUtf8()).object();
    const QString kind = object.value(QLatin1String("error")).toString();
    const QString words = object.value(QLatin1String("error_description")).toString();
    result.detail = safeReason(words.isEmpty() ? kind : words);
    const auto refused = [&](const QString& why) {
        result.code = Error::Code::Denied;
        result.message = QStringLiteral("Google refuses the service account %1: %2").arg(credentials.email, why);
    };
    if (words.contains(QLatin1String("timeframe")) || words.contains(QLatin1String("iat and exp")))
        refused(QStringLiteral("the clock of this machine is wrong"));
    else if (words.contains(QLatin1String("Signature"), Qt::CaseInsensitive))
        refused(QStringLiteral("its key does not fit, it was revoked or replaced"));
    else if (words.contains(QLatin1String("account not found")))
        refused(QStringLiteral("there is no such account"));
    else if (kind == QLatin1String("invalid_grant") || kind == QLatin1String("invalid_client")
        || kind == QLatin1String("unauthorized_client") || error.code == Error::Code::Denied)
        refused(QStringLiteral("it answered %1").arg(kind.isEmpty() ? error.message : safeReason(kind)));
    else
        result.message = QStringLiteral("no access token from Google: ") + error.message;
    return result;
}
} // namespace

struct GoogleAuth::Private final {
    struct Token final {
        GoogleHeader header;
        Instant obtained;
        QDateTime wallObtained;
        Milliseconds life{0};

        Milliseconds left(const Clock& clock) const
        {
            const Milliseconds wall(wallObtained.msecsTo(clock.wallNow()));
            return life - std::max(elapsed(obtained, clock.now()), wall);
        }
        bool isUsable(const Clock& clock) const { return !header.value.isEmpty() && left(clock) > TooLate; }
        bool isFresh(const Clock& clock) const { return left(clock) > std::min<Milliseconds>(RenewBefore, life / 2); }
    };

    Private(GoogleCredentials who, std::shared_ptr<HttpPool> connections, const Clock& time)
        : credentials(std::move(who))
        , pool(std::move(connections))
        , clock(time)
    {
    }
    // With the mutex held.
    void startFetch()
    {
        if (fetching)
            return;
        fetching = true;
        if (!thread.isRunning())
            thread.start();
        QMetaObject::invokeMethod(
            &fetcher, [this] { fetch(); }, Qt::QueuedConnection);
    }
    bool isResting() const
    {
        return failure && elapsed(failedAt, clock.now()) < std::max(FailureRest, failure->retryAfter);
    }
    // On the thread.
    void fetch();
    void conclude(const Result<std::pair<QByteArray, Milliseconds>>& answer);

    const GoogleCredentials credentials;
    const std::shared_ptr<HttpPool> pool;
    const Clock& clock;
    QThread thread;
    QObject fetcher; // lives on the thread
    std::unique_ptr<HttpCall> call; // the thread's
    QByteArray body; // the thread's
    bool cleansUp = false; // the thread's

    std::mutex mutex; // guards the rest
    Token token;
    bool fetching = false;
    std::optional<Error> failure;
    Instant failedAt;
    std::vector<std::shared_ptr<Mailbox<GoogleAsk>>> waiting;
};

void GoogleAuth::Private::fetch()
{
    const Result<QByteArray> claim = signGoogleClaim(credentials, clock.wallNow());
    if (!claim) {
        conclude(claim.error());
        return;
    }
    HttpRequest request;
    request.url = credentials.tokenUrl;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + *claim;
    request.firstByte = request.stall = request.total = TokenWait;
    request.limit = LongestTokenAnswer;
    body.clear();
    call = pool->start(request);
    if (!std::exchange(cleansUp, true)) {
        // After the pool's own end of this thread. OpenSSL would free what it keeps for a thread when the system ends
        // it, which is later than QThread::wait() and, at the end of the process, may be never.
        QObject::connect(
            &thread, &QThread::finished, &fetcher, [] { OPENSSL_thread_stop(); }, Qt::DirectConnection);
    }
    QObject::connect(call.get(), &HttpCall::data, &fetcher, [this](const QByteArray& bytes) { body += bytes; });
    QObject::connect(call.get(), &HttpCall::finished, &fetcher, [this] { conclude(readToken(body)); });
    QObject::connect(call.get(), &HttpCall::failed, &fetcher,
        [this](const Error& error) { conclude(tokenError(error, credentials)); });
}

void GoogleAuth::Private::conclude(const Result<std::pair<QByteArray, Milliseconds>>& answer)
{
    if (call)
        call.release()->deleteLater(); // we are inside its signal
    std::vector<std::shared_ptr<Mailbox<GoogleAsk>>> told;
    {
        const std::lock_guard lock(mutex);
        fetching = false;
        told.swap(waiting);
        if (answer) {
            token = {{"authorization", "Bearer " + answer->first}, clock.now(), clock.wallNow(), answer->second};
            failure.reset();
        } else {
            failure = answer.error();
            failedAt = clock.now();
        }
    }
    for (const auto& mailbox : told) {
        if (answer)
            tellAnswer(*mailbox, {"authorization", "Bearer " + answer->first});
        else
            tellFailure(*mailbox, answer.error());
    }
}

GoogleAuth::GoogleAuth(GoogleCredentials credentials, std::shared_ptr<HttpPool> pool, const Clock& clock)
    : d(std::make_unique<Private>(std::move(credentials), std::move(pool), clock))
{
    d->thread.setObjectName(QStringLiteral("google-token"));
    d->fetcher.moveToThread(&d->thread);
    // Its call belongs to the thread and ends there.
    QObject::connect(
        &d->thread, &QThread::finished, &d->fetcher, [this] { d->call.reset(); }, Qt::DirectConnection);
}

GoogleAuth::~GoogleAuth()
{
    d->thread.quit();
    d->thread.wait();
}

std::optional<GoogleHeader> GoogleAuth::header()
{
    if (d->credentials.isApiKey())
        return GoogleHeader{"x-goog-api-key", d->credentials.apiKey};
    const std::lock_guard lock(d->mutex);
    if (!d->token.isUsable(d->clock))
        return std::nullopt;
    if (!d->token.isFresh(d->clock) && !d->isResting())
        d->startFetch();
    return d->token.header;
}

std::unique_ptr<GoogleAsk> GoogleAuth::ask()
{
    auto ask = std::make_unique<WaitingAsk>();
    if (const auto ready = header()) {
        tellAnswer(*ask->mailbox, *ready);
        return ask;
    }
    const std::lock_guard lock(d->mutex);
    if (d->token.isUsable(d->clock)) { // it came in between
        tellAnswer(*ask->mailbox, d->token.header);
    } else if (!d->fetching && d->isResting()) {
        tellFailure(*ask->mailbox, *d->failure);
    } else {
        d->waiting.push_back(ask->mailbox);
        d->startFetch();
    }
    return ask;
}

void GoogleAuth::reject(const GoogleHeader& header)
{
    const std::lock_guard lock(d->mutex);
    if (d->token.header == header)
        d->token = {};
}

QStringList GoogleAuth::secrets() const
{
    if (d->credentials.isApiKey())
        return {QString::fromLatin1(d->credentials.apiKey)};
    const std::lock_guard lock(d->mutex);
    return {QString::fromLatin1(d->token.header.value.mid(qsizetype(sizeof "Bearer " - 1)))};
}

} // namespace kav::providers
