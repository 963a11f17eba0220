// SPDX-License-Identifier: Apache-2.0
#include "engine/media/twiliomessage.h"

#include <QTest>

#include <cstdlib>
#include <new>

using namespace kav;
using namespace kav::media;

namespace {

// Counts what this thread allocates, for the promise that a media message allocates nothing.
thread_local quint64 allocations = 0;

} // namespace

void* operator new(std::size_t size)
{
    ++allocations;
    if (void* const memory = std::malloc(size ? size : 1))
        return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept // or the library's own would answer
{
    ++allocations;
    return std::malloc(size ? size : 1);
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

namespace {

// Apostrophes for quotation marks: JSON that can be read in C++.
QByteArray json(const char* text)
{
    return QByteArray(text).replace('\'', '"');
}

// As in Twilio's documentation, with invented ids.
const QByteArray StartText = json(
    "{'event':'start','sequenceNumber':'1','start':{'accountSid':'AC1','streamSid':'MZ1',"
    "'callSid':'CA1','tracks':['inbound'],'mediaFormat':{'encoding':'audio/x-mulaw','sampleRate':8000,'channels':1},"
    "'customParameters':{'FirstName':'Dana','Hebrew':'\\u05e9\\u05dc\\u05d5\\u05dd','Quote':'a\\'b'}},'streamSid':'MZ1'"
    "}");
const QByteArray MediaText = json("{'event':'media','sequenceNumber':'4','media':{'track':'inbound','chunk':'2',"
                                  "'timestamp':'5','payload':'/38A'},'streamSid':'MZ1'}");
const QByteArray DtmfText =
    json("{'event':'dtmf','streamSid':'MZ1','sequenceNumber':'5','dtmf':{'track':'inbound_track','digit':'1'}}");
const QByteArray MarkText = json("{'event':'mark','sequenceNumber':'4','streamSid':'MZ1','mark':{'name':'g1.s0'}}");
const QByteArray StopText =
    json("{'event':'stop','sequenceNumber':'5','streamSid':'MZ1','stop':{'accountSid':'AC1','callSid':'CA1'}}");
const QByteArray ConnectedText = json("{'event':'connected','protocol':'Call','version':'1.0.0'}");

QByteArray edited(QByteArray text, const QByteArray& from, const QByteArray& to)
{
    Q_ASSERT(text.contains(from));
    return text.replace(from, to);
}

template <typename Message> Message parsed(TwilioParser& parser, const QByteArray& text)
{
    const auto result = parser.parse(text);
    if (!result.ok()) {
        QTest::qFail(qPrintable(result.error().message), __FILE__, __LINE__);
        return {};
    }
    if (const auto* const message = std::get_if<Message>(&*result))
        return *message;
    QTest::qFail("another message", __FILE__, __LINE__);
    return {};
}

} // namespace

class TestTwilioParser final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void connected();
    void start();
    void media();
    void dtmf_data();
    void dtmf();
    void mark();
    void stop();
    void anEventOfTomorrowIsNoError();
    void unknownFieldsAreIgnored();
    void countersMayBeNumbers();
    void whatNothingDependsOnMayBeMissing();
    void theTextOfTheSocketIsTheSame();
    void faultsNameTheField_data();
    void faultsNameTheField();
    void limits();
    void everyCutOfAMessageIsAnError();
    void everyByteMayBeAnother();
    void anotherStreamsMessagesAreErrors();
    void aFaultLeavesTheParserUsable();
    void mediaAllocatesNothing();
};

void TestTwilioParser::connected()
{
    TwilioParser parser;
    const auto message =
        parsed<ConnectedMessage>(parser, json("{'event':'connected','protocol':'Call','version':'1.0.0'}"));
    QCOMPARE(message.protocol, QStringLiteral("Call"));
    QCOMPARE(message.version, QStringLiteral("1.0.0"));
}

void TestTwilioParser::start()
{
    TwilioParser parser;
    const auto message = parsed<StartMessage>(parser, StartText);
    QCOMPARE(message.sequence, 1u);
    QCOMPARE(message.streamSid, QStringLiteral("MZ1"));
    QCOMPARE(message.callSid, QStringLiteral("CA1"));
    QCOMPARE(message.accountSid, QStringLiteral("AC1"));
    QCOMPARE(message.tracks, QList<QString>{QStringLiteral("inbound")});
    QCOMPARE(message.encoding, QStringLiteral("audio/x-mulaw"));
    QCOMPARE(message.sampleRate, 8000);
    QCOMPARE(message.channels, 1);
    const QMap<QString, QString> expected{{QStringLiteral("FirstName"), QStringLiteral("Dana")},
        {QStringLiteral("Hebrew"), QStringLiteral("שלום")}, {QStringLiteral("Quote"), QStringLiteral("a\"b")}};
    QCOMPARE(message.parameters, expected);
}

void TestTwilioParser::media()
{
    TwilioParser parser;
    const auto message = parsed<MediaMessage>(parser, MediaText);
    QCOMPARE(message.sequence, 4u);
    QCOMPARE(message.chunk, 2u);
    QCOMPARE(message.timestampMs, 5u);
    QVERIFY(message.inbound);
    QCOMPARE(std::vector<quint8>(message.mulaw.begin(), message.mulaw.end()), (std::vector<quint8>{0xff, 0x7f, 0}));

    QVERIFY(!parsed<MediaMessage>(parser, edited(MediaText, "inbound", "outbound")).inbound);
    QVERIFY(parsed<MediaMessage>(parser, edited(MediaText, "/38A", "")).mulaw.empty());
    // Some encoders escape the solidus.
    QCOMPARE(parsed<MediaMessage>(parser, edited(MediaText, "/38A", "\\/38A")).mulaw.size(), std::size_t(3));
}

void TestTwilioParser::dtmf_data()
{
    QTest::addColumn<QByteArray>("digit");
    QTest::addColumn<char>("expected");
    for (const char key : QByteArray("0123456789*#ABCD"))
        QTest::addRow("%c", key) << QByteArray(1, key) << key;
    QTest::newRow("lower case") << QByteArray("c") << 'C';
}

void TestTwilioParser::dtmf()
{
    QFETCH(QByteArray, digit);
    QFETCH(char, expected);
    TwilioParser parser;
    const auto message = parsed<DtmfMessage>(parser,
        json("{'event':'dtmf','streamSid':'MZ1','sequenceNumber':'5','dtmf':{'track':'inbound_track','digit':'") + digit
            + json("'}}"));
    QCOMPARE(message.digit, expected);
    QCOMPARE(message.sequence, 5u);
}

void TestTwilioParser::mark()
{
    TwilioParser parser;
    const auto message = parsed<MarkMessage>(
        parser, json("{'event':'mark','sequenceNumber':'4','streamSid':'MZ1','mark':{'name':'g1.s0'}}"));
    QCOMPARE(message.name, QStringLiteral("g1.s0"));
    QCOMPARE(message.sequence, 4u);
}

void TestTwilioParser::stop()
{
    TwilioParser parser;
    const auto message = parsed<StopMessage>(parser,
        json("{'event':'stop','sequenceNumber':'5','streamSid':'MZ1','stop':{'accountSid':'AC1','callSid':'CA1'}}"));
    QCOMPARE(message.sequence, 5u);
    QCOMPARE(message.accountSid, QStringLiteral("AC1"));
    QCOMPARE(message.callSid, QStringLiteral("CA1"));
}

void TestTwilioParser::anEventOfTomorrowIsNoError()
{
    TwilioParser parser;
    QCOMPARE(parsed<UnknownMessage>(parser, json("{'event':'video','video':{'deep':[[[1]]]}}")).event,
        QStringLiteral("video"));
    QCOMPARE(parsed<UnknownMessage>(parser, json("{'event':'MEDIA'}")).event, QStringLiteral("MEDIA")); // case counts
    const QByteArray longName(5000, 'x');
    QCOMPARE(parsed<UnknownMessage>(parser, json("{'event':'") + longName + json("'}")).event.size(), 128);
}

void TestTwilioParser::unknownFieldsAreIgnored()
{
    TwilioParser parser;
    const QByteArray extra = json("'new':{'a':[1,2.5e3,-4,null,true,'x']},'other':null,'event':");
    QCOMPARE(parsed<MediaMessage>(parser, edited(MediaText, "\"event\":", extra)).chunk, 2u);
    QCOMPARE(
        parsed<MediaMessage>(parser, edited(MediaText, "\"chunk\":", json("'codec':{'x':'y'},'chunk':"))).chunk, 2u);
}

void TestTwilioParser::countersMayBeNumbers()
{
    TwilioParser parser;
    QByteArray text = edited(MediaText, json("'4'"), "4");
    text = edited(text, json("'2'"), "18446744073709551615");
    text = edited(text, json("'5'"), json("'18446744073709551615'"));
    const auto message = parsed<MediaMessage>(parser, text);
    QCOMPARE(message.sequence, 4u);
    QCOMPARE(message.chunk, ~0ull);
    QCOMPARE(message.timestampMs, ~0ull);
    QCOMPARE(parsed<StartMessage>(parser, edited(StartText, "8000", json("'8000'"))).sampleRate, 8000);
}

void TestTwilioParser::whatNothingDependsOnMayBeMissing()
{
    TwilioParser parser;
    const auto media = parsed<MediaMessage>(parser, json("{'event':'media','media':{'payload':'','timestamp':'7'}}"));
    QCOMPARE(media.sequence, 0u);
    QCOMPARE(media.chunk, 0u);
    QCOMPARE(media.timestampMs, 7u);
    QVERIFY(media.inbound);
    QCOMPARE(parsed<StopMessage>(parser, json("{'event':'stop'}")).callSid, QString());
    QCOMPARE(parsed<ConnectedMessage>(parser, json("{'event':'connected','version':null}")).version, QString());
    QVERIFY(parsed<StartMessage>(parser, edited(StartText, "customParameters", "x")).parameters.isEmpty());
    QVERIFY(parsed<StartMessage>(parser, edited(StartText, "tracks", "x")).tracks.isEmpty());
}

void TestTwilioParser::theTextOfTheSocketIsTheSame()
{
    TwilioParser parser;
    for (const QByteArray& text : {StartText, MediaText}) {
        const auto fromBytes = parser.parse(text);
        const bool isStart = std::holds_alternative<StartMessage>(*fromBytes);
        const auto fromText = parser.parse(QString::fromUtf8(text));
        QVERIFY(fromText.ok());
        QCOMPARE(std::holds_alternative<StartMessage>(*fromText), isStart);
    }
    const auto start = parser.parse(QString::fromUtf8(json("{'event':'mark','mark':{'name':'שלום'}}")));
    QCOMPARE(std::get<MarkMessage>(*start).name, QStringLiteral("שלום"));
    QCOMPARE(parser.parse(QStringView()).error().message, QStringLiteral("message: empty"));
    QCOMPARE(parser.parse(QString(65537, u'x')).error().message, QStringLiteral("message: too long"));
    QCOMPARE(parser.parse(QString(40000, QChar(0x5d0))).error().message, QStringLiteral("message: too long"));
}

void TestTwilioParser::faultsNameTheField_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* tag, const QByteArray& text, const char* message) {
        QTest::newRow(tag) << text << QString::fromLatin1(message);
    };
    row("empty", "", "message: empty");
    row("blank", "   ", "message: not JSON");
    row("not JSON", "hello", "message: not JSON");
    row("binary", QByteArray("\x00\x01\x02", 3), "message: not JSON");
    row("an array", "[1,2]", "message: not an object");
    row("a string", json("'media'"), "message: not an object");
    row("two messages in one", MediaText + MediaText, "message: not JSON");
    row("a trailing comma", json("{'event':'stop',}"), "message: not JSON");
    row("not UTF-8", "{\"event\":\"\xff\"}", "message: not UTF-8");
    row("an overlong form", "{\"event\":\"\xc0\xaf\"}", "message: not UTF-8");
    row("a surrogate in UTF-8", "{\"event\":\"\xed\xa0\x80\"}", "message: not UTF-8");
    row("a control character in a string", "{\"event\":\"a\nb\"}", "message: not JSON");
    row("nested too deeply", json("{'event':'stop','x':") + QByteArray(20000, '[') + QByteArray(20000, ']') + "}",
        "message: nested too deeply");
    row("a number beyond all", json("{'event':'stop','x':1e999}"), "message: a number is malformed or out of range");
    row("an integer beyond all", json("{'event':'stop','x':") + QByteArray(400, '9') + "}",
        "message: a number is malformed or out of range");

    row("no event", json("{'media':{}}"), "event: missing");
    row("event null", json("{'event':null}"), "event: missing");
    row("event a number", json("{'event':1}"), "event: not a string");

    row("no start", json("{'event':'start'}"), "start: missing");
    row("start a list", json("{'event':'start','start':[]}"), "start: not an object");
    row("no stream", edited(StartText, json("'streamSid':'MZ1',"), ""), "start.streamSid: missing");
    row("stream null", edited(StartText, json("'streamSid':'MZ1',"), json("'streamSid':null,")),
        "start.streamSid: missing");
    row("stream empty", edited(StartText, json("'streamSid':'MZ1',"), json("'streamSid':'',")),
        "start.streamSid: empty");
    row("stream a number", edited(StartText, json("'streamSid':'MZ1',"), json("'streamSid':7,")),
        "start.streamSid: not a string");
    row("stream too long", edited(StartText, "MZ1", QByteArray(129, 'M')), "start.streamSid: too long");
    row("no call", edited(StartText, "callSid", "x"), "start.callSid: missing");
    row("no account", edited(StartText, "accountSid", "x"), "start.accountSid: missing");
    row("tracks a string", edited(StartText, json("['inbound']"), json("'inbound'")), "start.tracks: not a short list");
    row("tracks of numbers", edited(StartText, json("['inbound']"), "[1]"), "start.tracks: not a list of names");
    row("no format", edited(StartText, "mediaFormat", "x"), "start.mediaFormat: missing");
    row("no encoding", edited(StartText, "encoding", "x"), "start.mediaFormat.encoding: missing");
    row("rate negative", edited(StartText, "8000", "-8000"), "start.mediaFormat.sampleRate: not a counter");
    row("rate a fraction", edited(StartText, "8000", "8000.5"), "start.mediaFormat.sampleRate: not a counter");
    row("rate absurd", edited(StartText, "8000", "8000000"), "start.mediaFormat.sampleRate: out of range");
    row("no channels", edited(StartText, "channels", "x"), "start.mediaFormat.channels: missing");
    row("parameters a list",
        json("{'event':'start','start':{'streamSid':'M','callSid':'C','accountSid':'A',"
             "'mediaFormat':{'encoding':'e','sampleRate':1,'channels':1},'customParameters':[]}}"),
        "start.customParameters: not an object");
    row("a parameter a number", edited(StartText, json("'Dana'"), "12"),
        "start.customParameters: a value is not a string");

    row("sequence a word", edited(MediaText, json("'4'"), json("'four'")), "sequenceNumber: not a counter");
    row("sequence negative", edited(MediaText, json("'4'"), json("'-4'")), "sequenceNumber: not a counter");
    row("sequence empty", edited(MediaText, json("'4'"), json("''")), "sequenceNumber: not a counter");
    row("sequence with a space", edited(MediaText, json("'4'"), json("' 4'")), "sequenceNumber: not a counter");
    row("sequence one too large", edited(MediaText, json("'4'"), json("'18446744073709551616'")),
        "sequenceNumber: not a counter");
    row("sequence a fraction", edited(MediaText, json("'4'"), "4.0"), "sequenceNumber: not a counter");
    row("sequence true", edited(MediaText, json("'4'"), "true"), "sequenceNumber: not a counter");
    row("no media", json("{'event':'media','sequenceNumber':'1'}"), "media: missing");
    row("media a string", json("{'event':'media','media':'x'}"), "media: not an object");
    row("no timestamp", edited(MediaText, "timestamp", "x"), "media.timestamp: missing");
    row("timestamp null", edited(MediaText, json("'5'"), "null"), "media.timestamp: missing");
    row("timestamp negative", edited(MediaText, json("'5'"), "-5"), "media.timestamp: not a counter");
    row("chunk an object", edited(MediaText, json("'2'"), "{}"), "media.chunk: not a counter");
    row("track unknown", edited(MediaText, json("'inbound'"), json("'sideways'")), "media.track: unknown");
    row("track a number", edited(MediaText, json("'inbound'"), "1"), "media.track: not a string");
    row("no payload", edited(MediaText, "payload", "x"), "media.payload: missing");
    row("payload a list", edited(MediaText, json("'/38A'"), "[255]"), "media.payload: not a string");
    row("payload not base64", edited(MediaText, "/38A", "/38?"), "media.payload: not base64");
    row("payload cut", edited(MediaText, "/38A", "/38"), "media.payload: not base64");

    row("no dtmf", json("{'event':'dtmf'}"), "dtmf: missing");
    row("no digit", json("{'event':'dtmf','dtmf':{}}"), "dtmf.digit: missing");
    row("two digits", json("{'event':'dtmf','dtmf':{'digit':'12'}}"), "dtmf.digit: not a key");
    row("no key", json("{'event':'dtmf','dtmf':{'digit':'E'}}"), "dtmf.digit: not a key");
    row("an empty digit", json("{'event':'dtmf','dtmf':{'digit':''}}"), "dtmf.digit: not a key");
    row("a digit as a number", json("{'event':'dtmf','dtmf':{'digit':1}}"), "dtmf.digit: not a string");
    row("mark without a mark", json("{'event':'mark','sequenceNumber':'4'}"), "mark: missing");
    row("mark without a name", json("{'event':'mark','mark':{}}"), "mark.name: missing");
    row("stop a list", json("{'event':'stop','stop':[]}"), "stop: not an object");
}

