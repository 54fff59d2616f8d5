#!/bin/bash
# Makes a join token that soon expires and publishes it for machines that start later.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

server={{ server | sh }}
stage=/run/meridian/join
install --directory --mode=0700 /run/meridian "$stage"

kubectl config view --raw --kubeconfig /etc/kubernetes/admin.conf --output json | python3 -c '
import json, sys
config = json.load(sys.stdin)
for cluster in config["clusters"]:
    cluster["cluster"]["server"] = sys.argv[1]
json.dump(config, sys.stdout)
' "$server" | install --mode=0600 /dev/stdin "$stage/kubeconfig"

kubeadm token create --kubeconfig "$stage/kubeconfig" --ttl {{ ttl | sh }} \
  --description 'published by Meridian for joining machines' | install --mode=0600 /dev/stdin "$stage/token"
[ -s "$stage/token" ] || die "kubeadm made no token"
/usr/local/sbin/meridian-store put "$stage/token" {{ key | sh }}
rm --recursive --force "$stage"
