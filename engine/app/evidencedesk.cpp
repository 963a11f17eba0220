// SPDX-License-Identifier: Apache-2.0
#include "engine/app/evidencedesk.h"

#include "engine/app/wiring.h"
#include "engine/evidence/loadworks.h"
#include "engine/evidence/pack.h"
#include "shared/core/logging.h"

#include <QCryptographicHash>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QRandomGenerator>

#include <algorithm>
#include <atomic>

namespace kav::app {

namespace {

constexpr Milliseconds LookForForgotten{5000};
/// What an engine that died left is older than this; a second engine on the same data may be at work on what is not.
constexpr int LeftOverSeconds = 3600;

using protocol::CommandError;
using protocol::CommandResult;
using protocol::ErrorCode;

control::Outcome evidenceRefusal(ErrorCode code, const QString& message)
{
    return CommandError{code, message};
}

control::Outcome noSuchPack()
{
    return evidenceRefusal(ErrorCode::NotPossible,
        QStringLiteral("there is no such pack: it was dropped, or nobody asked for it in time"));
}

void removePath(const QString& path)
{
    if (!QFile::remove(path))
        QDir(path).removeRecursively();
}

void removeLeftOvers(const QString& folder)
{
    const auto entries =
        QDir(folder).entryInfoList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
    for (const QFileInfo& entry : entries) {
        if (entry.lastModified().secsTo(QDateTime::currentDateTime()) > LeftOverSeconds)
            removePath(entry.filePath());
    }
}

Result<QString> sha256Of(const QString& path)
{
    QFile file(path);
    QCryptographicHash hash(QCryptographicHash::Sha256);
    if (!file.open(QIODevice::ReadOnly) || !hash.addData(&file))
        return Error{Error::Code::Io, QStringLiteral("cannot read the pack again: %1").arg(file.errorString()), {}};
    return QString::fromLatin1(hash.result().toHex());
}

} // namespace

struct EvidenceDesk::Pack final {
    QString id, call;
    quint64 console = 0;
    bool isFolder = false, unmask = false;
    Instant asked; ///< for it, the last time
    std::shared_ptr<std::atomic<bool>> isUnwanted = std::make_shared<std::atomic<bool>>(false);
    QString path; ///< what is to be deleted; empty: it is not made
    QList<protocol::EvidenceFile> files;
    QStringList missing;
    QString trouble; ///< it cannot be made

