#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looks at an image of build-image.sh or buildah-image.sh and lets it serve, as its configuration says and on a root that cannot be written.
#   packaging/container/test-image.sh IMAGE.tar
# Needs root (mount and chroot; a container engine is not asked for). Last line: "N passed, N failed".
set -uo pipefail
passed=0
failed=0
check() { # what, command...
    local what=$1 output; shift
    if output=$("$@" 2>&1); then
        echo "ok: $what"
        passed=$((passed + 1))
    else
        echo "FAILED: $what"
        sed 's/^/    /' <<<"$output" | tail -20
        failed=$((failed + 1))
    fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
die() { echo "FAILED: $1" >&2; failed=$((failed + 1)); finish; }
[ "$(id -u)" -eq 0 ] || die "the image is run in a chroot, which takes root"
[ -f "${1:-}" ] || die "usage: test-image.sh IMAGE.tar"

work=$(mktemp -d /tmp/kav-image-test.XXXXXX)
root=$work/root
server=
stop_server() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    server=
}
clean() {
    stop_server
    umount "$root/proc" "$root/tmp" "$root/var/lib/kav" "$root" 2>/dev/null
    mountpoint -q "$root" || rm -rf --one-file-system "$work"
}
trap clean EXIT
mkdir "$work/oci" "$root" "$work/unpacked"
tar -C "$work/oci" -xf "$1"

python3 - "$work" <<'PY' || die "the image's layout"
import gzip, hashlib, json, sys
work = sys.argv[1]
def blob(of):
    with open(work + "/oci/blobs/sha256/" + of["digest"].split(":")[1], "rb") as file:
        data = file.read()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == of["digest"] and len(data) == of["size"], of
    return data
with open(work + "/oci/index.json") as file:
    manifest = json.loads(blob(json.load(file)["manifests"][0]))
config = json.loads(blob(manifest["config"]))
layers = [blob(layer) for layer in manifest["layers"]]
assert ["sha256:" + hashlib.sha256(gzip.decompress(layer)).hexdigest() for layer in layers] == config["rootfs"]["diff_ids"]
for number, layer in enumerate(layers):
    with open(work + "/layer-%03d.tar.gz" % number, "wb") as file:
        file.write(layer)
with open(work + "/start", "w") as file:
    run = config["config"]
    # OCI has no word for it, and buildah leaves it out there.
    health = run.get("Healthcheck", {"Test": ["CMD"] + run["Entrypoint"] + ["health"]})["Test"]
    assert health[0] == "CMD"
    file.write("user=%s\nenvironment=(%s)\nprogram=(%s)\nhealth=(%s)\n" % (
        run["User"], " ".join(run["Env"]), " ".join(run["Entrypoint"] + run["Cmd"]), " ".join(health[1:])))
PY
. "$work/start"
echo "ok: the image's layout"
passed=$((passed + 1))
size=$(cat "$work"/layer-*.tar.gz | wc -c)
check "compressed below 100 MB" test "$size" -lt 100000000
for layer in "$work"/layer-*.tar.gz; do tar -C "$work/unpacked" -xf "$layer"; done
check "its data folder is the engine's" test "$(stat -c %u:%g:%a "$work/unpacked/var/lib/kav")" = "$user:750"
check "no shell, nothing set-uid" bash -c "! find '$work/unpacked' \( -perm /6000 -o -path '*/bin/*' ! -name kav-engine \) | grep ."
check "not root" bash -c "[ '${user%%:*}' -ge 1000 ]"
modules() { (cd "$work/unpacked/usr/lib/kav" && printf '%s\n' *.so); }
check "the modules that this test loads, and no other" bash -c "diff <(printf '%s\n' libkav-evidence.so libkav-google-grpc.so) - <<<'$(modules)'"
check "with the licences of what is in it" bash -c "[ \$(find '$work/unpacked/usr/share/doc' -name copyright | wc -l) -gt 30 ]"

