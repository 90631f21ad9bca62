#!/bin/sh
# lose.sh HOST: cuts the power of a host, and waits until the balancer has marked it down.
set -eu
"$(dirname "$0")/../resources/hosts/hosts" lose "$1"
tries=0
until ssh -F "$MOLECULE_EPHEMERAL_DIRECTORY/ssh_config" lb1 "echo show stat -1 4 -1 | sudo socat stdio /run/haproxy/admin.sock" \
    | grep -q "^multicloud,$1,.*,DOWN,"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "$1 is not marked down after 60 looks" >&2; exit 1; }
    sleep 0.5
done
