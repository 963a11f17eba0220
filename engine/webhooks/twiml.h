// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QList>
#include <QString>

#include <utility>
#include <vector>

// Writing TwiML. Text is escaped and stripped of what XML cannot hold; nothing is ever pasted.
namespace kav::webhooks {

/// One element with its attributes in order. A plain value.
struct TwimlElement final {
    QString name;
    QList<std::pair<QString, QString>> attributes;
    QString text;
    std::vector<TwimlElement> children;

    /// Adds an attribute; an empty value adds nothing.
    TwimlElement& with(const QString& attribute, const QString& value);
    TwimlElement& with(TwimlElement child);
};

/// The document: declaration, <Response>, the verbs.
QByteArray writeTwiml(const std::vector<TwimlElement>& verbs);

TwimlElement sayVerb(const QString& text, const QString& language, const QString& voice = {});
TwimlElement hangupVerb();
/// Any other verb or noun, by Twilio's name.
TwimlElement twimlVerb(const QString& name, const QString& text = {});

/// What is offered to Twilio for a call's audio.
struct StreamOffer final {
    QString url{}; ///< wss
    QString action{}; ///< requested when the stream is over; empty: the document goes on
    QString statusCallback{};
    QString name{}; ///< empty: Twilio names it by its sid
    QList<std::pair<QString, QString>>
        parameters{}; ///< arrive in `start`; name and value are cut to under 500 characters
};
TwimlElement connectVerb(const StreamOffer& offer);

} // namespace kav::webhooks
