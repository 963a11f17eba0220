// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/shared/protocolsamples.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSet>
#include <QTest>

#include <functional>
#include <limits>

using namespace kav;
using namespace kav::protocol;
using namespace std::chrono_literals;
using kav::test::ProtocolSample;
using kav::test::protocolSamples;

namespace {

// Apostrophes for quotation marks: JSON that can be read in C++.
QByteArray json(const char* text)
{
    return QByteArray(text).replace('\'', '"');
}

/// A way into a JSON document: names and, for arrays, indexes.
using Path = QList<std::variant<QString, qsizetype>>;

QString pathText(const QString& type, const Path& path)
{
    if (path == Path{QStringLiteral("type")})
        return QStringLiteral("message.type");
    QString text = type;
    for (const auto& step : path) {
        if (const auto* const name = std::get_if<QString>(&step))
            text += QLatin1Char('.') + *name;
        else
            text += QLatin1Char('[') + QString::number(std::get<qsizetype>(step)) + QLatin1Char(']');
    }
    return text;
}

/// Every value in the document, but for what is inside of an event's data: those are anybody's.
void walk(const QJsonValue& value, const Path& path, const std::function<void(const Path&, const QJsonValue&)>& visit)
{
    if (!path.isEmpty())
        visit(path, value);
    if (!path.isEmpty() && path.last() == Path::value_type(QStringLiteral("data")))
        return;
    if (value.isObject()) {
        const QJsonObject object = value.toObject();
        for (auto it = object.begin(); it != object.end(); ++it)
            walk(it.value(), path + Path{it.key()}, visit);
    } else if (value.isArray()) {
        const QJsonArray array = value.toArray();
        for (qsizetype i = 0; i < array.size(); ++i)
            walk(array.at(i), path + Path{i}, visit);
    }
}

/// The document with another value there; Undefined takes the field away.
QJsonValue edited(const QJsonValue& root, const Path& path, const QJsonValue& value)
{
    if (path.isEmpty())
        return value;
    if (const auto* const name = std::get_if<QString>(&path.first())) {
        QJsonObject object = root.toObject();
        object.insert(*name, edited(object.value(*name), path.mid(1), value));
        return object;
    }
    QJsonArray array = root.toArray();
    const auto index = std::get<qsizetype>(path.first());
    array.replace(index, edited(array.at(index), path.mid(1), value));
    return array;
}

QByteArray toText(const QJsonValue& value)
{
    return QJsonDocument(value.toObject()).toJson(QJsonDocument::Compact);
}

QJsonObject toJson(const QByteArray& text)
{
    return QJsonDocument::fromJson(text).object();
}

using Message = std::variant<ToEngine, ToConsole>;

QByteArray encoded(const Message& message)
{
    return std::visit([](const auto& one) { return encode(one); }, message);
}

/// Decodes in the direction of the sample.
Result<Message> decoded(const ProtocolSample& sample, const QByteArray& text)
{
    if (sample.message.index() == 0) {
        auto message = decodeToEngine(text);
        return message ? Result<Message>(*message) : Result<Message>(message.error());
    }
    auto message = decodeToConsole(text);
    return message ? Result<Message>(*message) : Result<Message>(message.error());
}

ProtocolSample sampleOf(const char* golden)
{
    for (const ProtocolSample& sample : protocolSamples()) {
        if (sample.golden == QLatin1String(golden))
            return sample;
    }
    qFatal("no such sample: %s", golden);
}

const QString GoldenFolder = QStringLiteral(KAV_SOURCE_DIR "/shared/protocol/golden");

QByteArray goldenText(const QString& name)
{
    QFile file(GoldenFolder + QLatin1Char('/') + name + QStringLiteral(".json"));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QByteArray documentText()
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/shared/protocol/PROTOCOL.md"));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

template <typename T> T decodedAs(const QByteArray& text)
{
    const auto message = decodeToConsole(text);
    if (!message.ok()) {
        QTest::qFail(qPrintable(message.error().message), __FILE__, __LINE__);
        return {};
    }
    if (const auto* const one = std::get_if<T>(&*message))
        return *one;
    QTest::qFail("another message", __FILE__, __LINE__);
    return {};
}

QString faultOfEngineBound(const QByteArray& text)
{
    const auto message = decodeToEngine(text);
    return message ? QString() : message.error().message;
}

/// Which alternatives of a variant were met; the Unknown one is of no message's making.
template <typename Unknown, typename... T> QList<int> missingFrom(const QSet<int>& met, const std::variant<T...>*)
{
    QList<int> missing;
    int index = 0;
    const auto look = [&](bool unknown) {
        if (!unknown && !met.contains(index))
            missing += index;
        ++index;
    };
    (look(std::is_same_v<T, Unknown>), ...);
    return missing;
}

/// The fields that may be left out; an array's index is left away, as all digits are. PROTOCOL.md marks them with a
/// question mark.
const QStringList OptionalFields{QStringLiteral("hello.features"), QStringLiteral("hello.client"),
    QStringLiteral("hello.token"), QStringLiteral("hello.operator"), QStringLiteral("hello.resume"),
    QStringLiteral("hello.watch"), QStringLiteral("start-test-call.say"), QStringLiteral("start-test-call.wav"),
    QStringLiteral("start-test-call.digits"), QStringLiteral("place-call.from"), QStringLiteral("place-call.persona"),
    QStringLiteral("place-call.detection"), QStringLiteral("engine.personas"), QStringLiteral("engine.remaining"),
    QStringLiteral("engine.goodbyeAt"), QStringLiteral("call.placed"),
    QStringLiteral("call.problem"), QStringLiteral("query-log.text"), QStringLiteral("query-log.after"),
    QStringLiteral("welcome.features"), QStringLiteral("welcome.engineCommit"), QStringLiteral("welcome.engineName"),
    QStringLiteral("refusal.lowest"), QStringLiteral("refusal.highest"), QStringLiteral("snapshot.watched"),
    QStringLiteral("engine.notReady"), QStringLiteral("service.name"), QStringLiteral("service.reason"),
    QStringLiteral("service.since"), QStringLiteral("service.checkedAt"), QStringLiteral("service.took"),
    QStringLiteral("service.retryAt"), QStringLiteral("services[].name"), QStringLiteral("services[].reason"),
    QStringLiteral("services[].since"), QStringLiteral("services[].checkedAt"), QStringLiteral("services[].took"),
    QStringLiteral("services[].retryAt"), QStringLiteral("call.lastGap"), QStringLiteral("call.reason"),
    QStringLiteral("call.endedAt"), QStringLiteral("call.recording"), QStringLiteral("calls[].recording"),
    QStringLiteral("calls[].lastGap"), QStringLiteral("calls[].reason"),
    QStringLiteral("calls[].endedAt"), QStringLiteral("row.reason"), QStringLiteral("row.endedAt"),
    QStringLiteral("rows[].reason"), QStringLiteral("rows[].endedAt"), QStringLiteral("result.next"),
    QStringLiteral("service.stage"), QStringLiteral("service.use"), QStringLiteral("services[].stage"),
    QStringLiteral("services[].use"), QStringLiteral("use.p"),
    QStringLiteral("latency.parts"), QStringLiteral("parts[].by"), QStringLiteral("latency.filler"),
    QStringLiteral("latency.total"), QStringLiteral("latency.answerUs"),
    QStringLiteral("query-requests.text"), QStringLiteral("query-requests.call"), QStringLiteral("query-requests.kind"),
    QStringLiteral("query-requests.refused"), QStringLiteral("query-requests.after"), QStringLiteral("requests.missed"),
    QStringLiteral("requests[].parameters"), QStringLiteral("requests[].headers"), QStringLiteral("requests[].peer"),
    QStringLiteral("requests[].offered"), QStringLiteral("requests[].given"), QStringLiteral("requests[].reason"),
    QStringLiteral("requests[].duplicateOf"), QStringLiteral("requests[].call"), QStringLiteral("requests[].end"),
    QStringLiteral("signature.variant"), QStringLiteral("signature.signedUrl"), QStringLiteral("signature.checkedUrl"),
    QStringLiteral("end.reason"), QStringLiteral("make-evidence.folder"), QStringLiteral("make-evidence.unmask"),
    QStringLiteral("result.files"), QStringLiteral("result.missing"), QStringLiteral("result.data")};

/// The entry of OptionalFields that names this field; -1 for a mandatory one.
int optionalField(QString path)
{
    for (QChar digit = u'0'; digit <= u'9'; digit = QChar(digit.unicode() + 1))
        path.remove(digit);
    for (int i = 0; i < OptionalFields.size(); ++i) {
        if (path == OptionalFields[i] || path.endsWith(QLatin1Char('.') + OptionalFields[i]))
            return i;
    }
    return -1;
}

} // namespace

class TestProtocol final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();

