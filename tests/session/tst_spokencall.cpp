// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/dialogbook.h"
#include "engine/dialog/receptionist.h"
#include "engine/session/spokencalls.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QJsonObject>
#include <QScopeGuard>
#include <QJsonDocument>
#include <QTest>

#include <future>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::session;
using namespace std::chrono_literals;
using kav::test::StandInManners;
using Input = SpokenInput::Kind;
using Then = SpokenStep::Then;

namespace {

const dialog::ServiceLines Lines{u"One moment."_s, u"I cannot answer. Leave a message."_s, u"Are you there?"_s,
    u"Still here."_s, u"Nobody there. Goodbye."_s, u"I must go. Goodbye."_s};
const QString Sid = u"CA1"_s;

providers::Expectation expecting(providers::Expectation::Kind kind, int keys = 0)
{
    providers::Expectation expectation;
    expectation.kind = kind;
    expectation.keypadMin = keys > 0 ? 3 : 0;
    expectation.keypadMax = keys;
    return expectation;
}

/// Twilio and the caller, as the engine knows them: what is asked, and what it answers.
class Line final {
public:
    explicit Line(test::StandInLanguageModel::Settings model = {}, std::shared_ptr<providers::Persona> who = {})
    {
        const auto opened = std::move(model.opened);
        model.opened = [this](test::StandInConversation* each) { conversation = each; };
        providers::Makers makers;
        makers.languageModel = test::only([model]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<test::StandInLanguageModel>(model));
        });
        begin(std::move(makers), std::move(who));
    }
    /// With the receptionist, in the language.
    explicit Line(const QString& language)
    {
        start.info.language = language;
        std::vector<dialog::DialogBook::ScriptPointer> scripts;
        for (const char* name : {"receptionist.toml", "receptionist-he.toml"})
            scripts.push_back(
                *dialog::DialogScript::load(u"" KAV_SOURCE_DIR "/resources/dialogs/"_s + QLatin1String(name)));
        const auto book = std::make_shared<const dialog::DialogBook>(scripts);
        providers::Makers makers;
        makers.languageModel = test::only([book]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<dialog::Receptionist>(book));
        });
        begin(std::move(makers), {});
        context.serviceLines = [book](const QString& of) { return book->scriptFor(of)->lines(); };
    }
    ~Line()
    {
        calls.reset();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }

    /// The call comes in.
    void ring()
    {
        start.info.callId = Sid;
        start.info.from = u"+972501234567"_s;
        start.info.to = u"+97231234567"_s;
        start.direction = u"inbound"_s;
        start.why = u"no-speech"_s;
        calls->begin(start, replyTo());
        settle();
    }
    void tell(SpokenInput input)
    {
        if (input.step == 0)
            input.step = step ? step->number : 0;
        if (!calls->take(Sid, input, replyTo()))
            step.reset();
        settle();
    }
    void tell(Input kind, const QString& text = {})
    {
        SpokenInput input;
        input.kind = kind;
        input.text = text;
        input.confidence = kind == Input::Words ? 0.9 : 0;
        tell(input);
    }
    void say(const QString& words) { tell(Input::Words, words); }
    void leaveMessage(bool andHangUp = false)
    {
        SpokenInput input;
        input.kind = Input::Message;
        input.recording = u"RE1"_s;
        input.length = 4s;
        input.hungUp = andHangUp;
        tell(input);
    }
    void pass(Milliseconds time)
    {
        for (Milliseconds left = time; left > 0ms; left -= 100ms) {
            clock.advance(std::min(left, 100ms));
            settle();
        }
    }
    /// Everything that the model has to say by now comes.
    void letGo(test::StandInGate& gate)
    {
        for (int i = 0; i < 5; ++i) {
            gate.release(10);
            settle();
        }
    }
    bool isWaiting() const { return waiting > 0; }

    /// "One moment. > GoOn": what Twilio was told last.
    QString told() const
    {
        if (isWaiting())
            return u"(nothing yet)"_s;
        if (!step)
            return u"(no such call)"_s;
        QStringList parts;
        for (const SpokenStep::Part& part : step->parts)
            parts += part.keys.isEmpty() ? part.text : u"["_s + part.keys + u']';
        return parts.join(u' ') + u" > "_s
            + QStringList{u"Listen"_s, u"Record"_s, u"GoOn"_s, u"PassOn"_s, u"HangUp"_s}.value(int(step->then));
    }
    QStringList tokens() const
    {
        QStringList all;
        for (const calllog::Entry& entry : log) {
            if (entry.kind == calllog::Entry::Kind::Event)
                all += entry.data.value(u"token").toString();
        }
        return all;
    }
    calllog::Entry last(calllog::Entry::Kind kind) const
    {
        const auto it =
            std::find_if(log.rbegin(), log.rend(), [kind](const calllog::Entry& entry) { return entry.kind == kind; });
        return it == log.rend() ? calllog::Entry{} : *it;
    }
    QString fact(const QString& name) const
    {
        return last(calllog::Entry::Kind::CallEnded).data.value(u"facts").toObject().value(name).toString();
    }

    test::FakeClock clock;
    SessionContext context;
    SpokenStart start;
    std::optional<SpokenStep> step;
    int waiting = 0, answers = 0;
    QList<calllog::Entry> log, traced;
    QList<TurnRecord> turns;
    QList<CallSummary> summaries;
    QMap<int, TranscriptTurn> shown;
    std::optional<CallEnd> end;
    std::optional<PassedOn> passedOn;
    test::StandInConversation* conversation = nullptr;
    QStringList interruptions; ///< what Twilio was told by REST
    bool hasRest = true;
    std::unique_ptr<SpokenCalls> calls;

