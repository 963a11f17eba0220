// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/pocketsphinx.h"
#include "tests/support/fakeclock.h"

#include <QFile>
#include <QSignalSpy>
#include <QTest>
#include <QThreadPool>

#include <cmath>
#include <cstring>
#include <vector>

using namespace kav;
using namespace kav::providers;

namespace {

const QString Allison = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/");
const QString Wishes = QStringLiteral(
    "#JSGF V1.0;\ngrammar wishes;\npublic <wish> = sales | support | operator | [leave a] message | repeat |"
    " goodbye | hello | thank you | yes | no | help;\n");

/// The samples of a 16-bit mono WAV file; empty when it is not there (packages asterisk-core-sounds-en-wav).
std::vector<qint16> wav(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        QTest::qFail(
            qPrintable(QStringLiteral("%1 is missing; run packaging/install-deps.sh speech-samples test").arg(path)),
            __FILE__, __LINE__);
        return {};
    }
    const QByteArray bytes = file.readAll();
    const qsizetype data = bytes.indexOf("data");
    std::vector<qint16> samples(std::size_t(bytes.size() - data - 8) / 2);
    std::memcpy(samples.data(), bytes.constData() + data + 8, samples.size() * 2);
    return samples;
}

RecognitionContext context(const QString& grammar)
{
    RecognitionContext result;
    result.grammarName = QStringLiteral("wishes");
    result.grammar = grammar;
    return result;
}

void say(SpeechToTextStream& stream, const std::vector<qint16>& samples)
{
    for (std::size_t at = 0; at < samples.size(); at += 160)
        stream.write(std::span(samples).subspan(at, std::min<std::size_t>(160, samples.size() - at)));
}

} // namespace

class tst_Pocketsphinx final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        auto made = PocketsphinxSpeechToText::create({}, m_pool, m_clock);
        QVERIFY2(made.ok(), made.ok() ? "" : qPrintable(toString(made.error())));
        m_recogniser = *made;
    }

    void recordedWordsAreUnderstood_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("text");
        QTest::newRow("hello") << QStringLiteral("hello") << QStringLiteral("hello");
        QTest::newRow("message") << QStringLiteral("vm-message") << QStringLiteral("message");
        QTest::newRow("thank you") << QStringLiteral("auth-thankyou") << QStringLiteral("thank you");
        QTest::newRow("goodbye") << QStringLiteral("vm-goodbye") << QStringLiteral("goodbye");
    }

    void recordedWordsAreUnderstood()
    {
        QFETCH(QString, file);
        QFETCH(QString, text);
        const auto stream = m_recogniser->open(QStringLiteral("CA1"));
        QSignalSpy finished(stream.get(), &SpeechToTextStream::finished);
        stream->beginUtterance(1, context(Wishes));
        say(*stream, wav(Allison + file + QStringLiteral(".wav")));
        stream->endUtterance(1);
        QTRY_COMPARE(finished.count(), 1);
        QCOMPARE(finished[0][1].value<Transcript>().text, text);
    }

private:
    QThreadPool m_pool;
    test::FakeClock m_clock;
    std::shared_ptr<PocketsphinxSpeechToText> m_recogniser;
};

QTEST_GUILESS_MAIN(tst_Pocketsphinx)
#include "tst_pocketsphinx.moc"
