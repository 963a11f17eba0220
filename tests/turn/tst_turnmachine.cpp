// SPDX-License-Identifier: Apache-2.0
#include "tests/turn/turndriver.h"

#include <QTest>

using namespace kav;
using namespace kav::turn;
using namespace kav::turn::test;

namespace {

QString s(const char* text)
{
    return QString::fromUtf8(text);
}

QStringList list(std::initializer_list<const char*> lines)
{
    QStringList result;
    for (const char* line : lines)
        result += QString::fromUtf8(line);
    return result;
}

/// A call without an opening: the caller has the floor.
struct Call final : Driver {
    explicit Call(const Settings& settings = {})
        : Driver(settings)
    {
        send(event::CallStarted{.opening = false});
    }
    /// The agent is answering turn 1, complete or still being made.
    void agentSpeaks(bool complete = true)
    {
        callerSays(s("sales"));
        final(s("sales"));
        send(event::AnswerReady{1});
        if (complete)
            send(event::AnswerComplete{1, false});
        taken();
    }
    void reachThinking(const char* words = "sales")
    {
        callerSays(s(words));
        taken();
    }
};

} // namespace

/// Conversations, told as what the caller, the recogniser, the dialog and the operator do, and what the machine asks
/// for.
class TestTurnMachine final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // a plain call
    void openingIsTurnOneAndThenTheCallerHasTheFloor();
    void wholeConversation();
    // hearing the caller
    void sixtyMillisecondsOfAHundredOpenAnUtterance();
    void clicksOpenNothing();
    void preRollReachesBackBeforeTheOnset();
    void stableWordsAreCommittedAfterTheShortPause();
    void connectiveWaitsForMore();
    void spokenNumberGetsTheLongPause();
    void gapInAWordDoesNotCommit();
    void networkStallIsNoPause();
    void streamWithoutPacketsStillCommits();
    void noiseThatNeverEndsIsCutByTheCap();
    void noiseWithoutARecogniserIsCutByTheCap();
    void clicksInThePausePutOffTheCommitByAHundredMilliseconds();
    // words and finals
    void differingFinalReplacesTheTurnBeforeItIsHeard();
    void sameFinalOtherwiseWrittenChangesNothing();
    void lateFinalMergesAndOpensNoTurn();
    void emptyFinalKeepsTheStableInterim();
    void withoutInterimTheFinalIsAwaited();
    void awaitedStableInterimIsEnough();
    void awaitedFinalThatNeverComesIsNotUnderstood();
    void failedRecognitionIsNotUnderstood();
    void unstableInterimIsUsedWhenNothingBetterComes();
    void coughIsForgotten();
    void longEmptyUtteranceGoesToTheDialog();
    void recogniserThatEndsByItselfLosesNoWords();
    // thinking
    void callerWhoResumesDropsTheAnswerAndWordsAreJoined();
    void wordsOfAResumedTurnMayStillBeUnknown();
    void coughWhileThinkingHoldsTheAnswerAndKeepsIt();
    void resumedWordsWhoseFinalComesLateAreJoined();
    void resumedWordsWhoseRecognitionFailsKeepTheAnswer();
    void wordsAfterACoughAreNoCough();
    void firstVoiceHoldsTheAnswerForAMoment();
    void okayAfterTheFillerIsNoNewTurn();
    void fillerFallbackAndHardEnd();
    void answerWaitsForTheFillerToBeHeard();
    void answerStartsAtTheDeadlineThoughTheFillerIsNotHeard();
    void deadlineHoldsWhileTheFinalIsAwaited();
    void deadlineHoldsAcrossAReplacedTurn();
    void fallbackCountsFromTheCallersLastVoice();
    void answerAfterTheFallbackIsHeard();
    void failedAnswerIsTheFallbackAtOnce();
    void secondFailureInARowEndsTheCall();
    void afterTheFallbackTheCallerStartsAfresh();
    void emptyAnswerIsAFailure();
    // speaking and interruption
    void interruptionPausesAtTwoHundredMillisecondsAndWordsConfirm();
    void interruptionGoesOnAsOneUtterance();
    void backchannelResumes();
    void coughResumes();
    void stopAndWaitAlwaysCut_data();
    void stopAndWaitAlwaysCut();
    void voiceThatGoesOnIsConfirmationWithoutWords();
    void finalAfterTheVoiceConfirms();
    void coughWhoseFinalDoesNotComeResumes();
    void coughWhoseRecognitionFailsResumes();
    void wordsWhoseFinalComesLateAreAnswered();
    void wordsWhoseFinalNeverComesAreNotUnderstood();
    void wordsWhoseRecognitionFailsAreNotUnderstood();
    void recognitionThatFailsInMidVoiceIsNotUnderstood();
    void recognitionThatFailsTwiceIsNotUnderstoodTwice();
    void interimOfAFailedRecognitionIsAnswered();
    void backchannelOfAFailedRecognitionResumes();
    void promptIsInterruptedByWordsThatFail();
    void remarkIntoAnInvitationIsNoMessage();
    void protectedOpeningIsNotPaused();
    void uninterruptibleAnswerIsNotPaused();
    void yesIntoTheEndOfAQuestionAnswersIt();
    void voiceOverTheLastWordsIsHeardFromItsOnset();
    void speechThatWasHeardToItsEndIsNotCut();
    void keyCutsAtOnce();
    void keyDoesNotCutAProtectedOpening();
    void underrunIsNotTheEnd();
    void answerThatFailsInMidSpeechIsExcused();
    void staleTurnsAreIgnored();
    void noiseCutByTheCapDoesNotInterruptItsAnswer();
    // endings
    void lastAnswerEndsTheCallAndCannotBeInterrupted();
    void endOfCallWaitsForACallerWhoWasFirst();
    void silenceIsPromptedTwiceAndThenTheCallEnds();
    void voiceOrKeyStartsThePromptsAnew();
    void promptTimeDoesNotRunWhileTheAgentSpeaks();
    void promptCanBeInterrupted();
    void longestCallHoldsWhateverMarksDo();
    void goodbyeThatIsNeverHeardStillEnds();
    void speechThatIsNeverHeardStillEnds();
    // keypad
    void entryIsATurn();
    void murmuredDigitsDoNotCompeteWithTheKeys();
    void keypadOnlyIgnoresVoice();
    void keypadOnlyPromptsEvenInNoise();
    void newerEntryReplacesTheOneBeingAnswered();
    // message
    void messageEndsAfterALongPauseOrByAnyKey();
    void messageHasItsOwnCap();
    void hangingUpLeavesTheMessage();
    void keyThatSkipsThePromptIsNoAnswer();
    void operatorHoldsSavesTheMessage();
    // operator
    void heldAgentHearsAndSaysNothing();
    void holdEndsByItself();
    void operatorInterruptsAnAnswerThatNobodyMayInterrupt();
    void operatorInterruptsAPausedAgentAndTheCallerKeepsTheWord();
    void operatorInterruptsBeforeTheAnswerIsHeard();
    void operatorInterruptsWhileTheCallerGoesOn();
    void operatorInterruptsTheFiller();
    void operatorInterruptsTheFallbackLineWhoseOfferStands();
    void operatorInterruptsTheThanksForAMessage();
    void operatorInterruptsAPrompt();
    void operatorInterruptsNothingElse();
    void callerTalksIntoTheFallbackLineAndItsOfferStands();
    void droppedAnswerBringsBackTheExpectation();
};

