"""A server that does one thing wrong, as often as it is told to: the load generator must report just that.

    load_server.py --fault NAME --on 10,20,30 --count-file FILE [--unix PATH] [--delay SECONDS]
                   [--processes N] [--tls CERTIFICATE KEY]

Prints its port (or path) when it listens. The requests with the given numbers go wrong. A kept connection that
is closed must have carried an answer before: where it has not, the next request on one that has goes wrong. A
thread serves each connection, `--processes` share the listening socket.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

STALL = 1.0  # seconds


class Connection:
    """One client: reads requests, answers them."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.stream = sock.makefile("rb")
        self.answered = 0

    def serve(self) -> None:
        with contextlib.suppress(OSError), self.sock, self.stream:  # the client went away: its right
            while (request := self.read()) is not None:
                method, keep, body = request
                time.sleep(self.server.delay)
                fault = self.server.fault_for(kept=keep, answered=self.answered)
                identifier = json.loads(body)["id"] if method == "POST" else ""
                if not (fault or Connection.answer)(self, identifier, keep) or not keep:
                    return
                self.answered += 1

    def read(self) -> tuple[str, bool, bytes] | None:
        head = []
        while (line := self.stream.readline()) not in (b"", b"\r\n"):
            head.append(line.decode().strip())
        if not head:
            return None
        fields = dict(line.lower().split(": ", 1) for line in head[1:])
        body = self.stream.read(int(fields.get("content-length", 0)))
        return head[0].split()[0], fields.get("connection") != "close", body

    def answer(self, identifier: str, keep: bool) -> bool:
        self.server.count(identifier)
        self.sock.sendall(response(identifier, keep))
        return True

    def end(self) -> bool:
        """Send EOF: after everything that was sent, in the same segment where the socket is corked."""
        self.sock.shutdown(socket.SHUT_WR)
        return False


def response(identifier: str, keep: bool, status: str = "200 OK") -> bytes:
    body = identifier or "right"
    close = "" if keep else "Connection: close\r\n"
    fields = f"Content-Length: {len(body)}\r\nX-Load-Worker: {os.getpid()}\r\n{close}"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n{body}".encode()


# What can go wrong. Each returns whether the connection goes on.


def reset_before(client: Connection, identifier: str, keep: bool) -> bool:
    return _hard_reset(client)


def reset_middle(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(response(identifier, keep)[:-2])
    return _hard_reset(client)


def _hard_reset(client: Connection) -> bool:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.stream.close()
    client.sock.close()
    return False


def close_unanswered(client: Connection, identifier: str, keep: bool) -> bool:
    return client.end()


def count_and_close(client: Connection, identifier: str, keep: bool) -> bool:
    client.server.count(identifier)
    return client.end()


def close_after(client: Connection, identifier: str, keep: bool) -> bool:
    """Answer, and end the connection unannounced, so that the EOF comes along with the answer."""
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    client.answer(identifier, keep)
    return client.end()


def announce_close(client: Connection, identifier: str, keep: bool) -> bool:
    client.answer(identifier, keep=False)
    return client.end()


def short(client: Connection, identifier: str, keep: bool) -> bool:
    client.server.count(identifier)
    client.sock.sendall(response(identifier, keep)[:-2])
    return client.end()


def short_head(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-")
    return client.end()


def twice(client: Connection, identifier: str, keep: bool) -> bool:
    client.server.count(identifier)
    client.sock.sendall(response(identifier, keep) * 2)
    return True


def twice_late(client: Connection, identifier: str, keep: bool) -> bool:
    """Answer, and once more later. Whether the client has read the first answer by then, it has to notice."""
    client.answer(identifier, keep)
    time.sleep(0.1)
    client.sock.sendall(response(identifier, keep))
    return True


def garbage(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    return client.end()


def status(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(response(identifier, keep, status="503 Service Unavailable"))
    return True


def body(client: Connection, identifier: str, keep: bool) -> bool:
    client.server.count(identifier)
    client.sock.sendall(response("wrong", keep))
    return True


def stall(client: Connection, identifier: str, keep: bool) -> bool:
    """Never answer; the client has to give up first."""
    client.sock.recv(1)
    return False


def stall_middle(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(response(identifier, keep)[:-2])
    client.sock.recv(1)
    return False


def slow(client: Connection, identifier: str, keep: bool) -> bool:
    time.sleep(STALL)
    return client.answer(identifier, keep)


def lose(client: Connection, identifier: str, keep: bool) -> bool:
    client.sock.sendall(response(identifier, keep))
    return True


def double(client: Connection, identifier: str, keep: bool) -> bool:
    client.server.count(identifier)
    return client.answer(identifier, keep)


def interim(client: Connection, identifier: str, keep: bool) -> bool:
    """Nothing wrong at all: an interim response comes before the final one (RFC 9110 15.2)."""
    client.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    return client.answer(identifier, keep)


def chunked(client: Connection, identifier: str, keep: bool) -> bool:
    """Nothing wrong at all."""
    client.server.count(identifier)
    text = identifier or "right"
    close = "" if keep else "Connection: close\r\n"
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{close}\r\n"
    client.sock.sendall(f"{head}1\r\n{text[0]}\r\n{len(text) - 1:x}\r\n{text[1:]}\r\n0\r\n\r\n".encode())
    return True


def without_length(client: Connection, identifier: str, keep: bool) -> bool:
    """Nothing wrong at all: the body ends with the connection (RFC 9112 6.3, rule 8)."""
    client.server.count(identifier)
    client.sock.sendall(f"HTTP/1.1 200 OK\r\n\r\n{identifier or 'right'}".encode())
    return client.end()


Fault = Callable[[Connection, str, bool], bool]
FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        reset_before, reset_middle, close_unanswered, count_and_close, close_after, announce_close, short, short_head,
        twice, twice_late, garbage, status, body, stall, stall_middle, slow, lose, double, interim, chunked,
        without_length,
    )
}  # fmt: skip

NEED_ANSWERED = (close_unanswered, count_and_close)


class Server:
    """What all connections share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.delay: float = options.delay
        self._fault = FAULTS.get(options.fault)
        self._due = [int(number) for number in options.on.split(",") if number]
        self._count_file: Path = options.count_file
        self._requests = 0
        self._tls = None
        if options.tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*options.tls)
        self._lock = threading.Lock()

    def fault_for(self, kept: bool, answered: int) -> Fault | None:
        """Count a request; return what is to go wrong with it."""
        with self._lock:
            self._requests += 1
            ready = answered or not kept or self._fault not in NEED_ANSWERED
            if self._due and self._due[0] <= self._requests and ready:
                self._due.pop(0)
                return self._fault
        return None

    def count(self, identifier: str) -> None:
        if identifier:
            with self._count_file.open("ab", buffering=0) as file:
                file.write(f"{identifier}\n".encode())

    def run(self, listener: socket.socket) -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        if self._tls is not None:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True)
            except OSError:
                return  # the client does not like the certificate: its right
        Connection(self, sock).serve()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default="")
    parser.add_argument("--on", default="")
    parser.add_argument("--count-file", type=Path, required=True)
    parser.add_argument("--unix")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    listener = socket.socket(socket.AF_UNIX if options.unix else socket.AF_INET)
    listener.bind(options.unix or ("127.0.0.1", 0))
    listener.listen(1024)
    for _ in range(options.processes - 1):
        if os.fork() == 0:
            break
    else:
        print(options.unix or listener.getsockname()[1], flush=True)
    Server(options).run(listener)


if __name__ == "__main__":
    sys.exit(main())
