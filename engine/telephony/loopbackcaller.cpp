// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/loopbackcaller.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/twiliosignature.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QHostAddress>
#include <QNetworkProxy>
#include <QNetworkReply>
#include <QNetworkRequest>
#include <QRegularExpression>

#include <cmath>

namespace kav::telephony {

namespace {

constexpr int MaxDocuments = 10; ///< Twilio follows as many redirects before it gives up
constexpr qsizetype MaxAnswerBytes = 256 * 1024;
constexpr int LoudRms = 200; ///< as in SpeechWatcher
constexpr Milliseconds KeySpacing{200};
constexpr Milliseconds KeyPause{500};

QString textOf(const QByteArray& bytes)
{
    return QString::fromUtf8(bytes);
}

QString hostAndPort(const QUrl& url)
{
    return url.port() < 0 ? url.host() : QStringLiteral("%1:%2").arg(url.host()).arg(url.port());
}

/// The URL as Twilio signs it: fully escaped, and https without its port.
QByteArray signedUrl(QUrl url)
{
    if (url.scheme() == QLatin1String("https"))
        url.setPort(-1);
    return url.toEncoded(QUrl::RemoveFragment | QUrl::RemoveUserInfo);
}

} // namespace

FormField testField()
{
    return {QStringLiteral("KavTest"), QStringLiteral("1")};
}

LoopbackCaller::LoopbackCaller(CallSettings settings, const Clock& clock, QObject* parent)
    : QObject(parent)
    , m_settings(std::move(settings))
    , m_clock(clock)
    , m_ids(m_settings.ids.value_or(StreamIds::random()))
    , m_script(m_settings.script)
{
    m_http.setProxy(QNetworkProxy::NoProxy);
    m_timer.setTimerType(Qt::PreciseTimer);
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &LoopbackCaller::tick);
    m_outcome.callSid = m_ids.callSid;
    setNoise(m_settings.noiseDbfs);
}

LoopbackCaller::~LoopbackCaller() = default;

void LoopbackCaller::start()
{
    Q_ASSERT(m_phase == Phase::Idle);
    m_phase = Phase::Webhook;
    m_callBegan = m_clock.now();
    FormBody form = callFields(QStringLiteral("ringing"));
    for (const FormField& field : std::as_const(m_settings.extraFields))
        form.append(field.name, field.value);
    fetchTwiml(asPublic(m_settings.to), form);
}

FormBody LoopbackCaller::callFields(const QString& status) const
{
    return FormBody({{QStringLiteral("CallSid"), m_ids.callSid}, {QStringLiteral("AccountSid"), m_ids.accountSid},
        {QStringLiteral("From"), m_settings.from}, {QStringLiteral("To"), m_settings.toNumber},
        {QStringLiteral("Caller"), m_settings.from}, {QStringLiteral("Called"), m_settings.toNumber},
        {QStringLiteral("CallStatus"), status}, {QStringLiteral("ApiVersion"), QStringLiteral("2010-04-01")},
        {QStringLiteral("Direction"), QStringLiteral("inbound")}, {QStringLiteral("FromCity"), {}}});
}

bool LoopbackCaller::isLoopbackHost(const QString& host) const
{
    if (host.compare(QLatin1String("localhost"), Qt::CaseInsensitive) == 0)
        return true;
    const QHostAddress address(host);
    return !address.isNull() && address.isLoopback();
}

/// What the proxy before the engine takes off the paths: "/kav", or nothing.
QString LoopbackCaller::proxyPrefix() const
{
    QString prefix = m_settings.publicUrl.path();
    while (prefix.endsWith(QLatin1Char('/')))
        prefix.chop(1);
    return prefix;
}

/// The engine's own URL as the outside world writes it.
QUrl LoopbackCaller::asPublic(QUrl url) const
{
    if (m_settings.publicUrl.isEmpty())
        return url;
    url.setScheme(m_settings.publicUrl.scheme());
    url.setHost(m_settings.publicUrl.host());
    url.setPort(m_settings.publicUrl.port());
    url.setPath(proxyPrefix() + url.path());
    return url;
}