void TestTurnMachine::openingIsTurnOneAndThenTheCallerHasTheFloor()
{
    Driver call;
    call.send(event::CallStarted{.opening = true});
    QCOMPARE(call.taken(), list({"commit 1 opening ''", "listening > thinking"}));
    call.send(event::AnswerReady{1});
    call.send(event::AnswerComplete{1, false});
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking", "speaking > listening"}));
}

void TestTurnMachine::wholeConversation()
{
    Driver call;
    call.send(event::CallStarted{});
    call.answers();
    call.send(event::SpeechHeard{});
    call.taken();
    call.callerSays(s("i want to leave a message"));
    call.final(s("i want to leave a message"));
    QCOMPARE(
        call.taken(), list({"begin 1", "end 1", "commit 2 voice 'i want to leave a message'", "listening > thinking"}));
    call.answers();
    call.send(event::SpeechHeard{});
    call.callerSays(s("goodbye"));
    call.send(event::AnswerReady{3});
    call.send(event::AnswerComplete{3, true});
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(),
        list({"start 2", "thinking > speaking", "speaking > listening", "begin 2", "end 2", "commit 3 voice 'goodbye'",
            "listening > thinking", "start 3", "thinking > speaking", "speaking > ending", "ending > ended",
            "end-call completed"}));
}

void TestTurnMachine::sixtyMillisecondsOfAHundredOpenAnUtterance()
{
    Call call;
    call.callerSpeaks(40);
    QCOMPARE(call.machine.callerState(), CallerState::MaybeSpeaking);
    call.callerIsSilent(40);
    QCOMPARE(call.taken(), QStringList());
    call.callerSpeaks(20);
    QCOMPARE(call.taken(), list({"begin 1"}));
    QCOMPARE(call.machine.callerState(), CallerState::Speaking);
    call.callerIsSilent(200);
    QCOMPARE(call.machine.callerState(), CallerState::Pausing);
}

