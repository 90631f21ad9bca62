"""Every case of the table, against a real worker over a real socket: whole, and byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.http_cases import CASES, MAX_BODY, SMUGGLED, Case
from support.worker import Worker, worker


@pytest.fixture(scope="module")
def one() -> Iterator[Worker]:
    with worker(max_body=MAX_BODY, body_timeout=30) as running:
        yield running


def outcome(one: Worker, case: Case, pieces: list[bytes]) -> tuple[list[str], int | None]:
    """Send the pieces, end, and return what the application served and the worker's own last answer."""
    served, refused = [], None
    with one.client() as client:
        for piece in pieces:
            client.send(piece)
        client.sock.shutdown(1)
        while answer := client.answer():
            assert refused is None, f"an answer follows a refusal: {answer}"
            if answer.status == 100:
                continue  # the body came later than its head
            if answer.status == 200:
                served.append(answer.body.decode("latin-1"))
            else:
                refused = answer.status
                assert answer.field("Connection") == "close"
    return served, refused


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section} {case.name}")
def test_whole(one: Worker, case: Case) -> None:
    before = one.stats()["requests"]
    assert outcome(one, case, [case.raw]) == (list(case.served), case.refused)
    called = one.stats()["requests"] - before
    assert called == len(case.served) or (case.begun and called == len(case.served) + 1)


def test_byte_by_byte(one: Worker) -> None:
    for case in CASES:
        if len(case.raw) > 3000:
            continue  # its tail arrives in whatever pieces anyway
        if case.section == "9.3" and case.raw.endswith(SMUGGLED):
            continue  # who says close and sends on may be reset
        pieces = [case.raw[at : at + 1] for at in range(len(case.raw))]
        assert outcome(one, case, pieces) == (list(case.served), case.refused), case.name


def test_there_is_no_traceback_and_no_failure(one: Worker) -> None:
    """Runs last: none of all these was a fault of the worker's own."""
    assert one.stats()["errors"] == 0
    assert "Traceback" not in one.words()


def test_the_log_names_each_refusal_in_one_line(one: Worker) -> None:
    lines = one.words().splitlines()
    assert lines
    assert all(line.startswith('{"time": ') for line in lines)
    assert sum('"event": "refused"' in line for line in lines) == one.stats()["refused"]


def test_the_table_is_large_enough_and_names_its_sources() -> None:
    assert len(CASES) >= 150
    assert len({(case.section, case.name) for case in CASES}) == len(CASES)
    assert all(case.section[0] in "23456789R" for case in CASES)
