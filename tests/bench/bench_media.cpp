// SPDX-License-Identifier: Apache-2.0
#include "engine/media/base64.h"
#include "engine/media/g711.h"
#include "engine/media/inboundaudio.h"
#include "engine/media/playout.h"
#include "engine/media/resampler.h"
#include "engine/media/tick.h"
#include "engine/media/twiliomessage.h"

#include <QCoreApplication>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTimer>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

using namespace kav;
using namespace kav::media;

// What the audio path costs, in nanoseconds per operation: the least of several rounds, since whatever else the machine
// does can only add. Compare rows of one run.
namespace {

volatile quint64 kept = 0; // results go here, or the compiler drops the work

template <typename Operation> double measure(const char* name, const Operation& operation)
{
    using namespace std::chrono;
    constexpr int Rounds = 9;
    double best = 1e18;
    quint64 sum = 0;
    for (int round = 0; round < Rounds; ++round) {
        int count = 0;
        const auto start = steady_clock::now();
        auto now = start;
        for (; now - start < 20ms; now = steady_clock::now()) {
            for (int i = 0; i < 256; ++i)
                sum += operation();
            count += 256;
        }
        best = std::min(best, duration<double, std::nano>(now - start).count() / count);
    }
    kept = kept + sum;
    std::printf("%-58s %9.1f ns\n", name, best);
    return best;
}

struct CountingSink final : PlayoutSink {
    void sendMedia(std::span<const quint8> mulaw) override { bytes += mulaw.size(); }
    void sendMark(const QString&) override { }
    void sendClear() override { }
    quint64 bytes = 0;
};

struct WritingSink final : PlayoutSink {
    void sendMedia(std::span<const quint8> mulaw) override { characters += quint64(writer.media(mulaw).size()); }
    void sendMark(const QString&) override { }
    void sendClear() override { }
    TwilioWriter writer{QStringLiteral("MZ00000000000000000000000000000000")};
    quint64 characters = 0;
};

template <typename Sink> void measurePlayout(const char* name)
{
    Playout playout({});
    Sink sink;
    Instant now{std::chrono::hours(1)};
    const std::vector<quint8> sentence(8000 * 30, 0x55);
    int left = 0;
    measure(name, [&]() -> quint64 {
        if (left-- == 0) { // a sentence of half a minute: its cost spreads over 1500 frames
            playout.cut(now, sink);
            playout.beginSpeech();
            playout.appendSentence(0, QStringLiteral("A sentence."));
            playout.appendAudio(sentence);
            playout.endSpeech();
            left = 1400;
        }
        now += FrameDuration;
        playout.poll(now, sink);
        return playout.counters().framesSent;
    });
}

struct IdleCall final : TickSubscriber {
    void onTick(Instant) override { ++ticks; }
    quint64 ticks = 0;
};

// A worker's tick for two seconds of real time with nothing else to do.
void measureTick(std::size_t callCount)
{
    WorkerTick tick({});
    std::vector<IdleCall> calls(callCount);
    for (IdleCall& call : calls)
        tick.subscribe(call);
    const std::clock_t cpuBefore = std::clock();
    QTimer::singleShot(2000, qApp, &QCoreApplication::quit);
    QCoreApplication::exec();
    const double cpu = 100.0 * double(std::clock() - cpuBefore) / CLOCKS_PER_SEC / 2;
    const auto lateness = tick.lateness().snapshot();
    std::printf("tick, %3zu subscribers: CPU %.2f %%, %llu slots, late p50 <= %lld us, p99 <= %lld us, worst %lld us, "
                "missed %llu\n",
        callCount, cpu, static_cast<unsigned long long>(lateness.count),
        static_cast<long long>(lateness.quantile(0.5).count()), static_cast<long long>(lateness.quantile(0.99).count()),
        static_cast<long long>(lateness.worst.count()), static_cast<unsigned long long>(tick.missedTicks()));
    for (IdleCall& call : calls)
        tick.unsubscribe(call);
}

} // namespace

