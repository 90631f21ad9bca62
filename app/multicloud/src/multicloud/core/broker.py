"""The API's one front door: rules that hold for every request, then the route's handler."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from multicloud.core import answer, capacity, fields, swagger
from multicloud.core.accept import admits_json
from multicloud.core.answer import Answer, RefusedError
from multicloud.core.body import ClientGoneError, RequestBody
from multicloud.core.client import Client
from multicloud.core.forward import Forwarder
from multicloud.core.lookup import Lookup
from multicloud.core.requestlog import record_of
from multicloud.core.routes import PREFIX, Route
from multicloud.core.settings import Settings, load, unknown
from multicloud.core.target import below_prefix, is_sound, leaves, raw_target
from multicloud.core.upstream import UpstreamError

Environ = dict[str, Any]

CLIENT_GONE = "mooring.client_gone"
"""Where a server may put a callable that tells whether the client has gone (docs/bring-your-own-app.md)."""

log = logging.getLogger(__name__)


class Broker:
    """Answers requests. One per process; safe to use from many threads or green threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._hosts = None if "*" in settings.allowed_hosts else settings.allowed_hosts
        self._vim_types = answer.json_answer(settings.drivers.vim_types())
        self._client = Client(settings)
        self._lookup = Lookup(settings, self._client)
        self._forwarder = Forwarder(settings, self._client)
        self._handlers: dict[str, Callable[..., Answer]] = {
            "vim_types": self._answer_vim_types,
            "swagger": self._answer_swagger,
            "capacity": self._answer_capacity,
            "forward": self._answer_forward,
        }

    def answer(self, route: Route, parts: dict[str, str], environ: Environ) -> Answer:
        """Return the answer to a request for a known route. Never raises.

        The order of the rules is part of the contract: Accept (406), OPTIONS, the method (405), multipart
        and the target (400), then what the handler asks for.
        """
        method = environ["REQUEST_METHOD"]
        result = self._refusal(route, environ, method) or self._handled(route, parts, environ)
        return result.without_body() if method == "HEAD" and isinstance(result.body, bytes) else result

    def unmatched(self, environ: Environ) -> Answer:
        """Return the answer to a path that no route matches."""
        return answer.NOT_FOUND.without_body() if environ["REQUEST_METHOD"] == "HEAD" else answer.NOT_FOUND

    def _refusal(self, route: Route, environ: Environ, method: str) -> Answer | None:
        if self._hosts is not None and not _host_allowed(environ.get("HTTP_HOST", ""), self._hosts):
            return answer.WRONG_HOST
        if not admits_json(environ.get("HTTP_ACCEPT", "")):
            return answer.NOT_ACCEPTABLE
        if method == "OPTIONS":
            return answer.options(route.allow)
        if method not in route.methods:
            return answer.method_not_allowed(method, route.allow)
        if not route.multipart and method == "POST" and _is_multipart(environ):
            return answer.MULTIPART
        return None

    def _handled(self, route: Route, parts: dict[str, str], environ: Environ) -> Answer:
        if not is_sound(environ):
            return answer.UNSOUND_TARGET
        try:
            return self._handlers[route.handler](environ, **parts)
        except RefusedError as refused:
            return refused.answer
        except Exception:
            log.exception("the request failed inside the service")
            return answer.INTERNAL

    def _answer_vim_types(self, _environ: Environ) -> Answer:
        return self._vim_types

    def _answer_swagger(self, environ: Environ) -> Answer:
        if script_name := environ.get("SCRIPT_NAME"):
            return answer.json_answer(swagger.document(script_name))
        return self._swagger

    def _answer_forward(
        self, environ: Environ, vim_id: str | None = None, owner: str = "", region: str = ""
    ) -> Answer:
        if vim_id is not None:
            owner, region = split_id(vim_id)
        rest = below_prefix(environ, PREFIX)
        if rest is None:
            return answer.NOT_FOUND
        if leaves(rest, ["v0", vim_id] if vim_id is not None else ["v1", owner, region]):
            return answer.LEAVES_REGION
        record = record_of(environ)
        driver = self._lookup.driver(owner, region, record.id, self._client.deadline())
        record.upstream = base = self._forwarder.base(driver)
        return self._forwarder.forward(environ, base + rest, record)

    def _answer_capacity(self, environ: Environ, version: str) -> Answer:
        try:
            body = RequestBody(environ).read_all(self.settings.capacity_body)
        except ClientGoneError as error:
            return answer.unreadable_body(error.status)
        if body is None:
            return answer.body_too_large(self.settings.capacity_body)
        wanted, vims = capacity.parse(body, version, self.settings.capacity_vims)
        record = record_of(environ)
        onward = {"X-Transactionid": record.id, **fields.of_question(environ)}
        _, query = raw_target(environ)
        gone = environ.get(CLIENT_GONE, _cannot_tell)
        # One for all regions, so that several drivers that hang delay the answer no longer than one.
        deadline = self._client.deadline(self.settings.capacity_timeout)

        def ask(owner: str, region: str, path: str, content: bytes) -> Any:
            if gone():
                return None
            try:
                driver = self._lookup.driver(owner, region, record.id, deadline)
                url = f"{self._forwarder.base(driver)}/{path}{query}"
                return self._forwarder.ask(url, content, onward, deadline, gone)
            except (RefusedError, UpstreamError):
                return None
            except Exception:
                log.exception("a region could not be asked for its capacity")
                return None

        found = capacity.with_room(vims, version, wanted, ask, self.settings.capacity_parallel)
        if gone():
            record.error = "the client closed the connection before the answer"
            return answer.CLIENT_GONE
        return answer.json_answer({"VIMs": found})

    @cached_property
    def _swagger(self) -> Answer:
        return answer.json_answer(swagger.document())


def split_id(vim_id: str) -> tuple[str, str]:
    """Return owner and region of a v0 region id: it splits at its first underscore. Raises RefusedError."""
    owner, _, region = vim_id.partition("_")
    if not owner or not region:
        raise RefusedError(answer.half_a_region(vim_id))
    return owner, region


def _cannot_tell() -> bool:
    return False


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
