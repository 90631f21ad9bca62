"""Sockets' files in a folder that somebody else may own, or change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mooring import status_socket


def test_a_file_is_gone_from_a_folder_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "run/api.sock"
    assert not status_socket.is_gone(path)
    path.parent.mkdir()
    assert status_socket.is_gone(path)
    path.symlink_to("nowhere")  # somebody's: what to do with it is not ours to say
    assert not status_socket.is_gone(path)
    path.unlink()
    path.touch()
    assert not status_socket.is_gone(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_of_a_folder_that_may_not_be_looked_into_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run/api.sock"
    path.parent.mkdir(mode=0)
    assert not status_socket.is_gone(path)
    status_socket.remove_own(path, 1)
    path.parent.chmod(0o700)
    assert status_socket.is_gone(path)


def test_the_socket_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.touch()
    status_socket.remove_own(path, path.stat().st_ino + 1)
    assert path.exists()
    status_socket.remove_own(path, path.stat().st_ino)
    assert not path.exists()
    status_socket.remove_own(path, 1)
