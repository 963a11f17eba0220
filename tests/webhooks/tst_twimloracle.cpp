// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/twiml.h"
#include "tests/support/twiliooracle.h"
#include "tests/webhooks/xmltree.h"

#include <QJsonArray>
#include <QRandomGenerator>
#include <QTest>

#include <functional>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using telephony::TwimlDocument;
using telephony::TwimlVerb;

// The same documents made by our writer and by Twilio's own builder are the same tree, and what Twilio's builder writes
// can be read by the reader that stands in for Twilio.
class tst_TwimlOracle final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void documentsAreTheSameTree();
    void whatXmlCannotHoldIsLeftOut();
    void everyAttributeAndWordIsTwilios();

private:
    QByteArray writtenByOracle(const QJsonArray& verbs);

    test::TwilioOracle m_oracle;
    QRandomGenerator m_random;
};

namespace {

constexpr int Documents = 600;

template <typename List> auto any(QRandomGenerator& random, const List& list)
{
    return list.at(random.bounded(int(list.size())));
}

QString anyText(QRandomGenerator& random)
{
    static const QStringList texts{u"שלום"_s, u"it's \"quoted\""_s, u"a & b && c"_s, u"<Say>no</Say>"_s, u"]]>"_s,
        u"&amp;&#9;&lt;"_s, u"<!-- -->"_s, u"tab\there"_s, u"line\nline"_s, u"😀👩‍👩‍👧"_s,
        u"\u200fimra\u200e"_s, u"ש\u05b8לוֹם"_s, u"https://k.example/a?b=1&c=%20"_s, u"+972501234567"_s, u"  spaces  "_s,
        u"\u2028\ufeff"_s, u"%s{}$"_s, u"1"_s};
    QString text = any(random, texts);
    for (int more = random.bounded(4); more > 0; --more)
        text += any(random, texts);
    return text;
}

/// Half a document: what is said to the oracle, and what is said to our writer. The two are filled member by member.
struct Said final {
    explicit Said(QRandomGenerator& source, const QString& element)
        : random(source)
        , json{{u"element"_s, element}}
    {
    }
    /// Maybe says an attribute. `take` puts it into our struct.
    template <typename Value, typename Take>
    void maybe(const char* attribute, const QList<Value>& values, const Take& take)
    {
        if (random.bounded(2) == 0)
            return;
        const Value value = any(random, values);
        attributes.insert(QString::fromLatin1(attribute), QJsonValue(value));
        take(value);
    }
    template <typename Take> void maybeText(const char* attribute, const Take& take)
    {
        maybe(attribute, QStringList{anyText(random)}, take);
    }
    void maybeFlag(const char* attribute, bool& flag)
    {
        maybe(attribute, QList<bool>{true, false}, [&flag](bool value) { flag = value; });
    }
    void maybeMethod(const char* attribute, twiml::Method& method)
    {
        maybe(attribute, QStringList{u"POST"_s, u"GET"_s},
            [&method](const QString& word) { method = word == u"GET"_s ? twiml::Method::Get : twiml::Method::Post; });
    }
    template <typename Enum> void maybeWord(const char* attribute, const QStringList& words, Enum& value)
    {
        maybe(attribute, words, [&](const QString& word) { value = static_cast<Enum>(words.indexOf(word)); });
    }
    template <typename Duration> void maybeTime(const char* attribute, Duration& time)
    {
        maybe(attribute, QList<int>{int(time.count()), 0, 7, 1234}, [&time](int value) { time = Duration(value); });
    }
    template <typename Flags>
    void maybeEvents(
        const QByteArray& name, const QStringList& words, QString& url, twiml::Method& method, Flags& events)
    {
        maybeText(name.constData(), [&url](const QString& text) { url = text; });
        if (url.isEmpty())
            return;
        maybeMethod(QByteArray(name + "Method").constData(), method);
        if (words.isEmpty() || random.bounded(2) == 0)
            return;
        QJsonArray wanted;
        int bits = 0;
        for (int i = 0; i < words.size(); ++i) {
            if (random.bounded(2) && bits != 0) // at least the first
                continue;
            wanted.append(words[i]);
            bits |= 1 << i;
        }
        attributes.insert(QString::fromLatin1(name) + u"Event"_s, wanted);
        events = Flags::fromInt(bits);
    }
    QJsonObject done()
    {
        json.insert(u"attributes"_s, attributes);
        if (!children.isEmpty())
            json.insert(u"children"_s, children);
        return json;
    }
    void text(QString& member)
    {
        member = anyText(random);
        json.insert(u"text"_s, member);
    }

