"""Fixtures of the contract: each test runs for both frameworks, in process and over a socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from support.api import FRAMEWORKS, Client, Stage
from support.upstream.clients import OverSocket
from support.upstream.server import Upstream


@pytest.fixture(scope="session")
def _stage() -> Iterator[Stage]:
    before = dict(os.environ)
    with ExitStack() as stack:
        made = Stage(stack)
        yield made
        made.terminate()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def stage(_stage: Stage) -> Stage:
    """The stand-ins as new."""
    _stage.reset()
    return _stage


@pytest.fixture
def aai(stage: Stage) -> Upstream:
    """The stand-in for A&AI; it knows ``owner_region``, an openstack pike."""
    return stage.aai


@pytest.fixture
def msb(stage: Stage) -> Upstream:
    """The stand-in for MSB with all drivers behind it."""
    return stage.msb


@pytest.fixture(
    params=[(framework, way) for framework in FRAMEWORKS for way in ("process", "socket")], ids="-".join
)
def api_with(request: pytest.FixtureRequest, stage: Stage) -> Callable[..., Client]:
    """Make a client of the API with changed settings, in each of the four shapes."""
    framework, way = request.param

    def make(**changed: str) -> Client:
        return stage.client(framework, way, **changed)

    return make


@pytest.fixture(params=FRAMEWORKS)
def in_process_with(request: pytest.FixtureRequest, stage: Stage) -> Callable[..., Client]:
    """Make a client with changed settings from each framework, where a worker would add nothing but its start."""

    def make(**changed: str) -> Client:
        return stage.client(request.param, "process", **changed)

    return make


@pytest.fixture
def api(api_with: Callable[..., Client]) -> Client:
    """A client of the API, in each of the four shapes."""
    return api_with()


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Any:
    """Each framework's name."""
    return request.param


@pytest.fixture
def socket_api(framework: str, stage: Stage) -> OverSocket:
    """A client of the API through a real worker, for what shows on a socket only."""
    client = stage.client(framework, "socket")
    assert isinstance(client, OverSocket)
    return client
