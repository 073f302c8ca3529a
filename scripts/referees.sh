#!/usr/bin/env bash
# Has the relying parties of internal/referees judge the provider, and prints
# what each of them said. One whose parts cannot be had is "not run", which
# fails only if $REFEREES_REQUIRED names it (or is "all").
#
#   scripts/referees.sh [flags of go test]
set -uo pipefail
cd "$(dirname "$0")/.."

for part in --node --rp --referees; do
  scripts/deps.sh "$part" || true # what is still missing stands in the table
done
scripts/npm.sh internal/referees/node || true

REFEREES_REPORT=$(mktemp)
export REFEREES_REPORT
trap 'rm -f "$REFEREES_REPORT"' EXIT
go test -count=1 -timeout 20m "$@" ./internal/referees/...
status=$?

printf '\n'
{
  printf 'referee\tversion\taccounts tried\tresult\n'
  sort "$REFEREES_REPORT"
} | awk -F '\t' '{
  for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }
}
END {
  for (n = 1; n <= NR; n++) printf "%-*s  %-*s  %-*s  %s\n", width[1], cell[n, 1], width[2], cell[n, 2], width[3], cell[n, 3], cell[n, 4]
}'
exit $status
