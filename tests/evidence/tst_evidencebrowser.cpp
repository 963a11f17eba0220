// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/loadworks.h"
#include "engine/evidence/pack.h"
#include "tests/evidence/loggedcall.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::evidence;

namespace {

/// What a page says of itself when it has run: the probe asks chromium to write it into the document's title.
QMap<QString, QString> answersOf(const QByteArray& dom)
{
    static const QRegularExpression title(u"<title>(.*?)</title>"_s);
    QMap<QString, QString> answers;
    for (const QString& pair : title.match(QString::fromUtf8(dom)).captured(1).split(u'|'))
        answers.insert(pair.section(u'=', 0, 0), pair.section(u'=', 1));
    return answers;
}

} // namespace

/// The pack in a real browser, from disk: it opens, its own script runs and no other, sound, film and picture load, and
/// Hebrew stands from right to left. What it looks like is kept beside the tests for whoever wants to see.
class TestEvidenceBrowser final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aCallOpensWithItsSoundAndFilm_data();
    void aCallOpensWithItsSoundAndFilm();
    void hostileWordsDoNothing();

private:
    QString packOf(LoggedCall& call) const;
    QByteArray browse(LoggedCall& call, const QStringList& args, const QString& page) const;
};

QString TestEvidenceBrowser::packOf(LoggedCall& call) const
{
    call.record();
    PackOptions options;
    options.out = call.path(u"pack"_s);
    options.works = loadWorks(worksFiles(QCoreApplication::applicationDirPath()));
    options.ffmpeg = QStringLiteral(KAV_FFMPEG);
    options.madeBy = u"kav-engine test"_s;
    options.madeAt = LoggedCall::at(20000);
    if (!call.store())
        return {};
    const auto report = writePack(call.gathered(), options);
    return report && report->missing.isEmpty() ? report->path : QString();
}

QByteArray TestEvidenceBrowser::browse(LoggedCall& call, const QStringList& args, const QString& page) const
{
    QProcess browser;
    browser.start(QStringLiteral(KAV_CHROMIUM),
        QStringList{u"--headless"_s, u"--no-sandbox"_s, u"--disable-gpu"_s, u"--hide-scrollbars"_s,
            u"--disable-dev-shm-usage"_s, u"--host-resolver-rules=MAP * ~NOTFOUND"_s,
            u"--user-data-dir="_s + call.path(u"profile"_s), u"--virtual-time-budget=10000"_s}
            + args + QStringList{u"file://"_s + page});
    return browser.waitForFinished(120'000) && browser.exitCode() == 0 ? browser.readAllStandardOutput() : QByteArray();
}

void TestEvidenceBrowser::aCallOpensWithItsSoundAndFilm_data()
{
    QTest::addColumn<bool>("hebrew");
    QTest::newRow("en") << false;
    QTest::newRow("he") << true;
}

void TestEvidenceBrowser::aCallOpensWithItsSoundAndFilm()
{
    QFETCH(bool, hebrew);
    LoggedCall call(hebrew ? LoggedCall::Language::Hebrew : LoggedCall::Language::English);
    const QString pack = packOf(call);
    QVERIFY(!pack.isEmpty());
    const QByteArray dom = browse(call, {u"--dump-dom"_s}, pack + u"/index.html"_s);
    QVERIFY2(dom.contains("data-script=\"ran\""), dom.left(400).constData());

    // The same page with a second script that asks about it, which its policy must be told of.
    QFile page(pack + u"/index.html"_s);
    QVERIFY(page.open(QIODevice::ReadOnly));
    QByteArray probed = page.readAll();
    probed.replace("script-src 'sha256-", "script-src 'unsafe-inline' 'unsafe-hashes' 'nonce-probe' 'sha256-");
    probed.replace("</body>",
        "<script nonce=\"probe\">"
        "const ready = name => new Promise(done => { const it = document.querySelector(name);"
        " if (it.readyState > 0) done(it.duration.toFixed(1));"
        " it.onloadedmetadata = () => done(it.duration.toFixed(1)); it.onerror = () => done('error'); });"
        "const image = new Image(); image.src = 'waveform.png';"
        "const size = new Promise(done => { image.onload = () => done(image.naturalWidth);"
        " image.onerror = () => done('error'); });"
        "const said = document.querySelector('.said.caller');"
        "const status = document.querySelector('#status');"
        "status.value = '204'; status.dispatchEvent(new Event('change'));"
        "const shown = [...document.querySelectorAll('details.req')].filter(row => !row.hidden).length;"
        "Promise.all([ready('audio.call'), ready('video'), size]).then(([audio, video, width]) =>"
        " document.title = ['audio=' + audio, 'video=' + video, 'image=' + width, 'shown=' + shown,"
        " 'direction=' + getComputedStyle(said).direction,"
        " 'wide=' + (document.documentElement.scrollWidth > innerWidth)].join('|'));"
        "</script></body>");
    QFile probe(pack + u"/probe.html"_s);
    QVERIFY(probe.open(QIODevice::WriteOnly) && probe.write(probed) == probed.size());
    probe.close();
    const auto answers = answersOf(browse(call, {u"--dump-dom"_s, u"--window-size=1240,900"_s}, probe.fileName()));
    QCOMPARE(answers.value(u"audio"_s), u"12.0"_s);
    QVERIFY2(answers.value(u"video"_s).startsWith(u"12."_s) || answers.value(u"video"_s) == u"11.9"_s,
        qPrintable(answers.value(u"video"_s)));
    QCOMPARE(answers.value(u"image"_s), u"1280"_s);
    QCOMPARE(answers.value(u"shown"_s), u"2"_s);
    QCOMPARE(answers.value(u"direction"_s), hebrew ? u"rtl"_s : u"ltr"_s);
    QCOMPARE(answers.value(u"wide"_s), u"false"_s);

    const QString picture = QStringLiteral(KAV_BINARY_DIR) + u"/evidence-"_s + (hebrew ? u"he"_s : u"en"_s) + u".png"_s;
    QFile::remove(picture);
    browse(call, {u"--screenshot="_s + picture, u"--window-size=1240,3400"_s}, pack + u"/index.html"_s);
    QVERIFY(QFile(picture).size() > 50'000);
}

void TestEvidenceBrowser::hostileWordsDoNothing()
{
    LoggedCall call;
    const QString attack = u"</p><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
                           "<svg onload=\"document.title='owned'\"></svg>\"><b onmouseover=x>\u202egnp"_s;
    call.turn({4, TurnInput::Voice, attack, 0, attack, attack, false, false, {}}, 9000);
    call.event(attack, 9100, {{u"reason"_s, attack}});
    RequestRecord request;
    request.method = request.path = request.peer = attack;
    request.parameters = {{attack, attack}};
    call.request(request, 9200);
    const QString pack = packOf(call);
    QVERIFY(!pack.isEmpty());
    const QByteArray dom = browse(call, {u"--dump-dom"_s}, pack + u"/index.html"_s);
    QVERIFY(dom.contains("data-script=\"ran\""));
    QVERIFY(dom.contains("<title>Call CA0123456789abcdef0123456789abcdef</title>"));
    QVERIFY(!dom.contains("<img src=\"x\"") && !dom.contains("<b onmouseover"));
}

QTEST_GUILESS_MAIN(TestEvidenceBrowser)
#include "tst_evidencebrowser.moc"
