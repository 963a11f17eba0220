// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googleauth.h"
#include "engine/providers/google/googlecall.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendors/googlestandin.h"

#include <QJsonDocument>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>
#include <QTimer>

#include <atomic>
#include <chrono>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::GoogleAsk;
using providers::GoogleAuth;
using providers::GoogleHeader;
using providers::GoogleSettings;

namespace {
/// What one ask was told.
struct Answer final {
    explicit Answer(GoogleAuth& auth)
        : ask(auth.ask())
    {
        QObject::connect(ask.get(), &GoogleAsk::answered, ask.get(), [this](const GoogleHeader& header) {
            value = header.value;
            ++told;
        });
        QObject::connect(ask.get(), &GoogleAsk::failed, ask.get(), [this](const Error& why) {
            error = why;
            ++told;
        });
    }
    std::unique_ptr<GoogleAsk> ask;
    QByteArray value;
    Error error;
    int told = 0;
};
} // namespace

/// Who asks Google: from the operator's settings to the header of a request.
class TestGoogleAuth final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        m_google = std::make_unique<GoogleStandIn>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<providers::HttpPool>(*m_clock);
    }
    void cleanup()
    {
        m_auth.reset();
        m_pool.reset();
    }

    void credentialsAreTakenAsTextOrAsAPath();
    void everyMistakeIsSaidWithoutTheSecret_data();
    void everyMistakeIsSaidWithoutTheSecret();
    void aServiceAccountSignsForAToken();
    void anApiKeyIsShownAsItIs();
    void aTokenIsFetchedOnceForAllThreads();
    void aTokenIsRenewedFiveMinutesBeforeItsEnd();
    void aClockThatJumpsEndsIt_data();
    void aClockThatJumpsEndsIt();
    void aRejectedTokenIsNotGivenOutAgain();
    void everyRefusalIsSaidInWords_data();
    void everyRefusalIsSaidInWords();
    void aFailureIsNotRepeatedInALoop();
    void everyFaultOfTheTokenAddressIsAnError_data();
    void everyFaultOfTheTokenAddressIsAnError();
    void whoAsksMayGoAway();

private:
    void makeAuth()
    {
        GoogleSettings settings;
        settings.credentials = m_google->serviceAccountText();
        auto credentials = providers::readGoogleCredentials(settings);
        QVERIFY2(credentials.ok(), qPrintable(credentials ? QString() : credentials.error().message));
        m_auth = std::make_unique<GoogleAuth>(*credentials, m_pool, *m_clock);
    }

    std::unique_ptr<GoogleStandIn> m_google;
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<providers::HttpPool> m_pool;
    std::unique_ptr<GoogleAuth> m_auth;
};

void TestGoogleAuth::credentialsAreTakenAsTextOrAsAPath()
{
    const QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("key.json"));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(m_google->serviceAccountText().toUtf8());
    file.close();

    GoogleSettings text, pathInText, pathAlone, both;
    text.credentials = m_google->serviceAccountText();
    pathInText.credentials = path;
    pathAlone.credentialsFile = path;
    both.credentialsFile = path;
    both.apiKey = QStringLiteral("AIzaKey");
    for (const GoogleSettings& settings : {text, pathInText, pathAlone, both}) {
        const auto credentials = providers::readGoogleCredentials(settings);
        QVERIFY2(credentials.ok(), qPrintable(credentials ? QString() : credentials.error().message));
        QCOMPARE(credentials->email, QStringLiteral("kav@kav-tests.iam.gserviceaccount.com"));
        QCOMPARE(credentials->tokenUrl, m_google->tokenUrl());
        QVERIFY(!credentials->isApiKey());
    }
    // Line breaks that an environment file has made two characters of.
    QJsonObject escaped = m_google->serviceAccount();
    escaped.insert(QStringLiteral("private_key"),
        escaped.value(QLatin1String("private_key")).toString().replace(QLatin1Char('\n'), QLatin1String("\\n")));
    text.credentials = QString::fromUtf8(QJsonDocument(escaped).toJson());
    QVERIFY(providers::readGoogleCredentials(text).ok());
}