    // The golden files.
    void everyMessageHasAGolden();
    void noGoldenIsLeftOver();
    void aGoldenReadsAsItsMessage_data();
    void aGoldenReadsAsItsMessage();
    void aMessageWritesAsItsGolden_data();
    void aMessageWritesAsItsGolden();
    void textIsOneLineAndTheTypeComesFirst_data();
    void textIsOneLineAndTheTypeComesFirst();

    // PROTOCOL.md.
    void theExamplesOfTheDocumentAreMessages();
    void theDocumentNamesEveryWordAndField();

    // Fields.
    void aMissingFieldIsNamed_data();
    void aMissingFieldIsNamed();
    void everyOptionalFieldIsKnownToTheGoldens();
    void aFieldOfTheWrongTypeIsNamed_data();
    void aFieldOfTheWrongTypeIsNamed();
    void unknownFieldsAreIgnoredEverywhere_data();
    void unknownFieldsAreIgnoredEverywhere();
    void theSmallestMessages();
    void numbersHaveLimits_data();
    void numbersHaveLimits();
    void badBase64IsNamed();

    // Other versions.
    void anUnknownTypeKeepsItsId();
    void aTypeOfTheOtherDirectionIsUnknown();
    void unknownMessagesAreWrittenToo();
    void anUnknownChangeCostsNoOther();
    void anUnknownResultIsAResult();
    void anUnknownWordCostsNoMessage();
    void everyWordComesBack();

    // Text.
    void everyCharacterComesBack();
    void longTextIsWhole();
    void whatCannotBeWrittenBecomesTheNearest();
    void noTimeIsZeroOrLeftOut();
    void aDeltaOfEncodedChangesIsTheSame();
    void aReplysErrorGoesBeforeItsResult();

    // Garbage.
    void garbageIsAnError_data();
    void garbageIsAnError();
    void everyCutOfAMessageIsAnError_data();
    void everyCutOfAMessageIsAnError();
    void faultsTellNoValues();
    void deepNestingIsIgnoredOrRefused();

private:
    static void addSamples();
    static ProtocolSample sample();
};

void TestProtocol::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
}

void TestProtocol::addSamples()
{
    QTest::addColumn<int>("index");
    const auto samples = protocolSamples();
    for (int i = 0; i < samples.size(); ++i)
        QTest::newRow(qPrintable(samples[i].golden)) << i;
}

ProtocolSample TestProtocol::sample()
{
    QFETCH(int, index);
    return protocolSamples()[index];
}

