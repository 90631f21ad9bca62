"""The API's one front door: rules that hold for every request, then the route's handler."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from multicloud.core import responses, swagger
from multicloud.core.accept import admits_json
from multicloud.core.capacity import Capacity
from multicloud.core.forward import forward
from multicloud.core.lookup import Lookup
from multicloud.core.msb import Msb
from multicloud.core.requestlog import record_of
from multicloud.core.responses import RequestError, Response
from multicloud.core.routes import PREFIX, Route
from multicloud.core.settings import Settings, load, unknown
from multicloud.core.target import below_prefix, is_sound, leaves

Environ = dict[str, Any]

log = logging.getLogger(__name__)


class Broker:
    """Answers requests. One per process; safe to use from many threads or green threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._hosts = None if "*" in settings.allowed_hosts else settings.allowed_hosts
        self._vim_types = responses.json_response(settings.drivers.vim_types())
        self._lookup = Lookup(settings)
        self._msb = Msb(settings)
        self._capacity = Capacity(settings, self._lookup, self._msb)
        self._handlers: dict[str, Callable[..., Response]] = {
            "vim_types": self._handle_vim_types,
            "swagger": self._handle_swagger,
            "capacity": self._handle_capacity,
            "forward": self._handle_forward,
        }

    def handle(self, route: Route, parts: dict[str, str], environ: Environ) -> Response:
        """Return the response to a request for a known route. Never raises.

        The order of the rules is part of the contract: Accept (406), OPTIONS, the method (405), multipart
        and the target (400), then what the handler asks for.
        """
        method = environ["REQUEST_METHOD"]
        result = self._refusal(route, environ, method) or self._handled(route, parts, environ)
        return result.without_body() if method == "HEAD" and isinstance(result.body, bytes) else result

    def unmatched(self, environ: Environ) -> Response:
        """Return the response to a path that no route matches."""
        return (
            responses.NOT_FOUND.without_body() if environ["REQUEST_METHOD"] == "HEAD" else responses.NOT_FOUND
        )

    def _refusal(self, route: Route, environ: Environ, method: str) -> Response | None:
        if self._hosts is not None and not _host_allowed(environ.get("HTTP_HOST", ""), self._hosts):
            return responses.WRONG_HOST
        if not admits_json(environ.get("HTTP_ACCEPT", "")):
            return responses.NOT_ACCEPTABLE
        if method == "OPTIONS":
            return responses.options(route.allow)
        if method not in route.methods:
            return responses.method_not_allowed(method, route.allow)
        if not route.multipart and method == "POST" and _is_multipart(environ):
            return responses.MULTIPART
        return None

    def _handled(self, route: Route, parts: dict[str, str], environ: Environ) -> Response:
        if not is_sound(environ):
            return responses.UNSOUND_TARGET
        try:
            return self._handlers[route.handler](environ, **parts)
        except RequestError as error:
            return error.response
        except Exception:
            log.exception("the request failed inside the service")
            return responses.INTERNAL

    def _handle_vim_types(self, _environ: Environ) -> Response:
        return self._vim_types

    def _handle_swagger(self, environ: Environ) -> Response:
        if script_name := environ.get("SCRIPT_NAME"):
            return responses.json_response(swagger.document(script_name))
        return self._swagger

    def _handle_forward(
        self, environ: Environ, vim_id: str | None = None, owner: str = "", region: str = ""
    ) -> Response:
        if vim_id is not None:
            owner, region = split_id(vim_id)
        rest = below_prefix(environ, PREFIX)
        if rest is None:
            return responses.NOT_FOUND
        if leaves(rest, ["v0", vim_id] if vim_id is not None else ["v1", owner, region]):
            return responses.LEAVES_REGION
        record = record_of(environ)
        driver = self._lookup.driver(owner, region, record.id, self._msb.deadline())
        record.upstream = self._msb.url(driver)
        return forward(self._msb, environ, record.upstream + rest, record)

    def _handle_capacity(self, environ: Environ, version: str) -> Response:
        return self._capacity.respond(environ, version)

    @cached_property
    def _swagger(self) -> Response:
        return responses.json_response(swagger.document())


def split_id(vim_id: str) -> tuple[str, str]:
    """Return owner and region of a v0 region id: it splits at its first underscore. Raises RequestError."""
    owner, _, region = vim_id.partition("_")
    if not owner or not region:
        raise RequestError(responses.half_a_region(vim_id))
    return owner, region


def _is_multipart(environ: Environ) -> bool:
    return bool(environ.get("CONTENT_TYPE", "").strip().lower().startswith("multipart/"))


def _host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether the Host field's value, with or without a port, is one of the allowed hosts."""
    name = host.lower()
    if not name.endswith("]"):
        bare, colon, port = name.rpartition(":")
        if colon and (port.isdigit() or not port):
            name = bare
    return any(
        name == each or (each[0] == "." and (name.endswith(each) or name == each[1:])) for each in allowed
    )


@lru_cache(maxsize=1)
def broker() -> Broker:
    """Return this process's broker, made from its environment at the first call.

    Raises multicloud.core.settings.WrongSettingsError; warns of variables that nothing reads.
    """
    for sentence in unknown(os.environ):
        log.warning("%s", sentence)
    return Broker(load(os.environ))
