#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds the demo's conversation with a given engine and judges it. Exits 0 only if it went as it should.
#   packaging/conversation.sh ENGINE DIR [CONSOLE]     DIR is made anew: recording, message, timeline, call log. With CONSOLE
#                                                      (kav-console) and a display, the operator's desk shows the call live.
set -euo pipefail
engine=$(realpath "$1")
out=$(realpath -m "$2")
console=${3:+$(realpath "$3")}
cd "$(dirname "$0")/.."
number=5551234
sounds=/usr/share/asterisk/sounds/en_US_f_Allison
[ -f "$sounds/hello.wav" ] || { echo "The recorded speech is not installed: packaging/install-deps.sh speech-samples" >&2; exit 1; }

rm -rf "$out"
mkdir -p "$out"
# Nothing of the caller's own environment shall change the demo.
for name in $(env | sed -n 's/^\(KAV_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
unset PORT DATABASE_URL DB_BOOTSTRAP TWILIO_AUTH_TOKEN
# On a machine with other work the recogniser may need longer than callers should wait, and its last guess is taken for the
# final: who judges the words and not the time gives it longer.
[ -z "${CONVERSATION_FINAL_WAIT:-}" ] || export KAV_FAILOVER_FINAL_WAIT=$CONVERSATION_FINAL_WAIT
export KAV_LOG_FORMAT=human KAV_ADDRESS=127.0.0.1 KAV_PORT=0 KAV_DATA_DIR=$out/data KAV_DIALOG=$PWD/resources/dialogs/receptionist.toml

"$engine" migrate
: >"$out/engine.out" >"$out/engine.log" # read below, maybe before the engine's own process has opened them
"$engine" >"$out/engine.out" 2>"$out/engine.log" &
pid=$!
desk=
stop() { kill -TERM "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; }
leave() {
    stop
    [ -z "$desk" ] || { kill -TERM "$desk" 2>/dev/null && wait "$desk" 2>/dev/null || true; }
}
trap leave EXIT

# The first line comes before anything else is started; speech follows within a second or two.
for _ in $(seq 100); do
    address=$(sed -n 's/^LISTENING //p' "$out/engine.out")
    [ -n "$address" ] && grep -q 'lines rendered' "$out/engine.log" && break
    kill -0 "$pid" 2>/dev/null || { cat "$out/engine.log" >&2; echo "The engine ended at its start." >&2; exit 1; }
    sleep 0.1
done
[ -n "$address" ] || { echo "The engine never listened." >&2; exit 1; }

if [ -n "$console" ]; then
    # Its settings stay in DIR; the operator's own are not touched.
    XDG_CONFIG_HOME=$out/console "$console" --url "http://$address" --operator demo --select-newest >"$out/console.log" 2>&1 &
    desk=$!
    for _ in $(seq 50); do
        grep -q 'demo from .*: connect' "$out/engine.log" && break
        kill -0 "$desk" 2>/dev/null || { cat "$out/console.log" >&2; echo "The console did not start; the call is made without it." >&2; desk=; break; }
        sleep 0.1
    done
fi

echo
echo "Calling the engine at $address; the caller speaks by recordings of a person."
echo
status=0
"$engine" call --to "http://$address/webhook/incoming_call" --script resources/demo/caller.script --sounds "$sounds" \
    --record "$out/call.wav" --timeline "$out/timeline.txt" || status=$?
stop # the call log is complete when the engine has ended

call=$("$engine" calls --limit 1 | awk '{print $2}')
echo
"$engine" calls "$call" | tee "$out/call.txt"
fact() { sed -n "s/^  $1: //p" "$out/call.txt"; }

trouble=()
[ "$status" -eq 0 ] || trouble+=("the call itself failed (exit status $status)")
grep -q '  completed$' "$out/call.txt" || trouble+=("the agent did not bring the call to its end")
grep -q ', interrupted)' "$out/call.txt" || trouble+=("the caller could not interrupt")
[ "$(fact callback_number)" = "$number" ] || trouble+=("the number was understood as '$(fact callback_number)', not $number")
[ "$(fact callback_number_confirmed)" = true ] || trouble+=("the number was not confirmed")
message=$out/data/messages/$(fact message)
[ -n "$(fact message)" ] && [ "$(stat -c %s "$message" 2>/dev/null || echo 0)" -gt 32000 ] || trouble+=("the message was not recorded whole")
[ "$(stat -c %s "$out/call.wav" 2>/dev/null || echo 0)" -gt 1000000 ] || trouble+=("the recording of the call is not whole")

echo
echo "Call-back number: $(fact callback_number), understood by $(fact callback_number_via), confirmed by key"
echo "Recording (left the caller, right the agent as heard): $out/call.wav"
echo "Message: $message"
echo "Timeline: $out/timeline.txt    Call log: $out/data/calls.db    Engine's log: $out/engine.log"
if [ ${#trouble[@]} -gt 0 ]; then
    echo
    printf 'NOT AS IT SHOULD BE: %s\n' "${trouble[@]}"
    exit 1
fi
echo "The conversation went as it should."
