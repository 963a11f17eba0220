// SPDX-License-Identifier: Apache-2.0
#include "console/models/evidencesaver.h"

#include "console/models/words.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSet>
#include <QTemporaryDir>
#include <QTimer>

#include <algorithm>

namespace kav::console {

namespace {

using namespace std::chrono_literals;
namespace wire = kav::protocol;

constexpr Milliseconds AskWhetherMade = 300ms;
/// The engine takes some twenty commands a second, and some are the operator's.
constexpr Milliseconds BetweenParts = 75ms;
constexpr Milliseconds BeforeAnotherTry = 500ms;
constexpr int MostTries = 40;
/// A pack has fewer; a longer list is not one.
constexpr qsizetype MostFiles = 500;

constexpr QFileDevice::Permissions OwnerOnly = QFileDevice::ReadOwner | QFileDevice::WriteOwner;

/// It becomes a file's name on this machine.
bool isPlainName(const QString& name)
{
    return !name.isEmpty() && name.size() <= 200 && !name.startsWith(QLatin1Char('.'))
        && std::all_of(name.cbegin(), name.cend(), [](QChar c) {
               return c.unicode() < 128
                   && (c.isLetterOrNumber() || c == QLatin1Char('-') || c == QLatin1Char('_') || c == QLatin1Char('.'));
           });
}

bool isEmptyFolder(const QFileInfo& path)
{
    return path.isDir() && !path.isSymLink()
        && QDir(path.filePath()).isEmpty(QDir::AllEntries | QDir::NoDotAndDotDot | QDir::Hidden | QDir::System);
}

} // namespace

struct EvidenceSaver::Private final {
    Private(EvidenceSaver& saver, Synchronizer& someSynchronizer)
        : q(saver)
        , synchronizer(someSynchronizer)
    {
    }

    void ask();
    void askIn(Milliseconds wait);
    void take(const Outcome& outcome);
    void takePack(const wire::EvidencePack& told);
    void takePart(const wire::EvidencePart& part);
    bool beginFile();
    bool endFile();
    void finish();
    void fail(const QString& sentence);
    void reset();
    QString problemOf(const QFileDevice& device) const;

    EvidenceSaver& q;
    Synchronizer& synchronizer;
    Stage stage = Stage::Idle;
    Order order;
    QTimer next;
    std::optional<qint64> command; ///< without an answer
    std::optional<qint64> orphan; ///< a pack that is not wanted any more, and has no name yet
    int tries = 0;

