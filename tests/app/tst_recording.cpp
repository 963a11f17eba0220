// SPDX-License-Identifier: Apache-2.0
#include "engine/app/recordingscommand.h"
#include "engine/calllog/queries.h"
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/loopbackcaller.h"
#include "tests/app/engineundertest.h"
#include "tests/support/twilio/faketwilioservice.h"

#include <QDir>
#include <QFileInfo>
#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

constexpr qsizetype Frame = qsizetype(media::FrameSamples);

/// A stretch of sound on a line, from `at` on.
struct Sound final {
    qsizetype at = 0;
    QByteArray mulaw;
};

/// Stretches that 100 ms of silence part.
QList<Sound> soundsOf(QByteArray track)
{
    track.replace(char(0x7f), char(media::MulawSilence)); // negative zero
    QList<Sound> all;
    qsizetype at = 0, quiet = 0;
    const auto isQuiet = [&track](qsizetype i) { return track.at(i) == char(media::MulawSilence); };
    while (at < track.size()) {
        if (isQuiet(at)) {
            ++at;
            continue;
        }
        const qsizetype begin = at;
        qsizetype end = at;
        for (quiet = 0; at < track.size() && quiet < 5 * Frame; ++at) {
            quiet = isQuiet(at) ? quiet + 1 : 0;
            if (quiet == 0)
                end = at + 1;
        }
        all += {begin, track.sliced(begin, end - begin)};
    }
    return all;
}

QByteArray withoutSilence(QByteArray mulaw)
{
    mulaw.replace(QByteArray(1, char(media::MulawSilence)), QByteArray());
    return mulaw;
}

std::pair<QByteArray, QByteArray> sidesOf(const QString& path)
{
    std::pair<QByteArray, QByteArray> sides;
    const auto audio = media::readWav(path);
    for (std::size_t i = 0; audio && i < audio->frames(); ++i) {
        sides.first += char(media::toMulaw(audio->samples[2 * i]));
        sides.second += char(media::toMulaw(audio->samples[2 * i + 1]));
    }
    return sides;
}

std::shared_ptr<const dialog::PersonaBook> recordedBy(providers::RecordedBy by)
{
    providers::Persona persona;
    persona.name = u"default"_s;
    persona.recording = by;
    return std::make_shared<dialog::PersonaBook>(QList<providers::Persona>{persona});
}

} // namespace

/// Recording through the whole engine: what a caller heard against what was kept.
class TstRecording final : public QObject {
    Q_OBJECT

    /// A second of a caller's voice in a file.
    void speakInto(const QString& path)
    {
        auto writer = media::WavWriter::create(path, media::SampleRate, 1, media::WavWriter::Encoding::Mulaw);
        QVERIFY(writer.ok());
        SyntheticVoice voice;
        for (int i = 0; i < 50; ++i) {
            const QByteArray frame = voice.frame();
            QVERIFY((*writer)->writeMulaw({reinterpret_cast<const quint8*>(frame.constData()), std::size_t(Frame)}));
        }
    }

    static QStringList tokens(const EngineUnderTest& kav, const QString& callId)
    {
        const auto queries = calllog::Queries::open(kav.config.callLog);
        const auto found = queries ? (*queries)->tokensOf(callId) : Result<QStringList>(QStringList());
        return found ? *found : QStringList();
    }

