#!/bin/sh
# The last step of an image, run by mmdebstrap: customize.sh ROOT
# What makes a fresh root file system a test host: the user that Ansible logs in as, and nothing that two hosts must not share.
set -eu
root=$1

# Unprivileged, by key alone (the key arrives when a host is made), sudo without a password.
chroot "$root" useradd --create-home --shell /bin/bash deploy
chroot "$root" install -d -o deploy -g deploy -m 0700 /home/deploy/.ssh
printf 'deploy ALL=(ALL) NOPASSWD: ALL\n' > "$root/etc/sudoers.d/deploy"
chmod 0440 "$root/etc/sudoers.d/deploy"

# Each host has host keys and a machine id of its own.
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"

# A package upgrade in the middle of a test would be a fault that nobody injected.
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer

# mmdebstrap leaves there what the building machine's apt needed: proxies, certificates.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
