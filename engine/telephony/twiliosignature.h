// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/formbody.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QString>

// X-Twilio-Signature: the proof that a request is Twilio's. Base64 of an HMAC-SHA1, under the account's primary auth
// token, of the URL as Twilio requested it followed by the sorted form fields. Pure functions; safe on any thread.
namespace kav::telephony {

/// The signature of a request for `url`. `fields` are those of a POSTed form, decoded; empty for GET, JSON and
/// upgrades. A repeated name counts once per distinct value, values in order.
QByteArray computeSignature(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields = {});

/// Compares in a time that depends on the lengths only.
bool equalInConstantTime(QByteArrayView a, QByteArrayView b);

/// How a request proved itself, or that it did not.
struct SignatureVerdict final {
    bool accepted = false;
    QByteArray url; ///< the spelling of the URL that matched; empty when none did
    QString variant; ///< which one that is, for a log: "as requested", "without port", ...
};

/// Checks a webhook. `url` is what Twilio was told to request (public scheme and host, path and raw query of the
/// request line). Accepted besides the exact spelling are only other spellings of the same resource: without its port,
/// with the scheme's default port, host in lower case, path and query with another legal escaping. Never another
/// scheme, host or path.
SignatureVerdict verifySignature(
    QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields, QByteArrayView signature);

/// What the URL's query says of the body's SHA-256, the first time it does; empty when it says nothing.
QByteArray bodyHashIn(QByteArrayView url);

/// Checks a webhook with a JSON body: the URL carries bodySHA256, which must be that of the raw body.
SignatureVerdict verifyJsonSignature(
    QByteArrayView authToken, QByteArrayView url, QByteArrayView body, QByteArrayView signature);

/// Checks a stream's upgrade request: Twilio signs the wss URL and no fields. Accepted are the URL with and without a
/// trailing slash, and both with :443. `url` must be a wss URL.
SignatureVerdict verifyUpgradeSignature(QByteArrayView authToken, QByteArrayView url, QByteArrayView signature);

/// A URL that was signed instead of the one that was checked.
struct NearMatch final {
    QString url; ///< fit for a log, its query left out: a GET's holds the caller's number. Empty: nothing near matches
    QString difference; ///< "scheme and port", "trailing slash", "host, form fields not signed"
};

/// For the log of a refused request: which URL *would* have matched (other scheme, trailing slash, port, one of
/// `otherHosts`, or the form left out), so that the operator sees what is configured wrongly. None: another token, or a
/// forgery. Costs dozens of hashes: call it at a bounded rate.
NearMatch findNearMatch(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields,
    QByteArrayView signature, const QList<QByteArray>& otherHosts = {});
/// The same as a sentence; empty when there is none.
QString explainMismatch(QByteArrayView authToken, QByteArrayView url, const QList<FormField>& fields,
    QByteArrayView signature, const QList<QByteArray>& otherHosts = {});

} // namespace kav::telephony
