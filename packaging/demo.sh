#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A telephone conversation on this machine, with no key and no network: installs what is missing, builds the engine, starts
# it on loopback and calls it. The caller is recorded human speech; it greets, interrupts the agent, leaves a message, says
# its number digit by digit and confirms it with a key. Exits 0 only if the conversation went as it should.
#   packaging/demo.sh [DIR]     DIR keeps the recording and the call log (default: kav-demo)
set -euo pipefail
cd "$(dirname "$0")/.."

./packaging/install-deps.sh build speech-samples
programs=(kav-engine)
[ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || programs+=(kav-console)
echo "Building ${programs[*]} ..."
log=$(mktemp)
{ cmake --preset release && cmake --build --preset release --target "${programs[@]}"; } >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; exit 1; }
rm -f "$log"
exec ./packaging/conversation.sh build/release/bin/kav-engine "${1:-kav-demo}" ${programs[1]:+build/release/bin/kav-console}
