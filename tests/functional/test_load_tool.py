"""The load generator reports exactly what went wrong: real servers that fail in one way each, real runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.places import REPOSITORY, SOURCES
from support.ports import free_port
from support.waiting import DEADLINE, until
from support.worker import APPS

SERVER = APPS / "load_server.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{REPOSITORY}/tools:{SOURCES}"}
GET = ("--get", "/", "--expect-body", "right")
POST = ("--post", "/count", "--expect-body", "%(id)s")
KEPT = ("--new", "0", "--kept", "3")
NEW = ("--new", "3", "--kept", "0")
BOUNDED = ("--max-requests", "120", "--duration", "60")
THRICE = "20,30,40"


@dataclass
class Run:
    """A run of the tool that has ended."""

    status: int
    folder: Path
    summary: dict[str, Any]

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "failures.jsonl").read_text().splitlines()]


class Bench:
    """Starts servers and the tool in one folder, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count_file = folder / "counted"
        self.count_file.touch()
        self.out = folder / "out"
        self.control = self.out / "control.sock"
        self._processes: list[subprocess.Popen[str]] = []

    def serve(self, *words: str) -> str:
        """Start a server; return its URL."""
        return f"http://127.0.0.1:{self.start(str(SERVER), '--count-file', str(self.count_file), *words)[1]}"

    def start(self, *words: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        """Start a Python program in a session of its own; return it and the line that it says when it is ready."""
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT | environment,
            start_new_session=True,
        )
        self._processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def load(self, url: str, *words: str, counted: bool = True) -> Run:
        """Run the tool to its end."""
        count = ("--count-file", str(self.count_file)) if counted else ()
        ended = tool("run", "--url", url, "--out", str(self.out), "--quiet", *count, *words)
        assert ended.returncode in (0, 1), ended.stderr
        assert ended.stderr == ""
        return Run(ended.returncode, self.out, json.loads((self.out / "summary.json").read_text()))

    def begin(self, url: str, *words: str) -> subprocess.Popen[str]:
        """Start the tool and leave it running."""
        command = [
            sys.executable,
            "-m",
            "mooring_load",
            "run",
            "--url",
            url,
            "--out",
            str(self.out),
            "--quiet",
        ]
        process = subprocess.Popen([*command, "--until-stopped", *words], env=ENVIRONMENT, text=True)
        self._processes.append(process)
        return process

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return tool(words[0], "--control", str(self.control), "--wait", str(DEADLINE), *words[1:])

    def state(self) -> dict[str, Any]:
        answer = self.ask("status")
        assert answer.returncode == 0, answer.stderr
        return dict(json.loads(answer.stdout))

    def stop(self) -> Run:
        answer = self.ask("stop")
        assert answer.stdout, answer.stderr
        return Run(answer.returncode, self.out, json.loads((self.out / "summary.json").read_text()))

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if os.getpgid(process.pid) == process.pid else os.kill)(
                    process.pid, signal.SIGKILL
                )
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mooring_load", *words]
    return subprocess.run(
        command, env=ENVIRONMENT, text=True, capture_output=True, timeout=2 * DEADLINE, check=False
    )


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    bench = Bench(folder)
    yield bench
    bench.close()


@pytest.mark.parametrize("fault", ["", "interim", "chunked", "without_length"])
def test_a_clean_server_gives_zero(bench: Bench, fault: str) -> None:
    run = bench.load(
        bench.serve("--fault", fault, "--on", THRICE),
        *GET,
        *POST,
        "--max-requests",
        "600",
        "--duration",
        "60",
    )
    assert run.status == 0
    assert run.failures == []
    assert (run.summary["requests"], run.summary["failed"], run.summary["refused"]) == (600, 0, 0)
    ledger = run.summary["ledger"]
    posts = (
        run.summary["by_request"]["POST /count (new)"]["requests"]
        + run.summary["by_request"]["POST /count (kept)"]["requests"]
    )
    assert (ledger["posts"], ledger["counted"], ledger["lost"], ledger["doubled"]) == (posts, posts, 0, 0)
    assert run.summary["connections"]["new"] == sum(
        counts["requests"] for name, counts in run.summary["by_request"].items() if name.endswith("(new)")
    )


