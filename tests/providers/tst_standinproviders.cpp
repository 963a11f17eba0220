// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "tests/support/standinproviders.h"

#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::providers;
using Fault = kav::test::StandInManners::Fault;

namespace {

UserTurn voiceTurn(int number, const QString& text)
{
    UserTurn turn;
    turn.turn = number;
    turn.text = text;
    return turn;
}

} // namespace

class TstStandInProviders final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theRecogniserHearsItsScript()
    {
        test::StandInSpeechToText::Settings settings;
        settings.script = {{QStringLiteral("sales please"), 0.8, {QStringLiteral("sales")}, true},
            {QStringLiteral("yes"), 0.9, {}, true}};
        test::StandInSpeechToText provider(settings);
        const auto stream = provider.open({});
        QStringList heard;
        connect(stream.get(), &SpeechToTextStream::partial, this,
            [&](int id, const Transcript& t) { heard += QStringLiteral("%1~%2").arg(id).arg(t.text); });
        connect(stream.get(), &SpeechToTextStream::finished, this,
            [&](int id, const Transcript& t) { heard += QStringLiteral("%1=%2").arg(id).arg(t.text); });
        const std::vector<qint16> frame(160);
        stream->write(frame); // no utterance is open: ignored
        for (int id = 1; id <= 3; ++id) {
            stream->beginUtterance(id, {});
            for (int i = 0; i < 15; ++i)
                stream->write(frame);
            stream->endUtterance(id);
        }
        QVERIFY(heard.isEmpty()); // nothing is emitted inside a call
        QTRY_COMPARE(heard.size(), 5);
        QCOMPARE(heard.join(QLatin1Char(' ')), QStringLiteral("1~sales 1=sales please 2=yes 3~sales 3=sales please"));
    }

    void aDroppedUtteranceIsNeverHeardOf()
    {
        test::StandInSpeechToText::Settings settings;
        settings.script = {{QStringLiteral("yes"), 0.9, {QStringLiteral("y")}, true}};
        test::StandInSpeechToText provider(settings);
        const auto stream = provider.open({});
        QSignalSpy partials(stream.get(), &SpeechToTextStream::partial);
        QSignalSpy finished(stream.get(), &SpeechToTextStream::finished);
        const std::vector<qint16> second(8000);
        stream->beginUtterance(1, {});
        stream->write(second);
        stream->endUtterance(1);
        stream->dropUtterance(1);
        stream->beginUtterance(2, {});
        stream->endUtterance(2);
        QVERIFY(finished.wait(30000));
        QCOMPARE(partials.count(), 0);
        QCOMPARE(finished.count(), 1);
        QCOMPARE(finished.first().first().toInt(), 2);
    }

    void theModelEchoesInChunks()
    {
        test::StandInLanguageModel::Settings settings;
        settings.chunk = 4;
        test::StandInLanguageModel provider(settings);
        const auto conversation = provider.open({});
        QStringList pieces;
        connect(conversation.get(), &Conversation::text, this, [&](int, const QString& delta) { pieces += delta; });
        QSignalSpy finished(conversation.get(), &Conversation::finished);
        conversation->ask(voiceTurn(1, QStringLiteral("hello")));
        QVERIFY(finished.wait(30000));
        QCOMPARE(pieces.size(), 4);
        QCOMPARE(pieces.join(QString()), QStringLiteral("You said hello."));
    }

    void askingATurnAgainReplacesIt()
    {
        test::StandInLanguageModel provider;
        const auto conversation = provider.open({});
        QString said;
        connect(conversation.get(), &Conversation::text, this, [&](int, const QString& delta) { said += delta; });
        QSignalSpy finished(conversation.get(), &Conversation::finished);
        conversation->ask(voiceTurn(1, QStringLiteral("one")));
        conversation->ask(voiceTurn(1, QStringLiteral("two")));
        conversation->ask(voiceTurn(2, QStringLiteral("three")));
        conversation->cancel(2);
        QVERIFY(finished.wait(30000));
        QCOMPARE(said, QStringLiteral("You said two."));
        QCOMPARE(finished.count(), 1);
    }

    void theVoiceIsATone()
    {
        test::StandInTextToSpeech provider;
        const auto speech = provider.speak({QStringLiteral("Hello, caller."), {}, {}});
        QByteArray sound;
        connect(speech.get(), &Speech::audio, this, [&](const QByteArray& mulaw) { sound += mulaw; });
        QSignalSpy finished(speech.get(), &Speech::finished);
        QVERIFY(finished.wait(30000));
        QCOMPARE(sound, provider.audioOf(QStringLiteral("Hello, caller.")));
        QCOMPARE(sound.size(), 14 * 480);
        std::vector<qint16> pcm(size_t(sound.size()));
        media::decodeMulaw({reinterpret_cast<const quint8*>(sound.constData()), size_t(sound.size())}, pcm);
        int crossings = 0;
        for (size_t i = 1; i < pcm.size(); ++i)
            crossings += (pcm[i - 1] < 0) != (pcm[i] < 0);
        const double hertz = crossings * 8000.0 / 2 / double(pcm.size());
        QVERIFY2(qAbs(hertz - 440) < 5, qPrintable(QString::number(hertz)));
    }

    void faultsStrikeWhereTheyAreSet_data()
    {
        QTest::addColumn<int>("fault");
        QTest::addColumn<int>("pieces");
        QTest::newRow("fails at once") << int(Fault::Fail) << 0;
        QTest::newRow("fails in the middle") << int(Fault::Fail) << 2;
        QTest::newRow("falls silent at once") << int(Fault::Hang) << 0;
        QTest::newRow("falls silent in the middle") << int(Fault::Hang) << 2;
    }
    void faultsStrikeWhereTheyAreSet()
    {
        QFETCH(int, fault);
        QFETCH(int, pieces);
        const auto gate = std::make_shared<test::StandInGate>();
        test::StandInTextToSpeech::Settings settings;
        settings.manners.gate = gate;
        settings.manners.fault = Fault(fault);
        settings.manners.faultAt = 2;
        settings.manners.faultAfterPieces = pieces;
        test::StandInTextToSpeech provider(settings);
        const QString text = QStringLiteral("a sentence of some length");
        const auto outcome = [&] {
            const auto speech = provider.speak({text, {}, {}});
            int heard = 0;
            QString end = QStringLiteral("silence");
            connect(speech.get(), &Speech::audio, this, [&] { ++heard; });
            connect(speech.get(), &Speech::finished, this, [&] { end = QStringLiteral("finished"); });
            connect(speech.get(), &Speech::failed, this, [&] { end = QStringLiteral("failed"); });
            while (gate->release() > 0)
                QCoreApplication::processEvents();
            return std::make_pair(heard, end);
        };
        QCOMPARE(outcome(), std::make_pair(15, QStringLiteral("finished")));
        const QString end = Fault(fault) == Fault::Fail ? QStringLiteral("failed") : QStringLiteral("silence");
        QCOMPARE(outcome(), std::make_pair(pieces, end));
        QCOMPARE(outcome(), std::make_pair(15, QStringLiteral("finished")));
    }
};

QTEST_GUILESS_MAIN(TstStandInProviders)
#include "tst_standinproviders.moc"
