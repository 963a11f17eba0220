// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/spokenroutes.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;
using kav::session::SpokenInput;
using kav::session::SpokenStep;
using kav::telephony::TwimlDocument;
using kav::telephony::TwimlVerb;
using Input = SpokenInput::Kind;

namespace {

const PublicUrl Base = *PublicUrl::parse(u"https://kav.example.com/p"_s);

/// The routes, and a call that notes what it is told.
struct Desk final {
    test::FakeClock clock;
    RequestGuard guard{{{}, std::nullopt, {}}, clock};
    WebhookRouter router{guard, clock, {}, {}};
    bool isKnown = true, isTaken = false;
    QList<SpokenInput> inputs;
    SpokenStep next;
    SpokenRoutes routes{router,
        {[this](const QString&, const SpokenInput& input, const std::function<void(const SpokenStep&)>& reply) {
             if (!isKnown)
                 return false;
             inputs += input;
             reply(next);
             return true;
         },
            [this](const Webhook&, const WebhookRouter::Reply& reply) {
                if (isTaken)
                    reply(net::HttpResponse::xml(writeTwiml({sayVerb(u"anew"_s, u"en-US"_s)})));
                return isTaken;
            }}};

    /// The verbs of the answer: "Gather Redirect".
    QString post(const QByteArray& path, const QList<telephony::FormField>& more = {})
    {
        auto fields = test::callFields();
        fields += more;
        QString verbs;
        router.handle(test::twilioPost(path, fields), net::Responder([&verbs](const net::HttpResponse& response) {
            const auto document = TwimlDocument::parse(response.body);
            if (!document) {
                verbs = QString::number(response.status);
                return;
            }
            for (const TwimlVerb& verb : document->verbs())
                verbs += (verbs.isEmpty() ? u""_s : u" "_s) + verb.name;
        }));
        return verbs;
    }
};

TwimlDocument documentOf(const SpokenStep& step)
{
    const auto document = TwimlDocument::parse(writeTwiml(spokenTwiml(step, Base)));
    if (!document)
        qFatal("no TwiML: %s", qPrintable(document.error().message));
    return *document;
}

SpokenStep stepOf(SpokenStep::Then then, const QList<SpokenStep::Part>& parts = {})
{
    SpokenStep step;
    step.then = then;
    step.parts = parts;
    step.number = 7;
    step.language = u"he-IL"_s;
    step.voice = u"Google.he-IL-Wavenet-A"_s;
    return step;
}

} // namespace

/// What calls without a stream are told in TwiML, and what their webhooks say.
class TestSpokenRoutes final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void listeningIsGatherAndThenSilence();
    void wordsThatMayNotBeInterruptedStandBeforeGather();
    void keysAlone();
    void hintsThatTwilioWouldRefuseAreLeftOut();
    void recordingHasAWayOutWhenNothingIsSaid();
    void restIsFetched();
    void tonesStandBetweenWhatIsSaid();
    void callIsPassedOn();
    void goodbyeHangsUp();
    void webhooksBecomeInput_data();
    void webhooksBecomeInput();
    void samePostTwiceIsOneInput();
    void strangersCallEndsOrBeginsAnew();
    void garbageInTheAddress();
};

void TestSpokenRoutes::listeningIsGatherAndThenSilence()
{
    SpokenStep step = stepOf(SpokenStep::Then::Listen, {{u"שלום."_s, {}}, {u"במה אפשר לעזור?"_s, {}}});
    step.hints = {u"מכירות"_s, u"הודעה"_s};
    const TwimlDocument document = documentOf(step);
    QCOMPARE(document.verbs().size(), size_t(2));
    const TwimlVerb& gather = document.verbs().at(0);
    QCOMPARE(gather.name, u"Gather"_s);
    QCOMPARE(gather.attribute(u"input"_s), u"dtmf speech"_s);
    QCOMPARE(gather.attribute(u"action"_s), u"https://kav.example.com/p/webhook/turn?step=7"_s);
    QCOMPARE(gather.attribute(u"language"_s), u"he-IL"_s);
    QCOMPARE(gather.attribute(u"hints"_s), u"מכירות,הודעה"_s);
    QCOMPARE(gather.attribute(u"speechTimeout"_s), u"auto"_s);
    QCOMPARE(gather.attribute(u"timeout"_s), u"8"_s);
    QCOMPARE(gather.attribute(u"numDigits"_s), u"1"_s);
    QVERIFY(gather.attributes.contains(u"finishOnKey"_s)); // '#' is a key like any other
    QCOMPARE(gather.attribute(u"finishOnKey"_s), QString());
    QCOMPARE(gather.children.size(), size_t(1));
    QCOMPARE(gather.children.front().text, u"שלום. במה אפשר לעזור?"_s);
    QCOMPARE(gather.children.front().attribute(u"voice"_s), u"Google.he-IL-Wavenet-A"_s);
    QCOMPARE(document.verbs().at(1).name, u"Redirect"_s);
    QCOMPARE(document.verbs().at(1).text, u"https://kav.example.com/p/webhook/turn?step=7"_s);
}

