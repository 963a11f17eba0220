// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"

#include <QList>

#include <optional>
#include <variant>

namespace kav::app {

/// What a setting's value looks like.
enum class Kind {
    Bool,
    Int,
    Duration, ///< 250ms, 4s, 30m, 2h, 90d; a bare number is milliseconds
    Size, ///< 64KiB, 1MiB; a bare number is bytes
    Text,
    Path,
    Address, ///< an IP address
    Url, ///< of this engine, from outside
    Service, ///< http(s) address of a provider
    Socket, ///< the same, ws(s) too
    List, ///< of texts; with commas between them in flags and variables
    Choice,
};

/// Where a setting lives in Config, by its type there.
using Member = std::variant<bool& (*)(Config&), int& (*)(Config&), qint64& (*)(Config&), Milliseconds& (*)(Config&),
    QString& (*)(Config&), QByteArray& (*)(Config&), QStringList& (*)(Config&), QHostAddress& (*)(Config&)>;

/// One row of the table.
struct Setting final {
    QString key; ///< "section.name": as in the file and in messages
    Kind kind = Kind::Text;
    Member member;
    QString help; ///< one line
    qint64 min = 0, max = 0; ///< of Int; of Duration in ms; of Size in bytes
    QStringList choices; ///< of Choice
    bool secret = false; ///< not a flag, never shown, also from NAME_FILE
    QString defaultText; ///< in words, where the default depends on the machine
    QString name; ///< of the flag and the first variable, "port"; empty: made from the key
    QStringList customary; ///< further variables, which other programs use

    QString section() const { return key.section(QLatin1Char('.'), 0, 0); }
    QString flag() const; ///< "--port"; empty for secrets
    QString credential() const; ///< "kav.twilio.auth_token": a secret's name among systemd's credentials
    QStringList variables() const; ///< "KAV_PORT", "PORT": the first that is set counts
};

/// The one table, in the order in which help and example show it.
const QList<Setting>& settingsTable();
/// "What this section is about", in the same order.
QList<std::pair<QString, QString>> settingSections();
/// Variables beginning with KAV_ that are no settings and are let pass.
bool isForeignVariable(const QString& name);

/// A value as it stands in a source, before it is understood.
struct RawValue final {
    std::variant<QString, bool, qint64, QStringList> value;
    QString foreignType; ///< not empty: none of these ("a date", "a table")
    bool typed = false; ///< from the file, where types are written; else all is text
};

/// Understands `raw` and writes it into `config`. The problem, in words that follow "key: "; empty when there is none.
/// Never quotes a secret.
QString applyValue(const Setting& setting, const RawValue& raw, Config& config);
/// The value in `config` as it would stand in the file, without quotation marks: "4s", "64KiB", "true".
QString shownValue(const Setting& setting, const Config& config);
/// "duration, 0ms to 1h", "one of debug, info": what is taken.
QString shownKind(const Setting& setting);
/// "250ms", "12h", "90d"; nothing: it is no duration.
std::optional<Milliseconds> durationIn(const QString& text);
QString shownDuration(Milliseconds duration);
QString shownSize(qint64 bytes);

} // namespace kav::app
