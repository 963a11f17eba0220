// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/providers/recognisers.h"
#include "tests/support/vendors/googlespeechserver.h"

#include <QRegularExpression>

#include <string_view>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {

/// One stream and what it told.
struct Ear final {
    explicit Ear(Recogniser& ears)
        : recogniser(ears)
    {
        rules.inside([&] { stream = recogniser.provider->open({}); });
        SpeechToTextStream* const s = stream.get();
        QObject::connect(s, &SpeechToTextStream::partial, s, [this](int id, const Transcript& transcript) {
            rules.told(id, "partial");
            partials += transcript.text;
            tell("partial");
        });
        QObject::connect(s, &SpeechToTextStream::finished, s, [this](int id, const Transcript& transcript) {
            rules.told(id, "finished");
            rules.ended(id, {});
            finals += transcript.text;
            tell("finished");
        });
        QObject::connect(s, &SpeechToTextStream::failed, s, [this](int id, const Error& error) {
            rules.told(id, "failed");
            rules.ended(id, error);
            tell("failed");
        });
    }
    Q_DISABLE_COPY_MOVE(Ear)

    void begin(int id)
    {
        rules.inside([&] { stream->beginUtterance(id, recogniser.context()); });
    }
    void write(const std::vector<qint16>& pcm)
    {
        rules.inside([&] {
            for (std::size_t at = 0; at < pcm.size(); at += 160)
                stream->write(std::span(pcm).subspan(at, std::min<std::size_t>(160, pcm.size() - at)));
        });
    }
    void end(int id)
    {
        rules.inside([&] { stream->endUtterance(id); });
    }
    void drop(int id)
    {
        rules.unwanted(id);
        rules.inside([&] { stream->dropUtterance(id); });
    }
    void say(int id, int milliseconds = 500)
    {
        begin(id);
        write(recogniser.voice(milliseconds));
        end(id);
    }

    Recogniser& recogniser;
    SignalRules rules;
    QStringList partials, finals;
    QString deleteAt; ///< the stream goes in this signal
    std::unique_ptr<SpeechToTextStream> stream;

private:
    void tell(const char* what)
    {
        if (deleteAt == QLatin1String(what))
            stream.reset();
    }
};

} // namespace

