// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/app/engine.h"

#include <QList>
#include <QString>
#include <QStringList>

// `kav-engine doctor`: what of this engine would work, and what to do about the rest.
namespace kav::app {

struct DoctorRow final {
    enum class Verdict { Ok, Warn, Fail };
    QString check; ///< "STT google", "database"
    Verdict verdict = Verdict::Ok;
    Milliseconds took{0};
    QString says; ///< what was found
    QString toDo; ///< empty where nothing is to be done
    bool isNeeded = false; ///< calls cannot be answered as configured while this fails
};

/// Takes `--json` out of `args`; what is left is configuration.
bool takeJsonFlag(QStringList& args);
/// Looks at everything, without changing anything but a file that it removes at once. Blocks, with an event loop of its
/// own, as long as the slowest provider's deadline. Of a wrong configuration only its errors are told: the rest would
/// be about something else than what was meant. Nothing in it shows a secret.
QList<DoctorRow> examine(const LoadedConfig& loaded, const Engine::MakersSource& makers, const Clock& clock);
bool canAnswerCalls(const QList<DoctorRow>& rows);
QString doctorTable(const QList<DoctorRow>& rows);
QByteArray doctorJson(const QList<DoctorRow>& rows);

} // namespace kav::app