CLASSES = [
    ("reset_before", KEPT, "reset", "response"),
    ("reset_before", NEW, "reset", "response"),
    ("reset_middle", KEPT, "reset", "body"),
    ("reset_middle", NEW, "reset", "body"),
    ("close_unanswered", KEPT, "closed_idle", "response"),
    ("close_unanswered", NEW, "closed", "response"),
    ("short", KEPT, "short", "body"),
    ("short", NEW, "short", "body"),
    ("short_head", KEPT, "short", "body"),
    ("twice", KEPT, "unasked", "body"),
    ("twice", NEW, "unasked", "body"),
    ("twice_late", NEW, "unasked", "body"),
    ("garbage", KEPT, "malformed", "body"),
    ("status", KEPT, "status", "body"),
    ("status", NEW, "status", "body"),
    ("body", KEPT, "body", "body"),
    ("stall", KEPT, "timeout", "response"),
    ("stall", NEW, "timeout", "response"),
    ("stall_middle", KEPT, "timeout", "body"),
]


@pytest.mark.parametrize(("fault", "clients", "failure", "phase"), CLASSES)
def test_a_failure_is_of_its_class_and_none_is_missing(
    bench: Bench, fault: str, clients: tuple[str, ...], failure: str, phase: str
) -> None:
    timeout = "1" if failure == "timeout" else str(DEADLINE)
    run = bench.load(
        bench.serve("--fault", fault, "--on", THRICE),
        *(*GET, *POST, *clients, *BOUNDED, "--timeout", timeout),
    )
    assert run.status == 1
    assert run.summary["failures"] == {failure: 3}
    assert (run.summary["requests"], run.summary["failed"]) == (120, 3)
    for line in run.failures:
        assert (line["failure"], line["phase"], line["sent"]) == (failure, phase, True)
        assert line["connection"] == ("kept" if clients is KEPT else "new")
        assert 0 < line["local_port"] < 65536
        assert line["id"].startswith(run.summary["run"])
        if failure in ("closed", "closed_idle"):
            assert (line["responses_before"] > 0) == (failure == "closed_idle")
    assert len({line["id"] for line in run.failures}) == 3


def test_refused(bench: Bench) -> None:
    run = bench.load(
        f"http://127.0.0.1:{free_port()}", *GET, *POST, "--max-requests", "60", "--duration", "60"
    )
    assert run.status == 1
    assert run.summary["failures"] == {"refused": 60}
    assert run.summary["refused"] == 60
    assert {(line["phase"], line["sent"]) for line in run.failures} == {("connect", False)}
    assert {line["connection"] for line in run.failures} == {"new", "kept"}
    # Nothing was sent, so nothing can have been lost.
    assert (run.summary["ledger"]["lost"], run.summary["ledger"]["unanswered"]) == (0, 0)


def test_a_full_backlog_is_a_timeout_of_connecting(bench: Bench) -> None:
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        run = bench.load(url, *GET, *NEW, "--max-requests", "3", "--duration", "60", "--timeout", "1")
    assert run.summary["failures"] == {"timeout": 3}
    assert {(line["phase"], line["sent"]) for line in run.failures} == {("connect", False)}


def test_a_missing_unix_socket_is_refused(bench: Bench) -> None:
    missing = str(bench.folder / "missing.sock")
    run = bench.load(
        "http://localhost", "--unix-socket", missing, *GET, "--max-requests", "5", "--duration", "60"
    )
    assert run.summary["failures"] == {"refused": 5}
    assert {line["detail"] for line in run.failures} == {"ENOENT: No such file or directory"}


def test_a_unix_socket(bench: Bench) -> None:
    path = str(bench.folder / "server.sock")
    bench.serve("--unix", path, "--fault", "close_unanswered", "--on", THRICE)
    run = bench.load(
        "http://localhost",
        "--unix-socket",
        path,
        *GET,
        *POST,
        *KEPT,
        *BOUNDED,
    )
    assert run.summary["failures"] == {"closed_idle": 3}