    QRandomGenerator& random;
    QJsonObject json, attributes;
    QJsonArray children;
};

const QStringList RecordingWords{u"in-progress"_s, u"completed"_s, u"absent"_s};
const QStringList CallWords{u"initiated"_s, u"ringing"_s, u"answered"_s, u"completed"_s};

struct Pair final {
    QJsonObject json;
    TwimlElement element;
};

QJsonObject fill(QRandomGenerator& random, twiml::Say& say)
{
    Said said(random, u"Say"_s);
    said.text(say.text);
    said.maybe("language", QStringList{u"he-IL"_s, u"en-US"_s}, [&](const QString& text) { say.language = text; });
    said.maybe("voice", QStringList{u"Google.he-IL-Wavenet-A"_s}, [&](const QString& text) { say.voice = text; });
    said.maybe("loop", QList<int>{0, 1, 2}, [&](int value) { say.loop = value; });
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Play& play)
{
    Said said(random, u"Play"_s);
    said.text(play.url);
    said.maybe("loop", QList<int>{0, 1, 2}, [&](int value) { play.loop = value; });
    said.maybe("digits", QStringList{u"1w2w#"_s}, [&](const QString& text) { play.digits = text; });
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Pause& pause)
{
    Said said(random, u"Pause"_s);
    said.maybeTime("length", pause.length);
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Redirect& redirect)
{
    Said said(random, u"Redirect"_s);
    said.text(redirect.url);
    said.maybeMethod("method", redirect.method);
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Hangup&)
{
    return Said(random, u"Hangup"_s).done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Reject& reject)
{
    Said said(random, u"Reject"_s);
    said.maybeWord("reason", {u"rejected"_s, u"busy"_s}, reject.reason);
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Gather& gather)
{
    Said said(random, u"Gather"_s);
    if (random.bounded(2)) {
        const int which = random.bounded(3);
        gather.input = static_cast<twiml::Gather::Input>(which);
        said.attributes.insert(u"input"_s,
            which == 0       ? QJsonArray{u"dtmf"_s}
                : which == 1 ? QJsonArray{u"speech"_s}
                             : QJsonArray{u"dtmf"_s, u"speech"_s});
    }
    said.maybeText("action", [&](const QString& text) { gather.action = text; });
    said.maybeMethod("method", gather.method);
    said.maybeTime("timeout", gather.timeout);
    said.maybe("numDigits", QList<int>{1, 4}, [&](int value) { gather.numDigits = value; });
    said.maybe(
        "finishOnKey", QStringList{u"#"_s, u""_s, u"*"_s}, [&](const QString& key) { gather.finishOnKey = key; });
    said.maybeFlag("actionOnEmptyResult", gather.actionOnEmptyResult);
    said.maybe("language", QStringList{u"he-IL"_s}, [&](const QString& text) { gather.language = text; });
    said.maybe("speechTimeout", QStringList{u"auto"_s, u"3"_s},
        [&](const QString& word) { gather.speechTimeout = std::chrono::seconds(word.toInt()); });
    said.maybe(
        "hints", QStringList{u"כן,לא,נציג & מוקד"_s}, [&](const QString& text) { gather.hints = text.split(u','); });
    said.maybeFlag("bargeIn", gather.bargeIn);
    said.maybeFlag("profanityFilter", gather.profanityFilter);
    for (int count = random.bounded(4); count > 0; --count) {
        twiml::Say say;
        twiml::Play play;
        twiml::Pause pause;
        switch (random.bounded(3)) {
        case 0:
            said.children.append(fill(random, say));
            gather.prompts.push_back(say);
            break;
        case 1:
            said.children.append(fill(random, play));
            gather.prompts.push_back(play);
            break;
        default:
            said.children.append(fill(random, pause));
            gather.prompts.push_back(pause);
        }
    }
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Record& record)
{
    Said said(random, u"Record"_s);
    said.maybeText("action", [&](const QString& text) { record.action = text; });
    said.maybeMethod("method", record.method);
    said.maybeTime("timeout", record.timeout);
    said.maybe(
        "finishOnKey", QStringList{u"1234567890*#"_s, u"#"_s}, [&](const QString& key) { record.finishOnKey = key; });
    said.maybeTime("maxLength", record.maxLength);
    said.maybeFlag("playBeep", record.playBeep);
    said.maybe("trim", QStringList{u"trim-silence"_s, u"do-not-trim"_s},
        [&](const QString& word) { record.trimSilence = word == u"trim-silence"_s; });
    said.maybeEvents("recordingStatusCallback", RecordingWords, record.recordingStatusCallback,
        record.recordingStatusCallbackMethod, record.recordingStatusCallbackEvent);
    said.maybeFlag("transcribe", record.transcribe);
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Number& number)
{
    Said said(random, u"Number"_s);
    said.text(number.number);
    said.maybeText("url", [&](const QString& text) { number.url = text; });
    said.maybeMethod("method", number.method);
    said.maybe("sendDigits", QStringList{u"ww12#"_s}, [&](const QString& text) { number.sendDigits = text; });
    said.maybeEvents(
        "statusCallback", CallWords, number.statusCallback, number.statusCallbackMethod, number.statusCallbackEvent);
    said.maybe("machineDetection", QStringList{u"Enable"_s, u"DetectMessageEnd"_s}, [&](const QString& word) {
        using Detection = twiml::Number::Detection;
        number.machineDetection = word == u"Enable"_s ? Detection::Enable : Detection::DetectMessageEnd;
        twiml::CallEvents none;
        said.maybeEvents("amdStatusCallback", {}, number.amdStatusCallback, number.amdStatusCallbackMethod, none);
        said.maybeTime("machineDetectionTimeout", number.machineDetectionTimeout);
        said.maybeTime("machineDetectionSpeechThreshold", number.machineDetectionSpeechThreshold);
        said.maybeTime("machineDetectionSpeechEndThreshold", number.machineDetectionSpeechEndThreshold);
        said.maybeTime("machineDetectionSilenceTimeout", number.machineDetectionSilenceTimeout);
    });
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Conference& conference)
{
    Said said(random, u"Conference"_s);
    said.text(conference.name);
    said.maybeFlag("muted", conference.muted);
    said.maybeWord("beep", {u"true"_s, u"false"_s, u"onEnter"_s, u"onExit"_s}, conference.beep);
    said.maybeFlag("startConferenceOnEnter", conference.startConferenceOnEnter);
    said.maybeFlag("endConferenceOnExit", conference.endConferenceOnExit);
    said.maybe("waitUrl", QStringList{u""_s, u"https://k.example/hold?a=1&b=2"_s}, [&](const QString& text) {
        conference.waitUrl = text;
        said.maybeMethod("waitMethod", conference.waitMethod);
    });
    said.maybe("maxParticipants", QList<int>{2, 250}, [&](int value) { conference.maxParticipants = value; });
    said.maybeText("participantLabel", [&](const QString& text) { conference.participantLabel = text; });
    said.maybe("coach", QStringList{u"CA1"_s}, [&](const QString& text) { conference.coach = text; });
    said.maybeWord("record", {u"do-not-record"_s, u"record-from-start"_s}, conference.record);
    said.maybeEvents("recordingStatusCallback", RecordingWords, conference.recordingStatusCallback,
        conference.recordingStatusCallbackMethod, conference.recordingStatusCallbackEvent);
    said.maybeEvents("statusCallback",
        {u"start"_s, u"end"_s, u"join"_s, u"leave"_s, u"mute"_s, u"hold"_s, u"modify"_s, u"speaker"_s,
            u"announcement"_s},
        conference.statusCallback, conference.statusCallbackMethod, conference.statusCallbackEvent);
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Dial& dial)
{
    Said said(random, u"Dial"_s);
    said.maybeText("action", [&](const QString& text) { dial.action = text; });
    said.maybeMethod("method", dial.method);
    said.maybeTime("timeout", dial.timeout);
    said.maybeTime("timeLimit", dial.timeLimit);
    said.maybe("callerId", QStringList{u"+97231234567"_s}, [&](const QString& text) { dial.callerId = text; });
    said.maybeFlag("answerOnBridge", dial.answerOnBridge);
    said.maybeFlag("hangupOnStar", dial.hangupOnStar);
    said.maybeFlag("sequential", dial.sequential);
    said.maybe("ringTone", QStringList{u"il"_s, u"us"_s}, [&](const QString& text) { dial.ringTone = text; });
    said.maybeWord("record",
        {u"do-not-record"_s, u"record-from-answer"_s, u"record-from-ringing"_s, u"record-from-answer-dual"_s,
            u"record-from-ringing-dual"_s},
        dial.record);
    said.maybeEvents("recordingStatusCallback", RecordingWords, dial.recordingStatusCallback,
        dial.recordingStatusCallbackMethod, dial.recordingStatusCallbackEvent);
    for (int count = random.bounded(3); count > 0; --count) {
        twiml::Number number;
        said.children.append(fill(random, number));
        dial.numbers.push_back(number);
    }
    if (dial.numbers.empty()) {
        dial.conference.emplace();
        said.children.append(fill(random, *dial.conference));
    }
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Stream& stream, bool bothWays)
{
    Said said(random, u"Stream"_s);
    said.maybeText("url", [&](const QString& text) { stream.url = text; });
    said.maybeText("name", [&](const QString& text) { stream.name = text; });
    if (!bothWays)
        said.maybeWord("track", {u"inbound_track"_s, u"outbound_track"_s, u"both_tracks"_s}, stream.track);
    twiml::CallEvents none;
    said.maybeEvents("statusCallback", {}, stream.statusCallback, stream.statusCallbackMethod, none);
    for (int count = random.bounded(4); count > 0; --count) {
        const QString name = anyText(random);
        const QString value = random.bounded(4) ? anyText(random) : QString();
        stream.parameters.emplaceBack(name, value);
        said.children.append(QJsonObject{
            {u"element"_s, u"Parameter"_s}, {u"attributes"_s, QJsonObject{{u"name"_s, name}, {u"value"_s, value}}}});
    }
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Connect& connect)
{
    Said said(random, u"Connect"_s);
    said.maybeText("action", [&](const QString& text) { connect.action = text; });
    said.maybeMethod("method", connect.method);
    said.children.append(fill(random, connect.stream, true));
    return said.done();
}

QJsonObject fill(QRandomGenerator& random, twiml::Start& start)
{
    Said said(random, u"Start"_s);
    said.children.append(fill(random, start.stream, false));
    return said.done();
}

template <typename Verb> Pair make(QRandomGenerator& random)
{
    Verb verb;
    const QJsonObject json = fill(random, verb);
    return {json, TwimlElement(verb)};
}

Pair anyVerb(QRandomGenerator& random)
{
    using namespace twiml;
    static const QList<std::function<Pair(QRandomGenerator&)>> makers{make<Say>, make<Play>, make<Pause>,
        make<Redirect>, make<Hangup>, make<Reject>, make<Gather>, make<Record>, make<Dial>, make<Connect>, make<Start>};
    return any(random, makers)(random);
}

/// What was read, in the words in which the oracle was asked.
QJsonArray retold(const std::vector<TwimlVerb>& verbs)
{
    QJsonArray told;
    for (const TwimlVerb& verb : verbs) {
        QJsonObject attributes;
        for (auto it = verb.attributes.cbegin(); it != verb.attributes.cend(); ++it)
            attributes.insert(it.key(), it.value());
        QJsonObject object{{u"element"_s, verb.name}, {u"attributes"_s, attributes}};
        if (!verb.text.isEmpty())
            object.insert(u"text"_s, verb.text);
        if (!verb.children.empty())
            object.insert(u"children"_s, retold(verb.children));
        told.append(object);
    }
    return told;
}

/// As retold() would tell it: every attribute a text, texts trimmed.
QJsonArray asRead(const QJsonArray& verbs)
{
    QJsonArray told;
    for (const auto& value : verbs) {
        QJsonObject verb = value.toObject();
        QJsonObject attributes = verb.value(u"attributes"_s).toObject();
        for (auto it = attributes.begin(); it != attributes.end(); ++it) {
            QStringList words;
            const QJsonArray list = it->toArray();
            for (const auto& word : list)
                words += word.toString();
            *it = it->isArray() ? words.join(u' ') : it->toVariant().toString();
        }
        verb.insert(u"attributes"_s, attributes);
        if (verb.contains(u"text"_s))
            verb.insert(u"text"_s, verb.value(u"text"_s).toString().trimmed());
        if (verb.contains(u"children"_s))
            verb.insert(u"children"_s, asRead(verb.value(u"children"_s).toArray()));
        told.append(verb);
    }
    return told;
}

} // namespace