void TestTurnMachine::clicksOpenNothing()
{
    Call call;
    for (int i = 0; i < 50; ++i) {
        call.callerSpeaks(40);
        call.callerIsSilent(60);
    }
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::preRollReachesBackBeforeTheOnset()
{
    Call call;
    call.callerSpeaks(60);
    QCOMPARE(call.lastPreRoll, Milliseconds(360));
}

void TestTurnMachine::stableWordsAreCommittedAfterTheShortPause()
{
    Call call;
    call.callerSpeaks(600);
    call.partial(s("i want sales"));
    call.callerIsSilent(280);
    QCOMPARE(call.taken(), list({"begin 1"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"end 1", "commit 1 voice 'i want sales'", "listening > thinking"}));
    QCOMPARE(call.lastPause, Milliseconds(300));
}

void TestTurnMachine::connectiveWaitsForMore()
{
    Call call;
    call.callerSpeaks(600);
    call.partial(s("i want to speak to"));
    call.callerIsSilent(540);
    call.callerSpeaks(400);
    call.partial(s("i want to speak to sales"));
    call.callerIsSilent(300);
    QCOMPARE(
        call.taken(), list({"begin 1", "end 1", "commit 1 voice 'i want to speak to sales'", "listening > thinking"}));
}

void TestTurnMachine::spokenNumberGetsTheLongPause()
{
    Call call;
    call.send(event::Expect{Listening::Digits, true});
    call.callerSpeaks(600);
    call.partial(s("five five five"));
    call.callerIsSilent(540);
    call.callerSpeaks(600);
    call.partial(s("five five five one two three four"));
    call.callerIsSilent(600);
    QCOMPARE(call.lastPause, Milliseconds(600));
    QCOMPARE(call.taken(),
        list({"begin 1", "end 1", "commit 1 voice 'five five five one two three four'", "listening > thinking"}));
}

void TestTurnMachine::gapInAWordDoesNotCommit()
{
    Call call;
    for (int i = 0; i < 5; ++i) {
        call.callerSpeaks(200);
        call.callerIsSilent(180);
    }
    call.partial(s("support please"));
    QCOMPARE(call.taken(), list({"begin 1"}));
}

void TestTurnMachine::networkStallIsNoPause()
{
    Call call;
    call.callerSpeaks(400);
    call.partial(s("i want sales"));
    call.ticks(800); // the frames are on their way
    call.callerSpeaks(400);
    QCOMPARE(call.taken(), list({"begin 1"}));
}

void TestTurnMachine::streamWithoutPacketsStillCommits()
{
    Call call;
    call.callerSpeaks(400);
    call.partial(s("i want sales"));
    call.ticks(1000);
    QCOMPARE(call.taken(), list({"begin 1", "end 1", "commit 1 voice 'i want sales'", "listening > thinking"}));
}

void TestTurnMachine::noiseThatNeverEndsIsCutByTheCap()
{
    Call call;
    call.callerSpeaks(30100);
    QCOMPARE(call.taken(),
        list({"begin 1", "note utterance-cap", "end 1", "commit 1 voice '' await", "listening > thinking"}));
    // The noise does not count as the caller resuming, nor does the answer wait for it.
    call.final(s(""), 0);
    call.send(event::AnswerReady{1});
    call.callerSpeaks(3000);
    QCOMPARE(call.taken(), list({"replace 1 ''", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::noiseWithoutARecogniserIsCutByTheCap()
{
    Call call;
    call.callerSpeaks(1000);
    call.send(event::RecognitionFailed{1});
    call.callerSpeaks(29040);
    QCOMPARE(call.taken(), list({"begin 1"}));
    call.callerSpeaks(20);
    QCOMPARE(call.taken(), list({"note utterance-cap", "commit 1 voice ''", "listening > thinking"}));
}

void TestTurnMachine::clicksInThePausePutOffTheCommitByAHundredMilliseconds()
{
    Call call;
    call.callerSpeaks(400);
    call.partial(s("i want sales"));
    call.callerIsSilent(220);
    for (int i = 0; i < 3; ++i) { // looked at for 100 ms, no longer
        call.callerSpeaks(20);
        call.callerIsSilent(40);
    }
    QCOMPARE(call.taken(), list({"begin 1", "end 1", "commit 1 voice 'i want sales'", "listening > thinking"}));
    QCOMPARE(call.lastPause, Milliseconds(400));
}

void TestTurnMachine::differingFinalReplacesTheTurnBeforeItIsHeard()
{
    Call call;
    call.reachThinking("sails");
    call.final(s("sales"), 0.8);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"replace 1 'sales'", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::sameFinalOtherwiseWrittenChangesNothing()
{
    Call call;
    call.reachThinking("i want sales");
    call.final(s("I want sales."));
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::lateFinalMergesAndOpensNoTurn()
{
    Call call;
    call.reachThinking("sails");
    call.send(event::AnswerReady{1});
    call.taken();
    call.final(s("sales"));
    QCOMPARE(call.taken(), list({"merge 1 'sales'"}));
    call.final(s("snails")); // a recogniser that repeats itself is not believed twice
    QCOMPARE(call.taken(), QStringList());
    QCOMPARE(call.machine.currentTurn(), 1);
}

void TestTurnMachine::emptyFinalKeepsTheStableInterim()
{
    Call call;
    call.reachThinking();
    call.final(s(""), 0);
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::withoutInterimTheFinalIsAwaited()
{
    Call call;
    call.callerSpeaks(600);
    call.callerIsSilent(440);
    QCOMPARE(call.taken(), list({"begin 1"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"end 1", "commit 1 voice '' await", "listening > thinking"}));
    call.final(s("support"));
    QCOMPARE(call.taken(), list({"replace 1 'support'"}));
    call.answers();
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking"}));
}

void TestTurnMachine::awaitedStableInterimIsEnough()
{
    Call call;
    call.callerSpeaks(600);
    call.callerIsSilent(460);
    call.taken();
    call.partial(s("support"), false);
    QCOMPARE(call.taken(), QStringList());
    call.partial(s("support"), true);
    QCOMPARE(call.taken(), list({"replace 1 'support'"}));
}

void TestTurnMachine::awaitedFinalThatNeverComesIsNotUnderstood()
{
    Settings settings;
    settings.finalWait = Milliseconds(1500);
    Call call(settings);
    call.callerSpeaks(600);
    call.callerIsSilent(460);
    call.taken();
    call.callerIsSilent(1480);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"note final-timeout", "replace 1 ''"}));
    call.answers();
    call.taken();
    call.final(s("support"));
    QCOMPARE(call.taken(), list({"merge 1 'support'"}));
}

void TestTurnMachine::failedRecognitionIsNotUnderstood()
{
    Call call;
    call.callerSpeaks(200); // short: but that nothing was heard is not known
    call.callerIsSilent(460);
    call.taken();
    call.send(event::RecognitionFailed{1});
    QCOMPARE(call.taken(), list({"replace 1 ''"}));
}

void TestTurnMachine::unstableInterimIsUsedWhenNothingBetterComes()
{
    Call call;
    call.callerSpeaks(600);
    call.partial(s("i want support"), false);
    call.callerIsSilent(460);
    QCOMPARE(call.taken().at(2), s("commit 1 voice '' await"));
    call.send(event::RecognitionFailed{1});
    QCOMPARE(call.taken(), list({"replace 1 'i want support'"}));
}

void TestTurnMachine::coughIsForgotten()
{
    Call call;
    call.callerSpeaks(200);
    call.callerIsSilent(460);
    call.taken();
    call.final(s(""), 0);
    QCOMPARE(call.taken(), list({"drop-answer 1", "thinking > listening"}));
    call.callerIsSilent(2000);
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::longEmptyUtteranceGoesToTheDialog()
{
    Call call;
    call.callerSpeaks(800);
    call.callerIsSilent(460);
    call.taken();
    call.final(s(""), 0);
    QCOMPARE(call.taken(), list({"replace 1 ''"}));
}

void TestTurnMachine::recogniserThatEndsByItselfLosesNoWords()
{
    Call call;
    call.callerSpeaks(600);
    call.final(s("i want to"), 0.8);
    call.callerSpeaks(400);
    call.final(s("leave a message"), 0.9);
    call.callerIsSilent(300);
    QCOMPARE(call.taken(),
        list({"begin 1", "begin 2", "commit 1 voice 'i want to leave a message'", "listening > thinking"}));
    QCOMPARE(call.lastConfidence, 0.8);
}

void TestTurnMachine::callerWhoResumesDropsTheAnswerAndWordsAreJoined()
{
    Call call;
    call.reachThinking("i need support");
    call.callerSpeaks(100);
    QCOMPARE(call.taken(), list({"begin 2"}));
    call.send(event::AnswerReady{1}); // held
    QCOMPARE(call.taken(), QStringList());
    call.partial(s("for my order"), false);
    QCOMPARE(call.taken(), list({"drop-answer 1", "thinking > listening"}));
    call.callerSpeaks(400);
    call.partial(s("for my new order"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'i need support for my new order'", "listening > thinking"}));
}

void TestTurnMachine::wordsOfAResumedTurnMayStillBeUnknown()
{
    Call call;
    call.callerSpeaks(400);
    call.callerIsSilent(460);
    call.callerSpeaks(300);
    call.send(event::Partial{2, s("a message"), true});
    QCOMPARE(call.taken(),
        list({"begin 1", "end 1", "commit 1 voice '' await", "listening > thinking", "begin 2", "drop-answer 1",
            "thinking > listening"}));
    call.send(event::Final{1, s("leave"), 0.7});
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'leave a message'", "listening > thinking"}));
}

void TestTurnMachine::coughWhileThinkingHoldsTheAnswerAndKeepsIt()
{
    Call call;
    call.reachThinking();
    call.callerSpeaks(120);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"begin 2"}));
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"drop 2", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::resumedWordsWhoseFinalComesLateAreJoined()
{
    Call call;
    call.reachThinking("i need support");
    call.callerSpeaks(600);
    call.send(event::AnswerReady{1});
    call.callerIsSilent(940);
    QCOMPARE(call.taken(), list({"begin 2", "end 2"}));
    call.callerIsSilent(40);
    QCOMPARE(call.taken(),
        list({"drop-answer 1", "thinking > listening", "commit 2 voice '' await", "listening > thinking"}));
    call.final(s("for my order"));
    QCOMPARE(call.taken(), list({"replace 2 'i need support for my order'"}));
}

/// The answer to what is known is worth more than the same answer later.
void TestTurnMachine::resumedWordsWhoseRecognitionFailsKeepTheAnswer()
{
    Call call;
    call.reachThinking("i need support");
    call.callerSpeaks(600);
    call.send(event::AnswerReady{1});
    call.callerIsSilent(240);
    call.send(event::RecognitionFailed{2});
    QCOMPARE(call.taken(), list({"begin 2", "end 2", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::wordsAfterACoughAreNoCough()
{
    Call call;
    call.callerSpeaks(200);
    call.callerIsSilent(460);
    call.callerSpeaks(500);
    call.callerIsSilent(200);
    call.taken();
    call.send(event::Final{1, QString(), 0});
    QCOMPARE(call.taken(), list({"drop-answer 1", "thinking > listening"}));
    call.callerIsSilent(260);
    call.final(s("sales"));
    QCOMPARE(call.taken(), list({"commit 2 voice '' await", "listening > thinking", "replace 2 'sales'"}));
}

void TestTurnMachine::firstVoiceHoldsTheAnswerForAMoment()
{
    Call call;
    call.reachThinking();
    call.callerSpeaks(20);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(100);
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking"}));
}

void TestTurnMachine::okayAfterTheFillerIsNoNewTurn()
{
    Call call;
    call.reachThinking();
    call.callerIsSilent(1700);
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"filler 1"}));
    call.callerSpeaks(300);
    call.partial(s("okay"));
    call.callerIsSilent(200);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"begin 2", "drop 2", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::fillerFallbackAndHardEnd()
{
    Call call;
    call.reachThinking(); // 300 ms after the words
    call.callerIsSilent(1680);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"filler 1"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(3980);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"note fallback", "fallback 1"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(8980);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(20);
    QCOMPARE(call.taken(),
        list({"note hard-end", "drop-answer 1", "drop 1", "goodbye fallback-exhausted", "thinking > ending"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"ending > ended", "end-call fallback-exhausted"}));
}

void TestTurnMachine::answerWaitsForTheFillerToBeHeard()
{
    Call call;
    call.reachThinking();
    call.callerIsSilent(1700);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"filler 1"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking"}));
}

void TestTurnMachine::answerStartsAtTheDeadlineThoughTheFillerIsNotHeard()
{
    Call call;
    call.reachThinking();
    call.callerIsSilent(1700);
    call.send(event::AnswerReady{1});
    call.callerIsSilent(4000);
    QCOMPARE(call.taken(), list({"filler 1", "note fallback", "start 1", "thinking > speaking"}));
}

void TestTurnMachine::deadlineHoldsWhileTheFinalIsAwaited()
{
    Settings settings;
    settings.finalWait = Milliseconds(20000);
    Call call(settings);
    call.callerSpeaks(600);
    call.callerIsSilent(6000);
    const QStringList log = call.taken();
    QCOMPARE(log.last(), s("fallback 1"));
}

void TestTurnMachine::deadlineHoldsAcrossAReplacedTurn()
{
    Call call;
    call.reachThinking("sails");
    call.callerIsSilent(5000);
    call.final(s("sales"));
    call.callerIsSilent(700);
    QCOMPARE(call.taken(), list({"filler 1", "replace 1 'sales'", "note fallback", "fallback 1"}));
}

void TestTurnMachine::fallbackCountsFromTheCallersLastVoice()
{
    Call call;
    call.callerSpeaks(600);
    const Milliseconds end = call.time();
    call.partial(s("i want to"));
    call.callerIsSilent(600); // committed here
    for (int i = 0; i < 1000 && !call.taken().contains(s("fallback 1")); ++i)
        call.ticks(20);
    QCOMPARE(call.time() - end, Milliseconds(6000));
}

void TestTurnMachine::answerAfterTheFallbackIsHeard()
{
    Call call;
    call.reachThinking();
    call.callerIsSilent(5700);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"filler 1", "note fallback", "fallback 1"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking"}));
}

void TestTurnMachine::failedAnswerIsTheFallbackAtOnce()
{
    Call call;
    call.reachThinking();
    call.callerIsSilent(200);
    call.send(event::AnswerFailed{1});
    QCOMPARE(call.taken(), list({"fallback 1"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"thinking > listening"}));
}

void TestTurnMachine::secondFailureInARowEndsTheCall()
{
    Call call;
    call.reachThinking();
    call.send(event::AnswerFailed{1});
    call.send(event::SpeechHeard{});
    call.callerSays(s("sales"));
    call.taken();
    call.send(event::AnswerFailed{2});
    QCOMPARE(call.taken(),
        list(
            {"note fallback-exhausted", "drop-answer 2", "drop 2", "goodbye fallback-exhausted", "thinking > ending"}));
}

void TestTurnMachine::afterTheFallbackTheCallerStartsAfresh()
{
    Call call;
    call.reachThinking("sales");
    call.final(s("sales"));
    call.callerIsSilent(5700);
    call.taken();
    call.callerSpeaks(300); // into the fallback line
    call.partial(s("a message"));
    QCOMPARE(call.taken(), list({"begin 2", "cut 1", "drop-answer 1", "thinking > listening"}));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'a message'", "listening > thinking"}));
}

void TestTurnMachine::emptyAnswerIsAFailure()
{
    Call call;
    call.reachThinking();
    call.send(event::AnswerComplete{1, false});
    QCOMPARE(call.taken(), list({"fallback 1"}));
}

void TestTurnMachine::interruptionPausesAtTwoHundredMillisecondsAndWordsConfirm()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(180);
    QCOMPARE(call.taken(), QStringList());
    call.callerSpeaks(20);
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
    QCOMPARE(call.lastPauseAfterOnset, Milliseconds(200));
    QCOMPARE(call.lastPreRoll, Milliseconds(500));
    call.callerSpeaks(200);
    call.partial(s("no i meant"), false);
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
}

void TestTurnMachine::interruptionGoesOnAsOneUtterance()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(400);
    call.partial(s("no i meant"), false);
    call.callerSpeaks(300);
    call.partial(s("no i meant support"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(),
        list({"pause", "begin 2", "cut 1", "speaking > listening", "end 2", "commit 2 voice 'no i meant support'",
            "listening > thinking"}));
}

void TestTurnMachine::backchannelResumes()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(300);
    call.partial(s("uh huh"), false);
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2"})); // not sure yet
    call.final(s("uh huh"));
    QCOMPARE(call.taken(), list({"resume"}));
    // A stable one need not be asked for.
    call.callerSpeaks(300);
    call.partial(s("כן"));
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"pause", "begin 3", "drop 3", "resume"}));
}

void TestTurnMachine::coughResumes()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(240);
    call.callerIsSilent(200);
    call.final(s(""), 0);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2", "resume"}));
    QCOMPARE(call.machine.state(), TurnState::Speaking);
}

void TestTurnMachine::stopAndWaitAlwaysCut_data()
{
    QTest::addColumn<QString>("word");
    for (const char* word : {"stop", "wait", "no", "hello", "רגע", "לא"})
        QTest::newRow(word) << s(word);
}

void TestTurnMachine::stopAndWaitAlwaysCut()
{
    QFETCH(QString, word);
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(260);
    call.partial(word, false);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "cut 1", "speaking > listening"}));
}

