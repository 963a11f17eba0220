// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/sphinxdecoder.h"

#include <QDir>
#include <QFileInfo>

#include <algorithm>
#include <array>
#include <pocketsphinx.h>

namespace kav::providers {
namespace {

// A search costs memory in proportion to its grammar; a dialog has few states. The least recently used goes.
constexpr qsizetype MaxSearches = 32;

bool isFiller(const char* word)
{
    return word[0] == '<' || word[0] == '[' || word[0] == '+' || word[0] == '(';
}

} // namespace

Result<std::unique_ptr<SphinxDecoder>> SphinxDecoder::create(const QString& modelDirectory, const SphinxTuning& tuning)
{
    captureSphinxErrors();
    takeSphinxErrors();
    // The library ends the process when a file of the model is missing: look first.
    for (const char* name :
        {"feat.params", "mdef", "means", "noisedict", "sendump", "transition_matrices", "variances"}) {
        const QFileInfo file(QDir(modelDirectory).filePath(QLatin1String(name)));
        if (!file.isFile() || !file.isReadable())
            return Error{Error::Code::NotFound,
                QStringLiteral("The acoustic model has no readable file %1.").arg(file.filePath()),
                QStringLiteral("Debian package pocketsphinx-en-us")};
    }
    const QByteArray model = QFile::encodeName(modelDirectory);
    const QByteArray fillers = QFile::encodeName(QDir(modelDirectory).filePath(QStringLiteral("noisedict")));
    cmd_ln_t* config = cmd_ln_init(nullptr, ps_args(), 1, "-hmm", model.constData(), "-fdict", fillers.constData(),
        "-cmn", "none", "-bestpath", "no", "-compallsen", tuning.allSenones ? "yes" : "no", nullptr);
    if (config) {
        cmd_ln_set_float_r(config, "-wip", tuning.wordInsertion);
        cmd_ln_set_float_r(config, "-silprob", tuning.silenceProbability);
        cmd_ln_set_float_r(config, "-fillprob", tuning.fillerProbability);
        cmd_ln_set_float_r(config, "-lw", tuning.languageWeight);
        cmd_ln_set_float_r(config, "-beam", tuning.beam);
        cmd_ln_set_float_r(config, "-wbeam", tuning.wordBeam);
        cmd_ln_set_float_r(config, "-pbeam", tuning.phoneBeam);
        cmd_ln_set_int_r(config, "-topn", tuning.topGaussians);
    }
    if (!config)
        return Error{Error::Code::Internal, QStringLiteral("The recogniser refused its settings."), takeSphinxErrors()};
    ps_decoder_t* decoder = ps_init(config);
    cmd_ln_free_r(config);
    if (!decoder)
        return Error{Error::Code::Unavailable,
            QStringLiteral("The recogniser cannot load the acoustic model %1.").arg(modelDirectory),
            takeSphinxErrors()};
    return std::unique_ptr<SphinxDecoder>(new SphinxDecoder(decoder));
}

SphinxDecoder::SphinxDecoder(ps_decoder_s* decoder)
    : m_decoder(decoder)
{
}

SphinxDecoder::~SphinxDecoder()
{
    ps_free(m_decoder);
}

Result<void> SphinxDecoder::use(const CompiledGrammar& grammar)
{
    Q_ASSERT(!m_open);
    takeSphinxErrors();
    if (!m_grammars.contains(grammar.name)) {
        for (const Pronunciation& pronunciation : grammar.pronunciations) {
            if (m_words.contains(pronunciation.word))
                continue;
            if (ps_add_word(m_decoder, pronunciation.word.constData(), pronunciation.phones.constData(), 0) < 0)
                return Error{Error::Code::Invalid,
                    QStringLiteral("The recogniser cannot pronounce \"%1\".")
                        .arg(QString::fromUtf8(pronunciation.word)),
                    takeSphinxErrors()};
            m_words.insert(pronunciation.word);
        }
        if (m_grammars.size() >= MaxSearches)
            ps_unset_search(m_decoder, m_grammars.takeFirst().constData());
        if (ps_set_jsgf_string(m_decoder, grammar.name.constData(), grammar.jsgf.constData()) < 0)
            return Error{
                Error::Code::Invalid, QStringLiteral("The recogniser cannot build the grammar."), takeSphinxErrors()};
    }
    m_grammars.removeOne(grammar.name);
    m_grammars.append(grammar.name);
    if (ps_set_search(m_decoder, grammar.name.constData()) < 0)
        return Error{
            Error::Code::Internal, QStringLiteral("The recogniser cannot select the grammar."), takeSphinxErrors()};
    return {};
}

Result<void> SphinxDecoder::begin()
{
    Q_ASSERT(!m_open);
    if (ps_start_utt(m_decoder) < 0)
        return Error{
            Error::Code::Internal, QStringLiteral("The recogniser cannot begin an utterance."), takeSphinxErrors()};
    m_open = true;
    return {};
}

void SphinxDecoder::process(std::span<const Cepstrum> normalised)
{
    Q_ASSERT(m_open);
    // It takes an array of frames and may move the pointers, never the values.
    std::array<mfcc_t*, 64> rows{};
    std::array<Cepstrum, 64> copies;
    while (!normalised.empty()) {
        const std::size_t count = std::min(normalised.size(), rows.size());
        for (std::size_t i = 0; i < count; ++i) {
            copies[i] = normalised[i];
            rows[i] = copies[i].data();
        }
        ps_process_cep(m_decoder, rows.data(), int(count), 0, 0);
        normalised = normalised.subspan(count);
    }
}

Hypothesis SphinxDecoder::hypothesis()
{
    Hypothesis result;
    int32 score = 0;
    // Without a hypothesis there are no segments either; asking for them then costs a warning.
    if (!ps_get_hyp(m_decoder, &score))
        return result;
    QStringList words;
    double total = 0;
    double worst = 0;
    for (ps_seg_t* segment = ps_seg_iter(m_decoder); segment; segment = ps_seg_next(segment)) {
        const char* word = ps_seg_word(segment);
        if (isFiller(word))
            continue;
        QByteArray text(word);
        if (const qsizetype bracket = text.indexOf('('); bracket > 0)
            text.truncate(bracket);
        words += QString::fromUtf8(text);
        int first = 0, last = 0;
        ps_seg_frames(segment, &first, &last);
        int32 acoustic = 0, language = 0, back = 0;
        ps_seg_prob(segment, &acoustic, &language, &back);
        const int length = std::max(last - first + 1, 1);
        // In units of log base 1.0001.
        const double perFrame = acoustic * 1e-4 / length;
        worst = std::min(worst, perFrame);
        total += acoustic * 1e-4;
        result.frames += length;
    }
    result.text = words.join(u' ');
    result.wordScore = result.frames > 0 ? total / result.frames : 0;
    result.worstWordScore = worst;
    return result;
}

void SphinxDecoder::end()
{
    if (m_open)
        ps_end_utt(m_decoder);
    m_open = false;
}

} // namespace kav::providers
