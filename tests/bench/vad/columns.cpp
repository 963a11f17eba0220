// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/vad/columns.h"

#include "engine/turn/voicedetector.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

// libwebrtc-audio-processing exports these without a header.
extern "C" {
struct WebRtcVadInst;
WebRtcVadInst* WebRtcVad_Create();
void WebRtcVad_Free(WebRtcVadInst* handle);
int WebRtcVad_Init(WebRtcVadInst* handle);
int WebRtcVad_set_mode(WebRtcVadInst* handle, int mode);
int WebRtcVad_Process(WebRtcVadInst* handle, int rate, const std::int16_t* samples, std::size_t count);

struct NsHandleT;
NsHandleT* WebRtcNs_Create();
void WebRtcNs_Free(NsHandleT* handle);
int WebRtcNs_Init(NsHandleT* handle, std::uint32_t rate);
int WebRtcNs_set_policy(NsHandleT* handle, int mode);
void WebRtcNs_Analyze(NsHandleT* handle, const float* frame);
void WebRtcNs_Process(NsHandleT* handle, const float* const* frame, std::size_t bands, float* const* out);
}

namespace kav::bench {

namespace {

/// Floor: 20th percentile of 3 s, rising by 0.01 and falling by 0.2 of the difference per frame; voice from
/// floor + 8 dB on, and down to floor + 3 dB; nothing below 35 dB over one LSB.
class Energy final : public Detector {
public:
    bool voiced(const media::PcmFrame& frame) override
    {
        double sum = 0;
        for (const qint16 sample : frame)
            sum += double(sample) * sample;
        const double db = 10 * std::log10(sum / double(frame.size()) + 1);
        m_recent.push_back(db);
        if (m_recent.size() > 150)
            m_recent.erase(m_recent.begin());
        auto sorted = m_recent;
        const auto at = sorted.begin() + std::ptrdiff_t(sorted.size() / 5);
        std::nth_element(sorted.begin(), at, sorted.end());
        m_floor = m_recent.size() == 1 ? db : m_floor + (*at > m_floor ? 0.01 : 0.2) * (*at - m_floor);
        m_voiced = db > 35 && db > m_floor + (m_voiced ? 3 : 8);
        return m_voiced;
    }

private:
    std::vector<double> m_recent;
    double m_floor = 0;
    bool m_voiced = false;
};

/// libwebrtc's detector in its strictest mode, as the frames come or 12 dB down.
class WebRtc final : public Detector {
public:
    explicit WebRtc(bool attenuated)
        : m_attenuated(attenuated)
        , m_vad(WebRtcVad_Create())
    {
        WebRtcVad_Init(m_vad);
        WebRtcVad_set_mode(m_vad, 3);
    }
    ~WebRtc() override { WebRtcVad_Free(m_vad); }
    bool voiced(const media::PcmFrame& frame) override
    {
        auto copy = frame;
        if (m_attenuated) {
            for (auto& sample : copy)
                sample = qint16(sample / 4);
        }
        return WebRtcVad_Process(m_vad, media::SampleRate, copy.data(), copy.size()) == 1;
    }

private:
    bool m_attenuated;
    WebRtcVadInst* m_vad;
};

class Suppressed final : public Detector {
public:
    Suppressed()
        : m_ns(WebRtcNs_Create())
    {
        WebRtcNs_Init(m_ns, media::SampleRate);
        WebRtcNs_set_policy(m_ns, 3);
    }
    ~Suppressed() override { WebRtcNs_Free(m_ns); }
    bool voiced(const media::PcmFrame& frame) override
    {
        media::PcmFrame cleaned;
        for (std::size_t half = 0; half < 160; half += 80) {
            float in[80];
            float out[80];
            std::copy_n(&frame[half], 80, in);
            const float* const inBands = in;
            float* const outBands = out;
            WebRtcNs_Analyze(m_ns, in);
            WebRtcNs_Process(m_ns, &inBands, 1, &outBands);
            for (std::size_t i = 0; i < 80; ++i)
                cleaned[half + i] = qint16(std::clamp(std::lround(out[i]), -32768l, 32767l));
        }
        return m_vad.voiced(cleaned);
    }

private:
    NsHandleT* m_ns;
    WebRtc m_vad{false};
};

class Kav final : public Detector {
public:
    bool voiced(const media::PcmFrame& frame) override { return m_detector.judge(frame).voiced; }
    float snrDb() const override { return m_detector.snrDb(); }

private:
    turn::VoiceDetector m_detector;
};

} // namespace

const std::vector<Column>& columns()
{
    static const std::vector<Column> all{
        {"energy 8/3 dB", [] { return std::unique_ptr<Detector>(new Energy); }},
        {"WebRTC mode 3", [] { return std::unique_ptr<Detector>(new WebRtc(false)); }},
        {"WebRTC -12 dB", [] { return std::unique_ptr<Detector>(new WebRtc(true)); }},
        {"NS + mode 3", [] { return std::unique_ptr<Detector>(new Suppressed); }},
        {"Kav", [] { return std::unique_ptr<Detector>(new Kav); }},
    };
    return all;
}

} // namespace kav::bench
