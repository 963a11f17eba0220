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
        RenderedLines lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(voice, {m_hello, m_bye, m_wait});
        QVERIFY(renderer.isRendering());
        QCOMPARE(lines.count(), 0); // nothing happens inside the call
        QVERIFY(finished.wait());
        QCOMPARE(finished.first(), (QVariantList{3, 0}));
        QVERIFY(!renderer.isRendering());
        QCOMPARE(lines.count(), 3);
        for (const QString& line : {m_hello, m_bye, m_wait})
            QCOMPARE(lines.find(line).value(), voice->audioOf(line));
        QCOMPARE(lines.bytes(), (m_hello.size() + m_bye.size() + m_wait.size()) * 480);
        QVERIFY(!lines.find(QStringLiteral("hello.")));
    }

    void saysNothingTwice()
    {
        const auto voice = std::make_shared<test::StandInTextToSpeech>();
        RenderedLines lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(voice, {m_hello, m_hello, QString(), QStringLiteral("  ")});
        renderer.render(voice, {m_hello, m_bye});
        QVERIFY(finished.wait());
        QCOMPARE(finished.first(), (QVariantList{2, 0}));
        renderer.render(voice, {m_bye});
        QVERIFY(finished.wait());
        QCOMPARE(finished.last(), (QVariantList{0, 0}));
        QCOMPARE(voice->requests(), 2);
    }

    void anotherVoiceReplacesTheFirst()
    {
        const auto first = std::make_shared<test::StandInTextToSpeech>();
        test::StandInTextToSpeech::Settings slow;
        slow.perCharacter = Milliseconds(100);
        const auto better = std::make_shared<test::StandInTextToSpeech>(slow);
        RenderedLines lines;
        LineRenderer renderer(lines, {.parallel = 1}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(first, {m_hello, m_bye});
        QVERIFY(finished.wait());
        renderer.render(better, {m_hello});
        renderer.render(better, {m_hello});
        QVERIFY(finished.wait());
        QCOMPARE(finished.last(), (QVariantList{1, 0}));
        QCOMPARE(lines.find(m_hello).value(), better->audioOf(m_hello));
        QCOMPARE(lines.find(m_bye).value(), first->audioOf(m_bye));
        // The better one comes while the first is at work: its lines come last, and stay.
        renderer.render(first, {m_hello, QStringLiteral("New.")});
        renderer.render(better, {m_hello, QStringLiteral("New.")});
        QVERIFY(finished.wait());
        QCOMPARE(finished.last(), (QVariantList{4, 0}));
        QCOMPARE(lines.find(m_hello).value(), better->audioOf(m_hello));
        QCOMPARE(lines.find(QStringLiteral("New.")).value(), better->audioOf(QStringLiteral("New.")));
    }

    void aFailureOfOneDoesNotStopTheRest()
    {
        test::StandInTextToSpeech::Settings settings;
        settings.manners.fault = Fault::Fail;
        settings.manners.faultAt = 2;
        settings.manners.faultAfterPieces = 1;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        RenderedLines lines;
        LineRenderer renderer(lines, {}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        expectOneLost("unavailable: injected fault$");
        renderer.render(voice, {m_hello, m_bye, m_wait});
        QVERIFY(finished.wait());
        QCOMPARE(finished.first(), (QVariantList{2, 1}));
        QVERIFY(!lines.find(m_bye)); // half a line is none
        QVERIFY(lines.find(m_wait));
    }

    void aSilentSynthesiserIsGivenUpAtTheDeadline()
    {
        test::StandInTextToSpeech::Settings settings;
        settings.manners.fault = Fault::Hang;
        settings.manners.faultAt = 1;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        RenderedLines lines;
        LineRenderer renderer(lines, {.parallel = 1}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(voice, {m_hello, m_bye});
        QTRY_COMPARE(voice->requests(), 1);
        m_clock.advance(Milliseconds(19999));
        renderer.tick();
        QCOMPARE(voice->requests(), 1);
        expectOneLost("no end within 20000 ms$");
        m_clock.advance(Milliseconds(1));
        renderer.tick();
        QVERIFY(finished.wait());
        QCOMPARE(finished.first(), (QVariantList{1, 1}));
        QVERIFY(lines.find(m_bye));
    }

    void rendersAFewAtATime()
    {
        const auto gate = std::make_shared<test::StandInGate>();
        test::StandInTextToSpeech::Settings settings;
        settings.manners.gate = gate;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        RenderedLines lines;
        LineRenderer renderer(lines, {.parallel = 2}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        renderer.render(voice, {m_hello, m_bye, m_wait});
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
        RenderedLines lines;
        LineRenderer renderer(lines, {.lineBytes = 8000}, m_clock);
        QSignalSpy finished(&renderer, &LineRenderer::finished);
        expectOneLost("it is longer than 1 s$");
        renderer.render(voice, {QString(100, QLatin1Char('x')), m_hello});
        QVERIFY(finished.wait());
        QCOMPARE(finished.first(), (QVariantList{1, 1}));
    }

    void deletionStopsEverything()
    {
        const auto gate = std::make_shared<test::StandInGate>();
        test::StandInTextToSpeech::Settings settings;
        settings.manners.gate = gate;
        const auto voice = std::make_shared<test::StandInTextToSpeech>(settings);
        RenderedLines lines;
        {
            LineRenderer renderer(lines, {}, m_clock);
            renderer.render(voice, {m_hello});
            QTRY_COMPARE(gate->waiting(), 1);
        }
        QCOMPARE(gate->waiting(), 0);
        QCOMPARE(lines.count(), 0);
    }
};

QTEST_GUILESS_MAIN(TstLineRenderer)
#include "tst_linerenderer.moc"
