// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"

#include <QDir>
#include <QFile>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;

class tst_TwimlDocument final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsEveryReferenceDocument_data();
    void readsEveryReferenceDocument();
    void readsAStreamWithEverything();
    void readsNestedVerbs();
    void keepsEscapedText();
    void skipsUnknownVerbsWithAWarning();
    void refuses_data();
    void refuses();
    void everyPrefixIsRefused();
};

namespace {

QByteArray golden(const QString& name)
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/data/reference/twiml_golden/") + name);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

void tst_TwimlDocument::readsEveryReferenceDocument_data()
{
    QTest::addColumn<QStringList>("verbs");
    QTest::newRow("01_connect_stream_min.xml") << QStringList{u"Connect"_s};
    QTest::newRow("02_connect_stream_full.xml") << QStringList{u"Connect"_s};
    QTest::newRow("03_connect_stream_fallback_verbs.xml") << QStringList{u"Connect"_s, u"Say"_s, u"Hangup"_s};
    QTest::newRow("04_say_he.xml") << QStringList{u"Say"_s};
    QTest::newRow("05_record_fallback.xml") << QStringList{u"Say"_s, u"Record"_s, u"Say"_s, u"Hangup"_s};
    QTest::newRow("06_dial_number.xml") << QStringList{u"Dial"_s, u"Say"_s};
    QTest::newRow("07_escaping.xml") << QStringList{u"Say"_s, u"Play"_s, u"Redirect"_s, u"Connect"_s};
    QTest::newRow("08_gather_pause_play_redirect_hangup.xml")
        << QStringList{u"Gather"_s, u"Pause"_s, u"Redirect"_s, u"Hangup"_s};
    QTest::newRow("09_reject.xml") << QStringList{u"Reject"_s};
    QTest::newRow("10_empty.xml") << QStringList();
    QTest::newRow("11_start_stream_unidirectional.xml") << QStringList{u"Start"_s, u"Pause"_s};
    QTest::newRow("12_comment_and_boolean_false.xml") << QStringList{u"Record"_s};
}

void tst_TwimlDocument::readsEveryReferenceDocument()
{
    QFETCH(QStringList, verbs);
    const QByteArray xml = golden(QString::fromLatin1(QTest::currentDataTag()));
    QVERIFY(!xml.isEmpty());
    const auto document = TwimlDocument::parse(xml);
    QVERIFY2(document, document ? "" : qPrintable(toString(document.error())));
    QStringList names;
    for (const TwimlVerb& verb : document->verbs())
        names += verb.name;
    QCOMPARE(names, verbs);
    QCOMPARE(document->warnings(), QStringList());
}

void tst_TwimlDocument::readsAStreamWithEverything()
{
    const auto document = TwimlDocument::parse(golden(u"02_connect_stream_full.xml"_s));
    QVERIFY(document);
    const TwimlVerb& connect = document->verbs().front();
    QCOMPARE(connect.attribute(u"action"_s), u"https://kav.example.com/twilio/stream-done"_s);
    const TwimlVerb* stream = connect.child(TwimlVerb::Kind::Stream);
    QVERIFY(stream);
    QCOMPARE(stream->attribute(u"url"_s), u"wss://kav.example.com/twilio/stream"_s);
    const auto parameters = stream->parameters();
    QCOMPARE(parameters.size(), 3);
    QCOMPARE(parameters.value(u"lang"_s), u"he-IL"_s);
    QCOMPARE(parameters.value(u"שם"_s), u"קו & <בדיקה> \"ציטוט\" 'גרש'"_s);
    QVERIFY(!connect.child(TwimlVerb::Kind::Say));
}

void tst_TwimlDocument::readsNestedVerbs()
{
    const auto document = TwimlDocument::parse(golden(u"08_gather_pause_play_redirect_hangup.xml"_s));
    QVERIFY(document);
    const TwimlVerb& gather = document->verbs().front();
    QCOMPARE(gather.children.size(), std::size_t(3));
    QCOMPARE(gather.children[0].text, u"הקישו 1 להמשך"_s);
    QCOMPARE(gather.children[1].attribute(u"length"_s), u"1"_s);
}

void tst_TwimlDocument::keepsEscapedText()
{
    const auto document = TwimlDocument::parse(golden(u"07_escaping.xml"_s));
    QVERIFY(document);
    QCOMPARE(document->verbs()[0].text, u"a & b < c > d \"dq\" 'sq' ]]> é א 😀"_s);
    const auto* stream = document->verbs()[3].child(TwimlVerb::Kind::Stream);
    QCOMPARE(stream->parameters().value(u"k"_s), u"l1\nl2\tt & < > \" '"_s);
}

void tst_TwimlDocument::skipsUnknownVerbsWithAWarning()
{
    const auto document =
        TwimlDocument::parse("<Response>stray<say>no</say><Enqueue><Say>inner</Say></Enqueue><Hangup/></Response>");
    QVERIFY(document);
    QCOMPARE(document->verbs().size(), std::size_t(1));
    QCOMPARE(document->verbs()[0].kind, TwimlVerb::Kind::Hangup);
    QCOMPARE(document->warnings(),
        (QStringList{u"text outside a verb is ignored"_s, u"<say> is no verb known here: skipped"_s,
            u"<Enqueue> is no verb known here: skipped"_s}));
}

void tst_TwimlDocument::refuses_data()
{
    QTest::addColumn<QByteArray>("xml");
    QTest::addColumn<QString>("part");
    QByteArray deep = "<Response>", many = "<Response>";
    for (int i = 0; i < 100; ++i)
        deep += "<Gather>";
    for (int i = 0; i < 300; ++i)
        many += "<Hangup/>";
    many += "</Response>";
    QTest::newRow("nothing") << QByteArray() << u"TwiML line 1"_s;
    QTest::newRow("text") << QByteArray("busy") << u"TwiML line 1"_s;
    QTest::newRow("another root") << QByteArray("<html/>") << u"the root is <html>, not <Response>"_s;
    QTest::newRow("root in lower case") << QByteArray("<response/>") << u"the root is <response>"_s;
    QTest::newRow("an ampersand") << QByteArray("<Response><Say>a & b</Say></Response>") << u"TwiML line 1"_s;
    QTest::newRow("two roots") << QByteArray("<Response/><Response/>") << u"TwiML line 1"_s;
    QTest::newRow("cut short") << QByteArray("<Response><Say>a") << u"TwiML line 1"_s;
    QTest::newRow("an entity bomb") << QByteArray(
        "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Response><Say>&b;</Say></Response>")
                                    << u"a document type declaration is not allowed"_s;
    QTest::newRow("too deep") << deep << u"nested deeper than 8"_s;
    QTest::newRow("too many") << many << u"more than 256 elements"_s;
    QTest::newRow("too long") << QByteArray("<Response>" + QByteArray(70'000, ' ') + "</Response>")
                              << u"over the limit of 65536"_s;
}

void tst_TwimlDocument::refuses()
{
    QFETCH(QByteArray, xml);
    QFETCH(QString, part);
    const auto document = TwimlDocument::parse(xml);
    QVERIFY(!document);
    QVERIFY2(document.error().message.contains(part), qPrintable(document.error().message));
}

void tst_TwimlDocument::everyPrefixIsRefused()
{
    const QByteArray xml = golden(u"02_connect_stream_full.xml"_s).trimmed();
    for (qsizetype length = 0; length < xml.size(); ++length)
        QVERIFY(!TwimlDocument::parse(xml.first(length)));
    QVERIFY(TwimlDocument::parse(xml));
}

QTEST_GUILESS_MAIN(tst_TwimlDocument)
#include "tst_twimldocument.moc"
