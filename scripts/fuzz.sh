#!/usr/bin/env bash
# Runs every fuzz target for a while each: scripts/fuzz.sh [time], default 10s.
# Minimizing is cut short: of an input to a server it would take all the time.
set -euo pipefail
cd "$(dirname "$0")/.."

git grep -hoE --untracked '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' >/dev/null || exit 0
git grep -lE --untracked '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | while read -r dir; do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
    printf '== %s %s\n' "./$dir" "$target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" -fuzzminimizetime 10x "./$dir"
  done
done
