// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/page.h"
#include "tests/evidence/loggedcall.h"

#include <QCryptographicHash>
#include <QRegularExpression>
#include <QTest>
#include <QXmlStreamReader>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::evidence;

namespace {

/// The page as a reader of strict XML sees it; its style and script, which are no XML, left out.
class Parsed final {
public:
    explicit Parsed(const QByteArray& html)
    {
        QString text = QString::fromUtf8(html);
        for (const QString& name : {u"style"_s, u"script"_s})
            text.remove(
                QRegularExpression(u"<%1>.*?</%1>"_s.arg(name), QRegularExpression::DotMatchesEverythingOption));
        QXmlStreamReader reader(text);
        QList<qsizetype> open; // indexes of elements
        while (!reader.atEnd()) {
            switch (reader.readNext()) {
            case QXmlStreamReader::StartElement:
                open += elements.size();
                elements.append({reader.name().toString(), reader.attributes(), {}});
                break;
            case QXmlStreamReader::EndElement:
                open.removeLast();
                break;
            case QXmlStreamReader::Characters:
                for (const qsizetype index : std::as_const(open))
                    elements[index].text += reader.text();
                break;
            default:
                break;
            }
        }
        fault = reader.hasError()
            ? u"%1:%2: %3"_s.arg(reader.lineNumber()).arg(reader.columnNumber()).arg(reader.errorString())
            : QString();
    }

    struct Element final {
        QString name;
        QXmlStreamAttributes attributes;
        QString text;
        QString value(const char* attribute) const { return attributes.value(QLatin1String(attribute)).toString(); }
    };
    QList<Element> all(const QString& name, const char* attribute = nullptr, const QString& value = {}) const
    {
        QList<Element> found;
        for (const Element& element : elements) {
            if (element.name == name && (!attribute || element.value(attribute) == value))
                found += element;
        }
        return found;
    }
    QString section(const QString& id) const { return all(u"section"_s, "id", id).value(0).text.simplified(); }

    QList<Element> elements;
    QString fault;
};

const PageSurroundings Alone{{}, {}, {}, {}, {{u"recording.wav"_s, u"the call was not recorded"_s}},
    u"kav-engine test"_s, LoggedCall::at(20000)};

QByteArray pageOf(const LoggedCall& call)
{
    return page(call.gathered(), {}, Alone);
}

const QStringList& hostileTexts()
{
    static const QStringList texts{u"<script>document.title='owned'</script>"_s, u"</p></section></main><h1>x"_s,
        u"\"><img src=x onerror=alert(1)>"_s, u"' onmouseover='alert(1)"_s, u"--><!-- ]]> &lt;b&gt; &#60;"_s,
        u"%1 %2 %9 %99"_s, u"\u27e8U+202E\u27e9"_s, u"abc\u202edef\u2066ghi\u200f"_s, u"nul\u0001\u0008\u007f\u0085"_s,
        QString(QChar(0xd800)) + u"x"_s + QChar(0xdc00), u"\U0001F600 \uffff\ufffe"_s, u"</title></style></script>"_s};
    return texts;
}

} // namespace

/// index.html.
class TestPage final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void itHasEverySectionAndNeedsNothingFromOutside();
    void thePolicyLetsItsOwnScriptRunOnly();
    void theChainStandsInItsOrder();
    void theHandshakeTellsSubProtocolAnd101();
    void everyRequestIsThereAndThe204sCanBePicked();
    void whatWasNotHeardIsStruckThrough();
    void waitsStandAgainstTheLimits();
    void wordsFindTheirOwnDirection();
    void hostileTextIsText_data();
    void hostileTextIsText();
    void aMebibyteIsShownWhole();
    void aCallThatNeverWasAConversationHasAPageToo();
    void aCallByWebhooksAloneSaysWhy();
    void whatIsMissingIsSaid();
    void theTimelineHasTheWavesOfTheRecording();
};

