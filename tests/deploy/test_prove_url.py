"""Where a proof sends its load: the address at which the controller reaches the host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.places import REPOSITORY
from support.site import play

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  vars_files: [{wiring}]
  tasks:
    - ansible.builtin.import_role: {{name: mooring.mooring.site, tasks_from: known}}
      vars: {{__site_checked: {{}}}}
    - ansible.builtin.copy:
        content: "{{{{ {{'url': prove_url, 'allow': prove_allow}} | to_json }}}}"
        dest: {said}
      delegate_to: localhost
"""


@pytest.mark.parametrize(
    ("host", "variables", "url", "allow"),
    [
        ("api1", {}, "http://api1:9001", "api1"),
        ("api1", {"ansible_host": "203.0.113.7"}, "http://203.0.113.7:9001", "203.0.113.7"),
        ("api1", {"ansible_host": "2001:db8::7", "bind": "::"}, "http://[2001:db8::7]:9001", "2001:db8::7"),
        ("api1", {"ansible_host": "10.0.0.7", "bind": "10.1.0.7"}, "http://10.1.0.7:9001", "10.0.0.7"),
        ("local", {"ansible_connection": "local", "bind": "::"}, "http://[::1]:9001", "local"),
    ],
)
def test_the_load_goes_to_the_host_itself(
    host: str, variables: dict[str, str], url: str, allow: str, tmp_path: Path
) -> None:
    playbook, said = tmp_path / "where.yml", tmp_path / "said.json"
    playbook.write_text(PLAYBOOK.format(wiring=REPOSITORY / "roles/site/vars/main/wiring.yml", said=said))
    play(playbook, "-i", f"{host},", "-e", json.dumps(variables))
    assert json.loads(said.read_text()) == {"url": url, "allow": [allow]}
