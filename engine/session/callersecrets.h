// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/model/call.h"

#include <QString>
#include <QStringList>

namespace kav::session {

/// How what the caller gives in a turn is to be kept. A plain value.
struct TurnSecrecy final {
    bool sensitive = false; ///< it was asked for as a secret
    bool keptFromModel = false; ///< from the model too
    bool isNumber = false; ///< it was to be a number

    static TurnSecrecy of(const providers::Expectation& expected)
    {
        return {expected.sensitive, expected.keptFromModel, expected.kind != providers::Expectation::Kind::Speech};
    }
};

/// Words as log, transcript and consoles may have them.
QString shownWords(const QString& words, bool sensitive);
TurnRecord shownRecord(const TurnRecord& record, bool sensitive);

/// What the caller of one call keyed as a secret. Owned by whatever holds the call; goes nowhere but into its tools.
class CallerSecrets final {
public:
    /// The caller's words, or keys, as the model gets them; an entry that is a secret is remembered.
    QString forModel(const QString& words, bool isEntry, const TurnSecrecy& secrecy, bool modelSeesSecrets);
    /// A conversation's fact, which goes into the call's record.
    QString shownFact(const QString& value) const;
    /// In the order of their references: see ToolRunner::setSecrets().
    const QStringList& all() const { return m_secrets; }

private:
    QStringList m_secrets;
};

} // namespace kav::session
