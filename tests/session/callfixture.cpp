// SPDX-License-Identifier: Apache-2.0
#include "tests/session/callfixture.h"

#include "engine/media/g711.h"

#include <QCoreApplication>
#include <QJsonDocument>
#include <QTest>

#include <cmath>

namespace kav::test {

using namespace std::chrono_literals;
namespace {

// Longer than any cough, shorter than any sentence.
constexpr Milliseconds SurelyWords{500};

} // namespace

QString startMessage(const QString& callSid, const QString& encoding, int sampleRate, bool test)
{
    return QString::fromUtf8(
        R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"%1",)"
        R"("tracks":["inbound"],"mediaFormat":{"encoding":"%2","sampleRate":%3,"channels":1},)"
        R"("customParameters":{"from":"+15551230001","to":"+15551230002"%4}},"streamSid":"MZ1"})")
        .arg(callSid, encoding)
        .arg(sampleRate)
        .arg(test ? QStringLiteral(",\"kavTest\":\"1\"") : QString());
}

QList<std::pair<const char*, QString>> oddMessages()
{
    return {
        {"an unknown event", QString::fromUtf8(R"({"event":"sparkle","streamSid":"MZ1"})")},
        {"a second start", startMessage(QStringLiteral("CA1"))},
        {"a second connected", QString::fromUtf8(R"({"event":"connected","protocol":"Call","version":"1.0.0"})")},
        {"a mark nobody sent",
            QString::fromUtf8(R"({"event":"mark","sequenceNumber":"3","streamSid":"MZ1","mark":{"name":"x"}})")},
        {"audio of the other track",
            QString::fromUtf8(
                R"({"event":"media","sequenceNumber":"3","media":{"track":"outbound","chunk":"1","timestamp":"20","payload":"////"},"streamSid":"MZ1"})")},
    };
}

bool ScriptedChannel::send(const QString& text)
{
    if (closedWith)
        return false;
    sent.append(QJsonDocument::fromJson(text.toUtf8()).object());
    return true;
}

void ScriptedChannel::close(quint16 code, const QString&)
{
    if (!closedWith)
        closedWith = code;
}

Call::Call(const Setup& setup)
    : http(clock)
    , m_test(setup.test)
{
    providers::Makers makers;
    const auto never = [] { return Error{Error::Code::Unavailable, QStringLiteral("not configured"), {}}; };
    makers.speechToText = only([setup, never]() -> Result<std::shared_ptr<providers::SpeechToText>> {
        if (!setup.haveStt)
            return never();
        StandInSpeechToText::Settings settings;
        settings.script = setup.hears;
        settings.manners = setup.sttManners;
        settings.faultAfterAudio = setup.sttFaultAfterAudio;
        return std::shared_ptr<providers::SpeechToText>(std::make_shared<StandInSpeechToText>(settings));
    });
    makers.languageModel = only([this, setup, never]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        if (!setup.haveLlm)
            return never();
        StandInLanguageModel::Settings settings;
        settings.script = setup.answers;
        settings.chunk = setup.llmChunk;
        settings.manners = setup.llmManners;
        settings.speaks = setup.llmSpeaks;
        settings.opened = [this](StandInConversation* opened) { conversation = opened; };
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
    });
    makers.textToSpeech = only([setup, never]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        if (!setup.haveTts)
            return never();
        StandInTextToSpeech::Settings settings;
        settings.manners = setup.ttsManners;
        return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>(settings));
    });
    if (setup.second) {
        const QString name = QStringLiteral("second");
        makers.speechToText.push_back({name,
            [setup]() -> Result<std::shared_ptr<providers::SpeechToText>> {
                StandInSpeechToText::Settings settings;
                settings.script = setup.secondHears;
                settings.manners = setup.secondSttManners;
                return std::shared_ptr<providers::SpeechToText>(std::make_shared<StandInSpeechToText>(settings));
            },
            {}});
        makers.languageModel.push_back({name,
            [this, setup]() -> Result<std::shared_ptr<providers::LanguageModel>> {
                StandInLanguageModel::Settings settings;
                settings.script = setup.secondAnswers;
                settings.manners = setup.secondLlmManners;
                settings.opened = [this](StandInConversation* opened) { conversation = opened; };
                return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
            },
            {}});
        makers.textToSpeech.push_back({name,
            []() -> Result<std::shared_ptr<providers::TextToSpeech>> {
                return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>());
            },
            {}});
    }
    m_registry = std::make_unique<providers::ProviderRegistry>(std::move(makers), providers::RegistrySettings{}, clock);
    m_registry->warmUp();
    const auto settled = [this] {
        for (const auto& status : m_registry->statuses())
            if (status.state == providers::ProviderState::Cold || status.state == providers::ProviderState::Warming)
                return false;
        return true;
    };
    if (!QTest::qWaitFor(settled, 30000))
        qFatal("the stand-in providers were not made");

    m_messages = std::make_unique<session::MessageStore>(directory.path());
    m_context.settings = setup.settings;
    m_context.clock = &clock;
    providers::FailoverSettings failover;
    failover.check = 0ms; // at each turn of the event loop: the clock is ours
    failover.perCharacter = 60ms;
    m_providers = std::make_unique<providers::CallProviders>(
        *m_registry, std::make_shared<providers::Health>(providers::Health::Settings{}, clock), failover, clock,
        &lines);
    m_context.providers = m_providers.get();
    m_context.messages = m_messages.get();
    m_recordings = std::make_unique<session::RecordingStore>(directory.path());
    m_context.recordings = m_recordings.get();
    m_context.twilioRecording = setup.twilioRecording;
    m_context.counters = &m_counters;
    m_context.serviceLines = [](const QString&) { return Lines; };
    m_context.toolHttp = &http;
    if (setup.persona)
        m_context.personaFor = [persona = setup.persona](const QString&) { return persona; };
    m_context.trace = [this](const calllog::Entry& entry) { traced.append(entry); };
    m_context.log = [this](const calllog::Entry& entry) {
        log.append(entry);
        if (entry.data.value(QStringLiteral("token")) == QLatin1String("FALLBACK"))
            m_isInvited = true;
    };
    if (setup.rendered) {
        for (const QString& line : Lines.all())
            for (const QString& sentence : dialog::sentencesOf(line))
                render(sentence);
    }

    auto channel = std::make_unique<ScriptedChannel>();
    m_context.takeUp = [this](const QString&) { return takenUp; };
    m_channel = channel.get();
    m_session = std::make_unique<session::CallSession>(std::move(channel), setup.claims, m_context);
    QObject::connect(
        m_session.get(), &session::CallSession::stateChanged, m_session.get(), [this](TurnState from, TurnState to) {
            // A turn of theirs, or the answer to one: what was said is dealt with. That the agent goes on is no answer.
            if (from == TurnState::Thinking || to == TurnState::Thinking || to == TurnState::Ending)
                m_voice = 0ms;
            m_isInvited = m_isInvited && to != TurnState::Thinking;
        });
    QObject::connect(
        m_session.get(), &session::CallSession::lastWordsSaid, m_session.get(), [this] { lastWordsSaid = true; });
    QObject::connect(m_session.get(), &session::CallSession::passedOn, m_session.get(),
        [this](const session::PassedOn& call) { passedOn = call; });
    QObject::connect(m_session.get(), &session::CallSession::turnEnded, m_session.get(),
        [this](const TurnRecord& turn) { turns.append(turn); });
    QObject::connect(
        m_session.get(), &session::CallSession::ended, m_session.get(), [this](const session::CallEnd& how) {
            if (end)
                qFatal("a call ended twice");
            if (!how.passedOn && !summaries.isEmpty() && summaries.last().state != CallState::Ended)
                qFatal("a call ended before operators were told");
            end = how;
        });
    QObject::connect(
        m_session.get(), &session::CallSession::summaryChanged, m_session.get(), [this](const CallSummary& summary) {
            if (!summaries.isEmpty() && summaries.last() == summary)
                qFatal("the same summary twice");
            if (summaries.isEmpty() || summaries.last().state != summary.state)
                m_states += callStateName(summary.state);
            summaries.append(summary);
        });
    QObject::connect(
        m_session.get(), &session::CallSession::transcriptChanged, m_session.get(), [this](const TranscriptTurn& turn) {
            if (shownTurns.value(turn.record.number) == turn)
                qFatal("the same turn twice");
            shownTurns.insert(turn.record.number, turn);
            const QString line = QStringLiteral("%1%2 %3%4 | %5 | %6%7")
                                     .arg(turn.open ? QString() : QStringLiteral("."))
                                     .arg(turn.record.number)
                                     .arg(turn.record.callerText)
                                     .arg(turn.callerTextFinal ? QString() : QStringLiteral("?"))
                                     .arg(turn.record.agentText, turn.record.heardText)
                                     .arg(turn.record.interrupted ? QStringLiteral(" | interrupted") : QString());
            if (m_transcript.isEmpty() || m_transcript.last() != line) // else its latency is new
                m_transcript += line;
        });
    m_owedSince = clock.now();
}

