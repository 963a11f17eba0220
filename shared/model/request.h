// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>
#include <QJsonObject>
#include <QList>
#include <QMetaType>
#include <QString>

#include <chrono>
#include <optional>

// What came in by the front door, as an operator may see it: nothing in it is secret, numbers are masked.
namespace kav {

enum class RequestKind {
    Webhook, ///< a POST or GET of Twilio's
    Stream, ///< an upgrade to a call's stream, or to nothing that is known
    Console, ///< an upgrade to /console
    Page, ///< any other: readiness, metrics, what does not exist
};
QString requestKindName(RequestKind kind); ///< "webhook", ...
std::optional<RequestKind> requestKindFromName(QStringView name);

enum class SignatureState {
    NotChecked, ///< there is no auth token to check it with, or nothing that is signed
    Valid,
    Missing,
    Wrong,
};
QString signatureStateName(SignatureState state); ///< "not-checked", ...
std::optional<SignatureState> signatureStateFromName(QStringView name);

/// How a request proved itself, or why it did not. Never a token, never a signature.
struct SignatureFinding final {
    SignatureState state = SignatureState::NotChecked;
    QString variant; ///< Valid: the spelling of the address that matched ("as requested"); Wrong: what differs
    QString signedUrl; ///< Wrong: the near address that was signed; empty: none is
    QString checkedUrl; ///< what the engine takes for the address of the request
    bool isExplained = true; ///< false: too many were refused at the time to look for a near address

    bool operator==(const SignatureFinding&) const = default;
};

struct RequestField final {
    QString name, value;
    bool operator==(const RequestField&) const = default;
};

/// How an upgraded connection ended.
struct ConnectionEnd final {
    int code = 0; ///< of the close: 1006 when the other side went without one
    bool byPeer = false;
    QString reason;
    qint64 messagesIn = 0, messagesOut = 0;
    qint64 bytesIn = 0, bytesOut = 0; ///< on the wire, TLS aside
    std::chrono::milliseconds lasted{0};

    bool operator==(const ConnectionEnd&) const = default;
};

/// One request and its answer.
struct RequestRecord final {
    QString id; ///< unique over all runs of an engine; of two from the same instant, they sort by it
    QDateTime at; ///< UTC: its head was there
    RequestKind kind = RequestKind::Webhook;
    QString method;
    QString path; ///< a stream's token is not in it
    QList<RequestField> parameters; ///< of the form, then of the address: the latter with a '?' before the name
    QList<RequestField> headers; ///< those that tell something
    QString peer;
    SignatureFinding signature;
    QString offered, given; ///< sub-protocols of an upgrade
    int status = 0; ///< 0: the client was gone before the answer
    QString reason; ///< why it was refused
    qint64 bytesIn = 0, bytesOut = 0; ///< head and body
    std::chrono::microseconds took{0}; ///< from the head's arrival until the answer was handed over
    QDateTime duplicateOf; ///< UTC: when the one came that this repeats; else not valid
    QString call;
    std::optional<ConnectionEnd> end; ///< of an accepted upgrade, when it is over
    int notKept = 0; ///< refused ones since the last that was kept: only counted, for they were too many

    bool isRefused() const { return status >= 400; }
    bool operator==(const RequestRecord&) const = default;
};

/// For the call log and for `--json`.
QJsonObject requestToJson(const RequestRecord& request);
/// Lenient: what is missing or of another type is as in a new record.
RequestRecord requestFromJson(const QJsonObject& json);

/// Which requests are wanted.
struct RequestFilter final {
    QString text; ///< found in path, peer, call, reason or a parameter's value; ASCII case does not matter
    QString call;
    std::optional<RequestKind> kind;
    bool refusedOnly = false;

    bool matches(const RequestRecord& request) const;
    bool operator==(const RequestFilter&) const = default;
};

/// Newest first: the order of every list of them.
bool isNewer(const RequestRecord& a, const RequestRecord& b);

} // namespace kav

Q_DECLARE_METATYPE(kav::RequestRecord)
