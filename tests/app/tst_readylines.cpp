// SPDX-License-Identifier: Apache-2.0
#include "engine/app/dialogfiles.h"
#include "tests/app/engineundertest.h"

#include <QDir>
#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;
using namespace kav::test;

namespace {

const QString Called = u"+15005550001"_s; // whom EngineUnderTest's webhooks and callers call
const QString Welcome = u"Welcome to the clinic."_s;
const QString Shalom = u"שלום, הגעתם למרפאה."_s;

providers::Persona clinic(const QString& greeting = Welcome, const QString& language = u"en-US"_s)
{
    providers::Persona made;
    made.name = u"clinic"_s;
    made.numbers = {Called};
    made.language = language;
    made.greeting = greeting;
    return made;
}

std::shared_ptr<const dialog::PersonaBook> bookOf(const QList<providers::Persona>& personas)
{
    return std::make_shared<const dialog::PersonaBook>(personas);
}

/// What a voice was asked to say, from whatever thread.
class Asked final {
public:
    void add(const providers::SpeechRequest& request)
    {
        const std::lock_guard lock(m_mutex);
        m_requests += request;
    }
    int count(const QString& text, const QString& language = {}, const QString& voice = {}) const
    {
        const std::lock_guard lock(m_mutex);
        return int(std::count_if(m_requests.begin(), m_requests.end(), [&](const providers::SpeechRequest& each) {
            return each.text == text && (language.isEmpty() || each.language == language)
                && (voice.isEmpty() || each.voice == voice);
        }));
    }
    int all() const
    {
        const std::lock_guard lock(m_mutex);
        return int(m_requests.size());
    }

private:
    mutable std::mutex m_mutex;
    QList<providers::SpeechRequest> m_requests; // guarded by m_mutex
};

} // namespace

