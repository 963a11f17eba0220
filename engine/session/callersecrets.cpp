// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callersecrets.h"

#include "shared/core/carddigits.h"

#include <algorithm>

namespace kav::session {

QString shownWords(const QString& words, bool sensitive)
{
    return sensitive ? maskDigits(words) : maskCardNumbers(words);
}

TurnRecord shownRecord(const TurnRecord& record, bool sensitive)
{
    TurnRecord result = record;
    result.callerText = shownWords(record.callerText, sensitive);
    result.agentText = shownWords(record.agentText, sensitive);
    result.heardText = shownWords(record.heardText, sensitive);
    return result;
}

QString CallerSecrets::forModel(const QString& words, bool isEntry, const TurnSecrecy& secrecy, bool modelSeesSecrets)
{
    if (secrecy.sensitive) {
        if (isEntry && !m_secrets.contains(words))
            m_secrets += words;
        if (!secrecy.keptFromModel)
            return words;
        if (!isEntry)
            return maskDigits(words);
        return QStringLiteral("[%1 keys, kept from you: keys:%2 stands for them in a tool's arguments]")
            .arg(words.size())
            .arg(m_secrets.indexOf(words) + 1);
    }
    // A number that was asked for is what a dialog works with; a card's that comes unasked is not.
    return modelSeesSecrets || secrecy.isNumber ? words : maskCardNumbers(words);
}

QString CallerSecrets::shownFact(const QString& value) const
{
    const bool isSecret = std::any_of(
        m_secrets.cbegin(), m_secrets.cend(), [&value](const QString& secret) { return value.contains(secret); });
    return isSecret ? maskDigits(value) : maskCardNumbers(value);
}

} // namespace kav::session
