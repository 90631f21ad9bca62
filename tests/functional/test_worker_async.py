"""Asynchronous code under green threads: an event loop for each request that wants one, all at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from support.process_worker import start
from support.worker import Worker

POST = b"POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"


def at_once(one: Worker, requests: list[bytes]) -> Counter[tuple[int, bytes]]:
    """Send all of them, each over a connection of its own, before any answer is read; count the answers."""
    clients = [one.connect() for _ in requests]
    ends = [b"cde" if request == POST else b"" for request in requests]
    for client, request in zip(clients, requests, strict=True):
        client.send(request)
    for client, end in zip(clients, ends, strict=True):
        client.send(end)
    found: Counter[tuple[int, bytes]] = Counter()
    for client in clients:
        answer = client.answer()
        assert answer is not None, one.words()
        found[answer.status, answer.body] += 1
        client.close()
    return found


def page(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def test_asynchronous_views_and_synchronous_ones_at_once(make: Any) -> None:
    one = make("process_apps:make_django_async()").start(env={"PYTHONWARNINGS": "ignore"})
    wanted = {
        page("view"): b"slept",
        page("with_sync"): b"4242",
        page("bridged"): b"slept",
        page("gathers"): b"slept slept slept slept slept",
        page("database"): b"42",
        POST: b"abcde",
    }
    for _ in range(2):
        found = at_once(one, [request for request in wanted for _ in range(8)])
        expected: Counter[tuple[int, bytes]] = Counter()
        for body in wanted.values():
            expected[200, body] += 8
        assert found == expected, one.words()
    assert one.stats()["errors"] == 0
    one.terminate()
    assert one.wait() == 0


@pytest.mark.parametrize("framework", ["django", "pecan"])
def test_loops_in_synchronous_views_at_once(framework: str) -> None:
    one = start(framework)
    try:
        names = ["runs_a_loop", "blocks_within_a_loop", "has_no_loop"]
        found = at_once(one, [page(name) for name in names for _ in range(10)])
        assert found == {(200, b"slept"): 20, (200, b"none"): 10}, one.words()
    finally:
        one.stop()
