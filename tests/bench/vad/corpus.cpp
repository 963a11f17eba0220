// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/vad/corpus.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numbers>
#include <stdexcept>

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_kal(const char* directory);
cst_voice* register_cmu_us_slt(const char* directory);
cst_voice* register_cmu_us_rms(const char* directory);
cst_voice* register_cmu_us_awb(const char* directory);
}

namespace kav::bench {

namespace fs = std::filesystem;
using std::numbers::pi;

namespace {

const char PromptDirectory[] = "/usr/share/asterisk/sounds/en_US_f_Allison";
const char RecordingDirectory[] = "/usr/share/pocketsphinx/test/data";
constexpr auto FrameLength = media::FrameSamples;

std::vector<char> bytesOf(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

std::uint32_t littleEndian(const char* at, int bytes)
{
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i)
        value |= std::uint32_t(std::uint8_t(at[i])) << (8 * i);
    return value;
}

/// Halves the rate, with a windowed sinc against aliasing.
Signal halved(const Signal& in)
{
    constexpr int Reach = 32;
    float taps[2 * Reach + 1];
    for (int i = -Reach; i <= Reach; ++i) {
        const double x = 0.46 * i;
        const double sinc = i == 0 ? 1 : std::sin(pi * x) / (pi * x);
        taps[i + Reach] = float(0.46 * sinc * (0.5 + 0.5 * std::cos(pi * i / (Reach + 1))));
    }
    Signal out(in.size() / 2);
    for (std::size_t n = 0; n < out.size(); ++n) {
        double sum = 0;
        for (int i = -Reach; i <= Reach; ++i) {
            const auto at = std::ptrdiff_t(2 * n) + i;
            if (at >= 0 && at < std::ptrdiff_t(in.size()))
                sum += double(taps[i + Reach]) * double(in[std::size_t(at)]);
        }
        out[n] = float(sum);
    }
    return out;
}

Signal fromRaw(const char* data, std::size_t bytes, int rate)
{
    Signal signal(bytes / 2);
    for (std::size_t i = 0; i < signal.size(); ++i)
        signal[i] = float(std::int16_t(littleEndian(data + 2 * i, 2)));
    return rate == 16000 ? halved(signal) : signal;
}

Signal fromFile(const fs::path& path)
{
    const auto bytes = bytesOf(path);
    if (path.extension() == ".raw")
        return fromRaw(bytes.data(), bytes.size(), 16000);
    int rate = 0;
    for (std::size_t at = 12; at + 8 <= bytes.size();) {
        const std::size_t size = littleEndian(&bytes[at + 4], 4);
        if (std::memcmp(&bytes[at], "fmt ", 4) == 0)
            rate = int(littleEndian(&bytes[at + 12], 4));
        if (std::memcmp(&bytes[at], "data", 4) == 0 && (rate == 8000 || rate == 16000))
            return fromRaw(&bytes[at + 8], std::min(size, bytes.size() - at - 8), rate);
        at += 8 + size + (size & 1);
    }
    throw std::runtime_error("not a WAV file of 8 or 16 kHz: " + path.string());
}

Signal fromFlite(cst_voice* voice, const char* text)
{
    cst_wave* wave = flite_text_to_wave(text, voice);
    Signal signal(std::size_t(wave->num_samples));
    for (std::size_t i = 0; i < signal.size(); ++i)
        signal[i] = float(wave->samples[i]);
    if (wave->sample_rate == 16000)
        signal = halved(signal);
    delete_wave(wave);
    return signal;
}

double frameDb(const float* samples)
{
    double sum = 0;
    for (std::size_t i = 0; i < FrameLength; ++i)
        sum += double(samples[i]) * double(samples[i]);
    return 10 * std::log10(sum / FrameLength / (32768.0 * 32768.0) + 1e-12);
}

/// First and last frame above TruthDb, and the longest run below it in between.
struct Extent final {
    int first = -1;
    int last = -1;
    int longestPause = 0;
};

Extent extentOf(const Signal& signal, std::size_t from, std::size_t to)
{
    Extent extent;
    for (std::size_t frame = (from + FrameLength - 1) / FrameLength; (frame + 1) * FrameLength <= to; ++frame) {
        if (frameDb(&signal[frame * FrameLength]) <= TruthDb)
            continue;
        if (extent.first < 0)
            extent.first = int(frame);
        else
            extent.longestPause = std::max(extent.longestPause, int(frame) - extent.last - 1);
        extent.last = int(frame);
    }
    return extent;
}

bool servesAsUtterance(const Signal& signal)
{
    const auto extent = extentOf(signal, 0, signal.size());
    const int frames = extent.last - extent.first + 1;
    return extent.first >= 0 && frames >= 40 && frames <= 400 && extent.longestPause < 15;
}

/// Synthesised voices differ in level; recordings too.
Signal levelled(Signal signal)
{
    double sum = 0;
    std::size_t frames = 0;
    for (std::size_t at = 0; at + FrameLength <= signal.size(); at += FrameLength) {
        const double db = frameDb(&signal[at]);
        if (db > -45) {
            sum += std::pow(10, db / 10);
            ++frames;
        }
    }
    const double gain = frames ? dbToGain(-20) / std::sqrt(sum / double(frames)) : 1;
    for (auto& sample : signal)
        sample *= float(gain);
    return signal;
}

Signal normalised(Signal signal)
{
    const double scale = 1 / rms(signal);
    for (auto& sample : signal)
        sample *= float(scale);
    return signal;
}

} // namespace

double Random::uniform()
{
    m_state ^= m_state >> 12;
    m_state ^= m_state << 25;
    m_state ^= m_state >> 27;
    return double((m_state * 2685821657736338717ull) >> 11) * 0x1p-53;
}

double Random::gaussian()
{
    if (m_hasSpare) {
        m_hasSpare = false;
        return m_spare;
    }
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    const double angle = 2 * pi * uniform();
    m_spare = radius * std::sin(angle);
    m_hasSpare = true;
    return radius * std::cos(angle);
}

std::vector<Signal> prompts(Split split)
{
    std::vector<fs::path> paths;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(PromptDirectory, error)) {
        const auto name = entry.path().filename().string();
        // Tones, and a file of monkeys.
        if (entry.path().extension() == ".wav" && name.find("tone") == std::string::npos
            && name.find("beep") == std::string::npos && name.rfind("tt-", 0) != 0)
            paths.push_back(entry.path());
    }
    if (paths.empty())
        throw std::runtime_error(std::string("no prompts in ") + PromptDirectory
            + ": packaging/install-deps.sh speech-samples installs them");
    std::sort(paths.begin(), paths.end());
    std::vector<Signal> all;
    for (const auto& path : paths) {
        if (auto signal = fromFile(path); servesAsUtterance(signal))
            all.push_back(std::move(signal));
    }
    std::vector<Signal> chosen;
    for (std::size_t i = split == Split::Tuning ? 0 : 1; i < all.size(); i += 2)
        chosen.push_back(std::move(all[i]));
    return chosen;
}

