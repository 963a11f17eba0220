// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/voicedetector.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <cstdlib>

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

float P(const char* name, float def) { const char* e = std::getenv(name); return e ? float(std::atof(e)) : def; }
#define PARAM(n, d) static const float n = P(#n, d)
PARAM(ON, 1.2f); PARAM(STAY, 0.6f); PARAM(UPD, 0.6f); PARAM(CAP, 16.f); PARAM(RATE, 0.06f); PARAM(BIAS, 2.5f);
PARAM(EON, 2.f); PARAM(ESLOPE, 1.5f); PARAM(EMAX, 8.f); PARAM(ESTAY, 0.4f); PARAM(ABS, -57.f); PARAM(HANG, 0.f); PARAM(MODE, 0.f);
PARAM(VADFLOOR, -60.f); PARAM(SUBS, 8.f); PARAM(SUBLEN, 15.f); PARAM(SMOOTH, 0.5f); PARAM(WEAK, 0.5f); PARAM(SPEECHUP, 0.f);PARAM(BABK,1.f);

constexpr int FftSize = 256;
constexpr int Half = FftSize / 2;
constexpr int Overlap = FftSize - int(media::FrameSamples);
constexpr int Bands = 16;
constexpr int Edge[Bands + 1] = { 5, 8, 11, 14, 17, 21, 25, 30, 35, 41, 48, 56, 66, 78, 92, 108, 122 };

struct Tables final {
    alignas(32) float window[FftSize];
    alignas(32) float cosine[Half], sine[Half]; // stage with half-length h: at [h, 2h)
    alignas(32) float unpackCos[Half], unpackSin[Half];
    std::uint8_t reversed[Half];
    Tables()
    {
        using std::numbers::pi;
        for (int i = 0; i < FftSize; ++i)
            window[i] = float((0.5 - 0.5 * std::cos(2 * pi * (i + 0.5) / FftSize)) / 32768.0);
        for (int half = 1; half < Half; half *= 2) {
            for (int k = 0; k < half; ++k) {
                cosine[half + k] = float(std::cos(pi * k / half));
                sine[half + k] = float(-std::sin(pi * k / half));
            }
        }
        for (int k = 0; k < Half; ++k) {
            unpackCos[k] = float(std::cos(2 * pi * k / FftSize));
            unpackSin[k] = float(-std::sin(2 * pi * k / FftSize));
            int r = 0;
            for (int bit = 0; bit < 7; ++bit)
                r |= ((k >> bit) & 1) << (6 - bit);
            reversed[k] = std::uint8_t(r);
        }
    }
};

const Tables& tables()
{
    static const Tables t;
    return t;
}

void powerSpectrum(const float* x, float* power)
{
    const auto& t = tables();
    alignas(32) float re[Half], im[Half];
    for (int i = 0; i < Half; ++i) {
        const int r = t.reversed[i];
        re[i] = x[2 * r] * t.window[2 * r];
        im[i] = x[2 * r + 1] * t.window[2 * r + 1];
    }
    for (int i = 0; i < Half; i += 4) { // radix 4 without multiplications: the first two stages
        const float ar = re[i] + re[i + 1], ai = im[i] + im[i + 1];
        const float br = re[i] - re[i + 1], bi = im[i] - im[i + 1];
        const float cr = re[i + 2] + re[i + 3], ci = im[i + 2] + im[i + 3];
        const float dr = re[i + 2] - re[i + 3], di = im[i + 2] - im[i + 3];
        re[i] = ar + cr; im[i] = ai + ci;
        re[i + 2] = ar - cr; im[i + 2] = ai - ci;
        re[i + 1] = br + di; im[i + 1] = bi - dr;
        re[i + 3] = br - di; im[i + 3] = bi + dr;
    }
    for (int half = 4; half < Half; half *= 2) {
        for (int base = 0; base < Half; base += 2 * half) {
            float* __restrict lr = re + base;
            float* __restrict li = im + base;
            float* __restrict hr = re + base + half;
            float* __restrict hi = im + base + half;
            const float* c = t.cosine + half;
            const float* s = t.sine + half;
            for (int k = 0; k < half; ++k) {
                const float tr = hr[k] * c[k] - hi[k] * s[k];
                const float ti = hr[k] * s[k] + hi[k] * c[k];
                hr[k] = lr[k] - tr; hi[k] = li[k] - ti;
                lr[k] += tr; li[k] += ti;
            }
        }
    }
    for (int k = Edge[0]; k < Edge[Bands]; ++k) {
        const int m = Half - k;
        const float er = 0.5f * (re[k] + re[m]), ei = 0.5f * (im[k] - im[m]);
        const float odr = 0.5f * (im[k] + im[m]), odi = -0.5f * (re[k] - re[m]);
        const float wr = t.unpackCos[k], wi = t.unpackSin[k];
        const float xr = er + odr * wr - odi * wi;
        const float xi = ei + odr * wi + odi * wr;
        power[k] = xr * xr + xi * xi;
    }
}

} // namespace

struct VoiceDetector::Private final {
    WebRtcVadInst* vad = nullptr;
    alignas(32) float samples[FftSize] = {};
    float floor[Bands] = {}; // dB
    float smooth[Bands] = {};
    float current[Bands] = {};
    float sub[12][Bands] = {};
    int subAt = 0, subFrames = 0, subCount = 0;
    bool started = false;
    bool voiced = false;
    int hang = 0;
    // level history
    std::uint8_t ring[150] = {};
    int ringAt = 0, ringCount = 0;
    std::uint16_t histogram[100] = {};
    float voiceLevel = 0; bool voiceKnown = false;
    float noisePower = 0;
    float prevScore = 0;
    float sdev = 0;

