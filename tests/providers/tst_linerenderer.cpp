// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linerenderer.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QRegularExpression>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::providers;
using Fault = kav::test::StandInManners::Fault;

class TstLineRenderer final : public QObject {
    Q_OBJECT

private:
    test::FakeClock m_clock;
    const QString m_hello = QStringLiteral("Hello.");
    const QString m_bye = QStringLiteral("Goodbye.");
    const QString m_wait = QStringLiteral("One moment, please.");

    /// What the configuration knows, and asks for.
    static QList<LineOrder> orders(LineCache& lines, const std::shared_ptr<TextToSpeech>& voice,
        const QStringList& texts, const QString& language = QStringLiteral("en-US"))
    {
        QList<LineOrder> all;
        QSet<QByteArray> known;
        for (const QString& text : texts) {
            all += {keyOf(text, language), voice, {text, language, {}}};
            known.insert(all.last().key);
        }
        lines.setKnown(known);
        return all;
    }
    static QByteArray keyOf(const QString& text, const QString& language = QStringLiteral("en-US"))
    {
        return SpokenLine{QStringLiteral("stand-in"), {}, {}, language, text}.key();
    }
    static QByteArray sound(LineCache& lines, const QString& text)
    {
        return lines.find({keyOf(text)}).value_or(QByteArray());
    }

    static void expectOneLost(const char* why)
    {
        QTest::ignoreMessage(QtWarningMsg,
            QRegularExpression(QLatin1String("^a line of \\d+ characters was not rendered: ") + QLatin1String(why)));
    }

private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    void rendersEveryLineWordForWord()
    {
        const auto voice = std::make_shared<test::StandInTextToSpeech>();
        LineCache lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(orders(lines, voice, {m_hello, m_bye, m_wait}));
        QVERIFY(renderer.isRendering());
        QCOMPARE(lines.counters().lines, 0); // nothing happens inside the call
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{3, 0}));
        QVERIFY(!renderer.isRendering());
        QCOMPARE(lines.counters().lines, 3);
        for (const QString& line : {m_hello, m_bye, m_wait})
            QCOMPARE(sound(lines, line), voice->audioOf(line));
        QVERIFY(!lines.contains(keyOf(QStringLiteral("hello."))));
    }

    void saysNothingTwice()
    {
        const auto voice = std::make_shared<test::StandInTextToSpeech>();
        LineCache lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(orders(lines, voice, {m_hello, m_hello, QString(), QStringLiteral("  ")}));
        renderer.render(orders(lines, voice, {m_hello, m_bye}));
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{2, 0}));
        renderer.render(orders(lines, voice, {m_bye}));
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.last(), (QVariantList{0, 0}));
        QCOMPARE(voice->requests(), 2);
    }

    void whatACallHasSaidMeanwhileIsNotSaidAgain()
    {
        const auto voice = std::make_shared<test::StandInTextToSpeech>();
        LineCache lines;
        LineRenderer renderer(lines, {.parallel = 1}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(orders(lines, voice, {m_hello, m_bye}));
        lines.insert(keyOf(m_bye), voice->audioOf(m_bye));
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{1, 0}));
        QCOMPARE(voice->requests(), 1);
    }

    void aVoiceThatLacksALanguageIsNotAskedForAllOfIt()
    {
        test::StandInTextToSpeech::Settings settings;
        settings.manners.fault = Fault::Fail;
        const auto broken = std::make_shared<test::StandInTextToSpeech>(settings);
        const auto sound = std::make_shared<test::StandInTextToSpeech>();
        LineCache lines;
        LineRenderer renderer(lines, {.parallel = 1}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        QStringList texts;
        for (int i = 0; i < 10; ++i)
            texts += QStringLiteral("Line %1.").arg(i);
        const auto hebrew = orders(lines, broken, texts, QStringLiteral("he-IL"));
        const auto english = orders(lines, sound, {m_hello, m_bye});
        for (int i = 0; i < 3; ++i)
            expectOneLost("unavailable: injected fault$");
        QTest::ignoreMessage(
            QtWarningMsg, QRegularExpression(QStringLiteral("does not render lines in he-IL now; 7 more")));
        renderer.render(hebrew + english);
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{2, 10}));
        QCOMPARE(broken->requests(), 3);
        QCOMPARE(sound->requests(), 2);
    }

    void aFailureOfOneDoesNotStopTheRest()
    {
        test::StandInTextToSpeech::Settings settings;
        settings.manners.fault = Fault::Fail;
        settings.manners.faultAt = 2;
        settings.manners.faultAfterPieces = 1;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        LineCache lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        expectOneLost("unavailable: injected fault$");
        renderer.render(orders(lines, voice, {m_hello, m_bye, m_wait}));
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{2, 1}));
        QVERIFY(!lines.contains(keyOf(m_bye))); // half a line is none
        QVERIFY(lines.contains(keyOf(m_wait)));
    }

    void aSilentSynthesiserIsGivenUpAtTheDeadline()
    {
        test::StandInTextToSpeech::Settings settings;
        settings.manners.fault = Fault::Hang;
        settings.manners.faultAt = 1;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        LineCache lines;
        LineRenderer renderer(lines, {.parallel = 1}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(orders(lines, voice, {m_hello, m_bye}));
        QTRY_COMPARE(voice->requests(), 1);
        m_clock.advance(Milliseconds(19999));
        renderer.tick();
        QCOMPARE(voice->requests(), 1);
        expectOneLost("no end within 20000 ms$");
        m_clock.advance(Milliseconds(1));
        renderer.tick();
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{1, 1}));
        QVERIFY(lines.contains(keyOf(m_bye)));
    }

    void rendersAFewAtATime()
    {
        const auto gate = std::make_shared<test::StandInGate>();
        test::StandInTextToSpeech::Settings settings;
        settings.manners.gate = gate;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        LineCache lines;
        LineRenderer renderer(lines, {.parallel = 2}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(orders(lines, voice, {m_hello, m_bye, m_wait}));
        QTRY_COMPARE(voice->requests(), 2);
        QCOMPARE(gate->waiting(), 2);
        while (finished.isEmpty()) {
            gate->release();
            QCoreApplication::processEvents();
        }
        QCOMPARE(finished.first(), (QVariantList{3, 0}));
    }

    void aLineWithoutAnEndIsCutOff()
    {
        const auto voice = std::make_shared<test::StandInTextToSpeech>();
        LineCache lines;
        LineRenderer renderer(lines, {.lineBytes = 8000}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        expectOneLost("it is longer than 1 s$");
        renderer.render(orders(lines, voice, {QString(100, QLatin1Char('x')), m_hello}));
        QVERIFY(finished.wait(30000));
        QCOMPARE(finished.first(), (QVariantList{1, 1}));
    }

    void deletionStopsEverything()
    {
        const auto gate = std::make_shared<test::StandInGate>();
        test::StandInTextToSpeech::Settings settings;
        settings.manners.gate = gate;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        LineCache lines;
        {
            LineRenderer renderer(lines, {}, m_clock);
            renderer.render(orders(lines, voice, {m_hello}));
            QTRY_COMPARE(gate->waiting(), 1);
        }
        QCOMPARE(gate->waiting(), 0);
        QCOMPARE(lines.counters().lines, 0);
    }
};

QTEST_GUILESS_MAIN(TstLineRenderer)
#include "tst_linerenderer.moc"