/// The path that arrives at the engine when `url`, as the outside world writes it, is requested.
QString LoopbackCaller::pathBehindProxy(const QUrl& url) const
{
    const QString prefix = proxyPrefix();
    const bool isBehind = !prefix.isEmpty() && url.host() == m_settings.publicUrl.host()
        && url.path().startsWith(QString(prefix + QLatin1Char('/')));
    return isBehind ? url.path().mid(prefix.size()) : url.path();
}

std::pair<QString, quint16> LoopbackCaller::connectTarget() const
{
    const qsizetype colon = m_settings.connectTo.lastIndexOf(QLatin1Char(':'));
    if (!m_settings.connectTo.isEmpty() && colon > 0) {
        return {m_settings.connectTo.left(colon),
            static_cast<quint16>(QStringView(m_settings.connectTo).mid(colon + 1).toUInt())};
    }
    return {m_settings.to.host(),
        static_cast<quint16>(m_settings.to.port(m_settings.to.scheme() == QLatin1String("https") ? 443 : 80))};
}

/// `url` is the address as the engine's owner knows it; the connection may go elsewhere.
void LoopbackCaller::post(const QUrl& url, const FormBody& form, Answer answer)
{
    QUrl actual = url;
    actual.setPath(pathBehindProxy(url));
    const bool viaProxyName = !m_settings.publicUrl.isEmpty() && url.host() == m_settings.publicUrl.host();
    if (!m_settings.connectTo.isEmpty() || viaProxyName) {
        const auto [host, port] = connectTarget();
        actual.setScheme(m_settings.connectTo.isEmpty() ? m_settings.to.scheme() : QStringLiteral("http"));
        actual.setHost(host);
        actual.setPort(port);
    } else if (isLoopbackHost(url.host())) {
        actual.setScheme(QStringLiteral("http"));
        if (url.port() < 0)
            actual.setPort(m_settings.to.port(80));
    }
    QNetworkRequest request(actual);
    request.setRawHeader("Host", hostAndPort(url).toUtf8());
    request.setHeader(QNetworkRequest::UserAgentHeader, QStringLiteral("TwilioProxy/1.1"));
    request.setHeader(
        QNetworkRequest::ContentTypeHeader, QStringLiteral("application/x-www-form-urlencoded; charset=UTF-8"));
    request.setRawHeader("I-Twilio-Idempotency-Token", StreamIds::random().streamSid.mid(2).toLatin1());
    request.setAttribute(QNetworkRequest::RedirectPolicyAttribute, QNetworkRequest::ManualRedirectPolicy);
    request.setTransferTimeout(static_cast<int>(m_settings.httpTimeout.count()));
    if (!m_settings.authToken.isEmpty()) {
        request.setRawHeader(
            "X-Twilio-Signature", computeSignature(m_settings.authToken, signedUrl(url), form.fields()));
    }
    QNetworkReply* reply = m_http.post(request, form.encode());
    ++m_pendingPosts;
    connect(reply, &QNetworkReply::readyRead, this, [reply] {
        if (reply->bytesAvailable() > MaxAnswerBytes)
            reply->abort();
    });
    connect(reply, &QNetworkReply::finished, this, [this, reply, answer = std::move(answer)] {
        reply->deleteLater();
        --m_pendingPosts;
        const int status = reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
        const QByteArray type = reply->header(QNetworkRequest::ContentTypeHeader).toString().toUtf8();
        answer(status, type, status == 0 ? reply->errorString().toUtf8() : reply->readAll());
        finishWhenQuiet();
    });
}

