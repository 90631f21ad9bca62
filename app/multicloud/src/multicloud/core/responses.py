"""What the core hands to an adapter: status, header lines and body. The API's own responses stand here, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import responses
from typing import Protocol

HTML = "text/html; charset=utf-8"
JSON = "application/json"

Headers = tuple[tuple[str, str], ...]


class Stream(Protocol):
    """A body that comes piece by piece; ``close`` ends what it comes from, also in the middle (PEP 3333)."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...  # noqa: D102 - PEP 3333 says what it does


@dataclass(frozen=True)
class Response:
    """One response. ``headers`` is complete: an adapter adds nothing to it and takes nothing away."""

    status: int
    headers: Headers
    body: bytes | Stream

    @property
    def reason(self) -> str:
        """The reason phrase of the status; the same from every framework."""
        return responses.get(self.status, "Unknown Status Code")

    def without_body(self) -> Response:
        """Return the response to HEAD: the header lines of the one to GET (RFC 9110, section 9.3.2)."""
        return Response(self.status, self.headers, b"")


class RequestError(Exception):
    """A request that ends with a response of our own; raised wherever that becomes clear."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def to_json(value: object) -> bytes:
    """Return the JSON that clients get: UTF-8, no space after separators."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can carry on
        return json.dumps(value, separators=(",", ":")).encode()


def _whole(status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> Response:
    return Response(status, (("Content-Type", content_type), ("Content-Length", str(len(body))), *more), body)


def json_response(value: object, status: int = 200) -> Response:
    """Return a response whose body is JSON."""
    return _whole(status, JSON, to_json(value))


def text_response(status: int, text: str) -> Response:
    """Return a response whose body is one line of text; its type is HTML because clients know it so."""
    return _whole(status, HTML, text.encode("utf-8", "backslashreplace"))


NOT_FOUND = text_response(404, "Not Found")
NOT_ACCEPTABLE = json_response({"detail": "Could not satisfy the request Accept header."}, 406)
MULTIPART = json_response({"error": "multipart API is not supported yet"}, 400)
UNSUPPORTED_TYPE = text_response(404, "Not support VIM type")
INTERNAL = text_response(500, "The request failed inside the service; its log says why.")
UNSOUND_TARGET = text_response(
    400, "The request target holds a control byte or a space: encode it by percent."
)
CLIENT_GONE = text_response(400, "The client closed the connection before the answer.")
LEAVES_REGION = text_response(
    400, "The path leaves its region by dot segments ('..'), plain or encoded: write it without them."
)
WRONG_HOST = text_response(400, "The Host field names no host of this service.")


def method_not_allowed(method: str, allow: str) -> Response:
    """Return the response to a method that the route does not have (RFC 9110, section 15.5.6)."""
    body = to_json({"detail": f'Method "{method}" not allowed.'})
    return _whole(405, JSON, body, ("Allow", allow))


def options(allow: str) -> Response:
    """Return the response to OPTIONS: no body, so its length is said to be 0 (RFC 9110, section 9.3.7)."""
    return Response(200, (("Content-Length", "0"), ("Allow", allow)), b"")


def unreadable_body(status: int) -> Response:
    """Return the response to a request whose body could not be read to its end."""
    return text_response(status, "The request body could not be read to its end.")


def half_a_region(region_id: str) -> Response:
    """Return the response to a region id that lacks its owner or its region."""
    return text_response(400, f"The region id {region_id} must have two parts: owner_region.")


def unknown_region(owner: str, region: str) -> Response:
    """Return the response to a region that A&AI did not tell of."""
    return text_response(404, f"Failed to query VIM with id ({owner}_{region}) from extsys.")


def aai_unusable(why: str) -> Response:
    """Return the response to a region of which A&AI's answer cannot be used."""
    return text_response(500, f"The answer of A&AI cannot be used: it {why}.")


def aai_slow() -> Response:
    """Return the response when A&AI keeps us waiting for too long."""
    return text_response(504, "A&AI did not answer in time.")


def msb_failed(why: object) -> Response:
    """Return the response when no complete answer of the driver can be had from MSB."""
    return text_response(500, f"The driver's answer could not be had from MSB: {why}.")


def msb_slow() -> Response:
    """Return the response when MSB, or the driver behind it, keeps us waiting for too long."""
    return text_response(504, "The driver did not answer in time.")


def invalid_body(reason: object) -> Response:
    """Return the response to a body of check_vim_capacity that cannot be used."""
    return json_response({"error": f"Invalidate request body {reason}."}, 400)


def too_many_vims(limit: int, setting: str) -> Response:
    """Return the response to a check_vim_capacity that names more than ``limit`` VIMs."""
    return invalid_body(f"has more than {limit} VIMs, which is the limit ({setting})")


def body_too_large(limit: int) -> Response:
    """Return the response to a body of check_vim_capacity of more than ``limit`` bytes."""
    return json_response({"error": f"Invalidate request body longer than {limit} bytes."}, 413)