void TestProtocol::everyMessageHasAGolden()
{
    QSet<int> toEngine, toConsole, changes, outcomes, results;
    for (const ProtocolSample& sample : protocolSamples()) {
        QVERIFY2(!goldenText(sample.golden).isEmpty(), qPrintable(sample.golden));
        if (const auto* const message = std::get_if<ToEngine>(&sample.message)) {
            toEngine += int(message->index());
            continue;
        }
        const ToConsole& message = std::get<ToConsole>(sample.message);
        toConsole += int(message.index());
        if (const auto* const delta = std::get_if<Delta>(&message)) {
            QCOMPARE(delta->changes.size(), 1);
            changes += int(delta->changes.first().index());
        } else if (const auto* const reply = std::get_if<Reply>(&message)) {
            outcomes += int(reply->outcome.index());
            if (const auto* const result = std::get_if<CommandResult>(&reply->outcome))
                results += int(result->index());
        }
    }
    QCOMPARE(missingFrom<UnknownMessage>(toEngine, static_cast<ToEngine*>(nullptr)), QList<int>());
    QCOMPARE(missingFrom<UnknownMessage>(toConsole, static_cast<ToConsole*>(nullptr)), QList<int>());
    QCOMPARE(missingFrom<UnknownChange>(changes, static_cast<Change*>(nullptr)), QList<int>());
    QCOMPARE(missingFrom<UnknownResult>(results, static_cast<CommandResult*>(nullptr)), QList<int>());
    QCOMPARE(outcomes.size(), 2);
}

void TestProtocol::noGoldenIsLeftOver()
{
    QStringList files, samples;
    for (const QString& file : QDir(GoldenFolder).entryList(QDir::Files))
        files += file;
    for (const ProtocolSample& sample : protocolSamples())
        samples += sample.golden + QStringLiteral(".json");
    files.sort();
    samples.sort();
    QCOMPARE(files, samples);
}

void TestProtocol::aGoldenReadsAsItsMessage_data()
{
    addSamples();
}

void TestProtocol::aGoldenReadsAsItsMessage()
{
    const ProtocolSample one = sample();
    const auto message = decoded(one, goldenText(one.golden));
    QVERIFY2(message.ok(), message ? "" : qPrintable(message.error().message));
    QVERIFY(*message == one.message);
}

void TestProtocol::aMessageWritesAsItsGolden_data()
{
    addSamples();
}

void TestProtocol::aMessageWritesAsItsGolden()
{
    const ProtocolSample one = sample();
    QCOMPARE(toJson(encoded(one.message)), toJson(goldenText(one.golden)));
}

void TestProtocol::textIsOneLineAndTheTypeComesFirst_data()
{
    addSamples();
}

void TestProtocol::textIsOneLineAndTheTypeComesFirst()
{
    const QByteArray text = encoded(sample().message);
    QVERIFY(text.startsWith("{\"type\":\""));
    QVERIFY(!text.contains('\n'));
    QCOMPARE(text.size(), toText(toJson(text)).size()); // compact: not one blank more than Qt's own
}

void TestProtocol::theExamplesOfTheDocumentAreMessages()
{
    QSet<QString> types;
    bool isExample = false;
    for (const QByteArray& line : documentText().split('\n')) {
        if (line.startsWith("```"))
            isExample = line == "```json";
        else if (isExample) {
            const auto ofConsole = decodeToEngine(line);
            const auto ofEngine = decodeToConsole(line);
            QVERIFY2(ofConsole.ok(), ofConsole ? "" : qPrintable(ofConsole.error().message));
            QVERIFY2(ofEngine.ok(), ofEngine ? "" : qPrintable(ofEngine.error().message));
            const bool isUnknownToEngine = std::holds_alternative<UnknownMessage>(*ofConsole);
            QVERIFY2(isUnknownToEngine != std::holds_alternative<UnknownMessage>(*ofEngine), line.constData());
            // Nothing in it is ignored: what is read is all that stands there.
            QCOMPARE(toJson(isUnknownToEngine ? encode(*ofEngine) : encode(*ofConsole)), toJson(line));
            types += toJson(line).value(QStringLiteral("type")).toString();
        }
    }
    QSet<QString> all;
    for (const ProtocolSample& one : protocolSamples())
        all += toJson(encoded(one.message)).value(QStringLiteral("type")).toString();
    QCOMPARE(types, all);
}

void TestProtocol::theDocumentNamesEveryWordAndField()
{
    const QByteArray document = documentText();
    const auto isNamed = [&](const QString& word, const char* mark = "") {
        const QByteArray quoted = "`" + word.toUtf8() + mark + "`";
        return document.contains(quoted);
    };
    for (const ProtocolSample& one : protocolSamples()) {
        const QJsonObject golden = toJson(goldenText(one.golden));
        const QString type = golden.value(QStringLiteral("type")).toString();
        walk(golden, {}, [&](const Path& path, const QJsonValue& value) {
            const auto* const name = std::get_if<QString>(&path.last());
            if (!name)
                return;
            if (*name == QLatin1String("kind"))
                QVERIFY2(isNamed(value.toString()), qPrintable(value.toString()));
            const bool isOptional = optionalField(pathText(type, path)) >= 0;
            QVERIFY2(isNamed(*name, isOptional ? "?" : ""), qPrintable(pathText(type, path)));
        });
    }
    for (int i = 0; i <= int(ErrorCode::Internal); ++i)
        QVERIFY2(isNamed(errorCodeName(ErrorCode(i))), qPrintable(errorCodeName(ErrorCode(i))));
    for (int i = 0; i <= int(CallState::Answered); ++i)
        QVERIFY2(isNamed(callStateName(CallState(i))), qPrintable(callStateName(CallState(i))));
    for (int i = 0; i <= int(EndReason::Fax); ++i)
        QVERIFY2(isNamed(endReasonName(EndReason(i))), qPrintable(endReasonName(EndReason(i))));
    for (int i = 0; i <= int(TurnInput::Silence); ++i)
        QVERIFY2(isNamed(turnInputName(TurnInput(i))), qPrintable(turnInputName(TurnInput(i))));
    for (int i = 0; i <= int(ServiceState::Failed); ++i)
        QVERIFY2(isNamed(serviceStateName(ServiceState(i))), "a service's state");
    for (const QLatin1String name :
        {feature::CallLog, feature::TestCall, feature::Outbound, feature::Control, feature::Warm, feature::Replay, Subprotocol})
        QVERIFY2(isNamed(name), name.data());
    for (const quint16 code : {close::BadMessage, close::Unauthorized, close::NoHello, close::VersionMismatch,
             close::TooMany, close::TooSlow})
        QVERIFY2(document.contains(QByteArray("| " + QByteArray::number(code) + " |")),
            QByteArray::number(code).constData());
}

