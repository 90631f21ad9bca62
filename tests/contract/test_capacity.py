"""check_vim_capacity: side by side, in the order asked, whoever fails is left out."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from support.api import JSON, PREFIX, Client, text_of
from support.upstream.server import (
    Reply,
    Upstream,
    chunked,
    drop,
    raw,
    region,
    region_reply,
    respond,
    respond_json,
)
from support.upstream.wire import Seen, Wire

V0, V1 = f"{PREFIX}/v0/check_vim_capacity", f"{PREFIX}/v1/check_vim_capacity"
ROOM = respond_json({"result": True})


@pytest.fixture(autouse=True)
def regions(aai: Upstream, msb: Upstream) -> None:
    """A&AI knows r0 to r9 of the owner, and all of them have room."""
    msb.reply = ROOM
    known: dict[tuple[str, str], Any] = {("owner", f"r{number}"): region() for number in range(10)}
    known["owner", "azure"] = region("azure", "1.0")
    known["owner", "alien"] = region("alien")
    aai.reply = region_reply(known)


def by_region(replies: dict[str, Reply], otherwise: Reply = ROOM) -> Reply:
    """Reply as the named regions' drivers."""

    def reply(seen: Seen, wire: Wire) -> None:
        name = seen.target.split("/capacity_check")[0].replace("_", "/").split("/")[-1]
        replies.get(name, otherwise)(seen, wire)

    return reply


def ask(api: Client, path: str, request: object) -> Any:
    got = api.request("POST", path, {"Content-Type": "application/json"}, json.dumps(request).encode())
    assert (got.status, got.value("Content-Type")) == (200, JSON)
    return json.loads(got.body)


def entry(name: str, **more: object) -> dict[str, object]:
    return {"cloud-owner": "owner", "cloud-region-id": name, **more}


def test_v0(api: Client, msb: Upstream) -> None:
    msb.reply = by_region({"r1": respond_json({"result": False})})
    wanted = {
        "vCPU": 4,
        "Memory": 8.5,
        "Storage": "500",
        "Other": 1,
        "VIMs": ["owner_r0", "owner_r1", "owner_r2"],
    }
    got = api.request("POST", V0, {}, json.dumps(wanted).encode())
    assert text_of(got) == (200, JSON, '{"VIMs":["owner_r0","owner_r2"]}')
    assert {seen.target for seen in msb.seen} == {
        f"/api/multicloud-pike/v0/owner_r{number}/capacity_check" for number in range(3)
    }
    for seen in msb.seen:
        assert (seen.method, json.loads(seen.body)) == ("POST", {"vCPU": 4, "Memory": 8.5, "Storage": "500"})
        assert seen.value("Content-Type") == JSON


def test_v1(api: Client, msb: Upstream) -> None:
    msb.reply = by_region(
        {
            "r0": respond_json({"result": True, "AZs": [{"name": "a"}]}),
            "r1": respond_json({"result": 0, "AZs": [1]}),
        }
    )
    vims = [entry("r0", note="kept"), entry("r1"), entry("azure", AZs="old")]
    assert ask(api, V1, {"VIMs": vims}) == {
        "VIMs": [entry("r0", note="kept", AZs=[{"name": "a"}]), entry("azure", AZs=[])]
    }
    assert {seen.target for seen in msb.seen} == {
        "/api/multicloud-pike/v1/owner/r0/capacity_check",
        "/api/multicloud-pike/v1/owner/r1/capacity_check",
        "/api/multicloud-azure/v1/owner/azure/capacity_check",
    }