/// Every recogniser keeps the rules of SpeechToTextStream, whatever its vendor does.
class TestRecognisers final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { m_why = m_google.start(QStringLiteral(KAV_SOURCE_DIR), QStringLiteral(KAV_BINARY_DIR)); }
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
    }
    void cleanup()
    {
        m_ear.reset();
        if (m_recogniser)
            m_recogniser->close();
        m_recogniser.reset();
        m_pool.reset();
    }

    void wordsComeOnce_data() { addProviders(); }
    void wordsComeOnce()
    {
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        open();
        m_ear->say(1);
        QVERIFY(over(1));
        letPass(*m_clock);
        QCOMPARE(m_ear->rules.endings, QStringList{QStringLiteral("1")});
        QCOMPARE(m_ear->finals, QStringList{QStringLiteral("hello")});
        if (m_recogniser->hasPartials && m_recogniser->hasVendor)
            QVERIFY(!m_ear->partials.isEmpty());
        rulesWereKept();
    }

    void hebrewIsWholeHoweverItIsCut_data() { addProviders(true); }
    void hebrewIsWholeHoweverItIsCut()
    {
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        const QString hebrew = QString::fromUtf8("שלום עולם");
        m_recogniser->willHear({hebrew, hebrew});
        m_recogniser->setFault(VendorFault::SlowBytes);
        open();
        m_ear->say(1);
        QVERIFY(over(1));
        QCOMPARE(m_ear->finals, QStringList{hebrew});
        for (const QString& partial : std::as_const(m_ear->partials))
            QVERIFY2(hebrew.startsWith(partial), qPrintable(partial));
        rulesWereKept();
    }

    void everyFaultEndsOnce_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<int>("fault");
        QTest::addColumn<bool>("amid");
        for (const QString& name : recogniserNames()) {
            if (name == QLatin1String("pocketsphinx"))
                continue; // has nobody who could fail
            for (int i = 0; i < int(std::size(VendorFaults)); ++i)
                for (bool amid : {false, true})
                    QTest::addRow("%s, %s%s", qPrintable(name), VendorFaults[i].name, amid ? ", amid speech" : "")
                        << name << i << amid;
        }
    }
    void everyFaultEndsOnce()
    {
        QFETCH(int, fault);
        QFETCH(bool, amid);
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        const NamedFault& wrong = VendorFaults[fault];
        const auto code = m_recogniser->outcome(wrong);
        if (!amid)
            m_recogniser->setFault(wrong.fault);
        open();
        m_ear->begin(1);
        m_ear->write(m_recogniser->voice(300));
        if (amid) {
            QTest::qWait(50);
            m_recogniser->setFault(wrong.fault);
        }
        m_ear->write(m_recogniser->voice(300));
        m_ear->end(1);
        QVERIFY2(
            waitUntil(*m_clock, code == Error::Code::Timeout, [&] { return m_ear->rules.isOver(1); }), "it has no end");
        letPass(*m_clock);
        QCOMPARE(m_ear->rules.endings.size(), 1);
        const QString expected = code ? QStringLiteral("1!") + errorCodeName(*code) : QStringLiteral("1");
        // What strikes amid speech may come too late to be met.
        if (!(amid && m_ear->rules.endings.first() == QLatin1String("1")))
            QCOMPARE(m_ear->rules.endings.first(), expected);
        rulesWereKept();
    }

    void whatIsNotWantedIsNotTold_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("phase");
        QTest::addColumn<bool>("isDeleted");
        for (const QString& name : recogniserNames())
            for (const char* phase : {"begun", "speaking", "a partial", "ended", "answering"}) {
                if (phase == std::string_view("a partial")
                    && (!tells(name, "partial") || name == QLatin1String("realtime"))) // whose come after the end
                    continue;
                for (bool isDeleted : {false, true})
                    QTest::addRow("%s, %s, %s", qPrintable(name), phase, isDeleted ? "deleted" : "dropped")
                        << name << QString::fromLatin1(phase) << isDeleted;
            }
    }
    void whatIsNotWantedIsNotTold()
    {
        QFETCH(QString, phase);
        QFETCH(bool, isDeleted);
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        if (phase == QLatin1String("answering"))
            m_recogniser->setFault(VendorFault::HangMidAnswer);
        open();
        m_ear->begin(1);
        if (phase != QLatin1String("begun"))
            m_ear->write(m_recogniser->voice(400));
        if (phase == QLatin1String("a partial"))
            QVERIFY(!m_recogniser->hasVendor || QTest::qWaitFor([&] { return !m_ear->partials.isEmpty(); }, 5000));
        if (phase == QLatin1String("ended") || phase == QLatin1String("answering"))
            m_ear->end(1);
        if (phase == QLatin1String("answering"))
            QTest::qWait(80);
        const bool wasOver = m_ear->rules.isOver(1); // an embedded one is not hung up on
        if (isDeleted)
            m_ear->stream.reset();
        else
            m_ear->drop(1);
        const qsizetype told = m_ear->partials.size() + m_ear->rules.endings.size();
        m_recogniser->setFault(VendorFault::None);
        if (isDeleted) {
            letPass(*m_clock);
        } else {
            QTest::qWait(60);
            m_ear->partials.clear();
            QCOMPARE(m_ear->rules.endings.size(), wasOver ? 1 : 0);
            m_ear->say(2); // and the next one is heard
            const bool isHung = phase == QLatin1String("answering") && m_recogniser->hangsWhole;
            QVERIFY(waitUntil(*m_clock, isHung, [&] { return m_ear->rules.isOver(2); }));
            letPass(*m_clock);
            QCOMPARE(m_ear->rules.endings.last(), isHung ? QStringLiteral("2!timeout") : QStringLiteral("2"));
            QCOMPARE(m_ear->rules.endings.size(), wasOver ? 2 : 1);
        }
        if (isDeleted)
            QCOMPARE(m_ear->partials.size() + m_ear->rules.endings.size(), told);
        rulesWereKept();
    }

    void aStreamMayGoInItsOwnSignal_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("at");
        for (const QString& name : recogniserNames())
            for (const char* at : {"partial", "finished", "failed"})
                if (tells(name, at))
                    QTest::addRow("%s, %s", qPrintable(name), at) << name << QString::fromLatin1(at);
    }
    void aStreamMayGoInItsOwnSignal()
    {
        QFETCH(QString, at);
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        const bool fails = at == QLatin1String("failed");
        if (fails)
            m_recogniser->setFault(VendorFault::Fault500);
        open();
        m_ear->deleteAt = at;
        m_ear->say(1);
        waitUntil(*m_clock, false, [&] { return !m_ear->stream || m_ear->rules.isOver(1); });
        const qsizetype told = m_ear->partials.size() + m_ear->rules.endings.size();
        if (m_recogniser->hasVendor) // an embedded one may have had no time for a partial
            QVERIFY(!m_ear->stream);
        letPass(*m_clock);
        QCOMPARE(m_ear->partials.size() + m_ear->rules.endings.size(), told);
        rulesWereKept();
    }

    void aLongCallIsHeardToItsEnd_data() { addProviders(); }
    void aLongCallIsHeardToItsEnd()
    {
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        open();
        QStringList expected;
        for (int id = 1; id <= 30; ++id) {
            m_ear->say(id);
            QVERIFY(over(id));
            m_clock->advance(Milliseconds(1000));
            expected += QString::number(id);
        }
        QCOMPARE(m_ear->rules.endings, expected);
        rulesWereKept();
    }

    void nothingOrTooMuchIsHandled_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<int>("milliseconds");
        QTest::addColumn<bool>("isSilent");
        for (const QString& name : recogniserNames()) {
            QTest::addRow("%s, nothing", qPrintable(name)) << name << 0 << false;
            QTest::addRow("%s, silence", qPrintable(name)) << name << 1000 << true;
            QTest::addRow("%s, two minutes", qPrintable(name)) << name << 120000 << false;
        }
    }
    void nothingOrTooMuchIsHandled()
    {
        QFETCH(int, milliseconds);
        QFETCH(bool, isSilent);
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        open();
        m_ear->begin(1);
        if (milliseconds > 0)
            m_ear->write(
                isSilent ? std::vector<qint16>(std::size_t(milliseconds) * 8) : m_recogniser->voice(milliseconds));
        m_ear->end(1);
        QVERIFY(waitUntil(*m_clock, false, [&] { return m_ear->rules.isOver(1); }));
        if (milliseconds == 0) {
            QCOMPARE(m_ear->rules.endings, QStringList{QStringLiteral("1")});
            QCOMPARE(m_ear->finals, QStringList{QString()});
        }
        m_ear->say(2); // the call goes on
        QVERIFY(over(2));
        letPass(*m_clock);
        QCOMPARE(m_ear->rules.endings.size(), 2);
        rulesWereKept();
    }

    void whatIsOutOfOrderHarmsNobody_data() { addProviders(); }
    void whatIsOutOfOrderHarmsNobody()
    {
        make();
        if (!m_recogniser || !m_recogniser->provider)
            return;
        open();
        m_ear->write(m_recogniser->voice(200)); // nobody asked for it
        m_ear->end(7);
        m_ear->drop(8);
        QTest::qWait(30);
        QCOMPARE(m_ear->rules.endings, QStringList());
        m_ear->say(9);
        m_ear->end(9);
        QVERIFY(over(9));
        m_ear->rules.inside([&] { m_ear->stream->endUtterance(9); });
        m_ear->rules.inside([&] { m_ear->stream->dropUtterance(9); });
        letPass(*m_clock);
        QCOMPARE(m_ear->rules.endings, QStringList{QStringLiteral("9")});
        rulesWereKept();
    }

