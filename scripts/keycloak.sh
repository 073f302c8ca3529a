#!/usr/bin/env bash
# Fetches Keycloak for internal/referees from Maven's repository, as Maven is
# configured here, and prepares it in .cache for a database in memory. Silent
# when it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

version=26.7.3
checksum=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f

dir=.cache/referees
home=$dir/keycloak-$version
[ -d "$home" ] && exit 0

printf 'deps: fetching Keycloak %s\n' "$version" >&2
mkdir -p "$dir"
work=$(mktemp -d "$dir/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
if ! log=$(mvn -q -B ${HOME:+-Dmaven.repo.local="$HOME/.m2/repository"} \
  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
  -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory="$PWD/$work" 2>&1); then
  printf 'deps: Maven has no Keycloak %s for us:\n%s\n' "$version" "$log" >&2
  exit 1
fi
zip=$work/keycloak-quarkus-dist-$version.zip
found=$(openssl dgst -sha256 -r "$zip")
if [ "${found%% *}" != "$checksum" ]; then
  printf 'deps: the archive of Keycloak %s has the SHA-256 %s, not %s: remove it from the local repository of Maven, and look where it came from\n' \
    "$version" "${found%% *}" "$checksum" >&2
  exit 1
fi
unzip -q "$zip" -d "$work"
# What takes most of a first start.
if ! log=$(JAVA_OPTS='-Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC' "$work/keycloak-$version/bin/kc.sh" build --db=dev-mem 2>&1); then
  printf 'deps: Keycloak %s cannot be built:\n%s\n' "$version" "$log" >&2
  exit 1
fi
# In one step, so that an interrupted script leaves nothing that looks complete,
# and alone, so that there is no doubt which one is meant.
rm -rf "$dir"/keycloak-*
mv "$work/keycloak-$version" "$home"
