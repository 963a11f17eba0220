// SPDX-License-Identifier: Apache-2.0
#include "engine/app/inspectcommand.h"
#include "engine/calllog/queries.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"

#include <QDirIterator>
#include <QFile>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

const QString Secret = u"markedSecretToken0123456789abcdef"_s;
const QByteArray Number = "+972501234567";

/// A webhook signed for `url`, which need not be where it goes.
RawResponse signedFor(const EngineUnderTest& kav, const QByteArray& url, const QString& call)
{
    const telephony::FormBody form(
        {{u"CallSid"_s, call}, {u"AccountSid"_s, u"AC"_s + QString(32, u'1')}, {u"From"_s, QString::fromLatin1(Number)},
            {u"To"_s, u"+97231234567"_s}, {u"CallStatus"_s, u"ringing"_s}, {u"Direction"_s, u"inbound"_s}});
    return kav.request("POST", "/webhook/incoming_call", form.encode(),
        "X-Twilio-Signature: " + telephony::computeSignature(Secret.toUtf8(), url, form.fields()) + "\r\n");
}

QList<RequestRecord> inTheLog(const EngineUnderTest& kav, const RequestFilter& filter = {})
{
    const auto queries = calllog::Queries::open(kav.config.callLog);
    const auto page = queries ? (*queries)->requests(filter, 500) : Result<calllog::RequestPage>(queries.error());
    return page ? page->requests : QList<RequestRecord>();
}

std::optional<RequestRecord> streamOf(const QList<RequestRecord>& requests)
{
    for (const RequestRecord& request : requests) {
        if (request.kind == RequestKind::Stream)
            return request;
    }
    return std::nullopt;
}

} // namespace

/// What an operator sees of the requests that came in: in the log, on the terminal, at a console.
class tst_Inspector final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void aWrongSignatureAndAGoodCallAreShownEverywhere();
    void requestsSurviveARestart();
    void withoutADatabaseTheLatestAreShownAllTheSame();
    void theCommandsWordsAreRead_data();
    void theCommandsWordsAreRead();
    void adviceNamesWhatToDo_data();
    void adviceNamesWhatToDo();

private:
    std::unique_ptr<LogCatcher> m_log;
};