void TestProtocol::aMissingFieldIsNamed_data()
{
    addSamples();
}

void TestProtocol::aMissingFieldIsNamed()
{
    const ProtocolSample one = sample();
    const QJsonObject golden = toJson(goldenText(one.golden));
    const QString type = golden.value(QStringLiteral("type")).toString();
    int fields = 0;
    walk(golden, {}, [&](const Path& path, const QJsonValue&) {
        if (std::holds_alternative<qsizetype>(path.last()))
            return; // an array's element: one less is no fault
        ++fields;
        const QString name = pathText(type, path);
        const QJsonValue without = edited(golden, path, QJsonValue::Undefined);
        const auto message = decoded(one, toText(without));
        const auto ofNull = decoded(one, toText(edited(golden, path, QJsonValue::Null)));
        QVERIFY2(message.ok() == ofNull.ok() && (!message || *message == *ofNull), qPrintable(name)); // null: no value
        if (optionalField(name) >= 0) {
            QVERIFY2(message.ok(), qPrintable(name));
            // And it is nothing but left out.
            QVERIFY2(toJson(encoded(*message)) == without.toObject(), qPrintable(name));
            return;
        }
        QVERIFY2(!message.ok(), qPrintable(name));
        QCOMPARE(message.error().code, Error::Code::Invalid);
        // A reply has one of the two.
        const QString missing = name == QLatin1String("reply.error") ? QStringLiteral("reply.result") : name;
        QCOMPARE(message.error().message, missing + QStringLiteral(" is missing"));
    });
    QVERIFY(fields > 0);
}

void TestProtocol::everyOptionalFieldIsKnownToTheGoldens()
{
    QSet<int> met;
    for (const ProtocolSample& one : protocolSamples()) {
        const QJsonObject golden = toJson(goldenText(one.golden));
        walk(golden, {}, [&](const Path& path, const QJsonValue&) {
            met += optionalField(pathText(golden.value(QStringLiteral("type")).toString(), path));
        });
    }
    for (int i = 0; i < OptionalFields.size(); ++i)
        QVERIFY2(met.contains(i), qPrintable(OptionalFields[i]));
}

void TestProtocol::aFieldOfTheWrongTypeIsNamed_data()
{
    addSamples();
}

void TestProtocol::aFieldOfTheWrongTypeIsNamed()
{
    const ProtocolSample one = sample();
    const QJsonObject golden = toJson(goldenText(one.golden));
    const QString type = golden.value(QStringLiteral("type")).toString();
    walk(golden, {}, [&](const Path& path, const QJsonValue& value) {
        const QString name = pathText(type, path);
        for (const QJsonValue& other : {QJsonValue(true), QJsonValue(42), QJsonValue(QStringLiteral("42")),
                 QJsonValue(QJsonArray()), QJsonValue(QJsonObject())}) {
            if (other.type() == value.type())
                continue;
            const auto message = decoded(one, toText(edited(golden, path, other)));
            QVERIFY2(!message.ok(), qPrintable(name));
            QCOMPARE(message.error().code, Error::Code::Invalid);
            const QString fault = message.error().message;
            QVERIFY2(fault.startsWith(name + QStringLiteral(" is ")), qPrintable(fault));
            QVERIFY2(fault.contains(QLatin1String("is not ")) || fault.contains(QLatin1String("is neither ")),
                qPrintable(fault));
        }
    });
}

void TestProtocol::unknownFieldsAreIgnoredEverywhere_data()
{
    addSamples();
}

void TestProtocol::unknownFieldsAreIgnoredEverywhere()
{
    const ProtocolSample one = sample();
    const QJsonObject golden = toJson(goldenText(one.golden));
    const QJsonArray added{1.5, QStringLiteral("x"), QJsonObject{{QStringLiteral("type"), true}}};
    QJsonValue grown = golden;
    int objects = 0;
    walk(golden, {}, [&](const Path& path, const QJsonValue& value) {
        if (!value.isObject() || path.last() == Path::value_type(QStringLiteral("data")))
            return;
        ++objects;
        grown = edited(grown, path + Path{QStringLiteral("ofTomorrow")}, added);
    });
    grown = edited(grown, {QStringLiteral("ofTomorrow")}, added);
    QCOMPARE(toText(grown).count("ofTomorrow"), objects + 1);
    const auto message = decoded(one, toText(grown));
    QVERIFY2(message.ok(), message ? "" : qPrintable(message.error().message));
    QVERIFY(*message == one.message);
}

void TestProtocol::theSmallestMessages()
{
    // A console written by hand needs no more than this.
    const auto hello = decodeToEngine(json("{'type':'hello','lowest':1,'highest':1}"));
    QVERIFY(hello.ok());
    QCOMPARE(std::get<Hello>(*hello), (Hello{1, 1, {}, {}, {}, {}, {}, {}}));
    QCOMPARE(encode(ToEngine(Resync{})), json("{'type':'resync'}"));
    QCOMPARE(encode(ToConsole(Reply{4, CommandResult()})), json("{'type':'reply','id':4,'result':{'kind':'done'}}"));
    QCOMPARE(encode(ToConsole(Heartbeat{1, {}})), json("{'type':'heartbeat','seq':1,'at':0}"));
    const auto test = decodeToEngine(json("{'type':'start-test-call','id':1}"));
    QVERIFY(test.ok());
    QCOMPARE(std::get<StartTestCall>(*test), (StartTestCall{1, {}, {}, {}}));
    // Whatever the order, and whatever stands between.
    QCOMPARE(decodeToEngine(json(" \n{ 'id' : 5 ,\t'type' : 'ping' } ")).value(), ToEngine(Ping{5}));
}

