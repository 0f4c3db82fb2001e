#!/usr/bin/env bash
# ready.sh [rehearse|test|lint|all] makes this machine ready for one of the
# make targets: npm packages, database servers, cfn-lint. It names each step
# with its time, changes nothing system-wide, and is quick when there is
# nothing to do.
#
# Database servers that are missing are unpacked, not installed: the packages
# of this Debian or Ubuntu go into one folder that may be deleted at any time,
# no service starts, nothing that is installed is touched.
set -euo pipefail
need="${1:-all}"
echo "dbferry: getting ready to ${need/#all/rehearse, test and lint} (a first run takes a few minutes, later ones less than a second)"

cd "$(dirname "$0")/.."
mkdir -p .cache
log="$PWD/.cache/ready.log"
: >"$log"

# Root's servers run as an unprivileged user, who cannot look into root's home.
if [ "$(id -u)" = 0 ]; then
  debs=/var/cache/dbferry/debs
else
  debs="${XDG_CACHE_HOME:-$HOME/.cache}/dbferry/debs"
fi

now() { echo "${EPOCHREALTIME:-$(date +%s).0}" | tr ',' '.'; }

fail() {
  echo
  echo "dbferry: $1" >&2
  shift
  for line in "$@"; do echo "  $line" >&2; done
  exit 1
}

# step NAME COMMAND… runs the command with its output in the log.
step() {
  local name="$1" from rc=0
  shift
  from="$(now)"
  printf '  %s …' "$name"
  echo "== $name" >>"$log"
  set +e # a subshell tested by "||" would ignore its own set -e
  (set -e; "$@") >>"$log" 2>&1
  rc=$?
  set -e
  if [ $rc -ne 0 ]; then
    echo " failed"
    tail -n 15 "$log" | sed 's/^/    /' >&2
    fail "\"$name\" failed; the whole output is in $log"
  fi
  awk -v a="$from" -v b="$(now)" 'BEGIN { printf " %.1f s\n", b - a }'
}

# at_least HAVE WANT compares dotted versions of two numbers.
at_least() {
  awk -v h="$1" -v w="$2" 'BEGIN { split(h, a, "."); split(w, b, ".");
    exit !(a[1]+0 > b[1]+0 || (a[1]+0 == b[1]+0 && a[2]+0 >= b[2]+0)) }'
}

check_go() {
  command -v go >/dev/null || fail "Go is missing" "install Go 1.26 or newer: https://go.dev/dl/"
  local have
  have="$(go env GOVERSION)" # of the toolchain that go.mod selects
  at_least "${have#go}" 1.26 || fail "Go 1.26 or newer is needed, found ${have#go}" "https://go.dev/dl/"
}

check_node() {
  command -v node >/dev/null || fail "Node.js is missing" "install Node.js 20 or newer with npm: https://nodejs.org/"
  local have
  have="$(node -v)"
  at_least "${have#v}" 20.0 || fail "Node.js 20 or newer is needed, found $have" "https://nodejs.org/"
}

npm_packages() {
  cmp -s package-lock.json node_modules/.dbferry-lock && return
  command -v npm >/dev/null || fail "npm is missing" "it comes with Node.js: https://nodejs.org/"
  step "npm packages" npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.dbferry-lock
}

# have NAME… succeeds when one of the programs is where internal/sqlserver looks.
have() {
  local name dir
  for name in "$@"; do
    command -v "$name" >/dev/null && return
    for dir in /usr/sbin /usr/libexec /usr/local/sbin /usr/local/libexec /opt/homebrew/bin /usr/local/bin \
      /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
      /opt/homebrew/opt/m*/bin /usr/local/opt/m*/bin \
      "$debs"/*/usr/sbin "$debs"/*/usr/lib/postgresql/*/bin; do
      [ -x "$dir/$name" ] && return
    done
  done
  return 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

candidate() { apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" { print $2 }'; }

# package_of KIND prints this release's packages for one kind of server. Older
# releases carry the version in MariaDB's package names.
package_of() {
  local name
  case "$1" in
    mariadb)
      for name in "" -10.11 -10.6 -10.5; do
        if [ -n "$(candidate "mariadb-server-core$name")" ]; then
          echo "mariadb-server-core$name mariadb-client-core$name"
          return
        fi
      done ;;
    postgresql)
      apt-cache depends postgresql 2>/dev/null | awk '/Depends: postgresql-[0-9]/ { print $2; exit }' ;;
  esac
}

# wanted PACKAGE… lists the packages to unpack: those named and the libraries
# that are not installed, less what only tools around the server would use.
wanted() {
  local names
  names="$(apt-get -o Debug::NoLocking=1 -qq -y --no-install-recommends --print-uris install "$@" |
    awk '{ sub(/_.*/, "", $2); print $2 }')" || return 1
  for name in $names; do
    case " $* " in *" $name "*) echo "$name"; continue ;; esac
    case "$name" in
      libllvm* | libclang* | libz3* | lib*-perl | libperl*) ;;
      lib*) echo "$name" ;;
    esac
  done
  # A named package may be installed without being complete for us, or under
  # another architecture; then apt lists nothing and it is fetched by name.
  for name in "$@"; do
    echo "$names" | grep -qx "$name" || echo "$name"
  done
}

