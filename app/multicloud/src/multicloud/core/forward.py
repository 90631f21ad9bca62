"""A request's way to its region's driver, by way of MSB, and the driver's answer's way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any

from multicloud.core import answer, fields, shallow
from multicloud.core.answer import Answer, RefusedError
from multicloud.core.body import ClientGoneError, RequestBody
from multicloud.core.client import Client, Outgoing, Service
from multicloud.core.received import Received
from multicloud.core.redirects import MOST, Redirects
from multicloud.core.requestlog import Record
from multicloud.core.settings import Settings
from multicloud.core.upstream import UpstreamError, UpstreamTimeoutError

PASSED_ON = frozenset({200, 201, 202, 204})
"""The statuses whose answers go on with all their fields."""

MOST_TOLD = 1 << 16
"""Bytes of a driver's answer to capacity_check that are read. Parsed it can take twenty times as much memory, for each region."""

KEPT_BODY = 65536
"""Bytes of a request body that are kept for a redirect that asks for the same body again."""


class Forwarder:
    """Sends requests to drivers through MSB."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._service = Service.of(settings.msb_url, settings.msb_ca_file, verify=settings.msb_tls_verify)
        self._redirects = Redirects(settings.msb_url, settings.redirect_origins)

    def base(self, driver: str) -> str:
        """Return the base URL of a driver: ``multicloud`` in the API's prefix is the driver's name there."""
        return f"{self._service.url}/api/{driver}"

    def forward(self, environ: dict[str, Any], url: str, record: Record) -> Answer:
        """Send the client's request to the URL and return the driver's answer.

        Raises RefusedError with the answer to give when there is none.
        """
        method = environ["REQUEST_METHOD"]
        body = RequestBody(environ, keep=KEPT_BODY)
        onward = fields.of_request(environ)
        onward.setdefault("X-Transactionid", record.id)
        if body.length is not None and body.announced:
            onward["Content-Length"] = str(body.length)
        first = Outgoing(method, url, onward, None if body.empty else body, body.again)
        try:
            received = self._send(first, self._client.deadline(), record)
            return self._answer(method, received, record)
        except ClientGoneError as error:
            record.error = str(error)
            raise RefusedError(answer.unreadable_body(error.status)) from error
        except UpstreamTimeoutError as error:
            record.error = str(error)
            raise RefusedError(answer.msb_slow()) from error
        except UpstreamError as error:
            record.error = error.logged
            raise RefusedError(answer.msb_failed(error)) from error

    def ask(
        self,
        url: str,
        content: bytes,
        onward: Mapping[str, str],
        deadline: float,
        given_up: Callable[[], bool],
    ) -> Any:
        """Post JSON to a driver and return the JSON that it answers with 200, None for anything else.

        ``onward`` holds the client's fields that go with it. Nothing is sent once ``given_up`` says that nobody waits for the
        answer. Raises UpstreamError.
        """
        named = {
            **onward,
            "Content-Type": answer.JSON,
            "Accept": answer.JSON,
            "Content-Length": str(len(content)),
        }
        first = Outgoing("POST", url, named, [content], lambda: content)
        received = self._send(first, deadline, given_up=given_up)
        if received.status != 200:
            received.discard()
            return None
        try:
            received.decode()
            return shallow.loads(received.read_all(MOST_TOLD))
        except ValueError:
            return None
        finally:
            received.close()

    def _send(
        self,
        outgoing: Outgoing,
        deadline: float,
        record: Record | None = None,
        given_up: Callable[[], bool] | None = None,
    ) -> Received:
        """Send the request and follow redirects; return the first response that is none, or one too many."""
        for followed in range(MOST + 1):
            if given_up is not None and given_up():
                raise UpstreamError("nobody waits for the answer")
            began = perf_counter()
            received = self._client.send(self._service, outgoing, deadline)
            if record is not None:
                record.upstream_ms = round((perf_counter() - began) * 1000, 3)
            if followed == MOST:
                break
            try:
                onward = self._redirects.next(outgoing, received)
            except BaseException:
                received.close()
                raise
            if onward is None:
                break
            received.discard()
            outgoing = onward
        return received

    def _answer(self, method: str, received: Received, record: Record) -> Answer:
        passed_on = received.status in PASSED_ON
        try:
            lines = fields.of_response(received.fields) if passed_on else []
            if not passed_on:
                lines.append(("Content-Type", answer.HTML))
                received.decode()
            whole = received.hold()
        except ValueError as error:
            received.close()
            raise UpstreamError(f"it holds {error}") from error
        except UpstreamError:
            received.close()
            raise
        length = received.length if whole is None or method == "HEAD" else len(whole)
        if length is not None and received.status not in (204, 304):
            lines.append(("Content-Length", str(length)))
        if whole is None:
            record.streamed = True
        return Answer(received.status, tuple(lines), _Body(received, record) if whole is None else whole)


class _Body:
    """The driver's body on its way to the client."""

    def __init__(self, received: Received, record: Record) -> None:
        self._received = received
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._received
        except UpstreamError as error:
            # The answer has begun: all that can be done is to end the connection before the body's end.
            self._record.error = str(error)
            raise

    def close(self) -> None:
        """End the exchange with the driver, also when the client has gone away in its middle."""
        self._received.close()
