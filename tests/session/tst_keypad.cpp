// SPDX-License-Identifier: Apache-2.0
#include "engine/session/keypad.h"
#include "tests/support/fakeclock.h"

#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::session;
using namespace std::chrono_literals;

class TestKeypad final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void aSingleKeyIsAnEntryWhenNothingElseIsAskedFor()
    {
        Keypad keypad;
        QCOMPARE(keypad.press('1', m_clock.now()), QStringLiteral("1"));
        QCOMPARE(keypad.press('#', m_clock.now()), QStringLiteral("#"));
        QCOMPARE(keypad.tick(m_clock.now() + 1h), std::nullopt);
    }

    void anEntryClosesAtItsLength()
    {
        Keypad keypad;
        keypad.expect(numbers(3, 3));
        QCOMPARE(keypad.press('1', m_clock.now()), std::nullopt);
        QCOMPARE(keypad.press('2', m_clock.now()), std::nullopt);
        QCOMPARE(keypad.press('3', m_clock.now()), QStringLiteral("123"));
        QCOMPARE(keypad.press('4', m_clock.now()), std::nullopt); // of the next
    }

    void hashClosesAnEntryAndIsNotPartOfIt()
    {
        Keypad keypad;
        keypad.expect(numbers(7, 10));
        for (const char key : {'5', '5', '5', '1', '2', '3', '4'})
            QCOMPARE(keypad.press(key, m_clock.now()), std::nullopt);
        QCOMPARE(keypad.press('#', m_clock.now()), QStringLiteral("5551234"));
        QCOMPARE(keypad.press('#', m_clock.now()), std::nullopt); // nothing to close
    }

    void aPauseClosesAnEntryThatIsLongEnough()
    {
        Keypad keypad;
        keypad.expect(numbers(2, 10));
        QCOMPARE(keypad.press('4', m_clock.now()), std::nullopt);
        QCOMPARE(keypad.press('2', m_clock.now()), std::nullopt);
        QCOMPARE(keypad.tick(m_clock.now() + 2999ms), std::nullopt);
        QCOMPARE(keypad.tick(m_clock.now() + 3s), QStringLiteral("42"));
        QCOMPARE(keypad.tick(m_clock.now() + 10s), std::nullopt);
    }

    void tooFewKeysAreHandedOverAfterALongerPause()
    {
        Keypad keypad;
        keypad.expect(numbers(7, 10));
        QCOMPARE(keypad.press('4', m_clock.now()), std::nullopt);
        QCOMPARE(keypad.tick(m_clock.now() + 5999ms), std::nullopt);
        QCOMPARE(keypad.tick(m_clock.now() + 6s), QStringLiteral("4"));
    }

    void anotherShapeOfEntryDropsTheHalfMadeOne()
    {
        Keypad keypad;
        keypad.expect(numbers(7, 10));
        QCOMPARE(keypad.press('4', m_clock.now()), std::nullopt);
        keypad.expect(numbers(7, 10)); // the same question again: what was keyed stands
        QCOMPARE(keypad.press('#', m_clock.now()), QStringLiteral("4"));
        QCOMPARE(keypad.press('4', m_clock.now()), std::nullopt);
        keypad.expect({});
        QCOMPARE(keypad.press('1', m_clock.now()), QStringLiteral("1"));
    }

private:
    static providers::Expectation numbers(int min, int max)
    {
        providers::Expectation expectation;
        expectation.keypadMin = min;
        expectation.keypadMax = max;
        return expectation;
    }
    test::FakeClock m_clock;
};

QTEST_GUILESS_MAIN(TestKeypad)
#include "tst_keypad.moc"