void TestSpokenRoutes::wordsThatMayNotBeInterruptedStandBeforeGather()
{
    SpokenStep step = stepOf(SpokenStep::Then::Listen, {{u"Listen to this."_s, {}}});
    step.interruptible = false;
    const TwimlDocument document = documentOf(step);
    QCOMPARE(document.verbs().at(0).name, u"Say"_s);
    QCOMPARE(document.verbs().at(1).name, u"Gather"_s);
    QVERIFY(document.verbs().at(1).children.empty());
}

void TestSpokenRoutes::keysAlone()
{
    SpokenStep step = stepOf(SpokenStep::Then::Listen);
    step.speech = false;
    step.keys = 10;
    step.finish = '#';
    const TwimlVerb gather = documentOf(step).verbs().at(0);
    QVERIFY(gather.attribute(u"input"_s) == u"dtmf" || gather.attribute(u"input"_s).isEmpty());
    QCOMPARE(gather.attribute(u"numDigits"_s), u"10"_s);
    QVERIFY(gather.attribute(u"finishOnKey"_s) == u"#" || !gather.attributes.contains(u"finishOnKey"_s));
    QVERIFY(!gather.attributes.contains(u"language"_s));
}

void TestSpokenRoutes::hintsThatTwilioWouldRefuseAreLeftOut()
{
    SpokenStep step = stepOf(SpokenStep::Then::Listen);
    step.hints = {u"sales"_s, u"one, two"_s, u"x"_s.repeated(101), u"support"_s};
    QCOMPARE(documentOf(step).verbs().at(0).attribute(u"hints"_s), u"sales,support"_s);
}

void TestSpokenRoutes::recordingHasAWayOutWhenNothingIsSaid()
{
    const TwimlDocument document = documentOf(stepOf(SpokenStep::Then::Record, {{u"Speak."_s, {}}}));
    QCOMPARE(document.verbs().at(0).name, u"Say"_s);
    QCOMPARE(document.verbs().at(1).name, u"Record"_s);
    QCOMPARE(document.verbs().at(1).attribute(u"action"_s), u"https://kav.example.com/p/webhook/recorded?step=7"_s);
    QCOMPARE(document.verbs().at(1).attribute(u"maxLength"_s), u"120"_s);
    QCOMPARE(document.verbs().at(2).text, u"https://kav.example.com/p/webhook/recorded?step=7&none=1"_s);
}

void TestSpokenRoutes::restIsFetched()
{
    const TwimlDocument document = documentOf(stepOf(SpokenStep::Then::GoOn, {{u"One moment."_s, {}}}));
    QCOMPARE(document.verbs().at(0).text, u"One moment."_s);
    QCOMPARE(document.verbs().at(1).text, u"https://kav.example.com/p/webhook/turn?step=7&more=1"_s);
}

void TestSpokenRoutes::tonesStandBetweenWhatIsSaid()
{
    const TwimlVerb gather =
        documentOf(stepOf(SpokenStep::Then::Listen, {{u"A."_s, {}}, {{}, u"12w3"_s}, {u"B."_s, {}}})).verbs().at(0);
    QCOMPARE(gather.children.size(), size_t(3));
    QCOMPARE(gather.children.at(1).name, u"Play"_s);
    QCOMPARE(gather.children.at(1).attribute(u"digits"_s), u"12w3"_s);
}

void TestSpokenRoutes::callIsPassedOn()
{
    // To whom, is told when Twilio asks: as if a stream had ended.
    const TwimlDocument document = documentOf(stepOf(SpokenStep::Then::PassOn, {{u"I connect you."_s, {}}}));
    QCOMPARE(document.verbs().at(0).name, u"Say"_s);
    QCOMPARE(document.verbs().at(1).name, u"Redirect"_s);
    QCOMPARE(document.verbs().at(1).text.section(u'?', 0, 0), u"https://kav.example.com/p/webhook/after_stream"_s);
}

void TestSpokenRoutes::goodbyeHangsUp()
{
    const TwimlDocument document = documentOf(stepOf(SpokenStep::Then::HangUp, {{u"Bye."_s, {}}}));
    QCOMPARE(document.verbs().at(1).name, u"Hangup"_s);
    QCOMPARE(documentOf(stepOf(SpokenStep::Then::HangUp)).verbs().size(), size_t(1));
}

