"""An application that ends itself soon after its smoke request does so on probation, while it has no client."""

from __future__ import annotations

from typing import Any

from support.waiting import DEADLINE
from support.worker import GET, Worker


def test_who_leaves_on_probation_was_never_ready_and_has_accepted_nobody() -> None:
    one = Worker("leaves_after_smoke:application", probation=DEADLINE)
    try:
        client = one.connect()
        client.send(GET)
        one.start(ready=False)
        assert one.wait() == 3
        assert "leaving after the first answer" in one.words()
        one.listener.settimeout(DEADLINE)
        waiting: Any = one.listener.accept()[0]  # the client waits in the backlog still, for another worker
        with waiting:
            waiting.settimeout(DEADLINE)
            assert waiting.recv(1024) == GET
        client.close()
    finally:
        one.stop()


def test_who_stays_is_ready_after_it() -> None:
    one = Worker(probation=0.2)
    try:
        one.start()
        with one.client() as client:
            assert client.ask().status == 200
    finally:
        one.stop()
