// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/pack.h"

#include "engine/evidence/film.h"
#include "engine/evidence/pictures.h"
#include "engine/evidence/tables.h"
#include "shared/core/masking.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTemporaryDir>

#include <array>
#include <vector>

namespace kav::evidence {

namespace {

constexpr QFileDevice::Permissions OwnerOnly = QFileDevice::ReadOwner | QFileDevice::WriteOwner;

class Packer final {
public:
    Packer(const CallEvidence& evidence, const PackOptions& options, const QString& folder)
        : m_evidence(evidence)
        , m_options(options)
        , m_folder(folder)
    {
    }

    Result<PackReport> pack();
    const QList<PackedFile>& files() const { return m_report.files; }

private:
    QString pathOf(const QString& name) const { return m_folder.filePath(name); }
    Result<void> write(const QString& name, const QString& about, const QByteArray& bytes);
    Result<void> copy(const QString& name, const QString& about, const QString& from);
    Result<void> enter(const QString& name, const QString& about);
    void miss(const QString& name, const QString& why) { m_report.missing.append({name, why}); }

    Result<void> addSounds();
    Result<void> addPictures();
    Result<void> addData();
    Result<void> addManifest();

    const CallEvidence& m_evidence;
    const PackOptions& m_options;
    const QDir m_folder;
    PageSurroundings m_surroundings;
    std::optional<Loudness> m_loudness;
    PackReport m_report;
    QJsonArray m_entries;
};

Error unwanted()
{
    return Error{Error::Code::Invalid, QStringLiteral("the pack is not wanted any more"), {}};
}

Error ioError(const QFileDevice& file)
{
    return Error{Error::Code::Io, QStringLiteral("cannot write %1: %2").arg(file.fileName(), file.errorString()), {}};
}

/// The file is there: it is counted, and its hash taken from the disk.
Result<void> Packer::enter(const QString& name, const QString& about)
{
    QFile file(pathOf(name));
    QCryptographicHash hash(QCryptographicHash::Sha256);
    if (!file.setPermissions(OwnerOnly) || !file.open(QIODevice::ReadOnly) || !hash.addData(&file))
        return Error{
            Error::Code::Io, QStringLiteral("cannot read %1 again: %2").arg(file.fileName(), file.errorString()), {}};
    const PackedFile packed{name, file.size(), hash.result().toHex()};
    m_report.files.append(packed);
    m_entries.append(QJsonObject{{QStringLiteral("name"), name}, {QStringLiteral("about"), about},
        {QStringLiteral("bytes"), packed.bytes}, {QStringLiteral("sha256"), QString::fromLatin1(packed.sha256)}});
    return {};
}

Result<void> Packer::write(const QString& name, const QString& about, const QByteArray& bytes)
{
    QFile file(pathOf(name));
    if (!file.open(QIODevice::WriteOnly | QIODevice::NewOnly) || file.write(bytes) != bytes.size() || !file.flush())
        return ioError(file);
    file.close();
    return enter(name, about);
}

Result<void> Packer::copy(const QString& name, const QString& about, const QString& from)
{
    QFile source(from);
    if (!source.copy(pathOf(name)))
        return Error{Error::Code::Io, QStringLiteral("cannot copy %1: %2").arg(from, source.errorString()), {}};
    return enter(name, about);
}

Result<void> Packer::addSounds()
{
    const QString name = QStringLiteral("recording.wav");
    const Sounds& sounds = m_evidence.sounds;
    if (sounds.recording.isEmpty()) {
        miss(name, sounds.whyNone);
    } else {
        if (const auto copied = copy(name,
                QStringLiteral("the call in stereo: left the caller, right the agent as heard"), sounds.recording);
            !copied)
            return copied;
        m_surroundings.recording = name;
    }
    for (qsizetype i = 0; i < sounds.messages.size(); ++i) {
        const QString message = QStringLiteral("message-%1.wav").arg(i + 1);
        if (const auto copied = copy(message, QStringLiteral("a message that the caller left"), sounds.messages[i]);
            !copied)
            return copied;
        m_surroundings.messages += message;
    }
    return {};
}

Result<void> Packer::addPictures()
{
    const QString picture = QStringLiteral("waveform.png"), film = QStringLiteral("call.mp4");
    QString noSound = m_evidence.sounds.whyNone;
    if (!m_surroundings.recording.isEmpty()) {
        auto loudness = readLoudness(m_evidence);
        if (loudness)
            m_loudness = std::move(*loudness);
        else
            noSound = QStringLiteral("the recording cannot be read: %1").arg(loudness.error().message);
    }
    if (!m_options.works) {
        miss(picture, m_options.works.error().message);
        miss(film, QStringLiteral("there is no picture to move"));
        return {};
    }
    CallEvidence drawn = m_evidence;
    drawn.sounds.whyNone = noSound;
    if (const auto done = drawPicture(drawn, m_loudness, **m_options.works, pathOf(picture)); !done) {
        miss(picture, done.error().message);
        miss(film, QStringLiteral("there is no picture to move"));
        return {};
    }
    if (const auto entered = enter(picture, QStringLiteral("both sides' waves under the states")); !entered)
        return entered;
    m_surroundings.picture = picture;
    if (!m_loudness) {
        miss(film, noSound);
        return {};
    }
    if (m_options.ffmpeg.isEmpty()) {
        miss(film, m_options.whyNoFilm);
        return {};
    }
    if (const auto made = makeFilm(m_options.ffmpeg, m_evidence, *m_loudness, pathOf(picture), pathOf(film)); !made) {
        miss(film, made.error().message);
        return {};
    }
    m_surroundings.film = film;
    return enter(film, QStringLiteral("the picture with a line that moves as the call is heard"));
}

Result<void> Packer::addData()
{
    m_surroundings.missing = m_report.missing;
    m_surroundings.madeBy = m_options.madeBy;
    m_surroundings.madeAt = m_options.madeAt;
    QJsonObject all = toJson(m_evidence);
    all.insert(QStringLiteral("madeBy"), m_options.madeBy);
    all.insert(QStringLiteral("madeAt"), m_options.madeAt.toString(Qt::ISODate));
    const struct {
        const char* name;
        const char* about;
        QByteArray bytes;
    } files[] = {
        {"index.html", "the call for a person: open it in a browser", page(m_evidence, m_loudness, m_surroundings)},
        {"evidence.json", "the same as data", QJsonDocument(all).toJson()},
        {"timeline.csv", "every event", timelineCsv(m_evidence)},
        {"turns.csv", "transcript and waits", turnsCsv(m_evidence)},
        {"requests.csv", "requests and upgrades", requestsCsv(m_evidence)},
        {"providers.csv", "what providers did", providersCsv(m_evidence)},
    };
    for (const auto& file : files) {
        if (const auto written = write(QLatin1String(file.name), QLatin1String(file.about), file.bytes); !written)
            return written;
    }
    return {};
}

Result<void> Packer::addManifest()
{
    QJsonArray notes{QStringLiteral("The call log keeps the numbers of both ends masked; no option brings them back.")};
    notes.append(m_evidence.isMasked
            ? QStringLiteral("Numbers that were said or keyed are masked in all text. In the sound they can be heard.")
            : QStringLiteral("Numbers that were said or keyed are shown."));
    if (m_evidence.isLive())
        notes.append(QStringLiteral("The call was not over, or its end not yet stored, when this was made."));
    if (m_evidence.sounds.isGrowing && !m_evidence.sounds.recording.isEmpty())
        notes.append(QStringLiteral("The recording was still growing."));
    if (m_evidence.isCut)
        notes.append(QStringLiteral("There were more requests than a pack holds; the newest are here."));
    QJsonArray missing;
    for (const Missing& one : std::as_const(m_report.missing))
        missing.append(QJsonObject{{QStringLiteral("name"), one.name}, {QStringLiteral("why"), one.why}});
    const QJsonObject manifest{{QStringLiteral("format"), QStringLiteral("kav-evidence-manifest/1")},
        {QStringLiteral("call"), m_evidence.call.id}, {QStringLiteral("madeBy"), m_options.madeBy},
        {QStringLiteral("madeAt"), m_options.madeAt.toString(Qt::ISODate)},
        {QStringLiteral("numbersMasked"), m_evidence.isMasked}, {QStringLiteral("notes"), notes},
        {QStringLiteral("files"), m_entries}, {QStringLiteral("missing"), missing}};
    if (const auto written = write(
            QStringLiteral("manifest.json"), QStringLiteral("what is in the pack"), QJsonDocument(manifest).toJson());
        !written)
        return written;
    QByteArray sums;
    for (const PackedFile& file : std::as_const(m_report.files))
        sums += file.sha256 + "  " + file.name.toUtf8() + '\n';
    return write(QStringLiteral("SHA256SUMS"), QStringLiteral("for sha256sum -c"), sums);
}

Result<PackReport> Packer::pack()
{
    for (const auto step : {&Packer::addSounds, &Packer::addPictures, &Packer::addData, &Packer::addManifest}) {
        if (m_options.isUnwanted && m_options.isUnwanted())
            return unwanted();
        if (const auto done = (this->*step)(); !done)
            return done.error();
    }
    return m_report;
}

Result<void> zipFolder(const PackReport& report, const CallEvidence& evidence, const PackOptions& options,
    const QDir& folder, const QString& zipPath)
{
    if (!options.works)
        return options.works.error();
    const QString top = packName(evidence.call.id);
    std::vector<std::pair<QByteArray, QByteArray>> names; // lent to the C side
    std::vector<KavZipEntry> entries;
    names.reserve(std::size_t(report.files.size()));
    for (const PackedFile& file : report.files) {
        names.emplace_back(
            (top + QLatin1Char('/') + file.name).toUtf8(), QFile::encodeName(folder.filePath(file.name)));
        entries.push_back({names.back().first.constData(), names.back().second.constData()});
    }
    std::array<char, 512> error{};
    if (!(*options.works)
             ->zip(entries.data(), entries.size(), options.madeAt.toSecsSinceEpoch(),
                 QFile::encodeName(zipPath).constData(), error.data(), error.size()))
        return Error{Error::Code::Io, QString::fromUtf8(error.data()), {}};
    if (!QFile::setPermissions(zipPath, OwnerOnly))
        return Error{Error::Code::Io, QStringLiteral("cannot set the permissions of %1").arg(zipPath), {}};
    return {};
}

Error inTheWay(const QString& out)
{
    return Error{Error::Code::Invalid,
        QStringLiteral("%1 is there already, and is not overwritten; name another").arg(logSafe(out)), {}};
}

} // namespace

QString packName(const QString& callId)
{
    QString name = QStringLiteral("kav-evidence-");
    for (const QChar c : callId.left(64)) {
        const bool plain = (c >= QLatin1Char('0') && c <= QLatin1Char('9'))
            || (c >= QLatin1Char('A') && c <= QLatin1Char('Z')) || (c >= QLatin1Char('a') && c <= QLatin1Char('z'));
        name += plain ? c : QLatin1Char('_');
    }
    return name;
}

Result<PackReport> writePack(const CallEvidence& evidence, const PackOptions& options)
{
    const bool isZip = options.out.endsWith(QLatin1String(".zip"), Qt::CaseInsensitive);
    const QFileInfo target(QDir::cleanPath(options.out));
    const bool isEmptyFolder = target.isDir()
        && QDir(target.filePath()).isEmpty(QDir::AllEntries | QDir::NoDotAndDotDot | QDir::Hidden | QDir::System);
    if ((target.exists() || target.isSymLink()) && (isZip || !isEmptyFolder))
        return inTheWay(options.out);
    if (isZip && !options.works)
        return options.works.error();
    // Beside its place, so that it gets there by a rename.
    QTemporaryDir work(target.absolutePath() + QStringLiteral("/.kav-evidence-XXXXXX"));
    if (!work.isValid())
        return Error{Error::Code::Io,
            QStringLiteral("cannot write into %1: %2").arg(logSafe(target.absolutePath()), work.errorString()), {}};
    const QDir folder(work.path());
    if (!folder.mkdir(QStringLiteral("pack")))
        return Error{Error::Code::Io, QStringLiteral("cannot write into %1").arg(work.path()), {}};
    const QString pack = folder.filePath(QStringLiteral("pack"));
    QFile::setPermissions(pack, OwnerOnly | QFileDevice::ExeOwner);
    auto report = Packer(evidence, options, pack).pack();
    if (!report)
        return report;
    QString made = pack;
    if (isZip) {
        if (options.isUnwanted && options.isUnwanted())
            return unwanted();
        made = folder.filePath(QStringLiteral("pack.zip"));
        if (const auto zipped = zipFolder(*report, evidence, options, QDir(pack), made); !zipped)
            return zipped.error();
    } else if (isEmptyFolder && !QDir().rmdir(target.filePath())) {
        return Error{
            Error::Code::Io, QStringLiteral("cannot put the pack in the place of %1").arg(logSafe(options.out)), {}};
    }
    if (QFile::exists(target.filePath()) || !QFile::rename(made, target.filePath()))
        return Error{Error::Code::Io, QStringLiteral("cannot give the pack its name %1").arg(logSafe(options.out)), {}};
    report->path = target.absoluteFilePath();
    return report;
}

} // namespace kav::evidence
