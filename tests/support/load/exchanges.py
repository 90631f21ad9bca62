"""Exchanges that take longer than an operation: an upload and a download, under way when their worker drains."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.load.stage import Stage

UPLOAD = 2 * 1024 * 1024
"""Bytes of the upload; what its drip has not sent when the drain has begun is sent then."""
DRIP = 1024
DRIP_EVERY = 0.2
"""Bytes of a drip, and seconds between two: fast enough for MOORING_MIN_RATE."""
LIMIT = 300.0
"""Seconds after which an operation that drains nobody is given up."""


@contextmanager
def long_exchanges(stage: Stage) -> Iterator[None]:
    """Have an upload and a download under way when the block begins; both are finished while their worker drains.

    The block must drain the live colour. A failed exchange fails the block.
    """
    with contextlib.closing(stage.connection()) as up, contextlib.closing(stage.connection()) as down:
        body = json.dumps({"id": "long-upload", "filler": "x" * UPLOAD}).encode()
        up.putrequest("POST", "/count")
        up.putheader("Content-Type", "application/json")
        up.putheader("Content-Length", str(len(body)))
        up.endheaders()
        down.request("GET", "/stream")
        downloading = down.getresponse()
        assert downloading.read(5) == b"tick\n"
        live = stage.live()
        ended = threading.Event()
        found: list[str] = []

        def drains() -> bool:
            return stage.live() != live and " STOPPING " in stage.control("status")

        def finish() -> None:
            sent = 0
            give_up = time.monotonic() + LIMIT
            try:
                while not (drains() or ended.wait(DRIP_EVERY)) and time.monotonic() < give_up:
                    up.send(body[sent : sent + DRIP])
                    sent += DRIP
                up.send(body[sent:])
                answer = up.getresponse()
                found.append(f"upload: {answer.status} {answer.read().decode()}")
                stage.stream_end.touch()
                lines = set(downloading.read().decode().splitlines()) - {"tick"}
                found.append(f"download: {' '.join(lines)}")
            except (OSError, http.client.HTTPException) as error:
                found.append(f"{type(error).__name__}: {error}")

        finisher = threading.Thread(target=finish)
        finisher.start()
        try:
            yield
        finally:
            drained = not ended.is_set() and not finisher.is_alive()
            ended.set()
            finisher.join()
            stage.stream_end.unlink(missing_ok=True)
        assert found == ["upload: 200 long-upload", "download: end"], found
        assert drained, "both were finished only after the operation: it has drained nobody"
