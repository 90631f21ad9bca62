"""Fairness: workers on one listening socket share what comes, and one connection cannot hold up another."""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from support.waiting import until
from support.worker import Client, Worker

WHO = b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n"
DESCRIPTORS = b"GET /descriptors HTTP/1.1\r\nHost: a\r\n\r\n"


@contextlib.contextmanager
def workers(count: int, **settings: Any) -> Iterator[list[Worker]]:
    """Workers that share the first one's listening socket."""
    made: list[Worker] = []
    try:
        for number in range(count):
            made.append(Worker("worker_apps:site", number=number, **settings))
            made[-1].settings["run_dir"] = made[0].folder  # where they see each other
            made[-1].start(stdin=made[0].listener)
        yield made
    finally:
        for one in reversed(made):
            one.stop()


@contextlib.contextmanager
def connections(one: Worker, count: int, say: bytes = b"") -> Iterator[list[Client]]:
    """Connections made as fast as it goes; those that are to say something have had their answer."""
    made: list[Client] = []
    try:
        for _ in range(count):
            made.append(one.connect())
            made[-1].send(say)
        for client in made if say else ():
            assert client.answer()
        yield made
    finally:
        for client in made:
            client.close()


def shares(clients: list[Client]) -> list[int]:
    """How many of the connections each worker holds, the most first."""
    holders = Counter(client.ask(WHO).body for client in clients)
    return sorted(holders.values(), reverse=True)


@pytest.mark.parametrize("run", range(3))
def test_a_burst_of_40_over_4_workers(run: int) -> None:
    with workers(4) as made, connections(made[0], 40) as clients:
        assert max(shares(clients)) <= 20


@pytest.mark.parametrize("speaking", [False, True])
def test_100_kept_connections_over_2_workers(speaking: bool) -> None:
    with workers(2) as made:
        for _ in range(5):
            until(lambda: all(one.stats()["open"] == 0 for one in made), "a fresh start")
            with connections(made[0], 100, b"" if not speaking else WHO) as clients:
                assert max(shares(clients)) <= 60


def taken_by_turns(held: int, coming: int, turns: int) -> list[int]:
    """How many of the connections that wait at once a worker that holds others has taken, turn by turn of its hub."""
    with workers(1) as (one,), connections(one, held, WHO) as clients:
        before = int(clients[0].ask(DESCRIPTORS).body)
        one.process.send_signal(signal.SIGSTOP)
        try:
            made = [one.connect() for _ in range(coming)]
            clients[0].send(DESCRIPTORS * turns)  # who pipelines is served once in a turn
        finally:
            one.process.send_signal(signal.SIGCONT)
        answers = [clients[0].answer() for _ in range(turns)]
        for client in made:
            client.close()
        return [int(answer.body) - before for answer in answers if answer]


def test_who_holds_few_takes_one_that_stays_at_a_time() -> None:
    """Whoever is idle beside it then gets the next."""
    taken = taken_by_turns(held=1, coming=10, turns=8)
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(taken)), taken
    assert taken[-1] >= 7, taken


def test_who_holds_many_takes_several_at_a_time() -> None:
    """Turns are long where many speak: one a turn let the last of a thousand wait for a second."""
    taken = taken_by_turns(held=64, coming=60, turns=30)
    assert taken[-1] == 60, taken


def test_a_worker_that_stands_still_does_not_hold_up_the_others() -> None:
    with workers(2) as made:
        made[1].process.send_signal(signal.SIGSTOP)
        try:
            with connections(made[0], 100) as clients:
                assert shares(clients) == [100]
        finally:
            made[1].process.send_signal(signal.SIGCONT)


def test_a_dead_worker_does_not_hold_up_the_others() -> None:
    with workers(2) as made:
        made[1].process.kill()
        made[1].process.wait()
        with connections(made[0], 100) as clients:
            assert shares(clients) == [100]


def test_no_worker_takes_more_than_it_may() -> None:
    with workers(1, max_connections=10) as (one,), connections(one, 40) as clients:
        until(lambda: one.stats()["accepted"] >= 10, "it is full")
        for place, client in enumerate(clients):
            stats = one.stats()
            assert stats["open"] <= 10
            assert stats["accepted"] <= 10 + place
            assert client.ask(WHO).status == 200
            client.close()


def test_a_full_worker_keeps_no_connection() -> None:
    """Else those who are in would stay in, and those in the backlog out."""
    with workers(1, max_connections=1) as (one,), connections(one, 5) as clients:
        for client in clients:
            assert client.ask(WHO).field("Connection") == "close"
            client.close()


def test_who_pipelines_does_not_shut_out_others() -> None:
    with workers(1) as (one,), one.client() as greedy, one.client() as modest:
        modest.ask(WHO)
        greedy.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # until its answers, which it does not read, fill all
            while True:
                greedy.sock.send(WHO * 1000)
        assert modest.ask(WHO).status == 200
        assert one.stats()["open"] == 2
