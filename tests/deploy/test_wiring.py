"""What the wiring makes of an inventory for each role: one run of Ansible, a host for each inventory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.places import REPOSITORY
from support.site import play

ASKED = ("release_smoke_path", "release_url_prefix", "prove_get_path", "prove_post_path")
DJANGO = {
    "app_source": ["/src"],
    "wsgi_apps": {"django": "mysite.wsgi:application"},
    "web_framework": "django",
}
HOSTS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "shipped-below": {"url_prefix": "/cloud"},
    "own": DJANGO,
    "own-below": {**DJANGO, "url_prefix": "/billing", "smoke_path": "/health?x"},
}
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  connection: local
  vars_files: [{prove}, {wiring}]
  tasks:
    - ansible.builtin.import_role: {{name: mooring.mooring.site}}
      tags: never
    - ansible.builtin.copy:
        dest: "{folder}/{{{{ inventory_hostname }}}}.json"
        content: "{{{{ {{{asked}}} | to_json }}}}"
        mode: "0600"
"""


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The roles' variables of each host."""
    folder = tmp_path_factory.mktemp("wiring")
    python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (folder / "hosts.json").write_text(json.dumps({"api": {"hosts": HOSTS, "vars": python}}))
    playbook = folder / "play.yml"
    asked = ", ".join(f"'{name}': {name}" for name in ASKED)
    prove, wiring = (
        REPOSITORY / "roles/prove/defaults/main.yml",
        REPOSITORY / "roles/site/vars/main/wiring.yml",
    )
    playbook.write_text(PLAYBOOK.format(prove=prove, wiring=wiring, folder=folder, asked=asked))
    play(playbook, "-i", folder / "hosts.json")
    return {host: json.loads((folder / f"{host}.json").read_text()) for host in HOSTS}


@pytest.mark.parametrize(
    ("host", "prefix", "get", "post"),
    [
        ("shipped", "", "/api/multicloud/v0/vim_types", "/api/multicloud/v0/check_vim_capacity"),
        (
            "shipped-below",
            "/cloud",
            "/cloud/api/multicloud/v0/vim_types",
            "/cloud/api/multicloud/v0/check_vim_capacity",
        ),
        ("own", "", "/", ""),
        ("own-below", "/billing", "/billing/health?x", ""),
    ],
)
def test_all_who_ask_know_the_prefix(
    wired: dict[str, dict[str, Any]], host: str, prefix: str, get: str, post: str
) -> None:
    found = wired[host]
    assert found["release_url_prefix"] == prefix
    assert found["release_smoke_path"] == found["prove_get_path"] == get
    assert found["prove_post_path"] == post
