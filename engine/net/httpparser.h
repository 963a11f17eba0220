// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"

#include <memory>

namespace kav::net {

/// One connection's HTTP/1.1 requests out of its bytes, however they are cut: Boost.Beast's parser under a policy
/// stricter than its own (what two parsers could read in two ways is refused). No socket, no clock, no log; plain;
/// owned by its HttpConnection, and by the fuzzer.
///
///     feed(bytes) -> NeedMore | Request -> takeRequest() -> feed({}) for what was pipelined behind it
///                  | Failed: errorStatus() and errorReason() are the answer, and the connection is to be closed
class HttpParser final {
public:
    struct Config final {
        qsizetype headBytes = 16 * 1024;
        int headFields = 100;
        qsizetype bodyBytes = 64 * 1024;
    };
    enum class Status { NeedMore, Request, Failed };
    enum class Phase {
        Idle, ///< no byte of a request yet
        Head,
        Body,
        Done, ///< a request waits to be taken
        Failed,
    };

    explicit HttpParser(const Config& config);
    ~HttpParser();

    /// Takes bytes in. While a request waits to be taken they are only kept; the caller bounds how many.
    Status feed(QByteArrayView bytes);
    /// The finished request (without peer), and the parser ready for the next.
    HttpRequest takeRequest();

    Phase phase() const;
    /// Bytes kept that belong to what follows the finished request.
    qsizetype pendingBytes() const;
    /// True once, when the head asked for `100 Continue` before its body and nothing of the body has come.
    bool takeContinueWanted();

    // About the request whose head was read last; they stay valid after takeRequest() until the next head.
    bool isHttp11() const;
    bool isHead() const; ///< the request line said HEAD
    bool keepAlive() const;

    int errorStatus() const;
    QByteArray errorReason() const; ///< one phrase, ASCII, ours: fit for the answer and the log

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::net