void Call::render(const QString& sentence)
{
    providers::CallInfo info;
    if (m_context.personaFor)
        info.persona = m_context.personaFor({});
    info.language = info.persona ? info.persona->language : m_context.settings.language;
    for (const QString& voice : m_providers->voiceNames(info))
        lines.restore(m_providers->lineKey(sentence, info, voice), StandInTextToSpeech().audioOf(sentence));
}

Call::~Call()
{
    m_session->endNow(EndReason::Shutdown);
    m_session.reset();
    // What is on its way to deletion still knows the registry, and without a running loop nobody would delete it.
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
}

void Call::receive(const QString& text)
{
    Q_EMIT m_channel->received(text);
    settle();
}

void Call::start(const QString& callSid)
{
    receive(QString::fromUtf8(R"({"event":"connected","protocol":"Call","version":"1.0.0"})"));
    receive(startMessage(callSid, QStringLiteral("audio/x-mulaw"), 8000, m_test));
    m_buffer.start(clock.now());
    m_owedSince = clock.now();
}

void Call::press(char key)
{
    receive(QString::fromUtf8(
        R"({"event":"dtmf","streamSid":"MZ1","sequenceNumber":"%1","dtmf":{"track":"inbound_track","digit":"%2"}})")
                .arg(++m_sequence)
                .arg(QLatin1Char(key)));
}

