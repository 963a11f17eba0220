#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs every Debian package that a part of Kav's work needs; does nothing when they are all there.
#   packaging/install-deps.sh [build] [speech-samples] [test] [fuzz] [bench] [lint] [browser] [package] [container]     (default: build)
set -euo pipefail

build=(build-essential file cmake ninja-build ccache git pkg-config lld
       qt6-base-dev qt6-base-dev-tools qt6-websockets-dev qt6-tools-dev qt6-tools-dev-tools qt6-l10n-tools libqt6sql6-sqlite qt6-svg-dev qt6-translations-l10n
       libboost-dev libssl-dev libcurl4-openssl-dev libsimdjson-dev libtomlplusplus-dev prometheus-cpp-dev zlib1g-dev
       libspeexdsp-dev libwebrtc-audio-processing-dev
       libgrpc++-dev libprotobuf-dev protobuf-compiler
       libarchive-dev libcairo2-dev
       libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us flite1-dev)
speech_samples=(asterisk-core-sounds-en-wav)
test=(pocketsphinx-testdata sqlite3 python3 sox xvfb xauth fonts-dejavu-core nginx-light caddy openssl
      python3-yaml prometheus)
# For Google's stand-in; however they came to be there.
command -v npm >/dev/null || test+=(nodejs npm)
fuzz=(clang-19 libclang-rt-19-dev)
bench=(hyperfine)
lint=(clang-format clang-tidy)
package=(lintian mmdebstrap systemd desktop-file-utils man-db groff curl python3)
container=(buildah mmdebstrap)
# For -DKAV_BROWSER_TESTS=ON; large, so that only who asks for it gets it.
browser=(chromium ffmpeg)

wanted=()
for group in "${@:-build}"; do
    case $group in
        build) wanted+=("${build[@]}") ;;
        speech-samples) wanted+=("${speech_samples[@]}") ;;
        test) wanted+=("${test[@]}") ;;
        fuzz) wanted+=("${fuzz[@]}") ;;
        bench) wanted+=("${bench[@]}") ;;
        lint) wanted+=("${lint[@]}") ;;
        package) wanted+=("${package[@]}") ;;
        container) wanted+=("${container[@]}") ;;
        browser) wanted+=("${browser[@]}") ;;
        *) echo "install-deps.sh: unknown group '$group' (build, speech-samples, test, fuzz, bench, lint, browser, package, container)" >&2; exit 2 ;;
    esac
done

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "install-deps.sh: not root and no sudo; as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
    root=(sudo)
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
# Of prometheus only promtool is wanted: its daemon is not started, neither now nor at the next boot.
daemon=
if [[ " ${missing[*]} " == *" prometheus "* ]]; then
    daemon=prometheus
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\n[ "$1" != prometheus ] && [ "$1" != prometheus.service ] || exit 101\n' |
            "${root[@]}" install -m 755 /dev/stdin /usr/sbin/policy-rc.d
        trap '"${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
    fi
fi
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [ -n "$daemon" ]; then
    "${root[@]}" update-rc.d "$daemon" disable >/dev/null 2>&1 || true
fi
