// SPDX-License-Identifier: Apache-2.0
#include "console/models/words.h"

#include <QCoreApplication>
#include <QLocale>

namespace kav::console {

namespace {

struct Words final {
    Q_DECLARE_TR_FUNCTIONS(kav::console::Words)
};

constexpr QChar LeftToRight(0x2066), FirstStrong(0x2068), PopIsolate(0x2069);

QString none()
{
    return QString(QChar(0x2013));
}

} // namespace

QString callStateWord(CallState state)
{
    switch (state) {
    case CallState::Ringing:
        //: State of a call: it has come in, and its sound is not there yet
        return Words::tr("Ringing");
    case CallState::Greeting:
        //: State of a call: the agent speaks first
        return Words::tr("Greeting");
    case CallState::Listening:
        //: State of a call: the agent listens, the caller is silent
        return Words::tr("Listening");
    case CallState::CallerSpeaking:
        //: State of a call
        return Words::tr("Caller speaking");
    case CallState::DecidingTurn:
        //: State of a call: the caller pauses; the agent is deciding whether its own turn has come
        return Words::tr("Deciding turn");
    case CallState::Thinking:
        //: State of a call: the agent is making its answer
        return Words::tr("Thinking");
    case CallState::Speaking:
        //: State of a call: the agent is heard
        return Words::tr("Speaking");
    case CallState::Interrupted:
        //: State of a call: the caller's voice has silenced the agent
        return Words::tr("Interrupted");
    case CallState::Held:
        //: State of a call: an operator holds the agent
        return Words::tr("Operator holds");
    case CallState::Ending:
        //: State of a call: the agent says goodbye
        return Words::tr("Ending");
    case CallState::Ended:
        //: State of a call: it is over
        return Words::tr("Ended");
    case CallState::Queued:
        //: State of a call that the engine makes: it waits for its turn
        return Words::tr("Waiting to call");
    case CallState::Dialling:
        //: State of a call that the engine makes: it does not ring yet
        return Words::tr("Dialling");
    case CallState::Answered:
        //: State of a call: it was picked up, and its sound is not there yet
        return Words::tr("Picked up");
    case CallState::Transferring:
        //: State of a call: it is being passed on, another telephone rings
        return Words::tr("Passing on");
    case CallState::OnHold:
        //: State of a call: the caller waits while a person is asked to take it
        return Words::tr("On hold");
    case CallState::Transferred:
        //: State of a call: the caller and a person talk, without the agent
        return Words::tr("With a person");
    }
    return {};
}

QString endReasonWord(EndReason reason)
{
    switch (reason) {
    case EndReason::None:
        //: Why a call ended: it has not
        return Words::tr("Not ended");
    case EndReason::Completed:
        //: Why a call ended: the conversation came to its end
        return Words::tr("Completed");
    case EndReason::CallerHungUp:
        //: Why a call ended
        return Words::tr("Caller hung up");
    case EndReason::StreamLost:
        //: Why a call ended: the sound from the telephone network stopped
        return Words::tr("Sound lost");
    case EndReason::NoInput:
        //: Why a call ended
        return Words::tr("Caller said nothing");
    case EndReason::FallbackExhausted:
        //: Why a call ended: the agent could make no answer
        return Words::tr("No answer could be made");
    case EndReason::LongestCall:
        //: Why a call ended: it reached the longest time for a call
        return Words::tr("Too long");
    case EndReason::OperatorEnded:
        //: Why a call ended
        return Words::tr("Operator ended it");
    case EndReason::Shutdown:
        //: Why a call ended
        return Words::tr("Engine was stopped");
    case EndReason::ProtocolError:
        //: Why a call ended: what the telephone network sent could not be understood
        return Words::tr("Protocol error");
    case EndReason::Refused:
        //: Why a call ended: the engine did not take it
        return Words::tr("Refused");
    case EndReason::Interrupted:
        //: Why a call ended: the engine crashed while the call was live
        return Words::tr("Engine failed");
    case EndReason::Busy:
        //: Why a call ended: the number that was called was busy
        return Words::tr("Number busy");
    case EndReason::NoAnswer:
        //: Why a call ended: the number that was called did not answer
        return Words::tr("Nobody answered");
    case EndReason::Failed:
        //: Why a call ended: it could not be put through
        return Words::tr("Not put through");
    case EndReason::Canceled:
        //: Why a call ended: before it was answered
        return Words::tr("Given up");
    case EndReason::Voicemail:
        //: Why a call ended: an answering machine took it
        return Words::tr("Answering machine");
    case EndReason::Fax:
        //: Why a call ended: a fax machine took it
        return Words::tr("Fax machine");
    }
    return {};
}

QString turnInputWord(TurnInput input)
{
    switch (input) {
    case TurnInput::Opening:
        //: How the caller's side of a turn was given: not at all, the agent spoke first
        return Words::tr("Opening");
    case TurnInput::Voice:
        //: How the caller's side of a turn was given
        return Words::tr("Voice");
    case TurnInput::Keypad:
        //: How the caller's side of a turn was given: by the telephone's keys
        return Words::tr("Keypad");
    case TurnInput::Message:
        //: How the caller's side of a turn was given: as a recorded message
        return Words::tr("Message");
    case TurnInput::Silence:
        //: How the caller's side of a turn was given: the caller said nothing
        return Words::tr("Silence");
    }
    return {};
}

bool isComeBack(const TurnRecord& turn)
{
    return turn.input == TurnInput::Opening && turn.number > 1;
}

QString serviceStateWord(ServiceState state)
{
    switch (state) {
    case ServiceState::Off:
        //: State of a service of the engine: not used
        return Words::tr("Off");
    case ServiceState::Warming:
        //: State of a service of the engine: it is being made ready
        return Words::tr("Warming up");
    case ServiceState::Ready:
        //: State of a service of the engine
        return Words::tr("Ready");
    case ServiceState::Degraded:
        //: State of a service of the engine: it serves, but not as it should
        return Words::tr("Degraded");
    case ServiceState::Failed:
        //: State of a service of the engine
        return Words::tr("Failed");
    }
    return {};
}

QString latencyOwnerSentence(const QString& owner)
{
    if (owner == QLatin1String("rendered"))
        return Words::tr("The line was rendered ahead.");
    if (owner == QLatin1String("dialog"))
        return Words::tr("The dialog says when the keys are complete.");
    if (owner.startsWith(QLatin1String("tool:")))
        //: %1: name of a tool that the model called
        return Words::tr("Spent by the tool %1.").arg(isolated(owner.mid(5)));
    if (owner.contains(QLatin1Char('.')))
        //: %1: name of a setting of the engine, such as turn.message_end
        return Words::tr("Set by %1.").arg(isolated(owner));
    //: %1: name of a provider, such as google
    return Words::tr("Spent by %1.").arg(isolated(owner));
}

QString serviceName(const QString& id)
{
    if (const qsizetype slash = id.indexOf(QLatin1Char('/')); slash >= 0)
        return isolated(id.mid(slash + 1));
    if (id == QLatin1String("stt"))
        return Words::tr("Speech recognition");
    if (id == QLatin1String("llm"))
        //: The service that makes the agent's answers (a dialog script or a language model)
        return Words::tr("Answers");
    if (id == QLatin1String("tts"))
        return Words::tr("Speech synthesis");
    if (id == QLatin1String("store"))
        //: The service that stores the log of calls
        return Words::tr("Call log");
    if (id == QLatin1String("media"))
        //: The service that receives and sends the sound of calls
        return Words::tr("Sound");
    if (id == QLatin1String("engine"))
        //: Name of the lamp that says whether the engine takes calls
        return Words::tr("Ready for calls");
    return id;
}

QString linkStateWord(LinkState state)
{
    switch (state) {
    case LinkState::Disconnected:
        //: State of the line to the engine
        return Words::tr("Not connected");
    case LinkState::Waiting:
        //: State of the line to the engine: lost; it will be tried again
        return Words::tr("Waiting to reconnect");
    case LinkState::Connecting:
        //: State of the line to the engine
        return Words::tr("Connecting");
    case LinkState::Authenticating:
        //: State of the line to the engine
        return Words::tr("Signing in");
    case LinkState::Synchronizing:
        //: State of the line to the engine: what is going on there is on its way
        return Words::tr("Synchronizing");
    case LinkState::Live:
        //: State of the line to the engine: what is shown is what is
        return Words::tr("Live");
    case LinkState::Stale:
        //: State of the line to the engine: nothing has come for a while
        return Words::tr("No news");
    case LinkState::Refused:
        //: State of the line to the engine
        return Words::tr("Refused");
    }
    return {};
}

QString requestKindWord(RequestKind kind)
{
    switch (kind) {
    case RequestKind::Webhook:
        //: A request of Twilio's
        return Words::tr("Webhook");
    case RequestKind::Stream:
        //: A request that opens a call's stream of sound
        return Words::tr("Stream");
    case RequestKind::Console:
        //: A request of a console that connects
        return Words::tr("Console");
    case RequestKind::Page:
        //: A request for a page such as /metrics
        return Words::tr("Page");
    }
    return {};
}

QString signatureWord(SignatureState state)
{
    switch (state) {
    case SignatureState::NotChecked:
        //: Of a request's signature
        return Words::tr("Not checked");
    case SignatureState::Valid:
        //: Of a request's signature
        return Words::tr("Valid");
    case SignatureState::Missing:
        //: Of a request's signature
        return Words::tr("Missing");
    case SignatureState::Wrong:
        //: Of a request's signature
        return Words::tr("Wrong");
    }
    return {};
}

QString signatureAdvice(const SignatureFinding& signature)
{
    if (signature.state == SignatureState::Missing)
        return Words::tr("Twilio signs every request: this one is not Twilio's, or a proxy in between takes the "
                         "signature away.");
    if (signature.state != SignatureState::Wrong)
        return {};
    if (!signature.isExplained)
        return Words::tr("Too many requests were refused at the time to look for the cause. Look at another one.");
    if (signature.variant == QLatin1String("body"))
        return Words::tr("The address is signed, but the body was changed on its way. Look at the proxy in between.");
    if (signature.signedUrl.isEmpty())
        //: %1: an address
        return Words::tr("No address near %1 matches either. Perhaps TWILIO_AUTH_TOKEN is not the primary auth token of "
                         "this account (a subaccount has its own), or the webhook has another address, or it is not "
                         "Twilio who asks.")
            .arg(isolated(signature.checkedUrl));
    //: %1, %2: addresses
    const QString difference = Words::tr("Twilio signed %1, and the engine takes itself for %2.")
                                   .arg(isolated(signature.signedUrl), isolated(signature.checkedUrl));
    const QString advice = signature.variant.contains(QLatin1String("form fields"))
        ? Words::tr("The body was added or changed on its way. Look at the proxy in between.")
        : signature.variant == QLatin1String("trailing slash")
        ? Words::tr("Give Twilio the address without that difference, or keep the proxy from rewriting it.")
        : Words::tr("Set KAV_PUBLIC_URL to the scheme, host and port that Twilio calls.");
    return difference + QLatin1Char(' ') + advice;
}

QString protocolText(const RequestRecord& request)
{
    if (request.offered == request.given)
        return request.given.isEmpty() ? none() : isolated(request.given);
    //: Sub-protocols of a WebSocket. %1: offered; %2: given
    return Words::tr("%1, given: %2")
        .arg(request.offered.isEmpty() ? none() : isolated(request.offered),
            request.given.isEmpty() ? none() : isolated(request.given));
}

QString tookText(std::chrono::microseconds took)
{
    using namespace std::chrono_literals;
    if (took >= 10ms)
        return gapText(std::chrono::round<std::chrono::milliseconds>(took));
    //: Milliseconds, with a fraction
    return isolatedByItself(Words::tr("%1 ms", "fraction").arg(QLocale().toString(double(took.count()) / 1000, 'f', 1)));
}

QString errorSentence(const protocol::CommandError& error)
{
    using protocol::ErrorCode;
    switch (error.code) {
    case ErrorCode::BadMessage:
        return Words::tr("The engine did not understand the command. Console and engine may be of different versions.");
    case ErrorCode::Version:
        return Words::tr("Console and engine have no version in common. Update the older one.");
    case ErrorCode::Unauthorized:
        return Words::tr("The engine does not let this operator do that. Ask for another token.");
    case ErrorCode::HelloExpected:
        return Words::tr("The engine does not know this console yet. Try again when the line is live.");
    case ErrorCode::TooManyConsoles:
        return Words::tr("Too many consoles are connected to the engine. Close one, or try again later.");
    case ErrorCode::RateLimited:
        return Words::tr("Too many commands came at once. Wait a moment and try again.");
    case ErrorCode::TooSlow:
        return Words::tr("This console does not keep up with the engine. Check the network.");
    case ErrorCode::UnknownCommand:
        return Words::tr("This engine cannot do that. It may be older than the console.");
    case ErrorCode::NoSuchCall:
        return Words::tr("The engine knows no such call. It may have ended a while ago.");
    case ErrorCode::NotPossible:
        if (error.message.isEmpty())
            return Words::tr("That is not possible now. Try again in a moment.");
        //: %1: the engine's reason, in English
        return Words::tr("That is not possible now. The engine says: %1").arg(isolated(error.message));
    case ErrorCode::Unavailable:
        return Words::tr("The part of the engine that does this is away. Look at the lamps, and try again later.");
    case ErrorCode::Timeout:
        return Words::tr("No answer came in time. It may have been done; look before you try again.");
    case ErrorCode::Internal:
        return Words::tr("Something went wrong in the engine. Its log knows more.");
    }
    return {};
}

QString refusalSentence(const protocol::Refusal& refusal)
{
    using protocol::ErrorCode;
    switch (refusal.code) {
    case ErrorCode::BadMessage:
    case ErrorCode::HelloExpected:
    case ErrorCode::UnknownCommand:
        return Words::tr("The engine did not understand this console. They may be of different versions.");
    case ErrorCode::Version:
        if (refusal.lowest && refusal.highest)
            //: %1 and %2: numbers of the lowest and the highest version
            return Words::tr("The engine speaks versions %1 to %2 of the protocol, and this console none of them. "
                             "Update the older one.")
                .arg(isolated(QString::number(*refusal.lowest)), isolated(QString::number(*refusal.highest)));
        return Words::tr("Console and engine have no version in common. Update the older one.");
    case ErrorCode::Unauthorized:
        return Words::tr("The engine does not take this token. Check it in the connection's settings.");
    case ErrorCode::TooManyConsoles:
        return Words::tr("Too many consoles are connected to the engine. Close one, or try again later.");
    case ErrorCode::RateLimited:
        return Words::tr("The engine has had too many messages or attempts from here. Wait some minutes.");
    case ErrorCode::TooSlow:
        return Words::tr("This console did not keep up with the engine. Check the network.");
    case ErrorCode::NoSuchCall:
    case ErrorCode::NotPossible:
    case ErrorCode::Unavailable:
    case ErrorCode::Internal:
        return Words::tr("The engine cannot serve consoles now. Try again later.");
    case ErrorCode::Timeout:
        return Words::tr("The engine waited too long for this console. Check the network.");
    }
    return {};
}

QString notReadySentence(const QString& word)
{
    if (word == QLatin1String("draining"))
        return Words::tr("The engine is finishing its calls and takes no new ones.");
    if (word == QLatin1String("full"))
        return Words::tr("The engine has as many calls as it can hold.");
    if (word == QLatin1String("store"))
        return Words::tr("The call log cannot be written.");
    if (word == QLatin1String("workers"))
        return Words::tr("The threads that carry the calls' sound do not answer.");
    return word;
}

QString drainSentence(const EngineStatus& engine, const QDateTime& today)
{
    if (!engine.remaining) // an engine from before it told
        return notReadySentence(QStringLiteral("draining"));
    if (!engine.goodbyeAt.isValid())
        return Words::tr("The engine is stopping; %n call(s) hear a goodbye now.", nullptr, *engine.remaining);
    //: %1: a time of day
    return Words::tr("The engine is stopping and takes no new calls; it waits for %n call(s). At %1 those that are left "
                     "hear a goodbye.",
        nullptr, *engine.remaining)
        .arg(timeText(engine.goodbyeAt, today));
}

QString durationText(std::chrono::milliseconds length)
{
    const qint64 seconds = std::max<qint64>(0, std::chrono::floor<std::chrono::seconds>(length).count());
    const qint64 hours = seconds / 3600;
    const auto two = [](qint64 value) { return QStringLiteral("%1").arg(value, 2, 10, QLatin1Char('0')); };
    const QString rest = two(seconds % 60);
    if (hours > 0)
        return isolated(QString::number(hours) + QLatin1Char(':') + two(seconds / 60 % 60) + QLatin1Char(':') + rest);
    return isolated(QString::number(seconds / 60) + QLatin1Char(':') + rest);
}

QString durationWords(std::chrono::milliseconds length)
{
    const qint64 seconds = std::max<qint64>(0, std::chrono::floor<std::chrono::seconds>(length).count());
    const qint64 minutes = seconds / 60;
    if (minutes >= 60)
        //: Hours and minutes, short
        return isolatedByItself(Words::tr("%1 h %2 min").arg(minutes / 60).arg(minutes % 60));
    if (minutes > 0)
        //: Minutes, short
        return isolatedByItself(Words::tr("%1 min").arg(minutes));
    //: Seconds, short
    return isolatedByItself(Words::tr("%1 s").arg(seconds));
}

QString timeText(const QDateTime& when, const QDateTime& today)
{
    if (!when.isValid())
        return none();
    const QDateTime local = when.toLocalTime();
    if (local.date() == today.toLocalTime().date())
        return isolated(local.toString(QStringLiteral("HH:mm:ss")));
    return isolated(local.toString(QStringLiteral("yyyy-MM-dd HH:mm:ss")));
}

QString numberText(const QString& number)
{
    //: In place of a telephone number that the caller did not show
    return number.isEmpty() ? Words::tr("No number") : isolated(number);
}

QString gapText(const std::optional<std::chrono::milliseconds>& gap)
{
    if (!gap)
        return none();
    if (gap->count() < 1000)
        //: Milliseconds
        return isolatedByItself(Words::tr("%1 ms").arg(gap->count()));
    //: Seconds, with a fraction
    return isolatedByItself(
        Words::tr("%1 s", "fraction").arg(QLocale().toString(double(gap->count()) / 1000.0, 'f', 2)));
}

QString isolated(const QString& text)
{
    return LeftToRight + text + PopIsolate;
}

QString isolatedByItself(const QString& text)
{
    return FirstStrong + text + PopIsolate;
}

QString withoutIsolates(QString text)
{
    text.removeIf([](QChar c) { return c.unicode() >= 0x2066 && c.unicode() <= 0x2069; });
    return text;
}

} // namespace kav::console
