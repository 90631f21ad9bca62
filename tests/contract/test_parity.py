"""Both frameworks answer any request alike, and none answers with a traceback or a 500 that the contract lacks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api import FRAMEWORKS, HTML, PREFIX, Client, Stage
from support.places import SOURCES
from support.upstream.clients import Got, OverSocket
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
from support.waiting import DEADLINE

VISIBLE = [chr(code) for code in (*range(33, 127), *range(128, 256))]
"""What a target may hold, one character per byte."""
WORDS = """
v0 v1 vim_types swagger.json check_vim_capacity owner_region owner region identity v3 auth tokens registry
extensions infra_workload networks vmware_fake alien_region . .. %2F %0A %ff %E2%82%AC multicloud api no_where
_ a_ owner%5Fregion \xc3\xa9 \xff a;b %3B
"""
SEGMENTS = st.sampled_from(["", *WORDS.split()]) | st.text(
    [each for each in VISIBLE if each not in "?#/"], max_size=8
)


def paths(start: str, most: int) -> st.SearchStrategy[str]:
    """Any path that starts so, with at most so many segments more."""
    return st.lists(SEGMENTS, max_size=most).map(lambda segments: "/".join([start, *segments]))


REGION_PATHS = st.sampled_from([f"{PREFIX}/v0/owner_region", f"{PREFIX}/v1/owner/region"]).flatmap(
    lambda base: (
        paths(base, 4) | st.sampled_from(["/networks", "/identity/v3", "/infra_workload/1"]).map(base.__add__)
    )
)
PATHS = st.one_of(
    REGION_PATHS,
    REGION_PATHS,
    REGION_PATHS,
    st.sampled_from(["v0/vim_types", "v1/vim_types", "v0/swagger.json", "v0/alien_region/x"]).map(
        f"{PREFIX}/".__add__
    ),
    st.sampled_from(["v0/check_vim_capacity", "v1/check_vim_capacity"]).map(f"{PREFIX}/".__add__),
    paths(PREFIX, 6),
    paths("", 5),
)
QUERIES = st.just("") | st.text(alphabet=[each for each in VISIBLE if each != "#"], max_size=15).map(
    "?".__add__
)
METHODS = st.sampled_from(
    [
        "GET",
        "GET",
        "GET",
        "POST",
        "POST",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "FOO",
        "get",
    ]
)
VALUES = st.text(alphabet=[chr(code) for code in [*range(32, 127), *range(160, 256)]], max_size=20).map(
    str.strip
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(["*/*", "application/json", "text/html;q=0.5, */*", "text/html"]),
        "Content-Type": st.sampled_from(
            [
                "application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "text/plain",
            ]
        )
        | VALUES,
        "X-Auth-Token": VALUES,
        "Cookie": VALUES,
        "X-TransactionId": VALUES,
        "Project": VALUES,
        "Connection": st.sampled_from(["X-Auth-Token, keep-alive", "close", "Content-Type"]),
        "X-Http-Method-Override": METHODS,
        "Range": VALUES,
        "If-None-Match": VALUES,
        "X-Forwarded-For": VALUES,
        "Referer": VALUES,
        "Authorization": VALUES,
        "X-Requested-With": st.just("XMLHttpRequest"),
    },
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.sampled_from(
        [
            b'{"VIMs": ["owner_region", 7, "no_where"]}',
            b'{"VIMs": [{"cloud-owner": "owner", "cloud-region-id": "region"}]}',
            b"{}",
            b"_method=DELETE",
            b"--x--",
        ]
    ),
)
REPLIES = st.one_of(
    st.builds(
        respond,
        st.sampled_from([200, 200, 201, 202, 204, 206, 304, 400, 401, 404, 500, 503]),
        st.sampled_from([b"", b"{}", b'{"result": true}', b"\xff\x00", b"x" * 100_000]),
        st.sampled_from(
            [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Location", "/x"), ("X-A", "")]
        ),
    ),
    st.sampled_from(
        [
            drop,
            raw(b"nonsense\r\n\r\n"),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
            chunked(b"a", b"b"),
            chunked(b"a", end=False),
            respond_json({"result": True, "AZs": [1]}),
            raw(
                b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", "keep"
            ),
        ]
    ),
)
AAI = st.sampled_from(
    [
        *[region_reply({("owner", "region"): region(), ("alien", "region"): region("alien")})] * 12,
        respond(200, b"{}"),
        respond(200, b"nonsense"),
        respond(500),
        drop,
    ]
)
PERMITTED_500 = (b"The answer of A&AI cannot be used: ", b"The driver's answer could not be had from MSB: ")
OF_THE_SERVER = {"x-request-id", "date"}


def essence(got: Got) -> tuple[int, str, list[tuple[str, str]], bytes]:
    """Return what must be the same: all of an answer but what differs from request to request."""
    return got.status, got.reason, [(n, v) for n, v in got.fields if n.lower() not in OF_THE_SERVER], got.body


def seen_by(upstream: Upstream) -> list[tuple[str, str, list[tuple[str, str]], bytes]]:
    """Return what an upstream has seen, less the request's id where it was made up."""
    return sorted(
        (
            seen.method,
            seen.target,
            [each for each in seen.fields if each[0].lower() != "x-transactionid"],
            seen.body,
        )
        for seen in upstream.seen
    )