@pytest.mark.parametrize(("fault", "how"), [("close_after", "eof"), ("announce_close", "announced")])
def test_a_connection_that_ends_between_responses_fails_nothing(bench: Bench, fault: str, how: str) -> None:
    run = bench.load(
        bench.serve("--fault", fault, "--on", THRICE),
        *GET,
        *POST,
        *KEPT,
        *BOUNDED,
    )
    assert run.status == 0
    assert run.summary["closed_between_responses"] == {"announced": 0, "eof": 0, "reset": 0} | {how: 3}
    assert run.summary["connections"] == {"kept": 6}


def test_an_answer_that_comes_unasked_on_an_idle_connection(bench: Bench) -> None:
    url = bench.serve("--fault", "twice_late", "--on", "1")
    bench.begin(url, *POST, "--new", "0", "--kept", "1", "--kept-pause", "3600000")
    until(lambda: bench.state()["failed"], "the second answer is noticed while the client sends nothing")
    run = bench.stop()
    assert run.summary["failures"] == {"unasked": 1}
    assert (run.summary["requests"], run.failures[0]["id"]) == (1, f"{run.summary['run']}-1")


def test_an_idempotent_request_is_repeated_once_if_the_user_wants_that(bench: Bench) -> None:
    url = bench.serve("--fault", "close_unanswered", "--on", THRICE)
    words = (*KEPT, *BOUNDED, "--retry-idle")
    run = bench.load(url, *GET, *words)
    assert run.status == 0
    assert (run.summary["failed"], run.summary["retried"]) == (0, 3)


def test_a_post_is_never_repeated(bench: Bench) -> None:
    url = bench.serve("--fault", "close_unanswered", "--on", THRICE)
    run = bench.load(url, *POST, *KEPT, *BOUNDED, "--retry-idle")
    assert run.summary["failures"] == {"closed_idle": 3}
    assert run.summary["retried"] == 0


LEDGERS = [
    ("lose", 0, {"answered_not_counted": 3, "lost": 3, "doubled": 0, "unanswered": 0}),
    ("double", 0, {"answered_not_counted": 0, "lost": 0, "doubled": 3, "unanswered": 0}),
    ("close_unanswered", 3, {"unanswered": 3, "unanswered_but_counted": 0, "lost": 3, "doubled": 0}),
    ("count_and_close", 3, {"unanswered": 3, "unanswered_but_counted": 3, "lost": 3, "doubled": 0}),
    ("reset_middle", 3, {"unanswered": 3, "unanswered_but_counted": 0, "lost": 3, "doubled": 0}),
    ("status", 3, {"unanswered": 0, "answered_not_counted": 0, "lost": 0, "doubled": 0}),
]


@pytest.mark.parametrize(("fault", "failed", "expected"), LEDGERS)
def test_what_was_lost_and_what_was_done_twice(
    bench: Bench, fault: str, failed: int, expected: dict[str, int]
) -> None:
    run = bench.load(
        bench.serve("--fault", fault, "--on", THRICE),
        *POST,
        *KEPT,
        *BOUNDED,
    )
    assert run.status == 1
    assert run.summary["failed"] == failed
    ledger = run.summary["ledger"]
    assert ledger["posts"] == 120
    assert {name: ledger[name] for name in expected} == expected
    counted = bench.count_file.read_text().split()
    for identifier in ledger["examples"]["doubled"]:
        assert counted.count(identifier) == 2
    for identifier in ledger["examples"]["answered_not_counted"]:
        assert identifier not in counted


def test_the_count_is_compared_later_and_other_runs_are_left_out(bench: Bench) -> None:
    url = bench.serve("--fault", "double", "--on", THRICE)
    words = (*POST, *KEPT, "--max-requests", "60", "--duration", "60")
    assert bench.load(url, *words, counted=False).status == 0
    run = bench.load(url, *words, counted=False)
    assert "ledger" not in run.summary
    with bench.count_file.open("a") as file:
        file.write(f"{run.summary['run']}-999999\n")
    verified = tool("verify", str(bench.out), "--count-file", str(bench.count_file))
    assert verified.returncode == 1
    ledger = json.loads(verified.stdout)
    assert (ledger["posts"], ledger["counted"], ledger["lost"], ledger["doubled"]) == (60, 60, 0, 0)
    assert (ledger["lines_of_other_runs"], ledger["counted_but_never_sent"]) == (63, 1)


