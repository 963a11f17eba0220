// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/callscript.h"
#include "engine/telephony/loopbackcaller.h"

#include <QByteArray>
#include <QObject>
#include <QString>
#include <QStringList>

#include <functional>
#include <memory>

namespace kav::telephony {

/// What a test call says; see protocol::StartTestCall.
struct TestCallRequest final {
    QStringList say; ///< each spoken when the agent is silent after having spoken
    QByteArray wav; ///< a WAV file's bytes: said once, instead of the lines
    QString digits; ///< 0-9 * #; pressed after that
};

/// The engine calling itself, for an operator who wants to hear whether it works: loopback callers on a thread of their
/// own ("test-calls"), so that their 20 ms never meet the control thread. Each says what it was given, waits until the
/// agent is done, and hangs up. Owned by the composition root, lives on the control thread. Emits finished() once for
/// every call that was placed.
class TestCalls final : public QObject {
    Q_OBJECT
public:
    static constexpr int AtOnce = 4;
    static constexpr qsizetype WavBytes = 600 * 1024;
    static constexpr Milliseconds LongestWav{60'000};
    static constexpr int Lines = 20;
    static constexpr qsizetype LineCharacters = 500;
    static constexpr qsizetype Digits = 32;
    static constexpr Milliseconds LongestCall{180'000};

    /// `settings`: how the engine is reached and signed; of its ids only the account counts, and a shorter `longest`
    /// than LongestCall holds. `speech` is called on the test calls' thread; it may turn that thread's event loop.
    TestCalls(const CallSettings& settings, TextToSpeechFunction speech, const Clock& clock);
    ~TestCalls() override; ///< hangs up what is live, joins the thread

    /// `done` is called once, on the control thread, never from inside this call, with the CallSid when the call has
    /// been placed (the webhook is on its way), or with why it cannot be: Invalid for what was asked, LimitExceeded for
    /// too many at once, else what the synthesiser said.
    void start(const TestCallRequest& request, std::function<void(const Result<QString>&)> done);
    /// Calls asked for and not over.
    int live() const;

Q_SIGNALS:
    /// `ok` false: `reason` says what went wrong with the call itself.
    void finished(const QString& callSid, bool ok, const QString& reason);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::telephony
