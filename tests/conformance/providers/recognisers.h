// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "engine/providers/speech.h"
#include "tests/conformance/providers/conformance.h"

#include <memory>
#include <vector>

namespace kav::test {

class GoogleSpeechServer;

/// One recogniser with its vendor's stand-in.
class Recogniser {
public:
    virtual ~Recogniser() = default;
    /// Why it was not made; empty: it was.
    virtual QString make(std::shared_ptr<providers::HttpPool> pool, const Clock& clock) = 0;
    virtual void setFault(VendorFault fault) = 0;
    /// Of the utterances to come.
    virtual void willHear(const QStringList& words) = 0;
    virtual std::optional<Error::Code> outcome(const NamedFault& fault) const { return fault.code; }
    virtual providers::RecognitionContext context() const { return {}; }
    virtual std::vector<qint16> voice(int milliseconds) const;
    virtual void close() { provider.reset(); }

    bool hasPartials = true;
    bool hasVendor = true; ///< false: there is nobody who could fail
    bool hangsWhole = false; ///< its answers share a connection: one that hangs is noticed by the next
    std::shared_ptr<providers::SpeechToText> provider;
};

QStringList recogniserNames();
/// `google` is the server for the one that needs it.
std::unique_ptr<Recogniser> makeRecogniser(const QString& name, GoogleSpeechServer& google);

} // namespace kav::test
