"""One client's socket on the hub: plain non-blocking calls, and waits that end at a deadline."""

from __future__ import annotations

import errno
import struct
import time
from typing import Any

from mooring.http.errors import RequestError
from mooring.worker.engines.eventlet import base
from mooring.worker.engines.eventlet.deadlines import Deadlines
from mooring.worker.engines.eventlet.turns import ask_briefly, take_turn
from mooring.worker.engines.eventlet.waits import DescriptorWaits
from mooring.worker.pace import Pace
from mooring.worker.transport import CHUNK, ENDED, SHUT_BY_PEER, WRITABLE, GoneError

STRETCH = 1 << 20
"""Bytes that one transfer may move without letting others have their turn."""

READ_LATER = (BlockingIOError, base.raw_ssl.SSLWantReadError)
WRITE_LATER = (BlockingIOError, base.raw_ssl.SSLWantWriteError)
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT, errno.EHOSTUNREACH)
"""What sendfile(2) says of a connection that is over; all else it says of the file."""

SHUT_WR = base.raw_socket.SHUT_WR
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, no seconds


class EventletTransport(DescriptorWaits):
    """A connected socket (`mooring.worker.transport.Transport`)."""

    __slots__ = ("is_tls", "sock")

    take_turn = staticmethod(take_turn)
    ask_briefly = staticmethod(ask_briefly)

    def __init__(self, sock: Any, deadlines: Deadlines) -> None:
        sock.setblocking(False)
        super().__init__(sock.fileno(), deadlines)
        self.sock = sock
        self.is_tls = False

    def start_tls(self, context: Any, deadline: float) -> None:
        """Do the server's part of a TLS handshake. Raises RequestError, with the reason, when it fails."""
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.is_tls = True
        while True:
            try:
                self.sock.do_handshake()
            except base.raw_ssl.SSLWantReadError:  # noqa: PERF203 - waiting is what the loop is for
                self._wait_readable(deadline)
            except base.raw_ssl.SSLWantWriteError:
                self._wait_writable(deadline)
            except base.raw_ssl.SSLError as error:
                raise RequestError(400, f"the TLS handshake failed: {error.reason or error}") from error
            except OSError as error:
                raise GoneError(str(error)) from error
            else:
                return

    def recv(self, deadline: float, size: int = CHUNK) -> bytes:
        """Return what has arrived, at most ``size`` bytes, waiting for it; empty: the client has sent its end."""
        while True:
            try:
                data: bytes = self.sock.recv(size)
            except READ_LATER:  # noqa: PERF203 - waiting is what the loop is for
                self._wait_readable(deadline)
            except WRITE_LATER:
                self._wait_writable(deadline)
            except OSError as error:
                raise GoneError(str(error)) from error
            else:
                return data

    def recv_later(self, deadline: float) -> bytes:
        """Do as ``recv``, in the belief that nothing has arrived yet."""
        if not self.is_tls:  # what TLS has decrypted already does not show on the descriptor
            self._wait_readable(deadline)
        return self.recv(deadline)

    def recv_exactly(self, size: int, deadline: float) -> bytes:
        """Return that many bytes, leaving what follows unread."""
        data = b""
        while len(data) < size:
            piece = self.recv(deadline, size - len(data))
            if not piece:
                raise GoneError("the client closed early")
            data += piece
        return data

    def recv_paced(self, pace: Pace) -> bytes:
        """Do as ``recv``, with the patience of ``pace`` for a deadline."""
        start = time.monotonic()
        data = self.recv(start + pace.left)
        pace.account(time.monotonic() - start, len(data))
        self.be_fair(len(data))
        return data

    def recv_now(self) -> bytes:
        """Return what has arrived already; empty if nothing has."""
        try:
            data: bytes = self.sock.recv(CHUNK)
        except OSError:
            return b""
        return data

    def events(self) -> int:
        """Return what poll(2) says of the connection now: whether it takes data, has ended, or has been shut by the client."""
        descriptor = self.sock.fileno()
        if descriptor < 0:
            return ENDED
        poll = base.raw_select.poll()
        poll.register(descriptor, WRITABLE | SHUT_BY_PEER)
        return sum(events for _, events in poll.poll(0))

    def send_now(self, data: bytes) -> memoryview | None:
        """Hand what fits of the data to the kernel; return the rest, None if there is none."""
        try:
            sent = self.sock.send(data)
        except (*WRITE_LATER, *READ_LATER):
            sent = 0
        except OSError as error:
            raise GoneError(str(error)) from error
        return None if sent == len(data) else memoryview(data)[sent:]

    def send(self, data: bytes | memoryview, pace: Pace) -> None:
        """Hand all the data to the kernel, waiting for room with the patience of ``pace``."""
        while True:
            try:
                sent = self.sock.send(data)
            except WRITE_LATER:
                sent = 0
            except READ_LATER:
                self._wait_readable(time.monotonic() + pace.left)
                continue
            except OSError as error:
                raise GoneError(str(error)) from error
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._wait_writable_paced(pace, sent)

    def send_file(self, source: int, offset: int, count: int, pace: Pace) -> int:
        """Send a part of an open file; return how many bytes there were.

        By sendfile(2), or by reading where the kernel cannot: TLS, some filesystems. Raises OSError when the file
        cannot be read.
        """
        done = 0
        by_kernel = not self.is_tls
        while done < count:
            sent = 0
            if by_kernel:
                try:
                    sent = base.raw_os.sendfile(self.descriptor, source, offset + done, count - done)
                except BlockingIOError:
                    self._wait_writable_paced(pace, 0)
                    continue
                except OSError as error:
                    if error.errno in GONE:
                        raise GoneError(str(error)) from error
                    by_kernel = False
                else:
                    pace.account(0.0, sent)
            if not by_kernel:
                block = base.raw_os.pread(source, min(CHUNK, count - done), offset + done)
                self.send(block, pace)
                sent = len(block)
            if sent == 0:
                break
            self.be_fair(sent)
            done += sent
        return done

    def be_fair(self, size: int) -> None:
        """Count bytes that came through without a wait; after STRETCH of them, let others have the hub."""
        self._stretch += size
        if self._stretch > STRETCH:
            self._stretch = 0
            base.yield_turn()

    def shutdown(self) -> bool:
        """Tell the client that nothing more will come; return False if it is gone already."""
        try:
            if self.is_tls:
                self._close_notify()
            self.sock.shutdown(SHUT_WR)
        except OSError:
            return False
        return True

    def hand_over(self) -> None:
        """Watch the socket no more: others wait for it."""
        self._forget()

    def break_off(self) -> None:
        """End both directions: who reads finds the end, and what had arrived before it.

        SSLSocket's own shutdown() would forget TLS: what had arrived would then be read as it was encrypted.
        """
        try:
            base.raw_socket.socket.shutdown(self.sock, base.raw_socket.SHUT_RDWR)
        except OSError:
            return

    def close(self, *, reset: bool = False) -> None:
        """Close. With ``reset`` the client sees an error rather than an end (of a response cut short)."""
        self._forget()
        if reset:
            self.sock.setsockopt(base.raw_socket.SOL_SOCKET, base.raw_socket.SO_LINGER, RESET_ON_CLOSE)
        elif self.is_tls:
            self._close_notify()
        self.sock.close()

    def _close_notify(self) -> None:
        try:
            self.sock.unwrap()  # sends our close_notify (RFC 8446 6.1); the client's is not waited for
        except (OSError, ValueError):
            return