private:
    static bool tells(const QString& name, const char* what)
    {
        if (what == std::string_view("partial")) // those send an utterance whole
            return name != QLatin1String("openai") && name != QLatin1String("google-rest");
        return what != std::string_view("failed") || name != QLatin1String("pocketsphinx");
    }
    static void addProviders(bool onlyVendors = false)
    {
        QTest::addColumn<QString>("provider");
        for (const QString& name : recogniserNames())
            if (!onlyVendors || name != QLatin1String("pocketsphinx")) // which knows English only
                QTest::addRow("%s", qPrintable(name)) << name;
    }
    void make()
    {
        QFETCH(QString, provider);
        if (provider == QLatin1String("google") && !m_why.isEmpty()) {
            if (qEnvironmentVariable("CI") == QLatin1String("true"))
                QFAIL(qPrintable(m_why));
            QSKIP(qPrintable(m_why));
        }
        m_recogniser = makeRecogniser(provider, m_google);
        const QString why = m_recogniser->make(m_pool, *m_clock);
        QVERIFY2(why.isEmpty(), qPrintable(why));
        m_recogniser->willHear(QStringList(40, QStringLiteral("hello")));
    }
    void open() { m_ear = std::make_unique<Ear>(*m_recogniser); }
    bool over(int id)
    {
        return QTest::qWaitFor([&] { return m_ear->rules.isOver(id); }, 10000);
    }
    void rulesWereKept() { QCOMPARE(m_ear->rules.wrongs, QStringList()); }

    GoogleSpeechServer m_google;
    QString m_why; // there is no Google
    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    std::unique_ptr<Recogniser> m_recogniser;
    std::unique_ptr<Ear> m_ear;
};

QTEST_GUILESS_MAIN(TestRecognisers)
#include "tst_recognisers.moc"
