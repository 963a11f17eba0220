// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/deepgram/deepgramstream.h"

#include "engine/media/g711.h"
#include "engine/providers/http/vendor.h"
#include "engine/providers/persona.h"
#include "engine/providers/redaction.h"
#include "shared/core/logging.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QPointer>
#include <QThread>
#include <QUrlQuery>

#include <algorithm>
#include <cmath>

namespace kav::providers {

namespace {

constexpr qint64 SamplesPerMs = media::SampleRate / 1000;
// How far Deepgram's times may be off: two that mean the same moment.
constexpr qint64 Rounding = 5 * SamplesPerMs;
// A word that begins later than this before the end of an utterance is none.
constexpr qint64 LastMoment = 100 * SamplesPerMs;
constexpr qsizetype LargestFrame = 8000;
// Handed to the socket and not taken by the network: more than two utterances' worth is a peer that is not there.
constexpr qsizetype MostUnsent = 640 * 1024;
constexpr Milliseconds BusyLook{50}, IdleLook{500};
constexpr Milliseconds FirstPause{1000}, LongestPause{30000};
// The socket's own timer, for a clock that stands still.
constexpr Milliseconds SocketSlack{10000};

/// Says goodbye and lets the socket die by itself. Never at once: this may be one of its own signals.
void retire(std::unique_ptr<net::WebSocketClient> socket)
{
    net::WebSocketClient* const leaving = socket.release();
    leaving->disconnect();
    if (!leaving->isOpen()) {
        leaving->deleteLater();
        return;
    }
    QObject::connect(leaving, &net::WebSocketClient::closed, leaving, &QObject::deleteLater);
    QObject::connect(QThread::currentThread(), &QThread::finished, leaving, &QObject::deleteLater);
    leaving->sendText(R"({"type":"CloseStream"})");
    leaving->close(1000);
}

Error refusal(const QString& host, int status, const QString& words, Milliseconds retryAfter)
{
    return statusError(
        host, status, words, retryAfter, QStringLiteral("the language, the model or another setting is refused"));
}

/// Nothing that is asked again in the same way would be answered in another.
bool isFinalRefusal(Error::Code code)
{
    return code == Error::Code::Denied || code == Error::Code::NotFound || code == Error::Code::LimitExceeded
        || code == Error::Code::Invalid;
}

qint64 samplesOf(double seconds)
{
    return std::isfinite(seconds) ? qint64(std::clamp(seconds, 0.0, 1e7) * media::SampleRate + 0.5) : 0;
}

void joinTo(QString& text, const QString& more)
{
    const qsizetype room = DeepgramStream::LongestText - text.size() - 1;
    if (more.isEmpty() || room <= 0)
        return;
    if (!text.isEmpty())
        text += QLatin1Char(' ');
    text += QStringView(more).left(room);
}

} // namespace

DeepgramStream::DeepgramStream(const DeepgramSettings& settings, const CallInfo& call, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
    , m_callId(call.callId)
    , m_language(deepgramLanguage(call.language))
{
    connect(&m_timer, &QTimer::timeout, this, &DeepgramStream::look);
    if (call.persona)
        addHints(call.persona->phrases);
    connectNow();
}

DeepgramStream::~DeepgramStream()
{
    disconnectNow();
}

// ---- what the call says ---------------------------------------------------------------------------------------------

void DeepgramStream::beginUtterance(int id, const RecognitionContext& context)
{
    KAV_ASSERT_THREAD(this);
    if (!m_utterances.empty() && !m_utterances.back().hasEnded)
        dropUtterance(m_utterances.back().id);
    const QString language = deepgramLanguage(context.language);
    if (language != m_language) {
        // What is under way was spoken in the other one: its final is what is known by now.
        m_language = language;
        for (const Utterance& old : m_utterances)
            finishSoon(old.id);
        addHints(context.phrases);
        disconnectNow();
    } else if (addHints(context.phrases) && m_utterances.empty()) {
        disconnectNow();
    }
    if (m_utterances.size() >= size_t(MostUnderWay))
        finishSoon(m_utterances.front().id);
    Utterance utterance;
    utterance.id = id;
    m_utterances.push_back(utterance);
    m_unanswered = 0;
    if (m_clock.now() < m_refusedUntil) {
        Error error = m_refusal;
        error.retryAfter = elapsed(m_clock.now(), m_refusedUntil);
        failSoon(id, error);
    } else if (!m_socket) {
        connectNow();
    }
    pace();
}

void DeepgramStream::write(std::span<const qint16> pcm)
{
    KAV_ASSERT_THREAD(this);
    if (m_utterances.empty() || m_utterances.back().hasEnded)
        return;
    Utterance& utterance = m_utterances.back();
    const qsizetype before = utterance.audio.size();
    utterance.audio.resize(before + qsizetype(pcm.size()));
    media::encodeMulaw(pcm, {reinterpret_cast<quint8*>(utterance.audio.data()) + before, pcm.size()});
    flush();
    if (utterance.audio.size() <= m_settings.longestUtterance.count() * SamplesPerMs)
        return;
    if (utterance.sent == utterance.audio.size()) {
        utterance.isKept = false;
        utterance.audio.clear();
        utterance.sent = 0;
    } else {
        failSoon(utterance.id,
            {Error::Code::Unavailable,
                QStringLiteral("%1 took none of %2 ms of audio")
                    .arg(m_settings.url.host())
                    .arg(m_settings.longestUtterance.count()),
                {}});
        utterance.hasEnded = true;
        utterance.audio.clear();
        utterance.sent = 0;
    }
}

void DeepgramStream::endUtterance(int id)
{
    KAV_ASSERT_THREAD(this);
    Utterance* const utterance = find(id);
    if (!utterance || utterance->hasEnded)
        return;
    utterance->hasEnded = true;
    const bool isSilent = utterance->begin < 0 && utterance->audio.isEmpty();
    flush();
    // Deepgram does not answer a Finalize that leaves it nothing to do.
    if (isSilent || (utterance->isFinalized && utterance->covered >= utterance->end - Rounding))
        finishSoon(id);
}

void DeepgramStream::dropUtterance(int id)
{
    KAV_ASSERT_THREAD(this);
    const Utterance* const utterance = find(id);
    if (!utterance)
        return;
    if (utterance->begin >= 0 && !utterance->isFinalized)
        sendText(R"({"type":"Finalize"})");
    remove(id);
}

// ---- the connection -------------------------------------------------------------------------------------------------

bool DeepgramStream::addHints(const QStringList& phrases)
{
    bool isNew = false;
    for (const QString& phrase : phrases) {
        const QString hint = phrase.simplified();
        const qsizetype bytes = QUrl::toPercentEncoding(hint).size() + qsizetype(sizeof "&keywords=");
        if (hint.isEmpty() || m_hints.contains(hint, Qt::CaseInsensitive) || m_hintBytes + bytes > MostHintBytes)
            continue;
        m_hints.append(hint);
        m_hintBytes += bytes;
        isNew = true;
    }
    return isNew;
}

net::WebSocketClient::Target DeepgramStream::target() const
{
    const QUrl& url = m_settings.url;
    net::WebSocketClient::Target target;
    target.tls = url.scheme() == QLatin1String("wss") || url.scheme() == QLatin1String("https");
    target.connectHost = target.tlsName = url.host();
    target.connectPort = quint16(url.port(target.tls ? 443 : 80));
    target.host = url.host(QUrl::FullyEncoded).toLatin1();
    if (url.port() > 0)
        target.host += ':' + QByteArray::number(url.port());
    QByteArray query = url.query(QUrl::FullyEncoded).toLatin1();
    const auto add = [&query](const char* name, const QString& value) {
        query += (query.isEmpty() ? "" : "&") + QByteArray(name) + '=' + QUrl::toPercentEncoding(value);
    };
    add("model", m_settings.model);
    add("language", m_language);
    add("encoding", QStringLiteral("mulaw"));
    add("sample_rate", QString::number(media::SampleRate));
    add("channels", QStringLiteral("1"));
    add("interim_results", QStringLiteral("true"));
    // The turn machine decides when the caller has finished, and numbers are wanted as words.
    add("endpointing", QStringLiteral("false"));
    add("punctuate", m_settings.punctuate ? QStringLiteral("true") : QStringLiteral("false"));
    const bool takesPhrases = m_settings.model.startsWith(QLatin1String("nova-3"));
    for (const QString& hint : m_hints) {
        if (takesPhrases)
            add("keyterm", hint);
        else if (!hint.contains(QLatin1Char(' '))) // older models know single words only
            add("keywords", hint);
    }
    target.path = url.path(QUrl::FullyEncoded).toLatin1() + '?' + query;
    if (!m_settings.key.isEmpty())
        target.headers.append({QByteArrayLiteral("Authorization"), "Token " + m_settings.key.toLatin1()});
    return target;
}

void DeepgramStream::connectNow()
{
    disconnectNow();
    m_reconnects = false;
    m_connectBegan = m_clock.now();
    m_socket = std::make_unique<net::WebSocketClient>();
    connect(m_socket.get(), &net::WebSocketClient::opened, this, &DeepgramStream::onOpened);
    connect(m_socket.get(), &net::WebSocketClient::failed, this, &DeepgramStream::onRefused);
    connect(m_socket.get(), &net::WebSocketClient::closed, this,
        [this](bool, quint16 code, const QString& reason) { onClosed(code, reason); });
    connect(m_socket.get(), &net::WebSocketClient::textReceived, this, &DeepgramStream::onText);
    m_socket->open(target(), m_settings.connect + SocketSlack);
    pace();
}

void DeepgramStream::disconnectNow()
{
    if (m_socket)
        retire(std::move(m_socket));
    m_sent = m_unanswered = 0;
}

void DeepgramStream::onOpened()
{
    m_refusedUntil = {};
    m_lastSent = m_lastMessage = m_clock.now();
    flush();
}

void DeepgramStream::onRefused(int status, const QString& reason)
{
    const LogCall logged(m_callId);
    const QString host = m_settings.url.host();
    if (status == 0 || status == 101) {
        lost({Error::Code::Unavailable, QStringLiteral("no connection to %1").arg(host),
                 safeReason(reason, {m_settings.key})},
            true);
        return;
    }
    const QByteArray why = m_socket->answerHeader("dg-error");
    const int seconds = m_socket->answerHeader("retry-after").toInt();
    const Error error =
        refusal(host, status, safeReason(why.isEmpty() ? reason : QString::fromUtf8(why), {m_settings.key}),
            std::chrono::seconds(std::clamp(seconds, 0, 3600)));
    lost(error, !isFinalRefusal(error.code));
}

void DeepgramStream::onClosed(quint16 code, const QString& reason)
{
    const LogCall logged(m_callId);
    const Error error{Error::Code::Unavailable,
        QStringLiteral("%1 ended the connection (%2)").arg(m_settings.url.host()).arg(code),
        safeReason(reason, {m_settings.key})};
    // A policy is not broken by chance; a bad frame may have been one.
    lost(error, code != 1008 && code != 1003);
}

void DeepgramStream::lost(const Error& error, bool again)
{
    disconnectNow();
    const Instant now = m_clock.now();
    if (error.retryAfter > Milliseconds(0)) {
        m_refusedUntil = now + error.retryAfter;
        m_refusal = error;
        again = false;
    }
    QList<int> failed;
    for (Utterance& utterance : m_utterances) {
        if (!again || utterance.wasResent || !utterance.isKept) {
            failed.append(utterance.id);
            continue;
        }
        Utterance fresh;
        fresh.id = utterance.id;
        fresh.audio = utterance.audio;
        fresh.hasEnded = utterance.hasEnded;
        fresh.told = utterance.told;
        fresh.wasResent = true;
        utterance = fresh;
    }
    for (const int id : std::as_const(failed))
        remove(id);
    qCInfo(lcStt, "call %s: Deepgram's connection is lost: %s", qPrintable(m_callId), qPrintable(toString(error)));
    if (!m_utterances.empty()) {
        connectNow();
    } else if (!isFinalRefusal(error.code)) { // those are asked again when somebody speaks
        const Milliseconds pause = std::min(LongestPause, FirstPause * (1 << std::min(m_failures, 5)));
        ++m_failures;
        m_reconnects = true;
        m_reconnectAt = std::max(now + pause, m_refusedUntil);
    }
    pace();
    const QPointer<DeepgramStream> guard(this);
    for (const int id : std::as_const(failed)) {
        Q_EMIT this->failed(id, error);
        if (!guard)
            return;
    }
}

void DeepgramStream::sendText(const char* json)
{
    if (!m_socket || !m_socket->isOpen())
        return;
    m_socket->sendText(json);
    m_lastSent = m_clock.now();
}

void DeepgramStream::flush()
{
    if (!m_socket || !m_socket->isOpen())
        return;
    const Instant now = m_clock.now();
    for (Utterance& utterance : m_utterances) {
        while (utterance.sent < utterance.audio.size()) {
            if (utterance.begin < 0)
                utterance.begin = m_sent;
            const QByteArrayView rest = QByteArrayView(utterance.audio).sliced(utterance.sent);
            const QByteArrayView piece = rest.first(std::min(rest.size(), LargestFrame));
            m_socket->sendFrame(net::WebSocketClient::Opcode::Binary, piece);
            utterance.sent += piece.size();
            m_sent += piece.size();
            m_unanswered += piece.size();
            m_lastSent = now;
        }
        if (!utterance.hasEnded)
            return;
        if (!utterance.isFinalized && utterance.begin >= 0) {
            sendText(R"({"type":"Finalize"})");
            utterance.isFinalized = true;
            utterance.finalizedAt = now;
            utterance.end = m_sent;
        }
    }
}

void DeepgramStream::pace()
{
    const bool isBusy = !m_utterances.empty() || (m_socket && !m_socket->isOpen());
    const Milliseconds every = isBusy ? BusyLook : IdleLook;
    if (!m_timer.isActive() || m_timer.intervalAsDuration() != every)
        m_timer.start(every);
}

void DeepgramStream::look()
{
    const LogCall logged(m_callId);
    pace();
    const Instant now = m_clock.now();
    const QString host = m_settings.url.host();
    if (!m_socket) {
        if (m_reconnects && now >= m_reconnectAt)
            connectNow();
        return;
    }
    if (!m_socket->isOpen()) {
        if (now - m_connectBegan >= m_settings.connect)
            lost({Error::Code::Timeout,
                     QStringLiteral("%1 did not open a connection within %2 ms")
                         .arg(host)
                         .arg(m_settings.connect.count()),
                     {}},
                false);
        return;
    }
    if (!m_utterances.empty()) {
        const Utterance& oldest = m_utterances.front();
        if (oldest.isFinalized && now - oldest.finalizedAt >= m_settings.finalWait) {
            if (oldest.answeredEnd) {
                finish(oldest.id);
            } else {
                lost({Error::Code::Timeout,
                         QStringLiteral("%1 gave no final within %2 ms of the end of an utterance")
                             .arg(host)
                             .arg(m_settings.finalWait.count()),
                         {}},
                    false);
            }
            return;
        }
        const bool isUnanswered =
            m_unanswered >= m_settings.silence.count() * SamplesPerMs && now - m_lastMessage >= m_settings.silence;
        if (isUnanswered || m_socket->unsentBytes() > MostUnsent) {
            lost(
                {Error::Code::Timeout,
                    QStringLiteral("%1 said nothing to %2 ms of audio").arg(host).arg(m_unanswered / SamplesPerMs), {}},
                false);
            return;
        }
    }
    if (now - m_lastSent >= m_settings.keepAlive)
        sendText(R"({"type":"KeepAlive"})");
}

// ---- what Deepgram says ---------------------------------------------------------------------------------------------

void DeepgramStream::onText(const QByteArray& utf8)
{
    const LogCall logged(m_callId);
    QJsonParseError parsing;
    const QJsonDocument document = QJsonDocument::fromJson(utf8, &parsing);
    const QString host = m_settings.url.host();
    if (!document.isObject()) {
        lost({Error::Code::Unavailable, QStringLiteral("%1 sent something that is no JSON object").arg(host),
                 parsing.errorString()},
            true);
        return;
    }
    m_failures = 0;
    m_lastMessage = m_clock.now();
    m_unanswered = 0;
    const QJsonObject message = document.object();
    const QString type = message.value(QLatin1String("type")).toString();
    if (type == QLatin1String("Results")) {
        onResults(message);
    } else if (type == QLatin1String("Error")) {
        QString words = message.value(QLatin1String("description")).toString();
        if (words.isEmpty())
            words = message.value(QLatin1String("message")).toString();
        lost({Error::Code::Unavailable, QStringLiteral("%1 reported an error").arg(host),
                 safeReason(words, {m_settings.key})},
            true);
    }
    // Metadata, SpeechStarted, UtteranceEnd and whatever comes to be say nothing that is needed here.
}

void DeepgramStream::onResults(const QJsonObject& results)
{
    const QJsonValue start = results.value(QLatin1String("start"));
    const QJsonValue length = results.value(QLatin1String("duration"));
    // A server that does not say where it is means what it has heard so far.
    const qint64 end = start.isDouble() && length.isDouble()
        ? std::min(m_sent, samplesOf(start.toDouble() + length.toDouble()))
        : m_sent;
    // Results come in the order of the sound: one beyond an utterance's end means that nothing more comes of it.
    const QPointer<DeepgramStream> guard(this);
    while (!m_utterances.empty() && m_utterances.front().isFinalized && end > m_utterances.front().end + Rounding) {
        finish(m_utterances.front().id);
        if (!guard)
            return;
    }
    if (m_utterances.empty() || m_utterances.front().begin < 0 || end <= m_utterances.front().begin + Rounding)
        return; // of an utterance that was dropped, or is over
    Utterance& utterance = m_utterances.front();

    const QJsonObject best = results.value(QLatin1String("channel"))
                                 .toObject()
                                 .value(QLatin1String("alternatives"))
                                 .toArray()
                                 .first()
                                 .toObject();
    const QString words = best.value(QLatin1String("transcript")).toString().left(LongestText).simplified().toLower();
    const bool isFinal = results.value(QLatin1String("is_final")).toBool();
    if (isFinal) {
        utterance.answeredEnd = utterance.isFinalized;
        joinTo(utterance.finals, words);
        const qsizetype count = words.isEmpty() ? 0 : words.count(QLatin1Char(' ')) + 1;
        utterance.confidence +=
            double(count) * std::clamp(best.value(QLatin1String("confidence")).toDouble(), 0.0, 1.0);
        utterance.words += count;
        utterance.interim.clear();
        utterance.covered = end;
    } else {
        utterance.interim = words;
    }
    const bool isLast = results.value(QLatin1String("from_finalize")).toBool()
        || (isFinal && utterance.covered >= utterance.end - LastMoment);
    if (utterance.isFinalized && isLast) {
        finish(utterance.id);
        return;
    }
    Transcript transcript = transcriptOf(utterance);
    transcript.stable = isFinal;
    const bool isNew = transcript.text != utterance.told || (isFinal && !utterance.toldStable);
    if (transcript.text.isEmpty() || !isNew)
        return;
    utterance.told = transcript.text;
    utterance.toldStable = isFinal;
    Q_EMIT partial(utterance.id, transcript);
}

Transcript DeepgramStream::transcriptOf(const Utterance& utterance) const
{
    Transcript transcript;
    transcript.text = utterance.finals;
    joinTo(transcript.text, utterance.interim);
    transcript.confidence = utterance.words > 0 ? utterance.confidence / double(utterance.words) : 0;
    return transcript;
}

// ---- the utterances -------------------------------------------------------------------------------------------------

DeepgramStream::Utterance* DeepgramStream::find(int id)
{
    const auto at =
        std::find_if(m_utterances.begin(), m_utterances.end(), [id](const Utterance& u) { return u.id == id; });
    return at == m_utterances.end() ? nullptr : &*at;
}

bool DeepgramStream::remove(int id)
{
    const auto count = std::erase_if(m_utterances, [id](const Utterance& u) { return u.id == id; });
    pace();
    return count > 0;
}

void DeepgramStream::finish(int id)
{
    const Utterance* const utterance = find(id);
    if (!utterance)
        return;
    const Transcript transcript = transcriptOf(*utterance);
    remove(id);
    Q_EMIT finished(id, transcript);
}

void DeepgramStream::finishSoon(int id)
{
    QMetaObject::invokeMethod(
        this, [this, id] { finish(id); }, Qt::QueuedConnection);
}

void DeepgramStream::failSoon(int id, const Error& error)
{
    QMetaObject::invokeMethod(
        this,
        [this, id, error] {
            if (remove(id)) Q_EMIT
                failed(id, error);
        },
        Qt::QueuedConnection);
}

} // namespace kav::providers
