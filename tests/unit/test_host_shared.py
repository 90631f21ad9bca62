"""What instances of a root share: a command waits for that of another instance, and takes what it has made."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring.host import integrity, shared, virtualenv


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """A call sets the umask of its process, which is that of all tests here."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_virtualenv_that_another_run_has_made_meanwhile_is_taken(tmp_path: Path) -> None:
    said: queue.Queue[str] = queue.Queue()
    done: queue.Queue[dict[str, Any]] = queue.Queue()
    path = tmp_path / "venvs/one"
    path.mkdir(parents=True)
    (path / "half").touch()

    def install() -> None:
        done.put(
            virtualenv.install(
                path, "0" * 64, "no-such-python", data=io.BytesIO(b"no bundle"), progress=said.put
            )
        )

    other = threading.Thread(target=install, daemon=True)
    with shared.alone(path.parent, said.put):
        other.start()
        assert said.get(timeout=30).endswith(f"at work in {path.parent}")
        assert (path / "half").exists(), "it touches nothing that the other one makes"
        integrity.seal(path)
    assert done.get(timeout=30) == {"changed": False, "files": 0}
    assert (path / "half").exists()
    path.chmod(0o755)
