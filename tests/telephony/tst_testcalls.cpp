// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/testcalls.h"
#include "engine/telephony/twiliosignature.h"
#include "tests/telephony/fakeengine.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>

#include <atomic>
#include <cmath>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;
using namespace std::chrono_literals;

namespace {

const SystemClock theClock;

std::vector<qint16> sine(Milliseconds length, int rate)
{
    std::vector<qint16> samples(static_cast<std::size_t>(length.count() * rate / 1000));
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = qint16(8000 * std::sin(double(i) * 2800 / rate));
    return samples;
}

QByteArray tone(Milliseconds length)
{
    QByteArray sound;
    for (const qint16 sample : sine(length, 8000))
        sound += char(media::toMulaw(sample));
    return sound;
}

QByteArray wavFile(std::span<const qint16> samples, int rate, int channels = 1)
{
    QTemporaryDir directory;
    const QString path = directory.filePath(u"said.wav"_s);
    auto writer = media::WavWriter::create(path, rate, channels);
    if (!writer || !(*writer)->write(samples) || !(*writer)->close())
        qFatal("no WAV");
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        qFatal("no WAV to read");
    return file.readAll();
}

/// What the synthesiser of these tests makes of a line: a sound of its own for each first letter.
QByteArray voiceOf(const QString& line)
{
    const auto step = 16 + line.at(0).unicode() % 16;
    QByteArray sound;
    for (int i = 0; i < 2400; ++i)
        sound += char(media::toMulaw(i % step < step / 2 ? 6000 : -6000));
    return sound;
}

int loudBytes(const QByteArray& mulaw)
{
    return int(std::count_if(mulaw.begin(), mulaw.end(),
        [](char code) { return std::abs(media::fromMulaw(static_cast<quint8>(code))) > 1000; }));
}

/// Test calls to a fake engine that greets, and answers whatever it has heard with a tone.
struct Desk final {
    test::FakeEngine engine;
    CallSettings settings;
    TextToSpeechFunction speech = [](const QString& line) -> Result<QByteArray> { return voiceOf(line); };
    std::unique_ptr<TestCalls> calls;
    QList<Result<QString>> answers;
    struct End {
        QString callSid;
        bool ok = false;
        QString reason;
    };
    QList<End> ends;

    Desk()
    {
        settings.to = engine.webhook();
        engine.answerWithStream();
        engine.onStart = [this] {
            engine.say(tone(200ms));
            QObject::connect(engine.stream, &QWebSocket::textMessageReceived, &engine, [this] {
                // Words, then a pause: an answer.
                const QByteArray tail = engine.heard.right(1600);
                if (tail.size() == 1600 && loudBytes(tail) == 0 && loudBytes(engine.heard) > m_answered) {
                    m_answered = loudBytes(engine.heard);
                    engine.say(tone(200ms));
                }
            });
        };
        engine.onDtmf = [this](char) { engine.say(tone(200ms)); };
    }
    void start(const TestCallRequest& request)
    {
        if (!calls) {
            calls = std::make_unique<TestCalls>(settings, speech, theClock);
            QObject::connect(calls.get(), &TestCalls::finished, calls.get(),
                [this](const QString& callSid, bool ok, const QString& reason) {
                    ends += End{callSid, ok, reason};
                });
        }
        calls->start(request, [this](const Result<QString>& answer) { answers += answer; });
    }
    QString errorOf(const TestCallRequest& request)
    {
        start(request);
        if (!QTest::qWaitFor([this] { return !answers.isEmpty(); }, 30000))
            return u"no answer"_s;
        const auto answer = answers.takeFirst();
        return answer ? u"no error"_s : answer.error().message;
    }

private:
    int m_answered = 0;
};

} // namespace