void TestTurnMachine::voiceThatGoesOnIsConfirmationWithoutWords()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(1680);
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
    call.callerSpeaks(20);
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
}

void TestTurnMachine::finalAfterTheVoiceConfirms()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(500);
    call.callerIsSilent(240);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2"}));
    call.final(s("goodbye"));
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
    call.callerIsSilent(60);
    QCOMPARE(call.taken(), list({"commit 2 voice 'goodbye'", "listening > thinking"}));
}

void TestTurnMachine::coughWhoseFinalDoesNotComeResumes()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(280);
    call.callerIsSilent(1400);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"drop 2", "resume"}));
    call.final(s("goodbye")); // too late: it was forgotten
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::coughWhoseRecognitionFailsResumes()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(280);
    call.callerIsSilent(240);
    call.send(event::RecognitionFailed{2});
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2", "resume"}));
    // Nor when there is no recogniser at all: it fails as it is asked.
    call.callerSpeaks(200);
    call.send(event::RecognitionFailed{3});
    call.callerSpeaks(80);
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"pause", "begin 3", "resume"}));
    QCOMPARE(call.machine.state(), TurnState::Speaking);
}

void TestTurnMachine::wordsWhoseFinalComesLateAreAnswered()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(500);
    call.callerIsSilent(1180);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"commit 2 voice '' await", "listening > thinking"}));
    call.callerIsSilent(300);
    call.final(s("goodbye"));
    QCOMPARE(call.taken(), list({"replace 2 'goodbye'"}));
}

