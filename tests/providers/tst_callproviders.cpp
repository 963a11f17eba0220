// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/receptionist.h"
#include "engine/providers/failover/callproviders.h"
#include "tests/providers/failoverfixture.h"

#include <QTest>

#include <atomic>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::providers;
using namespace kav::test;

namespace {

/// Counts how often it was asked to connect.
class Ahead final : public TextToSpeech {
public:
    explicit Ahead(int& count)
        : m_count(count)
    {
    }
    QString name() const override { return QStringLiteral("ahead"); }
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override { return m_voice.speak(request); }
    void connectAhead() override { ++m_count; }

private:
    StandInTextToSpeech m_voice;
    int& m_count;
};

} // namespace

/// What calls get from the registry.
class TestCallProviders final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void aCallHasWhatIsReady();
    void aPersonaHasItsOwnOrder();
    void theTelephoneRings();
    void aCallInALanguageThatNobodySpeaksCannotBeHeld();
    void aCallWhoseVoicesRestCannotBeHeld();
    void aModelWithItsOwnVoiceNeedsNoOther();
    void linesAreSpokenByWhoeverCan();
    void aWholeSpeechIsKeptForItsVoiceAlone();
    void halfASpeechIsNotKept();
    void anAnswerHasOneVoiceAndALineAny();
    void aPersonasVoiceIsItsOwn();
    void theReceptionistTakesOverFromAModel();
    void manyThreadsAtOnce();

private:
    template <typename T, typename Make> static NamedMaker<T> maker(const char* name, Make make)
    {
        return {QString::fromLatin1(name),
            [make]() -> Result<std::shared_ptr<T>> { return std::shared_ptr<T>(make()); }, {}};
    }
    NamedMaker<TextToSpeech> voice(const char* name, const StandInManners& manners = {})
    {
        return maker<TextToSpeech>(name, [manners, name, this] {
            StandInTextToSpeech::Settings settings;
            settings.manners = manners;
            settings.asked = [this, name](const SpeechRequest&) { asked += QString::fromLatin1(name); };
            return std::make_shared<StandInTextToSpeech>(settings);
        });
    }
    void begin(Makers makers);
    /// What a call does with a sentence: the cache's sound, or a synthesis.
    QByteArray say(const QString& text, LineUse use = LineUse::Answer)
    {
        if (const auto line = providers->findLine(text, f->call, use))
            return *line;
        const auto speech = providers->speak(text, f->call, f->reporter());
        QByteArray audio;
        connect(speech.get(), &Speech::audio, this, [&audio](const QByteArray& mulaw) { audio += mulaw; });
        f->settle();
        return audio;
    }
    QByteArray keyOf(const QString& text, const char* voice) const
    {
        return providers->lineKey(text, f->call, QString::fromLatin1(voice));
    }

    std::unique_ptr<LineCache> lines;
    std::unique_ptr<FailoverFixture> f;
    std::unique_ptr<ProviderRegistry> registry;
    std::unique_ptr<CallProviders> providers;
    QStringList asked;
};

void TestCallProviders::init()
{
    providers.reset();
    registry.reset();
    lines = std::make_unique<LineCache>();
    f = std::make_unique<FailoverFixture>();
    asked.clear();
}

void TestCallProviders::begin(Makers makers)
{
    registry = std::make_unique<ProviderRegistry>(std::move(makers), RegistrySettings{}, f->clock);
    registry->warmUp();
    QTRY_VERIFY([this] {
        const auto all = registry->statuses();
        return std::all_of(all.begin(), all.end(), [](const ProviderStatus& status) {
            return status.state == ProviderState::Ready || status.state == ProviderState::Failed;
        });
    }());
    providers = std::make_unique<CallProviders>(*registry, f->judge, f->settings, f->clock, lines.get());
}

