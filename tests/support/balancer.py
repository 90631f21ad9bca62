"""The configuration that the role `loadbalancer` renders."""

from __future__ import annotations

from pathlib import Path

from support.places import REPOSITORY
from support.site import play

PLAYBOOK = """\
- hosts: loadbalancer
  gather_facts: false
  connection: local
  vars_files: [{wiring}]
  tasks:
    - ansible.builtin.import_role: {{name: mooring.mooring.site}}
      tags: never
    - ansible.builtin.include_role: {{name: mooring.mooring.loadbalancer, tasks_from: certificates}}
      when: __loadbalancer_verifies and {checked}
    - ansible.builtin.import_role: {{name: mooring.mooring.loadbalancer}}
      tags: never
    - ansible.builtin.template: {{src: {template}, dest: {said}}}
"""


def rendered(folder: Path, *, checked: bool = False) -> str:
    """Render it for the inventory `hosts.yml` of the folder; `checked`: after the role's check of the API hosts' certificates."""
    playbook, said = folder / "play.yml", folder / "haproxy.cfg"
    wiring = REPOSITORY / "roles/site/vars/main/wiring.yml"
    template = REPOSITORY / "templates/haproxy/haproxy.cfg.j2"
    playbook.write_text(PLAYBOOK.format(wiring=wiring, checked=checked, template=template, said=said))
    play(playbook, "-i", folder / "hosts.yml")
    return said.read_text()
