#!/bin/bash
# Fetches the cluster's certificate authorities; only a control-plane machine may read them.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

stage=/run/meridian/pki
rm --recursive --force "$stage"
install --directory --mode=0700 /run/meridian "$stage"
install --directory --mode=0755 /etc/kubernetes/pki /etc/kubernetes/pki/etcd

# fetch KEY NAME MODE
fetch() {
  local key=$1 mode=$3 next="$stage/next" path="/etc/kubernetes/pki/$2"
  /usr/local/sbin/meridian-store get "$key" "$next"
  [ -s "$next" ] || die "$key is empty"
  cmp --silent "$next" "$path" || install --mode="$mode" "$next" "$path"
  chmod "$mode" "$path"
  rm "$next"
}
{% for object in objects %}
fetch {{ object.key | sh }} {{ object.name | sh }} {{ object.mode | sh }}
{%- endfor %}
