#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes an OCI image of kav-engine without a container engine: a Debian 12 by mmdebstrap, of it what collect-root.sh takes,
# and the layout as a tar file that podman, skopeo and containerd load. Needs root and Debian's mirrors.
#   packaging/container/build-image.sh PACKAGE.deb IMAGE.tar
set -euo pipefail
here=$(dirname "$(realpath "$0")")
[ $# -eq 2 ] && [ -f "$1" ] || { echo "usage: build-image.sh PACKAGE.deb IMAGE.tar" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "build-image.sh: the image is made in a chroot, which takes root" >&2; exit 1; }
package=$(realpath "$1")
image=$(realpath "$2")
"$here/../install-deps.sh" package
work=$(mktemp -d /tmp/kav-image.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"

mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --customize-hook='cp "'"$package"'" "$1/tmp/kav-engine.deb"' \
    --customize-hook='env DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install -y -qq --no-install-recommends /tmp/kav-engine.deb' \
    --customize-hook='cp "'"$here"'/collect-root.sh" "$1/tmp/"' \
    --customize-hook='chroot "$1" /tmp/collect-root.sh /image' \
    bookworm "$work/debian" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }

python3 - "$work/debian/image" "$work/oci" "$(dpkg-deb -f "$package" Version)" "$(dpkg-deb -f "$package" Architecture)" \
    "${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}" <<'PY'
import datetime, gzip, hashlib, json, os, subprocess, sys
root, out, version, architecture, epoch = sys.argv[1:]
blobs = out + "/blobs/sha256"
os.makedirs(blobs)
created = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(blobs + "/" + digest, "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}

# The same files make the same layer.
layer = subprocess.run(["tar", "-C", root, "--sort=name", "--numeric-owner", "--mtime=@" + epoch, "--format=gnu", "-c", "."],
                       check=True, stdout=subprocess.PIPE).stdout
config = blob(json.dumps({
    "created": created, "architecture": architecture, "os": "linux",
    "config": {
        "User": "65532:65532",
        "Env": ["KAV_DATA_DIR=/var/lib/kav", "DB_BOOTSTRAP=true", "LC_ALL=C.UTF-8"],
        "Entrypoint": ["/usr/bin/kav-engine"], "Cmd": ["serve"],
        "ExposedPorts": {"5000/tcp": {}}, "Volumes": {"/var/lib/kav": {}}, "StopSignal": "SIGTERM",
        # Docker's and podman's; OCI has no word for it, and lets it pass.
        "Healthcheck": {"Test": ["CMD", "/usr/bin/kav-engine", "health"], "Interval": 10000000000, "Timeout": 4000000000,
                        "StartPeriod": 5000000000},
        "Labels": {"org.opencontainers.image.title": "kav-engine", "org.opencontainers.image.version": version,
                   "org.opencontainers.image.licenses": "Apache-2.0"}},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    "history": [{"created": created, "created_by": "packaging/container/build-image.sh"}]}).encode())
packed = blob(gzip.compress(layer, 9, mtime=0))
manifest = blob(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **packed}]}).encode())
with open(out + "/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
               "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
                              "platform": {"architecture": architecture, "os": "linux"},
                              "annotations": {"org.opencontainers.image.ref.name": "kav-engine:" + version.replace("+", "-")}}]}, file)
with open(out + "/oci-layout", "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
print("%.1f MB unpacked, %.1f MB compressed" % (len(layer) / 1e6, packed["size"] / 1e6))
PY
tar -C "$work/oci" --sort=name --numeric-owner --owner=0 --group=0 -cf "$image" .
echo "$image"