void TestTwilioParser::faultsNameTheField()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, message);
    TwilioParser parser;
    const auto result = parser.parse(text);
    QVERIFY(!result.ok());
    QCOMPARE(result.error().message, message);
    QCOMPARE(result.error().code, Error::Code::Invalid);
}

void TestTwilioParser::limits()
{
    TwilioParser parser;
    const auto startWith = [](const QByteArray& parameters) {
        return edited(StartText, json("'FirstName':'Dana'"), parameters);
    };
    const auto messageOf = [&parser](const QByteArray& text) {
        const auto result = parser.parse(text);
        return result.ok() ? QStringLiteral("ok") : result.error().message;
    };
    QCOMPARE(messageOf(startWith(json("'n':'") + QByteArray(4095, 'v') + '"')), QStringLiteral("ok"));
    QCOMPARE(messageOf(startWith(json("'n':'") + QByteArray(4096, 'v') + '"')),
        QStringLiteral("start.customParameters: a value is too long"));

    QByteArray many;
    for (int i = 0; i < 62; ++i) // with the two others
        many += QByteArray(i ? "," : "") + "\"p" + QByteArray::number(i) + json("':'v'");
    QCOMPARE(messageOf(startWith(many)), QStringLiteral("ok"));
    QCOMPARE(messageOf(startWith(many + json(",'one more':''"))), QStringLiteral("start.customParameters: too many"));

    const qsizetype frame = MediaText.size() - 4;
    const qsizetype longest = (65536 - frame) / 4 * 4;
    QCOMPARE(messageOf(edited(MediaText, "/38A", QByteArray(longest, 'A'))), QStringLiteral("ok"));
    QCOMPARE(messageOf(edited(MediaText, "/38A", QByteArray(longest + 4, 'A'))), QStringLiteral("message: too long"));
}

