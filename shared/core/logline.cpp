// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logline.h"

#include <QChar>
#include <QStringView>
#include <QtEndian>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace kav {

namespace {

struct Level final {
    char letter;
    const char* name;
    char priority; // of syslog
    const char* colour;
};

Level levelOf(QtMsgType type)
{
    switch (type) {
    case QtDebugMsg:
        return {'D', "debug", '7', "\x1b[2m"};
    case QtInfoMsg:
        return {'I', "info", '6', ""};
    case QtWarningMsg:
        return {'W', "warning", '4', "\x1b[33m"};
    case QtCriticalMsg:
        return {'E', "error", '3', "\x1b[31m"};
    case QtFatalMsg:
        return {'F', "fatal", '2', "\x1b[1;31m"};
    }
    return {'I', "info", '6', ""};
}

/// What ends a line, moves the cursor or turns the text round.
bool isUnfit(char16_t unit)
{
    return unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || unit == 0x2028 || unit == 0x2029
        || (unit >= 0x202a && unit <= 0x202e) || (unit >= 0x2066 && unit <= 0x2069);
}

void appendEscaped(QByteArray& out, char16_t unit)
{
    char escaped[7];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(unit));
    out += escaped;
}

/// UTF-8 of `text`; half a surrogate pair becomes U+FFFD. JSON escapes `"` and `\` as well.
void appendText(QByteArray& out, QStringView text, bool json)
{
    for (qsizetype i = 0; i < text.size(); ++i) {
        char32_t point = text[i].unicode();
        if (isUnfit(char16_t(point))) {
            appendEscaped(out, char16_t(point));
            continue;
        }
        if (point < 0x80) {
            if (json && (point == U'"' || point == U'\\'))
                out += '\\';
            out += char(point);
            continue;
        }
        if (QChar::isHighSurrogate(point) && i + 1 < text.size() && text[i + 1].isLowSurrogate())
            point = QChar::surrogateToUcs4(char16_t(point), text[++i].unicode());
        else if (QChar::isSurrogate(point))
            point = QChar::ReplacementCharacter;
        if (point < 0x800) {
            out += char(0xc0 | (point >> 6));
        } else {
            if (point < 0x10000) {
                out += char(0xe0 | (point >> 12));
            } else {
                out += char(0xf0 | (point >> 18));
                out += char(0x80 | ((point >> 12) & 0x3f));
            }
            out += char(0x80 | ((point >> 6) & 0x3f));
        }
        out += char(0x80 | (point & 0x3f));
    }
}

void appendLatin(QByteArray& out, const char* text, bool json)
{
    appendText(out, QString::fromLatin1(text), json);
}

void appendTime(QByteArray& out, std::chrono::system_clock::time_point at, bool utc)
{
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    const std::time_t seconds = std::time_t(ms / 1000);
    std::tm parts{};
    utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts);
    char text[48];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s", parts.tm_year + 1900, parts.tm_mon + 1,
        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, int(ms % 1000), utc ? "Z" : "");
    out += text;
}

/// The call's id goes before a message that does not name it.
QString shownMessage(const LogLine& line)
{
    if (line.call.isEmpty() || line.message.contains(line.call))
        return line.message;
    return QStringLiteral("call=") + line.call + QLatin1Char(' ') + line.message;
}

void appendField(QByteArray& out, const char* name, const QByteArray& value)
{
    out += name;
    if (value.contains('\n')) {
        const quint64 size = qToLittleEndian(quint64(value.size()));
        out += '\n';
        out += QByteArray(reinterpret_cast<const char*>(&size), sizeof size);
    } else {
        out += '=';
    }
    out += value;
    out += '\n';
}

QByteArray utf8Of(const QString& text)
{
    QByteArray out;
    out.reserve(text.size() + 16);
    for (qsizetype begin = 0; begin <= text.size();) { // line breaks stay: the journal's fields may have them
        const qsizetype end = text.indexOf(QLatin1Char('\n'), begin);
        appendText(out, QStringView(text).mid(begin, end < 0 ? -1 : end - begin), false);
        if (end < 0)
            break;
        out += '\n';
        begin = end + 1;
    }
    return out;
}

} // namespace

void LogLine::setMessage(const QString& text)
{
    if (text.size() <= LongestMessage) {
        message = text;
        return;
    }
    qsizetype kept = LongestMessage;
    if (text[kept - 1].isHighSurrogate())
        --kept;
    message = text.left(kept) + QStringLiteral("… (%1 more characters)").arg(text.size() - kept);
}

void LogLine::setCategory(const char* name)
{
    const size_t length = std::min(std::strlen(name), category.size() - 1);
    std::memcpy(category.data(), name, length);
    category[length] = 0;
}

QByteArray humanLine(const LogLine& line, bool coloured)
{
    const Level level = levelOf(line.level);
    QByteArray out;
    out.reserve(line.message.size() + 96);
    appendTime(out, line.at, false);
    out += ' ';
    const bool colour = coloured && *level.colour;
    if (colour)
        out += level.colour;
    out += level.letter;
    out += ' ';
    appendLatin(out, line.category.data(), false);
    out += ": ";
    appendText(out, shownMessage(line), false);
    if (colour)
        out += "\x1b[0m";
    out += '\n';
    return out;
}

QByteArray jsonLine(const LogLine& line)
{
    QByteArray out;
    out.reserve(line.message.size() + 192);
    out += "{\"time\":\"";
    appendTime(out, line.at, true);
    out += "\",\"level\":\"";
    out += levelOf(line.level).name;
    out += "\",\"category\":\"";
    appendLatin(out, line.category.data(), true);
    if (!line.call.isEmpty()) {
        out += "\",\"call\":\"";
        appendText(out, line.call, true);
    }
    out += "\",\"thread\":\"";
    appendLatin(out, line.thread.data(), true);
    out += "\",\"message\":\"";
    appendText(out, line.message, true);
    out += "\"}\n";
    return out;
}

QByteArray journalEntry(const LogLine& line, const QByteArray& identifier)
{
    QByteArray out;
    out.reserve(line.message.size() + 256);
    appendField(out, "MESSAGE", utf8Of(shownMessage(line)));
    appendField(out, "PRIORITY", QByteArray(1, levelOf(line.level).priority));
    appendField(out, "SYSLOG_IDENTIFIER", identifier);
    appendField(out, "KAV_CATEGORY", line.category.data());
    if (!line.call.isEmpty())
        appendField(out, "KAV_CALL", utf8Of(line.call));
    appendField(out, "KAV_THREAD", line.thread.data());
    if (line.file) {
        appendField(out, "CODE_FILE", line.file);
        appendField(out, "CODE_LINE", QByteArray::number(line.sourceLine));
        if (line.function)
            appendField(out, "CODE_FUNC", line.function);
    }
    return out;
}

QByteArray prefixedLine(const LogLine& line)
{
    QByteArray out;
    out.reserve(line.message.size() + 64);
    out += '<';
    out += levelOf(line.level).priority;
    out += '>';
    appendLatin(out, line.category.data(), false);
    out += ": ";
    appendText(out, shownMessage(line), false);
    out += '\n';
    return out;
}

} // namespace kav
