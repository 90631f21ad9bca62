"""Serve the sandbox: ``python -m multicloud.sandbox --bind 127.0.0.1 --port 9080``. SIGTERM and SIGINT end it at once."""

from __future__ import annotations

import argparse
import signal
import sys
from socketserver import TCPServer, ThreadingMixIn
from types import FrameType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from multicloud.sandbox.app import WHAT, application


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind; http.server would ask the name service what the address is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class Handler(WSGIRequestHandler):
    """One line of log for each request, with no control characters of the client's."""

    timeout = 60  # seconds that a connection may idle

    def address_string(self) -> str:
        """Return the client's address."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Log a request on standard output."""
        sys.stdout.write(ascii(format % args)[1:-1] + "\n")
        sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exits with 1 when the port cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m multicloud.sandbox", description=WHAT)
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=9080, help="port to listen on (default: %(default)s; 0: any)"
    )
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        server = Server((options.bind, options.port), Handler)
    except (OSError, OverflowError) as error:
        raise SystemExit(
            f"multicloud.sandbox: cannot listen on {options.bind} port {options.port}: {error}"
        ) from error
    server.set_app(application)
    sys.stdout.write(f"{WHAT}\nListening on http://{options.bind}:{server.server_port}/\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