private:
    SpokenCall::Reply replyTo()
    {
        ++waiting;
        return [this](const SpokenStep& given) {
            --waiting;
            ++answers;
            step = given;
        };
    }
    void settle()
    {
        for (int i = 0; i < 10; ++i)
            QCoreApplication::processEvents();
        calls->tick();
        for (int i = 0; i < 10; ++i)
            QCoreApplication::processEvents();
    }
    void begin(providers::Makers makers, std::shared_ptr<providers::Persona> who)
    {
        // Nobody asks them anything; without any the registry would complain.
        makers.speechToText = test::only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
            return std::shared_ptr<providers::SpeechToText>(std::make_shared<test::StandInSpeechToText>());
        });
        makers.textToSpeech = test::only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
            return std::shared_ptr<providers::TextToSpeech>(std::make_shared<test::StandInTextToSpeech>());
        });
        m_registry = std::make_unique<providers::ProviderRegistry>(makers, providers::RegistrySettings{}, clock);
        m_registry->warmUp();
        if (!QTest::qWaitFor([this] { return m_registry->languageModel() != nullptr; }, 30000))
            qFatal("the model was not made");
        providers::FailoverSettings failover;
        failover.check = 0ms;
        failover.firstText = failover.nextText = 60s; // the call's own limits are looked at here
        m_providers = std::make_unique<providers::CallProviders>(
            *m_registry, std::make_shared<providers::Health>(providers::Health::Settings{}, clock), failover, clock);
        context.clock = &clock;
        context.providers = m_providers.get();
        context.serviceLines = [](const QString&) { return Lines; };
        if (!who)
            who = std::make_shared<providers::Persona>();
        context.personaFor = [who](const QString&) { return who; };
        context.log = [this](const calllog::Entry& entry) { log += entry; };
        context.trace = [this](const calllog::Entry& entry) { traced += entry; };
        SpokenCalls::Hooks hooks;
        hooks.interrupt = [this](const QString&, const SpokenStep& given, const std::function<void(bool)>& done) {
            interruptions += given.then == Then::PassOn ? u"pass on"_s
                : given.parts.isEmpty()             ? u"hang up"_s
                                                    : given.parts.front().text;
            done(hasRest);
        };
        calls = std::make_unique<SpokenCalls>(context, SpokenCalls::Settings{}, hooks);
        QObject::connect(
            calls.get(), &SpokenCalls::callShown, calls.get(), [this](const CallSummary& now) { summaries += now; });
        QObject::connect(calls.get(), &SpokenCalls::turnShown, calls.get(),
            [this](const QString&, const TranscriptTurn& turn) { shown.insert(turn.record.number, turn); });
        QObject::connect(calls.get(), &SpokenCalls::turnEnded, calls.get(),
            [this](const QString&, const TurnRecord& turn) { turns += turn; });
        QObject::connect(
            calls.get(), &SpokenCalls::passedOn, calls.get(), [this](const PassedOn& call) { passedOn = call; });
        QObject::connect(calls.get(), &SpokenCalls::callEnded, calls.get(), [this](const CallEnd& how) {
            if (end)
                qFatal("a call ended twice");
            end = how;
        });
    }

    std::unique_ptr<providers::ProviderRegistry> m_registry;
    std::unique_ptr<providers::CallProviders> m_providers;
};

test::StandInLanguageModel::Settings model(const QList<test::StandInAnswer>& script)
{
    test::StandInLanguageModel::Settings settings;
    settings.script = script;
    return settings;
}

} // namespace

/// Calls that are held turn by turn, without a stream.
class TestSpokenCall final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }
    void aWholeCallInHebrewWithNoSpeechProvider();
    void expectationsBecomeWhatTwilioListensFor();
    void logAndConsoleSeeACallLikeAnyOther();
    void slowModelIsCoveredByTheWaitingLineAndTwilioComesBack();
    void whatIsSaidSoFarGoesOutInWholeSentences();
    void hangingModelEndsInAMessage();
    void modelThatStopsInMidAnswerGivesTheFloorToTheCaller();
    void failingModelEndsInAMessage();
    void thereIsNoModelYet();
    void silenceIsAskedTwiceAndThenTheCallEnds();
    void emptyRecordingIsSilence();
    void callerHangsUpAfterTheMessage();
    void callerHangsUpWhileTheModelThinks();
    void webhookThatComesTwiceGetsTheSameAnswer();
    void webhookOfAnEarlierStepGetsTheLastAnswer();
    void afterTheEndThereIsNoSuchCall();
    void callWhoseNextWebhookNeverComesIsEnded();
    void longestCallHolds_data();
    void longestCallHolds();
    void operatorEndsACall_data();
    void operatorEndsACall();
    void interruptionIsNothingToDo();
    void toolsEndTransferRecordAndPressKeys();
    void slowToolIsWaitedFor();
    void operatorPassesACallOn_data();
    void operatorPassesACallOn();
    void callComesBackFromWhomItWasPassedOnTo();
    void callComesBackForAMessage();
    void whatIsSecretReachesNobodyButTheTool();
    void machineGetsItsMessage();
    void callGoesOnWhereItsStreamBroke();
    void engineThatStopsEndsItsCalls();
};