void TestProtocol::numbersHaveLimits_data()
{
    QTest::addColumn<QString>("golden");
    QTest::addColumn<QByteArray>("from");
    QTest::addColumn<QByteArray>("to");
    QTest::addColumn<QString>("fault"); // empty: it is taken
    const auto row = [](const char* tag, const char* golden, const char* from, const char* to, const char* fault) {
        QTest::newRow(tag) << QString::fromLatin1(golden) << json(from) << json(to) << QString::fromLatin1(fault);
    };
    row("a fraction", "ping", "'id':3", "'id':1.5", "ping.id is not a whole number");
    row("a fraction that is none", "ping", "'id':3", "'id':3.0", "");
    row("an exponent", "ping", "'id':3", "'id':3e2", "");
    row("below zero", "ping", "'id':3", "'id':-1", "ping.id is out of range");
    row("zero", "ping", "'id':3", "'id':0", "");
    row("zero from below", "ping", "'id':3", "'id':-0", "");
    row("the highest", "ping", "'id':3", "'id':9007199254740991", "");
    row("one more", "ping", "'id':3", "'id':9007199254740992", "ping.id is out of range");
    row("64 bits", "ping", "'id':3", "'id':9223372036854775807", "ping.id is out of range");
    row("65 bits", "ping", "'id':3", "'id':18446744073709551616", "ping.id is out of range");
    row("far below", "ping", "'id':3", "'id':-9223372036854775809", "ping.id is out of range");
    row("huge", "ping", "'id':3", "'id':1e300", "ping.id is out of range");
    row("beyond all numbers", "ping", "'id':3", "'id':1e400", "the message is not JSON: illegal number at byte 25");
    row("a number in quotes", "ping", "'id':3", "'id':'3'", "ping.id is not a number");
    row("not a number", "ping", "'id':3", "'id':NaN", "the message is not JSON: illegal number at byte 20");
    row("an int", "query-log", "'limit':100", "'limit':2147483647", "");
    row("more than an int", "query-log", "'limit':100", "'limit':2147483648", "query-log.limit is out of range");
    row("a sequence number", "heartbeat", "'seq':1042", "'seq':1e16", "heartbeat.seq is out of range");
    row("a duration below zero", "delta-call", "'lastGap':780", "'lastGap':-780",
        "delta.changes[0].call.lastGap is out of range");
    row("half a millisecond", "delta-call", "'lastGap':780", "'lastGap':0.5",
        "delta.changes[0].call.lastGap is not a whole number");
    row("a part below zero", "delta-turn", "'answerUs':480125", "'answerUs':-1",
        "delta.changes[0].turn.latency.answerUs is out of range");
    row("a call longer than there were calls", "delta-log", "'duration':95250", "'duration':-1",
        "delta.changes[0].row.duration is out of range");
    row("a time before 1970", "pong", "'at':1772355701500", "'at':-1", "pong.at is out of range");
    row("a time in text", "pong", "'at':1772355701500", "'at':'2026-03-01T09:00:00Z'", "pong.at is not a number");
    row("a very late time", "pong", "'at':1772355701500", "'at':9007199254740991", "");
    row("a time with microseconds", "pong", "'at':1772355701500", "'at':1772355701500.5",
        "pong.at is not a whole number");
    row("a truth in words", "end-call", "'now':true", "'now':'true'", "end-call.now is neither true nor false");
    row("a truth in numbers", "end-call", "'now':true", "'now':1", "end-call.now is neither true nor false");
    row("confidence", "delta-turn", "'confidence':0.75", "'confidence':1", "");
    row("confidence, exactly", "delta-turn", "'confidence':0.75", "'confidence':0.1000000000000000055511151231257827",
        "");
}

void TestProtocol::numbersHaveLimits()
{
    QFETCH(QString, golden);
    QFETCH(QByteArray, from);
    QFETCH(QByteArray, to);
    QFETCH(QString, fault);
    const ProtocolSample one = sampleOf(golden.toLatin1().constData());
    const QByteArray text = encoded(one.message);
    QCOMPARE(text.count(from), 1);
    const QByteArray changed = QByteArray(text).replace(from, to);
    const auto message = decoded(one, changed);
    QCOMPARE(message ? QString() : message.error().message, fault);
    if (message)
        QCOMPARE(toJson(encoded(*message)), toJson(changed));
}

void TestProtocol::badBase64IsNamed()
{
    const auto fault = [](const char* wav) {
        return faultOfEngineBound(json("{'type':'start-test-call','id':1,'wav':'") + wav + json("'}"));
    };
    QCOMPARE(fault("UklGRg=="), QString());
    QCOMPARE(fault("UklG Rg=="), QStringLiteral("start-test-call.wav is not base64"));
    QCOMPARE(fault("UklGRg"), QStringLiteral("start-test-call.wav is not base64"));
    QCOMPARE(fault("UklGR"), QStringLiteral("start-test-call.wav is not base64"));
    QCOMPARE(fault("\xd7\x90\xd7\x91"), QStringLiteral("start-test-call.wav is not base64"));
}

void TestProtocol::anUnknownTypeKeepsItsId()
{
    const auto unknown = [](const char* text) { return decodeToEngine(json(text)).value(); };
    QCOMPARE(unknown("{'type':'take-over','id':31,'call':'CA1'}"),
        ToEngine(UnknownMessage{QStringLiteral("take-over"), 31}));
    QCOMPARE(unknown("{'type':'wave'}"), ToEngine(UnknownMessage{QStringLiteral("wave"), std::nullopt}));
    QCOMPARE(unknown("{'type':'wave','id':null}"), ToEngine(UnknownMessage{QStringLiteral("wave"), std::nullopt}));
    // What a later version means by "id" is its own affair.
    QCOMPARE(unknown("{'type':'wave','id':'abc'}"), ToEngine(UnknownMessage{QStringLiteral("wave"), std::nullopt}));
    QCOMPARE(unknown("{'type':'wave','id':-4}"), ToEngine(UnknownMessage{QStringLiteral("wave"), std::nullopt}));
    QCOMPARE(unknown("{'type':'wave','id':0.5}"), ToEngine(UnknownMessage{QStringLiteral("wave"), std::nullopt}));
    QCOMPARE(unknown("{'type':''}"), ToEngine(UnknownMessage{QString(), std::nullopt}));
    QCOMPARE(unknown("{'type':'Hello','lowest':1}"), ToEngine(UnknownMessage{QStringLiteral("Hello"), std::nullopt}));
    QCOMPARE(decodeToConsole(json("{'type':'audio','id':2}")).value(),
        ToConsole(UnknownMessage{QStringLiteral("audio"), 2}));
}