    QString pack; ///< empty: not begun
    QList<wire::EvidenceFile> files;
    qint64 allBytes = 0, gotBytes = 0;
    qsizetype current = 0;
    std::unique_ptr<QTemporaryDir> work; ///< beside the place: what is in it gets there by a rename
    std::unique_ptr<QFile> file;
    QCryptographicHash hash{QCryptographicHash::Sha256};
};

EvidenceSaver::EvidenceSaver(Synchronizer& synchronizer)
    : d(std::make_unique<Private>(*this, synchronizer))
{
    d->next.setSingleShot(true);
    connect(&d->next, &QTimer::timeout, this, [this] { d->ask(); });
    connect(&synchronizer, &Synchronizer::commandFinished, this, [this](qint64 id, const Outcome& outcome) {
        if (id == d->orphan) {
            d->orphan.reset();
            const auto* result = std::get_if<wire::CommandResult>(&outcome);
            if (const auto* told = result ? std::get_if<wire::EvidencePack>(result) : nullptr)
                d->synchronizer.dropEvidence(told->pack);
        } else if (id == d->command) {
            d->command.reset();
            d->take(outcome);
        }
    });
    // The engine keeps a pack for one line alone.
    connect(&synchronizer, &Synchronizer::phaseChanged, this, [this](Synchronizer::Phase phase) {
        if (phase != Synchronizer::Phase::Live && d->stage != Stage::Idle)
            d->fail(tr("The line to the engine was lost before the evidence was all here. Nothing was saved."));
    });
}

EvidenceSaver::~EvidenceSaver() = default;

QString EvidenceSaver::whyNotThere(const QString& path, bool isFolder)
{
    const QFileInfo place(path);
    if (path.isEmpty() || !place.isAbsolute())
        return tr("Choose where it is to be saved.");
    if ((place.exists() || place.isSymLink()) && !(isFolder && isEmptyFolder(place)))
        return isFolder ? tr("There is something of that name already. Choose another name, or an empty folder.")
                        : tr("There is something of that name already. Choose another name.");
    const QFileInfo around(place.absolutePath());
    if (!around.isDir())
        return tr("There is no such folder.");
    if (!around.isWritable())
        return tr("You may not write into that folder.");
    return {};
}

void EvidenceSaver::save(const Order& order)
{
    if (d->stage != Stage::Idle)
        return;
    d->order = order;
    d->order.path = QDir::cleanPath(order.path);
    d->stage = Stage::Making;
    d->askIn(0ms);
    Q_EMIT changed();
}

void EvidenceSaver::cancel()
{
    if (d->stage == Stage::Idle)
        return;
    if (!d->pack.isEmpty())
        d->synchronizer.dropEvidence(d->pack);
    else
        d->orphan = d->command;
    d->reset();
    Q_EMIT changed();
}

EvidenceSaver::Stage EvidenceSaver::stage() const
{
    return d->stage;
}

QString EvidenceSaver::call() const
{
    return d->order.call;
}

int EvidenceSaver::percent() const
{
    return d->allBytes > 0 ? int(d->gotBytes * 100 / d->allBytes) : 0;
}

void EvidenceSaver::Private::askIn(Milliseconds wait)
{
    next.start(wait);
}

void EvidenceSaver::Private::ask()
{
    if (stage == Stage::Making && !work) {
        // First of all: whoever cannot write there should know before the engine begins.
        if (const QString why = whyNotThere(order.path, order.isFolder); !why.isEmpty()) {
            fail(why);
            return;
        }
        work = std::make_unique<QTemporaryDir>(
            QFileInfo(order.path).absolutePath() + QStringLiteral("/.kav-evidence-XXXXXX"));
        if (!work->isValid()) {
            fail(tr("%1 cannot be written: %2").arg(isolated(order.path), isolated(work->errorString())));
            return;
        }
    }
    if (stage == Stage::Making && pack.isEmpty())
        command = synchronizer.makeEvidence(order.call, order.isFolder, order.unmask);
    else if (stage == Stage::Making)
        command = synchronizer.queryEvidence(pack);
    else
        command = synchronizer.readEvidence(pack, files[current].name, file->pos());
}

void EvidenceSaver::Private::take(const Outcome& outcome)
{
    if (const auto* error = std::get_if<wire::CommandError>(&outcome)) {
        // What is asked for once more does no harm; but for a pack that may have been begun.
        const bool passes = error->code == wire::ErrorCode::RateLimited || error->code == wire::ErrorCode::TooSlow
            || error->code == wire::ErrorCode::Timeout;
        if (passes && !pack.isEmpty() && ++tries < MostTries)
            askIn(BeforeAnotherTry);
        else
            fail(errorSentence(*error));
        return;
    }
    tries = 0;
    const auto& result = std::get<wire::CommandResult>(outcome);
    if (const auto* told = std::get_if<wire::EvidencePack>(&result); told && stage == Stage::Making)
        takePack(*told);
    else if (const auto* part = std::get_if<wire::EvidencePart>(&result); part && stage == Stage::Fetching)
        takePart(*part);
    else
        fail(errorSentence({wire::ErrorCode::BadMessage, {}}));
}

void EvidenceSaver::Private::takePack(const wire::EvidencePack& told)
{
    pack = told.pack;
    if (!told.made) {
        askIn(AskWhetherMade);
        return;
    }
    files = told.files;
    QSet<QString> names;
    for (const wire::EvidenceFile& one : std::as_const(files)) {
        names.insert(one.name.toLower());
        allBytes += one.bytes;
    }
    const bool isSound = !files.isEmpty() && files.size() <= MostFiles && names.size() == files.size()
        && (order.isFolder || files.size() == 1)
        && std::all_of(files.cbegin(), files.cend(), [](const auto& one) { return isPlainName(one.name); });
    if (!isSound) {
        fail(errorSentence({wire::ErrorCode::BadMessage, {}}));
        return;
    }
    stage = Stage::Fetching;
    if (beginFile())
        askIn(0ms);
    Q_EMIT q.changed();
}

void EvidenceSaver::Private::takePart(const wire::EvidencePart& part)
{
    const wire::EvidenceFile& whole = files[current];
    const qint64 left = whole.bytes - file->pos();
    if (part.pack != pack || part.file != whole.name || part.offset != file->pos() || part.data.size() > left
        || (part.data.isEmpty() && left > 0)) {
        fail(errorSentence({wire::ErrorCode::BadMessage, {}}));
        return;
    }
    if (file->write(part.data) != part.data.size() || !file->flush()) {
        fail(problemOf(*file));
        return;
    }
    hash.addData(part.data);
    gotBytes += part.data.size();
    if (file->pos() == whole.bytes) {
        if (!endFile())
            return;
        if (++current == files.size()) {
            finish();
            return;
        }
        if (!beginFile())
            return;
    }
    askIn(BetweenParts);
    Q_EMIT q.changed();
}

bool EvidenceSaver::Private::beginFile()
{
    hash.reset();
    // By its place in the list where it is alone: a zip gets its name from the operator.
    file = std::make_unique<QFile>(
        work->filePath(QStringLiteral("pack") + (order.isFolder ? QLatin1Char('/') + files[current].name : QString())));
    if (order.isFolder && !QDir(work->path()).mkpath(QStringLiteral("pack"))) {
        fail(tr("%1 cannot be written: %2").arg(isolated(order.path), isolated(work->path())));
        return false;
    }
    if (!file->open(QIODevice::WriteOnly | QIODevice::NewOnly) || !file->setPermissions(OwnerOnly)) {
        fail(problemOf(*file));
        return false;
    }
    return true;
}

bool EvidenceSaver::Private::endFile()
{
    file->close();
    if (file->error() != QFileDevice::NoError) {
        fail(problemOf(*file));
        return false;
    }
    if (QString::fromLatin1(hash.result().toHex()).compare(files[current].sha256, Qt::CaseInsensitive) != 0) {
        fail(tr("What came is not what the engine made: the SHA-256 of %1 differs. Nothing was saved.")
                 .arg(isolated(files[current].name)));
        return false;
    }
    return true;
}

void EvidenceSaver::Private::finish()
{
    const QString path = order.path;
    const QString made = work->filePath(QStringLiteral("pack"));
    const bool isReplaced = order.isFolder && isEmptyFolder(QFileInfo(path));
    if ((isReplaced && !QDir().rmdir(path)) || QFileInfo::exists(path) || !QFile::rename(made, path)) {
        fail(tr("The evidence cannot get the name %1. Nothing was saved.").arg(isolated(path)));
        return;
    }
    synchronizer.dropEvidence(pack);
    reset();
    Q_EMIT q.changed();
    Q_EMIT q.saved(path);
}

void EvidenceSaver::Private::fail(const QString& sentence)
{
    const QString call = order.call;
    if (!pack.isEmpty() && synchronizer.phase() == Synchronizer::Phase::Live)
        synchronizer.dropEvidence(pack);
    reset();
    Q_EMIT q.changed();
    Q_EMIT q.failed(call, sentence);
}

void EvidenceSaver::Private::reset()
{
    next.stop();
    command.reset();
    tries = 0;
    pack.clear();
    files.clear();
    allBytes = gotBytes = 0;
    current = 0;
    file.reset();
    work.reset();
    order = {};
    stage = Stage::Idle;
}

QString EvidenceSaver::Private::problemOf(const QFileDevice& device) const
{
    //: %1: a path; %2: the system's reason
    return tr("%1 cannot be written: %2").arg(isolated(order.path), isolated(device.errorString()));
}

} // namespace kav::console