class tst_TestCalls final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void theLinesAreSaidInTurn();
    void aFileIsSaidAtTheLinesRate();
    void keysArePressedAfterTheWords();
    void keysAloneAreACall();
    void itIsSignedAndBadgedAndOfTheAccount();
    void anEngineBehindAPrefixIsReached();
    void whatCannotBeSaidIsNamed_data();
    void whatCannotBeSaidIsNamed();
    void theSynthesisersErrorIsTheAnswer();
    void theSynthesiserWorksOffTheControlThread();
    void aCallThatFailsSaysWhy();
    void onlySoManyAtOnce();
    void aCallHasALongestTime();
    void itsEndHangsUp();
    void itsEndDoesNotWaitForWords();
};

void tst_TestCalls::theLinesAreSaidInTurn()
{
    Desk desk;
    desk.start({{u"  alpha "_s, {}, u"beta"_s}, {}, {}});
    QVERIFY(desk.answers.isEmpty()); // never from inside
    QCOMPARE(desk.calls->live(), 1);
    QTRY_COMPARE(desk.answers.size(), 1);
    QVERIFY(desk.answers.first());
    QTRY_COMPARE_WITH_TIMEOUT(desk.ends.size(), 1, 15000);
    QVERIFY2(desk.ends.first().ok, qPrintable(desk.ends.first().reason));
    QCOMPARE(desk.ends.first().callSid, *desk.answers.first());
    QCOMPARE(desk.engine.requests.first().form.value(u"CallSid"), *desk.answers.first());
    const qsizetype alpha = desk.engine.heard.indexOf(voiceOf(u"alpha"_s));
    const qsizetype beta = desk.engine.heard.indexOf(voiceOf(u"beta"_s));
    QVERIFY(alpha > 0);
    // The agent's answer and the pause after it lie between them.
    QVERIFY2(beta > alpha + 2400 + 8 * 700, qPrintable(u"%1 %2"_s.arg(alpha).arg(beta)));
    QCOMPARE(desk.engine.events.last(), u"stop"_s);
    QCOMPARE(desk.calls->live(), 0);
}

void tst_TestCalls::aFileIsSaidAtTheLinesRate()
{
    Desk desk;
    // Lines beside a file are not said.
    desk.start({{u"alpha"_s}, wavFile(sine(500ms, 44100), 22050, 2), {}});
    QTRY_COMPARE_WITH_TIMEOUT(desk.ends.size(), 1, 15000);
    QVERIFY2(desk.ends.first().ok, qPrintable(desk.ends.first().reason));
    // 22050 samples in two channels are half a second each at that rate: 4000 on the line.
    QByteArray said = desk.engine.heard;
    while (said.startsWith(char(0xff)))
        said.remove(0, 1);
    while (said.endsWith(char(0xff)))
        said.chop(1);
    QVERIFY2(std::abs(said.size() - 4000) < 80, qPrintable(QString::number(said.size())));
    QVERIFY(loudBytes(said) > 2000);
    QVERIFY(!desk.engine.heard.contains(voiceOf(u"alpha"_s)));
}

void tst_TestCalls::keysArePressedAfterTheWords()
{
    Desk desk;
    desk.start({{u"alpha"_s}, {}, u"1#"_s});
    QTRY_COMPARE_WITH_TIMEOUT(desk.ends.size(), 1, 15000);
    QVERIFY2(desk.ends.first().ok, qPrintable(desk.ends.first().reason));
    QVERIFY(desk.engine.heard.contains(voiceOf(u"alpha"_s)));
    QCOMPARE(desk.engine.events.mid(2), (QStringList{u"dtmf 1"_s, u"dtmf #"_s, u"stop"_s}));
}

void tst_TestCalls::keysAloneAreACall()
{
    Desk desk;
    desk.start({{}, {}, u"9"_s});
    QTRY_COMPARE_WITH_TIMEOUT(desk.ends.size(), 1, 15000);
    QVERIFY2(desk.ends.first().ok, qPrintable(desk.ends.first().reason));
    QCOMPARE(desk.engine.events.mid(2), (QStringList{u"dtmf 9"_s, u"stop"_s}));
}

