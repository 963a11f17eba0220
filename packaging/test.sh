#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Kav and passes its tests, on a fresh machine too: installs what is missing, configures, builds, runs.
# Last line: "N passed, N failed". Under CI (CI=true in the environment) warnings are errors, and the tests are run once
# more under AddressSanitizer and UndefinedBehaviorSanitizer, and each fuzz target for a few seconds. KAV_TEST_PACKAGES=1 has
# the Debian packages and the container image made and tested too, which takes root.
set -uo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
passed=0
failed=0

fail() { # what
    echo "FAILED: $1" >&2
    failed=$((failed + 1))
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# Adds up one CTest run: QtTest programs by their own totals; others, programs that died, and those that failed although all
# of their tests passed (a sanitizer's finding) as one each.
count() { # preset, exit status of ctest
    local log="build/$1/Testing/Temporary/LastTest.log" ok bad
    [ -f "$log" ] || { fail "ctest --preset $1 left no log"; return; }
    read -r ok bad < <(awk '
        /^Totals: / { ok += $2; bad += $4; own += $4; inside = 1 }
        /^Test Passed\.$/ { if (!inside) ok += 1; inside = own = 0 }
        /^Test Failed\.$/ { if (own == 0) bad += 1; inside = own = 0; red += 1 }
        END { if (red > 0 && bad == 0) bad = red; print ok + 0, bad + 0 }' "$log")
    passed=$((passed + ok))
    failed=$((failed + bad))
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then fail "ctest --preset $1 exited with $2"; fi
}

run() { # preset, more cmake arguments...
    local preset=$1; shift
    echo "== $preset: configure and build"
    if ! cmake --preset "$preset" "$@" >"build-$preset.log" 2>&1; then cat "build-$preset.log"; rm -f "build-$preset.log"; fail "configure $preset"; return; fi
    if ! cmake --build --preset "$preset" -j "$jobs" >"build-$preset.log" 2>&1; then
        grep -E -A5 'error|FAILED' "build-$preset.log" | head -60
        rm -f "build-$preset.log"; fail "build $preset"; return
    fi
    rm -f "build-$preset.log"
    echo "== $preset: test"
    ctest --preset "$preset" -j "$jobs"
    count "$preset" $?
}

groups=(build speech-samples test)
strict=()
if [ "${CI:-}" = true ]; then
    groups+=(fuzz)
    strict=(-DKAV_WARNINGS_AS_ERRORS=ON)
fi
./packaging/install-deps.sh "${groups[@]}" || { fail "install packages"; finish; }

run dev "${strict[@]}"
if [ "${CI:-}" = true ]; then
    run asan "${strict[@]}"
    run fuzz
fi
if [ "${KAV_TEST_PACKAGES:-}" = 1 ]; then
    tally() { # what, script's output
        read -r ok bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$2" | tail -1)
        [ -n "${ok:-}" ] || fail "$1: no result"
        passed=$((passed + ${ok:-0}))
        failed=$((failed + ${bad:-0}))
    }
    echo "== packages"
    ./packaging/test-packages.sh | tee build/test-packages.log
    tally packages build/test-packages.log
    echo "== container image"
    if ./packaging/container/build-image.sh build/package/packages/kav-engine_*.deb build/kav-engine.tar; then
        ./packaging/container/test-image.sh build/kav-engine.tar | tee build/test-image.log
        tally image build/test-image.log
    else
        fail "make the container image"
    fi
fi
finish
