// SPDX-License-Identifier: Apache-2.0
#include "engine/session/answer.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::session;

namespace {

class Spoken final : public providers::Speech { };

} // namespace

class TestAnswer final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    /// A call that ends lets go of what it was saying, whose voice may be in the middle of a sentence.
    void anAnswerThatIsLetGoAsksForNothingMore()
    {
        QList<Spoken*> speeches;
        int looks = 0;
        Answer answer(
            1, [](const QString&, bool) { return std::nullopt; },
            [&speeches](const QString&) {
                auto speech = std::make_unique<Spoken>();
                speeches += speech.get();
                return speech;
            },
            [&looks] {
                ++looks;
                return Milliseconds(0);
            });
        answer.addText(u"One is said. Two is said. Three is said. Four is said. "_s);
        QCOMPARE(speeches.size(), 2);
        Q_EMIT speeches[0]->finished();
        QCOMPARE(speeches.size(), 3); // one sounds, one is ready behind it
        answer.retire();
        const int before = looks;
        Q_EMIT speeches[1]->audio(QByteArray(800, 'x'));
        Q_EMIT speeches[1]->finished();
        answer.retry();
        QCOMPARE(speeches.size(), 3);
        QCOMPARE(looks, before); // whom it would ask may be gone
    }
};

QTEST_GUILESS_MAIN(TestAnswer)
#include "tst_answer.moc"