void TestSpokenCall::aWholeCallInHebrewWithNoSpeechProvider()
{
    Line line(u"he-IL"_s);
    line.ring();
    QCOMPARE(line.told(), u"שלום, ותודה שהתקשרתם. במה אפשר לעזור: מכירות, תמיכה, נציג, או להשאיר הודעה? > Listen"_s);
    QCOMPARE(line.step->language, u"he-IL"_s);
    QCOMPARE(line.step->voice, u"Google.he-IL-Wavenet-A"_s);
    QVERIFY(line.step->hints.contains(u"להשאיר הודעה"_s));
    line.say(u"אני רוצה לדבר עם המכירות"_s);
    QVERIFY(line.told().startsWith(u"סליחה, אין כרגע נציג פנוי."));
    line.tell(Input::Keys, u"1"_s); // "yes"
    QVERIFY(line.told().endsWith(u" > Record"));
    line.leaveMessage();
    QVERIFY(line.told().startsWith(u"תודה, ההודעה נשמרה."));
    line.say(u"054-123-4567"_s);
    line.say(u"נכון"_s);
    line.say(u"לא, תודה"_s);
    QCOMPARE(line.told(), u"תודה שהתקשרתם. להתראות. > HangUp"_s);
    QVERIFY(line.end);
    QCOMPARE(line.end->reason, EndReason::Completed);
    QVERIFY(line.end->withoutStream);
    QCOMPARE(line.end->turns, 7);
    QCOMPARE(line.fact(u"topic"_s), u"sales"_s);
    QCOMPARE(line.fact(u"message"_s), u"RE1"_s);
    QCOMPARE(line.fact(u"callback_number"_s), u"0541234567"_s);
}

void TestSpokenCall::expectationsBecomeWhatTwilioListensFor()
{
    using Kind = providers::Expectation::Kind;
    auto firm = expecting(Kind::Speech);
    firm.interruptible = false;
    firm.recognition.phrases = {u"sales"_s};
    Line line(model({{u"Hello."_s, firm}, {u"Number?"_s, expecting(Kind::Digits, 10)},
        {u"Keys?"_s, expecting(Kind::KeypadOnly, 10)}, {u"Key?"_s, expecting(Kind::KeypadOnly)},
        {u"Message?"_s, expecting(Kind::Message)}}));
    line.ring();
    QVERIFY(line.step->speech && line.step->finish == 0 && !line.step->interruptible);
    QCOMPARE(line.step->keys, 1);
    QCOMPARE(line.step->hints, QStringList{u"sales"_s});
    QCOMPARE(line.step->patience, 8s);
    line.say(u"x"_s);
    QVERIFY(line.step->speech && line.step->finish == '#' && line.step->interruptible);
    QCOMPARE(line.step->keys, 10);
    QVERIFY(line.step->pause > 0s);
    line.say(u"x"_s);
    QVERIFY(!line.step->speech && line.step->finish == '#');
    QCOMPARE(line.step->keys, 10);
    line.say(u"x"_s);
    QVERIFY(!line.step->speech && line.step->finish == 0);
    QCOMPARE(line.step->keys, 1);
    line.say(u"x"_s);
    QCOMPARE(line.step->then, Then::Record);
    QCOMPARE(line.step->messageEnd, 5s);
}

