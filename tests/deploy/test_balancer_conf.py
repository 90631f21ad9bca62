"""What a load balancer is told of the API hosts, which are in another group than it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from support.balancer import rendered
from support.certificates import Authority

INVENTORY = """\
api: {hosts: {api1: {ansible_host: 10.0.0.1}, api2: {ansible_host: "fd00::2"}}}
loadbalancer: {hosts: {lb1: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}}}
"""


def lines(folder: Path, group: str, **values: object) -> list[str]:
    """Render the configuration with these values in a group of the inventory."""
    (folder / "group_vars").mkdir()
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / f"group_vars/{group}.yml").write_text(yaml.safe_dump(values))
    return [line.strip() for line in rendered(folder).splitlines()]


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


TLS = {"worker_settings": {"MOORING_TLS_CERT": "/etc/ssl/api.pem"}, "port": 9200}


def test_workers_that_speak_tls_are_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca").path
    certificate = authority.read_text()
    authority.write_text(f"# Autorit\u00e9\n{certificate}-----BEGIN PRIVATE KEY-----\n")  # a key stays here
    name = "{{ 'api.example.org' if inventory_hostname == 'api2' else '' }}"
    said = lines(tmp_path, "api", **TLS, workers_ca=str(authority), workers_tls_name=name)
    (defaults,) = [line for line in said if line.startswith("default-server check ")]
    digest = hashlib.sha256(certificate.strip().encode()).hexdigest()[:12]
    assert defaults.endswith(
        f" ssl ssl-min-ver TLSv1.2 verify required ca-file /etc/haproxy/multicloud-{digest}.ca.pem"
    )
    assert "server api1 10.0.0.1:9200 verifyhost api1" in said
    assert "server api2 fd00::2:9200 verifyhost api.example.org" in said


def test_not_to_verify_them_is_a_setting(tmp_path: Path) -> None:
    said = lines(tmp_path, "api", **TLS, workers_tls_verify=False)
    (defaults,) = [line for line in said if line.startswith("default-server check ")]
    assert defaults.endswith(" ssl ssl-min-ver TLSv1.2 verify none")
    assert "server api1 10.0.0.1:9200" in said