void TestCallProviders::aCallHasWhatIsReady()
{
    Makers makers;
    makers.textToSpeech = {voice("one")};
    begin(makers);
    QVERIFY(providers->hasVoice(f->call));
    QVERIFY(!providers->hasModel(f->call));
    QVERIFY(!providers->hasRecogniser(f->call));
    // What is opened all the same says so when it is asked.
    const auto conversation = providers->openConversation(f->call, f->reporter());
    int failures = 0;
    connect(conversation.get(), &Conversation::failed, this, [&failures] { ++failures; });
    conversation->ask({});
    f->settle();
    QCOMPARE(failures, 1);
}

void TestCallProviders::aPersonaHasItsOwnOrder()
{
    Makers makers;
    makers.textToSpeech = {voice("one"), voice("two", faulty(StandInManners::Fault::Fail)), voice("three")};
    begin(makers);
    auto speech = providers->speak(QStringLiteral("Hello."), f->call, f->reporter());
    f->settle();
    QCOMPARE(asked, QStringList{QStringLiteral("one")});
    auto persona = std::make_shared<Persona>();
    persona->tts = QStringList{QStringLiteral("two"), QStringLiteral("three"), QStringLiteral("unknown")};
    f->call.persona = persona;
    asked.clear();
    speech = providers->speak(QStringLiteral("Hello."), f->call, f->reporter());
    f->settle();
    QCOMPARE(asked, (QStringList{QStringLiteral("two"), QStringLiteral("three")}));
    QCOMPARE(f->left, QStringList{QStringLiteral("two>three unavailable")});
}

void TestCallProviders::theTelephoneRings()
{
    int one = 0, two = 0;
    Makers makers;
    makers.textToSpeech = {maker<TextToSpeech>("one", [&one] { return std::make_shared<Ahead>(one); }),
        maker<TextToSpeech>("two", [&two] { return std::make_shared<Ahead>(two); })};
    begin(makers);
    providers->connectAhead(f->call);
    QCOMPARE(one, 1);
    QCOMPARE(two, 0);
    f->judge->failed(Stage::TextToSpeech, QStringLiteral("one"), {Error::Code::Timeout, {}, {}});
    providers->connectAhead(f->call);
    QCOMPARE(one, 1);
    QCOMPARE(two, 1);
}

void TestCallProviders::aCallInALanguageThatNobodySpeaksCannotBeHeld()
{
    // As the embedded ones: English and nothing else.
    class EnglishEar final : public SpeechToText {
    public:
        QString name() const override { return QStringLiteral("ear"); }
        bool speaks(const QString& language) const override { return language.startsWith(QLatin1String("en")); }
        std::unique_ptr<SpeechToTextStream> open(const CallInfo&) override { return nullptr; }
    };
    Makers makers;
    makers.speechToText = {maker<SpeechToText>("ear", [] { return std::make_shared<EnglishEar>(); })};
    makers.textToSpeech = {voice("one")};
    begin(makers);
    f->call.language = QStringLiteral("en-US");
    QVERIFY(providers->canConverse(f->call));
    f->call.language = QStringLiteral("he-IL");
    QVERIFY(!providers->canConverse(f->call));
}

void TestCallProviders::aCallWhoseVoicesRestCannotBeHeld()
{
    Makers makers;
    makers.speechToText = {maker<SpeechToText>("ear", [] { return std::make_shared<StandInSpeechToText>(); })};
    makers.textToSpeech = {voice("one"), voice("two")};
    begin(makers);
    const Error stalled{Error::Code::Timeout, {}, {}};
    QVERIFY(providers->canConverse(f->call));
    f->judge->failed(Stage::TextToSpeech, QStringLiteral("one"), stalled);
    QVERIFY(providers->canConverse(f->call));
    f->judge->failed(Stage::TextToSpeech, QStringLiteral("two"), stalled);
    QVERIFY(!providers->canConverse(f->call));
    f->pass(5000);
    QVERIFY(providers->canConverse(f->call));
}

