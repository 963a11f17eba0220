// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/receptionist.h"
#include "engine/providers/openai/openaichat.h"
#include "engine/providers/persona.h"
#include "engine/providers/realtime/realtime.h"
#include "tests/conformance/providers/conformance.h"
#include "tests/support/vendors/openaistandin.h"
#include "tests/support/vendors/realtimestandin.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <memory>
#include <string_view>

using namespace kav;
using namespace kav::test;
using namespace kav::providers;

namespace {

/// One language model with its vendor's stand-in.
class Mind {
public:
    virtual ~Mind() = default;
    virtual QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) = 0;
    virtual void setFault(VendorFault) { }
    /// To the next turn.
    virtual void willSay(const QString&) { }

    bool hasVendor = true; ///< false: there is nobody who could fail
    bool hangsWhole = false; ///< its answers share a connection: one that hangs is noticed by the next
    std::shared_ptr<LanguageModel> provider;
};

class OpenAiMind final : public Mind {
public:
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        OpenAiChatSettings settings;
        settings.service.base = m_vendor.url();
        settings.service.key = QString::fromLatin1(m_vendor.key);
        auto made = OpenAiChat::create(settings, std::move(pool), clock);
        if (!made)
            return toString(made.error());
        provider = *made;
        return {};
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    void willSay(const QString& text) override { m_vendor.chat.push_back({text}); }

private:
    OpenAiStandIn m_vendor;
};

class RealtimeMind final : public Mind {
public:
    RealtimeMind() { hangsWhole = true; }
    ~RealtimeMind() override
    {
        provider.reset();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }
    QString make(std::shared_ptr<HttpPool>, const Clock& clock) override
    {
        RealtimeSettings settings;
        settings.url = m_vendor.url();
        settings.key = m_vendor.key;
        auto made = RealtimeLanguageModel::create(settings, makeRealtimeHub(), clock);
        if (!made)
            return toString(made.error());
        provider = *made;
        return {};
    }
    void setFault(VendorFault fault) override
    {
        using Phase = RealtimeStandIn::Phase;
        m_vendor.setFault(fault, fault == VendorFault::Refuse401 ? Phase::Connect : Phase::Answer);
    }
    void willSay(const QString& text) override
    {
        RealtimeAnswer answer;
        answer.transcript = text;
        m_vendor.answers.push_back(answer);
    }

private:
    RealtimeStandIn m_vendor;
};

/// In this process: nobody can fail.
class EmbeddedMind final : public Mind {
public:
    EmbeddedMind() { hasVendor = false; }
    QString make(std::shared_ptr<HttpPool>, const Clock&) override
    {
        auto script = dialog::DialogScript::load(QStringLiteral(KAV_SOURCE_DIR "/resources/dialogs/receptionist.toml"));
        if (!script)
            return toString(script.error());
        provider = std::make_shared<dialog::Receptionist>(*script);
        return {};
    }
};

const QStringList Names{QStringLiteral("openai"), QStringLiteral("realtime"), QStringLiteral("receptionist")};

std::unique_ptr<Mind> makeMind(const QString& name)
{
    if (name == QLatin1String("openai"))
        return std::make_unique<OpenAiMind>();
    if (name == QLatin1String("realtime"))
        return std::make_unique<RealtimeMind>();
    return std::make_unique<EmbeddedMind>();
}

/// One conversation and what it told.
struct Talk final {
    explicit Talk(LanguageModel& provider)
    {
        CallInfo call;
        call.callId = QStringLiteral("CA1");
        call.language = QStringLiteral("en-US");
        call.persona = std::make_shared<const Persona>();
        rules.inside([&] { conversation = provider.open(call); });
        Conversation* const c = conversation.get();
        QObject::connect(c, &Conversation::text, c, [this](int turn, const QString& delta) {
            rules.told(turn, "text");
            text += delta;
            ++pieces;
            tell("text");
        });
        QObject::connect(c, &Conversation::audio, c, [this](int turn) {
            rules.told(turn, "audio");
            ++pieces;
            if (!conversation->speaks())
                rules.wrongs += QStringLiteral("sound of one that does not speak");
        });
        QObject::connect(c, &Conversation::finished, c, [this](int turn) {
            rules.told(turn, "finished");
            rules.ended(turn, {});
            tell("finished");
        });
        QObject::connect(c, &Conversation::failed, c, [this](int turn, const Error& error) {
            rules.told(turn, "failed");
            rules.ended(turn, error);
            tell("failed");
        });
    }
    Q_DISABLE_COPY_MOVE(Talk)

