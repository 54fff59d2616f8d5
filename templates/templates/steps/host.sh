#!/bin/bash
# Kernel modules and settings that Kubernetes networking needs; the files were written by the bundle.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

modprobe overlay
modprobe br_netfilter
sysctl --quiet --load /etc/sysctl.d/90-meridian.conf
swapoff --all