void tst_TwimlOracle::initTestCase()
{
    const QString why = m_oracle.start(QStringLiteral(KAV_SOURCE_DIR), QStringLiteral(KAV_BINARY_DIR));
    if (!why.isEmpty()) {
        if (qEnvironmentVariable("CI") == QLatin1String("true"))
            QFAIL(qPrintable(why));
        QSKIP(qPrintable(why));
    }
    const quint32 seed = qEnvironmentVariable("KAV_SEED", u"1"_s).toUInt();
    qInfo("KAV_SEED=%u, twilio %s", seed, qPrintable(m_oracle.ask(u"version"_s, {}).toString()));
    m_random.seed(seed);
}

QByteArray tst_TwimlOracle::writtenByOracle(const QJsonArray& verbs)
{
    return m_oracle.ask(u"twiml"_s, {{u"verbs"_s, verbs}}).toString().toUtf8();
}

void tst_TwimlOracle::documentsAreTheSameTree()
{
    for (int i = 0; i < Documents; ++i) {
        QJsonArray asked;
        std::vector<TwimlElement> verbs;
        for (int count = m_random.bounded(6); count > 0; --count) {
            const Pair pair = anyVerb(m_random);
            asked.append(pair.json);
            verbs.push_back(pair.element);
        }
        const QByteArray theirs = writtenByOracle(asked);
        QVERIFY2(!theirs.isEmpty(), qPrintable(m_oracle.error()));
        const QByteArray ours = writeTwiml(verbs);
        const QString tree = test::treeOf(ours);
        if (tree != test::treeOf(theirs))
            qInfo("ours:   %s\ntheirs: %s", ours.constData(), theirs.constData());
        QCOMPARE(tree, test::treeOf(theirs));

        const auto document = TwimlDocument::parse(theirs);
        QVERIFY2(document, theirs.constData());
        QCOMPARE(document->warnings(), QStringList());
        QCOMPARE(retold(document->verbs()), asRead(asked));
    }
}

