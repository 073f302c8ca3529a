#!/usr/bin/env bash
# Installs what the build, the tests and `idp dev` need and this machine lacks,
# through the system's package manager; says what to install where it cannot.
#
#   scripts/deps.sh             Go (only checked) and the PostgreSQL server
#   scripts/deps.sh --browser   and Chromium with a font, for the browser tests
#   scripts/deps.sh --node      and Node.js with npm, and the npm test packages
#   scripts/deps.sh --rp        and Python with Authlib; on Debian, Apache with mod_auth_openidc
#   scripts/deps.sh --ha        and PgBouncer, for tests of what leads through one
#   scripts/deps.sh --referees  and Java with Maven, and Keycloak
#
# Quick and silent when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest_postgres=14 oldest_java=17

say() { printf 'deps: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# have_postgres looks where internal/localpg looks.
have_postgres() {
  local found
  found=$(command -v postgres || true)
  for found in "${found:+$(readlink -f "$found")}" \
    /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /usr/libexec/postgresql*/postgres \
    /opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres \
    /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin/postgres /usr/local/pgsql/bin/postgres; do
    [ -x "$found" ] && [ -x "$(dirname "$found")/initdb" ] || continue
    [ "$("$found" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')" -ge "$oldest_postgres" ] && return 0
  done
  return 1
}

have_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable headless_shell headless-shell \
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome' /Applications/Chromium.app/Contents/MacOS/Chromium; do
    have "$name" && return 0
  done
  return 1
}

# Without a font Chromium draws no text, and what has no width cannot be clicked.
have_font() {
  [ "$(uname)" = Darwin ] && return 0
  [ -n "$(find -L /usr/share/fonts /usr/local/share/fonts -name '*.[ot]tf' -print -quit 2>/dev/null)" ]
}

have_python() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
have_rp() { [ -x /usr/sbin/apache2 ] && [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]; }

# macOS has a java that only says where to get one.
have_java() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge "$oldest_java" ]
}
have_maven() { have mvn && have unzip && have openssl; }

have_pgbouncer() { have pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

have_node() { have node && have npm; }

# manager names the package manager, as_root what it is run through.
manager=none
for m in apt-get dnf apk brew; do
  if have "$m"; then
    manager=$m
    break
  fi
done

can_install() {
  case $manager in
    none) return 1 ;;
    brew) [ "$(id -u)" -ne 0 ] ;;
    *) [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; } ;;
  esac
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# packages prints what the package manager calls a thing.
packages() {
  case $manager:$1 in
    apt-get:python) echo python3 python3-venv ;;
    apt-get:postgres) echo postgresql ;;
    apt-get:browser) echo chromium ;;
    apt-get:font) echo fonts-dejavu-core ;;
    apt-get:node) echo nodejs npm ;;
    apt-get:java) echo default-jre-headless ;;
    apt-get:pgbouncer) echo pgbouncer ;;
    apt-get:maven) echo maven unzip openssl ;;
    apt-get:rp) echo apache2 libapache2-mod-auth-openidc ;;
    dnf:java) echo java-21-openjdk-headless ;;
    dnf:pgbouncer) echo pgbouncer ;;
    dnf:maven) echo maven unzip openssl ;;
    dnf:python) echo python3 ;;
    dnf:postgres) echo postgresql-server ;;
    dnf:browser) echo chromium-headless ;;
    dnf:font) echo dejavu-sans-fonts ;;
    dnf:node) echo nodejs npm ;;
    apk:java) echo openjdk21-jre-headless ;;
    apk:pgbouncer) echo pgbouncer ;;
    apk:maven) echo maven unzip openssl ;;
    apk:python) echo python3 ;;
    apk:postgres) echo postgresql ;;
    apk:browser) echo chromium ;;
    apk:font) echo font-dejavu ;;
    apk:node) echo nodejs npm ;;
    brew:python) echo python3 ;;
    brew:java) echo openjdk ;;
    brew:pgbouncer) echo pgbouncer ;;
    brew:maven) echo maven unzip openssl ;;
    brew:postgres) echo postgresql@17 ;;
    brew:browser) echo google-chrome ;;
    brew:node) echo node ;;
  esac
}

install_command() {
  case $manager in
    apt-get) echo "sudo apt-get install $*" ;;
    dnf) echo "sudo dnf install $*" ;;
    apk) echo "sudo apk add $*" ;;
    brew) echo "brew install $*" ;;
    *) echo "with your package manager: $*" ;;
  esac
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any "$@"
}