void TestSpokenRoutes::webhooksBecomeInput_data()
{
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QList<telephony::FormField>>("fields");
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("text");
    using Fields = QList<telephony::FormField>;
    const auto row = [](const char* name, const char* path, const Fields& fields, Input kind,
                         const QString& text = {}) {
        QTest::newRow(name) << QByteArray(path) << fields << int(kind) << text;
    };
    const char* const turn = "/webhook/turn?step=3";
    const char* const recorded = "/webhook/recorded?step=3";
    row("words", turn, {{u"SpeechResult"_s, u" אני רוצה\nמכירות "_s}, {u"Confidence"_s, u"0.91"_s}}, Input::Words,
        u"אני רוצה מכירות"_s);
    row("keys", turn, {{u"Digits"_s, u"12*"_s}}, Input::Keys, u"12*"_s);
    row("both: keys are never heard wrong", turn, {{u"Digits"_s, u"1"_s}, {u"SpeechResult"_s, u"one"_s}}, Input::Keys,
        u"1"_s);
    row("keys that are none", turn, {{u"Digits"_s, u"<x>"_s}, {u"SpeechResult"_s, u"one"_s}}, Input::Words, u"one"_s);
    row("nothing", turn, {}, Input::Silence);
    row("empty words", turn, {{u"SpeechResult"_s, u"  "_s}}, Input::Silence);
    row("the rest", "/webhook/turn?step=3&more=1", {}, Input::GoOn);
    row("a message", recorded,
        {{u"RecordingSid"_s, u"RE1"_s}, {u"RecordingUrl"_s, u"https://x/RE1"_s}, {u"RecordingDuration"_s, u"4"_s}},
        Input::Message);
    row("a message without an id", recorded, {{u"RecordingUrl"_s, u"https://x/RE1"_s}}, Input::Message);
    row("no message", "/webhook/recorded?step=3&none=1", {}, Input::NoMessage);
    row("a message that is not there", recorded, {{u"RecordingDuration"_s, u"0"_s}}, Input::NoMessage);
}

void TestSpokenRoutes::webhooksBecomeInput()
{
    QFETCH(QByteArray, path);
    QFETCH(QList<telephony::FormField>, fields);
    QFETCH(int, kind);
    QFETCH(QString, text);
    Desk desk;
    desk.next = stepOf(SpokenStep::Then::Listen);
    QCOMPARE(desk.post(path, fields), u"Gather Redirect"_s);
    QCOMPARE(desk.inputs.size(), 1);
    const SpokenInput& input = desk.inputs.first();
    QCOMPARE(int(input.kind), kind);
    QCOMPARE(input.text, text);
    QCOMPARE(input.step, 3);
    if (input.kind == Input::Message)
        QVERIFY(!input.recording.isEmpty());
}

void TestSpokenRoutes::samePostTwiceIsOneInput()
{
    Desk desk;
    desk.post("/webhook/turn?step=1", {{u"SpeechResult"_s, u"sales"_s}});
    desk.post("/webhook/turn?step=1", {{u"SpeechResult"_s, u"sales"_s}});
    QCOMPARE(desk.inputs.size(), 1);
    desk.post("/webhook/turn?step=2", {{u"SpeechResult"_s, u"sales"_s}}); // said again
    QCOMPARE(desk.inputs.size(), 2);
    desk.post("/webhook/turn?step=3");
    desk.post("/webhook/turn?step=3&more=1");
    QCOMPARE(desk.inputs.size(), 4);
}

void TestSpokenRoutes::strangersCallEndsOrBeginsAnew()
{
    Desk desk;
    desk.isKnown = false;
    QCOMPARE(desk.post("/webhook/turn?step=4", {{u"SpeechResult"_s, u"hello"_s}}), u"Hangup"_s);
    desk.isTaken = true;
    QCOMPARE(desk.post("/webhook/turn?step=5", {{u"SpeechResult"_s, u"hello"_s}}), u"Say"_s);
}

void TestSpokenRoutes::garbageInTheAddress()
{
    Desk desk;
    desk.post("/webhook/turn?step=-9");
    desk.post("/webhook/turn?step=99999999999999999999");
    desk.post("/webhook/turn?step=x&more=2");
    desk.post("/webhook/turn");
    QCOMPARE(desk.inputs.size(), 4);
    for (const SpokenInput& input : desk.inputs) {
        QCOMPARE(input.step, 0);
        QCOMPARE(int(input.kind), int(Input::Silence));
    }
    desk.post("/webhook/turn?step=1", {{u"SpeechResult"_s, u"x"_s}, {u"Confidence"_s, u"7e9"_s}});
    QCOMPARE(desk.inputs.last().confidence, 1.0);
}

QTEST_MAIN(TestSpokenRoutes)
#include "tst_spokenroutes.moc"
