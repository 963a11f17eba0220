// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/inboundaudio.h"
#include "engine/media/playout.h"
#include "engine/media/twiliomessage.h"

#include <cstdlib>

using namespace kav;
using namespace kav::media;

namespace {

struct NullSink final : PlayoutSink {
    void sendMedia(std::span<const quint8>) override { }
    void sendMark(const QString&) override { }
    void sendClear() override { }
};

void require(bool condition)
{
    if (!condition)
        std::abort();
}

} // namespace

// The input is a stream's messages, one per line. Each is parsed, as bytes and as text, and goes where the session
// would send it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static TwilioParser parser, echoParser; // reused, as a worker does
    parser.setStream({});
    quint64 samples = 0;
    InboundAudio audio({}, [&samples](const InboundFrame& frame) { samples += frame.pcm.size(); });
    Playout playout({});
    NullSink sink;
    Instant now{};
    playout.beginSpeech();
    playout.appendSentence(0, QStringLiteral("Hello."));
    playout.appendAudio(std::vector<quint8>(4000, MulawSilence));
    playout.endSpeech();

    QByteArrayView rest(data, static_cast<qsizetype>(size));
    quint64 messages = 0;
    while (!rest.isEmpty()) {
        qsizetype end = 0;
        while (end < rest.size() && rest[end] != '\n')
            ++end;
        const QByteArrayView line = rest.first(end);
        rest = rest.sliced(std::min(end + 1, rest.size()));
        ++messages;
        now += FrameDuration;
        playout.poll(now, sink);
        audio.advance(now);

        const auto asText = parser.parse(QString::fromUtf8(line));
        const auto message = parser.parse(line);
        if (!message.ok()) {
            require(
                message.error().code == Error::Code::Invalid && message.error().message.contains(QLatin1String(": ")));
            continue;
        }
        require(asText.ok() && asText->index() == message->index());
        if (const auto* media = std::get_if<MediaMessage>(&*message)) {
            require(media->mulaw.size() <= std::size_t(TwilioParser::LongestMessage));
            audio.push(*media, now);
        } else if (const auto* mark = std::get_if<MarkMessage>(&*message)) {
            playout.onMark(mark->name, now);
            // The name is the stream's too, so that what is escaped there must come back as itself as well.
            TwilioWriter writer(mark->name);
            echoParser.setStream(mark->name);
            const QByteArray echo = writer.mark(mark->name).toUtf8();
            const auto back = echoParser.parse(echo);
            if (echo.size() <= TwilioParser::LongestMessage)
                require(back.ok() && std::get<MarkMessage>(*back).name == mark->name);
        } else if (const auto* start = std::get_if<StartMessage>(&*message)) {
            require(!start->streamSid.isEmpty() && start->parameters.size() <= TwilioParser::MostParameters);
            audio.start(now);
            parser.setStream(start->streamSid);
        } else if (const auto* dtmf = std::get_if<DtmfMessage>(&*message)) {
            require(QByteArrayView("0123456789*#ABCD").contains(dtmf->digit));
        }
    }
    // A message yields its own audio and the silence of one gap at most; the clock adds real time.
    require(samples <= messages * (5000 * 8 + 160 + 160) + size);
    require(playout.heard(now).size() == 1 && playout.heard(now).front().heard <= playout.heard(now).front().length);
    playout.cut(now, sink);
    return 0;
}