std::vector<Signal> otherVoices(Split split)
{
    static const char* const Tuning[] = {
        "I would like to change my appointment to next Tuesday.",
        "Could you tell me when you are open on Friday",
        "Yes please, that would be fine.",
        "My number is four seven three, nine nine two one.",
        "No, I want to speak with a person.",
        "Is the doctor in this afternoon",
        "It is about the invoice from last month.",
        "Seventeen Maple Street, second floor.",
        "Hold on, I need to find my card.",
        "What does it cost to park there",
        "She told me to call back before noon.",
        "Thank you, good bye.",
        // Long ones, since a background estimate may take speech without a pause for itself.
        "I have been trying to reach somebody in your office since yesterday morning because the man who was supposed "
        "to "
        "come and repair our boiler never came and never called either.",
        "We would like to book the large room on the ground floor for the first weekend in June and we will need "
        "chairs "
        "for about eighty people and a microphone that works.",
        "You sent me a letter saying that my policy runs out at the end of the month but I have already paid for "
        "another "
        "year and my bank says that the money has arrived.",
        "When you come from the station you walk along the river until you see the old mill and then you turn left and "
        "it "
        "is the yellow house behind the garden wall.",
    };
    static const char* const Report[] = {
        "Hello, I am calling about a table for six people.",
        "Do you have anything free on Saturday evening",
        "That is too late for us, we have small children.",
        "Please put me through to the front desk.",
        "The order arrived broken and I want it replaced.",
        "My name is Charles Peterson.",
        "Eight hundred and fifty two dollars.",
        "Can I pay with a cheque",
        "I did not get the message you sent.",
        "Half past nine in the morning suits me best.",
        "Sorry, could you say that again",
        "We will be there in twenty minutes.",
    };
    static const bool ready = flite_init() == 0;
    std::vector<Signal> chosen;
    const auto add = [&chosen](Signal signal) {
        signal = levelled(std::move(signal));
        if (servesAsUtterance(signal))
            chosen.push_back(std::move(signal));
    };
    if (!ready)
        throw std::runtime_error("flite does not start");
    if (split == Split::Tuning) {
        cst_voice* const voices[] = {register_cmu_us_kal(nullptr), register_cmu_us_slt(nullptr)};
        for (const char* text : Tuning) {
            for (auto* voice : voices)
                add(fromFlite(voice, text));
        }
        return chosen;
    }
    cst_voice* const voices[] = {register_cmu_us_rms(nullptr), register_cmu_us_awb(nullptr)};
    for (const char* text : Report) {
        for (auto* voice : voices)
            add(fromFlite(voice, text));
    }
    std::vector<fs::path> paths;
    for (const char* folder : {"", "cards", "librivox", "tidigits"}) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(fs::path(RecordingDirectory) / folder, error)) {
            if (entry.path().extension() == ".wav" || entry.path().extension() == ".raw")
                paths.push_back(entry.path());
        }
    }
    if (paths.empty())
        throw std::runtime_error(
            std::string("no recordings in ") + RecordingDirectory + ": packaging/install-deps.sh test installs them");
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths)
        add(fromFile(path));
    return chosen;
}