/// A whole engine, whose callers hear what was rendered before they called.
class TstReadyLines final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { m_asked = std::make_shared<Asked>(); }

    void aGreetingIsHeardWithADeadVoiceAfterARestart()
    {
        EngineUnderTest kav;
        speak(kav);
        answer(kav, {Welcome});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        QCOMPARE(m_asked->count(Welcome), 1);
        kav.stop();
        QVERIFY(!QDir(kav.directory() + u"/lines"_s).isEmpty());

        dieVoice(kav);
        kav.config.withoutStream = false; // else Twilio's own voice says it
        kav.serve();
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY(caller.hasHeardOut());
        QVERIFY(caller.twilio.heard.startsWith(StandInTextToSpeech().audioOf(Welcome)));
        QVERIFY(kav.metric("kav_line_cache_loaded_total").toInt() > 30); // the dialog's sentences among them
        QCOMPARE(kav.metric("kav_line_cache_hits_total"), "1");
    }

    void withoutADiskNothingOutlivesTheProcess()
    {
        EngineUnderTest kav;
        speak(kav);
        answer(kav, {Welcome});
        kav.config.personas = bookOf({clinic()});
        kav.config.lines.diskBytes = 0;
        kav.serve();
        kav.stop();
        QVERIFY(!QDir(kav.directory() + u"/lines"_s).exists());
        speak(kav);
        kav.serve();
        QCOMPARE(m_asked->count(Welcome), 2);
    }

    void anotherVoiceOrModelIsAnotherLine()
    {
        EngineUnderTest kav;
        speak(kav, u"tts-1"_s);
        answer(kav, {Welcome});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        kav.stop();
        kav.serve(); // as it was: nothing is said again
        QCOMPARE(m_asked->count(Welcome), 1);
        kav.stop();
        speak(kav, u"tts-1-hd"_s);
        kav.serve();
        QCOMPARE(m_asked->count(Welcome), 2);
    }

    void aDamagedFileIsMadeAnewAndNobodyNotices()
    {
        EngineUnderTest kav;
        speak(kav);
        answer(kav, {Welcome});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        kav.stop();
        const int before = m_asked->all();
        QDir lines(kav.directory() + u"/lines"_s);
        const QStringList names = lines.entryList(QDir::Files);
        for (const QString& name : names) {
            QFile file(lines.filePath(name));
            QVERIFY(file.open(QIODevice::ReadWrite));
            QVERIFY(file.resize(file.size() - 1));
        }
        const LogCatcher log;
        kav.serve();
        QCOMPARE(m_asked->all(), 2 * before);
        QCOMPARE(kav.metric("kav_line_cache_damaged_total").toLongLong(), names.size());
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY(caller.hasHeardOut());
        QVERIFY(caller.twilio.heard.startsWith(StandInTextToSpeech().audioOf(Welcome)));
    }

    void whatIsSaidOftenIsSynthesisedNoMore()
    {
        const QString hours = u"We close at five."_s;
        EngineUnderTest kav;
        speak(kav);
        answer(kav, {Welcome + u' ' + hours});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        const QByteArray both = StandInTextToSpeech().audioOf(Welcome) + StandInTextToSpeech().audioOf(hours);
        for (const int synthesised : {1, 2, 2}) {
            Caller caller(kav);
            QVERIFY(caller.call());
            QTRY_VERIFY(caller.twilio.heard.contains(both));
            QCOMPARE(m_asked->count(hours), synthesised);
            caller.hangUp();
        }
        QCOMPARE(m_asked->count(Welcome), 1); // before anybody called
        // An answer of a model's is nowhere on the disk: only what was known is.
        kav.stop();
        kav.serve();
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_COMPARE(m_asked->count(hours), 3);
        QCOMPARE(m_asked->count(Welcome), 1);
    }

    void eachPersonaHasItsLinesInItsLanguageAndVoice()
    {
        EngineUnderTest kav;
        speak(kav);
        providers::Persona hebrew = clinic(Shalom, u"he-IL"_s), english = clinic();
        hebrew.voices.insert(u"stand-in"_s, u"carmit"_s);
        hebrew.name = u"marpea"_s;
        hebrew.numbers = {u"+15005550002"_s};
        kav.config.personas = bookOf({english, hebrew});
        kav.serve();
        QCOMPARE(m_asked->count(Shalom, u"he-IL"_s, u"carmit"_s), 1);
        QCOMPARE(m_asked->count(Welcome, u"en-US"_s), 1);
        const auto script = app::loadDialogs(kav.config).book->scriptFor(u"he-IL"_s);
        const QStringList own = dialog::serviceLinesFor(u"he-IL"_s, script.get()).all();
        for (const QString& line : own)
            for (const QString& sentence : dialog::sentencesOf(line))
                QCOMPARE(m_asked->count(sentence, u"he-IL"_s, u"carmit"_s), 1);
        // English ones are the dialog's, and the standing persona shares them with the clinic.
        QCOMPARE(m_asked->count(u"One moment, please."_s), 1);
        QCOMPARE(m_asked->count(u"One moment, please."_s, u"he-IL"_s), 0);
    }

    void aHebrewCallerIsAskedToWaitInHebrew()
    {
        EngineUnderTest kav;
        speak(kav);
        kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            StandInLanguageModel::Settings settings;
            settings.manners.fault = StandInManners::Fault::Hang;
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
        });
        kav.config.personas = bookOf({clinic(Shalom, u"he-IL"_s)});
        kav.config.turn.filler = Milliseconds(100);
        kav.serve();
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY(caller.twilio.heard.contains(StandInTextToSpeech().audioOf(dialog::ServiceLines::hebrew().filler)));
    }

    void everyVoiceOfTheListKnowsTheEnginesOwnLines()
    {
        EngineUnderTest kav;
        speak(kav);
        const auto second = std::make_shared<Asked>();
        kav.makers.textToSpeech.push_back({u"second"_s, voice(second), {}, {}});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        QTRY_COMPARE(second->count(u"One moment, please."_s), 1);
        QTRY_COMPARE(second->count(Welcome), 1);
        QTRY_COMPARE(m_asked->count(Welcome), 1);
    }

    void aReloadRendersWhatIsNewAndOnlyThat()
    {
        EngineUnderTest kav;
        speak(kav);
        answer(kav, {Welcome});
        kav.config.personas = bookOf({clinic()});
        kav.serve();
        Caller first(kav);
        QVERIFY(first.call());
        const int before = m_asked->all();
        const QString changed = u"Welcome to the new clinic."_s;
        LoadedConfig fresh{kav.config, {}, {}, {}, {}};
        fresh.config.personas = bookOf({clinic(changed)});
        kav.engine().reload(fresh);
        QCOMPARE(m_asked->count(changed), 0); // nothing is done inside the reload
        QTRY_COMPARE(m_asked->count(changed), 1);
        QTRY_VERIFY(first.hasHeardOut()); // the call in progress has its own
        QVERIFY(first.twilio.heard.startsWith(StandInTextToSpeech().audioOf(Welcome)));
        QCOMPARE(m_asked->all(), before + 1);
        // And back again: nothing was forgotten.
        fresh.config.personas = bookOf({clinic()});
        kav.engine().reload(fresh);
        Caller second(kav);
        QVERIFY(second.call());
        QTRY_VERIFY(second.hasHeardOut());
        QCOMPARE(m_asked->all(), before + 1);
    }

private:
    std::function<Result<std::shared_ptr<providers::TextToSpeech>>()> voice(const std::shared_ptr<Asked>& asked) const
    {
        return [asked]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
            StandInTextToSpeech::Settings settings;
            settings.asked = [asked](const providers::SpeechRequest& request) { asked->add(request); };
            return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>(settings));
        };
    }
    void speak(EngineUnderTest& kav, const QString& identity = {}) const
    {
        kav.makers.textToSpeech = {{u"stand-in"_s, voice(m_asked), {}, identity}};
    }
    static void dieVoice(EngineUnderTest& kav)
    {
        kav.makers.textToSpeech = {{u"stand-in"_s,
            []() -> Result<std::shared_ptr<providers::TextToSpeech>> {
                return Error{Error::Code::Unavailable, u"it is dead"_s, {}};
            },
            {}, {}}};
    }
    static void answer(EngineUnderTest& kav, const QStringList& texts)
    {
        kav.makers.languageModel = only([texts]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            StandInLanguageModel::Settings settings;
            for (const QString& text : texts)
                settings.script += StandInAnswer{text, {}, false};
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
        });
    }

    std::shared_ptr<Asked> m_asked;
};

QTEST_GUILESS_MAIN(TstReadyLines)
#include "tst_readylines.moc"