void LoopbackCaller::fetchTwiml(const QUrl& url, const FormBody& form)
{
    if (++m_documents > MaxDocuments) {
        failCall(QStringLiteral("more than %1 TwiML documents").arg(MaxDocuments));
        return;
    }
    m_documentUrl = url;
    add(QStringLiteral("line"), QStringLiteral("webhook"), url.path());
    post(url, form, [this, url](int status, const QByteArray& type, const QByteArray& body) {
        if (m_phase == Phase::Finished || m_callEnded)
            return;
        if (status < 200 || status > 299) {
            failCall(
                QStringLiteral("%1 answered %2").arg(url.path(), status == 0 ? textOf(body) : QString::number(status)));
            return;
        }
        if (body.isEmpty()) {
            add(QStringLiteral("line"), QStringLiteral("twiml"), QStringLiteral("empty answer %1").arg(status));
            m_verbs.clear();
            obey();
            return;
        }
        if (!type.startsWith("text/xml") && !type.startsWith("application/xml")) {
            failCall(QStringLiteral("%1 answered Content-Type \"%2\", not text/xml")
                         .arg(url.path(), logSafe(textOf(type), 60)));
            return;
        }
        const auto document = TwimlDocument::parse(body);
        if (!document) {
            failCall(QStringLiteral("%1: %2").arg(url.path(), document.error().message));
            return;
        }
        for (const QString& warning : document->warnings())
            add(QStringLiteral("line"), QStringLiteral("twiml-warning"), warning);
        m_verbs.assign(document->verbs().begin(), document->verbs().end());
        obey();
    });
}

/// Goes on with the document until a verb takes time.
void LoopbackCaller::obey()
{
    while (!m_callEnded && m_phase != Phase::Opening && m_phase != Phase::Streaming) {
        if (m_verbs.empty()) {
            endCall();
            return;
        }
        const TwimlVerb verb = std::move(m_verbs.front());
        m_verbs.pop_front();
        const int documents = m_documents;
        obeyVerb(verb);
        if (documents != m_documents)
            return; // the next document is on its way
    }
}

void LoopbackCaller::obeyVerb(const TwimlVerb& verb)
{
    using VerbKind = TwimlVerb::Kind;
    const QString line = QStringLiteral("line");
    switch (verb.kind) {
    case VerbKind::Connect: {
        const TwimlVerb* stream = verb.child(VerbKind::Stream);
        if (stream == nullptr)
            add(line, QStringLiteral("connect"), QStringLiteral("to something other than a stream: skipped"));
        else if (m_streamWasOpen || m_socket != nullptr)
            add(line, QStringLiteral("connect"), QStringLiteral("a second stream is not opened"));
        else
            openStream(verb, *stream);
        return;
    }
    case VerbKind::Say:
        add(line, QStringLiteral("say"), logSafe(verb.text, 500));
        return;
    case VerbKind::Play:
    case VerbKind::Dial:
    case VerbKind::Start:
        add(line, verb.name.toLower(), logSafe(verb.text));
        return;
    case VerbKind::Pause:
        add(line, QStringLiteral("pause"),
            verb.attributes.value(QStringLiteral("length"), QStringLiteral("1")) + QStringLiteral(" s"));
        return;
    case VerbKind::Record:
        add(line, QStringLiteral("record"), QStringLiteral("the caller leaves no message"));
        return;
    case VerbKind::Gather:
        for (const TwimlVerb& child : verb.children)
            obeyVerb(child);
        add(line, QStringLiteral("gather"), QStringLiteral("the caller gives no input"));
        return;
    case VerbKind::Redirect:
        m_verbs.clear();
        fetchTwiml(m_documentUrl.resolved(QUrl(verb.text)), callFields(QStringLiteral("in-progress")));
        return;
    case VerbKind::Hangup:
    case VerbKind::Reject:
        add(line, verb.name.toLower(), verb.attribute(QStringLiteral("reason")));
        m_verbs.clear();
        return;
    case VerbKind::Stream:
    case VerbKind::Parameter:
    case VerbKind::Number:
        add(line, QStringLiteral("twiml-warning"), QStringLiteral("<%1> is out of place").arg(verb.name));
        return;
    }
}