# Debian creates and starts a database server along with the package. The
# built-in database needs the programs only, so that is switched off for the
# length of the installation.
install_apt() {
  local conf=/etc/postgresql-common/createcluster.d/near-idp.conf policy=/usr/sbin/policy-rc.d undo=
  case " $* " in
    *" postgresql "*)
      as_root mkdir -p "$(dirname "$conf")"
      echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
      undo="as_root rm -f '$conf'"
      ;;
  esac
  # So it does with Apache, which would take port 80, and with PgBouncer.
  case " $* " in
    *" apache2 "* | *" pgbouncer "*)
      if ! [ -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        undo="${undo:+$undo; }as_root rm -f '$policy'"
      fi
      local service
      for service in apache2 pgbouncer; do
        case " $* " in
          *" $service "*) undo="${undo:+$undo; }as_root systemctl disable --quiet $service 2>/dev/null || true" ;;
        esac
      done
      ;;
  esac
  # shellcheck disable=SC2064 # expanded here: the variable is local
  if [ -n "$undo" ]; then trap "$undo" EXIT; fi
  # The package lists may be missing or out of date.
  apt_install --no-install-recommends install "$@" 2>/dev/null ||
    { apt_install update && apt_install --no-install-recommends install "$@"; }
}

install_packages() {
  say "installing $* ($manager)"
  local log
  log=$(mktemp)
  if {
    case $manager in
      apt-get) (install_apt "$@") ;;
      dnf) as_root dnf -q -y install "$@" ;;
      apk) as_root apk add -q "$@" ;;
      brew) brew install -q "$@" ;;
    esac
  } </dev/null >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

missing=()
want() {
  "have_$1" && return 0
  missing+=("$1")
}

describe() {
  case $1 in
    postgres) echo "the PostgreSQL server, version $oldest_postgres or later" ;;
    browser) echo "Chromium or Google Chrome" ;;
    font) echo "a TrueType font" ;;
    node) echo "Node.js with npm" ;;
    python) echo "Python 3 with venv" ;;
    rp) echo "Apache with mod_auth_openidc" ;;
    pgbouncer) echo "PgBouncer" ;;
    java) echo "Java $oldest_java or later" ;;
    maven) echo "Maven, unzip and openssl" ;;
  esac
}

with_node=false
with_python=false
with_keycloak=false
want postgres
for arg in "$@"; do
  case $arg in
    --browser)
      want browser
      want font
      ;;
    --node)
      want node
      with_node=true
      ;;
    --rp)
      want python
      with_python=true
      # The tests that need it are skipped on other systems.
      if [ "$manager" = apt-get ]; then want rp; fi
      ;;
    --ha) want pgbouncer ;;
    --referees)
      want java
      want maven
      with_keycloak=true
      ;;
    *)
      say "unknown option $arg: use --browser, --node, --rp, --ha, --referees"
      exit 2
      ;;
  esac
done

if ! have go; then
  say "Go is missing. Install $(sed -n 's/^go /Go /p' go.mod) or later: https://go.dev/doc/install"
  exit 1
fi

if [ "${#missing[@]}" -gt 0 ]; then
  names=()
  for m in "${missing[@]}"; do
    read -r -a n <<<"$(packages "$m")"
    names+=("${n[@]}")
  done
  if can_install; then
    install_packages "${names[@]}" || true
  fi
  failed=false
  for m in "${missing[@]}"; do
    if ! "have_$m"; then
      say "missing: $(describe "$m")"
      failed=true
    fi
  done
  if $failed; then
    if [ "${#names[@]}" -gt 0 ] && [ "$manager" != none ]; then
      say "install it with: $(install_command "${names[@]}")"
    else
      say "install it with your package manager, then run this again"
    fi
    exit 1
  fi
fi

if $with_node; then
  for dir in internal/e2e examples/authjs examples/backend-login; do
    scripts/npm.sh "$dir"
  done
fi

# The Python packages live beside the caches and are made again when their list changes.
venv=.cache/relying-parties list=internal/e2e/requirements.txt
if $with_python && ! cmp -s "$list" "$venv/requirements.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$list"
  cp "$list" "$venv/requirements.txt"
fi

if $with_keycloak; then
  scripts/keycloak.sh
fi