void TestSpokenCall::logAndConsoleSeeACallLikeAnyOther()
{
    auto persona = std::make_shared<providers::Persona>();
    persona->name = u"desk"_s;
    persona->voices.insert(u"twilio"_s, u"Polly.Amy"_s);
    Line line(model({{u"Hello."_s, {}}, {u"Sure. One second."_s, {}}}), persona);
    line.ring();
    QCOMPARE(line.step->voice, u"Polly.Amy"_s);
    const QJsonObject started = line.last(calllog::Entry::Kind::CallStarted).data;
    QCOMPARE(started.value(u"withoutStream").toString(), u"no-speech"_s);
    QCOMPARE(started.value(u"persona").toString(), u"desk"_s);
    QVERIFY(!started.value(u"from").toString().contains(u"1234567"));
    QVERIFY(line.summaries.first().withoutStream);
    QCOMPARE(line.summaries.last().state, CallState::Speaking);
    line.pass(1s); // "Hello." is said
    QCOMPARE(line.summaries.last().state, CallState::Listening);
    line.clock.advance(3s);
    line.say(u"sales"_s);
    QCOMPARE(line.conversation->heardTexts, (QList<test::StandInConversation::Heard>{{1, u"Hello."_s, false}}));
    QCOMPARE(line.shown.value(2).record.callerText, u"sales"_s);
    QCOMPARE(line.shown.value(2).record.agentText, u"Sure. One second."_s);
    QVERIFY(line.shown.value(2).open);
    line.calls->hungUp(Sid);
    QVERIFY(!line.shown.value(2).open);
    QCOMPARE(line.turns.size(), 2);
    QCOMPARE(line.turns.last().heardText, u"Sure. One second."_s);
    QCOMPARE(line.turns.last().confidence, 0.9);
    QVERIFY(line.turns.last().latency.total);
    const calllog::Entry turn = line.last(calllog::Entry::Kind::Turn);
    QCOMPARE(turn.data.value(u"waitedSince").toString(), turn.at.toString(Qt::ISODateWithMs)); // the webhook with the words
    QCOMPARE(turn.data.value(u"endedAt").toString(), line.clock.wallNow().toString(Qt::ISODateWithMs));
    QCOMPARE(line.traced.size(), 2); // the model answered twice
    QCOMPARE(line.traced.last().data.value(u"stage").toString(), u"llm"_s);
    QCOMPARE(line.traced.last().data.value(u"turn").toInt(), 2);
    QVERIFY(!line.turns.first().latency.total); // nobody waited for the greeting
    QCOMPARE(line.summaries.last().state, CallState::Ended);
    QCOMPARE(line.summaries.last().reason, EndReason::CallerHungUp);
    QCOMPARE(line.tokens(), (QStringList{u"WITHOUT_STREAM"_s, u"STT_FINAL"_s}));
    QCOMPARE(line.last(calllog::Entry::Kind::CallEnded).data.value(u"reason").toString(), u"caller-hung-up"_s);
}

void TestSpokenCall::slowModelIsCoveredByTheWaitingLineAndTwilioComesBack()
{
    auto slow = model({{u"Hello."_s, {}}, {u"Here you are."_s, {}}});
    slow.manners.gate = std::make_shared<test::StandInGate>();
    Line line(slow);
    line.ring();
    QCOMPARE(line.told(), u"(nothing yet)"_s);
    line.letGo(*slow.manners.gate);
    QCOMPARE(line.told(), u"Hello. > Listen"_s);
    line.say(u"well?"_s);
    line.pass(1900ms);
    QCOMPARE(line.told(), u"(nothing yet)"_s);
    line.pass(100ms);
    QCOMPARE(line.told(), u"One moment. > GoOn"_s);
    line.pass(1s);
    line.tell(Input::GoOn);
    line.pass(500ms);
    QCOMPARE(line.told(), u"(nothing yet)"_s);
    line.letGo(*slow.manners.gate);
    QCOMPARE(line.told(), u"Here you are. > Listen"_s);
    line.calls->hungUp(Sid);
    // What the caller waited for first was a waiting line, and the gap is the answer's.
    QVERIFY(line.turns.last().latency.filler);
    QCOMPARE(line.turns.last().latency.total, 2000ms);
    QVERIFY(line.summaries.last().lastGap >= 3500ms);
    QCOMPARE(line.turns.last().heardText, u"Here you are."_s);
}

void TestSpokenCall::whatIsSaidSoFarGoesOutInWholeSentences()
{
    auto slow = model({{u"One. Two is long. Three."_s, {}}});
    slow.chunk = 9; // "One. Two ", "is long. ", "Three."
    slow.manners.gate = std::make_shared<test::StandInGate>();
    Line line(slow);
    line.ring();
    slow.manners.gate->release(1);
    line.pass(2s);
    QCOMPARE(line.told(), u"One. > GoOn"_s);
    line.pass(500ms);
    line.tell(Input::GoOn);
    line.letGo(*slow.manners.gate);
    QCOMPARE(line.told(), u"Two is long. Three. > Listen"_s);
    line.calls->hungUp(Sid);
    QCOMPARE(line.turns.last().heardText, u"One. Two is long. Three."_s);
    QCOMPARE(line.turns.size(), 1);
}

void TestSpokenCall::hangingModelEndsInAMessage()
{
    auto hanging = model({{u"Hello."_s, {}}});
    hanging.manners.fault = StandInManners::Fault::Hang;
    hanging.manners.faultAt = 2;
    Line line(hanging);
    line.ring();
    line.say(u"are you there?"_s);
    line.pass(2s);
    QCOMPARE(line.told(), u"One moment. > GoOn"_s);
    line.pass(1s);
    line.tell(Input::GoOn);
    line.pass(3s);
    QCOMPARE(line.told(), u"I cannot answer. Leave a message. > Record"_s);
    QCOMPARE(line.conversation->cancelled, QList<int>{2});
    line.leaveMessage();
    QCOMPARE(line.told(), u"I must go. Goodbye. > HangUp"_s);
    QVERIFY(line.end);
    QCOMPARE(line.fact(u"message"_s), u"RE1"_s);
    QVERIFY(line.turns.value(1).fallback);
    QVERIFY(line.tokens().contains(u"FILLER"_s) && line.tokens().contains(u"FALLBACK"_s)
        && line.tokens().contains(u"MESSAGE"_s));
}

