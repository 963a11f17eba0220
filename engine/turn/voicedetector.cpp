// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/voicedetector.h"

#include "engine/turn/spectrum.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

// libwebrtc-audio-processing exports these but ships no header for them.
extern "C" {
struct WebRtcVadInst;
WebRtcVadInst* WebRtcVad_Create();
void WebRtcVad_Free(WebRtcVadInst* handle);
int WebRtcVad_Init(WebRtcVadInst* handle);
int WebRtcVad_set_mode(WebRtcVadInst* handle, int mode);
int WebRtcVad_Process(WebRtcVadInst* handle, int rate, const std::int16_t* samples, std::size_t count);
}

namespace kav::turn {

namespace {

constexpr int VadBands = Spectrum::BandCount;
using PerBand = std::array<float, VadBands>;

// The values below are those of a search over the tuning half of the bench (see VAD.md); times in frames of 20 ms.

// How the noise of each band is followed.
constexpr float NoiseRate = 0.0099f; // towards a frame that is taken as noise
constexpr float NoiseScore = 0.282f; // the score below which a frame is taken as noise
constexpr float MinimumSmoothing = 0.546f; // of the band's level, before its minimum is taken
constexpr float MinimumBias = 3; // dB from the minimum of steady noise to its mean
constexpr int MinimumBlocks = 10; // blocks of BlockFrames that the minimum is taken over ...
constexpr int SteadyBlocks = 3; // ... or so few, when the level was steady in them:
constexpr float SteadyRange = 5.44f; // dB from lowest to highest
constexpr int BlockFrames = 15;
constexpr int EarliestBlocks = 3; // before these, a call is too young for either
constexpr int LeastBlocks = 5; // before these, a minimum may be that of a voice
constexpr int MostBlocks = 10;

// The score: how unlikely noise alone is.
constexpr float ScoreSmoothing = 0.38f; // of the band's level
constexpr float ScoreCap = 9.5f; // dB over the noise that a band may count for
constexpr float WidthExponent = 0.107f; // weight of a band by its number of bins
constexpr float SlowRate = 0.114f; // of the score's slow average
constexpr float Start = 0.281f; // voice begins at this score ...
constexpr float StartSlow = 0.107f; // ... or this slow average,
constexpr float StartBonus = 0.586f; // less this when WebRTC's detector agrees
constexpr float Stay = 0.0591f; // the same while voice lasts
constexpr float StaySlow = 0.282f;
constexpr float StayBonus = 0.303f;

// The gate over the whitened level (each band against its noise).
constexpr float GateSmoothing = 0.681f;
constexpr float GateLow = 0.177f; // quantile taken as the background
constexpr float GateMiddle = 0.36f; // quantile that tells how far the background fluctuates
constexpr float GateRise = 0.0246f;
constexpr float GateSteady = 0.884f; // dB between the two in steady noise
constexpr float GateSlope = 1.89f;
constexpr float GateStart = 2.92f; // dB over the background where that is steady
constexpr float GateMost = 9.69f;
constexpr float GateStay = 0.301f; // share that is enough while voice lasts
constexpr float GateFloor = -2.35f;
constexpr float GateCeiling = 14.9f;

// The gate over the plain level.
constexpr float LevelLow = 0.0663f;
constexpr float LevelMiddle = 0.4f;
constexpr float LevelRise = 0.15f;
constexpr float LevelSteady = 0.759f;
constexpr float LevelSlope = 2.78f;
constexpr float LevelMost = 20.8f;
constexpr float LevelStay = 0.433f;
constexpr int VoicedEvery = 3; // of so many voiced frames one counts as background, too
constexpr int UnbrokenFrames = 400; // after so long without a pause every frame counts
constexpr int PauseFrames = 5;
constexpr float RiseInVoice = 0.519f; // both backgrounds rise at this share of their rate while voice lasts
constexpr float SilentBelow = 52; // dB under full scale

// How long voice lasts after its last frame.
constexpr int HoldClear = 1; // where the voice stands clear of the noise, or others talk behind
constexpr int HoldNoisy = 4;
constexpr float ClearAbove = 20.2f; // dB of whitened level
constexpr float OthersTalkAbove = 3.5f; // dB that the plain level's gate asks for

// The level that WebRTC's detector gets.
constexpr float WebRtcNoise = -15.1f; // dB of full scale: where the noise goes
constexpr float WebRtcMostGain = 11.6f; // dB

// The first frames of a call.
constexpr float FirstNoiseDb = -28; // louder than this (dB of full scale), the first frame is not taken as noise
constexpr int PastFrames = 100; // of plain background, taken to have been before the first frame
constexpr int LearningFrames = 50; // the noise is averaged for this time ...
constexpr float LearningRange = 3.69f; // ... while the level is no more than so many dB above the quietest frame's, ...
constexpr float LearningReach = 8; // ... from what lies no more than this many dB from it

constexpr float FirstVoiceRise = 7; // dB over the quietest frame that voice needs in that time

constexpr float SnrVoiceRate = 0.02f;
constexpr float SnrNoiseRate = 0.03f;
constexpr int SnrFrames = 25; // of each kind, before anything is said
constexpr float SnrMost = 60;

float decibels(float power)
{
    return 10 * std::log10(power + 1e-12f);
}
float powerOf(float db)
{
    return std::exp(db * 0.230258509f);
}

} // namespace

/// The last 5 s of a level, in steps: any quantile at the cost of walking 200 counters.
class LevelHistory final {
public:
    LevelHistory(float lowest, float step)
        : m_lowest(lowest)
        , m_step(step)
    {
    }
    void add(float level)
    {
        const auto index = std::uint8_t(std::clamp((level - m_lowest) / m_step, 0.f, float(Steps - 1)));
        if (m_filled == Frames)
            --m_counts[m_ring[m_at]];
        else
            ++m_filled;
        m_ring[m_at] = index;
        ++m_counts[index];
        m_at = (m_at + 1) % Frames;
    }
    struct Pair final {
        float lower, upper;
    };
    Pair quantiles(float lower, float upper) const
    {
        const int wantLower = int(lower * float(m_filled));
        const int wantUpper = int(upper * float(m_filled));
        int seen = 0;
        std::size_t at = 0;
        while (at + 1 < Steps && (seen += m_counts[at]) <= wantLower)
            ++at;
        const auto lowerAt = at;
        seen = 0;
        for (std::size_t i = 0; i < at; ++i)
            seen += m_counts[i];
        while (at + 1 < Steps && (seen += m_counts[at]) <= wantUpper)
            ++at;
        return {m_lowest + m_step * (float(lowerAt) + 0.5f), m_lowest + m_step * (float(at) + 0.5f)};
    }

private:
    static constexpr std::size_t Frames = 250;
    static constexpr std::size_t Steps = 200;
    float m_lowest;
    float m_step;
    std::array<std::uint8_t, Frames> m_ring{};
    std::array<std::uint16_t, Steps> m_counts{};
    std::size_t m_at = 0;
    std::size_t m_filled = 0;
};

/// What the last seconds say of each band's noise: its mean where the level was steady, else its minimum.
class NoiseEvidence final {
public:
    void start(const PerBand& level)
    {
        m_smooth = level;
        m_block = Block(level);
    }
    /// True when a block is complete and there is something new to say.
    bool add(const PerBand& level, float levelDb)
    {
        for (std::size_t band = 0; band < VadBands; ++band) {
            m_smooth[band] += MinimumSmoothing * (level[band] - m_smooth[band]);
            m_block.least[band] = std::min(m_block.least[band], m_smooth[band]);
            m_block.mean[band] += level[band] / float(BlockFrames);
        }
        m_block.quietest = std::min(m_block.quietest, levelDb);
        m_block.loudest = std::max(m_block.loudest, levelDb);
        if (++m_frames < BlockFrames)
            return false;
        m_frames = 0;
        std::move_backward(m_blocks.begin(), m_blocks.end() - 1, m_blocks.end());
        m_blocks[0] = m_block;
        m_filled = std::min(m_filled + 1, MinimumBlocks);
        m_block = Block(m_smooth);
        return m_filled >= EarliestBlocks;
    }
    /// A voice's level is never steady for a second; a noise that has just begun is known by that.
    bool isSteady() const
    {
        if (m_filled < SteadyBlocks)
            return false;
        float quietest = m_blocks[0].quietest;
        float loudest = m_blocks[0].loudest;
        for (std::size_t i = 1; i < std::size_t(SteadyBlocks); ++i) {
            quietest = std::min(quietest, m_blocks[i].quietest);
            loudest = std::max(loudest, m_blocks[i].loudest);
        }
        return loudest - quietest < SteadyRange;
    }
    bool hasLeast() const { return m_filled >= LeastBlocks; }
    float mean(std::size_t band) const
    {
        float sum = 0;
        for (std::size_t i = 0; i < std::size_t(SteadyBlocks); ++i)
            sum += m_blocks[i].mean[band];
        return sum / float(SteadyBlocks);
    }
    float least(std::size_t band) const
    {
        float least = m_blocks[0].least[band];
        for (std::size_t i = 1; i < std::size_t(m_filled); ++i)
            least = std::min(least, m_blocks[i].least[band]);
        return least;
    }

private:
    struct Block final {
        Block() = default;
        explicit Block(const PerBand& level)
            : least(level)
        {
        }
        PerBand least{};
        PerBand mean{};
        float quietest = 0;
        float loudest = -100;
    };
    PerBand m_smooth{};
    Block m_block;
    std::array<Block, MostBlocks> m_blocks; // newest first
    int m_filled = 0;
    int m_frames = 0;
};

struct VoiceDetector::Private final {
    WebRtcVadInst* webRtc = WebRtcVad_Create();
    Spectrum spectrum;
    PerBand weight{}; // of the bands in the score; their sum is 1