void TestGoogleAuth::everyMistakeIsSaidWithoutTheSecret_data()
{
    QTest::addColumn<GoogleSettings>("settings");
    QTest::addColumn<QString>("words");
    const GoogleStandIn google;
    const QJsonObject whole = google.serviceAccount();
    const auto text = [](const QJsonObject& object) {
        GoogleSettings settings;
        settings.credentials = QString::fromUtf8(QJsonDocument(object).toJson());
        return settings;
    };
    const auto without = [&](const char* field) {
        QJsonObject object = whole;
        object.remove(QLatin1String(field));
        return text(object);
    };
    const auto with = [&](const char* field, const QString& value) {
        QJsonObject object = whole;
        object.insert(QLatin1String(field), value);
        return text(object);
    };
    const QString pem = whole.value(QLatin1String("private_key")).toString();
    GoogleSettings cut = text(whole), nowhere, folder, spaced, half, token = text(whole);
    cut.credentials.chop(20);
    nowhere.credentialsFile = QStringLiteral("/nonexistent/key.json");
    folder.credentials = QStringLiteral("/");
    spaced.apiKey = QStringLiteral("AIza key");
    half.credentials = pem;
    token.tokenUrl = QUrl(QStringLiteral("ftp://x/"));
    QTest::newRow("nothing") << GoogleSettings() << QStringLiteral("no Google credentials: set");
    QTest::newRow("cut") << cut << QStringLiteral("GCP_CREDENTIALS_JSON: it is not JSON");
    QTest::newRow("no file") << nowhere << QStringLiteral("GOOGLE_APPLICATION_CREDENTIALS: there is no file");
    QTest::newRow("a folder") << folder << QStringLiteral("GCP_CREDENTIALS_JSON: the path it gives is no file");
    QTest::newRow("only the key's text") << half << QStringLiteral("neither JSON nor a path");
    QTest::newRow("no email") << without("client_email") << QStringLiteral("\"client_email\" is missing");
    QTest::newRow("no key") << without("private_key") << QStringLiteral("\"private_key\" is missing");
    QTest::newRow("half a key") << with("private_key", pem.left(pem.size() / 2))
                                << QStringLiteral("\"private_key\" is no RSA key");
    QTest::newRow("a user's") << with("type", QStringLiteral("authorized_user"))
                              << QStringLiteral("of type \"authorized_user\"");
    QTest::newRow("token_uri") << with("token_uri", QStringLiteral("file:///etc/passwd"))
                               << QStringLiteral("\"token_uri\" is no http");
    QTest::newRow("token address") << token << QStringLiteral("KAV_GOOGLE_TOKEN_URL");
    QTest::newRow("a key with a space") << spaced << QStringLiteral("GOOGLE_API_KEY: it holds a space");
}

void TestGoogleAuth::everyMistakeIsSaidWithoutTheSecret()
{
    QFETCH(GoogleSettings, settings);
    QFETCH(QString, words);
    const auto credentials = providers::readGoogleCredentials(settings);
    QVERIFY(!credentials.ok());
    QVERIFY2(credentials.error().message.contains(words), qPrintable(credentials.error().message));
    QVERIFY2(!toString(credentials.error()).contains(QLatin1String("PRIVATE KEY")),
        qPrintable(toString(credentials.error())));
    QVERIFY(!toString(credentials.error()).contains(QLatin1String("AIza")));
}

void TestGoogleAuth::aServiceAccountSignsForAToken()
{
    makeAuth();
    QVERIFY(!m_auth->header());
    Answer answer(*m_auth);
    QCOMPARE(answer.told, 0);
    QTRY_COMPARE(answer.told, 1);
    QVERIFY2(answer.error == Error(), qPrintable(answer.error.message));
    QCOMPARE(answer.value, "Bearer ya29.stand-in-1");
    QCOMPARE(m_auth->header(), (GoogleHeader{"authorization", "Bearer ya29.stand-in-1"}));
    QCOMPARE(m_auth->secrets(), QStringList{QStringLiteral("ya29.stand-in-1")});
    const QJsonObject& claim = m_google->claim;
    QCOMPARE(claim.value(QLatin1String("iss")).toString(), QStringLiteral("kav@kav-tests.iam.gserviceaccount.com"));
    QCOMPARE(claim.value(QLatin1String("aud")).toString(), m_google->tokenUrl().toString());
    QCOMPARE(claim.value(QLatin1String("iat")).toInteger(), m_clock->wallNow().toSecsSinceEpoch());
    QCOMPARE(claim.value(QLatin1String("exp")).toInteger(), m_clock->wallNow().toSecsSinceEpoch() + 3600);
    QCOMPARE(claim.value(QLatin1String("scope")).toString(),
        QStringLiteral("https://www.googleapis.com/auth/cloud-platform"));
}

void TestGoogleAuth::anApiKeyIsShownAsItIs()
{
    GoogleSettings settings;
    settings.apiKey = QStringLiteral(" AIzaKey\n");
    m_auth = std::make_unique<GoogleAuth>(*providers::readGoogleCredentials(settings), m_pool, *m_clock);
    QCOMPARE(m_auth->header(), (GoogleHeader{"x-goog-api-key", "AIzaKey"}));
    Answer answer(*m_auth);
    QTRY_COMPARE(answer.value, "AIzaKey");
    QVERIFY(m_google->asked.isEmpty());
}

