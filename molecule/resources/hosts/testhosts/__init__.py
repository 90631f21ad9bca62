"""Test hosts: real systemd, ssh, addresses and names, from podman and the machine's own package mirror.

Words: a *host* is one podman container whose PID 1 is systemd; a *run* is the hosts of one folder and the
network between them; an *image* is `<distribution>` or `<distribution>/<flavour>` (`bookworm`,
`bookworm/haproxy`). Everything that belongs to a run carries its id in its name and the label
`command.LABEL`, so that a run can be removed by what is there, whatever was written down before it was killed.
"""
