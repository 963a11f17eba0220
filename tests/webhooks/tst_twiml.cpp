// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/twiml.h"
#include "tests/webhooks/xmltree.h"

#include <QFile>
#include <QRandomGenerator>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

QByteArray golden(const char* name)
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/data/reference/twiml_golden/") + QString::fromLatin1(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

class tst_Twiml final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void dropsWhatXmlCannotHold();
    void whatTwilioDoesAnywayIsNotWritten();
    void longSpeechIsPartedWhereSentencesEnd();
    void aTextWithoutEndIsPartedBetweenWordsOrAnywhere();
    void theDocumentStaysUnderTwiliosLimit();
    void parametersStayUnderTwiliosLimit();
    void whateverTheTextTheDocumentParsesBack();
};

void tst_Twiml::equalsTheReference_data()
{
    QTest::addColumn<QByteArray>("written");
    using namespace twiml;
    const QString base = u"https://kav.example.com/twilio/"_s;
    const QString stream = u"wss://kav.example.com/twilio/stream"_s;
    const QString wavenet = u"Google.he-IL-Wavenet-A"_s, standard = u"Google.he-IL-Standard-A"_s, he = u"he-IL"_s;
    const auto row = [](const char* name, const std::vector<TwimlElement>& verbs) {
        QTest::newRow(name) << writeTwiml(verbs);
    };

    row("01_connect_stream_min.xml", {connectVerb({.url = stream})});
    row("02_connect_stream_full.xml",
        {Connect{.stream = {.url = stream,
                     .name = u"kav-main"_s,
                     .statusCallback = base + u"stream-status"_s,
                     .parameters = {{u"token"_s, u"3f9c1b7e5d2a4c68"_s}, {u"lang"_s, he},
                         {u"שם"_s, u"קו & <בדיקה> \"ציטוט\" 'גרש'"_s}}},
            .action = base + u"stream-done"_s}});
    row("03_connect_stream_fallback_verbs.xml",
        {connectVerb({.url = stream}), sayVerb(u"סליחה, אירעה תקלה."_s, he, wavenet), hangupVerb()});
    row("04_say_he.xml", {Say{.text = u"שלום, הגעתם לקו. אנא המתינו."_s, .language = he, .voice = standard}});
    row("05_record_fallback.xml",
        {sayVerb(u"אנא השאירו הודעה אחרי הצליל."_s, he, standard),
            Record{.action = base + u"record-done"_s,
                .finishOnKey = u"#"_s,
                .maxLength = 120s,
                .recordingStatusCallback = base + u"recording-status"_s,
                .recordingStatusCallbackEvent = RecordingEvent::Completed | RecordingEvent::Absent},
            sayVerb(u"לא התקבלה הודעה."_s, he), Hangup{}});
    row("06_dial_number.xml",
        {Dial{.action = base + u"dial-done"_s,
             .timeout = 20s,
             .timeLimit = 3600s,
             .callerId = u"+97239999999"_s,
             .answerOnBridge = true,
             .ringTone = u"il"_s,
             .numbers = {Number{.number = u"+972501234567"_s,
                 .url = base + u"whisper"_s,
                 .statusCallback = base + u"call-status"_s,
                 .statusCallbackEvent =
                     CallEvent::Initiated | CallEvent::Ringing | CallEvent::Answered | CallEvent::Completed}}},
            Say{.text = u"Nobody answered."_s}});
    row("07_escaping.xml",
        {sayVerb(u"a & b < c > d \"dq\" 'sq' ]]> é א 😀"_s, {}),
            Play{.url = u"https://kav.example.com/a.wav?x=1&y=<2>&z=\"q\""_s, .loop = 2},
            Redirect{.url = u"https://kav.example.com/next?a=1&b='2'"_s},
            connectVerb({.url = u"wss://kav.example.com/s"_s, .parameters = {{u"k"_s, u"l1\nl2\tt & < > \" '"_s}}})});
    row("08_gather_pause_play_redirect_hangup.xml",
        {Gather{.action = base + u"gather"_s,
             .numDigits = 1,
             .actionOnEmptyResult = true,
             .prompts = {Say{.text = u"הקישו 1 להמשך"_s, .language = he}, Pause{},
                 Play{.url = u"https://kav.example.com/beep.wav"_s}}},
            Pause{2s}, Redirect{.url = base + u"voice"_s}, Hangup{}});
    row("09_reject.xml", {Reject{Reject::Reason::Busy}});
    row("10_empty.xml", {});
    row("11_start_stream_unidirectional.xml",
        {Start{{.url = u"wss://kav.example.com/tap"_s, .name = u"tap"_s, .track = Stream::Track::Both}}, Pause{60s}});
    row("12_comment_and_boolean_false.xml",
        {Record{.action = u"https://kav.example.com/r"_s, .timeout = 0s, .maxLength = 30s, .playBeep = false}});
}