void TestTurnMachine::wordsWhoseFinalNeverComesAreNotUnderstood()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(500);
    const Milliseconds said = call.time();
    call.callerIsSilent(2200);
    QCOMPARE(call.taken(),
        list({"pause", "begin 2", "end 2", "cut 1", "speaking > listening", "commit 2 voice '' await",
            "listening > thinking"}));
    call.callerIsSilent(20); // a second after the commit, and not later for the agent's own hesitation
    QCOMPARE(call.taken(), list({"filler 2"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(3000);
    QCOMPARE(call.taken(), list({"note final-timeout", "replace 2 ''"}));
    QVERIFY(call.time() - said < Milliseconds(6000)); // time enough for the answer to nothing
    call.answers();
    QCOMPARE(call.taken(), list({"start 2", "thinking > speaking"}));
}

void TestTurnMachine::wordsWhoseRecognitionFailsAreNotUnderstood()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(500);
    call.callerIsSilent(240);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "end 2"}));
    call.send(event::RecognitionFailed{2});
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
    call.callerIsSilent(220);
    QCOMPARE(call.taken(), list({"commit 2 voice ''", "listening > thinking"}));
}

void TestTurnMachine::recognitionThatFailsInMidVoiceIsNotUnderstood()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(240);
    call.send(event::RecognitionFailed{2});
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
    call.callerSpeaks(300); // paused, the agent listens to the end of it
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"cut 1", "speaking > listening"}));
    call.callerIsSilent(260);
    QCOMPARE(call.taken(), list({"commit 2 voice ''", "listening > thinking"}));
}

void TestTurnMachine::recognitionThatFailsTwiceIsNotUnderstoodTwice()
{
    Call call;
    call.callerSpeaks(400);
    call.send(event::RecognitionFailed{1});
    call.callerSpeaks(400); // nobody listens, but this too is the caller's turn
    call.callerIsSilent(460);
    QCOMPARE(call.taken(), list({"begin 1", "commit 1 voice ''", "listening > thinking"}));
    call.answers();
    call.taken();
    call.callerSpeaks(400);
    call.callerIsSilent(200);
    call.send(event::RecognitionFailed{2});
    call.callerIsSilent(260);
    QCOMPARE(call.taken(),
        list({"pause", "begin 2", "end 2", "cut 1", "speaking > listening", "commit 2 voice ''",
            "listening > thinking"}));
    // The recogniser is back in the same interruption: what it understands is what counts.
    call.answers();
    call.taken();
    call.callerSpeaks(240);
    call.send(event::RecognitionFailed{3});
    call.callerSpeaks(100);
    call.callerIsSilent(200);
    call.callerSpeaks(100);
    call.partial(s("support"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(),
        list({"pause", "begin 3", "cut 2", "speaking > listening", "begin 4", "end 4", "commit 3 voice 'support'",
            "listening > thinking"}));
}

void TestTurnMachine::interimOfAFailedRecognitionIsAnswered()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(500);
    call.partial(s("support"), false);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "cut 1", "speaking > listening"}));
    call.send(event::RecognitionFailed{2});
    call.callerIsSilent(460);
    QCOMPARE(call.taken(), list({"commit 2 voice 'support'", "listening > thinking"}));
}

void TestTurnMachine::backchannelOfAFailedRecognitionResumes()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(400);
    call.partial(s("yes"));
    call.send(event::RecognitionFailed{2});
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "resume"}));
    // An interim that was still to change may have been the beginning of anything.
    call.callerSpeaks(400);
    call.partial(s("yes"), false);
    call.send(event::RecognitionFailed{3});
    call.callerIsSilent(200);
    QCOMPARE(call.taken(), list({"pause", "begin 3", "cut 1", "speaking > listening"}));
    call.callerIsSilent(260);
    QCOMPARE(call.taken(), list({"commit 2 voice 'yes'", "listening > thinking"}));
}

void TestTurnMachine::promptIsInterruptedByWordsThatFail()
{
    Call call;
    call.callerIsSilent(8000);
    call.callerSpeaks(400);
    call.callerIsSilent(200);
    call.send(event::RecognitionFailed{1});
    call.callerIsSilent(260);
    QCOMPARE(call.taken(),
        list({"no-input 1", "listening > speaking", "pause", "begin 1", "end 1", "cut 0", "speaking > listening",
            "commit 1 voice ''", "listening > thinking"}));
}

/// What is said where a message is wanted goes to no recogniser, so that none can fail.
void TestTurnMachine::remarkIntoAnInvitationIsNoMessage()
{
    Call call;
    call.reachThinking();
    call.send(event::Expect{Listening::Message, true});
    call.answers();
    call.taken();
    call.callerSpeaks(500);
    call.callerIsSilent(1200);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "drop 2", "resume"}));
    // Whoever leaves the message before the invitation is over has left it.
    call.callerSpeaks(700);
    call.callerIsSilent(500);
    call.callerSpeaks(400);
    call.callerIsSilent(500);
    QCOMPARE(call.taken(), list({"pause", "begin 3", "cut 1", "speaking > listening"}));
    call.callerSpeaks(400);
    call.callerIsSilent(2000);
    QCOMPARE(call.taken(), list({"end 3", "commit 2 message ''", "listening > thinking"}));
}

void TestTurnMachine::protectedOpeningIsNotPaused()
{
    Driver call;
    call.send(event::CallStarted{.opening = true, .openingProtected = true});
    call.answers();
    call.taken();
    call.callerSpeaks(3000);
    QCOMPARE(call.taken(), QStringList());
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"speaking > listening", "begin 1"}));
    QCOMPARE(call.lastPreRoll, Milliseconds(1000));
}

