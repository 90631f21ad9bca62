"""Why an application failed is told: at the gate, and once for each unhandled error in the log."""

from __future__ import annotations

from typing import Any

import pytest

from support.waiting import until
from support.worker import Worker

WEBOB = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"}
FAILS = b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n"
APPLICATIONS = ["make_django()", "make_django_that_logs()", "make_pecan()", "make_pecan_with_hook()"]


def refused(one: Worker) -> str:
    """Start it, expect that it refuses, return the last line of its log, which the gate shows."""
    one.start(ready=False, env=WEBOB)
    assert one.wait() == 1
    return one.words().splitlines()[-1]


@pytest.mark.parametrize("app", [*APPLICATIONS, "tells_by_exc_info"])
def test_the_gate_shows_the_exception(make: Any, app: str) -> None:
    one = make(f"process_apps:{app}", smoke_path="/fails")
    last = refused(one)
    assert "the smoke request GET /fails was answered 'HTTP/1.1 500" in last
    assert "ZeroDivisionError: " in last
    assert "/process_apps.py, line " in last
    assert "<!" not in last
    assert one.words().count("Traceback (most recent call last)") == 1


@pytest.mark.parametrize("app", APPLICATIONS)
def test_each_unhandled_error_is_in_the_log_once(make: Any, app: str) -> None:
    one = make(f"process_apps:{app}").start(env=WEBOB)
    with one.client() as client:
        for count in (1, 2):
            assert client.ask(FAILS).status == 500
            until(lambda count=count: one.words().count("return str(1 // 0)") == count, "its traceback")  # type: ignore[misc]
    assert one.words().count("Traceback (most recent call last)") == 2


def test_what_else_kept_the_smoke_request_from_its_status_is_shown(make: Any) -> None:
    assert "the application's log says: Invalid HTTP_HOST header: 'localhost'" in refused(
        make("process_apps:make_django_for_one_host()")
    )
    assert "it leads to https://localhost/" in refused(make("process_apps:make_django_for_tls()"))
