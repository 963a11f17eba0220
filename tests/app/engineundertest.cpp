// SPDX-License-Identifier: Apache-2.0
#include "tests/app/engineundertest.h"

#include "engine/telephony/formbody.h"
#include "engine/telephony/twimldocument.h"

#include <QJsonDocument>
#include <QUrl>

namespace kav::test {

namespace {
std::mutex theLogMutex;
QStringList theLog; // guarded by theLogMutex

void catchLine(QtMsgType, const QMessageLogContext&, const QString& text)
{
    const std::lock_guard lock(theLogMutex);
    theLog += text;
}
} // namespace

void Gate::wait()
{
    std::unique_lock lock(m_mutex);
    m_entered = true;
    m_opened.wait(lock, [this] { return m_isOpen; });
}

void Gate::open()
{
    const std::lock_guard lock(m_mutex);
    m_isOpen = true;
    m_opened.notify_all();
}

bool Gate::isEntered() const
{
    const std::lock_guard lock(m_mutex);
    return m_entered;
}

LogCatcher::LogCatcher()
{
    {
        const std::lock_guard lock(theLogMutex);
        theLog.clear();
    }
    qInstallMessageHandler(catchLine);
}

LogCatcher::~LogCatcher()
{
    qInstallMessageHandler(nullptr);
}

QStringList LogCatcher::lines()
{
    const std::lock_guard lock(theLogMutex);
    return theLog;
}

EngineUnderTest::EngineUnderTest()
{
    config.port = 0;
    config.address = QHostAddress(QHostAddress::LocalHost);
    config.dataDir = config.callLog.dataDir = m_directory.path();
    config.messagesDir = config.keep.messagesDir = m_directory.filePath(QStringLiteral("messages"));
    config.keep.recordingsDir = m_directory.filePath(QStringLiteral("recordings"));
    config.dialogFile = QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml");
    config.mediaWorkers = 2;
    config.callLog.retryEvery = Milliseconds(50);
    config.callLog.databaseEvery = Milliseconds(10);
    config.callLog.syncEvery = Milliseconds(1);
    config.ensureMediaKey();
    makers.speechToText = only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
        StandInSpeechToText::Settings settings;
        settings.script = {{QStringLiteral("hello there"), 0.9, {QStringLiteral("hello there")}, true}};
        return std::shared_ptr<providers::SpeechToText>(std::make_shared<StandInSpeechToText>(settings));
    });
    makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>());
    });
    makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>());
    });
}

EngineUnderTest::~EngineUnderTest() = default;

void EngineUnderTest::listen()
{
    m_engine =
        std::make_unique<app::Engine>(config, clock, [this](const app::Engine::DialogSource&) { return makers; });
    QObject::connect(
        m_engine.get(), &app::Engine::callEnded, m_engine.get(), [this](const session::CallEnd& end) { ends += end; });
    QObject::connect(m_engine.get(), &app::Engine::turnEnded, m_engine.get(),
        [this](const QString&, const TurnRecord& turn) { turns += turn; });
    const auto address = m_engine->listen();
    if (!address)
        qFatal("the engine does not listen: %s", qPrintable(address.error().message));
    m_port = quint16(address->section(QLatin1Char(':'), -1).toUInt());
}

void EngineUnderTest::begin()
{
    m_engine->begin();
}

void EngineUnderTest::serve()
{
    listen();
    QSignalSpy warm(m_engine.get(), &app::Engine::warm);
    begin();
    if (warm.isEmpty() && !warm.wait(30000))
        qFatal("the engine does not get warm");
}

RawResponse EngineUnderTest::request(const QByteArray& method, const QByteArray& path, const QByteArray& body,
    const QByteArray& moreHeaders) const
{
    RawClient client(m_port,
        QByteArray(method + ' ' + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + QByteArray::number(m_port)
            + "\r\nContent-Type: application/x-www-form-urlencoded\r\n" + moreHeaders + "Content-Length: "
            + QByteArray::number(body.size()) + "\r\n\r\n" + body));
    return client.response(method == "HEAD");
}