    protocol::EvidencePack told() const { return {id, call, !path.isEmpty(), files, missing}; }
    QString pathOf(const QString& file) const { return isFolder ? path + QLatin1Char('/') + file : path; }
};

struct EvidenceDesk::Gathered final {
    Result<evidence::CallEvidence> evidence = Error{};
    Result<const KavEvidenceWorks*> works = Error{};
};

struct EvidenceDesk::Made final {
    QString path;
    QList<protocol::EvidenceFile> files;
    QStringList missing;
    QString trouble;
};

EvidenceDesk::EvidenceDesk(Settings settings, const Clock& clock)
    : m_settings(std::move(settings))
    , m_clock(clock)
{
    m_readers.setMaxThreadCount(1);
    m_makers.setMaxThreadCount(1);
    m_readers.start([folder = m_settings.folder] { removeLeftOvers(folder); });
    connect(&m_timer, &QTimer::timeout, this, &EvidenceDesk::tick);
    m_timer.start(LookForForgotten);
}

EvidenceDesk::~EvidenceDesk()
{
    for (const auto& [id, pack] : m_packs)
        *pack->isUnwanted = true;
    m_readers.clear();
    m_makers.clear();
    m_readers.waitForDone();
    m_makers.waitForDone();
    // Also those whose end was not told any more.
    for (const auto& [id, pack] : m_packs) {
        const QString made = m_settings.folder + QLatin1Char('/') + id;
        removePath(pack->isFolder ? made : made + QStringLiteral(".zip"));
    }
}

void EvidenceDesk::make(const control::Operator& who, const protocol::MakeEvidence& command, const control::Done& done)
{
    KAV_ASSERT_THREAD(this);
    const bool hasOne = std::any_of(
        m_packs.cbegin(), m_packs.cend(), [&who](const auto& each) { return each.second->console == who.console; });
    if (hasOne) {
        done(evidenceRefusal(ErrorCode::NotPossible, QStringLiteral("this console has a pack in hand; one at a time")));
        return;
    }
    if (int(m_packs.size()) >= m_settings.packs) {
        done(evidenceRefusal(ErrorCode::NotPossible,
            QStringLiteral("%1 packs are in hand for other consoles; try again later").arg(m_packs.size())));
        return;
    }
    if (!m_gate.tryPass(m_clock.now())) {
        done(evidenceRefusal(ErrorCode::RateLimited, QStringLiteral("packs are asked for too often")));
        return;
    }
    const auto pack = std::make_shared<Pack>();
    // Not to be guessed from another's.
    pack->id = QStringLiteral("e%1-%2")
                   .arg(++m_lastPack)
                   .arg(QRandomGenerator::system()->generate64(), 16, 16, QLatin1Char('0'));
    pack->call = command.call;
    pack->console = who.console;
    pack->isFolder = command.folder;
    pack->unmask = command.unmask;
    pack->asked = m_clock.now();
    m_packs.emplace(pack->id, pack);
    m_readers.start([this, id = pack->id, command, done, settings = m_settings] {
        const auto gathered = std::make_shared<Gathered>();
        gathered->works = evidence::loadWorks(settings.modules);
        if (const auto log = calllog::Queries::open(settings.callLog); !log) {
            // Of a call, NotFound would say that the log is there and the call is not in it.
            gathered->evidence = Error{Error::Code::Unavailable, log.error().message, log.error().detail};
        } else {
            gathered->evidence = evidence::gather(**log, settings.keep, command.call, QDateTime::currentDateTimeUtc());
            if (gathered->evidence && !command.unmask)
                evidence::hideNumbers(*gathered->evidence);
        }
        QMetaObject::invokeMethod(
            this, [this, id, gathered, done] { onGathered(id, gathered, done); }, Qt::QueuedConnection);
    });
}

void EvidenceDesk::onGathered(const QString& id, const std::shared_ptr<Gathered>& gathered, const control::Done& done)
{
    const auto it = m_packs.find(id);
    if (it == m_packs.end()) {
        done(noSuchPack());
        return;
    }
    const std::shared_ptr<Pack> pack = it->second;
    if (!gathered->evidence) {
        const Error error = gathered->evidence.error();
        m_packs.erase(it);
        done(evidenceRefusal(errorOf(error), error.message));
        return;
    }
    if (!pack->isFolder && !gathered->works) {
        m_packs.erase(it);
        done(evidenceRefusal(ErrorCode::NotPossible, gathered->works.error().message));
        return;
    }
    m_makers.start(
        [this, id, gathered, isFolder = pack->isFolder, isUnwanted = pack->isUnwanted, settings = m_settings] {
            const auto made = std::make_shared<Made>();
            evidence::PackOptions options;
            options.out = settings.folder + QLatin1Char('/') + id + (isFolder ? QString() : QStringLiteral(".zip"));
            options.whyNoFilm = QStringLiteral("not made for consoles: \"kav-engine evidence\" makes it");
            options.isUnwanted = [isUnwanted] { return isUnwanted->load(); };
            options.works = gathered->works;
            options.madeBy = settings.madeBy;
            options.madeAt = QDateTime::currentDateTimeUtc();
            QDir().mkpath(settings.folder);
            QFile::setPermissions(
                settings.folder, QFileDevice::ReadOwner | QFileDevice::WriteOwner | QFileDevice::ExeOwner);
            const evidence::CallEvidence& of = *gathered->evidence;
            const auto report = evidence::writePack(of, options);
            if (!report) {
                made->trouble = report.error().message;
            } else {
                made->path = options.out;
                for (const evidence::Missing& missing : report->missing)
                    made->missing += missing.name + QStringLiteral(": ") + missing.why;
                if (isFolder) {
                    for (const evidence::PackedFile& file : report->files)
                        made->files.append({file.name, file.bytes, QString::fromLatin1(file.sha256)});
                } else if (const auto sum = sha256Of(options.out); sum) {
                    made->files.append(
                        {evidence::packName(of.call.id) + QStringLiteral(".zip"), QFileInfo(options.out).size(), *sum});
                } else {
                    made->trouble = sum.error().message;
                }
            }
            if (*isUnwanted)
                removePath(options.out);
            QMetaObject::invokeMethod(
                this, [this, id, made] { onMade(id, made); }, Qt::QueuedConnection);
        });
    done(CommandResult(pack->told()));
}

void EvidenceDesk::onMade(const QString& id, const std::shared_ptr<Made>& made)
{
    const auto it = m_packs.find(id);
    if (it == m_packs.end()) {
        deleteLater(made->path);
        return;
    }
    Pack& pack = *it->second;
    pack.path = made->path;
    pack.files = made->files;
    pack.missing = made->missing;
    pack.trouble = made->trouble;
    const LogCall logged(pack.call);
    if (!pack.trouble.isEmpty())
        qCWarning(lcApp).noquote() << pack.call
                                   << "the evidence that a console asked for cannot be made:" << pack.trouble;
}

EvidenceDesk::Packs::iterator EvidenceDesk::find(const control::Operator& who, const QString& id)
{
    const auto it = m_packs.find(id);
    if (it == m_packs.end() || it->second->console != who.console)
        return m_packs.end();
    it->second->asked = m_clock.now();
    return it;
}

void EvidenceDesk::query(
    const control::Operator& who, const protocol::QueryEvidence& command, const control::Done& done)
{
    const auto it = find(who, command.pack);
    if (it == m_packs.end()) {
        done(noSuchPack());
        return;
    }
    if (const QString trouble = it->second->trouble; !trouble.isEmpty()) {
        forget(it);
        done(evidenceRefusal(ErrorCode::NotPossible, trouble));
        return;
    }
    done(CommandResult(it->second->told()));
}

void EvidenceDesk::read(const control::Operator& who, const protocol::ReadEvidence& command, const control::Done& done)
{
    const auto it = find(who, command.pack);
    if (it == m_packs.end()) {
        done(noSuchPack());
        return;
    }
    const Pack& pack = *it->second;
    // By name from the list alone: no path of the console's is ever opened.
    const bool isThere = std::any_of(pack.files.cbegin(), pack.files.cend(),
        [&command](const protocol::EvidenceFile& file) { return file.name == command.file; });
    if (!isThere) {
        done(evidenceRefusal(ErrorCode::NotPossible, QStringLiteral("the pack has no such file, or is not made yet")));
        return;
    }
    m_readers.start([this, path = pack.pathOf(command.file), command, done] {
        QFile file(path);
        control::Outcome outcome;
        if (!file.open(QIODevice::ReadOnly))
            outcome = evidenceRefusal(
                ErrorCode::NotPossible, QStringLiteral("the pack cannot be read: %1").arg(file.errorString()));
        else if (command.offset >= file.size())
            outcome = CommandResult(protocol::EvidencePart{command.pack, command.file, command.offset, {}});
        else if (!file.seek(command.offset))
            outcome = evidenceRefusal(
                ErrorCode::NotPossible, QStringLiteral("the pack cannot be read: %1").arg(file.errorString()));
        else
            outcome = CommandResult(protocol::EvidencePart{
                command.pack, command.file, command.offset, file.read(protocol::MostEvidenceBytes)});
        QMetaObject::invokeMethod(
            this, [done, outcome] { done(outcome); }, Qt::QueuedConnection);
    });
}

void EvidenceDesk::drop(const control::Operator& who, const protocol::DropEvidence& command, const control::Done& done)
{
    const auto it = find(who, command.pack);
    if (it == m_packs.end()) {
        done(noSuchPack());
        return;
    }
    forget(it);
    done(CommandResult());
}

void EvidenceDesk::forgetConsole(quint64 console)
{
    const auto it = std::find_if(
        m_packs.begin(), m_packs.end(), [console](const auto& each) { return each.second->console == console; });
    if (it != m_packs.end())
        forget(it);
}

void EvidenceDesk::tick()
{
    const Instant now = m_clock.now();
    for (auto it = m_packs.begin(); it != m_packs.end();) {
        const auto here = it++;
        if (elapsed(here->second->asked, now) >= m_settings.forget)
            forget(here);
    }
}

void EvidenceDesk::forget(Packs::iterator pack)
{
    *pack->second->isUnwanted = true;
    deleteLater(pack->second->path);
    m_packs.erase(pack);
}

void EvidenceDesk::deleteLater(const QString& path)
{
    if (!path.isEmpty())
        m_readers.start([path] { removePath(path); });
}

} // namespace kav::app
