#!/usr/bin/env bash
# Formatting, go vet, staticcheck, and two rules of this repository.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0

complain() {
  printf 'lint: %s\n%s\n' "$1" "$2" >&2
  status=1
}

# templ formats what it generates in its own way.
files=$(git ls-files -co --exclude-standard -- '*.go' ':!*_templ.go')
unformatted=$(printf '%s\n' "$files" | xargs gofmt -l)
[ -z "$unformatted" ] || complain 'not formatted, run gofmt -w on:' "$unformatted"

# A lock file with addresses would tie everybody to one package host.
resolved=$(git grep -lE '"resolved": *"https?:' -- '*package-lock.json')
[ -z "$resolved" ] || complain 'a package address in (set omit-lockfile-registry-resolved=true in .npmrc, remove the lock file and run npm install):' "$resolved"

crowded=$(printf '%s\n' "$files" | grep -v '_test\.go$' | xargs wc -l | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines" }')
[ -z "$crowded" ] || complain 'too long for one file (300 lines is the aim, 400 the limit):' "$crowded"

go vet ./... || status=1
go tool -modfile=internal/tools/go.mod staticcheck ./... || status=1
exit $status
