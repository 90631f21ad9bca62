"""What a load balancer is told of the API hosts, which are in another group than it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import REPOSITORY, play

PLAYBOOK = """\
- hosts: loadbalancer
  gather_facts: false
  connection: local
  vars_files: [{wiring}]
  tasks:
    - ansible.builtin.import_role: {{name: site}}
      tags: never
    - ansible.builtin.import_role: {{name: loadbalancer}}
      tags: never
    - ansible.builtin.template: {{src: {template}, dest: {said}}}
"""

INVENTORY = """\
api: {hosts: {api1: {ansible_host: 10.0.0.1}, api2: {ansible_host: "fd00::2"}}}
loadbalancer: {hosts: {lb1: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}}}
"""


def lines(folder: Path, group: str, **values: object) -> list[str]:
    """Render the configuration with these values in a group of the inventory."""
    (folder / "group_vars").mkdir()
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / f"group_vars/{group}.yml").write_text(yaml.safe_dump(values))
    playbook, said = folder / "play.yml", folder / "haproxy.cfg"
    wiring, template = (
        REPOSITORY / "playbooks/vars/wiring.yml",
        REPOSITORY / "templates/haproxy/haproxy.cfg.j2",
    )
    playbook.write_text(PLAYBOOK.format(wiring=wiring, said=said, template=template))
    play(playbook, "-i", folder / "hosts.yml")
    return [line.strip() for line in said.read_text().splitlines()]


@pytest.mark.parametrize("group", ["api", "all"])
def test_it_is_told_what_the_inventory_says_of_the_api(group: str, tmp_path: Path) -> None:
    said = lines(
        tmp_path,
        group,
        api_name="mysite",
        api_port=9100,
        url_prefix="/billing",
        smoke_path="/health",
        smoke_status=204,
        smoke_host="www.example.org",
    )
    assert "backend mysite" in said
    assert "http-check send meth GET uri /billing/health ver HTTP/1.1 hdr Host www.example.org" in said
    assert "http-check expect status 204" in said
    assert "server api1 10.0.0.1:9100" in said
    assert "server api2 fd00::2:9100" in said  # what follows the last colon is the port
    assert not [line for line in said if "ssl" in line]


def test_workers_that_speak_tls_are_asked_by_tls(tmp_path: Path) -> None:
    said = lines(tmp_path, "api", worker_settings={"MOORING_TLS_CERT": "/etc/ssl/api.pem"}, port=9200)
    (defaults,) = [line for line in said if line.startswith("default-server check ")]
    assert defaults.endswith(" ssl verify none")
    assert "server api1 10.0.0.1:9200" in said