def test_a_large_body_goes_out_in_parts(bench: Bench) -> None:
    body = '{"id": "%(id)s", "filler": "' + "x" * 100_000 + '"}'
    many = (*POST, "--post-body-template", body, *KEPT, "--max-requests", "60", "--duration", "60")
    run = bench.load(bench.serve("--delay", "0.01"), *many)
    assert run.status == 0
    assert run.summary["ledger"]["counted"] == 60


def test_a_worker_that_is_killed_without_a_drain_shows(bench: Bench) -> None:
    """Two processes share the socket; the one that dies holds kept connections with requests on them."""
    url = bench.serve("--processes", "2", "--delay", "0.02")
    bench.begin(url, *GET, *POST, "--new", "2", "--kept", "8", "--count-file", str(bench.count_file))
    until(lambda: bench.state()["requests"] > 200, "traffic flows")
    answered = bench.state()["answered_by"]
    worker = max(answered, key=answered.get)
    kill = bench.ask("during", "kill a worker", "--", "kill", "-KILL", worker)
    assert kill.returncode == 0, kill.stderr
    seen = bench.state()["requests"]
    until(lambda: bench.state()["requests"] > seen + 200, "traffic goes on")
    run = bench.stop()
    assert run.status == 1
    assert run.summary["failed"] >= 1
    assert set(run.summary["failures"]) <= {"closed_idle", "closed", "reset"}
    assert worker in {line["holder"] for line in run.failures}
    (operation,) = run.summary["operations"]
    assert (operation["name"], operation["failed"]) == ("kill a worker", run.summary["failed"])
    assert run.summary["failures_outside_operations"] == {}
    posts = [line for line in run.failures if line["request"].startswith("POST")]
    assert run.summary["ledger"]["unanswered"] == operation["lost"] == len(posts)


def test_a_stall_delays_all_requests_that_were_due_in_it(bench: Bench) -> None:
    """One of 100 requests takes a second; at 100 requests/s those that were due meanwhile count from then."""
    url = bench.serve("--fault", "slow", "--on", "10")
    words = ("--new", "0", "--kept", "1", "--max-requests", "60", "--duration", "60")
    closed = bench.load(url, *GET, *words)
    assert closed.summary["longest_pause_ms"] >= 1000
    due = bench.load(bench.serve("--fault", "slow", "--on", "10"), *GET, *words, "--rate", "100")
    assert due.summary["p50_ms"] >= 400


def test_marks(bench: Bench) -> None:
    url = bench.serve()
    load = bench.begin(url, *GET, *KEPT)
    assert bench.ask("mark", "rolling restart", "start").returncode == 0
    assert bench.state()["operations"] == ["rolling restart"]
    again = bench.ask("mark", "rolling restart", "start")
    assert again.returncode == 1
    assert "operation 'rolling restart' was started and not ended" in again.stderr
    other = bench.ask("mark", "reload", "end")
    assert other.returncode == 1
    assert "operation 'reload' is not going on (going on: rolling restart)" in other.stderr
    assert bench.ask("mark", "rolling restart", "end").returncode == 0
    failing = bench.ask("during", "deploy", "--", "sh", "-c", "exit 7")
    assert failing.returncode == 7
    assert bench.ask("mark", "left open", "start").returncode == 0
    before = bench.state()["requests"]
    until(lambda: bench.state()["requests"] > before, "traffic flows in the operation")
    load.send_signal(signal.SIGTERM)
    assert load.wait(DEADLINE) == 0
    summary = json.loads((bench.out / "summary.json").read_text())
    marked = [(operation["name"], operation["unfinished"]) for operation in summary["operations"]]
    assert marked == [("rolling restart", False), ("deploy", False), ("left open", True)]
    assert summary["operations"][2]["requests"] > 0
    assert not bench.control.exists()
    rows = [json.loads(line) for line in (bench.out / "timeline.jsonl").read_text().splitlines()]
    assert sum(row["requests"] for row in rows) == summary["requests"]
    assert {name for row in rows for name in row["operations"]} == {"rolling restart", "deploy", "left open"}
    for earlier, later in itertools.pairwise(rows):
        assert later["t"] == pytest.approx(earlier["t"] + earlier["span"], abs=0.001)
    assert (
        "no load generator listens" in tool("mark", "--control", str(bench.control), "late", "start").stderr
    )


