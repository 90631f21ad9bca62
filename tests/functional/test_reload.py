"""A changed supervisord.conf is read again, once, before a deploy goes on; no request fails meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mooring import removal
from mooring.host import compare, errors, operations
from support.folders import short_folder
from support.hosted import Hosted
from support.supervisord import Supervisord
from support.visitors import Visitors


@pytest.fixture
def host() -> Iterator[Hosted]:
    with short_folder() as path:
        server = Supervisord(path)
        one = Hosted(server)
        one.build("r1")
        try:
            server.start()
            one.ctl("switch", "r1")
            yield one
        finally:
            server.stop()
            for name in ("releases", "venvs"):  # they are read-only
                removal.remove_tree(path / name)


def difference(host: Hosted) -> bool:
    """Ask as a deploy does, whether supervisord has not read what is in its file."""
    found = compare.compare(host.root, host.name, [], "", "", "")
    said = "has not read" in " ".join(found["differences"])
    assert found["outdated"] is said
    return said


def test_a_changed_configuration_is_read_again(host: Hosted) -> None:
    lines: list[str] = []
    conf = host.root / "supervisor/supervisord.conf"
    assert not difference(host)
    assert operations.reload(host.root, progress=lines.append) == {"changed": False}
    conf.write_text(conf.read_text() + "; a word more\n")
    assert difference(host), "also after a deploy that ended here"
    before = host.server.pids(f"{host.name}-bootstrap")
    with Visitors(("127.0.0.1", host.port), number=1) as visitors:
        assert operations.reload(host.root, progress=lines.append) == {"changed": True}
        assert set(host.states().values()) == {"RUNNING"}, "it ends when everything runs again"
        visitors.more()
    assert not visitors.failures
    assert host.server.pids(f"{host.name}-bootstrap") != before
    assert len(lines) == 1, lines
    assert not difference(host)
    assert operations.reload(host.root, progress=lines.append) == {"changed": False}


def test_what_does_not_come_up_again_is_named(host: Hosted) -> None:
    conf = host.root / "supervisor/supervisord.conf"
    host.server.program("slow", host.url, startsecs=600)
    conf.write_text(conf.read_text() + "; a word more\n")
    with pytest.raises(errors.HostError, match=r"after 8 s: slow:0\. It goes on"):
        operations.reload(host.root, timeout=8, progress=lambda _: None)
