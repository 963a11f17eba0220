// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/jsonwriter.h"

#include <QJsonDocument>

#include <charconv>
#include <cmath>
#include <cstring>

namespace kav::protocol {

char* JsonWriter::room(qsizetype bytes)
{
    if (m_size + bytes > m_buffer.size())
        m_buffer.resize(qMax(m_size + bytes, m_buffer.size() * 2));
    return m_buffer.data() + m_size;
}

void JsonWriter::raw(QByteArrayView json)
{
    if (json.isEmpty())
        return;
    std::memcpy(room(json.size()), json.data(), std::size_t(json.size()));
    m_size += json.size();
}

void JsonWriter::begin(char bracket)
{
    *room(1) = bracket;
    ++m_size;
    m_first = true;
}

void JsonWriter::end(char bracket)
{
    *room(1) = bracket;
    ++m_size;
    m_first = false;
}

void JsonWriter::comma()
{
    if (!m_first) {
        *room(1) = ',';
        ++m_size;
    }
    m_first = false;
}

void JsonWriter::key(std::string_view name)
{
    char* to = room(qsizetype(name.size()) + 4);
    char* const start = to;
    if (!m_first)
        *to++ = ',';
    m_first = false;
    *to++ = '"';
    std::memcpy(to, name.data(), name.size());
    to += name.size();
    *to++ = '"';
    *to++ = ':';
    m_size += to - start;
}

void JsonWriter::word(std::string_view name, std::string_view word)
{
    key(name);
    char* const to = room(qsizetype(word.size()) + 2);
    to[0] = '"';
    std::memcpy(to + 1, word.data(), word.size());
    to[word.size() + 1] = '"';
    m_size += qsizetype(word.size()) + 2;
}

void JsonWriter::write(bool value)
{
    raw(value ? QByteArrayView("true") : QByteArrayView("false"));
}

void JsonWriter::write(qint64 value)
{
    char* const to = room(20);
    m_size += std::to_chars(to, to + 20, value).ptr - to;
}

void JsonWriter::write(double value)
{
    char* const to = room(32);
    // The shortest text that reads back as the same number. JSON has no word for what is not finite.
    m_size += std::to_chars(to, to + 32, std::isfinite(value) ? value : 0.0).ptr - to;
}

void JsonWriter::write(const QString& value)
{
    static constexpr char Hex[] = "0123456789abcdef";
    const char16_t* from = reinterpret_cast<const char16_t*>(value.utf16());
    const char16_t* const last = from + value.size();
    // No unit needs more than six bytes ("\u001f"); a text that needs room for them all is rare.
    char* to = room(qsizetype(value.size()) * 6 + 2);
    char* const start = to;
    const auto escaped = [&to](char16_t unit) {
        std::memcpy(to, "\\u", 2);
        for (int i = 0; i < 4; ++i)
            to[2 + i] = Hex[(unit >> (12 - 4 * i)) & 0xf];
        to += 6;
    };
    *to++ = '"';
    while (from != last) {
        const char16_t unit = *from++;
        if (unit >= 0x20 && unit < 0x80) {
            if (unit == u'"' || unit == u'\\')
                *to++ = '\\';
            *to++ = char(unit);
        } else if (unit < 0x20) {
            if (unit == u'\n') {
                *to++ = '\\';
                *to++ = 'n';
            } else {
                escaped(unit);
            }
        } else if (unit < 0x800) {
            *to++ = char(0xc0 | (unit >> 6));
            *to++ = char(0x80 | (unit & 0x3f));
        } else if (!QChar::isSurrogate(unit)) {
            *to++ = char(0xe0 | (unit >> 12));
            *to++ = char(0x80 | ((unit >> 6) & 0x3f));
            *to++ = char(0x80 | (unit & 0x3f));
        } else if (QChar::isHighSurrogate(unit) && from != last && QChar::isLowSurrogate(*from)) {
            const char32_t point = QChar::surrogateToUcs4(unit, *from++);
            *to++ = char(0xf0 | (point >> 18));
            *to++ = char(0x80 | ((point >> 12) & 0x3f));
            *to++ = char(0x80 | ((point >> 6) & 0x3f));
            *to++ = char(0x80 | (point & 0x3f));
        } else {
            escaped(unit); // half of a pair has no UTF-8; as an escape it travels unharmed
        }
    }
    *to++ = '"';
    m_size += to - start;
}

void JsonWriter::write(const QByteArray& value)
{
    raw("\"");
    raw(value.toBase64());
    raw("\"");
}

void JsonWriter::write(const QDateTime& value)
{
    write(value.isValid() ? qMax(qint64(0), value.toMSecsSinceEpoch()) : qint64(0));
}

void JsonWriter::write(const QJsonObject& value)
{
    raw(QJsonDocument(value).toJson(QJsonDocument::Compact));
}

} // namespace kav::protocol