def test_it_ends_with_its_operator(bench: Bench) -> None:
    operator, _ = bench.start("-c", "import signal; print('here', flush=True); signal.pause()")
    load = bench.begin(bench.serve(), *GET, "--end-with", str(operator.pid))
    until(lambda: bench.state()["requests"], "traffic flows")
    operator.kill()  # and not reaped yet: it is a zombie
    assert load.wait(DEADLINE) == 0
    assert json.loads((bench.out / "summary.json").read_text())["requests"] > 0
    assert not bench.control.exists()
    gone = bench.begin(bench.serve(), *GET, "--end-with", str(_ended()))
    assert gone.wait(DEADLINE) == 0


def _ended() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid


def test_a_run_leaves_another_run_s_folder_alone(bench: Bench) -> None:
    url = bench.serve()
    bench.begin(url, *GET)
    until(lambda: bench.state()["requests"], "traffic flows")
    second = tool("run", "--url", url, *GET, "--out", str(bench.out), "--duration", "1")
    assert (second.returncode, second.stdout) == (2, "")
    assert "another run writes there" in second.stderr
    other = str(bench.folder / "other")
    third = tool(
        "run", "--url", url, *GET, "--out", other, "--control", str(bench.control), "--duration", "1"
    )
    assert "another run listens there" in third.stderr
    assert bench.stop().status == 0


@pytest.fixture
def certified(folder: Path) -> tuple[Authority, tuple[str, str, str]]:
    """Return an authority, and how to have load_server.py show a certificate of it."""
    authority = Authority(folder, "authority")
    certificate, key = authority.sign("server")
    return authority, ("--tls", str(certificate), str(key))


@pytest.mark.parametrize(
    ("fault", "failures"),
    [
        ("", {}),
        ("chunked", {}),
        ("without_length", {}),
        ("close_unanswered", {"closed_idle": 3}),
        ("short", {"short": 3}),
        ("twice", {"unasked": 3}),
    ],
)
def test_over_tls(
    bench: Bench, certified: tuple[Authority, tuple[str, ...]], fault: str, failures: dict[str, int]
) -> None:
    authority, shown = certified
    url = bench.serve("--fault", fault, "--on", THRICE, *shown).replace("http:", "https:")
    words = (*GET, *POST, *KEPT, "--tls-ca", str(authority.path), *BOUNDED)
    run = bench.load(url, *words)
    assert run.summary["failures"] == failures
    assert run.summary["requests"] == 120


def test_a_large_body_over_tls(bench: Bench, certified: tuple[Authority, tuple[str, ...]]) -> None:
    authority, shown = certified
    url = bench.serve(*shown).replace("http:", "https:")
    body = '{"id": "%(id)s", "filler": "' + "x" * 100_000 + '"}'
    many = (*POST, "--post-body-template", body, *KEPT, "--max-requests", "30", "--duration", "60")
    assert bench.load(url, *many, "--tls-ca", str(authority.path)).status == 0


def test_who_is_not_trusted_is_not_spoken_to(
    bench: Bench, certified: tuple[Authority, tuple[str, ...]]
) -> None:
    _, shown = certified
    url = bench.serve(*shown).replace("http:", "https:")
    few = (*GET, "--max-requests", "3", "--duration", "60")
    run = bench.load(url, *few)
    assert run.summary["failures"] == {"unreachable": 3}
    assert {line["detail"] for line in run.failures} == {"TLS: CERTIFICATE_VERIFY_FAILED"}
    assert bench.load(url, *few, "--insecure").status == 0


