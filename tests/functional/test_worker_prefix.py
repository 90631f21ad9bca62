"""An application below a prefix (MOORING_URL_PREFIX): what it finds, what others get, and what is refused at start."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from support.worker import Answer, Client, Worker, worker

PREFIX = "/billing"
WARNINGS = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"}  # WebOb imports cgi
NOT_HERE = b"Nothing is served here: the application is below /billing/\n"


@pytest.fixture(scope="module", params=["django", "pecan"])
def framed(request: pytest.FixtureRequest) -> Iterator[Worker]:
    application = f"worker_frameworks:make_{request.param}()"
    one = Worker(application, framework=request.param, url_prefix=PREFIX, smoke_path=f"{PREFIX}/")
    try:
        yield one.start(env=WARNINGS)
    finally:
        one.stop()


@pytest.fixture(scope="module")
def plain() -> Iterator[Worker]:
    with worker("worker_apps:show_environ", url_prefix=PREFIX, smoke_path=f"{PREFIX}?x=/y") as one:
        yield one


@pytest.fixture
def client(plain: Worker) -> Iterator[Client]:
    with plain.client() as connected:
        yield connected


def ask(client: Client, target: str, method: str = "GET", fields: str = "") -> Answer:
    request = f"{method} {target} HTTP/1.1\r\nHost: a.example:80\r\n{fields}\r\n"
    return client.ask(request.encode("latin-1"), to_head=method == "HEAD")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/billing", "", ""),
        ("/billing?a=b", "", "a=b"),
        ("/billing/", "/", ""),
        ("/billing/x?a=%2F", "/x", "a=%2F"),
        ("/billing//x", "//x", ""),
        ("/billing/billing/x", "/billing/x", ""),
        ("/%62illing/x%20y", "/x y", ""),
        ("/billing%2Fx", "/x", ""),
        ("/billing/../x", "/../x", ""),
        ("/billing/caf%C3%A9", "/caf\xc3\xa9", ""),
        ("http://b/billing/x", "/x", ""),
    ],
)
def test_below_it(client: Client, target: str, path: str, query: str) -> None:
    found = json.loads(ask(client, target).body)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"], found["QUERY_STRING"]) == (PREFIX, path, query)
    assert found["REQUEST_URI"] == target


@pytest.mark.parametrize(
    "target",
    ["/", "/billin", "/billings", "/billing.x", "/Billing/x", "//billing/x", "/x/billing", "/x/../billing/x", "/?/billing/",
     "/%2Fbilling/x", "/billing%00/x", "/billing;a/x", "http://billing/x", "/./billing/x"],
)  # fmt: skip
def test_elsewhere_the_worker_answers(client: Client, target: str) -> None:
    for method, body in (("GET", NOT_HERE), ("HEAD", b""), ("DELETE", NOT_HERE)):
        answer = ask(client, target, method)
        assert (answer.status, answer.body) == (404, body)
        assert answer.field("Content-Type") == "text/plain; charset=utf-8"
    assert ask(client, "/billing/").status == 200


def test_a_body_that_goes_elsewhere_is_passed_over(client: Client) -> None:
    for fields, body in (
        ("Content-Length: 5\r\n", b"hello"),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ):
        client.send(f"POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() + body)
        answer = client.answer()
        assert answer is not None
        assert answer.status == 404
    assert ask(client, "/billing/").status == 200


def test_the_server_itself_is_asked_without_it(client: Client) -> None:
    assert ask(client, "*", "OPTIONS").status == 204


def test_no_field_changes_it() -> None:
    fields = "".join(
        f"{name}: /evil\r\n" for name in ("X-Script-Name", "X-Forwarded-Prefix", "Script-Name", "SCRIPT_NAME")
    )
    for prefix in ("", PREFIX):
        with worker(
            "worker_apps:show_environ",
            url_prefix=prefix,
            smoke_path=f"{prefix}/",
            trusted_proxies="127.0.0.1",
        ) as one:
            with one.client() as client:
                found = json.loads(ask(client, f"{prefix}/x", fields=fields).body)
            assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (prefix, "/x")
            assert found["HTTP_X_FORWARDED_PREFIX"] == "/evil"  # the application may know better


def test_the_frameworks_make_their_links_with_it(framed: Worker) -> None:
    with framed.client() as client:
        found = json.loads(ask(client, "/billing/where").body)
        assert found == {
            "SCRIPT_NAME": PREFIX, "PATH_INFO": "/where", "link": "/billing/form", "host": "a.example:80",
        }  # fmt: skip
        assert ask(client, "/billing/?x=%20y").body == b"GET /billing/?x=%20y http"
        assert ask(client, "/where").body == NOT_HERE


def test_the_prefix_itself_is_the_frameworks_first_page(framed: Worker) -> None:
    with framed.client() as client:
        answer = ask(client, "/billing")
        if framed.settings["framework"] == "django":
            assert (answer.status, answer.body) == (200, b"GET /billing/ http")
        else:  # Pecan's own way to a folder
            assert (answer.status, answer.field("Location")) == (302, "http://a.example/billing/")


def test_several_folders() -> None:
    prefix = "/a/b.c-d_e~f/1"
    with (
        worker("worker_apps:show_environ", url_prefix=prefix, smoke_path=prefix) as one,
        one.client() as client,
    ):
        assert json.loads(ask(client, f"{prefix}/x").body)["SCRIPT_NAME"] == prefix
        assert ask(client, "/a/b.c-d_e~f").status == 404


def test_a_wrong_prefix_is_refused_at_start() -> None:
    one = Worker(url_prefix="/billing/", smoke_path="/billing/")
    try:
        one.start(ready=False, stderr=subprocess.PIPE)
        said = one.process.communicate()[1].decode()
        assert one.process.returncode == 2
    finally:
        one.stop()
    assert "mooring worker: MOORING_URL_PREFIX is '/billing/'; allowed: folders of letters" in said
