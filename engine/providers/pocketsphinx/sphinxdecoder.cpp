// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/sphinxdecoder.h"

#include <QDir>
#include <QFileInfo>

#include <algorithm>
#include <array>
#include <pocketsphinx.h>
#include <sphinxbase/fe.h>
#include <sphinxbase/feat.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>

namespace kav::providers {
namespace {

// A search costs memory in proportion to its grammar; a dialog has few states. The least recently used goes.
constexpr qsizetype MaxSearches = 32;

/// 15 s: longer utterances have known their mean for long.
constexpr std::size_t SecondLookFrames = 1500;

constexpr double ScoreUnit = 1e-4;

// Speech of the grammar scores above, other speech below these two (tests/bench/digits/rejection.py); certain words
// score higher by about the span.
constexpr double LeastWords = -0.0078, WordsSpan = 0.006;
constexpr double LeastWhole = -0.0055, WholeSpan = 0.004;

bool isFiller(const char* word)
{
    return word[0] == '<' || word[0] == '[' || word[0] == '+' || word[0] == '(';
}

} // namespace

double Hypothesis::confidence() const
{
    if (text.isEmpty())
        return 0;
    const double margin = std::min((words - LeastWords) / WordsSpan, (whole - LeastWhole) / WholeSpan);
    return std::clamp(RejectionConfidence + (1 - RejectionConfidence) * margin, 0.0, 1.0);
}

Result<std::unique_ptr<SphinxDecoder>> SphinxDecoder::create(const QString& modelDirectory, const SphinxTuning& tuning)
{
    captureSphinxErrors();
    takeSphinxErrors();
    // The library ends the process when a file of the model is missing: look first.
    const QDir directory(modelDirectory);
    for (const char* name :
        {"feat.params", "mdef", "means", "noisedict", "sendump", "transition_matrices", "variances"}) {
        const QFileInfo file(directory.filePath(QLatin1String(name)));
        if (!file.isFile() || !file.isReadable())
            return Error{Error::Code::NotFound,
                QStringLiteral("The acoustic model has no readable file %1.").arg(file.filePath()),
                QStringLiteral("Debian package pocketsphinx-en-us")};
    }
    // The mean is the caller's, not the decoder's, so it is taken away here. Silence is the grammar's to find: a
    // detector that removes it eats the ends of digits.
    const QByteArray path = QFile::encodeName(modelDirectory);
    cmd_ln_t* config = cmd_ln_init(nullptr, ps_args(), 1, "-hmm", path.constData(), "-cmn", "none", "-remove_silence",
        "no", "-bestpath", "no", "-compallsen", tuning.allSenones ? "yes" : "no", nullptr);
    if (!config)
        return Error{Error::Code::Internal, QStringLiteral("The recogniser refused its settings."), takeSphinxErrors()};
    cmd_ln_set_float_r(config, "-wip", tuning.wordInsertion);
    cmd_ln_set_float_r(config, "-silprob", tuning.silenceProbability);
    cmd_ln_set_float_r(config, "-fillprob", tuning.fillerProbability);
    cmd_ln_set_float_r(config, "-lw", tuning.languageWeight);
    cmd_ln_set_int_r(config, "-topn", tuning.gaussians);
    cmd_ln_set_int_r(config, "-ds", tuning.skippedFrames);
    ps_decoder_t* decoder = ps_init(config);
    cmd_ln_free_r(config);
    if (!decoder)
        return Error{Error::Code::Unavailable,
            QStringLiteral("The recogniser cannot load the acoustic model %1.").arg(modelDirectory),
            takeSphinxErrors()};
    // feat.params of the model overrules what was asked for above; the normalisation must be ours alone.
    ps_get_feat(decoder)->cmn = CMN_NONE;
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
    Q_ASSERT(!m_memory);
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
        // What ps_set_jsgf_string does, but for the grammar that it forgets to free.
        const std::unique_ptr<jsgf_t, void (*)(jsgf_t*)> parsed(
            jsgf_parse_string(grammar.jsgf.constData(), nullptr), [](jsgf_t* jsgf) { jsgf_grammar_free(jsgf); });
        jsgf_rule_t* rule = parsed ? jsgf_get_public_rule(parsed.get()) : nullptr;
        const auto weight = float(cmd_ln_float_r(ps_get_config(m_decoder), "-lw"));
        const std::unique_ptr<fsg_model_t, int (*)(fsg_model_t*)> states(
            rule ? jsgf_build_fsg(parsed.get(), rule, ps_get_logmath(m_decoder), weight) : nullptr, &fsg_model_free);
        if (!states || ps_set_fsg(m_decoder, grammar.name.constData(), states.get()) < 0)
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

Result<void> SphinxDecoder::begin(LineMemory& memory)
{
    Q_ASSERT(!m_memory);
    if (ps_start_utt(m_decoder) < 0)
        return Error{
            Error::Code::Internal, QStringLiteral("The recogniser cannot begin an utterance."), takeSphinxErrors()};
    fe_start_utt(ps_get_fe(m_decoder));
    m_heard.clear();
    m_memory = &memory;
    m_memory->line.begin();
    m_memory->mean.begin();
    return {};
}

void SphinxDecoder::process(std::span<const qint16> pcm)
{
    Q_ASSERT(m_memory);
    m_sound.clear();
    m_memory->line.process(pcm, m_sound);
    hear(false);
}

/// Turns m_sound into cepstra and looks for words in them.
void SphinxDecoder::hear(bool last)
{
    m_frames.clear();
    fe_t* frontEnd = ps_get_fe(m_decoder);
    std::array<Cepstrum, 64> block;
    std::array<mfcc_t*, block.size()> rows{};
    for (std::size_t i = 0; i < block.size(); ++i)
        rows[i] = block[i].data();
    const int16* samples = m_sound.data();
    std::size_t left = m_sound.size();
    while (left > 0) {
        int32 frames = int32(block.size());
        if (fe_process_frames(frontEnd, &samples, &left, rows.data(), &frames, nullptr) < 0)
            break;
        m_frames.insert(m_frames.end(), block.begin(), block.begin() + frames);
    }
    if (last) {
        int32 frames = 0;
        if (fe_end_utt(frontEnd, block[0].data(), &frames) >= 0 && frames > 0)
            m_frames.push_back(block[0]);
    }
    if (m_heard.size() < SecondLookFrames)
        m_heard.insert(m_heard.end(), m_frames.begin(), m_frames.end());
    m_memory->mean.normalise(m_frames);
    search(m_frames);
}

void SphinxDecoder::search(std::span<Cepstrum> normalised)
{
    // It takes an array of frames.
    std::vector<mfcc_t*> rows;
    for (Cepstrum& frame : normalised)
        rows.push_back(frame.data());
    int left = int(rows.size());
    mfcc_t** next = rows.data();
    while (left > 0) {
        const int count = std::min(left, 64);
        ps_process_cep(m_decoder, next, count, 0, 0);
        next += count;
        left -= count;
    }
}

Hypothesis SphinxDecoder::hypothesis()
{
    Hypothesis result;
    int32 score = 0;
    if (m_memory ? m_memory->line.isSilent() : m_silent)
        return result;
    // Without a hypothesis there are no segments either; asking for them then costs a warning.
    if (!ps_get_hyp(m_decoder, &score))
        return result;
    QStringList words;
    double total = 0, whole = 0;
    int frames = 0;
    for (ps_seg_t* segment = ps_seg_iter(m_decoder); segment; segment = ps_seg_next(segment)) {
        int first = 0, last = 0;
        ps_seg_frames(segment, &first, &last);
        const int length = std::max(last - first + 1, 1);
        int32 acoustic = 0, language = 0, back = 0;
        ps_seg_prob(segment, &acoustic, &language, &back);
        whole += acoustic * ScoreUnit;
        frames += length;
        const char* word = ps_seg_word(segment);
        if (isFiller(word))
            continue;
        QByteArray text(word);
        if (const qsizetype bracket = text.indexOf('('); bracket > 0)
            text.truncate(bracket);
        words += QString::fromUtf8(text);
        total += acoustic * ScoreUnit;
        result.frames += length;
    }
    result.text = words.join(u' ');
    result.words = result.frames > 0 ? total / result.frames : 0;
    result.whole = frames > 0 ? whole / frames : 0;
    return result;
}

void SphinxDecoder::end()
{
    Q_ASSERT(m_memory);
    m_sound.clear();
    m_memory->line.finish(m_sound);
    hear(true);
    ps_end_utt(m_decoder);
    m_silent = m_memory->line.isSilent();
    m_memory = nullptr;
    if (m_heard.empty() || m_heard.size() >= SecondLookFrames || ps_start_utt(m_decoder) < 0)
        return;
    CepstralMean(std::span<const Cepstrum>(m_heard)).subtractFrom(m_heard);
    search(m_heard);
    ps_end_utt(m_decoder);
}

void SphinxDecoder::abandon()
{
    if (!std::exchange(m_memory, nullptr))
        return;
    Cepstrum last{};
    int32 frames = 0;
    fe_end_utt(ps_get_fe(m_decoder), last.data(), &frames);
    ps_end_utt(m_decoder);
}

} // namespace kav::providers