void TestTurnMachine::uninterruptibleAnswerIsNotPaused()
{
    Call call;
    call.reachThinking();
    call.send(event::Expect{Listening::Speech, false});
    call.answers();
    call.taken();
    call.callerSpeaks(3000);
    call.callerIsSilent(400);
    QCOMPARE(call.taken(), QStringList());
    // It is the answer's own property: the next one can be interrupted again.
    call.send(event::SpeechHeard{});
    call.callerSays(s("support"));
    call.answers();
    call.taken();
    call.callerSpeaks(200);
    QCOMPARE(call.taken(), list({"pause", "begin 3"}));
}

void TestTurnMachine::yesIntoTheEndOfAQuestionAnswersIt()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(300);
    call.partial(s("yes"));
    call.callerIsSilent(200);
    call.callerIsSilent(400);
    QCOMPARE(call.taken(), list({"pause", "begin 2", "drop 2", "resume"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"speaking > listening", "commit 2 voice 'yes'", "listening > thinking"}));
}

void TestTurnMachine::voiceOverTheLastWordsIsHeardFromItsOnset()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(140);
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"speaking > listening", "begin 2"}));
    QCOMPARE(call.lastPreRoll, Milliseconds(440));
}

void TestTurnMachine::speechThatWasHeardToItsEndIsNotCut()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(220);
    call.send(event::SpeechHeard{});
    call.callerSpeaks(300);
    call.partial(s("support please"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(),
        list({"pause", "begin 2", "resume", "speaking > listening", "end 2", "commit 2 voice 'support please'",
            "listening > thinking"}));
}

void TestTurnMachine::keyCutsAtOnce()
{
    Call call;
    call.agentSpeaks();
    call.send(event::KeyPressed{});
    QCOMPARE(call.taken(), list({"cut 1 by key", "speaking > listening"}));
    call.send(event::Keypad{s("1")});
    QCOMPARE(call.taken(), list({"commit 2 keypad '1'", "listening > thinking"}));
}

void TestTurnMachine::keyDoesNotCutAProtectedOpening()
{
    Driver call;
    call.send(event::CallStarted{.opening = true, .openingProtected = true});
    call.answers();
    call.taken();
    call.send(event::KeyPressed{});
    call.send(event::Keypad{s("1")});
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::underrunIsNotTheEnd()
{
    Call call;
    call.agentSpeaks(false);
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), QStringList());
    call.send(event::AnswerComplete{1, false});
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"speaking > listening"}));
}

void TestTurnMachine::answerThatFailsInMidSpeechIsExcused()
{
    Call call;
    call.agentSpeaks(false);
    call.send(event::AnswerFailed{1});
    QCOMPARE(call.taken(), QStringList()); // what there is of it is heard first
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"fallback 1"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"speaking > listening"}));

    Call dry;
    dry.agentSpeaks(false);
    dry.send(event::SpeechHeard{});
    dry.send(event::AnswerFailed{1});
    QCOMPARE(dry.taken(), list({"fallback 1"}));
}

void TestTurnMachine::staleTurnsAreIgnored()
{
    Call call;
    call.reachThinking("i need support");
    call.callerSpeaks(300);
    call.partial(s("for an order"));
    call.callerIsSilent(300);
    call.taken();
    QCOMPARE(call.machine.currentTurn(), 2);
    call.send(event::AnswerReady{1});
    call.send(event::AnswerComplete{1, true});
    call.send(event::AnswerFailed{1});
    QCOMPARE(call.taken(), QStringList());
    call.send(event::AnswerReady{2});
    call.send(event::AnswerComplete{1, true});
    QCOMPARE(call.taken(), list({"start 2", "thinking > speaking"}));
}

void TestTurnMachine::noiseCutByTheCapDoesNotInterruptItsAnswer()
{
    Call call;
    call.callerSpeaks(30100);
    call.final(s(""), 0);
    call.answers();
    call.taken();
    call.callerSpeaks(5000);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(200);
    call.callerSpeaks(200); // a new voice does
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
}

void TestTurnMachine::lastAnswerEndsTheCallAndCannotBeInterrupted()
{
    Call call;
    call.reachThinking("goodbye");
    call.send(event::AnswerReady{1});
    call.send(event::AnswerComplete{1, true});
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking", "speaking > ending"}));
    call.callerSpeaks(2000);
    call.send(event::KeyPressed{});
    call.send(event::Keypad{s("1")});
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), QStringList());
    call.send(event::RemoteEnded{});
    QCOMPARE(call.taken(), list({"ending > ended", "end-call completed"})); // the first reason stands
}

void TestTurnMachine::endOfCallWaitsForACallerWhoWasFirst()
{
    Call call;
    call.agentSpeaks(false);
    call.callerSpeaks(260);
    call.send(event::AnswerComplete{1, true});
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
    call.callerIsSilent(200);
    call.final(s(""), 0);
    QCOMPARE(call.taken(), list({"end 2", "resume", "speaking > ending"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"ending > ended", "end-call completed"}));

    Call cut;
    cut.agentSpeaks(false);
    cut.callerSpeaks(260);
    cut.send(event::AnswerComplete{1, true});
    cut.partial(s("one more thing"), false);
    QCOMPARE(cut.taken(), list({"pause", "begin 2", "cut 1", "speaking > listening"}));
}

void TestTurnMachine::silenceIsPromptedTwiceAndThenTheCallEnds()
{
    Call call;
    call.callerIsSilent(7980);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"no-input 1", "listening > speaking"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"speaking > listening", "no-input 2", "listening > speaking"}));
    call.send(event::SpeechHeard{});
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"speaking > listening", "goodbye no-input", "listening > ending"}));
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"ending > ended", "end-call no-input"}));
}

void TestTurnMachine::voiceOrKeyStartsThePromptsAnew()
{
    Call call;
    call.callerIsSilent(8000);
    call.send(event::SpeechHeard{});
    call.callerIsSilent(7000);
    call.callerSpeaks(200); // a cough
    call.callerIsSilent(460);
    call.final(s(""), 0);
    call.taken();
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"no-input 1", "listening > speaking"}));
    call.send(event::SpeechHeard{});
    call.send(event::KeyPressed{});
    call.taken();
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"no-input 1", "listening > speaking"}));
}

void TestTurnMachine::promptTimeDoesNotRunWhileTheAgentSpeaks()
{
    Call call;
    call.agentSpeaks();
    call.callerIsSilent(20000);
    call.send(event::SpeechHeard{});
    call.callerIsSilent(7980);
    QCOMPARE(call.taken(), list({"speaking > listening"}));
}

