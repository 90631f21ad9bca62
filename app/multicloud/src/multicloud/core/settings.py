"""The API's settings: one table of environment variables, read once, checked as a whole.

A setting stands here and nowhere else: its name (``MULTICLOUD_`` and the field's name in capitals), how it is
read, its default, its unit and its meaning. ``load`` collects every wrong value before it complains. An empty
variable counts as not set. ``python -m multicloud.core.settings`` prints the table.
"""

# ruff: noqa: RUF009 - _setting is dataclasses.field with our metadata

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multicloud.client import PoolLimits, Timeout
from multicloud.core import casts, drivers
from multicloud.core.casts import Secret
from multicloud.core.drivers import DriverTable

PREFIX = "MULTICLOUD_"


class WrongSettingsError(ValueError):
    """At least one value is wrong; ``problems`` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _setting(
    cast: Callable[[str], Any], default: Any, meaning: str, unit: str = "", *, secret: bool = False
) -> Any:
    return dataclasses.field(
        default=default,
        repr=not secret,
        metadata={"cast": cast, "meaning": meaning, "unit": unit, "secret": secret},
    )


_DEFAULT_DRIVERS = drivers.load(str(drivers.DEFAULT_TABLE))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the API. Field ``x_y`` is read from the variable ``MULTICLOUD_X_Y``."""

    # A&AI, the inventory that knows the regions
    aai_url: str = _setting(casts.url, "https://127.0.0.1:8443/aai", "base URL of A&AI")
    aai_schema: str = _setting(casts.segment, "v13", "version of A&AI's schema, a segment of its path")
    aai_user: str = _setting(casts.user, "AAI", "user name for A&AI")
    aai_password: Secret = _setting(
        Secret, Secret(""), "password for A&AI (or name a file that holds it)", secret=True
    )
    aai_password_file: Path | None = _setting(
        casts.file, None, "file that holds A&AI's password; a line end at its end is dropped"
    )
    aai_ca_file: Path | None = _setting(
        casts.file, None, "authorities, PEM, that A&AI's certificate is verified by (default: the system's)"
    )
    aai_tls_verify: bool = _setting(casts.switch, True, "whether A&AI's certificate is verified")
    aai_cache_seconds: float = _setting(
        casts.seconds(0),
        0.0,
        "how long A&AI's answer is remembered (0: not at all); errors never are",
        "seconds",
    )
    aai_cache_entries: int = _setting(
        casts.whole(1, 1_000_000), 1024, "most answers that are remembered at once", "regions"
    )

    # MSB, the bus that the drivers stand behind
    msb_url: str = _setting(casts.url, "http://127.0.0.1:80", "base URL of MSB")
    msb_ca_file: Path | None = _setting(
        casts.file, None, "authorities, PEM, that MSB's certificate is verified by (default: the system's)"
    )
    msb_tls_verify: bool = _setting(casts.switch, True, "whether MSB's certificate is verified")
    redirect_origins: tuple[str, ...] = _setting(
        casts.origins,
        (),
        "other origins than MSB's that redirects are followed to, without credentials and bodies; separated by commas",
    )
    drivers: DriverTable = _setting(
        drivers.load,
        _DEFAULT_DRIVERS,
        "cloud types, versions and drivers: JSON, or a file's absolute path",
    )

    # Deadlines of a forward
    connect_timeout: float = _setting(
        casts.seconds(0.01), 5.0, "wait for a connection to A&AI or MSB", "seconds"
    )
    read_timeout: float = _setting(
        casts.seconds(0.01), 60.0, "wait for the next byte from A&AI or MSB, or for it to take one", "seconds"
    )
    total_timeout: float = _setting(
        casts.seconds(0.01),
        600.0,
        "wait for a whole exchange with A&AI or MSB, bodies included",
        "seconds",
    )

    # Connections and memory
    pool_size: int = _setting(
        casts.whole(1, 10_000),
        256,
        "idle connections that a process keeps to A&AI and to MSB, each",
        "connections",
    )
    pool_idle: float = _setting(
        casts.seconds(0), 4.0, "how long a kept connection may idle before it is not used again", "seconds"
    )
    capacity_parallel: int = _setting(
        casts.whole(1, 1000), 32, "regions that one check_vim_capacity asks at the same time", "regions"
    )
    capacity_timeout: float = _setting(
        casts.seconds(0.01),
        60.0,
        "wait for all regions of a check_vim_capacity; those that have not answered by then are left out",
        "seconds",
    )
    capacity_vims: int = _setting(
        casts.whole(1, 100_000), 256, "most VIMs that one check_vim_capacity may name; more get 400", "VIMs"
    )
    capacity_body: int = _setting(
        casts.whole(256, 1 << 30),
        1 << 20,
        "largest body of check_vim_capacity; a larger one gets 413",
        "bytes",
    )

    # The API itself
    allowed_hosts: tuple[str, ...] = _setting(
        casts.hosts, ("*",), "hosts that may be named in a request's Host field; others are answered 400"
    )
    request_log: bool = _setting(casts.switch, True, "one JSON line for each request on standard output")

    @property
    def timeout(self) -> Timeout:
        """The time limits of an exchange with A&AI or MSB."""
        return Timeout(self.connect_timeout, self.read_timeout, self.total_timeout)

    @property
    def pool_limits(self) -> PoolLimits:
        """What is kept of connections to A&AI and to MSB, each."""
        return PoolLimits(self.pool_size, self.pool_idle)


def variable(field: str) -> str:
    """Return the environment variable that the field of Settings is read from."""
    return PREFIX + field.upper()


TABLE = dataclasses.fields(Settings)
"""The table itself: name, default, and ``metadata`` with ``cast``, ``meaning``, ``unit`` and ``secret``."""


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
            continue
        try:
            values[field.name] = field.metadata["cast"](text)
        except ValueError as error:
            problems.append(f"{name} is {_shown(text)}; allowed: {error}.")
    if "aai_password" in values and "aai_password_file" in values:
        problems.append(
            f"{variable('aai_password')} and {variable('aai_password_file')} are both set: set one."
        )
    elif "aai_password_file" in values:
        try:
            text = values["aai_password_file"].read_text(encoding="utf-8")
            values["aai_password"] = Secret(text.rstrip("\r\n"))
        except (OSError, UnicodeDecodeError):
            problems.append(f"{variable('aai_password_file')} names a file that is not UTF-8 text.")
    if problems:
        raise WrongSettingsError(problems)
    return Settings(**values)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each ``MULTICLOUD_`` variable that no setting reads: most likely a slip of the pen."""
    known = [variable(field.name) for field in TABLE]
    found = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            found.append(f"{name} is read by nobody" + (f"; did you mean {near[0]}?" if near else "."))
    return found


def _shown(text: str, most: int = 80) -> str:
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if field.name == "drivers":
        return str(drivers.DEFAULT_TABLE.name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value) or "-"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value and not isinstance(value, Secret) else "-"


def describe() -> str:
    """Return the table as text: variable, default, unit and meaning, one line each."""
    rows = [
        (
            variable(field.name),
            " ".join(filter(None, (_default(field), field.metadata["unit"]))),
            field.metadata["meaning"],
        )
        for field in TABLE
    ]
    name, default = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "".join(f"{row[0]:{name}}  {row[1]:{default}}  {row[2]}\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(describe())
