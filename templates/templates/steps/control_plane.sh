#!/bin/bash
# Brings up this slot's etcd member and control plane by kubeadm's own phases. The members are known beforehand, so a
# slot may come at any time and in any order; it waits here until enough others make a quorum.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

config=/etc/kubernetes/meridian/kubeadm.yaml
server={{ server | sh }}
inputs=("$config" /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/front-proxy-ca.crt /etc/kubernetes/pki/sa.pub)
manifests=(/etc/kubernetes/manifests/{etcd,kube-apiserver,kube-controller-manager,kube-scheduler}.yaml)

is_complete() {
  local file
  for file in "${manifests[@]}" /etc/kubernetes/{admin,kubelet}.conf /var/lib/kubelet/config.yaml; do
    [ -s "$file" ] || return 1
  done
}

install --directory --mode=0700 {{ etcd_data | sh }}
if ! is_complete || ! unchanged control-plane "${inputs[@]}"; then
  kubeadm init phase certs all --config "$config"
  kubeadm init phase kubeconfig all --config "$config"
  kubeadm init phase etcd local --config "$config"
  kubeadm init phase control-plane all --config "$config"
  kubeadm init phase kubelet-start --config "$config"
  remember control-plane "${inputs[@]}"
fi
systemctl enable --quiet --now kubelet.service

# The balancer in front may not lead a machine back to itself, so this slot asks its own API server.
wait_for 900 "the API server at $server" \
  kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$server" get --raw /readyz

rotated=/var/lib/kubelet/pki/kubelet-client-current.pem
if [ -e "$rotated" ] && ! grep --quiet --fixed-strings "$rotated" /etc/kubernetes/kubelet.conf; then
  kubeadm init phase kubelet-finalize all --config "$config"
fi
kubeadm init phase mark-control-plane --config "$config"
