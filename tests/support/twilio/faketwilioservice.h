// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/loopbackcaller.h"
#include "tests/support/vendorserver.h"

#include <QMap>
#include <QTimer>

#include <functional>
#include <memory>
#include <vector>

namespace kav::test {

/// Twilio for integration tests: its REST service on loopback, and the telephone network behind it. Calls that are
/// created wait their turn (one a second), ring, are answered by scripted people, and obey the engine's TwiML; calls
/// come in by callIn(); REST redirects and ends them; numbers that are dialled and conferences are other legs. All that
/// is told the engine is signed. Time is the given clock's, so that a fake one makes minutes cost nothing. Lives on the
/// test's thread; needs its event loop.
///
///     FakeTwilioService twilio(clock, u"127.0.0.1:5000"_s);
///     twilio.people[u"+972501234567"_s].script = *parseScript(u"wait-agent-speaking\nsay hello\nwait-end");
///     // the engine's KAV_TWILIO_API_URL is twilio.apiUrl()
class FakeTwilioService final : public QObject, private telephony::LineExchange {
public:
    /// `engine`: "host:port" to which all connections to webhooks and streams go, whatever their URLs say, without TLS;
    /// empty: their URLs are loopback's, and are gone to.
    FakeTwilioService(const Clock& clock, const QString& engine, const QByteArray& token = "test_token");
    ~FakeTwilioService() override;

    // The account.
    QString accountSid = QStringLiteral("AC0123456789abcdef0123456789abcdef");
    const QByteArray authToken; ///< signs in to REST, and signs webhooks
    QString apiKeySid; ///< signs in too when set
    QByteArray apiKeySecret;
    struct Number final {
        QString phoneNumber;
        QUrl voiceUrl;
        QString voiceMethod = QStringLiteral("POST");
        QUrl statusCallback;
    };
    QList<Number> numbers; ///< when there are any, calls go out from them only
    QUrl apiUrl() const { return m_server.url(); }

    /// Who is at the other end of a number, and what they do.
    struct Person final {
        enum class Answer { Answers, Machine, NoAnswer, Busy, Fails };
        Answer answer = Answer::Answers;
        Milliseconds after{2000}; ///< rings for so long
        Milliseconds greeting{4000}; ///< of a machine, before its beep
        std::vector<telephony::ScriptStep> script; ///< none: listens until the end
    };
    QMap<QString, Person> people; ///< by number; a number without one answers after two seconds and listens

    /// What becomes of a callback about a call's progress; several make an order of their own.
    struct Fate final {
        int copies = 1; ///< 0: lost
        Milliseconds delay{0};
    };
    std::function<Fate(const telephony::FormBody&)> fate;

    /// What the REST service does to the next request that matches, once each.
    struct Fault final {
        enum class Kind { Answer, Hang, ResetBefore, ResetAfter };
        Kind kind = Kind::Answer; ///< ResetAfter: it has been carried out
        QByteArray path; ///< a part of it; empty: any
        int status = 500;
        QByteArray body, type = "application/json";
        QList<std::pair<QByteArray, QByteArray>> headers;
    };
    QList<Fault> faults;

    /// A call from outside to one of `numbers`; its SID.
    QString callIn(const QString& from, const QString& to, std::vector<telephony::ScriptStep> script);

    struct Call final {
        QString sid, parentSid, from, to, direction, status, answeredBy;
        QDateTime created, started, ended;
        Milliseconds queueTime{0};
        std::unique_ptr<telephony::LoopbackCaller> leg; ///< once it is answered, or came in
        QList<telephony::TimelineEvent> heard; ///< of the leg
        bool isBridged = false;
        QString conference; ///< it is in
        bool isFinal() const { return ended.isValid(); }

    private:
        friend class FakeTwilioService;
        telephony::FormBody wish; ///< as it was created
        Person person;
        int told = 0; ///< callbacks
        Instant answered;
        int ringing = 0; ///< its scheduled answer counts only while this is the same
    };
    const Call* call(const QString& sid) const;
    const Call* callTo(const QString& number) const; ///< the last one
    QStringList callsInOrder() const { return m_order; }
    QStringList conference(const QString& name) const; ///< CallSids in it

    // What happened.
    struct Request final {
        QByteArray method, path, query;
        telephony::FormBody form;
    };
    QList<Request> requests; ///< to the REST service
    struct Callback final {
        QUrl url;
        telephony::FormBody form;
    };
    QList<Callback> callbacks; ///< as they went out
    QStringList holdLines; ///< what waiting conference members were played

private:
    struct Conference;
    struct Hold;
    struct Recording;
    using Exchange = VendorExchange;

    void dial(telephony::LoopbackCaller& leg, const telephony::TwimlVerb& verb) override;
    bool keeps(telephony::LoopbackCaller& leg) override;
    void leave(telephony::LoopbackCaller& leg) override;

    void onRequest(Exchange& exchange);
    void answer(Exchange& exchange);
    void answerCall(Exchange& exchange, const QString& sid);
    void answerRecordings(Exchange& exchange, const QStringList& parts);
    void create(Exchange& exchange, const telephony::FormBody& form);
    void update(Exchange& exchange, Call& call, const telephony::FormBody& form);
    QJsonObject resource(const Call& call) const;

    Call& add(const QString& from, const QString& to, const QString& direction, const telephony::FormBody& wish);
    Call* find(const QString& sid);
    Call& of(const telephony::LoopbackCaller& leg);
    void startNext();
    void ring(Call& call);
    void pickUp(Call& call);
    void begin(Call& call, const QList<telephony::FormField>& more);
    void finish(Call& call, const QString& status);
    void endDialOf(Call& child, const QString& status);
    void progress(Call& call, const QString& event, const QString& status);
    void tell(const QUrl& url, const QString& method, const telephony::FormBody& form);
    void join(Call& call, const telephony::TwimlVerb& verb, const telephony::TwimlVerb& noun);
    void settle(Conference& conference);
    void depart(Call& call);
    void conferenceEvent(Conference& conference, const QString& event, const Call* call);
    void endRecording(Recording& recording, const QString& status);
    telephony::FormBody fields(const Call& call, const QString& status) const;
    void later(Milliseconds wait, std::function<void()> what);
    void poll();

    const Clock& m_clock;
    const QString m_engine;
    VendorServer m_server;
    std::unique_ptr<telephony::WebhookClient> m_webhooks;
    QMap<QString, std::shared_ptr<Call>> m_calls;
    QStringList m_order, m_queue;
    std::optional<Instant> m_lastStart;
    std::vector<std::unique_ptr<Conference>> m_conferences;
    std::vector<std::unique_ptr<Recording>> m_recordings;
    struct Due final {
        Instant at;
        std::function<void()> what;
    };
    std::vector<Due> m_due;
    QTimer m_timer;
};

} // namespace kav::test