void TestSpokenCall::modelThatStopsInMidAnswerGivesTheFloorToTheCaller()
{
    auto hanging = model({{u"Hello."_s, {}}, {u"First this. Then that."_s, {}}});
    hanging.chunk = 12;
    hanging.manners.fault = StandInManners::Fault::Hang;
    hanging.manners.faultAt = 2;
    hanging.manners.faultAfterPieces = 1;
    Line line(hanging);
    line.ring();
    line.say(u"what now?"_s);
    line.pass(2s);
    QCOMPARE(line.told(), u"First this. > GoOn"_s);
    line.pass(1s);
    line.tell(Input::GoOn);
    line.pass(3s);
    QVERIFY(!line.isWaiting());
    QCOMPARE(line.step->then, Then::Listen);
    line.say(u"go on"_s);
    QVERIFY(line.told().contains(u"go on"));
}

void TestSpokenCall::failingModelEndsInAMessage()
{
    auto failing = model({{u"Hello."_s, {}}});
    failing.manners.fault = StandInManners::Fault::Fail;
    failing.manners.faultAt = 2;
    Line line(failing);
    line.ring();
    line.say(u"hello?"_s);
    line.pass(200ms);
    QCOMPARE(line.told(), u"I cannot answer. Leave a message. > Record"_s);
    QVERIFY(line.tokens().contains(u"LLM_ERR"_s));
}

void TestSpokenCall::thereIsNoModelYet()
{
    Line line;
    // One that is being made, for as long as the test likes.
    std::promise<void> made;
    providers::Makers makers;
    makers.languageModel =
        test::only([wait = made.get_future().share()]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            wait.wait();
            return Error{Error::Code::Cancelled, u"too late"_s, {}};
        });
    const auto letGo = qScopeGuard([&made] { made.set_value(); });
    providers::ProviderRegistry unready(makers, {}, line.clock);
    const providers::CallProviders none(
        unready, std::make_shared<providers::Health>(providers::Health::Settings{}, line.clock), {}, line.clock);
    const auto* some = line.context.providers;
    line.context.providers = &none;
    line.ring();
    line.pass(1s);
    QCOMPARE(line.told(), u"(nothing yet)"_s);
    line.context.providers = some; // it has become ready
    line.pass(100ms);
    QCOMPARE(line.told(), u"Hello. > Listen"_s);
}

void TestSpokenCall::silenceIsAskedTwiceAndThenTheCallEnds()
{
    Line line(model({{u"Keys?"_s, expecting(providers::Expectation::Kind::KeypadOnly)}}));
    line.ring();
    line.tell(Input::Silence);
    QCOMPARE(line.told(), u"Are you there? > Listen"_s);
    QVERIFY(!line.step->speech); // what is awaited stays what it was
    line.tell(Input::Silence);
    QCOMPARE(line.told(), u"Still here. > Listen"_s);
    line.tell(Input::Silence);
    QCOMPARE(line.told(), u"Nobody there. Goodbye. > HangUp"_s);
    QCOMPARE(line.end->reason, EndReason::NoInput);
    QCOMPARE(line.end->turns, 1);
}

void TestSpokenCall::emptyRecordingIsSilence()
{
    Line line(model({{u"Message?"_s, expecting(providers::Expectation::Kind::Message)}, {u"Thanks."_s, {}}}));
    line.ring();
    line.tell(Input::NoMessage);
    QCOMPARE(line.told(), u"Are you there? > Record"_s);
    line.leaveMessage();
    QCOMPARE(line.told(), u"Thanks. > Listen"_s);
    line.tell(Input::Silence);
    QCOMPARE(line.told(), u"Are you there? > Listen"_s); // counted anew
}

void TestSpokenCall::callerHangsUpAfterTheMessage()
{
    Line line(model({{u"Message?"_s, expecting(providers::Expectation::Kind::Message)}}));
    line.ring();
    line.leaveMessage(true);
    QCOMPARE(line.end->reason, EndReason::CallerHungUp);
    QCOMPARE(line.fact(u"message"_s), u"RE1"_s);
    QVERIFY(!line.isWaiting()); // the webhook has its answer
}

void TestSpokenCall::callerHangsUpWhileTheModelThinks()
{
    auto hanging = model({});
    hanging.manners.fault = StandInManners::Fault::Hang;
    Line line(hanging);
    line.ring();
    QVERIFY(line.isWaiting());
    line.calls->hungUp(Sid);
    QCOMPARE(line.told(), u" > HangUp"_s);
    QCOMPARE(line.end->reason, EndReason::CallerHungUp);
    QVERIFY(line.calls->hasEnded(Sid));
    QCOMPARE(line.calls->live(), 0);
}

void TestSpokenCall::webhookThatComesTwiceGetsTheSameAnswer()
{
    auto slow = model({{u"Hello."_s, {}}, {u"Yes."_s, {}}});
    slow.manners.gate = std::make_shared<test::StandInGate>();
    Line line(slow);
    line.ring();
    line.ring(); // while the first is still being answered
    QCOMPARE(line.waiting, 2);
    line.letGo(*slow.manners.gate);
    QCOMPARE(line.waiting, 0);
    QCOMPARE(line.answers, 2);
    QCOMPARE(line.told(), u"Hello. > Listen"_s);
    QCOMPARE(line.conversation->asked.size(), 1);
}

