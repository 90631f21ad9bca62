"""check_vim_capacity ends with its client: what nobody waits for is not asked."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import PREFIX, Stage
from support.upstream.server import Upstream, region, region_reply, respond, respond_json
from support.upstream.wire import Seen, Wire
from support.upstream.worker import Worker
from support.waiting import DEADLINE, until

REGIONS = [f"owner_r{number}" for number in range(8)]
BODY = json.dumps({"VIMs": REGIONS}).encode()
ROOM = respond_json({"result": True})


@pytest.fixture
def worker(framework: str, stage: Stage, tmp_path: Path) -> Iterator[Worker]:
    """A worker that asks one region after the other, and logs requests."""
    stage.aai.reply = region_reply({("owner", name.partition("_")[2]): region() for name in REGIONS})
    more = {"MULTICLOUD_REQUEST_LOG": "on", "MULTICLOUD_CAPACITY_PARALLEL": "1"}
    with (
        (tmp_path / "stdout").open("wb") as out,
        Worker(framework, stage.settings | more, out.fileno()) as one,
    ):
        yield one


@pytest.fixture
def client(worker: Worker) -> Iterator[socket.socket]:
    """A client that has asked all regions for room."""
    head = f"POST {PREFIX}/v0/check_vim_capacity HTTP/1.1\r\nHost: a\r\nX-TransactionId: asked\r\n"
    with socket.create_connection(("127.0.0.1", worker.port), DEADLINE) as connection:
        connection.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        yield connection


def logged(folder: Path) -> dict[str, object]:
    """Return the line that the request left when it was over."""

    def found() -> list[dict[str, object]]:
        text = (folder / "stdout").read_text()
        lines = [json.loads(line) for line in text.splitlines() if text.endswith("\n")]
        return [line for line in lines if line["id"] == "asked"]

    return until(found, "the request is over")[0]


@pytest.mark.parametrize("where", ["aai", "msb", "redirect"])
def test_nothing_more_is_asked_for_a_client_that_has_gone(
    client: socket.socket, aai: Upstream, msb: Upstream, tmp_path: Path, where: str
) -> None:
    """The client closes while its first question is under way: at A&AI, at the driver, or before a redirect is followed."""
    known = aai.reply

    def leave(seen: Seen, wire: Wire) -> None:
        client.close()
        if where == "redirect":
            respond(307, b"", ("Location", "/there"))(seen, wire)
        else:
            (known if where == "aai" else ROOM)(seen, wire)

    if where == "aai":
        aai.reply = leave
    else:
        msb.reply = leave
    line = logged(tmp_path)
    assert (line["status"], line["error"]) == (400, "the client closed the connection before the answer")
    # Two questions more are possible on a busy machine: the client's end may arrive late, and so may the reset that tells it
    # from half a close; `mooring.client_gone` waits for neither. All 8 regions are 16 questions.
    asked = len(aai.seen) + len(msb.seen)
    first = 1 if where == "aai" else 2
    assert first <= asked <= first + 2


def test_a_client_that_only_stops_sending_gets_its_answer(
    client: socket.socket, aai: Upstream, msb: Upstream, tmp_path: Path
) -> None:
    """Half a close is no end (RFC 9112, section 9.6)."""

    def reply(seen: Seen, wire: Wire) -> None:
        if len(msb.seen) == 1:
            client.shutdown(socket.SHUT_WR)
        ROOM(seen, wire)

    msb.reply = reply
    answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == {"VIMs": REGIONS}
    assert logged(tmp_path)["status"] == 200
    assert len(aai.seen) == len(msb.seen) == 8
