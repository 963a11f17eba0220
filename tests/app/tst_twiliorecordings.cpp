// SPDX-License-Identifier: Apache-2.0
#include "engine/app/twiliorecordings.h"
#include "tests/support/fakeclock.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;

namespace {

/// A REST service that refuses everything, a little later: there is nothing to sign in with.
struct Desk final {
    test::FakeClock clock;
    providers::HttpPool http{clock};
    telephony::TwilioRest rest{{}, http, clock};
    session::Housekeeper housekeeper{{}, clock};
    QStringList log;

    std::unique_ptr<TwilioRecordings> recordings(telephony::TwilioRest* by)
    {
        return std::make_unique<TwilioRecordings>(by, QUrl(), clock, housekeeper,
            [this](const calllog::Entry& entry) { log += entry.callId + u' ' + entry.data[u"status"_s].toString(); });
    }
};

const QString Call = u"CA0123456789abcdef0123456789abcdef"_s;

} // namespace

class tst_TwilioRecordings final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aRefusalIsNoted();
    void anAnswerAfterItsEndIsNobodys();
    void withoutTheServiceNothingIsAskedAndThatIsSaidOnce();
};

void tst_TwilioRecordings::aRefusalIsNoted()
{
    Desk desk;
    const auto recordings = desk.recordings(&desk.rest);
    QVERIFY(recordings->request(Call, session::TwilioRecording::Start));
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(u"Twilio's recording: start failed"_s));
    QTRY_COMPARE(desk.log, QStringList{Call + u" failed"_s});
}

void tst_TwilioRecordings::anAnswerAfterItsEndIsNobodys()
{
    Desk desk;
    auto recordings = desk.recordings(&desk.rest);
    QVERIFY(recordings->request(Call, session::TwilioRecording::Start));
    session::StoredSound due;
    due.sid = u"RE0123456789abcdef0123456789abcdef"_s;
    recordings->remove(due);
    QCoreApplication::sendPostedEvents(recordings.get());
    QCOMPARE(desk.rest.pending(), 2);
    recordings.reset();
    QTRY_COMPARE(desk.rest.pending(), 0);
    QCOMPARE(desk.log, QStringList());
}

void tst_TwilioRecordings::withoutTheServiceNothingIsAskedAndThatIsSaidOnce()
{
    Desk desk;
    const auto recordings = desk.recordings(nullptr);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(u"Twilio cannot be asked to record"_s));
    QTest::failOnWarning(QRegularExpression(u".*"_s));
    QVERIFY(!recordings->request(Call, session::TwilioRecording::Start));
    QVERIFY(!recordings->request(Call, session::TwilioRecording::Discard));
    recordings->remove({});
    QCoreApplication::processEvents();
    QCOMPARE(desk.log, QStringList());
}

QTEST_GUILESS_MAIN(tst_TwilioRecordings)
#include "tst_twiliorecordings.moc"
