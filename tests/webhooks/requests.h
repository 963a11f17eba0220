// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliosignature.h"

#include <QString>

namespace kav::test {

/// A POST as Twilio sends it, from a peer on this machine; the test changes what it is about.
inline net::HttpRequest twilioPost(const QByteArray& path, const QList<telephony::FormField>& fields)
{
    net::HttpRequest request;
    request.method = "POST";
    request.target = path;
    request.path = path.left(path.indexOf('?') < 0 ? path.size() : path.indexOf('?'));
    request.query = path.mid(request.path.size() + 1);
    request.headers = {
        {"host", "127.0.0.1:5000"}, {"content-type", "application/x-www-form-urlencoded; charset=UTF-8"}};
    request.body = telephony::FormBody(fields).encode();
    request.peer = QHostAddress(QHostAddress::LocalHost);
    return request;
}

inline net::HttpRequest upgradeRequest(const QByteArray& path)
{
    net::HttpRequest request;
    request.method = "GET";
    request.target = path;
    request.path = path;
    request.headers = {{"host", "127.0.0.1:5000"}, {"upgrade", "websocket"}};
    request.peer = QHostAddress(QHostAddress::LocalHost);
    return request;
}

inline void sign(net::HttpRequest& request, const QByteArray& token, const QByteArray& url)
{
    const auto form = telephony::FormBody::parse(request.body);
    request.headers.emplaceBack("x-twilio-signature",
        telephony::computeSignature(token, url, form ? form->fields() : QList<telephony::FormField>()));
}

inline QList<telephony::FormField> callFields(
    const QString& callSid = QStringLiteral("CA0123456789abcdef0123456789abcdef"))
{
    const auto field = [](const char* name, const QString& value) {
        return telephony::FormField{QString::fromLatin1(name), value};
    };
    return {field("CallSid", callSid), field("AccountSid", QStringLiteral("AC0123456789abcdef0123456789abcdef")),
        field("From", QStringLiteral("+972501234567")), field("To", QStringLiteral("+97231234567")),
        field("CallStatus", QStringLiteral("ringing")), field("Direction", QStringLiteral("inbound")),
        field("ApiVersion", QStringLiteral("2010-04-01"))};
}

inline void setField(QList<telephony::FormField>& fields, const QString& name, const QString& value)
{
    for (telephony::FormField& field : fields) {
        if (field.name == name) {
            field.value = value;
            return;
        }
    }
    fields.append({name, value});
}

} // namespace kav::test
