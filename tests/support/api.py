"""The API in four shapes, from Django and from Pecan, in process and through a worker, over scripted upstreams."""

from __future__ import annotations

import os
from contextlib import ExitStack

from support.upstream.clients import Got, InProcess, OverSocket
from support.upstream.server import Upstream, region, region_reply
from support.upstream.worker import Worker

FRAMEWORKS = ("django", "pecan")
PASSWORD = "s3cr3t-of-the-tests"
PREFIX = "/api/multicloud"
HTML = "text/html; charset=utf-8"
JSON = "application/json"

Client = InProcess | OverSocket


class Stage:
    """The stand-ins, and the API over them with any settings."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._workers: dict[tuple[str, str], Worker] = {}
        self._active: tuple[str, dict[str, str]] | None = None
        self.aai = Upstream()
        self.msb = Upstream()
        stack.callback(self.aai.close)
        stack.callback(self.msb.close)
        self.settings = {
            "MULTICLOUD_AAI_URL": f"{self.aai.url}/aai",
            "MULTICLOUD_AAI_USER": "tester",
            "MULTICLOUD_AAI_PASSWORD": PASSWORD,
            "MULTICLOUD_MSB_URL": self.msb.url,
            "MULTICLOUD_REQUEST_LOG": "off",
        }

    def reset(self) -> None:
        """Let the stand-ins forget, and let A&AI know one region. No connection of an earlier test is left."""
        for upstream in (self.aai, self.msb):
            upstream.cut()
            upstream.reset()
        self.aai.reply = region_reply({("owner", "region"): region()})

    def terminate(self) -> None:
        """Tell all workers to end, so that they do it at the same time."""
        for worker in self._workers.values():
            worker.process.terminate()

    def client(self, framework: str, way: str, **changed: str) -> Client:
        """Return a client of the API with these settings changed.

        The API's are named without their prefix in small letters, the worker's as they are.
        """
        settings = dict(self.settings)
        for name, value in changed.items():
            settings[name if name.isupper() else f"MULTICLOUD_{name.upper()}"] = value
        return (
            self._in_process(framework, settings) if way == "process" else self._worker(framework, settings)
        )

    def _in_process(self, framework: str, settings: dict[str, str]) -> InProcess:
        from multicloud.core.broker import broker

        if self._active != (framework, settings):
            for name in [name for name in os.environ if name.startswith("MULTICLOUD_")]:
                del os.environ[name]
            os.environ.update(settings)
            broker.cache_clear()
            broker()
            self._active = framework, settings
        if framework == "django":
            from multicloud.django_web.wsgi import application

            return InProcess(application)
        from multicloud.pecan_web.app import make_app

        return InProcess(make_app())

    def _worker(self, framework: str, settings: dict[str, str]) -> OverSocket:
        key = framework, repr(sorted(settings.items()))
        if key not in self._workers:
            self._workers[key] = self._stack.enter_context(Worker(framework, settings))
        return self._workers[key].client


def text_of(got: Got) -> tuple[int, str | None, str]:
    """Return what the contract says of an answer of our own: status, type, text."""
    return got.status, got.value("Content-Type"), got.body.decode()
