#!/bin/bash
# Stands for every system command that a bundle calls: logs the call and acts on files below $MACHINE.
set -euo pipefail

name=$(basename "$0")
call="$name $*"
printf '%s\n' "$call" >>"$MACHINE/calls"

write() {
  mkdir --parents "$(dirname "$MACHINE$1")"
  printf '%s\n' "${2:-$1}" >"$MACHINE$1"
}

case "$call" in
  'kubeadm config images list'*) echo 'registry.k8s.io/pause:3.10.2' ;;
  'kubeadm init phase kubeconfig all'*)
    write /etc/kubernetes/admin.conf
    write /etc/kubernetes/kubelet.conf
    ;;
  'kubeadm init phase etcd local'*) write /etc/kubernetes/manifests/etcd.yaml ;;
  'kubeadm init phase control-plane all'*)
    for component in kube-apiserver kube-controller-manager kube-scheduler; do
      write "/etc/kubernetes/manifests/$component.yaml"
    done
    ;;
  'kubeadm init phase kubelet-start'*) write /var/lib/kubelet/config.yaml ;;
  'kubeadm join phase kubelet-start --config '*)
    cp "${!#}" "$MACHINE/joined.json"
    write /etc/kubernetes/kubelet.conf
    ;;
  'kubectl '*'create configmap meridian-bootstrap'*) write /cluster/marker ;;
  'kubectl '*'get configmap meridian-bootstrap'*) if [ -f "$MACHINE/cluster/marker" ]; then echo configmap/meridian-bootstrap; fi ;;
  'kubeadm token create '*) cat "$MACHINE/token" ;;
  'kubectl config view '*) echo '{"clusters": [{"cluster": {"server": "https://api"}}]}' ;;
  'meridian-store put '*) cp "$2" "$MACHINE/published" ;;
  'meridian-store get '*/join/token*) cp "$MACHINE/published" "$3" ;;
  'meridian-store get pki/ca.crt '*) cp "$MACHINE/ca.crt" "$3" ;;
  'meridian-store get '*) printf '%s\n' "$2" >"$3" ;;
  'apt-get '*' install '*)
    for argument in "$@"; do
      if [[ $argument == *=*-\* || $argument == *=*.\* ]]; then write "/packages/${argument%%=*}" "${argument#*=}"; fi
    done
    ;;
  'dpkg-query '*) printf 'installed %s' "$(sed 's/\*/1/' "$MACHINE/packages/${!#}" 2>/dev/null || exit 1)" ;;
  'apt-mark hold '*) write "/held/$2" ;;
  'apt-mark showhold '*) cat "$MACHINE/held/$2" 2>/dev/null || true ;;
  'curl '*'pkgs.k8s.io'*) echo DE15B14486CD377B9E876E1A234654DA9A296436 >"${*: -2:1}" ;;
  'curl '*'download.docker.com'*) echo 9DC858229FC7DD38854AE2D88D81803C0EBFCD88 >"${*: -2:1}" ;;
  'gpg '*) printf 'pub:\nfpr:::::::::%s:\n' "$(cat "${!#}")" ;;
esac