void tst_Inspector::aWrongSignatureAndAGoodCallAreShownEverywhere()
{
    EngineUnderTest kav;
    kav.config.twilioAuthToken = Secret;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QVERIFY(console.welcome->features.contains(u"inspector"_s));
    QCOMPARE(errorOf(console.ask(protocol::WatchRequests{})), QString());

    const QByteArray asHttps = "https://127.0.0.1:" + QByteArray::number(kav.port()) + "/webhook/incoming_call";
    QCOMPARE(signedFor(kav, asHttps, u"CA"_s + QString(32, u'0')).status, 403);
    Caller caller(kav);
    caller.twilio.extraHeaders = {{"Sec-WebSocket-Protocol", "audio.twilio.com"}};
    QVERIFY(caller.call());
    const QString call = caller.twilio.ids().callSid;
    QTRY_VERIFY(caller.hasHeardOut());
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);

    // Told as it happened.
    QTRY_VERIFY(streamOf(console.requests) && !console.requests.isEmpty() && console.requests.last().end);
    QVERIFY(console.faults.isEmpty());
    const auto refused = std::find_if(console.requests.cbegin(), console.requests.cend(),
        [](const RequestRecord& request) { return request.isRefused(); });
    QVERIFY(refused != console.requests.cend());
    QCOMPARE(refused->signature.state, SignatureState::Wrong);
    QCOMPARE(refused->signature.variant, u"scheme"_s);
    QCOMPARE(refused->signature.signedUrl, QString::fromLatin1(asHttps));
    QVERIFY(refused->signature.checkedUrl.startsWith(u"http://127.0.0.1:"_s));
    QCOMPARE(refused->call, QString()); // it proved nothing, so it is not about the call that it names

    // In the log.
    QTRY_VERIFY(streamOf(inTheLog(kav)) && streamOf(inTheLog(kav))->end);
    const RequestRecord stream = *streamOf(inTheLog(kav));
    QCOMPARE(stream.status, 101);
    QCOMPARE(stream.signature.state, SignatureState::Valid);
    QCOMPARE(stream.offered, u"audio.twilio.com"_s);
    QCOMPARE(stream.given, u"audio.twilio.com"_s);
    QCOMPARE(stream.path, u"/media/(token)"_s);
    QCOMPARE(stream.call, call);
    QVERIFY(stream.end->messagesIn > 10 && stream.end->messagesOut > 10);
    QVERIFY(stream.end->bytesIn > stream.end->messagesIn * 100);
    QVERIFY(stream.bytesIn > 100 && stream.bytesOut > 100);
    const auto ofCall = inTheLog(kav, {{}, call, RequestKind::Webhook, false});
    QVERIFY(!ofCall.isEmpty());
    for (const RequestRecord& request : ofCall)
        QCOMPARE(request.signature.state, SignatureState::Valid);
    QCOMPARE(inTheLog(kav, {{}, {}, {}, true}).size(), 1);

    // On the terminal.
    const QString text = app::requestToText(*refused, false);
    QVERIFY2(text.contains(u"403"_s) && text.contains(u"signature WRONG"_s), qPrintable(text));
    QVERIFY2(text.contains(u"Set server.public_url (KAV_PUBLIC_URL)"_s), qPrintable(text));
    QVERIFY(!text.contains(u'\x1b'));
    QVERIFY(app::requestToText(*refused, true).contains(u"\x1b[31m403"_s));
    const QString streamText = app::requestToText(stream, false);
    QVERIFY2(streamText.contains(u"offered audio.twilio.com, given audio.twilio.com"_s), qPrintable(streamText));

    // Asked for, in pages that neither lack nor repeat.
    QStringList ids;
    protocol::QueryRequests query{0, {}, {}, {}, false, {}, 1};
    for (int i = 0; i < 50; ++i) {
        const auto page = resultOf<protocol::RequestPage>(console.ask(query));
        QVERIFY(page);
        for (const RequestRecord& request : page->requests)
            ids += request.id;
        if (page->next.isEmpty())
            break;
        query.after = page->next;
    }
    QStringList stored;
    for (const RequestRecord& request : inTheLog(kav))
        stored += request.id;
    QCOMPARE(ids, stored);
    const auto kinds = resultOf<protocol::RequestPage>(
        console.ask(protocol::QueryRequests{0, {}, {}, u"of-tomorrow"_s, false, {}, 10}));
    QVERIFY(kinds && kinds->requests.isEmpty());

    // And it stops when it is told to.
    QCOMPARE(errorOf(console.ask(protocol::UnwatchRequests{})), QString());
    const qsizetype before = console.requests.size();
    QCOMPARE(signedFor(kav, asHttps, u"CA"_s + QString(32, u'0')).status, 403);
    QCOMPARE(errorOf(console.ask(protocol::QueryRequests{})), QString());
    QCOMPARE(console.requests.size(), before);

    // Nothing secret is anywhere on the disk, in the log, or in what consoles are told.
    console.close();
    kav.stop();
    QByteArray all;
    QDirIterator files(kav.directory(), QDir::Files, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        QVERIFY(file.open(QIODevice::ReadOnly));
        all += file.readAll();
    }
    all += LogCatcher::lines().join(u'\n').toUtf8();
    for (const RequestRecord& request : std::as_const(console.requests))
        all += app::requestToText(request, false).toUtf8();
    QVERIFY(all.size() > 10'000);
    for (const QByteArray& secret : {Secret.toUtf8(), Number, Number.mid(1), QByteArray("15005550006")})
        QVERIFY2(!all.contains(secret), secret.constData());
    // Of the stream's token, nothing but the record of its path: a token is one word of many characters.
    QVERIFY(!all.contains("/media/ey") && all.contains("/media/(token)"));
}

void tst_Inspector::requestsSurviveARestart()
{
    EngineUnderTest kav;
    kav.config.twilioAuthToken = Secret;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    QCOMPARE(kav.request("POST", "/webhook/incoming_call", "CallSid=CA1").status, 403);
    kav.stop();
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto page =
        resultOf<protocol::RequestPage>(console.ask(protocol::QueryRequests{0, {}, {}, u"webhook"_s, true, {}, 10}));
    QVERIFY(page);
    QCOMPARE(page->requests.size(), 1);
    QCOMPARE(page->requests.first().signature.state, SignatureState::Missing);
}

