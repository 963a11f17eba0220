// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/loopbackcaller.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/twiliosignature.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QRegularExpression>

#include <cmath>

namespace kav::telephony {

namespace {

constexpr int MaxDocuments = 10; ///< Twilio follows as many redirects before it gives up
constexpr Milliseconds CircleTime{1000};
constexpr Milliseconds LineTick{20}; ///< where no frames set the pace
constexpr Milliseconds SpokenLetter{65};
constexpr int LoudRms = 200; ///< as in SpeechWatcher
constexpr Milliseconds KeySpacing{200};
constexpr Milliseconds KeyPause{500};

QString textOf(const QByteArray& bytes)
{
    return QString::fromUtf8(bytes);
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
    , m_webhooks(
          {m_settings.to, m_settings.publicUrl, m_settings.connectTo, m_settings.authToken, m_settings.httpTimeout})
    , m_interpreter(*this, m_settings.confidence)
    , m_ids(m_settings.ids.value_or(StreamIds::random()))
    , m_script(m_settings.script)
{
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
    m_phase = Phase::Line;
    m_callBegan = m_clock.now();
    m_timer.start(LineTick);
    if (!m_settings.twiml.isEmpty())
        takeTwiml({}, m_settings.twiml);
    else
        fetchTwiml(
            m_webhooks.asPublic(m_settings.to), QStringLiteral("POST"), m_settings.status, m_settings.extraFields);
}

FormBody LoopbackCaller::callFields(const QString& status) const
{
    FormBody form({{QStringLiteral("CallSid"), m_ids.callSid}, {QStringLiteral("AccountSid"), m_ids.accountSid},
        {QStringLiteral("From"), m_settings.from}, {QStringLiteral("To"), m_settings.toNumber},
        {QStringLiteral("Caller"), m_settings.from}, {QStringLiteral("Called"), m_settings.toNumber},
        {QStringLiteral("CallStatus"), status}, {QStringLiteral("ApiVersion"), QStringLiteral("2010-04-01")},
        {QStringLiteral("Direction"), m_settings.direction}, {QStringLiteral("FromCity"), {}}});
    if (!m_settings.parentSid.isEmpty())
        form.append(QStringLiteral("ParentCallSid"), m_settings.parentSid);
    return form;
}

void LoopbackCaller::post(const QUrl& url, const FormBody& form, WebhookClient::Answer answer, const QString& method)
{
    m_webhooks.request(url, method, form,
        [this, answer = std::move(answer)](int status, const QByteArray& type, const QByteArray& body) {
            answer(status, type, body);
            finishWhenQuiet();
        });
}

/// A callback: told, and only counted when it is refused.
void LoopbackCaller::tell(const QUrl& url, const FormBody& form, const QString& what)
{
    post(url, form, [this, what](int status, const QByteArray&, const QByteArray& body) {
        if (status < 200 || status > 299) {
            ++m_outcome.failedCallbacks;
            add(QStringLiteral("line"), QStringLiteral("callback-failed"),
                QStringLiteral("%1: %2").arg(what, status == 0 ? textOf(body) : QString::number(status)));
        }
    });
}

void LoopbackCaller::fetchTwiml(
    const QUrl& url, const QString& method, const QString& callStatus, const QList<FormField>& more)
{
    if (url.host().isEmpty()) {
        failCall(QStringLiteral("11100: a relative URL in TwiML that has no URL of its own"));
        return;
    }
    // Only documents that take no time make a circle that never ends.
    const Instant now = m_clock.now();
    m_documents = now - m_lastFetch > CircleTime ? 1 : m_documents + 1;
    m_lastFetch = now;
    if (m_documents > MaxDocuments) {
        failCall(QStringLiteral("more than %1 TwiML documents").arg(MaxDocuments));
        return;
    }
    FormBody form = callFields(callStatus);
    for (const FormField& field : more)
        form.append(field.name, field.value);
    add(QStringLiteral("line"), QStringLiteral("webhook"), url.path());
    post(
        url, form,
        [this, url, generation = m_generation](int status, const QByteArray& type, const QByteArray& body) {
            if (m_callEnded || generation != m_generation)
                return;
            if (status < 200 || status > 299) {
                failCall(QStringLiteral("%1 answered %2")
                             .arg(url.path(), status == 0 ? textOf(body) : QString::number(status)));
                return;
            }
            if (body.isEmpty()) {
                add(QStringLiteral("line"), QStringLiteral("twiml"), QStringLiteral("empty answer %1").arg(status));
                m_interpreter.obey({}, url, m_clock.now());
                return;
            }
            if (!type.startsWith("text/xml") && !type.startsWith("application/xml")) {
                failCall(QStringLiteral("%1 answered Content-Type \"%2\", not text/xml")
                             .arg(url.path(), logSafe(textOf(type), 60)));
                return;
            }
            takeTwiml(url, body);
        },
        method);
}

/// `url` empty: the document came by REST.
void LoopbackCaller::takeTwiml(const QUrl& url, const QByteArray& body)
{
    const auto document = TwimlDocument::parse(body);
    if (!document) {
        failCall(QStringLiteral("%1: %2").arg(url.path(), document.error().message));
        return;
    }
    for (const QString& warning : document->warnings())
        add(QStringLiteral("line"), QStringLiteral("twiml-warning"), warning);
    m_documentUrl = url;
    m_answered = true;
    m_interpreter.obey(*document, url, m_clock.now());
}

void LoopbackCaller::fetchDocument(const QUrl& url, const QString& method, const QList<FormField>& more)
{
    fetchTwiml(url, method, QStringLiteral("in-progress"), more);
}

void LoopbackCaller::dial(const TwimlVerb& verb)
{
    add(QStringLiteral("line"), QStringLiteral("dial"));
    if (m_settings.exchange != nullptr)
        m_settings.exchange->dial(*this, verb);
    else
        m_interpreter.dialEnded({{QStringLiteral("DialCallStatus"), QStringLiteral("no-answer")}}, m_clock.now());
}

void LoopbackCaller::dialEnded(const QList<FormField>& fields)
{
    if (!m_callEnded)
        m_interpreter.dialEnded(fields, m_clock.now());
}

void LoopbackCaller::recordingEnded(const TwimlVerb& record, const QList<FormField>& fields, bool isAbsent)
{
    const QString state = isAbsent ? QStringLiteral("absent") : QStringLiteral("completed");
    const QString events =
        record.attributes.value(QStringLiteral("recordingStatusCallbackEvent"), QStringLiteral("completed"));
    if (!events.split(QLatin1Char(' ')).contains(state))
        return;
    FormBody form({{QStringLiteral("AccountSid"), m_ids.accountSid}, {QStringLiteral("CallSid"), m_ids.callSid},
        {QStringLiteral("RecordingStatus"), state}, {QStringLiteral("RecordingChannels"), QStringLiteral("1")},
        {QStringLiteral("RecordingSource"), QStringLiteral("RecordVerb")}});
    for (const FormField& field : fields)
        form.append(field.name, field.value);
    tell(m_documentUrl.resolved(QUrl(record.attribute(QStringLiteral("recordingStatusCallback")))), form,
        QStringLiteral("recording ") + state);
}

void LoopbackCaller::note(const QString& what, const QString& detail)
{
    add(QStringLiteral("line"), what, detail);
}

void LoopbackCaller::documentEnded(bool isHangup, const QString& reason)
{
    if (!reason.isEmpty())
        m_outcome.finalStatus = reason == QLatin1String("busy") ? QStringLiteral("busy") : QStringLiteral("no-answer");
    if (isHangup || m_settings.exchange == nullptr || !m_settings.exchange->keeps(*this))
        endCall();
}

void LoopbackCaller::redirect(const QUrl& url, const QString& method)
{
    replaceDocument([this, url, method] { fetchTwiml(url, method, QStringLiteral("in-progress"), {}); });
}

void LoopbackCaller::redirectTo(const QByteArray& twiml)
{
    replaceDocument([this, twiml] { takeTwiml({}, twiml); });
}

void LoopbackCaller::end()
{
    replaceDocument([this] {
        m_outcome.endedByEngine = true;
        endCall();
    });
}

/// What REST says takes the place of whatever is under way; a stream is told to stop and closed first.
void LoopbackCaller::replaceDocument(std::function<void()> then)
{
    if (m_callEnded || m_hangingUp)
        return;
    ++m_generation;
    const bool dialled = m_interpreter.isDialling();
    m_interpreter.drop();
    if (dialled && m_settings.exchange != nullptr)
        m_settings.exchange->leave(*this);
    const bool isFirst = !std::exchange(m_replacement, std::move(then));
    if (m_phase == Phase::Streaming) {
        if (isFirst) {
            m_socket->sendText(m_writer->stop());
            m_socket->close(1000);
        }
        return; // when it is closed
    }
    if (m_phase == Phase::Opening)
        dropStream();
    m_phase = Phase::Line;
    std::exchange(m_replacement, nullptr)();
}

void LoopbackCaller::dropStream()
{
    if (m_socket == nullptr)
        return;
    m_socket->disconnect(this);
    m_socket->deleteLater();
    m_socket = nullptr;
}

void LoopbackCaller::openStream(const TwimlVerb&, const TwimlVerb& stream)
{
    const QString callback = stream.attribute(QStringLiteral("statusCallback"));
    m_statusCallback = callback.isEmpty() ? QUrl() : m_documentUrl.resolved(QUrl(callback));
    m_parameters = stream.parameters();
    QUrl url(stream.attribute(QStringLiteral("url")));
    m_phase = Phase::Opening;
    const bool local = WebhookClient::isLoopbackHost(url.host());
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
    target.host = WebhookClient::hostAndPort(url).toUtf8();
    QUrl actual = url;
    actual.setPath(m_webhooks.pathBehindProxy(url));
    target.path = actual.path(QUrl::FullyEncoded).toUtf8();
    if (target.path.isEmpty())
        target.path = "/";
    if (m_webhooks.isRouted(url)) {
        const WebhookClient::Endpoint endpoint = m_webhooks.connectTarget();
        target.connectHost = endpoint.host;
        target.connectPort = endpoint.port;
        target.tls = endpoint.tls;
        target.tlsName = url.host();
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
    add(QStringLiteral("line"), QStringLiteral("connect"), WebhookClient::hostAndPort(url));
    if (m_streamWasOpen) // every stream has its own name
        m_ids.streamSid = StreamIds::random().streamSid;
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
    m_buffer = {};
    m_buffer.start(m_streamBegan);
    m_agentWatcher = SpeechWatcher();
    m_framesSent = 0;
    m_trackBase = std::max(m_callerTrack.size(), m_agentTrack.size());
    m_callerTrack.append(m_trackBase - m_callerTrack.size(), static_cast<char>(media::MulawSilence));
    m_agentTrack.append(m_trackBase - m_agentTrack.size(), static_cast<char>(media::MulawSilence));
    m_agentWatched = m_trackBase;
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
    tell(m_statusCallback, form, event);
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
    if (m_callEnded || m_phase == Phase::Idle)
        return;
    const Instant now = m_clock.now();
    const bool isStreaming = m_phase == Phase::Streaming;
    if (isStreaming) {
        returnMarks(m_buffer.advance(now));
        listen(now);
        sendDue(now);
        sendKeysDue(now);
    } else {
        m_interpreter.advance(now);
        talkOnLine(now);
        sendKeysDue(now);
    }
    if (!m_callEnded && !m_hangingUp && !m_replacement && (isStreaming || scriptRunsOnLine()))
        runScript(now);
    const Milliseconds took = m_streamWasOpen ? lineTime(now) : sinceCall(now);
    if (!m_callEnded && !m_hangingUp && took > m_settings.longest) {
        m_outcome.reason = QStringLiteral("the call took longer than %1 s").arg(m_settings.longest.count() / 1000);
        hangUp();
    }
    if (m_callEnded || m_hangingUp)
        return;
    if (m_phase != Phase::Streaming) {
        m_timer.start(LineTick);
        return;
    }
    // Absolute deadlines: a late tick does not make the next one late.
    const Instant next = m_streamBegan + media::FrameDuration * static_cast<qint64>(m_framesSent + 1);
    m_timer.start(std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(next - m_clock.now())));
}

/// Where there is no stream, a script begins when the caller is asked for something: what is said before a stream is
/// not yet the conversation. A person who was called listens from the beginning.
bool LoopbackCaller::scriptRunsOnLine() const
{
    return m_phase == Phase::Line && (m_interpreter.hasConversed() || (m_settings.exchange != nullptr && m_answered));
}

/// The caller's words where no stream carries them: they take their time, and Twilio hears the text.
void LoopbackCaller::talkOnLine(Instant now)
{
    if (m_mouth.empty() || m_phase != Phase::Line)
        return;
    Utterance& words = m_mouth.front();
    if (!words.began) {
        words.began = now;
        m_callerOnset = sinceCall(now);
        add(QStringLiteral("caller"), QStringLiteral("speaks"), words.label);
        m_interpreter.speechBegan(now);
    }
    const Milliseconds length = words.mulaw.isEmpty() ? SpokenLetter * int(words.label.size())
                                                      : media::durationOf(static_cast<std::size_t>(words.mulaw.size()));
    if (now - *words.began < length)
        return;
    const QString text = words.label;
    m_mouth.pop_front();
    add(QStringLiteral("caller"), QStringLiteral("stops"));
    m_interpreter.speechEnded(text, length, now);
}

void LoopbackCaller::sendDue(Instant now)
{
    const auto due = static_cast<quint64>(lineTime(now) / media::FrameDuration);
    while (m_framesSent < due) {
        sendFrame(m_framesSent++);
        ++m_outcome.framesSent;
    }
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
        m_callerOnset = offset + begin;
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
            if (m_phase == Phase::Streaming)
                m_socket->sendText(m_writer->dtmf(key.toLatin1()));
            else
                m_interpreter.key(key, now);
            add(QStringLiteral("caller"), QStringLiteral("dtmf"), QString(key));
        }
    }
}

/// Takes down what has been played, and notices when the agent begins and stops.
void LoopbackCaller::listen(Instant now)
{
    for (const PlayedAudio& heard : m_buffer.takePlayed()) {
        const auto position = m_trackBase + static_cast<qsizetype>(heard.position);
        if (m_agentTrack.size() < position)
            m_agentTrack.append(position - m_agentTrack.size(), static_cast<char>(media::MulawSilence));
        m_agentTrack.append(heard.mulaw);
    }
    const auto played = m_trackBase + static_cast<qsizetype>(lineTime(now).count() * media::SampleRate / 1000);
    if (m_agentTrack.size() < played)
        m_agentTrack.append(played - m_agentTrack.size(), static_cast<char>(media::MulawSilence));
    const Milliseconds offset = elapsed(m_callBegan, m_streamBegan);
    const auto frameSize = static_cast<qsizetype>(media::FrameSamples);
    while (m_agentWatched + frameSize <= m_agentTrack.size()) {
        media::MulawFrame frame;
        std::copy_n(
            reinterpret_cast<const quint8*>(m_agentTrack.constData()) + m_agentWatched, frameSize, frame.data());
        const Milliseconds begin = media::durationOf(static_cast<std::size_t>(m_agentWatched - m_trackBase));
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
    seen.now = sinceCall(now);
    if (m_phase == Phase::Streaming) {
        const Milliseconds offset = sinceCall(m_streamBegan);
        seen.agentSpeaking = m_agentWatcher.isSpeaking();
        seen.agentBegan = offset + m_agentWatcher.began();
        if (m_agentWatcher.lastLoud())
            seen.agentLastLoud = offset + *m_agentWatcher.lastLoud();
    } else {
        seen.agentSpeaking = m_interpreter.isSpeaking();
        if (seen.agentSpeaking) {
            seen.agentBegan = sinceCall(m_interpreter.speaksSince());
            seen.agentLastLoud = seen.now;
        } else if (m_interpreter.lastSpoke()) {
            seen.agentLastLoud = sinceCall(*m_interpreter.lastSpoke());
        }
    }
    seen.callerOnset = m_callerOnset;
    seen.callerBusy = callerIsBusy();
    seen.ended = m_callEnded;
    return seen;
}

void LoopbackCaller::runScript(Instant now)
{
    if (m_script.advance(view(now), *this) == ScriptRunner::State::Failed && !m_callEnded) {
        m_outcome.reason = m_script.reason();
        hangUp();
    }
}

void LoopbackCaller::speak(const QByteArray& mulaw, const QString& label)
{
    m_callerOnset.reset();
    if (!mulaw.isEmpty() || m_phase != Phase::Streaming)
        m_mouth.push_back({mulaw, label, 0, {}});
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
    case Phase::Line:
        add(QStringLiteral("caller"), QStringLiteral("hangs-up"));
        m_hangingUp = true;
        m_interpreter.hangUp(m_clock.now());
        if (!m_streamWasOpen && !m_interpreter.hasConversed())
            hangUpLine(QStringLiteral("the caller hung up"));
        else
            endCall();
        return;
    case Phase::Opening:
        m_hangingUp = true;
        dropStream();
        hangUpLine(QStringLiteral("the caller hung up before the stream opened"));
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
    const bool byUs = m_hangingUp || m_replacement;
    m_outcome.endedByEngine = byPeer && !byUs;
    add(QStringLiteral("line"), QStringLiteral("stream-stopped"),
        QStringLiteral("%1 closed it, code %2 %3")
            .arg(m_hangingUp        ? QStringLiteral("the caller")
                    : m_replacement ? QStringLiteral("Twilio")
                                    : QStringLiteral("the engine"))
            .arg(code)
            .arg(reason)
            .trimmed());
    if (!byUs && code == 1006 && m_outcome.reason.isEmpty())
        m_outcome.reason = QStringLiteral("the stream was lost: ") + reason;
    if (code == 1002 && m_outcome.reason.isEmpty())
        m_outcome.reason = reason;
    streamEvent(QStringLiteral("stream-stopped"));
    m_phase = Phase::Line;
    m_socket->deleteLater();
    m_socket = nullptr;
    if (m_hangingUp) {
        endCall();
        return;
    }
    m_timer.start(LineTick);
    if (m_replacement)
        std::exchange(m_replacement, nullptr)();
    else
        afterStream();
}

void LoopbackCaller::afterStream()
{
    m_phase = Phase::Line;
    m_interpreter.streamEnded({{QStringLiteral("StreamSid"), m_ids.streamSid}}, m_clock.now());
}

void LoopbackCaller::endCall()
{
    if (std::exchange(m_callEnded, true))
        return;
    m_phase = Phase::Line;
    m_timer.stop();
    if (m_settings.exchange != nullptr)
        m_settings.exchange->leave(*this);
    const bool conversed = m_streamWasOpen || m_interpreter.hasConversed() || m_settings.exchange != nullptr;
    if (conversed && !m_hangingUp) {
        if (m_script.advance(view(m_clock.now()), *this) == ScriptRunner::State::Failed && m_outcome.reason.isEmpty())
            m_outcome.reason = m_script.reason();
        else if (m_script.state() == ScriptRunner::State::Running && m_outcome.reason.isEmpty())
            m_outcome.reason = QStringLiteral("the engine ended the call before the script was through");
    }
    if (!conversed && m_outcome.reason.isEmpty())
        m_outcome.reason = QStringLiteral("the engine offered no stream");
    add(QStringLiteral("line"), QStringLiteral("call-ended"), m_outcome.reason);
    QUrl url = m_settings.statusUrl;
    if (url.isEmpty() && m_settings.tellsEnd) {
        url = m_webhooks.asPublic(m_settings.to);
        static const QRegularExpression last(QStringLiteral("/incoming_call/*$"));
        QString path = url.path();
        url = path.contains(last) ? url : QUrl();
        url.setPath(path.replace(last, QStringLiteral("/call_status")));
        url.setQuery(QString());
        if (url.host().isEmpty())
            url = QUrl();
    }
    if (!url.isEmpty()) {
        FormBody form = callFields(m_outcome.finalStatus);
        const qint64 seconds = sinceCall(m_clock.now()).count() / 1000;
        form.append(QStringLiteral("CallDuration"), QString::number(seconds));
        form.append(QStringLiteral("Duration"), QString::number(seconds / 60 + 1));
        form.append(QStringLiteral("SequenceNumber"), QStringLiteral("0"));
        form.append(QStringLiteral("CallbackSource"), QStringLiteral("call-progress-events"));
        form.append(QStringLiteral("Timestamp"), m_clock.wallNow().toUTC().toString(Qt::RFC2822Date));
        tell(url, form, m_outcome.finalStatus);
    }
    finishWhenQuiet();
}

void LoopbackCaller::finishWhenQuiet()
{
    if (!m_callEnded || m_webhooks.pending() > 0 || m_phase == Phase::Finished)
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
    const LogCall logged(m_ids.callSid);
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