void TestGoogleAuth::aTokenIsFetchedOnceForAllThreads()
{
    makeAuth();
    std::atomic<int> answered = 0;
    std::vector<std::unique_ptr<QThread>> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back(QThread::create([this, &answered] {
            QEventLoop loop;
            int told = 0;
            const auto first = m_auth->ask(), second = m_auth->ask();
            for (GoogleAsk* ask : {first.get(), second.get()}) {
                QObject::connect(ask, &GoogleAsk::answered, ask, [&](const GoogleHeader& header) {
                    if (header.value == "Bearer ya29.stand-in-1")
                        ++answered;
                    if (++told == 2)
                        loop.quit();
                });
            }
            loop.exec();
        }));
        threads.back()->start();
    }
    QTRY_COMPARE(answered.load(), 16);
    for (const auto& thread : threads)
        QVERIFY(thread->wait(5000));
    QCOMPARE(m_google->askedAt("/token").size(), 1);
}

void TestGoogleAuth::aTokenIsRenewedFiveMinutesBeforeItsEnd()
{
    makeAuth();
    Answer answer(*m_auth);
    QTRY_COMPARE(answer.told, 1);
    m_clock->advance(54min);
    QVERIFY(m_auth->header());
    QCOMPARE(m_google->askedAt("/token").size(), 1);
    m_clock->advance(2min);
    // The old one serves while the new one is fetched.
    QCOMPARE(m_auth->header()->value, "Bearer ya29.stand-in-1");
    QTRY_COMPARE(m_auth->header()->value, "Bearer ya29.stand-in-2");
    QCOMPARE(m_google->askedAt("/token").size(), 2);
    m_clock->advance(2h);
    QVERIFY(!m_auth->header());
    Answer later(*m_auth);
    QTRY_COMPARE(later.value, "Bearer ya29.stand-in-3");
}

namespace {
/// A machine that slept: its monotonic clock stood still. Or whose wall clock was set back.
class TornClock final : public Clock {
public:
    Instant now() const override { return Instant(std::chrono::milliseconds(monotonic.load())); }
    QDateTime wallNow() const override { return QDateTime::fromMSecsSinceEpoch(wall.load(), Qt::UTC); }
    std::atomic<qint64> monotonic = 1'000'000, wall = 1767225600000;
};
} // namespace

void TestGoogleAuth::aClockThatJumpsEndsIt_data()
{
    QTest::addColumn<qint64>("monotonic");
    QTest::addColumn<qint64>("wall");
    QTest::addColumn<bool>("stillGood");
    const qint64 hour = 3600'000;
    QTest::newRow("asleep for two hours") << qint64(0) << 2 * hour << false;
    QTest::newRow("the wall clock set back while it ran out") << 2 * hour << -5 * hour << false;
    QTest::newRow("the wall clock set back, little time gone") << qint64(60'000) << -5 * hour << true;
}

void TestGoogleAuth::aClockThatJumpsEndsIt()
{
    QFETCH(qint64, monotonic);
    QFETCH(qint64, wall);
    QFETCH(bool, stillGood);
    TornClock clock;
    GoogleSettings settings;
    settings.credentials = m_google->serviceAccountText();
    GoogleAuth auth(*providers::readGoogleCredentials(settings), m_pool, clock);
    Answer answer(auth);
    QTRY_COMPARE(answer.told, 1);
    clock.monotonic += monotonic;
    clock.wall += wall;
    QCOMPARE(auth.header().has_value(), stillGood);
}

void TestGoogleAuth::aRejectedTokenIsNotGivenOutAgain()
{
    makeAuth();
    Answer answer(*m_auth);
    QTRY_COMPARE(answer.told, 1);
    m_auth->reject({"authorization", "Bearer an-older-one"});
    QVERIFY(m_auth->header());
    m_auth->reject(*m_auth->header());
    QVERIFY(!m_auth->header());
    Answer again(*m_auth);
    QTRY_COMPARE(again.value, "Bearer ya29.stand-in-2");
}

void TestGoogleAuth::everyRefusalIsSaidInWords_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QString>("words");
    QTest::newRow("signature") << QByteArray(
        "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}")
                               << QStringLiteral("its key does not fit");
    QTest::newRow("account") << QByteArray(
        "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid grant: account not found\"}")
                             << QStringLiteral("there is no such account");
    QTest::newRow("clock") << QByteArray("{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: Token must "
                                         "be a short-lived token (60 minutes) and in a reasonable timeframe.\"}")
                           << QStringLiteral("the clock of this machine is wrong");
    QTest::newRow("other") << QByteArray("{\"error\":\"unauthorized_client\"}")
                           << QStringLiteral("it answered unauthorized_client");
}