void LoopbackCaller::openStream(const TwimlVerb& connectVerb, const TwimlVerb& stream)
{
    const QString action = connectVerb.attribute(QStringLiteral("action"));
    m_action = action.isEmpty() ? QUrl() : m_documentUrl.resolved(QUrl(action));
    const QString callback = stream.attribute(QStringLiteral("statusCallback"));
    m_statusCallback = callback.isEmpty() ? QUrl() : m_documentUrl.resolved(QUrl(callback));
    m_parameters = stream.parameters();
    QUrl url(stream.attribute(QStringLiteral("url")));
    m_phase = Phase::Opening;
    const bool local = isLoopbackHost(url.host());
    if (!url.isValid() || url.host().isEmpty()
        || (url.scheme() != QLatin1String("wss") && !(local && url.scheme() == QLatin1String("ws")))) {
        onStreamFailed(0,
            QStringLiteral("31922: the stream's URL is not wss: ")
                + logSafe(url.toString(QUrl::RemovePath | QUrl::RemoveQuery)));
        return;
    }
    if (url.hasQuery()) {
        add(QStringLiteral("line"), QStringLiteral("twiml-warning"),
            QStringLiteral("the stream URL's query is dropped"));
        url.setQuery(QString());
    }
    net::WebSocketClient::Target target;
    target.host = hostAndPort(url).toUtf8();
    QUrl actual = url;
    actual.setPath(pathBehindProxy(url));
    target.path = actual.path(QUrl::FullyEncoded).toUtf8();
    if (target.path.isEmpty())
        target.path = "/";
    if (!m_settings.connectTo.isEmpty()
        || (!m_settings.publicUrl.isEmpty() && url.host() == m_settings.publicUrl.host())) {
        std::tie(target.connectHost, target.connectPort) = connectTarget();
    } else {
        target.connectHost = url.host();
        target.connectPort = static_cast<quint16>(url.port(local ? m_settings.to.port(80) : 443));
        target.tls = !local;
        target.tlsName = url.host();
    }
    target.headers.emplaceBack("User-Agent", "Twilio.TmeWs/1.0");
    if (!m_settings.authToken.isEmpty()) {
        const QByteArray signature =
            computeSignature(m_settings.authToken, url.toEncoded(QUrl::RemoveUserInfo | QUrl::RemoveFragment));
        target.headers.emplaceBack("x-twilio-signature", signature);
    }
    add(QStringLiteral("line"), QStringLiteral("connect"), hostAndPort(url));
    m_socket = new net::WebSocketClient(this);
    connect(m_socket, &net::WebSocketClient::opened, this, &LoopbackCaller::onStreamOpened);
    connect(m_socket, &net::WebSocketClient::failed, this, &LoopbackCaller::onStreamFailed);
    connect(m_socket, &net::WebSocketClient::textReceived, this, &LoopbackCaller::onStreamText);
    connect(m_socket, &net::WebSocketClient::binaryReceived, this, [this](const QByteArray& bytes) {
        ++m_outcome.refusedMessages;
        add(QStringLiteral("line"), QStringLiteral("refused"),
            QStringLiteral("31950: a binary frame of %1 bytes").arg(bytes.size()));
    });
    connect(m_socket, &net::WebSocketClient::closed, this, &LoopbackCaller::onStreamClosed);
    m_socket->open(target);
}

void LoopbackCaller::onStreamOpened()
{
    m_phase = Phase::Streaming;
    m_streamWasOpen = true;
    m_streamBegan = m_clock.now();
    m_buffer.start(m_streamBegan);
    m_writer = std::make_unique<TwilioPeerWriter>(m_ids);
    m_socket->sendText(m_writer->connected());
    m_socket->sendText(m_writer->start(m_parameters));
    add(QStringLiteral("line"), QStringLiteral("stream-started"), m_ids.streamSid);
    streamEvent(QStringLiteral("stream-started"));
    m_timer.start(media::FrameDuration);
    Q_EMIT streamOpened();
}

void LoopbackCaller::onStreamFailed(int status, const QString& reason)
{
    if (m_callEnded)
        return;
    const QString text = reason.startsWith(QLatin1String("319")) ? reason : QStringLiteral("31920: ") + reason;
    add(QStringLiteral("line"), QStringLiteral("stream-error"), text);
    streamEvent(QStringLiteral("stream-error"), text);
    m_outcome.reason = QStringLiteral("the stream did not open: ")
        + (status > 0 ? QString::number(status) + QStringLiteral(", ") : QString()) + reason;
    afterStream();
}

