// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/twiml.h"

#include <QFile>
#include <QRandomGenerator>
#include <QTest>
#include <QXmlStreamReader>

using namespace Qt::StringLiterals;
using namespace kav::webhooks;

namespace {

QByteArray golden(const char* name)
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/data/reference/twiml_golden/") + QString::fromLatin1(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// A document as nested lines with sorted attributes: what two equal trees share.
QString treeOf(const QByteArray& xml)
{
    QXmlStreamReader reader(xml);
    QString tree;
    int depth = 0;
    while (!reader.atEnd()) {
        switch (reader.readNext()) {
        case QXmlStreamReader::StartElement: {
            tree += QString(depth++ * 2, u' ') + reader.name() + u'\n';
            QStringList attributes;
            for (const auto& attribute : reader.attributes())
                attributes += attribute.name() + u'=' + attribute.value();
            attributes.sort();
            for (const QString& attribute : std::as_const(attributes))
                tree += QString(depth * 2, u' ') + u'@' + attribute + u'\n';
            break;
        }
        case QXmlStreamReader::EndElement:
            --depth;
            break;
        case QXmlStreamReader::Characters:
            tree += QString(depth * 2, u' ') + u'"' + reader.text() + u'\n';
            break;
        default:
            break;
        }
    }
    return reader.hasError() ? u"broken: "_s + reader.errorString() : tree;
}

TwimlElement verb(const QString& name, const QList<std::pair<QString, QString>>& attributes, const QString& text = {},
    std::vector<TwimlElement> children = {})
{
    return {name, attributes, text, std::move(children)};
}

} // namespace

class tst_Twiml final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void dropsWhatXmlCannotHold();
    void parametersStayUnderTwiliosLimit();
    void whateverTheTextTheDocumentParsesBack();
};

void tst_Twiml::equalsTheReference_data()
{
    QTest::addColumn<QByteArray>("written");
    const QString base = u"https://kav.example.com/twilio/"_s;
    const QString stream = u"wss://kav.example.com/twilio/stream"_s;
    const QString wavenet = u"Google.he-IL-Wavenet-A"_s, standard = u"Google.he-IL-Standard-A"_s, he = u"he-IL"_s;
    const auto row = [](const char* name, const std::vector<TwimlElement>& verbs) {
        QTest::newRow(name) << writeTwiml(verbs);
    };

    row("01_connect_stream_min.xml", {connectVerb({.url = stream})});
    row("02_connect_stream_full.xml",
        {connectVerb({.url = stream,
            .action = base + u"stream-done"_s,
            .statusCallback = base + u"stream-status"_s,
            .name = u"kav-main"_s,
            .parameters = {
                {u"token"_s, u"3f9c1b7e5d2a4c68"_s}, {u"lang"_s, he}, {u"שם"_s, u"קו & <בדיקה> \"ציטוט\" 'גרש'"_s}}})});
    row("03_connect_stream_fallback_verbs.xml",
        {connectVerb({.url = stream}), sayVerb(u"סליחה, אירעה תקלה."_s, he, wavenet), hangupVerb()});
    row("04_say_he.xml", {sayVerb(u"שלום, הגעתם לקו. אנא המתינו."_s, he, standard)});
    row("05_record_fallback.xml",
        {sayVerb(u"אנא השאירו הודעה אחרי הצליל."_s, he, standard),
            verb(u"Record"_s,
                {{u"action"_s, base + u"record-done"_s}, {u"method"_s, u"POST"_s}, {u"maxLength"_s, u"120"_s},
                    {u"timeout"_s, u"5"_s}, {u"finishOnKey"_s, u"#"_s}, {u"playBeep"_s, u"true"_s},
                    {u"trim"_s, u"trim-silence"_s}, {u"recordingStatusCallback"_s, base + u"recording-status"_s},
                    {u"recordingStatusCallbackMethod"_s, u"POST"_s},
                    {u"recordingStatusCallbackEvent"_s, u"completed absent"_s}}),
            sayVerb(u"לא התקבלה הודעה."_s, he), hangupVerb()});
    row("06_dial_number.xml",
        {verb(u"Dial"_s,
             {{u"action"_s, base + u"dial-done"_s}, {u"method"_s, u"POST"_s}, {u"timeout"_s, u"20"_s},
                 {u"timeLimit"_s, u"3600"_s}, {u"callerId"_s, u"+97239999999"_s}, {u"answerOnBridge"_s, u"true"_s},
                 {u"ringTone"_s, u"il"_s}},
             {},
             {verb(u"Number"_s,
                 {{u"url"_s, base + u"whisper"_s}, {u"method"_s, u"POST"_s},
                     {u"statusCallback"_s, base + u"call-status"_s},
                     {u"statusCallbackEvent"_s, u"initiated ringing answered completed"_s},
                     {u"statusCallbackMethod"_s, u"POST"_s}},
                 u"+972501234567"_s)}),
            sayVerb(u"Nobody answered."_s, {})});
    row("07_escaping.xml",
        {sayVerb(u"a & b < c > d \"dq\" 'sq' ]]> é א 😀"_s, {}),
            verb(u"Play"_s, {{u"loop"_s, u"2"_s}}, u"https://kav.example.com/a.wav?x=1&y=<2>&z=\"q\""_s),
            verb(u"Redirect"_s, {{u"method"_s, u"POST"_s}}, u"https://kav.example.com/next?a=1&b='2'"_s),
            connectVerb({.url = u"wss://kav.example.com/s"_s, .parameters = {{u"k"_s, u"l1\nl2\tt & < > \" '"_s}}})});
    row("08_gather_pause_play_redirect_hangup.xml",
        {verb(u"Gather"_s,
             {{u"action"_s, base + u"gather"_s}, {u"method"_s, u"POST"_s}, {u"input"_s, u"dtmf"_s},
                 {u"numDigits"_s, u"1"_s}, {u"timeout"_s, u"5"_s}, {u"finishOnKey"_s, u"#"_s},
                 {u"actionOnEmptyResult"_s, u"true"_s}},
             {},
             {sayVerb(u"הקישו 1 להמשך"_s, he), verb(u"Pause"_s, {{u"length"_s, u"1"_s}}),
                 twimlVerb(u"Play"_s, u"https://kav.example.com/beep.wav"_s)}),
            verb(u"Pause"_s, {{u"length"_s, u"2"_s}}),
            verb(u"Redirect"_s, {{u"method"_s, u"POST"_s}}, base + u"voice"_s), hangupVerb()});
    row("09_reject.xml", {verb(u"Reject"_s, {{u"reason"_s, u"busy"_s}})});
    row("10_empty.xml", {});
    row("11_start_stream_unidirectional.xml",
        {verb(u"Start"_s, {}, {},
             {verb(u"Stream"_s,
                 {{u"name"_s, u"tap"_s}, {u"url"_s, u"wss://kav.example.com/tap"_s}, {u"track"_s, u"both_tracks"_s}})}),
            verb(u"Pause"_s, {{u"length"_s, u"60"_s}})});
    row("12_comment_and_boolean_false.xml",
        {verb(u"Record"_s,
            {{u"playBeep"_s, u"false"_s}, {u"timeout"_s, u"0"_s}, {u"maxLength"_s, u"30"_s},
                {u"action"_s, u"https://kav.example.com/r"_s}})});
}

