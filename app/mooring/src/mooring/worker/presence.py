"""Is the client still there? What ``mooring.client_gone`` of the environ answers, for an application that works long.

A client that has closed, and one that has only shut its sending side and waits for the response (RFC 9112, section 9.6), look
the same: its end has come. A closed one answers whatever is sent by a reset. So an interim response tells them apart: 100
(Continue), which each client of HTTP/1.1 reads over (RFC 9110, section 15.2).
"""

from __future__ import annotations

from mooring.http.request import Request
from mooring.worker.body import CONTINUE
from mooring.worker.response import Response
from mooring.worker.transport import ENDED, SHUT_BY_PEER, WRITABLE, GoneError, Transport

KEY = "mooring.client_gone"
"""Where it stands in the environ."""


class ClientGone:
    """Tells, when it is called, whether the client of one request has gone. It never waits, and never raises.

    A client of HTTP/1.0 counts as gone when it has shut its sending side.
    """

    __slots__ = ("_asked", "_is_11", "_response", "_transport")

    def __init__(self, transport: Transport, response: Response, request: Request) -> None:
        self._transport = transport
        self._response = response
        self._is_11 = request.is_11
        self._asked = False

    def __call__(self) -> bool:
        """Return whether the client has gone; it may have and this says no, for one round trip."""
        events = self._transport.events()
        if events & ENDED:
            return True
        if not events & SHUT_BY_PEER or self._response.head_sent:
            return False
        if not self._is_11:
            return True
        if not self._asked and events & WRITABLE:
            self._asked = True
            try:
                self._transport.send_now(CONTINUE)
            except GoneError:
                return True
        return bool(self._transport.events() & ENDED)
