"""Calls to supervisord, which runs as the service user: what it answers is bounded and checked like all of a lower trust.

XML-RPC over its unix socket, in bounded time and size; of XML no more than XML-RPC needs: no document type, so no entities.
Python 3.8's standard library alone, as `mooring.untrusted`.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import xmlrpc.client
from pathlib import Path
from typing import Any
from xml.parsers import expat

from mooring import texts, untrusted
from mooring.untrusted import UntrustedError

MOST = 16 << 20
"""Bytes of the longest answer: a process takes about one thousand."""
PIECE = 65536
ELEMENTS = frozenset(
    {"methodResponse", "params", "param", "fault", "value", "array", "data", "struct", "member", "name"}
    | {"string", "int", "i4", "boolean", "double", "nil"}
)
NUMBERS = frozenset(["int", "i4", "boolean", "double"])
WRONG = (ValueError, TypeError, LookupError, AttributeError, expat.ExpatError, xmlrpc.client.Error)
"""What the standard library's parser raises for an answer that is none."""


def call(control: Path, method: str, arguments: tuple[Any, ...], timeout: float) -> Any:
    """Call a method, and return its answer; `timeout`, in seconds, bounds the whole exchange. OSError; xmlrpc.client.Fault."""
    deadline = time.monotonic() + timeout
    body = xmlrpc.client.dumps(arguments, method).encode()
    head = f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    with untrusted.connect(control, timeout) as client:
        client.sendall(head.encode() + body)
        return parse(_body(client, deadline))


class _Sender:
    """What http.client reads an answer from."""

    def __init__(self, client: socket.socket, deadline: float) -> None:
        self._reader = untrusted.BoundedReader(client, deadline, MOST)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


def _body(client: socket.socket, deadline: float) -> bytes:
    response = http.client.HTTPResponse(_Sender(client, deadline))  # type: ignore[arg-type] # all that it uses
    try:
        response.begin()
        if response.status != http.client.OK:
            raise UntrustedError(f"it answers with the status {response.status}")
        pieces = []
        while piece := response.read(PIECE):  # not at once: a length of terabytes would be allocated
            pieces.append(piece)
    except (http.client.HTTPException, ValueError) as error:
        raise UntrustedError(f"what it answers is no HTTP: {texts.plain(error)}") from error
    finally:
        response.close()
    return b"".join(pieces)


class _Reader:
    """Hands the standard library's unmarshaller the elements that XML-RPC has."""

    def __init__(self) -> None:
        self._target = xmlrpc.client.Unmarshaller()
        self._depth, self._tag, self._length = 0, "", 0
        self.parser = parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        self._target.xml(None, None)  # type: ignore[arg-type] # texts stay texts

    def _refuse(self, *_: object) -> None:
        raise ValueError("it has a document type")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if tag not in ELEMENTS or self._depth > 4 * texts.DEPTH:
            raise ValueError(f"an element {tag:.40}" if tag not in ELEMENTS else "too deeply nested")
        if self._tag in NUMBERS:
            raise ValueError("an element in a number")
        self._tag, self._length = tag, 0
        self._target.start(tag, attributes)

    def _data(self, text: str) -> None:
        self._length += len(text)
        if self._tag in NUMBERS and self._length > texts.DIGITS:
            raise ValueError("a number of too many digits")
        self._target.data(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._tag = ""
        self._target.end(tag)

    def value(self) -> Any:
        return self._target.close()


def parse(answer: bytes) -> Any:
    """Return what an answer holds. Its texts are as they were sent. UntrustedError; xmlrpc.client.Fault, its text plain."""
    reader = _Reader()
    try:
        reader.parser.Parse(answer, True)
        (value,) = reader.value()
        texts.plain_value(value)
    except xmlrpc.client.Fault as fault:
        code, text = fault.faultCode, fault.faultString
        if not isinstance(code, int) or not isinstance(text, str):
            raise UntrustedError("what it answers is no XML-RPC: a fault without code and text") from None
        raise xmlrpc.client.Fault(code, texts.plain(text)) from None
    except WRONG as error:
        raise UntrustedError(f"what it answers is no XML-RPC: {texts.plain(error)}") from error
    return value
