#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image of the Containerfile with buildah, without a registry: its base is a Debian 12 made by mmdebstrap. Writes an
# OCI archive that podman, skopeo and containerd load.
#   packaging/container/buildah-image.sh IMAGE.tar
# Needs root and Debian's mirrors, and 10 GB under TMPDIR (default: /var/tmp). Takes as long as building the engine.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
[ $# -eq 1 ] || { echo "usage: buildah-image.sh IMAGE.tar" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "buildah-image.sh: the steps run in a chroot, which takes root" >&2; exit 1; }
image=$(realpath -m "$1")
"$here/../install-deps.sh" container
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kav-buildah.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
# Storage of its own, in plain folders: neither overlayfs nor the machine's images are touched.
run() { buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }

mmdebstrap --quiet --variant=minbase bookworm "$work/debian.tar"
base=$(run from scratch)
run add --quiet "$base" "$work/debian.tar" / >/dev/null
run commit --quiet --rm "$base" localhost/debian:bookworm >/dev/null
rm "$work/debian.tar"
run bud --isolation chroot --pull-never -f "$here/Containerfile" -t localhost/kav-engine "$here/../.."
rm -f "$image"
run push --quiet localhost/kav-engine "oci-archive:$image:kav-engine"
echo "$image"
