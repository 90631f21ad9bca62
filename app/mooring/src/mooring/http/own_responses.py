"""What the worker answers by itself: refusals, failures of the application, and OPTIONS *."""

from __future__ import annotations

from typing import Any

from mooring.http.response_head import date_line

REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}

PLAIN_TEXT = ("Content-Type", "text/plain; charset=utf-8")
FAILED = b"The application failed; its log says why.\n"


def refusal_response(status: int, reason: str, *, to_head: bool) -> bytes:
    """Return a whole response, after which the connection closes; its body is the reason."""
    body = reason.encode("ascii", "replace") + b"\n"
    fields = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\n"
        f"{PLAIN_TEXT[0]}: {PLAIN_TEXT[1]}\r\nContent-Length: {len(body)}\r\n"
    ).encode("ascii")
    head = fields + date_line() + b"Connection: close\r\n\r\n"
    return head if to_head else head + body


def respond_for_server(_: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer OPTIONS *, which asks the server and not the application (RFC 9110 9.3.7)."""
    start_response("204 No Content", [])
    return []