void LoopbackCaller::streamEvent(const QString& event, const QString& error)
{
    if (m_statusCallback.isEmpty())
        return;
    FormBody form({{QStringLiteral("AccountSid"), m_ids.accountSid}, {QStringLiteral("CallSid"), m_ids.callSid},
        {QStringLiteral("StreamSid"), m_ids.streamSid}, {QStringLiteral("StreamName"), m_ids.streamSid},
        {QStringLiteral("StreamEvent"), event},
        {QStringLiteral("Timestamp"), m_clock.wallNow().toUTC().toString(Qt::ISODateWithMs)}});
    if (!error.isEmpty())
        form.append(QStringLiteral("StreamError"), error);
    post(m_statusCallback, form, [this, event](int status, const QByteArray&, const QByteArray& body) {
        if (status < 200 || status > 299) {
            ++m_outcome.failedCallbacks;
            add(QStringLiteral("line"), QStringLiteral("callback-failed"),
                QStringLiteral("%1: %2").arg(event, status == 0 ? textOf(body) : QString::number(status)));
        }
    });
}

void LoopbackCaller::onStreamText(const QByteArray& utf8)
{
    const auto message = readPeerMessage(utf8, m_ids.streamSid);
    if (!message) {
        // Twilio reports it once a stream and goes on.
        if (m_outcome.refusedMessages++ == 0)
            add(QStringLiteral("line"), QStringLiteral("refused"), QStringLiteral("31951: ") + message.error().message);
        return;
    }
    const Instant now = m_clock.now();
    if (const auto* audio = std::get_if<PeerMedia>(&*message)) {
        returnMarks(m_buffer.media(
            {reinterpret_cast<const quint8*>(audio->mulaw.constData()), static_cast<std::size_t>(audio->mulaw.size())},
            now));
    } else if (const auto* mark = std::get_if<PeerMark>(&*message)) {
        returnMarks(m_buffer.mark(mark->name, now));
    } else {
        add(QStringLiteral("agent"), QStringLiteral("clear"),
            QStringLiteral("%1 ms thrown away").arg(m_buffer.queued().count()));
        returnMarks(m_buffer.clear(now));
    }
}

void LoopbackCaller::returnMarks(const std::vector<QString>& names)
{
    for (const QString& name : names) {
        m_socket->sendText(m_writer->mark(name));
        m_script.onMark(name);
        add(QStringLiteral("agent"), QStringLiteral("mark"), logSafe(name, 60));
    }
}

void LoopbackCaller::tick()
{
    if (m_phase != Phase::Streaming)
        return;
    const Instant now = m_clock.now();
    returnMarks(m_buffer.advance(now));
    listen(now);
    sendDue(now);
    sendKeysDue(now);
    if (!m_hangingUp)
        runScript(now);
    if (!m_hangingUp && lineTime(now) > m_settings.longest) {
        m_outcome.reason = QStringLiteral("the call took longer than %1 s").arg(m_settings.longest.count() / 1000);
        hangUp();
    }
    if (m_phase != Phase::Streaming || m_hangingUp)
        return;
    // Absolute deadlines: a late tick does not make the next one late.
    const Instant next = m_streamBegan + media::FrameDuration * static_cast<qint64>(m_framesSent + 1);
    m_timer.start(std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(next - m_clock.now())));
}

void LoopbackCaller::sendDue(Instant now)
{
    const auto due = static_cast<quint64>(lineTime(now) / media::FrameDuration);
    while (m_framesSent < due)
        sendFrame(m_framesSent++);
    m_outcome.framesSent = m_framesSent;
}

