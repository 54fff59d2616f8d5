#!/bin/bash
# Joins the cluster with the token and the certificate authorities' hashes that its control plane published last.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

if [ ! -s /etc/kubernetes/kubelet.conf ]; then
  stage=/run/meridian/join
  install --directory --mode=0700 /run/meridian "$stage"
  /usr/local/sbin/meridian-store get {{ key | sh }} "$stage/published"
  # The token goes through files, because everyone on the machine can read arguments.
  python3 - /etc/kubernetes/meridian/join.json "$stage/published" "$stage/join.json" <<'PYTHON'
import json, os, re, sys

template, published_file, output = sys.argv[1:]
with open(template) as file:
    config = json.load(file)
try:
    with open(published_file, encoding="utf-8") as file:
        published = json.load(file)
except ValueError:
    published = None
if not isinstance(published, dict):
    sys.exit("meridian: what was published is no JSON object")

def matches(rule, value):
    return isinstance(value, str) and re.fullmatch(rule, value) is not None

token, hashes = published.get("token"), published.get("caCertHashes")
if not matches(r"[a-z0-9]{6}\.[a-z0-9]{16}", token):
    sys.exit("meridian: what was published holds no join token")
# Without a hash, kubeadm would have to trust whoever answers.
if not isinstance(hashes, list) or not hashes or not all(matches(r"sha256:[0-9a-f]{64}", one) for one in hashes):
    sys.exit("meridian: what was published holds no hashes of certificate authorities")
config["discovery"]["bootstrapToken"].update(token=token, caCertHashes=hashes)
with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump(config, file)
PYTHON
  kubeadm join phase kubelet-start --config "$stage/join.json"
  wait_for 300 "this machine's certificate" test -s /etc/kubernetes/kubelet.conf
  rm --recursive --force "$stage"
fi
rm --force /etc/kubernetes/bootstrap-kubelet.conf
systemctl enable --quiet --now kubelet.service