void tst_TestCalls::itIsSignedAndBadgedAndOfTheAccount()
{
    Desk desk;
    desk.settings.authToken = "secret";
    desk.settings.ids = StreamIds{u"MZ1"_s, u"CA1"_s, u"AC42"_s};
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_VERIFY(!desk.engine.requests.isEmpty());
    const auto first = desk.engine.requests.first();
    QCOMPARE(first.form.value(u"KavTest"), u"1"_s);
    QCOMPARE(first.form.value(u"AccountSid"), u"AC42"_s);
    QVERIFY(first.form.value(u"CallSid") != u"CA1"_s); // a call of its own
    QVERIFY(verifySignature(
        "secret", QByteArray(desk.engine.base() + first.path), first.form.fields(), first.header("x-twilio-signature"))
                .accepted);
}

void tst_TestCalls::anEngineBehindAPrefixIsReached()
{
    Desk desk;
    desk.settings.authToken = "secret";
    desk.settings.publicUrl = QUrl(u"https://example.com/kav/"_s);
    desk.settings.connectTo = u"127.0.0.1:%1"_s.arg(desk.engine.httpPort());
    desk.engine.answers["/webhook/incoming_call"].body =
        "<Response><Redirect>https://example.com/kav/next</Redirect></Response>";
    desk.engine.answers["/next"].body =
        "<Response><Connect><Stream url=\"wss://example.com/kav/media/TOKEN\"/></Connect></Response>";
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_COMPARE_WITH_TIMEOUT(desk.ends.size(), 1, 15000);
    // What the proxy takes away is signed, and not on the line.
    const auto first = desk.engine.requests.first();
    QCOMPARE(first.path, QByteArray("/webhook/incoming_call"));
    QVERIFY(verifySignature("secret", "https://example.com/kav/webhook/incoming_call", first.form.fields(),
        first.header("x-twilio-signature"))
                .accepted);
    const auto upgrades = desk.engine.requestsTo("/media/TOKEN");
    QCOMPARE(upgrades.size(), 1);
    QVERIFY(verifyUpgradeSignature(
        "secret", "wss://example.com/kav/media/TOKEN", upgrades.first().header("x-twilio-signature"))
                .accepted);
    QCOMPARE(desk.engine.requestsTo("/webhook/call_status").size(), 1);
}

void tst_TestCalls::whatCannotBeSaidIsNamed_data()
{
    QTest::addColumn<QStringList>("say");
    QTest::addColumn<QByteArray>("wav");
    QTest::addColumn<QString>("digits");
    QTest::addColumn<QString>("error");
    const auto row = [](const char* name, const QStringList& say, const QByteArray& wav, const QString& digits,
                         const QString& error) { QTest::newRow(name) << say << wav << digits << error; };
    row("nothing", {}, {}, {}, u"nothing to say"_s);
    row("blank lines", {u"  "_s, {}}, {}, {}, u"nothing to say"_s);
    row("too many lines", QStringList(21, u"x"_s), {}, {}, u"more than 20 lines"_s);
    row("a long line", {QString(501, u'x')}, {}, {}, u"a line of more than 500 characters"_s);
    row("no WAV", {}, "hello", {}, u"WAV: not a RIFF WAVE file"_s);
    row("a large WAV", {}, QByteArray(600 * 1024 + 1, 'x'), {}, u"WAV: larger than 600 KB"_s);
    row("a long WAV", {}, wavFile(std::vector<qint16>(2000 * 61), 2000), {}, u"WAV: longer than 60 s"_s);
    row("an empty WAV", {}, wavFile({}, 8000), {}, u"WAV: it holds no sound"_s);
    row("no key", {}, {}, u"12x"_s, u"keys: 'x' is not one of 0-9 * #"_s);
    row("too many keys", {}, {}, QString(33, u'1'), u"more than 32 keys"_s);
}

void tst_TestCalls::whatCannotBeSaidIsNamed()
{
    QFETCH(QStringList, say);
    QFETCH(QByteArray, wav);
    QFETCH(QString, digits);
    Desk desk;
    QTEST(desk.errorOf({say, wav, digits}), "error");
    QCOMPARE(desk.calls->live(), 0);
    QVERIFY(desk.engine.requests.isEmpty());
    QVERIFY(desk.ends.isEmpty());
}

