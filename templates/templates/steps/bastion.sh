#!/bin/bash
# Lets the SSH daemon take up its stricter settings.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

config=/etc/ssh/sshd_config.d/10-meridian.conf
if ! unchanged sshd "$config"; then
  sshd -t || die "the SSH daemon refuses its configuration"
  systemctl try-reload-or-restart ssh.service
  remember sshd "$config"
fi