@pytest.fixture(params=["v0", "v1"])
def asked(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """A path and a body that asks r0 and r1."""
    if request.param == "v0":
        return V0, b'{"VIMs": ["owner_r0", "owner_r1"]}'
    return V1, json.dumps({"VIMs": [entry("r0"), entry("r1")]}).encode()


def test_the_client_s_fields_go_to_each_region(
    api: Client, aai: Upstream, msb: Upstream, asked: tuple[str, bytes]
) -> None:
    path, body = asked
    fields = {
        "X-Auth-Token": "gAAAA-token",
        "Project": "p1",
        "Tenant": "caf\xe9",
        "Authorization": "Basic Y2xpZW50OnNlY3JldA==",
        "Cookie": "a=1; b=2",
        "X-TransactionId": "weird id",
        "X-Request-ID": "r-1",
        "User-Agent": "curl/8.5.0",
        "X-Forwarded-For": "10.0.0.1",
        "Accept-Language": "de",
        "X-Empty": "",
        "Content-Type": "application/json; charset=utf-8",
    }
    assert api.request("POST", path, fields, body).status == 200
    assert len(msb.seen) == 2
    for seen in msb.seen:
        for name, value in fields.items():
            assert seen.value(name) == (JSON if name == "Content-Type" else value)
        assert seen.value("Host") == f"127.0.0.1:{msb.port}"
        assert json.loads(seen.body) == {"vCPU": 0, "Memory": 0, "Storage": 0}
    for seen in aai.seen:
        assert seen.value("X-Auth-Token") is None, "A&AI gets no token of the clouds"
        assert seen.value("Authorization") != fields["Authorization"]


def test_what_ends_here_or_tells_of_another_body_does_not_go(
    api: Client, msb: Upstream, asked: tuple[str, bytes]
) -> None:
    path, body = asked
    fields = {
        "Connection": "keep-alive, X-Private",
        "X-Private": "1",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic eA==",
        "TE": "trailers",
        "Content-Encoding": "identity",
        "Content-MD5": "x",
        "Content-Language": "de",
        "Accept": "text/html;q=0.5, */*",
        "Accept-Encoding": "br",
        "X-Kept": "1",
    }
    assert api.request("POST", path, fields, body).status == 200
    assert len(msb.seen) == 2
    for seen in msb.seen:
        names = {name.lower() for name, _ in seen.fields}
        assert names == {"host", "x-kept", "x-transactionid", "content-type", "content-length", "accept"}
        assert (seen.value("Content-Type"), seen.value("Accept")) == (JSON, JSON)
        assert seen.value("Content-Length") == str(len(seen.body))


def test_the_length_of_a_chunked_request_is_its_own(
    api: Client, msb: Upstream, asked: tuple[str, bytes]
) -> None:
    path, body = asked
    assert api.request("POST", path, {"Transfer-Encoding": "chunked"}, body).status == 200
    assert len(msb.seen) == 2
    for seen in msb.seen:
        assert (seen.value("Transfer-Encoding"), seen.value("Content-Length")) == (None, str(len(seen.body)))


@pytest.mark.parametrize(
    ("query", "arrives"),
    [("?", "?"), ("?a=b&c=%2f&c", "?a=b&c=%2f&c"), ("?x=\xc3\xa9", "?x=%C3%A9"), ("??a", "??a")],
)
def test_the_query_goes_to_each_region(
    api: Client, msb: Upstream, asked: tuple[str, bytes], query: str, arrives: str
) -> None:
    path, body = asked
    assert api.request("POST", path + query, {}, body).status == 200
    regions = ("owner/r0", "owner/r1") if path == V1 else ("owner_r0", "owner_r1")
    version = path.split("/")[3]
    assert {seen.target for seen in msb.seen} == {
        f"/api/multicloud-pike/{version}/{name}/capacity_check{arrives}" for name in regions
    }


def test_an_encoded_answer_is_read(api: Client, msb: Upstream) -> None:
    msb.reply = respond(200, gzip.compress(b'{"result": true}'), ("Content-Encoding", "gzip"))
    assert ask(api, V0, {"VIMs": ["owner_r0"]}) == {"VIMs": ["owner_r0"]}


@pytest.mark.parametrize("status", [300, 307, 308])
def test_a_redirect_is_followed_as_for_a_forward(api: Client, msb: Upstream, status: int) -> None:
    def reply(seen: Seen, wire: Wire) -> None:
        there = seen.target == "/there"
        (ROOM if there else respond(status, b"", ("Location", "/there")))(seen, wire)

    msb.reply = reply
    assert ask(api, V0, {"vCPU": 1, "VIMs": ["owner_r0"]}) == {"VIMs": ["owner_r0"]}
    assert [(seen.method, json.loads(seen.body)["vCPU"]) for seen in msb.seen] == [("POST", 1)] * 2


@pytest.mark.parametrize("limit", ["total_timeout", "capacity_timeout"])
def test_a_driver_that_hangs_delays_the_answer_once(
    in_process_with: Callable[..., Client], msb: Upstream, limit: str
) -> None:
    """The time limit is the whole question's: regions whose turn comes after it are left out unasked."""
    over = threading.Event()

    def drip(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not over.wait(0.05):
            wire.send(b" ")

    msb.reply = by_region({"r1": drip})
    api = in_process_with(capacity_parallel="1", **{limit: "0.5"})
    try:
        assert ask(api, V0, {"VIMs": NAMES}) == {"VIMs": ["owner_r0"]}
    finally:
        over.set()
    assert len(msb.seen) == 2


@pytest.mark.parametrize("path", [V0, V1])
@pytest.mark.parametrize("body", [{}, {"VIMs": []}, {"vCPU": 1}])
def test_nothing_to_ask(api: Client, msb: Upstream, path: str, body: object) -> None:
    assert ask(api, path, body) == {"VIMs": []}
    assert not msb.seen


def test_what_is_missing_is_zero(api: Client, msb: Upstream) -> None:
    ask(api, V0, {"VIMs": ["owner_r0"], "Memory": None})
    assert json.loads(msb.only().body) == {"vCPU": 0, "Memory": None, "Storage": 0}


def test_order_and_doubles_are_kept(api: Client, aai: Upstream, msb: Upstream) -> None:
    names = ["owner_r3", "owner_r1", "owner_r3", "owner_r9", "owner_r0", "owner_r1"] * 10
    assert ask(api, V0, {"VIMs": names}) == {"VIMs": names}
    assert len(msb.seen) == len(aai.seen) == 4, "each region is asked once"
    vims = [entry("r3", a=1), entry("r1"), entry("r3", a=2), entry("r3", a=1)]
    assert ask(api, V1, {"VIMs": vims}) == {"VIMs": [{**vim, "AZs": []} for vim in vims]}
    assert len(msb.seen) == len(aai.seen) == 6


@pytest.mark.parametrize(
    "reply",
    [
        respond_json({"result": False}),
        respond_json({"result": ""}),
        respond_json({"result": None}),
        respond_json({}),
        respond_json([{"result": True}]),
        respond_json(True),
        respond(200, b'{"result": true'),
        respond(200, b"[" * 100_000),
        respond(200, b" " * (1 << 16) + b'{"result": true}'),
        respond(200, b'{"result": true, "AZs": [1e999]}'),
        respond(200, b'{"result": true, "AZs": [NaN]}'),
        *(respond_json({"result": True}, status) for status in (201, 202, 203, 206, 302, 400, 404, 500)),
        respond(204),
        drop,
        raw(b"", "reset"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b'{"result": true}'),
        chunked(b'{"result": true}', end=False),
        raw(b"nonsense\r\n\r\n"),
        respond(200, b'{"result": true}', ("Content-Encoding", ",".join(["gzip"] * 10_000))),
        respond(200, gzip.compress(b" " * (10 << 20) + b'{"result": true}'), ("Content-Encoding", "gzip")),
    ],
)
def test_whoever_fails_is_left_out(api: Client, msb: Upstream, reply: Reply) -> None:
    msb.reply = by_region({"r1": reply})
    assert ask(api, V0, {"VIMs": ["owner_r0", "owner_r1", "owner_r2"]}) == {"VIMs": ["owner_r0", "owner_r2"]}
    assert ask(api, V1, {"VIMs": [entry("r1"), entry("r0")]}) == {"VIMs": [entry("r0", AZs=[])]}


@pytest.mark.parametrize("truthy", [True, 1, "no", [0], {"a": 1}])
def test_any_truth_is_room(api: Client, msb: Upstream, truthy: object) -> None:
    msb.reply = respond_json({"result": truthy})
    assert ask(api, V0, {"VIMs": ["owner_r0"]}) == {"VIMs": ["owner_r0"]}


@pytest.mark.parametrize(
    "vim", ["owner_unknown", "owner_alien", "owner", "_", "", "a b_c", "owner_r0/x", "owner_r0\n"]
)
def test_regions_that_cannot_be_asked_v0(api: Client, msb: Upstream, vim: str) -> None:
    assert ask(api, V0, {"VIMs": [vim, "owner_r0"]}) == {"VIMs": ["owner_r0"]}
    assert len(msb.seen) == 1


@pytest.mark.parametrize("vim", [None, 1, True, ["owner_r0"], {"vim": "owner_r0"}])
def test_odd_entries_v0(api: Client, msb: Upstream, vim: object) -> None:
    assert ask(api, V0, {"VIMs": [vim, "owner_r0"]}) == {"VIMs": ["owner_r0"]}


@pytest.mark.parametrize("name", ["unknown", "alien", "", "../r0", "r0?", None, 7, ["r0"]])
def test_regions_that_cannot_be_asked_v1(api: Client, msb: Upstream, name: Any) -> None:
    assert ask(api, V1, {"VIMs": [entry(name), entry("r0")]}) == {"VIMs": [entry("r0", AZs=[])]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"vCPU=1", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"vCPU": NaN}', "NaN is no JSON value"),
        (b'{"vCPU": -1e999}', "-1e999 is too large a number"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[]", "is not a JSON object"),
        (b'"VIMs"', "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"1", "is not a JSON object"),
        (b'{"VIMs": {}}', "has VIMs that are not a list"),
        (b'{"VIMs": "owner_r0"}', "has VIMs that are not a list"),
        (b'{"VIMs": null}', "has VIMs that are not a list"),
    ],
)
@pytest.mark.parametrize("path", [V0, V1])
def test_unusable_body(api: Client, msb: Upstream, path: str, body: bytes, reason: str) -> None:
    got = api.request("POST", path, {"Content-Type": "application/json"}, body)
    assert text_of(got) == (
        400,
        JSON,
        json.dumps({"error": f"Invalidate request body {reason}."}, separators=(",", ":")),
    )
    assert not msb.seen


def test_unusable_bytes(api: Client) -> None:
    got = api.request("POST", V0, {}, b"\xff\xfe\xfd")
    assert (got.status, got.value("Content-Type")) == (400, JSON)
    assert json.loads(got.body)["error"].startswith("Invalidate request body ")


@pytest.mark.parametrize(
    "vim",
    ["owner_r0", None, 1, [], {}, {"cloud-owner": "owner"}, {"cloud-region-id": "r0"}, {"Cloud-Owner": "o"}],
)
def test_v1_entries_need_their_keys(api: Client, msb: Upstream, vim: object) -> None:
    got = api.request("POST", V1, {}, json.dumps({"VIMs": [entry("r0"), vim]}).encode())
    reason = "Invalidate request body has a VIM without cloud-owner and cloud-region-id."
    assert text_of(got) == (400, JSON, f'{{"error":"{reason}"}}')
    assert not msb.seen


def test_half_a_character_comes_back(api: Client) -> None:
    got = api.request("POST", V1, {}, json.dumps({"VIMs": [entry("r0", note="\ud800é")]}).encode())
    assert got.status == 200
    assert json.loads(got.body) == {"VIMs": [entry("r0", note="\ud800é", AZs=[])]}


def test_a_body_of_limited_length(in_process_with: Callable[..., Client], msb: Upstream) -> None:
    api = in_process_with(capacity_body="1000")
    body = json.dumps({"VIMs": ["owner_r0"]}).encode()
    assert api.request("POST", V0, {}, body.ljust(1000)).status == 200
    expected = (413, JSON, '{"error":"Invalidate request body longer than 1000 bytes."}')
    assert text_of(api.request("POST", V0, {}, body.ljust(1001))) == expected
    assert text_of(api.request("POST", V0, {"Transfer-Encoding": "chunked"}, body.ljust(1001))) == expected


@pytest.mark.parametrize("path", [V0, V1])
def test_a_limited_number_of_vims(api: Client, aai: Upstream, msb: Upstream, path: str) -> None:
    """The audit's request: 40,000 questions with credentials for one body that the client sends once."""
    vim = "owner_r0" if path == V0 else entry("r0")
    for number in (257, 10_000):
        body = json.dumps({"VIMs": [vim] * number}).encode()
        got = api.request("POST", path, {"X-Auth-Token": "t"}, body)
        reason = "has more than 256 VIMs, which is the limit (MULTICLOUD_CAPACITY_VIMS)"
        assert text_of(got) == (400, JSON, f'{{"error":"Invalidate request body {reason}."}}')
    assert not aai.seen
    assert not msb.seen
    assert len(ask(api, path, {"VIMs": [vim] * 256})["VIMs"]) == 256
    assert len(msb.seen) == 1


def test_another_number_of_vims(in_process_with: Callable[..., Client]) -> None:
    api = in_process_with(capacity_vims="2")
    assert api.request("POST", V0, {}, b'{"VIMs": ["owner_r0", "owner_r1"]}').status == 200
    assert api.request("POST", V0, {}, b'{"VIMs": ["owner_r0", "owner_r1", null]}').status == 400


@pytest.mark.parametrize("name", ["vCPU", "Memory", "Storage"])
def test_what_goes_to_each_region_is_short(api: Client, msb: Upstream, name: str) -> None:
    wanted = {"vCPU": 1, "Memory": 1, "Storage": 1, "VIMs": ["owner_r0"]}
    assert ask(api, V0, wanted | {name: "x" * 4000}) == {"VIMs": ["owner_r0"]}
    got = api.request("POST", V0, {}, json.dumps(wanted | {name: "x" * 4096}).encode())
    reason = "has vCPU, Memory, Storage of more than 4096 bytes"
    assert text_of(got) == (400, JSON, f'{{"error":"Invalidate request body {reason}."}}')
    assert len(msb.seen) == 1


class Meeting:
    """Replies that wait until so many requests have come; counts how many were there at once."""

    def __init__(self, together: int) -> None:
        self._together = together
        self._changed = threading.Condition()
        self._arrived = self._there = 0
        self.most = 0

    def __call__(self, seen: Seen, wire: Wire) -> None:
        with self._changed:
            self._arrived += 1
            self._there += 1
            self.most = max(self.most, self._there)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._arrived >= self._together, 30), (
                f"only {self._arrived} came"
            )
            self._there -= 1
        ROOM(seen, wire)


NAMES = [f"owner_r{number}" for number in range(8)]


def test_side_by_side(api: Client, msb: Upstream) -> None:
    msb.reply = meeting = Meeting(8)
    assert ask(api, V0, {"VIMs": NAMES}) == {"VIMs": NAMES}
    assert meeting.most == 8


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_at_once_than_a_setting(
    in_process_with: Callable[..., Client], msb: Upstream, parallel: int
) -> None:
    msb.reply = meeting = Meeting(parallel)
    assert ask(in_process_with(capacity_parallel=str(parallel)), V0, {"VIMs": NAMES}) == {"VIMs": NAMES}
    assert meeting.most == parallel
