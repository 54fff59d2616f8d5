#!/bin/bash
# Joins the cluster with the token that its control plane published last.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

if [ ! -s /etc/kubernetes/kubelet.conf ]; then
  stage=/run/meridian/join
  install --directory --mode=0700 /run/meridian "$stage"
  /usr/local/sbin/meridian-store get {{ key | sh }} "$stage/token"
  # The token goes through files, because everyone on the machine can read arguments.
  python3 - /etc/kubernetes/meridian/join.json "$stage/token" "$stage/join.json" <<'PYTHON'
import json, os, re, sys

template, token_file, output = sys.argv[1:]
with open(template) as file:
    config = json.load(file)
with open(token_file) as file:
    token = file.read().strip()
if not re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token):
    sys.exit("meridian: what was published is no join token")
config["discovery"]["bootstrapToken"]["token"] = token
with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump(config, file)
PYTHON
  kubeadm join phase kubelet-start --config "$stage/join.json"
  wait_for 300 "this machine's certificate" test -s /etc/kubernetes/kubelet.conf
  rm --recursive --force "$stage"
fi
rm --force /etc/kubernetes/bootstrap-kubelet.conf
systemctl enable --quiet --now kubelet.service