void TestSpokenCall::webhookOfAnEarlierStepGetsTheLastAnswer()
{
    Line line(model({{u"Hello."_s, {}}, {u"First."_s, {}}, {u"Second."_s, {}}}));
    line.ring();
    SpokenInput words;
    words.kind = Input::Words;
    words.step = line.step->number;
    words.text = u"one"_s;
    line.tell(words);
    QCOMPARE(line.told(), u"First. > Listen"_s);
    line.tell(words); // delivered again, long after
    QCOMPARE(line.told(), u"First. > Listen"_s);
    QCOMPARE(line.conversation->asked.size(), 2);
    line.say(u"two"_s);
    QCOMPARE(line.told(), u"Second. > Listen"_s);
}

void TestSpokenCall::afterTheEndThereIsNoSuchCall()
{
    Line line(model({{u"Bye."_s, {}, true}}));
    line.ring();
    QCOMPARE(line.told(), u"Bye. > HangUp"_s);
    line.waiting = 0;
    QVERIFY(!line.calls->take(Sid, {}, [](const SpokenStep&) { QFAIL("nobody is there"); }));
    QVERIFY(line.calls->hasEnded(Sid));
    QVERIFY(!line.calls->hasEnded(u"CA2"_s));
}

void TestSpokenCall::callWhoseNextWebhookNeverComesIsEnded()
{
    Line line(model({{u"Hello."_s, {}}}));
    line.ring();
    line.pass(60s);
    QVERIFY(!line.end);
    line.pass(10s);
    QVERIFY(line.end);
    QCOMPARE(line.end->reason, EndReason::CallerHungUp);
    QVERIFY(line.tokens().contains(u"LOST"_s));
    QCOMPARE(line.interruptions, QStringList{u"hang up"_s}); // should it be there all the same, it costs
}

void TestSpokenCall::longestCallHolds_data()
{
    QTest::addColumn<bool>("rest");
    QTest::newRow("Twilio can be told at once") << true;
    QTest::newRow("it hears of it when it asks next") << false;
}

void TestSpokenCall::longestCallHolds()
{
    QFETCH(bool, rest);
    Line line(model({{u"Hello."_s, {}}}));
    line.hasRest = rest;
    line.context.settings.turn.longestCall = 20s;
    line.ring();
    line.pass(15s);
    QVERIFY(line.interruptions.isEmpty());
    line.pass(6s);
    QCOMPARE(line.interruptions, QStringList{u"I must go. Goodbye."_s});
    if (!rest) {
        QVERIFY(!line.end);
        line.say(u"and another thing"_s);
        QCOMPARE(line.told(), u"I must go. Goodbye. > HangUp"_s);
    }
    QVERIFY(line.end);
    QCOMPARE(line.end->reason, EndReason::LongestCall);
}

void TestSpokenCall::operatorEndsACall_data()
{
    QTest::addColumn<bool>("thinking");
    QTest::addColumn<bool>("rest");
    QTest::addColumn<bool>("now");
    QTest::newRow("while it listens") << false << true << false;
    QTest::newRow("while it listens, without REST") << false << false << false;
    QTest::newRow("while it thinks") << true << false << false;
    QTest::newRow("at once") << false << true << true;
    QTest::newRow("at once, without REST") << false << false << true;
    QTest::newRow("at once, while it thinks") << true << false << true;
}

void TestSpokenCall::operatorEndsACall()
{
    QFETCH(bool, thinking);
    QFETCH(bool, rest);
    QFETCH(bool, now);
    auto slow = model({{u"Hello."_s, {}}});
    if (thinking)
        slow.manners.fault = StandInManners::Fault::Hang;
    Line line(slow);
    line.hasRest = rest;
    line.ring();
    QCOMPARE(line.isWaiting(), thinking);
    QCOMPARE(line.calls->command(Sid, now ? OperatorCommand::EndNow : OperatorCommand::End), CommandOutcome::Done);
    if (thinking)
        QCOMPARE(line.told(), now ? u" > HangUp"_s : u"I must go. Goodbye. > HangUp"_s);
    else
        QCOMPARE(line.interruptions, QStringList{now ? u"hang up"_s : u"I must go. Goodbye."_s});
    if (!thinking && !rest && !now) {
        line.say(u"hello?"_s);
        QCOMPARE(line.told(), u"I must go. Goodbye. > HangUp"_s);
    }
    QVERIFY(line.end);
    QCOMPARE(line.end->reason, EndReason::OperatorEnded);
    QCOMPARE(line.calls->command(Sid, OperatorCommand::End), CommandOutcome::NoSuchCall);
}

void TestSpokenCall::interruptionIsNothingToDo()
{
    Line line;
    line.ring();
    QCOMPARE(line.calls->command(Sid, OperatorCommand::Interrupt), CommandOutcome::NothingToDo);
    QCOMPARE(line.calls->command(u"CA2"_s, OperatorCommand::Interrupt), CommandOutcome::NoSuchCall);
}

