// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QString>
#include <QStringList>

namespace kav::telephony {

/// One name and its value, decoded.
struct FormField final {
    QString name;
    QString value;
    bool operator==(const FormField&) const = default;
};

struct FormLimits final {
    qsizetype bytes = 64 * 1024;
    qsizetype fields = 256;
};

/// An application/x-www-form-urlencoded document as an ordered list of fields; names may repeat. A plain value: what
/// webhooks read and the loopback caller writes. Order and repetition are kept because a signature covers them.
class FormBody final {
public:
    FormBody() = default;
    explicit FormBody(QList<FormField> fields);

    /// Strict where a mistake could hide something (a broken %-escape or a NUL is an error naming the field and the
    /// byte), lenient where the sender is merely odd: empty pieces between '&' are skipped, a piece without '=' has an
    /// empty value, and bytes that are no UTF-8 become U+FFFD and are counted.
    static Result<FormBody> parse(QByteArrayView body, const FormLimits& limits = FormLimits());
    QByteArray encode() const;

    void append(const QString& name, const QString& value);
    const QList<FormField>& fields() const { return m_fields; }
    bool contains(QStringView name) const;
    /// The first value of that name; empty when there is none.
    QString value(QStringView name) const;
    QStringList values(QStringView name) const;
    /// How many broken UTF-8 sequences were replaced by parse().
    int replacedSequences() const { return m_replaced; }

private:
    QList<FormField> m_fields;
    int m_replaced = 0;
};

} // namespace kav::telephony