void tst_TestCalls::theSynthesisersErrorIsTheAnswer()
{
    Desk desk;
    desk.speech = [](const QString&) -> Result<QByteArray> {
        return Error{Error::Code::Unavailable, u"no voice today"_s, {}};
    };
    QCOMPARE(desk.errorOf({{u"alpha"_s}, {}, {}}), u"no voice today"_s);
    QCOMPARE(desk.calls->live(), 0);
    QVERIFY(desk.engine.requests.isEmpty());
}

void tst_TestCalls::theSynthesiserWorksOffTheControlThread()
{
    Desk desk;
    std::atomic<QThread*> where = nullptr;
    desk.speech = [&where](const QString& line) -> Result<QByteArray> {
        where = QThread::currentThread();
        return voiceOf(line);
    };
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_COMPARE(desk.answers.size(), 1);
    QVERIFY(where.load() != nullptr);
    QVERIFY(where.load() != QThread::currentThread());
}

void tst_TestCalls::aCallThatFailsSaysWhy()
{
    Desk desk;
    desk.engine.answers["/webhook/incoming_call"] = {500, "text/plain", "no"};
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_COMPARE(desk.ends.size(), 1);
    QVERIFY(desk.answers.first()); // it was placed
    QVERIFY(!desk.ends.first().ok);
    QCOMPARE(desk.ends.first().reason, u"/webhook/incoming_call answered 500"_s);
    QCOMPARE(desk.calls->live(), 0);
}

void tst_TestCalls::onlySoManyAtOnce()
{
    Desk desk;
    for (int i = 0; i < TestCalls::AtOnce; ++i)
        desk.start({{u"alpha"_s}, {}, {}});
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_COMPARE(desk.answers.size(), TestCalls::AtOnce + 1);
    QSet<QString> sids;
    int refused = 0;
    for (const auto& answer : std::as_const(desk.answers)) {
        if (answer)
            sids += *answer;
        else
            refused += answer.error().code == Error::Code::LimitExceeded;
    }
    QCOMPARE(sids.size(), TestCalls::AtOnce);
    QCOMPARE(refused, 1);
    QCOMPARE(desk.calls->live(), TestCalls::AtOnce);
}

void tst_TestCalls::aCallHasALongestTime()
{
    Desk desk;
    desk.settings.longest = 300ms;
    desk.engine.onStart = [] {}; // an agent that never speaks
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_COMPARE(desk.ends.size(), 1);
    QVERIFY(!desk.ends.first().ok);
    QVERIFY2(desk.ends.first().reason.startsWith(u"the call took longer"_s), qPrintable(desk.ends.first().reason));
    QCOMPARE(desk.engine.events.last(), u"stop"_s);
}

void tst_TestCalls::itsEndHangsUp()
{
    Desk desk;
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_VERIFY(desk.engine.events.contains(u"start"_s));
    desk.calls.reset();
    QTRY_VERIFY(desk.engine.streamClosed);
    QCOMPARE(desk.engine.events.last(), u"stop"_s);
    QCOMPARE(desk.engine.closeCode, 1000);
    QVERIFY(desk.ends.isEmpty());
}

void tst_TestCalls::itsEndDoesNotWaitForWords()
{
    Desk desk;
    std::atomic<bool> entered = false;
    desk.speech = [&entered](const QString&) -> Result<QByteArray> {
        entered = true;
        QEventLoop loop; // nothing but the end of the thread ends it
        loop.exec();
        return Error{Error::Code::Cancelled, u"stopped"_s, {}};
    };
    desk.start({{u"alpha"_s}, {}, {}});
    QTRY_VERIFY(entered.load());
    desk.calls.reset();
    QVERIFY(desk.answers.isEmpty());
    QVERIFY(desk.engine.requests.isEmpty());
}

QTEST_GUILESS_MAIN(tst_TestCalls)
#include "tst_testcalls.moc"
