// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/purge.h"

#include "shared/core/logging.h"

#include <QCryptographicHash>
#include <QDeadlineTimer>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRandomGenerator>
#include <QSaveFile>

#include <array>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

namespace kav::calllog {

namespace {

constexpr int QuietHour = 3;
constexpr Milliseconds AnswerLook{50};
/// A request that lies untouched for so long is nobody's: an older engine's, or one whose database hangs.
constexpr Milliseconds LongestTaking{60'000};
const QString RequestSuffix = QStringLiteral(".request"), AnswerSuffix = QStringLiteral(".answer");

QString requestsIn(const QString& dataDir)
{
    return dataDir + QStringLiteral("/journal/requests");
}

QString textOf(const QDateTime& at)
{
    return at.isValid() ? at.toUTC().toString(Qt::ISODateWithMs) : QString();
}

QDateTime timeIn(const QJsonObject& json, QLatin1String key)
{
    const QString text = json.value(key).toString();
    return text.isEmpty() ? QDateTime() : QDateTime::fromString(text, Qt::ISODateWithMs);
}

QStringList listIn(const QJsonObject& json, QLatin1String key)
{
    QStringList list;
    for (const QJsonValue& value : json.value(key).toArray())
        list += value.toString();
    return list;
}

QByteArray bytesOf(const QJsonObject& json)
{
    return QJsonDocument(json).toJson(QJsonDocument::Compact);
}

std::optional<QJsonObject> objectIn(const QByteArray& json)
{
    const QJsonDocument document = QJsonDocument::fromJson(json);
    return document.isObject() ? std::optional(document.object()) : std::nullopt;
}

using Count = quint64 Removed::*;
constexpr std::array<std::pair<const char*, Count>, 5> Counts{
    {{"transcripts", &Removed::transcripts}, {"numbers", &Removed::numbers}, {"calls", &Removed::calls},
        {"others", &Removed::others}, {"journal", &Removed::journal}}};

bool writeWhole(const QString& path, const QByteArray& bytes)
{
    QSaveFile file(path);
    return file.open(QIODevice::WriteOnly) && file.setPermissions(QFile::ReadOwner | QFile::WriteOwner)
        && file.write(bytes) == bytes.size() && file.commit();
}

/// Whether somebody holds the journal.
bool isHeld(const QString& dataDir)
{
    const QByteArray path = QFile::encodeName(dataDir + QStringLiteral("/journal/lock"));
    const int lock = ::open(path.constData(), O_RDWR | O_CLOEXEC);
    if (lock < 0)
        return false;
    const bool held = ::flock(lock, LOCK_EX | LOCK_NB) != 0;
    ::close(lock);
    return held;
}

} // namespace

Removed& Removed::operator+=(const Removed& more)
{
    for (const auto& [name, count] : Counts)
        this->*count += more.*count;
    return *this;
}

QByteArray PurgeRequest::toJson() const
{
    return bytesOf({{QStringLiteral("dryRun"), dryRun}, {QStringLiteral("transcriptBefore"), textOf(transcriptBefore)},
        {QStringLiteral("numbersBefore"), textOf(numbersBefore)}, {QStringLiteral("logBefore"), textOf(logBefore)},
        {QStringLiteral("logBytes"), logBytes}, {QStringLiteral("numberId"), QString::fromLatin1(numberId)},
        {QStringLiteral("maskedNumber"), maskedNumber}, {QStringLiteral("alsoMasked"), alsoMasked},
        {QStringLiteral("compact"), compact}});
}

std::optional<PurgeRequest> PurgeRequest::fromJson(const QByteArray& json)
{
    const auto object = objectIn(json);
    if (!object)
        return std::nullopt;
    PurgeRequest request;
    request.dryRun = object->value(QLatin1String("dryRun")).toBool();
    request.transcriptBefore = timeIn(*object, QLatin1String("transcriptBefore"));
    request.numbersBefore = timeIn(*object, QLatin1String("numbersBefore"));
    request.logBefore = timeIn(*object, QLatin1String("logBefore"));
    request.logBytes = object->value(QLatin1String("logBytes")).toInteger();
    request.numberId = object->value(QLatin1String("numberId")).toString().toLatin1();
    request.maskedNumber = object->value(QLatin1String("maskedNumber")).toString();
    request.alsoMasked = object->value(QLatin1String("alsoMasked")).toBool();
    request.compact = object->value(QLatin1String("compact")).toBool();
    return request;
}

QByteArray PurgeReport::toJson() const
{
    QJsonObject json{{QStringLiteral("error"), error}, {QStringLiteral("calls"), QJsonArray::fromStringList(calls)},
        {QStringLiteral("live"), QJsonArray::fromStringList(live)},
        {QStringLiteral("maskedOnly"), QJsonArray::fromStringList(maskedOnly)},
        {QStringLiteral("atTwilio"), QJsonArray::fromStringList(atTwilio)}, {QStringLiteral("unfindable"), unfindable},
        {QStringLiteral("remnants"), remnants}};
    QJsonObject counts;
    for (const auto& [name, count] : Counts)
        counts.insert(QLatin1String(name), qint64(removed.*count));
    json.insert(QStringLiteral("removed"), counts);
    return bytesOf(json);
}

std::optional<PurgeReport> PurgeReport::fromJson(const QByteArray& json)
{
    const auto object = objectIn(json);
    if (!object)
        return std::nullopt;
    PurgeReport report;
    report.error = object->value(QLatin1String("error")).toString();
    report.calls = listIn(*object, QLatin1String("calls"));
    report.live = listIn(*object, QLatin1String("live"));
    report.maskedOnly = listIn(*object, QLatin1String("maskedOnly"));
    report.atTwilio = listIn(*object, QLatin1String("atTwilio"));
    report.unfindable = object->value(QLatin1String("unfindable")).toInteger();
    report.remnants = object->value(QLatin1String("remnants")).toString();
    const QJsonObject counts = object->value(QLatin1String("removed")).toObject();
    for (const auto& [name, count] : Counts)
        report.removed.*count = quint64(counts.value(QLatin1String(name)).toInteger());
    return report;
}

Result<PurgeReport> askForPurge(
    const Settings& settings, PurgeRequest request, const Clock& clock, Milliseconds longest)
{
    const QFileInfo journal(settings.dataDir + QStringLiteral("/journal"));
    if (!journal.isDir())
        return Error{Error::Code::NotFound, QStringLiteral("there is no call log in ") + settings.dataDir, {}};
    if (journal.ownerId() != ::geteuid()) {
        // The engine could not read what is asked, nor go on in files that belong to another.
        return Error{Error::Code::Denied,
            QStringLiteral("%1 belongs to %2: run this as that user (sudo -u %2)")
                .arg(settings.dataDir, journal.owner()),
            {}};
    }
    const QString directory = requestsIn(settings.dataDir);
    QDir().mkpath(directory);
    QFile::setPermissions(directory, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    request.id = QString::number(QRandomGenerator::system()->generate64(), 16);
    const QString path = directory + QLatin1Char('/') + request.id;
    if (!writeWhole(path + RequestSuffix, request.toJson()))
        return Error{Error::Code::Io, QStringLiteral("cannot write into ") + directory, {}};

    // Nobody there: this process is the one that holds the journal, as an engine's start would.
    std::unique_ptr<CallLog> own;
    if (!isHeld(settings.dataDir)) {
        Settings mine = settings;
        mine.retention = {};
        mine.bootstrap = false;
        own = std::make_unique<CallLog>(mine, clock);
        own->start();
    }
    const QDeadlineTimer deadline(longest), taking(qMin(longest, LongestTaking));
    QFile answer(path + AnswerSuffix);
    while (!answer.open(QIODevice::ReadOnly)) {
        if (deadline.hasExpired() || (taking.hasExpired() && QFile::exists(path + RequestSuffix))) {
            QFile::remove(path + RequestSuffix);
            return Error{Error::Code::Timeout,
                QStringLiteral("no answer from the engine that has %1; stop it, and ask again").arg(settings.dataDir),
                {}};
        }
        std::this_thread::sleep_for(AnswerLook);
    }
    const auto report = PurgeReport::fromJson(answer.readAll());
    answer.remove();
    if (own)
        own->stop();
    if (!report)
        return Error{Error::Code::Invalid, QStringLiteral("the answer cannot be read"), {}};
    return *report;
}

QDateTime quietTimeAfter(const QDateTime& last, int spread)
{
    const QTime quiet(QuietHour, spread % 60);
    const QDateTime local = last.toLocalTime();
    QDateTime at(local.date(), quiet);
    while (at <= local)
        at = QDateTime(at.date().addDays(1), quiet);
    return at;
}

PurgeQueue::PurgeQueue(const Settings& settings, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
    , m_directory(requestsIn(settings.dataDir))
    , m_stamp(settings.dataDir + QStringLiteral("/journal/purged"))
{
    // Of who waits no more.
    for (const QString& left : QDir(m_directory).entryList({QLatin1Char('*') + AnswerSuffix}, QDir::Files))
        QFile::remove(m_directory + QLatin1Char('/') + left);
    QFile stamp(m_stamp);
    if (stamp.open(QIODevice::ReadOnly))
        m_lastDaily = QDateTime::fromString(QString::fromLatin1(stamp.read(64)).trimmed(), Qt::ISODateWithMs);
}

std::optional<PurgeRequest> PurgeQueue::asked()
{
    const QStringList waiting =
        QDir(m_directory).entryList({QLatin1Char('*') + RequestSuffix}, QDir::Files, QDir::Time | QDir::Reversed);
    if (waiting.isEmpty())
        return std::nullopt;
    const QString path = m_directory + QLatin1Char('/') + waiting.first();
    QFile file(path);
    const auto request = file.open(QIODevice::ReadOnly) ? PurgeRequest::fromJson(file.readAll()) : std::nullopt;
    file.remove();
    PurgeRequest taken = request.value_or(PurgeRequest());
    taken.id = waiting.first().chopped(RequestSuffix.size());
    if (!request) {
        PurgeReport report;
        report.error = QStringLiteral("the request cannot be read");
        answer(taken, report);
        return std::nullopt;
    }
    return taken;
}

std::optional<PurgeRequest> PurgeQueue::due()
{
    const Retention& keep = m_settings.retention;
    if (keep.transcript.count() + keep.numbers.count() + keep.log.count() == 0)
        return std::nullopt;
    const QDateTime now = m_clock.wallNow();
    if (!m_lastDaily.isValid()) {
        // Kept, so that an engine that is stopped every night comes to it as well.
        m_lastDaily = now;
        writeWhole(m_stamp, textOf(now).toLatin1() + '\n');
    }
    const int spread = QCryptographicHash::hash(m_settings.dataDir.toUtf8(), QCryptographicHash::Sha256).at(0) & 0xff;
    if (now < quietTimeAfter(m_lastDaily, spread))
        return std::nullopt;
    m_lastDaily = now;
    writeWhole(m_stamp, textOf(now).toLatin1() + '\n');
    PurgeRequest request;
    const auto before = [&now](Milliseconds age) { return age.count() > 0 ? now.addMSecs(-age.count()) : QDateTime(); };
    request.transcriptBefore = before(keep.transcript);
    request.numbersBefore = before(keep.numbers);
    request.logBefore = before(keep.log);
    return request;
}

void PurgeQueue::answer(const PurgeRequest& request, const PurgeReport& report)
{
    if (!request.id.isEmpty()
        && !writeWhole(m_directory + QLatin1Char('/') + request.id + AnswerSuffix, report.toJson()))
        qCWarning(lcCallLog) << "a request to purge was done and cannot be answered";
}

} // namespace kav::calllog
