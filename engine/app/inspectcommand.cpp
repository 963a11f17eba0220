// SPDX-License-Identifier: Apache-2.0
#include "engine/app/inspectcommand.h"

#include "engine/calllog/queries.h"

#include <QHash>
#include <QJsonDocument>
#include <QThread>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace kav::app {

namespace {

constexpr Milliseconds PollEvery{500};
constexpr int MostOnePage = 500;

constexpr const char* Green = "\033[32m";
constexpr const char* Red = "\033[31m";
constexpr const char* Yellow = "\033[33m";
constexpr const char* Grey = "\033[90m";

QString painted(const QString& text, const char* colour, bool isOn)
{
    return isOn ? QLatin1String(colour) + text + QLatin1String("\033[0m") : text;
}

QString signatureWord(const SignatureFinding& signature)
{
    switch (signature.state) {
    case SignatureState::NotChecked:
        return QStringLiteral("signature not checked");
    case SignatureState::Valid:
        return QStringLiteral("signature valid (%1)").arg(signature.variant);
    case SignatureState::Missing:
        return QStringLiteral("signature missing");
    case SignatureState::Wrong:
        return QStringLiteral("signature WRONG");
    }
    Q_UNREACHABLE();
}

QString fieldsText(const QList<RequestField>& fields)
{
    QStringList all;
    for (const RequestField& field : fields)
        all += field.name + QLatin1Char('=') + field.value;
    return all.join(QStringLiteral("  "));
}

QString endText(const ConnectionEnd& end)
{
    return QStringLiteral("closed by %1 with %2%3 after %4 s: %5 messages (%6 bytes) in, %7 (%8) out")
        .arg(end.byPeer ? QStringLiteral("the other side") : QStringLiteral("the engine"))
        .arg(end.code)
        .arg(end.reason.isEmpty() ? QString() : QStringLiteral(" (%1)").arg(end.reason))
        .arg(double(end.lasted.count()) / 1000, 0, 'f', 1)
        .arg(end.messagesIn)
        .arg(end.bytesIn)
        .arg(end.messagesOut)
        .arg(end.bytesOut);
}

void print(const RequestRecord& request, const InspectQuery& query, bool colour)
{
    const QString text = query.json
        ? QString::fromUtf8(QJsonDocument(requestToJson(request)).toJson(QJsonDocument::Compact))
        : requestToText(request, colour);
    std::printf("%s\n", qPrintable(text));
}

struct Shown final {
    QHash<QString, bool> ends; ///< by id: whether its end was known
    QString after; ///< what is not behind it is older than all that was asked for
    bool isFirst = true;
};

/// Prints what was not printed yet, or has changed since. False: it could not be read.
bool printNew(const Config& config, const InspectQuery& query, Shown& shown, bool colour)
{
    const auto queries = calllog::Queries::open(config.callLog);
    if (!queries) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(queries.error().message));
        return false;
    }
    const auto page = (*queries)->requests(query.filter, shown.isFirst ? query.limit : MostOnePage);
    if (!page) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(page.error().message));
        return false;
    }
    if (std::exchange(shown.isFirst, false) && !page->requests.isEmpty())
        shown.after = calllog::Queries::cursorOf(page->requests.last());
    QHash<QString, bool> seen;
    // Newest last, as a log grows. A stream comes again when it is over.
    for (auto it = page->requests.crbegin(); it != page->requests.crend(); ++it) {
        if (calllog::Queries::cursorOf(*it) < shown.after)
            continue;
        const auto known = shown.ends.constFind(it->id);
        if (known == shown.ends.cend() || *known != it->end.has_value())
            print(*it, query, colour);
        seen.insert(it->id, it->end.has_value());
    }
    std::fflush(stdout);
    shown.ends.swap(seen);
    return true;
}

} // namespace

QString signatureAdvice(const SignatureFinding& signature)
{
    if (signature.state == SignatureState::Missing) {
        return QStringLiteral("Twilio signs every request: this one is not Twilio's, or a proxy in between takes the "
                              "header X-Twilio-Signature away.");
    }
    if (signature.state != SignatureState::Wrong)
        return {};
    if (!signature.isExplained)
        return QStringLiteral("Too many requests were refused at the time to look for the cause; see another one.");
    if (signature.variant == QLatin1String("body"))
        return QStringLiteral(
            "The address is signed, but the body was changed on its way: look at the proxy in between.");
    if (signature.signedUrl.isEmpty()) {
        return QStringLiteral(
            "Nothing near %1 matches either. TWILIO_AUTH_TOKEN is perhaps not the primary auth token of this account "
            "(a subaccount has its own), or the number's webhook has another address, or it is not Twilio who asks.")
            .arg(signature.checkedUrl);
    }
    QString advice = QStringLiteral("Twilio signed %1, the engine takes itself for %2 (they differ in: %3). ")
                         .arg(signature.signedUrl, signature.checkedUrl, signature.variant);
    if (signature.variant.contains(QLatin1String("form fields")))
        advice += QStringLiteral("The body was added or changed on its way: look at the proxy in between.");
    else if (signature.variant == QLatin1String("trailing slash"))
        advice +=
            QStringLiteral("Give Twilio the address without that difference, or keep the proxy from rewriting it.");
    else
        advice +=
            QStringLiteral("Set server.public_url (KAV_PUBLIC_URL) to the scheme, host and port that Twilio calls.");
    return advice;
}

