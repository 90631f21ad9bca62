"""What an operator sees of a playbook: its phases, then one summary.

Everything here takes plain values and returns lines; nothing here knows Ansible.
`plugins/callback/summary.py` is the adapter that hands Ansible's events over.
"""
