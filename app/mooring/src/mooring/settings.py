"""The runtime's settings: one table of environment variables, read once, checked as a whole.

A setting stands here and nowhere else: its name (``MOORING_`` and the field's name in capitals), how it is
read, its default, its unit and its meaning. ``load`` collects every wrong value before it complains, so that
one start tells all there is to fix. No value is ever guessed: an empty variable counts as not set.
"""
# ruff: noqa: RUF009 - the defaults are made by a function that returns dataclasses.field

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring import casts, status_socket, texts, untrusted
from mooring.casts import TrustedProxies

PREFIX = "MOORING_"
EX_USAGE = 2
"""Exit status of a process whose configuration is wrong (1: its application is)."""


class WrongSettingsError(ValueError):
    """At least one value is wrong; ``problems`` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


REQUIRED: Any = object()
DEPLOY = "the deploy"
RESERVE = 64
"""Open files of a worker beside its clients: logs, libraries, its status socket."""
"""The setter of what no inventory says."""


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
        casts.choice("blue", "green"),
        "blue",
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


def load(environ: Mapping[str, str]) -> Settings:
    """Read all settings from the environment.

    Raises WrongSettingsError, which names every variable that is wrong and what it may be.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in TABLE:
        name = variable(field.name)
        text = environ.get(name, "")
        if not text:
            if field.default is dataclasses.MISSING:
                problems.append(f"{name} is not set: {field.metadata['meaning']}.")
            continue
        try:
            values[field.name] = field.metadata["cast"](text)
        except ValueError as error:
            problems.append(f"{name} is {text!r}; allowed: {error}.")
    if not problems:
        settings = Settings(**values)
        problems = _contradictions(settings)
        if not problems:
            return settings
    raise WrongSettingsError(problems)


def _contradictions(settings: Settings) -> list[str]:
    """Return a sentence for every pair of values that cannot go together."""
    problems = []
    for path in (settings.worker_socket, settings.bootstrap_socket):
        if problem := status_socket.path_problem(path):
            problems.append(f"{variable('run_dir')} is too long: {problem}.")
            break
    problems += [
        f"{variable(other)} is set without {variable('tls_cert')}: set both, or neither."
        for other in ("tls_key", "tls_client_ca")
        if getattr(settings, other) and not settings.tls_cert
    ]
    if settings.proxy_protocol and not settings.trusted_proxies:
        problems.append(
            f"{variable('proxy_protocol')} is on without {variable('trusted_proxies')}:"
            " name the proxies that may speak it."
        )
    smoke_path = settings.smoke_path.partition("?")[0]
    if not f"{smoke_path}/".startswith(f"{settings.url_prefix}/"):
        problems.append(
            f"{variable('smoke_path')} is {settings.smoke_path}, which is not below {variable('url_prefix')}"
            f" ({settings.url_prefix}): name a path below it."
        )
    if settings.max_header_block < settings.max_request_line:
        problems.append(
            f"{variable('max_header_block')} is {settings.max_header_block},"
            f" less than {variable('max_request_line')} ({settings.max_request_line}): raise it."
        )
    problems += [
        f"{variable(grace)} is {getattr(settings, grace):g}, more than {variable('drain_timeout')}"
        f" ({settings.drain_timeout:g}): lower it, or raise the other."
        for grace in ("drain_idle_grace", "drain_first_byte_grace")
        if getattr(settings, grace) > settings.drain_timeout
    ]
    return problems


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each ``MOORING_`` variable that no setting reads: likely a slip of the pen."""
    known = [variable(field.name) for field in TABLE]
    found = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            found.append(f"{name} is read by nobody" + (f"; did you mean {near[0]}?" if near else "."))
    return found


def read_secrets(path: Path) -> dict[str, str]:
    """Read the secrets. WrongSettingsError never shows what is in the file."""
    try:
        found: Any = texts.json_object(untrusted.read_any(path))
    except OSError as error:
        raise WrongSettingsError(
            [f"{variable('secrets_file')}: {path} cannot be read: {error.strerror}."]
        ) from error
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise WrongSettingsError(
            [f"{variable('secrets_file')}: {path} is not a JSON object of strings."]
        ) from None
    return found


def load_or_exit(environ: MutableMapping[str, str], process: str) -> Settings:
    """Read all settings, and put the secrets into the environment for the application to find.

    On a wrong value say what is wrong on standard error and exit with EX_USAGE. ``process`` is how the process calls
    itself in front of each sentence.
    """
    try:
        config = load(environ)
        if config.secrets_file is not None:
            environ.update(read_secrets(config.secrets_file))
    except WrongSettingsError as error:
        for problem in error.problems:
            texts.write_line(sys.stderr, f"{process}: {problem}")
        raise SystemExit(EX_USAGE) from None
    return config