void LoopbackCaller::sendFrame(quint64 number)
{
    const Milliseconds begin = media::FrameDuration * static_cast<qint64>(number);
    const Milliseconds offset = elapsed(m_callBegan, m_streamBegan);
    media::MulawFrame frame;
    frame.fill(media::MulawSilence);
    std::size_t filled = 0;
    while (filled < frame.size() && !m_mouth.empty()) {
        Utterance& words = m_mouth.front();
        if (words.sent == 0)
            addAt(offset + begin, QStringLiteral("caller"), QStringLiteral("speaks"), words.label);
        const auto take = std::min(static_cast<qsizetype>(frame.size() - filled), words.mulaw.size() - words.sent);
        std::copy_n(reinterpret_cast<const quint8*>(words.mulaw.constData()) + words.sent, take, frame.data() + filled);
        filled += static_cast<std::size_t>(take);
        words.sent += take;
        if (words.sent == words.mulaw.size()) {
            addAt(offset + begin + media::durationOf(filled), QStringLiteral("caller"), QStringLiteral("stops"));
            m_mouth.pop_front();
        }
    }
    media::PcmFrame pcm = media::decodeFrame(frame);
    if (!m_callerOnset && filled > 0 && media::levelOf(pcm).rms >= LoudRms)
        m_callerOnset = begin;
    if (m_noiseAmplitude > 0) {
        for (qint16& sample : pcm) {
            m_noiseState = m_noiseState * 1664525u + 1013904223u; // enough for noise, and the same in every run
            const double unit = static_cast<double>(m_noiseState >> 8) / double(1 << 23) - 1.0;
            sample = static_cast<qint16>(std::clamp(sample + unit * m_noiseAmplitude, -32768.0, 32767.0));
        }
        frame = media::encodeFrame(pcm);
    }
    m_callerTrack.append(reinterpret_cast<const char*>(frame.data()), static_cast<qsizetype>(frame.size()));
    m_socket->sendText(m_writer->media(frame, static_cast<quint64>(begin.count())));
}

void LoopbackCaller::sendKeysDue(Instant now)
{
    while (!m_keys.isEmpty() && now >= m_nextKey) {
        const QChar key = m_keys.front().toUpper();
        m_keys.remove(0, 1);
        m_nextKey = now + KeySpacing;
        if (key == QLatin1Char('W')) {
            m_nextKey = now + KeyPause;
        } else {
            m_socket->sendText(m_writer->dtmf(key.toLatin1()));
            add(QStringLiteral("caller"), QStringLiteral("dtmf"), QString(key));
        }
    }
}

/// Takes down what has been played, and notices when the agent begins and stops.
void LoopbackCaller::listen(Instant now)
{
    for (const PlayedAudio& heard : m_buffer.takePlayed()) {
        const auto position = static_cast<qsizetype>(heard.position);
        if (m_agentTrack.size() < position)
            m_agentTrack.append(position - m_agentTrack.size(), static_cast<char>(media::MulawSilence));
        m_agentTrack.append(heard.mulaw);
    }
    const auto played = static_cast<qsizetype>(lineTime(now).count() * media::SampleRate / 1000);
    if (m_agentTrack.size() < played)
        m_agentTrack.append(played - m_agentTrack.size(), static_cast<char>(media::MulawSilence));
    const Milliseconds offset = elapsed(m_callBegan, m_streamBegan);
    const auto frameSize = static_cast<qsizetype>(media::FrameSamples);
    while (m_agentWatched + frameSize <= m_agentTrack.size()) {
        media::MulawFrame frame;
        std::copy_n(
            reinterpret_cast<const quint8*>(m_agentTrack.constData()) + m_agentWatched, frameSize, frame.data());
        const Milliseconds begin = media::durationOf(static_cast<std::size_t>(m_agentWatched));
        const auto change =
            m_agentWatcher.feed(media::levelOf(media::decodeFrame(frame)).rms, begin, begin + media::FrameDuration);
        if (change) {
            addAt(offset + change->at, QStringLiteral("agent"),
                change->speaking ? QStringLiteral("speaks") : QStringLiteral("stops"));
        }
        m_agentWatched += frameSize;
    }
}

ScriptView LoopbackCaller::view(Instant now) const
{
    ScriptView seen;
    seen.now = lineTime(now);
    seen.agentSpeaking = m_agentWatcher.isSpeaking();
    seen.agentBegan = m_agentWatcher.began();
    seen.agentLastLoud = m_agentWatcher.lastLoud();
    seen.callerOnset = m_callerOnset;
    seen.callerBusy = callerIsBusy();
    seen.ended = m_phase != Phase::Streaming;
    return seen;
}