    bool started = false; // a frame that was not digital silence has come
    int learned = 0;
    float quietest = 0; // dB of full scale, of the frames so far
    PerBand noise{}; // dB
    NoiseEvidence evidence;

    PerBand smooth{};
    float slowScore = 0;
    float gate = 0; // smoothed whitened level
    float gateBackground = 0;
    LevelHistory gateHistory{-5, 0.25f};
    float background = -60; // of the plain level
    LevelHistory levelHistory{-100, 0.5f};

    bool voiced = false;
    unsigned voicedFrames = 0;
    int unbroken = 0; // frames since the last pause
    int pause = 0; // unvoiced frames in a row
    int hold = 0;
    float peak = 0; // recent whitened level over its background

    float voicePower = 0;
    float noisePower = 0;
    int voiceFrames = 0;
    int noiseFrames = 0;

    void start(float level);
    bool agrees(const media::PcmFrame& frame, float noiseDb);
    void measure(float power, bool isVoice);
};

void VoiceDetector::Private::start(float level)
{
    started = true;
    const float most = FirstNoiseDb + decibels(Spectrum::WhiteGain);
    for (std::size_t band = 0; band < VadBands; ++band)
        noise[band] = std::min(spectrum.bandDb()[band], most);
    smooth = spectrum.bandDb();
    evidence.start(spectrum.bandDb());
    background = std::min(level, FirstNoiseDb);
    // A past that makes a call which begins with a voice bearable: without it, the voice would be all there is.
    for (int i = 0; i < PastFrames; ++i) {
        gateHistory.add(0);
        levelHistory.add(background);
    }
}

/// WebRTC's detector, mode 3, with the noise brought to the level where it tells best.
bool VoiceDetector::Private::agrees(const media::PcmFrame& frame, float noiseDb)
{
    const float gain = std::sqrt(powerOf(std::min(WebRtcMostGain, WebRtcNoise - noiseDb)));
    media::PcmFrame scaled;
    for (std::size_t i = 0; i < frame.size(); ++i)
        scaled[i] = qint16(std::clamp(float(frame[i]) * gain, -32767.f, 32767.f));
    return WebRtcVad_Process(webRtc, media::SampleRate, scaled.data(), scaled.size()) == 1;
}

void VoiceDetector::Private::measure(float power, bool isVoice)
{
    auto& average = isVoice ? voicePower : noisePower;
    auto& frames = isVoice ? voiceFrames : noiseFrames;
    ++frames;
    // A plain mean at first, so that the estimate does not hang on the first frame.
    average += std::max(isVoice ? SnrVoiceRate : SnrNoiseRate, 1 / float(frames)) * (power - average);
    frames = std::min(frames, 1000);
}

VoiceDetector::VoiceDetector()
    : d(std::make_unique<Private>())
{
    WebRtcVad_Init(d->webRtc);
    WebRtcVad_set_mode(d->webRtc, 3);
    float sum = 0;
    for (int band = 0; band < VadBands; ++band)
        sum += d->weight[std::size_t(band)] = std::pow(float(Spectrum::width(band)), WidthExponent);
    for (auto& weight : d->weight)
        weight /= sum;
}

VoiceDetector::~VoiceDetector()
{
    WebRtcVad_Free(d->webRtc);
}

float VoiceDetector::snrDb() const
{
    if (d->voiceFrames < SnrFrames || d->noiseFrames < SnrFrames)
        return 0;
    const float ratio = std::max(0.f, d->voicePower - d->noisePower) / (d->noisePower + 1e-9f);
    return std::clamp(decibels(ratio), 0.f, SnrMost);
}

VoiceDetector::Judgement VoiceDetector::judge(const media::PcmFrame& frame)
{
    if (std::all_of(frame.begin(), frame.end(), [](qint16 sample) { return sample == 0; })) {
        // Not the line's noise but the absence of packets, or a line that sends none: what is known of the noise stays.
        // In the histories it counts as plain background, else nothing but speech would be in them.
        d->spectrum.addSilence();
        if (d->started) {
            d->gateHistory.add(0);
            d->levelHistory.add(d->background);
        }
        d->gate = 0;
        d->slowScore = 0;
        d->voiced = false;
        d->hold = 0;
        d->measure(0, false);
        return {};
    }

    d->spectrum.add(frame);
    const auto& band = d->spectrum.bandDb();
    Judgement result;
    result.levelDb = decibels(d->spectrum.meanSquare());
    if (!d->started)
        d->start(result.levelDb);
    if (d->evidence.add(band, result.levelDb)) {
        if (d->evidence.isSteady()) {
            for (std::size_t i = 0; i < VadBands; ++i)
                d->noise[i] = d->evidence.mean(i);
        } else if (d->evidence.hasLeast()) {
            for (std::size_t i = 0; i < VadBands; ++i)
                d->noise[i] = std::max(d->noise[i], d->evidence.least(i) + MinimumBias);
        }
    }

    // How much less likely the frame is as noise alone than as noise with a voice of just this strength: per band
    // r - 1 - ln r, where r is the power over the noise's.
    float score = 0;
    float whitened = 0;
    float noisePower = 0;
    for (std::size_t i = 0; i < VadBands; ++i) {
        d->smooth[i] += ScoreSmoothing * (band[i] - d->smooth[i]);
        const float excess = std::clamp(d->smooth[i] - d->noise[i], 0.f, ScoreCap);
        score += d->weight[i] * (powerOf(excess) - 1 - 0.230258509f * excess);
        const float power = powerOf(d->noise[i]);
        whitened += d->weight[i] * d->spectrum.bandPower()[i] / power;
        noisePower += power * float(Spectrum::width(int(i)));
    }
    // 1.5 dB: the mean of the logarithms of a noise's power is that much under the logarithm of the mean.
    noisePower /= float(Spectrum::Edges.back() - Spectrum::Edges.front()) * Spectrum::WhiteGain;
    result.floorDb = decibels(noisePower) + 1.5f;
    d->slowScore += SlowRate * (std::min(score, 8.f) - d->slowScore);

    // At the start one frame is all that is known of the noise: an average of the first ones, voice left out, is
    // better.
    const bool learning = d->learned < LearningFrames;
    d->learned += learning;
    d->quietest = std::min(d->quietest, result.levelDb);
    const bool steadySoFar = result.levelDb < d->quietest + LearningRange;
    const float learningRate = 1 / float(1 + std::min(d->learned, 10));
    for (std::size_t i = 0; i < VadBands; ++i) {
        const float step = band[i] - d->noise[i];
        if (learning && step < (steadySoFar ? LearningReach : 0))
            d->noise[i] += (step < -LearningReach ? 0.5f : learningRate) * step;
        else if (step < 0 || score <= NoiseScore)
            d->noise[i] += NoiseRate * step;
    }

    // Both gates ask for more where the background fluctuates, as other people's voices do.
    const float patience = d->voiced ? RiseInVoice : 1;
    d->gate += GateSmoothing * (decibels(whitened) - d->gate);
    // The histories take mostly what is not voice, or a long speech would pass for background. But not only that, and
    // everything after a while without any pause, or others' talk that was there from the start would stay voice.
    const bool counts = !d->voiced || d->unbroken > UnbrokenFrames || ++d->voicedFrames % unsigned(VoicedEvery) == 0;
    if (counts)
        d->gateHistory.add(d->gate);
    const auto gate = d->gateHistory.quantiles(GateLow, GateMiddle);
    const float gateNeed =
        std::clamp(GateStart + GateSlope * std::max(0.f, gate.upper - gate.lower - GateSteady), GateStart, GateMost);
    d->gateBackground +=
        (gate.lower > d->gateBackground ? GateRise * patience : 0.3f) * (gate.lower - d->gateBackground);
    const float over = d->gate - std::clamp(d->gateBackground, GateFloor, GateCeiling);

    if (counts)
        d->levelHistory.add(result.levelDb);
    const auto level = d->levelHistory.quantiles(LevelLow, LevelMiddle);
    const float levelNeed = std::clamp(LevelSlope * (level.upper - level.lower - LevelSteady), 0.f, LevelMost);
    d->background += (level.lower > d->background ? LevelRise * patience : 0.3f) * (level.lower - d->background);

    // Too quiet for voice: half the cost of a frame is saved, and on most lines most frames are.
    const bool audible = result.levelDb > -SilentBelow;
    const bool agrees = audible && d->agrees(frame, result.floorDb);
    const float bonus = agrees ? (d->voiced ? StayBonus : StartBonus) : 0;
    const bool likely = d->voiced ? score + bonus > Stay || d->slowScore + bonus > StaySlow
                                  : score + bonus > Start || d->slowScore + bonus > StartSlow;
    const bool isKeyTone = d->spectrum.isKeyTone();
    // So little is known of the noise at first that any is likely to be voice; a voice's level tells by itself.
    const bool risen = !learning || result.levelDb > d->quietest + FirstVoiceRise;
    const bool isVoice = likely && risen && audible
        && over > gateNeed * (d->voiced ? GateStay : 1)
        && result.levelDb - d->background >= levelNeed * (d->voiced ? LevelStay : 1) && !isKeyTone;
    if (isKeyTone) {
        d->hold = 0;
    } else if (isVoice) {
        d->peak = std::max(d->peak - 0.1f, over);
        d->hold = (d->peak > ClearAbove || levelNeed > OthersTalkAbove ? HoldClear : HoldNoisy);
    }
    d->voiced = isVoice || d->hold-- > 0;
    d->hold = std::max(d->hold, 0);
    d->pause = d->voiced ? 0 : d->pause + 1;
    d->unbroken = d->pause >= PauseFrames ? 0 : d->unbroken + 1;
    result.voiced = d->voiced;
    if (isVoice || !d->voiced)
        d->measure(d->spectrum.meanSquare(), isVoice);
    return result;
}

} // namespace kav::turn
