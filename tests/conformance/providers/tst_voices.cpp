// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/elevenlabs/elevenlabs.h"
#include "engine/providers/flite/flitetexttospeech.h"
#include "engine/providers/google/googletexttospeech.h"
#include "engine/providers/openai/openaispeech.h"
#include "tests/conformance/providers/conformance.h"
#include "tests/support/vendors/elevenlabsstandin.h"
#include "tests/support/vendors/googlestandin.h"
#include "tests/support/vendors/openaistandin.h"

#include <QJsonObject>
#include <QRegularExpression>
#include <QThreadPool>

#include <memory>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {

/// One voice with its vendor's stand-in.
class Voice {
public:
    virtual ~Voice() = default;
    virtual QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) = 0;
    virtual void setFault(VendorFault) { }
    /// The texts that the vendor was asked for, together.
    virtual QString asked() const { return {}; }

    bool hasVendor = true; ///< false: there is nobody who could fail
    std::shared_ptr<TextToSpeech> provider;

protected:
    template <typename Made> QString keep(Result<std::shared_ptr<Made>> made)
    {
        if (!made)
            return toString(made.error());
        provider = *made;
        return {};
    }
};

class OpenAiVoice final : public Voice {
public:
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        OpenAiSpeechSettings settings;
        settings.service.base = m_vendor.url();
        settings.service.key = QString::fromLatin1(m_vendor.key);
        return keep(OpenAiSpeech::create(settings, std::move(pool), clock));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    QString asked() const override
    {
        QString text;
        for (const auto& one : m_vendor.asked)
            text += one.json.value(QLatin1String("input")).toString();
        return text;
    }

private:
    OpenAiStandIn m_vendor;
};

class GoogleVoice final : public Voice {
public:
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        GoogleSettings settings;
        settings.credentials = m_vendor.serviceAccountText();
        settings.ttsUrl = m_vendor.url();
        return keep(GoogleTextToSpeech::create(settings, std::move(pool), clock));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    QString asked() const override
    {
        QString text;
        for (const auto& one : m_vendor.askedAt("/v1/text:synthesize"))
            text += one.json.value(QLatin1String("input")).toObject().value(QLatin1String("text")).toString();
        return text;
    }

private:
    GoogleStandIn m_vendor;
};

class ElevenLabsVoice final : public Voice {
public:
    QString make(std::shared_ptr<HttpPool> pool, const Clock&) override
    {
        ElevenLabsSettings settings;
        settings.url = m_vendor.url();
        settings.key = QString::fromLatin1(m_vendor.key);
        return keep(ElevenLabs::create(settings, std::move(pool)));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    QString asked() const override
    {
        QString text;
        for (const auto& one : m_vendor.asked)
            text += one.json.value(QLatin1String("text")).toString();
        return text;
    }

private:
    ElevenLabsStandIn m_vendor;
};

/// In this process: nobody can fail.
class EmbeddedVoice final : public Voice {
public:
    EmbeddedVoice() { hasVendor = false; }
    ~EmbeddedVoice() override
    {
        provider.reset();
        m_pool.waitForDone();
    }
    QString make(std::shared_ptr<HttpPool>, const Clock&) override { return keep(FliteTextToSpeech::create(m_pool)); }

private:
    QThreadPool m_pool;
};

const QStringList Names{
    QStringLiteral("openai"), QStringLiteral("google"), QStringLiteral("elevenlabs"), QStringLiteral("flite")};

std::unique_ptr<Voice> makeVoice(const QString& name)
{
    if (name == QLatin1String("openai"))
        return std::make_unique<OpenAiVoice>();
    if (name == QLatin1String("google"))
        return std::make_unique<GoogleVoice>();
    if (name == QLatin1String("elevenlabs"))
        return std::make_unique<ElevenLabsVoice>();
    return std::make_unique<EmbeddedVoice>();
}

/// One speech and what it told.
struct Listener final {
    Listener(TextToSpeech& provider, const QString& text, const QString& language = QStringLiteral("en-US"))
    {
        rules.inside([&] { speech = provider.speak({text, language, {}}); });
        Speech* const s = speech.get();
        QObject::connect(s, &Speech::audio, s, [this](const QByteArray& mulaw) {
            rules.told(1, "audio");
            sound += mulaw;
            tell("audio");
        });
        QObject::connect(s, &Speech::finished, s, [this] {
            rules.told(1, "finished");
            rules.ended(1, {});
            tell("finished");
        });
        QObject::connect(s, &Speech::failed, s, [this](const Error& error) {
            rules.told(1, "failed");
            rules.ended(1, error);
            tell("failed");
        });
    }
    Q_DISABLE_COPY_MOVE(Listener)