void TestSpokenCall::toolsEndTransferRecordAndPressKeys()
{
    auto persona = std::make_shared<providers::Persona>();
    persona->tools = {u"end_call"_s, u"transfer"_s, u"take_message"_s, u"send_dtmf"_s};
    persona->transferTargets = {{u"sales"_s, u"+97239999999"_s}};
    const auto tool = [](const QString& name, const QString& before, const QString& after,
                          const QJsonObject& how = {}) {
        test::StandInAnswer answer{before, {}};
        answer.tool = name;
        answer.afterTool = after;
        answer.toolArguments = how;
        return answer;
    };
    Line line(model({{u"Hello."_s, {}}, tool(u"take_message"_s, {}, u"Speak now."_s),
                  tool(u"send_dtmf"_s, u"Pressing. "_s, u"Done."_s, {{u"digits"_s, u"12W3"_s}}),
                  tool(u"transfer"_s, {}, u"I connect you."_s, {{u"to"_s, u"sales"_s}})}),
        persona);
    line.ring();
    line.say(u"a message"_s);
    QCOMPARE(line.told(), u"Speak now. > Record"_s);
    line.leaveMessage();
    QCOMPARE(line.told(), u"Pressing. [12w3] Done. > Listen"_s);
    line.say(u"sales"_s);
    // First what there is to say, and the call leaves the agent when that has been said.
    QCOMPARE(line.told(), u"I connect you. > GoOn"_s);
    QVERIFY(!line.end && !line.passedOn);
    line.tell(Input::GoOn);
    QCOMPARE(line.told(), u" > PassOn"_s);
    QVERIFY(line.passedOn);
    QCOMPARE(line.passedOn->target.number, u"+97239999999"_s);
    QCOMPARE(line.passedOn->facts.value(u"transferred_to"_s), u"sales"_s);
    QCOMPARE(line.passedOn->past.last().heardText, u"I connect you."_s);
    QCOMPARE(line.passedOn->turns, 4);
    QVERIFY(line.passedOn->asksItself && !line.passedOn->byOperator);
    QCOMPARE(line.summaries.last().state, CallState::Transferring);
    // Its record is not closed.
    QVERIFY(line.end->passedOn);
    QVERIFY(line.last(calllog::Entry::Kind::CallEnded).callId.isEmpty());
    Line other(model({tool(u"end_call"_s, {}, u"Goodbye."_s)}), persona);
    other.ring();
    QCOMPARE(other.told(), u"Goodbye. > HangUp"_s);
}

void TestSpokenCall::operatorPassesACallOn_data()
{
    QTest::addColumn<bool>("thinking");
    QTest::addColumn<bool>("rest");
    QTest::newRow("while the model thinks") << true << true;
    QTest::newRow("while the caller is listened to") << false << true;
    QTest::newRow("and nobody can be told") << false << false;
}

void TestSpokenCall::operatorPassesACallOn()
{
    QFETCH(bool, thinking);
    QFETCH(bool, rest);
    auto persona = std::make_shared<providers::Persona>();
    persona->transferTargets = {{u"sales"_s, u"+97239999999"_s}};
    auto settings = model({{u"Hello."_s, {}}, {u"Yes."_s, {}}});
    settings.manners.gate = std::make_shared<test::StandInGate>();
    Line line(settings, persona);
    line.hasRest = rest;
    line.ring();
    if (!thinking)
        line.letGo(*settings.manners.gate);
    QCOMPARE(line.summaries.last().transferTargets, QStringList{u"sales"_s});
    QCOMPARE(line.calls->passOn(Sid, u"nobody"_s), CommandOutcome::NoSuchTarget);
    QCOMPARE(line.calls->passOn(Sid, u"sales"_s), CommandOutcome::Done);
    if (thinking)
        QCOMPARE(line.told(), u" > PassOn"_s);
    else
        QCOMPARE(line.interruptions, QStringList{u"pass on"_s});
    if (!thinking && !rest) {
        QCOMPARE(line.calls->passOn(Sid, u"sales"_s), CommandOutcome::NothingToDo);
        line.say(u"hello?"_s);
        QCOMPARE(line.told(), u" > PassOn"_s);
    }
    QVERIFY(line.passedOn && line.passedOn->byOperator);
    QVERIFY(line.end && line.end->passedOn);
    QCOMPARE(line.calls->passOn(Sid, u"sales"_s), CommandOutcome::NoSuchCall);
}

void TestSpokenCall::callComesBackFromWhomItWasPassedOnTo()
{
    Line line(model({{u"You are welcome."_s, {}}}));
    TakenUp back;
    back.before.past = {{providers::UserTurn::Kind::Voice, u"sales, please"_s, u"I connect you."_s}};
    back.before.turns = 3;
    back.before.shown.turn = 3;
    back.before.shown.startedAt = line.clock.wallNow().addSecs(-60);
    back.before.shown.language = u"en-US"_s;
    back.before.facts = {{u"transferred_to"_s, u"sales"_s}};
    back.line = u"Nobody is available."_s;
    line.start.takenUp = back;
    line.ring();
    QCOMPARE(line.told(), u"Nobody is available. > Listen"_s);
    QVERIFY(line.tokens().contains(u"CALL_RESUMED"_s));
    QVERIFY(line.last(calllog::Entry::Kind::CallStarted).callId.isEmpty());
    line.say(u"thanks"_s);
    QCOMPARE(line.told(), u"You are welcome. > Listen"_s);
    QCOMPARE(line.shown.lastKey(), 4);
    line.calls->hungUp(Sid);
    QCOMPARE(line.end->turns, 4);
    QVERIFY(line.end->duration >= 60s);
    QCOMPARE(line.fact(u"transferred_to"_s), u"sales"_s);
}