void TestGoogleAuth::everyRefusalIsSaidInWords()
{
    QFETCH(QByteArray, body);
    QFETCH(QString, words);
    m_google->tokenRefusal = body;
    makeAuth();
    Answer answer(*m_auth);
    QTRY_COMPARE(answer.told, 1);
    QCOMPARE(answer.error.code, Error::Code::Denied);
    QVERIFY2(answer.error.message.contains(words), qPrintable(answer.error.message));
    QVERIFY(answer.error.message.contains(QLatin1String("kav@kav-tests.iam.gserviceaccount.com")));
    QVERIFY(!m_auth->header());
}

void TestGoogleAuth::aFailureIsNotRepeatedInALoop()
{
    m_google->setFault(VendorFault::Fault500, true);
    makeAuth();
    for (int i = 0; i < 5; ++i) {
        Answer answer(*m_auth);
        QTRY_COMPARE(answer.told, 1);
        QCOMPARE(answer.error.code, Error::Code::Unavailable);
    }
    QCOMPARE(m_google->askedAt("/token").size(), 1);
    m_google->setFault(VendorFault::Limit429, true);
    m_clock->advance(2s);
    Answer limited(*m_auth);
    QTRY_COMPARE(limited.told, 1);
    QCOMPARE(limited.error.retryAfter, Milliseconds(7000));
    m_google->setFault(VendorFault::None, true);
    m_clock->advance(6s);
    Answer early(*m_auth);
    QTRY_COMPARE(early.told, 1);
    QCOMPARE(early.error.code, Error::Code::LimitExceeded);
    m_clock->advance(1s);
    Answer good(*m_auth);
    QTRY_COMPARE(good.told, 1);
    QCOMPARE(good.value, "Bearer ya29.stand-in-1");
    QCOMPARE(m_google->askedAt("/token").size(), 3);
}

void TestGoogleAuth::everyFaultOfTheTokenAddressIsAnError_data()
{
    QTest::addColumn<VendorFault>("fault");
    QTest::addColumn<Error::Code>("code");
    QTest::newRow("401") << VendorFault::Refuse401 << Error::Code::Denied;
    QTest::newRow("429") << VendorFault::Limit429 << Error::Code::LimitExceeded;
    QTest::newRow("500") << VendorFault::Fault500 << Error::Code::Unavailable;
    QTest::newRow("reset before") << VendorFault::ResetBeforeAnswer << Error::Code::Unavailable;
    QTest::newRow("reset amid") << VendorFault::ResetMidAnswer << Error::Code::Unavailable;
    QTest::newRow("hang before") << VendorFault::HangBeforeAnswer << Error::Code::Timeout;
    QTest::newRow("hang amid") << VendorFault::HangMidAnswer << Error::Code::Timeout;
    QTest::newRow("garbage") << VendorFault::Garbage << Error::Code::Unavailable;
    QTest::newRow("half open") << VendorFault::HalfOpen << Error::Code::Timeout;
}

void TestGoogleAuth::everyFaultOfTheTokenAddressIsAnError()
{
    QFETCH(VendorFault, fault);
    QFETCH(Error::Code, code);
    m_google->setFault(fault, true);
    makeAuth();
    Answer answer(*m_auth);
    if (code == Error::Code::Timeout) {
        if (fault == VendorFault::HalfOpen)
            QTRY_COMPARE(m_google->server.connections, 1);
        else
            QTRY_COMPARE(m_google->asked.size(), 1);
        QTimer wait; // the answer's first half may still be on its way when the clock moves
        connect(&wait, &QTimer::timeout, this, [this] { m_clock->advance(1s); });
        wait.start(1);
        QTRY_COMPARE(answer.told, 1);
    }
    QTRY_COMPARE(answer.told, 1);
    QCOMPARE(answer.error.code, code);
    QVERIFY(!toString(answer.error).contains(QLatin1String("ya29")));
}

void TestGoogleAuth::whoAsksMayGoAway()
{
    m_google->setFault(VendorFault::HangBeforeAnswer, true);
    makeAuth();
    {
        Answer gone(*m_auth);
        QTRY_COMPARE(m_google->asked.size(), 1);
    }
    Answer stays(*m_auth);
    m_google->asked.first().exchange->answer(
        200, "application/json", "{\"access_token\":\"ya29.x\",\"expires_in\":3599}");
    QTRY_COMPARE(stays.value, "Bearer ya29.x");
    // And so may all of it, in the middle of a fetch.
    m_auth->reject(*m_auth->header());
    Answer last(*m_auth);
    QTRY_COMPARE(m_google->asked.size(), 2);
    m_auth.reset();
    QCOMPARE(last.told, 0);
}

QTEST_GUILESS_MAIN(TestGoogleAuth)
#include "tst_googleauth.moc"
