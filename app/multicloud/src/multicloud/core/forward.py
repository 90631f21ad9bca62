"""A forward: the client's request goes to its driver as it is, and the driver's response comes back.

One way, step by step: ``forward`` makes the driver's request of the client's, MSB sends it (``msb``), and ``relayed`` makes
the client's response of the driver's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from multicloud import client
from multicloud.client import HTTPError, ProtocolError, Request, TimeoutExpiredError
from multicloud.core import headers, responses
from multicloud.core.body import ClientGoneError, RequestBody
from multicloud.core.msb import Msb
from multicloud.core.redirects import RedirectError
from multicloud.core.requestlog import Record
from multicloud.core.responses import RequestError, Response

RELAYED_WHOLE = frozenset({200, 201, 202, 204})
"""The statuses whose responses go on with all their headers."""

KEPT_BODY = 65536
"""Bytes of a request body that are kept for a redirect that asks for the same body again."""


def forward(msb: Msb, environ: dict[str, Any], url: str, record: Record) -> Response:
    """Send the client's request to the URL of a driver and return the driver's response.

    Raises RequestError with the response to give when there is none.
    """
    method = environ["REQUEST_METHOD"]
    body = RequestBody(environ, keep=KEPT_BODY)
    onward = headers.of_request(environ)
    onward.setdefault("X-Transactionid", record.id)
    if body.length is not None and body.announced:
        onward["Content-Length"] = str(body.length)
    request = Request(method, url, onward, None if body.empty else body, body.rewind)
    try:
        return relayed(method, msb.send(request, msb.deadline(), record), record)
    except ClientGoneError as error:
        record.error = str(error)
        raise RequestError(responses.unreadable_body(error.status)) from error
    except TimeoutExpiredError as error:
        record.error = str(error)
        raise RequestError(responses.msb_slow()) from error
    except HTTPError as error:
        record.error = error.logged if isinstance(error, RedirectError) else str(error)
        raise RequestError(responses.msb_failed(error)) from error


def relayed(method: str, response: client.Response, record: Record) -> Response:
    """Return what the client gets of a driver's response. Raises HTTPError, and the exchange has ended then."""
    try:
        if response.status in RELAYED_WHOLE:
            lines = headers.of_response(response.headers)
        else:
            lines = [("Content-Type", responses.HTML)]
            response.decode_content()
        whole = response.preload()
    except ValueError as error:
        response.close()
        raise ProtocolError(f"it holds {error}") from error
    except HTTPError:
        response.close()
        raise
    length = response.length if whole is None or method == "HEAD" else len(whole)
    if length is not None and response.status not in (204, 304):
        lines.append(("Content-Length", str(length)))
    record.streamed = whole is None
    return Response(response.status, tuple(lines), _Body(response, record) if whole is None else whole)


class _Body:
    """The driver's body on its way to the client."""

    def __init__(self, response: client.Response, record: Record) -> None:
        self._response = response
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response
        except HTTPError as error:
            # The response has begun: all that can be done is to end the connection before the body's end.
            self._record.error = str(error)
            raise

    def close(self) -> None:
        """End the exchange with the driver, also when the client has gone away in its middle."""
        self._response.close()
