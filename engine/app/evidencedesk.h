// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/queries.h"
#include "engine/control/hubtypes.h"
#include "engine/session/housekeeper.h"
#include "engine/webhooks/requestguard.h"
#include "shared/core/clock.h"

#include <QObject>
#include <QThreadPool>
#include <QTimer>

#include <map>
#include <memory>

namespace kav::app {

/// Makes packs of evidence for consoles, one after another, and lends them bit by bit. Log, disk and pictures are read
/// and written on two threads of its own: one finds calls and reads packs, the other makes them, which may take long.
/// Owned by the control room; lives on the control thread, where every `done` is called, once.
///
/// A pack is its console's alone. It is deleted when dropped, when the console's line is gone, when nobody has asked
/// for it for a while, and at the end; what an engine that died left is deleted by the next. A film is not made here:
/// it takes a processor from the calls for long.
class EvidenceDesk final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        calllog::Settings callLog;
        session::KeepSettings keep;
        QString folder; ///< where packs lie until they are fetched
        QStringList modules; ///< evidence::worksFiles()
        QString madeBy;
        int packs = 4; ///< at a time, of all consoles
        Milliseconds forget{120'000};
    };

    EvidenceDesk(Settings settings, const Clock& clock);
    ~EvidenceDesk() override; ///< joins its threads, at the next step of what they do

    void make(const control::Operator& who, const protocol::MakeEvidence& command, const control::Done& done);
    void query(const control::Operator& who, const protocol::QueryEvidence& command, const control::Done& done);
    void read(const control::Operator& who, const protocol::ReadEvidence& command, const control::Done& done);
    void drop(const control::Operator& who, const protocol::DropEvidence& command, const control::Done& done);
    void forgetConsole(quint64 console);
    /// Forgets what nobody asks for; called by an inner timer, and by tests with a fake clock.
    void tick();

private:
    struct Pack;
    struct Made;
    struct Gathered;
    using Packs = std::map<QString, std::shared_ptr<Pack>>;

    Packs::iterator find(const control::Operator& who, const QString& id);
    void onGathered(const QString& id, const std::shared_ptr<Gathered>& gathered, const control::Done& done);
    void onMade(const QString& id, const std::shared_ptr<Made>& made);
    void forget(Packs::iterator pack);
    void deleteLater(const QString& path);

    const Settings m_settings;
    const Clock& m_clock;
    webhooks::RateGate m_gate{4, Milliseconds(5000)};
    Packs m_packs; // by id
    quint64 m_lastPack = 0;
    QTimer m_timer;
    QThreadPool m_readers, m_makers;
};

} // namespace kav::app