mount --bind "$work/unpacked" "$root" && mount -o remount,bind,ro "$root" && mount -t proc proc "$root/proc" \
    && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount -t tmpfs -o uid=65532,gid=65532,mode=750 tmpfs "$root/var/lib/kav" \
    || die "mount the image's root: this machine does not allow it"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
become() { exec env -i "${environment[@]}" PORT="$port" "${with[@]}" "$(command -v chroot)" --userspec="$user" "$root" "$@"; }
inside() (become "$@")
with=()
within_seconds() { local left=$(($1 * 10)); shift; until "$@"; do left=$((left - 1)); [ $left -gt 0 ] || return 1; sleep 0.1; done; }
status_of() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.1:$port/$1"; }
is_ready() { [ "$(status_of readyz)" = 200 ]; }
check "its root cannot be written" bash -c "! touch '$root/etc/x' 2>/dev/null"
is_unwell() { ! inside "${health[@]}"; }
check "it is not well while nothing runs" is_unwell
become "${program[@]}" >"$work/log" 2>&1 &
server=$!
check "its health check" within_seconds 20 inside "${health[@]}"
check "/readyz, with its database" within_seconds 20 is_ready
check "a conversation" inside /usr/bin/kav-engine call --say hello --to "http://127.0.0.1:$port/webhook/incoming_call"
check "doctor: calls can be answered" inside /usr/bin/kav-engine doctor
module_is_found() {
    local said
    said=$(with=(KAV_STT=google,embedded GOOGLE_API_KEY=x KAV_PROVIDERS_DEADLINE=2s); inside /usr/bin/kav-engine doctor)
    ! grep -qE 'not installed|cannot be loaded' <<<"$said" && grep -q google <<<"$said"
}
check "Google's module is found and loads" module_is_found
is_logged() { inside /usr/bin/kav-engine calls --limit 1 --json | grep -q '"reason":"[a-z]'; }
shows_the_call() {
    local call said
    call=$(inside /usr/bin/kav-engine calls --limit 1 --json | sed -n 's/.*"call":"\([^"]*\)".*/\1/p')
    said=$(inside /usr/bin/kav-engine evidence "$call" --out /tmp/evidence.zip 2>&1) || { echo "$said"; return 1; }
    echo "$said"
    ! grep -qiE 'without waveform|fontconfig' <<<"$said" && python3 - "$root/tmp/evidence.zip" <<'PY'
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as pack:
    files = {name.split("/", 1)[1]: pack.read(name) for name in pack.namelist()}
for line in files["SHA256SUMS"].decode().splitlines():
    digest, name = line.split("  ")
    assert hashlib.sha256(files[name]).hexdigest() == digest, name
assert files["waveform.png"].startswith(b"\x89PNG")
PY
}
check "its log" within_seconds 10 is_logged
check "an evidence pack of the conversation, zip and picture" shows_the_call
kill "$server"
wait "$server"
check "SIGTERM is an orderly end" test $? -eq 0
server=
check "it said nothing of a failure" bash -c "! grep -E ' [EC] kav|WARMUP_[A-Z]*_ERR' '$work/log'"

environment+=(PORT="$port")
check "it answers within a second of its start" python3 - "$root" "$port" "$user" "${environment[*]}" "${program[*]}" <<'PY'
import http.client, signal, statistics, subprocess, sys, time, shutil
root, port, user, environment, program = sys.argv[1:]
times = []
for _ in range(9):
    begin = time.perf_counter()
    engine = subprocess.Popen([shutil.which("chroot"), "--userspec=" + user, root] + program.split(),
                              env=dict(each.split("=", 1) for each in environment.split()),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
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
    file.write("exec to the first /healthz, chroot and change of user included: median of 9 %.0f ms (%.0f to %.0f)\n"
               % (statistics.median(times), min(times), max(times)))
sys.exit(statistics.median(times) > 1000)
PY
cat "$root/tmp/healthz"
echo "layer: $((size / 1000)) kB compressed, $(du -sxk "$work/unpacked" | cut -f1) KiB unpacked"
finish