void tst_TwimlOracle::whatXmlCannotHoldIsLeftOut()
{
    QString bad;
    for (ushort c = 0; c < 0x20; ++c) {
        if (c != u'\t' && c != u'\n' && c != u'\r')
            bad += QChar(c);
    }
    bad += QString(QChar(0xdbff)) + QChar(0xfffe) + QChar(0xffff);
    for (int i = 0; i < Documents / 3; ++i) {
        const QString good = anyText(m_random), value = anyText(m_random);
        const auto spoiled = [this, &bad](QString text) {
            // Halves of characters, of which no two may become a whole one.
            if (m_random.bounded(2))
                text.prepend(QChar(0xdfff));
            for (int count = 1 + m_random.bounded(4); count > 0; --count) {
                qsizetype at = 1 + m_random.bounded(int(text.size()));
                if (text[at - 1].isHighSurrogate())
                    --at;
                text.insert(at, any(m_random, bad));
            }
            return text;
        };
        const QString badText = spoiled(good);
        const QByteArray ours = writeTwiml(
            {twiml::Say{.text = badText}, twiml::Connect{.stream = {.parameters = {{u"n"_s, spoiled(value)}}}}});
        // Their builder refuses such a text; what it writes without is what we write.
        QVERIFY(writtenByOracle({QJsonObject{{u"element"_s, u"Say"_s}, {u"text"_s, badText}}}).isEmpty());
        QVERIFY2(m_oracle.error().contains(u"Invalid character"_s), qPrintable(m_oracle.error()));
        const QJsonObject parameter{
            {u"element"_s, u"Parameter"_s}, {u"attributes"_s, QJsonObject{{u"name"_s, u"n"_s}, {u"value"_s, value}}}};
        const QByteArray theirs = writtenByOracle({QJsonObject{{u"element"_s, u"Say"_s}, {u"text"_s, good}},
            QJsonObject{{u"element"_s, u"Connect"_s},
                {u"children"_s,
                    QJsonArray{QJsonObject{{u"element"_s, u"Stream"_s}, {u"children"_s, QJsonArray{parameter}}}}}}});
        QCOMPARE(test::treeOf(ours), test::treeOf(theirs));
    }
}

