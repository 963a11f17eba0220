// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/calllog/queries.h"
#include "engine/evidence/evidence.h"
#include "engine/session/housekeeper.h"

#include <QTemporaryDir>

namespace kav::test {

inline const QString CallId = QStringLiteral("CA0123456789abcdef0123456789abcdef");

/// A call of twelve seconds in a call log of its own, with its webhooks and its upgrade: three turns, the second
/// interrupted, with a number said and keyed. In English or Hebrew.
class LoggedCall final {
public:
    enum class Language { English, Hebrew };
    explicit LoggedCall(Language language = Language::English);

    // To be changed before store().
    QList<calllog::Entry> entries;
    /// Milliseconds of the call's time.
    static QDateTime at(qint64 ms);
    void event(const QString& token, qint64 ms, QJsonObject data = {});
    void turn(const TurnRecord& record, qint64 ms);
    void request(RequestRecord request, qint64 ms);
    void started(QJsonObject more = {});
    void ended(qint64 ms, const QString& reason = QStringLiteral("completed"));
    void drop(const QString& token); ///< the events of that token

    /// Stereo, both sides speaking where the log says so; as long as the call.
    void record(bool isGrowing = false);
    /// Into journal and database. False when something was not stored.
    bool store();

    calllog::Settings log;
    session::KeepSettings keep;
    QString path(const QString& name) const { return m_directory.filePath(name); }
    Result<evidence::CallEvidence> gather(const QString& callId = CallId) const;
    /// Of a call that is stored and can be gathered.
    evidence::CallEvidence gathered() const;

private:
    QTemporaryDir m_directory;
};

} // namespace kav::test