void TestTurnMachine::promptCanBeInterrupted()
{
    Call call;
    call.callerIsSilent(8000);
    call.taken();
    call.callerSpeaks(400);
    call.partial(s("sales please"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(),
        list({"pause", "begin 1", "cut 0", "speaking > listening", "end 1", "commit 1 voice 'sales please'",
            "listening > thinking"}));
}

void TestTurnMachine::longestCallHoldsWhateverMarksDo()
{
    Settings settings;
    settings.longestCall = Milliseconds(10000);
    Call call(settings);
    call.agentSpeaks(); // and its end is never heard
    call.ticks(10000);
    QCOMPARE(call.taken(), list({"note longest-call", "cut 1 by engine", "goodbye longest-call", "speaking > ending"}));
}

void TestTurnMachine::goodbyeThatIsNeverHeardStillEnds()
{
    Call call;
    call.send(event::EndRequested{EndReason::Shutdown});
    QCOMPARE(call.taken(), list({"goodbye shutdown", "listening > ending"}));
    call.ticks(15000);
    QCOMPARE(call.taken(), list({"note ending-cap", "ending > ended", "end-call shutdown"}));
}

void TestTurnMachine::speechThatIsNeverHeardStillEnds()
{
    Call call;
    call.agentSpeaks();
    call.ticks(120000);
    QCOMPARE(call.taken(), list({"note speaking-cap", "cut 1 by engine", "speaking > listening"}));
    call.ticks(8000);
    call.ticks(15000);
    QCOMPARE(call.taken(),
        list({"no-input 1", "listening > speaking", "note line-cap", "cut 0 by engine", "speaking > listening"}));
}

void TestTurnMachine::entryIsATurn()
{
    Call call;
    call.callerSpeaks(200);
    call.taken();
    call.send(event::Keypad{s("5551234")});
    QCOMPARE(call.taken(), list({"drop 1", "commit 1 keypad '5551234'", "listening > thinking"}));
    // A voice does not take an entry back.
    call.callerSpeaks(1000);
    call.send(event::AnswerReady{1});
    QCOMPARE(call.taken(), list({"start 1", "thinking > speaking"}));
}

void TestTurnMachine::murmuredDigitsDoNotCompeteWithTheKeys()
{
    Call call;
    call.send(event::Expect{Listening::Digits, true});
    call.callerSpeaks(200);
    for (int i = 0; i < 5; ++i) {
        call.send(event::KeyPressed{});
        call.callerSpeaks(400);
        call.callerIsSilent(700);
    }
    call.send(event::Keypad{s("55512")});
    QCOMPARE(call.taken(), list({"begin 1", "drop 1", "commit 1 keypad '55512'", "listening > thinking"}));

    Call forgotten; // a key, and then nothing: voice counts again
    forgotten.send(event::KeyPressed{});
    forgotten.callerIsSilent(5000);
    forgotten.callerSpeaks(200);
    QCOMPARE(forgotten.taken(), list({"begin 1"}));
}

void TestTurnMachine::keypadOnlyIgnoresVoice()
{
    Call call;
    call.reachThinking();
    call.send(event::Expect{Listening::KeypadOnly, true});
    call.answers();
    call.taken();
    call.callerSpeaks(1000);
    QCOMPARE(call.taken(), QStringList());
    call.send(event::SpeechHeard{});
    call.callerSpeaks(2000);
    call.callerIsSilent(7980);
    QCOMPARE(call.taken(), list({"speaking > listening"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"no-input 1", "listening > speaking"}));
    call.send(event::KeyPressed{});
    call.send(event::Keypad{s("2")});
    QCOMPARE(
        call.taken(), list({"cut 0 by key", "speaking > listening", "commit 2 keypad '2'", "listening > thinking"}));
}

void TestTurnMachine::keypadOnlyPromptsEvenInNoise()
{
    Call call;
    call.send(event::Expect{Listening::KeypadOnly, true});
    for (int i = 0; i < 2; ++i) {
        call.callerSpeaks(30000);
        call.send(event::SpeechHeard{});
    }
    QCOMPARE(call.taken(),
        list({"no-input 1", "listening > speaking", "speaking > listening", "no-input 2", "listening > speaking",
            "speaking > listening"}));
}

void TestTurnMachine::newerEntryReplacesTheOneBeingAnswered()
{
    Call call;
    call.send(event::Keypad{s("1")});
    call.send(event::KeyPressed{});
    QCOMPARE(call.taken(), list({"commit 1 keypad '1'", "listening > thinking"}));
    call.send(event::Keypad{s("2")});
    QCOMPARE(call.taken(), list({"drop-answer 1", "commit 2 keypad '2'"}));
}

void TestTurnMachine::messageEndsAfterALongPauseOrByAnyKey()
{
    Call call;
    call.send(event::Expect{Listening::Message, true});
    call.callerSpeaks(3000);
    call.partial(s("please call me back."));
    call.callerIsSilent(1500);
    call.callerSpeaks(2000);
    call.callerIsSilent(1980);
    QCOMPARE(call.taken(), list({"begin 1"}));
    call.callerIsSilent(20);
    QCOMPARE(call.taken(), list({"end 1", "commit 1 message 'please call me back.'", "listening > thinking"}));
    // No filler into the moment after it, and its words never change the answer.
    call.callerIsSilent(500);
    call.final(s("please call me back today"));
    QCOMPARE(call.taken(), list({"merge 1 'please call me back today'"}));

    Call keyed;
    keyed.send(event::Expect{Listening::Message, true});
    keyed.callerSpeaks(3000);
    keyed.send(event::KeyPressed{});
    keyed.send(event::Keypad{s("#")});
    QCOMPARE(keyed.taken(), list({"begin 1", "end 1", "commit 1 message ''", "listening > thinking"}));
}

void TestTurnMachine::messageHasItsOwnCap()
{
    Call call;
    call.send(event::Expect{Listening::Message, true});
    call.callerSpeaks(120040);
    QCOMPARE(call.taken(), list({"begin 1"}));
    call.callerSpeaks(20);
    QCOMPARE(call.taken(), list({"note message-cap", "end 1", "commit 1 message ''", "listening > thinking"}));
}

void TestTurnMachine::hangingUpLeavesTheMessage()
{
    Call call;
    call.send(event::Expect{Listening::Message, true});
    call.callerSpeaks(3000);
    call.send(event::RemoteEnded{});
    QCOMPARE(call.taken(),
        list({"begin 1", "end 1", "commit 1 message ''", "listening > ended", "end-call caller-hung-up"}));
}

void TestTurnMachine::keyThatSkipsThePromptIsNoAnswer()
{
    Call call;
    call.reachThinking("a message");
    call.final(s("a message"));
    call.send(event::Expect{Listening::Message, true});
    call.answers();
    call.taken();
    call.send(event::KeyPressed{});
    call.send(event::Keypad{s("#")});
    QCOMPARE(call.taken(), list({"cut 1 by key", "speaking > listening"}));
    call.callerSpeaks(100); // and the caller can speak at once
    QCOMPARE(call.taken(), list({"begin 2"}));
}

void TestTurnMachine::operatorHoldsSavesTheMessage()
{
    Call call;
    call.send(event::Expect{Listening::Message, true});
    call.callerSpeaks(3000);
    call.send(event::OperatorHold{});
    QCOMPARE(call.taken(), list({"begin 1", "end 1", "commit 1 message ''", "listening > held"}));
}

void TestTurnMachine::heldAgentHearsAndSaysNothing()
{
    Call call;
    call.agentSpeaks();
    call.send(event::OperatorHold{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "speaking > held"}));
    call.callerSpeaks(5000);
    call.callerIsSilent(20000);
    call.send(event::Keypad{s("1")});
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), QStringList());
    call.send(event::OperatorRelease{});
    call.callerIsSilent(7980);
    QCOMPARE(call.taken(), list({"held > listening"}));
}

