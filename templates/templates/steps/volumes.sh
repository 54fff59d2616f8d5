#!/bin/bash
# Formats empty data disks and mounts them. A disk that holds anything is never formatted.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

# find_device KIND NAME: prints the block device, or nothing while it is not attached.
find_device() {
  local kind=$1 name=$2 disk attached
  if [ "$kind" = path ]; then
    if [ -b "$name" ]; then readlink --canonicalize "$name"; fi
    return
  fi
{%- if lun %}
  if [ "$kind" = lun ]; then
    # azure-vm-utils makes the first link for every kind of controller; older images have the second, for SCSI alone.
    for disk in "/dev/disk/azure/data/by-lun/$name" "/dev/disk/azure/scsi1/lun$name"; do
      if [ -b "$disk" ]; then
        readlink --canonicalize "$disk"
        return
      fi
    done
    return
  fi
{%- endif %}
  for disk in "/dev/$name" "/dev/xvd${name#sd}"; do
    if [ -b "$disk" ]; then
      printf '%s\n' "$disk"
      return
    fi
  done
  for disk in /dev/nvme*n1; do
    [ -b "$disk" ] || continue
    # EBS writes the name under which a volume was attached into the vendor's bytes of the NVMe identify data.
    attached=$(nvme id-ctrl --raw-binary "$disk" | dd bs=1 skip=3072 count=32 status=none | tr --delete ' \0')
    if [ "${attached#/dev/}" = "$name" ]; then
      printf '%s\n' "$disk"
      return
    fi
  done
}

is_attached() {
  [ -n "$(find_device "$@")" ]
}

# format_if_empty DEVICE FILESYSTEM
format_if_empty() {
  local device=$1 filesystem=$2 found present status=0
  found=$(blkid -p -o export "$device") || status=$?
  case "$status" in
    0)
      present=$(sed --quiet 's/^TYPE=//p' <<<"$found")
      [ "$present" = "$filesystem" ] ||
        die "$device should hold $filesystem and holds ${present:-a partition table}: empty it by hand if nothing on it is needed"
      ;;
    2)
      # blkid knows no name for what it sees; only zeros are sure to be nobody's data.
      cmp --silent --bytes=1048576 "$device" /dev/zero ||
        die "$device holds data that is no known file system: empty it by hand if nothing on it is needed"
      log "formatting $device with $filesystem"
      "mkfs.$filesystem" -q "$device"
      ;;
    *)
      die "$device could not be examined (blkid: $status)"
      ;;
  esac
}

# mount_volume KIND NAME FILESYSTEM MOUNT_POINT
mount_volume() {
  local kind=$1 name=$2 filesystem=$3 mount_point=$4 device uuid entry next
  if [ "$filesystem" = xfs ]; then need mkfs.xfs xfsprogs; fi
  wait_for 300 "the disk $name" is_attached "$kind" "$name"
  device=$(find_device "$kind" "$name")
  format_if_empty "$device" "$filesystem"
  uuid=$(blkid -p -s UUID -o value "$device")
  entry="UUID=$uuid $mount_point $filesystem defaults,nofail,x-systemd.device-timeout=60s 0 2"
  if ! grep --quiet --line-regexp --fixed-strings -- "$entry" /etc/fstab; then
    next=$(mktemp /etc/fstab.XXXXXX)
    awk -v mount_point="$mount_point" '$2 != mount_point' /etc/fstab >"$next"
    printf '%s\n' "$entry" >>"$next"
    chmod 0644 "$next"
    mv --force "$next" /etc/fstab
    systemctl daemon-reload
  fi
  mkdir --parents "$mount_point"
  mountpoint --quiet "$mount_point" || mount "$mount_point"
  [ "$(findmnt --noheadings --output SOURCE --mountpoint "$mount_point")" = "$device" ] ||
    die "another disk than $name is mounted at $mount_point"
  # The disk may have been enlarged since it was formatted.
  case "$filesystem" in
    ext4) resize2fs "$device" >/dev/null 2>&1 || log "$device could not be grown to its full size" ;;
    xfs) xfs_growfs "$mount_point" >/dev/null || log "$device could not be grown to its full size" ;;
  esac
}
{% if attached %}
if compgen -G '/dev/nvme*n1' >/dev/null; then need nvme nvme-cli; fi
{%- endif %}
{%- for volume in volumes %}
mount_volume {{ volume.kind | sh }} {{ volume.name | sh }} {{ volume.filesystem | sh }} {{ volume.mount_point | sh }}
{%- endfor %}
