// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/page.h"

#include "engine/evidence/analysis.h"
#include "engine/evidence/pictures.h"

#include <QCryptographicHash>
#include <QFile>
#include <QJsonDocument>
#include <QMap>

#include <algorithm>

// Q_INIT_RESOURCE may not stand in a namespace.
static void initPageResources()
{
    Q_INIT_RESOURCE(page);
}

namespace kav::evidence {

namespace {

constexpr double SvgLeft = 92, SvgRight = 1192;
constexpr double StateTop = 24, CallerTop = 62, AgentTop = 122, RequestTop = 184, EventTop = 218, SvgHeight = 252;
constexpr double StateHeight = 26, SideHeight = 50, RequestHeight = 20;

constexpr std::array PartColours{0x94a3b8u, 0x2563a8u, 0x8b5cf6u, 0xd97706u, 0x3f9c6bu, 0x0e7490u};

QByteArray resource(const QString& name)
{
    initPageResources();
    QFile file(QStringLiteral(":/kav/evidence/") + name);
    const bool opened = file.open(QIODevice::ReadOnly);
    Q_ASSERT(opened);
    return opened ? file.readAll() : QByteArray();
}

bool isShownByNumber(char32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c <= 0x9f) || c == 0x200e || c == 0x200f || c == 0x61c
        || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029 || c == 0xfeff
        || (c >= 0xe0000 && c <= 0xe007f) || (c & 0xfffe) == 0xfffe;
}

/// escaped(), with what is shown by its number in a frame: for content only.
QString shown(QStringView text)
{
    QString out = escaped(text);
    // What escaped() has put in stands between characters that it lets nobody else write.
    out.replace(QChar(0x27e8), QStringLiteral("<span class=\"ctl\">"));
    out.replace(QChar(0x27e9), QStringLiteral("</span>"));
    return out;
}

QString hex(unsigned rgb)
{
    return QLatin1Char('#') + QString::number(rgb, 16).rightJustified(6, QLatin1Char('0'));
}

QString fixed(double value)
{
    return QString::number(value, 'f', 1);
}

QString msText(Milliseconds length)
{
    return length < Milliseconds(10'000) ? QStringLiteral("%1 ms").arg(length.count())
                                         : QStringLiteral("%1 s").arg(double(length.count()) / 1000, 0, 'f', 1);
}

QString time(Milliseconds offset)
{
    return QStringLiteral("<span class=\"time\">%1</span>").arg(offsetText(offset));
}

// Texts from outside go into one arg() with all the others: what a second one puts in would also replace a "%5" that a
// caller said, or that stands in an address.
class Page final {
public:
    Page(const CallEvidence& evidence, const std::optional<Loudness>& loudness, const PageSurroundings& surroundings)
        : m_evidence(evidence)
        , m_loudness(loudness)
        , m_surroundings(surroundings)
    {
    }

    QByteArray html()
    {
        const QByteArray script = resource(QStringLiteral("page.js"));
        const QByteArray hash = QCryptographicHash::hash(script, QCryptographicHash::Sha256).toBase64();
        put(QStringLiteral("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' "
                           "file:; media-src 'self' file:; style-src 'unsafe-inline'; script-src 'sha256-%1'\"/>\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                           "<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>Call %2</title>\n<style>\n")
                .arg(QString::fromLatin1(hash), escaped(m_evidence.call.id)));
        put(QString::fromUtf8(resource(QStringLiteral("page.css"))));
        put(QStringLiteral("</style>\n</head>\n<body>\n<main>\n"));
        head();
        chainSection();
        timelineSection();
        soundSection();
        waitsSection();
        transcriptSection();
        providersSection();
        handshakeSection();
        requestsSection();
        eventsSection();
        packSection();
        put(QStringLiteral("</main>\n<script>"));
        put(QString::fromUtf8(script));
        put(QStringLiteral("</script>\n</body>\n</html>\n"));
        return m_html;
    }

private:
    void put(const QString& text) { m_html += text.toUtf8(); }
    void open(const char* id, const QString& title)
    {
        put(QStringLiteral("<section id=\"%1\">\n<h2>%2</h2>\n").arg(QLatin1String(id), title));
    }
    void close() { put(QStringLiteral("</section>\n")); }
    void chip(const QString& kind, const QString& text)
    {
        put(QStringLiteral("<span class=\"chip %1\">%2</span>\n").arg(kind, text));
    }
    void row(const QString& name, const QString& html)
    {
        if (!html.isEmpty())
            put(QStringLiteral("<dt>%1</dt><dd>%2</dd>\n").arg(shown(name), html));
    }
    double place(Milliseconds at) const
    {
        const double share = double(at.count()) / double(m_evidence.length.count());
        return SvgLeft + std::clamp(share, 0.0, 1.0) * (SvgRight - SvgLeft);
    }

    void head();
    void chainSection();
    void timelineSection();
    void grid();
    void block(const Stretch& stretch, double top, double height, unsigned rgb, double opacity, const QString& label,
        const QString& title);
    void wave(const std::vector<float>& peaks, double middle, const char* side);
    void requestTicks();
    void momentTicks();
    void soundSection();
    void waitsSection();
    void transcriptSection();
    void turn(const TranscriptTurn& turn);
    void providersSection();
    void lampsTable();
    void handshakeSection();
    void requestsSection();
    void request(const RequestRecord& request);
    void eventsSection();
    void packSection();

    const CallEvidence& m_evidence;
    const std::optional<Loudness>& m_loudness;
    const PageSurroundings& m_surroundings;
    QByteArray m_html;
};

void Page::head()
{
    const CallLogRow& call = m_evidence.call;
    const auto orDash = [](const QString& text) { return text.isEmpty() ? QStringLiteral("—") : shown(text); };
    put(QStringLiteral("<header>\n<h1>Call <code>%1</code></h1>\n").arg(shown(call.id)));
    put(QStringLiteral("<p><bdi>%1</bdi> → <bdi>%2</bdi> · %3 · %4 · began %5 UTC</p>\n")
            .arg(orDash(call.from), orDash(call.to), orDash(call.direction), orDash(call.language),
                call.startedAt.toString(QStringLiteral("yyyy-MM-dd HH:mm:ss.zzz"))));
    put(QStringLiteral("<div class=\"chips\">\n"));
    if (m_evidence.isLive())
        chip(QStringLiteral("slow"), QStringLiteral("not over yet when this was made"));
    else
        chip({}, QStringLiteral("%1 after %2").arg(endReasonName(call.reason), msText(call.duration)));
    const QList<ChainLink> links = chain(m_evidence);
    if (!hasStream(links)) {
        chip(QStringLiteral("slow"), QStringLiteral("had no stream"));
    } else if (isWhole(links)) {
        chip(QStringLiteral("good"), QStringLiteral("every step was logged"));
    } else {
        QStringList missing;
        for (const ChainLink& link : links) {
            if (link.times == 0)
                missing += link.token;
        }
        chip(QStringLiteral("slow"), QStringLiteral("without %1").arg(missing.join(QStringLiteral(", "))));
    }
    const WaitSummary summary = waits(m_evidence);
    if (summary.waits > 0) {
        chip(summary.tooLong > 0   ? QStringLiteral("too-long")
                : summary.slow > 0 ? QStringLiteral("slow")
                                   : QStringLiteral("good"),
            QStringLiteral("longest wait %1, median %2").arg(msText(summary.longest), msText(summary.median)));
    }
    const auto refused = std::count_if(m_evidence.requests.cbegin(), m_evidence.requests.cend(),
        [](const RequestRecord& request) { return request.isRefused(); });
    chip(refused > 0 ? QStringLiteral("bad") : QString(),
        QStringLiteral("%1 requests, %2 refused").arg(m_evidence.requests.size()).arg(refused));
    if (call.test)
        chip({}, QStringLiteral("test call: the caller was Kav's own"));
    chip({},
        m_evidence.isMasked ? QStringLiteral("telephone numbers masked")
                            : QStringLiteral("telephone numbers as the log has them"));
    put(QStringLiteral("</div>\n</header>\n"));
}

void Page::chainSection()
{
    open("chain", QStringLiteral("Steps"));
    const QList<ChainLink> links = chain(m_evidence);
    if (!hasStream(links)) {
        const QString why = withoutStream(m_evidence);
        put(QStringLiteral("<p>The call had no media stream%1, and so not the steps of one.</p>\n")
                .arg(why.isEmpty() ? QString() : QStringLiteral(" (%1)").arg(shown(why))));
    }
    put(QStringLiteral("<ol class=\"chain\">\n"));
    for (const ChainLink& link : links) {
        put(QStringLiteral("<li%1 data-token=\"%2\"><div><b>%2</b>")
                .arg(link.times == 0 ? QStringLiteral(" class=\"none\"") : QString(), link.token));
        if (link.times == 0) {
            put(QStringLiteral("<span>not logged</span>"));
        } else {
            put(QStringLiteral("<span>%1%2</span>")
                    .arg(link.times > 1 ? QStringLiteral("%1 ×, first ").arg(link.times) : QString(),
                        offsetText(link.first)));
            put(QStringLiteral("<span>%1</span>")
                    .arg(link.value.isEmpty() ? QStringLiteral("&#160;") : shown(link.value)));
        }
        put(QStringLiteral("</div></li>\n"));
    }
    put(QStringLiteral("</ol>\n"));
    close();
}

void Page::grid()
{
    const double length = double(m_evidence.length.count());
    double step = 100;
    for (const double more : {200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3}) {
        if (length / step <= 14)
            break;
        step = more;
    }
    for (double at = 0; at <= length; at += step) {
        const double x = place(Milliseconds(qint64(at)));
        const QString text = step < 1000
            ? QStringLiteral("%1 s").arg(at / 1000, 0, 'f', 1)
            : QStringLiteral("%1:%2").arg(int(at / 60'000)).arg(int(at / 1000) % 60, 2, 10, QLatin1Char('0'));
        put(QStringLiteral("<line class=\"grid\" x1=\"%1\" x2=\"%1\" y1=\"18\" y2=\"%2\"/><text x=\"%1\" y=\"13\" "
                           "text-anchor=\"middle\">%3</text>\n")
                .arg(fixed(x), fixed(SvgHeight - 4), text));
    }
}

void Page::block(const Stretch& stretch, double top, double height, unsigned rgb, double opacity, const QString& label,
    const QString& title)
{
    const double from = place(stretch.from), width = std::max(place(stretch.to) - from, 1.5);
    put(QStringLiteral("<rect x=\"%1\" y=\"%2\" width=\"%3\" height=\"%4\" fill=\"%5\" fill-opacity=\"%6\" rx=\"2\">"
                       "<title>%7</title></rect>\n")
            .arg(fixed(from), fixed(top), fixed(width), fixed(height), hex(rgb), QString::number(opacity),
                escaped(title)));
    if (width > 7.0 * double(label.size()) + 6) {
        const double light = 0.299 * ((rgb >> 16) & 0xff) + 0.587 * ((rgb >> 8) & 0xff) + 0.114 * (rgb & 0xff);
        put(QStringLiteral("<text class=\"on%1\" x=\"%2\" y=\"%3\" pointer-events=\"none\">%4</text>\n")
                .arg(light > 140 ? QString() : QStringLiteral(" light"), fixed(from + 4), fixed(top + height / 2 + 4),
                    escaped(label)));
    }
}

void Page::wave(const std::vector<float>& peaks, double middle, const char* side)
{
    const double from = place(m_loudness->from), to = place(m_loudness->from + m_loudness->length);
    QString upper, lower;
    for (std::size_t i = 0; i < peaks.size(); ++i) {
        const double x = from + (to - from) * double(i) / double(peaks.size());
        const double reach = std::max(0.4, double(std::min(peaks[i], 1.0f)) * (SideHeight / 2 - 2));
        upper += QStringLiteral("L%1 %2").arg(fixed(x), fixed(middle - reach));
        lower.prepend(QStringLiteral("L%1 %2").arg(fixed(x), fixed(middle + reach)));
    }
    put(QStringLiteral("<path class=\"wave %1\" pointer-events=\"none\" d=\"M%2 %3%4%5Z\"/>\n")
            .arg(QLatin1String(side), fixed(from), fixed(middle), upper, lower));
}

unsigned statusColour(int status)
{
    return status == 0 ? 0xb45309 : status >= 400 ? 0xb42318 : status == 101 ? 0x8b5cf6 : 0x2563a8;
}

void Page::requestTicks()
{
    for (const RequestRecord& request : m_evidence.requests) {
        const Milliseconds at = m_evidence.offset(request.at);
        if (at > m_evidence.length)
            continue;
        const QString title =
            QStringLiteral("%1 %2 %3 → %4")
                .arg(offsetText(at), request.method, request.path.left(200), QString::number(request.status));
        if (request.end) {
            block({{}, at, at + request.end->lasted}, RequestTop + RequestHeight - 6, 6, statusColour(request.status),
                0.8, {}, title);
        }
        block({{}, at, at}, RequestTop, RequestHeight, statusColour(request.status), 1, {}, title);
    }
}

void Page::momentTicks()
{
    double taken = 0;
    for (const Moment& moment : moments(m_evidence)) {
        const double x = place(moment.at);
        const double width = 6.2 * double(moment.word.size()) + 6;
        const bool isLeft = x + width > SvgRight; // the last ones have their word before them
        put(QStringLiteral("<g><title>%1 %2</title><circle cx=\"%3\" cy=\"%4\" r=\"4\" fill=\"%5\"/>")
                .arg(offsetText(moment.at), escaped(moment.word), fixed(x), fixed(EventTop + 12), hex(moment.rgb)));
        if (x - (isLeft ? width : 0) >= taken) {
            put(QStringLiteral("<text x=\"%1\" y=\"%2\"%3>%4</text>")
                    .arg(fixed(isLeft ? x - 7 : x + 7), fixed(EventTop + 16),
                        isLeft ? QStringLiteral(" text-anchor=\"end\"") : QString(), escaped(moment.word)));
            taken = x + (isLeft ? 0 : width) + 8;
        }
        put(QStringLiteral("</g>\n"));
    }
}

void Page::timelineSection()
{
    open("timeline", QStringLiteral("Timeline"));
    put(QStringLiteral(
        "<div class=\"wide\"><svg viewBox=\"0 0 1200 %1\" role=\"img\" aria-label=\"The call over time\" "
        "data-left=\"%2\" data-right=\"%3\" data-length=\"%4\" data-sound=\"%5\">\n")
            .arg(fixed(SvgHeight), fixed(SvgLeft), fixed(SvgRight))
            .arg(m_evidence.length.count())
            .arg(m_loudness ? m_loudness->from.count() : 0));
    grid();
    const auto lane = [this](double middle, const char* name) {
        put(QStringLiteral("<text class=\"lane\" x=\"4\" y=\"%1\">%2</text>\n")
                .arg(fixed(middle + 4), QLatin1String(name)));
    };
    lane(StateTop + StateHeight / 2, "State");
    lane(CallerTop + SideHeight / 2, "Caller");
    lane(AgentTop + SideHeight / 2, "Agent");
    lane(RequestTop + RequestHeight / 2, "Requests");
    lane(EventTop + 12, "Events");
    const QList<Stretch> all = states(m_evidence);
    QStringList names;
    for (const Stretch& state : all) {
        const QString about =
            QStringLiteral("%1, %2 to %3").arg(state.name, offsetText(state.from), offsetText(state.to));
        block(state, StateTop, StateHeight, stateColour(state.name), 1, state.name, about);
        if (state.name == QLatin1String("speaking") || state.name == QLatin1String("ending"))
            block(state, AgentTop, SideHeight, stateColour(state.name), m_loudness ? 0.18 : 0.6, {}, about);
        if (!names.contains(state.name))
            names += state.name;
    }
    for (const Stretch& turn : callerStretches(m_evidence)) {
        block(turn, CallerTop, SideHeight, 0x2563a8, m_loudness ? 0.16 : 0.55, {},
            QStringLiteral("turn %1, %2 to %3").arg(turn.name, offsetText(turn.from), offsetText(turn.to)));
        put(QStringLiteral("<text x=\"%1\" y=\"%2\">%3</text>\n")
                .arg(fixed(place(turn.from) + 2), fixed(CallerTop - 2), escaped(turn.name)));
    }
    if (m_loudness) {
        wave(m_loudness->caller, CallerTop + SideHeight / 2, "caller");
        wave(m_loudness->agent, AgentTop + SideHeight / 2, "agent");
    }
    requestTicks();
    momentTicks();
    put(QStringLiteral(
        "<line class=\"head\" visibility=\"hidden\" x1=\"0\" x2=\"0\" y1=\"18\" y2=\"%1\"/>\n</svg></div>\n"
        "<div class=\"legend\">")
            .arg(fixed(SvgHeight - 4)));
    for (const QString& name : std::as_const(names))
        put(QStringLiteral("<span><i style=\"background:%1\"></i>%2</span>")
                .arg(hex(stateColour(name)), escaped(name)));
    put(QStringLiteral("<span><i style=\"background:%1\"></i>upgrade (101) and its connection</span>"
                       "<span><i style=\"background:%2\"></i>webhook</span></div>\n")
            .arg(hex(statusColour(101)), hex(statusColour(200))));
    close();
}

void Page::soundSection()
{
    open("sound", QStringLiteral("Sound"));
    if (m_surroundings.recording.isEmpty()) {
        put(QStringLiteral("<p>No recording: %1.</p>\n").arg(shown(m_evidence.sounds.whyNone)));
    } else {
        put(QStringLiteral("<p>Left the caller, right the agent as heard.%1 <a href=\"%2\">%2</a></p>\n"
                           "<audio class=\"call\" controls=\"\" preload=\"metadata\" src=\"%2\"></audio>\n")
                .arg(m_evidence.sounds.isGrowing ? QStringLiteral(" It was still growing.") : QString(),
                    escaped(m_surroundings.recording)));
    }
    if (!m_surroundings.film.isEmpty())
        put(QStringLiteral("<video controls=\"\" preload=\"metadata\" poster=\"%2\" src=\"%1\"></video>\n")
                .arg(escaped(m_surroundings.film), escaped(m_surroundings.picture)));
    else if (!m_surroundings.picture.isEmpty())
        put(QStringLiteral("<img src=\"%1\" alt=\"Waves of both sides under the states of the call\"/>\n")
                .arg(escaped(m_surroundings.picture)));
    for (const QString& message : m_surroundings.messages) {
        put(QStringLiteral("<p>Message that the caller left: <a href=\"%1\">%1</a></p>\n"
                           "<audio controls=\"\" preload=\"metadata\" src=\"%1\"></audio>\n")
                .arg(escaped(message)));
    }
    close();
}

void Page::waitsSection()
{
    open("waits", QStringLiteral("Waits"));
    const WaitSummary summary = waits(m_evidence);
    put(QStringLiteral(
        "<p class=\"muted\">From the end of the caller's words to the first sound that followed. Good up "
        "to %1 s, and never longer than %2 s.%3</p>\n")
            .arg(GoodWait.count() / 1000)
            .arg(LongestWait.count() / 1000)
            .arg(summary.waits == 0 ? QStringLiteral(" Nobody waited in this call.") : QString()));
    if (summary.waits > 0) {
        const double scale = double(std::max(LongestWait + Milliseconds(600), summary.longest).count());
        const auto percent = [scale](Milliseconds at) {
            return QString::number(100.0 * double(at.count()) / scale, 'f', 3);
        };
        put(QStringLiteral(
            "<div class=\"waits\">\n<span></span><div class=\"scale\"><span style=\"left:%1%\">%2 s</span>"
            "<span style=\"left:%3%\">%4 s</span></div><span></span><span></span>\n")
                .arg(percent(GoodWait))
                .arg(GoodWait.count() / 1000)
                .arg(percent(LongestWait))
                .arg(LongestWait.count() / 1000));
        for (const TranscriptTurn& turn : m_evidence.turns) {
            const LatencyParts& latency = turn.record.latency;
            const Verdict verdict = verdictOf(latency);
            if (verdict == Verdict::Nobody)
                continue;
            put(QStringLiteral("<span>turn %1</span><div class=\"bar\" data-turn=\"%1\">").arg(turn.record.number));
            Milliseconds at{0};
            for (const LatencySpan& span : latency.spans) {
                const QString owner = span.owner.isEmpty() ? QString() : QStringLiteral(" (%1)").arg(span.owner);
                put(QStringLiteral("<span style=\"left:%1%;width:%2%;background:%3\" title=\"%4%5: %6 ms\"></span>")
                        .arg(percent(at), percent(span.length), hex(PartColours.at(std::size_t(span.part))),
                            latencyPartName(span.part), escaped(owner), QString::number(span.length.count())));
                at += span.length;
            }
            put(QStringLiteral("<u style=\"left:%1%\"></u><u class=\"limit\" style=\"left:%2%\"></u></div>"
                               "<span>%3%4</span>\n<span class=\"%5\">%5</span>\n")
                    .arg(percent(GoodWait), percent(LongestWait), msText(*latency.total),
                        latency.filler ? QStringLiteral(", for a waiting line") : QString(), verdictName(verdict)));
        }
        put(QStringLiteral("</div>\n<div class=\"legend\">"));
        for (const LatencyPart part : LatencyPartsInOrder)
            put(QStringLiteral("<span><i style=\"background:%1\"></i>%2</span>")
                    .arg(hex(PartColours.at(std::size_t(part))), latencyPartName(part)));
        put(QStringLiteral(
            "</div>\n<details><summary class=\"muted\">In numbers</summary><div class=\"wide\"><table><tr>"
            "<th>turn</th>"));
        for (const LatencyPart part : LatencyPartsInOrder)
            put(QStringLiteral("<th class=\"num\">%1</th>").arg(latencyPartName(part)));
        put(QStringLiteral("<th class=\"num\">wait</th></tr>\n"));
        for (const TranscriptTurn& turn : m_evidence.turns) {
            const LatencyParts& latency = turn.record.latency;
            put(QStringLiteral("<tr><td>%1</td>").arg(turn.record.number));
            for (const LatencyPart part : LatencyPartsInOrder) {
                const auto length = latency.length(part);
                put(QStringLiteral("<td class=\"num\">%1<br/><small>%2</small></td>")
                        .arg(length ? QString::number(length->count()) : QStringLiteral("—"),
                            shown(latency.owner(part))));
            }
            put(QStringLiteral("<td class=\"num %1\">%2</td></tr>\n")
                    .arg(verdictName(verdictOf(latency)),
                        latency.total ? QString::number(latency.total->count()) : QStringLiteral("—")));
        }
        put(QStringLiteral("</table></div></details>\n"));
    }
    close();
}

void Page::turn(const TranscriptTurn& turn)
{
    const TurnRecord& record = turn.record;
    QStringList about{QStringLiteral("turn %1").arg(record.number), turnInputName(record.input),
        time(m_evidence.offset(turn.startedAt))};
    if (record.confidence > 0)
        about += QStringLiteral("confidence %1").arg(record.confidence, 0, 'f', 2);
    if (record.interrupted)
        about += QStringLiteral("<b class=\"slow\">interrupted</b>");
    if (record.fallback)
        about += QStringLiteral("<b class=\"bad\">a fallback line was said</b>");
    if (const Verdict verdict = verdictOf(record.latency); verdict != Verdict::Nobody)
        about += QStringLiteral("<span class=\"%1\">waited %2</span>")
                     .arg(verdictName(verdict), msText(*record.latency.total));
    put(QStringLiteral("<article class=\"turn\" id=\"turn-%1\"><header>%2</header>\n")
            .arg(record.number)
            .arg(about.join(QStringLiteral(" · "))));
    const QString language = m_evidence.call.language.isEmpty()
        ? QString()
        : QStringLiteral(" lang=\"%1\"").arg(escaped(m_evidence.call.language));
    if (!record.callerText.isEmpty()) {
        put(QStringLiteral("<div class=\"who\">Caller</div><p class=\"said caller\" dir=\"auto\"%1>%2</p>\n")
                .arg(language, shown(record.callerText)));
    }
    const QString unheard = unheardOf(record);
    if (!record.agentText.isEmpty() || !record.heardText.isEmpty()) {
        put(QStringLiteral("<div class=\"who\">Agent</div><p class=\"said agent\" dir=\"auto\"%1>").arg(language));
        put(QStringLiteral("<span class=\"heard\">%1</span>").arg(shown(record.heardText)));
        if (!unheard.isEmpty()) {
            put(QStringLiteral("%1<del class=\"unheard\" title=\"not heard\">%2</del>")
                    .arg(record.heardText.isEmpty() ? QString() : QStringLiteral(" "), shown(unheard)));
        }
        put(QStringLiteral("</p>\n"));
    }
    put(QStringLiteral("</article>\n"));
}

void Page::transcriptSection()
{
    open("transcript", QStringLiteral("Transcript"));
    put(QStringLiteral("<p class=\"muted\">What the caller did not hear is <del>struck through</del>.</p>\n"));
    for (const TranscriptTurn& one : m_evidence.turns)
        turn(one);
    if (m_evidence.turns.isEmpty())
        put(QStringLiteral("<p>Nothing was said.</p>\n"));
    const QJsonObject facts = m_evidence.ended.value(QLatin1String("facts")).toObject();
    if (!facts.isEmpty()) {
        put(QStringLiteral("<h2>What came of it</h2><dl>\n"));
        for (auto it = facts.begin(); it != facts.end(); ++it)
            row(it.key(), QStringLiteral("<bdi>%1</bdi>").arg(shown(it.value().toVariant().toString())));
        put(QStringLiteral("</dl>\n"));
    }
    close();
}

void Page::lampsTable()
{
    const QList<CallEvent> changes = serviceChanges(m_evidence);
    if (m_evidence.services.isEmpty() && changes.isEmpty()) {
        put(QStringLiteral("<p>How the services stood is not in the log of this call: an older engine held it.</p>\n"));
        return;
    }
    put(QStringLiteral("<h2>How the services stood</h2><table><tr><th>when</th><th>service</th><th>state</th><th>what "
                       "serves</th><th>why</th></tr>\n"));
    const auto add = [this](const CallEvent& state, const QString& when) {
        const auto field = [&state](const char* name) { return shown(state.data.value(QLatin1String(name)).toString()); };
        put(QStringLiteral(
            "<tr><td>%1</td><td>%2</td><td class=\"%3\">%4</td><td>%5</td><td class=\"mono\">%6</td></tr>\n")
                .arg(when, field("service"), isWell(state) ? QStringLiteral("good") : QStringLiteral("bad"), field("state"),
                    field("name"), field("reason")));
    };
    for (const CallEvent& state : m_evidence.services)
        add(state, QStringLiteral("when the call began"));
    for (const CallEvent& change : changes)
        add(change, time(m_evidence.offset(change.at)));
    put(QStringLiteral("</table>\n"));
}

void Page::providersSection()
{
    open("providers", QStringLiteral("Providers during the call"));
    const QList<ProviderRow> rows = providers(m_evidence);
    if (rows.isEmpty()) {
        put(QStringLiteral("<p>The log names none for this call.</p>\n"));
    } else {
        put(QStringLiteral(
            "<table><tr><th>stage</th><th>provider</th><th class=\"num\">turns served</th><th "
            "class=\"num\">median of its part</th><th class=\"num\">longest</th><th class=\"num\">left for "
            "the next</th></tr>\n"));
        for (const ProviderRow& provider : rows) {
            const auto length = [](const std::optional<Milliseconds>& part) {
                return part ? msText(*part) : QStringLiteral("—");
            };
            put(QStringLiteral("<tr><td>%1</td><td>%2%3</td><td class=\"num\">%4</td><td class=\"num\">%5</td><td "
                               "class=\"num\">%6</td><td class=\"num%7\">%8</td></tr>\n")
                    .arg(shown(provider.stage), shown(provider.provider),
                        provider.provider == QLatin1String("rendered")
                            ? QStringLiteral(" <small>lines made ahead</small>")
                            : QString(),
                        QString::number(provider.turns), length(provider.median), length(provider.longest),
                        provider.left > 0 ? QStringLiteral(" bad") : QString(), QString::number(provider.left)));
        }
        put(QStringLiteral("</table>\n"));
    }
    lampsTable();
    const QList<CallEvent> wrong = troubles(m_evidence);
    if (wrong.isEmpty()) {
        put(QStringLiteral("<p class=\"good\">No failover, no error, no waiting or fallback line.</p>\n"));
    } else {
        put(QStringLiteral("<table><tr><th>when</th><th>what</th><th></th></tr>\n"));
        for (const CallEvent& event : wrong) {
            put(QStringLiteral("<tr><td>%1</td><td class=\"bad\"><code>%2</code></td><td class=\"mono\">%3</td></tr>\n")
                    .arg(time(m_evidence.offset(event.at)), shown(event.token),
                        shown(QString::fromUtf8(QJsonDocument(event.data).toJson(QJsonDocument::Compact)))));
        }
        put(QStringLiteral("</table>\n"));
    }
    close();
}

QString signatureText(const SignatureFinding& signature)
{
    QString text = signatureStateName(signature.state);
    if (!signature.variant.isEmpty())
        text += QStringLiteral(" (%1)").arg(signature.variant);
    return text;
}

void Page::handshakeSection()
{
    open("handshake", QStringLiteral("Handshake of the media stream"));
    bool any = false;
    for (const RequestRecord& upgrade : m_evidence.requests) {
        if (upgrade.kind != RequestKind::Stream)
            continue;
        any = true;
        QString text = QStringLiteral("%1 %2 HTTP/1.1\n").arg(upgrade.method, upgrade.path);
        for (const RequestField& header : upgrade.headers)
            text += header.name + QStringLiteral(": ") + header.value + QLatin1Char('\n');
        if (!upgrade.offered.isEmpty())
            text += QStringLiteral("sec-websocket-protocol: %1\n").arg(upgrade.offered);
        text += upgrade.status == 101 ? QStringLiteral("\nHTTP/1.1 101 Switching Protocols\n")
                                      : QStringLiteral("\nHTTP/1.1 %1\n").arg(upgrade.status);
        if (!upgrade.given.isEmpty())
            text += QStringLiteral("sec-websocket-protocol: %1\n").arg(upgrade.given);
        put(QStringLiteral("<p>%1 · <b class=\"%2\">%3</b> in %4 ms · sub-protocol: %5 · signature: %6</p>\n<pre "
                           "dir=\"ltr\">%7</pre>\n")
                .arg(time(m_evidence.offset(upgrade.at)),
                    upgrade.status == 101 ? QStringLiteral("good") : QStringLiteral("bad"),
                    QString::number(upgrade.status), fixed(double(upgrade.took.count()) / 1000),
                    upgrade.offered.isEmpty()
                        ? QStringLiteral("none offered, none given")
                        : QStringLiteral("offered %1, given %2")
                              .arg(shown(upgrade.offered),
                                  upgrade.given.isEmpty() ? QStringLiteral("none") : shown(upgrade.given)),
                    shown(signatureText(upgrade.signature)), shown(text)));
        if (upgrade.end) {
            const ConnectionEnd& end = *upgrade.end;
            put(QStringLiteral("<p>Closed with %1 by %2 after %3%4; %5 messages in, %6 out.</p>\n")
                    .arg(QString::number(end.code),
                        end.byPeer ? QStringLiteral("the other side") : QStringLiteral("the engine"),
                        msText(end.lasted),
                        end.reason.isEmpty() ? QString() : QStringLiteral(" (%1)").arg(shown(end.reason)),
                        QString::number(end.messagesIn), QString::number(end.messagesOut)));
        }
    }
    put(any ? QStringLiteral("<p class=\"muted\">The log keeps the headers that tell something, and neither the path's "
                             "token nor keys nor signatures.</p>\n")
            : QStringLiteral(
                "<p class=\"bad\">The log has no upgrade of this call: it never got a stream, or its requests "
                "were not kept.</p>\n"));
    close();
}

void Page::request(const RequestRecord& one)
{
    put(QStringLiteral("<details class=\"req\" data-status=\"%1\"><summary>%2<span class=\"status %3\">%4</span>"
                       "<span>%5</span><span class=\"mono\">%6</span><small>signature %7</small><small>%8 "
                       "ms</small></summary>\n<dl>\n")
            .arg(QString::number(one.status), time(m_evidence.offset(one.at)),
                one.isRefused() || one.status == 0 ? QStringLiteral("bad") : QString(),
                one.status == 0 ? QStringLiteral("—") : QString::number(one.status), shown(one.method), shown(one.path),
                signatureStateName(one.signature.state), fixed(double(one.took.count()) / 1000)));
    row(QStringLiteral("at"), one.at.toString(Qt::ISODateWithMs));
    row(QStringLiteral("kind"), requestKindName(one.kind));
    row(QStringLiteral("refused"), shown(one.reason));
    if (one.status == 0)
        row(QStringLiteral("answer"), QStringLiteral("the client was gone before it"));
    row(QStringLiteral("signature"), shown(signatureText(one.signature)));
    row(QStringLiteral("address checked"), shown(one.signature.checkedUrl));
    row(QStringLiteral("address signed"), shown(one.signature.signedUrl));
    if (one.duplicateOf.isValid())
        row(QStringLiteral("repeats"),
            QStringLiteral("the one of %1").arg(one.duplicateOf.toString(Qt::ISODateWithMs)));
    row(QStringLiteral("from"),
        QStringLiteral("%1, %2 bytes in, %3 out")
            .arg(shown(one.peer), QString::number(one.bytesIn), QString::number(one.bytesOut)));
    const auto fields = [](const QList<RequestField>& list) {
        QString text;
        for (const RequestField& field : list)
            text += QStringLiteral("<code>%1</code> <bdi>%2</bdi><br/>").arg(shown(field.name), shown(field.value));
        return text;
    };
    row(QStringLiteral("parameters"), fields(one.parameters));
    row(QStringLiteral("headers"), fields(one.headers));
    put(QStringLiteral("</dl></details>\n"));
}

void Page::requestsSection()
{
    open("requests", QStringLiteral("Requests"));
    QMap<int, int> byStatus;
    for (const RequestRecord& one : m_evidence.requests)
        ++byStatus[one.status];
    QStringList counts, options;
    for (auto it = byStatus.cbegin(); it != byStatus.cend(); ++it) {
        const QString name = it.key() == 0 ? QStringLiteral("no answer") : QString::number(it.key());
        counts += QStringLiteral("%1 × %2").arg(it.value()).arg(name);
        options += QStringLiteral("<option value=\"%1\">%2</option>").arg(it.key()).arg(name);
    }
    if (m_evidence.requests.isEmpty()) {
        put(QStringLiteral("<p>The log has no requests of this call.</p>\n"));
        close();
        return;
    }
    put(QStringLiteral("<p class=\"muted\">%1. A 204 is an answer without a body, as Twilio's status callbacks want "
                       "it.%2</p>\n<div class=\"filter\"><input id=\"find\" type=\"search\" placeholder=\"Find\" "
                       "aria-label=\"Find in requests\"/><select id=\"status\" aria-label=\"Status\"><option "
                       "value=\"\">every status</option>%3</select></div>\n")
            .arg(counts.join(QStringLiteral(", ")),
                m_evidence.isCut ? QStringLiteral(" There were more; the newest are here.") : QString(),
                options.join(QString())));
    for (const RequestRecord& one : m_evidence.requests)
        request(one);
    close();
}

void Page::eventsSection()
{
    open("events", QStringLiteral("Every event"));
    put(QStringLiteral(
        "<details><summary class=\"muted\">%1 events</summary><div class=\"wide\"><table><tr><th>when</th>"
        "<th>token</th><th>data</th></tr>\n")
            .arg(m_evidence.events.size()));
    for (const CallEvent& event : m_evidence.events) {
        put(QStringLiteral("<tr><td>%1</td><td><code>%2</code></td><td class=\"mono\">%3</td></tr>\n")
                .arg(time(m_evidence.offset(event.at)), shown(event.token),
                    shown(QString::fromUtf8(QJsonDocument(event.data).toJson(QJsonDocument::Compact)))));
    }
    put(QStringLiteral("</table></div></details>\n"));
    close();
}

void Page::packSection()
{
    open("pack", QStringLiteral("This pack"));
    put(QStringLiteral(
        "<p>Made %1 by %2. Times are UTC; + is from %3. <code>manifest.json</code> names every file with "
        "its SHA-256; <code>sha256sum -c SHA256SUMS</code> checks them.</p>\n")
            .arg(m_surroundings.madeAt.toString(Qt::ISODate), shown(m_surroundings.madeBy),
                m_evidence.origin.toString(Qt::ISODateWithMs)));
    put(QStringLiteral("<p>The same as data: <a href=\"evidence.json\">evidence.json</a>, <a "
                       "href=\"timeline.csv\">timeline.csv</a>, <a href=\"turns.csv\">turns.csv</a>, <a "
                       "href=\"requests.csv\">requests.csv</a>, <a href=\"providers.csv\">providers.csv</a></p>\n"));
    for (const Missing& missing : m_surroundings.missing)
        put(QStringLiteral("<p>Without <code>%1</code>: %2.</p>\n").arg(shown(missing.name), shown(missing.why)));
    put(QStringLiteral(
        "<p class=\"muted\">The call log keeps the numbers of both ends masked, so they are in no pack. %1</p>\n")
            .arg(m_evidence.isMasked
                    ? QStringLiteral("Numbers that were said or keyed are masked in all text; in the sound "
                                     "they can be heard.")
                    : QStringLiteral("Numbers that were said or keyed are shown (--unmask).")));
    close();
}

} // namespace

QString escaped(QStringView text)
{
    QString out;
    out.reserve(text.size() + text.size() / 8);
    for (qsizetype i = 0; i < text.size(); ++i) {
        char32_t c = text[i].unicode();
        if (text[i].isHighSurrogate() && i + 1 < text.size() && text[i + 1].isLowSurrogate()) {
            c = QChar::surrogateToUcs4(text[i], text[i + 1]);
            ++i;
        } else if (text[i].isSurrogate()) {
            c = 0xfffd;
        }
        if (c == '&')
            out += QLatin1String("&amp;");
        else if (c == '<')
            out += QLatin1String("&lt;");
        else if (c == '>')
            out += QLatin1String("&gt;");
        else if (c == '"')
            out += QLatin1String("&quot;");
        else if (c == '\'')
            out += QLatin1String("&#39;");
        else if (c == 0x27e8)
            out += QLatin1String("&#x27e8;");
        else if (c == 0x27e9)
            out += QLatin1String("&#x27e9;");
        else if (isShownByNumber(c))
            out += QStringLiteral("\u27e8U+%1\u27e9")
                       .arg(QString::number(c, 16).toUpper().rightJustified(4, QLatin1Char('0')));
        else
            out += QString::fromUcs4(&c, 1);
    }
    return out;
}

QByteArray page(
    const CallEvidence& evidence, const std::optional<Loudness>& loudness, const PageSurroundings& surroundings)
{
    return Page(evidence, loudness, surroundings).html();
}

} // namespace kav::evidence
