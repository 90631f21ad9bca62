"""What can become of a request: the classes of failure, and the record that is kept of one request.

The rule for kept-alive connections (RFC 9112 9.3.1, 9.5 and 9.6, RFC 9110 9.2.2):

- A server may close a connection between two responses. A client that finds it closed *before* it sends the
  next request opens a new one; nothing failed. The tool looks (one `recv`) before every send, as careful
  clients do, and counts these closes apart: `announced` (the last response said `Connection: close`, after
  which the tool never sends on it, 9.6), `eof` and `reset`.
- The close may cross the next request on its way: the client sent it and gets EOF before a byte of a response.
  It cannot tell whether the server read the request. That is `closed_idle`, and it counts as failed, because
  a server that drains well avoids it: it announces the close in a response first. A client is allowed to
  repeat an idempotent request once in this case (and must not repeat a POST), so many users would not notice
  a failed GET; `--retry-idle` does what they do, and counts `retried`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURES: Final = {
    "refused": "the connection was refused, or the unix socket is not there",
    "timeout": "no connection, or no complete response, within the time limit",
    "reset": "the connection was reset before the response was complete",
    "closed_idle": "a kept connection ended (EOF) after the request was sent, before a byte of its response",
    "closed": "a connection that had answered nothing yet ended (EOF) before a byte of the response",
    "short": "the connection ended (EOF) in the middle of the response",
    "malformed": "the response is not HTTP",
    "unasked": "the server sent bytes that belong to no request: it answered twice",
    "status": "the response has another status than the expected one",
    "body": "the response has another body than the expected one",
    "unreachable": "the connection failed for another reason: no route, no permission",
    "local": "the load generator's own machine is out of ports, descriptors or memory",
}
UNANSWERED: Final = frozenset(("timeout", "reset", "closed_idle", "closed", "short", "malformed"))
"""The classes in which a request may have been sent and got no complete response."""


class RequestFailedError(Exception):
    """A request got no right response.

    `failure` is a key of `FAILURES`; `phase` says how far it came: "connect", "response" (waiting for its
    first byte) or "body" (after the first byte).
    """

    def __init__(self, failure: str, phase: str, detail: str) -> None:
        super().__init__(f"{failure} ({phase}): {detail}")
        self.failure = failure
        self.phase = phase
        self.detail = detail


@dataclass(slots=True)
class Outcome:
    """One request, from its intended start to its end. Times are seconds since the run began (monotonic)."""

    id: str
    label: str
    counted: bool
    connection: str
    intended: float
    started: float
    ended: float = 0.0
    failure: str | None = None
    phase: str = ""
    detail: str = ""
    local_port: int | None = None
    served: int = 0
    sent: bool = False
    retried: bool = False
    holder: str | None = None

    def as_record(self) -> dict[str, object]:
        """Return what failures.jsonl says of a failed request."""
        return {
            "time": round(self.ended, 4),
            "failure": self.failure,
            "phase": self.phase,
            "detail": self.detail,
            "request": self.label,
            "id": self.id,
            "connection": self.connection,
            "local_port": self.local_port,
            "responses_before": self.served,
            "sent": self.sent,
            "retried": self.retried,
            "holder": self.holder,
            "started": round(self.started, 4),
            "seconds": round(self.ended - self.started, 4),
        }
