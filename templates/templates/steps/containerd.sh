#!/bin/bash
# Configures containerd for Kubernetes: cgroups by systemd, and the pause image that this kubeadm knows.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

config=/etc/containerd/config.toml
images=$(kubeadm config images list --kubernetes-version {{ kubernetes_version | sh }} --image-repository {{ image_repository | sh }})
pause=$(grep '/pause:' <<<"$images") || die "kubeadm names no pause image"

next=$(mktemp)
# containerd 2 still reads version 2 of its configuration, and containerd 1.7 reads no later one.
cat >"$next" <<TOML
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
TOML
mkdir --parents /etc/containerd
cmp --silent "$next" "$config" || install --mode=0644 "$next" "$config"
rm "$next"

systemctl enable --quiet --now containerd.service
if ! unchanged containerd "$config"; then
  systemctl restart containerd.service
  remember containerd "$config"
fi