void TestCallProviders::aModelWithItsOwnVoiceNeedsNoOther()
{
    class VoicedModel final : public LanguageModel {
    public:
        QString name() const override { return QStringLiteral("voiced"); }
        bool hasVoice() const override { return true; }
        std::unique_ptr<Conversation> open(const CallInfo&) override { return nullptr; }
    };
    Makers makers;
    makers.speechToText = {maker<SpeechToText>("ear", [] { return std::make_shared<StandInSpeechToText>(); })};
    begin(makers);
    QVERIFY(!providers->canConverse(f->call));
    makers.languageModel = {maker<LanguageModel>("voiced", [] { return std::make_shared<VoicedModel>(); })};
    providers.reset();
    begin(makers);
    QVERIFY(providers->canConverse(f->call));
}

void TestCallProviders::linesAreSpokenByWhoeverCan()
{
    Makers makers;
    makers.textToSpeech = {voice("one", faulty(StandInManners::Fault::Fail)), voice("two")};
    begin(makers);
    const auto speech = providers->speak(QStringLiteral("Hello."), f->call, f->reporter());
    QByteArray audio;
    connect(speech.get(), &Speech::audio, this, [&audio](const QByteArray& mulaw) { audio += mulaw; });
    f->settle();
    QCOMPARE(audio.size(), 6 * 480);
}

void TestCallProviders::aWholeSpeechIsKeptForItsVoiceAlone()
{
    Makers makers;
    makers.textToSpeech = {voice("one", faulty(StandInManners::Fault::Fail)), voice("two")};
    begin(makers);
    const QString hello = QStringLiteral("Hello.");
    lines->setKnown({keyOf(hello, "one"), keyOf(hello, "two")});
    QCOMPARE(say(hello).size(), 6 * 480); // one fails before its first sound, two says it all
    QVERIFY(!lines->contains(keyOf(hello, "one")));
    QCOMPARE(lines->find({keyOf(hello, "two")}), StandInTextToSpeech().audioOf(hello));
}

void TestCallProviders::halfASpeechIsNotKept()
{
    Makers makers;
    makers.textToSpeech = {voice("one", faulty(StandInManners::Fault::Fail, 2, 1)), voice("two")};
    begin(makers);
    const QString hello = QStringLiteral("Hello there, and good morning.");
    lines->setKnown({keyOf(hello, "one"), keyOf(hello, "two")});
    say(hello); // begun by one, ended by two
    QCOMPARE(asked, (QStringList{QStringLiteral("one"), QStringLiteral("two")}));
    QVERIFY(!lines->contains(keyOf(hello, "one")) && !lines->contains(keyOf(hello, "two")));
    {
        const auto speech = providers->speak(hello, f->call, f->reporter());
        QByteArray audio;
        connect(speech.get(), &Speech::audio, this, [&audio](const QByteArray& mulaw) { audio += mulaw; });
        while (audio.isEmpty())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        // The caller interrupts.
    }
    f->settle();
    QCOMPARE(lines->counters().lines, 0);
    say(hello); // to its end
    QCOMPARE(lines->counters().lines, 1);
}

void TestCallProviders::anAnswerHasOneVoiceAndALineAny()
{
    Makers makers;
    makers.textToSpeech = {voice("one"), voice("two")};
    begin(makers);
    const QString wait = QStringLiteral("One moment.");
    lines->restore(keyOf(wait, "one"), QByteArray(80, 'a'));
    lines->restore(keyOf(wait, "two"), QByteArray(80, 'b'));
    QCOMPARE(say(wait), QByteArray(80, 'a'));
    // One is down: who speaks now is two, in lines too.
    f->judge->failed(Stage::TextToSpeech, QStringLiteral("one"), {Error::Code::Timeout, {}, {}});
    QCOMPARE(say(wait), QByteArray(80, 'b'));
    QCOMPARE(say(wait, LineUse::Own), QByteArray(80, 'b'));
    // What only one has said is a line of the engine's own, but no part of an answer.
    const QString bye = QStringLiteral("Goodbye.");
    lines->restore(keyOf(bye, "one"), QByteArray(80, 'c'));
    QCOMPARE(say(bye, LineUse::Own), QByteArray(80, 'c'));
    QVERIFY(asked.isEmpty());
    QVERIFY(!providers->findLine(bye, f->call, LineUse::Answer));
    // Both sent us away: nobody can be asked, and any voice is better than silence.
    for (const char* name : {"one", "two"})
        f->judge->failed(Stage::TextToSpeech, QString::fromLatin1(name), {Error::Code::Denied, {}, {}});
    QCOMPARE(say(bye), QByteArray(80, 'c'));
}