void TestProtocol::aTypeOfTheOtherDirectionIsUnknown()
{
    for (const ProtocolSample& one : protocolSamples()) {
        const QByteArray text = encoded(one.message);
        if (one.message.index() == 0) {
            const auto message = decodeToConsole(text);
            QVERIFY(message.ok() && std::holds_alternative<UnknownMessage>(*message));
        } else {
            const auto message = decodeToEngine(text);
            QVERIFY(message.ok() && std::holds_alternative<UnknownMessage>(*message));
        }
    }
}

void TestProtocol::unknownMessagesAreWrittenToo()
{
    const ToEngine command = UnknownMessage{QStringLiteral("take \"over\""), 5};
    QCOMPARE(encode(command), json("{'type':'take \\'over\\'','id':5}"));
    QCOMPARE(decodeToEngine(encode(command)).value(), command);
    const ToConsole message = UnknownMessage{QStringLiteral("wave"), std::nullopt};
    QCOMPARE(encode(message), json("{'type':'wave'}"));
    const Change change = UnknownChange{QStringLiteral("weather")};
    QCOMPARE(encodeChange(change), json("{'kind':'weather'}"));
    QCOMPARE(encode(ToConsole(Reply{1, CommandResult(UnknownResult{QStringLiteral("map")})})),
        json("{'type':'reply','id':1,'result':{'kind':'map'}}"));
}

void TestProtocol::anUnknownChangeCostsNoOther()
{
    const auto delta =
        decodedAs<Delta>(json("{'type':'delta','from':1,'to':4,'at':9,'changes':[{'kind':'call-gone','call':'CA1'},"
                              "{'kind':'weather','call':5,'sky':'blue'},{'kind':'call-gone','call':'CA2'}]}"));
    QCOMPARE(delta.changes,
        (QList<Change>{CallGone{QStringLiteral("CA1")}, UnknownChange{QStringLiteral("weather")},
            CallGone{QStringLiteral("CA2")}}));
}

void TestProtocol::anUnknownResultIsAResult()
{
    const auto reply = decodedAs<Reply>(json("{'type':'reply','id':3,'result':{'kind':'map','at':'here'}}"));
    QCOMPARE(reply, (Reply{3, CommandResult(UnknownResult{QStringLiteral("map")})}));
}

void TestProtocol::anUnknownWordCostsNoMessage()
{
    QByteArray text = encoded(sampleOf("snapshot").message);
    for (const char* const word : {"'caller-speaking'", "'caller-hung-up'", "'failed'", "'keypad'", "'first-token'"}) {
        QVERIFY(text.contains(json(word)));
        text.replace(json(word), "\"of-tomorrow\"");
    }
    const auto snapshot = decodedAs<Snapshot>(text);
    QCOMPARE(snapshot.calls[1].state, CallState::Listening);
    QCOMPARE(snapshot.calls[0].reason, EndReason::None);
    QCOMPARE(snapshot.services[0].state, ServiceState::Degraded);
    QCOMPARE(snapshot.watched[0].turns[1].record.input, TurnInput::Voice);
    QCOMPARE(snapshot.watched[0].turns[0].record.latency.spans[2].part, LatencyPart::Playout);
    QCOMPARE(snapshot.calls[0].state, CallState::Ended); // and the others are as they were

    const auto refusal = decodedAs<Refusal>(json("{'type':'refusal','code':'full-moon','message':'Not tonight.'}"));
    QCOMPARE(refusal, (Refusal{ErrorCode::Internal, QStringLiteral("Not tonight."), {}, {}}));
    const auto reply = decodedAs<Reply>(json("{'type':'reply','id':1,'error':{'code':'','message':'?'}}"));
    QCOMPARE(std::get<CommandError>(reply.outcome).code, ErrorCode::Internal);
}

void TestProtocol::everyWordComesBack()
{
    QSet<QString> words;
    for (int i = 0; i <= int(ErrorCode::Internal); ++i) {
        const auto code = ErrorCode(i);
        words += errorCodeName(code);
        QCOMPARE(errorCodeFromName(errorCodeName(code)), std::optional(code));
        const auto refusal = decodedAs<Refusal>(encode(ToConsole(Refusal{code, {}, {}, {}})));
        QCOMPARE(refusal.code, code);
    }
    QCOMPARE(words.size(), 13);
    QCOMPARE(errorCodeFromName(u"Internal"), std::nullopt);

    CallSummary call;
    for (int i = 0; i <= int(CallState::Answered); ++i) {
        call.state = CallState(i);
        const ToConsole message = Delta{1, 2, {}, {CallChange{call}}};
        QVERIFY(decodeToConsole(encode(message)).value() == message);
    }
    for (int i = 0; i <= int(EndReason::Fax); ++i) {
        call.reason = EndReason(i);
        const ToConsole message = Delta{1, 2, {}, {CallChange{call}}};
        QVERIFY(decodeToConsole(encode(message)).value() == message);
    }
    TranscriptTurn turn;
    for (int i = 0; i <= int(TurnInput::Silence); ++i) {
        turn.record.input = TurnInput(i);
        const ToConsole message = Delta{1, 2, {}, {TurnChange{QStringLiteral("CA1"), turn}}};
        QVERIFY(decodeToConsole(encode(message)).value() == message);
    }
    for (const LatencyPart part : LatencyPartsInOrder) {
        turn.record.latency.spans = {{part, 40ms, QStringLiteral("google")}};
        const ToConsole message = Delta{1, 2, {}, {TurnChange{QStringLiteral("CA1"), turn}}};
        QVERIFY(decodeToConsole(encode(message)).value() == message);
    }
    ServiceStatus service;
    for (int i = 0; i <= int(ServiceState::Failed); ++i) {
        service.state = ServiceState(i);
        const ToConsole message = Delta{1, 2, {}, {ServiceChange{service}}};
        QVERIFY(decodeToConsole(encode(message)).value() == message);
    }
}

