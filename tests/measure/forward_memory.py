"""Measure what forwarding costs one worker: memory for large bodies, time for many slow answers at once.

    PYTHONPATH=app/mooring/src:app/multicloud/src:tests python tests/measure/forward_memory.py [--megabytes 200] [--clients 200]

Real workers, a stand-in for A&AI and MSB beside them on loopback. Prints a table; exits 1 if a figure is missed.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator

from support.upstream.server import Upstream, region, region_reply, respond
from support.upstream.wire import Seen, Wire
from support.upstream.worker import APPS, Worker

PATH = "/api/multicloud/v0/owner_region/images/1/file"
BLOCK = bytes(range(256)) * 256
MEMORY_LIMIT = 16  # MiB that resident memory may rise by
SLOW = 1.0  # seconds that the slow driver takes
SLACK = 1.0  # seconds that all of its clients together may take on top


def peak_while(worker: Worker, work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds that the work takes and the MiB by which it raises the worker's resident memory."""
    before, most, done = worker.resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most.append(worker.resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return time.perf_counter() - began, (max(most) - before) / (1 << 20)


def pieces(megabytes: int) -> Iterator[bytes]:
    """Yield a body of so many MiB."""
    for _ in range(megabytes * (1 << 20) // len(BLOCK)):
        yield BLOCK


def upload(worker: Worker, megabytes: int, framing: str) -> None:
    """Send a body."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=600)
    fields = (
        {"Content-Length": str(megabytes << 20)} if framing == "length" else {"Transfer-Encoding": "chunked"}
    )
    connection.request("PUT", PATH, pieces(megabytes), fields, encode_chunked=framing == "chunked")
    assert connection.getresponse().status == 201
    connection.close()


def download(worker: Worker, megabytes: int) -> None:
    """Receive a body."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=600)
    connection.request("GET", PATH)
    response = connection.getresponse()
    received = 0
    while piece := response.read(1 << 20):
        received += len(piece)
    assert received == megabytes << 20, received
    connection.close()


def crowd(worker: Worker, clients: int) -> float:
    """Return the seconds that so many requests to a slow driver take all together."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(worker.client.request("GET", f"{PATH}/slow").status))
        for _ in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert statuses == [200] * clients, statuses
    return took


def driver(megabytes: int) -> Callable[[Seen, Wire], None]:
    """Reply as a driver that takes and gives images, and one that is slow."""

    def reply(seen: Seen, wire: Wire) -> None:
        if seen.target.endswith("/slow"):
            time.sleep(SLOW)
            respond(200, b"{}")(seen, wire)
        elif seen.method == "PUT":
            assert seen.body_length == megabytes << 20, seen.body_length
            wire.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        else:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (megabytes << 20))
            for piece in pieces(megabytes):
                wire.send(piece)

    return reply


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--clients", type=int, default=200)
    options = parser.parse_args()
    aai, msb = Upstream(), Upstream()
    aai.reply = region_reply({("owner", "region"): region()})
    msb.reply = driver(options.megabytes)
    missed = 0
    print(f"{'framework':10} {'what':28} {'seconds':>8} {'MiB more':>9}")
    for framework in APPS:
        settings = {"MULTICLOUD_AAI_URL": f"{aai.url}/aai", "MULTICLOUD_MSB_URL": msb.url}
        with Worker(framework, settings) as worker:
            size = options.megabytes
            worker.client.request("GET", f"{PATH}/slow")
            for what, work in (
                (f"upload {size} MiB, length", lambda: upload(worker, size, "length")),  # noqa: B023 - called here
                (f"upload {size} MiB, chunked", lambda: upload(worker, size, "chunked")),  # noqa: B023
                (f"download {size} MiB", lambda: download(worker, size)),  # noqa: B023
            ):
                seconds, more = peak_while(worker, work)
                missed += more >= MEMORY_LIMIT
                print(f"{framework:10} {what:28} {seconds:8.2f} {more:9.1f}")
            seconds = crowd(worker, options.clients)
            missed += seconds >= SLOW + SLACK
            print(f"{framework:10} {f'{options.clients} x {SLOW:g} s driver':28} {seconds:8.2f}")
    aai.close()
    msb.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