int main(int argc, char** argv)
{
    qputenv("QT_NO_GLIB", "1"); // as the engine does
    QCoreApplication app(argc, argv);
    MulawFrame mulaw;
    for (std::size_t i = 0; i < mulaw.size(); ++i)
        mulaw[i] = static_cast<quint8>(i * 73 + 11);
    const PcmFrame pcm = decodeFrame(mulaw);
    TwilioWriter writer(QStringLiteral("MZ00000000000000000000000000000000"));

    const QByteArray payload = QByteArray(reinterpret_cast<const char*>(mulaw.data()), 160).toBase64();
    const QByteArray message = R"({"event":"media","sequenceNumber":"1234","media":{"track":"inbound","chunk":"1232",)"
                               R"("timestamp":"24640","payload":")"
        + payload + R"("},"streamSid":"MZ00000000000000000000000000000000"})";
    const QString text = QString::fromUtf8(message);
    std::printf(
        "one 20 ms frame; the message in is %d bytes, out %d\n", int(message.size()), int(writer.media(mulaw).size()));

    TwilioParser parser;
    measure("parse media, from bytes", [&] { return std::get<MediaMessage>(*parser.parse(message)).timestampMs; });
    measure(
        "parse media, from the socket's text", [&] { return std::get<MediaMessage>(*parser.parse(text)).timestampMs; });
    measure("  for comparison: QJsonDocument and QByteArray::fromBase64", [&] {
        const QJsonObject media = QJsonDocument::fromJson(text.toUtf8()).object()[QLatin1String("media")].toObject();
        const QByteArray audio = QByteArray::fromBase64(media[QLatin1String("payload")].toString().toLatin1());
        return quint64(audio.size()) + media[QLatin1String("timestamp")].toString().toULongLong();
    });
    measure("write media", [&] { return quint64(writer.media(mulaw).size()); });

    std::vector<quint8> bytes;
    std::vector<char16_t> characters(base64Length(mulaw.size()));
    const std::string_view view(payload.constData(), static_cast<std::size_t>(payload.size()));
    measure("base64 decode", [&] { return quint64(decodeBase64(view, bytes)); });
    measure(
        "  for comparison: QByteArray::fromBase64", [&] { return quint64(QByteArray::fromBase64(payload).size()); });
    measure("base64 encode", [&] { return quint64(*(encodeBase64(mulaw, characters.data()) - 1)); });

    PcmFrame decoded{};
    MulawFrame encoded{};
    measure("G.711 decode", [&] {
        decodeMulaw(mulaw, decoded);
        return quint64(decoded[7]);
    });
    measure("G.711 encode", [&] {
        encodeMulaw(pcm, encoded);
        return quint64(encoded[7]);
    });
    measure("level of a frame", [&] { return quint64(levelOf(pcm).rms); });

    auto up = Resampler::create(8000, 16000);
    auto down = Resampler::create(16000, 8000);
    std::vector<qint16> resampled;
    const std::vector<qint16> wide(320, 1234);
    measure("resample 8 to 16 kHz", [&] {
        resampled.clear();
        up.value().process(pcm, resampled);
        return quint64(resampled.size());
    });
    measure("resample 16 to 8 kHz", [&] {
        resampled.clear();
        down.value().process(wide, resampled);
        return quint64(resampled.size());
    });

    InboundAudio inbound({}, [](const InboundFrame& frame) { kept = kept + quint64(frame.at.count()); });
    MediaMessage packet;
    packet.mulaw = mulaw;
    Instant now{std::chrono::hours(1)};
    measure("inbound packet to frame", [&] {
        ++packet.sequence;
        packet.timestampMs += 20;
        now += FrameDuration;
        inbound.push(packet, now);
        return packet.sequence;
    });

    Playout idle({});
    CountingSink sink;
    measure("playout: poll when idle", [&] {
        now += FrameDuration;
        idle.poll(now, sink);
        return sink.bytes;
    });
    measurePlayout<CountingSink>("playout: poll, one frame sent");
    measurePlayout<WritingSink>("playout: poll, one frame sent and written as a message");
    for (const std::size_t calls : {0u, 1u, 400u})
        measureTick(calls);
    return 0;
}
