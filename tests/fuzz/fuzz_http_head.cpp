// SPDX-License-Identifier: Apache-2.0
// The HTTP parser under hostile bytes, cut in hostile places. The first byte seeds the cuts; the rest is the stream.
#include "engine/net/httpparser.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace kav::net;

namespace {

constexpr HttpParser::Config Bounds{.headBytes = 2048, .headFields = 20, .bodyBytes = 1024};

void demand(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "broken invariant: %s\n", what);
    std::abort();
}

struct Outcome {
    std::vector<QByteArray> requests; ///< method, target, headers and body in one
    bool failed = false;
    bool operator==(const Outcome&) const = default;
};

QByteArray summary(const HttpRequest& request, bool keepAlive)
{
    QByteArray out = request.method + ' ' + request.target + (keepAlive ? " keep\n" : " close\n");
    for (const auto& [name, value] : request.headers)
        out += name + ": " + value + '\n';
    return out + request.body;
}

void check(const HttpRequest& request)
{
    int hosts = 0;
    int framing = 0;
    for (const auto& [name, value] : request.headers) {
        hosts += name == "host";
        framing += name == "content-length" || name == "transfer-encoding";
        demand(name == name.toLower() && !name.isEmpty() && !name.contains(' '), "names are clean and lower case");
        demand(value == value.trimmed() && !value.contains('\r') && !value.contains('\n') && !value.contains('\0'),
            "values are clean");
        if (name == "content-length")
            demand(value.toLongLong() == request.body.size(), "the body is as long as Content-Length says");
    }
    demand(hosts == 1, "exactly one Host");
    demand(framing <= 1, "one framing at most");
    demand(framing == 1 || request.body.isEmpty(), "no body without framing");
    demand(request.body.size() <= Bounds.bodyBytes, "the body is within its limit");
    demand(request.headers.size() <= Bounds.headFields, "the fields are within their limit");
    demand(request.method == "GET" || request.method == "POST", "the method is allowed");
    demand(request.target.startsWith('/') && request.target.startsWith(request.path), "origin form");
}

Outcome run(QByteArrayView stream, uint32_t seed)
{
    HttpParser parser(Bounds);
    Outcome out;
    while (!stream.isEmpty() && !out.failed) {
        seed = seed * 1664525 + 1013904223;
        const qsizetype piece = seed >> 24 == 0 ? stream.size() : qMin<qsizetype>(stream.size(), 1 + (seed >> 16) % 97);
        auto status = parser.feed(stream.first(piece));
        stream = stream.sliced(piece);
        while (status == HttpParser::Status::Request) {
            const HttpRequest request = parser.takeRequest();
            check(request);
            out.requests.push_back(summary(request, parser.keepAlive()));
            status = parser.feed({});
        }
        demand(parser.pendingBytes() <= Bounds.headBytes + 97 || piece > 97, "what waits is bounded");
        if (status == HttpParser::Status::Failed) {
            demand(parser.errorStatus() >= 400 && parser.errorStatus() < 600 && !parser.errorReason().isEmpty(),
                "a refusal has a status and a reason");
            out.failed = true;
        }
    }
    return out;
}

Outcome runWhole(QByteArrayView stream)
{
    HttpParser parser(Bounds);
    Outcome out;
    auto status = parser.feed(stream);
    while (status == HttpParser::Status::Request) {
        const HttpRequest request = parser.takeRequest();
        check(request);
        out.requests.push_back(summary(request, parser.keepAlive()));
        status = parser.feed({});
    }
    out.failed = status == HttpParser::Status::Failed;
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    const QByteArrayView stream(data + 1, qsizetype(size - 1));
    const Outcome whole = runWhole(stream);
    demand(run(stream, data[0]) == whole, "the same requests whatever the cuts");
    demand(run(stream, data[0] + 256u) == whole, "the same requests whatever the cuts");
    return 0;
}
