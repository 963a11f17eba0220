#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Collects what kav-engine needs to run, and nothing else: no shell, no package manager, no set-uid program.
#   collect-root.sh FOLDER      inside of a Debian 12 in which the package kav-engine and ca-certificates are installed
# Beside the programs and their libraries: the licences of all that is copied.
set -euo pipefail
out=$1
mkdir -p "$out"/{etc/ssl/certs,usr/bin,usr/lib,usr/lib64,var/lib/kav,tmp,proc,dev,run}
ln -s usr/lib "$out/lib"
ln -s usr/lib64 "$out/lib64"
ln -s usr/bin "$out/bin"
chmod 1777 "$out/tmp"
chmod 750 "$out/var/lib/kav"
chown 65532:65532 "$out/var/lib/kav"

copied=()
take() { # file: there by the same name, what a link leads to as the file itself
    local file to
    for file in "$@"; do
        to=$out$(realpath "$(dirname "$file")")/$(basename "$file")
        [ -e "$to" ] && continue
        mkdir -p "$(dirname "$to")"
        cp -L --preserve=mode,timestamps "$file" "$to"
        copied+=("$file" "$(realpath "$file")")
    done
}

plugins=$(echo /usr/lib/*/qt6/plugins)
libraries=$(dirname "$(dirname "$plugins")")
loaded=(/usr/bin/kav-engine /usr/lib/kav/*.so
    "$plugins/sqldrivers/libqsqlite.so" "$plugins/tls/libqopensslbackend.so"
    "$libraries/libssl.so.3") # which Qt's backend opens by name
take "${loaded[@]}"
mapfile -t needed < <(for each in "${loaded[@]}"; do ldd "$each"; done \
    | sed -n 's/^.*=> \(\/[^ ]*\) .*/\1/p; s/^\t\(\/lib64[^ ]*\) .*/\1/p' | sort -u)
take "${needed[@]}"

take /etc/ssl/certs/ca-certificates.crt /etc/ssl/openssl.cnf /usr/share/kav/dialogs/receptionist.toml
# The recogniser's; the statistical language model beside it, 27 MB, is not: dialogs have grammars.
model=/usr/share/pocketsphinx/model/en-us
take "$model/cmudict-en-us.dict" "$model"/en-us/*
# The words on an evidence pack's picture: one font; the engine says where its cache may lie.
font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
take $font
mkdir -p "$out/etc/fonts"
cat >"$out/etc/fonts/fonts.conf" <<EOF
<?xml version="1.0"?>
<fontconfig><dir>${font%/*}</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
EOF
if [ -f /usr/share/grpc/roots.pem ]; then take /usr/share/grpc/roots.pem; fi

echo 'kav:x:65532:65532:Kav telephone voice agent:/var/lib/kav:/nonexistent' >"$out/etc/passwd"
echo 'kav:x:65532:' >"$out/etc/group"
echo 'hosts: files dns' >"$out/etc/nsswitch.conf"

# A library is known by its path with /usr or without it.
{ dpkg-query -S "${copied[@]}" "${copied[@]/#\/usr/}" 2>/dev/null || true; } | cut -d: -f1 | sort -u | while read -r package; do
    if [ -f "/usr/share/doc/$package/copyright" ]; then take "/usr/share/doc/$package/copyright"; fi
done
take /usr/share/common-licenses/*
