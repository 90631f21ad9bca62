"""All that one host does: how an instance is switched, restarted, verified and removed there, and what that needs.

Ansible decides where and when, this package how. `mooring.host.calls` is the list of what can be asked for, by playbooks as by
operators (`mooringctl`). This file imports nothing: parts of the package run where nothing is installed (`mooring.host.bare`).
"""
