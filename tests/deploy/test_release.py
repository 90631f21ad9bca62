"""What a release is made of, what its processes find, and what becomes of one that is damaged."""

from __future__ import annotations

import json
import os
import pwd
import signal
from pathlib import Path
from typing import Any

from tests.deploy.conftest import Site, recap

# What every process finds, beside MOORING_… and what the inventory names: nothing else of any shell.
OWN = {"HOME", "USER", "LOGNAME", "PATH", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
TELL = "import json, os, sys, greeter; json.dump(greeter.itself(), open(sys.argv[1], 'w'))"


def test_worker_companion_and_hook_find_a_defined_environment_and_write_data_alone(site: Site) -> None:
    data = site.home / "data"
    site.deploy(
        companions={"teller": "greeter"},
        hooks_before=[{"name": "tell", "command": ["python", "-c", TELL, str(data / "hook.json")]}],
        app_environment={"GREETING": "told", "TZ": "Europe/Paris"},
    )
    try:
        user = pwd.getpwuid(data.stat().st_uid)
        release = site.home / "releases" / site.live()["release"]
        companion = site.until(lambda: (data / "companion.json").exists() and data / "companion.json")
        worker = json.loads(site.ask("/itself")[1])
        hook = json.loads((data / "hook.json").read_text())
        for told in (worker, json.loads(companion.read_text()), hook):
            found = told["environ"]
            names = {name for name in found if not name.startswith(("MOORING_", "SUPERVISOR_"))}
            assert names == OWN | ({"GREETING", "TZ"} if "MOORING_APP" in found else set())
            assert [found[name] for name in ("HOME", "USER", "LOGNAME")] == [
                user.pw_dir,
                user.pw_name,
                user.pw_name,
            ]
            assert found["LANG"] == "C.UTF-8"
            assert found["MOORING_DATA_DIR"] == str(data)
            assert (told["umask"], told["uid"]) == (0o027, user.pw_uid)
            assert told["written"]["data"] == "written"
            assert told["written"]["beside the code"] == "Permission denied"
        for told in (worker, hook):
            assert told["environ"]["PATH"].startswith(f"{release}/venv/bin:/usr/local/sbin:")
            assert told["written"]["in its folder"] == "Permission denied"
        pid = int((site.root / "supervisor/run/supervisord.pid").read_text())
        own = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert {entry.partition(b"=")[0].decode() for entry in own if entry} == OWN - {
            "PYTHONUNBUFFERED",
            "PYTHONDONTWRITEBYTECODE",
        }
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        assert data.stat().st_mode & 0o777 == 0o750
    finally:
        site.deploy()
    assert (data / "written").read_text() == "x"  # after a switch, as before it


def venv_of(site: Site, release: str) -> Path:
    return (site.home / "releases" / release / "venv").resolve()


def edit(path: Path, text: str) -> None:
    """Change a file of a read-only tree, as a careless hand would."""
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text(text)


def test_a_damaged_release_is_noticed_rebuilt_beside_itself_and_switched_to(site: Site) -> None:
    live, pids = site.live(), site.pids()
    base = live["release"]
    (module,) = venv_of(site, base).glob("lib/python3*/site-packages/greeter.py")
    whole = module.read_text()
    edit(module, whole.replace('os.environ.get("GREETING", "hello")', '"tampered"'))
    edit(site.home / f"releases/{base}/{live['colour']}.conf", "[program:edited]\ncommand=/bin/false\n")
    words = f"Release {base} on localhost is damaged: "
    assert words in (said := site.refused("playbooks/verify.yml"))
    assert f"{live['colour']}.conf was changed" in said
    assert "site-packages/greeter.py was changed" in said
    assert words in site.refused("playbooks/restart.yml")
    assert (site.live(), site.pids()) == (live, pids)
    told = site.deploy()
    now = site.live()
    assert now["release"] == f"{base}-2" or int(now["release"].split("-")[1]) > 2
    assert f"It is built again, as {now['release']}" in " ".join(told.split())
    assert now["previous"] == live["previous"], "a damaged release is nothing to go back to"
    assert (venv_of(site, now["release"]) / module.relative_to(venv_of(site, base))).read_text() == whole
    assert site.ask() == (200, "hello")
    if (site.home / "releases" / base).exists():  # pruned, or else refused
        assert words in site.refused("playbooks/rollback.yml", release=base)
    assert recap(site.deploy())["changed"] == 0
    assert site.run("playbooks/verify.yml").returncode == 0
    assert site.live() == now


def test_a_deploy_heals_supervisord_s_virtualenv_and_what_a_killed_one_has_half_built(site: Site) -> None:
    pid = (site.root / "supervisor/run/supervisord.pid").read_text()
    knobs: dict[str, Any] = {"app_environment": {"GREETING": "half built"}}
    first = site.start("deploy.yml", **knobs)
    releases = site.home / "releases"
    site.until(lambda: [one for one in releases.iterdir() if not (one / "manifest.json").exists()])
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    # Its interpreter was upgraded away.
    tools = (site.root / "supervisor/venv/bin").resolve()
    tools.chmod(0o755)
    (tools / "python").unlink()
    (tools / "python").symlink_to("/usr/bin/python3.gone")
    (tools / "supervisorctl").unlink()
    try:
        told = " ".join(site.deploy(**knobs).split())
        assert f"The virtualenv {tools.parent} is damaged:" in told
        assert site.ask() == (200, "half built")
        assert (site.root / "supervisor/run/supervisord.pid").read_text() == pid, "the same supervisord"
        assert (site.root / "supervisor/venv").resolve() != tools.parent
        assert len(site.pids()) == 3
    finally:
        site.deploy()