QJsonObject EngineUnderTest::readiness() const
{
    const RawResponse page = get("/readyz");
    QJsonObject json = QJsonDocument::fromJson(page.body).object();
    json.insert(QStringLiteral("status"), page.status);
    return json;
}

QByteArray EngineUnderTest::metric(const QByteArray& name) const
{
    for (const QByteArray& line : get("/metrics").body.split('\n'))
        if (line.startsWith(QByteArray(name + ' ')))
            return line.mid(name.size() + 1);
    return {};
}

RawResponse EngineUnderTest::webhook(
    const QByteArray& name, const telephony::StreamIds& ids, const QString& status) const
{
    const telephony::FormBody form({{QStringLiteral("CallSid"), ids.callSid},
        {QStringLiteral("AccountSid"), ids.accountSid}, {QStringLiteral("From"), QStringLiteral("+15005550006")},
        {QStringLiteral("To"), QStringLiteral("+15005550001")}, {QStringLiteral("CallStatus"), status},
        {QStringLiteral("Direction"), QStringLiteral("inbound")}});
    if (config.twilioAuthToken.isEmpty())
        return request("POST", "/webhook/" + name, form.encode());
    const QByteArray url = "http://127.0.0.1:" + QByteArray::number(m_port) + "/webhook/" + name;
    return request("POST", "/webhook/" + name, form.encode(),
        "X-Twilio-Signature: " + telephony::computeSignature(config.twilioAuthToken.toUtf8(), url, form.fields())
            + "\r\n");
}

QStringList EngineUnderTest::verbsAfter(const QByteArray& name, const telephony::StreamIds& ids) const
{
    const auto document = telephony::TwimlDocument::parse(webhook(name, ids).body);
    if (!document)
        return {QStringLiteral("no TwiML")};
    QStringList verbs;
    for (const auto& verb : document->verbs())
        verbs += verb.name;
    return verbs;
}

QByteArray EngineUnderTest::offeredPath(const telephony::StreamIds& ids) const
{
    const auto document = telephony::TwimlDocument::parse(webhook("incoming_call", ids).body);
    if (!document || document->verbs().empty())
        return {};
    const auto* stream = document->verbs().front().child(telephony::TwimlVerb::Kind::Stream);
    return stream ? QUrl(stream->attribute(QStringLiteral("url"))).path().toLatin1() : QByteArray();
}

Caller::Caller(const EngineUnderTest& engine)
    : twilio(engine.clock)
    , m_engine(engine)
{
    m_timer.setTimerType(Qt::PreciseTimer);
    m_timer.setInterval(20);
    QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] { tick(); });
}

bool Caller::call()
{
    const QByteArray path = m_engine.offeredPath(twilio.ids());
    return !path.isEmpty() && openStream(path);
}

bool Caller::openStream(const QByteArray& path)
{
    if (!twilio.open(m_engine.port(), path, m_engine.config.twilioAuthToken.toUtf8()))
        return false;
    twilio.start({{QStringLiteral("from"), QStringLiteral("+15005550006")},
        {QStringLiteral("to"), QStringLiteral("+15005550001")}});
    m_timer.start();
    return true;
}

void Caller::speak(Milliseconds length)
{
    m_voiceFrames = int(length / media::FrameDuration);
}

void Caller::hangUp()
{
    m_timer.stop();
    twilio.hangUp();
}

void Caller::vanish()
{
    m_timer.stop();
    twilio.reset();
}

void Caller::tick()
{
    if (!twilio.isOpen()) {
        m_timer.stop();
        return;
    }
    if (m_voiceFrames > 0) {
        --m_voiceFrames;
        twilio.media(m_voice.frame());
    } else {
        twilio.silence(1);
    }
    twilio.advance();
}

} // namespace kav::test