# unpack FOLDER PACKAGE… downloads and unpacks beside the final place, then
# moves, so that an interrupted run leaves nothing half made.
unpack() {
  local into="$debs/$1" temp rc=0
  shift
  mkdir -p "$debs" || return 1
  temp="$(mktemp -d "$debs/unpacking.XXXXXX")" || return 1
  unpack_in "$temp" "$@" && rm -rf "$into" && mv "$temp/root" "$into" || rc=1
  rm -rf "$temp"
  return $rc
}

# unpack_in FOLDER PACKAGE… checks each command itself: its callers test it,
# and there set -e has no effect.
unpack_in() {
  local temp="$1" deb names
  shift
  chmod 755 "$temp" && mkdir "$temp/root" "$temp/debs" || return 1
  names="$(wanted "$@")" || return 1
  # Word splitting is meant: one word a package.
  # shellcheck disable=SC2086
  (cd "$temp/debs" && apt-get -qq -o APT::Sandbox::User=root download $names) || return 1
  for deb in "$temp"/debs/*.deb; do dpkg -x "$deb" "$temp/root" || return 1; done
}

fetch() {
  local kind="$1" packages
  packages="$(package_of "$kind")"
  if [ -n "$packages" ] && unpack "$kind" $packages; then return; fi
  as_root apt-get -qq update # lists absent or older than the mirror
  packages="$(package_of "$kind")"
  [ -n "$packages" ] || { echo "no package for $kind in this release"; return 1; }
  # shellcheck disable=SC2086
  unpack "$kind" $packages
}

# server KIND TITLE BREW PROGRAM… brings one database server when it is missing.
server() {
  local kind="$1" title="$2" brew="$3"
  shift 3
  have "$@" && return
  if [ "$(uname)" = Darwin ]; then
    fail "$title is missing" "install it with: brew install $brew"
  fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    fail "$title is missing" "install it with this system's package manager (the server alone is enough; it need not run)"
  fi
  step "$title (packages of this release, unpacked into $debs)" fetch "$kind"
  have "$@" || fail "$title was unpacked into $debs, but none of these is there: $*"
}

mariadb() { server mariadb "MariaDB server" mariadb mariadbd mysqld; }
postgres() { server postgresql "PostgreSQL server" postgresql@17 postgres; }

# pip_python prints how to run pip, or nothing. Debian splits pip from Python;
# the wheel in python3-pip-whl is enough.
pip_python() {
  local wheel
  if python3 -m pip --version >/dev/null 2>&1; then echo "python3 -m pip"; return; fi
  for wheel in /usr/share/python-wheels/pip-*.whl "$debs"/pip/usr/share/python-wheels/pip-*.whl; do
    if [ -f "$wheel" ]; then echo "python3 $wheel/pip"; return; fi
  done
}

install_cfn_lint() {
  local into="$PWD/.cache/cfn-lint" pip
  pip="$(pip_python)"
  if [ -z "$pip" ] && command -v apt-get >/dev/null; then
    unpack pip python3-pip-whl || { as_root apt-get -qq update && unpack pip python3-pip-whl; }
    pip="$(pip_python)"
  fi
  [ -n "$pip" ] || { echo "pip for python3 is missing"; return 1; }
  rm -rf "$into"
  $pip install --quiet --no-cache-dir --disable-pip-version-check --target "$into/lib" -r scripts/cfn-lint.txt
  mkdir -p "$into/bin"
  cat >"$into/bin/cfn-lint" <<'RUN'
#!/usr/bin/env bash
lib="$(cd "$(dirname "$0")/../lib" && pwd)"
PYTHONPATH="$lib" exec python3 "$lib/bin/cfn-lint" "$@"
RUN
  chmod +x "$into/bin/cfn-lint"
  "$into/bin/cfn-lint" --version
  cp scripts/cfn-lint.txt "$into/installed.txt"
}

cfn_lint() {
  cmp -s scripts/cfn-lint.txt .cache/cfn-lint/installed.txt && return
  if ! command -v python3 >/dev/null; then
    if ! command -v apt-get >/dev/null; then
      fail "python3 is missing; cfn-lint needs it" "https://www.python.org/ or this system's package manager"
    fi
    step "python3" install_python
  fi
  step "cfn-lint" install_cfn_lint
}

install_python() {
  as_root apt-get -qq -y --no-install-recommends install python3 ||
    { as_root apt-get -qq update && as_root apt-get -qq -y --no-install-recommends install python3; }
}

check_go
check_node
npm_packages
case "$need" in
  rehearse) mariadb ;;
  test | all) mariadb; postgres; cfn_lint ;;
  lint) cfn_lint ;;
  *) fail "unknown argument \"$need\"" "usage: scripts/ready.sh [rehearse|test|lint|all]" ;;
esac
echo "dbferry: ready"
