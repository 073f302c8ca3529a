#!/usr/bin/env bash
# Installs the npm packages of a directory, as locked. Silent when they are
# installed already.
#
#   scripts/npm.sh [DIRECTORY]   internal/e2e if none is named
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${1:-internal/e2e}
[ -f "$dir/package-lock.json" ] || exit 0
cd "$dir"

# A copy of the lock that was installed last.
stamp=node_modules/.idp-lock
if cmp -s package-lock.json "$stamp"; then
  exit 0
fi
printf 'deps: installing the npm packages of %s\n' "$dir" >&2
npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >&2
cp package-lock.json "$stamp"