void TestSpokenCall::callComesBackForAMessage()
{
    Line line(model({{u"Never said."_s, {}}}));
    TakenUp back;
    back.before.shown.startedAt = line.clock.wallNow();
    back.before.shown.language = u"en-US"_s;
    back.line = u"Leave a message."_s;
    back.takeMessage = true;
    line.start.takenUp = back;
    line.ring();
    QCOMPARE(line.told(), u"Leave a message. > Record"_s);
    line.leaveMessage();
    QCOMPARE(line.told(), Lines.endGoodbye + u" > HangUp"_s);
    QCOMPARE(line.fact(u"message"_s), u"RE1"_s);
}

void TestSpokenCall::whatIsSecretReachesNobodyButTheTool()
{
    auto persona = std::make_shared<providers::Persona>();
    persona->tools = {u"ask_keys"_s};
    persona->keypad.finish = '*';
    test::StandInAnswer ask{{}, {}};
    ask.tool = u"ask_keys"_s;
    ask.toolArguments = {{u"min"_s, 4}, {u"max"_s, 6}, {u"sensitive"_s, true}};
    ask.afterTool = u"Key your code."_s;
    Line line(model({ask, {u"You keyed 4 8 1 5, thank you."_s, {}}}), persona);
    line.ring();
    QCOMPARE(line.told(), u"Key your code. > Listen"_s);
    QCOMPARE(line.step->keys, 6);
    QCOMPARE(line.step->finish, '*');
    line.tell(Input::Keys, u"4815"_s);
    QCOMPARE(line.told(), u"You keyed 4 8 1 5, thank you. > Listen"_s);
    const QString given = line.conversation->asked.last().text;
    line.calls->hungUp(Sid);
    QCOMPARE(line.turns.last().callerText, u"••••"_s);
    for (const TranscriptTurn& turn : std::as_const(line.shown))
        QVERIFY2(!turn.record.callerText.contains(u"4815"_s), qPrintable(turn.record.callerText));
    for (const calllog::Entry& entry : std::as_const(line.log)) {
        const QByteArray text = QJsonDocument(entry.data).toJson();
        QVERIFY2(!text.contains("4815") && !text.contains("4 8 1 5"), text.constData());
    }
    QVERIFY2(given.contains(u"keys:1"_s) && !given.contains(u"4815"_s), qPrintable(given));
}

void TestSpokenCall::machineGetsItsMessage()
{
    Line line(model({{u"Hello."_s, {}}}));
    line.ring();
    line.calls->endWith(Sid, EndReason::Voicemail, u"Please call us back."_s);
    QCOMPARE(line.interruptions, QStringList{u"Please call us back."_s});
    QCOMPARE(line.end->reason, EndReason::Voicemail);
}

void TestSpokenCall::slowToolIsWaitedFor()
{
    // Nobody answers this tool; its own limit ends the wait, and not the model's.
    auto persona = std::make_shared<providers::Persona>();
    test::StandInAnswer answer{{}, {}};
    answer.tool = u"no_such_tool"_s;
    answer.afterTool = u"It is done."_s;
    Line line(model({answer}), persona);
    line.ring();
    QCOMPARE(line.told(), u"It is done. > Listen"_s);
    QCOMPARE(line.conversation->toolResults.size(), 1);
    QVERIFY(line.tokens().contains(u"TOOL"_s));
}

void TestSpokenCall::callGoesOnWhereItsStreamBroke()
{
    Line line(u"he-IL"_s);
    CallHandover before;
    before.past = {{providers::UserTurn::Kind::Opening, {}, u"שלום, ותודה שהתקשרתם."_s},
        {providers::UserTurn::Kind::Voice, u"תמיכה"_s, u"סליחה, אין כרגע נציג"_s}};
    before.lastTurn = 3;
    before.turns = 2;
    before.facts = {{u"topic"_s, u"support"_s}};
    before.started = line.clock.now() - 30s;
    before.startedAt = line.clock.wallNow();
    line.start.handover = before;
    line.ring();
    QCOMPARE(line.told(), u"אתם עדיין על הקו? > Listen"_s);
    QCOMPARE(line.last(calllog::Entry::Kind::CallStarted).callId, QString()); // the record is there already
    line.say(u"כן"_s); // the answer to the question that was asked before the stream broke
    QVERIFY(line.told().endsWith(u"> Record"));
    line.leaveMessage(true);
    QCOMPARE(line.turns.first().number, 4);
    QCOMPARE(line.end->turns, 3);
    QVERIFY(line.end->duration >= 30s);
    QCOMPARE(line.fact(u"topic"_s), u"support"_s);
}

void TestSpokenCall::engineThatStopsEndsItsCalls()
{
    Line line;
    line.ring();
    line.calls.reset();
    QCOMPARE(line.last(calllog::Entry::Kind::CallEnded).data.value(u"reason").toString(), u"shutdown"_s);
}

QTEST_MAIN(TestSpokenCall)
#include "tst_spokencall.moc"
