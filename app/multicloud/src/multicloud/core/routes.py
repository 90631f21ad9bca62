"""The API's routes, once: both adapters build their routing from this table.

A path is matched as the server decoded it, one character per byte (PEP 3333), case-sensitively and as a
whole. The first route that matches is the one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

PREFIX = "/api/multicloud"

_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

_SEGMENT = "[0-9a-zA-Z_-]+"
_V0_REGION = f"v0/(?P<vim_id>{_SEGMENT})"
_V1_REGION = f"v1/(?P<owner>{_SEGMENT})/(?P<region>{_SEGMENT})"


@dataclass(frozen=True)
class Route:
    """One route. ``handler`` names the method of the broker that answers it."""

    name: str
    path: str
    """Regular expression of the path below the prefix; its named groups go to the handler."""
    methods: frozenset[str]
    """The methods that it has, HEAD wherever there is GET (RFC 9110, section 9.1), and OPTIONS."""
    handler: str
    multipart: bool = True
    """Whether a POST may be multipart."""
    allow: str = field(init=False)
    """Value of the Allow field."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(each for each in _ORDER if each in self.methods))

    @cached_property
    def pattern(self) -> str:
        """Regular expression of the whole path, without the slash that it starts with."""
        return rf"^{PREFIX[1:]}/(?:{self.path})\Z"

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled regular expression of the whole path."""
        return re.compile(f"/{self.pattern[1:]}")


def _route(name: str, path: str, methods: str, handler: str = "forward", *, multipart: bool = True) -> Route:
    wanted = {"OPTIONS", *methods.split()}
    if "GET" in wanted:
        wanted.add("HEAD")
    return Route(name, path, frozenset(wanted), handler, multipart)


def _region_routes(version: str, region: str) -> list[Route]:
    return [
        _route(f"{version}-identity", f"{region}/identity/v3(?:/auth/tokens)?", "GET POST"),
        _route(f"{version}-registry", f"{region}/registry", "GET POST"),
        _route(f"{version}-extensions", f"{region}/extensions", "GET"),
        _route(f"{version}-region", region, "DELETE"),
    ]


# (?s:.*) is anything at all: an encoded line feed is a character of a path like any other.
ROUTES = (
    _route("vim-types", "v[01]/vim_types", "GET", "vim_types"),
    _route("swagger", r"v0/swagger\.json", "GET", "swagger"),
    _route("capacity", "(?P<version>v[01])/check_vim_capacity", "POST", "capacity"),
    *_region_routes("v0", _V0_REGION),
    *_region_routes("v1", _V1_REGION),
    _route("v1-infra", f"{_V1_REGION}/infra_workload(?s:.*)", "GET POST DELETE", multipart=False),
    _route("v0-other", f"{_V0_REGION}/(?s:.*)", "GET POST PUT PATCH DELETE"),
    _route("v1-other", f"{_V1_REGION}/(?s:.*)", "GET POST PUT PATCH DELETE"),
)

_LITERAL: dict[str, tuple[Route, dict[str, str]]] = {
    f"{PREFIX}/{version}/vim_types": (route, {})
    for route in ROUTES
    if route.name == "vim-types"
    for version in ("v0", "v1")
}
"""The paths that are asked for most, found without a search."""


def match(path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a decoded path and the parts that it names, None if there is none."""
    if path in _LITERAL:
        return _LITERAL[path]
    for route in ROUTES:
        if found := route.regex.match(path):
            return route, found.groupdict()
    return None
