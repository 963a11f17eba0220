// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArrayView>
#include <QString>

namespace kav::control {

/// The little that a console's dialogue needs of its line. None of it calls back.
class ConsoleSocket {
public:
    virtual ~ConsoleSocket() = default;
    /// One text message. False: the line is closing, or so much waits on it that it was closed.
    virtual bool send(QByteArrayView utf8) = 0;
    /// Sent and not taken yet.
    virtual qsizetype unsentBytes() const = 0;
    virtual void close(quint16 code, const QString& reason) = 0;
};

} // namespace kav::control