void TestProtocol::everyCharacterComesBack()
{
    // Every unit there is, alone between two letters: controls, quotes, Hebrew, and halves of pairs, which have no
    // UTF-8 of their own.
    for (int first = 0; first < 0x10000; first += 0x100) {
        QString text;
        for (int unit = first; unit < first + 0x100; ++unit)
            text += QLatin1Char('a') + QChar(char16_t(unit)) + QLatin1Char('z');
        const ToEngine message = QueryLog{1, text, {}, 1};
        const QByteArray bytes = encode(message);
        QVERIFY2(QString::fromUtf8(bytes).toUtf8() == bytes, qPrintable(QString::number(first, 16))); // it is UTF-8
        QVERIFY2(decodeToEngine(bytes).value() == message, qPrintable(QString::number(first, 16)));
    }
    for (const char32_t point : {U'\U00010000', U'\U0001F4DE', U'\U0010FFFF'}) {
        const QString text = QString::fromUcs4(&point, 1);
        const ToEngine message = QueryCall{1, text};
        QVERIFY(encode(message).contains(text.toUtf8()));
        QCOMPARE(decodeToEngine(encode(message)).value(), message);
    }
    // The two halves the wrong way round, and one at the end.
    const QChar odd[]{QChar(u'\xdc00'), QChar(u'\xd800'), QChar(u'\xd83d')};
    QCOMPARE(encode(ToEngine(QueryCall{1, QString(odd, 3)})),
        json("{'type':'query-call','id':1,'call':'\\udc00\\ud800\\ud83d'}"));
    QCOMPARE(encode(ToEngine(QueryCall{1, QStringLiteral("\n\t\"\\/\x7f")})),
        QByteArray("{\"type\":\"query-call\",\"id\":1,\"call\":\"\\n\\u0009\\\"\\\\/\x7f\"}"));
}

