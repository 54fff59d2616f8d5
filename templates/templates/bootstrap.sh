#!/bin/bash
# Fetches what this machine runs, checks its digest and runs it. systemd repeats it until it succeeds.
set -euo pipefail

bundle_key={{ key | sh }}
bundle_sha256={{ sha256 | sh }}
directory=/var/lib/meridian
bundle="$directory/bundle.sh"

is_expected() {
  [ -f "$1" ] && printf '%s  %s\n' "$bundle_sha256" "$1" | sha256sum --check --status
}

install --directory --mode=0700 "$directory"
if ! is_expected "$bundle"; then
  /usr/local/sbin/meridian-store get "$bundle_key" "$bundle.new"
  if ! is_expected "$bundle.new"; then
    rm --force "$bundle.new"
    echo "meridian: $bundle_key is not the bundle with SHA-256 $bundle_sha256" >&2
    exit 1
  fi
  mv --force "$bundle.new" "$bundle"
fi
exec /bin/bash "$bundle"
