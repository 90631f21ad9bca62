"""Another local user against a deployment of root's: what the service user has alone, and what nobody gives away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.site import Site, greeter, recap

NOBODY = 65534
OTHER = 61234
"""The number of a user of another program; no entry in passwd(5) is needed to be it."""
SECRET = "correct-horse-battery"
REACH = """
import socket, sys
path = sys.argv[1]
if path.endswith(".sock"):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
else:
    with open(path, "rb") as file:
        file.read()
"""


def reaches(path: Path, uid: int, *gids: int) -> bool:
    """Try to read a file, or to connect to a socket, as that user."""
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", REACH, path],
        user=uid,
        group=gids[0],
        extra_groups=gids,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=60,
    )
    assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
    return done.returncode == 0


def closed_to_others(site: Site) -> list[Path]:
    """List what nobody but root and the service user may reach."""
    release = site.home / "releases" / site.live()["release"]
    return [
        release / "secrets.json",
        release / "manifest.json",
        site.root / "supervisor/run/supervisor.sock",
        *(site.home / "run").glob("*.sock"),
    ]


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """Deploy for nobody, as root did once. How a deployment is removed is tried by the others here."""
    with greeter(workers=1, app_secrets={"GREETER_SECRET": SECRET}) as site:
        site.first = site.deploy(service_user="nobody")
        yield site


def test_nobody_is_warned_of(shared: Site) -> None:
    notice = "run as nobody: every other program of that user there can read their secrets and stop them."
    assert notice in " ".join(shared.first.split())
    assert shared.ask() == (200, f"hello {SECRET}")


def test_the_group_of_nobody_reaches_nothing(shared: Site) -> None:
    """Other programs share nogroup: sshd and _apt on Debian, and each program that drops its privileges to it."""
    paths = closed_to_others(shared)
    assert len(paths) == 5
    assert [path for path in paths if reaches(path, OTHER, NOBODY)] == []
    assert [path.name for path in paths if not reaches(path, NOBODY, NOBODY)] == ["manifest.json"]


def test_a_deployment_of_nobody_goes_on_when_no_user_is_named(shared: Site) -> None:
    before = shared.pids()
    done = shared.run("deploy.yml")
    assert done.returncode == 0, done.stdout
    assert recap(done.stdout)["changed"] == 0
    assert "then deploy without service_user." in " ".join(done.stdout.split())
    assert shared.pids() == before


def test_an_instance_with_a_user_of_its_own_wants_a_mooring_root_of_its_own(shared: Site) -> None:
    """One supervisord runs all instances of a mooring_root; a user that was named and is not there is not created either."""
    before = Path("/etc/passwd").read_text()
    output = shared.refused(service_user="mooring-of-its-own", api_name="other", api_port=free_port())
    assert "give this instance a mooring_root of its own" in output
    assert Path("/etc/passwd").read_text() == before