void TestProtocol::longTextIsWhole()
{
    for (const qsizetype size : {1000, 2040, 2048, 5000, 300'000}) {
        const ToEngine message = QueryLog{1, QString(size, QChar(u'\x5d0')), QString(size, u'\x1'), 1};
        QCOMPARE(decodeToEngine(encode(message)).value(), message);
    }
    QByteArray wav(600 * 1024, '\0');
    for (qsizetype i = 0; i < wav.size(); ++i)
        wav[i] = char(i * 7 + i / 256);
    const ToEngine test = StartTestCall{1, {}, wav, {}};
    QVERIFY(encode(test).size() < 1024 * 1024); // fits in a message as the engine takes it
    QVERIFY(decodeToEngine(encode(test)).value() == test);

    Delta delta{0, 1000, QDateTime::fromMSecsSinceEpoch(5, Qt::UTC), {}};
    const ProtocolSample ofTurn = sampleOf("delta-turn");
    const auto& one = std::get<Delta>(std::get<ToConsole>(ofTurn.message));
    for (int i = 0; i < 1000; ++i)
        delta.changes += one.changes;
    QVERIFY(decodeToConsole(encode(ToConsole(delta))).value() == ToConsole(delta));
}

void TestProtocol::whatCannotBeWrittenBecomesTheNearest()
{
    // A value that makes no sense must not cost the console the whole snapshot.
    TranscriptTurn turn;
    turn.record.latency.total = -5ms;
    turn.record.latency.answer = -5us;
    for (const double confidence :
        {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        turn.record.confidence = confidence;
        const auto delta =
            decodedAs<Delta>(encode(ToConsole(Delta{1, 2, {}, {TurnChange{QStringLiteral("CA1"), turn}}})));
        const TurnRecord& back = std::get<TurnChange>(delta.changes[0]).turn.record;
        QCOMPARE(back.confidence, 0.0);
        QCOMPARE(back.latency.total, std::optional(0ms));
        QCOMPARE(back.latency.answer, std::optional(0us));
    }
    // 0 is "no time".
    QCOMPARE(encode(ToConsole(Heartbeat{1, QDateTime::fromMSecsSinceEpoch(-1, Qt::UTC)})),
        json("{'type':'heartbeat','seq':1,'at':0}"));
}

void TestProtocol::noTimeIsZeroOrLeftOut()
{
    const ToConsole message = Delta{1, 2, {}, {CallChange{}, ServiceChange{}, LogChange{}, TurnChange{}}};
    const QByteArray text = encode(message);
    QVERIFY(text.contains("\"stateSince\":0"));
    QVERIFY(!text.contains("endedAt") && !text.contains("since\"") && !text.contains("retryAt"));
    QVERIFY(decodeToConsole(text).value() == message);
    // A time of another zone is the same moment.
    const QDateTime there = QDateTime::fromMSecsSinceEpoch(1'772'355'600'000, Qt::OffsetFromUTC, 7200);
    const auto back = decodedAs<Heartbeat>(encode(ToConsole(Heartbeat{1, there})));
    QCOMPARE(back.at, there);
    QCOMPARE(back.at.timeSpec(), Qt::UTC);
}

void TestProtocol::aDeltaOfEncodedChangesIsTheSame()
{
    QList<Change> changes{UnknownChange{QStringLiteral("weather")}};
    for (const ProtocolSample& one : protocolSamples()) {
        if (one.golden.startsWith(QLatin1String("delta-")))
            changes += std::get<Delta>(std::get<ToConsole>(one.message)).changes;
    }
    QCOMPARE(changes.size(), 8);
    const QDateTime now = QDateTime::fromMSecsSinceEpoch(1'772'355'600'123, Qt::UTC);
    for (qsizetype count = 0; count <= changes.size(); ++count) {
        const Delta delta{41, 41 + count, now, changes.first(count)};
        QList<QByteArray> texts;
        for (const Change& change : delta.changes)
            texts += encodeChange(change);
        QList<const QByteArray*> pointers;
        for (const QByteArray& text : texts)
            pointers += &text;
        QCOMPARE(encodeDelta(delta.from, delta.to, delta.at, pointers), encode(ToConsole(delta)));
    }
    // One text may stand there twice.
    const Change gone = CallGone{QStringLiteral("CA1")};
    const QByteArray text = encodeChange(gone);
    const QList<const QByteArray*> twice{&text, &text};
    QCOMPARE(encodeDelta(1, 3, now, twice), encode(ToConsole(Delta{1, 3, now, {gone, gone}})));
}

void TestProtocol::aReplysErrorGoesBeforeItsResult()
{
    const auto reply = decodedAs<Reply>(json(
        "{'type':'reply','id':1,'result':{'kind':'done'},'error':{'code':'timeout','message':'The call is busy.'}}"));
    QCOMPARE(reply, (Reply{1, CommandError{ErrorCode::Timeout, QStringLiteral("The call is busy.")}}));
}

void TestProtocol::garbageIsAnError_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("fault");
    const auto row = [](const char* tag, const QByteArray& text, const char* fault) {
        QTest::newRow(tag) << text << QString::fromLatin1(fault);
    };
    constexpr int Mebibyte = 1024 * 1024;
    row("nothing", QByteArray(), "the message is not JSON");
    row("an empty text", QByteArray(""), "the message is not JSON");
    row("blanks", "  \n", "the message is not JSON");
    row("words", "hello", "the message is not JSON");
    row("null", "null", "the message is not JSON");
    row("a string", "\"hello\"", "the message is not JSON");
    row("an array", json("[{'type':'resync'}]"), "the message is not an object");
    row("an object without a type", "{}", "message.type is missing");
    row("a type that is null", json("{'type':null}"), "message.type is missing");
    row("a type that is no word", json("{'type':7}"), "message.type is not a string");
    row("two messages", json("{'type':'resync'}{'type':'resync'}"), "the message is not JSON");
    row("a trailing comma", json("{'type':'resync',}"), "the message is not JSON");
    row("a comment", json("{'type':'resync'/**/}"), "the message is not JSON");
    row("a byte that is not UTF-8", json("{'type':'query-call','id':1,'call':'\xff'}"), "the message is not JSON");
    row("half a letter", json("{'type':'query-call','id':1,'call':'\xd7'}"), "the message is not JSON");
    row("a longer form of a letter", json("{'type':'query-call','id':1,'call':'\xc1\x81'}"), "the message is not JSON");
    row("half of a pair in UTF-8", json("{'type':'query-call','id':1,'call':'\xed\xa0\x80'}"),
        "the message is not JSON");
    row("zeros", QByteArray(64, '\0'), "the message is not JSON");
    row("a zero behind", QByteArray(json("{'type':'resync'}")).append('\0'), "the message is not JSON");
    row("UTF-16", QByteArray("\xff\xfe{\0\"\0t\0", 8), "the message is not JSON");
    row("brackets", QByteArray(Mebibyte, '['), "the message is not JSON");
    row("braces", QByteArray("{\"a\":").repeated(Mebibyte / 5), "the message is not JSON");
    row("brackets in a message", json("{'type':'ping','id':") + QByteArray(Mebibyte, '['), "the message is not JSON");
    row("an open string", "\"" + QByteArray(Mebibyte, 'a'), "the message is not JSON");
}

void TestProtocol::garbageIsAnError()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, fault);
    const auto ofConsole = decodeToEngine(text);
    const auto ofEngine = decodeToConsole(text);
    QVERIFY(!ofConsole.ok() && !ofEngine.ok());
    QVERIFY(ofConsole.error() == ofEngine.error());
    QCOMPARE(ofConsole.error().code, Error::Code::Invalid);
    QVERIFY2(ofConsole.error().message.startsWith(fault), qPrintable(ofConsole.error().message));
}

void TestProtocol::everyCutOfAMessageIsAnError_data()
{
    addSamples();
}

void TestProtocol::everyCutOfAMessageIsAnError()
{
    const ProtocolSample one = sample();
    const QByteArray text = encoded(one.message);
    for (qsizetype size = 0; size < text.size(); ++size)
        QVERIFY2(!decoded(one, text.first(size)).ok(), text.first(size).constData());
}

void TestProtocol::faultsTellNoValues()
{
    // The fault goes to the log and back to the peer: a token does not.
    for (const char* const text : {"{'type':'hello','lowest':1,'highest':'SECRET','token':'SECRET'}",
             "{'type':'hello','lowest':1,'highest':1,'token':['SECRET']}", "{'type':'hello','token':'SECRET'}",
             "{'type':'hello','token':'SECRET'", "{'SECRET':1}"}) {
        const QString fault = faultOfEngineBound(json(text));
        QVERIFY2(!fault.isEmpty() && !fault.contains(QLatin1String("SECRET")), qPrintable(fault));
    }
}

void TestProtocol::deepNestingIsIgnoredOrRefused()
{
    const auto nested = [](int depth) -> QByteArray {
        return json("{'type':'ping','id':1,'x':") + QByteArray(depth, '[') + QByteArray(depth, ']') + "}";
    };
    QCOMPARE(decodeToEngine(nested(500)).value(), ToEngine(Ping{1}));
    QVERIFY(faultOfEngineBound(nested(5000)).startsWith(QLatin1String("the message is not JSON")));
}

QTEST_GUILESS_MAIN(TestProtocol)
#include "tst_protocol.moc"
