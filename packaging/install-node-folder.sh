#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the npm packages that a node program of the tests stands on (those that the package-lock.json beside it
# names) into a folder of the build; does nothing when they are there. Without node or a registry the tests that need
# them are skipped, and under CI (CI=true in the environment) this fails.
#   packaging/install-node-folder.sh <the program's folder> <folder of the build>
set -uo pipefail
source=${1:?install-node-folder.sh: say which folder of the tests}
folder=${2:?install-node-folder.sh: say which folder of the build}
source=$(cd "$source" && pwd) || exit 1

give_up() {
    echo "install-node-folder.sh: $1" >&2
    [ "${CI:-}" != true ]
    exit
}
mkdir -p "$folder" && cd "$folder" || give_up "the folder $folder cannot be made"
cmp -s "$source/package-lock.json" installed.json && [ -d node_modules ] && exit 0
command -v node >/dev/null && command -v npm >/dev/null || give_up "node and npm are not installed"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" . || give_up "no files to copy"
npm ci --ignore-scripts --no-progress --loglevel=error || give_up "npm ci has failed"
cp package-lock.json installed.json