def check(stage: Stage, clients: list[Client], request: tuple[Any, ...], aai: Reply, msb: Reply) -> None:
    """Send a request to each client and compare what comes back, and what the upstreams saw of it."""
    results = []
    for client in clients:
        stage.reset()
        stage.aai.reply, stage.msb.reply = aai, msb
        got = client.request(*request)
        assert b"Traceback" not in got.body
        if got.status == 500 and not stage.msb.seen:
            assert got.body.startswith(PERMITTED_500) or request[0] == "HEAD"
            assert got.value("Content-Type") == HTML
        stage.aai.quiet()  # or the next request could still meet a connection that is about to be closed
        stage.msb.quiet()
        results.append((essence(got), seen_by(stage.aai), seen_by(stage.msb)))
    assert results[0] == results[1]


def requests_and_replies(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a test as many different requests, with what A&AI and MSB answer them."""
    unhurried = settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    given_all = given(METHODS, PATHS, QUERIES, FIELDS, BODIES, AAI, REPLIES)
    return lambda test: unhurried(given_all(test))


@requests_and_replies(500)
def test_any_request_in_process(
    stage: Stage,
    method: str,
    path: str,
    query: str,
    fields: dict[str, str],
    body: bytes | None,
    aai: Reply,
    msb: Reply,
) -> None:
    clients = [stage.client(framework, "process") for framework in FRAMEWORKS]
    check(stage, clients, (method, path + query, fields, body), aai, msb)


@requests_and_replies(150)
def test_any_request_over_a_socket(
    stage: Stage,
    method: str,
    path: str,
    query: str,
    fields: dict[str, str],
    body: bytes | None,
    aai: Reply,
    msb: Reply,
) -> None:
    clients = [stage.client(framework, "socket") for framework in FRAMEWORKS]
    check(stage, clients, (method, path + query, fields, body), aai, msb)


def parity(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the comparison as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "multicloud.parity", *arguments],
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE,
        env={"PYTHONPATH": SOURCES},
        check=False,
    )


@pytest.fixture
def urls(stage: Stage) -> list[str]:
    """Base URLs of both frameworks' workers."""
    clients = [stage.client(framework, "socket") for framework in FRAMEWORKS]
    return [f"http://127.0.0.1:{client.port}" for client in clients if isinstance(client, OverSocket)]


def test_the_tool_finds_no_difference(urls: list[str], msb: Upstream) -> None:
    done = parity(*urls, "--region", "owner_region")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" requests, 0 differences\n")
    assert int(done.stdout.split()[0]) > 150
    assert {seen.method for seen in msb.seen} == {"GET"}, "the tool changes nothing"


def test_the_tool_finds_a_difference(urls: list[str]) -> None:
    other = Upstream()
    try:
        done = parity(urls[0] + PREFIX, other.url)
    finally:
        other.close()
    assert done.returncode == 1
    assert f"GET {'/v0/vim_types'}" in done.stdout
    assert f"  {urls[0]}\n    200 content-type: 'application/json" in done.stdout
    assert " differences\n" in done.stdout


def test_the_tool_says_what_it_lacks(urls: list[str]) -> None:
    gone = Upstream()
    gone.close()
    done = parity(urls[0], gone.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Connection refused" in done.stderr
    for wrong in ((urls[0],), (urls[0], "localhost:9001"), (*urls, "--region", "nowhere")):
        done = parity(*wrong)
        assert done.returncode == 2
        assert "usage:" in done.stderr
