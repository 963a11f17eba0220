// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QByteArrayView>

#include <span>

// Messages to JSON and back: pure functions, any thread. Text is UTF-8, compact, one object with a "type". Fields that
// are not known are ignored; a missing mandatory one, or one of a wrong type, is an Error of code Invalid whose message
// names the message and the field by its path ("snapshot.calls[3].state is missing"). Times are ms since 1970 UTC,
// durations ms; what is optional is left out when absent. A word of a closed list that is not known, of a later version
// then, costs no message: PROTOCOL.md says what it is taken for. A time that is not valid is 0 where it is mandatory.
namespace kav::protocol {

QByteArray encode(const ToEngine& message);
QByteArray encode(const ToConsole& message);

/// Bytes that came from a console. UnknownMessage: an object with a type of another version.
Result<ToEngine> decodeToEngine(QByteArrayView text);
/// Bytes that came from an engine.
Result<ToConsole> decodeToConsole(QByteArrayView text);

/// One change as it stands in a delta, encoded once however many consoles get it.
QByteArray encodeChange(const Change& change);
/// A Delta from changes that are encoded already; the same bytes as encode(Delta).
QByteArray encodeDelta(qint64 from, qint64 to, const QDateTime& at, std::span<const QByteArray* const> changes);

/// One request as it stands in a Requests, and a Requests of such; the same bytes as encode(Requests).
QByteArray encodeRequest(const RequestRecord& request);
QByteArray encodeRequestNews(bool missed, std::span<const QByteArray* const> requests);

} // namespace kav::protocol
