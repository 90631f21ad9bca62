"""One client's connection, from its first byte to its end: requests in, responses out, one after the other."""

from __future__ import annotations

import io
import os
import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from mooring.http.environ import believe, connection_environ
from mooring.http.errors import RequestError
from mooring.http.own_responses import FAILED, PLAIN_TEXT, REASONS, refusal_response, respond_for_server
from mooring.http.request import CHUNKED, Request, parse
from mooring.worker import failures, forks, log, presence
from mooring.worker.body import Body, BodyError
from mooring.worker.pace import Pace
from mooring.worker.response import Response
from mooring.worker.server import Server
from mooring.worker.stream import ClientStream
from mooring.worker.transport import EnoughError, ExpiredError, GoneError, Transport


class Connection(ClientStream, ABC):
    """Serves one client. An engine's own ``run`` calls ``open`` and ``serve_one``, and ends the connection."""

    passed_on: ClassVar[tuple[type[BaseException], ...]] = (GoneError, ExpiredError)
    """What leaves a request unanswered: nobody is left to be answered."""

    __slots__ = ("_body", "_environ", "_is_believed", "_request", "_reset")

    def __init__(self, server: Server, transport: Transport, address: Any, *, is_inside: bool) -> None:
        """Take a connection; ``is_inside``: from this process itself, so without TLS and proxies."""
        super().__init__(server, transport, address, is_inside=is_inside)
        self._is_believed = False
        self._reset = False
        self._request: Request | None = None
        self._body: Body | None = None
        self._environ: dict[str, Any] = {}

    def open(self) -> None:
        """Do what comes before the first request: PROXY header, TLS handshake."""
        self._secure()
        self._environ = connection_environ(self._server.environ, self._address, is_tls=self.transport.is_tls)
        self._is_believed = self._environ["REMOTE_ADDR"] in self._settings.trusted_proxies

    # One request

    def serve_one(self) -> bool:
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
        response = Response(self.transport, self._settings, request, self._may_keep)
        environ = {
            **self._environ,
            **request.variables,
            "wsgi.input": stream,
            presence.KEY: presence.ClientGone(self.transport, response, request),
        }
        if self._is_believed:
            believe(environ, self._settings)
        if request.upgrades:
            self._offer_upgrade(environ)
        begun = time.monotonic()
        try:
            complete = self._call_in_context(environ, response)
        finally:
            response.over = True
            if self._body is not None:
                self._body.discard()
            taken = request.upgrades and self._end_upgrade()
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
        del request.variables["HTTP_TRANSFER_ENCODING"]
        request.variables["CONTENT_LENGTH"] = str(length)
        return spooled

    @abstractmethod
    def _call_in_context(self, environ: dict[str, Any], response: Response) -> bool:
        """Do as ``_call``, in a copy of the server's context (contextvars)."""

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
        except self.passed_on:
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

    # A connection that the application may take over (for a websocket)

    @property
    def _is_taken(self) -> bool:
        """Whether the application has taken the connection over."""
        return False

    def _offer_upgrade(self, environ: dict[str, Any]) -> None:
        """Let the application take the connection over, if the engine can."""

    def _end_upgrade(self) -> bool:
        """After the request: take the connection back; return whether it was the application's."""
        return False

    # Failures

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

    # Ends

    def _refuse(self, status: int, reason: str, head: bytes) -> None:
        """Answer a request that the application does not get, tell the log, and end."""
        self._server.state.counters.refused += 1
        log.event("refused", status=status, reason=reason, peer=self._peer())
        answer = refusal_response(status, reason, to_head=head.startswith(b"HEAD "))
        self.transport.send(answer, Pace(self._settings.write_timeout, self._settings.min_rate))
        self._linger()

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
