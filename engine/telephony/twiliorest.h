// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QUrl>

#include <functional>
#include <memory>
#include <optional>

namespace kav::telephony {

/// How Twilio's REST service is reached and who asks. A plain value, from the configuration.
struct RestSettings final {
    QString accountSid;
    QByteArray authToken; ///< signs in as the account, unless there is a key
    QString apiKeySid; ///< "SK...": signs in with `apiKeySecret`; the account stays in the path
    QByteArray apiKeySecret;
    QString apiUrl; ///< "https://host[:port]" instead of Twilio's own; region and edge then count for nothing
    QString region, edge; ///< api.EDGE.REGION.twilio.com; an edge without region means us1
    Milliseconds timeout{30'000}; ///< of one try; an update of a live call gets 10 s at most

    bool isUsable() const; ///< there is an account and something to sign in with
    /// "https://api.twilio.com", without a slash at its end.
    QString host() const;
};

/// Answering-machine detection of a call that goes out.
enum class MachineDetection {
    Off,
    Detect, ///< "Enable": who has answered, as soon as it is known
    AwaitBeep, ///< "DetectMessageEnd": of a machine, when its greeting is over
};

/// A call to be made. One of `url` and `twiml`.
struct NewCall final {
    QString to, from; ///< E.164
    QUrl url; ///< requested when it is answered
    QByteArray twiml; ///< at most 4000 characters
    QUrl statusCallback; ///< told of initiated, ringing, answered, completed
    std::chrono::seconds ring{60}; ///< at most 600
    std::chrono::seconds longest{0}; ///< 0: Twilio's own limit
    MachineDetection detection = MachineDetection::Off;
    QUrl detectionCallback; ///< set: the call goes on while it is found out
    QString sendDigits; ///< 0-9 * # w W, 32 at most; turns detection off
};

/// A call as Twilio knows it. Twilio gives nulls freely: an absent value is empty.
struct CallResource final {
    QString sid, parentSid, accountSid;
    QString from, to;
    QString status; ///< queued, ringing, in-progress, completed, busy, no-answer, failed, canceled
    QString direction, answeredBy;
    QDateTime startTime, endTime; ///< UTC
    std::optional<std::chrono::seconds> duration;
    std::optional<Milliseconds> queueTime;
    QString price, priceUnit;
    bool isFinal() const;
};

struct RecordingResource final {
    QString sid, callSid, status;
    QDateTime startTime; ///< UTC
    std::optional<std::chrono::seconds> duration;
    int channels = 0;
};

/// Which calls to list; what is empty does not count.
struct CallFilter final {
    QString status, to, from;
    QDateTime startedAfter; ///< UTC
    int pageSize = 50; ///< 1 to 1000
};

/// A number of the account, and where its calls go.
struct NumberResource final {
    QString sid, phoneNumber;
    QString voiceUrl, voiceMethod, statusCallback;
};

/// Twilio's REST service. Owned by the composition root, lives on the control thread; nothing blocks. Every `done` is
/// called once, on that thread, never from inside the method; after the client is gone none is.
///
/// What is tried again, and what never: 429 was not processed and is tried again after a jittered wait that doubles
/// (100 ms to 3 s, Retry-After where given and at most 30 s, four tries). What only reads, and an update that says how
/// a call shall be (hangUp, cancel, redirect), is tried again after a broken connection or a 5xx as well; a hang-up
/// eight times, because a leg that stays open costs money. A create is not, nor the start of a recording: it may have
/// been carried out; its error says so (Unavailable or Timeout), and whoever asked looks in listCalls().
///
/// Errors: Invalid for what Twilio refuses (its message and code stand in `message`), Denied for 401 and 403, NotFound
/// for 404, LimitExceeded for 429 to the last, Unavailable and Timeout for the way there and for answers that are not
/// understood. No whole number and no secret stands in one.
class TwilioRest final : public QObject {
    Q_OBJECT
public:
    template <typename T> using Done = std::function<void(const Result<T>&)>;

    /// `http` must outlive it. `random` gives 0..1, for the jitter; null: the system's.
    TwilioRest(RestSettings settings, providers::HttpPool& http, const Clock& clock,
        std::function<double()> random = {}, QObject* parent = nullptr);
    ~TwilioRest() override;

    const RestSettings& settings() const;

    void createCall(const NewCall& call, Done<CallResource> done);
    void fetchCall(const QString& callSid, Done<CallResource> done);
    void listCalls(const CallFilter& filter, Done<QList<CallResource>> done);
    /// Takes the call to another document; its stream ends there.
    void redirect(const QString& callSid, const QUrl& url, Done<CallResource> done);
    void redirectTo(const QString& callSid, const QByteArray& twiml, Done<CallResource> done);
    /// Ends it. A call that Twilio knows no more (404), or refuses to end because it has ended, is a success.
    void hangUp(const QString& callSid, Done<void> done);
    /// Ends it before it is answered.
    void cancel(const QString& callSid, Done<void> done);
    /// Twilio's own recording of a live call, both channels.
    void startRecording(const QString& callSid, const QUrl& statusCallback, Done<RecordingResource> done);
    /// "paused", "in-progress" or "stopped" for the recording under way.
    void updateRecording(const QString& callSid, const QString& status, Done<RecordingResource> done);
    void listRecordings(const QString& callSid, Done<QList<RecordingResource>> done);
    /// One that is not there any more (404) is deleted.
    void deleteRecording(const QString& recordingSid, Done<void> done);
    /// The account answers and is active: address and credentials are right.
    void checkCredentials(Done<void> done);
    /// Numbers of the account that are `phoneNumber`, or all of the first page.
    void listNumbers(const QString& phoneNumber, Done<QList<NumberResource>> done);

    /// Requests under way or waiting for their next try.
    int pending() const;
    struct Counters final {
        quint64 done = 0, failed = 0; ///< requests, with all their tries
        quint64 retries = 0; ///< tries after the first
    };
    const Counters& counters() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::telephony
