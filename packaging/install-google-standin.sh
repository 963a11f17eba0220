#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the stand-in for Google Cloud Speech needs (gRPC for node, and Google's published definitions) into a
# folder of the build; does nothing when it is there. Without node or a registry the tests that need it are skipped, and
# under CI (CI=true in the environment) this fails.
#   packaging/install-google-standin.sh <folder>
set -uo pipefail
folder=${1:?install-google-standin.sh: say which folder}
source=$(cd "$(dirname "$0")/../tests/support/vendors/google" && pwd)

give_up() {
    echo "install-google-standin.sh: $1" >&2
    [ "${CI:-}" != true ]
    exit
}
mkdir -p "$folder" && cd "$folder" || give_up "the folder $folder cannot be made"
cmp -s "$source/package-lock.json" installed.json && [ -d node_modules ] && exit 0
command -v node >/dev/null && command -v npm >/dev/null || give_up "node and npm are not installed"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" . || give_up "no files to copy"
npm ci --ignore-scripts --no-progress --loglevel=error || give_up "npm ci has failed"
cp package-lock.json installed.json
