// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/pictures.h"

#include "engine/evidence/analysis.h"
#include "shared/core/masking.h"

#include <QFile>

#include <array>
#include <vector>

namespace kav::evidence {

namespace {

struct Shown final {
    const char* token;
    const char* word;
    unsigned rgb;
};
constexpr unsigned Calm = 0x4a5a6c, Warning = 0xb45309, Bad = 0xb42318;
constexpr std::array ShownTokens{Shown{"WS_START", "101", Calm}, Shown{"DTMF", "key", Calm},
    Shown{"BARGE_IN", "barge-in", Warning}, Shown{"SPEECH_CUT", "cut", Warning}, Shown{"FILLER", "filler", Warning},
    Shown{"FALLBACK", "fallback", Bad}, Shown{"FAILOVER", "failover", Bad}, Shown{"STT_ERR", "STT error", Bad},
    Shown{"LLM_ERR", "LLM error", Bad}, Shown{"TTS_ERR", "TTS error", Bad}, Shown{"NO_INPUT", "no input", Warning},
    Shown{"TRANSFER", "transfer", Calm}, Shown{"WITHOUT_STREAM", "no stream", Warning},
    Shown{"OPERATOR_ACT", "operator", Calm}, Shown{"WS_STOP", "stop", Calm}};

} // namespace

QList<Moment> moments(const CallEvidence& evidence)
{
    QList<Moment> all;
    for (const CallEvent& event : evidence.events) {
        for (const Shown& shown : ShownTokens) {
            if (event.token != QLatin1String(shown.token))
                continue;
            const QString act = event.data.value(QLatin1String("act")).toString();
            all.append({evidence.offset(event.at), shown.rgb, act.isEmpty() ? QLatin1String(shown.word) : act});
        }
    }
    all.removeIf([&evidence](const Moment& moment) { return moment.at > evidence.length; });
    return all;
}

Result<void> drawPicture(const CallEvidence& evidence, const std::optional<Loudness>& loudness,
    const KavEvidenceWorks& works, const QString& path)
{
    // The C side borrows the words: they live here until it is done.
    std::vector<QByteArray> words;
    std::vector<KavPictureBand> bands;
    std::vector<KavPictureMark> marks;
    const QList<Stretch> stretches = states(evidence);
    const QList<Moment> noted = moments(evidence);
    words.reserve(std::size_t(stretches.size() + noted.size()));
    const auto keep = [&words](const QString& text) {
        words.push_back(logSafe(text, 40).toUtf8());
        return words.back().constData();
    };
    for (const Stretch& stretch : stretches)
        bands.push_back(
            {double(stretch.from.count()), double(stretch.to.count()), stateColour(stretch.name), keep(stretch.name)});
    for (const Moment& moment : noted)
        marks.push_back({double(moment.at.count()), moment.rgb, keep(moment.word)});

    std::vector<KavPictureWave> waves;
    if (loudness) {
        const double from = double(loudness->from.count()), to = from + double(loudness->length.count());
        waves.push_back({"Caller", 0x2563a8, from, to, loudness->caller.data(), loudness->caller.size()});
        waves.push_back({"Agent", 0x3f9c6b, from, to, loudness->agent.data(), loudness->agent.size()});
    }
    const QByteArray title = QStringLiteral("%1   %2   %3 s")
                                 .arg(logSafe(evidence.call.id, 64), evidence.call.startedAt.toString(Qt::ISODate))
                                 .arg(double(evidence.length.count()) / 1000, 0, 'f', 1)
                                 .toUtf8();
    const QByteArray note = (QStringLiteral("No sound: ") + logSafe(evidence.sounds.whyNone, 120)).toUtf8();
    const KavPicture picture{double(evidence.length.count()), title.constData(), note.constData(), bands.data(),
        bands.size(), marks.data(), marks.size(), waves.data(), waves.size()};
    std::array<char, 512> error{};
    if (!works.draw(&picture, QFile::encodeName(path).constData(), error.data(), error.size()))
        return Error{Error::Code::Io, QString::fromUtf8(error.data()), {}};
    return {};
}

} // namespace kav::evidence
