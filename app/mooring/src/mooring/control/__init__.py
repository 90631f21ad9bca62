"""The command line that playbooks and operators use on the target: `mooringctl --help`.

It runs from supervisord's own virtualenv, talks to supervisord by XML-RPC over its unix socket, and to
bootstrap and workers over their status sockets. Each command is a module here, and a function that can be
called as well.
"""