void Call::stop()
{
    receive(QString::fromUtf8(
        R"({"event":"stop","sequenceNumber":"%1","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"})")
                .arg(++m_sequence));
}

void Call::hangUpWithoutStop()
{
    Q_EMIT m_channel->closed(true, QStringLiteral("1006"));
    settle();
}

void Call::settle()
{
    // Stand-ins answer through the event loop; nothing here takes real time.
    for (int i = 0; i < 8; ++i) {
        QCoreApplication::sendPostedEvents();
        QCoreApplication::processEvents();
    }
    play();
}

void Call::play()
{
    const auto& sent = m_channel->sent;
    while (m_taken < sent.size()) {
        const QJsonObject message = sent.at(m_taken++);
        const QString event = message.value(QStringLiteral("event")).toString();
        if (event == QLatin1String("media")) {
            const QByteArray mulaw = QByteArray::fromBase64(message.value(QStringLiteral("media"))
                                                                .toObject()
                                                                .value(QStringLiteral("payload"))
                                                                .toString()
                                                                .toLatin1());
            echo(m_buffer.media(
                {reinterpret_cast<const quint8*>(mulaw.constData()), size_t(mulaw.size())}, clock.now()));
        } else if (event == QLatin1String("mark")) {
            echo(
                m_buffer.mark(message.value(QStringLiteral("mark")).toObject().value(QStringLiteral("name")).toString(),
                    clock.now()));
        } else if (event == QLatin1String("clear")) {
            echo(m_buffer.clear(clock.now()));
        } else {
            qFatal("the engine sent an event that Twilio does not know: %s", qPrintable(event));
        }
    }
}

void Call::echo(const std::vector<QString>& marks)
{
    for (const QString& name : marks)
        Q_EMIT m_channel->received(
            QString::fromUtf8(R"({"event":"mark","sequenceNumber":"%1","streamSid":"MZ1","mark":{"name":"%2"}})")
                .arg(++m_sequence)
                .arg(name));
}

