"""An upstream that takes its time: ``python -m bench.upstream`` prints its port, then answers each GET after DELAY.

It reads heads only (what the benchmark forwards has no body), so it costs little beside what is measured; the
benchmark measures it alone as well, to show that.
"""

from __future__ import annotations

import asyncio
import sys

DELAY = 0.1
"""Seconds from the end of a request's head to its answer."""

BODY = b'{"slow": true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
BACKLOG = 4096


class Slow(asyncio.Protocol):
    """One connection; requests on it are answered one after the other."""

    def __init__(self) -> None:
        self._arrived = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream server gives no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every head that is complete, a while later."""
        self._arrived += data
        while (end := self._arrived.find(b"\r\n\r\n")) >= 0:
            self._arrived = self._arrived[end + 4 :]
            asyncio.get_running_loop().call_later(DELAY, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve() -> None:
    """Serve on a free port of loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0, backlog=BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