void TestPage::itHasEverySectionAndNeedsNothingFromOutside()
{
    LoggedCall call;
    QVERIFY(call.store());
    const QByteArray html = pageOf(call);
    const Parsed parsed(html);
    QCOMPARE(parsed.fault, QString());
    QStringList ids;
    for (const auto& section : parsed.all(u"section"_s))
        ids += section.value("id");
    QCOMPARE(ids.join(u' '), u"chain timeline sound waits transcript providers handshake requests events pack"_s);
    for (const auto& element : parsed.elements) {
        for (const char* attribute : {"src", "href", "poster", "action"})
            QVERIFY2(!element.value(attribute).contains(u':') && !element.value(attribute).startsWith(u'/'),
                qPrintable(element.value(attribute)));
        for (const QXmlStreamAttribute& attribute : element.attributes)
            QVERIFY2(!attribute.name().startsWith(u"on"), qPrintable(attribute.name().toString()));
    }
    QVERIFY(
        !html.contains("http://") && !html.contains("https://") && !html.contains("@import") && !html.contains("url("));
}

void TestPage::thePolicyLetsItsOwnScriptRunOnly()
{
    LoggedCall call;
    QVERIFY(call.store());
    const QByteArray html = pageOf(call);
    const qsizetype begin = html.indexOf("<script>") + 8, end = html.indexOf("</script>");
    const QByteArray hash =
        QCryptographicHash::hash(html.mid(begin, end - begin), QCryptographicHash::Sha256).toBase64();
    const auto policies = Parsed(html).all(u"meta"_s, "http-equiv", u"Content-Security-Policy"_s);
    QCOMPARE(policies.size(), 1);
    const QString policy = policies.first().value("content");
    QVERIFY2(policy.contains(u"script-src 'sha256-%1'"_s.arg(QString::fromLatin1(hash))), qPrintable(policy));
    QVERIFY(policy.contains(u"default-src 'none'"_s) && !policy.contains(u"http"_s));
}

void TestPage::theChainStandsInItsOrder()
{
    LoggedCall call;
    call.drop(u"PNG_PONG"_s);
    QVERIFY(call.store());
    QStringList tokens, missing;
    for (const auto& step : Parsed(pageOf(call)).all(u"li"_s)) {
        tokens += step.value("data-token");
        if (step.value("class") == u"none"_s)
            missing += step.value("data-token");
    }
    QCOMPARE(tokens.join(u' '), u"WS_START STT_FINAL EoU_ms TTS_LEN_ms MEDIA_TX PNG_PONG WS_STOP"_s);
    QCOMPARE(missing, QStringList{u"PNG_PONG"_s});
}

void TestPage::theHandshakeTellsSubProtocolAnd101()
{
    LoggedCall call;
    QVERIFY(call.store());
    const QString text = Parsed(pageOf(call)).section(u"handshake"_s);
    for (const QString& part : {u"GET /media/(token) HTTP/1.1"_s, u"HTTP/1.1 101 Switching Protocols"_s,
             u"offered audio.twilio.com, given audio.twilio.com"_s, u"Closed with 1000 by the engine after 12.0 s"_s,
             u"signature: valid (as requested)"_s})
        QVERIFY2(text.contains(part), qPrintable(text));
}

void TestPage::everyRequestIsThereAndThe204sCanBePicked()
{
    LoggedCall call;
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QCOMPARE(parsed.all(u"details"_s, "class", u"req"_s).size(), 4);
    QCOMPARE(parsed.all(u"details"_s, "data-status", u"204"_s).size(), 2);
    QCOMPARE(parsed.all(u"option"_s, "value", u"204"_s).size(), 1);
    QVERIFY(parsed.section(u"requests"_s).contains(u"1 × 101, 1 × 200, 2 × 204"_s));
}

void TestPage::whatWasNotHeardIsStruckThrough()
{
    LoggedCall call;
    QVERIFY(call.store());
    const auto unheard = Parsed(pageOf(call)).all(u"del"_s, "class", u"unheard"_s);
    QCOMPARE(unheard.size(), 1);
    QCOMPARE(unheard.first().text, u"free time is Tuesday at half past ten."_s);
}

