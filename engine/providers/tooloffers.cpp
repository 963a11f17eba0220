// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/tooloffers.h"

#include "engine/providers/persona.h"
#include "engine/providers/speech.h"

#include <QJsonArray>

#include <algorithm>

namespace kav::providers {
namespace {

QJsonObject argumentsSchema(const QJsonObject& properties, const QStringList& required)
{
    return {{QStringLiteral("type"), QStringLiteral("object")}, {QStringLiteral("properties"), properties},
        {QStringLiteral("required"), QJsonArray::fromStringList(required)}};
}

QJsonObject textSchema(const QString& description)
{
    return {{QStringLiteral("type"), QStringLiteral("string")}, {QStringLiteral("description"), description}};
}

ToolOffer transferOffer(const QList<TransferTarget>& targets)
{
    QJsonObject to = textSchema(QStringLiteral("Whom the caller wants; leave it out when they do not care."));
    QJsonArray names;
    for (const TransferTarget& target : targets)
        names.append(target.name);
    if (!names.isEmpty())
        to.insert(QStringLiteral("enum"), names);
    QJsonObject properties{{QStringLiteral("to"), to}};
    // Only who is asked first hears it.
    if (std::any_of(targets.begin(), targets.end(), [](const TransferTarget& target) { return target.warm; }))
        properties.insert(QStringLiteral("summary"),
            textSchema(QStringLiteral("One or two sentences for the person who is called, in the language of the "
                                      "call: who is calling, and what about.")));
    return {QStringLiteral("transfer"),
        QStringLiteral("Connects the caller to a person. Say that you are doing so in the same answer."),
        argumentsSchema(properties, {})};
}

} // namespace

QList<ToolOffer> toolOffers(const CallInfo& call)
{
    QList<ToolOffer> offers;
    if (!call.persona)
        return offers;
    const QStringList& tools = call.persona->tools;
    if (tools.contains(QLatin1String("end_call")))
        offers.append({QStringLiteral("end_call"),
            QStringLiteral(
                "Hangs up when the conversation is over. Say goodbye in the same answer, before calling it."),
            argumentsSchema({}, {})});
    if (tools.contains(QLatin1String("transfer")))
        offers.append(transferOffer(call.persona->transferTargets));
    if (tools.contains(QLatin1String("take_message")))
        offers.append({QStringLiteral("take_message"),
            QStringLiteral("Records what the caller says next as a message. Ask the caller to speak after the tone in "
                           "the same answer."),
            argumentsSchema({}, {})});
    if (tools.contains(QLatin1String("send_dtmf")))
        offers.append({QStringLiteral("send_dtmf"), QStringLiteral("Sends keypad tones into the call."),
            argumentsSchema({{QStringLiteral("digits"),
                                textSchema(QStringLiteral("The keys: 0 to 9, * and #; w waits half a second."))}},
                {QStringLiteral("digits")})});
    if (tools.contains(QLatin1String("ask_keys"))) {
        const auto count = [](const QString& what) {
            return QJsonObject{{QStringLiteral("type"), QStringLiteral("integer")}, {QStringLiteral("description"), what}};
        };
        offers.append({QStringLiteral("ask_keys"),
            QStringLiteral("Takes digits from the caller's keypad as one entry, which is the caller's next turn. Ask the "
                           "caller to key them in the same answer."),
            argumentsSchema({{QStringLiteral("min"), count(QStringLiteral("The fewest keys of it."))},
                                {QStringLiteral("max"), count(QStringLiteral("The most keys of it."))},
                                {QStringLiteral("sensitive"),
                                    QJsonObject{{QStringLiteral("type"), QStringLiteral("boolean")},
                                        {QStringLiteral("description"),
                                            QStringLiteral("True for card numbers, codes and the like: they are kept "
                                                           "nowhere.")}}}},
                {QStringLiteral("max")})});
    }
    for (const HttpTool& tool : call.persona->httpTools)
        offers.append(
            {tool.name, tool.description, tool.parameters.isEmpty() ? argumentsSchema({}, {}) : tool.parameters});
    return offers;
}

} // namespace kav::providers