Speech join(const std::vector<Signal>& utterances, std::size_t count, std::uint64_t seed)
{
    Random random(seed);
    Speech speech;
    const auto gap = [&] {
        speech.signal.resize(speech.signal.size() + std::size_t((1 + 2 * random.uniform()) * media::SampleRate));
    };
    count = std::min(count, utterances.size());
    double sum = 0;
    int active = 0;
    gap();
    for (std::size_t i = 0; i < count; ++i) {
        const auto& utterance = utterances[i * utterances.size() / count];
        const auto from = speech.signal.size();
        speech.signal.insert(speech.signal.end(), utterance.begin(), utterance.end());
        const auto extent = extentOf(speech.signal, from, speech.signal.size());
        speech.truth.push_back({extent.first, extent.last});
        for (int frame = extent.first; frame <= extent.last; ++frame) {
            const double db = frameDb(&speech.signal[std::size_t(frame) * FrameLength]);
            if (db > TruthDb) {
                sum += std::pow(10, db / 10);
                ++active;
            }
        }
        gap();
    }
    speech.activeRms = 32768 * std::sqrt(sum / active);
    return speech;
}

Signal white(std::size_t samples, std::uint64_t seed)
{
    Random random(seed);
    Signal signal(samples);
    for (auto& sample : signal)
        sample = float(random.gaussian());
    return normalised(std::move(signal));
}

Signal pink(std::size_t samples, std::uint64_t seed)
{
    // Five first-order low-passes an octave or two apart, summed with equal power per octave.
    Random random(seed);
    static const double Corner[] = {20, 90, 350, 1200, 4000};
    double state[5] = {};
    Signal signal(samples);
    for (auto& sample : signal) {
        double sum = 0;
        for (int i = 0; i < 5; ++i) {
            const double pole = std::exp(-2 * pi * Corner[i] / media::SampleRate);
            state[i] = pole * state[i] + std::sqrt(1 - pole * pole) * random.gaussian();
            sum += state[i];
        }
        sample = float(sum);
    }
    return normalised(std::move(signal));
}