void Call::step(std::optional<bool> voiced)
{
    clock.advance(20ms);
    if (voiced) {
        media::PcmFrame pcm{};
        if (*voiced) {
            for (qint16& sample : pcm) {
                double value = 0;
                for (int h = 1; h <= 20; ++h) {
                    const double f = 140.0 * h;
                    value += (std::exp(-std::pow((f - 600) / 350, 2)) + 0.6 * std::exp(-std::pow((f - 1500) / 400, 2))
                                 + 0.05)
                        * std::sin(2 * M_PI * f * m_phase / 8000);
                }
                // Four syllables a second: what does not change is no voice but a hum.
                const double syllable = 0.55 - 0.45 * std::cos(2 * M_PI * 4 * m_phase / 8000);
                sample = qint16(2600 * syllable * value);
                m_phase += 1;
            }
        }
        media::MulawFrame mulaw{};
        media::encodeMulaw(pcm, mulaw);
        const QByteArray bytes(reinterpret_cast<const char*>(mulaw.data()), qsizetype(mulaw.size()));
        callerTrack += bytes;
        const QByteArray payload = bytes.toBase64();
        Q_EMIT m_channel->received(QString::fromUtf8(
            R"({"event":"media","sequenceNumber":"%1","media":{"track":"inbound","chunk":"%2","timestamp":"%3","payload":"%4"},"streamSid":"MZ1"})")
                                       .arg(++m_sequence)
                                       .arg(++m_chunk)
                                       .arg(m_streamMs)
                                       .arg(QString::fromLatin1(payload)));
    }
    m_streamMs += 20;
    if (!end)
        m_session->onTick(clock.now());
    settle();
    echo(m_buffer.advance(clock.now()));
    settle();
    if (++m_steps % 50 == 0)
        m_recordings->flush(); // our seconds are shorter than a disk's
    if (voiced.value_or(false))
        m_voice += 20ms;
    else if (m_isInvited && agentIsHeard())
        m_voice = 0ms; // "yes, fine" needs no more than to hear the rest
    const bool hasSpoken = m_voice >= SurelyWords;
    if (agentIsHeard() || voiced.value_or(false) || end || (m_session->state() == TurnState::Listening && !hasSpoken))
        m_owedSince = clock.now();
    longestSilenceOwed = std::max(longestSilenceOwed, elapsed(m_owedSince, clock.now()));
}

void Call::run(Milliseconds length, bool voiced)
{
    for (Milliseconds done{0}; done < length; done += 20ms)
        step(voiced);
}

void Call::nothing(Milliseconds length)
{
    for (Milliseconds done{0}; done < length; done += 20ms)
        step(std::nullopt);
}

bool Call::untilAgentIsSilent(Milliseconds limit)
{
    for (Milliseconds done{0}; done < limit; done += 20ms) {
        if (end || (!agentIsHeard() && m_session->state() == TurnState::Listening))
            return true;
        step(false);
    }
    return false;
}

bool Call::untilAgentSpeaks(Milliseconds limit)
{
    for (Milliseconds done{0}; done < limit; done += 20ms) {
        if (agentIsHeard())
            return true;
        step(false);
    }
    return false;
}

bool Call::untilEnded(Milliseconds limit)
{
    for (Milliseconds done{0}; done < limit && !end; done += 20ms)
        step(false);
    return end.has_value();
}

int Call::count(const QString& event) const
{
    int n = 0;
    for (const QJsonObject& message : m_channel->sent)
        n += message.value(QStringLiteral("event")).toString() == event;
    return n;
}

QByteArray Call::agentTrack()
{
    m_agentTrack.resize(callerTrack.size(), char(media::MulawSilence));
    for (const telephony::PlayedAudio& played : m_buffer.takePlayed()) {
        const auto at = qsizetype(played.position);
        const qsizetype room = std::clamp<qsizetype>(m_agentTrack.size() - at, 0, played.mulaw.size());
        m_agentTrack.replace(at, room, played.mulaw.first(room));
    }
    return m_agentTrack;
}

QStringList Call::tokens() const
{
    QStringList list;
    for (const auto& entry : log)
        if (entry.kind == calllog::Entry::Kind::Event)
            list += entry.data.value(QStringLiteral("token")).toString();
    return list;
}

QList<QJsonObject> Call::events(const QString& token) const
{
    QList<QJsonObject> list;
    for (const auto& entry : log)
        if (entry.kind == calllog::Entry::Kind::Event && entry.data.value(QStringLiteral("token")).toString() == token)
            list += entry.data;
    return list;
}

} // namespace kav::test
