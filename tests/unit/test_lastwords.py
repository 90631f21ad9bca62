"""The last words of a start: what came into its log after the marks, also when the log was rotated or truncated since."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.host.lastwords import Marks, last_words
from mooring.host.server import Process


def words(log: Path, marks: Marks | None, spawn_error: str = "") -> str:
    return last_words(Process("api-blue", "0", "BACKOFF", 0, 1, log, spawn_error), None, marks)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "api-blue-0.err"
    path.write_text("an old line\n" * 1000)
    return path


@pytest.fixture
def marks(log: Path) -> Marks:
    found = log.stat()
    return Marks.from_json(Marks({str(log): [found.st_ino, found.st_size]}, "").as_json())


def test_what_came_after_the_mark_is_told_alone(log: Path, marks: Marks) -> None:
    with log.open("a") as file:
        file.write("a new line\n")
    assert words(log, marks) == f"last words of api-blue:0 ({log}):\n  a new line"
    assert "an old line" in words(log, None)


def test_a_log_that_was_truncated_is_told_from_its_beginning(log: Path, marks: Marks) -> None:
    log.write_text("a new line\n")
    assert words(log, marks) == f"last words of api-blue:0 ({log}):\n  a new line"


def test_a_log_that_was_rotated_is_told_with_the_rest_of_the_old_one(log: Path, marks: Marks) -> None:
    with log.open("a") as file:
        file.write("before the rotation\n")
    log.rename(log.with_name(f"{log.name}.1"))
    log.write_text("after it\n")
    assert words(log, marks) == f"last words of api-blue:0 ({log}):\n  before the rotation\n  after it"


def test_a_start_that_said_nothing_is_told_as_that(log: Path, marks: Marks) -> None:
    assert words(log, marks) == f"api-blue:0 has said nothing ({log} has no line of this start)."


def test_a_log_that_is_new_is_told_whole(tmp_path: Path) -> None:
    log = tmp_path / "new.err"
    marks = Marks({str(log): [0, 0]}, "")
    log.write_text("the first line\n")
    assert "  the first line" in words(log, marks)


def test_why_supervisord_could_not_start_it_comes_first(log: Path, marks: Marks) -> None:
    said = words(log, marks, "unknown error making dispatchers for '0': ENOENT")
    assert said.splitlines()[0] == (
        "supervisord could not start api-blue:0: unknown error making dispatchers for '0': ENOENT"
    )
    assert f"it cannot open {log}" in said
