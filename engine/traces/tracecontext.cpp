// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/tracecontext.h"

#include <QCryptographicHash>
#include <QRandomGenerator>

#include <algorithm>

namespace kav::traces {

namespace {
constexpr qsizetype TraceDigits = 32, SpanDigits = 16;
constexpr qsizetype ParentLength = 2 + 1 + TraceDigits + 1 + SpanDigits + 1 + 2;
constexpr quint64 RandomBits = 56;

bool areDigits(QByteArrayView text)
{
    return std::all_of(
        text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool isId(QByteArrayView text)
{
    return areDigits(text) && std::any_of(text.begin(), text.end(), [](char c) { return c != '0'; });
}
} // namespace

std::optional<TraceContext> parseTraceParent(QByteArrayView header)
{
    header = header.trimmed();
    if (header.size() < ParentLength || header[2] != '-' || header[35] != '-' || header[52] != '-')
        return std::nullopt;
    const QByteArrayView version = header.first(2), trace = header.sliced(3, TraceDigits),
                         span = header.sliced(36, SpanDigits), flags = header.sliced(53, 2);
    if (!areDigits(version) || version == "ff" || !isId(trace) || !isId(span) || !areDigits(flags))
        return std::nullopt;
    // A later version may say more, behind a dash.
    if (version == "00" ? header.size() != ParentLength : header.size() > ParentLength && header[ParentLength] != '-')
        return std::nullopt;
    return TraceContext{trace.toByteArray(), span.toByteArray(), (flags.toByteArray().toUInt(nullptr, 16) & 1u) != 0};
}

QByteArray toTraceParent(const TraceContext& context)
{
    return QByteArray("00-") + context.traceId + '-' + context.spanId + QByteArray(context.isSampled ? "-01" : "-00");
}

TraceContext contextOfCall(const QString& callId)
{
    const QByteArray name = "kav call " + callId.toUtf8();
    const QByteArray digits = QCryptographicHash::hash(name, QCryptographicHash::Sha256).toHex();
    return {digits.first(TraceDigits), digits.sliced(TraceDigits, SpanDigits), false};
}

QByteArray newSpanId()
{
    quint64 id = 0;
    while (id == 0)
        id = QRandomGenerator::global()->generate64();
    return QByteArray::number(id, 16).rightJustified(SpanDigits, '0');
}

bool isSampledAt(double ratio, const QByteArray& traceId)
{
    const quint64 random = traceId.last(RandomBits / 4).toULongLong(nullptr, 16);
    const auto threshold = static_cast<quint64>((1.0 - std::clamp(ratio, 0.0, 1.0)) * double(quint64(1) << RandomBits));
    return random >= threshold;
}

} // namespace kav::traces
