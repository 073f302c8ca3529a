#!/usr/bin/env bash
# Builds the program, its image and its bill of materials twice: here, and from a
# copy of the source elsewhere with another home, time zone, umask and language
# and with caches of its own. Fails unless each is the same byte for byte.
#
#   scripts/reproducible.sh [VERSION]
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-dev}
work=$(mktemp -d)
# What Go keeps of modules cannot be removed as it is.
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

# build DIRECTORY OUT
build() {
  make --no-print-directory -C "$1" VERSION="$version" IMAGE_ARCHS=amd64 BIN="$2" image sbom
}

copy=$work/a/copy/elsewhere
mkdir -p "$copy" "$work/home" "$work/one" "$work/two"
git ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf - | tar -xf - -C "$copy"

printf 'reproducible: building here\n'
build "$PWD" "$work/one" >/dev/null
printf 'reproducible: building elsewhere, from nothing\n'
modules=$(go env GOMODCACHE)
(
  umask 077
  export HOME="$work/home" TZ=Asia/Kathmandu LC_ALL=C GOPATH="$work/gopath" GOCACHE="$work/gocache" GOFLAGS=-modcacherw
  unset GOMODCACHE XDG_CACHE_HOME
  # The modules of this machine, checked against go.sum again; what is missing comes from where this machine gets it.
  GOPROXY="file://$modules/cache/download,$(go env GOPROXY)" build "$copy" "$work/two" >/dev/null
)

status=0
for file in "$work"/one/*; do
  name=$(basename "$file")
  if cmp -s "$file" "$work/two/$name"; then
    (cd "$work/one" && sha256sum "$name")
  else
    printf 'reproducible: %s differs\n' "$name" >&2
    status=1
  fi
done
exit $status