void tst_TwimlOracle::everyAttributeAndWordIsTwilios()
{
    QMap<QString, QJsonObject> known;
    const std::function<void(const std::vector<TwimlVerb>&)> check = [&](const std::vector<TwimlVerb>& verbs) {
        for (const TwimlVerb& verb : verbs) {
            if (!known.contains(verb.name))
                known[verb.name] = m_oracle.ask(u"attributes"_s, {{u"element"_s, verb.name}}).toObject();
            for (auto it = verb.attributes.cbegin(); it != verb.attributes.cend(); ++it) {
                const QString what = u"<%1 %2=\"%3\">"_s.arg(verb.name, it.key(), it.value());
                QVERIFY2(known[verb.name].contains(it.key()), qPrintable(what));
                const QJsonArray words = known[verb.name].value(it.key()).toArray();
                const QStringList written = it.value().split(u' ');
                for (const QString& word : written)
                    QVERIFY2(words.isEmpty() || words.contains(word), qPrintable(what));
            }
            check(verb.children);
        }
    };
    for (int i = 0; i < Documents; ++i) {
        const auto document = TwimlDocument::parse(writeTwiml({anyVerb(m_random).element}));
        QVERIFY(document);
        check(document->verbs());
    }
    QCOMPARE(known.size(), 15); // every verb and noun was among them
}

QTEST_GUILESS_MAIN(tst_TwimlOracle)
#include "tst_twimloracle.moc"
