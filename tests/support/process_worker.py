"""A worker whose application forks, starts programs and replaces signal handlers: apps/process_apps.py."""

from __future__ import annotations

from typing import Any

from support.worker import Worker, page

WEBOB = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"}


def start(framework: str, **settings: Any) -> Worker:
    """Start one, in a session of its own."""
    one = Worker(f"process_apps:make_{framework}()", drain_idle_grace=0.2, **settings)
    return one.start(env=WEBOB, start_new_session=True)


def ask(one: Worker, path: str) -> str:
    """Send one request over a new connection; the body of its answer, which must be a 200."""
    with one.client() as client:
        answer = client.ask(page(path))
        assert answer.status == 200, one.words()
        return answer.body.decode()