    int percentile(float fraction) const
    {
        int want = int(fraction * float(ringCount));
        for (int i = 0; i < 100; ++i) {
            want -= histogram[i];
            if (want < 0)
                return i;
        }
        return 99;
    }
};

VoiceDetector::VoiceDetector()
    : d(std::make_unique<Private>())
{
    d->vad = WebRtcVad_Create();
    WebRtcVad_Init(d->vad);
    WebRtcVad_set_mode(d->vad, 3);
}

VoiceDetector::~VoiceDetector() { WebRtcVad_Free(d->vad); }

float VoiceDetector::snrDb() const { return d->voiceLevel; }

VoiceDetector::Judgement VoiceDetector::judge(const media::PcmFrame& frame)
{
    std::copy(d->samples + media::FrameSamples, d->samples + FftSize, d->samples);
    float* fresh = d->samples + Overlap;
    float sum = 0;
    for (std::size_t i = 0; i < frame.size(); ++i) {
        const float sample = frame[i];
        fresh[i] = sample;
        sum += sample * sample;
    }
    Judgement result;
    if (sum == 0) {
        d->voiced = false;
        return result;
    }
    const float level = 10 * std::log10(sum * float(1.0 / (160 * 32768.0 * 32768.0)));
    result.levelDb = level;

    float power[Half];
    powerSpectrum(d->samples, power);
    float band[Bands];
    for (int b = 0; b < Bands; ++b) {
        float total = 1e-9f;
        for (int k = Edge[b]; k < Edge[b + 1]; ++k)
            total += power[k];
        band[b] = 10 * std::log10(total / float(Edge[b + 1] - Edge[b]));
    }
    if (!d->started) {
        d->started = true;
        for (int b = 0; b < Bands; ++b) {
            d->smooth[b] = band[b];
            d->floor[b] = std::min(band[b], -35.f);
            for (auto& sub : d->sub)
                sub[b] = 200;
        }
        std::copy(band, band + Bands, d->current);
    }
    // level statistics
    const auto quantum = std::uint8_t(std::clamp(int(-level), 0, 99));
    if (d->ringCount == 150)
        --d->histogram[99 - d->ring[d->ringAt]];
    else
        ++d->ringCount;
    d->ring[d->ringAt] = quantum;
    ++d->histogram[99 - quantum];
    d->ringAt = (d->ringAt + 1) % 150;

    // minimum tracking
    for (int b = 0; b < Bands; ++b) {
        d->smooth[b] += SMOOTH * (band[b] - d->smooth[b]);
        d->current[b] = std::min(d->current[b], d->smooth[b]);
    }
    if (++d->subFrames == int(SUBLEN)) {
        d->subFrames = 0;
        std::copy(d->current, d->current + Bands, d->sub[d->subAt]);
        d->subAt = (d->subAt + 1) % int(SUBS);
        d->subCount = std::min(d->subCount + 1, int(SUBS));
        std::copy(d->smooth, d->smooth + Bands, d->current);
        if (d->subCount == int(SUBS)) {
            for (int b = 0; b < Bands; ++b) {
                float least = 200;
                for (int i = 0; i < int(SUBS); ++i)
                    least = std::min(least, d->sub[i][b]);
                d->floor[b] = std::max(d->floor[b], least + BIAS);
            }
        }
    }

    float score = 0;
    for (int b = 0; b < Bands; ++b) {
        const float excess = std::clamp(d->smooth[b] - d->floor[b], 0.f, CAP);
        const float r = std::pow(10.f, excess / 10);
        score += r - 1 - std::log(r);
    }
    score /= Bands;
    const bool speechLike = score > UPD;
    for (int b = 0; b < Bands; ++b) {
        const float step = band[b] - d->floor[b];
        if (!speechLike)
            d->floor[b] += RATE * step;
        else if (step < 0)
            d->floor[b] += RATE * step;
    }
    // energy gate
    const float low = float(d->percentile(0.1f)) - 99, middle = float(d->percentile(0.3f)) - 99;
    const float need = std::clamp(EON + ESLOPE * (middle - low), EON, EMAX);
    result.floorDb = low;
    const float over = level - low;

    media::PcmFrame scaled = frame;
    const float gain = std::min(1.f, std::pow(10.f, (VADFLOOR - low) / 20));
    for (auto& s : scaled)
        s = qint16(float(s) * gain);
    const bool vad = WebRtcVad_Process(d->vad, media::SampleRate, scaled.data(), scaled.size()) == 1;

    const int mode = int(MODE);
    bool on = level > ABS && score > (d->voiced ? STAY : ON) && over > (d->voiced ? need * ESTAY : need);
    if (mode == 1) on = on && vad;
    if (mode == 2) on = level > ABS && vad && over > (d->voiced ? need * ESTAY : need);
    if (mode == 3) on = level > ABS && vad;
    if (mode == 4) on = level > ABS && (vad || score > WEAK) && score > (d->voiced ? STAY : ON) && over > (d->voiced ? need * ESTAY : need);
    if (on) d->hang = int(HANG);
    else if (d->hang > 0) { --d->hang; on = true; }
    d->voiced = on;
    result.voiced = on;
    return result;
}

} // namespace kav::turn