void TestCallProviders::aPersonasVoiceIsItsOwn()
{
    Makers makers;
    makers.textToSpeech = {voice("one")};
    begin(makers);
    const QString hello = QStringLiteral("Hello.");
    lines->restore(keyOf(hello, "one"), QByteArray(80, 'a'));
    auto persona = std::make_shared<Persona>();
    persona->voices.insert(QStringLiteral("one"), QStringLiteral("carmit"));
    f->call.persona = persona;
    QVERIFY(!providers->findLine(hello, f->call, LineUse::Own));
    lines->restore(keyOf(hello, "one"), QByteArray(80, 'b'));
    QCOMPARE(say(hello), QByteArray(80, 'b'));
    f->call.language = QStringLiteral("en-US");
    QVERIFY(!providers->findLine(hello, f->call, LineUse::Own));
}

void TestCallProviders::theReceptionistTakesOverFromAModel()
{
    const auto script =
        dialog::DialogScript::load(QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
    QVERIFY(script.ok());
    Makers makers;
    makers.languageModel = {maker<LanguageModel>("openai",
                                [] {
                                    StandInLanguageModel::Settings settings;
                                    settings.script = {{QStringLiteral("Good day."), {}, false}};
                                    settings.manners = faulty(StandInManners::Fault::Hang, 0, 2);
                                    return std::make_shared<StandInLanguageModel>(settings);
                                }),
        maker<LanguageModel>(
            "embedded", [script = *script] { return std::make_shared<dialog::Receptionist>(script); })};
    begin(makers);
    const auto conversation = providers->openConversation(f->call, f->reporter());
    QString said;
    Expectation expected;
    connect(conversation.get(), &Conversation::text, this, [&said](int, const QString& delta) { said += delta; });
    connect(conversation.get(), &Conversation::finished, this,
        [&expected](int, const Expectation& next) { expected = next; });
    UserTurn turn;
    turn.kind = UserTurn::Kind::Opening;
    turn.turn = 1;
    conversation->ask(turn);
    f->settle();
    QCOMPARE(said, QStringLiteral("Good day."));
    conversation->heard(1, said, false, Milliseconds(500));
    said.clear();
    turn.kind = UserTurn::Kind::Voice;
    turn.turn = 2;
    turn.text = QStringLiteral("sales please");
    conversation->ask(turn);
    f->pass(4000);
    QVERIFY2(said.contains(QStringLiteral("nobody is free")), qPrintable(said));
    QVERIFY(!expected.recognition.grammar.isEmpty()); // the script's own, from here on
}

void TestCallProviders::manyThreadsAtOnce()
{
    Makers makers;
    makers.textToSpeech = {maker<TextToSpeech>("one",
                               [] {
                                   StandInTextToSpeech::Settings settings;
                                   settings.manners = faulty(StandInManners::Fault::Fail, 1);
                                   return std::make_shared<StandInTextToSpeech>(settings);
                               }),
        maker<TextToSpeech>("two", [] { return std::make_shared<StandInTextToSpeech>(); })};
    begin(makers);
    std::atomic<int> finished = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this, &finished] {
            for (int n = 0; n < 50; ++n) {
                QEventLoop loop;
                const auto speech = providers->speak(QStringLiteral("One two three."), f->call, {});
                connect(speech.get(), &Speech::finished, &loop, [&] {
                    ++finished;
                    loop.quit();
                });
                connect(speech.get(), &Speech::failed, &loop, &QEventLoop::quit);
                loop.exec();
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    QCOMPARE(finished.load(), 200);
}

QTEST_GUILESS_MAIN(TestCallProviders)
#include "tst_callproviders.moc"