    void ask(int turn, const QString& words, UserTurn::Kind kind = UserTurn::Kind::Voice)
    {
        UserTurn user;
        user.kind = kind;
        user.turn = turn;
        user.text = words;
        rules.inside([&] { conversation->ask(user); });
    }
    void cancel(int turn)
    {
        rules.unwanted(turn);
        rules.inside([&] { conversation->cancel(turn); });
    }

    SignalRules rules;
    QString text;
    int pieces = 0;
    QString deleteAt; ///< the conversation goes in this signal
    std::unique_ptr<Conversation> conversation;

private:
    void tell(const char* what)
    {
        if (deleteAt == QLatin1String(what))
            conversation.reset();
    }
};

} // namespace

/// Every language model keeps the rules of Conversation, whatever its vendor does.
class TestModels final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_shared<HttpPool>(*m_clock);
        QFETCH(QString, provider);
        m_mind = makeMind(provider);
        const QString why = m_mind->make(m_pool, *m_clock);
        QVERIFY2(why.isEmpty(), qPrintable(why));
    }
    void cleanup()
    {
        m_talk.reset();
        m_mind.reset();
        m_pool.reset();
    }

    void aTurnIsAnsweredOnce_data() { addProviders(); }
    void aTurnIsAnsweredOnce()
    {
        open();
        m_talk->ask(1, QStringLiteral("sales please"));
        QVERIFY(over(1));
        letPass(*m_clock);
        QCOMPARE(m_talk->rules.endings, QStringList{QStringLiteral("1")});
        QVERIFY(!m_talk->text.isEmpty());
        rulesWereKept();
    }

    void hebrewIsWholeHoweverItIsCut_data() { addProviders(true); }
    void hebrewIsWholeHoweverItIsCut()
    {
        const QString hebrew = QString::fromUtf8("שלום עולם, עו״ד כהן.");
        m_mind->willSay(hebrew);
        m_mind->setFault(VendorFault::SlowBytes);
        open();
        m_talk->ask(1, QString::fromUtf8("שלום"));
        QVERIFY(over(1));
        QCOMPARE(m_talk->rules.endings, QStringList{QStringLiteral("1")});
        QCOMPARE(m_talk->text.trimmed(), hebrew);
        rulesWereKept();
    }

    void everyFaultEndsOnce_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<int>("fault");
        QTest::addColumn<bool>("later");
        for (const QString& name : Names)
            for (int i = 0; name != QLatin1String("receptionist") && i < int(std::size(VendorFaults)); ++i)
                for (bool later : {false, true})
                    QTest::addRow("%s, %s, %s turn", qPrintable(name), VendorFaults[i].name, later ? "second" : "first")
                        << name << i << later;
    }
    void everyFaultEndsOnce()
    {
        QFETCH(int, fault);
        QFETCH(bool, later);
        const NamedFault& wrong = VendorFaults[fault];
        if (!later)
            m_mind->setFault(wrong.fault);
        open();
        int turn = 1;
        if (later) {
            m_talk->ask(turn, QStringLiteral("hello"));
            QVERIFY(over(turn));
            m_mind->setFault(wrong.fault);
            m_talk->rules.endings.clear();
            ++turn;
        }
        m_talk->ask(turn, QStringLiteral("sales please"));
        QVERIFY2(waitUntil(*m_clock, wrong.code == Error::Code::Timeout, [&] { return m_talk->rules.isOver(turn); }),
            "it has no end");
        letPass(*m_clock);
        const QString number = QString::number(turn);
        const QString expected = wrong.code ? number + u'!' + errorCodeName(*wrong.code) : number;
        QCOMPARE(m_talk->rules.endings.size(), 1);
        // Who is let in already is not asked for the key again.
        if (!(later && m_mind->hangsWhole && wrong.fault == VendorFault::Refuse401))
            QCOMPARE(m_talk->rules.endings.first(), expected);
        rulesWereKept();
    }

    void whatIsNotWantedIsNotTold_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("phase");
        QTest::addColumn<VendorFault>("fault");
        QTest::addColumn<QString>("how");
        for (const QString& name : Names)
            for (const char* how : {"cancelled", "deleted", "asked again"}) {
                const QString q = QString::fromLatin1(how);
                QTest::addRow("%s, at once, %s", qPrintable(name), how)
                    << name << QStringLiteral("at once") << VendorFault::None << q;
                if (name == QLatin1String("receptionist"))
                    continue; // its answer is there at once
                QTest::addRow("%s, thinking, %s", qPrintable(name), how)
                    << name << QStringLiteral("later") << VendorFault::HangBeforeAnswer << q;
                QTest::addRow("%s, answering, %s", qPrintable(name), how)
                    << name << QStringLiteral("later") << VendorFault::HangMidAnswer << q;
                QTest::addRow("%s, slowly, %s", qPrintable(name), how)
                    << name << QStringLiteral("later") << VendorFault::SlowBytes << q;
            }
    }
    void whatIsNotWantedIsNotTold()
    {
        QFETCH(QString, phase);
        QFETCH(VendorFault, fault);
        QFETCH(QString, how);
        m_mind->setFault(fault);
        open();
        m_talk->ask(1, QStringLiteral("sales please"));
        if (phase == QLatin1String("later"))
            QTest::qWait(60);
        const bool wasOver = m_talk->rules.isOver(1);
        if (wasOver)
            return; // it was too quick to be taken back
        m_mind->setFault(VendorFault::None);
        if (how == QLatin1String("asked again")) {
            m_talk->ask(1, QStringLiteral("support please"));
            QVERIFY(waitUntil(*m_clock, false, [&] { return m_talk->rules.isOver(1); }));
            letPass(*m_clock);
            QCOMPARE(m_talk->rules.endings.size(), 1);
        } else if (how == QLatin1String("deleted")) {
            m_talk->conversation.reset();
            const int told = m_talk->pieces;
            letPass(*m_clock);
            QCOMPARE(m_talk->pieces, told);
            QVERIFY(m_talk->rules.endings.isEmpty());
        } else {
            m_talk->cancel(1);
            QTest::qWait(60);
            QVERIFY(m_talk->rules.endings.isEmpty());
            m_talk->ask(2, QStringLiteral("support please")); // and the next one is answered
            QVERIFY(waitUntil(*m_clock, false, [&] { return m_talk->rules.isOver(2); }));
            letPass(*m_clock);
            QCOMPARE(m_talk->rules.endings.size(), 1);
            if (!m_mind->hangsWhole || fault == VendorFault::None || fault == VendorFault::SlowBytes)
                QCOMPARE(m_talk->rules.endings.first(), QStringLiteral("2"));
        }
        rulesWereKept();
    }

    void aConversationMayGoInItsOwnSignal_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("at");
        for (const QString& name : Names)
            for (const char* at : {"text", "finished", "failed"})
                if (name != QLatin1String("receptionist") || std::string_view(at) != "failed")
                    QTest::addRow("%s, %s", qPrintable(name), at) << name << QString::fromLatin1(at);
    }
    void aConversationMayGoInItsOwnSignal()
    {
        QFETCH(QString, at);
        if (at == QLatin1String("failed"))
            m_mind->setFault(VendorFault::Fault500);
        open();
        m_talk->deleteAt = at;
        m_talk->ask(1, QStringLiteral("sales please"));
        QVERIFY(QTest::qWaitFor([&] { return !m_talk->conversation; }, 5000));
        const int told = m_talk->pieces;
        const auto endings = m_talk->rules.endings;
        letPass(*m_clock);
        QCOMPARE(m_talk->pieces, told);
        QCOMPARE(m_talk->rules.endings, endings);
        rulesWereKept();
    }

    void aLongCallIsAnsweredToItsEnd_data() { addProviders(); }
    void aLongCallIsAnsweredToItsEnd()
    {
        open();
        QStringList expected;
        for (int turn = 1; turn <= 60; ++turn) { // past what any of them remembers
            m_talk->text.clear();
            m_talk->ask(turn, QStringLiteral("sales please"));
            QVERIFY(over(turn));
            m_talk->rules.inside([&] { m_talk->conversation->heard(turn, m_talk->text, false, Milliseconds(400)); });
            expected += QString::number(turn);
        }
        QCOMPARE(m_talk->rules.endings, expected);
        rulesWereKept();
    }

    void nothingOrTooMuchIsHandled_data()
    {
        QTest::addColumn<QString>("provider");
        QTest::addColumn<QString>("words");
        QTest::addColumn<UserTurn::Kind>("kind");
        for (const QString& name : Names) {
            QTest::addRow("%s, nothing", qPrintable(name)) << name << QString() << UserTurn::Kind::Voice;
            QTest::addRow("%s, silence", qPrintable(name)) << name << QString() << UserTurn::Kind::Silence;
            QTest::addRow("%s, a book", qPrintable(name)) << name << QString(1000000, u'a') << UserTurn::Kind::Voice;
        }
    }
    void nothingOrTooMuchIsHandled()
    {
        QFETCH(QString, words);
        QFETCH(UserTurn::Kind, kind);
        open();
        m_talk->ask(1, words, kind);
        QVERIFY(waitUntil(*m_clock, false, [&] { return m_talk->rules.isOver(1); }));
        m_talk->ask(2, QStringLiteral("sales please")); // the call goes on
        QVERIFY(over(2));
        letPass(*m_clock);
        QCOMPARE(m_talk->rules.endings.size(), 2);
        QCOMPARE(m_talk->rules.endings.last(), QStringLiteral("2"));
        rulesWereKept();
    }

    void whatIsOutOfOrderHarmsNobody_data() { addProviders(); }
    void whatIsOutOfOrderHarmsNobody()
    {
        open();
        m_talk->rules.inside([&] {
            Conversation& c = *m_talk->conversation;
            c.cancel(7);
            c.heard(8, QStringLiteral("nothing"), true, Milliseconds(100));
            c.amend(9, QStringLiteral("words"));
            c.toolFinished(QStringLiteral("nobody's"), {});
        });
        m_talk->ask(10, QStringLiteral("sales please"));
        QVERIFY(over(10));
        m_talk->rules.inside([&] { m_talk->conversation->cancel(10); });
        letPass(*m_clock);
        QCOMPARE(m_talk->rules.endings, QStringList{QStringLiteral("10")});
        rulesWereKept();
    }

private:
    static void addProviders(bool onlyVendors = false)
    {
        QTest::addColumn<QString>("provider");
        for (const QString& name : Names)
            if (!onlyVendors || name != QLatin1String("receptionist")) // which says what its script says
                QTest::addRow("%s", qPrintable(name)) << name;
    }
    void open() { m_talk = std::make_unique<Talk>(*m_mind->provider); }
    bool over(int turn)
    {
        return QTest::qWaitFor([&] { return m_talk->rules.isOver(turn); }, 60000);
    }
    void rulesWereKept() { QCOMPARE(m_talk->rules.wrongs, QStringList()); }

    std::unique_ptr<FakeClock> m_clock;
    std::shared_ptr<HttpPool> m_pool;
    std::unique_ptr<Mind> m_mind;
    std::unique_ptr<Talk> m_talk;
};

QTEST_GUILESS_MAIN(TestModels)
#include "tst_models.moc"
