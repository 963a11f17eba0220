// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"

#include "shared/core/masking.h"

#include <QStringDecoder>

namespace kav::telephony {

namespace {

int hexDigit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// The decoded bytes of one name or value, or what is wrong at which byte of the body.
Result<QByteArray> unescaped(QByteArrayView piece, qsizetype offset)
{
    QByteArray bytes;
    bytes.reserve(piece.size());
    for (qsizetype i = 0; i < piece.size(); ++i) {
        char c = piece[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            const int high = i + 2 < piece.size() ? hexDigit(piece[i + 1]) : -1;
            const int low = i + 2 < piece.size() ? hexDigit(piece[i + 2]) : -1;
            if (high < 0 || low < 0)
                return Error{Error::Code::Invalid, QStringLiteral("broken %-escape at byte %1").arg(offset + i), {}};
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return Error{Error::Code::Invalid, QStringLiteral("NUL at byte %1").arg(offset + i), {}};
        bytes += c;
    }
    return bytes;
}

QString decodedUtf8(const QByteArray& bytes, int& replaced)
{
    // A byte order mark is kept: it is part of what the sender signed.
    QStringDecoder decoder(
        QStringDecoder::Utf8, QStringDecoder::Flag::Stateless | QStringDecoder::Flag::ConvertInitialBom);
    const QString text = decoder.decode(bytes);
    if (decoder.hasError()) {
        const auto marks = text.count(QChar(QChar::ReplacementCharacter)) - bytes.count("\xef\xbf\xbd");
        replaced += static_cast<int>(qMax<qsizetype>(1, marks));
    }
    return text;
}

void appendEscaped(QByteArray& out, const QString& text)
{
    static constexpr char Hex[] = "0123456789ABCDEF";
    const QByteArray utf8 = text.toUtf8();
    for (const char c : utf8) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
            || c == '_' || c == '.' || c == '*';
        if (plain) {
            out += c;
        } else if (c == ' ') {
            out += '+';
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += Hex[byte >> 4];
            out += Hex[byte & 15];
        }
    }
}

} // namespace

FormBody::FormBody(QList<FormField> fields)
    : m_fields(std::move(fields))
{
}

Result<FormBody> FormBody::parse(QByteArrayView body, const FormLimits& limits)
{
    if (body.size() > limits.bytes) {
        return Error{Error::Code::LimitExceeded,
            QStringLiteral("form body of %1 bytes is over the limit of %2").arg(body.size()).arg(limits.bytes), {}};
    }
    FormBody form;
    qsizetype begin = 0;
    while (begin <= body.size()) {
        qsizetype end = body.indexOf('&', begin);
        if (end < 0)
            end = body.size();
        const QByteArrayView piece = body.sliced(begin, end - begin);
        const qsizetype offset = begin;
        begin = end + 1;
        if (piece.isEmpty())
            continue;
        if (form.m_fields.size() == limits.fields) {
            return Error{Error::Code::LimitExceeded, QStringLiteral("more than %1 form fields").arg(limits.fields), {}};
        }
        const qsizetype equals = piece.indexOf('=');
        const auto name = unescaped(equals < 0 ? piece : piece.first(equals), offset);
        if (!name)
            return Error{Error::Code::Invalid, QStringLiteral("form field name: ") + name.error().message, {}};
        const QString nameText = decodedUtf8(*name, form.m_replaced);
        QString valueText;
        if (equals >= 0) {
            const auto value = unescaped(piece.sliced(equals + 1), offset + equals + 1);
            if (!value) {
                return Error{Error::Code::Invalid,
                    QStringLiteral("form field %1: %2").arg(logSafe(nameText, 64), value.error().message), {}};
            }
            valueText = decodedUtf8(*value, form.m_replaced);
        }
        form.m_fields.append({nameText, valueText});
    }
    return form;
}

QByteArray FormBody::encode() const
{
    QByteArray out;
    for (const FormField& field : m_fields) {
        if (!out.isEmpty())
            out += '&';
        appendEscaped(out, field.name);
        out += '=';
        appendEscaped(out, field.value);
    }
    return out;
}

void FormBody::append(const QString& name, const QString& value)
{
    m_fields.append({name, value});
}

bool FormBody::contains(QStringView name) const
{
    for (const FormField& field : m_fields) {
        if (field.name == name)
            return true;
    }
    return false;
}

QString FormBody::value(QStringView name) const
{
    for (const FormField& field : m_fields) {
        if (field.name == name)
            return field.value;
    }
    return {};
}

QStringList FormBody::values(QStringView name) const
{
    QStringList found;
    for (const FormField& field : m_fields) {
        if (field.name == name)
            found += field.value;
    }
    return found;
}

} // namespace kav::telephony
