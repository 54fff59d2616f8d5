# shellcheck shell=bash
# Shared by the steps of a bundle.
set -euo pipefail
umask 022

stamps=/var/lib/meridian/stamps

log() {
  printf 'meridian: %s\n' "$*"
}

die() {
  printf 'meridian: %s\n' "$*" >&2
  exit 1
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@"
}

# need COMMAND PACKAGE: installs the distribution's package if the image came without the command.
need() {
  if ! command -v "$1" >/dev/null; then
    apt_get update
    apt_get install "$2"
  fi
}

# wait_for SECONDS WHAT COMMAND...: repeats the command until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || die "still waiting for $what"
    sleep 2
  done
}

fingerprint() {
  sha256sum -- "$@" | sha256sum
}

# unchanged NAME FILE...: succeeds if the files are those that `remember NAME` saw last.
unchanged() {
  local name=$1
  shift
  [ -f "$stamps/$name" ] && [ "$(fingerprint "$@")" = "$(cat "$stamps/$name")" ]
}

remember() {
  local name=$1
  shift
  mkdir --parents "$stamps"
  fingerprint "$@" >"$stamps/$name"
}
