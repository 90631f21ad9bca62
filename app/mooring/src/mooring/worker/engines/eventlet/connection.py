"""One client's connection in a green thread of its own, and the websocket that it may become."""

from __future__ import annotations

from typing import Any, ClassVar

import eventlet
from greenlet import GreenletExit, getcurrent

from mooring.http.errors import RequestError
from mooring.worker import forks, log
from mooring.worker.connection import Connection
from mooring.worker.engines.eventlet.transport import EventletTransport
from mooring.worker.engines.eventlet.websockets import Websocket
from mooring.worker.response import Response
from mooring.worker.transport import ExpiredError, GoneError


class EventletConnection(Connection):
    """Serves one client. ``run`` is the body of its green thread, ``thread``."""

    __slots__ = ("_websocket", "thread")

    passed_on: ClassVar[tuple[type[BaseException], ...]] = (*Connection.passed_on, GreenletExit)
    transport: EventletTransport

    def run(self) -> None:
        """Serve until either side closes; never raises."""
        counters = self._server.state.counters
        self.thread: Any = getcurrent()
        self._websocket: Websocket | None = None
        try:
            self.open()
            while self.serve_one():
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

    def _call_in_context(self, environ: dict[str, Any], response: Response) -> bool:
        self.thread.gr_context = self._server.context.copy()
        return self._call(environ, response)

    # A websocket

    @property
    def _is_taken(self) -> bool:
        """Whether the application has taken the connection over."""
        return self._websocket is not None and self._websocket.taken

    def _offer_upgrade(self, environ: dict[str, Any]) -> None:
        version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "")
        self._websocket = Websocket(self.transport, self._arrived, version, self._settings)
        environ["eventlet.input"] = self._websocket
        if self._server.draining:
            self._websocket.go_away()

    def _end_upgrade(self) -> bool:
        """After the request: take the connection back; return whether it was the application's."""
        taken = self._is_taken
        if self._websocket is not None:
            self._websocket.end()
            self._websocket = None
        return taken

    def _end_upgrade_soon(self) -> None:
        if self._websocket is not None:
            self._websocket.go_away()