void LoopbackCaller::runScript(Instant now)
{
    if (m_script.advance(view(now), *this) == ScriptRunner::State::Failed && m_phase == Phase::Streaming) {
        m_outcome.reason = m_script.reason();
        hangUp();
    }
}

void LoopbackCaller::speak(const QByteArray& mulaw, const QString& label)
{
    m_callerOnset.reset();
    if (!mulaw.isEmpty())
        m_mouth.push_back({mulaw, label, 0});
}

void LoopbackCaller::pressKeys(const QString& digits)
{
    if (m_keys.isEmpty())
        m_nextKey = m_clock.now();
    m_keys += digits;
}

void LoopbackCaller::setNoise(std::optional<double> dbfs)
{
    // A uniform distribution has an RMS of amplitude / sqrt(3).
    m_noiseAmplitude = dbfs ? 32768.0 * std::pow(10.0, *dbfs / 20.0) * std::sqrt(3.0) : 0.0;
}

void LoopbackCaller::hangUp()
{
    switch (m_phase) {
    case Phase::Streaming:
        if (!std::exchange(m_hangingUp, true)) {
            add(QStringLiteral("caller"), QStringLiteral("hangs-up"));
            m_socket->sendText(m_writer->stop());
            m_socket->close(1000);
        }
        return;
    case Phase::Webhook:
    case Phase::After:
        hangUpLine(QStringLiteral("the caller hung up"));
        return;
    case Phase::Opening:
        hangUpLine(QStringLiteral("the caller hung up before the stream opened"));
        if (m_socket != nullptr)
            m_socket->close(1000);
        return;
    case Phase::Idle:
    case Phase::Finished:
        return;
    }
}

void LoopbackCaller::hangUpLine(const QString& why)
{
    if (m_outcome.reason.isEmpty())
        m_outcome.reason = why;
    endCall();
}

void LoopbackCaller::onStreamClosed(bool byPeer, quint16 code, const QString& reason)
{
    m_timer.stop();
    const Instant now = m_clock.now();
    // What was played until now counts as heard; nobody is left to whom a mark could be returned.
    for (const QString& name : m_buffer.advance(now))
        m_script.onMark(name);
    listen(now);
    m_outcome.endedByEngine = byPeer && !m_hangingUp;
    add(QStringLiteral("line"), QStringLiteral("stream-stopped"),
        QStringLiteral("%1 closed it, code %2 %3")
            .arg(m_hangingUp ? QStringLiteral("the caller") : QStringLiteral("the engine"))
            .arg(code)
            .arg(reason)
            .trimmed());
    if (!m_hangingUp && code == 1006 && m_outcome.reason.isEmpty())
        m_outcome.reason = QStringLiteral("the stream was lost: ") + reason;
    if (code == 1002 && m_outcome.reason.isEmpty())
        m_outcome.reason = reason;
    streamEvent(QStringLiteral("stream-stopped"));
    const bool hungUp = m_hangingUp;
    m_phase = Phase::After;
    if (!hungUp) {
        if (m_script.advance(view(now), *this) == ScriptRunner::State::Failed && m_outcome.reason.isEmpty())
            m_outcome.reason = m_script.reason();
        else if (m_script.state() == ScriptRunner::State::Running && m_outcome.reason.isEmpty())
            m_outcome.reason = QStringLiteral("the engine ended the call before the script was through");
        afterStream();
    } else {
        endCall();
    }
}

void LoopbackCaller::afterStream()
{
    m_phase = Phase::After;
    if (!m_action.isEmpty()) {
        FormBody form = callFields(QStringLiteral("in-progress"));
        form.append(QStringLiteral("StreamSid"), m_ids.streamSid);
        m_verbs.clear();
        fetchTwiml(m_action, form);
        return;
    }
    obey();
}

