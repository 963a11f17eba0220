#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lives through the life of Debian's packages in a fresh Debian 12 of their own: lint, install, serve, upgrade, remove, purge.
#   packaging/test-packages.sh [FOLDER]      packages that are built already; without it they are built first
# Needs root (mount and chroot) and Debian's mirrors; installs the tools that it needs. Last line: "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
check() { # what, command...
    local what=$1 output; shift
    if output=$("$@" 2>&1); then
        echo "ok: $what"
        passed=$((passed + 1))
    else
        echo "FAILED: $what"
        sed 's/^/    /' <<<"$output" | tail -40
        failed=$((failed + 1))
    fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
die() { echo "FAILED: $1" >&2; failed=$((failed + 1)); finish; }

[ "$(id -u)" -eq 0 ] || die "packages are tested in a chroot, which takes root"
./packaging/install-deps.sh build package || die "install packages"
packages=${1:-}
if [ -z "$packages" ]; then
    packages=build/package/packages
    rm -rf "$packages"
    cmake --preset package >/dev/null && cmake --build --preset package -j "${KAV_JOBS:-$(nproc)}" >/dev/null \
        && cpack --preset package >/dev/null || die "build the packages"
fi
engine=$(echo "$packages"/kav-engine_*.deb)
console=$(echo "$packages"/kav-console_*.deb)
[ -f "$engine" ] && [ -f "$console" ] || die "there must be one package of each in $packages"

work=$(mktemp -d /tmp/kav-packages.XXXXXX)
root=$work/root
server=
stop_server() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    server=
}
clean() {
    stop_server
    umount "$root/proc" 2>/dev/null
    mountpoint -q "$root/proc" || rm -rf --one-file-system "$work"
}
trap clean EXIT

echo "== as files"
check "lintian finds nothing" lintian --fail-on error,warning --allow-root "$engine" "$console"
mkdir "$work/files"
dpkg-deb -x "$engine" "$work/files" && dpkg-deb -x "$console" "$work/files"
unit=$work/files/lib/systemd/system/kav-engine.service
check "the unit's exposure is below 2.0" systemd-analyze security --offline=true --threshold=20 --no-pager "$unit"
systemd-analyze security --offline=true --no-pager "$unit" 2>/dev/null | tail -1
check "the desktop file is valid" desktop-file-validate "$work/files/usr/share/applications/kav-console.desktop"
every_secret_is_loaded() {
    diff <(sed -n 's/.*credential \(kav[.][a-z_.]*\).*/\1/p' <(zcat "$work/files/usr/share/man/man5/kav.toml.5.gz") | sort) \
        <(sed -n 's/^LoadCredential=//p' "$unit" | sort) && grep -q '^LoadCredential=kav.twilio.auth_token$' "$unit"
}
check "every secret of the settings is one of the unit's credentials" every_secret_is_loaded

echo "== installed"
mmdebstrap --quiet --variant=minbase --include=systemd bookworm "$root" >"$work/log" 2>&1 || { cat "$work/log"; die "make a Debian 12"; }
mount -t proc proc "$root/proc" || die "mount /proc: this machine does not allow it"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
within() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
become_kav() { umask 027; exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/nonexistent "${with[@]}" chroot --userspec=kav:kav "$root" "$@"; }
as_kav() (become_kav "$@")
with=()
cp "$engine" "$console" "$root/tmp/"
within apt-get update -qq >/dev/null 2>&1 || die "apt-get update in the fresh Debian"
base=$(du -sxm "$root" | cut -f1)
check "kav-engine is installed with what it needs" within apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$engine")"
grown=$(($(du -sxm "$root" | cut -f1) - base))
check "kav-engine --version" within kav-engine --version
check "the service's user is there" within getent passwd kav
check "the unit is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/kav-engine.service"
check "the unit is understood" within systemd-analyze verify --man=no kav-engine.service
# What StateDirectory= does.
within install -d -m 750 -o kav -g kav /var/lib/kav
check "doctor: calls can be answered" as_kav kav-engine doctor
module_is_found() {
    local said
    said=$(with=(KAV_STT=google,embedded GOOGLE_API_KEY=x KAV_PROVIDERS_DEADLINE=2s); as_kav kav-engine doctor)
    ! grep -qE 'not installed|cannot be loaded' <<<"$said" && grep -q google <<<"$said"
}
check "Google's module is found and loads" module_is_found
check "the font of the evidence's picture is there" test -f "$root/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
readable() { local page; for page in kav-engine.1 kav.toml.5; do zcat "$root/usr/share/man/man${page##*.}/$page.gz" | man --warnings -l - 2>&1 >/dev/null; done | tee /dev/stderr | wc -c | grep -qx 0; }
check "the manual pages are without a warning" readable

