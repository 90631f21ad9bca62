"""What api.osv.dev answers to pip-audit (POST /v1/query), from a local copy of advisories, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from audit.advisories import ECOSYSTEM, Advisories, AdvisoriesError

LONGEST = 64 * 1024
"""Bytes of a question."""


@contextmanager
def serving(advisories: Advisories) -> Iterator[str]:
    """Serve meanwhile; the URL of the service."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LONGEST:
                self.close_connection = True
                self._answer(413, {"code": 3, "message": "the question is too long"})
                return
            try:
                asked = json.loads(self.rfile.read(int(length)))
                ours = asked["package"]["ecosystem"] == ECOSYSTEM
                found = advisories.of(asked["package"]["name"], asked["version"]) if ours else None
            except (ValueError, KeyError, TypeError, AdvisoriesError) as error:
                self._answer(400, {"code": 3, "message": str(error)})
                return
            if found is None:
                self._answer(400, {"code": 3, "message": f"the copy is of {ECOSYSTEM} alone"})
                return
            self._answer(200, {"vulns": found} if found else {})

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Say nothing: the report does."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
