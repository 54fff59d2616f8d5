#!/bin/bash
# What the cluster needs once. Every slot may do it, and two at a time; the marker is written last.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

config=/etc/kubernetes/meridian/kubeadm.yaml
server={{ server | sh }}

cluster() {
  kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$server" --namespace kube-system "$@"
}

marker=$(cluster get configmap meridian-bootstrap --ignore-not-found --output name)
if [ -z "$marker" ]; then
  kubeadm init phase upload-config all --config "$config"
  kubeadm init phase bootstrap-token --skip-token-print --config "$config"
  kubeadm init phase addon all --config "$config"
  cluster create configmap meridian-bootstrap || cluster get configmap meridian-bootstrap --output name
fi

systemctl daemon-reload
systemctl enable --quiet --now meridian-join-token.timer
