// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/sphinxgrammar.h"

#include <QFile>
#include <QSet>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <sphinxbase/err.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>
#include <sphinxbase/logmath.h>

namespace kav::providers {
namespace {

// Grammars are the states of the dialogs in use: dozens. The bound only stops a fault from growing memory for ever.
constexpr int MaxGrammars = 1000;
constexpr qsizetype MaxGrammarBytes = 64 * 1024;
constexpr qsizetype MaxCapturedBytes = 2000;

constexpr std::array DigitWords{"zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

QByteArray& capturedErrors()
{
    thread_local QByteArray text;
    return text;
}

// Called by the library for every line it would print.
void captureLine(void*, err_lvl_t level, const char* format, ...)
{
    if (level < ERR_ERROR)
        return;
    std::array<char, 512> line{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    QByteArray& captured = capturedErrors();
    if (captured.size() < MaxCapturedBytes)
        captured += QByteArray(line.data()).simplified() + ' ';
}

QByteArray jsgfOf(const RecognitionContext& context)
{
    if (!context.grammar.isEmpty())
        return context.grammar.toUtf8();
    QByteArray alternatives;
    for (const QString& phrase : context.phrases) {
        // Letters and apostrophes only: a phrase is words, not grammar.
        QByteArray words;
        for (const QChar c : phrase.toLower())
            words += (c.isLetter() || c == u'\'') ? QString(c).toUtf8() : QByteArray(" ");
        words = words.simplified();
        if (!words.isEmpty())
            alternatives += (alternatives.isEmpty() ? "" : " | ") + words;
    }
    if (!alternatives.isEmpty())
        return "#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = " + alternatives + ";\n";
    if (context.digits) {
        QByteArray digits;
        for (const char* word : DigitWords)
            digits += (digits.isEmpty() ? "" : " | ") + QByteArray(word);
        return "#JSGF V1.0;\ngrammar digits;\npublic <digits> = ( " + digits + " )+;\n";
    }
    return {};
}

// The dictionary is lower case; JSGF keywords and names survive lowering, its header does not.
QByteArray lowered(const QByteArray& jsgf)
{
    const qsizetype header = jsgf.indexOf(';');
    return header < 0 ? jsgf : jsgf.left(header) + jsgf.mid(header).toLower();
}

} // namespace

void captureSphinxErrors()
{
    static const bool done = [] {
        err_set_logfp(nullptr);
        err_set_callback(&captureLine, nullptr);
        return true;
    }();
    Q_UNUSED(done)
}

QString takeSphinxErrors()
{
    return QString::fromUtf8(std::exchange(capturedErrors(), {})).trimmed();
}

GrammarCompiler::GrammarCompiler(const QString& dictionaryPath)
    : m_dictionaryPath(dictionaryPath)
{
    captureSphinxErrors();
}

Result<std::shared_ptr<const CompiledGrammar>> GrammarCompiler::compile(const RecognitionContext& context)
{
    const QString name = context.grammarName.isEmpty() ? QStringLiteral("without a name") : context.grammarName;
    const QByteArray text = jsgfOf(context);
    if (text.isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("Grammar %1: the embedded recogniser needs a grammar or phrases, free speech is beyond it.")
                .arg(name),
            {}};
    if (text.size() > MaxGrammarBytes)
        return Error{Error::Code::Invalid,
            QStringLiteral("Grammar %1 has %2 bytes, at most %3 are allowed.")
                .arg(name)
                .arg(text.size())
                .arg(MaxGrammarBytes),
            {}};

    const std::scoped_lock lock(m_mutex);
    if (const auto known = m_grammars.constFind(text); known != m_grammars.constEnd())
        return *known;

    takeSphinxErrors();
    auto grammar = std::make_shared<CompiledGrammar>();
    grammar->jsgf = lowered(text);
    QSet<QByteArray> words;
    {
        const std::unique_ptr<jsgf_t, void (*)(jsgf_t*)> parsed(
            jsgf_parse_string(grammar->jsgf.constData(), nullptr), [](jsgf_t* jsgf) { jsgf_grammar_free(jsgf); });
        jsgf_rule_t* rule = parsed ? jsgf_get_public_rule(parsed.get()) : nullptr;
        if (!parsed)
            return Error{
                Error::Code::Invalid, QStringLiteral("Grammar %1 is not valid JSGF.").arg(name), takeSphinxErrors()};
        if (!rule)
            return Error{
                Error::Code::Invalid, QStringLiteral("Grammar %1 has no public rule.").arg(name), takeSphinxErrors()};
        const std::unique_ptr<logmath_t, int (*)(logmath_t*)> logmath(logmath_init(1.0001, 0, 1), &logmath_free);
        const std::unique_ptr<fsg_model_t, int (*)(fsg_model_t*)> model(
            jsgf_build_fsg(parsed.get(), rule, logmath.get(), 1.0f), &fsg_model_free);
        if (!model)
            return Error{
                Error::Code::Invalid, QStringLiteral("Grammar %1 cannot be expanded.").arg(name), takeSphinxErrors()};
        for (int i = 0; i < model->n_word; ++i)
            words.insert(model->vocab[i]);
    }
    if (words.isEmpty())
        return Error{Error::Code::Invalid, QStringLiteral("Grammar %1 has no words.").arg(name), takeSphinxErrors()};

    QList<QByteArray> sorted(words.cbegin(), words.cend());
    std::sort(sorted.begin(), sorted.end());
    if (const auto looked = look(sorted, grammar->pronunciations); !looked) {
        Error error = looked.error();
        error.message = QStringLiteral("Grammar %1: %2").arg(name, error.message);
        return error;
    }
    grammar->name = "g" + QByteArray::number(++m_made);
    if (m_grammars.size() >= MaxGrammars)
        m_grammars.clear();
    m_grammars.insert(text, grammar);
    return std::shared_ptr<const CompiledGrammar>(grammar);
}

Result<void> GrammarCompiler::look(const QList<QByteArray>& words, QList<Pronunciation>& found)
{
    QSet<QByteArray> missing;
    for (const QByteArray& word : words) {
        if (!m_words.contains(word))
            missing.insert(word);
    }
    if (!missing.isEmpty()) {
        QFile file(m_dictionaryPath);
        if (!file.open(QIODevice::ReadOnly))
            return Error{Error::Code::Io,
                QStringLiteral("the pronouncing dictionary %1 cannot be read.").arg(m_dictionaryPath),
                file.errorString()};
        const QByteArray text = file.readAll();
        for (qsizetype at = 0; at < text.size();) {
            qsizetype end = text.indexOf('\n', at);
            if (end < 0)
                end = text.size();
            const QByteArray line = QByteArray::fromRawData(text.constData() + at, end - at);
            at = end + 1;
            const qsizetype space = line.indexOf(' ');
            if (space <= 0)
                continue;
            // "hello(2)" is another way to say "hello".
            const qsizetype bracket = line.indexOf('(');
            const QByteArray base(line.constData(), bracket > 0 && bracket < space ? bracket : space);
            if (missing.contains(base))
                m_words[base].append({QByteArray(line.constData(), space), line.mid(space).simplified()});
        }
    }
    QStringList unknown;
    for (const QByteArray& word : words) {
        const auto known = m_words.constFind(word);
        if (known == m_words.constEnd())
            unknown += QStringLiteral("\"%1\"").arg(QString::fromUtf8(word));
        else
            found += *known;
    }
    if (!unknown.isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("the pronouncing dictionary does not hold %1.").arg(unknown.join(QStringLiteral(", "))),
            m_dictionaryPath};
    return {};
}

} // namespace kav::providers
