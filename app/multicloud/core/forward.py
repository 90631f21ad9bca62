"""A request's way to its region's driver, by way of MSB, and the driver's answer's way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urljoin, urlsplit

from multicloud.core import answer, fields, shallow
from multicloud.core.answer import Answer, RefusedError
from multicloud.core.body import ClientGoneError, RequestBody
from multicloud.core.client import Client, Outgoing, Service, origin
from multicloud.core.received import Received
from multicloud.core.requestlog import Record
from multicloud.core.settings import Settings
from multicloud.core.target import visible
from multicloud.core.upstream import UpstreamError, UpstreamTimeoutError

PASSED_ON = frozenset({200, 201, 202, 204})
"""The statuses whose answers go on with all their fields."""

MOST_REDIRECTS = 5
REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
BECOME_GET = frozenset({302, 303})

MOST_TOLD = 1 << 20
"""Bytes of a driver's answer to capacity_check that are read."""

KEPT_BODY = 65536
"""Bytes of a request body that are kept for a redirect that asks for the same body again."""


class Forwarder:
    """Sends requests to drivers through MSB."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._service = Service.of(settings.msb_url, settings.msb_ca_file, verify=settings.msb_tls_verify)

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
            record.error = str(error)
            raise RefusedError(answer.msb_failed(error)) from error

    def ask(
        self, url: str, content: bytes, onward: Mapping[str, str], request_id: str, deadline: float
    ) -> Any:
        """Post JSON to a driver and return the JSON that it answers with 200, None for anything else.

        ``onward`` holds the client's fields that go with it. Raises UpstreamError.
        """
        named = {
            "X-Transactionid": request_id,
            **onward,
            "Content-Type": answer.JSON,
            "Accept": answer.JSON,
            "Content-Length": str(len(content)),
        }
        first = Outgoing("POST", url, named, [content], lambda: content)
        received = self._send(first, deadline)
        if received.status != 200:
            received.discard()
            return None
        received.decode()
        try:
            return shallow.loads(received.read_all(MOST_TOLD))
        except ValueError:
            return None

    def _send(self, outgoing: Outgoing, deadline: float, record: Record | None = None) -> Received:
        """Send the request and follow redirects; return the first response that is none, or one too many."""
        for followed in range(MOST_REDIRECTS + 1):
            began = perf_counter()
            received = self._client.send(self._service, outgoing, deadline)
            if record is not None:
                record.upstream_ms = round((perf_counter() - began) * 1000, 3)
            location = _location(received, outgoing.url)
            if location is None or followed == MOST_REDIRECTS:
                break
            try:
                onward = _redirected(outgoing, received.status, location)
            except ClientGoneError:
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
        except ValueError as error:
            received.close()
            raise UpstreamError(f"it holds {error}") from error
        if not passed_on:
            lines.append(("Content-Type", answer.HTML))
            received.decode()
        whole = received.hold()
        length = received.length if whole is None or method == "HEAD" else len(whole)
        if length is not None and received.status not in (204, 304):
            lines.append(("Content-Length", str(length)))
        if whole is None:
            record.streamed = True
        return Answer(received.status, tuple(lines), _Body(received, record) if whole is None else whole)


def _redirected(outgoing: Outgoing, status: int, location: str) -> Outgoing | None:
    """Return the request to send to where a redirect leads.

    None if it would need a body that is too long to be kept: the client gets to see the redirect then.
    """
    method, onward, body = outgoing.method, outgoing.fields, outgoing.body
    if status in BECOME_GET:
        method, body = ("HEAD" if method == "HEAD" else "GET"), None
        onward = fields.without_body(onward)
    elif body is not None:
        again = outgoing.again()
        if again is None:
            return None
        body = [again]
    if origin(location) != origin(outgoing.url):
        onward = {name: value for name, value in onward.items() if name not in ("Authorization", "Cookie")}
    return Outgoing(method, location, onward, body, outgoing.again)


def _location(received: Received, url: str) -> str | None:
    """Return where a redirect leads; None if the response is no redirect that can be followed."""
    if received.status not in REDIRECTS:
        return None
    location = next((value.strip() for name, value in received.fields if name.lower() == "location"), None)
    if location is None:
        return None
    try:
        said = urlsplit(location)
        target = visible(urljoin(url, location)).partition("#")[0]
        parts = urlsplit(target)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # http:path and ///path lack a host, which urljoin would guess.
    hostless = bool(said.scheme or location.startswith("//")) and not said.netloc
    return target if sound and not hostless else None


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