void TestPage::waitsStandAgainstTheLimits()
{
    LoggedCall call;
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QCOMPARE(parsed.all(u"div"_s, "class", u"bar"_s).size(), 2);
    QCOMPARE(parsed.all(u"u"_s, "class", u"limit"_s).size(), 2);
    const QString text = parsed.section(u"waits"_s);
    QVERIFY2(text.contains(u"1100 ms good"_s) && text.contains(u"3300 ms slow"_s), qPrintable(text));
}

void TestPage::wordsFindTheirOwnDirection()
{
    LoggedCall call(LoggedCall::Language::Hebrew);
    QVERIFY(call.store());
    const auto said = Parsed(pageOf(call)).all(u"p"_s, "dir", u"auto"_s);
    QCOMPARE(said.size(), 5);
    QCOMPARE(said.at(1).text, u"אני רוצה לקבוע תור לד״ר כהן"_s);
    QCOMPARE(said.at(1).value("lang"), u"he-IL"_s);
}

void TestPage::hostileTextIsText_data()
{
    QTest::addColumn<QString>("hostile");
    for (const QString& text : hostileTexts())
        QTest::newRow(qPrintable(text)) << text;
}

void TestPage::hostileTextIsText()
{
    QFETCH(QString, hostile);
    const auto build = [](const QString& text) {
        LoggedCall call;
        call.entries.removeIf([](const auto& entry) { return entry.kind == calllog::Entry::Kind::CallStarted; });
        call.started({{u"language"_s, text}, {u"direction"_s, text}});
        call.turn({4, TurnInput::Voice, text, 0, text, text.left(2), true, true,
                      {{{LatencyPart::Recognition, Milliseconds(5), QString(u"tool:"_s + text)}}, Milliseconds(5)}},
            9000);
        call.event(text, 9100, {{u"reason"_s, text}});
        call.event(
            u"FAILOVER"_s, 9100, {{u"stage"_s, u"STT"_s}, {u"from"_s, QString(u"x"_s + text)}, {u"reason"_s, text}});
        call.event(u"STATE"_s, 9200, {{u"from"_s, u"speaking"_s}, {u"to"_s, text}});
        RequestRecord request;
        request.kind = RequestKind::Stream;
        request.method = request.path = request.peer = request.offered = request.given = request.reason = text;
        request.parameters = request.headers = {{text, text}};
        request.signature = {SignatureState::Wrong, text, text, text, true};
        request.end = ConnectionEnd();
        request.end->reason = text;
        call.request(request, 9300);
        return call.store() ? pageOf(call) : QByteArray();
    };
    const Parsed plain(build(u"harmless"_s)), parsed(build(hostile));
    QCOMPARE(parsed.fault, QString());
    // Not one element more or other than with harmless words, but the frames of what is shown by its number.
    QStringList names, plainNames;
    for (const auto& element : parsed.elements) {
        if (element.value("class") != u"ctl"_s)
            names += element.name;
    }
    for (const auto& element : plain.elements)
        plainNames += element.name;
    // Words stand in a picture where there is room for them.
    names.removeAll(u"text"_s);
    plainNames.removeAll(u"text"_s);
    QCOMPARE(names, plainNames);
    const QString all = parsed.elements.first().text;
    for (const QChar c : all) {
        const ushort u = c.unicode();
        QVERIFY2(
            !(u >= 0x202a && u <= 0x202e) && !(u >= 0x2066 && u <= 0x2069) && u != 0x200f && (u >= 0x20 || u == '\n'),
            qPrintable(QString::number(u, 16)));
    }
    if (hostile.contains(QChar(0x202e)))
        QVERIFY(parsed.all(u"span"_s, "class", u"ctl"_s).first().text == u"U+202E"_s);
    if (hostile.contains(u"%9"_s))
        QVERIFY(all.count(hostile) > 10);
}