void TestTurnMachine::holdEndsByItself()
{
    Call call;
    call.send(event::OperatorHold{});
    call.ticks(600000);
    QCOMPARE(call.taken(), list({"listening > held", "note held-cap", "held > listening"}));
}

void TestTurnMachine::operatorInterruptsAnAnswerThatNobodyMayInterrupt()
{
    Call call;
    call.reachThinking("sales");
    call.send(event::Expect{Listening::Speech, false});
    call.answers();
    call.taken();
    call.callerSpeaks(600);
    QCOMPARE(call.taken(), QStringList());
    call.callerIsSilent(400);
    QVERIFY(call.machine.agentHasFloor());
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "speaking > listening"}));
    QVERIFY(!call.machine.agentHasFloor());
    call.callerSpeaks(100); // and the caller can speak at once
    QCOMPARE(call.taken(), list({"begin 2"}));
}

void TestTurnMachine::operatorInterruptsAPausedAgentAndTheCallerKeepsTheWord()
{
    Call call;
    call.agentSpeaks();
    call.callerSpeaks(300);
    QCOMPARE(call.taken(), list({"pause", "begin 2"}));
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "speaking > listening"}));
    call.callerSpeaks(300);
    call.partial(s("support"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'support'", "listening > thinking"}));
}

void TestTurnMachine::operatorInterruptsBeforeTheAnswerIsHeard()
{
    Call call;
    call.reachThinking("sales");
    call.send(event::Expect{Listening::Message, true}); // of the answer that is going to be abandoned
    call.taken();
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "drop-answer 1", "drop 1", "thinking > listening"}));
    call.send(event::AnswerReady{1}); // too late
    QCOMPARE(call.taken(), QStringList());
    call.callerSays(s("support"));
    QCOMPARE(call.taken(), list({"begin 2", "end 2", "commit 2 voice 'support'", "listening > thinking"}));
}

void TestTurnMachine::operatorInterruptsWhileTheCallerGoesOn()
{
    Call call;
    call.reachThinking("sales");
    call.callerSpeaks(300);
    QCOMPARE(call.taken(), list({"begin 2"}));
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "drop-answer 1", "drop 1", "thinking > listening"}));
    call.callerSpeaks(300);
    call.partial(s("no support"));
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'no support'", "listening > thinking"}));
}

void TestTurnMachine::operatorInterruptsTheFiller()
{
    Call call;
    call.reachThinking("sales");
    call.callerIsSilent(2000);
    call.taken();
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "drop-answer 1", "drop 1", "thinking > listening"}));
    call.send(event::SpeechHeard{}); // of the filler: nobody waits for it any more
    QCOMPARE(call.taken(), QStringList());
}

void TestTurnMachine::operatorInterruptsTheFallbackLineWhoseOfferStands()
{
    Call call;
    call.reachThinking("sales");
    call.send(event::AnswerFailed{1});
    call.send(event::Expect{Listening::Message, true}); // "please leave a message"
    call.taken();
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 1 by operator", "drop-answer 1", "drop 1", "thinking > listening"}));
    call.callerSpeaks(3000);
    call.send(event::Keypad{s("#")});
    QCOMPARE(call.taken(), list({"begin 2", "end 2", "commit 2 message ''", "listening > thinking"}));
}

void TestTurnMachine::operatorInterruptsTheThanksForAMessage()
{
    Call call;
    call.send(event::Expect{Listening::Message, true});
    call.callerSpeaks(3000);
    call.send(event::Keypad{s("#")});
    call.taken();
    call.send(event::OperatorInterrupt{}); // the message stays left: its answer is not taken back
    QCOMPARE(call.taken(), list({"cut 1 by operator", "thinking > listening"}));
}

void TestTurnMachine::operatorInterruptsAPrompt()
{
    Call call;
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"no-input 1", "listening > speaking"}));
    call.send(event::OperatorInterrupt{});
    QCOMPARE(call.taken(), list({"cut 0 by operator", "speaking > listening"}));
    call.callerIsSilent(8000);
    QCOMPARE(call.taken(), list({"no-input 2", "listening > speaking"}));
}

void TestTurnMachine::operatorInterruptsNothingElse()
{
    Call call;
    call.send(event::OperatorInterrupt{});
    call.callerSpeaks(300);
    call.taken();
    QVERIFY(!call.machine.agentHasFloor());
    call.send(event::OperatorInterrupt{}); // the caller speaks
    call.send(event::EndRequested{EndReason::OperatorEnded});
    call.taken();
    QVERIFY(!call.machine.agentHasFloor());
    call.send(event::OperatorInterrupt{}); // the goodbye
    QCOMPARE(call.taken(), QStringList());
    call.send(event::SpeechHeard{});
    QCOMPARE(call.taken(), list({"ending > ended", "end-call operator-ended"}));
}

void TestTurnMachine::callerTalksIntoTheFallbackLineAndItsOfferStands()
{
    Call call;
    call.reachThinking("sales");
    call.send(event::AnswerFailed{1});
    call.send(event::Expect{Listening::Message, true});
    call.taken();
    call.callerSpeaks(2000);
    QCOMPARE(call.taken(), list({"begin 2", "cut 1", "drop-answer 1", "drop 1", "thinking > listening"}));
    call.callerSpeaks(1000);
    call.send(event::Keypad{s("#")});
    QCOMPARE(call.taken(), list({"end 2", "commit 2 message ''", "listening > thinking"}));
}

void TestTurnMachine::droppedAnswerBringsBackTheExpectation()
{
    Call call;
    call.reachThinking("i need support");
    call.send(event::Expect{Listening::Message, true}); // of the answer that is going to be dropped
    call.callerSpeaks(300);
    call.partial(s("for an order"));
    call.taken();
    call.callerIsSilent(300);
    QCOMPARE(call.taken(), list({"end 2", "commit 2 voice 'i need support for an order'", "listening > thinking"}));
}

QTEST_APPLESS_MAIN(TestTurnMachine)
#include "tst_turnmachine.moc"
