"""All findings of an inventory: kinds first, then each value, then what two settings say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mooring import settings as runtime
from mooring import texts
from preflight import certificates, environment, programs, values
from preflight.table import TABLE

DICTIONARIES = {
    "wsgi_apps": "one entry for each framework, for example {django: mysite.wsgi:application}",
    "app_environment": "one name and value for each variable, for example {GREETING: hello}",
    "app_secrets": "one name and value for each variable, for example {SECRET_KEY: from the vault}",
    "worker_settings": "one name and value for each setting, for example {MOORING_MAX_CONNECTIONS: 2000}",
    "companions": "one name and command for each program, " + programs.COMPANION_EXAMPLE.rstrip("."),
}
LISTS = ("hooks_before", "hooks_after")
OPTIONAL = ("port",)
"""Settings without a default."""
SECRET = ("app_secrets",)
LONGEST = 480
"""Characters of a sentence."""
BALANCED = ("tls_client_ca", "proxy_protocol")
"""Settings of the worker that want what our load balancers do not send."""


def inventory(every: dict[str, Any], *, balanced: bool, serves: bool = True) -> list[str]:
    """Say all that is wrong with a host's settings.

    `balanced`: the inventory has load balancers; `serves`: the host is one of the API. What a load balancer is told of the
    workers are the settings of theirs.
    """
    found = [*_kinds(every)]
    found += [
        problem
        for setting in TABLE
        if setting.name in every and (problem := setting.problem(every[setting.name]))
    ]
    checks: tuple[tuple[tuple[str, ...], Callable[[dict[str, Any]], Iterator[str]]], ...] = (
        (("wsgi_apps",), programs.entries),
        (("app_environment", "app_secrets"), environment.of_application),
        (("worker_settings",), environment.of_worker),
        (("companions",), programs.companions),
        (("hooks_before", "hooks_after"), programs.hooks),
    )
    for names, check in checks:
        if all(_has_its_kind(name, every) for name in names):
            found += check(every)
    if balanced and _has_its_kind("worker_settings", every):
        found += _balanced(every["worker_settings"])
        found += certificates.of_workers(every) if serves else []
    return [_one_line(sentence) for sentence in found]


def _one_line(sentence: str) -> str:
    """Escape what would break a line or a terminal (a name in it may hold anything), and cut what is too long."""
    escaped = texts.plain(sentence)
    return escaped if len(escaped) <= LONGEST else f"{escaped[: LONGEST // 2]} … {escaped[-LONGEST // 2 :]}"


def _has_its_kind(name: str, every: dict[str, Any]) -> bool:
    return isinstance(every.get(name), dict if name in DICTIONARIES else list)


def _kinds(every: dict[str, Any]) -> Iterator[str]:
    for name, write in DICTIONARIES.items():
        if name in every and not _has_its_kind(name, every):
            given = values.kind_of(every[name])
            is_what = given if name in SECRET else f"{given}, {values.shown(every[name])}"
            yield f"{name} is {is_what}. Write a dictionary: {write} ({{}} for none)."
    for name in LISTS:
        if name in every and not _has_its_kind(name, every):
            yield (
                f"{name} is {values.kind_of(every[name])}, {values.shown(every[name])}."
                f" Write a list of hooks ([] for none), {programs.HOOK_EXAMPLE}"
            )


def _balanced(settings: dict[str, Any]) -> Iterator[str]:
    names = [runtime.variable(field) for field in BALANCED if runtime.variable(field) in settings]
    if names:
        yield (
            f"worker_settings has {' and '.join(names)}: the workers would want what this project's load balancers do not"
            f" send, a client's certificate or the PROXY protocol. Leave it out ({runtime.variable('trusted_proxies')} tells"
            " the client's address), or deploy without the group loadbalancer."
        )