void tst_Twiml::equalsTheReference()
{
    QFETCH(QByteArray, written);
    const QByteArray expected = golden(QTest::currentDataTag());
    QVERIFY(!expected.isEmpty());
    QCOMPARE(kav::test::treeOf(written), kav::test::treeOf(expected));
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

void tst_Twiml::whatTwilioDoesAnywayIsNotWritten()
{
    using namespace twiml;
    QCOMPARE(writeTwiml({Say{}, Play{}, Pause{}, Redirect{}, Hangup{}, Reject{}, Gather{}, Record{},
                 Dial{.numbers = {Number{}}, .conference = Conference{}}, Connect{}, Start{}}),
        QByteArrayLiteral(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say/><Play/><Pause/><Redirect/><Hangup/>"
            "<Reject/><Gather/><Record/><Dial><Number/><Conference/></Dial><Connect><Stream/></Connect>"
            "<Start><Stream/></Start></Response>\n"));
    // Empty is not the same as not there.
    QVERIFY(writeTwiml({Gather{.finishOnKey = {}}}).contains("<Gather finishOnKey=\"\"/>"));
    QVERIFY(writeTwiml({Dial{.conference = Conference{.waitUrl = QString()}}}).contains("<Conference waitUrl=\"\"/>"));
}

namespace {
QStringList spoken(const QByteArray& twiml)
{
    QStringList texts;
    const auto document = kav::telephony::TwimlDocument::parse(twiml);
    for (const auto& verb : document->verbs())
        texts += verb.text;
    return texts;
}
} // namespace

void tst_Twiml::longSpeechIsPartedWhereSentencesEnd()
{
    const QString sentence = u"זהו משפט ארוך למדי, ובו אין שום דבר חדש."_s; // 40 letters, 72 bytes
    QStringList sentences;
    for (int i = 0; i < 120; ++i)
        sentences += sentence;
    const QByteArray xml =
        writeTwiml({twiml::Say{.text = sentences.join(u' '), .language = u"he-IL"_s, .loop = 2}, hangupVerb()});
    QStringList texts = spoken(xml);
    QCOMPARE(texts.takeLast(), QString());
    QCOMPARE(texts.size(), 6);
    QCOMPARE(texts.first(3), texts.last(3)); // said twice, as a whole
    for (const QString& text : std::as_const(texts)) {
        QVERIFY(text.endsWith(sentence));
        QVERIFY(text.toUtf8().size() <= 4000);
    }
    QCOMPARE(texts.first(3).join(u' '), sentences.join(u' '));
    QCOMPARE(xml.count("language=\"he-IL\""), 6);
    QCOMPARE(xml.count("loop="), 0);
}

void tst_Twiml::aTextWithoutEndIsPartedBetweenWordsOrAnywhere()
{
    const QString words = u"word "_s.repeated(2000).trimmed();
    QStringList texts = spoken(writeTwiml({twiml::Say{.text = words}}));
    QCOMPARE(texts.size(), 3);
    QCOMPARE(texts.join(u' '), words);
    const QString letters = u"😀"_s.repeated(3000);
    texts = spoken(writeTwiml({twiml::Say{.text = letters}}));
    QCOMPARE(texts.size(), 3);
    QCOMPARE(texts.join(QString()), letters);
    // One letter under ten thousand marks: some are left out, and the document still parses.
    const QString heap = u"א"_s + u"\u05b8"_s.repeated(10'000);
    texts = spoken(writeTwiml({twiml::Say{.text = heap}, hangupVerb()}));
    QVERIFY(texts.size() >= 2);
    QVERIFY(texts.first().startsWith(u"א\u05b8"_s) && texts.first().toUtf8().size() <= 4000);
}

void tst_Twiml::theDocumentStaysUnderTwiliosLimit()
{
    const QString tooLong = u"<Twenty letters.> & "_s.repeated(2500);
    QTest::ignoreMessage(QtWarningMsg, "TwiML over 64 KB: only the first 1 of 3 verbs are written");
    const QByteArray xml = writeTwiml({sayVerb(u"First."_s, {}), sayVerb(tooLong, {}), hangupVerb()});
    QVERIFY(xml.size() <= 64 * 1024);
    QCOMPARE(spoken(xml), QStringList{u"First."_s});
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
