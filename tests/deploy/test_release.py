"""What a release is made of, what its processes find, and what becomes of one that is damaged."""

from __future__ import annotations

import json
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.site import Site

# What every process finds, beside MOORING_… and what the inventory names: nothing else of any shell.
OF_THE_USER = {"HOME", "USER", "LOGNAME", "PATH", "LANG"}
OWN = OF_THE_USER | {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
TELL = "import json, os, greeter; json.dump(greeter.itself(), open(os.environ['MOORING_DATA_DIR'] + '/hook.json', 'w'))"
KNOBS: dict[str, Any] = {
    "companions": {"teller": "greeter"},
    "hooks_before": [{"name": "tell", "command": ["python", "-c", TELL]}],
    "app_environment": {"GREETING": "told", "TZ": "Europe/Paris"},
    "umask": "027",
}


@pytest.fixture(scope="module")
def told(site: Site) -> Iterator[Site]:
    """Deploy what tells of itself."""
    site.deploy(**KNOBS)  # the umask is supervisord's own as well, which reloads
    assert site.pids().keys() >= {"greeter-bootstrap", "greeter-teller"}, "it ends when everything runs again"
    yield site
    site.deploy()
    # The companion of an ordinary user may write in its folder; a removal leaves what an application has put there.
    (site.home / "written").unlink(missing_ok=True)


def test_worker_companion_and_hook_find_a_defined_environment_and_write_data_alone(told: Site) -> None:
    data = told.home / "data"
    user = pwd.getpwuid(data.stat().st_uid)
    release = told.home / "releases" / told.live()["release"]
    companion = told.until(
        lambda: (data / "companion.json").exists() and (data / "companion.json").read_text()
    )
    worker = json.loads(told.ask("/itself")[1])
    hook = json.loads((data / "hook.json").read_text())
    for each in (worker, json.loads(companion), hook):
        found = each["environ"]
        names = {name for name in found if not name.startswith(("MOORING_", "SUPERVISOR_"))}
        assert names == OWN | ({"GREETING", "TZ"} if "MOORING_APP" in found else set())
        assert [found[name] for name in ("HOME", "USER", "LOGNAME")] == [
            user.pw_dir,
            user.pw_name,
            user.pw_name,
        ]
        assert found["LANG"] == "C.UTF-8"
        assert found["MOORING_DATA_DIR"] == str(data)
        assert (each["umask"], each["uid"]) == (0o027, user.pw_uid)
        assert (each["core"], each["no_new"]) == ([0, 0], "1")
        assert each["written"]["data"] == "written"
        assert each["written"]["beside the code"] == "Permission denied"
    for each in (worker, hook):
        assert each["environ"]["PATH"].startswith(f"{release}/venv/bin:/usr/local/sbin:")
        assert each["written"]["in its folder"] == "Permission denied"
    assert data.stat().st_mode & 0o777 == 0o750
    pid = int((told.root / "supervisor/run/supervisord.pid").read_text())
    own = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert {entry.partition(b"=")[0].decode() for entry in own if entry} == OF_THE_USER
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")


def edit(path: Path, text: str) -> None:
    """Change a file of a read-only tree, as a careless hand would."""
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text(text)


def half_build(folder: Path) -> None:
    """Leave what a deploy leaves that was killed in the middle."""
    folder.mkdir()
    (folder / "release.json").write_text('{"sealed": true, "half')
    folder.chmod(0o555)


def test_what_is_damaged_is_noticed_built_again_beside_it_and_switched_to(told: Site) -> None:
    live, pids = told.live(), told.pids()
    pidfile = told.root / "supervisor/run/supervisord.pid"
    server = pidfile.read_text()
    base, releases = live["release"], told.home / "releases"
    venv = (releases / base / "venv").resolve()
    (module,) = venv.glob("lib/python3*/site-packages/greeter.py")
    whole = module.read_text()
    edit(module, whole.replace('os.environ.get("GREETING", "hello")', '"tampered"'))
    edit(releases / base / f"{live['colour']}.conf", "[program:edited]\ncommand=/bin/false\n")
    half_build(releases / f"{base}-2")
    half_build(venv.with_name(f"{venv.name}-2"))
    said = told.refused("playbooks/verify.yml", **KNOBS)
    assert f"Release {base} on localhost is damaged: " in said
    assert f"{live['colour']}.conf was changed" in said
    assert "site-packages/greeter.py was changed" in said
    # Of supervisord's virtualenv, the interpreter was upgraded away. supervisord itself runs on.
    tools = (told.root / "supervisor/venv/bin").resolve()
    tools.chmod(0o755)
    (tools / "python").unlink()
    (tools / "python").symlink_to("/usr/bin/python3.gone")
    (tools / "supervisorctl").unlink()
    output = " ".join(told.deploy(**KNOBS).split())
    now = told.live()
    assert now["release"] == f"{base}-2"
    assert now["previous"] == live["previous"], "a damaged release is nothing to go back to"
    assert f"It is built again, as {base}-2" in output
    assert f"The virtualenv {tools.parent} is damaged:" in output
    assert (told.root / "supervisor/venv").resolve() != tools.parent
    assert told.ask() == (200, "told")
    rebuilt = (releases / f"{base}-2/venv").resolve()
    assert (rebuilt / module.relative_to(venv)).read_text() == whole
    assert pidfile.read_text() == server, "no second supervisord was started"
    assert told.pids().keys() & pids.keys() == {"greeter-bootstrap", "greeter-teller"}, "it has switched"
    assert f"Release {base} on localhost is damaged: " in told.refused("playbooks/rollback.yml", release=base)
    assert told.live() == now
