"""The stand-in's server: a thread for each connection, a record of all requests, replies as the test says."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from support.upstream.wire import GoneError, Seen, Wire

DEADLINE = 30  # seconds

Reply = Callable[[Seen, Wire], None]


def respond(status: int = 200, body: bytes = b"", *fields: tuple[str, str]) -> Reply:
    """Reply with a whole body and its length."""

    def reply(seen: Seen, wire: Wire) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        length = "" if status in (204, 304) else f"Content-Length: {len(body)}\r\n"
        content = b"" if seen.method == "HEAD" or status in (204, 304) else body
        wire.send(f"HTTP/1.1 {status} Whatever\r\n{lines}{length}\r\n".encode("latin-1") + content)

    return reply


def respond_json(value: object, status: int = 200, *fields: tuple[str, str]) -> Reply:
    """Reply with JSON."""
    return respond(status, json.dumps(value).encode(), ("Content-Type", "application/json"), *fields)


def raw(data: bytes, ending: str = "close") -> Reply:
    """Reply with these bytes, then ``close`` or ``reset`` the connection, or ``keep`` it."""

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(data)
        if ending != "keep":
            getattr(wire, ending)()

    return reply


def chunked(*pieces: bytes, status: int = 200, end: bool = True) -> Reply:
    """Reply with a body in these chunks; without ``end`` the connection is closed before the last chunk."""

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(f"HTTP/1.1 {status} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in pieces:
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            wire.send(b"0\r\n\r\n")
        else:
            wire.close()

    return reply


def drop(_seen: Seen, wire: Wire) -> None:
    """Close the connection without a word."""
    wire.close()


def silent_until(event: threading.Event) -> Reply:
    """Say nothing until the event is set, or the client goes."""

    def reply(_seen: Seen, wire: Wire) -> None:
        event.wait(60)
        wire.close()

    return reply


class Upstream:
    """A server on a free port of loopback. ``reply`` is called for each request; ``seen`` has all of them."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._wires: set[Wire] = set()
        self._lock = threading.Lock()
        self._replying = 0
        self._replied = threading.Condition(self._lock)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.read_bodies = True
        self.connections = 0
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Forget all requests and replies."""
        self.seen: list[Seen] = []
        self.reply: Reply = respond(200, b"{}", ("Content-Type", "application/json"))
        self.read_bodies = True

    def only(self) -> Seen:
        """Return the one request that came."""
        assert len(self.seen) == 1, [f"{each.method} {each.target}" for each in self.seen]
        return self.seen[0]

    def quiet(self) -> None:
        """Wait until each reply that has begun is at its end: one that closes does so after its last byte."""
        with self._replied:
            assert self._replied.wait_for(lambda: not self._replying, DEADLINE), "a reply does not end"

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.close()

    def cut(self) -> None:
        """Cut all connections, and go on listening."""
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:  # the client did not like the certificate
                connection.close()
                return
        wire = Wire(connection)
        with self._lock:
            self._wires.add(wire)
            self.connections += 1
        try:
            while wire.open:
                seen = wire.read_head()
                if self.read_bodies:
                    wire.read_body(seen)
                with self._lock:
                    self.seen.append(seen)
                    self._replying += 1
                try:
                    self.reply(seen, wire)
                finally:
                    with self._replied:
                        self._replying -= 1
                        self._replied.notify_all()
        except (GoneError, OSError):
            pass
        finally:
            with self._lock:
                self._wires.discard(wire)
            with contextlib.suppress(OSError):
                connection.close()


def region_reply(regions: dict[tuple[str, str], Any]) -> Reply:
    """Reply as A&AI: the region of the path, or 404. A value that is callable replies itself."""

    def reply(seen: Seen, wire: Wire) -> None:
        owner, region = seen.target.split("/")[-2:]
        known = regions.get((owner, region))
        if known is None:
            respond_json({"requestError": {}}, 404)(seen, wire)
        elif callable(known):
            known(seen, wire)
        else:
            respond_json(known)(seen, wire)

    return reply


def region(cloud_type: object = "openstack", version: object = "pike") -> dict[str, object]:
    """Return what A&AI tells of a region of that type and version."""
    return {
        "cloud-owner": "owner",
        "cloud-region-id": "region",
        "cloud-type": cloud_type,
        "cloud-region-version": version,
    }
