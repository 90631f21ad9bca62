"""One client's socket on the hub: plain non-blocking calls, and waits that end at a deadline.

From its first wait on, the reading side stays registered with the hub, so that a kept-alive request costs one
epoll_wait and no epoll_ctl. If something arrives that nobody waits for (the next request while the application
still runs), the registration is taken back until the next wait, or epoll would report it for ever.
"""

from __future__ import annotations

import errno
import struct
import time
from typing import Any

from greenlet import getcurrent

from mooring.http.errors import RequestError
from mooring.worker import engine
from mooring.worker.deadlines import NEVER, Deadlines, Pace
from mooring.worker.hub import running_loop

CHUNK = 65536
"""Bytes that one read takes at most."""

STRETCH = 1 << 20
"""Bytes that one transfer may move without letting others have their turn."""

READ_LATER = (BlockingIOError, engine.raw_ssl.SSLWantReadError)
WRITE_LATER = (BlockingIOError, engine.raw_ssl.SSLWantWriteError)
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT, errno.EHOSTUNREACH)
"""What sendfile(2) says of a connection that is over; all else it says of the file."""

SHUT_WR = engine.raw_socket.SHUT_WR
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, no seconds


class GoneError(ConnectionError):
    """The client has closed or reset the connection."""


class ExpiredError(TimeoutError):
    """A wait was not over at its deadline."""


