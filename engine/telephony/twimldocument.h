// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QMap>
#include <QString>
#include <QStringList>

#include <vector>

namespace kav::telephony {

/// One verb of a TwiML document (or a noun inside one: Stream, Parameter, Number, Conference).
struct TwimlVerb final {
    enum class Kind {
        Connect,
        Start,
        Stream,
        Parameter,
        Say,
        Play,
        Pause,
        Record,
        Gather,
        Dial,
        Number,
        Conference,
        Redirect,
        Hangup,
        Reject,
    };
    Kind kind = Kind::Hangup;
    QString name; ///< as written, for timelines
    QMap<QString, QString> attributes;
    QString text; ///< trimmed
    std::vector<TwimlVerb> children;

    QString attribute(const QString& key) const { return attributes.value(key); }
    const TwimlVerb* child(Kind wanted) const;
    /// The <Parameter>s of a Stream.
    QMap<QString, QString> parameters() const;
};

/// A TwiML answer, read as Twilio reads it: names are case-sensitive, unknown verbs are skipped with a warning,
/// anything that is not well-formed XML under one <Response> is an error. A plain value; bounded, whatever the input:
/// 64 KiB, 256 elements, depth 8, no document type declaration (hence no entities to blow up).
class TwimlDocument final {
public:
    static Result<TwimlDocument> parse(const QByteArray& xml);

    const std::vector<TwimlVerb>& verbs() const { return m_verbs; }
    /// What Twilio's debugger would complain about.
    const QStringList& warnings() const { return m_warnings; }

private:
    std::vector<TwimlVerb> m_verbs;
    QStringList m_warnings;
};

} // namespace kav::telephony