void tst_Inspector::withoutADatabaseTheLatestAreShownAllTheSame()
{
    EngineUnderTest kav;
    kav.config.callLog.databaseUrl = u"off"_s;
    kav.config.twilioAuthToken = Secret;
    kav.serve();
    QCOMPARE(kav.request("POST", "/webhook/incoming_call", "CallSid=CA1").status, 403);
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto page =
        resultOf<protocol::RequestPage>(console.ask(protocol::QueryRequests{0, {}, {}, {}, true, {}, 10}));
    QVERIFY(page);
    QCOMPARE(page->requests.size(), 1);
    QVERIFY(page->next.isEmpty());
    QCOMPARE(errorOf(console.ask(protocol::QueryRequests{0, {}, {}, {}, true, u"a|b"_s, 10})), u"unavailable"_s);
}

void tst_Inspector::theCommandsWordsAreRead_data()
{
    QTest::addColumn<QString>("words");
    QTest::addColumn<QString>("error"); // empty: they are right
    QTest::newRow("none") << QString() << QString();
    QTest::newRow("all") << u"--call CA1 --refused --kind stream --text x --limit 5 --follow --json --data-dir /d"_s
                         << QString();
    QTest::newRow("a kind that is none") << u"--kind call"_s << u"--kind takes"_s;
    QTest::newRow("a limit that is none") << u"--limit many"_s << u"--limit takes"_s;
    QTest::newRow("a limit that is too high") << u"--limit 501"_s << u"--limit takes"_s;
    QTest::newRow("a value that is missing") << u"--call"_s << u"--call takes a value"_s;
}

void tst_Inspector::theCommandsWordsAreRead()
{
    QFETCH(const QString, words);
    QFETCH(const QString, error);
    QStringList args = words.split(u' ', Qt::SkipEmptyParts);
    const bool isWhole = args.size() > 4;
    const auto query = app::takeInspectArguments(args);
    QCOMPARE(query.ok(), error.isEmpty());
    if (!query) {
        QVERIFY2(query.error().message.startsWith(error), qPrintable(query.error().message));
        return;
    }
    QCOMPARE(query->filter, isWhole ? (RequestFilter{u"x"_s, u"CA1"_s, RequestKind::Stream, true}) : RequestFilter());
    QCOMPARE(query->limit, isWhole ? 5 : 20);
    QCOMPARE(query->follow, isWhole);
    QCOMPARE(query->json, isWhole);
    QCOMPARE(args, isWhole ? (QStringList{u"--data-dir"_s, u"/d"_s}) : QStringList());
}

void tst_Inspector::adviceNamesWhatToDo_data()
{
    QTest::addColumn<int>("state");
    QTest::addColumn<QString>("variant");
    QTest::addColumn<QString>("signedUrl");
    QTest::addColumn<bool>("isExplained");
    QTest::addColumn<QString>("wanted");
    const auto row = [](const char* name, SignatureState state, const QString& variant, const QString& url,
                         const QString& wanted, bool isExplained = true) {
        QTest::newRow(name) << int(state) << variant << url << isExplained << wanted;
    };
    row("valid", SignatureState::Valid, u"as requested"_s, {}, {});
    row("not checked", SignatureState::NotChecked, {}, {}, {});
    row("missing", SignatureState::Missing, {}, {}, u"X-Twilio-Signature"_s);
    row("another host", SignatureState::Wrong, u"host"_s, u"https://other/x"_s, u"KAV_PUBLIC_URL"_s);
    row("a slash", SignatureState::Wrong, u"trailing slash"_s, u"https://x/"_s, u"without that difference"_s);
    row("a form that came on the way", SignatureState::Wrong, u", form fields not signed"_s, u"https://x/"_s,
        u"proxy in between"_s);
    row("another body", SignatureState::Wrong, u"body"_s, {}, u"body was changed"_s);
    row("nothing near", SignatureState::Wrong, {}, {}, u"TWILIO_AUTH_TOKEN"_s);
    row("not looked for", SignatureState::Wrong, {}, {}, u"Too many"_s, false);
}

void tst_Inspector::adviceNamesWhatToDo()
{
    QFETCH(const int, state);
    QFETCH(const QString, variant);
    QFETCH(const QString, signedUrl);
    QFETCH(const bool, isExplained);
    QFETCH(const QString, wanted);
    const QString advice =
        app::signatureAdvice({SignatureState(state), variant, signedUrl, u"http://127.0.0.1:5000/x"_s, isExplained});
    QCOMPARE(advice.isEmpty(), wanted.isEmpty());
    QVERIFY2(advice.contains(wanted), qPrintable(advice));
}

QTEST_GUILESS_MAIN(tst_Inspector)
#include "tst_inspector.moc"
