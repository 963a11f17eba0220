// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/film.h"

#include "engine/evidence/works.h"
#include "shared/core/masking.h"

#include <QFile>
#include <QProcess>

namespace kav::evidence {

namespace {
constexpr Milliseconds LongestMaking{10 * 60 * 1000};
constexpr int FramesASecond = 10;
} // namespace

Result<void> makeFilm(const QString& ffmpeg, const CallEvidence& evidence, const Loudness& loudness,
    const QString& picture, const QString& path)
{
    const double pixelsASecond = (PlotRight - PlotLeft) * 1000.0 / double(evidence.length.count());
    const double begin = PlotLeft + pixelsASecond * double(loudness.from.count()) / 1000;
    const QString cursor = QStringLiteral("color=c=0xd92d20:s=2x%1:r=%2").arg(PlotBottom - PlotTop).arg(FramesASecond);
    const QString moving = QStringLiteral("[0:v][1:v]overlay=x='%1+%2*t':y=%3:eval=frame:shortest=1,format=yuv420p[v]")
                               .arg(begin, 0, 'f', 3)
                               .arg(pixelsASecond, 0, 'f', 6)
                               .arg(PlotTop);
    // "file:" keeps a colon in a path from being taken for a protocol's name.
    const auto local = [](const QString& file) -> QString { return QStringLiteral("file:") + file; };
    QProcess program;
    program.setStandardInputFile(QProcess::nullDevice());
    program.setStandardOutputFile(QProcess::nullDevice());
    program.start(ffmpeg,
        {QStringLiteral("-nostdin"), QStringLiteral("-v"), QStringLiteral("error"), QStringLiteral("-y"),
            QStringLiteral("-loop"), QStringLiteral("1"), QStringLiteral("-framerate"), QString::number(FramesASecond),
            QStringLiteral("-i"), local(picture), QStringLiteral("-f"), QStringLiteral("lavfi"), QStringLiteral("-i"),
            cursor, QStringLiteral("-i"), local(evidence.sounds.recording), QStringLiteral("-filter_complex"), moving,
            QStringLiteral("-map"), QStringLiteral("[v]"), QStringLiteral("-map"), QStringLiteral("2:a"),
            QStringLiteral("-t"), QString::number(double(loudness.length.count()) / 1000, 'f', 3),
            QStringLiteral("-c:v"), QStringLiteral("libx264"), QStringLiteral("-preset"), QStringLiteral("veryfast"),
            QStringLiteral("-threads"), QStringLiteral("2"), QStringLiteral("-c:a"), QStringLiteral("aac"),
            QStringLiteral("-ar"), QStringLiteral("16000"), QStringLiteral("-b:a"), QStringLiteral("64k"),
            QStringLiteral("-movflags"), QStringLiteral("+faststart"), local(path)});
    const auto failed = [&path](const QString& why) {
        QFile::remove(path);
        return Error{Error::Code::Unavailable, why, {}};
    };
    if (!program.waitForStarted())
        return failed(QStringLiteral("ffmpeg did not start: %1").arg(program.errorString()));
    if (!program.waitForFinished(int(LongestMaking.count()))) {
        program.kill();
        program.waitForFinished();
        return failed(QStringLiteral("ffmpeg took longer than ten minutes"));
    }
    const QString said = QString::fromLocal8Bit(program.readAllStandardError()).trimmed();
    if (program.exitStatus() != QProcess::NormalExit || program.exitCode() != 0 || !QFile::exists(path)) {
        return failed(QStringLiteral("ffmpeg failed: %1")
                          .arg(said.isEmpty() ? QStringLiteral("it gave no reason")
                                              : logSafe(said.section(QLatin1Char('\n'), -1), 200)));
    }
    return {};
}

} // namespace kav::evidence