void TestTwilioParser::everyCutOfAMessageIsAnError()
{
    TwilioParser parser;
    for (const QByteArray& text : {StartText, MediaText, DtmfText, MarkText, StopText, ConnectedText}) {
        QVERIFY(parser.parse(text).ok());
        for (qsizetype size = 0; size < text.size(); ++size) {
            QVERIFY2(!parser.parse(text.first(size)).ok(), text.first(size).constData());
            QVERIFY2(!parser.parse(QString::fromUtf8(text.first(size))).ok(), text.first(size).constData());
        }
    }
}

// Not always an error, but never more than a message of the same kind.
void TestTwilioParser::everyByteMayBeAnother()
{
    TwilioParser parser;
    for (const QByteArray& text : {StartText, MediaText, DtmfText, MarkText, StopText, ConnectedText}) {
        for (qsizetype at = 0; at < text.size(); ++at) {
            for (const char byte : {'\0', ' ', '"', '\\', '{', '}', ',', '9', '\x7f', '\x80', '\xff'}) {
                QByteArray changed = text;
                changed[at] = byte;
                const auto message = parser.parse(changed);
                if (!message.ok())
                    QVERIFY2(message.error().message.contains(u": "), qPrintable(message.error().message));
            }
        }
        QVERIFY(parser.parse(text).ok());
    }
}

