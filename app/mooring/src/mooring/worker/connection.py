"""One client's connection, from its first byte to its end: requests in, responses out, one after the other.

A connection is SILENT until its first byte, IDLE between requests, else BUSY. Each wait has a deadline that is a
total. How it ends matters: closing while the client still sends makes the kernel answer with a reset, which can
take back a response that the client has not read yet. So where the client may be sending, our side is shut first and
what comes is read away for a moment (RFC 9112 9.6).
"""

from __future__ import annotations

import io
import os
import time
from typing import Any

import eventlet
from greenlet import GreenletExit, getcurrent

from mooring.http import proxy_protocol
from mooring.http.environ import believe, connection_environ, request_environ
from mooring.http.errors import RequestError
from mooring.http.own_responses import FAILED, PLAIN_TEXT, REASONS, refusal_response, respond_for_server
from mooring.http.request import CHUNKED, Request, parse
from mooring.http.request_head import PartialHead, head_size
from mooring.worker import failures, forks, log, presence
from mooring.worker.body import Body, BodyError
from mooring.worker.deadlines import Pace
from mooring.worker.response import Response
from mooring.worker.server import Server
from mooring.worker.transport import ExpiredError, GoneError, Transport
from mooring.worker.turns import EnoughError
from mooring.worker.websockets import Websocket

SILENT, IDLE, BUSY = range(3)


