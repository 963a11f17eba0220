// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/settings.h"

#include <QByteArrayView>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QStringList>

namespace kav::app {

struct TomlEntry final {
    QString key; ///< dotted path
    RawValue value;
    QJsonObject table; ///< of one that is not taken apart, where it holds nothing but what JSON can
    QString where; ///< "kav.toml:12:10", of the value
    QString keyWhere; ///< of the key
    quint32 line = 0, column = 0; ///< of the key
};

struct TomlDocument final {
    QList<TomlEntry> entries; ///< in the order of the file
    QString error; ///< the one syntax error, with its place; then there are no entries
};

/// Reads a TOML text into a flat list. Bounded: a text over 1 MiB is an error. Pure.
TomlDocument readToml(QByteArrayView text, const QString& fileName);

} // namespace kav::app