    std::unique_ptr<LogCatcher> m_log;

private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void theEngineKeepsWhatTheCallerHeard()
    {
        EngineUnderTest kav;
        kav.config.callLog.bootstrap = true;
        kav.config.personas = recordedBy(providers::RecordedBy::Engine);
        kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            StandInLanguageModel::Settings settings;
            settings.script = {{u"Hello. How can I help?"_s, {}, false},
                {u"There is a great deal to say about that and I shall say all of it now, slowly."_s, {}, false},
                {u"Very well."_s, {}, false}};
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
        });
        kav.makers.speechToText = only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
            StandInSpeechToText::Settings settings;
            settings.script = {
                {u"tell me"_s, 0.9, {u"tell me"_s}, true}, {u"stop please"_s, 0.9, {u"stop please"_s}, true}};
            return std::shared_ptr<providers::SpeechToText>(std::make_shared<StandInSpeechToText>(settings));
        });
        kav.serve();
        speakInto(QDir(kav.directory()).filePath(u"voice.wav"_s));

        telephony::CallSettings settings;
        settings.to = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(kav.port()));
        auto script = telephony::parseScript(u"wait-agent-speaking\nwait-agent-silent for 1200ms\nplay voice.wav\n"
                                             u"interrupt after 900ms play voice.wav\n"
                                             u"expect-agent-silent within 1s\nwait-agent-silent for 1500ms\nhangup"_s);
        QVERIFY2(script.ok(), qPrintable(script ? QString() : script.error().message));
        settings.script = *script;
        QVERIFY(telephony::loadScriptAudio(settings.script, {kav.directory()}, {}).ok());
        telephony::LoopbackCaller caller(settings, kav.clock);
        caller.start();
        QTRY_VERIFY_WITH_TIMEOUT(caller.isFinished(), 40000);
        QVERIFY2(caller.outcome().ok, qPrintable(caller.outcome().reason));
        const QString callId = caller.outcome().callSid;
        const QString path = kav.config.keep.recordingsDir + u"/%1.wav"_s.arg(callId);
        QTRY_VERIFY(QFileInfo::exists(path));
        QVERIFY(caller.bufferCounters().clears > 0);

        const auto [callerHeard, agentHeard] = caller.recording();
        const auto [callerKept, agentKept] = sidesOf(path);
        QCOMPARE(callerKept.size(), agentKept.size());
        QVERIFY2(std::abs(callerKept.size() - callerHeard.size()) <= 2 * Frame,
            qPrintable(u"%1 of %2 samples"_s.arg(callerKept.size()).arg(callerHeard.size())));
        for (const auto& [heard, kept] :
            {std::pair(soundsOf(callerHeard), soundsOf(callerKept)), {soundsOf(agentHeard), soundsOf(agentKept)}}) {
            QCOMPARE(kept.size(), heard.size());
            QVERIFY(heard.size() >= 2);
            for (qsizetype i = 0; i < heard.size(); ++i) {
                // A tick and the way through two sockets lie between when it was sent and when it sounds.
                const QString what = u"sound %1 at %2 and %3, of %4 and %5"_s.arg(i)
                                         .arg(heard.at(i).at)
                                         .arg(kept.at(i).at)
                                         .arg(heard.at(i).mulaw.size())
                                         .arg(kept.at(i).mulaw.size());
                QVERIFY2(std::abs(heard.at(i).at - kept.at(i).at) <= 3 * Frame, qPrintable(what));
                QVERIFY2(std::abs(heard.at(i).mulaw.size() - kept.at(i).mulaw.size()) <= 3 * Frame, qPrintable(what));
                // One speech may follow another at once: how many samples of silence part them is the clocks' affair.
                const QByteArray heardSound = withoutSilence(heard.at(i).mulaw);
                const QByteArray keptSound = withoutSilence(kept.at(i).mulaw);
                const qsizetype both = std::min(heardSound.size(), keptSound.size());
                QVERIFY2(heardSound.first(both) == keptSound.first(both), qPrintable(what));
            }
        }
        QTRY_VERIFY(tokens(kav, callId).contains(u"RECORDING_KEPT"_s));
        QCOMPARE(kav.metric("kav_recordings_total{outcome=\"whole\"}"), "1");
        const QByteArray size = QByteArray::number(QFileInfo(path).size());
        QCOMPARE(kav.metric("kav_recorded_bytes_total"), size);
        QCOMPARE(kav.metric("kav_sound_stored_bytes{kind=\"recording\"}"), size);
    }

    void twilioRecordsWhenItIsAsked()
    {
        EngineUnderTest kav;
        FakeTwilioService twilio(kav.clock, QString());
        kav.config.callLog.bootstrap = true;
        kav.config.personas = recordedBy(providers::RecordedBy::Twilio);
        kav.config.twilioAuthToken = QString::fromLatin1(twilio.authToken);
        kav.config.twilioAccountSid = kav.config.rest.accountSid = twilio.accountSid;
        kav.config.rest.authToken = twilio.authToken;
        kav.config.rest.apiUrl = twilio.apiUrl().toString();
        kav.serve();
        FakeTwilioService::Number number;
        number.phoneNumber = u"+15005550001"_s;
        number.voiceUrl = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(kav.port()));
        twilio.numbers = {number};
        auto script = telephony::parseScript(u"wait-agent-speaking\nwait-agent-silent for 1200ms\nhangup"_s);
        const QString callId = twilio.callIn(u"+15005550006"_s, number.phoneNumber, *script);
        QTRY_COMPARE_WITH_TIMEOUT(kav.ends.size(), 1, 40000);
        const auto started = std::find_if(twilio.requests.cbegin(), twilio.requests.cend(),
            [](const auto& request) { return request.path.endsWith("/Recordings.json"); });
        QVERIFY(started != twilio.requests.cend());
        QTRY_VERIFY(tokens(kav, callId).contains(u"RECORDING_TWILIO"_s));
        QVERIFY(!QFileInfo::exists(kav.config.keep.recordingsDir + u"/%1.wav"_s.arg(callId)));
        // A note of it ages as a file would.
        QDir notes(kav.config.keep.recordingsDir);
        QTRY_COMPARE(notes.entryList({callId + u".*.twilio"_s}).size(), 1);

        // What the command line marks is deleted at the next look: here, of the next engine.
        app::RecordingsQuery query;
        query.callId = callId;
        query.remove = query.isConfirmed = true;
        QCOMPARE(app::runRecordingsCommand(kav.config, query), 0);
        kav.stop();
        kav.serve();
        QTRY_VERIFY(std::any_of(twilio.requests.cbegin(), twilio.requests.cend(),
            [](const auto& request) { return request.method == "DELETE"; }));
        QTRY_VERIFY(tokens(kav, callId).contains(u"RECORDING_DELETED"_s));
        QVERIFY(notes.entryList({callId + u"*"_s}).isEmpty());
    }

    void theCommandLineDeletesOnlyWhenItIsCertain()
    {
        const QTemporaryDir directory;
        app::Config config;
        config.keep.recordingsDir = config.keep.messagesDir = directory.path();
        config.keep.messagesDir += u"/messages"_s;
        QFile file(directory.filePath(u"CA1.wav"_s));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.close();
        const auto run = [&config](QStringList words) {
            const auto query = app::takeRecordingsArguments(words);
            return query && words.isEmpty() ? app::runRecordingsCommand(config, *query) : -1;
        };
        QCOMPARE(run({}), 0);
        QCOMPARE(run({u"--delete"_s}), -1); // of which call?
        QCOMPARE(run({u"CA2"_s, u"--delete"_s, u"--yes"_s}), 1);
        QCOMPARE(run({u"CA1"_s, u"--delete"_s}), 1);
        QVERIFY(file.exists());
        QCOMPARE(run({u"CA1"_s, u"--delete"_s, u"--yes"_s}), 0);
        QVERIFY(!file.exists());
    }
};

QTEST_GUILESS_MAIN(TstRecording)
#include "tst_recording.moc"
