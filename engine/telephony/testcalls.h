// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/callscript.h"
#include "engine/telephony/loopbackcaller.h"

#include <QObject>
#include <QThread>

#include <functional>
#include <memory>
#include <vector>

namespace kav::telephony {

/// What a test call says; see protocol::StartTestCall.
struct TestCallRequest final {
    QStringList say;
    QByteArray wav; ///< a WAV file's bytes
    QString digits;
};

/// The engine calling itself, for an operator who wants to hear whether it works: loopback callers on a thread of their
/// own, so that their 20 ms never meet the control thread. Owned by the composition root, lives on the control thread.
class TestCalls final : public QObject {
    Q_OBJECT
public:
    static constexpr int AtOnce = 4;

    /// `settings`: how the engine is reached and signed; `speech` is called on the test calls' thread.
    TestCalls(const CallSettings& settings, TextToSpeechFunction speech, const Clock& clock);
    ~TestCalls() override; ///< hangs up what is live, joins the thread

    /// `done` is called once, on the control thread, with the CallSid when the call has been placed (the webhook is on
    /// its way), or with why it cannot be (the WAV cannot be used, nothing to say, too many at once).
    void start(const TestCallRequest& request, std::function<void(const Result<QString>&)> done);
    int live() const;

Q_SIGNALS:
    /// `ok` false: `reason` says what went wrong with the call itself.
    void finished(const QString& callSid, bool ok, const QString& reason);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::telephony