void LoopbackCaller::endCall()
{
    if (std::exchange(m_callEnded, true))
        return;
    m_phase = Phase::After;
    if (!m_streamWasOpen && m_outcome.reason.isEmpty())
        m_outcome.reason = QStringLiteral("the engine offered no stream");
    add(QStringLiteral("line"), QStringLiteral("call-ended"), m_outcome.reason);
    QUrl url = m_settings.statusUrl;
    if (url.isEmpty()) {
        url = asPublic(m_settings.to);
        static const QRegularExpression last(QStringLiteral("/incoming_call/*$"));
        QString path = url.path();
        url = path.contains(last) ? url : QUrl();
        url.setPath(path.replace(last, QStringLiteral("/call_status")));
        url.setQuery(QString());
        if (url.host().isEmpty())
            url = QUrl();
    }
    if (!url.isEmpty()) {
        FormBody form = callFields(QStringLiteral("completed"));
        const qint64 seconds = sinceCall(m_clock.now()).count() / 1000;
        form.append(QStringLiteral("CallDuration"), QString::number(seconds));
        form.append(QStringLiteral("Duration"), QString::number(seconds / 60 + 1));
        form.append(QStringLiteral("SequenceNumber"), QStringLiteral("0"));
        form.append(QStringLiteral("CallbackSource"), QStringLiteral("call-progress-events"));
        form.append(QStringLiteral("Timestamp"), m_clock.wallNow().toUTC().toString(Qt::RFC2822Date));
        post(url, form, [this](int status, const QByteArray&, const QByteArray& body) {
            if (status < 200 || status > 299) {
                ++m_outcome.failedCallbacks;
                add(QStringLiteral("line"), QStringLiteral("callback-failed"),
                    QStringLiteral("completed: %1").arg(status == 0 ? textOf(body) : QString::number(status)));
            }
        });
    }
    finishWhenQuiet();
}

void LoopbackCaller::finishWhenQuiet()
{
    if (!m_callEnded || m_pendingPosts > 0 || m_phase == Phase::Finished)
        return;
    m_phase = Phase::Finished;
    m_outcome.ok = m_outcome.reason.isEmpty();
    Q_EMIT finished();
}

void LoopbackCaller::failCall(const QString& reason)
{
    if (m_outcome.reason.isEmpty())
        m_outcome.reason = reason;
    add(QStringLiteral("line"), QStringLiteral("error"), reason);
    endCall();
}

void LoopbackCaller::add(const QString& who, const QString& what, const QString& detail)
{
    addAt(sinceCall(m_clock.now()), who, what, detail);
}

void LoopbackCaller::addAt(Milliseconds at, const QString& who, const QString& what, const QString& detail)
{
    const TimelineEvent event{at, who, what, detail};
    m_timeline.add(event);
    qCDebug(lcCaller).noquote() << m_ids.callSid << who << what << detail;
    Q_EMIT happened(event);
}

std::pair<QByteArray, QByteArray> LoopbackCaller::recording() const
{
    QByteArray caller = m_callerTrack;
    QByteArray agent = m_agentTrack;
    const qsizetype size = std::max(caller.size(), agent.size());
    caller.append(size - caller.size(), static_cast<char>(media::MulawSilence));
    agent.append(size - agent.size(), static_cast<char>(media::MulawSilence));
    return {caller, agent};
}

Result<void> LoopbackCaller::writeRecording(const QString& path) const
{
    auto writer = media::WavWriter::create(path, media::SampleRate, 2);
    if (!writer)
        return writer.error();
    const auto [caller, agent] = recording();
    std::vector<qint16> pairs(static_cast<std::size_t>(caller.size()) * 2);
    for (qsizetype i = 0; i < caller.size(); ++i) {
        pairs[static_cast<std::size_t>(i) * 2] = media::fromMulaw(static_cast<quint8>(caller[i]));
        pairs[static_cast<std::size_t>(i) * 2 + 1] = media::fromMulaw(static_cast<quint8>(agent[i]));
    }
    if (const auto written = (*writer)->write(pairs); !written)
        return written.error();
    return (*writer)->close();
}

} // namespace kav::telephony
