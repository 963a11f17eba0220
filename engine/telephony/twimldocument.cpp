// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"

#include "shared/core/masking.h"

#include <QXmlStreamReader>

#include <optional>

namespace kav::telephony {

namespace {

constexpr qsizetype MaxTwimlBytes = 64 * 1024;
constexpr int MaxTwimlElements = 256;
constexpr int MaxTwimlDepth = 8;

std::optional<TwimlVerb::Kind> verbKind(QStringView name)
{
    using VerbKind = TwimlVerb::Kind;
    static const QMap<QString, VerbKind> kinds{
        {QStringLiteral("Connect"), VerbKind::Connect},
        {QStringLiteral("Start"), VerbKind::Start},
        {QStringLiteral("Stream"), VerbKind::Stream},
        {QStringLiteral("Parameter"), VerbKind::Parameter},
        {QStringLiteral("Say"), VerbKind::Say},
        {QStringLiteral("Play"), VerbKind::Play},
        {QStringLiteral("Pause"), VerbKind::Pause},
        {QStringLiteral("Record"), VerbKind::Record},
        {QStringLiteral("Gather"), VerbKind::Gather},
        {QStringLiteral("Dial"), VerbKind::Dial},
        {QStringLiteral("Number"), VerbKind::Number},
        {QStringLiteral("Conference"), VerbKind::Conference},
        {QStringLiteral("Redirect"), VerbKind::Redirect},
        {QStringLiteral("Hangup"), VerbKind::Hangup},
        {QStringLiteral("Reject"), VerbKind::Reject},
    };
    const auto found = kinds.constFind(name.toString());
    return found == kinds.cend() ? std::nullopt : std::optional(*found);
}

/// Reads one document; the reader's position is the state.
class TwimlReader final {
public:
    explicit TwimlReader(const QByteArray& bytes)
        : m_xml(bytes)
    {
    }

    Result<std::vector<TwimlVerb>> read()
    {
        std::vector<TwimlVerb> verbs;
        bool rootSeen = false;
        while (!m_xml.atEnd() && m_problem.isEmpty()) {
            const auto token = m_xml.readNext();
            if (token == QXmlStreamReader::DTD) {
                m_problem = QStringLiteral("a document type declaration is not allowed");
            } else if (token == QXmlStreamReader::StartElement) {
                if (m_xml.name() != QLatin1String("Response")) {
                    m_problem = QStringLiteral("the root is <%1>, not <Response>").arg(logSafe(m_xml.name(), 40));
                    break;
                }
                rootSeen = true;
                readChildren(verbs, nullptr, 1);
            }
        }
        if (m_problem.isEmpty() && m_xml.hasError())
            m_problem = m_xml.errorString();
        if (m_problem.isEmpty() && !rootSeen)
            m_problem = QStringLiteral("no <Response>");
        if (!m_problem.isEmpty()) {
            return Error{
                Error::Code::Invalid, QStringLiteral("TwiML line %1: %2").arg(m_xml.lineNumber()).arg(m_problem), {}};
        }
        return verbs;
    }

    QStringList takeWarnings() { return std::exchange(m_warnings, {}); }

private:
    void readChildren(std::vector<TwimlVerb>& into, QString* text, int depth)
    {
        if (depth > MaxTwimlDepth) {
            m_problem = QStringLiteral("nested deeper than %1").arg(MaxTwimlDepth);
            return;
        }
        while (m_problem.isEmpty()) {
            const auto token = m_xml.readNext();
            if (token == QXmlStreamReader::EndElement || m_xml.hasError() || m_xml.atEnd())
                return;
            if (token == QXmlStreamReader::Characters) {
                if (text != nullptr)
                    *text += m_xml.text();
                else if (!m_xml.isWhitespace())
                    m_warnings += QStringLiteral("text outside a verb is ignored");
            } else if (token == QXmlStreamReader::StartElement) {
                if (++m_elements > MaxTwimlElements) {
                    m_problem = QStringLiteral("more than %1 elements").arg(MaxTwimlElements);
                    return;
                }
                readVerb(into, depth);
            }
        }
    }

    void readVerb(std::vector<TwimlVerb>& into, int depth)
    {
        const auto kind = verbKind(m_xml.name());
        TwimlVerb verb;
        verb.kind = kind.value_or(TwimlVerb::Kind::Hangup);
        verb.name = m_xml.name().toString();
        for (const QXmlStreamAttribute& attribute : m_xml.attributes())
            verb.attributes.insert(attribute.name().toString(), attribute.value().toString());
        readChildren(verb.children, &verb.text, depth + 1);
        verb.text = verb.text.trimmed();
        if (kind)
            into.push_back(std::move(verb));
        else
            m_warnings += QStringLiteral("<%1> is no verb known here: skipped").arg(logSafe(verb.name, 40));
    }

    QXmlStreamReader m_xml;
    QString m_problem;
    QStringList m_warnings;
    int m_elements = 0;
};

} // namespace

const TwimlVerb* TwimlVerb::child(Kind wanted) const
{
    for (const TwimlVerb& verb : children) {
        if (verb.kind == wanted)
            return &verb;
    }
    return nullptr;
}

QMap<QString, QString> TwimlVerb::parameters() const
{
    QMap<QString, QString> found;
    for (const TwimlVerb& verb : children) {
        if (verb.kind == Kind::Parameter)
            found.insert(verb.attribute(QStringLiteral("name")), verb.attribute(QStringLiteral("value")));
    }
    return found;
}

Result<TwimlDocument> TwimlDocument::parse(const QByteArray& xml)
{
    if (xml.size() > MaxTwimlBytes) {
        return Error{Error::Code::LimitExceeded,
            QStringLiteral("TwiML of %1 bytes is over the limit of %2").arg(xml.size()).arg(MaxTwimlBytes), {}};
    }
    TwimlReader reader(xml);
    auto verbs = reader.read();
    if (!verbs)
        return verbs.error();
    TwimlDocument document;
    document.m_verbs = std::move(verbs).value();
    document.m_warnings = reader.takeWarnings();
    return document;
}

} // namespace kav::telephony