class Transport:
    """A connected socket. A method that has to wait switches to the hub: only the calling green thread waits.

    Deadlines are moments of time.monotonic(). A wait raises ExpiredError at its deadline; every method raises
    GoneError when the connection is broken.
    """

    __slots__ = (
        "_deadlines",
        "_hub",
        "_listener",
        "_stretch",
        "_waiter",
        "deadline",
        "descriptor",
        "is_tls",
        "sock",
    )

    def __init__(self, sock: Any, deadlines: Deadlines) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.descriptor: int = sock.fileno()
        self.deadline = NEVER
        self.is_tls = False
        self._deadlines = deadlines
        self._hub = engine.hub()
        self._hub.mark_as_reopened(self.descriptor)
        self._listener: Any = None
        self._waiter: Any = None
        self._stretch = 0

    def start_tls(self, context: Any, deadline: float) -> None:
        """Do the server's part of a TLS handshake. Raises RequestError, with the reason, when it fails."""
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.is_tls = True
        while True:
            try:
                self.sock.do_handshake()
            except engine.raw_ssl.SSLWantReadError:  # noqa: PERF203 - waiting is what the loop is for
                self._wait_readable(deadline)
            except engine.raw_ssl.SSLWantWriteError:
                self._wait_writable(deadline)
            except engine.raw_ssl.SSLError as error:
                raise RequestError(400, f"the TLS handshake failed: {error.reason or error}") from error
            except OSError as error:
                raise GoneError(str(error)) from error
            else:
                return

    def recv(self, deadline: float, size: int = CHUNK) -> bytes:
        """Return what has arrived, at most ``size`` bytes, waiting for it; empty: the client has sent its end."""
        while True:
            try:
                received: bytes = self.sock.recv(size)
            except READ_LATER:  # noqa: PERF203 - waiting is what the loop is for
                self._wait_readable(deadline)
            except WRITE_LATER:
                self._wait_writable(deadline)
            except OSError as error:
                raise GoneError(str(error)) from error
            else:
                return received

    def recv_later(self, deadline: float) -> bytes:
        """Do as ``recv``, in the belief that nothing has arrived yet."""
        if not self.is_tls:  # what TLS has decrypted already does not show on the descriptor
            self._wait_readable(deadline)
        return self.recv(deadline)

    def recv_exactly(self, size: int, deadline: float) -> bytes:
        """Return that many bytes, leaving what follows unread."""
        received = b""
        while len(received) < size:
            piece = self.recv(deadline, size - len(received))
            if not piece:
                raise GoneError("the client closed early")
            received += piece
        return received

    def recv_paced(self, pace: Pace) -> bytes:
        """Do as ``recv``, with the patience of ``pace`` for a deadline."""
        start = time.monotonic()
        received = self.recv(start + pace.left)
        pace.account(time.monotonic() - start, len(received))
        self.be_fair(len(received))
        return received

    def recv_now(self) -> bytes:
        """Return what has arrived already; empty if nothing has."""
        try:
            received: bytes = self.sock.recv(CHUNK)
        except OSError:
            return b""
        return received

    def events(self) -> int:
        """Return what poll(2) says of the connection now: whether it takes data, has ended, or has been shut by the client."""
        descriptor = self.sock.fileno()
        if descriptor < 0:
            return engine.ENDED
        poll = engine.raw_select.poll()
        poll.register(descriptor, engine.raw_select.POLLOUT | engine.raw_select.POLLRDHUP)
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
                    sent = engine.raw_os.sendfile(self.descriptor, source, offset + done, count - done)
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
                block = engine.raw_os.pread(source, min(CHUNK, count - done), offset + done)
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
            engine.yield_turn()

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
            engine.raw_socket.socket.shutdown(self.sock, engine.raw_socket.SHUT_RDWR)
        except OSError:
            return

    def close(self, *, reset: bool = False) -> None:
        """Close. With ``reset`` the client sees an error rather than an end (of a response cut short)."""
        self._forget()
        if reset:
            self.sock.setsockopt(engine.raw_socket.SOL_SOCKET, engine.raw_socket.SO_LINGER, RESET_ON_CLOSE)
        elif self.is_tls:
            self._close_notify()
        self.sock.close()

    def expire(self) -> None:
        """End the present wait by ExpiredError. To be called on the hub."""
        self.deadline = NEVER
        if self._waiter is not None:
            self._waiter.throw(ExpiredError)

    def _close_notify(self) -> None:
        try:
            self.sock.unwrap()  # sends our close_notify (RFC 8446 6.1); the client's is not waited for
        except (OSError, ValueError):
            return

    def _wait_readable(self, deadline: float) -> None:
        if self._listener is None:
            hub = self._hub
            self._listener = hub.add(hub.READ, self.descriptor, self._on_readable, self._on_obsolete, None)
        self._wait(deadline)

    def _wait_writable(self, deadline: float) -> None:
        hub = self._hub
        waiter = getcurrent()
        listener = hub.add(hub.WRITE, self.descriptor, waiter.switch, waiter.throw, None)
        self._forget()  # whatever arrives meanwhile can wait
        try:
            self._wait(deadline)
        finally:
            hub.remove(listener)

    def _wait_writable_paced(self, pace: Pace, progress: int) -> None:
        start = time.monotonic()
        self._wait_writable(start + pace.left)
        pace.account(time.monotonic() - start, progress)

    def _wait(self, deadline: float) -> None:
        self._stretch = 0
        waiter = self._waiter = getcurrent()
        self.deadline = deadline
        if deadline < self._deadlines.next:
            self._deadlines.at_latest(deadline)
        hub = self._hub
        try:
            # Hub.switch also adopts greenlets that an application has made by itself, which ours and Eventlet's need not
            if waiter.parent is hub.greenlet and running_loop() is None:
                hub.greenlet.switch()
            else:
                hub.switch()
        finally:
            self._waiter = None
            self.deadline = NEVER

    def _on_readable(self, _: int) -> None:
        if self._listener is None:
            return  # taken back since epoll reported it
        if self._waiter is None:
            self._forget()
        else:
            self._waiter.switch()

    def _on_obsolete(self, error: BaseException) -> None:
        """Take it that the descriptor has been closed under the hub (by the application, say)."""
        self._listener = None
        if self._waiter is not None:
            self._waiter.throw(GoneError(str(error)))

    def _forget(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            self._hub.remove(listener)