class Connection:
    """Serves one client. ``run`` is the body of its green thread."""

    __slots__ = (
        "_address",
        "_arrived",
        "_body",
        "_environ",
        "_is_believed",
        "_is_inside",
        "_request",
        "_reset",
        "_server",
        "_settings",
        "_started",
        "_websocket",
        "phase",
        "thread",
        "transport",
    )

    def __init__(self, server: Server, transport: Transport, address: Any, *, is_inside: bool) -> None:
        """Take a connection; ``is_inside``: from this process itself, so without TLS and proxies."""
        self._server = server
        self._settings = server.settings
        self._address = address
        self._is_inside = is_inside
        self._started = time.monotonic()
        self._is_believed = False
        self._arrived = b""
        self._reset = False
        self._request: Request | None = None
        self._body: Body | None = None
        self._environ: dict[str, Any] = {}
        self._websocket: Websocket | None = None
        self.transport = transport
        self.thread: Any = None
        self.phase = SILENT

    def run(self) -> None:
        """Serve until either side closes; never raises."""
        counters = self._server.state.counters
        self.thread = getcurrent()
        try:
            self._open()
            while self._serve_one():
                if self._arrived:
                    eventlet.sleep(0)  # a client that pipelines waits its turn like others
        except GoneError:
            counters.gone += 1
        except ExpiredError:
            counters.timeouts += 1
            self._reset = True
        except RequestError as error:
            counters.refused += 1
            log.event("refused", reason=error.reason, peer=self._peer())
        except GreenletExit:
            raise  # this process ends
        except BaseException as error:  # noqa: BLE001 - a fault of ours, or a stray timer: not the hub's end
            counters.errors += 1
            log.failure("connection", error, peer=self._peer())
        finally:
            if forks.in_child:
                forks.end()
            self.transport.close(reset=self._reset)
            self._server.closed(self)

    def hurry(self, now: float) -> float:
        """In a drain: shorten the present wait if it is for a request to begin; return its deadline.

        A websocket is told to go elsewhere.
        """
        if self.phase == SILENT:
            grace = self._settings.drain_first_byte_grace
        elif self.phase == IDLE:
            grace = self._settings.drain_idle_grace
        else:
            if self._websocket is not None:
                self._websocket.go_away()
            return self.transport.deadline
        self.transport.deadline = min(self.transport.deadline, now + grace)
        return self.transport.deadline

    def _open(self) -> None:
        """Do what comes before the first request: PROXY header, TLS handshake."""
        server = self._server
        if not self._is_inside:
            deadline = self._started + self._settings.header_timeout
            if server.expects_proxy_header(self._address):
                self._address = self._read_proxy_header(deadline) or self._address
            if server.tls is not None:
                self.transport.start_tls(server.tls, deadline)
        self._environ = connection_environ(server.environ, self._address, is_tls=self.transport.is_tls)
        self._is_believed = self._environ["REMOTE_ADDR"] in self._settings.trusted_proxies

    def _read_proxy_header(self, deadline: float) -> tuple[str, int] | None:
        """Return the client's address as the proxy says, None if the proxy speaks for itself."""
        receive = self.transport.recv_exactly
        start = proxy_protocol.parse_start(receive(proxy_protocol.START_SIZE, deadline))
        return proxy_protocol.parse_client(start, receive(start.size, deadline))

    # One request

    def _serve_one(self) -> bool:
        """Serve one request; return whether another may follow."""
        head = b""
        try:
            head = self._next_head()
            if not head:
                return False
            request = self._request = parse(head, self._settings)
            stream = self._take_body(request)
        except (RequestError, BodyError) as error:
            self._refuse(error.status, error.reason, head)
            return False
        self._server.count_request()
        response = Response(
            self.transport,
            self._settings,
            is_11=request.is_11,
            to_head=request.method == "HEAD",
            may_keep=self._may_keep,
        )
        environ = request_environ(self._environ, request, stream)
        environ[presence.KEY] = presence.ClientGone(self.transport, response, is_11=request.is_11)
        if self._is_believed:
            believe(environ, request, self._settings)
        if request.upgrades:
            self._offer_websocket(environ)
        getcurrent().gr_context = self._server.context.copy()
        begun = time.monotonic()
        try:
            complete = self._call(environ, response)
        finally:
            response.over = True
            if self._body is not None:
                self._body.discard()
            taken = self._websocket is not None and self._end_websocket()
        if self._settings.access_log:
            self._log_request(environ, 101 if taken else response.status, response.sent, begun)
        if taken:
            self._linger()
            return False
        return self._go_on(response) if complete and not response.torn else False

    def _take_body(self, request: Request) -> Any:
        """Return the request's body as ``wsgi.input``. Raises RequestError, or BodyError when it is spooled."""
        if not request.length:
            self._body = None
            return io.BytesIO()
        body = self._body = Body(request, self._arrived, self.transport, self._settings)
        if request.length != CHUNKED or not self._server.spools_chunked_bodies:
            return body.stream()
        spooled, length = body.spool()
        del request.fields["HTTP_TRANSFER_ENCODING"]
        request.fields["CONTENT_LENGTH"] = str(length)
        return spooled

    def _call(self, environ: dict[str, Any], response: Response) -> bool:
        """Have the application answer; return whether the response is complete."""
        application = self._server.application if environ["PATH_INFO"] != "*" else respond_for_server
        try:
            result = application(environ, response.start_response)
            if forks.in_child:
                self._come_back()
            try:
                if not self._is_taken:
                    response.send_all(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except EnoughError:
            response.finish()
        except (GoneError, ExpiredError, GreenletExit):
            raise  # the client is gone, or this process ends: nobody is left to be answered
        except BodyError as error:
            if response.head_sent:
                self._reset = response.by_close
            else:
                self._refuse(error.status, error.reason, b"")
            return False
        except BaseException as error:  # noqa: BLE001 - also eventlet.Timeout and SystemExit
            return self._fail(response, error)
        return True

    # A websocket

    @property
    def _is_taken(self) -> bool:
        """Whether the application has taken the connection over."""
        return self._websocket is not None and self._websocket.taken

    def _offer_websocket(self, environ: dict[str, Any]) -> None:
        version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "")
        self._websocket = Websocket(self.transport, self._arrived, version, self._settings)
        environ["eventlet.input"] = self._websocket
        if self._server.draining:
            self._websocket.go_away()

    def _end_websocket(self) -> bool:
        """After the request: take the connection back; return whether it was the application's."""
        taken = self._is_taken
        if self._websocket is not None:
            self._websocket.end()
            self._websocket = None
        return taken

    @staticmethod
    def _come_back() -> None:
        """End a child that the application has forked in this request, and that has come back out of it."""
        log.words(
            f"child {os.getpid()} came back out of the request that forked it, and ends: call os._exit in it"
        )
        forks.end()

    def _fail(self, response: Response, error: BaseException) -> bool:
        """Tell the log of an application's exception, and the client that there was one."""
        if forks.in_child:
            forks.fail(error)
        request = self._request
        assert request is not None  # noqa: S101 - it is being answered
        self._server.state.counters.errors += 1
        failures.note(
            error,
            "application",
            method=request.method,
            target=request.target,
            peer=self._peer(),
            response="begun" if response.head_sent or self._is_taken else "500",
        )
        if self._is_taken:
            return False
        if response.head_sent:
            self._reset = response.by_close  # else nothing would tell that the body is not complete
            return False
        try:
            response.start_response(f"500 {REASONS[500]}", [PLAIN_TEXT], (type(error), error, None))
            response.send_all([FAILED])
        finally:
            error.__traceback__ = None
        return True

    def _go_on(self, response: Response) -> bool:
        """After a complete response: make ready for the next request, or end; return whether there is a next."""
        request, body = self._request, self._body
        assert request is not None  # noqa: S101 - it has just been answered
        if response.keep and (body is None or body.skip()):
            if body is not None:
                self._arrived = body.rest
            return True
        if request.keep_alive or body is not None or self._arrived:
            self._linger()  # else the client sends nothing more: a plain close resets nothing
        return False

    def _may_keep(self) -> bool:
        """As the head of the response leaves: tell whether the connection stays; from now on, no 100 (Continue)."""
        request, body = self._request, self._body
        assert request is not None  # noqa: S101 - it is being answered
        keep = request.keep_alive and self._server.keeps_connections
        if body is not None:
            keep = keep and body.skippable
            body.must_continue = False
        return keep

    # The head

    def _next_head(self) -> bytes:
        """Return the next head, empty when the client has ended; what follows it is in ``_arrived``."""
        data = self._arrived
        if data:
            self._started = time.monotonic()
        else:
            data = self._first_bytes()
            if not data:
                return b""
        size = head_size(data, self._settings)
        if not size:
            data, size = self._rest_of_head(data)
        if size == len(data):
            self._arrived = b""
            return data
        self._arrived = data[size:]
        return data[:size]

    def _rest_of_head(self, data: bytes) -> tuple[bytes, int]:
        """Read on until the head is complete; return what has arrived, and the size of the head. Raises RequestError."""
        deadline = self._started + self._settings.header_timeout
        head = PartialHead(self._settings)
        while not head.feed(data):
            try:
                data = self.transport.recv_later(deadline)
            except ExpiredError:
                raise RequestError(408, "the head took too long (MOORING_HEADER_TIMEOUT)") from None
            if not data:
                raise RequestError(400, "the client closed within the head (RFC 9112 8)")
        return head.taken()

    def _first_bytes(self) -> bytes:
        """Wait for a request to begin; return its first bytes, empty when none comes."""
        server, settings, transport = self._server, self._settings, self.transport
        try:
            if self.phase == SILENT:
                deadline = self._started + settings.header_timeout
                if server.draining:
                    deadline = min(deadline, time.monotonic() + settings.drain_first_byte_grace)
                data = transport.recv(deadline)
            else:
                self.phase = IDLE
                self._started = time.monotonic()
                grace = settings.drain_idle_grace if server.draining else settings.keepalive_timeout
                data = transport.recv_later(self._started + grace)
                self._started = time.monotonic()
        except ExpiredError:
            data = transport.recv_now()  # it may just have come
            if not data:
                self._linger()
        self.phase = BUSY
        return data

    # Ends

    def _refuse(self, status: int, reason: str, head: bytes) -> None:
        """Answer a request that the application does not get, tell the log, and end."""
        self._server.state.counters.refused += 1
        log.event("refused", status=status, reason=reason, peer=self._peer())
        answer = refusal_response(status, reason, to_head=head.startswith(b"HEAD "))
        self.transport.send(answer, Pace(self._settings.write_timeout, self._settings.min_rate))
        self._linger()

    def _linger(self) -> None:
        """Shut our side and read away what the client still sends, until it closes or linger_timeout is over."""
        deadline = time.monotonic() + self._settings.linger_timeout
        try:
            if self.transport.shutdown():
                while self.transport.recv_later(deadline):
                    pass
        except (GoneError, ExpiredError):
            return

    def _peer(self) -> str:
        """Return the client's address for the log."""
        if isinstance(self._address, tuple):
            return f"{self._address[0]} port {self._address[1]}"
        return "unix"

    def _log_request(self, environ: dict[str, Any], status: int, sent: int, begun: float) -> None:
        request = self._request
        assert request is not None  # noqa: S101 - it has just been answered
        log.event(
            "request",
            peer=environ.get("REMOTE_ADDR", ""),  # the environ is the application's own now
            method=request.method,
            target=request.target,
            status=status,
            bytes=sent,
            milliseconds=round((time.monotonic() - begun) * 1000, 3),
        )