void TestTwilioParser::anotherStreamsMessagesAreErrors()
{
    TwilioParser parser;
    const auto answer = [&parser](const QByteArray& text) {
        const auto message = parser.parse(text);
        return message.ok() ? QStringLiteral("ok") : message.error().message;
    };
    const QString foreign = QStringLiteral("streamSid: another stream's");
    const QByteArray other = edited(MediaText, "MZ1", "MZ2");
    QCOMPARE(answer(other), QStringLiteral("ok")); // nobody has said which it is
    parser.setStream(QStringLiteral("MZ1"));
    for (const QByteArray& text : {MediaText, DtmfText, MarkText, StopText}) {
        QCOMPARE(answer(text), QStringLiteral("ok"));
        QCOMPARE(answer(edited(text, "MZ1", "MZ2")), foreign);
        QCOMPARE(answer(edited(text, "MZ1", "MZ11")), foreign);
        QCOMPARE(answer(edited(text, "MZ1", "mz1")), foreign);
        QCOMPARE(answer(edited(text, json("'MZ1'"), "1")), QStringLiteral("streamSid: not a string"));
        QCOMPARE(answer(edited(text, json("'MZ1'"), "null")), QStringLiteral("ok"));
        QCOMPARE(answer(edited(text, "streamSid", "x")), QStringLiteral("ok"));
    }
    // A second start is judged by the session; what is not known yet is not known here either.
    QCOMPARE(answer(StartText), QStringLiteral("ok"));
    QCOMPARE(answer(ConnectedText), QStringLiteral("ok"));
    QCOMPARE(answer(json("{'event':'video','streamSid':'MZ2'}")), foreign);
}

void TestTwilioParser::aFaultLeavesTheParserUsable()
{
    TwilioParser parser;
    for (int i = 0; i < 3; ++i) {
        QVERIFY(!parser.parse(QByteArray("{\"event\":")).ok());
        QVERIFY(!parser.parse(edited(MediaText, "/38A", "????")).ok());
        QCOMPARE(parsed<MediaMessage>(parser, MediaText).mulaw.size(), std::size_t(3));
    }
}

void TestTwilioParser::mediaAllocatesNothing()
{
    TwilioParser parser;
    const QByteArray text = edited(MediaText, "/38A", QByteArray(160, '\x55').toBase64());
    const QString wide = QString::fromUtf8(text);
    QVERIFY(parser.parse(text).ok() && parser.parse(wide).ok()); // warm
    const quint64 before = allocations;
    bool ok = true;
    for (int i = 0; i < 100; ++i)
        ok = ok && parser.parse(text).ok() && parser.parse(wide).ok();
    const quint64 made = allocations - before;
    QVERIFY(ok);
    QCOMPARE(made, quint64(0));
}

QTEST_APPLESS_MAIN(TestTwilioParser)
#include "tst_twilioparser.moc"
