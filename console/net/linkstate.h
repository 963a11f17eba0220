// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>

namespace kav::console {
Q_NAMESPACE

/// How the console stands to its engine, in the order of progress.
enum class LinkState {
    Disconnected, ///< nobody asked for a connection, or it was closed on purpose
    Waiting, ///< the line is down; the next attempt comes by itself, at Connection::nextAttempt()
    Connecting, ///< the socket is being opened
    Authenticating, ///< open; hello is on its way
    Synchronizing, ///< welcomed; the snapshot is on its way
    Live, ///< what is shown is what is
    Stale, ///< the socket is open, but nothing has come for three heartbeats
    Refused, ///< version, token or address: no attempt comes by itself
};
Q_ENUM_NS(LinkState)

} // namespace kav::console