QString requestToText(const RequestRecord& request, bool colour)
{
    const char* const tone = request.status == 0 ? Yellow : request.isRefused() ? Red : Green;
    QStringList lines;
    lines +=
        QStringLiteral("%1  %2  %3 %4  %5 ms  %6")
            .arg(painted(request.at.toString(Qt::ISODateWithMs), Grey, colour),
                painted(request.status == 0 ? QStringLiteral("---") : QString::number(request.status), tone, colour),
                request.method, request.path)
            .arg(double(request.took.count()) / 1000, 0, 'f', 1)
            .arg(painted(signatureWord(request.signature),
                request.signature.state == SignatureState::Valid            ? Green
                    : request.signature.state == SignatureState::NotChecked ? Grey
                                                                            : Red,
                colour));
    const auto add = [&lines](const QString& name, const QString& text) {
        if (!text.isEmpty())
            lines += QStringLiteral("    %1 %2").arg(name + QLatin1Char(':'), text);
    };
    if (request.status == 0)
        add(QStringLiteral("answer"), QStringLiteral("the client was gone before it"));
    add(QStringLiteral("call"), request.call);
    add(QStringLiteral("refused"), request.reason);
    add(QStringLiteral("to do"), signatureAdvice(request.signature));
    if (request.duplicateOf.isValid())
        add(QStringLiteral("repeats"),
            QStringLiteral("the one of %1").arg(request.duplicateOf.toString(Qt::ISODateWithMs)));
    if (request.kind == RequestKind::Stream || request.kind == RequestKind::Console) {
        const auto word = [](const QString& text) { return text.isEmpty() ? QStringLiteral("none") : text; };
        add(QStringLiteral("sub-protocol"),
            QStringLiteral("offered %1, given %2").arg(word(request.offered), word(request.given)));
    }
    if (request.end)
        add(QStringLiteral("stream"), endText(*request.end));
    add(QStringLiteral("parameters"), fieldsText(request.parameters));
    add(QStringLiteral("headers"), fieldsText(request.headers));
    add(QStringLiteral("from"),
        QStringLiteral("%1, %2 bytes in, %3 out").arg(request.peer).arg(request.bytesIn).arg(request.bytesOut));
    if (request.notKept > 0)
        add(QStringLiteral("before it"),
            QStringLiteral("%1 refused requests were counted and not kept").arg(request.notKept));
    return lines.join(QLatin1Char('\n'));
}

Result<InspectQuery> takeInspectArguments(QStringList& args)
{
    InspectQuery query;
    QStringList left;
    while (!args.isEmpty()) {
        const QString word = args.takeFirst();
        if (word == QLatin1String("--json")) {
            query.json = true;
        } else if (word == QLatin1String("--follow")) {
            query.follow = true;
        } else if (word == QLatin1String("--refused")) {
            query.filter.refusedOnly = true;
        } else if (word == QLatin1String("--call") || word == QLatin1String("--kind") || word == QLatin1String("--text")
            || word == QLatin1String("--limit")) {
            if (args.isEmpty())
                return Error{Error::Code::Invalid, word + QStringLiteral(" takes a value"), {}};
            const QString value = args.takeFirst();
            if (word == QLatin1String("--call")) {
                query.filter.call = value;
            } else if (word == QLatin1String("--text")) {
                query.filter.text = value;
            } else if (word == QLatin1String("--kind")) {
                query.filter.kind = requestKindFromName(value);
                if (!query.filter.kind)
                    return Error{Error::Code::Invalid,
                        QStringLiteral("--kind takes webhook, stream, console or page, not '%1'").arg(value), {}};
            } else {
                bool isNumber = false;
                query.limit = value.toInt(&isNumber);
                if (!isNumber || query.limit < 1 || query.limit > MostOnePage)
                    return Error{Error::Code::Invalid,
                        QStringLiteral("--limit takes a number from 1 to 500, not '%1'").arg(value), {}};
            }
        } else {
            left += word;
        }
    }
    args = left;
    return query;
}

int runInspectCommand(const Config& config, const InspectQuery& query)
{
    const bool colour = ::isatty(STDOUT_FILENO) != 0 && qEnvironmentVariableIsEmpty("NO_COLOR");
    Shown shown;
    if (!printNew(config, query, shown, colour))
        return 1;
    while (query.follow) {
        QThread::msleep(std::size_t(PollEvery.count()));
        if (!printNew(config, query, shown, colour))
            return 1;
    }
    return 0;
}

} // namespace kav::app
