// SPDX-License-Identifier: Apache-2.0
#include "engine/media/twiliomessage.h"
#include "engine/telephony/twiliopeer.h"

#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;

class tst_TwilioPeer final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theEngineUnderstandsEveryMessage();
    void countersAreStringsAndGrow();
    void skippedNumbersLeaveAGap();
    void understandsTheEngine();
    void refusesWhatTwilioWouldRefuse_data();
    void refusesWhatTwilioWouldRefuse();
    void idsAreWellFormedAndFresh();
};

void tst_TwilioPeer::theEngineUnderstandsEveryMessage()
{
    const StreamIds ids{u"MZ1"_s, u"CA1"_s, u"AC1"_s};
    TwilioPeerWriter writer(ids);
    media::TwilioParser parser;
    const auto parse = [&parser](const QByteArray& text) { return parser.parse(text); };

    auto message = parse(writer.connected());
    QVERIFY(message);
    QCOMPARE(std::get<media::ConnectedMessage>(*message).version, u"1.0.0"_s);
    message = parse(writer.start({{u"language"_s, u"he-IL"_s}, {u"quote\""_s, u"שלום\n"_s}}));
    QVERIFY(message);
    const auto& start = std::get<media::StartMessage>(*message);
    QCOMPARE(start.sequence, quint64(1));
    QCOMPARE(start.callSid, u"CA1"_s);
    QCOMPARE(start.accountSid, u"AC1"_s);
    QCOMPARE(start.streamSid, u"MZ1"_s);
    QCOMPARE(start.sampleRate, 8000);
    QCOMPARE(start.parameters.value(u"quote\""_s), u"שלום\n"_s);
    const std::array<quint8, 3> sound{0, 127, 255};
    message = parse(writer.media(sound, 140));
    QVERIFY(message);
    const auto& audio = std::get<media::MediaMessage>(*message);
    QCOMPARE(audio.sequence, quint64(2));
    QCOMPARE(audio.chunk, quint64(1));
    QCOMPARE(audio.timestampMs, quint64(140));
    QVERIFY(std::equal(audio.mulaw.begin(), audio.mulaw.end(), sound.begin(), sound.end()));
    message = parse(writer.dtmf('#'));
    QVERIFY(message);
    QCOMPARE(std::get<media::DtmfMessage>(*message).digit, '#');
    message = parse(writer.mark(u"7.\"x\""_s));
    QVERIFY(message);
    QCOMPARE(std::get<media::MarkMessage>(*message).name, u"7.\"x\""_s);
    message = parse(writer.stop());
    QVERIFY(message);
    QCOMPARE(std::get<media::StopMessage>(*message).callSid, u"CA1"_s);
}

void tst_TwilioPeer::countersAreStringsAndGrow()
{
    TwilioPeerWriter writer({u"MZ1"_s, u"CA1"_s, u"AC1"_s});
    QVERIFY(!writer.connected().contains("sequenceNumber"));
    QVERIFY(writer.start({}).contains("\"sequenceNumber\":\"1\""));
    QVERIFY(writer.media({}, 0).contains("\"sequenceNumber\":\"2\",\"media\":{\"track\":\"inbound\",\"chunk\":\"1\""));
    QVERIFY(writer.dtmf('1').contains("\"sequenceNumber\":\"3\""));
    QVERIFY(writer.media({}, 20).contains("\"sequenceNumber\":\"4\",\"media\":{\"track\":\"inbound\",\"chunk\":\"2\""));
    QVERIFY(writer.dtmf('1').contains("inbound_track"));
}

void tst_TwilioPeer::skippedNumbersLeaveAGap()
{
    TwilioPeerWriter writer({u"MZ1"_s, u"CA1"_s, u"AC1"_s});
    writer.start({});
    writer.skip(5);
    QVERIFY(
        writer.media({}, 100).contains("\"sequenceNumber\":\"7\",\"media\":{\"track\":\"inbound\",\"chunk\":\"6\""));
}

void tst_TwilioPeer::understandsTheEngine()
{
    media::TwilioWriter engine(u"MZ1"_s);
    const std::array<quint8, 4> sound{1, 2, 3, 255};
    auto message = readPeerMessage(engine.media(sound).toUtf8(), u"MZ1"_s);
    QVERIFY2(message, message ? "" : qPrintable(message.error().message));
    QCOMPARE(std::get<PeerMedia>(*message).mulaw, QByteArray("\1\2\3\xff"));
    message = readPeerMessage(engine.mark(u"g1 s2"_s).toUtf8(), u"MZ1"_s);
    QVERIFY(message);
    QCOMPARE(std::get<PeerMark>(*message).name, u"g1 s2"_s);
    message = readPeerMessage(engine.clear().toUtf8(), u"MZ1"_s);
    QVERIFY(message);
    QVERIFY(std::holds_alternative<PeerClear>(*message));
}

void tst_TwilioPeer::refusesWhatTwilioWouldRefuse_data()
{
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* name, const char* json, const char* message) {
        QTest::newRow(name) << QByteArray(json) << QString::fromLatin1(message);
    };
    row("no JSON", "hello", "not a JSON object: illegal value at byte 1");
    row("an array", "[1]", "not a JSON object: no error occurred at byte 0");
    row("no event", "{}", "unknown event ");
    row("an event of Twilio's own", R"({"event":"stop","streamSid":"MZ1"})", "unknown event stop");
    row("no streamSid", R"({"event":"clear"})", "clear: streamSid is missing");
    row("foreign streamSid", R"({"event":"clear","streamSid":"MZ2"})", "clear: foreign streamSid");
    row("streamSid as a number", R"({"event":"clear","streamSid":1})", "clear: foreign streamSid");
    row("a field too many", R"({"event":"clear","streamSid":"MZ1","x":1})", "clear: unexpected field x");
    row("media without media", R"({"event":"media","streamSid":"MZ1"})", "media: media is missing");
    row("media without payload", R"({"event":"media","streamSid":"MZ1","media":{}})", "media.payload is missing");
    row("media with a track", R"({"event":"media","streamSid":"MZ1","media":{"payload":"","track":"x"}})",
        "media.unexpected field track");
    row("payload no base64", R"({"event":"media","streamSid":"MZ1","media":{"payload":"*"}})",
        "media.payload: not base64");
    row("a mark without its name", R"({"event":"mark","streamSid":"MZ1","mark":{}})", "mark.name is missing");
    row("a mark as text", R"({"event":"mark","streamSid":"MZ1","mark":"x"})", "mark.name is missing");
}

void tst_TwilioPeer::refusesWhatTwilioWouldRefuse()
{
    QFETCH(QByteArray, json);
    QFETCH(QString, message);
    const auto result = readPeerMessage(json, u"MZ1"_s);
    QVERIFY(!result);
    QCOMPARE(result.error().message, message);
}

void tst_TwilioPeer::idsAreWellFormedAndFresh()
{
    const StreamIds one = StreamIds::random();
    const StreamIds two = StreamIds::random();
    const QRegularExpression sid(u"^(MZ|CA|AC)[0-9a-f]{32}$"_s);
    for (const QString& id : {one.streamSid, one.callSid, one.accountSid})
        QVERIFY(sid.match(id).hasMatch());
    QVERIFY(one.callSid != two.callSid);
}

QTEST_GUILESS_MAIN(tst_TwilioPeer)
#include "tst_twiliopeer.moc"
