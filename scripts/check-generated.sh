#!/usr/bin/env bash
# Fails if generating anew changes a file: the committed output is stale then.
# It compares with the tree as it is, so it can be run before a commit too.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
  git diff --no-ext-diff
  git ls-files -o --exclude-standard -z | xargs -0r sha256sum
}

before=$(state)
go generate ./...
if [ "$before" != "$(state)" ]; then
  printf 'check-generated: generated files are stale, commit what make generate changes:\n' >&2
  git status --short >&2
  git --no-pager diff --stat >&2
  exit 1
fi