    SignalRules rules;
    QByteArray sound;
    QString deleteAt; ///< the speech goes in this signal
    std::unique_ptr<Speech> speech;

private:
    void tell(const char* what)
    {
        if (deleteAt == QLatin1String(what))
            speech.reset();
    }
};

} // namespace

/// Every voice keeps the rules of Speech, whatever its vendor does.
class TestVoices final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        QFETCH(QString, provider);
        m_voice = makeVoice(provider);
        const QString why = m_voice->make(m_pool, *m_clock);
        QVERIFY2(why.isEmpty(), qPrintable(why));
    }
    void cleanup()
    {
        m_listener.reset();
        m_voice.reset();
        m_pool.reset();
    }

    void aSentenceIsSpokenOnce_data() { addProviders(); }
    void aSentenceIsSpokenOnce()
    {
        speak(QStringLiteral("Hello there."));
        QVERIFY(over());
        letPass(*m_clock);
        QCOMPARE(m_listener->rules.endings, QStringList{QStringLiteral("1")});
        QVERIFY(!m_listener->sound.isEmpty());
        rulesWereKept();
    }

    void hebrewArrivesWhole_data() { addProviders(true); }
    void hebrewArrivesWhole()
    {
        const QString hebrew = QString::fromUtf8("עו״ד 😀.");
        speak(hebrew, QStringLiteral("he-IL"));
        QVERIFY(over());
        QCOMPARE(m_listener->rules.endings, QStringList{QStringLiteral("1")});
        QCOMPARE(m_voice->asked(), hebrew);
        rulesWereKept();
    }

    void everyFaultEndsOnce_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<int>("fault");
        for (const QString& name : Names)
            for (int i = 0; name != QLatin1String("flite") && i < int(std::size(VendorFaults)); ++i)
                QTest::addRow("%s, %s", qPrintable(name), VendorFaults[i].name) << name << i;
    }
    void everyFaultEndsOnce()
    {
        QFETCH(int, fault);
        const NamedFault& wrong = VendorFaults[fault];
        m_voice->setFault(wrong.fault);
        speak(QStringLiteral("Hi"));
        QVERIFY2(waitUntil(*m_clock, wrong.code == Error::Code::Timeout, [&] { return m_listener->rules.isOver(1); }),
            "it has no end");
        letPass(*m_clock);
        QCOMPARE(m_listener->rules.endings,
            QStringList{wrong.code ? QStringLiteral("1!") + errorCodeName(*wrong.code) : QStringLiteral("1")});
        rulesWereKept();
        m_voice->setFault(VendorFault::None); // the next sentence is another matter
        speak(QStringLiteral("Hi"));
        QVERIFY(over());
        QCOMPARE(m_listener->rules.endings, QStringList{QStringLiteral("1")});
        rulesWereKept();
    }

    void whoIsInterruptedIsSilent_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("phase");
        QTest::addColumn<VendorFault>("fault");
        for (const QString& name : Names) {
            QTest::addRow("%s, at once", qPrintable(name)) << name << QStringLiteral("at once") << VendorFault::None;
            QTest::addRow("%s, asked", qPrintable(name))
                << name << QStringLiteral("asked") << VendorFault::HangBeforeAnswer;
            QTest::addRow("%s, speaking", qPrintable(name))
                << name << QStringLiteral("speaking") << VendorFault::HangMidAnswer;
            QTest::addRow("%s, slowly", qPrintable(name))
                << name << QStringLiteral("speaking") << VendorFault::SlowBytes;
        }
    }
    void whoIsInterruptedIsSilent()
    {
        QFETCH(QString, phase);
        QFETCH(VendorFault, fault);
        m_voice->setFault(fault);
        speak(QStringLiteral("Hello there, this is the office."));
        if (phase != QLatin1String("at once"))
            QTest::qWait(60);
        m_listener->speech.reset();
        const auto told = std::pair(m_listener->sound.size(), m_listener->rules.endings.size());
        letPass(*m_clock);
        QCOMPARE(std::pair(m_listener->sound.size(), m_listener->rules.endings.size()), told);
        rulesWereKept();
    }

    void aSpeechMayGoInItsOwnSignal_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("at");
        for (const QString& name : Names)
            for (const char* at : {"audio", "finished", "failed"})
                QTest::addRow("%s, %s", qPrintable(name), at) << name << QString::fromLatin1(at);
    }
    void aSpeechMayGoInItsOwnSignal()
    {
        QFETCH(QString, at);
        const bool fails = at == QLatin1String("failed");
        if (fails)
            m_voice->setFault(VendorFault::Fault500);
        // Who has no vendor fails for a text that is too long.
        speak(fails && !m_voice->hasVendor ? QString(100000, u'a') : QStringLiteral("Hello there."));
        m_listener->deleteAt = at;
        QVERIFY(QTest::qWaitFor([&] { return !m_listener->speech; }, 5000));
        const auto told = std::pair(m_listener->sound.size(), m_listener->rules.endings.size());
        letPass(*m_clock);
        QCOMPARE(std::pair(m_listener->sound.size(), m_listener->rules.endings.size()), told);
        rulesWereKept();
    }

    void nothingOrTooMuchEndsOnce_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("text");
        for (const QString& name : Names) {
            QTest::addRow("%s, nothing", qPrintable(name)) << name << QString();
            QTest::addRow("%s, spaces", qPrintable(name)) << name << QStringLiteral(" \n\t ");
            QTest::addRow("%s, a book", qPrintable(name)) << name << QString(100000, u'a');
        }
    }
    void nothingOrTooMuchEndsOnce()
    {
        QFETCH(QString, text);
        speak(text);
        QVERIFY(over());
        letPass(*m_clock);
        QCOMPARE(m_listener->rules.endings.size(), 1);
        if (text.size() < 10) {
            QCOMPARE(m_listener->rules.endings, QStringList{QStringLiteral("1")});
            QCOMPARE(m_voice->asked(), QString());
        }
        rulesWereKept();
    }

    void aLongCallIsSpokenToItsEnd_data() { addProviders(); }
    void aLongCallIsSpokenToItsEnd()
    {
        for (int i = 0; i < 30; ++i) {
            speak(QStringLiteral("Sentence %1.").arg(i));
            QVERIFY(over());
            QCOMPARE(m_listener->rules.endings, QStringList{QStringLiteral("1")});
            rulesWereKept();
        }
    }

private:
    static void addProviders(bool onlyVendors = false)
    {
        QTest::addColumn<QString>("provider");
        for (const QString& name : Names)
            if (!onlyVendors || name != QLatin1String("flite")) // which knows English only
                QTest::addRow("%s", qPrintable(name)) << name;
    }
    void speak(const QString& text, const QString& language = QStringLiteral("en-US"))
    {
        m_listener = std::make_unique<Listener>(*m_voice->provider, text, language);
    }
    bool over()
    {
        return QTest::qWaitFor([&] { return m_listener->rules.isOver(1); }, 60000);
    }
    void rulesWereKept() { QCOMPARE(m_listener->rules.wrongs, QStringList()); }

    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    std::unique_ptr<Voice> m_voice;
    std::unique_ptr<Listener> m_listener;
};

QTEST_GUILESS_MAIN(TestVoices)
#include "tst_voices.moc"
