#!/bin/bash
# What this machine runs, rendered by Meridian. Running it again converges and changes nothing.
set -euo pipefail
umask 022

# put_file MODE PATH: takes the content from standard input and leaves an equal file alone.
put_file() {
  local mode=$1 path=$2 next
  mkdir --parents "$(dirname "$path")"
  next=$(mktemp "$path.XXXXXX")
  cat >"$next"
  chmod "$mode" "$next"
  if [ -f "$path" ] && cmp --silent "$next" "$path" && [ "$(stat --format=%a "$next")" = "$(stat --format=%a "$path")" ]; then
    rm "$next"
  else
    mv --force "$next" "$path"
  fi
}
{% for file in files %}
put_file {{ file.mode | sh }} {{ file.path | sh }} {{ file.content | heredoc }}
{%- endfor %}
{%- for step in steps %}
/bin/bash {{ step | sh }}
{%- endfor %}
echo 'meridian: this machine is as it should be'
