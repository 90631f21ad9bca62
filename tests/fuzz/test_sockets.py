"""What comes over the sockets of the service user: answers of status sockets, and of supervisord's control socket."""

from __future__ import annotations

import json
import socket
import time
import xmlrpc.client
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring import rpc, status_socket, texts, untrusted
from mooring.host import status
from mooring.host.server import Process
from mooring.untrusted import UntrustedError
from support import fuzzing
from support.fuzzing import (
    PARSER,
    bounded,
    changed,
    check_all_plain,
    check_json,
    check_plain,
    documents,
    spoilt,
)

ANSWER = {
    "ready": True,
    "state": "ready",
    "pid": 4711,
    "instance": "api",
    "colour": "blue",
    "number": 0,
    "release": "0123456789ab",
    "framework": "django",
    "requests": 12,
    "load": 0.25,
    "workers": [{"pid": 7, "state": "ready"}],
}


@settings(PARSER)
@given(documents(ANSWER))
@example(b'{"load": 1e999}')
@example(b'{"load": 0.' + b"9" * 100_000 + b"}")
def test_an_answer_of_a_status_socket(line: bytes) -> None:
    with bounded():
        try:
            found = status_socket.parse(line)
        except ValueError as error:
            check_plain(str(error))
            assert len(str(error)) < 600
            return
    check_json(found)
    check_all_plain(found)
    for name, kind in status_socket.FIELDS.items():
        assert name not in found or type(found[name]) is kind
    assert len(line) <= status_socket.MAX_ANSWER


@settings(PARSER)
@given(documents(ANSWER))
@example(b'{"supervisord": [], "name": null}')
@example(b'{"name": "api-green:0", "supervisord": "FATAL"}')
def test_the_status_that_is_made_of_answers(line: bytes) -> None:
    try:
        answer = status_socket.parse(line)
    except ValueError:
        answer = {"error": "no answer"}
    process = Process("api-blue", "0", "RUNNING", 4711, 0, None)
    with bounded():
        facts = status._facts(process, answer)
        found = {"instance": "api", "sockets": [], "companions": []}
        text = status.as_text({**found, "bootstrap": facts, "colours": {"blue": [facts]}})
    check_plain(text, kept="\n")
    assert (facts["name"], facts["supervisord"], facts["pid"]) == ("api-blue:0", "RUNNING", 4711)
    assert len(text.splitlines()) == 3


PROCESS = {
    "group": "api-blue",
    "name": "0",
    "statename": "RUNNING",
    "pid": 4711,
    "exitstatus": 0,
    "stderr_logfile": "/srv/log/api-blue-0.err",
    "stdout_logfile": "",
    "spawnerr": "",
    "start": 1_700_000_000,
}
SOCKET = {"url": "tcp://127.0.0.1:9001", "adopted": False, "groups": ["api-blue"]}


def dumped(value: Any) -> bytes:
    """Write an answer as supervisord does, and what it never says as far as XML-RPC can."""
    return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode(
        "utf-8", "surrogatepass"
    )


def sayable(value: Any) -> Any:
    """Leave out what XML-RPC has no words for: large numbers stand in the XML itself (`XML`)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**31), min(2**31 - 1, value))
    if isinstance(value, dict):
        return {name: sayable(each) for name, each in value.items()}
    return [sayable(each) for each in value] if isinstance(value, list) else value


XML = [
    b"<value>",
    b"</value>",
    b"<int>",
    b"</int>",
    b"<i4>1</i4>",
    b"<nil/>",
    b"<double>nan</double>",
    b"<double>1e999</double>",
    b"<boolean>2</boolean>",
    b"<boolean>x</boolean>",
    b"<array><data>",
    b"</data></array>",
    b"<struct><member><name>x</name>",
    b"</member></struct>",
    b"<fault>",
    b"</fault>",
    b"<params>",
    b"</params>",
    b"<methodResponse>",
    b"</methodResponse>",
    b"<dateTime.iso8601>x</dateTime.iso8601>",
    b"<base64>x</base64>",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"&#27;",
    b"&#x202e;",
    b"&x;",
    b"<![CDATA[\x9b]]>",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<?xml version='1.0' encoding='idna'?>",
    b"<?xml version='1.0' encoding='latin-1'?>\xe9",
    b"<!-- x -->",
    b"9" * 400,
    b"\x1b[2J",
]


@st.composite
def xml_answers(draw: st.DrawFn) -> bytes:
    """Draw an answer of supervisord's, or one that resembles it, and put further elements into it."""
    value = sayable(draw(changed([PROCESS, PROCESS]) | changed([SOCKET]) | changed("text") | changed(1)))
    fault = xmlrpc.client.Fault(draw(st.integers(-9, 99)), draw(fuzzing.TEXTS))
    data = draw(st.sampled_from([dumped(value), xmlrpc.client.dumps(fault).encode("utf-8", "surrogatepass")]))
    for _ in range(draw(st.sampled_from([0, 1, 2, 4]))):
        ends = [place + 1 for place, byte in enumerate(data) if byte == ord(">")] or [0]
        at = draw(st.sampled_from(ends))
        data = data[:at] + draw(st.sampled_from(XML)) * draw(st.sampled_from([1, 1, 1, 50])) + data[at:]
    return data


def answer_with(inner: bytes) -> bytes:
    """Write an answer whose value is this XML."""
    return b"<methodResponse><params><param><value>" + inner + b"</value></param></params></methodResponse>"


@settings(PARSER)
@given(spoilt(xml_answers()))
@example(answer_with(b"<int><nil/>" + b"9" * 400 + b"</int>"))
@example(answer_with(b"<double>1e999</double>"))
@example(answer_with(b"<double>nan</double>"))
@example(answer_with(b"<array><data><value>" * 300 + b"</value></data></array>" * 300))
@example(b"<methodResponse><fault><value><int>1</int></value></fault></methodResponse>")
def test_an_answer_of_the_control_socket(answer: bytes) -> None:
    with bounded():
        try:
            found = rpc.parse(answer)
        except UntrustedError as error:
            check_plain(str(error.strerror))
            return
        except xmlrpc.client.Fault as fault:
            assert type(fault.faultCode) is int
            check_plain(fault.faultString)
            return
    check_json(texts.plain_value(found))
    check_all_plain(texts.plain_value(found))


HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x--",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello",
    b"HTTP/1.1 500 No\r\n\r\n",
]


@settings(PARSER)
@given(spoilt(st.sampled_from(HEADS)))
def test_the_http_around_an_answer_of_the_control_socket(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, bounded():
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            body = rpc._body(ours, time.monotonic() + fuzzing.HANGS)
        except OSError as error:
            check_plain(str(error.strerror))
            return
    assert type(body) is bytes
    assert len(body) <= len(data)


@settings(PARSER)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_more_than_the_bound_is_received(data: bytes, most: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, bounded():
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            line = untrusted.BoundedReader(ours, time.monotonic() + fuzzing.HANGS, most).line()
        except UntrustedError:
            assert len(data) > most
            return
    assert len(line) <= most
    assert data.startswith(line)
    assert line == data or line.endswith(b"\n")


def test_sound_answers_are_taken() -> None:
    assert status_socket.parse(json.dumps(ANSWER).encode()) == ANSWER
    assert rpc.parse(dumped([PROCESS])) == [PROCESS]
