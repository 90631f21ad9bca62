"""Time limits: whoever keeps the API waiting for longer than a setting gets the client a 504."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from support.api import HTML, PREFIX, Client, text_of
from support.upstream.server import Upstream, silent_until
from support.upstream.wire import Seen, Wire

PATH = f"{PREFIX}/v0/owner_region/x"
SLOW_DRIVER = (504, HTML, "The driver did not answer in time.")
SLOW_AAI = (504, HTML, "A&AI did not answer in time.")


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hasty(api_with: Callable[..., Client]) -> Client:
    """The API with little patience for a byte."""
    return api_with(read_timeout="0.3")


def test_silent_driver(hasty: Client, msb: Upstream, over: threading.Event) -> None:
    msb.reply = silent_until(over)
    for method, body in (("GET", None), ("POST", b"{}")):
        assert text_of(hasty.request(method, PATH, {}, body)) == SLOW_DRIVER
    assert len(msb.seen) == 2


def test_silent_aai(hasty: Client, aai: Upstream, msb: Upstream, over: threading.Event) -> None:
    aai.reply = silent_until(over)
    assert text_of(hasty.request("GET", PATH)) == SLOW_AAI
    assert not msb.seen


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_driver_that_stops_in_its_answer(
    hasty: Client, msb: Upstream, over: threading.Event, framing: bytes
) -> None:
    def reply(seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        silent_until(over)(seen, wire)

    msb.reply = reply
    assert text_of(hasty.request("GET", PATH)) == SLOW_DRIVER


def test_driver_that_takes_no_body(hasty: Client, msb: Upstream, over: threading.Event) -> None:
    msb.read_bodies = False
    msb.reply = silent_until(over)
    assert text_of(hasty.request("POST", PATH, {}, b"x" * 20_000_000)) == SLOW_DRIVER


def test_dripping_driver(
    in_process_with: Callable[..., Client], msb: Upstream, over: threading.Event
) -> None:
    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not over.wait(0.05):
            wire.send(b"x")

    msb.reply = reply
    assert text_of(in_process_with(total_timeout="0.5").request("GET", PATH)) == SLOW_DRIVER


def test_slow_region_is_left_out_of_the_capacity(hasty: Client, msb: Upstream, over: threading.Event) -> None:
    msb.reply = silent_until(over)
    got = hasty.request("POST", f"{PREFIX}/v0/check_vim_capacity", {}, b'{"VIMs": ["owner_region"]}')
    assert (got.status, got.body) == (200, b'{"VIMs":[]}')