void tst_Twiml::equalsTheReference()
{
    QFETCH(QByteArray, written);
    const QByteArray expected = golden(QTest::currentDataTag());
    QVERIFY(!expected.isEmpty());
    QCOMPARE(treeOf(written), treeOf(expected));
    QVERIFY(written.startsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response"));
}

void tst_Twiml::dropsWhatXmlCannotHold()
{
    const QString text = u"a"_s + QChar(0) + QChar(1) + QChar(0x1b) + QChar(0x7f) + QChar(0x85) + u"b\r\n\tc"_s
        + QChar(0xd800) + u"d"_s + QChar(0xdc00) + QChar(0xfffe) + QChar(0xffff) + u"e"_s;
    const auto document = kav::telephony::TwimlDocument::parse(writeTwiml({sayVerb(text, text)}));
    QVERIFY2(document, document ? "" : qPrintable(document.error().message));
    QCOMPARE(document->verbs()[0].text, u"ab\n\tcde"_s);
    QCOMPARE(document->verbs()[0].attribute(u"language"_s), u"ab\n\tcde"_s);
}

void tst_Twiml::parametersStayUnderTwiliosLimit()
{
    const QString emoji = u"😀"_s.repeated(400);
    const auto connect = connectVerb({.url = u"wss://k/s"_s,
        .parameters = {{u"from"_s, QString(1000, u'x')}, {u"odd"_s, emoji}, {u"empty"_s, {}}, {QString(), u"x"_s},
            {QString(600, u'n'), u"x"_s}}});
    const auto document = kav::telephony::TwimlDocument::parse(writeTwiml({connect}));
    QVERIFY(document);
    const auto parameters = document->verbs()[0].child(kav::telephony::TwimlVerb::Kind::Stream)->parameters();
    QCOMPARE(parameters.keys(), (QStringList{u"empty"_s, u"from"_s, u"odd"_s}));
    for (auto it = parameters.cbegin(); it != parameters.cend(); ++it)
        QVERIFY(it.key().size() + it.value().size() < 500);
    QCOMPARE(parameters.value(u"odd"_s), u"😀"_s.repeated(248)); // no half character at the cut
}

void tst_Twiml::whateverTheTextTheDocumentParsesBack()
{
    QRandomGenerator random(3);
    for (int round = 0; round < 2000; ++round) {
        QString text;
        const int length = random.bounded(40);
        for (int i = 0; i < length; ++i) {
            // Mostly what could break XML, else anything.
            static const QString nasty = u"<>&\"'\n\t\r]]>-!?/=;:# \u05d0\u2028"_s;
            text += random.bounded(3) ? nasty.at(random.bounded(int(nasty.size())))
                                      : QChar(char16_t(random.bounded(65536)));
        }
        const QByteArray xml = writeTwiml({sayVerb(text, u"en-US"_s),
            connectVerb({.url = u"wss://k/s"_s, .parameters = {{u"p"_s + text, text}}}), hangupVerb()});
        const auto document = kav::telephony::TwimlDocument::parse(xml);
        QVERIFY2(document, xml.constData());
        QCOMPARE(document->verbs().size(), std::size_t(3));
        QVERIFY(document->warnings().isEmpty());
    }
}

QTEST_GUILESS_MAIN(tst_Twiml)
#include "tst_twiml.moc"
