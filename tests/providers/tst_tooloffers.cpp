// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/persona.h"
#include "engine/providers/speech.h"
#include "engine/providers/tooloffers.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav::providers;

namespace {

CallInfo callWith(const Persona& persona)
{
    CallInfo call;
    call.persona = std::make_shared<const Persona>(persona);
    return call;
}

QStringList namesOf(const QList<ToolOffer>& offers)
{
    QStringList names;
    for (const ToolOffer& offer : offers)
        names += offer.name;
    return names;
}

} // namespace

/// What a persona lets its model do, as the model is told.
class TestToolOffers final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aPersonaOffersWhatItHasAndNothingElse()
    {
        QVERIFY(toolOffers({}).isEmpty());
        QVERIFY(toolOffers(callWith({})).isEmpty());
        Persona persona;
        persona.tools = QStringList{u"send_dtmf"_s, u"end_call"_s, u"take_message"_s};
        HttpTool price;
        price.name = u"price"_s;
        price.description = u"The price."_s;
        persona.httpTools = {price};
        const auto offers = toolOffers(callWith(persona));
        QCOMPARE(namesOf(offers), (QStringList{u"end_call"_s, u"take_message"_s, u"send_dtmf"_s, u"price"_s}));
        QCOMPARE(offers[2].parameters.value(u"required"_s).toArray(), QJsonArray{u"digits"_s});
        QCOMPARE(offers[3].description, u"The price."_s);
        for (const ToolOffer& offer : offers)
            QCOMPARE(offer.parameters.value(u"type"_s).toString(), u"object"_s);
    }

    void whomACallCanBePassedOnToIsAClosedList()
    {
        Persona persona;
        persona.tools = QStringList{u"transfer"_s};
        persona.transferTargets = {{u"front desk"_s, u"+15551230008"_s}, {u"מכירות"_s, u"+972501234567"_s}};
        const QJsonObject parameters = toolOffers(callWith(persona)).value(0).parameters;
        const QJsonObject to = parameters.value(u"properties"_s).toObject().value(u"to"_s).toObject();
        QCOMPARE(to.value(u"enum"_s).toArray(), (QJsonArray{u"front desk"_s, u"מכירות"_s}));
        QCOMPARE(to.value(u"type"_s).toString(), u"string"_s);
        QVERIFY(parameters.value(u"required"_s).toArray().isEmpty()); // "whoever is there" is a wish as well
        QVERIFY(!QJsonDocument(parameters).toJson().contains("+")); // numbers are nobody's business
        persona.transferTargets.clear();
        QVERIFY(!QJsonDocument(toolOffers(callWith(persona)).value(0).parameters).toJson().contains("enum"));
    }
};

QTEST_GUILESS_MAIN(TestToolOffers)
#include "tst_tooloffers.moc"
