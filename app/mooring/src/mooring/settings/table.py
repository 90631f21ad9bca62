"""The table of the runtime's settings: environment variable, cast, default, unit and meaning of each.

A setting stands here and nowhere else. Its name is ``MOORING_`` and the field's name in capitals.
"""
# ruff: noqa: RUF009 - the defaults are made by a function that returns dataclasses.field

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring import casts, status_socket
from mooring.casts import TrustedProxies

PREFIX = "MOORING_"

REQUIRED: Any = object()
DEPLOY = "the deploy"
"""The setter of what no inventory says."""
RESERVE = 64
"""Open files of a worker beside its clients: logs, libraries, its status socket."""


def _setting(
    cast: Callable[[str], Any], default: Any, meaning: str, unit: str = "", *, setter: str = ""
) -> Any:
    """Describe a setting. `setter`: the inventory's variable that sets it, DEPLOY, or "" if it is free to be set."""
    return dataclasses.field(
        **({} if default is REQUIRED else {"default": default}),
        metadata={"cast": cast, "meaning": meaning, "unit": unit, "setter": setter},
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a bootstrap or worker. Field ``x_y`` is read from the variable ``MOORING_X_Y``."""

    # Who this is
    instance: str = _setting(casts.name, REQUIRED, "name of the deployed instance", setter="api_name")
    run_dir: Path = _setting(
        casts.directory, REQUIRED, "directory of the status sockets and of spooled bodies", setter=DEPLOY
    )
    data_dir: Path | None = _setting(
        casts.directory,
        None,
        "the application's own folder: it survives releases (Mooring writes nothing there)",
        setter=DEPLOY,
    )
    app: str = _setting(
        casts.entry,
        REQUIRED,
        "the WSGI application: module:attribute, module:factory() or module:factory(config.py)",
        setter="wsgi_apps",
    )
    colour: str = _setting(
        casts.choice(*casts.COLOURS),
        casts.COLOURS[0],
        "colour of the generation that this worker belongs to",
        setter=DEPLOY,
    )
    number: int = _setting(
        casts.whole(0, 9999), 0, "the worker's number within its generation", setter=DEPLOY
    )
    release: str = _setting(casts.label, "", "id of the release that is served", setter=DEPLOY)
    framework: str = _setting(
        casts.label, "wsgi", "label for process names and status", setter="web_framework"
    )

    import_timeout: float = _setting(
        casts.seconds(0.1),
        60.0,
        "time that loading the application may take in the bootstrap's check",
        "seconds",
    )

    # What the application gets beside its environment
    secrets_file: Path | None = _setting(
        casts.file,
        None,
        "JSON object of variables for the application's environment, kept out of program files",
        setter="app_secrets",
    )

    url_prefix: str = _setting(
        casts.url_prefix,
        "",
        "prefix of the paths that the application is served below: its SCRIPT_NAME; other paths are answered 404",
        setter="url_prefix",
    )

    # The request that a worker must answer rightly before it serves
    smoke_path: str = _setting(
        casts.path_of_url, "/", "path (and query) of the smoke request, a GET", setter="smoke_path"
    )
    smoke_status: int = _setting(
        casts.whole(200, 599),
        200,
        "status that the smoke request must be answered with",
        setter="smoke_status",
    )
    smoke_host: str = _setting(
        casts.host, "localhost", "Host field of the smoke request", setter="smoke_host"
    )
    smoke_timeout: float = _setting(
        casts.seconds(0.1), 30.0, "time that the smoke request may take", "seconds"
    )
    probation: float = _setting(
        casts.seconds(0), 0.0, "time that a worker must live on after it, before it is ready", "seconds"
    )

    # Limits of a request
    max_request_line: int = _setting(
        casts.whole(64, 1 << 20), 8192, "longest request line; a longer one is answered 414", "bytes"
    )
    max_header_block: int = _setting(
        casts.whole(256, 1 << 22), 65536, "largest header block; a larger one is answered 431", "bytes"
    )
    max_header_fields: int = _setting(
        casts.whole(1, 10000), 100, "most header fields; more are answered 431", "fields"
    )
    max_body: int = _setting(
        casts.whole(0), 1 << 30, "largest request body; a larger one is answered 413 (0: no limit)", "bytes"
    )

    chunked_bodies: str = _setting(
        casts.choice("auto", "stream", "spool"),
        "auto",
        "chunked request bodies: stream them to the application, or spool them first (64 KiB in memory, more in a"
        " file of the run folder) and give it a length. auto: spool for the framework django, which reads no body"
        " without a length, unless the application says that it does (wsgi_input_terminated)",
    )

    # Deadlines: totals, not renewed by a byte that drips in
    header_timeout: float = _setting(
        casts.seconds(0.1), 15.0, "from connection or first byte to the end of the header block", "seconds"
    )
    body_timeout: float = _setting(
        casts.seconds(0.1), 30.0, "longest wait for a body that comes slower than min_rate", "seconds"
    )
    write_timeout: float = _setting(
        casts.seconds(0.1), 30.0, "longest wait for a client that reads slower than min_rate", "seconds"
    )
    min_rate: int = _setting(
        casts.whole(1),
        1024,
        "progress that earns waiting time back, of request bodies and responses",
        "bytes/second",
    )
    keepalive_timeout: float = _setting(
        casts.seconds(0),
        75.0,
        "how long a connection may idle between requests (0: no keep-alive)",
        "seconds",
    )
    linger_timeout: float = _setting(
        casts.seconds(0), 2.0, "how long what a client still sends is read away before a close", "seconds"
    )

    # Connections and processes
    max_connections: int = _setting(
        casts.whole(1, 100000),
        1000,
        "connections open at once; with more, the kernel's backlog waits",
        "connections",
    )
    max_requests: int = _setting(
        casts.whole(0), 0, "requests after which a worker is renewed (0: never)", "requests"
    )
    max_requests_jitter: int = _setting(
        casts.whole(0, 100), 10, "most that is randomly added to max_requests, as a share of it", "percent"
    )
    max_memory: int = _setting(
        casts.whole(0), 0, "resident memory above which a worker is renewed (0: never)", "MiB"
    )
    watchdog_timeout: float = _setting(
        casts.seconds(0),
        10.0,
        "silence after which the bootstrap ends a blocked worker (0: never)",
        "seconds",
        setter="watchdog_timeout",
    )

    # Drain
    drain_timeout: float = _setting(
        casts.seconds(0.1),
        30.0,
        "longest drain; what is open then is cut (keep it below stopwaitsecs)",
        "seconds",
        setter="drain_timeout",
    )
    drain_first_byte_grace: float = _setting(
        casts.seconds(0), 1.0, "in a drain: wait for the first byte of an accepted connection", "seconds"
    )
    drain_idle_grace: float = _setting(
        casts.seconds(0),
        5.0,
        "in a drain: wait for one more request of an idle kept-alive connection",
        "seconds",
    )

    # What the application leaves behind
    children: str = _setting(
        casts.choice("end", "leave"),
        "end",
        "processes of the application's that still run at the end of its worker or companion: end them, or leave them",
    )
    children_timeout: float = _setting(
        casts.seconds(0, 30),
        3.0,
        "how long these processes have from SIGTERM to SIGKILL",
        "seconds",
    )

    # Who is believed
    trusted_proxies: TrustedProxies = _setting(
        casts.proxies, TrustedProxies(), "peers whose forwarding fields set client address and scheme"
    )
    forwarded_field: str = _setting(
        casts.choice("x-forwarded", "forwarded"), "x-forwarded", "the fields that the trusted proxies write"
    )
    proxy_protocol: bool = _setting(
        casts.switch, False, "trusted proxies open each connection with a PROXY protocol v2 header"
    )

    # TLS
    tls_cert: Path | None = _setting(casts.file, None, "certificate chain, PEM; turns TLS on")
    tls_key: Path | None = _setting(casts.file, None, "private key, PEM (default: in the certificate's file)")
    tls_client_ca: Path | None = _setting(
        casts.file, None, "authorities, PEM, that clients must be certified by"
    )

    # Log
    access_log: bool = _setting(casts.switch, False, "one JSON line for each request on standard error")

    @property
    def worker_socket(self) -> Path:
        """The status socket of this worker."""
        return status_socket.worker_socket(self.run_dir, self.instance, self.colour, self.number)

    def worker_sockets(self) -> list[Path]:
        """List the status sockets of all workers of the instance. Those of dead workers may be among them."""
        return status_socket.worker_sockets(self.run_dir, self.instance)

    @property
    def bootstrap_socket(self) -> Path:
        """The status socket of the instance's bootstrap."""
        return status_socket.bootstrap_socket(self.run_dir, self.instance)


def variable(field: str) -> str:
    """Return the environment variable that the field of Settings is read from."""
    return PREFIX + field.upper()


TABLE = dataclasses.fields(Settings)
"""The table itself: name, default, and ``metadata`` with ``cast``, ``meaning``, ``unit`` and ``setter``."""