def test_reports(bench: Bench) -> None:
    url = bench.serve("--fault", "reset_before", "--on", "20", "--delay", "0.005")
    bench.begin(url, *GET, *POST, "--count-file", str(bench.count_file))
    assert bench.ask("mark", "<switch> & co", "start").returncode == 0
    until(lambda: bench.state()["failed"], "the fault comes")
    bench.ask("mark", "<switch> & co", "end")
    assert bench.stop().status == 1
    page = bench.folder / "report.html"
    shown = tool("report", str(bench.out), "--html", str(page))
    assert shown.returncode == 1
    assert "<switch> & co" in shown.stdout
    assert "reset (response)" in shown.stdout
    html = page.read_text()
    assert "&lt;switch&gt; &amp; co" in html
    assert "<switch>" not in html
    assert '<path class="line p99" d="M' in html
    assert '<rect class="failed"' in html
    assert "http" not in html.replace(url, "")  # self-contained: nothing is fetched
    summary = tool("report", str(bench.out), "--json")
    assert json.loads(summary.stdout)["failures"] == {"reset": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--url", "ftp://localhost"), "want http://host[:port][/base], or https://"),
        (("--url", "https://localhost", "--tls-ca", "/nowhere"), "--tls-ca /nowhere: No such file"),
        (("--url", "http://localhost", "--get", "/", "--end-with", "0"), "--end-with 0: want a process id"),
        (("--url", "http://192.0.2.300"), "cannot resolve"),
        (
            ("--url", "http://8.8.8.8"),
            "is a public address. If the machine is yours, say so: --allow 8.8.8.8",
        ),
        (("--url", "http://localhost", "--expect-same"), "put it behind --get PATH or --post PATH"),
        (("--url", "http://localhost", "--get", "x"), "want a path that starts with /"),
        (
            ("--url", "http://localhost", "--post", "/", "--post-body-template", "100%"),
            "%% for a percent sign",
        ),
        (("--url", "http://localhost", "--get", "/", "--expect-sha256", "abc"), "want 64 hexadecimal digits"),
        (("--url", "http://localhost", "--get", "/", "--header", "a b: c"), "want one header field"),
        (("--url", "http://localhost"), "say what to send"),
        (
            ("--url", "http://localhost", "--get", "/", "--new", "0", "--kept", "0"),
            "nobody would send anything",
        ),
        (("--url", "http://localhost", "--get", "/", "--control", "/" + "x" * 107), "at most 107 bytes"),
    ],
)
def test_a_wrong_option_is_named(folder: Path, words: tuple[str, ...], message: str) -> None:
    ended = tool("run", "--out", str(folder / "out"), "--duration", "1", *words)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert not (folder / "out").exists()


def test_the_host_field_may_be_another_than_the_url_s(bench: Bench) -> None:
    code = """
from wsgiref.simple_server import WSGIRequestHandler, make_server

def application(environ, start_response):
    start_response("200 OK", [])
    return [environ["HTTP_HOST"].encode()]

WSGIRequestHandler.log_message = lambda *words: None
server = make_server("127.0.0.1", 0, application)
print(server.server_port, flush=True)
server.serve_forever()
"""
    url = f"http://127.0.0.1:{bench.start('-c', code)[1]}"
    there = ("--get", "/", "--expect-body", "site.example:8", *BOUNDED, *NEW)
    assert bench.load(url, "--host", "site.example:8", *there, counted=False).status == 0
    assert bench.load(url, *there, counted=False).summary["failures"].keys() == {"body"}


def test_the_counting_application_behind_a_wsgi_server(bench: Bench) -> None:
    """wsgiref closes after each response (HTTP/1.0), so no connection is kept, and nothing fails by that."""
    code = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from mooring_load.app import application
WSGIRequestHandler.log_message = lambda *words: None
server = make_server("127.0.0.1", 0, application)
print(server.server_port, flush=True)
server.serve_forever()
"""
    process, port = bench.start("-c", code, LOAD_COUNT_FILE=str(bench.count_file), MOORING_RELEASE="r1")
    run = bench.load(f"http://127.0.0.1:{port}", "--counting", "--max-requests", "200", "--duration", "60")
    assert run.status == 0
    assert run.summary["ledger"]["counted"] == run.summary["ledger"]["posts"] > 0
    assert run.summary["answered_by"] == {f"{process.pid}/r1": 200}