void TestPage::aMebibyteIsShownWhole()
{
    LoggedCall call;
    const QString large = QString((1 << 20) - 4096, u'<'); // what a record of the journal can hold
    call.turn({4, TurnInput::Voice, large, 0, {}, {}, false, false, {}}, 9000);
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QCOMPARE(parsed.fault, QString());
    QCOMPARE(parsed.all(u"p"_s, "class", u"said caller"_s).last().text, large);
}

void TestPage::aCallThatNeverWasAConversationHasAPageToo()
{
    LoggedCall call;
    call.entries.clear();
    call.started();
    call.ended(0, u"no-answer"_s);
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QCOMPARE(parsed.fault, QString());
    QVERIFY(parsed.section(u"chain"_s).startsWith(u"Steps The call had no media stream, and so not"_s));
    QVERIFY(parsed.section(u"handshake"_s).contains(u"no upgrade of this call"_s));
    QVERIFY(parsed.section(u"requests"_s).contains(u"no requests of this call"_s));
    QVERIFY(parsed.section(u"transcript"_s).contains(u"Nothing was said."_s));
    QVERIFY(parsed.section(u"waits"_s).contains(u"Nobody waited"_s));
}

void TestPage::aCallByWebhooksAloneSaysWhy()
{
    LoggedCall call;
    call.drop(u"WS_START"_s);
    call.event(u"WITHOUT_STREAM"_s, 10, {{u"reason"_s, u"<full>"_s}});
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QCOMPARE(parsed.fault, QString());
    QVERIFY(parsed.section(u"chain"_s).startsWith(u"Steps The call had no media stream (<full>), and so not"_s));
    QVERIFY(parsed.all(u"header"_s).first().text.contains(u"had no stream"_s));
}

void TestPage::whatIsMissingIsSaid()
{
    LoggedCall call;
    QVERIFY(call.store());
    const Parsed parsed(pageOf(call));
    QVERIFY(parsed.section(u"pack"_s).contains(u"Without recording.wav: the call was not recorded."_s));
    QVERIFY(parsed.section(u"sound"_s).contains(u"No recording: "_s));
    QVERIFY(parsed.all(u"audio"_s).isEmpty() && parsed.all(u"video"_s).isEmpty() && parsed.all(u"img"_s).isEmpty());
}

void TestPage::theTimelineHasTheWavesOfTheRecording()
{
    LoggedCall call;
    call.record();
    QVERIFY(call.store());
    const CallEvidence evidence = call.gathered();
    const auto loudness = readLoudness(evidence);
    QVERIFY(loudness);
    QCOMPARE(loudness->length, Milliseconds(12000));
    QCOMPARE(loudness->from, Milliseconds(405)); // RECORDING_START
    const auto loudest = [](const std::vector<float>& peaks, int ms) {
        return peaks[peaks.size() * std::size_t(ms) / 12000];
    };
    QVERIFY(loudest(loudness->caller, 3500) > 0.05f && loudest(loudness->agent, 3500) < 0.01f);
    QVERIFY(loudest(loudness->caller, 6000) < 0.01f && loudest(loudness->agent, 6000) > 0.05f);
    PageSurroundings with = Alone;
    with.recording = u"recording.wav"_s;
    with.picture = u"waveform.png"_s;
    const Parsed parsed(page(evidence, *loudness, with));
    QCOMPARE(parsed.fault, QString());
    QCOMPARE(parsed.all(u"path"_s, "class", u"wave caller"_s).size(), 1);
    QCOMPARE(parsed.all(u"path"_s, "class", u"wave agent"_s).size(), 1);
    QCOMPARE(parsed.all(u"audio"_s).first().value("src"), u"recording.wav"_s);
    QCOMPARE(parsed.all(u"img"_s).first().value("src"), u"waveform.png"_s);
}

QTEST_GUILESS_MAIN(TestPage)
#include "tst_page.moc"