echo "== serving"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
serve() {
    become_kav kav-engine serve --address 127.0.0.1 --port "$port" >"$work/serve.log" 2>&1 &
    server=$!
}
status_of() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 instead of $2"; cat "$work/serve.log"; return 1; }; }
within_seconds() { local left=$(($1 * 10)); shift; until "$@"; do left=$((left - 1)); [ $left -gt 0 ] || return 1; sleep 0.1; done; }
logged() { local log; log=$(as_kav kav-engine calls --limit 1 --json); echo "$log"; grep -q '"reason":"[a-z]' <<<"$log"; }
answers() { [ "$(status_of "http://127.0.0.1:$port/$1")" = 200 ]; }
echo "exec to the first /healthz, chroot and change of user included:"
check "it answers within a second" python3 - "$root" "$port" <<'PY'
import http.client, os, pwd, signal, socket, statistics, subprocess, sys, time
root, port = sys.argv[1], int(sys.argv[2])
times = []
for _ in range(9):
    begin = time.perf_counter()
    engine = subprocess.Popen(["chroot", "--userspec=kav:kav", root, "kav-engine", "serve", "--address", "127.0.0.1",
                               "--port", str(port)], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              umask=0o027,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            break
        except (ConnectionRefusedError, ConnectionResetError):
            if engine.poll() is not None or time.perf_counter() - begin > 20:
                sys.exit("it does not answer")
            time.sleep(0.0005)
    times.append((time.perf_counter() - begin) * 1000)
    engine.send_signal(signal.SIGTERM)
    if engine.wait(20) != 0:
        sys.exit("it ended with %d" % engine.returncode)
with open(root + "/tmp/healthz", "w") as file:
    file.write("median of 9: %.0f ms (%.0f to %.0f)\n" % (statistics.median(times), min(times), max(times)))
sys.exit(statistics.median(times) > 1000)
PY
cat "$root/tmp/healthz"
serve
check "/healthz" within_seconds 20 answers healthz
check "/readyz, with the database that the settings file asks for" within_seconds 20 answers readyz
check "a conversation" as_kav kav-engine call --say hello --to "http://127.0.0.1:$port/webhook/incoming_call"
check "its log" within_seconds 10 logged
# The zip is made by libarchive, the picture by cairo; what is missing would be said.
shows_the_call() {
    local call out=/tmp/evidence.zip said
    call=$(as_kav kav-engine calls --limit 1 --json | sed -n 's/.*"call":"\([^"]*\)".*/\1/p')
    said=$(as_kav kav-engine evidence "$call" --out $out 2>&1) || { echo "$said"; return 1; }
    echo "$said"
    ! grep -qiE 'without waveform|fontconfig' <<<"$said" && python3 - "$root$out" <<'PY'
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as pack:
    files = {name.split("/", 1)[1]: pack.read(name) for name in pack.namelist()}
for line in files["SHA256SUMS"].decode().splitlines():
    digest, name = line.split("  ")
    assert hashlib.sha256(files[name]).hexdigest() == digest, name
assert files["waveform.png"].startswith(b"\x89PNG") and b"Content-Security-Policy" in files["index.html"]
PY
}
check "an evidence pack of it, zip and picture" shows_the_call
check "everything stands below /var/lib/kav, the user's alone" bash -c "test -f '$root/var/lib/kav/calls.db' && ! find '$root/var/lib/kav' -perm /o=rwx | grep ."
stop_server
install -d -m 700 "$root/tmp/credentials" && printf 'secret\n' >"$root/tmp/credentials/kav.twilio.auth_token" && chown -R --reference="$root/var/lib/kav" "$root/tmp/credentials"
with=(CREDENTIALS_DIRECTORY=/tmp/credentials)
serve
within_seconds 20 answers healthz
check "with the token as a credential unsigned webhooks are refused" is "$(status_of -d CallSid=CA1 "http://127.0.0.1:$port/webhook/incoming_call")" 403
stop_server
with=()

echo "== upgraded"
newer=$work/newer
dpkg-deb -R "$engine" "$newer"
sed -i 's/^Version: .*/&+upgrade1/' "$newer/DEBIAN/control"
echo '# of the newer version' >>"$newer/etc/kav/kav.toml"
(cd "$newer" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group -b "$newer" "$root/tmp/newer.deb" >/dev/null
sed -i 's/^#deploy_id = .*/deploy_id = "edited"/' "$root/etc/kav/kav.toml"
serve
within_seconds 20 answers healthz
check "a higher version installs over it" within apt-get install -y -qq -o Dpkg::Options::=--force-confdef /tmp/newer.deb
check "the running engine goes on" answers healthz
check "the edited settings stay" grep -q '^deploy_id = "edited"$' "$root/etc/kav/kav.toml"
check "and the newer ones stand beside them" grep -q 'of the newer version' "$root/etc/kav/kav.toml.dpkg-dist"
check "the version is the higher one" is "$(within dpkg-query -W -f '${Version}' kav-engine)" "$(dpkg-deb -f "$engine" Version)+upgrade1"
stop_server
serve
within_seconds 20 answers healthz
check "what was edited is in force" bash -c "curl -s 'http://127.0.0.1:$port/version' | grep -q '\"deploy_id\":\"edited\"'"
stop_server

echo "== kav-console"
check "kav-console is installed with what it needs" within apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$console")"
check "kav-console --version" within kav-console --version
opens() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/tmp/desk QT_QPA_PLATFORM=offscreen QT_FORCE_STDERR_LOGGING=1 \
        timeout --signal=TERM --preserve-status 3 chroot "$root" kav-console --url http://127.0.0.1:9 --language he
}
check "its window opens, and closes on SIGTERM" opens

echo "== removed"
check "removed" within apt-get remove -y -qq kav-engine kav-console
check "programs and unit are gone" bash -c "! ls '$root'/usr/bin/kav-* '$root'/usr/lib/kav '$root'/lib/systemd/system/kav-engine.service 2>/dev/null | grep ."
check "settings and data stay" test -f "$root/etc/kav/kav.toml" -a -f "$root/var/lib/kav/calls.db"
check "purged" within apt-get purge -y -qq kav-engine kav-console
check "nothing is left" bash -c "! find '$root' -xdev -ipath '*kav*' -not -path '*/tmp/*' -not -path '*/proc/*' | grep ."

echo "== figures"
for package in "$engine" "$console"; do
    echo "$(basename "$package"): $(($(stat -c %s "$package") / 1024)) KiB, installed $(dpkg-deb -f "$package" Installed-Size) KiB"
done
echo "a minimal Debian 12 of $base MiB grows by $grown MiB with kav-engine and all that it needs"
finish