Signal babble(const std::vector<Signal>& utterances, std::size_t samples, std::uint64_t seed)
{
    Random random(seed);
    Signal signal(samples);
    for (int talker = 0; talker < 5; ++talker) {
        for (std::size_t at = std::size_t(random.uniform() * 4000); at < samples;) {
            const auto& utterance = utterances[std::size_t(random.uniform() * double(utterances.size()))];
            for (std::size_t i = 0; i < utterance.size() && at < samples; ++i)
                signal[at++] += utterance[i];
            at += std::size_t(random.uniform() * 4000);
        }
    }
    return normalised(std::move(signal));
}

Signal hum(std::size_t samples)
{
    static const double Partial[][2] = {{50, 1}, {100, .6}, {150, .5}, {200, .2}, {250, .25}, {350, .1}};
    Signal signal(samples);
    for (std::size_t i = 0; i < samples; ++i) {
        for (const auto& [frequency, amplitude] : Partial)
            signal[i] += float(amplitude * std::sin(2 * pi * frequency * double(i) / media::SampleRate));
    }
    return normalised(std::move(signal));
}

Signal music(std::size_t samples, std::uint64_t seed)
{
    static const int Scale[] = {0, 2, 4, 7, 9};
    Random random(seed);
    Signal signal(samples);
    for (std::size_t note = 0; note * 2000 < samples; ++note) {
        const bool chord = note % 4 == 0;
        for (int voice = 0; voice < (chord ? 3 : 1); ++voice) {
            const int step = Scale[std::size_t(random.uniform() * 5)] + (chord ? 0 : 12);
            const double frequency = 220 * std::pow(2, step / 12.0);
            const double decay = chord ? 1.2 : .4;
            for (std::size_t i = 0; i < 12000 && note * 2000 + i < samples; ++i) {
                const double t = double(i) / media::SampleRate;
                for (int partial = 1; partial <= 5; ++partial)
                    signal[note * 2000 + i] += float(std::exp(-t / decay) * std::min(1.0, t / .01)
                        * std::sin(2 * pi * frequency * partial * t) / partial);
            }
        }
    }
    return normalised(std::move(signal));
}

Signal dtmf(std::size_t samples, int onMs, int offMs)
{
    static const double Low[] = {697, 770, 852, 941};
    static const double High[] = {1209, 1336, 1477};
    Signal signal(samples);
    const auto period = std::size_t((onMs + offMs) * 8);
    for (std::size_t i = 0; i < samples; ++i) {
        const auto key = i / period;
        if (i % period < std::size_t(onMs) * 8) {
            const double t = double(i) / media::SampleRate;
            signal[i] = float(std::sin(2 * pi * Low[key % 4] * t) + std::sin(2 * pi * High[key % 3] * t));
        }
    }
    return signal;
}

double rms(const Signal& signal)
{
    double sum = 0;
    for (const float sample : signal)
        sum += double(sample) * double(sample);
    return std::sqrt(sum / double(std::max<std::size_t>(1, signal.size())));
}

double dbToGain(double db)
{
    return std::pow(10, db / 20);
}

void mix(Signal& into, const Signal& add, double gain)
{
    for (std::size_t i = 0; i < into.size() && i < add.size(); ++i)
        into[i] += float(gain * double(add[i]));
}

namespace {

/// G.711 mu-law there and back again.
qint16 companded(float sample)
{
    constexpr int Bias = 132;
    const int value = std::clamp(int(std::lround(double(sample))), -32635, 32635);
    const int magnitude = std::abs(value) + Bias;
    int exponent = 7;
    while (exponent > 0 && !(magnitude & (0x80 << exponent)))
        --exponent;
    const int mantissa = (magnitude >> (exponent + 3)) & 15;
    const int decoded = (((mantissa << 3) + Bias) << exponent) - Bias;
    return qint16(value < 0 ? -decoded : decoded);
}

} // namespace

std::vector<media::PcmFrame> overTheLine(const Signal& signal, double gain)
{
    std::vector<media::PcmFrame> frames(signal.size() / FrameLength);
    for (std::size_t i = 0; i < frames.size() * FrameLength; ++i)
        frames[i / FrameLength][i % FrameLength] = companded(signal[i] * float(gain));
    return frames;
}

} // namespace kav::bench
